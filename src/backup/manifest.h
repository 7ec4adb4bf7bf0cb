/*
 * manifest: what a set says about itself, and what was proven of it later.
 *
 *	struct manifest m = { 0 };
 *	if (!manifest_read(&m, bytes, n, &e))
 *		damaged(e.msg);
 *	manifest_release(&m);
 *
 * manifest.json is written last, in a `.partial` directory, and never changed:
 * every later proof is a file of its own that names the manifest's SHA-256, and
 * through it the size and SHA-256 of each file. A manifest comes from a disk or
 * a server that may be damaged or hostile: reading one ends, in bounded memory,
 * with every known member checked; a manifest that contradicts itself (complete,
 * and a process of the pipe has failed) is damaged. Members that are not known
 * are passed over: they are only ever added.
 *
 *	{"format":1,"site":"prod","class":"nightly","started":"2025-02-14T02:10:00.000Z",
 *	 "finished":...,"by":"midwatch 0.1.0","host":"bastion","complete":true,"components":[
 *	{"name":"otc","kind":"database","complete":true,"started":...,"finished":...,
 *	 "files":[{"file":"otc.dump.gz","size":1,"raw_size":2,"sha256":"<hex>",
 *	  "index":{"file":"otc.dump.idx","size":3,"sha256":"<hex>"},
 *	  "counts":{"file":"otc.dump.counts",...}}],
 *	 "pipe":[{"process":"pg_dump","version":"15.20","exit":0},
 *	  {"process":"gzip","version":"isa-l 2.30","exit":0}],
 *	 "tables":12,"rows":4000,"snapshot":"00000003-0000001B-1",
 *	 "identity":{"system_identifier":"7470...","server_version":"15.20",
 *	  "role":"primary","host":"otc-db","dbname":"otc","user":"backup"},
 *	 "problem":...,"warnings":[...]}]}
 *
 * A database dumped in parallel has "dir":"otc", where its files lie, in the
 * order in which they are restored. Strings of a struct live in its pool.
 */
#ifndef BACKUP_MANIFEST_H
#define BACKUP_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup/set.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/sha.h"
#include "base/vec.h"

enum {
	MANIFEST_FORMAT = 1,
	PROOF_FORMAT = 2,		/* 1 had no hash of its own */
	MANIFEST_MAX = 1 << 20,		/* bytes of a manifest or a proof */
	MANIFEST_PARTS = 2048,
	MANIFEST_FILES = 1024,		/* of a component */
	MANIFEST_PROCS = 128
};

#define SET_ADOPT "adopt"		/* the producer of what was taken over */

/* A file beside the one it is about; name NULL: there is none. */
struct set_side {
	const char *name;
	int64_t size;
	char sha256[SHA_HEX];
};

struct set_file {
	const char *name;
	int64_t size, raw_size;		/* raw -1: not known */
	char sha256[SHA_HEX];
	struct set_side index;		/* the gzip members */
	struct set_side counts;		/* rows of each table */
};

/* A process of the pipe; stages of our own are named as well. */
struct set_proc {
	const char *name, *version;
	int exit;			/* 0..255; 128 + signal */
};

/* Who was dumped; NULL: not known. */
struct set_identity {
	const char *system_identifier, *server_version;
	const char *role;		/* "primary", "standby" */
	const char *host, *dbname, *user;
};

struct set_part {
	const char *name;
	enum set_kind kind;
	bool complete;
	const char *dir;		/* its own name, or NULL */
	VEC(struct set_file) files;
	VEC(struct set_proc) pipe;
	int64_t started, finished;	/* wall ms */
	int64_t tables, rows;		/* -1: not counted */
	const char *snapshot;
	struct set_identity from;
	const char *problem;		/* why it is not complete */
	VEC(const char *) warnings;
};

struct manifest {
	struct pool pool;
	const char *site, *by, *host;
	enum set_class class;		/* when written; the path counts */
	int64_t started, finished;
	bool complete;
	VEC(struct set_part) parts;
};

/* A new part, with nothing counted yet; the address holds until the next. */
struct set_part *manifest_part(struct manifest *m, const char *name,
    enum set_kind kind);
const struct set_part *manifest_find(const struct manifest *m,
    const char *name);
/* Taken over, and not made by us: it may be of any format, and its size says nothing
 * about ours. */
bool set_part_adopted(const struct set_part *p);
/* Bytes of all its files, sides included; raw -1: of one it is not known. */
int64_t set_part_size(const struct set_part *p);
int64_t set_part_raw_size(const struct set_part *p);
/* "otc/001-data.dump.gz", as seen from the set's directory. */
void set_part_path(struct buf *out, const struct set_part *p,
    const char *file);

/* Does it hold together? The reader and the writer both ask this. */
bool manifest_check(const struct manifest *m, struct err *e);
/* The same bytes for the same manifest; false: it must not be written. */
bool manifest_write(const struct manifest *m, struct buf *out, struct err *e);
bool manifest_read(struct manifest *m, const char *p, size_t n, struct err *e);
void manifest_release(struct manifest *m);

/* ---- proofs ----------------------------------------------------------------- */

/* ok false: it was looked at and is not so; that takes older proofs away. */
struct proof_part {
	const char *name;
	bool ok;
	int64_t bytes, took_ms;		/* -1: not measured */
	int64_t tables, rows;		/* found in the restored database; -1 */
	const char *text;		/* what was seen; NULL */
};

struct proof {
	struct pool pool;
	enum proven kind;		/* verified or restorable */
	int64_t at;
	char manifest[SHA_HEX];
	const char *by, *host;
	VEC(struct proof_part) parts;
};

bool proof_write(const struct proof *p, struct buf *out, struct err *e);
bool proof_read(struct proof *p, const char *s, size_t n, struct err *e);
void proof_release(struct proof *p);

#endif
