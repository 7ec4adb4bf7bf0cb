#include "base/clock.h"

#include "tests/test.h"

/* Milliseconds of a moment in UTC. */
static int64_t
utc(const char *s)
{
	char full[32];
	int64_t ms;

	(void)snprintf(full, sizeof full, "%s.000Z", s);
	if (!clock_parse_utc(full, &ms))
		fail_msg("'%s' is not a moment", full);
	return ms;
}

static void
zone(const char *name)
{
	struct err e = ERR_INIT;

	if (!clock_zone_set(name, &e))
		fail_msg("%s", e.msg);
}

struct typed_row {
	const char *s, *is;	/* NULL: refused */
};

static void
walk(const struct typed_row *rows, size_t n, const char *now)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_INIT;
		char got[32];
		int64_t ms;
		bool ok = clock_parse(rows[i].s, utc(now), &ms, &e);

		test_case(rows[i].s);
		assert_int_equal(ok, rows[i].is != NULL);
		if (!ok) {
			assert_int_equal(e.kind, ERR_USAGE);
			assert_true(e.msg[0] != '\0' && e.hint[0] != '\0');
			continue;
		}
		clock_fmt_utc(got, ms);
		got[19] = '\0';
		assert_string_equal(got, rows[i].is);
	}
}
#define WALK(rows, now) walk(rows, sizeof rows / sizeof *rows, now)

static void
people_write_times_in_many_forms(void **state)
{
	static const struct typed_row rows[] = {
		{ "02:10", "2025-02-14T01:10:00" },
		{ "2:10", "2025-02-14T01:10:00" },
		{ "2:10 AM", "2025-02-14T01:10:00" },
		{ "2:10am", "2025-02-14T01:10:00" },
		{ "02:10:33", "2025-02-14T01:10:33" },
		{ "02:10:33.5", "2025-02-14T01:10:33" },
		{ "yesterday 23:50", "2025-02-13T22:50:00" },
		{ "Yesterday 11:50 pm", "2025-02-13T22:50:00" },
		{ "today 02:10", "2025-02-14T01:10:00" },
		{ "today 23:50", "2025-02-14T22:50:00" },
		{ "23:50", "2025-02-13T22:50:00" },	/* yet to come today */
		{ "12:00 AM", "2025-02-13T23:00:00" },
		{ "12:30 PM", "2025-02-13T11:30:00" },
		{ "2025-02-14 02:10", "2025-02-14T01:10:00" },
		{ "2025-2-4 02:10", "2025-02-04T01:10:00" },
		{ "2025-02-14T02:10:00+01:00", "2025-02-14T01:10:00" },
		{ "2025-02-14T02:10:00-0330", "2025-02-14T05:40:00" },
		{ "2025-02-14T02:10:00Z", "2025-02-14T02:10:00" },
		{ "02:10Z", "2025-02-14T02:10:00" },
		{ "02:10 UTC", "2025-02-14T02:10:00" },
		{ "02:45Z", "2025-02-13T02:45:00" },
		{ "5m ago", "2025-02-14T02:25:00" },
		{ "1h30m ago", "2025-02-14T01:00:00" },
		{ "-5m", "2025-02-14T02:25:00" },
		{ "now", "2025-02-14T02:30:00" },
		{ "2024-02-29 00:00", "2024-02-28T23:00:00" },
		{ "2025-03-01 12:00", "2025-03-01T11:00:00" },
		{ "", NULL }, { "noon", NULL }, { "24:00", NULL },
		{ "02:60", NULL }, { "2:1", NULL }, { "0:10 AM", NULL },
		{ "13:00 PM", NULL }, { "2025-02-30 02:10", NULL },
		{ "2025-13-01 02:10", NULL }, { "2025-02-14", NULL },
		{ "2025-02-1402:10", NULL }, { "02:10 x", NULL },
		{ "02:10+25:00", NULL }, { "ago", NULL }, { "x ago", NULL },
		{ "5 ago", NULL }, { "-", NULL }, { "yesterday", NULL },
		{ "02:10\n", NULL }, { "1969-12-31 02:10", NULL },
	};

	(void)state;
	zone("Africa/Lagos");
	WALK(rows, "2025-02-14T02:30:00");
}

static void
the_hour_that_spring_skips_is_refused(void **state)
{
	static const struct typed_row rows[] = {
		{ "2025-03-30 01:59", "2025-03-30T00:59:00" },
		{ "2025-03-30 02:00", NULL },
		{ "2025-03-30 02:30", NULL },
		{ "2025-03-30 02:59:59", NULL },
		{ "2025-03-30 03:00", "2025-03-30T01:00:00" },
		{ "2025-03-30 02:30+01:00", "2025-03-30T01:30:00" },
		{ "02:30", NULL },
		{ "yesterday 02:30", "2025-03-29T01:30:00" },
	};
	static const struct typed_row before[] = {
		{ "02:30", "2025-03-29T01:30:00" },	/* that of yesterday */
	};

	(void)state;
	zone("Europe/Berlin");
	WALK(rows, "2025-03-30T08:00:00");
	WALK(before, "2025-03-30T00:30:00");
}

