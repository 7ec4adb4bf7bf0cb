/*
 * engine: what may happen next in an incident that follows a runbook.
 *
 * It reads (incident, runbook, conditions) and decides; it changes things only
 * by lines in the incident's journal. Work that changes the world runs in a job.
 *
 *	struct engine en = { .site = &site, .state = &state, .inc = &inc,
 *	    .rb = &rb };
 *	engine_sweep(&en, &e);			vanished jobs become doubts
 *	engine_view(&en, step, &view);		ready? blocked by what?
 */
#ifndef RUNBOOK_ENGINE_H
#define RUNBOOK_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "job/job.h"
#include "record/incident.h"
#include "runbook/runbook.h"

enum view_state {
	VIEW_TODO,		/* its gates are open, others come first */
	VIEW_READY,		/* do this now */
	VIEW_BLOCKED,		/* a hard gate is shut */
	VIEW_RUNNING,
	VIEW_DONE,
	VIEW_FAILED,
	VIEW_SKIPPED,
	VIEW_DOUBT,
	VIEW_NOT_APPLICABLE,
};

struct engine_answer {
	char *text, *why;
	enum truth truth;
};

struct engine {
	const struct site *site;	/* may be NULL */
	const struct state *state;
	struct incident *inc;
	const struct runbook *rb;
	VEC(struct engine_answer) cache;	/* within one command */
	struct cond_picture picture;
	bool fresh;			/* no reading of before will do */
};

struct view {
	enum view_state state;
	bool soft;		/* a soft gate is shut */
	struct buf why;		/* blocked or soft: by what; else "" */
};

struct run_options {
	const char *confirm;	/* what was typed, or NULL */
	const char *reason;	/* of a skip, an override, a pass */
	bool anyway;		/* soft gates are passed knowingly */
	bool again;		/* a finished, failed or doubtful step once more */
	const struct conf_args *with;	/* what only the moment knows (which
				 * set), besides an action's own arguments */
};

enum run_result { RUN_DONE, RUN_FAILED, RUN_JOB, RUN_CANCELLED };

void engine_release(struct engine *en);
void engine_forget(struct engine *en);	/* answers, before asking afresh */
enum truth engine_ask(struct engine *en, const struct cond *c,
    const char **ret_why);

void engine_view(struct engine *en, const struct rb_step *step, struct view *v);
/* As if it had not been done yet: what a (further) run has to pass. */
void engine_gates(struct engine *en, const struct rb_step *step,
    struct view *v);
void view_release(struct view *v);
const char *view_name(enum view_state s);
/* The first step that is ready, NULL when there is none. */
const struct rb_step *engine_next(struct engine *en);

/* Jobs that died without an outcome: their steps are in doubt. */
bool engine_sweep(struct engine *en, struct err *e);

/* Finished steps whose proof turned false, or holds again, get their line. */
bool engine_watch_proofs(struct engine *en, struct err *e);

/* Steps that waited for a person, who has done it: they are done. */
bool engine_settle_waiting(struct engine *en, struct err *e);

/* The next steps that somebody has done by another way, a button or the command
 * line: what they prove holds, so they are done. */
bool engine_sense(struct engine *en, struct err *e);

/* Whether it may run now; e->kind ERR_GUARD says why not, *ret_soft that
 * `anyway` would be enough, *ret_confirm that this has to be typed. */
bool engine_may_run(struct engine *en, const struct rb_step *step,
    const struct run_options *o, bool *ret_soft, const char **ret_confirm,
    struct err *e);
/* Runs it here (manual, check) or starts its job (*ret_job). */
bool engine_run(struct engine *en, const struct rb_step *step,
    const struct run_options *o, const char *config,
    void (*warn)(const char *what), enum run_result *ret, int64_t *ret_job,
    struct err *e);
bool engine_skip(struct engine *en, const struct rb_step *step,
    const char *reason, struct err *e);
bool engine_override(struct engine *en, const struct rb_step *step,
    const char *reason, struct err *e);

/* What the job of a step does (see job_kind). */
int engine_job(struct engine *en, struct job *job, struct err *e);

struct criterion {
	const struct cond *cond;
	enum truth truth;
	const char *why;		/* the engine's */
	const struct inc_override *over;
};
struct criteria {
	VEC(struct criterion) v;
	size_t open;			/* neither proven nor overridden */
};
void engine_criteria(struct engine *en, const struct rb_conds *conds,
    struct criteria *ret);

#endif
