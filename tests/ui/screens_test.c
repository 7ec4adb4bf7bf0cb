/*
 * The screens of a night, as text that people read in the diff: each pane and
 * each dialog over the whole console, at the sizes it is made for.  What is read
 * here is what somebody tired reads at 02:17.
 */
#include "tests/ui/night.h"

#include "base/json.h"

/* A step's page is long; only what the smallest sizes look like has its roles. */
static void
shoot(struct night *n, const char *what)
{
	static const struct {
		int w, h;
		bool roles;
	} sizes[] = { { 80, 24, true }, { 120, 40, false }, { 200, 60, false },
	    { 40, 10, true } };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int ascii = 0; ascii < 2; ascii++) {
			struct buf b = BUF_INIT;
			char name[96];

			night_paint(n, sizes[i].w, sizes[i].h, ascii);
			canvas_dump(&n->c, sizes[i].roles && !ascii, &b);
			snprintf(name, sizeof name, "%s-%dx%d%s", what,
			    sizes[i].w, sizes[i].h, ascii ? "-ascii" : "");
			golden_text(b.p, name);
			buf_release(&b);
		}
	night_paint(n, 80, 24, false);
}

struct scene {
	const char *what, *night, *keys;
	void (*then)(struct night *n);
};

static void
is_resolved(struct night *n)
{
	night_hear(n, "{\"t\":\"jobs\",\"v\":[]}");
}

static void
step_to(struct night *n, const char *id)
{
	size_t i = 0;

	while (strcmp(n->m.steps.v.v[i].id, id) != 0)
		i++;
	night_keys(n, "2g");
	for (; i > 0; i--)
		night_key(n, 'j');
}

static void
to_recover(struct night *n)
{
	step_to(n, "recover-arp");
}

static void
run_recover(struct night *n)
{
	step_to(n, "recover-arp");
	night_key(n, 'r');
}

static void
page_of_step(struct night *n)
{
	step_to(n, "save-arp");
	night_key(n, KEY_RETURN);
}

static void
plan_of_cleanup(struct night *n)
{
	night_answer(n, 0, "Removed would be:\n"
	    "  /var/backups/prod/old/20241201-otc.dump   2.0 GB\n"
	    "  /var/backups/prod/old/20241208-gps.dump   7.9 GB\n"
	    "  docker images that nothing uses           3.4 GB\n"
	    "13.3 GB of 30.0 GB; the disk would be 52 % full\n"
	    "code: K7Q2\n");
}

static void
draft_of_update(struct night *n)
{
	night_answer(n, 0, "SEV-1 since 02:04, update 2 of 02:17 (01:17Z).\n"
	    "OTC has a verified copy. GPS is being saved, about 5 min left. "
	    "ARP refuses the password; its recovery is next.\n"
	    "Customers notice nothing. Next word at 02:32.\n");
}

static void
said_too_early(struct night *n)
{
	n->now += 2000;
}

static const struct scene scenes[] = {
	{ "live", "incident", "1", NULL },
	{ "live-whole", "incident", "1z", NULL },
	{ "live-open", "incident", "1G\r", NULL },
	{ "runbook", "incident", "2", NULL },
	{ "runbook-whole", "incident", "2z", to_recover },
	{ "job", "incident", "3", NULL },
	{ "job-whole", "incident", "3z", NULL },
	{ "record", "incident", "4", NULL },
	{ "record-whole", "incident", "4z", NULL },
	{ "people", "incident", "p", NULL },
	{ "no-job", "incident", "1", is_resolved },
	{ "watch", "quiet", "", NULL },
	{ "watch-open", "quiet", "G\r", NULL },
	{ "watch-alarm", "alarm", "", NULL },
	{ "step", "incident", "2", page_of_step },
	{ "reading", "incident", "1jj\r", NULL },
	{ "rung-1-runs", "incident", "s", NULL },
	{ "rung-2-undo", "incident", "F", NULL },
	{ "rung-3-asks", "incident", "Y", said_too_early },
	{ "rung-3-text", "incident", "U", draft_of_update },
	{ "rung-4-name", "incident", "", run_recover },
	{ "rung-4-code", "incident", "C", plan_of_cleanup },
	{ "chooser", "incident", "B", NULL },
	{ "palette", "incident", ":", NULL },
	{ "help", "incident", "2?", NULL },
	{ "brief", "incident", "b", NULL },
	{ "notices", "incident", "!", NULL },
	{ "leave", "incident", "q", NULL },
	{ "note", "incident", "iFan of the NAS was replaced last week, ben "
	    "knows more about it; the array is still rebuilding", NULL },
	{ "resolve", "incident", "E", NULL },
};

static void
every_screen_reads_as_drawn(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		const struct scene *s = &scenes[i];
		struct night n;

		night_begin(&n, s->night);
		night_keys(&n, s->keys);
		if (s->then != NULL)
			s->then(&n);
		shoot(&n, s->what);
		night_end(&n);
	}
}

/* Below what the layouts are made for: what runs and how to leave. */
static void
the_smallest_screens_say_what_runs(void **state)
{
	static const struct { int w, h; } sizes[] = { { 39, 9 }, { 24, 5 },
		{ 10, 2 } };
	struct night n;
	char name[64];

	(void)state;
	night_begin(&n, "incident");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		night_paint(&n, sizes[i].w, sizes[i].h, false);
		snprintf(name, sizeof name, "tiny-%dx%d", sizes[i].w,
		    sizes[i].h);
		golden(&n.c, name);
	}
	night_end(&n);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_screen_reads_as_drawn),
	cmocka_unit_test(the_smallest_screens_say_what_runs),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
