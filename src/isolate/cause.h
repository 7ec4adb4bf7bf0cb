/*
 * cause: what may have been the reason, by what was really read: each suspicion
 * with what speaks for it and what against. Pure.
 *
 *	struct causes all = { 0 };
 *	causes_weigh(&all, &(struct cause_input){ .site = site,
 *	    .readings = &readings, .lines = &lines, .now = now });
 *	for (size_t i = 0; i < all.v.n; i++)
 *		use(all.v.v[i].verdict, all.v.v[i].speaks_for.v[0]);
 *	causes_release(&all);
 */
#ifndef ISOLATE_CAUSE_H
#define ISOLATE_CAUSE_H

#include "isolate/lines.h"
#include "isolate/walk.h"
#include "reading/reading.h"
#include "site/site.h"

/*	id		name			as a hypothesis			*/
#define CAUSES(X)							\
	X(RETENTION, "retention", "retention was not enforced")		\
	X(CREDENTIALS, "credentials", "credentials have drifted")	\
	X(WAL, "wal", "WAL is retained")				\
	X(LEFTOVERS, "leftovers", "containers' leftovers fill the disk")	\
	X(ZONE, "schedule", "the schedule is not what the site says")	\
	X(UPLOAD, "upload", "an upload was not verified")		\
	X(OVERLAP, "overlap", "runs overlapped")			\
	X(SIZE, "size", "a backup has an unusual size")			\
	X(HARDWARE, "hardware", "hardware or the file system is at fault")

enum cause_id {
#define X(id, name, text) CAUSE_##id,
	CAUSES(X)
#undef X
	CAUSE_COUNT
};

enum cause_verdict {
	CAUSE_UNKNOWN,			/* nothing could be read about it */
	CAUSE_SUSPECTED,		/* something speaks for it */
	CAUSE_UNLIKELY,			/* all that was read speaks against it */
};
const char *cause_verdict_name(enum cause_verdict v);

struct reasons {
	VEC(char *) v;			/* sentences */
};

struct cause {
	enum cause_id id;
	const char *name, *text;
	struct reasons speaks_for, against, unknown;
	enum cause_verdict verdict;
};

/* A disk that was walked. */
struct cause_walk {
	const char *disk;
	const struct walk *walk;
};
/* A file of a set that was read where it lies. */
struct cause_sum {
	char *store, *path;		/* "nightly/20250214T021000Z/otc.dump.gz" */
	bool same;
	char *why;			/* it is not, or it was not read; NULL */
	bool read;
};

struct cause_input {
	const struct site *site;
	const struct readings *readings;
	const struct lines *lines;	/* may be NULL */
	const struct cause_walk *walks;
	size_t n_walks;
	const struct cause_sum *sums;
	size_t n_sums;
	const char *const *overlaps;	/* of runs, as sentences */
	size_t n_overlaps;
	const char *const *refusals;	/* of logins that work by now */
	size_t n_refusals;
	int64_t now;
};

struct causes {
	VEC(struct cause) v;		/* one of each, in the table's order */
};

void causes_weigh(struct causes *all, const struct cause_input *in);
void causes_release(struct causes *all);

#endif
