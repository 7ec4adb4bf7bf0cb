/* Names and texts as a site file takes them. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "found/intern.h"

enum { NAME_MAX_ = 63, TURNS = 10000 };

/* What stays of a text when only the letters of names do. */
static void
fold(struct buf *out, const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	buf_clear(out);
	for (; s != NULL && *s != '\0' && out->n < NAME_MAX_; s++)
		if (strchr(letters, *s) != NULL)
			buf_ch(out, *s);
		else if (out->n > 0 && out->p[out->n - 1] != '-')
			buf_ch(out, '-');
	while (out->n > 0 && strchr("_.-", out->p[0]) != NULL)
		buf_drop(out, 1);
	while (out->n > 0 && strchr(".-", out->p[out->n - 1]) != NULL)
		buf_cut(out, out->n - 1);
}

/* A set has files of these names, and "here" is this host. */
static bool
reserved(const char *name)
{
	return text_starts(name, "globals") || text_in(name,
	    (const char *const[]){ "manifest", "checksums", "here" }, 3);
}

static bool
is_free(const struct found_names *n, const char *name)
{
	return text_is_name(name) && !reserved(name) &&
	    !text_in(name, (const char *const *)n->taken.v, n->taken.n);
}

static const char *
take(struct found_names *n, const char *name)
{
	char *own = xstrdup(name);

	VEC_PUSH(&n->taken, own);
	return own;
}

/* base-tail, cut so that it stays a name. */
static void
joined(struct buf *out, const char *base, const char *tail)
{
	size_t room = NAME_MAX_ - 1 - strlen(tail), n = strlen(base);

	buf_clear(out);
	buf_add(out, base, n < room ? n : room);
	buf_printf(out, "-%s", tail);
}

const char *
found_name(struct found_names *n, const char *wish, const char *hint,
    const char *otherwise)
{
	struct buf base = BUF_INIT, tail = BUF_INIT, b = BUF_INIT;
	const char *got = NULL;

	fold(&base, wish);
	if (base.n == 0)
		fold(&base, otherwise);
	if (reserved(base.p)) {
		joined(&b, otherwise, base.p);
		buf_clear(&base);
		buf_str(&base, b.p);
	}
	if (is_free(n, base.p))
		got = take(n, base.p);
	fold(&tail, hint);
	if (tail.n > 20)
		buf_cut(&tail, 20);
	if (got == NULL && tail.n > 0) {
		joined(&b, base.p, tail.p);
		if (is_free(n, b.p))
			got = take(n, b.p);
	}
	for (int i = 2; got == NULL && i < TURNS; i++) {
		buf_clear(&tail);
		buf_printf(&tail, "%d", i);
		joined(&b, base.p, tail.p);
		if (is_free(n, b.p))
			got = take(n, b.p);
	}
	buf_release(&base);
	buf_release(&tail);
	buf_release(&b);
	return got != NULL ? got : "too-many";
}

void
found_names_release(struct found_names *n)
{
	for (size_t i = 0; i < n->taken.n; i++)
		free(n->taken.v[i]);
	VEC_RELEASE(&n->taken);
}

/* A character that would be shown as something else than itself. */
static bool
is_plain(const char *s, size_t n)
{
	struct buf b = BUF_INIT;
	bool plain;

	text_clean(&b, s, n, TEXT_LINE);
	plain = b.n == n && memcmp(b.p, s, n) == 0;
	buf_release(&b);
	return plain;
}

void
found_quote(struct buf *out, const char *s)
{
	size_t n = strlen(s);

	buf_ch(out, '"');
	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		size_t len = text_utf8_len(s + i, n - i, &cp);

		if (*(s + i) == '"' || *(s + i) == '\\') {
			buf_ch(out, '\\');
			buf_ch(out, s[i]);
		} else if (len > 0 && is_plain(s + i, len))
			buf_add(out, s + i, len);
		else
			for (size_t k = 0; k < (len > 0 ? len : 1); k++)
				buf_printf(out, "\\x%02x",
				    (unsigned char)s[i + k]);
		i += len > 0 ? len : 1;
	}
	buf_ch(out, '"');
}
