/*
 * schema: what a role would have to read for a dump and may not, and the GRANT
 * that mends it. A login alone is not enough: one table that cannot be read ends
 * a dump.
 *
 *	struct schema s = { 0 };
 *	if (schema_look(&way, "backup", deadline, &s, &e) && s.missing > 0)
 *		for each of s.v: kind, name, lacks, mend
 *	schema_release(&s);
 *
 * Asked through any way in: the role's own login, or the superuser way for a role
 * that cannot log in yet. Read-only.
 */
#ifndef BACKUP_SCHEMA_H
#define BACKUP_SCHEMA_H

#include "backup/way.h"

struct schema_gap {
	const char *kind;	/* "schema", "table", "sequence", "row security",
				 * "large object" */
	const char *name;	/* quoted as in SQL: public."Orders" */
	const char *lacks;	/* "USAGE", "SELECT", "BYPASSRLS" */
	const char *mend;	/* one statement without its semicolon */
};

struct schema {
	json_t *answer;		/* holds the words */
	const char *role;
	int64_t checked;	/* tables and sequences */
	int64_t missing;	/* all gaps; the list has the first 50 */
	VEC(struct schema_gap) v;
	/* One statement for all that can be read by rights (PostgreSQL 14 and
	 * later); NULL: there is none */
	const char *mend_all;
};

/* role NULL: whoever the way logs in as. ERR_NOTFOUND: there is no such role. */
bool schema_look(struct way *w, const char *role, int64_t deadline_ms,
    struct schema *ret, struct err *e);
/* "3 of 120 cannot be read by backup: table public."Orders" (SELECT), ..." */
void schema_say(const struct schema *s, struct buf *out);
/* What to run, all of it in one line: "GRANT ...; GRANT ..." */
void schema_mend(const struct schema *s, struct buf *out);
void schema_release(struct schema *s);

#endif
