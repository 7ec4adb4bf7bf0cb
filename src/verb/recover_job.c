/* The job behind `midwatch recover`, and the daily look at what is stored. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/tell.h"
#include "base/clock.h"
#include "base/who.h"
#include "probe/routine.h"
#include "record/log.h"
#include "verb/follow.h"
#include "verb/recover.h"

enum { TELL_MS = 60000, LOOK_MS = 250 };

struct work {
	struct job *job;
	struct desk d;
	struct recover r;
	int64_t looked;
	bool stop;
};

static void
say(void *ctx, const char *line)
{
	job_say(((struct work *)ctx)->job, "%s", line);
}

static bool
cancelled(void *ctx)
{
	struct work *w = ctx;
	int64_t now = clock_mono_ms();

	if (w->stop || now - w->looked < LOOK_MS)
		return w->stop;
	w->looked = now;
	w->stop = job_cancelled(w->job);
	return w->stop;
}

static void
put_data(const struct work *w, const char *outcome, struct buf *data)
{
	const struct recover *r = &w->r;

	json_open(data);
	json_put_str(data, "action", "recover");
	json_put_str(data, "db", r->ask.db->name);
	json_put_str(data, "role", r->role);
	json_put_str(data, "mode", recover_mode_name(r->mode));
	json_put_str(data, "no", r->works ? NULL : pg_no_name(r->no));
	json_put_str(data, "system_identifier", r->identity);
	json_put_str(data, "outcome", outcome);
	json_put_int(data, "job", w->job->n);
	json_close(data);
}

/* What is not recorded is not done. */
static bool
say_intent(struct work *w, struct err *e)
{
	const struct recover *r = &w->r;
	struct buf data = BUF_INIT;
	char *text = xprintf("%s: %s of %s%s%s", r->ask.db->name, r->mode ==
	    RECOVER_NEW ? "a new password" : "the stored password", r->role,
	    r->unlock ? ", LOGIN again" : "", r->extend ?
	    ", VALID UNTIL infinity" : "");
	bool ok;

	put_data(w, NULL, &data);
	ok = w->d.have_inc ? incident_say(&w->d.inc, EVENT_DECISION, NULL,
	    text, data.p, e) : log_say(&w->d.state, EVENT_DECISION, text,
	    data.p, e);
	if (!ok)
		err_wrap(e, "it cannot be recorded, so nothing was done");
	buf_release(&data);
	free(text);
	return ok;
}

static void
say_outcome(struct work *w, bool ok, const struct err *e)
{
	const struct recover *r = &w->r;
	struct buf text = BUF_INIT, data = BUF_INIT;

	buf_printf(&text, "%s: ", r->ask.db->name);
	for (size_t i = 0; i < r->told.n; i++)
		buf_printf(&text, "%s%s", i > 0 ? "; " : "", r->told.v[i]);
	if (!ok)
		buf_printf(&text, "%s%s%s%s", r->told.n > 0 ? "; " : "",
		    e->msg, e->hint[0] ? "; " : "", e->hint);
	else if (r->mode == RECOVER_NOTHING)
		buf_str(&text, "the login works; nothing was done");
	job_say(w->job, "[%s] %s", ok ? "OK" : "FAIL", text.p);
	put_data(w, ok ? "proven" : r->rolled_back ? "rolled back" : "failed",
	    &data);
	follow_journal(w->job, &w->d, EVENT_EVIDENCE, text.p, data.p);
	buf_release(&text);
	buf_release(&data);
}

static void
put_result(struct work *w, int status, const struct err *e)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", status == EXIT_DONE);
	json_put_int(&b, "job", w->job->n);
	json_put_int(&b, "exit", status);
	recover_put(&w->r, &b);
	json_put_bool(&b, "changed", w->r.changed);
	json_put_bool(&b, "rolled_back", w->r.rolled_back);
	json_put_str(&b, "error", status == EXIT_DONE ? NULL : e->msg);
	json_put_bool(&b, "detached", false);
	json_close(&b);
	follow_result(w->job, &b);
	buf_release(&b);
}

/* As it was confirmed? What somebody has mended meanwhile needs nobody's leave. */
static bool
still_so(struct work *w, const json_t *args, struct err *e)
{
	const char *mode = json_get_str(args, "mode");
	const struct recover *r = &w->r;

	if (r->mode == RECOVER_NOTHING)
		return true;
	if (mode == NULL || strcmp(mode, recover_mode_name(r->mode)) != 0) {
		err_set(e, ERR_GUARD, "%s: it is not as it was when this was "
		    "confirmed", r->ask.db->name);
		return err_hint(e, "Look at the plan again.");
	}
	if (r->mode == RECOVER_NEW && recover_strangers(r) > 0 &&
	    !json_get_bool(args, "sessions")) {
		err_set(e, ERR_GUARD, "%s: somebody has logged in with '%s' "
		    "meanwhile", r->ask.db->name, r->role);
		return err_hint(e, "Look at the plan again.");
	}
	return true;
}

/* Of whoever else starts the nightly here, "~" is another home. */
static void
say_runner(struct work *w)
{
	const struct site_db *db = w->r.ask.db;
	const char *file = db->passfile != NULL ? db->passfile : "~/.pgpass";
	const char *me = who_am_i()->login;
	struct starters by;

	if (file[0] != '~')
		return;
	routine_find(routine_at(ROUTINE_NIGHTLY), &w->d.site, "", NULL, &by);
	for (size_t i = 0; i < by.v.n; i++) {
		const struct starter *s = &by.v.v[i];

		if (s->user != NULL && strcmp(s->user, me) != 0)
			job_say(w->job, "[WARNING] the nightly is started as "
			    "%s (%s), whose own %s was not tried: 'sudo -u %s "
			    "midwatch -c %s recover --check %s' does", s->user,
			    s->what, file, s->user, w->d.site.path, db->name);
	}
	starters_release(&by);
}

