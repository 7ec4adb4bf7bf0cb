/*
 * What the words of a runbook mean, and whether that can be so. Every problem is
 * told; none stops the search for the next.
 */
#include <stdio.h>
#include <string.h>

#include "action/action.h"
#include "base/text.h"
#include "runbook/intern.h"

enum { TITLE_MAX = 60, ID_MAX = 56, ACTIONS_MAX = 64 };

#define KIND(k) (1u << (k))

static size_t
count(const char *const *words)
{
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	return n;
}

static bool
known_level(struct loading *l, int line, const char *where, const char *word)
{
	if (word == NULL || text_in(word, rb_levels, count(rb_levels)))
		return true;
	conf_unknown(l->doc, line, where, "severity", word, rb_levels,
	    count(rb_levels));
	return false;
}

static void
known_trigger(struct loading *l, int line, const char *where,
    const char *word)
{
	if (!text_in(word, site_triggers, SITE_TRIGGER_COUNT))
		conf_unknown(l->doc, line, where, "trigger", word,
		    site_triggers, SITE_TRIGGER_COUNT);
}

/* ---- one step, as it stands in the file ------------------------------------ */

/* A step being read: its group in the file and where that is. */
struct at {
	struct loading *l;
	const struct raw_step *raw;
	size_t index;
	int kind;		/* -1: unknown */
};

static void
say(const struct at *a, const char *key, const char *text)
{
	conf_problem(a->l->doc, a->raw->line, step_where(a->l, a->index, key),
	    "%s", text);
}

static int
kind_of(struct loading *l, const struct raw_step *raw, size_t index)
{
	for (int k = 0; raw->kind != NULL && rb_kinds[k] != NULL; k++)
		if (strcmp(rb_kinds[k], raw->kind) == 0)
			return k;
	if (raw->kind != NULL)
		conf_unknown(l->doc, raw->line, step_where(l, index, "kind"),
		    "kind", raw->kind, rb_kinds, count(rb_kinds));
	return -1;
}

/* Keys that only some kinds of step have. */
static void
lint_keys(const struct at *a)
{
	const struct raw_step *r = a->raw;
	const struct {
		const char *key;
		bool given;
		unsigned kinds;
		const char *text;
	} keys[] = {
		{ "action", r->action != NULL, KIND(STEP_ACTION),
		    "only a step of the kind 'action' has one" },
		{ "args", r->args.n > 0, KIND(STEP_ACTION),
		    "only a step of the kind 'action' has them" },
		{ "command", r->command.n > 0, KIND(STEP_COMMAND),
		    "only a step of the kind 'command' has one" },
		{ "at", r->at != NULL, KIND(STEP_COMMAND),
		    "only a step of the kind 'command' has a place" },
		{ "exit_proves", r->exit_proves, KIND(STEP_COMMAND),
		    "only a step of the kind 'command' ends with a status" },
		{ "role", r->role != NULL, KIND(STEP_MANUAL),
		    "only a step of the kind 'manual' gives a role" },
		{ "retries", r->retries > 0, KIND(STEP_ACTION) |
		    KIND(STEP_COMMAND) | KIND(STEP_CHECK),
		    "a manual step is not tried again by itself" },
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].given && a->kind >= 0 &&
		    (keys[i].kinds & KIND(a->kind)) == 0)
			say(a, keys[i].key, keys[i].text);
}

static void
lint_proof(const struct at *a)
{
	const struct raw_step *r = a->raw;

	if (r->proves.n > 0 || a->kind < 0 || a->kind == STEP_MANUAL)
		return;
	if (a->kind != STEP_COMMAND)
		say(a, "", "'proves' is missing: what shows that it worked?");
	else if (!r->exit_proves)
		say(a, "", "'proves' is missing: what shows that it worked? "
		    "(or exit_proves = true)");
}

static void
lint_action(const struct at *a)
{
	const char *known[ACTIONS_MAX];
	size_t n = 0;

	for (; n < action_count() && n < ACTIONS_MAX; n++)
		known[n] = action_at(n)->name;
	if (a->kind == STEP_COMMAND && a->raw->command.n == 0)
		say(a, "", "'command' is missing");
	if (a->kind != STEP_ACTION)
		return;
	if (a->raw->action == NULL)
		say(a, "", "'action' is missing");
	else if (action_find(a->raw->action) == NULL)
		conf_unknown(a->l->doc, a->raw->line, step_where(a->l,
		    a->index, "action"), "action", a->raw->action, known, n);
}

