/*
 * The filer of libssh2. Writes slide: up to 2 MB are under way, since waiting for
 * each answer costs a round trip per 30 KB. A server takes no more than 2 MB
 * before it answers, and that for each channel: where a round trip is long, a
 * large file gets several channels of the one connection, its lanes. Each writes
 * a block, and takes the next one when all of it is acknowledged, since libssh2
 * can only then be told of another place in the file.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "place/conn.h"

enum {
	LANES = 1 + CONN_MORE,
	BLOCK = 4 << 20,
	LARGE = 4 << 20,	/* from here on lanes are worth their opening */
	FAR_MS = 10,		/* a round trip this long is */
};

/* Just under the channel's window of OpenSSH, 2 MiB: once that is used up
 * libssh2 looks at no answers before there is room for all that it was offered,
 * which on a slow link is longer than anybody waits. */
enum { OFFER = 66 * 30000, WINDOW = OFFER + (256 << 10) };

struct lane {
	LIBSSH2_SFTP_HANDLE *h;
	struct buf block;
	int64_t at;			/* of the block in the file */
	size_t acked;
};

struct handle {
	struct conn *c;
	LIBSSH2_SFTP_HANDLE *h;
	int64_t trip_ms;		/* that opening it took */
	int64_t size;			/* offered so far */
	bool alone;			/* it gets no lanes */
	struct lane lanes[LANES];	/* the first one's handle is h */
	size_t n_lanes;			/* 0: not yet */
	struct buf next;		/* a block that is not yet full */
	int64_t next_at;
	struct err why;			/* it failed while others were served */
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

static bool settle(struct place_file *f, struct err *e);

/* A request that libssh2 has sent in part must be sent whole before another one
 * begins, and it does not tell: so whoever is writing gets its answers first. */
static void
make_way(struct conn *c, const struct place_file *f)
{
	struct place_file *w = c->writer;

	c->writer = NULL;
	if (w && w != f && !c->broken)
		(void)settle(w, &((struct handle *)w->handle)->why);
}

static struct conn *
ready(struct place *p, struct err *e)
{
	struct conn *c = conn_of(p, soon(), e);
	int64_t until = soon();

	if (c != NULL)
		make_way(c, NULL);
	if (c != NULL && c->broken)
		c = conn_of(p, soon(), e);
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
ftp_open(struct place_file *f, const char *path, enum place_open how,
    unsigned mode, int64_t offset, struct err *e)
{
	static const unsigned long flags_of[] = {
		[PLACE_READS] = LIBSSH2_FXF_READ,
		[PLACE_MAKES] = LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT |
		    LIBSSH2_FXF_EXCL,
		[PLACE_GOES_ON] = LIBSSH2_FXF_WRITE,
	};
	struct conn *c = ready(f->p, e);
	bool makes = how == PLACE_MAKES;
	int64_t until = soon(), began = clock_mono_ms();
	struct handle *x;

	if (c == NULL)
		return false;
	x = f->handle = xcalloc(1, sizeof *x);
	x->c = c;
	c->refs++;
	RETRY_PTR(c, until, x->h, libssh2_sftp_open_ex(c->sftp, path,
	    (unsigned)strlen(path), flags_of[how], (long)mode,
	    LIBSSH2_SFTP_OPENFILE), e);
	if (x->h == NULL)
		return fail(c, makes ? "make" : "open", path, makes ? path :
		    NULL, e);
	x->trip_ms = clock_mono_ms() - began;
	x->size = offset;
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
		size_t n = f->window.n - f->window_at;
		ssize_t w = libssh2_sftp_write(x->h, f->window.p +
		    f->window_at, n < OFFER ? n : OFFER);

		if (w > 0) {
			f->window_at += (size_t)w;
			until = soon();
		} else if (w != LIBSSH2_ERROR_EAGAIN)
			return fail_write(f, e);
		else if (!conn_wait(x->c, until, e))
			return false;
	}
	if (f->window_at > WINDOW || f->window_at == f->window.n) {
		buf_drop(&f->window, f->window_at);
		f->window_at = 0;
	}
	return true;
}

/* OpenSSH's server writes wherever in the file it is told to; of others, some of
 * which keep their files far from any disk, that is not known. */
static bool
may_widen(const struct handle *x)
{
	const char *banner = libssh2_session_banner_get(x->c->s);

	return banner && strncmp(banner, "SSH-2.0-OpenSSH", 15) == 0;
}

/* As many lanes as the server lets us have: perhaps none. */
static bool
widen(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;
	struct err quiet = ERR_INIT;
	int64_t until = soon();
	size_t n = 1;

	x->alone = true;
	if (!may_widen(x))
		return true;
	if (!slide(f, 0, e))
		return false;
	for (; n < LANES && quiet.kind == ERR_NONE; n++) {
		LIBSSH2_SFTP **more = &x->c->more[n - 1];

		if (*more == NULL)
			RETRY_PTR(x->c, until, *more, libssh2_sftp_init(
			    x->c->s), &quiet);
		if (*more == NULL)
			break;
		RETRY_PTR(x->c, until, x->lanes[n].h, libssh2_sftp_open_ex(
		    *more, f->path, (unsigned)strlen(f->path),
		    LIBSSH2_FXF_WRITE, 0, LIBSSH2_SFTP_OPENFILE), &quiet);
		if (x->lanes[n].h == NULL)
			break;
	}
	if (x->c->broken) {
		if (e && quiet.kind != ERR_NONE)
			*e = quiet;
		return conn_fail(x->c, e, "cannot write");
	}
	x->lanes[0].h = x->h;
	x->n_lanes = n > 1 ? n : 0;
	x->next_at = x->size;
	return true;
}

/* Whatever can move on any lane. */
static bool
push_lanes(struct place_file *f, bool *moved, struct err *e)
{
	struct handle *x = f->handle;

	for (size_t i = 0; i < x->n_lanes; i++) {
		struct lane *l = &x->lanes[i];

		while (l->acked < l->block.n) {
			size_t n = l->block.n - l->acked;
			ssize_t w = libssh2_sftp_write(l->h, l->block.p +
			    l->acked, n < OFFER ? n : OFFER);

			if (w == LIBSSH2_ERROR_EAGAIN)
				break;
			if (w < 0)
				return fail_write(f, e);
			l->acked += (size_t)w;
			*moved = true;
		}
	}
	return true;
}

/* Until a lane is free, or all of them are; NULL: e. */
static struct lane *
free_lane(struct place_file *f, bool all, struct err *e)
{
	struct handle *x = f->handle;
	int64_t until = soon();

	for (;;) {
		struct lane *idle = NULL;
		size_t n = 0;
		bool moved = false;

		if (!push_lanes(f, &moved, e))
			return NULL;
		for (size_t i = 0; i < x->n_lanes; i++)
			if (x->lanes[i].acked == x->lanes[i].block.n) {
				idle = &x->lanes[i];
				n++;
			}
		if (n > 0 && (!all || n == x->n_lanes))
			return idle;
		if (moved)
			until = soon();
		if (!conn_wait(x->c, until, e))
			return NULL;
	}
}

static bool
send_block(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;
	struct lane *l = free_lane(f, false, e);
	struct buf empty;
	bool moved = false;

	if (l == NULL)
		return false;
	empty = l->block;
	l->block = x->next;
	l->acked = 0;
	l->at = x->next_at;
	x->next = empty;
	buf_clear(&x->next);
	libssh2_sftp_seek64(l->h, (libssh2_uint64_t)x->next_at);
	x->next_at += (int64_t)l->block.n;
	return push_lanes(f, &moved, e);
}

/* Every answer to what is under way. */
static bool
settle(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;

	return x->n_lanes == 0 ? slide(f, 0, e) : free_lane(f, true, e) != NULL;
}

/* It is f's turn; false: f failed when it was not. */
static bool
take_turn(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;

	if (x->why.kind != ERR_NONE) {
		if (e)
			*e = x->why;
		return false;
	}
	make_way(x->c, f);
	x->c->writer = f->writes ? f : NULL;
	return true;
}

static bool
ftp_write(struct place_file *f, const char *s, size_t n, struct err *e)
{
	struct handle *x = f->handle;

	if (!take_turn(f, e))
		return false;
	while (n > 0) {
		size_t part = n < WINDOW / 8 ? n : WINDOW / 8;

		if (!x->alone && x->size >= LARGE && x->trip_ms >= FAR_MS &&
		    !widen(f, e))
			return false;
		if (x->n_lanes > 0 && part > BLOCK - x->next.n)
			part = BLOCK - x->next.n;
		buf_add(x->n_lanes > 0 ? &x->next : &f->window, s, part);
		s += part;
		n -= part;
		x->size += (int64_t)part;
		if (x->n_lanes == 0 ? !slide(f, WINDOW, e) :
		    x->next.n == BLOCK && !send_block(f, e))
			return false;
	}
	return true;
}

/* All that was written is acknowledged, and only the first handle is open. */
static bool
finish_lanes(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;

	if ((x->next.n > 0 && !send_block(f, e)) || !settle(f, e))
		return false;
	for (size_t i = 1; i < LANES; i++) {
		close_handle(x->c, x->lanes[i].h);
		x->lanes[i].h = NULL;
	}
	return !x->c->broken || conn_fail(x->c, e, "cannot write");
}

static bool
ftp_flush(struct place_file *f, struct err *e)
{
	struct handle *x = f->handle;

	return take_turn(f, e) && (x->next.n == 0 || send_block(f, e)) &&
	    settle(f, e);
}

/* Lanes run ahead of each other: what counts is what has no gap before it. */
static int64_t
ftp_acknowledged(const struct place_file *f)
{
	const struct handle *x = f->handle;
	int64_t low = x->next_at;

	if (x->n_lanes == 0)
		return f->at - (int64_t)(f->window.n - f->window_at);
	for (size_t i = 0; i < x->n_lanes; i++) {
		const struct lane *l = &x->lanes[i];

		if (l->acked < l->block.n && l->at + (int64_t)l->acked < low)
			low = l->at + (int64_t)l->acked;
	}
	return low;
}

static ssize_t
ftp_read(struct place_file *f, void *s, size_t n, struct err *e)
{
	struct handle *x = f->handle;
	int64_t until = soon();
	ssize_t r;

	if (!take_turn(f, e))
		return -1;
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

	if (!take_turn(f, e))
		return false;
	if (f->writes) {
		if (!finish_lanes(f, e))
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
	if (x->c->writer == f)
		x->c->writer = NULL;
	else
		make_way(x->c, f);
	/* With requests under way libssh2 cannot close: a new connection. */
	if (f->window.n > f->window_at)
		x->c->broken = true;
	for (size_t i = 0; i < x->n_lanes; i++)
		if (x->lanes[i].acked < x->lanes[i].block.n)
			x->c->broken = true;
	for (size_t i = 1; i < LANES; i++)
		close_handle(x->c, x->lanes[i].h);
	close_handle(x->c, x->h);
	for (size_t i = 0; i < LANES; i++)
		buf_release(&x->lanes[i].block);
	buf_release(&x->next);
	conn_unref(x->c);
	free(x);
	f->handle = NULL;
}

const struct place_filer place_filer_sftp = { ftp_stat, ftp_list, ftp_mkdir,
	ftp_rename, ftp_remove, ftp_rmdir, ftp_room, ftp_open, ftp_write,
	ftp_read, ftp_close, ftp_drop, ftp_flush, ftp_acknowledged };
