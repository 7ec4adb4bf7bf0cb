/*
 * model: everything that the panes show, as it is known now. Panes only read it;
 * whoever fills it (from the record keeper's pipe and the feed's socket, or a
 * test) replaces a part at a time and says which:
 *
 *	struct model_steps *part = model_steps_begin(&m);	emptied
 *	part->v = ...; strings from pool_str(&part->pool, ...)
 *	model_changed(&m, MODEL_STEPS);
 *
 * Each part owns its strings by its pool. Zeroed is valid and means: nothing is
 * known yet. Times are wall milliseconds, 0 when there is none. Nothing here
 * blocks or touches a file; what should happen in the world is an order (below),
 * whose answer comes back as a change of the model.
 */
#ifndef UI_MODEL_H
#define UI_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/vec.h"
#include "reading/reading.h"
#include "record/incident.h"
#include "ui/keys.h"
#include "ui/role.h"

enum model_part {
	MODEL_HEAD = 1, MODEL_READINGS = 2, MODEL_STEPS = 4, MODEL_JOBS = 8,
	MODEL_RECORD = 16, MODEL_PEOPLE = 32, MODEL_NOTICES = 64,
	MODEL_BUTTONS = 128, MODEL_OUTPUT = 256, MODEL_ANSWER = 512,
	MODEL_CLOCK = 1024,	/* a second has passed: for what shows ages */
	MODEL_ALL = 2047
};

enum env { ENV_PRODUCTION, ENV_OTHER, ENV_DRILL, ENV_REPLAY };

/* ---- head: who and where we are, and the one thing to do now ------------- */

struct model_head {
	struct pool pool;
	enum env env;
	char *environment;	/* as the site calls it */
	char *host, *site, *zone;
	bool read_only;

	enum inc_state state;	/* INC_NONE: the watch screen */
	char *incident, *title, *severity;
	int64_t opened, resolved, next_update;
	bool frozen, freeze_unknown;

	char *triage;		/* one line: who is hurt, what is lost, how long */
	char *now;		/* what to do now, in plain words */
	char *now_why;		/* one more line, or NULL */
	enum level now_level;	/* how loud */
	enum request now_key;	/* the key that does it, REQ_NONE: none */
	bool safe_to_stop;
	VEC(char *) others;	/* who else is looking */
};

/* ---- steps of the runbook ------------------------------------------------ */

/* The states and five glances: TODO RUN OK FAIL ? */
enum mstep_state {
	MSTEP_TODO, MSTEP_READY, MSTEP_BLOCKED, MSTEP_RUNNING, MSTEP_SENSED,
	MSTEP_CONFIRMED, MSTEP_OVERRIDDEN, MSTEP_SKIPPED, MSTEP_NOT_APPLICABLE,
	MSTEP_FAILED, MSTEP_DOUBT, MSTEP_LOST,	/* LOST: its proof is false now */
	MSTEP_WAITS,		/* done as far as a program can: for a person */
	MSTEP_COUNT
};

enum { MODEL_NOT_ASKED = -1 };
struct model_proof {
	char *text, *why;	/* what must hold; what is really there */
	int truth;		/* enum truth: no, yes, unknown; or not asked */
};

struct model_step {
	char *id, *title, *phase, *who;	/* who: role, or who did it */
	enum mstep_state state;
	bool soft;		/* a soft gate is shut: one key to go on */
	char *why;		/* blocked by what, failed why, skipped why */
	char *how;		/* "sensed", "confirmed by ana", ... */
	char *say, *expect, *stop, *action;
	char *command;		/* exactly what would run, "" for a person */
	char *confirm;		/* to be typed, NULL: not destructive */
	bool by_person;		/* no probe can see it: may be ticked */
	bool optional;
	int64_t started, ended, job;
	int attempts;
	VEC(char *) todo;
	VEC(struct model_proof) proofs;
};

struct model_steps {
	struct pool pool;
	char *title;		/* the runbook's */
	bool known;		/* it was read: also when there is none */
	size_t current;		/* index of the step to do now; v.n: none is */
	VEC(struct model_step) v;
};

/* ---- jobs ---------------------------------------------------------------- */

struct model_job {
	int64_t n, started, ended;
	char *title, *step, *by, *outcome, *progress;
	int64_t done, total, rate;	/* bytes, bytes a second; 0: unknown */
	int64_t eta_ms;			/* -1: unknown */
	char *bottleneck;		/* "source", "network", NULL */
	bool running, vanished, cancel;
	int64_t lines;			/* of its output so far */
};

struct model_jobs {
	struct pool pool;
	VEC(struct model_job) v;	/* newest last */
	bool known;			/* they were looked for */
};

/* Rows of one job's output that were asked for (ORDER_OUTPUT): only what is
 * seen is ever held here. Already clean, one line each. */
struct model_output {
	struct pool pool;
	int64_t job, first, lines;	/* number of the first row; all rows */
	int64_t removed;		/* control sequences taken out */
	VEC(char *) v;
};

/* ---- the record, the people, the notices, the buttons -------------------- */

struct model_entry {
	int64_t seq, at, rec;
	char *kind, *by, *step, *text, *corrected;
	bool key, pinned, saving;	/* saving: handed over, not durable yet */
};

struct model_record {
	struct pool pool;
	VEC(struct model_entry) v;	/* oldest first */
	size_t saving;			/* not durable yet */
	bool second;			/* the second journal is in use */
};

struct model_person {
	char *who, *phone, *on, *role;
	char *told;			/* what they were told last, or NULL */
	int64_t told_at;
};

struct model_people {
	struct pool pool;
	char *channel;
	VEC(struct model_person) v;
};

struct model_notice {
	enum level level;
	char *text, *hint;
};

