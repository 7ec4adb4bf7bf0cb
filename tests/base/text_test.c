#include "base/text.h"

#include "tests/test.h"

#include <locale.h>

#include "base/err.h"
#include "base/spawn.h"

static struct buf out;

static const char *
clean(const char *s, size_t n, unsigned keep)
{
	buf_clear(&out);
	text_clean(&out, s, n, keep);
	return out.p;
}

static const char *
clean_str(const char *s)
{
	return clean(s, strlen(s), TEXT_LINE);
}

static void
encode(uint32_t cp, char s[5])
{
	if (cp < 0x80)
		(void)snprintf(s, 5, "%c", (int)cp);
	else if (cp < 0x800)
		(void)snprintf(s, 5, "%c%c", (int)(0xc0 | cp >> 6),
		    (int)(0x80 | (cp & 63)));
	else if (cp < 0x10000)
		(void)snprintf(s, 5, "%c%c%c", (int)(0xe0 | cp >> 12),
		    (int)(0x80 | (cp >> 6 & 63)), (int)(0x80 | (cp & 63)));
	else
		(void)snprintf(s, 5, "%c%c%c%c", (int)(0xf0 | cp >> 18),
		    (int)(0x80 | (cp >> 12 & 63)),
		    (int)(0x80 | (cp >> 6 & 63)), (int)(0x80 | (cp & 63)));
}

static void
every_control_character_becomes_visible(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char s = (char)c;
		const char *t = clean(&s, 1, TEXT_LINE);

		for (const char *p = t; *p != '\0'; p++)
			assert_true(*p >= ' ' && *p < 0x7f);
		assert_true(c >= ' ' && c < 0x7f ? strlen(t) == 1 :
		    strlen(t) >= 2);
	}
	for (uint32_t cp = 0x80; cp <= 0x9f; cp++) {
		char s[5];

		encode(cp, s);
		assert_int_equal(clean_str(s)[0], '<');
	}
	assert_string_equal(clean("a\0b", 3, TEXT_LINE), "a\\x00b");
	assert_string_equal(clean_str("\033]0;x\007\r\n\t\x7f"),
	    "\\x1b]0;x\\x07\\r\\n\\t\\x7f");
	assert_string_equal(clean_str("\xc2\x9b" "31m"), "<U+009B>31m");
}

static void
newline_and_tab_stay_where_they_are_asked_for(void **state)
{
	(void)state;
	assert_string_equal(clean("a\n\tb\r", 5, TEXT_BLOCK), "a\n\tb\\r");
	assert_string_equal(clean("a\n\tb\r", 5, TEXT_LINE), "a\\n\\tb\\r");
}

static void
what_turns_or_hides_text_is_named(void **state)
{
	static const uint32_t cps[] = { 0xad, 0x61c, 0x180e, 0x200b, 0x200c,
	    0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c,
	    0x202d, 0x202e, 0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0x3164,
	    0xfe0f, 0xfeff, 0xfff9, 0xe0001, 0xe0041, 0xe000, 0x10ffff };

	(void)state;
	for (size_t i = 0; i < sizeof cps / sizeof *cps; i++) {
		char s[5], want[16];

		encode(cps[i], s);
		(void)snprintf(want, sizeof want, "<U+%04X>", (unsigned)cps[i]);
		assert_string_equal(clean_str(s), want);
	}
}

static void
words_of_any_language_stay(void **state)
{
	static const char *const good[] = { "Straße", "Ọ̀ṣun", "データ",
	    "خطأ", "שגיאה", "😀", "naïve", "e\xcc\x81" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		test_case(good[i]);
		assert_string_equal(clean_str(good[i]), good[i]);
	}
}

static void
a_pile_of_marks_is_cut(void **state)
{
	struct buf s = BUF_INIT;

	(void)state;
	buf_ch(&s, 'e');
	for (int i = 0; i < 6; i++)
		buf_str(&s, "\xcc\x81");
	buf_str(&s, "x\xcc\x81");
	assert_string_equal(clean_str(s.p), "e\xcc\x81\xcc\x81\xcc\x81"
	    "<U+0301><U+0301><U+0301>x\xcc\x81");
	buf_release(&s);
}

static void
bytes_that_are_no_characters_are_shown_as_bytes(void **state)
{
	static const char *const bad[][2] = {
		{ "\x80", "\\x80" },
		{ "\xc0\x80", "\\xc0\\x80" },		/* long NUL */
		{ "\xc1\xbf", "\\xc1\\xbf" },
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },	/* long '/' */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },	/* half a pair */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80" },
		{ "\xe2\x82", "\\xe2\\x82" },		/* cut off */
		{ "\xe2\x82\x41", "\\xe2\\x82" "A" },
		{ "a\xff\xfe" "b", "a\\xff\\xfe" "b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i][1]);
		assert_string_equal(clean_str(bad[i][0]), bad[i][1]);
		buf_clear(&out);
		text_utf8(&out, bad[i][0], strlen(bad[i][0]));
		assert_string_equal(out.p, bad[i][1]);
	}
}

