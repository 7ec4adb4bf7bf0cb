/*
 * keys: what the keys of a login want before it is tried.
 *
 *	struct place_keys k = { 0 };
 *	place_keys_locked(&k, spec);		for each place of the site
 *	for (size_t i = 0; i < k.v.n; i++)
 *		ask for the passphrase of k.v.v[i], until
 *		place_key_opens(k.v.v[i], typed)
 *	place_keys_release(&k);
 *
 * Nothing here connects to anything but an agent's socket.
 */
#ifndef PLACE_KEYS_H
#define PLACE_KEYS_H

#include "place/place.h"

struct place_keys {
	VEC(char *) v;			/* paths, each once */
	int64_t until;			/* monotonic ms: what ssh and agents did
					 * not say by then is not waited for;
					 * 0: for as long as they take */
};

/* Adds the key files that the way there (bastions first) needs a passphrase of:
 * those that the site file names, and the usual ones of ssh(1) where there is
 * nothing else to try; not those that an agent holds, nor those that only ssh(1)
 * could use. */
void place_keys_locked(struct place_keys *ret, const struct place_spec *spec);
void place_keys_release(struct place_keys *k);

/* Whether the file says that it wants a passphrase. */
bool place_key_locked(const char *path);
/* Whether this one opens it. */
bool place_key_opens(const char *path, const char *secret);

/* Whether the agent that the way there would ask was forwarded by the SSH
 * session that we are in, and ends with it. */
bool place_agent_forwarded(const struct place_spec *spec);

#endif
