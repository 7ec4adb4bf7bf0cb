#include "tests/test.h"

#include "base/mask.h"

static void
a_secret_is_blotted_out_in_every_form(void **state)
{
	static const char *const said[] = {
		"x it's:50%\\\xc3\xa9 y", "x it''s:50%\\\xc3\xa9 y",
		"x it's\\:50%\\\\\xc3\xa9 y", "x it%27s%3A50%25%5C%C3%A9 y",
		"x it%27s%3a50%25%5c%c3%a9 y", "x aXQnczo1MCVcw6k= y",
	};
	struct mask m = { 0 };

	(void)state;
	mask_add(&m, "it's:50%\\\xc3\xa9");
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		struct buf b = BUF_INIT;

		test_case(said[i]);
		buf_str(&b, said[i]);
		assert_true(mask_text(&m, &b));
		assert_null(strstr(b.p, "50"));
		assert_null(strstr(b.p, "aXQnczo1MCVcw"));
		assert_non_null(strstr(b.p, "x <secret>"));
		assert_non_null(strstr(b.p, " y"));
		buf_release(&b);
	}
	mask_release(&m);
}

static void
other_words_stay(void **state)
{
	char line[] = "a hunter2 is a hunter2x";
	struct buf b = BUF_INIT;
	struct mask m = { 0 };

	(void)state;
	mask_add(&m, "abc");	/* in every other word */
	mask_add(&m, NULL);
	buf_str(&b, "abc and abcd");
	assert_false(mask_text(&m, &b));
	assert_string_equal(b.p, "abc and abcd");
	mask_add(&m, "hunter2");
	assert_true(mask_chars(&m, line));
	assert_string_equal(line, "a ******* is a *******x");
	buf_clear(&b);
	buf_str(&b, "hunter2hunter2");
	assert_true(mask_text(&m, &b));
	assert_string_equal(b.p, "<secret><secret>");
	buf_release(&b);
	mask_release(&m);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_secret_is_blotted_out_in_every_form),
	cmocka_unit_test(other_words_stay),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
