/*
 * The superuser's side: by libpq to a socket or host of here, or by psql at a place,
 * which gets its statements on standard input, never as words.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "action/recover_intern.h"
#include "backup/way.h"
#include "base/clock.h"
#include "base/text.h"

enum { SAID_MAX = 300, OUT_MAX = 64 << 10, PSQL_REFUSED = 3 };

/* $ is the role. Nothing here is secret but what comes back. */
static const char facts_sql[] =
    "SELECT json_build_object("
    "'version', current_setting('server_version_num')::int,"
    " 'super', current_setting('is_superuser') = 'on',"
    " 'standby', pg_is_in_recovery(),"
    " 'identity', (SELECT system_identifier::text FROM pg_control_system()),"
    " 'primary', (SELECT substring(conninfo FROM 'host=([^ ]+)')"
    "  FROM pg_stat_wal_receiver LIMIT 1),"
    " 'role', (SELECT json_build_object('login', rolcanlogin,"
    "  'until', rolvaliduntil::text, 'expired', rolvaliduntil IS NOT NULL"
    "  AND rolvaliduntil <= now(), 'limit', rolconnlimit,"
    "  'verifier', rolpassword) FROM pg_authid WHERE rolname = $),"
    " 'sessions', (SELECT coalesce(json_agg(json_build_object('pid', pid,"
    "  'application', application_name, 'address', host(client_addr),"
    "  'database', datname, 'state', state, 'since', to_char(backend_start"
    "  AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))"
    "  ORDER BY backend_start), '[]') FROM (SELECT * FROM pg_stat_activity"
    "  WHERE usename = $ AND pid <> pg_backend_pid() ORDER BY backend_start"
    "  LIMIT 200) s))";
static const char verifier_sql[] =
    "SELECT json_build_object('verifier', (SELECT rolpassword FROM pg_authid"
    " WHERE rolname = $))";
static const char end_sql[] =
    "SELECT json_build_object('n', (SELECT count(pg_terminate_backend(pid))"
    " FROM pg_stat_activity WHERE usename = $ AND pid <> pg_backend_pid()"
    " AND application_name <> 'midwatch'))";

/* Whatever would write a statement somewhere, as far as this server has it. The
 * last thing it says is only a count. */
static const char silence_sql[] =
    "SELECT count(set_config(s.name, v.value, %s)) FROM pg_settings s JOIN"
    " (VALUES ('log_statement', 'none'), ('log_duration', 'off'),"
    " ('log_min_duration_statement', '-1'), ('log_min_duration_sample', '-1'),"
    " ('log_transaction_sample_rate', '0'),"
    " ('log_min_error_statement', 'panic'), ('log_min_messages', 'fatal'),"
    " ('debug_print_parse', 'off'), ('debug_print_rewritten', 'off'),"
    " ('debug_print_plan', 'off'), ('log_parser_stats', 'off'),"
    " ('lc_messages', 'C'), ('track_activities', 'off'), ('pg_stat_statements.track', 'none'),"
    " ('pg_stat_statements.track_utility', 'off'), ('pgaudit.log', 'none'),"
    " ('auto_explain.log_min_duration', '-1'),"
    " ('pg_stat_monitor.pgsm_track', 'none'),"
    " ('pg_stat_monitor.pgsm_track_utility', 'off'))"
    " AS v (name, value) ON v.name = s.name";

static int64_t
end_in(int64_t ms)
{
	return clock_mono_ms() + ms;
}

static void
fill(const char *sql, const char *role, struct buf *out)
{
	for (; *sql != '\0'; sql++)
		if (*sql == '$')
			pg_literal(out, role);
		else
			buf_ch(out, *sql);
}

static json_t *
ask(struct recover *r, const char *sql, struct err *e)
{
	struct way w = WAY_INIT;
	struct buf b = BUF_INIT;
	json_t *o = NULL;

	fill(sql, r->role, &b);
	if (way_open(&w, r->ask.site, r->ask.db, WAY_SUPERUSER,
	    end_in(RECOVER_LOGIN_MS), e))
		o = way_ask(&w, b.p, end_in(RECOVER_ASK_MS), e);
	way_close(&w);
	buf_release(&b);
	return o;
}

/* ---- looking ---------------------------------------------------------------------- */

static char *
take(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s != NULL ? xstrdup(s) : NULL;
}

static char *
clean(const json_t *o, const char *key, const char *otherwise)
{
	const char *s = json_get_str(o, key);
	struct buf b = BUF_INIT;

	text_clean(&b, s != NULL ? s : otherwise, strlen(s != NULL ? s :
	    otherwise), TEXT_LINE);
	return buf_detach(&b);
}

static void
take_sessions(struct recover *r, const json_t *list)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o) {
		struct recover_session *s = VEC_NEW(&r->sessions);

		s->pid = json_get_int(o, "pid", 0);
		s->application = clean(o, "application", "");
		s->address = clean(o, "address", "the local socket");
		s->database = clean(o, "database", "");
		s->state = clean(o, "state", "");
		s->since = clean(o, "since", "");
		s->ours = strcmp(s->application, "midwatch") == 0;
	}
}

