/* README and manual page say what the tables say. */
#include "tests/ui/kit.h"

#include "ui/manual.h"
#include "ui/talk.h"
#include "verb/verbs.h"

static void
the_readme_has_the_buttons_as_they_are(void **state)
{
	struct buf b = BUF_INIT;
	char *readme = test_read("README.md");

	(void)state;
	manual_buttons(&b);
	if (strstr(readme, b.p) == NULL) {
		printf("%s", b.p);	/* longer than a message may be */
		fail_msg("the README's table of buttons should be this");
	}
	free(readme);
	buf_release(&b);
}

static void
the_manual_has_the_console_its_buttons_and_its_keys(void **state)
{
	struct button_about about;
	struct buf b = BUF_INIT;

	(void)state;
	console_keys_man(&b);
	assert_int_equal(strncmp(b.p, ".SH CONSOLE\n", 12), 0);
	assert_non_null(strstr(b.p, "\n.SH KEYS\n"));
	for (size_t i = 0; picture_button_about(i, &about); i++) {
		struct buf want = BUF_INIT;

		keys_man_text(&want, about.effect);
		assert_non_null(strstr(b.p, want.p));
		buf_release(&want);
	}
	/* no line is taken for a request that roff does not know */
	for (char *line = b.p; line != NULL && *line != '\0';) {
		char *end = strchr(line, '\n');

		assert_non_null(end);
		assert_true(line[0] != '\'');
		if (line[0] == '.' && strncmp(line, ".SH ", 4) != 0 &&
		    strncmp(line, ".SS ", 4) != 0 &&
		    strncmp(line, ".TP\n", 4) != 0 &&
		    strncmp(line, ".PP\n", 4) != 0 &&
		    strncmp(line, ".BR ", 4) != 0 &&
		    strncmp(line, ".B ", 3) != 0 &&
		    strncmp(line, ".I ", 3) != 0)
			fail_msg("roff would not know: %.40s", line);
		line = end + 1;
	}
	buf_release(&b);
}

static bool
is_sentence_part(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 160 && s[n - 1] != '.' && s[n - 1] != ' ' &&
	    s[0] != ' ' && !(s[0] >= 'A' && s[0] <= 'Z');
}

static void
every_button_says_what_it_does_and_how_it_is_undone(void **state)
{
	struct button_about b;
	struct keys k;
	size_t n = 0;

	(void)state;
	keys_init(&k);
	for (; picture_button_about(n, &b); n++) {
		char key[24];

		keys_name(&k, b.request, key);
		assert_true(key[0] != '\0');
		assert_true(requests[b.request].label[0] != '\0');
		if (!is_sentence_part(b.effect))
			fail_msg("%s: '%s'", requests[b.request].word,
			    b.effect);
		if (!is_sentence_part(b.undo))
			fail_msg("%s: '%s'", requests[b.request].word, b.undo);
		assert_true(manual_rung(b.rung)[0] != '\0');
	}
	assert_true(n > 10);
}

static void
every_key_has_a_word_and_a_help(void **state)
{
	(void)state;
	for (int r = 0; r < REQ_COUNT; r++) {
		const struct request_row *row = &requests[r];

		assert_int_equal(strspn(row->word,
		    "abcdefghijklmnopqrstuvwxyz-"), strlen(row->word));
		if (!is_sentence_part(row->help) || strlen(row->help) > 70)
			fail_msg("%s: '%s'", row->word, row->help);
		if (strlen(row->label) > 10)
			fail_msg("%s: '%s' is long for the bottom line",
			    row->word, row->label);
		if (row->rank > 0 && row->label[0] == '\0')
			fail_msg("%s stands in the bottom line without a word",
			    row->word);
		for (int other = 0; other < r; other++)
			assert_string_not_equal(row->word,
			    requests[other].word);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_readme_has_the_buttons_as_they_are),
	cmocka_unit_test(the_manual_has_the_console_its_buttons_and_its_keys),
	cmocka_unit_test(every_button_says_what_it_does_and_how_it_is_undone),
	cmocka_unit_test(every_key_has_a_word_and_a_help),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
