#include "verb/pruning.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup/lock.h"
#include "backup/prune.h"
#include "base/clock.h"
#include "base/text.h"
#include "verb/shelf.h"

enum { SHOWN = 40 };			/* lines of a plan; each is journaled */

struct pruning {
	struct saving *s;
	struct pruned *ret;
	struct shelves shelves;
	struct keep_parts parts;
	struct sets_ask look;
	struct keep_ask keep;
	struct prune_ask ask;
	struct prune_plan plan;
	VEC(struct keep_store) stores;
};

static const char *
store_of(const struct pruning *p, const struct prune_item *i)
{
	return p->shelves.v.v[i->store]->store->name;
}

/* ---- the plan ---------------------------------------------------------------------- */

/* No component of the site has failed since: whoever calls has just seen all of
 * them proven. */
static void
ask_for(struct pruning *p)
{
	const struct site *site = &p->s->desk.site;

	keep_parts_of(site, &p->parts);
	for (size_t i = 0; i < p->shelves.v.n; i++) {
		struct shelf *s = p->shelves.v.v[i];

		if (s->ok && s->place != NULL && p->look.n_orphans > 0)
			sets_dig(&s->sets, s->place, &p->look);
		VEC_PUSH(&p->stores, ((struct keep_store){ &s->sets, s->ok }));
	}
	p->keep = (struct keep_ask){ .stores = p->stores.v,
		.n_stores = p->stores.n, .parts = p->parts.v.v,
		.n_parts = p->parts.v.n, .policy = &site->retention,
		.now = clock_wall_ms(), .opened = p->s->desk.have_inc ?
		incident_since(&p->s->desk.inc) : 0 };
	p->ask = (struct prune_ask){ &p->keep, &p->look, &p->s->desk.state };
}

static void
look(struct pruning *p)
{
	for (size_t i = 0; i < p->shelves.v.n; i++) {
		struct shelf *s = p->shelves.v.v[i];
		struct err e = s->why;

		if (s->ok && (s->place == NULL || s->why.kind != ERR_NONE))
			continue;	/* nothing was ever stored there */
		if (s->ok && prune_look(&p->plan, &p->ask, i, s->place, &e))
			continue;
		s->ok = false;
		p->ret->unread++;
		saving_say(p->s, "[WARNING] retention: %s cannot be read (%s); "
		    "nothing is removed there", s->store->name, e.msg);
	}
}

static void
put_item(const struct pruning *p, const struct prune_item *i, struct buf *out)
{
	json_comma(out);
	json_open(out);
	json_put_str(out, "store", store_of(p, i));
	json_put_str(out, "path", i->path);
	json_put_str(out, "kind", prune_kind_name(i->kind));
	json_put_int(out, "size", i->size);
	json_put_str(out, "reason", i->reason);
	if (i->fate != PRUNE_PLANNED)
		json_put_bool(out, "done", i->fate == PRUNE_DONE);
	json_put_str(out, "left", i->left);
	json_close(out);
}

/* Before anything is done. False: it could not be recorded. */
static bool
say_plan(struct pruning *p)
{
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	char size[16], code[9], *text;
	bool ok;

	text_fmt_size(size, prune_size(&p->plan));
	prune_code(&p->plan, code);
	for (size_t i = 0; i < p->plan.v.n && i < SHOWN; i++) {
		const struct prune_item *x = &p->plan.v.v[i];
		char bytes[16];

		text_fmt_size(bytes, x->size);
		saving_say(p->s, "retention: %s %s %s%s%s: %s", store_of(p, x),
		    x->path, x->kind == PRUNE_PROMOTE ? "becomes weekly" :
		    "goes", x->kind == PRUNE_PROMOTE ? "" : ", ",
		    x->kind == PRUNE_PROMOTE ? "" : bytes, x->reason);
	}
	if (p->plan.v.n > SHOWN)
		saving_say(p->s, "retention: and %zu more", p->plan.v.n -
		    SHOWN);
	text = xprintf("retention: the plan has %zu thing%s, %s (%s)",
	    p->plan.v.n, p->plan.v.n == 1 ? "" : "s", size, code);
	json_open(&data);
	json_put_str(&data, "source", "retention");
	json_put_str(&data, "code", code);
	json_key(&data, "items");
	json_open_list(&data);
	for (size_t i = 0; i < p->plan.v.n && i < SHOWN; i++)
		put_item(p, &p->plan.v.v[i], &data);
	json_close_list(&data);
	json_put_int(&data, "kept", (int64_t)p->plan.kept.n);
	json_close(&data);
	ok = saving_journal(p->s, EVENT_EVIDENCE, text, data.p, &e);
	buf_release(&data);
	free(text);
	return ok;
}

/* ---- doing it ------------------------------------------------------------------------ */

