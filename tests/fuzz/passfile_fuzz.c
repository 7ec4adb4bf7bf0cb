/*
 * Any bytes as a password file: what is found is what libpq finds, and is a part
 * of the file; and with another password in it libpq finds that.  The first line of the input is what is looked for, in fields that
 * a slash parts: host/port/dbname/user.  The file ends with a newline, since libpq
 * loses a last line without one when its length is just that of its buffer.
 */
#include <libpq-fe.h> /* lint: libpq itself is what ours is held against */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "pg/passline.h"
#include "pg/pg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

struct want {
	char host[64], dbname[64], user[64];
	int port;
};

static void
part(char out[64], const char **at, const char *otherwise)
{
	size_t n = strcspn(*at, "/");

	(void)snprintf(out, 64, "%.*s", (int)n, *at);
	if (out[0] == '\0')
		(void)snprintf(out, 64, "%s", otherwise);
	*at += n + ((*at)[n] == '/');
}

/* A host is an abstract socket's name for libpq, which connects to nothing. */
static char *
of_libpq(const char *path, const struct want *w)
{
	char port[16];
	const char *keys[] = { "host", "hostaddr", "port", "dbname", "user",
		"passfile", "gssencmode", "sslmode", NULL };
	const char *values[] = { w->host, "x", port, w->dbname, w->user, path,
		"disable", "disable", NULL };
	PGconn *conn;
	char *password;

	(void)snprintf(port, sizeof port, "%d", w->port);
	conn = PQconnectStartParams(keys, values, 0);
	must(conn != NULL);
	password = strdup(PQpass(conn) ? PQpass(conn) : "");
	PQfinish(conn);
	return password;
}

/* With another password in it, libpq finds that one. */
static void
with_another(const struct buf *file, const struct want *w)
{
	static const char password[] = "n:e\\w '%";
	struct passline who = { w->host, w->port, w->dbname, w->user };
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	enum passline_how how;
	char path[64], *theirs;
	int fd;

	if (!passline_set(file->p, file->n, &who, password, &out, &how, &e)) {
		must(e.kind == ERR_USAGE);
		return;
	}
	fd = memfd_create("pgpass", MFD_CLOEXEC);
	must(fd >= 0 && fchmod(fd, 0600) == 0 &&
	    io_write_all(fd, out.p, out.n));
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	theirs = of_libpq(path, w);
	must(strcmp(theirs, password) == 0);
	free(theirs);
	buf_release(&out);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nl = memchr(data, '\n', size);
	size_t head = nl != NULL ? (size_t)(nl - data) + 1 : 0;
	char line[200] = "", path[64], port[64];
	struct want w;
	struct buf b = BUF_INIT;
	const char *at = line;
	struct err e = ERR_INIT;
	int fd;

	if (head > 0 && head <= sizeof line)
		memcpy(line, data, head - 1);
	part(w.host, &at, "h");
	part(port, &at, "1");
	w.port = (int)(strtoul(port, NULL, 10) % 65535) + 1;
	part(w.dbname, &at, "d");
	part(w.user, &at, "u");
	/* a list of hosts is another matter */
	if (strpbrk(w.host, ",") != NULL)
		return 0;

	fd = memfd_create("pgpass", MFD_CLOEXEC);
	must(fd >= 0 && fchmod(fd, 0600) == 0 &&
	    io_write_all(fd, data + head, size - head) &&
	    io_write_all(fd, "\n", 1));
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	bool found = pg_passfile(path, w.host, w.port, w.dbname, w.user, &b,
	    &e);
	must(found == (b.n > 0) && found == (e.kind == ERR_NONE));
	must(strpbrk(e.msg, "\n\033") == NULL && b.n <= size);
	if (memchr(data + head, '\0', size - head) == NULL) {
		char *theirs = of_libpq(path, &w);

		must(strcmp(found ? b.p : "", theirs) == 0);
		free(theirs);
		buf_clear(&b);
		buf_add(&b, data + head, size - head);
		buf_ch(&b, '\n');
		with_another(&b, &w);
	}
	buf_release(&b);
	close(fd);
	return 0;
}
