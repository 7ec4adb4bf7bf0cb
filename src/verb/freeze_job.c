/*
 * The job of `freeze on` and `freeze off`. Its order is what a crash may leave:
 * the intent in the journal, the flag, what the site hooks to it, the proof, the
 * outcome; lifting takes the flag away last. So a flag always holds at least as
 * long as anything stands still for it, and doing it again finishes what was cut
 * off.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action/ddl.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/who.h"
#include "condition/condition.h"
#include "record/freeze.h"
#include "record/lock.h"
#include "record/log.h"
#include "verb/follow.h"
#include "verb/freeze.h"
#include "verb/verbs.h"

enum {
	HOOK_BYTES = 256 << 10, SAID_MAX = 600,
	LOCK_MS = 60000, PROOF_MS = 20000, POLL_MS = 500,
};

struct undertaking {
	struct job *job;
	struct desk d;
	bool on, anyway;
	const char *reason;
	struct freeze flag;		/* as it was, then as it is */
	struct buf told;		/* hook and databases, as JSON members */
	bool hook_ok;
	size_t ddl_failed;
};

/* ---- the hook ------------------------------------------------------------ */

/* Its first bytes, harmless; all of it is in the job's output. */
static void
said(const struct undertaking *u, const struct job_result *r, struct buf *out)
{
	char raw[SAID_MAX], *path = file_join(u->job->dir, "output.log");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf clean = BUF_INIT;
	ssize_t n = fd < 0 || r->bytes <= 0 ? 0 : pread(fd, raw,
	    r->bytes < SAID_MAX ? (size_t)r->bytes : SAID_MAX,
	    (off_t)r->from);

	while (n > 0 && raw[n - 1] == '\n')
		n--;
	if (n > 0)
		text_clean(&clean, raw, (size_t)n, TEXT_LINE);
	buf_add(out, clean.p, text_fit(clean.p, clean.n, SAID_MAX));
	buf_release(&clean);
	io_close(&fd);
	free(path);
}

static void
put_hook(struct undertaking *u, const char *name, const struct job_result *r,
    const char *how, const char *words)
{
	char *file = xprintf("jobs/%" PRId64 "/output.log", u->job->n);

	json_key(&u->told, "hook");
	json_open(&u->told);
	json_put_str(&u->told, "name", name);
	json_put_str(&u->told, "ended", how);
	json_put_int(&u->told, "ms", r->ms);
	json_put_str(&u->told, "said", *words != '\0' ? words : NULL);
	json_put_str(&u->told, "file", file);
	json_put_int(&u->told, "from", r->from);
	json_put_int(&u->told, "bytes", r->bytes);
	json_put_str(&u->told, "sha256", r->sha[0] != '\0' ? r->sha : NULL);
	if (r->cut)
		json_put_int(&u->told, "printed", r->seen);
	json_close(&u->told);
	free(file);
}

/* True also when there is none. */
static bool
hook(struct undertaking *u)
{
	const struct site_freeze *f = &u->d.site.freeze;
	const struct conf_cmd *cmd = u->on ? &f->on : &f->off;
	const char *name = u->on ? "freeze.on" : "freeze.off";
	const char *shell[] = { "/bin/sh", "-c", NULL, NULL };
	struct job_command c = { .dir = u->d.site.doc.dir,
	    .timeout_ms = f->timeout_ms, .limit = HOOK_BYTES };
	struct job_result r = { .status = 0 };
	struct buf how = BUF_INIT, words = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok = false;

	if (!u->d.have_site || cmd->n == 0)
		return true;
	shell[2] = cmd->v[0];
	c.argv = cmd->shell ? shell : (const char *const *)cmd->v;
	job_progress(u->job, name, 0, 0);
	if (!job_command(u->job, &c, &r, &e))
		buf_str(&how, e.msg);
	else if (r.cancelled)
		buf_str(&how, "cancelled");
	else if (r.timed_out) {
		char limit[32];

		text_fmt_duration(limit, f->timeout_ms);
		buf_printf(&how, "it did not end within %s", limit);
	} else {
		spawn_describe(r.status, &how);
		ok = spawn_code(r.status) == 0;
	}
	said(u, &r, &words);
	put_hook(u, name, &r, how.p, words.p);
	if (ok)
		job_say(u->job, "[OK] %s (%" PRId64 " ms)", name, r.ms);
	else
		job_say(u->job, "[FAIL] %s: %s", name, how.p);
	if (r.cut)
		job_say(u->job, "[WARN] %s printed %" PRId64 " bytes, the first "
		    "%" PRId64 " are kept", name, r.seen, r.bytes);
	buf_release(&how);
	buf_release(&words);
	return ok;
}

