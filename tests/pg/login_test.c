#include "tests/pg/kit.h"

#include <arpa/inet.h>
#include <locale.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/text.h"
#include "pg/pg.h"

static struct kit_pg box;
static char passfile[PATH_MAX];

static const char roles[] =
    "CREATE ROLE backup LOGIN PASSWORD 'right';"
    "CREATE ROLE nopw LOGIN;"
    "CREATE ROLE locked PASSWORD 'right';"
    "CREATE ROLE expired LOGIN PASSWORD 'right' VALID UNTIL '2020-01-01';"
    "CREATE ROLE limited LOGIN PASSWORD 'right' CONNECTION LIMIT 0;"
    "CREATE ROLE peered LOGIN; CREATE ROLE rejected LOGIN;"
    "CREATE ROLE identified LOGIN; CREATE ROLE trusted LOGIN;"
    "CREATE ROLE lockedtrusted;";
static const char *const databases[] = {
    "CREATE DATABASE otc", "CREATE DATABASE private",
    "REVOKE CONNECT ON DATABASE private FROM public",
    "CREATE DATABASE closed ALLOW_CONNECTIONS false",
    "CREATE DATABASE unlisted",
};
static const char hba[] =
    "local all peered peer\n"
    "local all trusted,lockedtrusted,ghost trust\n"
    "host all rejected 127.0.0.1/32 reject\n"
    "host all identified 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport=1 "
    "ldapprefix=\"cn=\"\n"
    "host postgres,otc,private,closed,nodb all 127.0.0.1/32 scram-sha-256\n";

