#include "tests/ui/kit.h"

#include "ui/keys.h"

static struct keys k;
static struct notes problems;

static int
fresh(void **state)
{
	(void)state;
	keys_init(&k);
	notes_release(&problems);
	return 0;
}

static void
no_key_is_bound_twice(void **state)
{
	(void)state;
	keys_collisions(&k, &problems);
	for (size_t i = 0; i < problems.v.n; i++)
		print_message("# %s\n", problems.v.v[i]);
	assert_int_equal(problems.v.n, 0);
}

static void
nothing_needs_a_function_key_or_hides_behind_a_move(void **state)
{
	(void)state;
	for (int r = 0; r < REQ_COUNT; r++) {
		bool plain = false;

		for (int i = 0; i < KEYS_PER_REQUEST && k.bound[r][i]; i++) {
			uint32_t key = k.bound[r][i];

			plain = plain || key < KEY_SPECIAL;
			assert_true(key != KEY_CTRL('s') && key != KEY_CTRL('q'));
			if (key == 'h' || key == 'j' || key == 'k' || key == 'l')
				assert_true(r == REQ_UP || r == REQ_DOWN ||
				    r == REQ_LEFT || r == REQ_RIGHT);
		}
		if (!plain && r != REQ_PREV_PANE && r != REQ_PAGE_UP)
			fail_msg("%s has no plain key", requests[r].word);
		assert_true(strlen(requests[r].help) > 1);
	}
}

static void
a_key_is_looked_up_from_the_pane_outwards(void **state)
{
	(void)state;
	assert_int_equal(keys_find(&k, SPACE_RUNBOOK, 'r'), REQ_RUN);
	assert_int_equal(keys_find(&k, SPACE_LIVE, 'r'), REQ_NONE);
	assert_int_equal(keys_find(&k, SPACE_LIVE, 'j'), REQ_DOWN);
	assert_int_equal(keys_find(&k, SPACE_GLOBAL, 'j'), REQ_NONE);
	assert_int_equal(keys_find(&k, SPACE_RECORD, 'c'), REQ_CORRECT);
	assert_int_equal(keys_find(&k, SPACE_JOB, 'c'), REQ_CANCEL_JOB);
	assert_int_equal(keys_find(&k, SPACE_JOB, '?'), REQ_HELP);
	assert_int_equal(keys_find(&k, SPACE_JOB, KEY_F1), REQ_HELP);
	assert_int_equal(keys_find(&k, SPACE_JOB, '\n'), REQ_OPEN);
	assert_int_equal(keys_find(&k, SPACE_JOB, '\b'), REQ_BACK);
	assert_int_equal(keys_find(&k, SPACE_JOB, 0x20ac), REQ_NONE);
}

static void
names_of_keys_are_read_as_they_are_written(void **state)
{
	static const char *const words[] = { "a", "?", "Enter", "C-l", "F12",
		"M-x", "S-Tab", "Space", "\xc3\xa9", "M-F1" };

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		uint32_t key;
		char name[24];

		assert_true(key_parse(words[i], &key));
		key_text(key, name);
		assert_string_equal(name, words[i]);
	}
	for (int r = 0; r < REQ_COUNT; r++)
		assert_int_equal(request_find(requests[r].word), r);
}

static void
a_file_changes_keys(void **state)
{
	static const char text[] = "keys = { note = ( \"n\", \"C-n\" ); "
	    "next-hit = \"none\"; help = \"H\"; };";

	(void)state;
	assert_true(keys_parse(&k, "keys.cfg", text, strlen(text), &problems));
	assert_int_equal(problems.v.n, 0);
	assert_int_equal(keys_find(&k, SPACE_LIVE, 'n'), REQ_NOTE);
	assert_int_equal(keys_find(&k, SPACE_LIVE, KEY_CTRL('n')), REQ_NOTE);
	assert_int_equal(keys_find(&k, SPACE_LIVE, 'i'), REQ_NONE);
	assert_int_equal(keys_find(&k, SPACE_LIVE, 'H'), REQ_HELP);
}

static void
all_mistakes_are_reported_and_the_defaults_stay(void **state)
{
	static const char text[] =
	    "keys = {\n"
	    "	nott = \"x\";\n"
	    "	note = \"Hyper-x\";\n"
	    "	zoom = \"j\";\n"
	    "	copy = \"C-s\";\n"
	    "	quit = \"none\";\n"
	    "	brief = \"i\";\n"
	    "	people = ( \"p\", \"p2\" );\n"
	    "};\n";
	struct keys own;

	(void)state;
	keys_init(&own);
	assert_true(keys_parse(&k, "keys.cfg", text, strlen(text), &problems));
	for (size_t i = 0; i < problems.v.n; i++)
		print_message("# %s\n", problems.v.v[i]);
	assert_int_equal(problems.v.n, 7);
	for (size_t i = 0; i < problems.v.n; i++) {
		char want[24];

		snprintf(want, sizeof want, "keys.cfg:%zu: ", i + 2);
		assert_int_equal(
		    strncmp(problems.v.v[i], want, strlen(want)), 0);
	}
	assert_memory_equal(&k, &own, sizeof k);
	assert_false(keys_parse(&k, "keys.cfg", "keys = ", 7, &problems));
	assert_false(keys_load(&k, "/nowhere/keys.cfg", &problems));
	assert_int_equal(problems.v.n, 9);
}

static void
help_and_bottom_line_are_made_of_the_table(void **state)
{
	struct buf b = BUF_INIT;
	enum request best[8];

	(void)state;
	keys_help(&k, SPACE_RUNBOOK, &b);
	assert_int_equal(strncmp(b.p, "in the runbook\nr\trun the step", 29),
	    0);
	assert_non_null(strstr(b.p, "\nin every list\n"));
	assert_non_null(strstr(b.p, "\n? F1\tthis list"));
	golden_text(b.p, "help-runbook");
	assert_int_equal(keys_best(&k, SPACE_RUNBOOK, best, 8), 8);
	assert_int_equal(best[0], REQ_SAVE_ALL);
	assert_int_equal(best[1], REQ_HELP);
	buf_clear(&b);
	keys_markdown(&b);
	char *readme = test_read("README.md");

	golden_text(b.p, "keys-readme");
	if (strstr(readme, b.p) == NULL)
		fail_msg("the README's table of keys is not that of "
		    "golden/keys-readme.txt");
	free(readme);
	buf_clear(&b);
	keys_man(&b);
	assert_non_null(strstr(b.p, ".TP\n.B ?, F1\n"));
	assert_non_null(strstr(b.p, ".B \\-\n"));
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(no_key_is_bound_twice, fresh),
	cmocka_unit_test_setup(
	    nothing_needs_a_function_key_or_hides_behind_a_move, fresh),
	cmocka_unit_test_setup(a_key_is_looked_up_from_the_pane_outwards,
	    fresh),
	cmocka_unit_test_setup(names_of_keys_are_read_as_they_are_written,
	    fresh),
	cmocka_unit_test_setup(a_file_changes_keys, fresh),
	cmocka_unit_test_setup(all_mistakes_are_reported_and_the_defaults_stay,
	    fresh),
	cmocka_unit_test_setup(help_and_bottom_line_are_made_of_the_table,
	    fresh),
};

int
main(void)
{
	int failed = RUN_TESTS(tests);

	notes_release(&problems);
	return failed;
}
