/*
 * What the facts mean for the person who looks: the triage line, the one thing
 * to do now, and which buttons can be pressed. Everything here is said of
 * readings and of the record; what is not known is said to be unknown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/notes.h"
#include "ui/talk.h"

enum {
	FULL_SOON_MS = 24 * 3600000,	/* a disk that is full by then is said */
	FEED_LATE_MS = 20000, WAITING_MS = 3000,
	SHOWN_DBS = 6,
};

static const char *
str(const json_t *o, const char *key)
{
	const char *s = o != NULL ? json_get_str(o, key) : NULL;

	return s != NULL ? s : "";
}

static bool
is_kind(const struct reading *r, const char *kind)
{
	return strcmp(r->kind, kind) == 0;
}

static const struct reading *
reading_of(const struct talk *w, const char *kind, const char *name)
{
	return readings_find(&w->readings, kind, name);
}

/* "26 h": one unit is enough for a line that is read in a hurry. */
static void
put_age(struct buf *b, int64_t ms)
{
	int64_t min = ms / 60000;

	if (min < 120)
		buf_printf(b, "%" PRId64 " min", min);
	else if (min < 72 * 60)
		buf_printf(b, "%" PRId64 " h", min / 60);
	else
		buf_printf(b, "%" PRId64 " d", min / (24 * 60));
}

static void
put_upper(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++)
		buf_ch(b, *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s);
}

/* ---- the triage line ------------------------------------------------------------- */

static void
customers(const struct talk *w, struct buf *b)
{
	size_t all = 0, down = 0, unknown = 0;
	const char *first = NULL;

	for (size_t i = 0; i < w->readings.v.n; i++) {
		const struct reading *r = &w->readings.v.v[i];

		if (!is_kind(r, "service"))
			continue;
		all++;
		unknown += r->level == LEVEL_UNKNOWN;
		down += r->level == LEVEL_CRITICAL;
		if (r->level == LEVEL_CRITICAL && first == NULL)
			first = r->name;
	}
	if (all == 0)
		buf_str(b, "customers: not watched");
	else if (down > 0)
		buf_printf(b, "customers: %zu of %zu services DOWN (%s)", down,
		    all, first);
	else if (unknown > 0)
		buf_printf(b, "customers: %zu of %zu services unknown", unknown,
		    all);
	else
		buf_str(b, "customers: fine");
}

/* Without a reading nothing is said to be lost, and nothing to be safe. */
static void
last_restorable(const struct talk *w, struct buf *b, int64_t now)
{
	const json_t *dbs = json_object_get(w->site, "databases");
	size_t n = json_array_size(dbs);

	if (n == 0)
		return;
	buf_str(b, " | last restorable");
	for (size_t i = 0; i < n && i < SHOWN_DBS; i++) {
		const char *name = str(json_array_get(dbs, i), "name");
		const struct reading *r = reading_of(w, "backup", name);
		int64_t at = r != NULL && r->data != NULL ?
		    json_get_int(r->data, "restorable_ms", 0) : 0;

		buf_str(b, i > 0 ? ", " : " ");
		put_upper(b, name);
		buf_ch(b, ' ');
		if (r == NULL || (r->data == NULL && at == 0))
			buf_ch(b, '?');
		else if (at == 0)
			buf_str(b, r->level == LEVEL_UNKNOWN ||
			    json_get_int(r->data, "stores_unknown", 0) > 0 ?
			    "?" : "never");
		else
			put_age(b, now > at ? now - at : 0);
	}
	if (n > SHOWN_DBS)
		buf_printf(b, " and %zu more", n - SHOWN_DBS);
}

static void
disk_full(const struct talk *w, struct buf *b)
{
	const struct reading *worst = NULL;
	int64_t soonest = FULL_SOON_MS;

	for (size_t i = 0; i < w->readings.v.n; i++) {
		const struct reading *r = &w->readings.v.v[i];
		int64_t in;

		if (!is_kind(r, "disk") || r->data == NULL || r->stale)
			continue;
		in = json_get_int(r->data, "full_in_ms", INT64_MAX);
		if (json_get_int(r->data, "percent", 0) >= 100)
			in = 0;
		if (in < soonest) {
			soonest = in;
			worst = r;
		}
	}
	if (worst == NULL)
		return;
	buf_printf(b, " | disk %s ", worst->name);
	if (soonest == 0)
		buf_str(b, "FULL");
	else {
		buf_str(b, "full in ");
		put_age(b, soonest);
	}
}

