#include "backup/gz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/gz_engine.h"
#include "base/text.h"

enum { OVERHEAD = 64 << 10, PIECE = 256 << 10, TRAILER = 8, LINE_MAX_ = 256 };

#ifdef HAVE_ISAL
#define FAST (&gz_isal)
#else
#define FAST (&gz_zlib)
#endif

const char *
gz_engine(void)
{
	return FAST->name();
}

/* ---- packing -------------------------------------------------------------------- */

struct gz {
	const struct gz_engine *engine;
	void *z;
	int64_t at, raw_at;
};

struct gz *
gz_open(enum gz_level level)
{
	struct gz *z = xcalloc(1, sizeof *z);

	z->engine = level == GZ_SMALL ? &gz_zlib : FAST;
	z->z = z->engine->pack_open(level);
	return z;
}

static uint32_t
little_endian(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

void
gz_pack(struct gz *z, const void *raw, size_t n, struct buf *out,
    struct gz_member *ret)
{
	/* what cannot be made smaller is stored, with a head each 64 KiB */
	size_t room = n + n / 64 + OVERHEAD, size;
	unsigned char *to;

	if (n > GZ_MEMBER)
		die("a gzip member of %zu bytes", n);
	buf_grow(out, room);
	to = (unsigned char *)out->p + out->n;
	size = z->engine->pack(z->z, raw, n, to, room);
	*ret = (struct gz_member){ .at = z->at, .size = (int64_t)size,
	    .raw_at = z->raw_at, .raw_size = (int64_t)n,
	    .crc = little_endian(to + size - TRAILER) };
	sha_of(to, size, ret->sha256);
	out->n += size;
	out->p[out->n] = '\0';
	z->at += ret->size;
	z->raw_at += ret->raw_size;
}

void
gz_close(struct gz *z)
{
	if (z == NULL)
		return;
	z->engine->pack_close(z->z);
	free(z);
}

/* ---- the index -------------------------------------------------------------------- */

#define HEAD "midwatch gzip index 1: offset size raw_offset raw_size crc32 sha256\n"

void
gz_index_head(struct buf *out)
{
	buf_str(out, HEAD);
}

void
gz_index_put(struct buf *out, const struct gz_member *m)
{
	buf_printf(out, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
	    " %08" PRIx32 " %s\n", m->at, m->size, m->raw_at, m->raw_size,
	    m->crc, m->sha256);
}

void
gz_index_end(struct buf *out, int64_t size, int64_t raw_size)
{
	buf_printf(out, "end %" PRId64 " %" PRId64 "\n", size, raw_size);
}

static bool
is_sha(const char *s)
{
	return strspn(s, "0123456789abcdef") == SHA_HEX - 1 &&
	    s[SHA_HEX - 1] == '\0';
}

/* The members follow each other without a gap. */
static bool
take_member(struct gz_index *ix, const char *line)
{
	struct gz_member m;
	char sha[80];
	int end = 0;

	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
	    " %8" SCNx32 " %79s%n", &m.at, &m.size, &m.raw_at, &m.raw_size,
	    &m.crc, sha, &end) != 6 || line[end] != '\0' || !is_sha(sha) ||
	    m.at != ix->size || m.raw_at != ix->raw_size || m.size <= 0 ||
	    m.raw_size < 0 || m.raw_size > GZ_MEMBER || m.size > 2 * GZ_MEMBER)
		return false;
	memcpy(m.sha256, sha, SHA_HEX);
	ix->size += m.size;
	ix->raw_size += m.raw_size;
	VEC_PUSH(&ix->v, m);
	return true;
}

static bool
take_line(struct gz_index *ix, const char *line)
{
	int64_t size, raw;
	int end = 0;

	if (sscanf(line, "end %" SCNd64 " %" SCNd64 "%n", &size, &raw,
	    &end) == 2 && line[end] == '\0') {
		ix->whole = size == ix->size && raw == ix->raw_size;
		return ix->whole;
	}
	return take_member(ix, line);
}

