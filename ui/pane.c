#include "ui/pane.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct pane *
pane_new(const struct pane_ops *ops)
{
	struct pane *p = xcalloc(1, sizeof *p);

	p->ops = ops;
	p->state = xcalloc(1, ops->state_size ? ops->state_size : 1);
	(void)snprintf(p->title, sizeof p->title, "%s", ops->name);
	return p;
}

void
pane_free(struct pane *p)
{
	if (p == NULL)
		return;
	if (p->ops->release != NULL)
		p->ops->release(p);
	free(p->state);
	free(p);
}

void
wish_release(struct wish *w)
{
	free(w->title);
	free(w->text);
	free(w->target);
	free(w->command);
	free(w->effect);
	free(w->undo);
	order_release(&w->order);
	*w = (struct wish){ .kind = WISH_NONE };
}

static enum react
text_wish(struct wish *w, enum wish_kind kind, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	wish_release(w);
	w->kind = kind;
	buf_vprintf(&b, fmt, ap);
	w->text = buf_detach(&b);
	return REACT_WISH;
}

enum react
wish_say(struct wish *w, const char *fmt, ...)
{
	enum react r;
	va_list ap;

	va_start(ap, fmt);
	r = text_wish(w, WISH_SAY, fmt, ap);
	va_end(ap);
	return r;
}

enum react
wish_refuse(struct wish *w, const char *fmt, ...)
{
	enum react r;
	va_list ap;

	va_start(ap, fmt);
	r = text_wish(w, WISH_REFUSE, fmt, ap);
	va_end(ap);
	return r;
}

enum react
wish_page(struct wish *w, const char *title, char *text)
{
	wish_release(w);
	w->kind = WISH_PAGE;
	w->title = xstrdup(title);
	w->text = text;
	return REACT_WISH;
}

void
pane_fact(struct buf *b, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	buf_printf(b, "%s\t", name);
	text_clean(b, value, strlen(value), TEXT_LINE);
	buf_ch(b, '\n');
}

void
list_fit(struct list *l, int n, int rows)
{
	l->n = n;
	if (l->at >= n)
		l->at = n - 1;
	if (l->at < 0)
		l->at = 0;
	if (rows < 1)
		rows = 1;
	if (l->top > n - rows)
		l->top = n - rows;
	if (l->top < 0)
		l->top = 0;
	if (l->at < l->top)
		l->top = l->at;
	if (l->at >= l->top + rows)
		l->top = l->at - rows + 1;
}

enum react
list_search(struct pane *p, struct list *l, enum request r,
    void (*text_of)(const struct pane *p, int row, struct buf *b),
    struct wish *w)
{
	int by = r == REQ_PREV_HIT ? -1 : 1, at = l->at;
	struct buf b = BUF_INIT;
	bool hit = false;

	if ((r != REQ_SEARCH && r != REQ_NEXT_HIT && r != REQ_PREV_HIT) ||
	    p->needle == NULL)
		return REACT_PASS;
	for (int i = 0; i < l->n && !hit; i++) {
		at = (at + by + l->n) % l->n;
		buf_clear(&b);
		text_of(p, at, &b);
		hit = b.n > 0 && strcasestr(b.p, p->needle) != NULL;
	}
	buf_release(&b);
	if (!hit)
		return wish_refuse(w, "'%s' is nowhere in these %d rows",
		    p->needle, l->n);
	l->at = at;
	list_fit(l, l->n, p->rows);
	return REACT_PAINT;
}

enum react
list_request(struct list *l, enum request r, int rows)
{
	int page = rows > 1 ? rows - 1 : 1, half = rows > 2 ? rows / 2 : 1;
	int before = l->at;
	int by;

	switch (r) {
	case REQ_UP:
		by = -1;
		break;
	case REQ_DOWN:
		by = 1;
		break;
	case REQ_PAGE_UP:
		by = -page;
		break;
	case REQ_PAGE_DOWN:
		by = page;
		break;
	case REQ_HALF_UP:
		by = -half;
		break;
	case REQ_HALF_DOWN:
		by = half;
		break;
	case REQ_TOP:
		by = -l->n;
		break;
	case REQ_BOTTOM:
		by = l->n;
		break;
	default:
		return REACT_PASS;
	}
	l->at = l->at + by < 0 ? 0 : l->at + by;
	list_fit(l, l->n, rows);
	return l->at == before ? REACT_DONE : REACT_PAINT;
}
