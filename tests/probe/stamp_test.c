#include "tests/test.h"

#include "base/clock.h"
#include "probe/stamp.h"

static int64_t
utc(const char *s)
{
	int64_t ms;

	if (!clock_parse_utc(s, &ms))
		fail_msg("%s is no UTC time", s);
	return ms;
}

static void
zone(const char *name)
{
	struct err e = ERR_INIT;

	if (!clock_zone_set(name, &e))
		fail_msg("%s", e.msg);
}

static const struct stamp_zone site;

static void
times_are_found_in_the_lines_of_many_programs(void **state)
{
	static const struct { const char *line, *want; } rows[] = {
		{ "[2025-11-04 03:00:46] Backup completed",
		    "2025-11-04T02:00:46.000Z" },
		{ "2025-02-14T02:01:00.250Z disk", "2025-02-14T02:01:00.250Z" },
		{ "2025-02-14T02:01:00,5+01:00 x", "2025-02-14T01:01:00.500Z" },
		{ "2025-02-14 02:01:00 +0530 x", "2025-02-13T20:31:00.000Z" },
		{ "2025-02-14 02:01:00 -03 x", "2025-02-14T05:01:00.000Z" },
		{ "2025-02-14 02:01:00.123 UTC [812] FATAL",
		    "2025-02-14T02:01:00.123Z" },
		{ "2025-02-14 02:01:00.123 CEST [812] FATAL",
		    "2025-02-14T00:01:00.123Z" },
		{ "2025-02-14 02:01:00 -812- x", "2025-02-14T01:01:00.000Z" },
		{ "2025/02/14 02:01:00 [error] 7#7: x",
		    "2025-02-14T01:01:00.000Z" },
		{ "14.02.2025 02:01:00 Sicherung", "2025-02-14T01:01:00.000Z" },
		{ "20250214T020100Z otc", "2025-02-14T02:01:00.000Z" },
		{ "20250214-020100 otc", "2025-02-14T01:01:00.000Z" },
		{ "10.0.0.7 - - [14/Feb/2025:02:01:00 +0200] \"GET /\"",
		    "2025-02-14T00:01:00.000Z" },
		{ "Fri, 14 Feb 2025 02:01:00 +0000 x",
		    "2025-02-14T02:01:00.000Z" },
		{ "Feb 14 02:01:00 db1 sshd[7]: x", "2025-02-14T01:01:00.000Z" },
		{ "Feb  4 02:01:00 db1 sshd[7]: x", "2025-02-04T01:01:00.000Z" },
		{ "Dec 31 23:59:00 db1 cron[7]: x", "2024-12-31T22:59:00.000Z" },
		{ "Fri Feb 14 02:01:00 CET 2025", "2025-02-14T01:01:00.000Z" },
		{ "Fri Feb 14 02:01:00 XYZ 2020", "2020-02-14T01:01:00.000Z" },
		{ "[Fri Feb 14 02:01:00.5 2025] [core]",
		    "2025-02-14T01:01:00.500Z" },
		{ "1739494860 x", "2025-02-14T01:01:00.000Z" },
		{ "[1739494860.25] x", "2025-02-14T01:01:00.250Z" },
		{ "{\"level\":30,\"time\":1739494860250,\"msg\":\"x\"}",
		    "2025-02-14T01:01:00.250Z" },
		{ "{\"at\":\"2025-02-14T01:10:03.120Z\",\"n\":1}",
		    "2025-02-14T01:10:03.120Z" },
		{ "ts=1739494860 level=info", "2025-02-14T01:01:00.000Z" },
	};
	int64_t now = utc("2025-02-15T09:00:00.000Z");

	(void)state;
	zone("Africa/Lagos");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct stamp st;
		char got[32];

		test_case(rows[i].line);
		if (strstr(rows[i].line, "11-04") != NULL)
			now = utc("2025-11-05T09:00:00.000Z");
		else
			now = utc("2025-02-15T09:00:00.000Z");
		assert_true(stamp_find(rows[i].line, strlen(rows[i].line),
		    &st));
		clock_fmt_utc(got, stamp_ms(&st, &site, now));
		assert_string_equal(got, rows[i].want);
	}
}

