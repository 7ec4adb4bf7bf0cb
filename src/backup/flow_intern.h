/*
 * What the processes of a flow share: a board that all of them map, on which
 * each writes its own part, and bells (sockets without any words) that say "look".
 *
 *	source, proof	a warden that runs it and ends everything below it; for a
 *			place elsewhere the source's warden carries the bytes
 *	gzip		raw members from a pipe, packed ones into the ring
 *	store		out of the ring to where it belongs, once for each store
 *	the middle	frees what every store has, and judges
 *
 * The ring holds what some store has not acknowledged, so a store that comes
 * back finds all that it needs, and the slowest one makes the source wait.
 */
#ifndef BACKUP_FLOW_INTERN_H
#define BACKUP_FLOW_INTERN_H

#include <poll.h>
#include <stdatomic.h>

#include "backup/flow.h"

enum { FLOW_RING = 12 << 20, FLOW_RING_LEAST = 3 << 20, FLOW_TABLE = 512, FLOW_STORES = 8,
       FLOW_PIPE = 1 << 20, FLOW_WHY = 400 };

/* What gzip is at. */
enum flow_at { FLOW_READS, FLOW_PROVES, FLOW_PACKS, FLOW_WAITS, FLOW_ATS };

/* How a part ended; why is written before `ended` is. A store's exit is
 * FLOW_GONE when it gave no answer for as long as it may. */
enum { FLOW_RUNS, FLOW_GOOD, FLOW_BAD };
enum { FLOW_GONE = 2 };
struct flow_end {
	atomic_int ended;
	int exit;			/* -1: never seen */
	char why[FLOW_WHY];
};

struct flow_side {			/* of a store */
	_Atomic int64_t acked;		/* bytes */
	atomic_uint links;
	struct flow_end end;
};

struct flow_board {
	/* gzip's */
	_Atomic int64_t raw, packed, members;
	_Atomic int64_t moved_ms;	/* its last move, whatever it was */
	_Atomic int64_t spent_us[FLOW_ATS];
	atomic_int at;
	atomic_bool eof;		/* the source has no more */
	atomic_bool whole;		/* all of it is in the ring */
	atomic_bool unread;		/* the proof stopped reading before */
	char sha256[SHA_HEX];		/* once it is whole */
	/* the middle's: what may be used again, and "that was all" */
	_Atomic int64_t free_bytes, free_members;
	atomic_bool end;
	struct flow_end source, proof;
	struct flow_side sides[FLOW_STORES];
	struct gz_member table[FLOW_TABLE];	/* member i is at i % FLOW_TABLE */
	size_t room;			/* of the ring; what is behind it is never
					 * touched, and is no memory */
	char ring[FLOW_RING];
};

/* Descriptors in a child, -1: none. */
enum { FLOW_IN, FLOW_OUT, FLOW_ERR, FLOW_BELL, FLOW_FDS };

/* A process of ours with those descriptors and nothing else: its pid; 0 in
 * the child; -1 with e. told: what it gets when we die. */
pid_t flow_fork(const int fds[FLOW_FDS], int told, struct err *e);
void flow_ring_bell(int fd);
/* Until somebody rings, for at most so long. */
void flow_listen(int fd, int64_t ms);
void flow_ends(struct flow_end *end, int exit, const char *why);

_Noreturn void flow_pack(struct flow_board *b, enum gz_level level,
    bool proves);
_Noreturn void flow_source(struct flow_board *b, const struct flow_spec *spec);
_Noreturn void flow_proof(struct flow_board *b, const struct flow_spec *spec);
_Noreturn void flow_store(struct flow_board *b, const struct flow_spec *spec,
    size_t which);

/* ---- the middle ------------------------------------------------------------------- */

enum { FLOW_SOURCE, FLOW_GZIP, FLOW_PROOF, FLOW_PROCS };

struct flow_child {
	pid_t pid;			/* 0: none, or it is over */
	int status;
	bool over;
	int bell;			/* it rings, and so do we */
	int err;			/* what it writes there */
	struct buf line;
};

struct flow_seen {	/* a store, as the middle sees it */
	struct flow_child child;
	bool over, given_up;
	int64_t acked, moved_ms, held_ms;
	int64_t kept;			/* members that are wholly there */
};

/* The middle. */
struct flow {
	struct flow_spec own;		/* with what is left open filled in */
	const struct flow_spec *spec;
	struct err why;
	const struct flow_care *care;
	struct flow_done *done;
	struct err *e;
	struct flow_board *b;
	struct flow_child procs[FLOW_PROCS];
	struct flow_seen sides[FLOW_STORES];
	const char *names[FLOW_PROCS];
	int64_t began_ms, ended_ms[FLOW_PROCS], looked_ms;
	int64_t indexed;		/* members in done->index */
	int counts;			/* where the proof's warden puts what it
					 * has counted; -1: nowhere */
	bool failed;
	/* of the last report */
	int64_t told_ms, told_raw, told_packed, spent[FLOW_ATS];
	double raw_per_s, packed_per_s;
	struct flow_progress now;
};

enum { FLOW_TELL_MS = 500, FLOW_POLLS = 2 * FLOW_PROCS + FLOW_STORES };

/* flow.c: of one of several that run at once. False: it is over, and
 * flow_end() says how; that is called after flow_begin() said no as well. */
bool flow_begin(struct flow *f, const struct flow_spec *given,
    const struct flow_care *care, size_t room, struct flow_done *ret);
int flow_polls(const struct flow *f, struct pollfd *v, nfds_t *n);
bool flow_turn(struct flow *f, bool cancelled);
bool flow_end(struct flow *f);
void flow_take_words(struct flow *f, int who);
void flow_take_members(struct flow *f);
void flow_kill(const struct flow_child *c, int sig);

/* flow_judge.c */
void flow_judge_store(struct flow *f, size_t i, int64_t passed_ms);
/* Who died first drags the others along: the one to blame comes first. False:
 * it is over. */
bool flow_judge_procs(struct flow *f);
bool flow_judge_stalls(struct flow *f);		/* neither ends nor goes on */
bool flow_stores_go_on(const struct flow *f);
bool flow_proc_over(struct flow *f, int who, bool *ret_good);
bool flow_fails(struct flow *f, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool flow_store_fails(struct flow *f, size_t which);

#endif
