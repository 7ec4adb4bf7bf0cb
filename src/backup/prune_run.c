/* Doing what a plan says, and nothing else. */
#include <errno.h>
#include <stdarg.h>

#include "backup/lock.h"
#include "backup/prune_intern.h"
#include "backup/sets_intern.h"
#include "base/file.h"

struct remover {
	const struct sets *sets;	/* only where they are */
	struct place *p;
	const struct prune_care *care;
	struct prune_item *i;
	bool done;			/* something was removed already */
};

/* The store answers, and says no: this stays, the next may go. */
static bool
refused(const struct err *e)
{
	return e->kind == ERR_SYS && (e->sys_errno == EACCES ||
	    e->sys_errno == EPERM || e->sys_errno == EROFS);
}

static bool
step(struct remover *r, enum prune_step what, const char *path, struct err *e)
{
	if (r->care->cancelled != NULL && r->care->cancelled(r->care->ctx))
		return err_set(e, ERR_CANCELLED, "it was cancelled");
	return r->care->step == NULL ||
	    r->care->step(r->care->ctx, r->i, what, path, e);
}

static bool
same(const char *a, const char *b, struct err *e)
{
	return strcmp(a, b) == 0 || err_set(e, ERR_GUARD, "it has changed "
	    "since the plan was made");
}

static bool
rename_to(struct remover *r, const char *to, struct err *e)
{
	char *from = sets_path(r->sets, r->i->path);
	char *there = sets_path(r->sets, to);
	bool ok = place_rename(r->p, from, there, e);

	if (ok) {
		free(r->i->path);
		r->i->path = xstrdup(to);
	}
	free(there);
	free(from);
	return ok;
}

static bool
remove_one(struct remover *r, const char *name, bool folder, struct err *e)
{
	char *inside = *name != '\0' ? file_join(r->i->path, name) :
	    xstrdup(r->i->path);
	char *path = sets_path(r->sets, inside);
	bool ok = folder ? place_rmdir(r->p, path, e) :
	    place_remove(r->p, path, e);

	if (ok)
		r->done = true;
	ok = ok && step(r, PRUNE_REMOVED, inside, e);
	free(path);
	free(inside);
	return ok;
}

/* The manifest first: without it nobody can take the rest for a set. The run's
 * own file last: until then it says that nobody works on it. */
static bool
empty_it(struct remover *r, const struct prune_walk *w, struct err *e)
{
	bool ok = true, has_run = false;

	for (size_t i = 0; ok && i < w->files.n; i++)
		if (strcmp(w->files.v[i], SET_MANIFEST) == 0)
			ok = remove_one(r, SET_MANIFEST, false, e);
	for (size_t i = 0; ok && i < w->files.n; i++)
		if (strcmp(w->files.v[i], RUN_FILE) == 0)
			has_run = true;
		else if (strcmp(w->files.v[i], SET_MANIFEST) != 0)
			ok = remove_one(r, w->files.v[i], false, e);
	for (size_t i = 0; ok && i < w->folders.n; i++)
		ok = remove_one(r, w->folders.v[i], true, e);
	if (ok && has_run)
		ok = remove_one(r, RUN_FILE, false, e);
	return ok && remove_one(r, "", true, e);
}

static bool
walk_again(struct remover *r, struct prune_walk *w, struct err *e)
{
	char *path = sets_path(r->sets, r->i->path);
	bool ok;

	prune_walk_release(w);
	ok = prune_walk(w, r->p, path, e) && same(w->mark, r->i->mark, e);
	free(path);
	return ok;
}

/* "nightly/20250214T021000Z.partial" of any state's name; caller frees. */
static char *
doomed(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strchr(slash, '.');
	size_t n = dot != NULL ? (size_t)(dot - path) : strlen(path);

	return xprintf("%.*s.partial", (int)n, path);
}

static bool
remove_set(struct remover *r, struct err *e)
{
	char *was = xstrdup(r->i->path), *name = doomed(was);
	bool rename = strcmp(was, name) != 0, ok;
	struct prune_walk w = { 0 };
	struct err quiet = ERR_INIT;

	ok = walk_again(r, &w, e);
	if (ok && rename)
		ok = rename_to(r, name, e) &&
		    step(r, PRUNE_RENAMED, name, e) && walk_again(r, &w, e);
	ok = ok && empty_it(r, &w, e);
	/* nothing is lost yet: it gets its name back */
	if (!ok && !r->done && strcmp(r->i->path, was) != 0)
		(void)rename_to(r, was, &quiet);
	/* what is gone is told by the name that it had */
	if (ok && strcmp(r->i->path, was) != 0) {
		free(r->i->path);
		r->i->path = was;
		was = NULL;
	}
	prune_walk_release(&w);
	free(name);
	free(was);
	return ok;
}

