#include "verb/bar.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

enum { CELLS = 20, WIDE = 100, NARROW = 60, COLUMNS = 80 };

static bool shown;

bool
bar_fits(const struct cli *c)
{
	return !c->plain && !c->json && isatty(STDERR_FILENO);
}

void
bar_line(const struct job_info *i, size_t columns, struct buf *out)
{
	const char *text = i->progress != NULL ? i->progress : "";
	struct buf clean = BUF_INIT;
	int64_t done = i->done < i->total ? i->done : i->total;
	int cells = columns >= WIDE ? CELLS : CELLS / 2;

	if (i->total > 0 && done >= 0) {
		int part = (int)((double)done / (double)i->total * 100);

		if (columns >= NARROW) {
			buf_ch(out, '[');
			for (int k = 0; k < cells; k++)
				buf_ch(out, k * 100 < part * cells ? '#' : '.');
			buf_str(out, "] ");
		}
		buf_printf(out, "%3d %%  ", part);
	}
	text_clean(&clean, text, strlen(text), TEXT_LINE);
	if (clean.n > 0)
		buf_add(out, clean.p, text_fit(clean.p, clean.n, columns >
		    out->n ? columns - out->n : 0));
	buf_release(&clean);
}

void
bar_draw(const struct job_info *i)
{
	struct winsize w = { 0 };
	struct buf line = BUF_INIT;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 2)
		w.ws_col = COLUMNS;
	/* a full line would move the cursor to the next one */
	bar_line(i, w.ws_col - 1u, &line);
	(void)fprintf(stderr, "\r\033[K%s", line.n > 0 ? line.p : "");
	(void)fflush(stderr);
	shown = true;
	buf_release(&line);
}

void
bar_wipe(void)
{
	if (shown)
		(void)fputs("\r\033[K", stderr);
	shown = false;
}
