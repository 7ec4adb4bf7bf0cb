/* Everything around the panes: who and where we are, who is hurt, the one thing
 * to do now, the buttons, and the keys that help most. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/shell.h"

enum { MORE_W = 5 };	/* ": +12", of the buttons that have no room */

/* The environment is in words and in the shape of the whole header line. */
static const struct {
	const char *word, *fill;
	enum role role;
} envs[] = {
	[ENV_PRODUCTION] = { "PROD", "#", ROLE_ENV_PROD },
	[ENV_OTHER] = { NULL, ":", ROLE_ENV_OTHER },
	[ENV_DRILL] = { "DRILL", "~", ROLE_ENV_OTHER },
	[ENV_REPLAY] = { "REPLAY", "<", ROLE_ENV_OTHER },
};

static const char *
or_none(const char *s)
{
	return s != NULL ? s : "";
}

/* "02:42+01", or with UTC beside it. */
static void
put_time(struct buf *b, int64_t now, bool utc)
{
	char site[40], z[32];

	if (now == 0)
		return;
	clock_fmt_site(site, now);
	buf_printf(b, "%.5s%.3s", site + 11, site + 20);
	clock_fmt_utc(z, now);
	if (utc)
		buf_printf(b, " (%.5sZ)", z + 11);
}

static void
put_hour(struct buf *b, int64_t now)
{
	char site[40];

	clock_fmt_site(site, now);
	if (now != 0)
		buf_printf(b, "%.5s", site + 11);
}

static void
put_update(struct buf *b, const struct model *m)
{
	int64_t left = (m->head.next_update - m->now) / 60000;

	if (m->head.next_update == 0 || m->head.state != INC_OPEN)
		return;
	if (m->now > m->head.next_update)
		buf_printf(b, "  UPDATE LATE %dm", (int)-left);
	else
		buf_printf(b, "  update %dm", (int)left);
}

static void
put_elapsed(struct buf *b, const struct model *m)
{
	int64_t end = m->head.resolved ? m->head.resolved : m->now;
	int64_t min = (end - m->head.opened) / 60000;

	if (m->head.opened == 0 || min < 0)
		return;
	buf_printf(b, "  %02d:%02d", (int)(min / 60), (int)(min % 60));
}

/* That something is wrong with the host or the site is seen by nobody who is not told
 * where to look. */
static void
put_notices(struct buf *b, const struct shell *s)
{
	size_t n = s->model->notices.v.n + s->problems.v.n;
	char key[24];

	keys_name(s->keys, REQ_NOTICES, key);
	if (n > 0)
		buf_printf(b, "  %s%zu notice%s", key, n, n == 1 ? "" : "s");
}

/* Most important first: what does not fit is at the end. */
static void
header_text(const struct shell *s, int w, struct buf *b)
{
	bool narrow = w < 60;
	const struct model *m = s->model;
	const struct model_head *h = &m->head;
	const char *word = envs[h->env].word;

	if (word != NULL)
		buf_str(b, word);
	else
		for (const char *p = or_none(h->environment); *p; p++)
			buf_ch(b, *p >= 'a' && *p <= 'z' ? (char)(*p - 32) :
							    *p);
	buf_printf(b, " %s", or_none(h->host));
	if (h->state == INC_OPEN || h->state == INC_RESOLVED)
		buf_printf(b, "  %s", or_none(h->severity));
	if (h->state == INC_RESOLVED)
		buf_str(b, " RESOLVED");
	put_elapsed(b, m);
	buf_str(b, "  ");
	if (narrow)		/* the day's offset is not what is read there */
		put_hour(b, m->now);
	else
		put_time(b, m->now, w >= 100);
	if (h->freeze_unknown)
		buf_str(b, "  FREEZE?");
	else if (h->frozen)
		buf_str(b, "  FROZEN");
	put_update(b, m);
	if (s->held)
		buf_str(b, "  HELD (Z)");
	if (h->read_only)
		buf_str(b, "  LOOKING ONLY");
	if (!narrow)
		put_notices(b, s);
	if (w >= 100 && h->incident != NULL && h->incident[0] != '\0')
		buf_printf(b, "  %s", h->incident);
	if (s->every_ms > 0)
		buf_printf(b, "  every %d s", (int)(s->every_ms / 1000));
	if (s->rtt_ms >= 50)
		buf_printf(b, "  link %d ms", (int)s->rtt_ms);
	else if (s->low)
		buf_str(b, "  low");
	for (size_t i = 0; w >= 120 && i < h->others.n; i++)
		buf_printf(b, "%s%s", i ? ", " : "  also here: ",
		    h->others.v[i]);
}

