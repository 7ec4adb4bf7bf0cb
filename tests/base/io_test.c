#include "base/io.h"

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/clock.h"

static volatile sig_atomic_t rings;

static void
ring(int sig)
{
	(void)sig;
	rings = rings + 1;
}

/* An alarm every 2 ms that interrupts system calls. */
static void
alarms(bool on)
{
	struct sigaction sa = { .sa_handler = ring };	/* no SA_RESTART */
	struct itimerval it = { { 0, on ? 2000 : 0 }, { 0, on ? 2000 : 0 } };

	(void)sigaction(SIGALRM, &sa, NULL);
	(void)setitimer(ITIMER_REAL, &it, NULL);
}

/* A child that feeds the pipe in small, slow pieces. */
static pid_t
trickle(int fd, size_t n)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (size_t i = 0; i < n; i++) {
		char c = (char)('a' + i % 26);

		clock_sleep_ms(5);
		if (write(fd, &c, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void
short_and_interrupted_reads_are_put_together(void **state)
{
	int p[2];
	char text[30];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(p), 0);
	pid = trickle(p[1], 20);
	io_close(&p[1]);
	alarms(true);
	assert_int_equal(io_read_full(p[0], text, 15), 15);
	assert_memory_equal(text, "abcdefghijklmno", 15);
	assert_int_equal(io_read_full(p[0], text, sizeof text), 5);
	assert_int_equal(io_read_full(p[0], text, sizeof text), 0);
	alarms(false);
	assert_true(rings > 5);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	io_close(&p[0]);
	assert_int_equal(p[0], -1);
	io_close(&p[0]);
}

static void
short_and_interrupted_writes_are_put_together(void **state)
{
	enum { N = 1 << 20 };
	static char bytes[N];
	char part[5000];
	int p[2], status;
	pid_t pid;

	(void)state;
	for (int i = 0; i < N; i++)
		bytes[i] = (char)(i * 7);
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		size_t n = 0;
		ssize_t r;

		(void)close(p[1]);
		while ((r = read(p[0], part, sizeof part)) > 0) {
			if (memcmp(part, bytes + n, (size_t)r) != 0)
				_exit(1);
			n += (size_t)r;
			if (n % 3 == 0)
				clock_sleep_ms(1);
		}
		_exit(n == N ? 0 : 2);
	}
	io_close(&p[0]);
	alarms(true);
	assert_true(io_write_all(p[1], bytes, N));
	alarms(false);
	io_close(&p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_failed_write_says_why(void **state)
{
	int p[2];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0);
	io_close(&p[0]);
	assert_false(io_write_all(p[1], "x", 1));
	assert_int_equal(errno, EPIPE);
	io_close(&p[1]);
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		assert_false(io_write_all(fd, "x", 1));
		assert_int_equal(errno, ENOSPC);
		io_close(&fd);
	}
}

static void
a_place_in_a_file_is_read_and_written(void **state)
{
	const char *path = test_write("place", "0123456789");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char text[8];

	(void)state;
	assert_true(io_pwrite_all(fd, "abc", 3, 4));
	assert_int_equal(io_pread_full(fd, text, 5, 3), 5);
	assert_memory_equal(text, "3abc7", 5);
	assert_int_equal(io_pread_full(fd, text, 8, 7), 3);
	assert_int_equal(io_pread_full(fd, text, 8, 99), 0);
	io_close(&fd);
	assert_int_equal(io_pread_full(fd, text, 1, 0), -1);
	assert_int_equal(errno, EBADF);
}

static void
a_wait_ends_at_its_deadline(void **state)
{
	int p[2];
	int64_t begun = clock_mono_ms();
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(io_read_some(p[0], &b, 10), -1);
	assert_int_equal(errno, EAGAIN);
	alarms(true);
	assert_int_equal(io_wait_readable(p[0], begun + 60), 0);
	alarms(false);
	assert_in_range(clock_mono_ms() - begun, 59, 2000);
	assert_int_equal(io_wait_readable(p[0], begun), 0);
	assert_true(io_write_all(p[1], "hello", 5));
	assert_int_equal(io_wait_readable(p[0], clock_mono_ms() + 5000), 1);
	assert_int_equal(io_read_some(p[0], &b, 3), 3);
	assert_int_equal(io_read_some(p[0], &b, 30), 2);
	assert_string_equal(b.p, "hello");
	io_close(&p[1]);
	assert_int_equal(io_read_some(p[0], &b, 30), 0);
	buf_release(&b);
	io_close(&p[0]);
}

static void
closing_keeps_the_reason_of_a_failure(void **state)
{
	int fd = -1;

	(void)state;
	errno = ENOSPC;
	io_close(&fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	errno = ENOSPC;
	io_close(&fd);
	assert_int_equal(errno, ENOSPC);
}

static void
closed_standard_descriptors_are_given_back(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int fd;

		(void)close(0);
		(void)close(2);
		io_guard_std();
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_exit(fd > 2 && fcntl(0, F_GETFD) == 0 &&
		    fcntl(2, F_GETFD) == 0 && fcntl(1, F_GETFD) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(short_and_interrupted_reads_are_put_together),
	cmocka_unit_test(short_and_interrupted_writes_are_put_together),
	cmocka_unit_test(a_failed_write_says_why),
	cmocka_unit_test(a_place_in_a_file_is_read_and_written),
	cmocka_unit_test(a_wait_ends_at_its_deadline),
	cmocka_unit_test(closing_keeps_the_reason_of_a_failure),
	cmocka_unit_test(closed_standard_descriptors_are_given_back),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
