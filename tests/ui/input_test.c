#include "tests/ui/kit.h"

#include "ui/input.h"
#include "ui/line.h"

static struct input in;
static int64_t now;

static int
fresh(void **state)
{
	(void)state;
	now = 1000;
	in = (struct input)INPUT_INIT;
	return 0;
}

static int
done(void **state)
{
	(void)state;
	input_release(&in);
	return 0;
}

/* Everything that comes of the bytes, as text: "a Up M-x paste(...)". late: the
 * last of it too, after a while. */
static char *
events(bool late)
{
	static char out[4096];
	struct event_in ev;

	out[0] = '\0';
	if (late)
		now += 10000;
	while (input_next(&in, now, &ev)) {
		size_t n = strlen(out);
		char name[24];

		if (n > 0)
			out[n++] = ' ';
		key_text(ev.key, name);
		if (ev.type == EV_KEY)
			snprintf(out + n, sizeof out - n, "%s", name);
		else if (ev.type == EV_PASTE)
			snprintf(out + n, sizeof out - n, "paste(%s)", ev.text);
		else if (ev.type == EV_MOUSE)
			snprintf(out + n, sizeof out - n, "mouse(%d,%d,%d)",
			    ev.button, ev.x, ev.y);
		else
			snprintf(out + n, sizeof out - n, "focus(%d)", ev.on);
	}
	return out;
}

static const struct {
	const char *bytes, *want;
} rows[] = {
	{ "abc", "a b c" },
	{ "\033[A\033OA\033[1;3B", "Up Up M-Down" },
	{ "\033[H\033[1~\033[4~\033[5~\033[6~\033[3~\033[2~",
	    "Home Home End PgUp PgDn Del Ins" },
	{ "\033OP\033[11~\033[[A\033[15~\033[24~", "F1 F1 F1 F5 F12" },
	{ "\033[Z\t\r\n\177\b", "S-Tab Tab Enter C-j Backspace C-h" },
	{ "\033x\033\033[A", "M-x Esc Up" },
	{ "\xc3\xa9\xe2\x82\xac", "\xc3\xa9 \xe2\x82\xac" },
	{ "\xff\xc3(\x80", "(" },		/* no UTF-8: dropped */
	{ "\033[200~q\ry\033[A\033[201~z", "paste(q\ry\033[A) z" },
	{ "\033[200~\033[201~", "paste()" },
	{ "\033[<0;10;5M\033[<64;1;1M", "mouse(0,9,4) mouse(64,0,0)" },
	{ "\033[I\033[O", "focus(1) focus(0)" },
	/* answers, and what nobody knows: not one byte is a key */
	{ "\033]11;rgb:00/00/00\ax", "x" },
	{ "\033]11;rgb:00/00/00\033\\x", "x" },
	{ "\033P1$r0m\033\\x\033_a\033\\y", "x y" },
	{ "\033[?1;2cx\033[24;80Ry\033[0nz", "x y z" },
	{ "\033[?2026;0$yx\033[99~y\033[1;5Xz", "x y z" },
	{ "\033[M !!x", "x" },
	{ "\033Ow7", "7 7" },			/* key pad */
};

static void
sequences_are_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		input_feed(&in, rows[i].bytes, strlen(rows[i].bytes), now);
		assert_string_equal(events(true), rows[i].want);
	}
}

static void
sequences_may_come_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char all[4096] = "";

		for (const char *s = rows[i].bytes; *s; s++) {
			char *got;

			input_feed(&in, s, 1, now);
			got = events(false);
			if (*got)
				snprintf(all + strlen(all),
				    sizeof all - strlen(all), "%s%s",
				    *all ? " " : "", got);
		}
		assert_string_equal(events(true), "");
		assert_string_equal(all, rows[i].want);
	}
}

static void
esc_alone_waits_a_little(void **state)
{
	(void)state;
	input_feed(&in, "\033", 1, now);
	assert_string_equal(events(false), "");
	assert_int_equal(input_deadline(&in), now + 50);
	now += 50;
	assert_string_equal(events(false), "Esc");
	assert_int_equal(input_deadline(&in), -1);
	input_feed(&in, "\033[", 2, now);
	assert_string_equal(events(true), "M-[");
	input_feed(&in, "\033[1;", 4, now);
	assert_string_equal(events(true), "");
}

