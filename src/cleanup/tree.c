#include "cleanup/tree.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cleanup/guard.h"

/* ---- order -------------------------------------------------------------------------- */

/* What is in a folder comes right behind it. */
static int
by_path(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;
	const char *p = x->path, *q = y->path;

	while (*p == *q && *p != '\0') {
		p++;
		q++;
	}
	if (*p == *q)
		return 0;
	if (*p == '\0' || *q == '\0')
		return *p == '\0' ? -1 : 1;
	if (*p == '/' || *q == '/')
		return *p == '/' ? -1 : 1;
	return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
}

void
tree_sort(struct tree *t)
{
	if (t->v.n > 1)
		qsort(t->v.v, t->v.n, sizeof *t->v.v, by_path);
}

static int
by_file(const void *a, const void *b)
{
	const struct tree_held *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

void
tree_sort_held(struct tree *t)
{
	if (t->held.n > 1)
		qsort(t->held.v, t->held.n, sizeof *t->held.v, by_file);
}

void
tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->v.n; i++)
		free(t->v.v[i].path);
	VEC_RELEASE(&t->v);
	for (size_t i = 0; i < t->mounts.n; i++)
		free(t->mounts.v[i]);
	VEC_RELEASE(&t->mounts);
	for (size_t i = 0; i < t->n_homes; i++)
		free(t->homes[i]);
	t->n_homes = 0;
	VEC_RELEASE(&t->held);
	opened_free(t->opened);
	t->opened = NULL;
	free(t->real);
	t->real = NULL;
}

void
tree_mark(struct clean_item *i)
{
	char facts[160];
	bool file = i->kind == CLEAN_FILE;

	/* a folder's own time changes with what goes from it */
	(void)snprintf(facts, sizeof facts, "%d %" PRIu64 " %" PRIu64 " %"
	    PRId64 " %" PRId64 " %" PRId64, i->kind, i->id.dev, i->id.ino,
	    file ? i->id.size : 0, file ? i->id.mtime : 0,
	    file ? i->id.nsec : 0);
	sha_of(facts, strlen(facts), i->mark);
}

/* ---- what may go ------------------------------------------------------------------- */

