/* What was done, decided and found, and how that is known. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/markdown.h"
#include "report/intern.h"
#include "report/table.h"

static void
of_line(struct buf *out, int64_t seq)
{
	buf_printf(out, " (line %" PRId64 ")", seq);
}

/* ---- steps -------------------------------------------------------------------- */

static void
state_cell(struct buf *out, const struct facts *f, const struct inc_step *s)
{
	const struct inc_entry *en = facts_step_line(f, s);
	int64_t code = en != NULL ? json_get_int(en->data, "exit", 0) : 0;
	int64_t tries = facts_step_tries(f, s);
	bool good = s->state == STEP_DONE;

	if (!good && s->state != STEP_SKIPPED && s->state != STEP_TODO)
		buf_str(out, "**");
	buf_str(out, step_state_name(s->state));
	if (!good && s->state != STEP_SKIPPED && s->state != STEP_TODO)
		buf_str(out, "**");
	if (!text_empty(s->how) && strcmp(s->how, step_state_name(s->state)) != 0) {
		buf_str(out, ", ");
		md_text(out, s->how);
	}
	if (!good && code != 0)
		buf_printf(out, ", exit %" PRId64, code);
	if (tries > 1)
		buf_printf(out, ", %" PRId64 " tries", tries);
	if (s->proof_lost)
		buf_str(out, ", **proof lost**");
}

static void
proofs(struct buf *out, const struct inc_entry *en)
{
	const json_t *list = json_object_get(en->data, "proofs"), *p;
	size_t i;

	json_array_foreach(list, i, p) {
		buf_str(out, "  - ");
		md_code(out, json_get_str(p, "condition"));
		buf_str(out, ": **");
		md_text(out, json_get_str(p, "answer"));
		buf_str(out, "**, ");
		md_text(out, json_get_str(p, "seen"));
		buf_ch(out, '\n');
	}
}

/* Reasons and proofs do not fit into a table's cells. */
static void
seen(const struct facts *f, struct buf *out)
{
	struct buf body = BUF_INIT;

	for (size_t i = 0; i < f->inc->steps.n; i++) {
		const struct inc_step *s = &f->inc->steps.v[i];
		const struct inc_entry *en = facts_step_line(f, s);

		if (en == NULL || (text_empty(s->reason) &&
		    json_array_size(json_object_get(en->data, "proofs")) == 0))
			continue;
		buf_str(&body, "- ");
		md_text(&body, s->id);
		buf_printf(&body, ", %s", step_state_name(s->state));
		if (!text_empty(s->reason)) {
			buf_str(&body, ": ");
			md_text(&body, s->reason);
		}
		buf_ch(&body, '\n');
		proofs(&body, en);
	}
	if (body.n > 0) {
		buf_str(out, "\nReasons, and what the proofs saw:\n\n");
		buf_add(out, body.p, body.n);
	}
	buf_release(&body);
}

void
section_steps(const struct facts *f, struct buf *out)
{
	static const char *const head[] = { "Step", "State", "By", "Started",
	    "Took", "Title", NULL };
	struct table t = { 0 };

	if (f->inc->steps.n == 0) {
		buf_str(out, "No step was begun.\n");
		return;
	}
	table_head(&t, head);
	for (size_t i = 0; i < f->inc->steps.n; i++) {
		const struct inc_step *s = &f->inc->steps.v[i];
		int64_t ms = facts_step_ms(f, s);

		table_text(&t, s->id);
		state_cell(table_cell(&t), f, s);
		table_text(&t, s->by);
		if (s->started != 0)
			md_time(table_cell(&t), s->started);
		else
			buf_str(table_cell(&t), "-");
		if (ms >= 0)
			md_duration(table_cell(&t), ms);
		else
			buf_str(table_cell(&t), "-");
		if (s->state == STEP_RUNNING)
			buf_str(&t.cells.v[t.cells.n - 1], " so far");
		table_text(&t, facts_step_title(f, s));
	}
	table_write(&t, out);
	seen(f, out);
}

static void
words_of(const struct facts *f, const struct inc_entry *en, struct buf *out)
{
	of_line(out, en->seq);
	buf_str(out, ": ");
	md_text(out, facts_words(f, en));
}

/* ---- overrides and passed gates ------------------------------------------------ */

void
section_overrides(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &f->inc->entries.v[i];
		const char *what = json_get_str(en->data,
		    en->kind == EVENT_OVERRIDE ? "criterion" : "gate");

		if (en->bad || (en->kind != EVENT_OVERRIDE &&
		    en->kind != EVENT_GATE_PASSED))
			continue;
		buf_str(out, en->kind == EVENT_OVERRIDE ? "- **Override** of " :
		    "- Gate passed knowingly: ");
		if (text_empty(what))
			md_text(out, *en->step ? en->step : "(not said)");
		else if (en->kind == EVENT_OVERRIDE)
			md_code(out, what);
		else
			md_text(out, what);
		buf_str(out, ", by ");
		md_text(out, en->by);
		buf_str(out, " at ");
		md_time(out, en->at);
		words_of(f, en, out);
		buf_ch(out, '\n');
	}
	if (out->n == 0)
		buf_str(out, "None.\n");
}

/* ---- criteria of the end --------------------------------------------------------- */

