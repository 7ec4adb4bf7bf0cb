/*
 * queue: messages for webhooks that could not be reached, until they can:
 * <state>/outbox, one file of slots that is made and reserved with the state
 * directory, so that a full disk and a dead network may come together.
 *
 *	queue_put(state, &(struct queued){ .who = "Incident channel", ... }, &e);
 *	queue_drain(site, state, NULL, deadline, &told);
 *
 * A message names its contact, never its address. It is delivered at least once
 * (a crash between sending and noting it repeats it), in order for each
 * contact, or given up after a day, which is journaled.
 */
#ifndef ACTION_QUEUE_H
#define ACTION_QUEUE_H

#include "base/vec.h"
#include "record/state.h"
#include "site/site.h"

enum { QUEUE_SLOTS = 64, QUEUE_SLOT = 4096, QUEUE_TEXT = 2000 };

struct queued {
	enum site_trigger trigger;
	bool clear;
	const char *who;		/* of the contact */
	const char *incident;		/* its id, or NULL */
	const char *subject, *text;	/* the text is cut at QUEUE_TEXT */
	int64_t at;			/* wall ms */
};

/* Durable when it returns. ERR_BUSY: no slot is free. */
bool queue_put(const struct state *s, const struct queued *q, struct err *e);
/* How many wait for that contact, or for anybody (NULL). */
size_t queue_count(const struct state *s, const char *who);

/* What became of one of them. */
struct queue_end {
	const struct site_contact *who;	/* NULL: no longer in the site file */
	char *name, *incident, *subject, *why;
	enum site_trigger trigger;
	bool clear, sent;		/* else it was given up */
	int64_t at;
};
struct queue_ends {
	VEC(struct queue_end) v;
};

/* Sends what can be sent, that of one contact or of all; the ends are for the
 * caller to journal. Nothing is waited for when somebody else is at it. */
void queue_drain(const struct site *site, const struct state *s,
    const char *who, int64_t deadline_ms, struct queue_ends *ret);
void queue_ends_release(struct queue_ends *ends);

#endif
