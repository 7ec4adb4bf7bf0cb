/*
 * backup: for each database and component, how well its newest copies are proven
 * and how old they are, over all stores.
 *
 * data, times in wall ms (of a copy: when its set's run began), sizes in bytes;
 * X is sent, verified, restorable: the newest copy that is at least that:
 *	what		"database", "files", "command"
 *	rpo_ms		how old a verified copy may be
 *	X_ms, X_age_ms, X_set, X_store
 *			left out: there is none that is known
 *	late		no verified copy is younger than the RPO
 *	restored_ms, restore_took_ms
 *			when the last restore was proven, how long it took
 *	size, raw_size, tables, rows
 *			of the newest sent copy; left out: not counted
 *	usual_size, usual_raw_size, usual_tables
 *			medians of the last good ones before it
 *	sizes		of the last good ones and the newest, oldest first
 *	size_verdict	"normal", "small", "large", "no baseline"
 *	size_anomaly	small or large
 *	globals		databases: that verified set has the roles as well
 *	stores		[{"store","readable","error","verified_ms","set"}]
 *	stores_with	how many hold a verified copy within the RPO
 *	unread		older sets that were not looked at this time
 *	unproven	files that may be dumps of it, that something else made
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/sizes.h"
#include "base/clock.h"
#include "base/text.h"
#include "probe/holdings.h"

enum {
	SLACK_MS = 600000,		/* clocks of two hosts */
	NAMES_MAX = 32,
	STORES_SAID = 4,
	SIZES_SHOWN = 13,
	DAY_MS = 86400000,
};

/* What is asked about, and what was found. */
struct ask {
	struct eye *eye;
	struct reading *r;
	const char *name;
	const char *names[NAMES_MAX];	/* the name and what else it is called */
	size_t n_names;
	bool is_db;
	struct holdings h;
	struct set_copy best[PROVEN_COUNT];
	const struct holding *at[PROVEN_COUNT];
	int64_t restored, restore_took;
	size_t unknown, unread;
	const struct holding *first_unknown;
	bool late;
};

/* ---- targets ---------------------------------------------------------------- */

static size_t
backup_count(const struct site *site)
{
	return site_stores(site) == 0 ? 0 :
	    site_dbs(site) + site_components(site);
}

static void
backup_target(const struct site *site, size_t i, struct target *ret)
{
	size_t dbs = site_dbs(site);

	ret->name = i < dbs ? site_db_at(site, i)->name :
	    site_component_at(site, i - dbs)->name;
	ret->row = i < dbs ? (const void *)site_db_at(site, i) :
	    (const void *)site_component_at(site, i - dbs);
}

static void
name_it(struct ask *a, const struct target *t)
{
	const struct site_db *db = site_db(a->eye->site, t->name);
	const struct site_component *c = site_component(a->eye->site, t->name);

	a->name = t->name;
	a->is_db = db != NULL;
	a->names[a->n_names++] = t->name;
	for (size_t i = 0; db != NULL && i < db->aka.n &&
	    a->n_names < NAMES_MAX; i++)
		a->names[a->n_names++] = db->aka.v[i];
	reading_str(a->r, "what", a->is_db ? "database" :
	    c != NULL && c->files.n > 0 ? "files" : "command");
}

/* ---- what was found ----------------------------------------------------------- */

static void
age_of(char out[32], int64_t now, int64_t at)
{
	text_fmt_duration(out, now > at ? now - at : 0);
}

