#include "action/ddl.h"

#include <string.h>

#include "backup/way.h"
#include "base/clock.h"
#include "base/text.h"

enum { ONE_MS = 20000, ALL_MS = 60000 };

/* Also what an installation that was cut off has left. */
static const char removing[] =
"DO $do$ DECLARE r record; BEGIN "
"FOR r IN SELECT t.oid, t.evtname FROM pg_catalog.pg_event_trigger t"
"  WHERE t.evtname LIKE 'midwatch\\_freeze\\_%' LOOP "
"  IF EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = r.oid AND"
"    d.classid = 'pg_catalog.pg_event_trigger'::regclass"
"    AND d.deptype = 'e') THEN "
"    EXECUTE format('ALTER EXTENSION plpgsql DROP EVENT TRIGGER %I', r.evtname);"
"  END IF; "
"  EXECUTE format('DROP EVENT TRIGGER %I', r.evtname); "
"END LOOP; "
"FOR r IN SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n"
"  ON n.oid = p.pronamespace WHERE n.nspname = 'midwatch_freeze' LOOP "
"  IF EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = r.oid AND"
"    d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'e') THEN "
"    EXECUTE format('ALTER EXTENSION plpgsql DROP FUNCTION %s',"
"      r.oid::regprocedure); "
"  END IF; "
"  EXECUTE format('DROP FUNCTION %s', r.oid::regprocedure); "
"END LOOP; "
"FOR r IN SELECT n.oid FROM pg_catalog.pg_namespace n"
"  WHERE n.nspname = 'midwatch_freeze' LOOP "
"  IF EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = r.oid AND"
"    d.classid = 'pg_catalog.pg_namespace'::regclass AND d.deptype = 'e') THEN "
"    ALTER EXTENSION plpgsql DROP SCHEMA midwatch_freeze; "
"  END IF; "
"  DROP SCHEMA midwatch_freeze; "
"END LOOP; END $do$";

/* What may make or drop a temporary object is judged when it is done and known
 * (and is undone with its transaction); the rest before it takes a lock. */
#define MAY_MAKE_TEMPORARY \
	"'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', " \
	"'CREATE SEQUENCE', 'CREATE VIEW'"
#define MAY_CHANGE_TEMPORARY \
	"'CREATE INDEX', 'ALTER TABLE', 'DROP TABLE', 'DROP INDEX', " \
	"'DROP SEQUENCE', 'DROP VIEW'"
#define NEVER \
	"'GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'COMMENT', " \
	"'SECURITY LABEL', 'REINDEX', 'REFRESH MATERIALIZED VIEW'"

static const char body_head[] =
"DECLARE o record; no boolean := true; BEGIN "
"IF coalesce(current_setting('midwatch.pass', true), '') = 'on'"
"  OR tg_tag IN (" NEVER ") THEN RETURN; END IF; "
"IF tg_event = 'ddl_command_start' THEN"
"  no := tg_tag NOT IN (" MAY_MAKE_TEMPORARY "); "
/* that of a real one would wait behind the dump, and all behind it; and what is
 * done CONCURRENTLY commits on its way, so that nothing would undo it */
"  IF tg_tag IN (" MAY_CHANGE_TEMPORARY ") THEN"
"    no := coalesce(current_query(), '') ~* '\\mconcurrently\\M'"
"      OR NOT EXISTS (SELECT FROM pg_catalog.pg_class c"
"      WHERE c.relpersistence = 't' AND c.relnamespace = pg_my_temp_schema());"
"  END IF; "
"ELSIF tg_event = 'ddl_command_end' THEN no := false; "
"  FOR o IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP"
"    no := no OR o.schema_name IS DISTINCT FROM 'pg_temp'; END LOOP; "
"ELSE no := false; "
"  FOR o IN SELECT * FROM pg_event_trigger_dropped_objects() LOOP"
"    no := no OR (o.original AND NOT o.is_temporary); END LOOP; "
"END IF; "
"IF no THEN RAISE EXCEPTION USING ERRCODE = 'MWFRZ', MESSAGE = ";
static const char body_tail[] =
", HINT = 'Wait until \"midwatch freeze off\". Who mends something may "
"SET midwatch.pass = on; in this session.'; END IF; END";

