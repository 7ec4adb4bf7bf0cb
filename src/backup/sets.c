#include "backup/sets.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "backup/sets_intern.h"
#include "base/clock.h"
#include "base/file.h"

enum {
	CHUNK = 64 << 10,
	SETTLE_MS = 3000,	/* a folder's time is in whole seconds */
	NEWEST = 2,		/* of each class, looked at often */
	OFTEN_MS = 30000, SELDOM_MS = 3600000,
	FAILS_MAX = 3,		/* in a row: then it is the store */
	DEPTH_MAX = 6, FOLDERS_MAX = 256,
};

void
sets_init(struct sets *s, const char *store, const char *path,
    const char *site)
{
	*s = (struct sets){ .store = xstrdup(store), .path = xstrdup(path),
	    .site = site != NULL ? xstrdup(site) : NULL };
}

static void
forget_strays(struct sets *s)
{
	for (size_t i = 0; i < s->strays.n; i++)
		stray_free(s->strays.v[i]);
	VEC_RELEASE(&s->strays);
	s->more_strays = 0;
}

void
sets_release(struct sets *s)
{
	for (size_t i = 0; i < s->v.n; i++)
		set_free(s->v.v[i]);
	VEC_RELEASE(&s->v);
	forget_strays(s);
	free(s->store);
	free(s->path);
	free(s->site);
	*s = (struct sets){ 0 };
}

char *
sets_path(const struct sets *s, const char *path)
{
	return file_join(s->path, path);
}

bool
sets_slurp(struct place *p, const char *path, struct buf *out, struct err *e)
{
	struct place_file *f = place_read_open(p, path, 0, e);
	ssize_t r = -1;

	while (f != NULL && out->n <= MANIFEST_MAX) {
		buf_grow(out, CHUNK);
		r = place_file_read(f, out->p + out->n, CHUNK, e);
		if (r <= 0)
			break;
		out->n += (size_t)r;
		out->p[out->n] = '\0';
	}
	place_file_drop(f);
	return r >= 0;
}

/* ---- what is no set -------------------------------------------------------------- */

bool
sets_noise(const char *name)
{
	static const char *const noise[] = { "@eaDir", "#recycle", "#snapshot",
		"@Recycle", ".snapshot", ".snapshots", ".zfs", "lost+found",
		".DS_Store" };

	for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
		if (strcmp(name, noise[i]) == 0)
			return true;
	return false;
}

struct stray *
stray_new(const struct sets_ask *ask, const char *dir,
    const struct place_entry *entry)
{
	struct stray *y = xcalloc(1, sizeof *y);

	y->path = *dir == '\0' ? xstrdup(entry->name) :
	    xprintf("%s/%s", dir, entry->name);
	y->is_dir = entry->st.is_dir;
	y->size = entry->st.is_dir ? 0 : entry->st.size;
	y->mtime = entry->st.mtime;
	for (size_t i = 0; !y->orphan && i < ask->n_orphans; i++)
		y->orphan = fnmatch(ask->orphans[i], entry->name, 0) == 0;
	return y;
}

void
stray_free(struct stray *y)
{
	free(y->path);
	free(y);
}

static void
stray_in(struct looker *l, const char *dir, const struct place_entry *x)
{
	if (sets_noise(x->name))
		return;
	if (l->s->strays.n < SETS_STRAYS)
		VEC_PUSH(&l->s->strays, stray_new(l->ask, dir, x));
	else
		l->s->more_strays++;
}

static bool
late(const struct sets_ask *ask)
{
	return ask->deadline_ms != 0 && clock_mono_ms() >= ask->deadline_ms;
}

static void
list_stray(struct looker *l, const char *dir)
{
	char *path = sets_path(l->s, dir);
	struct place_list in = { 0 };
	struct err quiet = ERR_INIT;
	int depth = 0;

	for (const char *c = dir; *c != '\0'; c++)
		depth += *c == '/';
	/* what cannot be listed stays a folder */
	if (depth < DEPTH_MAX && place_list(l->p, path, &in, &quiet))
		for (size_t i = 0; i < in.entries.n; i++)
			stray_in(l, dir, &in.entries.v[i]);
	place_list_release(&in);
	free(path);
}

