/*
 * retention: which sets may go, which stay, and why. Pure: what was read from
 * the stores goes in, a verdict with a sentence for each set comes out.
 *
 *	struct keep_ask ask = { .stores = shelves, .n_stores = 2,
 *	    .parts = parts, .n_parts = n, .policy = &site->retention,
 *	    .now = clock_wall_ms() };
 *	struct keeps k = { 0 };
 *	keep_judge(&ask, &k);
 *	keeps_release(&k);
 *
 * Everything is counted per component, on each store by itself, over verified
 * copies alone (also those in `.incomplete` sets), by the time in the set's name.
 * A set may go when none of its components keeps it:
 *
 * - of nightly/ and weekly/ the newest verified copies stay, as many as the
 *   policy says; any other copy stays until so many verified ones are newer;
 * - emergency/ stays for its time, manual/ until it is removed by hand;
 * - the newest verified copy of a component, in whatever class, stays;
 * - so does every copy of a component of which none was verified later;
 * - nothing goes of a component whose last run failed, until a verified copy is
 *   newer than that failure;
 * - nothing at all goes while a database lacks a verified copy made since the
 *   incident opened;
 * - what is dated in the future, damaged, unread or of another site stays, and
 *   is no reason for anything else to go.
 *
 * The first verified nightly of a week (site zone, from Monday) is to be moved
 * into weekly/, once a newer one is there: the last one stays where it was said to
 * be. The plan is at rest: carried out and made again it is empty.
 */
#ifndef BACKUP_RETENTION_H
#define BACKUP_RETENTION_H

#include "backup/sets.h"
#include "site/site.h"

/* A component, by all its names. */
struct keep_part {
	const char *const *names;
	size_t n;
	bool database;
	int64_t failed_at;		/* its last run failed, wall ms; 0: no */
};

struct keep_store {
	const struct sets *sets;
	bool whole;			/* sets_read() was true: else all stays */
};

struct keep_ask {
	const struct keep_store *stores;
	size_t n_stores;
	const struct keep_part *parts;	/* of the site; of another one in a set
					 * its name there is its only name */
	size_t n_parts;
	const struct site_retention *policy;
	int64_t now;			/* wall ms */
	int64_t opened;			/* of the open incident; 0: none is */
};

enum keep_verdict { KEEP_STAYS, KEEP_GOES, KEEP_PROMOTED };

struct keep {
	const struct set *set;
	size_t store;			/* which of ask.stores */
	enum keep_verdict verdict;
	char *why;
};

/* A verdict for every set that is not `.partial`; stores and sets in the order
 * in which they were given. */
struct keeps {
	VEC(struct keep) v;
};

void keep_judge(const struct keep_ask *ask, struct keeps *ret);
const struct keep *keeps_find(const struct keeps *k, size_t store,
    const char *path);
void keeps_release(struct keeps *k);
/* A database without a verified copy made since then (wall ms), on any store;
 * NULL: every one has one. */
const char *keep_lacking(const struct keep_ask *ask, int64_t since);

/* The parts of a site; names live as long as the site. */
struct keep_parts {
	VEC(struct keep_part) v;
};
void keep_parts_of(const struct site *site, struct keep_parts *ret);
void keep_parts_release(struct keep_parts *p);

#endif