static void
terminals_have_sequences_of_their_own(void **state)
{
	(void)state;
	input_sequence(&in, "\033[q", KEY_F1);
	input_sequence(&in, "\033[qq", KEY_F1 + 1);
	input_sequence(&in, "x", KEY_UP_ARROW);	/* a plain letter is none */
	input_feed(&in, "\033[qq\033[qxx", 9, now);
	assert_string_equal(events(true), "F2 F1 x x");
}

static void
a_paste_has_an_end(void **state)
{
	char *much = malloc(PASTE_MAX + 1000);
	struct event_in ev;

	(void)state;
	memset(much, 'x', PASTE_MAX + 1000);
	input_feed(&in, "\033[200~", 6, now);
	input_feed(&in, much, PASTE_MAX + 1000, now);
	assert_false(input_next(&in, now, &ev));
	input_feed(&in, "\033[201~q", 7, now);
	assert_true(input_next(&in, now, &ev));
	assert_int_equal(ev.n, PASTE_MAX);
	assert_true(ev.cut);
	assert_string_equal(events(false), "q");
	input_feed(&in, "\033[200~abc", 9, now);	/* never ended */
	assert_string_equal(events(false), "");
	assert_string_equal(events(true), "paste(abc)");
	free(much);
}

static void
what_was_typed_ahead_can_be_forgotten(void **state)
{
	(void)state;
	input_feed(&in, "yyy\r", 4, now);
	input_forget(&in);
	assert_string_equal(events(true), "");
}

/* ---- the line ------------------------------------------------------------ */

static void
a_line_is_edited_by_characters(void **state)
{
	static const struct {
		const char *start;
		const char *keys[6];
		const char *want;
	} edits[] = {
		{ "abc", { "Left", "Backspace" }, "ac" },
		{ "a\xc3\xa9\xe6\x97\xa5", { "Backspace", "Backspace" }, "a" },
		{ "xe\xcc\x81", { "Backspace" }, "x" },
		{ "one two three", { "C-w" }, "one two " },
		{ "one two", { "C-a", "M-f", "C-k" }, "one" },
		{ "one two", { "M-b", "C-u" }, "two" },
		{ "ab", { "Home", "Del", "End", "!" }, "b!" },
		{ "ab", { "Home", "Left", "Backspace", "C-d", "C-d", "C-d" },
		    "" },
		{ "a", { "C-x", "F1", "Up", "\xc3\xb6" }, "a\xc3\xb6" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		struct line l = LINE_INIT;

		line_set(&l, edits[i].start);
		for (int k = 0; k < 6 && edits[i].keys[k]; k++) {
			uint32_t key;

			assert_true(key_parse(edits[i].keys[k], &key));
			(void)line_key(&l, key);
		}
		assert_string_equal(l.text.p, edits[i].want);
		line_release(&l);
	}
}

static void
a_line_shows_what_is_around_its_cursor(void **state)
{
	struct line l = LINE_INIT;
	struct canvas c = { 0 };

	(void)state;
	canvas_resize(&c, 12, 1);
	line_set(&l, "0123456789abcdef");
	line_paint(&l, &c, 1, 0, 10);
	assert_string_equal(canvas_cell(&c, 9, 0)->text, "f");
	assert_int_equal(c.cursor_x, 10);
	assert_string_equal(canvas_cell(&c, 11, 0)->text, " ");
	for (int i = 0; i < 30; i++)
		(void)line_key(&l, KEY_LEFT_ARROW);
	line_paint(&l, &c, 1, 0, 10);
	assert_string_equal(canvas_cell(&c, 1, 0)->text, "0");
	assert_int_equal(c.cursor_x, 1);
	line_paste(&l, "a\tb\r\nc\033\x01", 8);
	assert_string_equal(l.text.p, "a b c0123456789abcdef");
	assert_int_equal(l.dropped, 2);
	for (int w = 0; w < 5; w++)
		line_paint(&l, &c, 0, 0, w);
	line_release(&l);
	canvas_release(&c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, done)
static const struct CMUnitTest tests[] = {
	T(sequences_are_keys),
	T(sequences_may_come_byte_by_byte),
	T(esc_alone_waits_a_little),
	T(terminals_have_sequences_of_their_own),
	T(a_paste_has_an_end),
	T(what_was_typed_ahead_can_be_forgotten),
	T(a_line_is_edited_by_characters),
	T(a_line_shows_what_is_around_its_cursor),
};

int
main(void)
{
	kit_utf8();
	return RUN_TESTS(tests);
}
