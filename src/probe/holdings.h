/*
 * holdings: what the stores of the site hold, for the readings of backups and of
 * sets. A child has them once, however many databases it is asked about.
 *
 *	struct holdings h;
 *	holdings_read(eye, NULL, &h);
 *	for (size_t i = 0; i < h.n; i++)
 *		if (h.v[i]->known)
 *			use(&h.v[i]->sets);
 */
#ifndef PROBE_HOLDINGS_H
#define PROBE_HOLDINGS_H

#include "backup/sets.h"
#include "reading/probe.h"

struct holding {
	const struct site_store *store;
	struct sets sets;
	bool known;			/* read just now, or seconds ago */
	bool absent;			/* known, and its folder is not there */
	struct err why;			/* else: why it is not known */
	/* holdings.c's */
	struct site_spec spec;
	struct place *place;
	int64_t until, enough, tried_ms;
	bool tried, dug;
};

struct holdings {
	struct holding *const *v;
	size_t n;
};

/* Of every store, or of one. Each has its share of the time that is left, so that
 * one that hangs does not hide the others. */
void holdings_read(struct eye *eye, const struct site_store *only,
    struct holdings *ret);
/* Goes through what is no set of ours in stores that are known (for a few
 * seconds at most, and not again before they are read again). */
void holdings_dig(struct eye *eye);
void holdings_forget(void);		/* another site, in tests */

#endif
