/*
 * wal: when pg_wal is what fills a disk, nothing of a clean-up helps: what holds
 * it, and the safe way out, become notes of the plan.
 */
#ifndef CLEANUP_WAL_H
#define CLEANUP_WAL_H

#include "cleanup/cleanup.h"
#include "reading/reading.h"

void wal_look(struct clean_plan *p);
/* Out of one reading of a database; full_used: what is used of the disk above
 * 80 % that it lies on, 0 when it lies on none. False: its pg_wal is nothing to
 * speak of. */
bool wal_say(const struct reading *r, int64_t full_used, struct buf *out);

#endif
