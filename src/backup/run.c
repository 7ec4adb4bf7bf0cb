#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/run_intern.h"
#include "base/clock.h"
#include "base/text.h"

void
run_say(struct run *r, const char *fmt, ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	if (r->care->say == NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	r->care->say(r->care->ctx, clean.p);
	buf_release(&b);
	buf_release(&clean);
}

void
run_journal(struct run *r, const char *text, const struct buf *data)
{
	if (r->care->journal != NULL)
		r->care->journal(r->care->ctx, text, data->p);
}

bool
run_cancelled(void *ctx)
{
	struct run *r = ctx;

	if (r->tidying || r->care->cancelled == NULL)
		return false;
	if (!r->done->cancelled)
		r->done->cancelled = r->care->cancelled(r->care->ctx);
	return r->done->cancelled;
}

/* ---- what goes where -------------------------------------------------------------- */

struct piece *
run_add_piece(struct run *r, struct item *it, const char *dir,
    const char *file)
{
	struct piece *p = VEC_NEW(&it->pieces);
	struct buf index = BUF_INIT;

	set_index_name(&index, file);
	p->file = pool_printf(r->pool, "%s%s%s", dir ? dir : "", dir ? "/" : "",
	    file);
	p->index = pool_printf(r->pool, "%s%s%s", dir ? dir : "",
	    dir ? "/" : "", index.p);
	p->flow.index = (struct buf)BUF_INIT;
	buf_release(&index);
	return p;
}

static struct item *
add_item(struct run *r, const char *name, enum set_kind kind)
{
	struct item *it = xcalloc(1, sizeof *it);
	struct buf file = BUF_INIT;
	struct run_part *p;

	it->part = r->done->parts.n;
	VEC_PUSH(&r->items, it);
	p = VEC_NEW(&r->done->parts);
	p->name = pool_str(r->pool, name);
	p->kind = kind;
	p->size = p->raw_size = p->took_ms = p->tables = p->rows = -1;
	set_file_name(&file, kind, name);
	p->file = run_add_piece(r, it, NULL, file.p)->file;
	buf_release(&file);
	return it;
}

static bool
add_items(struct run *r, struct err *e)
{
	const struct site *site = r->ask->site;

	for (size_t i = 0; i < r->ask->n; i++) {
		const char *name = r->ask->names[i];
		const struct site_db *db = site_db(site, name);
		const struct site_component *c = site_component(site, name);
		struct item *it;

		if (db == NULL && c == NULL)
			return err_set(e, ERR_USAGE, "the site has no database "
			    "or component '%s'", name);
		it = add_item(r, db != NULL ? db->name : name, db != NULL ?
		    SET_DATABASE : c->files.n > 0 ? SET_FILES : SET_COMMAND);
		it->db = db;
		it->component = c;
	}
	return true;
}

static bool
same_cluster(const struct item *a, const struct item *b)
{
	const char *x = a->facts.system_identifier;
	const char *y = b->facts.system_identifier;

	if (x != NULL && y != NULL)
		return strcmp(x, y) == 0;
	return a->db->port == b->db->port && (a->db->host == b->db->host ||
	    (a->db->host != NULL && b->db->host != NULL &&
	    strcmp(a->db->host, b->db->host) == 0));
}

static void
add_of_cluster(struct run *r, const struct item *db, const char *prefix,
    enum set_kind kind)
{
	char *name = xprintf("%s%s", prefix, db->db->name);
	struct item *it;

	/* the site's own word for something else counts for more */
	if (site_component(r->ask->site, name) == NULL &&
	    site_db(r->ask->site, name) == NULL) {
		it = add_item(r, name, kind);
		it->db = db->db;
		it->way = db->way;
		it->facts = db->facts;
		it->facts.n_lacks = 0;	/* roles are no tables */
		it->tools = db->tools;
		it->ready = true;
		run_part_of(r, it)->spare = kind != SET_GLOBALS;
	}
	free(name);
}

/* Roles and tablespaces, and what else a cluster was, once for each, after its
 * first database. */
static void
add_globals(struct run *r)
{
	size_t n = r->items.n;

	for (size_t i = 0; r->ask->site->backup.globals && i < n; i++) {
		const struct item *it = r->items.v[i];
		bool first = it->db != NULL && it->ready;

		for (size_t k = 0; first && k < i; k++)
			first = r->items.v[k]->db == NULL ||
			    !r->items.v[k]->ready ||
			    !same_cluster(r->items.v[k], it);
		if (!first)
			continue;
		add_of_cluster(r, it, SET_GLOBALS_OF, SET_GLOBALS);
		add_of_cluster(r, it, SET_SETTINGS_OF, SET_COMMAND);
	}
}

static bool
in(const struct conf_strs *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name) == 0)
			return true;
	return false;
}

