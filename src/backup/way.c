#include "backup/way.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/who.h"

enum { ASK_LIMIT = 1 << 20, SAID_MAX = 300 };

/* Reads a password file from its standard input into a file that has lost its
 * name before the first byte is in it, and becomes the program. */
static const char wrapper[] =
    "umask 077; f=$(mktemp /dev/shm/mw.XXXXXXXX) || exit 126\n"
    "exec 3<>\"$f\" || exit 126; rm -f -- \"$f\" || exit 126\n"
    "cat >&3 || exit 126; exec </dev/null\n"
    "PGPASSFILE=/proc/self/fd/3; export PGPASSFILE; exec \"$@\"";

/* ---- words ------------------------------------------------------------------ */

void
conninfo_put(struct buf *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, "%s%s='", out->n > 0 ? " " : "", key);
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			buf_ch(out, '\\');
		buf_ch(out, *value);
	}
	buf_ch(out, '\'');
}

static void
put_number(struct buf *out, const char *key, int64_t n)
{
	char digits[24];

	(void)snprintf(digits, sizeof digits, "%" PRId64, n);
	conninfo_put(out, key, digits);
}

void
way_conninfo(const struct way *w, const char *options, struct buf *out)
{
	const struct site_db *db = w->db;
	bool own = w->kind == WAY_LOGIN;

	conninfo_put(out, "host", w->host);
	if (w->tunnel != NULL) {
		conninfo_put(out, "hostaddr", "127.0.0.1");
		put_number(out, "port", place_tunnel_port(w->tunnel));
	} else
		put_number(out, "port", w->port);
	conninfo_put(out, "user", w->user);
	conninfo_put(out, "dbname", db->dbname);
	if (own || w->at == NULL) {
		conninfo_put(out, "sslmode", site_sslmodes[db->sslmode]);
		/* a path of this host */
		if (w->at == NULL)
			conninfo_put(out, "sslrootcert", db->sslrootcert);
	}
	conninfo_put(out, "connect_timeout", "20");
	conninfo_put(out, "keepalives_idle", "30");
	conninfo_put(out, "keepalives_interval", "10");
	conninfo_put(out, "keepalives_count", "6");
	conninfo_put(out, "client_encoding", "UTF8");
	if (options != NULL && *options != '\0')
		conninfo_put(out, "options", options);
}

void
way_secret(const struct way *w, struct buf *out)
{
	if (w->password.n == 0)
		return;
	/* room for all of it at once: growing would leave copies behind */
	buf_grow(out, 2 * w->password.n + 16);
	buf_str(out, "*:*:*:*:");
	for (size_t i = 0; i < w->password.n; i++) {
		char c = w->password.p[i];

		if (c == ':' || c == '\\')
			buf_ch(out, '\\');
		buf_ch(out, c);
	}
	buf_ch(out, '\n');
}

void
way_say(const struct way *w, struct buf *out)
{
	const char *at = w->at != NULL ? w->at->name : NULL;

	buf_printf(out, "%s%s%s%s%s", w->kind == WAY_SUPERUSER ?
	    "the superuser way (" : "the login ", w->user, at ? " at " : "",
	    at ? at : "", w->kind == WAY_SUPERUSER ? ")" : "");
}

/* ---- opening ------------------------------------------------------------------ */

static bool
place_it(struct way *w, const char *name, int64_t deadline, struct err *e)
{
	struct place_care care = { .deadline_ms = deadline };

	w->at = site_spec(&w->spec, w->site, site_place(w->site, name));
	w->place = place_open(w->at, &care, e);
	return w->place != NULL;
}

/* As the site's file says it; none is fine (peer, trust, a certificate). */
static void
find_password(struct way *w)
{
	struct err none = ERR_INIT;

	(void)pg_passfile(w->db->passfile, w->host, (int)w->port,
	    w->db->dbname, w->user, &w->password, &none);
}

static bool
open_here(struct way *w, int64_t deadline, struct err *e)
{
	struct place_care care = { .deadline_ms = deadline };
	struct pg_spec spec;
	struct buf why = BUF_INIT;

	pg_spec_of(w->db, &spec);
	spec.host = w->host;
	spec.user = w->user;
	spec.port = (int)w->port;
	spec.statement_ms = 60000;
	if (w->kind == WAY_LOGIN && w->db->through != NULL) {
		const struct place_spec *by = site_spec(&w->spec, w->site,
		    site_place(w->site, w->db->through));

		w->tunnel = place_tunnel_open(by, &care, w->host != NULL ?
		    w->host : "localhost", (int)w->port, e);
		if (w->tunnel == NULL)
			return err_wrap(e, "%s: the tunnel through %s",
			    w->db->name, w->db->through);
		spec.hostaddr = "127.0.0.1";
		spec.tunnel_port = place_tunnel_port(w->tunnel);
	}
	w->pg = pg_open(&spec, deadline, e);
	if (w->pg == NULL) {
		w->no = pg_last_no();
		if (w->tunnel != NULL && place_tunnel_error(w->tunnel, &why)) {
			err_clear(e);
			err_set(e, ERR_FAILED, "%s: %s", w->db->name, why.p);
		}
	}
	buf_release(&why);
	return w->pg != NULL;
}

bool
way_open(struct way *w, const struct site *site, const struct site_db *db,
    enum way_kind kind, int64_t deadline, struct err *e)
{
	const struct site_superuser *su = &db->superuser;
	json_t *one;

