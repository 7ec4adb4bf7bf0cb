/* Mounted file systems that keep data, and folders that keep backups. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "found/intern.h"

enum { DISK_MS = 2500, DISKS_MAX = 64, ENTRIES_MAX = 20000 };

/* ---- disks ------------------------------------------------------------------ */

/* Of the kernel, in memory, or read-only by nature. */
static const char *const no_disks[] = { "proc", "sysfs", "devtmpfs", "devpts",
    "tmpfs", "ramfs", "rootfs", "cgroup", "cgroup2", "overlay", "aufs",
    "squashfs", "iso9660", "udf", "erofs", "cramfs", "autofs", "mqueue",
    "hugetlbfs", "debugfs", "tracefs", "securityfs", "pstore", "bpf",
    "configfs", "fusectl", "efivarfs", "binfmt_misc", "rpc_pipefs", "nsfs",
    "nfsd", "selinuxfs", "smackfs", "fuse.gvfsd-fuse", "fuse.portal",
    "fuse.lxcfs", "fuse.snapfuse", "fuse.jetbrains", "rpc_pipefs" };

struct mount {
	const char *path, *type, *device, *dev, *inside;
};
struct mounts {
	VEC(struct mount) v;
};

/* \040 and its like. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; to++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    isdigit((unsigned char)s[2]) &&
		    isdigit((unsigned char)s[3])) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
			    (s[3] - '0'));
			s += 4;
		} else
			*to = *s++;
	*to = '\0';
}

/* 27 1 254:0 / / rw,relatime - ext4 /dev/vda rw: false when it is not so. */
static bool
parse(struct found *f, char *line, struct mount *m)
{
	char *v[64], *rest = line, *word;
	size_t n = 0, dash;

	while (n < 64 && (word = strsep(&rest, " ")) != NULL)
		v[n++] = word;
	for (dash = 6; dash < n && strcmp(v[dash], "-") != 0;)
		dash++;
	if (n < 7 || dash + 2 >= n)
		return false;
	unescape(v[3]);
	unescape(v[4]);
	unescape(v[dash + 2]);
	m->dev = found_str(f, v[2]);
	m->inside = found_str(f, v[3]);
	m->path = found_str(f, v[4]);
	m->type = found_str(f, v[dash + 1]);
	m->device = found_str(f, v[dash + 2]);
	return true;
}

/* The whole of a file system rather than a part bound elsewhere, then the
 * shorter path. */
static bool
is_better(const struct mount *a, const struct mount *b)
{
	bool whole_a = strcmp(a->inside, "/") == 0;
	bool whole_b = strcmp(b->inside, "/") == 0;

	return whole_a != whole_b ? whole_a :
	    strlen(a->path) < strlen(b->path);
}

static void
add_mount(struct mounts *all, const struct mount *m)
{
	/* the later one lies above the earlier at the same path */
	for (size_t i = 0; i < all->v.n; i++)
		if (strcmp(all->v.v[i].path, m->path) == 0)
			all->v.v[i--] = all->v.v[--all->v.n];
	for (size_t i = 0; i < all->v.n; i++)
		if (strcmp(all->v.v[i].dev, m->dev) == 0) {
			if (is_better(m, &all->v.v[i]))
				all->v.v[i] = *m;
			return;
		}
	VEC_PUSH(&all->v, *m);
}

static void
only_disks(struct found *f, struct mounts *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->v.n; i++)
		if (!text_in(all->v.v[i].type, no_disks,
		    sizeof no_disks / sizeof *no_disks))
			all->v.v[n++] = all->v.v[i];
	if (n > DISKS_MAX)
		found_note(f, "%zu of %zu mounted disks: only the first %d "
		    "were taken", n - DISKS_MAX, n, DISKS_MAX);
	all->v.n = n < DISKS_MAX ? n : DISKS_MAX;
}

static void
measure(struct found *f, void *ctx, size_t i)
{
	const struct mount *m = &((struct mounts *)ctx)->v.v[i];
	struct found_thing *t;
	struct statvfs vfs;
	struct stat st;
	int64_t used;

	if (stat(m->path, &st) != 0 || !S_ISDIR(st.st_mode))
		return;		/* a file that is bound, or not ours to see */
	if (statvfs(m->path, &vfs) != 0 || vfs.f_blocks == 0)
		return;
	t = found_add(f, FOUND_DISK);
	t->path = m->path;
	t->name = m->device;
	t->text = m->type;
	t->size = (int64_t)vfs.f_blocks * (int64_t)vfs.f_frsize;
	t->free = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
	used = (int64_t)(vfs.f_blocks - vfs.f_bfree);
	t->percent = used + (int64_t)vfs.f_bavail > 0 ? used * 100 /
	    (used + (int64_t)vfs.f_bavail) : 0;
	t->ok = (vfs.f_flag & ST_RDONLY) == 0;
}

