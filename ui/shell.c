#include "ui/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void
shell_init(struct shell *s, struct model *m, const struct keys *k)
{
	*s = (struct shell){ .model = m, .keys = k, .dirty = MODEL_ALL,
		.layout = true, .prompt = LINE_INIT };
	for (int i = 0; i < ORDER_COUNT; i++)
		s->drafts[i] = (struct line)LINE_INIT;
}

void
shell_pane(struct shell *s, const struct pane_ops *ops)
{
	if (s->n < SHELL_PANES)
		s->panes[s->n++] = pane_new(ops);
}

void
shell_release(struct shell *s)
{
	for (int i = 0; i < s->n; i++)
		pane_free(s->panes[i]);
	page_release(&s->page);
	palette_release(&s->palette);
	dialog_release(&s->dialog);
	line_release(&s->prompt);
	choose_release(&s->choose);
	press_release(&s->press);
	wish_release(&s->asked);
	for (int i = 0; i < ORDER_COUNT; i++)
		line_release(&s->drafts[i]);
	notes_release(&s->problems);
	news_release(&s->news);
	free(s->copy);
	free(s->needle);
}

void
shell_say(struct shell *s, bool bad, int64_t now, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean_into(s->message, sizeof s->message, b.p);
	s->bad = bad;
	s->message_until = now + MESSAGE_MS;
	buf_release(&b);
}

static struct pane *
focused(const struct shell *s)
{
	return s->n > 0 ? s->panes[s->focus] : NULL;
}

static enum space
space_now(const struct shell *s)
{
	struct pane *p = focused(s);

	return p != NULL ? p->ops->space : SPACE_GLOBAL;
}

/* The pane that has to be gone to before r means anything; -1: none has to be. */
int
shell_pane_of(const struct shell *s, enum request r)
{
	enum space space = r != REQ_NONE ? requests[r].space : SPACE_GLOBAL;

	if (keys_within(space_now(s), space))
		return -1;
	for (int i = 0; i < s->n; i++)
		if (keys_within(s->panes[i]->ops->space, space))
			return i;
	return -1;
}

/* A key that means something in another pane says so, instead of nothing. */
static unsigned
key_elsewhere(struct shell *s, uint32_t key, int64_t now)
{
	for (int i = 0; i < s->n; i++) {
		const struct pane *p = s->panes[i];
		enum request r = keys_find(s->keys, p->ops->space, key);
		char name[24];

		if (r == REQ_NONE)
			continue;
		key_text(key, name);
		shell_say(s, false, now, "%s is for the %s (%s): %d goes there",
		    name, p->ops->name, requests[r].help, i + 1);
		return SHELL_PAINT;
	}
	return 0;
}

unsigned
shell_page(struct shell *s, const char *title, const char *text)
{
	page_set(&s->page, title, text);
	s->briefing = s->unasked = false;
	s->over = OVER_PAGE;
	return SHELL_PAINT;
}

static unsigned
focus_on(struct shell *s, int pane)
{
	if (s->n == 0)
		return 0;
	s->focus = (pane + s->n) % s->n;
	s->layout = true;
	return SHELL_PAINT;
}

/* ---- what requests do when the pane passed ------------------------------- */

static unsigned
help(struct shell *s)
{
	struct buf b = BUF_INIT;

	keys_help(s->keys, space_now(s), &b);
	(void)shell_page(s, "help: q closes", b.p);
	buf_release(&b);
	return SHELL_PAINT;
}

static unsigned
notices(struct shell *s)
{
	char *text = shell_notices(s);

	(void)shell_page(s, "notices: q closes", text);
	free(text);
	return SHELL_PAINT;
}

static unsigned
pane_named(struct shell *s, const char *name)
{
	for (int i = 0; i < s->n; i++)
		if (strcmp(s->panes[i]->ops->name, name) == 0)
			return focus_on(s, i);
	return 0;
}

static unsigned
back(struct shell *s)
{
	s->message[0] = '\0';
	if (s->zoom) {
		s->zoom = false;
		s->layout = true;
	}
	return SHELL_PAINT;
}

