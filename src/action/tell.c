#include "action/tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "action/hook.h"
#include "action/queue.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "record/incident.h"
#include "record/log.h"

enum { LEAST_MS = 3000, DRAIN_MS = 8000, SUBJECT_MAX = 400, TEXT_MAX = 1000 };

/* ---- the message ------------------------------------------------------------- */

static void
write_json(const struct site *site, const struct tell *t,
    const struct site_contact *who, struct buf *b)
{
	char at[32], local[40];

	clock_fmt_utc(at, clock_wall_ms());
	clock_fmt_site(local, clock_wall_ms());
	json_open(b);
	json_put_str(b, "trigger", site_triggers[t->trigger]);
	json_put_bool(b, "clear", t->clear);
	json_put_str(b, "site", site->name);
	json_put_str(b, "environment", site->environment);
	json_put_str(b, "channel", site->channel);
	json_put_str(b, "incident", t->incident);
	json_put_str(b, "at", at);
	json_put_str(b, "site_time", local);
	json_put_str(b, "who", who->who);
	json_put_str(b, "role", who->role);
	json_put_str(b, "phone", who->phone);
	json_put_str(b, "subject", t->subject);
	json_put_str(b, "text", t->text != NULL ? t->text : t->subject);
	json_close(b);
	buf_ch(b, '\n');
}

static void
write_text(const struct site *site, const struct tell *t, struct buf *b)
{
	char local[40];

	clock_fmt_site(local, clock_wall_ms());
	buf_printf(b, "[%s%s%s] %s", site->name, t->incident != NULL ? " " : "",
	    t->incident != NULL ? t->incident : "", t->subject);
	if (t->text != NULL && strcmp(t->text, t->subject) != 0)
		buf_printf(b, "\n%s", t->text);
	buf_printf(b, "\n(%s%s, %s)", site_triggers[t->trigger],
	    t->clear ? ", all-clear" : "", local);
}

/* ---- the record ---------------------------------------------------------------- */

static void
say_in(const struct state *state, const char *incident, enum event_kind kind,
    const char *text, const char *data, bool late)
{
	struct incident inc = INCIDENT_INIT;
	struct err e = ERR_INIT;
	char *dir;

	if (state == NULL)
		return;
	if (incident == NULL) {
		(void)log_say(state, kind, text, data, &e);
		return;
	}
	dir = state_path(state, "incidents/%s", incident);
	/* behind its end the checkpoint moves along, or the line proves nothing */
	if (incident_load(&inc, dir, &e) && incident_say(&inc, kind, NULL,
	    text, data, &e) && late && inc.state == INC_CLOSED)
		(void)log_checkpoint(state, &inc, text, &e);
	incident_release(&inc);
	free(dir);
}

/* What a line of a journal has room for. */
static void
put_fit(struct buf *b, const char *key, const char *s, size_t max)
{
	size_t n = text_fit(s, strlen(s), max);

	while (n > 0 && json_text_size(s, n) > max + max / 2)
		n = text_fit(s, n, n / 2);
	json_key(b, key);
	json_textn(b, s, n);
}

static void
journal_one(const struct state *state, const struct tell *t,
    const struct told_one *one)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	const struct site_contact *who = one->who;
	bool told = one->how == TOLD_HOOK || one->how == TOLD_DRILL;

	if (one->how == TOLD_BY_HAND)
		buf_printf(&text, "tell %s by hand%s%s", who->who,
		    who->phone != NULL ? ", " : "", who->phone != NULL ?
		    who->phone : "");
	else
		buf_printf(&text, "%s%s%s", one->how == TOLD_DRILL ?
		    "drill: not sent: " : "", who->who,
		    one->how == TOLD_HOOK ? " was told" :
		    one->how == TOLD_QUEUED ? " could not be reached, and will "
		    "be when the network is back" :
		    one->how == TOLD_FAILED ? " could not be told" : "");
	buf_printf(&text, " (%s%s): %.*s", site_triggers[t->trigger],
	    t->clear ? ", all-clear" : "", (int)text_fit(t->subject,
	    strlen(t->subject), SUBJECT_MAX), t->subject);
	json_open(&data);
	json_put_str(&data, "trigger", site_triggers[t->trigger]);
	json_put_str(&data, "who", who->who);
	json_put_bool(&data, "clear", t->clear);
	json_put_str(&data, "via", one->via);
	if (one->how == TOLD_DRILL)
		json_put_bool(&data, "drill", true);
	if (one->how == TOLD_QUEUED)
		json_put_bool(&data, "queued", true);
	if (one->why[0] != '\0')
		json_put_str(&data, "why", one->why);
	/* whoever calls them reads it out */
	if (!told && t->text != NULL)
		put_fit(&data, "text", t->text, TEXT_MAX);
	json_close(&data);
	say_in(state, t->incident, told ? EVENT_TOLD : EVENT_TELL, text.p,
	    data.p, false);
	buf_release(&text);
	buf_release(&data);
}

