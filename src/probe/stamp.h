/*
 * stamp: the times that programs write into lines of their logs. Pure: no clock
 * and no file is asked.
 *
 * Known are 2025-02-14T02:00:03.123+01:00 and its relatives (space, slashes,
 * dots, comma, Z, zone names, no seconds of a second), 20250214T020003Z,
 * 14/Feb/2025:02:00:03 +0100, 14.02.2025 02:00:03, Feb 14 02:00:03 with and
 * without a year, 14 Feb 2025 02:00:03, and seconds or milliseconds since 1970.
 */
#ifndef PROBE_STAMP_H
#define PROBE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stamp {
	int64_t wall_ms;	/* as if its zone were UTC */
	bool zoned;		/* off_s holds: the line says its zone */
	bool yearless;		/* the year is 1972 */
	int off_s;
};

/* The first time that stands near the beginning of the line. */
bool stamp_find(const char *s, size_t n, struct stamp *ret);

/* What its clock was set to where the line does not say: the site's zone, or,
 * once it is known, a fixed distance from UTC. */
struct stamp_zone {
	bool fixed;
	int off_s;
};

/* Wall ms. A year that is not there is the latest that is not in the future. */
int64_t stamp_ms(const struct stamp *st, const struct stamp_zone *zone,
    int64_t now_ms);

/*
 * A log whose lines do not say their zone: compares the last line's time with
 * the time at which the file was written last. False: what they differ by is no
 * zone, so the line is really older.
 */
bool stamp_zone_learn(const struct stamp *last, int64_t mtime_ms,
    int64_t now_ms, struct stamp_zone *ret);

#endif
