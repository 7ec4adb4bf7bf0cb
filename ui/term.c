#include "ui/term.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "ui/guard.h"

enum { BELL_EVERY_MS = 10000, CLIP_MAX = 74994 / 4 * 3, READ_MAX = 65536,
	LAST_ROW = 998 };	/* terminals stop at their own last one */

struct term {
	int fd;			/* of our own, does not block */
	bool shared;		/* fd is somebody's: blocking again at the end */
	struct termios before, ours;

	SCREEN *screen;
	FILE *null, *file;
	int memory;		/* where curses writes */
	struct buf queue;	/* what the terminal has still to take */

	char name[64], title[160];
	bool ascii, no_bell, modern, mouse;
	int colours, w, h;
	int64_t bell, bytes, frames;
	attr_t looks[ROLE_COUNT];
	short pairs[ROLE_COUNT];	/* of colours; 0: the terminal's own */
	struct canvas shown;
	bool redraw;
	struct buf undo;
};

/* ---- which terminal it is ------------------------------------------------ */

/* Names that behave like xterm whatever Debian's table of terminals knows. */
static bool
is_modern(const char *name)
{
	static const char *const begins[] = { "xterm", "tmux", "screen", "rxvt",
		"foot", "alacritty", "kitty", "ghostty", "wezterm", "contour",
		"st-", "st", "vte", "gnome", "konsole", "iterm", "putty",
		"mintty", "rio" };

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (text_starts(name, begins[i]))
			return true;
	return false;
}

static const char *const for_xterm[] = { "xterm-256color", "xterm", "vt100",
	"ansi", NULL };
static const char *const for_screen[] = { "screen-256color", "screen", "vt100",
	"ansi", NULL };
static const char *const for_others[] = { "vt100", "ansi", NULL };

static const char *const *
fallbacks(const char *name)
{
	if (text_starts(name, "screen") || text_starts(name, "tmux"))
		return for_screen;
	return is_modern(name) ? for_xterm : for_others;
}

bool
term_possible(const struct term_options *o, struct err *e)
{
	const char *name = o->name != NULL ? o->name : getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, "the console needs a terminal");
	if (name == NULL || *name == '\0' || strcmp(name, "dumb") == 0)
		return err_set(e, ERR_USAGE, "the console needs a terminal that "
		    "can be painted on, and TERM is '%s'", name == NULL ? "" :
		    name);
	return true;
}

/* Curses starts on a file, which has no size, and tells the terminal how many rows
 * scroll: the 24 of terminfo, whatever the terminal has, unless it is told. */
static void
say_size(struct term *t)
{
	char lines[16], columns[16];

	term_size(t, &t->w, &t->h);
	(void)snprintf(lines, sizeof lines, "%d", t->h);
	(void)snprintf(columns, sizeof columns, "%d", t->w);
	(void)setenv("LINES", lines, 1);
	(void)setenv("COLUMNS", columns, 1);
	use_env(TRUE);
}

/* Curses writes into memory: it can neither block nor fill up there. */
static bool
screen_start(struct term *t, const char *name, struct notes *problems,
    struct err *e)
{
	const char *const *next = fallbacks(name);
	const char *use = name;

	t->memory = memfd_create("midwatch-frame", MFD_CLOEXEC);
	t->null = fopen("/dev/null", "re");
	if (t->memory < 0 || t->null == NULL)
		return err_sys(e, "screen");
	t->file = fdopen(dup(t->memory), "we");
	if (t->file == NULL)
		return err_sys(e, "screen");
	(void)setenv("NCURSES_NO_PADDING", "1", 1);
	(void)setenv("NCURSES_NO_UTF8_ACS", "1", 1);
	say_size(t);
	for (;;) {
		t->screen = newterm(use, t->file, t->null);
		if (t->screen != NULL || *next == NULL)
			break;
		use = *next++;
	}
	(void)unsetenv("LINES");
	(void)unsetenv("COLUMNS");
	if (t->screen == NULL) {
		(void)err_set(e, ERR_USAGE, "terminal '%s' is not known here, "
		    "nor is any other", name);
		return err_hint(e, "--plain works on all of them");
	}
	if (use != name) {
		char shown[64];

		text_clean_into(shown, sizeof shown, name);
		notes_add(problems, "terminal '%s' is not known here, taken "
		    "for '%s' (package ncurses-term may know it)", shown, use);
	}
	text_clean_into(t->name, sizeof t->name, use);
	(void)set_term(t->screen);
	(void)nonl();
	(void)scrollok(stdscr, FALSE);
	(void)leaveok(stdscr, FALSE);
	return true;
}

