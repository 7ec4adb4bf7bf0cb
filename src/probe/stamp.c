#include "probe/stamp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { NEAR = 160, DAY_S = 86400, QUARTER_MS = 900000 };

struct cursor {
	const char *p, *end;
};

static bool
digit(const struct cursor *c)
{
	return c->p < c->end && isdigit((unsigned char)*c->p);
}

/* Between min and max digits, and no further digit behind them. */
static bool
number(struct cursor *c, int min, int max, int64_t *ret)
{
	int n = 0;

	for (*ret = 0; n < max && digit(c); n++)
		*ret = *ret * 10 + (*c->p++ - '0');
	return n >= min && !(max > 2 && digit(c));
}

static bool
exactly(struct cursor *c, int n, int64_t *ret)
{
	int got = 0;

	for (*ret = 0; got < n && digit(c); got++)
		*ret = *ret * 10 + (*c->p++ - '0');
	return got == n;
}

static bool
one_of(struct cursor *c, const char *set)
{
	if (c->p >= c->end || *c->p == '\0' || strchr(set, *c->p) == NULL)
		return false;
	c->p++;
	return true;
}

static bool
month_name(struct cursor *c, int64_t *ret)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (c->end - c->p < 4 || isalpha((unsigned char)c->p[3]))
		return false;
	for (int i = 0; i < 12; i++)
		if (memcmp(c->p, names + 3 * (ptrdiff_t)i, 3) == 0) {
			*ret = i + 1;
			c->p += 3;
			return true;
		}
	return false;
}

