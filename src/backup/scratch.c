#include "backup/scratch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/reader.h"
#include "backup/scratch_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"

enum {
	PORT = 5432,			/* only part of the socket's name */
	READY_MS = 120000, STOP_MS = 20000, TURN_MS = 50,
	SOCKET_MAX = 85,		/* of 107, with its own name behind */
};

#define SUPER "midwatch_scratch"

/* ---- as whom ------------------------------------------------------------------------ */

/* PostgreSQL does not run as root. */
static bool
pick_user(struct scratch *s, struct err *e)
{
	static const char *const names[] = { "postgres", "nobody" };

	if (geteuid() != 0)
		return true;
	for (size_t i = 0; i < 2; i++) {
		const struct passwd *pw = getpwnam(names[i]);

		if (pw == NULL || pw->pw_uid == 0)
			continue;
		s->user = names[i];
		s->uid = pw->pw_uid;
		s->gid = pw->pw_gid;
		return true;
	}
	return err_set(e, ERR_FAILED, "there is neither a user 'postgres' nor "
	    "'nobody' to run a scratch PostgreSQL as");
}

/* Words before a program of the server's: as its user, and dying with us. */
static size_t
as_user(const struct scratch *s, const char **argv, char ids[2][32])
{
	size_t n = 0;

	(void)snprintf(ids[0], 32, "%u", (unsigned)s->uid);
	(void)snprintf(ids[1], 32, "%u", (unsigned)s->gid);
	argv[n++] = "setpriv";
	if (s->user != NULL) {
		argv[n++] = "--reuid";
		argv[n++] = ids[0];
		argv[n++] = "--regid";
		argv[n++] = ids[1];
		argv[n++] = "--clear-groups";
	}
	argv[n++] = "--pdeathsig";
	argv[n++] = "QUIT";
	argv[n++] = "--";
	return n;
}

/* ---- its files ----------------------------------------------------------------------- */

static bool
give(const struct scratch *s, const char *path, struct err *e)
{
	return s->user == NULL || lchown(path, s->uid, s->gid) == 0 ||
	    err_sys(e, "cannot give '%s' to %s", path, s->user);
}

static bool
cancelled(const struct scratch_ask *ask)
{
	return ask->cancelled != NULL && ask->cancelled(ask->ctx);
}

static bool
init_files(struct scratch *s, const struct scratch_ask *ask, struct err *e)
{
	char *initdb = file_join(s->bin, "initdb");
	char *data = file_join(s->dir, "data");
	struct reader r = READER_INIT;
	const char *argv[24];
	char ids[2][32];
	size_t n = as_user(s, argv, ids);
	bool ok;

	argv[n++] = initdb;
	argv[n++] = "-D";
	argv[n++] = data;
	argv[n++] = "-U";
	argv[n++] = "postgres";
	argv[n++] = "-A";
	argv[n++] = "trust";
	argv[n++] = "--locale=C";
	argv[n++] = "--encoding=UTF8";
	argv[n++] = "--no-sync";
	argv[n] = NULL;
	r.cancelled = ask->cancelled;
	r.cancel_ctx = ask->ctx;
	ok = reader_run(&r, argv, e);
	if (ok && r.exit != 0) {
		struct buf why = BUF_INIT;

		reader_why(&r, &why);
		ok = err_set(e, ERR_FAILED, "cannot make a scratch PostgreSQL: "
		    "%s", why.p);
		buf_release(&why);
	}
	reader_release(&r);
	free(initdb);
	free(data);
	return ok;
}

