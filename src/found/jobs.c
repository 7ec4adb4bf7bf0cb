/*
 * Crontabs and systemd timers that look like backups. A command may hold a
 * password: only the word that gave it away and its hour leave here.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "found/intern.h"

enum { SCRIPT_MAX = 256 << 10, CRONTAB_MS = 3000, PATHS_MAX = 4096 };

/* ---- what a command does ---------------------------------------------------- */

/* Some crontabs call a script that does the dumping. */
static const char *
word_in_script(struct found *f, const char *command, bool *ret_strong)
{
	const char *word = NULL, *got, *path;
	struct buf b = BUF_INIT;
	char *rest, *line;
	bool strong = false;
	size_t n = strcspn(command, " \t;&|<>");

	if (command[0] != '/' || n >= PATHS_MAX)
		return NULL;
	path = found_at(f, "%.*s", (int)n, command);
	if (file_read(path, &b, SCRIPT_MAX, NULL) && b.n > 2 &&
	    memcmp(b.p, "#!", 2) == 0) {
		buf_ch(&b, '\0');
		for (rest = b.p; (line = found_line(&rest)) != NULL;) {
			got = line[strspn(line, " \t")] != '#' ?
			    found_backup_word(line, &strong) : NULL;
			if (got != NULL && strong && word == NULL)
				word = got;
		}
	}
	explicit_bzero(b.p, b.n);	/* it may hold a password */
	buf_release(&b);
	if (word == NULL)
		return NULL;
	*ret_strong = true;
	return pool_printf(&f->pool, "%s in %.*s", word, (int)n, command);
}

static bool
is_system(const char *path)
{
	static const char *const tops[] = { "/usr/", "/bin/", "/sbin/", "/dev/",
	    "/etc/", "/proc/", "/sys/", "/lib/", "/run/", "/tmp/" };

	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
		if (text_starts(path, tops[i]))
			return true;
	return false;
}

/* Where a backup's command writes: the folders of the paths that it names. */
static void
folders_in(struct found *f, const char *command)
{
	for (const char *s = command; (s = strchr(s, '/')) != NULL;) {
		size_t n = strcspn(s, " \t;&|<>\"'`$()%*?{}");
		bool begins = s == command || strchr(" \t=<>\"':", s[-1]) !=
		    NULL;
		char *path = xprintf("%.*s/", (int)n, s), *slash;

		s += n;
		if (begins && !is_system(path)) {
			path[n] = '\0';
			if (!file_is_dir(found_at(f, "%s", path))) {
				slash = strrchr(path, '/');
				*slash = '\0';
			}
			if (path[0] != '\0' && path[1] != '\0')
				found_folder(f, path, true);
		}
		free(path);
	}
}

static void
add_job(struct found *f, const char *name, const char *command,
    const char *when, const char *user, bool active)
{
	struct found_thing *t;
	bool strong = false;
	const char *word = found_backup_word(command, &strong), *deeper = NULL;

	if (!strong)
		deeper = word_in_script(f, command, &strong);
	if (word == NULL && deeper == NULL)
		return;
	t = found_add(f, FOUND_JOB);
	t->name = name;
	t->text = deeper != NULL ? deeper : word;
	t->when = when;
	t->user = user;
	t->ok = active;
	t->strong = strong;
	folders_in(f, command);
}

/* ---- crontabs ---------------------------------------------------------------- */

static bool
is_setting(const char *line)
{
	size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_");

	n += strspn(line + n, " \t");
	return n > 0 && line[n] == '=';
}

static void
crontab(struct found *f, char *text, const char *name, bool has_user,
    const char *owner)
{
	char *line;
	size_t number = 0;
	bool own_zone = false;

	while ((line = found_line(&text)) != NULL) {
		const char *rest = "", *user = owner, *when;

		number++;
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#')
			continue;
		if (is_setting(line)) {
			own_zone = own_zone || text_starts(line, "CRON_TZ");
			continue;
		}
		when = found_cron_when(f, line, &rest);
		if (has_user) {
			size_t n = strcspn(rest, " \t");

			user = pool_strn(&f->pool, rest, n);
			rest += n + strspn(rest + n, " \t");
		}
		add_job(f, pool_printf(&f->pool, "%s:%zu", name, number), rest,
		    own_zone ? NULL : when, user, true);
	}
}

