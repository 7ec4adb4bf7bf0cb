#include "backup/beside.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/vec.h"

enum { LOGIN_MS = 30000, ASK_MS = 60000, END_MS = 15000, NAP_MS = 100 };

/* Statements that make $2 like $1, in order. What is a list is stored quoted. Who
 * names a tablespace needs a right on it, also on the one that it gets anyway. */
static const char likeness[] =
"SELECT sql FROM (SELECT 1 AS pos, format('CREATE DATABASE %I TEMPLATE "
"template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L%s%s "
"CONNECTION LIMIT %s', $2::text, pg_get_userbyid(d.datdba),"
" pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,"
" CASE to_jsonb(d)->>'datlocprovider' WHEN 'i' THEN"
"  format(' LOCALE_PROVIDER icu ICU_LOCALE %L',"
"  coalesce(to_jsonb(d)->>'daticulocale', to_jsonb(d)->>'datlocale'))"
"  ELSE '' END, CASE WHEN d.dattablespace = z.dattablespace THEN ''"
"  ELSE format(' TABLESPACE %I', t.spcname) END, d.datconnlimit) AS sql"
" FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace,"
" pg_database z WHERE z.datname = 'template0' AND d.datname = $1 "
"UNION ALL SELECT 2, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $2::text)"
" FROM pg_database WHERE datname = $1 AND datacl IS NOT NULL "
"UNION ALL SELECT 3, format('GRANT %s ON DATABASE %I TO %s%s',"
" a.privilege_type, $2::text, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE"
" quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable"
" AND a.grantee <> d.datdba THEN ' WITH GRANT OPTION' ELSE '' END)"
" FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = $1 "
"UNION ALL SELECT 4, format('ALTER %s SET %I TO %s',"
" CASE s.setrole WHEN 0 THEN format('DATABASE %I', $2::text) ELSE"
"  format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), $2::text) END,"
" split_part(c, '=', 1), CASE WHEN split_part(c, '=', 1) IN ('search_path',"
"  'local_preload_libraries', 'session_preload_libraries',"
"  'temp_tablespaces') THEN substr(c, strpos(c, '=') + 1)"
"  ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END)"
" FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase,"
" unnest(s.setconfig) c WHERE d.datname = $1) x ORDER BY pos, sql";

static const char sessions[] =
"SELECT count(*), coalesce(string_agg(DISTINCT concat_ws(' ', usename,"
" nullif(application_name, ''), host(client_addr)), ', '), '')"
" FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
" AND application_name <> 'midwatch'";		/* readings: those are ended */

static const char rights[] =
"SELECT r.rolsuper OR (r.rolcreatedb AND pg_has_role(d.datdba, 'MEMBER')),"
" r.rolname, pg_get_userbyid(d.datdba) FROM pg_roles r, pg_database d"
" WHERE r.rolname = current_user AND d.datname = $1";

static struct pg *
open_next_to(const struct beside *b, struct err *e)
{
	static const char *const names[] = { "postgres", "template1" };
	struct pg_spec login = *b->login;
	struct pg *db = NULL;

	login.writes = true;
	login.statement_ms = ASK_MS;
	for (size_t i = 0; db == NULL && i < 2; i++) {
		if (strcmp(b->db, names[i]) == 0)
			continue;
		err_clear(e);
		login.dbname = names[i];
		db = pg_open(&login, clock_mono_ms() + LOGIN_MS, e);
	}
	return db;
}

static bool
do_one(struct pg *db, const char *sql, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = pg_query(db, sql, NULL, 0, clock_mono_ms() + ASK_MS, &rows,
	    e);

	pg_rows_release(&rows);
	return ok;
}

/* "ALTER DATABASE "a" RENAME TO "b"", with any bytes in the names. */
static bool
do_named(struct pg *db, const char *head, const char *name, const char *mid,
    const char *other, struct err *e)
{
	struct buf sql = BUF_INIT;
	bool ok;

	buf_str(&sql, head);
	pg_ident(&sql, name);
	buf_str(&sql, mid);
	if (other != NULL)
		pg_ident(&sql, other);
	ok = do_one(db, sql.p, e);
	buf_release(&sql);
	return ok;
}

static bool
look(struct pg *db, const char *name, int64_t *ret_n, struct buf *who,
    struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	const char *args[] = { name };
	const char *s;
	bool ok = pg_query(db, sessions, args, 1, clock_mono_ms() + ASK_MS,
	    &rows, e);

	if (ok) {
		*ret_n = pg_int(&rows, 0, 0, 0);
		s = pg_at(&rows, 0, 1);
		if (s != NULL && who != NULL)
			text_clean(who, s, text_fit(s, strlen(s), 200),
			    TEXT_LINE);
	}
	pg_rows_release(&rows);
	return ok;
}

bool
beside_sessions(const struct beside *b, int64_t *ret_n, struct buf *names,
    struct err *e)
{
	struct pg *db = open_next_to(b, e);
	bool ok = db != NULL && look(db, b->db, ret_n, names, e);

