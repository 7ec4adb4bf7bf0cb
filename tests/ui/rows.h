/* A pane of plain rows, one for each thing of its part of the model. */
#ifndef TESTS_UI_ROWS_H
#define TESTS_UI_ROWS_H

#include "tests/ui/canned.h"

#include "ui/pane.h"

struct rows {
	struct list list;
	int n, first;
};

TEST_HELPER int
rows_recalc(struct pane *p, const struct model *m, int width)
{
	struct rows *r = p->state;

	(void)width;
	r->n = p->ops->space == SPACE_RUNBOOK ? (int)m->steps.v.n :
	    p->ops->space == SPACE_JOB ? (int)m->output.v.n :
	    p->ops->space == SPACE_RECORD ? (int)m->record.v.n :
	    (int)m->readings.all.v.n;
	if (p->ops->space == SPACE_JOB)
		r->first = (int)m->output.lines - r->n;
	list_fit(&r->list, r->n, p->rows);
	return r->n;
}

TEST_HELPER void
rows_paint(const struct pane *p, struct canvas *c)
{
	const struct rows *r = p->state;

	for (int i = 0; i < c->h && r->list.top + i < r->n; i++) {
		bool here = r->list.top + i == r->list.at;

		(void)canvas_printf(c, 1, i, here && p->focus ? ROLE_SELECT :
		    ROLE_TEXT, "%s row %d", p->ops->name,
		    r->first + r->list.top + i + 1);
		if (here && p->focus)
			canvas_cursor(c, 0, i);
	}
}

TEST_HELPER enum react
rows_request(struct pane *p, enum request r, const struct model *m,
    struct wish *w)
{
	struct rows *rows = p->state;

	if (r == REQ_OPEN)
		return wish_page(w, "detail", xstrdup("evidence\tof this\n"));
	if (r == REQ_COPY) {
		w->kind = WISH_COPY;
		w->text = xstrdup("copied");
		return REACT_WISH;
	}
	if (r == REQ_RUN) {
		w->kind = WISH_ASK;
		w->rung = RUNG_TYPE;
		w->title = xstrdup("recover");
		w->target = xstrdup(m->steps.v.v[3].confirm);
		w->command = xstrdup(m->steps.v.v[3].command);
		w->order.kind = ORDER_RUN;
		w->order.what = xstrdup(m->steps.v.v[3].id);
		return REACT_WISH;
	}
	return list_request(&rows->list, r, p->rows);
}

#define FAKE(id, called, where, what, most)				\
	TEST_HELPER const struct pane_ops id = { .name = called,		\
		.space = where, .parts = what,				\
		.state_size = sizeof(struct rows), .recalc = rows_recalc, \
		.paint = rows_paint, .request = rows_request, .least = most }
FAKE(fake_live, "live", SPACE_LIVE, MODEL_READINGS, 3);
FAKE(fake_runbook, "runbook", SPACE_RUNBOOK, MODEL_STEPS, 3);
FAKE(fake_job, "job", SPACE_JOB, MODEL_OUTPUT, 2);
FAKE(fake_record, "record", SPACE_RECORD, MODEL_RECORD, 2);

#endif
