#include "record/incident.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "base/who.h"

typedef void fold_fn(struct incident *, struct inc_entry *);

static void
set(char **to, const char *s)
{
	free(*to);
	*to = s != NULL ? xstrdup(s) : NULL;
}

static const char *
str(const struct inc_entry *en, const char *key)
{
	return json_get_str(en->data, key);
}

static const char *
str_or(const struct inc_entry *en, const char *key, const char *otherwise)
{
	const char *s = str(en, key);

	return s != NULL ? s : otherwise;
}

struct inc_entry *
incident_entry(const struct incident *inc, int64_t seq)
{
	size_t lo = 0, hi = inc->entries.n;

	while (lo < hi) {	/* entries are in the order of seq */
		size_t mid = lo + (hi - lo) / 2;

		if (inc->entries.v[mid].seq == seq)
			return &inc->entries.v[mid];
		if (inc->entries.v[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void
names(const struct inc_entry *en, const char *key, char ***v, size_t *n,
    size_t *cap)
{
	json_t *list = json_object_get(en->data, key), *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (!json_is_string(item))
			continue;
		*v = vec_room_(*v, *n, cap, sizeof **v);
		(*v)[(*n)++] = xstrdup(json_string_value(item));
	}
}

#define NAMES(inc, en, field)						\
	names(en, #field, &(inc)->field.v, &(inc)->field.n, &(inc)->field.cap)

static void
severity_is(struct incident *inc, const struct inc_entry *en, const char *level,
    const char *why)
{
	if (text_empty(level))
		return;
	set(&inc->severity, level);
	VEC_PUSH(&inc->severities, ((struct inc_severity){ xstrdup(level),
	    why != NULL ? xstrdup(why) : NULL, xstrdup(en->by), en->at }));
}

static void
fold_opened(struct incident *inc, struct inc_entry *en)
{
	inc->state = INC_OPEN;
	inc->opened = en->at;
	inc->alerted = json_get_int(en->data, "alerted_ms", 0);
	set(&inc->title, en->text);
	set(&inc->alarm, str(en, "alarm"));
	set(&inc->channel, str(en, "channel"));
	set(&inc->site, str(en, "site"));
	set(&inc->environment, str(en, "environment"));
	set(&inc->zone, str(en, "zone"));
	set(&inc->site_sha, str(en, "site_sha256"));
	set(&inc->version, str(en, "version"));
	severity_is(inc, en, str(en, "severity"), "at opening");
}

static void
fold_runbook(struct incident *inc, struct inc_entry *en)
{
	set(&inc->runbook, str(en, "runbook"));
	set(&inc->runbook_sha, str(en, "sha256"));
	if (en->kind == EVENT_RUNBOOK_CHANGED)
		return;
	NAMES(inc, en, databases);
	NAMES(inc, en, legacy);
	NAMES(inc, en, disks);
}

static void
fold_resolved(struct incident *inc, struct inc_entry *en)
{
	inc->state = INC_RESOLVED;
	inc->resolved = en->at;
}

static void
fold_closed(struct incident *inc, struct inc_entry *en)
{
	inc->state = INC_CLOSED;
	inc->closed = en->at;
}

static void
fold_operator(struct incident *inc, struct inc_entry *en)
{
	VEC_PUSH(&inc->operators, xprintf("%s@%s %s", en->by, en->host,
	    str_or(en, "ssh", "")));
}

static void
fold_severity(struct incident *inc, struct inc_entry *en)
{
	severity_is(inc, en, str(en, "level"), en->text);
}

const struct inc_role *
incident_role(const struct incident *inc, const char *role)
{
	for (size_t i = inc->roles.n; i-- > 0;)
		if (strcmp(inc->roles.v[i].role, role) == 0 &&
		    inc->roles.v[i].until == 0)
			return &inc->roles.v[i];
	return NULL;
}

static void
role_is(struct incident *inc, const struct inc_entry *en, const char *role,
    const char *who)
{
	for (size_t i = 0; i < inc->roles.n; i++)
		if (strcmp(inc->roles.v[i].role, role) == 0 &&
		    inc->roles.v[i].until == 0)
			inc->roles.v[i].until = en->at;
	if (*who != '\0')
		VEC_PUSH(&inc->roles, ((struct inc_role){ xstrdup(role),
		    xstrdup(who), en->at, 0 }));
}

static void
fold_role(struct incident *inc, struct inc_entry *en)
{
	role_is(inc, en, str_or(en, "role", "commander"),
	    str_or(en, "who", en->by));
}

static void
fold_hypothesis(struct incident *inc, struct inc_entry *en)
{
	VEC_PUSH(&inc->hypotheses, ((struct inc_hypothesis){ .seq = en->seq,
	    .text = xstrdup(en->text) }));
}

static void
fold_hypothesis_end(struct incident *inc, struct inc_entry *en)
{
	int64_t of = json_get_int(en->data, "of", 0);

	for (size_t i = 0; i < inc->hypotheses.n; i++) {
		struct inc_hypothesis *h = &inc->hypotheses.v[i];

		if (h->seq != of)
			continue;
		h->state = en->kind == EVENT_CONFIRMED ? HYP_CONFIRMED :
		    HYP_RULED_OUT;
		h->ended = en->at;
		set(&h->why, en->text);
	}
}

static void
fold_pin(struct incident *inc, struct inc_entry *en)
{
	struct inc_entry *of = incident_entry(inc,
	    json_get_int(en->data, "of", 0));

	if (of != NULL)
		of->pinned = !json_get_bool(en->data, "off");
}

static void
fold_correction(struct incident *inc, struct inc_entry *en)
{
	struct inc_entry *of = incident_entry(inc,
	    json_get_int(en->data, "of", 0));

	if (of == NULL)
		return;
	set(&of->corrected, en->text);
	of->corrected_by = en->seq;
}

static void
fold_update(struct incident *inc, struct inc_entry *en)
{
	inc->last_update = en->at;
	inc->next_update = json_get_int(en->data, "next_ms", 0);
}

static void
fold_snooze(struct incident *inc, struct inc_entry *en)
{
	inc->next_update = json_get_int(en->data, "next_ms", 0);
}

static void
fold_declared(struct incident *inc, struct inc_entry *en)
{
	if (strcmp(str_or(en, "what", ""), "downtime") == 0)
		inc->downtime = true;
	else
		inc->data_risk = true;
}

/* The one that is still to be told; a line without a name is for anybody. */
static struct inc_told *
still_to_tell(struct incident *inc, const struct inc_entry *en, bool anybody)
{
	for (size_t i = 0; i < inc->told.n; i++) {
		struct inc_told *t = &inc->told.v[i];

		if (t->at == 0 &&
		    strcmp(t->trigger, str_or(en, "trigger", "")) == 0 &&
		    (strcmp(t->who, str_or(en, "who", "")) == 0 ||
		    (anybody && *t->who == '\0')))
			return t;
	}
	return NULL;
}

/* A hook that fails again and again is one person to be told. */
static void
fold_tell(struct incident *inc, struct inc_entry *en)
{
	if (still_to_tell(inc, en, false) == NULL)
		VEC_PUSH(&inc->told, ((struct inc_told){
		    .trigger = xstrdup(str_or(en, "trigger", "")),
		    .who = xstrdup(str_or(en, "who", "")), .since = en->at }));
}

static void
fold_told(struct incident *inc, struct inc_entry *en)
{
	struct inc_told *t = still_to_tell(inc, en, false);

	if (t == NULL)
		t = still_to_tell(inc, en, true);
	if (t == NULL) {
		fold_tell(inc, en);
		t = &inc->told.v[inc->told.n - 1];
	}
	if (*t->who == '\0')
		set(&t->who, str_or(en, "who", ""));
	t->at = en->at;
	t->by_hand = json_get_bool(en->data, "by_hand");
	if (t->by_hand && json_get_bool(en->data, "answered"))
		t->acked = en->at;
}

static void
fold_acked(struct incident *inc, struct inc_entry *en)
{
	for (size_t i = 0; i < inc->told.n; i++)
		if (strcmp(inc->told.v[i].who, str_or(en, "who", "")) == 0 &&
		    inc->told.v[i].acked == 0)
			inc->told.v[i].acked = en->at;
}

static void
fold_followup(struct incident *inc, struct inc_entry *en)
{
	const char *owner = str(en, "owner"), *due = str(en, "due");

	if (json_get_bool(en->data, "none")) {
		inc->no_followups = true;
		return;
	}
	VEC_PUSH(&inc->followups, ((struct inc_followup){ .seq = en->seq,
	    .text = xstrdup(en->text), .owner = owner ? xstrdup(owner) : NULL,
	    .due = due ? xstrdup(due) : NULL }));
}

static void
fold_followup_done(struct incident *inc, struct inc_entry *en)
{
	int64_t of = json_get_int(en->data, "of", 0);

	for (size_t i = 0; i < inc->followups.n; i++)
		if (inc->followups.v[i].seq == of)
			inc->followups.v[i].done = true;
}

static void
fold_field(struct incident *inc, struct inc_entry *en)
{
	const char *name = str_or(en, "field", "");

	for (size_t i = 0; i < inc->fields.n; i++)
		if (strcmp(inc->fields.v[i].name, name) == 0) {
			set(&inc->fields.v[i].text, en->text);
			return;
		}
	VEC_PUSH(&inc->fields, ((struct inc_field){ xstrdup(name),
	    xstrdup(en->text) }));
}

static void
fold_published(struct incident *inc, struct inc_entry *en)
{
	inc->published = true;
	set(&inc->published_where, en->text);
}

static struct inc_step *
step_of(struct incident *inc, const char *id)
{
	for (size_t i = 0; i < inc->steps.n; i++)
		if (strcmp(inc->steps.v[i].id, id) == 0)
			return &inc->steps.v[i];
	struct inc_step *s = VEC_NEW(&inc->steps);
	s->id = xstrdup(id);
	return s;
}

const struct inc_step *
incident_step(const struct incident *inc, const char *id)
{
	for (size_t i = 0; i < inc->steps.n; i++)
		if (strcmp(inc->steps.v[i].id, id) == 0)
			return &inc->steps.v[i];
	return NULL;
}

static struct inc_job *
job_of(struct incident *inc, int64_t n)
{
	for (size_t i = 0; i < inc->jobs.n; i++)
		if (inc->jobs.v[i].n == n)
			return &inc->jobs.v[i];
	struct inc_job *job = VEC_NEW(&inc->jobs);
	job->n = n;
	return job;
}

/* The job that does a step begins and ends with the step's own lines. */
static void
step_job(struct incident *inc, const struct inc_entry *en)
{
	int64_t n = json_get_int(en->data, "job", 0);
	struct inc_job *job;

	if (n == 0 || en->kind == EVENT_STEP_DOUBT)
		return;
	job = job_of(inc, n);
	if (en->kind == EVENT_STEP_STARTED) {
		job->started = en->at;
		set(&job->step, en->step);
		set(&job->title, en->text);
	} else {
		job->ended = en->at;
		set(&job->outcome, str_or(en, "how", "ended"));
	}
}

/* What each step event makes of the step. */
static const struct { enum event_kind kind; enum step_state to; } step_moves[] = {
	{ EVENT_STEP_STARTED, STEP_RUNNING },	/* intent, before the effect */
	{ EVENT_STEP_DONE, STEP_DONE },		/* proof holds, or confirmed */
	{ EVENT_STEP_FAILED, STEP_FAILED },	/* tried, did not work */
	{ EVENT_STEP_SKIPPED, STEP_SKIPPED },	/* left out, with a reason */
	{ EVENT_STEP_DOUBT, STEP_DOUBT },	/* its job vanished */
	{ EVENT_STEP_RESET, STEP_TODO },	/* to be done again */
};

static void
fold_step(struct incident *inc, struct inc_entry *en)
{
	struct inc_step *s;
	const char *role = str(en, "role");

	if (text_empty(en->step))
		return;
	step_job(inc, en);
	s = step_of(inc, en->step);
	for (size_t i = 0; i < sizeof step_moves / sizeof *step_moves; i++)
		if (step_moves[i].kind == en->kind)
			s->state = step_moves[i].to;
	s->seq = en->seq;
	set(&s->by, en->by);
	set(&s->how, str(en, "how"));
	s->waits = s->state == STEP_FAILED && s->how != NULL &&
	    strcmp(s->how, INC_WAITS) == 0;
	set(&s->reason, str(en, "reason"));
	if (en->kind == EVENT_STEP_STARTED) {
		s->started = en->at;
		s->ended = 0;
		s->attempts++;
		s->job = json_get_int(en->data, "job", 0);
	} else {
		s->ended = en->at;
		if (s->started == 0)
			s->started = en->at;
	}
	if (en->kind == EVENT_STEP_DONE) {
		s->proof_lost = false;
		if (!text_empty(role))
			role_is(inc, en, role, en->by);
	}
}

static void
fold_proof(struct incident *inc, struct inc_entry *en)
{
	if (!text_empty(en->step))
		step_of(inc, en->step)->proof_lost =
		    en->kind == EVENT_PROOF_LOST;
}

static void
fold_override(struct incident *inc, struct inc_entry *en)
{
	VEC_PUSH(&inc->overrides, ((struct inc_override){
	    xstrdup(str_or(en, "criterion", "")), xstrdup(en->text),
	    xstrdup(en->by), en->at }));
}

static void
fold_job(struct incident *inc, struct inc_entry *en)
{
	struct inc_job *job = job_of(inc, json_get_int(en->data, "job", 0));

	if (job->started == 0) {
		job->started = en->at;
		set(&job->step, en->step);
		set(&job->title, en->text);
	}
	if (en->kind == EVENT_JOB_ENDED || en->kind == EVENT_JOB_DOUBT) {
		job->ended = en->at;
		set(&job->outcome, en->kind == EVENT_JOB_DOUBT ? "in doubt" :
		    str_or(en, "outcome", en->text));
	}
}

static void
fold_nothing(struct incident *inc, struct inc_entry *en)
{
	(void)inc;
	(void)en;
}

static fold_fn *const folds[EVENT_UNKNOWN + 1] = {
	[EVENT_INCIDENT_OPENED] = fold_opened,
	[EVENT_INCIDENT_RESOLVED] = fold_resolved,
	[EVENT_INCIDENT_CLOSED] = fold_closed,
	[EVENT_OPERATOR] = fold_operator,
	[EVENT_SEVERITY] = fold_severity,
	[EVENT_ROLE] = fold_role,
	[EVENT_NOTE] = fold_nothing,
	[EVENT_DECISION] = fold_nothing,
	[EVENT_HYPOTHESIS] = fold_hypothesis,
	[EVENT_RULED_OUT] = fold_hypothesis_end,
	[EVENT_CONFIRMED] = fold_hypothesis_end,
	[EVENT_PIN] = fold_pin,
	[EVENT_CORRECTION] = fold_correction,
	[EVENT_EVIDENCE] = fold_nothing,
	[EVENT_ALERT] = fold_nothing,
	[EVENT_UPDATE] = fold_update,
	[EVENT_SNOOZE] = fold_snooze,
	[EVENT_DECLARED] = fold_declared,
	[EVENT_TELL] = fold_tell,
	[EVENT_TOLD] = fold_told,
	[EVENT_ACKED] = fold_acked,
	[EVENT_FOLLOWUP] = fold_followup,
	[EVENT_FOLLOWUP_DONE] = fold_followup_done,
	[EVENT_FIELD] = fold_field,
	[EVENT_PUBLISHED] = fold_published,
	[EVENT_RUNBOOK] = fold_runbook,
	[EVENT_RUNBOOK_CHANGED] = fold_runbook,
	[EVENT_STEP_STARTED] = fold_step,
	[EVENT_STEP_DONE] = fold_step,
	[EVENT_STEP_FAILED] = fold_step,
	[EVENT_STEP_SKIPPED] = fold_step,
	[EVENT_STEP_DOUBT] = fold_step,
	[EVENT_STEP_RESET] = fold_step,
	[EVENT_GATE_PASSED] = fold_nothing,
	[EVENT_OVERRIDE] = fold_override,
	[EVENT_PROOF_LOST] = fold_proof,
	[EVENT_PROOF_BACK] = fold_proof,
	[EVENT_JOB_STARTED] = fold_job,
	[EVENT_JOB_ENDED] = fold_job,
	[EVENT_JOB_CANCEL] = fold_nothing,
	[EVENT_JOB_DOUBT] = fold_job,
	[EVENT_FREEZE_BEGUN] = fold_nothing,
	[EVENT_FREEZE] = fold_nothing,
	[EVENT_PRECHECK] = fold_nothing,
	[EVENT_RESTORED] = fold_nothing,
	[EVENT_CRITERION] = fold_nothing,
	[EVENT_CHECKPOINT] = fold_nothing,
	[EVENT_J_SECOND] = fold_nothing,
	[EVENT_J_SWITCHED] = fold_nothing,
	[EVENT_J_SETTLED] = fold_nothing,
	[EVENT_J_LOST] = fold_nothing,
	[EVENT_J_TORN] = fold_nothing,
	[EVENT_UNKNOWN] = fold_nothing,
};

static void
entry_release(struct inc_entry *en)
{
	free(en->name);
	free(en->by);
	free(en->host);
	free(en->step);
	free(en->text);
	free(en->corrected);
	json_decref(en->data);
}

/* "2/3": which part of how many; 1 of 1 where nothing was split. */
static void
part_of(const struct event *ev, int *ret_part, int *ret_of)
{
	const char *part = json_get_str(ev->data, "part");

	if (part == NULL || sscanf(part, "%9d/%9d", ret_part, ret_of) != 2 ||
	    *ret_part < 1 || *ret_of < *ret_part)
		*ret_part = *ret_of = 1;
}

/* The entry that this part goes on with, NULL when it begins one. */
static struct inc_entry *
continued(struct incident *inc, const struct event *ev, int part)
{
	struct inc_entry *last;
	char *joined;

	if (part == 1 || inc->entries.n == 0)
		return NULL;
	last = &inc->entries.v[inc->entries.n - 1];
	if (last->kind != ev->kind || strcmp(last->by, ev->by) != 0 ||
	    json_get_str(last->data, "part") == NULL)
		return NULL;
	joined = xprintf("%s%s", last->text, ev->text);
	free(last->text);
	last->text = joined;
	return last;
}

static struct inc_entry *
new_entry(struct incident *inc, const struct event *ev)
{
	struct inc_entry *en = VEC_NEW(&inc->entries);

	en->seq = ev->seq;
	en->at = ev->at;
	en->rec = ev->rec;
	en->pid = ev->pid;
	en->kind = ev->kind;
	en->name = xstrdup(ev->name);
	en->by = xstrdup(ev->by);
	en->host = xstrdup(ev->host);
	en->step = xstrdup(ev->step);
	en->text = xstrdup(ev->text);
	en->data = json_incref(ev->data);
	en->bad = ev->bad;
	return en;
}

static void
on_event(void *ctx, const struct event *ev)
{
	struct incident *inc = ctx;
	struct inc_entry *en = NULL;
	int part, of;

	inc->last_at = ev->at > inc->last_at ? ev->at : inc->last_at;
	part_of(ev, &part, &of);
	if (!ev->bad)
		en = continued(inc, ev, part);
	if (en == NULL)
		en = new_entry(inc, ev);
	/* a split text counts when all of it is there */
	if (!en->bad && part == of && folds[ev->kind] != NULL)
		folds[ev->kind](inc, en);
}

static void
id_of_dir(struct incident *inc, const char *dir)
{
	const char *slash = strrchr(dir, '/');

	(void)snprintf(inc->id, sizeof inc->id, "%s", slash ? slash + 1 : dir);
}

/* A journal whose first line was changed is still somebody's open incident. */
static void
assume_open(struct incident *inc)
{
	if (inc->state != INC_NONE || inc->entries.n == 0)
		return;
	inc->state = INC_OPEN;
	inc->opened = inc->entries.v[0].at;
	if (inc->title == NULL)
		set(&inc->title, "(the line that opened it was changed)");
}

bool
incident_load(struct incident *inc, const char *dir, struct err *e)
{
	char *path = file_join(dir, "journal.jsonl");
	bool ok;

	inc->dir = xstrdup(dir);
	id_of_dir(inc, dir);
	journal_init(&inc->j, on_event, inc);
	ok = journal_open(&inc->j, path, e);
	assume_open(inc);
	free(path);
	return ok;
}

bool
incident_load_file(struct incident *inc, const char *journal, struct err *e)
{
	struct journal_verdict v;

	id_of_dir(inc, journal);
	journal_init(&inc->j, on_event, inc);
	return journal_verify(&inc->j, journal, &v, e);
}

bool
incident_poll(struct incident *inc, struct err *e)
{
	return journal_poll(&inc->j, e);
}

#define RELEASE_ALL(vec, field)						\
	for (size_t i_ = 0; i_ < (vec).n; i_++)				\
		free((vec).v[i_].field)
#define RELEASE_NAMES(vec) do {						\
	for (size_t i_ = 0; i_ < (vec).n; i_++)				\
		free((vec).v[i_]);					\
	VEC_RELEASE(&(vec));						\
} while (0)

static void
release_lists(struct incident *inc)
{
	for (size_t i = 0; i < inc->entries.n; i++)
		entry_release(&inc->entries.v[i]);
	RELEASE_ALL(inc->steps, id);
	RELEASE_ALL(inc->steps, by);
	RELEASE_ALL(inc->steps, how);
	RELEASE_ALL(inc->steps, reason);
	RELEASE_ALL(inc->jobs, step);
	RELEASE_ALL(inc->jobs, title);
	RELEASE_ALL(inc->jobs, outcome);
	RELEASE_ALL(inc->roles, role);
	RELEASE_ALL(inc->roles, who);
	RELEASE_ALL(inc->severities, level);
	RELEASE_ALL(inc->severities, why);
	RELEASE_ALL(inc->severities, by);
	RELEASE_ALL(inc->hypotheses, text);
	RELEASE_ALL(inc->hypotheses, why);
	RELEASE_ALL(inc->followups, text);
	RELEASE_ALL(inc->followups, owner);
	RELEASE_ALL(inc->followups, due);
	RELEASE_ALL(inc->fields, name);
	RELEASE_ALL(inc->fields, text);
	RELEASE_ALL(inc->overrides, criterion);
	RELEASE_ALL(inc->overrides, why);
	RELEASE_ALL(inc->overrides, by);
	RELEASE_ALL(inc->told, trigger);
	RELEASE_ALL(inc->told, who);
	VEC_RELEASE(&inc->entries);
	VEC_RELEASE(&inc->steps);
	VEC_RELEASE(&inc->jobs);
	VEC_RELEASE(&inc->roles);
	VEC_RELEASE(&inc->severities);
	VEC_RELEASE(&inc->hypotheses);
	VEC_RELEASE(&inc->followups);
	VEC_RELEASE(&inc->fields);
	VEC_RELEASE(&inc->overrides);
	VEC_RELEASE(&inc->told);
	RELEASE_NAMES(inc->operators);
	RELEASE_NAMES(inc->databases);
	RELEASE_NAMES(inc->legacy);
	RELEASE_NAMES(inc->disks);
}

void
incident_release(struct incident *inc)
{
	char **const words[] = { &inc->dir, &inc->title, &inc->severity,
	    &inc->alarm, &inc->channel, &inc->site, &inc->environment,
	    &inc->zone, &inc->runbook, &inc->runbook_sha, &inc->site_sha,
	    &inc->version, &inc->published_where };

	release_lists(inc);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		free(*words[i]);
	if (inc->j.path != NULL)
		journal_close(&inc->j);
	memset(inc, 0, sizeof *inc);
	inc->j.fd = -1;
}

/* ---- finding the open one ----------------------------------------------- */

/*
 * Its state by the kinds that its bytes name, without folding: quotes within
 * texts are escaped, so a text cannot look like one. Part of it may stand in the
 * second journal; then it has to be folded.
 */
static enum inc_state
quick_state(const char *dir)
{
	static const char closed[] = "\"kind\":\"incident.closed\"";
	static const char resolved[] = "\"kind\":\"incident.resolved\"";
	char *path = file_join(dir, "journal.jsonl");
	char *marked = file_join(dir, "journal.jsonl.in-second");
	enum inc_state state = INC_NONE;
	struct buf b = BUF_INIT;

	if (file_exists(marked)) {
		struct incident inc = INCIDENT_INIT;

		if (incident_load(&inc, dir, NULL))
			state = inc.state;
		incident_release(&inc);
	} else if (file_read(path, &b, SIZE_MAX / 8, NULL) && b.n > 0)
		state = memmem(b.p, b.n, closed, sizeof closed - 1) != NULL ?
		    INC_CLOSED : memmem(b.p, b.n, resolved,
		    sizeof resolved - 1) != NULL ? INC_RESOLVED : INC_OPEN;
	buf_release(&b);
	free(marked);
	free(path);
	return state;
}

bool
incident_current(const struct state *s, bool resolved_too,
    char ret_id[STATE_ID_MAX], struct err *e)
{
	struct state_ids ids = { 0 };
	const char *resolved = NULL, *open = NULL;
	bool ok = state_incidents(s, &ids, e);

	for (size_t i = ids.v.n; ok && i-- > 0 && open == NULL;) {
		char *dir = state_path(s, "incidents/%s", ids.v.v[i]);
		enum inc_state state = quick_state(dir);

		if (state == INC_OPEN)
			open = ids.v.v[i];
		if (state == INC_RESOLVED && resolved == NULL)
			resolved = ids.v.v[i];
		free(dir);
	}
	if (open == NULL && resolved_too)
		open = resolved;
	(void)snprintf(ret_id, STATE_ID_MAX, "%s", open != NULL ? open : "");
	state_ids_release(&ids);
	return ok;
}

/* ---- appending ---------------------------------------------------------- */

static bool
known_operator(const struct incident *inc, const char *key)
{
	for (size_t i = 0; i < inc->operators.n; i++)
		if (strcmp(inc->operators.v[i], key) == 0)
			return true;
	return false;
}

static void
operator_data(struct buf *data)
{
	const struct who *w = who_am_i();

	json_open(data);
	json_put_str(data, "login", w->login);
	json_put_str(data, "sudo", *w->sudo ? w->sudo : NULL);
	json_put_str(data, "ssh", *w->ssh ? w->ssh : NULL);
	json_close(data);
}

bool
incident_append(struct incident *inc, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, int64_t *ret_seq, struct err *e)
{
	const struct who *w = who_am_i();
	char *key = xprintf("%s@%s %s", w->by, w->host, w->ssh);
	struct draft all[8];
	struct buf data = BUF_INIT, text = BUF_INIT;
	size_t extra = 0;
	bool ok;

	if (n + 1 > sizeof all / sizeof *all)
		die("too many lines at once");
	if (n > 0 && !known_operator(inc, key)) {
		operator_data(&data);
		buf_printf(&text, "%s on %s", w->by, w->host);
		if (*w->ssh)
			buf_printf(&text, " from %s", w->ssh);
		all[extra++] = (struct draft){ .kind = EVENT_OPERATOR,
		    .text = text.p, .data = data.p };
	}
	for (size_t i = 0; i < n; i++)
		all[extra + i] = d[i];
	ok = journal_append(&inc->j, all, extra + n, decide, ctx, ret_seq, e);
	buf_release(&data);
	buf_release(&text);
	free(key);
	return ok;
}

bool
incident_say(struct incident *inc, enum event_kind kind, const char *step,
    const char *text, const char *data, struct err *e)
{
	struct draft d = { .kind = kind, .step = step, .text = text,
	    .data = data };

	return incident_append(inc, &d, 1, NULL, NULL, NULL, e);
}

int64_t
incident_since(const struct incident *inc)
{
	return inc->opened / 1000 * 1000;
}

const struct inc_override *
incident_overridden(const struct incident *inc, const char *criterion)
{
	for (size_t i = inc->overrides.n; i-- > 0;)
		if (strcmp(inc->overrides.v[i].criterion, criterion) == 0)
			return &inc->overrides.v[i];
	return NULL;
}

void
incident_checkpoint(const struct incident *inc, struct buf *out)
{
	buf_printf(out, "%" PRId64 ":%s", inc->j.scan.seq, inc->j.scan.hash);
}

const char *
inc_state_name(enum inc_state s)
{
	static const char *const words[] = { "none", "open", "resolved",
	    "closed" };

	return words[s];
}

const char *
step_state_name(enum step_state s)
{
	static const char *const words[] = { "todo", "running", "done",
	    "failed", "skipped", "in doubt" };

	return words[s];
}
