/*
 * console: the shell on a real terminal. One thread and one loop; terminal,
 * signals, timers and whoever fills the model call back, and a frame is painted
 * at the end of a turn if something changed: at once after a key, else at most
 * ten times a second (fewer on a slow link), and never before the last one left.
 *
 *	struct console_options o = { .panes = panes, .n_panes = n };
 *	status = console_run(&o, &e);
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "site/site.h"
#include "ui/loop.h"
#include "ui/model.h"
#include "ui/pane.h"
#include "ui/term.h"

/* Whoever fills the model: begins when the terminal is open, hangs its
 * descriptors and timers into the loop, and calls model_changed(). */
struct console_source {
	void *ctx;
	bool (*start)(void *ctx, struct loop *l, struct model *m,
	    struct err *e);
	void (*stop)(void *ctx);
};

struct console_options {
	struct term_options term;
	const char *theme;		/* NULL: $MIDWATCH_THEME, else any */
	const char *keys;		/* path of keys.cfg, NULL: none */
	const struct site *site;	/* may be NULL */
	bool read_only, low;
	const struct pane_ops *const *panes;
	size_t n_panes;
	struct console_source source;	/* start NULL: nobody fills it */
	struct model *model;		/* filled so far; the console's to change */
};

/* Exit status: 0, or 128 + the signal that ended it (a vanished terminal counts
 * as SIGHUP); 2 with e when it could not begin. */
int console_run(const struct console_options *o, struct err *e);

#endif
