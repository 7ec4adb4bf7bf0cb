/*
 * children: the console's two children, each at the end of a pipe: the record's
 * keeper (`midwatch record`) and a listener of the feed (`midwatch watch`). One
 * that dies or falls silent is ended and started anew, with growing pauses; what it
 * says goes to the talk. Nothing here waits.
 *
 *	struct children l;
 *	children_begin(&l, &talk, &(struct children_want){ .config = path });
 *	n = children_polls(&l, fds, max);	poll(fds, n, children_next(&l) - now)
 *	children_turn(&l);			reads, writes, starts
 *	children_end(&l);
 */
#ifndef UI_CHILDREN_H
#define UI_CHILDREN_H

#include <poll.h>
#include <sys/types.h>

#include "ui/talk.h"

struct children_want {
	const char *config, *state;	/* NULL: the usual ones */
	const char *incident;		/* NULL: the open one */
	bool looks;			/* --read-only */
	bool no_feed;			/* there is no site file */
};

struct child {
	pid_t pid;			/* 0: not running */
	int in, out;			/* what we say and hear; -1 */
	struct buf heard;
	int64_t at, start_at;		/* monotonic: last word, next start */
	int deaths;			/* in a row */
};

struct children {
	struct talk *talk;
	struct children_want want;
	struct child keeper, feed;
};

enum { CHILDREN_POLLS = 3 };

void children_begin(struct children *l, struct talk *w,
    const struct children_want *want);
size_t children_polls(const struct children *l, struct pollfd out[CHILDREN_POLLS]);
int64_t children_next(const struct children *l);	/* monotonic ms */
void children_turn(struct children *l);
/* Words that nobody has answered yet are given up to a second. */
void children_end(struct children *l);

#endif
