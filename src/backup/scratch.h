/*
 * scratch: a PostgreSQL of our own to try a restore in: made in a private folder
 * on a disk with room, on a Unix socket that only we may use, and gone afterwards,
 * also when we are killed (the server dies with us, the next run removes the
 * folder).
 *
 *	struct scratch s = { 0 };
 *	scratch_sweep(NULL);			what a killed run left
 *	if (scratch_open(&s, &(struct scratch_ask){ .need = bytes }, &e)) ...
 *		pg_open(&s.login, ...)
 *	scratch_close(&s);
 *
 * Nothing in it is kept safe (no fsync), and it listens nowhere. A dump's code
 * runs in it with all rights inside, as the user who runs us; where that is root,
 * as `postgres` or `nobody`.
 */
#ifndef BACKUP_SCRATCH_H
#define BACKUP_SCRATCH_H

#include <sys/types.h>

#include "base/proc.h"
#include "pg/pg.h"

struct scratch_ask {
	const char *dir;		/* where; NULL: a disk with room */
	int64_t need;			/* bytes, of it all */
	int version;			/* major, at least; 0: any */
	bool (*cancelled)(void *ctx);	/* NULL: never */
	void *ctx;
};

struct scratch {
	char *dir;			/* ours; files/ is for the caller */
	char *files;
	char *bin;			/* of the server's programs */
	int version;			/* major */
	pid_t pid;			/* 0: it does not run */
	struct pg_spec login;		/* its superuser, to `postgres` */
	const char *user;		/* NULL: who runs us */
	uid_t uid;
	gid_t gid;
	bool globals_tried;		/* roles are made once, for all of a set */
	char *globals_why;		/* why they could not be; NULL: they were */
};

/* ERR_GUARD: no disk has the room (how much is missing is said), or there is no
 * PostgreSQL of that version here. */
bool scratch_open(struct scratch *s, const struct scratch_ask *ask,
    struct err *e);
void scratch_close(struct scratch *s);		/* NULLs and half-made are fine */

/* Removes what runs that were killed have left, and ends what of it still runs;
 * how many. dir as in scratch_ask. */
size_t scratch_sweep(const char *dir);

/* The folder of pg_restore, initdb and postgres of at least that major version;
 * caller frees. */
char *scratch_programs(int want, int *ret_version, struct err *e);

/* A folder for a restore without a server, with the same care: marked, private,
 * and swept. Caller frees; remove it with scratch_folder_end(). */
char *scratch_folder(const char *dir, int64_t need, struct err *e);
void scratch_folder_end(char *path);

#endif
