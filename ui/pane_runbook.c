/*
 * runbook: the steps at a glance, and what is to be done in the one that is chosen.
 * Enter opens a step's page; it never starts anything.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/panes.h"

enum { GLANCE_W = 5, GUIDE_X = 3, GUIDE_MIN = 3, LIST_MIN = 5 };

struct row {
	enum mstep_state state;
	bool current, optional;
	char number[24];
	char *title, *rest;
	char id[64];
};

struct runbook {
	struct list list;
	VEC(struct row) rows;
	char followed[64];		/* the step that was current */
	char *guide;			/* of the chosen step */
	int guide_rows;			/* that it takes */
	bool closed;			/* no incident */
};

static void
rows_clear(struct runbook *rb)
{
	for (size_t i = 0; i < rb->rows.n; i++) {
		free(rb->rows.v[i].title);
		free(rb->rows.v[i].rest);
	}
	rb->rows.n = 0;
}

/* How it is known, or why it is not so. */
static char *
rest_of(const struct model_step *s)
{
	switch (s->state) {
	case MSTEP_TODO:
	case MSTEP_READY:
		return s->soft ? xprintf("should wait: %s", s->why) :
		    xstrdup(s->optional ? "optional" : "");
	case MSTEP_SENSED:
		return xprintf("%s", s->how[0] ? s->how : "sensed");
	case MSTEP_CONFIRMED:
		return s->who != NULL && s->who[0] ? xprintf("confirmed by %s",
		    s->who) : xstrdup(s->how);
	case MSTEP_LOST:
		return xprintf("PROOF LOST: %s", s->why[0] ? s->why :
		    "it held, and does not any more");
	default:
		return xprintf("%s%s%s", mstep_word(s->state), s->why[0] ?
		    ": " : "", s->why);
	}
}

/* What a person needs to do it, in the order in which it is needed. */
static char *
guide_of(const struct model_step *s)
{
	struct buf b = BUF_INIT;

	if (s->why[0] != '\0' && s->state != MSTEP_SENSED &&
	    s->state != MSTEP_CONFIRMED)
		buf_printf(&b, "%s: %s\n", s->soft ? "should wait" :
		    mstep_word(s->state), s->why);
	if (s->say != NULL && s->say[0] != '\0')
		buf_printf(&b, "%s\n", s->say);
	for (size_t i = 0; i < s->todo.n; i++)
		buf_printf(&b, "%zu. %s\n", i + 1, s->todo.v[i]);
	if (s->expect != NULL && s->expect[0] != '\0')
		buf_printf(&b, "expect: %s\n", s->expect);
	for (size_t i = 0; i < s->proofs.n; i++) {
		/* what a finished step needed is nobody's question any more */
		if (s->proofs.v[i].truth == MODEL_NOT_ASKED &&
		    strcmp(mstep_glance(s->state), "OK") == 0)
			continue;
		buf_printf(&b, "%s: %s%s%s\n", s->proofs.v[i].text,
		    s->proofs.v[i].truth == 1 ? "yes" :
		    s->proofs.v[i].truth == 0 ? "NO" :
		    s->proofs.v[i].truth == MODEL_NOT_ASKED ?
		    "not looked at yet" : "unknown",
		    s->proofs.v[i].why ? ", " : "", s->proofs.v[i].why ?
		    s->proofs.v[i].why : "");
	}
	if (s->stop != NULL && s->stop[0] != '\0')
		buf_printf(&b, "stop here? %s\n", s->stop);
	if (s->command != NULL && s->command[0] != '\0')
		buf_printf(&b, "r runs: %s\n", s->command);
	else if (s->by_person)
		buf_str(&b, "Space says that it is done\n");
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		buf_cut(&b, b.n - 1);
	return buf_detach(&b);
}

static const struct model_step *
chosen(const struct pane *p, const struct model *m)
{
	const struct runbook *rb = p->state;

	return rb->rows.n == 0 ? NULL :
	    model_step(m, rb->rows.v[rb->list.at].id);
}

