/*
 * story: what the lines of a log tell: when they were written, which of them are
 * alarms, where a run begins and whether it claims success, and lines that come
 * three times. Pure: it is fed with text and asked afterwards.
 *
 *	struct story s = { .alarms = &alarms };
 *	story_add(&s, text, n, mtime_ms, now_ms);
 *	for (size_t i = 0; i < s.hits.n; i++) ...
 *	story_release(&s);
 *
 * A run is what stands between two lines that begin one, or two gaps of half an
 * hour. What went wrong in a run is answered by the success of a later one; a
 * run that claims success although it was spoilt (a checksum that does not
 * match, a check that crashed) is an alarm of its own.
 */
#ifndef PROBE_STORY_H
#define PROBE_STORY_H

#include "base/vec.h"
#include "probe/alarm.h"
#include "probe/stamp.h"

enum { STORY_HITS = 32, STORY_RING = 64 };

struct story_hit {
	char *alarm, *severity, *runbook, *say;
	char *line;		/* plain, see plain.h */
	int64_t at;		/* wall ms; not later than this when !timed */
	bool timed;
	int64_t times;		/* lines of this kind in this run */
	int64_t run, answered;	/* the later run that succeeded, 0: none */
	bool begins;		/* the line began its run */
};

struct story_run {
	int64_t n;
	bool success, spoilt, failed;
	int64_t success_line, spoilt_line;	/* counted from the beginning */
	int64_t success_at;
};

struct story {
	const struct alarms *alarms;	/* may be NULL: no lines are alarms */
	bool (*heed)(const struct alarm *a);	/* NULL: every alarm */

	VEC(struct story_hit) hits;	/* oldest first */
	int64_t lines;			/* seen */
	int64_t last_at;		/* of the last line with a time; 0: none */
	char *last_line;		/* the last line with words, plain */
	struct stamp_zone zone;
	int64_t success_at;		/* of the last run that succeeded; 0 */

	/* of the scan */
	struct story_run run;
	int64_t now, bound;		/* bound: no line is later */
	int64_t line_at;		/* of the line before; 0 */
	uint64_t ring[STORY_RING];
	uint64_t told;			/* the repeat that was told last */
};

/* Whole lines, in order. mtime_ms: when the last of them was written. */
void story_add(struct story *s, const char *p, size_t n, int64_t mtime_ms,
    int64_t now_ms);
void story_release(struct story *s);

#endif
