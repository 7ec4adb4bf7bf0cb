/*
 * lock: a flock with a deadline. Whoever holds it is named after two seconds;
 * whoever waits can be interrupted. While it is held, signals that would stop or
 * end us are held back, so that a ctrl-Z in one console cannot stop everybody
 * else's.
 */
#ifndef RECORD_LOCK_H
#define RECORD_LOCK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct lock {
	int fd;			/* the caller's descriptor, -1: not held */
	sigset_t mask;
};

bool lock_take(struct lock *l, int fd, const char *what, int64_t give_up_ms,
    void (*waiting)(const char *holder), struct err *e);
void lock_drop(struct lock *l);

#endif
