#include "action/heartbeat.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/text.h"

enum { KEPT = 4096, SAID = 160 };

static void
write_message(const struct site *site, const char *text, struct buf *b)
{
	char at[32], local[40];

	clock_fmt_utc(at, clock_wall_ms());
	clock_fmt_site(local, clock_wall_ms());
	json_open(b);
	json_put_str(b, "trigger", "heartbeat");
	json_put_str(b, "site", site->name);
	json_put_str(b, "environment", site->environment);
	json_put_str(b, "at", at);
	json_put_str(b, "site_time", local);
	json_put_str(b, "text", text);
	json_close(b);
	buf_ch(b, '\n');
}

/* Another way to be heard than a command belongs here, and nowhere else. */
static bool
beat(const struct site *site, const struct buf *message, int64_t deadline_ms,
    struct err *e)
{
	const struct conf_cmd *c = &site->backup.heartbeat;
	const char *shell[] = { "/bin/sh", "-c", c->v[0], NULL };
	struct run r = { .argv = c->shell ? shell :
	    (const char *const *)c->v, .dir = site->doc.dir,
	    .input = message->p, .input_n = message->n, .limit = KEPT,
	    .merge_err = true, .deadline_ms = deadline_ms };
	struct ran ran = { 0 };
	struct buf how = BUF_INIT, said = BUF_INIT;
	bool ok = spawn_run(&r, &ran, e);

	if (ok && spawn_code(ran.status) != 0) {
		spawn_describe(ran.status, &how);
		text_clean(&said, ran.out.n > 0 ? ran.out.p : "",
		    text_fit(ran.out.n > 0 ? ran.out.p : "", ran.out.n, SAID),
		    TEXT_LINE);
		ok = err_set(e, ERR_FAILED, "it ended with %s%s%s", how.p,
		    said.n > 0 ? ": " : "", said.n > 0 ? said.p : "");
	}
	ran_release(&ran);
	buf_release(&how);
	buf_release(&said);
	return ok;
}

bool
heartbeat_beat(const struct site *site, const char *text, int64_t deadline_ms,
    struct err *e)
{
	struct buf message = BUF_INIT;
	bool ok;

	if (site->backup.heartbeat.v == NULL)
		return true;
	write_message(site, text, &message);
	ok = beat(site, &message, deadline_ms, e) || err_wrap(e, "heartbeat");
	buf_release(&message);
	return ok;
}
