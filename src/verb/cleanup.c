/*
 * `midwatch cleanup`: the plan; and, its code typed, the job that does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "verb/cleaning.h"
#include "verb/follow.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

bool
cleaning_look(struct desk *d, struct clean_plan *p, struct err *e)
{
	struct clean_ask ask = { .site = &d->site, .state = &d->state,
		.now = clock_wall_ms(), .opened = d->have_inc &&
		    d->inc.state == INC_OPEN ? incident_since(&d->inc) : 0 };

	return clean_look(p, &ask, e);
}

static void
show(const struct cli *c, const struct clean_plan *p)
{
	struct buf b = BUF_INIT;

	if (c->json)
		return;
	clean_print(p, &b);
	cli_block(b.p, b.n);
	(void)fflush(stdout);
	buf_release(&b);
}

static bool
on_terminal(const struct cli *c)
{
	return !c->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool
typed(const struct cli *c, const char *code, struct err *e)
{
	struct buf b = BUF_INIT;
	bool same;
	char ch;

	if (!on_terminal(c)) {
		err_set(e, ERR_GUARD, "the clean-up is not confirmed: the "
		    "plan's code has to be typed");
		return err_hint(e, "Read the plan ('midwatch cleanup --plan'), "
		    "then add --confirm %s.", code);
	}
	(void)fprintf(stderr, "type the code to remove exactly this: ");
	(void)fflush(stderr);
	while (read(STDIN_FILENO, &ch, 1) == 1 && ch != '\n')
		buf_ch(&b, ch);
	same = b.n > 0 && strcmp(b.p, code) == 0;
	buf_release(&b);
	return same || err_set(e, ERR_GUARD, "that is not the code of the "
	    "plan, nothing was removed");
}

bool
cleaning_confirm(struct desk *d, char code[CLEAN_CODE], struct err *e)
{
	struct clean_plan p = CLEAN_PLAN_INIT;
	bool ok = cleaning_look(d, &p, e);

	code[0] = '\0';
	if (ok)
		show(d->cli, &p);
	if (ok && p.v.n > 0) {
		clean_code(&p, code);
		ok = typed(d->cli, code, e);
	}
	clean_release(&p);
	return ok;
}

/* ---- the verb ---------------------------------------------------------------------- */

static int
only_look(struct desk *d, struct err *e)
{
	struct clean_plan p = CLEAN_PLAN_INIT;
	struct buf b = BUF_INIT;
	bool ok = cleaning_look(d, &p, e);

	if (ok && d->cli->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_bool(&b, "plan", true);
		clean_json(&p, &b);
		cli_object(&b);
	} else if (ok) {
		show(d->cli, &p);
		if (p.v.n > 0)
			cli_note("nothing was removed; 'midwatch cleanup "
			    "--confirm CODE' removes exactly this");
	}
	clean_release(&p);
	return ok ? EXIT_DONE : -1;
}

static int
start(struct desk *d, const char *code, bool shown, struct err *e)
{
	struct job_spec spec = { .kind = "cleanup", .title = "cleanup",
		.config = desk_config(d),
		/* a full disk has room for a job in the incident alone */
		.incident = d->have_inc ? d->inc.id : NULL };
	struct buf args = BUF_INIT;
	int status;

	json_open(&args);
	json_put_str(&args, "code", code);
	json_put_bool(&args, "shown", shown);
	json_close(&args);
	spec.args = args.p;
	status = follow_start(d, &spec, e);
	buf_release(&args);
	return status;
}

int
verb_cleanup(struct cli *c, int argc, char **argv)
{
	const char *confirm = NULL;
	bool plan = false;
	const struct opt opts[] = {
		{ "--plan", &plan, NULL, NULL },
		{ "--confirm", NULL, &confirm, NULL },
	};
	char code[CLEAN_CODE] = "";
	struct err e = ERR_INIT;
	struct desk d = { 0 };
	int status = -1;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 0, 0, "midwatch cleanup [--plan] [--confirm CODE]"))
		return EXIT_USAGE;
	if (plan && confirm != NULL)
		return cli_usage("--plan only looks, and --confirm does it");
	if (!desk_open(&d, c, &e))
		goto out;
	if (!d.have_site) {
		err_set(&e, ERR_USAGE, "there is no site file to say what may "
		    "be cleaned up");
		goto out;
	}
	follow_incident(&d);
	(void)secrets_ask(c, &d.site, 0);
	if (plan)
		status = only_look(&d, &e);
	else if (confirm != NULL)
		status = start(&d, confirm, false, &e);
	else if (cleaning_confirm(&d, code, &e))
		status = start(&d, code, true, &e);
out:
	if (status < 0)
		status = cli_fail(c, &e);
	desk_close(&d);
	return status;
}
