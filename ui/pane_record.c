/*
 * record: the timeline as it is written, newest at the end. What has been handed over
 * and is not durable yet says so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/panes.h"

enum { TIME_W = 8, KIND_W = 15, BY_W = 8 };

struct row {
	int64_t seq;
	char time[16], by[24], kind[24];
	char *text;
	bool key, pinned, corrected, saving;
};

struct record {
	struct list list;
	VEC(struct row) rows;
	bool story;			/* key moments and pins only */
	bool away;			/* somebody looks further up */
};

static void
rows_clear(struct record *rec)
{
	for (size_t i = 0; i < rec->rows.n; i++)
		free(rec->rows.v[i].text);
	rec->rows.n = 0;
}

static int
record_recalc(struct pane *p, const struct model *m, int width)
{
	struct record *rec = p->state;
	bool at_end = !rec->away;

	(void)width;
	rows_clear(rec);
	for (size_t i = 0; i < m->record.v.n; i++) {
		const struct model_entry *en = &m->record.v.v[i];
		struct row *row;

		/* the star of the line that it is about says it */
		if (strcmp(en->kind, "pin") == 0 && en->text[0] == '\0')
			continue;
		if (rec->story && !en->key && !en->pinned && !en->saving)
			continue;
		row = VEC_NEW(&rec->rows);
		row->seq = en->seq;
		clock_fmt_short(row->time, en->at);
		(void)snprintf(row->by, sizeof row->by, "%.20s", en->by);
		(void)snprintf(row->kind, sizeof row->kind, "%.20s", en->kind);
		row->text = xprintf("%s%s%s", en->step, en->step[0] ? ": " : "",
		    en->corrected ? en->corrected : en->text);
		row->key = en->key;
		row->pinned = en->pinned;
		row->corrected = en->corrected != NULL;
		row->saving = en->saving;
	}
	if (at_end)
		rec->list.at = (int)rec->rows.n - 1;
	list_fit(&rec->list, (int)rec->rows.n, p->rows);
	(void)snprintf(p->title, sizeof p->title, "record%s%s%s", rec->story ?
	    ", key moments" : "", m->record.saving > 0 ? ": SAVING" : "",
	    m->record.second ? ", in the SECOND journal" : "");
	return rec->rows.n == 0 ? (m->head.state == INC_NONE ? 0 : 1) :
	    (int)rec->rows.n;
}

static void
paint_row(const struct pane *p, struct canvas *c, int y, const struct row *row,
    bool chosen)
{
	enum role plain = row->pinned || row->saving ? ROLE_STRONG :
	    row->key ? ROLE_TEXT : ROLE_DIM;
	enum role role = chosen ? ROLE_SELECT : plain;
	bool wide = c->w >= 70;
	int x = 0;
	char text[64];

	(void)p;
	if (chosen)
		canvas_fill(c, (struct area){ 0, y, c->w > WIDE_ROW ?
		    1 + TIME_W + BY_W + KIND_W + 2 : c->w, 1 }, role, " ");
	(void)canvas_put(c, 0, y, role, row->pinned ? "*" : " ");
	x = 1;
	canvas_fit(c, x, y, TIME_W, role, row->time);
	x += TIME_W + 1;
	if (wide) {
		canvas_fit(c, x, y, BY_W, role, row->by);
		x += BY_W + 1;
		canvas_fit(c, x, y, KIND_W, role, row->kind);
		x += KIND_W + 1;
	}
	if (chosen && c->w > WIDE_ROW)
		role = plain;
	(void)snprintf(text, sizeof text, "%s%s", row->saving ? "(SAVING) " : "",
	    row->corrected ? "(corrected) " : "");
	if (text[0] != '\0')
		x += canvas_put(c, x, y, chosen ? role : ROLE_CAUTION, text);
	if (c->w > x)
		canvas_fit(c, x, y, c->w - x, role, row->text);
}

static void
record_paint(const struct pane *p, struct canvas *c)
{
	const struct record *rec = p->state;

	if (rec->rows.n == 0)
		(void)canvas_put(c, 2, 0, ROLE_DIM, "nothing is written yet");
	for (int y = 0; y < c->h; y++) {
		int at = rec->list.top + y;

		if (at >= (int)rec->rows.n)
			break;
		paint_row(p, c, y, &rec->rows.v[at], p->focus &&
		    at == rec->list.at);
		if (p->focus && at == rec->list.at)
			canvas_cursor(c, 0, y);
	}
}

