/*
 * Crontabs and systemd timers that look like backups. A command may hold a
 * password: only the word that gave it away and its hour leave here.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "found/intern.h"
#include "probe/starter.h"

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

/* ---- what is started by the clock -------------------------------------------- */

/* The unit's name counts as well: backup.timer may start anything. */
static const char *
looks_like(struct found *f, const char *command, const char *unit,
    bool *ret_strong)
{
	const char *deeper = NULL, *word;
	char *all = xprintf("%s %s", command, unit != NULL ? unit : "");

	word = found_backup_word(all, ret_strong);
	explicit_bzero(all, strlen(all));
	free(all);
	if (!*ret_strong)
		deeper = word_in_script(f, command, ret_strong);
	return deeper != NULL ? deeper : word;
}

static bool
is_backup(void *ctx, const char *command, const char *unit,
    const char *settings)
{
	bool strong = false;

	(void)settings;
	return looks_like(ctx, command, unit, &strong) != NULL;
}

static void
add_job(struct found *f, const struct starter *s)
{
	struct found_thing *t;
	bool strong = false;

	/* what a package brought and nobody switched on, what cron leaves out,
	 * and what was switched off for good */
	if (s->off && (s->unit == NULL || s->shipped || s->masked))
		return;
	for (size_t i = 0; i < f->things.n; i++)	/* cron and anacron */
		if (f->things.v[i].kind == FOUND_JOB &&
		    strcmp(f->things.v[i].name, s->name) == 0)
			return;
	t = found_add(f, FOUND_JOB);
	t->name = found_str(f, s->name);
	t->text = looks_like(f, s->command, s->unit, &strong);
	t->when = s->firings.n == 1 && !s->drifts ? found_when(f,
	    &s->firings.v[0], s->zone) : NULL;
	t->user = s->user != NULL ? found_str(f, s->user) :
	    s->of_user ? "you" : NULL;
	t->ok = !s->off;
	t->strong = strong;
	folders_in(f, s->command);
}

/* The spool is closed to ordinary users; crontab(1) opens it for them. */
static void
own_crontab(struct found *f, struct starters *all)
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
			starters_crontab(all, "your crontab", ran.out.p,
			    false, is_backup, f);
		else if (e.kind == ERR_TIMEOUT)
			found_note(f, "your crontab: %s", e.msg);
		explicit_bzero(ran.out.p, ran.out.n);
		ran_release(&ran);
	}
	free(path);
}

void
look_jobs(struct found *f)
{
	struct starters all = { .root = f->root != NULL ? f->root : "",
	    .host_zone = xstrdup(f->zone) };

	starters_find(&all, is_backup, f);
	own_crontab(f, &all);
	for (size_t i = 0; i < all.v.n; i++)
		add_job(f, &all.v.v[i]);
	if (all.unseen != NULL && geteuid() == 0)
		found_note(f, "%s", all.unseen);
	starters_release(&all);
}
