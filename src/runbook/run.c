#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/action.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/text.h"
#include "site/spec.h"
#include "runbook/engine_intern.h"

enum { POLL_MS = 500, SILENT_MS = 3000, WHY_MAX = 160, PROOFS_MAX = 5,
    CANCEL_STEP_MS = 100, COMPLAINT_TAIL = 8192,
    COMPLAINT_MAX = 300 };

/* ---- what an action is told ------------------------------------------------- */

/* What the moment says goes before what the runbook says. */
static bool
action_words(const struct rb_step *step, const struct conf_args *with,
    struct strings *out, struct err *e)
{
	const struct action *a = action_find(step->action);
	struct conf_args all = { .v = xcalloc(step->args.n + (with != NULL ?
	    with->n : 0) + 1, sizeof *all.v) };
	bool ok;

	for (size_t i = 0; with != NULL && i < with->n; i++)
		all.v[all.n++] = with->v[i];
	for (size_t i = 0; i < step->args.n; i++)
		if (with == NULL || conf_arg(with, step->args.v[i].key) == NULL)
			all.v[all.n++] = step->args.v[i];
	ok = a != NULL && a->built ? action_complete(a, &all, e) &&
	    action_argv(a, &all, out, e) :
	    err_set(e, ERR_USAGE, "the action '%s' is not built into this "
	    "version", step->action);
	free(all.v);
	return ok;
}

static void
with_of_job(const struct job *job, struct conf_args *ret)
{
	json_t *with = json_object_get(json_object_get(job->spec, "args"),
	    "with");
	const char *key;
	json_t *value;

	*ret = (struct conf_args){ .v = xcalloc(json_object_size(with) + 1,
	    sizeof *ret->v) };
	json_object_foreach(with, key, value)
		if (json_is_string(value))
			ret->v[ret->n++] = (struct conf_arg){
			    .key = (char *)(uintptr_t)key,
			    .value = (char *)(uintptr_t)
			    json_string_value(value) };
}

/* ---- may it run? ----------------------------------------------------------- */

static bool
command_alive(const struct engine *en, int64_t job)
{
	struct job_info info;
	bool alive = job > 0 && job_look(en->state, job, &info, NULL) &&
	    info.state != JOB_ENDED && info.child_alive;

	if (job > 0)
		job_info_release(&info);
	return alive;
}

static bool
state_allows(struct engine *en, const struct rb_step *step,
    const struct run_options *o, struct err *e)
{
	const struct inc_step *s = incident_step(en->inc, step->id);

	if (en->inc->state == INC_CLOSED) {
		err_set(e, ERR_GUARD, "the incident '%s' is closed",
		    en->inc->id);
		return err_hint(e, "'midwatch incident open' begins a new one.");
	}
	if (s == NULL || s->state == STEP_TODO || s->state == STEP_SKIPPED ||
	    s->state == STEP_FAILED)
		return true;
	if (s->state == STEP_RUNNING) {
		err_set(e, ERR_GUARD, "step '%s' is running as job %" PRId64
		    ", started by '%s'", step->id, s->job, s->by);
		return err_hint(e, "'midwatch jobs' shows it, 'midwatch cancel "
		    "%" PRId64 "' stops it.", s->job);
	}
	if (s->state == STEP_DOUBT && command_alive(en, s->job)) {
		err_set(e, ERR_GUARD, "the command of step '%s' still runs, "
		    "left behind by job %" PRId64, step->id, s->job);
		return err_hint(e, "'midwatch cancel %" PRId64 "' ends it.",
		    s->job);
	}
	if (o->again)
		return true;
	if (s->state == STEP_DONE) {
		err_set(e, ERR_GUARD, "step '%s' is done already (%s)",
		    step->id, s->how ? s->how : "proven");
		return err_hint(e, "To do it once more add --again.");
	}
	err_set(e, ERR_GUARD, "step '%s' is in doubt: %s", step->id,
	    s->reason ? s->reason : "its outcome is not known");
	return err_hint(e, "Look at what it did (job %" PRId64 "), then "
	    "'midwatch run %s --again', or --skip with a reason.", s->job,
	    step->id);
}