/* Only we come in, by our system user's name where it has one. */
static bool
write_access(const struct scratch *s, struct err *e)
{
	const struct passwd *pw = getpwuid(geteuid());
	char *hba = file_join(s->dir, "data/pg_hba.conf");
	char *ident = file_join(s->dir, "data/pg_ident.conf");
	char *map;
	bool ok;

	if (pw != NULL && text_is_name(pw->pw_name)) {
		map = xprintf("us %s postgres\nus %s " SUPER "\n", pw->pw_name,
		    pw->pw_name);
		ok = file_replace(ident, map, strlen(map), 0600, e) &&
		    give(s, ident, e) && file_replace(hba, "local all postgres,"
		    SUPER " peer map=us\n", strlen("local all postgres," SUPER
		    " peer map=us\n"), 0600, e) && give(s, hba, e);
		free(map);
	} else
		ok = file_replace(hba, "local all postgres," SUPER " trust\n",
		    strlen("local all postgres," SUPER " trust\n"), 0600, e) &&
		    give(s, hba, e);
	free(hba);
	free(ident);
	return ok;
}

static bool
write_settings(const struct scratch *s, struct err *e)
{
	char *path = file_join(s->dir, "data/postgresql.auto.conf");
	struct buf b = BUF_INIT;
	bool ok;

	buf_printf(&b, "listen_addresses = ''\nport = %d\n"
	    "unix_socket_directories = '%s'\nunix_socket_permissions = 0700\n"
	    "max_connections = 60\n"
	    "superuser_reserved_connections = 3\nmax_wal_senders = 0\n"
	    "wal_level = minimal\nfsync = off\nfull_page_writes = off\n"
	    "synchronous_commit = off\nautovacuum = off\narchive_mode = off\n"
	    "max_wal_size = 256MB\nmin_wal_size = 32MB\n"
	    "shared_buffers = 128MB\nmaintenance_work_mem = 128MB\n"
	    "max_locks_per_transaction = 1024\nlc_messages = 'C'\n"
	    "logging_collector = off\nlog_destination = 'stderr'\n"
	    "log_min_messages = fatal\nlog_min_error_statement = panic\n",
	    PORT, s->dir);
	ok = file_replace(path, b.p, b.n, 0600, e) && give(s, path, e);
	buf_release(&b);
	free(path);
	return ok;
}

/* ---- the server ---------------------------------------------------------------------- */

static bool
mark_server(const struct scratch *s, struct err *e)
{
	struct proc_id id;

	return !proc_of(s->pid, &id) || scratch_mark(s->dir, "server", &id, e);
}

static bool
start_server(struct scratch *s, struct err *e)
{
	char *postgres = file_join(s->bin, "postgres");
	char *data = file_join(s->dir, "data"), ids[2][32];
	char *log = file_join(s->dir, "log");
	const char *argv[32] = { "env", "-i", "LC_ALL=C", "TZ=UTC",
		"PATH=/usr/bin:/bin" };
	size_t n = 5;
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	n += as_user(s, argv + n, ids);
	argv[n++] = postgres;
	argv[n++] = "-D";
	argv[n++] = data;
	argv[n] = NULL;
	struct spawn sp = { .argv = argv, .dir = "/", .in = -1, .out = fd,
	    .errfd = fd, .session = true, .die_with_us = true };
	s->pid = fd < 0 ? (err_sys(e, "cannot make '%s'", log), -1) :
	    spawn_start(&sp, e);
	if (s->pid < 0)
		s->pid = 0;
	io_close(&fd);
	free(postgres);
	free(data);
	free(log);
	return s->pid > 0 && mark_server(s, e);
}

static void
last_words(const struct scratch *s, struct buf *out)
{
	char *log = file_join(s->dir, "log");
	struct buf b = BUF_INIT;
	const char *from;

	if (file_read(log, &b, 1 << 20, NULL) && b.n > 0) {
		from = strstr(b.p, "FATAL: ");
		from = from != NULL ? from : b.p;
		text_clean(out, from, strcspn(from, "\n"), TEXT_LINE);
	}
	buf_release(&b);
	free(log);
}

static bool
has_ended(struct scratch *s)
{
	if (s->pid <= 0)
		return true;
	if (waitpid(s->pid, NULL, WNOHANG) == 0)
		return false;
	s->pid = 0;
	return true;
}

