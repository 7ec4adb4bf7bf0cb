/*
 * adopt: taking over dumps that something else made.
 *
 *	struct adopt_ask ask = { .site = site, .from = here, .to = nas,
 *	    .store = "/volume1/backups/prod" };
 *	struct adopt_dumps all = { 0 };
 *	if (adopt_find(&all, here, "/old/daily/2025/11/04", &e))
 *		for (size_t i = 0; i < all.v.n; i++)
 *			if (adopt_read(&all.v.v[i], &ask))
 *				adopt_make(&all.v.v[i], &ask, &e);
 *	adopt_release(&all);
 *
 * A dump is pg_dump's plain SQL, custom format or tar, as it is or in gzip. It is
 * read through: gzip with every checksum, the formats by pg_restore, and the end
 * of it must be there. What passes becomes a set in manual/ with a manifest, its
 * checksums and a proof, and counts as verified from then on; what does not is
 * left as it lies, with the reason. The bytes are linked where that can be done
 * and copied otherwise; the original is neither moved nor changed, and with
 * `move` removed only after the set has its name.
 *
 * Its age is the oldest that anything says: the file's time, a date in its path.
 */
#ifndef BACKUP_ADOPT_H
#define BACKUP_ADOPT_H

#include "backup/sets.h"
#include "site/site.h"

#define ADOPT_FORMS(X)							\
	X(NONE, "none", "")						\
	X(PLAIN, "plain", ".sql")					\
	X(CUSTOM, "custom", ".dump")					\
	X(TAR, "tar", ".tar")						\
	X(CLUSTER, "cluster", ".sql")
#define ADOPT_FORM_(id, word, ending) ADOPT_##id,
enum adopt_form { ADOPT_FORMS(ADOPT_FORM_) };
#undef ADOPT_FORM_
const char *adopt_form_name(enum adopt_form f);

struct adopt_dump {
	char *path;			/* where it lies */
	bool asked;			/* named itself, not found below */
	int64_t size, mtime;		/* bytes; wall seconds */
	/* what reading it has shown */
	enum adopt_form form;
	bool packed;
	int64_t raw_size;
	char sha256[SHA_HEX];
	char *dbname, *server_version, *dump_version;	/* NULL: not said */
	char *db;			/* of the site; NULL: not known */
	const char *db_from;		/* "the dump", "its name", "you" */
	int64_t at;			/* wall ms */
	bool other;			/* it is something else altogether */
	bool proven;
	char *why;			/* why it is not */
	/* what was made of it */
	char *set;			/* "manual/20251104T030000Z" */
	bool linked, was_there, moved;
};

struct adopt_dumps {
	VEC(struct adopt_dump) v;
	size_t more;			/* files beyond what is looked at */
};

struct adopt_ask {
	const struct site *site;
	struct place *from, *to;	/* the same one: links are possible */
	const char *store;		/* folder at `to` */
	const struct sets *sets;	/* what is there; NULL: not known */
	const char *db;			/* said by the operator; NULL */
	bool move;
	int64_t now;
};

/* A file, or every file below a directory; sets of ours are passed over. */
bool adopt_find(struct adopt_dumps *ret, struct place *p, const char *path,
    struct err *e);
/* Is it a dump, and whole? False: d->why says why not (other: it is none). */
bool adopt_read(struct adopt_dump *d, const struct adopt_ask *ask);
/* The set of one that is proven. False: nothing is left of it. */
bool adopt_make(struct adopt_dump *d, const struct adopt_ask *ask,
    struct err *e);
void adopt_release(struct adopt_dumps *all);

#endif