/* ---- databases ----------------------------------------------------------- */

static void
database(void *ctx, const struct ddl_one *one)
{
	struct undertaking *u = ctx;
	bool bad = one->how == DDL_FAILED;
	struct buf b = BUF_INIT;

	ddl_say(one, &b);
	/* a legacy one that cannot be reached holds nobody up */
	job_say(u->job, "[%s] %s", !bad && one->how != DDL_NO_WAY ? "OK" :
	    bad && !one->db->legacy ? "FAIL" : "WARN", b.p);
	if (bad && !one->db->legacy)
		u->ddl_failed++;
	json_comma(&u->told);
	json_open(&u->told);
	json_put_str(&u->told, "db", one->db->name);
	json_put_str(&u->told, "how", ddl_how_name(one->how));
	json_put_str(&u->told, "why", bad ? one->why : NULL);
	json_close(&u->told);
	buf_release(&b);
}

/* What was refused is allowed again even when the site file says meanwhile that
 * nothing is to be refused. */
static void
databases(struct undertaking *u)
{
	struct buf message = BUF_INIT;
	struct ddl all = { 0 };

	if (!u->d.have_site || (!u->d.site.freeze.block_ddl &&
	    (u->on || !u->flag.ddl)))
		return;
	job_progress(u->job, "databases", 0, 0);
	json_key(&u->told, "databases");
	json_open_list(&u->told);
	buf_str(&message, "midwatch: schema changes are ");
	freeze_say(&u->flag, 0, &message);
	if (u->on)
		ddl_block(&u->d.site, message.p, database, u, &all);
	else
		ddl_unblock(&u->d.site, database, u, &all);
	json_close_list(&u->told);
	ddl_release(&all);
	buf_release(&message);
}

/* ---- the proof ----------------------------------------------------------- */

static enum truth
ask(struct undertaking *u, struct buf *why)
{
	struct cond_world w = { .site = u->d.have_site ? &u->d.site : NULL,
	    .state = &u->d.state, .now = clock_wall_ms() };
	struct pool pool = { 0 };
	struct err e = ERR_INIT;
	struct cond c;
	enum truth t = TRUTH_UNKNOWN;

	buf_clear(why);
	if (cond_parse(&pool, "frozen", &c, &e))
		t = cond_ask(&c, &w, why);
	pool_release(&pool);
	return t;
}

/* Pipelines take their time to stand still. */
static enum truth
ask_until(struct undertaking *u, enum truth wanted, struct buf *why)
{
	int64_t end = clock_mono_ms() + PROOF_MS;
	enum truth t;

	while ((t = ask(u, why)) != wanted && u->d.have_site &&
	    u->d.site.freeze.check.n > 0 && clock_mono_ms() < end &&
	    !job_cancelled(u->job))
		clock_sleep_ms(POLL_MS);
	return t;
}

/* ---- on and off ---------------------------------------------------------- */

static bool
set_flag(struct undertaking *u, enum freeze_phase phase, struct err *e)
{
	u->flag.phase = phase;
	return freeze_write(&u->d.state, &u->flag, e);
}

