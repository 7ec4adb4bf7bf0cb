/* The filer of libssh2. Writes slide: up to 4 MB are under way, since waiting
 * for each answer costs a round trip per 30 KB. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "place/conn.h"

struct handle {
	struct conn *c;
	LIBSSH2_SFTP_HANDLE *h;
};

static int64_t
soon(void)
{
	return clock_mono_ms() + 30000;
}

/* A function that returns a pointer, again until it has it. */
#define RETRY_PTR(c, until, ptr, call, e)				\
	do {								\
		(ptr) = (call);						\
	} while ((ptr) == NULL && libssh2_session_last_errno((c)->s) ==	\
	    LIBSSH2_ERROR_EAGAIN && conn_wait(c, until, e))

static struct conn *
ready(struct place *p, struct err *e)
{
	struct conn *c = conn_of(p, soon(), e);
	int64_t until = soon();

	if (c == NULL)
		return NULL;
	if (c->sftp == NULL)
		RETRY_PTR(c, until, c->sftp, libssh2_sftp_init(c->s), e);
	if (c->sftp)
		return c;
	conn_fail(c, e, "it offers no SFTP");
	return NULL;
}

/* Is there no room left where path is? */
static bool
full(struct conn *c, const char *path)
{
	struct err quiet = ERR_INIT;
	LIBSSH2_SFTP_STATVFS v;
	char dir[PATH_MAX], *slash;
	int64_t until = soon();
	int rc;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	else
		snprintf(dir, sizeof dir, ".");
	CONN_RETRY(c, until, rc, libssh2_sftp_statvfs(c->sftp, dir,
	    strlen(dir), &v), &quiet);
	return rc == 0 && v.f_blocks > 0 && (v.f_bavail * v.f_frsize < 65536 ||
	    (v.f_files > 0 && v.f_favail == 0));
}

static bool
exists(struct conn *c, const char *path)
{
	struct err quiet = ERR_INIT;
	LIBSSH2_SFTP_ATTRIBUTES a;
	int64_t until = soon();
	int rc;

	CONN_RETRY(c, until, rc, libssh2_sftp_stat_ex(c->sftp, path,
	    (unsigned)strlen(path), LIBSSH2_SFTP_LSTAT, &a), &quiet);
	return rc == 0;
}

/* A full disk, and a name that is taken, both come as "failure": look. */
static bool
fail(struct conn *c, const char *what, const char *path, const char *target,
    struct err *e)
{
	unsigned long code = 0;

	if (e && e->kind != ERR_NONE)
		return false;
	if (libssh2_session_last_errno(c->s) != LIBSSH2_ERROR_SFTP_PROTOCOL)
		return conn_fail(c, e, what);
	code = libssh2_sftp_last_error(c->sftp);
	if (code == LIBSSH2_FX_NO_SUCH_FILE)
		return err_set(e, ERR_NOTFOUND, "there is no '%s'", path);
	errno = code == LIBSSH2_FX_PERMISSION_DENIED ? EACCES :
	    code != LIBSSH2_FX_FAILURE ? 0 :
	    target && exists(c, target) ? EEXIST : full(c, path) ? ENOSPC : 0;
	if (errno != 0)
		return err_sys(e, "cannot %s '%s'", what, path);
	return err_set(e, ERR_FAILED, "cannot %s '%s': the server says %lu",
	    what, path, code);
}

static void
attributes(const LIBSSH2_SFTP_ATTRIBUTES *a, struct place_stat *ret)
{
	unsigned mode = (unsigned)a->permissions;

	*ret = (struct place_stat){ .size = (int64_t)a->filesize,
		.mtime = (int64_t)a->mtime, .mode = mode & 07777u,
		.is_file = S_ISREG(mode), .is_dir = S_ISDIR(mode),
		.is_link = S_ISLNK(mode) };
}

static bool
ftp_stat(struct place *p, const char *path, struct place_stat *ret,
    struct err *e)
{
	struct conn *c = ready(p, e);
	LIBSSH2_SFTP_ATTRIBUTES a;
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	CONN_RETRY(c, until, rc, libssh2_sftp_stat_ex(c->sftp, path,
	    (unsigned)strlen(path), LIBSSH2_SFTP_LSTAT, &a), e);
	if (rc != 0)
		return fail(c, "look at", path, NULL, e);
	attributes(&a, ret);
	return true;
}

