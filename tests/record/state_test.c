/* WRAP: mkdir */
#include "tests/record/kit.h"

#include "record/state.h"

static bool no_mkdir;			/* a disk so full that nothing can be made */

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);

int
__wrap_mkdir(const char *path, mode_t mode)
{
	if (no_mkdir) {
		errno = ENOSPC;
		return -1;
	}
	return __real_mkdir(path, mode);
}

enum { AT_MS = 1739491803 };		/* 2025-02-14 00:10:03 */

static int64_t
when(int minutes)
{
	return ((int64_t)AT_MS + minutes * 60) * 1000;
}

static void
open_state(struct state *s, const char *name)
{
	struct err e = ERR_INIT;

	no_mkdir = false;
	memset(s, 0, sizeof *s);
	if (!state_open(s, test_path(name), NULL, NULL, &e))
		fail_msg("%s", e.msg);
}

static struct stat
stat_in(const struct state *s, const char *name)
{
	char *path = file_join(s->dir, name);
	struct stat st;

	if (lstat(path, &st) != 0)
		fail_msg("there is no %s", path);
	free(path);
	return st;
}

static bool
there_in(const struct state *s, const char *name)
{
	char *path = file_join(s->dir, name);
	bool there = file_exists(path);

	free(path);
	return there;
}

static void
a_new_state_directory_is_shared_with_its_group(void **state)
{
	static const struct { const char *name; mode_t mode; } t[] = {
		{ ".", S_IFDIR | 02770 }, { "incidents", S_IFDIR | 02770 },
		{ "jobs", S_IFDIR | 02770 }, { "locks", S_IFDIR | 02770 },
		{ "sizes", S_IFDIR | 02770 }, { "spare", S_IFDIR | 02770 },
		{ "spare/journal.jsonl", S_IFREG | 0660 },
		{ "spare/slots/01/progress", S_IFREG | 0660 },
		{ "log.jsonl", S_IFREG | 0660 }, { "locks/jobs", S_IFREG | 0660 },
		{ "locks/incident", S_IFREG | 0660 },
	};
	struct state s;
	mode_t mask = umask(077);

	(void)state;
	open_state(&s, "new");
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		test_case(t[i].name);
		assert_int_equal(stat_in(&s, t[i].name).st_mode, t[i].mode);
	}
	(void)umask(mask);
	state_release(&s);
	open_state(&s, "new");			/* and again, nothing is lost */
	state_release(&s);
}

static void
the_spare_has_its_blocks_really_there(void **state)
{
	static const struct { const char *name; int64_t room; } t[] = {
		{ "journal.jsonl", JOURNAL_RESERVE }, { "readings.jsonl", 1 << 20 },
		{ "runbook.cfg", 256 << 10 }, { "slots/01/job.json", 4096 },
		{ "slots/01/progress", 4096 }, { "slots/01/output.log", 32 << 10 },
		{ "slots/48/progress", 4096 },
	};
	struct state s;

	(void)state;
	open_state(&s, "blocks");
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char *name = xprintf("spare/%s", t[i].name);
		struct stat st = stat_in(&s, name);

		test_case(name);
		assert_int_equal(st.st_size, 0);
		assert_true(st.st_blocks * 512 >= t[i].room);
		free(name);
	}
	state_release(&s);
}

static void
an_incident_is_the_spare_renamed(void **state)
{
	char id[STATE_ID_MAX];
	struct err e = ERR_INIT;
	bool reserved = false;
	struct state s;
	struct stat before;

	(void)state;
	open_state(&s, "rename");
	before = stat_in(&s, "spare/journal.jsonl");
	no_mkdir = true;
	assert_true(state_incident_new(&s, "INC", when(0), id, &reserved, &e));
	assert_string_equal(id, "INC-20250214-0010");
	assert_true(reserved);
	assert_int_equal(stat_in(&s, "incidents/INC-20250214-0010/journal.jsonl")
	    .st_ino, before.st_ino);
	assert_false(state_spare_there(&s));
	/* without a spare and without space it says what would have helped */
	assert_false(state_incident_new(&s, "INC", when(0), id, &reserved, &e));
	assert_non_null(strstr(e.hint, "doctor"));
	no_mkdir = false;
	err_clear(&e);
	assert_true(state_spare_make(&s, &e));
	assert_true(state_spare_there(&s));
	state_release(&s);
}