static void
name_flag(struct undertaking *u)
{
	if (u->flag.phase == FREEZE_OFF) {
		u->flag.who = xstrdup(who_am_i()->by);
		u->flag.since = clock_wall_ms();
		u->flag.incident = u->d.have_inc ? xstrdup(u->d.inc.id) : NULL;
	}
	if (u->reason != NULL || u->flag.reason == NULL) {
		free(u->flag.reason);
		u->flag.reason = xstrdup(u->reason != NULL ? u->reason :
		    u->d.have_inc && u->d.inc.title != NULL ?
		    u->d.inc.title : "no reason was given");
	}
}

/* The hook's failure is forgiven when the site's own check says that it holds. */
static bool
set(struct undertaking *u, struct buf *why, struct err *e)
{
	enum truth t;

	name_flag(u);
	u->flag.ddl |= u->d.have_site && u->d.site.freeze.block_ddl;
	if (!set_flag(u, FREEZE_SETTING, e))
		return false;
	u->hook_ok = hook(u);
	databases(u);
	if (u->hook_ok && !set_flag(u, FREEZE_ON, e))
		return false;
	t = ask_until(u, TRUTH_YES, why);
	if (t == TRUTH_YES && !u->hook_ok && !set_flag(u, FREEZE_ON, e))
		return false;
	if (t != TRUTH_YES) {
		err_set(e, ERR_FAILED, "the freeze is not proven: %s", why->p);
		err_hint(e, "The flag holds whoever asks 'midwatch freeze "
		    "check'; stop the other pipelines by hand.");
	} else if (u->ddl_failed > 0) {
		err_set(e, ERR_FAILED, "deployments stand still, but schema "
		    "changes are not refused everywhere");
		err_hint(e, "'midwatch freeze on' tries again.");
	}
	return e->kind == ERR_NONE;
}

/* With the flag still up, the check alone says whether anything stands still. */
static bool
let_go(struct undertaking *u, struct buf *why, struct err *e)
{
	bool check = u->d.have_site && u->d.site.freeze.check.n > 0;
	struct err kept = ERR_INIT;

	if (!set_flag(u, FREEZE_LIFTING, e))
		return false;
	u->hook_ok = hook(u);
	databases(u);
	if (check && ask_until(u, TRUTH_UNKNOWN, why) == TRUTH_YES)
		err_set(&kept, ERR_FAILED, "it still holds: %s", why->p);
	else if (!check && !u->hook_ok)
		err_set(&kept, ERR_FAILED, "freeze.off did not end well");
	else if (u->ddl_failed > 0)
		err_set(&kept, ERR_FAILED, "schema changes are still refused "
		    "in some database");
	if (kept.kind != ERR_NONE && !u->anyway) {
		*e = kept;
		return err_hint(e, "The flag stays until it is done; 'midwatch "
		    "freeze off --anyway' takes it away all the same.");
	}
	if (!set_flag(u, FREEZE_OFF, e))
		return false;
	if (kept.kind == ERR_NONE && ask(u, why) != TRUTH_NO)
		err_set(&kept, ERR_FAILED, "the flag is gone, but it is not "
		    "proven that deployments go on: %s", why->p);
	*e = kept;
	return e->kind == ERR_NONE;
}

/* The flag may have been taken away with the triggers still there (--anyway). */
static bool
let_go_again(struct undertaking *u, struct err *e)
{
	job_say(u->job, "[OK] it was not frozen");
	databases(u);
	if (u->ddl_failed == 0)
		return true;
	err_set(e, ERR_FAILED, "it was not frozen, but in some database it is "
	    "not known whether schema changes are refused");
	return err_hint(e, "'midwatch freeze off' tries again.");
}

/* ---- the record ---------------------------------------------------------- */

static bool
journal(struct undertaking *u, enum event_kind kind, const char *text,
    const char *data, struct err *e)
{
	return u->d.have_inc ? incident_say(&u->d.inc, kind, NULL, text, data,
	    e) : log_say(&u->d.state, kind, text, data, e);
}

