/*
 * line: drafts become the bytes of journal lines, padded and chained.
 */
#ifndef RECORD_LINE_H
#define RECORD_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/journal.h"

/* Where the chain stands while lines are made. */
struct line_chain {
	int64_t seq;
	char hash[SHA_HEX];
	int64_t at;		/* file offset of the next byte */
	size_t slot;		/* SLOT, or BLOCK where each write moves a block */
};

/* One object without padding; chain moves on. False: too long, or no reader
 * would take it (data that is not a JSON object on one line). */
bool line_object(struct line_chain *c, const struct draft *d, const char *text,
    size_t text_n, const char *part, struct buf *out, struct err *e);
/* Puts one object at its place: spaces, object, spaces, newline. */
void line_place(struct line_chain *c, const char *object, size_t n,
    struct buf *out);
/* A draft as one line, or as many as its text needs ("part":"i/n"), without the
 * first `skip` of them. */
bool line_draft(struct line_chain *c, const struct draft *d, size_t skip,
    struct buf *out, struct err *e);
size_t line_count(const struct draft *d);

#endif
