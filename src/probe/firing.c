#include "probe/firing.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "probe/zone.h"

enum { DAY_S = 86400, WORD = 128 };

static const char *const weekdays[] = { "sunday", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", NULL };
static const char *const months[] = { "january", "february", "march", "april",
    "may", "june", "july", "august", "september", "october", "november",
    "december", NULL };

static bool
bad(struct err *e, const char *what, const char *text)
{
	return err_set(e, ERR_USAGE, "'%.100s' is no %s", text, what);
}

/* Its number by a name of three letters or all of them, -1: none. */
static int
by_name(const char *const *names, const char *s, size_t n)
{
	for (int i = 0; names[i] != NULL; i++)
		if ((n == 3 || n == strlen(names[i])) &&
		    strncasecmp(names[i], s, n) == 0)
			return i;
	return -1;
}

static bool
add_part(struct firing_field *f, int from, int to, int step)
{
	if (f->n == FIRING_PARTS || step < 1 || from > to)
		return false;
	f->v[f->n++] = (struct firing_part){ from, to, step };
	return true;
}

static bool
has(const struct firing_field *f, int value)
{
	for (int i = 0; i < f->n; i++)
		if (value >= f->v[i].from && value <= f->v[i].to &&
		    (value - f->v[i].from) % f->v[i].step == 0)
			return true;
	return f->n == 0;
}

/* A number, or one of names (whose first is number base). */
static bool
value(const char **sp, const char *const *names, int base, int *ret)
{
	const char *s = *sp;
	int n = 0, v = 0;

	if (isdigit((unsigned char)*s)) {
		for (; isdigit((unsigned char)*s) && n < 5; n++)
			v = v * 10 + (*s++ - '0');
	} else {
		while (isalpha((unsigned char)s[n]))
			n++;
		v = names != NULL ? by_name(names, s, (size_t)n) : -1;
		if (v < 0)
			return false;
		v += base;
		s += n;
	}
	*sp = s;
	*ret = v;
	return n > 0 && n < 10;
}

/* ---- crontab ------------------------------------------------------------- */

struct limits {
	int min, max;
	const char *const *names;
	int base;
};

static bool
cron_item(struct firing *f, struct firing_field *field, const char **sp,
    const struct limits *l)
{
	int from = l->min, to = l->max, step = 1;

	if (**sp == '*')
		(*sp)++;
	else {
		/* a random minute: 0~59, also ~ alone */
		if (**sp != '~' && !value(sp, l->names, l->base, &from))
			return false;
		to = from;
		if (**sp == '-' || **sp == '~') {
			f->random = f->random || **sp == '~';
			(*sp)++;
			to = l->max;
			if (((*sp)[-1] == '-' || isalnum((unsigned char)**sp)) &&
			    !value(sp, l->names, l->base, &to))
				return false;
		} else if (**sp == '/')
			to = l->max;
	}
	if (**sp == '/') {
		(*sp)++;
		if (!value(sp, NULL, 0, &step))
			return false;
	}
	return from >= l->min && to <= l->max && add_part(field, from, to, step);
}

static bool
cron_field(struct firing *f, struct firing_field *field, const char **sp,
    const struct limits *l, bool *ret_star)
{
	*field = (struct firing_field){ .n = 0 };
	*ret_star = **sp == '*';
	for (;;) {
		if (!cron_item(f, field, sp, l))
			return false;
		if (**sp != ',')
			break;
		(*sp)++;
	}
	if (**sp != ' ' && **sp != '\t' && **sp != '\0')
		return false;
	*sp += strspn(*sp, " \t");
	return true;
}

static bool
cron_named(struct firing *f, const char **sp)
{
	static const struct { const char *name, *fields; } known[] = {
		{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" },
		{ "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
		{ "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" }, { "@reboot", NULL },
	};
	size_t n = strcspn(*sp, " \t");
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strlen(known[i].name) != n ||
		    strncasecmp(known[i].name, *sp, n) != 0)
			continue;
		*sp += n + strspn(*sp + n, " \t");
		if (known[i].fields != NULL)
			return firing_cron(f, known[i].fields, NULL, &ignored);
		f->reboot = true;
		return true;
	}
	return false;
}

bool
firing_cron(struct firing *f, const char *line, const char **ret_rest,
    struct err *e)
{
	static const struct limits of_minute = { 0, 59, NULL, 0 },
	    of_hour = { 0, 23, NULL, 0 }, of_day = { 1, 31, NULL, 0 },
	    of_month = { 1, 12, months, 1 }, of_weekday = { 0, 7, weekdays, 0 };
	const char *s = line + strspn(line, " \t");
	struct firing_field wday;
	bool minute, hour, day, month, weekday;

	*f = (struct firing){ .cron = true };
	if (*s == '@') {
		if (!cron_named(f, &s))
			return bad(e, "time of a crontab", line);
	} else {
		if (!cron_field(f, &f->minute, &s, &of_minute, &minute) ||
		    !cron_field(f, &f->hour, &s, &of_hour, &hour) ||
		    !cron_field(f, &f->day, &s, &of_day, &day) ||
		    !cron_field(f, &f->month, &s, &of_month, &month) ||
		    !cron_field(f, &wday, &s, &of_weekday, &weekday))
			return bad(e, "time of a crontab", line);
		for (int i = 0; i <= 7; i++)
			if (has(&wday, i))
				f->weekdays |= 1u << i % 7;
		f->wild = minute || hour;
		f->either = !day && !weekday;
		(void)add_part(&f->second, 0, 0, 1);
	}
	if (ret_rest != NULL)
		*ret_rest = s;
	return true;
}

/* ---- OnCalendar ---------------------------------------------------------- */

/* 2..6/2, 1,5, *, 30/15; seconds may have a fraction, which is dropped */
static bool
calendar_field(struct firing_field *f, const char **sp, int min, int max)
{
	*f = (struct firing_field){ .n = 0 };
	for (;;) {
		int from = min, to, step = 1;
		bool star = **sp == '*', range = false;

		if (star)
			(*sp)++;
		else if (!value(sp, NULL, 0, &from))
			return false;
		to = star ? max : from;
		if (!star && (*sp)[0] == '.' && (*sp)[1] == '.') {
			*sp += 2;
			range = true;
			if (!value(sp, NULL, 0, &to))
				return false;
		} else if (!star && **sp == '.')
			for ((*sp)++; isdigit((unsigned char)**sp);)
				(*sp)++;
		if (**sp == '/') {
			(*sp)++;
			if (!value(sp, NULL, 0, &step))
				return false;
			if (!range)
				to = max;
		}
		if (from < min || to > max || !add_part(f, from, to, step))
			return false;
		if (**sp != ',')
			return true;
		(*sp)++;
	}
}

static bool
calendar_weekdays(struct firing *f, const char *s)
{
	int from, to;

	for (;;) {
		if (!value(&s, weekdays, 0, &from))
			return false;
		to = from;
		if (s[0] == '-' || (s[0] == '.' && s[1] == '.')) {
			s += *s == '.' ? 2 : 1;
			if (!value(&s, weekdays, 0, &to))
				return false;
		}
		/* its week begins with Monday, and a range stays in it */
		from = (from + 6) % 7;
		to = (to + 6) % 7;
		if (from > to)
			return false;
		for (int i = from; i <= to; i++)
			f->weekdays |= 1u << (i + 1) % 7;
		if (*s == '\0')
			return true;
		if (*s++ != ',')
			return false;
	}
}

static bool
calendar_date(struct firing *f, const char *s)
{
	const char *first = s, *dash = strpbrk(s, "-~");

	/* 2025-02-14, 02-14, *-02~01 */
	if (dash != NULL && strpbrk(dash + 1, "-~") != NULL) {
		if (!calendar_field(&f->year, &s, 1970, 2199) || *s++ != '-')
			return false;
	} else
		s = first;
	if (!calendar_field(&f->month, &s, 1, 12) || (*s != '-' && *s != '~'))
		return false;
	f->from_end = *s++ == '~';
	return calendar_field(&f->day, &s, 1, 31) && *s == '\0';
}

static bool
calendar_time(struct firing *f, const char *s)
{
	if (!calendar_field(&f->hour, &s, 0, 23) || *s++ != ':' ||
	    !calendar_field(&f->minute, &s, 0, 59))
		return false;
	if (*s == ':') {
		s++;
		return calendar_field(&f->second, &s, 0, 59) && *s == '\0';
	}
	f->second = (struct firing_field){ .n = 0 };
	return add_part(&f->second, 0, 0, 1) && *s == '\0';
}

static bool
calendar_word(struct firing *f, const char *s, bool *time)
{
	if (strchr(s, ':') != NULL) {
		*time = true;
		return calendar_time(f, s);
	}
	if (isalpha((unsigned char)*s))
		return calendar_weekdays(f, s);
	return calendar_date(f, s);
}

static const char *
calendar_name(const char *text)
{
	static const struct { const char *name, *means; } known[] = {
		{ "minutely", "*-*-* *:*:00" }, { "hourly", "*-*-* *:00:00" },
		{ "daily", "*-*-* 00:00:00" }, { "weekly", "Mon *-*-* 00:00:00" },
		{ "monthly", "*-*-01 00:00:00" },
		{ "yearly", "*-01-01 00:00:00" },
		{ "annually", "*-01-01 00:00:00" },
		{ "anually", "*-01-01 00:00:00" },
		{ "quarterly", "*-01,04,07,10-01 00:00:00" },
		{ "biannually", "*-01,07-01 00:00:00" },
		{ "bi-annually", "*-01,07-01 00:00:00" },
		{ "semiannually", "*-01,07-01 00:00:00" },
		{ "semi-annually", "*-01,07-01 00:00:00" },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcasecmp(text, known[i].name) == 0)
			return known[i].means;
	return NULL;
}

bool
firing_calendar(struct firing *f, const char *text, struct err *e)
{
	char words[6][WORD];
	size_t n = 0;
	bool time = false;
	const char *s = text + strspn(text, " \t"), *means;

	*f = (struct firing){ .cron = false };
	for (; *s != '\0' && n < 6; n++) {
		size_t len = strcspn(s, " \t");

		if (len >= WORD)
			return bad(e, "time of a timer", text);
		memcpy(words[n], s, len);
		words[n][len] = '\0';
		s += len + strspn(s + len, " \t");
	}
	if (n == 0 || *s != '\0')
		return bad(e, "time of a timer", text);
	if (n > 1 && strchr(words[n - 1], ':') == NULL &&
	    clock_zone_known(words[n - 1])) {
		(void)snprintf(f->zone, sizeof f->zone, "%.63s", words[n - 1]);
		n--;
	}
	means = n == 1 ? calendar_name(words[0]) : NULL;
	if (means != NULL) {
		struct firing of = { 0 };

		if (!firing_calendar(&of, means, e))
			return false;
		memcpy(of.zone, f->zone, sizeof of.zone);
		*f = of;
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (!calendar_word(f, words[i], &time))
			return bad(e, "time of a timer", text);
	if (!time)
		return calendar_time(f, "00:00:00");
	return true;
}

/* ---- when ---------------------------------------------------------------- */

static int
days_of_month(int year, int month)
{
	return (int)(zone_days(month == 12 ? year + 1 : year,
	    month == 12 ? 1 : month + 1, 1) - zone_days(year, month, 1));
}

static bool
day_fits(const struct firing *f, int year, int month, int day, int weekday)
{
	int count = f->from_end ? days_of_month(year, month) - day + 1 : day;
	bool by_day = has(&f->day, count);
	bool by_weekday = f->weekdays == 0 ||
	    (f->weekdays & 1u << weekday) != 0;

	return has(&f->year, year) && has(&f->month, month) &&
	    (f->either ? by_day || by_weekday : by_day && by_weekday);
}

struct search {
	const struct firing *f;
	int64_t from, to;		/* seconds */
	struct firing_times *ret;
};

static bool
add_time(struct search *s, int64_t t)
{
	if (t <= s->from || t > s->to)
		return true;
	if (s->ret->at.n == FIRING_TIMES) {
		s->ret->more = true;
		return false;
	}
	VEC_PUSH(&s->ret->at, t * 1000);
	return true;
}

static bool
second_of_day(struct search *s, int year, int month, int day, int second)
{
	int64_t at[2], skipped = 0;
	int n = zone_instants(year, month, day, second, at, &skipped);

	if (n == 0)
		return !s->f->cron || s->f->wild || add_time(s, skipped);
	if (!add_time(s, at[0]))
		return false;
	return n == 1 || !s->f->wild || add_time(s, at[1]);
}

static bool
one_day(struct search *s, int year, int month, int day)
{
	for (int h = 0; h < 24; h++)
		for (int m = 0; has(&s->f->hour, h) && m < 60; m++)
			for (int sec = 0; has(&s->f->minute, m) && sec < 60;
			    sec++)
				if (has(&s->f->second, sec) &&
				    !second_of_day(s, year, month, day,
				    (h * 60 + m) * 60 + sec))
					return false;
	return true;
}

static int
in_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Two lines of a clock that was put forward are one moment. */
static void
tidy(struct firing_times *t)
{
	size_t n = 0;

	if (t->at.n > 1)
		qsort(t->at.v, t->at.n, sizeof *t->at.v, in_order);
	for (size_t i = 0; i < t->at.n; i++)
		if (n == 0 || t->at.v[i] != t->at.v[n - 1])
			t->at.v[n++] = t->at.v[i];
	t->at.n = n;
}

/* What the command's look at another clock lets through. */
static void
keep_only(const struct firing *f, struct firing_times *t)
{
	struct zone_saved old;
	size_t n = 0;

	if (f->only_zone[0] == '\0')
		return;
	zone_enter(&old, f->only_zone);
	for (size_t i = 0; i < t->at.n; i++) {
		time_t at = (time_t)(t->at.v[i] / 1000);
		struct tm tm;

		(void)localtime_r(&at, &tm);
		if (tm.tm_hour * 60 + tm.tm_min == f->only_minute &&
		    (f->only_weekday < 0 || tm.tm_wday == f->only_weekday))
			t->at.v[n++] = t->at.v[i];
	}
	zone_leave(&old);
	t->at.n = n;
}

void
firing_times(const struct firing *f, const char *zone, int64_t from_ms,
    int64_t to_ms, struct firing_times *ret)
{
	struct search s = { f, from_ms / 1000, to_ms / 1000, ret };
	struct zone_saved old;
	int year, month, day, weekday;
	bool go_on = !f->reboot;

	*ret = (struct firing_times){ .more = false };
	zone_enter(&old, f->zone[0] != '\0' ? f->zone : zone);
	/* a day more on both sides: the zone's date may be another one */
	for (int64_t d = s.from / DAY_S - 1; go_on && d <= s.to / DAY_S + 1;
	    d++) {
		zone_date(d, &year, &month, &day, &weekday);
		if (day_fits(f, year, month, day, weekday))
			go_on = one_day(&s, year, month, day);
	}
	zone_leave(&old);
	tidy(ret);
	keep_only(f, ret);
}

void
firing_times_release(struct firing_times *t)
{
	VEC_RELEASE(&t->at);
}
