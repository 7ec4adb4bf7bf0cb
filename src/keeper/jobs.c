/* The newest jobs, and how far they are. */
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
	PROGRESS_MAX = 4096,
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
	json_put_str(b, "kind", i->kind);
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
