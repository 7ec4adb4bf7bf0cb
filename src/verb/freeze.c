#include "verb/freeze.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "action/ddl.h"
#include "base/clock.h"
#include "base/text.h"
#include "condition/condition.h"
#include "record/freeze.h"
#include "verb/follow.h"
#include "verb/verbs.h"
#include "watch/watch.h"

#define USAGE "midwatch freeze on|off|status|check [--reason TEXT]"

enum { LOOK_MS = 9000, REASON_MAX = 300 };

/* What a pipeline has to know, and why; the first reason is enough to wait. */
struct held {
	bool frozen, window, failed, unreadable;
	struct buf why;			/* one line */
};

/* ---- may it run? --------------------------------------------------------- */

static void
because(struct held *h, bool *which, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
because(struct held *h, bool *which, const char *fmt, ...)
{
	va_list ap;

	*which = true;
	if (h->why.n > 0)
		buf_str(&h->why, "; ");
	va_start(ap, fmt);
	buf_vprintf(&h->why, fmt, ap);
	va_end(ap);
}

static void
judge_window(struct held *h, const struct reading *r)
{
	if (r == NULL)
		return;
	if (r->error != NULL)
		because(h, &h->unreadable, "the backup window: %s", r->error);
	else if (json_get_bool(r->data, "open"))
		because(h, &h->window, "the backup window is %s", r->text);
}

static void
judge_night(struct held *h, const struct reading *r)
{
	const char *result;

	if (r == NULL)
		return;
	result = json_get_str(r->data, "result");
	if (r->error != NULL)
		because(h, &h->unreadable, "the last nightly: %s", r->error);
	else if (json_get_bool(r->data, "missed"))
		because(h, &h->failed, "the last nightly did not run");
	else if (result != NULL && strcmp(result, "bad") == 0)
		because(h, &h->failed, "the last nightly failed (began %s)",
		    json_get_str(r->data, "began"));
}

static void
judge_flag(struct held *h, const struct desk *d)
{
	struct err e = ERR_INIT;
	struct freeze f;

	if (!freeze_read(&d->state, &f, &e))
		because(h, &h->unreadable, "%s", e.msg);
	else if (f.phase != FREEZE_OFF) {
		h->frozen = true;
		freeze_say(&f, clock_wall_ms(), &h->why);
	}
	freeze_release(&f);
}

/* The flag first: it needs nobody's answer. */
static void
look(const struct desk *d, struct held *h)
{
	static const struct watch_want want[] = { { "work", "window" },
	    { "schedule", "nightly" } };
	struct readings all = { 0 };

	judge_flag(h, d);
	if (!d->have_site)
		return;
	watch_round(&d->site, &d->state, want, 2, clock_mono_ms() + LOOK_MS,
	    &all);
	judge_window(h, readings_find(&all, "work", "window"));
	judge_night(h, readings_find(&all, "schedule", "nightly"));
	readings_release(&all);
}

static bool
is_held(const struct held *h)
{
	return h->frozen || h->window || h->failed || h->unreadable;
}

static void
put_held(struct buf *b, const struct held *h)
{
	json_put_bool(b, "ok", !is_held(h));
	json_put_int(b, "exit", is_held(h) ? EXIT_REFUSED : EXIT_DONE);
	json_put_bool(b, "frozen", h->frozen);
	json_put_bool(b, "window", h->window);
	json_put_bool(b, "backup_failed", h->failed);
	json_put_bool(b, "unreadable", h->unreadable);
	json_put_str(b, "why", h->why.n > 0 ? h->why.p : "free");
}

/* Whatever cannot be seen holds as well: a pipeline that may not read the state
 * is not free because of that. */
static int
check(struct cli *c)
{
	struct held h = { .why = BUF_INIT };
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	struct desk d;
	int status;

	if (!desk_open(&d, c, &e)) {
		if (e.kind == ERR_USAGE) {
			desk_close(&d);
			return cli_fail(c, &e);
		}
		because(&h, &h.unreadable, "%s", e.msg);
	} else {
		if (d.state.note != NULL)
			cli_note("%s", d.state.note);
		/* a pipeline in the wrong folder would never be held */
		if (!d.have_site)
			cli_note("no site file was found: this says only what "
			    "'%s' knows", d.state.dir);
		look(&d, &h);
	}
	status = is_held(&h) ? EXIT_REFUSED : EXIT_DONE;
	if (c->json) {
		json_open(&b);
		put_held(&b, &h);
		cli_object(&b);
	} else
		cli_out("%s", h.why.n > 0 ? h.why.p : "free");
	buf_release(&h.why);
	desk_close(&d);
	return status;
}

/* ---- status -------------------------------------------------------------- */

/* What the site's own check says; nothing where there is none. */
static bool
own_check(const struct desk *d, enum truth *ret, struct buf *why)
{
	struct cond_world w = { .site = &d->site, .state = &d->state,
	    .now = clock_wall_ms() };
	struct pool pool = { 0 };
	struct err e = ERR_INIT;
	struct cond c;

	if (!d->have_site || d->site.freeze.check.n == 0)
		return false;
	*ret = cond_parse(&pool, "frozen", &c, &e) ? cond_ask(&c, &w, why) :
	    TRUTH_UNKNOWN;
	pool_release(&pool);
	return true;
}

static void
say_status(const struct desk *d, const struct held *h, const struct freeze *f,
    const struct ddl *all)
{
	struct buf line = BUF_INIT;
	enum truth holds;

	freeze_say(f, clock_wall_ms(), &line);
	cli_out("%s%s%s", line.p, f->incident ? ", for " : "", f->incident ?
	    f->incident : "");
	if (f->phase == FREEZE_SETTING || f->phase == FREEZE_LIFTING)
		cli_out("%s it did not come to its end (yet): 'midwatch freeze "
		    "%s' finishes it", f->phase == FREEZE_SETTING ? "setting" :
		    "lifting", f->phase == FREEZE_SETTING ? "on" : "off");
	buf_clear(&line);
	if (own_check(d, &holds, &line))
		cli_out("proof     %s: %s", truth_name(holds), line.p);
	for (size_t i = 0; i < all->v.n; i++) {
		buf_clear(&line);
		ddl_say(&all->v.v[i], &line);
		cli_out("database  %s", line.p);
	}
	cli_out("pipelines %s: %s", is_held(h) ? "wait" : "may run",
	    h->why.n > 0 ? h->why.p : "free");
	buf_release(&line);
}

static void
status_json(const struct desk *d, const struct held *h, const struct freeze *f,
    const struct ddl *all)
{
	struct buf b = BUF_INIT, why = BUF_INIT;
	enum truth holds;
	char since[32];

	json_open(&b);
	json_put_bool(&b, "ok", !h->unreadable);
	json_put_bool(&b, "frozen", h->frozen);
	json_put_str(&b, "phase", freeze_phase_name(f->phase));
	json_put_str(&b, "who", f->who);
	json_put_str(&b, "reason", f->reason);
	json_put_str(&b, "incident", f->incident);
	if (f->since > 0) {
		clock_fmt_utc(since, f->since);
		json_put_str(&b, "since", since);
	}
	if (own_check(d, &holds, &why)) {
		json_put_str(&b, "proof", truth_name(holds));
		json_put_str(&b, "proof_seen", why.p);
	}
	json_key(&b, "databases");
	json_open_list(&b);
	for (size_t i = 0; i < all->v.n; i++) {
		json_comma(&b);
		json_open(&b);
		json_put_str(&b, "db", all->v.v[i].db->name);
		json_put_str(&b, "how", ddl_how_name(all->v.v[i].how));
		json_put_str(&b, "why", all->v.v[i].why[0] ?
		    all->v.v[i].why : NULL);
		json_close(&b);
	}
	json_close_list(&b);
	json_key(&b, "check");
	json_open(&b);
	put_held(&b, h);
	json_close(&b);
	cli_object(&b);
	buf_release(&why);
}

static int
status(struct cli *c)
{
	struct held h = { .why = BUF_INIT };
	struct err e = ERR_INIT;
	struct freeze f = { 0 };
	struct ddl all = { 0 };
	struct desk d;
	int code = EXIT_DONE;

	if (!desk_open(&d, c, &e) || !freeze_read(&d.state, &f, &e))
		code = cli_fail(c, &e);
	else {
		look(&d, &h);
		if (d.have_site && (d.site.freeze.block_ddl || f.ddl))
			ddl_look(&d.site, &all);
		(c->json ? status_json : say_status)(&d, &h, &f, &all);
	}
	ddl_release(&all);
	freeze_release(&f);
	buf_release(&h.why);
	desk_close(&d);
	return code;
}

void
freeze_remind(const struct desk *d, struct buf *out)
{
	struct freeze f;

	if (!freeze_read(&d->state, &f, &(struct err){ 0 }))
		buf_str(out, "whether deployments are frozen cannot be read");
	else if (f.phase != FREEZE_OFF) {
		buf_str(out, "deployments are STILL FROZEN: ");
		freeze_say(&f, clock_wall_ms(), out);
	}
	freeze_release(&f);
}

/* ---- on and off ---------------------------------------------------------- */

static int
turn(struct cli *c, bool on, const char *reason, bool anyway)
{
	struct job_spec spec = { .kind = "freeze", .title = on ?
	    "freeze deployments" : "lift the freeze" };
	struct buf args = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;
	int code = -1;

	json_open(&args);
	json_put_bool(&args, "on", on);
	json_put_bool(&args, "anyway", anyway);
	json_put_str(&args, "reason", reason);
	json_close(&args);
	spec.args = args.p;
	if (desk_open(&d, c, &e)) {
		spec.config = desk_config(&d);
		code = follow_start(&d, &spec, &e);
	}
	if (code < 0)
		code = cli_fail(c, &e);
	buf_release(&args);
	desk_close(&d);
	return code;
}

int
verb_freeze(struct cli *c, int argc, char **argv)
{
	const char *reason = NULL, *word;
	bool anyway = false;
	const struct opt opts[] = {
		{ "--reason", NULL, &reason, NULL },
		{ "--anyway", &anyway, NULL, NULL },
	};

	if (!cli_parse(c, argc, argv, opts, 2) || !cli_words(c, 1, 1, USAGE))
		return EXIT_USAGE;
	word = c->words.v[0];
	if (reason != NULL && (*reason == '\0' || strlen(reason) > REASON_MAX))
		return cli_usage("a reason has 1 to %d bytes", REASON_MAX);
	if (strcmp(word, "check") == 0)
		return check(c);
	if (strcmp(word, "status") == 0)
		return status(c);
	if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0)
		return turn(c, strcmp(word, "on") == 0, reason, anyway);
	return cli_usage("freeze knows on, off, status and check, not '%s'",
	    word);
}
