#include "probe/plain.h"

#include <string.h>

#include "base/hide.h"
#include "base/text.h"

/* Bytes of the escape sequence at s: colours, titles, whatever a program sends
 * to a terminal. */
static size_t
escape(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 2)
		return 1;
	if (s[1] == '[') {
		while (i < n && (unsigned char)s[i] >= 0x20 &&
		    (unsigned char)s[i] < 0x40)
			i++;
		return i < n && (unsigned char)s[i] >= 0x40 &&
		    (unsigned char)s[i] < 0x7f ? i + 1 : i;
	}
	if (s[1] == ']') {
		while (i < n && s[i] != '\a' && s[i] != '\033')
			i++;
		if (i + 1 < n && s[i] == '\033' && s[i + 1] == '\\')
			i++;
		return i < n ? i + 1 : i;
	}
	return 1;
}

void
plain_line(struct buf *out, const char *s, size_t n)
{
	size_t start = out->n;

	buf_grow(out, (n < PLAIN_MAX ? n : PLAIN_MAX) + 1);
	for (size_t i = 0; i < n && out->n - start < PLAIN_MAX;) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\033') {
			i += escape(s + i, n - i);
			continue;
		}
		buf_ch(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
		i++;
	}
	while (out->n > start && out->p[out->n - 1] == ' ')
		out->n--;
	out->p[out->n] = '\0';
}

char *
plain_show(const char *plain, size_t max)
{
	struct buf b = BUF_INIT, hidden = BUF_INIT;
	size_t n, from = strspn(plain, " ");

	(void)hide_secrets(&hidden, plain + from, strlen(plain + from));
	text_clean(&b, hidden.p, hidden.n, TEXT_LINE);
	buf_release(&hidden);
	if (b.n > max) {
		n = text_fit(b.p, b.n, max - strlen("…"));
		buf_cut(&b, n);
		buf_str(&b, "…");
	}
	return buf_detach(&b);
}

void
plain_each(const char *p, size_t n,
    void (*each)(void *ctx, const char *s, size_t n), void *ctx)
{
	const char *end = p + n;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl != NULL ? nl : end;

		each(ctx, p, (size_t)(stop - p));
		p = stop + 1;
	}
}
