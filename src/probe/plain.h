/*
 * plain: lines of logs as a program may look at them and a person may read them.
 */
#ifndef PROBE_PLAIN_H
#define PROBE_PLAIN_H

#include <stddef.h>

#include "base/buf.h"

enum {
	PLAIN_MAX = 4000,	/* of a line; nobody's alarm is longer */
	PLAIN_SHOWN = 160,	/* of a line in a sentence */
};

/* The line without terminal's escape sequences; other control bytes are spaces,
 * so that it is a string. At most PLAIN_MAX bytes, without spaces at its end. */
void plain_line(struct buf *out, const char *s, size_t n);
/* The same made readable: one clean line of at most max bytes, with … where it
 * was cut, and without what looks like a secret. Caller frees. */
char *plain_show(const char *plain, size_t max);

/* Each line of p; stops when each() returns. */
void plain_each(const char *p, size_t n,
    void (*each)(void *ctx, const char *s, size_t n), void *ctx);

#endif
