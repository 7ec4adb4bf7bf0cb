/*
 * found: what this machine has that a site file would name, and the site file
 * that says it.
 *
 *	struct found f = { 0 };
 *	struct found_wish w = { 0 };
 *	found_look(&f);
 *	found_wish(&f, &w);		what is done without being asked
 *	if (!found_write(&f, &w, "midwatch.cfg", &text, &e)) ...
 *	found_release(&f);
 *
 * Looking changes nothing, asks no other host and keeps no password. Each look
 * is in a child of its own with a deadline of seconds, so that a docker socket
 * or a mount that never answers costs its own part and is said (FOUND_NOTE).
 */
#ifndef FOUND_FOUND_H
#define FOUND_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/vec.h"

/*
 * What there is, and which fields say what about it:
 *
 * SERVER	name "15/main" or NULL, host (its socket folder) and port, user
 *		(who could ask it), path (data directory), text (version), ok: it
 *		runs; strong: it is no standby; why: it could not be asked;
 *		owner: who asked when not user; when: its start
 * DATABASE	name, host and port; at: the container; user: who could log in
 *		without a password; owner: who asked instead; size; ok: it allows
 *		connections
 * LOGIN	host, port, name, user: a line of the password file at path, as it
 *		stands; * is any, port 0 too
 * HOST		name (the alias), host, port, user, via (its jump), path (the
 *		file); why: ssh could not say
 * CONTAINER	name, at (docker or podman), text (image), host and port (where
 *		this host reaches it), user (its superuser), path (a folder of this
 *		host that it has mounted), ok: it runs; why: it could not be asked
 * DISK		path (mount point), name (device), text (type), size, free,
 *		percent (used, as df says it), ok: it can be written
 * JOB		name (file:line or unit), text (what in it looks like a backup),
 *		when ("02:00", or NULL), user, ok: it is active, strong: it surely
 *		is one
 * FOLDER	path of a folder that holds or could hold backups, text (what is
 *		in it), free, ok: we may write there, strong: a backup job names it,
 *		or dumps are in it
 * LOG		name (of its server), path
 * NOTE		text: what could not be looked at, and why
 */
#define FOUND_KINDS(X)							\
	X(SERVER) X(DATABASE) X(LOGIN) X(HOST) X(CONTAINER) X(DISK)	\
	X(JOB) X(FOLDER) X(LOG) X(NOTE)
#define X(id) FOUND_##id,
enum found_kind { FOUND_KINDS(X) FOUND_KIND_COUNT };
#undef X

#define FOUND_TEXTS(X)							\
	X(name) X(at) X(host) X(user) X(owner) X(via) X(path) X(text)	\
	X(when) X(why)
#define FOUND_NUMBERS(X)						\
	X(port) X(size) X(free) X(percent) X(ok) X(strong)

struct found_thing {
	enum found_kind kind;
#define X(field) const char *field;
	FOUND_TEXTS(X)		/* NULL: not known */
#undef X
#define X(field) int64_t field;
	FOUND_NUMBERS(X)	/* of sizes -1: not known */
#undef X
};

struct found {
	const char *root;	/* of /etc, /proc and so on; NULL: "" */
	const char *zone;	/* of this host */
	const char *host_name;
	VEC(struct found_thing) things;
	struct pool pool;
};

void found_look(struct found *f);
size_t found_count(const struct found *f, enum found_kind kind);
void found_release(struct found *f);

/* What the person wants, or what is best without asking. */
struct found_wish {
	const char *name, *environment;
	const char *store;	/* a folder, or "HOST:folder" */
	const char *store_why;	/* why this one, for its comment; or NULL */
	const char *state;	/* NULL: each user's own */
	int nightly;		/* minutes after midnight */
	const char *nightly_why;
	VEC(const char *) hosts;	/* only these become places */
};

/* Texts are f's. */
void found_wish(struct found *f, struct found_wish *w);
void found_wish_release(struct found_wish *w);
/* "" when such an answer can stand in the file, else why not. */
void found_refuse_name(const char *name, struct buf *why);
void found_refuse_environment(const char *word, struct buf *why);
void found_refuse_store(const struct found *f, const char *store,
    struct buf *why);
bool found_clock(const char *text, int *ret_minutes);

/* The site file at path as text. It loads: what could not stand in it is a
 * comment with the reason. False: it does not, which is a mistake of ours. */
bool found_write(const struct found *f, const struct found_wish *w,
    const char *path, struct buf *out, struct err *e);

#endif
