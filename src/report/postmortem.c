#include "report/postmortem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/markdown.h"
#include "report/intern.h"
#include "report/table.h"

enum { PROBLEMS_SHOWN = 20 };

bool
report_load(struct incident *inc, const char *dir, struct journal_verdict *ret,
    struct err *e)
{
	const char *slash = strrchr(dir, '/');
	char *path = file_join(dir, "journal.jsonl");
	bool ok = incident_load_file(inc, path, e);

	free(path);
	(void)snprintf(inc->id, sizeof inc->id, "%s", slash ? slash + 1 : dir);
	if (inc->dir == NULL)
		inc->dir = xstrdup(dir);
	if (!ok)
		return false;
	*ret = (struct journal_verdict){ .lines = inc->j.scan.line,
	    .torn = inc->j.scan.torn, .last_seq = inc->j.scan.seq,
	    .second_used = inc->j.second.in_use,
	    .lost = scan_lost(&inc->j.scan),
	    .problems = inc->j.scan.problems.n + inc->j.scan.dropped };
	memcpy(ret->last_hash, inc->j.scan.hash, SHA_HEX);
	return true;
}

/* ---- the top ------------------------------------------------------------------ */

static void
fact(struct table *t, const char *label, const char *words)
{
	if (text_empty(words))
		return;
	buf_str(table_cell(t), label);
	table_text(t, words);
}

/* Which clock all of this was read from. */
static void
zone_words(const struct facts *f, struct buf *out)
{
	char at[40];

	if (f->zone_known && strcmp(clock_zone(), "UTC") != 0) {
		clock_fmt_site(at, f->inc->opened);
		buf_printf(out, "site time, %s (UTC%s at opening)",
		    clock_zone(), at + strlen(at) - strlen("+00:00"));
	} else if (!f->zone_known && f->inc->zone != NULL)
		buf_printf(out, "UTC (the site's zone '%s' is not known here)",
		    f->inc->zone);
	else
		buf_str(out, "UTC");
}

static void
facts_table(const struct facts *f, struct buf *out)
{
	const struct incident *inc = f->inc;
	const struct inc_role *boss = incident_role(inc, "commander");
	struct table t = { 0 };
	struct buf zone = BUF_INIT, id = BUF_INIT;

	md_text(&id, inc->id);
	zone_words(f, &zone);
	table_head(&t, (const char *const[]){ "Incident", id.p, NULL });
	fact(&t, "State", inc_state_name(inc->state));
	fact(&t, "Severity", inc->severity);
	fact(&t, "Site", inc->site);
	fact(&t, "Environment", inc->environment);
	fact(&t, "Alarm", inc->alarm);
	fact(&t, "Commander", boss != NULL ? boss->who : NULL);
	fact(&t, "Channel", inc->channel);
	fact(&t, "Runbook", inc->runbook);
	fact(&t, "Published", inc->published_where);
	fact(&t, "Times", zone.p);
	table_write(&t, out);
	buf_release(&zone);
	buf_release(&id);
}

static size_t
steps_in(const struct incident *inc, enum step_state state, const char *how)
{
	size_t n = 0;

	for (size_t i = 0; i < inc->steps.n; i++)
		n += inc->steps.v[i].state == state && (how == NULL ||
		    (inc->steps.v[i].how != NULL &&
		    strcmp(inc->steps.v[i].how, how) == 0));
	return n;
}

static size_t
proofs_lost(const struct incident *inc)
{
	size_t n = 0;

	for (size_t i = 0; i < inc->steps.n; i++)
		n += inc->steps.v[i].proof_lost;
	return n;
}

static size_t
still_to_tell(const struct incident *inc)
{
	size_t n = 0;

	for (size_t i = 0; i < inc->told.n; i++)
		n += inc->told.v[i].at == 0;
	return n;
}

static void
attend(struct buf *out, size_t n, const char *one, const char *many)
{
	if (n == 0)
		return;
	buf_str(out, "> - ");
	md_count(out, n, one, many);
	buf_ch(out, '\n');
}

