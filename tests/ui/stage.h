/*
 * A terminal of our own in this very process: what is painted by ui/term.c is read
 * by an emulator, and every cell of that has to be what the canvas says.
 *
 *	sit("xterm-256color", 80, 24, false);
 *	... paint into c ...
 *	show();			the frame has left and was read
 *	same("after a key");
 *	rise();			the terminal is as it was found
 *
 *	int main(void) { return stage_run(run); }	run() has the tests
 */
#ifndef TESTS_UI_STAGE_H
#define TESTS_UI_STAGE_H

#include "tests/ui/pty.h"

#include "ui/term.h"

TEST_HELPER struct pty pty;
TEST_HELPER struct term *term;
TEST_HELPER struct canvas c;
TEST_HELPER struct theme theme;
TEST_HELPER struct notes problems;

TEST_HELPER void
sit(const char *name, int w, int h, bool no_color)
{
	struct term_options o = { .name = name, .no_color = no_color };
	struct err e = ERR_INIT;

	if (term != NULL)	/* the test before this one failed */
		term_close(term);
	pty_size(&pty, w, h);
	term = term_open(&o, &theme, &problems, &e);
	if (term == NULL)
		fail_msg("%s", e.msg);
	canvas_resize(&c, w, h);
	c.ascii = term_ascii(term);
}

TEST_HELPER void
rise(void)
{
	term_close(term);
	term = NULL;
	while (pty_pump(&pty, 0))
		;
	pty_clean(&pty);
	notes_release(&problems);
}

TEST_HELPER void
show(void)
{
	for (int i = 0; i < 2; i++) {
		do {
			assert_true(term_flush(term));
			while (pty_pump(&pty, 0))
				;
		} while (!term_ready(term));
		if (i == 0)
			term_paint(term, &c);
	}
}

TEST_HELPER void
cell_text(const VTermScreenCell *cell, char out[32])
{
	size_t n = 0;

	for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++)
		n += key_utf8(cell->chars[i], out + n);
	out[n] = '\0';
	if (n == 0)
		strcpy(out, " ");
}

/* Text, bold, underline and reverse of every cell. */
TEST_HELPER void
same(const char *when)
{
	for (int y = 0; y < c.h; y++)
		for (int x = 0; x < c.w; x++) {
			const struct cell *want = canvas_cell(&c, x, y);
			struct look look = theme_look(&theme, want->role,
			    term_colours(term));
			VTermPos pos = { y, x };
			VTermScreenCell cell;
			char text[32];

			(void)vterm_screen_get_cell(pty.screen, pos, &cell);
			if (want->width == 0)
				continue;
			cell_text(&cell, text);
			/* no combining marks are sent for the last column */
			if (x == c.w - 1 && strlen(text) < strlen(want->text) &&
			    strncmp(text, want->text, strlen(text)) == 0)
				continue;
			if (strcmp(text, want->text) != 0)
				fail_msg("%s: cell %d,%d is '%s', not '%s'",
				    when, x, y, text, want->text);
			if (strcmp(text, " ") == 0)
				continue;
			if (cell.attrs.bold != !!(look.attrs & ATTR_BOLD) ||
			    cell.attrs.reverse != !!(look.attrs &
				ATTR_REVERSE) || (cell.attrs.underline != 0) !=
			    !!(look.attrs & ATTR_UNDER))
				fail_msg("%s: cell %d,%d ('%s') does not look "
				    "like %s", when, x, y, text,
				    roles[want->role].word);
		}
}

/* cmocka writes to what was standard output before the terminal took its place. */
TEST_HELPER int
stage_child(int (*run)(void))
{
	int failed, out = dup(STDOUT_FILENO);

	(void)setsid();
	kit_utf8();
	theme_init(&theme);
	pty_make(&pty, 80, 24);
	pty_sit(&pty);
	(void)dup2(out, STDOUT_FILENO);
	failed = run();
	canvas_release(&c);
	(void)signal(SIGHUP, SIG_IGN);	/* the terminal goes, and it was ours */
	pty_end(&pty);
	return failed;
}

TEST_HELPER int
stage_run(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		exit(stage_child(run));
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

#endif
