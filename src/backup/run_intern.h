/*
 * What the files of a run share: run.c is its course, run_part.c what happens to
 * one component, run_many.c what is dumped in parallel, run_end.c how a set is
 * written and told.
 */
#ifndef BACKUP_RUN_INTERN_H
#define BACKUP_RUN_INTERN_H

#include "backup/dump.h"
#include "backup/flow.h"
#include "backup/leader.h"
#include "backup/lock.h"
#include "backup/run.h"
#include "backup/shelf.h"

/* One archive of a component. */
struct piece {
	const char *file, *index;	/* as seen from the set */
	const char *counts;		/* rows of its tables; NULL: none */
	struct buf rows;		/* what is in that file */
	char rows_sha256[SHA_HEX];
	struct flow_done flow;
};

struct item {
	size_t part;			/* its place in done->parts */
	const struct site_db *db;	/* also of globals */
	const struct site_component *component;
	enum way_kind way;
	struct db_facts facts;
	struct dump_tools tools;
	bool ready;			/* nothing is in the way */
	bool sent_only;			/* nobody could read it to its end */
	int64_t expected, estimate;	/* raw and packed bytes */
	int64_t started, finished;	/* wall ms */
	const char *program, *version;
	const char *dir;		/* of several pieces; NULL: it is one */
	VEC(struct piece) pieces;
	int64_t raw, packed, took_ms;	/* of all of them */
	const char *snapshot;
};

struct run {
	const struct run_ask *ask;
	const struct run_care *care;
	struct run_done *done;
	struct pool *pool;		/* the preflight's */
	struct shelf shelves[RUN_STORES];
	size_t n_shelves;
	VEC(struct item *) items;
	bool tidying;			/* cancelling is over: only clean up */
};

struct run_part *run_part_of(struct run *r, const struct item *it);
void run_say(struct run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void run_journal(struct run *r, const char *text, const struct buf *data);
bool run_cancelled(void *ctx);		/* of a struct run */
/* Does it go to that shelf? Not to a dead one, nor where it has no room. */
bool run_takes(struct run *r, const struct item *it, size_t shelf);

struct piece *run_add_piece(struct run *r, struct item *it, const char *dir,
    const char *file);

/* run_part.c */
void run_part_look(struct run *r, struct item *it);
void run_part_dump(struct run *r, struct item *it);
void run_part_fails(struct run *r, struct item *it, const char *next,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void run_part_warns(struct run *r, struct item *it, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What several are to have in common: at_once of them run under a leader. */
struct together {
	struct leader *leader;
	const int64_t *shares;		/* raw bytes of each */
	size_t at_once;
};
/* False: several failed, by no fault of the stores, and e says how; nothing of them
 * is judged yet. tog NULL: it is one. */
bool run_part_stream(struct run *r, struct item *it, struct dump *d, size_t n,
    const struct together *tog, struct err *e);
/* Nothing of its files stays on that shelf. */
bool run_part_drop(struct run *r, struct item *it, struct shelf *s);

/* run_lock.c. False: somebody else has it, and that was said. */
bool run_lock_here(struct run *r, struct item *it, struct backup_lock *l);
/* It lives as long as the session of w. */
bool run_lock_there(struct run *r, struct item *it, struct way *w);

/* run_many.c: its dumps under one snapshot. False: it is to be one stream. */
bool run_part_many(struct run *r, struct item *it, struct way *w);

/* run_end.c */
void run_publish(struct run *r);

#endif
