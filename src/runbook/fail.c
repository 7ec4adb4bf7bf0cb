/* What the runbook wants when a step has failed: people are told, the severity
 * rises, advice stands in the record. */
#include <stdlib.h>
#include <string.h>

#include "action/tell.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runbook/engine_intern.h"

enum { TELL_MS = 60000 };

static void
fail_say(struct engine *en, const struct rb_step *step, enum event_kind kind,
    const char *key, const char *value, const char *text)
{
	struct buf data = BUF_INIT;

	json_open(&data);
	if (key != NULL)
		json_put_str(&data, key, value);
	json_close(&data);
	(void)incident_say(en->inc, kind, step->id, text, data.p,
	    &(struct err){ 0 });
	buf_release(&data);
}

/* The work that failed may have told them itself. */
static void
who_knows(const struct engine *en, const struct rb_step *step,
    const char *trigger, struct told *ret)
{
	const struct inc_step *s = incident_step(en->inc, step->id);

	for (size_t i = 0; i < en->inc->told.n && s != NULL; i++) {
		const struct inc_told *t = &en->inc->told.v[i];

		if (strcmp(t->trigger, trigger) == 0 &&
		    (t->at != 0 ? t->at : t->since) >= s->started)
			VEC_PUSH(&ret->v, ((struct told_one){
			    .who = site_contact(en->site, t->who) }));
	}
}

/* Where nobody is named for it, the record says that somebody is to be told. */
static void
fail_tell(struct engine *en, const struct rb_step *step, const char *trigger,
    const char *reason)
{
	struct buf text = BUF_INIT;
	struct told told = { 0 }, known = { 0 };
	unsigned i = 0;

	while (i < SITE_TRIGGER_COUNT && strcmp(site_triggers[i], trigger) != 0)
		i++;
	buf_printf(&text, "%s failed: %s", step->title, reason);
	struct tell t = { .trigger = (enum site_trigger)i, .subject = text.p,
	    .incident = en->inc->id };
	if (en->site != NULL && i < SITE_TRIGGER_COUNT) {
		(void)incident_poll(en->inc, &(struct err){ 0 });
		who_knows(en, step, trigger, &known);
		tell_people(en->site, en->state, &t, &known, clock_mono_ms() +
		    TELL_MS, &told);
	}
	(void)incident_poll(en->inc, &(struct err){ 0 });
	if (told.v.n + known.v.n == 0) {
		buf_clear(&text);
		buf_printf(&text, "to be told (%s): %s: %s", trigger,
		    step->title, reason);
		fail_say(en, step, EVENT_TELL, "trigger", trigger, text.p);
	}
	told_release(&told);
	told_release(&known);
	buf_release(&text);
}

/* Of a severity: whom the runbook tells of it, unless the step says so itself. */
static void
fail_severity(struct engine *en, const struct rb_step *step, const char *level,
    const char *reason)
{
	char *text = xprintf("%s failed: %s", step->id, reason);
	bool graver = en->inc->severity == NULL ||
	    strcmp(level, en->inc->severity) < 0;

	/* SEV-0 does not become SEV-1 because something smaller fails too */
	fail_say(en, step, graver ? EVENT_SEVERITY : EVENT_NOTE, graver ?
	    "level" : NULL, level, text);
	for (size_t i = 0; i < en->rb->n_severities && graver; i++) {
		const struct rb_severity *s = &en->rb->severities[i];

		for (size_t k = 0; strcmp(s->level, level) == 0 &&
		    k < s->tell.n; k++) {
			char *own = xprintf("tell %s", s->tell.v[k]);

			if (!text_in(own, (const char *const *)step->on_fail.v,
			    step->on_fail.n))
				fail_tell(en, step, s->tell.v[k], reason);
			free(own);
		}
	}
	free(text);
}

/* Each of them is "tell X", "severity SEV-0", "note TEXT" or "next STEP". */
void
engine_failed(struct engine *en, const struct rb_step *step, const char *reason)
{
	for (size_t i = 0; i < step->on_fail.n; i++) {
		const char *what = step->on_fail.v[i];
		const char *rest = strchr(what, ' ');

		rest = rest != NULL ? rest + 1 : "";
		if (text_starts(what, "tell "))
			fail_tell(en, step, rest, reason);
		else if (text_starts(what, "severity "))
			fail_severity(en, step, rest, reason);
		else if (text_starts(what, "next ")) {
			char *text = xprintf("advice: go on with step '%s'",
			    rest);

			fail_say(en, step, EVENT_NOTE, NULL, NULL, text);
			free(text);
		} else
			fail_say(en, step, EVENT_NOTE, NULL, NULL, rest);
	}
}
