#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"

enum { RECORD = 512 };

bool
file_read(const char *path, struct buf *out, size_t limit, struct err *e)
{
	struct stat st;
	bool ok = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "cannot open '%s'", path);
	if (fstat(fd, &st) != 0) {
		err_sys(e, "cannot look at '%s'", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_USAGE, "'%s' is not a regular file", path);
		goto out;
	}
	for (;;) {
		ssize_t r = io_read_some(fd, out, 64 * 1024);

		if (r < 0) {
			err_sys(e, "cannot read '%s'", path);
			goto out;
		}
		if (r == 0)
			break;
		if (out->n > limit) {
			err_set(e, ERR_USAGE, "'%s' is larger than %zu bytes",
			    path, limit);
			goto out;
		}
	}
	ok = true;
out:
	io_close(&fd);
	return ok;
}

static char *
dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

bool
file_sync_dir(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);

	if (!ok)
		err_sys(e, "cannot make '%s' durable", path);
	io_close(&fd);
	return ok;
}

bool
file_replace(const char *path, const void *p, size_t n, mode_t mode,
    struct err *e)
{
	char *tmp = xprintf("%s.tmp.%ld", path, (long)getpid());
	char *dir = dir_of(path);
	bool ok = false;
	int fd;

	(void)unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, mode) != 0 || !io_write_all(fd, p, n) ||
	    fsync(fd) != 0) {
		err_sys(e, "cannot write '%s'", path);
		goto out;
	}
	if (rename(tmp, path) != 0) {
		err_sys(e, "cannot put '%s' in its place", path);
		goto out;
	}
	ok = file_sync_dir(dir, e);
out:
	if (!ok && fd >= 0)
		(void)unlink(tmp);
	io_close(&fd);
	free(tmp);
	free(dir);
	return ok;
}

/* A file without a name until all of it is there, so that a kill leaves
 * nothing; where the file system has none, one with a name of its own. */
static int
nameless(const char *dir, char **tmp, const char *path)
{
	int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	*tmp = NULL;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR &&
	    errno != ENOENT && errno != EINVAL))
		return fd;
	*tmp = xprintf("%s.tmp.%ld", path, (long)getpid());
	(void)unlink(*tmp);
	return open(*tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static bool
give_name(int fd, const char *tmp, const char *path)
{
	char self[64];

	if (tmp != NULL)
		return renameat2(AT_FDCWD, tmp, AT_FDCWD, path,
		    RENAME_NOREPLACE) == 0 || (errno == EINVAL &&
		    link(tmp, path) == 0 && unlink(tmp) == 0);
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ||
	    (errno == ENOENT && linkat(fd, "", AT_FDCWD, path,
	    AT_EMPTY_PATH) == 0);
}

bool
file_create(const char *path, const void *p, size_t n, mode_t mode,
    struct err *e)
{
	char *tmp = NULL, *dir = dir_of(path);
	int fd = nameless(dir, &tmp, path);
	bool ok = false;

	if (fd < 0 || fchmod(fd, mode) != 0 || !io_write_all(fd, p, n) ||
	    fsync(fd) != 0)
		err_sys(e, "cannot write '%s'", path);
	else if (!give_name(fd, tmp, path)) {
		if (errno == EEXIST)
			err_set(e, ERR_GUARD, "'%s' is there already", path);
		else
			err_sys(e, "cannot put '%s' in its place", path);
	} else
		ok = file_sync_dir(dir, e);
	if (!ok && tmp != NULL && fd >= 0)
		(void)unlink(tmp);
	io_close(&fd);
	free(tmp);
	free(dir);
	return ok;
}

bool
file_record(int fd, const struct buf *text, size_t min, struct err *e)
{
	struct buf rec = BUF_INIT;
	bool ok;

	buf_add(&rec, text->p, text->n);
	size_t size = (rec.n + 1 + RECORD - 1) / RECORD * RECORD;
	if (size < min)
		size = min;
	buf_fill(&rec, ' ', size - 1 - rec.n);
	buf_ch(&rec, '\n');
	ok = io_pwrite_all(fd, rec.p, rec.n, 0);
	if (!ok)
		err_sys(e, "cannot write a record");
	buf_release(&rec);
	return ok;
}

bool
file_mkdir(const char *path, mode_t mode, struct err *e)
{
	struct stat st;

	if (mkdir(path, 0700) == 0) {
		if (chmod(path, mode) != 0)
			return err_sys(e, "cannot set the mode of '%s'", path);
		return true;
	}
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	return err_sys(e, "cannot make the directory '%s'", path);
}

bool
file_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char *up;
	bool ok = true;

	if (file_is_dir(path))
		return true;
	up = dir_of(path);
	if (strcmp(up, path) != 0 && strcmp(up, ".") != 0)
		ok = file_mkdirs(up, 0755, e);
	free(up);
	return ok && file_mkdir(path, mode, e);
}

bool
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool
file_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
remove_below(int dirfd, const char *name, struct err *e)
{
	int fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d;
	struct dirent *de;
	bool ok = true;

	if (fd < 0 || (d = fdopendir(fd)) == NULL) {
		io_close(&fd);
		return err_sys(e, "cannot open '%s'", name);
	}
	while (ok && (de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, de->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EISDIR || errno == EPERM)
			ok = remove_below(fd, de->d_name, e);
		else
			ok = err_sys(e, "cannot remove '%s'", de->d_name);
	}
	(void)closedir(d);
	if (ok && unlinkat(dirfd, name, AT_REMOVEDIR) != 0)
		ok = err_sys(e, "cannot remove '%s'", name);
	return ok;
}

bool
file_remove_tree(const char *path, struct err *e)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return true;
	return remove_below(AT_FDCWD, path, e);
}

char *
file_join(const char *dir, const char *name)
{
	return xprintf("%s/%s", dir, name);
}

bool
file_reserve(int fd, int64_t at, int64_t n)
{
	int r;

	do
		r = fallocate(fd, FALLOC_FL_KEEP_SIZE, at, n);
	while (r != 0 && errno == EINTR);
	return r == 0;
}

static long
fs_type(int fd)
{
	struct statfs sf;

	return fstatfs(fd, &sf) == 0 ? (long)sf.f_type : 0;
}

bool
file_cow(int fd)
{
	long type = fs_type(fd);

	return type == BTRFS_SUPER_MAGIC || type == 0x2fc12fc1L /* zfs */ ||
	    type == (long)0xca451a4eL /* bcachefs */;
}

void
file_nocow(int fd)
{
	int flags = 0;

	if (!file_cow(fd) || ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return;
	flags |= FS_NOCOW_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

bool
file_volatile(int fd)
{
	long type = fs_type(fd);

	return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}
