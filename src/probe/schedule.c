/*
 * schedule: is the nightly due, did it begin in its window (night.h), and does
 * what starts it (starter.h) really fire at the hour that the site states, in
 * the site's own zone, in each night of the coming year?
 *
 * Where the site states no hour only the last run is told.
 *
 * data: hour ("02:00") and zone (the site's); due, until and next (UTC: when it
 * was due last, the end of that window, when it is due next); window_ms;
 * began, ended (UTC: the last run that was seen) and result ("open", "good",
 * "bad"); missed (true: the window of the last night is over and no run began;
 * left out while that is not known); failed (the last run's result is bad);
 * right (false: it is not started, or not at that hour; left out while that is
 * not known); fires (UTC: when it is started next); starters: a list of {what,
 * command, zone, fires, problem}; wrong_on and fires_on (UTC: the first night
 * that is not as stated, and when it is started instead); nights: the last two
 * weeks from the first run on that was seen, oldest first, a list of {due (UTC),
 * result ("good", "bad", "open", "missed")}.
 */
#include "probe/schedule.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/night.h"
#include "probe/plain.h"
#include "probe/starter.h"

enum { MINUTE_MS = 60000, EARLY_MS = 15 * MINUTE_MS, SOON_MS = 10 * MINUTE_MS,
	SLACK_MS = 5 * MINUTE_MS, HALF_DAY_MS = 12 * 60 * MINUTE_MS };
static const int64_t FORTNIGHT_MS = 28 * (int64_t)HALF_DAY_MS;
static const int64_t year_ms = 370 * 2LL * HALF_DAY_MS;

static const char check[] = "midwatch schedule check";

static void
put_time(struct reading *r, const char *key, int64_t ms)
{
	char at[32];

	if (ms == 0)
		return;
	clock_fmt_utc(at, ms);
	reading_str(r, key, at);
}

/* "02:00" of that moment by the site's clock; "2025-02-14 02:00". */
static void
hour_of(char out[8], int64_t ms)
{
	char at[40];

	clock_fmt_site(at, ms);
	(void)snprintf(out, 8, "%.5s", at + 11);
}

static void
day_of(char out[12], int64_t ms)
{
	char at[40];

	clock_fmt_site(at, ms);
	(void)snprintf(out, 12, "%.10s", at);
}

/* ---- did it run? --------------------------------------------------------- */

static void
put_run(struct reading *r, const struct night_run *run)
{
	static const char *const words[] = { "open", "good", "bad" };

	put_time(r, "began", run->started);
	put_time(r, "ended", run->ended);
	reading_str(r, "result", words[run->result]);
	reading_bool(r, "failed", run->result == NIGHT_BAD);
}

static void
say_run(struct reading *r, const struct night_run *run,
    const struct night_plan *plan, int64_t now)
{
	char began[40], due[8], until[8];
	bool late = run->started > plan->until;

	clock_fmt_site(began, run->started);
	began[16] = '\0';
	hour_of(due, plan->due);
	hour_of(until, plan->until);
	reading_bool(r, "missed", false);
	if (run->result == NIGHT_BAD)
		reading_say(r, LEVEL_CRITICAL, "midwatch backup --all-unsafe",
		    "the nightly of %s failed", began);
	else if (run->result == NIGHT_OPEN && now > plan->until &&
	    now > run->started + (plan->until - plan->due))
		reading_say(r, LEVEL_WARNING, "midwatch jobs", "the nightly "
		    "began at %s, and no end of it was seen; its window ended "
		    "at %s", began, until);
	else if (late)
		reading_say(r, LEVEL_WARNING, check, "the nightly began at %s, "
		    "after its window (%s to %s)", began, due, until);
	else
		reading_say(r, LEVEL_OK, NULL, "the nightly began at %s%s",
		    began, run->result == NIGHT_GOOD ? " and ended well" : "");
}

static void
say_no_run(struct reading *r, const struct night_run *before,
    const struct night_plan *plan, int64_t now)
{
	char due[8], until[8], last[64] = "none was seen before";

	hour_of(due, plan->due);
	hour_of(until, plan->until);
	if (before != NULL) {
		char at[40];

		clock_fmt_site(at, before->started);
		(void)snprintf(last, sizeof last, "the last one began at %.16s",
		    at);
	}
	if (now <= plan->due + SOON_MS)
		reading_say(r, LEVEL_OK, NULL, "the nightly is due since %s; "
		    "%s", due, last);
	else if (now <= plan->until)
		reading_say(r, LEVEL_WARNING, "midwatch nightly", "the nightly "
		    "was due at %s and has not begun; its window ends at %s; "
		    "%s", due, until, last);
	else if (before != NULL) {
		reading_bool(r, "missed", true);
		reading_say(r, LEVEL_CRITICAL, "midwatch nightly", "the nightly "
		    "did not run: its window was %s to %s; %s", due, until,
		    last);
	} else
		reading_say(r, LEVEL_WARNING, "midwatch nightly",
		    "no nightly was ever seen here");
}

