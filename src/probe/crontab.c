/*
 * Crontabs as cron reads them, with what makes it leave a line or a file out.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "probe/starter_intern.h"

static const char use_a_timer[] =
    "'midwatch schedule systemd' prints a timer that does.";

/* ---- the daemon ---------------------------------------------------------- */

struct cron {
	bool there, runs;
	bool heeds_zone;	/* it knows CRON_TZ */
	bool debian;		/* and is picky about names in cron.d */
};

/* What a daemon knows stands in it. */
static bool
knows(const char *path, const char *word)
{
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	bool yes = file_read(path, &b, 4 << 20, &ignored) &&
	    memmem(b.p, b.n, word, strlen(word)) != NULL;

	buf_release(&b);
	return yes;
}

static bool
is_cron(const char *pid)
{
	char *path = xprintf("/proc/%s/comm", pid);
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	int64_t n;
	bool yes = text_int(pid, 1, INT32_MAX, &n) &&
	    file_read(path, &b, 64, &ignored) &&
	    (strcmp(b.p, "cron\n") == 0 || strcmp(b.p, "crond\n") == 0);

	buf_release(&b);
	free(path);
	return yes;
}

static bool
is_running(const char *root)
{
	static const char *const files[] = { "/run/crond.pid", "/run/cron.pid" };
	struct starter_names pids;
	bool yes = false;

	if (*root != '\0') {
		for (size_t i = 0; i < 2 && !yes; i++) {
			char *path = xprintf("%s%s", root, files[i]);

			yes = file_exists(path);
			free(path);
		}
		return yes;
	}
	starter_list(&pids, "", "/proc", is_cron);
	yes = pids.v.n > 0;
	starter_names_release(&pids);
	return yes;
}

static void
cron_of(struct cron *c, const char *root)
{
	static const char *const daemons[] = { "/usr/sbin/cron",
	    "/usr/sbin/crond", "/usr/bin/crond",
	    "/usr/lib/systemd/system-generators/systemd-crontab-generator" };
	char *debian = xprintf("%s/etc/debian_version", root);

	*c = (struct cron){ .debian = file_exists(debian) };
	for (size_t i = 0; i < 4 && !c->there; i++) {
		char *path = xprintf("%s%s", root, daemons[i]);

		c->there = file_exists(path);
		if (c->there)
			c->heeds_zone = knows(path, "CRON_TZ");
		/* the last one makes timers of crontabs */
		c->runs = c->there && (i == 3 || is_running(root));
		free(path);
	}
	free(debian);
}

bool
starters_cron_zone(const char *root)
{
	struct cron c;

	cron_of(&c, root);
	return c.there && c.heeds_zone;
}

/* ---- lines --------------------------------------------------------------- */

struct table {
	const struct starter_search *search;
	struct starters *all;
	const char *root, *what, *path;
	const struct cron *cron;
	bool system;		/* a user stands before the command */
	char zone[64];		/* of CRON_TZ, "" */
	struct buf settings;
	bool tz;		/* TZ is set, which changes nothing here */
};

static bool
wanted(const struct table *t, const char *command)
{
	return t->search->keep(t->search->ctx, command, NULL,
	    t->settings.n > 0 ? t->settings.p : "");
}

/* NAME = value, with or without quotes */
static bool
assignment(struct table *t, const char *line)
{
	const char *s = line + strspn(line, " \t"), *eq;
	size_t n = 0;
	char name[32], value[512];

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	eq = s + n + strspn(s + n, " \t");
	if (n == 0 || isdigit((unsigned char)*s) || *eq != '=' ||
	    n >= sizeof name)
		return n > 0 && *eq == '=';
	memcpy(name, s, n);
	name[n] = '\0';
	eq++;
	eq += strspn(eq, " \t\"'");
	(void)snprintf(value, sizeof value, "%.*s",
	    (int)strcspn(eq, " \t\"'\r"), eq);
	if (strcmp(name, "CRON_TZ") == 0)
		(void)snprintf(t->zone, sizeof t->zone, "%.63s", value);
	else if (strcmp(name, "TZ") == 0)
		t->tz = true;
	buf_printf(&t->settings, "%s=%s ", name, value);
	return true;
}

static void
note_zone(struct starter *s, const struct table *t)
{
	if (t->zone[0] != '\0' && !t->cron->heeds_zone)
		s->note = xstrdup("the cron of this host does not heed "
		    "CRON_TZ");
	else if (t->zone[0] != '\0' && !clock_zone_known(t->zone))
		s->note = xprintf("CRON_TZ names no zone: '%.63s'", t->zone);
	else if (t->tz && t->zone[0] == '\0')
		s->note = xstrdup("TZ in a crontab holds for the command, not "
		    "for when it starts");
}

