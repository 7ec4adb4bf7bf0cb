#include "isolate/walk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup/set.h"
#include "base/clock.h"
#include "base/text.h"

enum { ENTRY_MAX = 8192, SHOWN_DIRS = 15 };
static const int64_t BLOCKS_MAX = 1LL << 36, SECONDS_MAX = 1LL << 36;

const char *
walk_kind_name(enum walk_kind k)
{
	static const char *const names[] = { "backup sets", "pg_wal", "containers",
	    "dumps and archives", "logs", "other" };

	return names[k];
}

static bool
ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

/* What else lies in a store is no set: nothing proves it, nothing lets it go. */
static bool
in_class(const char *path)
{
	char name[16];
	size_t n = strcspn(path, "/");
	enum set_class c;

	if (path[n] != '/' || n >= sizeof name)
		return false;
	memcpy(name, path, n);
	name[n] = '\0';
	return set_class_parse(name, &c);
}

static enum walk_kind
kind_of(const struct walk *w, const char *path)
{
	static const char *const dumps[] = { ".dump", ".dump.gz", ".sql",
	    ".sql.gz", ".tar", ".tar.gz", ".tgz", ".sql.zst", ".dump.zst", ".bak",
	    ".backup" };

	for (size_t i = 0; i < w->stores.n; i++) {
		size_t n = strlen(w->stores.v[i]);

		if (strncmp(path, w->stores.v[i], n) == 0 && path[n] == '/' &&
		    in_class(path + n + 1))
			return WALK_SETS;
	}
	if (strstr(path, "/pg_wal/") != NULL ||
	    strstr(path, "/pg_xlog/") != NULL)
		return WALK_WAL;
	for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++)
		if (ends(path, dumps[i]))
			return WALK_DUMPS;
	if (strstr(path, "/docker/") != NULL ||
	    strstr(path, "/containerd/") != NULL ||
	    strstr(path, "/containers/storage/") != NULL)
		return WALK_CONTAINERS;
	if (ends(path, ".log") || strstr(path, "/log/") != NULL ||
	    strstr(path, "/logs/") != NULL)
		return WALK_LOGS;
	return WALK_OTHER;
}

/* ---- the scan ------------------------------------------------------------ */

/* Into a list of the greatest, by value(). */
static void
take(struct walk_file *list, size_t *n, const struct walk_file *f,
    int64_t (*value)(const struct walk_file *f))
{
	size_t at = *n;

	while (at > 0 && value(&list[at - 1]) < value(f))
		at--;
	if (at == WALK_TOP)
		return;
	if (*n == WALK_TOP)
		free(list[--*n].path);
	memmove(&list[at + 1], &list[at], (*n - at) * sizeof *list);
	list[at] = *f;
	list[at].path = xstrdup(f->path);
	(*n)++;
}

static int64_t
by_size(const struct walk_file *f)
{
	return f->size;
}

static int64_t
by_time(const struct walk_file *f)
{
	return f->mtime;
}

/* find goes through a folder without leaving it, so it is mostly the last. */
static void
add_to_dir(struct walk *w, const struct walk_file *f)
{
	const char *slash = strrchr(f->path, '/');
	size_t n = slash != NULL ? (size_t)(slash - f->path) : 0;
	struct walk_dir *d = NULL;

	for (size_t i = w->dirs.n; i-- > 0 && d == NULL;)
		if (strlen(w->dirs.v[i].path) == n &&
		    memcmp(w->dirs.v[i].path, f->path, n) == 0)
			d = &w->dirs.v[i];
		else if (w->dirs.n - i > 64)
			break;
	if (d == NULL && w->dirs.n < WALK_DIRS) {
		d = VEC_NEW(&w->dirs);
		d->path = xstrndup(f->path, n);
	}
	if (d != NULL) {
		d->bytes += f->size;
		d->files++;
	}
}

/* No disk is larger and no clock later; sums of them stay in range. */
static bool
number(const char *s, char **ret_end, int64_t max, int64_t *ret)
{
	*ret = strtoll(s, ret_end, 10);
	return *ret_end != s && *ret >= 0 && *ret <= max;
}

/* "BLOCKS SECONDS.FRACTION PATH" */
static void
one_file(struct walk *w, char *s)
{
	struct walk_file f = { .path = NULL };
	char *end;

	if (!number(s, &end, BLOCKS_MAX, &f.size) || *end != ' ' ||
	    !number(end + 1, &end, SECONDS_MAX, &f.mtime))
		return;
	f.size *= 512;
	f.mtime *= 1000;
	f.path = strchr(end, ' ');
	if (f.path == NULL || *++f.path == '\0')
		return;
	w->files++;
	w->bytes += f.size;
	w->kinds[kind_of(w, f.path)] += f.size;
	take(w->biggest, &w->n_biggest, &f, by_size);
	take(w->newest, &w->n_newest, &f, by_time);
	add_to_dir(w, &f);
}

