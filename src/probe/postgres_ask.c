/*
 * The questions of a read, a statement each, so that one that is refused or too
 * slow takes only its own facts along. The cheap one comes first and says which
 * of the others are worth asking: nobody waits, no lock tree.
 *
 * Their texts are put together from pieces for the server's version. Nothing a
 * role may not do is tried, it would leave an error in the server's log every
 * few seconds; what is missing for that reason is said instead.
 */
#include "probe/postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

enum {
	QUERY_MAX = 200,
	ALWAYS = 0, OFTEN = 15000, SOME = 30000, SELDOM = 60000, RARE = 600000,
};

#define MS(x) "(extract(epoch FROM " x ") * 1000)::bigint"
#define AGE(x) "(extract(epoch FROM clock_timestamp() - " x ") * 1000)::bigint"
/* An autovacuum worker that is hidden from us passes for a client. */
#define CLIENT "(a.backend_type = 'client backend' OR " \
	"a.backend_type IS NULL AND a.datid IS NOT NULL)"
#define HERE "a.datname = current_database()"
#define OTHER "a.pid <> pg_backend_pid()"
#define DUMP "(left(a.application_name, 7) = 'pg_dump' OR " \
	"left(a.application_name, 8) = 'midwatch' AND " \
	"a.xact_start < clock_timestamp() - interval '2 s')"
#define LONG HERE " AND " OTHER " AND (" DUMP " OR " \
	"a.xact_start < clock_timestamp() - interval '60 s')"
#define FROM_ "coalesce(host(a.client_addr), " \
	"CASE WHEN a.client_port = -1 THEN 'local' END)"
#define LSN "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() " \
	"ELSE pg_current_wal_lsn() END"
#define SEES "pg_has_role('pg_read_all_stats', 'USAGE')"

/* A column of an answer; type: i number, s words, b yes or no, t wall ms (shown
 * as UTC), q a statement, p pids. NULL in the answer: no such fact. */
struct column {
	const char *key;
	char type;
};

struct piece {
	int since, before;		/* server versions; 0: any */
	const char *sql;
};

struct question {
	const char *name;
	int since;			/* server version */
	int every_ms;
	bool standby;			/* only asked of one */
	const char *if_;		/* asked when this number is not 0 */
	const char *may;		/* a fact: true, we may ask */
	const char *grant;		/* what would give us the right */
	const char *list;		/* rows are a list of this name */
	const struct piece *sql;
	const struct column *columns;
	bool fixed;			/* of the connection: again with a new one */
};

/* ---- who and what it is; client_encoding: a SQL_ASCII database holds bytes
 * of any kind, and the server would refuse to send them as UTF-8 ------------- */

static const struct piece hello_sql[] = {
	{ 0, 0, "SELECT CASE WHEN current_setting('server_encoding') = 'SQL_ASCII'"
	    " THEN set_config('client_encoding', 'SQL_ASCII', false)"
	    " ELSE current_setting('server_encoding') END, "
	    "split_part(current_setting('server_version'), ' ', 1), "
	    MS("pg_postmaster_start_time()") ", "
	    "current_setting('max_connections')::bigint, "
	    "current_setting('superuser_reserved_connections')::bigint"
	    " + coalesce(current_setting('reserved_connections', true), '0')::bigint, "
	    "current_setting('max_locks_per_transaction')::bigint"
	    " * (current_setting('max_connections')::bigint"
	    " + current_setting('max_prepared_transactions')::bigint), "
	    "current_setting('archive_mode'), current_setting('wal_level'), "
	    "current_setting('data_checksums') = 'on', "
	    "pg_size_bytes(current_setting('max_wal_size')), "
	    "current_setting('autovacuum_freeze_max_age')::bigint, "
	    "current_setting('autovacuum_multixact_freeze_max_age')::bigint, "
	    "current_setting('is_superuser') = 'on', "
	    SEES ", pg_has_role('pg_signal_backend', 'USAGE'), "
	    "has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE'), "
	    "has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'), "
	    "CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')"
	    " THEN current_setting('data_directory') END, "
	    "CASE WHEN isfinite(r.rolvaliduntil) THEN " MS("r.rolvaliduntil")
	    " END, nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1), " },
	{ 0, 120000, "false, " },
	{ 120000, 0, "has_function_privilege("
	    "'pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE'), " },
	{ 0, 130000, "current_setting('wal_keep_segments')::bigint"
	    " * pg_size_bytes(current_setting('wal_segment_size')), NULL::bigint " },
	{ 130000, 0, "pg_size_bytes(current_setting('wal_keep_size')), "
	    "nullif(pg_size_bytes(current_setting('max_slot_wal_keep_size')), -1) " },
	{ 0, 0, "FROM pg_roles r, pg_database d "
	    "WHERE r.rolname = current_user AND d.datname = current_database()" },
	{ 0, 0, NULL },
};
static const struct column hello_columns[] = {
	{ "encoding", 's' }, { "version", 's' }, { "started", 't' },
	{ "connections_max", 'i' }, { "connections_reserved", 'i' },
	{ "lock_room", 'i' }, { "archive_mode", 's' }, { "wal_level", 's' },
	{ "checksums", 'b' }, { "max_wal_size", 'i' },
	{ "freeze_max_age", 'i' }, { "multixact_freeze_max_age", 'i' },
	{ "superuser", 'b' }, { "sees_sessions", 'b' }, { "may_signal", 'b' },
	{ "sees_wal", 'b' }, { "sees_identity", 'b' },
	{ "data_directory", 's' },
	{ "login_expires", 't' }, { "login_limit", 'i' },
	{ "database_limit", 'i' }, { "sees_ready", 'b' },
	{ "wal_keep_size", 'i' }, { "slot_keep_size", 'i' },
	{ NULL, 0 },
};

