/*
 * bar: how far a job is, in one line that is written over, on a terminal:
 *
 *	[####......]  40 %  otc: 1.2 GB of about 3.0 GB, 210 MB/s, ...
 *
 *	if (bar_fits(c))
 *		bar_draw(&info);		on standard error
 *	bar_wipe();				before anything else is written
 */
#ifndef VERB_BAR_H
#define VERB_BAR_H

#include "job/job.h"
#include "verb/cli.h"

/* A terminal, and nobody asked for plain lines or an object. */
bool bar_fits(const struct cli *c);
/* The line itself, of so many columns at most. */
void bar_line(const struct job_info *i, size_t columns, struct buf *out);
void bar_draw(const struct job_info *i);
void bar_wipe(void);

#endif
