#include "tests/ui/rows.h"

#include "base/text.h"
#include "ui/shell.h"

/* ---- the shell in its test bed ------------------------------------------- */

static struct model m;
static struct keys keys;
static struct shell s;
static struct canvas c;
static struct order given;
static int gave;
static bool refuse;
static int64_t now;

static bool
take(void *ctx, struct order *o, struct err *e)
{
	(void)ctx;
	order_release(&given);
	given = *o;
	gave++;
	if (refuse) {
		order_release(&given);
		return err_set(e, ERR_BUSY, "the record keeper does not answer");
	}
	return true;
}

static int
fresh(void **state)
{
	(void)state;
	now = 1000000;
	gave = 0;
	refuse = false;
	m = (struct model){ .give = take };
	canned_incident(&m);
	keys_init(&keys);
	shell_init(&s, &m, &keys);
	shell_pane(&s, &fake_live);
	shell_pane(&s, &fake_runbook);
	shell_pane(&s, &fake_job);
	shell_pane(&s, &fake_record);
	(void)shell_changed(&s, now);
	c.ascii = false;
	canvas_resize(&c, 80, 24);
	return 0;
}

static int
done(void **state)
{
	(void)state;
	shell_release(&s);
	model_release(&m);
	order_release(&given);
	return 0;
}

static unsigned
key(uint32_t k)
{
	now += 1000;
	return shell_key(&s, k, now);
}

static void
type(const char *text)
{
	for (; *text; text++)
		(void)key((unsigned char)*text);
}

static bool
screen_has(const char *text)
{
	struct buf b = BUF_INIT;
	bool has;

	shell_paint(&s, &c, now);
	canvas_dump(&c, false, &b);
	has = strstr(b.p, text) != NULL;
	if (!has)
		print_message("%s\n", b.p);
	buf_release(&b);
	return has;
}

/* ---- buttons on their way ------------------------------------------------- */

static struct model_button *
button(enum request r, enum rung rung, const char *action)
{
	struct model_button *b;

	(void)model_buttons_begin(&m);
	b = VEC_NEW(&m.buttons.v);
	b->request = r;
	b->rung = rung;
	b->action = pool_str(&m.buttons.pool, action);
	return b;
}

static void
choice(struct model_button *b, const char *word, const char *note)
{
	struct model_choice *ch = VEC_NEW(&b->choices);

	ch->word = pool_str(&m.buttons.pool, word);
	ch->note = pool_str(&m.buttons.pool, note);
}

static void
a_button_asks_which_database_the_worst_first(void **state)
{
	struct model_button *b = button(REQ_BACKUP, RUNG_RUN,
	    "backup @db --emergency");

	(void)state;
	choice(b, "arp", "never");
	choice(b, "otc", "26 h old");
	(void)key('B');
	assert_true(screen_has("backup: which database?"));
	assert_true(screen_has("> arp"));
	assert_int_equal(gave, 0);
	(void)key('j');
	(void)key(KEY_RETURN);
	assert_int_equal(gave, 1);
	assert_int_equal(given.kind, ORDER_ACTION);
	assert_string_equal(given.what, "backup otc --emergency");
	(void)key('B');
	(void)key(KEY_ESC);
	assert_int_equal(gave, 1);
	assert_true(screen_has("nothing was done"));
}

static void
a_button_asks_for_its_line(void **state)
{
	struct model_button *b = button(REQ_FREEZE, RUNG_UNDO,
	    "freeze on --reason =");

	(void)state;
	b->ask = pool_str(&m.buttons.pool, "why is it frozen?");
	(void)key('F');
	assert_true(screen_has("why is it frozen?"));
	(void)key(KEY_RETURN);
	assert_int_equal(gave, 0);
	(void)key('F');
	type("disk is filling");
	(void)key(KEY_RETURN);
	assert_int_equal(gave, 1);
	assert_string_equal(given.what, "freeze on --reason =");
	assert_string_equal(given.text, "disk is filling");
}

