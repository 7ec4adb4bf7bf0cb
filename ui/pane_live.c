/*
 * live: what is true now. What is normal is quiet: it is one row at the end, that
 * opens. Worst first; three alerts are lit and the rest is counted, so that the
 * fourth cannot hide the first; what was acknowledged is folded under its cause's
 * row until its condition ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/evidence.h"
#include "ui/panes.h"

enum { LIT_MAX = 3, NAME_W = 20, BAR_W = 10, BAR_FROM_W = 70, NIGHTS_MAX = 14,
	SPARK_MAX = 14, SPARK_FROM_W = 100,
	LATE_MS = 20000 };		/* a feed says something more often */

enum row_kind { ROW_READING, ROW_SEEN, ROW_WELL, ROW_NIGHTS };

struct row {
	enum row_kind kind;
	enum role role, unlit;		/* unlit: what it would be */
	bool mark;
	char name[48];
	char text[300];
	char age[16];			/* of what is stale */
	int percent;			/* of a disk; -1: none */
	int64_t sizes[SPARK_MAX];	/* of backups, oldest first */
	size_t n_sizes;
	size_t at;			/* which reading */
};

struct live {
	struct list list;
	VEC(struct row) rows;
	bool open;			/* what is well is shown too */
	bool unfolded;			/* so it is where there is room for all */
	bool waiting;			/* nothing has come yet */
	char nights[NIGHTS_MAX + 1];	/* first letters of their results */
};

/* Whether it follows from that cause: what lies at a place that is not reached, the
 * copies of a database that lets nobody in. */
static bool
follows(const struct reading *r, const char *cause)
{
	const char *place = r->data != NULL ? json_get_str(r->data, "place") :
	    NULL;

	if (text_starts(cause, "place "))
		return place != NULL && strcmp(cause + strlen("place "),
		    place) == 0;
	return text_starts(cause, "database ") && strcmp(r->kind, "backup") ==
	    0 && strcmp(cause + strlen("database "), r->name) == 0;
}

static bool
is_seen(const struct model_readings *m, const struct reading *r)
{
	char what[128];

	(void)snprintf(what, sizeof what, "%s %s", r->kind, r->name);
	for (size_t i = 0; i < m->acknowledged.n; i++)
		if (strcmp(m->acknowledged.v[i], what) == 0 ||
		    follows(r, m->acknowledged.v[i]))
			return true;
	return false;
}

static enum role
role_of(enum level level)
{
	return level == LEVEL_CRITICAL ? ROLE_WARNING :
	    level == LEVEL_WARNING ? ROLE_CAUTION :
	    level == LEVEL_UNKNOWN ? ROLE_ADVISORY : ROLE_TEXT;
}

static void
fill(struct row *row, const struct model *m, size_t at)
{
	const struct reading *r = &m->readings.all.v.v[at];
	int64_t age = r->stale ? m->now - r->since : 0;
	const json_t *sizes = strcmp(r->kind, "backup") == 0 ?
	    json_object_get(r->data, "sizes") : NULL;

	row->kind = ROW_READING;
	row->at = at;
	row->percent = strcmp(r->kind, "disk") == 0 && r->data != NULL ?
	    (int)json_get_int(r->data, "percent", -1) : -1;
	(void)snprintf(row->name, sizeof row->name, "%.15s %.30s", r->kind,
	    r->name);
	(void)snprintf(row->text, sizeof row->text, "%s%s%s", r->error ?
	    r->error : r->text ? r->text : "", r->level != LEVEL_OK && r->next ?
	    "  -> " : "", r->level != LEVEL_OK && r->next ? r->next : "");
	for (size_t i = 0; i < json_array_size(sizes) && i < SPARK_MAX; i++)
		row->sizes[row->n_sizes++] = json_integer_value(
		    json_array_get(sizes, i));
	if (r->stale && r->since == 0)
		(void)snprintf(row->age, sizeof row->age, "never");
	else if (r->stale) {
		char took[32];

		text_fmt_duration(took, age);
		(void)snprintf(row->age, sizeof row->age, "%.12s", took);
	}
}

/* What is wrong, worst first as the readings are sorted. */
static void
add_alerts(struct live *l, const struct model *m, size_t *ret_seen,
    size_t *ret_well, int counts[4])
{
	const struct readings *all = &m->readings.all;
	int lit = 0;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct reading *r = &all->v.v[i];
		struct row *row;

		counts[r->level]++;
		if (r->level == LEVEL_OK) {
			++*ret_well;
			continue;
		}
		if (is_seen(&m->readings, r)) {
			++*ret_seen;
			continue;
		}
		row = VEC_NEW(&l->rows);
		fill(row, m, i);
		row->mark = true;
		row->unlit = role_of(r->level);
		row->role = lit < LIT_MAX ? role_of(r->level) : ROLE_TEXT;
		lit++;
	}
}

