/* Shared by scratch.c (the server) and scratch_place.c (where, and what is left). */
#ifndef BACKUP_SCRATCH_INTERN_H
#define BACKUP_SCRATCH_INTERN_H

#include "base/err.h"
#include "base/proc.h"

/* DIR/<name>: that process, so that a later run knows whether it is alive. */
bool scratch_mark(const char *dir, const char *name, const struct proc_id *id,
    struct err *e);

#endif
