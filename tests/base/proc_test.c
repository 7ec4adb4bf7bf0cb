#include "base/proc.h"

#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/io.h"

static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	return pid;
}

static void
end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_process_is_known_by_more_than_its_number(void **state)
{
	struct proc_id self, child;
	pid_t pid = sleeper();

	(void)state;
	proc_self(&self);
	assert_int_equal(self.pid, getpid());
	assert_int_equal(strlen(self.boot), 36);
	assert_string_equal(self.boot, proc_boot_id());
	assert_true(self.start > 0);
	assert_true(proc_alive(&self));
	assert_true(proc_of(pid, &child));
	assert_true(child.start >= self.start);
	assert_true(proc_alive(&child));
	assert_true(proc_signal(&child, 0));
	end(pid);
	assert_false(proc_alive(&child));
	assert_false(proc_signal(&child, 0));
	assert_false(proc_of(pid, &child));
}

static void
a_number_used_again_is_somebody_else(void **state)
{
	struct proc_id id;
	pid_t pid = sleeper();

	(void)state;
	assert_true(proc_of(pid, &id));
	id.start--;
	assert_false(proc_alive(&id));
	assert_false(proc_signal(&id, SIGKILL));
	id.start++;
	assert_true(proc_alive(&id));	/* and it was not hit */
	id.boot[0] = id.boot[0] == 'x' ? 'y' : 'x';
	assert_false(proc_alive(&id));	/* before the last boot */
	assert_false(proc_signal(&id, SIGKILL));
	assert_int_equal(kill(pid, 0), 0);
	end(pid);
}

static void
nobody_and_init_are_never_signalled(void **state)
{
	struct proc_id id = { 0 };

	(void)state;
	assert_false(proc_alive(&id));
	assert_false(proc_signal(&id, 0));
	for (pid_t pid = -1; pid <= 1; pid++) {
		assert_false(proc_of(pid, &id));
		id.start = 0;
		assert_false(proc_signal(&id, 0));
	}
}

static void
a_zombie_is_not_alive(void **state)
{
	struct proc_id id;
	pid_t pid = sleeper();
	siginfo_t si;

	(void)state;
	assert_true(proc_of(pid, &id));
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_false(proc_alive(&id));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_name_with_brackets_does_not_confuse_it(void **state)
{
	struct proc_id id, want;
	int p[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, ") Z 1 (x) S");
		(void)!write(p[1], "x", 1);
		for (;;)
			(void)pause();
	}
	assert_true(proc_of(pid, &want));
	assert_int_equal(io_read_full(p[0], &c, 1), 1);
	assert_true(proc_of(pid, &id));
	assert_true(id.start == want.start);
	assert_true(proc_alive(&id));
	end(pid);
	io_close(&p[0]);
	io_close(&p[1]);
}

/* A family: a child, its child, and one that left the session and whose parent
 * is gone. Their numbers come through the pipe. */
static pid_t
family(int *ret_fd)
{
	int p[2];
	pid_t top;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	top = fork();
	if (top == 0) {
		pid_t pid;

		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (fork() == 0) {
			if (fork() == 0) {
				(void)setsid();
				pid = getpid();
				(void)!write(p[1], &pid, sizeof pid);
				for (;;)
					(void)pause();
			}
			_exit(0);	/* leaves an orphan to top */
		}
		if (fork() == 0) {
			(void)sleeper();
			pid = getpid();
			(void)!write(p[1], &pid, sizeof pid);
			for (;;)
				(void)pause();
		}
		for (;;)
			(void)pause();
	}
	io_close(&p[1]);
	*ret_fd = p[0];
	return top;
}

static void
everything_below_is_reached_even_another_session(void **state)
{
	int fd;
	pid_t top = family(&fd), two[2];
	size_t n = 0;

	(void)state;
	assert_int_equal(io_read_full(fd, two, sizeof two), sizeof two);
	for (int i = 0; i < 200 && (n = proc_signal_below(top, 0)) != 3; i++)
		clock_sleep_ms(10);
	assert_int_equal(n, 3);
	assert_int_equal(proc_signal_below(top, SIGKILL), 3);
	/* the pipe's last writers are gone */
	assert_int_equal(io_wait_readable(fd, clock_mono_ms() + 5000) >= 0, 1);
	for (int i = 0; i < 500 && proc_signal_below(top, 0) > 0; i++)
		clock_sleep_ms(10);
	assert_int_equal(proc_signal_below(top, 0), 0);
	assert_int_equal(kill(top, 0), 0);	/* itself was spared */
	end(top);
	io_close(&fd);
}

static void
the_holder_of_a_lock_is_named(void **state)
{
	const char *path = test_write("lock", "");
	int fd = open(path, O_RDWR | O_CLOEXEC), p[2];
	struct buf b = BUF_INIT;
	char want[64], c;
	pid_t pid;

	(void)state;
	assert_false(proc_flock_holder(fd, &b));
	assert_string_equal(b.p, "");
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int own = open(path, O_RDWR | O_CLOEXEC);

		(void)!write(p[1], flock(own, LOCK_EX) == 0 ? "y" : "n", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(io_read_full(p[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	if (!proc_flock_holder(fd, &b)) {
		end(pid);
		test_skip("/proc/locks does not show locks here");
	}
	/* under memcheck the command begins with its name */
	const char *variant = getenv("MIDWATCH_VARIANT");
	bool itself = variant == NULL || strcmp(variant, "mem") != 0;
	(void)snprintf(want, sizeof want, "pid %ld (%.20s", (long)pid,
	    itself ? program_invocation_short_name : "valgrind");
	assert_memory_equal(b.p, want, strlen(want));
	assert_int_equal(b.p[b.n - 1], ')');
	end(pid);
	buf_clear(&b);
	assert_false(proc_flock_holder(fd, &b));
	assert_false(proc_flock_holder(-1, &b));
	buf_release(&b);
	io_close(&fd);
	io_close(&p[0]);
	io_close(&p[1]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_process_is_known_by_more_than_its_number),
	cmocka_unit_test(a_number_used_again_is_somebody_else),
	cmocka_unit_test(nobody_and_init_are_never_signalled),
	cmocka_unit_test(a_zombie_is_not_alive),
	cmocka_unit_test(a_name_with_brackets_does_not_confuse_it),
	cmocka_unit_test(everything_below_is_reached_even_another_session),
	cmocka_unit_test(the_holder_of_a_lock_is_named),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
