#include "tests/test.h"

#include <libpq-fe.h> /* lint: libpq itself is what ours is held against */
#include <fcntl.h>

#include "pg/pg.h"

static const char *
file(const char *text)
{
	const char *path = test_write("pgpass", text);

	assert_int_equal(chmod(path, 0600), 0);
	return path;
}

/* What libpq would take from the file: it looks before it connects, and the
 * socket is not there. "" when it finds none. */
static char *
of_libpq(const char *path, const char *host, int port, const char *dbname,
    const char *user)
{
	char at_port[16];
	const char *keys[] = { "host", "hostaddr", "port", "dbname", "user",
		"passfile", NULL };
	const char *values[] = { host, host[0] == '/' ? NULL : "127.0.0.1",
		at_port, dbname, user, path, NULL };
	PGconn *conn;
	char *password;

	snprintf(at_port, sizeof at_port, "%d", port);
	conn = PQconnectStartParams(keys, values, 0);
	password = strdup(PQpass(conn) ? PQpass(conn) : "");
	PQfinish(conn);
	return password;
}

static void
must_find(const char *text, const char *host, int port, const char *dbname,
    const char *user, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	const char *path = file(text);
	bool found = pg_passfile(path, host, port, dbname, user, &b, &e);
	char *theirs = of_libpq(path, host ? host : "localhost",
	    port ? port : 5432, dbname, user);

	assert_int_equal(found, want != NULL);
	assert_string_equal(found ? b.p : "", want ? want : "");
	assert_string_equal(theirs, want ? want : "");
	if (!found) {
		assert_int_equal(e.kind, ERR_NOTFOUND);
		assert_true(e.hint[0] != '\0');
	}
	free(theirs);
	buf_release(&b);
}

static void
lines_are_matched_as_libpq_does(void **state)
{
	static const struct {
		const char *text, *host, *dbname, *user, *want;
		int port;
	} rows[] = {
		{ "h:1:d:u:pw\n", "h", "d", "u", "pw", 1 },
		{ "h:1:d:u:pw", "h", "d", "u", "pw", 1 },
		{ "h:1:d:u:pw\r\n", "h", "d", "u", "pw", 1 },
		{ "h:1:d:u:pw\r\r\n", "h", "d", "u", "pw", 1 },
		{ "#h:1:d:u:no\n\n\r\nh:1:d:u:pw\n", "h", "d", "u", "pw", 1 },
		{ "h:1:d:u: #pw \n", "h", "d", "u", " #pw ", 1 },
		{ "x:1:d:u:a\nh:2:d:u:b\nh:1:x:u:c\nh:1:d:x:d\nh:1:d:u:e\n"
		    "h:1:d:u:f\n", "h", "d", "u", "e", 1 },
		{ "*:*:*:*:all\nh:1:d:u:pw\n", "h", "d", "u", "all", 1 },
		{ "h:*:d:*:some\n", "h", "d", "u", "some", 1 },
		{ "**:1:d:u:pw\n", "h", "d", "u", NULL, 1 },
		{ "h*:1:d:u:pw\n", "h", "d", "u", NULL, 1 },
		{ "\\*:1:d:u:pw\n", "h", "d", "u", NULL, 1 },
		{ "\\*:1:d:u:pw\n", "*", "d", "u", "pw", 1 },
		{ "h:1:a\\:b:u\\\\v:p\\:w\\\\\\x\n", "h", "a:b", "u\\v",
		    "p:w\\x", 1 },
		{ "h:1:d:u:pw:rest\n", "h", "d", "u", "pw", 1 },
		{ "h:1:d:u:pw\\\n", "h", "d", "u", "pw\\", 1 },
		{ "h:1:d:u\n", "h", "d", "u", NULL, 1 },
		{ "h:1:d:u:\n", "h", "d", "u", NULL, 1 },
		{ "h:1:d:u:\nh:1:d:u:late\n", "h", "d", "u", NULL, 1 },
		{ "h:1:d:u\\\n", "h", "d", "u", NULL, 1 },
		{ "h:1:d", "h", "d", "u", NULL, 1 },
		{ "", "h", "d", "u", NULL, 1 },
		{ "h:1:d:u:caf\xc3\xa9\xff\n", "h", "d", "u",
		    "caf\xc3\xa9\xff", 1 },
		{ " h:1:d:u:pw\n", "h", "d", "u", NULL, 1 },
		{ "::::pw\n", "h", "d", "u", NULL, 1 },
		{ "localhost:1:d:u:pw\n", "localhost", "d", "u", "pw", 1 },
		{ "localhost:1:d:u:pw\n", "/var/run/postgresql", "d", "u",
		    "pw", 1 },
		{ "localhost:1:d:u:pw\n", "/somewhere/else", "d", "u", NULL,
		    1 },
		{ "/somewhere/else:1:d:u:pw\n", "/somewhere/else", "d", "u",
		    "pw", 1 },
		{ "H:1:d:u:pw\n", "h", "d", "u", NULL, 1 },
		{ "h:01:d:u:pw\n", "h", "d", "u", NULL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("# row %zu\n", i);
		must_find(rows[i].text, rows[i].host, rows[i].port,
		    rows[i].dbname, rows[i].user, rows[i].want);
	}
	must_find("localhost:5432:d:u:pw\n", NULL, 0, "d", "u", "pw");
}

static void
a_huge_line_is_only_a_long_one(void **state)
{
	enum { N = 1 << 20 };
	char *text = malloc(N + 64), *want = malloc(N + 1);

	(void)state;
	memset(want, 'x', N);
	want[N] = '\0';
	snprintf(text, N + 64, "y:1:d:u:%s", want);
	memcpy(text + 1000, "\nh:1:d:u:", 9);
	must_find(text, "h", 1, "d", "u", text + 1009);
	snprintf(text, N + 64, "h:1:d:u:%s\nh:1:d:v:w\n", want);
	must_find(text, "h", 1, "d", "u", want);
	must_find(text, "h", 1, "d", "v", "w");
	free(text);
	free(want);
}

static struct err
must_refuse(const char *path, enum err_kind kind)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	assert_false(pg_passfile(path, "h", 1, "d", "u", &b, &e));
	assert_int_equal(e.kind, kind);
	assert_int_equal(b.n, 0);
	print_message("#   %s\n#   %s\n", e.msg, e.hint);
	buf_release(&b);
	return e;
}

