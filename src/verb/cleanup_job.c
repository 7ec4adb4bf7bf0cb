/* The job behind `midwatch cleanup`: the plan made again, compared with the code
 * that was typed, and done; every intent and outcome in the journal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/lock.h"
#include "backup/prune.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "record/log.h"
#include "verb/cleaning.h"
#include "verb/follow.h"

enum { LOOK_MS = 250, SAY_MS = 500 };

struct cleaning {
	struct job *job;
	struct desk d;
	struct clean_plan p;
	struct backup_lock lock;
	int64_t looked, said;
	bool stop;
	struct buf before, after, engines_before, engines_after;
};

static bool
cancelled(void *ctx)
{
	struct cleaning *w = ctx;
	int64_t now = clock_mono_ms();

	if (w->stop || now - w->looked < LOOK_MS)
		return w->stop;
	w->looked = now;
	w->stop = job_cancelled(w->job);
	return w->stop;
}

static void
progress(void *ctx, const char *what, int64_t done, int64_t total)
{
	struct cleaning *w = ctx;
	int64_t now = clock_mono_ms();
	char text[256];

	if (now - w->said < SAY_MS)
		return;
	w->said = now;
	(void)snprintf(text, sizeof text, "%s: %" PRId64 " of %" PRId64
	    " things gone", what, done, total);
	job_progress(w->job, text, done, total);
}

static void
say(void *ctx, const char *line)
{
	struct cleaning *w = ctx;

	job_say(w->job, "%s", line);
}

static bool
record(struct cleaning *w, enum event_kind kind, const char *text,
    const char *data, struct err *e)
{
	return w->d.have_inc ? incident_say(&w->d.inc, kind, NULL, text, data,
	    e) : log_say(&w->d.state, kind, text, data, e);
}

static bool
journal(void *ctx, const char *text, const char *data, struct err *e)
{
	return record(ctx, EVENT_EVIDENCE, text, data, e);
}

/* ---- before and after -------------------------------------------------------------- */

/* What the engine holds, volumes left out: they are not touched. */
static void
say_engine(const struct buf *engines, struct buf *text)
{
	static const char *const kinds[] = { "images", "containers", "cache" };
	json_t *o = engines->n > 0 ? json_read(engines->p, engines->n, NULL) :
	    NULL;
	int64_t sum = 0;
	char size[16];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int64_t n = json_get_int(json_object_get(o, kinds[i]), "size",
		    0);

		sum = n < INT64_MAX - sum ? sum + n : INT64_MAX;
	}
	if (json_get_str(o, "engine") != NULL) {
		text_fmt_size(size, sum);
		buf_printf(text, "; %s holds %s besides volumes",
		    json_get_str(o, "engine"), size);
	}
	json_decref(o);
}

static bool
say_disks(struct cleaning *w, const char *when, const struct buf *disks,
    const struct buf *engines, struct err *e)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	bool ok;

	buf_printf(&text, "disks %s the clean-up:", when);
	for (size_t i = 0; i < w->p.disks.n; i++) {
		const struct clean_disk *d = &w->p.disks.v[i];

		if (d->trouble != NULL)
			buf_printf(&text, "%s %s %s", i > 0 ? "," : "",
			    d->disk->name, d->trouble);
		else
			buf_printf(&text, "%s %s %d %%", i > 0 ? "," : "",
			    d->disk->name, d->percent);
	}
	if (w->p.disks.n == 0)
		buf_str(&text, " the site names none");
	say_engine(engines, &text);
	json_open(&data);
	json_put_str(&data, "what", "cleanup");
	json_put_str(&data, "when", when);
	json_put_raw(&data, "disks", disks->p);
	json_put_raw(&data, "engines", engines->p);
	json_close(&data);
	ok = record(w, EVENT_EVIDENCE, text.p, data.p, e);
	job_say(w->job, "%s", text.p);
	buf_release(&text);
	buf_release(&data);
	return ok;
}

