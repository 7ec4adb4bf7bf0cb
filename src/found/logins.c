/* The lines of the password file, without the passwords. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "found/intern.h"

enum { FIELDS = 4, LINES_MAX = 2000, LOGINS_MAX = 500 };

struct reader {
	struct buf field[FIELDS];
	size_t at;		/* FIELDS: in the password, which is dropped */
	bool escaped, comment;
};

static void
end_line(struct found *f, struct reader *r, const char *path)
{
	int64_t port = 0;
	bool whole = r->at == FIELDS && !r->comment;

	for (size_t i = 0; whole && i < FIELDS; i++)
		whole = r->field[i].n > 0;
	if (whole && (strcmp(r->field[1].p, "*") == 0 ||
	    text_int(r->field[1].p, 1, 65535, &port))) {
		struct found_thing *t = found_add(f, FOUND_LOGIN);

		t->host = pool_str(&f->pool, r->field[0].p);
		t->port = port;
		t->name = pool_str(&f->pool, r->field[2].p);
		t->user = pool_str(&f->pool, r->field[3].p);
		t->path = path;
	}
	for (size_t i = 0; i < FIELDS; i++)
		buf_clear(&r->field[i]);
	r->at = 0;
	r->escaped = r->comment = false;
}

/* host:port:database:user:password, with \: and \\ */
static void
next_char(struct reader *r, char c)
{
	if (r->at == 0 && r->field[0].n == 0 && !r->escaped && c == '#')
		r->comment = true;
	if (r->at == FIELDS || r->comment)
		return;
	if (!r->escaped && c == '\\')
		r->escaped = true;
	else if (!r->escaped && c == ':')
		r->at++;
	else {
		r->escaped = false;
		if (c != '\0' && r->field[r->at].n < 1024)
			buf_ch(&r->field[r->at], c);
	}
}

/* Byte by byte out of one block that is wiped: no copy of a password stays. */
static bool
read_lines(struct found *f, int fd, const char *path)
{
	struct reader r = { 0 };
	char block[4096];
	ssize_t n;
	size_t lines = 0;

	while ((n = io_read_full(fd, block, sizeof block)) > 0)
		for (ssize_t i = 0; i < n && lines < LINES_MAX; i++)
			if (block[i] != '\n')
				next_char(&r, block[i]);
			else {
				end_line(f, &r, path);
				lines++;
			}
	end_line(f, &r, path);
	explicit_bzero(block, sizeof block);
	for (size_t i = 0; i < FIELDS; i++)
		buf_release(&r.field[i]);
	return n == 0;
}

/* The first LOGINS_MAX, and that there are more. */
static void
limit(struct found *f, const char *path)
{
	size_t kept = 0, logins = 0;

	for (size_t i = 0; i < f->things.n; i++)
		if (f->things.v[i].kind != FOUND_LOGIN ||
		    ++logins <= LOGINS_MAX)
			f->things.v[kept++] = f->things.v[i];
	f->things.n = kept;
	if (logins > LOGINS_MAX)
		found_note(f, "the password file '%s': only its first %d lines "
		    "were taken", path, LOGINS_MAX);
}

static const char *
path_of(struct found *f)
{
	const char *path = getenv("PGPASSFILE");
	char *full;

	if (text_empty(path))
		return found_home(f, ".pgpass");
	full = realpath(path, NULL);
	path = found_str(f, full != NULL ? full : path);
	free(full);
	return path;
}

void
look_logins(struct found *f)
{
	const char *path = path_of(f);
	struct stat st;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		if (errno != ENOENT)
			found_note(f, "the password file '%s': %s", path,
			    strerror(errno));
		return;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		found_note(f, "the password file '%s': not a regular file",
		    path);
	else {
		if ((st.st_mode & 077) != 0)
			found_note(f, "the password file '%s' can be read by "
			    "others, and PostgreSQL's programs ignore it for "
			    "that: chmod 600", path);
		if (!read_lines(f, fd, path))
			found_note(f, "the password file '%s': %s", path,
			    strerror(errno));
	}
	io_close(&fd);
	limit(f, path);
}
