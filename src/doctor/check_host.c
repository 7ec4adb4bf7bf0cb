/*
 * Checks of the machine: libraries, tools, clock, logout, core files, terminal.
 */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha.h"
#include "base/spawn.h"
#include "base/text.h"
#include "doctor/intern.h"
#include "job/job.h"

enum { TOOL_MS = 3000, TOOL_CHILD_MS = 6000, ASK_MS = 3000 };

void
check_libraries(struct doctor *d)
{
	doctor_found(d, DOCTOR_OK, "libraries",
	    "libconfig %s, jansson %s, OpenSSL %s", conf_library(),
	    json_library(), sha_library());
}

/* ---- tools --------------------------------------------------------------- */

static bool
dumps_here(const struct site *s)
{
	for (size_t i = 0; i < site_dbs(s); i++)
		if (site_db_at(s, i)->dump_at == NULL)
			return true;
	return false;
}

static bool
dumps_globals(const struct site *s)
{
	return s->backup.globals && dumps_here(s);
}

static bool
has_dbs(const struct site *s)
{
	return site_dbs(s) > 0;
}

static bool
psql_here(const struct site *s)
{
	for (size_t i = 0; i < site_dbs(s); i++) {
		const struct site_db *db = site_db_at(s, i);

		if (db->superuser.line != 0 && db->superuser.at == NULL)
			return true;
	}
	return false;
}

static bool
has_ssh(const struct site *s)
{
	for (size_t i = 0; i < site_places(s); i++)
		if (site_place_at(s, i)->ssh != NULL)
			return true;
	return false;
}

static bool
runtime_here(const struct site *s, int runtime)
{
	for (size_t i = 0; i < site_places(s); i++) {
		const struct site_place *p = site_place_at(s, i);

		if (p->container != NULL && p->at == NULL &&
		    p->runtime == runtime)
			return true;
	}
	return s->cleanup.docker.line != 0 && s->cleanup.docker.at == NULL &&
	    s->cleanup.docker.runtime == runtime;
}

static bool
docker_here(const struct site *s)
{
	return runtime_here(s, SITE_DOCKER);
}

static bool
podman_here(const struct site *s)
{
	return runtime_here(s, SITE_PODMAN);
}

static bool
files_here(const struct site *s)
{
	for (size_t i = 0; i < site_components(s); i++) {
		const struct site_component *c = site_component_at(s, i);

		if (c->files.n > 0 && c->at == NULL)
			return true;
	}
	return false;
}

static bool
never(const struct site *s)
{
	(void)s;
	return false;
}

/* name, how it tells its version, what needs it here, said when it is missing
 * and not needed, what it is for, the Debian package */
#define TOOLS(X)							\
	X("pg_dump", "--version", dumps_here, true,			\
	    "dumping the databases", "postgresql-client")		\
	X("pg_dumpall", "--version", dumps_globals, true,		\
	    "dumping roles and tablespaces", "postgresql-client")	\
	X("pg_restore", "--version", has_dbs, true,			\
	    "proving that a dump can be read", "postgresql-client")	\
	X("psql", "--version", psql_here, true,				\
	    "the superuser's way in", "postgresql-client")		\
	X("ssh", "-V", has_ssh, true,					\
	    "the places that are reached over SSH", "openssh-client")	\
	X("docker", "--version", docker_here, false,			\
	    "the containers on this host", "docker.io")			\
	X("podman", "--version", podman_here, false,			\
	    "the containers on this host", "podman")			\
	X("tar", "--version", files_here, true,				\
	    "components that are files", "tar")				\
	X("gzip", "--version", has_dbs, true,				\
	    "reading sets by hand", "gzip")				\
	X("systemd-run", "--version", never, false,			\
	    "jobs that outlive a logout", "systemd")

static const struct tool {
	const char *name, *version;
	bool (*needed)(const struct site *s);
	bool told;
	const char *use, *package;
} tools[] = {
#define X(name, version, needed, told, use, package)			\
	{ name, version, needed, told, use, package },
	TOOLS(X)
#undef X
};

