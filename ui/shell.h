/*
 * shell: the console without a terminal: model and panes, the frame around them,
 * what lies over them (help, palette, dialogs, a prompt), and what keys do. It
 * paints into a canvas and answers what whoever runs it should do; tests drive
 * it the same way.
 *
 *	struct shell s;
 *	shell_init(&s, &model, &keys);
 *	shell_pane(&s, &pane_live);			in the order of their digits
 *	want = shell_key(&s, key, now);			SHELL_... bits
 *	shell_paint(&s, &canvas, now);
 *	shell_release(&s);
 */
#ifndef UI_SHELL_H
#define UI_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "ui/canvas.h"
#include "ui/choose.h"
#include "ui/dialog.h"
#include "ui/keys.h"
#include "ui/line.h"
#include "ui/model.h"
#include "ui/news.h"
#include "ui/notes.h"
#include "ui/page.h"
#include "ui/palette.h"
#include "ui/pane.h"
#include "ui/press.h"

enum {
	SHELL_PAINT = 1,	/* something is to be painted */
	SHELL_QUIT = 2,
	SHELL_SUSPEND = 4,
	SHELL_REDRAW = 8,	/* everything, whatever stands there */
	SHELL_FORGET = 16,	/* throw away what was typed ahead */
	SHELL_MOUSE = 32,	/* on, or off again */
	SHELL_COPY = 64,	/* s->copy */
	SHELL_BELL = 128,
};

enum { SHELL_PANES = 9, MESSAGE_MS = 8000, BRIEF_MS = 15 * 60000, NARROW_W = 40, NARROW_H = 10 };

enum over { OVER_NONE, OVER_PAGE, OVER_PALETTE, OVER_DIALOG, OVER_PROMPT,
	OVER_CHOOSE };

struct shell {
	struct model *model;
	const struct keys *keys;
	struct pane *panes[SHELL_PANES];
	struct area at[SHELL_PANES];	/* h 0: not shown */
	int n, focus;
	bool zoom, low;
	bool held;		/* the picture stands still */
	int64_t held_since;
	unsigned held_parts;
	int64_t rtt_ms;		/* of the link; 0: not known */
	int64_t every_ms;	/* between pictures of what comes in; 0: at once */

	enum over over;
	struct page page;
	struct palette palette;
	struct dialog dialog;
	struct line prompt;
	struct wish asked;	/* what dialog or prompt will do */
	struct line drafts[ORDER_COUNT];	/* begun and left */
	bool leaving;		/* the dialog is about leaving */
	struct choose choose;
	struct press press;	/* a button on its way */
	bool pressing;		/* the prompt is a button's */
	bool behind;		/* and the page is what it is about */
	bool planning;		/* its plan is being made */
	bool searching;		/* the prompt is for words to look for */
	char *needle;
	uint64_t paged;		/* pages of verbs that were seen */

	char message[256];
	bool bad;
	int64_t message_until;
	uint64_t answered;
	char *copy;
	struct notes problems;	/* with themes, keys, the terminal */
	struct area room;	/* of the panes, at the last layout */
	unsigned dirty;		/* parts of the model that panes have not seen */
	bool layout;		/* has to be worked out again */
	int64_t last_key;	/* 0: none yet */
	struct news news;
	bool attached;		/* taken up again: brief once it is known */
	bool briefing;		/* the page is the card of where we are ... */
	bool unasked;		/* a page that came by itself */
	int64_t away;		/* nobody pressed a key from then on (wall ms) */
	int64_t last_key_wall;
};

void shell_init(struct shell *s, struct model *m, const struct keys *k);
void shell_pane(struct shell *s, const struct pane_ops *ops);
void shell_release(struct shell *s);

unsigned shell_key(struct shell *s, uint32_t key, int64_t now);
unsigned shell_paste(struct shell *s, const char *text, size_t n, bool cut,
    int64_t now);
unsigned shell_click(struct shell *s, int x, int y, int button, int64_t now);
/* A text to be read, over the panes. */
int shell_pane_of(const struct shell *s, enum request r);
unsigned shell_page(struct shell *s, const char *title, const char *text);
/* brief.c: the card, which stays true while it lies there; and goes when something
 * begins to run that it would cover, if nobody asked for it. */
unsigned shell_brief(struct shell *s, bool unasked);
bool shell_wants_brief(const struct shell *s);
unsigned shell_brief_turn(struct shell *s, unsigned parts);
/* As if the request's key had been pressed. */
unsigned shell_request(struct shell *s, enum request r, uint32_t key,
    int64_t now);
/* The model changed: takes model->changed and the answers to orders. */
unsigned shell_changed(struct shell *s, int64_t now);
/* What is being written when the console has to end at once becomes a note. */
void shell_rescue(struct shell *s);
void shell_say(struct shell *s, bool bad, int64_t now, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* When it wants to be painted although nothing happened (a message that ends, a
 * minute that passes); -1: never. */
int64_t shell_deadline(const struct shell *s, int64_t now);

void shell_paint(struct shell *s, struct canvas *c, int64_t now);
void shell_title(const struct shell *s, char out[160]);

/* ---- parts, in files of their own ---------------------------------------- */

/* shell_layout.c: which panes are shown where in these rows. */
void shell_layout(struct shell *s, struct area room);
/* head.c: header, triage, what to do now; the rows they take. */
int head_paint(const struct shell *s, struct canvas *c);
void head_tiny(const struct shell *s, struct canvas *c);
void head_buttons(const struct shell *s, struct canvas *c, int y);
void head_bottom(const struct shell *s, struct canvas *c, int y);
/* shell_wish.c */
unsigned shell_grant(struct shell *s, struct wish *w, int64_t now);
void shell_dialog(struct shell *s, const char *title, int64_t now);
unsigned shell_prompt(struct shell *s, enum order_kind kind, const char *title,
    const char *what);
unsigned shell_prompt_done(struct shell *s, int64_t now);
/* Asks for the title; the alarm (NULL: the worst reading) is its evidence, and the
 * title of who has none. */
unsigned shell_open(struct shell *s, const char *alarm, int64_t now);
void shell_prompt_leave(struct shell *s);
unsigned shell_answer(struct shell *s, int button, int64_t now);
unsigned shell_leave(struct shell *s, int64_t now);
/* shell_press.c: a button, by its key or from the palette; and on its way. */
unsigned shell_press(struct shell *s, enum request r, int64_t now);
unsigned shell_chose(struct shell *s, int row, int64_t now);
unsigned shell_pressed_text(struct shell *s, const char *text, int64_t now);
unsigned shell_paged(struct shell *s, int64_t now);
/* brief.c: the re-brief card; the caller frees. */
char *shell_notices(const struct shell *s);

#endif