/* ---- what is asked of it ------------------------------------------------------------ */

static const struct model_entry *
entry_of(const struct record *rec, const struct model *m)
{
	int64_t seq = rec->rows.n > 0 ? rec->rows.v[rec->list.at].seq : 0;

	for (size_t i = 0; seq != 0 && i < m->record.v.n; i++)
		if (m->record.v.v[i].seq == seq)
			return &m->record.v.v[i];
	return NULL;
}

static enum react
page_of(const struct model_entry *en, struct wish *w)
{
	char at[40], written[40], title[48];
	struct buf b = BUF_INIT;

	clock_fmt_site(at, en->at);
	clock_fmt_site(written, en->rec);
	(void)snprintf(title, sizeof title, "line %" PRId64, en->seq);
	pane_fact(&b, "when", at);
	pane_fact(&b, "written", written);
	pane_fact(&b, "by", en->by);
	pane_fact(&b, "kind", en->kind);
	pane_fact(&b, "step", en->step);
	buf_ch(&b, '\n');
	pane_fact(&b, "text", en->text);
	pane_fact(&b, "corrected to", en->corrected);
	return wish_page(w, title, buf_detach(&b));
}

/* What comes of it is a new line at the end: one stays with the line that one has
 * chosen, and its number is said. */
static enum react
about(struct record *rec, const struct model_entry *en, struct wish *w,
    enum wish_kind kind, enum order_kind order, const char *title)
{
	if (en == NULL)
		return wish_refuse(w, "this line is not written yet");
	rec->away = true;
	w->kind = kind;
	w->title = xprintf("%s line %" PRId64 " (%s)", title, en->seq,
	    en->kind);
	w->order = (struct order){ .kind = order, .number = en->seq };
	return REACT_WISH;
}

static void
row_text(const struct pane *p, int at, struct buf *b)
{
	const struct record *rec = p->state;
	const struct row *row = &rec->rows.v[at];

	buf_printf(b, "%s %s %s %s", row->time, row->by, row->kind, row->text);
}

static enum react
record_request(struct pane *p, enum request r, const struct model *m,
    struct wish *w)
{
	struct record *rec = p->state;
	const struct model_entry *en;
	enum react react = list_request(&rec->list, r, p->rows);

	if (react == REACT_PASS)
		react = list_search(p, &rec->list, r, row_text, w);
	if (react != REACT_PASS) {
		rec->away = rec->list.at + 1 < (int)rec->rows.n;
		return react;
	}
	en = entry_of(rec, m);
	switch (r) {
	case REQ_OPEN:
	case REQ_RIGHT:
		return en != NULL ? page_of(en, w) : REACT_DONE;
	case REQ_LEFT:
		rec->story = !rec->story;
		return REACT_RECALC;
	case REQ_PIN:
		return about(rec, en, w, WISH_ORDER, ORDER_PIN, "pin");
	case REQ_CORRECT:
		return about(rec, en, w, WISH_TYPE, ORDER_CORRECT,
		    "correct");
	case REQ_BACKDATE:
		w->kind = WISH_TYPE;
		w->title = xstrdup("HH:MM and what happened then");
		w->order = (struct order){ .kind = ORDER_NOTE, .number = -1 };
		return REACT_WISH;
	case REQ_COPY:
		if (en == NULL)
			return REACT_DONE;
		w->kind = WISH_COPY;
		w->text = xstrdup(en->text);
		return REACT_WISH;
	default:
		return REACT_PASS;
	}
}

static void
record_release(struct pane *p)
{
	struct record *rec = p->state;

	rows_clear(rec);
	VEC_RELEASE(&rec->rows);
}

const struct pane_ops pane_record = {
	.name = "record", .space = SPACE_RECORD,
	.parts = MODEL_RECORD | MODEL_HEAD, .state_size = sizeof(struct record),
	.recalc = record_recalc, .paint = record_paint,
	.request = record_request, .release = record_release, .least = 2,
};
