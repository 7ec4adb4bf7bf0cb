/*
 * sha: SHA-256, at once or as bytes come.
 */
#ifndef BASE_SHA_H
#define BASE_SHA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { SHA_BYTES = 32, SHA_HEX = 65 };

struct sha {
	void *ctx;
};

void sha_init(struct sha *s);
void sha_add(struct sha *s, const void *p, size_t n);
void sha_hex(struct sha *s, char out[SHA_HEX]);		/* and releases */
void sha_release(struct sha *s);
void sha_of(const void *p, size_t n, char out[SHA_HEX]);
bool sha_of_file(const char *path, char out[SHA_HEX], int64_t *ret_size,
    struct err *e);
const char *sha_library(void);	/* OpenSSL's version at run time */

#endif
