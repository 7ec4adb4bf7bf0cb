/*
 * precheck: may a migration run now? A row a question; each is answered yes, no or
 * unknown with one line that says what was seen, and what to do about it.
 *
 *	struct precheck p = { 0 };
 *	precheck_run(&p, &site, &state, &(struct precheck_ask){ 0 });
 *	for each of p.v: name, truth, why, next
 *	precheck_release(&p);
 *
 * What the site does not have (commands, an hour of the nightly) is no question
 * for it: `none`. Unknown counts like no. The freeze and the backup window are
 * apart (`held`): with after_freeze they are reported and do not count.
 */
#ifndef ACTION_PRECHECK_H
#define ACTION_PRECHECK_H

#include "base/pool.h"
#include "condition/condition.h"

/*	id		name			what it asks */
#define PRECHECKS(X)							\
	X(BACKUP, "backup", "everything has a verified copy within the RPO") \
	X(NIGHTLY, "nightly", "the last nightly ended well")		\
	X(FREEZE, "freeze", "deployments are not frozen")		\
	X(WINDOW, "window", "the backup window is closed")		\
	X(REPLICATION, "replication", "the standbys follow closely")	\
	X(LOCKS, "locks", "nobody waits for a lock, no transaction is old") \
	X(DISK, "disk", "the disks and stores have room")		\
	X(SECRETS, "secrets", "every login and key is there and works")	\
	X(SCHEMA, "schema", "the backup logins can read everything")	\
	X(RESTORE_TEST, "restore-test", "restores were proven in time")	\
	X(COMMANDS, "commands", "the site's own commands end with 0")
enum precheck_id {
#define X(id, name, help) PRECHECK_##id,
	PRECHECKS(X)
#undef X
	PRECHECK_COUNT
};
extern const char *const precheck_names[PRECHECK_COUNT];
extern const char *const precheck_helps[PRECHECK_COUNT];

struct precheck_row {
	enum precheck_id id;
	enum truth truth;
	bool none;		/* the site has nothing of the kind */
	bool counts;		/* not held back by after_freeze */
	const char *why, *next;	/* one line each, clean; next may be NULL */
};

struct precheck_ask {
	unsigned only;		/* bits 1u << id; 0: all */
	bool after_freeze;
	/* After each row; NULL: nobody. */
	void (*said)(void *ctx, const struct precheck_row *row);
	void *ctx;
};

struct precheck {
	struct pool pool;
	VEC(struct precheck_row) v;
	size_t lacking;		/* counted rows that are no or unknown */
	bool held;		/* by the freeze or the window, counted or not */
};

/* "secrets,disk" as bits; false with the word that is none. */
bool precheck_only(const char *words, unsigned *ret, struct err *e);
/* Ends within half a minute, and what the site's commands may take. */
void precheck_run(struct precheck *p, const struct site *site,
    const struct state *state, const struct precheck_ask *ask);
void precheck_release(struct precheck *p);

#endif
