#include "tests/doctor/kit.h"

#include "base/text.h"

#define SITE(rest) KIT_GROUP "};\n" rest

static void
a_broken_site_file_is_told_whole_and_the_record_is_not_guessed(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, "site = { nam = \"t\"; };\nplaces = ( { name = \"x\"; } );\n");
	assert_true(d.usage);
	kit_check(&d, check_site);
	assert_true(doctor_count(&d, DOCTOR_ERROR) >= 2);
	FOUND(&d, DOCTOR_ERROR, "site.nam: unknown key");
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "site file has to say where it is");
	assert_int_equal(access(test_path("site/home/.local"), F_OK), -1);
	doctor_release(&d);
}

static void
a_site_file_that_was_named_and_is_not_there_is_wrong_usage(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	doctor_init(&d, test_path("site/nowhere.cfg"), NULL);
	assert_true(d.usage);
	kit_check(&d, check_site);
	FOUND(&d, DOCTOR_ERROR, "nowhere.cfg");
	doctor_release(&d);
}

static void
a_site_file_that_everybody_can_write_to_is_an_error(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, SITE(""));
	kit_check(&d, check_site);
	FOUND(&d, DOCTOR_OK, "site file");
	assert_int_equal(chmod(d.site_path, 0666), 0);
	kit_check(&d, check_site);
	FOUND(&d, DOCTOR_ERROR, "everybody on this host can write");
	assert_int_equal(chmod(d.site_path, 0644), 0);
	assert_int_equal(chmod(test_path("site"), 0777), 0);
	kit_check(&d, check_site);
	FOUND(&d, DOCTOR_ERROR, "can replace");
	doctor_release(&d);
}

/* ---- secrets ---------------------------------------------------------------- */

static const char one_db[] = SITE("databases = ( { name = \"otc\"; "
    "passfile = \"pass\"; rotate = { update = ( \"pass\", \"~/.pgpass\", "
    "\"far:~/.pgpass\" ); }; } );\n"
    "places = ( { name = \"far\"; ssh = \"ops@far\"; identity = \"key\"; } );");

static void
a_password_file_has_to_be_there_and_private(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, one_db);
	kit_check(&d, check_passwords);
	FOUND(&d, DOCTOR_ERROR, "site/pass' is not there");
	FOUND(&d, DOCTOR_WARNING, "home/.pgpass' is not there");
	assert_int_equal(d.findings.n, 2);

	assert_int_equal(chmod(test_write("site/pass", "secret"), 0640), 0);
	kit_check(&d, check_passwords);
	FOUND(&d, DOCTOR_ERROR, "the mode 0640");
	assert_int_equal(chmod(test_path("site/pass"), 0600), 0);
	kit_check(&d, check_passwords);
	FOUND(&d, DOCTOR_OK, "mode 0600");
	assert_int_equal(chmod(test_path("site/pass"), 0400), 0);
	kit_check(&d, check_passwords);
	FOUND(&d, DOCTOR_OK, "mode 0400");
	for (size_t i = 0; i < d.findings.n; i++)
		assert_null(strstr(d.findings.v[i].seen, "secret"));

	assert_int_equal(unlink(test_path("site/pass")), 0);
	assert_int_equal(mkdir(test_path("site/pass"), 0700), 0);
	kit_check(&d, check_passwords);
	FOUND(&d, DOCTOR_ERROR, "is not a file");
	if (geteuid() == 0) {
		assert_int_equal(rmdir(test_path("site/pass")), 0);
		assert_int_equal(chmod(test_write("site/pass", ""), 0600), 0);
		assert_int_equal(chown(test_path("site/pass"), 1, 1), 0);
		kit_check(&d, check_passwords);
		FOUND(&d, DOCTOR_ERROR, "belongs to daemon");
	}
	doctor_release(&d);
}

static void
without_a_password_file_named_the_usual_one_is_looked_at(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, SITE("databases = ( { name = \"otc\"; }, "
	    "{ name = \"gps\"; } );"));
	kit_check(&d, check_passwords);
	assert_int_equal(d.findings.n, 1);
	FOUND(&d, DOCTOR_WARNING, "home/.pgpass' is not there");
	(void)setenv("PGPASSFILE", test_path("site/elsewhere"), 1);
	kit_check(&d, check_passwords);
	FOUND(&d, DOCTOR_WARNING, "elsewhere' is not there");
	doctor_release(&d);
}