static bool
on_step(void *ctx, const struct prune_item *i, enum prune_step step,
    const char *path, struct err *e)
{
	struct pruning *p = ctx;
	struct buf text = BUF_INIT, data = BUF_INIT;
	struct err why = ERR_INIT;
	bool ok;

	/* a rename and each file are parts of what was announced */
	if (step != PRUNE_BEGINS && step != PRUNE_ENDS)
		return true;
	buf_printf(&text, "retention: %s %s ", store_of(p, i), path);
	if (step == PRUNE_BEGINS)
		buf_str(&text, i->kind == PRUNE_PROMOTE ? "is moved into weekly"
		    : "is removed");
	else if (i->fate != PRUNE_DONE)
		buf_printf(&text, "is still there: %s", i->left != NULL ?
		    i->left : "?");
	else
		buf_str(&text, i->kind == PRUNE_PROMOTE ? "is a weekly set now"
		    : "is gone");
	json_open(&data);
	json_put_str(&data, "source", "retention");
	json_key(&data, "item");
	put_item(p, i, &data);
	json_close(&data);
	ok = saving_journal(p->s, EVENT_EVIDENCE, text.p, data.p, &why);
	if (!ok && step == PRUNE_BEGINS)
		err_set(e, ERR_FAILED, "nothing is removed without a record of "
		    "it (%s)", why.msg);
	buf_release(&text);
	buf_release(&data);
	return ok || step != PRUNE_BEGINS;
}

static bool
is_cancelled(void *ctx)
{
	const struct pruning *p = ctx;

	return p->s->care.cancelled(p->s->care.ctx);
}

static void
tally(struct pruning *p)
{
	struct pruned *ret = p->ret;

	for (size_t i = 0; i < p->plan.v.n; i++) {
		const struct prune_item *x = &p->plan.v.v[i];

		put_item(p, x, &ret->json);
		if (x->fate != PRUNE_DONE) {
			ret->left++;
			saving_say(p->s, "[WARNING] retention: %s %s is still "
			    "there: %s", store_of(p, x), x->path, x->left !=
			    NULL ? x->left : "it was not tried");
		} else if (x->kind == PRUNE_PROMOTE)
			ret->promoted++;
		else {
			ret->removed++;
			ret->freed += x->size;
		}
	}
}

static void
carry_out(struct pruning *p)
{
	struct prune_care care = { on_step, is_cancelled, p };
	struct err e = ERR_INIT;

	for (size_t i = 0; i < p->shelves.v.n; i++) {
		struct shelf *s = p->shelves.v.v[i];

		if (s->ok && s->place != NULL)
			(void)prune_run(&p->plan, &p->ask, i, s->place, &care,
			    &e);
	}
	tally(p);
}

static void
prune_all(struct pruning *p)
{
	struct saving *s = p->s;
	struct err e = ERR_INIT;

	p->shelves.cancelled = s->care.cancelled;
	p->shelves.ctx = s->care.ctx;
	p->shelves.look = p->look;
	if (!shelves_open(&p->shelves, &s->desk.site, NULL, &e))
		return;
	ask_for(p);
	look(p);
	if (p->plan.v.n > 0 && say_plan(p))
		carry_out(p);
	else if (p->plan.v.n > 0) {
		p->ret->left = p->plan.v.n;
		saving_say(s, "[WARNING] retention: nothing is removed without "
		    "a record of it");
	}
}

void
pruning_run(struct saving *s, struct pruned *ret)
{
	const struct conf_strs *orphans = &s->desk.site.backup.orphans;
	struct pruning p = { .s = s, .ret = ret,
		.look.orphans = (const char *const *)orphans->v,
		.look.n_orphans = orphans->n };
	struct backup_lock lock = BACKUP_LOCK_INIT;
	struct err e = ERR_INIT;
	char size[16];

	if (s->care.progress != NULL)
		s->care.progress(s->care.ctx, "retention: what may go", 0, 0);
	if (backup_lock_take(&lock, &s->desk.state, PRUNE_LOCK, "nightly",
	    &e) || e.kind != ERR_BUSY)
		prune_all(&p);
	else {
		ret->unread = site_stores(&s->desk.site);
		saving_say(s, "[WARNING] retention: this night removes nothing:"
		    " %s", e.msg);
	}
	backup_lock_drop(&lock);
	if (ret->removed + ret->promoted > 0) {
		text_fmt_size(size, ret->freed);
		saving_say(s, "[OK] retention: %zu removed, %s freed, %zu "
		    "became weekly", ret->removed, size, ret->promoted);
	}
	prune_release(&p.plan);
	keep_parts_release(&p.parts);
	shelves_release(&p.shelves);
	VEC_RELEASE(&p.stores);
}

void
pruned_release(struct pruned *p)
{
	buf_release(&p->json);
}
