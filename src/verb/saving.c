#include "verb/saving.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/notify.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "record/log.h"
#include "verb/bar.h"

enum { FOLLOW_MS = 200, TELL_MS = 60000, CANCEL_WAIT_MS = 30000, PLAIN_MS = 30000,
       BAR_MAX = 160 };

/* ---- the voice ------------------------------------------------------------------ */

void
saving_say(struct saving *s, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (s->job != NULL)
		job_say(s->job, "%s", b.p);
	else if (b.p[0] == '[' && !s->cli.json)
		cli_out("%s", b.p);
	else
		cli_note("%s", b.p);
	buf_release(&b);
}

static void
on_say(void *ctx, const char *line)
{
	saving_say(ctx, "%s", line);
}

static void
on_progress(void *ctx, const char *text, int64_t done, int64_t total)
{
	struct saving *s = ctx;

	/* of several runs, one of which works: how full is that one says nothing */
	if (s->job != NULL && s->of > 1) {
		char *which = xprintf("%zu of %zu, %s", s->nth, s->of, text);

		job_progress(s->job, which, 0, 0);
		free(which);
	} else if (s->job != NULL)
		job_progress(s->job, text, done, total);
	else if (clock_mono_ms() - s->told_ms > PLAIN_MS) {
		s->told_ms = clock_mono_ms();
		cli_note("%s", text);
	}
}

static bool
on_cancelled(void *ctx)
{
	struct saving *s = ctx;

	return s->job != NULL && job_cancelled(s->job);
}

static void
on_journal(void *ctx, const char *text, const char *data)
{
	struct saving *s = ctx;
	struct err e = ERR_INIT;

	if (!s->dry)
		(void)saving_journal(s, EVENT_EVIDENCE, text, data, &e);
}

/* ---- the journal ------------------------------------------------------------------- */

bool
saving_journal(struct saving *s, enum event_kind kind, const char *text,
    const char *data, struct err *e)
{
	bool ok;

	if (s->job == NULL)
		return false;
	if (s->desk.have_inc)
		ok = incident_say(&s->desk.inc, kind, NULL, text, data, e);
	else
		ok = log_say(&s->desk.state, kind, text, data, e);
	if (!ok && !s->silent) {
		/* saving data comes before the record of it */
		s->silent = true;
		saving_say(s, "[WARNING] the journal cannot be written (%s); "
		    "it goes on all the same", e->msg);
	}
	return ok;
}

static void
put_head(struct saving *s, struct buf *data)
{
	json_open(data);
	json_put_int(data, "job", s->job != NULL ? s->job->n : 0);
	json_put_str(data, "verb", s->what);
	json_put_str(data, "class", s->class);
}

void
saving_begins(struct saving *s, const char *text, const char *names)
{
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;

	put_head(s, &data);
	json_key(&data, "components");
	json_textn(&data, names, text_fit(names, strlen(names), 1000));
	json_close(&data);
	(void)saving_journal(s, EVENT_JOB_STARTED, text, data.p, &e);
	if (s->job != NULL)
		job_ready(s->job);
	buf_release(&data);
}

void
saving_ends(struct saving *s, const char *text, int status)
{
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;

	put_head(s, &data);
	json_put_int(&data, "exit", status);
	json_put_bool(&data, "ok", status == EXIT_DONE);
	json_put_str(&data, "outcome", status == EXIT_DONE ? "done" :
	    status == EXIT_REFUSED ? "refused" : status >= 128 ? "cancelled" :
	    "failed");
	json_close(&data);
	(void)saving_journal(s, EVENT_JOB_ENDED, text, data.p, &e);
	buf_release(&data);
}

void
saving_log(struct saving *s, const char *name, const char *line)
{
	const struct site_log *l = site_log(&s->desk.site, name);
	char at[40];
	struct buf b = BUF_INIT;
	int fd;

	if (l == NULL || l->at != NULL)
		return;
	clock_fmt_site(at, clock_wall_ms());
	buf_printf(&b, "%s %s\n", at, line);
	fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd >= 0)
		(void)io_write_all(fd, b.p, b.n);
	io_close(&fd);
	buf_release(&b);
}

