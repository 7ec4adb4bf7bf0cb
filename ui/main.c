/* `midwatch` without a verb: what it needs to know before the screen is taken
 * over, and what it says when it has given it back. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "ui/manual.h"
#include "ui/panes.h"
#include "ui/plain.h"
#include "ui/source.h"
#include "verb/verbs.h"

/* In the order of their digits. */
static const struct pane_ops *const panes[] = {
	&pane_live, &pane_runbook, &pane_job, &pane_record, &pane_people,
};

void
console_keys(struct buf *out)
{
	struct keys k;

	keys_init(&k);
	for (int s = 0; s < SPACE_COUNT; s++) {
		if (s > 0)
			buf_ch(out, '\n');
		keys_table(&k, (enum space)s, out);
	}
	buf_str(out, "\n~/.config/midwatch/keys.cfg changes them: keys = { "
	    "note = ( \"n\", \"C-n\" ); next-hit = \"none\"; };\n");
}

void
console_keys_man(struct buf *out)
{
	manual_console(out);
	keys_man(out);
}

static char *
keys_path(void)
{
	const char *home = getenv("HOME");
	char *path = home == NULL ? NULL :
	    file_join(home, ".config/midwatch/keys.cfg");

	if (path != NULL && !file_exists(path)) {
		free(path);
		path = NULL;
	}
	return path;
}

static void
fill_head(struct model *m, const struct site *site)
{
	struct model_head *h = model_head_begin(m);
	char host[256] = "";

	(void)gethostname(host, sizeof host - 1);
	h->host = pool_str(&h->pool, host);
	h->env = ENV_OTHER;
	h->environment = pool_str(&h->pool, "no site");
	h->now = pool_str(&h->pool, "Looking ...");
	m->now = clock_wall_ms();
	if (site == NULL)
		return;
	h->site = pool_str(&h->pool, site->name);
	h->environment = pool_str(&h->pool, site->environment);
	if (text_starts(site->environment, "prod"))
		h->env = ENV_PRODUCTION;
}

static void
say_what_runs(const struct model *m)
{
	for (size_t i = 0; i < m->jobs.v.n; i++)
		if (m->jobs.v.v[i].running)
			cli_note("job %d (%s) goes on; 'midwatch' shows it "
			    "again", (int)m->jobs.v.v[i].n,
			    m->jobs.v.v[i].title);
}

static struct children_want
want_of(const struct desk *d, bool looks)
{
	return (struct children_want){ .config = desk_config(d),
	    .state = d->state.dir, .looks = looks, .no_feed = !d->have_site };
}

/* What is wrong with site and state is said before anything begins. */
static int
run_plain(struct cli *c, const struct console_options *o)
{
	struct err e = ERR_INIT;
	struct desk d = { 0 };
	struct children_want want;
	int status;

	if (!desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else {
		want = want_of(&d, o->read_only);
		status = plain_run(&want);
	}
	desk_close(&d);
	return status;
}

static int
run(struct cli *c, const struct console_options *asked)
{
	struct console_options o = *asked;
	struct model m = { 0 };
	struct desk d = { 0 };
	struct source source = { .loop = NULL };
	struct err e = ERR_INIT;
	char *keys = keys_path();
	int status;

	if (!desk_open(&d, c, &e)) {
		free(keys);
		desk_close(&d);
		return cli_fail(c, &e);
	}
	fill_head(&m, d.have_site ? &d.site : NULL);
	o.site = d.have_site ? &d.site : NULL;
	o.keys = keys;
	o.model = &m;
	source.want = want_of(&d, o.read_only);
	o.source = source_of(&source);
	status = console_run(&o, &e);
	if (status == EXIT_USAGE)
		status = cli_fail(c, &e);
	else if (status != 129)
		say_what_runs(&m);
	model_release(&m);
	desk_close(&d);
	free(keys);
	return status;
}

int
verb_console(struct cli *c, int argc, char **argv)
{
	struct console_options o = { .panes = panes,
	    .n_panes = sizeof panes / sizeof *panes };
	struct opt opts[] = {
		{ "--read-only", &o.read_only, NULL, NULL },
		{ "--low", &o.low, NULL, NULL },
		{ "--mouse", &o.term.mouse, NULL, NULL },
		{ "--no-bell", &o.term.no_bell, NULL, NULL },
	};
	struct err e = ERR_INIT;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts))
		return EXIT_USAGE;
	if (c->help)
		return verb_help(c, 0, argv);
	o.theme = c->theme;
	o.term.ascii = c->ascii;
	o.term.no_color = c->no_color;
	if (!c->plain && !term_possible(&o.term, &e)) {
		cli_note("%s; plain mode", e.msg);
		c->plain = true;
	}
	if (c->plain)
		return run_plain(c, &o);
	return run(c, &o);
}
