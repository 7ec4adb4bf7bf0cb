/*
 * condition: a question about the world with the answer yes, no or unknown.
 *
 *	backup otc verified since-open		every disk below 80
 *	not frozen				step freeze done
 *
 * The table of questions is shared by linter, help and engine. What cannot be
 * read, or was read too long ago, is unknown, and unknown passes no gate.
 */
#ifndef CONDITION_CONDITION_H
#define CONDITION_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "record/incident.h"
#include "site/site.h"
#include "reading/reading.h"

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

struct cond_row;
struct cond {
	const struct cond_row *row;
	const char *text;	/* as it was written */
	bool negated;
	const char *name;	/* of the database, disk, step, ...; NULL */
	const char *word;	/* sent|verified|restorable, SEV-1, a path, ... */
	int64_t number;		/* percent, bytes or milliseconds */
	bool since_open;
	int64_t within_ms;	/* 0: no age asked */
};

/* Readings that questions have needed so far. Zeroed: none. */
struct cond_picture {
	struct readings all;
	VEC(const char *) kinds;	/* the ones that are in it */
};
void cond_picture_release(struct cond_picture *p);

struct cond_world {
	const struct site *site;	/* may be NULL */
	const struct state *state;	/* may be NULL */
	const struct incident *inc;	/* may be NULL */
	int64_t now;			/* wall ms */
	struct cond_picture *picture;	/* NULL: read for each question */
	bool fresh;			/* read now: what a running feed has
					 * seen may be from before */
};

/* Strings of the result live in the pool. */
bool cond_parse(struct pool *p, const char *text, struct cond *ret,
    struct err *e);
/* Names in it against the site and the runbook's step ids; false with e. */
bool cond_check(const struct cond *c, const struct site *site,
    const char *const *step_ids, size_t n, struct err *e);
/* why: one line that says what was seen, or why it is not known. */
enum truth cond_ask(const struct cond *c, const struct cond_world *w,
    struct buf *why);
const char *truth_name(enum truth t);
/* The same question, negated or not. */
bool cond_same(const struct cond *a, const struct cond *b);
/* The step that it asks about (`step ID done`), or NULL. */
const char *cond_step(const struct cond *c);
/* Nothing but a line that a person adds makes it true: waiting does not. */
bool cond_by_person(const struct cond *c);
/* False: it asks for what the site file names none of, so no waiting answers it. */
bool cond_named(const struct cond *c, const struct site *site);
/* The table as text, for help and the runbook manual. */
void cond_help(struct buf *out);

#endif
