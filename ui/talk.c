#include "ui/talk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { OUTPUT_ROWS = 120, FEED_LATE_MS = 20000 };

void
talk_init(struct talk *w, struct model *m)
{
	*w = (struct talk){ .model = m, .out = BUF_INIT, .dirty = MODEL_ALL };
	w->nonce = clock_wall_ms();
	w->host = xstrdup(m->head.host != NULL ? m->head.host : "");
	w->environment = xstrdup(m->head.environment != NULL ?
	    m->head.environment : "");
	w->name = xstrdup(m->head.site != NULL ? m->head.site : "");
	w->read_only = m->head.read_only;
	m->give = talk_give;
	m->ctx = w;
}

static const char *
str(const json_t *o, const char *key)
{
	const char *s = o != NULL ? json_get_str(o, key) : NULL;

	return s != NULL ? s : "";
}

/* A copy in the part's pool; NULL stays NULL. */
static char *
kept(struct pool *p, const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s != NULL ? pool_str(p, s) : NULL;
}

static char *
kept_or(struct pool *p, const json_t *o, const char *key, const char *other)
{
	const char *s = json_get_str(o, key);

	return pool_str(p, s != NULL ? s : other);
}

/* ---- lines --------------------------------------------------------------------- */

static size_t
entry_place(const struct talk *w, int64_t seq)
{
	size_t lo = 0, hi = w->entries.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (json_get_int(w->entries.v[mid], "seq", 0) < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
entries_clear(struct talk *w)
{
	for (size_t i = 0; i < w->entries.n; i++)
		json_decref(w->entries.v[i]);
	w->entries.n = 0;
	w->dirty |= MODEL_RECORD;
}

static void
hear_entry(struct talk *w, json_t *o)
{
	int64_t seq = json_get_int(o, "seq", 0);
	size_t at = entry_place(w, seq);

	if (at < w->entries.n &&
	    json_get_int(w->entries.v[at], "seq", 0) == seq)
		json_decref(w->entries.v[at]);
	else {
		(void)VEC_NEW(&w->entries);
		memmove(&w->entries.v[at + 1], &w->entries.v[at],
		    (w->entries.n - 1 - at) * sizeof *w->entries.v);
	}
	w->entries.v[at] = json_incref(o);
}

/* Another incident has another record and other steps. */
static void
hear_incident(struct talk *w, json_t *o)
{
	if (strcmp(str(w->incident, "id"), str(o, "id")) != 0) {
		entries_clear(w);
		json_decref(w->steps);
		json_decref(w->criteria);
		json_decref(w->odd_runbook);
		w->steps = w->criteria = w->odd_runbook = NULL;
		w->dirty |= MODEL_STEPS;
	}
	json_decref(w->incident);
	w->incident = json_object_size(o) > 1 ? json_incref(o) : NULL;
}

#define HEAR_KEPT(name)							\
	static void							\
	hear_##name(struct talk *w, json_t *o)				\
	{								\
		json_decref(w->name);					\
		w->name = json_incref(o);				\
	}

HEAR_KEPT(hello)
HEAR_KEPT(site)
HEAR_KEPT(criteria)
HEAR_KEPT(actions)
HEAR_KEPT(consoles)
HEAR_KEPT(output)
HEAR_KEPT(odd)
HEAR_KEPT(odd_runbook)

/* The output of what began last is followed, until somebody asks for another. */
static void
hear_jobs(struct talk *w, json_t *o)
{
	const json_t *newest = json_array_get(json_object_get(o, "v"), 0);
	int64_t n = json_get_int(newest, "n", 0);

	json_decref(w->jobs);
	w->jobs = json_incref(o);
	if (n > w->newest_job) {
		w->newest_job = n;
		talk_output(w, n, -1, OUTPUT_ROWS);
	}
}

static void
hear_steps(struct talk *w, json_t *o)
{
	json_decref(w->steps);
	w->steps = json_incref(o);
	w->steps_came++;
}

static void
hear_answer(struct talk *w, json_t *o)
{
	talk_answer(w, o, str(o, "t"));
}

static void
hear_found(struct talk *w, json_t *o)
{
	int64_t at = json_get_int(o, "at", -1);

	if (at >= 0)
		talk_output(w, json_get_int(o, "n", 0), at, OUTPUT_ROWS);
	else
		model_answer(w->model, true, "that is nowhere in the rest of "
		    "the output");
}

static void
hear_alive(struct talk *w, json_t *o)
{
	(void)w;
	(void)o;
}

static const struct {
	const char *kind;
	void (*hear)(struct talk *w, json_t *o);
	unsigned parts;			/* that it changes */
} kinds[] = {
	{ "alive", hear_alive, 0 },
	{ "entry", hear_entry, MODEL_RECORD | MODEL_HEAD | MODEL_BUTTONS },
	{ "output", hear_output, MODEL_OUTPUT },
	{ "jobs", hear_jobs, MODEL_JOBS | MODEL_HEAD | MODEL_BUTTONS },
	{ "steps", hear_steps, MODEL_STEPS | MODEL_HEAD | MODEL_BUTTONS |
	    MODEL_NOTICES },
	{ "criteria", hear_criteria, MODEL_HEAD | MODEL_BUTTONS },
	{ "incident", hear_incident, MODEL_HEAD | MODEL_PEOPLE | MODEL_BUTTONS |
	    MODEL_NOTICES },
	{ "none", hear_incident, MODEL_HEAD | MODEL_PEOPLE | MODEL_BUTTONS |
	    MODEL_NOTICES },
	{ "odd", hear_odd, MODEL_NOTICES },
	{ "odd_runbook", hear_odd_runbook, MODEL_NOTICES },
	{ "said", hear_answer, MODEL_RECORD },
	{ "ended", hear_answer, 0 },
	{ "found", hear_found, 0 },
	{ "consoles", hear_consoles, MODEL_HEAD },
	{ "hello", hear_hello, MODEL_HEAD | MODEL_NOTICES },
	{ "site", hear_site, MODEL_HEAD | MODEL_PEOPLE | MODEL_BUTTONS },
	{ "actions", hear_actions, MODEL_BUTTONS },
};

static void
hear_reading(struct talk *w, const char *p, size_t n, int64_t now)
{
	struct reading r;

	if (!reading_parse(&r, p, n, &(struct err){ 0 }))
		return;
	w->feed_at = now;
	if (w->feed_gone)
		w->dirty |= MODEL_NOTICES;
	w->feed_gone = false;
	if (strcmp(r.kind, "feed") != 0)
		readings_put(&w->readings, &r);
	w->dirty |= MODEL_READINGS | MODEL_HEAD | MODEL_BUTTONS;
	reading_release(&r);
}

void
talk_hear(struct talk *w, const char *p, size_t n, int64_t now)
{
	json_t *o;
	const char *kind;

	while (n > 0 && p[n - 1] == '\n')
		n--;
	o = json_read(p, n, NULL);
	kind = o != NULL ? json_get_str(o, "t") : NULL;
	if (o != NULL && kind == NULL)
		hear_reading(w, p, n, now);
	for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			w->heard_at = now;
			kinds[i].hear(w, o);
			w->dirty |= kinds[i].parts;
			break;
		}
	json_decref(o);
}

/* ---- parts ---------------------------------------------------------------------- */

/* What the engine's word and the record's mean together. */
static enum mstep_state
step_state(const json_t *o)
{
	static const struct {
		const char *word;
		enum mstep_state state;
	} words[] = {
		{ "ready", MSTEP_READY }, { "blocked", MSTEP_BLOCKED },
		{ "running", MSTEP_RUNNING }, { "failed", MSTEP_FAILED },
		{ "skipped", MSTEP_SKIPPED }, { "in doubt", MSTEP_DOUBT },
		{ "doubt", MSTEP_DOUBT },
		{ "not applicable", MSTEP_NOT_APPLICABLE },
	};
	const char *word = str(o, "state"), *how = str(o, "how");

	if (json_get_bool(o, "proof_lost"))
		return MSTEP_LOST;
	if (strcmp(word, "failed") == 0 && json_get_bool(o, "waits"))
		return MSTEP_WAITS;
	if (strcmp(word, "done") == 0)
		return strstr(how, "overrid") ? MSTEP_OVERRIDDEN :
		    strstr(how, "confirm") ? MSTEP_CONFIRMED : MSTEP_SENSED;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].state;
	return MSTEP_TODO;
}