static void
a_file_that_others_may_read_is_not_used(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0601, 0610, 0777 };
	const char *path = file("h:1:d:u:pw\n");
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		struct err e;
		char *theirs;

		assert_int_equal(chmod(path, modes[i]), 0);
		e = must_refuse(path, ERR_GUARD);
		assert_non_null(strstr(e.hint, "chmod 600 "));
		theirs = of_libpq(path, "h", 1, "d", "u");
		assert_string_equal(theirs, "");
		free(theirs);
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_true(pg_passfile(path, "h", 1, "d", "u", &b, NULL));
	buf_release(&b);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
what_is_no_file_holds_nobody_up(void **state)
{
	struct err e;
	const char *fifo = test_path("fifo");

	(void)state;
	e = must_refuse(test_path("nothing"), ERR_NOTFOUND);
	assert_non_null(strstr(e.msg, "there is no password file"));
	assert_int_equal(mkdir(test_path("dir"), 0700), 0);
	must_refuse(test_path("dir"), ERR_USAGE);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	must_refuse(fifo, ERR_USAGE);
	must_refuse("/dev/null", ERR_USAGE);
	must_refuse("/dev/null/none", ERR_NOTFOUND);
	int fd = open(test_path("large"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	close(fd);
	e = must_refuse(test_path("large"), ERR_USAGE);
	assert_non_null(strstr(e.msg, "larger than 4 MB"));
}

static void
a_line_with_a_nul_is_nobodys(void **state)
{
	static const char text[] = "h:1:d:u:p\0w\nh:1:d:u:pw\n";
	struct buf b = BUF_INIT;
	const char *path = test_path("nul");
	FILE *f = fopen(path, "we");

	(void)state;
	fwrite(text, 1, sizeof text - 1, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(pg_passfile(path, "h", 1, "d", "u", &b, NULL));
	assert_string_equal(b.p, "pw");
	buf_release(&b);
}

static void
the_empty_password_that_counts_is_named(void **state)
{
	struct err e;

	(void)state;
	e = must_refuse(file("# a\nh:1:d:u:\nh:1:d:u:pw\n"), ERR_NOTFOUND);
	assert_non_null(strstr(e.msg, "line 2 of '"));
	e = must_refuse(file("x:1:d:u:secret\n"), ERR_NOTFOUND);
	assert_null(strstr(e.msg, "secret"));
	assert_non_null(strstr(e.msg, "is for h:1:d:u"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_are_matched_as_libpq_does),
	cmocka_unit_test(a_huge_line_is_only_a_long_one),
	cmocka_unit_test(a_file_that_others_may_read_is_not_used),
	cmocka_unit_test(what_is_no_file_holds_nobody_up),
	cmocka_unit_test(a_line_with_a_nul_is_nobodys),
	cmocka_unit_test(the_empty_password_that_counts_is_named),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
