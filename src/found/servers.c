/*
 * PostgreSQL servers of this host: the sockets that the kernel knows, Debian's
 * clusters, running postmasters. Those that let us in without a password are
 * asked for their databases.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "base/who.h"
#include "found/intern.h"

enum { SERVERS_MAX = 40, PSQL_MS = 3500, SILENT_MS = 2000, CHILD_MS = 9500 };

static const char socket_name[] = ".s.PGSQL.";

struct server {
	const char *name;	/* "15/main" */
	const char *dir;	/* of its socket; NULL: not known */
	int64_t port;
	const char *data, *log;
	int64_t pid;		/* 0: not known */
	bool up;
};

struct servers {
	VEC(struct server) v;
	const char *psql;
};

/* ---- finding them ------------------------------------------------------------ */

/* /var/run is a link to /run, and both are written. */
static const char *
real(struct found *f, const char *path)
{
	char *full = path != NULL ? realpath(path, NULL) : NULL;
	const char *ret = found_str(f, full != NULL ? full : path);

	free(full);
	return ret;
}

static struct server *
server_at(struct found *f, struct servers *s, const char *dir, int64_t port)
{
	struct server *new;

	dir = real(f, dir);
	for (size_t i = 0; i < s->v.n; i++)
		if (s->v.v[i].port == port && s->v.v[i].dir != NULL &&
		    dir != NULL && strcmp(s->v.v[i].dir, dir) == 0)
			return &s->v.v[i];
	new = VEC_NEW(&s->v);
	new->dir = dir;
	new->port = port;
	return new;
}

/* A key of postgresql.conf: key = 'value' # comment; the last one counts. */
static const char *
pg_setting(struct found *f, const char *text, const char *key,
    const char *otherwise)
{
	const char *value = otherwise;
	char *copy = xstrdup(text), *rest = copy, *line;
	size_t n = strlen(key);

	while ((line = found_line(&rest)) != NULL) {
		line += strspn(line, " \t");
		if (strncasecmp(line, key, n) != 0 || line[n] == '\0' ||
		    strchr(" \t=", line[n]) == NULL)
			continue;
		line += n + strspn(line + n, " \t=");
		if (*line == '\'')
			value = pool_strn(&f->pool, line + 1,
			    strcspn(line + 1, "'"));
		else
			value = pool_strn(&f->pool, line,
			    strcspn(line, " \t#\r"));
	}
	free(copy);
	return value;
}

/* The first of "/run/postgresql, /tmp". */
static const char *
first_of(struct found *f, const char *list)
{
	size_t n = strcspn(list, ",");

	while (n > 0 && list[n - 1] == ' ')
		n--;
	return pool_strn(&f->pool, list, n);
}

