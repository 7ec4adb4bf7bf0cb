/*
 * `midwatch isolate`: the evidence for a cause into the incident that is open,
 * or shown and noted in the site's own journal when none is.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "isolate/isolate.h"
#include "verb/follow.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

enum { SHOWN_LINES = 30, SHOWN_REASONS = 3, SHOWN_BIG = 5 };

struct run {
	struct job *job;
	struct desk d;
	struct isolate i;
	char *dir;
};

static void
doing(void *ctx, const char *what)
{
	struct run *r = ctx;

	job_progress(r->job, what, 0, 0);
}

static bool
stop(void *ctx)
{
	struct run *r = ctx;

	return job_cancelled(r->job);
}

/* ---- for people ---------------------------------------------------------------- */

static int
by_time(const void *a, const void *b)
{
	const struct line_found *const *x = a, *const *y = b;

	return (*x)->at < (*y)->at ? -1 : (*x)->at > (*y)->at;
}

static void
say_lines(struct run *r)
{
	const struct lines *l = &r->i.lines;
	VEC(const struct line_found *) all = { 0 };
	size_t from;

	for (size_t k = 0; k < l->v.n; k++)
		VEC_PUSH(&all, &l->v.v[k]);
	if (all.n == 0)
		return;
	qsort(all.v, all.n, sizeof *all.v, by_time);
	from = all.n > SHOWN_LINES ? all.n - SHOWN_LINES : 0;
	job_say(r->job, "From the logs, by their own times%s:", from > 0 ?
	    " (the last ones)" : "");
	for (size_t k = from; k < all.n; k++) {
		char at[40];

		clock_fmt_site(at, all.v[k]->at);
		job_say(r->job, "  %.19s%s %-10s %s", at, all.v[k]->timed ?
		    " " : "~", all.v[k]->log, all.v[k]->text);
	}
	VEC_RELEASE(&all);
}

static void
say_walks(struct run *r)
{
	for (size_t k = 0; k < r->i.walks.n; k++) {
		const struct disk_walked *w = &r->i.walks.v[k];

		job_say(r->job, "The biggest files of disk %s (%s):", w->disk,
		    w->walk.root);
		for (size_t f = 0; f < w->walk.n_biggest && f < SHOWN_BIG;
		    f++) {
			char size[16];
			struct buf path = BUF_INIT;

			text_fmt_size(size, w->walk.biggest[f].size);
			text_clean(&path, w->walk.biggest[f].path,
			    strlen(w->walk.biggest[f].path), TEXT_LINE);
			job_say(r->job, "  %10s  %s", size, path.p);
			buf_release(&path);
		}
	}
}

static void
say_found(struct run *r)
{
	const struct isolate *i = &r->i;

	if (i->lines.logins.n > 0)
		job_say(r->job, "Logins that failed:");
	for (size_t k = 0; k < i->lines.logins.n && k < 10; k++) {
		const struct login_count *l = &i->lines.logins.v[k];
		char at[40];

		clock_fmt_site(at, l->last);
		job_say(r->job, "  %6" PRId64 " x  %-20s %-20s last %.19s",
		    l->times, l->role[0] != '\0' ? l->role : "(not named)",
		    l->address, at);
	}
	if (i->changes.n > 0)
		job_say(r->job, "Changed within a day:");
	for (size_t k = 0; k < i->changes.n && k < 20; k++) {
		char at[40];

		clock_fmt_site(at, i->changes.v[k].at);
		job_say(r->job, "  %.19s  %s", at, i->changes.v[k].text);
	}
}

static void
say_reasons(struct run *r, const char *mark, const struct reasons *all)
{
	for (size_t k = 0; k < all->v.n && k < SHOWN_REASONS; k++)
		job_say(r->job, "              %s %s", mark, all->v.v[k]);
	if (all->v.n > SHOWN_REASONS)
		job_say(r->job, "              %s and %zu more", mark,
		    all->v.n - SHOWN_REASONS);
}

static void
say_causes(struct run *r)
{
	static const char *const words[] = { "unknown", "SUSPECTED",
	    "unlikely" };
	static const enum cause_verdict order[] = { CAUSE_SUSPECTED,
	    CAUSE_UNKNOWN, CAUSE_UNLIKELY };

	job_say(r->job, "What it may have been (+ for, - against, ? not "
	    "known):");
	for (size_t o = 0; o < 3; o++)
		for (size_t k = 0; k < r->i.causes.v.n; k++) {
			const struct cause *c = &r->i.causes.v.v[k];

			if (c->verdict != order[o])
				continue;
			job_say(r->job, "  %-10s  %s", words[c->verdict],
			    c->text);
			say_reasons(r, "+", &c->speaks_for);
			say_reasons(r, "-", &c->against);
			say_reasons(r, "?", &c->unknown);
		}
}