bool
recover_super_look(struct recover *r, struct err *e)
{
	struct recover_facts *f = &r->facts;
	json_t *o = ask(r, facts_sql, e), *role;

	if (o == NULL)
		return false;
	role = json_object_get(o, "role");
	f->super = json_get_bool(o, "super");
	f->standby = json_get_bool(o, "standby");
	f->version = json_get_int(o, "version", 0);
	f->identity = take(o, "identity");
	f->primary = take(o, "primary");
	f->role = json_is_object(role);
	f->login = json_get_bool(role, "login");
	f->expired = json_get_bool(role, "expired");
	f->until = take(role, "until");
	f->limit = json_get_int(role, "limit", -1);
	f->verifier = take(role, "verifier");
	mask_add(&r->mask, f->verifier);
	take_sessions(r, json_object_get(o, "sessions"));
	json_decref(o);
	f->known = true;
	return true;
}

bool
recover_super_verifier(struct recover *r, char **ret, struct err *e)
{
	json_t *o = ask(r, verifier_sql, e);

	*ret = o != NULL ? take(o, "verifier") : NULL;
	json_decref(o);
	return o != NULL;
}

bool
recover_super_end_sessions(struct recover *r, int64_t *ret_n, struct err *e)
{
	json_t *o = ask(r, end_sql, e);

	*ret_n = json_get_int(o, "n", 0);
	json_decref(o);
	return o != NULL;
}

/* ---- changing --------------------------------------------------------------------- */

/* Ends with an error when the role has another verifier than it must have: what is
 * sent of that one is a hash, since what it hashes may be guessable. */
static bool
put_check(const struct recover *r, const char *from, struct buf *out,
    struct err *e)
{
	char md5[SCRAM_MD5];

	buf_str(out, "SELECT 1 / count(*) FROM pg_authid WHERE rolname = ");
	pg_literal(out, r->role);
	if (from == NULL) {
		buf_str(out, " AND rolpassword IS NULL");
		return true;
	}
	if (r->facts.version >= 110000) {
		char hex[SHA_HEX];

		sha_of(from, strlen(from), hex);
		buf_printf(out, " AND encode(sha256(rolpassword::bytea), 'hex')"
		    " = '%s'", hex);
		return true;
	}
	if (!scram_md5(from, "", md5, e))
		return false;
	buf_printf(out, " AND md5(rolpassword) = '%s'", md5 + 3);
	return true;
}

static void
put_change(const struct recover *r, const struct recover_change *c,
    struct buf *out)
{
	buf_str(out, "ALTER ROLE ");
	pg_ident(out, r->role);
	if (c->login != 0)
		buf_str(out, c->login > 0 ? " LOGIN" : " NOLOGIN");
	if (c->until != NULL) {
		buf_str(out, " VALID UNTIL ");
		pg_literal(out, c->until);
	}
	if (c->password) {
		buf_str(out, " PASSWORD ");
		if (c->to != NULL)
			pg_literal(out, c->to);
		else
			buf_str(out, "NULL");
	}
}

enum { STATEMENTS = 7 };
struct script {
	struct buf v[STATEMENTS];
	size_t n;
};

static bool
write_script(const struct recover *r, const struct recover_change *c,
    struct script *s, struct err *e)
{
	struct buf *check;

	for (size_t i = 0; i < STATEMENTS; i++) {
		s->v[i] = (struct buf)BUF_INIT;
		buf_grow(&s->v[i], 4096);	/* no copies by growing */
	}
	s->n = STATEMENTS;
	/* whether a transaction is sampled is decided when it begins; and the
	 * transaction's own settings are for who is behind a pooler */
	buf_printf(&s->v[0], silence_sql, "false");
	buf_str(&s->v[1], "BEGIN READ WRITE");
	buf_printf(&s->v[2], silence_sql, "true");
	check = &s->v[3];
	if (!put_check(r, c->from, check, e))
		return false;
	put_change(r, c, &s->v[4]);
	buf_str(&s->v[5], "COMMIT");
	buf_str(&s->v[6], "SELECT 'changed'");
	return true;
}

static void
drop_script(struct script *s)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		if (s->v[i].cap > 0)
			explicit_bzero(s->v[i].p, s->v[i].cap);
		buf_release(&s->v[i]);
	}
}

static bool
not_as_expected(const struct recover *r, struct err *e)
{
	err_clear(e);
	err_set(e, ERR_GUARD, "%s: the password of %s was changed by somebody "
	    "else in this moment, and is left as they set it",
	    r->ask.db->name, r->role);
	return err_hint(e, "Find out who it was, then begin again.");
}

static bool
run_here(struct recover *r, const struct script *s, bool *ret_sure,
    struct err *e)
{
	const struct site_superuser *su = &r->ask.db->superuser;
	struct pg_spec spec;
	struct pg *db;
	bool ok;