static void
the_hour_that_autumn_repeats_is_refused(void **state)
{
	static const struct typed_row rows[] = {
		{ "2025-10-26 01:59", "2025-10-25T23:59:00" },
		{ "2025-10-26 02:00", NULL },
		{ "2025-10-26 02:59", NULL },
		{ "2025-10-26 03:00", "2025-10-26T02:00:00" },
		{ "2025-10-26 02:30+02:00", "2025-10-26T00:30:00" },
		{ "2025-10-26 02:30+01:00", "2025-10-26T01:30:00" },
		{ "02:30", NULL },
	};
	static const struct typed_row before[] = {
		{ "02:30", "2025-10-25T00:30:00" },
	};

	(void)state;
	zone("Europe/Berlin");
	WALK(rows, "2025-10-26T08:00:00");
	WALK(before, "2025-10-25T23:30:00");
}

static void
odd_zones_are_understood(void **state)
{
	static const struct typed_row nepal[] = {
		{ "2025-02-14 02:10", "2025-02-13T20:25:00" } };
	static const struct typed_row samoa[] = {	/* lost a whole day */
		{ "2011-12-30 12:00", NULL },
		{ "2011-12-31 12:00", "2011-12-30T22:00:00" } };
	static const struct typed_row lord[] = {	/* half an hour */
		{ "2025-04-06 01:45", NULL },
		{ "2025-04-06 02:15", "2025-04-05T15:45:00" } };

	(void)state;
	zone("Asia/Kathmandu");
	WALK(nepal, "2025-02-14T02:30:00");
	zone("Pacific/Apia");
	WALK(samoa, "2025-02-14T02:30:00");
	zone("Australia/Lord_Howe");
	WALK(lord, "2025-05-14T02:30:00");
}

static void
moments_are_shown_in_site_time_and_in_utc(void **state)
{
	const int64_t at = utc("2025-02-14T01:10:03") + 120;
	char s[40];

	(void)state;
	zone("Africa/Lagos");
	clock_fmt_utc(s, at);
	assert_string_equal(s, "2025-02-14T01:10:03.120Z");
	clock_fmt_site(s, at);
	assert_string_equal(s, "2025-02-14 02:10:03 +01:00");
	clock_fmt_short(s, at);
	assert_string_equal(s, "02:10:03");
	clock_fmt_stamp(s, at);
	assert_string_equal(s, "20250214T011003Z");
	zone("America/St_Johns");
	clock_fmt_site(s, at);
	assert_string_equal(s, "2025-02-13 21:40:03 -03:30");
	clock_fmt_utc(s, -1);
	assert_string_equal(s, "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_zone(), "America/St_Johns");
}

static void
only_one_form_is_read_from_the_record(void **state)
{
	static const char *const bad[] = { "", "2025-02-14T01:10:03Z",
	    "2025-02-14T01:10:03.120", "2025-02-14 01:10:03.120Z",
	    "2025-02-14T01:10:03.120Zx", "2025-02-30T01:10:03.120Z",
	    "2025-02-14T24:10:03.120Z", "2025-02-14T01:61:03.120Z",
	    "+025-02-14T01:10:03.120Z", "2025-02-14T01:10:03,120Z" };
	int64_t ms;

	(void)state;
	assert_true(clock_parse_utc("1970-01-01T00:00:00.001Z", &ms));
	assert_int_equal(ms, 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i]);
		assert_false(clock_parse_utc(bad[i], &ms));
	}
}

static void
what_is_written_is_read_back(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int64_t ms, back;
		char s[32];

		seed = seed * 1103515245u + 12345u;
		ms = (int64_t)seed * 1000 + seed % 1000;
		clock_fmt_utc(s, ms);
		assert_true(clock_parse_utc(s, &back));
		assert_true(back == ms);
	}
}

static void
zones_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", "Africa/Lagoss", "Africa",
	    "/usr/share/zoneinfo/UTC", "../zoneinfo/UTC", "Europe/../UTC", "x y",
	    "tzdata.zi", "UTC;x" };
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i]);
		assert_false(clock_zone_known(bad[i]));
	}
	assert_false(clock_zone_known(NULL));
	assert_true(clock_zone_known("UTC"));
	zone("Europe/Berlin");
	assert_false(clock_zone_set("Nowhere/Land", &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_string_equal(clock_zone(), "Europe/Berlin");
}

static void
the_clocks_can_be_set_for_a_test(void **state)
{
	int64_t before;

	(void)state;
	clock_fake(1234);
	assert_int_equal(clock_wall_ms(), 1234);
	clock_fake(0);
	assert_true(clock_wall_ms() > utc("2024-01-01T00:00:00"));
	before = clock_mono_ms();
	clock_sleep_ms(20);
	assert_true(clock_mono_ms() - before >= 19);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(people_write_times_in_many_forms),
	cmocka_unit_test(the_hour_that_spring_skips_is_refused),
	cmocka_unit_test(the_hour_that_autumn_repeats_is_refused),
	cmocka_unit_test(odd_zones_are_understood),
	cmocka_unit_test(moments_are_shown_in_site_time_and_in_utc),
	cmocka_unit_test(only_one_form_is_read_from_the_record),
	cmocka_unit_test(what_is_written_is_read_back),
	cmocka_unit_test(zones_that_are_none_are_refused),
	cmocka_unit_test(the_clocks_can_be_set_for_a_test),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
