#include "tests/test.h"

#include <sys/statvfs.h>

#include "base/clock.h"
#include "condition/condition.h"
#include "condition/secrets.h"

static const int64_t noon = INT64_C(1739534400000);	/* 2025-02-14 12:00 */

/* The world as one question sees it; the reason stays until the next one. */
static struct incident inc = INCIDENT_INIT;
static struct state place;
static struct site site;
static struct cond_world world;
static struct buf why;

static enum truth
ask(const char *text)
{
	static struct pool pool;
	struct err e = ERR_INIT;
	struct cond c;

	test_case(text);
	if (!cond_parse(&pool, text, &c, &e))
		fail_msg("%s", e.msg);
	buf_clear(&why);
	return cond_ask(&c, &world, &why);
}

static void
says(const char *words)
{
	if (why.n == 0 || strstr(why.p, words) == NULL)
		fail_msg("'%s' does not say '%s'", why.n ? why.p : "", words);
}

/* An incident that nothing happened in, without a site. */
static int
fresh(void **state)
{
	(void)state;
	inc = (struct incident)INCIDENT_INIT;
	inc.opened = noon;
	world = (struct cond_world){ .inc = &inc, .now = noon + 60000 };
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	VEC_RELEASE(&inc.steps);
	VEC_RELEASE(&inc.roles);
	VEC_RELEASE(&inc.entries);
	VEC_RELEASE(&inc.told);
	VEC_RELEASE(&inc.followups);
	site_release(&site);
	site = (struct site){ 0 };
	free(place.dir);
	place.dir = NULL;
	return 0;
}

static void
with_site(const char *text)
{
	char *path = strdup(test_write("midwatch.cfg", text));

	site = (struct site){ 0 };
	site_load(&site, path);
	for (size_t i = 0; i < site.doc.problems.n; i++)
		print_message("# %s\n", site.doc.problems.v[i].text);
	assert_int_equal(site.doc.problems.n, 0);
	world.site = &site;
	free(path);
}

static void
with_state(void)
{
	place.dir = strdup(test_path("state"));
	mkdir(place.dir, 0755);
	unlink(test_path("state/freeze"));
	world.state = &place;
}

static void
what_cannot_be_read_yet_is_unknown_and_says_so(void **state)
{
	(void)state;
	assert_int_equal(ask("every database verified since-open"),
	    TRUTH_UNKNOWN);
	says("names nothing that is backed up");
	assert_int_equal(ask("not login arp"), TRUTH_UNKNOWN);
	says("names no database 'arp'");
	assert_int_equal(ask("nightly passed"), TRUTH_UNKNOWN);
}

static void
happened(enum event_kind kind, int64_t at, const char *text, const char *data)
{
	struct inc_entry *en = VEC_NEW(&inc.entries);

	en->kind = kind;
	en->at = at;
	en->text = (char *)(uintptr_t)text;
	en->data = json_read(data, strlen(data), NULL);
	assert_non_null(en->data);
}

static void
the_newest_precheck_answers(void **state)
{
	(void)state;
	inc.opened = noon;
	world.now = noon + 60000;
	assert_int_equal(ask("precheck passed since-open"), TRUTH_NO);
	says("no pre-check was run");
	happened(EVENT_PRECHECK, noon + 1, "ready", "{\"ok\":true}");
	assert_int_equal(ask("precheck passed since-open"), TRUTH_YES);
	assert_int_equal(ask("precheck passed within 10m"), TRUTH_YES);
	world.now = noon + 700000;
	assert_int_equal(ask("precheck passed within 10m"), TRUTH_NO);
	says("too old");
	happened(EVENT_PRECHECK, noon + 2, "not ready: disk",
	    "{\"ok\":false}");
	assert_int_equal(ask("precheck passed"), TRUTH_NO);
	says("not ready: disk");
	for (size_t i = 0; i < inc.entries.n; i++)
		json_decref(inc.entries.v[i].data);
}

