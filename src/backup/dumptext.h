/*
 * dumptext: what a dump says once it is SQL (`pg_restore -f -`, pg_dumpall), read
 * as it comes, in bounded memory: statements, and the rows of each COPY.
 *
 *	struct dumptext t = { 0 };
 *	while (...) dumptext_take(&t, p, n);
 *	dumptext_end(&t);
 *	use(counts_rows(&t.counts), t.blobs, &t.sequences);
 *	dumptext_release(&t);
 *
 * It knows just enough of SQL to see where a statement ends: quotes, dollar
 * quotes, comments, psql's backslash lines, and the data behind COPY.
 */
#ifndef BACKUP_DUMPTEXT_H
#define BACKUP_DUMPTEXT_H

#include "backup/counts.h"

struct dump_sequence {
	char *name;		/* as SQL writes it: public."odd name" */
	int64_t value;
	bool called;
};

struct dumptext {
	/* Each statement, without its semicolon; what is longer than 256 KiB
	 * is cut. False: nothing more is wanted. NULL: only counted. */
	bool (*statement)(void *ctx, const char *s, size_t n);
	void *ctx;

	struct counts counts;
	int64_t blobs;		/* large objects */
	VEC(struct dump_sequence) sequences;
	bool enough;		/* statement() said so */

	/* of the reader */
	int state;
	bool escapes;		/* a backslash escapes in this literal */
	bool old_strings;	/* standard_conforming_strings is off */
	bool after_dash, after_dollar;
	struct buf s;		/* the statement so far */
	struct buf tag;		/* $tag$ */
	size_t tag_seen;
	char head[2];		/* of a line of data */
	size_t line;		/* its length */
	int64_t rows;
	char *schema, *table;
	char last;		/* byte before this one */
	bool in_data;		/* dumptext_end(): it stopped inside COPY */
};

void dumptext_take(struct dumptext *t, const void *bytes, size_t n);
void dumptext_end(struct dumptext *t);
void dumptext_release(struct dumptext *t);

/* The identifier at *s, unquoted, behind out; *s is moved behind it. */
bool dumptext_ident(const char **s, struct buf *out);
/* The string literal at *s ('..' or E'..'). */
bool dumptext_literal(const char **s, struct buf *out);

#endif
