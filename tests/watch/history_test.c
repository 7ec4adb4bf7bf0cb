#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "watch/history.h"

enum { GB = 1 << 30 };

static int64_t
next_random(void)
{
	static uint32_t x = 12345;

	x = x * 1103515245u + 12345u;
	return (x >> 16) & 0x7fff;
}

/* One reading of a disk of 100 GB. */
static void
note(struct history *h, const char *name, int64_t at, int64_t used,
    struct reading *r)
{
	reading_init(r, "disk", name);
	r->at = at;
	reading_int(r, "used", used);
	reading_int(r, "avail", 100LL * GB - used);
	reading_say(r, LEVEL_OK, NULL, "x");
	history_note(h, r);
}

/* A disk that fills at a rate, with a wobble; the last reading. */
static void
fill(struct history *h, int64_t bytes_per_s, int64_t wobble, int64_t step_ms,
    int n, struct reading *r)
{
	for (int i = 0; i < n; i++) {
		int64_t at = 1000000 + i * step_ms;

		if (i > 0)
			reading_release(r);
		note(h, "d", at, 50LL * GB + bytes_per_s * i * step_ms / 1000 +
		    wobble * next_random() / 0x8000, r);
	}
}

static void
assert_near(int64_t got, int64_t want, int percent)
{
	if (llabs(got - want) > llabs(want) * percent / 100)
		fail_msg("%lld is not within %d %% of %lld", (long long)got,
		    percent, (long long)want);
}

static void
a_steady_rate_is_known_and_steady(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	fill(&h, 10 << 20, 0, 5000, 30, &r);
	assert_near(json_get_int(r.data, "rate_per_min", 0), 600LL << 20, 2);
	assert_string_equal(json_get_str(r.data, "rate_sure"), "steady");
	assert_near(json_get_int(r.data, "full_in_ms", 0),
	    json_get_int(r.data, "avail", 0) / (10 << 20) * 1000, 2);
	assert_non_null(strstr(r.text, "full in about"));
	reading_release(&r);
	history_release(&h);
}

static void
a_wobbling_rate_is_within_a_fifth(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	fill(&h, 10 << 20, 80 << 20, 5000, 24, &r);
	assert_near(json_get_int(r.data, "full_in_ms", 0),
	    json_get_int(r.data, "avail", 0) / (10 << 20) * 1000, 20);
	reading_release(&r);
	history_release(&h);
}

static void
one_big_file_that_came_and_went_does_not_bend_it(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	for (int i = 0; i < 30; i++) {
		if (i > 0)
			reading_release(&r);
		note(&h, "d", 1000000 + i * 5000, 50LL * GB +
		    (5LL << 20) * i * 5 + (i > 10 && i < 14 ? 20LL * GB : 0),
		    &r);
	}
	assert_near(json_get_int(r.data, "rate_per_min", 0), 300LL << 20, 20);
	reading_release(&r);
	history_release(&h);
}

static void
noise_alone_is_not_called_steady(void **state)
{
	struct history h = { 0 };
	struct reading r;
	const char *sure;

	(void)state;
	fill(&h, 0, 1 << 30, 5000, 30, &r);
	sure = json_get_str(r.data, "rate_sure");
	assert_true(sure == NULL || strcmp(sure, "steady") != 0);
	reading_release(&r);
	history_release(&h);
}

static void
a_disk_that_empties_is_never_full(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	fill(&h, -(10 << 20), 0, 5000, 30, &r);
	assert_true(json_get_int(r.data, "rate_per_min", 0) < 0);
	assert_int_equal(json_get_int(r.data, "full_in_ms", -1), -1);
	assert_int_equal(r.level, LEVEL_OK);
	reading_release(&r);
	history_release(&h);
}

static void
what_is_full_within_the_hour_is_a_warning(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	fill(&h, 50LL << 20, 0, 5000, 30, &r);
	assert_int_equal(r.level, LEVEL_WARNING);
	assert_string_equal(r.next, "midwatch cleanup --plan");
	reading_release(&r);
	history_release(&h);
}

static void
two_samples_are_too_few_to_be_sure(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	fill(&h, 10 << 20, 0, 300000, 2, &r);
	assert_near(json_get_int(r.data, "rate_per_min", 0), 600LL << 20, 2);
	assert_string_equal(json_get_str(r.data, "rate_sure"), "unsure");
	reading_release(&r);
	history_release(&h);
}

static void
a_clock_that_is_set_back_begins_anew(void **state)
{
	struct history h = { 0 };
	struct reading r;

	(void)state;
	fill(&h, 10 << 20, 0, 5000, 30, &r);
	reading_release(&r);
	note(&h, "d", 500000, 50LL * GB, &r);
	assert_null(json_get_str(r.data, "rate_sure"));
	assert_int_equal(h.disks.v[0].v.n, 1);
	reading_release(&r);
	history_release(&h);
}

static void
a_history_stays_small_and_survives(void **state)
{
	struct history h = { 0 }, again = { 0 };
	struct state s = { .dir = xstrdup(test_path(".")) };
	struct err e = ERR_INIT;
	struct reading r;

	(void)state;
	fill(&h, 1 << 20, 0, 5000, 3000, &r);
	reading_release(&r);
	note(&h, "a,\"name", 1000, 5, &r);
	reading_release(&r);
	assert_true(h.disks.v[0].v.n <= 240);
	assert_true(history_save(&h, &s, &e));
	history_load(&again, &s);
	assert_int_equal(again.disks.n, 2);
	assert_int_equal(again.disks.v[0].v.n, h.disks.v[0].v.n);
	assert_string_equal(again.disks.v[1].name, "a,\"name");
	history_release(&h);
	history_release(&again);
	free(s.dir);
}

static void
any_bytes_are_a_history_at_worst_an_empty_one(void **state)
{
	static const char *const texts[] = { "", "\n\n", "1,2", "1,2,\n",
		"a,b,c\n", "99999999999999999999,1,x\n", "1,2,x\n1,2,x\n", };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct history h = { 0 };
		struct state s = { .dir = xstrdup(test_path(".")) };
		struct err e = ERR_INIT;

		test_case(texts[i]);
		assert_true(file_replace(test_path("disks.csv"), texts[i],
		    strlen(texts[i]), 0600, &e));
		history_load(&h, &s);
		assert_true(h.disks.n <= 1);
		history_release(&h);
		free(s.dir);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_steady_rate_is_known_and_steady),
	cmocka_unit_test(a_wobbling_rate_is_within_a_fifth),
	cmocka_unit_test(one_big_file_that_came_and_went_does_not_bend_it),
	cmocka_unit_test(noise_alone_is_not_called_steady),
	cmocka_unit_test(a_disk_that_empties_is_never_full),
	cmocka_unit_test(what_is_full_within_the_hour_is_a_warning),
	cmocka_unit_test(two_samples_are_too_few_to_be_sure),
	cmocka_unit_test(a_clock_that_is_set_back_begins_anew),
	cmocka_unit_test(a_history_stays_small_and_survives),
	cmocka_unit_test(any_bytes_are_a_history_at_worst_an_empty_one),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
