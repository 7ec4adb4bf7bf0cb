/*
 * globals: roles and tablespaces, as pg_dumpall wrote them, into a scratch server.
 * Tablespaces get folders of the scratch's own.
 */
#ifndef BACKUP_GLOBALS_H
#define BACKUP_GLOBALS_H

#include "backup/scratch.h"

/* False with ERR_INTEGRITY: a statement failed, which no other server would take
 * either; another kind: it could not be tried. */
bool globals_restore(const struct scratch *s, const char *file,
    struct err *e);

#endif
