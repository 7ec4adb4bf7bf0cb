/*
 * intern: what the looks share. Nobody outside of found/ includes it.
 */
#ifndef FOUND_INTERN_H
#define FOUND_INTERN_H

#include "base/spawn.h"
#include "doctor/crew.h"
#include "found/found.h"
#include "probe/firing.h"

/* id, what it looks at (for "could not be looked at"), seconds it may take */
#define FOUND_LOOKS(X)							\
	X(servers, "the PostgreSQL servers of this host", 12)		\
	X(logins, "the password file", 4)				\
	X(hosts, "the SSH configuration", 13)				\
	X(docker, "docker", 14)						\
	X(podman, "podman", 14)						\
	X(disks, "the mounted disks", 6)				\
	X(jobs, "crontabs and timers", 8)				\
	X(folders, "folders of backups", 5)

#define X(id, what, seconds) void look_##id(struct found *f);
FOUND_LOOKS(X)
#undef X

struct found_thing *found_add(struct found *f, enum found_kind kind);
void found_note(struct found *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const char *found_str(struct found *f, const char *s);	/* NULL stays NULL */

/* A path below root, in the pool. */
const char *found_at(struct found *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const char *found_home(struct found *f, const char *rest);	/* or NULL */
/* A file's text; false: it is not there, or cannot be read, which is noted
 * when it is no mere absence. */
bool found_read(struct found *f, const char *path, struct buf *out);
/* Runs argv for at most ms; true when it ended well. ran is to be released. */
bool found_ask(const char *const *argv, int64_t ms, struct ran *ran,
    struct err *e);
/* The last line that a failed command said (not one that goes on), or e's. */
const char *found_why(struct found *f, const struct ran *ran,
    const struct err *e);
/* The next line of *rest, NULL at the end. */
char *found_line(char **rest);

/* The same look at many things, each in a child: what they add comes back. */
typedef void found_each_fn(struct found *f, void *ctx, size_t i);
void found_each(struct found *f, size_t n, int64_t limit_ms,
    found_each_fn *look, void *ctx, found_each_fn *late);

void found_pack(const struct found *f, struct buf *out);
void found_unpack(struct found *f, const struct buf *in);

/* disks.c: a folder where backups are or could be, when it is one. */
void found_folder(struct found *f, const char *path, bool strong);

/* ask.c: questions for psql -XAt, one -c each, and what the session is to be */
struct found_server {
	const char *version, *started, *data, *role;
	int64_t port;
	bool standby;
};
extern const char *const found_sql[];		/* NULL-terminated */
extern const char found_pgoptions[];
/* False when that is no answer. Adds a FOUND_DATABASE, otherwise like `like`,
 * for each of them; psql_said is taken apart. */
bool found_databases(struct found *f, char *psql_said,
    const struct found_thing *like, struct found_server *ret);

/* schedule.c */
/* What in a command looks like a backup, NULL: nothing. */
const char *found_backup_word(const char *command, bool *ret_strong);
/* "02:00" by this host's clock, when it fires then, day by day; else NULL. */
const char *found_when(struct found *f, const struct firing *fires,
    const char *zone);

/* wish.c */
/* Does the text load as the site file at path? If not, the first reason. */
bool found_stands(const char *path, const char *text, struct buf *why);
/* "nas:/backup": the folder, and the host when there is one. */
const char *found_store_host(const struct found *f, const char *store,
    const struct found_thing **ret);
/* The disk that a path lies on; NULL: none of those found. */
const struct found_thing *found_disk_of(const struct found *f,
    const char *path);
bool found_with_data(const struct found *f, const struct found_thing *disk);
bool found_host_fits(const struct found_thing *host);

/* names.c */
struct found_names {
	VEC(char *) taken;
};
/* A name that may stand in a site file and that nobody has yet. */
const char *found_name(struct found_names *n, const char *wish,
    const char *hint, const char *otherwise);
void found_names_release(struct found_names *n);
/* Text as a string of libconfig, with its quotes; what could drive a terminal
 * is escaped. */
void found_quote(struct buf *out, const char *s);

#endif
