/*
 * unsafe: which databases and components have no verified copy that is younger than
 * a moment, worst first.
 *
 *	struct unsafe u = { 0 };
 *	unsafe_find(&u, site, state, since, cancelled, ctx);
 *	for each of u.v: name, newest (0: none), took_ms of the last ones
 *	unsafe_release(&u);
 *
 * A store that cannot be read proves nothing: what only it may hold is unsafe.
 */
#ifndef BACKUP_UNSAFE_H
#define BACKUP_UNSAFE_H

#include "backup/sets.h"
#include "record/state.h"
#include "site/site.h"

struct unsafe_one {
	const char *name;		/* the site's */
	bool is_db;
	int64_t newest;			/* wall ms of its verified copy; 0: none */
	int64_t took_ms;		/* usually; -1: not known */
};

struct unsafe {
	VEC(struct unsafe_one) v;
	size_t safe;			/* how many are not in it */
	struct buf unread;		/* stores that could not be read, and why */
};

/* state may be NULL. */
void unsafe_find(struct unsafe *u, const struct site *site,
    const struct state *state, int64_t since, bool (*cancelled)(void *ctx),
    void *ctx);
void unsafe_release(struct unsafe *u);

#endif
