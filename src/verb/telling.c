#include "verb/telling.h"

#include <stdlib.h>
#include <string.h>

#include "action/escalate.h"
#include "action/queue.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "report/update.h"

enum site_trigger
telling_trigger(const char *word)
{
	struct buf known = BUF_INIT;
	const char *near;

	for (int t = 0; t < SITE_TRIGGER_COUNT; t++) {
		if (strcmp(site_triggers[t], word) == 0) {
			buf_release(&known);
			return (enum site_trigger)t;
		}
		buf_printf(&known, "%s%s", t > 0 ? ", " : "",
		    site_triggers[t]);
	}
	near = text_nearest(word, site_triggers, SITE_TRIGGER_COUNT);
	if (near != NULL)
		(void)cli_usage("unknown trigger '%s', did you mean '%s'?",
		    word, near);
	else
		(void)cli_usage("unknown trigger '%s', it is one of %s", word,
		    known.p);
	buf_release(&known);
	return SITE_TRIGGER_COUNT;
}

void
telling_say(const struct desk *d, const struct told *told)
{
	for (size_t i = 0; i < told->v.n && !d->cli->json; i++) {
		struct buf line = BUF_INIT;

		told_line(&told->v.v[i], &line);
		cli_out("%s", line.p);
		buf_release(&line);
	}
}

void
telling_json(const struct told *told, struct buf *b)
{
	static const char *const how[] = { "told", "by-hand", "failed",
	    "queued", "drill" };

	json_key(b, "told");
	json_open_list(b);
	for (size_t i = 0; i < told->v.n; i++) {
		const struct told_one *one = &told->v.v[i];

		json_comma(b);
		json_open(b);
		json_put_str(b, "who", one->who->who);
		json_put_str(b, "phone", one->who->phone);
		json_put_str(b, "how", how[one->how]);
		json_put_str(b, "via", one->via);
		json_put_str(b, "why", one->why[0] != '\0' ? one->why : NULL);
		json_close(b);
	}
	json_close_list(b);
}

size_t
telling_reached(const struct told *told)
{
	size_t n = 0;

	for (size_t i = 0; i < told->v.n; i++)
		n += told->v.v[i].how == TOLD_HOOK ||
		    told->v.v[i].how == TOLD_DRILL;
	return n;
}

size_t
telling_failed(const struct told *told)
{
	size_t n = 0;

	for (size_t i = 0; i < told->v.n; i++)
		n += told->v.v[i].how == TOLD_FAILED ||
		    told->v.v[i].how == TOLD_QUEUED;
	return n;
}

/* ---- by itself ---------------------------------------------------------------- */

void
telling_of(struct desk *d, enum site_trigger trigger, const char *subject)
{
	struct told told = { 0 };
	struct tell t = { .trigger = trigger, .subject = subject,
	    .incident = d->have_inc ? d->inc.id : NULL };

	if (!d->have_site)
		return;
	tell_people(&d->site, &d->state, &t, NULL, clock_mono_ms() +
	    TELLING_MS, &told);
	telling_say(d, &told);
	told_release(&told);
	if (d->have_inc)
		(void)incident_poll(&d->inc, &(struct err){ 0 });
}

void
telling_due(struct desk *d)
{
	struct escalate_next n;
	struct told told = { 0 };
	struct buf line = BUF_INIT;
	char took[32], *subject;
	int64_t now = clock_wall_ms();

	if (!d->have_inc || d->inc.state != INC_OPEN || !d->have_site ||
	    !incident_poll(&d->inc, &(struct err){ 0 }) ||
	    !escalate_next(&d->site, &d->inc, &n) || n.again || n.due == 0 ||
	    n.due > now)
		return;
	text_fmt_duration(took, now - n.told_at);
	subject = xprintf("you are asked for, %s: %s (%s was told %s ago and "
	    "has not answered)", d->inc.id, d->inc.title != NULL ?
	    d->inc.title : "", n.after->who, took);
	struct tell t = { .trigger = SITE_TRIGGER_ESCALATE,
	    .subject = subject, .incident = d->inc.id };
	tell_person(&d->site, &d->state, &t, n.who, clock_mono_ms() +
	    TELLING_MS, &told);
	for (size_t i = 0; i < told.v.n; i++) {
		buf_clear(&line);
		told_line(&told.v.v[i], &line);
		cli_note("%s", line.p);
	}
	told_release(&told);
	buf_release(&line);
	free(subject);
}

void
telling_severity(struct desk *d, const char *level, const char *why)
{
	char *subject = xprintf("%s is %s now: %s", d->inc.id, level, why);
	struct err e = ERR_INIT;
	bool said = false;

	if (d->inc.runbook != NULL && !d->have_rb)
		(void)desk_runbook(d, &e);
	for (size_t i = 0; d->have_rb && i < d->rb.n_severities; i++) {
		const struct rb_severity *s = &d->rb.severities[i];

		for (size_t k = 0; strcmp(s->level, level) == 0 &&
		    k < s->tell.n; k++) {
			for (int t = 0; t < SITE_TRIGGER_COUNT; t++)
				if (strcmp(site_triggers[t], s->tell.v[k]) == 0)
					telling_of(d, (enum site_trigger)t,
					    subject);
			said = true;
		}
	}
	if (!said && strcmp(level, "SEV-0") == 0)
		telling_of(d, SITE_TRIGGER_SEV_0, subject);
	free(subject);
}

