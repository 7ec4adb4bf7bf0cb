#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/proc.h"
#include "record/journal_intern.h"
#include "record/lock.h"

enum { LOCK_GIVE_UP_MS = 30000 };

/* What was chosen and made by second_in(): the journal only names a path, and
 * must not make us write to somebody else's file. */
static bool
is_ours(const struct journal *j, int fd)
{
	struct stat st, first;

	return fstat(fd, &st) == 0 && fstat(j->fd, &first) == 0 &&
	    S_ISREG(st.st_mode) && st.st_ino == j->second.ino &&
	    st.st_nlink == 1 && st.st_gid == first.st_gid &&
	    (st.st_mode & 07777) == JOURNAL_MODE;
}

bool
second_open(struct journal *j)
{
	static const int flags = O_APPEND | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY;

	if (j->second.path == NULL)
		return false;
	if (j->second.fd >= 0)
		return true;
	j->second.fd = open(j->second.path, O_RDWR | flags);
	if (j->second.fd < 0)
		j->second.fd = open(j->second.path, O_RDONLY | flags);
	if (j->second.fd < 0)
		return false;
	if (!is_ours(j, j->second.fd))
		io_close(&j->second.fd);
	return j->second.fd >= 0;
}

char *
second_marker(const struct journal *j, bool in_use)
{
	return xprintf("%s.%s", j->path, in_use ? "in-second" : "idle");
}

bool
second_marked(const struct journal *j)
{
	char *path;
	bool there;

	if (j->second.path == NULL)
		return false;
	path = second_marker(j, true);
	there = file_exists(path);
	free(path);
	return there;
}

/* As durable as its new name: otherwise a restart forgets that there are lines. */
static void
sync_names(const struct journal *j)
{
	const char *slash = strrchr(j->path, '/');
	char *dir = slash == NULL ? xstrdup(".") :
	    xstrndup(j->path, (size_t)(slash - j->path) + 1);

	(void)file_sync_dir(dir, NULL);
	free(dir);
}

void
second_mark(const struct journal *j, bool in_use)
{
	char *from = second_marker(j, !in_use), *to = second_marker(j, in_use);
	int fd = -1;

	/* best effort: a read-only file system refuses this as well */
	if (rename(from, to) != 0 && errno == ENOENT && !file_exists(to))
		fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    JOURNAL_MODE);
	if (fd >= 0)
		(void)fsync(fd);
	io_close(&fd);
	sync_names(j);
	free(from);
	free(to);
}

bool
second_missing(const struct journal *j, struct err *e)
{
	char *path = second_marker(j, true);

	err_set(e, ERR_SYS, "part of the journal stands in '%s', which cannot "
	    "be read now", j->second.path);
	err_hint(e, "Nothing was written. Bring that file system back; if it is "
	    "gone for good, remove '%s' and the record goes on without it.",
	    path);
	free(path);
	return false;
}

void
second_remember(struct journal *j, const struct buf *begins)
{
	size_t n = sizeof j->second.head;

	memset(j->second.head, 0, n);
	memcpy(j->second.head, begins->p, begins->n < n ? begins->n : n);
}

bool
second_rest(struct journal *j, struct buf *out, struct err *e)
{
	char head[sizeof j->second.head];
	struct err shorter = ERR_INIT;

	if (j->second.off > 0 && (io_pread_full(j->second.fd, head,
	    sizeof head, 0) != sizeof head ||
	    memcmp(head, j->second.head, sizeof head) != 0))
		j->second.off = 0;	/* settled, perhaps begun again */
	if (journal_read_rest(j->second.fd, j->second.off, out, j->second.path,
	    &shorter))
		return true;
	j->second.off = 0;		/* settled right now */
	return journal_read_rest(j->second.fd, 0, out, j->second.path, e);
}

