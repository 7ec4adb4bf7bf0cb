/*
 * tell: the site's contacts, by trigger. A contact with a hook is told by it (it
 * gets JSON on standard input); one without is for a person to call, and the
 * answer says so with the phone number.
 */
#ifndef ACTION_TELL_H
#define ACTION_TELL_H

#include "base/vec.h"
#include "record/state.h"
#include "site/site.h"

struct tell {
	enum site_trigger trigger;
	const char *subject;		/* one line */
	const char *text;		/* more, or NULL */
	const char *incident;		/* its id, or NULL */
	bool clear;			/* the all-clear */
};

enum told_how { TOLD_HOOK, TOLD_BY_HAND, TOLD_FAILED };
struct told_one {
	const struct site_contact *who;
	enum told_how how;
	char why[256];			/* of a failure */
};
struct told {
	VEC(struct told_one) v;
};

/* Everybody whom the trigger concerns but `except` (NULL: nobody), within the
 * deadline (behind hooks that hang the next ones get a moment all the same). Each
 * is journaled: in the incident when there is one, else in the
 * site's log; where neither can be written people are told all the same. */
void tell_people(const struct site *site, const struct state *state,
    const struct tell *t, const struct told *except, int64_t deadline_ms,
    struct told *ret);
bool told_has(const struct told *t, const struct site_contact *who);
void told_release(struct told *t);

#endif
