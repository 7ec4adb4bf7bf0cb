/*
 * A private PostgreSQL for the tests of pg and of what stands on it:
 *
 *	static struct kit_pg box;
 *	static int start(void **state) { kit_pg_start(&box, "pg", ""); return 0; }
 *	...
 *	NEED_PG(&box);
 *	kit_psql(&box, "CREATE ROLE backup LOGIN");
 *	kit_hba(&box, "host all all 127.0.0.1/32 scram-sha-256\n");
 *	...
 *	static int stop(void **state) { kit_pg_end(&box); return 0; }
 *
 * The files are made by tests/postgres.sh; the server is a child of the test
 * and dies with it. Box.dir holds the socket, box.port is open on 127.0.0.1.
 */
#ifndef TESTS_PG_KIT_H
#define TESTS_PG_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/spawn.h"
#include "base/text.h"
#include "tests/test.h"

#define KIT_PG_BIN "/usr/lib/postgresql/15/bin/"

struct kit_pg {
	char dir[PATH_MAX];
	char why[256];			/* why there is none */
	int port;
	pid_t pid;			/* 0: it does not run */
};

#define NEED_PG(box)							\
	do {								\
		if ((box)->why[0] != '\0') {				\
			test_skip((box)->why);				\
			return;						\
		}							\
	} while (0)

/* Output of argv, which the caller frees; NULL when it did not exit with 0. */
TEST_HELPER char *
kit_output(const char *const *argv)
{
	struct ran ran = { 0 };
	struct err e = ERR_INIT;
	char *out = NULL;

	if (spawn_run(&(struct run){ .argv = argv, .merge_err = true }, &ran,
	    &e) && spawn_code(ran.status) == 0)
		out = xstrndup(ran.out.n ? ran.out.p : "", ran.out.n);
	else
		print_message("# %s: %s %s\n", argv[0], e.msg,
		    ran.out.n ? ran.out.p : "");
	ran_release(&ran);
	return out;
}

/* The files; settings are lines of postgresql.conf. */
TEST_HELPER bool
kit_pg_init(struct kit_pg *box, const char *name, const char *settings)
{
	const char *argv[] = { "sh", "-c", "WHY=; . tests/postgres.sh; "
	    "pg_init_cluster \"$1\" \"$2\" || { printf %s \"$WHY\"; exit 1; }",
	    "kit", box->dir, settings, NULL };
	struct ran ran = { 0 };
	struct err e = ERR_INIT;
	char path[PATH_MAX + 32], *port;

	*box = (struct kit_pg){ .pid = 0 };
	snprintf(box->dir, sizeof box->dir, "%s", test_path(name));
	if (!spawn_run(&(struct run){ .argv = argv, .merge_err = true }, &ran,
	    &e) || spawn_code(ran.status) != 0) {
		text_clean_into(box->why, sizeof box->why,
		    ran.out.n > 0 ? ran.out.p : e.msg[0] ? e.msg :
		    "the shell gave no reason");
		ran_release(&ran);
		return false;
	}
	ran_release(&ran);
	snprintf(path, sizeof path, "%s/port", box->dir);
	port = test_read(path);
	box->port = (int)strtol(port, NULL, 10);
	free(port);
	return true;
}

