#include "action/action.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "site/site.h"

enum { ARGS_MAX = 8 };

/*	name		verb			built	exactly one of */
#define ACTIONS(X)							\
	X(freeze, "freeze", "freeze", true, NULL,			\
	    "stop deployments and migrations, or let them go on")	\
	X(backup, "backup", "backup", true, "db|all_unsafe",		\
	    "a verified copy of a database, or of all that has none")	\
	X(recover, "recover", "recover", true, "db",			\
	    "a login that works again: find the password, or set a new one") \
	X(cleanup, "cleanup", "cleanup", true, NULL,			\
	    "room by a plan: retention, orphans, paths, docker")	\
	X(validate, "validate", "validate", true, NULL,		\
	    "prove a set: read it through, restore it into scratch")	\
	X(nightly, "nightly", "nightly", true, NULL,			\
	    "the real nightly job, now")				\
	X(precheck, "precheck", "precheck", true, NULL,		\
	    "may a migration run now")					\
	X(isolate, "isolate", "isolate", true, NULL,			\
	    "evidence of the cause into the journal")			\
	X(tell, "tell", "incident tell", true, "trigger",		\
	    "tell the people of an occasion, and journal who was told")	\
	X(notify, "notify", "incident notify", true, "trigger",	\
	    "run the hooks of an occasion, without asking anybody")	\
	X(update, "update", "incident update --send", true, NULL,		\
	    "draft and send an update; the clock for the next one starts") \
	X(escalate, "escalate", "incident escalate", true, NULL,	\
	    "tell the next people in line")				\
	X(restore, "restore", "restore", true, "db",			\
	    "data back from a set: planned, tried, then by typed name")	\
	X(locks, "locks", "locks", true, NULL,				\
	    "who holds locks that others wait for")			\
	X(schedule, "schedule", "schedule check", true, NULL,		\
	    "when the jobs really run")

/* The arguments of each, in the order in which the verb takes them. */
static const struct action_arg freeze_args[ARGS_MAX] = {
	{ "on", ACTION_BOOL, NULL, "true" },
	{ "reason", ACTION_TEXT, "--reason", NULL },
	{ "anyway", ACTION_BOOL, "--anyway", NULL },
};
static const struct action_arg backup_args[ARGS_MAX] = {
	{ "db", ACTION_DB, NULL, NULL },
	{ "all_unsafe", ACTION_BOOL, "--all-unsafe", NULL },
	{ "emergency", ACTION_BOOL, "--emergency", NULL },
	{ "store", ACTION_STORE, "--store", NULL },
};
static const struct action_arg recover_args[ARGS_MAX] = {
	{ "db", ACTION_DB, NULL, NULL },
};
static const struct action_arg validate_args[ARGS_MAX] = {
	{ "set", ACTION_WORD, NULL, "latest" },
	{ "db", ACTION_DB, "--db", NULL },
	{ "restore", ACTION_BOOL, "--restore", NULL },
};
static const struct action_arg nightly_args[ARGS_MAX] = {
	{ "dry_run", ACTION_BOOL, "--dry-run", NULL },
};
static const struct action_arg precheck_args[ARGS_MAX] = {
	{ "after_freeze", ACTION_BOOL, "--after-freeze", NULL },
	{ "only", ACTION_TEXT, "--only", NULL },
};
static const struct action_arg tell_args[ARGS_MAX] = {
	{ "trigger", ACTION_TRIGGER, NULL, NULL },
};
static const struct action_arg notify_args[ARGS_MAX] = {
	{ "trigger", ACTION_TRIGGER, NULL, NULL },
};
static const struct action_arg restore_args[ARGS_MAX] = {
	{ "set", ACTION_SET, NULL, NULL },
	{ "db", ACTION_DB, NULL, NULL },
	{ "store", ACTION_STORE, "--store", NULL },
	{ "into", ACTION_TEXT, "--into", NULL },
	{ "beside", ACTION_BOOL, "--beside", NULL },
	{ "over", ACTION_BOOL, "--over", NULL },
	{ "end_sessions", ACTION_BOOL, "--end-sessions", NULL },
	{ "confirm", ACTION_TEXT, "--confirm", NULL },
};
static const struct action_arg cleanup_args[ARGS_MAX], isolate_args[ARGS_MAX],
    update_args[ARGS_MAX], escalate_args[ARGS_MAX], locks_args[ARGS_MAX],
    schedule_args[ARGS_MAX];