/* What nobody may overlook, before anything else. */
static void
attention(const struct facts *f, struct buf *out)
{
	const struct incident *inc = f->inc;
	struct buf b = BUF_INIT;
	size_t impossible = 0;

	for (size_t i = 0; i < SPAN_COUNT; i++)
		impossible += f->spans[i].why_not[0] != '\0';
	attend(&b, f->v->problems, "place where the journal is not as it was "
	    "written (see Integrity)", "places where the journal is not as it "
	    "was written (see Integrity)");
	attend(&b, f->n_bad, "line was changed", "lines were changed");
	if (inc->data_risk)
		buf_str(&b, "> - data was declared to be at risk\n");
	if (inc->downtime)
		buf_str(&b, "> - downtime was declared\n");
	attend(&b, inc->overrides.n, "criterion was overridden, not proven",
	    "criteria were overridden, not proven");
	attend(&b, steps_in(inc, STEP_FAILED, NULL), "step failed",
	    "steps failed");
	attend(&b, steps_in(inc, STEP_DOUBT, NULL), "step is in doubt",
	    "steps are in doubt");
	attend(&b, proofs_lost(inc), "proof does not hold any more",
	    "proofs do not hold any more");
	attend(&b, still_to_tell(inc), "person or group is still to be told",
	    "people or groups are still to be told");
	attend(&b, impossible, "duration is impossible (see Key times)",
	    "durations are impossible (see Key times)");
	if (b.n > 0) {
		buf_str(out, "> **Attention**\n>\n");
		buf_add(out, b.p, b.n);
		buf_ch(out, '\n');
	}
	buf_release(&b);
}

static void
counted(struct buf *out, size_t n, const char *what, bool *first)
{
	if (n == 0)
		return;
	buf_printf(out, "%s%zu %s", *first ? "" : ", ", n, what);
	*first = false;
}

/* "12 steps: 9 proven, 1 confirmed by a person, ..." */
static void
in_short(const struct facts *f, struct buf *out)
{
	const struct incident *inc = f->inc;
	size_t done = steps_in(inc, STEP_DONE, NULL);
	size_t proven = steps_in(inc, STEP_DONE, "proven");
	size_t confirmed = steps_in(inc, STEP_DONE, "confirmed");
	size_t over = steps_in(inc, STEP_DONE, "overridden");
	bool first = true;

	if (inc->steps.n == 0)
		return;
	md_count(out, inc->steps.n, "step was begun: ", "steps were begun: ");
	counted(out, proven, "proven", &first);
	counted(out, confirmed, "confirmed by a person", &first);
	counted(out, over, "overridden", &first);
	counted(out, done - proven - confirmed - over,
	    "ended well without a proof", &first);
	counted(out, steps_in(inc, STEP_FAILED, NULL), "failed", &first);
	counted(out, steps_in(inc, STEP_DOUBT, NULL), "in doubt", &first);
	counted(out, steps_in(inc, STEP_RUNNING, NULL), "running", &first);
	counted(out, steps_in(inc, STEP_SKIPPED, NULL), "skipped", &first);
	counted(out, steps_in(inc, STEP_TODO, NULL), "to be done again",
	    &first);
	buf_str(out, ".\n");
}

static void
top(const struct facts *f, struct buf *out)
{
	buf_str(out, "# Post-incident report: ");
	md_text(out, facts_title(f));
	buf_str(out, "\n\n");
	if (f->drill)
		buf_str(out, "> **DRILL.** This was practice in a sandbox; "
		    "nothing here happened to production.\n\n");
	if (f->inc->state == INC_OPEN) {
		buf_str(out, "> **Still open.** This is how it stood at ");
		md_site(out, f->inc->last_at);
		buf_str(out, ", the time of its last line.\n\n");
	}
	attention(f, out);
	facts_table(f, out);
}

/* ---- times ---------------------------------------------------------------------- */

static void
section_times(const struct facts *f, struct buf *out)
{
	struct table t = { 0 };
	char utc[32];

	table_head(&t, (const char *const[]){ "Moment", "Site time", "UTC",
	    NULL });
	for (int i = 0; i < TIME_COUNT; i++) {
		buf_str(table_cell(&t), fact_time_label((enum fact_time)i));
		if (f->times[i] == 0) {
			buf_str(table_cell(&t), i == TIME_ALERTED ||
			    i == TIME_ACTION ? "not recorded" : "not yet");
			buf_str(table_cell(&t), "-");
			continue;
		}
		char site[40];

		clock_fmt_site(site, f->times[i]);
		clock_fmt_utc(utc, f->times[i]);
		buf_str(table_cell(&t), site);
		buf_printf(table_cell(&t), "%.19sZ", utc);
	}
	table_write(&t, out);
	buf_ch(out, '\n');
	table_head(&t, (const char *const[]){ "Span", "Took", NULL });
	for (size_t i = 0; i < SPAN_COUNT; i++) {
		const struct fact_span *s = &f->spans[i];

		if (!s->known && s->why_not[0] == '\0')
			continue;
		buf_str(table_cell(&t), s->label);
		if (!s->known)
			buf_printf(table_cell(&t), "**%s**", s->why_not);
		else {
			md_duration(table_cell(&t), s->ms);
			if (s->so_far)
				buf_str(&t.cells.v[t.cells.n - 1],
				    " so far, to the last line");
		}
	}
	table_write(&t, out);
}

