/*
 * systemd's timers, out of their unit files: where they are looked for,
 * drop-ins, what enabling leaves behind.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "probe/starter_intern.h"

/* Earlier ones hide later ones. */
static const char *const system_dirs[] = { "/etc/systemd/system",
    "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system", NULL };

struct units {
	const struct starter_search *search;
	struct starters *all;
	const char *root;
	const char *const *dirs;
	bool user;
};

bool
unit_span(const char *s, int64_t *ret_ms)
{
	static const struct { const char *word; int64_t us; } known[] = {
		{ "us", 1 }, { "usec", 1 }, { "ms", 1000 }, { "msec", 1000 },
		{ "s", 1000000 }, { "sec", 1000000 }, { "second", 1000000 },
		{ "seconds", 1000000 }, { "", 1000000 }, { "m", 60000000 },
		{ "min", 60000000 }, { "minute", 60000000 },
		{ "minutes", 60000000 }, { "h", 3600000000 },
		{ "hr", 3600000000 }, { "hour", 3600000000 },
		{ "hours", 3600000000 }, { "d", 86400000000 },
		{ "day", 86400000000 }, { "days", 86400000000 },
		{ "w", 604800000000 }, { "week", 604800000000 },
		{ "weeks", 604800000000 },
	};
	int64_t us = 0;
	bool any = false;

	for (s += strspn(s, " \t"); *s != '\0'; s += strspn(s, " \t")) {
		double v = 0, unit = 1;
		size_t n, i;

		if (!isdigit((unsigned char)*s))
			return false;
		for (; isdigit((unsigned char)*s) && v < 1e9; s++)
			v = v * 10 + (*s - '0');
		if (*s == '.')
			for (s++; isdigit((unsigned char)*s); s++)
				v += (*s - '0') * (unit /= 10);
		s += strspn(s, " \t");
		for (n = 0; isalpha((unsigned char)s[n]);)
			n++;
		for (i = 0; i < sizeof known / sizeof *known; i++)
			if (strlen(known[i].word) == n &&
			    memcmp(known[i].word, s, n) == 0)
				break;
		if (i == sizeof known / sizeof *known)
			return false;
		us += (int64_t)(v * (double)known[i].us);
		s += n;
		any = true;
	}
	*ret_ms = us / 1000;
	return any;
}

/* ---- unit files ---------------------------------------------------------- */

static char *
below(const struct units *u, const char *dir, const char *name)
{
	return xprintf("%s%s/%s", u->user ? "" : u->root, dir, name);
}

