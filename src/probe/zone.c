#include "probe/zone.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { DAY_S = 86400 };

void
zone_enter(struct zone_saved *old, const char *zone)
{
	const char *tz = getenv("TZ");
	char *now = xprintf(":%s", zone);

	old->tz = tz != NULL ? xstrdup(tz) : NULL;
	(void)setenv("TZ", now, 1);
	tzset();
	free(now);
}

void
zone_leave(struct zone_saved *old)
{
	if (old->tz != NULL)
		(void)setenv("TZ", old->tz, 1);
	else
		(void)unsetenv("TZ");
	tzset();
	free(old->tz);
	old->tz = NULL;
}

int64_t
zone_days(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1,
	    .tm_mday = day };

	return (int64_t)timegm(&tm) / DAY_S;
}

void
zone_date(int64_t days, int *year, int *month, int *day, int *weekday)
{
	time_t t = (time_t)(days * DAY_S);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	*year = tm.tm_year + 1900;
	*month = tm.tm_mon + 1;
	*day = tm.tm_mday;
	*weekday = tm.tm_wday;
}

static int64_t
offset_at(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;

	(void)localtime_r(&at, &tm);
	return tm.tm_gmtoff;
}

int
zone_instants(int year, int month, int day, int second, int64_t ret[2],
    int64_t *ret_skipped)
{
	int64_t wall = zone_days(year, month, day) * DAY_S + second;
	int64_t lo = wall - 2 * DAY_S, hi = wall + 2 * DAY_S;
	int64_t before = offset_at(wall - offset_at(wall) - DAY_S);
	int64_t after = offset_at(wall - offset_at(wall) + DAY_S);
	int n = 0;

	/* before a change of the clocks comes first */
	if (offset_at(wall - before) == before)
		ret[n++] = wall - before;
	if (after != before && offset_at(wall - after) == after)
		ret[n++] = wall - after;
	if (n == 2 && ret[0] > ret[1]) {
		int64_t first = ret[1];

		ret[1] = ret[0];
		ret[0] = first;
	}
	if (n > 0)
		return n;
	while (hi - lo > 1) {
		int64_t mid = lo + (hi - lo) / 2;

		if (mid + offset_at(mid) <= wall)
			lo = mid;
		else
			hi = mid;
	}
	*ret_skipped = hi;
	return 0;
}

size_t
zone_changes(const char *zone, int64_t from, int64_t to,
    struct zone_change *ret, size_t max)
{
	struct zone_saved old;
	size_t n = 0;

	zone_enter(&old, zone);
	for (int64_t t = from; t < to && n < max; t += DAY_S) {
		int64_t lo = t, hi = t + DAY_S < to ? t + DAY_S : to;
		int64_t before = offset_at(lo), after = offset_at(hi);

		if (before == after)
			continue;
		while (hi - lo > 1) {
			int64_t mid = lo + (hi - lo) / 2;

			if (offset_at(mid) == before)
				lo = mid;
			else
				hi = mid;
		}
		ret[n++] = (struct zone_change){ hi, (int)before,
		    (int)after };
	}
	zone_leave(&old);
	return n;
}

/* What follows zoneinfo/ in where a link leads. */
static char *
name_of_link(const char *path)
{
	static const char dir[] = "zoneinfo/";
	char to[PATH_MAX], *at;
	ssize_t n = readlink(path, to, sizeof to - 1);

	if (n <= 0)
		return NULL;
	to[n] = '\0';
	at = strstr(to, dir);
	if (at == NULL || !clock_zone_known(at + sizeof dir - 1))
		return NULL;
	return xstrdup(at + sizeof dir - 1);
}

char *
zone_host(const char *root)
{
	char *link = xprintf("%s/etc/localtime", root);
	char *file = xprintf("%s/etc/timezone", root);
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	char *ret = name_of_link(link);

	if (ret == NULL && file_exists(link))
		ret = xstrdup(link);
	else if (ret == NULL && file_read(file, &b, 4096, &ignored)) {
		b.p[strcspn(b.p, " \t\r\n")] = '\0';
		if (clock_zone_known(b.p))
			ret = xstrdup(b.p);
	}
	buf_release(&b);
	free(link);
	free(file);
	if (ret == NULL)
		ret = xstrdup("UTC");
	return ret;
}