	*w = (struct way){ .site = site, .db = db, .kind = kind };
	if (kind == WAY_SUPERUSER) {
		if (su->line == 0)
			return err_set(e, ERR_NOTFOUND, "%s: the site names no "
			    "superuser way", db->name);
		w->host = su->host;
		w->port = su->port;
		w->user = su->user;
	} else {
		w->host = db->dump_at != NULL && db->dump_host != NULL ?
		    db->dump_host : db->host;
		w->port = db->port;
		w->user = db->user != NULL ? db->user : who_am_i()->login;
	}
	find_password(w);
	if (kind == WAY_SUPERUSER ? su->at == NULL : db->dump_at == NULL)
		return open_here(w, deadline, e);
	if (!place_it(w, kind == WAY_SUPERUSER ? su->at : db->dump_at,
	    deadline, e))
		return err_wrap(e, "%s", db->name);
	one = way_ask(w, "SELECT '[]'", deadline, e);
	json_decref(one);
	return one != NULL;
}

void
way_close(struct way *w)
{
	if (w->password.cap > 0)
		explicit_bzero(w->password.p, w->password.cap);
	buf_release(&w->password);
	pg_close(w->pg);
	place_close(w->place);
	place_tunnel_close(w->tunnel);
	*w = (struct way)WAY_INIT;
}

/* ---- asking ----------------------------------------------------------------- */

static json_t *
ask_here(struct way *w, const char *sql, int64_t deadline, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	json_t *ret = NULL;
	const char *s;

	if (pg_query(w->pg, sql, NULL, 0, deadline, &rows, e)) {
		s = pg_count(&rows) > 0 ? pg_at(&rows, 0, 0) : NULL;
		ret = s != NULL ? json_read(s, strlen(s), NULL) : NULL;
		if (ret == NULL)
			err_set(e, ERR_FAILED, "%s: the server's answer is "
			    "none", w->db->name);
	}
	pg_rows_release(&rows);
	return ret;
}

/* psql passes words on and no codes. They are good enough to say what a person
 * may do about it, and decide nothing; in another language there is no advice. */
static const char *
advice(const char *line)
{
	static const struct { const char *words; enum pg_no no; } rows[] = {
		{ "no password supplied", PG_NO_NO_PASSWORD },
		{ "password authentication failed", PG_NO_PASSWORD },
		{ "no pg_hba.conf entry", PG_NO_HBA },
		{ "is not permitted to log in", PG_NO_LOCKED },
		{ "FATAL:  role ", PG_NO_ROLE },
		{ "FATAL:  database ", PG_NO_DATABASE },
		{ "authentication failed for", PG_NO_AUTH },
		{ "Connection refused", PG_NO_REFUSED },
		{ "No such file or directory", PG_NO_REFUSED },
		{ "could not translate host name", PG_NO_NAME },
		{ "too many clients", PG_NO_FULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strstr(line, rows[i].words) != NULL)
			return pg_no_next(rows[i].no);
	return NULL;
}

/* What psql said, as one short line. */
static void
said(struct way *w, const struct place_ran *ran, struct err *e)
{
	static const char own[] = "psql: error: ";
	struct buf line = BUF_INIT;
	const char *s = ran->errout.p;
	size_t n;

	if (text_starts(s, own))
		s += strlen(own);
	n = strcspn(s, "\n");
	text_clean(&line, s, text_fit(s, n, SAID_MAX), TEXT_LINE);
	err_set(e, ERR_FAILED, "%s: psql at %s: %s", w->db->name, w->at->name,
	    ran->exit.code == 127 ? "it is not there" : line.n > 0 ? line.p :
	    "it failed without a word");
	if (ran->exit.code == 127)
		err_hint(e, "Install PostgreSQL's client programs at %s.",
		    w->at->name);
	else if (line.n > 0 && advice(line.p) != NULL)
		err_hint(e, "%s", advice(line.p));
	buf_release(&line);
}

static json_t *
ask_there(struct way *w, const char *sql, int64_t deadline, struct err *e)
{
	struct place_ran ran = PLACE_RAN_INIT;
	struct buf info = BUF_INIT, secret = BUF_INIT;
	VEC(const char *) argv = { 0 };
	json_t *ret = NULL;
	char *dbname;

	way_conninfo(w, "-c statement_timeout=60000 -c lock_timeout=5000 "
	    "-c default_transaction_read_only=on "
	    "-c search_path=pg_catalog", &info);
	way_secret(w, &secret);
	dbname = xprintf("--dbname=%s", info.p);
	if (secret.n > 0) {
		VEC_PUSH(&argv, "/bin/sh");
		VEC_PUSH(&argv, "-c");
		VEC_PUSH(&argv, wrapper);
		VEC_PUSH(&argv, "midwatch");
	}
	VEC_PUSH(&argv, "psql");
	VEC_PUSH(&argv, "-XAtq");
	VEC_PUSH(&argv, "--no-password");
	VEC_PUSH(&argv, "--set=ON_ERROR_STOP=1");
	VEC_PUSH(&argv, dbname);
	VEC_PUSH(&argv, "--command");
	VEC_PUSH(&argv, sql);
	VEC_PUSH(&argv, NULL);
	struct place_run run = { .argv = argv.v, .input = secret.n > 0 ?
	    secret.p : NULL, .input_n = secret.n, .limit = ASK_LIMIT,
	    .deadline_ms = deadline };
	if (place_run(w->place, &run, &ran, e)) {
		if (ran.exit.code == 0 && !ran.cut)
			ret = json_read(ran.out.p, ran.out.n, NULL);
		if (ret == NULL)
			said(w, &ran, e);
	}
	if (secret.cap > 0)
		explicit_bzero(secret.p, secret.cap);
	buf_release(&secret);
	buf_release(&info);
	place_ran_release(&ran);
	VEC_RELEASE(&argv);
	free(dbname);
	return ret;
}

json_t *
way_ask(struct way *w, const char *sql, int64_t deadline, struct err *e)
{
	return w->pg != NULL ? ask_here(w, sql, deadline, e) :
	    ask_there(w, sql, deadline, e);
}
