/*
 * `midwatch sets`: what backups there are, and what each of them is worth.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup/prune.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "site/spec.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

enum {
	TIMEOUT_MS = 60000,
	DIG_MS = 5000,
	ORPHANS_SHOWN = 20,
};

/* Whose an unfinished set is, and how long it must stand still to be nobody's. */
struct owner {
	const struct set *set;
	char *why;
	int64_t quiet;
};

struct shelf {
	const struct site_store *store;
	VEC(struct owner) owners;
	struct sets sets;
	bool ok;			/* read to its end */
	struct err why;
	int64_t until;
};

struct hoard {
	const struct site *site;
	VEC(struct shelf) v;
	int64_t now;
	size_t failed;
};

/* A set with the store it lies in. */
struct row {
	const struct shelf *shelf;
	const struct set *set;
};
struct rows {
	VEC(struct row) v;
};

/* ---- reading ------------------------------------------------------------------- */

static bool
past(void *ctx)
{
	return clock_mono_ms() >= ((const struct shelf *)ctx)->until;
}

static void
find_owners(struct shelf *s, struct place *p)
{
	for (size_t i = 0; i < s->sets.v.n; i++) {
		struct owner o = { .set = s->sets.v.v[i] };
		struct buf why = BUF_INIT;
		struct err e = ERR_INIT;

		if (o.set->state != SET_PARTIAL || !o.set->looked)
			continue;
		if (!prune_whose(&s->sets, p, o.set, &why, &o.quiet, &e)) {
			o.quiet = INT64_MAX;
			buf_str(&why, e.msg);
		}
		o.why = buf_detach(&why);
		VEC_PUSH(&s->owners, o);
	}
}

static void
fill(struct hoard *h, struct shelf *s, int64_t until)
{
	const struct conf_strs *orphans = &h->site->backup.orphans;
	const struct site_place *at = s->store->at == NULL ? NULL :
	    site_place(h->site, s->store->at);
	struct place_care care = { .secret = secret_find, .cancelled = past,
		.ctx = s, .deadline_ms = until };
	struct sets_ask ask = { .deadline_ms = until,
		.orphans = (const char *const *)orphans->v,
		.n_orphans = orphans->n };
	struct site_spec spec;
	struct place *p;

	s->until = until;
	sets_init(&s->sets, s->store->name, s->store->path, h->site->name);
	p = place_open(site_spec(&spec, h->site, at), &care, &s->why);
	s->ok = p != NULL && sets_read(&s->sets, p, &ask, &s->why);
	if (s->ok) {
		ask.deadline_ms = s->until = clock_mono_ms() + DIG_MS;
		sets_dig(&s->sets, p, &ask);
		find_owners(s, p);
	} else if (s->why.kind == ERR_CANCELLED) {
		err_clear(&s->why);
		err_set(&s->why, ERR_TIMEOUT, "no answer in time");
	}
	/* where nothing was ever stored there is nothing, which is an answer */
	if (p != NULL && s->why.kind == ERR_NOTFOUND)
		s->ok = true;
	h->failed += !s->ok;
	place_close(p);
}

/* Each store has its share of the time, so that one that hangs hides no other. */
static void
fill_all(struct hoard *h, int64_t timeout_ms)
{
	int64_t end = clock_mono_ms() + timeout_ms;

	for (size_t i = 0; i < h->v.n; i++) {
		int64_t now = clock_mono_ms();
		int64_t left = end > now ? end - now : 0;

		fill(h, &h->v.v[i], now + left / (int64_t)(h->v.n - i));
	}
	h->now = clock_wall_ms();
}

static int
newest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int d;

	if (x->set->at != y->set->at)
		return (x->set->at < y->set->at) - (x->set->at > y->set->at);
	d = strcmp(x->set->path, y->set->path);
	return d != 0 ? d : strcmp(x->shelf->store->name,
	    y->shelf->store->name);
}

static void
sort_rows(const struct hoard *h, struct rows *ret)
{
	for (size_t i = 0; i < h->v.n; i++)
		for (size_t k = 0; k < h->v.v[i].sets.v.n; k++)
			VEC_PUSH(&ret->v, ((struct row){ &h->v.v[i],
			    h->v.v[i].sets.v.v[k] }));
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, newest_first);
}

/* ---- for people ------------------------------------------------------------------ */