static bool
say_plan(struct cleaning *w, const char *code, struct err *e)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	char size[16];
	bool ok;

	text_fmt_size(size, clean_total(&w->p));
	buf_printf(&text, "clean-up by the plan %s: %zu thing%s, %s", code,
	    w->p.v.n, w->p.v.n == 1 ? "" : "s", size);
	json_open(&data);
	json_put_str(&data, "what", "cleanup");
	json_put_str(&data, "code", code);
	json_put_int(&data, "things", (int64_t)w->p.v.n);
	json_put_int(&data, "size", clean_total(&w->p));
	json_put_int(&data, "protected", (int64_t)w->p.kept.n);
	json_close(&data);
	ok = record(w, EVENT_EVIDENCE, text.p, data.p, e);
	buf_release(&text);
	buf_release(&data);
	return ok;
}

/* ---- the end ----------------------------------------------------------------------- */

struct sum {
	size_t gone, left;
	int64_t freed;
};

static struct sum
add_up(const struct clean_plan *p)
{
	struct sum s = { 0 };

	for (size_t i = 0; i < p->v.n; i++)
		if (p->v.v[i].fate == PRUNE_DONE) {
			s.gone++;
			s.freed += p->v.v[i].size;
		} else
			s.left++;
	return s;
}

static void
say_end(struct cleaning *w, int status, const struct err *e)
{
	struct sum s = add_up(&w->p);
	struct buf text = BUF_INIT, data = BUF_INIT;
	struct err lost = ERR_INIT;
	char size[16];

	text_fmt_size(size, s.freed);
	if (status == EXIT_DONE && w->p.v.n == 0)
		buf_str(&text, "cleanup: nothing may go");
	else
		buf_printf(&text, "cleanup: %zu thing%s gone, %s", s.gone,
		    s.gone == 1 ? "" : "s", size);
	if (s.left > 0 && status != EXIT_DONE)
		buf_printf(&text, ", %zu left", s.left);
	if (status != EXIT_DONE)
		buf_printf(&text, ": %s%s%s", e->msg, e->hint[0] ? "; " : "",
		    e->hint);
	json_open(&data);
	json_put_int(&data, "job", w->job->n);
	json_put_str(&data, "verb", "cleanup");
	json_put_int(&data, "exit", status);
	json_put_bool(&data, "ok", status == EXIT_DONE);
	json_put_str(&data, "outcome", status == EXIT_DONE ? "done" :
	    status == EXIT_REFUSED ? "refused" : status >= 128 ? "cancelled" :
	    "failed");
	json_put_int(&data, "gone", (int64_t)s.gone);
	json_put_int(&data, "left", (int64_t)s.left);
	json_put_int(&data, "freed", s.freed);
	json_close(&data);
	if (!record(w, EVENT_JOB_ENDED, text.p, data.p, &lost))
		job_say(w->job, "[WARN] not in the journal: %s", lost.msg);
	job_say(w->job, "[%s] %s", status == EXIT_DONE ? "OK" : "FAIL",
	    text.p);
	buf_release(&text);
	buf_release(&data);
}

static void
put_result(struct cleaning *w, int status, const struct err *e)
{
	struct sum s = add_up(&w->p);
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", status == EXIT_DONE);
	json_put_int(&b, "job", w->job->n);
	json_put_int(&b, "exit", status);
	json_put_int(&b, "gone", (int64_t)s.gone);
	json_put_int(&b, "left_behind", (int64_t)s.left);
	json_put_int(&b, "freed", s.freed);
	json_put_str(&b, "error", status == EXIT_DONE ? NULL : e->msg);
	json_put_raw(&b, "before", w->before.n > 0 ? w->before.p : "[]");
	json_put_raw(&b, "after", w->after.n > 0 ? w->after.p : "[]");
	json_put_raw(&b, "engines_before", w->engines_before.n > 0 ?
	    w->engines_before.p : "{}");
	json_put_raw(&b, "engines_after", w->engines_after.n > 0 ?
	    w->engines_after.p : "{}");
	clean_json(&w->p, &b);
	json_put_bool(&b, "detached", false);
	json_close(&b);
	follow_result(w->job, &b);
	buf_release(&b);
}