static void
keys_and_known_hosts_are_looked_at(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, one_db);
	kit_check(&d, check_keys);
	FOUND(&d, DOCTOR_ERROR, "site/key' is not there");
	FOUND(&d, DOCTOR_WARNING, "no host is known");
	assert_int_equal(chmod(test_write("site/key", "k"), 0644), 0);
	assert_int_equal(chmod(test_write("site/home/.ssh/known_hosts", "h"),
	    0666), 0);
	kit_check(&d, check_keys);
	FOUND(&d, DOCTOR_ERROR, "the mode 0644");
	FOUND(&d, DOCTOR_ERROR, "others can write");
	assert_int_equal(chmod(test_path("site/key"), 0600), 0);
	assert_int_equal(chmod(test_path("site/home/.ssh/known_hosts"), 0644),
	    0);
	kit_check(&d, check_keys);
	assert_int_equal(doctor_count(&d, DOCTOR_OK), 2);
	assert_int_equal(d.findings.n, 2);
	doctor_release(&d);
}

static void
a_home_directory_in_a_shared_site_is_an_error(void **state)
{
	static const struct {
		const char *label, *group, *rest, *found;
		enum doctor_level level;
	} rows[] = {
		{ "in a path", "group = \"root\"; ", "\nstores = ( { name = \"s\"; "
		    "path = \"~/sets\"; } );", "line 2 has '~/sets'",
		    DOCTOR_ERROR },
		{ "at a place it is always the same one", "group = \"root\"; ",
		    "databases = ( { name = \"o\"; rotate = { update = "
		    "\"far:~/.pgpass\"; }; } );\n"
		    "places = ( { name = \"far\"; ssh = \"far\"; } );", "no path",
		    DOCTOR_OK },
		{ "in comments", "group = \"root\"; ", "// \"~/a\"\n# \"~/b\"\n"
		    "/* \"~/c\" */\n", "no path", DOCTOR_OK },
		{ "inside of a string", "group = \"root\"; channel = "
		    "\"a\\\"~/x\"; ", "", "no path", DOCTOR_OK },
	};
	struct buf b = BUF_INIT;
	struct doctor d;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i].label);
		kit_clean();
		buf_clear(&b);
		buf_printf(&b, KIT_GROUP "%s};%s", rows[i].group,
		    rows[i].rest);
		kit_site(&d, b.p);
		kit_check(&d, check_home);
		FOUND(&d, rows[i].level, rows[i].found);
		doctor_release(&d);
	}
	kit_clean();
	kit_site(&d, SITE("stores = ( { name = \"s\"; path = \"~/sets\"; } );"));
	kit_check(&d, check_home);
	assert_int_equal(d.findings.n, 0);
	doctor_release(&d);
	buf_release(&b);
}

static void
the_runners_own_password_file_in_a_shared_site_is_an_error(void **state)
{
	static const char text[] = KIT_GROUP "group = \"root\"; };"
	    "databases = ( { name = \"a\"; passfile = \"pass\"; }, "
	    "{ name = \"o\"; } );";
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, text);
	kit_check(&d, check_home);
	FOUND(&d, DOCTOR_OK, "no path of this shared site");
	(void)test_write("site/home/.pgpass", "*:*:*:*:x\n");
	kit_check(&d, check_home);
	FOUND(&d, DOCTOR_ERROR, "the login of o takes its password from");
	assert_int_equal(d.findings.n, 1);
	doctor_release(&d);
	kit_site(&d, SITE("databases = ( { name = \"o\"; } );"));
	kit_check(&d, check_home);
	assert_int_equal(d.findings.n, 0);
	doctor_release(&d);
}

/* ---- commands ---------------------------------------------------------------- */

