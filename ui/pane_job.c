/*
 * job: what runs, how far it is, and its output. The output is never held here:
 * only the rows that are seen are asked for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/panes.h"

enum { BAR_W = 20, PERCENT_W = 6, BAR_FROM_W = 60, HEAD_ROWS = 2 };

struct job {
	int64_t shown;			/* its number; 0: none yet */
	int64_t newest;			/* that there was */
	size_t n, running, vanished;
	char *head, *far;		/* the two lines above the output */
	int64_t done, total;
	bool bad, ended;
	VEC(char *) rows;		/* of the model's output, ours */
	int64_t first, lines;
	bool back;			/* it was scrolled: the end is not followed */
	bool marks;			/* say what was taken out */
	int64_t removed;
};

static void
rows_clear(struct job *j)
{
	for (size_t i = 0; i < j->rows.n; i++)
		free(j->rows.v[i]);
	j->rows.n = 0;
}

static const struct model_job *
job_at(const struct model *m, int64_t n)
{
	for (size_t i = 0; i < m->jobs.v.n; i++)
		if (m->jobs.v.v[i].n == n)
			return &m->jobs.v.v[i];
	return NULL;
}

static char *
head_of(const struct model_job *job, int64_t now)
{
	char took[32];

	text_fmt_duration(took, (job->running ? now : job->ended) -
	    job->started);
	if (job->running)
		return xprintf("job %" PRId64 ": %s, by %s, for %s%s", job->n,
		    job->title, job->by, took, job->cancel ?
		    "; it was asked to stop" : "");
	return xprintf("job %" PRId64 ": %s: %s%s%s", job->n, job->title,
	    job->vanished ? "VANISHED, its outcome is not known" :
	    job->outcome ? job->outcome : "ended", job->vanished ? "" :
	    " after ", job->vanished ? "" : took);
}

/* What it said last while it worked is over, and would read as if it went on. */
static char *
past_of(const struct model_job *job)
{
	char from[40], to[40];

	if (job->started == 0)
		return xprintf("by %s; it never said that it began", job->by);
	clock_fmt_site(from, job->started);
	clock_fmt_site(to, job->ended);
	if (job->vanished && job->progress != NULL)
		return xprintf("by %s, since %.8s; the last that it said: %s",
		    job->by, from + 11, job->progress);
	if (job->vanished || job->ended == 0)
		return xprintf("by %s, since %.8s", job->by, from + 11);
	return xprintf("by %s, from %.8s to %.8s", job->by, from + 11, to + 11);
}

static char *
far_of(const struct model_job *job)
{
	struct buf b = BUF_INIT;
	char size[16], of[16], eta[32];

	if (!job->running)
		return past_of(job);
	if (job->progress != NULL)
		buf_str(&b, job->progress);
	if (job->total > 0 && job->progress == NULL) {
		text_fmt_size(size, job->done);
		text_fmt_size(of, job->total);
		buf_printf(&b, "%s%s of %s", b.n > 0 ? "  " : "", size, of);
	}
	if (job->rate > 0) {
		text_fmt_size(size, job->rate);
		buf_printf(&b, "  %s/s", size);
	}
	if (job->eta_ms >= 0) {
		text_fmt_duration(eta, job->eta_ms);
		buf_printf(&b, "  %s to go", eta);
	}
	if (job->bottleneck != NULL)
		buf_printf(&b, "  held up by: %s", job->bottleneck);
	return buf_detach(&b);
}

/* Something that has just begun is shown, unless somebody chose another. */
static void
choose(struct job *j, const struct model_jobs *m)
{
	j->n = m->v.n;
	j->running = j->vanished = 0;
	for (size_t i = 0; i < m->v.n; i++) {
		j->running += m->v.v[i].running;
		j->vanished += m->v.v[i].vanished;
		if (m->v.v[i].n > j->newest) {
			j->newest = j->shown = m->v.v[i].n;
			j->back = false;
		}
	}
}

/* The others are not seen: they are counted, and how to get there is said. */
static void
heading(const struct job *j, char *out, size_t size)
{
	char lost[40] = "";

	if (j->vanished > 0)
		(void)snprintf(lost, sizeof lost, ", %zu VANISHED",
		    j->vanished);
	if (j->n < 2)
		(void)snprintf(out, size, "job%s", lost);
	else
		(void)snprintf(out, size, "jobs: %zu run%s%s; [ and ] go to "
		    "the others", j->running, j->running == 1 ? "s" : "",
		    lost);
}