static const char *
gone_before(const struct run_gone *g, const char *store)
{
	for (size_t i = 0; g != NULL && i < g->v.n; i++)
		if (strcmp(g->v.v[i].store, store) == 0)
			return g->v.v[i].why;
	return NULL;
}

static void
add_shelf(struct run *r, const char *name, bool must)
{
	struct place_care care = { .cancelled = run_cancelled, .ctx = r };
	const struct site_store *store = site_store(r->ask->site, name);
	const char *why;
	struct shelf *s;

	if (store == NULL || r->n_shelves == RUN_STORES)
		return;
	s = &r->shelves[r->n_shelves++];
	why = gone_before(r->ask->gone, store->name);
	if (why == NULL)
		shelf_open(s, r->ask->site, store, must, &care);
	else {
		*s = (struct shelf){ .store = store, .must = must };
		shelf_dies(s, "%s", why);
	}
	VEC_PUSH(&r->done->stores, ((struct run_store){ .name = store->name,
	    .must = must }));
}

/* An emergency never goes to a disk of this host that is only an `also`. */
static bool
choose_stores(struct run *r, struct err *e)
{
	const struct site_backup *b = &r->ask->site->backup;
	bool emergency = r->ask->class == SET_EMERGENCY;
	const struct conf_strs *to = emergency ? &b->emergency.to : &b->to;

	if (r->ask->store != NULL) {
		if (site_store(r->ask->site, r->ask->store) == NULL)
			return err_set(e, ERR_USAGE, "the site has no store "
			    "'%s'", r->ask->store);
		add_shelf(r, r->ask->store, true);
		return true;
	}
	for (size_t i = 0; i < to->n; i++)
		add_shelf(r, to->v[i], true);
	for (size_t i = 0; i < b->also.n; i++) {
		const struct site_store *s = site_store(r->ask->site,
		    b->also.v[i]);

		if (s != NULL && !in(to, s->name) &&
		    (!emergency || s->at != NULL))
			add_shelf(r, s->name, false);
	}
	if (r->n_shelves > 0)
		return true;
	err_set(e, ERR_USAGE, "the site says of no store that backups go to it");
	return err_hint(e, "backup = { to = ( \"...\" ); } names one.");
}

/* ---- before ------------------------------------------------------------------------ */

/* The largest that is to go there and would not fit any more; NULL: all fit. */
static struct item *
too_much(struct run *r, size_t shelf, int64_t fits)
{
	struct item *most = NULL;
	int64_t all = 0;

	for (size_t i = 0; i < r->items.n; i++) {
		struct item *it = r->items.v[i];

		if (!it->ready || !run_takes(r, it, shelf))
			continue;
		all += it->estimate;
		if (most == NULL || it->estimate > most->estimate)
			most = it;
	}
	return all > fits ? most : NULL;
}

/* Not all of the set has room there: what has goes there all the same, the small
 * ones first, and as many as can be. False: none of it. */
