#include "tests/probe/look.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/proc.h"
#include "job/job.h"

extern const struct probe probe_work, probe_ci;

/* What a probe remembers ends with its process. */
static struct target work;

static int
begin(void **state)
{
	(void)state;
	look_begin("Africa/Lagos", "schedule = { nightly = \"02:00\"; "
	    "window = \"90m\"; };\n"
	    "freeze = { check = \"cat frozen; exit $(cat answer)\"; };\n", true);
	return 0;
}

static int
end(void **state)
{
	struct err e = ERR_INIT;

	(void)file_remove_tree(test_path("state"), &e);
	return look_end(state);
}

static void
look_for(const struct probe *p, const char *name)
{
	work = look_target(p, name);
	look_at(&work);
}

/* A child that holds the flock on a file until it is killed. */
static pid_t
hold(const char *path)
{
	int up[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0 || flock(fd, LOCK_EX) != 0 ||
		    write(up[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(up[1]);
	assert_int_equal(read(up[0], &c, 1), 1);
	close(up[0]);
	return pid;
}

static void
let_go(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
who_holds_a_lock_is_named(void **state)
{
	char *path = state_path(&look_state, "locks/incident"), want[64];
	pid_t pid;
	int status;

	(void)state;
	look_for(&probe_work, "locks");
	look_says(LEVEL_OK, "nobody holds a lock");
	pid = hold(path);
	look_at(&work);
	snprintf(want, sizeof want, "the lock 'incident' is held by pid %d (",
	    (int)pid);
	look_says(LEVEL_OK, want);
	look_is_clean();
	/* it is not in the way of whoever takes it */
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	look_at(&work);
	look_says(LEVEL_CRITICAL, "which was stopped (ctrl-Z): others wait");
	snprintf(want, sizeof want, "kill -CONT %d", (int)pid);
	assert_string_equal(look_got.next, want);
	let_go(pid);
	look_at(&work);
	look_says(LEVEL_OK, "nobody holds a lock");
	free(path);
}

static void
without_a_record_nothing_is_claimed(void **state)
{
	static const char *const names[] = { "locks", "jobs", "freeze" };

	(void)state;
	look_eye.state = NULL;
	for (size_t i = 0; i < 3; i++) {
		test_case(names[i]);
		look_for(&probe_work, names[i]);
		assert_int_equal(look_got.level, LEVEL_UNKNOWN);
		assert_non_null(look_got.error);
		assert_non_null(look_got.next);
	}
	look_for(&probe_work, "window");
	assert_string_equal(look_str("zone"), "Africa/Lagos");
}

/* A job's record, as the job would write it. */
static int64_t
job(const char *title, const char *outcome, int64_t started)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct proc_id me;
	int64_t n;
	char *path;
	int fd;

	if (!state_job_new(&look_state, NULL, &n, &e))
		fail_msg("%s", e.msg);
	proc_self(&me);
	json_open(&b);
	json_put_str(&b, "title", title);
	json_put_str(&b, "by", "ama");
	json_put_str(&b, "boot", me.boot);
	json_put_int(&b, "pid", me.pid);
	json_put_int(&b, "start", me.start);
	json_put_int(&b, "started", started);
	json_put_str(&b, "outcome", outcome);
	json_close(&b);
	path = state_path(&look_state, "jobs/%d/job.json", (int)n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(file_record(fd, &b, 4096, &e));
	close(fd);
	free(path);
	buf_release(&b);
	return n;
}

static void
jobs_that_run_and_that_vanished_are_told(void **state)
{
	int64_t now = clock_wall_ms(), n;
	char *path;
	pid_t pid;

	(void)state;
	look_for(&probe_work, "jobs");
	look_says(LEVEL_OK, "no job is running");
	job("done long ago", "done", now - 90000);
	n = job("backup of otc", NULL, now - 60000);
	path = state_path(&look_state, "jobs/%d/job.json", (int)n);
	pid = hold(path);
	look_at(&work);
	look_says(LEVEL_OK, "job 2 (backup of otc) of ama is running for 60 s");
	/* one that vanished behind one that runs */
	job("cleanup", NULL, now - 30000);
	look_at(&work);
	look_says(LEVEL_WARNING, "job 3 (cleanup) vanished: what became of it "
	    "is not known; job 2 (backup of otc) of ama is running");
	look_at(&work);
	look_says(LEVEL_WARNING, "job 3 (cleanup) vanished");
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "vanished")), 1);
	let_go(pid);
	look_at(&work);
	look_says(LEVEL_WARNING, "job 2 (backup of otc) vanished");
	look_at(&work);
	look_says(LEVEL_WARNING, "job 3 (cleanup) vanished");
	look_says(LEVEL_WARNING, "job 2 (backup of otc) vanished");
	/* a day later it is history */
	clock_fake(now + 25 * 3600000);
	look_at(&work);
	look_says(LEVEL_OK, "no job is running");
	clock_fake(0);
	/* hostile words */
	n = job("\x1b]0;x\a\xe2\x80\xae\xff backup", NULL, now);
	look_at(&work);
	look_is_clean();
	free(path);
}

static void
flag(const char *text)
{
	char *path = state_path(&look_state, "freeze");

	test_write(path, text);
	free(path);
}

static void
the_freeze_says_who_why_and_since_when(void **state)
{
	(void)state;
	look_for(&probe_work, "freeze");
	look_says(LEVEL_OK, "not frozen");
	assert_false(json_get_bool(look_got.data, "frozen"));
	flag("        \n");
	look_at(&work);
	look_says(LEVEL_OK, "not frozen");
	clock_fake(look_utc("2025-02-14T02:00:00.000Z"));
	flag("{\"reason\":\"nightly failed\",\"who\":\"ama\","
	    "\"since\":\"2025-02-14T01:08:00.000Z\"}    \n");
	look_at(&work);
	look_says(LEVEL_OK, "frozen since 2025-02-14 02:08, for 52 min, by "
	    "ama: nightly failed");
	assert_true(json_get_bool(look_got.data, "frozen"));
	assert_int_equal(look_int("age_ms"), 52 * 60000);
	/* forgotten */
	clock_fake(look_utc("2025-02-16T02:00:00.000Z"));
	look_at(&work);
	look_says(LEVEL_WARNING, "for 2 d 0 h");
	assert_non_null(strstr(look_got.next, "midwatch freeze off"));
	/* other shapes still freeze */
	flag("{\"by\":\"ama\",\"at\":1739495280}");
	look_at(&work);
	look_says(LEVEL_WARNING, "frozen since 2025-02-14 02:08");
	flag("because I say so\n");
	look_at(&work);
	look_says(LEVEL_OK, "frozen: because I say so");
	flag("{\"reason\": broken \x1b[2J\xe2\x80\xae");
	look_at(&work);
	look_says(LEVEL_OK, "frozen: {\"reason\": broken");
	look_is_clean();
	/* unreadable is not free */
	char *path = state_path(&look_state, "freeze");

	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	look_at(&work);
	assert_int_equal(look_got.level, LEVEL_UNKNOWN);
	assert_non_null(strstr(look_got.next, "as frozen"));
	rmdir(path);
	free(path);
}

static void
the_window_opens_and_closes_by_the_sites_clock(void **state)
{
	(void)state;
	clock_fake(look_utc("2025-02-14T00:30:00.000Z"));
	look_for(&probe_work, "window");
	look_says(LEVEL_OK, "closed; it opens at 2025-02-14 02:00, in 30 min");
	assert_false(json_get_bool(look_got.data, "open"));
	clock_fake(look_utc("2025-02-14T01:30:00.000Z"));
	look_at(&work);
	look_says(LEVEL_OK, "open since 02:00 until 03:30, for another 60 min");
	assert_true(json_get_bool(look_got.data, "open"));
	clock_fake(look_utc("2025-02-14T02:30:00.000Z"));
	look_at(&work);
	look_says(LEVEL_OK, "closed; it opens at 2025-02-15 02:00");
	assert_string_equal(look_str("from"), "2025-02-15T01:00:00.000Z");
}

static void
freeze_check_and_the_flag_are_compared(void **state)
{
	(void)state;
	clock_fake(look_utc("2025-02-14T12:00:00.000Z"));
	test_write("frozen", "");
	test_write("answer", "1");
	look_for(&probe_ci, "freeze");
	look_says(LEVEL_OK, "pipelines run");
	test_write("frozen", "3 runners \x1b[31mare active\nmore\n");
	flag("{\"reason\":\"x\"}");
	look_at(&work);
	look_says(LEVEL_CRITICAL, "the freeze is set, but freeze.check says "
	    "that it does not hold: 3 runners ");
	assert_string_equal(look_got.next, "midwatch freeze on");
	look_is_clean();
	test_write("answer", "0");
	look_at(&work);
	look_says(LEVEL_OK, "pipelines stand still, as the freeze wants");
	flag("");
	look_at(&work);
	look_says(LEVEL_WARNING, "pipelines stand still, and no freeze wants "
	    "it");
	clock_fake(look_utc("2025-02-14T01:30:00.000Z"));
	look_at(&work);
	look_says(LEVEL_OK, "in the backup window");
	test_write("answer", "127");
	look_at(&work);
	assert_int_equal(look_got.level, LEVEL_UNKNOWN);
	assert_non_null(strstr(look_got.error, "freeze.check cannot say: exit "
	    "127: 3 runners"));
	assert_null(json_object_get(look_got.data, "holds"));
	test_write("answer", "137");
	look_at(&work);
	assert_non_null(strstr(look_got.error, "exit 137"));
}

static void
a_check_that_hangs_is_given_up(void **state)
{
	int64_t began;

	(void)state;
	look_end(NULL);
	look_begin("UTC", "freeze = { check = \"sleep 30\"; };\n", true);
	work = look_target(&probe_ci, "freeze");
	reading_release(&look_got);
	reading_init(&look_got, "ci", "freeze");
	look_eye.deadline = clock_mono_ms() + 300;
	began = clock_mono_ms();
	probe_ci.read(&look_eye, &work, &look_got);
	assert_int_equal(look_got.level, LEVEL_UNKNOWN);
	assert_non_null(strstr(look_got.error, "freeze.check"));
	assert_true(clock_mono_ms() - began < 5000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
static const struct CMUnitTest tests[] = {
	TEST(who_holds_a_lock_is_named),
	TEST(without_a_record_nothing_is_claimed),
	TEST(jobs_that_run_and_that_vanished_are_told),
	TEST(the_freeze_says_who_why_and_since_when),
	TEST(the_window_opens_and_closes_by_the_sites_clock),
	TEST(freeze_check_and_the_flag_are_compared),
	TEST(a_check_that_hangs_is_given_up),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
