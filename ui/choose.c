#include "ui/choose.h"

#include <stdlib.h>

enum { WIDTH = 110, WORD_W = 20, MARGIN = 4, FRAME = 3, NARROW = 60 };

void
choose_open(struct choose *c, const char *title)
{
	choose_release(c);
	c->title = xstrdup(title);
}

void
choose_release(struct choose *c)
{
	for (size_t i = 0; i < c->v.n; i++) {
		free(c->v.v[i].word);
		free(c->v.v[i].note);
	}
	VEC_RELEASE(&c->v);
	free(c->title);
	*c = (struct choose){ .title = NULL };
}

void
choose_add(struct choose *c, const char *word, const char *note)
{
	struct choose_row *row = VEC_NEW(&c->v);

	row->word = xstrdup(word);
	row->note = xstrdup(note != NULL ? note : "");
	c->list.n = (int)c->v.n;
}

int
choose_key(struct choose *c, uint32_t key)
{
	enum request r = REQ_NONE;

	switch (key) {
	case KEY_RETURN:
	case '\n':
		return c->list.n > 0 ? c->list.at : CHOOSE_LEFT;
	case KEY_ESC:
	case KEY_BACK:
	case KEY_CTRL('c'):
	case 'q':
		return CHOOSE_LEFT;
	case KEY_DOWN_ARROW:
	case KEY_TAB:
	case 'j':
		r = REQ_DOWN;
		break;
	case KEY_UP_ARROW:
	case KEY_BACKTAB:
	case 'k':
		r = REQ_UP;
		break;
	case KEY_HOME_:
	case 'g':
		r = REQ_TOP;
		break;
	case KEY_END_:
	case 'G':
		r = REQ_BOTTOM;
		break;
	default:
		return CHOOSE_OPEN;
	}
	(void)list_request(&c->list, r, c->list.n);
	return CHOOSE_OPEN;
}

static int
widest(const struct choose *c, const struct canvas *to)
{
	int w = 0;

	for (size_t i = 0; i < c->v.n; i++) {
		int one = canvas_width(to, c->v.v[i].word);

		w = one > w ? one : w;
	}
	return w < WORD_W ? w : WORD_W;
}

static void
paint_row(const struct choose *c, struct canvas *to, int at, int y)
{
	bool here = at == c->list.at;
	enum role role = here ? ROLE_SELECT : ROLE_TEXT;
	int word_w = widest(c, to);

	if (here) {
		canvas_fill(to, (struct area){ 0, y, to->w, 1 }, role, " ");
		canvas_cursor(to, 1, y);
	}
	(void)canvas_put(to, 0, y, role, here ? ">" : " ");
	canvas_fit(to, 2, y, word_w, role, c->v.v[at].word);
	if (to->w > word_w + 5)
		canvas_fit(to, word_w + 4, y, to->w - word_w - 5, role,
		    c->v.v[at].note);
}

void
choose_paint(struct choose *c, struct canvas *to)
{
	int w = to->w < NARROW ? to->w : to->w < WIDTH + 2 * MARGIN ?
	    to->w - 2 * MARGIN : WIDTH;
	int h = c->list.n + FRAME < to->h ? c->list.n + FRAME : to->h;
	struct area outer = canvas_enter(to, (struct area){ (to->w - w) / 2,
	    (to->h - h) / 2, w, h }), inner;

	list_fit(&c->list, c->list.n, h - FRAME);
	canvas_fill(to, canvas_whole(to), ROLE_TEXT, " ");
	canvas_box(to, canvas_whole(to), c->title, true);
	inner = canvas_enter(to, (struct area){ 1, 1, w - 2, h - 2 });
	for (int i = 0; i < h - FRAME; i++)
		paint_row(c, to, c->list.top + i, i);
	canvas_fit(to, 2, to->h - 1, to->w - 2, ROLE_DIM,
	    "Enter takes it, Esc leaves");
	canvas_leave(to, inner);
	canvas_leave(to, outer);
}
