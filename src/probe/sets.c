/*
 * sets: what lies in each store, and what in it is no whole set.
 *
 * data, times in wall ms, sizes in bytes:
 *	path		the store's folder
 *	place		its name; left out: here
 *	absent		the folder is not there (nothing was ever stored)
 *	sets, whole, incomplete, partial, damaged
 *			how many; damaged ones are counted whole or incomplete, too
 *	manual		whole sets that stay until somebody deletes them
 *	bytes		of the sets that were looked at
 *	newest_ms	of the newest whole set; left out: there is none
 *	unfinished	[{"set","bytes","changed_ms","age_ms","being_written"}]
 *	unfinished_bytes
 *	problems	[{"set","problem"}]
 *	orphans, orphan_bytes
 *			left-over files that match backup.orphans
 *	foreign		other files and folders that are no sets of ours
 *	unread		older sets that were not looked at this time
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "probe/holdings.h"

enum {
	QUIET_MS = 900000,	/* nobody writes a set that stands still so long */
	SHOWN = 20,
};

static size_t
sets_count(const struct site *site)
{
	return site_stores(site);
}

static void
sets_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_store *s = site_store_at(site, i);

	ret->name = s->name;
	ret->at = s->at != NULL ? site_place(site, s->at) : NULL;
	ret->row = s;
}

struct tally {
	struct eye *eye;
	struct reading *r;
	int64_t state[3], manual, damaged, bytes, newest;
	int64_t left, left_bytes, left_since;	/* unfinished, and nobody at it */
	int64_t orphans, orphan_bytes, foreign;
	const struct set *worst;		/* the newest damaged one */
	json_t *unfinished, *problems;
};

static bool
being_written(const struct tally *t, const struct set *set)
{
	return t->eye->now - set->changed < QUIET_MS;
}

static void
count_partial(struct tally *t, const struct set *set)
{
	json_t *o;

	if (!being_written(t, set)) {
		t->left++;
		t->left_bytes += set->bytes;
		if (t->left_since == 0 || set->changed < t->left_since)
			t->left_since = set->changed;
	}
	if (json_array_size(t->unfinished) >= SHOWN)
		return;
	o = json_object();
	json_object_set_new(o, "set", json_utf8(set->path));
	json_object_set_new(o, "bytes", json_integer(set->bytes));
	json_object_set_new(o, "changed_ms", json_integer(set->changed));
	json_object_set_new(o, "age_ms",
	    json_integer(t->eye->now - set->changed));
	json_object_set_new(o, "being_written",
	    json_boolean(being_written(t, set)));
	json_array_append_new(t->unfinished, o);
}

static void
count_problem(struct tally *t, const struct set *set)
{
	json_t *o;

	t->damaged++;
	if (t->worst == NULL)
		t->worst = set;
	if (json_array_size(t->problems) >= SHOWN)
		return;
	o = json_object();
	json_object_set_new(o, "set", json_utf8(set->path));
	json_object_set_new(o, "problem", json_utf8(set->problem));
	json_array_append_new(t->problems, o);
}

static void
count_stray(struct tally *t, const struct stray *y)
{
	if (!y->orphan) {
		t->foreign++;
		return;
	}
	t->orphans++;
	t->orphan_bytes += y->size > 0 ? y->size : 0;
}

static void
count(struct tally *t, const struct sets *s)
{
	for (size_t i = 0; i < s->v.n; i++) {
		const struct set *set = s->v.v[i];

		t->state[set->state]++;
		t->bytes += set->bytes;
		if (set->state == SET_WHOLE && set->at > t->newest)
			t->newest = set->at;
		t->manual += set->class == SET_MANUAL;
		if (set->state == SET_PARTIAL && set->looked)
			count_partial(t, set);
		if (set->problem != NULL)
			count_problem(t, set);
		for (size_t k = 0; k < set->strays.n; k++)
			count_stray(t, set->strays.v[k]);
	}
	for (size_t i = 0; i < s->strays.n; i++)
		count_stray(t, s->strays.v[i]);
	t->foreign += (int64_t)s->more_strays;
}

