#include "tests/pg/kit.h"

#include <dirent.h>
#include <poll.h>

#include "base/clock.h"
#include "base/text.h"
#include "pg/pg.h"

static struct kit_pg box;

static int
start(void **state)
{
	(void)state;
	if (kit_pg_start(&box, "pg", ""))
		kit_psql(&box, "CREATE ROLE backup LOGIN;"
		    "CREATE TABLE t (i int); GRANT ALL ON t TO backup");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	kit_pg_end(&box);
	return 0;
}

static int64_t
in(int ms)
{
	return clock_mono_ms() + ms;
}

static struct pg_spec
spec_of(const struct kit_pg *at)
{
	return (struct pg_spec){ .name = "otc", .host = at->dir,
		.port = at->port, .user = "backup", .dbname = "postgres" };
}

static struct pg *
opened(const struct pg_spec *spec)
{
	struct err e = ERR_INIT;
	struct pg *db = pg_open(spec, in(10000), &e);

	if (db == NULL)
		fail_msg("%s", e.msg);
	return db;
}

static struct pg *
plain(void)
{
	struct pg_spec s = spec_of(&box);

	return opened(&s);
}

/* The connection can be used, and gives the answer to what was asked. */
static void
must_work(struct pg *db)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;

	if (!pg_query(db, "SELECT 40 + $1::int", (const char *[]){ "2" }, 1,
	    in(5000), &rows, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(pg_int(&rows, 0, 0, -1), 42);
	assert_string_equal(pg_sqlstate(db), "");
	assert_int_equal(pg_no(db), PG_NO_NONE);
	pg_rows_release(&rows);
}

static struct err
must_fail(struct pg *db, const char *sql, int ms, enum err_kind kind,
    const char *code)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;

	if (pg_query(db, sql, NULL, 0, in(ms), &rows, &e))
		fail_msg("'%s' works", sql);
	print_message("#   %s\n#   %s\n", e.msg, e.hint);
	assert_int_equal(e.kind, kind);
	assert_string_equal(pg_sqlstate(db), code);
	assert_null(rows.res);
	return e;
}

/* Children of ours that have ended and that nobody has looked after. */
static int
zombies(void)
{
	char path[64];
	DIR *d = opendir("/proc");
	struct dirent *de;
	int n = 0;

	while ((de = readdir(d)) != NULL) {
		const char *end;

		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/stat", de->d_name);
		if (access(path, R_OK) != 0)
			continue;
		FILE *f = fopen(path, "re");
		char text[512] = "";
		if (f == NULL)
			continue;
		(void)!fread(text, 1, sizeof text - 1, f);
		fclose(f);
		end = strrchr(text, ')');
		if (end != NULL && end[2] == 'Z' &&
		    strtol(end + 3, NULL, 10) == getpid())
			n++;
	}
	closedir(d);
	return n;
}

