#include <netinet/in.h>
#include <sys/socket.h>

#include "base/text.h"
#include "tests/pg/kit.h"
#include "tests/probe/crowd.h"
#include "probe/postgres.h"

/* One cluster for the questions and the logins, one for what WAL suffers. */
static struct kit_pg box, wal;
static char *passfile;

static int
start(void **state)
{
	(void)state;
	unsetenv("PGPASSWORD");
	if (!kit_pg_start(&box, "pg", "max_connections = 90\n"
	    "max_prepared_transactions = 5\nsuperuser_reserved_connections = 2"))
		return 0;
	kit_psql(&box, "CREATE ROLE backup LOGIN PASSWORD 'right'");
	kit_psql(&box, "CREATE ROLE plain LOGIN PASSWORD 'right'");
	kit_psql(&box, "GRANT pg_monitor TO backup");
	kit_hba(&box, "local all all trust\n"
	    "host all postgres,plain,\"ev\xe2\x80\xaeil\" 127.0.0.1/32 trust\n"
	    "host all outcast 127.0.0.1/32 reject\n"
	    "host all all 127.0.0.1/32 scram-sha-256\n");
	passfile = xstrdup(test_write("pgpass", "*:*:*:*:right\n"));
	chmod(passfile, 0600);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	kit_pg_end(&box);
	kit_pg_end(&wal);
	free(passfile);
	return 0;
}

/* One read of one database; released by drive_end(). */
static const struct reading *
read_once(struct drive *d, const struct kit_pg *at, const char *keys)
{
	char *db = xprintf("{ name = \"otc\"; host = \"127.0.0.1\"; port = %d; "
	    "%s%s%s }", at->port,
	    strstr(keys, "dbname") ? "" : "dbname = \"postgres\"; ",
	    strstr(keys, "user =") ? "" : "user = \"postgres\"; ", keys);

	drive_site(d, "", db);
	free(db);
	d->eye.once = true;
	drive_go(d);
	return reading_of(d, "otc");
}

/* ---- a database that is well ----------------------------------------------------- */

static void
a_database_that_is_well_says_so_in_one_line(void **state)
{
	const struct reading *r;
	struct drive d;

	(void)state;
	NEED_PG(&box);
	r = read_once(&d, &box, "");
	assert_int_equal(r->level, LEVEL_OK);
	has(r->text, "primary, PostgreSQL 15.");
	has(r->text, " of 90 connections, ");
	assert_null(r->next);
	assert_true(json_get_bool(r->data, "can_login"));
	assert_int_equal(strlen(word(r, "system_identifier")), 19);
	assert_int_equal(fact(r, "connections_max"), 90);
	assert_int_equal(fact(r, "connections_reserved"), 2);
	assert_true(json_is_false(json_object_get(r->data, "in_recovery")));
	assert_true(fact(r, "size") > 1000000);
	assert_true(fact(r, "wal_size") > 0);
	assert_true(fact(r, "lock_room") == 64 * (90 + 5));
	assert_true(fact(r, "xid_age") >= 0);
	assert_null(json_object_get(r->data, "missing"));
	assert_true(r->cost_us > 0);
	drive_end(&d);
}

static int
errors_in_log(const struct kit_pg *at)
{
	char *path = xprintf("%s/log", at->dir), *log = test_read(path);
	int n = 0;

	for (const char *p = log; (p = strstr(p, "ERROR: ")) != NULL; p++)
		n++;
	free(log);
	free(path);
	return n;
}

static void
a_plain_login_learns_less_says_so_and_leaves_no_error_in_the_log(void **state)
{
	const struct reading *r;
	struct drive d;
	char *missing;
	int errors;

	(void)state;
	NEED_PG(&box);
	errors = errors_in_log(&box);
	r = read_once(&d, &box, "user = \"plain\";");
	assert_int_equal(r->level, LEVEL_OK);
	missing = json_dumps(json_object_get(r->data, "missing"), 0);
	has(missing, "pg_monitor");
	has(missing, "pg_read_all_stats");
	free(missing);
	assert_null(json_object_get(r->data, "wal_size"));
	assert_true(fact(r, "size") > 1000000);
	drive_end(&d);
	assert_int_equal(errors_in_log(&box), errors);
}

static void
what_a_dump_could_not_read_is_named(void **state)
{
	const struct reading *r;
	struct drive d;

	(void)state;
	NEED_PG(&box);
	kit_psql(&box, "CREATE TABLE closed (a int)");
	r = read_once(&d, &box, "user = \"plain\";");
	assert_int_equal(r->level, LEVEL_WARNING);
	has(r->text, "1 relation cannot be read by this login (public.closed)");
	has(r->next, "GRANT pg_read_all_data");
	drive_end(&d);
	kit_psql(&box, "DROP TABLE closed");
}

/* ---- which kind of no -------------------------------------------------------------- */

static int
mute_port(int *ret_fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(listen(*ret_fd, 64), 0);
	return ntohs(a.sin_port);
}

