/*
 * follow: a job of a verb's own kind, started and watched from the terminal. What
 * it says comes out here; ctrl-C on a terminal lets go of it, TERM cancels it.
 *
 *	status = follow_start(&d, &spec, &e);	-1: it did not begin
 *
 * With --json its lines go to standard error, and the object that it left as
 * result.json is printed.
 */
#ifndef VERB_FOLLOW_H
#define VERB_FOLLOW_H

#include "job/job.h"
#include "verb/cli.h"

/* From before a job exists: a signal must find either no job or its follower. */
void follow_catch(void);
int follow_signal(void);		/* that came, 0: none */
/* A job until its end, or until somebody lets go of it. */
bool follow_job(struct desk *d, int64_t job, bool *ret_detached,
    struct err *e);
void follow_warn(const char *what);	/* for job_start() */
void follow_goes_on(int64_t job);
/* The exit status of the verb, or -1 with e. */
int follow_start(struct desk *d, const struct job_spec *spec, struct err *e);

/* ---- the job's side -------------------------------------------------------- */

/* Its incident, when one is open; a record that cannot be read stops no proof. */
void follow_incident(struct desk *d);
/* A line in the incident's journal, else in the site's log; a failure is said. */
void follow_journal(struct job *job, struct desk *d, enum event_kind kind,
    const char *text, const char *data);
void follow_begins(struct job *job, struct desk *d);	/* and job_ready() */
void follow_ends(struct job *job, struct desk *d, int status);
/* The object behind it, whole. */
void follow_result(struct job *job, const struct buf *json);

/* Kinds of jobs, for the table of `midwatch job`. */
int validate_job(struct job *job, struct err *e);
int restore_job(struct job *job, struct err *e);
int isolate_job(struct job *job, struct err *e);

#endif