static void
say_age(const struct hoard *h, int64_t at, char out[32])
{
	text_fmt_duration(out, h->now > at ? h->now - at : 0);
}

static void
say_part(const struct set *set, size_t i)
{
	const struct set_part *p = &set->manifest.parts.v[i];
	const struct set_truth *t = &set->truths.v[i];
	struct buf b = BUF_INIT;
	char size[16], took[32];

	text_fmt_size(size, set_part_size(p));
	buf_printf(&b, "    %-28s %-10s %9s", p->name, proven_name(t->proven),
	    size);
	if (p->tables >= 0)
		buf_printf(&b, "  %" PRId64 " %s", p->tables,
		    p->tables == 1 ? "table" : "tables");
	if (p->rows >= 0)
		buf_printf(&b, "  %" PRId64 " %s", p->rows,
		    p->rows == 1 ? "row" : "rows");
	if (t->took_ms >= 0) {
		text_fmt_duration(took, t->took_ms);
		buf_printf(&b, "  restored in %s", took);
	}
	if (t->why != NULL)
		buf_printf(&b, "  %s", t->why);
	cli_out("%s", b.p);
	for (size_t k = 0; k < p->warnings.n; k++)
		cli_out("    %28s %s", "", p->warnings.v[k]);
	buf_release(&b);
}

static void
say_set(const struct hoard *h, const struct row *r)
{
	const struct set *set = r->set;
	char at[40], age[32], size[16] = "?";

	clock_fmt_site(at, set->at);
	say_age(h, set->at, age);
	if (set->looked)
		text_fmt_size(size, set->bytes);
	/* the path is what `validate SET` and `restore SET` are told */
	cli_out("%s  %-26s  %-12s %9s  %s old%s%s", at, set->path,
	    r->shelf->store->name, size, age,
	    set->state == SET_WHOLE ? "" : "  ",
	    set->state == SET_WHOLE ? "" : set_state_name(set->state));
	for (size_t i = 0; i < set->truths.n; i++)
		say_part(set, i);
}

/* As retention has it: what may go was left alone for long enough by an owner who
 * is gone. */
static void
say_unfinished(const struct hoard *h, const struct shelf *s,
    const struct owner *o)
{
	int64_t age = h->now - o->set->changed;
	char word[32], size[16];

	say_age(h, o->set->changed, word);
	text_fmt_size(size, o->set->bytes);
	if (age < o->quiet)
		cli_out("unfinished  %s  %s: %s, last written to %s ago (%s): "
		    "leave it", s->store->name, o->set->path, size, word,
		    o->why);
	else
		cli_out("unfinished  %s  %s: %s, untouched for %s (%s): it is "
		    "no backup; 'midwatch cleanup --plan' offers to remove it",
		    s->store->name, o->set->path, size, word, o->why);
}

static void
say_problem(const struct row *r)
{
	if (r->set->problem != NULL)
		cli_out("problem     %s  %s: %s; %s", r->shelf->store->name,
		    r->set->path, r->set->problem, r->set->foreign ?
		    "it does not count here" : !r->set->told ?
		    "do not count on it, and keep it until there is a better "
		    "one" : "'midwatch validate' reads it through");
}

/* What is no set, or in a set and not of it. */
struct rest {
	const char *store;
	size_t orphans, others;
};

static void
say_stray(struct rest *rest, const struct stray *y)
{
	char size[16];

	rest->others += !y->orphan && !y->is_dir;
	if (!y->orphan || rest->orphans++ >= ORPHANS_SHOWN)
		return;
	text_fmt_size(size, y->size);
	cli_out("left over   %s  %s: %s; 'midwatch cleanup --plan' offers to "
	    "remove it", rest->store, y->path, size);
}

static void
say_strays(const struct shelf *s)
{
	struct rest rest = { s->store->name, 0, s->sets.more_strays };

	for (size_t i = 0; i < s->sets.strays.n; i++)
		say_stray(&rest, s->sets.strays.v[i]);
	for (size_t i = 0; i < s->sets.v.n; i++)
		for (size_t k = 0; k < s->sets.v.v[i]->strays.n; k++)
			say_stray(&rest, s->sets.v.v[i]->strays.v[k]);
	if (rest.orphans > ORPHANS_SHOWN)
		cli_out("left over   %s  and %zu more", rest.store,
		    rest.orphans - ORPHANS_SHOWN);
	if (rest.others > 0)
		cli_out("unproven    %s  %zu other %s, not made by midwatch; "
		    "'midwatch sets adopt' takes over what is a dump",
		    rest.store, rest.others,
		    rest.others == 1 ? "file" : "files");
}