static void
weigh_store(struct ask *a, const struct holding *h)
{
	int64_t now = a->eye->now + SLACK_MS;

	if (!h->known) {
		if (a->unknown++ == 0)
			a->first_unknown = h;
		return;
	}
	a->unread += h->sets.unread;
	for (enum proven p = PROVEN_SENT; p < PROVEN_COUNT; p++) {
		struct set_copy c = sets_newest(&h->sets, a->names, a->n_names,
		    p, now);

		if (c.set == NULL || (a->best[p].set != NULL &&
		    a->best[p].set->at >= c.set->at))
			continue;
		a->best[p] = c;
		a->at[p] = h;
	}
	for (size_t i = 0; i < h->sets.v.n; i++) {
		struct set_copy c = set_copy_of(h->sets.v.v[i], a->names,
		    a->n_names);

		if (c.set == NULL || c.truth->proven < PROVEN_RESTORABLE ||
		    c.truth->at[PROVEN_RESTORABLE] <= a->restored)
			continue;
		a->restored = c.truth->at[PROVEN_RESTORABLE];
		a->restore_took = c.truth->took_ms;
	}
}

static void
facts(struct ask *a)
{
	struct reading *r = a->r;

	reading_int(r, "rpo_ms", a->eye->site->schedule.rpo_ms);
	for (enum proven p = PROVEN_SENT; p < PROVEN_COUNT; p++) {
		static const char *const ends[] = { "ms", "age_ms", "set",
			"store" };
		const struct set *set = a->best[p].set;
		char key[4][32];

		for (int i = 0; i < 4; i++)
			(void)snprintf(key[i], sizeof key[i], "%s_%s",
			    proven_name(p), ends[i]);
		if (set == NULL)
			continue;
		reading_int(r, key[0], set->began);
		reading_int(r, key[1], a->eye->now - set->began);
		reading_str(r, key[2], set->path);
		reading_str(r, key[3], a->at[p]->store->name);
	}
	if (a->restored != 0)
		reading_int(r, "restored_ms", a->restored);
	if (a->restored != 0 && a->restore_took >= 0)
		reading_int(r, "restore_took_ms", a->restore_took);
	reading_int(r, "unread", (int64_t)a->unread);
	reading_int(r, "stores_unknown", (int64_t)a->unknown);
}

static const struct set *
verified_on(const struct ask *a, const struct holding *h)
{
	return !h->known ? NULL : sets_newest(&h->sets, a->names, a->n_names,
	    PROVEN_VERIFIED, a->eye->now + SLACK_MS).set;
}

/* ---- how old it may be ---------------------------------------------------------- */

/* Between the nightly's beginning and the end of its window, last night's copy
 * may be older than the RPO by as much. */
static int64_t
allowed_age(const struct eye *eye)
{
	const struct site_schedule *s = &eye->site->schedule;
	char site_time[40];
	int64_t hour, minute, since;

	if (s->nightly < 0)
		return s->rpo_ms;
	clock_fmt_site(site_time, eye->now);	/* 2025-02-14 02:10:03 … */
	site_time[13] = site_time[16] = '\0';
	if (!text_int(site_time + 11, 0, 23, &hour) ||
	    !text_int(site_time + 14, 0, 59, &minute))
		return s->rpo_ms;
	since = (hour * 60 + minute - s->nightly + 1440) % 1440 * 60000;
	return since <= s->window_ms ? s->rpo_ms + s->window_ms : s->rpo_ms;
}

/* Is that the time of a copy that is young enough? */
static bool
young(const struct ask *a, const struct set *set)
{
	return set != NULL && a->eye->now - set->at <= allowed_age(a->eye);
}

/* ---- sentences --------------------------------------------------------------------- */

static void
put_stores(const struct ask *a, struct buf *out)
{
	size_t said = 0;

	for (size_t i = 0; i < a->h.n; i++) {
		const struct holding *h = a->h.v[i];
		const struct set *v = verified_on(a, h);

		if (v == NULL || v->at != a->best[PROVEN_VERIFIED].set->at)
			continue;
		if (said++ >= STORES_SAID) {
			buf_str(out, ", ...");
			break;
		}
		buf_printf(out, "%s%s", said > 1 ? ", " : "", h->store->name);
	}
}

static char *
do_backup(const struct ask *a)
{
	return a->is_db ? xprintf("midwatch backup %s --emergency", a->name) :
	    xstrdup("midwatch nightly");
}