/* ---- what to do now ------------------------------------------------------------------ */

/* Databases without a verified copy since the incident opened; a set knows the
 * second of its beginning. */
static size_t
unsafe(const struct talk *w, struct buf *names)
{
	const json_t *dbs = json_object_get(w->site, "databases");
	int64_t since = json_get_int(w->incident, "opened", 0);
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(dbs); i++) {
		const char *name = str(json_array_get(dbs, i), "name");
		const struct reading *r = reading_of(w, "backup", name);
		int64_t at = r != NULL && r->data != NULL ?
		    json_get_int(r->data, "verified_ms", 0) : 0;

		if (w->incident == NULL ? r == NULL || r->data == NULL ||
		    !json_get_bool(r->data, "late") : at >= since / 1000 * 1000)
			continue;
		buf_str(names, n++ > 0 ? ", " : "");
		put_upper(names, name);
	}
	return n;
}

/* Components without one: they are saved with the databases, and no less worth it. */
static size_t
unsafe_rest(const struct talk *w)
{
	const json_t *v = json_object_get(w->site, "components");
	int64_t since = json_get_int(w->incident, "opened", 0);
	size_t n = 0;

	for (size_t i = 0; w->incident != NULL && i < json_array_size(v); i++) {
		const char *name = json_string_value(json_array_get(v, i));
		const struct reading *r = name != NULL ? reading_of(w,
		    "backup", name) : NULL;

		n += r == NULL || r->data == NULL ||
		    json_get_int(r->data, "verified_ms", 0) < since;
	}
	return n;
}

static const json_t *
running_job(const struct talk *w)
{
	const json_t *v = json_object_get(w->jobs, "v");

	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *o = json_array_get(v, i);

		if (strcmp(str(o, "state"), "running") == 0)
			return o;
	}
	return NULL;
}

static const json_t *
step_of(const struct talk *w, const char *id)
{
	const json_t *v = json_object_get(w->steps, "v");

	for (size_t i = 0; i < json_array_size(v); i++)
		if (strcmp(str(json_array_get(v, i), "id"), id) == 0)
			return json_array_get(v, i);
	return NULL;
}

static void
do_this(struct model_head *h, enum level level, enum request key,
    const char *why, const char *now)
{
	h->now = pool_str(&h->pool, now);
	h->now_why = why != NULL && *why != '\0' ? pool_str(&h->pool, why) :
	    NULL;
	h->now_level = level;
	h->now_key = key;
}

static bool
by_person(const json_t *step)
{
	return strcmp(str(step, "kind"), "manual") == 0 &&
	    json_array_size(json_object_get(step, "proves")) == 0;
}

static void
put_job(struct buf *b, const json_t *job)
{
	const char *far = str(json_object_get(job, "progress"), "text");

	buf_printf(b, "Job %" PRId64 " works: %s", json_get_int(job, "n", 0),
	    *far != '\0' ? far : str(job, "title"));
}

/* Whether the job does what the step is about, though another button began it: then
 * to begin it once more is nothing to do now. */
static bool
does(const json_t *job, const json_t *step)
{
	static const char *const only_one[] = { "nightly", "cleanup",
	    "isolate", "freeze" };
	const char *kind = str(job, "kind");

	if (strcmp(kind, str(step, "action")) != 0)
		return false;
	return text_in(kind, only_one, sizeof only_one / sizeof *only_one) ||
	    (strcmp(kind, "backup") == 0 && text_starts(str(job, "title"),
	    "save all"));
}

/* The runbook has come to its end for tonight, and each criterion holds: what is left
 * is the morning's, and only the clocks still run. */
static bool
may_be_resolved(const struct talk *w)
{
	const json_t *step = step_of(w, "resolve");
	const json_t *v = json_object_get(w->criteria, "resolve");

	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *o = json_array_get(v, i);

		if (strcmp(str(o, "truth"), "yes") != 0 &&
		    json_get_str(o, "overridden") == NULL)
			return false;
	}
	return json_array_size(v) > 0 && step != NULL &&
	    strcmp(str(step, "state"), "done") == 0 &&
	    !json_get_bool(step, "proof_lost");
}