static size_t
copies(const struct run *r)
{
	size_t n = 0;

	for (size_t k = 0; k < r->i.evidence.v.n; k++)
		n += r->i.evidence.v.v[k].copied;
	return n;
}

static void
say_end(struct run *r)
{
	const struct isolate *i = &r->i;

	for (size_t k = 0; k < i->unseen.n; k++)
		job_say(r->job, "[WARNING] not looked at: %s", i->unseen.v[k]);
	for (size_t k = 0; k < i->evidence.v.n; k++)
		if (i->evidence.v.v[k].why != NULL)
			job_say(r->job, "[WARNING] not copied: %s: %s",
			    i->evidence.v.v[k].name, i->evidence.v.v[k].why);
	if (copies(r) > 0)
		job_say(r->job, "[OK] %zu files of evidence in %s", copies(r),
		    i->evidence.dir);
	if (r->d.have_inc)
		job_say(r->job, "[OK] %zu lines into %s%s", i->said,
		    r->d.inc.id, i->said_before > 0 ?
		    "; what it knew was not said again" : "");
	else
		job_say(r->job, "no incident is open: only the site's log "
		    "knows of this");
}

/* ---- for programs -------------------------------------------------------------- */

static void
put_reasons(struct buf *b, const char *key, const struct reasons *all)
{
	json_key(b, key);
	json_open_list(b);
	for (size_t k = 0; k < all->v.n; k++) {
		json_comma(b);
		json_text(b, all->v.v[k]);
	}
	json_close_list(b);
}