/* Nothing that is proven is young enough: what is there instead? */
static void
say_late(struct ask *a)
{
	const struct set *v = a->best[PROVEN_VERIFIED].set;
	const struct set *s = a->best[PROVEN_SENT].set;
	enum level l = a->unknown > 0 ? LEVEL_UNKNOWN : LEVEL_CRITICAL;
	char age[32], rpo[32], *next = do_backup(a);
	struct buf b = BUF_INIT;

	text_fmt_duration(rpo, a->eye->site->schedule.rpo_ms);
	if (v != NULL) {
		age_of(age, a->eye->now, v->at);
		buf_printf(&b, "the newest verified copy is %s old (on ", age);
		put_stores(a, &b);
		buf_printf(&b, "), and may be %s", rpo);
	} else
		buf_printf(&b, "no verified copy%s", a->unread > 0 ?
		    " among the newest sets" : "");
	if (s != NULL && (v == NULL || s->at > v->at)) {
		age_of(age, a->eye->now, s->at);
		buf_printf(&b, "; one was sent %s ago to %s and is not "
		    "verified", age, a->at[PROVEN_SENT]->store->name);
		if (young(a, s)) {
			free(next);
			next = xprintf("midwatch validate %s", s->path);
		}
	}
	if (a->unknown > 0)
		buf_printf(&b, "; %s cannot be read",
		    a->first_unknown->store->name);
	reading_say(a->r, l, next, "%s", b.p);
	free(next);
	buf_release(&b);
}

static void
say_fresh(struct ask *a)
{
	const struct set_copy *v = &a->best[PROVEN_VERIFIED];
	char age[32], size[16];
	struct buf b = BUF_INIT;

	age_of(age, a->eye->now, v->set->at);
	text_fmt_size(size, set_part_size(v->part));
	buf_printf(&b, "verified copy of %s ago on ", age);
	put_stores(a, &b);
	buf_printf(&b, ", %s", size);
	reading_say(a->r, LEVEL_OK, NULL, "%s", b.p);
	buf_release(&b);
}

/* What is wrong with the newest copy on that store, if it is not older than what
 * is proven: its run failed, or it was found to be bad later. */
static struct set_copy
newer_doubt(const struct ask *a, const struct holding *h)
{
	const struct set *v = a->best[PROVEN_VERIFIED].set;

	for (size_t i = 0; h->known && i < h->sets.v.n; i++) {
		const struct set *set = h->sets.v.v[i];
		struct set_copy c = set_copy_of(set, a->names, a->n_names);

		if (v != NULL && set->at < v->at)
			break;
		if (c.set != NULL && set->at <= a->eye->now + SLACK_MS)
			return c;
	}
	return (struct set_copy){ 0 };
}

static void
say_newer(struct ask *a)
{
	for (size_t i = 0; i < a->h.n; i++) {
		const struct holding *h = a->h.v[i];
		struct set_copy c = newer_doubt(a, h);

		if (c.set == NULL || c.truth->why == NULL)
			continue;
		if (!c.part->complete)
			reading_say(a->r, LEVEL_WARNING, "midwatch sets",
			    "it failed in %s on %s: %s", c.set->path,
			    h->store->name, c.truth->why);
		else
			reading_say(a->r, LEVEL_CRITICAL,
			    "midwatch validate latest --restore",
			    "%s on %s: %s", c.set->path, h->store->name,
			    c.truth->why);
		return;			/* of one store will do */
	}
}

static bool
named(const struct conf_strs *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return true;
	return false;
}

