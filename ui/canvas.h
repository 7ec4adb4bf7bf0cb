/*
 * canvas: the screen as a grid of cells, each a character and what it means (its
 * role). Panes paint here and nowhere else; ui/term.c brings the grid to the
 * terminal, tests write it to a file. It needs no terminal and does not fail:
 * what lies outside is clipped.
 *
 *	struct canvas c = { 0 };
 *	canvas_resize(&c, 80, 24);
 *	canvas_clear(&c);
 *	canvas_box(&c, canvas_whole(&c), "live", true);
 *	canvas_put(&c, 2, 1, ROLE_WARNING, reading->text);
 *	canvas_release(&c);
 *
 * Every text goes through text_clean() on its way in, so foreign bytes may be
 * handed over as they are. A cell holds one character with its combining marks;
 * a wide character takes two cells, and one that does not fit wholly is a
 * blank. Emoji, whose width terminals do not agree on, are shown as <U+1F525>.
 * With `ascii` set only ASCII is put in; our own marks have ASCII forms.
 *
 * Coordinates begin at 0 in the upper left corner of the canvas's view, and w
 * and h are the view's; canvas_enter() narrows it, so that a pane paints from
 * (0, 0) and cannot paint beyond its area:
 *
 *	struct area before = canvas_enter(&c, (struct area){ 1, 1, 78, 5 });
 *	pane->ops->paint(pane, &c);
 *	canvas_leave(&c, before);
 */
#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ui/role.h"

enum { CELL_BYTES = 14, CANVAS_MAX_W = 500, CANVAS_MAX_H = 300 };

struct cell {
	char text[CELL_BYTES];	/* UTF-8, terminated; "" right of a wide one */
	uint8_t width;		/* 1 or 2; 0: the right half of a wide one */
	uint8_t role;
};

struct area {
	int x, y, w, h;
};

struct canvas {
	int w, h;		/* of the view */
	bool ascii;
	/* Where the terminal's cursor stands, absolute; -1: nobody said. */
	int cursor_x, cursor_y;

	/* the canvas's own */
	struct cell *cells;
	int grid_w, grid_h;
	int left, top;		/* of the view */
};

/* Marks of our own that have an ASCII form; one column each unless said. */
#define GLYPH_LIST(X)							\
	X(OK, "\u2713", "v")						\
	X(BAD, "\u2717", "x")						\
	X(UNKNOWN, "?", "?")						\
	X(RUN, "\u25ba", ">")						\
	X(UP, "^", "^")							\
	X(DOWN, "v", "v")						\
	X(CUT, "~", "~")	/* text was cut here */			\
	X(FULL, "#", "#")	/* of a bar */				\
	X(EMPTY, "\u2591", ".")						\
	X(H, "\u2500", "-")						\
	X(V, "\u2502", "|")						\
	X(UL, "\u250c", "+")						\
	X(UR, "\u2510", "+")						\
	X(LL, "\u2514", "+")						\
	X(LR, "\u2518", "+")						\
	X(FOCUS_H, "\u2550", "=")					\
	X(FOCUS_V, "\u2551", "#")					\
	X(FOCUS_UL, "\u2554", "#")					\
	X(FOCUS_UR, "\u2557", "#")					\
	X(FOCUS_LL, "\u255a", "#")					\
	X(FOCUS_LR, "\u255d", "#")

#define GLYPH_ENUM_(id, utf8, ascii) GLYPH_##id,
enum glyph { GLYPH_LIST(GLYPH_ENUM_) GLYPH_COUNT };
#undef GLYPH_ENUM_

/* Blank, role text, the view is the whole, no cursor. Sizes are kept within
 * 1..CANVAS_MAX; a zeroed canvas is valid. */
void canvas_resize(struct canvas *c, int w, int h);
void canvas_clear(struct canvas *c);
void canvas_release(struct canvas *c);

struct area canvas_whole(const struct canvas *c);
struct area canvas_enter(struct canvas *c, struct area a); /* the one before */
void canvas_leave(struct canvas *c, struct area before);

/* All of these return the columns that the text takes (also where clipped). */
int canvas_put(struct canvas *c, int x, int y, enum role role, const char *s);
int canvas_putn(struct canvas *c, int x, int y, enum role role, const char *s,
    size_t n);
int canvas_printf(struct canvas *c, int x, int y, enum role role,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int canvas_glyph(struct canvas *c, int x, int y, enum role role,
    enum glyph glyph);
/* The mark of a role, in that role; 0 columns when it has none. */
int canvas_mark(struct canvas *c, int x, int y, enum role role);

/* Exactly w columns: cut with a ~ or filled with blanks. */
void canvas_fit(struct canvas *c, int x, int y, int w, enum role role,
    const char *s);
/* The same, with the end of the text at the right edge (numbers). */
void canvas_right(struct canvas *c, int x, int y, int w, enum role role,
    const char *s);
/* Broken at blanks over the rows of the area; newlines break too. Returns the
 * rows that the whole text takes, which may be more than the area has. */
int canvas_wrap(struct canvas *c, struct area a, enum role role, const char *s);
/* The same without its first rows (scrolled); returns all rows. */
int canvas_wrap_from(struct canvas *c, struct area a, int skip, enum role role,
    const char *s);

void canvas_fill(struct canvas *c, struct area a, enum role role,
    const char *one);		/* one: a character of one column */
void canvas_role(struct canvas *c, struct area a, enum role role);
/* A frame, its title in it; heavy (other shape, not colour) has the focus. */
void canvas_box(struct canvas *c, struct area a, const char *title, bool heavy);
/* A line of w columns with a title in it, as panes are headed. */
void canvas_rule(struct canvas *c, int x, int y, int w, const char *title,
    bool heavy);
/* In the last row of a box: how many do not fit in it, if any. */
void canvas_more(struct canvas *c, int rows);
/* done of total as a bar of w columns: ####.... */
void canvas_bar(struct canvas *c, int x, int y, int w, enum role role,
    int64_t done, int64_t total);
/* n values as n columns, from nothing to the highest of them: a tenth more looks
 * like a tenth more. */
void canvas_spark(struct canvas *c, int x, int y, enum role role,
    const int64_t *values, size_t n);
/* The cursor stands here (in the view); outside it is clipped to the view. */
void canvas_cursor(struct canvas *c, int x, int y);

/* Columns that a text would take, as canvas_put counts them. */
int canvas_width(const struct canvas *c, const char *s);
const struct cell *canvas_cell(const struct canvas *c, int x, int y);

/* The grid as text for people and goldens: the rows without blanks at their
 * end, then (with roles) a letter a cell, and the letters' meaning. */
void canvas_dump(const struct canvas *c, bool with_roles, struct buf *out);
bool canvas_same(const struct canvas *a, const struct canvas *b);

#endif
