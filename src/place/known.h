/*
 * known: what the known_hosts files say about a host and the key it shows. We
 * read them ourselves, line by line: libssh2 1.10 stops at the first line it
 * does not understand, and takes @revoked for a host's name. Only the hash of
 * a hashed name is left to it.
 *
 *	struct known_key k;
 *	struct known v = { 0 };
 *	if (known_key(&k, blob, n))
 *		known_ask(&v, host, k.b64);
 *	if (v.revoked || !v.same)
 *		refuse();
 */
#ifndef PLACE_KNOWN_H
#define PLACE_KNOWN_H

#include "place/intern.h"

enum { KNOWN_KINDS = 4, KNOWN_B64 = 6000, KNOWN_AT = 300 };

/* Those that libssh2 can check. */
extern const char *const known_kinds[KNOWN_KINDS];

struct known_key {
	char b64[KNOWN_B64];
	char kind[64];
	char print[64];			/* SHA256:… */
};

struct known {
	bool kinds[KNOWN_KINDS], other_kind;	/* known for the host */
	bool rsa;				/* which is one of the others */
	bool same, revoked;
	/* file:line of the key, of another, of its revocation; "": none */
	char same_at[KNOWN_AT], differs_at[KNOWN_AT], revoked_at[KNOWN_AT];
};

/* A host key as it is on the wire; false: it is none. */
bool known_key(struct known_key *k, const void *blob, size_t n);
bool known_key_of_b64(struct known_key *k, const char *b64);
/* The name under which ssh keeps the key of a host. */
void known_name(const struct place_host *h, struct buf *out);
/* Adds what the bytes of one file say of name and key ("": none yet). */
void known_read(struct known *v, const char *file, const char *p, size_t n,
    const char *name, const char *key);
/* All files of the host. */
void known_ask(struct known *v, const struct place_host *h, const char *key);
/* Good, or why not (ERR_GUARD); name is the place's. */
bool known_verdict(const struct known *v, const struct place_host *h,
    const struct known_key *k, const char *name, struct err *e);

#endif