/* On every store that must have it, and on more than one where there is more. */
static void
say_stores(struct ask *a)
{
	const struct site_backup *b = &a->eye->site->backup;
	json_t *list = reading_list(a->r, "stores");
	size_t with = 0, could = 0;

	for (size_t i = 0; i < a->h.n; i++) {
		const struct holding *h = a->h.v[i];
		const struct set *v = verified_on(a, h);
		bool must = named(&b->to, h->store->name);
		json_t *o = json_object();

		json_object_set_new(o, "store", json_utf8(h->store->name));
		json_object_set_new(o, "readable", json_boolean(h->known));
		if (!h->known)
			json_object_set_new(o, "error",
			    json_utf8(h->why.msg));
		if (v != NULL) {
			json_object_set_new(o, "verified_ms",
			    json_integer(v->at));
			json_object_set_new(o, "set", json_utf8(v->path));
		}
		json_array_append_new(list, o);
		with += young(a, v);
		could += must || named(&b->also, h->store->name);
		if (!a->late && !h->known)
			reading_say(a->r, LEVEL_WARNING, NULL,
			    "%s cannot be read: %s", h->store->name,
			    h->why.msg);
		else if (!a->late && must && !young(a, v))
			reading_say(a->r, LEVEL_WARNING, "midwatch sets",
			    "%s, which must have one, has no verified copy "
			    "that is young enough", h->store->name);
	}
	reading_int(a->r, "stores_with", (int64_t)with);
	if (!a->late && a->unknown == 0 && with == 1 && could > 1)
		reading_say(a->r, LEVEL_WARNING, "midwatch sets",
		    "on one store only");
}

/* ---- sizes --------------------------------------------------------------------------- */

/* The history of this state, else what the stores themselves still hold. */
static void
put_sizes(const struct ask *a, const struct sizes *s, int64_t before,
    int64_t newest)
{
	json_t *list = reading_list(a->r, "sizes");
	size_t n = 0;

	for (size_t i = s->v.n; i > 0 && n < SIZES_SHOWN; i--)
		if (s->v.v[i - 1].good && s->v.v[i - 1].at < before &&
		    s->v.v[i - 1].size >= 0) {
			(void)json_array_insert_new(list, 0,
			    json_integer(s->v.v[i - 1].size));
			n++;
		}
	(void)json_array_append_new(list, json_integer(newest));
}

static void
usual(const struct ask *a, int64_t before, int64_t newest,
    struct size_base *ret)
{
	struct sizes s = { 0 };
	struct err quiet = ERR_INIT;

	if (a->eye->state == NULL ||
	    !sizes_read(&s, a->eye->state, a->name, &quiet) || s.v.n == 0)
		for (size_t i = 0; i < a->at[PROVEN_SENT]->sets.v.n; i++) {
			const struct set *set = a->at[PROVEN_SENT]->sets.v.v[i];
			struct set_copy c = set_copy_of(set, a->names,
			    a->n_names);

			if (c.set != NULL && !set_part_adopted(c.part))
				VEC_PUSH(&s.v, ((struct size_entry){ set->at,
				    set->class, set_part_size(c.part),
				    set_part_raw_size(c.part), c.part->tables,
				    c.part->rows, -1,
				    c.truth->proven >= PROVEN_VERIFIED }));
		}
	sizes_sort(&s);
	sizes_base(&s, before, ret);
	put_sizes(a, &s, before, newest);
	sizes_release(&s);
}

static void
put_fact(struct reading *r, const char *key, int64_t v)
{
	if (v >= 0)
		reading_int(r, key, v);
}