static void
commands_are_looked_at_and_not_run(void **state)
{
	static const struct {
		const char *command, *wrong;	/* NULL: it could be started */
	} rows[] = {
		{ "\"./there\"", NULL },
		{ "\"./there | grep x; touch ran\"", NULL },
		{ "\"there/no\"", "Not a directory" },
		{ "\"hooks/none\"", "is not there" },
		{ "( \"hooks/none\", \"on\" )", "is not there" },
		{ "\"./flat --on\"", "is not executable" },
		{ "( \"./flat\" )", "is not executable" },
		{ "( \"./home\" )", "is not a file" },
		{ "\"~/../there\"", NULL },
		{ "( \"~/../there\" )", "is not there" },
		{ "\"no-such-program-here --on\"", "not found in PATH" },
		{ "( \"no-such-program-here\" )", "not found in PATH" },
		{ "\"test -e x && exit 1\"", NULL },
		{ "\"if true; then exit 0; fi\"", NULL },
		{ "\"A=b $SOMETHING on\"", NULL },
		{ "\"'./not there' on\"", NULL },
		{ "\"if true\"", "the shell cannot read" },
		{ "\"echo 'open\"", "the shell cannot read" },
	};
	struct buf b = BUF_INIT;
	struct doctor d;

	(void)state;
	kit_clean();
	kit_program("there", "#!/bin/sh\ntouch ran\n");
	assert_int_equal(chmod(test_write("site/flat", "x"), 0644), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i].command);
		buf_clear(&b);
		buf_printf(&b, SITE("freeze = { on = %s; };"),
		    rows[i].command);
		kit_site(&d, b.p);
		kit_check(&d, check_hooks);
		if (rows[i].wrong == NULL)
			FOUND(&d, DOCTOR_OK, "1 of the site file");
		else
			FOUND(&d, DOCTOR_ERROR, rows[i].wrong);
		doctor_release(&d);
	}
	assert_int_equal(access(test_path("site/ran"), F_OK), -1);
	buf_release(&b);
}

static void
every_command_of_the_site_is_looked_at(void **state)
{
	static const char *const found[] = { "freeze.off: ", "freeze.check: ",
		"how Lead is told: ", "precheck 2: ", "component c: ",
		"service s: " };
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, SITE("freeze = { off = \"./1\"; check = \"./2\"; };\n"
	    "comms = { contacts = ( { who = \"Lead\"; on = ( \"open\" ); "
	    "tell = \"./3\"; } ); };\n"
	    "precheck = { commands = ( \"true\", \"./4\" ); };\n"
	    "components = ( { name = \"c\"; command = \"./5\"; } );\n"
	    "services = ( { name = \"s\"; check = \"./6\"; } );\n"));
	assert_true(d.have_site);
	kit_check(&d, check_hooks);
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		test_case(found[i]);
		FOUND(&d, DOCTOR_ERROR, found[i]);
	}
	assert_int_equal(d.findings.n, 6);
	doctor_release(&d);
}

/* ---- runbook and alarms -------------------------------------------------------- */

static void
the_sites_runbook_has_to_be_there_and_lint(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, SITE(""));
	kit_check(&d, check_runbook);
	FOUND(&d, DOCTOR_WARNING, "names none");
	doctor_release(&d);

	kit_site(&d, KIT_GROUP "runbook = \"own\"; };");
	kit_check(&d, check_runbook);
	FOUND(&d, DOCTOR_ERROR, "own");
	(void)test_write("site/own.cfg", "runbook = { name = \"own\"; };");
	kit_check(&d, check_runbook);
	FOUND(&d, DOCTOR_ERROR, "own.cfg:1");
	(void)test_write("site/own.cfg", "runbook = { name = \"own\"; title = "
	    "\"T\"; severity = \"SEV-2\"; say = \"s\"; steps = ( { id = \"a\"; "
	    "kind = \"manual\"; title = \"A\"; stop = \"safe\"; } ); "
	    "resolve = ( \"step a done\" ); close = ( \"rca published\" ); };");
	kit_check(&d, check_runbook);
	FOUND(&d, DOCTOR_OK, "own has 1 steps and lints clean");
	(void)test_write("site/alarms.cfg", "alarms = ( { nonsense = 1; } );");
	kit_check(&d, check_alarms);
	FOUND(&d, DOCTOR_ERROR, "alarms.cfg:1");
	doctor_release(&d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(
	    a_broken_site_file_is_told_whole_and_the_record_is_not_guessed),
	cmocka_unit_test(
	    a_site_file_that_was_named_and_is_not_there_is_wrong_usage),
	cmocka_unit_test(a_site_file_that_everybody_can_write_to_is_an_error),
	cmocka_unit_test(a_password_file_has_to_be_there_and_private),
	cmocka_unit_test(
	    without_a_password_file_named_the_usual_one_is_looked_at),
	cmocka_unit_test(keys_and_known_hosts_are_looked_at),
	cmocka_unit_test(a_home_directory_in_a_shared_site_is_an_error),
	cmocka_unit_test(
	    the_runners_own_password_file_in_a_shared_site_is_an_error),
	cmocka_unit_test(commands_are_looked_at_and_not_run),
	cmocka_unit_test(every_command_of_the_site_is_looked_at),
	cmocka_unit_test(the_sites_runbook_has_to_be_there_and_lint),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
