/* Looking at everything, and what it means to the disks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/file.h"
#include "base/text.h"
#include "cleanup/engines.h"
#include "cleanup/tree.h"
#include "cleanup/wal.h"

enum { OPEN_MS = 30000 };

#define WORD_(id, word) word,
static const char *const kinds[] = { CLEAN_KINDS(WORD_) };
#undef WORD_

_Static_assert((int)CLEAN_SET == (int)PRUNE_SET &&
    (int)CLEAN_PROMOTE == (int)PRUNE_PROMOTE, "the kinds of stores come first");

const char *
clean_kind_name(enum clean_kind k)
{
	return kinds[k];
}

static bool
cancelled(const struct clean_plan *p)
{
	return p->ask.cancelled != NULL && p->ask.cancelled(p->ask.ctx);
}

/* ---- parts ---------------------------------------------------------------------- */

/* Its place is open, or trouble says why not. */
static struct clean_part *
part_new(struct clean_plan *p, enum clean_sort sort, const char *name,
    const struct site_place *at)
{
	struct clean_part *part = xcalloc(1, sizeof *part);
	struct place_care care = { .secret = secret_find,
		.cancelled = p->ask.cancelled, .ctx = p->ask.ctx,
		.deadline_ms = clock_mono_ms() + OPEN_MS };
	struct err e = ERR_INIT;

	VEC_PUSH(&p->parts, part);
	part->sort = sort;
	part->name = xstrdup(name);
	part->at = at;
	part->place = place_open(site_spec(&part->spec, p->ask.site, at), &care,
	    &e);
	if (part->place == NULL)
		part->trouble = xstrdup(e.msg);
	return part;
}

static void
trouble(struct clean_part *part, const struct err *e)
{
	if (part->trouble == NULL)
		part->trouble = xstrdup(e->msg);
}

static void
look_room(struct clean_part *part, const char *path)
{
	part->room_known = part->place != NULL && place_room(part->place, path,
	    &part->room, NULL);
}

/* ---- stores --------------------------------------------------------------------- */

/* What the newest sets say of a component: it was not saved then. */
static void
find_failures(struct clean_plan *p)
{
	for (size_t i = 0; i < p->names.v.n; i++) {
		struct keep_part *part = &p->names.v.v[i];

		for (size_t k = 0; k < site_stores(p->ask.site); k++)
			for (size_t s = 0; s < p->sets[k].v.n; s++) {
				const struct set *set = p->sets[k].v.v[s];
				struct set_copy c = set_copy_of(set,
				    part->names, part->n);

				if (c.part != NULL && !c.part->complete &&
				    set->state != SET_PARTIAL &&
				    set->at > part->failed_at)
					part->failed_at = set->at;
			}
	}
}

static void
read_stores(struct clean_plan *p)
{
	const struct site *site = p->ask.site;
	size_t n = site_stores(site);

	p->sets = xcalloc(n + 1, sizeof *p->sets);
	p->shelves = xcalloc(n + 1, sizeof *p->shelves);
	p->look = (struct sets_ask){ .orphans =
	    (const char *const *)site->backup.orphans.v,
	    .n_orphans = site->backup.orphans.n };
	for (size_t i = 0; i < n; i++) {
		const struct site_store *s = site_store_at(site, i);
		struct clean_part *part = part_new(p, CLEAN_STORE, s->name,
		    s->at != NULL ? site_place(site, s->at) : NULL);
		struct err e = ERR_INIT;
		bool read;

		part->store = i;
		part->path = xstrdup(s->path);
		sets_init(&p->sets[i], s->name, s->path, site->name);
		read = part->place != NULL && sets_read(&p->sets[i],
		    part->place, &p->look, &e);
		if (read)
			sets_dig(&p->sets[i], part->place, &p->look);
		/* nothing was ever stored there: that is a whole look */
		else if (part->place != NULL && e.kind != ERR_NOTFOUND)
			trouble(part, &e);
		p->shelves[i] = (struct keep_store){ &p->sets[i], read ||
		    e.kind == ERR_NOTFOUND };
		look_room(part, s->path);
	}
	keep_parts_of(site, &p->names);
	find_failures(p);
	p->keep = (struct keep_ask){ .stores = p->shelves, .n_stores = n,
		.parts = p->names.v.v, .n_parts = p->names.v.n,
		.policy = &site->retention, .now = p->ask.now,
		.opened = p->ask.opened };
	p->prune_ask = (struct prune_ask){ &p->keep, &p->look, p->ask.state };
	p->lacking = keep_lacking(&p->keep, p->ask.opened > 0 ?
	    p->ask.opened : 1);
}

