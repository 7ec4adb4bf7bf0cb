/* Shared by sets.c (the store) and set_look.c (one set in it). */
#ifndef BACKUP_SETS_INTERN_H
#define BACKUP_SETS_INTERN_H

#include "backup/sets.h"

struct looker {
	struct sets *s;
	struct place *p;
	const struct sets_ask *ask;
	size_t manifests;		/* read by now */
};

char *sets_path(const struct sets *s, const char *path);	/* caller frees */
/* A whole small file. */
bool sets_slurp(struct place *p, const char *path, struct buf *out,
    struct err *e);
struct stray *stray_new(const struct sets_ask *ask, const char *dir,
    const struct place_entry *entry);
void stray_free(struct stray *y);
bool sets_noise(const char *name);	/* what storage boxes put everywhere */

/* Reads the set's folder, and what changed in it. False with e: it could not be
 * read; ERR_NOTFOUND: it is not there any more. */
bool set_look(struct looker *l, struct set *set, struct err *e);
void set_forget(struct set *set);	/* all but its name */
void set_free(struct set *set);

#endif