/* What became of a night: its last run's, also when somebody ran it again. */
static const char *
night_result(const struct night_seen *seen, int64_t due, int64_t next,
    bool over)
{
	static const char *const words[] = { "open", "good", "bad" };
	const char *word = over ? "missed" : "open";

	for (size_t i = 0; i < seen->runs.n; i++) {
		const struct night_run *run = &seen->runs.v[i];

		if (run->started >= due - EARLY_MS &&
		    run->started < next - EARLY_MS)
			word = words[run->result];
	}
	return word;
}

static void
put_nights(struct reading *r, const struct night_seen *seen,
    const struct site *site, const struct night_plan *plan, int64_t now)
{
	struct nights n;
	json_t *list;

	if (seen->runs.n == 0)
		return;
	list = reading_list(r, "nights");
	nights_due(site, now - FORTNIGHT_MS, now, &n);
	for (size_t i = 0; i < n.due.n; i++) {
		int64_t next = i + 1 < n.due.n ? n.due.v[i + 1] : INT64_MAX;
		json_t *o;
		char at[32];

		if (next <= seen->runs.v[0].started)
			continue;
		o = json_object();
		clock_fmt_utc(at, n.due.v[i]);
		(void)json_object_set_new(o, "due", json_string(at));
		(void)json_object_set_new(o, "result", json_string(
		    night_result(seen, n.due.v[i], next, next != INT64_MAX ||
		    now > plan->until)));
		(void)json_array_append_new(list, o);
	}
	nights_release(&n);
}

/* True: the last night's run began, and in its window. */
static bool
judge_run(struct eye *eye, const struct target *t, struct night_seen *seen,
    const struct night_plan *plan, struct reading *r)
{
	const struct night_run *run;

	night_look(seen, eye, t);
	run = night_last(seen);
	put_nights(r, seen, eye->site, plan, eye->now);
	if (run != NULL)
		put_run(r, run);
	if (run != NULL && run->started >= plan->due - EARLY_MS) {
		say_run(r, run, plan, eye->now);
		return run->started <= plan->until;
	}
	if (eye->state == NULL && !seen->sets_seen)
		reading_say(r, LEVEL_UNKNOWN, "midwatch doctor", "whether it "
		    "ran cannot be seen: there is no record here");
	else
		say_no_run(r, run, plan, eye->now);
	return false;
}

/* Somebody starts it by hand, or something else at an hour of its own: what became
 * of the last run is as true. */
static void
judge_unstated(struct eye *eye, const struct target *t,
    struct night_seen *seen, struct reading *r)
{
	static const char unstated[] = "the site states no hour for the nightly";
	const struct night_run *run;
	char began[40];

	night_look(seen, eye, t);
	run = night_last(seen);
	if (run == NULL) {
		reading_say(r, LEVEL_OK, NULL, "%s, and none was seen here",
		    unstated);
		return;
	}
	put_run(r, run);
	clock_fmt_site(began, run->started);
	if (run->result == NIGHT_BAD)
		reading_say(r, LEVEL_CRITICAL, "midwatch backup --all-unsafe",
		    "the nightly of %.16s failed; %s", began, unstated);
	else
		reading_say(r, LEVEL_OK, NULL, "%s; the last one began at "
		    "%.16s%s", unstated, began, run->result == NIGHT_GOOD ?
		    " and ended well" : "");
}

/* ---- is it started, and when? -------------------------------------------- */

/* One firing, and who fires. */
struct shot {
	int64_t at;
	const struct starter *by;
	bool used;
};

struct shots {
	VEC(struct shot) v;
	bool too_many;
	const struct starter *busy;	/* who fires too often to count */
};

