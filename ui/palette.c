#include "ui/palette.h"

#include <string.h>
#include <strings.h>

/* Moves are not actions; the rest is, where it can be reached from. */
static bool
belongs(enum request r, enum space space)
{
	const struct request_row *row = &requests[r];

	if (row->label[0] == '\0' || r == REQ_PALETTE)
		return false;
	while (space != row->space && space != SPACE_GLOBAL)
		space = space_parent(space);
	return space == row->space;
}

static bool
matches(const char *text, const char *words)
{
	return *words == '\0' || strcasestr(text, words) != NULL;
}

static void
narrow(struct palette *p, enum space space)
{
	const char *words = p->filter.text.p;
	int n = 0;

	for (int r = 0; r < REQ_COUNT; r++)
		if (belongs((enum request)r, space) &&
		    (matches(requests[r].label, words) ||
			matches(requests[r].word, words) ||
			matches(requests[r].help, words)))
			p->shown[n++] = (enum request)r;
	p->list.at = 0;
	list_fit(&p->list, n, 1);
}

void
palette_open(struct palette *p, enum space space)
{
	palette_release(p);
	*p = (struct palette){ .filter = LINE_INIT };
	narrow(p, space);
}

void
palette_release(struct palette *p)
{
	line_release(&p->filter);
}

enum request
palette_key(struct palette *p, enum space space, uint32_t key)
{
	if ((key == KEY_RETURN || key == '\n') && p->list.n > 0)
		return p->shown[p->list.at];
	if (key == KEY_DOWN_ARROW || key == KEY_TAB || key == KEY_CTRL('n'))
		(void)list_request(&p->list, REQ_DOWN, 1);
	else if (key == KEY_UP_ARROW || key == KEY_BACKTAB ||
	    key == KEY_CTRL('p'))
		(void)list_request(&p->list, REQ_UP, 1);
	else if (key == KEY_PGDN)
		(void)list_request(&p->list, REQ_PAGE_DOWN, 8);
	else if (key == KEY_PGUP)
		(void)list_request(&p->list, REQ_PAGE_UP, 8);
	else if (line_key(&p->filter, key))
		narrow(p, space);
	return REQ_NONE;
}

void
palette_paste(struct palette *p, enum space space, const char *s, size_t n)
{
	line_paste(&p->filter, s, n);
	narrow(p, space);
}

static void
paint_row(struct canvas *c, int y, enum request r, bool here,
    const struct keys *k, const struct model *m)
{
	const struct model_button *b = model_button(m, r);
	const char *why_not = b != NULL ? b->why_not : NULL;
	enum role role = here ? ROLE_SELECT :
	    why_not != NULL ? ROLE_DIM : ROLE_TEXT;
	char key[24];
	int x;

	keys_name(k, r, key);
	if (here)
		canvas_role(c, (struct area){ 0, y, c->w, 1 }, role);
	(void)canvas_put(c, 0, y, role, here ? ">" : " ");
	canvas_fit(c, 2, y, 6, role, key);
	x = 9 + canvas_printf(c, 9, y, role, why_not ? "[%s]" : "%s",
	    requests[r].label);
	x = x < 24 ? 24 : x + 1;
	canvas_fit(c, x, y, c->w - x, role, why_not ? why_not :
	    requests[r].help);
}

void
palette_paint(struct palette *p, struct canvas *c, const struct keys *k,
    const struct model *m)
{
	struct area before;

	canvas_fill(c, canvas_whole(c), ROLE_TEXT, " ");
	canvas_box(c, canvas_whole(c), "everything that can be done", true);
	before = canvas_enter(c, (struct area){ 1, 1, c->w - 2, c->h - 2 });
	list_fit(&p->list, p->list.n, c->h - 1);
	for (int i = 0; i < c->h - 1 && p->list.top + i < p->list.n; i++)
		paint_row(c, i + 1, p->shown[p->list.top + i],
		    p->list.top + i == p->list.at, k, m);
	if (p->list.n == 0)
		(void)canvas_put(c, 2, 1, ROLE_DIM, "nothing is called that");
	(void)canvas_put(c, 0, 0, ROLE_STRONG, ":");
	line_paint(&p->filter, c, 2, 0, c->w - 3);
	canvas_leave(c, before);
	canvas_more(c, p->list.n - p->list.top - (c->h - 3));
}