static unsigned
hold(struct shell *s, int64_t now)
{
	s->held = !s->held;
	s->held_since = now;
	if (!s->held) {
		s->dirty |= s->held_parts;
		s->held_parts = 0;
		s->layout = true;
	}
	return SHELL_PAINT;
}

/* How often the picture follows what comes in; a key is always followed at once. */
static unsigned
interval(struct shell *s, bool faster, int64_t now)
{
	static const int64_t steps[] = { 0, 1000, 2000, 5000, 10000, 30000,
		60000 };
	const int n = sizeof steps / sizeof *steps;
	int at = 0;

	while (at < n - 1 && steps[at] < s->every_ms)
		at++;
	at += faster ? -1 : 1;
	at = at < 0 ? 0 : at >= n ? n - 1 : at;
	s->every_ms = steps[at];
	if (s->every_ms == 0)
		shell_say(s, false, now, "painted as it comes in");
	else
		shell_say(s, false, now, "painted every %d s, and with each key",
		    (int)(s->every_ms / 1000));
	return SHELL_PAINT;
}

static unsigned
view_request(struct shell *s, enum request r, uint32_t key, int64_t now)
{
	switch (r) {
	case REQ_HELP:
		return help(s);
	case REQ_QUIT:
		if (s->zoom)
			return back(s);
		return shell_leave(s, now);
	case REQ_BACK:
		return back(s);
	case REQ_PALETTE:
		palette_open(&s->palette, space_now(s));
		s->over = OVER_PALETTE;
		return SHELL_PAINT;
	case REQ_NEXT_PANE:
		return focus_on(s, s->focus + 1);
	case REQ_PREV_PANE:
		return focus_on(s, s->focus - 1);
	case REQ_PANE:
		return key >= '1' && key < '1' + (uint32_t)s->n ?
		    focus_on(s, (int)(key - '1')) : 0;
	case REQ_ZOOM:
		s->zoom = !s->zoom;
		s->layout = true;
		return SHELL_PAINT;
	case REQ_FREEZE_VIEW:
		return hold(s, now);
	case REQ_FASTER:
	case REQ_SLOWER:
		return interval(s, r == REQ_FASTER, now);
	case REQ_MOUSE:
		return SHELL_MOUSE;
	case REQ_REDRAW:
		return SHELL_PAINT | SHELL_REDRAW;
	case REQ_SUSPEND:
		return SHELL_SUSPEND;
	case REQ_BRIEF:
		return shell_brief(s, false);
	case REQ_ANSWER:
		if (s->model->page.text == NULL) {
			shell_say(s, false, now, "no action has said anything "
			    "yet");
			return SHELL_PAINT;
		}
		return shell_page(s, s->model->page.title,
		    s->model->page.text);
	case REQ_SEARCH:
		(void)shell_prompt(s, ORDER_OUTPUT, "search", NULL);
		s->searching = true;
		return SHELL_PAINT;
	case REQ_NEXT_HIT:
	case REQ_PREV_HIT:
		shell_say(s, true, now, s->needle == NULL ? "nothing is "
		    "searched for yet" : "nothing can be searched here");
		return SHELL_PAINT;
	case REQ_NOTICES:
		if (pane_named(s, "notices") != 0)
			return SHELL_PAINT;
		return notices(s);
	case REQ_CONTACTS:
		return pane_named(s, "people");
	default:
		return 0;
	}
}

static unsigned
say_request(struct shell *s, enum request r, int64_t now)
{
	char key[24];

	switch (r) {
	case REQ_NOTE:
		return shell_prompt(s, ORDER_NOTE, "note", NULL);
	case REQ_DECIDE:
		return shell_prompt(s, ORDER_DECIDE, "decision", NULL);
	case REQ_HYPOTHESIS:
		return shell_prompt(s, ORDER_HYPOTHESIS, "suspected cause",
		    NULL);
	case REQ_SEVERITY:
		return shell_prompt(s, ORDER_SEVERITY,
		    "severity (SEV-0..3) and why", NULL);
	case REQ_HANDOVER:
		return shell_prompt(s, ORDER_ROLE, "role and who", NULL);
	case REQ_OPEN_INCIDENT:
		return shell_open(s, NULL, now);
	case REQ_INTERRUPT:
		keys_name(s->keys, REQ_QUIT, key);
		shell_say(s, false, now, "nothing is interrupted; %s leaves",
		    key);
		return SHELL_PAINT;
	case REQ_COPY:
		shell_say(s, true, now, "nothing here can be copied");
		return SHELL_PAINT;
	default:
		return 0;
	}
}