static void
each_kind_of_no_has_its_word_and_its_sentence(void **state)
{
	static const struct {
		const char *label, *sql, *keys, *no, *code, *text, *next, *after;
		enum level level;
	} rows[] = {
		{ "wrong password", "ALTER ROLE backup PASSWORD 'other'",
		    "user = \"backup\";", "password", "28P01",
		    " as backup: the password is wrong or has expired", "",
		    "ALTER ROLE backup PASSWORD 'right'", LEVEL_CRITICAL },
		{ "expired", "ALTER ROLE backup VALID UNTIL '2001-01-01'",
		    "user = \"backup\";", "password", "28P01", "has expired",
		    "", "ALTER ROLE backup VALID UNTIL 'infinity'",
		    LEVEL_CRITICAL },
		{ "no hba line", "CREATE ROLE outcast LOGIN",
		    "user = \"outcast\";", "hba", "28000", "pg_hba.conf",
		    "pg_reload_conf", "DROP ROLE outcast", LEVEL_CRITICAL },
		{ "NOLOGIN", "ALTER ROLE plain NOLOGIN", "user = \"plain\";",
		    "locked", "28000", "may not log in (NOLOGIN)",
		    "ALTER ROLE ... LOGIN", "ALTER ROLE plain LOGIN",
		    LEVEL_CRITICAL },
		{ "no database", "SELECT 1", "dbname = \"gone\";", "database",
		    "3D000", "the database does not exist", "psql -l",
		    "SELECT 1", LEVEL_CRITICAL },
		{ "full", "ALTER ROLE plain CONNECTION LIMIT 0",
		    "user = \"plain\";", "full", "53300",
		    "too many connections", "pg_stat_activity",
		    "ALTER ROLE plain CONNECTION LIMIT -1", LEVEL_CRITICAL },
		{ "legacy", "ALTER ROLE backup PASSWORD 'other'",
		    "user = \"backup\"; legacy = true; superuser = { host = "
		    "\"/run/postgresql\"; user = \"postgres\"; };",
		    "password", "28P01", "expected of a legacy database",
		    "midwatch recover otc",
		    "ALTER ROLE backup PASSWORD 'right'", LEVEL_WARNING },
	};

	(void)state;
	NEED_PG(&box);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct reading *r;
		struct drive d;
		char *keys = xprintf("passfile = \"%s\"; %s", passfile,
		    rows[i].keys);

		test_case(rows[i].label);
		kit_psql(&box, rows[i].sql);
		r = read_once(&d, &box, keys);
		kit_psql(&box, rows[i].after);
		assert_string_equal(word(r, "no"), rows[i].no);
		assert_string_equal(word(r, "sqlstate"), rows[i].code);
		assert_true(json_is_false(json_object_get(r->data,
		    "can_login")));
		assert_int_equal(r->level, rows[i].level);
		assert_null(r->error);
		has(r->text, "no login at 127.0.0.1:");
		has(r->text, rows[i].text);
		has(r->text, rows[i].code);
		has(r->next, rows[i].next);
		assert_string_not_equal(word(r, "tried"), "");
		drive_end(&d);
		free(keys);
	}
}

/* What is wrong on this side is said on the page, with the file's name. */
static void
a_no_of_our_own_making_names_its_cause(void **state)
{
	const struct {
		const char *label, *content;	/* NULL: there is no file */
		mode_t mode;
		const char *keys, *no, *text;
	} rows[] = {
		{ "no file", NULL, 0, "", "no-password",
		    "there is no password file '" },
		{ "open to others", "*:*:*:*:right\n", 0644, "",
		    "no-password", "is open to others (mode 0644)" },
		{ "no line", "elsewhere:1:*:*:right\n", 0600, "",
		    "no-password", "no line of '" },
		{ "wrong", "# mine\n*:*:*:*:wrong\n", 0600, "", "password",
		    "it came from line 2 of '" },
		{ "TLS", "*:*:*:*:right\n", 0600, "sslmode = \"require\";",
		    "tls", "does not support SSL" },
	};
	char *path = xstrdup(test_path("cause"));

	(void)state;
	NEED_PG(&box);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct reading *r;
		struct drive d;
		char *keys = xprintf("user = \"backup\"; passfile = \"%s\"; %s",
		    path, rows[i].keys);

		test_case(rows[i].label);
		(void)unlink(path);
		if (rows[i].content != NULL) {
			test_write("cause", rows[i].content);
			assert_int_equal(chmod(path, rows[i].mode), 0);
		}
		r = read_once(&d, &box, keys);
		assert_string_equal(word(r, "no"), rows[i].no);
		has(r->text, rows[i].text);
		drive_end(&d);
		free(keys);
	}
	(void)unlink(path);
	free(path);
}

static void
a_server_that_never_answers_delays_nobody_else(void **state)
{
	const struct reading *r;
	struct drive d;
	char *sites;
	int fd, port, closed_fd, closed;

	(void)state;
	NEED_PG(&box);
	port = mute_port(&fd);
	closed = mute_port(&closed_fd);
	close(closed_fd);
	sites = xprintf("{ name = \"mute\"; host = \"127.0.0.1\"; port = %d; },"
	    "{ name = \"legacy\"; host = \"127.0.0.1\"; port = %d; "
	    "legacy = true; },"
	    "{ name = \"closed\"; host = \"127.0.0.1\"; port = %d; },"
	    "{ name = \"well\"; host = \"127.0.0.1\"; port = %d; "
	    "dbname = \"postgres\"; user = \"postgres\"; }", port, port,
	    closed, box.port);
	drive_site(&d, "", sites);
	free(sites);
	d.eye.once = true;
	d.deadline_ms = 2000;
	drive_go(&d);
	r = reading_of(&d, "well");
	assert_int_equal(r->level, LEVEL_OK);
	assert_in_range(r->took_ms, 0, 1000);
	for (int i = 0; i < 2; i++) {
		r = reading_of(&d, i ? "legacy" : "mute");
		assert_int_equal(r->level, LEVEL_CRITICAL);
		assert_string_equal(word(r, "no"), "unreachable");
		has(r->text, "no answer from there");
		assert_in_range(r->took_ms, 1500, 2300);
	}
	r = reading_of(&d, "closed");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_string_equal(word(r, "no"), "refused");
	has(r->text, "nothing listens there");
	drive_end(&d);
	close(fd);
}

static void
fifty_databases_of_a_cluster_are_one_crowd(void **state)
{
	struct buf sites = BUF_INIT;
	struct drive d;
	int64_t began;

	(void)state;
	NEED_PG(&box);
	for (int i = 0; i < 50; i++)
		buf_printf(&sites, "%s{ name = \"db%d\"; host = \"127.0.0.1\"; "
		    "port = %d; dbname = \"postgres\"; user = \"postgres\"; }",
		    i ? ", " : "", i, box.port);
	drive_site(&d, "", sites.p);
	buf_release(&sites);
	d.eye.once = true;
	began = clock_mono_ms();
	drive_go(&d);
	print_message("# 50 databases: %d ms\n",
	    (int)(clock_mono_ms() - began));
	assert_int_equal(d.all.v.n, 50);
	for (size_t i = 0; i < d.all.v.n; i++) {
		assert_int_equal(d.all.v.v[i].level, LEVEL_OK);
		assert_true(fact(&d.all.v.v[i], "connections_max") == 90);
	}
	drive_end(&d);
}

/* ---- a connection that is kept ------------------------------------------------------ */

static int
count_of(const struct kit_pg *at, const char *sql)
{
	char *out = kit_psql_out(at, sql);
	int n = out != NULL ? (int)strtol(out, NULL, 10) : -1;

	free(out);
	return n;
}

