/* What the keeper and the feed say, and what becomes of it in the model. */
#include "tests/ui/kit.h"

#include "ui/talk.h"

static struct model m;
static struct talk w;
static const int64_t now = INT64_C(1739497320000);

static int
fresh(void **state)
{
	(void)state;
	m = (struct model){ 0 };
	talk_init(&w, &m);
	return 0;
}

static int
done(void **state)
{
	(void)state;
	talk_release(&w);
	model_release(&m);
	return 0;
}

static void
hear(const char *line)
{
	talk_hear(&w, line, strlen(line), now);
	talk_turn(&w, now);
}

static void
order(enum order_kind kind, const char *what)
{
	struct order o = { .kind = kind, .what = xstrdup(what) };
	struct err e = ERR_INIT;

	assert_true(talk_give(&w, &o, &e));
}

#define HELLO "{\"t\":\"hello\",\"by\":\"ana\",\"host\":\"bastion\"}"
#define OPEN "{\"t\":\"incident\",\"id\":\"INC-20250214-0104\",\"state\":" \
	"\"open\",\"severity\":\"SEV-1\",\"title\":\"no backup\",\"opened\":1}"

static void
what_is_not_saved_is_said_and_not_what_went_well(void **state)
{
	(void)state;
	hear(HELLO);
	order(ORDER_ACTION, "backup --all-unsafe --emergency");
	hear("{\"t\":\"ended\",\"id\":1,\"exit\":1,\"out\":\"[EMERGENCY] 2 to "
	    "save\\n[FAIL] arp is not saved: no such role\\n[FAIL] gps is not "
	    "saved: no room\\n[OK] otc\\n\",\"err\":\"otc: read back on nas\\n\"}");
	assert_true(m.answer.bad);
	assert_string_equal(m.answer.text, "backup --all-unsafe --emergency: "
	    "failed: arp is not saved: no such role (and 1 more)");
	assert_int_equal(m.page.then, ANSWER_SHOW);
	assert_true(strncmp(m.page.text, "arp is not saved: no such role\n"
	    "gps is not saved: no room\n\n[EMERGENCY]", 68) == 0);
	assert_non_null(strstr(m.page.text, "read back on nas"));
	/* and once is enough */
	assert_null(strstr(m.page.text, "[FAIL]"));
}

/* Whoever pressed the first button is not told to do by hand what it does. */
static void
while_all_is_saved_it_is_not_to_be_saved(void **state)
{
	(void)state;
	hear(HELLO);
	hear("{\"t\":\"site\",\"databases\":[{\"name\":\"otc\"}],"
	    "\"components\":[\"files\"]}");
	hear(OPEN);
	hear("{\"t\":\"steps\",\"next\":\"a\",\"v\":[{\"id\":\"a\",\"kind\":"
	    "\"action\",\"action\":\"backup\",\"title\":\"Save otc now\","
	    "\"state\":\"ready\"}]}");
	assert_string_equal(m.head.now, "Save otc now");
	hear("{\"t\":\"jobs\",\"v\":[{\"n\":5,\"kind\":\"backup\",\"title\":"
	    "\"emergency backup of gps\",\"state\":\"running\"}]}");
	assert_string_equal(m.head.now, "Save otc now");
	hear("{\"t\":\"jobs\",\"v\":[{\"n\":5,\"kind\":\"backup\",\"title\":"
	    "\"save all that is unsafe\",\"state\":\"running\"}]}");
	assert_string_equal(m.head.now,
	    "Job 5 works: save all that is unsafe");
	assert_string_equal(m.head.now_why,
	    "it does what comes next: Save otc now");
	assert_int_equal(m.head.now_key, REQ_NONE);
}

