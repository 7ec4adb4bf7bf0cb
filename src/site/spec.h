/*
 * spec: a place of the site as the place room wants it.
 *
 *	struct site_spec s;
 *	const struct place_spec *p = site_spec(&s, site, site_place(site, "nas-box"));
 *	... place_open(p, NULL, &e) ...	s outlives the open place
 *
 * The entries point at each other: a struct site_spec is filled where it stays.
 * A port that the site did not state is 0, so that ~/.ssh/config may say it.
 */
#ifndef SITE_SPEC_H
#define SITE_SPEC_H

#include "place/place.h"
#include "site/site.h"

enum { SITE_SPEC_DEPTH = SITE_HOPS + 1 };
struct site_spec {
	struct place_spec v[SITE_SPEC_DEPTH];	/* the place, then what it stands on */
	size_t n;
};

/* NULL: here. The strings are the site's. */
const struct place_spec *site_spec(struct site_spec *s, const struct site *site,
    const struct site_place *place);

#endif
