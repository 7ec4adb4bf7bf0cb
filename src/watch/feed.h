/*
 * feed: one lookout for everybody of a state directory, over a socket.
 *
 * The socket is an abstract one, named after the directory's device and inode:
 * a full or read-only disk cannot refuse it, and a killed feed leaves nothing
 * behind. Both sides look at who is on the other: the same user, root, the
 * directory's owner or (where it is shared) somebody of its group.
 *
 * A listener gets the newest reading of every target, a line each, then a line
 * of kind "feed" (who serves, since when, the site file's hash), then each
 * reading as it comes. Whatever a listener says means that something was done
 * after which readings are wrong: all of them are read again, at most once a
 * second, and feed_ask() takes none that is older.
 */
#ifndef WATCH_FEED_H
#define WATCH_FEED_H

#include "watch/watch.h"

/* The newest readings of a running feed of this very site file, but for those that
 * are older than what was done last; false: none. */
bool feed_ask(const struct site *site, const struct state *state,
    int64_t deadline_ms, struct readings *ret);
/* A connected listener, -1: nobody serves. */
int feed_connect(const struct state *state);

int feed_listen(const struct state *state);
/* -1 with EAGAIN: nobody is there who may listen. */
int feed_accept(int listener, const struct state *state);

#endif