static void
say_size(struct ask *a)
{
	const struct set_copy *c = &a->best[PROVEN_SENT];
	int64_t percent = a->eye->site->backup.size_change;
	struct size_entry copy = { .size = -1 };
	enum size_verdict verdict;
	struct size_base base;
	struct buf why = BUF_INIT;

	if (c->set == NULL)
		return;
	copy.size = set_part_size(c->part);
	copy.raw_size = set_part_raw_size(c->part);
	copy.tables = c->part->tables;
	usual(a, c->set->at, copy.size, &base);
	if (set_part_adopted(c->part))
		base = (struct size_base){ 0, -1, -1, -1, -1, -1 };
	verdict = sizes_judge(&base, &copy, percent, &why);
	put_fact(a->r, "size", copy.size);
	put_fact(a->r, "raw_size", copy.raw_size);
	put_fact(a->r, "tables", copy.tables);
	put_fact(a->r, "rows", c->part->rows);
	put_fact(a->r, "usual_size", base.size);
	put_fact(a->r, "usual_raw_size", base.raw_size);
	put_fact(a->r, "usual_tables", base.tables);
	reading_str(a->r, "size_verdict", size_verdict_name(verdict));
	reading_bool(a->r, "size_anomaly", why.n > 0);
	if (why.n > 0)
		reading_say(a->r, LEVEL_WARNING, "midwatch validate latest "
		    "--restore", "the newest copy is %s", why.p);
	buf_release(&why);
}

/* ---- restores, roles, the future --------------------------------------------------------- */

static void
say_restore(struct ask *a)
{
	int64_t every = a->eye->site->schedule.restore_test_every_ms;
	char age[32], limit[32];

	if (!a->is_db || a->late)
		return;
	text_fmt_duration(limit, every);
	age_of(age, a->eye->now, a->restored);
	if (a->restored == 0 && a->unknown > 0)
		reading_say(a->r, LEVEL_UNKNOWN,
		    "midwatch validate latest --restore",
		    "whether a copy was ever restored is not known, %s cannot "
		    "be read", a->first_unknown->store->name);
	else if (a->restored == 0)
		reading_say(a->r, LEVEL_WARNING,
		    "midwatch validate latest --restore",
		    "no copy was ever proven by a restore");
	else if (a->eye->now - a->restored > every + DAY_MS)
		reading_say(a->r, LEVEL_WARNING,
		    "midwatch validate latest --restore",
		    "the last restore was proven %s ago, it is due every %s",
		    age, limit);
	else
		reading_say(a->r, LEVEL_OK, NULL, "restored %s ago", age);
}

static void
say_globals(struct ask *a)
{
	const struct set *set = a->best[PROVEN_VERIFIED].set;
	bool there = false;

	if (!a->is_db || set == NULL || !a->eye->site->backup.globals)
		return;
	for (size_t i = 0; i < set->truths.n; i++)
		there = there || (set->manifest.parts.v[i].kind ==
		    SET_GLOBALS && set->truths.v[i].proven >= PROVEN_VERIFIED);
	reading_bool(a->r, "globals", there);
	if (!there && !a->late)
		reading_say(a->r, LEVEL_WARNING, "midwatch sets",
		    "its set lacks the roles and tablespaces");
}

static void
say_future(struct ask *a)
{
	for (size_t i = 0; i < a->h.n; i++) {
		const struct holding *h = a->h.v[i];
		const struct set *set = h->known && h->sets.v.n > 0 ?
		    h->sets.v.v[0] : NULL;

		if (set == NULL || set->at <= a->eye->now + SLACK_MS)
			continue;
		reading_say(a->r, LEVEL_WARNING, "compare the clocks of the "
		    "hosts", "%s on %s is dated in the future and does not "
		    "count", set->path, h->store->name);
		return;
	}
}

/* ---- what something else made --------------------------------------------------------------- */

static bool
word_in(const char *s, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = s; (at = strstr(at, word)) != NULL; at++)
		if ((at == s || strchr("_-. ", at[-1]) != NULL) &&
		    (at[n] == '\0' || strchr("_-. ", at[n]) != NULL))
			return true;
	return false;
}

static bool
may_be_dump(const struct ask *a, const struct stray *y)
{
	const char *slash = strrchr(y->path, '/');
	const char *name = slash != NULL ? slash + 1 : y->path;

	if (y->is_dir || y->orphan || y->size == 0)
		return false;
	for (size_t i = 0; i < a->n_names; i++)
		if (word_in(name, a->names[i]))
			return true;
	return false;
}

