/*
 * keeper_intern: what the files of this room share.
 */
#ifndef KEEPER_KEEPER_INTERN_H
#define KEEPER_KEEPER_INTERN_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/vec.h"
#include "keeper/keeper.h"
#include "record/incident.h"
#include "runbook/runbook.h"

/* A verb that runs for the console. */
struct errand {
	int64_t id;
	pid_t pid;
	int fd[2];			/* its output, its complaints; -1: ended */
	struct buf said[2];
	bool cut;
};

/* The part of a job's output that is looked at. */
struct view_of {
	int64_t n;			/* the job; 0: none */
	int64_t size;			/* of its output when it was sent last */
	int64_t rows, sent_at;
};

/* Where its rows begin. */
struct row_index {
	int64_t n, size;		/* the job; bytes that were counted */
	int64_t ends;			/* rows that are over */
	bool open;			/* one more has begun */
	VEC(int64_t) marks;		/* where every 256th begins */
};

/* A child that asks the engine; its lines are passed on whole. */
struct thinker {
	pid_t pid;
	int fd;
	struct buf in;
	int64_t began;			/* monotonic ms */
	int64_t next;			/* at the latest, monotonic ms */
	int64_t lines;			/* of the journal when it began */
	bool wanted, fresh;
};

struct keeper {
	struct keeper_want want;
	struct incident inc;
	bool have;			/* inc is loaded */
	struct stat inc_dir;		/* of incidents/, when we looked */
	size_t told;			/* entries that were sent */
	struct buf head, jobs, others;	/* as sent last */
	VEC(int64_t) running;		/* jobs that were so */
	int64_t jobs_at, look_at, alive_at, others_at;
	struct stat jobs_dir;
	int presence;			/* a socket whose name says who we are */
	struct buf in, out;
	VEC(struct errand) errands;
	struct view_of view;
	struct row_index rows;
	struct thinker mind;
	struct buf odd;			/* as sent last */
	int64_t odd_at, ahead;		/* ahead: the wall clock of the monotonic one */
	char *jumped;			/* the clock did, or NULL */
	bool end;
};

/* keeper.c: what the record has become, also another incident */
void keeper_look(struct keeper *k);

/* speak.c: the picture as lines */
void speak_hello(struct keeper *k);
void speak_incident(struct keeper *k);	/* when it differs from the last one */
void speak_entries(struct keeper *k);
/* A whole object becomes a line of k->out. */
void speak_line(struct keeper *k, struct buf *object);
void speak_error(struct buf *b, const struct err *e);

/* jobs.c */
void jobs_turn(struct keeper *k, int64_t now);

/* output.c */
void output_ask(struct keeper *k, const json_t *ask);
void output_find(struct keeper *k, const json_t *ask);
void output_turn(struct keeper *k, int64_t now);

/* think.c */
void think_turn(struct keeper *k, int64_t now);
void think_read(struct keeper *k);
void think_end(struct keeper *k);

/* odd.c: of the host, or of what this incident's runbook was copied from */
void odd_put(struct buf *b, const struct keeper *k, const struct runbook *rb);
void odd_turn(struct keeper *k, int64_t now);

/* errand.c */
void errand_start(struct keeper *k, const json_t *ask);
void errand_kill(struct keeper *k, const json_t *ask);
void errand_read(struct keeper *k, size_t i, int which);
void errand_turn(struct keeper *k);
void errands_leave(struct keeper *k);

/* others.c */
void others_begin(struct keeper *k);
void others_turn(struct keeper *k, int64_t now);

#endif
