/*
 * zone: what a wall clock shows somewhere else. The process has one zone (the
 * site's, see clock.h); another one holds between zone_enter() and zone_leave(),
 * so one thread only.
 *
 *	struct zone_saved old;
 *	zone_enter(&old, "Europe/Berlin");
 *	n = zone_instants(2025, 10, 26, 2 * 3600 + 1800, at, &skipped);
 *	zone_leave(&old);
 */
#ifndef PROBE_ZONE_H
#define PROBE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone_saved {
	char *tz;
};

/* A name, or the path of a file as /etc/localtime is one. */
void zone_enter(struct zone_saved *old, const char *zone);
void zone_leave(struct zone_saved *old);

/*
 * When clocks show that second of that day: once, twice, or never, because they
 * were put forward over it; then *ret_skipped is the moment in which they were.
 * Seconds since 1970. The date exists.
 */
int zone_instants(int year, int month, int day, int second, int64_t ret[2],
    int64_t *ret_skipped);

/* The zone of the host below root ("" for this one): a name where /etc has one,
 * else the path of its file. Caller frees. */
char *zone_host(const char *root);

/* When that zone's clocks are changed within from..to (seconds): the first
 * moments of the new time, at most max of them. */
struct zone_change {
	int64_t at;			/* seconds since 1970 */
	int before, after;		/* seconds east of UTC */
};
size_t zone_changes(const char *zone, int64_t from, int64_t to,
    struct zone_change *ret, size_t max);

/* Days since 1970-01-01, and back. */
int64_t zone_days(int year, int month, int day);
void zone_date(int64_t days, int *year, int *month, int *day, int *weekday);

#endif
