#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/run_intern.h"
#include "base/clock.h"
#include "base/text.h"

enum { LOGIN_MS = 20000, SAID_MAX = 4000, SAY_MS = 1000 };

struct run_part *
run_part_of(struct run *r, const struct item *it)
{
	return &r->done->parts.v[it->part];
}

bool
run_takes(struct run *r, const struct item *it, size_t shelf)
{
	return r->shelves[shelf].dead == NULL &&
	    run_part_of(r, it)->copies[shelf].why == NULL;
}

void
run_part_fails(struct run *r, struct item *it, const char *next,
    const char *fmt, ...)
{
	struct run_part *p = run_part_of(r, it);
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	if (p->why != NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	p->why = pool_str(r->pool, clean.p);
	if (next != NULL && *next != '\0')
		p->next = pool_str(r->pool, next);
	buf_release(&b);
	buf_release(&clean);
}

void
run_part_warns(struct run *r, struct item *it, const char *fmt, ...)
{
	struct run_part *p = run_part_of(r, it);
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	VEC_PUSH(&p->warnings, pool_str(r->pool, clean.p));
	r->done->degraded = true;
	run_say(r, "[WARNING] %s: %s", p->name, clean.p);
	buf_release(&b);
	buf_release(&clean);
}

/* ---- before ------------------------------------------------------------------- */

/* What the last ones took, else a third of what there is. */
static void
estimate(struct run *r, struct item *it, int64_t raw)
{
	struct sizes s = { 0 };
	struct size_base base = { .n = 0 };
	struct err quiet = ERR_INIT;

	if (r->ask->state != NULL && sizes_read(&s, r->ask->state,
	    run_part_of(r, it)->name, &quiet))
		sizes_base(&s, clock_wall_ms(), &base);
	it->expected = base.n > 0 && base.raw_size >= 0 ? base.raw_size : raw;
	it->estimate = base.n > 0 && base.size >= 0 ?
	    base.size + base.size / 10 : raw / 3;
	sizes_release(&s);
}

/* A login may lead elsewhere than it did: to a copy, or after a move. It is saved all
 * the same, and said. */
static void
is_the_same(struct run *r, struct item *it)
{
	const char *id = it->facts.system_identifier;
	const char *name = run_part_of(r, it)->name;
	struct buf was = BUF_INIT;

	if (id != NULL && r->ask->state != NULL &&
	    sizes_cluster(r->ask->state, name, &was) &&
	    strcmp(was.p, id) != 0)
		preflight_find(&r->done->pre, PRE_WARN, name, "look where its "
		    "host leads; after a move this is said once", "it is in "
		    "another cluster (%s) than its last copy came from (%s)",
		    id, was.p);
	buf_release(&was);
}

static void
look_db(struct run *r, struct item *it)
{
	struct preflight *f = &r->done->pre;
	struct run_part *p = run_part_of(r, it);
	struct way w = WAY_INIT;
	size_t from = f->v.n;

	it->ready = preflight_db(f, r->ask->site, it->db, &w, &it->facts) &&
	    preflight_tools(f, &w, p->name, &it->facts, &it->tools);
	it->way = w.kind;
	for (size_t i = from; i < f->v.n && !it->ready; i++)
		if (f->v.v[i].level == PRE_FAIL)
			run_part_fails(r, it, f->v.v[i].next, "%s",
			    f->v.v[i].text);
	way_close(&w);
	is_the_same(r, it);
	estimate(r, it, it->facts.size);
}

/* Its place answers, and what is to be packed is there. */
static void
look_component(struct run *r, struct item *it)
{
	const struct site_component *c = it->component;
	struct preflight *f = &r->done->pre;
	struct place_care care = { .cancelled = run_cancelled, .ctx = r };
	struct site_spec spec;
	struct err e = ERR_INIT;
	struct place *p = place_open(site_spec(&spec, r->ask->site,
	    c->at != NULL ? site_place(r->ask->site, c->at) : NULL), &care,
	    &e);
	struct place_stat st;
	bool ok = p != NULL;

	for (size_t i = 0; ok && i < c->files.n; i++) {
		ok = place_stat(p, c->files.v[i], &st, &e);
		if (!ok && e.kind == ERR_NOTFOUND)
			err_hint(&e, "See whether what it lies on is mounted; "
			    "else correct 'files' of the component.");
	}
	place_close(p);
	it->ready = ok;
	if (!ok) {
		preflight_find(f, PRE_FAIL, c->name, e.hint, "%s", e.msg);
		run_part_fails(r, it, e.hint, "%s", e.msg);
	} else
		preflight_find(f, PRE_OK, c->name, NULL, "it is there%s%s",
		    c->at != NULL ? ", at " : "", c->at ? c->at : "");
	estimate(r, it, 0);
}

void
run_part_look(struct run *r, struct item *it)
{
	if (it->db != NULL)
		look_db(r, it);
	else
		look_component(r, it);
}

/* ---- the stream ------------------------------------------------------------------ */

struct stream {
	struct run *r;
	struct item *it;
	struct buf said;		/* the source's lines */
	struct leader *leader;		/* NULL: none */
	struct err lost;		/* why it is gone */
	struct flow_store to[RUN_STORES];	/* what came of it names them */
};

static void
on_said(void *ctx, const char *who, const char *line)
{
	struct stream *s = ctx;

	if (s->said.n + strlen(line) < SAID_MAX)
		buf_printf(&s->said, "%s\n", line);
	run_say(s->r, "%s: %s: %s", run_part_of(s->r, s->it)->name, who,
	    line);
}

static bool
stream_cancelled(void *ctx)
{
	struct stream *s = ctx;

	/* the dumps that run have the snapshot; the next ones would not, and
	 * nobody holds the tables for them */
	if (s->leader != NULL && !leader_beat(s->leader, &s->lost))
		s->leader = NULL;
	return s->lost.kind != ERR_NONE || run_cancelled(s->r);
}

/* The bytes of the whole run, not of the one that works: a bar that is full while
 * six of seven are still to come says that it is over. No total where one of them
 * cannot be guessed. */
static void
tell_progress(struct run *r, const struct item *now, const char *text,
    int64_t raw, int64_t expected)
{
	int64_t done = 0, total = 0;
	bool known = true;

	if (r->care->progress == NULL)
		return;
	for (size_t i = 0; i < r->items.n; i++) {
		const struct item *it = r->items.v[i];
		bool over = it->finished != 0;
		int64_t mine = over ? it->raw : it == now ? raw : 0;
		int64_t whole = over ? it->raw : it == now ? expected :
		    it->expected;

		if (run_part_of(r, it)->why != NULL)
			continue;
		known = known && (over || whole > 0 || it->component == NULL);
		done += mine;
		total += whole > mine ? whole : mine;
	}
	r->care->progress(r->care->ctx, text, known ? done : 0, known ? total :
	    0);
}

static void
on_progress(void *ctx, const struct flow_progress *p)
{
	struct stream *s = ctx;
	char raw[16], rate[16], of[16], left[32];
	struct buf b = BUF_INIT;

	text_fmt_size(raw, p->raw);
	text_fmt_size(rate, (int64_t)p->raw_per_s);
	buf_printf(&b, "%s: %s", run_part_of(s->r, s->it)->name, raw);
	if (p->expected > 0) {
		text_fmt_size(of, p->expected);
		buf_printf(&b, " of about %s", of);
	}
	buf_printf(&b, ", %s/s", rate);
	if (p->eta_ms > 0) {
		text_fmt_duration(left, p->eta_ms);
		buf_printf(&b, ", about %s left", left);
	}
	if (p->bottleneck != NULL && *p->bottleneck != '\0')
		buf_printf(&b, ", waiting for %s", p->bottleneck);
	tell_progress(s->r, s->it, b.p, p->raw, p->expected);
	buf_release(&b);
}

/* Did every process of the pipe end as it must? */
static bool
pipe_ended_well(struct run *r, struct item *it, const struct piece *p,
    const struct dump *d, const char *said)
{
	for (size_t i = 0; i < p->flow.procs.n; i++) {
		const struct flow_proc *q = &p->flow.procs.v[i];

		if (q->exit == 0)
			continue;
		if (i > 0 || q->exit != 1 || (d->ok_exits & 1 << 1) == 0)
			return false;
		if (!dump_tar_changed(said)) {
			run_part_fails(r, it, dump_next(said), "tar ended with "
			    "1: %.300s", said);
			return false;
		}
		run_part_warns(r, it, "files changed while they were packed "
		    "(tar ended with 1): %.200s", said);
	}
	return p->flow.procs.n > 0;
}

static bool
pipes_ended_well(struct run *r, struct item *it, const struct dump *d,
    const char *said)
{
	for (size_t i = 0; i < it->pieces.n; i++)
		if (!pipe_ended_well(r, it, &it->pieces.v[i], &d[i], said))
			return false;
	return true;
}

static bool
big_enough(struct run *r, struct item *it)
{
	int64_t min = it->component != NULL ? it->component->min_size : 0;
	bool nothing = false;
	char is[16], want[16];

	for (size_t i = 0; i < it->pieces.n; i++)
		nothing = nothing || it->pieces.v[i].flow.raw == 0;
	text_fmt_size(is, it->raw);
	text_fmt_size(want, min);
	if (it->raw < min)
		run_part_fails(r, it, "Look at what should be in it.", "it has "
		    "only %s, and min_size is %s", is, want);
	else if (nothing && it->db != NULL)
		run_part_fails(r, it, "See the server's log.", "%s gave not a "
		    "single byte", it->program);
	else if (nothing)
		run_part_warns(r, it, "it is empty");
	return run_part_of(r, it)->why == NULL;
}

bool
run_part_drop(struct run *r, struct item *it, struct shelf *s)
{
	bool was = r->tidying, ok = true;

	r->tidying = true;
	for (size_t k = 0; k < it->pieces.n; k++) {
		shelf_drop(s, it->pieces.v[k].file);
		shelf_drop(s, it->pieces.v[k].index);
		if (it->pieces.v[k].counts != NULL)
			shelf_drop(s, it->pieces.v[k].counts);
	}
	if (it->dir != NULL)
		ok = shelf_drop_folder(s, it->dir);
	r->tidying = was;
	return ok;
}

static void
copy_is_not(struct run *r, struct item *it, size_t i, const char *why)
{
	struct buf clean = BUF_INIT;

	text_clean(&clean, why, strlen(why), TEXT_LINE);
	run_part_of(r, it)->copies[i].why = pool_str(r->pool, clean.p);
	buf_release(&clean);
}

static void
copy_fails(struct run *r, struct item *it, size_t i, const char *why)
{
	copy_is_not(r, it, i, why);
	(void)run_part_drop(r, it, &r->shelves[i]);
}

static const struct flow_sent *
sent_of(const struct piece *p, const struct shelf *s)
{
	for (size_t i = 0; i < p->flow.stores.n; i++)
		if (strcmp(p->flow.stores.v[i].store->name,
		    s->store->name) == 0)
			return &p->flow.stores.v[i];
	return NULL;
}

/* Why this store does not have all of it; NULL: it has. */
static const char *
not_sent(struct run *r, const struct item *it, const struct shelf *s)
{
	const char *why = run_part_of(r, it)->why;

	for (size_t i = 0; why == NULL && i < it->pieces.n; i++) {
		const struct flow_sent *sent = sent_of(&it->pieces.v[i], s);

		if (sent == NULL || !sent->sent)
			why = sent != NULL ? sent->why : "not all of it came";
	}
	return why;
}

static bool
read_piece(struct shelf *s, const struct piece *p, struct err *e)
{
	return shelf_read_back(s, p->file, p->flow.packed, p->flow.sha256,
	    e) && shelf_read_back(s, p->index, (int64_t)p->flow.index.n,
	    p->flow.index_sha256, e) && (p->counts == NULL ||
	    (shelf_put(s, p->counts, &p->rows, e) && shelf_read_back(s,
	    p->counts, (int64_t)p->rows.n, p->rows_sha256, e)));
}

/* Whoever was waited for in vain is not waited for again: it has had its time, and
 * what comes after goes to the others alone. */
static void
leave_the_gone(struct run *r, struct item *it)
{
	for (size_t k = 0; k < r->n_shelves; k++) {
		struct shelf *s = &r->shelves[k];

		for (size_t i = 0; s->dead == NULL && i < it->pieces.n; i++) {
			const struct flow_sent *sent =
			    sent_of(&it->pieces.v[i], s);

			if (sent == NULL || sent->sent || !sent->gone)
				continue;
			copy_is_not(r, it, k, sent->why);
			shelf_dies(s, "given up while %s was sent: %s",
			    run_part_of(r, it)->name, sent->why);
			run_say(r, "[WARNING] %s: %s; nothing more is sent "
			    "there in this run", s->store->name, s->dead);
			if (r->ask->gone != NULL)
				VEC_PUSH(&r->ask->gone->v, ((struct
				    run_gone_one){ s->store->name,
				    xstrdup(s->dead) }));
		}
	}
}

/* Size and hash of all its files as they lie there. */
static void
read_back(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);

	for (size_t k = 0; k < r->n_shelves; k++) {
		struct shelf *s = &r->shelves[k];
		const char *why;
		struct err e = ERR_INIT;
		bool ok = true;

		if (!run_takes(r, it, k))
			continue;
		why = not_sent(r, it, s);
		if (why != NULL) {
			copy_fails(r, it, k, why);
			continue;
		}
		if (r->care->progress != NULL) {
			char *text = xprintf("%s: reading back from %s",
			    p->name, s->store->name);

			/* it is not measured, and is no 100 % */
			r->care->progress(r->care->ctx, text, 0, 0);
			free(text);
		}
		for (size_t i = 0; ok && i < it->pieces.n; i++)
			ok = read_piece(s, &it->pieces.v[i], &e);
		if (!ok)
			copy_fails(r, it, k, e.msg);
		else
			p->copies[k].verified = true;
	}
}