static bool
choose_what_fits(struct run *r, size_t shelf, int64_t fits)
{
	struct preflight *f = &r->done->pre;
	const struct shelf *s = &r->shelves[shelf];
	struct buf out = BUF_INIT;
	struct item *it;
	bool any = false;
	char need[16], may[16];

	text_fmt_size(may, fits > 0 ? fits : 0);
	while ((it = too_much(r, shelf, fits)) != NULL) {
		struct run_part *p = run_part_of(r, it);

		text_fmt_size(need, it->estimate);
		p->copies[shelf].why = pool_printf(r->pool, "no room for it: "
		    "about %s would come, and what is smaller; %s may in all",
		    need, may);
		buf_printf(&out, "%s%s", out.n > 0 ? ", " : "", p->name);
	}
	for (size_t i = 0; i < r->items.n; i++) {
		const struct run_part *p = &r->done->parts.v[i];

		any = any || (r->items.v[i]->ready && !p->spare &&
		    p->kind != SET_GLOBALS &&
		    run_takes(r, r->items.v[i], shelf));
	}
	if (any)
		preflight_find(f, s->must ? PRE_FAIL : PRE_WARN,
		    s->store->name, NULL, "it has no room for %s; the rest "
		    "goes there", out.p);
	for (size_t i = 0; !any && i < r->items.n; i++)
		run_part_of(r, r->items.v[i])->copies[shelf].why = NULL;
	buf_release(&out);
	return any;
}

static void
look_at_store(struct run *r, size_t shelf, int64_t estimate)
{
	struct preflight *f = &r->done->pre;
	struct shelf *s = &r->shelves[shelf];
	int64_t fits;
	struct place_stat st;
	struct err e = ERR_INIT;
	char *path = xstrdup(s->store->path), *slash;

	/* not there yet: the room is that of where it will be */
	while (s->dead == NULL && !place_stat(s->place, path, &st, &e) &&
	    e.kind == ERR_NOTFOUND &&
	    (slash = strrchr(path, '/')) != NULL && slash != path) {
		*slash = '\0';
		err_clear(&e);
	}
	if (s->dead == NULL && e.kind != ERR_NONE && e.kind != ERR_NOTFOUND)
		shelf_dies(s, "%s", e.msg);
	if (s->dead != NULL)
		preflight_find(f, s->must ? PRE_FAIL : PRE_WARN,
		    s->store->name, s->next != NULL ? s->next : e.hint, "%s",
		    s->dead);
	else if (!preflight_room(f, r->ask->site, s->store->name, s->place,
	    path, estimate, r->ask->class, &fits) &&
	    !choose_what_fits(r, shelf, fits))
		shelf_dies(s, "%s", f->v.v[f->v.n - 1].text);
	else if (r->ask->dry && !shelf_try(s, r->ask->class, &e)) {
		preflight_find(f, s->must ? PRE_FAIL : PRE_WARN,
		    s->store->name, e.hint, "it takes no set: %s", e.msg);
		shelf_dies(s, "it takes no set: %s", e.msg);
	}
	free(path);
}

static void
look(struct run *r)
{
	struct preflight *f = &r->done->pre;
	int64_t estimate = 0;

	for (size_t i = 0, n = r->items.n; i < n && !run_cancelled(r); i++) {
		run_part_look(r, r->items.v[i]);
		if (r->items.v[i]->ready)
			estimate += r->items.v[i]->estimate;
	}
	add_globals(r);
	for (size_t i = 0; i < r->n_shelves && !run_cancelled(r); i++)
		look_at_store(r, i, estimate);
	for (size_t i = 0; i < f->v.n; i++) {
		const struct pre_finding *x = &f->v.v[i];

		r->done->degraded = r->done->degraded || x->level != PRE_OK;
		if (x->level != PRE_OK || r->ask->dry)
			run_say(r, "%s%s: %s%s%s", x->level == PRE_OK ? "" :
			    x->level == PRE_WARN ? "[WARNING] " : "[ERROR] ",
			    x->about, x->text, x->next ? "; " : "",
			    x->next ? x->next : "");
	}
}