static void
what_only_looks_like_a_time_is_none(void **state)
{
	static const char *const rows[] = {
		"", "2025", "2025-02-14", "02:01:00", "2025-13-14 02:01:00",
		"2025-02-30 02:01:00", "2025-02-14 25:01:00",
		"2025-02-14 02:61:00", "02/03/2025 02:01:00",
		"pid 1739494860 died", "17394948601 x", "1739494860abc",
		"version 14.2.1 1:2:3", "Foo 14 02:01:00", "10.0.0.7 02:01:00",
		"a2025-02-14 02:01:00", "99999999999999999999999999 x",
		"2025-02-14 02:01", "Feb 31 02:01:00 x",
		"2025-02-14\0 02:01:00",
	};
	struct stamp st;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i]);
		assert_false(stamp_find(rows[i], strlen(rows[i]), &st));
	}
}

static void
any_bytes_are_no_harm(void **state)
{
	static const char alphabet[] = "0123456789-:/. TFebZ+,[\"\n\x80\0\x1b";
	unsigned seed = 7;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char line[64];
		struct stamp st;
		size_t n = (size_t)rand_r(&seed) % sizeof line;

		for (size_t k = 0; k < n; k++)
			line[k] = alphabet[(size_t)rand_r(&seed) %
			    (sizeof alphabet - 1)];
		if (stamp_find(line, n, &st))
			(void)stamp_ms(&st, &site, utc(
			    "2025-02-15T09:00:00.000Z"));
	}
}

static void
learns(const char *line, const char *mtime, bool want, const char *at)
{
	struct stamp st;
	struct stamp_zone z;
	int64_t now = utc("2025-02-20T00:00:00.000Z");
	char got[32];

	test_case(line);
	assert_true(stamp_find(line, strlen(line), &st));
	assert_int_equal(stamp_zone_learn(&st, utc(mtime), now, &z), want);
	clock_fmt_utc(got, stamp_ms(&st, &z, now));
	assert_string_equal(got, at);
}

static void
the_files_own_time_tells_a_logs_zone(void **state)
{
	(void)state;
	zone("Africa/Lagos");
	/* the site's zone, UTC, New York, Kathmandu */
	learns("2025-02-14 02:00:00", "2025-02-14T01:00:03.000Z", true,
	    "2025-02-14T01:00:00.000Z");
	learns("2025-02-14 02:00:00", "2025-02-14T02:00:03.000Z", true,
	    "2025-02-14T02:00:00.000Z");
	learns("2025-02-13 21:00:00", "2025-02-14T02:00:03.000Z", true,
	    "2025-02-14T02:00:00.000Z");
	learns("2025-02-14 07:45:00", "2025-02-14T02:00:03.000Z", true,
	    "2025-02-14T02:00:00.000Z");
	/* it says its zone */
	learns("2025-02-14 02:00:00Z", "2025-02-14T06:00:03.000Z", true,
	    "2025-02-14T02:00:00.000Z");
	/* only touched since: site time */
	learns("2025-02-14 02:00:00", "2025-02-16T18:22:03.000Z", false,
	    "2025-02-14T01:00:00.000Z");
	learns("2025-02-14 02:00:00", "2025-02-14T01:30:01.000Z", false,
	    "2025-02-14T01:00:00.000Z");
	learns("2025-02-14 02:00:00", "2025-02-14T01:45:01.000Z", false,
	    "2025-02-14T01:00:00.000Z");
	learns("2025-02-14 02:00:00", "2025-02-14T02:01:30.000Z", false,
	    "2025-02-14T01:00:00.000Z");
	learns("2025-02-14 02:00:00", "2025-02-14T01:59:00.000Z", false,
	    "2025-02-14T01:00:00.000Z");
	learns("2025-02-14 02:00:00", "2025-02-14T01:37:03.000Z", false,
	    "2025-02-14T01:00:00.000Z");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(times_are_found_in_the_lines_of_many_programs),
	cmocka_unit_test(what_only_looks_like_a_time_is_none),
	cmocka_unit_test(any_bytes_are_no_harm),
	cmocka_unit_test(the_files_own_time_tells_a_logs_zone),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
