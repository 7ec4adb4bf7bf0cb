/*
 * secrets: the passphrases of the site's keys, asked for once, before a verb
 * looks at anything; and handed to the processes of ours that go on after it.
 *
 *	secrets_ask(c, &site, 0);		what opens places finds them by secret_find
 */
#ifndef VERB_SECRETS_H
#define VERB_SECRETS_H

#include "base/secret.h"
#include "verb/cli.h"

/* Of every key that one of the site's places needs and no agent holds. Nothing is
 * asked without a terminal, nor when the answer is for a program (--json). ssh and
 * agents have within_ms (0: two seconds) to say which keys; returns how long that
 * took, without the typing. */
int64_t secrets_ask(const struct cli *c, const struct site *site,
    int64_t within_ms);
/* Of the way to one place alone. */
void secrets_ask_for(const struct cli *c, const struct place_spec *spec);

/* --secrets-fd of the processes that midwatch starts (NULL: not given). */
bool secrets_take(const char *fd, struct err *e);

#endif
