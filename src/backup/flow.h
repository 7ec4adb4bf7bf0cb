/*
 * flow: one source, packed and hashed in one pass, to several stores at once, in
 * bounded memory and without a byte on a disk of ours.
 *
 *	pg_dump --> raw --+--> gz --> SHA-256 --> store, store, ...
 *			  '--> the reader that proves the end (pg_restore -f -)
 *
 * Every part is a process of its own and the middle is one poll loop: what hangs
 * is given up. A store that is slow or fails costs only itself as long as another
 * one goes on; each has its own truth. A dropped upload goes on behind the last
 * acknowledged byte while the source waits.
 *
 *	struct flow_spec spec = { .argv = argv, .file = "otc.dump.gz", ... };
 *	struct flow_done done = { 0 };
 *	if (flow_run(&spec, &care, &done, &e))
 *		for each store: done.stores.v[i].sent ...
 *	flow_done_release(&done);
 */
#ifndef BACKUP_FLOW_H
#define BACKUP_FLOW_H

#include "backup/counts.h"
#include "backup/gz.h"
#include "place/place.h"

/* One store's side: the set's `.partial` folder there, which exists. */
struct flow_store {
	const char *name;
	const struct place_spec *at;	/* NULL: here */
	const char *dir;
	bool must;			/* `to`; false: `also` */
};

struct flow_spec {
	/* The source: argv at a place, its standard output. */
	const struct place_spec *at;	/* NULL: here */
	const char *const *argv;
	/* Secret for its standard input (a password line that a fixed wrapper
	 * reads there), or for a memfd whose path is put in place of "{passfile}"
	 * in env (here). NULL: none. */
	const char *secret;
	const char *const *env;		/* "NAME=value"..., here only */
	int ok_exits;			/* bits: 1 << status; 0: only 0 (tar: 0, 1) */

	/* Reads the raw bytes to their end and must exit with 0; NULL: none. */
	const char *const *proof_argv;
	bool counts;			/* it writes a dump as SQL: its rows
					 * are counted on the way */

	const char *file, *index;	/* names in the set; index NULL: none */
	enum gz_level level;
	const struct flow_store *stores;
	size_t n_stores;
	char *const *gone;		/* by store: why it is not tried any more;
					 * NULL: all of them are */
	int64_t expected;		/* raw bytes, for progress; 0: not known */
	int64_t source_stall_ms;	/* no byte for so long; 0: 10 min */
	int64_t store_stall_ms;		/* nothing acknowledged; 0: 2 min */
	int64_t deadline_ms;		/* of all of it, monotonic; 0: none */
};

/* What moves, twice a second. */
struct flow_progress {
	int64_t raw, packed, expected;
	int64_t acknowledged;		/* by the slowest store that goes on */
	double raw_per_s, packed_per_s;
	const char *bottleneck;		/* "pg_dump", "gzip", "nas", or "" */
	int64_t eta_ms;			/* -1: not known */
};

struct flow_care {
	void (*progress)(void *ctx, const struct flow_progress *p);
	bool (*cancelled)(void *ctx);
	/* What source and proof wrote to standard error, a line at a time. */
	void (*said)(void *ctx, const char *who, const char *line);
	void *ctx;
};

struct flow_proc {
	const char *name;
	int exit;			/* 0..255; 128 + signal; -1: never seen */
	char said[400];			/* the end of its standard error */
};

struct flow_sent {
	const struct flow_store *store;
	bool sent;			/* all of it, synced there, size right */
	int64_t acknowledged;
	unsigned links;			/* connections that it took */
	char why[400];			/* when it was not */
	bool gone;			/* and another one would wait as long */
};

struct flow_done {
	int64_t raw, packed, took_ms;
	char sha256[SHA_HEX];		/* of the packed bytes */
	struct buf index;		/* as it was written to the stores */
	char index_sha256[SHA_HEX];
	VEC(struct flow_proc) procs;	/* source, gzip, proof */
	bool counted;			/* the proof ended well, and */
	struct counts counts;		/* sorted */
	VEC(struct flow_sent) stores;
	bool no_store;			/* it ended for want of one */
};

/* True: the source and the proof ended well and every `must` store has all of
 * it. False: e says which part failed and what to do; *ret has each part's own
 * truth either way. Partial files stay for the caller to remove. */
bool flow_run(const struct flow_spec *spec, const struct flow_care *care,
    struct flow_done *ret, struct err *e);
/* n of them that belong together, at most so many at once, begun in their order:
 * when one fails the others are ended, and ret[] of those that were not begun
 * stays empty; but a store that fails costs only itself as long as another one has
 * all, and one that is gone is not waited for again. Progress is that of all. */
bool flow_run_all(const struct flow_spec *specs, size_t n, size_t at_once,
    const struct flow_care *care, struct flow_done *ret, struct err *e);
void flow_done_release(struct flow_done *d);

#endif
