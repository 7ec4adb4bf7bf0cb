/*
 * recover: a login that is broken, made to work again. Looked at first, without
 * changing anything: which kind of no it is, where the right password may still be,
 * what the server has of it, who else uses it. Then done, and proven.
 *
 *	struct recover r = { .ask = { site, state, db } };
 *	if (recover_look(&r, &e))		ERR_GUARD: no matter of a password
 *		... show r.mode, r.files, r.sessions ...
 *	if (recover_do(&r, &e))			in a job, confirmed
 *		... r.told says what was done ...
 *	recover_release(&r);
 *
 * At every instant some stored secret logs in: a new password is first kept
 * (recover_keep.c), durably and for its owner alone; then the server gets its
 * verifier; then it is proven by a login from outside; then the password files get
 * it; then it is forgotten. Cut off anywhere, the same call finishes the job. A
 * proof that fails brings the old verifier back.
 *
 * Whoever calls this holds secrets: secret_hold() first.
 */
#ifndef ACTION_RECOVER_H
#define ACTION_RECOVER_H

#include "base/mask.h"
#include "base/scram.h"
#include "base/vec.h"
#include "pg/passline.h"
#include "pg/pg.h"
#include "pg/schema.h"
#include "place/tunnel.h"
#include "record/state.h"
#include "site/spec.h"

struct recover_ask {
	const struct site *site;
	const struct state *state;
	const struct site_db *db;
	bool rotate;			/* a new password in any case */
	bool unlock, extend;		/* NOLOGIN, VALID UNTIL may be mended */
	bool end_sessions;		/* old sessions are ended afterwards */
	const char *identity;		/* of the cluster, as it must be; NULL */
	/* All of these may be NULL. Lines are masked. */
	void (*say)(void *ctx, const char *line);
	bool (*cancelled)(void *ctx);
	void *ctx;
};

enum recover_mode {
	RECOVER_NOTHING,		/* the login works, the files are right */
	RECOVER_FILES,			/* a password that is known goes there */
	RECOVER_NEW,			/* a new password */
};

/* Somewhere a password may be. */
struct recover_candidate {
	char *where;			/* "line 3 of '/home/ops/.pgpass'" */
	char *password;			/* zeroed when released */
	enum scram_match right;
	bool kept;			/* of a recovery that was cut off */
	bool same;			/* as one before it */
};

struct recover_session {
	int64_t pid;
	char *application, *address, *database, *since, *state;
	bool ours;
};

enum { RECOVER_LOGINS = 8 };
/* A password file that is to be written. */
struct recover_file {
	const char *spec;		/* as the site file names it */
	const struct site_place *at;	/* NULL: here */
	char *path;
	bool own;			/* the one that the site's login uses */
	bool there, right;		/* it exists; it needs no change */
	unsigned mode;
	enum passline_how how;		/* what will be done to it */
	char *why;			/* it cannot be written, or NULL */
};

/* What the superuser sees. */
struct recover_facts {
	bool known;
	bool super, standby, role, login, expired;
	int64_t version, limit;		/* connection limit, -1: none */
	char *identity, *until, *verifier, *primary;
};

struct recover {
	struct recover_ask ask;
	const char *role;
	struct passline logins[RECOVER_LOGINS];	/* [0]: the one that is mended */
	size_t n_logins;
	VEC(const char *) others;	/* databases that use the same login */

	bool works;			/* the login as it is */
	enum pg_no no;
	struct err why;			/* that it does not */
	struct recover_facts facts;
	struct err super_why;		/* why there are none */
	VEC(struct recover_candidate) candidates;
	VEC(struct recover_session) sessions;
	VEC(struct recover_file) files;
	VEC(char *) notes;		/* what else one should know */
	char *identity;			/* of the cluster, NULL: not known */

	enum recover_mode mode;
	const struct recover_candidate *chosen;	/* of RECOVER_FILES */
	bool unlock, extend;		/* are needed */
	bool resumed;			/* an earlier one was cut off */

	struct schema schema;		/* what it cannot read, afterwards */
	bool schema_known;
	bool changed;			/* the server's verifier is another now */
	bool rolled_back;
	VEC(char *) told;		/* what was done, in order */

	struct mask mask;
	struct site_spec spec;
	struct place_tunnel *tunnel;
};

/* False: stop here; e is why, and what to do instead (ERR_GUARD: it is no matter
 * of a password, or nothing may be changed there). */
bool recover_look(struct recover *r, struct err *e);
/* What was looked at is looked at once more before anything is changed. */
bool recover_do(struct recover *r, struct err *e);
void recover_release(struct recover *r);
/* Sessions of the role that are not midwatch's own. */
size_t recover_strangers(const struct recover *r);
const char *recover_mode_name(enum recover_mode mode);

/* ---- do the stored ones still log in? ------------------------------------------ */

struct recover_checked {
	const char *db;
	char *where;			/* "the login", "bastion:~/.pgpass" */
	bool ok;
	char *text;
};
struct recover_check {
	VEC(struct recover_checked) v;
	size_t bad;
};
/* Of one database, appended; the outcome is kept for the condition `secrets
 * valid`. */
void recover_check(struct recover_check *c, const struct site *site,
    const struct state *state, const struct site_db *db);
void recover_check_release(struct recover_check *c);

#endif