static void
late(struct found *f, void *ctx, size_t i)
{
	const struct mount *m = &((struct mounts *)ctx)->v.v[i];

	found_note(f, "'%s' (%s, '%s'): it does not answer", m->path, m->type,
	    m->device);
}

void
look_disks(struct found *f)
{
	struct mounts all = { 0 };
	struct buf b = BUF_INIT;
	struct mount m, root = { 0 };
	char *rest, *line;

	if (!found_read(f, found_at(f, "/proc/self/mountinfo"), &b)) {
		found_note(f, "the mounted disks: /proc is not there");
		goto out;
	}
	for (rest = b.p; (line = found_line(&rest)) != NULL;)
		if (parse(f, line, &m)) {
			if (strcmp(m.path, "/") == 0)
				root = m;
			add_mount(&all, &m);
		}
	only_disks(f, &all);
	found_each(f, all.v.n, DISK_MS, measure, &all, late);
	/* in a container everything may lie on what is no disk of its own */
	if (found_count(f, FOUND_DISK) == 0 && root.path != NULL &&
	    text_in(root.type, (const char *const[]){ "overlay", "aufs" }, 2)) {
		root.type = "the container's own";
		all.v.n = 0;
		add_mount(&all, &root);
		found_each(f, 1, DISK_MS, measure, &all, late);
	}
out:
	VEC_RELEASE(&all.v);
	buf_release(&b);
}

/* ---- folders of backups ------------------------------------------------------ */

static bool
is_dump(const char *name)
{
	static const char *const ends[] = { "*.dump", "*.dump.*", "*.sql",
	    "*.sql.*", "*.pgdump*", "*.backup", "*.bak", "*.pg_dump*",
	    "*.pgc", "base.tar*" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (fnmatch(ends[i], name, FNM_PERIOD) == 0)
			return true;
	return false;
}

static void
count_dumps(struct found *f, struct found_thing *t)
{
	DIR *d = opendir(found_at(f, "%s", t->path));
	struct dirent *de;
	size_t n = 0, seen = 0;
	time_t newest = 0;
	struct stat st;
	char day[32] = "";
	struct tm tm;

	while (d != NULL && seen++ < ENTRIES_MAX && (de = readdir(d)) != NULL)
		if (is_dump(de->d_name) &&
		    fstatat(dirfd(d), de->d_name, &st, 0) == 0) {
			n++;
			if (st.st_mtime > newest)
				newest = st.st_mtime;
		}
	if (d != NULL)
		(void)closedir(d);
	if (n == 0)
		return;
	(void)strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&newest, &tm));
	t->text = pool_printf(&f->pool, "%zu %s like dumps in it, the newest "
	    "of %s", n, n == 1 ? "file that looks" : "files that look", day);
	t->strong = true;
}

void
found_folder(struct found *f, const char *path, bool strong)
{
	const char *full = found_at(f, "%s", path);
	struct found_thing *t;
	struct statvfs vfs;
	struct stat st;

	if (stat(full, &st) != 0 || !S_ISDIR(st.st_mode))
		return;
	t = found_add(f, FOUND_FOLDER);
	t->path = found_str(f, path);
	t->strong = strong;
	t->ok = access(full, W_OK | X_OK) == 0;
	if (statvfs(full, &vfs) == 0)
		t->free = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
	count_dumps(f, t);
}

/* Where people put them. */
void
look_folders(struct found *f)
{
	static const char *const patterns[] = { "/backup", "/backups",
	    "/srv/backup*", "/srv/*/backup*", "/data/backup*",
	    "/mnt/backup*", "/mnt/*/backup*", "/opt/backup*",
	    "/home/backup*", "/var/backup", "/var/lib/pgsql/backups",
	    "/var/lib/pgsql/*/backups", "/var/lib/postgresql/backup*",
	    "/var/lib/pgbackrest", "/var/lib/barman",
	    "/var/lib/autopostgresqlbackup", "/var/backups/postgres*",
	    "/var/backups" };
	const char *mine = found_home(f, "backup*");
	size_t root = f->root != NULL ? strlen(f->root) : 0;
	glob_t g;

	for (size_t i = 0; i <= sizeof patterns / sizeof *patterns; i++) {
		const char *p = i < sizeof patterns / sizeof *patterns ?
		    found_at(f, "%s", patterns[i]) :
		    f->root == NULL ? mine : NULL;

		if (p == NULL || glob(p, 0, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++)
			found_folder(f, g.gl_pathv[k] + root, false);
		globfree(&g);
	}
}