static void
a_restore_counts_when_it_went_into_the_target(void **state)
{
	(void)state;
	inc.opened = noon;
	world.now = noon + 60000;
	assert_int_equal(ask("restored otc since-open"), TRUTH_NO);
	happened(EVENT_RESTORED, noon + 1, "gps restored",
	    "{\"db\":\"gps\",\"target\":true}");
	happened(EVENT_RESTORED, noon + 2, "otc elsewhere",
	    "{\"db\":\"otc\",\"target\":false}");
	assert_int_equal(ask("restored gps since-open"), TRUTH_YES);
	assert_int_equal(ask("restored otc"), TRUTH_NO);
	says("not into its target");
	happened(EVENT_RESTORED, noon + 3, "otc restored",
	    "{\"db\":\"otc\",\"target\":true}");
	assert_int_equal(ask("restored otc"), TRUTH_YES);
	for (size_t i = 0; i < inc.entries.n; i++)
		json_decref(inc.entries.v[i].data);
}

static void
without_an_incident_its_questions_are_unknown(void **state)
{
	static const char *const questions[] = {
		"step own done", "role commander taken",
		"severity at-least SEV-3", "evidence gathered",
		"update sent within 15m", "declared downtime", "told open",
		"rca published", "followups assigned", "not step own done",
		"restored otc", "precheck passed",
		"rca published", "followups assigned", "cleanup done",
		"not step own done",
	};

	(void)state;
	world.inc = NULL;
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		assert_int_equal(ask(questions[i]), TRUTH_UNKNOWN);
		says("no incident is open");
	}
	assert_int_equal(ask("nightly passed since-open"), TRUTH_UNKNOWN);
	says("no incident is open");
}

static void
a_clean_up_is_done_when_the_last_one_ended_well(void **state)
{
	static const struct {
		const char *verb, *outcome;
		enum truth answer;
		const char *why;
	} cases[] = {
		{ "backup", "done", TRUTH_NO, "no clean-up has ended" },
		{ "cleanup", "failed", TRUTH_NO, "ended as 'failed'" },
		{ "cleanup", "done", TRUTH_YES, "a clean-up ended well" },
		{ "backup", "failed", TRUTH_YES, "a clean-up ended well" },
		{ "cleanup", "refused", TRUTH_NO, "ended as 'refused'" },
	};

	(void)state;
	assert_int_equal(ask("cleanup done since-open"), TRUTH_NO);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct inc_entry *x = VEC_NEW(&inc.entries);

		x->kind = EVENT_JOB_ENDED;
		x->at = noon;
		x->data = json_object();
		json_object_set_new(x->data, "verb",
		    json_string(cases[i].verb));
		json_object_set_new(x->data, "outcome",
		    json_string(cases[i].outcome));
		assert_int_equal(ask("cleanup done since-open"),
		    cases[i].answer);
		says(cases[i].why);
	}
	world.now = noon + 3 * 3600000;
	json_object_set_new(inc.entries.v[inc.entries.n - 1].data, "outcome",
	    json_string("done"));
	assert_int_equal(ask("cleanup done within 2h"), TRUTH_NO);
	assert_int_equal(ask("cleanup done within 4h"), TRUTH_YES);
	for (size_t i = 0; i < inc.entries.n; i++)
		json_decref(inc.entries.v[i].data);
}

static void
a_step_is_done_only_while_its_proof_holds(void **state)
{
	static const struct {
		enum step_state is;
		bool lost;
		enum truth answer;
		const char *why;
	} cases[] = {
		{ STEP_TODO, false, TRUTH_NO, "still to be done" },
		{ STEP_RUNNING, false, TRUTH_NO, "is running" },
		{ STEP_DONE, false, TRUTH_YES, "was done at" },
		{ STEP_DONE, true, TRUTH_NO, "does not hold any more" },
		{ STEP_FAILED, false, TRUTH_NO, "has failed" },
		{ STEP_SKIPPED, false, TRUTH_NO, "was skipped" },
		{ STEP_DOUBT, false, TRUTH_UNKNOWN, "is not known" },
	};
	struct inc_step *s;

	(void)state;
	assert_int_equal(ask("step freeze done"), TRUTH_NO);
	says("step freeze is still to be done");
	s = VEC_NEW(&inc.steps);
	s->id = (char *)(uintptr_t)"freeze";
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		s->state = cases[i].is;
		s->proof_lost = cases[i].lost;
		s->ended = noon;
		assert_int_equal(ask("step freeze done"), cases[i].answer);
		says(cases[i].why);
	}
	s->state = STEP_DOUBT;
	assert_int_equal(ask("not step freeze done"), TRUTH_UNKNOWN);
	s->state = STEP_FAILED;
	assert_int_equal(ask("not step freeze done"), TRUTH_YES);
}

