/*
 * runbook: the steps for a kind of incident, loaded from a file that people
 * write. `each` steps are repeated for the names they are expanded with.
 */
#ifndef RUNBOOK_RUNBOOK_H
#define RUNBOOK_RUNBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/sha.h"
#include "condition/condition.h"
#include "site/site.h"

enum step_kind { STEP_ACTION, STEP_CHECK, STEP_MANUAL, STEP_COMMAND };

struct rb_conds {
	struct cond *v;
	size_t n;
};

struct rb_step {
	int line;
	char *id, *title, *phase, *say, *why, *expect, *stop, *role;
	enum step_kind kind;
	char *each_of;			/* the name it was repeated for, or NULL */
	struct conf_strs todo;		/* `do` */
	struct conf_strs commands;	/* stock shell commands, placeholders in */
	char *action;
	struct conf_args args;
	struct conf_cmd command;
	char *at;			/* a place; NULL: here */
	struct rb_conds needs, wants, proves, when;	/* when: 0 or 1 */
	struct conf_strs on_fail;
	bool exit_proves, optional, parallel;
	int64_t retries, retry_after_ms, timeout_ms, proof_within_ms;
	int64_t output_limit;
	char *confirm;			/* what has to be typed, or NULL */
};

struct rb_risk {
	int line;
	char *name, *say;
	struct cond unless;
};

struct rb_severity {
	int line;
	char *level, *when, *say;
	struct conf_strs tell;
};

struct rb_escalation {
	int line;
	int64_t after_ms;
	struct cond unless;		/* row NULL: always */
	char *tell, *say;
};

struct runbook {
	struct conf_doc doc;		/* problems, and memory of all of it */
	char sha[SHA_HEX];		/* of the file's bytes */
	char *name, *title, *severity, *say;
	int64_t version;
	struct rb_step *steps;		/* expanded */
	size_t n;
	struct rb_risk *risks;
	size_t n_risks;
	struct rb_severity *severities;
	size_t n_severities;
	struct rb_escalation *escalations;
	size_t n_escalations;
	struct rb_conds resolve, close;
};

/* What `each` repeats for. All empty: such steps stand once, for "{db}". */
struct rb_names {
	const char *const *databases, *const *legacy, *const *disks;
	size_t n_databases, n_legacy, n_disks;
};

/* False when there is any problem; they are in rb->doc.problems. The site may
 * be NULL: then names of databases and the like are not checked. */
bool runbook_load(struct runbook *rb, const char *path,
    const struct rb_names *names, const struct site *site);
bool runbook_parse(struct runbook *rb, const char *path, const void *p,
    size_t n, const struct rb_names *names, const struct site *site);
void runbook_release(struct runbook *rb);
const struct rb_step *runbook_step(const struct runbook *rb, const char *id);
/* Names of the site, for opening an incident or rendering. */
void runbook_names_of_site(const struct site *site, struct pool *p,
    struct rb_names *ret);

/* Where NAME.cfg is: beside the site file, then runbooks/ beside the
 * executable's parent, then PREFIX/share/midwatch/runbooks. Caller frees. */
char *runbook_find(const char *name, const struct site *site, struct err *e);

/* The file that an incident's copy was taken from, where it has changed since;
 * NULL: it has not, or is gone. Caller frees. */
char *runbook_newer(const struct runbook *copy, const char *name,
    const struct site *site);

/* Markdown for people; with commands the stock shell commands alone. */
void runbook_render(const struct runbook *rb, const struct site *site,
    struct buf *out);
void runbook_commands(const struct runbook *rb, const struct site *site,
    const struct state *state, struct buf *out);

/* The runbook that an alarm leads to; its name in ret (pool-less copy, caller
 * frees), severity too. False: no row matches. */
bool runbook_for_alarm(const char *alarm, const struct site *site,
    char **ret_runbook, char **ret_severity, struct err *e);

/* Lints an alarms.cfg; the problems are in doc, which is to be released. */
bool runbook_alarms_check(struct conf_doc *doc, const char *path);

#endif
