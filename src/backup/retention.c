#include "backup/retention.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

enum { DAY_MS = 86400000, DAYS_MAX = 36500 };

/* One component in one set. */
struct copy {
	size_t series;
	bool complete, verified;
};

/* A set on its way to a verdict. */
struct judged {
	const struct set *set;
	size_t store, at;		/* its place in the answer */
	enum set_class class;		/* it would have when promoted */
	bool aside;			/* stays, and counts for nothing */
	bool gone, promoted;
	VEC(struct copy) copies;
	char *why;
};

/* All copies of one component. */
struct series {
	const char *const *names;	/* of the site, or NULL and */
	size_t n;
	const char *name;
	bool protected;			/* by a failure */
	int64_t newest;			/* verified, on any store; 0: none */
	/* while a store is gone through from its newest set to its oldest */
	bool seen;			/* a verified copy in any class */
	int64_t rank[SET_CLASS_COUNT];	/* verified copies in each */
};

struct court {
	const struct keep_ask *ask;
	VEC(struct series) series;
	VEC(struct judged) v;		/* by store, newest first */
	const char *lacking;		/* database without a copy since opened */
};

/* ---- what there is -------------------------------------------------------------- */

static size_t
series_of(struct court *c, const char *name)
{
	for (size_t i = 0; i < c->series.n; i++) {
		const struct series *s = &c->series.v[i];

		for (size_t k = 0; k < s->n; k++)
			if (strcmp(s->names[k], name) == 0)
				return i;
		if (s->n == 0 && strcmp(s->name, name) == 0)
			return i;
	}
	VEC_PUSH(&c->series, ((struct series){ .name = name }));
	return c->series.n - 1;
}