bool
engine_may_run(struct engine *en, const struct rb_step *step,
    const struct run_options *o, bool *ret_soft, const char **ret_confirm,
    struct err *e)
{
	struct view v;
	bool ok = false;

	*ret_soft = false;
	*ret_confirm = NULL;
	if (!state_allows(en, step, o, e))
		return false;
	if (step->kind == STEP_ACTION && !action_built(step->action)) {
		err_set(e, ERR_GUARD, "the action '%s' is not built into this "
		    "version yet", step->action);
		return err_hint(e, "'midwatch runbook %s --commands' has its "
		    "shell commands; then --override with what you did.",
		    en->rb->name);
	}
	engine_gates(en, step, &v);
	if (v.state == VIEW_BLOCKED) {
		err_set(e, ERR_GUARD, "step '%s' is blocked: %s", step->id,
		    v.why.p);
		err_hint(e, "Make that true first, or --skip this step with a "
		    "reason.");
	} else if (v.state == VIEW_NOT_APPLICABLE) {
		err_set(e, ERR_GUARD, "step '%s' does not apply: %s", step->id,
		    v.why.p);
		err_hint(e, "Go on with the next step.");
	} else if (v.soft && !o->anyway) {
		*ret_soft = true;
		err_set(e, ERR_GUARD, "step '%s' should wait: %s", step->id,
		    v.why.p);
		err_hint(e, "To go on all the same add --anyway; that is "
		    "journaled.");
	} else if (step->confirm != NULL && (o->confirm == NULL ||
	    strcmp(o->confirm, step->confirm) != 0)) {
		*ret_confirm = step->confirm;
		err_set(e, ERR_GUARD, o->confirm == NULL ?
		    "step '%s' has to be confirmed by typing '%s'" :
		    "step '%s' was not confirmed: '%s' has to be typed",
		    step->id, step->confirm);
		err_hint(e, "Add --confirm %s.", step->confirm);
	} else
		ok = true;
	view_release(&v);
	return ok;
}

/* ---- journaling -------------------------------------------------------------- */

static void
put_short(struct buf *b, const char *key, const char *s)
{
	json_key(b, key);
	json_textn(b, s, text_fit(s, strlen(s), WHY_MAX));
}

static void
put_proofs(struct engine *en, const struct rb_step *step, struct buf *data)
{
	if (step->proves.n == 0)
		return;
	json_key(data, "proofs");
	json_open_list(data);
	for (size_t i = 0; i < step->proves.n && i < PROOFS_MAX; i++) {
		const char *why;
		enum truth t = engine_ask(en, &step->proves.v[i], &why);

		json_comma(data);
		json_open(data);
		put_short(data, "condition", step->proves.v[i].text);
		json_put_str(data, "answer", truth_name(t));
		put_short(data, "seen", why);
		json_close(data);
	}
	json_close_list(data);
}

struct lack {
	struct buf text;
	struct buf calls;	/* what is to be done by a person, and no more */
	bool by_person;		/* nothing else is missing */
	bool idle;		/* waiting changes nothing */
};

static void
lack_release(struct lack *l)
{
	buf_release(&l->text);
	buf_release(&l->calls);
}

/* All proofs hold; a lack is described. */
static bool
proven(struct engine *en, const struct rb_step *step, struct lack *lack)
{
	bool all = true;

	engine_forget(en);
	en->fresh = true;
	buf_clear(&lack->text);
	buf_clear(&lack->calls);
	lack->by_person = lack->idle = true;
	for (size_t i = 0; i < step->proves.n; i++) {
		const struct cond *c = &step->proves.v[i];
		const char *why;
		enum truth t = engine_ask(en, c, &why);

		if (t == TRUTH_YES)
			continue;
		all = false;
		lack->by_person = lack->by_person && cond_by_person(c);
		lack->idle = lack->idle && (cond_by_person(c) ||
		    !cond_named(c, en->site));
		buf_printf(&lack->text, "%s'%s': %s, %s", lack->text.n ? "; " :
		    "", c->text, truth_name(t), why);
		buf_printf(&lack->calls, "%s%s", lack->calls.n ? "; " : "",
		    why);
	}
	return all;
}