static int
job_recalc(struct pane *p, const struct model *m, int width)
{
	struct job *j = p->state;
	const struct model_job *job;

	(void)width;
	choose(j, &m->jobs);
	job = job_at(m, j->shown);
	free(j->head);
	free(j->far);
	j->head = job != NULL ? head_of(job, m->now) : NULL;
	j->far = job != NULL ? far_of(job) : NULL;
	j->done = job != NULL ? job->done : 0;
	j->total = job != NULL ? job->total : 0;
	j->ended = job != NULL && !job->running;
	j->bad = job != NULL && (job->vanished || (j->ended &&
	    job->outcome != NULL && strcmp(job->outcome, "done") != 0));
	rows_clear(j);
	if (m->output.job == j->shown) {
		j->first = m->output.first;
		j->lines = m->output.lines;
		j->removed = m->output.removed;
		for (size_t i = 0; i < m->output.v.n; i++)
			VEC_PUSH(&j->rows, xstrdup(m->output.v.v[i]));
	}
	heading(j, p->title, sizeof p->title);
	if (job == NULL)
		return 0;
	return HEAD_ROWS + (j->rows.n > 0 ? (int)j->rows.n : 1);
}

static void
job_paint(const struct pane *p, struct canvas *c)
{
	const struct job *j = p->state;
	int y = HEAD_ROWS, room = c->h - HEAD_ROWS, right = 0;
	size_t from;

	if (j->head == NULL) {
		(void)canvas_put(c, 2, 0, ROLE_DIM, "nothing runs");
		return;
	}
	if (p->focus)
		canvas_cursor(c, 0, 0);
	if (j->total > 0 && !j->ended && c->w >= BAR_FROM_W) {
		right = BAR_W + PERCENT_W;
		canvas_bar(c, c->w - right, 0, BAR_W, ROLE_TEXT, j->done,
		    j->total);
		(void)canvas_printf(c, c->w - PERCENT_W, 0, ROLE_STRONG,
		    "%4d %%", (int)(j->done < j->total ? (double)j->done /
			(double)j->total * 100 : 100));
		right++;
	}
	canvas_fit(c, 0, 0, c->w - right, j->bad ? ROLE_WARNING : j->ended ?
	    ROLE_TEXT : ROLE_STRONG, j->head);
	canvas_fit(c, 0, 1, c->w, ROLE_TEXT, j->far);
	if (room < 1)
		return;
	/* the end of what we have, unless it was asked for by its beginning */
	from = !j->back && j->rows.n > (size_t)room ?
	    j->rows.n - (size_t)room : 0;
	for (size_t i = from; i < j->rows.n && y < c->h; i++, y++)
		canvas_fit(c, 2, y, c->w - 2, ROLE_TEXT, j->rows.v[i]);
	if (j->rows.n == 0)
		(void)canvas_put(c, 2, y, ROLE_DIM, "it has printed nothing");
	if (j->back || (j->marks && j->removed > 0)) {
		char text[80];

		(void)snprintf(text, sizeof text, "row %" PRId64 " of %" PRId64
		    "%s", j->first + 1, j->lines, j->marks ?
		    ", escapes are shown" : "");
		canvas_right(c, c->w / 2, c->h - 1, c->w - c->w / 2, ROLE_KEY,
		    text);
	}
}

/* ---- what is asked of it ------------------------------------------------------------ */

static enum react
look_at(struct pane *p, int64_t first, struct wish *w)
{
	struct job *j = p->state;
	int64_t rows = p->rows > HEAD_ROWS ? p->rows - HEAD_ROWS : 1;
	int64_t last = j->lines > rows ? j->lines - rows : 0;

	if (j->shown == 0)
		return REACT_DONE;
	if (first >= last)
		first = -1;
	j->back = first >= 0;
	w->kind = WISH_ORDER;
	w->title = xstrdup("looking");
	w->order = (struct order){ .kind = ORDER_OUTPUT, .number = j->shown,
	    .at = first, .rows = first < 0 ? rows + 100 : rows };
	return REACT_WISH;
}

static enum react
scroll(struct pane *p, int64_t by, struct wish *w)
{
	struct job *j = p->state;
	int64_t rows = p->rows > HEAD_ROWS ? p->rows - HEAD_ROWS : 1;
	int64_t first = j->back ? j->first : j->lines > rows ?
	    j->lines - rows : 0;

	first += by;
	return look_at(p, first < 0 ? 0 : first, w);
}

