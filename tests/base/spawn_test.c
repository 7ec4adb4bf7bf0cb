#include "base/spawn.h"

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"

static struct ran ran;
static struct err err;

static int
clean(void **state)
{
	(void)state;
	ran_release(&ran);
	err_clear(&err);
	return 0;
}

static bool
sh(const char *script, struct run run)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	run.argv = argv;
	ran_release(&ran);
	err_clear(&err);
	return spawn_run(&run, &ran, &err);
}

static void
output_and_exit_status_come_back(void **state)
{
	(void)state;
	assert_true(sh("echo out; echo err >&2; exit 3", (struct run){ 0 }));
	assert_string_equal(ran.out.p, "out\n");
	assert_string_equal(ran.errout.p, "err\n");
	assert_int_equal(spawn_code(ran.status), 3);
	assert_false(ran.cut);
	assert_false(spawn_ok(ran.status, "job", &err));
	assert_string_equal(err.msg, "'job' ended with exit 3");
	assert_true(sh("echo out; echo err >&2",
	    (struct run){ .merge_err = true }));
	assert_string_equal(ran.out.p, "out\nerr\n");
	assert_true(spawn_ok(ran.status, "job", &err));
}

static void
a_signal_is_told_by_its_name(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_true(sh("kill -9 $$", (struct run){ 0 }));
	assert_int_equal(spawn_code(ran.status), 137);
	spawn_describe(ran.status, &b);
	assert_string_equal(b.p, "killed by signal 9 (Killed)");
	buf_release(&b);
}

static void
a_missing_program_is_an_error_at_once(void **state)
{
	static const char *const argv[] = { "no-such-program-here", NULL };
	struct run run = { .argv = argv };
	struct spawn s = SPAWN_INIT;

	(void)state;
	assert_false(spawn_run(&run, &ran, &err));
	assert_int_equal(err.kind, ERR_SYS);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.msg, "cannot start 'no-such-program-here': "
	    "No such file or directory");
	err_clear(&err);
	s.argv = (const char *const[]){ "true", NULL };
	s.dir = "/no/such/dir";
	assert_int_equal(spawn_start(&s, &err), -1);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);	/* no zombie */
}

static void
a_file_that_may_not_be_run_is_an_error(void **state)
{
	const char *argv[] = { test_write("plain", "text"), NULL };
	struct run run = { .argv = argv };

	(void)state;
	assert_false(spawn_run(&run, &ran, &err));
	assert_int_equal(err.sys_errno, EACCES);
}

static void
hostile_words_reach_the_program_unchanged(void **state)
{
	const char *argv[] = { "printf", "%s|", "-Fc", "a'b", "$(id)", "x y",
	    "", "\n", NULL };
	struct run run = { .argv = argv };

	(void)state;
	assert_true(spawn_run(&run, &ran, &err));
	assert_string_equal(ran.out.p, "-Fc|a'b|$(id)|x y||\n|");
}

static void
input_is_given_and_output_kept_in_bounds(void **state)
{
	enum { N = 300000 };
	char *in = malloc(N);

	(void)state;
	memset(in, 'x', N);
	assert_true(sh("wc -c", (struct run){ .input = in, .input_n = N }));
	assert_int_equal(strtol(ran.out.p, NULL, 10), N);
	assert_true(sh("cat", (struct run){ .input = in, .input_n = N }));
	assert_int_equal(ran.out.n, N);
	assert_false(ran.cut);
	assert_true(sh("cat", (struct run){ .input = in, .input_n = N,
	    .limit = 1000 }));
	assert_int_equal(ran.out.n, 1000);
	assert_true(ran.cut);
	assert_true(sh("exit 4", (struct run){ .input = in, .input_n = N }));
	assert_int_equal(spawn_code(ran.status), 4);	/* nobody read it */
	assert_true(sh("cat; echo end", (struct run){ .input = "" }));
	assert_string_equal(ran.out.p, "end\n");
	assert_true(sh("cat; echo end", (struct run){ 0 }));
	assert_string_equal(ran.out.p, "end\n");
	free(in);
}

