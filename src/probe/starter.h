/*
 * starter: what on this host is started by the clock: lines of crontabs and
 * systemd's timers, those that somebody asks for. Only files are read; the host
 * is below root ("" for this one).
 *
 *	struct starters all = { .root = "" };
 *	starters_find(&all, keep, ctx);
 *	for (size_t i = 0; i < all.v.n; i++)
 *		use(all.v.v[i].what, all.v.v[i].problem);
 *	starters_release(&all);
 *
 * A command may hold a password: it is zeroed when it is released.
 */
#ifndef PROBE_STARTER_H
#define PROBE_STARTER_H

#include "base/vec.h"
#include "probe/firing.h"

struct starter {
	char *what;			/* "'/etc/crontab', line 3", "x.timer" */
	char *name;			/* "/etc/crontab:3", "x.timer" */
	char *unit;			/* the timer's name, NULL: cron */
	char *command;
	char *user;			/* as whom, NULL: not said */
	VEC(struct firing) firings;
	char *zone;			/* whose clock it goes by */
	char *problem, *hint;		/* why it will not fire, NULL */
	char *note;			/* what may mislead about its zone, NULL */
	int64_t late_ms;		/* it may start so much later */
	bool catches_up;		/* what was missed runs at the next start */
	bool drifts;			/* by an interval, at no fixed hour */
	bool off;			/* not enabled, masked, left out by cron */
	bool masked;
	bool shipped;			/* a timer as its package brought it */
	bool of_user;			/* a timer of a user's own systemd */
};

struct starters {
	const char *root;
	VEC(struct starter) v;
	char *host_zone;		/* looked up unless it is set */
	/* places that could not be read, in one sentence; NULL: none */
	char *unseen;
};

/* Whether that command is looked for. unit: whose it is, NULL: of a crontab;
 * then it may be "". settings: what its environment is given, "A=b C=d". */
typedef bool starter_keep(void *ctx, const char *command, const char *unit,
    const char *settings);

void starters_find(struct starters *all, starter_keep *keep, void *ctx);
/* The lines of one crontab; system: they name a user too. */
void starters_crontab(struct starters *all, const char *what,
    const char *text, bool system, starter_keep *keep, void *ctx);
void starters_release(struct starters *all);
/* Whether the cron of that host goes by CRON_TZ. */
bool starters_cron_zone(const char *root);

/* A keep: what runs `midwatch` with all those words, or a script that does; ctx
 * is a struct starter_ours. What names another site file than config (NULL: any)
 * is not ours. */
struct starter_ours {
	const char *root, *config;
	const char *const *with;	/* ends with NULL; NULL: the nightly */
	const char *const *without;	/* and none of these; may be NULL */
};
starter_keep starter_is_ours;

#endif
