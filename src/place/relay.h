/*
 * relay: the process behind a tunnel. It accepts, and moves bytes between what
 * it accepted and the far side; link.c is the way there.
 */
#ifndef PLACE_RELAY_H
#define PLACE_RELAY_H

#include <stdatomic.h>

#include "place/place.h"

enum { RELAY_SECRET = 512 };

/* In memory that the opener shares. turn is odd while `why` is being written. */
struct relay_board {
	atomic_uint turn, links;
	struct err why;			/* ERR_NONE: the last one is well */
	char how[256];
};

struct relay_task {
	const struct place_spec *spec;
	const char *host;		/* of the far end */
	int port;
	int listener, control;
	pid_t opener;
	int64_t deadline_ms;		/* of the first link */
	struct relay_board *board;
};

/* What goes over the control socket. */
enum {
	RELAY_UP = 'u',			/* the first link stands */
	RELAY_FAILED = 'f',		/* it does not; the board has why */
	RELAY_ASKS = 'a',		/* for the secret of the key that follows */
	RELAY_TELLS = 't',		/* it follows */
	RELAY_NONE = 'n',		/* there is none */
};

void relay_why(struct relay_board *b, const struct err *why);
_Noreturn void relay_run(const struct relay_task *t);

#endif