/* Silence would look as if it hung. */
static void
say_waiting(const struct rb_step *step, struct job *job,
    void (*warn)(const char *what), int64_t ms, const struct lack *lack)
{
	char left[32], *line;

	text_fmt_duration(left, ms);
	line = xprintf("%s: not yet, it is asked again for up to %s: %s",
	    step->id, left, lack->text.p);
	if (job != NULL)
		job_say(job, "%s", line);
	else if (warn != NULL)
		warn(line);
	free(line);
}

/* Asks until the deadline, or until nothing is missing that comes by itself; job
 * may be NULL (then nobody can cancel). */
static bool
proven_within(struct engine *en, const struct rb_step *step, struct job *job,
    void (*warn)(const char *what), struct lack *lack)
{
	int64_t begun = clock_mono_ms(), end = begun + step->proof_within_ms;
	bool said = false;

	/* what the work itself has journaled is a line of another process */
	(void)incident_poll(en->inc, NULL);
	while (!proven(en, step, lack)) {
		if (lack->idle || clock_mono_ms() + POLL_MS > end ||
		    (job != NULL && job_cancelled(job)))
			return false;
		if (!said && clock_mono_ms() - begun >= SILENT_MS) {
			say_waiting(step, job, warn, end - clock_mono_ms(),
			    lack);
			said = true;
		}
		clock_sleep_ms(POLL_MS);
		(void)incident_poll(en->inc, NULL);
	}
	return true;
}

static bool
ended(struct engine *en, const struct rb_step *step, bool good,
    const char *how, const char *reason, const struct buf *members,
    struct step_guard *g, struct err *e)
{
	struct buf data = BUF_INIT;
	struct draft d = { .kind = good ? EVENT_STEP_DONE : EVENT_STEP_FAILED,
	    .step = step->id, .text = step->title };
	bool ok;

	json_open(&data);
	json_put_str(&data, "how", how);
	if (reason != NULL) {
		json_key(&data, "reason");
		json_textn(&data, reason, text_fit(reason, strlen(reason),
		    600));
	}
	if (members != NULL && members->n > 0) {
		buf_ch(&data, ',');
		buf_add(&data, members->p, members->n);
	}
	if (good && step->role != NULL)
		json_put_str(&data, "role", step->role);
	put_proofs(en, step, &data);
	json_close(&data);
	d.data = data.p;
	ok = incident_append(en->inc, &d, 1, g != NULL ? engine_unchanged : NULL,
	    g, NULL, e);
	buf_release(&data);
	/* what waits has not failed */
	if (ok && !good && strcmp(how, INC_WAITS) != 0)
		engine_failed(en, step, reason != NULL ? reason : how);
	return ok;
}

/* ---- steps that run here ------------------------------------------------------ */

static bool
run_here(struct engine *en, const struct rb_step *step,
    void (*warn)(const char *what), enum run_result *ret, struct err *e)
{
	struct step_guard g = engine_guard(en, step->id);
	struct lack lack = { .by_person = false };
	bool good, ok;

	/* nothing of the world changes, so the outcome is the only line; it is
	 * refused when somebody else has moved the step meanwhile */
	good = proven_within(en, step, NULL, warn, &lack);
	/* a check that says no has its answer: no person's word is awaited */
	ok = ended(en, step, good, good ? step->proves.n > 0 ? "proven" :
	    "confirmed" : lack.by_person && step->kind == STEP_MANUAL ?
	    INC_WAITS : "not proven", good ? NULL : lack.by_person ?
	    lack.calls.p : lack.text.p, NULL, &g, e);
	*ret = good ? RUN_DONE : RUN_FAILED;
	lack_release(&lack);
	return ok;
}