static void
section_severity(const struct facts *f, struct buf *out)
{
	struct table t = { 0 };

	table_head(&t, (const char *const[]){ "Severity", "From", "Held",
	    "By", "Why", NULL });
	for (size_t i = 0; i < f->inc->severities.n; i++) {
		const struct inc_severity *s = &f->inc->severities.v[i];

		table_text(&t, s->level);
		md_site(table_cell(&t), s->at);
		buf_printf(table_cell(&t), "%" PRId64 " min",
		    (facts_severity_ms(f, i) + 30000) / 60000);
		table_text(&t, s->by);
		table_text(&t, facts_severity_why(f, i));
	}
	table_write(&t, out);
	if (f->inc->severities.n > 1) {
		buf_str(out, "\nThe peak was ");
		md_text(out, facts_severity_peak(f));
		buf_str(out, ".\n");
	}
}

/* ---- the end --------------------------------------------------------------------- */

static void
line_of(struct buf *out, const char *label, const char *value)
{
	if (text_empty(value))
		return;
	buf_printf(out, "- %s: ", label);
	md_code(out, value);
	buf_ch(out, '\n');
}

static void
section_integrity(const struct facts *f, struct buf *out)
{
	const struct journal_verdict *v = f->v;
	const struct scan *scan = &f->inc->j.scan;

	buf_printf(out, "- Journal: %s, %" PRId64 " lines, %" PRId64
	    " cut off%s\n", v->problems == 0 ? "intact, every line is as it was "
	    "written" : "**CHANGED**", v->lines, v->torn, v->second_used ?
	    " (part of it stands in the second journal)" : "");
	for (size_t i = 0; i < scan->losses.n; i++) {
		const struct scan_loss *l = &scan->losses.v[i];

		if (l->used)
			buf_printf(out, "- **LOST:** lines behind %" PRId64
			    ", which stood in a second journal in memory until "
			    "a restart; line %" PRId64 " says so\n",
			    l->last_seq, l->seq);
	}
	for (size_t i = 0; v->problems > 0 && i < scan->problems.n &&
	    i < PROBLEMS_SHOWN; i++) {
		const struct scan_problem *p = &scan->problems.v[i];

		buf_printf(out, "  - line %" PRId64 ", byte %" PRId64 ": ",
		    p->line, p->offset);
		md_text(out, p->text);
		buf_ch(out, '\n');
	}
	if (v->problems > PROBLEMS_SHOWN)
		buf_printf(out, "  - and %zu more\n",
		    v->problems - PROBLEMS_SHOWN);
	buf_printf(out, "- Checkpoint: `%" PRId64 ":%s`\n", v->last_seq,
	    v->last_hash);
	line_of(out, "Runbook's SHA-256", f->inc->runbook_sha);
	line_of(out, "Site file's SHA-256", f->inc->site_sha);
	line_of(out, "Time zone", f->inc->zone);
	line_of(out, "Opened with midwatch", f->inc->version);
	buf_str(out, "\n`midwatch verify journal.jsonl --checkpoint SEQ:HASH` "
	    "tells whether a journal is the\none that this report was made "
	    "from.\n");
}

/* ---- all of it ------------------------------------------------------------------- */

static const struct { const char *heading; md_section *body; } sections[] = {
	{ "Summary", section_summary },
	{ "Key times", section_times },
	{ "Severity", section_severity },
	{ "People", section_people },
	{ "The story", section_story },
	{ "Steps", section_steps },
	{ "Overrides and passed gates", section_overrides },
	{ "Criteria of the end", section_criteria },
	{ "Decisions", section_decisions },
	{ "Hypotheses", section_hypotheses },
	{ "Pinned", section_pinned },
	{ "Analysis", section_analysis },
	{ "Follow-ups", section_followups },
	{ "People told", section_told },
	{ "Evidence", section_evidence },
	{ "Complete log", section_log },
	{ "Integrity", section_integrity },
};

bool
report_markdown(const struct incident *inc, const struct journal_verdict *v,
    struct buf *out)
{
	struct facts f;
	bool known;

	facts_init(&f, inc, v);
	known = f.zone_known;
	top(&f, out);
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		struct buf body = BUF_INIT;

		sections[i].body(&f, &body);
		if (body.n > 0) {
			buf_printf(out, "\n## %s\n\n", sections[i].heading);
			if (sections[i].body == section_steps)
				in_short(&f, out);
			if (sections[i].body == section_steps && inc->steps.n)
				buf_ch(out, '\n');
			buf_add(out, body.p, body.n);
		}
		buf_release(&body);
	}
	facts_release(&f);
	return known;
}
