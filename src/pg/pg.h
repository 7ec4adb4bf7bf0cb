/*
 * pg: a connection to PostgreSQL that never holds anybody up. The only room
 * that knows libpq.
 *
 *	struct pg_spec who = { .name = "otc", .host = "otc-db", .user = "backup",
 *	    .dbname = "otc" };
 *	struct pg *db = pg_open(&who, deadline, &e);
 *	struct pg_rows rows = PG_ROWS_INIT;
 *	if (db != NULL && pg_query(db, "SELECT $1::text", (const char *[])
 *	    { name }, 1, deadline, &rows, &e))
 *		use(pg_at(&rows, 0, 0));
 *	pg_rows_release(&rows);
 *	pg_close(db);
 *
 * Or turn by turn, many at once in one poll loop: pg_start(), then poll as
 * pg_wait() says and call pg_turn() until it is PG_READY; pg_ask(), and again
 * until PG_READY, then pg_take(). Names are looked up without blocking.
 *
 * Every session: application_name midwatch, client_encoding UTF8, search_path
 * pg_catalog, dates in ISO and UTC, read-only unless spec.writes, a statement
 * and a lock timeout of its own, TCP keepalives. Deadlines are monotonic ms.
 *
 * Children of this room (name lookups, requests to cancel) are seen to by the
 * next call of it; they end by themselves within seconds. Not for threads: the
 * environment is hidden while libpq runs.
 */
#ifndef PG_PG_H
#define PG_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "site/site.h"

/* NULL and 0: libpq's own default, but nothing of its environment (PGHOST,
 * PGSERVICE, PGPASSWORD, PGOPTIONS, ...). No host: Debian's socket. */
struct pg_spec {
	const char *name;		/* for messages */
	const char *host, *hostaddr;	/* hostaddr: of a tunnel; host is the
					 * name that certificates and password
					 * files know */
	int port;
	int tunnel_port;		/* with hostaddr: the port there */
	const char *dbname, *user;
	const char *passfile;		/* NULL: ~/.pgpass; ~/ is expanded */
	const char *password;		/* instead of looking one up */
	const char *sslmode, *sslrootcert;
	const char *options;		/* "-c name=value", for the server; what
					 * every session has wins over it */
	int login_ms;			/* pg_start() gives up after; 0: 10000 */
	int statement_ms;		/* statement_timeout; 0: 5000 */
	bool writes;			/* not read-only */
};
/* What a site's database says; hostaddr and tunnel_port are the caller's. */
void pg_spec_of(const struct site_db *db, struct pg_spec *ret);

/* Which kind of no. By SQLSTATE and the server's own routine names, never by
 * its words alone, which are in any language; where the codes leave two kinds
 * open and the words are not the English ones, the kind says both. */
#define PG_NOS(X)							\
	X(NONE, "none", "")						\
	X(PASSWORD, "password", "the password is wrong or has expired, or "	\
	    "there is no such role")					\
	X(NO_PASSWORD, "no-password", "the server wants a password and none "	\
	    "was found")						\
	X(HBA, "hba", "pg_hba.conf does not let this login in")		\
	X(ROLE, "role", "the role does not exist")			\
	X(LOCKED, "locked", "the role may not log in (NOLOGIN)")	\
	X(ROLE_OR_LOCKED, "role-or-locked", "the role does not exist, or may "	\
	    "not log in (NOLOGIN)")					\
	X(DATABASE, "database", "the database does not exist")		\
	X(CLOSED, "closed", "the database takes no connections")	\
	X(NO_CONNECT, "no-connect", "the role may not CONNECT to the "	\
	    "database")							\
	X(FULL, "full", "too many connections")				\
	X(STARTING, "starting", "the server is starting up or recovering") \
	X(STOPPING, "stopping", "the server is shutting down")		\
	X(NOT_NOW, "not-now", "the server is starting up, recovering or "	\
	    "shutting down")						\
	X(REFUSED, "refused", "nothing listens there")			\
	X(UNREACHABLE, "unreachable", "no answer from there")		\
	X(DROPPED, "dropped", "what listens there hung up without a word") \
	X(STRANGER, "stranger", "what listens there is not PostgreSQL")	\
	X(DENIED, "denied", "this system does not let us use the socket") \
	X(NAME, "name", "the host's name is not known")			\
	X(TLS, "tls", "TLS could not be agreed on, or the certificate is "	\
	    "not right")						\
	X(AUTH, "auth", "the check that pg_hba.conf asks for (peer, LDAP, "	\
	    "a certificate ...) failed")				\
	X(CLIENT, "client", "the login is set up wrongly here")		\
	X(OTHER, "other", "the server said no")
