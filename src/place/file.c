/* The functions for files, and the filer of this host. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/sha.h"
#include "base/text.h"
#include "place/intern.h"

static bool
here_fail(struct err *e, const char *what, const char *path)
{
	int sys = errno;

	if (sys == ENOENT)
		err_set(e, ERR_NOTFOUND, "there is no '%s'", path);
	else
		err_sys(e, "cannot %s '%s'", what, path);
	if (e)
		e->sys_errno = sys;
	return false;
}

static bool
here_stat(struct place *p, const char *path, struct place_stat *ret,
    struct err *e)
{
	struct stat st;

	(void)p;
	if (lstat(path, &st) != 0)
		return here_fail(e, "look at", path);
	*ret = (struct place_stat){ .size = st.st_size, .mtime = st.st_mtime,
		.mode = st.st_mode & 07777u, .is_file = S_ISREG(st.st_mode),
		.is_dir = S_ISDIR(st.st_mode), .is_link = S_ISLNK(st.st_mode) };
	return true;
}

static bool
here_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	if (d == NULL)
		return here_fail(e, "list", dir);
	while ((de = readdir(d)) != NULL) {
		struct place_stat st = { 0 };
		char *path;

		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		path = file_join(dir, de->d_name);
		if (here_stat(p, path, &st, NULL))	/* it may have gone */
			*VEC_NEW(&ret->entries) = (struct place_entry){
				xstrdup(de->d_name), st };
		free(path);
	}
	(void)closedir(d);
	return true;
}

static bool
here_mkdir(struct place *p, const char *path, unsigned mode, struct err *e)
{
	(void)p;
	return mkdir(path, mode) == 0 || here_fail(e, "make", path);
}

static bool
here_rename(struct place *p, const char *from, const char *to, struct err *e)
{
	(void)p;
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ||
	    here_fail(e, "rename", from);
}

static bool
here_remove(struct place *p, const char *path, struct err *e)
{
	(void)p;
	return unlink(path) == 0 || here_fail(e, "remove", path);
}

static bool
here_rmdir(struct place *p, const char *path, struct err *e)
{
	(void)p;
	return rmdir(path) == 0 || here_fail(e, "remove", path);
}

/* Read-only by what only the mounts say. */
static bool
here_failed(const char *path)
{
	char real[PATH_MAX];
	struct buf mounts = BUF_INIT;
	bool ro;

	ro = realpath(path, real) != NULL &&
	    file_read("/proc/self/mountinfo", &mounts, 1 << 20, NULL) &&
	    place_mounted_read_only(mounts.p, real);
	buf_release(&mounts);
	return ro;
}

static bool
here_room(struct place *p, const char *path, struct place_room *ret,
    struct err *e)
{
	struct statvfs v;
	struct stat st;

	(void)p;
	if (statvfs(path, &v) != 0)
		return here_fail(e, "look at the disk of", path);
	place_room_of(&(struct place_statfs){ v.f_blocks, v.f_bfree, v.f_bavail,
		v.f_frsize, v.f_files, v.f_ffree, v.f_favail }, ret);
	ret->read_only = (v.f_flag & ST_RDONLY) != 0 || here_failed(path);
	ret->fs = v.f_fsid;
	if (ret->fs == 0 && stat(path, &st) == 0)
		ret->fs = st.st_dev;
	return true;
}

static bool
here_open(struct place_file *f, const char *path, enum place_open how,
    unsigned mode, int64_t offset, struct err *e)
{
	f->fd = how == PLACE_READS ? open(path, O_RDONLY | O_CLOEXEC) :
	    open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW |
	    (how == PLACE_MAKES ? O_CREAT | O_EXCL : 0), mode);
	if (f->fd < 0 || (offset && lseek(f->fd, offset, SEEK_SET) < 0))
		return here_fail(e, how == PLACE_MAKES ? "make" : "open", path);
	return true;
}

static bool
here_write(struct place_file *f, const char *s, size_t n, struct err *e)
{
	return io_write_all(f->fd, s, n) || here_fail(e, "write", f->path);
}

static ssize_t
here_read(struct place_file *f, void *s, size_t n, struct err *e)
{
	ssize_t r = io_read_full(f->fd, s, n);

	if (r < 0)
		here_fail(e, "read", f->path);
	return r;
}

static bool
here_close(struct place_file *f, struct err *e)
{
	if (f->writes && fsync(f->fd) != 0)
		return here_fail(e, "write", f->path);
	return true;
}

