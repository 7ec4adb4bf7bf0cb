/*
 * job_intern: what the files of this room share.
 */
#ifndef JOB_JOB_INTERN_H
#define JOB_JOB_INTERN_H

#include "job/job.h"

enum { JOB_RECORD = 4096, JOB_PROGRESS = 512 };

/* A child that runs the command at c->at, with its output on out; -1 with e. */
pid_t job_far(const struct job_command *c, int out, struct err *e);

#endif
