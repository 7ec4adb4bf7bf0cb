/* Jobs, and the part of their output that somebody looks at. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "job/job.h"
#include "keeper/keeper_intern.h"

enum {
	JOBS_MAX = 24, JOBS_EVERY_MS = 500, JOBS_ALL_MS = 10000,
	OUTPUT_EVERY_MS = 100, PROGRESS_MAX = 4096,
	CHUNK = 64 << 10, ROWS_MAX = 500, ROW_MAX = 2000,
};

/* ---- the list ----------------------------------------------------------------- */

struct numbers {
	int64_t v[JOBS_MAX];		/* the highest, highest first */
	size_t n;
};

static void
note_number(struct numbers *s, int64_t number)
{
	size_t at = s->n;

	while (at > 0 && s->v[at - 1] < number)
		at--;
	if (at == JOBS_MAX)
		return;
	if (s->n < JOBS_MAX)
		s->n++;
	memmove(&s->v[at + 1], &s->v[at], (s->n - 1 - at) * sizeof s->v[0]);
	s->v[at] = number;
}

static void
newest(const struct keeper *k, struct numbers *ret)
{
	char *dir = state_path(k->want.state, "jobs");
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int64_t number;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (text_int(entry->d_name, 1, INT64_MAX, &number))
			note_number(ret, number);
	if (d != NULL)
		(void)closedir(d);
	free(dir);
}

/* What the job itself says of how far it is, as it wrote it. */
static void
put_progress(const struct keeper *k, struct buf *b, int64_t n)
{
	char *path = state_path(k->want.state, "jobs/%" PRId64 "/progress", n);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[PROGRESS_MAX];
	ssize_t got = fd >= 0 ? io_pread_full(fd, text, sizeof text, 0) : 0;
	json_t *o;

	while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == ' ' ||
	    text[got - 1] == '\0'))
		got--;
	o = got > 0 ? json_read(text, (size_t)got, NULL) : NULL;
	if (o != NULL)
		json_put_json(b, "progress", o);
	json_decref(o);
	io_close(&fd);
	free(path);
}

static const char *
state_of(const struct job_info *i)
{
	return i->state == JOB_RUNNING ? "running" : i->state == JOB_ENDED ?
	    "ended" : "vanished";
}

static void
put_job(struct keeper *k, struct buf *b, const struct job_info *i)
{
	json_comma(b);
	json_open(b);
	json_put_int(b, "n", i->n);
	json_put_str(b, "title", i->title);
	json_put_str(b, "state", state_of(i));
	json_put_str(b, "incident", i->incident);
	json_put_str(b, "step", i->step);
	json_put_str(b, "by", i->by);
	json_put_str(b, "host", i->host);
	json_put_int(b, "started", i->started);
	if (i->ended != 0)
		json_put_int(b, "ended", i->ended);
	json_put_str(b, "outcome", i->outcome);
	if (i->state == JOB_ENDED)
		json_put_int(b, "exit", i->exit);
	json_put_bool(b, "cancel", i->cancel);
	put_progress(k, b, i->n);
	json_close(b);
}

static void
list(struct keeper *k, struct buf *b)
{
	struct numbers some = { .n = 0 };

	newest(k, &some);
	k->running.n = 0;
	json_open(b);
	json_put_str(b, "t", "jobs");
	json_key(b, "v");
	json_open_list(b);
	for (size_t i = 0; i < some.n; i++) {
		struct job_info info;

		if (!job_look(k->want.state, some.v[i], &info, NULL)) {
			/* its record is still being made */
			VEC_PUSH(&k->running, some.v[i]);
			continue;
		}
		if (info.state == JOB_RUNNING)
			VEC_PUSH(&k->running, info.n);
		put_job(k, b, &info);
		job_info_release(&info);
	}
	json_close_list(b);
	json_close(b);
}

