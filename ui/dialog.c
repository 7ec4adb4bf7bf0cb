#include "ui/dialog.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ui/keys.h"

enum { WIDTH = 74, NAME_WIDTH = 10 };

void
dialog_init(struct dialog *d, const char *title, int64_t now)
{
	*d = (struct dialog){ .title = xstrdup(title), .body = BUF_INIT,
		.typed = LINE_INIT, .opened = now,
		.guard_ms = DIALOG_GUARD_MS };
	d->quiet = now + d->guard_ms;
}

void
dialog_release(struct dialog *d)
{
	for (int i = 0; i < d->n; i++)
		free(d->buttons[i].label);
	free(d->title);
	free(d->confirm);
	buf_release(&d->body);
	line_release(&d->typed);
	*d = (struct dialog){ .n = 0 };
}

void
dialog_text(struct dialog *d, const char *text)
{
	buf_printf(&d->body, "%s\n", text);
}

void
dialog_fact(struct dialog *d, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(&d->body, "%s\t", name);
	for (const char *s = value; *s != '\0'; s++)	/* one row each */
		buf_ch(&d->body, *s == '\n' || *s == '\t' ? ' ' : *s);
	buf_ch(&d->body, '\n');
}

void
dialog_button(struct dialog *d, const char *label, bool danger)
{
	if (d->n == DIALOG_BUTTONS)
		return;
	d->buttons[d->n].label = xstrdup(label);
	d->buttons[d->n++].danger = danger;
}

static bool
is_ready(const struct dialog *d, int button)
{
	return !d->buttons[button].danger || d->confirm == NULL ||
	    strcmp(d->typed.text.p, d->confirm) == 0;
}

static int
press(struct dialog *d)
{
	if (is_ready(d, d->at))
		return d->at;
	d->note = "that is not the name yet; type it exactly";
	return DIALOG_OPEN;
}

static bool
chooses(struct dialog *d, uint32_t key)
{
	bool typing = d->confirm != NULL;

	if (key == KEY_TAB || key == KEY_RIGHT_ARROW || (!typing && key == 'l'))
		d->at = (d->at + 1) % d->n;
	else if (key == KEY_BACKTAB || key == KEY_LEFT_ARROW ||
	    (!typing && key == 'h'))
		d->at = (d->at + d->n - 1) % d->n;
	else if (key == KEY_DOWN_ARROW || key == KEY_PGDN ||
	    (!typing && key == 'j'))
		d->top++;
	else if (key == KEY_UP_ARROW || key == KEY_PGUP ||
	    (!typing && key == 'k'))
		d->top -= d->top > 0;
	else
		return false;
	return true;
}

/* Keys keep the guard up while they come: somebody still types what was meant
 * for the screen before. */
static bool
too_early(struct dialog *d, int64_t now)
{
	if (now >= d->quiet)
		return false;
	d->ignored++;
	if (now + d->guard_ms <= d->opened + DIALOG_GUARD_MAX_MS)
		d->quiet = now + d->guard_ms;
	return true;
}

int
dialog_key(struct dialog *d, uint32_t key, int64_t now)
{
	if (too_early(d, now))
		return DIALOG_OPEN;
	d->note = NULL;
	if (key == KEY_RETURN || key == '\n')
		return press(d);
	if (key == KEY_ESC || key == KEY_CTRL('c') ||
	    (key == 'q' && d->confirm == NULL))
		return d->harmless;
	if (!chooses(d, key) && d->confirm != NULL)
		(void)line_key(&d->typed, key);
	return DIALOG_OPEN;
}

void
dialog_paste(struct dialog *d)
{
	d->note = d->confirm != NULL ? "the name is typed, not pasted" :
	    "nothing can be pasted here";
}

