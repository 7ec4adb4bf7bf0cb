#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "record/lock.h"
#include "verb/telling.h"
#include "verb/verbs.h"

struct opening {
	const char *title, *alarm, *severity, *runbook, *alerted_at, *channel;
	bool also;
	int64_t alerted;
	char *runbook_name, *alarm_severity;
	char *runbook_path;
	struct runbook rb;
	bool have_rb;
	struct pool pool;
};

static void
opening_release(struct opening *o)
{
	free(o->runbook_name);
	free(o->alarm_severity);
	free(o->runbook_path);
	if (o->rb.doc.path != NULL)
		runbook_release(&o->rb);
	pool_release(&o->pool);
}

/* By name, by alarm, by the site; an incident opens even when none loads. */
static void
pick_runbook(struct desk *d, struct opening *o)
{
	const struct site *site = d->have_site ? &d->site : NULL;
	struct rb_names names = { 0 };
	struct err e = ERR_INIT;

	if (o->runbook != NULL)
		o->runbook_name = xstrdup(o->runbook);
	else if (o->alarm == NULL || !runbook_for_alarm(o->alarm, site,
	    &o->runbook_name, &o->alarm_severity, &e)) {
		const char *name = site != NULL && site->runbook != NULL ?
		    site->runbook : "midnight-backup-failure";

		err_clear(&e);
		o->runbook_name = xstrdup(name);
	}
	o->runbook_path = runbook_find(o->runbook_name, site, &e);
	if (o->runbook_path == NULL) {
		cli_note("%s", e.msg);
		return;
	}
	if (site != NULL)
		runbook_names_of_site(site, &o->pool, &names);
	o->have_rb = runbook_load(&o->rb, o->runbook_path, &names, NULL);
	if (!o->have_rb)
		for (size_t i = 0; i < o->rb.doc.problems.n; i++)
			cli_note("%s", o->rb.doc.problems.v[i].text);
}

static void
put_names(struct buf *b, const char *key, const char *const *v, size_t n)
{
	json_key(b, key);
	json_open_list(b);
	for (size_t i = 0; i < n; i++) {
		json_comma(b);
		json_text(b, v[i]);
	}
	json_close_list(b);
}

static void
opened_data(struct desk *d, const struct opening *o, struct buf *b)
{
	const char *severity = o->severity != NULL ? o->severity :
	    o->alarm_severity != NULL ? o->alarm_severity :
	    o->have_rb ? o->rb.severity : "SEV-1";

	json_open(b);
	json_put_str(b, "severity", severity);
	json_put_str(b, "alarm", o->alarm);
	json_put_str(b, "channel", o->channel != NULL ? o->channel :
	    d->have_site ? d->site.channel : NULL);
	if (o->alerted != 0)
		json_put_int(b, "alerted_ms", o->alerted);
	json_put_str(b, "zone", clock_zone());
	json_put_str(b, "site", d->have_site ? d->site.name : NULL);
	json_put_str(b, "environment", d->have_site ? d->site.environment :
	    NULL);
	json_put_str(b, "site_sha256", d->have_site ? d->site.sha : NULL);
	json_put_str(b, "runbook", o->have_rb ? o->runbook_name : NULL);
	json_put_str(b, "runbook_sha256", o->have_rb ? o->rb.sha : NULL);
	json_put_str(b, "version", MIDWATCH_VERSION);
	json_close(b);
}

static void
runbook_data(struct desk *d, struct opening *o, struct buf *b)
{
	struct rb_names names = { 0 };

	if (d->have_site)
		runbook_names_of_site(&d->site, &o->pool, &names);
	json_open(b);
	json_put_str(b, "runbook", o->runbook_name);
	json_put_str(b, "sha256", o->rb.sha);
	json_put_str(b, "from", o->runbook_path);
	put_names(b, "databases", names.databases, names.n_databases);
	put_names(b, "legacy", names.legacy, names.n_legacy);
	put_names(b, "disks", names.disks, names.n_disks);
	json_close(b);
}

/* The copy that will run, into the file that was made beforehand. */
static bool
copy_runbook(const char *dir, const struct opening *o, struct err *e)
{
	char *path = file_join(dir, "runbook.cfg");
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0 && io_write_all(fd, o->rb.doc.bytes.p,
	    o->rb.doc.bytes.n) && fdatasync(fd) == 0;

	if (!ok)
		err_sys(e, "cannot copy the runbook to '%s'", path);
	io_close(&fd);
	free(path);
	return ok;
}

static void
choose_second(struct desk *d)
{
	const char *dirs[1] = { d->have_site ? d->site.second : NULL };
	struct err e = ERR_INIT;

	if (!journal_choose_second(&d->inc.j, dirs, dirs[0] != NULL ? 1 : 0,
	    "journal.jsonl", &e))
		cli_note("%s; there is only the first one", e.msg);
}