static int
in_order(const void *a, const void *b)
{
	const struct shot *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void
shots_of(struct shots *all, const struct starter *s, int64_t from, int64_t to)
{
	for (size_t i = 0; i < s->firings.n; i++) {
		struct firing_times t;

		firing_times(&s->firings.v[i], s->zone, from, to, &t);
		for (size_t k = 0; k < t.at.n; k++)
			VEC_PUSH(&all->v, ((struct shot){ .at = t.at.v[k],
			    .by = s }));
		if (t.more) {
			all->too_many = true;
			all->busy = s;
		}
		firing_times_release(&t);
	}
	if (all->v.n > 1)
		qsort(all->v.v, all->v.n, sizeof *all->v.v, in_order);
}

static bool
works(const struct starter *s)
{
	return s->problem == NULL && !s->drifts;
}

/* Which shot starts that night; NULL: none does in time. */
static struct shot *
shot_for(struct shots *all, int64_t due)
{
	for (size_t i = 0; i < all->v.n; i++) {
		struct shot *s = &all->v.v[i];

		if (s->at > due + SLACK_MS)
			break;
		if (!s->used && s->at >= due - MINUTE_MS)
			return s;
	}
	return NULL;
}

static const struct shot *
nearest_unused(const struct shots *all, int64_t due)
{
	const struct shot *best = NULL;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct shot *s = &all->v.v[i];

		if (!s->used && llabs(s->at - due) <= HALF_DAY_MS &&
		    (best == NULL || llabs(s->at - due) <
		    llabs(best->at - due)))
			best = s;
	}
	return best;
}

static const char *
clock_of(const struct starter *s, const struct firing *f)
{
	return f != NULL && f->zone[0] != '\0' ? f->zone : s->zone;
}

/* " by the clock of UTC", where that is another one than the site's. */
static void
by_clock(char out[200], const struct starter *s, const struct site *site)
{
	const char *zone = clock_of(s, s->firings.n ? &s->firings.v[0] : NULL);

	out[0] = '\0';
	if (strcmp(zone, site->timezone) != 0)
		(void)snprintf(out, 200, "; it goes by the clock of %s, the "
		    "site by %s", zone, site->timezone);
	if (s->note != NULL)
		(void)snprintf(out + strlen(out), 200 - strlen(out), "; %s",
		    s->note);
}

/* The first night that is not as stated. */
static void
say_wrong_night(struct reading *r, const struct site *site, int64_t due,
    const struct shot *instead, const struct starter *any, bool from_now)
{
	char day[12], stated[8], fires[40], clock[200], on[40] = "";

	day_of(day, due);
	(void)snprintf(stated, sizeof stated, "%02d:%02d",
	    (int)(site->schedule.nightly / 60),
	    (int)(site->schedule.nightly % 60));
	put_time(r, "wrong_on", due);
	by_clock(clock, instead != NULL ? instead->by : any, site);
	if (instead == NULL) {
		hour_of(fires, due);
		reading_say(r, LEVEL_WARNING, check, "%s does not start it on "
		    "%s%s", any->what, day, strcmp(fires, stated) != 0 ?
		    ", when clocks skip that hour: state another, or one in "
		    "UTC" : clock);
		return;
	}
	put_time(r, "fires_on", instead->at);
	clock_fmt_site(fires, instead->at);
	if (strncmp(fires, day, 10) != 0)
		(void)snprintf(on, sizeof on, "%.16s", fires);
	else
		(void)snprintf(on, sizeof on, "%.5s", fires + 11);
	if (from_now)
		reading_say(r, LEVEL_WARNING, check, "%s starts it at %s "
		    "instead of %s%s", instead->by->what, on, stated, clock);
	else
		reading_say(r, LEVEL_WARNING, check, "from %s on %s starts it "
		    "at %s instead of %s%s", day, instead->by->what, on,
		    stated, clock);
}

static void
say_too_often(struct reading *r, const struct shots *all)
{
	const struct shot *extra = NULL, *with = NULL;
	char at[40];

	for (size_t i = 0; i < all->v.n && extra == NULL; i++)
		if (!all->v.v[i].used)
			extra = &all->v.v[i];
	if (extra == NULL)
		return;
	for (size_t i = 0; i < all->v.n; i++)
		if (all->v.v[i].used && (with == NULL ||
		    llabs(all->v.v[i].at - extra->at) <
		    llabs(with->at - extra->at)))
			with = &all->v.v[i];
	clock_fmt_site(at, extra->at);
	put_time(r, "wrong_on", extra->at);
	if (with != NULL && with->by != extra->by)
		reading_say(r, LEVEL_WARNING, check, "it is started twice: by "
		    "%s, and at %.16s by %s", with->by->what, at,
		    extra->by->what);
	else
		reading_say(r, LEVEL_WARNING, check, "%s starts it once more, "
		    "at %.16s", extra->by->what, at);
}