static void
lint_id(const struct at *a)
{
	const char *id = a->raw->id, *hole = each_hole(a->raw->each), *s = id;

	if (id == NULL || (a->raw->each != NULL && hole == NULL))
		return;
	while (*s != '\0') {
		size_t n = hole != NULL ? strlen(hole) : 0;

		if (n > 0 && strncmp(s, hole, n) == 0)
			s += n;
		else if (strchr("abcdefghijklmnopqrstuvwxyz0123456789", *s) ||
		    (*s == '-' && s > id))
			s++;
		else
			break;
	}
	if (*s == '{' && a->raw->each == NULL)
		return;		/* told with the other strings */
	if (*s != '\0' || *id == '\0' || strlen(id) > ID_MAX)
		conf_problem(a->l->doc, a->raw->line, step_where(a->l,
		    a->index, "id"), "'%s' is not an id: small letters, digits "
		    "and '-', at most %d%s%s", id, ID_MAX, hole ? ", and " : "",
		    hole ? hole : "");
	else if (hole != NULL && strstr(id, hole) == NULL)
		conf_problem(a->l->doc, a->raw->line, step_where(a->l,
		    a->index, "id"), "'%s' is repeated for each %s and must "
		    "hold %s", id, a->raw->each, hole);
}

static void
lint_same_id(const struct at *a)
{
	const struct raw_step *all = a->l->raw.steps.v;

	for (size_t i = 0; i < a->index && a->raw->id != NULL; i++)
		if (all[i].id != NULL && strcmp(all[i].id, a->raw->id) == 0) {
			conf_problem(a->l->doc, a->raw->line, step_where(a->l,
			    a->index, "id"), "the id '%s' is taken by the step "
			    "in line %d", a->raw->id, all[i].line);
			return;
		}
}

/* Braces that nothing will be put into. */
static void
lint_hole(const struct at *a, const char *key, const char *s)
{
	static const char *const holes[] = { "{db}", "{db.", "{disk}",
	    "{disk." };
	const char *own = each_hole(a->raw->each);

	if (a->raw->each != NULL && own == NULL)
		return;
	for (size_t i = 0; s != NULL && i < 4; i++) {
		const char *at = strstr(s, holes[i]);

		if (at == NULL || (own != NULL &&
		    strncmp(own, holes[i], strlen(own) - 1) == 0))
			continue;
		conf_problem(a->l->doc, a->raw->line, step_where(a->l,
		    a->index, key), "'%.*s}' stands for nothing here: the step "
		    "has no each = \"%s\"", (int)strcspn(at, "}"), at,
		    i < 2 ? "database" : "disk");
		return;
	}
}