bool
engine_settle_waiting(struct engine *en, struct err *e)
{
	struct lack lack = { .by_person = false };
	bool ok = true;

	for (size_t i = 0; ok && i < en->rb->n; i++) {
		const struct rb_step *step = &en->rb->steps[i];
		const struct inc_step *s = incident_step(en->inc, step->id);
		struct step_guard g;

		if (s == NULL || !s->waits || !proven(en, step, &lack))
			continue;
		g = engine_guard(en, step->id);
		ok = ended(en, step, true, "proven", NULL, NULL, &g, e);
	}
	lack_release(&lack);
	return ok;
}

/* To read a copy once more is the work itself: that it was verified when it was
 * written is no reason to leave it out. That it was restored is. */
static bool
is_reading(const struct rb_step *step)
{
	for (size_t i = 0; i < step->proves.n; i++)
		if (strstr(step->proves.v[i].text, "restorable") != NULL)
			return false;
	return step->kind == STEP_ACTION && strcmp(step->action, "validate") ==
	    0;
}

/* Whether the world alone says that it is done: not what only a person can say, and
 * not what holds because of something that was before it. */
static bool
is_sensed(struct engine *en, const struct rb_step *step)
{
	const struct inc_step *s = incident_step(en->inc, step->id);
	const char *why;

	if (step->kind == STEP_MANUAL || step->proves.n == 0 ||
	    is_reading(step) ||
	    (s != NULL && s->state != STEP_TODO && s->state != STEP_FAILED))
		return false;
	for (size_t i = 0; i < step->proves.n; i++)
		if (step->proves.v[i].within_ms > 0 ||
		    engine_ask(en, &step->proves.v[i], &why) != TRUTH_YES)
			return false;
	return true;
}

/* False: it is not done, or that could not be written. */
static bool
sense(struct engine *en, const struct rb_step *step, struct err *e)
{
	struct buf members = BUF_INIT;
	struct lack lack = { .by_person = false };
	bool ok = is_sensed(en, step) && proven(en, step, &lack);

	json_put_bool(&members, "sensed", true);
	if (ok) {
		struct step_guard g = engine_guard(en, step->id);

		ok = ended(en, step, true, "proven", NULL, &members, &g, e);
	}
	lack_release(&lack);
	buf_release(&members);
	return ok;
}

bool
engine_sense(struct engine *en, struct err *e)
{
	const struct rb_step *step, *last = NULL;
	bool fresh = en->fresh;

	/* a call that did not get through holds up nothing, so it is not next */
	for (size_t i = 0; i < en->rb->n && e->kind == ERR_NONE; i++) {
		const struct inc_step *s = incident_step(en->inc,
		    en->rb->steps[i].id);

		if (en->rb->steps[i].parallel && s != NULL &&
		    s->state == STEP_FAILED && !s->waits)
			(void)sense(en, &en->rb->steps[i], e);
	}
	while (e->kind == ERR_NONE && (step = engine_next(en)) != NULL &&
	    step != last && sense(en, step, e))
		last = step;
	en->fresh = fresh;
	return e->kind == ERR_NONE;
}

static bool
pass_gates(struct engine *en, const struct rb_step *step,
    const struct run_options *o, struct err *e)
{
	struct view v;
	struct buf data = BUF_INIT;
	bool ok = true;

	engine_gates(en, step, &v);
	if (v.soft && o->anyway) {
		json_open(&data);
		put_short(&data, "gate", v.why.p);
		json_close(&data);
		ok = incident_say(en->inc, EVENT_GATE_PASSED, step->id,
		    o->reason != NULL ? o->reason : "passed knowingly", data.p,
		    e);
	}
	view_release(&v);
	buf_release(&data);
	return ok;
}

bool
engine_run(struct engine *en, const struct rb_step *step,
    const struct run_options *o, const char *config,
    void (*warn)(const char *what), enum run_result *ret, int64_t *ret_job,
    struct err *e)
{
	const struct inc_step *s = incident_step(en->inc, step->id);
	struct strings words = { 0 };
	struct buf args = BUF_INIT;
	bool ok;

