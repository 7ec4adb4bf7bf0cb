/*
 * buf: bytes that grow. Never NULL, always terminated, may hold NULs.
 *
 *	struct buf b = BUF_INIT;
 *	buf_printf(&b, "%d", 7);
 *	puts(b.p);
 *	buf_release(&b);
 *
 * A zeroed struct is valid for release and for adding; b.p is only safe to read
 * after BUF_INIT or the first addition.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *p;
	size_t n, cap;
};

extern char buf_empty[1];
#define BUF_INIT { buf_empty, 0, 0 }

void buf_grow(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_ch(struct buf *b, char c);
void buf_fill(struct buf *b, char c, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_cut(struct buf *b, size_t n);		/* keep the first n bytes */
void buf_drop(struct buf *b, size_t n);		/* drop the first n bytes */
void buf_clear(struct buf *b);
char *buf_detach(struct buf *b);		/* caller frees */
void buf_release(struct buf *b);

#endif