struct model_notices {
	struct pool pool;
	VEC(struct model_notice) v;
};

/* rungs of confirmation, by risk */
enum rung { RUNG_RUN, RUNG_UNDO, RUNG_ASK, RUNG_TYPE };

struct model_choice {
	char *word, *note;
};

struct model_button {
	enum request request;	/* its key and label come from the keys table */
	char *label;		/* NULL: the request's */
	char *why_not;		/* NULL: it can be pressed */
	enum rung rung;
	char *target, *command, *effect, *undo;	/* shown before it runs */
	char *action;		/* ORDER_ACTION's `what`; "@db" is chosen from: */
	VEC(struct model_choice) choices;	/* worst first */
	char *ask;		/* a line is asked first, "=" in action: it */
	char *empty;		/* the action without that line; NULL: needed */
	char *plan;		/* "--plan": behind the action, it only says
				 * what would happen; else a verb of its own */
	bool look;		/* what it says is worth a page */
	char *text;		/* of the dialog, before the facts */
};

struct model_buttons {
	struct pool pool;
	VEC(struct model_button) v;	/* save everything first */
};

struct model_readings {
	struct pool pool;
	struct readings all;
	int64_t heard;			/* when the feed last said anything */
	bool feed_dead;			/* and is being started again */
	VEC(char *) acknowledged;	/* "kind name" of acknowledged causes */
};

/* ---- orders -------------------------------------------------------------- */

/*	X(ID, word) and what its fields mean */
#define ORDER_LIST(X)							\
	X(NOTE, "note")		/* text; at: when it was */		\
	X(DECIDE, "decide")						\
	X(HYPOTHESIS, "hypothesis")					\
	X(PIN, "pin")		/* number: seq */			\
	X(CORRECT, "correct")	/* number: seq, text */			\
	X(SEVERITY, "severity")	/* what: SEV-1, text: why */		\
	X(ROLE, "role")		/* what: role, text: who */		\
	X(TOLD, "told")		/* what: who, text: what */		\
	X(RUN, "run")		/* what: step; typed, anyway, again */	\
	X(TICK, "tick")		/* what: step, text: how it is known */	\
	X(SKIP, "skip")		/* what: step, text: why */		\
	X(OVERRIDE, "override")	/* what: criterion, text: why */	\
	X(UNDO, "undo")		/* what: step */			\
	X(CANCEL, "cancel")	/* number: job */			\
	X(ACTION, "action")	/* what: words of the verb; typed */	\
	X(OPEN, "open")		/* text: title */			\
	X(RESOLVE, "resolve")						\
	X(CLOSE, "close")						\
	X(ACK, "acknowledge")	/* what: "kind name" */			\
	X(OUTPUT, "output")	/* number: job, at: first row, rows */	\
	X(FIND, "find")		/* number: job, at: from that row on, text;
				 * again: backwards. The output moves there */

#define ORDER_ENUM_(id, word) ORDER_##id,
enum order_kind { ORDER_LIST(ORDER_ENUM_) ORDER_COUNT };
#undef ORDER_ENUM_

/* What the answer of a verb is for: a line, a page, or the plan that a person has
 * to see before the same button does it. */
enum answer_then { ANSWER_SAY, ANSWER_SHOW, ANSWER_PLAN };

struct order {
	enum order_kind kind;
	enum answer_then then;
	char *what, *text, *typed;	/* its own; NULL: none */
	int64_t number, at, rows;
	bool anyway, again;
};

void order_release(struct order *o);
const char *order_name(enum order_kind k);

/* What became of the orders: shown in the message line. */
struct model_answer {
	struct pool pool;
	char *text;
	bool bad;
	uint64_t count;			/* goes up with each answer */
};

/* All that the newest verb said, to be read. */
struct model_page {
	struct pool pool;
	char *title, *text;
	bool bad;
	enum answer_then then;
	uint64_t count;
};

struct model {
	int64_t now;			/* wall ms of this picture */
	struct model_head head;
	struct model_readings readings;
	struct model_steps steps;
	struct model_jobs jobs;
	struct model_output output;
	struct model_record record;
	struct model_people people;
	struct model_notices notices;
	struct model_buttons buttons;
	struct model_answer answer;
	struct model_page page;

	unsigned changed;		/* enum model_part bits since last taken */
	/* Takes an order over (its strings too); false: it cannot be given now,
	 * and e says why. NULL: nobody takes orders (tests, replay). */
	bool (*give)(void *ctx, struct order *o, struct err *e);
	void *ctx;
};

struct model_head *model_head_begin(struct model *m);
struct model_readings *model_readings_begin(struct model *m);
struct model_steps *model_steps_begin(struct model *m);
struct model_jobs *model_jobs_begin(struct model *m);
struct model_output *model_output_begin(struct model *m);
struct model_record *model_record_begin(struct model *m);
struct model_people *model_people_begin(struct model *m);
struct model_notices *model_notices_begin(struct model *m);
struct model_buttons *model_buttons_begin(struct model *m);
void model_answer(struct model *m, bool bad, const char *text);
void model_page(struct model *m, bool bad, enum answer_then then,
    const char *title, const char *text);
void model_changed(struct model *m, unsigned parts);
void model_release(struct model *m);

/* False with e: refused, or nobody takes orders. The order is used up. */
bool model_give(struct model *m, struct order *o, struct err *e);
const struct model_button *model_button(const struct model *m,
    enum request r);			/* NULL: there is none */
const struct model_step *model_step(const struct model *m, const char *id);
/* The glance: "TODO", "RUN", "OK", "FAIL", "?"; and its role. */
const char *mstep_glance(enum mstep_state s);
const char *mstep_word(enum mstep_state s);	/* "sensed", "blocked", ... */
enum role mstep_role(enum mstep_state s);

#endif
