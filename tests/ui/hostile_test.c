/*
 * 5,000 hostile strings through each way in: escape sequences, C1, bidi, wide and
 * zero width characters, piles of marks, bytes that are no UTF-8, newlines. They
 * stand where file names, database names, query texts, job output, notes and words
 * of the configuration do; what is written to the terminal may then hold what curses
 * says and characters that are harmless, and nothing else, and the emulator's
 * screen is the canvas.
 */
#include "tests/ui/night.h"
#include "tests/ui/stage.h"

#include <sys/mman.h>

#include "base/io.h"
#include "base/text.h"
#include "ui/plain_intern.h"

enum { STRINGS = 5000, BATCH = 20 };
#define MARK "31337"		/* no sequence of curses has such a number */

static uint32_t seed;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* ---- strings ------------------------------------------------------------- */

static const char *const nasty[] = {
	/* sequences of a terminal, whole and cut */
	"\033[" MARK "m", "\033]0;" MARK "\007", "\033]52;c;" MARK "\007",
	"\033]2;" MARK "\033\\", "\033P" MARK "q\033\\", "\033[" MARK ";1H",
	"\033[2J", "\033[" MARK "A", "\033c", "\033#8", "\033[6n", "\033[c",
	"\033[?" MARK "h", "\033[?1049l", "\033", "\033[", "\033]",
	"\033_" MARK "\033\\", "\033^" MARK "\033\\", "\033X" MARK "\033\\",
	/* C1, as one byte and as UTF-8 */
	"\x9b" MARK "m", "\xc2\x9b" MARK "m", "\xc2\x9d" "0;" MARK "\xc2\x9c",
	"\x90" MARK "\x9c", "\xc2\x85", "\x84", "\xc2\x8d",
	/* C0 */
	"\r", "\n", "\r\n", "\t", "\b\b\b", "\007", "\016", "\017", "\013",
	"\014", "\x7f", "\001\002\003",
	/* bidi and what has no width */
	"\u202e", "\u202d", "\u202a", "\u202c", "\u2066", "\u2067", "\u2069",
	"\u200e", "\u200f", "\u061c", "\u200b", "\u200c", "\u200d", "\ufeff",
	"\u2060", "\u00ad", "\u2028", "\u2029", "\ufff9\ufffa\ufffb",
	"\u180e", "\u115f", "\u3164", "\U000e0001\U000e0041", "\ufe0f",
	/* wide, and of a width that nobody agrees on */
	"\u65e5\u672c\u8a9e", "\uff21\uff22", "\U0001f525",
	"\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f",
	"\U0001f1e9\U0001f1ea", "\u231a", "\u26a1", "\u0627\u0644\u0639",
	/* marks */
	"e\u0301", "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308",
	"\u0301", "\u20dd", "\u0e33",
	/* no UTF-8 */
	"\xff", "\xfe\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
	"\xed\xa0\x80", "\xed\xb0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
	"\xe2\x82", "\xf0\x9f", "\xc3", "\x80", "\xbf\xbf",
	/* what other languages would take for something */
	"%s%n%d", "${HOME}", "$(id)", "`id`", "\\033[2J", "'; DROP TABLE x;--",
	"<b>&amp;", "  ", "word", "1.2 GB", "",
};

static void
make(struct buf *b)
{
	buf_clear(b);
	for (uint32_t i = 1 + dice(7); i > 0; i--) {
		buf_str(b, nasty[dice(sizeof nasty / sizeof *nasty)]);
		if (dice(3) == 0)
			buf_ch(b, (char)(1 + dice(255)));
		if (dice(4) == 0)
			buf_str(b, " plain words between ");
	}
}

/* ---- what may be written ------------------------------------------------- */

static const char *what_way;

static _Noreturn void
bad(const unsigned char *p, size_t i, size_t n, const char *why)
{
	char hex[128] = "";
	size_t from = i > 12 ? i - 12 : 0;

	for (size_t k = from; k < n && k < from + 30; k++)
		snprintf(hex + strlen(hex), sizeof hex - strlen(hex), "%02x ",
		    p[k]);
	fail_msg("%s: %s at byte %zu of %zu: %s", what_way, why, i, n, hex);
	abort();
}

