/*
 * secrets: what the last look at the stored passwords found, <state>/secrets.json.
 *
 *	{"checks":[{"db":"arp","at":1739500000000,"ok":true,"text":"..."}]}
 *
 * `midwatch recover --check` writes it, and a recovery for its own database.
 */
#ifndef CONDITION_SECRETS_H
#define CONDITION_SECRETS_H

#include "condition/condition.h"
#include "record/state.h"

enum { SECRETS_OLD_MS = 36 * 3600 * 1000 };	/* a day, and some patience */

/* One database's outcome in the place of its last one. */
bool secrets_put(const struct state *state, const char *db, bool ok,
    const char *text, struct err *e);
/* Of every database of the site. */
enum truth secrets_ask_all(const struct site *site, const struct state *state,
    int64_t now, struct buf *why);

#endif
