/*
 * Checks of what the site file says: the file itself, its runbook and alarms, the
 * commands in it.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/action.h"
#include "base/text.h"
#include "doctor/intern.h"
#include "runbook/runbook.h"

enum { SHOWN = 10 };

/* ---- the file ------------------------------------------------------------- */

static void
file_mode(struct doctor *d)
{
	const char *path = d->site_path;
	char *slash, *dir = xstrdup(path);
	struct stat st, up;

	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir] = '\0';
	if (stat(path, &st) != 0 || stat(slash ? dir : ".", &up) != 0) {
		doctor_found(d, DOCTOR_ERROR, "site file", "cannot look at "
		    "'%s': %s", path, strerror(errno));
		doctor_todo(d, "See that the path can be reached.");
	} else if ((st.st_mode & S_IWOTH) != 0) {
		doctor_found(d, DOCTOR_ERROR, "site file", "everybody on this "
		    "host can write to '%s', and its commands are run", path);
		doctor_todo(d, "'chmod o-w %s'.", path);
	} else if ((up.st_mode & S_IWOTH) != 0 &&
	    (up.st_mode & S_ISVTX) == 0) {
		doctor_found(d, DOCTOR_ERROR, "site file", "everybody on this "
		    "host can replace '%s': its folder is open to all", path);
		doctor_todo(d, "'chmod o-w %s'.", slash ? dir : ".");
	} else if (st.st_uid != geteuid() && st.st_uid != 0) {
		const struct passwd *pw = getpwuid(st.st_uid);

		doctor_found(d, DOCTOR_WARNING, "site file", "'%s' belongs to "
		    "%s, whose word is run as you", path, pw ? pw->pw_name :
		    "nobody that is known");
		doctor_todo(d, "Let root own it, if it is for everybody.");
	} else
		doctor_found(d, DOCTOR_OK, "site file", "'%s': %s, %s", path,
		    d->site.name, d->site.environment);
	free(dir);
}

void
check_site(struct doctor *d)
{
	const struct conf_doc *doc = &d->site.doc;

	if (d->site_path == NULL) {
		doctor_failed(d, d->usage ? DOCTOR_ERROR : DOCTOR_WARNING,
		    "site file", &d->site_err, "Without it only the record "
		    "works: write midwatch.cfg.");
		return;
	}
	for (size_t i = 0; i < doc->problems.n && i < SHOWN; i++) {
		doctor_found(d, DOCTOR_ERROR, "site file", "%s",
		    doc->problems.v[i].text);
		doctor_todo(d, "Mend this line.");
	}
	if (doc->problems.n > SHOWN) {
		doctor_found(d, DOCTOR_ERROR, "site file", "… and %zu more",
		    doc->problems.n - SHOWN);
		doctor_todo(d, "'midwatch lint %s' shows all of them.",
		    d->site_path);
	}
	if (d->have_site)
		file_mode(d);
}

/* ---- the runbook and the alarms ------------------------------------------- */

static void
tell_problems(struct doctor *d, const char *check, const struct conf_doc *doc,
    const char *path)
{
	for (size_t i = 0; i < doc->problems.n && i < SHOWN; i++) {
		doctor_found(d, DOCTOR_ERROR, check, "%s",
		    doc->problems.v[i].text);
		doctor_todo(d, "Mend this line; 'midwatch lint %s' shows all.",
		    path);
	}
}

bool
doctor_runbook(struct doctor *d, struct runbook *rb, char **ret_path)
{
	const struct site *s = doctor_site(d);
	struct err e = ERR_INIT;
	struct rb_names names;
	struct pool pool = { 0 };
	bool ok = false;

	*ret_path = NULL;
	if (s == NULL)
		return false;
	if (s->runbook == NULL) {
		doctor_found(d, DOCTOR_WARNING, "runbook", "the site file "
		    "names none");
		doctor_todo(d, "Add runbook = \"midnight-backup-failure\" to "
		    "the group site; an incident then opens with its steps.");
		return false;
	}
	*ret_path = runbook_find(s->runbook, s, &e);
	if (*ret_path == NULL) {
		doctor_failed(d, DOCTOR_ERROR, "runbook", &e, "See 'runbook' "
		    "in the site file.");
		return false;
	}
	runbook_names_of_site(s, &pool, &names);
	ok = runbook_load(rb, *ret_path, &names, s);
	if (!ok)
		tell_problems(d, "runbook", &rb->doc, *ret_path);
	pool_release(&pool);
	return ok;
}

