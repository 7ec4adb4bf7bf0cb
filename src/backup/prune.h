/*
 * prune: removing what may go from a store: first a plan, then exactly that.
 *
 *	struct prune_plan plan = { 0 };
 *	if (prune_look(&plan, &ask, 0, place, &e) && confirmed(&plan))
 *		prune_run(&plan, &ask, 0, place, &care, &e);
 *	prune_release(&plan);
 *
 * prune_run() makes the plan again from what the store says then, and does only
 * what is in both and has not changed in between: files, sizes, times and the
 * manifest. It stops at the first surprise. What the store refuses to remove
 * stays in the list with the reason.
 *
 * A set is first renamed to `.partial`, which no reader takes for a backup, then
 * loses its manifest, then the rest. Killed in between, it is an unfinished set
 * like any other. An unfinished set goes when its run (backup/lock.h) has ended
 * and it was left alone for a while, or for a day where nothing says whose it
 * is. Of strays only regular files go, by the site's patterns, a day old; never
 * a directory, nothing behind a link, nothing in a database's own directory.
 */
#ifndef BACKUP_PRUNE_H
#define BACKUP_PRUNE_H

#include "backup/retention.h"
#include "record/state.h"

#define PRUNE_KINDS(X)							\
	X(SET, "set")			/* beyond what retention keeps */ \
	X(PARTIAL, "partial")		/* unfinished, and nobody's */	\
	X(ORPHAN, "orphan")		/* a file that the patterns name */ \
	X(LEFTOVER, "leftover")		/* the same, inside a set */	\
	X(PROMOTE, "promote")		/* moved into weekly/ */
#define PRUNE_KIND_(id, word) PRUNE_##id,
enum prune_kind { PRUNE_KINDS(PRUNE_KIND_) PRUNE_KIND_COUNT };
#undef PRUNE_KIND_
const char *prune_kind_name(enum prune_kind k);

enum prune_fate { PRUNE_PLANNED, PRUNE_DONE, PRUNE_LEFT };

struct prune_item {
	enum prune_kind kind;
	size_t store;			/* which of the ask's */
	char *path;			/* below the store's folder; once it was
					 * renamed, that name */
	int64_t size, at;		/* bytes; wall ms of the set or file */
	char *reason;
	char mark[SHA_HEX];		/* of all that is in it */
	enum prune_fate fate;
	char *left;			/* why it is still there */
};

/* What looks as if it could go, and stays. */
struct prune_kept {
	size_t store;
	char *path, *reason;
};

struct prune_plan {
	VEC(struct prune_item) v;
	VEC(struct prune_kept) kept;
};

/* Whose an unfinished set is, as a phrase behind why, and how long (ms) it must
 * have been left alone before it may go; INT64_MAX: somebody is writing it. False:
 * the store does not say. */
bool prune_whose(const struct sets *s, struct place *p, const struct set *set,
    struct buf *why, int64_t *ret_quiet, struct err *e);

/* backup_lock_take() by this name keeps two from pruning at once; no database can
 * have it. */
#define PRUNE_LOCK "-cleanup"

struct prune_ask {
	const struct keep_ask *keep;
	const struct sets_ask *look;	/* how a store is read again */
	const struct state *state;	/* whose locks say who works; or NULL */
};

/* Adds what may go from one store. False: it could not be looked at. */
bool prune_look(struct prune_plan *plan, const struct prune_ask *ask,
    size_t store, struct place *p, struct err *e);
/* Bytes that it frees, and a code that stands for these very items. */
int64_t prune_size(const struct prune_plan *plan);
void prune_code(const struct prune_plan *plan, char out[9]);

enum prune_step {
	PRUNE_BEGINS,			/* nothing has happened yet */
	PRUNE_RENAMED, PRUNE_REMOVED,	/* one thing was done; path says what */
	PRUNE_ENDS			/* the item's fate is known */
};

struct prune_care {
	/* Asked and told of every step; false stops before the next one. */
	bool (*step)(void *ctx, const struct prune_item *i,
	    enum prune_step step, const char *path, struct err *e);
	bool (*cancelled)(void *ctx);
	void *ctx;
};

/* True: every planned item of that store is done. False: some are left, e says
 * why the first of them is. */
bool prune_run(struct prune_plan *plan, const struct prune_ask *ask,
    size_t store, struct place *p, const struct prune_care *care,
    struct err *e);
void prune_release(struct prune_plan *plan);

#endif
