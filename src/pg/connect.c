#include "pg/intern.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/who.h"

enum { NAME_LEN_MAX = 1024, EACH_MS = 1000 };

static enum pg_no last_no;

/* libpq looks into the environment for whatever it is not told, and again while
 * it connects: for the length of a call there is nothing of it to see. */
static char **
hide_environment(void)
{
	char **whole = environ;
	size_t n = 0, kept = 0;

	while (whole != NULL && whole[n] != NULL)
		n++;
	char **rest = xcalloc(n + 1, sizeof *rest);
	for (size_t i = 0; i < n; i++)
		if (!text_starts(whole[i], "PG"))
			rest[kept++] = whole[i];
	environ = rest;
	return whole;
}

static void
show_environment(char **whole)
{
	free(environ);
	environ = whole;
}

/* --- saying no ----------------------------------------------------------- */

static enum err_kind
kind_of(enum pg_no no)
{
	switch (no) {
	case PG_NO_CLIENT:
		return ERR_USAGE;
	case PG_NO_UNREACHABLE:
		return ERR_TIMEOUT;
	default:
		return ERR_FAILED;
	}
}

/* "otc (otc-db:5432): the database does not exist; the server says: ..." */
static void
say_no(struct pg *db, enum pg_no no, const char *between, const char *words,
    size_t n)
{
	struct buf b = BUF_INIT;

	if (n > 0)
		buf_str(&b, between);
	pg_add_words(&b, words, n);
	if (no == PG_NO_PASSWORD && db->password_from != NULL)
		buf_printf(&b, "; it came from %s", db->password_from);
	err_clear(&db->why);
	err_set(&db->why, kind_of(no), "%s (%s): %s%s", db->name, db->where,
	    pg_no_text(no), b.p);
	if (no == PG_NO_NO_PASSWORD)
		err_hint(&db->why, "%s", db->no_password.hint);
	err_hint(&db->why, "%s", pg_no_next(no));
	db->no = no;
	buf_release(&b);
}

static void
forget_password(struct pg *db)
{
	if (db->password.cap > 0)
		explicit_bzero(db->password.p, db->password.cap);
	buf_clear(&db->password);
}

static void
drop_connection(struct pg *db)
{
	if (db->conn != NULL)
		PQfinish(db->conn);
	db->conn = NULL;
	forget_password(db);
}

enum pg_state
pg_break(struct pg *db, enum pg_no no, struct err *e)
{
	if (db->why.kind == ERR_NONE)
		say_no(db, no, "", "", 0);
	if (db->no == PG_NO_NONE)
		db->no = no;
	last_no = db->no;
	pg_name_stop(db);
	drop_connection(db);
	db->state = PG_BROKEN;
	if (e != NULL)
		*e = db->why;
	return PG_BROKEN;
}

/* --- the parameters ------------------------------------------------------ */

/* In the first packet, so that no statement of ours is ever without them. What
 * comes last holds. */
static char *
session_options(struct pool *pool, const struct pg_spec *spec)
{
	struct buf b = BUF_INIT;
	long ms = spec->statement_ms ? spec->statement_ms : PG_STATEMENT_MS;
	char *all;

	if (spec->options != NULL)
		buf_str(&b, spec->options);
	buf_printf(&b, " -c statement_timeout=%ld -c lock_timeout=%ld", ms,
	    ms < PG_LOCK_MS ? ms : (long)PG_LOCK_MS);
	buf_printf(&b, " -c default_transaction_read_only=%s",
	    spec->writes ? "off" : "on");
	buf_str(&b, " -c search_path=pg_catalog -c datestyle=ISO"
	    " -c timezone=UTC");
	all = pool_str(pool, b.p);
	buf_release(&b);
	return all;
}

static bool
fits(const char *what, const char *s, struct err *e)
{
	return s == NULL || strlen(s) <= NAME_LEN_MAX ||
	    err_set(e, ERR_USAGE, "the %s has more than %d bytes", what,
	    NAME_LEN_MAX);
}

