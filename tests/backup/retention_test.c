#include "backup/retention.h"
#include "base/clock.h"
#include "tests/test.h"

#define DAY 86400000LL
#define NOW 1771293600000LL	/* 2026-02-17 02:00 UTC, a Tuesday */

/* ---- histories ---------------------------------------------------------------- */

static uint64_t dice = 0x9e3779b97f4a7c15u;

static uint64_t
roll(uint64_t n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % n;
}

static const char *const db_names[] = { "otc", "gps", "arp" };
static const char *const old_arp[] = { "arp", "arp-prod" };

static struct set *
new_set(struct sets *s, enum set_class class, enum set_state state, int64_t at)
{
	struct set *set = xcalloc(1, sizeof *set);
	struct set_name name = { at / 1000 * 1000, state };
	char word[SET_NAME_MAX];

	set_name_write(&name, word);
	set->path = xprintf("%s/%s", set_class_name(class), word);
	set->class = class;
	set->state = state;
	set->at = name.at;
	set->looked = set->told = true;
	VEC_PUSH(&s->v, set);
	return set;
}

static void
add_copy(struct set *set, const char *name, bool complete, enum proven proven)
{
	struct set_part *p = manifest_part(&set->manifest, name, SET_DATABASE);
	struct set_truth *t = VEC_NEW(&set->truths);

	p->complete = complete;
	p->started = set->at;
	t->proven = complete ? proven : PROVEN_NOT;
}

static void
drop_set(struct sets *s, size_t i)
{
	struct set *set = s->v.v[i];

	manifest_release(&set->manifest);
	VEC_RELEASE(&set->truths);
	free(set->problem);
	free(set->path);
	free(set);
	memmove(&s->v.v[i], &s->v.v[i + 1],
	    (s->v.n - i - 1) * sizeof *s->v.v);
	s->v.n--;
}

static void
drop_sets(struct sets *s)
{
	while (s->v.n > 0)
		drop_set(s, s->v.n - 1);
	VEC_RELEASE(&s->v);
}

/* A night's set with all three databases verified. */
static struct set *
good_night(struct sets *s, enum set_class class, int64_t at)
{
	struct set *set = new_set(s, class, SET_WHOLE, at);

	for (size_t i = 0; i < 3; i++)
		add_copy(set, db_names[i], true, PROVEN_VERIFIED);
	return set;
}

static void
random_set(struct sets *s)
{
	enum set_class class = roll(3) ? SET_NIGHTLY :
	    (enum set_class)roll(SET_CLASS_COUNT);
	struct set *set = new_set(s, class, roll(4) ? SET_WHOLE :
	    roll(5) ? SET_INCOMPLETE : SET_PARTIAL,
	    NOW - (int64_t)roll(60 * DAY) + (roll(20) ? 0 : 90 * DAY));

	for (size_t i = 0; i < s->v.n - 1; i++)	/* a name is there once */
		if (strcmp(s->v.v[i]->path, set->path) == 0) {
			drop_set(s, s->v.n - 1);
			return;
		}
	for (size_t i = 0; i < 3; i++)
		if (roll(8))
			add_copy(set, i == 2 && !roll(3) ? "arp-prod" :
			    db_names[i], set->state == SET_WHOLE || roll(2),
			    roll(5) ? PROVEN_VERIFIED :
			    (enum proven)roll(PROVEN_COUNT));
	if (!roll(3))
		add_copy(set, "files", true, (enum proven)roll(PROVEN_COUNT));
	if (!roll(15))
		set->problem = xstrdup("otc: 'otc.dump.gz' is not there");
	if (!roll(25))
		set->looked = set->told = false;
	if (!roll(25))
		set->foreign = true;
	if (!roll(30)) {
		set->told = false;
		free(set->problem);
		set->problem = xstrdup("its manifest is damaged");
	}
}

struct world {
	struct sets stores[2];
	struct keep_store shelves[2];
	struct keep_part parts[3];
	struct site_retention policy;
	struct keep_ask ask;
};

static void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->policy = (struct site_retention){ .daily = 7, .weekly = 4,
		.emergency_ms = 30 * DAY };
	for (size_t i = 0; i < 2; i++)
		w->shelves[i] = (struct keep_store){ &w->stores[i], true };
	for (size_t i = 0; i < 3; i++)
		w->parts[i] = (struct keep_part){ i == 2 ? old_arp :
		    &db_names[i], i == 2 ? 2 : 1, true, 0 };
	w->ask = (struct keep_ask){ w->shelves, 2, w->parts, 3, &w->policy,
		NOW, 0 };
}