static void
ascii_alone_where_it_is_asked_for(void **state)
{
	(void)state;
	assert_string_equal(clean("ü€\xff", 6, TEXT_ASCII),
	    "<U+00FC><U+20AC>\\xff");
}

/* Random bytes: the result is always valid UTF-8 without controls, and cleaning
 * it again changes nothing. */
static void
cleaning_twice_is_cleaning_once(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char s[24];
		struct buf once = BUF_INIT;

		for (size_t i = 0; i < sizeof s; i++)
			s[i] = (char)((seed = seed * 1103515245u + 12345u) >>
			    16);
		text_clean(&once, s, sizeof s, TEXT_LINE);
		assert_string_equal(clean(once.p, once.n, TEXT_LINE), once.p);
		for (size_t i = 0; i < once.n;) {
			uint32_t cp = 0;
			size_t n = text_utf8_len(once.p + i, once.n - i, &cp);

			assert_true(n > 0 && cp >= ' ');
			i += n;
		}
		buf_release(&once);
	}
}

static void
a_short_room_is_filled_between_characters(void **state)
{
	char room[6];

	(void)state;
	text_clean_into(room, sizeof room, "abcd\xe2\x82\xac");
	assert_string_equal(room, "abcd");
	text_clean_into(room, sizeof room, "ab\xe2\x82\xac");
	assert_string_equal(room, "ab\xe2\x82\xac");
	text_clean_into(room, 1, "abc");
	assert_string_equal(room, "");
	assert_int_equal(text_fit("\xe2\x82\xac", 3, 2), 0);
	assert_int_equal(text_fit("ab", 2, 9), 2);
}

static void
columns_are_those_of_the_terminal(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		test_skip("there is no locale C.UTF-8");
	assert_int_equal(text_width("\xe3\x83\x87"), 2);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_width("ü"), 1);
	assert_int_equal(text_width(""), 0);
	(void)setlocale(LC_CTYPE, "C");
}

static void
sizes_are_read_with_their_units(void **state)
{
	static const struct { const char *s; int64_t v; } good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "1k", 1024 }, { "1KB", 1024 },
		{ "600MB", INT64_C(600) << 20 }, { "1.5 GiB",
		    INT64_C(3) << 29 }, { "2T", INT64_C(2) << 40 },
		{ "0.5mib", 1 << 19 }, { "8388606 TiB",
		    INT64_C(8388606) << 40 }, { "7b", 7 },
	};
	static const char *const bad[] = { "", " 1", "-1", "MB", "1.",
	    ".5", "1XB", "1MBx", "1 M B", "9999999999999999999",
	    "8388608T", "1e3", "0x10", "1,5GB", "\xd9\xa1" };
	int64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		test_case(good[i].s);
		assert_true(text_size(good[i].s, &v));
		assert_true(v == good[i].v);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i]);
		v = 77;
		assert_false(text_size(bad[i], &v));
		assert_int_equal(v, 77);
	}
}

static void
durations_are_read_with_their_units(void **state)
{
	static const struct { const char *s; int64_t v; } good[] = {
		{ "250ms", 250 }, { "90s", 90000 }, { "15m", 900000 },
		{ "15 min", 900000 }, { "24h", 86400000 },
		{ "7d", INT64_C(604800000) }, { "2w", INT64_C(1209600000) },
		{ "1h30m", 5400000 }, { "1h 30m", 5400000 },
		{ "1.5h", 5400000 }, { "0s", 0 },
	};
	static const char *const bad[] = { "", "5", "m", "-5m", "5 parsecs",
	    "1h30", "1h-5m", "99999999999999w", "h1" };
	int64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		test_case(good[i].s);
		assert_true(text_duration(good[i].s, &v));
		assert_true(v == good[i].v);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i]);
		assert_false(text_duration(bad[i], &v));
	}
}

static void
whole_numbers_stay_in_their_range(void **state)
{
	int64_t v = 5;

	(void)state;
	assert_true(text_int("-3", -3, 3, &v));
	assert_int_equal(v, -3);
	assert_false(text_int("4", -3, 3, &v));
	assert_false(text_int("", -3, 3, &v));
	assert_false(text_int("1x", -3, 3, &v));
	assert_false(text_int("99999999999999999999", INT64_MIN, INT64_MAX,
	    &v));
}

