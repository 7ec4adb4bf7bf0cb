/*
 * probe: what a kind of reading is made of. One table row (probes.c) names the
 * kind, how many targets the site has of it, and the function that reads one.
 *
 * A probe runs in a child of the feed (or of `status`), one child a place, and
 * may block until eye->deadline at most; whatever it hangs in, the feed gives it
 * up, kills the child and goes on. It never writes anything but its reading and
 * never speaks. Facts go into data with the keys that the probe's comment lists;
 * the level and the sentence come from reading_say().
 */
#ifndef READING_PROBE_H
#define READING_PROBE_H

#include "place/place.h"
#include "record/state.h"
#include "site/site.h"
#include "site/spec.h"
#include "reading/reading.h"

struct target;

/* What a probe sees of the world, in its child. */
struct eye {
	const struct site *site;
	const struct state *state;	/* may be NULL: no record here */
	int64_t now;			/* wall ms at the beginning of this read */
	int64_t deadline;		/* monotonic ms of this read */
	int64_t stirred;		/* monotonic ms: what is remembered from
					 * before may be wrong; 0: all of it holds */
	bool once;			/* status: nothing is remembered between reads */
	bool (*given_up)(void *ctx);	/* nobody waits for it any more; may be NULL */
	struct place *place;		/* eye.c's; NULL: not connected */
	const struct site_place *place_at;
	struct site_spec *spec;
	struct err failed;		/* why it could not be opened just now */
	int64_t failed_at;
};

void eye_init(struct eye *eye, const struct site *site,
    const struct state *state);
void eye_release(struct eye *eye);

/* The place of the target that is being read (connected, and kept connected
 * between reads). NULL with e. */
struct place *eye_place(struct eye *eye, const struct target *t, struct err *e);
/* Runs argv (or, shell, a string by /bin/sh -c; here in the site's folder) at
 * the target's place within the read's deadline. */
bool eye_run(struct eye *eye, const struct target *t, const char *const *argv,
    struct place_ran *ret, struct err *e);
bool eye_command(struct eye *eye, const struct target *t,
    const struct conf_cmd *cmd, struct place_ran *ret, struct err *e);

/* False: it is over. Waits for so long, less when something has happened after
 * which every target is due. */
typedef bool probe_more(void *ctx, int64_t wait_ms);

struct probe {
	const char *kind;		/* "disk" */
	const char *what;		/* one line for the manual */
	int every_ms, deadline_ms;
	/* Targets of this kind: fills name, at and row of the i-th. */
	size_t (*count)(const struct site *site);
	void (*target)(const struct site *site, size_t i, struct target *ret);
	void (*read)(struct eye *eye, struct target *t, struct reading *r);
	/* A child of its own: its reads may hang (services), or are slow. */
	bool alone;
	/* Instead of one read after the other: all targets of this kind in
	 * few children, each driving many at once (databases). */
	void (*crowd)(struct eye *eye, struct target *targets, size_t n,
	    void (*begin)(void *ctx, struct target *t),
	    void (*done)(void *ctx, struct target *t, struct reading *r),
	    probe_more *more, void *ctx);
};

struct target {
	const struct probe *probe;
	const char *name;		/* "backup" */
	const struct site_place *at;	/* NULL: here */
	const void *row;		/* the site's row: const struct site_disk * ... */
	void *memory;			/* the probe's own, while its child lives */
	size_t index;
	int64_t due;			/* monotonic ms of the next read */
	/* the lookout's */
	int64_t begun;			/* monotonic ms; 0: is not being read */
	int fails;			/* in a row */
	bool read;			/* at least once */
};

extern const struct probe *const probes[];	/* ends with NULL */
const struct probe *probe_find(const char *kind);	/* NULL: no such kind */

#endif
