#include "tests/test.h"

#include "action/escalate.h"
#include "action/tell.h"

static struct site site;
static struct incident inc;

static void
people(const char *contacts)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "site = { name = \"prod\"; };\ncomms = { contacts = ("
	    "%s ); };\n", contacts);
	site_release(&site);
	if (!site_parse(&site, "/x/midwatch.cfg", b.p, b.n))
		fail_msg("%s", site.doc.problems.v[0].text);
	buf_release(&b);
	for (size_t i = 0; i < inc.told.n; i++) {
		free(inc.told.v[i].who);
		free(inc.told.v[i].trigger);
	}
	VEC_RELEASE(&inc.told);
}

static void
told(const char *who, int64_t at, int64_t acked)
{
	VEC_PUSH(&inc.told, ((struct inc_told){ .trigger = xstrdup("open"),
	    .who = xstrdup(who), .since = at, .at = at, .acked = acked }));
}

static void
line_is(const char *want)
{
	struct escalate_line l = { 0 };
	struct buf b = BUF_INIT;

	escalate_line(&site, &l);
	for (size_t i = 0; i < l.v.n; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", l.v.v[i]->who);
	assert_string_equal(b.n > 0 ? b.p : "", want);
	VEC_RELEASE(&l.v);
	buf_release(&b);
}

static void
next_is(const char *who, const char *after, int64_t due)
{
	struct escalate_next n;

	if (who == NULL) {
		assert_false(escalate_next(&site, &inc, &n));
		return;
	}
	assert_true(escalate_next(&site, &inc, &n));
	assert_string_equal(n.who->who, who);
	if (after == NULL)
		assert_null(n.after);
	else
		assert_string_equal(n.after->who, after);
	assert_int_equal(n.due, due);
}

#define ON(who, on, more)						\
	"{ who = \"" who "\"; on = ( \"" on "\" ); " more " }"
#define LEAD	ON("Lead", "open", "next_after = \"10m\";")
#define DBA	ON("DBA", "escalate", "")

static void
the_line_is_as_the_file_has_it(void **state)
{
	(void)state;
	people(ON("Channel", "open", ""));
	line_is("");
	people(LEAD "," ON("Channel", "open", "") "," DBA);
	line_is("Lead DBA");
	people(DBA "," ON("A", "open", "next = \"C\";") ","
	    ON("B", "open", "next_after = \"1m\";") "," ON("C", "close", ""));
	line_is("A C B DBA");
	people(ON("A", "open", "only_regulated = true; next_after = \"1m\";")
	    "," DBA);
	line_is("DBA");
}

static void
a_circle_has_an_end(void **state)
{
	(void)state;
	people(ON("A", "open", "next = \"B\";") ","
	    ON("B", "open", "next = \"A\";"));
	line_is("A B");
}

static void
silence_is_counted_from_the_last_who_was_told(void **state)
{
	(void)state;
	people(LEAD "," ON("Vice", "open", "next_after = \"1m\";") "," DBA);
	next_is("Lead", NULL, 0);
	told("Lead", 1000, 0);
	next_is("Vice", "Lead", 601000);
	told("Vice", 5000, 0);
	next_is("DBA", "Vice", 65000);
}

static void
who_has_answered_is_not_waited_for(void **state)
{
	(void)state;
	people(LEAD "," DBA);
	told("Lead", 1000, 2000);
	next_is("DBA", NULL, 0);
	told("DBA", 3000, 4000);
	next_is(NULL, NULL, 0);
}

static void
at_the_end_the_one_silent_longest_is_asked_again(void **state)
{
	struct escalate_next n;

	(void)state;
	people(LEAD "," DBA);
	told("Lead", 1000, 0);
	told("DBA", 2000, 0);
	next_is("Lead", NULL, 0);
	assert_true(escalate_next(&site, &inc, &n));
	assert_true(n.again);
	told("Lead", 3000, 0);
	next_is("DBA", NULL, 0);
}

static void
drills_are_known_by_their_name_or_their_site(void **state)
{
	(void)state;
	people(DBA);
	assert_false(tell_is_drill(&site, NULL));
	assert_false(tell_is_drill(&site, "INC-20250214-0110"));
	assert_true(tell_is_drill(&site, "DRILL-20250214-0110"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_line_is_as_the_file_has_it),
	cmocka_unit_test(a_circle_has_an_end),
	cmocka_unit_test(silence_is_counted_from_the_last_who_was_told),
	cmocka_unit_test(who_has_answered_is_not_waited_for),
	cmocka_unit_test(at_the_end_the_one_silent_longest_is_asked_again),
	cmocka_unit_test(drills_are_known_by_their_name_or_their_site),
};

int
main(void)
{
	int failed = RUN_TESTS(tests);

	people("");
	site_release(&site);
	return failed;
}