static void
close_handle(struct conn *c, LIBSSH2_SFTP_HANDLE *h)
{
	struct err quiet = ERR_INIT;
	int64_t until = soon();
	int rc;

	if (h && c->broken)	/* fails, and frees what it holds */
		(void)libssh2_sftp_close_handle(h);
	else if (h)
		CONN_RETRY(c, until, rc, libssh2_sftp_close_handle(h), &quiet);
}

static bool
ftp_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e)
{
	struct conn *c = ready(p, e);
	LIBSSH2_SFTP_HANDLE *h;
	LIBSSH2_SFTP_ATTRIBUTES a;
	char name[1024];
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	RETRY_PTR(c, until, h, libssh2_sftp_open_ex(c->sftp, dir,
	    (unsigned)strlen(dir), 0, 0, LIBSSH2_SFTP_OPENDIR), e);
	if (h == NULL)
		return fail(c, "list", dir, NULL, e);
	for (;;) {
		CONN_RETRY(c, until, rc, libssh2_sftp_readdir_ex(h, name,
		    sizeof name - 1, NULL, 0, &a), e);
		if (rc <= 0)
			break;
		name[rc] = '\0';
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		struct place_entry *one = VEC_NEW(&ret->entries);
		one->name = xstrdup(name);
		attributes(&a, &one->st);
	}
	if (rc < 0)
		fail(c, "list", dir, NULL, e);
	close_handle(c, h);
	return rc == 0;
}

static bool
ftp_mkdir(struct place *p, const char *path, unsigned mode, struct err *e)
{
	struct conn *c = ready(p, e);
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	CONN_RETRY(c, until, rc, libssh2_sftp_mkdir_ex(c->sftp, path,
	    (unsigned)strlen(path), (long)mode), e);
	return rc == 0 || fail(c, "make", path, path, e);
}

/* Without flags: SFTP 3 knows none, and what OpenSSH's server does for the
 * plain request never replaces. */
static bool
ftp_rename(struct place *p, const char *from, const char *to, struct err *e)
{
	struct conn *c = ready(p, e);
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	CONN_RETRY(c, until, rc, libssh2_sftp_rename_ex(c->sftp, from,
	    (unsigned)strlen(from), to, (unsigned)strlen(to), 0), e);
	return rc == 0 || fail(c, "rename", from, to, e);
}

static bool
ftp_remove(struct place *p, const char *path, struct err *e)
{
	struct conn *c = ready(p, e);
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	CONN_RETRY(c, until, rc, libssh2_sftp_unlink_ex(c->sftp, path,
	    (unsigned)strlen(path)), e);
	return rc == 0 || fail(c, "remove", path, NULL, e);
}

static bool
ftp_rmdir(struct place *p, const char *path, struct err *e)
{
	struct conn *c = ready(p, e);
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	CONN_RETRY(c, until, rc, libssh2_sftp_rmdir_ex(c->sftp, path,
	    (unsigned)strlen(path)), e);
	return rc == 0 || fail(c, "remove", path, NULL, e);
}

static bool
ftp_room(struct place *p, const char *path, struct place_room *ret,
    struct err *e)
{
	struct conn *c = ready(p, e);
	LIBSSH2_SFTP_STATVFS v;
	int64_t until = soon();
	int rc;

	if (c == NULL)
		return false;
	CONN_RETRY(c, until, rc, libssh2_sftp_statvfs(c->sftp, path,
	    strlen(path), &v), e);
	if (rc != 0)
		return fail(c, "look at the disk of", path, NULL, e);
	place_room_of(&(struct place_statfs){ v.f_blocks, v.f_bfree, v.f_bavail,
		v.f_frsize, v.f_files, v.f_ffree, v.f_favail }, ret);
	ret->read_only = (v.f_flag & LIBSSH2_SFTP_ST_RDONLY) != 0;
	ret->fs = v.f_fsid;
	return true;
}