/* One blank between two facts. */
static void
squeeze(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] != ' ' || (i > 0 && b->p[i - 1] != ' '))
			b->p[n++] = b->p[i];
	buf_cut(b, n);
}

static void
header(const struct shell *s, struct canvas *c)
{
	enum role role = envs[s->model->head.env].role;
	const char *fill = envs[s->model->head.env].fill;
	struct buf b = BUF_INIT;
	int w, edge = c->w < 60 ? 1 : 2;
	int room = edge > 1 ? c->w - 2 * edge - 2 : c->w - edge - 1;

	canvas_fill(c, (struct area){ 0, 0, c->w, 1 }, role, fill);
	header_text(s, c->w, &b);
	if (edge == 1)
		squeeze(&b);
	(void)canvas_put(c, edge, 0, role, " ");
	w = canvas_width(c, b.p);
	if (w > room)
		w = room;
	canvas_fit(c, edge + 1, 0, w, role, b.p);
	if (edge + 1 + w < c->w - 1)
		(void)canvas_put(c, edge + 1 + w, 0, role, " ");
	buf_release(&b);
}

static enum role
now_role(enum level l)
{
	return l == LEVEL_CRITICAL ? ROLE_WARNING :
	    l == LEVEL_OK ? ROLE_STRONG : ROLE_CAUTION;
}

/* The key that does it, from where one stands: "r", or "2 r" where only the second
 * pane knows it. */
static void
put_now_key(const struct shell *s, struct buf *b)
{
	enum request r = s->model->head.now_key;
	int pane = shell_pane_of(s, r);
	char key[24] = "";

	if (r != REQ_NONE)
		keys_name(s->keys, r, key);
	if (*key == '\0')
		return;
	if (pane >= 0)
		buf_printf(b, " [%d %s]", pane + 1, key);
	else if (s->n > 0 && s->panes[s->focus]->away &&
	    requests[r].space != SPACE_GLOBAL)
		/* the key is for the step on which one stands, another one */
		buf_printf(b, " (step %zu)", s->model->steps.current + 1);
	else
		buf_printf(b, " [%s]", key);
}

/* What to do now, in at most `rows` rows; returns how many it took. */
static int
now_paint(const struct shell *s, struct canvas *c, int y, int rows)
{
	const struct model_head *h = &s->model->head;
	const char *now = h->now != NULL ? h->now : "Looking ...";
	struct buf b = BUF_INIT;
	int took;

	buf_printf(&b, "NOW: %s", now);
	if (h->now != NULL)
		put_now_key(s, &b);
	took = canvas_wrap(c, (struct area){ 0, y, c->w, rows },
	    now_role(h->now_level), b.p);
	if (took < rows && h->now_why != NULL) {
		canvas_fit(c, 5, y + took, c->w - 5, ROLE_TEXT, h->now_why);
		took++;
	}
	buf_release(&b);
	return took < rows ? took : rows;
}

/* One row, or two where there are rows: what is cut would be the disk. */
static int
triage(const struct shell *s, struct canvas *c, int y)
{
	const char *text = or_none(s->model->head.triage);
	int rows = canvas_width(c, text) > c->w && c->h >= 24 ? 2 : 1;

	if (rows == 1)
		canvas_fit(c, 0, y, c->w, ROLE_TEXT, text);
	else
		(void)canvas_wrap(c, (struct area){ 0, y, c->w, rows },
		    ROLE_TEXT, text);
	return rows;
}

int
head_paint(const struct shell *s, struct canvas *c)
{
	bool narrow = c->w < 60 || c->h < 16;
	int y = 1;

	header(s, c);
	if (!narrow)
		y += triage(s, c, y);
	y += now_paint(s, c, y, c->h < 24 ? 2 : 3);
	return y;
}

void
head_tiny(const struct shell *s, struct canvas *c)
{
	const struct model *m = s->model;
	const char *runs = NULL;
	struct buf b = BUF_INIT;
	char key[24];

	for (size_t i = 0; i < m->jobs.v.n; i++)
		if (m->jobs.v.v[i].running)
			runs = m->jobs.v.v[i].title;
	keys_name(s->keys, REQ_QUIT, key);
	buf_printf(&b, "%s leaves. %s%s%s. %dx%d needed, have %dx%d.", key,
	    runs ? "RUNS: " : "", runs ? runs : "Nothing runs",
	    runs ? " (goes on)" : "", NARROW_W, NARROW_H, c->w, c->h);
	(void)canvas_wrap(c, canvas_whole(c), ROLE_STRONG, b.p);
	buf_release(&b);
}

