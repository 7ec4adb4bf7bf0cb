/*
 * walk: the biggest and the newest files of a disk, and where its bytes lie, as
 * `find` at any place tells them: one file system, no links, until a deadline.
 *
 *	struct walk w = { 0 };
 *	if (walk_disk(&w, place, "/var/backups", deadline, &e))
 *		use(w.biggest[0].path, w.biggest[0].size);
 *	walk_release(&w);
 */
#ifndef ISOLATE_WALK_H
#define ISOLATE_WALK_H

#include "base/buf.h"
#include "base/vec.h"
#include "place/place.h"

enum { WALK_TOP = 20, WALK_DIRS = 8192 };

struct walk_file {
	char *path;			/* raw bytes as they are there */
	int64_t size, mtime;		/* bytes taken; wall ms */
};

struct walk_dir {
	char *path;
	int64_t bytes, files;
};

/* Bytes by where they are and what their names say. */
enum walk_kind { WALK_SETS, WALK_WAL, WALK_CONTAINERS, WALK_DUMPS, WALK_LOGS,
	WALK_OTHER, WALK_KINDS };
const char *walk_kind_name(enum walk_kind k);

struct walk {
	VEC(const char *) stores;	/* folders of sets, the caller's */
	char *root;			/* the mount point it began at */
	struct walk_file biggest[WALK_TOP], newest[WALK_TOP];
	size_t n_biggest, n_newest;
	VEC(struct walk_dir) dirs;	/* the fullest first, after the walk */
	int64_t files, bytes, kinds[WALK_KINDS];
	bool whole;			/* to its end, and all could be read */
	struct buf rest;		/* of the scan */
};

/* False: nothing was seen at all. */
bool walk_disk(struct walk *w, struct place *p, const char *path,
    int64_t deadline_ms, struct err *e);
/* Pieces of find's output (size, time and path of each file, ended by a NUL),
 * then the end. */
void walk_feed(struct walk *w, const char *s, size_t n);
void walk_end(struct walk *w);
/* As text for people and the record. */
void walk_write(const struct walk *w, struct buf *out);
void walk_release(struct walk *w);

#endif
