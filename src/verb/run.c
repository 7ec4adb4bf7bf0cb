#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/action.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "place/keys.h"
#include "site/spec.h"
#include "verb/cleaning.h"
#include "verb/follow.h"
#include "verb/recover.h"
#include "verb/freeze.h"
#include "verb/saving.h"
#include "verb/secrets.h"
#include "verb/verbs.h"
#include "watch/watch.h"

enum { KEY_MS = 10000 };

/* A line typed at the terminal; false at its end. */
static bool
ask(const char *prompt, struct buf *out)
{
	char ch;

	(void)fprintf(stderr, "%s", prompt);
	(void)fflush(stderr);
	while (read(STDIN_FILENO, &ch, 1) == 1 && ch != '\n')
		buf_ch(out, ch);
	return out->n > 0;
}

static bool
interactive(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool
yes(const char *question)
{
	struct buf answer = BUF_INIT;
	bool sure = ask(question, &answer) && strcmp(answer.p, "y") == 0;

	buf_release(&answer);
	return sure;
}

/* What a script gives by options, a person may type; typed keeps it. */
static bool
may_run(struct desk *d, const struct rb_step *step, struct run_options *o,
    struct buf *typed, struct err *e)
{
	const char *confirm;
	bool soft;

	for (int tries = 0; tries < 3; tries++) {
		err_clear(e);
		if (engine_may_run(&d->en, step, o, &soft, &confirm, e))
			return true;
		if (!interactive() || d->cli->json)
			return false;
		if (soft) {
			cli_note("%s", e->msg);
			if (!yes("go on all the same? [y/N] "))
				return false;
			o->anyway = true;
		} else if (confirm != NULL && o->confirm == NULL) {
			char *prompt = xprintf("%s\ntype %s to confirm: ",
			    step->title, confirm);
			bool some = ask(prompt, typed);

			free(prompt);
			if (!some)
				return false;
			o->confirm = typed->p;
		} else
			return false;
	}
	return false;
}

/* What a failure set off: who was told, who is to be called, the severity. */
static void
say_after(const struct desk *d, const struct inc_step *s)
{
	for (size_t i = 0; s != NULL && i < d->inc.entries.n; i++) {
		const struct inc_entry *en = &d->inc.entries.v[i];

		if (en->seq <= s->seq)
			continue;
		if (en->kind == EVENT_TELL || en->kind == EVENT_TOLD)
			cli_out("       %s", en->text);
		else if (en->kind == EVENT_SEVERITY)
			cli_out("       %s now", d->inc.severity);
	}
}

static int
say_end(struct desk *d, const struct rb_step *step, int64_t job, bool detached,
    enum step_state wanted)
{
	const struct inc_step *s;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	bool done;
	int status;

	if (!incident_poll(&d->inc, &e) || !engine_sweep(&d->en, &e))
		return cli_fail(d->cli, &e);
	s = incident_step(&d->inc, step->id);
	done = s != NULL && s->state == wanted;
	status = detached || done ? EXIT_DONE : follow_signal() != 0 ?
	    128 + follow_signal() : s != NULL && s->how != NULL &&
	    strcmp(s->how, "cancelled") == 0 ? 143 : EXIT_FAILED;
	if (d->cli->json) {
		json_open(&b);
		json_put_bool(&b, "ok", status == EXIT_DONE);
		json_put_str(&b, "incident", d->inc.id);
		json_put_str(&b, "step", step->id);
		json_put_str(&b, "state", s ? step_state_name(s->state) :
		    "todo");
		json_put_str(&b, "how", s ? s->how : NULL);
		json_put_str(&b, "reason", s ? s->reason : NULL);
		if (job > 0)
			json_put_int(&b, "job", job);
		json_put_bool(&b, "detached", detached);
		json_put_int(&b, "seq", d->inc.j.scan.seq);
		cli_object(&b);
	} else if (detached)
		cli_note("job %" PRId64 " goes on; 'midwatch jobs' shows it, "
		    "'midwatch cancel %" PRId64 "' stops it", job, job);
	else if (done)
		cli_out("[OK] %s: %s", step->id, wanted == STEP_SKIPPED ?
		    "skipped" : s->how ? s->how : "done");
	else if (s != NULL && s->waits)
		cli_out("[WAITS] %s: waits for a person: %s", step->id,
		    s->reason != NULL ? s->reason : "");
	else {
		cli_out("[FAIL] %s: %s", step->id, s != NULL && s->reason ?
		    s->reason : "it did not end well");
		say_after(d, s);
		cli_note("  'midwatch run %s' tries it again; with --override "
		    "REASON it counts as done, and the reason stands in the "
		    "post-mortem.", step->id);
	}
	buf_release(&b);
	return status;
}

/* A step whose job vanished: look at the world before anything else. */
static bool
probe_doubt(struct desk *d, const struct rb_step *step,
    const struct run_options *o, bool *ret_settled, struct err *e)
{
	const struct inc_step *s = incident_step(&d->inc, step->id);
	struct buf data = BUF_INIT;
	bool ok;

	*ret_settled = false;
	if (s == NULL || s->state != STEP_DOUBT || step->proves.n == 0 ||
	    o->again)
		return true;
	for (size_t i = 0; i < step->proves.n; i++) {
		const char *why;

		if (engine_ask(&d->en, &step->proves.v[i], &why) != TRUTH_YES)
			return true;
	}
	json_open(&data);
	json_put_str(&data, "how", "proven by a probe after its job vanished");
	json_put_int(&data, "job", s->job);
	json_close(&data);
	ok = incident_say(&d->inc, EVENT_STEP_DONE, step->id, step->title,
	    data.p, e);
	*ret_settled = ok;
	buf_release(&data);
	return ok;
}

static const struct rb_step *
step_named(struct desk *d, const char *id, struct err *e)
{
	const struct rb_step *step = runbook_step(&d->rb, id);
	const char **known;
	const char *near;

	if (step != NULL)
		return step;
	known = xcalloc(d->rb.n, sizeof *known);
	for (size_t i = 0; i < d->rb.n; i++)
		known[i] = d->rb.steps[i].id;
	near = text_nearest(id, known, d->rb.n);
	free(known);
	err_set(e, ERR_USAGE, "the runbook '%s' has no step '%s'",
	    d->rb.name, id);
	if (near != NULL)
		err_hint(e, "Did you mean '%s'?", near);
	else
		err_hint(e, "'midwatch incident show' lists its steps.");
	return NULL;
}

/* A forwarded agent ends with its session, the job does not: is there another key
 * that is let in there? */
static bool
key_stays(struct desk *d, const struct rb_step *step, struct err *e)
{
	const struct site_place *at = step->at == NULL || !d->have_site ?
	    NULL : site_place(&d->site, step->at);
	struct place_care care = { .secret = secret_find, .no_agent = true };
	struct site_spec spec;
	struct err alone = ERR_INIT, with = ERR_INIT;
	struct place *p;
	bool stays;

	if (at == NULL || !place_agent_forwarded(site_spec(&spec, &d->site,
	    at)))
		return true;
	care.deadline_ms = clock_mono_ms() + KEY_MS;
	p = place_open(&spec.v[0], &care, &alone);
	stays = p != NULL;
	place_close(p);
	if (stays)
		return true;
	care.no_agent = false;
	care.deadline_ms = clock_mono_ms() + KEY_MS;
	p = place_open(&spec.v[0], &care, &with);
	stays = p == NULL;	/* it is down: the job will say why */
	place_close(p);
	if (stays)
		return true;
	err_set(e, ERR_GUARD, "the only key that '%s' lets in is in the agent of "
	    "your SSH session, and is gone when that ends: the job would lose "
	    "'%s' then", at->name, at->name);
	return err_hint(e, "Give the place a key file of this host, or go on "
	    "with --anyway and stay logged in until the job has ended.");
}

/* What a step needs of whoever starts it, before anything else is asked. */
static bool
ready(struct desk *d, const struct rb_step *step, struct run_options *o,
    struct err *e)
{
	if (step->kind == STEP_MANUAL || !d->have_site)
		return true;
	(void)secrets_ask(d->cli, &d->site, 0);
	if (step->kind != STEP_COMMAND || o->anyway || key_stays(d, step, e))
		return true;
	if (!interactive() || d->cli->json)
		return false;
	cli_note("%s", e->msg);
	if (!yes("go on all the same? [y/N] "))
		return false;
	err_clear(e);
	return true;
}

/* "set=nightly/20250214T011000Z" */
static bool
take_args(const struct opt_list *given, struct conf_args *with,
    struct pool *pool)
{
	with->v = pool_alloc(pool, (given->v.n + 1) * sizeof *with->v);
	for (size_t i = 0; i < given->v.n; i++) {
		const char *s = given->v.v[i], *eq = strchr(s, '=');

		if (eq == NULL || eq == s || eq[1] == '\0') {
			(void)cli_usage("'--arg' is KEY=VALUE, not '%s'", s);
			return false;
		}
		with->v[with->n++] = (struct conf_arg){
		    .key = pool_strn(pool, s, (size_t)(eq - s)),
		    .value = pool_str(pool, eq + 1) };
	}
	return true;
}

/* The plan of an action that has one, read before its code is typed. */
static bool
plan_read(struct desk *d, const struct rb_step *step, struct run_options *o,
    char code[CLEAN_CODE], struct err *e)
{
	if (step->kind != STEP_ACTION || !action_plans(step->action) ||
	    o->confirm != NULL || !d->have_site)
		return true;
	if (!cleaning_confirm(d, code, e))
		return false;
	o->confirm = code;
	return true;
}

int
verb_run(struct cli *c, int argc, char **argv)
{
	char code[CLEAN_CODE] = "";
	struct run_options o = { 0 };
	const char *skip = NULL, *over = NULL;
	struct opt_list given = { 0 };
	struct conf_args with = { 0 };
	const struct opt opts[] = {
		{ "--confirm", NULL, &o.confirm, NULL },
		{ "--anyway", &o.anyway, NULL, NULL },
		{ "--again", &o.again, NULL, NULL },
		{ "--skip", NULL, &skip, NULL },
		{ "--override", NULL, &over, NULL },
		{ "--reason", NULL, &o.reason, NULL },
		{ "--arg", NULL, NULL, &given },
	};
	const struct rb_step *step = NULL;
	struct buf typed = BUF_INIT;
	struct pool pool = { 0 };
	struct err e = ERR_INIT;
	struct desk d;
	enum run_result result = RUN_DONE;
	bool detached = false, settled = false, ok = false;
	int64_t job = 0;
	int status;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 1, 1, "midwatch run STEP [--confirm NAME]"))
		return EXIT_USAGE;
	if ((skip != NULL && !*skip) || (over != NULL && !*over))
		return cli_usage("a reason is needed");
	if (!take_args(&given, &with, &pool)) {
		VEC_RELEASE(&given.v);
		pool_release(&pool);
		return EXIT_USAGE;
	}
	o.with = &with;
	if (!desk_open(&d, c, &e) || !desk_incident(&d, NULL, &e) ||
	    !desk_runbook(&d, &e) || !engine_sweep(&d.en, &e) ||
	    (step = step_named(&d, c->words.v[0], &e)) == NULL)
		goto out;
	if (skip != NULL)
		ok = engine_skip(&d.en, step, skip, &e);
	else if (over != NULL)
		ok = engine_override(&d.en, step, over, &e);
	else if (!ready(&d, step, &o, &e))
		ok = false;
	else if (!probe_doubt(&d, step, &o, &settled, &e))
		ok = false;
	else if (settled)
		ok = true;
	else if ((ok = may_run(&d, step, &o, &typed, &e) &&
	    plan_read(&d, step, &o, code, &e))) {
		if (step->kind == STEP_COMMAND || step->kind == STEP_ACTION)
			follow_catch();
		ok = engine_run(&d.en, step, &o, desk_config(&d), follow_warn,
		    &result, &job, &e);
	}
	if (ok && job > 0)
		ok = follow_job(&d, job, &detached, &e);