static int
start(void **state)
{
	(void)state;
	snprintf(passfile, sizeof passfile, "%s",
	    test_write("none", "never:1:no:one:x\n"));
	chmod(passfile, 0600);
	if (!kit_pg_start(&box, "pg", ""))
		return 0;
	kit_psql(&box, roles);
	for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
		kit_psql(&box, databases[i]);
	kit_hba(&box, hba);
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
spec_of(const char *user, const char *password)
{
	return (struct pg_spec){ .name = "otc", .host = "127.0.0.1",
		.port = box.port, .user = user, .dbname = "otc",
		.password = password, .passfile = passfile,
		.sslmode = "disable" };
}

/* The login must fail in that way; its message. */
static struct err
must_fail(const struct pg_spec *spec, int ms, enum pg_no no)
{
	struct err e = ERR_INIT;
	struct pg *db = pg_open(spec, in(ms), &e);

	if (db != NULL)
		fail_msg("%s", "that login works");
	print_message("#   %s\n#   %s\n", e.msg, e.hint);
	if (pg_last_no() != no)
		fail_msg("%s is %s, not %s", e.msg, pg_no_name(pg_last_no()),
		    pg_no_name(no));
	assert_true(e.kind != ERR_NONE && e.hint[0] != '\0');
	return e;
}

static void
must_say(const struct err *e, const char *part)
{
	if (strstr(e->msg, part) == NULL)
		fail_msg("'%s' does not say '%s'", e->msg, part);
}

static void
every_no_is_told_from_the_others(void **state)
{
	struct pg_spec s;
	struct err e;

	(void)state;
	NEED_PG(&box);
	static const struct {
		const char *user, *password, *dbname;
		bool socket;
		enum pg_no no;
		const char *words;
	} rows[] = {
		{ "backup", "wrong", "otc", false, PG_NO_PASSWORD,
		    "the password is wrong or has expired" },
		{ "expired", "right", "otc", false, PG_NO_PASSWORD,
		    "has expired" },
		{ "ghost", "right", "otc", false, PG_NO_PASSWORD,
		    "or there is no such role" },
		{ "nopw", "right", "otc", false, PG_NO_PASSWORD, "" },
		{ "locked", "wrong", "otc", false, PG_NO_PASSWORD, "" },
		{ "locked", "right", "otc", false, PG_NO_LOCKED,
		    "may not log in (NOLOGIN); the server says: role \"locked\" "
		    "is not permitted to log in" },
		{ "lockedtrusted", NULL, "otc", true, PG_NO_LOCKED, "" },
		{ "ghost", NULL, "otc", true, PG_NO_ROLE, "the role does not "
		    "exist; the server says: role \"ghost\" does not exist" },
		{ "peered", NULL, "otc", true, PG_NO_AUTH,
		    "Peer authentication failed" },
		{ "identified", "x", "otc", false, PG_NO_AUTH,
		    "LDAP authentication failed" },
		{ "rejected", "x", "otc", false, PG_NO_HBA,
		    "pg_hba.conf rejects" },
		{ "backup", "right", "unlisted", false, PG_NO_HBA,
		    "no pg_hba.conf entry" },
		{ "backup", "right", "nodb", false, PG_NO_DATABASE,
		    "the database does not exist" },
		{ "backup", "right", "closed", false, PG_NO_CLOSED,
		    "takes no connections" },
		{ "backup", "right", "private", false, PG_NO_NO_CONNECT,
		    "User does not have CONNECT privilege" },
		{ "limited", "right", "otc", false, PG_NO_FULL,
		    "too many connections for role \"limited\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i].user);
		s = spec_of(rows[i].user, rows[i].password);
		s.dbname = rows[i].dbname;
		if (rows[i].socket)
			s.host = box.dir;
		e = must_fail(&s, 10000, rows[i].no);
		must_say(&e, "otc (");
		must_say(&e, rows[i].words);
		assert_int_equal(e.kind, ERR_FAILED);
	}
}

static void
every_no_has_words_and_a_next_step(void **state)
{
	(void)state;
	for (enum pg_no no = PG_NO_NONE; no < PG_NO_COUNT; no++) {
		test_case(pg_no_name(no));
		assert_true(pg_no_name(no)[0] != '\0');
		assert_true(no == PG_NO_NONE || pg_no_text(no)[0] != '\0');
		assert_true(strlen(pg_no_next(no)) > 10);
		assert_true(strlen(pg_no_next(no)) < sizeof(((struct err *)0)->hint));
	}
	assert_false(pg_no_retry(PG_NO_PASSWORD));
	assert_true(pg_no_retry(PG_NO_STARTING));
}

static void
a_password_that_is_nowhere_is_missed_with_its_reason(void **state)
{
	struct pg_spec s = spec_of("backup", NULL);
	struct err e;

	(void)state;
	NEED_PG(&box);
	e = must_fail(&s, 10000, PG_NO_NO_PASSWORD);
	must_say(&e, "no line of");
	s.passfile = test_path("absent");
	e = must_fail(&s, 10000, PG_NO_NO_PASSWORD);
	must_say(&e, "there is no password file");
	s.passfile = test_write("open", "*:*:*:*:right\n");
	assert_int_equal(chmod(s.passfile, 0640), 0);
	e = must_fail(&s, 10000, PG_NO_NO_PASSWORD);
	must_say(&e, "open to others (mode 0640), so it is not used");
	assert_non_null(strstr(e.hint, "chmod 600 "));
}

static void
a_wrong_password_names_the_line_it_came_from(void **state)
{
	struct pg_spec s = spec_of("backup", NULL);
	struct err e;

	(void)state;
	NEED_PG(&box);
	s.passfile = test_write("wrong", "# mine\n*:*:otc:backup:wrong\n");
	assert_int_equal(chmod(s.passfile, 0600), 0);
	e = must_fail(&s, 10000, PG_NO_PASSWORD);
	must_say(&e, "it came from line 2 of '");
	assert_null(strstr(e.msg, "wrong\""));
}

static void
a_password_file_is_found_by_the_real_name_behind_a_tunnel(void **state)
{
	struct pg_spec s = spec_of("backup", NULL);
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	s.host = "otc-db.example";
	s.hostaddr = "127.0.0.1";
	s.port = 5433;
	s.tunnel_port = box.port;
	s.passfile = test_write("real", "127.0.0.1:*:*:*:wrong\n"
	    "otc-db.example:5433:otc:backup:right\n");
	assert_int_equal(chmod(s.passfile, 0600), 0);
	db = pg_open(&s, in(10000), &e);
	if (db == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(pg_server_version(db) / 10000, 15);
	assert_true(pg_backend_pid(db) > 1);
	pg_close(db);
	s.password = "bad";
	e = must_fail(&s, 10000, PG_NO_PASSWORD);
	must_say(&e, "otc (otc-db.example:5433 by a tunnel): ");
}

static void
a_home_is_found_by_its_tilde(void **state)
{
	struct pg_spec s = spec_of("backup", NULL);
	struct err e = ERR_INIT;
	char *home = xstrdup(getenv("HOME") ? getenv("HOME") : "/");
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	setenv("HOME", test_dir(), 1);
	assert_int_equal(chmod(test_write(".pgpass", "*:*:*:backup:right\n"),
	    0600), 0);
	s.passfile = NULL;
	db = pg_open(&s, in(10000), &e);
	assert_non_null(db);
	pg_close(db);
	s.passfile = "~/.pgpass";
	db = pg_open(&s, in(10000), &e);
	assert_non_null(db);
	pg_close(db);
	setenv("HOME", home, 1);
	free(home);
}

/* --- servers that will not have us --------------------------------------- */

static void
a_full_server_says_so(void **state)
{
	struct kit_pg full;
	struct pg_spec s;
	struct pg *in_use[3];
	struct err e = ERR_INIT;

	(void)state;
	NEED_PG(&box);
	assert_true(kit_pg_start(&full, "full", "max_connections = 4\n"
	    "superuser_reserved_connections = 1"));
	kit_psql(&full, "CREATE ROLE backup LOGIN");
	s = (struct pg_spec){ .name = "otc", .host = full.dir,
		.port = full.port, .user = "backup", .dbname = "postgres" };
	for (int i = 0; i < 3; i++) {
		in_use[i] = pg_open(&s, in(10000), &e);
		if (in_use[i] == NULL)
			fail_msg("%s", e.msg);
	}
	e = must_fail(&s, 10000, PG_NO_FULL);
	must_say(&e, "too many connections");
	assert_true(pg_no_retry(pg_last_no()));
	s.user = "postgres";	/* the reserved one is for a superuser, as soon
				 * as whoever was refused has left it */
	struct pg *super = NULL;
	for (int i = 0; i < 100 && super == NULL; i++) {
		clock_sleep_ms(20);
		super = pg_open(&s, in(10000), NULL);
	}
	assert_non_null(super);
	pg_close(super);
	for (int i = 0; i < 3; i++)
		pg_close(in_use[i]);
	kit_pg_end(&full);
}

static void
a_standby_that_lets_nobody_in_is_starting(void **state)
{
	struct kit_pg standby;
	char path[PATH_MAX + 32];
	struct pg_spec s;
	struct err e;

	(void)state;
	NEED_PG(&box);
	assert_true(kit_pg_init(&standby, "standby", "hot_standby = off"));
	snprintf(path, sizeof path, "%s/data/standby.signal", standby.dir);
	assert_int_equal(chmod(test_write(path, ""), 0644), 0);
	if (!kit_pg_run(&standby, "standby"))
		fail_msg("%s", standby.why);
	s = (struct pg_spec){ .name = "otc", .host = standby.dir,
		.port = standby.port, .user = "postgres" };
	e = must_fail(&s, 10000, PG_NO_STARTING);
	must_say(&e, "Hot standby mode is disabled");
	kit_pg_end(&standby);
}

static void
a_server_going_down_says_so(void **state)
{
	struct kit_pg down;
	struct pg_spec s;
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	assert_true(kit_pg_start(&down, "down", ""));
	s = (struct pg_spec){ .name = "otc", .host = down.dir,
		.port = down.port, .user = "postgres" };
	db = pg_open(&s, in(10000), &e);
	assert_non_null(db);
	kill(down.pid, SIGTERM);	/* which waits for that session */
	clock_sleep_ms(300);
	e = must_fail(&s, 10000, PG_NO_STOPPING);
	must_say(&e, "the server is shutting down");
	pg_close(db);
	kit_pg_end(&down);
	e = must_fail(&s, 10000, PG_NO_REFUSED);
	must_say(&e, "nothing listens there: No such file or directory");
}

static void
words_in_german_do_not_matter(void **state)
{
	struct kit_pg de;
	struct pg_spec s;
	struct err e;
	char *lang, *standby;

	(void)state;
	NEED_PG(&box);
	setenv("LANGUAGE", "de", 1);
	assert_true(kit_pg_start(&de, "de", "lc_messages = 'C.UTF-8'"));
	lang = kit_psql_out(&de, "SHOW no_such_thing");
	free(lang);
	kit_psql(&de, "CREATE ROLE backup LOGIN PASSWORD 'right';"
	    "CREATE ROLE locked");
	kit_hba(&de, "local all locked,ghost trust\nlocal all backup "
	    "scram-sha-256\n");
	s = (struct pg_spec){ .name = "otc", .host = de.dir, .port = de.port,
		.user = "backup", .dbname = "postgres", .password = "wrong",
		.passfile = passfile };
	e = must_fail(&s, 10000, PG_NO_PASSWORD);
	if (strstr(e.msg, "Passwort") == NULL) {
		kit_pg_end(&de);
		unsetenv("LANGUAGE");
		test_skip("PostgreSQL has no German words here");
		return;
	}
	/* libpq's own words and strerror()'s as well */
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	must_fail(&s, 10000, PG_NO_PASSWORD);
	s.password = NULL;
	must_fail(&s, 10000, PG_NO_NO_PASSWORD);
	s.user = "locked";
	e = must_fail(&s, 10000, PG_NO_ROLE_OR_LOCKED);
	must_say(&e, "does not exist, or may not log in");
	s.user = "ghost";
	must_fail(&s, 10000, PG_NO_ROLE_OR_LOCKED);
	s.user = "unlisted";
	must_fail(&s, 10000, PG_NO_HBA);
	s.user = "postgres";
	s.dbname = "ghost";
	must_fail(&s, 10000, PG_NO_DATABASE);
	kit_pg_stop(&de, SIGINT);
	must_fail(&s, 10000, PG_NO_REFUSED);
	standby = xprintf("%s/data/standby.signal", de.dir);
	test_write(standby, "");
	free(standby);
	standby = xprintf("%s/data/postgresql.auto.conf", de.dir);
	test_write(standby, "hot_standby = off\n");
	free(standby);
	assert_true(kit_pg_run(&de, "standby"));
	e = must_fail(&s, 10000, PG_NO_NOT_NOW);
	must_say(&e, "starting up, recovering or shutting down");
	kit_pg_end(&de);
	setlocale(LC_ALL, "C");
	unsetenv("LANGUAGE");
}

/* --- what is no server --------------------------------------------------- */

static int
listener(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&a, &n);
	*port = ntohs(a.sin_port);
	return fd;
}

/* Says `words` to whoever comes, after they have said something, and hangs up. */
static pid_t
speaker(int fd, const char *words)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			char b[512];
			int c = accept(fd, NULL, NULL);

			(void)!read(c, b, sizeof b);
			(void)!write(c, words, strlen(words));
			close(c);
		}
	}
	return pid;
}

