/*
 * Tonight's runbook, tried without doing any of it: could each step begin, and
 * could its end be proven? Questions to the world are asked first, each distinct
 * one once and all at the same time.
 */
#include <stdlib.h>
#include <string.h>

#include "action/action.h"
#include "base/clock.h"
#include "base/text.h"
#include "condition/condition.h"
#include "condition/intern.h"
#include "doctor/intern.h"
#include "runbook/runbook.h"
#include "watch/watch.h"

enum { ASK_MS = LOCAL_DEADLINE_MS + 1500, AGE_MS = 15000 };

/* What tonight's answer to a question is worth. */
enum worth {
	WORTH_NOW,		/* as it is now, it is then */
	WORTH_INCIDENT,		/* only an incident can answer it */
	WORTH_NEVER,		/* this version cannot read it */
};

struct question {
	const struct cond *cond;
	enum worth worth;
	enum truth truth;
	char *why;
};

struct tonight {
	struct doctor *d;
	const struct runbook *rb;
	VEC(struct question) questions;
	VEC(size_t) asked;	/* those that the world can answer now */
	struct readings places;	/* where commands would run */
};

/* ---- questions ------------------------------------------------------------- */

static enum worth
worth_of(const struct cond *c)
{
	if (c->row->ask == ask_later)
		return WORTH_NEVER;
	switch (c->row->id) {
	case COND_STEP:
	case COND_ROLE:
	case COND_SEVERITY:
	case COND_EVIDENCE:
	case COND_UPDATE:
	case COND_DECLARED:
	case COND_TOLD:
	case COND_RCA:
	case COND_FOLLOWUPS:
		return WORTH_INCIDENT;
	default:
		return c->since_open ? WORTH_INCIDENT : WORTH_NOW;
	}
}

/* The same question, asked the same way round. */
static bool
same(const struct cond *a, const struct cond *b)
{
	return a->negated == b->negated && cond_same(a, b);
}

static void
collect(struct tonight *t, const struct rb_conds *conds)
{
	for (size_t i = 0; i < conds->n; i++) {
		const struct cond *c = &conds->v[i];
		bool known = false;

		for (size_t k = 0; k < t->questions.n && !known; k++)
			known = same(c, t->questions.v[k].cond);
		if (!known)
			VEC_PUSH(&t->questions, ((struct question){
			    .cond = c, .worth = worth_of(c) }));
	}
}

/* In a child: the first byte is the answer, the rest says why. */
static void
ask(void *ctx, size_t i, struct buf *out)
{
	const struct tonight *t = ctx;
	const struct question *q = &t->questions.v[t->asked.v[i]];
	struct cond_world w = { .site = doctor_site(t->d),
	    .state = t->d->have_state ? &t->d->state : NULL,
	    .now = clock_wall_ms() };
	struct buf why = BUF_INIT;
	enum truth truth = cond_ask(q->cond, &w, &why);

	buf_ch(out, (char)('0' + truth));
	buf_add(out, why.p, why.n);
	buf_release(&why);
}

static void
ask_all(struct tonight *t)
{
	struct crew_task *tasks = xcalloc(t->questions.n + 1, sizeof *tasks);

	for (size_t i = 0; i < t->questions.n; i++) {
		struct question *q = &t->questions.v[i];

		q->truth = TRUTH_UNKNOWN;
		if (q->worth == WORTH_NOW) {
			tasks[t->asked.n].limit_ms = ASK_MS;
			VEC_PUSH(&t->asked, i);
		} else
			q->why = xprintf(q->worth == WORTH_NEVER ?
			    "%s cannot be read in this version" :
			    "%s are read in an incident", q->cond->row->reads);
	}
	crew_run(tasks, t->asked.n, ask, t);
	for (size_t i = 0; i < t->asked.n; i++) {
		struct question *q = &t->questions.v[t->asked.v[i]];
		bool whole = tasks[i].end == CREW_DONE && tasks[i].out.n > 0;

		if (whole)
			q->truth = (enum truth)(tasks[i].out.p[0] - '0');
		q->why = xstrdup(whole ? tasks[i].out.p + 1 :
		    "no answer in time");
	}
	crew_release(tasks, t->asked.n);
	free(tasks);
}

static const struct question *
answer(const struct tonight *t, const struct cond *c)
{
	for (size_t i = 0; i < t->questions.n; i++)
		if (same(c, t->questions.v[i].cond))
			return &t->questions.v[i];
	die("a question of the runbook was not asked");
}

/* ---- one step -------------------------------------------------------------- */

struct trial {
	struct buf bad;		/* it would fail for this */
	struct buf soft;	/* it would go on in spite of this */
	bool by_hand;		/* nothing else helps tonight */
	const char *todo;
};

