#include "cleanup/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "cleanup/guard.h"

enum { OPENED_MS = 2000, PASSWD_MAX = 4 << 20 };

struct seen {
	struct clean_id id;
	uint64_t mount;
	mode_t mode;
	bool mount_root;
};

/* What is behind a name (or, "", a descriptor), never through a link. */
static bool
see(int dir, const char *name, struct seen *ret)
{
	struct statx x;
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT |
	    (*name == '\0' ? AT_EMPTY_PATH : 0);

	if (statx(dir, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, &x) != 0)
		return false;
	*ret = (struct seen){ .mode = x.stx_mode, .mount = x.stx_mnt_id,
		.mount_root = (x.stx_attributes_mask & x.stx_attributes &
		    STATX_ATTR_MOUNT_ROOT) != 0,
		.id = { makedev(x.stx_dev_major, x.stx_dev_minor), x.stx_ino,
		    x.stx_nlink, (int64_t)x.stx_size, x.stx_mtime.tv_sec,
		    x.stx_mtime.tv_nsec } };
	return true;
}

static int
open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
}

/* An absolute path without links, each step by the descriptor of the last. */
static int
open_root(const char *path, struct err *e)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	char *copy = xstrdup(path), *rest = copy, *name;

	while (fd >= 0 && (name = strsep(&rest, "/")) != NULL) {
		if (*name == '\0')
			continue;
		next = open_dir(fd, name);
		io_close(&fd);
		fd = next;
	}
	if (fd < 0)
		err_sys(e, "cannot open '%s'", path);
	free(copy);
	return fd;
}

/* ---- what lies in it -------------------------------------------------------------- */

struct walk {
	struct tree *t;
	uint64_t mount;
};

static bool walk_dir(struct walk *w, int fd, const char *sub, int depth,
    struct err *e);

static bool
walk_one(struct walk *w, int fd, const char *sub, const char *name, int depth,
    struct err *e)
{
	char *path = *sub != '\0' ? file_join(sub, name) : xstrdup(name);
	struct tree_entry *x;
	struct seen s;
	bool ok = true;
	int below;

	if (!see(fd, name, &s)) {
		ok = errno == ENOENT ||
		    err_sys(e, "cannot look at '%s'", path);
		free(path);
		return ok;
	}
	if (w->t->v.n >= TREE_MAX) {
		free(path);
		return err_set(e, ERR_GUARD, "it holds more than %d things",
		    TREE_MAX);
	}
	x = VEC_NEW(&w->t->v);
	*x = (struct tree_entry){ .path = path, .id = s.id,
		.mounted = s.mount_root || s.mount != w->mount ||
		    s.id.dev != w->t->root.dev,
		.type = S_ISREG(s.mode) ? 'f' : S_ISDIR(s.mode) ? 'd' :
		    S_ISLNK(s.mode) ? 'l' : 'o' };
	if (x->type != 'd' || x->mounted)
		return true;
	below = open_dir(fd, name);
	if (below < 0)
		x->type = 'x';		/* not to be looked into */
	else
		ok = walk_dir(w, below, path, depth + 1, e);
	return ok;
}

