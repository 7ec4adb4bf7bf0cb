#include "ui/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/err.h"
#include "base/text.h"

static const struct {
	const char *utf8, *ascii;
} glyphs[] = {
#define GLYPH_ROW_(id, utf8, ascii) { utf8, ascii },
	GLYPH_LIST(GLYPH_ROW_)
#undef GLYPH_ROW_
};

static int
clamp(int v, int low, int high)
{
	return v < low ? low : v > high ? high : v;
}

void
canvas_resize(struct canvas *c, int w, int h)
{
	w = clamp(w, 1, CANVAS_MAX_W);
	h = clamp(h, 1, CANVAS_MAX_H);
	if (w != c->grid_w || h != c->grid_h) {
		free(c->cells);
		c->cells = xcalloc((size_t)w * (size_t)h, sizeof *c->cells);
	}
	c->grid_w = w;
	c->grid_h = h;
	canvas_clear(c);
}

void
canvas_clear(struct canvas *c)
{
	struct cell blank = { " ", 1, ROLE_TEXT };

	c->left = c->top = 0;
	c->w = c->grid_w;
	c->h = c->grid_h;
	c->cursor_x = c->cursor_y = -1;
	for (int i = 0; i < c->grid_w * c->grid_h; i++)
		c->cells[i] = blank;
}

void
canvas_release(struct canvas *c)
{
	free(c->cells);
	c->cells = NULL;
	c->grid_w = c->grid_h = c->w = c->h = 0;
}

struct area
canvas_whole(const struct canvas *c)
{
	return (struct area){ 0, 0, c->w, c->h };
}

/* What of an area lies in the view. */
static struct area
clip(const struct canvas *c, struct area a)
{
	if (a.x < 0) {
		a.w += a.x;
		a.x = 0;
	}
	if (a.y < 0) {
		a.h += a.y;
		a.y = 0;
	}
	if (a.w > c->w - a.x)
		a.w = c->w - a.x;
	if (a.h > c->h - a.y)
		a.h = c->h - a.y;
	if (a.w < 0)
		a.w = 0;
	if (a.h < 0)
		a.h = 0;
	return a;
}

struct area
canvas_enter(struct canvas *c, struct area a)
{
	struct area before = { c->left, c->top, c->w, c->h };

	a = clip(c, a);
	c->left += a.x;
	c->top += a.y;
	c->w = a.w;
	c->h = a.h;
	return before;
}

void
canvas_leave(struct canvas *c, struct area before)
{
	c->left = before.x;
	c->top = before.y;
	c->w = before.w;
	c->h = before.h;
}

static struct cell *
inside(const struct canvas *c, int x, int y)
{
	return &c->cells[(c->top + y) * c->grid_w + c->left + x];
}

static struct cell *
at(const struct canvas *c, int x, int y)
{
	if (x < 0 || y < 0 || x >= c->w || y >= c->h)
		return NULL;
	return inside(c, x, y);
}

/* Half a wide character is a blank: whoever overwrites one half clears both. */
static void
vacate(struct canvas *c, int x, int y)
{
	struct cell *cell = at(c, x, y);
	int col = c->left + x;

	if (cell == NULL)
		return;
	if (cell->width == 0 && col > 0) {
		(void)snprintf(cell[-1].text, CELL_BYTES, " ");
		cell[-1].width = 1;
	}
	if (cell->width == 2 && col + 1 < c->grid_w) {
		(void)snprintf(cell[1].text, CELL_BYTES, " ");
		cell[1].width = 1;
	}
}

static void
set(struct canvas *c, int x, int y, enum role role, const char *s, size_t n,
    int width)
{
	struct cell *cell = at(c, x, y), *right = at(c, x + 1, y);

	if (width == 2 && (cell == NULL || right == NULL)) {
		if (cell != NULL)
			set(c, x, y, role, " ", 1, 1);
		else if (right != NULL)
			set(c, x + 1, y, role, " ", 1, 1);
		return;
	}
	if (cell == NULL)
		return;
	vacate(c, x, y);
	memcpy(cell->text, s, n);
	cell->text[n] = '\0';
	cell->width = (uint8_t)width;
	cell->role = (uint8_t)role;
	if (width == 2) {
		vacate(c, x + 1, y);
		right->text[0] = '\0';
		right->width = 0;
		right->role = (uint8_t)role;
	}
}