static void
planned(bool bad, const char *text)
{
	model_page(&m, bad, ANSWER_PLAN, "cleanup --plan", text);
	(void)shell_changed(&s, now);
	now += 1000;
}

static void
a_plan_is_shown_and_its_code_typed(void **state)
{
	struct model_button *b = button(REQ_CLEANUP, RUNG_TYPE, "cleanup");

	(void)state;
	b->plan = pool_str(&m.buttons.pool, "--plan");
	(void)key('C');
	assert_int_equal(gave, 1);
	assert_string_equal(given.what, "cleanup --plan");
	assert_int_equal(given.then, ANSWER_PLAN);
	planned(false, "what goes:\n1\n2\n3\n4\n5\n6\n7\n8\n9\nold/x.dump 3 GB\n"
	    "a\nb\nc\nd\ne\nf\ng\nh\n"
	    "total: 1 thing, 3 GB\ncode: K7Q2\n");
	assert_true(screen_has("old/x.dump 3 GB"));
	assert_true(screen_has("total: 1 thing, 3 GB"));
	assert_true(screen_has("type K7Q2:"));
	(void)key(KEY_TAB);
	(void)key(KEY_RETURN);
	assert_int_equal(gave, 1);
	type("K7Q2");
	(void)key(KEY_RETURN);
	assert_int_equal(gave, 2);
	assert_string_equal(given.what, "cleanup");
	assert_string_equal(given.typed, "K7Q2");
}

static void
a_plan_with_nothing_in_it_is_only_shown(void **state)
{
	struct model_button *b = button(REQ_CLEANUP, RUNG_TYPE, "cleanup");

	(void)state;
	b->plan = pool_str(&m.buttons.pool, "--plan");
	(void)key('C');
	planned(false, "nothing may go\n");
	assert_true(screen_has("nothing may go"));
	assert_int_equal(s.over, OVER_PAGE);
	(void)key('i');		/* of somebody who looked at the keyboard */
	type("shs");
	assert_int_equal(gave, 1);
	assert_true(screen_has("note: shs"));
	(void)key(KEY_CTRL('u'));
	(void)key(KEY_ESC);
	/* somebody who writes a note is not interrupted */
	(void)key('C');
	(void)key('i');
	planned(false, "code: K7Q2\n");
	assert_int_equal(s.over, OVER_PROMPT);
	assert_int_equal(gave, 2);
	(void)key(KEY_ESC);
	(void)key(',');
	assert_true(screen_has("K7Q2"));
}

/* ---- screens ------------------------------------------------------------- */

static void
a_drill_looks_unlike_production(void **state)
{
	(void)state;
	m.head.env = ENV_DRILL;
	assert_true(screen_has("~~ DRILL bastion  SEV-1  00:38  02:42+01  "
	    "FROZEN  update 4m  !1 notice ~~~"));
	m.head.env = ENV_REPLAY;
	assert_true(screen_has("<< REPLAY bastion"));
	m.head.env = ENV_PRODUCTION;
	assert_true(screen_has("## PROD bastion  SEV-1  00:38  02:42+01  "
	    "FROZEN  update 4m  !1 notice ####"));
	m.now += 10 * 60000;
	assert_true(screen_has("UPDATE LATE 6m"));
}

static void
help_and_palette_and_pages(void **state)
{
	(void)state;
	(void)key('2');
	(void)key('?');
	(void)key('j');
	(void)key('q');
	assert_false(s.over);
	(void)key(':');
	type("clean");
	assert_true(screen_has("otc and arp have no verified copy yet"));
	(void)key('\r');
	assert_true(screen_has("clean up: otc and arp have no verified copy"));
	(void)key('b');
	(void)key(KEY_ESC);
	(void)key('!');
	assert_true(screen_has("a logout would kill running jobs: loginctl"));
	(void)key('q');
	(void)key('\r');
	assert_true(screen_has("evidence"));
}