static void
taken_names_get_a_number(void **state)
{
	static const char *const want[] = { "INC-20250214-0010",
	    "INC-20250214-0010-2", "INC-20250214-0010-3" };
	struct state_ids ids = { { 0 } };
	char id[STATE_ID_MAX];
	struct err e = ERR_INIT;
	bool reserved;
	struct state s;

	(void)state;
	open_state(&s, "numbers");
	for (int i = 0; i < 3; i++) {
		assert_true(state_incident_new(&s, "INC", when(0), id,
		    &reserved, &e));
		assert_string_equal(id, want[i]);
		assert_int_equal(reserved, i == 0);
		assert_true(state_id_ok(id));
	}
	assert_true(state_incident_new(&s, "DRILL", when(0), id, &reserved, &e));
	assert_string_equal(id, "DRILL-20250214-0010");
	assert_true(state_incident_new(&s, "INC", when(-3), id, &reserved, &e));
	assert_string_equal(id, "INC-20250214-0007");
	for (int i = 4; i <= 10; i++)
		assert_true(state_incident_new(&s, "INC", when(0), id,
		    &reserved, &e));
	assert_string_equal(id, "INC-20250214-0010-10");
	assert_true(state_incidents(&s, &ids, &e));
	assert_int_equal(ids.v.n, 12);
	assert_string_equal(ids.v.v[0], "INC-20250214-0007");
	assert_string_equal(ids.v.v[ids.v.n - 1], "INC-20250214-0010-10");
	for (size_t i = 0; i < ids.v.n; i++) {
		char *name = xprintf("incidents/%s/journal.jsonl", ids.v.v[i]);

		assert_true(there_in(&s, name));
		free(name);
	}
	state_ids_release(&ids);
	state_release(&s);
}

static void
only_names_of_incidents_are_names_of_incidents(void **state)
{
	static const char *const bad[] = { "", "INC-", "INC-../../etc",
	    "INC-2025/0010", ".INC-20250214-0010", "inc-20250214-0010",
	    "INC-20250214-0010\n", ".new.123", "DRILL", "INC--", "INC-D",
	    "INC-20250214-0010-", "INC-2025" };
	static const char *const good[] = { "INC-20250214-0010",
	    "DRILL-20250214-0010", "INC-20250214-0010-2",
	    "DRILL-20250214-0010-999" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i]);
		assert_false(state_id_ok(bad[i]));
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(state_id_ok(good[i]));
}

static void
jobs_are_numbered_and_have_their_files(void **state)
{
	struct state s;
	struct err e = ERR_INIT;
	int64_t n = 0;

	(void)state;
	open_state(&s, "jobs");
	for (int i = 1; i <= 3; i++) {
		assert_true(state_job_new(&s, NULL, &n, &e));
		assert_int_equal(n, i);
	}
	assert_true(there_in(&s, "jobs/3/job.json"));
	assert_true(there_in(&s, "jobs/3/output.log"));
	assert_int_equal(stat_in(&s, "jobs/3/progress").st_mode & 07777, 0660);
	assert_true(there_in(&s, "spare/slots/01"));	/* none was needed */
	state_release(&s);
}

