#include "ui/news.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What it was before; the same when it is seen for the first time. */
static int
before(struct news *n, const char *what, int state)
{
	struct news_row *row;
	int was;

	for (size_t i = 0; i < n->v.n; i++) {
		row = &n->v.v[i];
		if (strcmp(row->what, what) != 0)
			continue;
		was = row->state;
		row->state = state;
		return was;
	}
	row = VEC_NEW(&n->v);
	row->what = xstrdup(what);
	row->state = state;
	return state;
}

static void
worse(enum news_what *worst, enum news_what this, char text[NEWS_TEXT],
    const char *said)
{
	if (this <= *worst)
		return;
	*worst = this;
	(void)snprintf(text, NEWS_TEXT, "%s", said);
}

static const char *
reason(const struct model_step *s)
{
	if (s->why != NULL && s->why[0] != '\0')
		return s->why;
	for (size_t i = 0; i < s->proofs.n; i++)
		if (s->proofs.v[i].truth == 0 && s->proofs.v[i].why != NULL)
			return s->proofs.v[i].why;
	return "see its page";
}

static void
steps(struct news *n, const struct model *m, enum news_what *worst,
    char text[NEWS_TEXT])
{
	char what[128], said[NEWS_TEXT];

	for (size_t i = 0; i < m->steps.v.n; i++) {
		const struct model_step *s = &m->steps.v.v[i];
		int was;

		(void)snprintf(what, sizeof what, "step %s", s->id);
		was = before(n, what, (int)s->state);
		if (was == (int)s->state || (s->state != MSTEP_LOST &&
		    s->state != MSTEP_FAILED))
			continue;
		(void)snprintf(said, sizeof said, "step %zu, %s, %s: %s", i + 1,
		    s->title, s->state == MSTEP_LOST ?
		    "is NOT DONE ANY MORE" : "failed", reason(s));
		worse(worst, NEWS_BAD, text, said);
	}
}

static void
jobs(struct news *n, const struct model *m, enum news_what *worst,
    char text[NEWS_TEXT])
{
	char what[64], said[NEWS_TEXT];

	for (size_t i = 0; i < m->jobs.v.n; i++) {
		const struct model_job *j = &m->jobs.v.v[i];

		(void)snprintf(what, sizeof what, "job %" PRId64, j->n);
		if (!before(n, what, j->running) || j->running)
			continue;
		(void)snprintf(said, sizeof said, "job %" PRId64 ", %s: %s",
		    j->n, j->title, j->vanished ? "VANISHED" : j->outcome ?
		    j->outcome : "ended");
		if (j->vanished || j->ended - j->started > NEWS_LONG_MS)
			worse(worst, NEWS_ENDED, text, said);
	}
}

static void
readings(struct news *n, const struct model *m, enum news_what *worst,
    char text[NEWS_TEXT])
{
	char what[160];

	for (size_t i = 0; i < m->readings.all.v.n; i++) {
		const struct reading *r = &m->readings.all.v.v[i];

		(void)snprintf(what, sizeof what, "%s %s", r->kind, r->name);
		if (before(n, what, (int)r->level) != (int)r->level &&
		    r->level == LEVEL_CRITICAL)
			worse(worst, NEWS_ALERT, text, "");
	}
}

enum news_what
news_turn(struct news *n, const struct model *m, unsigned parts,
    char text[NEWS_TEXT])
{
	enum news_what worst = NEWS_NONE;

	text[0] = '\0';
	if (parts & MODEL_STEPS)
		steps(n, m, &worst, text);
	if (parts & MODEL_JOBS)
		jobs(n, m, &worst, text);
	if (parts & MODEL_READINGS)
		readings(n, m, &worst, text);
	return worst;
}

void
news_release(struct news *n)
{
	for (size_t i = 0; i < n->v.n; i++)
		free(n->v.v[i].what);
	VEC_RELEASE(&n->v);
}
