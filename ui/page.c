#include "ui/page.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN = 19, NARROW = 60, INDENT = 2, PAGE_MIN = 5 };

void
page_set(struct page *p, const char *title, const char *text)
{
	page_release(p);
	p->title = xstrdup(title);
	p->text = xstrdup(text);
}

void
page_release(struct page *p)
{
	free(p->title);
	free(p->text);
	*p = (struct page){ .title = NULL };
}

enum react
page_request(struct page *p, enum request r)
{
	struct list l = { .n = p->rows - p->height + 1, .at = p->top };
	enum react did;

	if (l.n < 1)
		l.n = 1;
	did = list_request(&l, r, p->height > 2 ? p->height : 2);
	p->top = l.at;
	return did;
}

static int
paint_text(const struct page *p, struct canvas *c)
{
	char *text = xstrdup(p->text);
	int row = -p->top;

	for (char *s = text, *end; s != NULL && *s != '\0'; s = end) {
		char *tab;
		int x = 0;

		end = strchr(s, '\n');
		if (end != NULL)
			*end++ = '\0';
		tab = strchr(s, '\t');
		if (tab != NULL) {
			*tab = '\0';
			(void)canvas_put(c, 1, row, ROLE_STRONG, s);
			x = c->w < NARROW ? INDENT : COLUMN;
			row += x == INDENT && *s != '\0';
			s = tab + 1;
		}
		if (*s == '\0')
			row++;
		row += canvas_wrap_from(c, (struct area){ x, row < 0 ? 0 : row,
		    c->w - x, c->h }, row < 0 ? -row : 0, ROLE_TEXT, s);
	}
	free(text);
	return row + p->top;
}

/* Rows of the whole text in so many columns. */
static int
rows_of(const struct page *p, int w, bool ascii)
{
	struct canvas counting = { .w = w, .ascii = ascii };
	struct page whole = *p;

	whole.top = 0;
	return paint_text(&whole, &counting);
}

/* No higher than its text: the panes below go on showing what happens. */
void
page_paint(struct page *p, struct canvas *c)
{
	int h = rows_of(p, c->w - 2, c->ascii) + 2;
	struct area before, outer;

	outer = canvas_enter(c, (struct area){ 0, 0, c->w, h < PAGE_MIN ?
	    PAGE_MIN : h });
	canvas_fill(c, canvas_whole(c), ROLE_TEXT, " ");
	canvas_box(c, canvas_whole(c), p->title, true);
	before = canvas_enter(c, (struct area){ 1, 1, c->w - 2, c->h - 2 });
	p->height = c->h;
	p->rows = paint_text(p, c);
	if (p->top > 0 && p->top > p->rows - p->height) {
		p->top = p->rows > p->height ? p->rows - p->height : 0;
		canvas_fill(c, canvas_whole(c), ROLE_TEXT, " ");
		(void)paint_text(p, c);
	}
	canvas_cursor(c, 0, 0);
	canvas_leave(c, before);
	canvas_more(c, p->rows - p->top - p->height);
	canvas_leave(c, outer);
}
