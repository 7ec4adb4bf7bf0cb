/*
 * guard: the terminal is given back clean, whatever happens to us. It holds what
 * undoes our changes (bytes to write, modes to set) and uses it from crash
 * handlers, from die(), and from a small child that outlives even SIGKILL: the
 * child waits at the end of a pipe, and when that closes without a word, we are
 * gone.
 *
 *	guard_start(fd, &modes_before, bytes, n);
 *	guard_state(GUARD_AWAY);		suspended: the terminal is not ours
 *	guard_stop();				given back; the child ends
 */
#ifndef UI_GUARD_H
#define UI_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

enum guard_state { GUARD_HERE = 'h', GUARD_AWAY = 'a' };

/* fd stays the caller's. False: there will be no child (errno says why); the
 * handlers are in place all the same. */
bool guard_start(int fd, const struct termios *before, const char *bytes,
    size_t n);
void guard_state(enum guard_state s);
/* Gives the terminal back now, unless it is not ours. Async-signal-safe. */
void guard_restore(void);
void guard_stop(void);

#endif