void
jobs_turn(struct keeper *k, int64_t now)
{
	char *dir = state_path(k->want.state, "jobs");
	struct buf b = BUF_INIT;
	struct stat st = { 0 };
	bool fresh;

	(void)stat(dir, &st);
	free(dir);
	fresh = st.st_mtim.tv_sec != k->jobs_dir.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != k->jobs_dir.st_mtim.tv_nsec ||
	    now >= k->look_at;
	if (!fresh && (k->running.n == 0 || now < k->jobs_at))
		return;
	if (fresh)
		k->look_at = now + JOBS_ALL_MS;
	k->jobs_dir = st;
	k->jobs_at = now + JOBS_EVERY_MS;
	list(k, &b);
	if (b.n != k->jobs.n || memcmp(b.p, k->jobs.p, b.n) != 0) {
		buf_clear(&k->jobs);
		buf_add(&k->jobs, b.p, b.n);
		speak_line(k, &b);
		k->mind.wanted = true;
	}
	buf_release(&b);
}

/* ---- output -------------------------------------------------------------------- */

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

/* Where the rows begin that end at `at`; a row longer than a chunk is cut. */
static int64_t
rows_back(int fd, int64_t at, int64_t rows)
{
	char *part = xmalloc(CHUNK);
	int64_t top = at, seen = 0;

	while (top > 0 && seen <= rows && at - top < (int64_t)CHUNK * 16) {
		int64_t from = top > CHUNK ? top - CHUNK : 0;
		ssize_t n = io_pread_full(fd, part, (size_t)(top - from), from);

		for (ssize_t i = n; i-- > 0 && seen <= rows;) {
			/* the newline of the last row begins nothing */
			if (part[i] != '\n' || from + i + 1 == at)
				continue;
			if (++seen == rows) {
				free(part);
				return from + i + 1;
			}
		}
		top = from;
		if (n <= 0)
			break;
	}
	free(part);
	return top;
}

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

static void
send_rows(struct keeper *k, int64_t n, int64_t at, int64_t from, int64_t rows)
{
	struct buf b = BUF_INIT, text = BUF_INIT;
	int64_t size, to, used = 0;
	int fd = output_open(k, n, &size);
	size_t begin = 0;

	if (at < 0 || at > size)
		at = size;
	if (from < 0)
		from = fd >= 0 ? rows_back(fd, at, rows) : 0;
	to = from;
	if (fd >= 0 && from < size) {
		size_t want = (size_t)rows * ROW_MAX < CHUNK * 16 ?
		    (size_t)rows * ROW_MAX : CHUNK * 16;

		if (want < CHUNK)
			want = CHUNK;
		buf_grow(&text, want);
		ssize_t got = io_pread_full(fd, text.p, want, from);
		text.n = got > 0 ? (size_t)got : 0;
	}
	json_open(&b);
	json_put_str(&b, "t", "output");
	json_put_int(&b, "n", n);
	json_put_int(&b, "size", size);
	json_put_int(&b, "from", from);
	json_key(&b, "rows");
	json_open_list(&b);
	for (size_t i = 0; i <= text.n && used < rows; i++) {
		if (i < text.n && text.p[i] != '\n')
			continue;
		if (i == text.n && i == begin)
			break;
		put_row(&b, text.p + begin, i - begin);
		begin = i < text.n ? i + 1 : i;
		to = from + (int64_t)begin;
		used++;
	}
	json_close_list(&b);
	json_put_int(&b, "to", to);
	json_close(&b);
	speak_line(k, &b);
	k->view.size = size;
	k->view.sent_at = clock_mono_ms();
	io_close(&fd);
	buf_release(&b);
	buf_release(&text);
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
		send_rows(k, n, json_get_int(ask, "at", -1),
		    json_get_int(ask, "from", -1), rows);
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
		send_rows(k, k->view.n, -1, -1, k->view.rows);
}

/* ---- finding a text in it --------------------------------------------------------- */

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
	char *part = xmalloc(CHUNK + 1);
	int64_t at = -1;

	if (from < 0 || from > size)
		from = back ? size : 0;
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

void
output_find(struct keeper *k, const json_t *ask)
{
	const char *text = json_get_str(ask, "text");
	int64_t n = json_get_int(ask, "n", 0), size;
	int fd = output_open(k, n, &size);
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "t", "found");
	json_put_int(&b, "n", n);
	json_put_int(&b, "at", fd >= 0 && text != NULL ? find(fd, size,
	    json_get_int(ask, "from", -1), text, json_get_bool(ask, "back")) :
	    -1);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
	io_close(&fd);
}
