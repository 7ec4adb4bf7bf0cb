#include "probe/routine.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "probe/zone.h"

enum { DAY_MIN = 1440, HOUR_MS = 3600000, MINUTE_MS = 60000, WORDS = 8,
	WORD = 32 };
static const int64_t day_ms = 24LL * HOUR_MS, year_ms = 370LL * 24 * HOUR_MS;

static const struct routine routines[] = {
#define X(id, name, words, without, what)				\
	{ ROUTINE_##id, name, words, without, what },
	ROUTINES(X)
#undef X
};

const struct routine *
routine_at(enum routine_id id)
{
	return &routines[id];
}

/* ---- the plan ------------------------------------------------------------ */

/* The longest step of at most so many minutes that goes into an hour, or that
 * goes into a day by hours: what cron and systemd can say in one line. */
static int
step_of(int64_t ms, bool *ret_closer)
{
	int asked = (int)(ms / MINUTE_MS), step = asked;

	if (step < 5)
		step = 5;
	while (step < 60 ? 60 % step != 0 : step % 60 != 0 ||
	    DAY_MIN % step != 0)
		step--;
	*ret_closer = step != asked;
	return step;
}

/* Weekdays so that no pause is longer than so many days; from Sunday on. */
static unsigned
weekdays_of(int64_t days)
{
	unsigned set = 0;

	for (int d = 0; d < 7; d += (int)days)
		set |= 1u << d;
	return set;
}

static void
plan_every(const struct site *site, struct routine_plan *p)
{
	int64_t every = site->schedule.dry_run_every_ms;

	if (every >= day_ms) {
		p->closer = every > day_ms;
		p->minute += DAY_MIN / 2;
		return;
	}
	p->every = step_of(every, &p->closer);
	p->minute = (p->minute + p->every / 2) % p->every;
}

static void
plan_restore(const struct site *site, struct routine_plan *p)
{
	int64_t days = site->schedule.restore_test_every_ms / day_ms;

	p->closer = days != 7 && days > 1 && 7 % days != 0;
	if (days >= 7)
		p->weekdays = 1;
	else if (days > 1)
		p->weekdays = weekdays_of(days);
	p->minute += 6 * 60;
}

/* Between the nights, and not all at once: what reads the stores in the morning,
 * what a person may have to mend during the day. */
bool
routine_plan(const struct routine *r, const struct site *site,
    struct routine_plan *ret)
{
	*ret = (struct routine_plan){ .minute = (int)site->schedule.nightly };
	if (site->schedule.nightly < 0)
		return false;
	switch (r->id) {
	case ROUTINE_DRY_RUN:
		plan_every(site, ret);
		break;
	case ROUTINE_RESTORE:
		plan_restore(site, ret);
		break;
	case ROUTINE_REREAD:
		ret->minute += 4 * 60;
		break;
	case ROUTINE_SECRETS:
		ret->minute += 8 * 60;
		break;
	case ROUTINE_SCHEMA:
		ret->minute += 8 * 60 + 30;
		ret->weekdays = 1u << 1;
		break;
	case ROUTINE_ALERTS:
		ret->minute = 0;
		ret->every = 5;
		break;
	default:
		break;
	}
	ret->minute %= DAY_MIN;
	return true;
}

static const char *const days[] = { "Sunday", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday" };

void
routine_say(const struct routine_plan *p, struct buf *out)
{
	bool first = true;

	if (p->every > 0) {
		buf_printf(out, p->every % 60 == 0 ? "every %dh" :
		    "every %d min", p->every % 60 == 0 ? p->every / 60 :
		    p->every);
		if (DAY_MIN / p->every > 8)
			return;
		buf_str(out, ":");
	}
	for (int d = 0; d < 7; d++)
		if ((p->weekdays & 1u << d) != 0) {
			buf_printf(out, "%s%s", first ? "on " : ", ", days[d]);
			first = false;
		}
	buf_printf(out, "%sat", out->n > 0 ? " " : "");
	for (int m = p->minute; m < DAY_MIN; m += p->every) {
		buf_printf(out, " %02d:%02d", m / 60, m % 60);
		if (p->every == 0)
			break;
	}
}

void
routine_calendar(const struct routine_plan *p, struct buf *out)
{
	bool first = true;

	for (int d = 0; d < 7; d++)
		if ((p->weekdays & 1u << d) != 0) {
			buf_printf(out, "%s%.3s", first ? "" : ",", days[d]);
			first = false;
		}
	buf_printf(out, "%s*-*-* ", out->n > 0 ? " " : "");
	if (p->every == 0)
		buf_printf(out, "%02d:%02d:00", p->minute / 60,
		    p->minute % 60);
	else if (p->every < 60)
		buf_printf(out, "*:%02d/%d:00", p->minute % p->every,
		    p->every);
	else
		buf_printf(out, "%02d/%d:%02d:00", p->minute / 60,
		    p->every / 60, p->minute % 60);
}

/* All of them, by the site's clock. */
static void
times_of(const struct routine_plan *p, const struct site *site, int64_t from,
    int64_t to, struct firing_times *ret)
{
	struct firing f = { .weekdays = p->weekdays };
	int step = p->every > 0 ? p->every : DAY_MIN;

	*ret = (struct firing_times){ .more = false };
	f.second = (struct firing_field){ { { 0, 0, 1 } }, 1 };
	for (int m = p->minute; m < DAY_MIN; m += step) {
		struct firing_times one;

		f.hour = (struct firing_field){ { { m / 60, m / 60, 1 } }, 1 };
		f.minute = (struct firing_field){ { { m % 60, m % 60, 1 } },
		    1 };
		firing_times(&f, site->timezone, from, to, &one);
		for (size_t i = 0; i < one.at.n; i++)
			VEC_PUSH(&ret->at, one.at.v[i]);
		firing_times_release(&one);
	}
}

int64_t
routine_next(const struct routine_plan *p, const struct site *site,
    int64_t now)
{
	struct firing_times t;
	int64_t best = 0;

	times_of(p, site, now, now + 8 * day_ms, &t);
	for (size_t i = 0; i < t.at.n; i++)
		if (best == 0 || t.at.v[i] < best)
			best = t.at.v[i];
	firing_times_release(&t);
	return best;
}

int64_t
routine_last(const struct routine_plan *p, const struct site *site,
    int64_t now)
{
	struct firing_times t;
	int64_t best = 0;

	times_of(p, site, now - 8 * day_ms, now, &t);
	for (size_t i = 0; i < t.at.n; i++)
		if (t.at.v[i] > best)
			best = t.at.v[i];
	firing_times_release(&t);
	return best;
}

/* ---- who starts it ------------------------------------------------------- */

/* "a b c" as a list; the words are short. */
static void
split(const char *s, char store[WORDS][WORD], const char *ret[WORDS + 1])
{
	size_t n = 0;

	while (*s != '\0' && n < WORDS) {
		size_t len = strcspn(s, " ");

		(void)snprintf(store[n], WORD, "%.*s", (int)len, s);
		ret[n] = store[n];
		n++;
		s += len + strspn(s + len, " ");
	}
	ret[n] = NULL;
}

void
routine_find(const struct routine *r, const struct site *site,
    const char *root, const char *extra, struct starters *ret)
{
	char with_store[WORDS][WORD], without_store[WORDS][WORD];
	const char *with[WORDS + 1], *without[WORDS + 1];
	struct starter_ours ours = { root, site->path, with, without };

	split(r->words, with_store, with);
	split(r->without, without_store, without);
	*ret = (struct starters){ .root = root };
	starters_find(ret, starter_is_ours, &ours);
	if (extra != NULL)
		starters_crontab(ret, "this user's crontab", extra, false,
		    starter_is_ours, &ours);
}

static int
in_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The longest time between two starts; -1: none at all. from: its beginning. */
static int64_t
longest_pause(const struct starters *all, int64_t now, int64_t to,
    int64_t *ret_from, int64_t *ret_next)
{
	VEC(int64_t) at = { 0 };
	int64_t last = now, worst = -1;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct starter *s = &all->v.v[i];

		for (size_t k = 0; s->problem == NULL && k < s->firings.n;
		    k++) {
			struct firing_times t;

			firing_times(&s->firings.v[k], s->zone, now, to, &t);
			for (size_t j = 0; j < t.at.n; j++)
				VEC_PUSH(&at, t.at.v[j]);
			firing_times_release(&t);
		}
	}
	if (at.n > 1)
		qsort(at.v, at.n, sizeof *at.v, in_order);
	*ret_next = at.n > 0 ? at.v[0] : 0;
	for (size_t i = 0; i < at.n; i++) {
		if (at.v[i] - last > worst) {
			worst = at.v[i] - last;
			*ret_from = last;
		}
		last = at.v[i];
	}
	VEC_RELEASE(&at);
	return worst;
}

static int64_t
asked_pause(const struct routine_plan *p)
{
	int most = 0, run = 0;

	if (p->every > 0)
		return p->every * (int64_t)MINUTE_MS;
	if (p->weekdays == 0)
		return day_ms;
	for (int d = 0; d < 14; d++) {
		run++;
		if ((p->weekdays & 1u << d % 7) != 0) {
			most = run > most ? run : most;
			run = 0;
		}
	}
	return most * day_ms;
}

/* Clocks put an hour between two starts, or take one. */
static void
judge_often(struct routine_seen *s, const struct routine_plan *p, int64_t now)
{
	int64_t asked = asked_pause(p), from = now, pause;
	int64_t span = asked < day_ms / 4 ? 2 * day_ms : year_ms;
	int64_t slack = asked < 2 * HOUR_MS ? asked / 2 : HOUR_MS * 5 / 4;
	const char *by = NULL;
	char gap[32], at[40];

	for (size_t i = 0; i < s->by.v.n && by == NULL; i++)
		if (s->by.v.v[i].problem == NULL)
			by = s->by.v.v[i].what;
	pause = longest_pause(&s->by, now, now + span, &from, &s->next);
	if (pause < 0) {
		s->level = LEVEL_WARNING;
		buf_printf(&s->text, "%s does not start it within a year", by);
		return;
	}
	clock_fmt_site(at, s->next);
	buf_printf(&s->text, "%.16s by %s", at, by);
	if (pause <= asked + slack)
		return;
	s->level = LEVEL_WARNING;
	text_fmt_duration(gap, pause);
	clock_fmt_site(at, from);
	buf_printf(&s->text, "; not often enough: after %.16s not for %s", at,
	    gap);
}

void
routine_look(const struct routine *r, const struct site *site,
    const char *root, const char *extra, int64_t now,
    struct routine_seen *ret)
{
	struct routine_plan plan;
	const struct starter *broken = NULL;
	bool works = false, drifts = false;

	*ret = (struct routine_seen){ .text = BUF_INIT };
	routine_find(r, site, root, extra, &ret->by);
	if (!routine_plan(r, site, &plan)) {
		buf_str(&ret->text, "the site states no hour");
		return;
	}
	for (size_t i = 0; i < ret->by.v.n; i++) {
		const struct starter *s = &ret->by.v.v[i];

		works = works || s->problem == NULL;
		drifts = drifts || (s->problem == NULL && s->drifts);
		broken = broken == NULL && s->problem != NULL ? s : broken;
	}
	if (drifts)
		buf_str(&ret->text, "started by an interval, at no fixed hour");
	else if (works)
		judge_often(ret, &plan, now);
	else if (broken != NULL) {
		ret->level = LEVEL_WARNING;
		buf_printf(&ret->text, "%s does not start it: %s", broken->what,
		    broken->problem);
	} else if (ret->by.unseen != NULL) {
		ret->level = LEVEL_UNKNOWN;
		buf_printf(&ret->text, "nothing is seen to start it: %s",
		    ret->by.unseen);
	} else {
		ret->level = LEVEL_WARNING;
		buf_str(&ret->text, "nothing here starts it");
	}
}

void
routine_seen_release(struct routine_seen *s)
{
	starters_release(&s->by);
	buf_release(&s->text);
}
