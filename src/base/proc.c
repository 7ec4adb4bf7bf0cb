#include "base/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/text.h"
#include "base/vec.h"

/* A small file of /proc, read in one go. */
static bool
slurp(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t r = -1;

	if (fd >= 0)
		while ((r = io_read_some(fd, out, 4096)) > 0 && out->n < 1 << 20)
			;
	io_close(&fd);
	return r == 0;
}

const char *
proc_boot_id(void)
{
	static char id[40];
	struct buf b = BUF_INIT;

	if (id[0] == '\0') {
		if (slurp("/proc/sys/kernel/random/boot_id", &b) && b.n >= 36)
			(void)snprintf(id, sizeof id, "%.36s", b.p);
		else
			(void)snprintf(id, sizeof id, "unknown");
		buf_release(&b);
	}
	return id;
}

/* Parent and start time of a process; the name may hold spaces and brackets. */
static bool
read_stat(pid_t pid, pid_t *ret_parent, int64_t *ret_start, char *ret_state)
{
	char path[64], *s;
	struct buf b = BUF_INIT;
	long parent = 0;
	uint64_t start = 0;
	bool ok = false;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	if (slurp(path, &b) && (s = strrchr(b.p, ')')) != NULL)
		ok = sscanf(s + 1, " %c %ld %*s %*s %*s %*s %*s %*s %*s %*s "
		    "%*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64, ret_state,
		    &parent, &start) == 3;
	*ret_parent = (pid_t)parent;
	*ret_start = (int64_t)start;
	buf_release(&b);
	return ok;
}

void
proc_program(char out[PROC_PROGRAM])
{
	ssize_t n = readlink("/proc/self/exe", out, PROC_PROGRAM - 1);
	struct stat own, there;

	if (n > 0)
		out[n] = '\0';
	/* the kernel writes " (deleted)" behind what is gone */
	if (n <= 0 || stat("/proc/self/exe", &own) != 0 ||
	    stat(out, &there) != 0 || own.st_dev != there.st_dev ||
	    own.st_ino != there.st_ino)
		(void)snprintf(out, PROC_PROGRAM, "/proc/%d/exe",
		    (int)getpid());
}

bool
proc_of(pid_t pid, struct proc_id *ret)
{
	pid_t parent;
	char state;

	memset(ret, 0, sizeof *ret);
	(void)snprintf(ret->boot, sizeof ret->boot, "%s", proc_boot_id());
	ret->pid = pid;
	return pid > 1 && read_stat(pid, &parent, &ret->start, &state);
}

void
proc_self(struct proc_id *ret)
{
	(void)proc_of(getpid(), ret);
}

bool
proc_alive(const struct proc_id *id)
{
	pid_t parent;
	int64_t start;
	char state;

	return id->pid > 1 && strcmp(id->boot, proc_boot_id()) == 0 &&
	    read_stat(id->pid, &parent, &start, &state) &&
	    start == id->start && state != 'Z' && state != 'X';
}

bool
proc_signal(const struct proc_id *id, int sig)
{
	return proc_alive(id) && kill(id->pid, sig) == 0;
}

struct family {
	pid_t pid, parent;
	bool below;
};

size_t
proc_signal_below(pid_t top, int sig)
{
	VEC(struct family) all = { 0 };
	DIR *d = opendir("/proc");
	struct dirent *de;
	size_t hit = 0;

	while (d != NULL && (de = readdir(d)) != NULL) {
		int64_t pid, start;
		pid_t parent;
		char state;

		if (!isdigit((unsigned char)de->d_name[0]) ||
		    !text_int(de->d_name, 2, INT32_MAX, &pid) ||
		    !read_stat((pid_t)pid, &parent, &start, &state) ||
		    state == 'Z' || state == 'X')
			continue;
		VEC_PUSH(&all, ((struct family){ (pid_t)pid, parent, false }));
	}
	if (d != NULL)
		(void)closedir(d);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < all.n; i++) {
			struct family *f = &all.v[i];

			if (f->below)
				continue;
			for (size_t k = 0; k < all.n && !f->below; k++)
				f->below = all.v[k].below &&
				    all.v[k].pid == f->parent;
			f->below = f->below || f->parent == top;
			more = more || f->below;
		}
	}
	for (size_t i = 0; i < all.n; i++)
		if (all.v[i].below && all.v[i].pid != getpid() &&
		    (sig == 0 || kill(all.v[i].pid, sig) == 0))
			hit++;
	VEC_RELEASE(&all);
	return hit;
}

static void
name_of(pid_t pid, struct buf *out)
{
	char path[64];
	struct buf b = BUF_INIT;

	(void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
	if (slurp(path, &b) && b.n > 0) {
		for (size_t i = 0; i + 1 < b.n; i++)
			if (b.p[i] == '\0')
				b.p[i] = ' ';
		char *slash = memrchr(b.p, '/', strcspn(b.p, " "));
		const char *s = slash != NULL ? slash + 1 : b.p;

		text_clean(out, s, strnlen(s, 40), TEXT_LINE);
	}
	buf_release(&b);
}

bool
proc_flock_holder(int fd, struct buf *out)
{
	struct stat st;
	struct buf b = BUF_INIT;
	char want[64], *line, *save = NULL;
	bool found = false, nameless;

	if (fstat(fd, &st) != 0 || !slurp("/proc/locks", &b))
		goto out;
	(void)snprintf(want, sizeof want, "%02x:%02x:%ju", major(st.st_dev),
	    minor(st.st_dev), (uintmax_t)st.st_ino);
	/* btrfs and overlay tell each side another device of major 0 */
	nameless = major(st.st_dev) == 0;
	for (line = strtok_r(b.p, "\n", &save); line != NULL && !found;
	    line = strtok_r(NULL, "\n", &save)) {
		char type[16], where[64];
		size_t skip = nameless ? strlen("00:00") : 0;
		long pid;

		if (strstr(line, "->") != NULL ||
		    sscanf(line, "%*s %15s %*s %*s %ld %63s", type, &pid,
		    where) != 3 || strcmp(type, "FLOCK") != 0 ||
		    strlen(where) < skip ||
		    strcmp(where + skip, want + skip) != 0)
			continue;
		buf_printf(out, "pid %ld (", pid);
		name_of((pid_t)pid, out);
		buf_ch(out, ')');
		found = true;
	}
out:
	buf_release(&b);
	return found;
}
