#include "backup/sizes.h"
#include "base/clock.h"
#include "tests/test.h"

static struct state st;

static int
begin(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_true(state_open(&st, test_path("state"), NULL, NULL, &e));
	return 0;
}

static int
end(void **state)
{
	(void)state;
	state_release(&st);
	return 0;
}

static void
append(const char *part, int64_t at, int64_t size, bool good)
{
	struct size_entry x = { at, SET_NIGHTLY, size, size * 4, 12, -1, 61000,
		good };
	struct err e = ERR_INIT;

	if (!sizes_append(&st, part, &x, &e))
		fail_msg("%s", e.msg);
}

static void
a_history_is_read_back_oldest_first(void **state)
{
	struct sizes s = { 0 };
	struct err e = ERR_INIT;
	char *text;

	(void)state;
	assert_true(sizes_read(&s, &st, "otc", &e));
	assert_int_equal(s.v.n, 0);
	append("otc", 1739499000000, 1000, true);
	append("otc", 1739412600000, 900, false);
	text = test_read(test_path("state/sizes/otc.csv"));
	assert_string_equal(text,
	    "20250214T021000Z,nightly,1000,4000,12,-1,61000,good\n"
	    "20250213T021000Z,nightly,900,3600,12,-1,61000,bad\n");
	free(text);
	assert_true(sizes_read(&s, &st, "otc", &e));
	assert_int_equal(s.v.n, 2);
	assert_int_equal(s.v.v[0].size, 900);
	assert_false(s.v.v[0].good);
	assert_int_equal(s.v.v[1].rows, -1);
	sizes_release(&s);
}

/* Every length a kill or a full disk may leave of the last line. */
static void
a_torn_line_is_passed_over_and_spoils_no_other(void **state)
{
	static const char one[] =
	    "20250213T021000Z,nightly,900,3600,12,70,61000,good\n";
	static const char two[] =
	    "20250214T021000Z,nightly,1234567,3600,12,70,61000,good\n";
	const char *path = test_path("state/sizes/torn.csv");

	(void)state;
	for (size_t cut = 0; cut < sizeof two - 1; cut++) {
		struct sizes s = { 0 };
		struct err e = ERR_INIT;
		char text[256];

		snprintf(text, sizeof text, "%s%.*s", one, (int)cut, two);
		test_write(path, text);
		assert_true(sizes_read(&s, &st, "torn", &e));
		assert_int_equal(s.v.n, 1);
		assert_int_equal(s.v.v[0].size, 900);
		assert_int_equal(s.torn, cut > 0);
		sizes_release(&s);
		append("torn", 1739585400000, 777, true);
		assert_true(sizes_read(&s, &st, "torn", &e));
		/* only the newline was missing: that line is whole again */
		assert_int_equal(s.v.n, cut == sizeof two - 2 ? 3 : 2);
		assert_int_equal(s.v.v[s.v.n - 1].size, 777);
		sizes_release(&s);
	}
}

/* "2.9094e+08" stopped a check of sizes once. */
static void
only_whole_numbers_are_sizes(void **state)
{
	static const char *const bad[] = {
		"20250214T021000Z,nightly,2.9094e+08,1,1,1,1,good\n",
		"20250214T021000Z,nightly,99999999999999999999,1,1,1,1,good\n",
		"20250214T021000Z,nightly,-2,1,1,1,1,good\n",
		"20250214T021000Z,nightly,,1,1,1,1,good\n",
		"20250214T021000Z,nightly,1,1,1,1,good\n",
		"20250214T021000Z,nightly,1,1,1,1,1,1,good\n",
		"20250214T021000Z,daily,1,1,1,1,1,good\n",
		"yesterday,nightly,1,1,1,1,1,good\n",
		"20250214T021000Z,nightly,1,1,1,1,1,perfect\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sizes s = { 0 };

		test_case(bad[i]);
		sizes_parse(&s, bad[i], strlen(bad[i]));
		assert_int_equal(s.v.n, 0);
		assert_int_equal(s.torn, 1);
		sizes_release(&s);
	}
}

static void
only_good_ones_before_it_are_the_baseline(void **state)
{
	struct size_base base;
	struct sizes s = { 0 };

	(void)state;
	sizes_base(&s, INT64_MAX, &base);
	assert_int_equal(base.n, 0);
	assert_int_equal(base.size, -1);
	for (int i = 1; i <= 20; i++)
		VEC_PUSH(&s.v, ((struct size_entry){ i * 1000, SET_NIGHTLY,
		    i * 100, -1, 5, i % 2 ? i : -1, 60, i % 2 == 1 }));
	sizes_base(&s, 20000, &base);	/* 7, 9, ... 19 */
	assert_int_equal(base.n, SIZES_BASE);
	assert_int_equal(base.size, 1300);
	assert_int_equal(base.raw_size, -1);
	assert_int_equal(base.rows, 13);
	sizes_base(&s, 4000, &base);	/* 1, 3 */
	assert_int_equal(base.n, 2);
	assert_int_equal(base.size, 200);
	sizes_release(&s);
}