/* The schema first, before anything can happen to the snapshot, then what takes
 * longest. */
static int64_t
urgency(const int64_t *shares, size_t i)
{
	return shares == NULL || shares[i] == 0 ? INT64_MAX : shares[i];
}

static void
order_of(size_t n, const int64_t *shares, size_t *order)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		for (; at > 0 && urgency(shares, order[at - 1]) <
		    urgency(shares, i); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

static void
spec_of(const struct run *r, const struct item *it, size_t i,
    const struct dump *d, const int64_t *shares, struct flow_spec *spec)
{
	*spec = (struct flow_spec){ .at = d->at, .argv = d->argv.v,
	    .secret = d->secret.n > 0 ? d->secret.p : NULL, .env = d->env,
	    .ok_exits = d->ok_exits,
	    .proof_argv = d->proof.n > 0 ? d->proof.v : NULL,
	    .counts = d->kind == SET_DATABASE,
	    .file = it->pieces.v[i].file, .index = it->pieces.v[i].index,
	    .level = r->ask->level,
	    .store_stall_ms = r->ask->site->backup.store_patience_ms,
	    .expected = shares != NULL ? shares[i] : it->expected };
}

/* What the flows say, into the pieces; they are the dump's words, and the manifest
 * comes later. */
static void
take_flows(struct run *r, struct item *it, const size_t *order,
    struct flow_done *done, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		it->pieces.v[order[i]].flow = done[i];
		it->raw += done[i].raw;
		it->packed += done[i].packed;
		for (size_t k = 0; k < done[i].procs.n; k++)
			done[i].procs.v[k].name = pool_str(r->pool,
			    done[i].procs.v[k].name);
	}
}

