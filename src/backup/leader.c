#include "backup/leader.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/dump.h"
#include "base/clock.h"
#include "base/text.h"

enum { SMALL = 512 << 20,	/* one stream has that in seconds */
       UNKNOWN_CORES = 2, MOST_UNASKED = 8, NAMED = 200, AT_ONCE = 100,
       TRIES = 5, ASK_MS = 60000, LOCK_MS = 3600000, BEAT_MS = 20000,
       BEAT_WAIT_MS = 5000 };

/* ---- how many ------------------------------------------------------------------------ */

static int
cores_here(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		return CPU_COUNT(&set);
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static bool
server_is_here(const struct way *w)
{
	const char *h = w->host;

	return w->tunnel == NULL && (h == NULL || *h == '/' || *h == '\0' ||
	    strcmp(h, "localhost") == 0 || strcmp(h, "::1") == 0 ||
	    text_starts(h, "127."));
}

static int
cores_there(struct way *w, const struct db_facts *facts)
{
	struct err quiet = ERR_INIT;
	json_t *o;
	int64_t n;

	if (server_is_here(w))
		return cores_here();
	if (!facts->super)
		return UNKNOWN_CORES;	/* it may not be asked */
	o = way_ask(w, "SELECT json_build_object('n', count(*)) FROM "
	    "pg_ls_dir('/sys/devices/system/cpu') d WHERE d ~ '^cpu[0-9]+$'",
	    clock_mono_ms() + ASK_MS, &quiet);
	n = json_get_int(o, "n", 0);
	json_decref(o);
	return n > 0 && n < 1000 ? (int)n : UNKNOWN_CORES;
}

/* The server's, the database's and the role's own limits; one is in use. */
static const char free_sql[] =
    "SELECT json_build_object('n', least("
    "current_setting('max_connections')::bigint"
    " - current_setting('superuser_reserved_connections')::bigint"
    " - (SELECT count(*) FROM pg_stat_activity),"
    " (SELECT CASE WHEN datconnlimit >= 0 THEN datconnlimit - (SELECT count(*)"
    "  FROM pg_stat_activity a WHERE a.datname = d.datname) END"
    "  FROM pg_database d WHERE datname = current_database()),"
    " (SELECT CASE WHEN rolconnlimit >= 0 THEN rolconnlimit - (SELECT count(*)"
    "  FROM pg_stat_activity a WHERE a.usename = r.rolname) END"
    "  FROM pg_roles r WHERE rolname = current_user)))";

static int
connections_free(struct way *w)
{
	struct err quiet = ERR_INIT;
	json_t *o = way_ask(w, free_sql, clock_mono_ms() + ASK_MS, &quiet);
	int64_t n = o != NULL ? json_get_int(o, "n", 1) : 1;

	json_decref(o);
	return n > LEADER_JOBS ? LEADER_JOBS : n < 0 ? 0 : (int)n;
}

int
leader_jobs(struct way *w, const struct db_facts *facts, int asked,
    struct buf *why)
{
	int n = asked, there, room;

	if (asked == 1 || (asked == 0 && facts->size < SMALL))
		return 1;
	if (w->pg == NULL) {
		buf_printf(why, "one stream: its dump runs at %s, and the "
		    "session that keeps a snapshot for several must be from "
		    "here", w->at != NULL ? w->at->name : "another place");
		return 1;
	}
	if (facts->version_num < 90600) {
		buf_printf(why, "one stream: PostgreSQL %s is too old for "
		    "several", facts->version);
		return 1;
	}
	if (n == 0) {
		n = cores_here();
		there = cores_there(w, facts);
		n = there < n ? there : n;
		n = n < MOST_UNASKED ? n : MOST_UNASKED;
	}
	n = n < LEADER_JOBS ? n : LEADER_JOBS;
	if (n > 1 && facts->locks > 0 && facts->tables > 0 &&
	    facts->tables * (n + 1) > facts->locks) {
		buf_printf(why, "one stream: %" PRId64 " tables, and the server "
		    "has room for %" PRId64 " locks", facts->tables,
		    facts->locks);
		return 1;
	}
	room = n > 1 ? connections_free(w) : n;
	if (room >= n)
		return n > 0 ? n : 1;
	n = room > 1 ? room : 1;
	buf_printf(why, "%d stream%s: the server has only %d connection%s left",
	    n, n == 1 ? "" : "s", room, room == 1 ? "" : "s");
	return n;
}

/* ---- the snapshot and the locks --------------------------------------------------------- */

/* What pg_dump locks, as far as this role may: what it may not read the
 * preflight has told, and of an extension pg_dump reads nothing. */
#define TABLES								\
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"	\
    " WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_'"		\
    " AND n.nspname <> 'information_schema'"				\
    " AND has_schema_privilege(n.oid, 'USAGE')"				\
    " AND has_table_privilege(c.oid, 'SELECT')"
static const char lock_list_sql[] =
    "SELECT n.nspname, c.relname" TABLES " AND c.relkind IN ('r', 'p')"
    " ORDER BY c.oid";

/* The biggest first. */
static const char sizes_sql[] =
    "SELECT c.oid, n.nspname, c.relname, pg_table_size(c.oid) AS size" TABLES
    " AND c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_depend d WHERE"
    " d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    " AND d.deptype = 'e') ORDER BY 4 DESC, 1";