/* Sessions of a test before may take a moment to be gone. */
static int
only_ours(void)
{
	int pid = -1;

	for (int i = 0; i < 100; i++) {
		if (count_of(&box, "SELECT count(*) FROM pg_stat_activity WHERE "
		    "application_name = 'midwatch'") == 1)
			break;
		clock_sleep_ms(20);
	}
	pid = count_of(&box, "SELECT pid FROM pg_stat_activity WHERE "
	    "application_name = 'midwatch'");
	assert_true(pid > 1);
	return pid;
}

static int ours_before;

static void
end_ours(struct drive *d, struct reading *r)
{
	int now = only_ours();

	assert_int_equal(r->level, LEVEL_OK);
	if (d->reads > 1 && d->reads <= 3)
		assert_int_equal(now, ours_before);
	if (d->reads > 3)
		assert_int_not_equal(now, ours_before);
	if (d->reads <= 3)
		ours_before = now;
	if (d->reads == 3) {
		kit_psql(&box, "SELECT pg_terminate_backend(pid) FROM "
		    "pg_stat_activity WHERE application_name = 'midwatch'");
	}
}

static void
the_connection_is_kept_and_one_that_broke_is_made_anew_at_once(void **state)
{
	struct drive d;
	char *db;

	(void)state;
	NEED_PG(&box);
	db = xprintf("{ name = \"otc\"; host = \"127.0.0.1\"; port = %d; "
	    "dbname = \"postgres\"; user = \"postgres\"; }", box.port);
	drive_site(&d, "", db);
	free(db);
	d.want = 6;
	d.between = end_ours;
	drive_go(&d);
	assert_int_equal(d.reads, 6);
	assert_int_equal(reading_of(&d, "otc")->level, LEVEL_OK);
	drive_end(&d);
}

static pid_t stopped;

static void
stop_ours(struct drive *d, struct reading *r)
{
	assert_int_equal(r->level, LEVEL_OK);
	assert_true(json_get_bool(r->data, "answers"));
	if (d->reads == 2) {
		stopped = only_ours();
		kill(stopped, SIGSTOP);
	} else if (d->reads == 3) {
		assert_in_range(r->took_ms, 1000, 3000);
		kill(stopped, SIGCONT);
	}
}

static void
a_kept_connection_that_falls_silent_is_replaced_within_the_read(void **state)
{
	struct drive d;
	char *db;

	(void)state;
	NEED_PG(&box);
	db = xprintf("{ name = \"otc\"; host = \"127.0.0.1\"; port = %d; "
	    "dbname = \"postgres\"; user = \"postgres\"; }", box.port);
	drive_site(&d, "", db);
	free(db);
	d.want = 4;
	d.between = stop_ours;
	drive_go(&d);
	if (stopped > 1)
		kill(stopped, SIGCONT);
	assert_int_equal(d.reads, 4);
	drive_end(&d);
}

static int
refusals(void)
{
	char *path = xprintf("%s/log", box.dir), *log = test_read(path);
	int n = 0;

	for (const char *p = log; (p = strstr(p, "password authentication "
	    "failed for user \"backup\"")) != NULL; p++)
		n++;
	free(log);
	free(path);
	return n;
}

static void
mend_passfile(struct drive *d, struct reading *r)
{
	if (d->reads == 5) {
		assert_int_equal(r->level, LEVEL_CRITICAL);
		test_write(passfile, "*:*:*:*:newer\n");
	}
}

static void
a_refused_login_waits_until_the_password_file_changes(void **state)
{
	struct drive d;
	char *db;
	int before;

	(void)state;
	NEED_PG(&box);
	kit_psql(&box, "ALTER ROLE backup PASSWORD 'newer'");
	before = refusals();
	db = xprintf("{ name = \"otc\"; host = \"127.0.0.1\"; port = %d; "
	    "dbname = \"postgres\"; user = \"backup\"; passfile = \"%s\"; }",
	    box.port, passfile);
	drive_site(&d, "", db);
	free(db);
	d.want = 7;
	d.between = mend_passfile;
	drive_go(&d);
	assert_int_equal(d.reads, 7);
	assert_int_equal(reading_of(&d, "otc")->level, LEVEL_OK);
	assert_int_equal(refusals() - before, 1);
	drive_end(&d);
	test_write(passfile, "*:*:*:*:right\n");
	kit_psql(&box, "ALTER ROLE backup PASSWORD 'right'");
}

/* ---- who waits for whom --------------------------------------------------------------- */

/* A session that runs these statements, the last of which may never end. */
static struct pg *
session(const struct kit_pg *at, const char *dbname, const char *const *sql)
{
	struct pg_spec spec = { .name = "session", .host = at->dir,
		.port = at->port, .dbname = dbname, .user = "postgres",
		.statement_ms = 60000, .writes = true };
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	struct pg *db = pg_open(&spec, clock_mono_ms() + 10000, &e);

	if (db == NULL)
		fail_msg("%s", e.msg);
	for (; sql[1] != NULL; sql++) {
		if (!pg_query(db, *sql, NULL, 0, clock_mono_ms() + 5000, &rows,
		    &e))
			fail_msg("%s", e.msg);
		pg_rows_release(&rows);
	}
	if (!pg_ask(db, *sql, NULL, 0, &e))
		fail_msg("%s", e.msg);
	/* what was asked is on its way when the socket took it */
	for (int i = 0; i < 5; i++) {
		(void)pg_turn(db, &e);
		clock_sleep_ms(20);
	}
	return db;
}
#define SESSION(at, db, ...)						\
	session(at, db, (const char *[]){ __VA_ARGS__, NULL })

static void
end_all(struct pg **sessions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pg_close(sessions[i]);
	kit_psql(&box, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	    "WHERE application_name LIKE 'chain%'");
	for (int i = 0; i < 100; i++) {
		if (count_of(&box, "SELECT count(*) FROM pg_locks l WHERE "
		    "relation = 'public.orders'::regclass") == 0)
			break;
		clock_sleep_ms(20);
	}
	kit_psql(&box, "DROP TABLE public.orders");
}

static const json_t *
waiter(const struct reading *r, const char *app)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(r->data, "locks"), i, o)
		if (strcmp(json_get_str(o, "app"), app) == 0)
			return o;
	fail_msg("no %s in the picture", app);
	return NULL;
}