static const struct piece identity_sql[] = {
	{ 0, 0, "SELECT system_identifier::text FROM pg_control_system()" },
	{ 0, 0, NULL },
};
static const struct column identity_columns[] = {
	{ "system_identifier", 's' }, { NULL, 0 },
};

/* ---- sessions, every time ---------------------------------------------------- */

static const struct piece sessions_sql[] = {
	{ 0, 0, "SELECT pg_is_in_recovery(), " MS("clock_timestamp()") ", "
	    "count(*) FILTER (WHERE " CLIENT "), "
	    "count(*) FILTER (WHERE " CLIENT " AND a.state = 'active'), "
	    "count(*) FILTER (WHERE " CLIENT " AND a.state = 'idle'), "
	    "count(*) FILTER (WHERE " CLIENT
	    " AND a.state LIKE 'idle in transaction%'), "
	    "count(*) FILTER (WHERE " CLIENT " AND a.state IS NULL), "
	    "CASE WHEN " SEES " THEN count(*) FILTER "
	    "(WHERE a.wait_event_type = 'Lock' AND " HERE ") ELSE "
	    "(SELECT count(DISTINCT l.pid) FROM pg_locks l"
	    " JOIN pg_stat_activity s USING (pid)"
	    " WHERE NOT l.granted AND s.datname = current_database()) END, "
	    AGE("min(a.xact_start) FILTER (WHERE " CLIENT " AND " HERE
	    " AND " OTHER " AND NOT " DUMP ")") ", "
	    "max(age(a.backend_xmin)), "
	    "count(*) FILTER (WHERE " HERE " AND " DUMP " AND " OTHER "), "
	    "count(*) FILTER (WHERE " LONG "), "
	    "(SELECT count(*) FROM pg_prepared_xacts p"
	    " WHERE p.database = current_database()) "
	    "FROM pg_stat_activity a" },
	{ 0, 0, NULL },
};
static const struct column sessions_columns[] = {
	{ "in_recovery", 'b' }, { "clock", 't' },
	{ "connections", 'i' }, { "connections_active", 'i' },
	{ "connections_idle", 'i' }, { "connections_in_transaction", 'i' },
	{ "connections_hidden", 'i' }, { "waiting", 'i' },
	{ "oldest_transaction_ms", 'i' }, { "oldest_snapshot_age", 'i' },
	{ "dumps_running", 'i' }, { "open_for_long", 'i' },
	{ "prepared_count", 'i' },
	{ NULL, 0 },
};

/* ---- who waits for whom -------------------------------------------------------- */

#define SESSION							\
	"a.pid, a.usename, a.application_name, " FROM_ ", a.datname, "	\
	"a.backend_type, a.state, " AGE("a.xact_start") ", "		\
	AGE("a.state_change") ", " MS("a.backend_start") ", "		\
	MS("a.query_start") ", left(a.query, 400), " DUMP
