/* The re-brief card, and all notices in one text. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/shell.h"

enum { SINCE_MOST = 6 };

/* A foreign newline or tab would look like one of ours. */
static void
put_clean(struct buf *b, const char *s)
{
	if (s != NULL)
		text_clean(b, s, strlen(s), TEXT_LINE);
}

/* "name<TAB>text" */
static void
put_row(struct buf *b, const char *name, const char *text, const char *more)
{
	buf_printf(b, "%s\t", name);
	put_clean(b, text);
	if (more != NULL && *more != '\0') {
		buf_str(b, ": ");
		put_clean(b, more);
	}
	buf_ch(b, '\n');
}

static void
put_entry(struct buf *b, const struct model_entry *e)
{
	char at[16];

	clock_fmt_short(at, e->at);
	buf_printf(b, "%.5s ", at);
	put_clean(b, e->by);
	buf_ch(b, '\t');
	put_clean(b, e->corrected ? e->corrected : e->text);
	buf_ch(b, '\n');
}

static void
put_last(struct buf *b, const struct model_record *r, size_t most)
{
	size_t first = r->v.n, n = 0;

	while (first > 0 && n < most)
		n += r->v.v[--first].key;
	buf_str(b, "The last that was done:\n");
	for (size_t i = first; i < r->v.n; i++)
		if (r->v.v[i].key)
			put_entry(b, &r->v.v[i]);
	if (n == 0)
		buf_str(b, "\tnothing yet\n");
}

static bool
runs(const struct shell *s)
{
	for (size_t i = 0; i < s->model->jobs.v.n; i++)
		if (s->model->jobs.v.v[i].running)
			return true;
	return false;
}

/* What others, probes and jobs have left in the record meanwhile. */
static void
put_since(struct buf *b, const struct model_record *r, int64_t since)
{
	size_t first = r->v.n, n = 0;
	char at[16];

	if (since == 0)
		return;
	while (first > 0 && r->v.v[first - 1].rec > since)
		n += r->v.v[--first].kind != NULL;
	clock_fmt_short(at, since);
	buf_printf(b, "\nWhat has happened since %.5s:\n", at);
	if (n == 0)
		buf_str(b, "\tnothing is in the record\n");
	if (n > SINCE_MOST) {
		buf_printf(b, "\t%zu lines in the record, the last of them:\n",
		    n);
		first = r->v.n - SINCE_MOST;
	}
	for (size_t i = first; i < r->v.n; i++)
		put_entry(b, &r->v.v[i]);
}

static char *
card(const struct shell *s)
{
	const struct model *m = s->model;
	const struct model_steps *r = &m->steps;
	struct buf b = BUF_INIT;

	if (m->head.now != NULL)
		put_row(&b, "now", m->head.now, m->head.now_why);
	buf_ch(&b, '\n');
	put_last(&b, &m->record, 3);
	put_since(&b, &m->record, s->away);
	buf_str(&b, runs(s) ? "\nWhat runs:\n" : "\nNothing runs.\n");
	for (size_t i = 0; i < m->jobs.v.n; i++)
		if (m->jobs.v.v[i].running)
			put_row(&b, "running", m->jobs.v.v[i].title,
			    m->jobs.v.v[i].progress);
	if (r->current < r->v.n) {
		const struct model_step *step = &r->v.v[r->current];

		buf_str(&b, "\nThe current step:\n");
		put_row(&b, mstep_glance(step->state), step->title, NULL);
		for (size_t i = 0; i < step->proofs.n; i++)
			if (step->proofs.v[i].truth != 1)	/* it holds */
				put_row(&b, "waits for",
				    step->proofs.v[i].text,
				    step->proofs.v[i].why ?
				    step->proofs.v[i].why : "not known yet");
		if (step->why[0] != '\0')
			put_row(&b, "because", step->why, NULL);
	}
	buf_printf(&b, "\n%s\n", m->head.safe_to_stop ?
	    "It is safe to stop here." : "It is not safe to stop here.");
	return buf_detach(&b);
}

unsigned
shell_brief(struct shell *s, bool unasked)
{
	char *text = card(s);

	(void)shell_page(s, "where we are: q closes", text);
	s->briefing = true;
	s->unasked = unasked;
	free(text);
	return SHELL_PAINT;
}

/* Not while something runs: the card would lie over its progress. */
bool
shell_wants_brief(const struct shell *s)
{
	return s->model->head.state == INC_OPEN && s->over == OVER_NONE &&
	    !runs(s);
}

unsigned
shell_brief_turn(struct shell *s, unsigned parts)
{
	int top = s->page.top;

	if (s->attached && s->model->steps.known && s->model->jobs.known &&
	    s->model->record.v.n > 1) {
		s->attached = false;
		return shell_wants_brief(s) ? shell_brief(s, true) : 0;
	}
	if (s->over != OVER_PAGE || !s->briefing || !(parts & (MODEL_HEAD |
	    MODEL_STEPS | MODEL_JOBS | MODEL_RECORD)))
		return 0;
	if (s->unasked && runs(s))
		s->over = OVER_NONE;
	else
		(void)shell_brief(s, s->unasked);
	s->page.top = top;
	return SHELL_PAINT;
}

char *
shell_notices(const struct shell *s)
{
	const struct model_notices *n = &s->model->notices;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n->v.n; i++)
		put_row(&b, level_name(n->v.v[i].level), n->v.v[i].text,
		    n->v.v[i].hint);
	for (size_t i = 0; i < s->problems.v.n; i++)
		put_row(&b, "console", s->problems.v.v[i], NULL);
	if (b.n == 0)
		buf_str(&b, "Nothing is wrong with the console, the site or "
		    "this host.\n");
	return buf_detach(&b);
}
