/*
 * The answers. Each says in one line what was seen, or why it is not known.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/vec.h"
#include "condition/intern.h"
#include "condition/secrets.h"
#include "record/freeze.h"

static enum truth
answer(enum truth t, struct buf *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static enum truth
answer(enum truth t, struct buf *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	return t;
}

static enum truth
unknown(struct buf *why, const struct err *e)
{
	return answer(TRUTH_UNKNOWN, why, "%s", e->msg);
}

static enum truth
no_incident(struct buf *why)
{
	return answer(TRUTH_UNKNOWN, why, "no incident is open");
}

enum truth
ask_later(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	(void)w;
	return answer(TRUTH_UNKNOWN, why, "%s cannot be read yet",
	    c->row->reads);
}

enum truth
ask_secrets(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	(void)c;
	if (w->site == NULL || w->state == NULL)
		return answer(TRUTH_UNKNOWN, why, "there is no site file to say "
		    "which secrets there are");
	return secrets_ask_all(w->site, w->state, w->now, why);
}

/* ---- the incident's journal --------------------------------------------- */

enum truth
ask_step(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const struct inc_step *s;
	char at[16];

	if (w->inc == NULL)
		return no_incident(why);
	s = incident_step(w->inc, c->name);
	if (s == NULL || s->state == STEP_TODO)
		return answer(TRUTH_NO, why, "step %s is still to be done",
		    c->name);
	if (s->state == STEP_DOUBT)
		return answer(TRUTH_UNKNOWN, why,
		    "what became of step %s is not known", c->name);
	if (s->state != STEP_DONE)
		return answer(TRUTH_NO, why, "step %s %s", c->name,
		    s->state == STEP_RUNNING ? "is running" :
		    s->state == STEP_SKIPPED ? "was skipped" : "has failed");
	if (s->proof_lost)
		return answer(TRUTH_NO, why, "step %s was done, but its proof "
		    "does not hold any more", c->name);
	clock_fmt_short(at, s->ended);
	return answer(TRUTH_YES, why, "step %s was done at %s", c->name, at);
}

enum truth
ask_role(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const struct inc_role *r;

	if (w->inc == NULL)
		return no_incident(why);
	r = incident_role(w->inc, c->name);
	if (r == NULL || text_empty(r->who))
		return answer(TRUTH_NO, why, "nobody is %s", c->name);
	return answer(TRUTH_YES, why, "%s is %s", r->who, c->name);
}

enum truth
ask_severity(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const char *is;

	if (w->inc == NULL)
		return no_incident(why);
	is = w->inc->severity;
	if (text_empty(is) || !text_starts(is, "SEV-"))
		return answer(TRUTH_UNKNOWN, why, "no severity was set");
	return answer(is[4] <= c->word[4] ? TRUTH_YES : TRUTH_NO, why,
	    "the severity is %s", is);
}

enum truth
ask_evidence(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	size_t found = 0;

	(void)c;
	if (w->inc == NULL)
		return no_incident(why);
	/* a backup or a clean-up leaves lines of its own, which gather nothing */
	for (size_t i = 0; i < w->inc->entries.n; i++) {
		const char *source = json_get_str(w->inc->entries.v[i].data,
		    "source");

		found += w->inc->entries.v[i].kind == EVENT_EVIDENCE &&
		    source != NULL && strcmp(source, "isolate") == 0;
	}
	if (found == 0)
		return answer(TRUTH_NO, why, "no evidence was gathered");
	return answer(TRUTH_YES, why, "%zu %s of evidence", found,
	    found == 1 ? "piece" : "pieces");
}

/* The last one that ended since the incident opened. */
enum truth
ask_cleanup(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const struct inc_entry *last = NULL;
	const char *verb, *how;
	char age[32], at[16];
	int64_t ago;

	if (w->inc == NULL)
		return no_incident(why);
	for (size_t i = 0; i < w->inc->entries.n; i++) {
		const struct inc_entry *x = &w->inc->entries.v[i];

		verb = json_get_str(x->data, "verb");
		if (x->kind == EVENT_JOB_ENDED && verb != NULL &&
		    strcmp(verb, "cleanup") == 0)
			last = x;
	}
	if (last == NULL)
		return answer(TRUTH_NO, why, "no clean-up has ended in this "
		    "incident");
	how = json_get_str(last->data, "outcome");
	clock_fmt_short(at, last->at);
	ago = w->now > last->at ? w->now - last->at : 0;
	text_fmt_duration(age, ago);
	if (how == NULL || strcmp(how, "done") != 0)
		return answer(TRUTH_NO, why, "the last clean-up ended as '%s' "
		    "at %s", how != NULL ? how : "?", at);
	if (c->within_ms > 0 && ago > c->within_ms)
		return answer(TRUTH_NO, why, "the last clean-up ended at %s, %s "
		    "ago", at, age);
	return answer(TRUTH_YES, why, "a clean-up ended well at %s, %s ago",
	    at, age);
}