static void
say_page(const struct hoard *h)
{
	struct rows all = { 0 };

	sort_rows(h, &all);
	for (size_t i = 0; i < all.v.n; i++)
		if (all.v.v[i].set->state != SET_PARTIAL)
			say_set(h, &all.v.v[i]);
	for (size_t i = 0; i < all.v.n; i++)
		say_problem(&all.v.v[i]);
	for (size_t i = 0; i < h->v.n; i++) {
		const struct shelf *s = &h->v.v[i];

		for (size_t k = 0; k < s->owners.n; k++)
			say_unfinished(h, s, &s->owners.v[k]);

		say_strays(s);
		if (s->sets.unread + s->sets.beyond > 0)
			cli_note("%s: %zu older sets were not looked at",
			    s->store->name, s->sets.unread + s->sets.beyond);
		if (!s->ok)
			cli_note("%s cannot be read: %s", s->store->name,
			    s->why.msg);
		if (!s->ok && s->why.hint[0] != '\0')
			cli_note("  %s", s->why.hint);
	}
	if (all.v.n == 0 && h->failed == 0)
		cli_out("There are no backup sets yet; 'midwatch backup "
		    "--all-unsafe' makes them.");
	VEC_RELEASE(&all.v);
}

/* ---- for programs ------------------------------------------------------------------ */

static void
put_time(struct buf *b, const char *key, int64_t at)
{
	char utc[32];

	if (at == 0)
		return;
	clock_fmt_utc(utc, at);
	json_put_str(b, key, utc);
}

static void
put_count(struct buf *b, const char *key, int64_t n)
{
	if (n >= 0)
		json_put_int(b, key, n);
}

static void
put_part(struct buf *b, const struct set *set, size_t i)
{
	const struct set_part *p = &set->manifest.parts.v[i];
	const struct set_truth *t = &set->truths.v[i];

	json_comma(b);
	json_open(b);
	json_put_str(b, "name", p->name);
	json_put_str(b, "kind", set_kind_name(p->kind));
	json_put_bool(b, "complete", p->complete);
	json_put_str(b, "truth", proven_name(t->proven));
	json_put_str(b, "why", t->why);
	json_put_int(b, "size", set_part_size(p));
	put_count(b, "raw_size", set_part_raw_size(p));
	put_count(b, "tables", p->tables);
	put_count(b, "rows", p->rows);
	put_time(b, "verified_at", t->at[PROVEN_VERIFIED]);
	put_time(b, "restorable_at", t->at[PROVEN_RESTORABLE]);
	put_count(b, "restore_took_ms", t->took_ms);
	json_put_str(b, "system_identifier", p->from.system_identifier);
	json_close(b);
}

static void
put_set(struct buf *b, const struct hoard *h, const struct set *set)
{
	json_comma(b);
	json_open(b);
	json_put_str(b, "set", set->path);
	json_put_str(b, "class", set_class_name(set->class));
	json_put_str(b, "state", set_state_name(set->state));
	put_time(b, "at", set->at);
	json_put_int(b, "age_ms", h->now - set->at);
	json_put_bool(b, "looked_at", set->looked);
	if (set->looked) {
		json_put_int(b, "bytes", set->bytes);
		put_time(b, "changed", set->changed);
	}
	json_put_str(b, "problem", set->problem);
	if (set->told)
		json_put_str(b, "manifest_sha256", set->sha256);
	json_key(b, "components");
	json_open_list(b);
	for (size_t i = 0; i < set->truths.n; i++)
		put_part(b, set, i);
	json_close_list(b);
	json_close(b);
}

static void
put_stray(struct buf *b, const struct stray *y)
{
	json_comma(b);
	json_open(b);
	json_put_str(b, "path", y->path);
	json_put_bool(b, "folder", y->is_dir);
	json_put_bool(b, "orphan", y->orphan);
	json_put_int(b, "size", y->size);
	put_time(b, "changed", y->mtime > 0 && y->mtime < INT64_MAX / 1000 ?
	    y->mtime * 1000 : 0);
	json_close(b);
}

