#include "runbook/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runbook/engine_intern.h"

void
engine_forget(struct engine *en)
{
	for (size_t i = 0; i < en->cache.n; i++) {
		free(en->cache.v[i].text);
		free(en->cache.v[i].why);
	}
	VEC_RELEASE(&en->cache);
	cond_picture_release(&en->picture);
}

void
engine_release(struct engine *en)
{
	engine_forget(en);
}

enum truth
engine_ask(struct engine *en, const struct cond *c, const char **ret_why)
{
	struct cond_world w = { .site = en->site, .state = en->state,
	    .inc = en->inc, .now = clock_wall_ms(), .picture = &en->picture,
	    .fresh = en->fresh };
	struct buf why = BUF_INIT;
	enum truth t;

	for (size_t i = 0; i < en->cache.n; i++)
		if (strcmp(en->cache.v[i].text, c->text) == 0) {
			*ret_why = en->cache.v[i].why;
			return en->cache.v[i].truth;
		}
	t = cond_ask(c, &w, &why);
	struct engine_answer a = { xstrdup(c->text), buf_detach(&why), t };
	VEC_PUSH(&en->cache, a);
	*ret_why = a.why;
	return t;
}

const char *
view_name(enum view_state s)
{
	static const char *const words[] = { "todo", "ready", "blocked",
	    "running", "done", "failed", "skipped", "in doubt",
	    "not applicable" };

	return words[s];
}

void
view_release(struct view *v)
{
	buf_release(&v->why);
}

/* Appends each gate that does not hold; true when all do. */
static bool
gates(struct engine *en, const struct rb_conds *c, const char *word,
    struct buf *why)
{
	bool all = true;

	for (size_t i = 0; i < c->n; i++) {
		const char *seen;
		enum truth t = engine_ask(en, &c->v[i], &seen);

		if (t == TRUTH_YES)
			continue;
		all = false;
		buf_printf(why, "%s%s '%s': %s, %s", why->n ? "; " : "", word,
		    c->v[i].text, truth_name(t), seen);
	}
	return all;
}

static enum view_state
view_of_fold(enum step_state s)
{
	static const enum view_state map[] = {
		[STEP_TODO] = VIEW_TODO, [STEP_RUNNING] = VIEW_RUNNING,
		[STEP_DONE] = VIEW_DONE, [STEP_FAILED] = VIEW_FAILED,
		[STEP_SKIPPED] = VIEW_SKIPPED, [STEP_DOUBT] = VIEW_DOUBT,
	};

	return map[s];
}

static bool
finished(struct engine *en, const struct rb_step *step)
{
	const struct inc_step *s = incident_step(en->inc, step->id);
	const char *why;

	if (step->optional ||
	    (s != NULL && (s->state == STEP_DONE || s->state == STEP_SKIPPED)))
		return true;
	return step->when.n > 0 &&
	    engine_ask(en, &step->when.v[0], &why) == TRUTH_NO;
}

/* Whether every step before this one is out of the way. */
static bool
its_turn(struct engine *en, const struct rb_step *step)
{
	for (const struct rb_step *s = en->rb->steps; s != step; s++)
		if (!s->parallel && !finished(en, s))
			return false;
	return true;
}

void
engine_gates(struct engine *en, const struct rb_step *step, struct view *v)
{
	struct buf soft = BUF_INIT;
	const char *why;

	*v = (struct view){ .why = BUF_INIT };
	if (step->when.n > 0 &&
	    engine_ask(en, &step->when.v[0], &why) == TRUTH_NO) {
		v->state = VIEW_NOT_APPLICABLE;
		buf_printf(&v->why, "only when '%s': %s",
		    step->when.v[0].text, why);
		return;
	}
	if (!gates(en, &step->needs, "needs", &v->why)) {
		v->state = VIEW_BLOCKED;
		return;
	}
	v->soft = !gates(en, &step->wants, "wants", &soft);
	if (v->soft)
		buf_str(&v->why, soft.p);
	buf_release(&soft);
	v->state = step->parallel || its_turn(en, step) ? VIEW_READY :
	    VIEW_TODO;
}

void
engine_view(struct engine *en, const struct rb_step *step, struct view *v)
{
	const struct inc_step *s = incident_step(en->inc, step->id);

	if (s == NULL || s->state == STEP_TODO) {
		engine_gates(en, step, v);
		return;
	}
	*v = (struct view){ .state = view_of_fold(s->state), .why = BUF_INIT };
	if (!text_empty(s->reason))
		buf_str(&v->why, s->reason);
}

/* A call that somebody makes holds up no other work, nor does one that did not get
 * through: the data comes first. */
static bool
is_call(const struct rb_step *step, const struct inc_step *s)
{
	return step->parallel && s != NULL && (s->waits ||
	    (s->state == STEP_FAILED && step->action != NULL &&
	    (strcmp(step->action, "tell") == 0 ||
	    strcmp(step->action, "update") == 0)));
}