/* How many rows each table has, as a file of its own and in all; nothing of it
 * when one of the pieces could not be counted. */
static void
take_counts(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);
	int64_t tables = 0, rows = 0;

	for (size_t i = 0; i < it->pieces.n; i++) {
		const struct piece *q = &it->pieces.v[i];

		if (!q->flow.counted)
			return;
		tables += (int64_t)q->flow.counts.v.n;
		rows += counts_rows(&q->flow.counts);
	}
	p->tables = tables;
	p->rows = rows;
	for (size_t i = 0; i < it->pieces.n; i++) {
		struct piece *q = &it->pieces.v[i];
		struct buf name = BUF_INIT;

		if (q->flow.counts.v.n == 0)
			continue;
		set_counts_name(&name, q->file);
		q->counts = pool_str(r->pool, name.p);
		counts_write(&q->flow.counts, &q->rows);
		sha_of(q->rows.p, q->rows.n, q->rows_sha256);
		buf_release(&name);
	}
}

/* All that runs, from its beginning to its end; the pieces have what came of it. */
static bool
flow_it(struct stream *s, const struct dump *d, size_t n,
    const struct together *tog, struct err *e)
{
	struct run *r = s->r;
	struct item *it = s->it;
	const int64_t *shares = tog != NULL ? tog->shares : NULL;
	struct flow_care care = { .progress = on_progress,
		.cancelled = stream_cancelled, .said = on_said, .ctx = s };
	struct flow_spec *specs = xcalloc(n, sizeof *specs);
	struct flow_done *done = xcalloc(n, sizeof *done);
	size_t *order = xcalloc(n, sizeof *order), stores = 0;
	int64_t began = clock_mono_ms();
	bool ok;

	for (size_t i = 0; i < r->n_shelves; i++)
		if (run_takes(r, it, i))
			s->to[stores++] = (struct flow_store){
			    r->shelves[i].store->name, r->shelves[i].at,
			    r->shelves[i].dir, r->shelves[i].must };
	order_of(n, shares, order);
	for (size_t i = 0; i < n; i++) {
		done[i].index = (struct buf)BUF_INIT;
		spec_of(r, it, order[i], &d[order[i]], shares, &specs[i]);
		specs[i].stores = s->to;
		specs[i].n_stores = stores;
	}
	it->program = pool_str(r->pool, d->program);
	it->version = d->version != NULL ? pool_str(r->pool, d->version) :
	    NULL;
	it->started = clock_wall_ms();
	ok = flow_run_all(specs, n, tog != NULL ? tog->at_once : 1, &care, done,
	    e);
	it->finished = clock_wall_ms();
	it->took_ms = clock_mono_ms() - began;
	take_flows(r, it, order, done, n);
	/* they fit together only if it was there to their end */
	if (ok && s->leader != NULL && !leader_holds(s->leader, &s->lost))
		ok = false;
	if (s->lost.kind != ERR_NONE) {
		ok = false;
		err_clear(e);
		err_set(e, ERR_FAILED, "the session that kept the snapshot was "
		    "lost (%s)", s->lost.msg);
	}
	free(specs);
	free(done);
	free(order);
	return ok;
}

