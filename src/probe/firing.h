/*
 * firing: when a line of a crontab, or a timer's OnCalendar, fires. Pure: what
 * it goes by is handed over as text.
 *
 *	struct firing f;
 *	if (firing_cron(&f, "0 2 * * *", &e)) ...
 *	if (firing_calendar(&f, "Mon..Fri 02:00 Europe/Berlin", &e)) ...
 *	firing_times(&f, zone, from_ms, to_ms, &times);
 *
 * Where clocks are changed, each does what its daemon does: cron runs a job of a
 * fixed hour that was skipped as soon as clocks were put forward, and one that
 * would come twice once; systemd does not fire at a time that is skipped.
 */
#ifndef PROBE_FIRING_H
#define PROBE_FIRING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

enum { FIRING_PARTS = 24, FIRING_TIMES = 2000 };

struct firing_part {
	int from, to, step;		/* from, from + step … up to `to` */
};

struct firing_field {
	struct firing_part v[FIRING_PARTS];
	int n;				/* 0: any value */
};

struct firing {
	struct firing_field second, minute, hour, day, month, year;
	unsigned weekdays;		/* bit 0: Sunday; 0: any */
	bool from_end;			/* day 1 is the month's last */
	bool cron;
	bool either;			/* cron: the day or the weekday */
	bool wild;			/* cron: follows the clock, minute by minute */
	bool reboot;			/* only when the host starts */
	bool random;			/* some time in a range */
	char zone[64];			/* it names one itself, "" */
	/* its command looks at another clock first, and goes on only when that
	 * shows this minute of the day, and weekday unless it is -1 */
	char only_zone[64];
	int only_minute, only_weekday;
};

/* The five fields, or @daily and the like; what follows them is the command,
 * *ret_rest (may be NULL). */
bool firing_cron(struct firing *f, const char *line, const char **ret_rest,
    struct err *e);
bool firing_calendar(struct firing *f, const char *text, struct err *e);

struct firing_times {
	VEC(int64_t) at;		/* wall ms, in order */
	bool more;			/* than FIRING_TIMES */
};
/* All of them after from_ms, up to to_ms. zone counts unless it names its own. */
void firing_times(const struct firing *f, const char *zone, int64_t from_ms,
    int64_t to_ms, struct firing_times *ret);
void firing_times_release(struct firing_times *t);

#endif