static void
a_role_is_taken_by_somebody(void **state)
{
	struct inc_role *r;

	(void)state;
	assert_int_equal(ask("role commander taken"), TRUTH_NO);
	says("nobody is commander");
	r = VEC_NEW(&inc.roles);
	r->role = (char *)(uintptr_t)"commander";
	r->who = (char *)(uintptr_t)"ada";
	r->since = noon;
	assert_int_equal(ask("role commander taken"), TRUTH_YES);
	says("ada is commander");
	r->until = noon + 1;
	assert_int_equal(ask("role commander taken"), TRUTH_NO);
}

static void
sev_0_is_graver_than_sev_1(void **state)
{
	char one[] = "SEV-1", zero[] = "SEV-0";

	(void)state;
	assert_int_equal(ask("severity at-least SEV-3"), TRUTH_UNKNOWN);
	inc.severity = one;
	assert_int_equal(ask("severity at-least SEV-0"), TRUTH_NO);
	says("the severity is SEV-1");
	assert_int_equal(ask("severity at-least SEV-1"), TRUTH_YES);
	assert_int_equal(ask("severity at-least SEV-2"), TRUTH_YES);
	inc.severity = zero;
	assert_int_equal(ask("severity at-least SEV-0"), TRUTH_YES);
	inc.severity = NULL;
}

static void
evidence_is_a_line_of_the_journal(void **state)
{
	(void)state;
	VEC_NEW(&inc.entries)->kind = EVENT_NOTE;
	assert_int_equal(ask("evidence gathered"), TRUTH_NO);
	happened(EVENT_EVIDENCE, noon, "otc: read back",
	    "{\"component\":\"otc\",\"verified\":true}");
	assert_int_equal(ask("evidence gathered"), TRUTH_NO);
	happened(EVENT_EVIDENCE, noon, "log", "{\"source\":\"isolate\"}");
	assert_int_equal(ask("evidence gathered"), TRUTH_YES);
	says("1 piece");
}

static void
an_update_grows_old(void **state)
{
	(void)state;
	assert_int_equal(ask("update sent within 15m"), TRUTH_NO);
	says("no update was sent");
	inc.last_update = noon;
	world.now = noon + 15 * 60000;
	assert_int_equal(ask("update sent within 15m"), TRUTH_YES);
	world.now++;
	assert_int_equal(ask("update sent within 15m"), TRUTH_NO);
	says("15 min ago");
	world.now = noon - 5000;	/* clocks differ between hosts */
	assert_int_equal(ask("update sent within 15m"), TRUTH_YES);
}

static void
told_means_that_nobody_is_left_to_be_told(void **state)
{
	struct inc_told *t;

	(void)state;
	assert_int_equal(ask("told open"), TRUTH_NO);
	says("nobody was told");
	t = VEC_NEW(&inc.told);
	*t = (struct inc_told){ .trigger = (char *)(uintptr_t)"sev-0",
	    .who = (char *)(uintptr_t)"Head", .at = noon };
	assert_int_equal(ask("told open"), TRUTH_NO);
	t = VEC_NEW(&inc.told);
	*t = (struct inc_told){ .trigger = (char *)(uintptr_t)"open",
	    .who = (char *)(uintptr_t)"Tech Lead" };
	assert_int_equal(ask("told open"), TRUTH_NO);
	says("Tech Lead is still to be told");
	t->at = noon;
	assert_int_equal(ask("told open"), TRUTH_YES);
	says("Tech Lead was told");
}

