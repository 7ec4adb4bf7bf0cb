/*
 * passline: a password file with another password in it, as bytes. Pure.
 *
 *	struct passline who = { "arp-db", 5432, "arp", "backup" };
 *	if (passline_set(text.p, text.n, &who, password, &out, &how, &e))
 *		... out is the file as it should be ...
 *
 * Every other line stays as it is, with its order, its comments and its line ends.
 * The first line that fits counts (that is how libpq reads it): one that is for
 * exactly this login gets the new password; above one with a * in it a line of its
 * own is put; where none fits it comes last.
 */
#ifndef PG_PASSLINE_H
#define PG_PASSLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct passline {
	const char *host;		/* NULL: the local socket */
	int port;			/* 0: 5432 */
	const char *dbname, *user;
};

enum passline_how { PASSLINE_SAME, PASSLINE_CHANGED, PASSLINE_ABOVE,
	PASSLINE_ADDED };

/* ERR_USAGE: no line can hold such a password, or such a name. */
bool passline_set(const char *p, size_t n, const struct passline *who,
    const char *password, struct buf *out, enum passline_how *ret_how,
    struct err *e);
/* Of those bytes, as libpq would find it; the number of its line, or 0. ret is
 * zeroed by the caller. */
size_t passline_find(const char *p, size_t n, const struct passline *who,
    struct buf *ret);

#endif
