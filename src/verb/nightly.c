/*
 * `midwatch nightly`: everything that the site names, into one set, proven; and
 * loudly what is not. With --dry-run all of it up to the first byte.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/heartbeat.h"
#include "action/tell.h"
#include "backup/lock.h"
#include "backup/unsafe.h"
#include "base/clock.h"
#include "base/text.h"
#include "verb/pruning.h"
#include "verb/saving.h"
#include "verb/verbs.h"

/* No database can have this name. */
static const char lock_name[] = "-nightly";

enum { OPEN_MS = 60000, BEAT_MS = 30000, BRIEF = 60 };

struct night {
	struct saving s;
	struct run_ask ask;
	struct run_done done;
	VEC(const char *) names;
	bool ok, want_json;
	int64_t began;			/* wall ms */
	bool pruned, beat;		/* it came to that */
	size_t verified;
	struct pruned gone;
	struct buf failed;		/* names of what is not saved */
	struct buf safe;		/* of what is, everywhere */
	struct buf only;		/* "safe on local only: otc, gps" */
	struct buf mail;		/* what people are told */
};

/* ---- the verdict -------------------------------------------------------------------- */

/* For the one who looks, and for those who are told. */
static void
line(struct night *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
line(struct night *n, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	saving_say(&n->s, "%s", b.p);
	buf_printf(&n->mail, "%s\n", b.p);
	buf_release(&b);
}

static void
add_name(struct buf *b, const char *name)
{
	buf_printf(b, "%s%s", b->n > 0 ? ", " : "", name);
}

/* What is odd about a good one, in a few words. */
static const char *
remark(const struct run_part *p)
{
	if (p->warnings.n > 0)
		return " (with a warning)";
	return p->size_verdict == SIZE_NO_BASELINE && !p->spare &&
	    p->kind != SET_GLOBALS ? " (no baseline yet)" : "";
}

/* ---- what a component is worth now ------------------------------------------------- */

enum fate { FATE_GOOD, FATE_ONLY, FATE_LOST };

/* Proven on one store and not on another is no loss: who reads at night must not
 * take it for one. */
static enum fate
fate_of(const struct run_part *p)
{
	return p->ok ? FATE_GOOD : p->saved && p->whole ? FATE_ONLY : FATE_LOST;
}

static void
put_where(const struct night *n, const struct run_part *p, struct buf *out)
{
	for (size_t i = 0; i < n->done.stores.n; i++)
		if (p->copies[i].verified)
			buf_printf(out, "%s%s", out->n > 0 ? " and " : "",
			    n->done.stores.v[i].name);
}

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

static bool
same_where(const struct night *n, const struct run_part *a,
    const struct run_part *b)
{
	for (size_t i = 0; i < n->done.stores.n; i++)
		if (a->copies[i].verified != b->copies[i].verified)
			return false;
	return true;
}

static bool
same_fate(const struct night *n, const struct run_part *a,
    const struct run_part *b)
{
	return fate_of(a) == fate_of(b) && same_text(a->why, b->why) &&
	    same_where(n, a, b);
}

/* "safe on local only: otc, gps", for each way of being that. */
static void
list_only(struct night *n)
{
	const struct run_part *v = n->done.parts.v;

	for (size_t i = 0; i < n->done.parts.n; i++) {
		bool first = fate_of(&v[i]) == FATE_ONLY && !v[i].spare;
		struct buf where = BUF_INIT, names = BUF_INIT;

		for (size_t k = 0; first && k < i; k++)
			first = v[k].spare || fate_of(&v[k]) != FATE_ONLY ||
			    !same_where(n, &v[k], &v[i]);
		for (size_t k = i; first && k < n->done.parts.n; k++)
			if (!v[k].spare && fate_of(&v[k]) == FATE_ONLY &&
			    same_where(n, &v[k], &v[i]))
				add_name(&names, v[k].name);
		if (first) {
			put_where(n, &v[i], &where);
			buf_printf(&n->only, "%ssafe on %s only: %s",
			    n->only.n > 0 ? "; " : "", where.p, names.p);
		}
		buf_release(&where);
		buf_release(&names);
	}
}

/* What is not as it should be, in one line. */
static void
put_sum(const struct night *n, struct buf *out)
{
	if (n->failed.n > 0)
		buf_printf(out, "not safe: %s", n->failed.p);
	if (n->only.n > 0)
		buf_printf(out, "%s%s", out->n > 0 ? "; " : "", n->only.p);
	if (out->n == 0)
		buf_str(out, "a store does not have it");
}

/* The command that mends it: saving what nobody has, else the night again. */
static void
put_next(const struct night *n, struct buf *out)
{
	struct buf names = BUF_INIT;

	if (n->failed.n > 0) {
		buf_str(out, "midwatch backup --all-unsafe");
		return;
	}
	for (size_t i = 0; i < n->done.stores.n; i++)
		if (n->done.stores.v[i].must && !n->done.stores.v[i].whole)
			buf_printf(&names, "%s%s", names.n > 0 ? " and " : "",
			    n->done.stores.v[i].name);
	buf_printf(out, "midwatch nightly, when %s is mended", names.n > 0 ?
	    names.p : "that");
	buf_release(&names);
}

/* The same reason is said once. */
static void
say_bad(struct night *n, size_t i)
{
	const struct run_part *v = n->done.parts.v, *p = &v[i];
	struct buf what = BUF_INIT, where = BUF_INIT;
	size_t k = 0;

	put_where(n, p, &where);
	if (fate_of(p) == FATE_ONLY)
		buf_printf(&what, "safe on %s only", where.p);
	else
		buf_str(&what, p->saved ? "NOT WHOLE" : "NOT SAVED");
	while (k < i && (v[k].spare || p->why == NULL ||
	    !same_fate(n, &v[k], p)))
		k++;
	if (k < i)
		line(n, "  %-20s %s: as %s", p->name, what.p, v[k].name);
	else
		line(n, "  %-20s %s: %s%s%s", p->name, what.p, p->why != NULL ?
		    p->why : "?", p->next != NULL ? "; " : "", p->next != NULL ?
		    p->next : "");
	buf_release(&where);
	buf_release(&what);
}

static void
say_parts(struct night *n)
{
	for (size_t i = 0; i < n->done.parts.n; i++) {
		const struct run_part *p = &n->done.parts.v[i];
		char size[16], took[32];

		text_fmt_size(size, p->size);
		text_fmt_duration(took, p->took_ms > 0 ? p->took_ms : 0);
		if (p->ok) {
			line(n, "  %-20s verified, %s in %s%s", p->name, size,
			    took, remark(p));
			add_name(&n->safe, p->name);
			continue;
		}
		if (p->spare) {
			line(n, "  %-20s left out, and no data is lost: %s",
			    p->name, p->why != NULL ? p->why : "?");
			continue;
		}
		say_bad(n, i);
		if (fate_of(p) == FATE_LOST)
			add_name(&n->failed, p->name);
	}
	list_only(n);
}

static void
say_stores(struct night *n)
{
	for (size_t i = 0; i < n->done.stores.n; i++) {
		const struct run_store *r = &n->done.stores.v[i];
		struct buf path = BUF_INIT;
		char *said;

		if (r->path != NULL) {
			saving_path(&n->s, r->name, r->path, NULL, &path);
			said = xprintf("[%s] Backup saved: %s (%s)", r->whole ?
			    "OK" : "WARNING", path.p, r->whole ? "verified" :
			    "incomplete");
		} else
			said = xprintf("[ERROR] %s has no copy of tonight%s%s",
			    r->name, r->why != NULL ? ": " : "",
			    r->why != NULL ? r->why : "");
		line(n, "%s", said);
		saving_log(&n->s, "backup", said);
		free(said);
		buf_release(&path);
	}
}

/* What was in the way of a database, for whoever reads the log by itself. */
static void
log_findings(struct night *n)
{
	for (size_t i = 0; i < n->done.pre.v.n; i++) {
		const struct pre_finding *p = &n->done.pre.v.v[i];
		char *said;

		if (p->level != PRE_FAIL && (n->ok || p->level != PRE_WARN))
			continue;
		said = xprintf("[%s] %s: %s", p->level == PRE_FAIL ? "ERROR" :
		    "WARNING", p->about, p->text);
		saving_log(&n->s, "backup", said);
		free(said);
	}
}

/* After a failure: what there is to fall back on, and what not even that. */
static void
say_what_is_safe(struct night *n)
{
	const struct site *site = &n->s.desk.site;
	int64_t now = clock_wall_ms();
	struct unsafe u;
	struct buf names = BUF_INIT;
	char age[32];

	unsafe_find(&u, site, &n->s.desk.state, n->done.at > 0 ? n->done.at :
	    n->began, n->s.care.cancelled, n->s.care.ctx);
	if (n->safe.n > 0)
		line(n, "  safe: %s", n->safe.p);
	if (n->only.n > 0)
		line(n, "  %s", n->only.p);
	for (size_t i = 0; i < u.v.n; i++) {
		const struct unsafe_one *o = &u.v.v[i];

		text_fmt_duration(age, o->newest > 0 && o->newest < now ?
		    now - o->newest : 0);
		line(n, "  NOT safe: %s: %s%s%s", o->name, o->newest == 0 ?
		    "it has no verified copy anywhere" :
		    "its newest verified copy is ", o->newest == 0 ? "" : age,
		    o->newest == 0 ? "" : " old");
		buf_printf(&names, " %s", o->name);
	}
	if (u.unread.n > 0)
		line(n, "  not known: what lies in %s", u.unread.p);
	if (names.n > 0)
		line(n, "  type: midwatch backup%s --emergency", names.p);
	buf_release(&names);
	unsafe_release(&u);
}

/* For a mail: what is safe, what is not, and what to type. */
static void
say_verdict(struct night *n)
{
	size_t good = 0, of = n->done.parts.n;
	struct buf sum = BUF_INIT, next = BUF_INIT;
	char *last;

	for (size_t i = 0; i < n->done.parts.n; i++) {
		const struct run_part *p = &n->done.parts.v[i];

		good += p->ok;
		of -= p->spare && !p->ok;
	}
	n->verified = good;
	line(n, "nightly of %s: %zu of %zu verified%s", n->s.desk.site.name,
	    good, of, n->done.degraded ? ", with warnings" : "");
	say_parts(n);
	log_findings(n);
	say_stores(n);
	if (!n->ok && !n->done.cancelled)
		say_what_is_safe(n);
	if (n->ok)
		last = xprintf("[OK] nightly: all %zu are verified%s", of,
		    n->done.degraded ? ", with warnings" : "");
	else if (n->done.cancelled)
		last = xprintf("[FAIL] nightly: cancelled; %zu of %zu are "
		    "verified", good, of);
	else {
		put_sum(n, &sum);
		put_next(n, &next);
		last = xprintf("[FAIL] nightly: %s; type: %s", sum.p, next.p);
	}
	line(n, "%s", last);
	saving_log(&n->s, "backup", last);
	free(last);
	buf_release(&sum);
	buf_release(&next);
}

static void
say_dry(struct night *n)
{
	const struct preflight *f = &n->done.pre;
	size_t bad = 0, warn = 0;

	for (size_t i = 0; i < f->v.n; i++) {
		bad += f->v.v[i].level == PRE_FAIL;
		warn += f->v.v[i].level == PRE_WARN;
	}
	if (n->ok)
		saving_say(&n->s, "[OK] nightly --dry-run: nothing is in the "
		    "way%s", warn > 0 ? "; there are warnings" : "");
	else
		saving_say(&n->s, "[FAIL] nightly --dry-run: it would fail "
		    "(%zu reason%s)", bad, bad == 1 ? "" : "s");
}

/* ---- failure ------------------------------------------------------------------------- */

/* As many of the names as a title can take. */
static void
put_brief(const char *names, struct buf *out)
{
	size_t from = out->n, more = 0;
	const char *end;

	for (; *names != '\0'; names = *end != '\0' ? end + 2 : end) {
		end = strstr(names, ", ");
		if (end == NULL)
			end = names + strlen(names);
		if (out->n > from && out->n - from + (size_t)(end - names) >
		    BRIEF)
			more++;
		else
			buf_printf(out, "%s%.*s", out->n > from ? ", " : "",
			    (int)(end - names), names);
	}
	if (more > 0)
		buf_printf(out, " and %zu more", more);
}

/* Opens an incident, or adds this to the open one: by the same verb that a person
 * would use. */
static void
open_incident(struct night *n)
{
	struct buf what = BUF_INIT;
	char exe[PROC_PROGRAM], *title;
	struct job_result r;
	struct err e = ERR_INIT;

	if (n->s.job == NULL)
		return;
	proc_program(exe);
	put_brief(n->failed.n > 0 ? n->failed.p : n->only.n > 0 ? n->only.p :
	    "a store does not have it", &what);
	title = xprintf("the nightly failed: %s", what.p);
	buf_release(&what);
	const char *argv[] = { exe, "incident", "open", "--title", title,
		"--state", n->s.desk.state.dir, "--config",
		desk_config(&n->s.desk), NULL };
	struct job_command c = { .argv = argv, .timeout_ms = OPEN_MS };
	if (!job_command(n->s.job, &c, &r, &e))
		saving_say(&n->s, "[WARNING] no incident could be opened: %s",
		    e.msg);
	else if (r.status != 0)
		saving_say(&n->s, "[WARNING] no incident could be opened; "
		    "'midwatch incident open' does it");
	free(title);
}

static void
one_more(struct night *n, const char *about, const char *text, bool ok,
    const char *next)
{
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;

	json_open(&data);
	json_put_str(&data, "source", "nightly");
	json_put_str(&data, "about", about);
	json_put_bool(&data, "ok", ok);
	json_put_str(&data, "next", next);
	json_close(&data);
	(void)saving_journal(&n->s, EVENT_EVIDENCE, text, data.p, &e);
	buf_release(&data);
}

/* Did a component or a store already say the same? */
static bool
is_said(const struct run_done *d, const struct pre_finding *f)
{
	for (size_t i = 0; i < d->parts.n; i++)
		if (same_text(d->parts.v[i].why, f->text) &&
		    strcmp(d->parts.v[i].name, f->about) == 0)
			return true;
	for (size_t i = 0; i < d->stores.n; i++)
		if (same_text(d->stores.v[i].why, f->text) &&
		    strcmp(d->stores.v[i].name, f->about) == 0)
			return true;
	return false;
}

/* What stood in the way before: the same of several is one line. */
static void
give_findings(struct night *n)
{
	const struct run_done *d = &n->done;
	const struct pre_finding *v = d->pre.v.v;

	for (size_t i = 0; i < d->pre.v.n; i++) {
		bool first = v[i].level != PRE_OK && !is_said(d, &v[i]);
		struct buf names = BUF_INIT;
		char *text;

		for (size_t k = 0; first && k < i; k++)
			first = v[k].level == PRE_OK || is_said(d, &v[k]) ||
			    strcmp(v[k].text, v[i].text) != 0;
		if (!first)
			continue;
		for (size_t k = i; k < d->pre.v.n; k++)
			if (v[k].level != PRE_OK && !is_said(d, &v[k]) &&
			    strcmp(v[k].text, v[i].text) == 0)
				add_name(&names, v[k].about);
		text = xprintf("nightly, before it began: %s: %s", names.p,
		    v[i].text);
		one_more(n, names.p, text, false, v[i].next);
		free(text);
		buf_release(&names);
	}
}

/* Where nothing lies now. */
static void
give_rest(struct night *n)
{
	const struct run_done *d = &n->done;
	char *text;

	give_findings(n);
	for (size_t i = 0; i < d->stores.n; i++) {
		const struct run_store *r = &d->stores.v[i];

		text = xprintf("nightly: %s has %s%s%s%s", r->name,
		    r->path == NULL ? "nothing of tonight" : r->path,
		    r->path != NULL && !r->whole ? ", which is not complete" :
		    "", r->why != NULL ? ": " : "", r->why != NULL ? r->why :
		    "");
		one_more(n, r->name, text, r->whole, NULL);
		free(text);
	}
	if (d->left != NULL)
		one_more(n, "left behind", d->left, false, "midwatch cleanup "
		    "--plan");
}

/* Those of one fate are one line. */
static void
give_fate(struct night *n, size_t i)
{
	const struct run_part *v = n->done.parts.v, *p = &v[i];
	struct buf names = BUF_INIT, where = BUF_INIT, text = BUF_INIT;
	size_t of = 0;

	for (size_t k = i; k < n->done.parts.n; k++)
		if (same_fate(n, &v[k], p)) {
			add_name(&names, v[k].name);
			of++;
		}
	put_where(n, p, &where);
	buf_printf(&text, "nightly: %s %s ", names.p, of > 1 ? "are" : "is");
	if (fate_of(p) == FATE_ONLY)
		buf_printf(&text, "safe on %s only", where.p);
	else
		buf_str(&text, p->ok ? "verified" : p->saved ?
		    "saved, and not whole" : "not saved");
	if (p->why != NULL)
		buf_printf(&text, ": %s", p->why);
	one_more(n, names.p, text.p, p->ok, p->next);
	buf_release(&names);
	buf_release(&where);
	buf_release(&text);
}

/* What failed and what did not, into the record of the incident. */
static void
give_evidence(struct night *n)
{
	const struct run_part *v = n->done.parts.v;
	char id[STATE_ID_MAX] = "";
	struct err e = ERR_INIT;

	if (!n->s.desk.have_inc && incident_current(&n->s.desk.state, false,
	    id, &e) && id[0] != '\0')
		(void)desk_incident(&n->s.desk, id, &e);
	if (!n->s.desk.have_inc)
		return;
	give_rest(n);
	for (size_t i = 0; i < n->done.parts.n; i++) {
		size_t k = 0;

		while (k < i && !same_fate(n, &v[k], &v[i]))
			k++;
		if (k == i)
			give_fate(n, i);
	}
}

/* ---- who hears of it ------------------------------------------------------------------- */

static void
tell_sizes(struct night *n)
{
	for (size_t i = 0; i < n->done.parts.n; i++) {
		const struct run_part *p = &n->done.parts.v[i];
		const char *const reading[] = { "backup", p->name };
		char *subject;

		if (p->size_verdict != SIZE_SMALL &&
		    p->size_verdict != SIZE_LARGE)
			continue;
		subject = xprintf("the backup of %s is unusually %s", p->name,
		    size_verdict_name(p->size_verdict));
		saving_tell(&n->s, SITE_TRIGGER_SIZE_ANOMALY, subject,
		    p->warnings.n > 0 ? p->warnings.v[0] : NULL, reading);
		free(subject);
	}
}

/* Only what was proven is good news; bad news is told whatever it is. */
static void
tell(struct night *n, int status)
{
	static const char *const schedule[] = { "schedule", "nightly" };
	const struct site *site = &n->s.desk.site;
	struct buf sum = BUF_INIT, next = BUF_INIT;
	struct err e = ERR_INIT;
	char *subject;

	if (n->s.dry || n->done.cancelled)
		return;
	if (n->ok)
		subject = xprintf("nightly of %s: all %zu are verified",
		    site->name, n->verified);
	else {
		put_sum(n, &sum);
		put_next(n, &next);
		subject = xprintf("the nightly of %s FAILED: %s; type: %s",
		    site->name, sum.p, next.p);
		buf_release(&sum);
		buf_release(&next);
	}
	saving_tell(&n->s, n->ok ? SITE_TRIGGER_NIGHTLY_OK :
	    SITE_TRIGGER_NIGHTLY_FAILED, subject, n->mail.n > 0 ? n->mail.p :
	    NULL, n->ok ? NULL : schedule);
	tell_sizes(n);
	if (status == EXIT_DONE && !tell_is_drill(site, n->s.desk.have_inc ?
	    n->s.desk.inc.id : NULL)) {
		n->beat = heartbeat_beat(site, subject, clock_mono_ms() +
		    BEAT_MS, &e);
		if (!n->beat)
			saving_say(&n->s, "[WARNING] %s", e.msg);
	}
	free(subject);
}

/* ---- the job ------------------------------------------------------------------------- */

static void
everything(struct night *n)
{
	const struct site *site = &n->s.desk.site;

	for (size_t i = 0; i < site_dbs(site); i++)
		VEC_PUSH(&n->names, site_db_at(site, i)->name);
	for (size_t i = 0; i < site_components(site); i++)
		VEC_PUSH(&n->names, site_component_at(site, i)->name);
	n->ask = (struct run_ask){ .site = site, .state = &n->s.desk.state,
		.class = SET_NIGHTLY, .names = n->names.v, .n = n->names.n,
		.dry = n->s.dry };
}

static void
put_result(struct night *n, int status)
{
	struct buf b = BUF_INIT;

	if (!n->want_json)
		return;
	json_open(&b);
	saving_put(&n->s, &n->done, n->ok, &b);
	json_put_str(&b, "class", n->s.class);
	if (n->pruned) {
		json_key(&b, "retention");
		json_open(&b);
		json_put_int(&b, "removed", (int64_t)n->gone.removed);
		json_put_int(&b, "promoted", (int64_t)n->gone.promoted);
		json_put_int(&b, "left", (int64_t)n->gone.left);
		json_put_int(&b, "freed", n->gone.freed);
		json_key(&b, "items");
		json_open_list(&b);
		buf_add(&b, n->gone.json.p, n->gone.json.n);
		json_close_list(&b);
		json_close(&b);
	}
	json_put_int(&b, "job", n->s.job->n);
	json_put_int(&b, "exit", status);
	json_close(&b);
	saving_say(&n->s, "%s", b.p);
	buf_release(&b);
}

/* Only what was proven lets anything older go. */
static void
prune(struct night *n)
{
	if (!n->ok) {
		saving_say(&n->s, "retention: nothing is removed, since the "
		    "run has failed");
		return;
	}
	n->pruned = true;
	pruning_run(&n->s, &n->gone);
	if (n->gone.left + n->gone.unread > 0)
		n->done.degraded = true;
}

static int
work(struct night *n, struct err *e)
{
	struct err quiet = ERR_INIT;
	const char *text = n->s.dry ? "nightly, dry run" : "nightly";
	int status;

	saving_begins(&n->s, text, "everything");
	/* a log's reader counts what failed until the next run began */
	if (!n->s.dry)
		saving_log(&n->s, "backup", "nightly started");
	everything(n);
	if (!state_spare_there(&n->s.desk.state))
		(void)state_spare_make(&n->s.desk.state, &quiet);
	n->began = clock_wall_ms();
	n->ok = backup_run(&n->ask, &n->s.care, &n->done, e);
	if (!n->s.dry)
		prune(n);
	if (e->kind != ERR_NONE)
		line(n, "[FAIL] nightly: %s", e->msg);
	else if (n->s.dry)
		say_dry(n);
	else
		say_verdict(n);
	status = n->ok ? EXIT_DONE : n->done.cancelled ? 143 : EXIT_FAILED;
	/* the end of the run is where its beginning is */
	saving_ends(&n->s, text, status);
	if (status == EXIT_FAILED && !n->s.dry) {
		open_incident(n);
		give_evidence(n);
	}
	tell(n, status);
	put_result(n, status);
	err_clear(e);			/* it was said */
	return status;
}

/* True: it is ours; else somebody else runs it, or e says what is wrong. */
static bool
take_lock(struct night *n, struct backup_lock *l, struct err *e)
{
	struct err why = ERR_INIT;
	struct buf who = BUF_INIT;

	if (backup_lock_take(l, &n->s.desk.state, lock_name, "nightly", &why))
		return true;
	if (why.kind != ERR_BUSY) {
		/* a full disk refuses the file: the data is saved all the same */
		return true;
	}
	if (!backup_lock_held(&n->s.desk.state, lock_name, &who))
		buf_str(&who, "somebody");
	err_set(e, ERR_BUSY, "the nightly runs already: %s", who.p);
	err_hint(e, "'midwatch jobs' shows how far it is.");
	buf_release(&who);
	return false;
}

int
nightly_job(struct job *job, struct err *e)
{
	struct night n = { .gone = PRUNED_INIT, .failed = BUF_INIT,
		.safe = BUF_INIT, .only = BUF_INIT, .mail = BUF_INIT };
	struct backup_lock lock = BACKUP_LOCK_INIT;
	const json_t *args = json_object_get(job->spec, "args");
	int status = EXIT_USAGE;

	if (saving_open(&n.s, job, e)) {
		n.s.dry = json_get_bool(args, "dry");
		n.s.what = n.s.class = n.s.dry ? "nightly-dry-run" : "nightly";
		n.want_json = json_get_bool(args, "json");
		status = n.s.dry || take_lock(&n, &lock, e) ? work(&n, e) :
		    EXIT_REFUSED;
	}
	backup_lock_drop(&lock);
	run_done_release(&n.done);
	pruned_release(&n.gone);
	buf_release(&n.failed);
	buf_release(&n.safe);
	buf_release(&n.only);
	buf_release(&n.mail);
	VEC_RELEASE(&n.names);
	saving_close(&n.s);
	return status;
}

/* ---- the verb ------------------------------------------------------------------------ */

/* Nothing can be written where its record belongs, so nothing is saved: whoever is
 * to know of a night that failed is to know of this one. */
static int
not_begun(struct cli *c, struct desk *d, bool dry, const struct err *e)
{
	int status = cli_fail(c, e);
	struct saving s;
	struct err quiet = ERR_INIT;
	char *subject, *text;

	if (dry || e->kind != ERR_SYS || !d->have_site)
		return status;
	cli_note("until that is mended 'midwatch backup --all-unsafe --confirm "
	    "unrecorded' saves the data, without a record");
	(void)saving_open(&s, NULL, &quiet);
	s.desk = *d;			/* borrowed: its site is what counts */
	s.cli = *c;
	s.cli.json = true;		/* what is said is no result */
	subject = xprintf("the nightly of %s FAILED: it could not begin",
	    d->site.name);
	text = xprintf("nothing was saved: %s%s%s\ntype: midwatch backup "
	    "--all-unsafe --confirm unrecorded", e->msg, e->hint[0] != '\0' ?
	    "; " : "", e->hint);
	saving_log(&s, "backup", subject);
	saving_tell(&s, SITE_TRIGGER_NIGHTLY_FAILED, subject, text, NULL);
	saving_close(&s);
	free(subject);
	free(text);
	return status;
}

int
verb_nightly(struct cli *c, int argc, char **argv)
{
	bool dry = false, started = true;
	const struct opt opts[] = { { "--dry-run", &dry, NULL, NULL } };
	struct buf args = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 0, 0, "midwatch nightly [--dry-run]"))
		return EXIT_USAGE;
	if (!desk_open(&d, c, &e)) {
		status = not_begun(c, &d, dry, &e);
		goto out;
	}
	if (!d.have_site) {
		err_set(&e, ERR_USAGE, "there is no site file to say what is "
		    "to be saved, and where to");
		status = cli_fail(c, &e);
		goto out;
	}
	json_open(&args);
	json_put_bool(&args, "dry", dry);
	json_put_bool(&args, "json", c->json);
	json_close(&args);
	struct job_spec spec = { .title = dry ? "nightly, dry run" : "nightly",
		.config = desk_config(&d), .kind = "nightly",
		.args = args.p };
	status = saving_follow(c, &d, &spec, &started, &e);
	if (!started)
		status = not_begun(c, &d, dry, &e);
out:
	buf_release(&args);
	desk_close(&d);
	return status;
}
