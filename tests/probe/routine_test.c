#include "tests/test.h"

#include "base/clock.h"
#include "probe/routine.h"

static struct site
site_at(int nightly, int64_t dry_ms, int64_t restore_ms)
{
	static char zone[] = "Europe/Berlin";
	struct site s = { .timezone = zone };

	s.schedule.nightly = nightly;
	s.schedule.dry_run_every_ms = dry_ms;
	s.schedule.restore_test_every_ms = restore_ms;
	return s;
}

static const int64_t minute = 60000, hour = 3600000, day = 86400000;

static void
every_plan_can_be_said_to_people_and_to_systemd(void **state)
{
	const struct {
		enum routine_id id;
		int nightly;
		int64_t dry, restore;
		const char *says, *calendar;
		bool closer;
	} t[] = {
		{ ROUTINE_NIGHTLY, 120, 0, 0, "at 02:00", "*-*-* 02:00:00", 0 },
		{ ROUTINE_DRY_RUN, 120, 6 * hour, 0,
		    "every 6h: at 05:00 11:00 17:00 23:00", "*-*-* 05/6:00:00", 0 },
		{ ROUTINE_DRY_RUN, 1439, 24 * hour, 0, "at 11:59",
		    "*-*-* 11:59:00", 0 },
		{ ROUTINE_DRY_RUN, 0, 90 * minute, 0, "every 1h",
		    "*-*-* 00/1:30:00", true },
		{ ROUTINE_DRY_RUN, 0, 7 * hour, 0, "every 6h: at 03:00 09:00 "
		    "15:00 21:00", "*-*-* 03/6:00:00", true },
		{ ROUTINE_DRY_RUN, 0, 1, 0, "every 5 min", "*-*-* *:02/5:00",
		    true },
		{ ROUTINE_RESTORE, 120, 0, 7 * day, "on Sunday at 08:00",
		    "Sun *-*-* 08:00:00", 0 },
		{ ROUTINE_RESTORE, 120, 0, day, "at 08:00", "*-*-* 08:00:00",
		    0 },
		{ ROUTINE_RESTORE, 1200, 0, 3 * day, "on Sunday, Wednesday, "
		    "Saturday at 02:00", "Sun,Wed,Sat *-*-* 02:00:00", true },
		{ ROUTINE_SCHEMA, 0, 0, 0, "on Monday at 08:30",
		    "Mon *-*-* 08:30:00", 0 },
		{ ROUTINE_ALERTS, 120, 0, 0, "every 5 min", "*-*-* *:00/5:00",
		    0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct site s = site_at(t[i].nightly, t[i].dry, t[i].restore);
		struct buf says = BUF_INIT, calendar = BUF_INIT;
		struct routine_plan p;

		test_case(t[i].says);
		assert_true(routine_plan(routine_at(t[i].id), &s, &p));
		routine_say(&p, &says);
		routine_calendar(&p, &calendar);
		assert_string_equal(says.p, t[i].says);
		assert_string_equal(calendar.p, t[i].calendar);
		assert_int_equal(p.closer, t[i].closer);
		buf_release(&says);
		buf_release(&calendar);
	}
}

static void
without_an_hour_there_is_no_plan(void **state)
{
	struct site s = site_at(-1, hour, day);
	struct routine_plan p;

	(void)state;
	for (int i = 0; i < ROUTINE_COUNT; i++)
		assert_false(routine_plan(routine_at((enum routine_id)i), &s,
		    &p));
}

static void
what_was_due_and_what_is_next_are_by_the_clock_of_the_site(void **state)
{
	struct site s = site_at(150, 6 * hour, 7 * day);
	struct routine_plan p;
	int64_t now, want;

	(void)state;
	assert_true(routine_plan(routine_at(ROUTINE_NIGHTLY), &s, &p));
	assert_true(clock_parse_utc("2025-02-14T12:00:00.000Z", &now));
	assert_true(clock_parse_utc("2025-02-14T01:30:00.000Z", &want));
	assert_int_equal(routine_last(&p, &s, now), want);
	assert_int_equal(routine_next(&p, &s, now), want + day);
	/* an hour later there, the same hour here */
	assert_true(clock_parse_utc("2025-06-14T12:00:00.000Z", &now));
	assert_true(clock_parse_utc("2025-06-15T00:30:00.000Z", &want));
	assert_int_equal(routine_next(&p, &s, now), want);
}

/* ---- a look at another clock --------------------------------------------------- */

static void
a_line_that_looks_at_the_clock_fires_only_then(void **state)
{
	static const struct { const char *command; int fires; } t[] = {
		{ "midwatch nightly", 14 },
		{ "[ \"$(TZ=Europe/Berlin date +\\%H:\\%M)\" = 02:00 ] && "
		    "midwatch nightly", 7 },
		{ "[ \"$(TZ=Europe/Berlin date +\\%w-\\%H:\\%M)\" = 0-02:00 ] "
		    "&& midwatch nightly", 1 },
		/* what is not understood is no look */
		{ "[ \"$(TZ=Mars/Base date +\\%H:\\%M)\" = 02:00 ] && "
		    "midwatch nightly", 14 },
		{ "[ \"$(TZ=Europe/Berlin date +\\%H)\" = 02 ] && "
		    "midwatch nightly", 14 },
		{ "[ \"$(TZ=Europe/Berlin date +\\%H:\\%M)\" = 2 ] && "
		    "midwatch nightly", 14 },
	};
	struct starter_ours ours = { .root = "/nonexistent" };
	int64_t from;

	(void)state;
	assert_true(clock_parse_utc("2025-02-14T12:00:00.000Z", &from));
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct starters all = { .root = "/nonexistent",
		    .host_zone = xstrdup("UTC") };
		char *text = xprintf("0 0,1 * * *\t%s\n", t[i].command);
		struct firing_times times;

		test_case(t[i].command);
		starters_crontab(&all, "it", text, false, starter_is_ours,
		    &ours);
		assert_int_equal(all.v.n, 1);
		firing_times(&all.v.v[0].firings.v[0], all.v.v[0].zone, from,
		    from + 7 * day, &times);
		assert_int_equal(times.at.n, t[i].fires);
		firing_times_release(&times);
		starters_release(&all);
		free(text);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_plan_can_be_said_to_people_and_to_systemd),
	cmocka_unit_test(without_an_hour_there_is_no_plan),
	cmocka_unit_test(
	    what_was_due_and_what_is_next_are_by_the_clock_of_the_site),
	cmocka_unit_test(a_line_that_looks_at_the_clock_fires_only_then),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
