/* WRAP: renameat2 */
/*
 * Names that are given to something else while a clean-up goes over them: folders
 * become links, files become links or other files, and come back. Whatever stands
 * in for a planned thing must live on. Three seconds; a minute in `make soak`.
 *
 * Nobody here but the clean-up removes anything: what is in the way is moved
 * aside under a name of its own, and nothing is ever replaced.
 */
#include "tests/cleanup/kit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/io.h"

/* Files that are swapped; the others lose their folder alone. */
enum { FILES = 24, SWAPPED = 16, RACERS = 3 };

static int dir_d, dir_out, dir_trash, dir_old, dir_hide;

/* What happens between the last look at a name and its removal. */
static void (*between)(const char *name);

int __real_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_renameat2(int, const char *, int, const char *, unsigned);

int
__wrap_renameat2(int from, const char *a, int to, const char *b, unsigned how)
{
	if (between != NULL && strncmp(b, ".midwatch-going", 15) == 0)
		between(a);
	return __real_renameat2(from, a, to, b, how);
}

static void
aside(int dir, const char *name)
{
	static unsigned turn;
	char to[64];

	snprintf(to, sizeof to, "%ld-%u", (long)getpid(), turn++);
	(void)renameat2(dir, name, dir_trash, to, RENAME_NOREPLACE);
}

static void
link_to(const char *target, int dir, const char *name)
{
	if (symlinkat(target, dir, name) != 0)
		return;		/* something has that name */
}

/* A file gives way to a link, or to what is precious, and all of it back. */
static void
swap_files(unsigned seed, int mine)
{
	char name[16], target[32];

	for (;;) {
		int k = (int)((unsigned)rand_r(&seed) % (SWAPPED / 2)) * 2 + mine;

		snprintf(name, sizeof name, "f%d", k);
		snprintf(target, sizeof target, "../../out/%s", name);
		aside(dir_d, name);
		if (rand_r(&seed) % 2 == 0) {
			link_to(target, dir_d, name);
			if (rand_r(&seed) % 4 == 0)
				usleep(50);
			aside(dir_d, name);
		} else if (renameat2(dir_out, name, dir_d, name,
		    RENAME_NOREPLACE) == 0) {
			if (rand_r(&seed) % 4 == 0)
				usleep(50);
			(void)renameat2(dir_d, name, dir_out, name,
			    RENAME_NOREPLACE);
		}
		usleep((unsigned)rand_r(&seed) % 600);
	}
}

/* The folder gives way to a link to what is precious. */
static void
swap_folders(unsigned seed)
{
	for (;;) {
		if (renameat2(dir_old, "d", dir_hide, "d",
		    RENAME_NOREPLACE) == 0) {
			link_to("../out", dir_old, "d");
			if (rand_r(&seed) % 2 == 0)
				usleep(30);
			aside(dir_old, "d");
			(void)renameat2(dir_hide, "d", dir_old, "d",
			    RENAME_NOREPLACE);
		}
		usleep((unsigned)rand_r(&seed) % 1500);
	}
}

static pid_t
start(int which)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (which < 2)
		swap_files((unsigned)which + 7, which);
	else
		swap_folders(11);
	_exit(0);
}

/* What is precious is young, so that it is in no plan by itself. */
static void
put(int dir, const char *name, const char *text, bool young)
{
	const struct timespec old[2] = { { 0, UTIME_NOW }, { 1600000000,
		young ? UTIME_NOW : 0 } };
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);

	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	(void)futimens(fd, old);
	close(fd);
}

