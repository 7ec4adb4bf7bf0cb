#include "action/heartbeat.h"

#include "action/hook.h"
#include "base/clock.h"
#include "base/json.h"

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

bool
heartbeat_beat(const struct site *site, const char *text, int64_t deadline_ms,
    struct err *e)
{
	const struct hook h = { .command = &site->backup.heartbeat,
		.url = site->backup.heartbeat_url,
		.url_file = site->backup.heartbeat_url_file,
		.ca_file = site->comms.ca_file, .dir = site->doc.dir };
	struct buf message = BUF_INIT;
	char why[HOOK_WHY] = "";
	enum hook_end end;

	write_message(site, text, &message);
	const struct hook_words words = { .json = message.p,
		.json_n = message.n, .text = text };
	end = hook_or_url(&h, &words, deadline_ms, why);
	buf_release(&message);
	return end == HOOK_DONE || end == HOOK_NONE ||
	    err_set(e, ERR_FAILED, "the heartbeat was not heard: %s", why);
}