static void
only_a_person_declares(void **state)
{
	(void)state;
	assert_int_equal(ask("declared data-risk"), TRUTH_NO);
	inc.data_risk = true;
	assert_int_equal(ask("declared data-risk"), TRUTH_YES);
	assert_int_equal(ask("declared downtime"), TRUTH_NO);
	inc.downtime = true;
	assert_int_equal(ask("declared downtime"), TRUTH_YES);
}

static void
the_report_is_published_or_not(void **state)
{
	char where[] = "wiki/42";

	(void)state;
	assert_int_equal(ask("rca published"), TRUTH_NO);
	inc.published = true;
	inc.published_where = where;
	assert_int_equal(ask("rca published"), TRUTH_YES);
	says("wiki/42");
	inc.published_where = NULL;
}

static void
every_follow_up_has_an_owner_and_a_date(void **state)
{
	struct inc_followup *f;
	char text[] = "rotate", who[] = "ada", due[] = "2025-03-01";

	(void)state;
	assert_int_equal(ask("followups assigned"), TRUTH_NO);
	inc.no_followups = true;
	assert_int_equal(ask("followups assigned"), TRUTH_YES);
	f = VEC_NEW(&inc.followups);
	f->text = text;
	assert_int_equal(ask("followups assigned"), TRUTH_NO);
	says("nobody has 'rotate'");
	f->owner = who;
	assert_int_equal(ask("followups assigned"), TRUTH_NO);
	says("'rotate' has no date");
	f->due = due;
	assert_int_equal(ask("followups assigned"), TRUTH_YES);
	f = VEC_NEW(&inc.followups);
	f->text = text;
	assert_int_equal(ask("followups assigned"), TRUTH_NO);
	f->done = true;
	assert_int_equal(ask("followups assigned"), TRUTH_YES);
	inc.no_followups = false;
}

static void
the_nightly_is_judged_by_what_was_seen_of_it(void **state)
{
	static const struct {
		const char *label, *data, *question, *says;
		enum truth truth;
	} rows[] = {
		{ "it ended well", "\"result\":\"good\",\"ended\":"
		    "\"2025-02-14T11:00:00.000Z\"", "nightly passed",
		    "ended well at", TRUTH_YES },
		{ "within a time", "\"result\":\"good\",\"ended\":"
		    "\"2025-02-14T11:00:00.000Z\"", "nightly passed within 2h",
		    "ended well at", TRUTH_YES },
		{ "longer ago", "\"result\":\"good\",\"ended\":"
		    "\"2025-02-14T11:00:00.000Z\"",
		    "nightly passed within 30m", "(61 min", TRUTH_NO },
		{ "before the incident", "\"result\":\"good\",\"ended\":"
		    "\"2025-02-14T11:59:00.000Z\"",
		    "nightly passed since-open", "ended well at", TRUTH_NO },
		{ "since it opened", "\"result\":\"good\",\"ended\":"
		    "\"2025-02-14T12:00:30.000Z\"",
		    "nightly passed since-open", "ended well at", TRUTH_YES },
		{ "it failed", "\"result\":\"bad\",\"ended\":"
		    "\"2025-02-14T11:00:00.000Z\"", "nightly passed",
		    "the last nightly failed", TRUTH_NO },
		{ "it has no end yet", "\"result\":\"open\"",
		    "nightly passed", "no end", TRUTH_NO },
		{ "it was missed", "\"missed\":true", "nightly passed",
		    "its words", TRUTH_NO },
		{ "nothing was seen", "", "nightly passed",
		    "could not be seen", TRUTH_UNKNOWN },
		{ "it ended, and nobody knows when", "\"result\":\"good\"",
		    "nightly passed", "when it ended", TRUTH_UNKNOWN },
		{ "it is started as stated", "\"hour\":\"02:00\","
		    "\"right\":true",
		    "schedule right", "its words", TRUTH_YES },
		{ "it is started at another hour", "\"hour\":\"02:00\","
		    "\"right\":false",
		    "schedule right", "its words", TRUTH_NO },
		{ "what starts it cannot be read", "\"hour\":\"02:00\"",
		    "schedule right",
		    "could not be seen", TRUTH_UNKNOWN },
	};

	(void)state;
	with_site("site = { name = \"t\"; };");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cond_picture seen = { 0 };
		struct reading r;
		struct err e = ERR_INIT;
		char *line = xprintf("{\"kind\":\"schedule\",\"name\":"
		    "\"nightly\",\"level\":\"ok\",\"at\":"
		    "\"2025-02-14T12:00:00.000Z\",\"text\":\"its words\","
		    "\"data\":{%s}}", rows[i].data);

		assert_true(reading_parse(&r, line, strlen(line), &e));
		readings_put(&seen.all, &r);
		VEC_PUSH(&seen.kinds, "schedule");
		world.picture = &seen;
		assert_int_equal(ask(rows[i].question), rows[i].truth);
		test_case(rows[i].label);
		says(rows[i].says);
		world.picture = NULL;
		cond_picture_release(&seen);
		reading_release(&r);
		free(line);
	}
	assert_int_equal(ask("schedule right"), TRUTH_UNKNOWN);
	says("names nothing that a nightly would save");
}