void
section_criteria(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &f->inc->entries.v[i];
		const char *what = json_get_str(en->data, "criterion");
		const char *answer = json_get_str(en->data, "answer");
		const char *seen = json_get_str(en->data, "seen");
		const char *for_ = json_get_str(en->data, "for");

		if (en->bad || en->kind != EVENT_CRITERION || what == NULL)
			continue;
		buf_str(out, "- ");
		md_code(out, what);
		buf_str(out, json_get_bool(en->data, "overridden") ?
		    ": **overridden**, " : ": ");
		md_text(out, answer != NULL ? answer : "?");
		buf_str(out, ", ");
		md_text(out, seen != NULL ? seen : "");
		buf_str(out, " (");
		md_text(out, for_ != NULL ? for_ : "?");
		buf_str(out, ", ");
		md_time(out, en->at);
		of_line(out, en->seq);
		buf_str(out, ")\n");
	}
}

/* ---- decisions, hypotheses, pins ------------------------------------------------ */

static void
said(const struct facts *f, const struct inc_entry *en, struct buf *out)
{
	md_time(out, en->at);
	buf_str(out, ", ");
	md_text(out, en->by);
	words_of(f, en, out);
}

void
section_decisions(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = f->by_time[i];

		if (en->kind != EVENT_DECISION || en->bad)
			continue;
		buf_str(out, "- ");
		said(f, en, out);
		buf_ch(out, '\n');
	}
}

/* The line that ended the hypothesis, for its words in full. */
static const struct inc_entry *
ending(const struct facts *f, const struct inc_hypothesis *h)
{
	for (size_t i = f->n; h->state != HYP_OPEN && i-- > 0;) {
		const struct inc_entry *en = &f->inc->entries.v[i];

		if (!en->bad && (en->kind == EVENT_RULED_OUT ||
		    en->kind == EVENT_CONFIRMED) &&
		    json_get_int(en->data, "of", 0) == h->seq)
			return en;
	}
	return NULL;
}

void
section_hypotheses(const struct facts *f, struct buf *out)
{
	static const char *const states[] = { "open", "ruled out",
	    "**confirmed**" };

	for (size_t i = 0; i < f->inc->hypotheses.n; i++) {
		const struct inc_hypothesis *h = &f->inc->hypotheses.v[i];
		const struct inc_entry *end = ending(f, h);

		buf_printf(out, "- %s", states[h->state]);
		of_line(out, h->seq);
		buf_str(out, ": ");
		md_text(out, facts_words_of(f, h->seq, h->text));
		if (end != NULL) {
			buf_str(out, "\n  - ");
			said(f, end, out);
		}
		buf_ch(out, '\n');
	}
}

void
section_pinned(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = f->by_time[i];

		if (!en->pinned || en->bad)
			continue;
		buf_str(out, "- ");
		said(f, en, out);
		buf_ch(out, '\n');
	}
}

/* ---- evidence -------------------------------------------------------------------- */

static void
output_file(struct buf *out, const json_t *o)
{
	int64_t from = json_get_int(o, "from", 0);
	int64_t bytes = json_get_int(o, "bytes", 0);
	int64_t cut = json_get_int(o, "cut_from", 0);
	char size[16];

	buf_str(out, "  - output: ");
	md_code(out, json_get_str(o, "file"));
	text_fmt_size(size, bytes);
	buf_printf(out, ", %s", size);
	if (from > 0)
		buf_printf(out, " from byte %" PRId64, from);
	if (cut > 0)
		buf_printf(out, ", **cut** (it printed %" PRId64 " bytes)", cut);
	buf_str(out, "\n  - SHA-256: ");
	md_code(out, json_get_str(o, "sha256"));
	buf_ch(out, '\n');
}

static void
one_evidence(const struct facts *f, const struct inc_entry *en,
    struct buf *out)
{
	static const char *const keys[] = { "source", "file", "path", "sha256" };
	const json_t *o = json_object_get(en->data, "output");
	int64_t job = json_get_int(en->data, "job", 0);
	const char *command = fact_job_command(facts_job(f, job));

	buf_str(out, "- ");
	said(f, en, out);
	if (job != 0)
		buf_printf(out, ", job %" PRId64, job);
	if (json_object_get(en->data, "exit") != NULL)
		buf_printf(out, ", exit %" PRId64,
		    json_get_int(en->data, "exit", 0));
	buf_ch(out, '\n');
	if (!text_empty(command)) {
		buf_str(out, "  - command: ");
		md_code(out, command);
		buf_ch(out, '\n');
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *value = json_get_str(en->data, keys[i]);

		if (value == NULL)
			continue;
		buf_printf(out, "  - %s: ", keys[i]);
		md_code(out, value);
		buf_ch(out, '\n');
	}
	if (json_is_object(o))
		output_file(out, o);
}

void
section_evidence(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++)
		if (facts_is_evidence(&f->inc->entries.v[i]))
			one_evidence(f, &f->inc->entries.v[i], out);
	for (size_t i = 0; i < f->jobs.n; i++) {	/* running, or vanished */
		const struct fact_job *job = &f->jobs.v[i];
		const struct inc_entry *en = job->start != NULL ? job->start :
		    job->end;
		const char *outcome = fact_job_outcome(job);

		if (job->output)
			continue;
		buf_str(out, "- ");
		said(f, en, out);
		buf_printf(out, ", job %" PRId64 ", without output, ", job->n);
		md_text(out, outcome != NULL ? outcome : "not ended");
		buf_ch(out, '\n');
	}
}
