#include "isolate/evidence.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/hide.h"
#include "base/text.h"

/* ---- copies -------------------------------------------------------------- */

/* Never more than an eighth of what is left there. */
static void
look_at_budget(struct evidence *ev)
{
	char *parent = xstrdup(ev->dir), *slash;
	struct statvfs vfs;

	while (statvfs(parent, &vfs) != 0 &&
	    (slash = strrchr(parent, '/')) != NULL && slash != parent)
		*slash = '\0';
	ev->budget = EVIDENCE_MAX;
	if (statvfs(parent, &vfs) == 0 && (int64_t)vfs.f_bavail *
	    (int64_t)vfs.f_frsize / 8 < ev->budget)
		ev->budget = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize / 8;
	if (ev->budget == 0)
		ev->budget = -1;
	free(parent);
}

static bool
is_known(const struct evidence *ev, const char *sha256)
{
	for (size_t i = 0; i < ev->known.n; i++)
		if (strcmp(ev->known.v[i], sha256) == 0)
			return true;
	return false;
}

static void
copy(struct evidence *ev, struct evidence_file *f, const struct buf *b)
{
	struct err e = ERR_INIT;
	char *path;

	if (ev->budget == 0)
		look_at_budget(ev);
	if ((int64_t)b->n > ev->budget) {
		f->why = xprintf("%s", ev->budget < EVIDENCE_MAX / 8 ?
		    "there is too little room for copies" :
		    "the copies of this gathering are enough");
		return;
	}
	path = file_join(ev->dir, f->name);
	f->copied = file_mkdirs(ev->dir, 02770, &e) &&
	    file_create(path, b->p, b->n, 0640, &e);
	if (f->copied)
		ev->budget -= (int64_t)b->n > 0 ? (int64_t)b->n : 1;
	else
		f->why = xstrdup(e.msg);
	free(path);
}

/* A name that is nothing but one. */
static char *
plain_name(const char *name)
{
	char *s = xstrdup(name);

	for (char *c = s; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
			*c = '-';
	if (*s == '.')
		*s = '-';
	return s;
}

struct evidence_file *
evidence_put(struct evidence *ev, const char *name, const char *what,
    const char *p, size_t n, bool newest_last)
{
	struct evidence_file *f = VEC_NEW(&ev->v);
	struct buf b = BUF_INIT;

	f->name = plain_name(name);
	f->what = xstrdup(what);
	f->cut = n > EVIDENCE_FILE_MAX;
	if (f->cut && newest_last)
		p += n - EVIDENCE_FILE_MAX;
	f->masked = hide_secrets(&b, p, f->cut ? EVIDENCE_FILE_MAX : n);
	f->size = (int64_t)b.n;
	sha_of(b.p, b.n, f->sha256);
	f->known = is_known(ev, f->sha256);
	if (!f->known)
		copy(ev, f, &b);
	explicit_bzero(b.p, b.n);
	buf_release(&b);
	return f;
}

void
evidence_know(struct evidence *ev, const char *sha256)
{
	VEC_PUSH(&ev->known, xstrdup(sha256));
}

void
evidence_release(struct evidence *ev)
{
	for (size_t i = 0; i < ev->v.n; i++) {
		free(ev->v.v[i].name);
		free(ev->v.v[i].what);
		free(ev->v.v[i].why);
	}
	VEC_RELEASE(&ev->v);
	for (size_t i = 0; i < ev->known.n; i++)
		free(ev->known.v[i]);
	VEC_RELEASE(&ev->known);
}