/* What cron runs of a folder: no dots in the names. */
static bool
cron_runs(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name != NULL ? name + 1 : path;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

static void
crontabs(struct found *f)
{
	static const char *const patterns[] = { "/etc/crontab",
	    "/etc/cron.d/*", "/var/spool/cron/crontabs/*",
	    "/var/spool/cron/*" };
	size_t root = f->root != NULL ? strlen(f->root) : 0;
	struct buf b = BUF_INIT;
	glob_t g;

	for (size_t i = 0; i < 4; i++) {
		if (glob(found_at(f, "%s", patterns[i]), 0, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++) {
			const char *path = g.gl_pathv[k];

			if (cron_runs(path) && !file_is_dir(path) &&
			    found_read(f, path, &b))
				crontab(f, b.p, found_str(f, path + root),
				    i < 2, i < 2 ? NULL :
				    found_str(f, strrchr(path, '/') + 1));
		}
		globfree(&g);
	}
	explicit_bzero(b.p, b.n);
	buf_release(&b);
}

/* Scripts of cron.daily and its like have no hour of their own. */
static void
cron_folders(struct found *f)
{
	static const char *const dirs[] = { "hourly", "daily", "weekly" };
	glob_t g;

	for (size_t i = 0; i < 3; i++) {
		const char *pattern = found_at(f, "/etc/cron.%s/*", dirs[i]);
		size_t root = f->root != NULL ? strlen(f->root) : 0;

		if (glob(pattern, 0, NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++)
			if (cron_runs(g.gl_pathv[k])) {
				const char *path = found_str(f,
				    g.gl_pathv[k] + root);

				add_job(f, path, path, NULL, "root", true);
			}
		globfree(&g);
	}
}

/* The spool is closed to ordinary users; crontab(1) opens it for them. */
static void
own_crontab(struct found *f)
{
	static const char *const argv[] = { "crontab", "-l", NULL };
	struct err e = ERR_INIT;
	struct ran ran;
	char *path;

	if (f->root != NULL || geteuid() == 0)
		return;		/* read already */
	path = spawn_which("crontab");
	if (path != NULL) {
		if (found_ask(argv, CRONTAB_MS, &ran, &e))
			crontab(f, ran.out.p, "your crontab", false, NULL);
		else if (e.kind == ERR_TIMEOUT)
			found_note(f, "your crontab: %s", e.msg);
		explicit_bzero(ran.out.p, ran.out.n);
		ran_release(&ran);
	}
	free(path);
}

/* ---- timers ------------------------------------------------------------------ */

static const char *const unit_dirs[] = { "/etc/systemd/system",
    "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system" };

enum { UNIT_DIRS = sizeof unit_dirs / sizeof *unit_dirs };

static const char *
setting(char *text, const char *key, struct found *f)
{
	size_t n = strlen(key);
	const char *value = NULL;
	char *line;

	while ((line = found_line(&text)) != NULL) {
		line += strspn(line, " \t");
		if (strncmp(line, key, n) != 0)
			continue;
		line += n + strspn(line + n, " \t");
		if (*line++ != '=')
			continue;
		line += strspn(line, " \t");
		if (value == NULL || *value == '\0')	/* the first one */
			value = found_str(f, line);
		else if (*line == '\0')
			value = NULL;			/* taken back */
	}
	return value;
}

/* The key's value in a unit file and what was dropped in beside it. */
static const char *
unit_value(struct found *f, const char *dir, const char *unit,
    const char *key)
{
	struct buf b = BUF_INIT;
	const char *value = NULL, *own;
	glob_t g;

	if (file_exists(found_at(f, "%s/%s", dir, unit)) &&
	    found_read(f, found_at(f, "%s/%s", dir, unit), &b))
		value = setting(b.p, key, f);
	for (size_t i = 0; i < UNIT_DIRS; i++) {
		if (glob(found_at(f, "%s/%s.d/*.conf", unit_dirs[i], unit), 0,
		    NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++) {
			own = found_read(f, g.gl_pathv[k], &b) ?
			    setting(b.p, key, f) : NULL;
			if (!text_empty(own))
				value = own;
		}
		globfree(&g);
	}
	explicit_bzero(b.p, b.n);
	buf_release(&b);
	return text_empty(value) ? NULL : value;
}

static const char *
dir_of_unit(struct found *f, const char *const *dirs, size_t n,
    const char *unit)
{
	for (size_t i = 0; i < n; i++)
		if (file_exists(found_at(f, "%s/%s", dirs[i], unit)))
			return dirs[i];
	return NULL;
}

static bool
is_enabled(const char *const *dirs, size_t n, struct found *f,
    const char *unit)
{
	glob_t g;

	for (size_t i = 0; i < n; i++)
		if (glob(found_at(f, "%s/*.wants/%s", dirs[i], unit), 0, NULL,
		    &g) == 0) {
			globfree(&g);
			return true;
		}
	return false;
}

/* pg_dump@15-main.timer is written down as pg_dump@.timer. */
static const char *
template_of(struct found *f, const char *unit)
{
	const char *at = strchr(unit, '@');

	return at == NULL ? unit : pool_printf(&f->pool, "%.*s@%s",
	    (int)(at - unit), unit, strrchr(unit, '.'));
}

static void
timer(struct found *f, const char *const *dirs, size_t n, const char *unit,
    const char *user)
{
	const char *file = template_of(f, unit);
	const char *dir = dir_of_unit(f, dirs, n, file);
	const char *service, *when, *command = NULL, *runs_as;
	bool enabled = is_enabled(dirs, n, f, unit);
	struct buf all = BUF_INIT;

	/* what a package brought and nobody switched on */
	if (dir == NULL || (!enabled && (text_starts(dir, "/usr/lib") ||
	    text_starts(dir, "/lib"))))
		return;
	service = unit_value(f, dir, file, "Unit");
	when = unit_value(f, dir, file, "OnCalendar");
	if (service == NULL)
		service = template_of(f, pool_printf(&f->pool, "%.*s.service",
		    (int)(strlen(unit) - strlen(".timer")), unit));
	dir = dir_of_unit(f, dirs, n, service);
	if (dir != NULL)
		command = unit_value(f, dir, service, "ExecStart");
	runs_as = dir != NULL ? unit_value(f, dir, service, "User") : NULL;
	if (command != NULL)
		buf_printf(&all, "%s ", command + strspn(command, "-@:+!|"));
	buf_str(&all, unit);
	add_job(f, unit, all.p, when != NULL ? found_calendar_when(f, when) :
	    NULL, runs_as != NULL ? runs_as : user, enabled);
	explicit_bzero(all.p, all.n);
	buf_release(&all);
}

/* Those that are files, and instances of templates, which are links only. */
static void
timers(struct found *f, const char *const *dirs, size_t n, const char *user)
{
	static const char *const patterns[] = { "*.timer", "*.wants/*.timer" };
	VEC(const char *) seen = { 0 };
	char link[64];
	glob_t g;

	for (size_t i = 0; i < n * 2; i++) {
		if (glob(found_at(f, "%s/%s", dirs[i / 2], patterns[i % 2]), 0,
		    NULL, &g) != 0)
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++) {
			const char *path = g.gl_pathv[k];
			const char *unit = strrchr(path, '/') + 1;
			ssize_t len = readlink(path, link, sizeof link);

			if (text_in(unit, seen.v, seen.n) ||
			    strstr(unit, "@.") != NULL)
				continue;
			unit = found_str(f, unit);
			VEC_PUSH(&seen, unit);
			if (len != 9 || memcmp(link, "/dev/null", 9) != 0)
				timer(f, dirs, n, unit, user);
		}
		globfree(&g);
	}
	VEC_RELEASE(&seen);
}

void
look_jobs(struct found *f)
{
	const char *mine = found_home(f, ".config/systemd/user");

	crontabs(f);
	cron_folders(f);
	own_crontab(f);
	timers(f, unit_dirs, UNIT_DIRS, NULL);
	if (mine != NULL && f->root == NULL)
		timers(f, &mine, 1, "you");
}
