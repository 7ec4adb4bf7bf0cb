/*
 * escalate: who comes next when nobody answers. The line: contacts with `next` or
 * `next_after` as the file has them, each followed by whom its `next` names, then
 * everybody else on "escalate".
 *
 *	struct escalate_next n;
 *	if (escalate_next(site, inc, &n))
 *		n.who is next; when n.due is not 0 and has passed, it is time
 */
#ifndef ACTION_ESCALATE_H
#define ACTION_ESCALATE_H

#include "base/vec.h"
#include "record/incident.h"
#include "site/site.h"

struct escalate_line {
	VEC(const struct site_contact *) v;
};

struct escalate_next {
	const struct site_contact *who;
	/* whose silence makes it so, and since when they know; else NULL */
	const struct site_contact *after;
	int64_t told_at, due;		/* wall ms; due 0: nobody waits */
	bool again;			/* everybody in line was told before */
};

void escalate_line(const struct site *site, struct escalate_line *ret);
/* False: the site names nobody, or all of them have answered. */
bool escalate_next(const struct site *site, const struct incident *inc,
    struct escalate_next *ret);
/* What the record knows of a contact: newest first. NULL: nothing. */
const struct inc_told *escalate_told(const struct incident *inc,
    const char *who);

#endif