static void
put_causes(struct buf *b, const struct isolate *i)
{
	json_key(b, "causes");
	json_open_list(b);
	for (size_t k = 0; k < i->causes.v.n; k++) {
		const struct cause *c = &i->causes.v.v[k];

		json_comma(b);
		json_open(b);
		json_put_str(b, "cause", c->name);
		json_put_str(b, "text", c->text);
		json_put_str(b, "verdict", cause_verdict_name(c->verdict));
		put_reasons(b, "for", &c->speaks_for);
		put_reasons(b, "against", &c->against);
		put_reasons(b, "unknown", &c->unknown);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_evidence(struct buf *b, const struct isolate *i)
{
	json_key(b, "evidence");
	json_open_list(b);
	for (size_t k = 0; k < i->evidence.v.n; k++) {
		const struct evidence_file *f = &i->evidence.v.v[k];
		char *path = file_join(i->evidence.dir, f->name);

		json_comma(b);
		json_open(b);
		json_put_str(b, "what", f->what);
		json_put_str(b, "path", f->copied ? path : NULL);
		json_put_int(b, "size", f->size);
		json_put_str(b, "sha256", f->sha256);
		json_put_bool(b, "copied", f->copied);
		json_put_bool(b, "cut", f->cut);
		json_put_bool(b, "known", f->known);
		json_put_str(b, "why", f->why);
		json_close(b);
		free(path);
	}
	json_close_list(b);
}

static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char at[32];

	clock_fmt_utc(at, ms);
	json_put_str(b, key, at);
}

static void
put_found(struct buf *b, const struct isolate *i)
{
	json_key(b, "lines");
	json_open_list(b);
	for (size_t k = 0; k < i->lines.v.n; k++) {
		const struct line_found *f = &i->lines.v.v[k];

		json_comma(b);
		json_open(b);
		put_time(b, "at", f->at);
		json_put_bool(b, "own_time", f->timed);
		json_put_str(b, "log", f->log);
		json_put_str(b, "alarm", f->alarm);
		json_put_str(b, "text", f->text);
		json_close(b);
	}
	json_close_list(b);
	json_key(b, "logins");
	json_open_list(b);
	for (size_t k = 0; k < i->lines.logins.n; k++) {
		const struct login_count *l = &i->lines.logins.v[k];

		json_comma(b);
		json_open(b);
		json_put_str(b, "role", l->role);
		json_put_str(b, "address", l->address);
		json_put_int(b, "times", l->times);
		put_time(b, "first", l->first);
		put_time(b, "last", l->last);
		json_close(b);
	}
	json_close_list(b);
	json_key(b, "changes");
	json_open_list(b);
	for (size_t k = 0; k < i->changes.n; k++) {
		json_comma(b);
		json_open(b);
		put_time(b, "at", i->changes.v[k].at);
		json_put_str(b, "text", i->changes.v[k].text);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_result(struct run *r, int status)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", status == EXIT_DONE);
	json_put_int(&b, "exit", status);
	json_put_int(&b, "job", r->job->n);
	json_put_str(&b, "incident", r->d.have_inc ? r->d.inc.id : NULL);
	json_put_int(&b, "said", (int64_t)r->i.said);
	json_put_int(&b, "said_before", (int64_t)r->i.said_before);
	put_evidence(&b, &r->i);
	put_found(&b, &r->i);
	put_causes(&b, &r->i);
	json_key(&b, "unseen");
	json_open_list(&b);
	for (size_t k = 0; k < r->i.unseen.n; k++) {
		json_comma(&b);
		json_text(&b, r->i.unseen.v[k]);
	}
	json_close_list(&b);
	json_put_bool(&b, "detached", false);
	json_close(&b);
	follow_result(r->job, &b);
	buf_release(&b);
}

/* ---- the job ------------------------------------------------------------------- */

/* Outside an incident: one line, and where the copies are. */
static void
note_in_log(struct run *r)
{
	struct buf data = BUF_INIT, text = BUF_INIT;

	json_open(&data);
	json_put_str(&data, "source", "isolate");
	json_put_str(&data, "path", copies(r) > 0 ? r->dir : NULL);
	json_key(&data, "suspected");
	json_open_list(&data);
	for (size_t k = 0; k < r->i.causes.v.n; k++)
		if (r->i.causes.v.v[k].verdict == CAUSE_SUSPECTED) {
			json_comma(&data);
			json_text(&data, r->i.causes.v.v[k].name);
		}
	json_close_list(&data);
	json_key(&data, "files");
	json_open_list(&data);
	for (size_t k = 0; k < r->i.evidence.v.n && data.n < 3000; k++) {
		const struct evidence_file *f = &r->i.evidence.v.v[k];

		json_comma(&data);
		json_open(&data);
		json_put_str(&data, "file", f->name);
		json_put_int(&data, "size", f->size);
		json_put_str(&data, "sha256", f->sha256);
		json_close(&data);
	}
	json_close_list(&data);
	json_close(&data);
	buf_printf(&text, "evidence was gathered: %zu pieces",
	    r->i.evidence.v.n);
	follow_journal(r->job, &r->d, EVENT_EVIDENCE, text.p, data.p);
	buf_release(&data);
	buf_release(&text);
}

static int
work(struct run *r, struct err *e)
{
	char stamp[24];
	bool ok = true;

	clock_fmt_stamp(stamp, clock_wall_ms());
	r->dir = xprintf("%s/evidence/%s", r->d.have_inc ? r->d.inc.dir :
	    r->job->dir, stamp);
	r->i = (struct isolate){ .site = &r->d.site, .state = &r->d.state,
		.say = doing, .stop = stop, .ctx = r };
	r->i.evidence.dir = r->dir;
	if (r->d.have_inc)
		isolate_know(&r->i, &r->d.inc);
	isolate_look(&r->i);
	say_walks(r);
	say_lines(r);
	say_found(r);
	say_causes(r);
	if (r->d.have_inc)
		ok = isolate_journal(&r->i, &r->d.inc, e);
	else
		note_in_log(r);
	say_end(r);
	return job_cancelled(r->job) ? 143 : ok ? EXIT_DONE : EXIT_FAILED;
}

int
isolate_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
		.state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	struct run r = { .job = job };
	int status = EXIT_USAGE;

	if (desk_open(&r.d, &c, e) && r.d.have_site) {
		follow_incident(&r.d);
		follow_begins(job, &r.d);
		status = work(&r, e);
		put_result(&r, status);
		follow_ends(job, &r.d, status);
		isolate_release(&r.i);
	}
	free(r.dir);
	desk_close(&r.d);
	return status;
}

/* ---- the verb ------------------------------------------------------------------ */

int
verb_isolate(struct cli *c, int argc, char **argv)
{
	struct job_spec spec = { .kind = "isolate",
		.title = "isolate" };
	struct err e = ERR_INIT;
	struct desk d;
	int status = -1;

	if (!cli_parse(c, argc, argv, NULL, 0) ||
	    !cli_words(c, 0, 0, "midwatch isolate"))
		return EXIT_USAGE;
	if (desk_open(&d, c, &e)) {
		if (!d.have_site)
			err_set(&e, ERR_USAGE, "there is no site file to say "
			    "what there is to look at");
		else {
			(void)secrets_ask(c, &d.site, 0);
			spec.config = desk_config(&d);
			status = follow_start(&d, &spec, &e);
		}
	}
	if (status < 0)
		status = cli_fail(c, &e);
	desk_close(&d);
	return status;
}