/* A mark joins the character before it, as far as the cell has room. */
static void
join(struct canvas *c, int x, int y, const char *s, size_t n)
{
	struct cell *cell = at(c, x - 1, y);
	size_t have;

	if (cell != NULL && cell->width == 0)
		cell = at(c, x - 2, y);
	if (cell == NULL)
		return;
	have = strlen(cell->text);
	if (have + n < CELL_BYTES)
		memcpy(cell->text + have, s, n + 1);
}

/* Our own words use a few characters that have a plain twin. */
static const char *
plain(uint32_t cp)
{
	static const struct { uint32_t cp; const char *ascii; } twins[] = {
		{ 0xb7, "-" }, { 0x2010, "-" }, { 0x2011, "-" },
		{ 0x2012, "-" }, { 0x2013, "-" }, { 0x2014, "-" },
		{ 0x2018, "'" }, { 0x2019, "'" }, { 0x201c, "\"" },
		{ 0x201d, "\"" }, { 0x2026, "..." }, { 0x2192, "->" },
		{ 0x2713, "v" }, { 0x2717, "x" }, { 0x25ba, ">" },
		{ 0xa0, " " },
	};

	for (size_t i = 0; i < sizeof twins / sizeof *twins; i++)
		if (twins[i].cp == cp)
			return twins[i].ascii;
	return NULL;
}

/* Terminals do not agree how wide these are. */
static bool
is_doubtful(uint32_t cp)
{
	static const uint32_t ranges[][2] = {
		/* emoji, wide for some */
		{ 0x231a, 0x231b }, { 0x23e9, 0x23f3 }, { 0x2600, 0x27bf },
		{ 0x2b1b, 0x2b55 }, { 0x1f000, 0x10ffff },
		/* format characters, of no width for some */
		{ 0x600, 0x605 }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f },
		{ 0x890, 0x891 }, { 0x8e2, 0x8e2 }, { 0x110bd, 0x110cd },
		{ 0x13430, 0x1345f }, { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a },
	};

	if (cp == 0x2713 || cp == 0x2717)	/* our own marks */
		return false;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (cp >= ranges[i][0] && cp <= ranges[i][1])
			return true;
	return false;
}

static int
columns(uint32_t cp)
{
	int w = cp < 0x80 ? 1 : wcwidth((wchar_t)cp);

	return w < 0 || w > 2 ? -1 : w;
}

/* Clean text into cells, or (y -1) only counted. Returns its columns. */
static int
put_clean(struct canvas *c, int x, int y, enum role role, const char *s,
    size_t n)
{
	int start = x;

	for (size_t i = 0; i < n;) {
		char shown[16];
		uint32_t cp = 0;
		size_t len = text_utf8_len(s + i, n - i, &cp);
		const char *twin = c->ascii && cp >= 0x80 ? plain(cp) : NULL;
		int w = columns(cp);

		if (len == 0)	/* cannot be after text_clean() */
			break;
		if (twin == NULL && cp >= 0x80 &&
		    (c->ascii || w < 0 || is_doubtful(cp))) {
			(void)snprintf(shown, sizeof shown, "<U+%04X>",
			    (unsigned)cp);
			twin = shown;
		}
		if (twin != NULL) {
			for (; *twin != '\0'; twin++, x++)
				if (y >= 0)
					set(c, x, y, role, twin, 1, 1);
		} else if (w == 0) {
			char mark[5] = { 0 };

			memcpy(mark, s + i, len);
			if (y >= 0)
				join(c, x, y, mark, len);
		} else {
			if (y >= 0)
				set(c, x, y, role, s + i, len, w);
			x += w;
		}
		i += len;
	}
	return x - start;
}

