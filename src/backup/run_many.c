/* A database in several archives at once, under one snapshot. */
#include <stdlib.h>
#include <string.h>

#include "backup/run_intern.h"
#include "base/clock.h"

struct many {
	struct run *r;
	struct item *it;
	struct way *w;
	struct leader leader;
	size_t n;			/* archives */
	struct dump *dumps;
	int64_t *shares;		/* raw bytes that each may have */
};

static int
jobs_of(struct run *r, struct item *it, struct way *w)
{
	struct buf why = BUF_INIT;
	int n = leader_jobs(w, &it->facts, r->ask->jobs, &why);

	if (why.n > 0)
		run_say(r, "%s: %s", run_part_of(r, it)->name, why.p);
	buf_release(&why);
	return n;
}

/* The folder on every store; one that does not take it dies. */
static bool
make_folders(struct many *m)
{
	const char *name = run_part_of(m->r, m->it)->name;
	size_t living = 0;

	for (size_t i = 0; i < m->r->n_shelves; i++) {
		struct shelf *s = &m->r->shelves[i];
		struct err e = ERR_INIT;

		if (run_takes(m->r, m->it, i) && !shelf_folder(s, name, &e))
			shelf_dies(s, "%s", e.msg);
		living += run_takes(m->r, m->it, i);
	}
	return living > 0;
}

static void
add(struct many *m, const struct dump_share *share, int number, int64_t bytes)
{
	struct run_part *p = run_part_of(m->r, m->it);
	struct buf file = BUF_INIT;

	set_piece_name(&file, number, share->section);
	(void)run_add_piece(m->r, m->it, p->name, file.p);
	m->shares[m->n] = bytes;
	dump_database(&m->dumps[m->n++], m->w, &m->it->tools, &m->it->facts,
	    share);
	buf_release(&file);
}

/* In the order in which they are restored. */
static void
make_dumps(struct many *m)
{
	struct leader *l = &m->leader;
	struct dump_share share = { .snapshot = l->snapshot,
		.section = "pre-data" };
	int64_t all = 1;

	m->dumps = xcalloc(l->groups.n + 2, sizeof *m->dumps);
	m->shares = xcalloc(l->groups.n + 2, sizeof *m->shares);
	for (size_t i = 0; i < l->groups.n; i++)
		all += l->groups.v[i].bytes;
	m->it->pieces.n = 0;
	add(m, &share, SET_PIECE_FIRST, 0);
	for (size_t i = 0; i < l->groups.n; i++) {
		const struct leader_group *g = &l->groups.v[i];
		double part = (double)g->bytes / (double)all;

		share.section = "data";
		share.only = g->only.v;
		share.n_only = g->only.n;
		share.without = i == 0 ? l->without.v : NULL;
		share.n_without = i == 0 ? l->without.n : 0;
		add(m, &share, (int)i + 1,
		    (int64_t)(part * (double)m->it->expected));
	}
	share = (struct dump_share){ .snapshot = l->snapshot,
	    .section = "post-data" };
	add(m, &share, SET_PIECE_LAST, 0);
}

/* Nothing of them is kept, anywhere, and one stream does it all again. */
static void
undo(struct run *r, struct item *it, const struct err *why)
{
	struct run_part *p = run_part_of(r, it);
	struct buf file = BUF_INIT;

	for (size_t i = 0; i < r->n_shelves; i++)
		if (run_takes(r, it, i) &&
		    !run_part_drop(r, it, &r->shelves[i]))
			shelf_dies(&r->shelves[i], "what several streams had "
			    "sent of %s could not be removed", p->name);
	for (size_t i = 0; i < it->pieces.n; i++) {
		flow_done_release(&it->pieces.v[i].flow);
		buf_release(&it->pieces.v[i].rows);
	}
	it->pieces.n = 0;
	it->dir = it->snapshot = NULL;
	it->raw = it->packed = it->took_ms = 0;
	set_file_name(&file, p->kind, p->name);
	p->file = run_add_piece(r, it, NULL, file.p)->file;
	buf_release(&file);
	run_part_warns(r, it, "several streams failed, so one stream saves all "
	    "of it again: %s", why->msg);
}

bool
run_part_many(struct run *r, struct item *it, struct way *w)
{
	struct run_part *p = run_part_of(r, it);
	struct many m = { .r = r, .it = it, .w = w };
	int jobs = jobs_of(r, it, w);
	struct err e = ERR_INIT;
	bool many;

	if (jobs <= 1)
		return false;
	if (!leader_begin(&m.leader, w, &it->facts, jobs, &e)) {
		/* one stream would wait for the same lock */
		if (e.kind == ERR_BUSY)
			run_part_fails(r, it, e.hint, "%s", e.msg);
		else
			run_say(r, "%s: one stream: %s", p->name, e.msg);
		return false;
	}
	if (!make_folders(&m)) {
		leader_end(&m.leader);
		run_part_fails(r, it, NULL, "no store takes its folder");
		return false;
	}
	it->dir = p->name;
	it->snapshot = pool_str(r->pool, m.leader.snapshot);
	p->file = pool_printf(r->pool, "%s/", p->name);
	make_dumps(&m);
	many = run_part_stream(r, it, m.dumps, m.n, &(struct together){
	    &m.leader, m.shares, (size_t)jobs }, &e);
	for (size_t i = 0; i < m.n; i++)
		dump_release(&m.dumps[i]);
	free(m.dumps);
	free(m.shares);
	leader_end(&m.leader);
	if (!many)
		undo(r, it, &e);
	return many;
}