static void
a_size_is_judged_against_the_median(void **state)
{
	static const struct {
		int64_t value, median, percent;
		enum size_verdict is;
	} rows[] = {
		{ 1000, -1, 30, SIZE_NO_BASELINE },
		{ -1, 1000, 30, SIZE_NO_BASELINE },
		{ 1000, 1000, 30, SIZE_NORMAL },
		{ 1300, 1000, 30, SIZE_NORMAL },
		{ 1301, 1000, 30, SIZE_LARGE },
		{ 700, 1000, 30, SIZE_NORMAL },
		{ 699, 1000, 30, SIZE_SMALL },
		{ 20, 290940000, 30, SIZE_SMALL },
		{ 0, 1000, 99, SIZE_SMALL },
		{ 0, 0, 30, SIZE_NORMAL },
		{ 1, 0, 30, SIZE_LARGE },
		{ 500, 1000, 100, SIZE_NORMAL },
		{ 499, 1000, 100, SIZE_SMALL },
		{ 2001, 1000, 100, SIZE_LARGE },
		{ INT64_MAX, 1, 1000, SIZE_LARGE },
		{ INT64_MAX, INT64_MAX, 1, SIZE_NORMAL },
		{ INT64_MAX / 2, INT64_MAX, 30, SIZE_SMALL },
		{ 0, INT64_MAX, 1000, SIZE_SMALL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char label[64];

		snprintf(label, sizeof label, "row %zu", i);
		test_case(label);
		assert_int_equal(size_judge(rows[i].value, rows[i].median,
		    rows[i].percent), rows[i].is);
	}
	assert_string_equal(size_verdict_name(SIZE_NO_BASELINE), "no baseline");
}

static void
tables_that_are_missing_tell_more_than_bytes(void **state)
{
	static const struct {
		struct size_entry copy;
		enum size_verdict is;
		const char *why;
	} rows[] = {
		{ { .size = 1000, .raw_size = 4000, .tables = 12 },
		    SIZE_NORMAL, "" },
		{ { .size = 1000, .raw_size = 4000, .tables = 5 }, SIZE_SMALL,
		    "unusually small: the rows of 5 tables, usually 12" },
		{ { .size = 1000, .raw_size = 4000, .tables = -1 },
		    SIZE_NORMAL, "" },
		{ { .size = 1000, .raw_size = 400, .tables = 12 }, SIZE_SMALL,
		    "unusually small: 400 B of data, usually 3.9 KB" },
		{ { .size = 3000, .raw_size = 4000, .tables = 12 }, SIZE_LARGE,
		    "unusually large: 2.9 KB, usually 1000 B" },
		{ { .size = 10, .raw_size = 40, .tables = 1 }, SIZE_SMALL,
		    "unusually small: the rows of 1 table, usually 12" },
	};
	const struct size_base base = { 7, 1000, 4000, 12, 90, 60000 };
	const struct size_base none = { 0, -1, -1, -1, -1, -1 };
	struct buf why = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_clear(&why);
		test_case(rows[i].why);
		assert_int_equal(sizes_judge(&base, &rows[i].copy, 30, &why),
		    rows[i].is);
		assert_string_equal(why.n > 0 ? why.p : "", rows[i].why);
	}
	buf_clear(&why);
	assert_int_equal(sizes_judge(&none, &rows[0].copy, 30, &why),
	    SIZE_NO_BASELINE);
	assert_int_equal(why.n, 0);
	buf_release(&why);
	/* more than twice as long, and more than a minute */
	assert_false(sizes_slow(&base, 119000));
	assert_true(sizes_slow(&base, 130000));
	assert_false(sizes_slow(&none, 130000));
}

static void
a_name_that_leads_elsewhere_is_not_written(void **state)
{
	struct size_entry x = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_false(sizes_append(&st, "../log", &x, &e));
	assert_int_equal(e.kind, ERR_USAGE);
}

static void
of_a_long_history_the_end_is_read(void **state)
{
	struct buf b = BUF_INIT;
	struct sizes s = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char stamp[24];

		clock_fmt_stamp(stamp, 1739499000000 + i * 1000LL);
		buf_printf(&b, "%s,nightly,%d,1,1,1,1,good\n", stamp, i);
	}
	test_write(test_path("state/sizes/long.csv"), b.p);
	assert_true(sizes_read(&s, &st, "long", &e));
	assert_int_equal(s.torn, 0);
	assert_in_range(s.v.n, 1000, 19999);
	assert_int_equal(s.v.v[s.v.n - 1].size, 19999);
	sizes_release(&s);
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_history_is_read_back_oldest_first),
	cmocka_unit_test(a_torn_line_is_passed_over_and_spoils_no_other),
	cmocka_unit_test(only_whole_numbers_are_sizes),
	cmocka_unit_test(only_good_ones_before_it_are_the_baseline),
	cmocka_unit_test(a_size_is_judged_against_the_median),
	cmocka_unit_test(tables_that_are_missing_tell_more_than_bytes),
	cmocka_unit_test(a_name_that_leads_elsewhere_is_not_written),
	cmocka_unit_test(of_a_long_history_the_end_is_read),
};

int
main(void)
{
	return cmocka_run_group_tests_name(program_invocation_short_name,
	    tests, begin, end);
}
