/*
 * watch: the live picture. One round of readings, or the feed that every console
 * of a state directory shares.
 *
 *	struct readings all = { 0 };
 *	watch_some(&site, &state, NULL, 0, 15000, clock_mono_ms() + 5000, &all);
 *	const struct reading *r = readings_find(&all, "disk", "backup");
 *
 * Nothing here blocks longer than its deadline: every probe runs in a child that
 * is given up when it hangs.
 */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "record/state.h"
#include "site/site.h"
#include "reading/reading.h"

struct watch_want {
	const char *kind, *name;	/* name NULL: all of the kind */
};

/* Every target that is wanted (none given: all) read once, in parallel. What did
 * not come by the deadline is in *ret as unknown. state may be NULL. */
void watch_round(const struct site *site, const struct state *state,
    const struct watch_want *want, size_t n, int64_t deadline_ms,
    struct readings *ret);

/* The newest readings: the running feed's when every one that is wanted is
 * younger than max_age_ms (0: never), else a round. */
void watch_some(const struct site *site, const struct state *state,
    const struct watch_want *want, size_t n, int64_t max_age_ms,
    int64_t deadline_ms, struct readings *ret);

/* ---- the feed ----------------------------------------------------------- */

/* In a child of the feed, every few seconds: what changed since, a line each (an
 * unchanged reading once a minute). */
struct watch_keeper {
	void (*keep)(void *ctx, const char *lines, size_t n);
	void *ctx;
};

/* Serves until nobody has listened for unused_ms; ERR_BUSY: another one does. */
bool watch_serve(const struct site *site, const struct state *state,
    int64_t unused_ms, const struct watch_keeper *keeper, struct err *e);
/* Whether one does. */
bool watch_serves(const struct state *state);
/* Something was done: one that runs reads everything again, at once. */
void watch_stir(const struct state *state);
/* A listener's descriptor: first the newest reading of every target, then each
 * new one as it comes, a line each. Starts a feed when none runs (argv of it; it gets
 * what we hold of secrets by a pipe, --secrets-fd).
 * -1 with e. */
int watch_connect(const struct state *state, const char *const *start_argv,
    int64_t deadline_ms, struct err *e);

#endif
