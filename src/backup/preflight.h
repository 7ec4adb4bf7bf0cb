/*
 * preflight: what would stop a backup, found before a byte moves. Read-only, every
 * question with a deadline; each lack is a finding with its next step.
 *
 *	struct preflight f = { 0 };
 *	struct way w = WAY_INIT;
 *	struct db_facts facts;
 *	if (preflight_db(&f, site, db, &w, &facts))	(can it be dumped, and how?)
 *		preflight_tools(&f, &w, db->name, &facts, &tools);
 *	preflight_room(&f, store, place, path, estimate, class, &fits);
 *	for each of f.v: level, about, text, next
 *	way_close(&w);
 *	preflight_release(&f);
 */
#ifndef BACKUP_PREFLIGHT_H
#define BACKUP_PREFLIGHT_H

#include "backup/set.h"
#include "backup/way.h"
#include "base/pool.h"
#include "pg/schema.h"

enum pre_level { PRE_OK, PRE_WARN, PRE_FAIL };

struct pre_finding {
	enum pre_level level;
	const char *about;		/* a database, component or store */
	const char *text;		/* a sentence without its dot */
	const char *next;		/* what to do, or NULL */
};

struct preflight {
	struct pool pool;
	VEC(struct pre_finding) v;
};

void preflight_find(struct preflight *f, enum pre_level level,
    const char *about, const char *next, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void preflight_release(struct preflight *f);
const char *pre_level_name(enum pre_level l);	/* "ok", "warning", "error" */

/* What the server says of itself; strings are the preflight's. */
struct db_facts {
	const char *system_identifier;	/* NULL: it may not be asked */
	const char *version;		/* "15.20" */
	int64_t version_num;		/* 150020 */
	bool standby, super;
	int64_t size;			/* of the database, with its indexes */
	int64_t tables, locks;		/* to be locked; how many can be held */
	/* What nobody here may read, of a legacy database that has no other way:
	 * the rest is dumped, and is not complete. */
	const struct schema_gap *lacks;
	size_t n_lacks;
	const char *lacks_text;
};

/* Opens the way that will be taken: the login, or where that cannot do it and the
 * site names one, the superuser way; of a legacy database at last the login for
 * what it can read. False: there is none. */
bool preflight_db(struct preflight *f, const struct site *site,
    const struct site_db *db, struct way *w, struct db_facts *ret);

/* The programs where the dump runs, and pg_restore here. Strings are f's. */
struct dump_tools {
	const char *pg_dump, *pg_dumpall, *version;	/* "15.20" */
	const char *pg_restore;		/* here; NULL: none that can read it */
};
bool preflight_tools(struct preflight *f, struct way *w, const char *about,
    const struct db_facts *facts, struct dump_tools *ret);

/* estimate: packed bytes that will come. False: the store must not be used for all
 * of it; ret_fits is how much may come. */
bool preflight_room(struct preflight *f, const struct site *site,
    const char *store, struct place *p, const char *path, int64_t estimate,
    enum set_class class, int64_t *ret_fits);

#endif