static void
end(pid_t pid, int fd)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}

static void
a_port_where_nothing_listens_is_refused(void **state)
{
	struct pg_spec s = spec_of("backup", "x");
	struct err e;
	int64_t began = clock_mono_ms();
	int fd = listener(&s.port);

	(void)state;
	close(fd);
	e = must_fail(&s, 5000, PG_NO_REFUSED);
	must_say(&e, "nothing listens there: Connection refused");
	s.host = "/nowhere";
	s.port = 0;
	e = must_fail(&s, 5000, PG_NO_REFUSED);
	must_say(&e, "otc (/nowhere:5432): nothing listens there");
	assert_true(clock_mono_ms() - began < 2000);
}

static void
a_listener_that_never_answers_is_given_up(void **state)
{
	static const char *const modes[] = { "disable", "prefer" };
	struct pg_spec s = spec_of("backup", "x");
	int fd = listener(&s.port);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int64_t began = clock_mono_ms();
		struct err e;

		s.sslmode = modes[i];
		e = must_fail(&s, 700, PG_NO_UNREACHABLE);
		must_say(&e, "no answer within 0.7 s, though something took "
		    "the connection");
		assert_int_equal(e.kind, ERR_TIMEOUT);
		assert_true(clock_mono_ms() - began >= 690);
		assert_true(clock_mono_ms() - began < 3000);
	}
	/* and without a deadline of its own a login has one, too */
	struct err e = ERR_INIT;
	int64_t began = clock_mono_ms();
	s.login_ms = 300;
	struct pg *db = pg_start(&s, &e);
	while (pg_turn(db, &e) == PG_CONNECTING) {
		struct pg_wait w;

		pg_wait(db, &w);
		assert_true(w.at_ms <= began + 310);
		clock_sleep_ms(20);
	}
	assert_int_equal(pg_state(db), PG_BROKEN);
	assert_int_equal(pg_no(db), PG_NO_UNREACHABLE);
	assert_true(clock_mono_ms() - began < 3000);
	pg_close(db);
	close(fd);
}

