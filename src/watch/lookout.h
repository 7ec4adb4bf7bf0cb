/*
 * lookout: everybody who is looking. Children that run the probes, one a place
 * (databases in at most eight), and the rule that whoever hangs is given up:
 * the child is killed, what it was reading is unknown, and it is tried again
 * with growing pauses. While it hangs, what else is at its place goes on in
 * another child.
 *
 * The owner polls: lookout_polls(), poll(2), lookout_turn(); each reading comes
 * out of got(), also the one that says that there was no answer.
 */
#ifndef WATCH_LOOKOUT_H
#define WATCH_LOOKOUT_H

#include <poll.h>

#include "reading/probe.h"
#include "watch/watch.h"

struct crew;
struct lookout {
	const struct site *site;
	const struct state *state;
	bool once;			/* one read of each target, then done */
	int64_t end;			/* of a round, monotonic; 0: for ever */
	pid_t owner;			/* who looks through it */
	VEC(struct target) targets;
	VEC(struct crew) crews;
	struct readings newest;		/* of every target */
	void (*got)(void *ctx, struct reading *r);	/* may add to it */
	void *ctx;
	size_t left;			/* of a round: targets still to come */
};

void lookout_init(struct lookout *l, const struct site *site,
    const struct state *state, const struct watch_want *want, size_t n);
/* One more probe (lookout_init() adds those of the table). */
void lookout_add(struct lookout *l, const struct probe *p,
    const struct watch_want *want, size_t n);
/* Starts nothing until the first turn. */
enum { CREWS_MAX = 1024 };
size_t lookout_polls(const struct lookout *l, struct pollfd *out, size_t max);
int64_t lookout_next(const struct lookout *l);	/* monotonic ms of the next turn */
void lookout_turn(struct lookout *l);
/* Everything is read again now, what was given up as well. */
void lookout_stir(struct lookout *l);
/* What has not come is unknown from here on. */
void lookout_give_up(struct lookout *l);
void lookout_release(struct lookout *l);	/* ends every child */
size_t lookout_children(const struct lookout *l);

#endif