static const char *const events[] = { "ddl_command_start", "ddl_command_end",
    "sql_drop" };

/* Real DDL, refused; and undone in any case. */
static const char trying[] =
"DO $do$ BEGIN "
"  BEGIN CREATE DOMAIN midwatch_freeze.try AS int; "
"    RAISE EXCEPTION 'a domain could be made all the same'; "
"  EXCEPTION WHEN SQLSTATE 'MWFRZ' THEN NULL; END; "
"  BEGIN CREATE TABLE midwatch_freeze.try (); "
"    RAISE EXCEPTION 'a table could be made all the same'; "
"  EXCEPTION WHEN SQLSTATE 'MWFRZ' THEN NULL; END; "
"END $do$";

static const char looking[] =
"SELECT json_build_object('standby', pg_is_in_recovery(), 'triggers', "
"(SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE"
" 'midwatch\\_freeze\\_%' AND evtenabled <> 'D'))";

/* ---- statements ---------------------------------------------------------- */

/* All of them or none, in one transaction. */
struct script {
	VEC(char *) v;
};

static void
add(struct script *s, const char *sql)
{
	VEC_PUSH(&s->v, xstrdup(sql));
}

static void
script_release(struct script *s)
{
	for (size_t i = 0; i < s->v.n; i++)
		free(s->v.v[i]);
	VEC_RELEASE(&s->v);
}

static void
script_of_block(struct script *s, const char *message)
{
	struct buf body = BUF_INIT, sql = BUF_INIT;

	buf_str(&body, body_head);
	pg_literal(&body, message);
	buf_str(&body, body_tail);
	buf_str(&sql, "CREATE FUNCTION midwatch_freeze.refuse() RETURNS "
	    "event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS ");
	pg_literal(&sql, body.p);
	add(s, "SET LOCAL midwatch.pass = on");
	add(s, removing);
	add(s, "CREATE SCHEMA midwatch_freeze");
	add(s, sql.p);
	add(s, "ALTER EXTENSION plpgsql ADD SCHEMA midwatch_freeze");
	add(s, "ALTER EXTENSION plpgsql ADD FUNCTION midwatch_freeze.refuse()");
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		buf_clear(&sql);
		buf_printf(&sql, "CREATE EVENT TRIGGER midwatch_freeze_%s ON %s "
		    "EXECUTE FUNCTION midwatch_freeze.refuse()", events[i],
		    events[i]);
		add(s, sql.p);
		buf_clear(&sql);
		buf_printf(&sql, "ALTER EXTENSION plpgsql ADD EVENT TRIGGER "
		    "midwatch_freeze_%s", events[i]);
		add(s, sql.p);
	}
	add(s, "SET LOCAL midwatch.pass = off");
	add(s, trying);
	buf_release(&body);
	buf_release(&sql);
}

static bool
run_here(struct way *w, const struct script *s, int64_t deadline,
    struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = pg_query(w->pg, "BEGIN READ WRITE", NULL, 0, deadline, &rows,
	    e);

	pg_rows_release(&rows);
	for (size_t i = 0; ok && i < s->v.n; i++) {
		ok = pg_query(w->pg, s->v.v[i], NULL, 0, deadline, &rows, e);
		pg_rows_release(&rows);
	}
	if (ok) {
		ok = pg_query(w->pg, "COMMIT", NULL, 0, deadline, &rows, e);
		pg_rows_release(&rows);
	}
	return ok;
}

/* psql sends all of it as one message, which is one transaction. */
static bool
run_there(struct way *w, const struct script *s, int64_t deadline,
    struct err *e)
{
	struct buf sql = BUF_INIT;
	json_t *done;

