/*
 * A runbook while it is being read: the file's own groups (raw), the steps they
 * became, and what is needed to say where a mistake stands.
 */
#ifndef RUNBOOK_INTERN_H
#define RUNBOOK_INTERN_H

#include "runbook/runbook.h"

struct raw_step {
	int line;
	char *id, *kind, *phase, *title, *say, *why, *expect, *stop, *role;
	char *each, *action, *at, *confirm;
	struct conf_strs todo, commands, needs, wants, proves, when, on_fail;
	struct conf_args args;
	struct conf_cmd command;
	bool exit_proves, optional, parallel;
	int64_t retries, retry_after_ms, timeout_ms, proof_within_ms;
	int64_t output_limit;
};

struct raw_risk {
	int line;
	char *name, *say;
	struct conf_strs unless;
};

struct raw_severity {
	int line;
	char *level, *when, *say;
	struct conf_strs tell;
};

struct raw_escalation {
	int line;
	int64_t after_ms;
	struct conf_strs unless;
	char *tell, *say;
};

struct raw_book {
	int line;
	char *name, *title, *severity, *say;
	int64_t version;
	struct conf_list steps, risks, severities, escalation;
	struct conf_strs resolve, close;
};

/* One step of rb->steps: where it came from. */
struct origin {
	const struct raw_step *raw;
	size_t index;			/* of the raw step */
	int *needs_line, *wants_line, *when_line;
};

struct loading {
	struct runbook *rb;
	struct conf_doc *doc;
	const struct site *site;
	struct rb_names names;
	struct raw_book raw;
	const char **ids;		/* of rb->steps */
	struct origin *origin;		/* likewise */
	int *resolve_line, *close_line;
	VEC(const char *) said;		/* where something was found already */
};

extern const char *const rb_kinds[];	/* words of enum step_kind, NULL at end */
extern const char *const rb_levels[];	/* SEV-0 to SEV-3, NULL at end */

/* "{db}", "{disk}", or NULL: what an `each` word stands for. */
const char *each_hole(const char *each);
const char *step_where(struct loading *l, size_t index, const char *key);
/* A problem of a repeated step, told for the first of its kind only. */
void lint_once(struct loading *l, int line, const char *where, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* Reads one condition, with its names; false: a problem was told. */
bool read_cond(struct loading *l, const char *text, int line,
    const char *where, const char *own_name, struct cond *ret);

/* lint.c: what the words of the file mean, and whether it can be so. */
void lint_raw(struct loading *l);
void lint_expanded(struct loading *l);
void lint_top(struct loading *l);
/* gates.c: steps that can never begin. */
void lint_gates(struct loading *l);

/* commands.c: the placeholders of stock commands. */
bool command_check(const char *text, struct err *e);
void command_fill(const char *text, const struct site *site,
    const struct state *state, struct buf *out);

#endif
