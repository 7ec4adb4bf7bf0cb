#include "backup/sizes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"

enum { TAIL = 256 << 10, LINE = 256, NUMBERS = 5, SLOW_MS = 60000,
       CLUSTER_MAX = 64 };

#define WORD_(id, word) word,
static const char *const verdicts[] = { SIZE_VERDICTS(WORD_) };
#undef WORD_

const char *
size_verdict_name(enum size_verdict v)
{
	return verdicts[v];
}

/* ---- the file ---------------------------------------------------------------- */

static char *
path_of(const struct state *state, const char *part)
{
	return state_path(state, "sizes/%s.csv", part);
}

static void
put_line(struct buf *b, const struct size_entry *x)
{
	char stamp[SET_STAMP];

	clock_fmt_stamp(stamp, x->at);
	buf_printf(b, "%s,%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64
	    ",%" PRId64 ",%s\n", stamp, set_class_name(x->class), x->size,
	    x->raw_size, x->tables, x->rows, x->took_ms,
	    x->good ? "good" : "bad");
}

/* Did somebody's write before ours come to its end? */
static bool
ends_torn(int fd)
{
	struct stat st;
	char last = '\n';

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		(void)io_pread_full(fd, &last, 1, st.st_size - 1);
	return last != '\n';
}

static char *
cluster_path(const struct state *state, const char *part)
{
	return state_path(state, "sizes/%s.cluster", part);
}

bool
sizes_cluster(const struct state *state, const char *part, struct buf *ret)
{
	char *path = set_part_ok(part) ? cluster_path(state, part) : NULL;
	struct err quiet = ERR_INIT;
	bool ok = path != NULL && file_read(path, ret, CLUSTER_MAX, &quiet);

	while (ok && ret->n > 0 && ret->p[ret->n - 1] == '\n')
		buf_cut(ret, ret->n - 1);
	free(path);
	return ok && ret->n > 0;
}

void
sizes_cluster_is(const struct state *state, const char *part, const char *id)
{
	char *path = set_part_ok(part) ? cluster_path(state, part) : NULL;
	char *line = xprintf("%s\n", id);
	struct buf was = BUF_INIT;
	struct err quiet = ERR_INIT;

	if (path != NULL && !(sizes_cluster(state, part, &was) &&
	    strcmp(was.p, id) == 0))
		(void)file_replace(path, line, strlen(line), 0660, &quiet);
	buf_release(&was);
	free(line);
	free(path);
}

bool
sizes_append(const struct state *state, const char *part,
    const struct size_entry *entry, struct err *e)
{
	char *dir = state_path(state, "sizes"), *path = path_of(state, part);
	struct buf b = BUF_INIT;
	ssize_t w = 0;
	bool ok;
	int fd = -1;

	ok = (set_part_ok(part) || err_set(e, ERR_USAGE, "'%s' is not the "
	    "name of a component", part)) && file_mkdir(dir, 02770, e);
	if (!ok)
		goto out;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0660);
	if (fd >= 0) {
		(void)fchmod(fd, 0660);	/* not everybody's umask allows it */
		if (ends_torn(fd))
			buf_ch(&b, '\n');
		put_line(&b, entry);
		do
			w = write(fd, b.p, b.n);
		while (w < 0 && errno == EINTR);
	}
	if (fd < 0 || w < 0)
		ok = err_sys(e, "cannot write '%s'", path);
	else if ((size_t)w < b.n)
		ok = err_set(e, ERR_FAILED, "cannot write '%s': the disk is "
		    "full", path);
	else
		ok = fdatasync(fd) == 0 ||
		    err_sys(e, "cannot write '%s'", path);
out:
	io_close(&fd);
	buf_release(&b);
	free(path);
	free(dir);
	return ok;
}

static bool
take_number(const char *s, int64_t *ret)
{
	return text_int(s, -1, INT64_MAX, ret);
}

/* The n words of a line between its commas; false: there are not as many. */
static bool
split(char *line, char **words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		words[i] = line;
		line = strchr(line, ',');
		if ((line == NULL) != (i == n - 1))
			return false;
		if (line != NULL)
			*line++ = '\0';
	}
	return true;
}

static bool
take_line(const char *p, size_t n, struct size_entry *ret)
{
	int64_t *numbers[NUMBERS] = { &ret->size, &ret->raw_size,
		&ret->tables, &ret->rows, &ret->took_ms };
	char line[LINE], *words[NUMBERS + 3];
	const char *last;

	if (n >= sizeof line || memchr(p, '\0', n) != NULL)
		return false;
	memcpy(line, p, n);
	line[n] = '\0';
	if (!split(line, words, NUMBERS + 3) ||
	    !set_stamp_parse(words[0], &ret->at) ||
	    !set_class_parse(words[1], &ret->class))
		return false;
	for (size_t i = 0; i < NUMBERS; i++)
		if (!take_number(words[2 + i], numbers[i]))
			return false;
	last = words[NUMBERS + 2];
	ret->good = strcmp(last, "good") == 0;
	return ret->good || strcmp(last, "bad") == 0;
}