void
term_look_up(const char *name, struct term_facts *f)
{
	const char *const *next = fallbacks(name);
	FILE *null = fopen("/dev/null", "r+e");
	struct buf tried = BUF_INIT;
	const char *use = name;
	SCREEN *screen = NULL;

	*f = (struct term_facts){ .modern = is_modern(name) };
	text_clean_into(f->asked, sizeof f->asked, name);
	use_env(FALSE);
	for (; use != NULL && null != NULL; use = *next++) {
		buf_printf(&tried, "%s%s", tried.n ? ", " : "", use);
		screen = newterm(use, null, null);
		if (screen != NULL)
			break;
	}
	if (tried.n > 0)
		text_clean_into(f->tried, sizeof f->tried, tried.p);
	if (screen != NULL) {
		text_clean_into(f->used, sizeof f->used, use);
		f->colours = tigetnum("colors") > 0 ? tigetnum("colors") : 0;
		f->full = tigetstr("smcup") != NULL;
		f->scrolls = tigetstr("csr") != NULL;
		(void)endwin();
		delscreen(screen);
	}
	if (null != NULL)
		(void)fclose(null);
	buf_release(&tried);
}

/* A descriptor of our own: O_NONBLOCK on the one that the shell shares with us
 * would be there after us. */
static bool
open_tty(struct term *t, struct err *e)
{
	const int flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
	char path[128] = "";

	t->fd = open("/dev/tty", flags);
	if (t->fd < 0 && ttyname_r(STDOUT_FILENO, path, sizeof path) == 0)
		t->fd = open(path, flags);
	if (t->fd < 0) {
		t->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		t->shared = true;
		if (t->fd >= 0)
			(void)fcntl(t->fd, F_SETFL,
			    fcntl(t->fd, F_GETFL) | O_NONBLOCK);
	}
	if (t->fd < 0 || tcgetattr(t->fd, &t->before) != 0)
		return err_sys(e, "terminal");
	t->ours = t->before;
	/* No IXON: a stray Ctrl-S must not freeze the picture. No ISIG: Ctrl-C
	 * and Ctrl-Z are keys. No OPOST: curses means every byte as it is. */
	t->ours.c_iflag &= (tcflag_t) ~(IXON | IXOFF | ICRNL | INLCR | IGNCR |
	    ISTRIP | BRKINT | PARMRK);
	t->ours.c_oflag &= (tcflag_t)~OPOST;
	t->ours.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ECHONL | ISIG | IEXTEN);
	t->ours.c_cc[VMIN] = 1;
	t->ours.c_cc[VTIME] = 0;
	return true;
}

/* ---- what undoes it ------------------------------------------------------ */

/* A capability without its padding ("$<50>"). */
static void
add_cap(struct buf *b, const char *cap)
{
	while (cap != NULL && cap != (char *)-1 && *cap != '\0') {
		const char *end = cap[0] == '$' && cap[1] == '<' ?
		    strchr(cap, '>') : NULL;

		if (end != NULL)
			cap = end + 1;
		else
			buf_ch(b, *cap++);
	}
}

static const char *
with(const char *cap, long a, long b)
{
	if (cap == NULL || cap == (char *)-1)
		return NULL;
	return tparm(cap, a, b, 0L, 0L, 0L, 0L, 0L, 0L, 0L);
}

static void
make_undo(struct term *t)
{
	static const char *const caps[] = { "sgr0", "rmacs", "op", "rmir",
		"rmkx", "cnorm" };

	buf_clear(&t->undo);
	if (t->modern)		/* ends a sequence that was cut, then ours */
		buf_str(&t->undo, "\033\\\033[?2004l\033[?1000l\033[?1006l");
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		add_cap(&t->undo, tigetstr(caps[i]));
	if (t->modern)
		buf_str(&t->undo, "\033[r");
	else
		add_cap(&t->undo, with(tigetstr("csr"), 0, t->h - 1));
	add_cap(&t->undo, with(tigetstr("cup"), LAST_ROW, 0));
	add_cap(&t->undo, tigetstr("el"));
	add_cap(&t->undo, tigetstr("rmcup"));
	if (t->modern)
		buf_str(&t->undo, "\033[23;2t");
	else if (tigetstr("rmcup") == NULL)
		buf_str(&t->undo, "\r\n");
}