/* A sequence as curses or term.c writes them; where it ends. */
static size_t
sequence(const unsigned char *p, size_t i, size_t n)
{
	size_t from = i++;
	size_t end;

	if (i >= n)
		bad(p, from, n, "a lone escape");
	if (strchr("=>78M\\c", p[i]) != NULL && p[i] != 'c')
		return i + 1;
	if (p[i] == '(' || p[i] == ')')
		return i + 2;
	if (p[i] == '[') {
		for (i++; i < n && strchr("0123456789;?", p[i]) != NULL; i++)
			;
		if (i >= n || strchr("ABCDGHJKLMPSTXdhlmrt@", p[i]) == NULL)
			bad(p, from, n, "a sequence that is not ours");
		end = i + 1;
	} else if (p[i] == ']' && i + 2 < n && p[i + 1] == '2') {
		while (i < n && p[i] != '\a')	/* the title */
			if (p[++i] < ' ' && p[i] != '\a')
				bad(p, i, n, "a control in the title");
		return i + 1;
	} else
		bad(p, from, n, "a sequence that is not ours");
	if (memmem(p + from, end - from, MARK, strlen(MARK)) != NULL)
		bad(p, from, n, "a number of theirs in a sequence");
	return end;
}

/* Emoji do no harm where nothing stands in columns. */
static bool
is_harmless(uint32_t cp, bool terminal)
{
	static const uint32_t ranges[][2] = { { 0x80, 0x9f }, { 0xad, 0xad },
		{ 0x61c, 0x61c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb }, { 0xd800, 0xdfff },
		{ 0xe0000, 0x10ffff } };

	if (terminal && cp >= 0x1f000)
		return false;

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (cp >= ranges[i][0] && cp <= ranges[i][1])
			return false;
	return true;
}

static void
only_ours(const char *bytes, size_t n, bool terminal)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len;

		if (p[i] == 033 && terminal) {
			i = sequence(p, i, n);
			continue;
		}
		if (p[i] < ' ' && (terminal ? strchr("\r\n\b\016\017", p[i]) ==
			NULL : p[i] != '\n'))
			bad(p, i, n, "a control character");
		if (p[i] == 0x7f)
			bad(p, i, n, "a delete");
		len = text_utf8_len(bytes + i, n - i, &cp);
		if (len == 0)
			bad(p, i, n, "no UTF-8");
		if (!is_harmless(cp, terminal))
			bad(p, i, n, "a character that does something");
		i += len;
	}
}

/* ---- ways in: a batch of strings where such words stand ------------------- */

static struct night night;
static struct buf batch[BATCH];

static char *
kept(struct pool *p, int i)
{
	return pool_str(p, batch[i].p);
}

static void
readings(const char *kind, bool as_name)
{
	struct model_readings *part = model_readings_begin(&night.m);

	for (int i = 0; i < BATCH; i++) {
		struct reading r;

		reading_init(&r, kind, as_name ? batch[i].p : "otc");
		if (!as_name) {
			free(r.name);
			r.name = xprintf("otc%d", i);
		}
		reading_say(&r, (enum level)(i % 4), batch[i].p, "%s",
		    batch[i].p);
		reading_str(&r, "query", batch[i].p);
		reading_str(&r, batch[i].p, "value");
		r.at = NIGHT_NOW;
		readings_put(&part->all, &r);
		reading_release(&r);
	}
	readings_sort(&part->all);
	model_changed(&night.m, MODEL_READINGS);
}

static void
file_names(void)
{
	struct buf b = BUF_INIT;

	readings("disk", true);
	for (int i = 0; i < BATCH; i++)
		buf_printf(&b, "%s\t%s\n", batch[i].p, batch[i].p);
	model_page(&night.m, false, ANSWER_SHOW, batch[0].p, b.p);
	buf_release(&b);
}