/* Every night of a year against every firing of a year. True: all is right. */
static bool
compare(struct reading *r, const struct site *site, struct shots *all,
    const struct starter *any, int64_t now)
{
	struct nights n;
	int64_t from = now + MINUTE_MS;
	bool right = true;

	nights_due(site, from, from + year_ms, &n);
	for (size_t i = 0; i < n.due.n; i++) {
		struct shot *s = shot_for(all, n.due.v[i]);

		if (s != NULL)
			s->used = true;
	}
	for (size_t i = 0; i < n.due.n && right; i++) {
		int64_t due = n.due.v[i];
		bool hit = false;

		for (size_t k = 0; k < all->v.n && !hit; k++)
			hit = all->v.v[k].used &&
			    all->v.v[k].at >= due - MINUTE_MS &&
			    all->v.v[k].at <= due + SLACK_MS;
		/* the year's end may cut a firing off */
		if (hit || due > from + year_ms - HALF_DAY_MS)
			continue;
		say_wrong_night(r, site, due, nearest_unused(all, due), any,
		    i == 0);
		right = false;
	}
	nights_release(&n);
	if (right) {
		/* what fires only just before the first night that was asked */
		for (size_t i = 0; i < all->v.n; i++)
			if (all->v.v[i].at < from)
				all->v.v[i].used = true;
		say_too_often(r, all);
		right = json_object_get(r->data, "wrong_on") == NULL;
	}
	return right;
}

static void
put_starters(struct reading *r, const struct starters *all, int64_t now)
{
	json_t *list = reading_list(r, "starters");

	for (size_t i = 0; i < all->v.n; i++) {
		const struct starter *s = &all->v.v[i];
		struct shots own = { .too_many = false };
		json_t *o = json_object();
		char *command = plain_show(s->command, PLAIN_SHOWN), at[32];

		json_object_set_new(o, "what", json_utf8(s->what));
		json_object_set_new(o, "command", json_utf8(command));
		json_object_set_new(o, "zone", json_utf8(clock_of(s,
		    s->firings.n ? &s->firings.v[0] : NULL)));
		if (works(s))
			shots_of(&own, s, now, now + 8 * 2LL * HALF_DAY_MS);
		if (own.v.n > 0) {
			clock_fmt_utc(at, own.v.v[0].at);
			json_object_set_new(o, "fires", json_string(at));
		}
		if (s->problem != NULL)
			json_object_set_new(o, "problem",
			    json_utf8(s->problem));
		json_array_append_new(list, o);
		VEC_RELEASE(&own.v);
		free(command);
	}
}