/* Would one stream fare better? Not when no store took it, nor when all of it ended
 * well and only a store lacks it. */
static bool
worth_one(const struct item *it)
{
	bool well = true;

	for (size_t i = 0; i < it->pieces.n; i++) {
		const struct flow_done *d = &it->pieces.v[i].flow;
		bool sent = false;

		for (size_t k = 0; k < d->stores.n; k++)
			sent = sent || d->stores.v[k].sent;
		if (d->no_store && !sent)
			return false;
		well = well && d->procs.n > 0;
		for (size_t k = 0; k < d->procs.n; k++)
			well = well && d->procs.v[k].exit == 0;
	}
	return !well;
}

bool
run_part_stream(struct run *r, struct item *it, struct dump *d, size_t n,
    const struct together *tog, struct err *ret)
{
	struct stream s = { .r = r, .it = it, .said = BUF_INIT,
		.leader = tog != NULL ? tog->leader : NULL };
	struct err e = ERR_INIT;
	bool ok = flow_it(&s, d, n, tog, &e);

	leave_the_gone(r, it);
	if (!ok && tog != NULL && !run_cancelled(r) &&
	    (s.lost.kind != ERR_NONE || worth_one(it))) {
		*ret = e;
		buf_release(&s.said);
		return false;
	}
	if (run_cancelled(r))
		run_part_fails(r, it, NULL, "cancelled");
	else if (!pipes_ended_well(r, it, d, s.said.n > 0 ? s.said.p : ""))
		run_part_fails(r, it, s.said.n > 0 && dump_next(s.said.p) ?
		    dump_next(s.said.p) : e.hint, "%s", ok ? "a process of the "
		    "pipe failed" : e.msg);
	else if (big_enough(r, it) && d->proof.n == 0 &&
	    d->kind != SET_COMMAND)
		it->sent_only = true;
	if (run_part_of(r, it)->why == NULL && d->kind == SET_DATABASE)
		take_counts(r, it);
	read_back(r, it);
	buf_release(&s.said);
	return true;
}