/* ---- hands --------------------------------------------------------------- */

static void
focus_goes_around(void **state)
{
	(void)state;
	(void)key(KEY_TAB);
	assert_int_equal(s.focus, 1);
	(void)key(KEY_BACKTAB);
	(void)key(KEY_BACKTAB);
	assert_int_equal(s.focus, 3);
	(void)key('1');
	assert_int_equal(s.focus, 0);
	assert_int_equal(key('9'), 0);
	(void)key('z');
	assert_true(screen_has("live row 7"));
	assert_int_equal(s.at[1].h, 0);
	(void)key('q');
	assert_false(s.zoom);
}

static void
the_highlighted_button_is_the_one_that_enter_presses(void **state)
{
	(void)state;
	for (int press = 0; press < 4; press++) {
		gave = 0;
		(void)key('U');
		assert_int_equal(s.over, OVER_DIALOG);
		for (int i = 0; i < press; i++)
			(void)key(KEY_TAB);
		shell_paint(&s, &c, now);
		bool danger = s.dialog.at == 1;
		char want[32];

		snprintf(want, sizeof want, "[>%s<]", danger ? "update" :
		    "cancel");
		assert_true(screen_has(want));
		(void)key('\r');
		assert_int_equal(s.over, OVER_NONE);
		assert_int_equal(gave, danger ? 1 : 0);
		if (danger)
			assert_string_equal(given.what, "update");
	}
}

static void
what_was_typed_ahead_presses_nothing(void **state)
{
	(void)state;
	assert_true(shell_key(&s, 'U', now) & SHELL_FORGET);
	for (int i = 0; i < 8; i++) {
		now += 100;
		(void)shell_key(&s, i % 2 ? '\r' : KEY_TAB, now);
		assert_int_equal(s.over, OVER_DIALOG);
	}
	assert_true(screen_has("8 keys typed before this opened"));
	assert_int_equal(gave, 0);
	(void)key('\r');
	assert_int_equal(s.over, OVER_NONE);
	assert_int_equal(gave, 0);
	/* who leans on a key gets through after a while all the same */
	(void)shell_key(&s, 'U', now);
	for (int i = 0; i < 200 && s.over == OVER_DIALOG; i++)
		(void)shell_key(&s, KEY_ESC, now += 50);
	assert_int_equal(s.over, OVER_NONE);
}

static void
a_name_has_to_be_typed_and_cannot_be_pasted(void **state)
{
	(void)state;
	(void)key('2');
	(void)key('r');
	(void)shell_paste(&s, "arp", 3, false, now);
	assert_true(screen_has("typed, not pasted"));
	(void)key(KEY_TAB);
	(void)key('\r');
	assert_true(screen_has("that is not the name yet"));
	type("arq");
	(void)key('\r');
	assert_int_equal(gave, 0);
	(void)key(KEY_BACK);
	(void)key('p');
	assert_true(screen_has("[>recover<]"));
	(void)key('\r');
	assert_int_equal(gave, 1);
	assert_int_equal(given.kind, ORDER_RUN);
	assert_string_equal(given.what, "recover-arp");
	assert_string_equal(given.typed, "arp");
	(void)key('r');
	type("arp");
	(void)key('\r');	/* cancel is still the highlighted one */
	assert_int_equal(gave, 1);
	assert_true(screen_has("nothing was done"));
}

static void
a_button_that_cannot_be_pressed_says_why(void **state)
{
	(void)state;
	(void)key('C');
	assert_int_equal(gave, 0);
	assert_true(screen_has("clean up: otc and arp have no verified copy"));
	assert_true(screen_has("s:SAVE"));
	(void)key('X');
	assert_true(screen_has("close: not possible here now"));
	(void)key('s');
	assert_int_equal(gave, 1);
	assert_string_equal(given.what, "save-everything");
}