/* What systemd itself says of a timer. */
static void
ask_systemd(struct eye *eye, const struct target *t, struct starter *s)
{
	const char *argv[] = { "systemctl", "show", "--timestamp=unix",
	    "--property=ActiveState", s->unit, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err ignored = ERR_INIT;
	char *start = xprintf("systemctl start %s", s->unit);

	if (eye_run(eye, t, argv, &ran, &ignored) && ran.exit.code == 0 &&
	    text_starts(ran.out.p, "ActiveState=") &&
	    !text_starts(ran.out.p, "ActiveState=active")) {
		s->problem = xprintf("it is not running (%.*s)",
		    (int)strcspn(ran.out.p + 12, "\n"), ran.out.p + 12);
		s->hint = start;
		start = NULL;
	}
	free(start);
	place_ran_release(&ran);
}

/* Who is not root sees their own crontab only by asking for it. */
static void
ask_crontab(struct eye *eye, const struct target *t, struct starters *all)
{
	const char *argv[] = { "crontab", "-l", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err ignored = ERR_INIT;
	struct starter_ours ours = { .root = "",
	    .config = eye->site->path };

	if (eye_run(eye, t, argv, &ran, &ignored) && ran.exit.code == 0)
		starters_crontab(all, "this user's crontab", ran.out.p,
		    false, starter_is_ours, &ours);
	place_ran_release(&ran);
}

static void
say_nobody(struct reading *r, const struct starters *all, bool on_time)
{
	const char *but = all->unseen != NULL ? all->unseen :
	    "no timer and no crontab here does";

	/* then something does, from where it cannot be seen */
	if (on_time) {
		reading_bool(r, "right", true);
		return;
	}
	if (all->unseen == NULL)
		reading_bool(r, "right", false);
	reading_say(r, LEVEL_WARNING, "'midwatch schedule systemd' or "
	    "'midwatch schedule cron' prints what would start it",
	    "nothing is seen to start the nightly: %s", but);
}

/* All that there are, and none that will do. */
static void
say_broken(struct reading *r, const struct starter *s)
{
	reading_bool(r, "right", false);
	if (s->problem != NULL)
		reading_say(r, LEVEL_WARNING, s->hint, "%s does not start the "
		    "nightly: %s", s->what, s->problem);
	else
		reading_say(r, LEVEL_WARNING, check, "%s starts the nightly at "
		    "no fixed hour", s->what);
}

static void
judge_starters(struct eye *eye, const struct target *t, struct reading *r,
    const char *root, bool on_time)
{
	struct starters all = { .root = root };
	struct starter_ours ours = { .root = root,
	    .config = eye->site->path };
	struct shots shots = { .too_many = false };
	const struct starter *good = NULL;
	bool right = false;

	starters_find(&all, starter_is_ours, &ours);
	if (*root == '\0' && geteuid() != 0)
		ask_crontab(eye, t, &all);
	for (size_t i = 0; i < all.v.n; i++) {
		struct starter *s = &all.v.v[i];

		if (s->unit != NULL && !s->of_user && works(s) &&
		    *root == '\0')
			ask_systemd(eye, t, s);
		if (!works(s))
			continue;
		good = s;
		shots_of(&shots, s, eye->now, eye->now + year_ms);
	}
	put_starters(r, &all, eye->now);
	if (all.v.n == 0)
		say_nobody(r, &all, on_time);
	else if (good == NULL)
		say_broken(r, &all.v.v[0]);
	else if (shots.too_many) {
		reading_bool(r, "right", false);
		reading_say(r, LEVEL_WARNING, check, "%s starts the nightly "
		    "many times a day", shots.busy->what);
	} else {
		if (shots.v.n > 0)
			put_time(r, "fires", shots.v.v[0].at);
		right = compare(r, eye->site, &shots, good, eye->now);
		reading_bool(r, "right", right);
		if (good->late_ms > eye->site->schedule.window_ms)
			reading_say(r, LEVEL_WARNING, check, "%s may delay it "
			    "past its window (RandomizedDelaySec)",
			    good->what);
	}
	VEC_RELEASE(&shots.v);
	starters_release(&all);
}

/* ---- the probe ----------------------------------------------------------- */

void
schedule_read(struct eye *eye, struct target *t, struct reading *r,
    const char *root)
{
	const struct site_schedule *s = &eye->site->schedule;
	struct night_plan plan;
	char hour[8], next[40];
	bool on_time;

	if (t->memory == NULL)
		t->memory = xcalloc(1, sizeof(struct night_seen));
	if (!night_plan(eye->site, eye->now, &plan)) {
		judge_unstated(eye, t, t->memory, r);
		return;
	}
	(void)snprintf(hour, sizeof hour, "%02d:%02d", (int)(s->nightly / 60),
	    (int)(s->nightly % 60));
	reading_str(r, "hour", hour);
	reading_str(r, "zone", eye->site->timezone);
	put_time(r, "due", plan.due);
	put_time(r, "until", plan.until);
	put_time(r, "next", plan.next);
	reading_int(r, "window_ms", s->window_ms);
	on_time = judge_run(eye, t, t->memory, &plan, r);
	judge_starters(eye, t, r, root, on_time);
	clock_fmt_site(next, plan.next);
	reading_say(r, LEVEL_OK, NULL, "the next is due at %.16s", next);
}

static void
read_schedule(struct eye *eye, struct target *t, struct reading *r)
{
	schedule_read(eye, t, r, "");
}

static size_t
count(const struct site *site)
{
	return site->schedule.nightly >= 0 || (site_stores(site) > 0 &&
	    site_dbs(site) + site_components(site) > 0) ? 1 : 0;
}

static void
target(const struct site *site, size_t i, struct target *ret)
{
	(void)i;
	ret->name = "nightly";
	ret->at = NULL;
	ret->row = &site->schedule;
}

const struct probe probe_schedule = {
	.kind = "schedule",
	.what = "the nightly: is it due, did it begin, what starts it and when",
	.every_ms = MINUTE_MS,
	.deadline_ms = 8000,
	.count = count,
	.target = target,
	.read = read_schedule,
	.alone = true,
};
