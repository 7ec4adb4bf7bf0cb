/* A button on its way: the database is chosen, the line is asked for, the plan is
 * shown, and at the end there is a wish as any other. */
#include <stdlib.h>
#include <string.h>

#include "ui/shell.h"

static char *
copy_of(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static const char *
label_of(const struct model_button *b)
{
	return b->label != NULL ? b->label : requests[b->request].label;
}

static unsigned
refuse(struct shell *s, const char *label, const char *why, int64_t now)
{
	press_release(&s->press);
	shell_say(s, true, now, "%s: %s", label, why);
	return SHELL_PAINT;
}

static unsigned
which(struct shell *s, const struct model_button *b)
{
	char *title = xprintf("%s: %s", label_of(b), press_question(b));

	choose_open(&s->choose, title);
	for (size_t i = 0; i < b->choices.n; i++)
		choose_add(&s->choose, b->choices.v[i].word,
		    b->choices.v[i].note);
	free(title);
	s->over = OVER_CHOOSE;
	return SHELL_PAINT;
}

static unsigned
plan(struct shell *s, const struct model_button *b, int64_t now)
{
	struct order o;
	struct err e = ERR_INIT;

	press_order(&s->press, b, true, &o);
	if (!model_give(s->model, &o, &e))
		return refuse(s, label_of(b), e.msg, now);
	s->planning = true;
	shell_say(s, false, now, "%s: looking at what it would do ...",
	    label_of(b));
	return SHELL_PAINT;
}

static unsigned
grant(struct shell *s, const struct model_button *b, const char *planned,
    int64_t now)
{
	struct wish w = { .kind = WISH_ASK, .rung = b->rung };
	unsigned want;

	w.title = xstrdup(label_of(b));
	w.text = planned != NULL ? press_plan(planned) : copy_of(b->text);
	w.target = b->rung == RUNG_TYPE ? press_name(&s->press, b, planned) :
	    copy_of(s->press.db != NULL ? s->press.db : b->target);
	w.command = press_command(&s->press, b);
	w.effect = copy_of(b->effect);
	w.undo = copy_of(b->undo);
	press_order(&s->press, b, false, &w.order);
	want = shell_grant(s, &w, now);
	wish_release(&w);
	press_release(&s->press);
	return want;
}

/* The button may have changed since its key was pressed. */
static unsigned
go_on(struct shell *s, const char *planned, int64_t now)
{
	enum request r = s->press.request;
	const struct model_button *b = model_button(s->model, r);

	if (b == NULL)
		return refuse(s, requests[r].label, "not possible here now",
		    now);
	if (b->why_not != NULL)
		return refuse(s, requests[r].label, b->why_not, now);
	switch (press_next(&s->press, b)) {
	case PRESS_WHICH:
		return which(s, b);
	case PRESS_TEXT:
		(void)shell_prompt(s, ORDER_ACTION, b->ask, NULL);
		s->pressing = true;
		s->behind = b->text != NULL;
		if (s->behind)
			page_set(&s->page, label_of(b), b->text);
		return SHELL_PAINT;
	case PRESS_PLAN:
		return plan(s, b, now);
	case PRESS_NOW:
		break;
	}
	return grant(s, b, planned, now);
}

unsigned
shell_press(struct shell *s, enum request r, int64_t now)
{
	if (requests[r].label[0] == '\0')
		return 0;
	press_release(&s->press);
	s->planning = false;
	s->press.request = r;
	return go_on(s, NULL, now);
}

unsigned
shell_chose(struct shell *s, int row, int64_t now)
{
	if (row == CHOOSE_OPEN)
		return SHELL_PAINT;
	s->over = OVER_NONE;
	if (row < 0) {
		press_release(&s->press);
		shell_say(s, false, now, "left, nothing was done");
		return SHELL_PAINT;
	}
	s->press.db = xstrdup(s->choose.v.v[row].word);
	return go_on(s, NULL, now) | SHELL_PAINT;
}

unsigned
shell_pressed_text(struct shell *s, const char *text, int64_t now)
{
	const struct model_button *b = model_button(s->model,
	    s->press.request);

	if (*text == '\0' && b != NULL && b->empty == NULL) {
		shell_prompt_leave(s);
		return SHELL_PAINT;
	}
	s->press.text = xstrdup(text);
	line_release(&s->prompt);
	s->prompt = (struct line)LINE_INIT;
	s->pressing = false;
	s->over = OVER_NONE;
	return go_on(s, NULL, now) | SHELL_PAINT;
}

/* A plan opens the dialog of its button, unless somebody has gone on to something
 * else; a result opens as a page when nothing lies over the panes. */
unsigned
shell_paged(struct shell *s, int64_t now)
{
	const struct model_page *p = &s->model->page;
	const struct model_button *b;
	bool planned = s->planning && p->then == ANSWER_PLAN;
	char *name;

	s->paged = p->count;
	if (p->then == ANSWER_SAY)
		return 0;
	if (planned)
		s->planning = false;
	if (s->over != OVER_NONE) {
		shell_say(s, p->bad, now, "%s has answered: , shows it",
		    p->title);
		return SHELL_PAINT;
	}
	b = planned ? model_button(s->model, s->press.request) : NULL;
	name = b != NULL ? press_name(&s->press, b, p->text) : NULL;
	if (planned && !p->bad && name != NULL) {
		free(name);
		s->message[0] = '\0';
		s->press.planned = true;
		return go_on(s, p->text, now);
	}
	free(name);
	if (planned)
		press_release(&s->press);
	(void)shell_page(s, p->title, p->text);
	s->unasked = true;	/* who presses a key now does not mean the page */
	return SHELL_PAINT;
}
