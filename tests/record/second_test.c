/* WRAP: write pwrite fdatasync proc_boot_id file_volatile */
#include "tests/record/kit.h"

#include "base/clock.h"
#include "base/proc.h"
#include "base/who.h"

/* ---- a disk that fills up at any byte, a sync that fails ---------------------- */

static struct {
	ino_t ino;
	int64_t limit;			/* the file's greatest size */
} full[2];				/* the first journal, the second */
static struct {
	ino_t ino;
	int times;
} bad_sync;
static int64_t lowest_pwrite;

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
int __real_fdatasync(int fd);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
int __wrap_fdatasync(int fd);

static size_t
allowed(const struct stat *st, int64_t at, size_t n)
{
	for (int i = 0; i < 2; i++) {
		int64_t room = full[i].limit - at;

		if (full[i].ino == st->st_ino && room < (int64_t)n)
			return room > 0 ? (size_t)room : 0;
	}
	return n;
}

static ssize_t
nothing_left(void)
{
	errno = ENOSPC;
	return -1;
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	struct stat st;
	size_t can = n;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		can = allowed(&st, st.st_size, n);
	return can == 0 && n > 0 ? nothing_left() : __real_write(fd, p, can);
}

ssize_t
__wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct stat st;
	size_t can = n;

	if (fstat(fd, &st) == 0)
		can = allowed(&st, at, n);
	if (lowest_pwrite < 0 || at < lowest_pwrite)
		lowest_pwrite = at;
	return can == 0 && n > 0 ? nothing_left() :
	    __real_pwrite(fd, p, can, at);
}

int
__wrap_fdatasync(int fd)
{
	struct stat st;

	if (bad_sync.times > 0 && fstat(fd, &st) == 0 &&
	    st.st_ino == bad_sync.ino) {
		bad_sync.times--;
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

/* ---- a host that is started again, and disks that forget ------------------- */

static int boots;
static bool in_memory;

const char *__wrap_proc_boot_id(void);
bool __wrap_file_volatile(int fd);

const char *
__wrap_proc_boot_id(void)
{
	static char id[40];

	(void)snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", boots);
	return id;
}

bool
__wrap_file_volatile(int fd)
{
	(void)fd;
	return in_memory;
}

static void
all_is_well(void)
{
	memset(full, 0, sizeof full);
	memset(&bad_sync, 0, sizeof bad_sync);
	lowest_pwrite = -1;
}

static int64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static ino_t
inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void
fill_up(int i, const char *path, int64_t room)
{
	full[i].ino = inode_of(path);
	full[i].limit = size_of(path) + room;
}

/* ---- two journals ---------------------------------------------------------- */

static char second_dir[64];

/* A directory on another file system than the test's; "" when there is none. */
static int
set_up(void **state)
{
	static const char *const places[] = { "/dev/shm", "/var/tmp", "/run" };
	struct stat here, there;

	(void)state;
	assert_int_equal(stat(test_dir(), &here), 0);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (stat(places[i], &there) != 0 || there.st_dev == here.st_dev)
			continue;
		(void)snprintf(second_dir, sizeof second_dir, "%s/second.XXXXXX",
		    places[i]);
		if (mkdtemp(second_dir) != NULL)
			return 0;
	}
	second_dir[0] = '\0';
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (second_dir[0] != '\0')
		(void)file_remove_tree(second_dir, NULL);
	return 0;
}

static void
choose(struct journal *j)
{
	const char *dir = second_dir;
	struct err e = ERR_INIT;

	if (!journal_choose_second(j, &dir, 1, "journal.jsonl", &e))
		fail_msg("%s", e.msg);
	assert_int_equal(strncmp(j->second.path, dir, strlen(dir)), 0);
}

/* Two notes, and a second journal; open in j. */
static const char *
two_journals(struct journal *j)
{
	const char *path;

	all_is_well();
	(void)file_remove_tree(second_dir, NULL);
	assert_int_equal(mkdir(second_dir, 0700), 0);
	path = journal_of("first", 2);
	open_journal(j, path);
	choose(j);
	return path;
}

/* An event that was never acknowledged, cut off. */
static void
tear(struct journal *j, const char *path)
{
	char *copy = xstrdup(path);

	(void)note(j, "never acknowledged");
	journal_close(j);
	assert_int_equal(truncate(copy, size_of(copy) - 333), 0);
	open_journal(j, copy);
	free(copy);
}

#define NEEDS_TWO() do { \
	if (second_dir[0] == '\0') \
		test_skip("there is no second file system"); \
} while (0)

