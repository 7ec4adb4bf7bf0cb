#include "base/markdown.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"

/* Clean text with newlines as "\n", however they came. */
static void
clean(struct buf *out, const char *s)
{
	struct buf b = BUF_INIT;

	for (; *s != '\0'; s++)
		if (s[0] != '\r' || s[1] != '\n')
			buf_ch(&b, *s);
	text_clean(out, b.p, b.n, TEXT_BLOCK);
	buf_release(&b);
}

static bool
word_char(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Whether the character at p[i] has to be escaped; some only where they stand. */
static bool
needs_escape(const char *p, size_t n, size_t i)
{
	char before = i > 0 ? p[i - 1] : ' ', after = i + 1 < n ? p[i + 1] : ' ';

	if (p[i] == '_')
		return !word_char(before) || !word_char(after);
	return strchr("\\`*{}[]|~$#", p[i]) != NULL;
}

static void
escape(struct buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char after = i + 1 < n ? p[i + 1] : ' ';

		if (p[i] == '<' && (isalpha((unsigned char)after) ||
		    strchr("/!?", after) != NULL)) {
			buf_str(out, "&lt;");	/* no renderer makes a tag of it */
			continue;
		}
		if (p[i] == '&' && (isalpha((unsigned char)after) ||
		    after == '#')) {
			buf_str(out, "&amp;");
			continue;
		}
		if (needs_escape(p, n, i))
			buf_ch(out, '\\');
		buf_ch(out, p[i]);
	}
}

static bool
has(const char *p, size_t n, const char *what)
{
	return memmem(p, n, what, strlen(what)) != NULL;
}

/* A word that renderers make links of: addresses, mentions, references. */
static bool
would_link(const char *p, size_t n)
{
	if (memchr(p, '@', n) != NULL || has(p, n, "://") || has(p, n, "www.") ||
	    has(p, n, "WWW.") || has(p, n, "mailto:") || has(p, n, "xmpp:"))
		return true;
	for (size_t i = 0; i + 1 < n; i++)
		if (strchr("#!", p[i]) != NULL && isdigit((unsigned char)p[i + 1]))
			return true;
	return false;
}

static size_t
longest_run(const char *p, size_t n)
{
	size_t run = 0, longest = 0;

	for (size_t i = 0; i < n; i++) {
		run = p[i] == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void
code(struct buf *out, const char *p, size_t n)
{
	size_t fence = longest_run(p, n) + 1;
	bool pad = p[0] == '`' || p[n - 1] == '`' ||
	    (p[0] == ' ' && p[n - 1] == ' ');

	buf_fill(out, '`', fence);
	if (pad)
		buf_ch(out, ' ');
	buf_add(out, p, n);
	if (pad)
		buf_ch(out, ' ');
	buf_fill(out, '`', fence);
}

static void
word(struct buf *out, const char *p, size_t n)
{
	size_t from = 0, to = n;

	if (!would_link(p, n)) {
		escape(out, p, n);
		return;
	}
	if (longest_run(p, n) == 0) {	/* brackets and full stops stay outside */
		while (from < to && strchr("(\"'", p[from]) != NULL)
			from++;
		while (to > from && strchr(").,;:!?\"'", p[to - 1]) != NULL)
			to--;
	}
	if (to == from) {
		escape(out, p, n);
		return;
	}
	escape(out, p, from);
	for (size_t end; from < to; from = end + 1) {
		/* a pipe would end the table's cell even within code */
		for (end = from; end < to && p[end] != '|'; end++)
			;
		if (end > from)
			code(out, p + from, end - from);
		if (end < to)
			buf_str(out, "\\|");
	}
	escape(out, p + to, n - to);
}

static void
words(struct buf *out, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t end = i;

		while (end < n && p[end] != ' ' && p[end] != '\t')
			end++;
		if (end > i)
			word(out, p + i, end - i);
		if (end < n)
			buf_ch(out, ' ');
		i = end + 1;
	}
}

void
md_text(struct buf *out, const char *s)
{
	struct buf b = BUF_INIT;
	bool first = true;

	if (text_empty(s))
		return;
	clean(&b, s);
	for (size_t i = 0; i < b.n;) {
		size_t len = strcspn(b.p + i, "\n");

		if (len > 0) {
			if (!first)
				buf_str(out, " / ");
			words(out, b.p + i, len);
			first = false;
		}
		i += len + 1;
	}
	buf_release(&b);
}

void
md_code(struct buf *out, const char *s)
{
	struct buf b = BUF_INIT;

	if (text_empty(s))
		return;
	text_clean(&b, s, strlen(s), TEXT_LINE);
	code(out, b.p, b.n);
	buf_release(&b);
}

void
md_fence(struct buf *out, const char *s, size_t indent)
{
	struct buf b = BUF_INIT;
	size_t fence, end;

	clean(&b, s != NULL ? s : "");
	end = b.n;
	while (end > 0 && b.p[end - 1] == '\n')
		buf_cut(&b, --end);
	fence = longest_run(b.p, b.n) + 1;
	if (fence < 3)
		fence = 3;
	buf_fill(out, ' ', indent);
	buf_fill(out, '`', fence);
	buf_str(out, "text\n");
	for (size_t i = 0; i < b.n;) {
		size_t len = strcspn(b.p + i, "\n");

		if (len > 0)
			buf_fill(out, ' ', indent);
		buf_add(out, b.p + i, len);
		buf_ch(out, '\n');
		i += len + 1;
	}
	buf_fill(out, ' ', indent);
	buf_fill(out, '`', fence);
	buf_ch(out, '\n');
	buf_release(&b);
}

static size_t
blanks(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return i;
}

/* Escapes what would be markup only at the start of a line. */
static void
line_start(struct buf *out, const char *p, size_t n)
{
	size_t digits = 0;

	while (digits < n && isdigit((unsigned char)p[digits]))
		digits++;
	if (n > 0 && strchr("+-=>:", *p) != NULL)
		buf_ch(out, '\\');
	else if (digits > 0 && digits < n && strchr(".)", p[digits]) != NULL &&
	    (digits > 2 || blanks(p + digits + 1, n - digits - 1) == 0)) {
		buf_add(out, p, digits);
		buf_ch(out, '\\');
		p += digits;
		n -= digits;
	}
	buf_add(out, p, n);
}

static void
prose_line(struct buf *out, const char *p, size_t n)
{
	struct buf b = BUF_INIT;
	size_t skip = blanks(p, n);

	while (n > skip && blanks(p + n - 1, 1) == 1)
		n--;		/* two of them would be a line break */
	p += skip;
	n -= skip;
	if (n > 2 && (*p == '-' || *p == '*') && p[1] == ' ') {
		buf_str(out, "- ");
		skip = 2 + blanks(p + 2, n - 2);
		p += skip;
		n -= skip;
	}
	words(&b, p, n);
	line_start(out, b.p, b.n);
	buf_release(&b);
}

void
md_prose(struct buf *out, const char *s)
{
	struct buf b = BUF_INIT;

	clean(&b, s != NULL ? s : "");
	for (size_t i = 0; i < b.n;) {
		size_t len = strcspn(b.p + i, "\n");

		prose_line(out, b.p + i, len);
		buf_ch(out, '\n');
		i += len + 1;
	}
	buf_release(&b);
}
