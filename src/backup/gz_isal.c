/*
 * ISA-L: about ten times as fast as zlib at the size of its level 6.
 */
#ifdef HAVE_ISAL
#include "backup/gz_engine.h"

#include <isa-l.h>
#include <stdlib.h>
#include <string.h>

struct packer {
	struct isal_zstream s;
	uint8_t work[ISAL_DEF_LVL1_DEFAULT];
};

static const char *
name(void)
{
#define WORD_(x) #x
#define WORD(x) WORD_(x)
	return "isa-l " WORD(ISAL_MAJOR_VERSION) "." WORD(ISAL_MINOR_VERSION);
}

static void *
pack_open(enum gz_level level)
{
	(void)level;			/* the small one is zlib's */
	return xcalloc(1, sizeof(struct packer));
}

static size_t
pack(void *z, const void *raw, size_t n, unsigned char *out, size_t room)
{
	struct packer *p = z;

	isal_deflate_init(&p->s);
	p->s.level = 1;
	p->s.level_buf = p->work;
	p->s.level_buf_size = sizeof p->work;
	p->s.gzip_flag = IGZIP_GZIP;
	p->s.end_of_stream = 1;
	p->s.next_in = (uint8_t *)(uintptr_t)raw;
	p->s.avail_in = (uint32_t)n;
	p->s.next_out = out;
	p->s.avail_out = (uint32_t)room;
	if (isal_deflate(&p->s) != COMP_OK || p->s.avail_in != 0 ||
	    p->s.internal_state.state != ZSTATE_END)
		die("isa-l did not pack %zu bytes", n);
	return room - p->s.avail_out;
}

static void *
in_open(void)
{
	return xcalloc(1, sizeof(struct inflate_state));
}

static void
in_reset(void *in)
{
	struct inflate_state *s = in;

	isal_inflate_init(s);
	s->crc_flag = ISAL_GZIP;
}

static enum gz_step
in_step(void *in, struct gz_bytes *b)
{
	struct inflate_state *s = in;
	int got;

	s->next_in = (uint8_t *)(uintptr_t)b->in;
	s->avail_in = (uint32_t)b->in_n;
	s->next_out = b->out;
	s->avail_out = (uint32_t)b->out_n;
	got = isal_inflate(s);
	b->in += b->in_n - s->avail_in;
	b->in_n = s->avail_in;
	b->out += b->out_n - s->avail_out;
	b->out_n = s->avail_out;
	if (got != ISAL_DECOMP_OK && got != ISAL_END_INPUT &&
	    got != ISAL_OUT_OVERFLOW)
		return GZ_BAD;
	return s->block_state == ISAL_BLOCK_FINISH ? GZ_MEMBER_END : GZ_MORE;
}

const struct gz_engine gz_isal = { name, pack_open, pack, free, in_open,
	in_reset, in_step, free };

#else
typedef int no_isal;			/* a file must not be empty */
#endif