#define SESSION_COLUMNS						\
	{ "pid", 'i' }, { "user", 's' }, { "app", 's' },		\
	{ "client", 's' }, { "database", 's' }, { "type", 's' },	\
	{ "state", 's' }, { "xact_age_ms", 'i' },			\
	{ "state_age_ms", 'i' }, { "backend_start", 't' },		\
	{ "query_start", 't' }, { "query", 'q' }, { "dump", 'b' }

/* pg_blocking_pids() holds the lock manager up for a moment: only for the
 * hundred that wait longest, and for whom they wait for. */
static const struct piece locks_sql[] = {
	{ 0, 0, "WITH l AS (SELECT DISTINCT ON (pid) pid, mode, locktype,"
	    " relation, database, " },
	{ 0, 140000, "NULL::timestamptz AS since" },
	{ 140000, 0, "waitstart AS since" },
	{ 0, 0, " FROM pg_locks WHERE NOT granted ORDER BY pid), "
	    "w AS (SELECT a.pid, pg_blocking_pids(a.pid) AS behind"
	    " FROM pg_stat_activity a JOIN l USING (pid) WHERE " HERE
	    " ORDER BY coalesce(l.since, a.query_start), a.pid LIMIT 100) "
	    "SELECT " SESSION ", array_to_string(coalesce(w.behind,"
	    " CASE WHEN l.pid IS NOT NULL THEN pg_blocking_pids(a.pid) END), ','), "
	    "CASE WHEN l.pid IS NOT NULL THEN "
	    AGE("coalesce(l.since, a.query_start)") " END, l.mode, "
	    "coalesce(CASE WHEN l.database = (SELECT oid FROM pg_database d"
	    " WHERE d.datname = current_database())"
	    " THEN l.relation::regclass::text END, l.locktype) "
	    "FROM pg_stat_activity a LEFT JOIN w USING (pid) LEFT JOIN l USING (pid) "
	    "WHERE a.pid IN (SELECT pid FROM w UNION SELECT unnest(behind) FROM w) "
	    "ORDER BY coalesce(l.since, a.query_start, a.xact_start), a.pid" },
	{ 0, 0, NULL },
};
static const struct column locks_columns[] = {
	SESSION_COLUMNS, { "blocked_by", 'p' }, { "wait_ms", 'i' },
	{ "mode", 's' }, { "on", 's' }, { NULL, 0 },
};

static const struct piece transactions_sql[] = {
	{ 0, 0, "SELECT " SESSION ", age(a.backend_xmin) "
	    "FROM pg_stat_activity a WHERE " LONG
	    " ORDER BY a.xact_start LIMIT 20" },
	{ 0, 0, NULL },
};
static const struct column transactions_columns[] = {
	SESSION_COLUMNS, { "snapshot_age", 'i' }, { NULL, 0 },
};

static const struct piece prepared_sql[] = {
	{ 0, 0, "SELECT gid, owner, " AGE("prepared") ", age(transaction) "
	    "FROM pg_prepared_xacts WHERE database = current_database() "
	    "ORDER BY prepared LIMIT 20" },
	{ 0, 0, NULL },
};
static const struct column prepared_columns[] = {
	{ "gid", 's' }, { "user", 's' }, { "age_ms", 'i' },
	{ "xid_age", 'i' }, { NULL, 0 },
};

/* ---- WAL: what makes it, what keeps it ------------------------------------------ */

static const struct piece archiver_sql[] = {
	{ 0, 0, "SELECT archived_count, failed_count, last_archived_wal, "
	    MS("last_archived_time") ", last_failed_wal, " MS("last_failed_time")
	    ", current_setting('archive_mode') <> 'off' AND "
	    "coalesce(last_failed_time > last_archived_time,"
	    " last_failed_time IS NOT NULL) FROM pg_stat_archiver" },
	{ 0, 0, NULL },
};
static const struct column archiver_columns[] = {
	{ "archived", 'i' }, { "archive_failures", 'i' },
	{ "last_archived_wal", 's' }, { "last_archived", 't' },
	{ "last_failed_wal", 's' }, { "last_failed", 't' },
	{ "archiver_failing", 'b' }, { NULL, 0 },
};

