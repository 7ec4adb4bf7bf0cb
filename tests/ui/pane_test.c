#include "tests/ui/canned.h"

#include "ui/pane.h"

static void
a_list_keeps_its_chosen_row_in_sight(void **state)
{
	struct list l = { 0 };

	(void)state;
	list_fit(&l, 100, 10);
	assert_int_equal(list_request(&l, REQ_UP, 10), REACT_DONE);
	assert_int_equal(list_request(&l, REQ_BOTTOM, 10), REACT_PAINT);
	assert_int_equal(l.at, 99);
	assert_int_equal(l.top, 90);
	assert_int_equal(list_request(&l, REQ_PAGE_UP, 10), REACT_PAINT);
	assert_int_equal(l.at, 90);
	assert_int_equal(list_request(&l, REQ_RUN, 10), REACT_PASS);
	list_fit(&l, 5, 10);
	assert_int_equal(l.at, 4);
	assert_int_equal(l.top, 0);
	list_fit(&l, 0, 10);
	assert_int_equal(l.at, 0);
	assert_int_equal(list_request(&l, REQ_DOWN, 10), REACT_DONE);
	for (int r = 0; r < REQ_COUNT; r++)
		for (int rows = 0; rows < 4; rows++) {
			list_fit(&l, 3, rows);
			(void)list_request(&l, (enum request)r, rows);
			assert_true(l.at >= l.top && l.at < 3 &&
			    l.at < l.top + (rows ? rows : 1));
		}
}

static void
a_canned_model_is_whole_and_can_be_replaced(void **state)
{
	struct model m = { 0 };
	struct order o = { .kind = ORDER_NOTE, .text = xstrdup("x") };
	struct err e = ERR_INIT;

	(void)state;
	canned_incident(&m);
	assert_int_equal(m.changed, MODEL_ALL);
	assert_string_equal(model_step(&m, "freeze")->how,
	    "sensed: freeze is on");
	assert_null(model_step(&m, "none"));
	assert_int_equal(model_button(&m, REQ_RECOVER)->rung, RUNG_TYPE);
	canned_hostile(&m);
	canned_quiet(&m);
	assert_int_equal(m.steps.v.n, 0);
	assert_false(model_give(&m, &o, &e));
	assert_null(o.text);
	model_answer(&m, true, "no");
	model_answer(&m, true, "no again");
	assert_int_equal(m.answer.count, 2);
	model_release(&m);
	for (int s = 0; s < MSTEP_COUNT; s++)
		assert_true(strlen(mstep_glance((enum mstep_state)s)) > 0 &&
		    strlen(mstep_word((enum mstep_state)s)) > 0);
	assert_string_equal(order_name(ORDER_OUTPUT), "output");
}

static void
wishes_own_their_words(void **state)
{
	struct wish w = { .kind = WISH_NONE };

	(void)state;
	assert_int_equal(wish_refuse(&w, "no %s", "way"), REACT_WISH);
	assert_string_equal(w.text, "no way");
	assert_int_equal(wish_say(&w, "yes"), REACT_WISH);
	assert_int_equal(wish_page(&w, "t", xstrdup("text")), REACT_WISH);
	assert_int_equal(w.kind, WISH_PAGE);
	wish_release(&w);
	assert_null(w.text);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_list_keeps_its_chosen_row_in_sight),
	cmocka_unit_test(a_canned_model_is_whole_and_can_be_replaced),
	cmocka_unit_test(wishes_own_their_words),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
