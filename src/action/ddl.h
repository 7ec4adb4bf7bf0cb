/*
 * ddl: event triggers that refuse changes of a schema while the site is frozen
 * (freeze.block_ddl), in every database that has a superuser way.
 *
 *	struct ddl all = { 0 };
 *	ddl_block(&site, "frozen by ama: the nightly failed", NULL, &all);
 *	for (size_t i = 0; i < all.v.n; i++) ... all.v.v[i].how
 *	ddl_release(&all);
 *
 * Refused are commands that change what a dump describes. Temporary tables,
 * rights, comments and maintenance (REINDEX, REFRESH, VACUUM) go on, and so does
 * any session with `midwatch.pass = on`, which is how our own restore and whoever
 * mends a database get through. What is about whole servers (roles, databases)
 * fires no event trigger.
 *
 * All of it is in the schema midwatch_freeze and belongs to the extension plpgsql
 * while it is there, so that no dump carries it.
 */
#ifndef ACTION_DDL_H
#define ACTION_DDL_H

#include "base/err.h"
#include "base/vec.h"
#include "site/site.h"

enum ddl_how {
	DDL_REFUSED,		/* installed, and seen to refuse */
	DDL_FREE,		/* nothing of ours is there */
	DDL_STANDBY,		/* it takes no changes anyway */
	DDL_NO_WAY,		/* the site names no superuser way */
	DDL_FAILED,
};

struct ddl_one {
	const struct site_db *db;
	enum ddl_how how;
	char why[300];		/* of a failure */
};
struct ddl {
	VEC(struct ddl_one) v;
};

/* One database after the other; said is told after each (NULL: nobody). */
typedef void ddl_said(void *ctx, const struct ddl_one *one);
void ddl_block(const struct site *site, const char *message, ddl_said *said,
    void *ctx, struct ddl *ret);
void ddl_unblock(const struct site *site, ddl_said *said, void *ctx,
    struct ddl *ret);
/* What is there now: DDL_REFUSED here means installed. */
void ddl_look(const struct site *site, struct ddl *ret);
void ddl_release(struct ddl *all);

/* How a row is said: "otc: schema changes are refused". */
void ddl_say(const struct ddl_one *one, struct buf *out);
const char *ddl_how_name(enum ddl_how how);

/* For the options of a session that is to get through. */
#define DDL_PASS "-c midwatch.pass=on"

#endif