static const struct piece wal_sql[] = {
	{ 0, 0, "SELECT count(*), coalesce(sum(size), 0)::bigint "
	    "FROM pg_ls_waldir()" },
	{ 0, 0, NULL },
};
static const struct column wal_columns[] = {
	{ "wal_files", 'i' }, { "wal_size", 'i' }, { NULL, 0 },
};

static const struct piece ready_sql[] = {
	{ 0, 0, "SELECT count(*) FROM pg_ls_archive_statusdir() "
	    "WHERE name LIKE '%.ready'" },
	{ 0, 0, NULL },
};
static const struct column ready_columns[] = {
	{ "wal_ready", 'i' }, { NULL, 0 },
};

static const struct piece slots_sql[] = {
	{ 0, 0, "SELECT slot_name, slot_type, plugin, database, active, temporary,"
	    " pg_wal_lsn_diff(" LSN ", restart_lsn)::bigint AS held,"
	    " age(xmin), age(catalog_xmin), " },
	{ 0, 130000, "NULL, NULL " },
	{ 130000, 0, "wal_status, safe_wal_size " },
	{ 0, 0, "FROM pg_replication_slots "
	    "ORDER BY held DESC NULLS LAST, 1 LIMIT 50" },
	{ 0, 0, NULL },
};
static const struct column slots_columns[] = {
	{ "name", 's' }, { "type", 's' }, { "plugin", 's' },
	{ "database", 's' }, { "active", 'b' }, { "temporary", 'b' },
	{ "held", 'i' }, { "xmin_age", 'i' }, { "catalog_xmin_age", 'i' },
	{ "wal_status", 's' }, { "safe_wal_size", 'i' }, { NULL, 0 },
};

static const struct piece replicas_sql[] = {
	{ 0, 0, "SELECT a.pid, a.application_name, a.usename, " FROM_ ", a.state,"
	    " a.sync_state, pg_wal_lsn_diff(" LSN ", a.sent_lsn)::bigint,"
	    " pg_wal_lsn_diff(" LSN ", a.flush_lsn)::bigint,"
	    " pg_wal_lsn_diff(" LSN ", a.replay_lsn)::bigint, "
	    MS("a.replay_lag") " FROM pg_stat_replication a ORDER BY 9 DESC"
	    " NULLS LAST, 1 LIMIT 50" },
	{ 0, 0, NULL },
};
static const struct column replicas_columns[] = {
	{ "pid", 'i' }, { "app", 's' }, { "user", 's' }, { "client", 's' },
	{ "state", 's' }, { "sync", 's' }, { "sent_behind", 'i' },
	{ "flush_behind", 'i' }, { "replay_behind", 'i' },
	{ "replay_lag_ms", 'i' }, { NULL, 0 },
};

/* A standby that has replayed all it got is not behind, however long ago the
 * last transaction was. */
static const struct piece standby_sql[] = {
	{ 0, 0, "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(),"
	    " pg_last_wal_replay_lsn())::bigint, "
	    AGE("pg_last_xact_replay_timestamp()") ", "
	    "CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
	    " THEN 0 ELSE " AGE("pg_last_xact_replay_timestamp()") " END, "
	    "pg_is_wal_replay_paused(), "
	    "(SELECT count(*) FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) > 0" },
	{ 0, 0, NULL },
};
static const struct column standby_columns[] = {
	{ "replay_behind", 'i' }, { "replayed_age_ms", 'i' },
	{ "replay_lag_ms", 'i' }, { "replay_paused", 'b' },
	{ "receiving", 'b' }, { NULL, 0 },
};

/* ---- the slow diseases -------------------------------------------------------------- */

static const struct piece freeze_sql[] = {
	{ 0, 0, "SELECT age(d.datfrozenxid), mxid_age(d.datminmxid), m.datname,"
	    " age(m.datfrozenxid) FROM pg_database d, (SELECT datname, datfrozenxid"
	    " FROM pg_database ORDER BY age(datfrozenxid) DESC, datname LIMIT 1) m "
	    "WHERE d.datname = current_database()" },
	{ 0, 0, NULL },
};
static const struct column freeze_columns[] = {
	{ "xid_age", 'i' }, { "multixact_age", 'i' },
	{ "oldest_database", 's' }, { "oldest_database_xid_age", 'i' },
	{ NULL, 0 },
};

