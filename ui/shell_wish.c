/* What panes and keys wish for: prompts, dialogs, orders.  A dangerous thing goes
 * up the four rungs here and nowhere else. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/shell.h"

static char *
copy_of(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static unsigned
give(struct shell *s, struct order *o, const char *said, int64_t now)
{
	struct err e = ERR_INIT;

	if (model_give(s->model, o, &e))
		shell_say(s, false, now, "%s ...", said);
	else
		shell_say(s, true, now, "%s%s%s", e.msg, e.hint[0] ? ": " : "",
		    e.hint);
	return SHELL_PAINT;
}

/* ---- the prompt ---------------------------------------------------------- */

/* What was begun and left comes back when the same thing is asked again. */
static unsigned
prompt_open(struct shell *s)
{
	struct line *draft = &s->drafts[s->asked.order.kind];

	line_release(&s->prompt);
	s->prompt = *draft;
	*draft = (struct line)LINE_INIT;
	s->pressing = s->searching = s->behind = false;
	s->over = OVER_PROMPT;
	return SHELL_PAINT;
}

unsigned
shell_prompt(struct shell *s, enum order_kind kind, const char *title,
    const char *what)
{
	wish_release(&s->asked);
	s->asked.kind = WISH_TYPE;
	s->asked.title = xstrdup(title);
	s->asked.order.kind = kind;
	s->asked.order.what = copy_of(what);
	s->asked.order.at = s->model->now;
	return prompt_open(s);
}

static char *
worst_alarm(const struct model *m)
{
	const struct reading *worst = NULL;

	for (size_t i = 0; i < m->readings.all.v.n; i++) {
		const struct reading *r = &m->readings.all.v.v[i];

		if (r->level != LEVEL_OK && (worst == NULL ||
		    level_worse(r->level, worst->level) != worst->level))
			worst = r;
	}
	return worst == NULL ? NULL : xprintf("%s %s: %s", worst->kind,
	    worst->name, worst->error ? worst->error : worst->text ?
	    worst->text : "");
}

unsigned
shell_open(struct shell *s, const char *alarm, int64_t now)
{
	const struct model_button *b = model_button(s->model,
	    REQ_OPEN_INCIDENT);
	char *what = alarm != NULL ? xstrdup(alarm) : worst_alarm(s->model);
	char *title = xprintf("title of the incident%s%.60s%s", what ? " [" :
	    "", what ? what : "", what ? "]" : "");

	if (b != NULL && b->why_not != NULL)
		shell_say(s, true, now, "open: %s", b->why_not);
	else
		(void)shell_prompt(s, ORDER_OPEN, title, what);
	free(title);
	free(what);
	return SHELL_PAINT;
}

void
shell_prompt_leave(struct shell *s)
{
	struct line *draft = &s->drafts[s->asked.order.kind];

	line_release(draft);
	*draft = s->prompt;
	s->prompt = (struct line)LINE_INIT;
	s->over = OVER_NONE;
	if (s->pressing || s->searching) {	/* words for another button another time */
		line_release(draft);
		*draft = (struct line)LINE_INIT;
		shell_say(s, false, s->last_key, s->pressing ?
		    "left, nothing was done" : "not searched");
		s->pressing = s->searching = false;
		return;
	}
	if (draft->text.n > 0)
		shell_say(s, false, s->last_key, "not written; the words are "
		    "kept for the next '%s'", s->asked.title);
}

/* "SEV-1 because ..." and "lead ana": the first word is what it is about. */
static void
split_first(struct order *o)
{
	size_t n = strcspn(o->text, " ");
	char *rest = xstrdup(o->text + n + strspn(o->text + n, " "));

	o->what = xstrndup(o->text, n);
	free(o->text);
	o->text = rest;
}

/* "02:14 the alarm rang": of the site's last 24 hours. False: it was said what is
 * missing, and the words are kept. */
static bool
back_date(struct shell *s, struct order *o, int64_t now)
{
	struct err e = ERR_INIT;
	size_t n = strcspn(o->text, " ");
	char *at = xstrndup(o->text, n), *rest;
	bool ok = o->text[n] != '\0' && clock_parse(at, s->model->now, &o->at,
	    &e);

	free(at);
	if (!ok) {
		order_release(o);
		shell_prompt_leave(s);
		shell_say(s, true, now, "it begins with a time, as 02:14, then "
		    "what happened; the words are kept");
		return false;
	}
	rest = xstrdup(o->text + n + strspn(o->text + n, " "));
	free(o->text);
	o->text = rest;
	o->number = 0;
	return true;
}