static void
lint_holes(const struct at *a)
{
	const struct raw_step *r = a->raw;
	const struct {
		const char *key, *s;
	} texts[] = {
		{ "id", r->id }, { "title", r->title }, { "say", r->say },
		{ "why", r->why }, { "expect", r->expect },
		{ "stop", r->stop }, { "confirm", r->confirm },
	};
	const struct {
		const char *key;
		const struct conf_strs *s;
	} lists[] = {
		{ "do", &r->todo }, { "needs", &r->needs },
		{ "wants", &r->wants }, { "proves", &r->proves },
		{ "when", &r->when }, { "on_fail", &r->on_fail },
		{ "commands", &r->commands },
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		lint_hole(a, texts[i].key, texts[i].s);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (size_t k = 0; k < lists[i].s->n; k++)
			lint_hole(a, lists[i].key, lists[i].s->v[k]);
	for (size_t i = 0; i < r->args.n; i++)
		lint_hole(a, "args", r->args.v[i].value);
	for (size_t i = 0; i < r->command.n; i++)
		lint_hole(a, "command", r->command.v[i]);
}

static void
lint_words(const struct at *a)
{
	static const char *const eaches[] = { "database", "legacy", "disk" };
	const struct raw_step *r = a->raw;

	if (r->each != NULL && each_hole(r->each) == NULL)
		conf_unknown(a->l->doc, r->line, step_where(a->l, a->index,
		    "each"), "word", r->each, eaches, 3);
	if (r->title != NULL && *r->title == '\0')
		say(a, "title", "is empty");
	if (r->title != NULL && text_width(r->title) > TITLE_MAX)
		conf_problem(a->l->doc, r->line, step_where(a->l, a->index,
		    "title"), "is %zu characters long; at most %d fit",
		    text_width(r->title), TITLE_MAX);
	if (r->stop != NULL && *r->stop == '\0')
		say(a, "stop", "is empty: say whether one may stop here");
	if (r->confirm != NULL && *r->confirm == '\0')
		say(a, "confirm", "is empty: nothing would have to be typed");
	if (r->role != NULL && !text_is_name(r->role))
		say(a, "role", "is not a name of a role such as \"commander\"");
	if (r->when.n > 1)
		say(a, "when", "is one condition, not several");
	if (r->timeout_ms <= 0)
		say(a, "timeout", "must be more than nothing");
	if (r->output_limit <= 0)
		say(a, "output_limit", "must be more than nothing");
	if (r->at != NULL && a->l->site != NULL &&
	    strcmp(r->at, "here") != 0 && strchr(r->at, '{') == NULL &&
	    site_place(a->l->site, r->at) == NULL) {
		VEC(const char *) known = { 0 };

		VEC_PUSH(&known, "here");
		for (size_t i = 0; i < site_places(a->l->site); i++)
			VEC_PUSH(&known, site_place_at(a->l->site, i)->name);
		conf_unknown(a->l->doc, r->line, step_where(a->l, a->index,
		    "at"), "place", r->at, known.v, known.n);
		VEC_RELEASE(&known);
	}
}

void
lint_raw(struct loading *l)
{
	const struct raw_step *raw = l->raw.steps.v;

	for (size_t i = 0; i < l->raw.steps.n; i++) {
		struct at a = { l, &raw[i], i, kind_of(l, &raw[i], i) };

		lint_id(&a);
		lint_same_id(&a);
		lint_words(&a);
		lint_keys(&a);
		lint_action(&a);
		lint_proof(&a);
		lint_holes(&a);
	}
}

/* ---- steps as they were expanded ------------------------------------------- */

static void
lint_on_fail(struct loading *l, const struct rb_step *s,
    const struct origin *o, size_t i)
{
	static const char *const verbs[] = { "tell", "severity", "note",
	    "next" };
	const char *text = s->on_fail.v[i], *arg = text + strcspn(text, " ");
	char *verb = pool_strn(&l->doc->pool, text, (size_t)(arg - text));
	const char *where = pool_printf(&l->doc->pool, "%s[%zu]",
	    step_where(l, o->index, "on_fail"), i);
	int line = s->on_fail.line[i];
	const char *near = NULL;
	size_t n = 0;

	arg += strspn(arg, " ");
	if (!text_in(verb, verbs, 4)) {
		near = text_nearest(verb, verbs, 4);
		lint_once(l, line, where, near ? "unknown word '%s', did you "
		    "mean '%s'?" : "unknown word '%s', expected tell, "
		    "severity, note or next", verb, near);
	} else if (*arg == '\0')
		lint_once(l, line, where, "'%s' of what?", verb);
	else if (strcmp(verb, "tell") == 0 &&
	    !text_in(arg, site_triggers, SITE_TRIGGER_COUNT)) {
		near = text_nearest(arg, site_triggers, SITE_TRIGGER_COUNT);
		lint_once(l, line, where, near ? "unknown trigger '%s', did "
		    "you mean '%s'?" : "unknown trigger '%s'", arg, near);
	} else if (strcmp(verb, "severity") == 0 &&
	    !text_in(arg, rb_levels, count(rb_levels)))
		lint_once(l, line, where, "unknown severity '%s', expected "
		    "SEV-0 to SEV-3", arg);
	else if (strcmp(verb, "next") == 0) {
		while (n < l->rb->n && strcmp(l->ids[n], arg) != 0)
			n++;
		if (n < l->rb->n)
			return;
		near = text_nearest(arg, l->ids, l->rb->n);
		lint_once(l, line, where, near ? "unknown step '%s', did you "
		    "mean '%s'?" : "unknown step '%s'", arg, near);
	}
}

static void
lint_names(struct loading *l, const struct rb_step *s, const struct action *a,
    const struct origin *o)
{
	for (size_t i = 0; i < a->n && a->args[i].key != NULL; i++) {
		const char *v = conf_arg(&s->args, a->args[i].key);
		const char *where = step_where(l, o->index, "args");
		VEC(const char *) known = { 0 };
		const struct site *site = l->site;

		if (v == NULL || *v == '{' || site == NULL ||
		    (s->each_of != NULL && strcmp(s->each_of, v) == 0))
			continue;
		if (a->args[i].type == ACTION_DB && !site_db(site, v)) {
			for (size_t k = 0; k < site_dbs(site); k++)
				VEC_PUSH(&known, site_db_at(site, k)->name);
			conf_unknown(l->doc, s->line, where, "database", v,
			    known.v, known.n);
		}
		if (a->args[i].type == ACTION_STORE && !site_store(site, v)) {
			for (size_t k = 0; k < site_stores(site); k++)
				VEC_PUSH(&known, site_store_at(site, k)->name);
			conf_unknown(l->doc, s->line, where, "store", v,
			    known.v, known.n);
		}
		VEC_RELEASE(&known);
	}
}

static void
lint_args(struct loading *l, const struct rb_step *s, const struct origin *o)
{
	const struct action *a = s->kind == STEP_ACTION && s->action != NULL ?
	    action_find(s->action) : NULL;
	struct strings argv = { 0 };
	struct err e = ERR_INIT;

	if (a == NULL)
		return;
	if (!action_argv(a, &s->args, &argv, &e))
		lint_once(l, s->args.n ? s->args.v[0].line : s->line,
		    step_where(l, o->index, "args"), "%s", e.msg);
	else
		lint_names(l, s, a, o);
	strings_release(&argv);
}

void
lint_expanded(struct loading *l)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < l->rb->n; i++) {
		const struct rb_step *s = &l->rb->steps[i];
		const struct origin *o = &l->origin[i];

		lint_args(l, s, o);
		for (size_t k = 0; k < s->on_fail.n; k++)
			lint_on_fail(l, s, o, k);
		for (size_t k = 0; k < s->commands.n; k++) {
			err_clear(&e);
			if (!command_check(s->commands.v[k], &e))
				lint_once(l, s->commands.line[k],
				    pool_printf(&l->doc->pool, "%s[%zu]",
				    step_where(l, o->index, "commands"), k),
				    "%s", e.msg);
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->id, l->ids[k]) == 0 &&
			    o->raw->id != NULL && l->origin[k].raw->id != NULL &&
			    strcmp(o->raw->id, l->origin[k].raw->id) != 0)
				lint_once(l, s->line, step_where(l, o->index,
				    "id"), "the id '%s' is taken by the step in "
				    "line %d", s->id, l->rb->steps[k].line);
	}
}

