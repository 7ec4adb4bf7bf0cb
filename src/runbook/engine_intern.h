/*
 * engine_intern: what engine.c (views), run.c (doing) and fail.c share.
 */
#ifndef RUNBOOK_ENGINE_INTERN_H
#define RUNBOOK_ENGINE_INTERN_H

#include "runbook/engine.h"

/* The step as it was when we decided: the journal must still agree. */
struct step_guard {
	const struct incident *inc;
	const char *id;
	int64_t seq;
};

struct step_guard engine_guard(const struct engine *en, const char *id);
bool engine_unchanged(void *ctx, struct err *e);	/* a journal_decide */

/* on_fail of the step is done. */
void engine_failed(struct engine *en, const struct rb_step *step,
    const char *reason);

#endif