static void
what_only_a_person_declares_has_a_button(void **state)
{
	const struct model_button *b;

	(void)state;
	hear("{\"t\":\"hello\",\"host\":\"bastion\",\"read_only\":false}");
	hear("{\"t\":\"site\",\"databases\":[{\"name\":\"otc\"}]}");
	hear("{\"t\":\"incident\",\"id\":\"INC-20250214-0104\",\"state\":"
	    "\"open\",\"opened\":1,\"downtime\":true}");
	b = model_button(&m, REQ_DECLARE);
	assert_null(b->why_not);
	assert_int_equal(b->choices.n, 2);
	assert_string_equal(b->choices.v[0].word, "data-risk");
	assert_string_equal(b->choices.v[1].note, "declared already");
	assert_string_equal(b->plan, "incident declare @db --plan");
}

/* Nor has it failed: somebody has a phone call to make. */
static void
what_waits_for_a_person_is_neither_done_nor_hidden(void **state)
{
	(void)state;
	hear("{\"t\":\"site\",\"contacts\":[{\"who\":\"Eve\",\"on\":[]}]}");
	hear("{\"t\":\"incident\",\"id\":\"INC-20250214-0104\",\"state\":"
	    "\"open\",\"opened\":1,\"told\":[{\"trigger\":\"data-risk\","
	    "\"who\":\"Eve\"},{\"trigger\":\"update\",\"who\":\"Eve\","
	    "\"at\":7}]}");
	assert_string_equal(m.people.v.v[0].told, "data-risk");
	assert_int_equal(m.people.v.v[0].told_at, 0);
	hear("{\"t\":\"steps\",\"v\":[{\"id\":\"a\",\"kind\":\"action\","
	    "\"state\":\"failed\",\"waits\":true,\"reason\":\"Eve is still "
	    "to be told\"}]}");
	assert_string_equal(mstep_glance(m.steps.v.v[0].state), "TODO");
	assert_string_equal(mstep_word(m.steps.v.v[0].state),
	    "waits for a person");
}

static void
when_all_is_proven_it_is_to_be_resolved(void **state)
{
	(void)state;
	hear(OPEN);
	hear("{\"t\":\"steps\",\"next\":\"b\",\"v\":[{\"id\":\"resolve\","
	    "\"kind\":\"check\",\"state\":\"done\"},{\"id\":\"b\",\"kind\":"
	    "\"manual\",\"title\":\"Write it up\",\"state\":\"ready\"}]}");
	hear("{\"t\":\"criteria\",\"resolve\":[{\"text\":\"services up\","
	    "\"truth\":\"no\"}]}");
	assert_string_equal(m.head.now, "Write it up");
	hear("{\"t\":\"criteria\",\"resolve\":[{\"text\":\"services up\","
	    "\"truth\":\"yes\"}]}");
	assert_int_equal(m.head.now_key, REQ_RESOLVE);
	assert_non_null(strstr(m.head.now, "resolve the incident"));
}

static void
what_was_overridden_is_not_open(void **state)
{
	(void)state;
	hear("{\"t\":\"hello\",\"host\":\"bastion\",\"read_only\":false}");
	hear("{\"t\":\"site\",\"databases\":[]}");
	hear(OPEN);
	hear("{\"t\":\"criteria\",\"resolve\":[{\"text\":\"services up\","
	    "\"truth\":\"no\",\"why\":\"web\"}]}");
	assert_non_null(strstr(model_button(&m, REQ_RESOLVE)->text,
	    "NO: services up"));
	hear("{\"t\":\"criteria\",\"resolve\":[{\"text\":\"services up\","
	    "\"truth\":\"no\",\"why\":\"web\",\"overridden\":\"it is a "
	    "test service\"}]}");
	assert_null(model_button(&m, REQ_RESOLVE)->text);
}

static void
what_has_come_of_it_is_no_checkpoint(void **state)
{
	(void)state;
	hear(HELLO);
	order(ORDER_ACTION, "incident resolve");
	hear("{\"t\":\"ended\",\"id\":1,\"exit\":0,\"out\":\"asked\\nINC-1 is "
	    "resolved\\ncheckpoint: 7:3c74\\n\",\"err\":\"\"}");
	assert_string_equal(m.answer.text,
	    "incident resolve: done: INC-1 is resolved");
}