static void
facts(const struct tally *t, const struct holding *h)
{
	struct reading *r = t->r;

	reading_str(r, "path", h->store->path);
	reading_str(r, "place", h->store->at);
	reading_bool(r, "absent", h->absent);
	reading_int(r, "sets", (int64_t)(h->sets.v.n + h->sets.beyond));
	reading_int(r, "whole", t->state[SET_WHOLE]);
	reading_int(r, "incomplete", t->state[SET_INCOMPLETE]);
	reading_int(r, "partial", t->state[SET_PARTIAL]);
	reading_int(r, "damaged", t->damaged);
	reading_int(r, "manual", t->manual);
	reading_int(r, "bytes", t->bytes);
	if (t->newest != 0)
		reading_int(r, "newest_ms", t->newest);
	reading_int(r, "unfinished_bytes", t->left_bytes);
	reading_int(r, "orphans", t->orphans);
	reading_int(r, "orphan_bytes", t->orphan_bytes);
	reading_int(r, "foreign", t->foreign);
	reading_int(r, "unread", (int64_t)h->sets.unread);
}

static void
say_left_overs(const struct tally *t)
{
	char size[16], age[32];

	if (t->left > 0) {
		text_fmt_size(size, t->left_bytes);
		text_fmt_duration(age, t->eye->now - t->left_since);
		reading_say(t->r, LEVEL_WARNING, "midwatch cleanup --plan",
		    "%" PRId64 " unfinished %s, %s, the oldest untouched for "
		    "%s", t->left, t->left == 1 ? "set" : "sets", size, age);
	}
	if (t->orphans > 0) {
		text_fmt_size(size, t->orphan_bytes);
		reading_say(t->r, LEVEL_WARNING, "midwatch cleanup --plan",
		    "%" PRId64 " left-over %s, %s", t->orphans,
		    t->orphans == 1 ? "file" : "files", size);
	}
	if (t->manual > 0)
		reading_say(t->r, LEVEL_OK, NULL, "%" PRId64 " manual %s, kept "
		    "until somebody deletes %s", t->manual,
		    t->manual == 1 ? "set" : "sets",
		    t->manual == 1 ? "it" : "them");
	if (t->foreign > 0)
		reading_say(t->r, LEVEL_OK, NULL, "%" PRId64 " other %s",
		    t->foreign, t->foreign == 1 ? "thing" : "things");
}

/* The newest nightly, when it is there in part only. */
static void
say_incomplete(const struct tally *t, const struct sets *s)
{
	for (size_t i = 0; i < s->v.n; i++) {
		const struct set *set = s->v.v[i];

		if (set->class != SET_NIGHTLY || set->state == SET_PARTIAL)
			continue;
		if (set->state == SET_INCOMPLETE)
			reading_say(t->r, LEVEL_WARNING, "midwatch sets",
			    "the last nightly, %s, is incomplete", set->path);
		return;
	}
}

static void
sets_read_one(struct eye *eye, struct target *target, struct reading *r)
{
	struct tally t = { .eye = eye, .r = r };
	const struct holding *h;
	struct holdings all;
	char size[16];

	holdings_read(eye, target->row, &all);
	h = all.v[0];
	if (!h->known) {
		reading_fail(r, &h->why);
		return;
	}
	t.unfinished = reading_list(r, "unfinished");
	t.problems = reading_list(r, "problems");
	count(&t, &h->sets);
	facts(&t, h);
	text_fmt_size(size, t.bytes);
	if (h->absent)
		reading_say(r, LEVEL_WARNING, "midwatch backup --all-unsafe",
		    "there is no folder '%s' yet", h->store->path);
	else
		reading_say(r, LEVEL_OK, NULL, "%zu %s, %s", h->sets.v.n +
		    h->sets.beyond, h->sets.v.n == 1 ? "set" : "sets", size);
	if (t.worst != NULL)
		reading_say(r, LEVEL_WARNING, "midwatch sets", "%" PRId64
		    " with a problem; %s: %s", t.damaged, t.worst->path,
		    t.worst->problem);
	say_incomplete(&t, &h->sets);
	say_left_overs(&t);
}

const struct probe probe_sets = {
	.kind = "sets",
	.what = "what lies in each store: sets, unfinished and damaged ones",
	.every_ms = 60000,
	.deadline_ms = 20000,
	.count = sets_count,
	.target = sets_target,
	.read = sets_read_one,
	.alone = true,
};
