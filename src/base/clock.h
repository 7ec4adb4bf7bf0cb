/*
 * clock: monotonic milliseconds for deadlines, wall milliseconds for what is
 * journaled or shown. Wall times are UTC; the site's zone is for reading and
 * showing only. Both clocks can be replaced in a test.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void);
void clock_fake(int64_t wall_ms);		/* tests; 0 gives the real ones back */
void clock_sleep_ms(int64_t ms);

/* The zone that people of the site read and write; false: no such zone. */
bool clock_zone_set(const char *zone, struct err *e);
bool clock_zone_known(const char *zone);
const char *clock_zone(void);

void clock_fmt_utc(char out[32], int64_t wall_ms);	/* 2025-02-14T01:10:03.120Z */
void clock_fmt_site(char out[40], int64_t wall_ms);	/* 2025-02-14 02:10:03 +01:00 */
void clock_fmt_short(char out[16], int64_t wall_ms);	/* 02:10:03 */
void clock_fmt_stamp(char out[24], int64_t wall_ms);	/* 20250214T011003Z */

bool clock_parse_utc(const char *s, int64_t *ret_ms);	/* the first form only */

/*
 * What people type: "02:10", "2:10 AM", "02:10:33", "yesterday 23:50",
 * "2025-02-14 02:10", "2025-02-14T02:10:00+01:00", "02:10Z", "5m ago", "-5m".
 * Without a date: the latest such moment that is not in the future. Without an
 * offset: site time; a time that the zone skips or has twice is refused.
 */
bool clock_parse(const char *s, int64_t now_ms, int64_t *ret_ms, struct err *e);

#endif