static void
a_note_never_loses_a_character(void **state)
{
	(void)state;
	(void)key('i');
	type("fan repla");
	(void)shell_paste(&s, "ced\nat 2 \xc3\xa9", 11, false, now);
	(void)key(KEY_ESC);
	assert_true(screen_has("kept for the next 'note'"));
	(void)key('q');
	assert_int_equal(s.over, OVER_DIALOG);	/* a job runs */
	(void)key(KEY_ESC);
	(void)key('i');
	assert_true(screen_has("note: fan replaced at 2 \xc3\xa9"));
	refuse = true;
	(void)key('\r');
	assert_true(screen_has("does not answer; the words are kept"));
	refuse = false;
	(void)key('i');
	(void)key('\r');
	assert_string_equal(given.text, "fan replaced at 2 \xc3\xa9");
	assert_int_equal(given.at, CANNED_NOW);
	(void)key('i');
	type("unsent");
	shell_rescue(&s);
	assert_string_equal(given.text, "(unfinished) unsent");
	(void)key(KEY_ESC);
	(void)key('v');
	type("SEV-0 data is gone");
	(void)key('\r');
	assert_string_equal(given.what, "SEV-0");
	assert_string_equal(given.text, "data is gone");
}

static void
a_paste_outside_of_a_field_is_refused(void **state)
{
	(void)state;
	assert_int_equal(shell_paste(&s, "sUr\r", 4, false, now), SHELL_PAINT);
	assert_int_equal(gave, 0);
	assert_true(screen_has("4 pasted bytes were thrown away"));
}

static void
leaving_asks_when_something_runs(void **state)
{
	(void)state;
	assert_false(key('q') & SHELL_QUIT);
	assert_false(key(KEY_ESC) & SHELL_QUIT);
	(void)key('q');
	assert_true(key('\r') & SHELL_QUIT);
	assert_int_equal(gave, 0);
	(void)key('q');
	(void)key(KEY_TAB);
	assert_true(key('\r') & SHELL_QUIT);
	assert_int_equal(given.kind, ORDER_CANCEL);
	assert_int_equal(given.number, 3);
	(void)model_jobs_begin(&m);
	assert_true(key('q') & SHELL_QUIT);
}

static void
who_only_looks_gives_no_orders(void **state)
{
	(void)state;
	m.head.read_only = true;
	(void)key('s');
	assert_int_equal(gave, 0);
	assert_true(screen_has("only looks"));
	assert_true(screen_has("LOOKING ONLY"));
}

static void
a_held_picture_stands_still(void **state)
{
	(void)state;
	shell_paint(&s, &c, now);
	(void)key('Z');
	(void)model_steps_begin(&m);
	model_changed(&m, MODEL_STEPS);
	assert_int_equal(shell_changed(&s, now), 0);
	assert_true(screen_has("runbook row 1"));
	assert_true(screen_has("HELD"));
	(void)key('Z');
	assert_false(s.held);
	shell_paint(&s, &c, now);
	assert_int_equal(s.at[1].h, 0);
}

static void
after_a_long_while_the_first_key_shows_where_we_are(void **state)
{
	(void)state;
	(void)key('2');
	now += BRIEF_MS;
	(void)key('1');		/* a job runs: no card over its progress */
	assert_int_equal(s.over, OVER_NONE);
	assert_int_equal(s.focus, 0);
	(void)model_jobs_begin(&m);
	now += BRIEF_MS;
	(void)key('2');
	assert_true(screen_has("where we are"));
	assert_int_equal(s.focus, 0);
	(void)key('q');
	(void)key('2');
	assert_int_equal(s.focus, 1);
	s.attached = true;	/* taken up again */
	model_changed(&m, MODEL_HEAD);
	(void)shell_changed(&s, now);
	assert_int_equal(s.over, OVER_NONE);
	m.steps.known = m.jobs.known = true;
	model_changed(&m, MODEL_STEPS);
	(void)shell_changed(&s, now);
	assert_true(screen_has("It is not safe to stop here"));
}