static bool
check(const struct pg_spec *s, struct err *e)
{
	size_t modes = 0;

	while (site_sslmodes[modes] != NULL)
		modes++;
	if (!fits("host", s->host, e) || !fits("user", s->user, e) ||
	    !fits("database's name", s->dbname, e) ||
	    !fits("options", s->options, e))
		return false;
	if (s->host != NULL && strchr(s->host, ',') != NULL) {
		err_set(e, ERR_USAGE, "the host '%s' is a list", s->host);
		return err_hint(e, "Give each server an entry of its own.");
	}
	if (s->port < 0 || s->port > 65535 || s->tunnel_port < 0 ||
	    s->tunnel_port > 65535)
		return err_set(e, ERR_USAGE, "there is no port %d", s->port);
	if (s->hostaddr != NULL && !pg_name_is_address(s->hostaddr))
		return err_set(e, ERR_USAGE, "'%s' is no address", s->hostaddr);
	if (s->sslmode != NULL && !text_in(s->sslmode, site_sslmodes, modes))
		return err_set(e, ERR_USAGE, "there is no sslmode '%s'",
		    s->sslmode);
	return true;
}

static const char *
copy(struct pg *db, const char *s)
{
	return s != NULL && s[0] != '\0' ? pool_str(&db->pool, s) : NULL;
}

static void
find_password(struct pg *db, const struct pg_spec *spec)
{
	struct buf line = BUF_INIT;

	if (spec->password != NULL) {
		buf_grow(&db->password, strlen(spec->password) + 1);
		buf_str(&db->password, spec->password);
	} else if (pg_passfile_line(spec->passfile, db->host != NULL ?
	    db->host : db->hostaddr, spec->port, db->dbname, db->user,
	    &db->password, &line, &db->no_password))
		db->password_from = pool_str(&db->pool, line.p);
	buf_release(&line);
}

static const char *
where(struct pg *db, int port)
{
	const char *host = db->host != NULL ? db->host : db->hostaddr;
	bool six = host[0] != '/' && strchr(host, ':') != NULL;

	return pool_printf(&db->pool, "%s%s%s:%d%s", six ? "[" : "", host,
	    six ? "]" : "", port,
	    db->hostaddr && db->host ? " by a tunnel" : "");
}

static struct pg *
new(const struct pg_spec *spec)
{
	struct pg *db = xcalloc(1, sizeof *db);
	int port = spec->port ? spec->port : PG_PORT;

	db->user = copy(db, spec->user);
	if (db->user == NULL)
		db->user = copy(db, who_am_i()->login);
	db->dbname = copy(db, spec->dbname);
	if (db->dbname == NULL)
		db->dbname = db->user;
	db->host = copy(db, spec->host);
	db->hostaddr = copy(db, spec->hostaddr);
	if (db->host == NULL && db->hostaddr == NULL)
		db->host = PG_SOCKET_DIR;
	db->port = spec->tunnel_port && db->hostaddr ? spec->tunnel_port : port;
	db->sslmode = copy(db, spec->sslmode);
	db->sslrootcert = copy(db, spec->sslrootcert);
	db->options = session_options(&db->pool, spec);
	db->statement_ms = spec->statement_ms ? spec->statement_ms :
	    PG_STATEMENT_MS;
	db->where = where(db, port);
	db->name = copy(db, spec->name);
	if (db->name == NULL)
		db->name = db->dbname;
	find_password(db, spec);
	db->state = PG_CONNECTING;
	db->started = clock_mono_ms();
	db->deadline = db->started +
	    (spec->login_ms > 0 ? spec->login_ms : PG_LOGIN_MS);
	return db;
}

/* --- logging in ---------------------------------------------------------- */

/* libpq gave up without a word from the server. */
static enum pg_no
no_of_silence(struct pg *db, const char *message, int *ret_errno)
{
	enum pg_no no;

	if (PQconnectionNeedsPassword(db->conn))
		return PG_NO_NO_PASSWORD;
	if (db->stranger)
		return PG_NO_STRANGER;
	if (db->hung_up)
		return PG_NO_DROPPED;
	no = pg_no_of_errno(message, ret_errno);
	if (no != PG_NO_NONE)
		return no;
	/* "SSL" is SSL in every language */
	if (db->in_tls || (db->tls && strstr(message, "SSL") != NULL))
		return PG_NO_TLS;
	return db->connected ? PG_NO_AUTH : PG_NO_CLIENT;
}

