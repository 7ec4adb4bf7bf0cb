/*
 * crew: one child of the lookout, and what it says to it, a line each:
 *
 *	B 7			begins to read target 7
 *	R 7 {...}		its reading
 *	A			alive, with nothing to do
 */
#ifndef WATCH_CREW_H
#define WATCH_CREW_H

#include <signal.h>

#include "watch/lookout.h"

/* To a child: what it knows may have changed, it reads everything again. */
#define CREW_STIR SIGUSR1
void crew_stir_set(sigset_t *ret);

struct crew {
	const struct probe *probe;	/* of a crowd or alone; NULL: mixed */
	const struct site_place *at;
	VEC(size_t) mine;		/* indexes of targets */
	pid_t pid;			/* 0: not running */
	int fd;				/* what it says */
	struct buf in;
	int64_t heard;			/* monotonic ms of its last word */
	int64_t start_at;		/* begins then, at the earliest */
	int deaths;			/* in a row */
	bool outdated;			/* its child knows more targets than are
					 * still its own: it ends with its read */
	struct err why;			/* why it could not be started */
};

/* In the child, for ever (or once through). */
_Noreturn void crew_main(struct lookout *l, const struct crew *c, int out);
/* Until the next read: longer when reads fail. */
int64_t target_pause(const struct target *t);

#endif
