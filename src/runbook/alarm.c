/*
 * Which runbook an alarm leads to: alarms.cfg, found like the runbooks are.
 */
#include <stdlib.h>
#include <string.h>

#include "runbook/intern.h"
#include "probe/alarm.h"

enum { ALARM_MAX = 4000 };

bool
runbook_alarms_check(struct conf_doc *doc, const char *path)
{
	struct alarms a = { .doc = *doc };
	bool ok = alarms_load(&a, path);

	*doc = a.doc;
	a.doc = (struct conf_doc){ 0 };
	alarms_release(&a);
	return ok;
}

bool
runbook_for_alarm(const char *alarm, const struct site *site,
    char **ret_runbook, char **ret_severity, struct err *e)
{
	char *path = runbook_find("alarms", site, e), *text;
	struct alarms all = { 0 };
	const struct alarm *a = NULL;

	*ret_runbook = *ret_severity = NULL;
	if (path == NULL)
		return false;
	text = xstrndup(alarm, strnlen(alarm, ALARM_MAX));
	if (!alarms_load(&all, path))
		err_set(e, ERR_USAGE, "%s", all.doc.problems.v[0].text);
	else if ((a = alarms_named(&all, text)) == NULL &&
	    (a = alarms_match(&all, text)) == NULL)
		err_set(e, ERR_NOTFOUND, "no line of '%s' fits the alarm "
		    "'%.200s'", path, text);
	if (a != NULL) {
		*ret_runbook = xstrdup(a->runbook);
		*ret_severity = xstrdup(a->severity);
	}
	alarms_release(&all);
	free(text);
	free(path);
	return a != NULL;
}