void
sets_dig(struct sets *s, struct place *p, const struct sets_ask *ask)
{
	struct looker l = { s, p, ask, 0 };
	VEC(char *) folders = { 0 };
	size_t seen = 0;

	for (int n = 0; n < FOLDERS_MAX && !late(ask); n++) {
		for (; seen < s->strays.n; seen++)
			if (s->strays.v[seen]->is_dir)
				VEC_PUSH(&folders,
				    xstrdup(s->strays.v[seen]->path));
		if (folders.n == 0)
			break;
		folders.n--;
		list_stray(&l, folders.v[folders.n]);
		free(folders.v[folders.n]);
	}
	while (folders.n > 0)
		free(folders.v[--folders.n]);
	VEC_RELEASE(&folders);
}

/* ---- names ------------------------------------------------------------------------ */

static int
newest_first(const void *a, const void *b)
{
	const struct set *x = *(struct set *const *)a;
	const struct set *y = *(struct set *const *)b;

	if (x->at != y->at)
		return (x->at < y->at) - (x->at > y->at);
	return strcmp(x->path, y->path);
}

static struct set *
known(const struct sets *s, const struct set *as)
{
	struct set *const *found = s->v.n == 0 ? NULL : bsearch(&as, s->v.v,
	    s->v.n, sizeof *s->v.v, newest_first);

	return found != NULL ? *found : NULL;
}

struct found {
	VEC(struct set *) v;		/* new ones, and old ones marked fresh */
};

/* A folder of a class that is called like a set. */
static void
take_set(struct looker *l, struct found *all, enum set_class class,
    const struct place_entry *x, const struct set_name *name)
{
	struct set *new = xcalloc(1, sizeof *new), *old;

	new->path = xprintf("%s/%s", set_class_name(class), x->name);
	new->class = class;
	new->state = name->state;
	new->at = new->began = name->at;
	new->mtime = x->st.mtime;
	new->seen_ms = clock_mono_ms();
	old = known(l->s, new);
	if (old != NULL) {
		if (old->mtime != new->mtime) {
			old->mtime = new->mtime;
			old->seen_ms = new->seen_ms;
		}
		set_free(new);
		new = old;
	}
	if (new->fresh)		/* said twice */
		return;
	new->fresh = true;
	VEC_PUSH(&all->v, new);
}

static bool
list_class(struct looker *l, struct found *all, enum set_class class,
    struct err *e)
{
	const char *dir = set_class_name(class);
	char *path = sets_path(l->s, dir);
	struct place_list in = { 0 };
	struct err why = ERR_INIT;
	bool ok = place_list(l->p, path, &in, &why);

	for (size_t i = 0; ok && i < in.entries.n; i++) {
		const struct place_entry *x = &in.entries.v[i];
		struct set_name name;

		if (x->st.is_dir && set_name_parse(x->name, &name))
			take_set(l, all, class, x, &name);
		else
			stray_in(l, dir, x);
	}
	place_list_release(&in);
	free(path);
	if (ok || why.kind == ERR_NOTFOUND)	/* removed meanwhile: empty */
		return true;
	*e = why;
	return false;
}

static bool
list_classes(struct looker *l, struct found *all, struct err *e)
{
	struct place_list in = { 0 };
	bool ok = place_list(l->p, l->s->path, &in, e);

	for (size_t i = 0; ok && i < in.entries.n; i++) {
		const struct place_entry *x = &in.entries.v[i];
		enum set_class class;

		/* a link may stand for a class that lies on another disk */
		if (set_class_parse(x->name, &class) && !x->st.is_file)
			ok = list_class(l, all, class, e);
		else
			stray_in(l, "", x);
	}
	place_list_release(&in);
	return ok;
}

/* The names that are there now take the place of those that were. */
static void
replace(struct sets *s, struct found *all)
{
	for (size_t i = 0; i < s->v.n; i++)
		if (!s->v.v[i]->fresh)
			set_free(s->v.v[i]);
	VEC_RELEASE(&s->v);
	s->beyond = 0;
	if (all->v.n > 1)
		qsort(all->v.v, all->v.n, sizeof *all->v.v, newest_first);
	for (size_t i = 0; i < all->v.n; i++) {
		all->v.v[i]->fresh = false;
		if (s->v.n > 0 && strcmp(s->v.v[s->v.n - 1]->path,
		    all->v.v[i]->path) == 0)
			set_free(all->v.v[i]);	/* said twice */
		else if (s->v.n < SETS_MAX)
			VEC_PUSH(&s->v, all->v.v[i]);
		else {
			set_free(all->v.v[i]);
			s->beyond++;
		}
	}
	VEC_RELEASE(&all->v);
}

