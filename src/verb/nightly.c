/*
 * `midwatch nightly`: everything that the site names, into one set, proven; and
 * loudly what is not. With --dry-run all of it up to the first byte.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/lock.h"
#include "base/clock.h"
#include "base/text.h"
#include "verb/saving.h"
#include "verb/verbs.h"

/* No database can have this name. */
static const char lock_name[] = "-nightly";

enum { OPEN_MS = 60000 };

struct night {
	struct saving s;
	struct run_ask ask;
	struct run_done done;
	VEC(const char *) names;
	bool ok, want_json;
	struct buf failed;		/* names of what is not saved */
};

/* ---- the verdict -------------------------------------------------------------------- */

static void
say_parts(struct night *n)
{
	for (size_t i = 0; i < n->done.parts.n; i++) {
		const struct run_part *p = &n->done.parts.v[i];
		char size[16], took[32];

		text_fmt_size(size, p->size);
		text_fmt_duration(took, p->took_ms > 0 ? p->took_ms : 0);
		if (p->ok)
			saving_say(&n->s, "  %-20s verified, %s in %s%s",
			    p->name, size, took, p->warnings.n > 0 ?
			    " (with a warning)" : "");
		else {
			saving_say(&n->s, "  %-20s %s: %s", p->name, p->saved ?
			    "NOT EVERYWHERE" : "NOT SAVED", p->why != NULL ?
			    p->why : "?");
			buf_printf(&n->failed, "%s%s", n->failed.n > 0 ?
			    ", " : "", p->name);
		}
	}
}

static void
say_stores(struct night *n)
{
	for (size_t i = 0; i < n->done.stores.n; i++) {
		const struct run_store *r = &n->done.stores.v[i];
		struct buf path = BUF_INIT;

		if (r->path != NULL) {
			saving_path(&n->s, r->name, r->path, NULL, &path);
			saving_say(&n->s, "[%s] Backup saved: %s (%s)",
			    r->whole ? "OK" : "WARNING", path.p, r->whole ?
			    "verified" : "incomplete");
			saving_log(&n->s, "backup", path.p);
		} else
			saving_say(&n->s, "[ERROR] %s has no copy of tonight%s"
			    "%s", r->name, r->why != NULL ? ": " : "",
			    r->why != NULL ? r->why : "");
		buf_release(&path);
	}
}

/* For a mail: what is safe, what is not, and what to type. */
static void
say_verdict(struct night *n)
{
	size_t good = 0, of = n->done.parts.n;
	char *line;

	for (size_t i = 0; i < of; i++)
		good += n->done.parts.v[i].ok;
	saving_say(&n->s, "nightly of %s: %zu of %zu verified%s",
	    n->s.desk.site.name, good, of, n->done.degraded ?
	    ", with warnings" : "");
	say_parts(n);
	say_stores(n);
	if (n->ok)
		line = xprintf("[OK] nightly: all %zu are verified%s", of,
		    n->done.degraded ? ", with warnings" : "");
	else if (n->done.cancelled)
		line = xprintf("[FAIL] nightly: cancelled; %zu of %zu are "
		    "verified", good, of);
	else
		line = xprintf("[FAIL] nightly: %s%s; type: midwatch backup "
		    "--all-unsafe", n->failed.n > 0 ? "not safe: " :
		    "a store does not have it", n->failed.n > 0 ?
		    n->failed.p : "");
	saving_say(&n->s, "%s", line);
	saving_log(&n->s, "backup", line);
	free(line);
}

static void
say_dry(struct night *n)
{
	const struct preflight *f = &n->done.pre;
	size_t bad = 0, warn = 0;

	for (size_t i = 0; i < f->v.n; i++) {
		bad += f->v.v[i].level == PRE_FAIL;
		warn += f->v.v[i].level == PRE_WARN;
	}
	if (n->ok)
		saving_say(&n->s, "[OK] nightly --dry-run: nothing is in the "
		    "way%s", warn > 0 ? "; there are warnings" : "");
	else
		saving_say(&n->s, "[FAIL] nightly --dry-run: it would fail "
		    "(%zu reason%s)", bad, bad == 1 ? "" : "s");
}

/* ---- failure ------------------------------------------------------------------------- */

/* Opens an incident, or adds this to the open one: by the same verb that a person
 * would use. */
static void
open_incident(struct night *n)
{
	char exe[4096], *title;
	ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
	struct job_result r;
	struct err e = ERR_INIT;

	if (len <= 0 || n->s.job == NULL)
		return;
	exe[len] = '\0';
	title = xprintf("the nightly failed: %.200s", n->failed.n > 0 ?
	    n->failed.p : "a store does not have it");
	const char *argv[] = { exe, "incident", "open", "--title", title,
		"--state", n->s.desk.state.dir, "--config",
		desk_config(&n->s.desk), NULL };
	struct job_command c = { .argv = argv, .timeout_ms = OPEN_MS };
	if (!job_command(n->s.job, &c, &r, &e))
		saving_say(&n->s, "[WARNING] no incident could be opened: %s",
		    e.msg);
	else if (r.status != 0)
		saving_say(&n->s, "[WARNING] no incident could be opened; "
		    "'midwatch incident open' does it");
	free(title);
}

