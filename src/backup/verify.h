/*
 * verify: is what lies in a store still what was sent, and can all of it be read?
 *
 *	struct verify_ask ask = { .dir = "/volume1/b/nightly/20250214T021000Z",
 *	    .part = &manifest.parts.v[0] };
 *	struct verify_done done = { 0 };
 *	if (verify_part(place, &ask, &done, &e))
 *		done.ok ? fine() : damaged(done.why.p);
 *	verify_done_release(&done);
 *
 * One pass over each file: read from the store once, hashed, every gzip member
 * inflated, and the raw bytes read to their end by the program that would restore
 * them (pg_restore, tar; of globals the end mark is looked for). pg_restore's own
 * list is not asked: it accepts an archive that was cut off. The rows of each table
 * are counted on the way and held against what the manifest says.
 *
 * What was taken over from something else (adopt.h) is named after what it is:
 * without `.gz` it is read as it lies, an archive (`.dump`) by pg_restore, a `.tar`
 * by tar, and of plain SQL the end mark is looked for.
 */
#ifndef BACKUP_VERIFY_H
#define BACKUP_VERIFY_H

#include "backup/checksums.h"
#include "backup/dumptext.h"
#include "backup/sets.h"

struct verify_care {
	void (*progress)(void *ctx, int64_t done, int64_t total);	/* packed */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

struct verify_ask {
	const char *dir;		/* of the set, at the place */
	const struct set_part *part;
	const char *pg_restore;		/* NULL: the one in PATH */
	/* Where the raw bytes are kept as 000, 001 ...; NULL: nowhere. */
	const char *keep;
	struct verify_care *care;	/* NULL: none */
};

struct verify_done {
	bool ok;
	struct buf why;			/* when it is not */
	struct buf beside;		/* damage that costs no data: an index */
	int64_t bytes, raw, members, took_ms;
	struct dumptext text;		/* of databases: rows, large objects */
	VEC(struct buf) kept;		/* paths below keep, in their order */
};

/* False: it could not be found out (the store does not answer, pg_restore is not
 * here, cancelled): that says nothing about the copy. */
bool verify_part(struct place *p, const struct verify_ask *ask,
    struct verify_done *ret, struct err *e);
void verify_done_release(struct verify_done *d);
/* Is it a custom archive, whose rows are counted and which can be tried in a scratch
 * PostgreSQL? All that we make is; what was taken over may be SQL or a tar. */
bool verify_is_archive(const struct set_part *p);
/* Is that file in gzip? All that we make is. */
bool verify_is_packed(const char *name);

/* checksums.sha256 against the manifest, both ways. False: it could not be read;
 * what does not fit is behind why, one after the other. ret_other: it is not the
 * manifest of that list, and nothing that is held against it is proven. */
bool verify_list(struct place *p, const char *dir, const struct set *set,
    struct buf *why, bool *ret_other, struct err *e);

/* Every proof in it, also those that newer ones have made idle: is it as it was
 * written? As above. One of another manifest is no damage: it proves nothing. */
bool verify_proofs(struct place *p, const char *dir, struct buf *why,
    struct err *e);

/* Writes a proof beside the manifest: whole or not at all, and never in the place
 * of another. */
bool verify_put(struct place *p, const char *dir, struct proof *proof,
    struct err *e);

#endif
