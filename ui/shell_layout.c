/* Which panes are shown where.  Stacked over the full width by default: a pane
 * beside another one cannot be scrolled by the terminal, so each of its frames
 * costs many times the bytes.  Two columns only where there is a lot of room and
 * the link is fast, and never for a job's output. */
#include "ui/shell.h"

enum { WIDE_W = 160, WIDE_H = 30, LEFT_PANES = 2, SLOW_MS = 100 };

struct want {
	int pane, least, want, rows, weight;
};

static bool
is_wide(const struct shell *s, struct area room)
{
	return room.w >= WIDE_W && room.h >= WIDE_H && !s->low &&
	    s->rtt_ms < SLOW_MS;
}

/* One row each in turn (of the runbook, which has the guidance, two), until
 * nobody wants more. Returns what is left. */
static int
share(struct want *w, int n, int left)
{
	bool served = true;

	while (left > 0 && served) {
		served = false;
		for (int i = 0; i < n; i++)
			for (int k = 0; k < w[i].weight && left > 0 &&
			     w[i].rows > 0 && w[i].rows < w[i].want; k++) {
				w[i].rows++;
				left--;
				served = true;
			}
	}
	return left;
}

/* Rows for the panes of one column, top to bottom: first the least of each, the
 * focused one's before all others; then what that one wants; then the rest. */
static void
divide(struct want *w, int n, int focus, int rows)
{
	int left = rows;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < n; i++) {
			bool mine = (w[i].pane == focus) == (pass == 0);

			if (mine && w[i].want > 0 && w[i].least <= left) {
				w[i].rows = w[i].least;
				left -= w[i].least;
			}
		}
	for (int i = 0; i < n; i++) {
		int more = w[i].want - w[i].rows;

		if (w[i].pane != focus || w[i].rows == 0 || more <= 0)
			continue;
		more = more < left ? more : left;
		/* the focused one leaves the others half of the rest */
		if (more > left / 2 && n > 1)
			more = left / 2 > 0 ? left / 2 : more;
		w[i].rows += more;
		left -= more;
	}
	left = share(w, n, left);
	for (int i = n - 1; i >= 0 && left > 0; i--)
		if (w[i].rows > 0) {
			w[i].rows += left;
			left = 0;
		}
}

/* What it shows of its rows depends on how many it got. */
static void
rows_given(struct shell *s, int pane, int rows, int width)
{
	struct pane *p = s->panes[pane];

	p->rows = rows;
	if (rows > 0)
		(void)p->ops->recalc(p, s->model, width);
}

static void
column(struct shell *s, const int *panes, int n, struct area room)
{
	struct want w[SHELL_PANES] = { { 0 } };
	int y = room.y;

	for (int i = 0; i < n; i++) {
		struct pane *p = s->panes[panes[i]];
		int want = p->ops->recalc(p, s->model, room.w);

		if (want == 0 && panes[i] == s->focus)
			want = 1;
		w[i] = (struct want){ panes[i], p->ops->least + 1,
			want > 0 ? want + 1 : 0, 0,
			p->ops->space == SPACE_RUNBOOK ? 2 : 1 };
		if (w[i].least > room.h)
			w[i].least = room.h;
		if (w[i].want > 0 && w[i].want < w[i].least)
			w[i].want = w[i].least;
	}
	divide(w, n, s->focus, room.h);
	for (int i = 0; i < n; i++) {
		s->at[panes[i]] = (struct area){ room.x, y, room.w,
			w[i].rows };
		y += w[i].rows;
		rows_given(s, panes[i], w[i].rows > 0 ? w[i].rows - 1 : 0,
		    room.w);
	}
}

static bool
is_output(const struct pane *p)
{
	return p->ops->space == SPACE_JOB;
}

static void
two_columns(struct shell *s, struct area room)
{
	int left[SHELL_PANES] = { 0 }, right[SHELL_PANES] = { 0 },
	    below[SHELL_PANES] = { 0 };
	int n_left = 0, n_right = 0, n_below = 0;
	struct area a = room;

	for (int i = 0; i < s->n; i++)
		if (is_output(s->panes[i]))
			below[n_below++] = i;
		else if (n_left < LEFT_PANES)
			left[n_left++] = i;
		else
			right[n_right++] = i;
	if (n_below > 0) {
		int want = s->panes[below[0]]->ops->recalc(
		    s->panes[below[0]], s->model, room.w) + 1;

		a.h = room.h * 2 / 3;
		if (want > 1 && n_below == 1 && room.h - a.h > want)
			a.h = room.h - want;
		column(s, below, n_below, (struct area){ room.x, room.y + a.h,
		    room.w, room.h - a.h });
		if (s->panes[below[0]]->rows == 0)
			a.h = room.h;
	}
	a.w = room.w / 2;
	column(s, left, n_left, a);
	for (int i = 0; i < n_right; i++)
		s->panes[right[i]]->roomy = true;
	column(s, right, n_right, (struct area){ a.x + a.w, a.y,
	    room.w - a.w, a.h });
}

void
shell_layout(struct shell *s, struct area room)
{
	int all[SHELL_PANES];

	for (int i = 0; i < s->n; i++) {
		all[i] = i;
		s->at[i] = (struct area){ 0, 0, 0, 0 };
		s->panes[i]->rows = 0;
		s->panes[i]->low = s->low;
		s->panes[i]->roomy = false;
		s->panes[i]->focus = i == s->focus;
	}
	if (s->n == 0 || room.h < 2)
		return;
	if (s->zoom || room.w < 60 || room.h < 8)
		column(s, &s->focus, 1, room);
	else if (is_wide(s, room))
		two_columns(s, room);
	else
		column(s, all, s->n, room);
}
