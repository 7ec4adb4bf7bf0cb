/*
 * A runbook as a page of Markdown. The same file and site always give the same
 * bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/markdown.h"
#include "base/text.h"
#include "runbook/intern.h"

static void
put_pair(struct buf *out, const char *what, const char *s)
{
	if (text_empty(s))
		return;
	buf_printf(out, "**%s:** ", what);
	md_text(out, s);
	buf_str(out, "\n\n");
}

/* As code, whatever it holds; a table's cells end at any bar. */
static void
put_code(struct buf *out, const char *s, bool table)
{
	size_t run = 0, longest = 0;
	struct buf b = BUF_INIT;

	text_clean(&b, s, strlen(s), TEXT_LINE);
	for (size_t i = 0; i < b.n; i++) {
		run = b.p[i] == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	buf_fill(out, '`', longest + 1);
	if (longest > 0)
		buf_ch(out, ' ');
	for (size_t i = 0; i < b.n; i++) {
		if (table && b.p[i] == '|')
			buf_ch(out, '\\');
		buf_ch(out, b.p[i]);
	}
	if (longest > 0)
		buf_ch(out, ' ');
	buf_fill(out, '`', longest + 1);
	buf_release(&b);
}

static void
put_conds(struct buf *out, const char *what, const struct rb_conds *c)
{
	if (c->n == 0)
		return;
	buf_printf(out, "- %s: ", what);
	for (size_t i = 0; i < c->n; i++) {
		buf_str(out, i ? ", " : "");
		put_code(out, c->v[i].text, false);
	}
	buf_ch(out, '\n');
}

static void
put_block(struct buf *out, const char *text)
{
	size_t run = 0, longest = 2;

	for (const char *s = text; *s != '\0'; s++) {
		run = *s == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	buf_fill(out, '`', longest + 1);
	buf_printf(out, "sh\n%s", text);
	buf_fill(out, '`', longest + 1);
	buf_str(out, "\n\n");
}

/* ---- the head --------------------------------------------------------------- */

static void
put_risks(const struct runbook *rb, struct buf *out)
{
	if (rb->n_risks == 0)
		return;
	buf_str(out, "## Risks\n\n| Risk | Gone when | |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < rb->n_risks; i++) {
		const struct rb_risk *r = &rb->risks[i];

		buf_str(out, "| ");
		md_text(out, r->name ? r->name : "");
		buf_str(out, " | ");
		put_code(out, r->unless.text ? r->unless.text : "?", true);
		buf_str(out, " | ");
		md_text(out, r->say ? r->say : "");
		buf_str(out, " |\n");
	}
	buf_ch(out, '\n');
}

static void
put_severities(const struct runbook *rb, struct buf *out)
{
	if (rb->n_severities == 0)
		return;
	buf_str(out, "## Severities\n\n| Severity | When | Told |\n"
	    "| --- | --- | --- |\n");
	for (size_t i = 0; i < rb->n_severities; i++) {
		const struct rb_severity *s = &rb->severities[i];

		buf_str(out, "| ");
		md_text(out, s->level ? s->level : "");
		buf_str(out, " | ");
		md_text(out, s->say ? s->say : s->when ? s->when : "");
		buf_str(out, " | ");
		for (size_t k = 0; k < s->tell.n; k++) {
			buf_str(out, k ? ", " : "");
			md_text(out, s->tell.v[k]);
		}
		buf_str(out, " |\n");
	}
	buf_ch(out, '\n');
}

/* "15m", "1h30m": as it is written in the file. */
static void
put_time(struct buf *out, int64_t ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
		{ "s", 1000 }, { "ms", 1 },
	};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (ms >= units[i].ms) {
			buf_printf(out, "%" PRId64 "%s", ms / units[i].ms,
			    units[i].unit);
			ms %= units[i].ms;
		}
}

static void
put_escalations(const struct runbook *rb, struct buf *out)
{
	if (rb->n_escalations == 0)
		return;
	buf_str(out, "## Escalation\n\n| After | Unless | Told | |\n"
	    "| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < rb->n_escalations; i++) {
		const struct rb_escalation *x = &rb->escalations[i];

		buf_str(out, "| ");
		put_time(out, x->after_ms);
		buf_str(out, " | ");
		if (x->unless.text != NULL)
			put_code(out, x->unless.text, true);
		buf_str(out, " | ");
		md_text(out, x->tell ? x->tell : "");
		buf_str(out, " | ");
		md_text(out, x->say ? x->say : "");
		buf_str(out, " |\n");
	}
	buf_ch(out, '\n');
}

/* ---- the steps --------------------------------------------------------------- */

static void
put_work(const struct rb_step *s, struct buf *out)
{
	if (s->kind == STEP_ACTION && s->action != NULL) {
		buf_str(out, "- button: ");
		md_text(out, s->action);
		for (size_t i = 0; i < s->args.n; i++) {
			buf_str(out, i ? ", " : " (");
			md_text(out, s->args.v[i].key);
			buf_str(out, " = ");
			md_text(out, s->args.v[i].value);
		}
		buf_str(out, s->args.n ? ")\n" : "\n");
	}
	if (s->kind == STEP_COMMAND && s->command.n > 0) {
		buf_str(out, "- command: ");
		for (size_t i = 0; i < s->command.n; i++) {
			buf_str(out, i ? " " : "");
			put_code(out, s->command.v[i], false);
		}
		if (s->at != NULL) {
			buf_str(out, " at ");
			md_text(out, s->at);
		}
		buf_ch(out, '\n');
	}
	if (s->role != NULL) {
		buf_str(out, "- you become: ");
		md_text(out, s->role);
		buf_ch(out, '\n');
	}
}

static void
put_gates(const struct rb_step *s, struct buf *out)
{
	size_t before = out->n;

	put_work(s, out);
	put_conds(out, "only when", &s->when);
	put_conds(out, "needs", &s->needs);
	put_conds(out, "should wait for", &s->wants);
	if (s->confirm != NULL) {
		buf_str(out, "- type to confirm: ");
		put_code(out, s->confirm, false);
		buf_ch(out, '\n');
	}
	put_conds(out, "done when", &s->proves);
	if (s->exit_proves)
		buf_str(out, "- done when the command ends with 0\n");
	if (s->on_fail.n > 0) {
		buf_str(out, "- if it fails: ");
		for (size_t i = 0; i < s->on_fail.n; i++) {
			buf_str(out, i ? "; " : "");
			md_text(out, s->on_fail.v[i]);
		}
		buf_ch(out, '\n');
	}
	if (s->optional)
		buf_str(out, "- may be left out\n");
	if (s->parallel)
		buf_str(out, "- go on while it runs\n");
	if (out->n > before)
		buf_ch(out, '\n');
}

static void
put_step(const struct rb_step *s, size_t number, const struct site *site,
    struct buf *out)
{
	struct buf code = BUF_INIT;

	buf_printf(out, "### %zu. ", number);
	md_text(out, s->title);
	buf_str(out, "\n\n");
	if (!text_empty(s->say)) {
		md_text(out, s->say);
		buf_str(out, "\n\n");
	}
	for (size_t i = 0; i < s->todo.n; i++) {
		buf_printf(out, "%zu. ", i + 1);
		md_text(out, s->todo.v[i]);
		buf_ch(out, '\n');
	}
	if (s->todo.n > 0)
		buf_ch(out, '\n');
	put_pair(out, "Expect", s->expect);
	put_pair(out, "Why", s->why);
	put_pair(out, "Stop here", s->stop);
	put_gates(s, out);
	for (size_t i = 0; i < s->commands.n; i++) {
		command_fill(s->commands.v[i], site, NULL, &code);
		buf_ch(&code, '\n');
	}
	if (code.n > 0) {
		buf_str(out, "By hand:\n\n");
		put_block(out, code.p);
	}
	buf_release(&code);
}

static void
put_list(struct buf *out, const char *title, const struct rb_conds *c)
{
	buf_printf(out, "## %s\n\n", title);
	for (size_t i = 0; i < c->n; i++) {
		buf_str(out, "- [ ] ");
		put_code(out, c->v[i].text, false);
		buf_ch(out, '\n');
	}
	buf_ch(out, '\n');
}

void
runbook_render(const struct runbook *rb, const struct site *site,
    struct buf *out)
{
	const char *phase = NULL;

	buf_str(out, "# ");
	md_text(out, rb->title ? rb->title : "");
	buf_str(out, "\n\n");
	if (!text_empty(rb->say)) {
		md_text(out, rb->say);
		buf_str(out, "\n\n");
	}
	buf_str(out, "Runbook ");
	md_text(out, rb->name ? rb->name : "");
	buf_printf(out, ", version %" PRId64, rb->version);
	if (rb->severity != NULL) {
		buf_str(out, ", begins as ");
		md_text(out, rb->severity);
	}
	if (site != NULL && site->name != NULL) {
		buf_str(out, ", for the site ");
		md_text(out, site->name);
	}
	buf_str(out, ".\n\n");
	put_risks(rb, out);
	put_severities(rb, out);
	put_escalations(rb, out);
	for (size_t i = 0; i < rb->n; i++) {
		const struct rb_step *s = &rb->steps[i];

		if (i == 0 || (s->phase != NULL && (phase == NULL ||
		    strcmp(s->phase, phase) != 0))) {
			phase = s->phase;
			buf_str(out, "## ");
			md_text(out, phase ? phase : "Steps");
			buf_str(out, "\n\n");
		}
		put_step(s, i + 1, site, out);
	}
	put_list(out, "Resolved when", &rb->resolve);
	put_list(out, "Closed when", &rb->close);
	buf_cut(out, out->n - 1);
}