static const struct piece counters_sql[] = {
	{ 0, 0, "SELECT temp_files, temp_bytes, deadlocks, conflicts, "
	    MS("stats_reset") ", " },
	{ 0, 120000, "NULL, NULL " },
	{ 120000, 0, "checksum_failures, " MS("checksum_last_failure") " " },
	{ 0, 0, "FROM pg_stat_database WHERE datname = current_database()" },
	{ 0, 0, NULL },
};
static const struct column counters_columns[] = {
	{ "temp_files", 'i' }, { "temp_bytes", 'i' }, { "deadlocks", 'i' },
	{ "conflicts", 'i' }, { "counted_since", 't' },
	{ "checksum_failures", 'i' }, { "checksum_last_failure", 't' },
	{ NULL, 0 },
};

/* What a dump has to lock, and what it may not read. */
static const struct piece relations_sql[] = {
	{ 0, 0, "SELECT count(*) FILTER (WHERE c.relkind IN ('r', 'p')), "
	    "sum(greatest(c.relpages, 0)::bigint)::bigint"
	    " * current_setting('block_size')::bigint FROM pg_class c" },
	{ 0, 0, NULL },
};
static const struct column relations_columns[] = {
	{ "tables", 'i' }, { "size_about", 'i' }, { NULL, 0 },
};

static const struct piece unreadable_sql[] = {
	{ 0, 0, "SELECT count(*), min(u.t) FROM (SELECT c.oid::regclass::text AS t"
	    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE c.relkind IN ('r', 'p', 'S')"
	    " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
	    " AND n.nspname NOT LIKE 'pg\\_t%' AND NOT"
	    " (has_schema_privilege(n.oid, 'USAGE') AND CASE c.relkind WHEN 'S'"
	    " THEN has_sequence_privilege(c.oid, 'SELECT')"
	    " ELSE has_table_privilege(c.oid, 'SELECT') END)) u" },
	{ 0, 0, NULL },
};
static const struct column unreadable_columns[] = {
	{ "unreadable", 'i' }, { "unreadable_first", 's' }, { NULL, 0 },
};

static const struct piece size_sql[] = {
	{ 0, 0, "SELECT pg_database_size(current_database())" },
	{ 0, 0, NULL },
};
static const struct column size_columns[] = {
	{ "size", 'i' }, { NULL, 0 },
};

/* What decides about others stands before them. */
static const struct question questions[] = {
	{ .name = "hello", .every_ms = RARE, .fixed = true,
	    .sql = hello_sql, .columns = hello_columns },
	{ .name = "sessions", .sql = sessions_sql, .columns = sessions_columns },
	{ .name = "identity", .every_ms = RARE, .fixed = true,
	    .may = "sees_identity",
	    .grant = "EXECUTE ON FUNCTION pg_control_system()",
	    .sql = identity_sql, .columns = identity_columns },
	{ .name = "locks", .if_ = "waiting", .list = "locks",
	    .sql = locks_sql, .columns = locks_columns },
	{ .name = "transactions", .if_ = "open_for_long",
	    .list = "transactions",
	    .sql = transactions_sql, .columns = transactions_columns },
	{ .name = "prepared", .if_ = "prepared_count", .list = "prepared",
	    .sql = prepared_sql, .columns = prepared_columns },
	{ .name = "standby", .standby = true,
	    .sql = standby_sql, .columns = standby_columns },
	{ .name = "archiver", .every_ms = OFTEN,
	    .sql = archiver_sql, .columns = archiver_columns },
	{ .name = "slots", .every_ms = OFTEN, .list = "slots",
	    .sql = slots_sql, .columns = slots_columns },
	{ .name = "replicas", .every_ms = OFTEN, .list = "replicas",
	    .sql = replicas_sql, .columns = replicas_columns },
	{ .name = "wal", .every_ms = SOME, .may = "sees_wal",
	    .grant = "pg_monitor", .sql = wal_sql, .columns = wal_columns },
	{ .name = "ready", .since = 120000, .every_ms = SOME,
	    .may = "sees_ready", .grant = "pg_monitor",
	    .sql = ready_sql, .columns = ready_columns },
	{ .name = "counters", .every_ms = OFTEN,
	    .sql = counters_sql, .columns = counters_columns },
	{ .name = "freeze", .every_ms = SELDOM,
	    .sql = freeze_sql, .columns = freeze_columns },
	{ .name = "relations", .every_ms = RARE,
	    .sql = relations_sql, .columns = relations_columns },
	{ .name = "unreadable", .every_ms = RARE,
	    .sql = unreadable_sql, .columns = unreadable_columns },
	{ .name = "size", .every_ms = RARE,
	    .sql = size_sql, .columns = size_columns },
};
_Static_assert(sizeof questions / sizeof *questions <= POSTGRES_QUESTIONS,
    "POSTGRES_QUESTIONS is too small");