/* ---- the job ------------------------------------------------------------------------ */

static bool
begin(struct cleaning *w, char code[CLEAN_CODE], struct err *e)
{
	const json_t *args = json_object_get(w->job->spec, "args");
	const char *want = json_get_str(args, "code");
	struct err busy = ERR_INIT;

	if (!w->d.have_site)
		return err_set(e, ERR_USAGE, "there is no site file");
	follow_incident(&w->d);
	if (!backup_lock_take(&w->lock, &w->d.state, PRUNE_LOCK, "cleanup",
	    &busy) && busy.kind == ERR_BUSY) {
		*e = busy;
		return err_hint(e, "Two at once would surprise each other.");
	}
	job_progress(w->job, "looking at what may go", 0, 0);
	if (!cleaning_look(&w->d, &w->p, e))
		return false;
	clean_code(&w->p, code);
	if (w->p.v.n == 0) {
		code[0] = '\0';
		if (want == NULL || *want == '\0')
			return true;
	} else if (want != NULL && strcmp(want, code) == 0)
		return true;
	err_set(e, ERR_GUARD, want == NULL || *want == '\0' ? "the clean-up is "
	    "not confirmed%.0s" : "the plan is not any more what '%.20s' stands "
	    "for", want != NULL ? want : "");
	return err_hint(e, "'midwatch cleanup --plan' shows what may go now, "
	    "and its code.");
}

static int
work(struct cleaning *w, const char *code, struct err *e)
{
	struct clean_care care = { journal, say, progress, cancelled, w };
	struct err later = ERR_INIT;
	struct buf text = BUF_INIT;
	bool ok;

	if (!json_get_bool(json_object_get(w->job->spec, "args"), "shown")) {
		clean_print(&w->p, &text);
		while (text.n > 0 && text.p[text.n - 1] == '\n')
			buf_cut(&text, text.n - 1);
		job_say(w->job, "%s", text.p);
	}
	clean_disks_json(&w->p, &w->before);
	(void)clean_engines_json(&w->p, &w->engines_before);
	ok = say_disks(w, "before", &w->before, &w->engines_before, e) &&
	    (w->p.v.n == 0 || say_plan(w, code, e)) &&
	    clean_run(&w->p, &care, e);
	clean_disks(&w->p);
	clean_disks_json(&w->p, &w->after);
	(void)clean_engines_json(&w->p, &w->engines_after);
	(void)say_disks(w, "after", &w->after, &w->engines_after, &later);
	buf_release(&text);
	/* what has begun was tried, and is not refused any more */
	return ok ? EXIT_DONE : e->kind == ERR_CANCELLED ? 143 :
	    e->kind == ERR_GUARD && add_up(&w->p).gone == 0 ? EXIT_REFUSED :
	    EXIT_FAILED;
}

int
cleanup_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
		.state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	struct cleaning w = { .job = job, .p = CLEAN_PLAN_INIT,
		.lock = BACKUP_LOCK_INIT };
	char code[CLEAN_CODE] = "";
	struct err why = ERR_INIT;
	int status;

	if (desk_open(&w.d, &c, e) && begin(&w, code, e)) {
		follow_begins(job, &w.d);
		status = work(&w, code, &why);
		say_end(&w, status, &why);
		put_result(&w, status, &why);
	} else
		status = e->kind == ERR_GUARD || e->kind == ERR_BUSY ?
		    EXIT_REFUSED : e->kind == ERR_USAGE ? EXIT_USAGE :
		    EXIT_FAILED;
	buf_release(&w.before);
	buf_release(&w.after);
	buf_release(&w.engines_before);
	buf_release(&w.engines_after);
	clean_release(&w.p);
	backup_lock_drop(&w.lock);
	desk_close(&w.d);
	return status;
}