static int
say_opened(struct desk *d, struct cli *c, bool reserved, bool added)
{
	struct buf b = BUF_INIT, point = BUF_INIT;

	incident_checkpoint(&d->inc, &point);
	if (c->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_str(&b, "incident", d->inc.id);
		json_put_bool(&b, "added", added);
		json_put_str(&b, "severity", d->inc.severity);
		json_put_str(&b, "runbook", d->inc.runbook);
		json_put_str(&b, "dir", d->inc.dir);
		json_put_str(&b, "checkpoint", point.p);
		cli_object(&b);
	} else if (added)
		cli_out("%s is open already; this was added to it as evidence",
		    d->inc.id);
	else {
		cli_out("%s opened, %s: %s", d->inc.id, d->inc.severity,
		    d->inc.title);
		if (d->inc.runbook != NULL)
			cli_out("runbook: %s (%zu steps); next: midwatch "
			    "incident show", d->inc.runbook, d->rb.n);
		else
			cli_out("no runbook: 'midwatch runbook NAME --take' "
			    "gives it one");
	}
	if (!added && !reserved)
		cli_note("no space was reserved beforehand; 'midwatch doctor' "
		    "says why");
	buf_release(&b);
	buf_release(&point);
	return EXIT_DONE;
}

static bool
begin(struct desk *d, struct opening *o, bool *reserved, struct err *e)
{
	struct buf data = BUF_INIT, rb = BUF_INIT;
	char id[STATE_ID_MAX], *dir = NULL;
	bool ok = false;

	pick_runbook(d, o);
	state_spare_recover(&d->state);
	if (!state_incident_new(&d->state, "INC", clock_wall_ms(), id,
	    reserved, e))
		goto out;
	dir = state_path(&d->state, "incidents/%s", id);
	opened_data(d, o, &data);
	struct draft first = { .kind = EVENT_INCIDENT_OPENED, .data = data.p,
	    .text = o->title != NULL ? o->title : o->alarm != NULL ? o->alarm :
	    o->have_rb ? o->rb.title : "an incident" };
	if (!incident_load(&d->inc, dir, e) ||
	    !journal_append(&d->inc.j, &first, 1, NULL, NULL, NULL, e))
		goto out;
	d->have_inc = true;
	choose_second(d);
	if (o->have_rb) {
		struct err ce = ERR_INIT;

		runbook_data(d, o, &rb);
		if (!copy_runbook(dir, o, &ce))
			cli_note("%s", ce.msg);
		else if (!incident_say(&d->inc, EVENT_RUNBOOK, NULL,
		    o->rb.title, rb.p, e))
			goto out;
	}
	desk_log_checkpoint(d, "incident opened");
	ok = true;
out:
	free(dir);
	buf_release(&data);
	buf_release(&rb);
	return ok;
}

static bool
add_to_open(struct desk *d, const struct opening *o, struct err *e)
{
	struct buf data = BUF_INIT;
	bool ok;

	json_open(&data);
	json_put_str(&data, "alarm", o->alarm);
	json_put_str(&data, "severity", o->severity);
	json_close(&data);
	ok = incident_say(&d->inc, EVENT_ALERT, NULL, o->title != NULL ?
	    o->title : o->alarm != NULL ? o->alarm : "a further failure",
	    data.p, e);
	buf_release(&data);
	return ok;
}

static bool
valid(struct opening *o, struct err *e)
{
	static const char *const levels[] = { "SEV-0", "SEV-1", "SEV-2",
	    "SEV-3" };

	if (o->severity != NULL && !text_in(o->severity, levels, 4)) {
		err_set(e, ERR_USAGE, "'%s' is not a severity", o->severity);
		return err_hint(e, "SEV-0, SEV-1, SEV-2 or SEV-3.");
	}
	return o->alerted_at == NULL || clock_parse(o->alerted_at,
	    clock_wall_ms(), &o->alerted, e) || err_wrap(e, "--alerted-at");
}

int
incident_open(struct cli *c, int argc, char **argv)
{
	struct opening o = { 0 };
	const struct opt opts[] = {
		{ "--title", NULL, &o.title, NULL },
		{ "--alarm", NULL, &o.alarm, NULL },
		{ "--severity", NULL, &o.severity, NULL },
		{ "--runbook", NULL, &o.runbook, NULL },
		{ "--alerted-at", NULL, &o.alerted_at, NULL },
		{ "--channel", NULL, &o.channel, NULL },
		{ "--also", &o.also, NULL, NULL },
	};
	struct lock lock = { .fd = -1 };
	struct desk d;
	struct err e = ERR_INIT;
	char open_id[STATE_ID_MAX] = "";
	bool reserved = true, ok = false, added = false;
	int lock_fd = -1, status;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts))
		return EXIT_USAGE;
	if (!cli_words(c, 0, 0, "midwatch incident open [--title T]"))
		return EXIT_USAGE;
	if (!desk_open(&d, c, &e) || !valid(&o, &e))
		goto out;
	lock_fd = state_lock_file(&d.state, "incident", &e);
	if (lock_fd < 0 || !lock_take(&lock, lock_fd, "opening an incident",
	    30000, cli_waiting, &e))
		goto out;
	if (!incident_current(&d.state, false, open_id, &e))
		goto out;
	added = open_id[0] != '\0' && !o.also;
	if (added)
		ok = desk_incident(&d, open_id, &e) && add_to_open(&d, &o, &e);
	else
		ok = begin(&d, &o, &reserved, &e);
	if (ok && d.inc.runbook != NULL)
		(void)desk_runbook(&d, &e);
out:
	lock_drop(&lock);
	io_close(&lock_fd);
	status = ok ? say_opened(&d, c, reserved, added) : cli_fail(c, &e);
	(void)fflush(stdout);
	if (ok && !added && d.inc.severity != NULL &&
	    strcmp(d.inc.severity, "SEV-0") == 0)
		telling_severity(&d, d.inc.severity, d.inc.title);
	opening_release(&o);
	desk_close(&d);
	return status;
}