static int
folder(const char *name)
{
	const char *path = test_path(name);
	int fd;

	(void)mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static bool found[FILES];

static int
look_at(const char *path, const struct stat *st, int type, struct FTW *f)
{
	char text[32] = "";
	int fd, k;

	(void)st;
	(void)f;
	if (type != FTW_F)
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && io_read_full(fd, text, sizeof text - 1) > 0 &&
	    strncmp(text, "precious ", 9) == 0) {
		k = (int)strtol(text + 9, NULL, 10);
		found[k] = true;
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

static void
set_out(void)
{
	char name[16], text[32];

	dir_old = folder("old");
	dir_d = folder("old/d");
	dir_out = folder("out");
	dir_hide = folder("hide");
	dir_trash = folder("trash");
	put(dir_d, "stays", "so that the folder does", true);
	for (int k = 0; k < FILES; k++) {
		snprintf(name, sizeof name, "f%d", k);
		snprintf(text, sizeof text, "precious %03d", k);
		put(dir_out, name, text, true);
	}
}

/* What went; the rest of the plan is tried once more, staler than before. */
static size_t
count_and_forget(struct clean_plan *p)
{
	size_t gone = 0, kept = 0;

	for (size_t i = 0; i < p->v.n; i++) {
		struct clean_item *c = &p->v.v[i];

		free(c->left);
		c->left = NULL;
		if (c->fate != PRUNE_DONE) {
			c->fate = PRUNE_PLANNED;
			p->v.v[kept++] = *c;
			continue;
		}
		gone++;
		free(c->what);
		free(c->reason);
	}
	p->v.n = kept;
	/* not always the same one first */
	if (kept > 1) {
		struct clean_item first = p->v.v[0];

		memmove(&p->v.v[0], &p->v.v[1], (kept - 1) * sizeof first);
		p->v.v[kept - 1] = first;
	}
	return gone;
}

static void
wait_a_little(const char *name)
{
	(void)name;
	usleep(60);
}

static void
nothing_that_stands_in_is_ever_removed(void **state)
{
	int64_t end = clock_mono_ms() +
	    (getenv("MIDWATCH_SOAK") != NULL ? 60000 : 3000);
	size_t gone = 0, surprises = 0, plans = 0;
	pid_t racers[RACERS];
	char name[16];
	struct yard y;

	(void)state;
	set_out();
	for (int i = 0; i < RACERS; i++)
		racers[i] = start(i);
	yard_open(&y, 0, "");
	between = wait_a_little;
	while (clock_mono_ms() < end || gone == 0 || surprises == 0) {
		struct clean_ask ask = { .site = &y.site,
			.now = clock_wall_ms() };
		struct clean_care care = { 0 };
		struct err e = ERR_INIT;

		/* the racers break a time-out of ours, and nothing else */
		assert_true(clock_mono_ms() < end + 60000);
		for (int k = 0; k < FILES; k++) {
			snprintf(name, sizeof name, "f%d", k);
			put(dir_d, name, "decoyous 000", false);
		}
		clean_release(&y.p);
		assert_true(clean_look(&y.p, &ask, &e));
		for (int turn = 0; turn < 30 && (turn == 0 ||
		    clock_mono_ms() < end); turn++) {
			err_clear(&e);
			surprises += !clean_run(&y.p, &care, &e);
			gone += count_and_forget(&y.p);
		}
		plans++;
	}
	yard_close(&y);
	between = NULL;
	for (int i = 0; i < RACERS; i++) {
		kill(racers[i], SIGKILL);
		waitpid(racers[i], NULL, 0);
	}
	print_message("# %zu plans, %zu things gone, %zu surprises\n", plans,
	    gone, surprises);
	assert_int_equal(nftw(test_dir(), look_at, 16, FTW_PHYS), 0);
	for (int k = 0; k < FILES; k++) {
		snprintf(name, sizeof name, "precious %d", k);
		test_case(name);
		assert_true(found[k]);
	}
}

static void
put_in_its_place(const char *name)
{
	between = NULL;
	assert_int_equal(renameat2(dir_d, name, dir_trash, "mine", 0), 0);
	assert_int_equal(renameat2(dir_out, "f1", dir_d, name, 0), 0);
}

/* Not by chance: exactly between the last look and the removal. */
static void
what_was_put_in_its_place_gets_its_name_back(void **state)
{
	struct clean_care care = { 0 };
	struct stat st, back;
	struct yard y;

	(void)state;
	assert_true(kit_sh("rm -rf \"$1/old\" \"$1/out\" \"$1/hide\" "
	    "\"$1/trash\""));
	set_out();
	put(dir_d, "f0", "decoyous 000", false);
	assert_int_equal(fstatat(dir_out, "f1", &st, 0), 0);
	yard_open(&y, 0, "");
	yard_look(&y);
	assert_int_equal(y.p.v.n, 1);
	between = put_in_its_place;
	assert_false(clean_run(&y.p, &care, &y.e));
	assert_int_equal(y.e.kind, ERR_GUARD);
	assert_non_null(strstr(y.e.msg, "put in its place"));
	assert_int_equal(fstatat(dir_d, "f0", &back, 0), 0);
	assert_true(st.st_ino == back.st_ino && st.st_size == back.st_size);
	assert_int_equal(faccessat(dir_trash, "mine", F_OK, 0), 0);
	yard_close(&y);
}

static void
die_then(const char *name)
{
	assert_int_equal(__real_renameat2(dir_d, name, dir_d,
	    ".midwatch-going-0123456789abcdef01234567", 0), 0);
	_exit(7);
}

/* What was on its way is as old as it was, and in the next plan. */
static void
what_a_killed_one_left_goes_with_the_next(void **state)
{
	struct clean_care care = { 0 };
	struct yard y;
	int status;
	pid_t pid;

	(void)state;
	assert_true(kit_sh("rm -rf \"$1/old\" \"$1/out\" \"$1/hide\" "
	    "\"$1/trash\""));
	set_out();
	put(dir_d, "f0", "decoyous 000", false);
	put(dir_d, "f1", "decoyous 000", false);
	yard_open(&y, 0, "");
	yard_look(&y);
	assert_int_equal(y.p.v.n, 2);
	pid = fork();
	if (pid == 0) {
		between = die_then;
		(void)clean_run(&y.p, &care, &y.e);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
	yard_look(&y);
	assert_int_equal(y.p.v.n, 2);
	assert_non_null(yard_item(&y,
	    "d/.midwatch-going-0123456789abcdef01234567"));
	assert_true(clean_run(&y.p, &care, &y.e));
	assert_true(kit_sh("test \"$(ls -A \"$1/old/d\")\" = stays"));
	yard_close(&y);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_a_killed_one_left_goes_with_the_next),
	cmocka_unit_test(what_was_put_in_its_place_gets_its_name_back),
	cmocka_unit_test(nothing_that_stands_in_is_ever_removed),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
