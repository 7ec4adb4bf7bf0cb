/*
 * Frames as the terminal shows them.  Everything in one process, which has a
 * pseudo terminal of its own: a frame is painted, the emulator reads it, and
 * every cell has to be what the canvas says.
 */
#include "tests/ui/rows.h"
#include "tests/ui/stage.h"

#include "ui/shell.h"

static uint32_t seed;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void
scribble(void)
{
	static const char *const words[] = { "disk", "96 %", "\u65e5\u672c",
		"e\u0301t\u00e9", "#####", "          ", "\033[2J", "\u2713",
		"aaaaaaaaaaaaaaaaaaaaaaaa", "\u2550\u2550\u2550", "x" };

	if (dice(40) == 0)
		canvas_clear(&c);
	for (uint32_t i = dice(30); i > 0; i--)
		(void)canvas_put(&c, (int)dice((uint32_t)c.w + 4) - 2,
		    (int)dice((uint32_t)c.h), (enum role)dice(ROLE_COUNT),
		    words[dice(sizeof words / sizeof *words)]);
	if (dice(8) == 0)
		canvas_box(&c, (struct area){ (int)dice(20), (int)dice(8),
		    (int)dice(60), (int)dice(14) }, "box", dice(2));
	if (dice(6) == 0 && c.h > 2) {	/* scrolled by a row */
		size_t row = (size_t)c.w * sizeof *c.cells;

		memmove(c.cells, c.cells + c.w, row * (size_t)(c.h - 1));
	}
	canvas_cursor(&c, (int)dice((uint32_t)c.w), (int)dice((uint32_t)c.h));
}

static void
every_frame_is_what_the_canvas_says(void **state)
{
	static const char *const terms[] = { "xterm-256color", "tmux-256color",
		"screen", "linux", "vt100", "xterm", "rxvt" };

	(void)state;
	for (size_t t = 0; t < sizeof terms / sizeof *terms; t++) {
		test_case(terms[t]);
		seed = 5;
		sit(terms[t], 80, 24, t == 5);
		assert_string_equal(term_name(term), terms[t]);
		for (int i = 0; i < 300; i++) {
			scribble();
			show();
			same("painted");
			if (i % 50 == 49) {
				pty_size(&pty, 20 + (int)dice(100),
				    5 + (int)dice(40));
				term_resize(term, pty.w, pty.h);
				canvas_resize(&c, pty.w, pty.h);
			}
			if (i % 30 == 29) {
				term_redraw(term);
				show();
				same("painted anew");
			}
		}
		rise();
	}
}

static void
the_shell_looks_on_a_terminal_as_on_its_canvas(void **state)
{
	static const char hands[] = "2jj\tzz?jGq:clean\033bqiabc\033!qU\t\rCZZ"
	    "3\r\033i\r";
	struct model m = { 0 };
	struct keys keys;
	struct shell s;
	int64_t now = 1000;

	(void)state;
	canned_incident(&m);
	keys_init(&keys);
	for (int ascii = 0; ascii < 2; ascii++) {
		shell_init(&s, &m, &keys);
		shell_pane(&s, &fake_live);
		shell_pane(&s, &fake_runbook);
		shell_pane(&s, &fake_job);
		shell_pane(&s, &fake_record);
		sit(ascii ? "vt100" : "xterm-256color", 80, 24, false);
		c.ascii = ascii;
		for (size_t i = 0; hands[i]; i++) {
			(void)shell_key(&s, (unsigned char)hands[i], now);
			shell_paint(&s, &c, now += 500);
			show();
			same("after a key");
		}
		rise();
		shell_release(&s);
	}
	model_release(&m);
}

static void
what_has_not_changed_is_not_sent(void **state)
{
	int64_t before;

	(void)state;
	seed = 9;
	sit("xterm-256color", 120, 40, false);
	scribble();
	show();
	before = term_bytes(term);
	for (int i = 0; i < 20; i++)
		show();
	assert_int_equal(term_bytes(term) - before, 0);
	for (int i = 0; i < 12; i++)
		(void)canvas_printf(&c, 20 + i % 3 * 30, i, ROLE_TEXT, "%d %%",
		    70 + i);
	show();
	before = term_bytes(term);
	for (int i = 0; i < 12; i++)
		(void)canvas_printf(&c, 20 + i % 3 * 30, i, ROLE_TEXT, "%d %%",
		    60 + i);
	show();
	print_message("# twelve fields: %d bytes\n",
	    (int)(term_bytes(term) - before));
	assert_true(term_bytes(term) - before < 150);
	rise();
}

