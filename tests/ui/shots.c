/*
 * Pictures of the console: real screens, out of the terminal emulator's cells,
 * with colours and attributes, as SVG. Always the same canned night, so the same
 * bytes each time.
 *
 *	ui_shots DIRECTORY [NAME...]	writes DIRECTORY/NAME.svg, else all
 *	ui_shots --play SCENE THEME	the console itself, on whatever terminal
 */
#include "tests/ui/pty.h"

#include "tests/ui/canned.h"

#include "base/io.h"
#include "ui/console.h"
#include "ui/panes.h"

enum { CELL_W = 8, CELL_H = 17, BASE = 13, EDGE = 12, STILL_MS = 300 };

static const struct pane_ops *const panes[] = { &pane_live, &pane_runbook,
	&pane_job, &pane_record, &pane_people };

/* name, scene, theme, size, keys, what must be there, dark or light behind */
static const struct shot {
	const char *name, *scene, *theme;
	int w, h;
	const char *keys, *wait;
	bool light;
} shots[] = {
	{ "incident", "incident", "any", 100, 30, "", "Recover the login",
	    false },
	{ "small", "incident", "any", 80, 24, "2", "Recover the login", false },
	{ "large", "incident", "any", 160, 44, "2", "Recover the login",
	    false },
	{ "confirm", "incident", "any", 100, 30, "2r", "type arp:", false },
	{ "help", "incident", "any", 100, 30, "?", "help: q closes", false },
	{ "watch", "quiet", "any", 100, 30, "", "Nothing to do", false },
	{ "theme-any", "incident", "any", 100, 24, "2", "Recover", true },
	{ "theme-dark", "incident", "dark", 100, 24, "2", "Recover", false },
	{ "theme-light", "incident", "light", 100, 24, "2", "Recover", true },
	{ "theme-mono", "incident", "mono", 100, 24, "2", "Recover", false },
	{ "theme-high-contrast", "incident", "high-contrast", 100, 24, "2",
	    "Recover", false },
	{ "theme-deuteranopia-dark", "incident", "deuteranopia-dark", 100, 24,
	    "2", "Recover", false },
	{ "theme-deuteranopia-light", "incident", "deuteranopia-light", 100,
	    24, "2", "Recover", true },
};

/* ---- the console --------------------------------------------------------- */

static bool
take(void *ctx, struct order *o, struct err *e)
{
	(void)ctx;
	(void)e;
	order_release(o);
	return true;
}

static int
play(const char *scene, const char *theme)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct model m = { .give = take };
	struct console_options o = { .panes = panes, .theme = theme,
		.n_panes = sizeof panes / sizeof *panes, .model = &m };
	struct err e = ERR_INIT;
	int status;

	io_guard_std();
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (strcmp(scene, "quiet") == 0)
		canned_quiet(&m);
	else
		canned_incident(&m);
	clock_fake(CANNED_NOW);
	m.changed = 0;
	status = console_run(&o, &e);
	if (e.kind != ERR_NONE)
		fprintf(stderr, "%s\n", e.msg);
	model_release(&m);
	return status;
}

/* ---- cells to SVG -------------------------------------------------------- */

struct look_of_cell {
	char fg[8], bg[8];	/* bg "": that of the whole */
	bool bold, under;
};

struct pen {
	struct pty *p;
	const char *fore, *back;
	struct buf *out;
};

static void
colour(struct pen *pen, VTermColor c, const char *plain, char out[8])
{
	if (VTERM_COLOR_IS_DEFAULT_FG(&c) || VTERM_COLOR_IS_DEFAULT_BG(&c)) {
		snprintf(out, 8, "%s", plain);
		return;
	}
	vterm_screen_convert_color_to_rgb(pen->p->screen, &c);
	snprintf(out, 8, "#%02x%02x%02x", c.rgb.red, c.rgb.green, c.rgb.blue);
}

static struct look_of_cell
look_of(struct pen *pen, const VTermScreenCell *cell)
{
	struct look_of_cell l = { .bold = cell->attrs.bold,
		.under = cell->attrs.underline };
	char fg[8], bg[8];

	colour(pen, cell->fg, pen->fore, fg);
	colour(pen, cell->bg, pen->back, bg);
	memcpy(l.fg, cell->attrs.reverse ? bg : fg, sizeof fg);
	memcpy(l.bg, cell->attrs.reverse ? fg : bg, sizeof bg);
	if (strcmp(l.bg, pen->back) == 0)
		memset(l.bg, 0, sizeof l.bg);
	return l;
}

static void
escaped(struct buf *out, const VTermScreenCell *cell)
{
	if (cell->chars[0] == (uint32_t)-1)	/* right of a wide one */
		return;
	for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++) {
		uint32_t cp = cell->chars[i];
		char utf8[5];

		if (cp == '&' || cp == '<' || cp == '>')
			buf_printf(out, "&#%u;", (unsigned)cp);
		else
			buf_add(out, utf8, key_utf8(cp, utf8));
	}
	if (cell->chars[0] == 0)
		buf_ch(out, ' ');
}