/* "s:SAVE  F:freeze  [C:clean up]": bracketed and dim, it says why when it is
 * pressed all the same. */
void
head_buttons(const struct shell *s, struct canvas *c, int y)
{
	const struct model_buttons *all = &s->model->buttons;
	int x = 0;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct model_button *b = &all->v.v[i];
		const char *label = b->label ? b->label :
		    requests[b->request].label;
		char key[24];
		int w;

		keys_name(s->keys, b->request, key);
		w = canvas_width(c, label) + canvas_width(c, key) + 1;
		if (x + w + 2 + (i + 1 < all->v.n ? MORE_W : 0) > c->w) {
			keys_name(s->keys, REQ_PALETTE, key);
			(void)canvas_printf(c, x, y, ROLE_DIM, "%s +%zu", key,
			    all->v.n - i);
			break;
		}
		if (b->why_not != NULL) {
			x += canvas_printf(c, x, y, ROLE_DIM, "[%s:%s]", key,
			    label) + 1;
			continue;
		}
		x += canvas_put(c, x, y, ROLE_KEY, key);
		x += canvas_printf(c, x, y, ROLE_BUTTON, ":%s", label) + 2;
	}
}

static void
hints(const struct shell *s, struct canvas *c, int y)
{
	enum request best[8];
	enum space space = s->n > 0 ? s->panes[s->focus]->ops->space :
	    SPACE_GLOBAL;
	size_t n = keys_best(s->keys, space, best, 8);
	int x = 0;

	for (size_t i = 0; i < n; i++) {
		const struct model_button *b = model_button(s->model, best[i]);
		bool off = b != NULL && b->why_not != NULL;
		char key[24];
		int w;

		keys_name(s->keys, best[i], key);
		w = canvas_width(c, key) + canvas_width(c,
		    requests[best[i]].label) + 1;
		if (x + w > c->w)
			break;
		if (off) {
			x += canvas_printf(c, x, y, ROLE_DIM, "[%s:%s]", key,
			    requests[best[i]].label) + 1;
			continue;
		}
		x += canvas_put(c, x, y, ROLE_KEY, key);
		x += canvas_printf(c, x, y, ROLE_KEY_LABEL, ":%s",
		    requests[best[i]].label) + 2;
	}
}

static int
put_hint(struct canvas *c, int x, int y, const char *key, const char *label)
{
	if (x + canvas_width(c, key) + canvas_width(c, label) + 1 > c->w)
		return c->w;
	x += canvas_put(c, x, y, ROLE_KEY, key);
	return x + canvas_printf(c, x, y, ROLE_KEY_LABEL, ":%s", label) + 2;
}

/* What lies over the panes hears other keys. False: their keys work through it. */
static bool
hints_over(const struct shell *s, struct canvas *c, int y)
{
	static const struct {
		enum request r;
		const char *label;
	} page[] = { { REQ_QUIT, "close" }, { REQ_DOWN, "down" },
		{ REQ_UP, "up" }, { REQ_PAGE_DOWN, "page down" },
		{ REQ_COPY, "copy" } };
	static const char *const fixed[][3][2] = {
		[OVER_PALETTE] = { { "Enter", "do it" }, { "Down", "next" },
			{ "Esc", "close" } },
		[OVER_CHOOSE] = { { "Enter", "take it" }, { "Down", "next" },
			{ "Esc", "leave" } },
		[OVER_DIALOG] = { { "Tab", "the other button" },
			{ "Enter", "press it" }, { "Esc", "leave" } },
	};
	char key[24];
	int x = 0;

	if (s->over == OVER_NONE || (s->over == OVER_PAGE && s->unasked))
		return false;
	for (size_t i = 0; s->over == OVER_PAGE &&
	     i < sizeof page / sizeof *page; i++) {
		keys_name(s->keys, page[i].r, key);
		if (*key != '\0')
			x = put_hint(c, x, y, key, page[i].label);
	}
	for (size_t i = 0; s->over != OVER_PAGE && i < 3; i++)
		x = put_hint(c, x, y, fixed[s->over][i][0],
		    fixed[s->over][i][1]);
	return true;
}

/* The last line: the prompt, a message, or the keys that help most now. */
void
head_bottom(const struct shell *s, struct canvas *c, int y)
{
	if (s->over == OVER_PROMPT)
		return;
	if (s->message[0] != '\0') {
		int x = s->bad ? canvas_mark(c, 0, y, ROLE_CAUTION) + 1 : 0;

		canvas_fit(c, x, y, c->w - x, s->bad ? ROLE_CAUTION :
		    ROLE_STRONG, s->message);
		return;
	}
	if (!hints_over(s, c, y))
		hints(s, c, y);
}
