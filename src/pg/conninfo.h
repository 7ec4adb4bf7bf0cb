/*
 * conninfo: a connection string that somebody typed ("host=db1 dbname=otc", or
 * postgresql://db1/otc) as a spec, and back. One with a password in it is refused:
 * it would stand in the list of processes and in the shell's history.
 */
#ifndef PG_CONNINFO_H
#define PG_CONNINFO_H

#include "base/pool.h"
#include "pg/pg.h"

/* Strings are the pool's. ERR_USAGE: what is wrong with it. */
bool pg_conninfo_parse(const char *text, struct pool *pool,
    struct pg_spec *ret, struct err *e);
/* For programs of PostgreSQL that get no environment of ours. */
void pg_conninfo_write(const struct pg_spec *spec, struct buf *out);

#endif