static void
a_file_is_there_or_not_or_cannot_be_seen(void **state)
{
	char question[PATH_MAX + 32];

	(void)state;
	snprintf(question, sizeof question, "file %s exists",
	    test_write("here", "x"));
	assert_int_equal(ask(question), TRUTH_YES);
	snprintf(question, sizeof question, "file %s exists",
	    test_path("not here"));
	assert_int_equal(ask(question), TRUTH_NO);
	assert_int_equal(ask("file /etc/passwd/x exists"), TRUTH_NO);
	assert_int_equal(ask("file here exists"), TRUTH_UNKNOWN);
	with_site("site = { name = \"prod\"; };\n");
	assert_int_equal(ask("file here exists"), TRUTH_YES);
	assert_int_equal(ask("file there exists"), TRUTH_NO);
}

/* What df prints under Use%. */
static int
df_percent(const char *path)
{
	struct statvfs v;

	assert_int_equal(statvfs(path, &v), 0);
	double used = (double)(v.f_blocks - v.f_bfree);
	double pct = used * 100 / (used + (double)v.f_bavail);
	return (int)pct + ((double)(int)pct < pct);
}

static void
a_disk_is_as_full_as_df_says(void **state)
{
	char question[64];
	int pct = df_percent("/");

	(void)state;
	with_site("site = { name = \"prod\"; };\n"
	    "places = ( { name = \"box\"; ssh = \"a@box\"; } );\n"
	    "disks = ( { name = \"root\"; path = \"/\"; },\n"
	    "  { name = \"gone\"; path = \"/no/such/place\"; },\n"
	    "  { name = \"far\"; path = \"/\"; at = \"box\"; } );\n");
	if (pct > 0 && pct < 100) {
		snprintf(question, sizeof question, "disk root below %d",
		    pct + 1);
		assert_int_equal(ask(question), TRUTH_YES);
		snprintf(question, sizeof question, "disk root below %d", pct);
		assert_int_equal(ask(question), TRUTH_NO);
		snprintf(question, sizeof question, "root is %d%% full", pct);
		says(question);
		snprintf(question, sizeof question, "not disk root below %d",
		    pct);
		assert_int_equal(ask(question), TRUTH_YES);
	}
	assert_int_equal(ask("disk root free 1"), TRUTH_YES);
	assert_int_equal(ask("disk root free 900TB"), TRUTH_NO);
	assert_int_equal(ask("inodes root below 100"), TRUTH_YES);
	assert_int_equal(ask("disk gone below 90"), TRUTH_UNKNOWN);
	says("there is no '/no/such/place'");
	assert_int_equal(ask("not disk gone below 90"), TRUTH_UNKNOWN);
	assert_int_equal(ask("disk far below 90"), TRUTH_UNKNOWN);
	says("box");
	assert_int_equal(ask("disk other below 90"), TRUTH_UNKNOWN);
	says("names no disk 'other'");
	/* one no is enough; without it one unknown is */
	assert_int_equal(ask("every disk below 1"), pct >= 1 ? TRUTH_NO :
	    TRUTH_UNKNOWN);
	assert_int_equal(ask("every disk below 100"), pct >= 100 ? TRUTH_NO :
	    TRUTH_UNKNOWN);
	says("gone");
}

