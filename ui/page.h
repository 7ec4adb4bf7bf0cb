/*
 * page: a text over the screen, as high as it is long, to read and scroll: help,
 * details, the brief. A row "keys<TAB>words" has its words in a column; a row without a tab
 * that stands alone is a heading only in help.
 */
#ifndef UI_PAGE_H
#define UI_PAGE_H

#include "ui/canvas.h"
#include "ui/keys.h"
#include "ui/pane.h"

struct page {
	char *title, *text;
	int top, rows, height;
};

void page_set(struct page *p, const char *title, const char *text);
/* REACT_PASS: not a request of scrolling. */
enum react page_request(struct page *p, enum request r);
void page_paint(struct page *p, struct canvas *c);
void page_release(struct page *p);

#endif
