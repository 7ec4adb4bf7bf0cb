/*
 * table: a Markdown table that also stands straight in a terminal.
 *
 * Cells are Markdown already (escape.h); columns are padded to their widest cell
 * up to TABLE_PAD, the last one not at all.
 *
 *	struct table t = { 0 };
 *	table_head(&t, (const char *const[]){ "Time", "Event", NULL });
 *	md_text(table_cell(&t), text);		cell after cell, row after row
 *	table_write(&t, out);			and releases; a head alone is nothing
 */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/vec.h"

enum { TABLE_COLUMNS = 10, TABLE_PAD = 32 };

struct table {
	size_t columns;
	VEC(struct buf) cells;
};

void table_head(struct table *t, const char *const *names);
/* The next cell, empty; valid until the next call. */
struct buf *table_cell(struct table *t);
void table_text(struct table *t, const char *words);	/* a cell, escaped */
void table_write(struct table *t, struct buf *out);

#endif
