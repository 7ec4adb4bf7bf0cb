/*
 * incident: the state of one emergency, folded from its journal and nothing
 * else. Reading the same lines always gives the same incident.
 *
 *	struct incident inc = INCIDENT_INIT;
 *	if (!incident_load(&inc, dir, &e)) ...		folds; inc.j stays open
 *	incident_say(&inc, EVENT_NOTE, NULL, "fan replaced", NULL, &e);
 *	incident_poll(&inc, &e);			what others have written
 *	incident_release(&inc);
 */
#ifndef RECORD_INCIDENT_H
#define RECORD_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "record/journal.h"
#include "record/state.h"

enum inc_state { INC_NONE, INC_OPEN, INC_RESOLVED, INC_CLOSED };
enum step_state {
	STEP_TODO,		/* nothing was done yet */
	STEP_RUNNING,
	STEP_DONE,
	STEP_FAILED,
	STEP_SKIPPED,
	STEP_DOUBT,
};

/* One line of the timeline; parts of a long text are one entry. */
struct inc_entry {
	int64_t seq, at, rec, pid;
	enum event_kind kind;
	char *name;		/* the kind's word, also when unknown */
	char *by, *host, *step, *text;
	json_t *data;
	char *corrected;	/* what it should have said, or NULL */
	int64_t corrected_by;	/* seq of that correction */
	bool pinned, bad;
};

/* The outcome of a step that did all it could: a person has to do the rest, by a
 * line of their own. */
#define INC_WAITS "waits for a person"

struct inc_step {
	char *id;
	enum step_state state;
	int64_t started, ended;	/* wall ms; 0: not yet */
	int64_t seq;		/* of the line that set the state */
	int64_t job;		/* number of its last job, 0: none */
	int attempts;
	char *by;		/* who or what set the state */
	char *how;		/* "proven", "confirmed", "exit 0", ... */
	bool waits;		/* failed so far: for INC_WAITS */
	char *reason;		/* of a failure, skip or doubt */
	bool proof_lost;	/* its proof was seen to be false since */
};

struct inc_job {
	int64_t n, started, ended;
	char *step, *title, *outcome;	/* outcome NULL: not ended */
};

struct inc_role {
	char *role, *who;
	int64_t since, until;	/* until 0: still */
};

struct inc_severity {
	char *level, *why, *by;
	int64_t at;
};

enum hyp_state { HYP_OPEN, HYP_RULED_OUT, HYP_CONFIRMED };
struct inc_hypothesis {
	int64_t seq, ended;
	char *text, *why;
	enum hyp_state state;
};

struct inc_followup {
	int64_t seq;
	char *text, *owner, *due;
	bool done;
};

struct inc_field {
	char *name, *text;
};

struct inc_override {
	char *criterion, *why, *by;
	int64_t at;
};

struct inc_told {
	char *trigger, *who;
	int64_t since;		/* of the line that named them */
	int64_t at;		/* 0: still to be told */
	int64_t acked;		/* 0: no answer is known */
	bool by_hand;		/* somebody called them */
};

struct incident {
	char id[STATE_ID_MAX];
	char *dir;
	struct journal j;

	enum inc_state state;
	char *title, *severity, *alarm, *channel;
	char *site, *environment, *zone, *runbook, *runbook_sha, *site_sha;
	char *version;		/* of the program that opened it */
	int64_t opened, alerted, resolved, closed;	/* wall ms, 0: not */
	int64_t last_at;	/* of the newest line */
	int64_t last_update, next_update;
	bool data_risk, downtime, published, no_followups;
	char *published_where;
	/* names that `each` steps are repeated for, as they were at opening */
	VEC(char *) databases, legacy, disks;

	VEC(struct inc_entry) entries;
	VEC(struct inc_step) steps;
	VEC(struct inc_job) jobs;
	VEC(struct inc_role) roles;
	VEC(struct inc_severity) severities;
	VEC(struct inc_hypothesis) hypotheses;
	VEC(struct inc_followup) followups;
	VEC(struct inc_field) fields;
	VEC(struct inc_override) overrides;
	VEC(struct inc_told) told;
	VEC(char *) operators;
};

#define INCIDENT_INIT { .j = { .fd = -1 } }

bool incident_load(struct incident *inc, const char *dir, struct err *e);
/* From a journal file alone, read-only (tests, replay of an export). */
bool incident_load_file(struct incident *inc, const char *journal,
    struct err *e);
bool incident_poll(struct incident *inc, struct err *e);
void incident_release(struct incident *inc);

/* The open incident of the site (else, with resolved_too, the newest resolved
 * one); NULL in ret_id[0] when there is none. */
bool incident_current(const struct state *s, bool resolved_too,
    char ret_id[STATE_ID_MAX], struct err *e);

/* One event, by whoever we are; the first line of a person in an incident is
 * preceded by who that is. */
bool incident_append(struct incident *inc, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, int64_t *ret_seq, struct err *e);
bool incident_say(struct incident *inc, enum event_kind kind, const char *step,
    const char *text, const char *data, struct err *e);

const struct inc_step *incident_step(const struct incident *inc, const char *id);
const struct inc_role *incident_role(const struct incident *inc,
    const char *role);		/* who has it now, or NULL */
struct inc_entry *incident_entry(const struct incident *inc, int64_t seq);
const struct inc_override *incident_overridden(const struct incident *inc,
    const char *criterion);
/* Sets from here on are made since it was opened: one is named after the second of its
 * beginning. */
int64_t incident_since(const struct incident *inc);
/* "seq:hash" of the newest line. */
void incident_checkpoint(const struct incident *inc, struct buf *out);
const char *inc_state_name(enum inc_state s);
const char *step_state_name(enum step_state s);

#endif
