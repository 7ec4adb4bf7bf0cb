/*
 * reader: a program of ours that is fed bytes and must like them to their end
 * (pg_restore, tar), while what it says is read: neither side can wait for the
 * other for ever.
 *
 *	struct reader r = READER_INIT;
 *	r.out = take; r.ctx = &text;
 *	ok = reader_start(&r, argv, &e) && reader_feed(&r, p, n, &e) &&
 *	    reader_end(&r, &e);		true: it ended; r.exit says how
 *	reader_release(&r);		also ends what still runs
 *
 * It gets a clean environment (LC_ALL=C, nothing of PG*), since its words are read.
 */
#ifndef BACKUP_READER_H
#define BACKUP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct reader {
	void (*out)(void *ctx, const char *p, size_t n);	/* NULL: dropped */
	bool (*cancelled)(void *ctx);	/* NULL: never */
	void *ctx, *cancel_ctx;
	int keep;			/* a descriptor that it gets; 0: none */

	const char *name;
	pid_t pid;
	int in, from, errfd;
	struct buf said;		/* its standard error, as far as kept */
	struct buf piece;
	bool refused;			/* it closed its input early */
	int exit;			/* 0..255, 128 + signal; -1: not yet */
};
#define READER_INIT { .pid = -1, .in = -1, .from = -1, .errfd = -1, .exit = -1 }

/* input false: nothing is fed, it reads files. */
bool reader_start(struct reader *r, const char *const *argv, bool input,
    struct err *e);
/* False: it hangs, or somebody cancelled. A refusal is no failure here. */
bool reader_feed(struct reader *r, const void *p, size_t n, struct err *e);
bool reader_end(struct reader *r, struct err *e);
/* The line of standard error that says why, or its exit. */
void reader_why(const struct reader *r, struct buf *out);
void reader_release(struct reader *r);

/* One that needs no input, to its end. */
bool reader_run(struct reader *r, const char *const *argv, struct err *e);

#endif