/* Where a unit's file is, NULL: nowhere. */
static char *
unit_path(const struct units *u, const char *name)
{
	for (size_t i = 0; u->dirs[i] != NULL; i++) {
		char *path = below(u, u->dirs[i], name);
		struct stat st;

		if (lstat(path, &st) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static bool
is_masked(const char *path)
{
	char to[PATH_MAX];
	struct stat st;
	ssize_t n = readlink(path, to, sizeof to - 1);

	return (n == 9 && memcmp(to, "/dev/null", 9) == 0) ||
	    (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0);
}

static bool
is_conf(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

/* NAME.d/x.conf of every folder, in the order of their names. */
static void
add_drop_ins(const struct units *u, const char *name, struct buf *out)
{
	char *dir = xprintf("%s.d", name);
	struct starter_names all = { 0 };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; u->dirs[i] != NULL; i++) {
		char *path = xprintf("%s/%s", u->dirs[i], dir);
		struct starter_names one;

		starter_list(&one, u->user ? "" : u->root, path, is_conf);
		for (size_t k = 0; k < one.v.n; k++) {
			size_t at = 0;

			while (at < all.v.n &&
			    strcmp(all.v.v[at], one.v.v[k]) < 0)
				at++;
			if (at < all.v.n && strcmp(all.v.v[at],
			    one.v.v[k]) == 0)
				continue;
			VEC_PUSH(&all.v, NULL);
			memmove(&all.v.v[at + 1], &all.v.v[at],
			    (all.v.n - at - 1) * sizeof *all.v.v);
			all.v.v[at] = xstrdup(one.v.v[k]);
		}
		starter_names_release(&one);
		free(path);
	}
	for (size_t k = 0; k < all.v.n; k++) {
		char *sub = xprintf("%s/%s", dir, all.v.v[k]);
		char *path = unit_path(u, sub);

		buf_ch(out, '\n');
		if (path != NULL)
			(void)file_read(path, out, STARTER_FILE, &ignored);
		free(path);
		free(sub);
	}
	starter_names_release(&all);
	free(dir);
}

/* The unit with its drop-ins; x@y.timer is x@.timer where it has no own. */
static bool
unit_text(const struct units *u, const char *name, struct buf *out)
{
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');
	char *path = unit_path(u, name), *general = NULL;
	struct err e = ERR_INIT;
	bool ok;

	if (path == NULL && at != NULL && dot != NULL && dot > at) {
		general = xprintf("%.*s@%s", (int)(at - name), name, dot);
		path = unit_path(u, general);
	}
	ok = path != NULL && !is_masked(path) &&
	    file_read(path, out, STARTER_FILE, &e);
	if (path != NULL && e.sys_errno == EACCES)
		starter_unseen(u->all, "'%s' cannot be read", path);
	if (ok && general != NULL)
		add_drop_ins(u, general, out);
	if (ok)
		add_drop_ins(u, name, out);
	free(general);
	free(path);
	return ok;
}

/* Each key of a section; lines that end in a backslash go on. */
static void
each_key(const char *text, const char *section,
    void (*key)(void *ctx, const char *key, const char *value), void *ctx)
{
	struct buf line = BUF_INIT;
	bool inside = false;

	while (*text != '\0') {
		size_t n = strcspn(text, "\n"), len;
		char *s, *eq;

		buf_add(&line, text, n);
		text += n + (text[n] == '\n');
		if (line.n > 0 && line.p[line.n - 1] == '\\' && *text != '\0') {
			line.p[line.n - 1] = ' ';
			continue;
		}
		s = line.p + strspn(line.p, " \t");
		len = strlen(s);
		while (len > 0 && isspace((unsigned char)s[len - 1]))
			s[--len] = '\0';
		eq = strchr(s, '=');
		if (*s == '[')
			inside = strncmp(s + 1, section, strlen(section)) == 0 &&
			    s[1 + strlen(section)] == ']';
		else if (inside && *s != '#' && *s != ';' && eq != NULL) {
			*eq++ = '\0';
			s[strcspn(s, " \t")] = '\0';
			key(ctx, s, eq + strspn(eq, " \t"));
		}
		buf_clear(&line);
	}
	buf_release(&line);
}

/* ---- the service --------------------------------------------------------- */

struct service {
	struct buf commands, settings;	/* a command a line */
	char *user;
};

static void
service_key(void *ctx, const char *key, const char *value)
{
	struct service *s = ctx;

	if (strcmp(key, "Environment") == 0)
		buf_printf(&s->settings, "%s ", value);
	else if (strcmp(key, "User") == 0) {
		free(s->user);
		s->user = *value != '\0' ? xstrdup(value) : NULL;
	} else if (strcmp(key, "ExecStart") == 0 && *value == '\0')
		buf_clear(&s->commands);
	else if (strcmp(key, "ExecStart") == 0)
		buf_printf(&s->commands, "%s\n",
		    value + strspn(value, "-@:+!|"));
}

static void
service_read(const struct units *u, const char *name, struct service *s)
{
	struct buf text = BUF_INIT;

	if (unit_text(u, name, &text))
		each_key(text.p, "Service", service_key, s);
	explicit_bzero(text.p, text.n);
	buf_release(&text);
}

/* The last of its commands that is looked for (one that has none may be looked
 * for by its name). Caller frees, NULL: none. */
static char *
service_wanted(const struct units *u, const char *unit, struct service *s)
{
	const char *settings = s->settings.n > 0 ? s->settings.p : "";
	char *found = NULL, *line, *save = NULL;

	if (s->commands.n == 0)
		return u->search->keep(u->search->ctx, "", unit, settings) ?
		    xstrdup("") : NULL;
	for (line = strtok_r(s->commands.p, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		if (u->search->keep(u->search->ctx, line, unit, settings)) {
			free(found);
			found = xstrdup(line);
		}
	return found;
}

static void
service_release(struct service *s)
{
	explicit_bzero(s->commands.p, s->commands.n);
	explicit_bzero(s->settings.p, s->settings.n);
	buf_release(&s->commands);
	buf_release(&s->settings);
	free(s->user);
}

/* ---- the timer ----------------------------------------------------------- */

struct timer {
	VEC(struct firing) firings;
	char *service, *wrong;
	int64_t late_ms;
	bool catches_up, drifts;
};

static void
timer_key(void *ctx, const char *key, const char *value)
{
	static const char *const spans[] = { "OnActiveSec", "OnBootSec",
	    "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec" };
	struct timer *t = ctx;
	struct err e = ERR_INIT;
	struct firing f;

	if (strcmp(key, "OnCalendar") == 0 && *value == '\0') {
		t->firings.n = 0;
		t->drifts = false;
	} else if (strcmp(key, "OnCalendar") == 0) {
		if (firing_calendar(&f, value, &e))
			VEC_PUSH(&t->firings, f);
		else if (t->wrong == NULL)
			t->wrong = xstrdup(value);
	} else if (text_in(key, spans, 5))
		t->drifts = *value != '\0';
	else if (strcmp(key, "RandomizedDelaySec") == 0)
		(void)unit_span(value, &t->late_ms);
	else if (strcmp(key, "Persistent") == 0)
		t->catches_up = text_in(value, (const char *const[]){ "true",
		    "yes", "1", "on" }, 4);
	else if (strcmp(key, "Unit") == 0) {
		free(t->service);
		t->service = xstrdup(value);
	}
}

/* Where packages put theirs. */
static bool
is_shipped(const struct units *u, const char *path)
{
	path += u->user ? 0 : strlen(u->root);
	return text_starts(path, "/usr/lib/") || text_starts(path, "/lib/");
}

static bool
is_target_folder(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && (strcmp(dot, ".wants") == 0 ||
	    strcmp(dot, ".requires") == 0);
}

/* What systemctl enable leaves: a link in some TARGET.wants. */
static bool
is_wanted(const struct units *u, const char *name)
{
	bool yes = false;

	for (size_t i = 0; u->dirs[i] != NULL && !yes; i++) {
		struct starter_names subs;

		starter_list(&subs, u->user ? "" : u->root, u->dirs[i],
		    is_target_folder);
		for (size_t k = 0; k < subs.v.n && !yes; k++) {
			char *sub = file_join(u->dirs[i], subs.v.v[k]);
			char *path = below(u, sub, name);
			struct stat st;

			yes = lstat(path, &st) == 0;
			free(path);
			free(sub);
		}
		starter_names_release(&subs);
	}
	return yes;
}

static bool
lingers(const struct units *u)
{
	const struct passwd *pw = getpwuid(geteuid());
	char *path = xprintf("%s/var/lib/systemd/linger/%s", u->root,
	    pw != NULL ? pw->pw_name : "?");
	bool yes = file_exists(path);

	free(path);
	return yes;
}

static void
judge_timer(const struct units *u, struct starter *s, const char *name,
    const struct timer *t, bool masked)
{
	char *systemd = xprintf("%s/run/systemd/system", u->root);
	char *enable = xprintf("systemctl %senable --now %s", u->user ?
	    "--user " : "", name);
	bool wanted = is_wanted(u, name);

	s->masked = masked;
	s->off = masked || !wanted;
	if (!file_is_dir(systemd))
		starter_problem(s, "'midwatch schedule cron' prints a line for "
		    "cron.", "systemd does not run on this host");
	else if (masked)
		starter_problem(s, "Unmask it with systemctl.", "it is masked");
	else if (t->wrong != NULL)
		starter_problem(s, "'systemd-analyze calendar' explains what "
		    "can be written there.", "OnCalendar has no time: '%s'",
		    t->wrong);
	else if (t->firings.n == 0 && !t->drifts)
		starter_problem(s, "Give it an OnCalendar.",
		    "it has no time at all");
	else if (!wanted)
		starter_problem(s, enable, "it is not enabled");
	else if (u->user && !lingers(u))
		starter_problem(s, "loginctl enable-linger", "a timer of a "
		    "user who does not linger only runs while they are "
		    "logged in");
	free(enable);
	free(systemd);
}

static void
one_timer(const struct units *u, const char *name)
{
	struct timer t = { .service = NULL };
	struct service service = { BUF_INIT, BUF_INIT, NULL };
	struct buf text = BUF_INIT;
	char *path = unit_path(u, name), *what, *command;
	bool masked = path != NULL && is_masked(path);
	struct starter *s;

	if (unit_text(u, name, &text))
		each_key(text.p, "Timer", timer_key, &t);
	if (t.service == NULL)
		t.service = xprintf("%.*s.service", (int)(strlen(name) - 6),
		    name);
	service_read(u, t.service, &service);
	command = service_wanted(u, name, &service);
	if (command != NULL) {
		what = xprintf("%s%s", name, u->user ? " (of this user)" : "");
		s = starter_add(u->all, what, name, command,
		    u->all->host_zone);
		explicit_bzero(command, strlen(command));
		s->unit = xstrdup(name);
		s->of_user = u->user;
		s->shipped = path != NULL && is_shipped(u, path);
		s->user = service.user;
		service.user = NULL;
		s->late_ms = t.late_ms;
		s->catches_up = t.catches_up;
		s->drifts = t.drifts;
		for (size_t i = 0; i < t.firings.n; i++)
			VEC_PUSH(&s->firings, t.firings.v[i]);
		judge_timer(u, s, name, &t, masked);
		free(what);
	}
	free(command);
	VEC_RELEASE(&t.firings);
	service_release(&service);
	free(t.service);
	free(t.wrong);
	free(path);
	buf_release(&text);
}

/* x@.timer only is one as x@y.timer. */
static bool
is_timer(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, ".timer") == 0 &&
	    strstr(name, "@.") == NULL;
}

static void
timers_in(const struct units *u, const char *dir, struct starter_names *seen)
{
	struct starter_names here;

	starter_list(&here, u->user ? "" : u->root, dir, is_timer);
	for (size_t k = 0; k < here.v.n; k++) {
		if (text_in(here.v.v[k], (const char *const *)seen->v.v,
		    seen->v.n))
			continue;
		VEC_PUSH(&seen->v, xstrdup(here.v.v[k]));
		one_timer(u, here.v.v[k]);
	}
	starter_names_release(&here);
}

/* Instances of templates are links of some target only. */
static void
each_timer(const struct units *u)
{
	struct starter_names seen = { 0 };

	for (size_t i = 0; u->dirs[i] != NULL; i++)
		timers_in(u, u->dirs[i], &seen);
	for (size_t i = 0; u->dirs[i] != NULL; i++) {
		struct starter_names subs;

		starter_list(&subs, u->user ? "" : u->root, u->dirs[i],
		    is_target_folder);
		for (size_t k = 0; k < subs.v.n; k++) {
			char *sub = file_join(u->dirs[i], subs.v.v[k]);

			timers_in(u, sub, &seen);
			free(sub);
		}
		starter_names_release(&subs);
	}
	starter_names_release(&seen);
}

void
units_find(const struct starter_search *search)
{
	const char *home = getenv("HOME"), *root = search->all->root;
	char *own = xprintf("%s/.config/systemd/user",
	    home != NULL && *home == '/' ? home : "/nonexistent");
	const char *user_dirs[] = { own, "/etc/systemd/user", NULL };
	struct units u = { search, search->all, root, system_dirs, false };

	each_timer(&u);
	if (*root == '\0') {
		u.dirs = user_dirs;
		u.user = true;
		each_timer(&u);
	}
	free(own);
}