bool
telling_by_step(struct desk *d, const char *action)
{
	struct err e = ERR_INIT;

	if (!d->have_inc || d->inc.runbook == NULL ||
	    (!d->have_rb && !desk_runbook(d, &e)))
		return false;
	for (size_t i = 0; i < d->inc.steps.n; i++) {
		const struct rb_step *s = d->inc.steps.v[i].state ==
		    STEP_RUNNING ? runbook_step(&d->rb, d->inc.steps.v[i].id) :
		    NULL;

		if (s != NULL && s->action != NULL &&
		    strcmp(s->action, action) == 0)
			return true;
	}
	return false;
}

/* ---- how it stands ------------------------------------------------------------- */

static void
say_clock(const struct desk *d, int64_t now)
{
	int64_t due = update_due(&d->inc, d->have_site ? &d->site : NULL);
	char at[16], left[32];

	if (due == 0)
		return;
	clock_fmt_short(at, due);
	text_fmt_duration(left, due > now ? due - now : now - due);
	if (due > now)
		cli_out("next update: %s (in %s)", at, left);
	else
		cli_out("UPDATE DUE since %s (%s): 'midwatch incident update' "
		    "has the draft; --snooze 10m --reason WHY puts it off", at,
		    left);
}

static void
say_silent(const struct desk *d, int64_t now)
{
	struct escalate_next n;
	char at[16];

	if (!d->have_site || !escalate_next(&d->site, &d->inc, &n) ||
	    n.due == 0)
		return;
	clock_fmt_short(at, n.due);
	if (n.due > now)
		cli_out("no answer from %s yet; %s is next at %s",
		    n.after->who, n.who->who, at);
	else
		cli_out("NO ANSWER from %s: %s is next since %s, 'midwatch "
		    "incident escalate' (or 'incident ack \"%s\"')",
		    n.after->who, n.who->who, at, n.after->who);
}

static void
say_calls(const struct desk *d)
{
	for (size_t i = 0; i < d->inc.told.n; i++) {
		const struct inc_told *t = &d->inc.told.v[i];
		const struct site_contact *c = d->have_site ?
		    site_contact(&d->site, t->who) : NULL;

		if (t->at != 0)
			continue;
		cli_out("TO TELL: %s%s%s (%s); then 'midwatch incident told "
		    "--by-hand \"%s\"'", *t->who != '\0' ? t->who : "somebody",
		    c != NULL && c->phone != NULL ? ", " : "", c != NULL &&
		    c->phone != NULL ? c->phone : "", t->trigger, *t->who !=
		    '\0' ? t->who : "NAME");
	}
}

/* What the runbook wants somebody to hear by now. */
static void
say_escalations(struct desk *d, int64_t now)
{
	for (size_t i = 0; d->have_rb && i < d->rb.n_escalations; i++) {
		const struct rb_escalation *r = &d->rb.escalations[i];
		const char *why;

		if (now < d->inc.opened + r->after_ms || (r->unless.row !=
		    NULL && engine_ask(&d->en, &r->unless, &why) == TRUTH_YES))
			continue;
		cli_out("ESCALATE: %s (midwatch incident escalate)", r->say !=
		    NULL ? r->say : r->tell);
	}
}

void
telling_head(struct desk *d)
{
	int64_t now = clock_wall_ms();
	size_t queued = queue_count(&d->state, NULL);

	if (d->inc.state == INC_OPEN) {
		say_clock(d, now);
		say_silent(d, now);
		say_escalations(d, now);
	}
	say_calls(d);
	if (queued > 0)
		cli_out("%zu %s for the network: 'midwatch incident told "
		    "--send' tries again", queued, queued == 1 ?
		    "message waits" : "messages wait");
}

static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char at[32];

	if (ms == 0)
		return;
	clock_fmt_utc(at, ms);
	json_put_str(b, key, at);
}

void
telling_head_json(struct desk *d, struct buf *b)
{
	const struct site *site = d->have_site ? &d->site : NULL;
	int64_t due = update_due(&d->inc, site);
	struct escalate_next n;

	put_time(b, "last_update", d->inc.last_update);
	put_time(b, "update_due", due);
	if (due != 0)
		json_put_bool(b, "update_overdue", due <= clock_wall_ms());
	if (site != NULL && escalate_next(site, &d->inc, &n)) {
		json_key(b, "escalate");
		json_open(b);
		json_put_str(b, "next", n.who->who);
		json_put_str(b, "after", n.after != NULL ? n.after->who : NULL);
		put_time(b, "due", n.due);
		json_close(b);
	}
	json_key(b, "to_tell");
	json_open_list(b);
	for (size_t i = 0; i < d->inc.told.n; i++) {
		if (d->inc.told.v[i].at != 0)
			continue;
		json_comma(b);
		json_open(b);
		json_put_str(b, "who", d->inc.told.v[i].who);
		json_put_str(b, "trigger", d->inc.told.v[i].trigger);
		json_close(b);
	}
	json_close_list(b);
	json_put_int(b, "queued", (int64_t)queue_count(&d->state, NULL));
}
