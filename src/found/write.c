#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "found/draft.h"

static void
head(struct draft *d)
{
	char now[40];

	clock_fmt_site(now, clock_wall_ms());
	draft_comment(d, "", "The site file of midwatch, written by 'midwatch "
	    "init' on %s at %s.", d->f->host_name, now);
	draft_comment(d, "", "What was found on this host stands; what begins "
	    "with # is an example, a default, or could not stand. Entries of a "
	    "list are separated by commas, with none after the last. 'midwatch "
	    "lint FILE' finds every mistake, 'midwatch doctor' looks whether "
	    "the host is ready.");
}

static void
own(struct draft *d)
{
	const struct found_wish *w = d->w;
	struct buf name = BUF_INIT, zone = BUF_INIT, environment = BUF_INIT;

	found_quote(&name, w->name);
	found_quote(&zone, d->f->zone);
	found_quote(&environment, w->environment);
	draft_line(d, "%s", "");
	draft_line(d, "site = {");
	draft_line(d, "  name = %s;", name.p);
	draft_line(d, "  timezone = %s;  # what its people read and the hours "
	    "below are in", zone.p);
	draft_line(d, "  environment = %s;  # one word", environment.p);
	draft_line(d, "  runbook = \"midnight-backup-failure\";  # 'midwatch "
	    "runbook' shows it");
	draft_comment(d, "  ", "One folder for everybody who works on this site, "
	    "and the group that may write to it; without it each has a record "
	    "of their own, which others do not see.");
	draft_line(d, "  %sstate = \"%s\";", w->state != NULL ? "" : "# ",
	    w->state != NULL ? w->state : "/var/lib/midwatch");
	draft_line(d, "  # group = \"oncall\";");
	draft_comment(d, "  ", "Where the record goes on when that disk fails; "
	    "on another one.");
	draft_line(d, "  # second = \"/srv/midwatch-second\";");
	draft_line(d, "  # channel = \"#incidents\"; regulated = ( \"PCI\" );");
	draft_line(d, "};");
	buf_release(&name);
	buf_release(&zone);
	buf_release(&environment);
}

static const char *const components[] = {
	"",
	"# Components: what a set holds besides databases.",
	"# components = (",
	"#   { name = \"app-files\"; files = ( \"/srv/app/uploads\" ); "
	    "min_size = \"1MB\"; },",
	"#   { name = \"system-state\"; command = \"pg_lsclusters; dpkg -l\"; }",
	"# );",
	NULL
};

static const char *const retention[] = {
	"",
	"# How many sets stay; a verified copy of a database never goes before "
	    "a newer one is verified.",
	"# retention = { daily = 7; weekly = 4; emergency = \"30d\"; };",
	NULL
};

static const char *const rest[] = {
	"",
	"# What stops pipelines while an incident is worked, and whether they "
	    "stand still.",
	"# freeze = { on = \"ci/pause.sh\"; off = \"ci/resume.sh\"; check = "
	    "\"ci/is-paused.sh\"; };",
	"# precheck = { commands = ( \"./validate.sh\" ); };",
	"",
	"# What clean-up may plan to remove, and docker's leftovers older than "
	    "'until'.",
	"# cleanup = { paths = ( \"/var/backups/old\" ); docker = { until = "
	    "\"24h\"; images = \"dangling\"; }; };",
	"",
	"# Asked by 'services up', which resolving needs; without any it is "
	    "overridden by hand.",
	"# services = ( { name = \"api\"; check = \"curl -fsS "
	    "http://localhost/health\"; } );",
	"",
	"# Who is told on which occasion; 'tell' gets JSON on its standard "
	    "input, without it you call.",
	"# comms = { update_every = \"15m\"; contacts = (",
	"#   { who = \"Tech lead\"; phone = \"+00 000 000\"; on = ( \"open\", "
	    "\"escalate\" ); },",
	"#   { who = \"Incident channel\"; on = ( \"open\", \"update\", "
	    "\"close\" ); tell = \"hooks/post-update\"; } ); };",
	NULL
};

static void
lines(struct draft *d, const char *const *v)
{
	for (; *v != NULL; v++)
		draft_line(d, "%s", *v);
}

static void
notes(struct draft *d)
{
	bool any = false;

	for (size_t i = 0; i < d->f->things.n; i++) {
		const struct found_thing *t = &d->f->things.v[i];

		if (t->kind != FOUND_NOTE)
			continue;
		if (!any) {
			draft_line(d, "%s", "");
			draft_comment(d, "", "What could not be looked at, so "
			    "that something may be missing above:");
		}
		any = true;
		draft_comment(d, "", "  %s", t->text);
	}
}

static void
release(struct draft *d)
{
	buf_release(&d->out);
	buf_release(&d->places);
	found_names_release(&d->place_names);
	found_names_release(&d->part_names);
	found_names_release(&d->store_names);
	found_names_release(&d->disk_names);
	found_names_release(&d->log_names);
	VEC_RELEASE(&d->place_of);
}

bool
found_write(const struct found *f, const struct found_wish *w,
    const char *path, struct buf *out, struct err *e)
{
	struct draft d = { .f = f, .w = w, .path = path };
	struct buf why = BUF_INIT;
	bool ok;

	head(&d);
	own(&d);
	draft_places(&d);
	draft_databases(&d);
	lines(&d, components);
	draft_stores(&d);
	draft_disks(&d);
	lines(&d, retention);
	draft_schedule(&d);
	draft_logs(&d);
	lines(&d, rest);
	notes(&d);
	ok = found_stands(path, d.out.p, &why);
	if (!ok) {
		err_set(e, ERR_FAILED, "the site file that was made does not "
		    "load, which is a mistake of midwatch: %s", why.p);
		err_hint(e, "Nothing was written; please report it with the "
		    "text that '--output -' prints.");
	}
	buf_clear(out);
	buf_add(out, d.out.p, d.out.n);
	buf_release(&why);
	release(&d);
	return ok;
}
