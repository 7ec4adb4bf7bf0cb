/*
 * ci: whether pipelines stand still, as freeze.check says, against what the
 * freeze flag says. The check ends with 0 while they stand still; one that cannot
 * be run (126, 127) or is killed says neither. Pre-check commands are not run
 * here.
 *
 * data: holds (the check says that they stand still), exit (its exit status, 128
 * + a signal's number), said (its first line), frozen (the flag is set; left out
 * when it cannot be read).
 */
#include "base/text.h"
#include "probe/night.h"
#include "probe/said.h"
#include "reading/probe.h"
#include "record/freeze.h"

enum flag { FLAG_UNKNOWN, FLAG_OFF, FLAG_ON };

static enum flag
flag_of(const struct state *state)
{
	struct err e = ERR_INIT;
	enum flag flag = FLAG_UNKNOWN;
	struct freeze f;

	if (state == NULL || state->dir == NULL)
		return FLAG_UNKNOWN;
	if (freeze_read(state, &f, &e))
		flag = f.phase == FREEZE_OFF ? FLAG_OFF : FLAG_ON;
	freeze_release(&f);
	return flag;
}

static void
judge(struct eye *eye, struct reading *r, bool holds, enum flag flag,
    const char *said)
{
	struct night_plan plan;
	bool window = night_plan(eye->site, eye->now, &plan) &&
	    plan.due > 0 && eye->now < plan.until;
	const char *colon = *said != '\0' ? ": " : "";

	if (holds && flag == FLAG_ON)
		reading_say(r, LEVEL_OK, NULL, "pipelines stand still, as the "
		    "freeze wants");
	else if (holds && window)
		reading_say(r, LEVEL_OK, NULL, "pipelines stand still in the "
		    "backup window");
	else if (holds)
		reading_say(r, LEVEL_WARNING, "midwatch freeze status, then "
		    "ask who paused them", "pipelines stand still, and no "
		    "freeze wants it%s%s", colon, said);
	else if (flag == FLAG_ON)
		reading_say(r, LEVEL_CRITICAL, "midwatch freeze on", "the "
		    "freeze is set, but freeze.check says that it does not "
		    "hold%s%s", colon, said);
	else
		reading_say(r, LEVEL_OK, NULL, "pipelines run");
}

static void
read_ci(struct eye *eye, struct target *t, struct reading *r)
{
	struct place_ran ran = PLACE_RAN_INIT;
	char said[SAID_MAX];
	struct err e = ERR_INIT;
	enum flag flag = flag_of(eye->state);
	int code;

	if (flag != FLAG_UNKNOWN)
		reading_bool(r, "frozen", flag == FLAG_ON);
	if (!eye_command(eye, t, &eye->site->freeze.check, &ran, &e)) {
		err_wrap(&e, "freeze.check");
		reading_fail(r, &e);
		goto out;
	}
	code = ran.exit.code;
	said_line(said, ran.errout.p, ran.errout.n);
	if (*said == '\0')
		said_line(said, ran.out.p, ran.out.n);
	reading_int(r, "exit", code);
	if (*said != '\0')
		reading_str(r, "said", said);
	if (code > 125) {
		err_set(&e, ERR_FAILED, "freeze.check cannot say: exit %d%s%s",
		    code, *said ? ": " : "", said);
		err_hint(&e, "It ends with 0 while pipelines stand still, else "
		    "with another status below 126.");
		reading_fail(r, &e);
		goto out;
	}
	reading_bool(r, "holds", code == 0);
	judge(eye, r, code == 0, flag, said);
out:
	place_ran_release(&ran);
}

static size_t
count(const struct site *site)
{
	return site->freeze.check.n > 0 ? 1 : 0;
}

static void
target(const struct site *site, size_t i, struct target *ret)
{
	(void)i;
	ret->name = "freeze";
	ret->at = NULL;
	ret->row = &site->freeze;
}

const struct probe probe_ci = {
	.kind = "ci",
	.what = "whether pipelines stand still, as freeze.check says",
	.every_ms = 30000,
	.deadline_ms = 5000,
	.count = count,
	.target = target,
	.read = read_ci,
	.alone = true,
};
