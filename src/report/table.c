#include "report/table.h"

#include "base/markdown.h"

void
table_head(struct table *t, const char *const *names)
{
	for (; *names != NULL; names++) {
		buf_str(table_cell(t), *names);
		t->columns++;
	}
}

struct buf *
table_cell(struct table *t)
{
	return VEC_NEW(&t->cells);
}

void
table_text(struct table *t, const char *words)
{
	md_text(table_cell(t), words);
}

/* Characters, not columns of a terminal: those depend on its locale. */
static size_t
width(const struct buf *b)
{
	size_t w = 0;

	for (size_t i = 0; i < b->n; i++)
		w += ((unsigned char)b->p[i] & 0xc0) != 0x80;
	return w;
}

static void
row(const struct table *t, size_t at, const size_t *widths, struct buf *out)
{
	for (size_t c = 0; c < t->columns; c++) {
		const struct buf *cell = &t->cells.v[at + c];
		size_t w = width(cell);

		buf_str(out, "| ");
		buf_add(out, cell->p != NULL ? cell->p : "", cell->n);
		if (c + 1 < t->columns && w < widths[c])
			buf_fill(out, ' ', widths[c] - w);
		buf_ch(out, ' ');
	}
	buf_str(out, "|\n");
}

void
table_write(struct table *t, struct buf *out)
{
	size_t widths[TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->cells.n; i++) {
		size_t w = width(&t->cells.v[i]), *max = &widths[i % t->columns];

		w = w > TABLE_PAD ? TABLE_PAD : w;
		*max = w > *max ? w : *max;
	}
	for (size_t at = 0; t->cells.n > t->columns &&
	    at + t->columns <= t->cells.n; at += t->columns) {
		row(t, at, widths, out);
		if (at > 0)
			continue;
		for (size_t c = 0; c < t->columns; c++) {
			size_t n = c + 1 < t->columns ? widths[c] :
			    width(&t->cells.v[c]);

			buf_str(out, "|");
			buf_fill(out, '-', (n > 1 ? n : 1) + 2);
		}
		buf_str(out, "|\n");
	}
	for (size_t i = 0; i < t->cells.n; i++)
		buf_release(&t->cells.v[i]);
	VEC_RELEASE(&t->cells);
	t->columns = 0;
}
