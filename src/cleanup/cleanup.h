/*
 * cleanup: room by a plan. First everything is looked at: what retention lets go
 * of, unfinished sets and strays of every store (backup/prune.h), what lies in the
 * folders of `cleanup.paths`, what a container engine keeps for nobody. Then
 * exactly that is removed, each thing looked at once more before it goes.
 *
 *	struct clean_plan p = CLEAN_PLAN_INIT;
 *	if (clean_look(&p, &(struct clean_ask){ &site, &state, now, opened }, &e))
 *		clean_print(&p, &b);
 *	clean_code(&p, code);			what has to be typed
 *	clean_run(&p, &care, &e);
 *	clean_release(&p);
 *
 * A plan made twice of an unchanged world is equal byte for byte, and so is its
 * code; the one who does it makes it again and compares. Whatever is not as the
 * plan has it is a surprise, and after the first one nothing more is removed.
 *
 * Never in a plan: pg_wal, a data directory, `/`, homes, other mounts, links,
 * what has two names, what somebody has open, what is young; volumes; what a
 * place of the site names; and while a database lacks a verified copy made since
 * the incident opened, anything that could be a backup.
 */
#ifndef CLEANUP_CLEANUP_H
#define CLEANUP_CLEANUP_H

#include "backup/prune.h"
#include "site/spec.h"

#define CLEAN_KINDS(X)							\
	X(SET, "set")			/* these five as in prune.h */	\
	X(PARTIAL, "partial")						\
	X(ORPHAN, "orphan")						\
	X(LEFTOVER, "leftover")						\
	X(PROMOTE, "promote")						\
	X(FILE, "file")			/* below a folder of the site */ \
	X(FOLDER, "folder")		/* empty once its files are gone */ \
	X(CONTAINER, "container")	/* stopped */			\
	X(IMAGE, "image")						\
	X(NETWORK, "network")						\
	X(CACHE, "cache")		/* of builds */
#define CLEAN_KIND_(id, word) CLEAN_##id,
enum clean_kind { CLEAN_KINDS(CLEAN_KIND_) CLEAN_KIND_COUNT };
#undef CLEAN_KIND_
const char *clean_kind_name(enum clean_kind k);

/* Which object a path led to. */
struct clean_id {
	uint64_t dev, ino, nlink;
	int64_t size, mtime;		/* wall seconds */
	int64_t nsec;			/* 0 where it cannot be seen */
};

struct clean_item {
	enum clean_kind kind;
	size_t part;			/* of plan.parts */
	char *what;			/* below the part's folder; the id */
	char *label;			/* names of an object; NULL: none */
	int64_t size, at;		/* bytes; wall ms */
	char *reason;
	struct clean_id id;		/* FILE, FOLDER */
	char mark[SHA_HEX];		/* of all that must not change */
	size_t prune;			/* of plan.prune: SET..PROMOTE */
	enum prune_fate fate;
	char *left;			/* why it is still there */
};

struct clean_kept {
	size_t part;
	char *what, *reason;
};

enum clean_sort { CLEAN_STORE, CLEAN_TREE, CLEAN_ENGINE };

/* One store, folder or engine. */
struct clean_part {
	enum clean_sort sort;
	char *name;			/* "nas", "legacy:/srv/old", "docker" */
	const struct site_place *at;	/* NULL: here */
	char *path;			/* its folder there, without links */
	struct site_spec spec;
	struct place *place;		/* NULL: it could not be reached */
	char *trouble;			/* nothing of it goes, and why */
	struct place_room room;		/* of the file system it frees */
	bool room_known;
	size_t store;			/* STORE: of the site's */
	const char *engine;		/* ENGINE: "docker", "podman" */
	struct clean_id root;		/* TREE */
	int64_t frees;
};

/* A disk of the site, and what the plan means to it. */
struct clean_disk {
	const struct site_disk *disk;
	struct place_room room;
	char *trouble;			/* it could not be read */
	int percent;
	int64_t need;			/* to come below 80 %; 0: it is */
	int64_t frees;			/* of the plan, as far as it is known */
};

struct clean_ask {
	const struct site *site;
	const struct state *state;
	int64_t now;			/* wall ms */
	int64_t opened;			/* of the open incident; 0: none is */
	bool (*cancelled)(void *ctx);	/* may be NULL */
	void *ctx;
};

struct clean_plan {
	struct clean_ask ask;
	VEC(struct clean_part *) parts;
	VEC(struct clean_item) v;
	VEC(struct clean_kept) kept;
	VEC(struct clean_disk) disks;
	VEC(char *) notes;		/* what else one has to know */
	const char *lacking;		/* a database without a copy to fall
					 * back on; NULL: all have one */
	/* for the stores */
	struct sets *sets;
	struct keep_store *shelves;
	struct keep_parts names;
	struct keep_ask keep;
	struct sets_ask look;
	struct prune_ask prune_ask;
	struct prune_plan prune;
};
#define CLEAN_PLAN_INIT { .ask = { NULL, NULL, 0, 0, NULL, NULL } }

enum { CLEAN_CODE = 7, CLEAN_BELOW = 80 };

/* Only looks. What cannot be looked at is a trouble of its part, and nothing of
 * it goes. False: cancelled. */
bool clean_look(struct clean_plan *p, const struct clean_ask *ask,
    struct err *e);
void clean_code(const struct clean_plan *p, char out[CLEAN_CODE]);
int64_t clean_total(const struct clean_plan *p);
/* The list of what goes, a line each; then what stays, the disks, the total with
 * the code. */
void clean_list(const struct clean_plan *p, struct buf *out);
void clean_print(const struct clean_plan *p, struct buf *out);
/* Members of an object. */
void clean_json(const struct clean_plan *p, struct buf *out);
void clean_where(const struct clean_plan *p, const struct clean_item *i,
    struct buf *out);

struct clean_care {
	/* A line for the journal; false: it cannot be written, and what has
	 * not begun does not begin. */
	bool (*journal)(void *ctx, const char *text, const char *data,
	    struct err *e);
	void (*say)(void *ctx, const char *line);
	void (*progress)(void *ctx, const char *what, int64_t done,
	    int64_t total);
	bool (*cancelled)(void *ctx);
	void *ctx;
};

/* True: all of it is done. False: e says why the first thing is left. */
bool clean_run(struct clean_plan *p, const struct clean_care *care,
    struct err *e);
/* The disks again, for after it. */
void clean_disks(struct clean_plan *p);
void clean_disks_json(const struct clean_plan *p, struct buf *out);
/* What the engines say they hold ("docker system df"), behind out as an object;
 * false: none answered. */
bool clean_engines_json(struct clean_plan *p, struct buf *out);
void clean_release(struct clean_plan *p);

#endif
