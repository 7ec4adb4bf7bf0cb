#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

bool
io_write_all(int fd, const void *p, size_t n)
{
	const char *s = p;

	while (n > 0) {
		ssize_t w = write(fd, s, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		s += w;
		n -= (size_t)w;
	}
	return true;
}

bool
io_pwrite_all(int fd, const void *p, size_t n, int64_t at)
{
	const char *s = p;

	while (n > 0) {
		ssize_t w = pwrite(fd, s, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		s += w;
		at += w;
		n -= (size_t)w;
	}
	return true;
}

/* From at on; at -1: from where the descriptor is. */
static ssize_t
read_full(int fd, void *p, size_t n, int64_t at)
{
	size_t got = 0;

	while (got < n) {
		char *to = (char *)p + got;
		ssize_t r = at < 0 ? read(fd, to, n - got) :
		    pread(fd, to, n - got, at + (int64_t)got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

ssize_t
io_read_full(int fd, void *p, size_t n)
{
	return read_full(fd, p, n, -1);
}

ssize_t
io_pread_full(int fd, void *p, size_t n, int64_t at)
{
	return read_full(fd, p, n, at);
}

ssize_t
io_read_some(int fd, struct buf *b, size_t max)
{
	ssize_t r;

	buf_grow(b, max);
	do
		r = read(fd, b->p + b->n, max);
	while (r < 0 && errno == EINTR);
	if (r > 0) {
		b->n += (size_t)r;
		b->p[b->n] = '\0';
	}
	return r;
}

int
io_wait_readable(int fd, int64_t deadline_ms)
{
	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		if (left < 0)
			left = 0;
		if (left > INT_MAX)
			left = INT_MAX;
		int r = poll(&pfd, 1, (int)left);
		if (r < 0 && errno == EINTR)
			continue;
		return r;
	}
}

void
io_close(int *fd)
{
	int keep = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = keep;
}

void
io_guard_std(void)
{
	int fd;

	do	/* the lowest free one is what open() gives */
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		_exit(126);
	(void)close(fd);
}