const struct rb_step *
engine_next(struct engine *en)
{
	const struct rb_step *waits = NULL;

	for (size_t i = 0; i < en->rb->n; i++) {
		const struct inc_step *s = incident_step(en->inc,
		    en->rb->steps[i].id);
		struct view v;
		enum view_state state;

		if (is_call(&en->rb->steps[i], s)) {
			waits = waits == NULL ? &en->rb->steps[i] : waits;
			continue;
		}
		engine_view(en, &en->rb->steps[i], &v);
		state = v.state;
		view_release(&v);
		/* A look whose answer was no has been had. */
		if (state == VIEW_FAILED && en->rb->steps[i].optional)
			continue;
		if (state == VIEW_READY || state == VIEW_FAILED ||
		    state == VIEW_DOUBT)
			return &en->rb->steps[i];
	}
	return waits;
}

void
engine_criteria(struct engine *en, const struct rb_conds *conds,
    struct criteria *ret)
{
	for (size_t i = 0; i < conds->n; i++) {
		struct criterion c = { .cond = &conds->v[i] };

		c.truth = engine_ask(en, c.cond, &c.why);
		c.over = incident_overridden(en->inc, c.cond->text);
		if (c.truth != TRUTH_YES && c.over == NULL)
			ret->open++;
		VEC_PUSH(&ret->v, c);
	}
}

/* ---- compare and append --------------------------------------------------- */

bool
engine_unchanged(void *ctx, struct err *e)
{
	const struct step_guard *g = ctx;
	const struct inc_step *s = incident_step(g->inc, g->id);
	int64_t seq = s != NULL ? s->seq : 0;

	if (g->inc->state == INC_CLOSED)
		return err_set(e, ERR_GUARD, "the incident was closed by "
		    "somebody else just now");
	if (s == NULL || seq == g->seq)
		return true;
	err_set(e, ERR_GUARD, "step '%s' is %s now, by '%s'", g->id,
	    step_state_name(s->state), s->by);
	return err_hint(e, "Somebody else was faster; look again with "
	    "'midwatch incident show'.");
}

struct step_guard
engine_guard(const struct engine *en, const char *id)
{
	const struct inc_step *s = incident_step(en->inc, id);

	return (struct step_guard){ en->inc, id, s != NULL ? s->seq : 0 };
}

/* ---- vanished jobs --------------------------------------------------------- */

static bool
doubt(struct engine *en, const struct inc_step *s, const char *reason,
    struct err *e)
{
	struct step_guard g = engine_guard(en, s->id);
	struct buf data = BUF_INIT, job = BUF_INIT;
	char *id = xstrdup(s->id);
	struct err lost = ERR_INIT;
	bool ok;

	json_open(&data);
	json_put_str(&data, "reason", reason);
	json_put_int(&data, "job", s->job);
	json_close(&data);
	json_open(&job);
	json_put_int(&job, "job", s->job);
	json_close(&job);
	g.id = id;
	struct draft d[2] = {
		{ .kind = EVENT_JOB_DOUBT, .step = id, .data = job.p,
		    .text = "the job vanished without an outcome" },
		{ .kind = EVENT_STEP_DOUBT, .step = id, .data = data.p,
		    .text = "what it did is not known; look before doing it "
		    "again" },
	};
	ok = incident_append(en->inc, d, 2, engine_unchanged, &g, NULL, &lost);
	if (!ok && lost.kind != ERR_GUARD && e->kind == ERR_NONE)
		*e = lost;
	free(id);
	buf_release(&data);
	buf_release(&job);
	return ok || lost.kind == ERR_GUARD;	/* somebody else noted it */
}

bool
engine_sweep(struct engine *en, struct err *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < en->inc->steps.n; i++) {
		const struct inc_step *s = &en->inc->steps.v[i];
		struct job_info info;

		if (s->state != STEP_RUNNING || s->job == 0)
			continue;
		if (!job_look(en->state, s->job, &info, NULL))
			ok = doubt(en, s, "its job's directory is gone", e);
		else if (info.state == JOB_VANISHED)
			ok = doubt(en, s, info.child_alive ? "its process was "
			    "killed, but the command it started STILL RUNS; "
			    "'midwatch cancel' of that job ends it" :
			    "its process ended without an outcome (killed, or "
			    "the machine went down)", e);
		else if (info.state == JOB_ENDED) {
			/* ended, but the outcome may not be in our fold yet */
			ok = incident_poll(en->inc, e);
			s = &en->inc->steps.v[i];
			if (ok && s->state == STEP_RUNNING)
				ok = doubt(en, s, "its job ended but could "
				    "not journal the outcome", e);
		}
		job_info_release(&info);
	}
	return ok;
}
