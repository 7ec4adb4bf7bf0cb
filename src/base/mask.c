#include "base/mask.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char blot[] = "<secret>";

static void
put(struct mask *m, struct buf *form)
{
	for (size_t i = 0; i < m->v.n && form->n > 0; i++)
		if (strcmp(m->v.v[i], form->p) == 0)
			form->n = 0;
	if (form->n >= MASK_LEAST)
		VEC_PUSH(&m->v, xstrdup(form->p));
	if (form->cap > 0)
		explicit_bzero(form->p, form->cap);
	buf_clear(form);
}

/* Every one of `which` gets `before` in front of it. */
static void
escaped(struct mask *m, const char *s, const char *which, char before,
    struct buf *b)
{
	for (; *s != '\0'; s++) {
		if (strchr(which, *s) != NULL)
			buf_ch(b, before == 0 ? *s : before);
		buf_ch(b, *s);
	}
	put(m, b);
}

static void
url(struct mask *m, const char *s, const char *format, struct buf *b)
{
	for (; *s != '\0'; s++)
		if (isalnum((unsigned char)*s) || strchr("-_.~", *s) != NULL)
			buf_ch(b, *s);
		else
			buf_printf(b, strcmp(format, "X") == 0 ? "%%%02X" :
			    "%%%02x", (unsigned char)*s);
	put(m, b);
}

/* The digits that are the same whatever follows. */
static void
base64(struct mask *m, const char *s, struct buf *b)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0;
	int have = 0;

	for (; *s != '\0'; s++) {
		bits = bits << 8 | (unsigned char)*s;
		for (have += 8; have >= 6; have -= 6)
			buf_ch(b, set[bits >> (have - 6) & 63]);
	}
	put(m, b);
}

void
mask_add(struct mask *m, const char *s)
{
	struct buf b = BUF_INIT;
	size_t n = s != NULL ? strlen(s) : 0;

	if (n < MASK_LEAST)
		return;
	/* growing would leave copies behind */
	buf_grow(&b, 3 * n + 8);
	buf_str(&b, s);
	put(m, &b);
	escaped(m, s, ":\\", '\\', &b);
	escaped(m, s, "'", 0, &b);
	escaped(m, s, "'\\", 0, &b);
	escaped(m, s, "\"\\", '\\', &b);
	url(m, s, "X", &b);
	url(m, s, "x", &b);
	base64(m, s, &b);
	buf_release(&b);
}

/* The one that begins here, 0: none. */
static size_t
found(const struct mask *m, const char *p, size_t left)
{
	size_t best = 0;

	for (size_t i = 0; i < m->v.n; i++) {
		size_t n = strlen(m->v.v[i]);

		if (n <= left && n > best && memcmp(p, m->v.v[i], n) == 0)
			best = n;
	}
	return best;
}

bool
mask_text(const struct mask *m, struct buf *text)
{
	struct buf out = BUF_INIT;
	bool any = false;

	for (size_t i = 0; i < text->n && !any; i++)
		any = found(m, text->p + i, text->n - i) > 0;
	if (!any)
		return false;
	buf_grow(&out, text->n + sizeof blot);
	for (size_t i = 0, n; i < text->n; i += n > 0 ? n : 1) {
		n = found(m, text->p + i, text->n - i);
		if (n > 0)
			buf_str(&out, blot);
		else
			buf_ch(&out, text->p[i]);
	}
	explicit_bzero(text->p, text->cap);
	buf_release(text);
	*text = out;
	return true;
}

bool
mask_chars(const struct mask *m, char *text)
{
	size_t left = strlen(text), n;
	bool any = false;

	for (; left > 0; text += n > 0 ? n : 1, left -= n > 0 ? n : 1) {
		n = found(m, text, left);
		if (n > 0)
			memset(text, '*', n);
		any = any || n > 0;
	}
	return any;
}

void
mask_release(struct mask *m)
{
	for (size_t i = 0; i < m->v.n; i++) {
		explicit_bzero(m->v.v[i], strlen(m->v.v[i]));
		free(m->v.v[i]);
	}
	VEC_RELEASE(&m->v);
}