static void
say_unproven(struct ask *a)
{
	const struct stray *newest = NULL;
	const struct holding *where = NULL;
	int64_t found = 0;
	char age[32];

	holdings_dig(a->eye);
	for (size_t i = 0; i < a->h.n; i++)
		for (size_t k = 0; a->h.v[i]->known &&
		    k < a->h.v[i]->sets.strays.n; k++) {
			const struct stray *y = a->h.v[i]->sets.strays.v[k];

			if (!may_be_dump(a, y))
				continue;
			found++;
			if (newest == NULL || y->mtime > newest->mtime) {
				newest = y;
				where = a->h.v[i];
			}
		}
	reading_int(a->r, "unproven", found);
	if (newest == NULL)
		return;
	age_of(age, a->eye->now, newest->mtime * 1000);
	reading_say(a->r, LEVEL_OK, NULL, "unproven: %" PRId64 " %s that may "
	    "be dumps of it, the newest '%s' on %s, %s old", found,
	    found == 1 ? "file" : "files", newest->path, where->store->name,
	    age);
}

/* ---- the reading ---------------------------------------------------------------------------- */

static void
answer(struct eye *eye, struct target *t, struct reading *r)
{
	struct ask a = { .eye = eye, .r = r, .restore_took = -1 };

	holdings_read(eye, NULL, &a.h);
	name_it(&a, t);
	for (size_t i = 0; i < a.h.n; i++)
		weigh_store(&a, a.h.v[i]);
	if (a.unknown == a.h.n) {
		struct err e = a.first_unknown->why;

		reading_fail(r, &e);
		return;
	}
	a.late = !young(&a, a.best[PROVEN_VERIFIED].set);
	facts(&a);
	reading_bool(r, "late", a.late);
	if (a.late)
		say_late(&a);
	else
		say_fresh(&a);
	say_restore(&a);
	say_newer(&a);
	say_size(&a);
	say_stores(&a);
	say_globals(&a);
	say_future(&a);
	if (a.best[PROVEN_SENT].set == NULL)
		say_unproven(&a);
}

static bool
waits(const struct eye *eye, const struct target *t, int64_t now)
{
	return eye->once ? t->read : t->due > now;
}

/* All of them from one look at the stores. */
static void
backup_crowd(struct eye *eye, struct target *targets, size_t n,
    void (*begin)(void *ctx, struct target *t),
    void (*done)(void *ctx, struct target *t, struct reading *r),
    probe_more *more, void *ctx)
{
	enum { TOGETHER_MS = 2000, NAP_MS = 5000 };
	bool *now_due = xcalloc(n + 1, sizeof *now_due);
	int64_t wait = 0;

	while (more(ctx, wait)) {
		int64_t now = clock_mono_ms(), next = now + NAP_MS;

		for (size_t i = 0; i < n; i++)
			if (!eye->once && targets[i].due < next)
				next = targets[i].due;
		wait = eye->once || next <= now ? 0 : next - now;
		if (wait > 0)
			continue;
		for (size_t i = 0; i < n; i++) {
			now_due[i] = !waits(eye, &targets[i],
			    now + TOGETHER_MS);
			if (now_due[i])
				begin(ctx, &targets[i]);
		}
		for (size_t i = 0; i < n; i++) {
			struct reading r;

			if (!now_due[i])
				continue;
			reading_init(&r, targets[i].probe->kind,
			    targets[i].name);
			answer(eye, &targets[i], &r);
			done(ctx, &targets[i], &r);
			reading_release(&r);
		}
	}
	free(now_due);
}

const struct probe probe_backup = {
	.kind = "backup",
	.what = "newest copy of each database and component, by truth and age",
	.every_ms = 60000,
	.deadline_ms = 20000,
	.count = backup_count,
	.target = backup_target,
	.read = answer,
	.crowd = backup_crowd,
};