	/* wrong words are no failure of the step */
	ok = step->kind != STEP_ACTION || action_words(step, o->with, &words,
	    e);
	strings_release(&words);
	if (!ok || !pass_gates(en, step, o, e))
		return false;
	if (step->kind == STEP_MANUAL || step->kind == STEP_CHECK)
		return run_here(en, step, warn, ret, e);
	json_open(&args);
	json_put_int(&args, "seq", s != NULL ? s->seq : 0);
	json_key(&args, "with");
	json_open(&args);
	for (size_t i = 0; o->with != NULL && i < o->with->n; i++)
		json_put_str(&args, o->with->v[i].key, o->with->v[i].value);
	json_close(&args);
	if (step->kind == STEP_ACTION && action_plans(step->action))
		json_put_str(&args, "confirm", o->confirm);
	json_close(&args);
	struct job_spec spec = { .title = step->title, .incident = en->inc->id,
	    .step = step->id, .config = config, .kind = "step",
	    .args = args.p };
	ok = job_start(en->state, &spec, warn, ret_job, e);
	*ret = RUN_JOB;
	buf_release(&args);
	return ok;
}

bool
engine_skip(struct engine *en, const struct rb_step *step, const char *reason,
    struct err *e)
{
	struct step_guard g = engine_guard(en, step->id);
	struct buf data = BUF_INIT;
	struct draft d = { .kind = EVENT_STEP_SKIPPED, .step = step->id,
	    .text = step->title };
	struct run_options o = { .again = true };
	bool ok;

	if (!state_allows(en, step, &o, e))
		return false;
	json_open(&data);
	json_put_str(&data, "reason", reason);
	json_close(&data);
	d.data = data.p;
	ok = incident_append(en->inc, &d, 1, engine_unchanged, &g, NULL, e);
	buf_release(&data);
	return ok;
}

bool
engine_override(struct engine *en, const struct rb_step *step,
    const char *reason, struct err *e)
{
	struct step_guard g = engine_guard(en, step->id);
	struct buf data = BUF_INIT, over = BUF_INIT;
	struct run_options o = { .again = true };
	bool ok = false;

	if (!state_allows(en, step, &o, e))
		return false;
	json_open(&over);
	json_put_str(&over, "criterion", step->id);
	json_close(&over);
	json_open(&data);
	json_put_str(&data, "how", "overridden");
	json_put_str(&data, "reason", reason);
	put_proofs(en, step, &data);
	json_close(&data);
	struct draft d[2] = {
		{ .kind = EVENT_OVERRIDE, .step = step->id, .text = reason,
		    .data = over.p },
		{ .kind = EVENT_STEP_DONE, .step = step->id,
		    .text = step->title, .data = data.p },
	};
	ok = incident_append(en->inc, d, 2, engine_unchanged, &g, NULL, e);
	buf_release(&data);
	buf_release(&over);
	return ok;
}

/* ---- inside the job ------------------------------------------------------------ */

static bool
journal_intent(struct engine *en, const struct rb_step *step, struct job *job,
    struct err *e)
{
	struct step_guard g = { en->inc, step->id,
	    json_get_int(json_object_get(job->spec, "args"), "seq", 0) };
	const json_t *with = json_object_get(json_object_get(job->spec,
	    "args"), "with");
	struct buf data = BUF_INIT, why = BUF_INIT;
	struct draft d = { .kind = EVENT_STEP_STARTED, .step = step->id,
	    .text = step->title };
	bool ok;

	json_open(&data);
	json_put_int(&data, "job", job->n);
	if (json_object_size(with) > 0)
		json_put_json(&data, "with", with);
	if (job_survival(&why) == DIES_AT_LOGOUT)
		json_put_str(&data, "logout", why.p);
	if (step->command.n > 0) {
		struct buf cmd = BUF_INIT;

		for (size_t i = 0; i < step->command.n; i++) {
			if (i > 0)
				buf_ch(&cmd, ' ');
			if (step->command.shell)
				buf_str(&cmd, step->command.v[i]);
			else
				text_shell(&cmd, step->command.v[i]);
		}
		json_key(&data, "command");
		json_textn(&data, cmd.p, text_fit(cmd.p, cmd.n, 1000));
		buf_release(&cmd);
	}
	json_close(&data);
	d.data = data.p;
	ok = incident_append(en->inc, &d, 1, engine_unchanged, &g, NULL, e);
	buf_release(&data);
	buf_release(&why);
	return ok;
}

