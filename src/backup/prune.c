#include "backup/prune.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "backup/lock.h"
#include "backup/prune_intern.h"
#include "backup/sets_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum {
	QUIET_MS = 900000,		/* after its run has ended */
	DAY_MS = 86400000,
	FILES_MAX = 20000,
};

#define WORD_(id, word) word,
static const char *const kinds[] = { PRUNE_KINDS(WORD_) };
#undef WORD_

const char *
prune_kind_name(enum prune_kind k)
{
	return kinds[k];
}

struct planner {
	struct prune_plan *plan;
	const struct prune_ask *ask;
	size_t store;
	const struct sets *sets;
	struct place *p;
	const char *lacking;		/* a database without a copy to fall
					 * back on: nothing unproven goes */
	char *busy;			/* who backs up here now; NULL: nobody */
};

static void
keep(struct planner *l, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
keep(struct planner *l, const char *path, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	VEC_PUSH(&l->plan->kept, ((struct prune_kept){ l->store,
	    xstrdup(path), buf_detach(&b) }));
}

/* ---- what it is that goes ------------------------------------------------------- */

static bool
walk_list(struct prune_walk *w, struct place *p, const char *dir,
    const char *sub, struct sha *sha, struct err *e)
{
	char *path = *sub != '\0' ? file_join(dir, sub) : xstrdup(dir);
	struct place_list in = { 0 };
	bool ok = place_list(p, path, &in, e);

	for (size_t i = 0; ok && i < in.entries.n; i++) {
		const struct place_entry *x = &in.entries.v[i];
		char *name = *sub != '\0' ? file_join(sub, x->name) :
		    xstrdup(x->name);
		char facts[64];

		(void)snprintf(facts, sizeof facts, " %d %" PRId64 " %" PRId64
		    "\n", x->st.is_dir, x->st.is_dir ? 0 : x->st.size,
		    x->st.is_dir ? 0 : x->st.mtime);
		sha_add(sha, name, strlen(name) + 1);
		sha_add(sha, facts, strlen(facts));
		if (w->files.n >= FILES_MAX)
			ok = err_set(e, ERR_GUARD, "it holds more than %d "
			    "files", FILES_MAX);
		else if (x->st.is_file && strcmp(x->name, "PG_VERSION") != 0)
			VEC_PUSH(&w->files, xstrdup(name));
		else if (x->st.is_dir && *sub == '\0')
			VEC_PUSH(&w->folders, xstrdup(name));
		else
			ok = err_set(e, ERR_GUARD, "it holds '%s', which is "
			    "no part of a set", name);
		free(name);
	}
	place_list_release(&in);
	free(path);
	return ok;
}

bool
prune_walk(struct prune_walk *w, struct place *p, const char *dir,
    struct err *e)
{
	struct place_stat st;
	struct sha sha;
	bool ok;

	sha_init(&sha);
	ok = place_stat(p, dir, &st, e);
	if (ok && !st.is_dir)
		ok = err_set(e, ERR_GUARD, "it is not a directory");
	ok = ok && walk_list(w, p, dir, "", &sha, e);
	for (size_t i = 0; ok && i < w->folders.n; i++)
		ok = walk_list(w, p, dir, w->folders.v[i], &sha, e);
	sha_hex(&sha, w->mark);
	return ok;
}

void
prune_walk_release(struct prune_walk *w)
{
	for (size_t i = 0; i < w->files.n; i++)
		free(w->files.v[i]);
	for (size_t i = 0; i < w->folders.n; i++)
		free(w->folders.v[i]);
	VEC_RELEASE(&w->files);
	VEC_RELEASE(&w->folders);
}

bool
prune_mark_file(struct place *p, const char *path, char mark[SHA_HEX],
    struct err *e)
{
	struct place_stat st;
	char facts[64];

	if (!place_stat(p, path, &st, e))
		return false;
	if (!st.is_file)
		return err_set(e, ERR_GUARD, "it is not a regular file");
	(void)snprintf(facts, sizeof facts, "%" PRId64 " %" PRId64, st.size,
	    st.mtime);
	sha_of(facts, strlen(facts), mark);
	return true;
}

/* ---- sets ----------------------------------------------------------------------- */

/* What ends the looking, and not only this thing's. */
static bool
lost(const struct err *e)
{
	return e->kind != ERR_GUARD && e->kind != ERR_NOTFOUND &&
	    !(e->kind == ERR_SYS && (e->sys_errno == EACCES ||
	    e->sys_errno == EPERM));
}

static bool
add_dir(struct planner *l, enum prune_kind kind, const struct set *set,
    const char *reason, struct err *e)
{
	char *path = sets_path(l->sets, set->path);
	struct prune_walk w = { 0 };
	struct err why = ERR_INIT;
	bool ok = prune_walk(&w, l->p, path, &why);
	struct prune_item *i;

	if (ok) {
		i = VEC_NEW(&l->plan->v);
		*i = (struct prune_item){ .kind = kind, .store = l->store,
		    .path = xstrdup(set->path), .reason = xstrdup(reason),
		    .at = set->at, .size = kind == PRUNE_PROMOTE ? 0 :
		    set->bytes };
		memcpy(i->mark, w.mark, sizeof i->mark);
	} else if (!lost(&why)) {
		keep(l, set->path, "%s", why.msg);
		ok = true;
	} else
		*e = why;
	prune_walk_release(&w);
	free(path);
	return ok;
}

static bool
plan_sets(struct planner *l, struct err *e)
{
	struct keeps k = { 0 };
	bool ok = true;

	keep_judge(l->ask->keep, &k);
	for (size_t i = 0; ok && i < k.v.n; i++) {
		const struct keep *x = &k.v.v[i];

		if (x->store != l->store)
			continue;
		if (x->verdict == KEEP_STAYS)
			keep(l, x->set->path, "%s", x->why);
		else
			ok = add_dir(l, x->verdict == KEEP_GOES ? PRUNE_SET :
			    PRUNE_PROMOTE, x->set, x->why, e);
	}
	keeps_release(&k);
	return ok;
}

/* ---- unfinished sets --------------------------------------------------------------- */

bool
prune_whose(const struct sets *s, struct place *p, const struct set *set,
    struct buf *why, int64_t *ret_quiet, struct err *e)
{
	char *inside = file_join(set->path, RUN_FILE), since[40];
	char *path = sets_path(s, inside);
	struct err quiet = ERR_INIT;
	struct buf b = BUF_INIT;
	struct run_file r;
	bool ok = sets_slurp(p, path, &b, &quiet);

	*ret_quiet = DAY_MS;
	if (!ok && lost(&quiet))
		*e = quiet;
	else if (!ok || !run_file_read(&r, b.p, b.n, &quiet))
		buf_str(why, "nothing says whose it is");
	else {
		static const char *const end[] = { " is writing it",
			", which has ended", ", not to be seen from here" };
		enum run_life life = run_file_life(&r);

		clock_fmt_site(since, r.since);
		buf_printf(why, "%s, pid %ld on %s since %s%s", r.by,
		    (long)r.id.pid, r.host, since, end[life]);
		*ret_quiet = life == RUN_ALIVE ? INT64_MAX :
		    life == RUN_GONE ? QUIET_MS : DAY_MS;
	}
	ok = ok || !lost(&quiet);
	buf_release(&b);
	free(path);
	free(inside);
	return ok;
}

static bool
plan_partial(struct planner *l, const struct set *set, struct err *e)
{
	int64_t age = l->ask->keep->now - set->changed, quiet;
	struct buf why = BUF_INIT;
	char word[32];
	bool ok = true;

	if (!set->looked)
		keep(l, set->path, "it was not read");
	else if (l->lacking != NULL)
		keep(l, set->path, "%s has no verified copy to fall back on",
		    l->lacking);
	else if ((ok = prune_whose(l->sets, l->p, set, &why, &quiet,
	    e))) {
		text_fmt_duration(word, age > 0 ? age : 0);
		if (quiet == DAY_MS && l->busy != NULL)
			keep(l, set->path, "it may be of %s", l->busy);
		else if (age < quiet || set->changed == 0)
			keep(l, set->path, "%s; last written to %s ago", why.p,
			    word);
		else {
			buf_printf(&why, "; untouched for %s", word);
			ok = add_dir(l, PRUNE_PARTIAL, set, why.p, e);
		}
	}
	buf_release(&why);
	return ok;
}

/* ---- files that no set names --------------------------------------------------------- */

static bool
word_of_postgres(const char *s, size_t n)
{
	static const char *const words[] = { "pg_wal", "pg_xlog",
		"archive_status", "pg_xact", "base", "global" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n && strncmp(s, words[i], n) == 0)
			return true;
	return false;
}

/* One folder on the way to it: a real one, and no database's. */
static bool
folder_ok(struct planner *l, const char *dir, bool first, struct err *e)
{
	char *path = sets_path(l->sets, dir), *mark;
	struct place_stat st;
	enum set_class class;
	struct err quiet = ERR_INIT;
	bool ok = true;

	/* a class may lie on another disk, and so may the store */
	if (*dir != '\0' && !(first && set_class_parse(dir, &class)))
		ok = place_stat(l->p, path, &st, e) && (st.is_dir ||
		    err_set(e, ERR_GUARD, "the way to it leads over a link"));
	mark = file_join(path, "PG_VERSION");
	if (ok && place_stat(l->p, mark, &st, &quiet))
		ok = err_set(e, ERR_GUARD, "it is in a directory of "
		    "PostgreSQL's own");
	else if (ok && quiet.kind != ERR_NOTFOUND) {
		*e = quiet;
		ok = false;
	}
	free(mark);
	free(path);
	return ok;
}

static bool
way_ok(struct planner *l, const char *path, struct err *e)
{
	bool ok = folder_ok(l, "", true, e);
	const char *from = path, *to;

	for (; ok && (to = strchr(from, '/')) != NULL; from = to + 1) {
		char *dir = xstrndup(path, (size_t)(to - path));

		if (word_of_postgres(from, (size_t)(to - from)))
			ok = err_set(e, ERR_GUARD, "it is in a directory of "
			    "PostgreSQL's own");
		ok = ok && folder_ok(l, dir, from == path, e);
		free(dir);
	}
	return ok;
}

static bool
plan_stray(struct planner *l, const struct stray *y, enum prune_kind kind,
    struct err *e)
{
	int64_t at = y->mtime < INT64_MAX / 1000 ? y->mtime * 1000 : INT64_MAX;
	char *path = sets_path(l->sets, y->path), mark[SHA_HEX];
	struct err why = ERR_INIT;
	bool ok = true;

	if (!y->orphan)
		goto out;
	if (y->is_dir)
		keep(l, y->path, "the patterns name it, and it is a directory");
	else if (l->lacking != NULL)
		keep(l, y->path, "%s has no verified copy to fall back on",
		    l->lacking);
	else if (at > l->ask->keep->now - DAY_MS)
		keep(l, y->path, "the patterns name it, and it is not a day "
		    "old");
	else if (way_ok(l, y->path, &why) &&
	    prune_mark_file(l->p, path, mark, &why)) {
		struct prune_item *i = VEC_NEW(&l->plan->v);

		*i = (struct prune_item){ .kind = kind, .store = l->store,
		    .path = xstrdup(y->path), .size = y->size, .at = at,
		    .reason = xstrdup("the site's patterns name it, and it is "
		    "older than a day") };
		memcpy(i->mark, mark, sizeof i->mark);
	} else if (!lost(&why))
		keep(l, y->path, "%s", why.msg);
	else {
		*e = why;
		ok = false;
	}
out:
	free(path);
	return ok;
}

/* What lies in a set that goes, goes with it. */
static bool
moves(const struct planner *l, const struct set *set)
{
	for (size_t i = 0; i < l->plan->v.n; i++)
		if (l->plan->v.v[i].store == l->store &&
		    strcmp(l->plan->v.v[i].path, set->path) == 0)
			return true;
	return false;
}

static bool
plan_strays(struct planner *l, struct err *e)
{
	const struct sets *s = l->sets;
	bool ok = true;

	for (size_t i = 0; ok && i < s->strays.n; i++)
		ok = plan_stray(l, s->strays.v[i], PRUNE_ORPHAN, e);
	for (size_t i = 0; ok && i < s->v.n; i++)
		for (size_t k = 0; ok && k < s->v.v[i]->strays.n &&
		    !s->v.v[i]->foreign && !moves(l, s->v.v[i]); k++)
			ok = plan_stray(l, s->v.v[i]->strays.v[k],
			    PRUNE_LEFTOVER, e);
	return ok;
}

/* ---- the whole -------------------------------------------------------------------------- */

static char *
who_works(const struct prune_ask *ask)
{
	struct buf who = BUF_INIT;
	char *busy = NULL;

	for (size_t i = 0; busy == NULL && ask->state != NULL &&
	    i < ask->keep->n_parts; i++)
		if (backup_lock_held(ask->state, ask->keep->parts[i].names[0],
		    &who))
			busy = xprintf("the backup of %s by %s",
			    ask->keep->parts[i].names[0], who.p);
	buf_release(&who);
	return busy;
}

bool
prune_look(struct prune_plan *plan, const struct prune_ask *ask, size_t store,
    struct place *p, struct err *e)
{
	const struct keep_ask *k = ask->keep;
	struct planner l = { plan, ask, store, k->stores[store].sets, p,
		keep_lacking(k, k->opened > 0 ? k->opened : 1), NULL };
	bool ok;

	l.busy = who_works(ask);
	ok = plan_sets(&l, e);
	for (size_t i = 0; ok && i < l.sets->v.n; i++)
		if (l.sets->v.v[i]->state == SET_PARTIAL)
			ok = plan_partial(&l, l.sets->v.v[i], e);
	ok = ok && plan_strays(&l, e);
	free(l.busy);
	return ok;
}

int64_t
prune_size(const struct prune_plan *plan)
{
	int64_t n = 0;

	for (size_t i = 0; i < plan->v.n; i++)
		n += plan->v.v[i].size;
	return n;
}

void
prune_code(const struct prune_plan *plan, char out[9])
{
	struct sha sha;
	char hex[SHA_HEX];

	sha_init(&sha);
	for (size_t i = 0; i < plan->v.n; i++) {
		const struct prune_item *x = &plan->v.v[i];
		char head[64];

		(void)snprintf(head, sizeof head, "%s %zu ",
		    kinds[x->kind], x->store);
		sha_add(&sha, head, strlen(head));
		sha_add(&sha, x->path, strlen(x->path) + 1);
		sha_add(&sha, x->mark, strlen(x->mark));
	}
	sha_hex(&sha, hex);
	(void)snprintf(out, 9, "%.8s", hex);
}

void
prune_release(struct prune_plan *plan)
{
	for (size_t i = 0; i < plan->v.n; i++) {
		free(plan->v.v[i].path);
		free(plan->v.v[i].reason);
		free(plan->v.v[i].left);
	}
	for (size_t i = 0; i < plan->kept.n; i++) {
		free(plan->kept.v[i].path);
		free(plan->kept.v[i].reason);
	}
	VEC_RELEASE(&plan->v);
	VEC_RELEASE(&plan->kept);
}
