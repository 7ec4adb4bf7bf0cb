/*
 * compare: a database into which a set was restored, against what the dump holds:
 * rows of every table, large objects, sequences, and how many objects of each
 * sort there are. What belongs to an extension is the extension's matter.
 */
#ifndef BACKUP_COMPARE_H
#define BACKUP_COMPARE_H

#include "backup/dumptext.h"
#include "backup/toc.h"
#include "pg/pg.h"

struct compared {
	int64_t tables, rows, blobs, sequences;
	struct buf why;			/* what differs; empty: nothing */
};

/* toc NULL: there may be more than the dump holds. False: it could not be looked
 * at. db may be of any user who may read it all. */
bool compare_database(struct pg *db, const struct dumptext *dump,
    const struct toc *toc, bool (*cancelled)(void *ctx), void *ctx,
    struct compared *ret, struct err *e);
void compared_release(struct compared *c);

#endif