static void
because(struct judged *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
because(struct judged *j, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	free(j->why);
	j->why = buf_detach(&b);
}

/* What is not known well is kept, and keeps nothing else from being kept. */
static void
set_aside(const struct court *c, struct judged *j)
{
	const struct set *set = j->set;

	j->aside = true;
	if (set->at > c->ask->now)
		because(j, "it is dated in the future");
	else if (!set->looked && set->problem == NULL)
		because(j, "it was not read");
	else if (set->foreign)
		because(j, "it belongs to another site");
	else if (set->problem != NULL)
		because(j, "something is wrong with it, which retention never "
		    "judges: %s", set->problem);
	else if (!set->told || set->truths.n == 0)
		because(j, "it does not say what it holds");
	else
		j->aside = false;
}

/* What a restore can do without is no reason for anything to stay. */
static bool
is_spare(const struct court *c, const char *name)
{
	if (!text_starts(name, SET_SETTINGS_OF))
		return false;
	for (size_t i = 0; i < c->ask->n_parts; i++)
		for (size_t k = 0; k < c->ask->parts[i].n; k++)
			if (strcmp(c->ask->parts[i].names[k], name) == 0)
				return false;
	return true;
}

static void
take_copies(struct court *c, struct judged *j)
{
	for (size_t i = 0; i < j->set->truths.n; i++) {
		const struct set_part *p = &j->set->manifest.parts.v[i];
		const struct set_truth *t = &j->set->truths.v[i];
		int64_t at = p->started > j->set->at ? p->started : j->set->at;
		struct copy x = { 0, p->complete,
			p->complete && t->proven >= PROVEN_VERIFIED };
		struct series *s;

		if (is_spare(c, p->name))
			continue;
		x.series = series_of(c, p->name);
		s = &c->series.v[x.series];
		VEC_PUSH(&j->copies, x);
		/* a name is in whole seconds, its manifest says more */
		if (x.verified && at < j->set->at + 1000 && at > s->newest)
			s->newest = at;
		else if (x.verified && j->set->at > s->newest)
			s->newest = j->set->at;
	}
}

static int
by_age(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;

	if (x->store != y->store)
		return (x->store > y->store) - (x->store < y->store);
	if (x->set->at != y->set->at)
		return (x->set->at < y->set->at) - (x->set->at > y->set->at);
	return strcmp(x->set->path, y->set->path);
}

static void
gather(struct court *c)
{
	const struct keep_ask *ask = c->ask;
	size_t at = 0;

	for (size_t i = 0; i < ask->n_parts; i++)
		VEC_PUSH(&c->series, ((struct series){
		    .names = ask->parts[i].names, .n = ask->parts[i].n,
		    .name = ask->parts[i].names[0] }));
	for (size_t i = 0; i < ask->n_stores; i++)
		for (size_t k = 0; k < ask->stores[i].sets->v.n; k++) {
			const struct set *set = ask->stores[i].sets->v.v[k];
			struct judged *j;

			if (set->state == SET_PARTIAL)
				continue;
			j = VEC_NEW(&c->v);
			j->set = set;
			j->store = i;
			j->at = at++;
			j->class = set->class;
			set_aside(c, j);
			if (!j->aside)
				take_copies(c, j);
		}
	if (c->v.n > 1)
		qsort(c->v.v, c->v.n, sizeof *c->v.v, by_age);
}

/* Which components were not saved since they failed, and is any database not
 * safe since the incident opened? Wherever a copy lies, it counts for that. */
static void
weigh_series(struct court *c, int64_t since)
{
	for (size_t i = 0; i < c->ask->n_parts; i++) {
		const struct keep_part *p = &c->ask->parts[i];
		struct series *s = &c->series.v[i];

		s->protected = p->failed_at != 0 && s->newest <= p->failed_at;
		if (p->database && since != 0 && s->newest < since &&
		    c->lacking == NULL)
			c->lacking = s->name;
	}
}

/* ---- the rules ------------------------------------------------------------------- */

static int64_t
quota_of(const struct court *c, enum set_class class)
{
	return class == SET_NIGHTLY ? c->ask->policy->daily :
	    class == SET_WEEKLY ? c->ask->policy->weekly : 0;
}

/* One component's word; false: it lets the set go. */
static bool
copy_keeps(const struct court *c, struct judged *j, const struct copy *x)
{
	const struct series *s = &c->series.v[x->series];
	int64_t quota = quota_of(c, j->class);

	if (!x->complete)	/* what was never whole is no copy */
		return false;
	if (s->protected)
		because(j, "the last backup of %s failed, and no copy was "
		    "verified since", s->name);
	else if (x->verified && !s->seen)
		because(j, "the newest verified copy of %s here", s->name);
	else if (!s->seen)
		because(j, "no newer copy of %s is verified here", s->name);
	else if (s->rank[j->class] < quota)
		because(j, x->verified ? "one of the %" PRId64 " newest "
		    "verified %s copies of %s here" : "not %" PRId64
		    " verified %s copies of %s here are newer", quota,
		    set_class_name(j->class), s->name);
	else
		return false;
	return true;
}

static bool
class_keeps(const struct court *c, struct judged *j)
{
	int64_t now = c->ask->now, stay = c->ask->policy->emergency_ms;
	int64_t days = c->ask->policy->daily < DAYS_MAX ?
	    c->ask->policy->daily * DAY_MS : DAYS_MAX * (int64_t)DAY_MS;
	bool any = false;
	char age[32];

	for (size_t i = 0; i < j->copies.n; i++)
		any = any || j->copies.v[i].complete;
	if (j->class == SET_MANUAL)
		because(j, "manual sets stay until they are removed by hand");
	else if (j->class == SET_EMERGENCY && now - j->set->at < stay) {
		text_fmt_duration(age, stay);
		because(j, "emergency sets stay for %s", age);
	} else if (!any && now - j->set->at < days)
		because(j, "nothing in it is whole; it stays as evidence, as "
		    "long as %" PRId64 " days", c->ask->policy->daily);
	else
		return false;
	return true;
}

static bool
stays(const struct court *c, struct judged *j)
{
	if (j->aside)
		return true;
	if (!c->ask->stores[j->store].whole) {
		because(j, "its store was not read to the end");
		return true;
	}
	if (c->lacking != NULL) {
		because(j, "%s has no verified copy made since the incident "
		    "opened", c->lacking);
		return true;
	}
	for (size_t i = 0; i < j->copies.n; i++)
		if (copy_keeps(c, j, &j->copies.v[i]))
			return true;
	return class_keeps(c, j);
}

static void
why_it_goes(const struct court *c, struct judged *j)
{
	struct buf b = BUF_INIT;
	char age[32];

	if (j->class == SET_EMERGENCY) {
		text_fmt_duration(age, c->ask->policy->emergency_ms);
		buf_printf(&b, "its %s are over", age);
	} else
		buf_printf(&b, "at least %" PRId64 " verified %s copies here "
		    "are newer", quota_of(c, j->class),
		    set_class_name(j->class));
	for (size_t i = 0, n = 0; i < j->copies.n; i++)
		if (j->copies.v[i].complete)
			buf_printf(&b, "%s%s", n++ > 0 ? ", " :
			    j->class == SET_EMERGENCY ?
			    ", and verified copies are newer of " : " of ",
			    c->series.v[j->copies.v[i].series].name);
	free(j->why);
	j->why = buf_detach(&b);
}

static void
forget_ranks(struct court *c)
{
	for (size_t i = 0; i < c->series.n; i++) {
		c->series.v[i].seen = false;
		memset(c->series.v[i].rank, 0, sizeof c->series.v[i].rank);
	}
}

static void
count(struct court *c, const struct judged *j)
{
	for (size_t i = 0; i < j->copies.n; i++)
		if (j->copies.v[i].verified) {
			c->series.v[j->copies.v[i].series].seen = true;
			c->series.v[j->copies.v[i].series].rank[j->class]++;
		}
}

/* A newer week may have got its weekly set since this one was promoted: then it
 * is what it was, a nightly. */
static bool
stays_after_all(const struct court *c, struct judged *j)
{
	if (!j->promoted)
		return false;
	j->promoted = false;
	j->class = SET_NIGHTLY;
	return stays(c, j);
}

/* Every set once, the newest first: what was counted by then is newer. What goes
 * is beyond what it is counted for, so that counting it changes nothing. */
static void
judge_all(struct court *c)
{
	for (size_t i = 0; i < c->v.n; i++) {
		struct judged *j = &c->v.v[i];

		if (i == 0 || c->v.v[i - 1].store != j->store)
			forget_ranks(c);
		if (j->gone)
			continue;
		if (!stays(c, j) && !stays_after_all(c, j)) {
			j->gone = true;
			why_it_goes(c, j);
		}
		if (!j->aside)
			count(c, j);
	}
}

/* ---- promotion -------------------------------------------------------------------- */

/* Weeks since one that began on a Monday, as the site's calendar has them. */
static int64_t
week_of(int64_t at)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243,
		273, 304, 334 };
	time_t t = (time_t)(at / 1000);
	struct tm tm;
	int64_t years, days;

	if (localtime_r(&t, &tm) == NULL)
		return INT64_MIN;
	years = tm.tm_year + 1899;	/* whole ones before this */
	days = years * 365 + years / 4 - years / 100 + years / 400 +
	    before[tm.tm_mon] + tm.tm_mday - 1;
	years++;
	if (tm.tm_mon > 1 && ((years % 4 == 0 && years % 100 != 0) ||
	    years % 400 == 0))
		days++;
	return days / 7;		/* 1 January of year 1 is a Monday */
}