unsigned
shell_request(struct shell *s, enum request r, uint32_t key, int64_t now)
{
	struct pane *p = focused(s);
	struct wish w = { .kind = WISH_NONE };
	enum react did = REACT_PASS;
	unsigned want;

	if (p != NULL)
		p->needle = r == REQ_SEARCH ? NULL : s->needle;
	if (p != NULL)
		did = p->ops->request(p, r, s->model, &w);
	if (did == REACT_WISH) {
		want = shell_grant(s, &w, now);
		wish_release(&w);
		return want | SHELL_PAINT;
	}
	if (did == REACT_RECALC)
		s->layout = true;
	if (did != REACT_PASS)
		return did == REACT_DONE ? 0 : SHELL_PAINT;
	want = view_request(s, r, key, now);
	if (want == 0)
		want = say_request(s, r, now);
	if (want == 0)
		want = shell_press(s, r, now);
	return want;
}

/* ---- what lies over the panes -------------------------------------------- */

/* Nobody asked for a page that came by itself: a key that is not for it works as if
 * it were not there, so that the "i" of a note is never lost and the note's letters
 * never become buttons. */
static unsigned
page_key(struct shell *s, uint32_t key, int64_t now)
{
	enum request r = keys_find(s->keys, SPACE_LIST, key);

	if (page_request(&s->page, r) != REACT_PASS)
		return SHELL_PAINT;
	if (r == REQ_REDRAW)
		return SHELL_PAINT | SHELL_REDRAW;
	if (r == REQ_COPY) {
		free(s->copy);
		s->copy = xstrdup(s->page.text);
		return SHELL_PAINT | SHELL_COPY;
	}
	if (r == REQ_QUIT || r == REQ_BACK || r == REQ_HELP || r == REQ_LEFT ||
	    r == REQ_OPEN) {
		s->over = OVER_NONE;
		return SHELL_PAINT;
	}
	if (!s->unasked)
		return SHELL_PAINT;
	r = keys_find(s->keys, space_now(s), key);
	if (r == REQ_NONE)
		return SHELL_PAINT;
	s->over = OVER_NONE;
	return shell_request(s, r, key, now) | SHELL_PAINT;
}

static unsigned
palette_typed(struct shell *s, uint32_t key, int64_t now)
{
	enum request r;

	if (key == KEY_ESC || key == KEY_CTRL('c')) {
		s->over = OVER_NONE;
		return SHELL_PAINT;
	}
	r = palette_key(&s->palette, space_now(s), key);
	if (r == REQ_NONE)
		return SHELL_PAINT;
	s->over = OVER_NONE;
	return shell_request(s, r, KEY_NONE, now) | SHELL_PAINT;
}

static unsigned
prompt_typed(struct shell *s, uint32_t key, int64_t now)
{
	if (key == KEY_RETURN || key == '\n')
		return shell_prompt_done(s, now);
	if (key == KEY_ESC || key == KEY_CTRL('c')) {
		shell_prompt_leave(s);
		return SHELL_PAINT;
	}
	(void)line_key(&s->prompt, key);
	return SHELL_PAINT;
}

static unsigned
over_key(struct shell *s, uint32_t key, int64_t now)
{
	switch (s->over) {
	case OVER_PAGE:
		return page_key(s, key, now);
	case OVER_PALETTE:
		return palette_typed(s, key, now);
	case OVER_PROMPT:
		return prompt_typed(s, key, now);
	case OVER_CHOOSE:
		return shell_chose(s, choose_key(&s->choose, key), now);
	case OVER_DIALOG:
		return shell_answer(s, dialog_key(&s->dialog, key, now), now);
	case OVER_NONE:
		break;
	}
	return 0;
}

