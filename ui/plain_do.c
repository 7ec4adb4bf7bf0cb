/* What plain mode does: each question is asked in a line, and answered in one. */
#include "ui/plain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/plain_intern.h"

static void
give(struct plain *p)
{
	struct err e = ERR_INIT;
	struct order o = p->order;

	p->order = (struct order){ .kind = ORDER_NOTE };
	p->asking = ASK_CHOICE;
	free(p->name);
	p->name = NULL;
	if (!model_give(&p->m, &o, &e))
		plain_say("not done: %s", e.msg);
}

static void
drop(struct plain *p)
{
	order_release(&p->order);
	free(p->name);
	p->name = NULL;
	press_release(&p->press);
	p->asking = ASK_CHOICE;
	plain_say("nothing was done");
}

static void
words(struct plain *p, enum order_kind kind, const char *arg,
    const char *question)
{
	order_release(&p->order);
	p->order = (struct order){ .kind = kind };
	if (*arg != '\0') {
		p->order.text = xstrdup(arg);
		give(p);
		return;
	}
	p->asking = ASK_TEXT;
	plain_prompt(question);
}

void
plain_note(struct plain *p, const char *arg)
{
	words(p, ORDER_NOTE, arg, "note: ");
}

void
plain_decide(struct plain *p, const char *arg)
{
	words(p, ORDER_DECIDE, arg, "decision: ");
}

void
plain_theory(struct plain *p, const char *arg)
{
	words(p, ORDER_HYPOTHESIS, arg, "suspected cause: ");
}

void
plain_open(struct plain *p, const char *arg)
{
	words(p, ORDER_OPEN, arg, "title of the incident: ");
}

static void
ask_name(struct plain *p, const char *name)
{
	char *text = xprintf("type %s to confirm, nothing to leave it: ", name);

	p->name = xstrdup(name);
	p->asking = ASK_NAME;
	plain_prompt(text);
	free(text);
}

void
plain_run_step(struct plain *p, const char *arg)
{
	const struct model_step *s = model_step(&p->m, *arg ? arg :
	    p->m.steps.v.n > 0 && p->m.steps.current < p->m.steps.v.n ?
	    p->m.steps.v.v[p->m.steps.current].id : "");

	if (s == NULL) {
		plain_say("there is no step '%s'; 'steps' lists them", arg);
		return;
	}
	plain_step(p, s->id);
	order_release(&p->order);
	p->order = (struct order){ .kind = s->by_person ? ORDER_TICK :
	    ORDER_RUN, .what = xstrdup(s->id), .again = !s->by_person && s->ended != 0 };
	if (s->confirm != NULL)
		ask_name(p, s->confirm);
	else {
		p->asking = ASK_SURE;
		plain_prompt(s->soft ? "a soft gate is shut; go on all the same? y "
		    "or n: " : s->by_person ? "is it done? y or n: " :
		    "run it? y or n: ");
		p->order.anyway = s->soft;
	}
}

void
plain_skip(struct plain *p, const char *arg)
{
	if (model_step(&p->m, arg) == NULL) {
		plain_say("there is no step '%s'; 'steps' lists them", arg);
		return;
	}
	words(p, ORDER_SKIP, "", "why is it left out? ");
	p->order.what = xstrdup(arg);
}

void
plain_cancel(struct plain *p, const char *arg)
{
	int64_t n;

	if (!text_int(arg, 1, INT64_MAX, &n)) {
		plain_say("which job? 'jobs' lists them, 'cancel 3' stops number 3");
		return;
	}
	order_release(&p->order);
	p->order = (struct order){ .kind = ORDER_CANCEL, .number = n };
	p->asking = ASK_SURE;
	plain_prompt("stop it, with all that it has started? y or n: ");
}

/* "SEV-1 because ..." and "lead ana": the first word is what it is about. */
static void
two(struct plain *p, enum order_kind kind, const char *arg, const char *usage)
{
	size_t n = strcspn(arg, " ");

	if (*arg == '\0') {
		plain_say("%s", usage);
		return;
	}
	order_release(&p->order);
	p->order = (struct order){ .kind = kind, .what = xstrndup(arg, n),
	    .text = xstrdup(arg + n + strspn(arg + n, " ")) };
	give(p);
}

void
plain_severity(struct plain *p, const char *arg)
{
	two(p, ORDER_SEVERITY, arg, "which? 'severity SEV-1 WHY'");
}

void
plain_role(struct plain *p, const char *arg)
{
	two(p, ORDER_ROLE, arg, "which? 'role ROLE' takes it, 'role ROLE WHO' "
	    "hands it over");
}

void
plain_told(struct plain *p, const char *arg)
{
	two(p, ORDER_TOLD, arg, "who? 'told WHO' or 'told WHO OCCASION'");
}

/* ---- buttons ------------------------------------------------------------------------ */

