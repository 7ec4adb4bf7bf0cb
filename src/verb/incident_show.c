#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "verb/telling.h"
#include "verb/verbs.h"

enum { RECENT = 12, LINE_MAX_SHOWN = 400 };

/* ---- list -------------------------------------------------------------------- */

static void
list_json(struct buf *b, const struct incident *inc)
{
	char at[32];

	json_comma(b);
	json_open(b);
	json_put_str(b, "incident", inc->id);
	json_put_str(b, "state", inc_state_name(inc->state));
	json_put_str(b, "severity", inc->severity);
	json_put_str(b, "title", inc->title);
	clock_fmt_utc(at, inc->opened);
	json_put_str(b, "opened", at);
	json_put_str(b, "runbook", inc->runbook);
	json_put_str(b, "dir", inc->dir);
	json_close(b);
}

static void
list_line(const struct incident *inc)
{
	char at[40];

	clock_fmt_site(at, inc->opened);
	cli_out("%-20s %-8s %-5s %s  %s", inc->id, inc_state_name(inc->state),
	    inc->severity ? inc->severity : "-", at,
	    inc->title ? inc->title : "");
}

int
incident_list(struct cli *c, int argc, char **argv)
{
	struct state_ids ids = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;
	bool ok;

	if (!cli_parse(c, argc, argv, NULL, 0) ||
	    !cli_words(c, 0, 0, "midwatch incident list"))
		return EXIT_USAGE;
	ok = desk_open(&d, c, &e) && state_incidents(&d.state, &ids, &e);
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_key(&b, "incidents");
	json_open_list(&b);
	for (size_t i = 0; ok && i < ids.v.n; i++) {
		char *dir = state_path(&d.state, "incidents/%s", ids.v.v[i]);
		struct incident inc = INCIDENT_INIT;
		struct err le = ERR_INIT;

		if (!incident_load(&inc, dir, &le))
			cli_note("%s: %s", ids.v.v[i], le.msg);
		else if (inc.entries.n == 0)
			cli_note("%s was never opened: its opening was cut off",
			    ids.v.v[i]);
		else if (c->json)
			list_json(&b, &inc);
		else
			list_line(&inc);
		incident_release(&inc);
		free(dir);
	}
	json_close_list(&b);
	if (ok && c->json)
		cli_object(&b);
	else if (ok && ids.v.n == 0)
		cli_out("no incidents yet");
	buf_release(&b);
	state_ids_release(&ids);
	desk_close(&d);
	return ok ? EXIT_DONE : cli_fail(c, &e);
}

/* ---- show -------------------------------------------------------------------- */

static const char *
mark(enum view_state s)
{
	static const char *const marks[] = { "TODO", "TODO", "TODO", "RUN ",
	    "OK  ", "FAIL", "SKIP", "?   ", "n/a " };

	return marks[s];
}

static void
show_head(struct desk *d)
{
	const struct incident *inc = &d->inc;
	char at[40], took[32];
	int64_t end = inc->resolved != 0 ? inc->resolved : clock_wall_ms();

	cli_out("%s  %s  %s  %s", inc->id, inc_state_name(inc->state),
	    inc->severity ? inc->severity : "", inc->title ? inc->title : "");
	clock_fmt_site(at, inc->opened);
	text_fmt_duration(took, end - inc->opened);
	cli_out("opened %s (%s), %s %s", at, clock_zone(),
	    inc->resolved ? "took" : "running for", took);
	if (inc->alerted != 0) {
		clock_fmt_site(at, inc->alerted);
		cli_out("alerted %s", at);
	}
	for (size_t i = 0; i < inc->roles.n; i++)
		if (inc->roles.v[i].until == 0)
			cli_out("%s: %s", inc->roles.v[i].role,
			    inc->roles.v[i].who);
	if (inc->channel != NULL)
		cli_out("channel: %s", inc->channel);
	telling_head(d);
	if (inc->j.second.in_use)
		cli_out("NOTICE the second journal is in use: %s",
		    inc->j.second.path);
	if (inc->j.second.missing)
		cli_out(inc->j.second.gone ? "NOTICE the newest lines stood in "
		    "the second journal, in memory, and a restart took them: "
		    "%s" : "NOTICE the newest lines stand in the second "
		    "journal, which cannot be read: %s", inc->j.second.path);
	if (scan_lost(&inc->j.scan))
		cli_out("NOTICE lines are missing, a restart took the second "
		    "journal that they stood in: 'midwatch verify "
		    "%s/journal.jsonl'", inc->dir);
	if (inc->j.scan.problems.n > 0)
		cli_out("NOTICE the journal was changed or damaged: 'midwatch "
		    "verify %s/journal.jsonl'", inc->dir);
}

static void
show_steps(struct desk *d)
{
	const struct rb_step *next = engine_next(&d->en);
	const char *phase = "";

	for (size_t i = 0; i < d->rb.n; i++) {
		const struct rb_step *s = &d->rb.steps[i];
		const struct inc_step *is = incident_step(&d->inc, s->id);
		struct view v;

		engine_view(&d->en, s, &v);
		if (s->phase != NULL && strcmp(s->phase, phase) != 0) {
			phase = s->phase;
			cli_out(" %s", phase);
		}
		cli_out("%s %s %2zu %-22s %s%s", s == next ? " >" : "  ",
		    mark(v.state), i + 1, s->id, s->title, is != NULL && is->proof_lost ?
		    "  PROOF LOST" : "");
		if (v.state == VIEW_DONE && is != NULL)
			cli_out("             %s by %s", is->how ? is->how :
			    "done", is->by);
		else if (v.state != VIEW_TODO && v.why.n > 0)
			cli_out("             %s: %.300s", v.soft ?
			    "should wait" : is != NULL && is->waits ? INC_WAITS :
			    view_name(v.state), v.why.p);
		view_release(&v);
	}
}

