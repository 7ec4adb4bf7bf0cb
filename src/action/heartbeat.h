/*
 * heartbeat: says outside of this host that a nightly was proven, so that its
 * silence is noticed there: by the site's backup.heartbeat, a command that gets
 * JSON on its standard input, else by the webhook backup.heartbeat_url.
 */
#ifndef ACTION_HEARTBEAT_H
#define ACTION_HEARTBEAT_H

#include "site/site.h"

/* text: one line. True: it was heard, or the site wants none. False: e says why
 * not; whatever beat was to prove is as true as before. */
bool heartbeat_beat(const struct site *site, const char *text,
    int64_t deadline_ms, struct err *e);

#endif
