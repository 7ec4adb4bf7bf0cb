/*
 * What is odd about this host and about what the record stands on, as notices: a
 * logout that would end jobs, a clock that jumped, no space kept for the next
 * incident, a runbook that was changed. None of it stops anything.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "job/job.h"
#include "keeper/keeper_intern.h"
#include "record/state.h"

enum { JUMP_MS = 2000, ODD_EVERY_MS = 10000 };

static void
odd(struct buf *b, const char *text, const char *hint)
{
	json_comma(b);
	json_open(b);
	json_put_str(b, "text", text);
	json_put_str(b, "hint", hint);
	json_close(b);
}

static void
put_logout(struct buf *b)
{
	struct buf why = BUF_INIT;

	if (job_survival(&why) == DIES_AT_LOGOUT)
		odd(b, why.p, NULL);
	buf_release(&why);
}

static void
put_runbook(struct buf *b, const struct keeper *k, const struct runbook *rb)
{
	char *path, *text;

	if (k->inc.runbook_sha != NULL && rb->sha[0] != '\0' &&
	    strcmp(k->inc.runbook_sha, rb->sha) != 0) {
		odd(b, "the incident's copy of the runbook was changed: its "
		    "SHA-256 is not the journaled one", "Look at it before you "
		    "follow it; 'midwatch runbook --take' copies it anew.");
		return;
	}
	path = runbook_newer(rb, k->inc.runbook, k->want.site);
	if (path == NULL)
		return;
	text = xprintf("'%s' has changed since this incident was opened; what "
	    "is followed is the copy of then", path);
	odd(b, text, "'midwatch runbook --take' uses the new one.");
	free(text);
	free(path);
}

void
odd_put(struct buf *b, const struct keeper *k, const struct runbook *rb)
{
	json_open(b);
	json_put_str(b, "t", rb != NULL ? "odd_runbook" : "odd");
	json_key(b, "v");
	json_open_list(b);
	if (rb != NULL)
		put_runbook(b, k, rb);
	else {
		put_logout(b);
		if (k->jumped != NULL)
			odd(b, k->jumped, "Times in the record before and after "
			    "it do not fit together; their order does.");
		if (!k->want.read_only && !state_spare_there(k->want.state))
			odd(b, "no space is kept for the next incident",
			    "'midwatch doctor' keeps it again, or says why it "
			    "cannot.");
	}
	json_close_list(b);
	json_close(b);
}

/* What is odd about the host, when it has changed. */
void
odd_turn(struct keeper *k, int64_t now)
{
	int64_t ahead = clock_wall_ms() - now, by = ahead - k->ahead;
	struct buf b = BUF_INIT;

	if (k->ahead != 0 && (by > JUMP_MS || by < -JUMP_MS)) {
		char at[40], how[48];

		clock_fmt_site(at, clock_wall_ms());
		text_fmt_duration(how, by < 0 ? -by : by);
		free(k->jumped);
		k->jumped = xprintf("the clock of this host jumped %s by %s, to "
		    "%s", by < 0 ? "back" : "ahead", how, at);
		k->odd_at = 0;
	}
	k->ahead = ahead;
	if (now < k->odd_at)
		return;
	k->odd_at = now + ODD_EVERY_MS;
	odd_put(&b, k, NULL);
	if (b.n != k->odd.n || memcmp(b.p, k->odd.p, b.n) != 0) {
		buf_clear(&k->odd);
		buf_add(&k->odd, b.p, b.n);
		speak_line(k, &b);
	}
	buf_release(&b);
}