static void
show_now(struct desk *d)
{
	const struct rb_step *s = engine_next(&d->en);

	if (d->inc.state != INC_OPEN)
		return;
	if (s == NULL) {
		cli_out("now: no step is ready; 'midwatch incident resolve' "
		    "checks what is still open");
		return;
	}
	cli_out("now: %s  (midwatch run %s)", s->title, s->id);
	if (s->say != NULL)
		cli_out("     %s", s->say);
	for (size_t i = 0; i < s->todo.n; i++)
		cli_out("     %zu. %s", i + 1, s->todo.v[i]);
	if (s->expect != NULL)
		cli_out("     expect: %s", s->expect);
	if (s->stop != NULL)
		cli_out("     safe to stop? %s", s->stop);
}

static void
show_lines(const struct incident *inc, bool all)
{
	size_t from = all || inc->entries.n < RECENT ? 0 :
	    inc->entries.n - RECENT;

	if (from > 0)
		cli_out("last %d of %zu lines (--all shows every one):", RECENT,
		    inc->entries.n);
	for (size_t i = from; i < inc->entries.n; i++) {
		const struct inc_entry *en = &inc->entries.v[i];
		const char *text = en->corrected ? en->corrected : en->text;
		char at[16];

		clock_fmt_short(at, en->at);
		size_t n = all ? strlen(text) : text_fit(text, strlen(text),
		    LINE_MAX_SHOWN);

		cli_out("%5" PRId64 " %s %-10s %-18s %s%s%.*s%s%s%s%s",
		    en->seq, at, en->by, en->name, en->step, *en->step ?
		    ": " : "", (int)n, text, text[n] != '\0' ? " …" : "",
		    en->pinned ? "  [pinned]" : "", en->corrected ?
		    "  [corrected]" : "", en->bad ? "  [CHANGED BYTES]" : "");
	}
}

static void
steps_json(struct desk *d, struct buf *b)
{
	json_key(b, "steps");
	json_open_list(b);
	for (size_t i = 0; i < d->rb.n; i++) {
		const struct rb_step *s = &d->rb.steps[i];
		const struct inc_step *is = incident_step(&d->inc, s->id);
		struct view v;

		engine_view(&d->en, s, &v);
		json_comma(b);
		json_open(b);
		json_put_str(b, "id", s->id);
		json_put_str(b, "title", s->title);
		json_put_str(b, "state", view_name(v.state));
		json_put_bool(b, "soft", v.soft);
		json_put_str(b, "why", v.why.n ? v.why.p : NULL);
		if (is != NULL) {
			json_put_str(b, "how", is->how);
			json_put_str(b, "by", is->by);
			json_put_int(b, "job", is->job);
			json_put_int(b, "attempts", is->attempts);
		}
		json_close(b);
		view_release(&v);
	}
	json_close_list(b);
}

static void
show_json(struct desk *d)
{
	const struct incident *inc = &d->inc;
	struct buf b = BUF_INIT, point = BUF_INIT;
	const struct rb_step *next;
	char at[32];

	incident_checkpoint(inc, &point);
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_put_str(&b, "incident", inc->id);
	json_put_str(&b, "state", inc_state_name(inc->state));
	json_put_str(&b, "severity", inc->severity);
	json_put_str(&b, "title", inc->title);
	clock_fmt_utc(at, inc->opened);
	json_put_str(&b, "opened", at);
	json_put_str(&b, "runbook", inc->runbook);
	json_put_str(&b, "dir", inc->dir);
	json_put_int(&b, "lines", inc->j.scan.seq);
	json_put_int(&b, "problems", (int64_t)inc->j.scan.problems.n);
	json_put_bool(&b, "second_journal_in_use", inc->j.second.in_use);
	json_put_str(&b, "checkpoint", point.p);
	telling_head_json(d, &b);
	if (d->have_rb) {
		steps_json(d, &b);
		next = engine_next(&d->en);
		json_put_str(&b, "next", next ? next->id : NULL);
	}
	cli_object(&b);
	buf_release(&point);
}

/* The file it was copied from may have changed: offered, never used. */
static void
offer_changed(struct desk *d)
{
	char *path = runbook_newer(&d->rb, d->inc.runbook, d->en.site);

	if (path != NULL)
		cli_note("'%s' has changed since this incident was opened; "
		    "'midwatch runbook --take' uses the new one", path);
	free(path);
}

int
incident_show(struct cli *c, int argc, char **argv)
{
	bool all = false, ok;
	const struct opt opts[] = { { "--all", &all, NULL, NULL } };
	struct err e = ERR_INIT, re = ERR_INIT;
	struct desk d;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 0, 1, "midwatch incident show [INCIDENT] [--all]"))
		return EXIT_USAGE;
	ok = desk_open(&d, c, &e) && desk_incident(&d, c->words.n ?
	    c->words.v[0] : NULL, &e);
	if (!ok) {
		int status = cli_fail(c, &e);

		desk_close(&d);
		return status;
	}
	if (d.inc.runbook != NULL && !desk_runbook(&d, &re))
		cli_note("%s", re.msg);
	if (d.inc.state == INC_OPEN && !engine_sweep(&d.en, &re))
		cli_note("%s", re.msg);
	if (d.have_rb && d.inc.state == INC_OPEN)
		offer_changed(&d);
	if (c->json)
		show_json(&d);
	else {
		show_head(&d);
		if (d.have_rb)
			show_steps(&d);
		if (d.have_rb)
			show_now(&d);
		show_lines(&d.inc, all);
	}
	desk_close(&d);
	return EXIT_DONE;
}