bool
second_neither(const struct journal *j, int why1, int why2, struct err *e)
{
	if (j->second.path == NULL)
		err_set(e, ERR_SYS, "the journal '%s' cannot be written (%s) "
		    "and there is no second one", j->path, strerror(why1));
	else if (why1 == 0)	/* left aside since it failed once */
		err_set(e, ERR_SYS, "the second journal '%s' cannot be written "
		    "(%s), and the first did not take its lines back",
		    j->second.path, strerror(why2));
	else
		err_set(e, ERR_SYS, "neither journal can be written: '%s' (%s), "
		    "'%s' (%s)", j->path, strerror(why1), j->second.path,
		    strerror(why2));
	return err_hint(e, "Nothing is acknowledged. Free some space, or name "
	    "another state directory with --state; look at the record before "
	    "writing the line again.");
}

/* The next line's object of a file's bytes behind *at; the caller releases ev. */
static bool
next_object(const struct buf *from, size_t *at, const char **ret, size_t *ret_n,
    struct event *ev)
{
	while (*at < from->n) {
		const char *p = from->p + *at, *nl = memchr(p, '\n',
		    from->n - *at);
		char prev[SHA_HEX];
		bool hash_ok = false;

		if (nl == NULL)
			return false;
		size_t line = (size_t)(nl - p), start = *at;
		*at += line + 1;
		if (scan_disowned(p, line, (int64_t)start, nl + 1,
		    from->n - *at))
			continue;
		while (*p == ' ')
			p++;
		while (nl > p && nl[-1] == ' ')
			nl--;
		if (!scan_object(p, (size_t)(nl - p), ev, prev, &hash_ok))
			continue;
		if (hash_ok) {
			*ret = p;
			*ret_n = (size_t)(nl - p);
			return true;
		}
		scan_event_release(ev);
	}
	return false;
}

/* Places every object of `from` with a seq above `have` and up to `until`. */
static void
place_objects(struct line_chain *c, const struct buf *from, int64_t have,
    int64_t until, struct buf *out)
{
	struct event ev;
	const char *p;
	size_t n, at = 0;

	while (next_object(from, &at, &p, &n, &ev)) {
		if (ev.seq > have && ev.seq <= until) {
			line_place(c, p, n, out);
			c->seq = ev.seq;
			memcpy(c->hash, ev.hash, SHA_HEX);
		}
		scan_event_release(&ev);
	}
}

static size_t
count_objects(const struct buf *from)
{
	struct event ev;
	const char *p;
	size_t n, at = 0, count = 0;

	for (; next_object(from, &at, &p, &n, &ev); count++)
		scan_event_release(&ev);
	return count;
}

bool
second_continues(const struct buf *second, int64_t have, const char *tail,
    size_t tail_n, int64_t offset)
{
	const char *p, *t = tail, *end = tail + tail_n;
	size_t n, at = 0;
	struct event ev;
	bool yes = false;

	while (t < end && *t == ' ')
		t++;
	while (end > t && end[-1] == ' ')
		end--;
	while (next_object(second, &at, &p, &n, &ev)) {
		bool next = ev.seq == have + 1;

		yes = next && (size_t)(end - t) <= n &&
		    memcmp(t, p, (size_t)(end - t)) == 0 &&
		    (json_get_bool(ev.data, "second") ||
		    !scan_names(&ev, tail, tail_n, offset));
		scan_event_release(&ev);
		if (next)
			break;
	}
	return yes;
}

bool
second_switched_line(struct line_chain *c, const char *why, struct buf *out,
    struct err *e)
{
	struct buf data = BUF_INIT;
	struct draft d = { .kind = EVENT_J_SWITCHED, .text =
	    "the first journal cannot be written; the second one goes on" };
	bool ok;

	json_open(&data);
	json_put_int(&data, "last_seq", c->seq);
	json_put_str(&data, "last_hash", c->hash);
	json_put_str(&data, "why", why);
	json_close(&data);
	d.data = data.p;
	ok = line_draft(c, &d, 0, out, e);
	buf_release(&data);
	return ok;
}