bool
gz_index_read(struct gz_index *ix, const char *p, size_t n, struct err *e)
{
	size_t head = sizeof HEAD - 1, lines = 1;

	*ix = (struct gz_index){ 0 };
	if (n < head || memcmp(p, HEAD, head) != 0)
		return err_set(e, ERR_INTEGRITY, "this is no index of gzip "
		    "members");
	for (const char *s = p + head, *end = p + n; s < end && !ix->whole;) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		char line[LINE_MAX_];

		lines++;
		if (nl == NULL)
			break;		/* it was still growing */
		if ((size_t)(nl - s) >= sizeof line)
			return err_set(e, ERR_INTEGRITY, "line %zu of the index "
			    "is too long", lines);
		memcpy(line, s, (size_t)(nl - s));
		line[nl - s] = '\0';
		if (!take_line(ix, line))
			return err_set(e, ERR_INTEGRITY, "line %zu of the index "
			    "does not fit the others", lines);
		s = nl + 1;
		if (ix->whole && s != end)
			return err_set(e, ERR_INTEGRITY, "the index goes on "
			    "behind its end");
	}
	return true;
}

void
gz_index_release(struct gz_index *ix)
{
	VEC_RELEASE(&ix->v);
}

/* ---- reading ------------------------------------------------------------------------- */

struct gz_in {
	void *in;
	unsigned char *piece;
	bool inside;			/* of a member */
	int64_t members, raw, packed;	/* so far */
	int64_t member_at;		/* packed offset of this one */
};

struct gz_in *
gz_in_open(void)
{
	struct gz_in *in = xcalloc(1, sizeof *in);

	in->in = FAST->in_open();
	in->piece = xmalloc(PIECE);
	return in;
}

static bool
damaged(const struct gz_in *in, struct err *e, const char *how)
{
	return err_set(e, ERR_INTEGRITY, "gzip member %" PRId64 ", which begins "
	    "at byte %" PRId64 ", %s", in->members + 1, in->member_at, how);
}

bool
gz_in_take(struct gz_in *in, const void *p, size_t n,
    bool (*sink)(void *ctx, const void *raw, size_t n, struct err *e),
    void *ctx, struct err *e)
{
	struct gz_bytes b = { .in = p, .in_n = n };

	while (b.in_n > 0 || (in->inside && b.out_n == 0 && n > 0)) {
		size_t had = b.in_n, got;
		enum gz_step step;

		if (!in->inside) {
			FAST->in_reset(in->in);
			in->inside = true;
			in->member_at = in->packed;
		}
		b.out = in->piece;
		b.out_n = PIECE;
		step = FAST->in_step(in->in, &b);
		got = PIECE - b.out_n;
		in->packed += (int64_t)(had - b.in_n);
		in->raw += (int64_t)got;
		if (step == GZ_BAD)
			return damaged(in, e, "is damaged");
		if (got > 0 && sink != NULL && !sink(ctx, in->piece, got, e))
			return false;
		if (step == GZ_MEMBER_END) {
			in->members++;
			in->inside = false;
			b.out_n = 1;	/* nothing is waiting inside */
		} else if (had == b.in_n && got == 0)
			break;		/* it wants more than there is */
	}
	return true;
}

bool
gz_in_end(struct gz_in *in, int64_t *ret_raw, int64_t *ret_members,
    struct err *e)
{
	if (ret_raw != NULL)
		*ret_raw = in->raw;
	if (ret_members != NULL)
		*ret_members = in->members;
	if (in->inside)
		return damaged(in, e, "is cut off");
	return in->members > 0 || err_set(e, ERR_INTEGRITY,
	    "there is no gzip member at all");
}

void
gz_in_close(struct gz_in *in)
{
	if (in == NULL)
		return;
	FAST->in_close(in->in);
	free(in->piece);
	free(in);
}
