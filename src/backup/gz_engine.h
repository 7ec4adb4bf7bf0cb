/*
 * gz_engine: the two libraries behind gz. Each packs one member at once and
 * inflates a stream member by member.
 */
#ifndef BACKUP_GZ_ENGINE_H
#define BACKUP_GZ_ENGINE_H

#include "backup/gz.h"

/* What one step of inflating came to. */
enum gz_step { GZ_MORE, GZ_MEMBER_END, GZ_BAD };

struct gz_bytes {
	const unsigned char *in;
	size_t in_n;			/* taken from the front */
	unsigned char *out;
	size_t out_n;			/* filled from the front */
};

struct gz_engine {
	const char *(*name)(void);
	void *(*pack_open)(enum gz_level level);
	/* One whole member; room is gz_bound(n). Bytes written. */
	size_t (*pack)(void *z, const void *raw, size_t n, unsigned char *out,
	    size_t room);
	void (*pack_close)(void *z);
	void *(*in_open)(void);
	void (*in_reset)(void *in);	/* before each member */
	enum gz_step (*in_step)(void *in, struct gz_bytes *b);
	void (*in_close)(void *in);
};

extern const struct gz_engine gz_zlib;
extern const struct gz_engine gz_isal;	/* where it was built with ISA-L */

#endif