static const char objects_sql[] =
    "SELECT pg_table_size('pg_largeobject')";

/* They go with their table wherever pg_dump meets it: in one archive alone. */
static const char owned_sql[] =
    "SELECT n.nspname, s.relname FROM pg_depend d JOIN pg_class s ON"
    " s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON"
    " n.oid = s.relnamespace WHERE d.classid = 'pg_class'::regclass AND"
    " d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND"
    " d.refobjid = ANY ($1::oid[])";

static bool
ask(struct leader *l, const char *sql, struct pg_rows *rows, int64_t ms,
    struct err *e)
{
	pg_rows_release(rows);
	return pg_query(l->way->pg, sql, NULL, 0, clock_mono_ms() + ms, rows,
	    e);
}

static bool
do_it(struct leader *l, const char *sql, int64_t ms, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = ask(l, sql, &rows, ms, e);

	pg_rows_release(&rows);
	return ok;
}

/* Before the transaction begins: some of them hold for all of it. */
static bool
settle(struct leader *l, const struct db_facts *facts, struct err *e)
{
	char *wait = xprintf("SET lock_timeout = %d", DUMP_LOCK_MS);
	bool ok = do_it(l, "SET statement_timeout = 0", ASK_MS, e) &&
	    do_it(l, wait, ASK_MS, e) &&
	    do_it(l, "SET idle_in_transaction_session_timeout = 0", ASK_MS, e);

	if (ok && facts->version_num >= 140000)
		ok = do_it(l, "SET idle_session_timeout = 0", ASK_MS, e);
	if (ok && facts->version_num >= 170000)
		ok = do_it(l, "SET transaction_timeout = 0", ASK_MS, e);
	free(wait);
	return ok;
}

static void
put_name(struct buf *b, const struct pg_rows *rows, size_t i, size_t column)
{
	pg_ident(b, pg_at(rows, i, column));
	buf_ch(b, '.');
	pg_ident(b, pg_at(rows, i, column + 1));
}

static bool
lock_tables(struct leader *l, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct buf b = BUF_INIT;
	bool ok = ask(l, lock_list_sql, &rows, ASK_MS, e);

	for (size_t i = 0, n = pg_count(&rows); ok && i < n; i++) {
		buf_str(&b, b.n == 0 ? "LOCK TABLE ONLY " : ", ONLY ");
		put_name(&b, &rows, i, 0);
		if ((i + 1) % AT_ONCE != 0 && i + 1 < n)
			continue;
		buf_str(&b, " IN ACCESS SHARE MODE");
		ok = do_it(l, b.p, LOCK_MS, e);
		buf_clear(&b);
	}
	pg_rows_release(&rows);
	buf_release(&b);
	return ok;
}

static bool
take_snapshot(struct leader *l, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = do_it(l, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	    ASK_MS, e) && ask(l, "SELECT pg_export_snapshot()", &rows, ASK_MS,
	    e) && pg_count(&rows) == 1 && pg_at(&rows, 0, 0) != NULL;

	if (ok)
		l->snapshot = pool_str(&l->pool, pg_at(&rows, 0, 0));
	pg_rows_release(&rows);
	return ok;
}

/* ---- who dumps what ------------------------------------------------------------------------ */

static const char *
pattern(struct leader *l, const struct pg_rows *rows, size_t i, size_t column)
{
	struct buf b = BUF_INIT;
	const char *s;

	put_name(&b, rows, i, column);
	s = pool_str(&l->pool, b.p);
	buf_release(&b);
	return s;
}

/* The biggest first, each to whom has least; what is too small to matter stays
 * with the first. */