/* Listing failed half way: the old names stay. */
static void
keep(struct sets *s, struct found *all)
{
	for (size_t i = 0; i < all->v.n; i++)
		if (known(s, all->v.v[i]) == all->v.v[i])
			all->v.v[i]->fresh = false;
		else
			set_free(all->v.v[i]);
	VEC_RELEASE(&all->v);
}

/* ---- what is in them --------------------------------------------------------------- */

static bool
due(const struct set *set, size_t rank, int64_t now)
{
	if (!set->looked || set->state == SET_PARTIAL ||
	    set->looked_ms < set->seen_ms + SETTLE_MS)
		return true;
	return now >= set->looked_ms + (rank < NEWEST ? OFTEN_MS : SELDOM_MS);
}

/* What ends the whole reading, and not only this set's. */
static bool
hopeless(const struct err *e, int fails)
{
	return e->kind == ERR_TIMEOUT || e->kind == ERR_CANCELLED ||
	    fails >= FAILS_MAX;
}

static void
drop(struct sets *s, size_t i)
{
	set_free(s->v.v[i]);
	memmove(&s->v.v[i], &s->v.v[i + 1],
	    (s->v.n - i - 1) * sizeof *s->v.v);
	s->v.n--;
}

static bool
look_at_sets(struct looker *l, struct err *e)
{
	struct sets *s = l->s;
	size_t rank[SET_CLASS_COUNT] = { 0 };
	int fails = 0;

	for (size_t i = 0; i < s->v.n; i++) {
		struct set *set = s->v.v[i];
		struct err why = ERR_INIT;

		if (late(l->ask) || (l->ask->limit != 0 &&
		    l->manifests >= l->ask->limit))
			break;
		if (!due(set, rank[set->class]++, clock_mono_ms()))
			continue;
		if (set_look(l, set, &why)) {
			fails = 0;
			continue;
		}
		if (why.kind == ERR_NOTFOUND) {	/* removed, or renamed */
			drop(s, i--);
			continue;
		}
		if (hopeless(&why, ++fails)) {
			*e = why;
			return false;
		}
		set_forget(set);
		set->problem = xprintf("it cannot be read: %s", why.msg);
	}
	return true;
}

bool
sets_read(struct sets *s, struct place *p, const struct sets_ask *ask,
    struct err *e)
{
	struct looker l = { s, p, ask, 0 };
	struct found all = { 0 };
	bool ok;

	forget_strays(s);
	ok = list_classes(&l, &all, e);
	if (ok || e->kind == ERR_NOTFOUND)	/* no folder has no sets */
		replace(s, &all);
	else
		keep(s, &all);
	ok = ok && look_at_sets(&l, e);
	s->unread = 0;
	for (size_t i = 0; i < s->v.n; i++)
		s->unread += !s->v.v[i]->looked && s->v.v[i]->problem == NULL;
	return ok;
}

/* ---- questions ----------------------------------------------------------------------- */

struct set_copy
set_copy_of(const struct set *set, const char *const *names, size_t n)
{
	for (size_t i = 0; !set->foreign && i < set->truths.n; i++)
		for (size_t k = 0; k < n; k++)
			if (strcmp(set->manifest.parts.v[i].name,
			    names[k]) == 0)
				return (struct set_copy){ set,
				    &set->manifest.parts.v[i],
				    &set->truths.v[i] };
	return (struct set_copy){ 0 };
}

struct set_copy
sets_newest(const struct sets *s, const char *const *names, size_t n,
    enum proven least, int64_t now)
{
	for (size_t i = 0; i < s->v.n; i++) {
		struct set_copy c = set_copy_of(s->v.v[i], names, n);

		if (c.set != NULL && s->v.v[i]->at <= now &&
		    c.truth->proven >= least)
			return c;
	}
	return (struct set_copy){ 0 };
}
