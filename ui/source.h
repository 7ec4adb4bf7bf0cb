/*
 * source: fills the console's model from its two children, in the console's loop.
 *
 *	struct source s = { .want = { .config = path } };
 *	options.source = source_of(&s);
 */
#ifndef UI_SOURCE_H
#define UI_SOURCE_H

#include "ui/children.h"
#include "ui/console.h"

struct source {
	struct children_want want;

	/* its own */
	struct talk talk;
	struct children kids;
	struct loop *loop;
	int fds[CHILDREN_POLLS];	/* that hang in the loop */
	size_t n_fds;
	uint64_t timer;
};

struct console_source source_of(struct source *s);

#endif
