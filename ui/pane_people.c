/*
 * people: phone numbers, and who was told what and when.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/panes.h"

enum { WHO_W = 22, PHONE_W = 20 };

struct row {
	char *who, *phone, *rest;
	bool told;
};

struct people {
	struct list list;
	VEC(struct row) rows;
};

static void
rows_clear(struct people *pp)
{
	for (size_t i = 0; i < pp->rows.n; i++) {
		free(pp->rows.v[i].who);
		free(pp->rows.v[i].phone);
		free(pp->rows.v[i].rest);
	}
	pp->rows.n = 0;
}

static int
people_recalc(struct pane *p, const struct model *m, int width)
{
	struct people *pp = p->state;

	(void)width;
	rows_clear(pp);
	for (size_t i = 0; i < m->people.v.n; i++) {
		const struct model_person *one = &m->people.v.v[i];
		struct row *row = VEC_NEW(&pp->rows);
		char at[16];

		clock_fmt_short(at, one->told_at);
		row->who = xstrdup(one->who ? one->who : "?");
		row->phone = xstrdup(one->phone ? one->phone : "");
		row->told = one->told != NULL && one->told_at != 0;
		row->rest = row->told ? xprintf("told %s at %.5s", one->told,
		    at) : one->told != NULL ? xprintf("TO BE TOLD: %s",
		    one->told) : xprintf("on: %s", one->on ? one->on : "");
	}
	list_fit(&pp->list, (int)pp->rows.n, p->rows);
	(void)snprintf(p->title, sizeof p->title, "people%s%.60s",
	    m->people.channel && *m->people.channel ? ", channel " : "",
	    m->people.channel ? m->people.channel : "");
	/* they are one key away, and stand by themselves only where they take
	 * no room from others */
	return p->focus || p->roomy ? (pp->rows.n > 0 ? (int)pp->rows.n : 1) : 0;
}

static void
people_paint(const struct pane *p, struct canvas *c)
{
	const struct people *pp = p->state;
	bool narrow = c->w < 60;
	int who_w = narrow ? c->w / 2 : WHO_W;

	if (pp->rows.n == 0)
		(void)canvas_put(c, 2, 0, ROLE_DIM,
		    "the site names no contacts");
	for (int y = 0; y < c->h; y++) {
		int at = pp->list.top + y, x = who_w + 3;
		const struct row *row;
		enum role role;

		if (at >= (int)pp->rows.n)
			break;
		row = &pp->rows.v[at];
		role = p->focus && at == pp->list.at ? ROLE_SELECT : ROLE_TEXT;
		if (role == ROLE_SELECT)
			canvas_fill(c, (struct area){ 0, y, c->w, 1 }, role,
			    " ");
		canvas_fit(c, 2, y, who_w, role, row->who);
		canvas_fit(c, x, y, narrow ? c->w - x : PHONE_W, role,
		    narrow && row->phone[0] == '\0' ? row->rest : row->phone);
		x += PHONE_W + 1;
		if (!narrow && c->w > x)
			canvas_fit(c, x, y, c->w - x, role, row->rest);
		if (role == ROLE_SELECT)
			canvas_cursor(c, 2, y);
	}
}

static void
row_text(const struct pane *p, int at, struct buf *b)
{
	const struct people *pp = p->state;

	buf_printf(b, "%s %s %s", pp->rows.v[at].who, pp->rows.v[at].phone,
	    pp->rows.v[at].rest);
}

static enum react
page_of(const struct model_person *one, const char *told, struct wish *w)
{
	struct buf b = BUF_INIT;

	pane_fact(&b, "phone", one->phone);
	pane_fact(&b, "role", one->role);
	pane_fact(&b, "is told on", one->on);
	pane_fact(&b, "so far", told);
	return wish_page(w, one->who, buf_detach(&b));
}

static enum react
people_request(struct pane *p, enum request r, const struct model *m,
    struct wish *w)
{
	struct people *pp = p->state;
	const struct model_person *one;
	enum react react = list_request(&pp->list, r, p->rows);

	if (react == REACT_PASS)
		react = list_search(p, &pp->list, r, row_text, w);
	if (react != REACT_PASS || pp->rows.n == 0 ||
	    (size_t)pp->list.at >= m->people.v.n)
		return react;
	one = &m->people.v.v[pp->list.at];
	switch (r) {
	case REQ_OPEN:
	case REQ_RIGHT:
		return page_of(one, pp->rows.v[pp->list.at].rest, w);
	case REQ_TELL:
		w->order = (struct order){ .kind = ORDER_TOLD,
		    .what = xstrdup(one->who) };
		w->kind = WISH_TYPE;
		w->title = xprintf("%s was told on (open, data-risk, ...)",
		    one->who);
		if (one->told != NULL && one->told_at == 0) {
			/* what is owed is known */
			free(w->title);
			w->kind = WISH_ORDER;
			w->title = xprintf("%s was told of %s", one->who,
			    one->told);
			w->order.text = xstrdup(one->told);
		}
		return REACT_WISH;
	case REQ_COPY:
		w->kind = WISH_COPY;
		w->text = xstrdup(one->phone ? one->phone : "");
		return REACT_WISH;
	default:
		return REACT_PASS;
	}
}

static void
people_release(struct pane *p)
{
	struct people *pp = p->state;

	rows_clear(pp);
	VEC_RELEASE(&pp->rows);
}

const struct pane_ops pane_people = {
	.name = "people", .space = SPACE_PEOPLE,
	.parts = MODEL_PEOPLE, .state_size = sizeof(struct people),
	.recalc = people_recalc, .paint = people_paint,
	.request = people_request, .release = people_release, .least = 2,
};
