/*
 * sizes: how big the backups of a database usually are, in whole numbers.
 *
 *	<state>/sizes/<db>.csv
 *	20250214T021000Z,nightly,1048576,4194304,12,4000,61000,good
 *	when, class, bytes, raw bytes, tables, rows, milliseconds, good|bad
 *
 * A line is added in one write and is whole only when it ends with its last word
 * and a newline: what a full disk or a kill left of one is passed over, and the
 * next line begins on a line of its own. -1 stands for what was not counted.
 */
#ifndef BACKUP_SIZES_H
#define BACKUP_SIZES_H

#include <stdbool.h>
#include <stdint.h>

#include "backup/set.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "record/state.h"

struct size_entry {
	int64_t at;			/* the set's, wall ms */
	enum set_class class;
	int64_t size, raw_size, tables, rows, took_ms;
	bool good;			/* verified; the others are no baseline */
};

struct sizes {
	VEC(struct size_entry) v;	/* oldest first */
	size_t torn;			/* lines that were passed over */
};

bool sizes_append(const struct state *state, const char *part,
    const struct size_entry *entry, struct err *e);
/* No file yet is no entry. Of a long history the end. */
bool sizes_read(struct sizes *s, const struct state *state, const char *part,
    struct err *e);
/* The cluster's system identifier, which the last copy came from, in a file beside
 * it: a history is of one cluster. False: it is not known; not kept on a full
 * disk. */
bool sizes_cluster(const struct state *state, const char *part,
    struct buf *ret);
void sizes_cluster_is(const struct state *state, const char *part,
    const char *id);
void sizes_parse(struct sizes *s, const char *p, size_t n);
void sizes_sort(struct sizes *s);	/* after entries were added by hand */
void sizes_release(struct sizes *s);

enum { SIZES_BASE = 7 };		/* the last so many good ones */
#define SIZE_VERDICTS(X)						\
	X(NO_BASELINE, "no baseline")					\
	X(NORMAL, "normal")						\
	X(SMALL, "small")						\
	X(LARGE, "large")
#define SIZE_VERDICT_(id, word) SIZE_##id,
enum size_verdict { SIZE_VERDICTS(SIZE_VERDICT_) };
#undef SIZE_VERDICT_
const char *size_verdict_name(enum size_verdict v);

struct size_base {
	size_t n;			/* of how many; 0: there is no baseline */
	int64_t size, raw_size, tables, rows, took_ms;	/* medians; -1 */
};
/* Of the last good ones before that time (wall ms). */
void sizes_base(const struct sizes *s, int64_t before, struct size_base *ret);
/* value against the median: more than percent away? -1 on either side: no
 * baseline. */
enum size_verdict size_judge(int64_t value, int64_t median, int64_t percent);
/* A copy against its base: packed and raw bytes, tables. What is odd is behind
 * why: "unusually small: 12 MB of data, usually 90 MB". */
enum size_verdict sizes_judge(const struct size_base *base,
    const struct size_entry *copy, int64_t percent, struct buf *why);
/* More than twice as long as usual, and more than a minute longer. */
bool sizes_slow(const struct size_base *base, int64_t took_ms);

#endif
