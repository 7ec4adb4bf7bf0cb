#include "tests/test.h"

#include "base/clock.h"
#include "base/spawn.h"
#include "probe/firing.h"
#include "probe/zone.h"

static int64_t
utc(const char *s)
{
	char full[32];
	int64_t ms;

	snprintf(full, sizeof full, "%s:00.000Z", s);
	if (!clock_parse_utc(full, &ms))
		fail_msg("%s is no UTC time", s);
	return ms;
}

/* The first three after `from`, as UTC. */
static void
fires(bool cron, const char *text, const char *zone, const char *from,
    const char *want)
{
	struct firing f;
	struct firing_times t;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;

	print_message("# case: %s in %s from %s\n", text, zone, from);
	if (!(cron ? firing_cron(&f, text, NULL, &e) :
	    firing_calendar(&f, text, &e)))
		fail_msg("%s", e.msg);
	firing_times(&f, zone, utc(from), utc(from) + 900 * 86400000LL, &t);
	for (size_t i = 0; i < t.at.n && i < 3; i++) {
		char at[32];

		clock_fmt_utc(at, t.at.v[i]);
		buf_printf(&b, "%s%.16s", i ? " " : "", at);
	}
	assert_string_equal(b.n ? b.p : "", want);
	buf_release(&b);
	firing_times_release(&t);
}