/* The list's share of so many rows. */
static int
list_rows(const struct runbook *rb, int rows)
{
	int guide = rows / 2;

	/* what is to be done is read in full, if some steps remain in sight */
	if (guide < rb->guide_rows)
		guide = rows - LIST_MIN > guide ? rows - LIST_MIN : guide;
	if (guide > rb->guide_rows)
		guide = rb->guide_rows;
	if (rows / 2 < GUIDE_MIN || rb->rows.n == 0 || guide == 0)
		return rows;
	if ((int)rb->rows.n < rows - guide)
		return (int)rb->rows.n + 1;
	return rows - guide;
}

/* Somebody who stood on the step to be done goes on with the next one. */
static void
follow(struct runbook *rb, const struct model_steps *m)
{
	const char *now = m->current < m->v.n ? m->v.v[m->current].id : "";

	if (strcmp(rb->followed, now) == 0)
		return;
	if (*now == '\0')	/* none is left: one stays where one is */
		return;
	if (rb->followed[0] == '\0' || ((size_t)rb->list.at < rb->rows.n &&
	    strcmp(rb->rows.v[rb->list.at].id, rb->followed) == 0))
		rb->list.at = (int)m->current;
	(void)snprintf(rb->followed, sizeof rb->followed, "%s", now);
}

static int
runbook_recalc(struct pane *p, const struct model *m, int width)
{
	struct runbook *rb = p->state;
	const struct model_steps *steps = &m->steps;
	struct canvas counting = { 0 };
	int done = 0, lost = 0;

	follow(rb, steps);
	rows_clear(rb);
	for (size_t i = 0; i < steps->v.n; i++) {
		const struct model_step *s = &steps->v.v[i];
		struct row *row = VEC_NEW(&rb->rows);

		row->state = s->state;
		row->current = i == steps->current;
		(void)snprintf(row->number, sizeof row->number, "%zu", i + 1);
		(void)snprintf(row->id, sizeof row->id, "%s", s->id);
		row->title = xstrdup(s->title);
		row->rest = rest_of(s);
		done += strcmp(mstep_glance(s->state), "OK") == 0;
		lost += s->state == MSTEP_LOST;
	}
	rb->closed = m->head.state == INC_NONE;
	list_fit(&rb->list, (int)rb->rows.n, p->rows);
	free(rb->guide);
	rb->guide = chosen(p, m) != NULL ? guide_of(chosen(p, m)) : NULL;
	rb->guide_rows = rb->guide == NULL ? 0 : canvas_wrap(&counting,
	    (struct area){ 0, 0, width - GUIDE_X - 1, 0 }, ROLE_TEXT,
	    rb->guide);
	list_fit(&rb->list, (int)rb->rows.n, list_rows(rb, p->rows));
	p->away = steps->current < steps->v.n &&
	    rb->list.at != (int)steps->current;
	if (rb->rows.n > 0)
		(void)snprintf(p->title, sizeof p->title,
		    "runbook, %d of %zu done%s: %.50s", done, rb->rows.n,
		    lost > 0 ? ", A PROOF IS LOST" : "",
		    steps->title ? steps->title : "");
	else
		(void)snprintf(p->title, sizeof p->title, "runbook");
	if (rb->rows.n == 0)
		return rb->closed ? 0 : 1;
	return (int)rb->rows.n + rb->guide_rows;
}

static void
paint_step(const struct pane *p, struct canvas *c, int y, const struct row *row,
    bool chosen)
{
	enum role role = chosen ? (p->focus ? ROLE_SELECT : ROLE_SELECT_OFF) :
	    row->current ? ROLE_STEP_CURRENT : ROLE_TEXT;
	int x = 0, half = c->w * 3 / 5;
	bool wide = c->w > WIDE_ROW;

	if (chosen)
		canvas_fill(c, (struct area){ 0, y, wide ? half : c->w, 1 },
		    role, " ");
	(void)canvas_put(c, 0, y, role, row->current ? ">" : " ");
	x = 2;
	canvas_fit(c, x, y, GLANCE_W - 1, mstep_role(row->state),
	    mstep_glance(row->state));
	x += GLANCE_W;
	canvas_right(c, x, y, 2, role, row->number);
	x += 3;
	if (row->rest[0] == '\0' && !wide)
		half = c->w;
	if (half > x)
		canvas_fit(c, x, y, half - x, role, row->title);
	if (row->rest[0] != '\0' && c->w > half + 1)
		canvas_fit(c, half + 1, y, c->w - half - 1, chosen && !wide ? role :
		    row->state == MSTEP_LOST || row->state == MSTEP_FAILED ?
		    ROLE_WARNING : ROLE_DIM, row->rest);
}

