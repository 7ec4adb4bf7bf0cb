#include "report/update.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { EVERY_MS = 15 * 60 * 1000, RECENT = 8, SHORT = 160 };

int64_t
update_every_ms(const struct site *site)
{
	return site != NULL && site->comms.update_every_ms > 0 ?
	    site->comms.update_every_ms : EVERY_MS;
}

int64_t
update_due(const struct incident *inc, const struct site *site)
{
	if (inc->state != INC_OPEN)
		return 0;
	if (inc->next_update != 0)
		return inc->next_update;
	return (inc->last_update != 0 ? inc->last_update : inc->opened) +
	    update_every_ms(site);
}

static void
short_text(struct buf *out, const char *s)
{
	struct buf clean = BUF_INIT;
	size_t n;

	text_clean(&clean, s, strlen(s), TEXT_LINE);
	n = text_fit(clean.p, clean.n, SHORT);
	buf_add(out, clean.p, n);
	if (n < clean.n)
		buf_str(out, "...");
	buf_release(&clean);
}

static void
head(const struct incident *inc, int64_t now, struct buf *out)
{
	const struct inc_role *c = incident_role(inc, "commander");
	char took[32], at[16];

	buf_printf(out, "%s, %s", inc->severity != NULL ? inc->severity :
	    "no severity", inc->environment != NULL ? inc->environment : "");
	buf_str(out, ": ");
	short_text(out, inc->title != NULL ? inc->title : inc->id);
	clock_fmt_short(at, inc->opened);
	text_fmt_duration(took, now - inc->opened);
	buf_printf(out, "\nopen since %s (%s, %s); in command: %s\n", at,
	    clock_zone(), took, c != NULL ? c->who : "nobody yet");
	if (inc->data_risk)
		buf_str(out, "DATA AT RISK was declared\n");
	if (inc->downtime)
		buf_str(out, "DOWNTIME was declared\n");
}

static void
conditions(struct engine *en, struct buf *out)
{
	struct criteria cs = { 0 };

	buf_str(out, "\nConditions:\n");
	if (en->rb == NULL) {
		buf_str(out, "- (no runbook asks any)\n");
		return;
	}
	engine_criteria(en, &en->rb->resolve, &cs);
	for (size_t i = 0; i < cs.v.n; i++) {
		const struct criterion *c = &cs.v.v[i];

		buf_printf(out, "- %s: %s", c->truth == TRUTH_YES ? "yes" :
		    c->truth == TRUTH_NO ? "NO" : "unknown", c->cond->text);
		if (c->truth != TRUTH_YES) {
			buf_str(out, " (");
			short_text(out, c->why);
			buf_ch(out, ')');
		}
		buf_ch(out, '\n');
	}
	VEC_RELEASE(&cs.v);
}

static const char *
title_of(const struct engine *en, const struct inc_step *s)
{
	const struct rb_step *step = en->rb != NULL ?
	    runbook_step(en->rb, s->id) : NULL;

	return step != NULL && step->title != NULL ? step->title : s->id;
}

/* The step that sends this update is no news in it. */
static bool
is_telling(const struct engine *en, const struct inc_step *s)
{
	const struct rb_step *step = en->rb != NULL ?
	    runbook_step(en->rb, s->id) : NULL;

	return step != NULL && step->kind == STEP_ACTION &&
	    strcmp(step->action, "update") == 0;
}

/* A check whose answer is no has done its work. */
static bool
is_look(const struct engine *en, const struct inc_step *s)
{
	const struct rb_step *step = en->rb != NULL ?
	    runbook_step(en->rb, s->id) : NULL;

	return step != NULL && step->kind == STEP_CHECK;
}

static void
actions(const struct engine *en, int64_t now, struct buf *out)
{
	const struct incident *inc = en->inc;
	size_t done = 0, from = 0, none;

	buf_str(out, "\nActions:\n");
	none = out->n;
	for (size_t i = 0; i < inc->steps.n; i++)
		done += inc->steps.v[i].state == STEP_DONE;
	for (size_t i = 0; i < inc->steps.n; i++) {
		const struct inc_step *s = &inc->steps.v[i];
		char at[16], took[32];

		if (s->state == STEP_DONE && from++ + RECENT < done)
			continue;
		if (s->state == STEP_RUNNING && is_telling(en, s))
			continue;
		if (s->state == STEP_RUNNING) {
			text_fmt_duration(took, now - s->started);
			buf_printf(out, "- running for %s: ", took);
		} else if (s->state == STEP_DONE) {
			clock_fmt_short(at, s->ended);
			buf_printf(out, "- %s done: ", at);
		} else if (s->state == STEP_FAILED || s->state == STEP_DOUBT)
			buf_printf(out, "- %s: ", s->state == STEP_DOUBT ?
			    "IN DOUBT" : is_look(en, s) ? "found" :
			    s->waits ? "waits for a person" : "FAILED");
		else
			continue;
		short_text(out, title_of(en, s));
		if (s->state == STEP_FAILED && !text_empty(s->reason)) {
			buf_str(out, ": ");
			short_text(out, s->reason);
		}
		buf_ch(out, '\n');
	}
	if (out->n == none)
		buf_str(out, "- none yet\n");
}

static void
needs(struct engine *en, struct buf *out)
{
	const struct rb_step *next = en->rb != NULL ? engine_next(en) : NULL;
	const struct incident *inc = en->inc;

	buf_str(out, "\nNeeds and next:\n");
	if (next != NULL)
		buf_printf(out, "- next: %s\n", next->title);
	else
		buf_str(out, en->rb != NULL ? "- no step is ready\n" :
		    "- next: to be said\n");
	for (size_t i = 0; i < inc->told.n; i++)
		if (inc->told.v[i].at == 0)
			buf_printf(out, "- still to be told: %s (%s)\n",
			    *inc->told.v[i].who != '\0' ? inc->told.v[i].who :
			    "somebody", inc->told.v[i].trigger);
}

void
update_draft(struct engine *en, struct buf *out)
{
	int64_t now = clock_wall_ms();
	char at[16];

	head(en->inc, now, out);
	conditions(en, out);
	actions(en, now, out);
	needs(en, out);
	if (en->inc->state != INC_OPEN) {
		buf_str(out, "\nThis is the last update.\n");
		return;
	}
	clock_fmt_short(at, now + update_every_ms(en->site));
	buf_printf(out, "\nNext update at %s (%s).\n", at, clock_zone());
}
