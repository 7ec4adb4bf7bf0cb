/*
 * evidence: what was found, copied into a folder of its own: bounded, masked,
 * hashed. The copy may fail (the disk is full); what it was and its hash are
 * known all the same.
 *
 *	struct evidence ev = { .dir = ".../evidence/20250214T021000Z" };
 *	f = evidence_put(&ev, "here-df.txt", "df here", ran.out.p, ran.out.n);
 *	use(f->sha256, f->size, f->copied);
 *	evidence_release(&ev);
 */
#ifndef ISOLATE_EVIDENCE_H
#define ISOLATE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/sha.h"
#include "base/vec.h"

enum { EVIDENCE_FILE_MAX = 256 << 10, EVIDENCE_MAX = 8 << 20 };

struct evidence_file {
	char *name, *what;
	int64_t size;			/* of the copy */
	char sha256[SHA_HEX];		/* of the copy */
	bool cut;			/* there was more */
	bool copied;
	bool known;			/* the record has these very bytes */
	size_t masked;			/* words that looked like secrets */
	char *why;			/* not copied; NULL */
};

struct evidence {
	const char *dir;		/* made with the first file */
	int64_t budget;			/* bytes; 0: not looked at yet */
	VEC(struct evidence_file) v;
	VEC(char *) known;		/* hashes of what the record has */
};

/* The address holds until the next. The newest part of what is too long is kept
 * (newest_last), else its beginning. */
struct evidence_file *evidence_put(struct evidence *ev, const char *name,
    const char *what, const char *p, size_t n, bool newest_last);
void evidence_know(struct evidence *ev, const char *sha256);
void evidence_release(struct evidence *ev);

#endif