_Noreturn TEST_HELPER void
kit_pg_be(const struct kit_pg *box)
{
	char data[PATH_MAX + 8], log[PATH_MAX + 8];
	const struct passwd *nobody = getpwnam("nobody");
	int fd;

	snprintf(data, sizeof data, "%s/data", box->dir);
	snprintf(log, sizeof log, "%s/log", box->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	dup2(fd, 1);
	dup2(fd, 2);
	if (geteuid() == 0 && (nobody == NULL || setgroups(0, NULL) != 0 ||
	    setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0))
		_exit(127);
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	setsid();
	execl(KIT_PG_BIN "postgres", "postgres", "-D", data, (char *)NULL);
	_exit(127);
}

/* Starts the server; waits until its status file begins a line with `state`
 * ("ready", or "standby": up, but lets nobody in). */
TEST_HELPER bool
kit_pg_run(struct kit_pg *box, const char *state)
{
	char path[PATH_MAX + 32], line[32];

	snprintf(path, sizeof path, "%s/data/postmaster.pid", box->dir);
	snprintf(line, sizeof line, "\n%s", state);
	fflush(stdout);
	box->pid = fork();
	if (box->pid == 0)
		kit_pg_be(box);
	for (int i = 0; i < 600; i++) {
		char *text = access(path, R_OK) == 0 ? test_read(path) : NULL;
		bool up = text && strstr(text, line);

		free(text);
		if (up)
			return true;
		if (waitpid(box->pid, NULL, WNOHANG) != 0)
			break;
		clock_sleep_ms(50);
	}
	snprintf(box->why, sizeof box->why, "PostgreSQL does not start");
	return false;
}

TEST_HELPER bool
kit_pg_start(struct kit_pg *box, const char *name, const char *settings)
{
	return kit_pg_init(box, name, settings) && kit_pg_run(box, "ready");
}

/* SIGTERM waits for sessions to end, SIGINT ends them, SIGQUIT just goes. */
TEST_HELPER void
kit_pg_stop(struct kit_pg *box, int sig)
{
	if (box->pid <= 0)
		return;
	kill(box->pid, SIGCONT);
	kill(box->pid, sig);
	for (int i = 0; waitpid(box->pid, NULL, WNOHANG) == 0; i++) {
		if (i == 200)
			kill(box->pid, SIGKILL);
		clock_sleep_ms(50);
	}
	box->pid = 0;
}

TEST_HELPER void
kit_pg_end(struct kit_pg *box)
{
	kit_pg_stop(box, SIGQUIT);
}

/* What the superuser gets told, rows as lines of a|b; the caller frees. */
TEST_HELPER char *
kit_psql_out(const struct kit_pg *box, const char *sql)
{
	char port[16];
	const char *argv[] = { KIT_PG_BIN "psql", "-X", "-q", "-A", "-t", "-h",
		box->dir, "-p", port, "-U", "postgres", "-d", "postgres", "-v",
		"ON_ERROR_STOP=1", "-c", sql, NULL };

	snprintf(port, sizeof port, "%d", box->port);
	return kit_output(argv);
}

/* One or more statements; the test fails when they do. */
TEST_HELPER void
kit_psql(const struct kit_pg *box, const char *sql)
{
	char *out = kit_psql_out(box, sql);

	if (out == NULL)
		fail_msg("%s", sql);
	free(out);
}

/* Makes the server read its configuration, and waits until it has: a session
 * that begins then says so. */
TEST_HELPER void
kit_reload(const struct kit_pg *box)
{
	char *before = kit_psql_out(box, "SELECT pg_conf_load_time()");

	kit_psql(box, "SELECT pg_reload_conf()");
	for (int i = 0; i < 100; i++) {
		char *now = kit_psql_out(box, "SELECT pg_conf_load_time()");
		bool done = before && now && strcmp(before, now) != 0;

		free(now);
		if (done)
			break;
		clock_sleep_ms(50);
	}
	free(before);
}

/* The superuser's socket stays open; the rest is `lines`. */
TEST_HELPER void
kit_hba(const struct kit_pg *box, const char *lines)
{
	char path[PATH_MAX + 32], *text;

	snprintf(path, sizeof path, "%s/data/pg_hba.conf", box->dir);
	text = xprintf("local all postgres trust\n%s", lines);
	test_write(path, text);
	free(text);
	text = kit_psql_out(box, "SELECT line_number, error FROM "
	    "pg_hba_file_rules WHERE error IS NOT NULL");
	if (text == NULL || text[0] != '\0')
		fail_msg("pg_hba.conf: %s", text ? text : "cannot be seen");
	free(text);
	kit_reload(box);
}

#endif
