/*
 * agent: what ssh-agent is asked, in our own few lines, since libssh2's wait for
 * ever. And the private keys' files, as far as they can be seen from outside.
 */
#ifndef PLACE_AGENT_H
#define PLACE_AGENT_H

#include "place/intern.h"

struct agent {
	int fd;				/* -1: closed */
	const struct place *p;		/* who may cancel */
};

bool agent_open(struct agent *a, const struct place *p, const char *path);
/* One question; the answer without its length. */
bool agent_ask(struct agent *a, const struct buf *body, struct buf *reply,
    int64_t until);
/* What it holds: a key's blob and its comment for each turn, from *at = 5.
 * False: no answer. */
bool agent_list(struct agent *a, struct buf *ret, size_t *ret_n, int64_t until);
void agent_close(struct agent *a);

/* The wire: numbers and strings. */
void agent_put32(struct buf *b, size_t n);
size_t agent_get32(const char *s);
/* The string at *at, its length; NULL: there is none. */
const char *agent_string(const struct buf *b, size_t *at, size_t *ret_n);

/* --- key files --- */

/* A kind that libssh2 1.10 can sign with as servers want it. */
bool key_can_use(const char *kind);

struct key_head {
	char kind[64];			/* "unknown" */
	bool locked;			/* it needs a passphrase */
	bool public;			/* the public half alone: for an agent */
	struct buf blob;		/* its public half; may be empty */
};
/* False: it is not there. Where only NAME.pub is, that is what there is. */
bool key_head(const char *path, struct key_head *ret);
void key_head_release(struct key_head *h);

#endif
