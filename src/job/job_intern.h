/*
 * job_intern: what the files of this room share.
 */
#ifndef JOB_JOB_INTERN_H
#define JOB_JOB_INTERN_H

enum { JOB_RECORD = 4096, JOB_PROGRESS = 512 };

#endif