static bool
ftp_open(struct place_file *f, const char *path, bool write, unsigned mode,
    int64_t offset, struct err *e)
{
	struct conn *c = ready(f->p, e);
	unsigned long flags = write ? LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT |
	    LIBSSH2_FXF_EXCL : LIBSSH2_FXF_READ;
	int64_t until = soon();
	struct handle *x;

	if (c == NULL)
		return false;
	x = f->handle = xcalloc(1, sizeof *x);
	x->c = c;
	c->refs++;
	RETRY_PTR(c, until, x->h, libssh2_sftp_open_ex(c->sftp, path,
	    (unsigned)strlen(path), flags, (long)mode, LIBSSH2_SFTP_OPENFILE),
	    e);
	if (x->h == NULL)
		return fail(c, write ? "make" : "open", path, write ? path :
		    NULL, e);
	if (offset > 0)
		libssh2_sftp_seek64(x->h, (libssh2_uint64_t)offset);
	return true;
}

/* libssh2 forgets the rest of a request that it has sent in part, so after a
 * failed write this connection is out of step: another one asks why. */
static bool
fail_write(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;
	struct err quiet = ERR_INIT;
	bool refused = libssh2_session_last_errno(x->c->s) ==
	    LIBSSH2_ERROR_SFTP_PROTOCOL;
	struct conn *c;

	x->c->broken = true;
	c = refused ? ready(f->p, &quiet) : NULL;
	if (c && full(c, f->path)) {
		errno = ENOSPC;
		return err_sys(e, "cannot write '%s'", f->path);
	}
	return refused ? err_set(e, ERR_FAILED, "cannot write '%s': the server"
	    " refused", f->path) : conn_fail(x->c, e, "cannot write");
}

/* Offers the window again and drops what was acknowledged, until no more than
 * `most` bytes are under way. */
static bool
slide(struct place_file *f, size_t most, struct err *e)
{
	struct handle *x = f->handle;
	int64_t until = soon();

	while (f->window.n - f->window_at > most) {
		ssize_t w = libssh2_sftp_write(x->h, f->window.p +
		    f->window_at, f->window.n - f->window_at);

		if (w > 0) {
			f->window_at += (size_t)w;
			until = soon();
		} else if (w != LIBSSH2_ERROR_EAGAIN)
			return fail_write(f, e);
		else if (!conn_wait(x->c, until, e))
			return false;
	}
	if (f->window_at > PLACE_WINDOW || f->window_at == f->window.n) {
		buf_drop(&f->window, f->window_at);
		f->window_at = 0;
	}
	return true;
}

static bool
ftp_write(struct place_file *f, const char *s, size_t n, struct err *e)
{
	while (n > 0) {
		size_t part = n < PLACE_WINDOW / 4 ? n : PLACE_WINDOW / 4;

		buf_add(&f->window, s, part);
		s += part;
		n -= part;
		if (!slide(f, PLACE_WINDOW, e))
			return false;
	}
	return true;
}

static ssize_t
ftp_read(struct place_file *f, void *s, size_t n, struct err *e)
{
	struct handle *x = f->handle;
	int64_t until = soon();
	ssize_t r;

	CONN_RETRY(x->c, until, r, libssh2_sftp_read(x->h, s, n), e);
	if (r >= 0)
		return r;
	fail(x->c, "read", f->path, NULL, e);
	return -1;
}

static bool
ftp_close(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;
	int64_t until = soon();
	int rc;

	if (f->writes) {
		if (!slide(f, 0, e))
			return false;
		CONN_RETRY(x->c, until, rc, libssh2_sftp_fsync(x->h), e);
		/* A server without the extension: nothing better to be had. */
		if (rc != 0 && (rc != LIBSSH2_ERROR_SFTP_PROTOCOL ||
		    libssh2_sftp_last_error(x->c->sftp) !=
		    LIBSSH2_FX_OP_UNSUPPORTED))
			return fail(x->c, "write", f->path, NULL, e);
	}
	CONN_RETRY(x->c, until, rc, libssh2_sftp_close_handle(x->h), e);
	x->h = NULL;
	return rc == 0 || fail(x->c, "close", f->path, NULL, e);
}

static void
ftp_drop(struct place_file *f)
{
	struct handle *x = f->handle;

	if (x == NULL)
		return;
	/* With requests under way libssh2 cannot close: a new connection. */
	if (f->window.n > f->window_at)
		x->c->broken = true;
	close_handle(x->c, x->h);
	conn_unref(x->c);
	free(x);
	f->handle = NULL;
}

const struct place_filer place_filer_sftp = { ftp_stat, ftp_list, ftp_mkdir,
	ftp_rename, ftp_remove, ftp_rmdir, ftp_room, ftp_open, ftp_write,
	ftp_read, ftp_close, ftp_drop };
