/*
 * cleaning: the plan of a clean-up as a person sees it, for `cleanup` and for the
 * step of a runbook that is one.
 */
#ifndef VERB_CLEANING_H
#define VERB_CLEANING_H

#include "cleanup/cleanup.h"
#include "job/job.h"
#include "verb/cli.h"

/* The plan of now, as whoever looks at this desk has it. */
bool cleaning_look(struct desk *d, struct clean_plan *p, struct err *e);
/* Shows it and has its code typed on a terminal: code holds that then, "" when
 * nothing may go. False: not confirmed. */
bool cleaning_confirm(struct desk *d, char code[CLEAN_CODE], struct err *e);

int cleanup_job(struct job *job, struct err *e);

#endif
