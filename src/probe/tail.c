#include "probe/tail.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"

enum { LINK_MS = 3000 };

/* The bytes from..to, fewer where the file ends before. */
static bool
read_range(struct place *p, const char *path, int64_t from, int64_t to,
    struct buf *out, struct err *e)
{
	struct place_file *f = place_read_open(p, path, from, e);
	int64_t left = to - from;
	ssize_t r = 1;

	while (f != NULL && left > 0 && r > 0) {
		size_t want = left < 32768 ? (size_t)left : 32768;

		buf_grow(out, want);
		r = place_file_read(f, out->p + out->n, want, e);
		if (r > 0) {
			out->n += (size_t)r;
			left -= r;
		}
	}
	if (f == NULL || r < 0) {
		place_file_drop(f);
		return false;
	}
	buf_grow(out, 1);
	out->p[out->n] = '\0';
	place_file_drop(f);
	return true;
}

/* What a link leads to; the caller frees. */
static char *
follow(struct place *p, bool here, const char *path, struct err *e)
{
	const char *argv[] = { "readlink", "-f", "--", path, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	char *real = here ? realpath(path, NULL) : NULL;

	if (!here && place_do(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = clock_mono_ms() + LINK_MS }, &ran, e) &&
	    ran.out.n > 1 && ran.out.p[ran.out.n - 1] == '\n')
		real = xstrndup(ran.out.p, ran.out.n - 1);
	place_ran_release(&ran);
	if (real == NULL && e->kind == ERR_NONE) {
		err_set(e, ERR_NOTFOUND, "'%s' is a link that leads nowhere",
		    path);
	}
	return real;
}

static bool
look(struct place *p, bool here, char **path, struct place_stat *st,
    uint64_t *ino, struct err *e)
{
	struct stat own;
	char *real;

	if (!place_stat(p, *path, st, e))
		return false;
	if (st->is_link) {
		real = follow(p, here, *path, e);
		if (real == NULL || !place_stat(p, real, st, e)) {
			free(real);
			return false;
		}
		free(*path);
		*path = real;
	}
	*ino = here && stat(*path, &own) == 0 ? (uint64_t)own.st_ino : 0;
	if (!st->is_file) {
		err_set(e, ERR_FAILED, "'%s' is no file", *path);
		return err_hint(e, "Name the log's file itself in the site "
		    "file.");
	}
	return true;
}

static bool
mark_is_there(const struct tail *t, struct place *p, const char *path)
{
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	bool same = read_range(p, path, t->offset - (int64_t)t->mark_n,
	    t->offset, &b, &ignored) && b.n == t->mark_n &&
	    memcmp(b.p, t->mark, b.n) == 0;

	buf_release(&b);
	return same;
}

/* Bytes that were handed over, or that go by unseen, end in t->mark. */
static void
mark(struct tail *t, const char *s, size_t n)
{
	if (n >= TAIL_MARK) {
		memcpy(t->mark, s + n - TAIL_MARK, TAIL_MARK);
		t->mark_n = TAIL_MARK;
		return;
	}
	if (t->mark_n + n > TAIL_MARK) {
		size_t gone = t->mark_n + n - TAIL_MARK;

		memmove(t->mark, t->mark + gone, t->mark_n - gone);
		t->mark_n -= gone;
	}
	memcpy(t->mark + t->mark_n, s, n);
	t->mark_n += n;
}

/* ---- the old file -------------------------------------------------------- */

