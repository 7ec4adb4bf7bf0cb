/* What the panes show of a night, and what they wish for. What they look like is
 * in screens_test.c. */
#include "tests/ui/canned.h"

#include "ui/evidence.h"
#include "ui/panes.h"

struct shot {
	struct model m;
	struct pane *p;
	struct canvas c;
};

static void
take(struct shot *s, const struct pane_ops *ops, void (*fill)(struct model *m),
    int w, int h)
{
	*s = (struct shot){ .p = NULL };
	fill(&s->m);
	s->p = pane_new(ops);
	s->p->rows = h;
	s->p->focus = true;
	canvas_resize(&s->c, w, h);
	(void)ops->recalc(s->p, &s->m, w);
}

static void
paint(struct shot *s, bool ascii)
{
	canvas_clear(&s->c);
	s->c.ascii = ascii;
	s->p->ops->paint(s->p, &s->c);
}

static void
leave(struct shot *s)
{
	pane_free(s->p);
	canvas_release(&s->c);
	model_release(&s->m);
}

static const struct pane_ops *const all[] = { &pane_live, &pane_runbook,
    &pane_job, &pane_record, &pane_people };
enum { N = sizeof all / sizeof *all };

static void
quiet_with_nights(struct model *m)
{
	const struct canned_texts t = { NULL };

	canned_quiet(m);
	canned_reading(&m->readings, &t, "schedule", "nightly", LEVEL_OK,
	    "the next is due at 02:00", NULL, "{\"nights\":["
	    "{\"due\":\"2025-02-11T01:00:00.000Z\",\"result\":\"good\"},"
	    "{\"due\":\"2025-02-12T01:00:00.000Z\",\"result\":\"missed\"},"
	    "{\"due\":\"2025-02-13T01:00:00.000Z\",\"result\":\"bad\"},"
	    "{\"due\":\"2025-02-14T01:00:00.000Z\",\"result\":\"good\"}]}", 0);
}

static void
the_last_nights_are_a_row_of_marks(void **state)
{
	struct wish w = { .kind = WISH_NONE };
	struct buf b = BUF_INIT;
	struct shot s;

	(void)state;
	take(&s, &pane_live, quiet_with_nights, 80, 8);
	paint(&s, true);
	canvas_dump(&s.c, false, &b);
	assert_non_null(strstr(b.p, "last nights          v-xv 2 well, 1 "
	    "failed, 1 did not run"));
	(void)pane_live.request(s.p, REQ_BOTTOM, &s.m, &w);
	assert_int_equal(pane_live.request(s.p, REQ_OPEN, &s.m, &w),
	    REACT_WISH);
	assert_non_null(strstr(w.text, "2025-02-13 02:00\tFAILED"));
	wish_release(&w);
	buf_release(&b);
	leave(&s);
}

static void
a_feed_that_is_silent_is_no_picture_of_now(void **state)
{
	struct shot s;

	(void)state;
	take(&s, &pane_live, canned_quiet, 80, 8);
	assert_null(strstr(s.p->title, "NOTHING"));
	s.m.now = s.m.readings.heard + 26000;
	(void)pane_live.recalc(s.p, &s.m, 80);
	assert_non_null(strstr(s.p->title, "NOTHING HEARD FOR 26 s"));
	leave(&s);
}

static void
evidence_reads_as_people_read(void **state)
{
	struct model m = { 0 };
	const struct canned_texts t = { NULL };
	struct model_readings *p = model_readings_begin(&m);
	struct buf b = BUF_INIT;

	(void)state;
	canned_reading(p, &t, "database", "otc", LEVEL_WARNING, "x", NULL,
	    "{\"size\":7708007,\"last_login\":\"2025-02-14T01:42:00.000Z\","
	    "\"rpo_ms\":86400000,\"can_login\":true,\"slots\":[],"
	    "\"sizes\":[1000000,1500000,2000000],"
	    "\"locks\":[{\"pid\":7,\"user\":\"app\",\"state\":\"active\","
	    "\"blocked_by\":[5],\"wait_ms\":61000,\"query\":\"UPDATE\\tt\"},"
	    "{\"pid\":5,\"user\":\"ana\",\"blocked_by\":[]},"
	    "{\"pid\":9,\"user\":\"web\",\"blocked_by\":[7]}]}", 0);
	evidence(&p->all.v.v[0], &b);
	assert_non_null(strstr(b.p, "size\t7.4 MB\n"));
	assert_non_null(strstr(b.p, "last login\t2025-02-14 02:42:00 +01:00\n"));
	assert_non_null(strstr(b.p, "can login\tyes\n"));
	assert_non_null(strstr(b.p, "sizes\t_-#  "));
	assert_non_null(strstr(b.p, "\tpid 5, ana\n"
	    "\t  waits: pid 7, app, active, for 61 s: UPDATE\\tt\n"
	    "\t    waits: pid 9, web\n"));
	assert_null(strstr(b.p, "slots"));
	buf_release(&b);
	model_release(&m);
}

