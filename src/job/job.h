/*
 * job: one piece of work as a process of its own, that outlives the console.
 *
 * A job is <state>/jobs/<n>/: job.json (what it is and who runs it), progress,
 * output.log, and cancel (a request: the file is there). The running process
 * holds a flock on job.json for its whole life; boot id, pid and start time name
 * it. A job that says "running" while nobody holds the lock has vanished: its
 * outcome is in doubt.
 *
 * Starting side:	job_start() makes the directory, detaches
 *			`midwatch job N`, and returns when the job has journaled
 *			its intent or refused.
 * Running side:	job_enter() in that process, then job_command() for
 *			programs, job_progress(), job_cancelled(), job_end().
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/sha.h"
#include "base/vec.h"
#include "place/place.h"
#include "record/state.h"

enum job_state { JOB_RUNNING, JOB_ENDED, JOB_VANISHED };

struct job_info {
	int64_t n, started, ended;	/* wall ms */
	enum job_state state;
	struct proc_id id, child;	/* child: the command it ran last */
	bool child_alive;
	bool cancel;			/* somebody asked it to stop */
	int exit;			/* exit status as the verb would have */
	int64_t done, total;		/* of its progress; total 0: not known */
	char *kind, *title, *incident, *step, *by, *host, *outcome, *progress;
};

/* What to do; strings are the caller's. */
struct job_spec {
	const char *title;
	const char *incident, *step;	/* NULL: none */
	const char *config;		/* site file, NULL: none */
	const char *kind;		/* who understands args, see job_main table */
	const char *args;		/* JSON object as text */
};

/* warn: told before anything starts when a logout would kill the job. */
bool job_start(const struct state *s, const struct job_spec *spec,
    void (*warn)(const char *what), int64_t *ret_n, struct err *e);

bool job_look(const struct state *s, int64_t n, struct job_info *ret,
    struct err *e);
void job_info_release(struct job_info *info);
struct job_list {
	VEC(struct job_info) v;		/* newest last */
};
bool job_list(const struct state *s, struct job_list *ret, struct err *e);
void job_list_release(struct job_list *l);

/* Asks it to stop, waits until all of it is gone. */
bool job_cancel(const struct state *s, int64_t n, int64_t wait_ms,
    struct err *e);

/* New output since *at goes to sink; false when the job has ended (the rest
 * was handed over). Waits up to wait_ms. */
bool job_follow(const struct state *s, int64_t n, int64_t *at, int64_t wait_ms,
    void (*sink)(const char *p, size_t n), struct err *e);

/* ---- the running side ---- */

struct job {
	const struct state *state;
	int64_t n;
	char *dir;
	int record_fd, progress_fd, output_fd, reply_fd;
	json_t *spec;			/* job.json as it was written */
	int64_t output_bytes;		/* written to output.log */
};

struct job_kind {
	const char *kind;
	/* Journals its intent, says job_ready(), works, journals its outcome. */
	int (*run)(struct job *job, struct err *e);	/* exit status */
};

/* `midwatch job N`: never returns to the verb table's usual ways. */
int job_main(const struct state *s, int64_t n, int record_fd, int reply_fd,
    const struct job_kind *kinds, size_t n_kinds);
/* The intent is durable: whoever started us may go on. */
void job_ready(struct job *job);
bool job_cancelled(const struct job *job);
void job_progress(struct job *job, const char *text, int64_t done,
    int64_t total);
void job_say(struct job *job, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));	/* a line into output.log */

struct job_command {
	const char *const *argv;
	const char *dir;		/* here; elsewhere the login's home */
	const struct place_spec *at;	/* NULL: here */
	int64_t timeout_ms;		/* 0: none */
	int64_t limit;			/* bytes of output kept, 0: 4 MiB */
};

struct job_result {
	int status;			/* as from waitpid */
	bool timed_out, cancelled, cut;
	int64_t from, bytes;		/* its part of output.log */
	int64_t seen;			/* bytes it printed in all */
	char sha[SHA_HEX];		/* of the part that was kept */
	int64_t ms;
};

/* Runs it with its output into output.log; on cancel and timeout the whole
 * tree gets TERM, then KILL. False: it could not be started. */
bool job_command(struct job *job, const struct job_command *c,
    struct job_result *ret, struct err *e);

/* Ends whatever this job's commands have left running. */
void job_end_tree(void);

/* Whether processes of a job survive the end of the session it is started
 * from. Prefix: words to put before argv (NULL-terminated, may be empty). */
enum job_survival { SURVIVES, SURVIVES_IN_SCOPE, DIES_AT_LOGOUT };
enum job_survival job_survival(struct buf *why);

#endif
