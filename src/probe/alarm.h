/*
 * alarm: what lines of logs and words of alarms mean, by the table alarms.cfg
 * (found as site/shipped.h says; a site may have its own).
 *
 *	struct alarms a = { 0 };
 *	if (alarms_load(&a, path) && (row = alarms_match(&a, line)) != NULL)
 *		use(row->runbook, row->severity);
 *	alarms_release(&a);
 *
 * Expressions are matched byte by byte, whatever the locale says and whatever
 * the bytes are.
 */
#ifndef PROBE_ALARM_H
#define PROBE_ALARM_H

#include "base/conf.h"
#include "site/site.h"

struct alarm {
	int line;
	char *alarm, *match, *runbook, *severity, *say;
	bool spoils;			/* a run with it has not succeeded */
	bool fails;			/* it is how a run says that it failed */
};

struct alarms_file {
	int line;
	struct conf_list list;		/* struct alarm */
	char *begins, *success;		/* lines that begin or end a run; NULL */
};

struct alarms {
	struct conf_doc doc;		/* problems, and memory of it */
	struct alarms_file file;
	struct alarms_compiled *compiled;
};

/* False when there is any problem; a->doc.problems has all of them. To be
 * released either way. */
bool alarms_load(struct alarms *a, const char *path);
/* The site's or the shipped one; false with e: there is none, or a bad one. */
bool alarms_open(struct alarms *a, const struct site *site, struct err *e);
void alarms_release(struct alarms *a);
/* By its name; NULL: no such row. */
const struct alarm *alarms_named(const struct alarms *a, const char *name);
/* The first row whose expression is found in the text; NULL: none. */
const struct alarm *alarms_match(const struct alarms *a, const char *text);
/* Whether the text says that a run begins, or ended well. */
bool alarms_begins(const struct alarms *a, const char *text);
bool alarms_success(const struct alarms *a, const char *text);

#endif
