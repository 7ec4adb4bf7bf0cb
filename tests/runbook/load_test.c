#include "tests/test.h"

#include "action/action.h"
#include "runbook/runbook.h"

static const char *const databases[] = { "otc", "gps", "arp" };
static const char *const legacy[] = { "arp" };
static const char *const disks[] = { "backup", "arp-data" };
static const struct rb_names names = { databases, legacy, disks, 3, 1, 2 };

static struct runbook rb;

static int
clean(void **state)
{
	(void)state;
	runbook_release(&rb);
	return 0;
}

static void
load(const struct rb_names *n)
{
	if (!runbook_load(&rb, "tests/data/runbook/small.cfg", n, NULL))
		for (size_t i = 0; i < rb.doc.problems.n; i++)
			print_message("# %s\n", rb.doc.problems.v[i].text);
	assert_int_equal(rb.doc.problems.n, 0);
}

static void
the_head_is_read(void **state)
{
	(void)state;
	load(&names);
	assert_string_equal(rb.name, "small");
	assert_string_equal(rb.severity, "SEV-1");
	assert_int_equal(rb.version, 3);
	assert_int_equal(strlen(rb.sha), 64);
	assert_int_equal(rb.n_risks, 1);
	assert_string_equal(rb.risks[0].unless.text,
	    "every database verified since-open");
	assert_int_equal(rb.n_severities, 2);
	assert_string_equal(rb.severities[0].tell.v[1], "data-risk");
	assert_int_equal(rb.n_escalations, 2);
	assert_int_equal(rb.escalations[0].after_ms, 600000);
	assert_non_null(rb.escalations[0].unless.row);
	assert_null(rb.escalations[1].unless.row);
	assert_int_equal(rb.resolve.n, 2);
	assert_int_equal(rb.close.n, 2);
}

static void
a_step_is_repeated_for_each_name(void **state)
{
	static const char *const ids[] = { "own", "freeze", "save-otc",
	    "save-gps", "save-arp", "old-arp", "look", "disk-backup",
	    "disk-arp-data" };
	const struct rb_step *s;

	(void)state;
	load(&names);
	assert_int_equal(rb.n, sizeof ids / sizeof *ids);
	for (size_t i = 0; i < rb.n; i++)
		assert_string_equal(rb.steps[i].id, ids[i]);
	s = runbook_step(&rb, "save-gps");
	assert_non_null(s);
	assert_string_equal(s->title, "Save gps");
	assert_string_equal(s->each_of, "gps");
	assert_string_equal(s->confirm, "gps");
	assert_string_equal(conf_arg(&s->args, "db"), "gps");
	assert_string_equal(s->proves.v[0].name, "gps");
	assert_string_equal(s->proves.v[0].text,
	    "backup gps verified since-open");
	assert_non_null(strstr(s->commands.v[0], "{db:gps.host}"));
	assert_null(strstr(s->commands.v[0], "{db}"));
	assert_int_equal(s->retries, 1);
	assert_int_equal(s->kind, STEP_ACTION);
	s = runbook_step(&rb, "old-arp");
	assert_true(s->when.v[0].negated);
	assert_true(s->optional);
	s = runbook_step(&rb, "disk-arp-data");
	assert_string_equal(s->commands.v[0],
	    "df -h {disk:arp-data.path}; df -h {disk:arp-data.path}");
	assert_null(runbook_step(&rb, "own")->each_of);
	assert_null(runbook_step(&rb, "nothing"));
}

static void
without_any_names_it_stands_once_for_itself(void **state)
{
	static const struct rb_names none = { 0 };

	(void)state;
	load(NULL);
	assert_int_equal(rb.n, 6);
	assert_string_equal(rb.steps[2].id, "save-{db}");
	assert_null(rb.steps[2].each_of);
	runbook_release(&rb);
	load(&none);
	assert_int_equal(rb.n, 6);
}

static void
with_some_names_only_the_other_steps_vanish(void **state)
{
	static const struct rb_names one = { .databases = databases,
	    .n_databases = 1 };

	(void)state;
	load(&one);
	assert_int_equal(rb.n, 4);
	assert_non_null(runbook_step(&rb, "save-otc"));
	assert_null(runbook_step(&rb, "old-{db}"));
}

static void
a_name_that_is_none_is_refused(void **state)
{
	static const char *const evil[] = { "otc; rm -rf /" };
	static const struct rb_names bad = { .databases = evil,
	    .n_databases = 1 };

	(void)state;
	assert_false(runbook_load(&rb, "tests/data/runbook/small.cfg", &bad,
	    NULL));
	assert_non_null(strstr(rb.doc.problems.v[0].text,
	    "is not a name that steps can be repeated for"));
}

