/*
 * The console with its real panes and a canned night, of which twelve figures
 * change every two seconds: what they cost is not mixed with what a machine
 * happens to do.
 */
#include "tests/ui/canned.h"

#include <signal.h>

#include "base/io.h"
#include "ui/console.h"
#include "ui/panes.h"

enum { EVERY_MS = 2000, DISKS = 12 };

static const struct pane_ops *const panes[] = { &pane_live, &pane_runbook,
	&pane_job, &pane_record, &pane_people };

static struct model model;
static struct loop *loop;

static void
change(void *ctx, int64_t now)
{
	struct model_readings *p = model_readings_begin(&model);
	const struct canned_texts plain = { NULL };
	static int turn;

	(void)ctx;
	turn++;
	p->heard = clock_wall_ms();
	for (int i = 0; i < DISKS; i++) {
		char name[16], text[64], data[128];
		int used = 71 + (turn * 7 + i * 3) % 13;

		snprintf(name, sizeof name, "disk%02d", i);
		snprintf(text, sizeof text, "%d %% full, more than 70", used);
		snprintf(data, sizeof data, "{\"percent\":%d}", used);
		canned_reading(p, &plain, "disk", name, LEVEL_WARNING, text,
		    "midwatch cleanup --plan", data,
		    CANNED_NOW - clock_wall_ms());
	}
	readings_sort(&p->all);
	model_changed(&model, MODEL_READINGS);
	(void)loop_timer(loop, now + EVERY_MS, change, NULL);
}

static bool
start(void *ctx, struct loop *l, struct model *m, struct err *e)
{
	(void)m;
	(void)e;
	loop = l;
	change(ctx, clock_mono_ms());
	return true;
}

int
main(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct console_options o = { .panes = panes,
		.n_panes = sizeof panes / sizeof *panes, .model = &model,
		.source = { .start = start } };
	struct err e = ERR_INIT;
	int status;

	io_guard_std();
	(void)sigaction(SIGPIPE, &ignore, NULL);
	canned_incident(&model);
	setlocale(LC_CTYPE, "");
	status = console_run(&o, &e);
	model_release(&model);
	return status;
}