static void
world_release(struct world *w)
{
	drop_sets(&w->stores[0]);
	drop_sets(&w->stores[1]);
}

static void
random_world(struct world *w)
{
	world_init(w);
	w->policy = (struct site_retention){ .daily = 1 + (int64_t)roll(9),
		.weekly = (int64_t)roll(6), .emergency_ms = (int64_t)roll(40) * DAY };
	for (size_t i = 0; i < 2; i++)
		for (size_t n = roll(60); n > 0; n--)
			random_set(&w->stores[i]);
	if (!roll(10))
		w->shelves[roll(2)].whole = false;
	for (size_t i = 0; i < 3; i++)
		if (!roll(6))
			w->parts[i].failed_at = NOW - (int64_t)roll(20 * DAY);
	if (!roll(5))
		w->ask.opened = NOW - (int64_t)roll(20 * DAY);
}

/* ---- what must hold, said in another way than the code does -------------------- */

/* Does retention know it well enough to count it? */
static bool
counts(const struct set *set)
{
	return set->at <= NOW && set->looked && set->told && !set->foreign &&
	    set->problem == NULL && set->state != SET_PARTIAL;
}

static const struct set_truth *
copy_in(const struct set *set, size_t db, bool *complete)
{
	const char *const names[] = { db_names[db], "arp-prod" };
	struct set_copy c = set_copy_of(set, names, db == 2 ? 2 : 1);

	if (c.set != NULL)
		*complete = c.part->complete;
	return c.truth;
}

static bool
verified_in(const struct set *set, size_t db)
{
	bool complete = false;
	const struct set_truth *t = copy_in(set, db, &complete);

	return t != NULL && counts(set) && complete &&
	    t->proven >= PROVEN_VERIFIED;
}

static enum keep_verdict
verdict(const struct keeps *k, size_t store, const struct set *set)
{
	const struct keep *x = keeps_find(k, store, set->path);

	return x != NULL ? x->verdict : KEEP_STAYS;
}

/* The newest verified copy, wherever; NULL: none. */
static const struct set *
newest(const struct world *w, size_t store, size_t db)
{
	const struct set *best = NULL;

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; (store == 2 || store == i) &&
		    k < w->stores[i].v.n; k++) {
			const struct set *set = w->stores[i].v.v[k];

			if (verified_in(set, db) &&
			    (best == NULL || set->at > best->at))
				best = set;
		}
	return best;
}

static void
check_floor(const struct world *w, const struct keeps *k, size_t store,
    size_t db)
{
	int64_t was[SET_CLASS_COUNT] = { 0 }, is[SET_CLASS_COUNT] = { 0 };
	int64_t before = 0, after = 0;

	for (size_t i = 0; i < w->stores[store].v.n; i++) {
		const struct set *set = w->stores[store].v.v[i];
		enum keep_verdict v = verdict(k, store, set);

		if (!verified_in(set, db))
			continue;
		was[set->class]++;
		before++;
		if (v == KEEP_GOES)
			continue;
		after++;
		is[v == KEEP_PROMOTED ? SET_WEEKLY : set->class]++;
	}
	assert_true(after >= (before < w->policy.daily ? before :
	    w->policy.daily) || is[SET_WEEKLY] + is[SET_NIGHTLY] >=
	    (was[SET_NIGHTLY] < w->policy.daily ? was[SET_NIGHTLY] :
	    w->policy.daily));
	assert_true(is[SET_WEEKLY] >= (was[SET_WEEKLY] < w->policy.weekly ?
	    was[SET_WEEKLY] : w->policy.weekly));
	assert_true(is[SET_MANUAL] == was[SET_MANUAL]);
	assert_true(before == 0 || after > 0);
}

/* Nothing that this set holds of it can be missed. */
static void
check_gone(const struct world *w, size_t store, const struct set *set,
    size_t db)
{
	bool complete = false;

	if (copy_in(set, db, &complete) == NULL || !complete)
		return;
	assert_non_null(newest(w, store, db));
	assert_true(newest(w, store, db)->at >= set->at);
	assert_ptr_not_equal(newest(w, store, db), set);
	if (w->parts[db].failed_at != 0)
		assert_true(newest(w, 2, db)->at + 999 >
		    w->parts[db].failed_at);
}