/* This address said no. The most telling no of all addresses is kept. */
static void
note_no(struct pg *db)
{
	struct pg_said said = PG_SAID_INIT;
	const char *message = PQerrorMessage(db->conn);
	int sys = 0;
	enum pg_no no;

	if (strlen(message) > db->said_at)
		message += db->said_at;
	pg_said_parse(&said, message);
	if (said.sqlstate[0] == '\0' && db->last_code[0] != '\0') {
		/* it went down while it was looking at us */
		memcpy(said.sqlstate, db->last_code, sizeof said.sqlstate);
		buf_add(&said.text, db->last_words.p, db->last_words.n);
	}
	if (said.sqlstate[0] != '\0')
		no = pg_no_of_said(&said, db->user);
	else
		no = no_of_silence(db, message, &sys);
	if (pg_no_rank(no) > pg_no_rank(db->no)) {
		memcpy(db->sqlstate, said.sqlstate, sizeof db->sqlstate);
		if (said.sqlstate[0] != '\0') {
			if (said.detail.n > 0) {
				buf_str(&said.text, " (");
				pg_add_words(&said.text, said.detail.p,
				    said.detail.n);
				buf_ch(&said.text, ')');
			}
			say_no(db, no, "; the server says: ", said.text.p,
			    said.text.n);
		} else if (no == PG_NO_NO_PASSWORD)
			say_no(db, no, ": ", db->no_password.msg,
			    strlen(db->no_password.msg));
		else if (sys != 0)
			say_no(db, no, ": ", strerror(sys),
			    strlen(strerror(sys)));
		else {
			message = pg_no_words(message);
			say_no(db, no, ": ", message, no == PG_NO_DROPPED ? 0 :
			    strcspn(message, "\n"));
		}
	}
	pg_said_release(&said);
}

static void
add_param(const char **keys, const char **values, size_t *n, const char *key,
    const char *value)
{
	if (value != NULL) {
		keys[*n] = key;
		values[(*n)++] = value;
	}
}

/* Each value goes on its own, never as part of a string that libpq would take
 * apart; what is not given has libpq's default and nobody else's. */
