/*
 * recover: what the verb and its job share.
 */
#ifndef VERB_RECOVER_H
#define VERB_RECOVER_H

#include "action/recover.h"
#include "job/job.h"
#include "verb/cli.h"

/* Nothing of this process can be read by others or end in a core file. */
bool recover_quietly(struct err *e);
/* The members of what was found, behind b. */
void recover_put(const struct recover *r, struct buf *b);
void recover_schema_lines(const struct recover *r,
    void (*line)(void *ctx, const char *text), void *ctx);

int recover_job(struct job *job, struct err *e);
int recover_check_verb(struct cli *c, struct desk *d);

#endif
