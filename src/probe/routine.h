/*
 * routine: what midwatch wants to be started by the clock: the nightly and the
 * proofs between the nights. The table says how often, from the site file; and
 * whether the host really does it, over a year with its changes of the clocks.
 *
 *	struct routine_seen seen;
 *	routine_look(routine_at(0), site, "", now, &seen);
 *	use(seen.level, seen.text.p);
 *	routine_seen_release(&seen);
 */
#ifndef PROBE_ROUTINE_H
#define PROBE_ROUTINE_H

#include "base/buf.h"
#include "probe/starter.h"
#include "reading/reading.h"
#include "site/site.h"

/*	id		words behind "midwatch", words that make it another	*/
#define ROUTINES(X)							\
	X(NIGHTLY, "nightly", "nightly", "--dry-run validate",		\
	    "everything into one set, verified")			\
	X(DRY_RUN, "dry-run", "nightly --dry-run", "validate",		\
	    "whether the next nightly could save everything")		\
	X(RESTORE, "restore-test", "validate latest --restore", "",	\
	    "the newest set, restored into a scratch PostgreSQL")	\
	X(REREAD, "reread", "validate all", "--restore",		\
	    "every set, read through where it lies")			\
	X(SECRETS, "secrets", "recover --check", "",			\
	    "whether all stored credentials still log in")		\
	X(SCHEMA, "schema", "precheck --only schema --notify", "", \
	    "whether the backup roles can read everything")		\
	X(ALERTS, "alerts", "status --notify", "",			\
	    "everything looked at, and people told of what changed")

enum routine_id {
#define X(id, name, words, without, what) ROUTINE_##id,
	ROUTINES(X)
#undef X
	ROUTINE_COUNT
};

struct routine {
	enum routine_id id;
	const char *name;		/* "dry-run" */
	const char *words;		/* "nightly --dry-run" */
	const char *without;
	const char *what;
};
const struct routine *routine_at(enum routine_id id);

/* When it is to be started, by the site's clock. False: the site states no
 * hour for the nightly, and the others go by that. */
struct routine_plan {
	int minute;			/* of the day, the first one */
	int every;			/* minutes, 0: once a day */
	unsigned weekdays;		/* bit 0: Sunday; 0: every day */
	bool closer;			/* than asked: clocks have no such step */
};
bool routine_plan(const struct routine *r, const struct site *site,
    struct routine_plan *ret);
/* "at 02:00", "every 6h: at 05:00 11:00 17:00 23:00", "on Sunday at 08:00" */
void routine_say(const struct routine_plan *p, struct buf *out);
/* What follows OnCalendar=, without the zone. */
void routine_calendar(const struct routine_plan *p, struct buf *out);
/* Its next and last time: wall ms, 0 when there is none within eight days. */
int64_t routine_next(const struct routine_plan *p, const struct site *site,
    int64_t now);
int64_t routine_last(const struct routine_plan *p, const struct site *site,
    int64_t now);

/* Who starts it, on the host below root. extra (may be NULL) is the text of this
 * user's own crontab. */
void routine_find(const struct routine *r, const struct site *site,
    const char *root, const char *extra, struct starters *ret);

/* What follows is not asked of the nightly: its reading (schedule.h) says more. */
struct routine_seen {
	struct starters by;
	struct buf text;
	enum level level;		/* warning: not, or not often enough */
	int64_t next;			/* wall ms, 0: not known */
};
void routine_look(const struct routine *r, const struct site *site,
    const char *root, const char *extra, int64_t now,
    struct routine_seen *ret);
void routine_seen_release(struct routine_seen *s);

#endif
