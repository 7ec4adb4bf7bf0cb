/*
 * schema: what of a database a role cannot read and a dump would need: the name
 * of each object, and the statement that would mend it.
 *
 *	struct schema s = { 0 };
 *	if (schema_look(db, NULL, deadline, &s, &e) && s.total == 0)
 *		... everything can be read ...
 *	for (size_t i = 0; i < s.v.n; i++)
 *		say(s.v.v[i].kind, s.v.v[i].name, s.v.v[i].grant);
 *	schema_release(&s);
 *
 * Looked at as the dump would: tables, their schemas, sequences, rows that row
 * security hides, large objects. Extensions bring their own tables, which are
 * not dumped.
 */
#ifndef PG_SCHEMA_H
#define PG_SCHEMA_H

#include "base/json.h"
#include "base/vec.h"
#include "pg/pg.h"

enum { SCHEMA_NAMED = 500 };		/* more are only counted */

struct schema_gap {
	const char *kind;		/* "schema", "table", "sequence", "rows",
					 * "large objects" */
	char *name;			/* as SQL would write it */
	char *grant;			/* one statement, without its dot */
};

struct schema {
	VEC(struct schema_gap) v;
	int64_t total;			/* of them, named or not */
	char *role;
	char *cure;			/* what mends most of it at once, or NULL */
};

/* role NULL: the session's own. Any role that can log in may ask. */
bool schema_look(struct pg *db, const char *role, int64_t deadline_ms,
    struct schema *ret, struct err *e);
void schema_release(struct schema *s);
/* "table a.b, table a.c and 3 more" */
void schema_names(const struct schema *s, size_t most, struct buf *out);

/* The same for who asks by other means: one statement that gives one JSON value,
 * and what to make of it. */
void schema_sql(const char *role, struct buf *out);
bool schema_take(const json_t *answer, struct schema *ret, struct err *e);

#endif
