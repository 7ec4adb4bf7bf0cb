/*
 * checksums: checksums.sha256, as sha256sum -c reads it: a hash, two spaces, and
 * the path from the set's directory; where the path has a backslash, a newline
 * or a carriage return these are escaped and a backslash comes first.
 */
#ifndef BACKUP_CHECKSUMS_H
#define BACKUP_CHECKSUMS_H

#include "backup/manifest.h"

struct checksum {
	const char *path;
	char sha256[SHA_HEX];
};

struct checksums {
	struct pool pool;
	VEC(struct checksum) v;
};

void checksums_put(struct buf *out, const char *path, const char *sha256);
/* Of every file of a manifest, and of the manifest itself where it is known. */
void checksums_of(const struct manifest *m, const char *manifest_sha256,
    struct buf *out);
/* Strict: every line is one of those, and no path is there twice. */
bool checksums_read(struct checksums *c, const char *p, size_t n,
    struct err *e);
const char *checksums_find(const struct checksums *c, const char *path);
void checksums_release(struct checksums *c);

#endif