/* number 0: all of the file */
static struct starter *
add_line(struct table *t, const struct firing *f, const char *path,
    int number, const char *command)
{
	char *what = number > 0 ? xprintf("%s, line %d", t->what, number) :
	    xprintf("'%s'", path), *name = number > 0 ?
	    xprintf("%s:%d", path, number) : xstrdup(path);
	bool heeded = t->zone[0] != '\0' && t->cron->heeds_zone &&
	    clock_zone_known(t->zone);
	struct starter *s = starter_add(t->all, what, name, command, heeded ?
	    t->zone : t->all->host_zone);

	free(what);
	free(name);
	VEC_PUSH(&s->firings, *f);
	note_zone(s, t);
	if (!t->cron->there)
		starter_problem(s, use_a_timer, "no cron is installed on this "
		    "host");
	else if (!t->cron->runs)
		starter_problem(s, "Start it: 'systemctl enable --now cron'.",
		    "cron does not run on this host");
	else if (f->reboot)
		starter_problem(s, "Give it an hour instead of @reboot.",
		    "it only runs when the host starts");
	return s;
}

static bool
runs_as_part(const char *name)
{
	for (const char *s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-')
			return false;
	return true;
}

/* run-parts of /etc/cron.daily and its like: the scripts in it. */
static void
parts(struct table *t, const struct firing *f, const char *command)
{
	const char *at = strstr(command, "/etc/cron.");
	size_t n = at != NULL ? strcspn(at, " \t;})\"'") : 0;
	char *dir, *anacron = xprintf("%s/usr/sbin/anacron", t->root);
	struct starter_names names;

	if (at == NULL || strstr(command, "run-parts") == NULL) {
		free(anacron);
		return;
	}
	dir = xstrndup(at, n);
	starter_list(&names, t->root, dir, NULL);
	for (size_t i = 0; i < names.v.n; i++) {
		char *path = file_join(dir, names.v.v[i]);
		char *full = xprintf("%s%s", t->root, path);
		struct starter *s;

		if (wanted(t, path)) {
			s = add_line(t, f, path, 0, path);
			s->user = xstrdup("root");
			if (strstr(command, "anacron") != NULL)
				s->drifts = file_exists(anacron);
			s->off = !runs_as_part(names.v.v[i]) ||
			    access(full, X_OK) != 0;
			if (!runs_as_part(names.v.v[i]))
				starter_problem(s, "Rename it: letters, "
				    "digits, '_' and '-' alone.",
				    "run-parts leaves it out for its name");
			else if (access(full, X_OK) != 0)
				starter_problem(s, "chmod +x it.",
				    "it is not executable");
		}
		free(full);
		free(path);
	}
	starter_names_release(&names);
	free(dir);
	free(anacron);
}

/* [ "$(TZ=Europe/Berlin date +\%w-\%H:\%M)" = 0-08:00 ] && …: the hour is one of
 * that zone. schedule cron writes such lines. */
static void
look_at_clock(const char *command, struct firing *f)
{
	const char *at = strstr(command, "$(TZ="), *s, *eq;
	bool week;
	size_t n;
	int h, m;

	if (at == NULL)
		return;
	at += strlen("$(TZ=");
	n = strcspn(at, " ");
	s = at + n;
	week = text_starts(s, " date +\\%w-\\%H:\\%M)");
	if ((!week && !text_starts(s, " date +\\%H:\\%M)")) ||
	    n >= sizeof f->only_zone || (eq = strstr(s, " = ")) == NULL)
		return;
	eq += strlen(" = ");
	f->only_weekday = week && isdigit((unsigned char)*eq) ? *eq - '0' : -1;
	eq += week ? 2 : 0;
	if (strspn(eq, "0123456789:") < 5 || eq[2] != ':')
		return;
	h = (eq[0] - '0') * 10 + eq[1] - '0';
	m = (eq[3] - '0') * 10 + eq[4] - '0';
	f->only_minute = h * 60 + m;
	(void)snprintf(f->only_zone, sizeof f->only_zone, "%.*s", (int)n, at);
	if (!clock_zone_known(f->only_zone))
		f->only_zone[0] = '\0';
}

static void
one_line(struct table *t, const char *line, int number)
{
	const char *command = line + strspn(line, " \t"), *user = NULL;
	struct firing f;
	struct err ignored = ERR_INIT;
	struct starter *s;
	size_t n = 0;

	if (*command == '\0' || *command == '#' || assignment(t, line) ||
	    !firing_cron(&f, line, &command, &ignored))
		return;
	if (t->system) {
		user = command;
		n = strcspn(command, " \t");
		command += n + strspn(command + n, " \t");
	}
	parts(t, &f, command);
	if (!wanted(t, command))
		return;
	look_at_clock(command, &f);
	s = add_line(t, &f, t->path, number, command);
	if (user != NULL)
		s->user = xstrndup(user, n);
}

static void
read_table(struct table *t, const char *text)
{
	int number = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *line = xstrndup(text, n);

		line[strcspn(line, "\r")] = '\0';
		one_line(t, line, ++number);
		explicit_bzero(line, strlen(line));
		free(line);
		text += n + (text[n] == '\n');
	}
}

