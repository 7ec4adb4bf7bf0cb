#include "probe/starter.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "probe/starter_intern.h"
#include "probe/zone.h"

/* ---- the list ------------------------------------------------------------ */

struct starter *
starter_add(struct starters *all, const char *what, const char *name,
    const char *command, const char *zone)
{
	struct starter *s = VEC_NEW(&all->v);

	s->what = xstrdup(what);
	s->name = xstrdup(name);
	s->command = xstrdup(command);
	s->zone = xstrdup(zone);
	return s;
}

void
starter_problem(struct starter *s, const char *hint, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (s->problem != NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	s->problem = buf_detach(&b);
	s->hint = hint != NULL ? xstrdup(hint) : NULL;
}

void
starter_unseen(struct starters *all, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (all->unseen != NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	all->unseen = buf_detach(&b);
}

void
starters_release(struct starters *all)
{
	for (size_t i = 0; i < all->v.n; i++) {
		struct starter *s = &all->v.v[i];

		explicit_bzero(s->command, strlen(s->command));
		free(s->command);
		free(s->what);
		free(s->name);
		free(s->unit);
		free(s->user);
		free(s->zone);
		free(s->problem);
		free(s->hint);
		free(s->note);
		VEC_RELEASE(&s->firings);
	}
	VEC_RELEASE(&all->v);
	free(all->host_zone);
	free(all->unseen);
	*all = (struct starters){ .host_zone = NULL };
}

void
starters_find(struct starters *all, starter_keep *keep, void *ctx)
{
	struct starter_search s = { all, keep, ctx };

	if (all->host_zone == NULL)
		all->host_zone = zone_host(all->root);
	crontabs_find(&s);
	units_find(&s);
}

/* ---- folders ------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
starter_list(struct starter_names *ret, const char *root, const char *dir,
    bool (*keep)(const char *name))
{
	char *path = xprintf("%s%s", root, dir);
	DIR *d = opendir(path);
	struct dirent *de;

	*ret = (struct starter_names){ .sys_errno = d == NULL ? errno : 0 };
	while (d != NULL && ret->v.n < STARTER_NAMES &&
	    (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' &&
		    (keep == NULL || keep(de->d_name)))
			VEC_PUSH(&ret->v, xstrdup(de->d_name));
	if (d != NULL)
		(void)closedir(d);
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, by_name);
	free(path);
}

void
starter_names_release(struct starter_names *n)
{
	for (size_t i = 0; i < n->v.n; i++)
		free(n->v.v[i]);
	VEC_RELEASE(&n->v);
}

/* ---- is it one of ours? -------------------------------------------------- */

enum { WORDS = 64, WORD = 512 };

struct words {
	char v[WORDS][WORD];
	size_t n;
};

/* As a shell would part them, near enough: quotes and what ends a command are
 * left out. */
static void
part(struct words *w, const char *s)
{
	static const char between[] = " \t\r\n;&|(){}<>";

	w->n = 0;
	while (w->n < WORDS) {
		char *to = w->v[w->n];
		size_t n = 0;

		s += strspn(s, between);
		if (*s == '\0')
			return;
		for (; *s != '\0' && strchr(between, *s) == NULL; s++)
			if (*s != '"' && *s != '\'' && n + 1 < WORD)
				to[n++] = *s;
		to[n] = '\0';
		w->n++;
	}
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
same_file(const char *root, const char *a, const char *b)
{
	char *path = xprintf("%s%s", root, a);
	struct stat x, y;
	bool same = strcmp(a, b) == 0 || (stat(path, &x) == 0 &&
	    stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);

	free(path);
	return same;
}

/* A site file that is named by its whole path, and is not this one. */
static bool
names_another(const char *root, const struct words *w, const char *config)
{
	static const char env[] = "MIDWATCH_CONFIG=", opt[] = "--config=";

	for (size_t i = 0; config != NULL && i < w->n; i++) {
		const char *s = w->v[i], *named = NULL;

		if (text_starts(s, env))
			named = s + sizeof env - 1;
		else if (text_starts(s, opt))
			named = s + sizeof opt - 1;
		else if ((strcmp(s, "-c") == 0 || strcmp(s, "--config") == 0) &&
		    i + 1 < w->n)
			named = w->v[i + 1];
		if (named != NULL && *named == '/' &&
		    !same_file(root, named, config))
			return true;
	}
	return false;
}

static bool
has_word(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(base_of(w->v[i]), word) == 0)
			return true;
	return false;
}

static bool
is_another(const struct starter_ours *ours, const struct words *w)
{
	static const char *const others[] = { "--dry-run", "validate", NULL };
	const char *const *without = ours->with != NULL ? ours->without :
	    others;

	for (; without != NULL && *without != NULL; without++)
		if (has_word(w, *without))
			return true;
	return false;
}

static bool
fits(const struct starter_ours *ours, const struct words *w)
{
	static const char *const nightly[] = { "nightly", NULL };
	const char *const *with = ours->with != NULL ? ours->with : nightly;

	for (; *with != NULL; with++)
		if (!has_word(w, *with))
			return false;
	return !is_another(ours, w);
}

/* Each line of a script by itself; midwatch may stand in a variable. */
static bool
script_is_ours(const struct starter_ours *ours, const char *path)
{
	char *full = xprintf("%s%s", ours->root, path), *line, *save = NULL;
	struct words *w = xcalloc(1, sizeof *w);
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	bool runs = false, names = false, other = false;

	if (file_read(full, &b, STARTER_FILE, &ignored) && b.n > 2 &&
	    b.p[0] == '#' && b.p[1] == '!' && memchr(b.p, '\0', b.n) == NULL)
		for (line = strtok_r(b.p, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			if (line[strspn(line, " \t")] == '#')
				continue;
			part(w, line);
			names = names || has_word(w, "midwatch");
			runs = runs || fits(ours, w);
			other = other || names_another(ours->root, w,
			    ours->config);
		}
	buf_release(&b);
	free(w);
	free(full);
	return runs && names && !other;
}

bool
starter_is_ours(void *ctx, const char *command, const char *unit,
    const char *settings)
{
	const struct starter_ours *ours = ctx;
	struct words *w = xcalloc(1, sizeof *w);
	bool another, yes;

	(void)unit;
	part(w, settings);
	another = names_another(ours->root, w, ours->config);
	part(w, command);
	yes = has_word(w, "midwatch") && fits(ours, w);
	for (size_t i = 0; i < w->n && !yes; i++)
		yes = w->v[i][0] == '/' && script_is_ours(ours, w->v[i]);
	yes = yes && !another && !is_another(ours, w) &&
	    !names_another(ours->root, w, ours->config);
	free(w);
	return yes;
}
