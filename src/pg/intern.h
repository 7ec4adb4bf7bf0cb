/*
 * What the files of this room share. connect.c: from a name to a session;
 * name.c: names to addresses; query.c: statements; no.c: which kind of no.
 */
#ifndef PG_INTERN_H
#define PG_INTERN_H

#include <libpq-fe.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/vec.h"
#include "pg/pg.h"

enum {
	PG_PORT = 5432,
	PG_LOGIN_MS = 10000,		/* spec.login_ms when it is 0 */
	PG_STATEMENT_MS = 5000,		/* spec.statement_ms when it is 0 */
	PG_LOCK_MS = 2000,
	PG_CANCEL_S = 5,		/* what carries a cancel lives so long */
	PG_GRACE_MS = 1000,		/* after a deadline, for the cancel */
};
#define PG_SOCKET_DIR "/var/run/postgresql"	/* of Debian's libpq */

/* libpq, before its first function is called. */
bool pg_library(struct err *e);

/* What a server said in words and codes; the words are as it sent them. */
struct pg_said {
	char sqlstate[6];
	char routine[64];		/* of the server's source, never localised */
	struct buf text, detail;
};
#define PG_SAID_INIT { .text = BUF_INIT, .detail = BUF_INIT }

/* A name being looked up by another process, which may hang. */
struct pg_lookup {
	pid_t pid;			/* 0: none */
	int fd;
	struct buf out;
};

struct pg {
	struct pool pool;		/* the strings */
	const char *name, *where;	/* of messages */
	const char *host, *hostaddr, *dbname, *user, *sslmode, *sslrootcert;
	const char *options;		/* the whole of it */
	int port;			/* the one that is connected to */
	int statement_ms;
	struct buf password;		/* zeroed after the login */
	const char *password_from;	/* the line of the password file */
	struct err no_password;		/* why none was found */

	enum pg_state state;
	int64_t started, deadline;	/* of the login */
	struct pg_lookup lookup;
	VEC(char *) addresses;		/* NULL is the one and only: a socket */
	size_t at;			/* the address that is tried */
	int64_t at_deadline;
	PGconn *conn;
	PostgresPollingStatusType polling;
	size_t said_at;			/* where the last try's words begin */
	bool connected;			/* the network part is done */
	bool in_tls, tls;		/* being agreed on; agreed on */
	bool heard, hung_up, stranger;	/* what the socket had for us */

	enum pg_no no;
	char sqlstate[6];
	struct err why;			/* why it is broken */

	int64_t asked;			/* when the statement was sent */
	PGresult *got, *bad;
	bool have_answer, copying, refused_copy;
	bool unsent;			/* something waits for the socket */
	bool more;			/* libpq has more, whatever the socket */
	char last_code[6];		/* of a server's farewell */
	struct buf last_words;
	pid_t cancel;			/* who carries a cancel; 0: nobody */
	bool cancelled, cancel_lost;
	int64_t cancel_again;		/* when the last one seems forgotten */
	int cancel_gap;
};

/* name.c */
bool pg_name_is_address(const char *host);
bool pg_name_start(struct pg *db, struct err *e);
/* True when it is over; the addresses are then in db, or there are none. */
bool pg_name_turn(struct pg *db);
void pg_name_stop(struct pg *db);
void pg_reap(void);			/* children that were given up */
void pg_reap_later(pid_t pid);

/* no.c */
void pg_said_release(struct pg_said *s);
/* Out of libpq's verbose message; what is missing stays empty. */
void pg_said_parse(struct pg_said *s, const char *message);
enum pg_no pg_no_of_said(const struct pg_said *s, const char *user);
/* Of a message without any code: what this system calls its errno. */
enum pg_no pg_no_of_errno(const char *message, int *ret_errno);
const char *pg_no_words(const char *message);	/* libpq's, without its prefix */
/* Foreign words as part of a sentence: one line of bounded length. */
void pg_add_words(struct buf *out, const char *s, size_t n);
/* How much a kind tells, when several addresses said different things. */
int pg_no_rank(enum pg_no no);

/* passfile.c: pg_passfile() that also says which line it was. */
bool pg_passfile_line(const char *path, const char *host, int port,
    const char *dbname, const char *user, struct buf *ret,
    struct buf *ret_line, struct err *e);

/* connect.c */
/* The session is over; e says why when nobody did yet. */
enum pg_state pg_break(struct pg *db, enum pg_no no, struct err *e);

/* query.c */
enum pg_state pg_session_turn(struct pg *db, struct err *e);
void pg_session_wait(const struct pg *db, struct pg_wait *ret);
void pg_session_release(struct pg *db);
void pg_session_notice(void *arg, const PGresult *res);	/* of libpq's */

#endif
