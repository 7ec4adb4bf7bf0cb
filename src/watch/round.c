/*
 * One round of readings, for `status` and for a single question.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "watch/crew.h"
#include "watch/feed.h"
#include "watch/history.h"

struct round {
	struct history past;
};

static void
got(void *ctx, struct reading *r)
{
	struct round *round = ctx;

	history_note(&round->past, r);
}

void
watch_round(const struct site *site, const struct state *state,
    const struct watch_want *want, size_t n, int64_t deadline_ms,
    struct readings *ret)
{
	struct round round = { 0 };
	struct lookout l;
	struct pollfd fds[CREWS_MAX];
	struct err e = ERR_INIT;

	lookout_init(&l, site, state, want, n);
	l.once = true;
	l.end = deadline_ms;
	l.got = got;
	l.ctx = &round;
	if (state != NULL)
		history_load(&round.past, state);
	while (l.left > 0 && clock_mono_ms() < deadline_ms) {
		size_t many;
		int64_t until;

		lookout_turn(&l);
		if (l.left == 0)
			break;
		many = lookout_polls(&l, fds, CREWS_MAX);
		until = lookout_next(&l);
		if (until > deadline_ms)
			until = deadline_ms;
		until -= clock_mono_ms();
		(void)poll(fds, many, until > 0 ? (int)until : 0);
	}
	lookout_give_up(&l);
	/* a full disk keeps no history, and that is no reason to complain */
	if (state != NULL && round.past.dirty)
		(void)history_save(&round.past, state, &e);
	history_release(&round.past);
	readings_release(ret);
	*ret = l.newest;
	l.newest = (struct readings){ 0 };
	lookout_release(&l);
	readings_sort(ret);
}

enum { FEED_MS = 1000 };	/* it answers at once, or it hangs */

/* Of the target, young enough. One from the future is of a clock that has been
 * set back since, and nobody knows how old it is. */
static bool
fresh(const struct readings *all, const struct target *t, int64_t max_age_ms)
{
	const struct reading *r = readings_find(all, t->probe->kind, t->name);
	int64_t usual = 2 * t->probe->every_ms, now = clock_wall_ms();

	if (r == NULL || r->at > now + usual)
		return false;
	/* what is down is asked with longer and longer pauses */
	return r->error != NULL || r->at >= now -
	    (usual > max_age_ms ? usual : max_age_ms);
}

/* A feed that has just begun has not read everything yet; one that hangs has
 * grown old. */
static bool
from_feed(const struct lookout *l, int64_t max_age_ms, int64_t deadline_ms,
    struct readings *ret)
{
	struct readings all = { 0 };
	int64_t now = clock_mono_ms(), quarter = (deadline_ms - now) / 4;
	bool ok = feed_ask(l->site, l->state, now +
	    (quarter < FEED_MS ? quarter : FEED_MS), &all);

	for (size_t i = 0; ok && i < l->targets.n; i++)
		ok = fresh(&all, &l->targets.v[i], max_age_ms);
	for (size_t i = 0; ok && i < l->targets.n; i++)
		readings_put(ret, readings_find(&all,
		    l->targets.v[i].probe->kind, l->targets.v[i].name));
	readings_release(&all);
	return ok;
}

void
watch_some(const struct site *site, const struct state *state,
    const struct watch_want *want, size_t n, int64_t max_age_ms,
    int64_t deadline_ms, struct readings *ret)
{
	struct lookout l;
	bool got = false;

	if (state != NULL && max_age_ms > 0) {
		lookout_init(&l, site, state, want, n);
		got = from_feed(&l, max_age_ms, deadline_ms, ret);
		lookout_release(&l);
	}
	if (got)
		readings_sort(ret);
	else
		watch_round(site, state, want, n, deadline_ms, ret);
}
