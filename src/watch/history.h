/*
 * history: how fast disks fill. A few hundred samples a disk, kept over restarts
 * in <state>/disks.csv, so that one `status` from a timer knows a rate as well.
 *
 * The rate is the median of the slopes between the samples of the last minutes:
 * one file that comes or goes does not bend it. How sure it is shows in how far
 * those slopes lie apart.
 */
#ifndef WATCH_HISTORY_H
#define WATCH_HISTORY_H

#include "record/state.h"
#include "reading/reading.h"

struct sample {
	int64_t at, used;		/* wall ms, bytes */
};

struct disk_past {
	char *name;
	VEC(struct sample) v;		/* oldest first */
};

struct history {
	VEC(struct disk_past) disks;
	bool dirty;
};

enum sureness { SURE_NOT, SURE_ROUGHLY, SURE_STEADY };
const char *sureness_name(enum sureness s);	/* "unsure" "roughly" "steady" */

struct rate {
	bool known;			/* enough samples */
	double bytes_per_s;		/* negative: it empties */
	double low, high;		/* quartiles of the slopes */
	enum sureness sure;
};
void history_rate(const struct disk_past *d, int64_t now, struct rate *ret);

/* A disk's reading becomes a sample, and learns its rate and when it is full. */
void history_note(struct history *h, struct reading *r);
/* What cannot be read is not there: a history is never an error. */
void history_load(struct history *h, const struct state *state);
bool history_save(struct history *h, const struct state *state, struct err *e);
void history_release(struct history *h);

#endif
