/* Shared by the rows of a pre-check (precheck.c) and the site's own commands
 * (precheck_command.c). */
#ifndef ACTION_PRECHECK_INTERN_H
#define ACTION_PRECHECK_INTERN_H

#include "action/precheck.h"

struct asking {
	struct precheck *p;
	const struct precheck_ask *ask;
	const struct site *site;
	const struct state *state;
	struct cond_picture picture;	/* read once, for all rows */
	struct buf why, next;		/* of the row that is asked */
};

/* One more finding of a row: the worst wins, a no before an unknown. */
void precheck_found(struct asking *a, enum truth *worst, enum truth t,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void precheck_next(struct asking *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

enum truth precheck_commands(struct asking *a, bool *ret_none);

#endif
