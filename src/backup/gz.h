/*
 * gz: gzip as independent members of about 1 MiB of raw bytes, with an index that
 * grows beside them. Each member can be inflated alone: a damaged place has a
 * number, reading goes on behind it, a dropped upload goes on at a member.
 * `gunzip`, pg_restore and everybody else see one ordinary gzip file.
 *
 *	struct gz *z = gz_open(GZ_FAST);
 *	struct gz_member m;
 *	gz_pack(z, raw, n, &out, &m);		one whole member behind out
 *	gz_index_put(&index, &m);		and its line
 *	gz_close(z);
 *
 * ISA-L writes where it was there to be built with, zlib elsewhere; GZ_FAST is
 * ISA-L's level 1 (or zlib's), GZ_SMALL trades time for a few percent. Reading is
 * strict: no bytes between or behind the members, every CRC and length right.
 */
#ifndef BACKUP_GZ_H
#define BACKUP_GZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sha.h"
#include "base/vec.h"

enum { GZ_MEMBER = 1 << 20 };		/* raw bytes of a full member */
enum gz_level { GZ_FAST, GZ_SMALL };

struct gz_member {
	int64_t at, size;		/* of the packed bytes */
	int64_t raw_at, raw_size;
	uint32_t crc;			/* of the raw bytes */
	char sha256[SHA_HEX];		/* of the packed bytes */
};

struct gz;
struct gz *gz_open(enum gz_level level);
/* n is at most GZ_MEMBER; 0 makes an empty member (an empty file has one). */
void gz_pack(struct gz *z, const void *raw, size_t n, struct buf *out,
    struct gz_member *ret);
void gz_close(struct gz *z);
const char *gz_engine(void);		/* "isa-l 2.30", "zlib 1.2.13" */

/* ---- the index: a head, a line a member, and an end ------------------------ */

void gz_index_head(struct buf *out);
void gz_index_put(struct buf *out, const struct gz_member *m);
void gz_index_end(struct buf *out, int64_t size, int64_t raw_size);
struct gz_index {
	VEC(struct gz_member) v;
	bool whole;			/* its end is there, and adds up */
	int64_t size, raw_size;
};
bool gz_index_read(struct gz_index *ix, const char *p, size_t n,
    struct err *e);
void gz_index_release(struct gz_index *ix);

/* ---- reading ------------------------------------------------------------------ */

struct gz_in;
struct gz_in *gz_in_open(void);
/* Takes packed bytes as they come; raw ones go to sink (NULL: only checked).
 * False: damaged, and e names the member and its offset. */
bool gz_in_take(struct gz_in *in, const void *p, size_t n,
    bool (*sink)(void *ctx, const void *raw, size_t n, struct err *e),
    void *ctx, struct err *e);
/* No more comes: false when the last member is cut off. */
bool gz_in_end(struct gz_in *in, int64_t *ret_raw, int64_t *ret_members,
    struct err *e);
void gz_in_close(struct gz_in *in);

#endif