/* Nearly all that is painted is, and the sanitiser leaves it as it is. */
static bool
is_printable_ascii(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

int
canvas_putn(struct canvas *c, int x, int y, enum role role, const char *s,
    size_t n)
{
	struct buf b = BUF_INIT;
	int w;

	if (y < 0)
		y = c->h;	/* -1 would mean: only count */
	if (is_printable_ascii(s, n))
		return put_clean(c, x, y, role, s, n);
	text_clean(&b, s, n, TEXT_LINE);
	w = put_clean(c, x, y, role, b.p, b.n);
	buf_release(&b);
	return w;
}

int
canvas_put(struct canvas *c, int x, int y, enum role role, const char *s)
{
	return canvas_putn(c, x, y, role, s, strlen(s));
}

int
canvas_printf(struct canvas *c, int x, int y, enum role role, const char *fmt,
    ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	int w;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	w = canvas_putn(c, x, y, role, b.p, b.n);
	buf_release(&b);
	return w;
}

int
canvas_glyph(struct canvas *c, int x, int y, enum role role, enum glyph glyph)
{
	return canvas_put(c, x, y, role,
	    c->ascii ? glyphs[glyph].ascii : glyphs[glyph].utf8);
}

int
canvas_mark(struct canvas *c, int x, int y, enum role role)
{
	return canvas_put(c, x, y, role,
	    c->ascii ? roles[role].ascii : roles[role].mark);
}

int
canvas_width(const struct canvas *c, const char *s)
{
	struct canvas counting = { .ascii = c->ascii };
	struct buf b = BUF_INIT;
	int w;

	if (is_printable_ascii(s, strlen(s)))
		return (int)strlen(s);
	text_clean(&b, s, strlen(s), TEXT_LINE);
	w = put_clean(&counting, 0, -1, ROLE_TEXT, b.p, b.n);
	buf_release(&b);
	return w;
}

/* Paints into w columns from x on, and nothing beside them. */
static void
put_within(struct canvas *c, int x, int y, int w, int shift, enum role role,
    const char *s)
{
	struct area before;

	canvas_fill(c, (struct area){ x, y, w, 1 }, role, " ");
	if (x < 0) {		/* the view begins within the text */
		shift -= x;
		w += x;
		x = 0;
	}
	before = canvas_enter(c, (struct area){ x, y, w, 1 });
	(void)canvas_put(c, -shift, 0, role, s);
	canvas_leave(c, before);
}

void
canvas_fit(struct canvas *c, int x, int y, int w, enum role role, const char *s)
{
	if (w <= 0)
		return;
	put_within(c, x, y, w, 0, role, s);
	if (canvas_width(c, s) > w)
		(void)canvas_glyph(c, x + w - 1, y, role, GLYPH_CUT);
}

void
canvas_right(struct canvas *c, int x, int y, int w, enum role role,
    const char *s)
{
	int have = canvas_width(c, s);

	if (have >= w)
		canvas_fit(c, x, y, w, role, s);
	else if (w > 0) {
		canvas_fill(c, (struct area){ x, y, w - have, 1 }, role, " ");
		(void)canvas_put(c, x + w - have, y, role, s);
	}
}

/* Bytes of clean text (no newline in it) that fit into w columns, broken at a
 * blank where there is one; at least one character. */
static size_t
row_bytes(const struct canvas *c, const char *s, size_t n, int w)
{
	struct canvas counting = { .ascii = c->ascii };
	size_t i = 0, blank = 0, first = 1;
	bool begun = false;
	int x = 0;

	while (i < n) {
		uint32_t cp = 0;
		size_t len = text_utf8_len(s + i, n - i, &cp);

		if (len == 0)
			len = 1;
		if (i == 0)
			first = len;
		x += put_clean(&counting, 0, -1, ROLE_TEXT, s + i, len);
		if (x > w)
			break;
		if (s[i] != ' ')
			begun = true;	/* it is not broken in its indent */
		else if (begun)
			blank = i;
		i += len;
		if (i < n && s[i] == ' ' && x == w)
			return i;
	}
	if (i >= n)
		return n;
	if (blank > 0)
		return blank;
	return i > 0 ? i : first;
}

int
canvas_wrap(struct canvas *c, struct area a, enum role role, const char *s)
{
	return canvas_wrap_from(c, a, 0, role, s);
}

int
canvas_wrap_from(struct canvas *c, struct area a, int skip, enum role role,
    const char *s)
{
	struct buf b = BUF_INIT;
	struct area before;
	int row = 0;

	if (a.w <= 0)
		return 0;
	before = canvas_enter(c, a);
	text_clean(&b, s, strlen(s), TEXT_BLOCK);
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] == '\t')
			b.p[i] = ' ';
	for (size_t i = 0; i < b.n;) {
		size_t line = strcspn(b.p + i, "\n");
		size_t n = row_bytes(c, b.p + i, line, a.w);

		if (row >= skip && row - skip < a.h)
			(void)canvas_putn(c, 0, row - skip, role, b.p + i, n);
		row++;
		i += n;
		if (n == line)
			i += i < b.n;	/* its newline */
		else
			while (b.p[i] == ' ')
				i++;
	}
	canvas_leave(c, before);
	buf_release(&b);
	return row;
}