static void
hostile_texts_are_only_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct buf b = BUF_INIT;
		struct shot s;

		take(&s, all[i], canned_hostile, 80, 12);
		paint(&s, false);
		canvas_dump(&s.c, false, &b);
		for (size_t k = 0; k < b.n; k++)
			assert_true(b.p[k] == '\n' ||
			    (unsigned char)b.p[k] >= ' ');
		assert_null(strstr(b.p, "\xe2\x80\xae"));
		buf_release(&b);
		leave(&s);
	}
}

static void
nothing_is_known_and_nothing_breaks(void **state)
{
	struct model none = { 0 };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct pane *p = pane_new(all[i]);
		struct canvas c = { 0 };

		canvas_resize(&c, 1, 1);
		p->rows = 1;
		(void)p->ops->recalc(p, &none, 1);
		p->ops->paint(p, &c);
		for (int r = 0; r < REQ_COUNT; r++) {
			struct wish w = { .kind = WISH_NONE };

			(void)p->ops->request(p, (enum request)r, &none, &w);
			(void)p->ops->recalc(p, &none, 1);
			wish_release(&w);
		}
		pane_free(p);
		canvas_release(&c);
	}
}

/* Enter opens a page; only `r` runs, and only what may be run. */
static void
enter_never_starts_a_step(void **state)
{
	struct shot s;

	(void)state;
	take(&s, &pane_runbook, canned_incident, 80, 20);
	for (size_t i = 0; i < s.m.steps.v.n; i++) {
		struct wish w = { .kind = WISH_NONE };

		assert_int_equal(s.p->ops->request(s.p, REQ_OPEN, &s.m, &w),
		    REACT_WISH);
		assert_int_equal(w.kind, WISH_PAGE);
		wish_release(&w);
		(void)s.p->ops->request(s.p, i == 0 ? REQ_TOP : REQ_DOWN, &s.m,
		    &w);
		(void)s.p->ops->recalc(s.p, &s.m, 80);
	}
	leave(&s);
}

static void
go_to(struct shot *s, int row)
{
	struct wish w = { .kind = WISH_NONE };

	(void)s->p->ops->request(s->p, REQ_TOP, &s->m, &w);
	for (int i = 0; i < row; i++)
		(void)s->p->ops->request(s->p, REQ_DOWN, &s->m, &w);
	(void)s->p->ops->recalc(s->p, &s->m, 80);
}

static void
a_step_is_run_by_its_rung(void **state)
{
	static const struct {
		int row;
		enum wish_kind kind;
		enum rung rung;
		const char *target;
	} steps[] = {
		{ 1, WISH_ASK, RUNG_ASK, "Freeze pipelines" },	/* again */
		{ 2, WISH_REFUSE, RUNG_RUN, NULL },		/* running */
		{ 3, WISH_ASK, RUNG_TYPE, "arp" },		/* its name */
		{ 4, WISH_REFUSE, RUNG_RUN, NULL },		/* blocked */
		{ 6, WISH_REFUSE, RUNG_RUN, NULL },		/* a person's */
	};
	struct shot s;

	(void)state;
	take(&s, &pane_runbook, canned_incident, 80, 20);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct wish w = { .kind = WISH_NONE };

		go_to(&s, steps[i].row);
		(void)s.p->ops->request(s.p, REQ_RUN, &s.m, &w);
		assert_int_equal(w.kind, steps[i].kind);
		assert_int_equal(w.rung, steps[i].rung);
		if (steps[i].target != NULL)
			assert_string_equal(w.target, steps[i].target);
		wish_release(&w);
	}
	leave(&s);
}