/* What curses has written since goes to the terminal's queue (or nowhere). */
static void
collect(struct term *t, bool keep)
{
	off_t n;

	(void)fflush(t->file);
	n = lseek(t->memory, 0, SEEK_END);
	if (n > 0 && keep) {
		buf_grow(&t->queue, (size_t)n);
		n = io_pread_full(t->memory, t->queue.p + t->queue.n,
		    (size_t)n, 0);
		if (n > 0)
			t->queue.n += (size_t)n;
		t->queue.p[t->queue.n] = '\0';
	}
	if (ftruncate(t->memory, 0) != 0 || lseek(t->memory, 0, SEEK_SET) != 0)
		die("the memory that frames are made in cannot be emptied");
}

static void
enter(struct term *t)
{
	(void)tcsetattr(t->fd, TCSANOW, &t->ours);
	if (!t->modern)
		return;
	buf_str(&t->queue, "\033[22;2t\033[?2004h");
	if (t->mouse)
		buf_str(&t->queue, "\033[?1000h\033[?1006h");
}

/* Not every terminal moves the end of what scrolls when it gets taller; rows that
 * are deleted or inserted there would stay where they are. */
static void
set_region(struct term *t)
{
	add_cap(&t->queue, with(tigetstr("csr"), 0, t->h - 1));
}

/* ---- looks --------------------------------------------------------------- */

void
term_theme(struct term *t, const struct theme *theme)
{
	for (int r = 0; r < ROLE_COUNT && t->colours >= 8; r++) {
		struct look l = theme_look(theme, (enum role)r, t->colours);

		(void)init_pair((short)(r + 1), l.fg, l.bg);
	}
	for (int r = 0; r < ROLE_COUNT; r++) {
		struct look l = theme_look(theme, (enum role)r, t->colours);
		attr_t a = A_NORMAL;

		a |= l.attrs & ATTR_BOLD ? A_BOLD : A_NORMAL;
		a |= l.attrs & ATTR_UNDER ? A_UNDERLINE : A_NORMAL;
		a |= l.attrs & ATTR_REVERSE ? A_REVERSE : A_NORMAL;
		a |= l.attrs & ATTR_DIM ? A_DIM : A_NORMAL;
		t->looks[r] = a;
		/* a pair of its own colours would cost the Linux console its
		 * underlines, and every terminal bytes */
		t->pairs[r] = t->colours >= 8 && (l.fg >= 0 || l.bg >= 0) ?
		    (short)(r + 1) : 0;
	}
	t->redraw = true;
}

static void
find_colours(struct term *t, const struct term_options *o)
{
	const char *no = getenv("NO_COLOR");
	int n = tigetnum("colors");

	t->colours = 0;
	if (o->no_color || (no != NULL && *no != '\0') || n < 8)
		return;
	if (start_color() == ERR)
		return;
	(void)use_default_colors();
	t->colours = n >= 256 ? 256 : n >= 16 ? 16 : 8;
}

/* ---- opening and closing ------------------------------------------------- */

static void
term_free(struct term *t)
{
	if (t->screen != NULL) {
		(void)endwin();
		delscreen(t->screen);
	}
	if (t->file != NULL)
		(void)fclose(t->file);
	if (t->null != NULL)
		(void)fclose(t->null);
	io_close(&t->memory);
	io_close(&t->fd);
	canvas_release(&t->shown);
	buf_release(&t->queue);
	buf_release(&t->undo);
	free(t);
}

struct term *
term_open(const struct term_options *o, const struct theme *theme,
    struct notes *problems, struct err *e)
{
	const char *name = o->name != NULL ? o->name : getenv("TERM");
	struct term *t = xcalloc(1, sizeof *t);