/* ---- all of one component ---------------------------------------------------------- */

static void
say_part(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);
	struct buf where = BUF_INIT, data = BUF_INIT, text = BUF_INIT;
	char size[16], took[32];

	text_fmt_size(size, p->size);
	text_fmt_duration(took, p->took_ms);
	json_open(&data);
	json_put_str(&data, "component", p->name);
	json_put_str(&data, "class", set_class_name(r->ask->class));
	json_put_bool(&data, "verified", p->ok);
	if (p->saved) {
		json_put_int(&data, "size", p->size);
		json_put_int(&data, "raw_size", p->raw_size);
		json_put_int(&data, "took_ms", p->took_ms);
	}
	if (p->saved && p->tables >= 0) {
		json_put_int(&data, "tables", p->tables);
		json_put_int(&data, "rows", p->rows);
	}
	json_put_str(&data, "why", p->why);
	json_key(&data, "stores");
	json_open_list(&data);
	for (size_t i = 0; i < r->n_shelves; i++)
		if (p->copies[i].verified) {
			buf_printf(&where, "%s%s", where.n > 0 ? " and " : "",
			    r->shelves[i].store->name);
			json_comma(&data);
			json_text(&data, r->shelves[i].store->name);
		}
	json_close_list(&data);
	json_close(&data);
	if (p->saved)
		buf_printf(&text, "%s: read back on %s: %s in %s", p->name,
		    where.p, size, took);
	if (p->saved && p->tables >= 0)
		buf_printf(&text, ", %" PRId64 " table%s, %" PRId64 " rows",
		    p->tables, p->tables == 1 ? "" : "s", p->rows);
	if (!p->saved)
		buf_printf(&text, "%s: not saved: %s", p->name, p->why);
	if (p->saved)
		run_say(r, "%s", text.p);
	else
		run_say(r, "[%s] %s: %s%s%s", p->spare ? "WARNING, and no data "
		    "is lost" : "ERROR", p->name, p->why,
		    p->next != NULL ? "; " : "", p->next ? p->next : "");
	run_journal(r, text.p, &data);
	buf_release(&where);
	buf_release(&data);
	buf_release(&text);
}

