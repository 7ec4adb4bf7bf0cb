/*
 * notify: readings that people want to be told of, once a change, with the
 * all-clear. Fit for a timer every few minutes: what was told stands in
 * <state>/notify.json.
 *
 * A disk's threshold is crossed when it is reached and left 2 points below it; a
 * login, a nightly or a size is well again when it was so twice in a row. What
 * is unknown changes nothing. A hook that fails is tried again the next time, for
 * its contact alone: the others know already. The file is rewritten in place
 * where a full disk refuses a new one.
 */
#ifndef ACTION_NOTIFY_H
#define ACTION_NOTIFY_H

#include "action/tell.h"
#include "reading/reading.h"

struct notice {
	enum site_trigger trigger;
	char *kind, *name;		/* of the reading */
	int64_t since;			/* wall ms */
	bool cleared;			/* the all-clear is what is to be told */
	bool told;			/* nothing is owed to anybody */
	int calm;			/* good readings in a row */
	VEC(char *) knows;		/* who was told, and not of its end */
};

struct notify {
	VEC(struct notice) v;
	struct told told;		/* in this run */
};

/* Reads what was told, tells what changed, keeps it. incident: the open one's
 * id, or NULL. False: somebody else is at it (ERR_BUSY), or it could not be kept
 * (people were told all the same). */
bool notify_run(struct notify *n, const struct site *site,
    const struct state *state, const struct readings *all,
    const char *incident, int64_t deadline_ms, struct err *e);
/* Somebody else told people of this reading's bad news just now (`told`): they are
 * told of its end, and not of it again. False: it could not be kept. */
bool notify_known(const struct state *state, enum site_trigger trigger,
    const char *kind, const char *name, const struct told *told,
    struct err *e);
void notify_release(struct notify *n);

#endif