/* A set that somebody reads, or writes, stays: seen on this host alone. */
static bool
is_open(struct clean_plan *p, struct prune_item *x, struct opened *o)
{
	const struct clean_part *part = p->parts.v[x->store];
	char *path = file_join(part->path, x->path);
	const char *who = part->at == NULL ? opened_below(o, path) : NULL;

	if (who != NULL) {
		VEC_PUSH(&p->kept, ((struct clean_kept){ x->store,
		    xstrdup(x->path), xprintf("it is open: %s", who) }));
		x->fate = PRUNE_LEFT;
	}
	free(path);
	return who != NULL;
}

static void
take_prune(struct clean_plan *p)
{
	struct opened *o = opened_look();

	for (size_t i = 0; i < p->prune.v.n; i++) {
		struct prune_item *x = &p->prune.v.v[i];
		struct clean_item *c;

		if (is_open(p, x, o))
			continue;
		c = VEC_NEW(&p->v);
		*c = (struct clean_item){ .kind = (enum clean_kind)x->kind,
			.part = x->store, .what = xstrdup(x->path), .size =
			x->size, .at = x->at, .reason = xstrdup(x->reason),
			.prune = i };
		memcpy(c->mark, x->mark, sizeof c->mark);
	}
	opened_free(o);
	for (size_t i = 0; i < p->prune.kept.n; i++) {
		const struct prune_kept *k = &p->prune.kept.v[i];

		VEC_PUSH(&p->kept, ((struct clean_kept){ k->store,
		    xstrdup(k->path), xstrdup(k->reason) }));
	}
}

static void
look_stores(struct clean_plan *p)
{
	for (size_t i = 0; i < site_stores(p->ask.site); i++) {
		struct clean_part *part = p->parts.v[i];
		size_t before = p->prune.v.n;
		struct err e = ERR_INIT;

		if (part->trouble != NULL || !prune_look(&p->prune,
		    &p->prune_ask, i, part->place, &e)) {
			if (e.kind != ERR_NONE)
				trouble(part, &e);
			/* half a look is none */
			while (p->prune.v.n > before) {
				struct prune_item *x =
				    &p->prune.v.v[--p->prune.v.n];

				free(x->path);
				free(x->reason);
			}
		}
	}
	take_prune(p);
}

/* ---- folders and engines ---------------------------------------------------------- */

/* It is, or lies in, a folder that was looked at already. */
static bool
is_within(struct clean_plan *p, const struct site_place *at, const char *real,
    const char *where)
{
	for (size_t i = 0; i + 1 < p->parts.n; i++) {
		const struct clean_part *x = p->parts.v[i];
		size_t n = x->path != NULL ? strlen(x->path) : 0;

		/* what was refused was not looked at */
		if (x->sort != CLEAN_TREE || x->at != at || n == 0 ||
		    x->trouble != NULL ||
		    strncmp(real, x->path, n) != 0 ||
		    (real[n] != '\0' && real[n] != '/'))
			continue;
		VEC_PUSH(&p->notes, xprintf("%s: it is in %s, which is looked "
		    "at already", where, x->name));
		return true;
	}
	return false;
}

static void
look_tree(struct clean_plan *p, const char *where)
{
	const struct site_place *at;
	const char *path = site_where(p->ask.site, where, &at);
	struct clean_part *part = part_new(p, CLEAN_TREE, where, at);
	struct tree t = { 0 };
	struct err e = ERR_INIT;
	bool ok = part->place != NULL;

	ok = ok && (at == NULL ? tree_look_here(&t, path, &e) :
	    tree_look_far(&t, part->place, path, &e));
	if (ok && t.never == NULL && is_within(p, at, t.real, where))
		;
	else if (ok) {
		part->path = xstrdup(t.real);
		part->root = t.root;
		look_room(part, t.real);
		tree_judge(p, p->parts.n - 1, &t);
		if (t.opened != NULL && opened_hidden(t.opened) > 0)
			VEC_PUSH(&p->notes, xprintf("%s: what processes of "
			    "others have open is asked of the kernel, file by "
			    "file, when it goes", where));
		if (at != NULL && part->trouble == NULL)
			VEC_PUSH(&p->notes, xprintf("%s: a shell looks and "
			    "removes there; times are compared to the second, "
			    "and only files that the login can see open are "
			    "spared for that", where));
	} else if (e.kind == ERR_NOTFOUND)
		VEC_PUSH(&p->notes, xprintf("%s: it is not there", where));
	else
		trouble(part, &e);
	tree_release(&t);
}

