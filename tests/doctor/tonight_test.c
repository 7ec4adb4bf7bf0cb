#include "tests/doctor/kit.h"

#include "action/action.h"
#include "base/file.h"

#define STEP(id, rest) "{ id = \"" id "\"; title = \"T\"; stop = \"safe\"; " \
    rest " }"
#define HAND(id) STEP(id, "kind = \"manual\";")
#define RUN(id, command, rest) STEP(id, "kind = \"command\"; command = " \
    command "; exit_proves = true; " rest)

/* Tries these steps; the sentence and the findings are in d. */
static void
tonight(struct doctor *d, const char *steps)
{
	struct buf b = BUF_INIT;

	kit_clean();
	kit_program("there", "#!/bin/sh\ntouch ran\n");
	(void)test_write("site/present", "");
	buf_printf(&b, "runbook = { name = \"own\"; title = \"T\"; severity = "
	    "\"SEV-2\"; say = \"s\"; steps = ( " HAND("own") ", %s ); "
	    "resolve = ( \"step own done\" ); close = ( \"rca published\" ); };",
	    steps);
	(void)test_write("site/own.cfg", b.p);
	kit_site(d, KIT_GROUP "runbook = \"own\"; };\n"
	    "places = ( { name = \"far\"; ssh = \"far\"; } );\n"
	    "databases = ( { name = \"otc\"; } );\n"
	    "disks = ( { name = \"root\"; path = \"/\"; }, { name = \"away\"; "
	    "at = \"far\"; path = \"/\"; } );\n"
	    "services = ( { name = \"up\"; check = \"true\"; }, { name = "
	    "\"down\"; check = \"exit 1\"; } );");
	doctor_tonight(d);
	if (kit_found(d, DOCTOR_ERROR, "runbook"))
		kit_print(d);
	assert_null(kit_found(d, DOCTOR_ERROR, "runbook"));
	assert_non_null(d->tonight);
	/* nothing is made and nothing is run */
	assert_false(file_exists(test_path("site/state")));
	assert_false(file_exists(test_path("site/ran")));
	buf_release(&b);
}

static void
each_step_is_tried(void **state)
{
	static const struct {
		const char *label, *steps, *found, *sentence;
		enum doctor_level level;
	} rows[] = {
		{ "a command that is there", RUN("a", "\"./there\"", ""),
		    "could be started", "nothing found", DOCTOR_OK },
		{ "a program that is missing", RUN("a",
		    "( \"no-such-program\", \"x\" )", ""),
		    "'no-such-program' is not found in PATH", "2 'a': "
		    "'no-such-program'", DOCTOR_ERROR },
		{ "a string that the shell cannot read", RUN("a",
		    "\"if true\"", ""), "the shell cannot read", "2 'a'",
		    DOCTOR_ERROR },
		{ "a place that is out of reach", RUN("a", "\"true\"",
		    "at = \"far\";"), "it runs at 'far'", "2 'a'",
		    DOCTOR_ERROR },
		{ "a step that may be left out", RUN("a", "\"./none\"",
		    "optional = true;"), "the step may be left out",
		    "nothing found", DOCTOR_WARNING },
		{ "a gate that is shut", RUN("a", "\"true\"",
		    "needs = \"file absent exists\";"),
		    "it needs 'file absent exists': no", "2 'a'",
		    DOCTOR_ERROR },
		{ "a gate that is open", RUN("a", "\"true\"",
		    "needs = \"file present exists\";"), "could be started",
		    "nothing found", DOCTOR_OK },
		{ "a gate that an earlier step opens", STEP("a",
		    "kind = \"command\"; command = \"true\"; proves = "
		    "\"file absent exists\";") ", " RUN("b", "\"true\"",
		    "needs = \"file absent exists\";"), "could be started",
		    "nothing found", DOCTOR_OK },
		{ "a gate that asks for an earlier step", RUN("a", "\"true\"",
		    "needs = \"step own done\";"), "could be started",
		    "nothing found", DOCTOR_OK },
		{ "a soft gate that is shut", RUN("a", "\"true\"",
		    "wants = \"file absent exists\";"),
		    "it wants 'file absent exists': no", "nothing found",
		    DOCTOR_WARNING },
		{ "a check that is red now", STEP("a", "kind = \"check\"; "
		    "proves = \"service down up\";"),
		    "'service down up' does not hold now", "nothing found",
		    DOCTOR_WARNING },
		{ "a check that is green", STEP("a", "kind = \"check\"; "
		    "proves = ( \"service up up\", \"disk root free 1\" );"),
		    "it can be asked", "nothing found", DOCTOR_OK },
		{ "a proof that cannot be read from here", STEP("a",
		    "kind = \"check\"; proves = \"disk away below 99\";"),
		    "its proof 'disk away below 99' is not known", "2 'a'",
		    DOCTOR_ERROR },
		{ "a proof that only an incident has", STEP("a",
		    "kind = \"check\"; proves = \"evidence gathered\";"),
		    "it can be asked", "nothing found", DOCTOR_OK },
		{ "a step that does not apply", RUN("a", "\"./none\"",
		    "when = \"file absent exists\";"), "would not apply",
		    "nothing found", DOCTOR_OK },
		{ "the first of two", RUN("a", "\"./none\"", "") ", "
		    RUN("b", "\"./none\"", ""), "3 b", "2 'a'",
		    DOCTOR_ERROR },
	};
	struct doctor d;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i].label);
		tonight(&d, rows[i].steps);
		FOUND(&d, rows[i].level, rows[i].found);
		if (strstr(d.tonight, rows[i].sentence) == NULL)
			print_message("# %s\n", d.tonight);
		assert_non_null(strstr(d.tonight, rows[i].sentence));
		doctor_release(&d);
	}
}

