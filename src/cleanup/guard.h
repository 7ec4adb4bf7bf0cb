/*
 * guard: what a clean-up never touches, whatever it was told. Pure: paths, names
 * and first bytes go in, the reason comes out; NULL or false: nothing against it.
 *
 *	if ((why = guard_root("/var/backups/old", homes, n)) != NULL)
 *		refuse(why);
 *
 * Whether a file could be a backup is asked the cautious way round: only what is
 * surely none (lines as a log has them, a program's core, nothing at all) is
 * called none.
 */
#ifndef CLEANUP_GUARD_H
#define CLEANUP_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum { GUARD_HEAD = 4096 };

/* A folder that may be cleaned out; the path is absolute and without links. */
const char *guard_root(const char *path, const char *const *homes, size_t n);
/* A folder by its name alone: PostgreSQL's own, or a set of ours. */
const char *guard_folder(const char *name);
/* By the file's name. */
bool guard_backup_name(const char *name);
/* By its first bytes, at most GUARD_HEAD. */
bool guard_backup_bytes(const void *p, size_t n);
/* By its last bytes too, where the file is longer than its head. */
bool guard_backup_tail(const void *head, size_t n, const void *p, size_t size);
/* Homes of people in the text of a passwd file, added to out[max]; each is the
 * caller's to free. How many there are then. */
size_t guard_homes(const char *passwd, size_t size, char **out, size_t n,
    size_t max);

#endif