static bool
all_verified(const struct judged *j)
{
	for (size_t i = 0; i < j->copies.n; i++)
		if (!j->copies.v[i].verified)
			return false;
	return !j->aside && !j->gone && j->copies.n > 0 &&
	    j->set->state == SET_WHOLE;
}

/* Would a place among the weekly ones be kept for it? */
static bool
wanted_weekly(const struct court *c, const struct judged *j)
{
	for (size_t i = 0; i < j->copies.n; i++)
		if (c->series.v[j->copies.v[i].series].rank[SET_WEEKLY] <
		    c->ask->policy->weekly)
			return true;
	return false;
}

/* The sets from i on that are of the same store and week; ret_first is the
 * oldest that may be promoted, NULL when the week has its weekly set. */
static size_t
same_week(struct court *c, size_t i, struct judged **ret_first)
{
	int64_t week = week_of(c->v.v[i].set->at);
	bool has = false;
	size_t k;

	*ret_first = NULL;
	for (k = i; k < c->v.n && c->v.v[k].store == c->v.v[i].store &&
	    week_of(c->v.v[k].set->at) == week; k++) {
		struct judged *j = &c->v.v[k];

		if (!all_verified(j))
			continue;
		if (j->class == SET_WEEKLY)
			has = true;
		else if (j->class == SET_NIGHTLY)
			*ret_first = j;
	}
	if (has)
		*ret_first = NULL;
	return k;
}

