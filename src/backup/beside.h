/*
 * beside: a database restored beside the one that it is to replace. They change
 * names when all is there and compared; the old one stays, under another name.
 *
 *	struct beside b = { .login = &login, .db = "otc", .made = "otc_restored",
 *	    .kept = "otc_damaged" };
 *	beside_make(&b, &e)			like the old one, but empty
 *	... restore into it, compare ...
 *	beside_swap(&b, &e) || beside_drop(&b, NULL)
 *
 * The login goes to another database of the same server (postgres, else
 * template1) and may create and rename databases.
 */
#ifndef BACKUP_BESIDE_H
#define BACKUP_BESIDE_H

#include "pg/pg.h"

struct beside {
	const struct pg_spec *login;	/* to the one that is replaced */
	const char *db, *made, *kept;	/* their names */
	bool end_sessions;		/* of others, when names change */
};

/* Who is logged in there now; names: a few of them. */
bool beside_sessions(const struct beside *b, int64_t *ret_n, struct buf *names,
    struct err *e);
/* May that login make a database and give it the old one's name? ERR_GUARD: no. */
bool beside_may(const struct beside *b, struct err *e);
/* Owner, encoding, locale, rights and settings are those of the old one. */
bool beside_make(const struct beside *b, struct err *e);
/* False: the names are as they were; ERR_GUARD: somebody is logged in. */
bool beside_swap(const struct beside *b, struct err *e);
bool beside_drop(const struct beside *b, struct err *e);

#endif