static void
database_names(void)
{
	struct model_buttons *part = model_buttons_begin(&night.m);
	struct model_button *b = VEC_NEW(&part->v);

	*b = (struct model_button){ .request = REQ_BACKUP };
	b->action = pool_str(&part->pool, "backup @db");
	b->target = b->effect = b->undo = b->command = kept(&part->pool, 1);
	for (int i = 0; i < BATCH; i++)
		*VEC_NEW(&b->choices) = (struct model_choice){
			kept(&part->pool, i), kept(&part->pool, i) };
	b = VEC_NEW(&part->v);
	*b = (struct model_button){ .request = REQ_FREEZE,
		.label = kept(&part->pool, 2), .why_not =
		kept(&part->pool, 3) };
	model_changed(&night.m, MODEL_BUTTONS);
	readings("database", true);
}

static void
query_texts(void)
{
	readings("database", false);
}

static void
job_output(void)
{
	struct model_jobs *jobs = model_jobs_begin(&night.m);
	struct model_job *j = VEC_NEW(&jobs->v);
	struct model_output *o = model_output_begin(&night.m);

	*j = (struct model_job){ .n = 9, .running = true, .total = 10,
		.done = 5, .started = NIGHT_NOW, .eta_ms = -1,
		.title = kept(&jobs->pool, 0), .by = kept(&jobs->pool, 1),
		.progress = kept(&jobs->pool, 2),
		.bottleneck = kept(&jobs->pool, 3) };
	o->job = 9;
	o->lines = BATCH;
	for (int i = 0; i < BATCH; i++)
		VEC_PUSH(&o->v, kept(&o->pool, i));
	model_changed(&night.m, MODEL_JOBS | MODEL_OUTPUT);
}

static void
notes_in_the_record(void)
{
	struct model_record *part = model_record_begin(&night.m);

	for (int i = 0; i < BATCH; i++) {
		struct model_entry *en = VEC_NEW(&part->v);

		en->seq = i + 1;
		en->at = en->rec = NIGHT_NOW;
		en->kind = en->by = en->text = kept(&part->pool, i);
		en->step = pool_str(&part->pool, "");
		en->corrected = i % 3 == 0 ? en->text : NULL;
		en->key = en->pinned = i % 2;
	}
	model_answer(&night.m, true, batch[1].p);
	model_changed(&night.m, MODEL_RECORD);
}

static void
words_of_the_configuration(void)
{
	struct model_head *h = model_head_begin(&night.m);
	struct model_people *people = model_people_begin(&night.m);
	struct model_notices *n = model_notices_begin(&night.m);
	char title[160];

	h->env = ENV_OTHER;
	h->environment = kept(&h->pool, 0);
	h->host = kept(&h->pool, 1);
	h->site = kept(&h->pool, 2);
	h->zone = kept(&h->pool, 3);
	h->state = INC_OPEN;
	h->incident = kept(&h->pool, 4);
	h->title = kept(&h->pool, 5);
	h->severity = kept(&h->pool, 6);
	h->triage = kept(&h->pool, 7);
	h->now = kept(&h->pool, 8);
	h->now_why = kept(&h->pool, 9);
	VEC_PUSH(&h->others, kept(&h->pool, 10));
	people->channel = kept(&people->pool, 11);
	for (int i = 0; i < BATCH; i++) {
		struct model_person *one = VEC_NEW(&people->v);

		one->who = one->phone = one->on = one->role =
		    kept(&people->pool, i);
		*VEC_NEW(&n->v) = (struct model_notice){ LEVEL_WARNING,
			kept(&n->pool, i), kept(&n->pool, i) };
	}
	notes_add(&night.s.problems, "theme: %s", batch[12].p);
	model_changed(&night.m, MODEL_HEAD | MODEL_PEOPLE | MODEL_NOTICES);
	shell_title(&night.s, title);
	term_title(term, title);
}

static void
words_of_the_runbook(void)
{
	struct model_steps *part = model_steps_begin(&night.m);

	part->title = kept(&part->pool, 0);
	for (int i = 0; i < BATCH; i++) {
		struct model_step *s = VEC_NEW(&part->v);
		char *text = kept(&part->pool, i);

		s->id = pool_printf(&part->pool, "step%d", i);
		s->title = s->phase = s->who = s->why = s->how = s->say =
		    s->expect = s->stop = s->command = s->confirm = text;
		s->state = (enum mstep_state)(i % MSTEP_COUNT);
		VEC_PUSH(&s->todo, text);
		*VEC_NEW(&s->proofs) = (struct model_proof){ text, text,
			i % 3 };
	}
	part->current = dice(BATCH);
	model_changed(&night.m, MODEL_STEPS);
}