static void
now_in_incident(const struct talk *w, struct model_head *h)
{
	const json_t *step = step_of(w, str(w->steps, "next"));
	const json_t *job = running_job(w);
	struct buf names = BUF_INIT, text = BUF_INIT;
	size_t n = unsafe(w, &names);

	if (job != NULL)
		put_job(&text, job);
	/* what works goes on by itself: the hands are free for the next step */
	if (job == NULL && h->state == INC_OPEN && may_be_resolved(w))
		do_this(h, LEVEL_OK, REQ_RESOLVE, "then the clocks stop, and "
		    "what is left can wait for the morning",
		    "Every criterion is proven: resolve the incident");
	else if (step != NULL && job != NULL && does(job, step)) {
		char *next = xprintf("it does what comes next: %s", str(step,
		    "title"));

		do_this(h, LEVEL_OK, REQ_NONE, next, text.p);
		free(next);
	} else if (step != NULL)
		do_this(h, LEVEL_WARNING, by_person(step) ? REQ_TICK : REQ_RUN,
		    job != NULL ? text.p : json_get_bool(step, "proof_lost") ?
		    "it was done, and its proof does not hold any more" :
		    str(step, "say"), str(step, "title"));
	else if (job != NULL)
		do_this(h, LEVEL_OK, REQ_NONE, strstr(text.p, str(job,
		    "title")) != NULL ? NULL : str(job, "title"), text.p);
	else if (h->state == INC_RESOLVED)
		do_this(h, LEVEL_OK, REQ_CLOSE, "first, in a shell: midwatch "
		    "incident publish WHERE, midwatch followup add WHAT",
		    "Resolved. Close it when the report is out; the clocks "
		    "stand.");
	else if (w->steps == NULL)
		do_this(h, LEVEL_UNKNOWN, REQ_NONE, NULL,
		    "The runbook is being read ...");
	else
		do_this(h, LEVEL_OK, REQ_RESOLVE, NULL, "No step is left: "
		    "resolve, which says what is still open");
	if (n > 0 && job == NULL && h->state == INC_OPEN) {
		buf_clear(&text);
		buf_printf(&text, "%s %s no verified copy since this began",
		    names.p, n == 1 ? "has" : "have");
		h->now_why = pool_str(&h->pool, text.p);
		h->now_level = LEVEL_CRITICAL;
	}
	h->safe_to_stop = job == NULL && n == 0;
	buf_release(&names);
	buf_release(&text);
}

static void
now_on_watch(const struct talk *w, struct model_head *h)
{
	const struct readings *all = &w->model->readings.all;
	const struct reading *worst = all->v.n > 0 ? &all->v.v[0] : NULL;
	struct buf text = BUF_INIT;
	size_t n = 0;

	while (n < all->v.n && all->v.v[n].level == LEVEL_CRITICAL)
		n++;
	h->safe_to_stop = true;
	if (worst == NULL)
		do_this(h, LEVEL_UNKNOWN, REQ_NONE, NULL, "Looking ...");
	else if (worst->level == LEVEL_OK)
		do_this(h, LEVEL_OK, REQ_NONE, NULL,
		    "Nothing to do: all is well");
	else {
		buf_printf(&text, "%s %s: %s", worst->kind, worst->name,
		    worst->error ? worst->error : worst->text ? worst->text :
		    "");
		if (n == 0)
			do_this(h, worst->level, REQ_NONE, worst->next, text.p);
		else
			do_this(h, LEVEL_CRITICAL, REQ_OPEN_INCIDENT, text.p,
			    n == 1 ? "One alarm: open an incident" :
			    pool_printf(&h->pool, "%zu alarms: open an "
			    "incident", n));
	}
	buf_release(&text);
}

/* ---- head ------------------------------------------------------------------------------ */

static enum env
env_of(const char *environment, const char *incident)
{
	if (text_starts(incident, "DRILL-") ||
	    strcmp(environment, "drill") == 0)
		return ENV_DRILL;
	if (strcmp(environment, "replay") == 0)
		return ENV_REPLAY;
	return text_starts(environment, "prod") ? ENV_PRODUCTION : ENV_OTHER;
}

static enum inc_state
inc_state_of(const char *word)
{
	return strcmp(word, "open") == 0 ? INC_OPEN :
	    strcmp(word, "resolved") == 0 ? INC_RESOLVED :
	    strcmp(word, "closed") == 0 ? INC_CLOSED : INC_NONE;
}