/* The first key after a long while shows where we are, and does nothing else:
 * whoever presses it may not know any more what it would have done. */
unsigned
shell_key(struct shell *s, uint32_t key, int64_t now)
{
	bool had_message = s->message[0] != '\0';
	bool long_ago = s->last_key != 0 && now - s->last_key > BRIEF_MS;
	enum request r;

	s->last_key = now;
	if (long_ago)
		s->away = s->last_key_wall;
	s->last_key_wall = s->model->now;
	s->attached = false;
	if (key == KEY_CTRL('l'))	/* nothing but the same once more */
		return SHELL_PAINT | SHELL_REDRAW;
	s->message[0] = '\0';
	if (long_ago && shell_wants_brief(s))
		return shell_brief(s, true);
	if (s->over != OVER_NONE) {
		if (key == KEY_CTRL('z'))
			return SHELL_SUSPEND;
		return over_key(s, key, now);
	}
	r = keys_find(s->keys, space_now(s), key);
	if (r == REQ_NONE)
		return key_elsewhere(s, key, now) | (had_message ?
		    SHELL_PAINT : 0);
	return shell_request(s, r, key, now) | (had_message ? SHELL_PAINT : 0);
}

unsigned
shell_paste(struct shell *s, const char *text, size_t n, bool cut, int64_t now)
{
	s->last_key = now;
	if (s->over == OVER_PROMPT)
		line_paste(&s->prompt, text, n);
	else if (s->over == OVER_PALETTE)
		palette_paste(&s->palette, space_now(s), text, n);
	else if (s->over == OVER_DIALOG)
		dialog_paste(&s->dialog);
	else
		shell_say(s, true, now, "%zu pasted bytes were thrown away: "
		    "open a note first", n);
	if (cut)
		shell_say(s, true, now, "the paste was too long; only its "
		    "begin is here");
	return SHELL_PAINT;
}

unsigned
shell_click(struct shell *s, int x, int y, int button, int64_t now)
{
	if (button == 64 || button == 65)
		return shell_request(s, button == 64 ? REQ_UP : REQ_DOWN,
		    KEY_NONE, now);
	if (button != 0 || s->over != OVER_NONE)
		return 0;
	for (int i = 0; i < s->n; i++) {
		struct area a = s->at[i];

		if (x >= a.x && x < a.x + a.w && y >= a.y && y < a.y + a.h)
			return focus_on(s, i);
	}
	return 0;
}

/* ---- the model changed --------------------------------------------------- */

/* A bell for what has happened; words for what has to be undone, and for an end
 * unless somebody was answered just now. */
static unsigned
tell_news(struct shell *s, unsigned parts, int64_t now)
{
	char text[NEWS_TEXT];
	enum news_what what = news_turn(&s->news, s->model, parts, text);

	if (what == NEWS_BAD || (what == NEWS_ENDED && s->message[0] == '\0'))
		shell_say(s, what == NEWS_BAD, now, "%s", text);
	return what == NEWS_NONE ? 0 : SHELL_BELL | SHELL_PAINT;
}

unsigned
shell_changed(struct shell *s, int64_t now)
{
	unsigned parts = s->model->changed, want = 0;

	s->model->changed = 0;
	if (s->model->answer.count != s->answered) {
		s->answered = s->model->answer.count;
		shell_say(s, s->model->answer.bad, now, "%s",
		    s->model->answer.text);
	}
	if (s->model->page.count != s->paged)
		want = shell_paged(s, now);
	if (parts == 0)
		return want;
	want |= tell_news(s, parts, now);
	if (s->held) {
		s->held_parts |= parts;
		return parts & MODEL_ANSWER ? want | SHELL_PAINT : want;
	}
	s->dirty |= parts;
	return want | shell_brief_turn(s, parts) | SHELL_PAINT;
}