/* The words stay as a draft until the order was taken. */
unsigned
shell_prompt_done(struct shell *s, int64_t now)
{
	struct order o = s->asked.order;
	struct err e = ERR_INIT;

	if (s->searching && s->prompt.text.n > 0) {
		free(s->needle);
		s->needle = xstrdup(s->prompt.text.p);
		shell_prompt_leave(s);
		s->message[0] = '\0';
		return shell_request(s, REQ_NEXT_HIT, KEY_NONE, now) |
		    SHELL_PAINT;
	}
	if (s->pressing)
		return shell_pressed_text(s, s->prompt.text.p, now);
	if (s->prompt.text.n == 0 && (o.kind != ORDER_OPEN ||
	    o.what == NULL)) {
		shell_prompt_leave(s);
		return SHELL_PAINT;
	}
	o.text = xstrdup(s->prompt.text.n > 0 ? s->prompt.text.p : o.what);
	o.what = copy_of(s->asked.order.what);
	o.typed = NULL;
	if (o.kind == ORDER_SEVERITY || o.kind == ORDER_ROLE)
		split_first(&o);
	if (o.kind == ORDER_NOTE && o.number < 0 && !back_date(s, &o, now))
		return SHELL_PAINT;
	if (!model_give(s->model, &o, &e)) {
		shell_prompt_leave(s);
		shell_say(s, true, now, "%s; the words are kept", e.msg);
		return SHELL_PAINT;
	}
	line_release(&s->prompt);
	s->prompt = (struct line)LINE_INIT;
	s->over = OVER_NONE;
	shell_say(s, false, now, "saving ...");
	return SHELL_PAINT;
}

void
shell_rescue(struct shell *s)
{
	struct order o = { .kind = ORDER_NOTE, .at = s->model->now };
	struct line *l = s->over == OVER_PROMPT ? &s->prompt :
	    &s->drafts[ORDER_NOTE];
	struct err e = ERR_INIT;

	/* what a button asks for is no note, and may be what nobody may read */
	if (l->text.n == 0 || s->searching || (s->over == OVER_PROMPT &&
	    s->pressing))
		return;
	o.text = xprintf("(unfinished) %s", l->text.p);
	(void)model_give(s->model, &o, &e);
}

/* ---- dialogs ------------------------------------------------------------- */

void
shell_dialog(struct shell *s, const char *title, int64_t now)
{
	dialog_release(&s->dialog);
	dialog_init(&s->dialog, title, now);
	if (s->rtt_ms > s->dialog.guard_ms) {	/* keys still under way */
		s->dialog.guard_ms = s->rtt_ms < 1500 ? s->rtt_ms : 1500;
		s->dialog.quiet = now + s->dialog.guard_ms;
	}
	s->leaving = false;
	s->over = OVER_DIALOG;
}

enum { PLAN_ROWS = 6 };