static void
share_out(struct leader *l, const struct pg_rows *rows, int64_t objects,
    struct buf *oids)
{
	size_t n = pg_count(rows), named = n < NAMED ? n : NAMED;

	l->groups.v[0].bytes = objects;
	for (size_t i = named; i < n; i++)
		l->groups.v[0].bytes += pg_int(rows, i, 3, 0);
	for (size_t i = 0; i < named; i++) {
		/* of equals never the first, which has the rest already */
		struct leader_group *to = &l->groups.v[l->groups.n > 1];

		for (size_t k = 2; k < l->groups.n; k++)
			if (l->groups.v[k].bytes < to->bytes)
				to = &l->groups.v[k];
		if (l->groups.v[0].bytes < to->bytes)
			to = &l->groups.v[0];
		to->bytes += pg_int(rows, i, 3, 0);
		if (to == &l->groups.v[0])
			continue;
		VEC_PUSH(&to->only, pattern(l, rows, i, 1));
		VEC_PUSH(&l->without, pattern(l, rows, i, 1));
		buf_printf(oids, "%s%s", oids->n > 0 ? "," : "{",
		    pg_at(rows, i, 0));
	}
	while (l->groups.n > 1 && l->groups.v[l->groups.n - 1].only.n == 0)
		l->groups.n--;
}

static bool
split(struct leader *l, int jobs, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct buf oids = BUF_INIT;
	int64_t objects = 0;
	bool ok = ask(l, objects_sql, &rows, ASK_MS, e);

	if (ok)
		objects = pg_int(&rows, 0, 0, 0);
	ok = ok && ask(l, sizes_sql, &rows, 10LL * ASK_MS, e);
	for (int i = 0; ok && i < jobs; i++)
		VEC_PUSH(&l->groups, ((struct leader_group){ .bytes = 0 }));
	if (ok)
		share_out(l, &rows, objects, &oids);
	if (ok && oids.n > 0) {
		const char *list;

		buf_ch(&oids, '}');
		list = oids.p;
		pg_rows_release(&rows);
		ok = pg_query(l->way->pg, owned_sql, &list, 1,
		    clock_mono_ms() + ASK_MS, &rows, e);
		for (size_t i = 0; ok && i < pg_count(&rows); i++)
			VEC_PUSH(&l->without, pattern(l, &rows, i, 0));
	}
	pg_rows_release(&rows);
	buf_release(&oids);
	return ok;
}

/* ---- its life ------------------------------------------------------------------------------- */

bool
leader_begin(struct leader *l, struct way *w, const struct db_facts *facts,
    int jobs, struct err *e)
{
	bool ok = false;

	*l = (struct leader){ .way = w, .beat_ms = clock_mono_ms() };
	if (!settle(l, facts, e))
		goto out;
	for (int i = 0; !ok && i < TRIES; i++) {
		err_clear(e);
		ok = take_snapshot(l, e) && lock_tables(l, e);
		if (ok)
			break;
		/* a table may go between the list and the lock */
		if (strcmp(pg_sqlstate(w->pg), "42P01") != 0)
			break;
		(void)do_it(l, "ROLLBACK", ASK_MS, NULL);
	}
	if (!ok && e->kind == ERR_BUSY) {
		err_wrap(e, "a table of %s is locked by somebody",
		    w->db->name);
		err_hint(e, "'midwatch locks' shows by whom.");
	}
	ok = ok && split(l, jobs, e);
out:
	if (!ok)
		leader_end(l);
	return ok;
}

bool
leader_beat(struct leader *l, struct err *e)
{
	int64_t now = clock_mono_ms();

	if (l->way == NULL)
		return true;
	/* a server that ends it says so at once; a dead link has to be asked */
	if (pg_turn(l->way->pg, e) == PG_BROKEN)
		return false;
	return now - l->beat_ms < BEAT_MS || leader_holds(l, e);
}

bool
leader_holds(struct leader *l, struct err *e)
{
	l->beat_ms = clock_mono_ms();
	return do_it(l, "SELECT 1", BEAT_WAIT_MS, e);
}

void
leader_end(struct leader *l)
{
	struct err quiet = ERR_INIT;

	if (l->way != NULL && pg_state(l->way->pg) == PG_READY)
		(void)do_it(l, "ROLLBACK", ASK_MS, &quiet);
	for (size_t i = 0; i < l->groups.n; i++)
		VEC_RELEASE(&l->groups.v[i].only);
	VEC_RELEASE(&l->groups);
	VEC_RELEASE(&l->without);
	pool_release(&l->pool);
	*l = (struct leader){ .way = NULL };
}