static void
a_question_is_answered(void **state)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	db = plain();
	if (!pg_query(db, "SELECT $1::text, 42, true, NULL, $2::text, false, "
	    "'x', 9223372036854775807 UNION ALL SELECT 'b', 2, false, 'c', "
	    "'d', true, '', 1", (const char *[]){ "it's", NULL }, 2, in(5000),
	    &rows, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(pg_count(&rows), 2);
	assert_int_equal(pg_columns(&rows), 8);
	assert_string_equal(pg_at(&rows, 0, 0), "it's");
	assert_int_equal(pg_int(&rows, 0, 1, -1), 42);
	assert_true(pg_bool(&rows, 0, 2));
	assert_false(pg_bool(&rows, 0, 5));
	assert_null(pg_at(&rows, 0, 3));
	assert_null(pg_at(&rows, 0, 4));
	assert_int_equal(pg_int(&rows, 0, 3, -7), -7);
	assert_int_equal(pg_int(&rows, 0, 6, -7), -7);
	assert_int_equal(pg_int(&rows, 0, 7, 0), INT64_MAX);
	assert_string_equal(pg_at(&rows, 1, 6), "");
	/* beyond the end is nothing, not a crash */
	assert_null(pg_at(&rows, 2, 0));
	assert_null(pg_at(&rows, 0, 8));
	pg_rows_release(&rows);
	assert_null(pg_at(&rows, 0, 0));
	pg_rows_release(&rows);
	must_work(db);
	pg_close(db);
}

static void
what_a_statement_does_is_counted(void **state)
{
	struct pg_spec s = spec_of(&box);
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	s.writes = true;
	db = opened(&s);
	assert_true(pg_query(db, "INSERT INTO public.t SELECT "
	    "generate_series(1, 7)", NULL, 0, in(5000), &rows, &e));
	assert_int_equal(pg_affected(&rows), 7);
	assert_true(pg_query(db, "DELETE FROM public.t", NULL, 0, in(5000),
	    NULL, &e));
	pg_rows_release(&rows);
	assert_int_equal(pg_affected(&rows), 0);
	pg_close(db);
}

static void
a_statement_that_fails_leaves_the_connection(void **state)
{
	struct err e;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	db = plain();
	e = must_fail(db, "SELECT * FROM nowhere", 5000, ERR_FAILED, "42P01");
	assert_non_null(strstr(e.msg, "otc: the server refused the statement: "
	    "relation \"nowhere\" does not exist"));
	must_work(db);
	must_fail(db, "SELECT 1; SELECT 2", 5000, ERR_FAILED, "42601");
	must_fail(db, "SELECT 1/0", 5000, ERR_FAILED, "22012");
	must_fail(db, "", 5000, ERR_USAGE, "");
	must_work(db);
	e = must_fail(db, "INSERT INTO public.t VALUES (1)", 5000, ERR_GUARD,
	    "25006");
	e = must_fail(db, "DO $$BEGIN RAISE E'a\\nb\\x1b[31m' USING DETAIL = "
	    "'\xe2\x80\xae' , HINT = E'c\\nd'; END$$", 5000, ERR_FAILED,
	    "P0001");
	assert_null(strpbrk(e.msg, "\n\x1b\xe2"));
	assert_null(strpbrk(e.hint, "\n\x1b\xe2"));
	must_work(db);
	pg_close(db);
}

static void
copy_is_refused_and_harms_nothing(void **state)
{
	struct err e;
	struct pg_spec s = spec_of(&box);
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	s.writes = true;
	db = opened(&s);
	e = must_fail(db, "COPY public.t FROM STDIN", 5000, ERR_USAGE, "");
	assert_non_null(strstr(e.msg, "COPY"));
	must_work(db);
	must_fail(db, "COPY (SELECT 1) TO STDOUT", 5000, ERR_USAGE, "");
	must_work(db);
	int64_t began = clock_mono_ms();
	must_fail(db, "COPY (SELECT repeat('x', 1000) FROM "
	    "generate_series(1, 9000) a, generate_series(1, 9000) b) TO STDOUT",
	    5000, ERR_USAGE, "");
	assert_true(clock_mono_ms() - began < 3000);
	must_work(db);
	pg_close(db);
}

static void
much_goes_there_and_back(void **state)
{
	enum { N = 8 << 20 };
	struct pg_spec s = spec_of(&box);
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	char *big = xmalloc(N + 1);
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	memset(big, 'x', N);
	big[N] = '\0';
	s.statement_ms = 60000;
	db = opened(&s);
	if (!pg_query(db, "SELECT $1::text", (const char *[]){ big }, 1,
	    in(60000), &rows, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(strlen(pg_at(&rows, 0, 0)), N);
	assert_true(pg_query(db, "SELECT i FROM generate_series(1, 200000) i",
	    NULL, 0, in(60000), &rows, &e));
	assert_int_equal(pg_count(&rows), 200000);
	assert_int_equal(pg_int(&rows, 199999, 0, 0), 200000);
	pg_rows_release(&rows);
	pg_close(db);
	free(big);
}

static void
what_is_not_possible_now_is_said(void **state)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	db = plain();
	assert_false(pg_take(db, &rows, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	err_clear(&e);
	assert_true(pg_ask(db, "SELECT pg_sleep(0.1)", NULL, 0, &e));
	assert_false(pg_ask(db, "SELECT 1", NULL, 0, &e));
	assert_int_equal(e.kind, ERR_BUSY);
	err_clear(&e);
	assert_false(pg_take(db, &rows, &e));
	assert_int_equal(e.kind, ERR_BUSY);
	err_clear(&e);
	while (pg_turn(db, &e) == PG_BUSY)
		clock_sleep_ms(10);
	assert_true(pg_take(db, &rows, &e));
	assert_false(pg_take(db, &rows, &e));
	pg_rows_release(&rows);
	pg_cancel(db);			/* nothing runs: nothing happens */
	must_work(db);
	pg_close(db);
	pg_close(NULL);
}

/* --- deadlines ----------------------------------------------------------- */

static int
running(const struct kit_pg *at)
{
	char *n = kit_psql_out(at, "SELECT count(*) FROM pg_stat_activity "
	    "WHERE usename = 'backup' AND state = 'active'");
	int v = n != NULL ? (int)strtol(n, NULL, 10) : -1;

	free(n);
	return v;
}

static void
a_deadline_ends_the_statement_on_the_server_too(void **state)
{
	struct pg_spec s = spec_of(&box);
	struct err e;
	int64_t began;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	s.statement_ms = 60000;
	db = opened(&s);
	began = clock_mono_ms();
	e = must_fail(db, "SELECT pg_sleep(30)", 400, ERR_TIMEOUT, "57014");
	assert_non_null(strstr(e.msg, "otc: no answer within 0.4 s; the server "
	    "has stopped the statement"));
	assert_true(clock_mono_ms() - began >= 390);
	assert_true(clock_mono_ms() - began < 1400);
	assert_int_equal(pg_state(db), PG_READY);
	assert_int_equal(running(&box), 0);
	for (int i = 0; i < 20; i++) {	/* no late cancel hits what follows */
		must_fail(db, "SELECT pg_sleep(30)", 20, ERR_TIMEOUT, "57014");
		must_work(db);
	}
	assert_int_equal(zombies(), 0);
	pg_close(db);
}

static void
who_ended_a_statement_is_told(void **state)
{
	struct pg_spec s = spec_of(&box);
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db;
	char *sql;

	(void)state;
	NEED_PG(&box);
	s.statement_ms = 300;
	db = opened(&s);
	must_fail(db, "SELECT pg_sleep(30)", 5000, ERR_TIMEOUT, "57014");
	must_work(db);
	pg_close(db);

	s.statement_ms = 30000;
	db = opened(&s);
	assert_true(pg_ask(db, "SELECT pg_sleep(30)", NULL, 0, &e));
	sql = xprintf("SELECT pg_sleep(0.2), pg_cancel_backend(%d)",
	    pg_backend_pid(db));
	kit_psql(&box, sql);
	free(sql);
	while (pg_turn(db, &e) == PG_BUSY)
		clock_sleep_ms(10);
	assert_false(pg_take(db, &rows, &e));
	assert_int_equal(e.kind, ERR_CANCELLED);
	must_work(db);

	struct pg_spec admin = spec_of(&box);
	admin.user = "postgres";
	admin.writes = true;
	struct pg *other = opened(&admin);
	err_clear(&e);
	assert_true(pg_query(other, "BEGIN", NULL, 0, in(5000), NULL, &e));
	assert_true(pg_query(other, "LOCK TABLE public.t", NULL, 0, in(5000),
	    NULL, &e));
	int64_t began = clock_mono_ms();
	must_fail(db, "SELECT * FROM public.t", 10000, ERR_BUSY, "55P03");
	assert_true(clock_mono_ms() - began < 4000);
	pg_close(other);
	must_work(db);
	pg_close(db);
}

static void
a_statement_is_cancelled_without_waiting(void **state)
{
	struct pg_spec s = spec_of(&box);
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db;
	int64_t began;

	(void)state;
	NEED_PG(&box);
	s.statement_ms = 60000;
	db = opened(&s);
	assert_true(pg_ask(db, "SELECT pg_sleep(30)", NULL, 0, &e));
	(void)pg_turn(db, &e);
	began = clock_mono_ms();
	pg_cancel(db);
	pg_cancel(db);
	assert_true(clock_mono_ms() - began < 500);
	while (pg_turn(db, &e) == PG_BUSY) {
		struct pg_wait w;

		pg_wait(db, &w);
		assert_true(w.at_ms <= clock_mono_ms() + 10000);
		clock_sleep_ms(10);
	}
	assert_false(pg_take(db, &rows, &e));
	assert_int_equal(e.kind, ERR_CANCELLED);
	assert_true(clock_mono_ms() - began < 2000);
	must_work(db);

	/* so early that the server has not begun, and may forget it */
	for (int i = 0; i < 20; i++) {
		began = clock_mono_ms();
		err_clear(&e);
		assert_true(pg_ask(db, "SELECT pg_sleep(30)", NULL, 0, &e));
		pg_cancel(db);
		while (pg_turn(db, &e) == PG_BUSY)
			clock_sleep_ms(5);
		assert_false(pg_take(db, &rows, &e));
		assert_true(clock_mono_ms() - began < 2000);
	}
	must_work(db);
	pg_close(db);
}

static void
closing_ends_what_still_runs(void **state)
{
	struct pg_spec s = spec_of(&box);
	struct err e = ERR_INIT;
	struct pg *db;
	int64_t began;

	(void)state;
	NEED_PG(&box);
	s.statement_ms = 60000;
	db = opened(&s);
	assert_true(pg_ask(db, "SELECT pg_sleep(60)", NULL, 0, &e));
	clock_sleep_ms(100);
	assert_int_equal(running(&box), 1);
	began = clock_mono_ms();
	pg_close(db);
	assert_true(clock_mono_ms() - began < 500);
	for (int i = 0; i < 50 && running(&box) > 0; i++)
		clock_sleep_ms(50);
	assert_int_equal(running(&box), 0);
	db = plain();		/* the next call sees to the child */
	pg_close(db);
	assert_int_equal(zombies(), 0);
}

/* --- servers that go away ------------------------------------------------ */

static void
a_session_that_is_ended_says_by_whom(void **state)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg_wait w;
	struct pg *db;
	char *sql;

	(void)state;
	NEED_PG(&box);
	db = plain();			/* in the middle of a statement */
	assert_true(pg_ask(db, "SELECT pg_sleep(30)", NULL, 0, &e));
	sql = xprintf("SELECT pg_terminate_backend(%d)", pg_backend_pid(db));
	kit_psql(&box, sql);
	free(sql);
	while (pg_turn(db, &e) == PG_BUSY)
		clock_sleep_ms(10);
	assert_int_equal(pg_state(db), PG_BROKEN);
	assert_non_null(strstr(e.msg, "terminating connection due to "
	    "administrator command"));
	assert_non_null(strstr(e.hint, "What became of the statement"));
	assert_string_equal(pg_sqlstate(db), "57P01");
	assert_int_equal(pg_no(db), PG_NO_STOPPING);
	err_clear(&e);
	assert_false(pg_take(db, &rows, &e));
	assert_non_null(strstr(e.msg, "administrator"));
	err_clear(&e);
	assert_false(pg_ask(db, "SELECT 1", NULL, 0, &e));
	assert_int_equal(e.kind, ERR_FAILED);
	pg_wait(db, &w);
	pg_close(db);

	db = plain();			/* and while it does nothing */
	pg_wait(db, &w);
	assert_int_equal(w.at_ms, INT64_MAX);
	sql = xprintf("SELECT pg_terminate_backend(%d)", pg_backend_pid(db));
	kit_psql(&box, sql);
	free(sql);
	struct pollfd f = { .fd = w.fd, .events = w.events };
	assert_int_equal(poll(&f, 1, 5000), 1);
	err_clear(&e);
	for (int i = 0; i < 100 && pg_turn(db, &e) == PG_READY; i++)
		clock_sleep_ms(10);
	assert_int_equal(pg_state(db), PG_BROKEN);
	assert_non_null(strstr(e.msg, "the server ended the session: "
	    "terminating connection due to administrator command"));
	pg_close(db);
}

/* A server in a hurry does not always find the time for last words. */
static void
must_be_a_farewell(const struct pg *db, const struct err *e, const char *code,
    const char *words)
{
	print_message("#   %s\n", e->msg);
	assert_int_equal(pg_state(db), PG_BROKEN);
	if (pg_no(db) == PG_NO_DROPPED) {
		assert_string_equal(pg_sqlstate(db), "");
		assert_non_null(strstr(e->msg, "the connection broke: "));
		return;
	}
	assert_int_equal(pg_no(db), PG_NO_STOPPING);
	assert_string_equal(pg_sqlstate(db), code);
	assert_non_null(strstr(e->msg, "the server ended the session: "));
	assert_non_null(strstr(e->msg, words));
}

static void
a_server_that_dies_in_a_statement_is_noticed(void **state)
{
	struct kit_pg dying;
	struct pg_spec s;
	struct err e = ERR_INIT;
	struct pg *db;
	pid_t backend;

	(void)state;
	NEED_PG(&box);
	assert_true(kit_pg_start(&dying, "dying", ""));
	kit_psql(&dying, "CREATE ROLE backup LOGIN");
	s = spec_of(&dying);
	db = opened(&s);
	assert_true(pg_ask(db, "SELECT pg_sleep(30)", NULL, 0, &e));
	backend = pg_backend_pid(db);
	struct pg *witness = opened(&s);
	kill(backend, SIGKILL);		/* the server restarts them all */
	while (pg_turn(db, &e) == PG_BUSY)
		clock_sleep_ms(10);
	assert_int_equal(pg_state(db), PG_BROKEN);
	assert_int_equal(pg_no(db), PG_NO_DROPPED);
	print_message("#   %s\n", e.msg);
	err_clear(&e);
	while (pg_turn(witness, &e) == PG_READY)
		clock_sleep_ms(10);
	must_be_a_farewell(witness, &e, "57P02", "because of crash");
	pg_close(db);
	pg_close(witness);

	err_clear(&e);
	for (int i = 0; i < 100; i++) {
		db = pg_open(&s, in(1000), NULL);
		if (db != NULL)
			break;
		test_case(pg_no_name(pg_last_no()));
		assert_true(pg_no_retry(pg_last_no()));
		clock_sleep_ms(20);
	}
	assert_non_null(db);
	assert_true(pg_ask(db, "SELECT pg_sleep(30)", NULL, 0, &e));
	kit_pg_stop(&dying, SIGQUIT);
	while (pg_turn(db, &e) == PG_BUSY)
		clock_sleep_ms(10);
	must_be_a_farewell(db, &e, "57P01", "immediate shutdown");
	pg_close(db);
}

static void
a_server_that_stops_holds_nobody(void **state)
{
	struct kit_pg frozen;
	struct pg_spec s;
	struct err e = ERR_INIT;
	struct pg *db;
	int64_t began;
	pid_t backend;

	(void)state;
	NEED_PG(&box);
	assert_true(kit_pg_start(&frozen, "frozen", ""));
	kit_psql(&frozen, "CREATE ROLE backup LOGIN");
	s = spec_of(&frozen);
	s.statement_ms = 60000;
	db = opened(&s);
	backend = pg_backend_pid(db);
	kill(frozen.pid, SIGSTOP);
	kill(backend, SIGSTOP);
	began = clock_mono_ms();
	e = must_fail(db, "SELECT 1", 500, ERR_TIMEOUT, "");
	assert_non_null(strstr(e.msg, "no answer within 0.5 s, nor to the "
	    "request to cancel; the connection is given up"));
	assert_true(clock_mono_ms() - began < 2500);
	assert_int_equal(pg_state(db), PG_BROKEN);
	assert_int_equal(pg_no(db), PG_NO_UNREACHABLE);
	began = clock_mono_ms();
	pg_close(db);
	assert_true(clock_mono_ms() - began < 500);

	/* a new login, too */
	began = clock_mono_ms();
	assert_null(pg_open(&s, in(400), &e));
	assert_int_equal(pg_last_no(), PG_NO_UNREACHABLE);
	assert_true(clock_mono_ms() - began < 1000);
	kill(backend, SIGCONT);
	kill(frozen.pid, SIGCONT);

	/* a backend that no longer reads what we send */
	enum { N = 8 << 20 };
	char *big = xmalloc(N + 1);
	memset(big, 'x', N);
	big[N] = '\0';
	err_clear(&e);
	db = opened(&s);
	backend = pg_backend_pid(db);
	kill(backend, SIGSTOP);
	began = clock_mono_ms();
	assert_false(pg_query(db, "SELECT length($1)", (const char *[]){ big },
	    1, in(500), NULL, &e));
	assert_true(clock_mono_ms() - began < 2500);
	assert_int_equal(pg_state(db), PG_BROKEN);
	pg_close(db);
	kill(backend, SIGCONT);

	/* the answer comes, but where the cancel is nobody knows */
	err_clear(&e);
	db = opened(&s);
	assert_true(pg_ask(db, "SELECT pg_sleep(0.4)", NULL, 0, &e));
	clock_sleep_ms(100);
	kill(frozen.pid, SIGSTOP);
	pg_cancel(db);
	clock_sleep_ms(600);
	assert_int_equal(pg_turn(db, &e), PG_BUSY);
	began = clock_mono_ms();
	while (pg_turn(db, &e) == PG_BUSY)
		clock_sleep_ms(20);
	assert_int_equal(pg_state(db), PG_BROKEN);
	assert_non_null(strstr(e.msg, "may still be under way"));
	assert_true(clock_mono_ms() - began < 6000);
	pg_close(db);
	free(big);
	kit_pg_end(&frozen);
}

/* --- many at once -------------------------------------------------------- */

enum { CROWD = 15 };

static bool
step(struct pg *db, bool *asked, struct pollfd *f, int64_t *until)
{
	struct pg_wait w;
	struct err e = ERR_INIT;

	if (pg_turn(db, &e) == PG_BROKEN)
		fail_msg("%s", e.msg);
	if (pg_state(db) == PG_READY && *asked)
		return true;
	if (pg_state(db) == PG_READY) {
		if (!pg_ask(db, "SELECT pg_sleep(0.5)", NULL, 0, &e))
			fail_msg("%s", e.msg);
		*asked = true;
	}
	pg_wait(db, &w);
	*f = (struct pollfd){ .fd = w.fd, .events = w.events };
	if (w.at_ms < *until)
		*until = w.at_ms;
	return false;
}

static void
one_loop_serves_many(void **state)
{
	struct pg_spec s = spec_of(&box);
	struct pg *dbs[CROWD];
	bool asked[CROWD] = { false };
	int64_t began = clock_mono_ms();
	int turns = 0, done;

	(void)state;
	NEED_PG(&box);
	s.host = "localhost";		/* a name for each to look up */
	for (size_t i = 0; i < CROWD; i++)
		dbs[i] = pg_start(&s, NULL);
	do {
		struct pollfd f[CROWD];
		int64_t until = in(1000), now;

		done = 0;
		for (size_t i = 0; i < CROWD; i++)
			if (step(dbs[i], &asked[i], &f[i], &until)) {
				f[i].fd = -1;
				done++;
			}
		now = clock_mono_ms();
		if (done < CROWD)
			poll(f, CROWD, until > now ? (int)(until - now) : 0);
		turns++;
	} while (done < CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		assert_true(pg_take(dbs[i], NULL, NULL));
		pg_close(dbs[i]);
	}
	print_message("#   %d turns\n", turns);
	assert_true(clock_mono_ms() - began < 4000);
	assert_true(turns < CROWD * 30);	/* it slept in between */
	assert_int_equal(zombies(), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_question_is_answered),
	cmocka_unit_test(what_a_statement_does_is_counted),
	cmocka_unit_test(a_statement_that_fails_leaves_the_connection),
	cmocka_unit_test(copy_is_refused_and_harms_nothing),
	cmocka_unit_test(much_goes_there_and_back),
	cmocka_unit_test(what_is_not_possible_now_is_said),
	cmocka_unit_test(a_deadline_ends_the_statement_on_the_server_too),
	cmocka_unit_test(who_ended_a_statement_is_told),
	cmocka_unit_test(a_statement_is_cancelled_without_waiting),
	cmocka_unit_test(closing_ends_what_still_runs),
	cmocka_unit_test(a_session_that_is_ended_says_by_whom),
	cmocka_unit_test(a_server_that_dies_in_a_statement_is_noticed),
	cmocka_unit_test(a_server_that_stops_holds_nobody),
	cmocka_unit_test(one_loop_serves_many),
};

int
main(void)
{
	return cmocka_run_group_tests_name("pg_query_test", tests, start, stop);
}
