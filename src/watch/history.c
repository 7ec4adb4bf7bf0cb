#include "watch/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

enum {
	SAMPLES_MAX = 240,
	KEEP_MS = 6 * 3600 * 1000,	/* nothing older says anything */
	WINDOW_MS = 20 * 60 * 1000,	/* the rate is of these, */
	RECENT_MS = 2 * 60 * 1000,	/* or only of these if there are enough */
	ENOUGH = 12, POINTS_MAX = 48,
	SPAN_MIN_MS = 8000,
	SOON_MS = 60 * 60 * 1000,
	TALK_MS = 24 * SOON_MS,
	FILE_MAX = 1 << 20,
};

const char *
sureness_name(enum sureness s)
{
	return s == SURE_STEADY ? "steady" : s == SURE_ROUGHLY ? "roughly" :
	    "unsure";
}

static struct disk_past *
past_of(struct history *h, const char *name)
{
	struct disk_past *d;

	for (size_t i = 0; i < h->disks.n; i++)
		if (strcmp(h->disks.v[i].name, name) == 0)
			return &h->disks.v[i];
	d = VEC_NEW(&h->disks);
	d->name = xstrdup(name);
	return d;
}

/* The older half at half the resolution, so that hours fit. */
static void
thin(struct disk_past *d)
{
	size_t half = d->v.n / 2, n = 0;

	for (size_t i = 0; i < d->v.n; i++)
		if (i >= half || i % 2 == 0)
			d->v.v[n++] = d->v.v[i];
	d->v.n = n;
}

static void
add_sample(struct disk_past *d, int64_t at, int64_t used)
{
	size_t old = 0;

	/* a clock that was set back makes what came before worthless */
	while (d->v.n > 0 && d->v.v[d->v.n - 1].at >= at)
		d->v.n--;
	while (old < d->v.n && d->v.v[old].at < at - KEEP_MS)
		old++;
	if (old > 0) {
		d->v.n -= old;
		memmove(d->v.v, d->v.v + old, d->v.n * sizeof *d->v.v);
	}
	if (d->v.n >= SAMPLES_MAX)
		thin(d);
	VEC_PUSH(&d->v, ((struct sample){ at, used }));
}

/* ---- the rate -------------------------------------------------------------- */