static void
check_plan(const struct world *w, const struct keeps *k, size_t *gone)
{
	for (size_t s = 0; s < 2; s++)
		for (size_t db = 0; db < 3; db++)
			check_floor(w, k, s, db);
	for (size_t i = 0; i < k->v.n; i++) {
		const struct keep *x = &k->v.v[i];

		assert_non_null(x->why);
		if (x->verdict == KEEP_STAYS)
			continue;
		assert_true(counts(x->set));
		assert_true(w->shelves[x->store].whole);
		for (size_t db = 0; db < 3 && w->ask.opened != 0; db++)
			assert_true(newest(w, 2, db)->at + 999 >=
			    w->ask.opened);
		if (x->verdict == KEEP_PROMOTED) {
			assert_int_equal(x->set->class, SET_NIGHTLY);
			continue;
		}
		++*gone;
		assert_int_not_equal(x->set->class, SET_MANUAL);
		assert_true(x->set->class != SET_EMERGENCY ||
		    NOW - x->set->at >= w->policy.emergency_ms);
		for (size_t db = 0; db < 3; db++)
			check_gone(w, x->store, x->set, db);
	}
}

/* Does what the plan says to the sets in memory. */
static void
carry_out(struct world *w, const struct keeps *k)
{
	/* all that it says first: a verdict names its set */
	for (size_t s = 0; s < 2; s++) {
		VEC(enum keep_verdict) said = { 0 };

		for (size_t i = 0; i < w->stores[s].v.n; i++)
			VEC_PUSH(&said, verdict(k, s, w->stores[s].v.v[i]));
		for (size_t i = w->stores[s].v.n; i-- > 0;) {
			struct set *set = w->stores[s].v.v[i];
			struct set_name name = { set->at, set->state };
			char word[SET_NAME_MAX];

			if (said.v[i] == KEEP_GOES)
				drop_set(&w->stores[s], i);
			if (said.v[i] != KEEP_PROMOTED)
				continue;
			set_name_write(&name, word);
			free(set->path);
			set->path = xprintf("weekly/%s", word);
			set->class = SET_WEEKLY;
		}
		VEC_RELEASE(&said);
	}
}

static size_t
number(const struct keeps *k, enum keep_verdict v)
{
	size_t n = 0;

	for (size_t i = 0; i < k->v.n; i++)
		n += k->v.v[i].verdict == v;
	return n;
}

static void
shuffle(struct sets *s)
{
	for (size_t i = s->v.n; i > 1; i--) {
		size_t k = roll(i);
		struct set *swap = s->v.v[k];

		s->v.v[k] = s->v.v[i - 1];
		s->v.v[i - 1] = swap;
	}
}

static void
check_order(struct world *w, const struct keeps *k)
{
	struct keeps other = { 0 };

	shuffle(&w->stores[0]);
	shuffle(&w->stores[1]);
	keep_judge(&w->ask, &other);
	assert_int_equal(other.v.n, k->v.n);
	for (size_t i = 0; i < k->v.n; i++) {
		const struct keep *x = keeps_find(&other, k->v.v[i].store,
		    k->v.v[i].set->path);

		assert_int_equal(x->verdict, k->v.v[i].verdict);
		assert_string_equal(x->why, k->v.v[i].why);
	}
	keeps_release(&other);
}

static void
whatever_happened_the_floor_holds(void **state)
{
	size_t turns = getenv("MIDWATCH_SOAK") ? 200000 : 8000, gone = 0, up = 0;

	(void)state;
	for (size_t turn = 0; turn < turns; turn++) {
		struct world w;
		struct keeps k = { 0 }, again = { 0 };

		random_world(&w);
		keep_judge(&w.ask, &k);
		check_plan(&w, &k, &gone);
		check_order(&w, &k);
		up += number(&k, KEEP_PROMOTED);
		carry_out(&w, &k);
		keeps_release(&k);
		keep_judge(&w.ask, &again);
		assert_int_equal(number(&again, KEEP_GOES), 0);
		assert_int_equal(number(&again, KEEP_PROMOTED), 0);
		keeps_release(&again);
		world_release(&w);
	}
	/* the property is worth something only when there was something to do */
	print_message("# %zu sets went, %zu were promoted\n", gone, up);
	assert_true(gone > turns && up > turns);
}

/* ---- years of nights --------------------------------------------------------------- */

