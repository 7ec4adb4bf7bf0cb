/* The incident as it went: the key moments, and then every line. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/markdown.h"
#include "report/intern.h"
#include "report/table.h"

enum { BACKDATED_MS = 60000, DATE = 10, TIME_AT = 11, TIME = 8, ZONE_AT = 20 };

/* How the story names a key moment; the rest are "KIND: words". */
static const struct { enum event_kind kind; const char *lead; } leads[] = {
	{ EVENT_INCIDENT_OPENED, "**Incident opened:** " },
	{ EVENT_INCIDENT_RESOLVED, "**Resolved:** " },
	{ EVENT_INCIDENT_CLOSED, "**Closed:** " },
	{ EVENT_SEVERITY, "Severity: " },
	{ EVENT_ROLE, "" },
	{ EVENT_DECISION, "Decision: " },
	{ EVENT_CONFIRMED, "Cause confirmed: " },
	{ EVENT_ALERT, "Alarm: " },
	{ EVENT_UPDATE, "Update sent: " },
	{ EVENT_DECLARED, "Declared: " },
	{ EVENT_PUBLISHED, "Report published: " },
	{ EVENT_STEP_DONE, "Done: " },
	{ EVENT_STEP_FAILED, "**Failed:** " },
	{ EVENT_STEP_DOUBT, "**In doubt:** " },
	{ EVENT_OVERRIDE, "**Overridden:** " },
	{ EVENT_PROOF_LOST, "**Proof lost:** " },
	{ EVENT_FREEZE, "Freeze: " },
	{ EVENT_RESTORED, "**Restored:** " },
	{ EVENT_JOB_DOUBT, "**Job in doubt:** " },
	{ EVENT_J_SWITCHED, "Second journal in use: " },
	{ EVENT_J_LOST, "**Second journal lost:** " },
	{ EVENT_NOTE, "" },
};

enum detail_form { WORDS, NUMBER, LINE };

/* Members of a line's data that a reader of the log wants to see. */
static const struct {
	const char *key, *label;
	enum detail_form form;
} details[] = {
	{ "severity", "severity", WORDS },
	{ "level", "level", WORDS },
	{ "alarm", "alarm", WORDS },
	{ "role", "role", WORDS },
	{ "who", "who", WORDS },
	{ "trigger", "because", WORDS },
	{ "via", "by way of", WORDS },
	{ "why", "why not", WORDS },
	{ "what", "what", WORDS },
	{ "criterion", "criterion", WORDS },
	{ "gate", "gate", WORDS },
	{ "field", "field", WORDS },
	{ "owner", "owner", WORDS },
	{ "due", "due", WORDS },
	{ "of", "about line", LINE },
	{ "how", "known by", WORDS },
	{ "exit", "exit", NUMBER },
	{ "attempts", "tries", NUMBER },
	{ "reason", "reason", WORDS },
	{ "job", "job", NUMBER },
	{ "runbook", "runbook", WORDS },
	{ "source", "source", WORDS },
	{ "path", "path", WORDS },
};

void
md_site(struct buf *out, int64_t wall_ms)
{
	char at[40];

	clock_fmt_site(at, wall_ms);
	buf_add(out, at, strnlen(at, TIME_AT + TIME));
}

void
md_time(struct buf *out, int64_t wall_ms)
{
	char at[16];

	clock_fmt_short(at, wall_ms);
	buf_str(out, at);
}

void
md_duration(struct buf *out, int64_t ms)
{
	char s[32];

	text_fmt_duration(s, ms);
	buf_str(out, s);
}

void
md_count(struct buf *out, size_t n, const char *one, const char *many)
{
	buf_printf(out, "%zu %s", n, n == 1 ? one : many);
}

/* ---- the story ------------------------------------------------------------------ */

static void
lead(struct buf *out, const struct inc_entry *en)
{
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
		if (leads[i].kind == en->kind) {
			buf_str(out, leads[i].lead);
			return;
		}
	md_text(out, en->name);
	buf_str(out, ": ");
}

/* What the story says about it beside its words. */
static void
aside(struct buf *out, const struct facts *f, const struct inc_entry *en)
{
	static const char *const keys[] = { "level", "severity", "criterion",
	    "how", "reason" };
	const char *of = en->kind == EVENT_CONFIRMED ? facts_words_of(f,
	    json_get_int(en->data, "of", 0), NULL) : NULL;
	bool first = true;

	if (of != NULL) {
		buf_str(out, " - the cause: ");
		md_text(out, of);
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *value = json_get_str(en->data, keys[i]);

		if (text_empty(value))
			continue;
		buf_str(out, first ? " (" : "; ");
		md_text(out, value);
		first = false;
	}
	if (!first)
		buf_ch(out, ')');
}

