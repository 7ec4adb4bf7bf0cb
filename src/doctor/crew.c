#include "doctor/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

enum { AT_ONCE = 32, REAP_MS = 500 };

static _Noreturn void
work(crew_look *look, void *ctx, size_t i, int fd, pid_t parent)
{
	struct buf out = BUF_INIT;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(1);
	look(ctx, i, &out);
	_exit(io_write_all(fd, out.p, out.n) ? 0 : 1);
}

static void
start(struct crew_task *t, crew_look *look, void *ctx, size_t i)
{
	pid_t parent = getpid();
	int fd[2] = { -1, -1 };

	t->pid = -1;
	t->fd = -1;
	t->end = CREW_DIED;
	t->out = (struct buf)BUF_INIT;
	t->until = clock_mono_ms() + t->limit_ms;
	if (pipe2(fd, O_CLOEXEC) != 0)
		return;
	t->pid = fork();
	if (t->pid == 0) {
		io_close(&fd[0]);
		work(look, ctx, i, fd[1], parent);
	}
	io_close(&fd[1]);
	if (t->pid < 0)
		io_close(&fd[0]);
	t->fd = fd[0];
}

/* A process that the kernel does not let go of is left to it. */
static void
finish(struct crew_task *t, enum crew_end end)
{
	int64_t until = clock_mono_ms() + REAP_MS;
	int status = 0;
	pid_t got;

	if (end == CREW_LATE)
		(void)kill(t->pid, SIGKILL);
	while ((got = waitpid(t->pid, &status, WNOHANG)) == 0 ||
	    (got < 0 && errno == EINTR)) {
		if (clock_mono_ms() > until)
			break;
		clock_sleep_ms(1);
	}
	io_close(&t->fd);
	t->end = end == CREW_LATE ? CREW_LATE : got == t->pid &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CREW_DONE :
	    CREW_DIED;
	t->pid = -1;
}

/* Waits for one of those that run and takes what is there. */
static void
turn(struct crew_task *tasks, size_t n)
{
	struct pollfd f[AT_ONCE];
	struct crew_task *of[AT_ONCE];
	int64_t left = INT64_MAX, now = clock_mono_ms();
	nfds_t k = 0;

	for (size_t i = 0; i < n && k < AT_ONCE; i++)
		if (tasks[i].pid > 0) {
			of[k] = &tasks[i];
			f[k++] = (struct pollfd){ .fd = tasks[i].fd,
			    .events = POLLIN };
			if (tasks[i].until - now < left)
				left = tasks[i].until - now;
		}
	(void)poll(f, k, left < 0 ? 0 : left > 1000 ? 1000 : (int)left);
	now = clock_mono_ms();
	for (nfds_t i = 0; i < k; i++)
		if (f[i].revents != 0 &&
		    io_read_some(of[i]->fd, &of[i]->out, 1 << 16) <= 0)
			finish(of[i], CREW_DONE);
		else if (now >= of[i]->until)
			finish(of[i], CREW_LATE);
}

void
crew_run(struct crew_task *tasks, size_t n, crew_look *look, void *ctx)
{
	size_t started = 0, running;

	do {
		running = 0;
		for (size_t i = 0; i < started; i++)
			running += tasks[i].pid > 0;
		for (; started < n && running < AT_ONCE; started++) {
			start(&tasks[started], look, ctx, started);
			running += tasks[started].pid > 0;
		}
		if (running > 0)
			turn(tasks, started);
	} while (running > 0 || started < n);
}

void
crew_release(struct crew_task *tasks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_release(&tasks[i].out);
}