static void
what_is_not_said_has_a_sensible_value(void **state)
{
	const struct rb_step *s;

	(void)state;
	load(&names);
	s = runbook_step(&rb, "own");
	assert_int_equal(s->timeout_ms, 12 * 3600000);
	assert_int_equal(s->proof_within_ms, 30000);
	assert_int_equal(s->retry_after_ms, 30000);
	assert_int_equal(s->retries, 0);
	assert_int_equal(s->output_limit, 4 << 20);
	assert_null(s->at);
	s = runbook_step(&rb, "look");
	assert_int_equal(s->timeout_ms, 10000);
	assert_true(s->command.shell);
	assert_string_equal(s->command.v[0], "df -h | tail -n 3");
	assert_true(s->exit_proves);
}

/* The argv of an action with these arguments, as words; or the message. */
static const char *
argv_of(const char *name, const char *const (*kv)[2])
{
	static struct buf b;
	struct strings argv = { 0 };
	struct conf_arg v[8];
	struct conf_args args = { v, 0 };
	struct err e = ERR_INIT;

	for (; kv != NULL && kv[args.n][0] != NULL; args.n++)
		v[args.n] = (struct conf_arg){
		    (char *)(uintptr_t)kv[args.n][0],
		    (char *)(uintptr_t)kv[args.n][1], 1 };
	buf_clear(&b);
	if (!action_argv(action_find(name), &args, &argv, &e))
		buf_str(&b, e.msg);
	for (size_t i = 0; i < argv.n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", argv.v[i]);
	if (argv.n > 0)
		assert_null(argv.v[argv.n]);
	strings_release(&argv);
	return b.p;
}

#define ARGS(...) (const char *const[][2]){ __VA_ARGS__, { NULL, NULL } }

static void
every_button_is_a_verb_of_the_command_line(void **state)
{
	(void)state;
	assert_string_equal(argv_of("backup", ARGS({ "db", "otc" },
	    { "emergency", "true" })), "midwatch backup otc --emergency");
	assert_string_equal(argv_of("backup", ARGS({ "emergency", "false" },
	    { "all_unsafe", "true" }, { "store", "nas" })),
	    "midwatch backup --all-unsafe --store nas");
	assert_string_equal(argv_of("freeze", ARGS({ "on", "true" })),
	    "midwatch freeze on");
	assert_string_equal(argv_of("freeze", ARGS({ "on", "false" })),
	    "midwatch freeze off");
	assert_string_equal(argv_of("recover", ARGS({ "db", "arp" })),
	    "midwatch recover arp");
	assert_string_equal(argv_of("validate", ARGS({ "db", "otc" },
	    { "restore", "true" })),
	    "midwatch validate latest --db otc --restore");
	assert_string_equal(argv_of("validate", ARGS({ "set",
	    "nightly/20250214T021000Z" })),
	    "midwatch validate nightly/20250214T021000Z");
	assert_string_equal(argv_of("nightly", NULL), "midwatch nightly");
	assert_string_equal(argv_of("nightly", ARGS({ "dry_run", "true" })),
	    "midwatch nightly --dry-run");
	assert_string_equal(argv_of("restore", ARGS({ "db", "otc" }, { "set",
	    "nightly/20250214T021000Z" }, { "beside", "true" }, { "confirm",
	    "otc" })), "midwatch restore nightly/20250214T021000Z otc --beside "
	    "--confirm otc");
	assert_string_equal(argv_of("tell", ARGS({ "trigger", "open" })),
	    "midwatch incident tell open");
	assert_string_equal(argv_of("cleanup", NULL), "midwatch cleanup");
}

static void
a_button_refuses_what_it_does_not_know(void **state)
{
	(void)state;
	assert_string_equal(argv_of("backup", NULL),
	    "backup needs 'db|all_unsafe'");
	assert_string_equal(argv_of("backup", ARGS({ "db", "-Fc" })),
	    "'db' of backup is '-Fc', and that is not a name");
	assert_string_equal(argv_of("validate", ARGS({ "set", "../../etc" })),
	    "'set' of validate is '../../etc', and that is not the name of a "
	    "set");
	assert_string_equal(argv_of("validate", ARGS({ "set", "--all" })),
	    "'set' of validate is '--all', and that is not the name of a set");
	assert_string_equal(argv_of("cleanup", ARGS({ "db", "otc" })),
	    "cleanup takes no arguments, and 'db' is one");
	assert_string_equal(argv_of("tell", ARGS({ "trigger", "opne" })),
	    "unknown trigger 'opne', did you mean 'open'?");
	assert_null(action_find("bakcup"));
	assert_false(action_built("bakcup"));
}

#define TEST(f) cmocka_unit_test_teardown(f, clean)
static const struct CMUnitTest tests[] = {
	TEST(the_head_is_read),
	TEST(a_step_is_repeated_for_each_name),
	TEST(without_any_names_it_stands_once_for_itself),
	TEST(with_some_names_only_the_other_steps_vanish),
	TEST(a_name_that_is_none_is_refused),
	TEST(what_is_not_said_has_a_sensible_value),
	TEST(every_button_is_a_verb_of_the_command_line),
	TEST(a_button_refuses_what_it_does_not_know),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
