#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "verb/telling.h"
#include "base/text.h"
#include "verb/freeze.h"
#include "verb/verbs.h"

enum { SEEN_MAX = 600 };

/* Resolving and closing are the same act with other criteria. */
struct ending {
	const char *word;
	enum event_kind kind;
	enum inc_state from, to;
	const char *text, *behind;	/* behind what is said of overrides */
};

static const struct ending resolving = { "resolve", EVENT_INCIDENT_RESOLVED,
    INC_OPEN, INC_RESOLVED, "the criteria hold; the clocks stop",
    "; the clocks stop" };
static const struct ending closing = { "close", EVENT_INCIDENT_CLOSED,
    INC_RESOLVED, INC_CLOSED, "report published, follow-ups assigned", "" };

struct still {
	const struct incident *inc;
	enum inc_state from;
};

static bool
still_there(void *ctx, struct err *e)
{
	const struct still *s = ctx;

	if (s->inc->state == s->from)
		return true;
	return err_set(e, ERR_GUARD, "the incident is %s now",
	    inc_state_name(s->inc->state));
}

/* What makes a criterion true. */
static const char *
way_there(const struct cond *c, const struct site *site)
{
	static const struct { const char *begins, *next; } ways[] = {
		{ "every database", "midwatch validate latest --restore" },
		{ "every component", "midwatch backup --all-unsafe" },
		{ "backup", "midwatch backup --all-unsafe" },
		{ "every disk", "midwatch cleanup --plan" },
		{ "disk", "midwatch cleanup --plan" },
		{ "nightly", "midwatch nightly" },
		{ "every login", "midwatch recover DB --plan" },
		{ "login", "midwatch recover DB --plan" },
		{ "services", "midwatch status, and start what is down" },
		{ "not frozen", "midwatch freeze off" },
		{ "rca", "midwatch export --output FILE, then midwatch "
		    "incident publish WHERE" },
		{ "followups", "midwatch followup add TEXT --owner WHO --due "
		    "DATE, or midwatch followup none WHY" },
	};

	if (!cond_named(c, site))
		return "name them in the site file, or --override REASON";
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (text_starts(c->text, ways[i].begins))
			return ways[i].next;
	return NULL;
}

static void
criteria_json(const struct criteria *cs, const struct site *site, struct buf *b)
{
	json_key(b, "criteria");
	json_open_list(b);
	for (size_t i = 0; i < cs->v.n; i++) {
		const struct criterion *cr = &cs->v.v[i];

		json_comma(b);
		json_open(b);
		json_put_str(b, "condition", cr->cond->text);
		json_put_str(b, "answer", truth_name(cr->truth));
		json_put_str(b, "seen", cr->why);
		json_put_str(b, "overridden", cr->over ? cr->over->why : NULL);
		json_put_str(b, "next", cr->truth != TRUTH_YES &&
		    cr->over == NULL ? way_there(cr->cond, site) : NULL);
		json_close(b);
	}
	json_close_list(b);
}

static void
say_criteria(const struct criteria *cs, const struct site *site)
{
	const char *next;
	char at[16];

	clock_fmt_short(at, clock_wall_ms());
	if (cs->v.n > 0)
		cli_out("asked at %s:", at);
	for (size_t i = 0; i < cs->v.n; i++) {
		const struct criterion *cr = &cs->v.v[i];

		cli_out("  %-8s %s  (%s)%s%s", cr->truth == TRUTH_YES ? "OK" :
		    cr->over != NULL ? "OVER" : cr->truth == TRUTH_NO ? "NO" :
		    "?", cr->cond->text, cr->why, cr->over ? "  overridden: " :
		    "", cr->over ? cr->over->why : "");
		next = way_there(cr->cond, site);
		if (cr->truth != TRUTH_YES && cr->over == NULL && next != NULL)
			cli_out("  %-8s next: %s", "", next);
	}
}

/* One line each, so that the post-mortem has them with their reason. */
static bool
override_open(struct desk *d, const struct criteria *cs, const char *reason,
    struct err *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < cs->v.n; i++) {
		const struct criterion *cr = &cs->v.v[i];
		struct buf data = BUF_INIT;

		if (cr->truth == TRUTH_YES || cr->over != NULL)
			continue;
		json_open(&data);
		json_put_str(&data, "criterion", cr->cond->text);
		json_put_str(&data, "answer", truth_name(cr->truth));
		json_close(&data);
		ok = incident_say(&d->inc, EVENT_OVERRIDE, NULL, reason, data.p,
		    e);
		buf_release(&data);
	}
	return ok;
}

