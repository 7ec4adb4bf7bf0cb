/*
 * scan: the bytes of a journal, line by line, trusting nothing.
 *
 * Pure: no file is touched. Lines are handed over as events; what is not as it
 * was written is a problem with its line number and offset, and the scan goes on
 * behind it. A fragment (a cut-off line) is legal only when the lines behind it
 * are journal.torn and one of them names it; there are several in a row when a
 * repair was itself cut off.
 */
#ifndef RECORD_SCAN_H
#define RECORD_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/sha.h"
#include "base/vec.h"
#include "record/event.h"

enum {
	SLOT = 512,			/* lines are multiples of this */
	BLOCK = 4096,			/* and no object crosses this */
	OBJECT_MAX = 4000,
};

struct scan_problem {
	int64_t line, offset;
	char *text;
};

/* Bytes that are no line and wait for their journal.torn. */
struct scan_fragment {
	int64_t line, offset;
	bool second;		/* they stand in the second journal */
	bool changed;		/* not as a repair leaves it: no tear */
	struct buf bytes;	/* with what padding there is */
};

/* The second journal that the chain named last. */
struct scan_second {
	int64_t seq;		/* of the line that names it, 0: none */
	char boot[40];		/* it was in memory under this start, else "" */
	char host[80];
};

/* A journal.second-lost: what stood in the second journal behind last_seq. */
struct scan_loss {
	int64_t seq;		/* of the line that says so */
	int64_t last_seq;	/* which the first journal still had */
	int64_t known_seq;	/* the last that is known to have been, 0: none */
	bool used;		/* lines stood in it, as far as known */
};

struct scan_digest {
	char hex[SHA_HEX - 1];
};

struct scan {
	/* where the chain stands */
	int64_t seq;			/* of the last good line, 0: none */
	char hash[SHA_HEX];		/* its hash, 64 zeros at first */
	int64_t line;			/* lines seen */
	int64_t torn;			/* legal fragments */
	VEC(struct scan_digest) hashes;	/* hash of seq i+1 */
	VEC(struct scan_problem) problems;
	size_t dropped;			/* problems beyond the cap */
	VEC(struct scan_fragment) fragments;
	struct scan_second second;
	VEC(struct scan_loss) losses;
	bool in_second;			/* what comes stands in the second journal */
	bool skip_known;		/* lines that we have already may come */

	void (*event)(void *ctx, const struct event *ev);
	void *ctx;
};

void scan_init(struct scan *s);
void scan_release(struct scan *s);

/*
 * Scans whole lines of p, which stand at file offset base (the end of the last
 * call). Returns the bytes consumed: up to the last newline.
 */
size_t scan_bytes(struct scan *s, const char *p, size_t n, int64_t base);

/* Whether line seq has this hash. */
bool scan_has(const struct scan *s, int64_t seq, const char *hash);
/* Whether lines stood in a second journal that is lost. */
bool scan_lost(const struct scan *s);

/* What is left behind the last newline: nothing (or spaces up to a block's
 * edge), or a fragment. */
bool scan_tail_is_whole(const char *p, size_t n, int64_t base);
/* A fragment behind the last newline that the lines to come should name. */
void scan_fragment(struct scan *s, const char *p, size_t n, int64_t offset);
/* Whether ev is the journal.torn of the n bytes at p, which stand at offset. */
bool scan_names(const struct event *ev, const char *p, size_t n,
    int64_t offset);
/* Whether the line behind a line disowns it, although all of it may be there:
 * only its padding was cut off. */
bool scan_disowned(const char *p, size_t n, int64_t at, const char *rest,
    size_t rest_n);
/* Length without the spaces at its end, at least 1. */
size_t scan_trimmed(const struct buf *b);
/* A fragment at the end of a finished file is a problem. */
void scan_end(struct scan *s, const char *p, size_t n, int64_t base);
void scan_problem(struct scan *s, int64_t line, int64_t offset,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Parses one object; false: it is not a journal line at all. hash_ok says
 * whether its bytes are what was hashed. */
bool scan_object(const char *p, size_t n, struct event *ev, char prev[SHA_HEX],
    bool *hash_ok);
void scan_event_release(struct event *ev);

#endif
