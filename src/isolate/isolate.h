/*
 * isolate: the evidence for a cause. Readings of everything, what df and docker
 * say, the biggest files of the fullest disks, the ends of the site's logs, who
 * failed to log in, the last sets' checksums, what changed within a day; copied,
 * masked and hashed, then weighed. It only looks.
 *
 *	struct isolate i = { .site = &site, .state = &state,
 *	    .evidence.dir = dir, .say = say, .ctx = ctx };
 *	isolate_look(&i);
 *	isolate_journal(&i, &inc, &e);		an incident that is open
 *	isolate_release(&i);
 *
 * Nothing hangs it: each place has its deadline, and what could not be looked at
 * is said in `unseen`.
 */
#ifndef ISOLATE_ISOLATE_H
#define ISOLATE_ISOLATE_H

#include "isolate/cause.h"
#include "isolate/evidence.h"
#include "isolate/lines.h"
#include "isolate/walk.h"
#include "reading/probe.h"
#include "record/incident.h"

struct disk_walked {
	char *disk;
	struct walk walk;
};

/* Something that is not as it was a day ago. */
struct change {
	char *text;
	int64_t at;			/* wall ms */
};

struct isolate {
	const struct site *site;
	const struct state *state;
	void (*say)(void *ctx, const char *doing);
	bool (*stop)(void *ctx);
	void *ctx;

	struct evidence evidence;
	struct alarms alarms;
	int64_t now;
	struct readings readings;
	struct lines lines;
	VEC(struct disk_walked) walks;
	VEC(struct cause_sum) sums;
	VEC(struct change) changes;
	VEC(char *) overlaps;		/* runs that were not one after the other */
	VEC(char *) refusals;		/* logins, as the record has them */
	VEC(char *) unseen;
	struct causes causes;

	/* what isolate_journal() wrote, and what was there already */
	size_t said, said_before;
};

void isolate_look(struct isolate *i);
/* Evidence, lines of logs at their own times, and suspicions, each once however
 * often it is called. What is ruled out by readings is said to be. */
bool isolate_journal(struct isolate *i, struct incident *inc, struct err *e);
/* Before looking: what the incident's record has already. */
void isolate_know(struct isolate *i, const struct incident *inc);
void isolate_release(struct isolate *i);

#endif
