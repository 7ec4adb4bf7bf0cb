#include "tests/record/kit.h"

#include <signal.h>
#include <sys/file.h>

#include "base/clock.h"
#include "record/lock.h"

enum { PATIENCE_MS = 4000 };

static char named[256];
static int64_t named_at;

static void
on_waiting(const char *holder)
{
	(void)snprintf(named, sizeof named, "%s", holder);
	named_at = clock_mono_ms();
}

static int
open_lock(void)
{
	int fd = open(test_path("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* A process that holds the lock and is stopped. */
static pid_t
stopped_holder(void)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct lock l;

		(void)lock_take(&l, open_lock(), "it", 1000, NULL, NULL);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void
end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_free_lock_is_taken_at_once_and_can_be_taken_again(void **state)
{
	struct lock l;
	int64_t start = clock_mono_ms();
	int fd = open_lock();

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(lock_take(&l, fd, "it", 1000, NULL, NULL));
		assert_int_equal(l.fd, fd);
		lock_drop(&l);
		lock_drop(&l);		/* twice is harmless */
	}
	assert_true(clock_mono_ms() - start < 1000);
	close(fd);
}

static void
whoever_holds_it_is_named_after_two_seconds_even_when_stopped(void **state)
{
	pid_t pid = stopped_holder();
	struct err e = ERR_INIT;
	int64_t start = clock_mono_ms(), end_ms;
	char want[32];
	struct lock l;
	int fd = open_lock();

	(void)state;
	named[0] = '\0';
	assert_false(lock_take(&l, fd, "the journal", 2600, on_waiting, &e));
	end_ms = clock_mono_ms();
	(void)snprintf(want, sizeof want, "pid %d (", (int)pid);
	assert_int_equal(strncmp(named, want, strlen(want)), 0);
	assert_true(named_at - start >= 2000 && named_at - start < PATIENCE_MS);
	assert_true(end_ms - start >= 2600 && end_ms - start < PATIENCE_MS);
	assert_int_equal(e.kind, ERR_BUSY);
	assert_non_null(strstr(e.msg, want));
	assert_true(e.hint[0] != '\0');
	assert_int_equal(l.fd, -1);
	lock_drop(&l);
	end(pid);
	assert_true(lock_take(&l, fd, "the journal", 1000, NULL, NULL));
	lock_drop(&l);
	close(fd);
}

static void
a_lock_that_comes_free_meanwhile_is_taken(void **state)
{
	pid_t pid = fork();
	struct lock l;
	int fd = open_lock();

	(void)state;
	if (pid == 0) {
		(void)flock(open_lock(), LOCK_EX);
		clock_sleep_ms(600);
		_exit(0);
	}
	clock_sleep_ms(200);
	named[0] = '\0';
	int64_t start = clock_mono_ms();
	assert_true(lock_take(&l, fd, "it", 5000, on_waiting, NULL));
	assert_true(clock_mono_ms() - start < 1900);
	assert_string_equal(named, "");		/* too early for names */
	lock_drop(&l);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
}

static void
signals_that_would_stop_or_end_us_wait_until_it_is_dropped(void **state)
{
	static const int sigs[] = { SIGTSTP, SIGTTIN, SIGTTOU, SIGINT, SIGTERM,
	    SIGHUP, SIGQUIT };

	(void)state;
	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		int told[2], status;
		pid_t pid;
		char c = 0;

		test_case(strsignal(sigs[i]));
		assert_int_equal(pipe(told), 0);
		pid = fork();
		if (pid == 0) {
			struct lock l;

			/* as in a shell; an orphaned group is never stopped */
			(void)signal(sigs[i], SIG_DFL);
			if (!lock_take(&l, open_lock(), "it", 1000, NULL, NULL))
				_exit(3);
			(void)kill(getpid(), sigs[i]);
			clock_sleep_ms(20);
			(void)!write(told[1], "h", 1);
			lock_drop(&l);
			(void)!write(told[1], "d", 1);
			_exit(0);
		}
		close(told[1]);
		assert_int_equal(read(told[0], &c, 1), 1);
		assert_int_equal(c, 'h');
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
		if (WIFSTOPPED(status)) {
			assert_int_equal(kill(pid, SIGCONT), 0);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status));
		} else if (i >= 3) {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), sigs[i]);
		}
		close(told[0]);
	}
}

static void
the_mask_is_as_before_when_it_is_dropped_or_not_had(void **state)
{
	pid_t pid = stopped_holder();
	int fd = open_lock();
	sigset_t before, after;
	struct lock l;

	(void)state;
	(void)sigemptyset(&before);
	(void)sigaddset(&before, SIGUSR1);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	assert_false(lock_take(&l, fd, "it", 300, NULL, NULL));
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGUSR1) && !sigismember(&after, SIGINT));
	end(pid);
	assert_true(lock_take(&l, fd, "it", 300, NULL, NULL));
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGINT) && sigismember(&after, SIGTSTP));
	lock_drop(&l);
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGUSR1) && !sigismember(&after, SIGINT));
	(void)sigemptyset(&before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	close(fd);
}

static void
whoever_waits_can_be_interrupted(void **state)
{
	pid_t holder = stopped_holder(), pid = fork();
	int64_t start = clock_mono_ms();
	int status;

	(void)state;
	if (pid == 0) {
		struct err e = ERR_INIT;
		struct lock l;

		(void)signal(SIGTERM, SIG_DFL);
		(void)signal(SIGHUP, SIG_IGN);
		(void)lock_take(&l, open_lock(), "it", 20000, NULL, &e);
		clock_sleep_ms(10);	/* memcheck delivers no signal before */
		_exit(e.kind == ERR_CANCELLED ? 4 : 5);
	}
	clock_sleep_ms(200);
	assert_int_equal(kill(pid, SIGHUP), 0);		/* ignored there */
	clock_sleep_ms(600);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_true(clock_mono_ms() - start < PATIENCE_MS);
	end(holder);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_free_lock_is_taken_at_once_and_can_be_taken_again),
	cmocka_unit_test(
	    whoever_holds_it_is_named_after_two_seconds_even_when_stopped),
	cmocka_unit_test(a_lock_that_comes_free_meanwhile_is_taken),
	cmocka_unit_test(signals_that_would_stop_or_end_us_wait_until_it_is_dropped),
	cmocka_unit_test(the_mask_is_as_before_when_it_is_dropped_or_not_had),
	cmocka_unit_test(whoever_waits_can_be_interrupted),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