static void
a_socket_whose_queue_is_full_does_not_hold_anybody(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct pg_spec s = spec_of("backup", "x");
	int64_t began = clock_mono_ms();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), in_queue[4];

	(void)state;
	snprintf(a.sun_path, sizeof a.sun_path, "%s", test_path(".s.PGSQL.7"));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < 4; i++) {
		in_queue[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(in_queue[i], (struct sockaddr *)&a, sizeof a);
	}
	s.host = test_dir();
	s.port = 7;
	must_fail(&s, 1500, PG_NO_UNREACHABLE);
	assert_true(clock_mono_ms() - began < 3000);
	for (int i = 0; i < 4; i++)
		close(in_queue[i]);
	close(fd);
}

static void
what_is_not_postgresql_is_told_apart(void **state)
{
	static const struct {
		const char *words;
		enum pg_no no;
	} rows[] = {
		{ "", PG_NO_DROPPED },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", PG_NO_STRANGER },
		{ "\x15\x03\x01", PG_NO_STRANGER },
	};
	static const char *const modes[] = { "disable", "prefer", "require" };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t m = 0; m < 3; m++) {
			struct pg_spec s = spec_of("backup", "x");
			int fd = listener(&s.port);
			pid_t pid = speaker(fd, rows[i].words);

			test_case(modes[m]);
			s.sslmode = modes[m];
			must_fail(&s, 5000, rows[i].no);
			end(pid, fd);
		}
	struct pg_spec s = spec_of("backup", "x");
	int fd = listener(&s.port);
	pid_t pid = speaker(fd, "SSH-2.0-OpenSSH_9.2\r\n");
	must_fail(&s, 5000, PG_NO_STRANGER);
	end(pid, fd);
}

