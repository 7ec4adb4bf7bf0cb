/*
 * A night as the console hears it: lines of the keeper and of the feed, in
 * tests/ui/night/NAME.txt (an empty line ends each), heard by the real talk, shown by
 * the real panes.
 *
 *	struct night n;
 *	night_begin(&n, "incident");	02:17 of that night; "quiet": 02:17 of another
 *	night_keys(&n, "2r");
 *	night_hear(&n, "{\"t\":\"none\"}");
 *	night_paint(&n, 80, 24, false);		into n.c
 *	night_end(&n);
 */
#ifndef TESTS_UI_NIGHT_H
#define TESTS_UI_NIGHT_H

#include "tests/ui/kit.h"

#include "base/clock.h"
#include "ui/panes.h"
#include "ui/shell.h"
#include "ui/talk.h"

#define NIGHT_NOW INT64_C(1739495840000)	/* 02:17:20 in Lagos */

struct night {
	struct model m;
	struct talk w;
	struct keys keys;
	struct shell s;
	struct canvas c;
	int64_t now;		/* monotonic ms, for the shell */
	unsigned want;		/* of all keys so far */
};

static const struct pane_ops *const night_panes[] = { &pane_live,
	&pane_runbook, &pane_job, &pane_record, &pane_people };

/* What came becomes the picture, as after each turn of the console's loop. */
TEST_HELPER void
night_turn(struct night *n)
{
	talk_turn(&n->w, NIGHT_NOW);
	(void)shell_changed(&n->s, n->now);
}

TEST_HELPER void
night_hear(struct night *n, const char *line)
{
	talk_hear(&n->w, line, strlen(line), NIGHT_NOW);
	night_turn(n);
}

TEST_HELPER void
night_read(struct night *n, const char *name)
{
	char path[PATH_MAX], *text, *end;

	snprintf(path, sizeof path, "%s/../night/%s.txt", golden_dir(), name);
	text = test_read(path);
	for (char *p = text; p != NULL && *p != '\0'; p = end) {
		end = strstr(p, "\n\n");
		if (end != NULL) {
			*end = '\0';
			end += 2;
		}
		talk_hear(&n->w, p, strlen(p), NIGHT_NOW);
	}
	free(text);
}

TEST_HELPER void
night_begin(struct night *n, const char *name)
{
	kit_utf8();
	assert_true(clock_zone_set("Africa/Lagos", NULL));
	clock_fake(NIGHT_NOW);
	memset(n, 0, sizeof *n);
	n->now = 1000000;
	talk_init(&n->w, &n->m);
	keys_init(&n->keys);
	shell_init(&n->s, &n->m, &n->keys);
	for (size_t i = 0; i < sizeof night_panes / sizeof *night_panes; i++)
		shell_pane(&n->s, night_panes[i]);
	night_read(n, name);
	night_turn(n);
	canvas_resize(&n->c, 80, 24);
}

TEST_HELPER void
night_end(struct night *n)
{
	shell_release(&n->s);
	talk_release(&n->w);
	model_release(&n->m);
	canvas_release(&n->c);
}

/* The panes know how many rows they have once they were painted. */
TEST_HELPER void
night_paint(struct night *n, int w, int h, bool ascii)
{
	if (n->c.w != w || n->c.h != h)
		canvas_resize(&n->c, w, h);
	n->c.ascii = ascii;
	shell_paint(&n->s, &n->c, n->now);
}

TEST_HELPER void
night_key(struct night *n, uint32_t key)
{
	n->now += 1000;
	shell_paint(&n->s, &n->c, n->now);
	n->want |= shell_key(&n->s, key, n->now);
}

TEST_HELPER void
night_keys(struct night *n, const char *keys)
{
	for (; *keys != '\0'; keys++)
		night_key(n, (unsigned char)*keys);
}

/* The verb that was asked for last has answered, as the keeper says it. */
TEST_HELPER void
night_answer(struct night *n, int exit, const char *out)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "t", "ended");
	json_put_int(&b, "id", n->w.next_id);
	json_put_int(&b, "exit", exit);
	json_put_str(&b, "out", out);
	json_put_str(&b, "err", "");
	json_close(&b);
	night_hear(n, b.p);
	buf_release(&b);
}

#endif