/* An update is a page of its own; the log has all of it. */
static void
story_words(struct buf *out, const struct facts *f, const struct inc_entry *en)
{
	const char *words = facts_words(f, en);
	size_t n = strcspn(words, "\n");
	char *first;

	if (en->kind != EVENT_UPDATE || words[n] == '\0') {
		md_text(out, words);
		return;
	}
	first = xstrndup(words, n);
	md_text(out, first);
	buf_printf(out, " ... (line %" PRId64 ")", en->seq);
	free(first);
}

void
section_story(const struct facts *f, struct buf *out)
{
	static const char *const head[] = { "Time", "By", "What happened",
	    NULL };
	struct table t = { 0 };
	char day[40] = "";

	table_head(&t, head);
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = f->by_time[i];
		char at[40];
		struct buf *cell;

		if (!facts_in_story(en))
			continue;
		clock_fmt_site(at, en->at);
		if (strncmp(at, day, DATE) != 0)
			md_site(table_cell(&t), en->at);
		else
			md_time(table_cell(&t), en->at);
		memcpy(day, at, sizeof day);
		table_text(&t, en->by);
		cell = table_cell(&t);
		if (en->bad)
			buf_str(cell, "**CHANGED LINE** ");
		lead(cell, en);
		story_words(cell, f, en);
		aside(cell, f, en);
		if (en->corrected != NULL)
			buf_str(cell, " (corrected)");
	}
	table_write(&t, out);
}

/* ---- every line ------------------------------------------------------------------- */

static void
times(struct buf *out, const struct inc_entry *en)
{
	char site[40], utc[32];

	clock_fmt_site(site, en->at);
	clock_fmt_utc(utc, en->at);
	buf_add(out, site + TIME_AT, TIME);
	buf_str(out, " (");
	if (strncmp(site, utc, DATE) != 0) {
		buf_add(out, utc, DATE);
		buf_ch(out, ' ');
	}
	buf_add(out, utc + TIME_AT, TIME);
	buf_str(out, "Z) ");
}

static void
detail(struct buf *out, const json_t *data)
{
	bool first = true;

	for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
		const json_t *v = json_object_get(data, details[i].key);
		bool number = details[i].form != WORDS;

		if (number ? !json_is_integer(v) :
		    text_empty(json_string_value(v)))
			continue;
		buf_printf(out, "%s%s%s ", first ? " (" : "; ",
		    details[i].label, number ? "" : ":");
		if (number)
			buf_printf(out, "%" PRId64,
			    (int64_t)json_integer_value(v));
		else
			md_text(out, json_string_value(v));
		first = false;
	}
	if (!first)
		buf_ch(out, ')');
}

static void
corrected(struct buf *out, const struct inc_entry *en)
{
	buf_printf(out, " (corrected by line %" PRId64 "; was: ",
	    en->corrected_by);
	md_text(out, en->text);
	buf_ch(out, ')');
}

/* Written long after (or before) it happened: the record says when. */
static void
written(struct buf *out, const struct inc_entry *en)
{
	if (en->rec == 0 || llabs(en->rec - en->at) <= BACKDATED_MS)
		return;
	buf_str(out, " (written ");
	md_site(out, en->rec);
	buf_ch(out, ')');
}

static void
one_line(const struct facts *f, const struct inc_entry *en, struct buf *out)
{
	const char *words = facts_words(f, en);
	bool block = strchr(words, '\n') != NULL;
	const char *strong = facts_in_story(en) ? "**" : "";

	buf_str(out, "- ");
	times(out, en);
	if (en->bad)
		buf_str(out, "**CHANGED LINE, not as it was written** ");
	md_text(out, en->by);
	buf_printf(out, " %s", strong);
	md_text(out, en->name);
	buf_str(out, strong);
	if (!text_empty(en->step)) {
		buf_ch(out, ' ');
		md_text(out, en->step);
	}
	if (!block && !text_empty(words)) {
		buf_str(out, ": ");
		md_text(out, words);
	}
	detail(out, en->data);
	if (en->corrected != NULL)
		corrected(out, en);
	written(out, en);
	buf_printf(out, "%s, line %" PRId64 "%s\n", en->pinned ? " pinned" : "",
	    en->seq, block ? ":" : "");
	if (block)
		md_fence(out, words, 2);
}

void
section_log(const struct facts *f, struct buf *out)
{
	char day[40] = "";

	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = f->by_time[i];
		char at[40];

		clock_fmt_site(at, en->at);
		if (strncmp(at, day, DATE) != 0)
			buf_printf(out, "%s### %.*s (UTC%s)\n\n",
			    out->n > 0 ? "\n" : "", DATE, at, at + ZONE_AT);
		memcpy(day, at, sizeof day);
		one_line(f, en, out);
	}
}
