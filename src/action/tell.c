#include "action/tell.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/text.h"
#include "record/incident.h"
#include "record/log.h"

enum { HOOK_MS = 20000, LEAST_MS = 3000, WHY_MAX = 200 };

/* ---- the hook ------------------------------------------------------------------ */

static void
write_message(const struct site *site, const struct tell *t,
    const struct site_contact *who, struct buf *b)
{
	char at[32], local[40];

	clock_fmt_utc(at, clock_wall_ms());
	clock_fmt_site(local, clock_wall_ms());
	json_open(b);
	json_put_str(b, "trigger", site_triggers[t->trigger]);
	json_put_bool(b, "clear", t->clear);
	json_put_str(b, "site", site->name);
	json_put_str(b, "environment", site->environment);
	json_put_str(b, "channel", site->channel);
	json_put_str(b, "incident", t->incident);
	json_put_str(b, "at", at);
	json_put_str(b, "site_time", local);
	json_put_str(b, "who", who->who);
	json_put_str(b, "phone", who->phone);
	json_put_str(b, "subject", t->subject);
	json_put_str(b, "text", t->text != NULL ? t->text : t->subject);
	json_close(b);
	buf_ch(b, '\n');
}

static bool
run_hook(const struct site *site, const struct tell *t,
    const struct site_contact *who, int64_t deadline_ms, char why[WHY_MAX])
{
	const char *shell[] = { "/bin/sh", "-c", who->tell.v[0], NULL };
	struct buf message = BUF_INIT, how = BUF_INIT;
	struct err e = ERR_INIT;
	struct ran ran = { 0 };
	int64_t now = clock_mono_ms(), until = now + HOOK_MS;
	bool ok;

	if (deadline_ms < until)
		until = deadline_ms;
	/* those before it that hung are no reason to tell nobody else */
	if (until < now + LEAST_MS)
		until = now + LEAST_MS;

	write_message(site, t, who, &message);
	struct run r = { .argv = who->tell.shell ? shell :
	    (const char *const *)who->tell.v, .dir = site->doc.dir,
	    .input = message.p, .input_n = message.n, .limit = 4096,
	    .merge_err = true,
	    .deadline_ms = until };
	ok = spawn_run(&r, &ran, &e);
	if (!ok)
		text_clean_into(why, WHY_MAX, e.msg);
	else if (spawn_code(ran.status) != 0) {
		spawn_describe(ran.status, &how);
		buf_printf(&how, ": %.120s", ran.out.n > 0 ? ran.out.p : "");
		text_clean_into(why, WHY_MAX, how.p);
		ok = false;
	}
	ran_release(&ran);
	buf_release(&how);
	buf_release(&message);
	return ok;
}

/* ---- the record ------------------------------------------------------------------ */

static void
journal_one(const struct state *state, const struct tell *t,
    const struct told_one *one)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	enum event_kind kind = one->how == TOLD_HOOK ? EVENT_TOLD : EVENT_TELL;
	struct incident inc = INCIDENT_INIT;
	struct err e = ERR_INIT;
	char *dir;

	buf_printf(&text, "%s %s (%s%s): %s", one->who->who,
	    one->how == TOLD_HOOK ? "was told" :
	    one->how == TOLD_BY_HAND ? "is to be told by hand" :
	    "could not be told", site_triggers[t->trigger],
	    t->clear ? ", all-clear" : "", t->subject);
	json_open(&data);
	json_put_str(&data, "trigger", site_triggers[t->trigger]);
	json_put_str(&data, "who", one->who->who);
	json_put_bool(&data, "clear", t->clear);
	if (one->how == TOLD_FAILED)
		json_put_str(&data, "why", one->why);
	json_close(&data);
	if (state == NULL)
		;
	else if (t->incident == NULL)
		(void)log_say(state, kind, text.p, data.p, &e);
	else {
		dir = state_path(state, "incidents/%s", t->incident);
		if (incident_load(&inc, dir, &e))
			(void)incident_say(&inc, kind, NULL, text.p, data.p,
			    &e);
		incident_release(&inc);
		free(dir);
	}
	buf_release(&text);
	buf_release(&data);
}

/* ---- people ---------------------------------------------------------------------- */

bool
told_has(const struct told *t, const struct site_contact *who)
{
	for (size_t i = 0; t != NULL && i < t->v.n; i++)
		if (t->v.v[i].who == who)
			return true;
	return false;
}

void
tell_people(const struct site *site, const struct state *state,
    const struct tell *t, const struct told *except, int64_t deadline_ms,
    struct told *ret)
{
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *who = site_contact_at(site, i);
		struct told_one one = { .who = who, .how = TOLD_BY_HAND };

		if ((who->triggers & 1u << t->trigger) == 0 ||
		    (who->only_regulated && site->regulated.n == 0) ||
		    told_has(except, who))
			continue;
		if (who->tell.v != NULL)
			one.how = run_hook(site, t, who, deadline_ms,
			    one.why) ? TOLD_HOOK : TOLD_FAILED;
		journal_one(state, t, &one);
		VEC_PUSH(&ret->v, one);
	}
}

void
told_release(struct told *t)
{
	VEC_RELEASE(&t->v);
}