static void
on_a_full_disk_jobs_take_the_slots_of_the_incident_and_then_the_spare(void **state)
{
	char id[STATE_ID_MAX];
	struct state s;
	struct err e = ERR_INIT;
	bool reserved;
	int64_t n = 0;
	struct stat slot;

	(void)state;
	open_state(&s, "slots");
	assert_true(state_incident_new(&s, "INC", when(0), id, &reserved, &e));
	assert_true(state_spare_make(&s, &e));
	slot = stat_in(&s, "incidents/INC-20250214-0010/slots/01/job.json");
	no_mkdir = true;
	for (int i = 1; i <= STATE_SLOTS; i++) {
		if (!state_job_new(&s, id, &n, &e))
			fail_msg("job %d: %s", i, e.msg);
		assert_int_equal(n, i);
	}
	assert_int_equal(stat_in(&s, "jobs/1/job.json").st_ino, slot.st_ino);
	assert_false(there_in(&s, "incidents/INC-20250214-0010/slots/01"));
	assert_true(there_in(&s, "spare/slots/01"));
	assert_true(state_job_new(&s, id, &n, &e));
	assert_false(there_in(&s, "spare/slots/01"));
	for (int i = 2; i <= STATE_SLOTS; i++)
		assert_true(state_job_new(&s, NULL, &n, &e));
	assert_false(state_job_new(&s, id, &n, &e));
	assert_int_equal(e.kind, ERR_SYS);
	assert_non_null(strstr(e.hint, "no prepared slot is left"));
	no_mkdir = false;
	state_release(&s);
}

