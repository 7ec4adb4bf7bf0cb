/* schedule: the reading of it on a host whose /etc is below another root. */
#ifndef WATCH_SCHEDULE_H
#define WATCH_SCHEDULE_H

#include "watch/probe.h"

void schedule_read(struct eye *eye, struct target *t, struct reading *r,
    const char *root);

#endif