enum { TOOL_COUNT = sizeof tools / sizeof *tools };

static void
ask_version(struct doctor *d, const struct tool *t, const char *path,
    enum doctor_level bad)
{
	const char *argv[] = { path, t->version, NULL };
	struct run r = { .argv = argv, .merge_err = true, .limit = 4096,
	    .deadline_ms = clock_mono_ms() + TOOL_MS };
	struct buf how = BUF_INIT;
	struct err e = ERR_INIT;
	struct ran ran;

	if (!spawn_run(&r, &ran, &e)) {
		doctor_failed(d, bad, t->name, &e, "");
		doctor_todo(d, "Try '%s %s' by hand; it is needed for %s.",
		    path, t->version, t->use);
	} else if (spawn_code(ran.status) != 0) {
		spawn_describe(ran.status, &how);
		doctor_found(d, bad, t->name, "'%s %s' ended with %s", path,
		    t->version, how.p);
		doctor_todo(d, "Install it again (package %s); it is needed "
		    "for %s.", t->package, t->use);
	} else
		doctor_found(d, DOCTOR_OK, t->name, "%.*s, %s",
		    (int)strcspn(ran.out.p, "\n"), ran.out.p, path);
	buf_release(&how);
	ran_release(&ran);
}

static void
look_at_tool(void *ctx, size_t i, struct buf *out)
{
	struct doctor *d = ctx;
	const struct tool *t = &tools[i];
	const struct site *s = doctor_site(d);
	bool needed = s != NULL && t->needed(s);
	enum doctor_level bad = needed ? DOCTOR_ERROR : DOCTOR_WARNING;
	char *path = spawn_which(t->name);

	d->findings.n = 0;
	if (path != NULL)
		ask_version(d, t, path, bad);
	else if (needed || t->told) {
		doctor_found(d, bad, t->name, "not found in PATH; %s",
		    needed ? "this site needs it" : s != NULL ?
		    "nothing of this site needs it here" :
		    "without a site file nobody knows who needs it");
		doctor_todo(d, "Install the package %s; it is for %s.",
		    t->package, t->use);
	}
	free(path);
	doctor_pack(d, out);
}

void
check_tools(struct doctor *d)
{
	struct crew_task t[TOOL_COUNT];

	memset(t, 0, sizeof t);
	for (size_t i = 0; i < TOOL_COUNT; i++)
		t[i].limit_ms = TOOL_CHILD_MS;
	crew_run(t, TOOL_COUNT, look_at_tool, d);
	for (size_t i = 0; i < TOOL_COUNT; i++)
		if (t[i].end == CREW_DONE)
			doctor_unpack(d, &t[i].out);
		else {
			doctor_found(d, DOCTOR_ERROR, tools[i].name,
			    "it could not be asked for its version in time");
			doctor_todo(d, "Try '%s %s' by hand.", tools[i].name,
			    tools[i].version);
		}
	crew_release(t, TOOL_COUNT);
}

/* ---- sessions, clock and zone -------------------------------------------- */

void
check_logout(struct doctor *d)
{
	struct buf why = BUF_INIT;
	enum job_survival s = job_survival(&why);

	doctor_found(d, s == DIES_AT_LOGOUT ? DOCTOR_WARNING : DOCTOR_OK,
	    "logout", "%s", why.p);
	if (s == DIES_AT_LOGOUT)
		doctor_todo(d, "'loginctl enable-linger' once, so that running "
		    "jobs survive a dropped connection.");
	buf_release(&why);
}

/* What timedatectl says: 1 yes, 0 no, -1 nobody knows. */
static int
timedatectl_says(void)
{
	static const char *const argv[] = { "timedatectl", "show", "-p",
	    "NTPSynchronized", "--value", NULL };
	struct run r = { .argv = argv, .deadline_ms = clock_mono_ms() +
	    ASK_MS };
	struct ran ran;
	int says = -1;

	if (spawn_run(&r, &ran, NULL) && spawn_code(ran.status) == 0)
		says = text_starts(ran.out.p, "yes") ? 1 :
		    text_starts(ran.out.p, "no") ? 0 : -1;
	ran_release(&ran);
	return says;
}