static void
runbook_paint(const struct pane *p, struct canvas *c)
{
	const struct runbook *rb = p->state;
	int rows = list_rows(rb, c->h), y;

	if (rb->rows.n == 0)
		(void)canvas_put(c, 2, 0, ROLE_DIM, rb->closed ?
		    "no incident is open" : "the incident follows no runbook: "
		    "'midwatch runbook NAME --take' gives it one");
	for (y = 0; y < rows; y++) {
		int at = rb->list.top + y;

		if (at >= (int)rb->rows.n)
			break;
		paint_step(p, c, y, &rb->rows.v[at], at == rb->list.at);
		if (p->focus && at == rb->list.at)
			canvas_cursor(c, 2, y);
	}
	if (rows < c->h && rb->guide != NULL)
		(void)canvas_wrap(c, (struct area){ GUIDE_X, rows,
		    c->w - GUIDE_X - 1, c->h - rows }, ROLE_TEXT, rb->guide);
}

/* ---- what is asked of it ------------------------------------------------------------ */

static enum react
order_step(struct wish *w, enum wish_kind kind, enum order_kind order,
    const struct model_step *s, const char *title)
{
	w->kind = kind;
	w->title = xstrdup(title);
	w->order = (struct order){ .kind = order, .what = xstrdup(s->id) };
	return REACT_WISH;
}

/* The button that does the same: it says what that does, and how it is undone. */
static const struct model_button *
same_button(const struct model *m, const struct model_step *s)
{
	size_t n = s->action != NULL ? strlen(s->action) : 0;

	for (size_t i = 0; n > 0 && i < m->buttons.v.n; i++) {
		const struct model_button *b = &m->buttons.v.v[i];

		if (b->action != NULL && strncmp(b->action, s->action, n) ==
		    0 && (b->action[n] == ' ' || b->action[n] == '\0') &&
		    b->request != REQ_SAVE_ALL)
			return b;
	}
	return NULL;
}

static enum react
run_step(const struct model *m, const struct model_step *s, struct wish *w)
{
	const struct model_button *b = same_button(m, s);
	bool again = s->state == MSTEP_SENSED || s->state == MSTEP_FAILED ||
	    s->state == MSTEP_DOUBT || s->state == MSTEP_LOST ||
	    s->state == MSTEP_SKIPPED || s->state == MSTEP_OVERRIDDEN ||
	    s->state == MSTEP_WAITS;

	if (s->by_person)
		return wish_refuse(w, "this one is for a person: do it, and "
		    "Space says that it is done");
	if (s->state == MSTEP_RUNNING)
		return wish_refuse(w, "it is running already, as job %" PRId64,
		    s->job);
	if (s->state == MSTEP_BLOCKED)
		return wish_refuse(w, "it cannot begin yet: %s", s->why);
	/* its plan has a code, which only the button asks for; the step is done
	 * when the world says so */
	if (b != NULL && b->request == REQ_CLEANUP && s->confirm == NULL) {
		if (s->soft)
			return wish_refuse(w, "it should wait ('%s' does it "
			    "all the same): %s", requests[b->request].label,
			    s->why);
		w->kind = WISH_PRESS;
		w->request = b->request;
		return REACT_WISH;
	}
	(void)order_step(w, WISH_ASK, ORDER_RUN, s, "run it");
	w->order.again = again;
	w->order.anyway = s->soft;
	w->rung = s->confirm != NULL ? RUNG_TYPE : s->soft || again ? RUNG_ASK :
	    RUNG_RUN;
	w->target = xstrdup(s->confirm != NULL ? s->confirm : s->title);
	w->command = xstrdup(s->command);
	if (s->soft)
		w->text = xprintf("%s\nIt should wait: %s", s->title, s->why);
	else if (again)
		w->text = xprintf("%s\nIt was run before: %s %s", s->title,
		    mstep_word(s->state), s->why);
	else
		w->text = xstrdup(s->title);
	w->effect = xstrdup(b != NULL && b->effect != NULL ? b->effect :
	    s->expect != NULL && s->expect[0] ? s->expect : s->title);
	if (b != NULL && b->undo != NULL)
		w->undo = xstrdup(b->undo);
	return REACT_WISH;
}

