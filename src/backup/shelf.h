/*
 * shelf: one set being made in one store: claimed, filled, proven, published, or
 * taken away again.
 *
 *	shelf_open(&s, site, store, must, &care);	s.dead says why not
 *	shelves_claim(v, n, SET_EMERGENCY, site, &at, &e)	<stamp>.partial there
 *	... flow_run() to s.dir ...
 *	shelf_read_back(&s, "otc.dump.gz", size, sha256, &e)
 *	shelf_publish(&s, &manifest, &proof, true, &e)	s.path is its final name
 *	shelf_abandon(&s, &left)		nothing of it stays, or left says what
 *	shelf_release(&s);
 *
 * mkdir is the claim. Nothing has a final name before its manifest, its checksums
 * and its proof lie beside it, and a rename never replaces anything.
 */
#ifndef BACKUP_SHELF_H
#define BACKUP_SHELF_H

#include "backup/manifest.h"
#include "place/place.h"
#include "site/spec.h"

struct shelf {
	const struct site_store *store;
	bool must;
	struct site_spec spec;
	const struct place_spec *at;
	struct place *place;
	char *dir;			/* the `.partial`; NULL: not claimed */
	char *path;			/* published: its name in the store */
	char *dead;			/* why nothing goes there; NULL: it does */
	char *next;			/* and what to do about it; NULL */
};

void shelf_open(struct shelf *s, const struct site *site,
    const struct site_store *store, bool must, const struct place_care *care);
void shelf_dies(struct shelf *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same second on every shelf that lives; those that cannot be claimed die.
 * False: none is left. */
bool shelves_claim(struct shelf *v, size_t n, enum set_class class,
    int64_t *ret_at, struct err *e);
/* A folder in it, for a component of several files. */
bool shelf_folder(struct shelf *s, const char *name, struct err *e);
/* Would it take a set? Claims one and gives it back; where nothing was ever stored
 * it makes nothing, and says yes. */
bool shelf_try(struct shelf *s, enum set_class class, struct err *e);
/* Size and SHA-256 of the file as it lies there. */
bool shelf_read_back(struct shelf *s, const char *file, int64_t size,
    const char *sha256, struct err *e);
/* A small file of it, whole. */
bool shelf_put(struct shelf *s, const char *file, const struct buf *b,
    struct err *e);
void shelf_drop(struct shelf *s, const char *file);	/* a file of it */
bool shelf_drop_folder(struct shelf *s, const char *name);	/* all is gone? */
/* whole: under its final name; else as `.incomplete`. proof may be NULL. */
bool shelf_publish(struct shelf *s, const struct manifest *m,
    struct proof *proof, bool whole, struct err *e);
/* False: something stays there, and left says what and where. */
bool shelf_abandon(struct shelf *s, struct buf *left);
void shelf_release(struct shelf *s);

#endif