void
canvas_fill(struct canvas *c, struct area a, enum role role, const char *one)
{
	a = clip(c, a);
	for (int y = a.y; y < a.y + a.h; y++)
		for (int x = a.x; x < a.x + a.w; x++)
			(void)put_clean(c, x, y, role, one, strlen(one));
}

void
canvas_role(struct canvas *c, struct area a, enum role role)
{
	a = clip(c, a);
	for (int y = a.y; y < a.y + a.h; y++)
		for (int x = a.x; x < a.x + a.w; x++)
			inside(c, x, y)->role = (uint8_t)role;
}

void
canvas_rule(struct canvas *c, int x, int y, int w, const char *title,
    bool heavy)
{
	enum role role = heavy ? ROLE_BORDER_FOCUS : ROLE_BORDER;
	int room = w - 6, have;

	for (int i = 0; i < w; i++)
		(void)canvas_glyph(c, x + i, y, role,
		    heavy ? GLYPH_FOCUS_H : GLYPH_H);
	if (title == NULL || room < 3)
		return;
	have = canvas_width(c, title);
	if (have > room)
		have = room;
	(void)canvas_put(c, x + 2, y, role, " ");
	canvas_fit(c, x + 3, y, have, heavy ? ROLE_TITLE : ROLE_TEXT, title);
	(void)canvas_put(c, x + 3 + have, y, role, " ");
}

void
canvas_box(struct canvas *c, struct area a, const char *title, bool heavy)
{
	enum role role = heavy ? ROLE_BORDER_FOCUS : ROLE_BORDER;
	enum glyph v = heavy ? GLYPH_FOCUS_V : GLYPH_V;
	int right = a.x + a.w - 1, bottom = a.y + a.h - 1;

	if (a.w < 2 || a.h < 2)
		return;
	canvas_rule(c, a.x, a.y, a.w, title, heavy);
	canvas_rule(c, a.x, bottom, a.w, NULL, heavy);
	for (int y = a.y + 1; y < bottom; y++) {
		(void)canvas_glyph(c, a.x, y, role, v);
		(void)canvas_glyph(c, right, y, role, v);
	}
	(void)canvas_glyph(c, a.x, a.y, role, heavy ? GLYPH_FOCUS_UL : GLYPH_UL);
	(void)canvas_glyph(c, right, a.y, role,
	    heavy ? GLYPH_FOCUS_UR : GLYPH_UR);
	(void)canvas_glyph(c, a.x, bottom, role,
	    heavy ? GLYPH_FOCUS_LL : GLYPH_LL);
	(void)canvas_glyph(c, right, bottom, role,
	    heavy ? GLYPH_FOCUS_LR : GLYPH_LR);
}

