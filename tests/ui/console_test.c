#include "tests/ui/pty.h"

#include <ctype.h>

static char *
program(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);

	assert_true(n > 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, "ui_play");
	return path;
}

static void
begin(struct pty *p, int w, int h, const char *term, const char *locale,
    const char *a, const char *b)
{
	const char *argv[] = { program(), a, b, NULL };
	char t[64], l[64];
	const char *env[] = { t, l, "MIDWATCH_THEME=", "NO_COLOR=", "TMUX=",
		"SSH_CONNECTION=", "ESCDELAY=", NULL };

	snprintf(t, sizeof t, "TERM=%s", term);
	snprintf(l, sizeof l, "LC_ALL=%s", locale);
	pty_start(p, w, h, argv, env);
}

static void
usual(struct pty *p)
{
	begin(p, 80, 24, "xterm-256color", "C.UTF-8", NULL, NULL);
	pty_until(p, "live row 1");
	pty_until(p, "Enter:open");
}

static void
key(struct pty *p, const char *bytes)
{
	pty_type(p, bytes, strlen(bytes));
}

/* ---- begin, keys, end ---------------------------------------------------- */

static void
it_starts_takes_keys_and_leaves_the_terminal_clean(void **state)
{
	struct pty p;

	(void)state;
	usual(&p);
	assert_true(p.alt && p.paste);
	assert_true(pty_has(&p, "PROD bastion  SEV-1"));
	key(&p, "?");
	pty_until(&p, "help: q closes");
	key(&p, "q");
	pty_wait(&p, "help: q closes", false);
	key(&p, "\033[B");
	key(&p, "2");
	pty_until(&p, "r:run");
	key(&p, "\033OP");		/* F1 */
	pty_until(&p, "in the runbook");
	key(&p, "\033");		/* Esc alone */
	pty_wait(&p, "in the runbook", false);
	key(&p, "q");
	pty_until(&p, "leave, let it run");
	usleep(350000);			/* the guard of the dialog */
	key(&p, "\r");
	assert_int_equal(pty_exit(&p), 0);
	pty_clean(&p);
	pty_end(&p);
}

static void
every_end_leaves_the_terminal_clean(void **state)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT,
		SIGSEGV, SIGABRT, SIGBUS, SIGKILL };
	static const char *const terms[] = { "xterm-256color", "vt100", "linux" };

	(void)state;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		for (size_t t = 0; t < 3; t++) {
			struct pty p;
			int status;

			if (t > 0 && signals[i] != SIGTERM &&
			    signals[i] != SIGKILL)
				continue;
			test_case(strsignal(signals[i]));
			begin(&p, 80, 24, terms[t], "C.UTF-8", "mouse", NULL);
			pty_until(&p, "live row 1");
			assert_int_equal(p.mouse != 0, t == 0);
			kill(p.pid, signals[i]);
			status = pty_exit(&p);
			if (i < 4) {
				assert_true(WIFEXITED(status));
				assert_int_equal(WEXITSTATUS(status),
				    128 + signals[i]);
			} else {
				assert_true(WIFSIGNALED(status));
				assert_int_equal(WTERMSIG(status), signals[i]);
			}
			pty_clean(&p);
			pty_end(&p);
		}
}

static void
a_vanished_terminal_ends_it_within_a_second(void **state)
{
	struct pty p;
	int status;
	int64_t from;

	(void)state;
	usual(&p);
	(void)close(p.slave);
	(void)close(p.master);
	p.gone = true;
	from = pty_now();
	status = pty_exit(&p);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 128 + SIGHUP);
	print_message("# ended after %d ms\n", (int)(pty_now() - from));
	p.master = p.slave = -1;
	pty_end(&p);
}

/* What a fresh shell would do: stop, look at the terminal, go on. */
static void
it_can_be_stopped_and_goes_on(void **state)
{
	struct pty p;

	(void)state;
	usual(&p);
	p.keep = true;
	key(&p, "\032");		/* the shell says fg at once */
	while (memmem(p.raw ? p.raw : "", p.raw_n, "1049l", 5) == NULL)
		assert_true(pty_pump(&p, PTY_PATIENCE_MS));
	p.keep = false;
	pty_until(&p, "live row 1");
	assert_true(p.alt && p.paste);
	kill(p.pid, SIGSTOP);
	usleep(50000);
	vterm_input_write(p.vt, "\033[2J\033[Hrubbish", 14);
	kill(p.pid, SIGCONT);
	pty_until(&p, "live row 1");
	pty_wait(&p, "rubbish", false);
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_clean(&p);
	pty_end(&p);
}

/* ---- what comes in ------------------------------------------------------- */

static void
a_paste_is_never_keys(void **state)
{
	struct pty p;

	(void)state;
	usual(&p);
	key(&p, "\033[200~sq\rU\r\033[201~");
	pty_until(&p, "pasted bytes were thrown away");
	assert_false(pty_has(&p, "taken"));
	key(&p, "i");
	pty_until(&p, "note:");
	key(&p, "\033[200~first\nsec\033[2Jond\033[201~\r");
	pty_until(&p, "note taken: first sec[2Jond");
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_end(&p);
}