static bool
intend(struct undertaking *u, struct err *e)
{
	struct buf data = BUF_INIT;
	const char *reason = u->reason;
	bool ok;

	json_open(&data);
	json_put_int(&data, "job", u->job->n);
	json_put_bool(&data, "on", u->on);
	json_put_str(&data, "flag", freeze_phase_name(u->flag.phase));
	json_close(&data);
	ok = journal(u, EVENT_FREEZE_BEGUN, reason != NULL ? reason : u->on ?
	    "deployments are being frozen" : "the freeze is being lifted",
	    data.p, e);
	buf_release(&data);
	return ok || err_wrap(e, "nothing was done, because it cannot be "
	    "journaled");
}

static int
conclude(struct undertaking *u, bool ok, const char *why, const struct err *e)
{
	int status = ok ? EXIT_DONE : job_cancelled(u->job) ? 143 : EXIT_FAILED;
	struct buf text = BUF_INIT, data = BUF_INIT;
	struct err je = ERR_INIT;

	if (!ok)
		buf_printf(&text, "%s: %s%s%s", u->on ? "freezing failed" :
		    "the freeze was not lifted", e->msg, e->hint[0] ? "; " :
		    "", e->hint);
	else if (u->on)
		freeze_say(&u->flag, clock_wall_ms(), &text);
	else
		buf_printf(&text, "the freeze is lifted%s%s", u->reason ?
		    ": " : "", u->reason ? u->reason : "");
	job_say(u->job, "[%s] %s", ok ? "OK" : "FAIL", text.p);
	json_open(&data);
	json_put_bool(&data, "ok", ok);
	json_put_int(&data, "job", u->job->n);
	json_put_int(&data, "exit", status);
	json_put_bool(&data, "frozen", u->flag.phase != FREEZE_OFF);
	json_put_str(&data, "phase", freeze_phase_name(u->flag.phase));
	json_put_str(&data, "seen", *why != '\0' ? why : NULL);
	json_put_str(&data, "error", ok ? NULL : e->msg);
	json_put_bool(&data, "detached", false);
	if (u->told.n > 0) {
		buf_ch(&data, ',');
		buf_add(&data, u->told.p + (u->told.p[0] == ','), u->told.n -
		    (u->told.p[0] == ','));
	}
	json_close(&data);
	if (!journal(u, EVENT_FREEZE, text.p, data.p, &je))
		job_say(u->job, "[WARN] not in the journal: %s", je.msg);
	follow_result(u->job, &data);
	buf_release(&text);
	buf_release(&data);
	return status;
}

static void
waiting(const char *holder)
{
	(void)holder;		/* the terminal said that a job began */
}

static int
work(struct undertaking *u, struct err *e)
{
	struct buf why = BUF_INIT;
	struct err bad = ERR_INIT;
	int status;
	bool ok;

	if (!freeze_read(&u->d.state, &u->flag, e) || !intend(u, e))
		return EXIT_FAILED;
	job_ready(u->job);
	if (!u->on && u->flag.phase == FREEZE_OFF &&
	    ask(u, &why) == TRUTH_NO)
		ok = let_go_again(u, &bad);
	else
		ok = u->on ? set(u, &why, &bad) : let_go(u, &why, &bad);
	status = conclude(u, ok, why.p, &bad);
	buf_release(&why);
	return status;
}

int
freeze_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
		.state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	const json_t *args = json_object_get(job->spec, "args");
	struct undertaking u = { .job = job };
	struct lock lock = { .fd = -1 };
	int fd = -1, status = EXIT_FAILED;

	u.on = json_get_bool(args, "on");
	u.anyway = json_get_bool(args, "anyway");
	u.reason = json_get_str(args, "reason");
	if (desk_open(&u.d, &c, e)) {
		follow_incident(&u.d);
		fd = state_lock_file(&u.d.state, "freeze", e);
		if (fd >= 0 && lock_take(&lock, fd, "the freeze", LOCK_MS,
		    waiting, e))
			status = work(&u, e);
		else if (e->kind == ERR_BUSY)
			status = EXIT_REFUSED;
	}
	lock_drop(&lock);
	io_close(&fd);
	freeze_release(&u.flag);
	buf_release(&u.told);
	desk_close(&u.d);
	return status;
}