static void
sizes_and_durations_are_written_for_people(void **state)
{
	static const struct { int64_t v; const char *s; } sizes[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1536, "1.5 KB" },
		{ INT64_C(600) << 20, "600 MB" }, { INT64_MAX, "8192 PB" },
	};
	static const struct { int64_t v; const char *s; } times[] = {
		{ -1, "-" }, { 1500, "1.5 s" }, { 42000, "42 s" },
		{ 900000, "15 min" }, { 7260000, "2 h 01 min" },
		{ INT64_C(190000000), "2 d 4 h" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		text_fmt_size(text, sizes[i].v);
		assert_string_equal(text, sizes[i].s);
	}
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		text_fmt_duration(text, times[i].v);
		assert_string_equal(text, times[i].s);
	}
}

static void
the_nearest_word_is_offered_only_when_it_is_near(void **state)
{
	static const char *const words[] = { "name", "port", "host", "dbname",
	    "known_hosts" };
	static const struct { const char *s, *near; } rows[] = {
		{ "prot", "port" }, { "prt", "port" }, { "portt", "port" },
		{ "hots", "host" }, { "dbnam", "dbname" }, { "zebra", NULL },
		{ "x", NULL }, { "", NULL }, { "known-host", "known_hosts" },
		{ "a very long word that is like none of these, really", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *got = text_nearest(rows[i].s, words, 5);

		test_case(rows[i].s);
		if (rows[i].near == NULL)
			assert_null(got);
		else
			assert_string_equal(got, rows[i].near);
	}
	assert_null(text_nearest("x", NULL, 0));
}

/* What the shells on this host make of a quoted word. */
static void
a_quoted_word_reaches_every_shell_whole(void **state)
{
	static const char *const shells[] = { "sh", "dash", "bash" };
	static const char *const words[] = { "", "plain", "a b", "it's", "'",
	    "''", "\"", "$HOME", "`id`", "$(id)", "a;id", "a|b&c", "-Fc", "~",
	    "~/x", "*", "[a-z]", "{a,b}", "a\\", "\\", "\n", "a\nb", "\t", "!x",
	    "!!", "#x", "a#", "=", "A=b", "%s", "\x01\x1b[31m", "\xff\xfe",
	    "ü€", "$'x'", "<(x)", "?", "^", "a'$(touch x)'b", " lead",
	    "trail " };

	(void)state;
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
		char *found = spawn_which(shells[i]);

		if (found == NULL)
			continue;
		free(found);
		for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
			struct buf line = BUF_INIT;
			struct err e = ERR_INIT;
			struct ran ran;

			buf_str(&line, "printf %s. ");
			text_shell(&line, words[k]);
			const char *argv[] = { shells[i], "-c", line.p, NULL };
			struct run run = { .argv = argv };

			test_case(line.p);
			assert_true(spawn_run(&run, &ran, &e));
			assert_int_equal(spawn_code(ran.status), 0);
			assert_int_equal(ran.out.n, strlen(words[k]) + 1);
			assert_memory_equal(ran.out.p, words[k],
			    strlen(words[k]));
			ran_release(&ran);
			buf_release(&line);
		}
	}
	buf_clear(&out);
	text_shell(&out, "/srv/app-1.2_x@y%z+w=,:");
	assert_string_equal(out.p, "/srv/app-1.2_x@y%z+w=,:");
}

static void
names_are_plain_words(void **state)
{
	static const char *const good[] = { "a", "otc", "0", "A-b_c.d",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	static const char *const bad[] = { "", "-a", ".a", "_a", "a b", "a/b",
	    "a\n", "ä", "a\xe4", "..", "a:b",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(text_is_name(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(text_is_name(bad[i]));
	assert_true(text_in("b", (const char *const[]){ "a", "b" }, 2));
	assert_false(text_in("c", (const char *const[]){ "a", "b" }, 2));
	assert_true(text_starts("abc", "ab"));
	assert_false(text_starts("a", "ab"));
	assert_true(text_empty(NULL) && text_empty("") && !text_empty("x"));
}

static int
done(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_control_character_becomes_visible),
	cmocka_unit_test(newline_and_tab_stay_where_they_are_asked_for),
	cmocka_unit_test(what_turns_or_hides_text_is_named),
	cmocka_unit_test(words_of_any_language_stay),
	cmocka_unit_test(a_pile_of_marks_is_cut),
	cmocka_unit_test(bytes_that_are_no_characters_are_shown_as_bytes),
	cmocka_unit_test(ascii_alone_where_it_is_asked_for),
	cmocka_unit_test(cleaning_twice_is_cleaning_once),
	cmocka_unit_test(a_short_room_is_filled_between_characters),
	cmocka_unit_test(columns_are_those_of_the_terminal),
	cmocka_unit_test(sizes_are_read_with_their_units),
	cmocka_unit_test(durations_are_read_with_their_units),
	cmocka_unit_test(whole_numbers_stay_in_their_range),
	cmocka_unit_test(sizes_and_durations_are_written_for_people),
	cmocka_unit_test(the_nearest_word_is_offered_only_when_it_is_near),
	cmocka_unit_test(a_quoted_word_reaches_every_shell_whole),
	cmocka_unit_test_teardown(names_are_plain_words, done),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