/* Its plan has a code that nothing but the button asks for. */
static void
a_step_that_cleans_up_presses_the_button(void **state)
{
	struct shot s;
	struct wish w = { .kind = WISH_NONE };
	struct model_button *b;
	struct model_step *step;

	(void)state;
	take(&s, &pane_runbook, canned_incident, 80, 20);
	b = VEC_NEW(&s.m.buttons.v);
	*b = (struct model_button){ .request = REQ_CLEANUP, .rung = RUNG_TYPE };
	b->action = b->plan = pool_str(&s.m.buttons.pool, "cleanup");
	step = &s.m.steps.v.v[5];
	step->state = MSTEP_READY;
	step->action = pool_str(&s.m.steps.pool, "cleanup");
	go_to(&s, 5);
	(void)s.p->ops->request(s.p, REQ_RUN, &s.m, &w);
	assert_int_equal(w.kind, WISH_PRESS);
	assert_int_equal(w.request, REQ_CLEANUP);
	wish_release(&w);
	w = (struct wish){ .kind = WISH_NONE };
	step->soft = true;
	(void)s.p->ops->request(s.p, REQ_RUN, &s.m, &w);
	assert_int_equal(w.kind, WISH_REFUSE);
	wish_release(&w);
	leave(&s);
}

static void
a_person_cannot_tick_what_a_probe_sees(void **state)
{
	struct shot s;
	struct wish w = { .kind = WISH_NONE };

	(void)state;
	take(&s, &pane_runbook, canned_incident, 80, 20);
	go_to(&s, 3);
	(void)s.p->ops->request(s.p, REQ_TICK, &s.m, &w);
	assert_int_equal(w.kind, WISH_REFUSE);
	wish_release(&w);
	go_to(&s, 6);
	(void)s.p->ops->request(s.p, REQ_TICK, &s.m, &w);
	assert_int_equal(w.kind, WISH_ORDER);
	assert_int_equal(w.order.kind, ORDER_TICK);
	assert_string_equal(w.order.what, "tell");
	wish_release(&w);
	leave(&s);
}

/* The fourth alert is there, and does not shine. */
static void
three_alerts_are_lit_and_the_rest_is_counted(void **state)
{
	struct shot s;
	int lit = 0;

	(void)state;
	take(&s, &pane_live, canned_incident, 80, 10);
	s.p->focus = false;
	paint(&s, false);
	for (int y = 0; y < 10; y++) {
		enum role role = canvas_cell(&s.c, 4, y)->role;

		lit += role == ROLE_WARNING || role == ROLE_CAUTION;
	}
	assert_int_equal(lit, 3);
	assert_non_null(strstr(s.p->title, "2 critical, 2 warning"));
	leave(&s);
}

static bool
is_shown(struct shot *s, const char *text)
{
	struct buf b = BUF_INIT;
	bool yes;

	canvas_dump(&s->c, false, &b);
	yes = strstr(b.p, text) != NULL;
	buf_release(&b);
	return yes;
}

static void
what_was_seen_is_folded_until_it_ends(void **state)
{
	struct shot s;
	struct buf b = BUF_INIT;

	(void)state;
	take(&s, &pane_live, canned_incident, 80, 10);
	VEC_PUSH(&s.m.readings.acknowledged, pool_str(&s.m.readings.pool,
	    "disk backup"));
	(void)s.p->ops->recalc(s.p, &s.m, 80);
	paint(&s, true);
	canvas_dump(&s.c, false, &b);
	assert_null(strstr(b.p, "96 % full"));
	assert_non_null(strstr(b.p, "1 seen"));
	buf_release(&b);
	leave(&s);
}

static void
what_follows_from_a_cause_is_folded_with_it(void **state)
{
	const struct canned_texts t = { NULL };
	struct model *m;
	struct shot s;

	(void)state;
	take(&s, &pane_live, canned_quiet, 80, 4);
	m = &s.m;
	canned_reading(&m->readings, &t, "place", "box", LEVEL_CRITICAL, "gone",
	    NULL, "{}", 0);
	canned_reading(&m->readings, &t, "disk", "far", LEVEL_UNKNOWN, "?", NULL,
	    "{\"place\":\"box\"}", 0);
	canned_reading(&m->readings, &t, "disk", "near", LEVEL_WARNING, "88 %",
	    NULL, "{\"place\":\"bastion\"}", 0);
	canned_reading(&m->readings, &t, "backup", "otc", LEVEL_CRITICAL, "old",
	    NULL, "{}", 0);
	VEC_PUSH(&m->readings.acknowledged, pool_str(&m->readings.pool,
	    "place box"));
	(void)s.p->ops->recalc(s.p, m, 80);
	paint(&s, true);
	assert_true(is_shown(&s, "2 seen"));
	assert_true(is_shown(&s, "disk near"));
	assert_true(is_shown(&s, "backup otc"));
	VEC_PUSH(&m->readings.acknowledged, pool_str(&m->readings.pool,
	    "database otc"));
	(void)s.p->ops->recalc(s.p, m, 80);
	paint(&s, true);
	assert_true(is_shown(&s, "3 seen"));
	assert_false(is_shown(&s, "backup otc"));
	leave(&s);
}

