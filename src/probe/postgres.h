/*
 * postgres: how a database is read, in three parts. postgres_ask.c has the
 * questions and turns their answers into facts; postgres_say.c says what the
 * facts mean; postgres.c drives many databases in one poll loop, reaching some
 * of them through postgres_way.c's tunnels. Only for these four files and their
 * tests; everybody else reads the facts (listed in postgres.c) in a reading.
 */
#ifndef PROBE_POSTGRES_H
#define PROBE_POSTGRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/vec.h"
#include "pg/pg.h"
#include "site/site.h"
#include "reading/reading.h"

/* ---- questions ------------------------------------------------------------ */

enum { POSTGRES_QUESTIONS = 20 };

/* What is known from one question, kept until it is asked again. */
struct postgres_answer {
	json_t *facts;			/* NULL: not known */
	int64_t asked;			/* monotonic ms; 0: never, ask */
	char *why;			/* it failed: why */
	char sqlstate[6];
	bool asked_now;			/* in this read */
};

size_t postgres_questions(void);
const char *postgres_question(size_t i);	/* "slots" */
/* The first question from the i-th on that this read has to ask, given what is
 * known; postgres_questions() when none is left. */
size_t postgres_next(size_t i, const struct postgres_answer *known,
    int version, int64_t now, bool once);
/* The text of the i-th for a server of this version (150020). */
void postgres_sql(size_t i, int version, struct buf *out);
json_t *postgres_facts(size_t i, const struct pg_rows *rows);	/* caller's */
/* Everything that is known, as one object; what failed or may not be asked is
 * in its list `missing`. */
void postgres_gather(const struct postgres_answer *known, int version,
    json_t *data);
/* A new connection: what holds for one only is asked again. */
void postgres_forget_fixed(struct postgres_answer *known);
void postgres_answer_clear(struct postgres_answer *a);
/* A session as the readings have it: these columns of pg_stat_activity a come
 * first in a SELECT, and this many. */
enum { POSTGRES_SESSION = 13 };
const char *postgres_session_columns(void);
json_t *postgres_session(const struct pg_rows *rows, size_t row);
/* The beginning of a statement, on one line, without what may be a secret. */
void postgres_query(const char *query, struct buf *out);

/* ---- meaning --------------------------------------------------------------- */

/* Level and sentences out of r->data. */
void postgres_say(struct reading *r, const struct site_db *db);
/* Where it is looked for: "otc-db:5432", "the socket of port 5432". */
void postgres_where(const struct site_db *db, struct buf *out);

/* ---- ways ------------------------------------------------------------------ */

/*
 * A tunnel that is opened by a process of its own, since opening one blocks.
 * Databases behind the same place, host and port share it.
 */
enum way_state { WAY_OPENING, WAY_OPEN, WAY_BROKEN };
struct way;
struct ways {
	VEC(struct way *) v;
};
/* Borrowed; opened if need be (again, when it broke a while ago). */
struct way *ways_to(struct ways *all, const struct site *site,
    const struct site_place *place, const char *host, int port);
/* e: why it broke, or, when that was asked for, why the last connection in it
 * did. */
enum way_state way_turn(struct way *w, struct err *e);
void way_ask_why(struct way *w);
bool way_answered(const struct way *w);
int way_fd(const struct way *w);	/* readable when something changes; -1 */
int way_port(const struct way *w);
void ways_release(struct ways *all);

#endif
