#include "report/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { HOPS_MAX = 100 };	/* corrections of corrections */

static const struct { const char *key, *label; } times[] = {
#define X(id, key, label) [TIME_##id] = { key, label },
	FACT_TIMES(X)
#undef X
};

static const struct {
	const char *key, *label;
	enum fact_time from, to;
	bool runs;	/* counts on to the last line while `to` is not reached */
} spans[SPAN_COUNT] = {
	{ "alert_to_open", "From the alert to opening", TIME_ALERTED,
	    TIME_OPENED, false },
	{ "open_to_action", "From opening to the first action", TIME_OPENED,
	    TIME_ACTION, false },
	{ "alert_to_resolve", "From the alert to resolving", TIME_ALERTED,
	    TIME_RESOLVED, true },
	{ "open_to_resolve", "From opening to resolving", TIME_OPENED,
	    TIME_RESOLVED, true },
	{ "resolve_to_close", "From resolving to closing", TIME_RESOLVED,
	    TIME_CLOSED, true },
};

const char *
fact_time_key(enum fact_time t)
{
	return times[t].key;
}

const char *
fact_time_label(enum fact_time t)
{
	return times[t].label;
}

static int
by_at(const void *a, const void *b)
{
	const struct inc_entry *x = *(const struct inc_entry *const *)a;
	const struct inc_entry *y = *(const struct inc_entry *const *)b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Lines that say that something was done, not that somebody spoke. */
static bool
is_action(const struct inc_entry *en)
{
	return !en->bad && (en->kind == EVENT_STEP_STARTED ||
	    en->kind == EVENT_STEP_DONE || en->kind == EVENT_STEP_FAILED ||
	    en->kind == EVENT_JOB_STARTED);
}

static void
find_times(struct facts *f)
{
	const struct incident *inc = f->inc;

	f->times[TIME_ALERTED] = inc->alerted;
	f->times[TIME_OPENED] = inc->opened;
	f->times[TIME_RESOLVED] = inc->resolved;
	f->times[TIME_CLOSED] = inc->closed;
	f->times[TIME_LAST] = inc->last_at;
	for (size_t i = 0; i < f->n && f->times[TIME_ACTION] == 0; i++)
		if (is_action(f->by_time[i]))
			f->times[TIME_ACTION] = f->by_time[i]->at;
}

static void
find_span(struct facts *f, size_t i)
{
	struct fact_span *s = &f->spans[i];
	int64_t from = f->times[spans[i].from], to = f->times[spans[i].to];

	s->key = spans[i].key;
	s->label = spans[i].label;
	s->so_far = to == 0 && spans[i].runs;
	if (s->so_far)
		to = f->times[TIME_LAST];
	if (from == 0 || to == 0)
		return;
	s->known = to >= from;
	s->ms = to - from;
	if (s->known)
		return;
	(void)snprintf(s->why_not, sizeof s->why_not,
	    "impossible: '%s' lies before '%s'",
	    fact_time_label(s->so_far ? TIME_LAST : spans[i].to),
	    fact_time_label(spans[i].from));
}

static void find_jobs(struct facts *f);

void
facts_init(struct facts *f, const struct incident *inc,
    const struct journal_verdict *v)
{
	memset(f, 0, sizeof *f);
	f->inc = inc;
	f->v = v;
	f->drill = text_starts(inc->id, "DRILL");
	(void)snprintf(f->zone_before, sizeof f->zone_before, "%s",
	    clock_zone());
	f->zone_known = inc->zone != NULL && clock_zone_set(inc->zone, NULL);
	if (!f->zone_known)
		(void)clock_zone_set("UTC", NULL);
	f->n = inc->entries.n;
	f->by_time = xcalloc(f->n + 1, sizeof(const struct inc_entry *));
	for (size_t i = 0; i < f->n; i++) {
		f->by_time[i] = &inc->entries.v[i];
		f->n_bad += inc->entries.v[i].bad;
	}
	qsort(f->by_time, f->n, sizeof *f->by_time, by_at);
	find_jobs(f);
	find_times(f);
	for (size_t i = 0; i < SPAN_COUNT; i++)
		find_span(f, i);
}

void
facts_release(struct facts *f)
{
	(void)clock_zone_set(f->zone_before, NULL);
	free(f->by_time);
	VEC_RELEASE(&f->jobs);
}

/* ---- words ------------------------------------------------------------------ */

static const struct inc_entry *
entry(const struct facts *f, int64_t seq)
{
	for (size_t lo = 0, hi = f->n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		const struct inc_entry *en = &f->inc->entries.v[mid];

		if (en->seq == seq)
			return en;
		if (en->seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *
facts_words(const struct facts *f, const struct inc_entry *en)
{
	for (int hop = 0; hop < HOPS_MAX && en->corrected != NULL; hop++) {
		const struct inc_entry *by = entry(f, en->corrected_by);

		if (by == NULL || by == en)
			return en->corrected;
		en = by;
	}
	return en->text;
}

const char *
facts_words_of(const struct facts *f, int64_t seq, const char *otherwise)
{
	const struct inc_entry *en = entry(f, seq);

	return en != NULL && !en->bad ? facts_words(f, en) : otherwise;
}

/* The newest good line of a kind at that time whose data says so (key NULL:
 * whatever it says). Folded strings hold the first part of a long text only. */
static const struct inc_entry *
find(const struct facts *f, enum event_kind kind, const char *key,
    const char *value, int64_t at)
{
	for (size_t i = f->n; i-- > 0;) {
		const struct inc_entry *en = &f->inc->entries.v[i];
		const char *has = key != NULL ? json_get_str(en->data, key) :
		    NULL;

		if (en->kind == kind && !en->bad && (at == 0 || en->at == at) &&
		    (key == NULL || (has != NULL && strcmp(has, value) == 0)))
			return en;
	}
	return NULL;
}

const char *
facts_title(const struct facts *f)
{
	const struct inc_entry *en = find(f, EVENT_INCIDENT_OPENED, NULL, NULL,
	    0);

	return en != NULL ? facts_words(f, en) : "(no title)";
}

const char *
facts_field(const struct facts *f, const char *name)
{
	const struct inc_entry *en = find(f, EVENT_FIELD, "field", name, 0);

	return en != NULL && !text_empty(facts_words(f, en)) ?
	    facts_words(f, en) : NULL;
}

/* ---- severities ------------------------------------------------------------- */

const char *
facts_severity_why(const struct facts *f, size_t i)
{
	const struct inc_severity *s = &f->inc->severities.v[i];
	const struct inc_entry *en = find(f, EVENT_SEVERITY, "level", s->level,
	    s->at);

	return en != NULL ? facts_words(f, en) : s->why;
}

int64_t
facts_severity_ms(const struct facts *f, size_t i)
{
	const struct incident *inc = f->inc;
	int64_t stop = inc->resolved != 0 ? inc->resolved : inc->closed != 0 ?
	    inc->closed : inc->last_at;
	int64_t from = inc->severities.v[i].at, to = stop;

	if (i + 1 < inc->severities.n && inc->severities.v[i + 1].at < stop)
		to = inc->severities.v[i + 1].at;
	return to > from ? to - from : 0;
}

/* Levels sort by their number: SEV-0 is the worst. */
const char *
facts_severity_peak(const struct facts *f)
{
	const char *peak = NULL;

	for (size_t i = 0; i < f->inc->severities.n; i++) {
		const char *level = f->inc->severities.v[i].level;

		if (peak == NULL || strcmp(level, peak) < 0)
			peak = level;
	}
	return peak;
}

/* ---- steps and evidence ----------------------------------------------------- */

/* The runbook's title stands in every line of a step but a doubt. */
const char *
facts_step_title(const struct facts *f, const struct inc_step *s)
{
	static const enum event_kind kinds[] = { EVENT_STEP_STARTED,
	    EVENT_STEP_DONE, EVENT_STEP_FAILED, EVENT_STEP_SKIPPED };

	for (size_t i = f->n; i-- > 0;) {
		const struct inc_entry *en = &f->inc->entries.v[i];

		if (en->bad || strcmp(en->step, s->id) != 0)
			continue;
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
			if (en->kind == kinds[k])
				return facts_words(f, en);
	}
	return "";
}

const struct inc_entry *
facts_step_line(const struct facts *f, const struct inc_step *s)
{
	return entry(f, s->seq);
}

int64_t
facts_step_ms(const struct facts *f, const struct inc_step *s)
{
	int64_t to = s->state == STEP_RUNNING ? f->times[TIME_LAST] : s->ended;

	if (s->started == 0 || to <= s->started)
		return -1;	/* done by hand: there was no start */
	return to - s->started;
}

int64_t
facts_step_tries(const struct facts *f, const struct inc_step *s)
{
	const struct inc_entry *en = facts_step_line(f, s);

	return en != NULL ? json_get_int(en->data, "attempts", s->attempts) :
	    s->attempts;
}

bool
facts_is_evidence(const struct inc_entry *en)
{
	return !en->bad && (en->kind == EVENT_EVIDENCE ||
	    json_is_object(json_object_get(en->data, "output")));
}

static const struct { enum event_kind kind; bool begins; } job_lines[] = {
	{ EVENT_STEP_STARTED, true },
	{ EVENT_JOB_STARTED, true },
	{ EVENT_STEP_DONE, false },
	{ EVENT_STEP_FAILED, false },
	{ EVENT_JOB_ENDED, false },
	{ EVENT_JOB_DOUBT, false },
};

static void
job_line(struct facts *f, const struct inc_entry *en, bool begins)
{
	int64_t n = json_get_int(en->data, "job", 0);
	struct fact_job *job = NULL;

	if (n == 0)
		return;
	for (size_t i = 0; i < f->jobs.n; i++)
		if (f->jobs.v[i].n == n)
			job = &f->jobs.v[i];
	if (job == NULL) {
		job = VEC_NEW(&f->jobs);
		job->n = n;
	}
	if (!begins)
		job->end = en;
	else if (job->start == NULL)
		job->start = en;
	job->output = job->output || facts_is_evidence(en);
}

static void
find_jobs(struct facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &f->inc->entries.v[i];

		for (size_t k = 0; k < sizeof job_lines / sizeof *job_lines; k++)
			if (!en->bad && job_lines[k].kind == en->kind)
				job_line(f, en, job_lines[k].begins);
	}
}

const struct fact_job *
facts_job(const struct facts *f, int64_t n)
{
	for (size_t i = 0; i < f->jobs.n; i++)
		if (f->jobs.v[i].n == n)
			return &f->jobs.v[i];
	return NULL;
}

const char *
fact_job_command(const struct fact_job *job)
{
	return job != NULL && job->start != NULL ?
	    json_get_str(job->start->data, "command") : NULL;
}

const char *
fact_job_outcome(const struct fact_job *job)
{
	const char *words;

	if (job->end == NULL)
		return NULL;
	if (job->end->kind == EVENT_JOB_DOUBT)
		return "in doubt";
	words = json_get_str(job->end->data, "outcome");
	if (words == NULL)
		words = json_get_str(job->end->data, "how");
	return words != NULL ? words : job->end->text;
}

bool
facts_in_story(const struct inc_entry *en)
{
	return en->pinned || event_is_key(en->kind);
}