static void
of_no_disks_and_no_services_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(ask("every disk below 80"), TRUTH_UNKNOWN);
	with_site("site = { name = \"prod\"; };\n");
	assert_int_equal(ask("every disk below 80"), TRUTH_UNKNOWN);
	says("the site file names no disks");
	assert_int_equal(ask("services up"), TRUTH_UNKNOWN);
	says("the site file names no services");
	assert_int_equal(ask("service api up"), TRUTH_UNKNOWN);
	says("no service 'api'");
}

static void
services_are_up_when_all_their_checks_end_with_0(void **state)
{
	(void)state;
	with_site("site = { name = \"prod\"; };\n"
	    "places = ( { name = \"box\"; ssh = \"a@box\"; } );\n"
	    "services = ( { name = \"a\"; check = \"test -f midwatch.cfg\"; },\n"
	    "  { name = \"b\"; check = ( \"sh\", \"-c\", \"exit 3\" ); },\n"
	    "  { name = \"c\"; check = \"no-such-program-here\"; },\n"
	    "  { name = \"d\"; check = ( \"no-such-program-here\" ); },\n"
	    "  { name = \"e\"; check = \"true\"; at = \"box\"; } );\n");
	assert_int_equal(ask("service a up"), TRUTH_YES);
	says("service a");
	assert_int_equal(ask("service b up"), TRUTH_NO);
	says("exit 3");
	assert_int_equal(ask("not service b up"), TRUTH_YES);
	assert_int_equal(ask("service c up"), TRUTH_UNKNOWN);
	assert_int_equal(ask("service d up"), TRUTH_UNKNOWN);
	assert_int_equal(ask("service e up"), TRUTH_UNKNOWN);
	says("box");
	assert_int_equal(ask("services up"), TRUTH_NO);
	says("service b");
}

static void
a_check_that_hangs_is_unknown_after_its_deadline(void **state)
{
	int64_t before = clock_mono_ms(), took;

	(void)state;
	with_site("site = { name = \"prod\"; };\n"
	    "services = ( { name = \"a\"; check = \"sleep 300 & sleep 300\"; },\n"
	    "  { name = \"b\"; check = \"trap '' TERM; sleep 300; sleep 1\"; },\n"
	    "  { name = \"c\"; check = \"true\"; } );\n");
	assert_int_equal(ask("services up"), TRUTH_UNKNOWN);
	says("service a");
	took = clock_mono_ms() - before;
	assert_true(took >= 4500);
	assert_true(took < 9000);
}

static void
the_flag_file_freezes_when_nothing_else_can_be_asked(void **state)
{
	(void)state;
	assert_int_equal(ask("frozen"), TRUTH_UNKNOWN);
	says("the state directory is not known");
	with_state();
	assert_int_equal(ask("frozen"), TRUTH_NO);
	assert_int_equal(ask("not frozen"), TRUTH_YES);
	test_write("state/freeze", "");
	assert_int_equal(ask("frozen"), TRUTH_NO);
	test_write("state/freeze", "   \n");
	assert_int_equal(ask("frozen"), TRUTH_NO);
	test_write("state/freeze", "{\"by\":\"ada\"}\n");
	assert_int_equal(ask("frozen"), TRUTH_YES);
	assert_int_equal(ask("not frozen"), TRUTH_NO);
}

