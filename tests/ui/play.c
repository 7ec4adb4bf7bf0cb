/*
 * The console with canned panes, for runs on a pseudo terminal.
 *
 *	ui_play [ascii] [quiet] [hostile] [mouse] [flood] [real] [theme=NAME]
 *
 * real: the panes of the console instead of plain rows. flood: a thousand lines of job output a second.
 */
#include "tests/ui/rows.h"

#include <signal.h>

#include "base/clock.h"
#include "base/io.h"
#include "ui/console.h"
#include "ui/panes.h"

static const struct pane_ops *const panes[] = { &fake_live, &fake_runbook,
	&fake_job, &fake_record };

static const struct pane_ops *const real_panes[] = { &pane_live,
	&pane_runbook, &pane_job, &pane_record, &pane_people };

static struct model *model;
static struct loop *loop;
static int64_t line;

static void
flood(void *ctx, int64_t now)
{
	struct model_output *o = model_output_begin(model);

	for (int i = 0; i < 100; i++)
		VEC_PUSH(&o->v, pool_printf(&o->pool, "line %d", (int)++line));
	o->lines = line;
	model_changed(model, MODEL_OUTPUT);
	(void)loop_timer(loop, now + 10, flood, ctx);
}

static bool
start(void *ctx, struct loop *l, struct model *m, struct err *e)
{
	(void)ctx;
	(void)e;
	model = m;
	loop = l;
	(void)loop_timer(l, clock_mono_ms(), flood, NULL);
	return true;
}

static bool
take(void *ctx, struct order *o, struct err *e)
{
	struct buf b = BUF_INIT;

	(void)ctx;
	(void)e;
	buf_printf(&b, "%s taken: %s", order_name(o->kind),
	    o->text ? o->text : "");
	model_answer(model, false, b.p);
	buf_release(&b);
	order_release(o);
	return true;
}

int
main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct model m = { .give = take };
	struct console_options o = { .panes = panes, .n_panes = 4,
		.model = &m };
	struct err e = ERR_INIT;
	bool quiet = false, hostile = false;
	int status;

	io_guard_std();
	(void)sigaction(SIGPIPE, &ignore, NULL);
	for (int i = 1; i < argc; i++) {
		o.term.ascii = o.term.ascii || strcmp(argv[i], "ascii") == 0;
		quiet = quiet || strcmp(argv[i], "quiet") == 0;
		hostile = hostile || strcmp(argv[i], "hostile") == 0;
		o.term.mouse = o.term.mouse || strcmp(argv[i], "mouse") == 0;
		if (strcmp(argv[i], "real") == 0) {
			o.panes = real_panes;
			o.n_panes = 5;
		}
		if (strcmp(argv[i], "flood") == 0)
			o.source.start = start;
		if (strncmp(argv[i], "theme=", 6) == 0)
			o.theme = argv[i] + 6;
	}
	if (quiet)
		canned_quiet(&m);
	else if (hostile)
		canned_hostile(&m);
	else
		canned_incident(&m);
	setlocale(LC_CTYPE, "");
	clock_fake(CANNED_NOW);
	model = &m;
	m.changed = 0;
	status = console_run(&o, &e);
	if (e.kind != ERR_NONE)
		fprintf(stderr, "%s\n", e.msg);
	model_release(&m);
	return status;
}