static void
ctrl_s_does_not_freeze_it_and_answers_are_no_keys(void **state)
{
	struct pty p;

	(void)state;
	usual(&p);
	key(&p, "\023");
	key(&p, "\033]11;rgb:ffff/ffff/ffff\033\\\033[?64;1;2c\033[24;80R");
	key(&p, "2");
	pty_until(&p, "r:run");
	assert_false(pty_has(&p, "taken"));
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_clean(&p);
	pty_end(&p);
}

/* ---- painting ------------------------------------------------------------ */

static void
no_question_is_sent_and_nothing_foreign_gets_through(void **state)
{
	static const char *const never[] = { "\033[c", "\033[0c", "\033[>c",
		"\033[6n", "\033[5n", "\033]10;?", "\033]11;?", "$p", "\033[>q",
		"\033]0;x", "\033Z" };
	struct pty p;

	(void)state;
	begin(&p, 80, 24, "xterm-256color", "C.UTF-8", "hostile", NULL);
	p.keep = true;
	pty_until(&p, "\\x1b]0;x");
	key(&p, "b");
	pty_until(&p, "where we are");
	key(&p, "q:");
	pty_until(&p, "everything that can be done");
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_clean(&p);
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (memmem(p.raw, p.raw_n, never[i], strlen(never[i])))
			fail_msg("it sent ESC%s", never[i] + 1);
	pty_end(&p);
}

static void
it_is_frugal(void **state)
{
	struct pty p;
	long before;

	(void)state;
	usual(&p);
	pty_quiet(&p, 500);
	print_message("# first screen: %ld bytes\n", p.bytes);
	assert_true(p.bytes < 4000);
	before = p.bytes;
	pty_quiet(&p, 4500);		/* two ticks of the clock */
	assert_int_equal(p.bytes - before, 0);
	for (int i = 0; i < 10; i++) {
		before = p.bytes;
		key(&p, i < 5 ? "\033[B" : "\033[A");
		pty_quiet(&p, 100);
		assert_true(p.bytes - before < 300);
	}
	print_message("# a key: %ld bytes\n", p.bytes - before);
	pty_end(&p);
}

static void
a_flood_is_few_frames_and_keys_get_through(void **state)
{
	struct pty p;
	int64_t from, took;
	long bytes;

	(void)state;
	begin(&p, 120, 40, "xterm-256color", "C.UTF-8", "flood", NULL);
	pty_until(&p, "Enter:open");
	from = pty_now();
	bytes = p.bytes;
	while (pty_now() < from + 2000)
		(void)pty_pump(&p, 50);
	took = pty_now() - from;
	bytes = p.bytes - bytes;
	print_message("# 20000 lines: %ld bytes\n", bytes);
	assert_true(bytes < 40000 * took / 2000);
	key(&p, "?");
	pty_until(&p, "help: q closes");
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_clean(&p);
	pty_end(&p);
}

static void
a_stalled_terminal_costs_nothing(void **state)
{
	struct pty p;
	char stat[512];
	long before = 0, after = 0;

	(void)state;
	begin(&p, 200, 60, "xterm-256color", "C.UTF-8", "flood", NULL);
	pty_until(&p, "Enter:open");
	for (int i = 0; i < 2; i++) {	/* processor time, in ticks */
		char path[64];
		long user = 0, sys = 0;

		snprintf(path, sizeof path, "/proc/%d/stat", (int)p.pid);
		FILE *f = fopen(path, "re");

		assert_non_null(f);
		assert_non_null(fgets(stat, sizeof stat, f));
		fclose(f);
		assert_int_equal(sscanf(strrchr(stat, ')'), ") %*c %*d %*d %*d %*d %*d %*u "
		    "%*u %*u %*u %*u %ld %ld", &user, &sys), 2);
		*(i ? &after : &before) = user + sys;
		/* nobody reads meanwhile what is more than fits between */
		for (int turn = 0; i == 0 && turn < 40; turn++) {
			key(&p, "\014");
			usleep(50000);
		}
	}
	print_message("# 2 s without a reader: %ld ticks\n", after - before);
	assert_true(after - before < 60);
	pty_until(&p, "  low  ");	/* and it is spared from here on */
	kill(p.pid, SIGTERM);		/* and it can still be ended */
	(void)pty_exit(&p);
	pty_clean(&p);
	pty_end(&p);
}

/* ---- bad places ---------------------------------------------------------- */