static void
the_card_stays_true_and_never_lies_over_progress(void **state)
{
	(void)state;
	(void)model_jobs_begin(&m);
	s.attached = m.steps.known = m.jobs.known = true;
	model_changed(&m, MODEL_STEPS);
	(void)shell_changed(&s, now);
	assert_true(screen_has("Nothing runs."));
	m.head.safe_to_stop = true;
	model_changed(&m, MODEL_HEAD);
	(void)shell_changed(&s, now);
	assert_true(screen_has("It is safe to stop here"));
	(void)key('2');		/* nobody asked for it: the key works */
	assert_int_equal(s.over, OVER_NONE);
	assert_int_equal(s.focus, 1);
	s.attached = true;
	model_changed(&m, MODEL_HEAD);
	(void)shell_changed(&s, now);
	assert_int_equal(s.over, OVER_PAGE);
	VEC_NEW(&m.jobs.v)->running = true;
	m.jobs.v.v[0].title = pool_str(&m.jobs.pool, "backup otc");
	model_changed(&m, MODEL_JOBS);
	(void)shell_changed(&s, now);
	assert_int_equal(s.over, OVER_NONE);
	(void)key('b');		/* asked for: it stays */
	model_changed(&m, MODEL_JOBS);
	(void)shell_changed(&s, now);
	assert_true(screen_has("What runs:"));
	(void)key('2');
	assert_int_equal(s.over, OVER_PAGE);
}

static void
the_picture_may_follow_more_slowly(void **state)
{
	(void)state;
	(void)key('-');
	assert_int_equal(s.every_ms, 1000);
	assert_true(screen_has("painted every 1 s"));
	for (int i = 0; i < 9; i++)
		(void)key('-');
	assert_int_equal(s.every_ms, 60000);
	assert_true(screen_has("every 60 s"));
	for (int i = 0; i < 9; i++)
		(void)key('+');
	assert_int_equal(s.every_ms, 0);
	assert_int_equal(gave, 0);
}

static void
a_key_of_another_pane_says_where_it_works(void **state)
{
	(void)state;
	m.head.now_key = REQ_TICK;
	assert_true(screen_has("[2 Space]"));
	(void)key(' ');
	assert_int_equal(gave, 0);
	assert_true(screen_has("Space is for the runbook"));
	assert_true(screen_has("2 goes there"));
	(void)key('2');
	assert_true(screen_has(" [Space]"));
}

static void
messages_go_by_themselves(void **state)
{
	(void)state;
	model_answer(&m, true, "the disk is full\033[2J");
	assert_int_equal(shell_changed(&s, now), SHELL_PAINT);
	assert_true(screen_has("the disk is full\\x1b[2J"));
	assert_int_equal(shell_deadline(&s, now), now + MESSAGE_MS);
	now += MESSAGE_MS;
	assert_true(screen_has("s:SAVE  ?:help"));
	assert_int_equal(shell_deadline(&s, now), -1);
}

static void
an_incident_opens_with_the_alarm_as_its_evidence(void **state)
{
	struct model_button *b = button(REQ_OPEN_INCIDENT, RUNG_RUN, "");

	(void)state;
	(void)key('O');
	assert_true(screen_has("title of the incident [disk backup:"));
	(void)key('\r');
	assert_int_equal(given.kind, ORDER_OPEN);
	assert_string_equal(given.what, "disk backup: 96 % full, 1.2 GB left, "
	    "full in 41 min");
	assert_string_equal(given.text, given.what);
	(void)key('O');
	type("no backup tonight");
	(void)key('\r');
	assert_string_equal(given.text, "no backup tonight");
	b->why_not = pool_str(&m.buttons.pool, "an incident is open already");
	gave = 0;
	(void)key('O');
	assert_true(screen_has("open: an incident is open already"));
	assert_int_equal(gave, 0);
}

