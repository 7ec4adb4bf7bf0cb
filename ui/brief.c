/* The re-brief card, and all notices in one text. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/shell.h"

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

char *
shell_brief(const struct shell *s)
{
	const struct model *m = s->model;
	const struct model_steps *r = &m->steps;
	struct buf b = BUF_INIT;

	if (m->head.now != NULL)
		put_row(&b, "now", m->head.now, m->head.now_why);
	buf_ch(&b, '\n');
	put_last(&b, &m->record, 3);
	buf_str(&b, "\nWhat runs:\n");
	for (size_t i = 0; i < m->jobs.v.n; i++)
		if (m->jobs.v.v[i].running)
			put_row(&b, "running", m->jobs.v.v[i].title,
			    m->jobs.v.v[i].progress);
	if (r->current < r->v.n) {
		const struct model_step *step = &r->v.v[r->current];

		buf_str(&b, "\nThe current step:\n");
		put_row(&b, mstep_glance(step->state), step->title, NULL);
		for (size_t i = 0; i < step->proofs.n; i++)
			put_row(&b, "waits for", step->proofs.v[i].text,
			    step->proofs.v[i].why ? step->proofs.v[i].why :
			    "not known yet");
		if (step->why[0] != '\0')
			put_row(&b, "because", step->why, NULL);
	}
	buf_printf(&b, "\n%s\n", m->head.safe_to_stop ?
	    "It is safe to stop here." : "It is not safe to stop here.");
	return buf_detach(&b);
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
