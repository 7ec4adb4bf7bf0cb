#include "base/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { POOL_BLOCK = 16 * 1024 };

struct pool_block {
	struct pool_block *next;
	size_t used, size;
	_Alignas(16) char data[];
};

void *
pool_alloc(struct pool *p, size_t n)
{
	struct pool_block *b = p->blocks;

	n = (n + 15) & ~(size_t)15;
	if (b == NULL || b->size - b->used < n) {
		size_t size = n > POOL_BLOCK ? n : POOL_BLOCK;

		b = xcalloc(1, sizeof *b + size);
		b->size = size;
		b->next = p->blocks;
		p->blocks = b;
	}
	void *at = b->data + b->used;
	b->used += n;
	return at;
}

char *
pool_strn(struct pool *p, const char *s, size_t n)
{
	char *t = pool_alloc(p, n + 1);

	memcpy(t, s, n);
	return t;
}

char *
pool_str(struct pool *p, const char *s)
{
	return pool_strn(p, s, strlen(s));
}

char *
pool_printf(struct pool *p, const char *fmt, ...)
{
	char *s, *t;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
	t = pool_str(p, s);
	free(s);
	return t;
}

void
pool_release(struct pool *p)
{
	while (p->blocks != NULL) {
		struct pool_block *b = p->blocks;

		p->blocks = b->next;
		free(b);
	}
}