static void
an_ordinary_night_is_at_its_hour_in_its_zone(void **state)
{
	static const struct { const char *zone, *want; } rows[] = {
		{ "UTC", "2025-02-14T02:00 2025-02-15T02:00 2025-02-16T02:00" },
		{ "Africa/Lagos",
		    "2025-02-14T01:00 2025-02-15T01:00 2025-02-16T01:00" },
		{ "America/New_York",
		    "2025-02-14T07:00 2025-02-15T07:00 2025-02-16T07:00" },
		{ "Asia/Kolkata",
		    "2025-02-13T20:30 2025-02-14T20:30 2025-02-15T20:30" },
		{ "Asia/Kathmandu",
		    "2025-02-13T20:15 2025-02-14T20:15 2025-02-15T20:15" },
		{ "America/St_Johns",
		    "2025-02-14T05:30 2025-02-15T05:30 2025-02-16T05:30" },
		{ "Pacific/Kiritimati",
		    "2025-02-13T12:00 2025-02-14T12:00 2025-02-15T12:00" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *from = i >= 3 && i != 5 ? "2025-02-13T11:00" :
		    "2025-02-13T22:00";

		fires(true, "0 2 * * *", rows[i].zone, from, rows[i].want);
		fires(false, "*-*-* 02:00:00", rows[i].zone, from,
		    rows[i].want);
	}
}

static void
clocks_put_forward_over_the_hour(void **state)
{
	(void)state;
	/* Berlin, 30 March 2025: 02:00 to 03:00 is skipped, at 01:00 UTC */
	fires(true, "30 2 * * *", "Europe/Berlin", "2025-03-29T12:00",
	    "2025-03-30T01:00 2025-03-31T00:30 2025-04-01T00:30");
	fires(false, "02:30", "Europe/Berlin", "2025-03-29T12:00",
	    "2025-03-31T00:30 2025-04-01T00:30 2025-04-02T00:30");
	/* jobs that follow the clock have nothing to catch up */
	fires(true, "30 * * * *", "Europe/Berlin", "2025-03-30T00:00",
	    "2025-03-30T00:30 2025-03-30T01:30 2025-03-30T02:30");
	/* New York, 9 March: 02:00 to 03:00, at 07:00 UTC */
	fires(true, "30 2 * * *", "America/New_York", "2025-03-08T12:00",
	    "2025-03-09T07:00 2025-03-10T06:30 2025-03-11T06:30");
	fires(false, "02:30", "America/New_York", "2025-03-08T12:00",
	    "2025-03-10T06:30 2025-03-11T06:30 2025-03-12T06:30");
	/* Lord Howe, by half an hour: 5 October 2025, 02:00 to 02:30 */
	fires(true, "15 2 * * *", "Australia/Lord_Howe", "2025-10-04T12:00",
	    "2025-10-04T15:30 2025-10-05T15:15 2025-10-06T15:15");
	/* two lines of the skipped hour are one moment */
	fires(true, "15,45 2 * * *", "Europe/Berlin", "2025-03-29T12:00",
	    "2025-03-30T01:00 2025-03-31T00:15 2025-03-31T00:45");
}

static void
clocks_put_back_over_the_hour(void **state)
{
	(void)state;
	/* Berlin, 26 October 2025: 02:30 at 00:30 and at 01:30 UTC */
	fires(true, "30 2 * * *", "Europe/Berlin", "2025-10-25T12:00",
	    "2025-10-26T00:30 2025-10-27T01:30 2025-10-28T01:30");
	fires(false, "02:30", "Europe/Berlin", "2025-10-25T12:00",
	    "2025-10-26T00:30 2025-10-27T01:30 2025-10-28T01:30");
	fires(true, "30 * * * *", "Europe/Berlin", "2025-10-26T00:00",
	    "2025-10-26T00:30 2025-10-26T01:30 2025-10-26T02:30");
	/* New York, 2 November: 01:30 at 05:30 and at 06:30 UTC */
	fires(true, "30 1 * * *", "America/New_York", "2025-11-01T12:00",
	    "2025-11-02T05:30 2025-11-03T06:30 2025-11-04T06:30");
	/* Lord Howe, 6 April: 01:45 at 14:45 and at 15:15 UTC */
	fires(true, "45 1 * * *", "Australia/Lord_Howe", "2025-04-05T00:00",
	    "2025-04-05T14:45 2025-04-06T15:15 2025-04-07T15:15");
}

static void
every_form_of_a_crontab_is_read(void **state)
{
	(void)state;
	fires(true, "@daily", "UTC", "2025-02-14T12:00",
	    "2025-02-15T00:00 2025-02-16T00:00 2025-02-17T00:00");
	fires(true, "@reboot", "UTC", "2025-02-14T12:00", "");
	fires(true, "0 2 * * sun", "UTC", "2025-02-14T12:00",
	    "2025-02-16T02:00 2025-02-23T02:00 2025-03-02T02:00");
	fires(true, "0 2 * * 7", "UTC", "2025-02-14T12:00",
	    "2025-02-16T02:00 2025-02-23T02:00 2025-03-02T02:00");
	fires(true, "0 2 * * 1-5", "UTC", "2025-02-14T12:00",
	    "2025-02-17T02:00 2025-02-18T02:00 2025-02-19T02:00");
	/* both day and weekday: either of them */
	fires(true, "0 2 15 * mon", "UTC", "2025-02-14T12:00",
	    "2025-02-15T02:00 2025-02-17T02:00 2025-02-24T02:00");
	fires(true, "0 2 29 2 *", "UTC", "2026-02-14T12:00",
	    "2028-02-29T02:00");
	fires(true, "5,35 */12 1 jan-mar *", "UTC", "2025-02-14T12:00",
	    "2025-03-01T00:05 2025-03-01T00:35 2025-03-01T12:05");
	fires(true, "0 2-22/10 * * *", "UTC", "2025-02-14T12:00",
	    "2025-02-14T22:00 2025-02-15T02:00 2025-02-15T12:00");
	fires(true, "0 2 31 * *", "UTC", "2025-02-14T12:00",
	    "2025-03-31T02:00 2025-05-31T02:00 2025-07-31T02:00");
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const cron[] = { "", "0", "0 2", "0 2 * *",
		"60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 32 * *",
		"0 2 * 13 *", "0 2 * * 8", "0 2 * * mo", "-1 2 * * *",
		"0 2 5-3 * *", "0 2 */0 * *", "@never", "0,,5 2 * * *",
		"a b c d e", "0 2 * * *x", "99999999999 2 * * *" };
	static const char *const calendar[] = { "", " ", "25:00", "02:60",
		"02:00:60", "2025-13-01", "*-*-32", "02:00 Mars/Olympus",
		"Foo 02:00", "Mon..", "Sat..Mon 02:00", "2:", "*-*-* 02:00:00 UTC UTC x y",
		"02:00,", "1..:00", "@0" };
	struct firing f;

	(void)state;
	for (size_t i = 0; i < sizeof cron / sizeof *cron; i++) {
		struct err e = ERR_INIT;

		test_case(cron[i]);
		assert_false(firing_cron(&f, cron[i], NULL, &e));
		assert_true(e.msg[0] != '\0');
	}
	for (size_t i = 0; i < sizeof calendar / sizeof *calendar; i++) {
		struct err e = ERR_INIT;

		test_case(calendar[i]);
		assert_false(firing_calendar(&f, calendar[i], &e));
		assert_true(e.msg[0] != '\0');
	}
}

static void
any_words_are_no_harm(void **state)
{
	static const char alphabet[] = "0123456789*/,-.~:@ MonaugUTC\t";
	unsigned seed = 5;
	int read = 0;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		struct firing f;
		struct firing_times t;
		struct err e = ERR_INIT;
		char text[24];
		size_t n = (size_t)rand_r(&seed) % sizeof text;

		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[(size_t)rand_r(&seed) %
			    (sizeof alphabet - 1)];
		text[n] = '\0';
		if (!(i % 2 ? firing_cron(&f, text, NULL, &e) :
		    firing_calendar(&f, text, &e)) || read++ > 50)
			continue;
		firing_times(&f, "Europe/Berlin", utc("2025-02-14T12:00"),
		    utc("2025-04-14T12:00"), &t);
		firing_times_release(&t);
	}
	assert_true(read > 5);
}

static void
the_zone_of_the_process_is_left_alone(void **state)
{
	struct err e = ERR_INIT;
	struct firing f;
	struct firing_times t;
	char at[40];

	(void)state;
	assert_true(clock_zone_set("Africa/Lagos", &e));
	assert_true(firing_calendar(&f, "02:00 America/New_York", &e));
	firing_times(&f, "UTC", utc("2025-02-13T12:00"),
	    utc("2025-02-14T12:00"), &t);
	assert_int_equal(t.at.n, 1);
	clock_fmt_site(at, t.at.v[0]);
	assert_string_equal(at, "2025-02-14 08:00:00 +01:00");
	firing_times_release(&t);
}

