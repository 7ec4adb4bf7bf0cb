/*
 * pane: a part of the screen with one job. A pane is a table of functions and
 * state of its own; the console owns the frame, the focus and the layout.
 *
 * A turn of the console: keys go to the focused pane (request), then every pane
 * whose parts of the model changed works out its rows (recalc: model -> rows),
 * then all are painted (paint: rows -> cells). paint() knows no model and no
 * terminal, so a test needs only a canvas:
 *
 *	struct pane *p = pane_new(&pane_live);
 *	int rows = p->ops->recalc(p, &model, 80);
 *	p->ops->paint(p, &canvas);
 *	pane_free(p);
 *
 * A handler changes its own state and answers what should happen (enum react);
 * for everything beyond its own rows it fills in a wish. It opens no dialog and
 * gives no order by itself.
 */
#ifndef UI_PANE_H
#define UI_PANE_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/canvas.h"
#include "ui/keys.h"
#include "ui/model.h"

struct pane;

enum react {
	REACT_PASS,	/* not mine: the console may know what to do */
	REACT_DONE,	/* nothing has to be painted */
	REACT_PAINT,
	REACT_RECALC,	/* my rows change (filter, fold): recalc, then paint */
	REACT_WISH,	/* the wish says what; also painted */
};

enum wish_kind {
	WISH_NONE,
	WISH_SAY,	/* text in the message line */
	WISH_REFUSE,	/* the same, as a complaint: why it is not possible */
	WISH_PRESS,	/* request: as if its key had been pressed (a button) */
	WISH_ASK,	/* a dialog: rung, title, text ..., then the order */
	WISH_TYPE,	/* a line of text: title, text is the prompt; then the
			 * order with order.text = what was typed */
	WISH_PAGE,	/* title and text: an overlay to read and scroll */
	WISH_ORDER,	/* give the order */
	WISH_COPY,	/* text */
	WISH_FOCUS,	/* the pane whose name is text */
};

/* All strings are owned by the wish; wish_release() after it was granted. */
struct wish {
	enum wish_kind kind;
	enum request request;
	enum rung rung;
	char *title, *text;
	char *target, *command, *effect, *undo;	/* of a dialog; NULL: left out */
	struct order order;
};

void wish_release(struct wish *w);
/* These return REACT_WISH, so that a refusal is one statement. */
enum react wish_say(struct wish *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum react wish_refuse(struct wish *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum react wish_page(struct wish *w, const char *title, char *text);

/* On a row wider than that the choice shows on its names alone, not on all that is
 * said: a step down would cost as much as a small screen. */
enum { WIDE_ROW = 100 };

struct pane_ops {
	const char *name;		/* "live": heading, palette, focus */
	enum space space;		/* its keys */
	unsigned parts;			/* of the model that it shows */
	size_t state_size;
	/* Works out the rows for that width; returns how many it would like to
	 * show (0: nothing to show, the pane may be left out). Called once
	 * more when p->rows says how many it got. */
	int (*recalc)(struct pane *p, const struct model *m, int width);
	/* Into the whole of the canvas's view, which has p->rows rows or fewer.
	 * The focused pane puts the cursor on its chosen row. */
	void (*paint)(const struct pane *p, struct canvas *c);
	/* A request (never REQ_NONE). The model is here to look things up. */
	enum react (*request)(struct pane *p, enum request r,
	    const struct model *m, struct wish *w);
	void (*release)(struct pane *p);	/* may be NULL */
	int least;			/* rows below which it is left out */
};

struct pane {
	const struct pane_ops *ops;
	void *state;			/* state_size bytes, zeroed at birth */
	bool away;			/* not where what is to be done now stands */
	bool focus;
	bool roomy;			/* there are more rows than are needed */
	bool low;			/* slow link: no sparklines, no seconds */
	const char *needle;		/* what is searched for; NULL: nothing */
	int rows;			/* that it was given at the last layout */
	char title[96];			/* heading; recalc may write it */
};

/* "name<TAB>value" for a page, on one line: a foreign newline or tab would look like
 * a row of ours. NULL and "": nothing is said. */
void pane_fact(struct buf *b, const char *name, const char *value);

struct pane *pane_new(const struct pane_ops *ops);
void pane_free(struct pane *p);

/* What every list does: a chosen row kept in sight. */
struct list {
	int n, at, top;		/* rows, chosen, first one shown */
};
/* Handles UP DOWN TOP BOTTOM PAGE_* HALF_*; REACT_PASS for others. */
enum react list_request(struct list *l, enum request r, int rows);
void list_fit(struct list *l, int n, int rows);	/* after n or rows changed */
/* REQ_SEARCH, REQ_NEXT_HIT, REQ_PREV_HIT: goes to the next row whose text, as
 * text_of() has it, contains the pane's needle; round the ends. REACT_PASS for
 * others, and for a search that has no words yet. */
enum react list_search(struct pane *p, struct list *l, enum request r,
    void (*text_of)(const struct pane *p, int row, struct buf *b),
    struct wish *w);

#endif
