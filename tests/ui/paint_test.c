/*
 * What a key, a tick and a changed field cost on the wire, and that what was painted
 * bit by bit is what a whole new frame shows: a night on a terminal of our own,
 * through the real panes, curses and an emulator.
 */
#include "tests/ui/night.h"
#include "tests/ui/stage.h"

static struct night night;

static void
night_show(int w, int h)
{
	struct canvas mine = night.c;

	night_paint(&night, w, h, c.ascii);
	mine = night.c;
	if (c.w != w || c.h != h)
		canvas_resize(&c, w, h);
	memcpy(c.cells, mine.cells, (size_t)w * (size_t)h * sizeof *c.cells);
	c.cursor_x = mine.cursor_x;
	c.cursor_y = mine.cursor_y;
	show();
}

/* ---- bytes --------------------------------------------------------------- */

static void
press(const char *keys)
{
	night_keys(&night, keys);
}

static void
minute(const char *arg)
{
	(void)arg;
	night.w.feed_at = NIGHT_NOW + 60000;	/* nothing new, but not silent */
	talk_turn(&night.w, NIGHT_NOW + 60000);
	model_changed(&night.m, MODEL_CLOCK);
	(void)shell_changed(&night.s, night.now);
}

static void
hear(const char *line)
{
	night_hear(&night, line);
}

static void
several(const char *word)
{
	static const char *const kinds[] = { "database otc", "database gps",
		"database arp", "backup otc", "backup gps", "backup arp",
		"disk backup", "disk arp-data", "store local", "schedule "
		"nightly", "log backup", "service otc-api" };
	char line[256];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *space = strchr(kinds[i], ' ');

		snprintf(line, sizeof line, "{\"kind\":\"%.*s\",\"name\":"
		    "\"%s\",\"level\":\"critical\",\"at\":"
		    "\"2025-02-14T01:17:19.000Z\",\"text\":\"%d %s\","
		    "\"data\":{}}", (int)(space - kinds[i]), kinds[i],
		    space + 1, 40 + (int)i, word);
		talk_hear(&night.w, line, strlen(line), NIGHT_NOW);
	}
	night_turn(&night);
}

static void
nothing(const char *arg)
{
	(void)arg;
}

#define DISK(percent) "{\"kind\":\"disk\",\"name\":\"backup\","		\
	"\"level\":\"critical\",\"at\":\"2025-02-14T01:17:19.000Z\","	\
	"\"text\":\"" percent " % full, 1.2 GB left (threshold 95)\","	\
	"\"data\":{\"percent\":" percent "}}"
#define JOB(done, left) "{\"t\":\"jobs\",\"v\":[{\"n\":9,\"title\":"	\
	"\"backup gps --emergency\",\"state\":\"running\",\"by\":\"ana\"," \
	"\"started\":1739495649000,\"progress\":{\"text\":\"gps: " done	\
	" GB of about 8.2 GB, 16.7 MB/s, about " left " left\","	\
	"\"done\":3300000000,\"total\":8800000000}}]}"
#define ROWS(n, last) "{\"t\":\"output\",\"n\":9,\"first\":0,\"lines\":" n \
	",\"rows\":[\"gps: dumped public.trips, 402 MB\",\"gps: dumped " \
	"public.trip_points, 1.1 GB\",\"gps: dumped " last "\"]}"

struct cost {
	const char *what;
	const char *before;		/* keys that lead there */
	void (*first)(const char *arg);	/* brings the screen into a state */
	const char *arg;
	void (*then)(const char *arg);	/* and this is what is counted */
	const char *arg2;
	int most;			/* bytes, at 80x24 and at 120x40 */
};

static const struct cost costs[] = {
	{ "nothing", "", nothing, "", nothing, "", 0 },
	{ "a row down", "1", press, "", press, "j", 300 },
	{ "a row down, another guidance", "2", press, "", press, "j", 1400 },
	{ "a line of the record", "4", press, "", press, "k", 300 },
	{ "the next pane", "1", press, "", press, "\t", 2400 },
	{ "a letter of a note", "i", press, "the fan ", press, "w", 40 },
	{ "a prompt", "", press, "", press, "i", 200 },
	{ "a dialog", "1", press, "", press, "Y", 1400 },
	{ "its other button", "Y", press, " ", press, "\t", 120 },
	{ "help", "1", press, "", press, "?", 5200 },
	{ "a row down in help", "?", press, "", press, "j", 1800 },
	{ "a message", "1", press, "", press, "X", 150 },
	{ "a minute", "1", nothing, "", minute, "", 100 },
	{ "one field", "1", hear, DISK("96"), hear, DISK("97"), 60 },
	{ "how far a job is", "1", hear, JOB("3.2", "5 min"), hear,
	    JOB("3.3", "4 min"), 100 },
	{ "a row of its output", "3", hear, ROWS("12", "a"), hear,
	    ROWS("13", "b"), 100 },
	{ "twelve fields", "1z", several, "x", several, "y", 150 },
};