/* What people wrote, one behind the other. */
static void
on_note(void *ctx, const struct event *ev)
{
	struct buf *b = ctx;

	if (ev->kind == EVENT_NOTE)
		buf_printf(b, "%s ", ev->text);
}

static void
assert_notes(const char *path, const char *want)
{
	struct buf got = BUF_INIT;
	struct journal_verdict v;
	struct err e = ERR_INIT;
	struct journal j;

	journal_init(&j, on_note, &got);
	assert_true(journal_verify(&j, path, &v, &e));
	if (v.problems > 0)
		fail_msg("%s", j.scan.problems.v[0].text);
	assert_string_equal(got.p, want);
	buf_release(&got);
	journal_close(&j);
}

static void
assert_second_opinion(const struct journal *j, int64_t turn)
{
	if (turn % 16 == 0)
		assert_int_equal(second_opinion(j->path,
		    size_of(j->second.path) > 0 ? j->second.path : NULL), 0);
}

/* A batch of a short note, one of several lines, and a short one. */
struct batch {
	struct buf middle;
	struct draft d[3];
};

static void
make_batch(struct batch *b)
{
	memset(b, 0, sizeof *b);
	for (int i = 0; i < 1200; i++)
		buf_printf(&b->middle, "%06d ", i);
	b->d[0] = (struct draft){ .kind = EVENT_NOTE, .text = "first" };
	b->d[1] = (struct draft){ .kind = EVENT_NOTE, .text = b->middle.p };
	b->d[2] = (struct draft){ .kind = EVENT_NOTE, .text = "last" };
}

static void
free_batch(struct batch *b)
{
	buf_release(&b->middle);
}

/* As the notes read once the batch is there, without the parts' seams. */
static void
assert_batch(const char *path, const struct batch *b, const char *more)
{
	struct buf got = BUF_INIT, want = BUF_INIT;
	struct journal_verdict v;
	struct err e = ERR_INIT;
	struct journal j;

	journal_init(&j, on_note, &got);
	assert_true(journal_verify(&j, path, &v, &e));
	if (v.problems > 0)
		fail_msg("%s", j.scan.problems.v[0].text);
	buf_printf(&want, "note 1 note 2 first %s last %s", b->middle.p, more);
	size_t n = 0;
	for (size_t i = 0; i < got.n; i++)	/* seams are spaces too many */
		if (got.p[i] != ' ')
			got.p[n++] = got.p[i];
	buf_cut(&got, n);
	n = 0;
	for (size_t i = 0; i < want.n; i++)
		if (want.p[i] != ' ')
			want.p[n++] = want.p[i];
	buf_cut(&want, n);
	assert_string_equal(got.p, want.p);
	buf_release(&got);
	buf_release(&want);
	journal_close(&j);
}

static int64_t
stride(void)
{
	return soak() ? 7 : 199;
}

/* ---- the tests ---------------------------------------------------------------- */