static void
add_rest(struct live *l, const struct model *m, enum row_kind kind, size_t n)
{
	const struct readings *all = &m->readings.all;
	struct row *row;

	if (n == 0)
		return;
	if (!l->unfolded) {
		row = VEC_NEW(&l->rows);
		row->kind = kind;
		row->role = ROLE_DIM;
		row->percent = -1;
		(void)snprintf(row->text, sizeof row->text, kind == ROW_SEEN ?
		    "%zu seen, their cause is known" : "%zu %s well", n,
		    n == 1 ? "is" : "are");
	}
	if (!l->open && !l->unfolded)
		return;
	for (size_t i = 0; i < all->v.n; i++) {
		const struct reading *r = &all->v.v[i];

		if ((kind == ROW_WELL) != (r->level == LEVEL_OK) ||
		    (kind == ROW_SEEN && !is_seen(&m->readings, r)))
			continue;
		row = VEC_NEW(&l->rows);
		fill(row, m, i);
		row->role = ROLE_DIM;
	}
}

/* While nothing is open: how the last nights went, the newest at the right. */
static void
add_nights(struct live *l, const struct model *m)
{
	const struct readings *all = &m->readings.all;
	const json_t *list = NULL;
	size_t n, bad = 0, missed = 0;
	struct row *row;

	l->nights[0] = '\0';
	for (size_t i = 0; i < all->v.n && list == NULL; i++)
		if (strcmp(all->v.v[i].kind, "schedule") == 0)
			list = json_object_get(all->v.v[i].data, "nights");
	n = json_array_size(list);
	if (n == 0 || m->head.state != INC_NONE)
		return;
	for (size_t i = n > NIGHTS_MAX ? n - NIGHTS_MAX : 0; i < n; i++) {
		const char *word = json_get_str(json_array_get(list, i),
		    "result");
		size_t at = strlen(l->nights);

		l->nights[at] = word != NULL && *word != '\0' ? *word : '?';
		l->nights[at + 1] = '\0';
		bad += l->nights[at] == 'b';
		missed += l->nights[at] == 'm';
	}
	row = VEC_NEW(&l->rows);
	row->kind = ROW_NIGHTS;
	row->role = ROLE_TEXT;
	row->percent = -1;
	n = strlen(l->nights);
	(void)snprintf(row->name, sizeof row->name, "last nights");
	(void)snprintf(row->text, sizeof row->text, "%zu well, %zu failed, "
	    "%zu did not run; the newest is at the right",
	    n - bad - missed - (l->nights[n - 1] == 'o'), bad, missed);
}

/* Counts of what is there, most urgent first; what has a row of its own to say it
 * is left out. */
static void
heading(struct pane *p, const int counts[4], size_t seen, size_t well)
{
	const struct {
		int n;
		const char *word;
	} parts[] = { { counts[LEVEL_CRITICAL], "critical" },
		{ counts[LEVEL_WARNING], "warning" },
		{ counts[LEVEL_UNKNOWN], "unknown" }, { (int)seen, "seen" },
		{ (int)well, "well" } };
	size_t at = (size_t)snprintf(p->title, sizeof p->title, "live");
	const char *between = ": ";

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].n > 0 && at < sizeof p->title) {
			at += (size_t)snprintf(p->title + at,
			    sizeof p->title - at, "%s%d %s", between,
			    parts[i].n, parts[i].word);
			between = ", ";
		}
}

static int
live_recalc(struct pane *p, const struct model *m, int width)
{
	struct live *l = p->state;
	size_t seen = 0, well = 0;
	int counts[4] = { 0 };

	(void)width;
	l->rows.n = 0;
	/* on the watch nothing else wants the room: then the whole picture */
	l->unfolded = m->head.state == INC_NONE && !p->low && (p->rows == 0 ||
	    p->rows > (int)m->readings.all.v.n);
	l->waiting = m->readings.all.v.n == 0;
	add_alerts(l, m, &seen, &well, counts);
	add_rest(l, m, ROW_SEEN, seen);
	add_rest(l, m, ROW_WELL, well);
	add_nights(l, m);
	list_fit(&l->list, (int)l->rows.n, p->rows);
	heading(p, counts, l->unfolded ? seen : 0, l->unfolded ? well : 0);
	if (m->readings.heard != 0 && m->now - m->readings.heard > LATE_MS)
		(void)snprintf(p->title, sizeof p->title,
		    "live: NOTHING HEARD FOR %d s, what is below is that old",
		    (int)((m->now - m->readings.heard) / 1000));
	if (m->readings.feed_dead)
		(void)snprintf(p->title, sizeof p->title,
		    "live: THE FEED IS GONE, it is started again");
	return l->waiting ? 1 : (int)l->rows.n;
}

