/*
 * `midwatch locks cancel|terminate PID`. A pid is used again within minutes, so
 * the session is looked at, shown and judged first, and the very statement that
 * signals it asks once more whether it is still the same session, in the same
 * statement of its own. What was meant is in the record before it happens, what
 * became of it afterwards.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "pg/pg.h"
#include "place/tunnel.h"
#include "site/spec.h"
#include "verb/locks.h"
#include "probe/postgres.h"
#include "watch/watch.h"

enum { REACH_MS = 10000, ASK_MS = 3000, PROOF_MS = 5000, LOOK_MS = 5000 };

struct ending {
	const struct locks_end *w;
	struct cli *c;
	struct desk *d;
	const char *deed;		/* "cancel", "terminate" */
	bool cancel;
	int64_t pid;
	char pid_text[24];
	const struct site_db *db;
	struct site_spec spec;
	struct place_tunnel *tunnel;
	struct pg *pg;

	/* the session as it was looked at */
	json_t *seen;			/* as the readings have it */
	char *backend_start, *query_start, *user_oid;	/* the server's words */
	int64_t started_ms, holds;
	bool waits, own, ours, dump, may, super;
	bool client, autovacuum;
	char who[400];			/* for sentences */
	int64_t still;			/* wait for locks when it was over */
	bool in_incident;
};

/* ---- which server ------------------------------------------------------------ */

static const json_t *
has_pid(const struct reading *r, int64_t pid)
{
	static const char *const lists[] = { "locks", "transactions" };
	const json_t *o;
	size_t k;

	for (size_t i = 0; i < 2; i++)
		json_array_foreach(json_object_get(r->data, lists[i]), k, o)
			if (json_get_int(o, "pid", 0) == pid)
				return o;
	return NULL;
}

static const char *
cluster(const struct reading *r)
{
	const char *id = json_get_str(r->data, "system_identifier");

	return id != NULL ? id : r->name;
}

/* Pids are a server's own: the one whose picture has it, if it is the only one;
 * of several databases there, the one that the session is in. */
static bool
find_db(struct ending *w, struct err *e)
{
	struct watch_want want = { "database", NULL };
	struct readings all = { 0 };
	const struct reading *found = NULL;
	bool one = true;

	watch_round(&w->d->site, &w->d->state, &want, 1,
	    clock_mono_ms() + LOOK_MS, &all);
	for (size_t i = 0; i < all.v.n; i++) {
		const struct reading *r = &all.v.v[i];
		const struct site_db *db = site_db(&w->d->site, r->name);
		const json_t *o = has_pid(r, w->pid);
		const char *in = json_get_str(o, "database");

		if (o == NULL || db == NULL)
			continue;
		one = one && (found == NULL ||
		    strcmp(cluster(found), cluster(r)) == 0);
		if (found == NULL || (in != NULL &&
		    strcmp(in, db->dbname) == 0 &&
		    !json_get_bool(found->data, "may_signal"))) {
			found = r;
			w->db = db;
		}
	}
	if (found == NULL)
		err_set(e, ERR_USAGE, "no database of the site shows a waiting, "
		    "blocking or long-open session with pid %s", w->pid_text);
	else if (!one)
		err_set(e, ERR_USAGE, "several servers have a session with pid "
		    "%s", w->pid_text);
	if (found == NULL || !one)
		err_hint(e, "--db NAME says which server is meant.");
	readings_release(&all);
	return found != NULL && one;
}

static bool
choose_db(struct ending *w, struct err *e)
{
	if (w->w->db != NULL) {
		w->db = site_db(&w->d->site, w->w->db);
		return w->db != NULL || locks_no_db(w->d, w->w->db, e);
	}
	if (site_dbs(&w->d->site) != 1)
		return find_db(w, e);
	w->db = site_db_at(&w->d->site, 0);
	return true;
}

