#include "tests/test.h"

#include "base/clock.h"
#include "isolate/lines.h"

static int64_t
utc(const char *s)
{
	int64_t ms;

	assert_true(clock_parse_utc(s, &ms));
	return ms;
}

static struct alarms table;

static int
open_table(void **state)
{
	(void)state;
	clock_zone_set("Europe/Berlin", NULL);
	return alarms_load(&table, "runbooks/alarms.cfg") ? 0 : -1;
}

static int
close_table(void **state)
{
	(void)state;
	alarms_release(&table);
	return 0;
}

static const char *
at_of(const struct line_found *f)
{
	static char at[32];

	clock_fmt_utc(at, f->at);
	return at;
}

static void
lines_keep_their_own_times_in_any_form(void **state)
{
	static const struct { const char *line, *at; } t[] = {
		{ "2025-02-14 02:01:00 [ERROR] disk", "2025-02-14T01:01:00.000Z" },
		{ "2025-02-14T02:01:00+05:30 error", "2025-02-13T20:31:00.000Z" },
		{ "2025-02-14T01:01:00Z error", "2025-02-14T01:01:00.000Z" },
		{ "14/Feb/2025:02:01:00 +0100 error", "2025-02-14T01:01:00.000Z" },
		{ "Feb 14 02:01:00 host backup: failed", "2025-02-14T01:01:00.000Z" },
		{ "1739494860 error", "2025-02-14T01:01:00.000Z" },
		{ "14.02.2025 02:01:00 Fehler", "2025-02-14T01:01:00.000Z" },
	};
	int64_t now = utc("2025-02-14T01:10:00.000Z");

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct lines l = { .alarms = &table };

		test_case(t[i].line);
		assert_int_equal(lines_add(&l, "backup", t[i].line,
		    strlen(t[i].line), utc("2025-02-14T01:01:00.000Z"), now),
		    1);
		assert_true(l.v.v[0].timed);
		assert_string_equal(at_of(&l.v.v[0]), t[i].at);
		lines_release(&l);
	}
}

static void
a_log_in_another_zone_is_read_by_its_own_clock(void **state)
{
	static const char text[] = "2025-02-14 01:00:00 backup started\n"
	    "2025-02-14 01:01:00 [ERROR] Disk usage at 96%\n";
	struct lines l = { .alarms = &table };
	int64_t written = utc("2025-02-14T01:01:00.000Z");

	/* its clock was that of UTC, the site's is an hour ahead */
	(void)state;
	(void)lines_add(&l, "backup", text, sizeof text - 1, written,
	    written + 60000);
	assert_int_equal(l.v.n, 2);
	assert_string_equal(at_of(&l.v.v[1]), "2025-02-14T01:01:00.000Z");
	assert_string_equal(l.v.v[1].alarm, "disk-critical");
	lines_release(&l);
}

static void
what_matters_is_kept_and_the_rest_only_where_nothing_does(void **state)
{
	struct buf b = BUF_INIT;
	struct lines l = { .alarms = &table };
	int64_t now = utc("2025-02-14T03:00:00.000Z");

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "2025-02-14T01:%02d:%02dZ all is quiet %d\n",
		    i / 60, i % 60, i);
	assert_int_equal(lines_add(&l, "a", b.p, b.n, now, now), LINES_PLAIN);
	assert_non_null(strstr(l.v.v[LINES_PLAIN - 1].text, "quiet 299"));
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "2025-02-14T02:%02d:%02dZ error %d\n", i / 60,
		    i % 60, i);
	assert_int_equal(lines_add(&l, "b", b.p, b.n, now, now), LINES_OF_LOG);
	assert_int_equal(l.left_out, 300 - LINES_OF_LOG);
	assert_non_null(strstr(l.v.v[l.v.n - 1].text, "error 299"));
	buf_release(&b);
	lines_release(&l);
}

static void
history_is_left_out(void **state)
{
	static const char text[] = "2025-02-01T02:00:00Z error old\n"
	    "2025-02-14T01:00:00Z error new\n";
	struct lines l = { .alarms = &table };
	int64_t now = utc("2025-02-14T02:00:00.000Z");

	(void)state;
	l.since = now - 86400000;
	assert_int_equal(lines_add(&l, "a", text, sizeof text - 1, now, now),
	    1);
	assert_non_null(strstr(l.v.v[0].text, "new"));
	lines_release(&l);
}