/* Is the process still there, other than as a zombie of somebody else? */
static bool
lives(pid_t pid)
{
	for (int i = 0; i < 100; i++) {
		char path[64], *stat, *end;
		bool gone;

		if (kill(pid, 0) != 0)
			return false;
		(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
		if (access(path, R_OK) != 0)
			return false;
		stat = test_read(path);
		end = strrchr(stat, ')');
		gone = end == NULL || end[2] == 'Z' || end[2] == 'X';
		free(stat);
		if (gone)
			return false;
		clock_sleep_ms(20);
	}
	return true;
}

static void
overrunning_ends_the_whole_group(void **state)
{
	int64_t begun = clock_mono_ms();
	char script[PATH_MAX + 64], *pids, *next;
	long one, two;

	(void)state;
	(void)snprintf(script, sizeof script,
	    "sleep 60 & echo $$ $! > '%s'; echo begun; wait",
	    test_path("pids"));
	assert_false(sh(script, (struct run){ .deadline_ms = begun + 400 }));
	assert_int_equal(err.kind, ERR_TIMEOUT);
	assert_string_equal(err.msg, "'sh' did not end in time");
	assert_string_equal(ran.out.p, "begun\n");
	assert_in_range(clock_mono_ms() - begun, 399, 10000);
	pids = test_read(test_path("pids"));
	one = strtol(pids, &next, 10);
	two = strtol(next, NULL, 10);
	assert_true(one > 1 && two > 1);
	assert_false(lives((pid_t)one));
	assert_false(lives((pid_t)two));
	free(pids);
}

static void
who_ignores_the_request_is_killed(void **state)
{
	int64_t begun = clock_mono_ms();

	(void)state;
	assert_false(sh("trap '' TERM; while :; do sleep 0.1; done",
	    (struct run){ .deadline_ms = begun + 200 }));
	assert_int_equal(err.kind, ERR_TIMEOUT);
	assert_int_equal(spawn_code(ran.status), 128 + SIGKILL);
}

static void
what_stays_in_the_background_is_not_waited_for(void **state)
{
	int64_t begun = clock_mono_ms();
	long left;

	(void)state;
	assert_true(sh("sleep 30 & echo $!; exit 2", (struct run){ 0 }));
	assert_in_range(clock_mono_ms() - begun, 0, 10000);
	assert_int_equal(spawn_code(ran.status), 2);
	left = strtol(ran.out.p, NULL, 10);
	assert_true(left > 1);
	assert_int_equal(kill((pid_t)left, SIGKILL), 0);	/* it ran on */
}

static void
the_child_gets_fresh_signals_and_no_descriptors(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t block;

	(void)state;
	assert_true(fd >= 0);
	(void)signal(SIGINT, SIG_IGN);
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &block, NULL);
	assert_true(sh("ls /proc/self/fd | wc -l; "
	    "grep -E '^Sig(Blk|Ign)' /proc/self/status | grep -v '0000000$'",
	    (struct run){ 0 }));
	(void)sigprocmask(SIG_UNBLOCK, &block, NULL);
	(void)signal(SIGINT, SIG_DFL);
	assert_string_equal(ran.out.p, "4\n");	/* 0-2 and the folder */
	io_close(&fd);
}

static void
a_session_of_its_own_and_a_kept_descriptor(void **state)
{
	int p[2], out[2], status;
	struct spawn s = SPAWN_INIT;
	struct buf b = BUF_INIT;
	char script[64];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	(void)snprintf(script, sizeof script, "echo kept >&%d; "
	    "cut -d' ' -f6 /proc/$$/stat; echo $$", p[1]);
	s.argv = (const char *const[]){ "bash", "-c", script, NULL };
	s.out = out[1];
	s.keep[0] = p[1];
	s.session = true;
	pid = spawn_start(&s, &err);
	assert_true(pid > 0);
	io_close(&p[1]);
	io_close(&out[1]);
	while (io_read_some(p[0], &b, 100) > 0)
		;
	assert_string_equal(b.p, "kept\n");
	buf_clear(&b);
	while (io_read_some(out[0], &b, 100) > 0)
		;
	assert_int_equal(strtol(b.p, NULL, 10), pid);	/* leads its session */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	io_close(&p[0]);
	io_close(&out[0]);
	buf_release(&b);
}

static void
it_dies_with_us_when_asked_to(void **state)
{
	int p[2];
	pid_t parent, child = 0;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		struct spawn s = SPAWN_INIT;

		s.argv = (const char *const[]){ "sleep", "60", NULL };
		s.die_with_us = true;
		child = spawn_start(&s, NULL);
		(void)!write(p[1], &child, sizeof child);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(io_read_full(p[0], &child, sizeof child),
	    sizeof child);
	assert_true(child > 1);
	(void)kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_false(lives(child));
	io_close(&p[0]);
	io_close(&p[1]);
}

static void
programs_are_found_in_the_path(void **state)
{
	char *sh_path = spawn_which("sh"), *own;
	const char *plain = test_write("tool", "#!/bin/sh\n");

	(void)state;
	assert_non_null(sh_path);
	assert_int_equal(sh_path[0], '/');
	free(sh_path);
	assert_null(spawn_which("no-such-program-here"));
	assert_null(spawn_which(plain));
	assert_null(spawn_which(test_dir()));	/* a folder is no program */
	assert_int_equal(chmod(plain, 0755), 0);
	own = spawn_which(plain);
	assert_string_equal(own, plain);
	free(own);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)
static const struct CMUnitTest tests[] = {
	TEST(output_and_exit_status_come_back),
	TEST(a_signal_is_told_by_its_name),
	TEST(a_missing_program_is_an_error_at_once),
	TEST(a_file_that_may_not_be_run_is_an_error),
	TEST(hostile_words_reach_the_program_unchanged),
	TEST(input_is_given_and_output_kept_in_bounds),
	TEST(overrunning_ends_the_whole_group),
	TEST(who_ignores_the_request_is_killed),
	TEST(what_stays_in_the_background_is_not_waited_for),
	TEST(the_child_gets_fresh_signals_and_no_descriptors),
	TEST(a_session_of_its_own_and_a_kept_descriptor),
	TEST(it_dies_with_us_when_asked_to),
	TEST(programs_are_found_in_the_path),
};

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);		/* as the program does */
	return RUN_TESTS(tests);
}
