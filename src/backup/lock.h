/*
 * lock: one backup of a database at a time, and whose unfinished set is whose.
 *
 *	struct backup_lock l = BACKUP_LOCK_INIT;
 *	if (!backup_lock_take(&l, &state, "otc", "emergency backup", &e))
 *		e.kind == ERR_BUSY: "otc is being backed up by ... since 02:10:00"
 *	backup_lock_drop(&l);
 *
 * <state>/locks/backup-<db> is flocked, so that it dies with its holder, and says
 * who it is and since when. Any other failure than ERR_BUSY is no lock held by
 * anybody: whether to go on without one is the caller's to decide.
 *
 * A run writes a file of its own, RUN_FILE, into the `.partial` directory at the
 * store (and removes it before the set gets its name): by it another run, here
 * or elsewhere, knows whether that directory still has an owner.
 */
#ifndef BACKUP_LOCK_H
#define BACKUP_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/proc.h"
#include "record/state.h"

struct backup_lock {
	int fd;
};
#define BACKUP_LOCK_INIT { -1 }

bool backup_lock_take(struct backup_lock *l, const struct state *s,
    const char *db, const char *what, struct err *e);
void backup_lock_drop(struct backup_lock *l);
/* Does anybody hold it now? Who, as a phrase, into out. */
bool backup_lock_held(const struct state *s, const char *db, struct buf *out);

#define RUN_FILE ".running"

/* Who writes a set. */
struct run_file {
	struct proc_id id;
	char host[80], by[64];
	int64_t since;			/* wall ms */
};

void run_file_self(struct run_file *r);
void run_file_write(const struct run_file *r, struct buf *out);
/* Strict about what it names; what stands beside it is passed over. */
bool run_file_read(struct run_file *r, const char *p, size_t n, struct err *e);

enum run_life {
	RUN_ALIVE,
	RUN_GONE,			/* it ran under this kernel, and ended */
	RUN_ELSEWHERE			/* not to be seen from here */
};
enum run_life run_file_life(const struct run_file *r);

#endif