static int
paint_nights(struct canvas *c, int x, int y, enum role base, const char *nights)
{
	for (; *nights != '\0'; nights++, x++)
		if (*nights == 'm')
			(void)canvas_put(c, x, y, ROLE_WARNING, "-");
		else
			(void)canvas_glyph(c, x, y, *nights == 'b' ?
			    ROLE_WARNING : base, *nights == 'g' ? GLYPH_OK :
			    *nights == 'b' ? GLYPH_BAD : GLYPH_UNKNOWN);
	return x + 1;
}

static void
paint_row(const struct pane *p, struct canvas *c, int y, const struct row *row,
    bool chosen)
{
	const char *nights = ((const struct live *)p->state)->nights;
	enum role base = chosen ? (p->focus ? ROLE_SELECT : ROLE_SELECT_OFF) :
	    row->role;
	enum role said = chosen && c->w > WIDE_ROW ? row->role : base;
	int x = 0, right = c->w;

	if (chosen)
		canvas_fill(c, (struct area){ 0, y, c->w > WIDE_ROW ?
		    3 + NAME_W : c->w, 1 }, base, " ");
	if (row->mark && row->role == ROLE_TEXT)	/* it does not shine */
		(void)canvas_put(c, x, y, base, c->ascii ?
		    roles[row->unlit].ascii : roles[row->unlit].mark);
	else if (row->mark)
		(void)canvas_mark(c, x, y, row->role);
	x += 3;
	if (row->kind == ROW_READING && c->w < BAR_FROM_W) {
		x += canvas_printf(c, x, y, base, "%s:", row->name) + 1;
	} else if (row->kind == ROW_READING || row->kind == ROW_NIGHTS) {
		canvas_fit(c, x, y, NAME_W, base, row->name);
		x += NAME_W + 1;
	}
	if (row->kind == ROW_NIGHTS)
		x = paint_nights(c, x, y, base, nights);
	if (row->age[0] != '\0') {
		char age[32];
		int w;

		(void)snprintf(age, sizeof age, "STALE %s", row->age);
		w = canvas_width(c, age);
		canvas_right(c, c->w - w, y, w, ROLE_CAUTION, age);
		right -= w + 1;
	}
	/* only where it takes no word's room */
	if (row->n_sizes > 1 && c->w >= SPARK_FROM_W && !p->low &&
	    canvas_width(c, row->text) + (int)row->n_sizes + 2 < right - x) {
		right -= (int)row->n_sizes + 1;
		canvas_spark(c, right + 1, y, base, row->sizes, row->n_sizes);
	}
	if (row->percent >= 0 && c->w >= BAR_FROM_W) {
		canvas_bar(c, x, y, BAR_W, said, row->percent, 100);
		x += BAR_W + 1;
	}
	if (right > x)
		canvas_fit(c, x, y, right - x, said, row->text);
}

/* What of the chosen row had no room on it, where rows are left. */
static void
paint_whole(const struct pane *p, struct canvas *c, int y)
{
	const struct live *l = p->state;
	const struct row *row;
	int x = 3 + NAME_W + 1;

	if (!p->focus || l->rows.n == 0 || y + 1 >= c->h)
		return;
	row = &l->rows.v[l->list.at];
	if (row->kind != ROW_READING || x + (row->percent >= 0 ? BAR_W + 1 :
	    0) + canvas_width(c, row->text) <= c->w)
		return;
	x = c->w < BAR_FROM_W ? 3 : x;
	(void)canvas_wrap(c, (struct area){ x, y + 1, c->w - x, c->h - y - 1 },
	    ROLE_TEXT, row->text);
}

static void
live_paint(const struct pane *p, struct canvas *c)
{
	const struct live *l = p->state;

	if (l->waiting)
		(void)canvas_put(c, 3, 0, ROLE_DIM, "no reading has come yet");
	for (int y = 0; y < c->h; y++) {
		int at = l->list.top + y;

		if (at >= (int)l->rows.n)
			break;
		paint_row(p, c, y, &l->rows.v[at], p->focus &&
		    at == l->list.at);
		if (p->focus && at == l->list.at)
			canvas_cursor(c, 0, y);
	}
	paint_whole(p, c, (int)l->rows.n - l->list.top);
}

/* ---- what is asked of it ------------------------------------------------------------ */