/* Rows that the body takes, painted from row `top` on where c has room. */
static int
paint_body(const struct dialog *d, struct canvas *c, struct area a)
{
	char *text = xstrdup(d->body.p), *save = NULL;
	struct area before = canvas_enter(c, a);
	int row = -d->top;

	for (char *s = strtok_r(text, "\n", &save); s != NULL;
	     s = strtok_r(NULL, "\n", &save)) {
		char *tab = strchr(s, '\t');
		int x = tab == NULL || a.w < 30 ? 0 : NAME_WIDTH;
		struct area rest;

		if (tab != NULL) {
			*tab = '\0';
			(void)canvas_put(c, 0, row, ROLE_DIM, s);
			row += x == 0;
			s = tab + 1;
		}
		rest = (struct area){ x, row < 0 ? 0 : row, a.w - x, a.h };
		row += canvas_wrap_from(c, rest, row < 0 ? -row : 0,
		    tab != NULL ? ROLE_STRONG : ROLE_TEXT, s);
	}
	free(text);
	canvas_leave(c, before);
	return row + d->top;
}

/* Side by side, or one a row where they do not fit. */
static int
button_rows(const struct dialog *d, bool ascii, int w)
{
	struct canvas counting = { .ascii = ascii };
	int need = 0;

	for (int i = 0; i < d->n; i++)
		need += canvas_width(&counting, d->buttons[i].label) + 5;
	return need > w ? d->n : 1;
}

static void
paint_buttons(const struct dialog *d, struct canvas *c, int y)
{
	bool stacked = button_rows(d, c->ascii, c->w - 1) > 1;
	int x = 1;

	for (int i = 0; i < d->n; i++) {
		bool here = i == d->at, ready = is_ready(d, i);
		enum role role = here ? ROLE_BUTTON_FOCUS :
		    !ready ? ROLE_DIM :
		    d->buttons[i].danger ? ROLE_BUTTON_DANGER : ROLE_BUTTON;

		if (here && d->confirm == NULL)
			canvas_cursor(c, x + 2, y);
		x += canvas_printf(c, x, y, role, here ? "[>%s<]" :
		    ready ? "[ %s ]" : "[(%s)]", d->buttons[i].label) + 1;
		if (stacked) {
			x = 1;
			y++;
		}
	}
}

/* What is typed, what went wrong, the buttons: always in sight. */
static void
paint_foot(struct dialog *d, struct canvas *c)
{
	int y = 0, x;

	if (d->confirm != NULL) {
		x = canvas_printf(c, 1, y, ROLE_TEXT, "type %s: ", d->confirm);
		line_paint(&d->typed, c, x + 1, y, c->w - x - 2);
		y++;
	}
	if (d->note != NULL)
		(void)canvas_put(c, 1, y, ROLE_CAUTION, d->note);
	else if (d->ignored > 0)
		(void)canvas_printf(c, 1, y, ROLE_DIM, "%d key%s typed before "
		    "this opened: thrown away", d->ignored,
		    d->ignored > 1 ? "s" : "");
	paint_buttons(d, c, y + 1);
}

static int
body_rows(const struct dialog *d, bool ascii, int w)
{
	struct canvas counting = { .ascii = ascii };
	struct dialog whole = *d;

	whole.top = 0;
	return paint_body(&whole, &counting, (struct area){ 0, 0, w, 0 });
}

void
dialog_paint(struct dialog *d, struct canvas *c)
{
	int w = c->w < WIDTH + 4 ? c->w : WIDTH;
	int foot = 1 + (d->confirm != NULL) + button_rows(d, c->ascii, w - 3);
	int rows = body_rows(d, c->ascii, w - 4);
	int h = rows + foot + 2 < c->h ? rows + foot + 2 : c->h;
	int hidden = rows - (h - foot - 2);
	struct area outer, inner;

	if (d->top > hidden)
		d->top = hidden > 0 ? hidden : 0;
	outer = canvas_enter(c, (struct area){ (c->w - w) / 2, (c->h - h) / 2,
	    w, h });
	canvas_fill(c, canvas_whole(c), ROLE_TEXT, " ");
	canvas_box(c, canvas_whole(c), d->title, true);
	(void)paint_body(d, c, (struct area){ 2, 1, w - 4, h - foot - 2 });
	if (d->top < hidden)
		(void)canvas_printf(c, w - 16, h - 1, ROLE_STRONG,
		    " Down: %d more ", hidden - d->top);
	inner = canvas_enter(c, (struct area){ 1, h - foot - 1, w - 2, foot });
	paint_foot(d, c);
	canvas_leave(c, inner);
	canvas_leave(c, outer);
}