static int
smaller_first(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Samples of the last ms, at most POINTS_MAX of them, evenly. */
static size_t
pick(const struct disk_past *d, int64_t from, const struct sample **out)
{
	size_t first = 0, n, step, got = 0;

	while (first < d->v.n && d->v.v[first].at < from)
		first++;
	n = d->v.n - first;
	step = (n + POINTS_MAX - 1) / POINTS_MAX;
	/* from the newest on, so that it is always among them */
	for (size_t i = 0; i < n && got < POINTS_MAX; i += step ? step : 1)
		out[got++] = &d->v.v[d->v.n - 1 - i];
	return got;
}

void
history_rate(const struct disk_past *d, int64_t now, struct rate *ret)
{
	const struct sample *p[POINTS_MAX];
	static double slopes[POINTS_MAX * POINTS_MAX / 2];
	size_t n = pick(d, now - RECENT_MS, p), many = 0;
	double spread;

	*ret = (struct rate){ 0 };
	if (n < ENOUGH)
		n = pick(d, now - WINDOW_MS, p);
	if (n < 3)			/* of a timer, every few minutes */
		n = pick(d, now - KEEP_MS, p);
	if (n < 2 || p[0]->at - p[n - 1]->at < SPAN_MIN_MS)
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			slopes[many++] = (double)(p[i]->used - p[k]->used) *
			    1000.0 / (double)(p[i]->at - p[k]->at);
	qsort(slopes, many, sizeof *slopes, smaller_first);
	ret->known = true;
	ret->bytes_per_s = many % 2 ? slopes[many / 2] :
	    (slopes[many / 2 - 1] + slopes[many / 2]) / 2;
	ret->low = slopes[many / 4];
	ret->high = slopes[many - 1 - many / 4];
	spread = ret->high - ret->low;
	if (ret->bytes_per_s > 0 && n >= 4)
		ret->sure = spread < 0.35 * ret->bytes_per_s ? SURE_STEADY :
		    spread < 1.5 * ret->bytes_per_s ? SURE_ROUGHLY : SURE_NOT;
}

/* ---- readings -------------------------------------------------------------- */

static void
fmt_about(char out[32], int64_t ms)
{
	/* nobody needs the seconds of an hour */
	int64_t unit = ms < 120000 ? 1000 : 60000;

	text_fmt_duration(out, (ms + unit / 2) / unit * unit);
}

static void
say_full(struct reading *r, const struct rate *rate, int64_t avail)
{
	int64_t ms = (int64_t)((double)avail / rate->bytes_per_s * 1000.0);
	char size[16], when[32];

	if ((double)avail / rate->bytes_per_s > 30.0 * 86400)
		return;
	reading_int(r, "full_in_ms", ms);
	if (rate->high > 0)
		reading_int(r, "full_in_low_ms",
		    (int64_t)((double)avail / rate->high * 1000.0));
	if (rate->low > 0)
		reading_int(r, "full_in_high_ms",
		    (int64_t)((double)avail / rate->low * 1000.0));
	/* what is days away is a fact, but no news */
	if (ms > TALK_MS)
		return;
	text_fmt_size(size, (int64_t)(rate->bytes_per_s * 60));
	fmt_about(when, ms);
	if (rate->sure == SURE_NOT)
		reading_say(r, r->level, NULL, "grew by %s a minute, not "
		    "steadily", size);
	else
		reading_say(r, ms < SOON_MS ? LEVEL_WARNING : r->level,
		    ms < SOON_MS ? "midwatch cleanup --plan" : NULL,
		    "full in %s%s (%s a minute)",
		    rate->sure == SURE_ROUGHLY ? "roughly " : "about ", when,
		    size);
}

void
history_note(struct history *h, struct reading *r)
{
	int64_t used = json_get_int(r->data, "used", -1);
	int64_t avail = json_get_int(r->data, "avail", -1);
	struct disk_past *d;
	struct rate rate;

	if (strcmp(r->kind, "disk") != 0 || r->error != NULL || used < 0)
		return;
	d = past_of(h, r->name);
	add_sample(d, r->at, used);
	h->dirty = true;
	history_rate(d, r->at, &rate);
	if (!rate.known)
		return;
	reading_int(r, "rate_per_min", (int64_t)(rate.bytes_per_s * 60));
	reading_str(r, "rate_sure", sureness_name(rate.sure));
	if (rate.bytes_per_s >= 1 && avail > 0)
		say_full(r, &rate, avail);
}

/* ---- kept over restarts ------------------------------------------------------ */

void
history_load(struct history *h, const struct state *state)
{
	char *path = state_path(state, "disks.csv"), *save = NULL;
	struct buf b = BUF_INIT;

	if (file_read(path, &b, FILE_MAX, &(struct err){ 0 }))
		for (char *line = strtok_r(b.p, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			int64_t at, used;
			int end = 0;

			if (sscanf(line, "%" SCNd64 ",%" SCNd64 ",%n", &at,
			    &used, &end) == 2 && end > 0 && line[end] != '\0')
				add_sample(past_of(h, line + end), at, used);
		}
	buf_release(&b);
	free(path);
	h->dirty = false;
}

bool
history_save(struct history *h, const struct state *state, struct err *e)
{
	char *path = state_path(state, "disks.csv");
	struct buf b = BUF_INIT;
	bool ok;

	for (size_t i = 0; i < h->disks.n; i++) {
		const struct disk_past *d = &h->disks.v[i];

		for (size_t k = 0; k < d->v.n; k++)
			buf_printf(&b, "%" PRId64 ",%" PRId64 ",%s\n",
			    d->v.v[k].at, d->v.v[k].used, d->name);
	}
	ok = file_replace(path, b.p, b.n, 0660, e);
	h->dirty = h->dirty && !ok;
	buf_release(&b);
	free(path);
	return ok;
}

void
history_release(struct history *h)
{
	for (size_t i = 0; i < h->disks.n; i++) {
		free(h->disks.v[i].name);
		VEC_RELEASE(&h->disks.v[i].v);
	}
	VEC_RELEASE(&h->disks);
}
