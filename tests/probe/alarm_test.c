#include "tests/test.h"

#include "probe/alarm.h"

static struct alarms a;

static int
done(void **state)
{
	(void)state;
	alarms_release(&a);
	return 0;
}

static bool
load(const char *text)
{
	return alarms_load(&a, test_write("alarms.cfg", text));
}

static void
is(const char *line, const char *alarm)
{
	const struct alarm *got = alarms_match(&a, line);

	test_case(line);
	if (alarm == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got->alarm, alarm);
	}
}

static void
the_first_row_that_fits_counts(void **state)
{
	(void)state;
	assert_true(load("alarms = (\n"
	    "{ alarm = \"a\"; match = \"^x+y\"; runbook = \"r\"; "
	    "severity = \"SEV-1\"; },\n"
	    "{ alarm = \"b\"; runbook = \"r\"; severity = \"SEV-1\"; },\n"
	    "{ alarm = \"c\"; match = \"y|z$\"; runbook = \"r\"; "
	    "severity = \"SEV-3\"; spoils = true; } );\n"));
	is("xxy", "a");
	is("ay", "c");
	is("az", "c");
	is("za", NULL);
	is("", NULL);
	assert_non_null(alarms_named(&a, "b"));
	assert_null(alarms_named(&a, "d"));
	assert_true(alarms_named(&a, "c")->spoils);
	assert_false(alarms_begins(&a, "backup started"));
	assert_false(alarms_success(&a, "backup done"));
}

static void
a_row_that_refers_to_its_own_parentheses_still_fits(void **state)
{
	(void)state;
	assert_true(load("alarms = (\n"
	    "{ alarm = \"a\"; match = \"(q)\"; runbook = \"r\"; "
	    "severity = \"SEV-1\"; },\n"
	    "{ alarm = \"twice\"; match = \"(abc).*\\\\1\"; runbook = \"r\"; "
	    "severity = \"SEV-1\"; } );\n"));
	is("abc and abc", "twice");
	is("abc and abd", NULL);
	is("q", "a");
}

static void
bytes_that_are_no_text_are_matched_all_the_same(void **state)
{
	(void)state;
	assert_true(load("alarms = ( { alarm = \"a\"; match = \"disk.+full\"; "
	    "runbook = \"r\"; severity = \"SEV-1\"; } );\n"));
	is("disk \xff\xfe\xe2\x80 full", "a");
}

static void
every_mistake_is_told_with_its_line(void **state)
{
	static const char *const want[] = {
		"1: begins: '(' is no regular expression",
		"2: success: '[a' is no regular expression",
		"4: alarms[0]: unknown severity 'SEV-7'",
		"5: alarms[1]: '*(' is no regular expression",
		"6: alarms[2].alarm: 'a' stands in line 4 already",
	};

	(void)state;
	assert_false(load("begins = \"(\";\nsuccess = \"[a\";\nalarms = (\n"
	    "{ alarm = \"a\"; runbook = \"r\"; severity = \"SEV-7\"; },\n"
	    "{ alarm = \"b\"; match = \"*(\"; runbook = \"r\"; "
	    "severity = \"SEV-1\"; },\n"
	    "{ alarm = \"a\"; runbook = \"r\"; severity = \"SEV-1\"; } );\n"));
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		bool found = false;

		test_case(want[i]);
		for (size_t k = 0; k < a.doc.problems.n; k++)
			found = found || strstr(a.doc.problems.v[k].text,
			    want[i]) != NULL;
		assert_true(found);
	}
}

static void
the_sites_own_table_or_the_shipped_one_is_opened(void **state)
{
	struct site site = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_true(site_load(&site, test_write("midwatch.cfg",
	    "site = { name = \"x\"; };\n")));
	unlink(test_path("alarms.cfg"));
	assert_true(alarms_open(&a, &site, &e));
	assert_non_null(alarms_named(&a, "wal-full"));
	is("ERROR:  permission denied for table orders", "login-failed");
	is("ERROR:  permission denied for tablespace pg_default", NULL);
	alarms_release(&a);
	test_write("alarms.cfg", "alarms = ( { alarm = \"mine\"; "
	    "runbook = \"r\"; severity = \"SEV-1\"; } );\n");
	assert_true(alarms_open(&a, &site, &e));
	assert_non_null(alarms_named(&a, "mine"));
	alarms_release(&a);
	test_write("alarms.cfg", "alarms = nonsense\n");
	assert_false(alarms_open(&a, &site, &e));
	assert_non_null(strstr(e.msg, "alarms.cfg:1:"));
	assert_non_null(strstr(e.hint, "midwatch lint"));
	site_release(&site);
}

#define TEST(f) cmocka_unit_test_teardown(f, done)
static const struct CMUnitTest tests[] = {
	TEST(the_first_row_that_fits_counts),
	TEST(a_row_that_refers_to_its_own_parentheses_still_fits),
	TEST(bytes_that_are_no_text_are_matched_all_the_same),
	TEST(every_mistake_is_told_with_its_line),
	TEST(the_sites_own_table_or_the_shipped_one_is_opened),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