static enum react
tick_step(const struct model_step *s, struct wish *w)
{
	if (!s->by_person)
		return wish_refuse(w, "a probe sees this one: r looks, or does "
		    "it");
	if (s->state == MSTEP_CONFIRMED)
		return wish_refuse(w, "it is confirmed, by %s", s->who);
	return order_step(w, WISH_ORDER, ORDER_TICK, s, "done");
}

static enum react
page_of(const struct model_step *s, struct wish *w)
{
	char *guide = guide_of(s), *text;

	text = xprintf("%s\t%s%s%s%s%s\n\n%s", mstep_glance(s->state),
	    mstep_word(s->state), s->how[0] ? ": " : "", s->how,
	    s->who != NULL && s->who[0] ? ", by " : "", s->who ? s->who : "",
	    guide);
	free(guide);
	return wish_page(w, s->title, text);
}

static void
row_text(const struct pane *p, int at, struct buf *b)
{
	const struct runbook *rb = p->state;
	const struct row *row = &rb->rows.v[at];

	buf_printf(b, "%s %s %s", row->id, row->title, row->rest);
}

static enum react
runbook_request(struct pane *p, enum request r, const struct model *m,
    struct wish *w)
{
	struct runbook *rb = p->state;
	const struct model_step *s;
	enum react react = list_request(&rb->list, r, list_rows(rb, p->rows));

	if (react == REACT_PASS)
		react = list_search(p, &rb->list, r, row_text, w);
	p->away = m->steps.current < m->steps.v.n &&
	    rb->list.at != (int)m->steps.current;
	if (react == REACT_PAINT)
		return REACT_RECALC;	/* the guide is another step's */
	if (react != REACT_PASS)
		return react;
	s = chosen(p, m);
	if (s == NULL)
		return REACT_PASS;
	switch (r) {
	case REQ_OPEN:
	case REQ_RIGHT:
		return page_of(s, w);
	case REQ_RUN:
		return run_step(m, s, w);
	case REQ_TICK:
		return tick_step(s, w);
	case REQ_SKIP:
		return order_step(w, WISH_TYPE, ORDER_SKIP, s,
		    "why is this step left out?");
	case REQ_OVERRIDE:
		return order_step(w, WISH_TYPE, ORDER_OVERRIDE, s,
		    "why is it passed without proof?");
	case REQ_UNDO:
		return order_step(w, WISH_ORDER, ORDER_UNDO, s, "undo");
	case REQ_COPY:
		w->kind = WISH_COPY;
		w->text = xstrdup(s->command != NULL && s->command[0] ?
		    s->command : s->title);
		return REACT_WISH;
	default:
		return REACT_PASS;
	}
}

static void
runbook_release(struct pane *p)
{
	struct runbook *rb = p->state;

	rows_clear(rb);
	VEC_RELEASE(&rb->rows);
	free(rb->guide);
}

const struct pane_ops pane_runbook = {
	.name = "runbook", .space = SPACE_RUNBOOK,
	.parts = MODEL_STEPS | MODEL_HEAD, .state_size = sizeof(struct runbook),
	.recalc = runbook_recalc, .paint = runbook_paint,
	.request = runbook_request, .release = runbook_release, .least = 4,
};