void
check_runbook(struct doctor *d)
{
	struct runbook rb = { 0 };
	size_t missing = 0;
	char *path;

	if (doctor_runbook(d, &rb, &path)) {
		for (size_t i = 0; i < rb.n; i++)
			missing += rb.steps[i].kind == STEP_ACTION &&
			    !action_built(rb.steps[i].action);
		doctor_found(d, missing > 0 ? DOCTOR_WARNING : DOCTOR_OK,
		    "runbook", "%s has %zu steps and lints clean ('%s')%s",
		    rb.name, rb.n, path, missing > 0 ? ", but this version "
		    "does not have the buttons for all of them" : "");
		if (missing > 0)
			doctor_todo(d, "%zu steps have to be done by hand; "
			    "'midwatch runbook %s --commands' prints their "
			    "shell commands, 'midwatch doctor --tonight' "
			    "names them.", missing, rb.name);
	}
	runbook_release(&rb);
	free(path);
}

void
check_alarms(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	struct conf_doc doc = { 0 };
	struct err e = ERR_INIT;
	char *path;

	if (s == NULL)
		return;
	path = runbook_find("alarms", s, &e);
	if (path == NULL) {
		doctor_found(d, DOCTOR_WARNING, "alarms", "%s", e.msg);
		doctor_todo(d, "Without alarms.cfg 'incident open --alarm' "
		    "cannot choose a runbook.");
	} else if (!runbook_alarms_check(&doc, path))
		tell_problems(d, "alarms", &doc, path);
	else
		doctor_found(d, DOCTOR_OK, "alarms", "'%s' can be read", path);
	conf_release(&doc);
	free(path);
}

/* ---- commands that the site's owner wrote ---------------------------------- */

struct tally {
	struct doctor *d;
	const struct site *site;
	size_t good;
};

static void
try_command(struct tally *t, const struct conf_cmd *c, const char *at,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void
try_command(struct tally *t, const struct conf_cmd *c, const char *at,
    const char *fmt, ...)
{
	struct buf what = BUF_INIT, why = BUF_INIT;
	va_list ap;

	if (c->n == 0 || at != NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&what, fmt, ap);
	va_end(ap);
	if (command_stands(c, t->site->doc.dir, &why))
		t->good++;
	else {
		doctor_found(t->d, DOCTOR_ERROR, "commands", "%s: %s", what.p,
		    why.p);
		doctor_todo(t->d, "See line %d of '%s'; commands run in '%s'.",
		    c->line, t->site->path, t->site->doc.dir);
	}
	buf_release(&what);
	buf_release(&why);
}

void
check_hooks(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	struct tally t = { d, s, 0 };
	size_t before = d->findings.n;

	if (s == NULL)
		return;
	try_command(&t, &s->freeze.on, NULL, "freeze.on");
	try_command(&t, &s->freeze.off, NULL, "freeze.off");
	try_command(&t, &s->freeze.check, NULL, "freeze.check");
	for (size_t i = 0; i < site_contacts(s); i++) {
		const struct site_contact *c = site_contact_at(s, i);

		try_command(&t, &c->tell, NULL, "how %s is told", c->who);
		try_command(&t, &c->second, NULL, "the second way to tell %s",
		    c->who);
	}
	for (size_t i = 0; i < s->precheck.commands.n; i++) {
		char *v[2] = { s->precheck.commands.v[i], NULL };
		struct conf_cmd c = { true, v, 1, s->precheck.commands.line ?
		    s->precheck.commands.line[i] : s->precheck.line };

		try_command(&t, &c, NULL, "precheck %zu", i + 1);
	}
	for (size_t i = 0; i < site_components(s); i++) {
		const struct site_component *c = site_component_at(s, i);

		try_command(&t, &c->command, c->at, "component %s", c->name);
	}
	for (size_t i = 0; i < site_services(s); i++) {
		const struct site_service *v = site_service_at(s, i);

		try_command(&t, &v->check, v->at, "service %s", v->name);
	}
	if (d->findings.n == before && t.good > 0)
		doctor_found(d, DOCTOR_OK, "commands", "%zu of the site file "
		    "could be started; none was run", t.good);
}
