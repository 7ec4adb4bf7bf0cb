#include "cleanup/opened.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/vec.h"

struct held {
	uint64_t dev, ino;
	pid_t pid;
};

struct opened {
	VEC(struct held) v;
	size_t hidden;
	int64_t at;
	char said[80];
};

enum { MAPS_MAX = 16 << 20 };

static int
by_file(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

static void
add(struct opened *o, uint64_t dev, uint64_t ino, pid_t pid)
{
	VEC_PUSH(&o->v, ((struct held){ dev, ino, pid }));
}

/* False: it does not let us look. */
static bool
look_fds(struct opened *o, int proc, pid_t pid)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *d;
	struct stat st;

	if (dir == NULL) {
		io_close(&fd);
		return false;
	}
	while ((d = readdir(dir)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]) &&
		    fstatat(dirfd(dir), d->d_name, &st, 0) == 0 &&
		    S_ISREG(st.st_mode))
			add(o, st.st_dev, st.st_ino, pid);
	(void)closedir(dir);
	return true;
}

/* "7f..-7f.. r--p 00000000 fd:01 1234 /path" */
static void
look_maps(struct opened *o, int proc, pid_t pid)
{
	int fd = openat(proc, "maps", O_RDONLY | O_CLOEXEC);
	struct buf b = BUF_INIT;

	while (fd >= 0 && b.n < MAPS_MAX && io_read_some(fd, &b, 65536) > 0)
		;
	for (const char *line = b.p; line != NULL && *line != '\0';) {
		const char *at = line, *nl = strchr(line, '\n');
		unsigned long major, minor;
		uint64_t ino;
		char *end;

		for (int k = 0; k < 3 && at != NULL; k++)
			at = strchr(at + (k > 0), ' ');
		if (at != NULL && (nl == NULL || at < nl)) {
			major = strtoul(at, &end, 16);
			minor = *end == ':' ? strtoul(end + 1, &end, 16) : 0;
			ino = strtoull(end, NULL, 10);
			if (ino != 0)
				add(o, makedev((unsigned)major,
				    (unsigned)minor), ino, pid);
		}
		line = nl != NULL ? nl + 1 : NULL;
	}
	io_close(&fd);
	buf_release(&b);
}

struct opened *
opened_look(void)
{
	struct opened *o = xcalloc(1, sizeof *o);
	DIR *dir = opendir("/proc");
	const struct dirent *d;

	o->at = clock_mono_ms();
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		int proc;

		if (pid <= 0 || pid == getpid())
			continue;
		proc = openat(dirfd(dir), d->d_name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		if (look_fds(o, proc, pid))
			look_maps(o, proc, pid);
		else if (errno != ENOENT && errno != ESRCH)
			o->hidden++;
		io_close(&proc);
	}
	if (dir != NULL)
		(void)closedir(dir);
	else
		o->hidden = 1;
	if (o->v.n > 1)
		qsort(o->v.v, o->v.n, sizeof *o->v.v, by_file);
	return o;
}

const char *
opened_by(const struct opened *o, uint64_t dev, uint64_t ino)
{
	struct held want = { dev, ino, 0 };
	const struct held *h = o->v.n == 0 ? NULL : bsearch(&want, o->v.v,
	    o->v.n, sizeof want, by_file);
	char path[40], name[32] = "";
	int fd;

	if (h == NULL)
		return NULL;
	(void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)h->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = io_read_full(fd, name, sizeof name - 1);

		name[n > 0 ? n : 0] = '\0';
		name[strcspn(name, "\n")] = '\0';
	}
	io_close(&fd);
	(void)snprintf(((struct opened *)(uintptr_t)o)->said, sizeof o->said,
	    "pid %ld (%s)", (long)h->pid, *name ? name : "?");
	return o->said;
}

const char *
opened_below(const struct opened *o, const char *path)
{
	char *dirs[] = { xstrdup(path), NULL };
	const char *who = NULL;
	FTSENT *x;
	FTS *all = fts_open(dirs, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);

	while (who == NULL && all != NULL && (x = fts_read(all)) != NULL)
		if (x->fts_info == FTS_F)
			who = opened_by(o, x->fts_statp->st_dev,
			    x->fts_statp->st_ino);
	if (all != NULL)
		(void)fts_close(all);
	free(dirs[0]);
	return who;
}

size_t
opened_hidden(const struct opened *o)
{
	return o->hidden;
}

int64_t
opened_at(const struct opened *o)
{
	return o->at;
}

void
opened_free(struct opened *o)
{
	if (o != NULL)
		VEC_RELEASE(&o->v);
	free(o);
}

enum opened_answer
opened_held(int fd)
{
	/* whoever wants to open it makes the kernel tell us, by a signal that
	 * would end us */
	(void)signal(SIGIO, SIG_IGN);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return OPENED_YES;
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
		return OPENED_NO;
	return errno == EAGAIN || errno == EBUSY ? OPENED_YES : OPENED_UNKNOWN;
}