/* On its way to the disk, so that the end need not wait for all of it. */
static bool
here_flush(struct place_file *f, struct err *e)
{
	(void)e;
	(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return true;
}

static void
here_drop(struct place_file *f)
{
	io_close(&f->fd);
}

const struct place_filer place_filer_here = { here_stat, here_list, here_mkdir,
	here_rename, here_remove, here_rmdir, here_room, here_open, here_write,
	here_read, here_close, here_drop, here_flush, NULL };

/* --- for all of them ---------------------------------------------------- */

static bool
told(bool ok, const struct place *p, struct err *e)
{
	return ok || err_wrap(e, "%s", place_name(p));
}

bool
place_stat(struct place *p, const char *path, struct place_stat *ret,
    struct err *e)
{
	return told(p->filer->stat(p, path, ret, e), p, e);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct place_entry *)a)->name,
	    ((const struct place_entry *)b)->name);
}

bool
place_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e)
{
	*ret = (struct place_list){ 0 };
	if (!told(p->filer->list(p, dir, ret, e), p, e)) {
		place_list_release(ret);
		return false;
	}
	if (ret->entries.n > 0)
		qsort(ret->entries.v, ret->entries.n, sizeof *ret->entries.v,
		    by_name);
	return true;
}

void
place_list_release(struct place_list *l)
{
	for (size_t i = 0; i < l->entries.n; i++)
		free(l->entries.v[i].name);
	VEC_RELEASE(&l->entries);
}

bool
place_mkdir(struct place *p, const char *path, unsigned mode, struct err *e)
{
	return told(p->filer->mkdir(p, path, mode, e), p, e);
}

bool
place_rename(struct place *p, const char *from, const char *to, struct err *e)
{
	return told(p->filer->rename(p, from, to, e), p, e);
}

bool
place_remove(struct place *p, const char *path, struct err *e)
{
	return told(p->filer->remove(p, path, e), p, e);
}

bool
place_rmdir(struct place *p, const char *path, struct err *e)
{
	return told(p->filer->rmdir(p, path, e), p, e);
}