/* The drafts' lines, without the first `have`. */
static bool
remaining(struct line_chain *c, const struct draft *d, size_t n, size_t have,
    struct buf *out, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		size_t lines = line_count(&d[i]);

		if (!line_draft(c, &d[i], have, out, e))
			return false;
		have = have > lines ? have - lines : 0;
	}
	return true;
}

/*
 * What the first one shows of a write that failed is not durable there: its
 * whole lines are written again here, word for word, and readers know them by
 * their hash. A fragment is named; what did not arrive is made anew.
 */
bool
second_switch(struct journal *j, int why, const struct buf *lost,
    const struct draft *d, size_t n, struct line_chain *c, struct err *e)
{
	struct buf tail = BUF_INIT, tail2 = BUF_INIT, out = BUF_INIT;
	size_t arrived, repairs = count_objects(lost);
	int64_t before = j->scan.seq;
	bool ok = false;

	if (!second_open(j)) {
		second_neither(j, why, ENOENT, e);
		goto out;
	}
	if (j->second.write_errno != 0) {
		second_neither(j, why, j->second.write_errno, e);
		goto out;
	}
	*c = journal_chain(j, 0, j->second.fd);
	if (!journal_fold(j, &tail, &tail2, e))
		goto out;
	if (j->second.in_use) {
		second_neither(j, why, EEXIST, e);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		repairs -= lost->n > 0 ? line_count(&d[i]) : 0;
	arrived = (size_t)(j->scan.seq - before);
	place_objects(c, lost, before, j->scan.seq, &out);
	if (!scan_tail_is_whole(tail.p, tail.n, j->off))
		scan_fragment(&j->scan, tail.p, tail.n, j->off);
	if (journal_repair(j, c, &tail2, true, &out, e) &&
	    second_switched_line(c, strerror(why), &out, e) &&
	    remaining(c, d, n, arrived > repairs ? arrived - repairs : 0, &out,
	    e)) {
		second_mark(j, true);
		ok = journal_put(j, j->second.fd, &out,
		    &j->second.write_errno);
		if (ok)
			second_mark_end(j, c);
		else
			second_neither(j, why, errno, e);
	}
out:
	buf_release(&tail);
	buf_release(&tail2);
	buf_release(&out);
	return ok;
}

/* A directory that nobody else has: an earlier incident may have had our inode. */
static char *
make_sub(const char *dir, const struct stat *here)
{
	for (int i = 1; i <= 9; i++) {
		char *sub = xprintf("%s/midwatch-%ju-%ju-%d", dir,
		    (uintmax_t)here->st_dev, (uintmax_t)here->st_ino, i);

		if (mkdir(sub, 0700) == 0) {
			if (chown(sub, (uid_t)-1, here->st_gid) == 0 &&
			    chmod(sub, 02770) == 0)
				return sub;
			(void)rmdir(sub);
		}
		free(sub);
	}
	return NULL;
}

static bool
announce(struct journal *j, const char *path)
{
	struct draft d = { .kind = EVENT_J_SECOND };
	struct buf data = BUF_INIT;
	struct stat st;
	bool ok, in_memory;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fstat(fd, &st) != 0) {
		io_close(&fd);
		return false;
	}
	in_memory = file_volatile(fd);
	io_close(&fd);
	json_open(&data);
	json_put_str(&data, "path", path);
	json_put_int(&data, "ino", (int64_t)st.st_ino);
	json_put_bool(&data, "volatile", in_memory);
	if (in_memory && strcmp(proc_boot_id(), "unknown") != 0)
		json_put_str(&data, "boot", proc_boot_id());
	json_close(&data);
	d.data = data.p;
	d.text = in_memory ? "second journal chosen; it is in memory and gone "
	    "after a restart" : "second journal chosen and reserved";
	ok = journal_append(j, &d, 1, NULL, NULL, NULL, NULL);
	buf_release(&data);
	return ok;
}