enum truth
ask_update(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	char age[32], at[16];

	if (w->inc == NULL)
		return no_incident(why);
	if (w->inc->last_update == 0)
		return answer(TRUTH_NO, why, "no update was sent");
	text_fmt_duration(age, w->now > w->inc->last_update ?
	    w->now - w->inc->last_update : 0);
	clock_fmt_short(at, w->inc->last_update);
	/* asked without an age: whether one was sent at all */
	return answer(c->within_ms == 0 || w->now - w->inc->last_update <=
	    c->within_ms ? TRUTH_YES : TRUTH_NO, why, "the last update was sent at %s, %s ago", at, age);
}

enum truth
ask_declared(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	bool yes;

	if (w->inc == NULL)
		return no_incident(why);
	yes = strcmp(c->word, "downtime") == 0 ? w->inc->downtime :
	    w->inc->data_risk;
	return answer(yes ? TRUTH_YES : TRUTH_NO, why, "%s was %sdeclared",
	    c->word, yes ? "" : "not ");
}

enum truth
ask_told(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const char *last = NULL;

	if (w->inc == NULL)
		return no_incident(why);
	for (size_t i = 0; i < w->inc->told.n; i++) {
		const struct inc_told *t = &w->inc->told.v[i];

		if (strcmp(t->trigger, c->word) != 0)
			continue;
		if (t->at == 0)
			return answer(TRUTH_NO, why,
			    "%s is still to be told (%s); once it is done: "
			    "midwatch incident told --by-hand \"%s\"", t->who,
			    c->word, t->who);
		last = t->who;
	}
	if (last == NULL)
		return answer(TRUTH_NO, why, "nobody was told (%s)", c->word);
	return answer(TRUTH_YES, why, "%s was told (%s)", last, c->word);
}

/* The newest line of a kind that the question may mean. */
static const struct inc_entry *
newest(const struct cond_world *w, enum event_kind kind,
    bool (*meant)(const struct cond *c, const struct cond_world *w,
    const struct inc_entry *en), const struct cond *c)
{
	for (size_t i = w->inc->entries.n; i-- > 0;) {
		const struct inc_entry *en = &w->inc->entries.v[i];

		if (en->kind == kind && !en->bad &&
		    (meant == NULL || meant(c, w, en)))
			return en;
	}
	return NULL;
}

static bool
too_old(const struct cond *c, const struct cond_world *w, int64_t at)
{
	return (c->since_open && at < w->inc->opened) ||
	    (c->within_ms > 0 && w->now - at > c->within_ms);
}

enum truth
ask_precheck(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const struct inc_entry *en;
	char at[16];
	bool ok;

	if (w->inc == NULL)
		return no_incident(why);
	en = newest(w, EVENT_PRECHECK, NULL, c);
	if (en == NULL)
		return answer(TRUTH_NO, why, "no pre-check was run in this "
		    "incident");
	ok = json_get_bool(en->data, "ok");
	clock_fmt_short(at, en->at);
	if (ok && too_old(c, w, en->at))
		return answer(TRUTH_NO, why, "the last pre-check is of %s, and "
		    "too old", at);
	return answer(ok ? TRUTH_YES : TRUTH_NO, why, "the pre-check of %s: "
	    "%s", at, en->text);
}

static bool
of_database(const struct cond *c, const struct cond_world *w,
    const struct inc_entry *en)
{
	const struct site_db *db = w->site != NULL ? site_db(w->site, c->name) :
	    NULL;
	const char *what = json_get_str(en->data, "db");

	return what != NULL && (strcmp(what, c->name) == 0 ||
	    (db != NULL && db == site_db(w->site, what)));
}

enum truth
ask_restored(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const struct inc_entry *en;
	char at[16];

	if (w->inc == NULL)
		return no_incident(why);
	en = newest(w, EVENT_RESTORED, of_database, c);
	if (en == NULL)
		return answer(TRUTH_NO, why, "%s was not restored in this "
		    "incident", c->name);
	clock_fmt_short(at, en->at);
	if (!json_get_bool(en->data, "target"))
		return answer(TRUTH_NO, why, "%s was last restored at %s, but "
		    "not into its target: %s", c->name, at, en->text);
	return answer(too_old(c, w, en->at) ? TRUTH_NO : TRUTH_YES, why,
	    "%s: %s", at, en->text);
}

enum truth
ask_rca(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const struct inc_entry *en;
	char at[16];

	if (w->inc == NULL)
		return no_incident(why);
	if (!w->inc->published)
		return answer(TRUTH_NO, why, "the report is not published");
	en = newest(w, EVENT_PUBLISHED, NULL, c);
	answer(TRUTH_YES, why, "the report was published%s%s",
	    w->inc->published_where ? ": " : "",
	    w->inc->published_where ? w->inc->published_where : "");
	if (en != NULL && en->by != NULL) {
		clock_fmt_short(at, en->at);
		buf_printf(why, ", by %s at %s", en->by, at);
	}
	return TRUTH_YES;
}

