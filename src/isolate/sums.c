/* The last sets of each store: their files, hashed where they lie. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup/sets.h"
#include "base/clock.h"
#include "base/text.h"
#include "isolate/intern.h"

enum { LOOK_MS = 20000, HASH_MS = 60000, LAST = 2, READ_SETS = 6,
	OVERLAP_MS = 2000 };

static void
add_sum(struct isolate *i, const char *store, const char *path, bool read,
    bool same, const char *why)
{
	VEC_PUSH(&i->sums, ((struct cause_sum){ .store = xstrdup(store),
	    .path = xstrdup(path), .read = read, .same = same,
	    .why = why != NULL ? xstrdup(why) : NULL }));
}

static void
one_file(struct isolate *i, struct place *p, const struct site_store *store,
    const struct set *set, const struct set_part *part,
    const struct set_file *file, int64_t deadline)
{
	struct buf path = BUF_INIT, full = BUF_INIT;
	struct place_stat st;
	struct err e = ERR_INIT;
	char hex[SHA_HEX], *why = NULL;
	bool read = false, same = false;

	buf_printf(&path, "%s/", set->path);
	set_part_path(&path, part, file->name);
	buf_printf(&full, "%s/%s", store->path, path.p);
	if (clock_mono_ms() >= deadline)
		why = xstrdup("reading the last sets took too long; 'midwatch "
		    "validate latest' reads all of it");
	else if (!place_stat(p, full.p, &st, &e)) {
		read = e.kind == ERR_NOTFOUND;
		why = xstrdup(e.msg);
	} else if (st.size != file->size) {
		read = true;
		why = xprintf("it has %" PRId64 " bytes, and %" PRId64
		    " were sent", st.size, file->size);
	} else if (!place_hash(p, full.p, hex, deadline, &e))
		why = xstrdup(e.msg);
	else {
		read = true;
		same = strcmp(hex, file->sha256) == 0;
		if (!same)
			why = xstrdup("its checksum is another");
	}
	add_sum(i, store->name, path.p, read, same, why);
	free(why);
	buf_release(&path);
	buf_release(&full);
}

static void
one_set(struct isolate *i, struct place *p, const struct site_store *store,
    const struct set *set, int64_t deadline)
{
	for (size_t k = 0; k < set->manifest.parts.n; k++) {
		const struct set_part *part = &set->manifest.parts.v[k];

		for (size_t f = 0; part->complete && f < part->files.n; f++)
			if (!isolate_stopped(i))
				one_file(i, p, store, set, part,
				    &part->files.v[f], deadline);
	}
}

static void
keep_sums(struct isolate *i, const struct site_store *store, size_t from)
{
	char *name = xprintf("store-%s-checksums.txt", store->name);
	char *what = xprintf("store %s: the files of its last sets, read where "
	    "they lie", store->name);
	struct buf text = BUF_INIT;

	for (size_t k = from; k < i->sums.n; k++) {
		const struct cause_sum *s = &i->sums.v[k];

		buf_printf(&text, "%s: %s%s%s\n", s->path, !s->read ?
		    "NOT READ" : s->same ? "OK" : "FAILED", s->why != NULL ?
		    ": " : "", s->why != NULL ? s->why : "");
	}
	if (text.n > 0)
		(void)evidence_put(&i->evidence, name, what, text.p, text.n,
		    false);
	buf_release(&text);
	free(name);
	free(what);
}

/* Two runs of one class that wrote at the same time, whoever began them. */
static void
find_overlaps(struct isolate *i, const struct site_store *store,
    const struct sets *sets)
{
	for (size_t a = 0; a < sets->v.n; a++)
		for (size_t b = a + 1; b < sets->v.n; b++) {
			const struct set *x = sets->v.v[a], *y = sets->v.v[b];
			int64_t from = x->manifest.started >
			    y->manifest.started ? x->manifest.started :
			    y->manifest.started;
			int64_t to = x->manifest.finished <
			    y->manifest.finished ? x->manifest.finished :
			    y->manifest.finished;
			char both[32];

			if (!x->told || !y->told || x->foreign || y->foreign ||
			    x->manifest.class != y->manifest.class ||
			    x->manifest.class == SET_EMERGENCY ||
			    to - from < OVERLAP_MS)
				continue;
			text_fmt_duration(both, to - from);
			VEC_PUSH(&i->overlaps, xprintf("store %s: the runs of "
			    "%s and %s were under way at once for %s",
			    store->name, x->path, y->path, both));
		}
}

static void
look_at_store(struct isolate *i, const struct site_store *store)
{
	struct sets_ask ask = { .deadline_ms = clock_mono_ms() + LOOK_MS,
		.limit = READ_SETS };
	struct target t = { .name = store->name, .at = store->at != NULL ?
		site_place(i->site, store->at) : NULL };
	struct sets sets = { .store = NULL };
	struct err e = ERR_INIT;
	size_t from = i->sums.n, looked = 0;
	const struct reading *r = readings_find(&i->readings, "sets",
	    store->name);
	struct place *p;
	struct eye eye;

	/* what hung a child that may be killed would hang us */
	if (r != NULL && r->error != NULL) {
		isolate_unseen(i, "store %s: %s", store->name, r->error);
		return;
	}
	isolate_doing(i, "the last sets of %s are read", store->name);
	eye_init(&eye, i->site, i->state);
	eye.deadline = ask.deadline_ms;
	eye.given_up = isolate_given_up;
	sets_init(&sets, store->name, store->path, i->site->name);
	p = eye_place(&eye, &t, &e);
	if (p == NULL || (!sets_read(&sets, p, &ask, &e) &&
	    e.kind != ERR_NOTFOUND))
		isolate_unseen(i, "store %s: %s", store->name, e.msg);
	for (size_t k = 0; p != NULL && k < sets.v.n && looked < LAST; k++) {
		const struct set *set = sets.v.v[k];

		if (set->state == SET_PARTIAL || !set->told || set->foreign)
			continue;
		one_set(i, p, store, set, clock_mono_ms() + HASH_MS / LAST);
		looked++;
	}
	find_overlaps(i, store, &sets);
	keep_sums(i, store, from);
	sets_release(&sets);
	eye_release(&eye);
}

void
look_at_sums(struct isolate *i)
{
	for (size_t k = 0; k < site_stores(i->site); k++)
		if (!isolate_stopped(i))
			look_at_store(i, site_store_at(i->site, k));
}
