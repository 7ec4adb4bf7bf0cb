#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "verb/verbs.h"

enum { CANCEL_WAIT_MS = 20000, SHOWN = 20 };

static const char *
state_word(const struct job_info *i)
{
	return i->state == JOB_RUNNING ? (i->cancel ? "stopping" : "running") :
	    i->state == JOB_VANISHED ? "in doubt" : i->outcome;
}

static void
job_json(const struct job_info *i, struct buf *b)
{
	char at[32];

	json_comma(b);
	json_open(b);
	json_put_int(b, "job", i->n);
	json_put_str(b, "state", state_word(i));
	json_put_str(b, "title", i->title);
	json_put_str(b, "incident", i->incident);
	json_put_str(b, "step", i->step);
	json_put_str(b, "by", i->by);
	json_put_str(b, "host", i->host);
	json_put_int(b, "pid", i->id.pid);
	if (i->started != 0) {
		clock_fmt_utc(at, i->started);
		json_put_str(b, "started", at);
	}
	if (i->ended != 0) {
		clock_fmt_utc(at, i->ended);
		json_put_str(b, "ended", at);
		json_put_int(b, "exit", i->exit);
	}
	json_put_str(b, "progress", i->progress);
	json_close(b);
}

static void
job_line(const struct job_info *i)
{
	char at[40] = "-", took[32] = "";

	if (i->started != 0) {
		clock_fmt_site(at, i->started);
		text_fmt_duration(took, (i->ended ? i->ended :
		    clock_wall_ms()) - i->started);
	}
	cli_out("%4" PRId64 "  %-9s %s  %-10s %-8s %s%s%s", i->n,
	    state_word(i), at, took, i->by ? i->by : "",
	    i->title ? i->title : "", i->state == JOB_RUNNING && i->progress ?
	    "  " : "", i->state == JOB_RUNNING && i->progress ? i->progress :
	    "");
}

int
verb_jobs(struct cli *c, int argc, char **argv)
{
	bool all = false, ok;
	const struct opt opts[] = { { "--all", &all, NULL, NULL } };
	struct job_list l = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 0, 0, "midwatch jobs [--all] [--json]"))
		return EXIT_USAGE;
	ok = desk_open(&d, c, &e) && job_list(&d.state, &l, &e);
	size_t from = all || l.v.n < SHOWN ? 0 : l.v.n - SHOWN;
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_key(&b, "jobs");
	json_open_list(&b);
	for (size_t i = 0; ok && i < l.v.n; i++) {
		job_json(&l.v.v[i], &b);
		if (!c->json && (i >= from ||
		    l.v.v[i].state == JOB_RUNNING))
			job_line(&l.v.v[i]);
	}
	json_close_list(&b);
	if (ok && c->json)
		cli_object(&b);
	else if (ok && l.v.n == 0)
		cli_out("no jobs yet");
	buf_release(&b);
	job_list_release(&l);
	desk_close(&d);
	return ok ? EXIT_DONE : cli_fail(c, &e);
}

int
verb_cancel(struct cli *c, int argc, char **argv)
{
	struct job_info info = { 0 };
	struct err e = ERR_INIT;
	struct desk d;
	int64_t n;
	int status;

	if (!cli_parse(c, argc, argv, NULL, 0) ||
	    !cli_words(c, 1, 1, "midwatch cancel JOB"))
		return EXIT_USAGE;
	if (!text_int(c->words.v[0], 1, INT64_MAX / 2, &n))
		return cli_usage("'%s' is not the number of a job; 'midwatch "
		    "jobs' lists them", c->words.v[0]);
	if (!desk_open(&d, c, &e) ||
	    !job_look(&d.state, n, &info, &e))
		status = cli_fail(c, &e);
	else {
		struct err ie = ERR_INIT;

		if (info.state == JOB_RUNNING && info.incident != NULL &&
		    desk_incident(&d, info.incident, &ie)) {
			struct buf data = BUF_INIT;

			json_open(&data);
			json_put_int(&data, "job", n);
			json_close(&data);
			(void)incident_say(&d.inc, EVENT_JOB_CANCEL, info.step,
			    "asked to stop", data.p, &ie);
			buf_release(&data);
		}
		if (!job_cancel(&d.state, n, CANCEL_WAIT_MS, &e))
			status = cli_fail(c, &e);
		else {
			status = EXIT_DONE;
			if (c->json)
				cli_raw("{\"ok\":true}\n", 12);
			else
				cli_out("job %" PRId64 " has ended; nothing of "
				    "it is left running", n);
		}
		if (d.have_inc && d.inc.runbook != NULL)
			(void)(desk_runbook(&d, &ie) &&
			    engine_sweep(&d.en, &ie));
	}
	job_info_release(&info);
	desk_close(&d);
	return status;
}
