/* Carriers whose far end is a process of ours: the command itself, a
 * container engine's client, or the system's ssh. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "place/intern.h"

static bool
pipe_start(struct place_proc *q, const char *const *argv, int64_t until,
    struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, er[2] = { -1, -1 };

	(void)until;
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
	    pipe2(er, O_CLOEXEC) != 0)
		err_sys(e, "cannot make a pipe");
	else
		q->pid = spawn_start(&(struct spawn){ .argv = argv,
		    .in = in[0], .out = out[1], .errfd = er[1], .group = true,
		    .die_with_us = true }, e);
	if (q->pid > 0) {
		q->in = in[1];
		q->out = out[0];
		q->err = er[0];
		in[1] = out[0] = er[0] = -1;
		(void)fcntl(q->in, F_SETFL, O_NONBLOCK);
		(void)fcntl(q->out, F_SETFL, O_NONBLOCK);
		(void)fcntl(q->err, F_SETFL, O_NONBLOCK);
	}
	for (int i = 0; i < 2; i++) {
		io_close(&in[i]);
		io_close(&out[i]);
		io_close(&er[i]);
	}
	return q->pid > 0;
}

static bool
system_start(struct place_proc *q, const char *const *argv, int64_t until,
    struct err *e)
{
	VEC(const char *) v = { 0 };
	struct place_args a = { 0 };
	struct buf line = BUF_INIT;
	bool ok = false;

	if (!place_shell_line(&line, argv, e))
		goto out;
	place_system_args(&a, q->p);
	for (size_t i = 0; i < a.words.n; i++)
		VEC_PUSH(&v, a.words.v[i]);
	VEC_PUSH(&v, line.p);
	VEC_PUSH(&v, NULL);
	ok = pipe_start(q, v.v, until, e);
out:
	VEC_RELEASE(&v);
	place_args_release(&a);
	buf_release(&line);
	return ok;
}

static ssize_t
pipe_read(struct place_proc *q, enum place_stream s, struct buf *b,
    struct err *e)
{
	ssize_t r = io_read_some(s == PLACE_OUT ? q->out : q->err, b, 64 << 10);

	if (r >= 0)
		return r;
	if (errno == EAGAIN)
		return -1;
	err_sys(e, "cannot read the output of a command");
	return -2;
}

/* A reader that went away is its business, and no signal for us. */
static ssize_t
quiet_write(int fd, const char *s, size_t n)
{
	sigset_t pipe_only, pending, old;
	ssize_t w;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	do
		w = write(fd, s, n);
	while (w < 0 && errno == EINTR);
	int keep = errno;
	if (w < 0 && keep == EPIPE && sigismember(&pending, SIGPIPE) == 0)
		(void)sigtimedwait(&pipe_only, NULL, &(struct timespec){ 0 });
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = keep;
	return w;
}

static ssize_t
pipe_write(struct place_proc *q, const char *s, size_t n, struct err *e)
{
	ssize_t w = quiet_write(q->in, s, n);

	if (w >= 0)
		return w;
	if (errno == EAGAIN)
		return -1;
	if (errno == EPIPE)
		return 0;
	err_sys(e, "cannot write to a command");
	return -2;
}

static void
pipe_shut(struct place_proc *q)
{
	io_close(&q->in);
}

static bool
pipe_wait(struct place_proc *q, bool writes, struct err *e)
{
	struct pollfd f[3] = {
		{ .fd = q->eof[PLACE_OUT] ? -1 : q->out, .events = POLLIN },
		{ .fd = q->eof[PLACE_ERR] ? -1 : q->err, .events = POLLIN },
		{ .fd = writes ? q->in : -1, .events = POLLOUT },
	};

	if (poll(f, 3, 200) < 0 && errno != EINTR)
		return err_sys(e, "cannot wait for a command");
	return true;
}

static bool
pipe_ended(struct place_proc *q, struct place_exit *ret, int64_t until,
    struct err *e)
{
	int status;

	for (int64_t nap = 1;; nap = nap < 20 ? nap * 2 : 20) {
		pid_t got = waitpid(q->pid, &status, WNOHANG);

		if (got == q->pid)
			break;
		if (got < 0 && errno != EINTR)
			return err_sys(e, "cannot learn how a command ended");
		if (!place_go_on(q->p, until, e))
			return false;
		clock_sleep_ms(nap);
	}
	q->pid = -1;
	ret->code = spawn_code(status);
	ret->sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return true;
}

/* Our own process and its group; what runs elsewhere is ended before. */
static void
pipe_drop(struct place_proc *q)
{
	int64_t until = clock_mono_ms() + 2000;

	io_close(&q->in);
	io_close(&q->out);
	io_close(&q->err);
	if (q->pid <= 1)
		return;
	(void)kill(-q->pid, SIGTERM);
	while (waitpid(q->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ms() > until) {
			(void)kill(-q->pid, SIGKILL);
			(void)waitpid(q->pid, NULL, 0);
			break;
		}
		clock_sleep_ms(5);
	}
	/* until nobody of its group is left: killed is not yet gone */
	for (int nap = 0; kill(-q->pid, SIGKILL) == 0 && nap < 200; nap++)
		clock_sleep_ms(5);
	q->pid = -1;
}

const struct place_carrier place_carrier_here = { pipe_start, pipe_read,
	pipe_write, pipe_shut, pipe_wait, pipe_ended, pipe_drop };
const struct place_carrier place_carrier_system = { system_start, pipe_read,
	pipe_write, pipe_shut, pipe_wait, pipe_ended, pipe_drop };
