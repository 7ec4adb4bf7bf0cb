#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup/run_intern.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/who.h"

/* ---- sizes ---------------------------------------------------------------------- */

/* Against the last good ones: a warning, never a reason to throw data away. */
static void
judge_size(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);
	const struct size_entry copy = { .size = p->size,
		.raw_size = p->raw_size, .tables = p->tables };
	struct sizes s = { 0 };
	struct size_base base;
	struct err quiet = ERR_INIT;
	struct buf why = BUF_INIT;
	char is[32], was[32];

	if (r->ask->state == NULL || p->kind == SET_GLOBALS || p->spare ||
	    !p->saved || !sizes_read(&s, r->ask->state, p->name, &quiet))
		return;
	sizes_base(&s, r->done->at, &base);
	p->size_verdict = sizes_judge(&base, &copy,
	    r->ask->site->backup.size_change, &why);
	if (why.n > 0)
		run_part_warns(r, it, "its size is %s; 'midwatch validate "
		    "latest --restore' would show whether something is missing",
		    why.p);
	if (sizes_slow(&base, p->took_ms)) {
		text_fmt_duration(is, p->took_ms);
		text_fmt_duration(was, base.took_ms);
		run_part_warns(r, it, "it took %s, usually %s", is, was);
	}
	buf_release(&why);
	sizes_release(&s);
}

static void
keep_size(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);
	struct size_entry entry = { .at = r->done->at,
		.class = r->ask->class, .size = p->size,
		.raw_size = p->raw_size, .tables = p->tables,
		.rows = p->rows,
		.took_ms = p->took_ms, .good = p->ok };
	struct err e = ERR_INIT;

	if (r->ask->state == NULL || p->kind == SET_GLOBALS || p->spare ||
	    !p->saved)
		return;
	if (p->kind == SET_DATABASE && it->facts.system_identifier != NULL)
		sizes_cluster_is(r->ask->state, p->name,
		    it->facts.system_identifier);
	if (sizes_append(r->ask->state, p->name, &entry, &e))
		return;
	run_say(r, "[WARNING] %s: its size could not be noted: %s", p->name,
	    e.msg);
}

/* ---- the manifest ----------------------------------------------------------------- */

static void
put_identity(struct set_part *part, const struct item *it)
{
	if (it->db == NULL)
		return;
	part->from = (struct set_identity){
		.system_identifier = it->facts.system_identifier,
		.server_version = it->facts.version,
		.role = it->facts.standby ? "standby" : "primary",
		.host = it->db->host, .dbname = it->db->dbname,
		.user = it->way == WAY_SUPERUSER ? it->db->superuser.user :
		    it->db->user,
	};
}

/* From a folder of its own a file is named without it. */
static const char *
in_its_dir(const struct item *it, const char *file)
{
	return it->dir != NULL ? file + strlen(it->dir) + 1 : file;
}

static void
put_file(struct set_part *part, const struct item *it, const struct piece *p)
{
	struct set_file *f = VEC_NEW(&part->files);

	f->name = in_its_dir(it, p->file);
	f->size = p->flow.packed;
	f->raw_size = p->flow.raw;
	memcpy(f->sha256, p->flow.sha256, SHA_HEX);
	f->index.name = in_its_dir(it, p->index);
	f->index.size = (int64_t)p->flow.index.n;
	memcpy(f->index.sha256, p->flow.index_sha256, SHA_HEX);
	if (p->counts == NULL)
		return;
	f->counts.name = in_its_dir(it, p->counts);
	f->counts.size = (int64_t)p->rows.n;
	memcpy(f->counts.sha256, p->rows_sha256, SHA_HEX);
}

static void
put_procs(struct set_part *part, const struct item *it, const struct piece *p)
{
	for (size_t i = 0; i < p->flow.procs.n; i++) {
		const struct flow_proc *q = &p->flow.procs.v[i];

		if (q->exit < 0 || q->exit > 255)
			continue;	/* its end was never seen */
		VEC_PUSH(&part->pipe, ((struct set_proc){
		    .name = i == 0 ? it->program : q->name,
		    .version = i == 0 ? it->version : i == 1 ? gz_engine() :
		    NULL, .exit = q->exit }));
	}
}

/* As this store has it. */
static void
put_part(struct run *r, struct manifest *m, struct item *it, size_t shelf)
{
	const struct run_part *p = run_part_of(r, it);
	struct set_part *part = manifest_part(m, p->name, p->kind);
	bool there = p->copies[shelf].verified;

	part->complete = there && it->facts.n_lacks == 0;
	part->started = it->started != 0 ? it->started : m->started;
	part->finished = it->finished != 0 ? it->finished : part->started;
	put_identity(part, it);
	for (size_t i = 0; i < it->pieces.n; i++) {
		put_procs(part, it, &it->pieces.v[i]);
		if (there)
			put_file(part, it, &it->pieces.v[i]);
	}
	part->dir = there ? it->dir : NULL;
	part->snapshot = there ? it->snapshot : NULL;
	if (there && p->tables >= 0) {
		part->tables = p->tables;
		part->rows = p->rows;
	}
	if (!part->complete)
		part->problem = p->copies[shelf].why != NULL ?
		    p->copies[shelf].why : p->why != NULL ? p->why :
		    "it is not there";
	for (size_t i = 0; i < p->warnings.n; i++)
		VEC_PUSH(&part->warnings, p->warnings.v[i]);
}