static void
nights_go_by_and_the_store_stays_small(void **state)
{
	struct world w;
	size_t made = 0;

	(void)state;
	world_init(&w);
	for (int64_t day = 400; day > 0; day--) {
		bool well = roll(5) != 0;
		struct keeps k = { 0 };
		size_t left = 0;

		w.ask.now = NOW - day * DAY;
		if (well)
			good_night(&w.stores[0], SET_NIGHTLY, w.ask.now);
		else
			add_copy(new_set(&w.stores[0], SET_NIGHTLY,
			    SET_INCOMPLETE, w.ask.now), "otc", true,
			    PROVEN_VERIFIED);
		made += well;
		w.parts[1].failed_at = w.parts[2].failed_at =
		    well ? 0 : w.ask.now + 1;
		keep_judge(&w.ask, &k);
		carry_out(&w, &k);
		keeps_release(&k);
		for (size_t i = 0; i < w.stores[0].v.n; i++)
			left += verified_in(w.stores[0].v.v[i], 1);
		assert_true(left >= (made < 7 ? made : 7));
		if (well)
			assert_true(w.stores[0].v.n <= 40);
	}
	world_release(&w);
}

/* ---- plain cases ------------------------------------------------------------------------ */

static const char *
why_of(const struct world *w, const struct set *set, enum keep_verdict want)
{
	static char why[512];
	struct keeps k = { 0 };
	const struct keep *x;

	keep_judge(&w->ask, &k);
	x = keeps_find(&k, 0, set->path);
	assert_non_null(x);
	snprintf(why, sizeof why, "%s", x->why);
	if (x->verdict != want)
		print_message("# %s: %s\n", set->path, why);
	assert_int_equal(x->verdict, want);
	keeps_release(&k);
	return why;
}

static void
seven_nights_and_four_weeks_stay(void **state)
{
	struct world w;
	struct keeps k = { 0 };

	(void)state;
	world_init(&w);
	for (int64_t day = 0; day < 60; day++)
		good_night(&w.stores[0], SET_NIGHTLY, NOW - day * DAY);
	keep_judge(&w.ask, &k);
	assert_int_equal(number(&k, KEEP_PROMOTED), 4);
	assert_int_equal(number(&k, KEEP_STAYS), 7);
	assert_int_equal(number(&k, KEEP_GOES), 49);
	/* Monday the 16th, and not Sunday the 15th */
	assert_int_equal(k.v.v[1].verdict, KEEP_PROMOTED);
	assert_int_equal(k.v.v[2].verdict, KEEP_STAYS);
	assert_int_equal(k.v.v[8].verdict, KEEP_PROMOTED);
	assert_non_null(strstr(k.v.v[0].why, "newest verified"));
	assert_non_null(strstr(k.v.v[50].why, "at least 7 verified nightly"));
	keeps_release(&k);
	world_release(&w);
}

/* 2026-02-15 23:30 UTC is Monday 00:30 in Lagos. */
static void
weeks_begin_where_the_site_is(void **state)
{
	static const int64_t at = 1771198200000;
	struct world w;
	struct err e = ERR_INIT;
	struct set *set;

	(void)state;
	world_init(&w);
	w.policy.daily = 30;
	set = good_night(&w.stores[0], SET_NIGHTLY, at);
	good_night(&w.stores[0], SET_WEEKLY, at - DAY);
	assert_true(clock_zone_set("Africa/Lagos", &e));
	/* the newest stays where it was said to be */
	(void)why_of(&w, set, KEEP_STAYS);
	good_night(&w.stores[0], SET_NIGHTLY, at + DAY);
	assert_true(clock_zone_set("UTC", &e));
	(void)why_of(&w, set, KEEP_STAYS);
	assert_true(clock_zone_set("Africa/Lagos", &e));
	(void)why_of(&w, set, KEEP_PROMOTED);
	assert_true(clock_zone_set("UTC", &e));
	world_release(&w);
}

static void
unproven_copies_do_not_push_good_ones_out(void **state)
{
	struct world w;
	struct set *good;

	(void)state;
	world_init(&w);
	good = good_night(&w.stores[0], SET_EMERGENCY, NOW - 50 * DAY);
	for (int64_t day = 0; day < 40; day++)
		add_copy(new_set(&w.stores[0], SET_NIGHTLY, SET_WHOLE,
		    NOW - day * DAY), "otc", true, PROVEN_SENT);
	assert_non_null(strstr(why_of(&w, good, KEEP_STAYS), "newest verified"));
	/* nor do they go themselves while nothing newer is proven */
	(void)why_of(&w, w.stores[0].v.v[40], KEEP_STAYS);
	good_night(&w.stores[0], SET_EMERGENCY, NOW);
	(void)why_of(&w, good, KEEP_GOES);
	world_release(&w);
}

