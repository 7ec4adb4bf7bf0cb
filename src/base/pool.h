/*
 * pool: memory that is freed together. Loaded files (site, runbook) live in one
 * pool each, so that releasing them is one call and nobody owns single strings.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool_block;
struct pool {
	struct pool_block *blocks;
};

void *pool_alloc(struct pool *p, size_t n);		/* zeroed */
char *pool_str(struct pool *p, const char *s);
char *pool_strn(struct pool *p, const char *s, size_t n);
char *pool_printf(struct pool *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void pool_release(struct pool *p);

#endif