static enum react
open_nights(const struct model *m, struct wish *w)
{
	const struct reading *r = readings_find(&m->readings.all, "schedule",
	    "nightly");
	const json_t *list = r != NULL ? json_object_get(r->data, "nights") :
	    NULL;
	struct buf b = BUF_INIT;

	buf_str(&b, "The newest first, by when it was due:\n\n");
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *o = json_array_get(list, i);
		const char *due = json_get_str(o, "due"), *word =
		    json_get_str(o, "result");
		char at[40] = "?";
		int64_t ms;

		if (due != NULL && clock_parse_utc(due, &ms))
			clock_fmt_site(at, ms);
		buf_printf(&b, "%.16s\t%s\n", at, word == NULL ? "?" :
		    *word == 'g' ? "went well" : *word == 'b' ? "FAILED" :
		    *word == 'm' ? "DID NOT RUN" : "no end was seen");
	}
	return wish_page(w, "the last nights", buf_detach(&b));
}

static enum react
open_row(struct live *l, const struct row *row, const struct model *m,
    struct wish *w)
{
	const struct reading *r;
	struct buf b = BUF_INIT;
	char title[80], at[40];

	if (row->kind == ROW_NIGHTS)
		return open_nights(m, w);
	if (row->kind != ROW_READING) {
		l->open = !l->open;
		return REACT_RECALC;
	}
	if (row->at >= m->readings.all.v.n)
		return REACT_DONE;
	r = &m->readings.all.v.v[row->at];
	clock_fmt_site(at, r->at);
	buf_printf(&b, "%s: %s\n\n", level_name(r->level), r->text ? r->text :
	    "");
	if (r->error != NULL)
		buf_printf(&b, "no answer\t%s\n", r->error);
	if (r->next != NULL)
		buf_printf(&b, "next step\t%s\n", r->next);
	buf_printf(&b, "read\t%s, took %" PRId64 " ms\n", at, r->took_ms);
	if (r->stale && r->since != 0) {
		clock_fmt_site(at, r->since);
		buf_printf(&b, "last answer\t%s\n", at);
	}
	buf_str(&b, "\nEvidence:\n");
	evidence(r, &b);
	(void)snprintf(title, sizeof title, "%s %s", r->kind, r->name);
	return wish_page(w, title, buf_detach(&b));
}

static enum react
acknowledge(const struct row *row, const struct model *m, struct wish *w)
{
	const struct reading *r;

	if (row->kind != ROW_READING || row->at >= m->readings.all.v.n)
		return wish_refuse(w, "there is nothing to be seen here");
	r = &m->readings.all.v.v[row->at];
	if (r->level == LEVEL_OK)
		return wish_refuse(w, "%s %s is well", r->kind, r->name);
	w->kind = WISH_ORDER;
	w->title = xstrdup("seen");
	w->order = (struct order){ .kind = ORDER_ACK,
	    .what = xprintf("%s %s", r->kind, r->name) };
	return REACT_WISH;
}

/* The one that is chosen is why the incident opens. */
static char *
alarm_of(const struct row *row, const struct model *m)
{
	const struct reading *r = row->at < m->readings.all.v.n ?
	    &m->readings.all.v.v[row->at] : NULL;

	return r == NULL ? NULL : xprintf("%s %s: %s", r->kind, r->name,
	    r->error ? r->error : r->text ? r->text : "");
}

static void
row_text(const struct pane *p, int at, struct buf *b)
{
	const struct live *l = p->state;

	buf_printf(b, "%s %s", l->rows.v[at].name, l->rows.v[at].text);
}

static enum react
live_request(struct pane *p, enum request r, const struct model *m,
    struct wish *w)
{
	struct live *l = p->state;
	const struct row *row;
	enum react react = list_request(&l->list, r, p->rows);

	if (react == REACT_PASS)
		react = list_search(p, &l->list, r, row_text, w);
	if (react != REACT_PASS || l->rows.n == 0)
		return react;
	row = &l->rows.v[l->list.at];
	switch (r) {
	case REQ_OPEN:
	case REQ_RIGHT:
		return open_row(l, row, m, w);
	case REQ_LEFT:
		l->open = false;
		return REACT_RECALC;
	case REQ_ACKNOWLEDGE:
		return acknowledge(row, m, w);
	case REQ_OPEN_INCIDENT:
		if (!row->mark)
			return REACT_PASS;
		w->kind = WISH_TYPE;
		w->order = (struct order){ .kind = ORDER_OPEN,
		    .what = alarm_of(row, m) };
		return REACT_WISH;
	case REQ_COPY:
		w->kind = WISH_COPY;
		w->text = xprintf("%s: %s", row->name, row->text);
		return REACT_WISH;
	default:
		return REACT_PASS;
	}
}

static void
live_release(struct pane *p)
{
	struct live *l = p->state;

	VEC_RELEASE(&l->rows);
}

const struct pane_ops pane_live = {
	.name = "live", .space = SPACE_LIVE,
	.parts = MODEL_READINGS | MODEL_HEAD, .state_size = sizeof(struct live),
	.recalc = live_recalc, .paint = live_paint, .request = live_request,
	.release = live_release, .least = 3,
};