/* ---- the course ---------------------------------------------------------------------- */

static bool
anything_ready(const struct run *r)
{
	for (size_t i = 0; i < r->items.n; i++)
		if (r->items.v[i]->ready)
			return true;
	return false;
}

/* Nothing can be claimed, or nothing is there to be dumped: each says why. */
static void
all_fail(struct run *r, const char *why, const char *next)
{
	for (size_t i = 0; i < r->items.n; i++)
		run_part_fails(r, r->items.v[i], next, "%s", why);
}

static void
save(struct run *r)
{
	struct err e = ERR_INIT;

	if (!shelves_claim(r->shelves, r->n_shelves, r->ask->class,
	    &r->done->at, &e)) {
		r->done->at = 0;
		all_fail(r, e.msg, e.hint);
		return;
	}
	for (size_t i = 0; i < r->items.n; i++) {
		struct item *it = r->items.v[i];

		if (run_cancelled(r))
			run_part_fails(r, it, NULL, "cancelled");
		else if (it->ready)
			run_part_dump(r, it);
	}
	r->tidying = true;
	run_publish(r);
}

static bool
verdict(struct run *r)
{
	const struct run_done *d = r->done;
	bool ok = !d->cancelled && d->parts.n > 0;

	for (size_t i = 0; i < r->items.n; i++)
		ok = ok && (r->ask->dry ? r->items.v[i]->ready :
		    d->parts.v[i].ok || d->parts.v[i].spare);
	for (size_t i = 0; ok && r->ask->dry && i < r->items.n; i++)
		for (size_t k = 0; k < d->stores.n; k++)
			ok = ok && (!r->shelves[k].must ||
			    run_takes(r, r->items.v[i], k));
	for (size_t i = 0; i < d->stores.n; i++)
		ok = ok && (!r->shelves[i].must || (r->ask->dry ?
		    r->shelves[i].dead == NULL : d->stores.v[i].whole));
	return ok;
}

bool
backup_run(const struct run_ask *ask, const struct run_care *care,
    struct run_done *ret, struct err *e)
{
	struct run r = { .ask = ask, .care = care, .done = ret,
	    .pool = &ret->pre.pool };
	bool ok;

	*ret = (struct run_done){ .at = 0 };
	ok = add_items(&r, e) && choose_stores(&r, e);
	if (ok) {
		look(&r);
		if (!ask->dry && !run_cancelled(&r) && anything_ready(&r))
			save(&r);
		if (run_cancelled(&r))
			all_fail(&r, "cancelled", NULL);
		ok = verdict(&r);
	}
	for (size_t i = 0; i < r.n_shelves; i++) {
		if (ret->stores.v[i].why == NULL && r.shelves[i].dead != NULL)
			ret->stores.v[i].why = pool_str(r.pool,
			    r.shelves[i].dead);
		shelf_release(&r.shelves[i]);
	}
	for (size_t i = 0; i < r.items.n; i++) {
		for (size_t k = 0; k < r.items.v[i]->pieces.n; k++)
			flow_done_release(&r.items.v[i]->pieces.v[k].flow);
		for (size_t k = 0; k < r.items.v[i]->pieces.n; k++)
			buf_release(&r.items.v[i]->pieces.v[k].rows);
		VEC_RELEASE(&r.items.v[i]->pieces);
		free(r.items.v[i]);
	}
	VEC_RELEASE(&r.items);
	return ok;
}

void
run_gone_release(struct run_gone *g)
{
	for (size_t i = 0; i < g->v.n; i++)
		free(g->v.v[i].why);
	VEC_RELEASE(&g->v);
}

void
run_done_release(struct run_done *d)
{
	for (size_t i = 0; i < d->parts.n; i++)
		VEC_RELEASE(&d->parts.v[i].warnings);
	VEC_RELEASE(&d->parts);
	VEC_RELEASE(&d->stores);
	preflight_release(&d->pre);
}
