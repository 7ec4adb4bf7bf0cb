/* Doing what the plan says, and nothing after the first surprise. */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cleanup/engines.h"
#include "cleanup/tree.h"

/* A line of the journal takes about 4000 bytes. */
enum { BATCH = 200, BATCH_BYTES = 2800, PATH_SHOWN = 400 };

struct doer {
	struct clean_plan *p;
	const struct clean_care *care;
	struct opened *opened;
	struct err first;
	size_t done;
};

static void
fail(struct doer *d, const struct err *e)
{
	if (d->first.kind == ERR_NONE)
		d->first = *e;
}

static bool
may_go_on(struct doer *d)
{
	struct err e = ERR_INIT;

	if (d->first.kind != ERR_NONE)
		return false;
	if (d->care->cancelled == NULL || !d->care->cancelled(d->care->ctx))
		return true;
	err_set(&e, ERR_CANCELLED, "cancelled");
	fail(d, &e);
	return false;
}

/* ---- the record -------------------------------------------------------------------- */

static size_t
put_path(struct buf *out, const char *s)
{
	size_t n = text_fit(s, strlen(s), PATH_SHOWN);

	json_comma(out);
	json_textn(out, s, n);
	return json_text_size(s, n) + 1;
}

/* What is about to happen to v[0..n). False: it may not, nobody would know. */
static bool
intend(struct doer *d, const struct clean_part *part,
    struct clean_item *const *v, size_t n)
{
	struct buf text = BUF_INIT, data = BUF_INIT, where = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t size = 0;
	char word[16];
	bool ok;

	json_open(&data);
	json_put_str(&data, "what", "cleanup");
	json_put_str(&data, "part", part->name);
	json_put_str(&data, "kind", clean_kind_name(v[0]->kind));
	json_key(&data, "items");
	json_open_list(&data);
	for (size_t i = 0; i < n; i++) {
		(void)put_path(&data, v[i]->what);
		size += v[i]->size;
	}
	json_close_list(&data);
	json_put_int(&data, "size", size);
	json_close(&data);
	text_fmt_size(word, size);
	clean_where(d->p, v[0], &where);
	if (v[0]->kind == CLEAN_PROMOTE)
		buf_printf(&text, "moving into weekly: %s", where.p);
	else if (n == 1)
		buf_printf(&text, "removing %s %s, %s",
		    clean_kind_name(v[0]->kind), where.p, word);
	else
		buf_printf(&text, "removing %zu %ss, %s, from %s on", n,
		    clean_kind_name(v[0]->kind), word, where.p);
	ok = d->care->journal == NULL || d->care->journal(d->care->ctx, text.p,
	    data.p, &e);
	if (!ok) {
		err_wrap(&e, "nothing is removed that is not in the journal");
		err_hint(&e, "'midwatch incident open' has a journal with room "
		    "of its own.");
		fail(d, &e);
	}
	buf_release(&text);
	buf_release(&data);
	buf_release(&where);
	return ok;
}

static void
outcome(struct doer *d, const struct clean_part *part,
    struct clean_item *const *v, size_t n, size_t done)
{
	struct buf text = BUF_INIT, data = BUF_INIT, where = BUF_INIT;
	struct err e = ERR_INIT;

	json_open(&data);
	json_put_str(&data, "what", "cleanup");
	json_put_str(&data, "part", part->name);
	json_put_int(&data, "done", (int64_t)done);
	json_put_int(&data, "of", (int64_t)n);
	if (done < n)
		clean_where(d->p, v[done], &where);
	if (done == n && n == 1) {
		clean_where(d->p, v[0], &where);
		buf_printf(&text, "%s: %s", v[0]->kind == CLEAN_PROMOTE ?
		    "moved" : "removed", where.p);
	} else if (done == n)
		buf_printf(&text, "removed: all %zu", n);
	else
		buf_printf(&text, "stopped after %zu of %zu, at %s: %s", done,
		    n, where.p, v[done]->left != NULL ? v[done]->left : "?");
	if (done < n && v[done]->left != NULL) {
		json_key(&data, "left");
		json_textn(&data, v[done]->left, text_fit(v[done]->left,
		    strlen(v[done]->left), PATH_SHOWN));
	}
	json_close(&data);
	if (d->care->journal != NULL && !d->care->journal(d->care->ctx, text.p,
	    data.p, &e))
		fail(d, &e);	/* what follows would go unrecorded */
	if (d->care->say != NULL)
		d->care->say(d->care->ctx, text.p);
	buf_release(&text);
	buf_release(&data);
	buf_release(&where);
}

static void
left(struct doer *d, struct clean_item *i, const struct err *why)
{
	struct err e = *why;
	struct buf where = BUF_INIT;

	i->fate = PRUNE_LEFT;
	free(i->left);
	i->left = xstrdup(why->msg);
	clean_where(d->p, i, &where);
	err_wrap(&e, "%.300s", where.p);
	fail(d, &e);
	buf_release(&where);
}

/* ---- folders and engines ------------------------------------------------------------ */

static size_t
do_batch(struct doer *d, const struct clean_part *part,
    struct clean_item *const *v, size_t n)
{
	struct err e = ERR_INIT;
	size_t done = 0;

