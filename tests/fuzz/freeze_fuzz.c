/*
 * Any bytes as the freeze flag: blanks alone are free, everything else holds; what
 * is said of it is one clean line, and what is written again is read the same.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "record/freeze.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static char dir[] = "/dev/shm/freeze-fuzz.XXXXXX";
static char path[64];

static void
leave(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

static bool
blank(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\0' || strchr(" \t\r\n\v\f", data[i]) == NULL)
			return false;
	return true;
}

static void
put(const uint8_t *data, size_t size)
{
	int fd;

	if (path[0] == '\0') {
		must(mkdtemp(dir) != NULL);
		(void)snprintf(path, sizeof path, "%s/freeze", dir);
		(void)atexit(leave);
	}
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && io_write_all(fd, data, size));
	io_close(&fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state state = { .dir = dir };
	struct freeze f, again;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;

	if (size > 60000)
		return 0;
	put(data, size);
	must(freeze_read(&state, &f, &e));
	if (blank(data, size))
		must(f.phase == FREEZE_OFF);
	else if (data[0] > ' ')
		must(f.phase != FREEZE_OFF);
	freeze_say(&f, 1739495280000, &b);
	must(strpbrk(b.p, "\n\r\033\x7f") == NULL && b.n < 4000);
	buf_release(&b);
	must(freeze_write(&state, &f, &e) && freeze_read(&state, &again, &e));
	must(again.phase == f.phase && again.since == (f.phase == FREEZE_OFF ?
	    0 : f.since));
	freeze_release(&f);
	freeze_release(&again);
	return 0;
}