static void
a_socket_that_is_not_for_us_is_said(void **state)
{
	struct pg_spec s = spec_of("trusted", NULL);
	int status = -1;
	pid_t pid;

	(void)state;
	s.host = test_path("shut");
	assert_int_equal(mkdir(s.host, 0), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {		/* as somebody whom the mode stops */
		if (geteuid() == 0 && (setgid(1) != 0 || setuid(1) != 0))
			_exit(1);
		(void)pg_open(&s, in(5000), NULL);
		_exit(pg_last_no() == PG_NO_DENIED ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- names --------------------------------------------------------------- */

static void
a_name_that_nobody_knows_is_said(void **state)
{
	struct pg_spec s = spec_of("backup", "x");
	struct err e;

	(void)state;
	s.host = "no..such..host";	/* for which no name server is asked */
	e = must_fail(&s, 20000, PG_NO_NAME);
	must_say(&e, "the host's name is not known: no..such..host");
}

static void
a_name_server_that_hangs_holds_nobody(void **state)
{
	char *path = xstrdup(getenv("PATH")), *with;
	struct pg_spec s = spec_of("backup", "x");
	struct err e;
	int64_t began;

	(void)state;
	assert_int_equal(mkdir(test_path("bin"), 0755), 0);
	assert_int_equal(chmod(test_write("bin/getent",
	    "#!/bin/sh\nsleep 60\n"), 0755), 0);
	with = xprintf("%s:%s", test_path("bin"), path);
	setenv("PATH", with, 1);
	s.host = "slow.example";
	began = clock_mono_ms();
	e = must_fail(&s, 500, PG_NO_NAME);
	must_say(&e, "no answer within 0.5 s from the name server");
	assert_true(clock_mono_ms() - began < 3000);
	setenv("PATH", path, 1);
	free(with);
	free(path);
}

static void
the_next_address_is_tried(void **state)
{
	char *path = xstrdup(getenv("PATH")), *with, *script;
	struct pg_spec s = spec_of("backup", "right");
	struct err e = ERR_INIT;
	int silent, fd;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	fd = listener(&silent);		/* on the same port, another address */
	close(fd);
	assert_int_equal(mkdir(test_path("bin2"), 0755), 0);
	script = xprintf("#!/bin/sh\necho '127.0.0.9 STREAM x'\n"
	    "echo '127.0.0.9 DGRAM '\necho '127.0.0.1 STREAM'\n");
	assert_int_equal(chmod(test_write("bin2/getent", script), 0755), 0);
	with = xprintf("%s:%s", test_path("bin2"), path);
	setenv("PATH", with, 1);
	s.host = "two.example";
	db = pg_open(&s, in(5000), &e);
	if (db == NULL)
		fail_msg("%s", e.msg);
	pg_close(db);

	/* the first takes the connection and keeps silent */
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)box.port) };
	inet_pton(AF_INET, "127.0.0.9", &a.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 8), 0);
	db = pg_open(&s, in(3000), &e);
	if (db == NULL)
		fail_msg("%s", e.msg);
	pg_close(db);
	close(fd);

	/* what a server says tells more than that another did not answer */
	s.password = "wrong";
	must_fail(&s, 5000, PG_NO_PASSWORD);
	setenv("PATH", path, 1);
	free(with);
	free(script);
	free(path);
}