static int
by_time(const void *a, const void *b)
{
	const struct size_entry *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

void
sizes_sort(struct sizes *s)
{
	if (s->v.n > 1)
		qsort(s->v.v, s->v.n, sizeof *s->v.v, by_time);
}

void
sizes_parse(struct sizes *s, const char *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		const char *end = memchr(p + at, '\n', n - at);
		size_t len = end != NULL ? (size_t)(end - p) - at : n - at;
		struct size_entry x;

		if (end != NULL && take_line(p + at, len, &x))
			VEC_PUSH(&s->v, x);
		else
			s->torn += len > 0;
		at += len + 1;
	}
	sizes_sort(s);
}

bool
sizes_read(struct sizes *s, const struct state *state, const char *part,
    struct err *e)
{
	char *path = path_of(state, part), *text = NULL;
	const char *nl;
	struct stat st;
	ssize_t r = 0;
	bool ok = true;
	int64_t from;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		goto out;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		ok = err_sys(e, "cannot read '%s'", path);
		goto out;
	}
	from = st.st_size > TAIL ? st.st_size - TAIL : 0;
	text = xmalloc(TAIL);
	r = io_pread_full(fd, text, TAIL, from);
	if (r < 0) {
		ok = err_sys(e, "cannot read '%s'", path);
		goto out;
	}
	/* not in the middle of a line */
	nl = from > 0 ? memchr(text, '\n', (size_t)r) : text - 1;
	if (nl != NULL)
		sizes_parse(s, nl + 1, (size_t)(text + r - nl - 1));
out:
	io_close(&fd);
	free(text);
	free(path);
	return ok;
}

void
sizes_release(struct sizes *s)
{
	VEC_RELEASE(&s->v);
	s->torn = 0;
}

/* ---- what is usual -------------------------------------------------------------- */

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Of what was counted; -1: none was. */
static int64_t
median(const struct size_entry *const *last, size_t n, size_t off)
{
	int64_t v[SIZES_BASE];
	size_t have = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t x;

		memcpy(&x, (const char *)last[i] + off, sizeof x);
		if (x >= 0)
			v[have++] = x;
	}
	if (have == 0)
		return -1;
	qsort(v, have, sizeof *v, by_number);
	if (have % 2 == 1)
		return v[have / 2];
	return v[have / 2 - 1] + (v[have / 2] - v[have / 2 - 1]) / 2;
}

void
sizes_base(const struct sizes *s, int64_t before, struct size_base *ret)
{
	const struct size_entry *last[SIZES_BASE];
	size_t n = 0;

	for (size_t i = s->v.n; i-- > 0 && n < SIZES_BASE;)
		if (s->v.v[i].good && s->v.v[i].at < before)
			last[n++] = &s->v.v[i];
#define MEDIAN(field) median(last, n, offsetof(struct size_entry, field))
	*ret = (struct size_base){ n, MEDIAN(size), MEDIAN(raw_size),
		MEDIAN(tables), MEDIAN(rows), MEDIAN(took_ms) };
#undef MEDIAN
}

/* Is a more than percent of base, without running over? */
static bool
more(int64_t a, int64_t base, int64_t percent)
{
	if (base > INT64_MAX / 1000 || a > INT64_MAX / 100)
		return a / percent > base / 100;
	return a * 100 > base * percent;
}

enum size_verdict
size_judge(int64_t value, int64_t median_, int64_t percent)
{
	if (value < 0 || median_ < 0)
		return SIZE_NO_BASELINE;
	if (percent < 1)
		percent = 1;
	else if (percent > 1000)
		percent = 1000;
	if (value > median_)
		return more(value - median_, median_, percent) ? SIZE_LARGE :
		    SIZE_NORMAL;
	/* Nothing shrinks by more than all of it: doubling allowed, halving is. */
	if (percent >= 100)
		return more(median_ - value, value, percent) ? SIZE_SMALL :
		    SIZE_NORMAL;
	return more(median_ - value, median_, percent) ? SIZE_SMALL :
	    SIZE_NORMAL;
}

static bool
is_odd(enum size_verdict v)
{
	return v == SIZE_SMALL || v == SIZE_LARGE;
}

enum size_verdict
sizes_judge(const struct size_base *base, const struct size_entry *copy,
    int64_t percent, struct buf *why)
{
	enum size_verdict packed = size_judge(copy->size, base->size, percent);
	enum size_verdict raw = size_judge(copy->raw_size, base->raw_size,
	    percent);
	enum size_verdict tables = size_judge(copy->tables, base->tables,
	    percent);
	char is[16], was[16];

	/* what is missing tells more than how well the rest could be packed */
	if (is_odd(tables)) {
		buf_printf(why, "unusually %s: the rows of %" PRId64 " table%s,"
		    " usually %" PRId64, size_verdict_name(tables),
		    copy->tables, copy->tables == 1 ? "" : "s", base->tables);
		return tables;
	}
	if (!is_odd(raw) && !is_odd(packed))
		return packed;
	text_fmt_size(is, is_odd(raw) ? copy->raw_size : copy->size);
	text_fmt_size(was, is_odd(raw) ? base->raw_size : base->size);
	buf_printf(why, "unusually %s: %s%s, usually %s",
	    size_verdict_name(is_odd(raw) ? raw : packed), is, is_odd(raw) ?
	    " of data" : "", was);
	return is_odd(raw) ? raw : packed;
}

bool
sizes_slow(const struct size_base *base, int64_t took_ms)
{
	return base->n > 0 && base->took_ms >= 0 &&
	    took_ms / 2 > base->took_ms && took_ms - SLOW_MS > base->took_ms;
}
