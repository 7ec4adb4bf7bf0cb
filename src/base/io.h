/*
 * io: the one place that knows about EINTR, short reads and short writes.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

bool io_write_all(int fd, const void *p, size_t n);	/* errno on failure */
bool io_pwrite_all(int fd, const void *p, size_t n, int64_t at);
/* Reads up to n bytes, less only at the end; -1 on error. */
ssize_t io_read_full(int fd, void *p, size_t n);
ssize_t io_pread_full(int fd, void *p, size_t n, int64_t at);
/* One read into b; 0 at the end, -1 with EAGAIN when nothing is there. */
ssize_t io_read_some(int fd, struct buf *b, size_t max);
/* Waits until fd is readable or the deadline (monotonic) passes: 1, 0, -1. */
int io_wait_readable(int fd, int64_t deadline_ms);
void io_close(int *fd);					/* and sets it to -1 */
/* Descriptors 0-2 are open, whatever we were started with. */
void io_guard_std(void);

#endif