/* The record knows it at once, the reading only when it is taken again. */
static const json_t *
frozen_since(const struct talk *w, int64_t read_at)
{
	for (size_t i = w->entries.n; i-- > 0;) {
		const json_t *o = w->entries.v[i];

		if (json_get_int(o, "rec", 0) <= read_at)
			break;
		if (strcmp(str(o, "kind"), "freeze") == 0)
			return o;
	}
	return NULL;
}

static void
freeze_of(const struct talk *w, struct model_head *h)
{
	const struct reading *r = reading_of(w, "work", "freeze");
	const json_t *newer = frozen_since(w, r != NULL ? r->at : 0);

	if (newer != NULL) {
		h->frozen = text_starts(str(newer, "text"), "frozen");
		h->freeze_unknown = !h->frozen && !text_starts(str(newer,
		    "text"), "the freeze is lifted");
		return;
	}
	h->freeze_unknown = r == NULL || r->level == LEVEL_UNKNOWN ||
	    r->data == NULL;
	h->frozen = !h->freeze_unknown && json_get_bool(r->data, "frozen");
}

void
picture_head(struct talk *w, int64_t now)
{
	struct model_head *h = model_head_begin(w->model);
	const json_t *others = json_object_get(w->consoles, "v");
	const char *environment = json_get_str(w->incident, "environment");
	struct buf b = BUF_INIT;
	struct pool *p = &h->pool;
	bool known = w->hello != NULL;

	if (environment == NULL)
		environment = known ? str(w->site, "environment") :
		    w->environment;
	h->environment = pool_str(p, environment);
	h->env = env_of(environment, str(w->incident, "id"));
	h->host = pool_str(p, known ? str(w->hello, "host") : w->host);
	h->site = pool_str(p, known ? str(w->site, "name") : w->name);
	h->zone = pool_str(p, str(w->site, "timezone"));
	h->read_only = known ? json_get_bool(w->hello, "read_only") :
	    w->read_only;
	h->state = inc_state_of(str(w->incident, "state"));
	h->incident = w->incident != NULL ? pool_str(p, str(w->incident,
	    "id")) : NULL;
	h->title = pool_str(p, str(w->incident, "title"));
	h->severity = pool_str(p, str(w->incident, "severity"));
	h->opened = json_get_int(w->incident, "opened", 0);
	h->resolved = json_get_int(w->incident, "resolved", 0);
	h->next_update = json_get_int(w->incident, "next_update", 0);
	freeze_of(w, h);
	for (size_t i = 0; i < json_array_size(others); i++)
		VEC_PUSH(&h->others, pool_str(p, str(json_array_get(others, i),
		    "by")));
	if (w->feed_at == 0)
		buf_str(&b, "customers: ? (no reading yet)");
	else {
		customers(w, &b);
		last_restorable(w, &b, now);
		disk_full(w, &b);
	}
	h->triage = pool_str(p, b.p);
	if (h->state == INC_NONE)
		now_on_watch(w, h);
	else
		now_in_incident(w, h);
	buf_release(&b);
}

/* ---- buttons --------------------------------------------------------------------------- */

enum need { NEED_NOTHING, NEED_INCIDENT, NEED_OPEN, NEED_RESOLVED, NEED_NONE,
	NEED_UNSAFE, NEED_BROKEN_LOGIN };

/* rung, what it runs, what that does, how it is undone; then what is asked or shown
 * before, see model_button */