static void
begin(struct pg *db, const char *address)
{
	const char *keys[24], *values[24];
	char port[16];
	size_t n = 0;

	(void)snprintf(port, sizeof port, "%d", db->port);
	const char *const all[][2] = {
		{ "host", db->host }, { "hostaddr", address },
		{ "port", port }, { "user", db->user },
		{ "dbname", db->dbname },
		{ "password", db->password.n > 0 ? db->password.p : NULL },
		/* looked up by us already; a name that cannot exist, since for
		 * one that is no file libpq prints a warning */
		{ "passfile", "/dev/null/none" },
		{ "sslmode", db->sslmode }, { "sslrootcert", db->sslrootcert },
		{ "gssencmode", "disable" },
		{ "application_name", "midwatch" }, { "client_encoding", "UTF8" },
		{ "options", db->options },
		{ "keepalives_idle", "15" }, { "keepalives_interval", "5" },
		{ "keepalives_count", "3" }, { "tcp_user_timeout", "15000" },
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		add_param(keys, values, &n, all[i][0], all[i][1]);
	keys[n] = values[n] = NULL;

	char **environment = hide_environment();
	db->conn = PQconnectStartParams(keys, values, 0);
	show_environment(environment);
	if (db->conn == NULL)
		die("out of memory");
	(void)PQsetErrorVerbosity(db->conn, PQERRORS_VERBOSE);
	(void)PQsetNoticeReceiver(db->conn, pg_session_notice, db);
	db->polling = PGRES_POLLING_WRITING;
	db->connected = db->in_tls = db->tls = false;
	db->heard = db->hung_up = db->stranger = false;
	db->said_at = 0;
	db->last_code[0] = '\0';
}

/* The next address that does not say no at once. */
static void
try_next(struct pg *db)
{
	while (db->at < db->addresses.n) {
		size_t left = db->addresses.n - db->at;
		int64_t now = clock_mono_ms(), share;

		if (db->conn != NULL)
			PQfinish(db->conn);
		begin(db, db->addresses.v[db->at++]);
		share = (db->deadline - now) / (int64_t)left;
		db->at_deadline = now + (share > EACH_MS ? share : EACH_MS);
		if (PQstatus(db->conn) != CONNECTION_BAD)
			return;
		note_no(db);
	}
	(void)pg_break(db, PG_NO_OTHER, NULL);
}

/* What another address, or the same one without TLS, would not change. */
static bool
is_final(struct pg *db)
{
	struct pg_said said = PG_SAID_INIT;
	bool final;

	pg_said_parse(&said, PQerrorMessage(db->conn) + db->said_at);
	final = said.sqlstate[0] != '\0' &&
	    pg_no_of_said(&said, db->user) != PG_NO_HBA;
	pg_said_release(&said);
	return final;
}

static void
opened(struct pg *db)
{
	db->state = PG_READY;
	db->no = PG_NO_NONE;
	db->sqlstate[0] = '\0';
	err_clear(&db->why);
	forget_password(db);
	/* only now: before, libpq takes "not all sent yet" for a failure */
	(void)PQsetnonblocking(db->conn, 1);
}

static bool
is_ready_for(int fd, PostgresPollingStatusType what)
{
	struct pollfd f = { .fd = fd,
		.events = what == PGRES_POLLING_READING ? POLLIN : POLLOUT };

	return fd < 0 || poll(&f, 1, 0) != 0;
}

/* What libpq is about to read: it says what came only in words. The first byte
 * answers the request for TLS, or begins the login. */
static void
listen_in(struct pg *db)
{
	ConnStatusType is = PQstatus(db->conn);
	bool asked_tls = is == CONNECTION_SSL_STARTUP;
	char c;
	ssize_t n;

	if (!db->connected)	/* looking would eat the error of connect() */
		return;
	n = recv(PQsocket(db->conn), &c, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		db->hung_up = true;
	if (n == 1 && !db->heard && !db->tls &&
	    db->polling == PGRES_POLLING_READING) {
		db->stranger = memchr(asked_tls ? "SNE" : "REvN", c,
		    asked_tls ? 3 : 4) == NULL;
		db->heard = true;
	}
}

/* Where libpq has got to. */
static void
note_stage(struct pg *db)
{
	ConnStatusType is = PQstatus(db->conn);
	bool tls = is == CONNECTION_SSL_STARTUP;

	db->said_at = strlen(PQerrorMessage(db->conn));
	db->connected = is != CONNECTION_STARTED && is != CONNECTION_NEEDED;
	if (!db->connected || tls != db->in_tls)
		db->heard = false;
	db->in_tls = tls;
	db->tls = PQsslInUse(db->conn);
	if (!db->connected)
		db->hung_up = db->stranger = false;
}

/* libpq must not be asked before the socket is ready: it would take a
 * connection under way for one that is there. */
static void
login_turn(struct pg *db)
{
	if (!is_ready_for(PQsocket(db->conn), db->polling)) {
		if (clock_mono_ms() >= db->at_deadline &&
		    db->at < db->addresses.n)
			try_next(db);
		return;
	}
	listen_in(db);
	char **environment = hide_environment();
	db->polling = PQconnectPoll(db->conn);
	show_environment(environment);
	switch (db->polling) {
	case PGRES_POLLING_OK:
		opened(db);
		return;
	case PGRES_POLLING_FAILED:
		note_no(db);
		if (pg_no_rank(db->no) < pg_no_rank(PG_NO_PASSWORD))
			try_next(db);
		else
			(void)pg_break(db, db->no, NULL);
		return;
	default:
		break;
	}
	if (is_final(db)) {	/* sslmode prefer: it would ask once more */
		note_no(db);
		(void)pg_break(db, db->no, NULL);
		return;
	}
	note_stage(db);
}

static void
name_turn(struct pg *db, struct err *e)
{
	if (!pg_name_turn(db))
		return;
	if (db->addresses.n == 0) {
		say_no(db, PG_NO_NAME, ": ", db->host, strlen(db->host));
		(void)pg_break(db, PG_NO_NAME, e);
	} else
		try_next(db);
}

static void
too_late(struct pg *db)
{
	struct buf b = BUF_INIT;
	char in[32];

	/* what another address said tells more than this one's silence */
	if (pg_no_rank(db->no) < pg_no_rank(PG_NO_UNREACHABLE)) {
		text_fmt_duration(in, db->deadline - db->started);
		buf_printf(&b, "no answer within %s", in);
		buf_str(&b, db->lookup.pid > 0 ? " from the name server" :
		    db->connected ? ", though something took the connection" :
		    "");
		err_clear(&db->why);
		err_set(&db->why, ERR_TIMEOUT, "%s (%s): %s", db->name,
		    db->where, b.p);
		db->no = db->lookup.pid > 0 ? PG_NO_NAME : PG_NO_UNREACHABLE;
		err_hint(&db->why, "%s", pg_no_next(db->no));
		buf_release(&b);
	}
	(void)pg_break(db, PG_NO_UNREACHABLE, NULL);
}

/* --- from outside -------------------------------------------------------- */

void
pg_spec_of(const struct site_db *db, struct pg_spec *ret)
{
	*ret = (struct pg_spec){ .name = db->name, .host = db->host,
		.port = (int)db->port, .dbname = db->dbname, .user = db->user,
		.passfile = db->passfile, .sslmode = site_sslmodes[db->sslmode],
		.sslrootcert = db->sslrootcert };
}

struct pg *
pg_start(const struct pg_spec *spec, struct err *e)
{
	struct pg *db;

	pg_reap();
	if (!pg_library(e)) {
		last_no = PG_NO_CLIENT;
		return NULL;
	}
	if (!check(spec, e)) {
		err_wrap(e, "%s", spec->name ? spec->name : "a database");
		err_hint(e, "%s", pg_no_next(PG_NO_CLIENT));
		last_no = PG_NO_CLIENT;
		return NULL;
	}
	db = new(spec);
	if (db->hostaddr != NULL)
		VEC_PUSH(&db->addresses, pool_str(&db->pool, db->hostaddr));
	else if (db->host[0] == '/')
		VEC_PUSH(&db->addresses, NULL);
	else if (pg_name_is_address(db->host))
		VEC_PUSH(&db->addresses, pool_str(&db->pool, db->host));
	else if (!pg_name_start(db, e)) {
		last_no = PG_NO_OTHER;
		pg_close(db);
		return NULL;
	}
	if (db->addresses.n > 0)
		try_next(db);
	return db;
}

enum pg_state
pg_turn(struct pg *db, struct err *e)
{
	pg_reap();
	if (db->state == PG_CONNECTING && clock_mono_ms() >= db->deadline)
		too_late(db);
	if (db->state == PG_CONNECTING) {
		if (db->lookup.pid > 0)
			name_turn(db, e);
		else
			login_turn(db);
	} else if (db->state != PG_BROKEN)
		return pg_session_turn(db, e);
	if (db->state == PG_BROKEN && e != NULL)
		*e = db->why;
	return db->state;
}

void
pg_wait(const struct pg *db, struct pg_wait *ret)
{
	*ret = (struct pg_wait){ .fd = -1, .at_ms = INT64_MAX };
	if (db->state == PG_BROKEN) {
		ret->at_ms = 0;
		return;
	}
	if (db->state != PG_CONNECTING) {
		pg_session_wait(db, ret);
		return;
	}
	ret->at_ms = db->deadline;
	if (db->lookup.pid > 0) {
		ret->fd = db->lookup.fd;
		ret->events = POLLIN;
		return;
	}
	ret->fd = PQsocket(db->conn);
	ret->events = db->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
	if (db->at < db->addresses.n && db->at_deadline < ret->at_ms)
		ret->at_ms = db->at_deadline;
}

enum pg_state
pg_state(const struct pg *db)
{
	return db->state;
}

enum pg_no
pg_no(const struct pg *db)
{
	return db->no;
}

enum pg_no
pg_last_no(void)
{
	return last_no;
}

const char *
pg_sqlstate(const struct pg *db)
{
	return db->sqlstate;
}

int
pg_server_version(const struct pg *db)
{
	return db->conn != NULL ? PQserverVersion(db->conn) : 0;
}

int
pg_backend_pid(const struct pg *db)
{
	return db->conn != NULL ? PQbackendPID(db->conn) : 0;
}

void
pg_close(struct pg *db)
{
	if (db == NULL)
		return;
	pg_session_release(db);
	pg_name_stop(db);
	drop_connection(db);
	buf_release(&db->password);
	VEC_RELEASE(&db->addresses);
	pool_release(&db->pool);
	free(db);
	pg_reap();
}
