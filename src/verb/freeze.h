/*
 * freeze: holding deployments, and asking whether they are held. `on` and `off`
 * are a job (freeze_job.c); `status` and `check` only look (freeze.c).
 */
#ifndef VERB_FREEZE_H
#define VERB_FREEZE_H

#include "job/job.h"
#include "verb/cli.h"

int freeze_job(struct job *job, struct err *e);

/* Said at the end of an incident when deployments are still held: a sentence, or
 * nothing. */
void freeze_remind(const struct desk *d, struct buf *out);

#endif
