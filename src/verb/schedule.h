/* schedule: what `midwatch schedule` prints for a host's systemd or cron. */
#ifndef VERB_SCHEDULE_H
#define VERB_SCHEDULE_H

#include "verb/cli.h"

/* root: where the files of the host are that it is written for, "" for this one.
 * output: a folder that the units are written to, NULL: all to standard output. */
int schedule_systemd(struct desk *d, const char *root, const char *output);
int schedule_cron(struct desk *d, const char *root);

/* Starts what was due by the site's clock and was not begun. */
int schedule_catch_up(struct desk *d);

#endif