/* A second thing to do with a line is not done to another one. */
static void
a_line_that_was_pinned_stays_chosen(void **state)
{
	struct shot s;
	struct wish w = { .kind = WISH_NONE };
	struct model_entry *en;
	int64_t seq;

	(void)state;
	take(&s, &pane_record, canned_incident, 80, 3);
	(void)s.p->ops->request(s.p, REQ_PIN, &s.m, &w);
	assert_int_equal(w.order.kind, ORDER_PIN);
	seq = w.order.number;
	wish_release(&w);
	en = VEC_NEW(&s.m.record.v);
	en->seq = seq + 1;
	en->by = en->step = en->text = pool_str(&s.m.record.pool, "");
	en->kind = pool_str(&s.m.record.pool, "pin");
	en = VEC_NEW(&s.m.record.v);
	en->seq = seq + 2;
	en->kind = en->by = en->step = en->text = pool_str(&s.m.record.pool,
	    "new");
	(void)s.p->ops->recalc(s.p, &s.m, 80);
	w = (struct wish){ .kind = WISH_NONE };
	(void)s.p->ops->request(s.p, REQ_CORRECT, &s.m, &w);
	assert_int_equal(w.order.number, seq);
	assert_non_null(strstr(w.title, "correct line "));
	wish_release(&w);
	paint(&s, true);
	assert_false(is_shown(&s, " pin"));
	leave(&s);
}

static void
a_job_that_ended_does_nothing_any_more(void **state)
{
	struct shot s;

	(void)state;
	take(&s, &pane_job, canned_incident, 80, 8);
	paint(&s, true);
	assert_true(is_shown(&s, "sending to nas"));
	s.m.jobs.v.v[0].running = false;
	s.m.jobs.v.v[0].ended = CANNED_NOW;
	s.m.jobs.v.v[0].outcome = pool_str(&s.m.jobs.pool, "done");
	(void)pane_job.recalc(s.p, &s.m, 80);
	paint(&s, true);
	assert_false(is_shown(&s, "sending to nas"));
	assert_false(is_shown(&s, "held up by"));
	assert_true(is_shown(&s, "by ana, from 02:38:00 to 02:42:00"));
	leave(&s);
}

static void
the_record_stays_where_somebody_reads(void **state)
{
	struct shot s;
	struct wish w = { .kind = WISH_NONE };
	struct model_entry *en;

	(void)state;
	take(&s, &pane_record, canned_incident, 80, 3);
	(void)s.p->ops->request(s.p, REQ_TOP, &s.m, &w);
	en = VEC_NEW(&s.m.record.v);
	en->seq = 6;
	en->kind = en->by = en->step = en->text = pool_str(&s.m.record.pool,
	    "new");
	(void)s.p->ops->recalc(s.p, &s.m, 80);
	paint(&s, true);
	assert_int_equal(canvas_cell(&s.c, 1, 0)->role, ROLE_SELECT);
	assert_int_equal(canvas_cell(&s.c, 1, 2)->role == ROLE_SELECT, 0);
	(void)s.p->ops->request(s.p, REQ_BOTTOM, &s.m, &w);
	(void)s.p->ops->recalc(s.p, &s.m, 80);
	paint(&s, true);
	assert_int_equal(canvas_cell(&s.c, 1, 2)->role, ROLE_SELECT);
	leave(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_nights_are_a_row_of_marks),
		cmocka_unit_test(a_feed_that_is_silent_is_no_picture_of_now),
		cmocka_unit_test(evidence_reads_as_people_read),
		cmocka_unit_test(hostile_texts_are_only_shown),
		cmocka_unit_test(nothing_is_known_and_nothing_breaks),
		cmocka_unit_test(enter_never_starts_a_step),
		cmocka_unit_test(a_step_is_run_by_its_rung),
		cmocka_unit_test(a_step_that_cleans_up_presses_the_button),
		cmocka_unit_test(a_person_cannot_tick_what_a_probe_sees),
		cmocka_unit_test(three_alerts_are_lit_and_the_rest_is_counted),
		cmocka_unit_test(what_was_seen_is_folded_until_it_ends),
		cmocka_unit_test(what_follows_from_a_cause_is_folded_with_it),
		cmocka_unit_test(a_line_that_was_pinned_stays_chosen),
		cmocka_unit_test(a_job_that_ended_does_nothing_any_more),
		cmocka_unit_test(the_record_stays_where_somebody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