/* What nobody has asked yet is another thing than what has no answer. */
static int
truth_of(const char *word)
{
	if (*word == '\0')
		return MODEL_NOT_ASKED;
	return strcmp(word, "yes") == 0 ? 1 : strcmp(word, "no") == 0 ? 0 : 2;
}

static void
add_proofs(struct model_steps *part, struct model_step *s, const json_t *list,
    const char *called)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		struct model_proof *p = VEC_NEW(&s->proofs);

		p->text = pool_printf(&part->pool, "%s %s", called,
		    str(o, "text"));
		p->why = kept(&part->pool, o, "why");
		p->truth = truth_of(str(o, "truth"));
	}
}

static void
add_step(struct model_steps *part, const json_t *o, const char *next)
{
	struct pool *p = &part->pool;
	struct model_step *s = VEC_NEW(&part->v);
	const json_t *todo = json_object_get(o, "do");
	const char *kind = str(o, "kind");

	s->id = kept_or(p, o, "id", "?");
	s->title = kept_or(p, o, "title", s->id);
	s->phase = kept_or(p, o, "phase", "");
	s->who = kept_or(p, o, "by", "");
	s->state = step_state(o);
	s->soft = json_get_bool(o, "soft");
	s->why = kept(p, o, "reason");
	if (s->why == NULL || s->state == MSTEP_BLOCKED || s->soft)
		s->why = kept_or(p, o, "why", "");
	s->how = kept_or(p, o, "how", "");
	s->say = kept_or(p, o, "say", "");
	s->expect = kept_or(p, o, "expect", "");
	s->stop = kept_or(p, o, "stop", "");
	s->action = kept(p, o, "action");
	s->command = strcmp(kind, "manual") == 0 ? pool_str(p, "") :
	    pool_printf(p, "midwatch run %s", s->id);
	s->confirm = kept(p, o, "confirm");
	s->by_person = strcmp(kind, "manual") == 0 &&
	    json_array_size(json_object_get(o, "proves")) == 0;
	s->optional = json_get_bool(o, "optional");
	s->started = json_get_int(o, "started", 0);
	s->ended = json_get_int(o, "ended", 0);
	s->job = json_get_int(o, "job", 0);
	s->attempts = (int)json_get_int(o, "attempts", 0);
	for (size_t i = 0; i < json_array_size(todo); i++) {
		const char *line = json_string_value(json_array_get(todo, i));

		VEC_PUSH(&s->todo, pool_str(p, line != NULL ? line : ""));
	}
	add_proofs(part, s, json_object_get(o, "needs"), "needs");
	add_proofs(part, s, json_object_get(o, "wants"), "wants");
	add_proofs(part, s, json_object_get(o, "proves"), "proves");
	if (strcmp(next, s->id) == 0)
		part->current = part->v.n - 1;
}

