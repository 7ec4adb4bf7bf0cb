#include "pg/intern.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { LOOK_MS = 20, COPY_ROWS = 1000, CANCEL_MS = 100 };

/* The last words of a server that ends a session come as a notice: a FATAL when
 * nothing was running, and a warning (of class 57P, too) when it is in a hurry.
 * Other notices are nobody's. */
void
pg_session_notice(void *arg, const PGresult *res)
{
	struct pg *db = arg;
	const char *code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (code == NULL || strlen(code) != 5 || !text_starts(code, "57P"))
		return;
	memcpy(db->last_code, code, 6);
	buf_clear(&db->last_words);
	if (text != NULL)
		buf_str(&db->last_words, text);
}

/* --- cancelling ---------------------------------------------------------- */

/* Everything of ours is closed: what hangs here must hold nobody's pipe. */
static _Noreturn void
carry_cancel(PGcancel *c)
{
	char why[256];
	sigset_t none;

	(void)close_range(0, ~0u, 0);
	(void)signal(SIGALRM, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(PG_CANCEL_S);
	_exit(PQcancel(c, why, sizeof why) ? 0 : 1);
}

static void
send_cancel(struct pg *db)
{
	PGcancel *c = PQgetCancel(db->conn);

	db->cancel_gap = db->cancel_gap ? db->cancel_gap * 2 : CANCEL_MS;
	if (db->cancel_gap > PG_CANCEL_S * 1000)
		db->cancel_gap = PG_CANCEL_S * 1000;
	db->cancel_again = clock_mono_ms() + db->cancel_gap;
	if (c == NULL)
		return;
	db->cancel = fork();
	if (db->cancel == 0)
		carry_cancel(c);
	PQfreeCancel(c);
	if (db->cancel < 0)
		db->cancel = 0;
}

void
pg_cancel(struct pg *db)
{
	if (db->state != PG_BUSY || db->cancelled)
		return;
	db->cancelled = true;
	send_cancel(db);
}

/* The next statement waits until nobody is on the way: a cancel that came late
 * would hit it. One that came before the statement began was forgotten, so as
 * long as there is no answer it is sent again. */
static void
cancel_turn(struct pg *db)
{
	int status = 0;
	pid_t pid;

	if (db->cancel > 0) {
		pid = waitpid(db->cancel, &status, WNOHANG);
		if (pid == 0)
			return;
		db->cancel_lost |= pid == db->cancel && WIFSIGNALED(status);
		db->cancel = 0;
	}
	if (db->cancelled && !db->have_answer &&
	    clock_mono_ms() >= db->cancel_again)
		send_cancel(db);
}

/* --- a statement --------------------------------------------------------- */

static void
forget_answers(struct pg *db)
{
	PQclear(db->got);
	PQclear(db->bad);
	db->got = db->bad = NULL;
	db->have_answer = db->copying = db->refused_copy = false;
	db->cancelled = db->cancel_lost = false;
	db->cancel_gap = 0;
}

void
pg_session_release(struct pg *db)
{
	if (db->state == PG_BUSY)
		pg_cancel(db);
	if (db->cancel > 0)
		pg_reap_later(db->cancel);
	db->cancel = 0;
	forget_answers(db);
	buf_release(&db->last_words);
}

static bool
not_now(const struct pg *db, struct err *e)
{
	switch (db->state) {
	case PG_READY:
		return false;
	case PG_BROKEN:
		if (e != NULL && e->kind == ERR_NONE)
			*e = db->why;
		return true;
	default:
		err_set(e, ERR_BUSY, "%s: %s", db->name,
		    db->state == PG_BUSY ? "a statement is running" :
		    "the login is not done yet");
		return true;
	}
}

static enum pg_no
no_of_code(const char *code)
{
	struct pg_said s = PG_SAID_INIT;

	memcpy(s.sqlstate, code, sizeof s.sqlstate);
	return text_starts(code, "57P") ? pg_no_of_said(&s, "") :
	    PG_NO_DROPPED;
}

static enum pg_state
lost(struct pg *db, struct err *e)
{
	const char *code = db->last_code, *text = db->last_words.p;
	struct buf b = BUF_INIT;

	if (db->bad != NULL && code[0] == '\0') {
		code = PQresultErrorField(db->bad, PG_DIAG_SQLSTATE);
		text = PQresultErrorField(db->bad, PG_DIAG_MESSAGE_PRIMARY);
	}
	if (code == NULL || text == NULL || strlen(code) != 5) {
		code = "";
		text = pg_no_words(PQerrorMessage(db->conn));
	}
	memcpy(db->sqlstate, code, strlen(code) + 1);
	pg_add_words(&b, text, strcspn(text, "\n"));
	err_set(&db->why, ERR_FAILED, "%s (%s): the %s: %s", db->name,
	    db->where, code[0] ? "server ended the session" :
	    "connection broke", b.p);
	err_hint(&db->why, "%s", db->state == PG_BUSY ? "What became of the "
	    "statement is not known; see whether the server still runs, and "
	    "its log." : "See whether the server still runs, and its log.");
	buf_release(&b);
	return pg_break(db, no_of_code(db->sqlstate), e);
}

bool
pg_ask(struct pg *db, const char *sql, const char *const *params, size_t n,
    struct err *e)
{
	int left;

	if (db->state == PG_READY)	/* it may have been lost meanwhile */
		(void)pg_turn(db, NULL);
	if (not_now(db, e))
		return false;
	if (n > 65535)
		return err_set(e, ERR_USAGE, "%s: %zu parameters are too many",
		    db->name, n);
	forget_answers(db);
	db->sqlstate[0] = db->last_code[0] = '\0';
	if (!PQsendQueryParams(db->conn, sql, (int)n, NULL, params, NULL, NULL,
	    0)) {
		if (PQstatus(db->conn) != CONNECTION_OK) {
			(void)lost(db, e);
			return false;
		}
		return err_set(e, ERR_FAILED, "%s: %s", db->name,
		    PQerrorMessage(db->conn));
	}
	db->asked = clock_mono_ms();
	db->state = PG_BUSY;
	left = PQflush(db->conn);
	db->unsent = left > 0;
	return true;
}

/* False: nothing more for now. */
static bool
drain_copy(struct pg *db)
{
	char *line = NULL;

	for (int i = 0; i < COPY_ROWS; i++) {
		int n = PQgetCopyData(db->conn, &line, 1);

		PQfreemem(line);
		line = NULL;
		if (n == 0)
			return false;
		if (n < 0) {
			db->copying = false;
			return true;
		}
	}
	db->more = true;
	return false;
}

/* The first error counts, else the last answer. */
static void
keep(struct pg *db, PGresult *res)
{
	switch (PQresultStatus(res)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		PQclear(db->got);
		db->got = res;
		return;
	case PGRES_COPY_IN:
	case PGRES_COPY_BOTH:
		db->refused_copy = true;
		(void)PQputCopyEnd(db->conn, "not taken here");
		PQclear(res);
		return;
	case PGRES_COPY_OUT:
		db->refused_copy = db->copying = true;
		pg_cancel(db);
		PQclear(res);
		return;
	default:
		if (db->bad == NULL)
			db->bad = res;
		else
			PQclear(res);
	}
}

/* True: all answers are in. */
static bool
take_answers(struct pg *db)
{
	while (!db->have_answer) {
		PGresult *res;

		if (db->copying && !drain_copy(db))
			return false;
		if (PQisBusy(db->conn))
			return false;
		res = PQgetResult(db->conn);
		if (res == NULL)
			db->have_answer = true;
		else
			keep(db, res);
	}
	return true;
}

enum pg_state
pg_session_turn(struct pg *db, struct err *e)
{
	PGnotify *note;
	bool in;

	in = PQconsumeInput(db->conn) != 0;
	if (db->state == PG_READY) {
		(void)PQisBusy(db->conn);	/* reads what was not asked for */
		while ((note = PQnotifies(db->conn)) != NULL)
			PQfreemem(note);
		if (!in || PQstatus(db->conn) != CONNECTION_OK)
			return lost(db, e);
		return PG_READY;
	}
	db->unsent = PQflush(db->conn) > 0;
	db->more = false;
	(void)take_answers(db);
	if (PQstatus(db->conn) != CONNECTION_OK)
		return lost(db, e);
	cancel_turn(db);
	if (!db->have_answer || db->cancel > 0)
		return PG_BUSY;
	if (db->cancel_lost) {
		err_set(&db->why, ERR_TIMEOUT, "%s (%s): a request to cancel "
		    "may still be under way, so the connection is given up",
		    db->name, db->where);
		return pg_break(db, PG_NO_UNREACHABLE, e);
	}
	db->state = PG_READY;
	return PG_READY;
}

void
pg_session_wait(const struct pg *db, struct pg_wait *ret)
{
	ret->fd = PQsocket(db->conn);
	ret->events = POLLIN;
	if (db->unsent)
		ret->events |= POLLOUT;
	if (db->have_answer && db->cancel > 0)
		ret->fd = -1;
	if (db->cancel > 0)
		ret->at_ms = clock_mono_ms() + LOOK_MS;
	else if (db->cancelled)
		ret->at_ms = db->cancel_again;
	if (db->more)
		ret->at_ms = 0;
}

/* --- the answer ---------------------------------------------------------- */

static enum err_kind
kind_of(const struct pg *db, const char *code)
{
	bool in_time = clock_mono_ms() - db->asked < db->statement_ms;

	if (strcmp(code, "57014") == 0)
		return db->cancelled || in_time ? ERR_CANCELLED : ERR_TIMEOUT;
	if (strcmp(code, "55P03") == 0)
		return ERR_BUSY;
	if (strcmp(code, "25006") == 0)		/* read-only */
		return ERR_GUARD;
	return ERR_FAILED;
}

static const char *
what_next(const char *code)
{
	static const char *const rows[][2] = {
		{ "57014", "Ask again with more time, or look what it waits "
		    "for (pg_stat_activity, pg_locks)." },
		{ "55P03", "See who holds the lock: pg_blocking_pids() and "
		    "pg_locks tell." },
		{ "25006", "This session may only read, or the server is a "
		    "standby." },
		{ "42501", "Grant the role what it lacks; to look at the "
		    "server's state it is pg_monitor." },
		{ "53100", "Make room on the server's disk, but never inside "
		    "its data directory." },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(code, rows[i][0]) == 0)
			return rows[i][1];
	return "The server's log has the statement and the whole story.";
}

static bool
refused(struct pg *db, struct err *e)
{
	const char *code = PQresultErrorField(db->bad, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(db->bad, PG_DIAG_MESSAGE_PRIMARY);
	const char *more = PQresultErrorField(db->bad, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(db->bad, PG_DIAG_MESSAGE_HINT);
	struct buf b = BUF_INIT;

	if (code == NULL || strlen(code) != 5)
		code = "";
	memcpy(db->sqlstate, code, strlen(code) + 1);
	if (text == NULL || text[0] == '\0')
		text = PQresultErrorMessage(db->bad);
	pg_add_words(&b, text, strlen(text));
	if (more != NULL) {
		buf_str(&b, " (");
		pg_add_words(&b, more, strlen(more));
		buf_ch(&b, ')');
	}
	err_set(e, kind_of(db, code), "%s: the server %s the statement: %s",
	    db->name, strcmp(code, "57014") == 0 ? "ended" : "refused", b.p);
	err_hint(e, "%s", hint != NULL ? hint : what_next(code));
	buf_release(&b);
	return false;
}

bool
pg_take(struct pg *db, struct pg_rows *ret, struct err *e)
{
	bool ok = false;

	if (ret != NULL)
		pg_rows_release(ret);
	if (not_now(db, e))
		return false;
	if (db->refused_copy)
		err_set(e, ERR_USAGE, "%s: COPY does not go through here",
		    db->name);
	else if (db->bad != NULL &&
	    PQresultStatus(db->bad) == PGRES_EMPTY_QUERY)
		err_set(e, ERR_USAGE, "%s: the statement is empty", db->name);
	else if (db->bad != NULL)
		refused(db, e);
	else if (db->got == NULL)
		err_set(e, ERR_USAGE, "%s: nothing was asked", db->name);
	else {
		ok = true;
		if (ret != NULL) {
			ret->res = db->got;
			db->got = NULL;
		}
	}
	forget_answers(db);
	return ok;
}

/* --- waiting for it ------------------------------------------------------ */

/* Turns until it is `want` or broken; false when the time is over. */
static bool
run_until(struct pg *db, int64_t deadline, struct err *e)
{
	for (;;) {
		struct pg_wait w;
		int64_t now, until;

		switch (pg_turn(db, e)) {
		case PG_READY:
		case PG_BROKEN:
			return true;
		default:
			break;
		}
		pg_wait(db, &w);
		now = clock_mono_ms();
		if (now >= deadline)
			return false;
		until = w.at_ms < deadline ? w.at_ms : deadline;
		struct pollfd f = { .fd = w.fd, .events = w.events };
		int64_t ms = until > now ? until - now : 0;
		(void)poll(&f, 1, ms > 60000 ? 60000 : (int)ms);
	}
}

struct pg *
pg_open(const struct pg_spec *spec, int64_t deadline_ms, struct err *e)
{
	struct pg_spec in_time = *spec;
	int64_t left = deadline_ms - clock_mono_ms();
	struct pg *db;

	in_time.login_ms = left < 1 ? 1 : left > 1 << 30 ? 1 << 30 : (int)left;
	db = pg_start(&in_time, e);
	if (db == NULL)
		return NULL;
	while (!run_until(db, INT64_MAX, e))
		;
	if (db->state == PG_READY)
		return db;
	pg_close(db);
	return NULL;
}

bool
pg_query(struct pg *db, const char *sql, const char *const *params, size_t n,
    int64_t deadline_ms, struct pg_rows *ret, struct err *e)
{
	int64_t began = clock_mono_ms();
	char in[32];

	if (!pg_ask(db, sql, params, n, e))
		return false;
	if (run_until(db, deadline_ms, e))
		return pg_take(db, ret, e);
	pg_cancel(db);
	text_fmt_duration(in, clock_mono_ms() - began);
	if (!run_until(db, clock_mono_ms() + PG_GRACE_MS, NULL)) {
		err_set(&db->why, ERR_TIMEOUT, "%s (%s): no answer within %s, "
		    "nor to the request to cancel; the connection is given up",
		    db->name, db->where, in);
		err_hint(&db->why, "%s", pg_no_next(PG_NO_UNREACHABLE));
		(void)pg_break(db, PG_NO_UNREACHABLE, e);
		return false;
	}
	/* what was done is said to be done, however late */
	if (db->state == PG_READY && db->bad != NULL) {
		err_set(e, ERR_TIMEOUT, "%s: no answer within %s; the server "
		    "has stopped the statement", db->name, in);
		err_hint(e, "%s", what_next("57014"));
	}
	return pg_take(db, ret, e);
}

/* --- rows ---------------------------------------------------------------- */

size_t
pg_count(const struct pg_rows *r)
{
	return r->res != NULL ? (size_t)PQntuples(r->res) : 0;
}

size_t
pg_columns(const struct pg_rows *r)
{
	return r->res != NULL ? (size_t)PQnfields(r->res) : 0;
}

const char *
pg_at(const struct pg_rows *r, size_t row, size_t col)
{
	if (row >= pg_count(r) || col >= pg_columns(r) ||
	    PQgetisnull(r->res, (int)row, (int)col))
		return NULL;
	return PQgetvalue(r->res, (int)row, (int)col);
}

int64_t
pg_int(const struct pg_rows *r, size_t row, size_t col, int64_t null)
{
	const char *s = pg_at(r, row, col);
	int64_t v;

	return s != NULL && text_int(s, INT64_MIN, INT64_MAX, &v) ? v : null;
}

bool
pg_bool(const struct pg_rows *r, size_t row, size_t col)
{
	const char *s = pg_at(r, row, col);

	return s != NULL && s[0] == 't';
}

int64_t
pg_affected(const struct pg_rows *r)
{
	int64_t n;

	return r->res != NULL && text_int(PQcmdTuples(r->res), 0, INT64_MAX,
	    &n) ? n : 0;
}

void
pg_rows_release(struct pg_rows *r)
{
	PQclear(r->res);
	r->res = NULL;
}
