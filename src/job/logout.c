#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/text.h"
#include "job/job.h"

/* The last word of logind.conf and its drop-ins on one key. */
static void
read_conf(const char *path, const char *key, char *value, size_t size)
{
	struct buf b = BUF_INIT;
	char *line, *save = NULL;

	if (file_read(path, &b, 1 << 20, NULL))
		for (line = strtok_r(b.p, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			while (*line == ' ' || *line == '\t')
				line++;
			size_t n = strlen(key);

			if (strncmp(line, key, n) == 0 && line[n] == '=')
				(void)snprintf(value, size, "%s", line + n + 1);
		}
	buf_release(&b);
}

static int
drop_in(const struct dirent *de)
{
	size_t n = strlen(de->d_name);

	return n > 5 && strcmp(de->d_name + n - 5, ".conf") == 0;
}

static void
conf_value(const char *key, char *value, size_t size)
{
	static const char *const dirs[] = {
		"/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d",
		"/etc/systemd/logind.conf.d" };

	read_conf("/etc/systemd/logind.conf", key, value, size);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		struct dirent **list = NULL;
		int n = scandir(dirs[i], &list, drop_in, alphasort);

		for (int k = 0; k < n; k++) {
			char *path = file_join(dirs[i], list[k]->d_name);

			read_conf(path, key, value, size);
			free(path);
			free(list[k]);
		}
		free(list);
	}
}

/* logind itself when it answers, its files when it does not. */
static bool
kills_user_processes(void)
{
	static const char *const ask[] = { "busctl", "--timeout=1",
	    "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
	    "org.freedesktop.login1.Manager", "KillUserProcesses", NULL };
	struct run r = { .argv = ask, .deadline_ms = clock_mono_ms() + 1500 };
	struct ran ran;
	char value[16] = "no";
	bool answered;

	answered = spawn_run(&r, &ran, NULL) && spawn_code(ran.status) == 0;
	if (answered)
		(void)snprintf(value, sizeof value, "%s",
		    strstr(ran.out.p, "true") ? "yes" : "no");
	else
		conf_value("KillUserProcesses", value, sizeof value);
	ran_release(&ran);
	return text_in(value, (const char *const[]){ "yes", "true", "on", "1" },
	    4);
}

static bool
in_session_scope(void)
{
	struct buf b = BUF_INIT;
	bool in = file_read("/proc/self/cgroup", &b, 1 << 16, NULL) &&
	    strstr(b.p, "/session-") != NULL && strstr(b.p, ".scope") != NULL;

	buf_release(&b);
	return in;
}

static bool
lingers(void)
{
	const struct passwd *pw = getpwuid(geteuid());
	char path[256];

	if (pw == NULL)
		return false;
	(void)snprintf(path, sizeof path, "/var/lib/systemd/linger/%s",
	    pw->pw_name);
	return file_exists(path);
}

enum job_survival
job_survival(struct buf *why)
{
	char *run;

	if (!file_is_dir("/run/systemd/system")) {
		buf_str(why, "no logind: jobs outlive the session");
		return SURVIVES;
	}
	if (!in_session_scope()) {
		buf_str(why, "not started from a login session");
		return SURVIVES;
	}
	if (!kills_user_processes()) {
		buf_str(why, "logind leaves processes alone at logout "
		    "(KillUserProcesses=no)");
		return SURVIVES;
	}
	if (geteuid() == 0) {
		buf_str(why, "KillUserProcesses=yes, but root is excluded");
		return SURVIVES;
	}
	run = spawn_which("systemd-run");
	if (lingers() && run != NULL) {
		free(run);
		buf_str(why, "KillUserProcesses=yes: jobs run in a scope of "
		    "the lingering user manager");
		return SURVIVES_IN_SCOPE;
	}
	free(run);
	buf_str(why, "this system kills jobs at logout (KillUserProcesses=yes) "
	    "and lingering is off; stay logged in, or 'loginctl enable-linger'");
	return DIES_AT_LOGOUT;
}
