#include "tests/test.h"

#include "base/hide.h"

static void
secrets_are_masked_and_nothing_else_is(void **state)
{
	static const struct { const char *text, *masked; size_t n; } t[] = {
		{ "PGPASSWORD=s3cret pg_dump otc", "PGPASSWORD=*** pg_dump otc",
		    1 },
		{ "POSTGRES_PASSWORD='a b' x", "POSTGRES_PASSWORD='***' x", 1 },
		{ "ALTER ROLE b PASSWORD 'it\\'s'; SELECT",
		    "ALTER ROLE b PASSWORD '***'; SELECT", 1 },
		{ "{\"password\": \"x\", \"user\": \"y\"}",
		    "{\"password\": \"***\", \"user\": \"y\"}", 1 },
		{ "host=a password=b user=c", "host=a password=*** user=c", 1 },
		{ "postgresql://ann:pa:ss@db/otc", "postgresql://ann:***@db/otc",
		    1 },
		{ "http://host:80/a@b", "http://host:80/a@b", 0 },
		{ "password authentication failed for user \"b\"",
		    "password authentication failed for user \"b\"", 0 },
		{ "Failed password for backup from 10.0.0.1",
		    "Failed password for backup from 10.0.0.1", 0 },
		{ "the password: it was wrong", "the password: *** was wrong",
		    1 },
		{ "api_key=1;token: 2\nnext", "api_key=***;token: ***\nnext",
		    2 },
		{ "password=", "password=", 0 },
		{ "password=\nuser", "password=\nuser", 0 },
		{ "02:00:03 password_from = file", "02:00:03 password_from = "
		    "file", 0 },
		{ "AWS_SECRET_ACCESS_KEY=a DB_PASS=b x", "AWS_SECRET_ACCESS_KEY="
		    "*** DB_PASS=*** x", 2 },
		{ "db_pwd = a, bypass: b", "db_pwd = ***, bypass: b", 1 },
		{ "Authorization: Bearer abcdefghij x", "Authorization: Bearer "
		    "*** x", 1 },
		{ "sent Bearer abcdefghij", "sent Bearer ***", 1 },
		{ "a bearer of news", "a bearer of news", 0 },
		{ "curl -u ann:s3 https://x", "curl -u ann:*** https://x", 1 },
		{ "psql -u ann -d x", "psql -u ann -d x", 0 },
		{ "x --password s3 --token t4 -v", "x --password *** --token *** "
		    "-v", 2 },
		{ "psql --no-password otc", "psql --no-password otc", 0 },
		{ "psql --password -h db", "psql --password -h db", 0 },
		{ "PASSWORD E'a' IDENTIFIED BY 'b'", "PASSWORD E'***' IDENTIFIED "
		    "BY '***'", 2 },
		{ "sorted by 'b'", "sorted by 'b'", 0 },
		{ "is SCRAM-SHA-256$4096:ab==$c:d now", "is SCRAM-SHA-256$*** "
		    "now", 1 },
		{ "md50123456789abcdef0123456789abcdef", "md5***", 1 },
		{ "https://hooks.slack.com/services/T/B/x y",
		    "https://hooks.slack.com/*** y", 1 },
		{ "arp-db:5432:arp:backup:s3:x is wrong",
		    "arp-db:5432:arp:backup:*** is wrong", 1 },
		{ "*:*:*:backup:s3", "*:*:*:backup:***", 1 },
		{ "at 10:02:03:04:05 from fe80:00:00:ab:cd:ef",
		    "at 10:02:03:04:05 from fe80:00:00:ab:cd:ef", 0 },
		{ "", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct buf b = BUF_INIT;

		test_case(t[i].text);
		assert_int_equal(hide_secrets(&b, t[i].text,
		    strlen(t[i].text)), t[i].n);
		assert_string_equal(b.p, t[i].masked);
		buf_release(&b);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(secrets_are_masked_and_nothing_else_is),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
