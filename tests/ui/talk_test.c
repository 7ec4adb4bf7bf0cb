/* What the console's children say, as what the panes show. */
#include "tests/ui/canned.h"

#include "ui/talk.h"

static struct talk w;
static struct model m;

static void
hear(const char *line)
{
	talk_hear(&w, line, strlen(line), CANNED_NOW);
	talk_turn(&w, CANNED_NOW);
}

static int
fresh(void **state)
{
	struct model_head *h = model_head_begin(&m);

	(void)state;
	h->host = pool_str(&h->pool, "bastion");
	h->environment = pool_str(&h->pool, "production");
	h->site = pool_str(&h->pool, "trading");
	h->read_only = true;
	talk_init(&w, &m);
	return 0;
}

static int
used(void **state)
{
	(void)state;
	talk_release(&w);
	model_release(&m);
	m = (struct model){ .now = 0 };
	return 0;
}

/* Production looks like production from the first frame on, whoever speaks
 * first. */
static void
the_header_holds_until_the_keeper_has_spoken(void **state)
{
	(void)state;
	hear("{\"kind\":\"disk\",\"name\":\"root\",\"level\":\"ok\","
	    "\"at\":\"2025-02-14T01:42:00.000Z\",\"text\":\"41 % full\","
	    "\"data\":{}}");
	assert_int_equal(m.readings.all.v.n, 1);
	assert_int_equal(m.head.env, ENV_PRODUCTION);
	assert_string_equal(m.head.host, "bastion");
	assert_string_equal(m.head.site, "trading");
	assert_true(m.head.read_only);
	hear("{\"t\":\"hello\",\"host\":\"elsewhere\",\"read_only\":false}");
	assert_string_equal(m.head.host, "elsewhere");
	assert_int_equal(m.head.env, ENV_OTHER);
	assert_false(m.head.read_only);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    the_header_holds_until_the_keeper_has_spoken, fresh, used),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
