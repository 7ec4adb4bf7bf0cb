/*
 * What the two files of `midwatch locks` share.
 */
#ifndef VERB_LOCKS_H
#define VERB_LOCKS_H

#include "base/json.h"
#include "verb/verbs.h"

/* cancel or terminate, as it was asked for; words: the deed, the pid. */
struct locks_end {
	struct desk *desk;
	const char *confirm, *db, *started, *reason;
	bool dump, anyway;
};

int locks_end(struct cli *c, const struct locks_end *w);
/* "pid 4711 (web, psql, 10.0.0.7): idle in transaction, ..." */
void locks_session(const json_t *o, struct buf *b);
bool locks_no_db(const struct desk *d, const char *name, struct err *e);

#endif
