/* Who was there, who was told, and what people have written themselves. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/markdown.h"
#include "report/fields.h"
#include "report/intern.h"
#include "report/table.h"

static const struct { const char *name, *heading; } fields[] = {
#define X(name, heading) { name, heading },
	REPORT_FIELDS(X)
#undef X
};
enum { N_FIELDS = sizeof fields / sizeof *fields, SUMMARY = 0 };

static void
roles(const struct facts *f, struct buf *out)
{
	static const char *const head[] = { "Role", "Who", "From", "Until",
	    NULL };
	struct table t = { 0 };

	if (f->inc->roles.n == 0)
		return;
	table_head(&t, head);
	for (size_t i = 0; i < f->inc->roles.n; i++) {
		const struct inc_role *r = &f->inc->roles.v[i];

		table_text(&t, r->role);
		table_text(&t, r->who);
		md_site(table_cell(&t), r->since);
		if (r->until != 0)
			md_site(table_cell(&t), r->until);
		else
			buf_str(table_cell(&t), "the end");
	}
	table_write(&t, out);
}

static void
operators(const struct facts *f, struct buf *out)
{
	static const char *const head[] = { "Operator", "Host", "Logged in as",
	    "SSH from", "Since", NULL };
	struct table t = { 0 };
	bool any = false;

	table_head(&t, head);
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &f->inc->entries.v[i];
		const char *sudo = json_get_str(en->data, "sudo");
		const char *ssh = json_get_str(en->data, "ssh");

		if (en->kind != EVENT_OPERATOR || en->bad)
			continue;
		any = true;
		table_text(&t, en->by);
		table_text(&t, en->host);
		table_text(&t, json_get_str(en->data, "login"));
		if (!text_empty(sudo)) {
			struct buf *cell = &t.cells.v[t.cells.n - 1];

			buf_str(cell, ", sudo by ");
			md_text(cell, sudo);
		}
		table_text(&t, text_empty(ssh) ? "(local)" : ssh);
		md_site(table_cell(&t), en->at);
	}
	if (any && out->n > 0)
		buf_ch(out, '\n');
	table_write(&t, out);
}

void
section_people(const struct facts *f, struct buf *out)
{
	roles(f, out);
	operators(f, out);
}

void
section_told(const struct facts *f, struct buf *out)
{
	static const char *const head[] = { "Told", "Who", "Why", NULL };
	struct table t = { 0 };

	if (f->inc->told.n == 0)
		return;
	table_head(&t, head);
	for (size_t i = 0; i < f->inc->told.n; i++) {
		const struct inc_told *p = &f->inc->told.v[i];

		if (p->at != 0)
			md_site(table_cell(&t), p->at);
		else
			buf_str(table_cell(&t), "**still to be told**");
		table_text(&t, *p->who != '\0' ? p->who : "somebody");
		struct buf *why = table_cell(&t);
		md_text(why, p->trigger);
		if (p->acked != 0) {
			buf_str(why, "; answered ");
			md_time(why, p->acked);
		}
	}
	table_write(&t, out);
}

void
section_followups(const struct facts *f, struct buf *out)
{
	static const char *const head[] = { "State", "Owner", "Due", "Line",
	    "What", NULL };
	struct table t = { 0 };

	if (f->inc->followups.n == 0) {
		buf_str(out, f->inc->no_followups ?
		    "None: it was decided that there are none.\n" :
		    "None yet.\n");
		return;
	}
	table_head(&t, head);
	for (size_t i = 0; i < f->inc->followups.n; i++) {
		const struct inc_followup *u = &f->inc->followups.v[i];

		buf_str(table_cell(&t), u->done ? "done" : "open");
		table_text(&t, u->owner != NULL ? u->owner : "nobody yet");
		table_text(&t, u->due != NULL ? u->due : "no date");
		buf_printf(table_cell(&t), "%" PRId64, u->seq);
		table_text(&t, facts_words_of(f, u->seq, u->text));
	}
	table_write(&t, out);
}

/* ---- what people have written ------------------------------------------------ */

void
section_summary(const struct facts *f, struct buf *out)
{
	const char *words = facts_field(f, fields[SUMMARY].name);

	if (words != NULL)
		md_prose(out, words);
}

static bool
is_known(const char *name)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (strcmp(fields[i].name, name) == 0)
			return true;
	return false;
}

static void
one_field(struct buf *out, const char *heading, const char *words)
{
	if (out->n > 0)
		buf_ch(out, '\n');
	buf_str(out, "### ");
	md_text(out, heading);
	buf_str(out, "\n\n");
	md_prose(out, words);
}

void
section_analysis(const struct facts *f, struct buf *out)
{
	struct buf missing = BUF_INIT, body = BUF_INIT;

	for (size_t i = 0; i < N_FIELDS; i++) {
		const char *words = facts_field(f, fields[i].name);

		if (words == NULL)
			buf_printf(&missing, "%s%s", missing.n ? ", " : "",
			    fields[i].name);
		else if (i != SUMMARY)
			one_field(&body, fields[i].heading, words);
	}
	for (size_t i = 0; i < f->inc->fields.n; i++) {
		const char *name = f->inc->fields.v[i].name;

		if (!is_known(name) && facts_field(f, name) != NULL)
			one_field(&body, name, facts_field(f, name));
	}
	buf_add(out, body.p, body.n);
	if (missing.n > 0)
		buf_printf(out, "%sNot written yet: %s.\n", body.n ? "\n" : "",
		    missing.p);
	buf_release(&missing);
	buf_release(&body);
}