static void
check_chain(const struct reading *r)
{
	static const char *const names[] = { "chain-root", "chain-2",
	    "chain-3", "chain-4" };

	assert_int_equal(fact(r, "waiting"), 3);
	assert_int_equal(json_array_size(json_object_get(r->data, "locks")), 4);
	assert_null(json_object_get(waiter(r, names[0]), "wait_ms"));
	for (int i = 1; i < 4; i++) {
		const json_t *o = waiter(r, names[i]);
		const json_t *by = json_object_get(o, "blocked_by");

		test_case(names[i]);
		assert_int_equal(json_array_size(by), 1);
		assert_int_equal(json_integer_value(json_array_get(by, 0)),
		    json_get_int(waiter(r, names[i - 1]), "pid", -1));
		assert_in_range(json_get_int(o, "wait_ms", -1), 1, 20000);
	}
}

static void
a_chain_of_four_sessions_is_a_tree(void **state)
{
	struct pg *s[4];
	const struct reading *r;
	struct drive d;

	(void)state;
	NEED_PG(&box);
	kit_psql(&box, "CREATE TABLE public.orders (id int, v text);"
	    "INSERT INTO public.orders VALUES (1, 'a'), (2, 'b'), (3, 'c');"
	    "GRANT SELECT ON public.orders TO plain");
	s[0] = SESSION(&box, "postgres", "SET application_name = 'chain-root'",
	    "BEGIN", "UPDATE public.orders SET v = 'x' WHERE id = 1");
	s[1] = SESSION(&box, "postgres", "SET application_name = 'chain-2'",
	    "BEGIN", "UPDATE public.orders SET v = 'y' WHERE id = 2",
	    "UPDATE public.orders SET v = 'y' WHERE id = 1");
	s[2] = SESSION(&box, "postgres", "SET application_name = 'chain-3'",
	    "BEGIN", "UPDATE public.orders SET v = 'z' WHERE id = 3",
	    "UPDATE public.orders SET v = 'z' WHERE id = 2");
	s[3] = SESSION(&box, "postgres", "SET application_name = 'chain-4'",
	    "UPDATE public.orders SET v = 'password ' || 'hunter2' WHERE id = 3");
	r = read_once(&d, &box, "");
	check_chain(r);
	assert_string_equal(json_get_str(waiter(r, "chain-root"), "state"),
	    "idle in transaction");
	has(json_get_str(waiter(r, "chain-2"), "query"),
	    "UPDATE public.orders SET v = 'y' WHERE id = 1");
	assert_string_equal(json_get_str(waiter(r, "chain-2"), "on"),
	    "transactionid");
	lacks(json_get_str(waiter(r, "chain-4"), "query"), "hunter2");
	has(json_get_str(waiter(r, "chain-4"), "query"), "password ...");
	drive_end(&d);
	/* a login that may not look into other sessions sees the chain */
	r = read_once(&d, &box, "user = \"plain\";");
	check_chain(r);
	assert_null(json_object_get(waiter(r, "chain-2"), "query"));
	drive_end(&d);
	end_all(s, 4);
}

static void
who_waits_for_a_prepared_transaction_waits_for_pid_0(void **state)
{
	struct pg *s[1];
	const struct reading *r;
	const json_t *by;
	struct drive d;

	(void)state;
	NEED_PG(&box);
	kit_psql(&box, "CREATE TABLE public.orders (id int);"
	    "INSERT INTO public.orders VALUES (1)");
	kit_psql(&box, "BEGIN; UPDATE public.orders SET id = 2;"
	    "PREPARE TRANSACTION 'lost \033[2J one'");
	s[0] = SESSION(&box, "postgres", "SET application_name = 'chain-1'",
	    "UPDATE public.orders SET id = 3");
	r = read_once(&d, &box, "");
	by = json_object_get(waiter(r, "chain-1"), "blocked_by");
	assert_int_equal(json_integer_value(json_array_get(by, 0)), 0);
	assert_int_equal(fact(r, "prepared_count"), 1);
	drive_end(&d);
	kit_psql(&box, "ROLLBACK PREPARED 'lost \033[2J one'");
	end_all(s, 1);
}

static void
a_dump_is_known_by_its_name_and_is_no_long_transaction(void **state)
{
	struct pg *s;
	const struct reading *r;
	struct drive d;

	(void)state;
	NEED_PG(&box);
	s = SESSION(&box, "postgres", "SET application_name = 'pg_dump'",
	    "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1");
	r = read_once(&d, &box, "");
	assert_int_equal(r->level, LEVEL_OK);
	has(r->text, "a dump runs: the dump of pid ");
	assert_int_equal(fact(r, "dumps_running"), 1);
	assert_null(json_object_get(r->data, "oldest_transaction_ms"));
	drive_end(&d);
	pg_close(s);
}

/* ---- what WAL suffers -------------------------------------------------------------------- */

static const struct reading *
read_until(struct drive *d, const struct kit_pg *at, const char *key, bool want)
{
	const struct reading *r = NULL;

	for (int i = 0; i < 100; i++) {
		r = read_once(d, at, "");
		if (json_get_bool(r->data, key) == want)
			break;
		if (i < 99)
			drive_end(d);
		clock_sleep_ms(100);
	}
	assert_int_equal(json_get_bool(r->data, key), want);
	return r;
}

#define MAKE_WAL "SELECT pg_logical_emit_message(false, 'x', 'y'); " \
	"SELECT pg_switch_wal();"

static void
start_wal(void)
{
	if (wal.pid == 0 && wal.why[0] == '\0')
		kit_pg_start(&wal, "wal", "archive_mode = on\n"
		    "archive_command = 'true'");
}

static void
archive_by(const char *command)
{
	char *sql = xprintf("ALTER SYSTEM SET archive_command = '%s'", command);
	char *now = NULL;

	kit_psql(&wal, sql);
	kit_psql(&wal, "SELECT pg_reload_conf()");
	for (int i = 0; i < 200; i++) {
		free(now);
		now = kit_psql_out(&wal, "SHOW archive_command");
		if (text_starts(now, command))
			break;
		clock_sleep_ms(20);
	}
	free(now);
	free(sql);
}

static void
an_archive_command_that_fails_is_said(void **state)
{
	const struct reading *r;
	struct drive d;

	(void)state;
	start_wal();
	NEED_PG(&wal);
	r = read_once(&d, &wal, "");
	assert_int_equal(r->level, LEVEL_OK);
	drive_end(&d);
	archive_by("false");
	kit_psql(&wal, MAKE_WAL);
	r = read_until(&d, &wal, "archiver_failing", true);
	assert_int_equal(r->level, LEVEL_WARNING);
	has(r->text, "archiving fails at 0000000100000000000000");
	has(r->text, "1 files wait, pg_wal has ");
	has(r->next, "archive_command");
	assert_true(fact(r, "archive_failures") > 0);
	drive_end(&d);
	archive_by("true");
	kit_psql(&wal, MAKE_WAL);
	(void)read_until(&d, &wal, "archiver_failing", false);
	drive_end(&d);
}