/* An append that was refused may stand in the journal all the same. */
static bool
may_be_named(struct journal *j, const char *path)
{
	return !journal_poll(j, NULL) || (j->second.path != NULL &&
	    strcmp(j->second.path, path) == 0);
}

static bool
second_in(struct journal *j, const char *dir, const char *name)
{
	struct stat here, there;
	char *sub, *path;
	bool ok;

	if (fstat(j->fd, &here) != 0 || stat(dir, &there) != 0 ||
	    !S_ISDIR(there.st_mode) || there.st_dev == here.st_dev ||
	    access(dir, W_OK | X_OK) != 0 ||
	    (sub = make_sub(dir, &here)) == NULL)
		return false;
	path = file_join(sub, name);
	ok = journal_create(path, JOURNAL_RESERVE, NULL) &&
	    file_sync_dir(dir, NULL) && announce(j, path);
	if (!ok && !may_be_named(j, path)) {
		(void)unlink(path);
		(void)rmdir(sub);
	}
	free(sub);
	free(path);
	return ok;
}

const char *const second_dirs[] = { "/var/tmp", "/var/lib", "/home", "/opt",
    "/tmp", "/dev/shm", "/run", NULL };

/* Left by whoever journaled a loss and was killed: nothing is marked that no
 * line names. */
static bool
drop_stale_mark(struct journal *j, struct err *e)
{
	char *path = second_marker(j, true);
	bool ok = true, stale = j->second.path == NULL && file_exists(path);
	struct lock l;

	free(path);
	if (!stale)
		return true;
	if (!lock_take(&l, j->fd, "the journal", LOCK_GIVE_UP_MS, j->waiting,
	    e))
		return false;
	ok = journal_poll(j, e);
	if (ok && j->second.path == NULL)
		second_mark(j, false);
	lock_drop(&l);
	return ok;
}

bool
journal_choose_second(struct journal *j, const char *const *dirs, size_t n,
    const char *name, struct err *e)
{
	if (j->second.in_use || j->second.missing)
		return err_set(e, ERR_BUSY, "the second journal '%s' is in use",
		    j->second.path);
	if (j->second.gone) {
		if (!second_recover(j, e))
			return false;
		if (j->second.path != NULL)
			return true;
	}
	if (!drop_stale_mark(j, e))
		return false;
	for (size_t i = 0; i < n && j->write_errno == 0; i++)
		if (second_in(j, dirs[i], name))
			return true;
	for (size_t i = 0; second_dirs[i] != NULL && j->write_errno == 0; i++)
		if (second_in(j, second_dirs[i], name))
			return true;
	if (j->write_errno != 0)
		return second_neither(j, j->write_errno, ENOENT, e);
	return err_set(e, ERR_NOTFOUND, "no second file system can hold a "
	    "second journal");
}

/* Where the first line of the first journal stands that the second one holds as
 * well; its sync may have failed. */
static size_t
first_copy(const struct buf *first, size_t used, const struct buf *second)
{
	struct event ev;
	const char *p, *found, *nl;
	size_t n, at = 0;

	if (!next_object(second, &at, &p, &n, &ev))
		return used;
	scan_event_release(&ev);
	found = memmem(first->p, used, p, n);
	if (found == NULL)
		return used;
	nl = memrchr(first->p, '\n', (size_t)(found - first->p));
	return nl != NULL ? (size_t)(nl + 1 - first->p) : 0;
}

/* What the first journal's bytes become behind `used`, which ends its last
 * line: what stands there, ended, and the lines that it lacks. */
static void
place_rest(struct line_chain *c, const struct buf *first, size_t used,
    const struct buf *second, int64_t have, struct buf *out)
{
	const char *tail = first->p + used;
	size_t left = first->n - used, start = out->n;

	if (scan_tail_is_whole(tail, left, (int64_t)used))
		buf_add(out, tail, left);
	else if (!second_continues(second, have, tail, left, (int64_t)used)) {
		size_t size = (left + 1 + SLOT - 1) / SLOT * SLOT;

		buf_add(out, tail, left);
		buf_fill(out, ' ', size - left - 1);
		buf_ch(out, '\n');
	}					/* else it comes out again */
	c->at = (int64_t)(used + out->n - start);
	place_objects(c, second, have, INT64_MAX, out);
}