	t->fd = t->memory = -1;
	t->bell = INT64_MIN / 2;
	if (!open_tty(t, e) || !screen_start(t, name, problems, e)) {
		term_free(t);
		return NULL;
	}
	t->modern = is_modern(name);
	t->no_bell = o->no_bell;
	t->mouse = o->mouse && t->modern;
	t->ascii = o->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	find_colours(t, o);
	term_theme(t, theme);
	(void)resize_term(t->h, t->w);
	make_undo(t);
	if (!guard_start(t->fd, &t->before, t->undo.p, t->undo.n))
		notes_add(problems, "no watchdog for the terminal: %s",
		    strerror(errno));
	collect(t, true);
	enter(t);
	t->redraw = true;
	return t;
}

void
term_close(struct term *t)
{
	if (t == NULL)
		return;
	guard_restore();
	guard_stop();
	if (t->shared)
		(void)fcntl(t->fd, F_SETFL,
		    fcntl(t->fd, F_GETFL) & ~O_NONBLOCK);
	term_free(t);
}

void
term_leave(struct term *t)
{
	buf_clear(&t->queue);
	guard_restore();
	guard_state(GUARD_AWAY);
	(void)endwin();
	collect(t, false);
}

void
term_resume(struct term *t)
{
	guard_state(GUARD_HERE);
	enter(t);
	t->redraw = true;	/* the next doupdate() begins with smcup */
}

/* ---- bytes --------------------------------------------------------------- */

int
term_fd(const struct term *t)
{
	return t->fd;
}

short
term_events(const struct term *t)
{
	return (short)(POLLIN | (t->queue.n > 0 ? POLLOUT : 0));
}

bool
term_read(struct term *t, struct input *in, int64_t now)
{
	char p[4096];
	ssize_t n;

	for (size_t total = 0; total < READ_MAX; total += (size_t)n) {
		n = read(t->fd, p, sizeof p);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0 && errno == EAGAIN)
			return true;
		else if (n <= 0)
			return false;
		input_feed(in, p, (size_t)n, now);
		if (n < (ssize_t)sizeof p)
			return true;
	}
	return true;
}