static void
a_slot_that_nobody_reads_is_named_with_what_it_keeps(void **state)
{
	const struct reading *r;
	struct drive d;

	(void)state;
	start_wal();
	NEED_PG(&wal);
	kit_psql(&wal, "SELECT pg_create_physical_replication_slot("
	    "'old_standby', true)");
	r = read_once(&d, &wal, "");
	assert_int_equal(r->level, LEVEL_OK);
	drive_end(&d);
	kit_psql(&wal, MAKE_WAL MAKE_WAL MAKE_WAL MAKE_WAL MAKE_WAL);
	r = read_once(&d, &wal, "");
	assert_int_equal(r->level, LEVEL_WARNING);
	has(r->text, "the slot 'old_standby' is read by nobody and keeps ");
	has(r->next, "pg_drop_replication_slot()");
	assert_true(json_get_int(json_array_get(json_object_get(r->data,
	    "slots"), 0), "held", 0) >= 64 << 20);
	drive_end(&d);
	kit_psql(&wal, "SELECT pg_drop_replication_slot('old_standby')");
}

static void
a_server_that_is_full_refuses_and_tells_a_superuser_so(void **state)
{
	struct pg_spec spec = { .name = "many", .host = "127.0.0.1",
		.dbname = "postgres", .user = "many" };
	struct pg *s[20] = { NULL };
	const struct reading *r;
	struct err e = ERR_INIT;
	struct drive d;

	(void)state;
	start_wal();
	NEED_PG(&wal);
	spec.port = wal.port;
	kit_psql(&wal, "CREATE ROLE many LOGIN");
	/* 20, of which 3 are for superusers */
	for (int i = 0; i < 17; i++) {
		s[i] = pg_open(&spec, clock_mono_ms() + 5000, &e);
		if (s[i] == NULL)
			fail_msg("%s", e.msg);
	}
	r = read_once(&d, &wal, "user = \"many\";");
	assert_string_equal(word(r, "no"), "full");
	assert_string_equal(word(r, "sqlstate"), "53300");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	has(r->text, "too many connections (53300)");
	drive_end(&d);
	r = read_once(&d, &wal, "");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	has(r->text, "18 of 20 connections are in use: only superusers still "
	    "get in");
	assert_string_equal(r->next, "midwatch locks otc");
	assert_int_equal(fact(r, "connections_idle"), 17);
	drive_end(&d);
	for (int i = 0; i < 17; i++)
		pg_close(s[i]);
}

/* ---- a standby ------------------------------------------------------------------------------ */

static bool
make_standby(struct kit_pg *sb)
{
	char *script = xprintf(". tests/postgres.sh; rm -rf \"$1/data\"; "
	    "pg_as %spg_basebackup -D \"$1/data\" -h \"$2\" -p %d -U postgres "
	    "-R -X stream -c fast && echo \"port = $(cat \"$1/port\")\n"
	    "unix_socket_directories = '$1'\nhot_standby = on\" "
	    ">>\"$1/data/postgresql.conf\" && chown -R --reference=\"$1\" "
	    "\"$1/data\"", KIT_PG_BIN, wal.port);
	const char *argv[] = { "sh", "-c", script, "standby", sb->dir, wal.dir,
	    NULL };
	char *out;

	if (!kit_pg_init(sb, "follower", ""))
		return false;
	out = kit_output(argv);
	free(script);
	free(out);
	return out != NULL;
}

static void
a_standby_says_so_and_when_it_stops_following(void **state)
{
	struct kit_pg sb = { .pid = 0 };
	const struct reading *r;
	struct drive d;

	(void)state;
	start_wal();
	NEED_PG(&wal);
	assert_true(make_standby(&sb));
	assert_true(kit_pg_run(&sb, "ready"));
	r = read_until(&d, &sb, "receiving", true);
	assert_int_equal(r->level, LEVEL_OK);
	has(r->text, "standby, PostgreSQL 15.");
	assert_true(json_get_bool(r->data, "in_recovery"));
	assert_true(fact(r, "replay_behind") >= 0);
	drive_end(&d);
	r = read_once(&d, &wal, "");
	assert_int_equal(json_array_size(json_object_get(r->data, "replicas")),
	    1);
	drive_end(&d);
	kit_psql(&sb, "SELECT pg_wal_replay_pause()");
	r = read_until(&d, &sb, "replay_paused", true);
	assert_int_equal(r->level, LEVEL_WARNING);
	has(r->text, "the replay is paused");
	drive_end(&d);
	kit_psql(&sb, "SELECT pg_wal_replay_resume()");
	kit_pg_stop(&wal, SIGINT);
	r = read_until(&d, &sb, "receiving", false);
	assert_int_equal(r->level, LEVEL_WARNING);
	has(r->text, "this standby receives nothing from a primary");
	drive_end(&d);
	/* one that lets nobody in while it follows is always "starting up" */
	kit_psql(&sb, "ALTER SYSTEM SET hot_standby = off");
	kit_pg_stop(&sb, SIGINT);
	test_case("hot_standby = off");
	if (!kit_pg_run(&sb, "standby"))
		fail_msg("%s", sb.why);
	r = read_once(&d, &sb, "");
	assert_string_equal(word(r, "no"), "starting");
	assert_string_equal(word(r, "sqlstate"), "57P03");
	assert_int_equal(r->level, LEVEL_WARNING);
	has(r->text, "starting up or recovering");
	drive_end(&d);
	kit_pg_end(&sb);
}

/* ---- foreign bytes -------------------------------------------------------------------------- */

static void
is_harmless(const struct reading *r)
{
	struct buf line = BUF_INIT, clean = BUF_INIT;
	struct err e = ERR_INIT;
	struct reading again;

	text_clean(&clean, r->text, strlen(r->text), TEXT_LINE);
	assert_string_equal(clean.p, r->text);
	reading_write(r, &line);
	for (size_t i = 0; i < line.n - 1; i++)
		if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
			fail_msg("a control character is in %s", line.p);
	if (strstr(line.p, "\xe2\x80\xae") != NULL)
		fail_msg("a bidi control is in %s", line.p);
	if (!reading_parse(&again, line.p, line.n, &e))
		fail_msg("%s: %s", e.msg, line.p);
	reading_release(&again);
	buf_release(&line);
	buf_release(&clean);
}

