#include "tests/test.h"

#include "condition/condition.h"

/* What comes of a text: "ok", or the message. The last answer stays valid. */
static const char *
parse(const char *text, struct cond *ret)
{
	static struct pool pool;
	static char msg[600];
	struct err e = ERR_INIT;

	if (cond_parse(&pool, text, ret, &e))
		return "ok";
	assert_null(ret->row);
	snprintf(msg, sizeof msg, "%s", e.msg);
	return msg;
}

static void
every_form_of_every_question_is_read(void **state)
{
	static const char *const good[] = {
		"frozen", "not frozen", "login otc", "every login",
		"backup otc sent", "backup app-files verified since-open",
		"backup otc restorable within 7d",
		"every database verified since-open within 2h",
		"every component verified", "disk backup below 80",
		"disk backup below 80%", "every disk below 95",
		"disk backup free 600MB", "inodes backup below 90",
		"store nas reachable", "store nas room 20GB",
		"every store room 1.5 GB", "nightly passed since-open",
		"schedule right", "uploads verified within 24h",
		"restore-test passed within 7d", "size otc normal",
		"every size normal", "services up", "service otc-api up",
		"place arp-box reachable", "schema arp readable",
		"secrets valid", "wal otc below 4GB", "wal otc archiving",
		"slots otc active", "replication well", "locks clear",
		"precheck passed", "step backup-otc done",
		"role commander taken", "severity at-least SEV-1",
		"evidence gathered", "cleanup done since-open",
		"restored otc since-open", "update sent within 15m",
		"declared data-risk", "declared downtime", "told sev-0",
		"rca published", "followups assigned",
		"file /etc/passwd exists", "file a path with spaces exists",
		"  frozen  ", "backup {db} verified", "step save-{db} done",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct cond c;

		/* a size with a space is two words, and we want one */
		test_case(good[i]);
		if (strcmp(good[i], "every store room 1.5 GB") == 0)
			assert_string_equal(parse(good[i], &c), "'GB' is too "
			    "much after 'every store room SIZE'");
		else {
			assert_string_equal(parse(good[i], &c), "ok");
			assert_string_equal(c.text, good[i]);
		}
	}
}

static void
the_arguments_are_where_the_header_says(void **state)
{
	struct cond c;

	(void)state;
	assert_string_equal(parse("not backup otc verified within 2h "
	    "since-open", &c), "ok");
	assert_true(c.negated);
	assert_true(c.since_open);
	assert_int_equal(c.within_ms, 2 * 3600000);
	assert_string_equal(c.name, "otc");
	assert_string_equal(c.word, "verified");

	parse("disk backup below 80", &c);
	assert_string_equal(c.name, "backup");
	assert_int_equal(c.number, 80);
	assert_false(c.negated);

	parse("store nas room 20GB", &c);
	assert_int_equal(c.number, INT64_C(20) << 30);

	parse("update sent within 15m", &c);
	assert_int_equal(c.number, 900000);
	assert_int_equal(c.within_ms, 900000);

	parse("file /srv/a b exists", &c);
	assert_string_equal(c.word, "/srv/a b");

	parse("severity at-least SEV-1", &c);
	assert_string_equal(c.word, "SEV-1");
	parse("step save-otc done", &c);
	assert_string_equal(cond_step(&c), "save-otc");
	parse("role commander taken", &c);
	assert_null(cond_step(&c));
	assert_string_equal(c.name, "commander");
}

static void
a_mistake_is_named_and_what_was_meant(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "the condition is empty" },
		{ "   ", "the condition is empty" },
		{ "not", "'not' needs a condition" },
		{ "not not frozen", "unknown condition 'not not frozen'" },
		{ "bakup otc verified", "unknown condition 'bakup otc "
		    "verified', did you mean 'backup'?" },
		{ "xyzzy", "unknown condition 'xyzzy'" },
		{ "backup otc verifed", "unknown word 'verifed', did you mean "
		    "'verified'?" },
		{ "backup otc", "'backup otc' is not complete: sent or "
		    "verified or restorable comes next" },
		{ "backup", "'backup' is not complete: a database or component "
		    "comes next" },
		{ "disk backup", "'disk backup' is not complete: below or free "
		    "comes next" },
		{ "disk backup bellow 80", "unknown word 'bellow', did you "
		    "mean 'below'?" },
		{ "disk below 80", "unknown word '80', expected below or free" },
		{ "disk backup below 0", "'0' is not a percentage from 1 to "
		    "100" },
		{ "disk backup below 101", "'101' is not a percentage from 1 "
		    "to 100" },
		{ "disk backup below 8e1", "'8e1' is not a percentage from 1 "
		    "to 100" },
		{ "disk backup free lots", "'lots' is not a size such as "
		    "600MB" },
		{ "every disc below 80", "unknown word 'disc', did you mean "
		    "'disk'?" },
		{ "frozen since-open", "'frozen' takes no 'since-open'" },
		{ "frozen now", "'now' is too much after 'frozen'" },
		{ "nightly passed since-opne", "unknown word 'since-opne', did "
		    "you mean 'since-open'?" },
		{ "nightly passed within", "'within' needs a duration such as "
		    "24h" },
		{ "nightly passed within soon", "'within' needs a duration "
		    "such as 24h" },
		{ "nightly passed within 0s", "'within' needs a duration such "
		    "as 24h" },
		{ "nightly passed within 1h within 2h", "'within' stands "
		    "twice" },
		{ "nightly passed since-open since-open", "'since-open' stands "
		    "twice" },
		{ "update sent within 0m", "'0m' is not a duration such as "
		    "15m" },
		{ "severity at-least SEV-4", "unknown severity 'SEV-4', did "
		    "you mean 'SEV-0'?" },
		{ "told sev0", "unknown trigger 'sev0', did you mean "
		    "'sev-0'?" },
		{ "declared danger", "unknown word 'danger', expected "
		    "data-risk or downtime" },
		{ "login -Fc", "'-Fc' is not a name" },
		{ "login a;b", "'a;b' is not a name" },
		{ "file exists", "'file exists' is not complete: exists comes "
		    "next" },
		{ "fro\nzen", "the condition holds control characters" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct cond c;

		test_case(bad[i].text);
		assert_string_equal(parse(bad[i].text, &c), bad[i].says);
	}
}