struct attempt {
	struct job_result r;
	struct buf reason;		/* empty: it worked */
	const char *how;
	bool cancelled;
};

/* An action is what its verb does, for this site and in this record. */
static bool
action_command(struct engine *en, const struct rb_step *step,
    const struct job *job, struct strings *out, struct err *e)
{
	const char *config = json_get_str(job->spec, "config");
	struct conf_args with;
	const char *code = json_get_str(json_object_get(job->spec, "args"),
	    "confirm");
	char exe[PROC_PROGRAM];
	bool ok;

	proc_program(exe);
	with_of_job(job, &with);
	ok = action_words(step, &with, out, e);
	free(with.v);
	if (!ok || out->n == 0)
		return false;
	free(out->v[0]);
	out->v[0] = xstrdup(exe);
	/* the code of the plan that was shown, or what had to be typed for the
	 * step and is what the verb wants typed */
	if (code == NULL && step->confirm != NULL &&
	    action_confirms(action_find(step->action)))
		code = step->confirm;
	if (code != NULL && *code != '\0') {
		strings_add(out, "--confirm");
		strings_add(out, code);
	}
	strings_add(out, "--state");
	strings_add(out, en->state->dir);
	if (config != NULL) {
		strings_add(out, "--config");
		strings_add(out, config);
	}
	return true;
}

/* What it complained of last, in the words that people know: whoever is told of the
 * failure wants to know which. */
static void
add_complaint(const struct job *job, const struct job_result *r,
    struct buf *out)
{
	char raw[COMPLAINT_TAIL + 1], *path = file_join(job->dir, "output.log");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t skip = r->bytes > COMPLAINT_TAIL ? r->bytes - COMPLAINT_TAIL : 0;
	ssize_t n = fd < 0 ? 0 : io_pread_full(fd, raw, (size_t)(r->bytes -
	    skip), r->from + skip);
	const char *found = NULL;
	struct buf clean = BUF_INIT;

	raw[n > 0 ? n : 0] = '\0';
	for (const char *s = raw; s != NULL; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (text_starts(s, "[FAIL] "))
			found = s + strlen("[FAIL] ");
		else if (text_starts(s, "[ERROR] ") && found == NULL)
			found = s + strlen("[ERROR] ");
	}
	if (found != NULL) {
		text_clean(&clean, found, text_fit(found, strcspn(found, "\n"),
		    COMPLAINT_MAX), TEXT_LINE);
		buf_printf(out, ": %s", clean.p);
	}
	buf_release(&clean);
	io_close(&fd);
	free(path);
}

static void
try_once(struct engine *en, const struct rb_step *step, struct job *job,
    const struct strings *action, struct attempt *a)
{
	const char *shell[] = { "/bin/sh", "-c", NULL, NULL };
	struct job_command c = { .timeout_ms = step->timeout_ms,
	    .limit = step->output_limit,
	    .dir = en->site != NULL ? en->site->doc.dir : NULL };
	struct site_spec spec;
	struct err e = ERR_INIT;
	struct lack lack = { .by_person = false };

	if (step->at != NULL)
		c.at = site_spec(&spec, en->site, site_place(en->site,
		    step->at));
	if (action->n > 0)
		c.argv = (const char *const *)action->v;
	else {
		shell[2] = step->command.v[0];
		c.argv = step->command.shell ? shell :
		    (const char *const *)step->command.v;
	}
	buf_clear(&a->reason);
	a->how = "failed";
	if (!job_command(job, &c, &a->r, &e)) {
		buf_str(&a->reason, e.msg);
		return;
	}
	a->cancelled = a->r.cancelled;
	if (a->r.cancelled) {
		buf_str(&a->reason, "cancelled");
		a->how = "cancelled";
	} else if (a->r.timed_out)
		buf_printf(&a->reason, "it did not end within its time limit");
	else if (spawn_code(a->r.status) != 0) {
		buf_str(&a->reason, "it ended with ");
		spawn_describe(a->r.status, &a->reason);
		add_complaint(job, &a->r, &a->reason);
	} else if (step->proves.n == 0)
		a->how = "exit 0";
	else if (proven_within(en, step, job, NULL, &lack))
		a->how = "proven";
	else if (lack.by_person) {
		a->cancelled = job_cancelled(job);
		buf_str(&a->reason, lack.calls.p);
		a->how = INC_WAITS;
	} else {
		a->cancelled = job_cancelled(job);
		buf_str(&a->reason, "it ended with exit 0, but is not proven: ");
		buf_str(&a->reason, lack.text.p);
		a->how = "not proven";
	}
	lack_release(&lack);
}