enum { N_QUESTIONS = sizeof questions / sizeof *questions };

size_t
postgres_questions(void)
{
	return N_QUESTIONS;
}

const char *
postgres_question(size_t i)
{
	return questions[i].name;
}

/* A fact out of everything that is known. */
static const json_t *
fact(const struct postgres_answer *known, const char *key)
{
	const json_t *v = NULL;

	for (size_t i = 0; v == NULL && i < N_QUESTIONS; i++)
		if (questions[i].list == NULL && known[i].facts != NULL)
			v = json_object_get(known[i].facts, key);
	return v;
}

static bool
fits(const struct question *q, const struct postgres_answer *known, int version)
{
	if (version < q->since)
		return false;
	if (q->standby && !json_is_true(fact(known, "in_recovery")))
		return false;
	return q->if_ == NULL || json_integer_value(fact(known, q->if_)) != 0;
}

static bool
may(const struct question *q, const struct postgres_answer *known)
{
	return q->may == NULL || json_is_true(fact(known, q->may));
}

size_t
postgres_next(size_t i, const struct postgres_answer *known, int version,
    int64_t now, bool once)
{
	for (; i < N_QUESTIONS; i++) {
		const struct question *q = &questions[i];
		const struct postgres_answer *a = &known[i];

		if (a->asked_now || !fits(q, known, version) || !may(q, known))
			continue;
		if (once || a->asked == 0 || q->every_ms == ALWAYS ||
		    now - a->asked >= q->every_ms)
			break;
	}
	return i;
}

void
postgres_sql(size_t i, int version, struct buf *out)
{
	for (const struct piece *p = questions[i].sql; p->sql != NULL; p++)
		if (version >= p->since && (p->before == 0 ||
		    version < p->before))
			buf_str(out, p->sql);
}

/* ---- answers -------------------------------------------------------------- */

/* Statements carry passwords (ALTER ROLE) and keys (pgcrypto): from such a word
 * on nothing is shown. */
static size_t
before_secret(const char *s, size_t n)
{
	static const char *const words[] = { "password", "passwd", "passphrase",
	    "secret", "pgp_sym_", "crypt(", "hmac(", "token", "api_key" };

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
			size_t len = strlen(words[k]);

			if (strncasecmp(s + i, words[k], len) == 0)
				return i + len < n ? i + len : n;
		}
	return n;
}

void
postgres_query(const char *query, struct buf *out)
{
	struct buf flat = BUF_INIT, clean = BUF_INIT;
	size_t n = strlen(query), shown, fit;

	for (size_t i = 0; i < n; i++) {
		bool space = strchr(" \t\r\n", query[i]) != NULL;

		if (!space)
			buf_ch(&flat, query[i]);
		else if (flat.n > 0 && flat.p[flat.n - 1] != ' ')
			buf_ch(&flat, ' ');
	}
	while (flat.n > 0 && flat.p[flat.n - 1] == ' ')
		buf_cut(&flat, flat.n - 1);
	shown = before_secret(flat.p, flat.n);
	text_utf8(&clean, flat.p, shown);
	fit = text_fit(clean.p, clean.n, QUERY_MAX);
	buf_add(out, clean.p, fit);
	if (shown < flat.n || fit < clean.n)
		buf_str(out, " ...");
	buf_release(&flat);
	buf_release(&clean);
}

static json_t *
query_value(const char *s)
{
	struct buf b = BUF_INIT;
	json_t *v = NULL;

	if (strcmp(s, "<insufficient privilege>") != 0 && *s != '\0') {
		postgres_query(s, &b);
		v = json_utf8(b.p);
	}
	buf_release(&b);
	return v;
}