/* Typed and pasted by somebody, or by something that types for them. */
static void
what_is_typed(void)
{
	night_key(&night, 'i');
	for (int i = 0; i < BATCH; i++) {
		(void)shell_paste(&night.s, batch[i].p, batch[i].n, i % 7 == 0,
		    night.now);
		for (size_t k = 0; k < batch[i].n; k++)
			if ((unsigned char)batch[i].p[k] >= ' ')
				(void)shell_key(&night.s, (unsigned char)
				    batch[i].p[k], night.now);
	}
}

static const struct way {
	const char *what;
	void (*fill)(void);
	const char *keys;	/* then these, and the screen is looked at */
	const char *after;	/* and these */
} ways[] = {
	{ "file names", file_names, "", "1j" },
	{ "database names", database_names, "B", "j" },
	{ "query texts", query_texts, "1z", "j\r" },
	{ "job output", job_output, "3z", "c" },
	{ "notes", notes_in_the_record, "4z", "k\r" },
	{ "configuration", words_of_the_configuration, "p", "!" },
	{ "runbook", words_of_the_runbook, "2", "jr" },
	{ "what is typed", what_is_typed, "", "\033" },
};

static void
look(bool careful)
{
	pty.raw_n = 0;
	night_paint(&night, c.w, c.h, c.ascii);
	memcpy(c.cells, night.c.cells, (size_t)c.w * (size_t)c.h *
	    sizeof *c.cells);
	c.cursor_x = night.c.cursor_x;
	c.cursor_y = night.c.cursor_y;
	show();
	only_ours(pty.raw, pty.raw_n, true);
	if (careful)
		same(what_way);
}

static void
one_way(const struct way *way, size_t n)
{
	what_way = way->what;
	sit(n % 2 ? "tmux-256color" : "xterm-256color", n % 4 ? 80 : 120,
	    n % 4 ? 24 : 40, false);
	pty.keep = true;
	c.ascii = n % 3 == 2;
	for (int made = 0; made < STRINGS; made += BATCH) {
		for (int i = 0; i < BATCH; i++)
			make(&batch[i]);
		night_begin(&night, "quiet");
		way->fill();
		(void)shell_changed(&night.s, night.now);
		night_keys(&night, way->keys);
		look(made % 60 == 0);
		night_keys(&night, way->after);
		look(made % 100 == 0);
		night_end(&night);
	}
	pty.keep = false;
	rise();
}

static void
nothing_of_theirs_reaches_the_terminal(void **state)
{
	(void)state;
	seed = 31;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		test_case(ways[i].what);
		one_way(&ways[i], i);
	}
}

/* The same for the dialogue of lines. */
static void
nothing_of_theirs_is_said_in_plain_lines(void **state)
{
	int file = memfd_create("plain", MFD_CLOEXEC);
	int out = dup(STDOUT_FILENO);
	struct buf b = BUF_INIT;
	char *text;
	off_t n;

	(void)state;
	seed = 32;
	what_way = "plain lines";
	(void)fflush(stdout);
	(void)dup2(file, STDOUT_FILENO);
	for (int i = 0; i < STRINGS; i++) {
		make(&b);
		plain_say("%s", b.p);
		plain_if(i % 2 ? "now" : b.p, b.p);
		plain_lines(b.p);
		plain_prompt(b.p);
	}
	(void)dup2(out, STDOUT_FILENO);
	n = lseek(file, 0, SEEK_END);
	assert_true(n > STRINGS);
	text = malloc((size_t)n);
	assert_int_equal(io_pread_full(file, text, (size_t)n, 0), n);
	only_ours(text, (size_t)n, false);
	free(text);
	buf_release(&b);
	(void)close(file);
	(void)close(out);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_of_theirs_reaches_the_terminal),
	cmocka_unit_test(nothing_of_theirs_is_said_in_plain_lines),
};

static int
run(void)
{
	int failed = RUN_TESTS(tests);

	for (int i = 0; i < BATCH; i++)
		buf_release(&batch[i]);
	return failed;
}

int
main(void)
{
	return stage_run(run);
}