/* Returns false when all of the batch still fitted into the first one. */
static bool
fills_up(const struct batch *b, bool torn, int64_t room)
{
	struct journal j, reader;
	struct err e = ERR_INIT;
	const char *path = two_journals(&j);
	char hash[SHA_HEX];
	int64_t seq;
	bool switched;

	if (torn)
		tear(&j, path);
	open_journal(&reader, path);
	fill_up(0, path, room);
	if (!journal_append(&j, b->d, 3, NULL, NULL, &seq, &e))
		fail_msg("room %d: %s", (int)room, e.msg);
	assert_batch(path, b, "");
	switched = size_of(j.second.path) > 0;
	assert_second_opinion(&j, room);
	assert_true(journal_poll(&reader, &e));
	fill_up(0, path, 0);
	assert_true(note(&j, "more") > seq);
	assert_batch(path, b, "more");
	seq = note(&reader, "others");
	assert_int_equal(seq, j.scan.seq + 1);

	memcpy(hash, reader.scan.hash, SHA_HEX);
	all_is_well();
	if (!journal_settle(&j, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(size_of(j.second.path), 0);
	assert_true(journal_has(&j, seq, hash));
	assert_batch(path, b, "more others");
	assert_second_opinion(&j, room);
	seq = note(&reader, "and on");
	assert_int_equal(seq, j.scan.seq + 1);
	assert_int_equal(reader.scan.problems.n, 0);
	assert_false(reader.second.in_use);
	assert_batch(path, b, "more others and on");
	journal_close(&reader);
	journal_close(&j);
	return switched;
}

static void
a_first_journal_that_fills_up_at_any_byte_is_gone_on_with_and_settled(void **state)
{
	struct batch b;

	(void)state;
	NEEDS_TWO();
	make_batch(&b);
	for (int torn = 0; torn < 2; torn++) {
		int64_t room = 0;

		while (fills_up(&b, torn, room))
			room += stride();
		assert_in_range(room, 9000, 20000);
	}
	free_batch(&b);
}

/* A first journal with a torn end, a second one with five notes. */
static const char *
torn_and_switched(struct journal *j, bool torn)
{
	const char *path = two_journals(j);
	struct buf text = BUF_INIT;

	if (torn)
		tear(j, path);
	fill_up(0, path, 0);
	buf_fill(&text, 'x', 1000);
	(void)note(j, "A");
	(void)note(j, text.p);
	(void)note(j, "B");
	(void)note(j, text.p);
	(void)note(j, "C");
	buf_release(&text);
	return path;
}

static void
settling_that_is_cut_off_at_any_byte_can_be_done_again(void **state)
{
	(void)state;
	NEEDS_TWO();
	for (int torn = 0; torn < 2; torn++)
		for (int64_t room = 0, end = 8000; room < end; room += stride()) {
			struct journal j, other;
			struct err e = ERR_INIT;
			const char *path = torn_and_switched(&j, torn);
			int64_t seq = j.scan.seq;

			fill_up(0, path, room);
			/* it may also end before the line that says so */
			if (journal_settle(&j, &e) && !j.second.in_use)
				end = room;
			struct journal_verdict v = assert_good(path);
			assert_true(v.last_seq >= seq);
			assert_second_opinion(&j, room);
			open_journal(&other, path);
			assert_true(note(&other, "meanwhile") > seq);
			assert_int_equal(other.scan.problems.n, 0);
			(void)assert_good(path);
			all_is_well();
			if (!journal_settle(&other, &e) && e.kind != ERR_NONE)
				fail_msg("%s", e.msg);
			assert_int_equal(size_of(other.second.path), 0);
			v = assert_good(path);
			/* the line about settling may have been cut off */
			assert_in_range(v.torn, torn, torn + 1);
			assert_int_equal(second_opinion(path, NULL), 0);
			(void)note(&j, "again");
			assert_int_equal(j.scan.problems.n, 0);
			journal_close(&other);
			journal_close(&j);
		}
}

static void
a_switch_that_is_cut_off_at_any_byte_is_refused_and_goes_on_later(void **state)
{
	struct draft d[2] = { { .kind = EVENT_NOTE, .text = "refused 1" },
	    { .kind = EVENT_NOTE, .text = "refused 2" } };

	(void)state;
	NEEDS_TWO();
	for (int torn = 0; torn < 2; torn++)
		for (int64_t room = 0; room < (torn ? 2048 : 1536);
		    room += stride()) {
			struct journal j, other;
			struct err e = ERR_INIT;
			const char *path = two_journals(&j);
			char what[256];

			if (torn)
				tear(&j, path);
			fill_up(0, path, 0);
			fill_up(1, j.second.path, room);
			assert_false(journal_append(&j, d, 2, NULL, NULL, NULL,
			    &e));
			assert_non_null(strstr(e.msg, "neither journal"));
			fill_up(1, j.second.path, 100000);
			open_journal(&other, path);
			(void)note(&other, "through");
			assert_int_equal(other.scan.problems.n, 0);
			(void)note(&j, "too");
			if (verdict_of(path, what).problems > 0)
				fail_msg("room %d, torn %d: %s", (int)room, torn, what);
			assert_second_opinion(&j, room);
			all_is_well();
			assert_true(journal_settle(&other, &e));
			assert_int_equal(assert_good(path).torn, torn);
			assert_int_equal(second_opinion(path, NULL), 0);
			journal_close(&other);
			journal_close(&j);
		}
}

/* The kernel forgets what it could not write: a restart shows less of it. */
static void
lines_whose_sync_failed_are_in_the_second_even_when_the_first_loses_them(
    void **state)
{
	(void)state;
	NEEDS_TWO();
	for (int64_t lost = 0; lost <= 1024; lost += stride()) {
		struct journal j, other;
		struct err e = ERR_INIT;
		const char *path = two_journals(&j);
		struct draft d[2] = { { .kind = EVENT_NOTE, .text = "A" },
		    { .kind = EVENT_NOTE, .text = "B" } };

		bad_sync.ino = inode_of(path);
		bad_sync.times = 1;
		assert_true(journal_append(&j, d, 2, NULL, NULL, NULL, &e));
		assert_notes(path, "note 1 note 2 A B ");
		assert_int_equal(truncate(path, size_of(path) - lost), 0);
		assert_notes(path, "note 1 note 2 A B ");
		assert_second_opinion(&j, lost);
		open_journal(&other, path);
		(void)note(&other, "C");
		lowest_pwrite = -1;
		assert_true(journal_settle(&other, &e));
		/* written again from the first line that was not synced */
		assert_int_equal(lowest_pwrite, 3 * 512);
		assert_notes(path, "note 1 note 2 A B C ");
		assert_int_equal(size_of(other.second.path), 0);
		assert_int_equal(second_opinion(path, NULL), 0);
		journal_close(&other);
		journal_close(&j);
	}
}

static void
after_a_failed_sync_without_a_second_journal_nothing_more_is_written(void **state)
{
	const char *path;
	struct draft d = { .kind = EVENT_NOTE, .text = "n" };
	struct err e = ERR_INIT;
	struct journal j;

	(void)state;
	all_is_well();
	path = journal_of("alone", 2);
	open_journal(&j, path);
	bad_sync.ino = inode_of(path);
	bad_sync.times = 1;
	assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
	assert_non_null(strstr(e.msg, "there is no second one"));
	int64_t size = size_of(path);
	err_clear(&e);
	assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
	assert_int_equal(size_of(path), size);
	journal_close(&j);
}

static void
a_full_disk_without_a_second_journal_refuses_until_there_is_room(void **state)
{
	const char *path;
	struct draft d = { .kind = EVENT_NOTE, .text = "n" };
	struct err e = ERR_INIT;
	struct journal j;

	(void)state;
	all_is_well();
	path = journal_of("alone", 2);
	open_journal(&j, path);
	for (int64_t room = 0; room < 512; room += 100) {
		fill_up(0, path, room);
		err_clear(&e);
		assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
		assert_int_equal(e.kind, ERR_SYS);
		assert_true(e.hint[0] != '\0');
		all_is_well();
		(void)note(&j, "room again");
		(void)assert_good(path);
	}
	assert_int_equal(second_opinion(path, NULL), 0);
	journal_close(&j);
}

/* The second one fills up at any byte, while the first could be written again. */
static void
an_append_that_the_second_journal_cut_off_is_never_there_twice(void **state)
{
	struct draft d[3] = { { .kind = EVENT_NOTE, .text = "A" },
	    { .kind = EVENT_NOTE, .text = "B" }, { .kind = EVENT_NOTE,
	    .text = "C" } };

	(void)state;
	NEEDS_TWO();
	for (int64_t room = 0; room <= 1536; room += stride()) {
		struct journal j;
		struct err e = ERR_INIT;
		const char *path = two_journals(&j);

		fill_up(0, path, 0);
		(void)note(&j, "switched");
		all_is_well();
		fill_up(1, j.second.path, room);
		if (journal_append(&j, d, 3, NULL, NULL, NULL, &e))
			assert_notes(path, "note 1 note 2 switched A B C ");
		all_is_well();
		assert_true(journal_settle(&j, &e) || e.kind != ERR_NONE);
		(void)note(&j, "end");
		(void)assert_good(path);
		assert_second_opinion(&j, room);
		journal_close(&j);
	}
}

/* Between two looks of a reader: settled, and begun again, as long as before. */
static void
a_second_journal_that_was_begun_again_is_read_from_its_start(void **state)
{
	struct journal j, idle;
	struct err e = ERR_INIT;
	const char *path;

	(void)state;
	NEEDS_TWO();
	path = two_journals(&j);
	fill_up(0, path, 0);
	(void)note(&j, "A");
	(void)note(&j, "B");
	open_journal(&idle, path);
	int64_t size = size_of(j.second.path);
	all_is_well();
	assert_true(journal_settle(&j, &e));
	fill_up(0, path, 0);
	(void)note(&j, "C");
	(void)note(&j, "D");
	assert_int_equal(size_of(j.second.path), size);
	int64_t seq = note(&idle, "E");
	assert_int_equal(seq, j.scan.seq + 1);
	assert_int_equal(idle.scan.problems.n, 0);
	assert_notes(path, "note 1 note 2 A B C D E ");
	assert_int_equal(second_opinion(path, j.second.path), 0);
	journal_close(&idle);
	journal_close(&j);
}

/* A reader without the lock, while two others switch and settle as fast as they
 * can, never sees a gap. */
static void
a_reader_without_the_lock_sees_no_gap_while_others_switch_and_settle(void **state)
{
	struct journal j, reader;
	struct err e = ERR_INIT;
	const char *path;
	int64_t polls = 0;
	pid_t pid;

	(void)state;
	NEEDS_TWO();
	path = two_journals(&j);
	pid = fork();
	if (pid == 0) {
		struct draft d = { .kind = EVENT_NOTE, .text = "on" };
		bool ok = true;

		for (int i = 0; ok && i < (soak() ? 3000 : 200); i++) {
			fill_up(0, path, i % 7 == 0 ? 100 : 0);
			ok = journal_append(&j, &d, 1, NULL, NULL, NULL, &e) &&
			    journal_append(&j, &d, 1, NULL, NULL, NULL, &e);
			all_is_well();
			ok = ok && journal_settle(&j, &e);
		}
		if (!ok)
			(void)fprintf(stderr, "%s\n", e.msg);
		_exit(!ok);
	}
	open_journal(&reader, path);
	int status = -1;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (!journal_poll(&reader, &e))
			fail_msg("%s", e.msg);
		if (reader.scan.problems.n > 0)
			fail_msg("line %d: %s",
			    (int)reader.scan.problems.v[0].line,
			    reader.scan.problems.v[0].text);
		polls++;
	}
	assert_int_equal(status, 0);
	assert_true(polls > 100);
	assert_true(journal_poll(&reader, &e));
	assert_int_equal(reader.scan.seq, assert_good(path).last_seq);
	journal_close(&reader);
	journal_close(&j);
}

static void
put_in_its_place(const char *path, int how)
{
	char *away = xprintf("%s.away", path);
	int fd;

	assert_int_equal(how == 0 ? link(path, away) : rename(path, away), 0);
	fd = how == 1 ? open(path, O_CREAT | O_WRONLY, 0660) : -1;
	if (how == 1)
		assert_int_equal(fchmod(fd, 0660), 0);
	if (how == 2)
		assert_int_equal(symlink(away, path), 0);
	if (how == 3)
		assert_int_equal(mkfifo(path, 0660), 0);
	if (how >= 4)
		assert_int_equal(rename(away, path), 0);
	if (how == 4)
		assert_int_equal(chmod(path, 0644), 0);
	if (how == 5)
		assert_int_equal(chown(path, (uid_t)-1, 65534), 0);
	if (how == 6)
		assert_int_equal(unlink(path), 0);
	if (fd >= 0)
		close(fd);
	free(away);
}

static void
what_stands_in_the_second_journals_place_is_not_written(void **state)
{
	static const char *const hows[] = { "a second name", "another file",
	    "a symbolic link", "a fifo", "another mode", "another group",
	    "nothing" };
	struct draft d = { .kind = EVENT_NOTE, .text = "n" };

	(void)state;
	NEEDS_TWO();
	for (int how = 0; how < 7; how++) {
		struct journal j, fresh;
		struct err e = ERR_INIT;
		const char *path = two_journals(&j);

		test_case(hows[how]);
		if (how == 5 && geteuid() != 0)
			continue;
		put_in_its_place(j.second.path, how);
		open_journal(&fresh, path);
		fill_up(0, path, 0);
		assert_false(journal_append(&fresh, &d, 1, NULL, NULL, NULL, &e));
		assert_non_null(strstr(e.msg, "neither journal can be written"));
		if (how < 6 && how != 3)
			assert_int_equal(size_of(j.second.path), 0);
		journal_close(&fresh);
		journal_close(&j);
	}
}

static void
the_second_journal_is_for_the_group_reserved_and_named_in_the_first(void **state)
{
	struct journal j;
	struct stat st;
	const char *path;
	char *sub;

	(void)state;
	NEEDS_TWO();
	path = two_journals(&j);
	assert_int_equal(stat(j.second.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, JOURNAL_MODE);
	assert_true(st.st_blocks * 512 >= JOURNAL_RESERVE);
	sub = xstrndup(j.second.path, (size_t)(strrchr(j.second.path, '/') -
	    j.second.path));
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02770);
	assert_int_equal(j.scan.seq, 3);
	journal_drop_second(&j);
	assert_int_equal(size_of(j.second.path), -1);
	assert_false(file_exists(sub));
	free(sub);
	journal_close(&j);
	(void)assert_good(path);
}

static void
a_second_journal_in_use_is_neither_dropped_nor_replaced(void **state)
{
	const char *dir = second_dir;
	struct err e = ERR_INIT;
	struct journal j;
	const char *path;

	(void)state;
	NEEDS_TWO();
	path = two_journals(&j);
	fill_up(0, path, 0);
	(void)note(&j, "A");
	journal_drop_second(&j);
	assert_true(size_of(j.second.path) > 0);
	assert_false(journal_choose_second(&j, &dir, 1, "journal.jsonl", &e));
	assert_int_equal(e.kind, ERR_BUSY);
	assert_notes(path, "note 1 note 2 A ");
	journal_close(&j);
}

static void
what_an_earlier_incident_left_is_not_in_the_way(void **state)
{
	struct journal j, again;
	const char *path;

	(void)state;
	NEEDS_TWO();
	path = two_journals(&j);
	char *old = xstrdup(j.second.path);
	open_journal(&again, path);
	choose(&again);
	assert_string_not_equal(again.second.path, old);
	assert_true(journal_poll(&j, NULL));
	assert_string_equal(again.second.path, j.second.path);
	free(old);
	journal_close(&again);
	journal_close(&j);
}

static void
a_second_journal_is_never_on_the_first_ones_file_system(void **state)
{
	const char *here = test_dir();
	struct err e = ERR_INIT;
	struct journal j;

	(void)state;
	all_is_well();
	open_journal(&j, journal_of("alone", 1));
	if (journal_choose_second(&j, &here, 1, "journal.jsonl", &e)) {
		assert_int_not_equal(strncmp(j.second.path, here,
		    strlen(here)), 0);
		journal_drop_second(&j);
	}
	journal_close(&j);
}

static void
settling_with_nothing_to_settle_does_nothing(void **state)
{
	struct err e = ERR_INIT;
	struct journal j;

	(void)state;
	NEEDS_TWO();
	(void)two_journals(&j);
	assert_true(journal_settle(&j, &e));
	assert_int_equal(j.scan.seq, 3);
	journal_close(&j);
}

/* ---- taken by a restart -------------------------------------------------------- */

/* A second journal in memory, with A and B in it when used; then a restart. The
 * first one ends with the line that names it, the third. */
static const char *
restarted(bool used, bool torn)
{
	struct journal j;
	const char *path;
	char *copy;

	in_memory = true;
	path = two_journals(&j);
	if (torn)
		tear(&j, path);
	copy = xstrdup(path);
	if (used) {
		fill_up(0, copy, 0);
		(void)note(&j, "A");
		(void)note(&j, "B");
	}
	journal_close(&j);
	all_is_well();
	assert_true(file_remove_tree(second_dir, NULL));
	assert_int_equal(mkdir(second_dir, 0700), 0);
	in_memory = false;
	boots++;
	path = test_path("first");
	assert_string_equal(path, copy);
	free(copy);
	return path;
}

static bool
marked(const char *path)
{
	char *mark = xprintf("%s.in-second", path);
	bool there = file_exists(mark);

	free(mark);
	return there;
}

static void
what_a_restart_took_from_memory_is_said_and_the_record_goes_on(void **state)
{
	(void)state;
	NEEDS_TWO();
	for (int torn = 0; torn < 2; torn++) {
		const char *path = restarted(true, torn);
		struct journal j, reader;
		struct journal_verdict v;
		struct err e = ERR_INIT;
		char what[256];

		v = verdict_of(path, what);
		assert_int_equal(v.problems, torn ? 2 : 1);
		if (!torn)
			assert_non_null(strstr(what, "a restart took them"));
		open_journal(&reader, path);
		assert_true(reader.second.missing && reader.second.gone);
		open_journal(&j, path);
		(void)note(&j, "C");
		assert_notes(path, "note 1 note 2 C ");
		v = assert_good(path);
		assert_true(v.lost && !v.second_used);
		assert_int_equal(second_opinion(path, NULL), 0);
		assert_false(marked(path));

		/* 4 says that it was begun; torn: 4 names the cut-off line */
		assert_int_equal(j.scan.losses.n, 1);
		assert_true(j.scan.losses.v[0].used);
		assert_int_equal(j.scan.losses.v[0].last_seq, 3);
		assert_int_equal(j.scan.losses.v[0].known_seq, torn ? 7 : 6);
		assert_int_equal(j.scan.losses.v[0].seq, torn ? 5 : 4);

		/* there is another, in the same place, and it is as good */
		assert_int_equal(strncmp(j.second.path, second_dir,
		    strlen(second_dir)), 0);
		fill_up(0, path, 0);
		(void)note(&reader, "D");
		(void)note(&j, "E");
		assert_true(size_of(j.second.path) > 0 && marked(path));
		assert_notes(path, "note 1 note 2 C D E ");
		all_is_well();
		assert_true(journal_settle(&j, &e));
		assert_notes(path, "note 1 note 2 C D E ");
		assert_int_equal(second_opinion(path, NULL), 0);
		assert_true(assert_good(path).lost);
		journal_close(&reader);
		journal_close(&j);
	}
}

static void
one_without_lines_that_a_restart_took_is_no_loss(void **state)
{
	const char *path;
	struct journal j;

	(void)state;
	NEEDS_TWO();
	path = restarted(false, false);
	assert_int_equal(assert_good(path).last_seq, 3);
	open_journal(&j, path);
	assert_false(j.second.missing);
	assert_true(j.second.gone);
	(void)note(&j, "C");
	assert_int_equal(j.scan.losses.n, 1);
	assert_false(j.scan.losses.v[0].used);
	assert_false(assert_good(path).lost);
	assert_non_null(j.second.path);
	assert_notes(path, "note 1 note 2 C ");
	assert_int_equal(second_opinion(path, NULL), 0);
	journal_close(&j);
}

/* Nothing of this is a proof that the lines are lost. */
static void
what_may_only_be_out_of_reach_stops_the_record(void **state)
{
	static const char *const cases[] = { "no restart", "not in memory",
	    "another host", "something in its place", "written in this boot" };
	struct draft d = { .kind = EVENT_NOTE, .text = "C" };
	struct who me, other;

	(void)state;
	NEEDS_TWO();
	me = other = *who_am_i();
	(void)snprintf(other.host, sizeof other.host, "elsewhere");
	for (int i = 0; i < 5; i++) {
		struct journal j, again;
		struct err e = ERR_INIT;
		const char *path;

		test_case(cases[i]);
		in_memory = i != 1;
		path = two_journals(&j);
		boots += i == 4;	/* the mark is of after the restart */
		fill_up(0, path, 0);
		(void)note(&j, "A");
		char *away = xprintf("%s.away", second_dir);
		assert_int_equal(rename(second_dir, away), 0);
		if (i == 3) {
			char *sub = xstrndup(j.second.path, (size_t)
			    (strrchr(j.second.path, '/') - j.second.path));

			assert_true(file_mkdirs(sub, 0700, &e));
			spill(j.second.path, "x", 1);
			free(sub);
		}
		journal_close(&j);
		all_is_well();
		boots += i != 0 && i != 4;
		who_fake(i == 2 ? &other : &me);
		open_journal(&j, path);
		assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
		assert_non_null(strstr(e.msg, "cannot be read now"));
		const char *dir = test_dir();
		assert_false(journal_choose_second(&j, &dir, 1, "x", &e));
		journal_close(&j);
		who_fake(&me);

		/* and when it is in reach again, nothing is lost */
		(void)file_remove_tree(second_dir, NULL);
		assert_int_equal(rename(away, second_dir), 0);
		open_journal(&again, path);
		(void)note(&again, "D");
		assert_notes(path, "note 1 note 2 A D ");
		journal_close(&again);
		free(away);
	}
	in_memory = false;
}

static void
saying_what_is_lost_can_be_cut_off_at_any_byte(void **state)
{
	(void)state;
	NEEDS_TWO();
	for (int64_t room = 0; room < 1024; room += stride()) {
		const char *path = restarted(true, room % 2 == 0);
		struct draft d = { .kind = EVENT_NOTE, .text = "C" };
		struct journal j, other;
		struct err e = ERR_INIT;

		open_journal(&j, path);
		fill_up(0, path, room);
		assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
		assert_true(marked(path));
		all_is_well();
		open_journal(&other, path);
		(void)note(&other, "D");
		(void)note(&j, "E");
		assert_notes(path, "note 1 note 2 D E ");
		assert_true(assert_good(path).lost);
		assert_int_equal(j.scan.losses.n, 1);
		assert_false(marked(path));
		assert_second_opinion(&j, room);
		journal_close(&other);
		journal_close(&j);
	}
}

static void
die_once_synced(enum journal_phase now)
{
	if (now == JOURNAL_SYNCED)
		_exit(0);
}

static void
whoever_is_killed_behind_the_line_about_a_loss_leaves_no_harm(void **state)
{
	const char *path;
	struct journal j;
	pid_t pid;
	int status;

	(void)state;
	NEEDS_TWO();
	path = restarted(true, false);
	pid = fork();
	if (pid == 0) {
		open_journal(&j, path);
		j.phase = die_once_synced;
		(void)note(&j, "never");
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(marked(path));
	open_journal(&j, path);
	assert_null(j.second.path);
	assert_false(j.second.missing || j.second.gone);
	(void)note(&j, "C");
	choose(&j);
	assert_false(marked(path));
	fill_up(0, path, 0);
	(void)note(&j, "D");
	assert_true(marked(path));
	assert_notes(path, "note 1 note 2 C D ");
	assert_int_equal(j.scan.losses.n, 1);
	all_is_well();
	journal_close(&j);
}

static void
a_loss_that_cannot_have_been_is_a_problem_for_both_readers(void **state)
{
	static const char *const cases[] = { "right", "not in memory",
	    "the same start", "another line", "another hash", "twice" };

	(void)state;
	NEEDS_TWO();
	for (int i = 0; i < 6; i++) {
		struct journal j;
		struct err e = ERR_INIT;
		struct buf data = BUF_INIT;
		struct draft d = { .kind = EVENT_J_LOST };
		const char *path;
		char what[256], hash[SHA_HEX];

		test_case(cases[i]);
		in_memory = i != 1;
		path = two_journals(&j);
		memcpy(hash, j.scan.hash, SHA_HEX);
		hash[0] = i == 4 ? (hash[0] == 'a' ? 'b' : 'a') : hash[0];
		boots += i != 2;
		json_open(&data);
		json_put_int(&data, "second", i == 3 ? 2 : 3);
		json_put_str(&data, "boot", __wrap_proc_boot_id());
		json_put_int(&data, "last_seq", 3);
		json_put_str(&data, "last_hash", hash);
		json_put_bool(&data, "used", true);
		json_close(&data);
		d.data = data.p;
		for (int n = 0; n <= (i == 5); n++)
			assert_true(journal_append(&j, &d, 1, NULL, NULL, NULL,
			    &e));
		struct journal_verdict v = verdict_of(path, what);
		assert_int_equal(v.problems, i > 0);
		if (i > 0)
			assert_non_null(strstr(what, "which none can have"));
		assert_int_equal(second_opinion(path, NULL), i > 0);
		buf_release(&data);
		journal_close(&j);
	}
	in_memory = false;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(
	    a_first_journal_that_fills_up_at_any_byte_is_gone_on_with_and_settled),
	cmocka_unit_test(settling_that_is_cut_off_at_any_byte_can_be_done_again),
	cmocka_unit_test(
	    a_switch_that_is_cut_off_at_any_byte_is_refused_and_goes_on_later),
	cmocka_unit_test(
	    lines_whose_sync_failed_are_in_the_second_even_when_the_first_loses_them),
	cmocka_unit_test(
	    after_a_failed_sync_without_a_second_journal_nothing_more_is_written),
	cmocka_unit_test(
	    a_full_disk_without_a_second_journal_refuses_until_there_is_room),
	cmocka_unit_test(an_append_that_the_second_journal_cut_off_is_never_there_twice),
	cmocka_unit_test(a_second_journal_that_was_begun_again_is_read_from_its_start),
	cmocka_unit_test(
	    a_reader_without_the_lock_sees_no_gap_while_others_switch_and_settle),
	cmocka_unit_test(what_stands_in_the_second_journals_place_is_not_written),
	cmocka_unit_test(
	    the_second_journal_is_for_the_group_reserved_and_named_in_the_first),
	cmocka_unit_test(a_second_journal_in_use_is_neither_dropped_nor_replaced),
	cmocka_unit_test(what_an_earlier_incident_left_is_not_in_the_way),
	cmocka_unit_test(a_second_journal_is_never_on_the_first_ones_file_system),
	cmocka_unit_test(settling_with_nothing_to_settle_does_nothing),
	cmocka_unit_test(
	    what_a_restart_took_from_memory_is_said_and_the_record_goes_on),
	cmocka_unit_test(one_without_lines_that_a_restart_took_is_no_loss),
	cmocka_unit_test(what_may_only_be_out_of_reach_stops_the_record),
	cmocka_unit_test(saying_what_is_lost_can_be_cut_off_at_any_byte),
	cmocka_unit_test(
	    whoever_is_killed_behind_the_line_about_a_loss_leaves_no_harm),
	cmocka_unit_test(a_loss_that_cannot_have_been_is_a_problem_for_both_readers),
};

int
main(void)
{
	return cmocka_run_group_tests_name("second", tests, set_up, tear_down);
}
