/*
 * Which runbook an alarm leads to: alarms.cfg, found like the runbooks are.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runbook/intern.h"

enum { ALARM_MAX = 4000 };

struct alarm {
	int line;
	char *alarm, *match, *runbook, *severity, *say;
};

struct alarms {
	int line;
	struct conf_list list;
};

#define AT(type, member) offsetof(struct type, member)

static const struct conf_row alarm_rows[] = {
	{ .key = "alarm", .type = CONF_NAME, .off = AT(alarm, alarm),
	    .required = true, .help = "its name" },
	{ .key = "match", .type = CONF_STR, .off = AT(alarm, match),
	    .help = "a POSIX extended expression for an alarm's text" },
	{ .key = "runbook", .type = CONF_NAME, .off = AT(alarm, runbook),
	    .required = true, .help = "the runbook that it leads to" },
	{ .key = "severity", .type = CONF_STR, .off = AT(alarm, severity),
	    .required = true, .help = "SEV-0 to SEV-3" },
	{ .key = "say", .type = CONF_STR, .off = AT(alarm, say),
	    .help = "what it means" },
};
static const struct conf_schema alarm_schema = { alarm_rows,
    sizeof alarm_rows / sizeof *alarm_rows, sizeof(struct alarm) };

static const struct conf_row alarms_rows[] = {
	{ .key = "alarms", .type = CONF_GROUPS, .off = AT(alarms, list),
	    .required = true, .sub = &alarm_schema,
	    .help = "the first one that fits counts" },
};
static const struct conf_schema alarms_schema = { alarms_rows, 1,
    sizeof(struct alarms) };

static void
check_alarm(struct conf_doc *doc, const struct alarm *a, size_t i)
{
	const char *where = pool_printf(&doc->pool, "alarms[%zu]", i);
	char text[128];
	regex_t re;
	int bad;

	if (a->severity != NULL && !text_in(a->severity, rb_levels, 4))
		conf_unknown(doc, a->line, where, "severity", a->severity,
		    rb_levels, 4);
	if (a->match == NULL)
		return;
	bad = regcomp(&re, a->match, REG_EXTENDED | REG_NOSUB);
	if (bad != 0) {
		(void)regerror(bad, &re, text, sizeof text);
		conf_problem(doc, a->line, where, "'%s' is no regular "
		    "expression: %s", a->match, text);
	} else
		regfree(&re);
}

static bool
fits(const struct alarm *a, const char *text)
{
	regex_t re;
	bool yes;

	if (a->match == NULL || regcomp(&re, a->match, REG_EXTENDED |
	    REG_NOSUB) != 0)
		return false;
	yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

/* By its name, else the first whose expression fits. */
static const struct alarm *
alarm_of(const struct alarms *all, const char *text)
{
	const struct alarm *a = all->list.v;

	for (size_t i = 0; i < all->list.n; i++)
		if (strcmp(a[i].alarm, text) == 0)
			return &a[i];
	for (size_t i = 0; i < all->list.n; i++)
		if (fits(&a[i], text))
			return &a[i];
	return NULL;
}

static bool
load(struct conf_doc *doc, const char *path, struct alarms *all)
{
	const struct alarm *a;

	if (!conf_load(doc, path, &alarms_schema, all))
		return false;
	a = all->list.v;
	for (size_t i = 0; i < all->list.n; i++) {
		check_alarm(doc, &a[i], i);
		for (size_t k = 0; k < i; k++)
			if (a[i].alarm != NULL && a[k].alarm != NULL &&
			    strcmp(a[i].alarm, a[k].alarm) == 0)
				conf_problem(doc, a[i].line, pool_printf(
				    &doc->pool, "alarms[%zu].alarm", i),
				    "'%s' stands in line %d already",
				    a[i].alarm, a[k].line);
	}
	return doc->problems.n == 0;
}

bool
runbook_alarms_check(struct conf_doc *doc, const char *path)
{
	struct alarms all = { 0 };

	return load(doc, path, &all);
}

bool
runbook_for_alarm(const char *alarm, const struct site *site,
    char **ret_runbook, char **ret_severity, struct err *e)
{
	char *path = runbook_find("alarms", site, e), *text;
	struct conf_doc doc = { 0 };
	struct alarms all = { 0 };
	const struct alarm *a = NULL;

	*ret_runbook = *ret_severity = NULL;
	if (path == NULL)
		return false;
	text = xstrndup(alarm, strnlen(alarm, ALARM_MAX));
	if (!load(&doc, path, &all))
		err_set(e, ERR_USAGE, "%s", doc.problems.v[0].text);
	else if ((a = alarm_of(&all, text)) == NULL)
		err_set(e, ERR_NOTFOUND, "no line of '%s' fits the alarm "
		    "'%.200s'", path, text);
	if (a != NULL) {
		*ret_runbook = xstrdup(a->runbook);
		*ret_severity = xstrdup(a->severity);
	}
	conf_release(&doc);
	free(text);
	free(path);
	return a != NULL;
}