void
walk_feed(struct walk *w, const char *s, size_t n)
{
	size_t from = 0;

	buf_add(&w->rest, s, n);
	for (;;) {
		char *end = memchr(w->rest.p + from, '\0', w->rest.n - from);

		if (end == NULL)
			break;
		one_file(w, w->rest.p + from);
		from = (size_t)(end - w->rest.p) + 1;
	}
	buf_drop(&w->rest, from);
	if (w->rest.n > ENTRY_MAX)	/* no path is so long */
		buf_clear(&w->rest);
}

static int
fuller(const void *a, const void *b)
{
	const struct walk_dir *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 :
	    strcmp(x->path, y->path);
}

void
walk_end(struct walk *w)
{
	if (w->dirs.n > 1)
		qsort(w->dirs.v, w->dirs.n, sizeof *w->dirs.v, fuller);
}

static bool
feed(void *ctx, const char *s, size_t n, struct err *e)
{
	(void)e;
	walk_feed(ctx, s, n);
	return true;
}

/* The whole file system, not only the folder that the site names. */
static char *
mount_of(struct place *p, const char *path, int64_t deadline_ms)
{
	const char *argv[] = { "stat", "-c", "%m", "--", path, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err ignored = ERR_INIT;
	char *ret = NULL;

	if (place_run(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = deadline_ms }, &ran, &ignored) &&
	    ran.exit.code == 0 && ran.out.p[0] == '/')
		ret = xstrndup(ran.out.p, strcspn(ran.out.p, "\n"));
	place_ran_release(&ran);
	return ret != NULL ? ret : xstrdup(path);
}

bool
walk_disk(struct walk *w, struct place *p, const char *path,
    int64_t deadline_ms, struct err *e)
{
	const char *argv[] = { "find", NULL, "-xdev", "-type", "f", "-printf",
	    "%b %T@ %p\\0", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err why = ERR_INIT;

	w->root = mount_of(p, path, deadline_ms);
	argv[1] = w->root;
	w->whole = place_run(p, &(struct place_run){ .argv = argv,
	    .out = feed, .ctx = w, .deadline_ms = deadline_ms }, &ran, &why) &&
	    ran.exit.code == 0;
	walk_end(w);
	if (w->files == 0 && !w->whole) {
		if (why.kind == ERR_NONE)
			err_set(&why, ERR_FAILED, "%.*s",
			    (int)strcspn(ran.errout.p, "\n"), ran.errout.p);
		*e = why;
	}
	place_ran_release(&ran);
	return w->files > 0 || w->whole;
}

/* ---- as text ------------------------------------------------------------- */

static void
write_file(const struct walk_file *f, struct buf *out)
{
	char size[16], at[32];

	text_fmt_size(size, f->size);
	clock_fmt_utc(at, f->mtime);
	buf_printf(out, "  %10s  %.19sZ  ", size, at);
	text_clean(out, f->path, strlen(f->path), TEXT_LINE);
	buf_ch(out, '\n');
}

void
walk_write(const struct walk *w, struct buf *out)
{
	char size[16];

	text_fmt_size(size, w->bytes);
	buf_printf(out, "%s: %" PRId64 " files, %s%s\n\nby what they are:\n",
	    w->root, w->files, size, w->whole ? "" :
	    " (not all of it could be walked)");
	for (int k = 0; k < WALK_KINDS; k++) {
		text_fmt_size(size, w->kinds[k]);
		buf_printf(out, "  %10s  %s\n", size,
		    walk_kind_name((enum walk_kind)k));
	}
	buf_str(out, "\nthe fullest folders:\n");
	for (size_t i = 0; i < w->dirs.n && i < SHOWN_DIRS; i++) {
		text_fmt_size(size, w->dirs.v[i].bytes);
		buf_printf(out, "  %10s  %6" PRId64 " files  ", size,
		    w->dirs.v[i].files);
		text_clean(out, w->dirs.v[i].path, strlen(w->dirs.v[i].path),
		    TEXT_LINE);
		buf_ch(out, '\n');
	}
	buf_str(out, "\nthe biggest files:\n");
	for (size_t i = 0; i < w->n_biggest; i++)
		write_file(&w->biggest[i], out);
	buf_str(out, "\nthe newest files:\n");
	for (size_t i = 0; i < w->n_newest; i++)
		write_file(&w->newest[i], out);
}

void
walk_release(struct walk *w)
{
	for (size_t i = 0; i < w->n_biggest; i++)
		free(w->biggest[i].path);
	for (size_t i = 0; i < w->n_newest; i++)
		free(w->newest[i].path);
	for (size_t i = 0; i < w->dirs.n; i++)
		free(w->dirs.v[i].path);
	VEC_RELEASE(&w->dirs);
	VEC_RELEASE(&w->stores);
	buf_release(&w->rest);
	free(w->root);
	*w = (struct walk){ .root = NULL };
}
