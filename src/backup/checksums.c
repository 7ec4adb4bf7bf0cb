#include "backup/checksums.h"

#include <stdlib.h>
#include <string.h>

enum { CHECKSUMS_MAX = 8 << 20, HEX = SHA_HEX - 1 };

void
checksums_put(struct buf *out, const char *path, const char *sha256)
{
	if (strpbrk(path, "\\\n\r") != NULL)
		buf_ch(out, '\\');
	buf_printf(out, "%s  ", sha256);
	for (; *path != '\0'; path++) {
		const char *as = *path == '\n' ? "\\n" : *path == '\r' ?
		    "\\r" : *path == '\\' ? "\\\\" : NULL;

		if (as != NULL)
			buf_str(out, as);
		else
			buf_ch(out, *path);
	}
	buf_ch(out, '\n');
}

static void
put_of(struct buf *out, const struct set_part *p, const char *name,
    const char *sha256)
{
	struct buf path = BUF_INIT;

	if (name != NULL) {
		set_part_path(&path, p, name);
		checksums_put(out, path.p, sha256);
	}
	buf_release(&path);
}

void
checksums_of(const struct manifest *m, const char *manifest_sha256,
    struct buf *out)
{
	for (size_t i = 0; i < m->parts.n; i++) {
		const struct set_part *p = &m->parts.v[i];

		for (size_t k = 0; k < p->files.n; k++) {
			const struct set_file *f = &p->files.v[k];

			put_of(out, p, f->name, f->sha256);
			put_of(out, p, f->index.name, f->index.sha256);
			put_of(out, p, f->counts.name, f->counts.sha256);
		}
	}
	if (manifest_sha256 != NULL)
		checksums_put(out, SET_MANIFEST, manifest_sha256);
}

/* The path of a line, unescaped; false where the escapes are not ours. */
static bool
take_path(const char *s, size_t n, bool escaped, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '\\' && escaped) {
			if (++i == n)
				return false;
			c = s[i] == 'n' ? '\n' : s[i] == 'r' ? '\r' :
			    s[i] == '\\' ? '\\' : '\0';
		}
		if (c == '\0')
			return false;
		buf_ch(out, c);
	}
	return out->n > 0;
}

static bool
take_line(struct checksums *c, const char *s, size_t n)
{
	struct checksum *to;
	struct buf path = BUF_INIT;
	bool escaped = n > 0 && *s == '\\', ok;

	s += escaped;
	n -= escaped;
	if (n < HEX + 3 || s[HEX] != ' ' ||
	    (s[HEX + 1] != ' ' && s[HEX + 1] != '*'))
		return false;
	for (size_t i = 0; i < HEX; i++)
		if (strchr("0123456789abcdef", s[i]) == NULL || s[i] == '\0')
			return false;
	ok = take_path(s + HEX + 2, n - HEX - 2, escaped, &path);
	if (ok) {
		to = VEC_NEW(&c->v);
		to->path = pool_strn(&c->pool, path.p, path.n);
		memcpy(to->sha256, s, HEX);
	}
	buf_release(&path);
	return ok;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct checksum *)a)->path,
	    ((const struct checksum *)b)->path);
}

bool
checksums_read(struct checksums *c, const char *p, size_t n, struct err *e)
{
	bool ok = n <= CHECKSUMS_MAX ||
	    err_set(e, ERR_INTEGRITY, "it is too large");

	for (size_t at = 0, line = 1; ok && at < n; line++) {
		const char *end = memchr(p + at, '\n', n - at);
		size_t len = end != NULL ? (size_t)(end - p) - at : 0;

		if (end == NULL || !take_line(c, p + at, len))
			ok = err_set(e, ERR_INTEGRITY, "line %zu is no line "
			    "of sha256sum", line);
		at += len + 1;
	}
	if (ok && c->v.n > 1)
		qsort(c->v.v, c->v.n, sizeof *c->v.v, by_path);
	for (size_t i = 1; ok && i < c->v.n; i++)
		if (strcmp(c->v.v[i].path, c->v.v[i - 1].path) == 0)
			ok = err_set(e, ERR_INTEGRITY, "'%s' is there twice",
			    c->v.v[i].path);
	if (!ok)
		checksums_release(c);
	return ok;
}

const char *
checksums_find(const struct checksums *c, const char *path)
{
	const struct checksum key = { .path = path };
	const struct checksum *found = c->v.n == 0 ? NULL :
	    bsearch(&key, c->v.v, c->v.n, sizeof *c->v.v, by_path);

	return found != NULL ? found->sha256 : NULL;
}

void
checksums_release(struct checksums *c)
{
	VEC_RELEASE(&c->v);
	pool_release(&c->pool);
}