static bool
reach(struct ending *w, struct err *e)
{
	int64_t deadline = clock_mono_ms() + REACH_MS;
	struct place_care care = { .secret = secret_find,
	    .deadline_ms = deadline };
	struct pg_spec spec;

	pg_spec_of(w->db, &spec);
	if (w->db->through != NULL) {
		w->tunnel = place_tunnel_open(site_spec(&w->spec, &w->d->site,
		    site_place(&w->d->site, w->db->through)), &care,
		    w->db->host, (int)w->db->port, e);
		if (w->tunnel == NULL)
			return err_wrap(e, "%s", w->db->name);
		spec.hostaddr = "127.0.0.1";
		spec.tunnel_port = place_tunnel_port(w->tunnel);
	}
	spec.statement_ms = ASK_MS;
	w->pg = pg_open(&spec, deadline, e);
	if (w->pg == NULL && e->hint[0] == '\0')
		err_hint(e, "%s", pg_no_next(pg_last_no()));
	return w->pg != NULL;
}

/* ---- the session ---------------------------------------------------------------- */

static bool
ask(struct ending *w, const char *sql, const char *const *params, size_t n,
    struct pg_rows *rows, struct err *e)
{
	return pg_query(w->pg, sql, params, n, clock_mono_ms() + ASK_MS, rows,
	    e);
}

#define MS(x) "(extract(epoch FROM " x ") * 1000)::bigint"
#define WAITERS "(SELECT DISTINCT l.pid FROM pg_locks l WHERE NOT l.granted)"

/* Behind the columns that the readings have of a session. */
enum {
	LOOK_BACKEND = POSTGRES_SESSION, LOOK_QUERY, LOOK_USER, LOOK_HOLDS,
	LOOK_WAITS, LOOK_OWN, LOOK_OURS, LOOK_MAY, LOOK_SUPER, LOOK_STARTED,
};
static const char look_sql[] =
	", a.backend_start::text, a.query_start::text, a.usesysid::text, "
	"(SELECT count(*) FROM " WAITERS " w"
	" WHERE a.pid = ANY (pg_blocking_pids(w.pid))), "
	"EXISTS (SELECT 1 FROM " WAITERS " w WHERE w.pid = a.pid), "
	"a.pid = pg_backend_pid(), left(a.application_name, 8) = 'midwatch', "
	"current_setting('is_superuser') = 'on'"
	" OR NOT coalesce(r.rolsuper, true) AND"
	" (pg_has_role(a.usesysid, 'USAGE') OR"
	" pg_has_role('pg_signal_backend', 'USAGE')), "
	"coalesce(r.rolsuper, true), " MS("a.backend_start") " "
	"FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid "
	"WHERE a.pid = $1::int";

static char *
copy(const struct pg_rows *rows, size_t col)
{
	const char *s = pg_at(rows, 0, col);

	return s != NULL ? xstrdup(s) : NULL;
}

static void
keep(struct ending *w, const struct pg_rows *rows)
{
	struct buf who = BUF_INIT;
	const char *type;

	w->seen = postgres_session(rows, 0);
	w->backend_start = copy(rows, LOOK_BACKEND);
	w->query_start = copy(rows, LOOK_QUERY);
	w->user_oid = copy(rows, LOOK_USER);
	w->started_ms = pg_int(rows, 0, LOOK_STARTED, 0);
	w->holds = pg_int(rows, 0, LOOK_HOLDS, 0);
	w->waits = pg_bool(rows, 0, LOOK_WAITS);
	w->own = pg_bool(rows, 0, LOOK_OWN);
	w->ours = pg_bool(rows, 0, LOOK_OURS);
	w->may = pg_bool(rows, 0, LOOK_MAY);
	w->super = pg_bool(rows, 0, LOOK_SUPER);
	w->dump = json_get_bool(w->seen, "dump");
	type = json_get_str(w->seen, "type");
	w->client = type != NULL && (strcmp(type, "client backend") == 0 ||
	    strcmp(type, "parallel worker") == 0);
	w->autovacuum = type != NULL && strcmp(type, "autovacuum worker") == 0;
	locks_session(w->seen, &who);
	(void)snprintf(w->who, sizeof w->who, "%.*s",
	    (int)text_fit(who.p, who.n, sizeof w->who - 1), who.p);
	buf_release(&who);
}

