/*
 * file: whole files. A file becomes visible whole or not at all (temporary
 * name, fsync, rename, fsync of the directory), except records of an open
 * incident, which exist beforehand and are updated in place: a full disk
 * refuses to create, not to overwrite.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Regular files only; larger than limit is an error. */
bool file_read(const char *path, struct buf *out, size_t limit, struct err *e);
bool file_replace(const char *path, const void *p, size_t n, mode_t mode,
    struct err *e);
/* The same, but never in the place of what is there already (ERR_GUARD). */
bool file_create(const char *path, const void *p, size_t n, mode_t mode,
    struct err *e);
/* One record of 512-byte blocks at the start of an existing file, padded with
 * spaces and closed by a newline; one pwrite. */
bool file_record(int fd, const struct buf *text, size_t min, struct err *e);
bool file_mkdir(const char *path, mode_t mode, struct err *e);	/* existing is fine */
bool file_mkdirs(const char *path, mode_t mode, struct err *e);
bool file_sync_dir(const char *path, struct err *e);
bool file_exists(const char *path);
bool file_is_dir(const char *path);
/* Removes the tree below path by descriptors, never through links. */
bool file_remove_tree(const char *path, struct err *e);
char *file_join(const char *dir, const char *name);	/* caller frees */

/* Room that is really there: KEEP_SIZE, never emulated. False: not supported
 * or no space (errno). */
bool file_reserve(int fd, int64_t at, int64_t n);
/* A file system that writes a block elsewhere each time (btrfs, zfs). */
bool file_cow(int fd);
void file_nocow(int fd);		/* asks for in-place writes, while empty */
bool file_volatile(int fd);		/* gone after a reboot */

#endif
