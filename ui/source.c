#include "ui/source.h"

#include "base/clock.h"

enum { LOOK_MS = 1000 };

static void turn(struct source *s);

static void
readable(void *ctx, int fd, short events)
{
	(void)fd;
	(void)events;
	turn(ctx);
}

static void
late(void *ctx, int64_t now)
{
	struct source *s = ctx;

	(void)now;
	s->timer = 0;
	turn(s);
}

/* Children come and go, and with them their descriptors. */
static void
hang(struct source *s)
{
	struct pollfd fds[CHILDREN_POLLS];
	size_t n = children_polls(&s->kids, fds);
	int64_t next = children_next(&s->kids), now = clock_mono_ms();

	for (size_t i = 0; i < s->n_fds; i++)
		loop_forget(s->loop, s->fds[i]);
	for (size_t i = 0; i < n; i++) {
		loop_fd(s->loop, fds[i].fd, fds[i].events, readable, s);
		s->fds[i] = fds[i].fd;
	}
	s->n_fds = n;
	if (s->talk.asked.n > 0 && next > now + LOOK_MS)
		next = now + LOOK_MS;
	if (s->timer != 0)
		loop_cancel(s->loop, s->timer);
	s->timer = loop_timer(s->loop, next > now ? next : now + 1, late, s);
}

static void
turn(struct source *s)
{
	children_turn(&s->kids);
	if (s->talk.asked.n > 0)	/* how long they wait is shown */
		s->talk.dirty |= MODEL_NOTICES;
	talk_turn(&s->talk, clock_wall_ms());
	hang(s);
}

/* An order goes out at once. */
static bool
give(void *ctx, struct order *o, struct err *e)
{
	struct source *s = ctx;
	bool ok = talk_give(&s->talk, o, e);

	turn(s);
	return ok;
}

static bool
start(void *ctx, struct loop *l, struct model *m, struct err *e)
{
	struct source *s = ctx;

	(void)e;
	s->loop = l;
	talk_init(&s->talk, m);
	m->give = give;
	m->ctx = s;
	children_begin(&s->kids, &s->talk, &s->want);
	hang(s);
	return true;
}

static void
stop(void *ctx)
{
	struct source *s = ctx;

	if (s->loop == NULL)
		return;
	children_end(&s->kids);
	talk_release(&s->talk);
	s->talk.model->give = NULL;
	s->loop = NULL;
}

struct console_source
source_of(struct source *s)
{
	return (struct console_source){ .ctx = s, .start = start,
	    .stop = stop };
}
