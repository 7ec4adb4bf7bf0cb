/*
 * run: one backup run, from names of the site to a published, verified set.
 *
 *	struct run_ask ask = { .site = &site, .state = &state,
 *	    .class = SET_EMERGENCY, .names = names, .n = n };
 *	struct run_done done = { 0 };
 *	ok = backup_run(&ask, &care, &done, &e);
 *	for each of done.parts, done.stores: what became of it
 *	run_done_release(&done);
 *
 * Preflight of everything; a folder claimed on every store; each component streamed
 * to all stores at once, its end seen, then size and SHA-256 read back from each of
 * them; the manifest, the checksums and the proof beside it; the final name. What
 * fails costs only itself: another store, another component goes on. A component
 * counts when every `to` store has it verified. Where nothing can be kept, nothing
 * stays that looks like a backup.
 */
#ifndef BACKUP_RUN_H
#define BACKUP_RUN_H

#include "backup/gz.h"
#include "backup/preflight.h"
#include "backup/sizes.h"
#include "record/state.h"
#include "site/site.h"

enum { RUN_STORES = 8 };

struct run_care {
	/* A line for whoever watches. */
	void (*say)(void *ctx, const char *line);
	void (*progress)(void *ctx, const char *text, int64_t done,
	    int64_t total);
	bool (*cancelled)(void *ctx);
	/* What became known, for the journal; data is a JSON object. */
	void (*journal)(void *ctx, const char *text, const char *data);
	void *ctx;
};

/* Stores that were given up, for the runs that follow: {0} at first. */
struct run_gone {
	VEC(struct run_gone_one { const char *store; char *why; }) v;
};
void run_gone_release(struct run_gone *g);

struct run_ask {
	const struct site *site;
	const struct state *state;	/* NULL: nothing can be written there */
	enum set_class class;
	const char *const *names;	/* databases and components */
	size_t n;
	const char *store;		/* only this one; NULL: as the site says */
	enum gz_level level;
	int jobs;			/* streams of a database; 0: by the cores */
	struct run_gone *gone;		/* is added to; NULL: nothing follows */
	bool dry;			/* all up to the first byte, and no more */
};

struct run_copy {
	bool verified;
	const char *why;		/* it is not */
};

struct run_part {
	const char *name;
	const char *file;		/* in the set: "otc.dump.gz", "otc/" */
	enum set_kind kind;
	bool ok;			/* verified on every `to` store */
	bool saved;			/* read back on some store */
	bool whole;			/* nothing is missing where it is */
	bool busy;			/* another run has it */
	bool spare;			/* a restore can do without it */
	const char *why, *next;		/* when it is not ok */
	int64_t size, raw_size, took_ms;
	int64_t tables, rows;		/* counted in the dump; -1: not */
	enum size_verdict size_verdict;
	struct run_copy copies[RUN_STORES];	/* as the stores are numbered */
	VEC(const char *) warnings;
};

struct run_store {
	const char *name;
	bool must, whole;		/* whole: under its final name */
	const char *path;		/* of the set there; NULL: none */
	const char *why;
};

struct run_done {
	struct preflight pre;		/* its findings, and all strings here */
	VEC(struct run_part) parts;
	VEC(struct run_store) stores;
	const char *left;		/* what could not be removed; NULL */
	int64_t at;			/* of the set, wall ms; 0: none */
	bool cancelled;
	bool degraded;			/* a warning of the preflight or after */
};

/* True: every component is verified on every `to` store (dry: would be tried). */
bool backup_run(const struct run_ask *ask, const struct run_care *care,
    struct run_done *ret, struct err *e);
void run_done_release(struct run_done *d);

#endif