static bool
is_packed(const char *name)
{
	static const char *const ends[] = { ".gz", ".xz", ".bz2", ".zst" };
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (n > strlen(ends[i]) &&
		    strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

/* DIR/NAME-20250214, the latest one; the caller frees. */
static char *
dated(struct place *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *dir = slash != NULL ? xstrndup(path, (size_t)(slash - path) +
	    (slash == path)) : xstrdup(".");
	struct place_list l = { 0 };
	struct err ignored = ERR_INIT;
	const char *last = NULL;
	size_t n = strlen(base);
	char *ret = NULL;

	if (place_list(p, dir, &l, &ignored))
		for (size_t i = 0; i < l.entries.n; i++) {
			const struct place_entry *en = &l.entries.v[i];

			if (en->st.is_file && strlen(en->name) > n + 1 &&
			    memcmp(en->name, base, n) == 0 &&
			    en->name[n] == '-' && !is_packed(en->name))
				last = en->name;	/* they are sorted */
		}
	if (last != NULL)
		ret = xprintf("%.*s%s", (int)(slash != NULL ?
		    slash + 1 - path : 0), path, last);
	place_list_release(&l);
	free(dir);
	return ret;
}

/* What the old file got after it was looked at last. */
static void
rest_of_old(struct tail *t, struct place *p, const char *path,
    struct tail_new *ret)
{
	char *names[2] = { xprintf("%s.1", path), NULL };
	struct place_stat st;
	struct err ignored = ERR_INIT;
	bool found = false;

	for (int i = 0; i < 2 && t->mark_n > 0 && !found; i++) {
		if (i == 1)
			names[1] = dated(p, path);
		if (names[i] == NULL || !place_stat(p, names[i], &st,
		    &ignored) || !st.is_file || st.size < t->offset ||
		    !mark_is_there(t, p, names[i]))
			continue;
		found = true;
		if (st.size - t->offset > TAIL_MAX) {
			ret->skipped += st.size - t->offset - TAIL_MAX;
			t->offset = st.size - TAIL_MAX;
		}
		(void)read_range(p, names[i], t->offset, st.size, &ret->text,
		    &ignored);
		if (ret->text.n > 0 && ret->text.p[ret->text.n - 1] != '\n')
			buf_ch(&ret->text, '\n');
	}
	free(names[0]);
	free(names[1]);
}

/* ---- the file ------------------------------------------------------------ */

/* Takes over the bytes of b that are whole lines; the rest waits. */
static void
take(struct tail *t, const struct buf *b, bool cut_front, bool all,
    struct tail_new *ret)
{
	const char *s = b->p, *end = b->p + b->n, *nl, *stop;

	if (cut_front && (nl = memchr(s, '\n', b->n)) != NULL) {
		mark(t, s, (size_t)(nl + 1 - s));
		t->offset += nl + 1 - s;
		s = nl + 1;
	}
	nl = end > s ? memrchr(s, '\n', (size_t)(end - s)) : NULL;
	stop = nl != NULL ? nl + 1 : s;
	if (all || end - stop >= TAIL_UNFINISHED)
		stop = end;
	if (stop > s) {
		buf_add(&ret->text, s, (size_t)(stop - s));
		mark(t, s, (size_t)(stop - s));
		t->offset += stop - s;
	}
}

static bool
read_new(struct tail *t, struct place *p, const char *path, size_t first,
    bool all, struct tail_new *ret, struct err *e)
{
	int64_t from = t->offset, max = ret->first ? (int64_t)first : TAIL_MAX;
	struct buf b = BUF_INIT;
	bool cut = ret->size - from > max;

	if (cut) {
		/* the byte before says whether a line begins here */
		from = ret->size - max - 1;
		if (!ret->first)
			ret->skipped += from - t->offset;
		t->mark_n = 0;
	}
	if (!read_range(p, path, from, ret->size, &b, e)) {
		buf_release(&b);
		return false;
	}
	t->offset = from;
	take(t, &b, cut, all, ret);
	buf_release(&b);
	return true;
}

bool
tail_read(struct tail *t, struct place *p, bool here, const char *path,
    size_t first, bool all, struct tail_new *ret, struct err *e)
{
	char *real = xstrdup(path);
	struct place_stat st;
	uint64_t ino;
	bool ok = false, same;

	if (!look(p, here, &real, &st, &ino, e))
		goto out;
	ret->size = st.size;
	ret->mtime_ms = st.mtime * 1000;
	ret->first = !t->begun;
	same = t->begun && st.size == t->size && st.mtime == t->mtime &&
	    ino == t->ino;
	if (t->begun && !same && (st.size < t->offset || ino != t->ino ||
	    (t->mark_n > 0 && !mark_is_there(t, p, real)))) {
		ret->replaced = true;
		rest_of_old(t, p, real, ret);
		t->offset = 0;
		t->mark_n = 0;
	}
	if (st.size > t->offset && !read_new(t, p, real, first, all || same,
	    ret, e))
		goto out;
	t->begun = true;
	t->size = st.size;
	t->mtime = st.mtime;
	t->ino = ino;
	ok = true;
out:
	free(real);
	return ok;
}

void
tail_new_release(struct tail_new *n)
{
	buf_release(&n->text);
}
