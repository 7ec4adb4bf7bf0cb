#include "verb/follow.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "record/log.h"
#include "verb/bar.h"

enum { FOLLOW_MS = 200, CANCEL_WAIT_MS = 60000, RESULT_MAX = 16 << 20 };

static volatile sig_atomic_t got_signal;

static void
on_signal(int sig)
{
	got_signal = sig;
}

void
follow_warn(const char *what)
{
	cli_note("%s", what);
}

static bool json_output;

static void
sink(const char *p, size_t n)
{
	struct buf clean = BUF_INIT;

	if (n == 0)
		return;
	bar_wipe();
	text_clean(&clean, p, n, TEXT_BLOCK);
	(void)fwrite(clean.p, 1, clean.n, json_output ? stderr : stdout);
	(void)fflush(json_output ? stderr : stdout);
	buf_release(&clean);
}

static void
bar(struct desk *d, int64_t n)
{
	struct job_info info;

	if (!bar_fits(d->cli))
		return;
	if (job_look(&d->state, n, &info, NULL) && info.progress != NULL)
		bar_draw(&info);
	job_info_release(&info);
}

void
follow_catch(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
}

int
follow_signal(void)
{
	return got_signal;
}

bool
follow_job(struct desk *d, int64_t job, bool *ret_detached, struct err *e)
{
	int64_t at = 0;

	json_output = d->cli->json;

	while (job_follow(&d->state, job, &at, FOLLOW_MS, sink, e)) {
		bar(d, job);
		if (got_signal == 0)
			continue;
		if (got_signal == SIGINT && isatty(STDIN_FILENO)) {
			*ret_detached = true;
			return true;
		}
		cli_note("cancelling job %" PRId64, job);
		if (!job_cancel(&d->state, job, CANCEL_WAIT_MS, e) &&
		    e->kind != ERR_GUARD)
			return false;
		err_clear(e);
		(void)job_follow(&d->state, job, &at, 0, sink, e);
		break;
	}
	bar_wipe();
	return e->kind == ERR_NONE;
}

static void
say_json(struct desk *d, int64_t job, int status, bool detached)
{
	char *path = state_path(&d->state, "jobs/%" PRId64 "/result.json", job);
	struct buf b = BUF_INIT, out = BUF_INIT;

	if (!detached && file_read(path, &b, RESULT_MAX, NULL) && b.n > 0)
		buf_add(&out, b.p, b.n);
	else {
		json_open(&out);
		json_put_bool(&out, "ok", detached || status == EXIT_DONE);
		json_put_int(&out, "job", job);
		json_put_int(&out, "exit", status);
		json_put_bool(&out, "detached", detached);
		json_close(&out);
	}
	buf_ch(&out, '\n');
	cli_raw(out.p, out.n);
	buf_release(&b);
	buf_release(&out);
	free(path);
}

void
follow_goes_on(int64_t job)
{
	cli_note("job %" PRId64 " goes on; 'midwatch jobs' shows it, "
	    "'midwatch cancel %" PRId64 "' stops it", job, job);
}

int
follow_start(struct desk *d, const struct job_spec *spec, struct err *e)
{
	struct job_info info;
	bool detached = false;
	int64_t job = 0;
	int status = EXIT_FAILED;

	follow_catch();
	if (!job_start(&d->state, spec, follow_warn, &job, e) ||
	    !follow_job(d, job, &detached, e))
		return -1;
	if (detached)
		status = EXIT_DONE;
	else if (got_signal != 0)
		status = 128 + got_signal;
	else if (job_look(&d->state, job, &info, e)) {
		if (info.state == JOB_ENDED)
			status = info.exit;
		else
			cli_note("job %" PRId64 " vanished: what it did is not "
			    "known", job);
		job_info_release(&info);
	}
	if (d->cli->json)
		say_json(d, job, status, detached);
	else if (detached)
		follow_goes_on(job);
	return status;
}

/* ---- the job's side ------------------------------------------------------------ */

void
follow_incident(struct desk *d)
{
	char id[STATE_ID_MAX] = "";

	if (incident_current(&d->state, false, id, NULL) && id[0] != '\0')
		(void)desk_incident(d, id, NULL);
}

void
follow_journal(struct job *job, struct desk *d, enum event_kind kind,
    const char *text, const char *data)
{
	struct err e = ERR_INIT;
	bool ok = d->have_inc ? incident_say(&d->inc, kind, NULL, text, data,
	    &e) : log_say(&d->state, kind, text, data, &e);

	if (!ok)
		job_say(job, "[WARN] not in the journal: %s", e.msg);
}

void
follow_begins(struct job *job, struct desk *d)
{
	struct buf data = BUF_INIT;
	const char *title = json_get_str(job->spec, "title");

	json_open(&data);
	json_put_int(&data, "job", job->n);
	json_close(&data);
	follow_journal(job, d, EVENT_JOB_STARTED, title ? title : "a job",
	    data.p);
	buf_release(&data);
	job_ready(job);
}

void
follow_ends(struct job *job, struct desk *d, int status)
{
	const char *outcome = status == EXIT_DONE ? "done" : status ==
	    EXIT_REFUSED ? "refused" : status >= 128 ? "cancelled" : "failed";
	struct buf data = BUF_INIT;

	json_open(&data);
	json_put_int(&data, "job", job->n);
	json_put_int(&data, "exit", status);
	json_put_str(&data, "outcome", outcome);
	json_close(&data);
	follow_journal(job, d, EVENT_JOB_ENDED, outcome, data.p);
	buf_release(&data);
}

void
follow_result(struct job *job, const struct buf *json)
{
	char *path = file_join(job->dir, "result.json");

	/* on a full disk the lines and the exit status still tell */
	(void)file_replace(path, json->p, json->n, 0660, NULL);
	free(path);
}
