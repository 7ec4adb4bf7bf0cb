/*
 * intern: what the checks share. Nobody outside of doctor/ includes it.
 */
#ifndef DOCTOR_INTERN_H
#define DOCTOR_INTERN_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/conf.h"
#include "doctor/crew.h"
#include "doctor/doctor.h"

/*
 * The checks, in the order in which they are told: id, name, seconds it may take.
 * The first two make the state directory and settle its journal, one after the
 * other and before all others, which run at the same time.
 */
#define DOCTOR_CHECKS(X)						\
	X(state, "state", 20)						\
	X(incident, "incident", 12)					\
	X(reserve, "reserve", 6)					\
	X(space, "space", 5)						\
	X(second, "second journal", 6)					\
	X(log, "site journal", 8)					\
	X(jobs, "jobs", 5)						\
	X(site, "site file", 5)						\
	X(home, "home directory", 5)					\
	X(runbook, "runbook", 5)					\
	X(alarms, "alarms", 5)						\
	X(hooks, "commands", 8)						\
	X(webhooks, "webhooks", 9)					\
	X(places, "places", 9)						\
	X(passwords, "password files", 5)				\
	X(keys, "ssh keys", 5)						\
	X(libraries, "libraries", 5)					\
	X(tools, "tools", 9)						\
	X(logout, "logout", 6)						\
	X(clock, "clock", 5)						\
	X(zone, "time zone", 5)						\
	X(core, "core files", 5)					\
	X(terminal, "terminal", 5)

#define X(id, name, seconds) void check_##id(struct doctor *d);
DOCTOR_CHECKS(X)
#undef X

enum { DOCTOR_FIRST = 2 };

/* A finding out of an error and its hint; otherwise: when it has none. */
void doctor_failed(struct doctor *d, enum doctor_level level,
    const char *check, const struct err *e, const char *otherwise);
/* The site when it is whole, else NULL. */
const struct site *doctor_site(const struct doctor *d);

/* Findings as bytes, from a child to its parent. */
void doctor_pack(const struct doctor *d, struct buf *out);
void doctor_unpack(struct doctor *d, const struct buf *in);

/* Whether a command could be started in dir: the shell can parse it, its
 * program is there and executable. why says what is wrong. */
bool command_stands(const struct conf_cmd *c, const char *dir,
    struct buf *why);

/* The runbook that the site names, loaded; false with its problems found. */
struct runbook;
bool doctor_runbook(struct doctor *d, struct runbook *rb, char **ret_path);

#endif