static void
what_things_cost_in_bytes(void **state)
{
	static const struct { int w, h; } sizes[] = { { 80, 24 },
		{ 120, 40 } };

	(void)state;
	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
		for (size_t k = 0; k < 2; k++) {
			const struct cost *one = &costs[i];
			int w = sizes[k].w, h = sizes[k].h;
			int64_t before;

			night_begin(&night, "incident");
			sit("xterm-256color", w, h, false);
			night_show(w, h);
			press(one->before);
			one->first(one->arg);
			night.now += MESSAGE_MS + 1;
			night_show(w, h);
			before = term_bytes(term);
			one->then(one->arg2);
			night_show(w, h);
			before = term_bytes(term) - before;
			print_message("# %s at %dx%d: %d bytes\n", one->what,
			    w, h, (int)before);
			same(one->what);
			if (before > one->most)
				fail_msg("%s at %dx%d: %d bytes, at most %d",
				    one->what, w, h, (int)before, one->most);
			rise();
			night_end(&night);
		}
}

/* ---- bit by bit ---------------------------------------------------------- */

static uint32_t seed;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static const char *
word(void)
{
	static const char *const words[] = { "ok", "96 % full, 1.2 GB left",
		"no login: the password is refused", "", "\u65e5\u672c\u8a9e "
		"\u30c6\u30ad\u30b9\u30c8", "e\u0301t\u00e9 na\u00efve",
		"\u202eabc\u202c \u200b", "\\u001b[2J\\u001b]0;x\\u0007",
		"\U0001f525 hot", "one\\ntwo\\tthree", "a very long sentence "
		"that does not fit into any column of a screen as small as "
		"this, and goes on, and on, and still on, to the very end" };

	return words[dice(sizeof words / sizeof *words)];
}

static void
some_reading(void)
{
	static const char *const kinds[] = { "disk", "database", "backup",
		"store", "service", "schedule" };
	static const char *const levels[] = { "ok", "warning", "critical",
		"unknown" };
	char line[1024];

	snprintf(line, sizeof line, "{\"kind\":\"%s\",\"name\":\"%c\","
	    "\"level\":\"%s\",\"at\":\"2025-02-14T01:17:%02d.000Z\","
	    "\"text\":\"%s\",\"next\":\"%s\",\"stale\":%s,"
	    "\"data\":{\"percent\":%d,\"frozen\":true}}",
	    kinds[dice(6)], (int)('a' + dice(4)), levels[dice(4)],
	    (int)dice(20), word(), word(), dice(5) ? "false" : "true",
	    (int)dice(101));
	hear(line);
}

static void
some_job(void)
{
	char line[1024];

	snprintf(line, sizeof line, "{\"t\":\"jobs\",\"v\":[{\"n\":%d,"
	    "\"title\":\"%s\",\"state\":\"%s\",\"by\":\"ana\",\"started\":"
	    "1739495649000,\"ended\":1739495700000,\"outcome\":\"failed\","
	    "\"progress\":{\"text\":\"%s\",\"done\":%d,\"total\":1000}}]}",
	    9 + (int)dice(3), word(), dice(2) ? "running" : dice(2) ? "ended" :
	    "vanished", word(), (int)dice(1001));
	hear(line);
}

static void
some_output(void)
{
	struct buf b = BUF_INIT;
	int n = (int)dice(60);

	buf_printf(&b, "{\"t\":\"output\",\"n\":9,\"first\":%d,\"lines\":%d,"
	    "\"rows\":[", (int)dice(50), n + 50);
	for (int i = 0; i < n; i++)
		buf_printf(&b, "%s\"%s\"", i ? "," : "", word());
	buf_str(&b, "]}");
	hear(b.p);
	buf_release(&b);
}

static void
some_entry(void)
{
	char line[1024];

	snprintf(line, sizeof line, "{\"t\":\"entry\",\"seq\":%d,\"at\":"
	    "1739495%03d000,\"rec\":1739495840000,\"kind\":\"%s\",\"key\":%s,"
	    "\"pinned\":%s,\"by\":\"ben\",\"text\":\"%s\"}", 1 + (int)dice(40),
	    (int)dice(1000), dice(2) ? "note" : "step.done", dice(2) ? "true" :
	    "false", dice(4) ? "false" : "true", word());
	hear(line);
}

static void
some_world(void)
{
	switch (dice(8)) {
	case 0:
		hear("{\"t\":\"none\"}");
		break;
	case 1:
		talk_feed_lost(&night.w);
		night_turn(&night);
		break;
	case 2:
		hear("{\"t\":\"consoles\",\"v\":[{\"by\":\"eve\"}]}");
		break;
	case 3:
		hear("{\"t\":\"steps\",\"v\":[]}");
		break;
	default:	/* and all of the night again */
		night_read(&night, dice(3) ? "incident" : "alarm");
		night_turn(&night);
	}
}

