/*
 * sets: what a store holds: every set with its manifest and proofs, and what each
 * component is worth, over any place.
 *
 *	struct sets s = { 0 };
 *	sets_init(&s, "nas", "/volume1/backups/prod", "prod");
 *	if (sets_read(&s, place, &(struct sets_ask){ 0 }, &e))
 *		set = sets_newest(&s, names, 1, PROVEN_VERIFIED, now, &truth);
 *	sets_release(&s);
 *
 * Kept and read again, it costs a listing of each class: a set is looked at again
 * when its folder changed, and at times when it did not (the newest ones twice a
 * minute, an old one hourly), and its manifest and proofs are read again only
 * when something in the folder is different. What is damaged is listed as such
 * and hides nothing else.
 *
 * The truth of a component: `sent` when the manifest, in a folder that is not
 * `.partial`, calls it complete and its files are there with the manifest's
 * sizes; more by proofs that name this very manifest, the last one of each kind.
 * One that failed takes back what older ones had given: of `verified` everything,
 * of `restorable` that.
 */
#ifndef BACKUP_SETS_H
#define BACKUP_SETS_H

#include "backup/manifest.h"
#include "place/place.h"

enum { SETS_MAX = 4096, SETS_STRAYS = 1024 };

struct set_truth {
	enum proven proven;
	int64_t at[PROVEN_COUNT];	/* wall ms of the best proof; 0: none */
	int64_t took_ms;		/* of that restore; -1: not known */
	char *why;			/* why it is not more; NULL: nothing is
					 * wrong with it */
};

struct set {
	char *path;			/* "nightly/20250214T021000Z" */
	enum set_class class;
	enum set_state state;
	int64_t at;			/* wall ms, of its name */
	int64_t began;			/* the same second, by its manifest */
	bool looked;			/* false: only its name is known yet */
	int64_t bytes;			/* of its files */
	int64_t changed;		/* newest of them, by the store's clock */
	char *problem;			/* what is wrong; NULL: nothing */
	bool told;			/* its manifest could be read */
	bool foreign;			/* and names another site */
	struct manifest manifest;
	char sha256[SHA_HEX];		/* of the manifest */
	VEC(struct set_truth) truths;	/* one for each of manifest.parts */
	size_t proofs, bad_proofs;	/* that were read: the last ones */
	VEC(struct stray *) strays;	/* files that the manifest does not name */
	/* of the reader */
	int64_t mtime, seen_ms, looked_ms;
	uint64_t mark;
	bool fresh;
};

/* Something in the store that is no set of ours. */
struct stray {
	char *path;			/* as seen from the store's folder */
	bool orphan;			/* it matches one of the patterns */
	bool is_dir;
	int64_t size, mtime;		/* wall seconds */
};

struct sets {
	char *store, *path, *site;	/* site NULL: any */
	VEC(struct set *) v;		/* newest first */
	VEC(struct stray *) strays;
	size_t more_strays;		/* beyond SETS_STRAYS */
	size_t beyond;			/* older sets, beyond SETS_MAX */
	size_t unread;			/* sets of which only the name is known */
};

struct sets_ask {
	int64_t deadline_ms;		/* monotonic; older sets stay unread */
	size_t limit;			/* manifests to read at most; 0: all */
	const char *const *orphans;	/* patterns */
	size_t n_orphans;
};

void sets_init(struct sets *s, const char *store, const char *path,
    const char *site);
/* False: the store could not be read to its end (ERR_NOTFOUND: its folder is not
 * there); what is in s then is what was known before, and what came. */
bool sets_read(struct sets *s, struct place *p, const struct sets_ask *ask,
    struct err *e);
/* After it, and until the next: the strays below foreign folders as well, those
 * with the greatest names (of years, months, days) first. */
void sets_dig(struct sets *s, struct place *p, const struct sets_ask *ask);
void sets_release(struct sets *s);

/* A component's part of a set. */
struct set_copy {
	const struct set *set;		/* NULL: there is none */
	const struct set_part *part;
	const struct set_truth *truth;
};

/* The newest one that is proven so well, and not dated after `now`; names are
 * those of one component. */
struct set_copy sets_newest(const struct sets *s, const char *const *names,
    size_t n, enum proven least, int64_t now);
/* What a set holds of it, if anything; one of another site holds nothing. */
struct set_copy set_copy_of(const struct set *set, const char *const *names,
    size_t n);

#endif
