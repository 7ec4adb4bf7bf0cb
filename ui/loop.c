#include "ui/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

static int signal_end = -1;	/* where the handler writes to */

static struct loop_fd_row *
find(struct loop *l, int fd)
{
	for (size_t i = 0; i < l->fds.n; i++)
		if (l->fds.v[i].fd == fd)
			return &l->fds.v[i];
	return NULL;
}

void
loop_fd(struct loop *l, int fd, short events, loop_fd_fn *call, void *ctx)
{
	struct loop_fd_row *row = find(l, -1);

	if (row == NULL)
		row = VEC_NEW(&l->fds);
	*row = (struct loop_fd_row){ fd, events, call, ctx };
}

void
loop_want(struct loop *l, int fd, short events)
{
	struct loop_fd_row *row = find(l, fd);

	if (row != NULL)
		row->events = events;
}

void
loop_forget(struct loop *l, int fd)
{
	struct loop_fd_row *row = find(l, fd);

	if (row != NULL)
		row->fd = -1;
}

uint64_t
loop_timer(struct loop *l, int64_t at, loop_timer_fn *call, void *ctx)
{
	struct loop_timer_row *row = NULL;

	for (size_t i = 0; i < l->timers.n && row == NULL; i++)
		if (l->timers.v[i].id == 0)
			row = &l->timers.v[i];
	if (row == NULL)
		row = VEC_NEW(&l->timers);
	*row = (struct loop_timer_row){ at, ++l->last_id, call, ctx };
	return l->last_id;
}

void
loop_cancel(struct loop *l, uint64_t id)
{
	for (size_t i = 0; i < l->timers.n; i++)
		if (l->timers.v[i].id == id)
			l->timers.v[i].id = 0;
}

/* ---- signals ------------------------------------------------------------- */

static void
caught(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int kept = errno;

	if (write(signal_end, &byte, 1) != 1)
		byte = 0;	/* full: there is enough to read */
	errno = kept;
}

static void
signals_read(void *ctx, int fd, short events)
{
	struct loop *l = ctx;
	unsigned char got[64];
	ssize_t n = read(fd, got, sizeof got);

	(void)events;
	for (ssize_t i = 0; i < n; i++)
		l->signal(l->signal_ctx, got[i]);
}

bool
loop_signals(struct loop *l, const int *signals, size_t n, loop_signal_fn *call,
    void *ctx)
{
	struct sigaction sa = { .sa_handler = caught, .sa_flags = SA_RESTART };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	l->signal_pipe = ends[0];
	l->signal = call;
	l->signal_ctx = ctx;
	signal_end = ends[1];
	loop_fd(l, ends[0], POLLIN, signals_read, l);
	for (size_t i = 0; i < n; i++)
		(void)sigaction(signals[i], &sa, NULL);
	return true;
}

/* ---- a turn -------------------------------------------------------------- */

static int64_t
next_timer(const struct loop *l)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < l->timers.n; i++)
		if (l->timers.v[i].id != 0 && l->timers.v[i].at < at)
			at = l->timers.v[i].at;
	return at;
}

static int
patience(const struct loop *l, int64_t wait_ms)
{
	int64_t at = next_timer(l), now, left;

	if (at == INT64_MAX)
		return wait_ms < 0 ? -1 : (int)(wait_ms > INT_MAX ? INT_MAX :
							wait_ms);
	now = clock_mono_ms();
	left = at <= now ? 0 : at - now;
	if (wait_ms >= 0 && wait_ms < left)
		left = wait_ms;
	return (int)(left > 3600000 ? 3600000 : left);
}

/* Only timers that were there when the turn began: one that sets itself anew
 * for now waits for the next turn. */
static void
run_timers(struct loop *l)
{
	uint64_t last = l->last_id;
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < l->timers.n; i++) {
		struct loop_timer_row row = l->timers.v[i];

		if (row.id == 0 || row.id > last || row.at > now)
			continue;
		l->timers.v[i].id = 0;
		row.call(row.ctx, now);
	}
}

void
loop_turn(struct loop *l, int64_t wait_ms)
{
	size_t n = l->fds.n;
	struct pollfd *p = xcalloc(n + 1, sizeof *p);
	int ready;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ l->fds.v[i].fd, l->fds.v[i].events, 0 };
	ready = poll(p, (nfds_t)n, patience(l, wait_ms));
	for (size_t i = 0; i < n && ready > 0; i++) {
		struct loop_fd_row row = l->fds.v[i];

		if (p[i].revents != 0 && row.fd == p[i].fd && row.fd >= 0)
			row.call(row.ctx, row.fd, p[i].revents);
	}
	free(p);
	run_timers(l);
}

void
loop_release(struct loop *l)
{
	if (l->signal_pipe >= 0) {
		io_close(&l->signal_pipe);
		io_close(&signal_end);
	}
	VEC_RELEASE(&l->fds);
	VEC_RELEASE(&l->timers);
}