void
check_clock(struct doctor *d)
{
	struct timex t = { .modes = 0 };
	bool asked = adjtimex(&t) >= 0;
	char off[32];
	int says = 1;

	if (asked && (t.status & STA_UNSYNC) == 0) {
		text_fmt_duration(off, (t.maxerror + 999) / 1000);
		doctor_found(d, DOCTOR_OK, "clock",
		    "synchronised, off by %s at most", off);
		return;
	}
	says = timedatectl_says();
	if (says == 1) {
		doctor_found(d, DOCTOR_OK, "clock", "synchronised, says "
		    "timedatectl");
		return;
	}
	doctor_found(d, DOCTOR_WARNING, "clock", asked || says == 0 ?
	    "not synchronised: every time in the record may be off" :
	    "unknown whether it is synchronised");
	doctor_todo(d, "Start systemd-timesyncd or chrony; until then compare "
	    "with a clock that you trust when an incident opens.");
}

void
check_zone(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	const char *host = d->host_zone;
	char now[40];

	if (strcmp(host, "Etc/UTC") == 0)
		host = "UTC";
	clock_fmt_site(now, clock_wall_ms());
	if (s == NULL)
		doctor_found(d, DOCTOR_OK, "time zone", "no site file: times "
		    "are shown in UTC, this host is in %s", host);
	else if (!clock_zone_known(s->timezone)) {
		doctor_found(d, DOCTOR_ERROR, "time zone", "this host does not "
		    "know the site's zone '%s'", s->timezone);
		doctor_todo(d, "Install the package tzdata.");
	} else if (strcmp(s->timezone, host) == 0)
		doctor_found(d, DOCTOR_OK, "time zone",
		    "site and host are in %s, now %s", s->timezone, now);
	else
		doctor_found(d, DOCTOR_OK, "time zone", "the site is in %s, "
		    "now %s; this host is in %s, so its own logs differ",
		    s->timezone, now, host);
}

/* ---- core files and terminal --------------------------------------------- */

void
check_core(struct doctor *d)
{
	struct buf pattern = BUF_INIT;
	struct rlimit l = { 0 };
	bool known = file_read("/proc/sys/kernel/core_pattern", &pattern, 4096,
	    NULL);

	while (pattern.n > 0 && pattern.p[pattern.n - 1] == '\n')
		buf_cut(&pattern, pattern.n - 1);
	if (getrlimit(RLIMIT_CORE, &l) != 0)
		known = false;
	/* a collector behind a pipe is started whatever the limit says */
	if (known && l.rlim_cur == 0 && pattern.n > 0 && pattern.p[0] != '|')
		doctor_found(d, DOCTOR_OK, "core files", "none are written");
	else if (prctl(PR_GET_DUMPABLE) == 0)
		doctor_found(d, DOCTOR_OK, "core files", "none are written of "
		    "midwatch");
	else {
		doctor_found(d, DOCTOR_WARNING, "core files", "a crash writes "
		    "memory to '%s', and passwords may be in it",
		    known ? pattern.p : "an unknown place");
		doctor_todo(d, "'ulimit -c 0' before midwatch, or a collector "
		    "whose files only root can read.");
	}
	buf_release(&pattern);
}

void
check_terminal(struct doctor *d)
{
	static const char *const keys[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *lang = NULL, *term = getenv("TERM");

	for (size_t i = 0; i < 3 && text_empty(lang); i++)
		lang = getenv(keys[i]);
	doctor_found(d, DOCTOR_OK, "terminal", "TERM is '%s', the locale '%s' "
	    "(%s)", text_empty(term) ? "not set" : term, text_empty(lang) ?
	    "C" : lang, nl_langinfo(CODESET));
}