static const struct button_row {
	enum request request;
	const char *action;		/* of the actions table; NULL: a verb */
	enum need need;
	enum rung rung;
	const char *words, *effect, *undo;
	const char *ask, *empty, *plan;
	bool look;
} button_rows[] = {
	{ REQ_SAVE_ALL, "backup", NEED_UNSAFE, RUNG_RUN,
	    "backup --all-unsafe --emergency",
	    "every database and component without a verified copy is streamed "
	    "to the emergency stores, worst first; no local disk is used",
	    "nothing to undo: it only adds sets", NULL, NULL, NULL, false },
	{ REQ_FREEZE, "freeze", NEED_NOTHING, RUNG_UNDO, "freeze on --reason =",
	    "pipelines and migrations that ask midwatch stand still",
	    "midwatch freeze off", "why is it frozen?", NULL, NULL, false },
	{ REQ_BACKUP, "backup", NEED_NOTHING, RUNG_RUN, "backup @db --emergency",
	    "one database is streamed to the emergency stores",
	    "nothing to undo: it only adds a set", NULL, NULL, NULL, false },
	{ REQ_RESTORE, "restore", NEED_NOTHING, RUNG_TYPE,
	    "restore latest @db --into =",
	    "the newest set's data goes into the target; what the database is "
	    "now is kept beside it under another name",
	    "the kept one is renamed back by hand",
	    "into (conninfo; empty: beside it)",
	    "restore latest @db --beside --end-sessions", "--plan", true },
	{ REQ_RECOVER, "recover", NEED_NOTHING, RUNG_TYPE, "recover @db",
	    "the password is looked for where it may still be, else a new one "
	    "is set and written where the site says",
	    "the old verifier goes back when the proof fails", NULL, NULL,
	    "--plan", true },
	{ REQ_CLEANUP, "cleanup", NEED_NOTHING, RUNG_TYPE, "cleanup",
	    "what the plan names is deleted, nothing else",
	    "none: what is deleted is gone", NULL, NULL, "--plan", false },
	{ REQ_VALIDATE, "validate", NEED_NOTHING, RUNG_RUN,
	    "validate latest --restore",
	    "the newest set is read through, and restored into a scratch "
	    "PostgreSQL of our own", "nothing to undo", NULL, NULL, NULL,
	    true },
	{ REQ_NIGHTLY, "nightly", NEED_NOTHING, RUNG_ASK, "nightly",
	    "the real nightly: every component, verified, published",
	    "nothing to undo: it only adds a set", NULL, NULL, NULL, true },
	{ REQ_PRECHECK, "precheck", NEED_NOTHING, RUNG_RUN, "precheck",
	    "looks whether a migration may run; changes nothing",
	    "nothing to undo", NULL, NULL, NULL, true },
	{ REQ_ISOLATE, "isolate", NEED_NOTHING, RUNG_RUN, "isolate",
	    "evidence of the cause goes into the record; changes nothing else",
	    "nothing to undo", NULL, NULL, NULL, true },
	{ REQ_LOCKS, NULL, NEED_NOTHING, RUNG_RUN, "locks",
	    "shows who waits for whom; changes nothing", "nothing to undo",
	    NULL, NULL, NULL, true },
	{ REQ_UPDATE, "update", NEED_OPEN, RUNG_ASK, "incident update --send",
	    "this text goes to the channel and to whom it concerns",
	    "none: what is sent is sent", NULL, NULL,
	    "incident update --draft", true },
	{ REQ_DECLARE, NULL, NEED_OPEN, RUNG_ASK,
	    "incident declare @db = --confirm",
	    "it stands in the record, and who has to know is told",
	    "none: what was told is told", "why, in one sentence",
	    "incident declare @db --confirm", "incident declare @db --plan",
	    false },
	{ REQ_OPEN_INCIDENT, NULL, NEED_NONE, RUNG_RUN, "incident open",
	    "the record begins, with what is known now",
	    "an incident is resolved and closed, never removed", NULL, NULL,
	    NULL, false },
	{ REQ_RESOLVE, NULL, NEED_OPEN, RUNG_ASK,
	    "incident resolve --override =",
	    "each criterion is proven now; the clocks stop", "none",
	    "why pass what is open (or just Enter)",
	    "incident resolve", NULL, true },
	{ REQ_CLOSE, NULL, NEED_RESOLVED, RUNG_ASK,
	    "incident close --override =",
	    "the record ends with a checkpoint", "none",
	    "why pass what is open (or just Enter)",
	    "incident close", NULL, true },
};

bool
picture_button_about(size_t i, struct button_about *ret)
{
	if (i >= sizeof button_rows / sizeof *button_rows)
		return false;
	*ret = (struct button_about){ button_rows[i].request,
		button_rows[i].rung, button_rows[i].effect,
		button_rows[i].undo };
	return true;
}

static bool
built(const struct talk *w, const char *action)
{
	const json_t *v = json_object_get(w->actions, "v");

	for (size_t i = 0; i < json_array_size(v); i++)
		if (strcmp(str(json_array_get(v, i), "name"), action) == 0)
			return json_get_bool(json_array_get(v, i), "built");
	return false;
}