static void
a_failure_protects_its_component_alone(void **state)
{
	struct world w;
	struct set *both, *gps;

	(void)state;
	world_init(&w);
	w.policy.weekly = 0;
	both = good_night(&w.stores[0], SET_NIGHTLY, NOW - 50 * DAY);
	gps = new_set(&w.stores[0], SET_NIGHTLY, SET_INCOMPLETE, NOW - 51 * DAY);
	add_copy(gps, "gps", true, PROVEN_VERIFIED);
	for (int64_t day = 1; day < 20; day++)
		good_night(&w.stores[0], SET_NIGHTLY, NOW - day * DAY);
	w.parts[0].failed_at = NOW - 1000;
	assert_non_null(strstr(why_of(&w, both, KEEP_STAYS),
	    "the last backup of otc failed"));
	(void)why_of(&w, gps, KEEP_GOES);
	/* the operator's own backup after it, on the other store */
	add_copy(new_set(&w.stores[1], SET_EMERGENCY, SET_WHOLE, NOW), "otc",
	    true, PROVEN_VERIFIED);
	(void)why_of(&w, both, KEEP_GOES);
	world_release(&w);
}

static void
an_open_incident_keeps_everything_until_all_is_safe(void **state)
{
	struct world w;
	struct set *old;

	(void)state;
	world_init(&w);
	old = good_night(&w.stores[0], SET_NIGHTLY, NOW - 50 * DAY);
	for (int64_t day = 1; day < 20; day++)
		good_night(&w.stores[0], SET_WEEKLY, NOW - day * DAY);
	for (int64_t day = 1; day < 20; day++)
		good_night(&w.stores[0], SET_NIGHTLY, NOW - day * DAY - 5000);
	(void)why_of(&w, old, KEEP_GOES);
	w.ask.opened = NOW - 3600000;
	assert_non_null(strstr(why_of(&w, old, KEEP_STAYS), "otc has no "
	    "verified copy made since the incident opened"));
	for (size_t i = 0; i < 3; i++) {
		(void)why_of(&w, old, KEEP_STAYS);
		add_copy(new_set(&w.stores[1], SET_EMERGENCY, SET_WHOLE,
		    NOW - 60000 * (int64_t)i), db_names[i], true,
		    PROVEN_VERIFIED);
	}
	(void)why_of(&w, old, KEEP_GOES);
	world_release(&w);
}

static void
what_is_not_known_well_never_goes_and_is_said(void **state)
{
	struct world w;
	struct set *set;

	(void)state;
	world_init(&w);
	set = good_night(&w.stores[0], SET_NIGHTLY, NOW - 50 * DAY);
	for (int64_t day = 1; day < 20; day++)
		good_night(&w.stores[0], SET_WEEKLY, NOW - day * DAY);
	for (int64_t day = 1; day < 20; day++)
		good_night(&w.stores[0], SET_NIGHTLY, NOW - day * DAY - 5000);
	(void)why_of(&w, set, KEEP_GOES);
	set->problem = xstrdup("'otc.dump.gz' is not there");
	assert_non_null(strstr(why_of(&w, set, KEEP_STAYS), "is not there"));
	free(set->problem);
	set->problem = NULL;
	set->looked = false;
	assert_non_null(strstr(why_of(&w, set, KEEP_STAYS), "not read"));
	set->looked = true;
	set->foreign = true;
	assert_non_null(strstr(why_of(&w, set, KEEP_STAYS), "another site"));
	set->foreign = false;
	w.shelves[0].whole = false;
	assert_non_null(strstr(why_of(&w, set, KEEP_STAYS), "not read to the"));
	w.shelves[0].whole = true;
	w.ask.now = set->at - 1;
	assert_non_null(strstr(why_of(&w, set, KEEP_STAYS), "future"));
	world_release(&w);
}

static void
manual_sets_stay_and_say_so(void **state)
{
	struct world w;
	struct set *set;

	(void)state;
	world_init(&w);
	set = good_night(&w.stores[0], SET_MANUAL, NOW - 3000 * DAY);
	good_night(&w.stores[0], SET_NIGHTLY, NOW);
	assert_non_null(strstr(why_of(&w, set, KEEP_STAYS), "by hand"));
	world_release(&w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(whatever_happened_the_floor_holds),
	cmocka_unit_test(nights_go_by_and_the_store_stays_small),
	cmocka_unit_test(seven_nights_and_four_weeks_stay),
	cmocka_unit_test(weeks_begin_where_the_site_is),
	cmocka_unit_test(unproven_copies_do_not_push_good_ones_out),
	cmocka_unit_test(a_failure_protects_its_component_alone),
	cmocka_unit_test(an_open_incident_keeps_everything_until_all_is_safe),
	cmocka_unit_test(what_is_not_known_well_never_goes_and_is_said),
	cmocka_unit_test(manual_sets_stay_and_say_so),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