static void
what_is_wrong_before_anything_is_sent_is_said(void **state)
{
	struct pg_spec s = spec_of("backup", "x");
	char *huge = xmalloc(3001);
	struct err e;

	(void)state;
	memset(huge, 'x', 3000);
	huge[3000] = '\0';
	s.port = 70000;
	e = must_fail(&s, 5000, PG_NO_CLIENT);
	must_say(&e, "there is no port 70000");
	s = spec_of("backup", "x");
	s.host = "a,b";
	e = must_fail(&s, 5000, PG_NO_CLIENT);
	must_say(&e, "the host 'a,b' is a list");
	s = spec_of(huge, "x");
	must_fail(&s, 5000, PG_NO_CLIENT);
	s = spec_of("backup", "x");
	s.sslmode = "sometimes";
	must_fail(&s, 5000, PG_NO_CLIENT);
	s = spec_of("backup", "x");
	s.hostaddr = "not an address";
	must_fail(&s, 5000, PG_NO_CLIENT);
	s = spec_of("backup", "x");
	s.host = "127.0.0.1:5432";
	must_fail(&s, 5000, PG_NO_CLIENT);
	s.host = huge;
	huge[0] = '/';
	huge[200] = '\0';	/* no socket has such a path */
	e = must_fail(&s, 5000, PG_NO_CLIENT);
	must_say(&e, "too long");
	free(huge);
}

static void
a_setting_that_the_server_does_not_know_is_ours(void **state)
{
	struct pg_spec s = spec_of("backup", "right");

	(void)state;
	NEED_PG(&box);
	s.options = "-c no_such_setting=1";
	must_fail(&s, 5000, PG_NO_CLIENT);
	s.options = "-c log_statement=all";	/* a superuser's */
	must_fail(&s, 5000, PG_NO_CLIENT);
}

/* --- TLS ----------------------------------------------------------------- */

