/* schedule: the reading of it on a host whose /etc is below another root. */
#ifndef PROBE_SCHEDULE_H
#define PROBE_SCHEDULE_H

#include "reading/probe.h"

void schedule_read(struct eye *eye, struct target *t, struct reading *r,
    const char *root);

#endif
