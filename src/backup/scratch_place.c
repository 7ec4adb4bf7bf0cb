/* Where a scratch PostgreSQL comes from and goes to: programs, disks, and what
 * runs that were killed have left. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backup/scratch.h"
#include "backup/scratch_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/text.h"

#define PREFIX "midwatch-scratch-"

enum { GONE_MS = 5000 };

/* ---- programs ------------------------------------------------------------------------ */

static int
version_of(const char *bin)
{
	char *path = file_join(bin, "postgres");
	const char *argv[] = { path, "-V", NULL };
	struct ran ran = { 0 };
	const char *s;
	int version = 0;

	if (access(path, X_OK) == 0 && spawn_run(&(struct run){ .argv = argv },
	    &ran, NULL) && spawn_code(ran.status) == 0 && ran.out.n > 0 &&
	    (s = strstr(ran.out.p, ") ")) != NULL)
		version = (int)strtol(s + 2, NULL, 10);
	ran_release(&ran);
	free(path);
	return version;
}

static bool
has_all(const char *bin)
{
	static const char *const names[] = { "initdb", "postgres",
		"pg_restore" };
	bool all = true;

	for (size_t i = 0; all && i < 3; i++) {
		char *path = file_join(bin, names[i]);

		all = access(path, X_OK) == 0;
		free(path);
	}
	return all;
}

/* The one that is asked for itself, else the nearest newer one. */
static void
better(const char *bin, int want, char **best, int *best_version, int *newest)
{
	int version = has_all(bin) ? version_of(bin) : 0;

	if (version > *newest)
		*newest = version;
	if (version == 0 || version < want || (*best != NULL &&
	    (want > 0 ? version >= *best_version : version <= *best_version)))
		return;
	free(*best);
	*best = xstrdup(bin);
	*best_version = version;
}

char *
scratch_programs(int want, int *ret_version, struct err *e)
{
	static const char *const known[] = { "/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/bin",
		"/usr/bin" };
	const char *config[] = { "pg_config", "--bindir", NULL };
	char *best = NULL;
	int newest = 0;
	struct ran ran = { 0 };

	*ret_version = 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		glob_t g;

		if (glob(known[i], 0, NULL, &g) == 0)
			for (size_t k = 0; k < g.gl_pathc; k++)
				better(g.gl_pathv[k], want, &best, ret_version,
				    &newest);
		globfree(&g);
	}
	if (spawn_run(&(struct run){ .argv = config }, &ran, NULL) &&
	    spawn_code(ran.status) == 0 && ran.out.n > 1) {
		ran.out.p[strcspn(ran.out.p, "\n")] = '\0';
		better(ran.out.p, want, &best, ret_version, &newest);
	}
	ran_release(&ran);
	if (best == NULL && newest == 0) {
		err_set(e, ERR_GUARD, "there is no PostgreSQL server on this "
		    "host to restore into");
		err_hint(e, "Install it (Debian: postgresql), it need not run.");
	} else if (best == NULL) {
		err_set(e, ERR_GUARD, "the set is from PostgreSQL %d, and the "
		    "newest server on this host is %d", want, newest);
		err_hint(e, "Install PostgreSQL %d's server here, it need not "
		    "run.", want);
	}
	return best;
}

/* ---- disks --------------------------------------------------------------------------- */

static int64_t
room_at(const char *dir)
{
	struct statvfs v;

	if (statvfs(dir, &v) != 0 || access(dir, W_OK | X_OK) != 0 ||
	    (v.f_flag & ST_RDONLY) != 0)
		return -1;
	return (int64_t)(v.f_bavail * v.f_frsize);
}

/* Memory is no disk: what is there counts last. */
static bool
in_memory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is = fd >= 0 && file_volatile(fd);

	io_close(&fd);
	return is;
}

static size_t
disks(const char *dir, const char *out[4])
{
	const char *tmp = getenv("TMPDIR");
	size_t n = 0;

	if (dir != NULL) {
		out[n++] = dir;
		return n;
	}
	if (tmp != NULL && tmp[0] == '/')
		out[n++] = tmp;
	out[n++] = "/var/tmp";
	out[n++] = "/tmp";
	return n;
}