/* Each word stands at its own cell: no font decides where a column is. */
static void
words(struct pen *pen, int y, int from, const struct look_of_cell *l,
    char *const *cells, int n)
{
	buf_printf(pen->out, "<text y=\"%d\" fill=\"%s\"%s>",
	    EDGE + y * CELL_H + BASE, l->fg, l->bold ?
	    " font-weight=\"bold\"" : "");
	for (int i = 0; i < n; i++) {
		bool blank = strcmp(cells[i], " ") == 0;
		bool first = i == 0 || strcmp(cells[i - 1], " ") == 0;

		if (!blank && first)
			buf_printf(pen->out, "<tspan x=\"%d\">",
			    EDGE + (from + i) * CELL_W);
		if (!blank)
			buf_str(pen->out, cells[i]);
		if (!blank && (i == n - 1 || strcmp(cells[i + 1], " ") == 0))
			buf_str(pen->out, "</tspan>");
	}
	buf_str(pen->out, "</text>\n");
}

/* Cells that look alike. */
static void
run(struct pen *pen, int y, int from, const struct look_of_cell *l,
    char *const *cells, int n)
{
	int x = EDGE + from * CELL_W, top = EDGE + y * CELL_H;
	bool blank = true;

	for (int i = 0; i < n; i++)
		blank = blank && strcmp(cells[i], " ") == 0;
	if (l->bg[0] != '\0')
		buf_printf(pen->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" "
		    "height=\"%d\" fill=\"%s\"/>\n", x, top, n * CELL_W,
		    CELL_H, l->bg);
	if (l->under)
		buf_printf(pen->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" "
		    "height=\"1\" fill=\"%s\"/>\n", x, top + CELL_H - 2,
		    n * CELL_W, l->fg);
	if (!blank)
		words(pen, y, from, l, cells, n);
}

static void
row(struct pen *pen, int y)
{
	char *cells[CANVAS_MAX_W];
	struct look_of_cell now = { .bold = false };
	int from = 0, n = 0;

	for (int x = 0; x < pen->p->w; x++) {
		VTermPos pos = { y, x };
		VTermScreenCell cell;
		struct look_of_cell l;
		struct buf text = BUF_INIT;

		(void)vterm_screen_get_cell(pen->p->screen, pos, &cell);
		l = look_of(pen, &cell);
		if (n > 0 && memcmp(&l, &now, sizeof l) != 0) {
			run(pen, y, from, &now, cells + from, n);
			from = x;
			n = 0;
		}
		now = l;
		escaped(&text, &cell);
		cells[x] = buf_detach(&text);
		n++;
	}
	run(pen, y, from, &now, cells + from, n);
	for (int x = 0; x < pen->p->w; x++)
		free(cells[x]);
}

static void
picture(struct pty *p, const struct shot *s, struct buf *out)
{
	struct pen pen = { p, s->light ? "#1c1c1c" : "#d4d4d4",
		s->light ? "#ffffff" : "#141414", out };
	int w = p->w * CELL_W + 2 * EDGE, h = p->h * CELL_H + 2 * EDGE;

	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\""
	    " height=\"%d\" viewBox=\"0 0 %d %d\" font-size=\"13.3\" "
	    "font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\">\n"
	    "<title>midwatch: %s</title>\n"
	    "<rect width=\"%d\" height=\"%d\" rx=\"6\" fill=\"%s\"/>\n",
	    w, h, w, h, s->name, w, h, pen.back);
	for (int y = 0; y < p->h; y++)
		row(&pen, y);
	buf_str(out, "</svg>\n");
}

/* ---- all of them --------------------------------------------------------- */

static void
take_shot(const char *program, const struct shot *s, const char *dir)
{
	const char *argv[] = { program, "--play", s->scene, s->theme, NULL };
	static const char *const env[] = { "TERM=xterm-256color",
		"LC_ALL=C.UTF-8", "MIDWATCH_THEME=", "NO_COLOR=", "TMUX=",
		"SSH_CONNECTION=", NULL };
	struct buf out = BUF_INIT;
	struct pty p;
	char path[PATH_MAX];
	FILE *f;

	pty_start(&p, s->w, s->h, argv, env);
	pty_until(&p, s->scene[0] == 'q' ? "Nothing to do" : "NOW: Recover");
	pty_type(&p, s->keys, strlen(s->keys));
	pty_until(&p, s->wait);
	pty_quiet(&p, STILL_MS);
	picture(&p, s, &out);
	snprintf(path, sizeof path, "%s/%s.svg", dir, s->name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(out.p, 1, out.n, f), out.n);
	assert_int_equal(fclose(f), 0);
	printf("%s\n", path);
	buf_release(&out);
	pty_end(&p);
}

int
main(int argc, char **argv)
{
	char program[PATH_MAX] = "";

	kit_utf8();
	if (argc == 4 && strcmp(argv[1], "--play") == 0)
		return play(argv[2], argv[3]);
	if (argc < 2 || readlink("/proc/self/exe", program,
	    sizeof program - 1) <= 0)
		return 2;
	for (size_t i = 0; i < sizeof shots / sizeof *shots; i++) {
		bool wanted = argc == 2;

		for (int k = 2; k < argc; k++)
			wanted = wanted || strcmp(argv[k], shots[i].name) == 0;
		if (wanted)
			take_shot(program, &shots[i], argv[1]);
	}
	return 0;
}