static void
a_text_without_end_is_refused(void **state)
{
	char text[2000];
	struct cond c;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_string_equal(parse(text, &c), "the condition is too long");
	memset(text, ' ', 400);
	for (size_t i = 0; i < 400; i += 2)
		text[i] = 'a';
	text[400] = '\0';
	assert_string_not_equal(parse(text, &c), "ok");
}

static void
two_are_the_same_when_they_ask_the_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "frozen", "not frozen", true },
		{ "disk a below 80", "disk  a  below 80%", true },
		{ "disk a below 80", "disk b below 80", false },
		{ "disk a below 80", "disk a below 81", false },
		{ "backup a sent", "backup a verified", false },
		{ "backup a sent", "backup a sent since-open", false },
		{ "nightly passed within 60m", "nightly passed within 1h",
		    true },
		{ "services up", "secrets valid", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct cond a, b;

		test_case(pairs[i].a);
		parse(pairs[i].a, &a);
		parse(pairs[i].b, &b);
		assert_int_equal(cond_same(&a, &b), pairs[i].same);
	}
}

static const char site_text[] =
    "site = { name = \"prod\"; };\n"
    "places = ( { name = \"nas-box\"; ssh = \"b@nas\"; } );\n"
    "databases = ( { name = \"otc\"; host = \"otc-db\"; },\n"
    "  { name = \"arp\"; aka = ( \"arp-prod\" ); host = \"arp-db\"; } );\n"
    "components = ( { name = \"files\"; files = ( \"/srv\" ); } );\n"
    "stores = ( { name = \"nas\"; at = \"nas-box\"; path = \"/b\"; } );\n"
    "backup = { to = ( \"nas\" ); };\n"
    "disks = ( { name = \"backup\"; path = \"/\"; } );\n"
    "services = ( { name = \"api\"; check = \"true\"; } );\n";

static void
names_are_looked_up_in_the_site_and_among_the_steps(void **state)
{
	static const char *const ids[] = { "own", "save-{db}", "freeze" };
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "login otc", "ok" }, { "login arp-prod", "ok" },
		{ "login otd", "unknown database 'otd', did you mean 'otc'?" },
		{ "login files", "unknown database 'files'" },
		{ "login {db}", "ok" },
		{ "backup files verified", "ok" },
		{ "backup otc verified", "ok" },
		{ "backup fils verified", "unknown database or component "
		    "'fils', did you mean 'files'?" },
		{ "disk backup below 80", "ok" },
		{ "disk bakcup below 80", "unknown disk 'bakcup', did you mean "
		    "'backup'?" },
		{ "store nas reachable", "ok" },
		{ "store nsa reachable", "unknown store 'nsa', did you mean "
		    "'nas'?" },
		{ "place nas-box reachable", "ok" },
		{ "place nasbox reachable", "unknown place 'nasbox', did you "
		    "mean 'nas-box'?" },
		{ "service api up", "ok" },
		{ "service app up", "unknown service 'app', did you mean "
		    "'api'?" },
		{ "step own done", "ok" }, { "step save-otc done", "ok" },
		{ "step freze done", "unknown step 'freze', did you mean "
		    "'freeze'?" },
		{ "step save- done", "unknown step 'save-'" },
		{ "frozen", "ok" }, { "role commander taken", "ok" },
	};
	struct site site = { 0 };

	(void)state;
	site_parse(&site, "midwatch.cfg", site_text, strlen(site_text));
	for (size_t i = 0; i < site.doc.problems.n; i++)
		print_message("# %s\n", site.doc.problems.v[i].text);
	assert_int_equal(site.doc.problems.n, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e = ERR_INIT;
		struct cond c;

		test_case(cases[i].text);
		assert_string_equal(parse(cases[i].text, &c), "ok");
		assert_int_equal(cond_check(&c, &site, ids, 3, &e),
		    strcmp(cases[i].says, "ok") == 0);
		assert_string_equal(e.msg[0] ? e.msg : "ok", cases[i].says);
		/* without a site only steps can be wrong */
		err_clear(&e);
		if (strncmp(cases[i].text, "step", 4) != 0)
			assert_true(cond_check(&c, NULL, ids, 3, &e));
		assert_true(cond_check(&c, NULL, NULL, 0, &e));
	}
	site_release(&site);
}

static void
the_help_names_every_question(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	cond_help(&b);
	assert_non_null(strstr(b.p, "  backup PART sent|verified|restorable *"));
	assert_non_null(strstr(b.p, "  followups assigned\n"));
	assert_non_null(strstr(b.p, "  file PATH exists\n"));
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_form_of_every_question_is_read),
	cmocka_unit_test(the_arguments_are_where_the_header_says),
	cmocka_unit_test(a_mistake_is_named_and_what_was_meant),
	cmocka_unit_test(a_text_without_end_is_refused),
	cmocka_unit_test(two_are_the_same_when_they_ask_the_same),
	cmocka_unit_test(names_are_looked_up_in_the_site_and_among_the_steps),
	cmocka_unit_test(the_help_names_every_question),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