static void
what_no_store_could_say_is_not_never(void **state)
{
	(void)state;
	hear("{\"t\":\"site\",\"databases\":[{\"name\":\"otc\"}]}");
	hear("{\"kind\":\"backup\",\"name\":\"otc\",\"level\":\"warning\","
	    "\"at\":\"2025-02-14T01:42:00.000Z\",\"took_ms\":3,"
	    "\"deadline_ms\":5000,\"text\":\"x\",\"data\":"
	    "{\"stores_unknown\":1}}");
	assert_non_null(strstr(m.head.triage, "OTC ?"));
}

static void
verified(const char *name)
{
	char line[400];

	(void)snprintf(line, sizeof line, "{\"kind\":\"backup\",\"name\":"
	    "\"%s\",\"level\":\"ok\",\"at\":\"2025-02-14T01:42:00.000Z\","
	    "\"took_ms\":3,\"deadline_ms\":5000,\"text\":\"x\",\"data\":"
	    "{\"verified_ms\":2}}", name);
	hear(line);
}

static void
files_that_are_not_saved_are_worth_the_first_button(void **state)
{
	(void)state;
	hear("{\"t\":\"hello\",\"host\":\"bastion\",\"read_only\":false}");
	hear("{\"t\":\"actions\",\"v\":[{\"name\":\"backup\",\"built\":true}]}");
	hear("{\"t\":\"site\",\"databases\":[{\"name\":\"otc\"}],"
	    "\"components\":[\"files\"]}");
	hear(OPEN);
	verified("otc");
	assert_null(model_button(&m, REQ_SAVE_ALL)->why_not);
	verified("files");
	assert_string_equal(model_button(&m, REQ_SAVE_ALL)->why_not,
	    "all of it has a verified copy");
}

static void
steps_are_known_when_they_were_told(void **state)
{
	(void)state;
	hear(HELLO);
	assert_null(m.head.incident);
	hear(OPEN);
	assert_string_equal(m.head.incident, "INC-20250214-0104");
	assert_false(m.steps.known);
	hear("{\"t\":\"steps\",\"title\":\"night\",\"next\":\"b\",\"v\":["
	    "{\"id\":\"a\",\"kind\":\"manual\",\"state\":\"done\",\"how\":"
	    "\"confirmed\"},{\"id\":\"b\",\"kind\":\"check\",\"state\":"
	    "\"ready\",\"proof_lost\":true,\"say\":\"look\"}]}");
	assert_true(m.steps.known);
	assert_int_equal(m.steps.current, 1);
	assert_int_equal(m.steps.v.v[1].state, MSTEP_LOST);
	assert_non_null(strstr(m.head.now_why, "proof does not hold any more"));
	hear("{\"t\":\"steps\",\"title\":\"night\",\"next\":null,\"v\":["
	    "{\"id\":\"a\",\"kind\":\"manual\",\"state\":\"done\"}]}");
	assert_int_equal(m.steps.current, 1);	/* none */
	assert_true(m.head.now_key == REQ_RESOLVE);
}

static void
a_feed_that_says_nothing_is_a_notice(void **state)
{
	(void)state;
	hear("{\"kind\":\"disk\",\"name\":\"root\",\"level\":\"ok\",\"at\":"
	    "\"2025-02-14T01:42:00.000Z\",\"took_ms\":3,\"deadline_ms\":5000,"
	    "\"text\":\"41 % full\",\"data\":{}}");
	assert_int_equal(m.readings.all.v.n, 1);
	assert_int_equal(m.notices.v.n, 0);
	talk_turn(&w, now + 21000);
	assert_true(m.changed & MODEL_READINGS);
	assert_int_equal(m.notices.v.n, 1);
	assert_non_null(strstr(m.notices.v.v[0].text, "hangs"));
	talk_feed_lost(&w);
	talk_turn(&w, now + 22000);
	assert_true(m.readings.feed_dead);
	assert_non_null(strstr(m.notices.v.v[0].text, "is gone"));
}

