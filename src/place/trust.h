/*
 * trust: a host's key, shown before anything is believed, and written down.
 *
 *	struct place_key k = { 0 };
 *	if (place_key_fetch(&k, spec, NULL, &e) && k.state == PLACE_KEY_NEW &&
 *	    the_person_compared(k.print))
 *		place_key_add(&k, &e);
 *	place_key_release(&k);
 *
 * Of a container it is the key of the host where it runs. A bastion on the way
 * is logged in to, so its key must be known before.
 */
#ifndef PLACE_TRUST_H
#define PLACE_TRUST_H

#include "place/place.h"

enum place_key_state {
	PLACE_KEY_NEW,
	PLACE_KEY_KNOWN,
	PLACE_KEY_REFUSED,	/* changed or revoked: `why` has the words */
};

struct place_key {
	enum place_key_state state;
	char *host;		/* "ops@nas.internal" */
	char *kind;		/* ssh-ed25519 */
	char *print;		/* SHA256:… */
	char *line;		/* for known_hosts */
	char *file;		/* to add it to; NULL: ssh has none */
	char *at;		/* file:line that knows it; NULL */
	bool by_system;		/* the system's ssh had to ask */
	struct err why;
};

bool place_key_fetch(struct place_key *k, const struct place_spec *spec,
    const struct place_care *care, struct err *e);
/* The file whole or not at all, its other lines untouched; 0600 when new. */
bool place_key_add(const struct place_key *k, struct err *e);
void place_key_release(struct place_key *k);

#endif