static size_t
rows_in(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static unsigned
ask(struct shell *s, int64_t now)
{
	const struct wish *w = &s->asked;
	const char *label = w->title != NULL ? w->title : "do it";

	bool longer = w->text != NULL && rows_in(w->text) > PLAN_ROWS;

	shell_dialog(s, label, now);
	if (w->text != NULL && !longer)
		dialog_text(&s->dialog, w->text);
	if (w->text == NULL || w->target == NULL ||
	    strstr(w->text, w->target) == NULL)
		dialog_fact(&s->dialog, "target", w->target);
	dialog_fact(&s->dialog, "command", w->command);
	dialog_fact(&s->dialog, "effect", w->effect);
	dialog_fact(&s->dialog, "undo", w->undo);
	if (longer)		/* what would be below it is never read */
		dialog_text(&s->dialog, w->text);
	dialog_button(&s->dialog, "cancel", false);
	dialog_button(&s->dialog, label, true);
	if (w->rung == RUNG_TYPE)
		s->dialog.confirm = copy_of(w->target);
	return SHELL_PAINT | SHELL_FORGET;
}

unsigned
shell_leave(struct shell *s, int64_t now)
{
	size_t running = 0;

	for (size_t i = 0; i < s->model->jobs.v.n; i++)
		running += s->model->jobs.v.v[i].running;
	if (running == 0)
		return SHELL_QUIT;
	shell_dialog(s, "leave", now);
	for (size_t i = 0; i < s->model->jobs.v.n; i++)
		if (s->model->jobs.v.v[i].running)
			dialog_fact(&s->dialog, "running",
			    s->model->jobs.v.v[i].title);
	dialog_text(&s->dialog, "What runs goes on without this console, and "
	    "'midwatch' shows it again.");
	dialog_button(&s->dialog, "leave, let it run", false);
	dialog_button(&s->dialog, "cancel it and leave", true);
	dialog_button(&s->dialog, "stay", false);
	s->dialog.harmless = 2;
	s->leaving = true;
	return SHELL_PAINT | SHELL_FORGET;
}

static unsigned
leave_answer(struct shell *s, int button, int64_t now)
{
	if (button == 2)
		return SHELL_PAINT;
	for (size_t i = 0; button == 1 && i < s->model->jobs.v.n; i++) {
		const struct model_job *j = &s->model->jobs.v.v[i];
		struct order o = { .kind = ORDER_CANCEL, .number = j->n };

		if (j->running)
			(void)give(s, &o, "cancel", now);
	}
	return SHELL_QUIT;
}

/* Only a button of the dialog gets here, and only the highlighted one. */
unsigned
shell_answer(struct shell *s, int button, int64_t now)
{
	struct order o;
	unsigned want = SHELL_PAINT;

	if (button == DIALOG_OPEN)
		return SHELL_PAINT;
	s->over = OVER_NONE;
	if (s->leaving) {
		want = leave_answer(s, button, now);
	} else if (button == 1) {
		o = s->asked.order;
		s->asked.order = (struct order){ .kind = o.kind };
		if (s->dialog.confirm != NULL) {
			free(o.typed);
			o.typed = xstrdup(s->dialog.typed.text.p);
		}
		want |= give(s, &o, s->asked.title ? s->asked.title : "begins",
		    now);
	} else
		shell_say(s, false, now, "cancelled, nothing was done");
	dialog_release(&s->dialog);
	wish_release(&s->asked);
	return want;
}

/* The two lower rungs: it runs, and how to undo it is said. */
static unsigned
order_now(struct shell *s, int64_t now)
{
	struct order o = s->asked.order;
	const char *undo = s->asked.undo;
	const char *title = s->asked.title ? s->asked.title :
	    order_name(o.kind);
	bool none = undo != NULL && text_starts(undo, "nothing to undo");
	char *said = undo == NULL ? xstrdup(title) : xprintf("%s begins; %s%s",
	    title, none ? "" : "undo: ", undo);
	unsigned want;

	s->asked.order = (struct order){ .kind = o.kind };
	want = give(s, &o, said, now);
	free(said);
	wish_release(&s->asked);
	return want;
}

/* ---- wishes -------------------------------------------------------------- */

unsigned
shell_grant(struct shell *s, struct wish *w, int64_t now)
{
	switch (w->kind) {
	case WISH_NONE:
		return 0;
	case WISH_SAY:
	case WISH_REFUSE:
		shell_say(s, w->kind == WISH_REFUSE, now, "%s", w->text);
		return SHELL_PAINT;
	case WISH_PRESS:
		return shell_press(s, w->request, now);
	case WISH_FOCUS:
		for (int i = 0; i < s->n; i++)
			if (strcmp(s->panes[i]->ops->name, w->text) == 0) {
				s->focus = i;
				s->layout = true;
			}
		return SHELL_PAINT;
	case WISH_PAGE:
		return shell_page(s, w->title, w->text);
	case WISH_COPY:
		free(s->copy);
		s->copy = copy_of(w->text);
		return SHELL_COPY;
	case WISH_TYPE:
		if (w->order.kind == ORDER_OPEN)
			return shell_open(s, w->order.what, now);
		break;
	case WISH_ASK:
	case WISH_ORDER:
		break;
	}
	wish_release(&s->asked);
	s->asked = *w;
	*w = (struct wish){ .kind = WISH_NONE };
	if (s->asked.kind == WISH_TYPE)
		return prompt_open(s);
	if (s->asked.kind == WISH_ASK && s->asked.rung >= RUNG_ASK)
		return ask(s, now);
	return order_now(s, now);
}