static void
judge(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);

	p->size = it->packed;
	p->raw_size = it->raw;
	p->took_ms = it->took_ms;
	p->whole = !it->sent_only && it->facts.n_lacks == 0;
	p->ok = p->why == NULL && !it->sent_only;
	for (size_t i = 0; i < r->n_shelves; i++) {
		p->saved = p->saved || p->copies[i].verified;
		if (p->copies[i].verified)
			continue;
		if (p->why == NULL && !r->shelves[i].must)
			run_part_warns(r, it, "%s does not have it: %s",
			    r->shelves[i].store->name, r->shelves[i].dead ?
			    r->shelves[i].dead : p->copies[i].why);
		p->ok = p->ok && !r->shelves[i].must;
	}
	if (it->facts.n_lacks > 0 && p->kind == SET_DATABASE && p->saved) {
		p->ok = false;
		run_part_fails(r, it, "Give its role the rights that are named "
		    "above, or name a superuser way.", "what can be read of it "
		    "is saved; it is not complete, without %s",
		    it->facts.lacks_text);
	}
	if (it->sent_only && p->saved)
		run_part_fails(r, it, "Install PostgreSQL's client programs of "
		    "its version here; then 'midwatch validate latest'.",
		    "it is sent, and not verified: nothing here could read its "
		    "end");
	for (size_t i = 0; i < r->n_shelves && !p->ok; i++)
		if (r->shelves[i].must && !p->copies[i].verified)
			run_part_fails(r, it, "Mend that store, or name "
			    "another one with --store.", "%s does not have "
			    "it: %s", r->shelves[i].store->name,
			    r->shelves[i].dead ?
			    r->shelves[i].dead : p->copies[i].why);
	if (p->spare && !p->ok)
		r->done->degraded = true;
}