static void
the_sites_own_check_knows_best_whether_the_freeze_holds(void **state)
{
	(void)state;
	with_state();
	with_site("site = { name = \"prod\"; };\n"
	    "freeze = { check = \"test -f paused\"; };\n");
	assert_int_equal(ask("frozen"), TRUTH_NO);
	test_write("paused", "");
	assert_int_equal(ask("frozen"), TRUTH_YES);
	assert_int_equal(ask("not frozen"), TRUTH_NO);
	test_write("state/freeze", "ada");
	assert_int_equal(ask("frozen"), TRUTH_YES);
	/* two that disagree prove nothing, neither way */
	unlink(test_path("paused"));
	assert_int_equal(ask("frozen"), TRUTH_UNKNOWN);
	says("the freeze flag is set, but freeze.check says");
	assert_int_equal(ask("not frozen"), TRUTH_UNKNOWN);
}

static void
a_freeze_check_that_cannot_run_answers_nothing(void **state)
{
	(void)state;
	with_state();
	with_site("site = { name = \"prod\"; };\n"
	    "freeze = { check = \"no-such-program-here\"; };\n");
	assert_int_equal(ask("frozen"), TRUTH_UNKNOWN);
	says("freeze.check ended with exit 127");
	assert_int_equal(ask("not frozen"), TRUTH_UNKNOWN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, clean)
/* What the daily look has found, of each database. */
static void
secrets_are_valid_while_the_last_look_at_them_was_good(void **state)
{
	static const char text[] = "site = { name = \"prod\"; };\n"
	    "databases = ( { name = \"otc\"; }, { name = \"arp\"; } );\n";
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ask("secrets valid"), TRUTH_UNKNOWN);
	assert_true(site_parse(&site, "/x/midwatch.cfg", text, strlen(text)));
	place.dir = xstrdup(test_dir());
	world.site = &site;
	world.state = &place;
	world.now = clock_wall_ms();
	assert_int_equal(ask("secrets valid"), TRUTH_UNKNOWN);
	says("recover --check");
	assert_true(secrets_put(&place, "otc", true, "fine", &e));
	assert_int_equal(ask("secrets valid"), TRUTH_UNKNOWN);
	says("arp were never tried");
	assert_true(secrets_put(&place, "arp", true, "fine", &e));
	assert_int_equal(ask("secrets valid"), TRUTH_YES);
	assert_true(secrets_put(&place, "otc", false, "pgpass is open", &e));
	assert_int_equal(ask("secrets valid"), TRUTH_NO);
	says("otc: pgpass is open");
	assert_true(secrets_put(&place, "otc", true, "fine", &e));
	assert_int_equal(ask("not secrets valid"), TRUTH_NO);
	world.now += INT64_C(37) * 3600 * 1000;
	assert_int_equal(ask("secrets valid"), TRUTH_UNKNOWN);
	says("last tried 3");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    secrets_are_valid_while_the_last_look_at_them_was_good, fresh, clean),
	TEST(what_cannot_be_read_yet_is_unknown_and_says_so),
	TEST(without_an_incident_its_questions_are_unknown),
	TEST(a_clean_up_is_done_when_the_last_one_ended_well),
	TEST(a_step_is_done_only_while_its_proof_holds),
	TEST(a_role_is_taken_by_somebody),
	TEST(sev_0_is_graver_than_sev_1),
	TEST(evidence_is_a_line_of_the_journal),
	TEST(an_update_grows_old),
	TEST(told_means_that_nobody_is_left_to_be_told),
	TEST(only_a_person_declares),
	TEST(the_report_is_published_or_not),
	TEST(every_follow_up_has_an_owner_and_a_date),
	TEST(the_nightly_is_judged_by_what_was_seen_of_it),
	TEST(a_file_is_there_or_not_or_cannot_be_seen),
	TEST(a_disk_is_as_full_as_df_says),
	TEST(of_no_disks_and_no_services_nothing_is_known),
	TEST(services_are_up_when_all_their_checks_end_with_0),
	TEST(a_check_that_hangs_is_unknown_after_its_deadline),
	TEST(the_newest_precheck_answers),
	TEST(a_restore_counts_when_it_went_into_the_target),
	TEST(the_flag_file_freezes_when_nothing_else_can_be_asked),
	TEST(the_sites_own_check_knows_best_whether_the_freeze_holds),
	TEST(a_freeze_check_that_cannot_run_answers_nothing),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
