/* Several flows in one loop, as one: a component that is dumped in parallel. */
#include <stdlib.h>

#include "backup/flow_intern.h"
#include "base/clock.h"

struct many {
	const struct flow_spec *specs;
	size_t n, at_once;
	const struct flow_care *care;
	struct flow_done *done;
	struct flow *v;			/* as many as specs */
	size_t begun, running;
	bool *runs;
	bool failed;			/* and nothing is to be had of it */
	bool lacks;			/* a store that must have it has not */
	char *gone[FLOW_STORES];
	struct err *e;			/* the first failure's */
	int64_t told_ms;
};

static bool
is_somewhere(const struct flow_done *d)
{
	for (size_t i = 0; i < d->stores.n; i++)
		if (d->stores.v[i].sent)
			return true;
	return false;
}

static void
note_gone(struct many *m, const struct flow_done *d)
{
	for (size_t i = 0; i < d->stores.n && i < FLOW_STORES; i++)
		if (d->stores.v[i].gone && m->gone[i] == NULL)
			m->gone[i] = xstrdup(d->stores.v[i].why);
}

static void
over(struct many *m, size_t i)
{
	bool ok = flow_end(&m->v[i]);

	if (m->runs[i])
		m->running--;
	m->runs[i] = false;
	note_gone(m, &m->done[i]);
	if (ok)
		return;
	if (!m->failed && !m->lacks && m->e != NULL)
		*m->e = m->v[i].why;
	if (m->done[i].no_store && is_somewhere(&m->done[i]))
		m->lacks = true;
	else
		m->failed = true;
}

/* What one stream may hold several share, down to what each must have: two
 * members, and what is under way of a third. */
static size_t
room_of(const struct many *m)
{
	size_t at_once = m->at_once < m->n ? m->at_once : m->n;
	size_t room = FLOW_RING / (at_once > 0 ? at_once : 1);

	return room < FLOW_RING_LEAST ? FLOW_RING_LEAST : room;
}

static void
begin(struct many *m)
{
	while (!m->failed && m->begun < m->n && m->running < m->at_once) {
		size_t i = m->begun++;
		struct flow_spec spec = m->specs[i];

		spec.gone = m->gone;
		m->runs[i] = flow_begin(&m->v[i], &spec, m->care,
		    room_of(m), &m->done[i]);
		if (m->runs[i])
			m->running++;
		else
			over(m, i);
	}
}

static void
wait_for_something(struct many *m, struct pollfd *v)
{
	nfds_t n = 0;
	int tick = FLOW_TELL_MS;

	for (size_t i = 0; i < m->begun; i++)
		if (m->runs[i]) {
			int t = flow_polls(&m->v[i], v, &n);

			tick = t < tick ? t : tick;
		}
	(void)poll(v, n, tick);
}

/* The one that has most before it holds up all the others. */
static void
tell(struct many *m, bool last)
{
	struct flow_progress all = { .eta_ms = -1, .bottleneck = "" };
	int64_t now = clock_mono_ms(), most = -1;

	if (m->care->progress == NULL ||
	    (!last && now - m->told_ms < FLOW_TELL_MS))
		return;
	m->told_ms = now;
	for (size_t i = 0; i < m->n; i++) {
		const struct flow_progress *p = &m->v[i].now;
		int64_t left = m->specs[i].expected > p->raw ?
		    m->specs[i].expected - p->raw : 0;

		all.raw += p->raw;
		all.packed += p->packed;
		all.expected += m->specs[i].expected;
		all.acknowledged += p->acknowledged;
		if (!m->runs[i])
			continue;	/* also what never began */
		all.raw_per_s += p->raw_per_s;
		all.packed_per_s += p->packed_per_s;
		if (p->bottleneck[0] != '\0' && left > most) {
			most = left;
			all.bottleneck = p->bottleneck;
		}
	}
	if (all.expected > all.raw && all.raw_per_s > 1)
		all.eta_ms = (int64_t)((double)(all.expected - all.raw) /
		    all.raw_per_s * 1000);
	m->care->progress(m->care->ctx, &all);
}

static bool
turn(struct many *m, struct pollfd *v)
{
	bool cancelled;

	begin(m);
	if (m->running == 0)
		return false;
	wait_for_something(m, v);
	cancelled = m->failed || (m->care->cancelled != NULL &&
	    m->care->cancelled(m->care->ctx));
	for (size_t i = 0; i < m->begun; i++)
		/* one that failed ends the others, in the same turn */
		if (m->runs[i] && !flow_turn(&m->v[i], cancelled || m->failed))
			over(m, i);
	tell(m, false);
	return true;
}

bool
flow_run_all(const struct flow_spec *specs, size_t n, size_t at_once,
    const struct flow_care *care, struct flow_done *ret, struct err *e)
{
	static const struct flow_care none;
	struct many m = { .specs = specs, .n = n, .care = care ? care : &none,
	    .at_once = at_once > 0 ? at_once : 1, .done = ret, .e = e,
	    .told_ms = clock_mono_ms(),
	    .v = xcalloc(n, sizeof *m.v), .runs = xcalloc(n, sizeof *m.runs) };
	struct pollfd *v = xcalloc(n * FLOW_POLLS, sizeof *v);

	for (size_t i = 0; i < n; i++)
		flow_done_release(&ret[i]);
	while (turn(&m, v))
		;
	tell(&m, true);
	free(v);
	free(m.v);
	free(m.runs);
	for (size_t i = 0; i < FLOW_STORES; i++)
		free(m.gone[i]);
	return !m.failed && !m.lacks && n > 0;
}

bool
flow_run(const struct flow_spec *spec, const struct flow_care *care,
    struct flow_done *ret, struct err *e)
{
	return flow_run_all(spec, 1, 1, care, ret, e);
}
