/*
 * appender: what the program that is killed shares with the one that kills it.
 */
#ifndef TESTS_RECORD_APPENDER_H
#define TESTS_RECORD_APPENDER_H

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "record/journal.h"

enum { ACKNOWLEDGED = JOURNAL_DONE + 1, PHASES_SIZE = 4096 };
enum { ACK = 64, ACKS_MAX = 1 << 15 };	/* text of each, how many */

/* A file as memory: what is stored there survives any death of the process. */
static inline void *
map_shared(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *p = MAP_FAILED;

	if (fd >= 0 && (lseek(fd, 0, SEEK_END) == (off_t)size ||
	    ftruncate(fd, (off_t)size) == 0))
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("cannot map '%s'", path);
	(void)close(fd);
	return p;
}

static inline char *
map_acks(const char *path)
{
	return map_shared(path, ACK * ACKS_MAX);
}

static inline size_t
count_acks(const char *acks)
{
	size_t n = 0;

	while (n < ACKS_MAX && acks[n * ACK] != '\0')
		n++;
	return n;
}

#endif