static bool
is_ready(const struct scratch *s)
{
	char *path = file_join(s->dir, "data/postmaster.pid");
	struct buf b = BUF_INIT;
	bool ready = file_read(path, &b, 4096, NULL) && b.n > 0 &&
	    strstr(b.p, "\nready") != NULL;

	buf_release(&b);
	free(path);
	return ready;
}

static bool
await_server(struct scratch *s, const struct scratch_ask *ask, struct err *e)
{
	int64_t end = clock_mono_ms() + READY_MS;

	while (!is_ready(s)) {
		if (has_ended(s)) {
			struct buf why = BUF_INIT;

			last_words(s, &why);
			err_set(e, ERR_FAILED, "the scratch PostgreSQL does "
			    "not start: %s", why.n ? why.p : "it said nothing");
			buf_release(&why);
			return false;
		}
		if (cancelled(ask))
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (clock_mono_ms() > end)
			return err_set(e, ERR_TIMEOUT, "the scratch PostgreSQL "
			    "did not start in %d s", READY_MS / 1000);
		clock_sleep_ms(TURN_MS);
	}
	return true;
}

/* A superuser that no dump's globals know: what they say of `postgres` (a read-only
 * default, say) is not said of the one who restores. */
static bool
make_super(struct scratch *s, struct err *e)
{
	int64_t end = clock_mono_ms() + READY_MS;
	struct pg_spec first;
	struct pg *db;
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok;

	s->login = (struct pg_spec){ .name = "the scratch PostgreSQL",
	    .host = s->dir, .port = PORT, .dbname = "postgres", .user = SUPER,
	    .passfile = "/dev/null", .statement_ms = INT32_MAX,
	    .writes = true };
	first = s->login;
	first.user = "postgres";
	db = pg_open(&first, end, e);
	ok = db != NULL && pg_query(db, "CREATE ROLE " SUPER " SUPERUSER LOGIN",
	    NULL, 0, end, &rows, e);
	pg_rows_release(&rows);
	pg_close(db);
	return ok;
}

static bool
open_folder(struct scratch *s, const struct scratch_ask *ask, struct err *e)
{
	s->dir = scratch_folder(ask->dir, ask->need, e);
	if (s->dir == NULL)
		return false;
	if (strlen(s->dir) > SOCKET_MAX) {
		err_set(e, ERR_GUARD, "the path '%s' is too long for a socket",
		    s->dir);
		return err_hint(e, "Name a shorter folder with --scratch.");
	}
	s->files = file_join(s->dir, "files");
	return file_mkdir(s->files, 0700, e) && give(s, s->dir, e);
}

bool
scratch_open(struct scratch *s, const struct scratch_ask *ask, struct err *e)
{
	bool ok;

	*s = (struct scratch){ 0 };
	s->bin = scratch_programs(ask->version, &s->version, e);
	ok = s->bin != NULL && pick_user(s, e) && open_folder(s, ask, e) &&
	    init_files(s, ask, e) && write_access(s, e) &&
	    write_settings(s, e) && start_server(s, e) &&
	    await_server(s, ask, e) && make_super(s, e);
	if (!ok)
		scratch_close(s);
	return ok;
}

static void
stop_server(struct scratch *s)
{
	static const int words[] = { SIGQUIT, SIGQUIT, SIGKILL };

	for (size_t i = 0; i < 3 && !has_ended(s); i++) {
		int64_t end = clock_mono_ms() + STOP_MS;

		(void)kill(s->pid, words[i]);
		while (!has_ended(s) && clock_mono_ms() < end)
			clock_sleep_ms(TURN_MS);
	}
}

void
scratch_close(struct scratch *s)
{
	if (s->pid > 0)
		stop_server(s);
	if (s->dir != NULL)
		scratch_folder_end(s->dir);
	free(s->files);
	free(s->bin);
	free(s->globals_why);
	*s = (struct scratch){ 0 };
}