static void
what_is_undone_is_said_and_rings_once(void **state)
{
	(void)state;
	m.steps.v.v[1].state = MSTEP_LOST;
	m.steps.v.v[1].why = pool_str(&m.steps.pool, "somebody lifted it");
	model_changed(&m, MODEL_STEPS);
	assert_true(shell_changed(&s, now) & SHELL_BELL);
	assert_true(screen_has("step 2, Freeze pipelines, is NOT DONE ANY MORE: "
	    "somebody lifted it"));
	model_changed(&m, MODEL_STEPS);
	assert_false(shell_changed(&s, now) & SHELL_BELL);
	/* an end that was waited for */
	s.message[0] = '\0';
	m.jobs.v.v[0].running = false;
	m.jobs.v.v[0].ended = m.jobs.v.v[0].started + 60000;
	model_changed(&m, MODEL_JOBS);
	assert_true(shell_changed(&s, now) & SHELL_BELL);
	assert_true(screen_has("job 3, "));
	/* an alarm; a job of a second and good news do not ring */
	m.readings.all.v.v[m.readings.all.v.n - 1].level = LEVEL_CRITICAL;
	model_changed(&m, MODEL_READINGS);
	assert_true(shell_changed(&s, now) & SHELL_BELL);
	m.readings.all.v.v[m.readings.all.v.n - 1].level = LEVEL_OK;
	model_changed(&m, MODEL_READINGS);
	assert_false(shell_changed(&s, now) & SHELL_BELL);
}

static void
every_key_on_every_screen_and_size_is_survived(void **state)
{
	uint32_t seed = 7;

	(void)state;
	canned_hostile(&m);
	for (int i = 0; i < 20000; i++) {
		uint32_t k;

		seed = seed * 1103515245 + 12345;
		k = seed >> 16;
		if (i % 5 == 0) {
			canvas_resize(&c, (int)(k % 130) + 1,
			    (int)(k / 130 % 45) + 1);
			c.ascii = k & 1;
			shell_paint(&s, &c, now);
			continue;
		}
		k = k % 4 == 0 ? KEY_SPECIAL + 1 + k % 24 : k % 128;
		now += seed >> 20 & 511;
		(void)shell_key(&s, k, now);
		if (i % 97 == 0)
			(void)shell_paste(&s, "\033x\n", 3, false, now);
		if (i % 301 == 0)
			(void)shell_click(&s, (int)(k % 90), (int)(k % 30), 0,
			    now);
	}
	for (int y = 0; y < c.h; y++)
		for (int x = 0; x < c.w; x++)
			assert_true((unsigned char)canvas_cell(&c, x,
			    y)->text[0] != 0x1b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)
static const struct CMUnitTest tests[] = {
	T(a_drill_looks_unlike_production),
	T(help_and_palette_and_pages),
	T(focus_goes_around),
	T(the_highlighted_button_is_the_one_that_enter_presses),
	T(what_was_typed_ahead_presses_nothing),
	T(a_name_has_to_be_typed_and_cannot_be_pasted),
	T(a_button_that_cannot_be_pressed_says_why),
	T(a_note_never_loses_a_character),
	T(a_paste_outside_of_a_field_is_refused),
	T(leaving_asks_when_something_runs),
	T(who_only_looks_gives_no_orders),
	T(a_held_picture_stands_still),
	T(after_a_long_while_the_first_key_shows_where_we_are),
	T(the_card_stays_true_and_never_lies_over_progress),
	T(an_incident_opens_with_the_alarm_as_its_evidence),
	T(what_is_undone_is_said_and_rings_once),
	T(the_picture_may_follow_more_slowly),
	T(a_key_of_another_pane_says_where_it_works),
	T(messages_go_by_themselves),
	T(a_button_asks_which_database_the_worst_first),
	T(a_button_asks_for_its_line),
	T(a_plan_is_shown_and_its_code_typed),
	T(a_plan_with_nothing_in_it_is_only_shown),
	T(every_key_on_every_screen_and_size_is_survived),
};

int
main(void)
{
	int failed = RUN_TESTS(tests);

	canvas_release(&c);
	return failed;
}