bool
term_flush(struct term *t)
{
	while (t->queue.n > 0) {
		ssize_t n = write(t->fd, t->queue.p, t->queue.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		t->bytes += n;
		buf_drop(&t->queue, (size_t)n);
	}
	return true;
}

bool
term_ready(const struct term *t)
{
	return t->queue.n == 0;
}

void
term_forget(struct term *t)
{
	(void)tcflush(t->fd, TCIFLUSH);
}

/* ---- painting ------------------------------------------------------------ */

/* Combining marks in the last column: some terminals have wrapped by then and
 * put them into the next row, so they stay away there. */
static void
put_cell(struct term *t, int x, int y, const struct cell *cell)
{
	wchar_t text[CCHARW_MAX + 1];
	size_t n = 0, len = strlen(cell->text);
	size_t most = x == t->w - 1 ? 1 : CCHARW_MAX;
	cchar_t cc;

	for (size_t i = 0; i < len && n < most;) {
		uint32_t cp = ' ';
		size_t used = text_utf8_len(cell->text + i, len - i, &cp);

		text[n++] = (wchar_t)cp;
		i += used ? used : 1;
	}
	text[n] = L'\0';
	if (setcchar(&cc, text, t->looks[cell->role], t->pairs[cell->role],
		NULL) == OK)
		(void)mvadd_wch(y, x, &cc);
}

static bool
cell_same(const struct cell *a, const struct cell *b)
{
	return a->role == b->role && a->width == b->width &&
	    strcmp(a->text, b->text) == 0;
}

/* A wide character's neighbours depend on it: rows are put whole. */
static bool
row_same(const struct canvas *a, const struct canvas *b, int y)
{
	for (int x = 0; x < a->w; x++)
		if (!cell_same(canvas_cell(a, x, y), canvas_cell(b, x, y)))
			return false;
	return true;
}

static void
put_row(struct term *t, const struct canvas *c, int y)
{
	for (int x = 0; x < c->w; x++) {
		const struct cell *cell = canvas_cell(c, x, y);

		if (cell->width > 0)
			put_cell(t, x, y, cell);
	}
}

static void
remember(struct term *t, const struct canvas *c)
{
	size_t n = (size_t)c->w * (size_t)c->h;

	if (t->shown.w != c->w || t->shown.h != c->h)
		canvas_resize(&t->shown, c->w, c->h);
	memcpy(t->shown.cells, c->cells, n * sizeof *c->cells);
	t->shown.cursor_x = c->cursor_x;
	t->shown.cursor_y = c->cursor_y;
}

void
term_paint(struct term *t, const struct canvas *c)
{
	bool all = t->redraw || t->shown.w != c->w || t->shown.h != c->h;

	if (!all && t->shown.cursor_x == c->cursor_x &&
	    t->shown.cursor_y == c->cursor_y && canvas_same(&t->shown, c))
		return;
	if (all)
		(void)erase();
	if (t->redraw)
		(void)clearok(curscr, TRUE);
	for (int y = 0; y < c->h; y++)
		if (all || !row_same(&t->shown, c, y))
			put_row(t, c, y);
	(void)move(c->cursor_y >= 0 ? c->cursor_y : c->h - 1,
	    c->cursor_x >= 0 ? c->cursor_x : 0);
	(void)wnoutrefresh(stdscr);
	(void)doupdate();
	t->redraw = false;
	remember(t, c);
	collect(t, true);
	if (t->queue.n > 0)
		t->frames++;
}

void
term_redraw(struct term *t)
{
	t->redraw = true;
}

/* ---- size and facts ------------------------------------------------------ */

void
term_size(const struct term *t, int *w, int *h)
{
	struct winsize size = { 0 };

	(void)ioctl(t->fd, TIOCGWINSZ, &size);
	*w = size.ws_col ? size.ws_col : 80;
	*h = size.ws_row ? size.ws_row : 24;
	if (*w > CANVAS_MAX_W)
		*w = CANVAS_MAX_W;
	if (*h > CANVAS_MAX_H)
		*h = CANVAS_MAX_H;
}

void
term_resize(struct term *t, int w, int h)
{
	t->w = w;
	t->h = h;
	(void)resize_term(h, w);
	set_region(t);
	t->redraw = true;
}

bool
term_ascii(const struct term *t)
{
	return t->ascii;
}

int
term_colours(const struct term *t)
{
	return t->colours;
}

const char *
term_name(const struct term *t)
{
	return t->name;
}

int64_t
term_bytes(const struct term *t)
{
	return t->bytes;
}

int64_t
term_frames(const struct term *t)
{
	return t->frames;
}

/* ---- title, bell, clipboard ---------------------------------------------- */

void
term_title(struct term *t, const char *title)
{
	struct buf b = BUF_INIT;
	char text[sizeof t->title];

	text_clean(&b, title, strlen(title), t->ascii ? TEXT_ASCII : TEXT_LINE);
	text_clean_into(text, sizeof text, b.p);
	buf_release(&b);
	if (!t->modern || strcmp(text, t->title) == 0)
		return;
	memcpy(t->title, text, sizeof text);
	buf_printf(&t->queue, "\033]2;%s\a", t->title);
}

void
term_bell(struct term *t, int64_t now)
{
	if (t->no_bell || now - t->bell < BELL_EVERY_MS)
		return;
	t->bell = now;
	buf_ch(&t->queue, '\a');
}

void
term_mouse(struct term *t, bool on)
{
	if (!t->modern || on == t->mouse)
		return;
	t->mouse = on;
	buf_str(&t->queue, on ? "\033[?1000h\033[?1006h" :
				"\033[?1000l\033[?1006l");
}

bool
term_clip(struct term *t, const char *text, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	if (!t->modern || n > CLIP_MAX)
		return false;
	buf_str(&t->queue, "\033]52;c;");
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned v = (unsigned)(unsigned char)text[i] << 16;

		if (left > 1)
			v |= (unsigned)(unsigned char)text[i + 1] << 8;
		if (left > 2)
			v |= (unsigned char)text[i + 2];
		buf_ch(&t->queue, digits[v >> 18]);
		buf_ch(&t->queue, digits[v >> 12 & 63]);
		buf_ch(&t->queue, left > 1 ? digits[v >> 6 & 63] : '=');
		buf_ch(&t->queue, left > 2 ? digits[v & 63] : '=');
	}
	buf_ch(&t->queue, '\a');
	return true;
}