static void
tls_is_wanted_offered_and_checked(void **state)
{
	struct kit_pg tls;
	struct pg_spec s;
	struct err e = ERR_INIT;
	char cert[PATH_MAX + 32], *made;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	s = spec_of("backup", "right");
	s.sslmode = "require";
	e = must_fail(&s, 5000, PG_NO_TLS);
	must_say(&e, "server does not support SSL");

	assert_true(kit_pg_init(&tls, "tls", "ssl = on"));
	made = kit_output((const char *[]){ "sh", "-c", "cd $1/data && openssl "
	    "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out "
	    "server.crt -days 2 -subj /CN=otc-db.example -addext "
	    "subjectAltName=DNS:otc-db.example 2>&1 && chmod 600 server.key && "
	    "{ [ $(id -u) != 0 ] || chown nobody server.key server.crt; } && "
	    "cp server.crt .. && chmod 644 ../server.crt", "sh", tls.dir,
	    NULL });
	assert_non_null(made);
	free(made);
	assert_true(kit_pg_run(&tls, "ready"));
	kit_psql(&tls, "CREATE ROLE backup LOGIN PASSWORD 'right'");
	kit_hba(&tls, "hostssl all all 127.0.0.1/32 scram-sha-256\n");
	snprintf(cert, sizeof cert, "%s/server.crt", tls.dir);
	s = (struct pg_spec){ .name = "otc", .host = "otc-db.example",
		.hostaddr = "127.0.0.1", .port = tls.port, .user = "backup",
		.dbname = "postgres", .password = "right",
		.sslmode = "verify-full", .sslrootcert = cert };
	db = pg_open(&s, in(10000), &e);
	if (db == NULL)
		fail_msg("%s", e.msg);
	pg_close(db);
	s.host = "other.example";
	e = must_fail(&s, 5000, PG_NO_TLS);
	must_say(&e, "does not match host name \"other.example\"");
	s.sslrootcert = "/nowhere/root.crt";
	e = must_fail(&s, 5000, PG_NO_TLS);
	must_say(&e, "/nowhere/root.crt");
	s.sslmode = "disable";
	s.sslrootcert = NULL;
	e = must_fail(&s, 5000, PG_NO_HBA);
	must_say(&e, "no encryption");
	assert_non_null(strstr(e.hint, "hostssl"));

	/* with prefer, libpq alone would try a wrong password twice */
	s.sslmode = "prefer";
	s.password = "wrong";
	must_fail(&s, 5000, PG_NO_PASSWORD);
	snprintf(cert, sizeof cert, "%s/log", tls.dir);
	char *log = test_read(cert), *at = log;
	int tries = 0;
	while ((at = strstr(at, "password authentication failed")) != NULL) {
		tries++;
		at++;
	}
	assert_int_equal(tries, 1);
	free(log);
	kit_hba(&tls, "hostnossl all all 127.0.0.1/32 trust\n");
	db = pg_open(&s, in(10000), &e);	/* but not so here */
	assert_non_null(db);
	pg_close(db);
	kit_hba(&tls, "hostssl all all 127.0.0.1/32 scram-sha-256 "
	    "clientcert=verify-ca\n");
	kit_psql(&tls, "ALTER SYSTEM SET ssl_ca_file = 'server.crt'");
	kit_reload(&tls);
	s.sslmode = "require";
	e = must_fail(&s, 5000, PG_NO_HBA);
	must_say(&e, "client certificate");
	kit_pg_end(&tls);
}

/* --- sessions ------------------------------------------------------------ */

static char *
ask(struct pg *db, const char *sql)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	char *answer;

	if (!pg_query(db, sql, NULL, 0, in(5000), &rows, &e))
		fail_msg("%s", e.msg);
	answer = xstrdup(pg_at(&rows, 0, 0) ? pg_at(&rows, 0, 0) : "");
	pg_rows_release(&rows);
	return answer;
}

static void
must_be(struct pg *db, const char *sql, const char *want)
{
	char *is = ask(db, sql);

	assert_string_equal(is, want);
	free(is);
}

