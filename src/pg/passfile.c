#include "pg/intern.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "pg/passline.h"

enum { PASSFILE_MAX = 4 << 20 };

static void
zero_and_release(struct buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

static void
full_path(struct buf *out, const char *path)
{
	const char *home = getenv("HOME");

	if (path == NULL)
		path = "~/.pgpass";
	if (path[0] != '~' || path[1] != '/') {
		buf_str(out, path);
		return;
	}
	if (home == NULL || home[0] == '\0') {
		/* one thread; and only where there is no HOME */
		const struct passwd *pw = getpwuid(geteuid());

		home = pw != NULL ? pw->pw_dir : "";
	}
	buf_printf(out, "%s%s", home, path + 1);
}

/* Into memory that never moves, so that no copy of a password stays behind. */
static bool
read_all(int fd, const char *path, off_t size, struct buf *b, struct err *e)
{
	ssize_t n;

	if (size > PASSFILE_MAX)
		return err_set(e, ERR_USAGE, "the password file '%s' is larger "
		    "than %d MB", path, PASSFILE_MAX >> 20);
	buf_grow(b, (size_t)size + 2);
	n = io_read_full(fd, b->p, (size_t)size + 1);
	if (n < 0)
		return err_sys(e, "cannot read the password file '%s'", path);
	b->n = (size_t)n;
	b->p[b->n] = '\0';
	if (n > size) {
		err_set(e, ERR_FAILED, "the password file '%s' grew while it "
		    "was read", path);
		return err_hint(e, "Try again.");
	}
	return true;
}

/* libpq ignores such a file with a warning; here it is said why. */
static bool
may_use(const struct stat *st, const char *path, struct err *e)
{
	if (!S_ISREG(st->st_mode)) {
		err_set(e, ERR_USAGE, "the password file '%s' is not a "
		    "regular file", path);
		return err_hint(e, "Name a file of mode 600.");
	}
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return true;
	err_set(e, ERR_GUARD, "the password file '%s' is open to others (mode "
	    "%04o), so it is not used", path, (unsigned)st->st_mode & 07777u);
	return err_hint(e, "Say: chmod 600 %s", path);
}

static bool
load(const char *path, struct buf *b, struct err *e)
{
	struct stat st;
	bool ok;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		err_set(e, ERR_NOTFOUND, "there is no password file '%s'", path);
		return err_hint(e, "Make it with a line "
		    "host:port:database:user:password, mode 600.");
	}
	if (fd < 0)
		return err_sys(e, "cannot open the password file '%s'", path);
	if (fstat(fd, &st) != 0)
		ok = err_sys(e, "cannot look at the password file '%s'", path);
	else
		ok = may_use(&st, path, e) &&
		    read_all(fd, path, st.st_size, b, e);
	io_close(&fd);
	return ok;
}

bool
pg_passfile_line(const char *path, const char *host, int port,
    const char *dbname, const char *user, struct buf *ret,
    struct buf *ret_line, struct err *e)
{
	struct buf full = BUF_INIT, b = BUF_INIT;
	bool ok = false;
	size_t line;

	if (host == NULL || host[0] == '\0' || strcmp(host, PG_SOCKET_DIR) == 0)
		host = "localhost";
	full_path(&full, path);
	buf_clear(ret);
	if (!load(full.p, &b, e))
		goto out;
	line = passline_find(b.p, b.n, &(struct passline){ host, port, dbname,
	    user }, ret);
	ok = line > 0 && ret->n > 0;
	buf_printf(ret_line, "line %zu of '%s'", line, full.p);
	if (line == 0) {
		err_set(e, ERR_NOTFOUND, "no line of '%s' is for %s:%d:%s:%s",
		    full.p, host, port ? port : PG_PORT, dbname ? dbname : "",
		    user ? user : "");
		err_hint(e, "Add one; a : or \\ in any part is written with a "
		    "backslash before it.");
	} else if (!ok) {
		err_set(e, ERR_NOTFOUND, "%s is for it, and its password is "
		    "empty", ret_line->p);
		err_hint(e, "The first line that fits counts; put the password "
		    "there.");
	}
out:
	zero_and_release(&b);
	buf_release(&full);
	return ok;
}

bool
pg_passfile(const char *path, const char *host, int port, const char *dbname,
    const char *user, struct buf *ret, struct err *e)
{
	struct buf line = BUF_INIT;
	bool ok = pg_passfile_line(path, host, port, dbname, user, ret, &line,
	    e);

	buf_release(&line);
	return ok;
}
