/*
 * line: a line of text that somebody types: UTF-8, a cursor, the usual editing
 * keys. It is never cut: what is wider than its field scrolls, what is pasted
 * keeps every character (newlines become blanks), control characters are left
 * out and counted.
 *
 *	struct line l = LINE_INIT;
 *	line_key(&l, key)		false: not a key of editing
 *	line_paste(&l, text, n);
 *	line_paint(&l, &canvas, x, y, w);	puts the cursor
 *	l.text.p			what was typed
 *	line_release(&l);
 */
#ifndef UI_LINE_H
#define UI_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ui/canvas.h"

struct line {
	struct buf text;
	size_t at;		/* byte before which the cursor stands */
	size_t first;		/* byte at which the field begins */
	size_t dropped;		/* control characters left out */
};

#define LINE_INIT { .text = BUF_INIT }

bool line_key(struct line *l, uint32_t key);
void line_paste(struct line *l, const char *p, size_t n);
void line_set(struct line *l, const char *text);
void line_paint(struct line *l, struct canvas *c, int x, int y, int w);
void line_release(struct line *l);

#endif