	pg_spec_of(r->ask.db, &spec);
	spec.host = su->host;
	spec.user = su->user;
	spec.port = (int)su->port;
	spec.statement_ms = RECOVER_ASK_MS;
	spec.writes = true;
	db = pg_open(&spec, end_in(RECOVER_LOGIN_MS), e);
	ok = db != NULL;
	for (size_t i = 0; ok && i < s->n; i++) {
		struct pg_rows rows = PG_ROWS_INIT;

		*ret_sure = i < 5;
		ok = pg_query(db, s->v[i].p, NULL, 0, end_in(RECOVER_ASK_MS),
		    &rows, e);
		pg_rows_release(&rows);
		if (!ok && i == 3 && strcmp(pg_sqlstate(db), "22012") == 0)
			not_as_expected(r, e);
	}
	pg_close(db);
	return ok;
}

/* The first line is for a password file that has lost its name before anything is
 * in it; what follows is psql's. */
static const char wrapper[] =
    "umask 077; f=$(mktemp /dev/shm/mw.XXXXXXXX) || exit 126\n"
    "exec 3<>\"$f\" || exit 126; rm -f -- \"$f\" || exit 126\n"
    "IFS= read -r l || exit 126; printf '%s\\n' \"$l\" >&3 || exit 126; unset l\n"
    "PGPASSFILE=/proc/self/fd/3; export PGPASSFILE; exec \"$@\"";

static void
psql_said(struct recover *r, const struct way *w, struct place_ran *ran,
    struct err *e)
{
	struct buf line = BUF_INIT;
	size_t n;

	(void)mask_text(&r->mask, &ran->errout);
	n = ran->errout.n;
	while (n > 0 && ran->errout.p[n - 1] == '\n')
		n--;
	text_clean(&line, ran->errout.p, text_fit(ran->errout.p, n, SAID_MAX),
	    TEXT_LINE);
	if (strstr(line.p, "division by zero") != NULL)
		not_as_expected(r, e);
	else
		err_set(e, ERR_FAILED, "%s: psql at %s: %s", r->ask.db->name,
		    w->at->name, line.n > 0 ? line.p :
		    "it ended without a word");
	buf_release(&line);
}

static void
put_input(const struct way *w, const struct script *s, struct buf *out)
{
	buf_grow(out, 4096 * STATEMENTS + 2 * w->password.n);
	way_secret(w, out);
	buf_str(out, "\\set VERBOSITY terse\n");
	for (size_t i = 0; i < s->n; i++) {
		buf_add(out, s->v[i].p, s->v[i].n);
		buf_str(out, ";\n");
	}
}

static bool
run_there(struct recover *r, const struct script *s, bool *ret_sure,
    struct err *e)
{
	struct way w = WAY_INIT;
	struct place_ran ran = PLACE_RAN_INIT;
	struct buf info = BUF_INIT, input = BUF_INIT;
	const char *argv[12];
	char *dbname = NULL;
	size_t n = 0;
	bool ok = false;

	if (!way_open(&w, r->ask.site, r->ask.db, WAY_SUPERUSER,
	    end_in(RECOVER_LOGIN_MS), e))
		goto out;
	way_conninfo(&w, "-c statement_timeout=30000 -c lock_timeout=5000 "
	    "-c search_path=pg_catalog", &info);
	dbname = xprintf("--dbname=%s", info.p);
	put_input(&w, s, &input);
	if (w.password.n > 0) {
		argv[n++] = "/bin/sh";
		argv[n++] = "-c";
		argv[n++] = wrapper;
		argv[n++] = "midwatch";
	}
	argv[n++] = "psql";
	argv[n++] = "-XAtq";
	argv[n++] = "--no-password";
	argv[n++] = "--set=ON_ERROR_STOP=1";
	argv[n++] = dbname;
	argv[n++] = "--file=-";
	argv[n] = NULL;
	struct place_run run = { .argv = argv, .input = input.p,
		.input_n = input.n, .limit = OUT_MAX,
		.deadline_ms = end_in(RECOVER_ASK_MS) };
	/* how far it came is not known here */
	*ret_sure = false;
	ok = place_run(w.place, &run, &ran, e);
	if (ok && (ran.exit.code != 0 || strstr(ran.out.p, "changed") == NULL)) {
		psql_said(r, &w, &ran, e);
		/* psql's own word for a statement that was refused */
		*ret_sure = ran.exit.code == PSQL_REFUSED;
		ok = false;
	}
out:
	if (input.cap > 0)
		explicit_bzero(input.p, input.cap);
	buf_release(&input);
	buf_release(&info);
	place_ran_release(&ran);
	way_close(&w);
	free(dbname);
	return ok;
}

bool
recover_super_change(struct recover *r, const struct recover_change *c,
    bool *ret_sure, struct err *e)
{
	struct script s = { .n = 0 };
	bool ok;

	*ret_sure = true;
	ok = write_script(r, c, &s, e);
	if (ok)
		ok = r->ask.db->superuser.at != NULL ?
		    run_there(r, &s, ret_sure, e) :
		    run_here(r, &s, ret_sure, e);
	if (ok)
		*ret_sure = true;
	drop_script(&s);
	(void)mask_chars(&r->mask, e->msg);
	return ok;
}
