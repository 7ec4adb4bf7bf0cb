/*
 * term: the terminal, and the only file that knows curses.
 *
 * Curses decides what has to be sent for a changed screen and writes it into
 * memory of ours; term moves those bytes to the terminal, which is open without
 * blocking, and starts no frame before the last one has left. So a terminal that
 * is stalled costs nothing, and a slow one gets fewer frames, never a queue of
 * them. Modes are set here, keys are decoded in ui/input.c, and no question is
 * ever sent to the terminal.
 *
 *	struct term *t = term_open(&options, &theme, &problems, &e);
 *	term_size(t, &w, &h);
 *	poll term_fd(t) for term_events(t):
 *		term_read(t, &input) and term_flush(t): false, it is gone
 *	if (term_ready(t)) term_paint(t, &canvas);
 *	term_close(t);			clean, as it was found
 *
 * While it is open, ui/guard.c gives it back should we crash or be killed.
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ui/canvas.h"
#include "ui/input.h"
#include "ui/notes.h"
#include "ui/theme.h"

struct term;

struct term_options {
	const char *name;	/* NULL: $TERM */
	bool ascii;		/* else by the locale */
	bool no_color;		/* NO_COLOR does the same */
	bool no_bell;
	bool mouse;
};

/* Whether there is a terminal that a full screen can be painted on; e says why
 * not (then the plain mode is right). */
bool term_possible(const struct term_options *o, struct err *e);
/* An unknown TERM falls back through what is nearest, which problems say. */
struct term *term_open(const struct term_options *o, const struct theme *theme,
    struct notes *problems, struct err *e);
void term_close(struct term *t);

int term_fd(const struct term *t);
short term_events(const struct term *t);
bool term_read(struct term *t, struct input *in, int64_t now);
bool term_flush(struct term *t);
/* The last frame has left for the terminal. */
bool term_ready(const struct term *t);
void term_paint(struct term *t, const struct canvas *c);
void term_redraw(struct term *t);	/* the next frame paints everything */
void term_theme(struct term *t, const struct theme *theme);

/* 0x0 counts as 80x24. */
void term_size(const struct term *t, int *w, int *h);
void term_resize(struct term *t, int w, int h);
bool term_ascii(const struct term *t);
int term_colours(const struct term *t);		/* 256, 16, 8 or 0 */
const char *term_name(const struct term *t);	/* the one that is used */

/* What a terminal of that name can do here; nothing is sent to it. */
struct term_facts {
	char asked[64], used[64];	/* used is "" when none is known */
	char tried[160];		/* all names, in order */
	bool modern;	/* takes title, bracketed paste, mouse and clipboard */
	bool full, scrolls;	/* a screen of its own; rows can be scrolled */
	int colours;			/* as the description says, not as used */
};
void term_look_up(const char *name, struct term_facts *f);

void term_title(struct term *t, const char *title);	/* cleaned here */
void term_bell(struct term *t, int64_t now);	/* at most one in 10 s */
void term_mouse(struct term *t, bool on);
/* Hands text to the terminal's clipboard; no terminal ever says whether it took
 * it. False: it is too long or the terminal has none. */
bool term_clip(struct term *t, const char *text, size_t n);
/* What was typed and not yet read is thrown away. */
void term_forget(struct term *t);

/* The terminal as it was found, until term_resume(). */
void term_leave(struct term *t);
void term_resume(struct term *t);

/* For tests and `doctor --terminal`: bytes and frames so far. */
int64_t term_bytes(const struct term *t);
int64_t term_frames(const struct term *t);

#endif
