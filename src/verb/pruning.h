/*
 * pruning: retention as the nightly does it, after a run that proved everything:
 * the plan is said and journaled, then exactly that is done, on every store of the
 * site that could be read.
 *
 *	struct pruned p = PRUNED_INIT;
 *	pruning_run(&saving, cancelled, ctx, &p);
 *	if (p.left > 0) ...			what is still there was said
 *	pruned_release(&p);
 *
 * Nothing is removed without a line of its own in the journal before it.
 */
#ifndef VERB_PRUNING_H
#define VERB_PRUNING_H

#include "verb/saving.h"

struct pruned {
	size_t removed, promoted, left, unread;	/* unread: stores */
	int64_t freed;			/* bytes */
	struct buf json;		/* the items as objects, with commas */
};
#define PRUNED_INIT { .json = BUF_INIT }

void pruning_run(struct saving *s, struct pruned *ret);
void pruned_release(struct pruned *p);

#endif
