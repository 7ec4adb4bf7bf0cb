/*
 * hide: what looks like a secret in words of others. The first net is that ours never
 * get there (and mask.h knows those by heart); this one is for what other people's
 * programs write into their logs and command lines: passwords in settings, options,
 * addresses, statements and lines of password files, tokens, verifiers.
 *
 *	hide_secrets(&b, line, n);	-> "PGPASSWORD=*** pg_dump otc"
 */
#ifndef BASE_HIDE_H
#define BASE_HIDE_H

#include <stddef.h>

#include "base/buf.h"

/* Adds the text, with *** in its place; how many there were. */
size_t hide_secrets(struct buf *out, const char *p, size_t n);

#endif