out:
	if (!ok)
		status = cli_fail(c, &e);
	else
		status = say_end(&d, step, job, detached, skip != NULL ?
		    STEP_SKIPPED : STEP_DONE);
	buf_release(&typed);
	VEC_RELEASE(&given.v);
	pool_release(&pool);
	desk_close(&d);
	return status;
}

/* ---- the job itself ----------------------------------------------------------- */

static int
run_step_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
	    .state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	struct desk d;
	int status = EXIT_FAILED;

	if (desk_open(&d, &c, e) && desk_incident(&d,
	    json_get_str(job->spec, "incident"), e) && desk_runbook(&d, e))
		status = engine_job(&d.en, job, e);
	desk_close(&d);
	return status;
}

int
verb_job(struct cli *c, int argc, char **argv)
{
	static const struct job_kind kinds[] = {
		{ "step", run_step_job },
		{ "validate", validate_job },
		{ "restore", restore_job },
		{ "backup", backup_job },
		{ "nightly", nightly_job },
		{ "isolate", isolate_job },
		{ "recover", recover_job },
		{ "freeze", freeze_job },
		{ "cleanup", cleanup_job },
	};
	const char *record = NULL, *reply = NULL, *secrets = NULL;
	const struct opt opts[] = {
		{ "--record-fd", NULL, &record, NULL },
		{ "--reply-fd", NULL, &reply, NULL },
		{ "--secrets-fd", NULL, &secrets, NULL },
	};
	struct state s = { 0 };
	struct err e = ERR_INIT;
	int64_t n, record_fd, reply_fd;
	int status;

	if (!cli_parse(c, argc, argv, opts, 3) ||
	    !cli_words(c, 1, 1, "midwatch job is started by midwatch itself"))
		return EXIT_USAGE;
	if (!text_int(c->words.v[0], 1, INT64_MAX / 2, &n) || record == NULL ||
	    reply == NULL || !text_int(record, 3, 1 << 20, &record_fd) ||
	    !text_int(reply, 3, 1 << 20, &reply_fd))
		return cli_usage("'job' is started by midwatch itself");
	if (!secrets_take(secrets, &e) ||
	    !state_locate(&s, c->state, NULL, &e))
		return cli_fail(c, &e);
	status = job_main(&s, n, (int)record_fd, (int)reply_fd, kinds,
	    sizeof kinds / sizeof *kinds);
	watch_stir(&s);		/* "no verified copy" must not be said after one */
	state_release(&s);
	return status;
}
