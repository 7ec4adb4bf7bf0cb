/*
 * tree: a folder of `cleanup.paths`, here or at a place: what lies in it, what of
 * that may go, and removing one thing of it.
 *
 * Here everything goes by descriptors from the folder down, never through a link
 * or into another mount; a file is first renamed to a name that nobody knows,
 * looked at once more, and then removed: whatever was put in its place in between
 * gets its name back (a file system that cannot rename without replacing has the
 * two looks alone). At a place a shell does the same, its working directory
 * being the descriptor; see tree_far.c for what is weaker there.
 */
#ifndef CLEANUP_TREE_H
#define CLEANUP_TREE_H

#include "cleanup/cleanup.h"
#include "cleanup/opened.h"

enum { TREE_MAX = 200000, TREE_FAR_MAX = 50000, TREE_DEPTH = 64 };

struct tree_entry {
	char type;			/* 'f', 'd', 'l', else something else */
	bool mounted;			/* another mount begins here */
	char *path;			/* below the folder */
	struct clean_id id;
};

/* A file that a process at a place has open. */
struct tree_held {
	uint64_t dev, ino;
	int64_t pid;
};

struct tree {
	char *real;			/* the folder, without links */
	struct clean_id root;
	const char *never;		/* it may not be cleaned at all */
	VEC(struct tree_entry) v;	/* each folder before what is in it */
	VEC(char *) mounts;		/* names below it, at a place */
	char *homes[64];
	size_t n_homes;
	struct opened *opened;		/* here only */
	VEC(struct tree_held) held;	/* at a place */
};

bool tree_look_here(struct tree *t, const char *path, struct err *e);
bool tree_look_far(struct tree *t, struct place *p, const char *path,
    struct err *e);
/* What the shell there printed. */
bool tree_listing(struct tree *t, const struct buf *b, struct err *e);
void tree_sort(struct tree *t);
void tree_sort_held(struct tree *t);
void tree_release(struct tree *t);

/* Items and kept things of that part, by what was seen. older_ms: what is younger
 * stays. */
void tree_judge(struct clean_plan *p, size_t part, struct tree *t);
void tree_mark(struct clean_item *i);

/* GUARD_HEAD bytes of a file there, from some offset on; false: they cannot be
 * read. */
bool tree_bytes(const struct clean_part *part, const char *path,
    int64_t offset, struct buf *out, struct err *e);

/* Removes one. ERR_GUARD: it is not what the plan has. *opened is kept between
 * calls, NULL at first. */
bool tree_remove_here(const struct clean_part *part, struct clean_item *i,
    struct opened **opened, struct err *e);
/* Removes them in turn until one fails: how many are gone. */
size_t tree_remove_far(const struct clean_part *part,
    struct clean_item *const *v, size_t n, struct err *e);

#endif