static const char *
why_not(const struct talk *w, const struct button_row *row, struct pool *p)
{
	enum inc_state state = inc_state_of(str(w->incident, "state"));
	struct buf names = BUF_INIT;
	size_t n = unsafe(w, &names);
	const char *why = NULL;

	buf_release(&names);
	if (json_get_bool(w->hello, "read_only"))
		return "this console only looks (--read-only)";
	if (w->site == NULL)
		return "there is no site file; 'midwatch init' writes one";
	if (row->action != NULL && w->actions != NULL && !built(w, row->action))
		return pool_printf(p, "'%s' is not built into this version",
		    row->action);
	switch (row->need) {
	case NEED_OPEN:
		why = state == INC_OPEN ? NULL : "no incident is open (O opens "
		    "one)";
		break;
	case NEED_RESOLVED:
		why = state == INC_RESOLVED ? NULL : state == INC_OPEN ?
		    "it has to be resolved first (E)" : "no incident is to be "
		    "closed";
		break;
	case NEED_NONE:
		why = state == INC_OPEN ? "an incident is open already; what is "
		    "new belongs into it" : NULL;
		break;
	case NEED_UNSAFE:
		why = n == 0 && w->feed_at != 0 && unsafe_rest(w) == 0 ?
		    "all of it has a verified copy" : NULL;
		break;
	default:
		break;
	}
	return why;
}

/* How bad a database is for what the button does. */
static const struct reading *
reading_for(const struct talk *w, enum request r, const char *db)
{
	return reading_of(w, r == REQ_RECOVER ? "database" : "backup", db);
}

static void
add_choice(struct model_buttons *part, struct model_button *b, const char *db,
    const struct reading *r)
{
	struct model_choice *c = VEC_NEW(&b->choices);

	c->word = pool_str(&part->pool, db);
	c->note = pool_str(&part->pool, r == NULL ? "not looked at yet" :
	    r->error != NULL ? r->error : r->text != NULL ? r->text : "");
}

/* The worst first: that is the one which is meant most often. */
static void
add_choices(const struct talk *w, struct model_buttons *part,
    struct model_button *b)
{
	static const enum level order[] = { LEVEL_CRITICAL, LEVEL_WARNING,
		LEVEL_UNKNOWN, LEVEL_OK };
	const json_t *dbs = json_object_get(w->site, "databases");

	for (size_t l = 0; l < sizeof order / sizeof *order; l++)
		for (size_t i = 0; i < json_array_size(dbs); i++) {
			const char *db = str(json_array_get(dbs, i), "name");
			const struct reading *r = reading_for(w, b->request,
			    db);

			if ((r != NULL ? r->level : LEVEL_UNKNOWN) == order[l])
				add_choice(part, b, db, r);
		}
}

/* What only a person can say, and whether somebody has. */
static void
add_words(const struct talk *w, struct model_buttons *part,
    struct model_button *b)
{
	static const struct {
		const char *word, *fact, *note;
	} words[] = {
		{ "data-risk", "data_risk", "a database has no proven copy" },
		{ "downtime", "downtime", "customers cannot use something" },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct model_choice *c = VEC_NEW(&b->choices);

		c->word = pool_str(&part->pool, words[i].word);
		c->note = pool_str(&part->pool, json_get_bool(w->incident,
		    words[i].fact) ? "declared already" : words[i].note);
	}
}

/* The criteria of an end as far as they are not proven; false: there are none. */
static bool
open_criteria(const struct talk *w, const char *end, struct buf *b)
{
	const json_t *v = json_object_get(w->criteria, end);

	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *o = json_array_get(v, i);
		const char *truth = str(o, "truth");

		if (strcmp(truth, "yes") == 0 ||
		    json_get_str(o, "overridden") != NULL)
			continue;
		buf_printf(b, "%s: %s, %s\n", strcmp(truth, "no") == 0 ? "NO" :
		    "unknown", str(o, "text"), str(o, "why"));
	}
	return b->n > 0;
}

