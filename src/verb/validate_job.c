/* The job behind `midwatch validate`: every set that was asked for, read through on
 * its store, and with --restore restored into a scratch PostgreSQL; the proofs
 * beside the manifests; the outcome in the journal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/tell.h"
#include "backup/restore.h"
#include "backup/sizes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/who.h"
#include "verb/follow.h"
#include "verb/shelf.h"
#include "verb/telling.h"

enum { LOOK_MS = 250, SAY_MS = 500, TELL_MS = 60000 };

struct run {
	struct job *job;
	struct desk d;
	struct shelves shelves;
	struct verify_care care;
	const char *want, *db, *store, *scratch_dir;
	bool restore;
	int jobs;
	size_t good, failed, refused;
	bool restore_failed, emergency_failed;
	int64_t looked, said;
	bool stop;
	char what[160];			/* for the progress line */
	struct buf json;		/* the list of results */
	struct buf bad;			/* what failed, a line each */
};
enum { BAD_MAX = 1500 };

/* A set with what is found of it. */
struct inquest {
	struct run *r;
	struct shelf *shelf;
	const struct set *set;
	char *dir;
	struct scratch scratch;
	bool scratch_up;
	char *globals;			/* raw, kept */
	struct proof verified, restorable;
	bool other_manifest;		/* than checksums.sha256 was made with */
	struct buf text;		/* for the journal */
};

/* ---- what everybody is told ------------------------------------------------------ */

static bool
cancelled(void *ctx)
{
	struct run *r = ctx;
	int64_t now = clock_mono_ms();

	if (r->stop || now - r->looked < LOOK_MS)
		return r->stop;
	r->looked = now;
	r->stop = job_cancelled(r->job);
	return r->stop;
}

static void
progress(void *ctx, int64_t done, int64_t total)
{
	struct run *r = ctx;
	int64_t now = clock_mono_ms();
	char text[256];

	if (now - r->said < SAY_MS)
		return;
	r->said = now;
	(void)snprintf(text, sizeof text, "%s: %d %% read", r->what,
	    total > 0 ? (int)(100 * (double)done / (double)total) : 100);
	job_progress(r->job, text, done, total);
}

static void
stage(void *ctx, const char *what)
{
	struct run *r = ctx;
	char text[256];

	(void)snprintf(text, sizeof text, "%s%s%s", r->what, r->what[0] != '\0' ?
	    ": " : "", what);	/* before the first set there is no name */
	job_progress(r->job, text, 0, 0);
}