static int
work(struct work *w, const json_t *args)
{
	struct recover_check again = { .bad = 0 };
	struct err e = ERR_INIT;
	int status;
	bool ok;

	job_progress(w->job, "looking", 0, 0);
	ok = recover_look(&w->r, &e) && still_so(w, args, &e) &&
	    say_intent(w, &e);
	if (ok) {
		job_progress(w->job, "recovering", 0, 0);
		ok = recover_do(&w->r, &e);
	}
	(void)mask_chars(&w->r.mask, e.msg);
	(void)mask_chars(&w->r.mask, e.hint);
	say_outcome(w, ok, &e);
	if (ok) {
		recover_schema_lines(&w->r, say, w);
		say_runner(w);
		recover_check(&again, &w->d.site, &w->d.state, w->r.ask.db);
		recover_check_release(&again);
	}
	status = ok ? EXIT_DONE : e.kind == ERR_CANCELLED ? 143 :
	    (e.kind == ERR_GUARD || e.kind == ERR_BUSY) && !w->r.changed &&
	    !w->r.rolled_back ? EXIT_REFUSED : EXIT_FAILED;
	put_result(w, status, &e);
	return status;
}

int
recover_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
		.state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	const json_t *args = json_object_get(job->spec, "args");
	const char *name = json_get_str(args, "db");
	struct work w = { .job = job };
	const struct site_db *db;
	int status = EXIT_FAILED;

	if (!recover_quietly(e) || !desk_open(&w.d, &c, e))
		goto out;
	db = w.d.have_site && name != NULL ? site_db(&w.d.site, name) : NULL;
	if (db == NULL) {
		err_set(e, ERR_USAGE, "the site has no such database");
		goto out;
	}
	w.r.ask = (struct recover_ask){ .site = &w.d.site,
		.state = &w.d.state, .db = db,
		.rotate = json_get_bool(args, "rotate"),
		.unlock = json_get_bool(args, "unlock"),
		.extend = json_get_bool(args, "extend"),
		.end_sessions = json_get_bool(args, "end_sessions"),
		.identity = json_get_str(args, "identity"),
		.say = say, .cancelled = cancelled, .ctx = &w };
	follow_incident(&w.d);
	follow_begins(job, &w.d);
	status = work(&w, args);
	follow_ends(job, &w.d, status);
out:
	recover_release(&w.r);
	desk_close(&w.d);
	return status;
}

/* ---- do they still log in? --------------------------------------------------------- */

static void
tell(struct desk *d, const struct recover_check *k)
{
	struct told told = { 0 };
	struct buf text = BUF_INIT;
	struct tell t = { .trigger = SITE_TRIGGER_LOGIN_FAILED,
		.subject = "a stored password does not log in" };

	for (size_t i = 0; i < k->v.n; i++)
		if (!k->v.v[i].ok)
			buf_printf(&text, "%s%s, %s: %s", text.n > 0 ? "\n" :
			    "", k->v.v[i].db, k->v.v[i].where, k->v.v[i].text);
	t.text = text.p;
	/* while an incident is open its runbook tells */
	if (k->bad > 0 && !d->have_inc)
		tell_people(&d->site, &d->state, &t, NULL, clock_mono_ms() +
		    TELL_MS, &told);
	told_release(&told);
	buf_release(&text);
}

static void
say_check(const struct cli *c, const struct recover_check *k)
{
	struct buf b = BUF_INIT;

	if (!c->json) {
		for (size_t i = 0; i < k->v.n; i++)
			cli_out("[%s] %s, %s: %s", k->v.v[i].ok ? "OK" : "FAIL",
			    k->v.v[i].db, k->v.v[i].where, k->v.v[i].text);
		return;
	}
	json_open(&b);
	json_put_bool(&b, "ok", k->bad == 0);
	json_put_int(&b, "bad", (int64_t)k->bad);
	json_key(&b, "checks");
	json_open_list(&b);
	for (size_t i = 0; i < k->v.n; i++) {
		json_comma(&b);
		json_open(&b);
		json_put_str(&b, "db", k->v.v[i].db);
		json_put_str(&b, "where", k->v.v[i].where);
		json_put_bool(&b, "ok", k->v.v[i].ok);
		json_put_str(&b, "text", k->v.v[i].text);
		json_close(&b);
	}
	json_close_list(&b);
	cli_object(&b);
}

int
recover_check_verb(struct cli *c, struct desk *d)
{
	struct recover_check k = { .bad = 0 };
	const char *only = c->words.n > 0 ? c->words.v[0] : NULL;
	struct err e = ERR_INIT;
	int status;

	if (only != NULL && site_db(&d->site, only) == NULL) {
		site_lacks(&d->site, SITE_DATABASE, only, &e);
		return cli_fail(c, &e);
	}
	follow_incident(d);
	for (size_t i = 0; i < site_dbs(&d->site); i++) {
		const struct site_db *db = site_db_at(&d->site, i);

		if (only == NULL || site_db(&d->site, only) == db)
			recover_check(&k, &d->site, &d->state, db);
	}
	say_check(c, &k);
	tell(d, &k);
	status = k.bad == 0 ? EXIT_DONE : EXIT_FAILED;
	recover_check_release(&k);
	return status;
}