static bool
date(struct stamp *st, int64_t y, int64_t m, int64_t d)
{
	struct tm tm = { .tm_year = (int)y - 1900, .tm_mon = (int)m - 1,
	    .tm_mday = (int)d }, back;
	time_t t;

	if (y < 1971 || y > 2261 || m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	t = timegm(&tm);
	(void)gmtime_r(&t, &back);
	st->wall_ms = (int64_t)t * 1000;
	return back.tm_mday == (int)d;
}

/* 02:00:03, 02:00:03.123456, 02:00:03,123 */
static bool
clock_of_day(struct cursor *c, struct stamp *st)
{
	int64_t h, m, s, part = 0, unit = 100;

	if (!number(c, 1, 2, &h) || !one_of(c, ":") || !exactly(c, 2, &m) ||
	    !one_of(c, ":") || !exactly(c, 2, &s) || digit(c) || h > 24 ||
	    m > 59 || s > 60)
		return false;
	if (c->end - c->p > 1 && (*c->p == '.' || *c->p == ',') &&
	    isdigit((unsigned char)c->p[1]))
		for (c->p++; digit(c); c->p++, unit /= 10)
			part += (*c->p - '0') * unit;
	st->wall_ms += ((h * 60 + m) * 60 + s) * 1000 + part;
	return true;
}

/* Names that mean one thing only. What else stands there is taken for the zone
 * of whoever wrote it, which is to be found out. */
static const struct { const char *name; int minutes; } zones[] = {
	{ "UTC", 0 }, { "GMT", 0 }, { "Z", 0 }, { "WET", 0 }, { "WEST", 60 },
	{ "CET", 60 }, { "CEST", 120 }, { "MEZ", 60 }, { "MESZ", 120 },
	{ "EET", 120 }, { "EEST", 180 }, { "MSK", 180 }, { "WAT", 60 },
	{ "CAT", 120 }, { "EAT", 180 }, { "SAST", 120 }, { "EST", -300 },
	{ "EDT", -240 }, { "CDT", -300 }, { "MST", -420 }, { "MDT", -360 },
	{ "PST", -480 }, { "PDT", -420 }, { "JST", 540 }, { "AEST", 600 },
	{ "AEDT", 660 },
};

static void
zone_name(struct cursor *c, struct stamp *st)
{
	const char *p = c->p;
	size_t n = 0;

	while (p + n < c->end && isalpha((unsigned char)p[n]))
		n++;
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		if (strlen(zones[i].name) == n &&
		    memcmp(zones[i].name, p, n) == 0) {
			st->zoned = true;
			st->off_s = zones[i].minutes * 60;
			c->p += n;
			return;
		}
}

/* "+01:00", " +0100", "+01", "Z", " CET", or nothing at all */
static void
zone_after(struct cursor *c, struct stamp *st)
{
	struct cursor at = *c;
	int64_t h, m = 0;
	bool minus;

	while (at.p < at.end && *at.p == ' ')
		at.p++;
	if (at.p < at.end && isupper((unsigned char)*at.p)) {
		zone_name(&at, st);
		if (st->zoned)
			*c = at;
		return;
	}
	if (at.p >= at.end || (*at.p != '+' && *at.p != '-'))
		return;
	minus = *at.p++ == '-';
	if (!exactly(&at, 2, &h) || h > 15)
		return;
	if (at.p < at.end && (*at.p == ':' || digit(&at))) {
		(void)one_of(&at, ":");
		if (!exactly(&at, 2, &m) || m > 59)
			return;
	}
	/* "- 812 -" and "-812" are no zones */
	if (at.p < at.end && isalnum((unsigned char)*at.p))
		return;
	st->zoned = true;
	st->off_s = (int)((h * 60 + m) * 60) * (minus ? -1 : 1);
	*c = at;
}

/* ---- the forms ----------------------------------------------------------- */

/* 2025-02-14T02:00:03, also with slashes or dots, and 14.02.2025 02:00:03 */
static bool
numeric(struct cursor c, struct stamp *st)
{
	const char *start = c.p;
	int64_t a, b, d;
	char sep;

	if (!number(&c, 1, 4, &a) || c.p >= c.end || c.p - start == 3 ||
	    strchr("-/.", *c.p) == NULL)
		return false;
	sep = *c.p++;
	if (!number(&c, 1, 2, &b) || c.p >= c.end || *c.p++ != sep ||
	    !number(&c, 1, 4, &d))
		return false;
	/* 02/03/2025 is another day in another country */
	if (a > 31 ? !date(st, a, b, d) : sep != '.' || !date(st, d, b, a))
		return false;
	if (!one_of(&c, " T_t:") && !one_of(&c, ","))
		return false;
	while (c.p < c.end && *c.p == ' ')
		c.p++;
	if (!clock_of_day(&c, st))
		return false;
	zone_after(&c, st);
	return true;
}

/* 20250214T020003Z */
static bool
compact(struct cursor c, struct stamp *st)
{
	int64_t y, m, d, h, mi, s;

	if (!exactly(&c, 4, &y) || !exactly(&c, 2, &m) || !exactly(&c, 2, &d) ||
	    !one_of(&c, "T_- ") || !exactly(&c, 2, &h) ||
	    !exactly(&c, 2, &mi) || !exactly(&c, 2, &s) || digit(&c) ||
	    h > 24 || mi > 59 || s > 60 || !date(st, y, m, d))
		return false;
	st->wall_ms += ((h * 60 + mi) * 60 + s) * 1000;
	zone_after(&c, st);
	return true;
}

/* 14/Feb/2025:02:00:03 +0100 and 14 Feb 2025 02:00:03 +0100 */
static bool
day_first(struct cursor c, struct stamp *st)
{
	int64_t y, m, d;

	if (!number(&c, 1, 2, &d) || !one_of(&c, "/ -") ||
	    !month_name(&c, &m) || !one_of(&c, "/ -") || !exactly(&c, 4, &y) ||
	    !one_of(&c, ": ") || !date(st, y, m, d) || !clock_of_day(&c, st))
		return false;
	zone_after(&c, st);
	return true;
}

/* " CET 2025" behind the time of day: whatever the zone is called */
static bool
year_behind(struct cursor c, int64_t *ret)
{
	while (c.p < c.end && (isalpha((unsigned char)*c.p) || *c.p == ' '))
		c.p++;
	return exactly(&c, 4, ret) && (c.p == c.end ||
	    !isalnum((unsigned char)*c.p)) && *ret > 1970 && *ret < 2262;
}

/* Feb 14 02:00:03, Feb 14 02:00:03 CET 2025, Feb 14 2025 02:00:03 */
static bool
month_first(struct cursor c, struct stamp *st)
{
	struct cursor year;
	int64_t y, m, d, of_day;

	if (!month_name(&c, &m))
		return false;
	while (one_of(&c, " "))
		;
	if (!number(&c, 1, 2, &d) || !one_of(&c, " ,"))
		return false;
	while (one_of(&c, " "))
		;
	year = c;
	st->yearless = !exactly(&year, 4, &y) || !one_of(&year, " ");
	if (!st->yearless)
		c = year;
	if (!clock_of_day(&c, st))
		return false;
	of_day = st->wall_ms;
	zone_after(&c, st);
	if (st->yearless && year_behind(c, &y))
		st->yearless = false;
	/* 1972 has a 29 February */
	if (!date(st, st->yearless ? 1972 : y, m, d))
		return false;
	st->wall_ms += of_day;
	return true;
}

/* 1739494803, 1739494803.123, 1739494803123: the years 2001 to 2065 */
static bool
since_1970(struct cursor c, struct stamp *st)
{
	int64_t v = 0, part = 0, unit = 100;
	int n = 0;

	for (; digit(&c) && n < 14; n++)
		v = v * 10 + (*c.p++ - '0');
	if (digit(&c) || (n != 10 && n != 13))
		return false;
	if (n == 13) {
		part = v % 1000;
		v /= 1000;
	} else if (one_of(&c, "."))
		for (; digit(&c); c.p++, unit /= 10)
			part += (*c.p - '0') * unit;
	if (v < 1000000000 || v > 3000000000 ||
	    (c.p < c.end && (isalnum((unsigned char)*c.p) || *c.p == '-')))
		return false;
	*st = (struct stamp){ .wall_ms = v * 1000 + part, .zoned = true };
	return true;
}

/* A bare number is a time only at the beginning, or behind a name for it. */
static bool
may_be_epoch(const char *s, size_t i)
{
	static const char *const keys[] = { "ts", "time", "timestamp", "at",
	    "epoch" };
	size_t k = i, from;

	while (k > 0 && strchr("\"': =([", s[k - 1]) != NULL && s[k - 1] != '\0')
		k--;
	if (k == 0)
		return true;
	for (from = k; from > 0 && isalpha((unsigned char)s[from - 1]); from--)
		;
	for (size_t j = 0; k < i && j < sizeof keys / sizeof *keys; j++)
		if (strlen(keys[j]) == k - from &&
		    strncasecmp(s + from, keys[j], k - from) == 0)
			return true;
	return false;
}

bool
stamp_find(const char *s, size_t n, struct stamp *ret)
{
	size_t near = n < NEAR ? n : NEAR;

	for (size_t i = 0; i < near; i++) {
		struct cursor c = { s + i, s + n };
		unsigned char is = (unsigned char)s[i];

		if (i > 0 && isalnum((unsigned char)s[i - 1]))
			continue;
		*ret = (struct stamp){ 0 };
		if (isupper(is) && month_first(c, ret))
			return true;
		if (!isdigit(is))
			continue;
		if (numeric(c, ret))
			return true;
		*ret = (struct stamp){ 0 };
		if (compact(c, ret))
			return true;
		*ret = (struct stamp){ 0 };
		if (day_first(c, ret))
			return true;
		if (may_be_epoch(s, i) && since_1970(c, ret))
			return true;
	}
	*ret = (struct stamp){ 0 };
	return false;
}

/* ---- what moment it was -------------------------------------------------- */

static int64_t
to_wall(const struct stamp *st, int64_t wall_ms, const struct stamp_zone *zone)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (st->zoned)
		return wall_ms - st->off_s * 1000LL;
	if (zone->fixed)
		return wall_ms - zone->off_s * 1000LL;
	(void)gmtime_r(&t, &tm);
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000 + wall_ms % 1000;
}