static void
journal_late(const struct state *state, const struct queue_end *end)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	char at[40];

	clock_fmt_site(at, end->at);
	buf_printf(&text, end->sent ? "%s was told, late (%s%s): %s" :
	    "%s was never told (%s%s): %s", end->name,
	    site_triggers[end->trigger], end->clear ? ", all-clear" : "",
	    end->subject != NULL ? end->subject : "");
	json_open(&data);
	json_put_str(&data, "trigger", site_triggers[end->trigger]);
	json_put_str(&data, "who", end->name);
	json_put_bool(&data, "clear", end->clear);
	json_put_str(&data, "via", "webhook");
	json_put_str(&data, "from", at);
	if (!end->sent)
		json_put_str(&data, "why", end->why);
	json_close(&data);
	say_in(state, end->incident, end->sent ? EVENT_TOLD : EVENT_TELL,
	    text.p, data.p, true);
	buf_release(&text);
	buf_release(&data);
}

/* ---- one contact ------------------------------------------------------------------ */

static bool
has_hook(const struct site_contact *who)
{
	return who->tell.v != NULL || who->url != NULL ||
	    who->url_file != NULL || who->second.v != NULL;
}

static int64_t
until(const struct site *site, int64_t deadline_ms)
{
	int64_t now = clock_mono_ms(), end = now + site->comms.timeout_ms;

	if (deadline_ms < end)
		end = deadline_ms;
	/* those before it that hung are no reason to tell nobody else */
	return end < now + LEAST_MS ? now + LEAST_MS : end;
}

static void
drain(const struct site *site, const struct state *state, const char *who,
    int64_t deadline_ms)
{
	struct queue_ends ends = { 0 };

	queue_drain(site, state, who, deadline_ms, &ends);
	for (size_t i = 0; i < ends.v.n; i++)
		journal_late(state, &ends.v.v[i]);
	queue_ends_release(&ends);
}

void
tell_queued(const struct site *site, const struct state *state,
    int64_t deadline_ms)
{
	if (!tell_is_drill(site, NULL))
		drain(site, state, NULL, deadline_ms);
}

/* In order: what waits for them goes first, or nothing does. */
static bool
is_behind(const struct site *site, const struct state *state,
    const struct site_contact *who, char why[HOOK_WHY])
{
	if (state == NULL || queue_count(state, who->who) == 0)
		return false;
	drain(site, state, who->who, clock_mono_ms() + DRAIN_MS);
	if (queue_count(state, who->who) == 0)
		return false;
	(void)snprintf(why, HOOK_WHY, "earlier messages wait for the network");
	return true;
}

/* The ways to reach them, in turn. */
static enum hook_end
try_ways(const struct site *site, const struct state *state,
    const struct hook_words *w, struct told_one *one, int64_t deadline_ms)
{
	const struct site_contact *who = one->who;
	const struct hook ways[] = {
		{ .command = &who->tell, .dir = site->doc.dir },
		{ .url = who->url, .url_file = who->url_file,
		    .ca_file = site->comms.ca_file },
		{ .command = &who->second, .dir = site->doc.dir },
	};
	static const char *const names[] = { "hook", "webhook", "second hook" };
	enum hook_end worst = HOOK_NONE;

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char why[HOOK_WHY] = "";
		enum hook_end how;

		if (i == 1 && (who->url != NULL || who->url_file != NULL) &&
		    is_behind(site, state, who, why))
			how = HOOK_LATER;
		else
			how = hook_or_url(&ways[i], w, until(site,
			    deadline_ms), why);
		if (how == HOOK_NONE)
			continue;
		one->via = names[i];
		if (how == HOOK_DONE)
			return how;
		if (one->why[0] == '\0')
			(void)snprintf(one->why, sizeof one->why, "%s", why);
		worst = how == HOOK_LATER || worst == HOOK_LATER ? HOOK_LATER :
		    how;
	}
	return worst;
}