void
canvas_more(struct canvas *c, int rows)
{
	if (rows > 0 && c->w > 30)
		(void)canvas_printf(c, c->w - 16, c->h - 1, ROLE_DIM,
		    " %d more rows ", rows);
}

void
canvas_bar(struct canvas *c, int x, int y, int w, enum role role, int64_t done,
    int64_t total)
{
	double part = total > 0 ? (double)done / (double)total : 0;
	int full = part >= 1 ? w : part <= 0 ? 0 : (int)(part * w);

	for (int i = 0; i < w; i++)
		(void)canvas_glyph(c, x + i, y, role,
		    i < full ? GLYPH_FULL : GLYPH_EMPTY);
}

void
canvas_spark(struct canvas *c, int x, int y, enum role role,
    const int64_t *values, size_t n)
{
	static const char *const utf8[] = { "\u2581", "\u2582", "\u2583",
	    "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const ascii[] = { "_", ".", ",", "-", "=", "+", "*",
	    "#" };
	int64_t high = 0;

	for (size_t i = 0; i < n; i++)
		high = values[i] > high ? values[i] : high;
	for (size_t i = 0; i < n; i++) {
		double part = values[i] > 0 ? (double)values[i] /
			(double)high : 0;
		size_t step = (size_t)(part * 7 + 0.5);

		(void)canvas_put(c, x + (int)i, y, role,
		    c->ascii ? ascii[step] : utf8[step]);
	}
}

void
canvas_cursor(struct canvas *c, int x, int y)
{
	if (c->w == 0 || c->h == 0)
		return;
	c->cursor_x = c->left + clamp(x, 0, c->w - 1);
	c->cursor_y = c->top + clamp(y, 0, c->h - 1);
}

const struct cell *
canvas_cell(const struct canvas *c, int x, int y)
{
	return at(c, x, y);
}

/* Letters of roles: text is a dot, the others a, b, c, ... */
static char
letter(unsigned role)
{
	return role == ROLE_TEXT ? '.' : (char)('a' + role - 1);
}

static void
cut_blanks(struct buf *out, size_t from, char blank)
{
	size_t n = out->n;

	while (n > from && out->p[n - 1] == blank)
		n--;
	buf_cut(out, n);
	buf_ch(out, '\n');
}

void
canvas_dump(const struct canvas *c, bool with_roles, struct buf *out)
{
	bool used[ROLE_COUNT] = { false };

	for (int y = 0; y < c->h; y++) {
		size_t from = out->n;

		for (int x = 0; x < c->w; x++)
			buf_str(out, inside(c, x, y)->text);
		cut_blanks(out, from, ' ');
	}
	if (!with_roles)
		return;
	buf_str(out, "-- roles\n");
	for (int y = 0; y < c->h; y++) {
		size_t from = out->n;

		for (int x = 0; x < c->w; x++) {
			unsigned role = inside(c, x, y)->role;

			used[role] = true;
			buf_ch(out, letter(role));
		}
		cut_blanks(out, from, '.');
	}
	buf_str(out, "--");
	for (unsigned i = 1; i < ROLE_COUNT; i++)
		if (used[i])
			buf_printf(out, " %c %s", letter(i), roles[i].word);
	if (c->cursor_x >= 0)
		buf_printf(out, " cursor %d,%d", c->cursor_x, c->cursor_y);
	buf_ch(out, '\n');
}

bool
canvas_same(const struct canvas *a, const struct canvas *b)
{
	size_t n = (size_t)a->grid_w * (size_t)a->grid_h;

	if (a->grid_w != b->grid_w || a->grid_h != b->grid_h)
		return false;
	for (size_t i = 0; i < n; i++)
		if (a->cells[i].role != b->cells[i].role ||
		    a->cells[i].width != b->cells[i].width ||
		    strcmp(a->cells[i].text, b->cells[i].text) != 0)
			return false;
	return true;
}