/* Runs f in so many processes at once; all must end with 0. */
static void
at_once(int many, int (*f)(const char *dir), const char *dir)
{
	pid_t pids[16];
	int go[2];

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < many; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char c;

			close(go[1]);
			(void)!read(go[0], &c, 1);
			_exit(f(dir));
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < many; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static int
take_six_jobs(const char *dir)
{
	struct state s = { .dir = xstrdup(dir) };
	int64_t n = 0, last = 0;
	bool ok = true;

	for (int i = 0; ok && i < 6; i++, last = n)
		ok = state_job_new(&s, "INC-20250214-0010", &n, NULL) &&
		    n > last;
	state_release(&s);
	return !ok;
}

static void
two_processes_never_get_the_same_job_on_a_full_disk_or_not(void **state)
{
	char id[STATE_ID_MAX];
	struct err e = ERR_INIT;
	bool reserved;

	(void)state;
	for (int turn = 0; turn < (soak() ? 60 : 6); turn++)
		for (int full = 0; full < 2; full++) {
			char name[32];
			struct state s;
			int64_t n = 0;

			(void)snprintf(name, sizeof name, "race.%d.%d", turn,
			    full);
			open_state(&s, name);
			assert_true(state_incident_new(&s, "INC", when(0), id,
			    &reserved, &e));
			no_mkdir = full;
			at_once(8, take_six_jobs, s.dir);
			no_mkdir = false;
			/* 48 different directories: the next is the 49th */
			assert_true(state_job_new(&s, NULL, &n, &e));
			assert_int_equal(n, 49);
			assert_true(file_remove_tree(s.dir, &e));
			state_release(&s);
		}
}

static int
open_an_incident(const char *dir)
{
	struct state s = { .dir = xstrdup(dir) };
	char id[STATE_ID_MAX];
	bool reserved, ok;

	ok = state_incident_new(&s, "INC", when(0), id, &reserved, NULL);
	state_release(&s);
	return !ok;
}

static int
make_a_spare(const char *dir)
{
	struct state s = { .dir = xstrdup(dir) };
	bool ok = state_spare_make(&s, NULL);

	state_release(&s);
	return !ok;
}

static void
several_who_open_incidents_at_once_get_one_each(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	for (int turn = 0; turn < (soak() ? 60 : 8); turn++) {
		struct state_ids ids = { { 0 } };
		struct stat st;
		char name[32];
		struct state s;

		(void)snprintf(name, sizeof name, "at-once.%d", turn);
		open_state(&s, name);
		at_once(5, open_an_incident, s.dir);
		assert_true(state_incidents(&s, &ids, &e));
		assert_int_equal(ids.v.n, 5);
		for (size_t i = 0; i < ids.v.n; i++) {
			char *j = state_path(&s, "incidents/%s/journal.jsonl",
			    ids.v.v[i]);

			assert_int_equal(stat(j, &st), 0);
			assert_true(st.st_nlink == 1 && st.st_size == 0);
			free(j);
		}
		at_once(3, make_a_spare, s.dir);
		assert_true(there_in(&s, "spare/slots/48/job.json"));
		assert_true(file_remove_tree(s.dir, &e));
		state_ids_release(&ids);
		state_release(&s);
	}
}

static void
where_the_state_is_follows_the_option_then_the_site_then_the_habit(void **state)
{
	struct state s = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_true(state_locate(&s, "/a", "/b", &e));
	assert_string_equal(s.dir, "/a");
	state_release(&s);
	assert_true(state_locate(&s, NULL, "/b", &e));
	assert_string_equal(s.dir, "/b");
	assert_true(s.shared);
	assert_null(s.note);
	state_release(&s);
	assert_true(state_locate(&s, "here", NULL, &e));
	assert_int_equal(s.dir[0], '/');
	assert_non_null(strstr(s.dir, "/here"));
	state_release(&s);
}

static void
an_unknown_group_is_refused_and_leaves_nothing(void **state)
{
	const char *dir = test_path("grouped");
	struct state s = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_false(state_open(&s, dir, NULL, "no-such-group", &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.msg, "no-such-group"));
	assert_false(file_exists(dir));
	state_release(&s);
}

static void
a_half_made_spare_is_not_a_spare(void **state)
{
	struct state s;
	struct err e = ERR_INIT;
	char *spare, *half, *journal;

	(void)state;
	open_state(&s, "half");
	spare = state_path(&s, "spare");
	half = state_path(&s, "spare.new.%ld", (long)getpid());
	assert_int_equal(rename(spare, half), 0);	/* of a killed run */
	journal = file_join(half, "journal.jsonl");
	assert_int_equal(unlink(journal), 0);
	assert_false(state_spare_there(&s));
	assert_true(state_spare_make(&s, &e));
	assert_true(there_in(&s, "spare/journal.jsonl"));
	assert_false(file_exists(half));
	free(spare);
	free(half);
	free(journal);
	state_release(&s);
}

static void
a_lock_file_can_be_had_and_is_no_link(void **state)
{
	struct state s;
	struct err e = ERR_INIT;
	char *path;
	int fd;

	(void)state;
	open_state(&s, "locks");
	fd = state_lock_file(&s, "nightly", &e);
	assert_true(fd >= 0);
	close(fd);
	path = state_path(&s, "locks/evil");
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(state_lock_file(&s, "evil", &e), -1);
	free(path);
	state_release(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_new_state_directory_is_shared_with_its_group),
	cmocka_unit_test(the_spare_has_its_blocks_really_there),
	cmocka_unit_test(an_incident_is_the_spare_renamed),
	cmocka_unit_test(taken_names_get_a_number),
	cmocka_unit_test(only_names_of_incidents_are_names_of_incidents),
	cmocka_unit_test(jobs_are_numbered_and_have_their_files),
	cmocka_unit_test(
	    on_a_full_disk_jobs_take_the_slots_of_the_incident_and_then_the_spare),
	cmocka_unit_test(two_processes_never_get_the_same_job_on_a_full_disk_or_not),
	cmocka_unit_test(several_who_open_incidents_at_once_get_one_each),
	cmocka_unit_test(
	    where_the_state_is_follows_the_option_then_the_site_then_the_habit),
	cmocka_unit_test(an_unknown_group_is_refused_and_leaves_nothing),
	cmocka_unit_test(a_half_made_spare_is_not_a_spare),
	cmocka_unit_test(a_lock_file_can_be_had_and_is_no_link),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