struct judge {
	struct clean_plan *p;
	const struct clean_part *part;
	size_t n;			/* of the part */
	struct tree *t;
	const char **why;		/* of each entry: it stays */
	char **own;			/* the same, allocated */
	size_t *up;			/* the folder it is in; SIZE_MAX: none */
	struct clean_id state, config;	/* ours; ino 0: unknown */
	char *fallback;			/* the sentence of a lack */
};

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
say(struct judge *j, size_t i, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
say(struct judge *j, size_t i, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	j->own[i] = buf_detach(&b);
	j->why[i] = j->own[i];
}

static bool
is(const struct clean_id *a, const struct clean_id *b)
{
	return b->ino != 0 && a->dev == b->dev && a->ino == b->ino;
}

/* The folder says what it is by what lies in it. */
static const char *
by_content(const char *name)
{
	if (strcmp(name, "PG_VERSION") == 0)
		return "it is a data directory of PostgreSQL";
	if (strcmp(name, "manifest.json") == 0)
		return "it is a backup set, and retention decides about those";
	if (strcmp(name, "log.jsonl") == 0)
		return "it is a record of ours";
	return NULL;
}

static bool
is_mounted(const struct tree *t, const struct tree_entry *x)
{
	for (size_t i = 0; i < t->mounts.n; i++)
		if (strcmp(t->mounts.v[i], x->path) == 0)
			return true;
	return x->mounted || x->id.dev != t->root.dev;
}

/* What begins as text may end as something else. */
static bool
may_hold_backup(struct judge *j, const struct tree_entry *x)
{
	struct buf head = BUF_INIT, tail = BUF_INIT;
	struct err quiet = ERR_INIT;
	bool may = !tree_bytes(j->part, x->path, 0, &head, &quiet) ||
	    guard_backup_bytes(head.p, head.n);

	if (!may && x->id.size > GUARD_HEAD)
		may = !tree_bytes(j->part, x->path, x->id.size - GUARD_HEAD,
		    &tail, &quiet) || guard_backup_tail(head.p, head.n, tail.p,
		    tail.n);
	buf_release(&head);
	buf_release(&tail);
	return may;
}

/* By any name on the way to it, or by its bytes. */
static bool
may_be_backup(struct judge *j, const struct tree_entry *x)
{
	char *copy = xstrdup(x->path), *rest = copy, *name;
	bool may = false;

	while (!may && (name = strsep(&rest, "/")) != NULL)
		may = guard_backup_name(name);
	free(copy);
	return may || may_hold_backup(j, x);
}

/* Found by its number, whoever of several it is; NULL: nobody that was seen. */
static const struct tree_held *
held_by(const struct tree *t, const struct clean_id *id)
{
	struct tree_held key = { .dev = id->dev, .ino = id->ino };

	return t->held.n == 0 ? NULL : bsearch(&key, t->held.v, t->held.n,
	    sizeof *t->held.v, by_file);
}

static void
judge_file(struct judge *j, size_t i)
{
	const struct tree_entry *x = &j->t->v.v[i];
	int64_t older = j->p->ask.site->cleanup.older_ms;
	const char *who = j->t->opened == NULL ? NULL :
	    opened_by(j->t->opened, x->id.dev, x->id.ino);
	const struct tree_held *held = held_by(j->t, &x->id);
	char age[32];

	if (x->id.nlink > 1)
		j->why[i] = "it has another name elsewhere, so that nothing "
		    "would be freed";
	else if (x->id.mtime > (j->p->ask.now - older) / 1000) {
		text_fmt_duration(age, older);
		say(j, i, "it is younger than %s", age);
	} else if (who != NULL)
		say(j, i, "it is open: %s", who);
	else if (held != NULL)
		say(j, i, "it is open: pid %" PRId64 " there", held->pid);
	else if (is(&x->id, &j->config))
		j->why[i] = "it is the site file";
	else if (j->fallback != NULL && x->id.size > 0 && may_be_backup(j, x))
		j->why[i] = j->fallback;
}

static void
judge_one(struct judge *j, size_t i)
{
	const struct tree_entry *x = &j->t->v.v[i];

	if (j->up[i] != SIZE_MAX && j->why[j->up[i]] != NULL)
		j->why[i] = j->why[j->up[i]];
	else if (is_mounted(j->t, x))
		j->why[i] = "another mount begins there";
	else if (x->type == 'l')
		j->why[i] = "it is a link";
	else if (x->type == 'x')
		j->why[i] = "it cannot be looked into";
	else if (x->type == 'd' && is(&x->id, &j->state))
		j->why[i] = "it is the record of this site";
	else if (x->type == 'd')
		j->why[i] = guard_folder(base_of(x->path));
	else if (x->type != 'f')
		j->why[i] = "it is not a regular file";
}

/* The folder of each, and what a folder is by what it holds. */
static void
find_folders(struct judge *j)
{
	struct tree *t = j->t;

	for (size_t i = 0; i < t->v.n; i++) {
		const char *slash = strrchr(t->v.v[i].path, '/');
		size_t n = slash != NULL ? (size_t)(slash - t->v.v[i].path) : 0;
		size_t k;

		j->up[i] = SIZE_MAX;
		if (slash == NULL)
			continue;
		if (i == 0) {
			j->why[i] = "its folder was not seen";
			continue;
		}
		/* the one before, or one that the one before is in */
		for (k = i - 1; j->up[k] != SIZE_MAX &&
		    (strlen(t->v.v[k].path) != n ||
		    memcmp(t->v.v[k].path, t->v.v[i].path, n) != 0);)
			k = j->up[k];
		if (strlen(t->v.v[k].path) == n &&
		    memcmp(t->v.v[k].path, t->v.v[i].path, n) == 0 &&
		    t->v.v[k].type == 'd')
			j->up[i] = k;
		else
			j->why[i] = "its folder was not seen";
	}
	for (size_t i = 0; i < t->v.n; i++) {
		const char *why = by_content(base_of(t->v.v[i].path));

		if (why != NULL && j->up[i] != SIZE_MAX)
			j->why[j->up[i]] = why;
		else if (why != NULL)
			t->never = why;
	}
}

static void
add(struct judge *j, size_t i, enum clean_kind kind, const char *reason)
{
	const struct tree_entry *x = &j->t->v.v[i];
	struct clean_item *c = VEC_NEW(&j->p->v);

	*c = (struct clean_item){ .kind = kind, .part = j->n,
		.what = xstrdup(x->path), .id = x->id, .reason =
		xstrdup(reason), .size = kind == CLEAN_FILE ? x->id.size : 0,
		.at = x->id.mtime * 1000 };
	tree_mark(c);
}

static void
emit(struct judge *j)
{
	struct tree *t = j->t;
	struct buf reason = BUF_INIT;
	char age[32];

	text_fmt_duration(age, j->p->ask.site->cleanup.older_ms);
	buf_printf(&reason, "in a folder of cleanup.paths, untouched for "
	    "more than %s", age);
	for (size_t i = 0; i < t->v.n; i++) {
		bool inherited = j->up[i] != SIZE_MAX &&
		    j->why[i] == j->why[j->up[i]];

		if (j->why[i] == NULL && t->v.v[i].type == 'f')
			add(j, i, CLEAN_FILE, reason.p);
		else if (j->why[i] != NULL && !inherited)
			VEC_PUSH(&j->p->kept, ((struct clean_kept){ j->n,
			    xstrdup(t->v.v[i].path), xstrdup(j->why[i]) }));
	}
	/* the deepest first */
	for (size_t i = t->v.n; i-- > 0;) {
		bool full = j->why[i] != NULL;

		if (full && j->up[i] != SIZE_MAX &&
		    j->why[j->up[i]] == NULL)
			j->why[j->up[i]] = "it does not get empty";
		if (!full && t->v.v[i].type == 'd')
			add(j, i, CLEAN_FOLDER, "empty once its files are "
			    "gone");
	}
	buf_release(&reason);
}

static void
id_of(const char *path, struct clean_id *ret)
{
	struct stat st;

	if (path != NULL && stat(path, &st) == 0)
		*ret = (struct clean_id){ .dev = st.st_dev, .ino = st.st_ino };
}

void
tree_judge(struct clean_plan *p, size_t part, struct tree *t)
{
	struct judge j = { .p = p, .part = p->parts.v[part], .n = part, .t = t };
	size_t n = t->v.n + 1;
	int64_t older = p->ask.site->cleanup.older_ms;

	tree_sort(t);
	j.why = xcalloc(n, sizeof *j.why);
	j.own = xcalloc(n, sizeof *j.own);
	j.up = xcalloc(n, sizeof *j.up);
	if (p->lacking != NULL)
		j.fallback = xprintf("it may be a backup, and %s has no "
		    "verified copy%s", p->lacking, p->ask.opened > 0 ?
		    " made since the incident opened" : "");
	if (j.part->at == NULL) {
		id_of(p->ask.state != NULL ? p->ask.state->dir : NULL,
		    &j.state);
		id_of(p->ask.site->path, &j.config);
	}
	find_folders(&j);
	for (size_t i = 0; i < t->v.n; i++) {
		if (j.why[i] == NULL)
			judge_one(&j, i);
		if (j.why[i] == NULL && t->v.v[i].type == 'f')
			judge_file(&j, i);
		/* an empty one that was just made is somebody's */
		if (j.why[i] == NULL && t->v.v[i].type == 'd' &&
		    t->v.v[i].id.mtime > (p->ask.now - older) / 1000 &&
		    (i + 1 == t->v.n || j.up[i + 1] != i))
			j.why[i] = "it is empty, and was changed lately";
	}
	if (t->never == NULL)
		emit(&j);
	else
		p->parts.v[part]->trouble = xprintf("'%s' is never cleaned: %s",
		    t->real, t->never);
	for (size_t i = 0; i < n; i++)
		free(j.own[i]);
	free(j.fallback);
	free(j.why);
	free(j.own);
	free(j.up);
}