static void
hostile_names_and_statements_come_out_harmless(void **state)
{
	static const char *const dbs[] = { "postgres", "bytes", "latin" };
	struct pg *s[2];
	const struct reading *r;
	struct drive d;

	(void)state;
	NEED_PG(&box);
	kit_psql(&box, "CREATE DATABASE bytes TEMPLATE template0 ENCODING "
	    "'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
	kit_psql(&box, "CREATE DATABASE latin TEMPLATE template0 ENCODING "
	    "'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
	kit_psql(&box, "CREATE ROLE \"ev\033[2J\" LOGIN");
	kit_psql(&box, "CREATE ROLE \"ev\xe2\x80\xaeil\" LOGIN");
	kit_psql(&box, "CREATE DATABASE \"ev\xe2\x80\xaeil\"");
	s[0] = SESSION(&box, "bytes", "SET client_encoding = 'SQL_ASCII'",
	    "SET application_name = 'chain-\033[31m\xff'",
	    "CREATE TABLE public.\"t\033[1m\xff\" (a int)", "BEGIN",
	    "LOCK TABLE public.\"t\033[1m\xff\" /* \xff\xc3 \xe2\x82 "
	    "\xe2\x80\xae \033]0;x\a */");
	s[1] = SESSION(&box, "bytes", "SET client_encoding = 'SQL_ASCII'",
	    "SET application_name = 'chain-2'",
	    "SET ROLE \"ev\033[2J\"", "RESET ROLE",
	    "SELECT '\xff\xfe\xc3' FROM public.\"t\033[1m\xff\"");
	for (size_t i = 0; i < 3; i++) {
		char *keys = xprintf("dbname = \"%s\";", dbs[i]);

		test_case(dbs[i]);
		r = read_once(&d, &box, keys);
		assert_int_equal(r->level, LEVEL_OK);
		is_harmless(r);
		if (i == 1) {
			assert_int_equal(fact(r, "waiting"), 1);
			assert_string_equal(word(r, "encoding"), "SQL_ASCII");
			has(json_get_str(waiter(r, "chain-2"), "query"),
			    "\\xff\\xfe\\xc3");
			has(json_get_str(waiter(r, "chain-2"), "on"),
			    "\\xff");
		}
		drive_end(&d);
		free(keys);
	}
	r = read_once(&d, &box, "dbname = \"ev\xe2\x80\xaeil\"; "
	    "user = \"ev\xe2\x80\xaeil\";");
	assert_int_equal(r->level, LEVEL_OK);
	has(json_get_str(r->data, "oldest_database"), "");
	is_harmless(r);
	drive_end(&d);
	r = read_once(&d, &box, "dbname = \"no\xe2\x80\xaesuch\";");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	is_harmless(r);
	drive_end(&d);
	pg_close(s[0]);
	pg_close(s[1]);
}

/* ---- what facts mean, without a server ------------------------------------------------------- */

#define WELL "\"can_login\":true,\"answers\":true,\"version\":\"15.4\","	\
	"\"clock\":\"2025-02-14T02:00:00.000Z\","			\
	"\"started\":\"2025-02-12T02:00:00.000Z\",\"connections\":10,"	\
	"\"connections_max\":100,\"connections_reserved\":3,\"size\":1048576"
#define SESSION_4711 "\"pid\":4711,\"user\":\"web\",\"app\":\"shop\","	\
	"\"state\":\"idle in transaction\",\"type\":\"client backend\","

static struct site_db arp = { .line = 1, .name = (char *)"arp",
	.host = (char *)"arp-db", .port = 5432, .dbname = (char *)"arp",
	.user = (char *)"backup" };

static void
judged(struct reading *r, const char *data)
{
	struct err e = ERR_INIT;

	reading_init(r, "database", "arp");
	json_decref(r->data);
	r->data = json_read(data, strlen(data), &e);
	if (r->data == NULL)
		fail_msg("%s: %s", e.msg, data);
	postgres_say(r, &arp);
}

static void
each_fact_that_matters_has_its_sentence(void **state)
{
	static const struct {
		const char *data, *text, *next;
		enum level level;
	} rows[] = {
		{ "", "primary, PostgreSQL 15.4, up 2 d 0 h, 10 of 100 connections, "
		    "1.0 MB", "", LEVEL_OK },
		{ ",\"connections\":97", "97 of 100 connections are in use: only "
		    "superusers still get in", "midwatch locks arp",
		    LEVEL_CRITICAL },
		{ ",\"connections\":85,\"connections_in_transaction\":40",
		    "85 of 100 connections are in use, 40 of them idle in a "
		    "transaction", "midwatch locks arp", LEVEL_WARNING },
		{ ",\"waiting\":2,\"locks\":[{" SESSION_4711
		    "\"xact_age_ms\":700000},{\"pid\":5,\"wait_ms\":9000,"
		    "\"blocked_by\":[4711]}]", "primary", "", LEVEL_OK },
		{ ",\"waiting\":2,\"locks\":[{" SESSION_4711
		    "\"xact_age_ms\":700000},{\"pid\":5,\"wait_ms\":60000,"
		    "\"blocked_by\":[6]},{\"pid\":6,\"wait_ms\":50000,"
		    "\"blocked_by\":[4711]}]",
		    "2 sessions wait for a lock, the longest for 60 s, behind "
		    "pid 4711 (web, shop, idle in transaction, transaction open "
		    "for 12 min)", "midwatch locks arp", LEVEL_WARNING },
		{ ",\"waiting\":1,\"locks\":[{\"pid\":5,\"wait_ms\":600000,"
		    "\"blocked_by\":[0]}]", "1 session waits for a lock, the "
		    "longest for 10 min, behind a prepared transaction",
		    "midwatch locks arp", LEVEL_CRITICAL },
		{ ",\"waiting\":2,\"locks\":[{\"pid\":5,\"wait_ms\":20000,"
		    "\"blocked_by\":[6]},{\"pid\":6,\"wait_ms\":20000,"
		    "\"blocked_by\":[5]}]", "2 sessions wait", "",
		    LEVEL_WARNING },
		{ ",\"transactions\":[{" SESSION_4711 "\"xact_age_ms\":1200000,"
		    "\"state_age_ms\":1100000}]", "has been idle for 18 min "
		    "and holds vacuum up", "midwatch locks arp",
		    LEVEL_WARNING },
		{ ",\"transactions\":[{\"pid\":7,\"user\":\"web\",\"state\":"
		    "\"active\",\"xact_age_ms\":7200000,\"type\":"
		    "\"client backend\"}]", "pid 7 (web, active, transaction "
		    "open for 2 h 00 min) holds vacuum up", "", LEVEL_WARNING },
		{ ",\"transactions\":[{\"pid\":7,\"state\":\"active\","
		    "\"xact_age_ms\":7200000,\"dump\":true}]", "a dump runs: the "
		    "dump of pid 7", "", LEVEL_OK },
		{ ",\"transactions\":[{\"pid\":7,\"xact_age_ms\":7200000,"
		    "\"type\":\"autovacuum worker\"}]", "primary", "",
		    LEVEL_OK },
		{ ",\"prepared\":[{\"gid\":\"g1\",\"age_ms\":7200000}]",
		    "the prepared transaction 'g1' has been open for 2 h 00 min",
		    "ROLLBACK PREPARED", LEVEL_WARNING },
		{ ",\"archiver_failing\":true,\"last_failed_wal\":\"0001A\","
		    "\"last_archived\":\"2025-02-14T01:50:00.000Z\","
		    "\"wal_ready\":3,\"wal_size\":67108864",
		    "archiving fails at 0001A, nothing was archived for 10 min, "
		    "3 files wait, pg_wal has 64.0 MB", "archive_command",
		    LEVEL_WARNING },
		{ ",\"archiver_failing\":true,\"last_archived\":"
		    "\"2025-02-14T01:00:00.000Z\"", "nothing was archived for "
		    "60 min", "never delete in pg_wal", LEVEL_CRITICAL },
		{ ",\"archiver_failing\":true,\"wal_ready\":64",
		    "nothing was archived for ever, 64 files wait", "",
		    LEVEL_CRITICAL },
		{ ",\"slots\":[{\"name\":\"s\",\"active\":false,\"held\":"
		    "20000000000}]", "the slot 's' is read by nobody and keeps "
		    "18.6 GB of WAL", "pg_drop_replication_slot()",
		    LEVEL_CRITICAL },
		{ ",\"slots\":[{\"name\":\"s\",\"active\":true,\"held\":"
		    "20000000000}]", "primary", "", LEVEL_OK },
		{ ",\"slots\":[{\"name\":\"s\",\"active\":true,\"held\":1,"
		    "\"safe_wal_size\":1048576}]", "the slot 's' loses its WAL "
		    "in 1.0 MB", "", LEVEL_CRITICAL },
		{ ",\"slots\":[{\"name\":\"s\",\"wal_status\":\"lost\"}]",
		    "the slot 's' has lost WAL", "", LEVEL_WARNING },
		{ ",\"replicas\":[{\"app\":\"sb\",\"replay_behind\":2147483648,"
		    "\"replay_lag_ms\":1000}]", "the standby 'sb' is 2.0 GB (1.0 s) "
		    "behind", "", LEVEL_WARNING },
		{ ",\"in_recovery\":true,\"receiving\":true,\"replay_lag_ms\":"
		    "600000", "this standby is 0 B (10 min) behind", "",
		    LEVEL_WARNING },
		{ ",\"xid_age\":1000000000", "its transaction ids are 1000 "
		    "million old", "VACUUM (FREEZE)", LEVEL_WARNING },
		{ ",\"multixact_age\":1700000000", "its multixact ids are 1700 "
		    "million old", "", LEVEL_CRITICAL },
		{ ",\"checksum_failures\":2", "2 pages failed the checksum",
		    "keep every backup", LEVEL_CRITICAL },
		{ ",\"tables\":6000,\"lock_room\":6400", "a dump has to lock "
		    "6000 tables", "max_locks_per_transaction", LEVEL_WARNING },
		{ ",\"unreadable\":3,\"unreadable_first\":\"public.a\"",
		    "3 relations cannot be read by this login (public.a, ...)",
		    "GRANT", LEVEL_WARNING },
		{ ",\"login_expires\":\"2025-02-16T02:00:00.000Z\"",
		    "the password of this login expires in 2 d 0 h",
		    "midwatch recover arp", LEVEL_WARNING },
		{ ",\"login_expires\":\"2025-03-16T02:00:00.000Z\"", "primary",
		    "", LEVEL_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading r;
		char *data = xprintf("{" WELL "}");
		char *all;

		/* later keys win, as json_object_update would have it */
		free(data);
		all = xprintf("{\"x\":0%s}", rows[i].data);
		{
			struct err e = ERR_INIT;
			json_t *well = json_read("{" WELL "}",
			    strlen("{" WELL "}"), &e);
			json_t *more_ = json_read(all, strlen(all), &e);

			if (well == NULL || more_ == NULL)
				fail_msg("%s: %s", e.msg, all);
			json_object_update(well, more_);
			free(all);
			all = json_dumps(well, 0);
			json_decref(well);
			json_decref(more_);
		}
		test_case(rows[i].text);
		judged(&r, all);
		has(r.text, rows[i].text);
		has(r.next != NULL ? r.next : "", rows[i].next);
		assert_int_equal(r.level, rows[i].level);
		reading_release(&r);
		free(all);
	}
}

static void
one_that_lets_in_and_does_not_answer_is_critical(void **state)
{
	struct reading r;

	(void)state;
	judged(&r, "{\"can_login\":true,\"answers\":false}");
	assert_int_equal(r.level, LEVEL_CRITICAL);
	has(r.text, "takes the login and does not answer");
	reading_release(&r);
}

/* Bytes that hurt, in every foreign word of a reading, a few thousand times. */
static void
put_bytes(struct buf *b, unsigned *seed)
{
	static const char *const evil[] = { "\x1b[2J", "\x1b]0;x\a", "\r\n",
	    "\xe2\x80\xae", "\xe2\x81\xa6", "\xff", "\xc3", "\xe2\x82", "\xc2\x9b",
	    "\x7f", "\xe2\x80\x8b", "%s%n", "\"", "\\", "a", "\xf0\x9f\x98\x80",
	    "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81" };

	for (int i = rand_r(seed) % 40; i >= 0; i--) {
		if (rand_r(seed) % 3 == 0)
			buf_ch(b, (char)(1 + rand_r(seed) % 255));
		else
			buf_str(b, evil[(size_t)rand_r(seed) %
			    (sizeof evil / sizeof *evil)]);
	}
}

static void
put_evil(json_t *o, const char *const *keys, unsigned *seed)
{
	for (; *keys != NULL; keys++) {
		struct buf b = BUF_INIT;

		put_bytes(&b, seed);
		(void)json_object_set_new(o, *keys, json_utf8(b.p));
		buf_release(&b);
	}
}

static void
no_foreign_word_gets_through_as_it_is(void **state)
{
	static const char *const words[] = { "user", "app", "state", "client",
	    "query", "gid", "name", "wal_status", "on", "mode", NULL };
	static const char *const tops[] = { "version", "last_failed_wal",
	    "unreadable_first", "tunnel", "said", "sqlstate", NULL };
	static const char *const lists[] = { "locks", "transactions",
	    "prepared", "slots", "replicas" };
	unsigned seed = 20250214;

	(void)state;
	for (int round = 0; round < 600; round++) {
		struct err e = ERR_INIT;
		struct reading r;
		struct buf q = BUF_INIT, out = BUF_INIT;

		reading_init(&r, "database", "arp");
		json_decref(r.data);
		r.data = json_read("{" WELL ",\"archiver_failing\":true,"
		    "\"unreadable\":1}", strlen("{" WELL
		    ",\"archiver_failing\":true,\"unreadable\":1}"), &e);
		assert_non_null(r.data);
		if (round % 3 == 0)
			reading_bool(&r, "can_login", false);
		put_evil(r.data, tops, &seed);
		for (size_t i = 0; i < 5; i++) {
			json_t *o = json_object();

			(void)json_object_set_new(o, "pid", json_integer(7));
			(void)json_object_set_new(o, "wait_ms",
			    json_integer(99999999));
			(void)json_object_set_new(o, "xact_age_ms",
			    json_integer(99999999));
			(void)json_object_set_new(o, "age_ms",
			    json_integer(99999999));
			(void)json_object_set_new(o, "held",
			    json_integer(1LL << 40));
			(void)json_object_set_new(o, "replay_behind",
			    json_integer(1LL << 40));
			put_evil(o, words, &seed);
			(void)json_array_append_new(reading_list(&r, lists[i]),
			    o);
		}
		postgres_say(&r, &arp);
		is_harmless(&r);
		put_bytes(&q, &seed);
		postgres_query(q.p, &out);
		assert_true(out.n <= 200 + 4);
		buf_release(&q);
		buf_release(&out);
		reading_release(&r);
	}
}

static void
statements_are_shown_up_to_what_may_be_a_secret(void **state)
{
	static const char *const rows[][2] = {
		{ "SELECT  1\n\tFROM t ", "SELECT 1 FROM t" },
		{ "ALTER ROLE backup PASSWORD 'hunter2'",
		    "ALTER ROLE backup PASSWORD ..." },
		{ "select pgp_sym_decrypt(a, 'key')", "select pgp_sym_ ..." },
		{ "UPDATE u SET api_token = 'x'", "UPDATE u SET api_token ..." },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT;

		postgres_query(rows[i][0], &b);
		assert_string_equal(b.p, rows[i][1]);
		buf_release(&b);
	}
}

/* Questions for versions that do not run here: the pieces that a server would
 * not know are not in them. */
static void
each_version_is_asked_in_its_own_words(void **state)
{
	static const struct {
		int version;
		const char *lacks[4], *has[4];
	} rows[] = {
		{ 100023, { "waitstart", "wal_status", "wal_keep_size",
		    "checksum_failures" }, { "wal_keep_segments", NULL } },
		{ 120010, { "waitstart", "wal_status", "wal_keep_size", NULL },
		    { "checksum_failures", "archive_statusdir", NULL } },
		{ 130010, { "waitstart", "wal_keep_segments", NULL },
		    { "wal_status", "wal_keep_size", NULL } },
		{ 170000, { "wal_keep_segments", NULL },
		    { "waitstart", "wal_status", "safe_wal_size", NULL } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf all = BUF_INIT;

		for (size_t q = 0; q < postgres_questions(); q++)
			postgres_sql(q, rows[i].version, &all);
		for (size_t k = 0; k < 4 && rows[i].lacks[k] != NULL; k++)
			lacks(all.p, rows[i].lacks[k]);
		for (size_t k = 0; k < 4 && rows[i].has[k] != NULL; k++)
			has(all.p, rows[i].has[k]);
		buf_release(&all);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_database_that_is_well_says_so_in_one_line),
	cmocka_unit_test(
	    a_plain_login_learns_less_says_so_and_leaves_no_error_in_the_log),
	cmocka_unit_test(what_a_dump_could_not_read_is_named),
	cmocka_unit_test(each_kind_of_no_has_its_word_and_its_sentence),
	cmocka_unit_test(a_no_of_our_own_making_names_its_cause),
	cmocka_unit_test(a_server_that_never_answers_delays_nobody_else),
	cmocka_unit_test(fifty_databases_of_a_cluster_are_one_crowd),
	cmocka_unit_test(
	    the_connection_is_kept_and_one_that_broke_is_made_anew_at_once),
	cmocka_unit_test(
	    a_kept_connection_that_falls_silent_is_replaced_within_the_read),
	cmocka_unit_test(a_refused_login_waits_until_the_password_file_changes),
	cmocka_unit_test(a_chain_of_four_sessions_is_a_tree),
	cmocka_unit_test(who_waits_for_a_prepared_transaction_waits_for_pid_0),
	cmocka_unit_test(a_dump_is_known_by_its_name_and_is_no_long_transaction),
	cmocka_unit_test(an_archive_command_that_fails_is_said),
	cmocka_unit_test(a_slot_that_nobody_reads_is_named_with_what_it_keeps),
	cmocka_unit_test(a_server_that_is_full_refuses_and_tells_a_superuser_so),
	cmocka_unit_test(hostile_names_and_statements_come_out_harmless),
	cmocka_unit_test(a_standby_says_so_and_when_it_stops_following),
	cmocka_unit_test(each_fact_that_matters_has_its_sentence),
	cmocka_unit_test(one_that_lets_in_and_does_not_answer_is_critical),
	cmocka_unit_test(no_foreign_word_gets_through_as_it_is),
	cmocka_unit_test(statements_are_shown_up_to_what_may_be_a_secret),
	cmocka_unit_test(each_version_is_asked_in_its_own_words),
};

int
main(void)
{
	return cmocka_run_group_tests_name("watch_postgres_test", tests, start,
	    stop);
}
