/*
 * zlib: there everywhere; its level 6 makes the smaller files.
 */
#include "backup/gz_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP_WRAP = 16 + MAX_WBITS, MEMORY = 9 };

static const char *
name(void)
{
	static char text[32];

	(void)snprintf(text, sizeof text, "zlib %.20s", zlibVersion());
	return text;
}

static void *
pack_open(enum gz_level level)
{
	z_stream *s = xcalloc(1, sizeof *s);

	if (deflateInit2(s, level == GZ_SMALL ? 6 : 1, Z_DEFLATED, GZIP_WRAP,
	    MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		die("out of memory");
	return s;
}

static size_t
pack(void *z, const void *raw, size_t n, unsigned char *out, size_t room)
{
	z_stream *s = z;

	(void)deflateReset(s);
	s->next_in = (Bytef *)(uintptr_t)raw;
	s->avail_in = (uInt)n;
	s->next_out = out;
	s->avail_out = (uInt)room;
	if (deflate(s, Z_FINISH) != Z_STREAM_END)
		die("zlib did not pack %zu bytes", n);
	return room - s->avail_out;
}

static void
pack_close(void *z)
{
	if (z != NULL)
		(void)deflateEnd(z);
	free(z);
}

static void *
in_open(void)
{
	z_stream *s = xcalloc(1, sizeof *s);

	if (inflateInit2(s, GZIP_WRAP) != Z_OK)
		die("out of memory");
	return s;
}

static void
in_reset(void *in)
{
	(void)inflateReset(in);
}

static enum gz_step
in_step(void *in, struct gz_bytes *b)
{
	z_stream *s = in;
	int got;

	s->next_in = (Bytef *)(uintptr_t)b->in;
	s->avail_in = (uInt)b->in_n;
	s->next_out = b->out;
	s->avail_out = (uInt)b->out_n;
	got = inflate(s, Z_NO_FLUSH);
	b->in += b->in_n - s->avail_in;
	b->in_n = s->avail_in;
	b->out += b->out_n - s->avail_out;
	b->out_n = s->avail_out;
	if (got != Z_OK && got != Z_STREAM_END && got != Z_BUF_ERROR)
		return GZ_BAD;
	return got == Z_STREAM_END ? GZ_MEMBER_END : GZ_MORE;
}

static void
in_close(void *in)
{
	if (in != NULL)
		(void)inflateEnd(in);
	free(in);
}

const struct gz_engine gz_zlib = { name, pack_open, pack, pack_close, in_open,
	in_reset, in_step, in_close };
