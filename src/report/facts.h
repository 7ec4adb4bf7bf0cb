/*
 * facts: what both documents derive from an incident, worked out once.
 *
 *	struct facts f;
 *	facts_init(&f, inc, verdict);	sets the incident's zone
 *	...
 *	facts_release(&f);		and gives the old one back
 */
#ifndef REPORT_FACTS_H
#define REPORT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "record/incident.h"

/*	id		key		label */
#define FACT_TIMES(X)						\
	X(ALERTED, "alerted", "Alerted")			\
	X(OPENED, "opened", "Opened")				\
	X(ACTION, "first_action", "First action")		\
	X(RESOLVED, "resolved", "Resolved")			\
	X(CLOSED, "closed", "Closed")				\
	X(LAST, "last_line", "Last line")

enum fact_time {
#define X(id, key, label) TIME_##id,
	FACT_TIMES(X)
#undef X
	TIME_COUNT
};

enum { SPAN_COUNT = 5 };

/* A duration, or why there is none. */
struct fact_span {
	const char *key, *label;
	bool known;		/* ms is one */
	bool so_far;		/* it still runs: up to the last line */
	char why_not[96];	/* impossible order; "" when just not reached */
	int64_t ms;
};

/* A job, by the lines that name it. */
struct fact_job {
	int64_t n;
	const struct inc_entry *start, *end;	/* NULL: no such line */
	bool output;		/* a line says where its output is */
};

struct facts {
	const struct incident *inc;
	const struct journal_verdict *v;
	bool drill, zone_known;
	char zone_before[64];
	int64_t times[TIME_COUNT];		/* 0: not */
	struct fact_span spans[SPAN_COUNT];
	const struct inc_entry **by_time;	/* all entries by `at`, then seq */
	size_t n;
	size_t n_bad;				/* lines that were changed */
	VEC(struct fact_job) jobs;
};

void facts_init(struct facts *f, const struct incident *inc,
    const struct journal_verdict *v);
void facts_release(struct facts *f);

const char *fact_time_key(enum fact_time t);
const char *fact_time_label(enum fact_time t);

/* What the entry says now: its correction's words, else its own. */
const char *facts_words(const struct facts *f, const struct inc_entry *en);
const char *facts_words_of(const struct facts *f, int64_t seq,
    const char *otherwise);
const char *facts_title(const struct facts *f);
const char *facts_severity_why(const struct facts *f, size_t i);
/* Milliseconds that the i-th severity held while the clocks ran. */
int64_t facts_severity_ms(const struct facts *f, size_t i);
const char *facts_severity_peak(const struct facts *f);
/* The post-mortem field of that name in full, NULL when it is not written. */
const char *facts_field(const struct facts *f, const char *name);

/* Of a step: its title, its last line, how long it took (-1: not known). */
const char *facts_step_title(const struct facts *f, const struct inc_step *s);
const struct inc_entry *facts_step_line(const struct facts *f,
    const struct inc_step *s);
int64_t facts_step_ms(const struct facts *f, const struct inc_step *s);
int64_t facts_step_tries(const struct facts *f, const struct inc_step *s);

/* Evidence, or a line that says where an output is. */
bool facts_is_evidence(const struct inc_entry *en);
/* NULL when no line names it. */
const struct fact_job *facts_job(const struct facts *f, int64_t n);
/* What was run, and how it ended; NULL: not known. */
const char *fact_job_command(const struct fact_job *job);
const char *fact_job_outcome(const struct fact_job *job);
/* In the short story: a key moment, or pinned. */
bool facts_in_story(const struct inc_entry *en);

#endif