enum pg_no {
#define X(id, word, text) PG_NO_##id,
	PG_NOS(X)
#undef X
	PG_NO_COUNT
};
const char *pg_no_name(enum pg_no no);		/* "password" */
const char *pg_no_text(enum pg_no no);		/* a sentence without its dot */
/* What a person should do about it; never NULL. */
const char *pg_no_next(enum pg_no no);
/* True: asking again soon may help; false: it only locks the login out. */
bool pg_no_retry(enum pg_no no);

struct pg;
/* Both NULL with e only for what is wrong before anything is sent. */
struct pg *pg_start(const struct pg_spec *spec, struct err *e);
struct pg *pg_open(const struct pg_spec *spec, int64_t deadline_ms,
    struct err *e);				/* NULL also when it said no */
/* NULL is fine; never blocks. What still runs is cancelled. */
void pg_close(struct pg *db);

enum pg_state { PG_CONNECTING, PG_READY, PG_BUSY, PG_BROKEN };
struct pg_wait {
	int fd;				/* -1: only the time */
	short events;			/* of poll(2) */
	int64_t at_ms;			/* turn again by then at the latest */
};
void pg_wait(const struct pg *db, struct pg_wait *ret);
enum pg_state pg_turn(struct pg *db, struct err *e);	/* e: why it is broken */
enum pg_state pg_state(const struct pg *db);

/* Of the login that failed or the session that broke, after PG_BROKEN; of an
 * open one NONE. After pg_open() gave NULL: pg_last_no(). */
enum pg_no pg_no(const struct pg *db);
enum pg_no pg_last_no(void);
const char *pg_sqlstate(const struct pg *db);	/* of what failed last, or "" */

/* ---- questions ---------------------------------------------------------- */

struct pg_rows {
	void *res;
};
#define PG_ROWS_INIT { NULL }
size_t pg_count(const struct pg_rows *r);
size_t pg_columns(const struct pg_rows *r);
const char *pg_at(const struct pg_rows *r, size_t row, size_t col);	/* NULL: null */
int64_t pg_int(const struct pg_rows *r, size_t row, size_t col, int64_t null);
bool pg_bool(const struct pg_rows *r, size_t row, size_t col);
int64_t pg_affected(const struct pg_rows *r);
void pg_rows_release(struct pg_rows *r);

/* One statement with text parameters ($1...; NULL is null). A statement that
 * fails leaves the connection usable. On a deadline the server is asked to
 * cancel; when that does not come through within a second either, the
 * connection is broken. Kinds: ERR_TIMEOUT, ERR_CANCELLED (by somebody),
 * ERR_BUSY (a lock, or another statement), ERR_GUARD (read-only), ERR_FAILED. */
bool pg_query(struct pg *db, const char *sql, const char *const *params,
    size_t n, int64_t deadline_ms, struct pg_rows *ret, struct err *e);
bool pg_ask(struct pg *db, const char *sql, const char *const *params,
    size_t n, struct err *e);
bool pg_take(struct pg *db, struct pg_rows *ret, struct err *e);
/* Asks the server to end what runs, without waiting for it (another process
 * carries the request, so that a dead server cannot hold us). The connection
 * stays PG_BUSY until the request has come to an end, since one that came late
 * would hit the next statement. */
void pg_cancel(struct pg *db);

int pg_server_version(const struct pg *db);	/* 150020 */
int pg_backend_pid(const struct pg *db);

/* ---- words and passwords ----------------------------------------------- */

void pg_ident(struct buf *out, const char *s);		/* "a""b" */
void pg_literal(struct buf *out, const char *s);	/* 'a''b', or E'..' */

/* The password of host:port:dbname:user, as libpq would find it (localhost
 * means the socket too, `*`, `\:`), zeroed by the caller; false: none (e NULL
 * or kind ERR_NOTFOUND), or the file is not to be used (mode, not a file). */
bool pg_passfile(const char *path, const char *host, int port,
    const char *dbname, const char *user, struct buf *ret, struct err *e);

#endif