static void
a_button_that_is_not_built_is_told(void **state)
{
	struct doctor d;

	(void)state;
	tonight(&d, STEP("a", "kind = \"action\"; action = \"isolate\"; "
	    "proves = \"evidence gathered\";"));
	if (action_built("isolate"))
		FOUND(&d, DOCTOR_OK, "the button is there");
	else {
		FOUND(&d, DOCTOR_ERROR, "'isolate' is not built");
		assert_string_equal(d.tonight, "tonight the first step that "
		    "would fail is 2 'a': the action 'isolate' is not built "
		    "into this version yet");
	}
	doctor_release(&d);
}

static void
a_check_that_hangs_holds_up_nobody(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	(void)test_write("site/own.cfg", "runbook = { name = \"own\"; title = "
	    "\"T\"; severity = \"SEV-2\"; say = \"s\"; steps = ( "
	    STEP("a", "kind = \"check\"; proves = \"service slow up\";") ", "
	    STEP("b", "kind = \"check\"; proves = \"services up\";") ", "
	    STEP("c", "kind = \"check\"; proves = \"service good up\";")
	    " ); resolve = ( \"step a done\" ); close = ( \"rca published\" ); "
	    "};");
	kit_site(&d, KIT_GROUP "runbook = \"own\"; };\n"
	    "services = ( { name = \"slow\"; check = \"sleep 60\"; }, "
	    "{ name = \"good\"; check = \"true\"; } );");
	doctor_tonight(&d);
	FOUND(&d, DOCTOR_ERROR, "1 a");
	FOUND(&d, DOCTOR_ERROR, "2 b");
	FOUND(&d, DOCTOR_OK, "3 c");
	doctor_release(&d);
}

static void
without_a_runbook_there_is_nothing_to_try(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	kit_site(&d, KIT_GROUP "};");
	doctor_tonight(&d);
	assert_string_equal(d.tonight, "there is no runbook to try");
	FOUND(&d, DOCTOR_WARNING, "names none");
	doctor_release(&d);
	kit_site(&d, "site = { };");
	doctor_tonight(&d);
	assert_true(d.usage);
	assert_true(doctor_count(&d, DOCTOR_ERROR) > 0);
	doctor_release(&d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_step_is_tried),
	cmocka_unit_test(a_button_that_is_not_built_is_told),
	cmocka_unit_test(a_check_that_hangs_holds_up_nobody),
	cmocka_unit_test(without_a_runbook_there_is_nothing_to_try),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