void
saving_tell(struct saving *s, enum site_trigger trigger, const char *subject,
    const char *text, const char *const reading[2])
{
	const struct tell t = { .trigger = trigger, .subject = subject,
		.text = text, .incident = s->desk.have_inc ? s->desk.inc.id :
		NULL };
	struct told told = { 0 };
	struct err quiet = ERR_INIT;

	if (!s->desk.have_site)
		return;
	tell_people(&s->desk.site, &s->desk.state, &t, NULL, clock_mono_ms() +
	    TELL_MS, &told);
	for (size_t i = 0; i < told.v.n; i++) {
		struct buf who = BUF_INIT;

		told_line(&told.v.v[i], &who);
		saving_say(s, "%s%s (%s)", told.v.v[i].how == TOLD_HOOK ||
		    told.v.v[i].how == TOLD_DRILL ? "" : "[WARNING] ", who.p,
		    site_triggers[trigger]);
		buf_release(&who);
	}
	if (reading != NULL && told.v.n > 0)
		(void)notify_known(&s->desk.state, trigger, reading[0],
		    reading[1], &told, &quiet);
	told_release(&told);
}

/* ---- the desk ---------------------------------------------------------------------- */

/* What a shell of the operator says of PostgreSQL is not what the site says. */
static void
forget_environment(void)
{
	VEC(char *) names = { 0 };

	for (char **v = environ; v != NULL && *v != NULL; v++)
		if (text_starts(*v, "PG") && strchr(*v, '=') != NULL)
			VEC_PUSH(&names, xstrndup(*v, (size_t)(strchr(*v, '=') -
			    *v)));
	for (size_t i = 0; i < names.n; i++) {
		(void)unsetenv(names.v[i]);
		free(names.v[i]);
	}
	VEC_RELEASE(&names);
}

bool
saving_open(struct saving *s, struct job *job, struct err *e)
{
	char id[STATE_ID_MAX] = "";
	struct err quiet = ERR_INIT;

	*s = (struct saving){ .job = job, .json = BUF_INIT,
	    .care = { on_say, on_progress, on_cancelled, on_journal, s } };
	s->desk.inc.j.fd = -1;
	forget_environment();
	if (job == NULL)
		return true;
	s->cli.config = json_get_str(job->spec, "config");
	s->cli.state = json_get_str(job->spec, "state_dir");
	s->cli.verb = "job";
	if (!desk_open(&s->desk, &s->cli, e))
		return false;
	/* which there need not be */
	if (incident_current(&s->desk.state, false, id, &quiet) &&
	    id[0] != '\0')
		(void)desk_incident(&s->desk, id, &quiet);
	return true;
}

void
saving_close(struct saving *s)
{
	if (s->job != NULL)
		desk_close(&s->desk);
	buf_release(&s->json);
}

/* ---- what was done ------------------------------------------------------------------ */

void
saving_path(struct saving *s, const char *store, const char *dir,
    const char *file, struct buf *out)
{
	const struct site_store *st = site_store(&s->desk.site, store);

	if (st != NULL && st->at != NULL)
		buf_printf(out, "%s:", st->at);
	buf_printf(out, "%s%s%s", dir, file != NULL ? "/" : "",
	    file != NULL ? file : "");
}

static void
put_copies(const struct run_done *d, const struct run_part *p, struct buf *out)
{
	json_key(out, "copies");
	json_open_list(out);
	for (size_t i = 0; i < d->stores.n; i++) {
		json_comma(out);
		json_open(out);
		json_put_str(out, "store", d->stores.v[i].name);
		json_put_bool(out, "verified", p->copies[i].verified);
		json_put_str(out, "why", p->copies[i].why);
		json_close(out);
	}
	json_close_list(out);
}

/* Of a run that only looks nothing is saved: what counts is whether anything is in
 * its way. */
static bool
is_clear(const struct run_done *d, const char *name)
{
	for (size_t i = 0; i < d->pre.v.n; i++)
		if (d->pre.v.v[i].level == PRE_FAIL &&
		    strcmp(d->pre.v.v[i].about, name) == 0)
			return false;
	return true;
}

