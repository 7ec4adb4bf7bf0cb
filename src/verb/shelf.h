/*
 * shelf: the stores of the site with their places open and their sets read, for the
 * verbs that work on sets.
 */
#ifndef VERB_SHELF_H
#define VERB_SHELF_H

#include "backup/sets.h"
#include "site/spec.h"
#include "verb/cli.h"

struct shelf {
	const struct site_store *store;
	struct site_spec spec;
	struct place *place;		/* NULL: it could not be opened */
	struct sets sets;
	bool ok;			/* read to its end */
	struct err why;
};

struct shelves {
	VEC(struct shelf *) v;
	bool (*cancelled)(void *ctx);	/* NULL: never */
	void *ctx;
	struct sets_ask look;		/* how the stores are read */
};

/* Those of that name, or all (NULL). False: no such store. */
bool shelves_open(struct shelves *s, const struct site *site, const char *only,
    struct err *e);
void shelves_release(struct shelves *s);
/* The folder of a set, at its store's place; caller frees. */
char *shelf_dir(const struct shelf *shelf, const struct set *set);
/* "nightly/20250214T021000Z", or its stamp alone. */
bool shelf_is(const struct set *set, const char *name);

#endif