static bool
wait_retry(struct job *job, int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end) {
		if (job_cancelled(job))
			return false;
		clock_sleep_ms(CANCEL_STEP_MS);
	}
	return true;
}

static void
result_members(const struct job *job, const struct attempt *a, int64_t tries,
    struct buf *out)
{
	char *file = xprintf("jobs/%" PRId64 "/output.log", job->n);

	json_put_int(out, "job", job->n);
	json_put_int(out, "exit", spawn_code(a->r.status));
	json_put_int(out, "attempts", tries);
	json_put_int(out, "ms", a->r.ms);
	json_key(out, "output");
	json_open(out);
	json_put_str(out, "file", file);
	json_put_int(out, "from", a->r.from);
	json_put_int(out, "bytes", a->r.bytes);
	json_put_str(out, "sha256", a->r.sha);
	if (a->r.cut)
		json_put_int(out, "cut_from", a->r.seen);
	json_close(out);
	free(file);
	/* the caller puts them behind other members */
	if (out->n > 0 && out->p[0] == ',')
		buf_drop(out, 1);
}

int
engine_job(struct engine *en, struct job *job, struct err *e)
{
	const struct rb_step *step = runbook_step(en->rb,
	    json_get_str(job->spec, "step"));
	struct attempt a = { .reason = BUF_INIT };
	struct buf members = BUF_INIT;
	struct strings action = { 0 };
	int64_t tries = 0;
	int status = 1;

	if (step == NULL || (step->command.n == 0 &&
	    step->kind != STEP_ACTION)) {
		err_set(e, ERR_USAGE, "the runbook has no such command step");
		return 2;
	}
	if (step->kind == STEP_ACTION &&
	    !action_command(en, step, job, &action, e)) {
		strings_release(&action);
		return 2;
	}
	if (step->at != NULL && (en->site == NULL ||
	    site_place(en->site, step->at) == NULL)) {
		err_set(e, ERR_USAGE, "step '%s' runs at '%s', and the site "
		    "file names no such place", step->id, step->at);
		return 2;
	}
	if (!journal_intent(en, step, job, e)) {
		strings_release(&action);
		return e->kind == ERR_GUARD ? 3 : 1;
	}
	job_ready(job);
	for (;;) {
		char *say = xprintf("attempt %" PRId64 " of %" PRId64,
		    ++tries, step->retries + 1);

		/* how far it is, only its command could say */
		job_progress(job, step->retries > 0 ? say : "its command runs",
		    0, 0);
		free(say);
		try_once(en, step, job, &action, &a);
		if (a.reason.n == 0 || a.cancelled || tries > step->retries ||
		    strcmp(a.how, INC_WAITS) == 0)
			break;
		job_say(job, "midwatch: %s; trying again", a.reason.p);
		if (!wait_retry(job, step->retry_after_ms)) {
			a.cancelled = true;
			break;
		}
	}
	if (a.cancelled) {
		a.how = "cancelled";
		job_end_tree();
	}
	result_members(job, &a, tries, &members);
	engine_forget(en);
	if (ended(en, step, a.reason.n == 0, a.how, a.reason.n ? a.reason.p :
	    NULL, &members, NULL, e))
		status = a.reason.n == 0 ? 0 : a.cancelled ? 143 : 1;
	(void)journal_settle(&en->inc->j, NULL);
	strings_release(&action);
	buf_release(&members);
	buf_release(&a.reason);
	return status;
}
