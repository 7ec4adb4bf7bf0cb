/*
 * tell: the site's contacts, by trigger. A contact is told by its hook (which gets
 * JSON on standard input), else by its webhook, else by its second hook; one that
 * has none of them, or that none of them reaches, is for a person to call, and
 * the answer says so with the phone number.
 *
 *	struct tell t = { .trigger = SITE_TRIGGER_SEV_0, .incident = inc->id,
 *	    .subject = "the copy of otc cannot be restored" };
 *	struct told told = { 0 };
 *	tell_people(site, state, &t, NULL, clock_mono_ms() + 60000, &told);
 *	for (...) { told_line(&told.v.v[i], &line); say(line.p); }
 *	told_release(&told);
 *
 * Telling never blocks anything: it has a time limit, and a failure is shown and
 * journaled. In a drill nothing is sent, and the record says that.
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
	bool hooks_only;		/* nobody is asked to call anybody */
};

enum told_how {
	TOLD_HOOK,		/* by a hook or a webhook */
	TOLD_BY_HAND,		/* somebody is to call them */
	TOLD_FAILED,		/* the same, since no hook worked */
	TOLD_QUEUED,		/* the same, and sent when the network is back */
	TOLD_DRILL,		/* would have been */
};
struct told_one {
	const struct site_contact *who;
	enum told_how how;
	char why[256];			/* of a failure */
	const char *via;		/* "hook", "webhook", "second hook" */
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
/* One of them, whatever they want to be told of. */
void tell_person(const struct site *site, const struct state *state,
    const struct tell *t, const struct site_contact *who, int64_t deadline_ms,
    struct told *ret);
/* Whether the trigger concerns them at this site. */
bool tell_concerns(const struct site *site, const struct site_contact *who,
    enum site_trigger trigger);
bool tell_is_drill(const struct site *site, const char *incident);
/* What waits for the network is sent, if it is back. */
void tell_queued(const struct site *site, const struct state *state,
    int64_t deadline_ms);

bool told_has(const struct told *t, const struct site_contact *who);
/* "told: Ada", "tell Ben by hand, +234 ...". */
void told_line(const struct told_one *one, struct buf *out);
void told_release(struct told *t);

#endif
