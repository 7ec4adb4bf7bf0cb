/*
 * The rows of a job's output that somebody looks at. Of the file that is looked
 * at an index is kept, one offset for so many rows, which grows with it: rows are
 * found by their number in a file of any size.
 */
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "keeper/keeper_intern.h"

enum {
	CHUNK = 256 << 10, EACH = 256, ROWS_MAX = 500, ROW_MAX = 2000,
	OUTPUT_EVERY_MS = 100,
};

static int
output_open(const struct keeper *k, int64_t n, int64_t *ret_size)
{
	char *path = state_path(k->want.state, "jobs/%" PRId64 "/output.log", n);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	free(path);
	*ret_size = fd >= 0 && fstat(fd, &st) == 0 ? (int64_t)st.st_size : 0;
	return fd;
}

/* ---- the index -------------------------------------------------------------------- */

static void
index_count(struct row_index *x, const char *p, size_t n)
{
	const char *at = p, *nl;

	while ((nl = memchr(at, '\n', n - (size_t)(at - p))) != NULL) {
		at = nl + 1;
		if (++x->ends % EACH == 0)
			VEC_PUSH(&x->marks, x->size + (at - p));
	}
	x->open = at < p + n;
	x->size += (int64_t)n;
}

static void
index_grow(struct keeper *k, int fd, int64_t n, int64_t size)
{
	struct row_index *x = &k->rows;
	char *part;

	if (x->n != n || size < x->size) {
		VEC_RELEASE(&x->marks);
		*x = (struct row_index){ .n = n };
		VEC_PUSH(&x->marks, 0);
	}
	part = xmalloc(CHUNK);
	while (x->size < size) {
		int64_t left = size - x->size;
		ssize_t got = io_pread_full(fd, part, left < CHUNK ?
		    (size_t)left : (size_t)CHUNK, x->size);

		if (got <= 0)
			break;
		index_count(x, part, (size_t)got);
	}
	free(part);
}

static int64_t
index_rows(const struct row_index *x)
{
	return x->ends + (x->open ? 1 : 0);
}

/* Where row `row` begins. */
static int64_t
index_offset(const struct row_index *x, int fd, int64_t row)
{
	int64_t at = x->marks.v[row / EACH], skip = row % EACH;
	char *part = skip > 0 ? xmalloc(CHUNK) : NULL;

	while (skip > 0) {
		ssize_t n = io_pread_full(fd, part, CHUNK, at);
		const char *p = part, *nl = NULL;

		if (n <= 0)
			break;
		while (skip > 0 && (nl = memchr(p, '\n',
		    (size_t)(part + n - p))) != NULL) {
			p = nl + 1;
			skip--;
		}
		at += skip > 0 ? n : p - part;
	}
	free(part);
	return at;
}

/* Which row a byte is in. */
static int64_t
index_row_of(const struct row_index *x, int fd, int64_t byte)
{
	size_t m = x->marks.n;
	int64_t at, row;
	char *part = xmalloc(CHUNK);

	while (m > 1 && x->marks.v[m - 1] > byte)
		m--;
	at = x->marks.v[m - 1];
	row = (int64_t)(m - 1) * EACH;
	while (at < byte) {
		ssize_t n = io_pread_full(fd, part, byte - at < CHUNK ?
		    (size_t)(byte - at) : (size_t)CHUNK, at);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			row += part[i] == '\n';
		at += n;
	}
	free(part);
	return row;
}

/* ---- rows ---------------------------------------------------------------------------- */

/* Bytes as somebody sees them: what a bare carriage return wrote over is gone. */
static void
put_row(struct buf *b, const char *p, size_t n)
{
	struct buf utf8 = BUF_INIT;

	while (n > 0 && p[n - 1] == '\r')
		n--;
	for (size_t i = n; i-- > 0;)
		if (p[i] == '\r') {
			p += i + 1;
			n -= i + 1;
			break;
		}
	text_utf8(&utf8, p, n < ROW_MAX ? n : ROW_MAX);
	json_comma(b);
	json_textn(b, utf8.p, utf8.n);
	buf_release(&utf8);
}

/* Rows from a byte on; one that is very long is cut, and takes its place. */
static void
put_rows(struct buf *b, int fd, int64_t at, int64_t rows)
{
	char *part = xmalloc(CHUNK);
	struct buf row = BUF_INIT;
	ssize_t n;

	while (rows > 0 && (n = io_pread_full(fd, part, CHUNK, at)) > 0) {
		at += n;
		for (ssize_t i = 0; i < n && rows > 0; i++) {
			if (part[i] != '\n') {
				if (row.n < ROW_MAX * 4)
					buf_ch(&row, part[i]);
				continue;
			}
			put_row(b, row.n ? row.p : "", row.n);
			buf_clear(&row);
			rows--;
		}
	}
	if (rows > 0 && row.n > 0)
		put_row(b, row.p, row.n);
	buf_release(&row);
	free(part);
}