static void
what_was_acknowledged_is_news_when_it_comes_back(void **state)
{
	struct order o = { .kind = ORDER_ACK, .what = xstrdup("disk root") };

	(void)state;
	hear("{\"kind\":\"disk\",\"name\":\"root\",\"level\":\"warning\","
	    "\"at\":\"2025-02-14T01:42:00.000Z\",\"text\":\"88 %\",\"data\":{}}");
	assert_true(talk_give(&w, &o, NULL));
	talk_turn(&w, now);
	assert_int_equal(m.readings.acknowledged.n, 1);
	hear("{\"kind\":\"disk\",\"name\":\"root\",\"level\":\"ok\","
	    "\"at\":\"2025-02-14T01:43:00.000Z\",\"text\":\"41 %\",\"data\":{}}");
	assert_int_equal(m.readings.acknowledged.n, 0);
	order_release(&o);
}

static void
what_is_odd_is_a_notice(void **state)
{
	(void)state;
	hear("{\"t\":\"odd\",\"v\":[{\"text\":\"the clock jumped\",\"hint\":"
	    "\"order holds\"}]}");
	hear("{\"t\":\"odd_runbook\",\"v\":[{\"text\":\"it has changed\"}]}");
	assert_int_equal(m.notices.v.n, 2);
	assert_string_equal(m.notices.v.v[0].hint, "order holds");
	assert_string_equal(m.notices.v.v[1].text, "it has changed");
	hear("{\"t\":\"odd\",\"v\":[]}");
	assert_int_equal(m.notices.v.n, 1);
}

static void
a_freeze_is_seen_before_its_reading_is(void **state)
{
	(void)state;
	hear(OPEN);
	hear("{\"kind\":\"work\",\"name\":\"freeze\",\"level\":\"ok\","
	    "\"at\":\"2025-02-14T01:42:00.000Z\",\"took_ms\":3,"
	    "\"deadline_ms\":5000,\"text\":\"not frozen\",\"data\":"
	    "{\"frozen\":false}}");
	assert_false(m.head.frozen || m.head.freeze_unknown);
	hear("{\"t\":\"entry\",\"seq\":7,\"at\":1739497325000,\"rec\":"
	    "1739497325000,\"kind\":\"freeze\",\"by\":\"ana\",\"text\":"
	    "\"frozen since 02:42, by ana: bad night\"}");
	assert_true(m.head.frozen);
	hear("{\"t\":\"entry\",\"seq\":8,\"at\":1739497326000,\"rec\":"
	    "1739497326000,\"kind\":\"freeze\",\"by\":\"ana\",\"text\":"
	    "\"the freeze is lifted\"}");
	assert_false(m.head.frozen || m.head.freeze_unknown);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)
static const struct CMUnitTest tests[] = {
	T(what_is_not_saved_is_said_and_not_what_went_well),
	T(while_all_is_saved_it_is_not_to_be_saved),
	T(what_only_a_person_declares_has_a_button),
	T(what_waits_for_a_person_is_neither_done_nor_hidden),
	T(when_all_is_proven_it_is_to_be_resolved),
	T(what_was_overridden_is_not_open),
	T(what_has_come_of_it_is_no_checkpoint),
	T(what_no_store_could_say_is_not_never),
	T(files_that_are_not_saved_are_worth_the_first_button),
	T(steps_are_known_when_they_were_told),
	T(what_is_odd_is_a_notice),
	T(what_was_acknowledged_is_news_when_it_comes_back),
	T(a_freeze_is_seen_before_its_reading_is),
	T(a_feed_that_says_nothing_is_a_notice),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
