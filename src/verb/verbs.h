/*
 * verbs: the table of everything that can be typed. main.c dispatches by it;
 * help, man page and completion are made from it.
 */
#ifndef VERB_VERBS_H
#define VERB_VERBS_H

#include <stddef.h>

#include "verb/cli.h"

typedef int verb_fn(struct cli *c, int argc, char **argv);

struct verb {
	const char *name;
	verb_fn *run;		/* NULL: not built yet */
	const char *usage;	/* one form a line */
	const char *help;	/* one sentence */
	const char *words;	/* subverbs and options, for completion */
	bool hidden;
};

extern const struct verb verbs[];
extern const size_t n_verbs;
const struct verb *verb_find(const char *name);

/* One option of a verb: "--jobs N", and what it says. */
struct verb_option {
	const char *verb, *option, *help;
};

extern const struct verb_option verb_options[];
extern const size_t n_verb_options;

/* Every key of the site file, with its kind and what it has when left out. */
void help_site(struct buf *out);

verb_fn
    verb_backup,
    verb_cancel,
    verb_cleanup,
    verb_doctor,
    verb_export,
    verb_followup,
    verb_freeze,
    verb_help,
    verb_incident,
    verb_init,
    verb_isolate,
    verb_job,
    verb_jobs,
    verb_lint,
    verb_locks,
    verb_login_line,
    verb_nightly,
    verb_record,
    verb_recover,
    verb_precheck,
    verb_restore,
    verb_run,
    verb_runbook,
    verb_schedule,
    verb_sets,
    verb_status,
    verb_trust,
    verb_validate,
    verb_verify,
    verb_watch;

/* Parts of `incident`; argv begins behind the subverb. */
verb_fn incident_open, incident_list, incident_show, incident_note,
    incident_decide, incident_hypothesis, incident_pin, incident_correct,
    incident_set_severity, incident_set_role, incident_publish,
    incident_tell, incident_notify, incident_told, incident_ack,
    incident_escalate, incident_update, incident_declare, incident_people,
    incident_resolve, incident_close;

/* The console; it lives in ui/, above everything else. So do its keys, as text
 * for people and as a section of the manual. */
verb_fn verb_console;
void console_keys(struct buf *out);
void console_keys_man(struct buf *out);
/* What the terminal is, and what the console would make of it: findings. */
struct doctor;
void console_terminal(const struct cli *c, struct doctor *d);

/* Of `sets`. */
verb_fn sets_adopt;

#endif
