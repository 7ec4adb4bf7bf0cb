/*
 * tail: what was written to a file since it was looked at last, at any place.
 *
 * A file is known again by its inode (here) and by the bytes before the place
 * that was reached: when they are others, the file was rotated, truncated or
 * copied away, and what the old one still got is read from where it went (NAME.1,
 * NAME-DATE) before the new one is read from its beginning. Only whole lines are
 * handed over; an unfinished one waits until it is finished, or has not grown.
 *
 *	struct tail t = { 0 };
 *	struct tail_new new = TAIL_NEW_INIT;
 *	if (tail_read(&t, place, here, path, 64 << 10, false, &new, &e))
 *		use(new.text.p, new.text.n);
 *	tail_new_release(&new);
 */
#ifndef PROBE_TAIL_H
#define PROBE_TAIL_H

#include "base/buf.h"
#include "place/place.h"

enum {
	TAIL_MARK = 64,
	TAIL_MAX = 256 << 10,		/* of one read; the newest part counts */
	TAIL_UNFINISHED = 64 << 10,	/* a line longer than this is no line */
};

struct tail {
	bool begun;
	int64_t offset;			/* what is before it was handed over */
	int64_t size, mtime;		/* when it was looked at last */
	uint64_t ino;			/* here; 0: not known */
	char mark[TAIL_MARK];		/* the bytes before offset */
	size_t mark_n;
};

struct tail_new {
	struct buf text;
	int64_t size, mtime_ms;
	int64_t skipped;		/* bytes that nobody will look at */
	bool first;			/* nothing was known before */
	bool replaced;			/* it is another file now */
};
#define TAIL_NEW_INIT { .text = BUF_INIT }

/* first: how much of its end to look at when nothing is known yet; all: an
 * unfinished last line too. ERR_NOTFOUND: there is no such file. */
bool tail_read(struct tail *t, struct place *p, bool here, const char *path,
    size_t first, bool all, struct tail_new *ret, struct err *e);
void tail_new_release(struct tail_new *n);

#endif