static bool
look(struct ending *w, struct err *e)
{
	const char *params[] = { w->pid_text };
	struct pg_rows rows = PG_ROWS_INIT;
	struct buf sql = BUF_INIT;
	bool ok;

	buf_printf(&sql, "SELECT %s%s", postgres_session_columns(), look_sql);
	/* such a database holds bytes of any kind, and would not send them */
	ok = ask(w, "SELECT set_config('client_encoding', 'SQL_ASCII', false) "
	    "WHERE current_setting('server_encoding') = 'SQL_ASCII'", NULL, 0,
	    &rows, e);
	pg_rows_release(&rows);
	ok = ok && ask(w, sql.p, params, 1, &rows, e);
	buf_release(&sql);
	if (!ok)
		err_wrap(e, "%s", w->db->name);
	else if (pg_count(&rows) == 0) {
		ok = err_set(e, ERR_GUARD, "the server of '%s' has no session "
		    "with pid %s (any more)", w->db->name, w->pid_text);
		err_hint(e, "'midwatch locks %s' shows who is there now.",
		    w->db->name);
	} else
		keep(w, &rows);
	pg_rows_release(&rows);
	return ok;
}

/* ---- guards ---------------------------------------------------------------------- */

static bool
refuse(struct err *e, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool
refuse(struct err *e, const char *hint, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	err_set(e, ERR_GUARD, "%s; nothing was done", b.p);
	err_hint(e, "%s", hint);
	buf_release(&b);
	return false;
}

static bool
guard_kind(const struct ending *w, struct err *e)
{
	const char *p = w->pid_text;

	if (w->backend_start == NULL)
		return refuse(e, "A superuser can GRANT pg_read_all_stats, "
		    "pg_signal_backend TO this login.",
		    "this login may not see whose session pid %s is", p);
	if (w->own || (w->ours && !w->dump))
		return refuse(e, "'midwatch jobs' shows what runs, 'midwatch "
		    "cancel JOB' stops it.",
		    "pid %s is a session of midwatch itself", p);
	if (w->dump && !w->w->dump)
		return refuse(e, "Ending it ends that backup. Add --dump if "
		    "it really has to go.", "pid %s is a dump that is running",
		    p);
	if (!w->client && !(w->autovacuum && w->cancel))
		return refuse(e, w->autovacuum ? "'cancel' ends what it is "
		    "doing; it is tried again later." : "It ends with the "
		    "server, or with its standby.",
		    "pid %s is no client's session but the server's %s", p,
		    json_get_str(w->seen, "type"));
	return true;
}

static bool
guard_state(const struct ending *w, struct err *e)
{
	const char *state = json_get_str(w->seen, "state");
	int64_t started;

	if (w->w->started != NULL) {
		if (!clock_parse_utc(w->w->started, &started))
			return err_set(e, ERR_USAGE, "--started: '%s' is no time "
			    "as 'midwatch locks --json' has it "
			    "(backend_start)", w->w->started);
		if (started != w->started_ms)
			return refuse(e, "Look at it again: midwatch locks.",
			    "pid %s is another session now, it began at %s",
			    w->pid_text, json_get_str(w->seen,
			    "backend_start"));
	}
	if (w->cancel && state != NULL && strcmp(state, "active") != 0)
		return refuse(e, "'terminate' ends the session and rolls back "
		    "what it did.", "pid %s runs no statement that could be "
		    "cancelled, it is %s", w->pid_text, state);
	if (w->holds == 0 && !w->waits && !w->w->anyway)
		return refuse(e, "Add --anyway to end it all the same.",
		    "nobody waits for pid %s (any more)", w->pid_text);
	if (!w->may) {
		refuse(e, "", "the login %s may not end sessions of %s",
		    w->db->user != NULL ? w->db->user : "of this site",
		    json_get_str(w->seen, "user"));
		return w->super ? err_hint(e, "Only a superuser may end a "
		    "superuser's session: SELECT pg_%s_backend(%s);",
		    w->deed, w->pid_text) : err_hint(e, "A superuser can GRANT "
		    "pg_signal_backend TO %s, or itself SELECT "
		    "pg_%s_backend(%s);", w->db->user != NULL ? w->db->user :
		    "this login", w->deed, w->pid_text);
	}
	return true;
}

static bool
guard_confirmed(const struct ending *w, struct err *e)
{
	if (w->w->confirm == NULL)
		return refuse(e, "If it is the right one, add --confirm and its "
		    "pid.", "it is not confirmed");
	if (strcmp(w->w->confirm, w->pid_text) != 0)
		return refuse(e, "--confirm repeats the pid.", "'%s' was "
		    "confirmed, and pid %s was named", w->w->confirm,
		    w->pid_text);
	return true;
}

static void
show(const struct ending *w)
{
	const char *query = json_get_str(w->seen, "query");

	cli_out("%s: %s", w->db->name, w->who);
	cli_out("  %s", query != NULL ? query : "(its statement is hidden)");
	if (w->holds > 0)
		cli_out("  %" PRId64 " %s directly behind it", w->holds,
		    w->holds == 1 ? "session waits" : "sessions wait");
}

/* ---- the record -------------------------------------------------------------------- */

static bool
say_in_log(struct ending *w, const struct draft *line, struct err *e)
{
	char *path = file_join(w->d->state.dir, "log.jsonl");
	struct journal log;
	bool ok;

	journal_init(&log, NULL, NULL);
	log.waiting = cli_waiting;
	ok = journal_open(&log, path, e) &&
	    journal_append(&log, line, 1, NULL, NULL, NULL, e);
	journal_close(&log);
	free(path);
	return ok;
}

static bool
say(struct ending *w, enum event_kind kind, const char *text,
    const char *outcome, struct err *e)
{
	struct buf data = BUF_INIT;
	struct draft line = { .kind = kind, .text = text };
	bool ok;

	json_open(&data);
	json_put_str(&data, "action", w->cancel ? "locks.cancel" :
	    "locks.terminate");
	json_put_str(&data, "db", w->db->name);
	json_put_str(&data, "outcome", outcome);
	json_put_json(&data, "session", w->seen);
	json_put_int(&data, "holds", w->holds);
	json_close(&data);
	line.data = data.p;
	ok = w->in_incident ? incident_append(&w->d->inc, &line, 1, NULL, NULL,
	    NULL, e) : say_in_log(w, &line, e);
	buf_release(&data);
	return ok;
}

static bool
say_intent(struct ending *w, struct err *e)
{
	char id[STATE_ID_MAX] = "";
	struct buf text = BUF_INIT;
	bool ok = incident_current(&w->d->state, false, id, e);

	if (ok && id[0] != '\0') {
		ok = desk_incident(w->d, id, e);
		w->in_incident = ok;
	}
	buf_printf(&text, "%s %s of %s, %" PRId64 " %s behind it%s%s",
	    w->deed, w->who, w->db->name, w->holds,
	    w->holds == 1 ? "session waits" : "sessions wait",
	    w->w->reason != NULL ? ": " : "",
	    w->w->reason != NULL ? w->w->reason : "");
	ok = ok && say(w, EVENT_DECISION, text.p, NULL, e);
	buf_release(&text);
	if (!ok)
		return err_wrap(e, "it cannot be recorded, so nothing was "
		    "done");
	return true;
}

/* ---- the deed ------------------------------------------------------------------------ */

/* *ret_same false: it was another session, or another statement of it, by then. */
static bool
signal_it(struct ending *w, bool *ret_same, struct err *e)
{
	const char *params[] = { w->pid_text, w->backend_start, w->user_oid,
	    w->query_start };
	struct pg_rows rows = PG_ROWS_INIT;
	struct buf sql = BUF_INIT;
	bool ok;

	buf_printf(&sql, "SELECT pg_%s_backend(a.pid) FROM pg_stat_activity a "
	    "WHERE a.pid = $1::int AND a.backend_start = $2::timestamptz "
	    "AND a.usesysid IS NOT DISTINCT FROM $3::oid "
	    "AND a.query_start IS NOT DISTINCT FROM $4::timestamptz", w->deed);
	ok = ask(w, sql.p, params, 4, &rows, e);
	*ret_same = ok && pg_count(&rows) > 0;
	if (*ret_same && !pg_bool(&rows, 0, 0))
		ok = err_set(e, ERR_FAILED, "the server could not signal pid %s",
		    w->pid_text);
	pg_rows_release(&rows);
	buf_release(&sql);
	return ok;
}

static bool
is_over(struct ending *w, bool *ret, struct err *e)
{
	const char *params[] = { w->pid_text, w->backend_start, w->query_start };
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok;

	ok = w->cancel ? ask(w, "SELECT count(*) FROM pg_stat_activity WHERE "
	    "pid = $1::int AND backend_start = $2::timestamptz AND query_start "
	    "IS NOT DISTINCT FROM $3::timestamptz AND state = 'active'", params,
	    3, &rows, e) :
	    ask(w, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int "
	    "AND backend_start = $2::timestamptz", params, 2, &rows, e);
	*ret = ok && pg_int(&rows, 0, 0, 1) == 0;
	pg_rows_release(&rows);
	return ok;
}

static bool
prove(struct ending *w, struct err *e)
{
	int64_t until = clock_mono_ms() + PROOF_MS;
	struct pg_rows rows = PG_ROWS_INIT;
	bool over = false;

	while (!over) {
		if (!is_over(w, &over, e))
			return err_wrap(e, "whether pid %s has ended is not "
			    "known", w->pid_text);
		if (over)
			break;
		if (clock_mono_ms() >= until) {
			err_set(e, ERR_TIMEOUT, "pid %s was asked to end and is "
			    "still there after %d s", w->pid_text,
			    PROOF_MS / 1000);
			return err_hint(e, "It may be rolling back, or waiting "
			    "for the disk or the network; look again with "
			    "'midwatch locks %s'. Never kill -9 it: that "
			    "restarts the whole server.", w->db->name);
		}
		clock_sleep_ms(50);
	}
	/* those behind it get a moment to go on */
	clock_sleep_ms(100);
	w->still = ask(w, "SELECT count(*) FROM " WAITERS " w", NULL, 0, &rows,
	    NULL) ? pg_int(&rows, 0, 0, 0) : -1;
	pg_rows_release(&rows);
	return true;
}

static bool
do_it(struct ending *w, struct buf *outcome, struct err *e)
{
	struct err oe = ERR_INIT;
	bool same = false, ok;

	ok = signal_it(w, &same, e);
	if (ok && !same)
		ok = refuse(e, "Look at it again: midwatch locks.",
		    "pid %s has changed in this very moment", w->pid_text);
	ok = ok && prove(w, e);
	if (!ok)
		buf_str(outcome, e->msg);
	else if (w->cancel)
		buf_printf(outcome, "the statement of pid %s has ended",
		    w->pid_text);
	else
		buf_printf(outcome, "pid %s is gone", w->pid_text);
	if (ok && w->still >= 0)
		buf_printf(outcome, ", %" PRId64 " %s there", w->still,
		    w->still == 1 ? "session still waits for a lock" :
		    "sessions still wait for locks");
	if (!say(w, EVENT_EVIDENCE, outcome->p, ok ? "proven" : "failed", &oe))
		cli_note("the outcome could not be recorded: %s", oe.msg);
	return ok;
}

static void
report(const struct ending *w, const char *outcome)
{
	struct buf b = BUF_INIT;

	if (!w->c->json) {
		cli_out("[OK] %s: %s", w->db->name, outcome);
		return;
	}
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_put_str(&b, "action", w->deed);
	json_put_str(&b, "db", w->db->name);
	json_put_int(&b, "pid", w->pid);
	json_put_json(&b, "session", w->seen);
	json_put_int(&b, "held_up", w->holds);
	if (w->still >= 0)
		json_put_int(&b, "still_waiting", w->still);
	json_put_str(&b, "text", outcome);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

int
locks_end(struct cli *c, const struct locks_end *what)
{
	struct ending w = { .w = what, .c = c, .d = what->desk,
	    .deed = c->words.v[0], .still = -1 };
	struct buf outcome = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok;

	w.cancel = strcmp(w.deed, "cancel") == 0;
	if (!text_int(c->words.v[1], 1, INT32_MAX, &w.pid))
		return cli_usage("'%s' is not the pid of a session; 'midwatch "
		    "locks' shows them", c->words.v[1]);
	(void)snprintf(w.pid_text, sizeof w.pid_text, "%" PRId64, w.pid);
	ok = choose_db(&w, &e) && reach(&w, &e) && look(&w, &e);
	if (ok && !c->json)
		show(&w);
	ok = ok && guard_kind(&w, &e) && guard_state(&w, &e) &&
	    guard_confirmed(&w, &e) && say_intent(&w, &e) &&
	    do_it(&w, &outcome, &e);
	if (ok)
		report(&w, outcome.p);
	pg_close(w.pg);
	place_tunnel_close(w.tunnel);
	json_decref(w.seen);
	free(w.backend_start);
	free(w.query_start);
	free(w.user_oid);
	buf_release(&outcome);
	return ok ? EXIT_DONE : cli_fail(c, &e);
}
