#include "ui/line.h"

#include <string.h>

#include "base/text.h"
#include "ui/keys.h"

static void
insert(struct line *l, const char *p, size_t n)
{
	struct buf rest = BUF_INIT;

	buf_add(&rest, l->text.p + l->at, l->text.n - l->at);
	buf_cut(&l->text, l->at);
	buf_add(&l->text, p, n);
	buf_add(&l->text, rest.p, rest.n);
	l->at += n;
	buf_release(&rest);
}

static void
erase_to(struct line *l, size_t from, size_t to)
{
	memmove(l->text.p + from, l->text.p + to, l->text.n - to);
	buf_cut(&l->text, l->text.n - (to - from));
	l->at = from;
}

/* Combining marks go with the character before them. */
static bool
is_start(const struct line *l, size_t i)
{
	uint32_t cp = 0;
	struct canvas counting = { 0 };
	char one[5] = { 0 };
	size_t len;

	if (i == 0 || i >= l->text.n)
		return true;
	len = text_utf8_len(l->text.p + i, l->text.n - i, &cp);
	if (len == 0)
		return false;
	memcpy(one, l->text.p + i, len);
	return canvas_width(&counting, one) > 0;
}

static size_t
before(const struct line *l, size_t i)
{
	if (i == 0)
		return 0;
	do
		i--;
	while (!is_start(l, i));
	return i;
}

static size_t
after(const struct line *l, size_t i)
{
	if (i >= l->text.n)
		return l->text.n;
	do
		i++;
	while (!is_start(l, i));
	return i;
}

static size_t
word_before(const struct line *l, size_t i)
{
	while (i > 0 && l->text.p[i - 1] == ' ')
		i--;
	while (i > 0 && l->text.p[i - 1] != ' ')
		i--;
	return i;
}

static size_t
word_after(const struct line *l, size_t i)
{
	while (i < l->text.n && l->text.p[i] == ' ')
		i++;
	while (i < l->text.n && l->text.p[i] != ' ')
		i++;
	return i;
}

static bool
edit(struct line *l, uint32_t key)
{
	switch (key) {
	case KEY_BACK:
	case '\b':
		erase_to(l, before(l, l->at), l->at);
		return true;
	case KEY_DEL:
	case KEY_CTRL('d'):
		erase_to(l, l->at, after(l, l->at));
		return true;
	case KEY_CTRL('u'):
		erase_to(l, 0, l->at);
		return true;
	case KEY_CTRL('k'):
		buf_cut(&l->text, l->at);
		return true;
	case KEY_CTRL('w'):
	case KEY_ALT | KEY_BACK:
		erase_to(l, word_before(l, l->at), l->at);
		return true;
	}
	return false;
}

static bool
move(struct line *l, uint32_t key)
{
	switch (key) {
	case KEY_LEFT_ARROW:
	case KEY_CTRL('b'):
		l->at = before(l, l->at);
		return true;
	case KEY_RIGHT_ARROW:
	case KEY_CTRL('f'):
		l->at = after(l, l->at);
		return true;
	case KEY_HOME_:
	case KEY_CTRL('a'):
		l->at = 0;
		return true;
	case KEY_END_:
	case KEY_CTRL('e'):
		l->at = l->text.n;
		return true;
	case KEY_ALT | 'b':
	case KEY_ALT | KEY_LEFT_ARROW:
		l->at = word_before(l, l->at);
		return true;
	case KEY_ALT | 'f':
	case KEY_ALT | KEY_RIGHT_ARROW:
		l->at = word_after(l, l->at);
		return true;
	}
	return false;
}

bool
line_key(struct line *l, uint32_t key)
{
	char text[5];

	if (move(l, key) || edit(l, key))
		return true;
	if (key < ' ' || key >= KEY_SPECIAL || (key >= 0x7f && key < 0xa0))
		return false;
	insert(l, text, key_utf8(key, text));
	return true;
}

void
line_paste(struct line *l, const char *p, size_t n)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\r' && i + 1 < n && p[i + 1] == '\n')
			continue;
		if (c == '\n' || c == '\r' || c == '\t')
			buf_ch(&b, ' ');
		else if (c < ' ' || c == 0x7f)
			l->dropped++;
		else
			buf_ch(&b, (char)c);
	}
	text_utf8(&clean, b.p, b.n);
	insert(l, clean.p, clean.n);
	buf_release(&b);
	buf_release(&clean);
}

void
line_set(struct line *l, const char *text)
{
	buf_clear(&l->text);
	l->at = l->first = 0;
	line_paste(l, text, strlen(text));
}

static int
width_of(const struct canvas *c, const struct line *l, size_t from, size_t to)
{
	char *part = xstrndup(l->text.p + from, to - from);
	int w = canvas_width(c, part);

	free(part);
	return w;
}

/* The first character of those before the cursor that fit into w columns: from
 * there backwards, since a long paste is in no proportion to the field. */
static size_t
leftmost(const struct canvas *c, const struct line *l, int w)
{
	size_t i = l->at;

	while (i > 0) {
		size_t one = before(l, i);

		w -= width_of(c, l, one, i);
		if (w < 0)
			break;
		i = one;
	}
	return i;
}

/* The field shows what is around the cursor. */
void
line_paint(struct line *l, struct canvas *c, int x, int y, int w)
{
	size_t n, begin;
	struct area view;
	int cursor;

	if (w < 1)
		return;
	if (l->first > l->at)
		l->first = l->at;
	begin = leftmost(c, l, w - 1);
	if (l->first < begin)
		l->first = begin;
	while (l->first > 0 && !is_start(l, l->first))
		l->first--;
	cursor = width_of(c, l, l->first, l->at);
	canvas_fill(c, (struct area){ x, y, w, 1 }, ROLE_INPUT, " ");
	view = canvas_enter(c, (struct area){ x, y, w, 1 });
	n = text_fit(l->text.p + l->first, l->text.n - l->first,
	    (size_t)w * CELL_BYTES);
	(void)canvas_putn(c, 0, 0, ROLE_INPUT, l->text.p + l->first, n);
	canvas_cursor(c, cursor, 0);
	canvas_leave(c, view);
}

void
line_release(struct line *l)
{
	buf_release(&l->text);
}
