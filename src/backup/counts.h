/*
 * counts: how many rows each table has, as a dump or a database says.
 *
 *	struct counts c = { 0 };
 *	counts_add(&c, "public", "orders", 12);
 *	counts_write(&c, &buf);			otc.dump.counts
 *	counts_release(&c);
 *
 * The file is for people and programs: a head, `ROWS ["schema","table"]` a line,
 * sorted, and `end TABLES ROWS`; without its end it is not whole.
 */
#ifndef BACKUP_COUNTS_H
#define BACKUP_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

struct count {
	char *schema, *table;
	int64_t rows;
};

struct counts {
	VEC(struct count) v;
	bool sorted;
};

/* Rows of one more COPY; the same table may come several times. */
void counts_add(struct counts *c, const char *schema, const char *table,
    int64_t rows);
void counts_sort(struct counts *c);	/* and adds up what is there twice */
/* After counts_sort(); NULL: it is not there. */
const struct count *counts_find(const struct counts *c, const char *schema,
    const char *table);
int64_t counts_rows(const struct counts *c);
/* All of more into c. */
void counts_join(struct counts *c, const struct counts *more);
/* Why the two differ, in words; false: they do not. Both are sorted. */
bool counts_differ(const struct counts *want, const char *want_what,
    const struct counts *have, const char *have_what, struct buf *why);

void counts_write(struct counts *c, struct buf *out);
bool counts_read(struct counts *c, const char *p, size_t n, struct err *e);
void counts_release(struct counts *c);

#endif