static void
send_rows(struct keeper *k, int64_t n, int64_t first, int64_t rows)
{
	struct buf b = BUF_INIT;
	int64_t size, all;
	int fd = output_open(k, n, &size);

	index_grow(k, fd, n, fd >= 0 ? size : 0);
	all = index_rows(&k->rows);
	if (first < 0 || first > all)
		first = all > rows ? all - rows : 0;
	json_open(&b);
	json_put_str(&b, "t", "output");
	json_put_int(&b, "n", n);
	json_put_int(&b, "size", size);
	json_put_int(&b, "first", first);
	json_put_int(&b, "lines", all);
	json_key(&b, "rows");
	json_open_list(&b);
	if (fd >= 0 && first < all)
		put_rows(&b, fd, index_offset(&k->rows, fd, first), rows);
	json_close_list(&b);
	json_close(&b);
	speak_line(k, &b);
	k->view.size = size;
	k->view.sent_at = clock_mono_ms();
	io_close(&fd);
	buf_release(&b);
}

void
output_ask(struct keeper *k, const json_t *ask)
{
	int64_t n = json_get_int(ask, "n", 0);
	int64_t rows = json_get_int(ask, "rows", 24);

	if (rows < 1 || rows > ROWS_MAX)
		rows = ROWS_MAX;
	k->view.n = json_get_bool(ask, "follow") ? n : 0;
	k->view.rows = rows;
	if (n > 0)
		send_rows(k, n, json_get_int(ask, "first", -1), rows);
}

void
output_turn(struct keeper *k, int64_t now)
{
	int64_t size;
	int fd;

	if (k->view.n == 0 || now < k->view.sent_at + OUTPUT_EVERY_MS)
		return;
	fd = output_open(k, k->view.n, &size);
	io_close(&fd);
	if (size != k->view.size)
		send_rows(k, k->view.n, -1, k->view.rows);
}

/* ---- finding a text in it ---------------------------------------------------------- */

static bool
same_fold(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
			return false;
	return true;
}

/* The first (or last) place in p where text begins, -1: nowhere. */
static int64_t
find_in(const char *p, size_t n, const char *text, size_t len, bool last)
{
	int64_t at = -1;

	for (size_t i = 0; i + len <= n; i++)
		if (same_fold(p + i, text, len)) {
			at = (int64_t)i;
			if (!last)
				break;
		}
	return at;
}

static int64_t
find(int fd, int64_t size, int64_t from, const char *text, bool back)
{
	size_t len = strlen(text);
	char *part = xmalloc(CHUNK);
	int64_t at = -1;

	while (at < 0 && len > 0 && len < CHUNK / 2 &&
	    (back ? from > 0 : from < size)) {
		int64_t begin = !back ? from : from > CHUNK ? from - CHUNK : 0;
		size_t want = back ? (size_t)(from - begin) : CHUNK;
		ssize_t n = io_pread_full(fd, part, want, begin);

		if (n <= 0)
			break;
		at = find_in(part, (size_t)n, text, len, back);
		if (at >= 0)
			at += begin;
		/* what lies across the edge of two chunks is found as well */
		if (back)
			from = begin == 0 ? 0 : begin + (int64_t)len - 1;
		else if ((size_t)n < CHUNK)
			break;
		else
			from += CHUNK - (int64_t)len + 1;
	}
	free(part);
	return at;
}

/* From the row after `first` on, or from the one before it back. */
static int64_t
find_row(struct keeper *k, int fd, const json_t *ask, int64_t size)
{
	int64_t first = json_get_int(ask, "first", -1), at;
	int64_t all = index_rows(&k->rows);
	bool back = json_get_bool(ask, "back");

	if (back)
		at = first < 0 || first >= all ? size :
		    index_offset(&k->rows, fd, first);
	else
		at = first < 0 ? 0 : first + 1 >= all ? size :
		    index_offset(&k->rows, fd, first + 1);
	at = find(fd, size, at, json_get_str(ask, "text"), back);
	return at < 0 ? -1 : index_row_of(&k->rows, fd, at);
}

void
output_find(struct keeper *k, const json_t *ask)
{
	int64_t n = json_get_int(ask, "n", 0), size;
	int fd = output_open(k, n, &size);
	struct buf b = BUF_INIT;

	index_grow(k, fd, n, fd >= 0 ? size : 0);
	json_open(&b);
	json_put_str(&b, "t", "found");
	json_put_int(&b, "id", json_get_int(ask, "id", 0));
	json_put_int(&b, "n", n);
	json_put_int(&b, "at", fd >= 0 && json_get_str(ask, "text") != NULL ?
	    find_row(k, fd, ask, size) : -1);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
	io_close(&fd);
}