static void __attribute__((format(printf, 2, 3)))
add(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	if (b->n > 0)
		buf_str(b, "; ");
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

/* A step before this one makes it true when it ends well. */
static bool
made_earlier(const struct tonight *t, const struct rb_step *step,
    const struct cond *c)
{
	const char *id = cond_step(c);

	for (const struct rb_step *s = t->rb->steps; s != step; s++) {
		if (id != NULL && !c->negated && strcmp(id, s->id) == 0)
			return true;
		for (size_t i = 0; i < s->proves.n; i++)
			if (same(&s->proves.v[i], c))
				return true;
	}
	return false;
}

static void
try_gates(const struct tonight *t, const struct rb_step *step,
    const struct rb_conds *conds, const char *word, struct buf *out)
{
	for (size_t i = 0; i < conds->n; i++) {
		const struct cond *c = &conds->v[i];
		const struct question *q = answer(t, c);

		if (q->truth == TRUTH_YES || q->worth == WORTH_INCIDENT ||
		    (q->worth == WORTH_NOW && made_earlier(t, step, c)))
			continue;
		add(out, "it %s '%s': %s, %s", word, c->text,
		    truth_name(q->truth), q->why);
	}
}

/* What nobody can see while the login is refused, and a step before recovers. */
static bool
login_comes_first(const struct tonight *t, const struct rb_step *step,
    const struct cond *c)
{
	for (const struct rb_step *s = t->rb->steps; s != step; s++)
		for (size_t i = 0; i < s->proves.n; i++) {
			const struct cond *p = &s->proves.v[i];

			if (text_starts(p->text, "login ") && !p->negated &&
			    p->name != NULL && c->name != NULL &&
			    strcmp(p->name, c->name) == 0 &&
			    answer(t, p)->truth == TRUTH_NO)
				return true;
		}
	return false;
}

static void
try_proofs(const struct tonight *t, const struct rb_step *step,
    struct trial *r)
{
	for (size_t i = 0; i < step->proves.n; i++) {
		const struct cond *c = &step->proves.v[i];
		const struct question *q = answer(t, c);

		if (q->worth == WORTH_INCIDENT || q->truth == TRUTH_YES)
			continue;
		if (q->truth == TRUTH_UNKNOWN && login_comes_first(t, step, c))
			add(&r->soft, "'%s' is seen once the login works: %s",
			    c->text, q->why);
		else if (q->truth == TRUTH_UNKNOWN) {
			add(&r->bad, "its proof '%s' is not known: %s", c->text,
			    q->why);
			if (!cond_named(c, doctor_site(t->d)))
				r->todo = "Name them in the site file; else the "
				    "proof is overridden by hand, with a reason.";
		}
		else if (step->kind == STEP_CHECK)
			add(&r->soft, "'%s' does not hold now: %s", c->text,
			    q->why);
	}
}

static void
try_action(const struct rb_step *step, struct trial *r)
{
	const struct action *a = action_find(step->action);
	struct strings argv = { 0 };
	struct err e = ERR_INIT;

	if (a == NULL)
		add(&r->bad, "there is no action '%s'", step->action);
	else if (!a->built) {
		add(&r->bad, "the action '%s' is not built into this version "
		    "yet", a->name);
		r->by_hand = true;
	} else if (!action_argv(a, &step->args, &argv, &e))
		add(&r->bad, "%s", e.msg);
	strings_release(&argv);
}

/* Whether commands can be run there now; which program it is stays unknown. */
static void
try_place(const struct tonight *t, const char *name, struct trial *r)
{
	const struct reading *at = readings_find(&t->places, "place", name);

	if (at != NULL && at->error == NULL &&
	    json_get_bool(at->data, "commands"))
		return;
	add(&r->bad, "it runs at '%s': %s", name, at == NULL ?
	    "it cannot be reached without a site file" : at->error != NULL ?
	    at->error : at->text != NULL ? at->text : "it runs no commands");
	if (at != NULL && at->next != NULL)
		r->todo = at->next;
}

static void
try_command(const struct tonight *t, const struct rb_step *step,
    struct trial *r)
{
	const struct site *s = doctor_site(t->d);
	struct buf why = BUF_INIT;

	if (step->at != NULL && s != NULL && site_place(s, step->at) == NULL)
		add(&r->bad, "the site file knows no place '%s'", step->at);
	else if (step->at != NULL)
		try_place(t, step->at, r);
	else if (!command_stands(&step->command, s ? s->doc.dir : NULL,
	    &why)) {
		add(&r->bad, "%s", why.p);
		r->todo = "Install what is missing, or mend the runbook.";
	}
	buf_release(&why);
}

static const char *
ready(const struct rb_step *step)
{
	switch (step->kind) {
	case STEP_ACTION:
		return "the button is there";
	case STEP_COMMAND:
		return "its command could be started";
	case STEP_CHECK:
		return "it can be asked";
	case STEP_MANUAL:
	default:
		return "done by a person";
	}
}

static void
try_step(const struct tonight *t, const struct rb_step *step,
    struct trial *r)
{
	if (step->kind == STEP_ACTION)
		try_action(step, r);
	else if (step->kind == STEP_COMMAND)
		try_command(t, step, r);
	if (r->by_hand)
		return;
	try_gates(t, step, &step->needs, "needs", &r->bad);
	try_gates(t, step, &step->wants, "wants", &r->soft);
	try_proofs(t, step, r);
}

static bool
applies(const struct tonight *t, const struct rb_step *step)
{
	const struct question *q;

	if (step->when.n == 0)
		return true;
	q = answer(t, &step->when.v[0]);
	return q->worth != WORTH_NOW || q->truth != TRUTH_NO;
}

static void
tell_trouble(struct tonight *t, size_t i, const struct trial *r,
    const char *check)
{
	const struct rb_step *step = &t->rb->steps[i];
	bool bad = r->bad.n > 0, stuck = bad && !step->optional;

	doctor_found(t->d, stuck ? DOCTOR_ERROR : DOCTOR_WARNING, check,
	    "%s%s%s%s", r->bad.p, bad && r->soft.n > 0 ? "; " : "", r->soft.p,
	    bad && !stuck ? " (the step may be left out)" : "");
	if (r->todo != NULL)
		doctor_todo(t->d, "%s", r->todo);
	else if (bad)
		doctor_todo(t->d, "'midwatch runbook %s --commands' has what "
		    "to type by hand.", t->rb->name);
	else
		doctor_todo(t->d, "It may be true by then, or be passed "
		    "knowingly.");
	if (stuck && t->d->tonight == NULL)
		t->d->tonight = xprintf("tonight the first step that would "
		    "fail is %zu '%s': %s", i + 1, step->id, r->bad.p);
}

static void
tell_step(struct tonight *t, size_t i)
{
	const struct rb_step *step = &t->rb->steps[i];
	struct trial r = { .bad = BUF_INIT, .soft = BUF_INIT };
	char *check = xprintf("%zu %s", i + 1, step->id);

	if (applies(t, step))
		try_step(t, step, &r);
	if (r.bad.n > 0 || r.soft.n > 0)
		tell_trouble(t, i, &r, check);
	else if (applies(t, step))
		doctor_found(t->d, DOCTOR_OK, check, "%s", ready(step));
	else
		doctor_found(t->d, DOCTOR_OK, check, "would not apply: '%s' is "
		    "no", step->when.v[0].text);
	buf_release(&r.bad);
	buf_release(&r.soft);
	free(check);
}

static void
look_at_places(struct tonight *t)
{
	const struct site *s = doctor_site(t->d);
	struct watch_want *want = xcalloc(t->rb->n + 1, sizeof *want);
	size_t n = 0;

	for (size_t i = 0; i < t->rb->n; i++) {
		const char *at = t->rb->steps[i].at;
		bool known = at == NULL || s == NULL ||
		    site_place(s, at) == NULL;

		for (size_t k = 0; k < n && !known; k++)
			known = strcmp(want[k].name, at) == 0;
		if (!known)
			want[n++] = (struct watch_want){ "place", at };
	}
	if (n > 0)
		watch_some(s, t->d->have_state ? &t->d->state : NULL, want, n,
		    AGE_MS, clock_mono_ms() + ASK_MS, &t->places);
	free(want);
}

static void
try_runbook(struct doctor *d, const struct runbook *rb)
{
	struct tonight t = { .d = d, .rb = rb };

	for (size_t i = 0; i < rb->n; i++) {
		collect(&t, &rb->steps[i].needs);
		collect(&t, &rb->steps[i].wants);
		collect(&t, &rb->steps[i].proves);
		collect(&t, &rb->steps[i].when);
	}
	ask_all(&t);
	look_at_places(&t);
	for (size_t i = 0; i < rb->n; i++)
		tell_step(&t, i);
	for (size_t i = 0; i < t.questions.n; i++)
		free(t.questions.v[i].why);
	VEC_RELEASE(&t.questions);
	VEC_RELEASE(&t.asked);
	readings_release(&t.places);
}

void
doctor_tonight(struct doctor *d)
{
	struct runbook rb = { 0 };
	char *path = NULL;

	if (!d->have_site)
		check_site(d);
	if (d->site_path == NULL) {
		doctor_found(d, DOCTOR_ERROR, "runbook", "none to try: there "
		    "is no site file that names one");
		doctor_todo(d, "Write midwatch.cfg, or name it with --config.");
	} else if (d->have_site && doctor_runbook(d, &rb, &path)) {
		doctor_found(d, DOCTOR_OK, "runbook", "%s, %zu steps, '%s'",
		    rb.name, rb.n, path);
		try_runbook(d, &rb);
		if (d->tonight == NULL)
			d->tonight = xstrdup("nothing found that would fail");
	}
	if (d->tonight == NULL)
		d->tonight = xstrdup("there is no runbook to try");
	runbook_release(&rb);
	free(path);
}