/* Closes fd. */
static bool
walk_dir(struct walk *w, int fd, const char *sub, int depth, struct err *e)
{
	DIR *dir = depth > TREE_DEPTH ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool ok = true;

	if (dir == NULL) {
		io_close(&fd);
		return err_set(e, ERR_GUARD, "'%s' is too deep", sub);
	}
	while (ok && (d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			ok = walk_one(w, dirfd(dir), sub, d->d_name, depth, e);
	(void)closedir(dir);
	return ok;
}

/* Is it in a directory of PostgreSQL's, however far down? */
static bool
below_data(const char *real)
{
	char *path = xstrdup(real);
	bool found = false;

	while (!found && *path != '\0') {
		char *file = file_join(path, "PG_VERSION");
		char *slash = strrchr(path, '/');

		found = access(file, F_OK) == 0;
		free(file);
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	free(path);
	return found;
}

static void
find_homes(struct tree *t)
{
	struct buf b = BUF_INIT;
	const char *home = getenv("HOME");

	if (home != NULL && home[0] == '/' && home[1] != '\0')
		t->homes[t->n_homes++] = xstrdup(home);
	if (file_read("/etc/passwd", &b, PASSWD_MAX, NULL))
		t->n_homes = guard_homes(b.p, b.n, t->homes, t->n_homes,
		    sizeof t->homes / sizeof *t->homes);
	buf_release(&b);
}

bool
tree_look_here(struct tree *t, const char *path, struct err *e)
{
	struct walk w = { t, 0 };
	struct seen s;
	int fd;

	t->real = realpath(path, NULL);
	if (t->real == NULL)
		return err_set(e, errno == ENOENT ? ERR_NOTFOUND : ERR_SYS,
		    "cannot look at '%s': %s", path, strerror(errno));
	find_homes(t);
	t->never = guard_root(t->real, (const char *const *)t->homes,
	    t->n_homes);
	if (t->never == NULL && below_data(t->real))
		t->never = "it is in a data directory of PostgreSQL";
	if (t->never != NULL)
		return true;
	fd = open_root(t->real, e);
	if (fd < 0)
		return false;
	if (!see(fd, "", &s)) {
		err_sys(e, "cannot look at '%s'", t->real);
		io_close(&fd);
		return false;
	}
	t->root = s.id;
	w.mount = s.mount;
	t->opened = opened_look();
	return walk_dir(&w, fd, "", 0, e);
}

bool
tree_bytes(const struct clean_part *part, const char *path, int64_t offset,
    struct buf *out, struct err *e)
{
	char *full = file_join(part->path, path);
	struct place_file *f;
	char room[GUARD_HEAD];
	ssize_t n = 0;
	size_t got = 0;

	f = place_read_open(part->place, full, offset, e);
	while (f != NULL && got < sizeof room &&
	    (n = place_file_read(f, room + got, sizeof room - got, e)) > 0)
		got += (size_t)n;
	if (f != NULL)
		place_file_drop(f);
	buf_add(out, room, got);
	free(full);
	return f != NULL && n >= 0;
}

/* ---- removing ----------------------------------------------------------------------- */

static bool
surprise(struct err *e, const char *what)
{
	return err_set(e, ERR_GUARD, "%s", what);
}

static bool
same(const struct clean_id *a, const struct clean_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->nlink == b->nlink &&
	    a->size == b->size && a->mtime == b->mtime && a->nsec == b->nsec;
}

/* The folder that holds it, from the root down; *ret_name is its own name. */
static int
open_parent(const struct clean_part *part, const char *path,
    const char **ret_name, struct err *e)
{
	int fd = open_root(part->path, e), next;
	struct seen root, s;

	if (fd < 0 || !see(fd, "", &root)) {
		io_close(&fd);
		err_clear(e);
		surprise(e, "the way to it is not what it was");
		return -1;
	}
	if (root.id.dev != part->root.dev || root.id.ino != part->root.ino) {
		io_close(&fd);
		surprise(e, "the folder it is in is another one now");
		return -1;
	}
	for (const char *slash; (slash = strchr(path, '/')) != NULL;
	    path = slash + 1) {
		char *name = xstrndup(path, (size_t)(slash - path));

		next = strcmp(name, "..") == 0 ? -1 : open_dir(fd, name);
		io_close(&fd);
		fd = next;
		free(name);
		if (fd < 0) {
			surprise(e, "the way to it is not what it was");
			return -1;
		}
		if (!see(fd, "", &s) || s.mount != root.mount ||
		    s.id.dev != root.id.dev) {
			io_close(&fd);
			surprise(e, "the way to it leads into another mount");
			return -1;
		}
	}
	*ret_name = path;
	return fd;
}

static bool
nobody_has_it(int fd, const struct clean_id *id, struct opened **opened,
    struct err *e)
{
	enum opened_answer a = fd >= 0 ? opened_held(fd) : OPENED_UNKNOWN;
	const char *who;

	if (a == OPENED_NO)
		return true;
	if (*opened == NULL || a == OPENED_YES ||
	    clock_mono_ms() - opened_at(*opened) > OPENED_MS) {
		opened_free(*opened);
		*opened = opened_look();
	}
	who = opened_by(*opened, id->dev, id->ino);
	if (a == OPENED_YES || who != NULL)
		return err_set(e, ERR_GUARD, "it is open: %s", who != NULL ?
		    who : "by a process that cannot be seen from here");
	return true;
}

/* Its name for the moment between the last look and its end. */
static void
secret_name(char out[48])
{
	unsigned char r[12];

	if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
		die("no random bytes");
	(void)snprintf(out, 48, ".midwatch-going-");
	for (size_t i = 0; i < sizeof r; i++)
		(void)snprintf(out + 16 + 2 * i, 3, "%02x", r[i]);
}

static bool
remove_file(int dir, const char *name, const struct clean_id *id,
    struct err *e)
{
	char going[48];
	struct seen s;

	secret_name(going);
	if (renameat2(dir, name, dir, going, RENAME_NOREPLACE) != 0) {
		/* file systems that cannot promise that */
		if (errno != EINVAL && errno != ENOSYS)
			return errno == ENOENT ? surprise(e, "it is not there "
			    "any more") : err_sys(e, "cannot remove it");
		(void)snprintf(going, sizeof going, "%s", "");
	}
	if (!see(dir, *going ? going : name, &s) || !S_ISREG(s.mode) ||
	    !same(&s.id, id)) {
		if (*going && renameat2(dir, going, dir, name,
		    RENAME_NOREPLACE) != 0)
			return err_set(e, ERR_GUARD, "something else was put in "
			    "its place, and now has the name '%s'", going);
		return surprise(e, "something else was put in its place");
	}
	if (unlinkat(dir, *going ? going : name, 0) == 0)
		return true;
	err_sys(e, "cannot remove it");
	if (*going)
		(void)renameat2(dir, going, dir, name, RENAME_NOREPLACE);
	return false;
}

static bool
remove_folder(int dir, const char *name, const struct clean_id *id,
    const struct seen *s, struct err *e)
{
	if (!S_ISDIR(s->mode) || s->id.dev != id->dev || s->id.ino != id->ino)
		return surprise(e, "another folder was put in its place");
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return true;
	return errno == ENOTEMPTY || errno == EEXIST ?
	    surprise(e, "something new is in it") :
	    err_sys(e, "cannot remove it");
}

bool
tree_remove_here(const struct clean_part *part, struct clean_item *i,
    struct opened **opened, struct err *e)
{
	int dir, path = -1, fd = -1;
	const char *name;
	struct seen s, at;
	char proc[40];
	bool ok = false;

	dir = open_parent(part, i->what, &name, e);
	if (dir < 0)
		return false;
	if (!see(dir, name, &s))
		surprise(e, "it is not there any more");
	else if (s.mount_root)
		surprise(e, "another mount is there now");
	else if (i->kind == CLEAN_FOLDER)
		ok = remove_folder(dir, name, &i->id, &s, e);
	else if (!S_ISREG(s.mode) || !same(&s.id, &i->id))
		surprise(e, "it has changed since the plan was made");
	else {
		/* never by opening what may have become a device meanwhile */
		path = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (path < 0 || !see(path, "", &at) || !S_ISREG(at.mode) ||
		    !same(&at.id, &i->id))
			surprise(e, "it has changed since the plan was made");
		else {
			(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d",
			    path);
			fd = open(proc, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
			/* an own O_PATH counts for nothing */
			ok = nobody_has_it(fd, &i->id, opened, e) &&
			    remove_file(dir, name, &i->id, e);
		}
	}
	io_close(&fd);
	io_close(&path);
	io_close(&dir);
	return ok;
}