static void
look_engine(struct clean_plan *p)
{
	const struct site_docker *d = &p->ask.site->cleanup.docker;
	const char *engine = d->runtime == SITE_PODMAN ? "podman" : "docker";
	char *name = d->at != NULL ? xprintf("%s at %s", engine, d->at) :
	    xstrdup(engine);
	struct clean_part *part = part_new(p, CLEAN_ENGINE, name, d->at != NULL ?
	    site_place(p->ask.site, d->at) : NULL);
	const char *argv[] = { engine, "info", "--format",
		d->runtime == SITE_PODMAN ? "{{.Store.GraphRoot}}" :
		"{{.DockerRootDir}}", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;

	part->engine = engine;
	if (part->place != NULL && !engines_look(p, p->parts.n - 1, &e))
		trouble(part, &e);
	else if (part->place != NULL && engines_run(part, argv, &ran, &e)) {
		part->path = xstrndup(ran.out.p, strcspn(ran.out.p, "\r\n"));
		look_room(part, part->path);
	}
	place_ran_release(&ran);
	free(name);
}

/* ---- disks -------------------------------------------------------------------------- */

/* Two places on one host name the same file system by the same number. */
static bool
on_disk(const struct clean_part *part, const struct clean_disk *d)
{
	const char *at = part->at != NULL ? part->at->name : NULL;

	return part->room_known && part->room.fs != 0 &&
	    part->room.fs == d->room.fs && part->room.total == d->room.total &&
	    (at == NULL) == (d->disk->at == NULL) && (at == NULL ||
	    strcmp(at, d->disk->at) == 0);
}

static int64_t
to_free(const struct place_room *r)
{
	int64_t may = (r->used + r->free) / 100 * (CLEAN_BELOW - 1);

	return r->used > may ? r->used - may : 0;
}

/* Sizes are told by others: they may be any number. */
static int64_t
plus(int64_t a, int64_t b)
{
	return b > INT64_MAX - a ? INT64_MAX : a + (b > 0 ? b : 0);
}

/* What is gone frees nothing more. */
static void
sum_up(struct clean_plan *p)
{
	for (size_t i = 0; i < p->parts.n; i++)
		p->parts.v[i]->frees = 0;
	for (size_t i = 0; i < p->v.n; i++)
		if (p->v.v[i].fate != PRUNE_DONE)
			p->parts.v[p->v.v[i].part]->frees = plus(
			    p->parts.v[p->v.v[i].part]->frees, p->v.v[i].size);
}

void
clean_disks(struct clean_plan *p)
{
	const struct site *site = p->ask.site;

	sum_up(p);
	for (size_t i = 0; i < p->disks.n; i++)
		free(p->disks.v[i].trouble);
	p->disks.n = 0;
	for (size_t i = 0; i < site_disks(site); i++) {
		struct clean_disk *d = VEC_NEW(&p->disks);
		struct place_care care = { .secret = secret_find,
			.cancelled = p->ask.cancelled, .ctx = p->ask.ctx,
			.deadline_ms = clock_mono_ms() + OPEN_MS };
		struct site_spec spec;
		struct err e = ERR_INIT;
		struct place *place;

		d->disk = site_disk_at(site, i);
		place = place_open(site_spec(&spec, site, d->disk->at != NULL ?
		    site_place(site, d->disk->at) : NULL), &care, &e);
		if (place == NULL || !place_room(place, d->disk->path, &d->room,
		    &e))
			d->trouble = xstrdup(e.msg);
		place_close(place);
		if (d->trouble != NULL)
			continue;
		d->percent = place_percent(d->room.used, d->room.free);
		d->need = d->percent < CLEAN_BELOW ? 0 : to_free(&d->room);
		for (size_t k = 0; k < p->parts.n; k++)
			if (on_disk(p->parts.v[k], d))
				d->frees = plus(d->frees,
				    p->parts.v[k]->frees);
	}
}

/* ---- the whole ----------------------------------------------------------------------- */

/* A part that could not be looked at whole has nothing in the plan. */
static void
mark_troubled(const struct clean_plan *p, bool *gone)
{
	for (size_t i = 0; i < p->v.n; i++)
		gone[i] = p->parts.v[p->v.v[i].part]->trouble != NULL;
}

/* One thing by two ways: a stray of a store that lies in a folder of the site's. */
struct known {
	const struct site_place *at;
	char *path;
	size_t i;
};

static int
by_path(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int d = (x->at > y->at) - (x->at < y->at);

	d = d != 0 ? d : strcmp(x->path, y->path);
	return d != 0 ? d : (x->i > y->i) - (x->i < y->i);
}

static char *
real_root(const struct clean_part *part)
{
	char *real = part->at == NULL && part->path != NULL ?
	    realpath(part->path, NULL) : NULL;

	return real != NULL ? real : part->path != NULL ? xstrdup(part->path) :
	    NULL;
}

/* The first of those that name the same thing stays. */
static void
mark_twins(const struct clean_plan *p, bool *gone)
{
	VEC(struct known) all = { 0 };
	char **roots = xcalloc(p->parts.n + 1, sizeof *roots);

	for (size_t i = 0; i < p->parts.n; i++)
		roots[i] = real_root(p->parts.v[i]);
	for (size_t i = 0; i < p->v.n; i++) {
		const struct clean_item *c = &p->v.v[i];

		if (!gone[i] && c->kind < CLEAN_CONTAINER &&
		    roots[c->part] != NULL)
			VEC_PUSH(&all, ((struct known){
			    p->parts.v[c->part]->at,
			    file_join(roots[c->part], c->what), i }));
	}
	if (all.n > 1)
		qsort(all.v, all.n, sizeof *all.v, by_path);
	for (size_t i = 1; i < all.n; i++)
		gone[all.v[i].i] = all.v[i].at == all.v[i - 1].at &&
		    strcmp(all.v[i].path, all.v[i - 1].path) == 0;
	for (size_t i = 0; i < all.n; i++)
		free(all.v[i].path);
	for (size_t i = 0; i < p->parts.n; i++)
		free(roots[i]);
	VEC_RELEASE(&all);
	free(roots);
}

static void
drop_marked(struct clean_plan *p)
{
	bool *gone = xcalloc(p->v.n + 1, sizeof *gone);
	size_t kept = 0;

	mark_troubled(p, gone);
	mark_twins(p, gone);
	for (size_t i = 0; i < p->v.n; i++) {
		struct clean_item *c = &p->v.v[i];

		if (!gone[i]) {
			p->v.v[kept++] = *c;
			continue;
		}
		free(c->what);
		free(c->label);
		free(c->reason);
	}
	p->v.n = kept;
	free(gone);
}

bool
clean_look(struct clean_plan *p, const struct clean_ask *ask, struct err *e)
{
	const struct site *site = ask->site;

	p->ask = *ask;
	read_stores(p);
	look_stores(p);
	for (size_t i = 0; i < site->cleanup.paths.n && !cancelled(p); i++)
		look_tree(p, site->cleanup.paths.v[i]);
	if (site->cleanup.docker.line != 0 && !cancelled(p))
		look_engine(p);
	drop_marked(p);
	clean_disks(p);
	if (!cancelled(p))
		wal_look(p);
	return !cancelled(p) || err_set(e, ERR_CANCELLED, "cancelled");
}

int64_t
clean_total(const struct clean_plan *p)
{
	int64_t n = 0;

	for (size_t i = 0; i < p->v.n; i++)
		n = plus(n, p->v.v[i].size);
	return n;
}

void
clean_code(const struct clean_plan *p, char out[CLEAN_CODE])
{
	char hex[SHA_HEX];
	struct sha sha;

	sha_init(&sha);
	for (size_t i = 0; i < p->v.n; i++) {
		const struct clean_item *c = &p->v.v[i];
		const char *part = p->parts.v[c->part]->name;

		sha_add(&sha, kinds[c->kind], strlen(kinds[c->kind]) + 1);
		sha_add(&sha, part, strlen(part) + 1);
		sha_add(&sha, c->what, strlen(c->what) + 1);
		sha_add(&sha, c->mark, strlen(c->mark) + 1);
	}
	sha_hex(&sha, hex);
	(void)snprintf(out, CLEAN_CODE, "%.6s", hex);
}

void
clean_release(struct clean_plan *p)
{
	size_t stores = p->sets != NULL ? site_stores(p->ask.site) : 0;

	for (size_t i = 0; i < p->v.n; i++) {
		free(p->v.v[i].what);
		free(p->v.v[i].label);
		free(p->v.v[i].reason);
		free(p->v.v[i].left);
	}
	for (size_t i = 0; i < p->kept.n; i++) {
		free(p->kept.v[i].what);
		free(p->kept.v[i].reason);
	}
	for (size_t i = 0; i < p->disks.n; i++)
		free(p->disks.v[i].trouble);
	for (size_t i = 0; i < p->notes.n; i++)
		free(p->notes.v[i]);
	for (size_t i = 0; i < p->parts.n; i++) {
		place_close(p->parts.v[i]->place);
		free(p->parts.v[i]->name);
		free(p->parts.v[i]->path);
		free(p->parts.v[i]->trouble);
		free(p->parts.v[i]);
	}
	prune_release(&p->prune);
	keep_parts_release(&p->names);
	for (size_t i = 0; i < stores; i++)
		sets_release(&p->sets[i]);
	free(p->sets);
	free(p->shelves);
	VEC_RELEASE(&p->v);
	VEC_RELEASE(&p->kept);
	VEC_RELEASE(&p->disks);
	VEC_RELEASE(&p->notes);
	VEC_RELEASE(&p->parts);
	*p = (struct clean_plan)CLEAN_PLAN_INIT;
}