enum truth
ask_followups(const struct cond *c, const struct cond_world *w,
    struct buf *why)
{
	size_t n;

	(void)c;
	if (w->inc == NULL)
		return no_incident(why);
	n = w->inc->followups.n;
	for (size_t i = 0; i < n; i++) {
		const struct inc_followup *f = &w->inc->followups.v[i];

		if (f->done)
			continue;
		if (text_empty(f->owner))
			return answer(TRUTH_NO, why, "nobody has '%s'",
			    f->text);
		if (text_empty(f->due))
			return answer(TRUTH_NO, why, "'%s' has no date",
			    f->text);
	}
	if (n == 0 && w->inc->no_followups)
		return answer(TRUTH_YES, why, "it was said that there are no "
		    "follow-ups");
	if (n == 0)
		return answer(TRUTH_NO, why, "there are no follow-ups, and "
		    "nobody said that none are needed");
	return answer(TRUTH_YES, why, "%zu %s, each with owner and date", n,
	    n == 1 ? "follow-up" : "follow-ups");
}

/* ---- this machine ------------------------------------------------------- */

enum truth
ask_file(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	const char *home = getenv("HOME");
	struct err e = ERR_INIT;
	struct local_path p;
	enum truth t;
	char *path;

	if (c->word[0] == '~' && c->word[1] == '/' && home != NULL)
		path = file_join(home, c->word + 2);
	else if (c->word[0] != '/' && w->site != NULL)
		path = file_join(w->site->doc.dir, c->word);
	else
		path = xstrdup(c->word);
	if (path[0] != '/')
		t = answer(TRUTH_UNKNOWN, why, "'%s' is relative to a site "
		    "file, and there is none", path);
	else if (!local_path(path, &p, &e))
		t = unknown(why, &e);
	else if (p.sys_errno == 0)
		t = answer(TRUTH_YES, why, "%s is there", path);
	else if (p.sys_errno == ENOENT || p.sys_errno == ENOTDIR)
		t = answer(TRUTH_NO, why, "%s is not there", path);
	else
		t = answer(TRUTH_UNKNOWN, why, "cannot look at '%s': %s", path,
		    strerror(p.sys_errno));
	free(path);
	return t;
}

/* ---- the freeze --------------------------------------------------------- */

/* One that was only begun: what is hooked to it may not stand still. */
static enum truth
flag_set(const struct state *state, struct buf *why)
{
	struct err e = ERR_INIT;
	struct freeze f;
	enum truth t;

	if (state == NULL || state->dir == NULL)
		return answer(TRUTH_UNKNOWN, why,
		    "the state directory is not known");
	if (!freeze_read(state, &f, &e))
		t = unknown(why, &e);
	else if (f.phase == FREEZE_SETTING)
		t = answer(TRUTH_UNKNOWN, why, "the freeze flag is set, but "
		    "freeze.on was not seen to end well");
	else
		t = answer(f.phase == FREEZE_OFF ? TRUTH_NO : TRUTH_YES, why,
		    "the freeze flag is %sset", f.phase == FREEZE_OFF ?
		    "not " : "");
	freeze_release(&f);
	return t;
}

/*
 * freeze.check knows best whether the freeze really holds. A flag that it
 * contradicts is neither frozen nor free: pipelines that ask us are held, those
 * that ask the check are not.
 */
enum truth
ask_frozen(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	struct local_check k = { 0 };
	struct buf flag_why = BUF_INIT;
	enum truth flag = flag_set(w->state, &flag_why), t;

	(void)c;
	if (w->site == NULL || w->site->freeze.check.n == 0) {
		buf_str(why, flag_why.p);
		buf_release(&flag_why);
		return flag;
	}
	k.command = &w->site->freeze.check;
	local_checks(&k, 1, w->site->doc.dir);
	if (!k.ended)
		t = answer(TRUTH_UNKNOWN, why, "freeze.check: %s", k.e.msg);
	else if (!WIFEXITED(k.status) || WEXITSTATUS(k.status) == 126 ||
	    WEXITSTATUS(k.status) == 127) {
		struct buf how = BUF_INIT;

		spawn_describe(k.status, &how);
		t = answer(TRUTH_UNKNOWN, why, "freeze.check ended with %s",
		    how.p);
		buf_release(&how);
	} else if (WEXITSTATUS(k.status) == 0)
		t = answer(TRUTH_YES, why, "freeze.check says that it holds, "
		    "%s", flag_why.p);
	else if (flag != TRUTH_NO)
		t = answer(TRUTH_UNKNOWN, why, "%s, but freeze.check says "
		    "that it does not hold (exit %d)", flag_why.p,
		    WEXITSTATUS(k.status));
	else
		t = answer(TRUTH_NO, why, "freeze.check says that it does not "
		    "hold (exit %d)", WEXITSTATUS(k.status));
	buf_release(&flag_why);
	return t;
}