/* What was asked and seen, as a line each: the proof, and its time. */
static void
criterion_line(const struct criterion *cr, const char *word, struct draft *line)
{
	struct buf data = BUF_INIT;

	json_open(&data);
	json_put_str(&data, "for", word);
	json_put_str(&data, "criterion", cr->cond->text);
	json_put_str(&data, "answer", truth_name(cr->truth));
	json_key(&data, "seen");
	json_textn(&data, cr->why, text_fit(cr->why, strlen(cr->why),
	    SEEN_MAX));
	json_put_bool(&data, "overridden", cr->truth != TRUTH_YES);
	json_close(&data);
	*line = (struct draft){ .kind = EVENT_CRITERION,
	    .text = cr->cond->text, .data = buf_detach(&data) };
}

/* However long ago it was overridden: it does not hold. */
static size_t
not_proven(const struct criteria *cs)
{
	size_t n = 0;

	for (size_t i = 0; i < cs->v.n; i++)
		n += cs->v.v[i].truth != TRUTH_YES;
	return n;
}

static bool
finish(struct desk *d, const struct ending *how, const struct criteria *cs,
    struct err *e)
{
	struct still s = { &d->inc, how->from };
	struct draft *lines = xcalloc(cs->v.n + 1, sizeof *lines);
	struct buf data = BUF_INIT, frozen = BUF_INIT, text = BUF_INIT;
	struct err se = ERR_INIT;
	size_t over = not_proven(cs);
	bool ok;

	if (over > 0)
		buf_printf(&text, "%zu of %zu criteria overridden%s", over,
		    cs->v.n, how->behind);
	for (size_t i = 0; i < cs->v.n; i++)
		criterion_line(&cs->v.v[i], how->word, &lines[i]);
	freeze_remind(d, &frozen);
	json_open(&data);
	json_put_int(&data, "criteria", (int64_t)cs->v.n);
	json_put_int(&data, "overridden", (int64_t)over);
	json_put_str(&data, "frozen", frozen.n > 0 ? frozen.p : NULL);
	json_close(&data);
	lines[cs->v.n] = (struct draft){ .kind = how->kind, .text = over > 0 ?
	    text.p : how->text, .data = data.p };
	ok = incident_append(&d->inc, lines, cs->v.n + 1, still_there, &s,
	    NULL, e);
	for (size_t i = 0; i < cs->v.n; i++)
		free((char *)(uintptr_t)lines[i].data);
	free(lines);
	buf_release(&data);
	buf_release(&frozen);
	buf_release(&text);
	if (!ok)
		return false;
	if (!journal_settle(&d->inc.j, &se))
		cli_note("%s", se.msg);
	if (how->to == INC_CLOSED) {
		journal_drop_second(&d->inc.j);
		err_clear(&se);
		if (!state_spare_make(&d->state, &se))
			cli_note("no space for the next incident: %s", se.msg);
	}
	return true;
}

static bool
right_state(const struct desk *d, const struct ending *how, struct err *e)
{
	if (d->inc.state == how->from)
		return true;
	err_set(e, ERR_GUARD, "the incident '%s' is %s", d->inc.id,
	    inc_state_name(d->inc.state));
	return err_hint(e, d->inc.state == INC_OPEN ?
	    "Resolve it first: 'midwatch incident resolve'." :
	    "There is nothing to do.");
}

/* A job that ends later would write behind the end. */
static bool
nothing_runs(struct desk *d, const char *reason, struct err *e)
{
	if (d->have_rb && !engine_sweep(&d->en, e))
		return false;
	for (size_t i = 0; i < d->inc.steps.n; i++) {
		const struct inc_step *s = &d->inc.steps.v[i];

		if (s->state == STEP_RUNNING) {
			err_set(e, ERR_GUARD, "step '%s' still runs as job %"
			    PRId64, s->id, s->job);
			return err_hint(e, "Let it end, or 'midwatch cancel %"
			    PRId64 "'.", s->job);
		}
		if (s->state == STEP_DOUBT && reason == NULL) {
			err_set(e, ERR_GUARD, "step '%s' is in doubt", s->id);
			return err_hint(e, "Look at what it did and --skip or "
			    "run it --again; or --override with a reason.");
		}
	}
	return true;
}

/* Without a runbook nothing says what has to hold: somebody must. */
static bool
has_criteria(struct desk *d, const char *reason, struct err *e)
{
	struct buf data = BUF_INIT;
	bool ok;

	if (d->have_rb)
		return true;
	if (reason == NULL) {
		err_set(e, ERR_GUARD, "the incident follows no runbook, so "
		    "nothing says when it is over");
		return err_hint(e, "'midwatch runbook NAME --take' gives it "
		    "one; or --override with a reason.");
	}
	json_open(&data);
	json_put_str(&data, "criterion", "a runbook with criteria");
	json_close(&data);
	ok = incident_say(&d->inc, EVENT_OVERRIDE, NULL, reason, data.p, e);
	buf_release(&data);
	return ok;
}