static json_t *
pids_value(const char *s)
{
	json_t *list = json_array();

	for (const char *p = s; *p != '\0';) {
		char *end;
		long pid = strtol(p, &end, 10);
		bool twice = false;

		for (size_t i = 0; i < json_array_size(list); i++)
			twice = twice || json_integer_value(
			    json_array_get(list, i)) == pid;
		if (!twice)
			(void)json_array_append_new(list, json_integer(pid));
		p = *end == ',' ? end + 1 : end + strlen(end);
	}
	return list;
}

static json_t *
value(char type, const char *s)
{
	char at[32];
	int64_t n;

	if (s == NULL)
		return NULL;
	switch (type) {
	case 'b':
		return json_boolean(*s == 't');
	case 'i':
	case 't':
		n = strtoll(s, NULL, 10);
		if (type == 'i')
			return json_integer(n);
		clock_fmt_utc(at, n);
		return json_string(at);
	case 'q':
		return query_value(s);
	case 'p':
		return pids_value(s);
	default:
		return json_utf8(s);
	}
}

static json_t *
row_facts(const struct question *q, const struct pg_rows *rows, size_t row)
{
	json_t *o = json_object();

	for (size_t i = 0; i < pg_columns(rows) &&
	    q->columns[i].key != NULL; i++) {
		json_t *v = value(q->columns[i].type, pg_at(rows, row, i));

		if (v != NULL)
			(void)json_object_set_new(o, q->columns[i].key, v);
	}
	return o;
}

static const struct column session_columns[] = {
	SESSION_COLUMNS, { NULL, 0 },
};
_Static_assert(sizeof session_columns / sizeof *session_columns ==
    POSTGRES_SESSION + 1, "POSTGRES_SESSION counts them");

const char *
postgres_session_columns(void)
{
	return SESSION;
}

json_t *
postgres_session(const struct pg_rows *rows, size_t row)
{
	const struct question q = { .columns = session_columns };

	return row_facts(&q, rows, row);
}

json_t *
postgres_facts(size_t i, const struct pg_rows *rows)
{
	const struct question *q = &questions[i];
	json_t *all, *list;

	if (q->list == NULL)
		return pg_count(rows) > 0 ? row_facts(q, rows, 0) :
		    json_object();
	all = json_object();
	list = json_array();
	for (size_t row = 0; row < pg_count(rows); row++)
		(void)json_array_append_new(list, row_facts(q, rows, row));
	(void)json_object_set_new(all, q->list, list);
	return all;
}

static void
missing(json_t *data, const char *what, const char *why, const char *sqlstate)
{
	json_t *list = json_object_get(data, "missing"), *o = json_object();

	if (list == NULL) {
		list = json_array();
		(void)json_object_set_new(data, "missing", list);
	}
	(void)json_object_set_new(o, "what", json_string(what));
	(void)json_object_set_new(o, "why", json_utf8(why));
	if (sqlstate[0] != '\0')
		(void)json_object_set_new(o, "sqlstate", json_string(sqlstate));
	(void)json_array_append_new(list, o);
}

void
postgres_gather(const struct postgres_answer *known, int version, json_t *data)
{
	char why[128];

	if (json_is_false(fact(known, "sees_sessions")))
		missing(data, "other sessions", "the login sees neither state "
		    "nor statement of other roles; GRANT pg_read_all_stats "
		    "would show them", "");
	for (size_t i = 0; i < N_QUESTIONS; i++) {
		const struct question *q = &questions[i];

		if (!fits(q, known, version))
			continue;
		if (known[i].why != NULL)
			missing(data, q->name, known[i].why, known[i].sqlstate);
		else if (q->may != NULL &&
		    json_is_false(fact(known, q->may))) {
			(void)snprintf(why, sizeof why, "the login may not see "
			    "it; GRANT %s would show it", q->grant);
			missing(data, q->name, why, "");
		} else if (known[i].facts != NULL)
			(void)json_object_update(data, known[i].facts);
	}
}

void
postgres_forget_fixed(struct postgres_answer *known)
{
	for (size_t i = 0; i < N_QUESTIONS; i++)
		if (questions[i].fixed)
			known[i].asked = 0;
}

void
postgres_answer_clear(struct postgres_answer *a)
{
	json_decref(a->facts);
	free(a->why);
	*a = (struct postgres_answer){ .facts = NULL };
}