static bool
open_way(struct run *r, struct item *it, struct way *w)
{
	struct err e = ERR_INIT;

	if (way_open(w, r->ask->site, it->db, it->way, clock_mono_ms() +
	    LOGIN_MS, &e))
		return true;
	run_part_fails(r, it, e.hint, "%s", e.msg);
	return false;
}

/* By several streams, or else by one, for which d is made. False: there is nothing
 * to be done any more. */
static bool
dump_tables(struct run *r, struct item *it, struct way *w, struct dump *d)
{
	if (run_part_many(r, it, w) || run_part_of(r, it)->why != NULL)
		return false;
	/* the lock of other hosts was that session's */
	if (w->pg != NULL && pg_state(w->pg) == PG_BROKEN) {
		way_close(w);
		if (!open_way(r, it, w) || !run_lock_there(r, it, w))
			return false;
	}
	dump_database(d, w, &it->tools, &it->facts, NULL);
	return true;
}

static bool
any_shelf_left(struct run *r, struct item *it)
{
	const struct shelf *s = &r->shelves[0];

	for (size_t i = 0; i < r->n_shelves; i++)
		if (run_takes(r, it, i))
			return true;
	if (s->dead != NULL)
		run_part_fails(r, it, "Mend the store, or name another one "
		    "with --store.", "no store is left to send it to: %s: %s",
		    s->store->name, s->dead);
	else
		run_part_fails(r, it, "midwatch cleanup, or name another store "
		    "with --store", "%s has %s", s->store->name,
		    run_part_of(r, it)->copies[0].why);
	return false;
}

void
run_part_dump(struct run *r, struct item *it)
{
	struct run_part *p = run_part_of(r, it);
	struct backup_lock lock = BACKUP_LOCK_INIT;
	struct way w = WAY_INIT;
	struct dump d = { .ok_exits = 0 };
	bool go = any_shelf_left(r, it) && run_lock_here(r, it, &lock);

	if (go && it->component != NULL)
		dump_component(&d, r->ask->site, it->component);
	else if (go && !open_way(r, it, &w))
		go = false;
	else if (go && p->kind == SET_GLOBALS)
		dump_globals(&d, &w, &it->tools, &it->facts);
	else if (go && p->spare)
		dump_settings(&d, &w, &it->tools, &it->facts);
	else if (go)
		go = run_lock_there(r, it, &w) && dump_tables(r, it, &w, &d);
	if (go && p->kind == SET_GLOBALS && !it->facts.super)
		run_part_warns(r, it, "%s is no superuser: the roles are saved "
		    "without their passwords", w.user);
	if (go)
		(void)run_part_stream(r, it, &d, 1, NULL, NULL);
	judge(r, it);
	say_part(r, it);
	dump_release(&d);
	way_close(&w);
	backup_lock_drop(&lock);
}
