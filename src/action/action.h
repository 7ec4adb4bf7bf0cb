/*
 * action: what a button does. The table names each action, its arguments and
 * the verb of the command line that does the work: whatever the console can do,
 * a script can do.
 *
 *	const struct action *a = action_find("backup");
 *	struct strings argv = { 0 };
 *	if (!a->built) ...
 *	if (action_argv(a, &step->args, &argv, &e))
 *		-> midwatch backup otc --emergency
 *	strings_release(&argv);
 */
#ifndef ACTION_ACTION_H
#define ACTION_ACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"

/* A growing argv: v is NULL-terminated, every string is its own. */
struct strings {
	char **v;
	size_t n, cap;
};

void strings_add(struct strings *s, const char *word);
void strings_release(struct strings *s);

enum action_type {
	ACTION_DB,		/* a database of the site */
	ACTION_STORE,		/* a store of the site */
	ACTION_BOOL,
	ACTION_TRIGGER,		/* an occasion on which people are told */
	ACTION_WORD,		/* a set's name */
	ACTION_SET,		/* one that only the moment can name: a runbook
				 * may leave it out, a run may not */
	ACTION_TEXT,		/* one line of anything */
};

struct action_arg {
	const char *key;
	enum action_type type;
	/* NULL: a word of its own; else this, and the value unless it is BOOL */
	const char *option;
	const char *otherwise;	/* the word when it is not given, or NULL */
};

struct action {
	const char *name;
	const char *verb;	/* "freeze", "incident tell" */
	bool built;		/* the verb does it in this version */
	const struct action_arg *args;
	size_t n;
	const char *one_of;	/* exactly one of these: "db|all_unsafe" */
	const char *help;
};

size_t action_count(void);
const struct action *action_at(size_t i);
const struct action *action_find(const char *name);	/* NULL: unknown */
bool action_built(const char *name);
/* Its verb wants --confirm with the word that is typed for the step. */
bool action_confirms(const struct action *a);
/* Its verb shows a plan, and takes with --confirm what stands under it. */
bool action_plans(const char *name);
/* Appends "midwatch", the verb and its words; false when an argument is unknown,
 * missing, or of the wrong type. */
bool action_argv(const struct action *a, const struct conf_args *args,
    struct strings *out, struct err *e);
/* Whether nothing is missing that only the moment knows. */
bool action_complete(const struct action *a, const struct conf_args *args,
    struct err *e);
/* The table as text, for help and the runbook manual. */
void action_help(struct buf *out);

#endif
