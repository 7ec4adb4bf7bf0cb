/*
 * lines: what the end of a log says for the timeline, each line with its own
 * time, and who failed to log in. Pure: it is fed with text.
 *
 *	struct lines l = { .alarms = &alarms };
 *	lines_add(&l, "backup", text, n, mtime_ms, now_ms);
 *	for (size_t i = 0; i < l.v.n; i++)
 *		use(l.v.v[i].at, l.v.v[i].text);
 *	lines_release(&l);
 *
 * Lines that matter are kept: alarms, beginnings and ends of runs, and what
 * speaks of errors; of a log without any, the last few.
 */
#ifndef ISOLATE_LINES_H
#define ISOLATE_LINES_H

#include "base/vec.h"
#include "probe/alarm.h"
#include "probe/login.h"

enum { LINES_OF_LOG = 60, LINES_PLAIN = 5 };

struct line_found {
	char *log, *text;		/* one clean line */
	char *alarm;			/* its row of the table; NULL */
	int64_t at;			/* wall ms */
	bool timed;			/* false: not later than that */
	bool spoils;			/* a run with it has not succeeded */
	char key[33];			/* the same line again has the same */
};

struct login_count {
	char role[LOGIN_NAME], address[LOGIN_NAME];
	int64_t times, first, last;	/* wall ms */
};

struct lines {
	const struct alarms *alarms;	/* may be NULL */
	int64_t since;			/* older lines are history; 0: none is */
	VEC(struct line_found) v;	/* by log, oldest first */
	VEC(struct login_count) logins;	/* the most first */
	size_t left_out;		/* that mattered, beyond LINES_OF_LOG */
};

/* How many of its lines were kept. */
size_t lines_add(struct lines *l, const char *log, const char *p, size_t n,
    int64_t mtime_ms, int64_t now_ms);
void lines_release(struct lines *l);

#endif