/* ---- beside the steps ------------------------------------------------------- */

static void
lint_one_cond(struct loading *l, const struct conf_strs *s, int line,
    const char *where)
{
	if (s->n > 1)
		conf_problem(l->doc, s->line[1], where,
		    "is one condition, not several");
	else if (s->n == 0 && s->v != NULL)
		conf_problem(l->doc, line, where, "is empty");
}

static void
lint_severities(struct loading *l)
{
	const struct raw_severity *sev = l->raw.severities.v;

	for (size_t i = 0; i < l->raw.severities.n; i++) {
		const char *where = pool_printf(&l->doc->pool,
		    "runbook.severities[%zu]", i);

		if (!known_level(l, sev[i].line, pool_printf(&l->doc->pool,
		    "%s.level", where), sev[i].level))
			continue;
		for (size_t k = 0; k < i && sev[i].level != NULL; k++)
			if (sev[k].level != NULL &&
			    strcmp(sev[k].level, sev[i].level) == 0)
				conf_problem(l->doc, sev[i].line, where,
				    "%s stands in line %d already",
				    sev[i].level, sev[k].line);
		for (size_t k = 0; k < sev[i].tell.n; k++)
			known_trigger(l, sev[i].tell.line[k], pool_printf(
			    &l->doc->pool, "%s.tell[%zu]", where, k),
			    sev[i].tell.v[k]);
	}
}

void
lint_top(struct loading *l)
{
	const struct raw_risk *risk = l->raw.risks.v;
	const struct raw_escalation *esc = l->raw.escalation.v;
	const int line = l->raw.line;

	(void)known_level(l, line, "runbook.severity", l->raw.severity);
	if (l->raw.steps.n == 0 && l->raw.steps.v != NULL)
		conf_problem(l->doc, line, "runbook.steps", "is empty");
	if (l->raw.resolve.n == 0)
		conf_problem(l->doc, line, "runbook.resolve", "is empty: "
		    "without a condition it would be over at once");
	if (l->raw.close.n == 0)
		conf_problem(l->doc, line, "runbook.close", "is empty: without "
		    "a condition it would be settled at once");
	for (size_t i = 0; i < l->raw.risks.n; i++)
		lint_one_cond(l, &risk[i].unless, risk[i].line, pool_printf(
		    &l->doc->pool, "runbook.risks[%zu].unless", i));
	lint_severities(l);
	for (size_t i = 0; i < l->raw.escalation.n; i++) {
		const char *where = pool_printf(&l->doc->pool,
		    "runbook.escalation[%zu]", i);

		lint_one_cond(l, &esc[i].unless, esc[i].line, pool_printf(
		    &l->doc->pool, "%s.unless", where));
		if (esc[i].after_ms <= 0)
			conf_problem(l->doc, esc[i].line, pool_printf(
			    &l->doc->pool, "%s.after", where),
			    "must be more than nothing");
		if (esc[i].tell != NULL)
			known_trigger(l, esc[i].line, pool_printf(
			    &l->doc->pool, "%s.tell", where), esc[i].tell);
	}
}