/* What systemd itself says of the same text, from a base in UTC. */
static void
as_systemd(const char *text, const char *base)
{
	char when[64];
	const char *argv[] = { "systemd-analyze", "calendar", when,
	    "--iterations=4", text, NULL };
	struct ran ran = { 0 };
	struct err e = ERR_INIT;
	struct firing f;
	struct firing_times t;
	size_t n = 0;

	print_message("# case: %s from %s\n", text, base);
	snprintf(when, sizeof when, "--base-time=%.10s %s UTC", base, base + 11);
	setenv("TZ", "UTC", 1);
	assert_true(spawn_run(&(struct run){ .argv = argv }, &ran, &e));
	if (!firing_calendar(&f, text, &e))
		fail_msg("%s", e.msg);
	firing_times(&f, "UTC", utc(base), utc(base) + 4000 * 86400000LL, &t);
	for (char *s = ran.out.p; (s = strstr(s, " UTC\n")) != NULL; s++) {
		char want[32], at[32], got[32];

		snprintf(want, sizeof want, "%.19s", s - 19);
		if (want[4] != '-')
			continue;
		assert_true(n < t.at.n);
		clock_fmt_utc(at, t.at.v[n++]);
		snprintf(got, sizeof got, "%.10s %.8s", at, at + 11);
		assert_string_equal(got, want);
	}
	assert_true(n > 0);
	ran_release(&ran);
	firing_times_release(&t);
}

static void
systemd_agrees(void **state)
{
	static const char *const texts[] = {
		"*-*-* 02:00:00", "02:30 Europe/Berlin", "Mon..Fri 03:15",
		"Sat,Sun *-*-* 02:00 America/New_York", "daily", "weekly",
		"monthly", "quarterly", "semiannually", "yearly",
		"*-*-1..7 4:00", "Mon *-*-1..7 4:00", "*-02~01 03:00",
		"*-*~1..3 01:00", "*-*-* 2..6/2:00/30", "2026-03-29 02:30",
		"2025..2027-01-01", "*-*-* 01:30:00 America/New_York",
		"*-*-* 00:00:30/15", "Thu", "12-24", "*-*-* 01:45 "
		"Australia/Lord_Howe", "Fri..Sun 23:59:59 Asia/Kathmandu",
		"*-*-* *:00/20 Europe/Berlin", "hourly",
	};
	char *tool = spawn_which("systemd-analyze");

	(void)state;
	if (tool == NULL)
		test_skip("there is no systemd-analyze here");
	free(tool);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		as_systemd(texts[i], "2025-03-29T12:00");
		as_systemd(texts[i], "2025-10-25T22:00");
		as_systemd(texts[i], "2025-11-01T23:10");
		as_systemd(texts[i], "2026-02-27T12:00");
	}
}

static void
the_hosts_zone_is_what_its_etc_says(void **state)
{
	char *root = strdup(test_path("root")), *zone;
	char want[PATH_MAX];

	(void)state;
	mkdir(root, 0755);
	mkdir(test_path("root/etc"), 0755);
	zone = zone_host(root);
	assert_string_equal(zone, "UTC");
	free(zone);
	test_write("root/etc/timezone", "Asia/Kolkata\n");
	zone = zone_host(root);
	assert_string_equal(zone, "Asia/Kolkata");
	free(zone);
	assert_int_equal(symlink("/usr/share/zoneinfo/Europe/Berlin",
	    test_path("root/etc/localtime")), 0);
	zone = zone_host(root);
	assert_string_equal(zone, "Europe/Berlin");
	free(zone);
	/* a copy has no name, but its clock is as good */
	unlink(test_path("root/etc/localtime"));
	snprintf(want, sizeof want, "cp /usr/share/zoneinfo/Europe/Berlin "
	    "%s/etc/localtime", root);
	const char *argv[] = { "/bin/sh", "-c", want, NULL };
	struct ran ran = { 0 };
	struct err e = ERR_INIT;

	assert_true(spawn_run(&(struct run){ .argv = argv }, &ran, &e));
	ran_release(&ran);
	zone = zone_host(root);
	fires(true, "0 2 * * *", zone, "2025-02-13T12:00",
	    "2025-02-14T01:00 2025-02-15T01:00 2025-02-16T01:00");
	free(zone);
	free(root);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_ordinary_night_is_at_its_hour_in_its_zone),
	cmocka_unit_test(clocks_put_forward_over_the_hour),
	cmocka_unit_test(clocks_put_back_over_the_hour),
	cmocka_unit_test(every_form_of_a_crontab_is_read),
	cmocka_unit_test(what_is_no_time_is_refused),
	cmocka_unit_test(any_words_are_no_harm),
	cmocka_unit_test(the_zone_of_the_process_is_left_alone),
	cmocka_unit_test(systemd_agrees),
	cmocka_unit_test(the_hosts_zone_is_what_its_etc_says),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