static bool
promote(struct remover *r, struct err *e)
{
	const char *name = strrchr(r->i->path, '/') + 1;
	const char *dir = set_class_name(SET_WEEKLY);
	char *weekly = sets_path(r->sets, dir), *to = file_join(dir, name);
	struct prune_walk w = { 0 };
	struct err there = ERR_INIT;
	bool ok = walk_again(r, &w, e);

	if (ok && !place_mkdir(r->p, weekly, 0750, &there) &&
	    !(there.kind == ERR_SYS && there.sys_errno == EEXIST)) {
		*e = there;
		ok = false;
	}
	ok = ok && rename_to(r, to, e) && step(r, PRUNE_RENAMED, to, e);
	prune_walk_release(&w);
	free(weekly);
	free(to);
	return ok;
}

static bool
remove_file(struct remover *r, struct err *e)
{
	char *path = sets_path(r->sets, r->i->path), mark[SHA_HEX];
	bool ok = prune_mark_file(r->p, path, mark, e) &&
	    same(mark, r->i->mark, e) && remove_one(r, "", false, e);

	free(path);
	return ok;
}

static bool
do_it(struct remover *r, struct err *e)
{
	if (!step(r, PRUNE_BEGINS, r->i->path, e))
		return false;
	switch (r->i->kind) {
	case PRUNE_SET:
	case PRUNE_PARTIAL:
		return remove_set(r, e);
	case PRUNE_PROMOTE:
		return promote(r, e);
	default:
		return remove_file(r, e);
	}
}

/* ---- the plan made again --------------------------------------------------------- */

static bool
still_planned(const struct prune_plan *now, const struct prune_item *i,
    struct err *e)
{
	for (size_t k = 0; k < now->v.n; k++)
		if (now->v.v[k].kind == i->kind &&
		    strcmp(now->v.v[k].path, i->path) == 0)
			return same(now->v.v[k].mark, i->mark, e);
	for (size_t k = 0; k < now->kept.n; k++)
		if (strcmp(now->kept.v[k].path, i->path) == 0)
			return err_set(e, ERR_GUARD, "it is to stay now: %s",
			    now->kept.v[k].reason);
	return err_set(e, ERR_GUARD, "it is not there any more");
}

static bool
look_again(struct prune_plan *ret, const struct prune_ask *ask, size_t store,
    struct place *p, struct err *e)
{
	const struct sets *old = ask->keep->stores[store].sets;
	struct keep_ask keep = *ask->keep;
	struct prune_ask again = { &keep, ask->look, ask->state };
	struct keep_store *stores = xcalloc(keep.n_stores, sizeof *stores);
	struct sets_ask look = ask->look != NULL ? *ask->look :
	    (struct sets_ask){ 0 };
	struct sets fresh;
	bool ok;

	memcpy(stores, keep.stores, keep.n_stores * sizeof *stores);
	sets_init(&fresh, old->store, old->path, old->site);
	stores[store] = (struct keep_store){ &fresh, true };
	keep.stores = stores;
	ok = sets_read(&fresh, p, &look, e);
	if (ok) {
		sets_dig(&fresh, p, &look);
		ok = prune_look(ret, &again, store, p, e);
	}
	sets_release(&fresh);
	free(stores);
	return ok;
}

static void
leave(struct prune_item *i, const struct err *why, const char *context)
{
	i->fate = PRUNE_LEFT;
	free(i->left);
	i->left = xprintf("%s%s", context, why->msg);
}

/* False: nothing more is to be tried. */
static bool
one(struct remover *r, const struct prune_plan *now, struct err *first)
{
	struct err e = ERR_INIT, quiet = ERR_INIT;
	bool ok = still_planned(now, r->i, &e) && do_it(r, &e);

	if (ok)
		r->i->fate = PRUNE_DONE;
	else {
		err_wrap(&e, "%s", r->i->path);
		leave(r->i, &e, "");
		if (first->kind == ERR_NONE)
			*first = e;
	}
	if (r->care->step != NULL && !r->care->step(r->care->ctx, r->i,
	    PRUNE_ENDS, r->i->path, &quiet)) {
		if (first->kind == ERR_NONE)
			*first = quiet;
		return false;
	}
	return ok || refused(&e);
}

bool
prune_run(struct prune_plan *plan, const struct prune_ask *ask, size_t store,
    struct place *p, const struct prune_care *care, struct err *e)
{
	struct prune_plan now = { 0 };
	struct err first = ERR_INIT;
	bool go_on = look_again(&now, ask, store, p, &first);

	for (size_t i = 0; i < plan->v.n; i++) {
		struct remover r = { ask->keep->stores[store].sets, p, care,
			&plan->v.v[i], false };

		if (r.i->store != store || r.i->fate != PRUNE_PLANNED)
			continue;
		if (go_on)
			go_on = one(&r, &now, &first);
		else
			leave(r.i, &first, "not tried: ");
	}
	prune_release(&now);
	if (first.kind != ERR_NONE)
		*e = first;
	return first.kind == ERR_NONE;
}
