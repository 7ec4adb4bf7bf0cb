/*
 * Checks of what is elsewhere: every place, store and database is tried, and what
 * starts the nightly is asked for. What hangs is given up.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "doctor/intern.h"
#include "watch/watch.h"

enum { READ_MS = 7000, AGE_MS = 15000 };

static const struct watch_want wanted[] = { { "place", NULL },
	{ "store", NULL }, { "database", NULL }, { "schedule", NULL } };

static enum doctor_level
level_of(const struct reading *r)
{
	return r->error != NULL || r->level >= LEVEL_CRITICAL ? DOCTOR_ERROR :
	    r->level == LEVEL_WARNING ? DOCTOR_WARNING : DOCTOR_OK;
}

void
check_places(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	struct readings all = { 0 };

	if (s == NULL)
		return;
	watch_some(s, d->have_state ? &d->state : NULL, wanted,
	    sizeof wanted / sizeof *wanted, AGE_MS, clock_mono_ms() + READ_MS,
	    &all);
	for (size_t i = 0; i < all.v.n; i++) {
		const struct reading *r = &all.v.v[i];
		const char *said = r->error != NULL ? r->error : r->text;

		doctor_found(d, level_of(r), r->kind, "%s: %s", r->name,
		    said != NULL ? said : level_name(r->level));
		if (level_of(r) == DOCTOR_OK)
			continue;
		if (r->next != NULL)
			doctor_todo(d, "%s", r->next);
		else
			doctor_todo(d, "'midwatch status' looks again, and at "
			    "more.");
	}
	readings_release(&all);
}
