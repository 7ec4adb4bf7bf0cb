#include "tests/test.h"

#include "runbook/runbook.h"

static struct site site;

static int
with_site(void **state)
{
	static const char text[] = "site = { name = \"x\"; };\n";

	(void)state;
	mkdir(test_path("runbooks"), 0755);
	site_load(&site, test_write("midwatch.cfg", text));
	return site.doc.problems.n > 0;
}

static int
without(void **state)
{
	(void)state;
	site_release(&site);
	unlink(test_path("wal-full.cfg"));
	unlink(test_path("runbooks/wal-full.cfg"));
	unlink(test_path("alarms.cfg"));
	return 0;
}

static const char *
find(const char *name, const struct site *s)
{
	static char answer[PATH_MAX + 600];
	struct err e = ERR_INIT;
	char *path = runbook_find(name, s, &e);

	snprintf(answer, sizeof answer, "%s", path ? path : e.msg);
	if (path == NULL)
		assert_true(e.hint[0] != '\0');
	free(path);
	return answer;
}

static void
the_sites_own_runbook_comes_before_the_shipped_one(void **state)
{
	char real[PATH_MAX], at[PATH_MAX];

	(void)state;
	/* ../../runbooks of build/tests/NAME is the source tree's */
	assert_non_null(strstr(find("wal-full", &site), "/wal-full.cfg"));
	assert_non_null(realpath(find("wal-full", &site), at));
	assert_non_null(realpath("runbooks/wal-full.cfg", real));
	assert_string_equal(at, real);

	test_write("runbooks/wal-full.cfg", "");
	assert_non_null(realpath(find("wal-full", &site), at));
	assert_non_null(realpath(test_path("runbooks/wal-full.cfg"), real));
	assert_string_equal(at, real);

	test_write("wal-full.cfg", "");
	assert_non_null(realpath(find("wal-full", &site), at));
	assert_non_null(realpath(test_path("wal-full.cfg"), real));
	assert_string_equal(at, real);
	assert_non_null(realpath(find("wal-full", NULL), at));
	assert_non_null(realpath("runbooks/wal-full.cfg", real));
	assert_string_equal(at, real);
}

static void
a_slash_or_cfg_at_the_end_makes_it_a_path(void **state)
{
	(void)state;
	assert_string_equal(find("runbooks/wal-full.cfg", NULL),
	    "runbooks/wal-full.cfg");
	assert_string_equal(find("./runbooks/../runbooks/wal-full.cfg", NULL),
	    "./runbooks/../runbooks/wal-full.cfg");
	assert_string_equal(find("wal-full.cfg", NULL),
	    "there is no runbook 'wal-full.cfg'");
	test_write("wal-full.cfg", "");
	assert_non_null(strstr(find("wal-full.cfg", &site), "/wal-full.cfg"));
}

static void
a_name_nearly_right_is_suggested(void **state)
{
	(void)state;
	assert_string_equal(find("wal-ful", &site),
	    "there is no runbook 'wal-ful', did you mean 'wal-full'?");
	assert_string_equal(find("quite-another-thing", &site),
	    "there is no runbook 'quite-another-thing'");
}

static void
a_bad_name_is_one_clear_error(void **state)
{
	static const char *const bad[] = {
		"", "-x", "--help", "a'b", "a\"b", "..", ".", "a..b", ".hidden",
		"a b", "a;b", "$(id)",
	};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char want[100];

		test_case(bad[i]);
		snprintf(want, sizeof want, "'%s' is not a name of a runbook",
		    bad[i]);
		assert_string_equal(find(bad[i], &site), want);
	}
	assert_string_equal(find("a\xff", &site),
	    "'a\\xff' is not a name of a runbook");
	assert_null(runbook_find("a\nb", &site, &e));
	assert_null(strchr(e.msg, '\n'));
	err_clear(&e);
	assert_null(runbook_find("/a\nb", &site, &e));
	assert_null(strchr(e.msg, '\n'));
}

static bool
alarm_is(const char *text, const char *runbook, const char *severity)
{
	char *name, *level;
	struct err e = ERR_INIT;
	bool ok;

	test_case(text);
	ok = runbook_for_alarm(text, &site, &name, &level, &e);
	if (ok) {
		assert_string_equal(name, runbook);
		assert_string_equal(level, severity);
	} else {
		assert_null(name);
		assert_null(level);
		assert_true(e.msg[0] != '\0');
		if (runbook != NULL)
			fail_msg("%s", e.msg);
	}
	free(name);
	free(level);
	return ok;
}

static void
an_alarm_leads_to_its_runbook_by_name_or_by_its_words(void **state)
{
	(void)state;
	test_write("alarms.cfg", "alarms = (\n"
	    "{ alarm = \"disk\"; match = \"[Dd]isk usage at 9[0-9]%\"; "
	    "runbook = \"midnight-backup-failure\"; severity = \"SEV-1\"; },\n"
	    "{ alarm = \"any-disk\"; match = \"disk\"; runbook = \"wal-full\"; "
	    "severity = \"SEV-2\"; },\n"
	    "{ alarm = \"silent\"; runbook = \"restore-data\"; "
	    "severity = \"SEV-0\"; } );\n");
	assert_true(alarm_is("Disk usage at 95% on db1",
	    "midnight-backup-failure", "SEV-1"));
	assert_true(alarm_is("disk", "midnight-backup-failure", "SEV-1"));
	assert_true(alarm_is("a disk is slow", "wal-full", "SEV-2"));
	assert_true(alarm_is("silent", "restore-data", "SEV-0"));
	assert_false(alarm_is("the moon is full", NULL, NULL));
	assert_false(alarm_is("", NULL, NULL));
}

static void
a_broken_table_of_alarms_is_an_error_not_a_guess(void **state)
{
	(void)state;
	test_write("alarms.cfg", "alarms = ( { alarm = \"a\"; match = \"(\"; "
	    "runbook = \"x\"; severity = \"SEV-1\"; } );\n");
	assert_false(alarm_is("a", NULL, NULL));
}

static void
the_shipped_table_knows_the_usual_alarms(void **state)
{
	(void)state;
	assert_true(alarm_is("wal-full", "wal-full", "SEV-1"));
	assert_true(alarm_is("PANIC:  could not write to file "
	    "\"pg_wal/xlogtemp.31\": No space left on device", "wal-full",
	    "SEV-1"));
	assert_true(alarm_is("emergency-backup-failed",
	    "midnight-backup-failure", "SEV-1"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_site, without)
static const struct CMUnitTest tests[] = {
	TEST(the_sites_own_runbook_comes_before_the_shipped_one),
	TEST(a_slash_or_cfg_at_the_end_makes_it_a_path),
	TEST(a_name_nearly_right_is_suggested),
	TEST(a_bad_name_is_one_clear_error),
	TEST(an_alarm_leads_to_its_runbook_by_name_or_by_its_words),
	TEST(a_broken_table_of_alarms_is_an_error_not_a_guess),
	TEST(the_shipped_table_knows_the_usual_alarms),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