static void
debian_cluster(struct found *f, struct servers *s, const char *dir)
{
	size_t root = f->root != NULL ? strlen(f->root) : 0;
	const char *name = dir + root + strlen("/etc/postgresql/");
	const char *log;
	struct buf all = BUF_INIT, more = BUF_INIT;
	struct server *server;
	int64_t port = 5432;
	glob_t g;

	if (!found_read(f, pool_printf(&f->pool, "%s/postgresql.conf", dir),
	    &all))
		goto out;
	if (glob(pool_printf(&f->pool, "%s/conf.d/*.conf", dir), 0, NULL,
	    &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			if (found_read(f, g.gl_pathv[i], &more))
				buf_printf(&all, "\n%s", more.p);
		globfree(&g);
	}
	(void)text_int(pg_setting(f, all.p, "port", "5432"), 1, 65535, &port);
	server = server_at(f, s, first_of(f, pg_setting(f, all.p,
	    "unix_socket_directories", "/var/run/postgresql")), port);
	server->name = found_str(f, name);
	server->data = pg_setting(f, all.p, "data_directory", NULL);
	log = pool_printf(&f->pool, "/var/log/postgresql/postgresql-%.*s-%s.log",
	    (int)strcspn(name, "/"), name, strchr(name, '/') + 1);
	if (file_exists(found_at(f, "%s", log)))
		server->log = log;
out:
	buf_release(&all);
	buf_release(&more);
}

static void
debian_clusters(struct found *f, struct servers *s)
{
	glob_t g;

	if (glob(found_at(f, "/etc/postgresql/*/*"), 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (file_is_dir(g.gl_pathv[i]))
			debian_cluster(f, s, g.gl_pathv[i]);
	globfree(&g);
}

/* pid, data directory, start, port, socket folder: a lock file's lines, as far
 * as we may read it. False: it is that of a lone backend (initdb's, --single),
 * whose pid is negative. */
static bool
lock_file(struct found *f, const char *path, struct server *server)
{
	struct buf b = BUF_INIT;
	char *rest, *line;
	bool lone = false;

	if (file_read(path, &b, 8192, NULL)) {
		buf_ch(&b, '\0');
		lone = b.p[0] == '-';
		rest = b.p;
		for (int i = 0; (line = found_line(&rest)) != NULL && i < 5; i++)
			if (i == 0)
				(void)text_int(line, 1, INT32_MAX,
				    &server->pid);
			else if (i == 1)
				server->data = found_str(f, line);
			else if (i == 3 && server->port == 0)
				(void)text_int(line, 1, 65535, &server->port);
			else if (i == 4 && *line == '/' && server->dir == NULL)
				server->dir = real(f, line);
	}
	buf_release(&b);
	return !lone;
}

/* path: …/.s.PGSQL.5432 */
static void
add_socket(struct found *f, struct servers *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct server *server;
	struct stat st;
	int64_t port;

	if (slash == NULL || slash == path ||
	    strncmp(slash + 1, socket_name, strlen(socket_name)) != 0 ||
	    !text_int(slash + 1 + strlen(socket_name), 1, 65535, &port) ||
	    stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;		/* of another world, a container's perhaps */
	server = server_at(f, s, pool_strn(&f->pool, path,
	    (size_t)(slash - path)), port);
	if (server->pid == 0)
		(void)lock_file(f, pool_printf(&f->pool, "%s.lock", path), server);
	server->up = true;
}

/* What listens, as the kernel sees it: …: 00000002 00000000 00010000 0001 01
 * 12345 /run/postgresql/.s.PGSQL.5432 */
static void
listening(struct found *f, struct servers *s)
{
	struct buf b = BUF_INIT;
	char *rest, *line, *path;

	if (found_read(f, found_at(f, "/proc/net/unix"), &b))
		for (rest = b.p; (line = found_line(&rest)) != NULL;) {
			path = strchr(line, '/');
			if (path != NULL && strstr(line, " 00010000 ") != NULL)
				add_socket(f, s, path);
		}
	buf_release(&b);
}

static bool
answers(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	bool ok = false;
	int fd;

	if (strlen(path) >= sizeof sun.sun_path)
		return false;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		ok = connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0 ||
		    errno == EAGAIN || errno == EACCES;
	io_close(&fd);
	return ok;
}

/* Of another network namespace, when their folder is shared. */
static void
usual_folders(struct found *f, struct servers *s)
{
	static const char *const patterns[] = {
	    "/var/run/postgresql/.s.PGSQL.*", "/tmp/.s.PGSQL.*" };
	glob_t g;

	for (size_t i = 0; i < 2; i++) {
		if (glob(found_at(f, "%s", patterns[i]), 0, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++)
			if (answers(g.gl_pathv[k]))
				add_socket(f, s, g.gl_pathv[k]);
		globfree(&g);
	}
}

/* ---- running postmasters ------------------------------------------------------ */

static bool
proc_text(struct found *f, const char *pid, const char *name, struct buf *out)
{
	buf_clear(out);
	return file_read(found_at(f, "/proc/%s/%s", pid, name), out, 1 << 20,
	    NULL);
}

static bool
is_postgres(struct found *f, const char *pid, struct buf *b)
{
	return proc_text(f, pid, "comm", b) && (strcmp(b->p, "postgres\n") == 0 ||
	    strcmp(b->p, "postmaster\n") == 0);
}

/* Neither a server's own child nor one in a container. */
static bool
is_postmaster(struct found *f, const char *pid)
{
	static const char *const inside[] = { "docker", "libpod", "containerd",
	    "kubepods", "lxc" };
	struct buf b = BUF_INIT;
	char parent[16] = "0", *at;
	bool yes = is_postgres(f, pid, &b);

	if (yes && proc_text(f, pid, "status", &b)) {
		at = strstr(b.p, "\nPPid:\t");
		if (at != NULL)
			(void)snprintf(parent, sizeof parent, "%.*s",
			    (int)strcspn(at + 7, "\n"), at + 7);
		yes = !is_postgres(f, parent, &b);
	}
	if (yes && proc_text(f, pid, "cgroup", &b))
		for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
			yes = yes && strstr(b.p, inside[i]) == NULL;
	buf_release(&b);
	return yes;
}

/* -D DIR, -p PORT, -k DIR of its command line; false: it is a lone backend's. */
static bool
arguments(struct found *f, const char *pid, struct server *s)
{
	struct buf b = BUF_INIT;
	const char *p, *end;
	char flag = '\0';
	bool serves = true;

	if (!proc_text(f, pid, "cmdline", &b))
		goto out;
	for (p = b.p, end = b.p + b.n; p < end; p += strlen(p) + 1) {
		const char *value = flag != '\0' ? p :
		    p[0] == '-' && p[1] != '\0' && strchr("Dpk", p[1]) != NULL &&
		    p[2] != '\0' ? p + 2 : NULL;
		char key = flag != '\0' ? flag : p[0] == '-' ? p[1] : '\0';

		serves = serves && !text_in(p, (const char *const[]){ "--boot",
		    "--single", "--check", "-C" }, 4);
		flag = value == NULL && p[0] == '-' && p[1] != '\0' &&
		    strchr("Dpk", p[1]) != NULL ? p[1] : '\0';
		if (value == NULL)
			continue;
		if (key == 'D')
			s->data = found_str(f, value);
		else if (key == 'p')
			(void)text_int(value, 1, 65535, &s->port);
		else
			s->dir = real(f, first_of(f, value));
	}
out:
	buf_release(&b);
	return serves;
}

static const char *
link_of(struct found *f, const char *path)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof to - 1);

	return n > 0 ? pool_strn(&f->pool, to, (size_t)n) : NULL;
}

static void
postmaster(struct found *f, struct servers *all, const char *pid)
{
	struct server s = { .up = true }, *known = NULL;
	const char *out, *cwd;

	(void)text_int(pid, 1, INT32_MAX, &s.pid);
	if (!arguments(f, pid, &s))
		return;
	cwd = link_of(f, found_at(f, "/proc/%s/cwd", pid));
	if (cwd != NULL && strstr(cwd, " (deleted)") != NULL)
		return;		/* it is about to notice */
	if (cwd != NULL && cwd[0] == '/')
		s.data = cwd;
	if (s.data != NULL && !lock_file(f, found_at(f, "%s/postmaster.pid",
	    s.data), &s))
		return;
	out = link_of(f, found_at(f, "/proc/%s/fd/1", pid));
	if (out != NULL && (out[0] != '/' || text_starts(out, "/dev/") ||
	    !file_exists(found_at(f, "%s", out))))
		out = NULL;
	for (size_t i = 0; i < all->v.n && known == NULL; i++)
		if (all->v.v[i].pid == s.pid || (s.data != NULL &&
		    all->v.v[i].data != NULL &&
		    strcmp(s.data, all->v.v[i].data) == 0))
			known = &all->v.v[i];
	if (known == NULL && s.port > 0)
		known = server_at(f, all, s.dir, s.port);
	if (known == NULL) {
		known = VEC_NEW(&all->v);
		*known = s;
	}
	known->up = true;
	known->data = s.data != NULL ? s.data : known->data;
	if (known->log == NULL)
		known->log = out;
}

static void
postmasters(struct found *f, struct servers *s)
{
	glob_t g;

	if (glob(found_at(f, "/proc/[0-9]*"), 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *pid = strrchr(g.gl_pathv[i], '/') + 1;

		if (is_postmaster(f, pid))
			postmaster(f, s, pid);
	}
	globfree(&g);
}

/* ---- asking them ---------------------------------------------------------------- */

static const char *
find_psql(struct found *f)
{
	static const char *const patterns[] = { "/usr/lib/postgresql/*/bin/psql",
	    "/usr/pgsql-*/bin/psql", "/usr/local/pgsql/bin/psql" };
	char *path = spawn_which("psql");
	const char *ret = found_str(f, path);
	glob_t g;

	free(path);
	for (size_t i = 0; i < 3 && ret == NULL; i++)
		if (glob(patterns[i], 0, NULL, &g) == 0) {
			ret = found_str(f, g.gl_pathv[g.gl_pathc - 1]);
			globfree(&g);
		}
	return ret;
}

/* No password: neither asked for nor out of a file or the environment. */
static void
quiet_environment(void)
{
	static const char *const drop[] = { "PGPASSWORD", "PGSERVICE",
	    "PGSERVICEFILE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER",
	    "PGDATABASE", "PGSSLMODE", "PGREQUIREAUTH", "PGCLUSTER",
	    "PGTARGETSESSIONATTRS" };

	for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
		(void)unsetenv(drop[i]);
	(void)setenv("PGPASSFILE", "/dev/null", 1);
	(void)setenv("PGCONNECT_TIMEOUT", "3", 1);
	(void)setenv("PGAPPNAME", "midwatch", 1);
	(void)setenv("PGCLIENTENCODING", "UTF8", 1);
	(void)setenv("PGOPTIONS", found_pgoptions, 1);
}

static bool
psql(const char *program, const struct server *s, const char *role,
    struct ran *ran, struct err *e)
{
	char port[16];
	const char *argv[24] = { program, "-XAtqw", "-h",
	    s->dir != NULL ? s->dir : "localhost", "-p", port, "-U", role,
	    "-d", "postgres" };
	size_t n = 10;

	(void)snprintf(port, sizeof port, "%d", (int)s->port);
	for (size_t i = 0; found_sql[i] != NULL; i++) {
		argv[n++] = "-c";
		argv[n++] = found_sql[i];
	}
	return found_ask(argv, PSQL_MS, ran, e) || ran->out.n > 0;
}

struct asked {
	struct found_server is;
	const char *role, *why;
	bool as_owner, silent;
};

static bool
try_role(struct found *f, const struct servers *all, const struct server *s,
    const char *role, struct asked *a)
{
	/* each attempt that is refused is a line in the server's log, and one
	 * that is not answered is enough */
	struct found_thing like = { .host = s->dir != NULL ? s->dir :
	    "localhost", .port = s->port };
	struct err e = ERR_INIT;
	int64_t start = clock_mono_ms();
	struct ran ran;
	bool ok;

	if (a->silent)
		return false;
	if (a->as_owner)
		like.owner = role;
	else
		like.user = role;
	ok = psql(all->psql, s, role, &ran, &e) &&
	    found_databases(f, ran.out.p, &like, &a->is);
	if (ok)
		a->role = role;
	else if (a->why == NULL)
		a->why = found_why(f, &ran, &e);
	a->silent = !ok && clock_mono_ms() - start > SILENT_MS;
	ran_release(&ran);
	return ok;
}

/* This child becomes the server's owner, whom it lets in (peer). */
static bool
become(const struct passwd *pw)
{
	return pw->pw_uid != 0 && chdir("/") == 0 && setgroups(0, NULL) == 0 &&
	    setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

/* Under each name once: ours, the owner's (which is the first superuser's, as a
 * rule), and the one that is the first superuser's everywhere else. */
static bool
try_roles(struct found *f, const struct servers *all, const struct server *s,
    const char *const *roles, struct asked *a)
{
	for (size_t i = 0; i < 3; i++)
		if (roles[i] != NULL && !text_in(roles[i], roles, i) &&
		    try_role(f, all, s, roles[i], a))
			return true;
	return false;
}

static void
ask_as(struct found *f, const struct servers *all, const struct server *s,
    struct asked *a)
{
	const char *me = who_am_i()->login, *roles[3];
	const struct passwd *pw = NULL;
	struct stat st;

	if (s->dir != NULL && stat(pool_printf(&f->pool, "%s/%s%d", s->dir,
	    socket_name, (int)s->port), &st) == 0)
		pw = getpwuid(st.st_uid);
	roles[1] = pw != NULL ? found_str(f, pw->pw_name) : "postgres";
	roles[0] = geteuid() != 0 ? me : roles[1];
	roles[2] = "postgres";
	if (try_roles(f, all, s, roles, a) || a->silent || geteuid() != 0 ||
	    pw == NULL || !become(pw))
		return;
	a->as_owner = true;
	roles[0] = roles[1];
	(void)try_roles(f, all, s, roles, a);
}

static void
add_log(struct found *f, const char *name, const char *path)
{
	struct found_thing *t;

	if (path == NULL)
		return;
	t = found_add(f, FOUND_LOG);
	t->name = name;
	t->path = path;
}

static void
ask(struct found *f, void *ctx, size_t i)
{
	const struct servers *all = ctx;
	const struct server *s = &all->v.v[i];
	struct asked a = { 0 };
	struct found_thing *t;

	if (!s->up)
		a.why = "it does not run";
	else if (s->port == 0)
		a.why = pool_printf(&f->pool, "its port is not known (pid %d)",
		    (int)s->pid);
	else if (all->psql == NULL)
		a.why = "psql is not installed";
	else {
		quiet_environment();
		ask_as(f, all, s, &a);
	}
	t = found_add(f, FOUND_SERVER);
	t->name = s->name;
	t->host = s->dir != NULL ? s->dir : "localhost";
	t->port = s->port;
	t->path = !text_empty(a.is.data) ? a.is.data : s->data;
	t->text = a.is.version;	/* 15.5 (Debian 15.5-0+deb12u1) */
	if (t->text != NULL)
		t->text = pool_strn(&f->pool, t->text, strcspn(t->text, " "));
	t->when = a.is.started;
	t->ok = s->up;
	t->strong = !a.is.standby;
	t->user = a.as_owner ? NULL : a.role;
	t->owner = a.as_owner ? a.role : NULL;
	t->why = a.role == NULL ? a.why : NULL;
	add_log(f, s->name, s->log);
}

static void
late(struct found *f, void *ctx, size_t i)
{
	const struct server *s = &((struct servers *)ctx)->v.v[i];
	struct found_thing *t = found_add(f, FOUND_SERVER);

	t->name = s->name;
	t->host = s->dir != NULL ? s->dir : "localhost";
	t->port = s->port;
	t->path = s->data;
	t->ok = s->up;
	t->strong = true;
	t->why = "it did not answer in time";
	add_log(f, s->name, s->log);
}

/* Those with a name first, then those with the shorter folder: of the sockets of
 * one server the likelier is kept. */
static int
by_name(const void *a, const void *b)
{
	const struct server *x = a, *y = b;
	size_t m = x->dir != NULL ? strlen(x->dir) : 0;
	size_t n = y->dir != NULL ? strlen(y->dir) : 0;

	if ((x->name != NULL) != (y->name != NULL))
		return x->name != NULL ? -1 : 1;
	return m != n ? (m > n) - (m < n) :
	    (x->port > y->port) - (x->port < y->port);
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* One server with two socket folders answers twice. */
static void
drop_twins(struct found *f)
{
	struct found_thing *v = f->things.v;
	size_t n = 0;

	for (size_t i = 0; i < f->things.n; i++) {
		bool twin = false;

		for (size_t k = 0; k < f->things.n; k++)
			twin = twin || (v[i].kind == FOUND_SERVER && k < i &&
			    v[k].kind == FOUND_SERVER &&
			    v[k].port == v[i].port &&
			    (same(v[i].when, v[k].when) ||
			    same(v[i].path, v[k].path)));
		if (twin) {
			v[i].kind = FOUND_KIND_COUNT;	/* and its databases */
			for (size_t k = 0; k < f->things.n; k++)
				if (v[k].kind == FOUND_DATABASE &&
				    v[k].port == v[i].port &&
				    strcmp(v[k].host, v[i].host) == 0)
					v[k].kind = FOUND_KIND_COUNT;
		}
	}
	for (size_t i = 0; i < f->things.n; i++)
		if (v[i].kind != FOUND_KIND_COUNT)
			v[n++] = v[i];
	f->things.n = n;
}

void
look_servers(struct found *f)
{
	struct servers all = { .psql = find_psql(f) };

	debian_clusters(f, &all);
	listening(f, &all);
	usual_folders(f, &all);
	postmasters(f, &all);
	if (all.v.n > 1)
		qsort(all.v.v, all.v.n, sizeof *all.v.v, by_name);
	if (all.v.n > SERVERS_MAX) {
		found_note(f, "%zu of %zu PostgreSQL servers: only the first "
		    "%d were asked", all.v.n - SERVERS_MAX, all.v.n,
		    SERVERS_MAX);
		all.v.n = SERVERS_MAX;
	}
	found_each(f, all.v.n, CHILD_MS, ask, &all, late);
	drop_twins(f);
	VEC_RELEASE(&all.v);
}