/*
 * Through a descriptor of its own, written again from the first line whose sync
 * may have failed: the kernel holds such pages to be clean.
 */
static bool
copy_back(struct journal *j, int fd, struct err *e)
{
	struct buf all = BUF_INIT, first = BUF_INIT, out = BUF_INIT;
	struct line_chain c;
	struct scan s;
	size_t used, from;
	bool ok = false;

	scan_init(&s);
	if (!journal_read_rest(j->second.fd, 0, &all, j->second.path, e) ||
	    !journal_read_rest(fd, 0, &first, j->path, e))
		goto out;
	used = scan_bytes(&s, first.p, first.n, 0);
	from = first_copy(&first, used, &all);
	c = journal_chain(j, (int64_t)used, fd);
	buf_add(&out, first.p + from, used - from);
	place_rest(&c, &first, used, &all, s.seq, &out);
	ok = (io_pwrite_all(fd, out.p, out.n, (int64_t)from) &&
	    fdatasync(fd) == 0) ||
	    err_sys(e, "the first journal still cannot be written");
out:
	scan_release(&s);
	buf_release(&all);
	buf_release(&first);
	buf_release(&out);
	return ok;
}

static bool
empty_second(struct journal *j, struct err *e)
{
	if (ftruncate(j->second.fd, 0) != 0)
		return err_sys(e, "cannot empty '%s'", j->second.path);
	(void)file_reserve(j->second.fd, 0, JOURNAL_RESERVE);
	if (j->second.write_errno == 0 && fsync(j->second.fd) != 0)
		j->second.write_errno = errno;
	j->second.off = 0;
	j->second.in_use = false;
	second_mark(j, false);
	return true;
}

/* The journal's descriptor changes: *ret_old still holds the lock. */
static bool
settle_locked(struct journal *j, int *ret_old, struct err *e)
{
	struct draft d = { .kind = EVENT_J_SETTLED, .text =
	    "the second journal's lines were copied back" };
	int fd = -1;
	bool ok = false;

	if (!journal_poll(j, e))
		return false;
	if (!j->second.in_use)
		return true;
	fd = open(j->path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == EROFS || errno == EACCES ||
		    err_sys(e, "cannot open the journal '%s'", j->path);
	if (!journal_same_file(j, j->fd, e) || !journal_same_file(j, fd, e) ||
	    !copy_back(j, fd, e) || !empty_second(j, e))
		goto out;
	if (fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK) != 0) {
		err_sys(e, "cannot append to '%s'", j->path);
		goto out;
	}
	*ret_old = j->fd;
	j->fd = fd;
	fd = -1;
	j->write_errno = 0;
	ok = journal_append_locked(j, &d, 1, NULL, NULL, e);
out:
	io_close(&fd);
	return ok;
}

bool
journal_settle(struct journal *j, struct err *e)
{
	struct lock l;
	int old = -1;
	bool ok;

	if (!lock_take(&l, j->fd, "the journal", LOCK_GIVE_UP_MS, j->waiting,
	    e))
		return false;
	ok = settle_locked(j, &old, e);
	lock_drop(&l);
	io_close(&old);
	return ok;
}

void
journal_drop_second(struct journal *j)
{
	struct stat st;
	char *slash;

	if (!second_open(j) || fstat(j->second.fd, &st) != 0 ||
	    st.st_size != 0)
		return;
	(void)unlink(j->second.path);
	slash = strrchr(j->second.path, '/');
	*slash = '\0';
	(void)rmdir(j->second.path);
	*slash = '/';
	io_close(&j->second.fd);
}
