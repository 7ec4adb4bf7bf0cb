/*
 * log: the site's own journal, <state>/log.jsonl: what happened outside an
 * incident, in the same format and as durable.
 */
#ifndef RECORD_LOG_H
#define RECORD_LOG_H

#include "record/event.h"
#include "record/state.h"

/* One line; data: a JSON object as text, or NULL. */
bool log_say(const struct state *s, enum event_kind kind, const char *text,
    const char *data, struct err *e);

#endif