/* What failed and what did not, into the record of the incident. */
static void
give_evidence(struct night *n)
{
	char id[STATE_ID_MAX] = "";
	struct err e = ERR_INIT;

	if (!n->s.desk.have_inc && incident_current(&n->s.desk.state, false,
	    id, &e) && id[0] != '\0')
		(void)desk_incident(&n->s.desk, id, &e);
	if (!n->s.desk.have_inc)
		return;
	for (size_t i = 0; i < n->done.parts.n; i++) {
		const struct run_part *p = &n->done.parts.v[i];
		char *text = xprintf("nightly: %s %s%s%s", p->name, p->ok ?
		    "is verified" : p->saved ? "is not on every store" :
		    "is not saved", p->why != NULL ? ": " : "", p->why != NULL ?
		    p->why : "");
		struct buf data = BUF_INIT;

		json_open(&data);
		json_put_str(&data, "source", "nightly");
		json_put_str(&data, "component", p->name);
		json_put_bool(&data, "verified", p->ok);
		json_put_str(&data, "next", p->next);
		json_close(&data);
		(void)saving_journal(&n->s, EVENT_EVIDENCE, text, data.p, &e);
		buf_release(&data);
		free(text);
	}
}

/* ---- the job ------------------------------------------------------------------------- */

static void
everything(struct night *n)
{
	const struct site *site = &n->s.desk.site;

	for (size_t i = 0; i < site_dbs(site); i++)
		VEC_PUSH(&n->names, site_db_at(site, i)->name);
	for (size_t i = 0; i < site_components(site); i++)
		VEC_PUSH(&n->names, site_component_at(site, i)->name);
	n->ask = (struct run_ask){ .site = site, .state = &n->s.desk.state,
		.class = SET_NIGHTLY, .names = n->names.v, .n = n->names.n,
		.dry = n->s.dry };
}

static void
put_result(struct night *n, int status)
{
	struct buf b = BUF_INIT;

	if (!n->want_json)
		return;
	json_open(&b);
	saving_put(&n->s, &n->done, n->ok, &b);
	json_put_str(&b, "class", n->s.class);
	json_put_int(&b, "job", n->s.job->n);
	json_put_int(&b, "exit", status);
	json_close(&b);
	saving_say(&n->s, "%s", b.p);
	buf_release(&b);
}

static int
work(struct night *n, struct err *e)
{
	struct err quiet = ERR_INIT;
	const char *text = n->s.dry ? "nightly, dry run" : "nightly";
	int status;

	saving_begins(&n->s, text, "everything");
	everything(n);
	if (!state_spare_there(&n->s.desk.state))
		(void)state_spare_make(&n->s.desk.state, &quiet);
	n->ok = backup_run(&n->ask, &n->s.care, &n->done, e);
	if (e->kind != ERR_NONE)
		saving_say(&n->s, "[FAIL] nightly: %s", e->msg);
	else if (n->s.dry)
		say_dry(n);
	else
		say_verdict(n);
	status = n->ok ? EXIT_DONE : n->done.cancelled ? 143 : EXIT_FAILED;
	/* the end of the run is where its beginning is */
	saving_ends(&n->s, text, status);
	if (status == EXIT_FAILED && !n->s.dry) {
		open_incident(n);
		give_evidence(n);
	}
	put_result(n, status);
	err_clear(e);			/* it was said */
	return status;
}

/* True: it is ours; else somebody else runs it, or e says what is wrong. */
static bool
take_lock(struct night *n, struct backup_lock *l, struct err *e)
{
	struct err why = ERR_INIT;
	struct buf who = BUF_INIT;

	if (backup_lock_take(l, &n->s.desk.state, lock_name, "nightly", &why))
		return true;
	if (why.kind != ERR_BUSY) {
		/* a full disk refuses the file: the data is saved all the same */
		return true;
	}
	if (!backup_lock_held(&n->s.desk.state, lock_name, &who))
		buf_str(&who, "somebody");
	err_set(e, ERR_BUSY, "the nightly runs already: %s", who.p);
	err_hint(e, "'midwatch jobs' shows how far it is.");
	buf_release(&who);
	return false;
}

int
nightly_job(struct job *job, struct err *e)
{
	struct night n = { .failed = BUF_INIT };
	struct backup_lock lock = BACKUP_LOCK_INIT;
	const json_t *args = json_object_get(job->spec, "args");
	int status = EXIT_USAGE;

	if (saving_open(&n.s, job, e)) {
		n.s.dry = json_get_bool(args, "dry");
		n.s.what = n.s.class = n.s.dry ? "nightly-dry-run" : "nightly";
		n.want_json = json_get_bool(args, "json");
		status = n.s.dry || take_lock(&n, &lock, e) ? work(&n, e) :
		    EXIT_REFUSED;
	}
	backup_lock_drop(&lock);
	run_done_release(&n.done);
	buf_release(&n.failed);
	VEC_RELEASE(&n.names);
	saving_close(&n.s);
	return status;
}

/* ---- the verb ------------------------------------------------------------------------ */

int
verb_nightly(struct cli *c, int argc, char **argv)
{
	bool dry = false, started = true;
	const struct opt opts[] = { { "--dry-run", &dry, NULL, NULL } };
	struct buf args = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 0, 0, "midwatch nightly [--dry-run]"))
		return EXIT_USAGE;
	if (!desk_open(&d, c, &e)) {
		status = cli_fail(c, &e);
		goto out;
	}
	if (!d.have_site) {
		err_set(&e, ERR_USAGE, "there is no site file to say what is "
		    "to be saved, and where to");
		status = cli_fail(c, &e);
		goto out;
	}
	json_open(&args);
	json_put_bool(&args, "dry", dry);
	json_put_bool(&args, "json", c->json);
	json_close(&args);
	struct job_spec spec = { .title = dry ? "nightly, dry run" : "nightly",
		.config = desk_config(&d), .kind = "nightly",
		.args = args.p };
	status = saving_follow(c, &d, &spec, &started, &e);
	if (!started)
		status = cli_fail(c, &e);
out:
	buf_release(&args);
	desk_close(&d);
	return status;
}
