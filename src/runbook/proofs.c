/*
 * Proofs of finished steps, watched for the fact turning false. That one merely
 * grows old is nothing new: ages belong to gates.
 */
#include <string.h>

#include "base/json.h"
#include "runbook/engine.h"

struct verdict {
	enum truth truth;		/* of all of them together */
	const struct cond *lost;
	const char *why;
};

static struct verdict
look(struct engine *en, const struct rb_step *step)
{
	struct verdict v = { .truth = TRUTH_YES };

	for (size_t i = 0; i < step->proves.n; i++) {
		struct cond c = step->proves.v[i];
		const char *why;
		enum truth t;

		c.within_ms = 0;
		t = engine_ask(en, &c, &why);
		if (t == TRUTH_NO)
			return (struct verdict){ t, &step->proves.v[i], why };
		if (t == TRUTH_UNKNOWN)
			v.truth = t;
	}
	return v;
}

/* A later step whose work it was to end that, as the freeze is lifted: nothing is
 * lost. */
static bool
is_undone(const struct engine *en, size_t step, const struct cond *lost)
{
	for (size_t i = step + 1; i < en->rb->n; i++) {
		const struct rb_step *later = &en->rb->steps[i];
		const struct inc_step *s = incident_step(en->inc, later->id);

		if (s == NULL || s->state != STEP_DONE)
			continue;
		for (size_t k = 0; k < later->proves.n; k++)
			if (cond_same(&later->proves.v[k], lost) &&
			    later->proves.v[k].negated != lost->negated)
				return true;
	}
	return false;
}

static bool
say(struct engine *en, const struct rb_step *step, const struct verdict *v,
    struct err *e)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	bool lost = v->truth == TRUTH_NO, ok;

	json_open(&data);
	if (lost) {
		json_put_str(&data, "condition", v->lost->text);
		json_put_str(&data, "seen", v->why);
		buf_printf(&text, "%s: '%s' does not hold any more: %s",
		    step->title, v->lost->text, v->why);
	} else
		buf_printf(&text, "%s: its proof holds again", step->title);
	json_close(&data);
	ok = incident_say(en->inc, lost ? EVENT_PROOF_LOST : EVENT_PROOF_BACK,
	    step->id, text.p, data.p, e);
	buf_release(&text);
	buf_release(&data);
	return ok;
}

bool
engine_watch_proofs(struct engine *en, struct err *e)
{
	if (!engine_settle_waiting(en, e))
		return false;
	engine_forget(en);
	for (size_t i = 0; i < en->rb->n; i++) {
		const struct rb_step *step = &en->rb->steps[i];
		const struct inc_step *s = incident_step(en->inc, step->id);
		struct verdict v;

		if (s == NULL || s->state != STEP_DONE || step->proves.n == 0)
			continue;
		/* what was overridden was never proven */
		if (s->how != NULL && strcmp(s->how, "overridden") == 0)
			continue;
		v = look(en, step);
		/* the readings may be older than what was done: before it is
		 * said that a proof was lost, or is back, the world is asked */
		if (v.truth != TRUTH_UNKNOWN &&
		    (v.truth == TRUTH_NO) != s->proof_lost) {
			engine_forget(en);
			en->fresh = true;
			v = look(en, step);
			en->fresh = false;
		}
		if (v.truth == TRUTH_NO && is_undone(en, i, v.lost))
			continue;
		/* unknown is neither lost nor back */
		if (v.truth == TRUTH_UNKNOWN ||
		    (v.truth == TRUTH_NO) == s->proof_lost)
			continue;
		if (!say(en, step, &v, e))
			return false;
	}
	return true;
}