static int64_t
product(uint64_t n, uint64_t unit)
{
	if (unit != 0 && n > INT64_MAX / unit)
		return INT64_MAX;
	return (int64_t)(n * unit);
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void
place_room_of(const struct place_statfs *v, struct place_room *ret)
{
	*ret = (struct place_room){
		.total = product(v->blocks, v->unit),
		.free = product(v->bavail, v->unit),
		.used = product(less(v->blocks, v->bfree), v->unit),
		.reserved = product(less(v->bfree, v->bavail), v->unit),
		.inodes = product(v->files, 1),
		.inodes_free = product(v->favail, 1),
		.inodes_used = product(less(v->files, v->ffree), 1) };
}

int
place_percent(int64_t used, int64_t left)
{
	int64_t all = INT64_MAX - used > left ? used + left : INT64_MAX;

	if (all <= 0)
		return 100;
	if (all > INT64_MAX / 200)	/* so rounding does not matter */
		return (int)(used / (all / 100));
	return (int)((used * 100 + all - 1) / all);
}

bool
place_room(struct place *p, const char *path, struct place_room *ret,
    struct err *e)
{
	return told(p->filer->room(p, path, ret, e), p, e);
}

static struct place_file *
file_open(struct place *p, const char *path, enum place_open how, unsigned mode,
    int64_t offset, struct err *e)
{
	struct place_file *f = xcalloc(1, sizeof *f);

	f->p = p;
	f->path = xstrdup(path);
	f->writes = how != PLACE_READS;
	f->at = offset;
	f->fd = -1;
	if (told(p->filer->open(f, path, how, mode, offset, e), p, e))
		return f;
	place_file_drop(f);
	return NULL;
}

struct place_file *
place_create(struct place *p, const char *path, unsigned mode, struct err *e)
{
	return file_open(p, path, PLACE_MAKES, mode, 0, e);
}

struct place_file *
place_continue(struct place *p, const char *path, int64_t offset,
    struct err *e)
{
	struct place_stat st;

	if (!place_stat(p, path, &st, e))
		return NULL;
	if (!st.is_file || st.size < offset) {
		(void)told(err_set(e, ERR_INTEGRITY, "'%s' is no longer what"
		    " it was: %lld bytes of %lld are there", path, st.is_file ?
		    (long long)st.size : 0, (long long)offset), p, e);
		return NULL;
	}
	return file_open(p, path, PLACE_GOES_ON, 0, offset, e);
}

struct place_file *
place_read_open(struct place *p, const char *path, int64_t offset,
    struct err *e)
{
	return file_open(p, path, PLACE_READS, 0, offset, e);
}

bool
place_file_write(struct place_file *f, const void *s, size_t n, struct err *e)
{
	f->at += (int64_t)n;
	return told(f->p->filer->write(f, s, n, e), f->p, e);
}

bool
place_file_flush(struct place_file *f, struct err *e)
{
	return f->p->filer->flush == NULL ||
	    told(f->p->filer->flush(f, e), f->p, e);
}

int64_t
place_file_acknowledged(const struct place_file *f)
{
	if (f->p->filer->acknowledged != NULL)
		return f->p->filer->acknowledged(f);
	return f->at;
}

ssize_t
place_file_read(struct place_file *f, void *s, size_t n, struct err *e)
{
	ssize_t r = f->p->filer->read(f, s, n, e);

	(void)told(r >= 0, f->p, e);
	return r;
}

bool
place_file_close(struct place_file *f, struct err *e)
{
	bool ok = told(f->p->filer->close(f, e), f->p, e);

	place_file_drop(f);
	return ok;
}

void
place_file_drop(struct place_file *f)
{
	if (f == NULL)
		return;
	f->p->filer->drop(f);
	buf_release(&f->window);
	buf_release(&f->io.out);
	buf_release(&f->io.err);
	free(f->path);
	free(f);
}

bool
place_put(struct place *p, int fd, const char *path, unsigned mode,
    int64_t *ret_n, struct err *e)
{
	struct place_file *f = place_create(p, path, mode, e);
	const size_t room = 256 << 10;
	char *s = xmalloc(room);
	bool ok = f != NULL;
	ssize_t r = 1;

	*ret_n = 0;
	while (ok && (r = io_read_full(fd, s, room)) > 0) {
		ok = place_go_on(p, INT64_MAX, e) &&
		    place_file_write(f, s, (size_t)r, e);
		*ret_n += r;
	}
	if (ok && r < 0)
		ok = err_sys(e, "cannot read what is to become '%s'", path);
	if (ok)
		ok = place_file_close(f, e);
	else
		place_file_drop(f);
	free(s);
	return ok;
}

bool
place_get(struct place *p, const char *path, int fd, int64_t *ret_n,
    struct err *e)
{
	struct place_file *f = place_read_open(p, path, 0, e);
	const size_t room = 256 << 10;
	char *s = xmalloc(room);
	bool ok = f != NULL;
	ssize_t r = -1;

	*ret_n = 0;
	while (ok && (r = place_file_read(f, s, room, e)) > 0) {
		ok = place_go_on(p, INT64_MAX, e);
		if (ok && !io_write_all(fd, s, (size_t)r))
			ok = err_sys(e, "cannot write what came from '%s'",
			    path);
		*ret_n += r;
	}
	place_file_drop(f);
	free(s);
	return ok && r == 0;
}

/* Where there is no sha256sum the bytes come here. */
bool
place_hash(struct place *p, const char *path, char hex[65],
    int64_t deadline_ms, struct err *e)
{
	char full[PATH_MAX];
	const char *argv[] = { "sha256sum", full, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err quiet = ERR_INIT;
	struct place_file *f = NULL;
	char s[64 << 10];
	struct sha sha;
	ssize_t r = -1;
	bool ok;

	snprintf(full, sizeof full, "%s%s", *path == '/' ? "" : "./", path);
	ok = place_do(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = deadline_ms }, &ran, &quiet) && ran.out.n > 65;
	if (ok)	/* a backslash comes first when the name is odd */
		snprintf(hex, 65, "%.64s", ran.out.p + (*ran.out.p == '\\'));
	place_ran_release(&ran);
	if (ok || quiet.kind == ERR_CANCELLED || quiet.kind == ERR_TIMEOUT) {
		if (!ok && e)
			*e = quiet;
		return ok;
	}
	f = place_read_open(p, path, 0, e);
	if (f == NULL)
		return false;
	sha_init(&sha);
	while ((r = place_file_read(f, s, sizeof s, e)) > 0) {
		sha_add(&sha, s, (size_t)r);
		if (!place_go_on(p, place_until(deadline_ms), e)) {
			r = -1;
			break;
		}
	}
	sha_hex(&sha, hex);
	place_file_drop(f);
	return r == 0;
}
