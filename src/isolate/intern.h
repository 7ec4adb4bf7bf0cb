/* intern: what the files of this room share. */
#ifndef ISOLATE_INTERN_H
#define ISOLATE_INTERN_H

#include "isolate/isolate.h"

enum { DAY_MS = 86400000 };

/* places.c: df, docker, folders of settings, disks and logs, place by place. */
void look_at_places(struct isolate *i);
/* databases.c: the settings that are not the defaults, and when they were read. */
void look_at_databases(struct isolate *i);
/* sums.c: the last sets of each store. */
void look_at_sums(struct isolate *i);

void isolate_unseen(struct isolate *i, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void isolate_change(struct isolate *i, int64_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool isolate_stopped(struct isolate *i);
/* The same for a place that is waited for. */
bool isolate_given_up(void *unused);
void isolate_doing(struct isolate *i, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
