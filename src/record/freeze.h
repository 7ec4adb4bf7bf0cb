/*
 * freeze: the flag that holds deployments and migrations, <state>/freeze.
 *
 * One JSON object, written in place over room that is kept for it from the first
 * day: a full disk refuses to create, not to overwrite. Blanks: not frozen.
 * Whatever else stands there freezes as well; a flag that was torn, or written by
 * hand, is no reason to deploy.
 *
 *	{"phase":"on","who":"ama","since":"2025-02-14T01:08:00.000Z",
 *	 "incident":"INC-20250214-0110","ddl":true,"reason":"the nightly failed"}
 *
 *	struct freeze f = { 0 };
 *	if (freeze_read(&state, &f, &e) && f.phase != FREEZE_OFF) ...
 *	freeze_release(&f);
 *
 * Who changes it holds the lock `freeze` of the state directory meanwhile.
 */
#ifndef RECORD_FREEZE_H
#define RECORD_FREEZE_H

#include "base/json.h"
#include "record/state.h"

enum freeze_phase {
	FREEZE_OFF,
	FREEZE_SETTING,		/* the flag holds, what the site hooks to it
				 * has not (yet) been seen to */
	FREEZE_ON,
	FREEZE_LIFTING,		/* it still holds, what is hooked to it may not */
};

struct freeze {
	enum freeze_phase phase;
	char *reason, *who, *incident;	/* as they were written; NULL: not said */
	int64_t since, until;		/* wall ms; 0: not said */
	bool ddl;			/* databases were told to refuse DDL */
};

/* False: it cannot be read, and nobody knows. A state without the file, or none
 * at all, is not frozen. */
bool freeze_read(const struct state *s, struct freeze *ret, struct err *e);
/* Durable when it returns true. FREEZE_OFF: the rest does not matter. */
bool freeze_write(const struct state *s, const struct freeze *f, struct err *e);
void freeze_release(struct freeze *f);

/* "frozen since 2025-02-14 02:08, for 52 min, by ama: the nightly failed" */
void freeze_say(const struct freeze *f, int64_t now, struct buf *out);
const char *freeze_phase_name(enum freeze_phase p);

/* What state_open() does: the file, blank, with its room. */
bool freeze_prepare(const struct state *s, struct err *e);

#endif
