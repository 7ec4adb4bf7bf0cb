#include "ui/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"

enum {
	KEEPER_SILENT_MS = 15000, FEED_SILENT_MS = 90000,
	PAUSE_MS = 250, PAUSE_MAX_MS = 10000,
	READ_MAX = 256 << 10,		/* in one turn, so that keys are heard */
	END_WAIT_MS = 1000,
};

static void
child_close(struct child *c)
{
	io_close(&c->in);
	io_close(&c->out);
	buf_clear(&c->heard);
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	c->pid = 0;
}

static void
child_lost(struct child *c)
{
	int64_t pause = PAUSE_MS << (c->deaths < 6 ? c->deaths : 6);

	child_close(c);
	c->deaths++;
	c->start_at = clock_mono_ms() + (pause < PAUSE_MAX_MS ? pause :
	    PAUSE_MAX_MS);
}

static bool
nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool
child_start(struct child *c, const char *const *argv, bool hears)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	struct spawn sp = SPAWN_INIT;

	c->at = clock_mono_ms();
	if (pipe2(out, O_CLOEXEC) != 0 || (hears && pipe2(in, O_CLOEXEC) != 0) ||
	    !nonblocking(out[0]) || (hears && !nonblocking(in[1]))) {
		io_close(&in[0]);
		io_close(&in[1]);
		io_close(&out[0]);
		io_close(&out[1]);
		return false;
	}
	sp.argv = argv;
	sp.in = in[0];
	sp.out = out[1];
	sp.session = true;		/* ctrl-C is a key of the console */
	sp.die_with_us = true;
	c->pid = spawn_start(&sp, &(struct err){ 0 });
	io_close(&in[0]);
	io_close(&out[1]);
	c->in = in[1];
	c->out = out[0];
	if (c->pid < 0)
		c->pid = 0;
	return c->pid > 0;
}

/* Options that both understand, then the verb. */
static size_t
common(const struct children *l, const char **argv, const char *verb)
{
	size_t n = 0;

	argv[n++] = "/proc/self/exe";
	if (l->want.config != NULL) {
		argv[n++] = "--config";
		argv[n++] = l->want.config;
	}
	if (l->want.state != NULL) {
		argv[n++] = "--state";
		argv[n++] = l->want.state;
	}
	argv[n++] = verb;
	return n;
}

static void
keeper_start(struct children *l)
{
	const char *argv[12];
	size_t n = common(l, argv, "record");

	if (l->want.incident != NULL) {
		argv[n++] = "--incident";
		argv[n++] = l->want.incident;
	}
	if (l->want.looks)
		argv[n++] = "--looks";
	argv[n] = NULL;
	if (child_start(&l->keeper, argv, true))
		talk_keeper_back(l->talk);
	else
		child_lost(&l->keeper);
}

static void
feed_start(struct children *l)
{
	const char *argv[12];
	size_t n = common(l, argv, "watch");

	argv[n] = NULL;
	if (!child_start(&l->feed, argv, false))
		child_lost(&l->feed);
}

void
children_begin(struct children *l, struct talk *w, const struct children_want *want)
{
	*l = (struct children){ .talk = w, .want = *want };
	l->keeper.in = l->keeper.out = l->feed.in = l->feed.out = -1;
	children_turn(l);
}

size_t
children_polls(const struct children *l, struct pollfd out[CHILDREN_POLLS])
{
	size_t n = 0;

	if (l->keeper.out >= 0)
		out[n++] = (struct pollfd){ l->keeper.out, POLLIN, 0 };
	if (l->feed.out >= 0)
		out[n++] = (struct pollfd){ l->feed.out, POLLIN, 0 };
	if (l->keeper.in >= 0 && l->talk->out.n > 0)
		out[n++] = (struct pollfd){ l->keeper.in, POLLOUT, 0 };
	return n;
}

static int64_t
child_next(const struct child *c, int64_t silent_ms)
{
	return c->pid == 0 ? c->start_at : c->at + silent_ms;
}

int64_t
children_next(const struct children *l)
{
	int64_t a = child_next(&l->keeper, KEEPER_SILENT_MS);
	int64_t b = child_next(&l->feed, FEED_SILENT_MS);

	return l->want.no_feed || a < b ? a : b;
}

/* False: it is gone. */
static bool
child_read(struct children *l, struct child *c)
{
	size_t begin = 0, got = 0;
	ssize_t n = 1;
	bool gone;

	while (got < READ_MAX &&
	    (n = io_read_some(c->out, &c->heard, 64 << 10)) > 0) {
		got += (size_t)n;
		c->at = clock_mono_ms();
		c->deaths = 0;
	}
	gone = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	for (size_t i = 0; i < c->heard.n; i++)
		if (c->heard.p[i] == '\n') {
			talk_hear(l->talk, c->heard.p + begin, i - begin,
			    clock_wall_ms());
			begin = i + 1;
		}
	buf_drop(&c->heard, begin);
	return !gone;
}

static bool
keeper_write(struct children *l)
{
	struct buf *out = &l->talk->out;

	while (out->n > 0) {
		ssize_t n = write(l->keeper.in, out->p, out->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		buf_drop(out, (size_t)n);
	}
	return true;
}

void
children_turn(struct children *l)
{
	int64_t now = clock_mono_ms();

	if (l->keeper.pid > 0 && (!child_read(l, &l->keeper) ||
	    !keeper_write(l) || now > l->keeper.at + KEEPER_SILENT_MS)) {
		child_lost(&l->keeper);
		talk_keeper_lost(l->talk);
	}
	if (l->feed.pid > 0 && (!child_read(l, &l->feed) ||
	    now > l->feed.at + FEED_SILENT_MS)) {
		child_lost(&l->feed);
		talk_feed_lost(l->talk);
	}
	if (l->keeper.pid == 0 && now >= l->keeper.start_at)
		keeper_start(l);
	if (!l->want.no_feed && l->feed.pid == 0 && now >= l->feed.start_at)
		feed_start(l);
}

void
children_end(struct children *l)
{
	int64_t until = clock_mono_ms() + END_WAIT_MS;

	while (l->keeper.pid > 0 && talk_waiting(l->talk,
	    clock_wall_ms() + 1) > 0 && clock_mono_ms() < until) {
		(void)keeper_write(l);
		(void)io_wait_readable(l->keeper.out, clock_mono_ms() + 50);
		if (!child_read(l, &l->keeper))
			break;
	}
	/* the keeper ends by itself when we are gone, after what it is writing */
	io_close(&l->keeper.in);
	for (int i = 0; l->keeper.pid > 0 && i < 20; i++) {
		if (waitpid(l->keeper.pid, NULL, WNOHANG) != 0)
			l->keeper.pid = 0;
		else
			clock_sleep_ms(10);
	}
	child_close(&l->keeper);
	child_close(&l->feed);
	buf_release(&l->keeper.heard);
	buf_release(&l->feed.heard);
}