static void
make_steps(struct talk *w)
{
	struct model_steps *part = model_steps_begin(w->model);
	const json_t *v = json_object_get(w->steps, "v");

	part->title = pool_str(&part->pool, str(w->steps, "title"));
	part->known = w->steps != NULL;
	part->current = json_array_size(v);	/* none, until it is met */
	for (size_t i = 0; i < json_array_size(v); i++)
		add_step(part, json_array_get(v, i), str(w->steps, "next"));
}

static void
add_job(struct model_jobs *part, const json_t *o)
{
	const json_t *progress = json_object_get(o, "progress");
	struct model_job *j = VEC_NEW(&part->v);
	struct pool *p = &part->pool;
	const char *state = str(o, "state");

	j->n = json_get_int(o, "n", 0);
	j->started = json_get_int(o, "started", 0);
	j->ended = json_get_int(o, "ended", 0);
	j->title = kept_or(p, o, "title", "a job");
	j->step = kept(p, o, "step");
	j->by = kept_or(p, o, "by", "?");
	j->outcome = kept(p, o, "outcome");
	j->running = strcmp(state, "running") == 0;
	j->vanished = strcmp(state, "vanished") == 0;
	j->cancel = json_get_bool(o, "cancel");
	j->progress = kept(p, progress, "text");
	j->done = json_get_int(progress, "done", 0);
	j->total = json_get_int(progress, "total", 0);
	j->rate = json_get_int(progress, "rate", 0);
	j->eta_ms = json_get_int(progress, "eta_ms", -1);
	j->bottleneck = kept(p, progress, "bottleneck");
}

static void
make_jobs(struct talk *w)
{
	struct model_jobs *part = model_jobs_begin(w->model);
	const json_t *v = json_object_get(w->jobs, "v");

	part->known = w->jobs != NULL;
	for (size_t i = json_array_size(v); i-- > 0;)
		add_job(part, json_array_get(v, i));
}

