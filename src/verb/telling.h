/*
 * telling: what the verbs that tell people share: the act itself with its lines,
 * and what the record says about who knows.
 */
#ifndef VERB_TELLING_H
#define VERB_TELLING_H

#include "action/tell.h"
#include "verb/cli.h"

enum { TELLING_MS = 60000 };

/* A trigger by its word; SITE_TRIGGER_COUNT: unknown, and said. */
enum site_trigger telling_trigger(const char *word);
/* One line each to standard output; nothing with --json. */
void telling_say(const struct desk *d, const struct told *told);
/* "told": [...] with who, how, via, why and phone. */
void telling_json(const struct told *told, struct buf *b);
/* How many were reached, or would have been in a drill. */
size_t telling_reached(const struct told *told);
size_t telling_failed(const struct told *told);

/* What an incident tells by itself: of being resolved and closed, and of a
 * severity that the runbook (else: sev-0) tells of. Failing is said alone. */
void telling_of(struct desk *d, enum site_trigger trigger, const char *subject);
/* The next in line, when who was told before them has been silent too long. */
void telling_due(struct desk *d);
void telling_severity(struct desk *d, const char *level, const char *why);
/* A step of the runbook is doing that action just now: what its failure sets
 * off is the step's to say. */
bool telling_by_step(struct desk *d, const char *action);

/* For `incident show` and `status`: the clock of updates, who is silent, who is
 * to be called, what waits for the network. */
void telling_head(struct desk *d);
void telling_head_json(struct desk *d, struct buf *b);

#endif