static void
put_parts(const struct run_done *d, bool dry, struct buf *out)
{
	json_key(out, "components");
	json_open_list(out);
	for (size_t i = 0; i < d->parts.n; i++) {
		const struct run_part *p = &d->parts.v[i];

		json_comma(out);
		json_open(out);
		json_put_str(out, "name", p->name);
		json_put_str(out, "kind", set_kind_name(p->kind));
		json_put_bool(out, "ok", dry ? is_clear(d, p->name) : p->ok);
		json_put_bool(out, "saved", p->saved);
		if (p->spare)
			json_put_bool(out, "spare", true);
		json_put_str(out, "why", p->why);
		json_put_str(out, "next", p->next);
		if (p->saved) {
			json_put_int(out, "size", p->size);
			json_put_int(out, "raw_size", p->raw_size);
			json_put_int(out, "took_ms", p->took_ms);
			if (p->tables >= 0) {
				json_put_int(out, "tables", p->tables);
				json_put_int(out, "rows", p->rows);
			}
			json_put_str(out, "size_verdict",
			    size_verdict_name(p->size_verdict));
		}
		put_copies(d, p, out);
		json_key(out, "warnings");
		json_open_list(out);
		for (size_t k = 0; k < p->warnings.n; k++) {
			json_comma(out);
			json_text(out, p->warnings.v[k]);
		}
		json_close_list(out);
		json_close(out);
	}
	json_close_list(out);
}

static void
put_findings(const struct run_done *d, struct buf *out)
{
	json_key(out, "preflight");
	json_open_list(out);
	for (size_t i = 0; i < d->pre.v.n; i++) {
		const struct pre_finding *f = &d->pre.v.v[i];

		json_comma(out);
		json_open(out);
		json_put_str(out, "level", pre_level_name(f->level));
		json_put_str(out, "about", f->about);
		json_put_str(out, "text", f->text);
		json_put_str(out, "next", f->next);
		json_close(out);
	}
	json_close_list(out);
}

void
saving_put(struct saving *s, const struct run_done *d, bool ok,
    struct buf *out)
{
	char at[32];

	json_put_bool(out, "ok", ok);
	if (d->at != 0) {
		clock_fmt_utc(at, d->at);
		json_put_str(out, "at", at);
	}
	json_put_bool(out, "degraded", d->degraded);
	put_parts(d, s->dry, out);
	json_key(out, "stores");
	json_open_list(out);
	for (size_t i = 0; i < d->stores.n; i++) {
		const struct run_store *r = &d->stores.v[i];
		struct buf path = BUF_INIT;

		if (r->path != NULL)
			saving_path(s, r->name, r->path, NULL, &path);
		json_comma(out);
		json_open(out);
		json_put_str(out, "store", r->name);
		json_put_bool(out, "must", r->must);
		json_put_bool(out, "complete", r->whole);
		json_put_str(out, "path", path.n > 0 ? path.p : NULL);
		json_put_str(out, "why", r->why);
		json_close(out);
		buf_release(&path);
	}
	json_close_list(out);
	put_findings(d, out);
	json_put_str(out, "left_behind", d->left);
}

/* ---- following ------------------------------------------------------------------------ */

static volatile sig_atomic_t got_signal;

static void
on_signal(int sig)
{
	got_signal = sig;
}

static struct {
	bool json, bar;
	struct buf line;
	struct buf result;
	size_t lines;			/* of those that say how it ended */
	int64_t told_ms;
} watch_;

/* What people and scripts wait for goes to standard output, the rest beside it;
 * the job's last line is its result as an object. */
static void
one_line(const char *s)
{
	bar_wipe();
	if (text_starts(s, "{\"ok\":")) {
		buf_clear(&watch_.result);
		buf_str(&watch_.result, s);
		return;
	}
	watch_.lines += text_starts(s, "[OK]") || text_starts(s, "[FAIL]");
	if (*s == '[' && !watch_.json)
		cli_out("%s", s);
	else
		cli_note("%s", s);
}

static void
sink(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\n') {
			one_line(watch_.line.n > 0 ? watch_.line.p : "");
			buf_clear(&watch_.line);
		} else
			buf_ch(&watch_.line, p[i]);
	(void)fflush(stdout);
}