static void
the_environment_changes_nothing(void **state)
{
	static const char *const names[] = { "PGHOST", "PGHOSTADDR", "PGPORT",
		"PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE",
		"PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGAPPNAME",
		"PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGREQUIRESSL",
		"PGCLIENTENCODING", "PGDATESTYLE", "PGTZ", "PGGEQO",
		"PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS",
		"PGCHANNELBINDING", "PGREQUIREPEER", "PGGSSENCMODE" };
	struct pg_spec s = spec_of("backup", "right");
	struct err e = ERR_INIT;
	struct pg *db;

	(void)state;
	NEED_PG(&box);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		setenv(names[i], "nonsense", 1);
	s.options = "-c statement_timeout=1 -c work_mem=1234kB "
	    "-c default_transaction_read_only=off";
	s.sslmode = NULL;
	db = pg_open(&s, in(5000), &e);
	if (db == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(getenv("PGTZ"), "nonsense");
	must_be(db, "SHOW application_name", "midwatch");
	must_be(db, "SHOW client_encoding", "UTF8");
	must_be(db, "SHOW search_path", "pg_catalog");
	must_be(db, "SHOW timezone", "UTC");
	must_be(db, "SHOW datestyle", "ISO, MDY");
	must_be(db, "SHOW statement_timeout", "5s");
	must_be(db, "SHOW lock_timeout", "2s");
	must_be(db, "SHOW default_transaction_read_only", "on");
	must_be(db, "SHOW transaction_read_only", "on");
	must_be(db, "SHOW work_mem", "1234kB");
	pg_close(db);
	s.host = box.dir;	/* the first try begins inside of pg_start() */
	s.user = "trusted";
	s.writes = true;
	s.statement_ms = 700;
	db = pg_open(&s, in(5000), &e);
	assert_non_null(db);
	must_be(db, "SHOW transaction_read_only", "off");
	must_be(db, "SHOW statement_timeout", "700ms");
	must_be(db, "SHOW lock_timeout", "700ms");
	pg_close(db);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
}

static void
names_that_hurt_are_only_names(void **state)
{
	static const char *const names[] = { "it's", "a b", "a\"b", "a\\b",
		"a=b", "host=elsewhere dbname=x", "postgres://elsewhere/x",
		"a\nb", "x\nLOCATION:  ClientAuthentication, auth.c:1",
		"x\nFATAL:  3D000: y", "caf\xc3\xa9 \xe2\x80\xae", "$1; --",
		"\x1b[31m", "'; DROP TABLE t; --", "%s%n", "\\'", "-Fc" };
	struct pg_spec s = spec_of(NULL, NULL);

	(void)state;
	NEED_PG(&box);
	kit_hba(&box, "local all all trust\n"
	    "host all all 127.0.0.1/32 scram-sha-256\n");
	s.host = box.dir;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct buf sql = BUF_INIT;
		struct err e = ERR_INIT;
		struct pg_rows rows = PG_ROWS_INIT;

		test_case("a name");
		buf_str(&sql, "CREATE ROLE ");
		pg_ident(&sql, names[i]);
		buf_str(&sql, " LOGIN");
		kit_psql(&box, sql.p);
		buf_clear(&sql);
		buf_str(&sql, "CREATE DATABASE ");
		pg_ident(&sql, names[i]);
		kit_psql(&box, sql.p);
		s.user = s.dbname = s.name = names[i];
		struct pg *db = pg_open(&s, in(5000), &e);
		if (db == NULL)
			fail_msg("%s", e.msg);
		buf_clear(&sql);
		buf_str(&sql, "SELECT current_user = $1 AND current_database()"
		    " = $1 AND $1 = ");
		pg_literal(&sql, names[i]);
		assert_true(pg_query(db, sql.p, &names[i], 1, in(5000), &rows,
		    &e));
		assert_true(pg_bool(&rows, 0, 0));
		pg_rows_release(&rows);
		pg_close(db);
		buf_release(&sql);
		s.host = "127.0.0.1";	/* where the server repeats the name */
		s.password = "wrong";
		e = must_fail(&s, 5000, PG_NO_PASSWORD);
		assert_null(strpbrk(e.msg, "\n\x1b"));
		s.dbname = "no such thing";
		s.host = box.dir;
		must_fail(&s, 5000, PG_NO_DATABASE);
	}
	kit_hba(&box, hba);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_no_is_told_from_the_others),
	cmocka_unit_test(every_no_has_words_and_a_next_step),
	cmocka_unit_test(a_password_that_is_nowhere_is_missed_with_its_reason),
	cmocka_unit_test(a_wrong_password_names_the_line_it_came_from),
	cmocka_unit_test(
	    a_password_file_is_found_by_the_real_name_behind_a_tunnel),
	cmocka_unit_test(a_home_is_found_by_its_tilde),
	cmocka_unit_test(a_full_server_says_so),
	cmocka_unit_test(a_standby_that_lets_nobody_in_is_starting),
	cmocka_unit_test(a_server_going_down_says_so),
	cmocka_unit_test(words_in_german_do_not_matter),
	cmocka_unit_test(a_port_where_nothing_listens_is_refused),
	cmocka_unit_test(a_listener_that_never_answers_is_given_up),
	cmocka_unit_test(a_socket_whose_queue_is_full_does_not_hold_anybody),
	cmocka_unit_test(what_is_not_postgresql_is_told_apart),
	cmocka_unit_test(a_socket_that_is_not_for_us_is_said),
	cmocka_unit_test(a_name_that_nobody_knows_is_said),
	cmocka_unit_test(a_name_server_that_hangs_holds_nobody),
	cmocka_unit_test(the_next_address_is_tried),
	cmocka_unit_test(what_is_wrong_before_anything_is_sent_is_said),
	cmocka_unit_test(a_setting_that_the_server_does_not_know_is_ours),
	cmocka_unit_test(tls_is_wanted_offered_and_checked),
	cmocka_unit_test(the_environment_changes_nothing),
	cmocka_unit_test(names_that_hurt_are_only_names),
};

int
main(void)
{
	return cmocka_run_group_tests_name("pg_login_test", tests, start, stop);
}