/* For whoever is told. */
static void
bad(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void
bad(struct run *r, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (r->bad.n + b.n < BAD_MAX)
		buf_printf(&r->bad, "%s\n", b.p);
	buf_release(&b);
}

static void
say(struct inquest *q, const char *word, const char *part, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void
say(struct inquest *q, const char *word, const char *part, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	job_say(q->r->job, "[%s] %s%s%s on %s: %s", word, part != NULL ? part :
	    "", part != NULL ? ", " : "", q->set->path, q->shelf->store->name,
	    b.p);
	if (strcmp(word, "FAIL") == 0)
		bad(q->r, "%s%s%s on %s: %s", part != NULL ? part : "",
		    part != NULL ? ", " : "", q->set->path,
		    q->shelf->store->name, b.p);
	buf_printf(&q->text, "%s%s%s %s", q->text.n > 0 ? "; " : "",
	    part != NULL ? part : "set", strcmp(word, "OK") == 0 ? "" :
	    " FAILED:", b.p);
	buf_release(&b);
}

static void
fail(struct inquest *q, const char *part, const struct err *e)
{
	say(q, e->kind == ERR_GUARD ? "ERROR" : "FAIL", part, "%s%s%s", e->msg,
	    e->hint[0] ? "; " : "", e->hint);
	if (e->kind == ERR_GUARD)
		q->r->refused++;
	else
		q->r->failed++;
}

static void
result(struct inquest *q, const struct set_part *p, const char *kind, bool ok,
    const char *text, int64_t took_ms, int64_t rows)
{
	struct buf *b = &q->r->json;

	json_comma(b);
	json_open(b);
	json_put_str(b, "set", q->set->path);
	json_put_str(b, "store", q->shelf->store->name);
	json_put_str(b, "component", p->name);
	json_put_str(b, "truth", kind);
	json_put_bool(b, "ok", ok);
	json_put_str(b, "text", text);
	json_put_int(b, "took_ms", took_ms);
	if (rows >= 0)
		json_put_int(b, "rows", rows);
	json_close(b);
}

/* ---- a component ------------------------------------------------------------------- */

static void
prove(struct proof *proof, const struct set_part *p, bool ok, int64_t bytes,
    int64_t took_ms, int64_t tables, int64_t rows, const char *text)
{
	struct proof_part *q = VEC_NEW(&proof->parts);

	*q = (struct proof_part){ .name = p->name, .ok = ok, .bytes = bytes,
		.took_ms = took_ms, .tables = tables, .rows = rows,
		.text = text != NULL ? pool_str(&proof->pool, text) : NULL };
}

/* What a good one adds to what is usual; the run itself may have done so. */
static void
add_size(struct inquest *q, const struct set_part *p,
    const struct verify_done *v)
{
	const struct state *state = &q->r->d.state;
	struct sizes s = { 0 };
	struct size_entry x = { .at = q->set->at, .class = q->set->class,
		.size = set_part_size(p), .raw_size = v->raw,
		.tables = p->tables, .rows = p->rows, .took_ms =
		p->finished > p->started ? p->finished - p->started : -1,
		.good = true };
	bool there = set_part_adopted(p) || !sizes_read(&s, state, p->name, NULL);

	for (size_t i = 0; !there && i < s.v.n; i++)
		there = s.v.v[i].at == x.at;
	if (!there)
		(void)sizes_append(state, p->name, &x, NULL);
	sizes_release(&s);
}

static void
say_verified(struct inquest *q, const struct set_part *p,
    const struct verify_done *v)
{
	bool db = verify_is_archive(p);		/* its rows are counted */
	int64_t rows = db ? counts_rows(&v->text.counts) : -1;
	char size[16], took[32];
	struct buf b = BUF_INIT;

	text_fmt_size(size, v->bytes);
	text_fmt_duration(took, v->took_ms);
	if (v->ok) {
		buf_printf(&b, "verified, %s read back in %s", size, took);
		if (db)
			buf_printf(&b, ", %zu table%s, %" PRId64 " rows",
			    v->text.counts.v.n,
			    v->text.counts.v.n == 1 ? "" : "s", rows);
		say(q, "OK", p->name, "%s", b.p);
		q->r->good++;
		add_size(q, p, v);
	} else {
		say(q, "FAIL", p->name, "%s", v->why.p);
		q->r->failed++;
	}
	if (v->beside.n > 0) {
		say(q, "FAIL", p->name, "%s; the data itself is not touched "
		    "by that", v->beside.p);
		q->r->failed++;
	}
	result(q, p, "verified", v->ok, v->ok ? b.p : v->why.p, v->took_ms,
	    rows);
	prove(&q->verified, p, v->ok, v->bytes, v->took_ms, db ?
	    (int64_t)v->text.counts.v.n : -1, rows, v->ok ? NULL : v->why.p);
	buf_release(&b);
}

static void
say_restored(struct inquest *q, const struct set_part *p,
    const struct verify_done *v, const struct restore_done *done)
{
	int64_t took_ms = v->took_ms + done->took_ms;
	int64_t rto = q->r->d.site.schedule.rto_ms;
	char took[32], target[32];
	struct buf b = BUF_INIT;

	if (!done->ok) {
		say(q, "FAIL", p->name, "restoring it has failed: %s",
		    done->why.p);
		q->r->failed++;
		q->r->restore_failed = true;
	} else {
		text_fmt_duration(took, took_ms);
		text_fmt_duration(target, rto);
		buf_printf(&b, "restorable, %" PRId64 " table%s and %" PRId64
		    " rows came back in %s", done->found.tables,
		    done->found.tables == 1 ? "" : "s", done->found.rows,
		    took);
		if (rto > 0)
			buf_printf(&b, " (target %s)", target);
		say(q, "OK", p->name, "%s", b.p);
		if (rto > 0 && took_ms > rto)
			job_say(q->r->job, "[WARN] %s: %s is longer than the "
			    "target for getting it back (%s)", p->name, took,
			    target);
		q->r->good++;
	}
	if (done->notes.n > 0)
		job_say(q->r->job, "[WARN] %s: %s", p->name, done->notes.p);
	result(q, p, "restorable", done->ok, done->ok ? b.p : done->why.p,
	    took_ms, done->found.rows);
	prove(&q->restorable, p, done->ok, v->bytes, took_ms,
	    done->ok ? done->found.tables : -1, done->ok ? done->found.rows :
	    -1, done->ok ? done->notes.n > 0 ? done->notes.p : NULL :
	    done->why.p);
	buf_release(&b);
}

/* SQL and tar files that something else made are psql's and pg_restore's: asked
 * for and not tried is no success. */
static void
say_untried(struct inquest *q, const struct set_part *p)
{
	static const char why[] = "not restored, so not proven restorable: only "
	    "archives are tried here, and this is a dump that was taken over "
	    "as SQL or tar; restore it by hand, or save the database anew";

	say(q, "FAIL", p->name, "%s", why);
	q->r->failed++;
	result(q, p, "restorable", false, why, 0, -1);
}

static void
drop_kept(const struct verify_done *v)
{
	for (size_t i = 0; i < v->kept.n; i++)
		(void)unlink(v->kept.v[i].p);
}

/* False: cancelled, nothing more. */
static bool
look_at_part(struct inquest *q, const struct set_part *p)
{
	bool keep = q->scratch_up && (p->kind == SET_DATABASE ||
	    p->kind == SET_GLOBALS);
	struct verify_ask ask = { .dir = q->dir, .part = p,
		.care = &q->r->care, .keep = keep ? q->scratch.files : NULL };
	char *pg_restore = q->scratch.bin != NULL ?
	    file_join(q->scratch.bin, "pg_restore") : NULL;
	struct verify_done v = { 0 };
	struct err e = ERR_INIT;
	bool ok;

	(void)snprintf(q->r->what, sizeof q->r->what, "%s of %s on %s",
	    p->name, q->set->path, q->shelf->store->name);
	ask.pg_restore = pg_restore;
	ok = verify_part(q->shelf->place, &ask, &v, &e);
	if (ok)
		say_verified(q, p, &v);
	if (ok && v.ok && keep && p->kind == SET_GLOBALS && v.kept.n == 1) {
		free(q->globals);
		q->globals = file_join(q->scratch.dir, "globals.sql");
		ok = rename(v.kept.v[0].p, q->globals) == 0 ||
		    err_sys(&e, "cannot move the globals");
	} else if (ok && v.ok && keep && !verify_is_archive(p)) {
		say_untried(q, p);
	} else if (ok && v.ok && keep) {
		struct restore_ask try = { .part = p, .dump = &v,
			.globals = q->globals, .jobs = q->r->jobs,
			.care = &q->r->care, .say = stage, .ctx = q->r };
		struct restore_done done = { 0 };

		ok = restore_try(&q->scratch, &try, &done, &e);
		if (ok)
			say_restored(q, p, &v, &done);
		restore_done_release(&done);
	}
	drop_kept(&v);
	if (!ok && e.kind != ERR_CANCELLED)
		fail(q, p->name, &e);
	verify_done_release(&v);
	free(pg_restore);
	return ok || e.kind != ERR_CANCELLED;
}

/* ---- a set -------------------------------------------------------------------------- */

static bool
wanted(const struct run *r, const struct set_part *p)
{
	const struct site_db *db;

	if (r->db == NULL || p->kind == SET_GLOBALS)
		return true;
	db = site_db(&r->d.site, r->db);
	return strcmp(p->name, db != NULL ? db->name : r->db) == 0;
}

static int
major(const struct set_part *p)
{
	return p->from.server_version != NULL ?
	    (int)strtol(p->from.server_version, NULL, 10) : 0;
}

/* One server for the set: as new as the newest, with room for the largest. */
static bool
raise_scratch(struct inquest *q)
{
	struct scratch_ask ask = { .dir = q->r->scratch_dir,
		.cancelled = cancelled, .ctx = q->r };
	const struct manifest *m = &q->set->manifest;
	int64_t raw = 0, globals = 0;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < m->parts.n; i++) {
		const struct set_part *p = &m->parts.v[i];
		int64_t n = set_part_raw_size(p);

		if (!wanted(q->r, p) || (p->kind != SET_DATABASE &&
		    p->kind != SET_GLOBALS))
			continue;
		if (n < 0)		/* not said: packed ten to one */
			n = 10 * set_part_size(p);
		if (p->kind == SET_GLOBALS)
			globals += n;
		else if (n > raw)
			raw = n;
		if (major(p) > ask.version)
			ask.version = major(p);
	}
	ask.need = restore_room(raw) + globals;
	stage(q->r, "a scratch PostgreSQL is made");
	q->scratch_up = scratch_open(&q->scratch, &ask, &e);
	if (!q->scratch_up && e.kind != ERR_CANCELLED)
		fail(q, NULL, &e);
	return q->scratch_up || e.kind != ERR_CANCELLED;
}

static void
put_proof(struct inquest *q, struct proof *proof, enum proven kind)
{
	const struct who *w = who_am_i();
	struct err e = ERR_INIT;

	/* what fits a manifest that was changed is not good by that */
	for (size_t i = proof->parts.n; q->other_manifest && i-- > 0;)
		if (proof->parts.v[i].ok)
			proof->parts.v[i] = proof->parts.v[--proof->parts.n];
	if (proof->parts.n > 0) {
		proof->kind = kind;
		proof->at = clock_wall_ms();
		proof->by = w->by;
		proof->host = w->host;
		memcpy(proof->manifest, q->set->sha256, SHA_HEX);
		if (!verify_put(q->shelf->place, q->dir, proof, &e))
			fail(q, NULL, &e);
	}
	proof_release(proof);
}

static void
journal(struct inquest *q, const char *text)
{
	struct buf data = BUF_INIT;

	json_open(&data);
	json_put_str(&data, "what", "validate");
	json_put_str(&data, "store", q->shelf->store->name);
	json_put_str(&data, "set", q->set->path);
	json_put_int(&data, "job", q->r->job->n);
	json_close(&data);
	follow_journal(q->r->job, &q->r->d, EVENT_EVIDENCE, text, data.p);
	buf_release(&data);
}

static void
look_around(struct inquest *q)
{
	struct buf why = BUF_INIT;
	struct err e = ERR_INIT;

	if (!verify_list(q->shelf->place, q->dir, q->set, &why,
	    &q->other_manifest, &e) ||
	    !verify_proofs(q->shelf->place, q->dir, &why, &e))
		fail(q, NULL, &e);
	else if (why.n > 0) {
		say(q, "FAIL", NULL, "%s", why.p);
		q->r->failed++;
	}
	buf_release(&why);
}

/* False: cancelled. */
static bool
validate_set(struct run *r, struct shelf *shelf, const struct set *set,
    const bool *parts)
{
	struct inquest q = { .r = r, .shelf = shelf, .set = set };
	bool ok = true;

	if (!set->told) {
		say(&q, "FAIL", NULL, "%s", set->problem != NULL ?
		    set->problem : "it has no manifest");
		r->failed++;
		journal(&q, q.text.p);
		buf_release(&q.text);
		return true;
	}
	q.dir = shelf_dir(shelf, set);
	look_around(&q);
	if (r->restore)
		ok = raise_scratch(&q);
	/* roles first: what is restored belongs to them */
	for (int turn = 0; ok && turn < 2; turn++)
		for (size_t i = 0; ok && i < set->manifest.parts.n; i++) {
			const struct set_part *p = &set->manifest.parts.v[i];

			if ((p->kind == SET_GLOBALS) == (turn == 0) &&
			    parts[i] && wanted(r, p))
				ok = look_at_part(&q, p);
		}
	put_proof(&q, &q.verified, PROVEN_VERIFIED);
	put_proof(&q, &q.restorable, PROVEN_RESTORABLE);
	if (q.text.n > 0)
		journal(&q, q.text.p);
	if (q.scratch_up)
		scratch_close(&q.scratch);
	free(q.globals);
	free(q.dir);
	buf_release(&q.text);
	return ok;
}

/* ---- which sets ----------------------------------------------------------------------- */

/* The newest of that component, anywhere: complete, and not of the future. */
static int64_t
newest(const struct run *r, const char *part, int64_t now)
{
	int64_t at = -1;

	for (size_t i = 0; i < r->shelves.v.n; i++) {
		struct set_copy c = sets_newest(&r->shelves.v.v[i]->sets, &part,
		    1, PROVEN_NOT, now);

		for (size_t k = 0; c.set != NULL &&
		    k < r->shelves.v.v[i]->sets.v.n; k++) {
			const struct set *s = r->shelves.v.v[i]->sets.v.v[k];
			struct set_copy x = set_copy_of(s, &part, 1);

			if (x.set != NULL && s->state != SET_PARTIAL &&
			    x.part->complete && s->at <= now && s->at > at)
				at = s->at;
		}
	}
	return at;
}

/* Which components of a set are asked for; how many. */
static size_t
pick(const struct run *r, const struct set *set, int64_t now, bool *parts)
{
	bool latest = strcmp(r->want, "latest") == 0;
	bool all = strcmp(r->want, "all") == 0;
	size_t n = 0;

	for (size_t i = 0; i < set->manifest.parts.n; i++) {
		const struct set_part *p = &set->manifest.parts.v[i];

		parts[i] = !latest || newest(r, p->name, now) == set->at;
		/* an unfinished component of a run that saved others is no
		 * news, unless it was asked for by name */
		if ((latest || all) && !p->complete)
			parts[i] = false;
		n += parts[i] && (p->kind != SET_GLOBALS || r->db == NULL) &&
		    wanted(r, p);
	}
	/* roles come from the same run as what they own */
	for (size_t i = 0; n > 0 && i < set->manifest.parts.n; i++)
		if (set->manifest.parts.v[i].kind == SET_GLOBALS &&
		    set->manifest.parts.v[i].complete)
			parts[i] = true;
	return n;
}

static bool
validate_shelf(struct run *r, struct shelf *shelf, int64_t now,
    size_t *ret_sets)
{
	bool named = strcmp(r->want, "latest") != 0 &&
	    strcmp(r->want, "all") != 0;
	size_t before;
	bool ok = true;

	for (size_t i = 0; ok && i < shelf->sets.v.n; i++) {
		const struct set *set = shelf->sets.v.v[i];
		size_t n = set->manifest.parts.n;
		bool *parts = xcalloc(n + 1, sizeof *parts);

		if (set->state != SET_PARTIAL && !set->foreign &&
		    (!named || shelf_is(set, r->want)) &&
		    ((!set->told && strcmp(r->want, "latest") != 0) ||
		    pick(r, set, now, parts) > 0)) {
			(*ret_sets)++;
			before = r->failed;
			ok = validate_set(r, shelf, set, parts);
			if (r->failed > before && set->class == SET_EMERGENCY)
				r->emergency_failed = true;
		}
		free(parts);
	}
	return ok;
}

/* What the site has and no set holds is what one most wants to know. */
static void
say_missing(struct run *r, int64_t now)
{
	bool unread = false;

	if (strcmp(r->want, "latest") != 0)
		return;
	for (size_t i = 0; i < r->shelves.v.n; i++)
		unread = unread || !r->shelves.v.v[i]->ok;
	for (size_t i = 0; i < site_dbs(&r->d.site); i++) {
		const struct site_db *db = site_db_at(&r->d.site, i);

		if ((r->db != NULL && db != site_db(&r->d.site, r->db)) ||
		    newest(r, db->name, now) >= 0)
			continue;
		job_say(r->job, unread ? "[FAIL] %s: no set holds it where that "
		    "can be read" : "[FAIL] %s: no set holds it", db->name);
		bad(r, "%s: no set holds it", db->name);
		r->failed++;
	}
}

/* ---- the job --------------------------------------------------------------------------- */

static bool
begin(struct run *r, struct cli *c, struct err *e)
{
	const json_t *args = json_object_get(r->job->spec, "args");

	r->want = json_get_str(args, "set");
	r->db = json_get_str(args, "db");
	r->store = json_get_str(args, "store");
	r->scratch_dir = json_get_str(args, "scratch");
	r->restore = json_get_bool(args, "restore");
	r->jobs = (int)json_get_int(args, "jobs", 0);
	if (!desk_open(&r->d, c, e))
		return false;
	if (!r->d.have_site || r->want == NULL)
		return err_set(e, ERR_USAGE, "there is no site file");
	if (r->db != NULL && site_db(&r->d.site, r->db) == NULL &&
	    site_component(&r->d.site, r->db) == NULL)
		return site_lacks(&r->d.site, SITE_DATABASE | SITE_COMPONENT,
		    r->db, e);
	if (r->store != NULL && site_store(&r->d.site, r->store) == NULL)
		return site_lacks(&r->d.site, SITE_STORE, r->store, e);
	follow_incident(&r->d);
	return true;
}

static int
status_of(const struct run *r)
{
	return r->stop ? 143 : r->failed > 0 ? EXIT_FAILED : r->refused > 0 ?
	    EXIT_REFUSED : EXIT_DONE;
}

/* Of all copies this is the one that had to be good. */
static void
raise_severity(struct run *r)
{
	struct err e = ERR_INIT;

	if (r->d.inc.severity == NULL || strcmp(r->d.inc.severity, "SEV-0") != 0)
		(void)incident_say(&r->d.inc, EVENT_SEVERITY, NULL, "an "
		    "emergency backup did not pass its validation",
		    "{\"level\":\"SEV-0\"}", &e);
}

static void
tell_failure(struct run *r)
{
	struct told told = { 0 };
	struct tell t = { .subject = "a backup did not pass its validation",
		.trigger = r->restore_failed ?
		SITE_TRIGGER_RESTORE_TEST_FAILED :
		SITE_TRIGGER_VALIDATION_FAILED };

	/* a step of the runbook says itself who is told */
	if (r->failed == 0 || r->stop || telling_by_step(&r->d, "validate"))
		return;
	buf_str(&r->bad, "see 'midwatch sets'");
	t.text = r->bad.p;
	if (r->d.have_inc && r->emergency_failed) {
		raise_severity(r);
		t.trigger = SITE_TRIGGER_SEV_0;
		t.subject = "no restorable copy: an emergency backup did not "
		    "pass its validation";
	}
	if (r->d.have_inc)
		t.incident = r->d.inc.id;
	tell_people(&r->d.site, &r->d.state, &t, NULL, clock_mono_ms() +
	    TELL_MS, &told);
	told_release(&told);
}

static void
put_result(struct run *r, size_t sets)
{
	struct buf b = BUF_INIT;

	json_close_list(&r->json);
	json_open(&b);
	json_put_bool(&b, "ok", status_of(r) == EXIT_DONE);
	json_put_int(&b, "job", r->job->n);
	json_put_int(&b, "exit", status_of(r));
	json_put_int(&b, "sets", (int64_t)sets);
	json_put_int(&b, "failed", (int64_t)(r->failed + r->refused));
	json_put_raw(&b, "results", r->json.p);
	json_put_bool(&b, "detached", false);
	json_close(&b);
	follow_result(r->job, &b);
	buf_release(&b);
}

/* A question about one database is answered by any store; that another one is
 * broken makes no proven copy a lost one. */
static void
say_unread(struct run *r, const struct shelf *s)
{
	bool elsewhere = r->db != NULL && r->store == NULL;

	job_say(r->job, "[%s] store %s: %s%s%s", elsewhere ? "WARNING" : "FAIL",
	    s->store->name, s->why.msg, s->why.hint[0] != '\0' ? "; " : "",
	    s->why.hint);
	r->failed += !elsewhere;
}

static void
work(struct run *r, struct err *e)
{
	int64_t now = clock_wall_ms();
	size_t sets = 0, swept = r->restore ? scratch_sweep(r->scratch_dir) : 0;
	bool ok;

	if (swept > 0)
		job_say(r->job, "removed what %zu scratch restore%s had left "
		    "that %s killed", swept, swept == 1 ? "" : "s",
		    swept == 1 ? "was" : "were");
	job_progress(r->job, "the stores are read", 0, 0);
	ok = shelves_open(&r->shelves, &r->d.site, r->store, e);
	for (size_t i = 0; ok && i < r->shelves.v.n; i++) {
		struct shelf *s = r->shelves.v.v[i];

		if (!s->ok && !r->stop)
			say_unread(r, s);
		ok = validate_shelf(r, s, now, &sets);
	}
	if (ok && sets == 0 && r->failed == 0) {
		bool named = strcmp(r->want, "latest") != 0 &&
		    strcmp(r->want, "all") != 0;

		job_say(r->job, "[FAIL] there is no set %s'%s'; 'midwatch %s",
		    named ? "" : "for ", r->want, named ?
		    "sets' lists them" : "backup --all-unsafe' makes one");
		r->failed++;
	}
	if (ok)
		say_missing(r, now);
	put_result(r, sets);
}

int
validate_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
		.state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	struct run r = { .job = job };
	int status = EXIT_FAILED;

	r.care = (struct verify_care){ progress, cancelled, &r };
	r.shelves.cancelled = cancelled;
	r.shelves.ctx = &r;
	if (begin(&r, &c, e)) {
		json_open_list(&r.json);
		follow_begins(job, &r.d);
		work(&r, e);
		tell_failure(&r);
		status = e->kind != ERR_NONE ? EXIT_FAILED : status_of(&r);
		follow_ends(job, &r.d, status);
	} else
		status = e->kind == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
	shelves_release(&r.shelves);
	buf_release(&r.json);
	buf_release(&r.bad);
	desk_close(&r.d);
	return status;
}
