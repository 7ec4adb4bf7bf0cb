/* Shared by prune.c (the plan) and prune_run.c (doing it). */
#ifndef BACKUP_PRUNE_INTERN_H
#define BACKUP_PRUNE_INTERN_H

#include "backup/prune.h"

/* What lies in a directory, one level of folders deep. */
struct prune_walk {
	VEC(char *) files;		/* "otc.dump.gz", "otc/001.dump.gz" */
	VEC(char *) folders;
	char mark[SHA_HEX];
};
/* False with ERR_GUARD: it holds what no set holds. */
bool prune_walk(struct prune_walk *w, struct place *p, const char *dir,
    struct err *e);
void prune_walk_release(struct prune_walk *w);
/* A file by itself; it must be a regular one. */
bool prune_mark_file(struct place *p, const char *path, char mark[SHA_HEX],
    struct err *e);

#endif
