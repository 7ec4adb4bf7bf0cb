#include "backup/counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { TOLD = 3 };	/* tables that a message names */

#define HEAD "midwatch row counts 1: rows [schema, table]\n"

void
counts_add(struct counts *c, const char *schema, const char *table,
    int64_t rows)
{
	VEC_PUSH(&c->v, ((struct count){ xstrdup(schema), xstrdup(table),
	    rows }));
	c->sorted = false;
}

static int
by_name(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	int d = strcmp(x->schema, y->schema);

	return d != 0 ? d : strcmp(x->table, y->table);
}

void
counts_sort(struct counts *c)
{
	size_t to = 0;

	if (c->sorted)
		return;
	if (c->v.n > 1)
		qsort(c->v.v, c->v.n, sizeof *c->v.v, by_name);
	for (size_t i = 1; i < c->v.n; i++) {
		if (by_name(&c->v.v[to], &c->v.v[i]) != 0) {
			c->v.v[++to] = c->v.v[i];
			continue;
		}
		c->v.v[to].rows += c->v.v[i].rows;
		free(c->v.v[i].schema);
		free(c->v.v[i].table);
	}
	if (c->v.n > 0)
		c->v.n = to + 1;
	c->sorted = true;
}

const struct count *
counts_find(const struct counts *c, const char *schema, const char *table)
{
	size_t lo = 0, hi = c->v.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strcmp(c->v.v[mid].schema, schema);

		if (d == 0)
			d = strcmp(c->v.v[mid].table, table);
		if (d == 0)
			return &c->v.v[mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

int64_t
counts_rows(const struct counts *c)
{
	int64_t rows = 0;

	for (size_t i = 0; i < c->v.n; i++)
		rows += c->v.v[i].rows;
	return rows;
}

void
counts_join(struct counts *c, const struct counts *more)
{
	for (size_t i = 0; i < more->v.n; i++)
		counts_add(c, more->v.v[i].schema, more->v.v[i].table,
		    more->v.v[i].rows);
	counts_sort(c);
}

struct differ {
	const char *want_what, *have_what;
	struct buf *why;
	size_t n;
};

static void
differs(struct differ *d, const struct count *c, int64_t want, int64_t have)
{
	if (++d->n > TOLD)
		return;
	buf_printf(d->why, "%stable %s.%s: ", d->n > 1 ? "; " : "", c->schema,
	    c->table);
	if (want < 0)
		buf_printf(d->why, "not in %s, %" PRId64 " rows in %s",
		    d->want_what, have, d->have_what);
	else if (have < 0)
		buf_printf(d->why, "%" PRId64 " rows in %s, not in %s", want,
		    d->want_what, d->have_what);
	else
		buf_printf(d->why, "%" PRId64 " rows in %s, %" PRId64
		    " in %s", want, d->want_what, have, d->have_what);
}

bool
counts_differ(const struct counts *want, const char *want_what,
    const struct counts *have, const char *have_what, struct buf *why)
{
	struct differ d = { want_what, have_what, why, 0 };

	for (size_t i = 0; i < want->v.n; i++) {
		const struct count *w = &want->v.v[i];
		const struct count *h = counts_find(have, w->schema, w->table);

		if (h == NULL || h->rows != w->rows)
			differs(&d, w, w->rows, h != NULL ? h->rows : -1);
	}
	for (size_t i = 0; i < have->v.n; i++) {
		const struct count *h = &have->v.v[i];

		/* an empty table whose data was left out has lost nothing */
		if (h->rows > 0 &&
		    counts_find(want, h->schema, h->table) == NULL)
			differs(&d, h, -1, h->rows);
	}
	if (d.n > TOLD)
		buf_printf(why, "; and %zu more", d.n - TOLD);
	return d.n > 0;
}

void
counts_write(struct counts *c, struct buf *out)
{
	counts_sort(c);
	buf_str(out, HEAD);
	for (size_t i = 0; i < c->v.n; i++) {
		buf_printf(out, "%" PRId64 " [", c->v.v[i].rows);
		json_text(out, c->v.v[i].schema);
		buf_ch(out, ',');
		json_text(out, c->v.v[i].table);
		buf_str(out, "]\n");
	}
	buf_printf(out, "end %zu %" PRId64 "\n", c->v.n, counts_rows(c));
}

static bool
take_line(struct counts *c, const char *s, size_t n)
{
	const char *space = memchr(s, ' ', n);
	char *num = xstrndup(s, space != NULL ? (size_t)(space - s) : n);
	json_t *a = NULL;
	int64_t rows;
	bool ok = space != NULL && text_int(num, 0, INT64_MAX, &rows);

	if (ok)
		a = json_read(space + 1, n - (size_t)(space - s) - 1, NULL);
	ok = ok && json_array_size(a) == 2 &&
	    json_is_string(json_array_get(a, 0)) &&
	    json_is_string(json_array_get(a, 1));
	if (ok)
		counts_add(c, json_string_value(json_array_get(a, 0)),
		    json_string_value(json_array_get(a, 1)), rows);
	json_decref(a);
	free(num);
	return ok;
}

bool
counts_read(struct counts *c, const char *p, size_t n, struct err *e)
{
	size_t head = sizeof HEAD - 1, line = 1;
	const char *s = p + head, *end = p + n;
	struct buf last = BUF_INIT;
	bool whole = false;

	if (n < head || memcmp(p, HEAD, head) != 0)
		return err_set(e, ERR_INTEGRITY, "these are no row counts");
	while (s < end && !whole) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		line++;
		if (nl == NULL)
			break;
		if (nl - s > 4 && memcmp(s, "end ", 4) == 0) {
			counts_sort(c);
			buf_printf(&last, "end %zu %" PRId64 "\n", c->v.n,
			    counts_rows(c));
			whole = (size_t)(end - s) == last.n &&
			    memcmp(s, last.p, last.n) == 0;
			break;
		}
		if (!take_line(c, s, (size_t)(nl - s)))
			break;
		s = nl + 1;
	}
	buf_release(&last);
	return whole || err_set(e, ERR_INTEGRITY, "line %zu of the row counts "
	    "does not fit the others", line);
}

void
counts_release(struct counts *c)
{
	for (size_t i = 0; i < c->v.n; i++) {
		free(c->v.v[i].schema);
		free(c->v.v[i].table);
	}
	VEC_RELEASE(&c->v);
}