void
starters_crontab(struct starters *all, const char *what, const char *text,
    bool system, starter_keep *keep, void *ctx)
{
	struct starter_search search = { all, keep, ctx };
	struct cron cron;
	struct table t = { .search = &search, .all = all, .root = all->root,
	    .what = what, .path = what, .cron = &cron, .system = system,
	    .settings = BUF_INIT };

	cron_of(&cron, t.root);
	if (all->host_zone == NULL)
		die("starters: whose crontab?");
	read_table(&t, text);
	explicit_bzero(t.settings.p, t.settings.n);
	buf_release(&t.settings);
}

/* ---- files --------------------------------------------------------------- */

/* What cron demands of a file, besides that it is there. */
static void
judge_file(struct starters *all, size_t from, const struct table *t,
    const char *path, const struct buf *b)
{
	bool in_d = text_starts(path, "/etc/cron.d/");
	char *full = xprintf("%s%s", t->root, path);
	struct stat st;

	for (size_t i = from; i < all->v.n; i++) {
		struct starter *s = &all->v.v[i];

		if (b->n > 0 && b->p[b->n - 1] != '\n' && t->cron->debian)
			starter_problem(s, "End the last line.", "cron ignores "
			    "a file whose last line does not end");
		if (in_d && t->cron->debian &&
		    !runs_as_part(path + strlen("/etc/cron.d/"))) {
			s->off = true;
			starter_problem(s, "Rename it: letters, digits, '_' "
			    "and '-' alone.", "cron ignores a file with such "
			    "a name in /etc/cron.d");
		}
		if (stat(full, &st) == 0 && t->system &&
		    ((*t->root == '\0' && st.st_uid != 0) ||
		    (st.st_mode & 022) != 0))
			starter_problem(s, "chown root and chmod 644 it.",
			    "cron ignores a file that others than root can "
			    "write");
	}
	free(full);
}

static void
read_file(struct table *t, const char *path, const char *what,
    const char *user)
{
	char *full = xprintf("%s%s", t->root, path);
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	size_t from = t->all->v.n;

	t->zone[0] = '\0';
	t->tz = false;
	buf_clear(&t->settings);
	t->what = what;
	t->path = path;
	if (file_read(full, &b, STARTER_FILE, &e)) {
		read_table(t, b.p);
		judge_file(t->all, from, t, path, &b);
		for (; from < t->all->v.n && user != NULL; from++) {
			free(t->all->v.v[from].user);
			t->all->v.v[from].user = xstrdup(user);
		}
	} else if (e.sys_errno == EACCES)
		starter_unseen(t->all, "%s cannot be read", what);
	explicit_bzero(b.p, b.n);
	buf_release(&b);
	free(full);
}

static void
read_folder(struct table *t, const char *dir, const char *whose)
{
	struct starter_names names;

	starter_list(&names, t->root, dir, NULL);
	if (names.sys_errno == EACCES)
		starter_unseen(t->all, "the crontabs of others (%s) cannot be "
		    "read", dir);
	for (size_t i = 0; i < names.v.n; i++) {
		char *path = file_join(dir, names.v.v[i]);
		char *full = xprintf("%s%s", t->root, path);
		char *what = whose != NULL ? xprintf("%s%s", whose,
		    names.v.v[i]) : xprintf("'%s'", path);

		if (!file_is_dir(full))
			read_file(t, path, what, whose != NULL ?
			    names.v.v[i] : NULL);
		free(what);
		free(full);
		free(path);
	}
	starter_names_release(&names);
}

/* Once a period, at no hour that anybody could name. */
static void
read_anacrontab(struct table *t)
{
	char *full = xprintf("%s/etc/anacrontab", t->root), *line, *save = NULL;
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	size_t from = t->all->v.n;

	buf_clear(&t->settings);
	t->what = "'/etc/anacrontab'";
	t->path = "/etc/anacrontab";
	if (file_read(full, &b, STARTER_FILE, &ignored))
		for (line = strtok_r(b.p, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			struct firing f = { .cron = true };

			if (!isdigit((unsigned char)line[strspn(line, " \t")]))
				continue;
			parts(t, &f, line);
			if (wanted(t, line))
				(void)add_line(t, &f, t->path, 0, line);
		}
	for (size_t i = from; i < t->all->v.n; i++)
		t->all->v.v[i].drifts = true;
	buf_release(&b);
	free(full);
}

void
crontabs_find(const struct starter_search *s)
{
	struct cron cron;
	struct table t = { .search = s, .all = s->all, .root = s->all->root,
	    .cron = &cron, .system = true, .settings = BUF_INIT };

	cron_of(&cron, t.root);
	read_file(&t, "/etc/crontab", "'/etc/crontab'", NULL);
	read_folder(&t, "/etc/cron.d", NULL);
	read_anacrontab(&t);
	t.system = false;
	read_folder(&t, "/var/spool/cron/crontabs", "the crontab of ");
	read_folder(&t, "/var/spool/cron", "the crontab of ");
	buf_release(&t.settings);
}
