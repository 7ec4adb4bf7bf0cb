#include "tests/ui/kit.h"

#include "base/text.h"

static struct canvas c;

static int
fresh(void **state)
{
	(void)state;
	kit_utf8();
	c.ascii = false;
	canvas_resize(&c, 40, 10);
	return 0;
}

static void
row_is(int y, const char *want)
{
	struct buf b = BUF_INIT;

	for (int x = 0; x < c.w; x++)
		buf_str(&b, canvas_cell(&c, x, y)->text);
	while (b.n > 0 && b.p[b.n - 1] == ' ')
		buf_cut(&b, b.n - 1);
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void
what_lies_outside_is_clipped(void **state)
{
	(void)state;
	assert_int_equal(canvas_put(&c, -3, 0, ROLE_TEXT, "abcdef"), 6);
	row_is(0, "def");
	assert_int_equal(canvas_put(&c, 38, 1, ROLE_TEXT, "abcdef"), 6);
	assert_string_equal(canvas_cell(&c, 39, 1)->text, "b");
	(void)canvas_put(&c, 0, -1, ROLE_TEXT, "no");
	(void)canvas_put(&c, 0, 10, ROLE_TEXT, "no");
	canvas_box(&c, (struct area){ -5, -5, 100, 100 }, "t", true);
	row_is(0, "def");
}

static void
control_characters_are_shown_not_sent(void **state)
{
	(void)state;
	(void)canvas_put(&c, 0, 0, ROLE_TEXT, "a\033[2Jb\x07\xff\n");
	row_is(0, "a\\x1b[2Jb\\x07\\xff\\n");
	(void)canvas_put(&c, 0, 1, ROLE_TEXT, "x\u202ey\xc2\x9b");
	row_is(1, "x<U+202E>y<U+009B>");
}

static void
a_wide_character_takes_two_cells(void **state)
{
	(void)state;
	assert_int_equal(canvas_put(&c, 0, 0, ROLE_TEXT, "\u65e5\u672c!"), 5);
	assert_int_equal(canvas_cell(&c, 0, 0)->width, 2);
	assert_int_equal(canvas_cell(&c, 1, 0)->width, 0);
	row_is(0, "\u65e5\u672c!");
	(void)canvas_put(&c, 1, 0, ROLE_TEXT, "x");
	row_is(0, " x\u672c!");
	(void)canvas_put(&c, 2, 0, ROLE_TEXT, "yz");
	row_is(0, " xyz!");
	(void)canvas_put(&c, 39, 1, ROLE_TEXT, "\u65e5");
	assert_string_equal(canvas_cell(&c, 39, 1)->text, " ");
	(void)canvas_put(&c, 0, 2, ROLE_TEXT, "\u65e5\u65e5");
	(void)canvas_put(&c, 1, 2, ROLE_TEXT, "\u672c");
	assert_int_equal(canvas_cell(&c, 0, 2)->width, 1);
	assert_int_equal(canvas_cell(&c, 3, 2)->width, 1);
}

static void
marks_join_the_character_before(void **state)
{
	(void)state;
	assert_int_equal(canvas_put(&c, 0, 0, ROLE_TEXT, "e\u0301x"), 2);
	assert_string_equal(canvas_cell(&c, 0, 0)->text, "e\u0301");
	(void)canvas_put(&c, 0, 1, ROLE_TEXT, "\u0301x");
	row_is(1, "x");
}

static void
emoji_are_spelt_out(void **state)
{
	(void)state;
	(void)canvas_put(&c, 0, 0, ROLE_TEXT, "\U0001f525\u26a0");
	row_is(0, "<U+1F525><U+26A0>");
}

static void
ascii_means_ascii(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	c.ascii = true;
	(void)canvas_put(&c, 0, 0, ROLE_TEXT, "fine \u00b7 26 h \u2026 \u00e9");
	row_is(0, "fine - 26 h ... <U+00E9>");
	canvas_box(&c, (struct area){ 0, 1, 40, 9 }, "b\u00f6x", true);
	for (int i = 0; i < GLYPH_COUNT; i++)
		assert_int_equal(
		    canvas_glyph(&c, 1, 2, ROLE_TEXT, (enum glyph)i), 1);
	for (int i = 0; i < ROLE_COUNT; i++)
		(void)canvas_mark(&c, 1, 3, (enum role)i);
	canvas_dump(&c, true, &b);
	for (size_t i = 0; i < b.n; i++)
		assert_true((unsigned char)b.p[i] < 0x80);
	buf_release(&b);
}

static void
our_own_marks_have_one_column_in_every_locale(void **state)
{
	/* East Asian Ambiguous: two columns in some terminals. Borders alone
	 * may be of those. */
	(void)state;
	for (int i = 0; i < GLYPH_H; i++)
		assert_int_equal(
		    canvas_glyph(&c, 0, 0, ROLE_TEXT, (enum glyph)i), 1);
	for (int i = 0; i < ROLE_COUNT; i++)
		assert_true(
		    canvas_mark(&c, 0, 0, (enum role)i) <= 1);
}

static void
text_that_is_too_long_is_cut_visibly(void **state)
{
	(void)state;
	canvas_fit(&c, 0, 0, 6, ROLE_TEXT, "abcdefgh");
	row_is(0, "abcde~");
	canvas_fit(&c, 0, 0, 6, ROLE_TEXT, "abc");
	row_is(0, "abc");
	canvas_fit(&c, 0, 1, 4, ROLE_TEXT, "\u65e5\u65e5\u65e5");
	row_is(1, "\u65e5 ~");
	canvas_right(&c, 0, 2, 6, ROLE_TEXT, "12");
	row_is(2, "    12");
	canvas_fit(&c, -2, 3, 6, ROLE_TEXT, "abcdef");
	row_is(3, "cdef");
	canvas_fit(&c, 0, 4, 0, ROLE_TEXT, "abc");
	row_is(4, "");
}

static void
long_text_is_broken_at_blanks(void **state)
{
	(void)state;
	assert_int_equal(canvas_wrap(&c, (struct area){ 0, 0, 10, 4 }, ROLE_TEXT,
	    "the quick brown fox\njumps overthelazydog"), 5);
	row_is(0, "the quick");
	row_is(1, "brown fox");
	row_is(2, "jumps");
	row_is(3, "overthelaz");
	row_is(4, "");
	assert_int_equal(canvas_wrap(&c, (struct area){ 0, 5, 1, 3 }, ROLE_TEXT,
	    "\u65e5\u65e5"), 2);
	assert_int_equal(canvas_wrap(&c, (struct area){ 0, 0, 5, 1 }, ROLE_TEXT,
	    ""), 0);
}

static void
a_view_cannot_be_left(void **state)
{
	struct area before;

	(void)state;
	before = canvas_enter(&c, (struct area){ 5, 2, 10, 3 });
	assert_int_equal(c.w, 10);
	canvas_fill(&c, (struct area){ -5, -5, 50, 50 }, ROLE_WARNING, "x");
	canvas_cursor(&c, 99, 99);
	canvas_leave(&c, before);
	row_is(1, "");
	row_is(2, "     xxxxxxxxxx");
	row_is(5, "");
	assert_int_equal(c.cursor_x, 14);
	assert_int_equal(c.cursor_y, 4);
}

static void
a_screen_reads_well_in_a_file(void **state)
{
	const int64_t sizes[] = { 1, 2, 3, 5, 8, 4, 2, 1 };

	(void)state;
	canvas_box(&c, (struct area){ 0, 0, 40, 4 }, "live", true);
	canvas_box(&c, (struct area){ 0, 4, 40, 4 }, "job", false);
	(void)canvas_mark(&c, 2, 1, ROLE_WARNING);
	(void)canvas_put(&c, 4, 1, ROLE_WARNING, "disk backup 96 %");
	canvas_bar(&c, 2, 2, 20, ROLE_TEXT, 3, 4);
	canvas_spark(&c, 2, 5, ROLE_DIM, sizes, 8);
	canvas_role(&c, (struct area){ 1, 6, 38, 1 }, ROLE_SELECT);
	canvas_cursor(&c, 1, 6);
	golden(&c, "canvas-utf8");
	c.ascii = true;
	canvas_clear(&c);
	canvas_box(&c, (struct area){ 0, 0, 40, 4 }, "live", true);
	canvas_box(&c, (struct area){ 0, 4, 40, 4 }, "job", false);
	canvas_spark(&c, 2, 5, ROLE_DIM, sizes, 8);
	golden(&c, "canvas-ascii");
}

/* canvas_putn() relies on it. */
static void
printable_ascii_is_clean_as_it_is(void **state)
{
	char all['~' - ' ' + 2] = "";
	struct buf b = BUF_INIT;

	(void)state;
	for (int ch = ' '; ch <= '~'; ch++)
		all[ch - ' '] = (char)ch;
	text_clean(&b, all, strlen(all), TEXT_LINE);
	assert_string_equal(b.p, all);
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(printable_ascii_is_clean_as_it_is),
	cmocka_unit_test_setup(what_lies_outside_is_clipped, fresh),
	cmocka_unit_test_setup(control_characters_are_shown_not_sent, fresh),
	cmocka_unit_test_setup(a_wide_character_takes_two_cells, fresh),
	cmocka_unit_test_setup(marks_join_the_character_before, fresh),
	cmocka_unit_test_setup(emoji_are_spelt_out, fresh),
	cmocka_unit_test_setup(ascii_means_ascii, fresh),
	cmocka_unit_test_setup(our_own_marks_have_one_column_in_every_locale,
	    fresh),
	cmocka_unit_test_setup(text_that_is_too_long_is_cut_visibly, fresh),
	cmocka_unit_test_setup(long_text_is_broken_at_blanks, fresh),
	cmocka_unit_test_setup(a_view_cannot_be_left, fresh),
	cmocka_unit_test_setup(a_screen_reads_well_in_a_file, fresh),
};

int
main(void)
{
	int failed = RUN_TESTS(tests);

	canvas_release(&c);
	return failed;
}
