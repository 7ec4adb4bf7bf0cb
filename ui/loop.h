/*
 * loop: one thread, one poll. Descriptors, timers and signals call back; nobody
 * who is called back may block.
 *
 *	struct loop l = LOOP_INIT;
 *	loop_fd(&l, fd, POLLIN, readable, ctx);
 *	loop_timer(&l, now + 1000, tick, ctx);
 *	loop_signals(&l, signals, n, caught, ctx);
 *	while (!done) loop_turn(&l, -1);
 *	loop_release(&l);
 *
 * A callback may add and remove anything, itself as well.
 */
#ifndef UI_LOOP_H
#define UI_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

typedef void loop_fd_fn(void *ctx, int fd, short events);
typedef void loop_timer_fn(void *ctx, int64_t now);
typedef void loop_signal_fn(void *ctx, int sig);

struct loop_fd_row {
	int fd;			/* -1: removed */
	short events;
	loop_fd_fn *call;
	void *ctx;
};
struct loop_timer_row {
	int64_t at;		/* monotonic ms */
	uint64_t id;		/* 0: removed */
	loop_timer_fn *call;
	void *ctx;
};

struct loop {
	VEC(struct loop_fd_row) fds;
	VEC(struct loop_timer_row) timers;
	uint64_t last_id;
	int signal_pipe;
	loop_signal_fn *signal;
	void *signal_ctx;
};

#define LOOP_INIT { .signal_pipe = -1 }

void loop_fd(struct loop *l, int fd, short events, loop_fd_fn *call, void *ctx);
void loop_want(struct loop *l, int fd, short events);
void loop_forget(struct loop *l, int fd);
/* Once, at that time; the number takes it back. */
uint64_t loop_timer(struct loop *l, int64_t at, loop_timer_fn *call, void *ctx);
void loop_cancel(struct loop *l, uint64_t id);
/* One loop in a process may have signals. */
bool loop_signals(struct loop *l, const int *signals, size_t n,
    loop_signal_fn *call, void *ctx);
/* Waits for at most so long (-1: as long as it takes) and calls back. */
void loop_turn(struct loop *l, int64_t wait_ms);
void loop_release(struct loop *l);

#endif
