/*
 * restore: a database out of a set, into a scratch server to prove that it can be
 * done, or into a real one because it must be.
 *
 *	verify_part() with `keep` has left the raw archives in files
 *	struct restore_ask ask = { .part = part, .dump = &verified,
 *	    .globals = path };
 *	struct restore_done done = { 0 };
 *	if (restore_try(&scratch, &ask, &done, &e))
 *		done.ok ? proven() : broken(done.why.p);
 *	restore_done_release(&done);
 */
#ifndef BACKUP_RESTORE_H
#define BACKUP_RESTORE_H

#include "backup/compare.h"
#include "backup/scratch.h"
#include "backup/verify.h"

struct restore_ask {
	const struct set_part *part;
	const struct verify_done *dump;	/* with its archives kept */
	const char *globals;		/* raw SQL in a file; NULL: none */
	int jobs;			/* 0: as many as there are cores */
	int secret;			/* of restore_into(): a descriptor that the
					 * conninfo's passfile is; 0: none */
	struct verify_care *care;	/* NULL: none */
	void (*say)(void *ctx, const char *what);	/* a stage begins */
	void *ctx;
};

struct restore_done {
	bool ok;
	struct buf why;			/* when it is not */
	struct buf notes;		/* what was done differently, and why */
	struct compared found;
	int64_t took_ms;		/* until all data is back */
};

/* False: it could not be found out (no such extension here, cancelled): that says
 * nothing about the set. */
bool restore_try(struct scratch *s, const struct restore_ask *ask,
    struct restore_done *ret, struct err *e);
void restore_done_release(struct restore_done *d);

/* ---- for real ----------------------------------------------------------------- */

/* What the archives of a component hold, without reading them through. */
bool restore_toc(struct place *p, const char *dir, const struct set_part *part,
    const char *pg_restore, struct toc *ret, struct err *e);

/* What a target has and lacks. */
struct restore_target {
	int version;			/* 150020 */
	char *dbname, *user;
	int64_t tables, bytes;		/* that it has now */
	VEC(char *) roles, extensions;	/* that the archive needs and it lacks */
};
bool restore_look(struct pg *db, const struct toc *toc,
    struct restore_target *ret, struct err *e);
void restore_target_release(struct restore_target *t);

/* pg_restore into a database (a connection string without a password); over:
 * what is there in its place is dropped first. False: it did not work. */
bool restore_into(const char *pg_restore, const char *conninfo,
    const struct restore_ask *ask, bool over, struct err *e);
/* Bytes of disk that a scratch restore of so much raw dump takes. */
int64_t restore_room(int64_t raw);

#endif
