/*
 * log: the site's own journal, <state>/log.jsonl: what happened outside an
 * incident, in the same format and as durable.
 */
#ifndef RECORD_LOG_H
#define RECORD_LOG_H

#include "record/event.h"
#include "record/incident.h"
#include "record/state.h"

/* One line; data: a JSON object as text, or NULL. */
bool log_say(const struct state *s, enum event_kind kind, const char *text,
    const char *data, struct err *e);
/* Where the incident's journal ends now: `verify` holds its end against the
 * newest of these. */
bool log_checkpoint(const struct state *s, const struct incident *inc,
    const char *text, struct err *e);

#endif