static void
put_shelf(struct buf *b, const struct hoard *h, const struct shelf *s)
{
	json_comma(b);
	json_open(b);
	json_put_str(b, "store", s->store->name);
	json_put_str(b, "path", s->store->path);
	json_put_str(b, "place", s->store->at);
	json_put_bool(b, "ok", s->ok);
	if (!s->ok) {
		json_put_str(b, "error", s->why.msg);
		json_put_str(b, "kind", err_kind_name(s->why.kind));
	}
	json_put_int(b, "unread", (int64_t)(s->sets.unread + s->sets.beyond));
	json_key(b, "sets");
	json_open_list(b);
	for (size_t i = 0; i < s->sets.v.n; i++)
		put_set(b, h, s->sets.v.v[i]);
	json_close_list(b);
	json_key(b, "strays");
	json_open_list(b);
	for (size_t i = 0; i < s->sets.strays.n; i++)
		put_stray(b, s->sets.strays.v[i]);
	for (size_t i = 0; i < s->sets.v.n; i++)
		for (size_t k = 0; k < s->sets.v.v[i]->strays.n; k++)
			put_stray(b, s->sets.v.v[i]->strays.v[k]);
	json_close_list(b);
	json_put_int(b, "more_strays", (int64_t)s->sets.more_strays);
	json_close(b);
}

static void
say_json(const struct hoard *h)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", h->failed == 0);
	put_time(&b, "at", h->now);
	json_key(&b, "stores");
	json_open_list(&b);
	for (size_t i = 0; i < h->v.n; i++)
		put_shelf(&b, h, &h->v.v[i]);
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

/* ---- the verb ------------------------------------------------------------------------ */

/* All stores, or the one that was named. */
static bool
choose(struct hoard *h, const struct site *site, const char *name)
{
	struct buf known = BUF_INIT;

	h->site = site;
	for (size_t i = 0; i < site_stores(site); i++) {
		const struct site_store *s = site_store_at(site, i);

		buf_printf(&known, "%s%s", i > 0 ? ", " : "", s->name);
		if (name == NULL || strcmp(s->name, name) == 0)
			VEC_PUSH(&h->v, ((struct shelf){ .store = s }));
	}
	if (h->v.n == 0 && known.n > 0)
		(void)cli_usage("'%s' is no store of the site; it has: %s",
		    name, known.p);
	else if (h->v.n == 0)
		(void)cli_usage("the site file names no store");
	buf_release(&known);
	return h->v.n > 0;
}

static int
show(struct desk *d, const char *name, int64_t timeout_ms)
{
	struct hoard h = { 0 };
	int status = EXIT_USAGE;

	if (choose(&h, &d->site, name)) {
		fill_all(&h, timeout_ms);
		if (d->cli->json)
			say_json(&h);
		else
			say_page(&h);
		status = h.failed > 0 ? EXIT_FAILED : EXIT_DONE;
	}
	for (size_t i = 0; i < h.v.n; i++) {
		for (size_t k = 0; k < h.v.v[i].owners.n; k++)
			free(h.v.v[i].owners.v[k].why);
		VEC_RELEASE(&h.v.v[i].owners);
		sets_release(&h.v.v[i].sets);
	}
	VEC_RELEASE(&h.v);
	return status;
}

int
verb_sets(struct cli *c, int argc, char **argv)
{
	const char *timeout = NULL;
	const struct opt opts[] = { { "--timeout", NULL, &timeout, NULL } };
	int64_t timeout_ms = TIMEOUT_MS;
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (argc > 0 && strcmp(argv[0], "adopt") == 0)
		return sets_adopt(c, argc - 1, argv + 1);
	if (!cli_parse(c, argc, argv, opts, 1) || !cli_words(c, 0, 1,
	    "midwatch sets [STORE] [--timeout 60s] [--json]"))
		return EXIT_USAGE;
	if (timeout != NULL && (!text_duration(timeout, &timeout_ms) ||
	    timeout_ms < 500))
		return cli_usage("--timeout: '%s' is no duration of half a "
		    "second or more, such as 60s", timeout);
	if (!desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else if (!d.have_site)
		status = cli_usage("there is no site file to look by; "
		    "'midwatch init' writes one");
	else {
		(void)secrets_ask(c, &d.site, 0);
		status = show(&d, c->words.n > 0 ? c->words.v[0] : NULL,
		    timeout_ms);
	}
	desk_close(&d);
	return status;
}