static void
press_which(struct plain *p, const struct model_button *b)
{
	plain_say("%s", press_question(b));
	for (size_t i = 0; i < b->choices.n; i++)
		plain_say("  %zu, %s: %s", i + 1, b->choices.v[i].word,
		    b->choices.v[i].note);
	p->asking = ASK_WHICH;
	plain_prompt("its number or name, nothing to leave it: ");
}

static void
press_now(struct plain *p, const struct model_button *b, const char *plan)
{
	char *command = press_command(&p->press, b);
	char *name = press_name(&p->press, b, plan);

	plain_say("runs: %s", command);
	plain_if("effect", b->effect);
	plain_if("undo", b->undo);
	if (b->text != NULL)
		plain_lines(b->text);
	order_release(&p->order);
	press_order(&p->press, b, false, &p->order);
	press_release(&p->press);
	if (b->rung == RUNG_TYPE)
		ask_name(p, name != NULL ? name : "");
	else if (b->rung == RUNG_RUN || b->rung == RUNG_UNDO)
		give(p);
	else {
		p->asking = ASK_SURE;
		plain_prompt("sure? y or n: ");
	}
	free(command);
	free(name);
}

static void
press_on(struct plain *p, const char *plan)
{
	const struct model_button *b = model_button(&p->m, p->press.request);
	char *question;

	p->asking = ASK_CHOICE;
	if (b == NULL || b->why_not != NULL) {
		plain_say("not now: %s", b != NULL ? b->why_not :
		    "it is not possible here");
		press_release(&p->press);
		return;
	}
	switch (press_next(&p->press, b)) {
	case PRESS_WHICH:
		press_which(p, b);
		return;
	case PRESS_TEXT:
		if (b->text != NULL)
			plain_lines(b->text);
		question = xprintf("%s ", b->ask);
		p->asking = ASK_LINE;
		plain_prompt(question);
		free(question);
		return;
	case PRESS_PLAN:
		plain_say("looking at what it would do");
		order_release(&p->order);
		press_order(&p->press, b, true, &p->order);
		p->planning = true;
		give(p);
		return;
	case PRESS_NOW:
		press_now(p, b, plan);
	}
}

void
plain_press(struct plain *p, enum request r, const char *db)
{
	const struct model_button *b = model_button(&p->m, r);

	press_release(&p->press);
	p->planning = false;
	p->press.request = r;
	for (size_t i = 0; b != NULL && i < b->choices.n; i++)
		if (strcmp(b->choices.v[i].word, db) == 0)
			p->press.db = xstrdup(db);
	press_on(p, NULL);
}

static void
which(struct plain *p, const char *line)
{
	const struct model_button *b = model_button(&p->m, p->press.request);
	int64_t n = 0;

	for (size_t i = 0; b != NULL && i < b->choices.n; i++)
		if (strcmp(b->choices.v[i].word, line) == 0 ||
		    (text_int(line, 1, CHOICES_MAX, &n) && n == (int64_t)i + 1))
			p->press.db = xstrdup(b->choices.v[i].word);
	if (p->press.db != NULL)
		press_on(p, NULL);
	else
		drop(p);
}

static void
line_of_button(struct plain *p, const char *line)
{
	const struct model_button *b = model_button(&p->m, p->press.request);

	if (*line == '\0' && (b == NULL || b->empty == NULL)) {
		drop(p);
		return;
	}
	p->press.text = xstrdup(line);
	press_on(p, NULL);
}

void
plain_paged(struct plain *p)
{
	const struct model_page *page = &p->m.page;
	const struct model_button *b;
	char *name;

	p->paged = page->count;
	if (page->then == ANSWER_SAY)
		return;
	plain_lines(page->text);
	if (page->then != ANSWER_PLAN || !p->planning)
		return;
	p->planning = false;
	b = model_button(&p->m, p->press.request);
	name = b != NULL && !page->bad ? press_name(&p->press, b, page->text) :
	    NULL;
	if (name != NULL) {
		p->press.planned = true;
		press_on(p, page->text);
	} else
		press_release(&p->press);
	free(name);
}

/* ---- answers ------------------------------------------------------------------------- */

void
plain_answer(struct plain *p, const char *line)
{
	switch (p->asking) {
	case ASK_TEXT:
		if (*line == '\0') {
			drop(p);
			return;
		}
		free(p->order.text);
		p->order.text = xstrdup(line);
		give(p);
		return;
	case ASK_SURE:
		if (strcmp(line, "y") == 0 || strcmp(line, "yes") == 0)
			give(p);
		else
			drop(p);
		return;
	case ASK_NAME:
		if (strcmp(line, p->name) != 0) {
			drop(p);
			return;
		}
		free(p->order.typed);
		p->order.typed = xstrdup(line);
		give(p);
		return;
	case ASK_WHICH:
		which(p, line);
		return;
	case ASK_LINE:
		line_of_button(p, line);
		return;
	case ASK_CHOICE:
		return;
	}
}
