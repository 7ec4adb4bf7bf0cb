/*
 * journal: the truth of an incident, one durable line after the other.
 *
 * Appending is: lock, fold to the tail, decide again, one write, fdatasync,
 * unlock; only then is it acknowledged. Several processes may append at once.
 * When the first journal cannot be written (no space in spite of the reserve,
 * an I/O error, a failed sync), the second one goes on with seq and prev; every
 * appender uses it, under the first one's lock, as long as it is not empty.
 * journal_settle() copies its lines back word for word. One that was in memory
 * and went with a restart is lost: the next append says so in a line of its own,
 * and chooses another. One that only cannot be reached now stops the record.
 *
 *	struct journal j;
 *	journal_init(&j, on_event, ctx);
 *	if (!journal_open(&j, path, &e)) ...
 *	struct draft d = { .kind = EVENT_NOTE, .text = "fan replaced" };
 *	if (!journal_append(&j, &d, 1, NULL, NULL, &seq, &e)) ...
 *	journal_close(&j);
 *
 * Blocks for the lock (2 s until the holder is named through j->waiting, 30 s
 * until it gives up) and for the disk.
 */
#ifndef RECORD_JOURNAL_H
#define RECORD_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "record/scan.h"

enum { JOURNAL_RESERVE = 8 << 20, JOURNAL_MODE = 0660 };

struct draft {
	enum event_kind kind;
	const char *step;	/* NULL: none */
	const char *text;	/* any length; NULL: "" */
	const char *data;	/* a JSON object as text; NULL: {} */
	int64_t at;		/* wall ms; 0: now */
};

struct journal_second {
	char *path;		/* NULL: none was chosen */
	int fd;
	ino_t ino;
	int write_errno;	/* its sync failed: never again, 0 */
	int64_t off;		/* folded so far */
	char head[64];		/* how it began then */
	bool in_use;		/* it is not empty */
	bool missing;		/* lines are in it, and it cannot be opened */
	bool gone;		/* a restart took it, and no line says so yet */
};

/* Where an append is; a test is told. */
enum journal_phase {
	JOURNAL_WAITING, JOURNAL_LOCKED, JOURNAL_DECIDED, JOURNAL_WRITTEN,
	JOURNAL_SYNCED, JOURNAL_DONE,
};

struct journal {
	struct scan scan;
	char *path;
	int fd;
	int write_errno;	/* only for reading, or its sync failed: why, 0 */
	bool strict;		/* a line that comes twice is a fault (verify) */
	int64_t off;		/* of the first journal: folded so far */
	struct journal_second second;
	void (*event)(void *ctx, const struct event *ev);
	void *ctx;
	void (*waiting)(const char *holder);	/* NULL, or told after 2 s */
	void (*phase)(enum journal_phase now);	/* NULL, or told */
};

/* Under the lock, after folding to the tail: false refuses the append. */
typedef bool journal_decide(void *ctx, struct err *e);

void journal_init(struct journal *j,
    void (*event)(void *ctx, const struct event *ev), void *ctx);
/* A new journal with space kept for it beyond its end (0: none). */
bool journal_create(const char *path, int64_t reserve, struct err *e);
bool journal_open(struct journal *j, const char *path, struct err *e);
/* Folds what others have appended; takes no lock. */
bool journal_poll(struct journal *j, struct err *e);
bool journal_append(struct journal *j, const struct draft *d, size_t n,
    journal_decide *decide, void *ctx, int64_t *ret_seq, struct err *e);
/* Chooses, reserves and journals a second journal on another file system;
 * dirs are tried in order, then the usual ones. */
extern const char *const second_dirs[];	/* the usual ones, NULL at the end */
bool journal_choose_second(struct journal *j, const char *const *dirs, size_t n,
    const char *name, struct err *e);
/* Copies the second journal back when the first can be written again; with
 * nothing to copy it does nothing. */
bool journal_settle(struct journal *j, struct err *e);
/* Removes the (empty) second journal when an incident is over. */
void journal_drop_second(struct journal *j);
void journal_close(struct journal *j);

struct journal_verdict {
	int64_t lines, torn, last_seq;
	char last_hash[SHA_HEX];
	bool second_used;	/* part of it stands in the second journal */
	bool lost;		/* and part of it stood in one that is lost */
	size_t problems;
};

/* Reads all of it and the second one; problems stay in j->scan.problems. */
bool journal_verify(struct journal *j, const char *path,
    struct journal_verdict *ret, struct err *e);
/* Whether line seq has this hash. */
bool journal_has(const struct journal *j, int64_t seq, const char *hash);

/* Space really there and writable twice in one block: what doctor asks. */
bool journal_try_reserve(const char *dir, struct buf *finding, struct err *e);

#endif
