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

/* A feed that has just begun has not read everything yet; one that hangs has
 * grown old. */
static bool
fresh(const struct readings *all, int64_t targets, int64_t max_age_ms)
{
	int64_t now = clock_wall_ms();

	for (size_t i = 0; i < all->v.n; i++) {
		const struct reading *r = &all->v.v[i];
		const struct probe *p = probe_find(r->kind);
		int64_t usual = p != NULL ? 2 * p->every_ms : 0;

		/* what is down is asked with longer and longer pauses */
		if (r->at < now - (usual > max_age_ms ? usual : max_age_ms) &&
		    r->error == NULL)
			return false;
	}
	return (int64_t)all->v.n >= targets;
}

void
watch_newest(const struct site *site, const struct state *state,
    int64_t max_age_ms, int64_t deadline_ms, struct readings *ret)
{
	struct lookout l;
	int64_t targets;

	lookout_init(&l, site, state, NULL, 0);
	targets = (int64_t)l.targets.n;
	lookout_release(&l);
	if (state != NULL && feed_ask(site, state, deadline_ms, ret) &&
	    fresh(ret, targets, max_age_ms))
		readings_sort(ret);
	else
		watch_round(site, state, NULL, 0, deadline_ms, ret);
}

bool
watch_one(const struct site *site, const struct state *state,
    const char *kind, const char *name, int64_t max_age_ms,
    int64_t deadline_ms, struct reading *ret, struct err *e)
{
	struct watch_want want = { kind, name };
	struct readings all = { 0 };
	const struct reading *r;

	*ret = (struct reading){ 0 };
	if (state != NULL && max_age_ms > 0 &&
	    feed_ask(site, state, deadline_ms, &all) &&
	    (r = readings_find(&all, kind, name)) != NULL &&
	    r->at >= clock_wall_ms() - max_age_ms)
		reading_copy(ret, r);
	else {
		watch_round(site, state, &want, 1, deadline_ms, &all);
		if (all.v.n > 0)
			reading_copy(ret, &all.v.v[0]);
	}
	readings_release(&all);
	return ret->kind != NULL || err_set(e, ERR_NOTFOUND,
	    "the site has no %s '%s'", kind, name);
}
