#include "tests/test.h"

#include "base/file.h"
#include "runbook/runbook.h"

#define DATA "tests/data/runbook/"

static struct runbook rb;
static struct site site;

static int
with_design_site(void **state)
{
	(void)state;
	if (!site_load(&site, "tests/data/site/design.cfg")) {
		for (size_t i = 0; i < site.doc.problems.n; i++)
			print_message("# %s\n", site.doc.problems.v[i].text);
		return -1;
	}
	return 0;
}

static int
without(void **state)
{
	(void)state;
	runbook_release(&rb);
	site_release(&site);
	return 0;
}

static bool
load(const char *path, const struct site *s)
{
	struct rb_names names = { 0 };
	struct pool pool = { 0 };
	bool ok;

	runbook_release(&rb);
	if (s != NULL)
		runbook_names_of_site(s, &pool, &names);
	ok = runbook_load(&rb, path, &names, s);
	assert_int_equal(ok, rb.doc.problems.n == 0);
	pool_release(&pool);
	return ok;
}

static bool
parse(const char *text)
{
	runbook_release(&rb);
	return runbook_parse(&rb, "x.cfg", text, strlen(text), NULL, NULL);
}

static void
first_problem_is(const char *text)
{
	assert_true(rb.doc.problems.n > 0);
	assert_string_equal(rb.doc.problems.v[0].text, text);
}

/* The end of each line of the file says after "#!" what is to be found there;
 * nothing else may be. */
static void
finds_what_it_should(const char *path)
{
	struct buf file = BUF_INIT;
	struct err e = ERR_INIT;
	size_t found = 0, wrong = 0;
	int line = 1;
	bool *used;

	assert_false(load(path, &site));
	assert_int_equal(rb.doc.dropped, 0);
	assert_true(file_read(path, &file, 1 << 20, &e));
	used = calloc(rb.doc.problems.n, sizeof *used);
	for (char *s = file.p, *end; *s != '\0'; s = end, line++) {
		end = s + strcspn(s, "\n");
		if (*end != '\0')
			*end++ = '\0';
		for (char *at = strstr(s, "#! "); at != NULL;) {
			char *next = strstr(at + 3, " #! ");
			char want[1000];
			size_t i = 0;

			if (next != NULL)
				*next++ = '\0';
			snprintf(want, sizeof want, "%s:%d: %s", path, line,
			    at + 3);
			while (i < rb.doc.problems.n && (used[i] || strcmp(
			    rb.doc.problems.v[i].text, want) != 0))
				i++;
			if (i < rb.doc.problems.n)
				used[i] = true;
			else {
				print_message("# not found: %s\n", want);
				wrong++;
			}
			found++;
			at = next;
		}
	}
	for (size_t i = 0; i < rb.doc.problems.n; i++)
		if (!used[i]) {
			print_message("# not expected: %s\n",
			    rb.doc.problems.v[i].text);
			wrong++;
		}
	free(used);
	buf_release(&file);
	assert_int_equal(wrong, 0);
	assert_true(found >= 15);
}

static void
mistakes_in_keys_words_and_kinds_are_all_found(void **state)
{
	(void)state;
	finds_what_it_should(DATA "bad.cfg");
}

static void
names_of_what_is_not_there_are_all_found(void **state)
{
	(void)state;
	finds_what_it_should(DATA "names.cfg");
}

static void
gates_that_can_never_hold_are_all_found(void **state)
{
	(void)state;
	finds_what_it_should(DATA "gates.cfg");
}

static void
problems_come_in_the_order_of_their_lines(void **state)
{
	(void)state;
	assert_false(load(DATA "bad.cfg", &site));
	for (size_t i = 1; i < rb.doc.problems.n; i++)
		assert_true(rb.doc.problems.v[i - 1].line <=
		    rb.doc.problems.v[i].line);
}

static void
a_syntax_error_is_told_alone(void **state)
{
	(void)state;
	assert_false(parse("runbook = {\n  name = \"x\"\n  steps = (\n"));
	assert_int_equal(rb.doc.problems.n, 1);
	first_problem_is("x.cfg:4: syntax error");
}

static void
a_file_that_is_no_runbook_says_so(void **state)
{
	(void)state;
	assert_false(parse("alarms = ( );\n"));
	first_problem_is("x.cfg:1: alarms: unknown key");
	assert_false(parse(""));
	assert_true(rb.doc.problems.n > 0);
	runbook_release(&rb);
	assert_false(runbook_load(&rb, "/no/such/file.cfg", NULL, NULL));
	assert_non_null(strstr(rb.doc.problems.v[0].text, "No such file"));
}

