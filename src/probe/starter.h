/*
 * starter: what on this host starts the nightly: lines of crontabs and systemd's
 * timers whose command is `midwatch nightly`, or a script that runs it. Only
 * files are read; the host is below root ("" for this one).
 *
 *	struct starters all = { 0 };
 *	starters_find(&all, "", site->path);
 *	for (size_t i = 0; i < all.v.n; i++)
 *		use(all.v.v[i].what, all.v.v[i].problem);
 *	starters_release(&all);
 */
#ifndef PROBE_STARTER_H
#define PROBE_STARTER_H

#include "base/vec.h"
#include "probe/firing.h"

struct starter {
	char *what;			/* "'/etc/crontab', line 3", "x.timer" */
	char *unit;			/* the timer's name, NULL: cron */
	char *command;
	VEC(struct firing) firings;
	char *zone;			/* whose clock it goes by */
	char *problem, *hint;		/* why it will not fire, NULL */
	char *note;			/* what may mislead about its zone, NULL */
	int64_t late_ms;		/* it may start so much later */
	bool catches_up;		/* what was missed runs at the next start */
	bool drifts;			/* by an interval, at no fixed hour */
};

struct starters {
	VEC(struct starter) v;
	char *host_zone;
	/* places that could not be read, in one sentence; NULL: none */
	char *unseen;
};

/* Lines that name another site file than config (NULL: any) are not ours. */
void starters_find(struct starters *ret, const char *root, const char *config);
/* The lines of one crontab; system: they name a user too. */
void starters_crontab(struct starters *ret, const char *root,
    const char *what, const char *text, bool system, const char *config);
void starters_release(struct starters *all);

/* Whether a command line runs the nightly. */
bool starter_is_nightly(const char *root, const char *command,
    const char *config);

#endif