	buf_str(&sql, "BEGIN READ WRITE; ");
	for (size_t i = 0; i < s->v.n; i++)
		buf_printf(&sql, "%s; ", s->v.v[i]);
	buf_str(&sql, "COMMIT; SELECT '[]'");
	done = way_ask(w, sql.p, deadline, e);
	json_decref(done);
	buf_release(&sql);
	return done != NULL;
}

/* ---- one database -------------------------------------------------------- */

static bool
look(struct way *w, bool *ret_standby, bool *ret_there, int64_t deadline,
    struct err *e)
{
	json_t *o = way_ask(w, looking, deadline, e);

	if (o == NULL)
		return false;
	*ret_standby = json_get_bool(o, "standby");
	*ret_there = json_get_int(o, "triggers", 0) > 0;
	json_decref(o);
	return true;
}

/* script NULL: only looks. */
static void
see_to(const struct site *site, struct ddl_one *one,
    const struct script *script, bool block, int64_t deadline)
{
	struct way w = WAY_INIT;
	struct err e = ERR_INIT;
	bool standby = false, there = false, ok;

	if (one->db->superuser.line == 0) {
		one->how = DDL_NO_WAY;
		return;
	}
	one->how = DDL_FAILED;
	ok = way_open(&w, site, one->db, WAY_SUPERUSER, deadline, &e) &&
	    look(&w, &standby, &there, deadline, &e);
	if (ok && script != NULL && !standby && (block || there))
		ok = (w.pg != NULL ? run_here : run_there)(&w, script,
		    deadline, &e) && look(&w, &standby, &there, deadline, &e);
	if (ok && script != NULL && !standby && there != block)
		ok = err_set(&e, ERR_FAILED, block ? "the trigger is not there "
		    "after all" : "the trigger is still there");
	if (ok)
		one->how = standby ? DDL_STANDBY : there ? DDL_REFUSED :
		    DDL_FREE;
	else
		text_clean_into(one->why, sizeof one->why, e.msg);
	way_close(&w);
}

static void
see_to_all(const struct site *site, const struct script *script, bool block,
    ddl_said *said, void *ctx, struct ddl *ret)
{
	int64_t end = clock_mono_ms() + ALL_MS;

	for (size_t i = 0; i < site_dbs(site); i++) {
		struct ddl_one one = { .db = site_db_at(site, i) };
		int64_t until = clock_mono_ms() + ONE_MS;

		see_to(site, &one, script, block, until < end ? until : end);
		VEC_PUSH(&ret->v, one);
		if (said != NULL)
			said(ctx, &one);
	}
}

void
ddl_block(const struct site *site, const char *message, ddl_said *said,
    void *ctx, struct ddl *ret)
{
	struct script s = { 0 };

	script_of_block(&s, message);
	see_to_all(site, &s, true, said, ctx, ret);
	script_release(&s);
}

void
ddl_unblock(const struct site *site, ddl_said *said, void *ctx,
    struct ddl *ret)
{
	struct script s = { 0 };

	add(&s, "SET LOCAL midwatch.pass = on");
	add(&s, removing);
	see_to_all(site, &s, false, said, ctx, ret);
	script_release(&s);
}

void
ddl_look(const struct site *site, struct ddl *ret)
{
	see_to_all(site, NULL, false, NULL, NULL, ret);
}

void
ddl_release(struct ddl *all)
{
	VEC_RELEASE(&all->v);
}

const char *
ddl_how_name(enum ddl_how how)
{
	static const char *const words[] = { "refused", "free", "standby",
	    "no-way", "failed" };

	return words[how];
}

void
ddl_say(const struct ddl_one *one, struct buf *out)
{
	static const char *const words[] = {
		"schema changes are refused", "schema changes are possible",
		"a standby takes no changes",
		"schema changes cannot be refused: there is no superuser way",
		"schema changes: " };

	buf_printf(out, "%s: %s%s", one->db->name, words[one->how],
	    one->how == DDL_FAILED ? one->why : "");
}