static void
a_runbook_needs_steps_and_an_end(void **state)
{
	(void)state;
	assert_false(parse("runbook = { name = \"x\"; title = \"X\"; "
	    "severity = \"SEV-1\"; steps = ( ); };"));
	assert_int_equal(rb.doc.problems.n, 3);
	first_problem_is("x.cfg:1: runbook.steps: is empty");
	assert_string_equal(rb.doc.problems.v[1].text, "x.cfg:1: "
	    "runbook.resolve: is empty: without a condition it would be over "
	    "at once");
}

static void
a_flood_of_steps_is_refused(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_str(&b, "runbook = { name = \"x\"; title = \"X\"; severity = "
	    "\"SEV-1\"; resolve = ( \"frozen\" ); close = ( \"frozen\" ); "
	    "steps = ( ");
	for (int i = 0; i < 500; i++)
		buf_printf(&b, "%s{ id = \"s%d\"; kind = \"manual\"; title = "
		    "\"T\"; stop = \"safe\"; needs = ( \"step s%d done\" ); }",
		    i ? ",\n" : "", i, (i + 1) % 500);
	buf_str(&b, " ); };");
	assert_false(parse(b.p));
	assert_int_equal(rb.doc.problems.n, 1);
	first_problem_is("x.cfg:1: runbook.steps: at most 400 steps, please");
	buf_release(&b);
}

static void
every_shipped_runbook_is_without_fault(void **state)
{
	static const char *const files[] = { "midnight-backup-failure",
	    "arp-recovery", "restore-data", "schedule-missed",
	    "upload-unverified", "wal-full" };

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		for (int with = 0; with < 2; with++) {
			char path[200];

			snprintf(path, sizeof path, "runbooks/%s.cfg",
			    files[i]);
			test_case(path);
			if (!load(path, with ? &site : NULL))
				for (size_t k = 0; k < rb.doc.problems.n; k++)
					print_message("# %s\n",
					    rb.doc.problems.v[k].text);
			assert_int_equal(rb.doc.problems.n, 0);
			assert_string_equal(rb.name, files[i]);
			assert_true(rb.n > 5);
		}
}

static void
the_shipped_alarms_lead_to_runbooks_that_are_there(void **state)
{
	struct conf_doc doc = { 0 };
	struct buf file = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	if (!runbook_alarms_check(&doc, "runbooks/alarms.cfg"))
		for (size_t k = 0; k < doc.problems.n; k++)
			print_message("# %s\n", doc.problems.v[k].text);
	assert_int_equal(doc.problems.n, 0);
	assert_true(file_read("runbooks/alarms.cfg", &file, 1 << 20, &e));
	for (const char *s = file.p; (s = strstr(s, "runbook = \"")) != NULL;) {
		char path[200];

		s += strlen("runbook = \"");
		snprintf(path, sizeof path, "runbooks/%.*s.cfg",
		    (int)strcspn(s, "\""), s);
		test_case(path);
		assert_true(file_exists(path));
	}
	buf_release(&file);
	conf_release(&doc);
}

static void
mistakes_in_alarms_are_found(void **state)
{
	static const char *const want[] = {
		"severity 'SEV-7'", "no regular expression", "line 1 already",
		"unknown key, did you mean 'match'?", "'runbook' is missing",
	};
	const char *path = test_write("alarms.cfg", "alarms = ( { alarm = "
	    "\"a\"; runbook = \"x\"; severity = \"SEV-7\"; match = \"(\"; },\n"
	    "{ alarm = \"a\"; severity = \"SEV-1\"; mtach = \"x\"; } );\n");
	struct conf_doc doc = { 0 };

	(void)state;
	assert_false(runbook_alarms_check(&doc, path));
	assert_int_equal(doc.problems.n, sizeof want / sizeof *want);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		size_t k = 0;

		test_case(want[i]);
		while (k < doc.problems.n &&
		    strstr(doc.problems.v[k].text, want[i]) == NULL)
			k++;
		assert_true(k < doc.problems.n);
	}
	conf_release(&doc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_design_site, without)
static const struct CMUnitTest tests[] = {
	TEST(mistakes_in_keys_words_and_kinds_are_all_found),
	TEST(names_of_what_is_not_there_are_all_found),
	TEST(gates_that_can_never_hold_are_all_found),
	TEST(problems_come_in_the_order_of_their_lines),
	TEST(a_syntax_error_is_told_alone),
	TEST(a_file_that_is_no_runbook_says_so),
	TEST(a_runbook_needs_steps_and_an_end),
	TEST(a_flood_of_steps_is_refused),
	TEST(every_shipped_runbook_is_without_fault),
	TEST(the_shipped_alarms_lead_to_runbooks_that_are_there),
	TEST(mistakes_in_alarms_are_found),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