	if (part->sort == CLEAN_TREE && part->at != NULL)
		done = tree_remove_far(part, v, n, &e);
	else
		while (done < n && (part->sort == CLEAN_TREE ?
		    tree_remove_here(part, v[done], &d->opened, &e) :
		    engines_remove(d->p, v[done], &e)))
			done++;
	for (size_t i = 0; i < done; i++)
		v[i]->fate = PRUNE_DONE;
	if (done < n)
		left(d, v[done], &e);
	return done;
}

/* As many of one kind as fit into a line of the journal; objects of an engine
 * one by one. */
static size_t
fill_batch(struct clean_plan *p, size_t from, struct clean_item **v)
{
	const struct clean_item *first = &p->v.v[from];
	const char *name = p->parts.v[first->part]->name;
	size_t n = 0, bytes = json_text_size(name, strlen(name));

	for (size_t i = from; i < p->v.n && n < BATCH; i++) {
		struct clean_item *c = &p->v.v[i];

		bytes += json_text_size(c->what, strlen(c->what)) + 1;
		if (c->part != first->part || c->kind != first->kind ||
		    (n > 0 && (bytes > BATCH_BYTES ||
		    c->kind >= CLEAN_CONTAINER)))
			break;
		v[n++] = c;
	}
	return n;
}

static void
do_rest(struct doer *d, size_t from)
{
	struct clean_plan *p = d->p;
	struct clean_item *v[BATCH];

	for (size_t i = from; i < p->v.n && may_go_on(d);) {
		const struct clean_part *part = p->parts.v[p->v.v[i].part];
		size_t n = fill_batch(p, i, v), done;

		if (d->care->progress != NULL)
			d->care->progress(d->care->ctx, part->name,
			    (int64_t)i, (int64_t)p->v.n);
		if (!intend(d, part, v, n))
			return;
		done = do_batch(d, part, v, n);
		d->done += done;
		outcome(d, part, v, n, done);
		i += n;
	}
}

/* ---- stores ---------------------------------------------------------------------------- */

static struct clean_item *
item_of(struct clean_plan *p, const struct prune_item *x)
{
	for (size_t i = 0; i < p->v.n; i++)
		if (p->v.v[i].kind <= CLEAN_PROMOTE &&
		    &p->prune.v.v[p->v.v[i].prune] == x)
			return &p->v.v[i];
	return NULL;
}

/* At the moment: here alone, where it can be seen. */
static bool
nobody_reads(struct doer *d, const struct clean_part *part, const char *path,
    struct err *e)
{
	char *full;
	const char *who;

	if (part->at != NULL)
		return true;
	opened_free(d->opened);
	d->opened = opened_look();
	full = file_join(part->path, path);
	who = opened_below(d->opened, full);
	free(full);
	return who == NULL || err_set(e, ERR_GUARD, "it is open: %s", who);
}

static bool
on_step(void *ctx, const struct prune_item *x, enum prune_step step,
    const char *path, struct err *e)
{
	struct doer *d = ctx;
	struct clean_item *i = item_of(d->p, x);
	const struct clean_part *part = d->p->parts.v[x->store];
	struct err why = ERR_INIT;

	if (i == NULL)
		return err_set(e, ERR_GUARD, "it is not in the plan");
	if (step == PRUNE_BEGINS && !nobody_reads(d, part, path, e))
		return false;
	if (step == PRUNE_BEGINS && !intend(d, part, &i, 1)) {
		*e = d->first;
		return false;
	}
	if (step != PRUNE_ENDS)
		return true;
	if (x->fate == PRUNE_DONE) {
		i->fate = PRUNE_DONE;
		d->done++;
	} else {
		err_set(&why, ERR_GUARD, "%s", x->left != NULL ? x->left :
		    "it is still there");
		left(d, i, &why);
	}
	outcome(d, part, &i, 1, x->fate == PRUNE_DONE);
	/* the first surprise is the last thing */
	return d->first.kind == ERR_NONE || err_set(e, ERR_GUARD, "stopped");
}

static bool
is_cancelled(void *ctx)
{
	const struct doer *d = ctx;

	return d->care->cancelled != NULL &&
	    d->care->cancelled(d->care->ctx);
}

static void
do_stores(struct doer *d)
{
	struct clean_plan *p = d->p;
	struct prune_care care = { on_step, is_cancelled, d };

	for (size_t i = 0; i < p->parts.n && may_go_on(d); i++) {
		const struct clean_part *part = p->parts.v[i];
		struct err e = ERR_INIT;
		bool any = false;

		for (size_t k = 0; k < p->v.n; k++)
			any = any || (p->v.v[k].part == i &&
			    p->v.v[k].kind <= CLEAN_PROMOTE);
		if (any && part->sort == CLEAN_STORE && part->trouble == NULL &&
		    !prune_run(&p->prune, &p->prune_ask, part->store,
		    part->place, &care, &e))
			fail(d, &e);
	}
}

bool
clean_run(struct clean_plan *p, const struct clean_care *care, struct err *e)
{
	struct doer d = { .p = p, .care = care };
	size_t from = 0;

	do_stores(&d);
	while (from < p->v.n && p->v.v[from].kind <= CLEAN_PROMOTE)
		from++;
	do_rest(&d, from);
	for (size_t i = 0; i < p->v.n; i++)
		if (p->v.v[i].fate == PRUNE_PLANNED) {
			p->v.v[i].fate = PRUNE_LEFT;
			p->v.v[i].left = xstrdup("not tried");
		}
	opened_free(d.opened);
	if (d.first.kind != ERR_NONE)
		*e = d.first;
	return d.first.kind == ERR_NONE;
}
