/*
 * proc: who is alive. A pid alone proves nothing, it is used again within
 * minutes; boot id, pid and start time together name one process for ever.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct proc_id {
	char boot[40];		/* boot id of the kernel it ran under */
	pid_t pid;
	int64_t start;		/* ticks since boot, field 22 of stat */
};

void proc_self(struct proc_id *ret);

/* This program, as one that we wait for can start it: its path, or, where its file
 * was replaced or removed since we began (an update in the night), the very one that
 * runs. */
enum { PROC_PROGRAM = 4096 };
void proc_program(char out[PROC_PROGRAM]);
bool proc_of(pid_t pid, struct proc_id *ret);
bool proc_alive(const struct proc_id *id);
const char *proc_boot_id(void);

/* Sends sig only when the process is still the same one. */
bool proc_signal(const struct proc_id *id, int sig);

/* Every process below top (children of children too): how many got the signal;
 * sig 0 counts. As a subreaper the caller sees orphans as well. */
size_t proc_signal_below(pid_t top, int sig);

/* "pid 812 (midwatch job)": who holds the flock on fd, false if nobody we see. */
bool proc_flock_holder(int fd, struct buf *out);

#endif
