/*
 * spawn: other programs, as argv, never through a shell of ours.
 *
 * A program that cannot be started is the caller's error at once (the child
 * sends its errno back). Signals and their mask are reset in the child.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct spawn {
	const char *const *argv;	/* NULL-terminated; looked up in PATH */
	const char *dir;		/* NULL: where we are */
	int in, out, errfd;		/* -1: /dev/null */
	int keep[3];			/* descriptors the child keeps (0: none) */
	bool session;			/* a session of its own */
	bool group;			/* a process group of its own */
	bool die_with_us;		/* TERM when the caller dies */
};

#define SPAWN_INIT { .in = -1, .out = -1, .errfd = -1 }

/* The pid, or -1 with e. The descriptors stay the caller's to close. */
pid_t spawn_start(const struct spawn *s, struct err *e);

struct run {
	const char *const *argv;
	const char *dir;
	const char *input;		/* NULL: none */
	size_t input_n;
	size_t limit;			/* bytes kept of the output; 0: 1 MiB */
	int64_t deadline_ms;		/* monotonic; 0: a minute from now */
	bool merge_err;			/* standard error into out as well */
};

struct ran {
	struct buf out, errout;
	bool cut;			/* the output was longer than the limit */
	int status;			/* as from waitpid */
};

/* True when it was started and ended in time, whatever its exit status. */
bool spawn_run(const struct run *r, struct ran *ret, struct err *e);
void ran_release(struct ran *r);
/* Exit code 0..255, or 128 + signal. */
int spawn_code(int status);
/* "exit 3", "killed by signal 9 (Killed)". */
void spawn_describe(int status, struct buf *out);
/* Reads an err out of a bad status; true when it was exit 0. */
bool spawn_ok(int status, const char *what, struct err *e);
/* The path of a program in PATH, NULL when there is none; caller frees. */
char *spawn_which(const char *name);

#endif