static int64_t
in_year(int64_t wall_ms, int year)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	tm.tm_year = year - 1900;
	return (int64_t)timegm(&tm) * 1000 + wall_ms % 1000;
}

int64_t
stamp_ms(const struct stamp *st, const struct stamp_zone *zone, int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;
	int64_t ms;

	if (!st->yearless)
		return to_wall(st, st->wall_ms, zone);
	(void)gmtime_r(&now, &tm);
	/* a clock may be ahead, or in a zone that has tomorrow */
	for (int y = tm.tm_year + 1901; y > tm.tm_year + 1890; y--) {
		ms = to_wall(st, in_year(st->wall_ms, y), zone);
		if (ms <= now_ms + DAY_S * 1000LL)
			return ms;
	}
	return to_wall(st, in_year(st->wall_ms, tm.tm_year + 1900), zone);
}

/* Zones as there are: whole hours, and a few with a half or three quarters. */
static bool
is_offset(int64_t off_ms)
{
	static const int odd[] = { -570, -210, -150, 210, 270, 330, 345, 390,
		525, 570, 630, 765, 825 };
	int64_t minutes = off_ms / 60000;

	if (minutes % 60 == 0)
		return minutes >= -12 * 60 && minutes <= 14 * 60;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (minutes == odd[i])
			return true;
	return false;
}

bool
stamp_zone_learn(const struct stamp *last, int64_t mtime_ms, int64_t now_ms,
    struct stamp_zone *ret)
{
	/* what is near by chance is no zone */
	static const int64_t slack_ms = 120000, after_ms = 60000,
	    before_ms = 5000;
	struct stamp_zone utc = { .fixed = true }, site = { 0 };
	int64_t d, off;

	*ret = site;
	if (last->zoned)
		return true;
	d = stamp_ms(last, &site, now_ms) - mtime_ms;
	if (d > -3 * slack_ms && d < slack_ms)
		return true;
	d = stamp_ms(last, &utc, now_ms) - mtime_ms;
	off = (d + (d < 0 ? -QUARTER_MS : QUARTER_MS) / 2) / QUARTER_MS *
	    QUARTER_MS;
	if (!is_offset(off) || d - off < -after_ms || d - off > before_ms)
		return false;
	*ret = (struct stamp_zone){ true, (int)(off / 1000) };
	return true;
}