static const struct action actions[] = {
#define X(id, name, verb, built, one_of, help)				\
	{ name, verb, built, id##_args, ARGS_MAX, one_of, help },
	ACTIONS(X)
#undef X
};

static const char *const types[] = {
	[ACTION_DB] = "DB", [ACTION_STORE] = "STORE",
	[ACTION_BOOL] = "true|false", [ACTION_TRIGGER] = "TRIGGER",
	[ACTION_WORD] = "WORD", [ACTION_SET] = "SET",
	[ACTION_TEXT] = "TEXT",
};

void
strings_add(struct strings *s, const char *word)
{
	s->v = vec_room_(s->v, s->n + 1, &s->cap, sizeof *s->v);
	s->v[s->n++] = xstrdup(word);
	s->v[s->n] = NULL;
}

void
strings_release(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strings){ 0 };
}

size_t
action_count(void)
{
	return sizeof actions / sizeof *actions;
}

const struct action *
action_at(size_t i)
{
	return i < action_count() ? &actions[i] : NULL;
}

const struct action *
action_find(const char *name)
{
	for (size_t i = 0; i < action_count(); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

bool
action_confirms(const struct action *a)
{
	return strcmp(a->name, "recover") == 0;
}

bool
action_built(const char *name)
{
	const struct action *a = name ? action_find(name) : NULL;

	return a != NULL && a->built;
}

bool
action_plans(const char *name)
{
	static const char *const names[] = { "cleanup" };

	return name != NULL && text_in(name, names,
	    sizeof names / sizeof *names);
}

static size_t
arg_count(const struct action *a)
{
	size_t n = 0;

	while (n < a->n && a->args[n].key != NULL)
		n++;
	return n;
}

/* A set may be named with its class: nightly/20250214T021000Z. */
static bool
is_word(const char *s)
{
	return isalnum((unsigned char)*s) && strlen(s) < 200 &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_.:/-")] == '\0' && strstr(s, "..") == NULL;
}

static bool
check_value(const struct action *a, const struct action_arg *arg,
    const char *value, struct err *e)
{
	const char *near;

	switch (arg->type) {
	case ACTION_BOOL:
		if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
			return true;
		return err_set(e, ERR_USAGE, "'%s' of %s must be true or false, "
		    "not '%s'", arg->key, a->name, value);
	case ACTION_TRIGGER:
		if (text_in(value, site_triggers, SITE_TRIGGER_COUNT))
			return true;
		near = text_nearest(value, site_triggers, SITE_TRIGGER_COUNT);
		return err_set(e, ERR_USAGE, "unknown trigger '%s'%s%s%s",
		    value, near ? ", did you mean '" : "", near ? near : "",
		    near ? "'?" : "");
	case ACTION_WORD:
	case ACTION_SET:
		if (is_word(value))
			return true;
		return err_set(e, ERR_USAGE, "'%s' of %s is '%s', and that is "
		    "not the name of a set", arg->key, a->name, value);
	case ACTION_TEXT:
		if (*value != '\0' && strlen(value) < 500 &&
		    strpbrk(value, "\n\r") == NULL)
			return true;
		return err_set(e, ERR_USAGE, "'%s' of %s is empty, too long, "
		    "or more than a line", arg->key, a->name);
	case ACTION_DB:
	case ACTION_STORE:
	default:
		/* {db} stands for itself in a runbook that is not expanded */
		if (text_is_name(value) || strcmp(value, "{db}") == 0 ||
		    strcmp(value, "{disk}") == 0)
			return true;
		return err_set(e, ERR_USAGE, "'%s' of %s is '%s', and that is "
		    "not a name", arg->key, a->name, value);
	}
}

static bool
unknown_arg(const struct action *a, const char *key, struct err *e)
{
	const char *known[ARGS_MAX], *near;
	size_t n = arg_count(a);

	for (size_t i = 0; i < n; i++)
		known[i] = a->args[i].key;
	near = text_nearest(key, known, n);
	if (n == 0)
		return err_set(e, ERR_USAGE, "%s takes no arguments, and '%s' "
		    "is one", a->name, key);
	if (near == NULL)
		return err_set(e, ERR_USAGE, "%s takes no '%s'", a->name, key);
	return err_set(e, ERR_USAGE, "%s takes no '%s', did you mean '%s'?",
	    a->name, key, near);
}

static bool
check_keys(const struct action *a, const struct conf_args *args, struct err *e)
{
	for (size_t i = 0; i < args->n; i++) {
		const struct action_arg *arg = NULL;

		for (size_t k = 0; k < arg_count(a) && arg == NULL; k++)
			if (strcmp(a->args[k].key, args->v[i].key) == 0)
				arg = &a->args[k];
		if (arg == NULL)
			return unknown_arg(a, args->v[i].key, e);
		if (!check_value(a, arg, args->v[i].value, e))
			return false;
	}
	return true;
}

/* `on = false` is an answer; `all_unsafe = false` is as good as nothing. */
static bool
is_given(const struct action_arg *arg, const struct conf_args *args)
{
	const char *v = conf_arg(args, arg->key);

	return v != NULL && (arg->type != ACTION_BOOL || arg->option == NULL ||
	    strcmp(v, "true") == 0);
}

static bool
check_one_of(const struct action *a, const struct conf_args *args,
    struct err *e)
{
	size_t given = 0;

	if (a->one_of == NULL)
		return true;
	for (size_t i = 0; i < arg_count(a); i++) {
		const char *at = strstr(a->one_of, a->args[i].key);
		size_t n = strlen(a->args[i].key);

		if (at != NULL && (at == a->one_of || at[-1] == '|') &&
		    (at[n] == '|' || at[n] == '\0'))
			given += is_given(&a->args[i], args);
	}
	if (given == 1)
		return true;
	return err_set(e, ERR_USAGE, given == 0 ? "%s needs '%s'" :
	    "%s takes only one of '%s'", a->name, a->one_of);
}

static void
add_arg(const struct action_arg *arg, const struct conf_args *args,
    struct strings *out)
{
	const char *v = conf_arg(args, arg->key);

	if (v == NULL)
		v = arg->otherwise;
	if (v == NULL)
		return;
	if (arg->type == ACTION_BOOL && arg->option == NULL) {
		strings_add(out, strcmp(v, "true") == 0 ? "on" : "off");
		return;
	}
	if (arg->type == ACTION_BOOL && strcmp(v, "true") != 0)
		return;
	if (arg->option != NULL)
		strings_add(out, arg->option);
	if (arg->type != ACTION_BOOL)
		strings_add(out, v);
}

bool
action_argv(const struct action *a, const struct conf_args *args,
    struct strings *out, struct err *e)
{
	const char *verb = a->verb;

	if (!check_keys(a, args, e) || !check_one_of(a, args, e))
		return false;
	strings_add(out, "midwatch");
	while (*verb != '\0') {
		size_t n = strcspn(verb, " ");
		char *word = xstrndup(verb, n);

		strings_add(out, word);
		free(word);
		verb += n + (verb[n] == ' ');
	}
	for (size_t i = 0; i < arg_count(a); i++)
		add_arg(&a->args[i], args, out);
	return true;
}

bool
action_complete(const struct action *a, const struct conf_args *args,
    struct err *e)
{
	for (size_t i = 0; i < arg_count(a); i++) {
		const char *key = a->args[i].key;

		if (a->args[i].type != ACTION_SET || conf_arg(args, key) != NULL)
			continue;
		err_set(e, ERR_GUARD, "%s needs to be told the '%s'", a->name,
		    key);
		return err_hint(e, "Add '--arg %s=%s'.", key,
		    types[a->args[i].type]);
	}
	return true;
}

void
action_help(struct buf *out)
{
	for (size_t i = 0; i < action_count(); i++) {
		const struct action *a = &actions[i];

		buf_printf(out, "  %s", a->name);
		for (size_t k = 0; k < arg_count(a); k++)
			buf_printf(out, "%s%s = %s;", k ? " " : " { ",
			    a->args[k].key, types[a->args[k].type]);
		buf_printf(out, "%s\n        %s (midwatch %s)\n",
		    arg_count(a) ? " }" : "", a->help, a->verb);
	}
}