static const char *
pick_disk(const char *dir, int64_t need, struct err *e)
{
	const char *all[4], *most = NULL;
	size_t n = disks(dir, all);
	int64_t most_room = -1;
	char want[16], have[16], lacks[16];

	for (int memory = 0; memory < 2; memory++)
		for (size_t i = 0; i < n; i++) {
			int64_t room = room_at(all[i]);

			if (room > most_room) {
				most_room = room;
				most = all[i];
			}
			if (room >= need && in_memory(all[i]) == (memory == 1))
				return all[i];
		}
	if (most == NULL) {
		err_sys(e, "'%s' cannot be written to", all[0]);
		e->kind = ERR_GUARD;
		return NULL;
	}
	text_fmt_size(want, need);
	text_fmt_size(have, most_room);
	text_fmt_size(lacks, need - most_room);
	err_set(e, ERR_GUARD, "no disk has room for a scratch restore: it needs "
	    "%s, '%s' has %s, %s are missing", want, most, have, lacks);
	err_hint(e, "Free as much there, or name another folder with "
	    "--scratch DIR.");
	return NULL;
}

/* ---- marks ---------------------------------------------------------------------------- */

bool
scratch_mark(const char *dir, const char *name, const struct proc_id *id,
    struct err *e)
{
	char *path = file_join(dir, name);
	struct buf b = BUF_INIT;
	bool ok;

	json_open(&b);
	json_put_str(&b, "boot", id->boot);
	json_put_int(&b, "pid", id->pid);
	json_put_int(&b, "start", id->start);
	json_close(&b);
	ok = file_replace(path, b.p, b.n, 0600, e);
	buf_release(&b);
	free(path);
	return ok;
}

static bool
marked(const char *dir, const char *name, struct proc_id *ret)
{
	char *path = file_join(dir, name);
	struct buf b = BUF_INIT;
	json_t *o = NULL;
	const char *boot;
	bool ok = file_read(path, &b, 4096, NULL) && b.n > 0;

	*ret = (struct proc_id){ 0 };
	if (ok)
		o = json_read(b.p, b.n, NULL);
	boot = o != NULL ? json_get_str(o, "boot") : NULL;
	ok = boot != NULL;
	if (ok) {
		(void)snprintf(ret->boot, sizeof ret->boot, "%s", boot);
		ret->pid = (pid_t)json_get_int(o, "pid", 0);
		ret->start = json_get_int(o, "start", 0);
	}
	json_decref(o);
	buf_release(&b);
	free(path);
	return ok && ret->pid > 1;
}

char *
scratch_folder(const char *dir, int64_t need, struct err *e)
{
	const char *disk = pick_disk(dir, need, e);
	struct proc_id me;
	char *path;

	if (disk == NULL)
		return NULL;
	path = xprintf("%s/" PREFIX "XXXXXX", disk);
	if (mkdtemp(path) == NULL) {
		err_sys(e, "cannot make a folder in '%s'", disk);
		free(path);
		return NULL;
	}
	proc_self(&me);
	if (!scratch_mark(path, "owner", &me, e)) {
		scratch_folder_end(path);
		return NULL;
	}
	return path;
}

void
scratch_folder_end(char *path)
{
	(void)file_remove_tree(path, NULL);
	free(path);
}

/* ---- what was left --------------------------------------------------------------------- */

/* Ours (or root's view of anybody's), marked, and its maker is gone. */
static bool
is_left(const char *path)
{
	struct proc_id owner;
	struct stat st;
	char *mark = file_join(path, "owner");
	bool mine = lstat(mark, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid();

	free(mark);
	return mine && marked(path, "owner", &owner) && !proc_alive(&owner);
}

static void
end_left(const char *path)
{
	struct proc_id server;
	int64_t end = clock_mono_ms() + GONE_MS;

	if (!marked(path, "server", &server) || !proc_signal(&server, SIGQUIT))
		return;
	while (proc_alive(&server) && clock_mono_ms() < end)
		clock_sleep_ms(50);
	(void)proc_signal(&server, SIGKILL);
}

static size_t
sweep(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *x;
	size_t n = 0;

	while (d != NULL && (x = readdir(d)) != NULL) {
		char *path;

		if (!text_starts(x->d_name, PREFIX))
			continue;
		path = file_join(dir, x->d_name);
		if (is_left(path)) {
			end_left(path);
			n += file_remove_tree(path, NULL);
		}
		free(path);
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

size_t
scratch_sweep(const char *dir)
{
	const char *all[4];
	size_t n = disks(dir, all), left = 0;

	for (size_t i = 0; i < n; i++)
		left += sweep(all[i]);
	return left;
}