static enum react
other(struct pane *p, const struct model *m, int by, struct wish *w)
{
	struct job *j = p->state;
	size_t at = 0;

	if (m->jobs.v.n == 0)
		return wish_refuse(w, "no job has run yet");
	while (at < m->jobs.v.n && m->jobs.v.v[at].n != j->shown)
		at++;
	if ((by < 0 && at == 0) || (by > 0 && at + 1 >= m->jobs.v.n))
		return wish_refuse(w, "there is no other one");
	j->shown = m->jobs.v.v[by < 0 ? at - 1 : at + 1].n;
	j->lines = 0;
	return look_at(p, -1, w);
}

static enum react
cancel(const struct job *j, const struct model *m, struct wish *w)
{
	const struct model_job *job = job_at(m, j->shown);

	if (job == NULL || !job->running)
		return wish_refuse(w, "nothing is running here");
	w->kind = WISH_ASK;
	w->rung = RUNG_ASK;
	w->title = xstrdup("stop it");
	w->target = xstrdup(job->title);
	w->command = xprintf("midwatch cancel %" PRId64, job->n);
	w->effect = xstrdup("the job and all that it started end; a backup that "
	    "is not complete is removed");
	w->undo = xstrdup("none: begin it again");
	w->order = (struct order){ .kind = ORDER_CANCEL, .number = job->n };
	return REACT_WISH;
}

static enum react
find(struct pane *p, bool back, struct wish *w)
{
	struct job *j = p->state;

	if (j->shown == 0)
		return wish_refuse(w, "there is no output to search");
	w->kind = WISH_ORDER;
	w->title = xprintf("searching '%s'", p->needle);
	/* what is followed is searched from its beginning, or from its end */
	w->order = (struct order){ .kind = ORDER_FIND, .number = j->shown,
	    .text = xstrdup(p->needle), .again = back,
	    .at = j->back ? j->first : back ? j->lines : -1 };
	j->back = true;
	return REACT_WISH;
}

static enum react
job_request(struct pane *p, enum request r, const struct model *m,
    struct wish *w)
{
	struct job *j = p->state;
	int page = p->rows > HEAD_ROWS + 1 ? p->rows - HEAD_ROWS - 1 : 1;

	switch (r) {
	case REQ_NEXT_HIT:
	case REQ_PREV_HIT:
		return p->needle == NULL ? REACT_PASS :
		    find(p, r == REQ_PREV_HIT, w);
	case REQ_UP:
		return scroll(p, -1, w);
	case REQ_DOWN:
		return scroll(p, 1, w);
	case REQ_PAGE_UP:
		return scroll(p, -page, w);
	case REQ_PAGE_DOWN:
		return scroll(p, page, w);
	case REQ_HALF_UP:
		return scroll(p, -(page + 1) / 2, w);
	case REQ_HALF_DOWN:
		return scroll(p, (page + 1) / 2, w);
	case REQ_TOP:
		return look_at(p, 0, w);
	case REQ_BOTTOM:
	case REQ_FOLLOW:
		return look_at(p, -1, w);
	case REQ_NEXT_JOB:
		return other(p, m, 1, w);
	case REQ_PREV_JOB:
		return other(p, m, -1, w);
	case REQ_CANCEL_JOB:
	case REQ_INTERRUPT:
		return cancel(j, m, w);
	case REQ_RAW:
		j->marks = !j->marks;
		return wish_say(w, "%" PRId64 " control sequences are in these "
		    "rows; they are shown as text", j->removed);
	case REQ_COPY:
		w->kind = WISH_COPY;
		w->text = xstrdup(j->head ? j->head : "");
		return REACT_WISH;
	default:
		return REACT_PASS;
	}
}

static void
job_release(struct pane *p)
{
	struct job *j = p->state;

	rows_clear(j);
	VEC_RELEASE(&j->rows);
	free(j->head);
	free(j->far);
}

const struct pane_ops pane_job = {
	.name = "job", .space = SPACE_JOB,
	.parts = MODEL_JOBS | MODEL_OUTPUT, .state_size = sizeof(struct job),
	.recalc = job_recalc, .paint = job_paint, .request = job_request,
	.release = job_release, .least = 3,
};