static void
make_output(struct talk *w)
{
	struct model_output *part = model_output_begin(w->model);
	const json_t *rows = json_object_get(w->output, "rows");

	part->job = json_get_int(w->output, "n", 0);
	part->first = json_get_int(w->output, "first", 0);
	part->lines = json_get_int(w->output, "lines", 0);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *s = json_string_value(json_array_get(rows, i));

		VEC_PUSH(&part->v, pool_str(&part->pool, s != NULL ? s : ""));
		for (; s != NULL && *s != '\0'; s++)
			part->removed += *s == '\033';
	}
}

static void
add_entry(struct model_record *part, const json_t *o)
{
	struct model_entry *en = VEC_NEW(&part->v);
	struct pool *p = &part->pool;

	en->seq = json_get_int(o, "seq", 0);
	en->at = json_get_int(o, "at", 0);
	en->rec = json_get_int(o, "rec", 0);
	en->kind = kept_or(p, o, "kind", "?");
	en->by = kept_or(p, o, "by", "?");
	en->step = kept_or(p, o, "step", "");
	en->text = kept_or(p, o, "text", "");
	en->corrected = kept(p, o, "corrected");
	en->key = json_get_bool(o, "key");
	en->pinned = json_get_bool(o, "pinned");
}

/* What was handed over and is not durable yet stands at the end. */
static void
add_saving(struct talk *w, struct model_record *part,
    const struct talk_asked *a)
{
	struct model_entry *en = VEC_NEW(&part->v);
	struct pool *p = &part->pool;

	en->at = en->rec = a->at != 0 ? a->at : a->since;
	en->kind = pool_str(p, order_name(a->kind));
	en->by = pool_str(p, str(w->hello, "by"));
	en->step = pool_str(p, "");
	en->text = pool_str(p, a->text != NULL ? a->text : "");
	en->saving = true;
	part->saving++;
}

static void
make_record(struct talk *w)
{
	struct model_record *part = model_record_begin(w->model);
	const json_t *notices = json_object_get(w->incident, "notices");

	for (size_t i = 0; i < w->entries.n; i++)
		add_entry(part, w->entries.v[i]);
	for (size_t i = 0; i < w->asked.n; i++)
		if (w->asked.v[i].line != NULL)
			add_saving(w, part, &w->asked.v[i]);
	for (size_t i = 0; i < json_array_size(notices); i++) {
		const char *s = json_string_value(json_array_get(notices, i));

		part->second |= s != NULL && strstr(s, "second journal") != NULL;
	}
}

static void
add_person(struct talk *w, struct model_people *part, const json_t *o)
{
	const json_t *told = json_object_get(w->incident, "told");
	const json_t *on = json_object_get(o, "on");
	struct model_person *one = VEC_NEW(&part->v);
	struct buf b = BUF_INIT;
	struct pool *p = &part->pool;

	one->who = kept_or(p, o, "who", "?");
	one->phone = kept_or(p, o, "phone", "");
	one->role = kept_or(p, o, "role", "");
	for (size_t i = 0; i < json_array_size(on); i++) {
		const char *s = json_string_value(json_array_get(on, i));

		buf_printf(&b, "%s%s", i > 0 ? ", " : "", s != NULL ? s : "");
	}
	one->on = pool_strn(p, b.p ? b.p : "", b.n);
	for (size_t i = 0; i < json_array_size(told); i++) {
		const json_t *t = json_array_get(told, i);

		if (strcmp(str(t, "who"), one->who) != 0)
			continue;
		/* what somebody still has to hear is not hidden by what they
		 * have heard */
		if (one->told != NULL && one->told_at == 0)
			continue;
		one->told = kept_or(p, t, "trigger", "");
		one->told_at = json_get_int(t, "at", 0);
	}
	buf_release(&b);
}

static void
make_people(struct talk *w)
{
	struct model_people *part = model_people_begin(w->model);
	const json_t *v = json_object_get(w->site, "contacts");
	const char *channel = json_get_str(w->incident, "channel");

	if (channel == NULL)
		channel = str(w->site, "channel");
	part->channel = pool_str(&part->pool, channel);
	for (size_t i = 0; i < json_array_size(v); i++)
		add_person(w, part, json_array_get(v, i));
}

/* What was acknowledged shines again when it comes back: the next time is news. */
static void
forget_ended(struct talk *w)
{
	char what[128];

	for (size_t i = 0; i < w->readings.v.n; i++) {
		const struct reading *r = &w->readings.v.v[i];

		if (r->level != LEVEL_OK)
			continue;
		(void)snprintf(what, sizeof what, "%s %s", r->kind, r->name);
		for (size_t k = w->acknowledged.n; k-- > 0;) {
			if (strcmp(w->acknowledged.v[k], what) != 0)
				continue;
			free(w->acknowledged.v[k]);
			w->acknowledged.v[k] =
			    w->acknowledged.v[--w->acknowledged.n];
		}
	}
}