static void
the_same_line_has_the_same_key_and_another_has_not(void **state)
{
	static const char text[] = "2025-02-14T01:00:00Z error a\n"
	    "2025-02-14T01:00:01Z error a\n2025-02-14T01:00:01Z error b\n";
	struct lines x = { .alarms = &table }, y = { .alarms = &table };
	int64_t now = utc("2025-02-14T02:00:00.000Z");

	(void)state;
	(void)lines_add(&x, "log", text, sizeof text - 1, now, now);
	(void)lines_add(&y, "log", text, sizeof text - 1, now, now + 5000);
	(void)lines_add(&y, "other", text, sizeof text - 1, now, now);
	assert_int_equal(x.v.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(x.v.v[i].key, y.v.v[i].key);
	for (size_t i = 0; i < y.v.n; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(y.v.v[i].key, y.v.v[k].key);
	lines_release(&x);
	lines_release(&y);
}

static void
failed_logins_are_counted_by_role_and_address(void **state)
{
	static const char text[] =
	    "2025-02-14T01:00:00Z sshd[7]: Failed password for backup from "
	    "10.0.0.5 port 4001 ssh2\n"
	    "2025-02-14T01:00:01Z sshd[8]: Failed password for backup from "
	    "10.0.0.5 port 4002 ssh2\n"
	    "2025-02-14T01:00:02Z sshd[9]: Failed password for root from "
	    "10.0.0.9 port 4003 ssh2\n"
	    "2025-02-14 01:00:03.000 UTC [77] LOG:  connection received: "
	    "host=10.0.0.7 port=5000\n"
	    "2025-02-14 01:00:03.001 UTC [77] FATAL:  password authentication "
	    "failed for user \"arp\"\n"
	    "2025-02-14T01:00:04Z sshd[9]: Accepted publickey for ops from "
	    "10.0.0.1 port 4004 ssh2\n";
	struct lines l = { .alarms = &table };
	int64_t now = utc("2025-02-14T02:00:00.000Z");

	(void)state;
	(void)lines_add(&l, "access", text, sizeof text - 1, now, now);
	assert_int_equal(l.logins.n, 3);
	assert_string_equal(l.logins.v[0].role, "backup");
	assert_string_equal(l.logins.v[0].address, "10.0.0.5");
	assert_int_equal(l.logins.v[0].times, 2);
	assert_int_equal(l.logins.v[0].last - l.logins.v[0].first, 1000);
	/* who called stood in another line of the same process */
	assert_string_equal(l.logins.v[1].role, "arp");
	assert_string_equal(l.logins.v[1].address, "10.0.0.7");
	lines_release(&l);
}

/* A server that logs each statement would fill the timeline with nothing else. */
static void
a_statement_that_was_logged_is_no_trouble(void **state)
{
	static const char log[] =
	    "2025-02-14 01:00:01 UTC [7] LOG:  archiver could not copy\n"
	    "2025-02-14 01:00:02 UTC [7] LOG:  statement: SET statement_timeout = 0\n"
	    "2025-02-14 01:00:03 UTC [7] LOG:  execute s1: SELECT failed_count\n"
	    "2025-02-14 01:00:04 UTC [7] LOG:  duration: 1.2 ms  parse s1: SELECT failed_count\n"
	    "2025-02-14 01:00:05 UTC [7] LOG:  upload not verified\n";
	struct lines l = { .alarms = &table };

	(void)state;
	assert_int_equal(lines_add(&l, "server", log, sizeof log - 1,
	    utc("2025-02-14T01:00:05.000Z"), utc("2025-02-14T01:10:00.000Z")),
	    2);
	assert_non_null(strstr(l.v.v[0].text, "could not copy"));
	assert_non_null(strstr(l.v.v[1].text, "not verified"));
	lines_release(&l);
}

static void
any_bytes_are_no_harm(void **state)
{
	static const char text[] = "\0\xff\x1b[2J error \xe2\x80\xae evil\n\n"
	    "2025-02-14T01:00:00Z PASSWORD='x' failed \x9b";
	struct lines l = { .alarms = NULL };
	int64_t now = utc("2025-02-14T02:00:00.000Z");

	(void)state;
	(void)lines_add(&l, "a", text, sizeof text - 1, now, now);
	assert_int_equal(l.v.n, 2);
	for (size_t i = 0; i < l.v.n; i++)
		assert_null(strpbrk(l.v.v[i].text, "\x1b\x9b\n"));
	assert_non_null(strstr(l.v.v[1].text, "PASSWORD='***'"));
	lines_release(&l);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_keep_their_own_times_in_any_form),
	cmocka_unit_test(a_log_in_another_zone_is_read_by_its_own_clock),
	cmocka_unit_test(
	    what_matters_is_kept_and_the_rest_only_where_nothing_does),
	cmocka_unit_test(history_is_left_out),
	cmocka_unit_test(the_same_line_has_the_same_key_and_another_has_not),
	cmocka_unit_test(failed_logins_are_counted_by_role_and_address),
	cmocka_unit_test(a_statement_that_was_logged_is_no_trouble),
	cmocka_unit_test(any_bytes_are_no_harm),
};

int
main(void)
{
	return cmocka_run_group_tests_name(program_invocation_short_name, tests,
	    open_table, close_table);
}