static void
fill_button(struct talk *w, struct model_buttons *part,
    const struct button_row *row, struct model_button *b)
{
	struct pool *p = &part->pool;
	struct buf open = BUF_INIT;
	const char *words = row->words;
	bool ends = row->request == REQ_RESOLVE || row->request == REQ_CLOSE;

	b->ask = row->ask != NULL ? pool_str(p, row->ask) : NULL;
	b->empty = row->empty != NULL ? pool_str(p, row->empty) : NULL;
	b->plan = row->plan != NULL ? pool_str(p, row->plan) : NULL;
	b->look = row->look;
	if (ends && open_criteria(w, row->request == REQ_RESOLVE ? "resolve" :
	    "close", &open))
		b->text = pool_str(p, open.p);
	else if (ends) {
		words = row->empty;
		b->ask = b->empty = NULL;
	}
	if (row->request == REQ_FREEZE && w->model->head.frozen) {
		words = "freeze off";
		b->label = pool_str(p, "unfreeze");
		b->ask = NULL;
		b->undo = pool_str(p, "midwatch freeze on");
	} else
		b->undo = pool_str(p, row->undo);
	/* what is deleted has a code, and only that will do */
	b->target = row->request == REQ_CLEANUP ? NULL :
	    pool_str(p, str(w->site, "name"));
	b->command = pool_printf(p, "midwatch %s", words);
	b->effect = pool_str(p, row->effect);
	b->action = pool_str(p, words);
	if (row->request == REQ_DECLARE)
		add_words(w, part, b);
	else if (strstr(words, "@db") != NULL)
		add_choices(w, part, b);
	buf_release(&open);
}

void
picture_buttons(struct talk *w)
{
	struct model_buttons *part = model_buttons_begin(w->model);

	freeze_of(w, &w->model->head);
	for (size_t i = 0; i < sizeof button_rows / sizeof *button_rows; i++) {
		const struct button_row *row = &button_rows[i];
		struct model_button *b = VEC_NEW(&part->v);
		const char *why = why_not(w, row, &part->pool);

		b->request = row->request;
		b->rung = row->rung;
		b->why_not = why != NULL ? pool_str(&part->pool, why) : NULL;
		fill_button(w, part, row, b);
	}
}

/* ---- notices --------------------------------------------------------------------------- */

static void
notice(struct model_notices *part, enum level level, const char *text,
    const char *hint)
{
	struct model_notice *n = VEC_NEW(&part->v);

	n->level = level;
	n->text = pool_str(&part->pool, text);
	n->hint = hint != NULL ? pool_str(&part->pool, hint) : NULL;
}

static void
odd_notices(struct model_notices *part, const json_t *odd)
{
	const json_t *v = json_object_get(odd, "v");

	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *o = json_array_get(v, i);

		notice(part, LEVEL_WARNING, str(o, "text"),
		    json_get_str(o, "hint"));
	}
}

void
picture_notices(struct talk *w, int64_t now)
{
	struct model_notices *part = model_notices_begin(w->model);
	const json_t *odd = json_object_get(w->incident, "notices");
	const json_t *problems = json_object_get(w->steps, "problems");
	const char *note = json_get_str(w->hello, "state_note");

	if (w->keeper_gone)
		notice(part, LEVEL_CRITICAL, "the record's keeper is gone and is "
		    "being started again", "Words that were typed are kept until "
		    "they are written.");
	else if (talk_waiting(w, now) > WAITING_MS)
		notice(part, LEVEL_WARNING, "the record is slow to answer: a "
		    "lock or the disk holds it up", "Nothing is lost; it is "
		    "tried until it is written.");
	if (w->feed_gone)
		notice(part, LEVEL_WARNING, "the feed of readings is gone and is "
		    "being started again", NULL);
	else if (w->feed_at != 0 && now - w->feed_at > FEED_LATE_MS)
		notice(part, LEVEL_WARNING, "the feed of readings hangs",
		    "After 25 s of silence it is ended and started again.");
	for (size_t i = 0; i < json_array_size(odd); i++) {
		const char *s = json_string_value(json_array_get(odd, i));

		if (s != NULL)
			notice(part, LEVEL_WARNING, s, NULL);
	}
	for (size_t i = 0; i < json_array_size(problems); i++) {
		const char *s = json_string_value(json_array_get(problems, i));

		if (s != NULL)
			notice(part, LEVEL_WARNING, s, "The incident's copy of "
			    "the runbook cannot be read.");
	}
	odd_notices(part, w->odd);
	odd_notices(part, w->odd_runbook);
	if (note != NULL)
		notice(part, LEVEL_WARNING, note, "'midwatch doctor' says more.");
	for (size_t i = 0; w->notices != NULL && i < w->notices->v.n; i++)
		notice(part, LEVEL_WARNING, w->notices->v.v[i], NULL);
}