static void
make_readings(struct talk *w)
{
	struct model_readings *part = model_readings_begin(w->model);

	forget_ended(w);
	for (size_t i = 0; i < w->readings.v.n; i++)
		readings_put(&part->all, &w->readings.v.v[i]);
	readings_sort(&part->all);
	part->heard = w->feed_at;
	part->feed_dead = w->feed_gone;
	for (size_t i = 0; i < w->acknowledged.n; i++)
		VEC_PUSH(&part->acknowledged, pool_str(&part->pool,
		    w->acknowledged.v[i]));
}

/* While nothing is heard its age grows, though nothing happens. */
static void
look_at_feed(struct talk *w, int64_t now)
{
	if (w->feed_at != 0 && now - w->feed_at > FEED_LATE_MS &&
	    now - w->late_at > FEED_LATE_MS / 4) {
		w->late_at = now;
		w->dirty |= MODEL_READINGS | MODEL_NOTICES;
	}
}

void
talk_turn(struct talk *w, int64_t now)
{
	static const struct {
		unsigned part;
		void (*make)(struct talk *w);
	} parts[] = {
		{ MODEL_READINGS, make_readings }, { MODEL_STEPS, make_steps },
		{ MODEL_JOBS, make_jobs }, { MODEL_OUTPUT, make_output },
		{ MODEL_RECORD, make_record }, { MODEL_PEOPLE, make_people },
		{ MODEL_BUTTONS, picture_buttons },
	};
	unsigned made;

	look_at_feed(w, now);
	made = w->dirty;
	w->dirty = 0;
	w->model->now = now;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (made & parts[i].part)
			parts[i].make(w);
	if (made & MODEL_HEAD)
		picture_head(w, now);
	if (made & MODEL_NOTICES)
		picture_notices(w, now);
	/* an answer was said by itself */
	model_changed(w->model, made & ~(unsigned)MODEL_ANSWER);
}

/* ---- life and death ---------------------------------------------------------------- */

void
talk_keeper_lost(struct talk *w)
{
	w->keeper_gone = true;
	w->dirty |= MODEL_NOTICES | MODEL_HEAD;
}

/* Words are handed over again; of a verb only the record knows. */
void
talk_keeper_back(struct talk *w)
{
	buf_clear(&w->out);
	w->keeper_gone = false;
	w->dirty |= MODEL_NOTICES | MODEL_HEAD;
	for (size_t i = w->asked.n; i-- > 0;) {
		struct talk_asked *a = &w->asked.v[i];

		if (a->line != NULL)
			continue;
		talk_asked_release(a);
		w->asked.n--;
		memmove(a, a + 1, (w->asked.n - i) * sizeof *a);
		model_answer(w->model, true, "the record's keeper was started "
		    "anew: what was running goes on, the record shows it");
	}
	w->newest_job = 0;
	for (size_t i = 0; i < w->asked.n; i++)
		buf_str(&w->out, w->asked.v[i].line);
}

void
talk_feed_lost(struct talk *w)
{
	w->feed_gone = true;
	w->dirty |= MODEL_READINGS | MODEL_NOTICES | MODEL_HEAD;
}

int64_t
talk_waiting(const struct talk *w, int64_t now)
{
	int64_t most = 0;

	for (size_t i = 0; i < w->asked.n; i++)
		if (w->asked.v[i].line != NULL &&
		    now - w->asked.v[i].since > most)
			most = now - w->asked.v[i].since;
	return most;
}

void
talk_release(struct talk *w)
{
	entries_clear(w);
	VEC_RELEASE(&w->entries);
	for (size_t i = 0; i < w->asked.n; i++)
		talk_asked_release(&w->asked.v[i]);
	VEC_RELEASE(&w->asked);
	for (size_t i = 0; i < w->acknowledged.n; i++)
		free(w->acknowledged.v[i]);
	VEC_RELEASE(&w->acknowledged);
	json_t *all[] = { w->hello, w->site, w->incident, w->steps,
	    w->criteria, w->actions, w->jobs, w->consoles, w->output, w->odd,
	    w->odd_runbook };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		json_decref(all[i]);
	readings_release(&w->readings);
	buf_release(&w->out);
	free(w->host);
	free(w->environment);
	free(w->name);
}