static void
a_frame_waits_until_the_last_has_left(void **state)
{
	int64_t from;

	(void)state;
	seed = 3;
	sit("xterm-256color", 400, 150, false);
	show();
	for (int i = 0; i < 400 && term_ready(term); i++) {
		scribble();	/* nobody reads: the terminal is stalled */
		term_redraw(term);
		term_paint(term, &c);
		from = pty_now();
		assert_true(term_flush(term));
		assert_true(pty_now() - from < 2000);
	}
	assert_false(term_ready(term));
	assert_true(term_events(term) & POLLOUT);
	while (!term_ready(term)) {
		(void)pty_pump(&pty, 0);
		assert_true(term_flush(term));
	}
	while (pty_pump(&pty, 0))
		;
	same("late");
	rise();
}

static void
title_bell_clipboard_and_mouse(void **state)
{
	(void)state;
	sit("xterm-256color", 80, 24, false);
	show();
	term_title(term, "midwatch \033]0;x\a INC-1");
	term_bell(term, 0);
	term_bell(term, 5000);
	term_bell(term, 10001);
	term_mouse(term, true);
	pty.keep = true;
	assert_true(term_clip(term, "abcd", 4));
	assert_false(term_clip(term, "", 80000));
	show();
	assert_int_equal(pty.bells, 2);
	assert_true(pty.mouse != 0);
	assert_non_null(memmem(pty.raw, pty.raw_n, "\033]52;c;YWJjZA==\a",
	    16));
	assert_non_null(memmem(pty.raw, pty.raw_n, "\\x1b]0;x\\x07 INC-1", 18));
	pty.keep = false;
	rise();
}

static void
it_can_be_left_and_resumed(void **state)
{
	(void)state;
	seed = 2;
	sit("xterm-256color", 80, 24, false);
	scribble();
	show();
	term_leave(term);
	while (pty_pump(&pty, 0))
		;
	pty_clean(&pty);
	term_resume(term);
	show();
	assert_true(pty.alt && pty.paste);
	same("resumed");
	rise();
}

/* What is typed. */
static void
keys_of_the_terminal_arrive(void **state)
{
	struct input in = INPUT_INIT;
	struct event_in ev;

	(void)state;
	sit("xterm-256color", 80, 24, false);
	pty_type(&pty, "a\023\003\032\r", 5);
	for (int i = 0; i < 200 && in.bytes.n < 5; i++) {
		usleep(1000);
		assert_true(term_read(term, &in, 1));
	}
	static const uint32_t want[] = { 'a', KEY_CTRL('s'), KEY_CTRL('c'),
		KEY_CTRL('z'), KEY_RETURN };

	for (size_t i = 0; i < 5; i++) {
		assert_true(input_next(&in, 1, &ev));
		assert_int_equal(ev.key, want[i]);
	}
	input_release(&in);
	rise();
}

static void
where_no_screen_is_possible_it_says_so(void **state)
{
	struct term_options o = { .name = "dumb" };
	struct err e = ERR_INIT;
	int out = dup(STDOUT_FILENO);
	bool dumb, known;

	(void)state;
	(void)dup2(pty.slave, STDOUT_FILENO);
	dumb = term_possible(&o, &e);
	o.name = "xterm";
	known = term_possible(&o, &e);
	(void)dup2(out, STDOUT_FILENO);
	assert_false(dumb);
	assert_non_null(strstr(e.msg, "TERM is 'dumb'"));
	assert_true(known);
	assert_true(isatty(out) || !term_possible(&o, &e));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_frame_is_what_the_canvas_says),
	cmocka_unit_test(the_shell_looks_on_a_terminal_as_on_its_canvas),
	cmocka_unit_test(what_has_not_changed_is_not_sent),
	cmocka_unit_test(a_frame_waits_until_the_last_has_left),
	cmocka_unit_test(title_bell_clipboard_and_mouse),
	cmocka_unit_test(it_can_be_left_and_resumed),
	cmocka_unit_test(keys_of_the_terminal_arrive),
	cmocka_unit_test(where_no_screen_is_possible_it_says_so),
};

static int
run(void)
{
	return RUN_TESTS(tests);
}

int
main(void)
{
	return stage_run(run);
}