int64_t
shell_deadline(const struct shell *s, int64_t now)
{
	int64_t at = -1;

	if (s->message[0] != '\0')
		at = s->message_until;
	if (s->over == OVER_DIALOG && s->dialog.quiet > now &&
	    (at < 0 || s->dialog.quiet < at))
		at = s->dialog.quiet;
	return at;
}

/* ---- painting ------------------------------------------------------------ */

/* Rows follow from the model before anything is painted: layout, recalc, paint. */
static void
prepare(struct shell *s, struct area room)
{
	bool again = s->layout;

	for (int i = 0; i < s->n; i++)
		again = again || (s->panes[i]->ops->parts & s->dirty) != 0;
	if (again)
		shell_layout(s, room);
	s->layout = false;
	s->dirty = 0;
}

static void
paint_pane(const struct shell *s, struct canvas *c, int i)
{
	const struct pane *p = s->panes[i];
	struct area a = s->at[i], before;
	char title[128];

	if (a.h < 1)
		return;
	(void)snprintf(title, sizeof title, "%d %s", i + 1, p->title);
	canvas_rule(c, a.x, a.y, a.w, title, i == s->focus);
	before = canvas_enter(c, (struct area){ a.x, a.y + 1, a.w, a.h - 1 });
	if (i == s->focus)
		canvas_cursor(c, 0, 0);
	p->ops->paint(p, c);
	canvas_leave(c, before);
}

static void
paint_prompt(struct shell *s, struct canvas *c)
{
	int x = canvas_width(c, s->asked.title);

	if (x > c->w / 2)	/* the words that are typed need the rest */
		x = c->w / 2;
	canvas_fit(c, 0, c->h - 1, x, ROLE_STRONG, s->asked.title);
	x += canvas_put(c, x, c->h - 1, ROLE_STRONG, ": ");
	line_paint(&s->prompt, c, x, c->h - 1, c->w - x);
}

static void
paint_over(struct shell *s, struct canvas *c)
{
	struct area before = canvas_enter(c, (struct area){ 0, 1, c->w,
	    c->h - 2 });

	if (s->over == OVER_PAGE || (s->over == OVER_PROMPT && s->behind))
		page_paint(&s->page, c);
	else if (s->over == OVER_PALETTE)
		palette_paint(&s->palette, c, s->keys, s->model);
	else if (s->over == OVER_DIALOG)
		dialog_paint(&s->dialog, c);
	else if (s->over == OVER_CHOOSE)
		choose_paint(&s->choose, c);
	canvas_leave(c, before);
	if (s->over == OVER_PROMPT)
		paint_prompt(s, c);
}

void
shell_paint(struct shell *s, struct canvas *c, int64_t now)
{
	struct area room;

	canvas_clear(c);
	if (s->message[0] != '\0' && now >= s->message_until)
		s->message[0] = '\0';
	if (c->w < NARROW_W || c->h < NARROW_H) {
		head_tiny(s, c);
		return;
	}
	room = (struct area){ 0, head_paint(s, c), c->w, 0 };
	if (c->w >= 60 && c->h >= 16 && s->model->buttons.v.n > 0)
		head_buttons(s, c, room.y++);
	room.h = c->h - room.y - 1;
	if (memcmp(&room, &s->room, sizeof room) != 0)
		s->layout = true;
	s->room = room;
	prepare(s, room);
	for (int i = 0; i < s->n; i++)
		paint_pane(s, c, i);
	head_bottom(s, c, c->h - 1);
	paint_over(s, c);
}

void
shell_title(const struct shell *s, char out[160])
{
	const struct model *m = s->model;
	const struct model_steps *r = &m->steps;

	if (m->head.incident == NULL)
		(void)snprintf(out, 160, "midwatch %s", m->head.site ?
		    m->head.site : "");
	else if (r->current < r->v.n)
		(void)snprintf(out, 160, "midwatch %s - step %zu/%zu %s",
		    m->head.incident, r->current + 1, r->v.n,
		    mstep_glance(r->v.v[r->current].state));
	else
		(void)snprintf(out, 160, "midwatch %s", m->head.incident);
}