static bool
enqueue(const struct state *state, const struct tell *t, const char *who,
    const char *text)
{
	struct queued q = { .trigger = t->trigger, .clear = t->clear,
	    .who = who, .incident = t->incident, .subject = t->subject,
	    .text = text, .at = clock_wall_ms() };

	return state != NULL && queue_put(state, &q, &(struct err){ 0 });
}

void
tell_person(const struct site *site, const struct state *state,
    const struct tell *t, const struct site_contact *who, int64_t deadline_ms,
    struct told *ret)
{
	struct told_one one = { .who = who, .how = TOLD_BY_HAND };
	struct buf json = BUF_INIT, text = BUF_INIT;

	if (t->hooks_only && !has_hook(who))
		return;
	if (has_hook(who) && tell_is_drill(site, t->incident))
		one.how = TOLD_DRILL;
	else if (has_hook(who)) {
		write_json(site, t, who, &json);
		write_text(site, t, &text);
		struct hook_words w = { json.p, json.n, text.p };

		switch (try_ways(site, state, &w, &one, deadline_ms)) {
		case HOOK_DONE:
			one.how = TOLD_HOOK;
			break;
		case HOOK_LATER:
			one.how = enqueue(state, t, who->who, text.p) ?
			    TOLD_QUEUED : TOLD_FAILED;
			break;
		case HOOK_NONE:
		case HOOK_FAILED:
		default:
			one.how = TOLD_FAILED;
		}
	}
	journal_one(state, t, &one);
	VEC_PUSH(&ret->v, one);
	buf_release(&json);
	buf_release(&text);
}

/* ---- people ------------------------------------------------------------------------ */

bool
tell_is_drill(const struct site *site, const char *incident)
{
	return (incident != NULL && text_starts(incident, "DRILL-")) ||
	    (site->environment != NULL &&
	    strcasecmp(site->environment, "drill") == 0);
}

bool
tell_concerns(const struct site *site, const struct site_contact *who,
    enum site_trigger trigger)
{
	return (who->triggers & 1u << trigger) != 0 &&
	    (!who->only_regulated || site->regulated.n > 0);
}

bool
told_has(const struct told *t, const struct site_contact *who)
{
	for (size_t i = 0; t != NULL && i < t->v.n; i++)
		if (t->v.v[i].who == who)
			return true;
	return false;
}

void
tell_people(const struct site *site, const struct state *state,
    const struct tell *t, const struct told *except, int64_t deadline_ms,
    struct told *ret)
{
	size_t before = ret->v.n;
	bool dead = false;

	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *who = site_contact_at(site, i);

		if (tell_concerns(site, who, t->trigger) &&
		    !told_has(except, who))
			tell_person(site, state, t, who, deadline_ms, ret);
	}
	for (size_t i = before; i < ret->v.n; i++)
		dead = dead || ret->v.v[i].how == TOLD_QUEUED;
	/* the network is there, perhaps, for what others wait for */
	if (state != NULL && !dead && clock_mono_ms() < deadline_ms)
		tell_queued(site, state, deadline_ms < clock_mono_ms() +
		    DRAIN_MS ? deadline_ms : clock_mono_ms() + DRAIN_MS);
}

void
told_line(const struct told_one *one, struct buf *out)
{
	const struct site_contact *who = one->who;
	const char *phone = who->phone != NULL ? who->phone : NULL;

	switch (one->how) {
	case TOLD_HOOK:
		buf_printf(out, "told: %s%s%s", who->who,
		    one->why[0] != '\0' ? ", the second way: " : "", one->why);
		return;
	case TOLD_DRILL:
		buf_printf(out, "drill: not sent: %s", who->who);
		return;
	case TOLD_BY_HAND:
		buf_printf(out, "tell %s by hand%s%s", who->who,
		    phone != NULL ? ", " : "", phone != NULL ? phone : "");
		return;
	case TOLD_FAILED:
	case TOLD_QUEUED:
	default:
		buf_printf(out, "could not be told: %s: %s", who->who,
		    one->why);
		if (one->how == TOLD_QUEUED)
			buf_str(out, "; it is sent when the network is back");
		buf_printf(out, "; by hand%s%s", phone != NULL ? ", " : "",
		    phone != NULL ? phone : "");
	}
}

void
told_release(struct told *t)
{
	VEC_RELEASE(&t->v);
}
