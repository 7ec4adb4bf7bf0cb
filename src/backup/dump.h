/*
 * dump: the programs that make a component, and the ones that read it to its end,
 * as a flow wants them: argv, secret and environment.
 *
 *	struct dump d = { 0 };
 *	dump_database(&d, &way, &tools, &facts);
 *	spec.argv = d.argv.v; spec.at = d.at; ... flow_run(...)
 *	if (!ok && dump_next(said, ...)) ...
 *	dump_release(&d);
 *
 * A database is named by a connection string that is quoted here, so that one that
 * is called `-Fc` or `host=x` is a name and nothing else. Its session cannot be
 * timed out: what the server, the database or the role would end is set to 0.
 */
#ifndef BACKUP_DUMP_H
#define BACKUP_DUMP_H

#include "backup/preflight.h"

struct dump {
	struct pool pool;
	VEC(const char *) argv;		/* NULL at its end */
	VEC(const char *) proof;	/* likewise; n 0: nothing reads it */
	const char *env[2];
	struct buf secret;		/* empty: none */
	const struct place_spec *at;	/* NULL: here */
	struct site_spec spec;
	enum set_kind kind;
	const char *program, *version;	/* version NULL: not known */
	int ok_exits;			/* as a flow wants them */
};

enum { DUMP_LOCK_MS = 120000 };

/* One archive of several under a snapshot. The sections are pg_dump's; tables as
 * its patterns: only NULL: all but those in without. */
struct dump_share {
	const char *snapshot, *section;
	const char *const *only, *const *without;
	size_t n_only, n_without;
};

/* share NULL: all of it, in one archive. */
void dump_database(struct dump *d, const struct way *w,
    const struct dump_tools *t, const struct db_facts *facts,
    const struct dump_share *share);
/* Roles and tablespaces; who is no superuser may not read the passwords. */
void dump_globals(struct dump *d, const struct way *w,
    const struct dump_tools *t, const struct db_facts *facts);
/* What the server is set to, who may log in from where, and versions, as text;
 * what the role may not see is named in it, with the GRANT, and said. */
void dump_settings(struct dump *d, const struct way *w,
    const struct dump_tools *t, const struct db_facts *facts);
void dump_component(struct dump *d, const struct site *site,
    const struct site_component *c);
void dump_release(struct dump *d);

/* tar ends with 1 when a file changed while it was read, and others when
 * anything went wrong: does every line that it said mean the first? */
bool dump_tar_changed(const char *lines);
/* What to do about what a program said; NULL: nothing is known about it. */
const char *dump_next(const char *said);

#endif