static void
report(struct desk *d, const struct criteria *cs, bool done)
{
	struct buf b = BUF_INIT, point = BUF_INIT, frozen = BUF_INIT;
	const struct site *site = d->have_site ? &d->site : NULL;

	incident_checkpoint(&d->inc, &point);
	freeze_remind(d, &frozen);
	if (d->cli->json) {
		json_open(&b);
		json_put_bool(&b, "ok", done);
		json_put_str(&b, "incident", d->inc.id);
		json_put_str(&b, "state", inc_state_name(d->inc.state));
		json_put_str(&b, "checkpoint", point.p);
		json_put_str(&b, "frozen", frozen.n > 0 ? frozen.p : NULL);
		criteria_json(cs, site, &b);
		cli_object(&b);
	} else {
		say_criteria(cs, site);
		if (done) {
			cli_out("%s is %s", d->inc.id,
			    inc_state_name(d->inc.state));
			cli_out("checkpoint: %s", point.p);
		}
	}
	if (frozen.n > 0) {
		cli_note("%s", frozen.p);
		cli_note("  When they may go on: 'midwatch freeze off'.");
	}
	buf_release(&b);
	buf_release(&point);
	buf_release(&frozen);
}

static void
tell_end(struct desk *d, const struct ending *how, size_t over)
{
	char *subject = xprintf("%s is %s%s: %s", d->inc.id,
	    inc_state_name(how->to), over > 0 ? ", with criteria overridden" :
	    "", d->inc.title != NULL ? d->inc.title : "");

	telling_of(d, how->to == INC_CLOSED ? SITE_TRIGGER_CLOSE :
	    SITE_TRIGGER_RESOLVE, subject);
	free(subject);
}

/* Who is told stands in the journal too, so the mark comes behind; and one before,
 * since telling may take a minute and be killed. */
static void
mark_end(struct desk *d, const struct ending *how, size_t over)
{
	const char *text = how->to == INC_CLOSED ? "incident closed" :
	    "incident resolved";
	int64_t seq = d->inc.j.scan.seq;

	desk_log_checkpoint(d, text);
	tell_end(d, how, over);
	if (d->inc.j.scan.seq != seq)
		desk_log_checkpoint(d, text);
}

static int
end(struct cli *c, int argc, char **argv, const struct ending *how)
{
	const char *reason = NULL;
	const struct opt opts[] = { { "--override", NULL, &reason, NULL } };
	struct criteria cs = { 0 };
	struct err e = ERR_INIT;
	struct desk d;
	bool ok = false;
	int status = EXIT_REFUSED;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 0, 1, "midwatch incident resolve|close [INCIDENT] "
	    "[--override REASON]"))
		return EXIT_USAGE;
	if (reason != NULL && reason[strspn(reason, " \t\n")] == '\0')
		return cli_usage("an override needs a reason");
	if (!desk_open(&d, c, &e) || !desk_incident(&d, c->words.n ?
	    c->words.v[0] : NULL, &e) || !right_state(&d, how, &e))
		goto out;
	if (d.inc.runbook != NULL && !desk_runbook(&d, &e))
		goto out;
	d.en.fresh = true;	/* nothing that was seen before will do */
	if (d.have_rb)
		engine_criteria(&d.en, how->to == INC_CLOSED ? &d.rb.close :
		    &d.rb.resolve, &cs);
	if (cs.open > 0 && reason == NULL) {
		report(&d, &cs, false);
		cli_note("%s of '%s' refused: %zu %s not proven",
		    how->word, d.inc.id, cs.open, cs.open == 1 ?
		    "criterion is" : "criteria are");
		cli_note("  Make them true, or --override with a reason that "
		    "will stand in the post-mortem.");
		goto quiet;
	}
	if (!nothing_runs(&d, reason, &e) || !has_criteria(&d, reason, &e) ||
	    (reason != NULL && !override_open(&d, &cs, reason, &e)))
		goto out;
	if (!finish(&d, how, &cs, &e))
		goto out;
	ok = true;
	for (size_t i = 0; i < cs.v.n; i++)
		cs.v.v[i].over = incident_overridden(&d.inc,
		    cs.v.v[i].cond->text);
	mark_end(&d, how, not_proven(&cs));
	report(&d, &cs, true);
out:
	status = ok ? EXIT_DONE : cli_fail(c, &e);
quiet:
	VEC_RELEASE(&cs.v);
	desk_close(&d);
	return status;
}

int
incident_resolve(struct cli *c, int argc, char **argv)
{
	return end(c, argc, argv, &resolving);
}

int
incident_close(struct cli *c, int argc, char **argv)
{
	return end(c, argc, argv, &closing);
}
