/*
 * night: when the nightly is due, and when it ran. Due is by the site's clock:
 * an hour that clocks skip is due as soon as they were put forward, one that
 * comes twice is due the first time.
 *
 * That it ran is seen in the site's journal and in that of the newest incident
 * (lines of a kind that begins with `nightly`, or whose data says "class",
 * "action", "verb" or "kind": "nightly"), and in the sets of stores on this
 * host.
 */
#ifndef PROBE_NIGHT_H
#define PROBE_NIGHT_H

#include "base/vec.h"
#include "reading/probe.h"
#include "probe/tail.h"

struct night_plan {
	int64_t due, until;	/* wall ms: the last one at or before now, and the
				 * end of its window */
	int64_t next;
};
/* False: the site states no hour. */
bool night_plan(const struct site *site, int64_t now, struct night_plan *ret);
/* Every night of from..to. */
struct nights {
	VEC(int64_t) due;	/* wall ms */
};
void nights_due(const struct site *site, int64_t from, int64_t to,
    struct nights *ret);
void nights_release(struct nights *n);

enum night_result { NIGHT_OPEN, NIGHT_GOOD, NIGHT_BAD };
struct night_run {
	int64_t started, ended;	/* wall ms; 0: not seen */
	enum night_result result;
};

struct night_seen {
	VEC(struct night_run) runs;		/* oldest first, at most 32 */
	struct tail site_log, incident_log;
	char *incident;
	bool sets_seen;		/* some store of this host could be listed */
};

/* Looks again; what cannot be read is as if it were not there. */
void night_look(struct night_seen *n, struct eye *eye,
    const struct target *t);
void night_release(struct night_seen *n);
/* The last run, NULL: none was seen. */
const struct night_run *night_last(const struct night_seen *n);

/* One line of a journal, for tests. */
void night_line(struct night_seen *n, const char *line, size_t size);

#endif