/* True: some set has become a weekly one. Ranks are as they will be judged. */
static bool
promote(struct court *c)
{
	struct judged *first = NULL;
	bool any = false, newer = false;
	size_t end = 0;

	for (size_t i = 0; c->v.v != NULL && i < c->v.n; i++) {
		struct judged *j = &c->v.v[i];

		if (i == 0 || c->v.v[i - 1].store != j->store) {
			forget_ranks(c);
			newer = false;
		}
		if (i == end)
			end = same_week(c, i, &first);
		if (j == first && newer && c->lacking == NULL &&
		    c->ask->stores[j->store].whole && wanted_weekly(c, j)) {
			j->class = SET_WEEKLY;
			j->promoted = any = true;
		}
		newer = newer || (j->class == SET_NIGHTLY && all_verified(j));
		if (!j->aside && !j->gone)
			count(c, j);
	}
	return any;
}

/* ---- the whole ---------------------------------------------------------------------- */

static int
as_given(const void *a, const void *b)
{
	const struct judged *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

void
keep_judge(const struct keep_ask *ask, struct keeps *ret)
{
	struct court c = { .ask = ask };

	gather(&c);
	weigh_series(&c, ask->opened);
	/* first what is to be kept longer, then what that leaves over; until
	 * neither changes anything, which is what makes a second run idle */
	(void)promote(&c);
	for (size_t turn = 0; turn == 0 || promote(&c); turn++) {
		judge_all(&c);
		if (turn > c.v.n)	/* it never takes so many */
			break;
	}
	if (c.v.n > 1)
		qsort(c.v.v, c.v.n, sizeof *c.v.v, as_given);
	for (size_t i = 0; i < c.v.n; i++) {
		struct judged *j = &c.v.v[i];

		if (j->promoted && !j->gone)
			because(j, "the first verified nightly of its week: "
			    "it becomes the weekly one");
		VEC_PUSH(&ret->v, ((struct keep){ j->set, j->store,
		    j->gone ? KEEP_GOES : j->promoted ? KEEP_PROMOTED :
		    KEEP_STAYS, j->why }));
		VEC_RELEASE(&j->copies);
	}
	VEC_RELEASE(&c.v);
	VEC_RELEASE(&c.series);
}

const char *
keep_lacking(const struct keep_ask *ask, int64_t since)
{
	struct court c = { .ask = ask };

	gather(&c);
	weigh_series(&c, since);
	for (size_t i = 0; i < c.v.n; i++) {
		free(c.v.v[i].why);
		VEC_RELEASE(&c.v.v[i].copies);
	}
	VEC_RELEASE(&c.v);
	VEC_RELEASE(&c.series);
	return c.lacking;
}

const struct keep *
keeps_find(const struct keeps *k, size_t store, const char *path)
{
	for (size_t i = 0; i < k->v.n; i++)
		if (k->v.v[i].store == store &&
		    strcmp(k->v.v[i].set->path, path) == 0)
			return &k->v.v[i];
	return NULL;
}

void
keeps_release(struct keeps *k)
{
	for (size_t i = 0; i < k->v.n; i++)
		free(k->v.v[i].why);
	VEC_RELEASE(&k->v);
}

/* ---- of a site ------------------------------------------------------------------------ */

static void
add_part(struct keep_parts *ret, const char *name,
    const struct conf_strs *aka, bool database)
{
	struct keep_part *p = VEC_NEW(&ret->v);
	size_t n = aka != NULL ? aka->n : 0;
	const char **names = xcalloc(n + 1, sizeof *names);

	names[0] = name;
	for (size_t i = 0; i < n; i++)
		names[i + 1] = aka->v[i];
	p->names = names;
	p->n = n + 1;
	p->database = database;
}

void
keep_parts_of(const struct site *site, struct keep_parts *ret)
{
	for (size_t i = 0; i < site_dbs(site); i++)
		add_part(ret, site_db_at(site, i)->name,
		    &site_db_at(site, i)->aka, true);
	for (size_t i = 0; i < site_components(site); i++)
		add_part(ret, site_component_at(site, i)->name, NULL, false);
}

void
keep_parts_release(struct keep_parts *p)
{
	for (size_t i = 0; i < p->v.n; i++)
		free((void *)(uintptr_t)p->v.v[i].names);
	VEC_RELEASE(&p->v);
}