static void
some_keys(void)
{
	static const uint32_t special[] = { KEY_ESC, KEY_TAB, KEY_RETURN,
		KEY_UP_ARROW, KEY_DOWN_ARROW, KEY_PGUP, KEY_PGDN, KEY_HOME_,
		KEY_END_, KEY_BACKTAB, KEY_BACK, KEY_DEL };

	for (uint32_t i = dice(6); i > 0; i--) {
		uint32_t k = dice(3) ? ' ' + dice(95) :
		    special[dice(sizeof special / sizeof *special)];

		night.now += dice(900);
		(void)shell_key(&night.s, k, night.now);
	}
	if (dice(20) == 0)
		(void)shell_paste(&night.s, "\033[2Jp\u65e5\n", 9, false,
		    night.now);
	if (dice(30) == 0)
		night.now += BRIEF_MS;
}

static void
something(void)
{
	static void (*const changes[])(void) = { some_reading, some_reading,
		some_job, some_output, some_entry, some_keys, some_keys,
		some_keys, some_keys };

	if (dice(60) == 0)
		some_world();
	changes[dice(sizeof changes / sizeof *changes)]();
}

/* All cells of the emulator. */
static VTermScreenCell *
snap(void)
{
	VTermScreenCell *all = calloc((size_t)(c.w * c.h), sizeof *all);

	assert_non_null(all);
	for (int y = 0; y < c.h; y++)
		for (int x = 0; x < c.w; x++)
			(void)vterm_screen_get_cell(pty.screen,
			    (VTermPos){ y, x }, &all[y * c.w + x]);
	return all;
}

static bool
cells_same(const VTermScreenCell *a, const VTermScreenCell *b)
{
	if (a->chars[0] == (uint32_t)-1 && b->chars[0] == (uint32_t)-1)
		return true;	/* the right half: how it looks is the left one's */
	bool blank = (a->chars[0] == 0 || a->chars[0] == ' ') &&
	    (b->chars[0] == 0 || b->chars[0] == ' ');

	return (blank || memcmp(a->chars, b->chars, sizeof a->chars) == 0) &&
	    a->attrs.bold == b->attrs.bold &&
	    a->attrs.reverse == b->attrs.reverse &&
	    a->attrs.underline == b->attrs.underline &&
	    vterm_color_is_equal(&a->fg, &b->fg) &&
	    vterm_color_is_equal(&a->bg, &b->bg);
}

static void
painted_anew_is_the_same(int step)
{
	VTermScreenCell *before = snap(), *after;

	term_redraw(term);
	show();
	after = snap();
	for (int i = 0; i < c.w * c.h; i++)
		if (!cells_same(&before[i], &after[i]))
			fail_msg("step %d: cell %d,%d is another one after "
			    "Ctrl-L: U+%04X U+%04X, then U+%04X U+%04X, for "
			    "'%s'", step, i % c.w, i / c.w,
			    before[i].chars[0], before[i].chars[1],
			    after[i].chars[0], after[i].chars[1],
			    canvas_cell(&c, i % c.w, i / c.w)->text);
	free(before);
	free(after);
}

static void
bit_by_bit_is_as_painted_anew(void **state)
{
	static const char *const terms[] = { "xterm-256color", "tmux-256color",
		"screen", "linux", "vt100" };
	static const struct { int w, h; } sizes[] = { { 80, 24 },
		{ 120, 40 }, { 40, 10 }, { 200, 60 }, { 61, 17 } };

	(void)state;
	for (size_t t = 0; t < sizeof terms / sizeof *terms; t++) {
		int w = sizes[t].w, h = sizes[t].h;

		test_case(terms[t]);
		seed = 77 + (uint32_t)t;
		night_begin(&night, "incident");
		sit(terms[t], w, h, false);
		for (int i = 0; i < 250; i++) {
			something();
			night_show(w, h);
			if (i % 5 == 0)
				same("bit by bit");
			if (i % 10 == 9)
				painted_anew_is_the_same(i);
		}
		rise();
		night_end(&night);
	}
}

/* ---- sizes --------------------------------------------------------------- */

static void
every_size_is_painted_whole(void **state)
{
	static const struct { int w, h; } corners[] = { { 1, 1 }, { 500, 1 },
		{ 1, 200 }, { 500, 200 }, { 2, 2 }, { 39, 200 }, { 500, 9 },
		{ 40, 10 }, { 60, 16 }, { 59, 15 }, { 160, 30 }, { 159, 29 } };

	(void)state;
	seed = 4;
	night_begin(&night, "incident");
	sit("xterm-256color", 80, 24, false);
	for (int i = 0; i < 120; i++) {
		size_t at = (size_t)i;
		bool corner = at < sizeof corners / sizeof *corners;
		int w = corner ? corners[at].w : 1 + (int)dice(250);
		int h = corner ? corners[at].h : 1 + (int)dice(80);

		pty_size(&pty, w, h);
		term_resize(term, w, h);
		something();
		night_show(w, h);
		same("another size");
	}
	rise();
	night_end(&night);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_things_cost_in_bytes),
	cmocka_unit_test(bit_by_bit_is_as_painted_anew),
	cmocka_unit_test(every_size_is_painted_whole),
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
