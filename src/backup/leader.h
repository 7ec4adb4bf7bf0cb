/*
 * leader: the session that makes several pg_dumps one. It exports a snapshot and
 * holds a lock on every table, so that none of them finds a table changed or
 * gone; and it splits the tables among them by size.
 *
 *	jobs = leader_jobs(&way, &facts, asked, &why);
 *	if (jobs > 1 && leader_begin(&l, &way, &facts, jobs, &e))
 *		for each of l.groups: dump_database(... l.snapshot ...)
 *	leader_beat(&l, &e)		now and then, while they run
 *	leader_holds(&l, &e)		before what they wrote is believed
 *	leader_end(&l)
 *
 * The session is the way's own, and nothing the server, the database or the role
 * says of timeouts ends it. The first group is everything that the others do not
 * name, large objects and small tables included: nothing is left out.
 */
#ifndef BACKUP_LEADER_H
#define BACKUP_LEADER_H

#include "backup/preflight.h"

enum { LEADER_JOBS = 16 };

/* Tables as pg_dump's patterns, each of which fits one name and nothing else. */
struct leader_group {
	VEC(const char *) only;		/* of the first one: none */
	int64_t bytes;
};

struct leader {
	struct pool pool;
	struct way *way;		/* NULL: there is no leader */
	const char *snapshot;
	VEC(struct leader_group) groups;
	VEC(const char *) without;	/* what the first one leaves out */
	int64_t beat_ms;
};

/* How many at once: what is asked for, or for 0 what the cores of the server and
 * of this host can do; 1 where one stream is enough or where there can be no
 * more, and then why says so. */
int leader_jobs(struct way *w, const struct db_facts *facts, int asked,
    struct buf *why);

/* ERR_BUSY: somebody holds a lock on a table. */
bool leader_begin(struct leader *l, struct way *w,
    const struct db_facts *facts, int jobs, struct err *e);
/* False: the session is gone, and with it what made the dumps fit together. */
bool leader_beat(struct leader *l, struct err *e);
bool leader_holds(struct leader *l, struct err *e);	/* asks it now */
void leader_end(struct leader *l);	/* one that never began is fine */

#endif