static void
terminals_of_all_kinds(void **state)
{
	static const struct {
		const char *term, *locale, *want;
	} rows[] = {
		{ "xterm-kitty-unheard-of", "C.UTF-8", "══ 1 live" },
		{ "nonsense", "C.UTF-8", "══ 1 live" },
		{ "vt100", "C", "== 1 live" },
		{ "vt220", "C", "== 1 live" },
		{ "linux", "C.UTF-8", "══ 1 live" },
		{ "screen", "C.UTF-8", "══ 1 live" },
		{ "ansi", "C", "== 1 live" },
		{ "xterm", "C", "== 1 live" },
		{ "rxvt-unicode-256color", "C.UTF-8", "══ 1 live" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pty p;

		test_case(rows[i].term);
		begin(&p, 80, 24, rows[i].term, rows[i].locale, NULL, NULL);
		p.keep = true;
		pty_until(&p, rows[i].want);
		if (strstr(rows[i].term, "nons") || strstr(rows[i].term,
			"unheard")) {
			key(&p, "!");
			pty_until(&p, "is not known here, taken");
			key(&p, "q");
			pty_until(&p, "live row 1");
		}
		kill(p.pid, SIGTERM);
		(void)pty_exit(&p);
		pty_clean(&p);
		for (size_t b = 0; b < p.raw_n && strcmp(rows[i].locale,
			 "C") == 0; b++)
			assert_true((unsigned char)p.raw[b] < 0x80);
		pty_end(&p);
	}
}

static void
without_colours_none_is_sent(void **state)
{
	const char *argv[] = { program(), "theme=dark", NULL };
	const char *env[] = { "TERM=xterm-256color", "LC_ALL=C.UTF-8",
		"NO_COLOR=1", NULL };
	struct pty p;

	(void)state;
	for (int i = 0; i < 3; i++) {	/* dark, dark, mono: none, some, none */
		bool coloured;

		env[2] = i ? "NO_COLOR=" : "NO_COLOR=1";
		argv[1] = i < 2 ? "theme=dark" : "theme=mono";
		pty_start(&p, 80, 24, argv, env);
		p.keep = true;
		pty_until(&p, "Enter:open");
		coloured = memmem(p.raw, p.raw_n, "38;5;", 5) != NULL ||
		    memmem(p.raw, p.raw_n, "48;5;", 5) != NULL;
		assert_int_equal(coloured, i == 1);
		kill(p.pid, SIGTERM);
		(void)pty_exit(&p);
		pty_end(&p);
	}
}

static void
no_size_is_80x24(void **state)
{
	struct pty p;

	(void)state;
	char *screen;

	begin(&p, 0, 0, "xterm", "C.UTF-8", "real", NULL);
	pty_until(&p, "s:SAVE  ?:help");
	pty_quiet(&p, 200);
	screen = pty_text(&p);
	for (int y = 0; y < 23; y++)	/* the hints stand in the 24th row */
		*strchr(screen, '\n') = ' ';
	assert_true(strchr(screen, '\n') > strstr(screen, "Tab:pane"));
	assert_non_null(strstr(screen, "update 4m  !1 notice ##########"));
	free(screen);
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_clean(&p);
	pty_end(&p);
}

static void
a_storm_of_sizes_is_survived(void **state)
{
	static const struct { int w, h; } corners[] = { { 1, 1 }, { 500, 200 },
		{ 1, 200 }, { 500, 1 }, { 2, 2 }, { 40, 10 }, { 39, 9 } };
	const int n = 1000, n_corners = sizeof corners / sizeof *corners;
	struct pty p;
	uint32_t seed = 11;
	char *before, *after;

	(void)state;
	begin(&p, 80, 24, "xterm-256color", "C.UTF-8", "real", NULL);
	pty_until(&p, "Enter:open");
	for (int i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		if (i % 40 < n_corners)
			pty_size(&p, corners[i % 40].w, corners[i % 40].h);
		else
			pty_size(&p, (int)((seed >> 16) % 500) + 1,
			    (int)((seed >> 8) % 200) + 1);
		if (i % 10 == 0)
			key(&p, i % 20 ? "\t" : "z");
		/* now and then it has the time to paint one */
		while (pty_pump(&p, i % 50 == 0 ? 60 : 0))
			;
		assert_false(p.gone);
	}
	pty_size(&p, 80, 24);
	pty_until(&p, "Enter:open");
	pty_quiet(&p, 400);
	before = pty_text(&p);
	key(&p, "\014");
	pty_quiet(&p, 300);
	after = pty_text(&p);
	assert_string_equal(before, after);
	free(before);
	free(after);
	kill(p.pid, SIGTERM);
	(void)pty_exit(&p);
	pty_clean(&p);
	pty_end(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_starts_takes_keys_and_leaves_the_terminal_clean),
	cmocka_unit_test(every_end_leaves_the_terminal_clean),
	cmocka_unit_test(a_vanished_terminal_ends_it_within_a_second),
	cmocka_unit_test(it_can_be_stopped_and_goes_on),
	cmocka_unit_test(a_paste_is_never_keys),
	cmocka_unit_test(ctrl_s_does_not_freeze_it_and_answers_are_no_keys),
	cmocka_unit_test(no_question_is_sent_and_nothing_foreign_gets_through),
	cmocka_unit_test(it_is_frugal),
	cmocka_unit_test(a_flood_is_few_frames_and_keys_get_through),
	cmocka_unit_test(a_stalled_terminal_costs_nothing),
	cmocka_unit_test(terminals_of_all_kinds),
	cmocka_unit_test(without_colours_none_is_sent),
	cmocka_unit_test(no_size_is_80x24),
	cmocka_unit_test(a_storm_of_sizes_is_survived),
};

int
main(int argc, char **argv)
{
	kit_utf8();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return RUN_TESTS(tests);
}
