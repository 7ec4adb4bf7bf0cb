/* Nobody else saves the same database meanwhile: a file's lock against whoever is
 * here, an advisory one in the database against whoever is elsewhere. */
#include <inttypes.h>
#include <stdlib.h>

#include "backup/run_intern.h"
#include "base/clock.h"

enum { ASK_MS = 30000, LOCK_CLASS = 0x6d696477, LOCK_WHAT = 1 };

static const char lock_sql[] =
    "SELECT json_build_object('got', pg_try_advisory_lock(%d, %d))";
static const char settle_sql[] =
    "SELECT json_build_object('set', count(set_config(name, '0', false)))"
    " FROM pg_settings WHERE name IN ('idle_session_timeout',"
    " 'idle_in_transaction_session_timeout')";
static const char holder_sql[] =
    "SELECT json_build_object('pid', l.pid, 'addr', host(a.client_addr),"
    " 'user', a.usename, 'since', to_char(a.backend_start AT TIME ZONE 'UTC',"
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')) FROM pg_locks l"
    " LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %d::oid"
    " AND l.objid = %d::oid AND l.objsubid = 2 AND l.database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())";

/* True: somebody else has it, and it was said. */
static bool
say_holder(struct run *r, struct item *it, struct way *w)
{
	char *sql = xprintf(holder_sql, LOCK_CLASS, LOCK_WHAT), at[40] = "?";
	struct err quiet = ERR_INIT;
	json_t *o = way_ask(w, sql, clock_mono_ms() + ASK_MS, &quiet);
	const char *since = json_get_str(o, "since");
	const char *addr = json_get_str(o, "addr");
	int64_t ms, pid = json_get_int(o, "pid", 0);

	free(sql);
	if (pid == 0) {
		json_decref(o);
		return false;
	}
	if (since != NULL && clock_parse_utc(since, &ms))
		clock_fmt_site(at, ms);
	run_part_of(r, it)->busy = true;
	run_part_fails(r, it, "Wait for it, or end it where it runs; "
	    "'midwatch locks' shows the session.", "%s is being backed up by "
	    "another host: session %" PRId64 " from %s since %s",
	    it->db->name, pid, addr != NULL ? addr : "the server itself", at);
	json_decref(o);
	return true;
}

bool
run_lock_there(struct run *r, struct item *it, struct way *w)
{
	char *sql = xprintf(lock_sql, LOCK_CLASS, LOCK_WHAT);
	int64_t end = clock_mono_ms() + ASK_MS;
	struct err e = ERR_INIT;
	json_t *o = NULL;
	bool got = true;

	if (w->pg == NULL)
		got = !say_holder(r, it, w);
	else if ((o = way_ask(w, sql, end, &e)) == NULL)
		run_part_warns(r, it, "no lock could be taken in the database "
		    "(%s): another host would not see this run", e.msg);
	else if (!json_get_bool(o, "got")) {
		got = false;
		if (!say_holder(r, it, w))
			run_part_fails(r, it, "Try again.", "another run just "
			    "had %s", it->db->name);
	}
	json_decref(o);
	if (got && w->pg != NULL)
		json_decref(way_ask(w, settle_sql, end, &e));
	free(sql);
	return got;
}

bool
run_lock_here(struct run *r, struct item *it, struct backup_lock *l)
{
	struct run_part *p = run_part_of(r, it);
	char *what = xprintf("%s backup", set_class_name(r->ask->class));
	struct err e = ERR_INIT;
	bool ok;

	if (r->ask->state == NULL) {
		free(what);
		return true;
	}
	ok = backup_lock_take(l, r->ask->state, p->name, what, &e);
	free(what);
	if (ok)
		return true;
	if (e.kind == ERR_BUSY) {
		p->busy = true;
		run_part_fails(r, it, e.hint, "%s", e.msg);
		return false;
	}
	/* a full disk may refuse the file, and must not refuse the backup */
	run_part_warns(r, it, "no lock could be taken (%s)", e.msg);
	return true;
}
