#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum { DAY_S = 86400 };

static int64_t fake_wall;
static char zone_name[64] = "UTC";

int64_t
clock_mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall_ms(void)
{
	struct timespec ts;

	if (fake_wall != 0)
		return fake_wall;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
clock_fake(int64_t wall_ms)
{
	fake_wall = wall_ms;
}

void
clock_sleep_ms(int64_t ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

bool
clock_zone_known(const char *zone)
{
	char path[160];

	if (text_empty(zone) || strlen(zone) >= sizeof zone_name ||
	    zone[0] == '/' || zone[0] == '.' || strstr(zone, "..") != NULL)
		return false;
	if (strcmp(zone, "UTC") == 0)
		return true;
	for (const char *p = zone; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("/_+-", *p) == NULL)
			return false;
	(void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
	char magic[4] = "";
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	size_t n = fread(magic, 1, 4, f);
	(void)fclose(f);
	return n == 4 && memcmp(magic, "TZif", 4) == 0;
}

bool
clock_zone_set(const char *zone, struct err *e)
{
	if (!clock_zone_known(zone)) {
		err_set(e, ERR_USAGE, "no time zone is called '%s'", zone);
		return err_hint(e, "Names look like 'Africa/Lagos'; see "
		    "/usr/share/zoneinfo (package tzdata).");
	}
	(void)snprintf(zone_name, sizeof zone_name, "%s", zone);
	(void)setenv("TZ", zone, 1);
	tzset();
	return true;
}

const char *
clock_zone(void)
{
	return zone_name;
}

static int64_t
floor_s(int64_t ms)
{
	return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
}

void
clock_fmt_utc(char out[32], int64_t wall_ms)
{
	time_t t = (time_t)floor_s(wall_ms);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, 32 - n, ".%03dZ",
	    (int)(wall_ms - (int64_t)t * 1000));
}

static void
site_tm(int64_t wall_ms, struct tm *tm)
{
	time_t t = (time_t)floor_s(wall_ms);

	(void)localtime_r(&t, tm);
}

void
clock_fmt_site(char out[40], int64_t wall_ms)
{
	struct tm tm;

	site_tm(wall_ms, &tm);
	long off = tm.tm_gmtoff / 60;
	size_t n = strftime(out, 40, "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(out + n, 40 - n, " %c%02ld:%02ld", off < 0 ? '-' : '+',
	    labs(off) / 60, labs(off) % 60);
}

void
clock_fmt_short(char out[16], int64_t wall_ms)
{
	struct tm tm;

	site_tm(wall_ms, &tm);
	(void)strftime(out, 16, "%H:%M:%S", &tm);
}

void
clock_fmt_stamp(char out[24], int64_t wall_ms)
{
	time_t t = (time_t)floor_s(wall_ms);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(out, 24, "%Y%m%dT%H%M%SZ", &tm);
}

/* Days since 1970-01-01 of a date that exists, false for 30 February. */
static bool
date_days(int y, int m, int d, int64_t *ret)
{
	struct tm tm = { .tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d };
	struct tm back;

	if (y < 1970 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	time_t t = timegm(&tm);
	(void)gmtime_r(&t, &back);
	if (back.tm_mon != m - 1 || back.tm_mday != d)
		return false;
	*ret = t / DAY_S;
	return true;
}

bool
clock_parse_utc(const char *s, int64_t *ret_ms)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MS, FIELDS };
	int v[FIELDS] = { 0 }, field = YEAR;
	int64_t days;

	/* each line of a journal holds two of these */
	for (size_t i = 0; i < sizeof form; i++)
		if (form[i] != 'd') {
			if (s[i] != form[i])
				return false;
			field += field < MS;
		} else if (isdigit((unsigned char)s[i]))
			v[field] = v[field] * 10 + (s[i] - '0');
		else
			return false;
	if (!date_days(v[YEAR], v[MONTH], v[DAY], &days) || v[HOUR] > 23 ||
	    v[MINUTE] > 59 || v[SECOND] > 60)
		return false;
	*ret_ms = (days * DAY_S + v[HOUR] * 3600 + v[MINUTE] * 60 +
	    v[SECOND]) * 1000 + v[MS];
	return true;
}

/* What was found in the text; -1 or false where it was silent. */
struct typed {
	int64_t days;		/* since the epoch, in the zone that counts */
	bool has_date, today, yesterday, has_off;
	long off_s;
	int h, m, s;
};

static bool
digits(const char **sp, int min, int max, int *ret)
{
	int v = 0, n = 0;

	for (; n < max && isdigit((unsigned char)(*sp)[n]); n++)
		v = v * 10 + ((*sp)[n] - '0');
	if (n < min)
		return false;
	*sp += n;
	*ret = v;
	return true;
}

static bool
typed_date(const char **sp, struct typed *t)
{
	const char *s = *sp;
	int y, m, d;

	if (!digits(&s, 4, 4, &y) || *s++ != '-' || !digits(&s, 1, 2, &m) ||
	    *s++ != '-' || !digits(&s, 1, 2, &d))
		return true;	/* no date here; not an error */
	if (!date_days(y, m, d, &t->days))
		return false;
	t->has_date = true;
	if (*s == 'T' || *s == 't')
		s++;
	else if (*s != ' ')
		return false;
	*sp = s;
	return true;
}

static bool
typed_clock(const char **sp, struct typed *t)
{
	const char *s = *sp;
	int ignored;

	if (!digits(&s, 1, 2, &t->h) || *s++ != ':' || !digits(&s, 2, 2, &t->m))
		return false;
	if (*s == ':') {
		s++;
		if (!digits(&s, 2, 2, &t->s))
			return false;
		if (*s == '.') {
			s++;
			if (!digits(&s, 1, 9, &ignored))
				return false;
		}
	}
	while (*s == ' ')
		s++;
	if (strncasecmp(s, "am", 2) == 0 || strncasecmp(s, "pm", 2) == 0) {
		if (t->h < 1 || t->h > 12)
			return false;
		t->h = t->h % 12 + (tolower((unsigned char)*s) == 'p' ? 12 : 0);
		s += 2;
	}
	*sp = s;
	return t->h < 24 && t->m < 60 && t->s < 60;
}

static bool
typed_offset(const char **sp, struct typed *t)
{
	const char *s = *sp;
	int h, m = 0;

	while (*s == ' ')
		s++;
	if (*s == 'Z' || *s == 'z') {
		t->has_off = true;
		s++;
	} else if (strncasecmp(s, "utc", 3) == 0) {
		t->has_off = true;
		s += 3;
	} else if (*s == '+' || *s == '-') {
		int sign = *s++ == '-' ? -1 : 1;

		if (!digits(&s, 2, 2, &h))
			return false;
		if (*s == ':')
			s++;
		if (*s != '\0' && !digits(&s, 2, 2, &m))
			return false;
		if (h > 15 || m > 59)
			return false;
		t->has_off = true;
		t->off_s = sign * (h * 3600L + m * 60L);
	}
	*sp = s;
	return true;
}

/* Site time to UTC; refuses what the zone skips or has twice. */
static bool
site_to_utc(int64_t days, const struct typed *t, int64_t *ret_s, struct err *e)
{
	int64_t wall = days * DAY_S + t->h * 3600 + t->m * 60 + t->s;
	int64_t hits[2] = { 0, 0 };
	int n = 0;

	for (int64_t off = -14 * 4; off <= 14 * 4; off++) {
		time_t guess = (time_t)(wall - off * 900);
		struct tm tm;

		(void)localtime_r(&guess, &tm);
		if (tm.tm_gmtoff == off * 900 && n < 2)
			hits[n++] = guess;
	}
	if (n == 1) {
		*ret_s = hits[0];
		return true;
	}
	err_set(e, ERR_USAGE, n == 0 ?
	    "%02d:%02d does not exist on that day in %s" :
	    "%02d:%02d happened twice on that day in %s", t->h, t->m,
	    zone_name);
	return err_hint(e, "Give the offset too, like 02:30+01:00.");
}

static bool
typed_to_utc(const struct typed *t, int64_t days, int64_t *ret_s, struct err *e)
{
	if (!t->has_off)
		return site_to_utc(days, t, ret_s, e);
	*ret_s = days * DAY_S + t->h * 3600 + t->m * 60 + t->s - t->off_s;
	return true;
}

static bool
typed_resolve(const struct typed *t, int64_t now_s, int64_t *ret_s,
    struct err *e)
{
	struct tm tm;
	time_t now = (time_t)now_s;
	int64_t today;

	if (t->has_date)
		return typed_to_utc(t, t->days, ret_s, e);
	(void)localtime_r(&now, &tm);
	long off = t->has_off ? t->off_s : tm.tm_gmtoff;
	today = (now_s + off) / DAY_S;
	if (t->yesterday || (!t->today &&
	    t->h * 3600 + t->m * 60 + t->s > (now_s + off) % DAY_S))
		today--;	/* that hand of the clock is yet to come */
	return typed_to_utc(t, today, ret_s, e);
}

static bool
parse_ago(const char *s, int64_t now_ms, int64_t *ret_ms)
{
	char word[32];
	size_t n;
	int64_t ago;

	if (*s == '-')
		n = strlen(++s);
	else {
		const char *at = strstr(s, "ago");

		if (at == NULL || at[3] != '\0')
			return false;
		n = (size_t)(at - s);
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (n == 0 || n >= sizeof word)
		return false;
	memcpy(word, s, n);
	word[n] = '\0';
	if (!text_duration(word, &ago))
		return false;
	*ret_ms = now_ms - ago;
	return true;
}

bool
clock_parse(const char *s, int64_t now_ms, int64_t *ret_ms, struct err *e)
{
	struct typed t = { 0 };
	const char *p = s;
	int64_t sec;

	if (parse_ago(s, now_ms, ret_ms))
		return true;
	if (strcmp(s, "now") == 0) {
		*ret_ms = now_ms;
		return true;
	}
	if (strncasecmp(p, "yesterday", 9) == 0) {
		t.yesterday = true;
		p += 9;
	} else if (strncasecmp(p, "today", 5) == 0) {
		t.today = true;
		p += 5;
	} else if (!typed_date(&p, &t))
		goto bad;
	while (*p == ' ')
		p++;
	if (!typed_clock(&p, &t) || !typed_offset(&p, &t) || *p != '\0')
		goto bad;
	if (!typed_resolve(&t, now_ms / 1000, &sec, e))
		return false;
	*ret_ms = sec * 1000;
	return true;
bad:
	err_set(e, ERR_USAGE, "'%s' is not a time", s);
	return err_hint(e, "Write 02:10, '2025-02-14 02:10', "
	    "2025-02-14T02:10:00+01:00, 'yesterday 23:50' or '5m ago'.");
}