static void
fill(struct run *r, struct manifest *m, struct proof *proof, size_t shelf,
    bool *ret_all, bool *ret_any)
{
	*m = (struct manifest){ .site = r->ask->site->name, .by = "midwatch",
		.host = who_am_i()->host, .class = r->ask->class,
		.started = r->done->at, .finished = clock_wall_ms() };
	*proof = (struct proof){ .kind = PROVEN_VERIFIED,
		.at = clock_wall_ms(), .by = who_am_i()->by,
		.host = who_am_i()->host };
	*ret_all = true;
	*ret_any = false;
	for (size_t i = 0; i < r->items.n; i++) {
		struct item *it = r->items.v[i];
		const struct run_part *p = run_part_of(r, it);
		bool there = p->copies[shelf].verified;

		if (!there && p->spare)
			continue;
		put_part(r, m, it, shelf);
		*ret_any = *ret_any || (there && p->kind != SET_GLOBALS &&
		    !p->spare);
		*ret_all = *ret_all && there && !it->sent_only &&
		    it->facts.n_lacks == 0;
		if (there && !it->sent_only && it->facts.n_lacks == 0)
			VEC_PUSH(&proof->parts, ((struct proof_part){
			    .name = p->name, .ok = true, .bytes = p->size,
			    .took_ms = p->took_ms, .tables = p->tables,
			    .rows = p->rows,
			    .text = "read to its end as it was made; size and "
			    "SHA-256 read back" }));
	}
	m->complete = *ret_all;
}

/* ---- publishing ------------------------------------------------------------------- */

static void
publish_on(struct run *r, size_t i)
{
	struct shelf *s = &r->shelves[i];
	struct run_store *out = &r->done->stores.v[i];
	struct manifest m;
	struct proof proof;
	struct err e = ERR_INIT;
	struct buf left = BUF_INIT;
	bool all, any;

	fill(r, &m, &proof, i, &all, &any);
	/* of one that was given up only what it has whole may stay */
	for (size_t k = 0; any && s->dead != NULL && k < r->items.n; k++)
		if (!r->done->parts.v[k].copies[i].verified)
			(void)run_part_drop(r, r->items.v[k], s);
	if (any && !shelf_publish(s, &m, proof.parts.n > 0 ? &proof : NULL,
	    all, &e)) {
		shelf_dies(s, "it could not be published: %s", e.msg);
		run_say(r, "[ERROR] %s: %s%s%s", s->store->name, s->dead,
		    *e.hint ? "; " : "", e.hint);
		for (size_t k = 0; k < r->done->parts.n; k++) {
			struct run_copy *c = &r->done->parts.v[k].copies[i];

			c->verified = false;
			if (c->why == NULL)
				c->why = pool_str(r->pool, s->dead);
		}
	}
	if (s->path != NULL) {
		out->path = pool_str(r->pool, s->path);
		out->whole = all;
		goto out;
	}
	/* roles alone are no set: they are not there either */
	for (size_t k = 0; k < r->done->parts.n; k++) {
		struct run_copy *c = &r->done->parts.v[k].copies[i];

		if (c->verified && c->why == NULL)
			c->why = "no set was kept there";
		c->verified = false;
	}
	if (!shelf_abandon(s, &left)) {
		run_say(r, "[WARNING] left behind: %s", left.p);
		r->done->left = pool_printf(r->pool, "%s%s%s", r->done->left ?
		    r->done->left : "", r->done->left ? "; " : "", left.p);
	}
out:
	manifest_release(&m);
	proof_release(&proof);
	buf_release(&left);
}

/* After it was published, or was not: what is still true of the part? */
static void
judge_again(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);

	p->saved = false;
	for (size_t i = 0; i < r->n_shelves; i++) {
		p->saved = p->saved || p->copies[i].verified;
		if (!r->shelves[i].must || p->copies[i].verified)
			continue;
		p->ok = false;
		run_part_fails(r, it, NULL, "%s does not have it: %s",
		    r->shelves[i].store->name, p->copies[i].why != NULL ?
		    p->copies[i].why : r->shelves[i].dead != NULL ?
		    r->shelves[i].dead : "it is not there");
	}
}

static void
journal_left(struct run *r)
{
	struct buf data = BUF_INIT;

	if (r->done->left == NULL)
		return;
	json_open(&data);
	json_put_str(&data, "left_behind", r->done->left);
	json_close(&data);
	run_journal(r, "an unfinished set could not be removed", &data);
	buf_release(&data);
}

void
run_publish(struct run *r)
{
	for (size_t i = 0; i < r->items.n; i++)
		judge_size(r, r->items.v[i]);
	for (size_t i = 0; i < r->n_shelves; i++)
		if (r->shelves[i].dir != NULL)
			publish_on(r, i);
	for (size_t i = 0; i < r->items.n; i++) {
		judge_again(r, r->items.v[i]);
		keep_size(r, r->items.v[i]);
	}
	journal_left(r);
}