/* A bar, or now and then a line where there is no terminal. */
static void
draw(struct desk *d, int64_t n)
{
	struct job_info info = { 0 };
	struct err quiet = ERR_INIT;
	struct buf clean = BUF_INIT;
	int64_t now = clock_mono_ms();

	if (!watch_.bar && now - watch_.told_ms < PLAIN_MS)
		return;
	if (job_look(&d->state, n, &info, &quiet) && info.progress != NULL &&
	    *info.progress != '\0' && info.state == JOB_RUNNING) {
		text_clean(&clean, info.progress, text_fit(info.progress,
		    strlen(info.progress), BAR_MAX), TEXT_LINE);
		if (watch_.bar)
			bar_draw(&info);
		else
			cli_note("%s", clean.p);
		watch_.told_ms = now;
	}
	buf_release(&clean);
	job_info_release(&info);
}

static bool
until_its_end(struct desk *d, int64_t n, bool *ret_detached, struct err *e)
{
	int64_t at = 0;

	while (job_follow(&d->state, n, &at, FOLLOW_MS, sink, e)) {
		draw(d, n);
		if (got_signal == 0)
			continue;
		bar_wipe();
		if (got_signal == SIGINT && isatty(STDIN_FILENO)) {
			*ret_detached = true;
			return true;
		}
		cli_note("cancelling job %" PRId64, n);
		if (!job_cancel(&d->state, n, CANCEL_WAIT_MS, e) &&
		    e->kind != ERR_GUARD)
			return false;
		err_clear(e);
		(void)job_follow(&d->state, n, &at, 0, sink, e);
		break;
	}
	bar_wipe();
	return e->kind == ERR_NONE;
}

static int
how_it_ended(struct cli *c, struct desk *d, int64_t n, struct err *e)
{
	struct job_info info = { 0 };
	int status = EXIT_FAILED;

	if (!job_look(&d->state, n, &info, e))
		return cli_fail(c, e);
	if (info.state == JOB_ENDED)
		status = info.exit;
	if (got_signal != 0 && status != EXIT_DONE)
		status = 128 + got_signal;
	if (c->json && watch_.result.n > 0) {
		buf_ch(&watch_.result, '\n');
		cli_raw(watch_.result.p, watch_.result.n);
	} else if (c->json)
		cli_out("{\"ok\":%s,\"job\":%" PRId64 "}", status == EXIT_DONE ?
		    "true" : "false", n);
	else if (info.state != JOB_ENDED)
		cli_out("[FAIL] job %" PRId64 " ended without a word: its "
		    "outcome is in doubt; 'midwatch sets' shows what is there",
		    n);
	else if (watch_.lines == 0)
		cli_out("[%s] job %" PRId64 " %s", status == EXIT_DONE ? "OK" :
		    "FAIL", n, info.outcome != NULL ? info.outcome : "ended");
	job_info_release(&info);
	return status;
}

static void
warn(const char *what)
{
	cli_note("%s", what);
}

int
saving_follow(struct cli *c, struct desk *d, const struct job_spec *spec,
    bool *ret_started, struct err *e)
{
	struct sigaction sa = { .sa_handler = on_signal };
	bool detached = false;
	int64_t n = 0;
	int status;

	watch_.json = c->json;
	watch_.bar = bar_fits(c);
	watch_.told_ms = clock_mono_ms();
	/* from before the job exists: a signal finds no job, or the follower */
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	*ret_started = job_start(&d->state, spec, warn, &n, e);
	if (!*ret_started)
		return EXIT_FAILED;
	if (!until_its_end(d, n, &detached, e))
		status = cli_fail(c, e);
	else if (detached && c->json) {
		cli_out("{\"ok\":true,\"detached\":true,\"job\":%" PRId64 "}",
		    n);
		status = EXIT_DONE;
	} else if (detached) {
		cli_note("job %" PRId64 " goes on; 'midwatch jobs' shows it, "
		    "'midwatch cancel %" PRId64 "' stops it", n, n);
		status = EXIT_DONE;
	} else
		status = how_it_ended(c, d, n, e);
	buf_release(&watch_.line);
	buf_release(&watch_.result);
	return status;
}