	pg_close(db);
	return ok;
}

bool
beside_may(const struct beside *b, struct err *e)
{
	struct pg *db = open_next_to(b, e);
	struct pg_rows rows = PG_ROWS_INIT;
	const char *args[] = { b->db };
	bool ok = db != NULL && pg_query(db, rights, args, 1, clock_mono_ms() +
	    ASK_MS, &rows, e);

	if (ok && pg_count(&rows) > 0 && pg_at(&rows, 0, 0)[0] != 't') {
		ok = err_set(e, ERR_GUARD, "'%s' may not put a new database in "
		    "the place of '%s', which is '%s's", pg_at(&rows, 0, 1),
		    b->db, pg_at(&rows, 0, 2));
		err_hint(e, "It has to be allowed to make one (ALTER ROLE ... "
		    "CREATEDB) and to own it (GRANT the owner's role to it); "
		    "or name databases.superuser, or a superuser with --into.");
	}
	pg_rows_release(&rows);
	pg_close(db);
	return ok;
}

bool
beside_make(const struct beside *b, struct err *e)
{
	struct pg *db = open_next_to(b, e);
	struct pg_rows rows = PG_ROWS_INIT;
	const char *args[] = { b->db, b->made };
	bool ok;

	if (db == NULL)
		return err_wrap(e, "a database beside '%s'", b->db);
	ok = pg_query(db, likeness, args, 2, clock_mono_ms() + ASK_MS, &rows,
	    e) && (pg_count(&rows) > 0 || err_set(e, ERR_NOTFOUND, "there is "
	    "no database '%s' to be like", b->db));
	for (size_t i = 0; ok && i < pg_count(&rows); i++)
		ok = do_one(db, pg_at(&rows, i, 0), e);
	pg_rows_release(&rows);
	pg_close(db);
	return ok || err_wrap(e, "'%s' cannot be made", b->made);
}

/* Whether others are; then e says who. */
static bool
in_the_way(const struct beside *b, struct pg *db, struct err *e)
{
	struct buf who = BUF_INIT;
	struct err ignored = ERR_INIT;
	int64_t n = 0;

	if (look(db, b->db, &n, &who, &ignored) && n > 0) {
		err_clear(e);
		err_set(e, ERR_GUARD, "%" PRId64 " sessions are in '%s': %s",
		    n, b->db, who.p);
		err_hint(e, "Stop the services, or add --end-sessions.");
	}
	buf_release(&who);
	return n > 0;
}

/* Our own come back by themselves: a feed keeps a connection to each database. */
static bool
end_them(const struct beside *b, struct pg *db, struct err *e)
{
	struct buf sql = BUF_INIT;
	bool ok;

	buf_str(&sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	    "WHERE pid <> pg_backend_pid() AND datname = ");
	pg_literal(&sql, b->db);
	if (!b->end_sessions)
		buf_str(&sql, " AND application_name = 'midwatch'");
	ok = do_one(db, sql.p, e);
	buf_release(&sql);
	return ok;
}

/* Both names in one transaction: killed here, they are as they were. Whoever
 * comes back between ending and renaming is ended again. */
bool
beside_swap(const struct beside *b, struct err *e)
{
	struct pg *db = open_next_to(b, e);
	int64_t end = clock_mono_ms() + END_MS;
	struct err back;
	bool ok = false, in_use = true;

	if (db == NULL)
		return err_wrap(e, "the names cannot be changed");
	while (!ok && in_use) {
		err_clear(e);
		if (!end_them(b, db, e) && b->end_sessions)
			break;
		err_clear(e);
		ok = do_one(db, "BEGIN READ WRITE", e) &&
		    do_named(db, "ALTER DATABASE ", b->db, " RENAME TO ",
		    b->kept, e) && do_named(db, "ALTER DATABASE ", b->made,
		    " RENAME TO ", b->db, e);
		in_use = !ok && strcmp(pg_sqlstate(db), "55006") == 0;
		err_clear(&back);
		ok = ok && do_one(db, "COMMIT", e);
		if (!ok)
			(void)do_one(db, "ROLLBACK", &back);
		if (in_use && (clock_mono_ms() > end ||
		    (!b->end_sessions && in_the_way(b, db, e)))) {
			(void)in_the_way(b, db, e);
			break;
		}
		if (in_use)
			clock_sleep_ms(NAP_MS);
	}
	pg_close(db);
	return ok || err_wrap(e, "the names were not changed");
}

bool
beside_drop(const struct beside *b, struct err *e)
{
	struct err own = ERR_INIT;
	struct pg *db = open_next_to(b, e != NULL ? e : &own);
	bool ok = db != NULL && do_named(db, "DROP DATABASE IF EXISTS ",
	    b->made, "", NULL, e != NULL ? e : &own);

	pg_close(db);
	return ok;
}
