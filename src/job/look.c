#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"
#include "job/job.h"
#include "job/job_intern.h"

enum { FOLLOW_NAP_MS = 50, KILL_AFTER_MS = 8000 };

static char *
dup_or_null(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s != NULL ? xstrdup(s) : NULL;
}

static json_t *
read_record(int fd, size_t size)
{
	struct buf b = BUF_INIT;
	json_t *o = NULL;

	buf_grow(&b, size);
	ssize_t n = io_pread_full(fd, b.p, size, 0);
	while (n > 0 && (b.p[n - 1] == '\n' || b.p[n - 1] == ' '))
		n--;
	if (n > 0)
		o = json_read(b.p, (size_t)n, NULL);
	buf_release(&b);
	return o;
}

static void
fill(struct job_info *i, const json_t *o)
{
	i->kind = dup_or_null(o, "kind");
	i->title = dup_or_null(o, "title");
	i->incident = dup_or_null(o, "incident");
	i->step = dup_or_null(o, "step");
	i->by = dup_or_null(o, "by");
	i->host = dup_or_null(o, "host");
	i->outcome = dup_or_null(o, "outcome");
	i->started = json_get_int(o, "started", 0);
	i->ended = json_get_int(o, "ended", 0);
	i->exit = (int)json_get_int(o, "exit", 1);
	i->id.pid = (pid_t)json_get_int(o, "pid", 0);
	i->id.start = json_get_int(o, "start", 0);
	const char *boot = json_get_str(o, "boot");
	(void)snprintf(i->id.boot, sizeof i->id.boot, "%s", boot ? boot : "");
	i->child = i->id;
	i->child.pid = (pid_t)json_get_int(o, "child", 0);
	i->child.start = json_get_int(o, "child_start", 0);
	i->child_alive = proc_alive(&i->child);
}

static void
read_progress(const struct state *s, int64_t n, struct job_info *ret)
{
	char *path = state_path(s, "jobs/%" PRId64 "/progress", n);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	json_t *o = fd >= 0 ? read_record(fd, JOB_PROGRESS) : NULL;

	if (o != NULL) {
		ret->progress = dup_or_null(o, "text");
		ret->done = json_get_int(o, "done", 0);
		ret->total = json_get_int(o, "total", 0);
	}
	json_decref(o);
	io_close(&fd);
	free(path);
}

bool
job_look(const struct state *s, int64_t n, struct job_info *ret, struct err *e)
{
	char *path = state_path(s, "jobs/%" PRId64 "/job.json", n);
	char *cancel = state_path(s, "jobs/%" PRId64 "/cancel", n);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	json_t *o = NULL;
	bool held = false, ok = false;

	memset(ret, 0, sizeof *ret);
	ret->n = n;
	if (fd < 0) {
		err_set(e, ERR_NOTFOUND, "there is no job %" PRId64, n);
		err_hint(e, "'midwatch jobs' lists them.");
		goto out;
	}
	/* the lock first: a job that ends in between has written its end */
	held = flock(fd, LOCK_SH | LOCK_NB) != 0;
	o = read_record(fd, JOB_RECORD);
	if (o == NULL) {
		err_set(e, ERR_INTEGRITY, "'%s' cannot be read", path);
		goto out;
	}
	fill(ret, o);
	ret->state = ret->outcome != NULL ? JOB_ENDED :
	    held ? JOB_RUNNING : JOB_VANISHED;
	ret->cancel = file_exists(cancel);
	read_progress(s, n, ret);
	ok = true;
out:
	json_decref(o);
	io_close(&fd);
	free(path);
	free(cancel);
	return ok;
}

void
job_info_release(struct job_info *i)
{
	free(i->kind);
	free(i->title);
	free(i->incident);
	free(i->step);
	free(i->by);
	free(i->host);
	free(i->outcome);
	free(i->progress);
	memset(i, 0, sizeof *i);
}

static int
by_number(const void *a, const void *b)
{
	const struct job_info *x = a, *y = b;

	return x->n < y->n ? -1 : x->n > y->n;
}

bool
job_list(const struct state *s, struct job_list *ret, struct err *e)
{
	char *path = file_join(s->dir, "jobs");
	DIR *d = opendir(path);
	struct dirent *de;
	bool ok = d != NULL || errno == ENOENT;

	if (!ok)
		err_sys(e, "cannot read '%s'", path);
	while (d != NULL && (de = readdir(d)) != NULL) {
		struct job_info info;
		int64_t n;

		if (!isdigit((unsigned char)de->d_name[0]) ||
		    !text_int(de->d_name, 1, INT64_MAX / 2, &n))
			continue;
		if (job_look(s, n, &info, NULL))
			VEC_PUSH(&ret->v, info);
		else
			job_info_release(&info);
	}
	if (d != NULL)
		(void)closedir(d);
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, by_number);
	free(path);
	return ok;
}

void
job_list_release(struct job_list *l)
{
	for (size_t i = 0; i < l->v.n; i++)
		job_info_release(&l->v.v[i]);
	VEC_RELEASE(&l->v);
}

/* A request is a file called cancel: prepared beforehand where it could be. */
static bool
ask(const struct state *s, int64_t n, struct err *e)
{
	char *spare = state_path(s, "jobs/%" PRId64 "/cancel.spare", n);
	char *path = state_path(s, "jobs/%" PRId64 "/cancel", n);
	bool ok = file_exists(path) || rename(spare, path) == 0;

	if (!ok) {
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0660);

		ok = fd >= 0;
		if (!ok)
			err_sys(e, "cannot ask job %" PRId64 " to stop", n);
		io_close(&fd);
	}
	free(spare);
	free(path);
	return ok;
}

/* What a vanished job left running: its command and everything below it. */
static bool
end_orphans(const struct proc_id *child, struct err *e)
{
	int64_t start = clock_mono_ms(), waited = 0;
	int sig = SIGTERM;

	while (proc_alive(child) && waited < 2 * KILL_AFTER_MS) {
		if (sig != 0) {
			(void)proc_signal_below(child->pid, sig);
			(void)proc_signal(child, sig);
		}
		clock_sleep_ms(FOLLOW_NAP_MS);
		waited = clock_mono_ms() - start;
		sig = waited > KILL_AFTER_MS / 2 ? SIGKILL : 0;
	}
	return !proc_alive(child) || err_set(e, ERR_TIMEOUT, "pid %ld does not "
	    "end", (long)child->pid);
}

bool
job_cancel(const struct state *s, int64_t n, int64_t wait_ms, struct err *e)
{
	int64_t start = clock_mono_ms();
	struct job_info info;
	bool killed = false;

	if (!job_look(s, n, &info, e))
		return false;
	if (info.state == JOB_VANISHED && info.child_alive) {
		bool gone = end_orphans(&info.child, e);

		job_info_release(&info);
		return gone;
	}
	if (info.state != JOB_RUNNING) {
		err_set(e, ERR_GUARD, info.state == JOB_ENDED ?
		    "job %" PRId64 " has ended already" :
		    "job %" PRId64 " is not running any more", n);
		job_info_release(&info);
		return false;
	}
	if (!ask(s, n, e)) {
		job_info_release(&info);
		return false;
	}
	while (info.state == JOB_RUNNING) {
		int64_t waited = clock_mono_ms() - start;

		if (waited > wait_ms) {
			err_set(e, ERR_TIMEOUT, "job %" PRId64 " was asked to "
			    "stop and has not (pid %ld on %s)", n,
			    (long)info.id.pid, info.host ? info.host : "?");
			job_info_release(&info);
			return false;
		}
		if (waited > KILL_AFTER_MS && !killed) {
			/* it does not even look: a stopped or stuck process */
			(void)proc_signal_below(info.id.pid, SIGKILL);
			killed = proc_signal(&info.id, SIGKILL);
		}
		clock_sleep_ms(FOLLOW_NAP_MS);
		job_info_release(&info);
		if (!job_look(s, n, &info, e))
			return false;
	}
	job_info_release(&info);
	return true;
}

static void
hand_over(const char *path, int64_t *at, void (*sink)(const char *, size_t))
{
	struct buf b = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum { CHUNK = 64 * 1024 };

	buf_grow(&b, CHUNK);
	for (;;) {
		ssize_t n = fd >= 0 ? io_pread_full(fd, b.p, CHUNK, *at) : 0;

		if (n <= 0)
			break;
		sink(b.p, (size_t)n);
		*at += n;
	}
	io_close(&fd);
	buf_release(&b);
}

bool
job_follow(const struct state *s, int64_t n, int64_t *at, int64_t wait_ms,
    void (*sink)(const char *p, size_t n), struct err *e)
{
	char *path = state_path(s, "jobs/%" PRId64 "/output.log", n);
	int64_t end = clock_mono_ms() + wait_ms;
	struct job_info info;
	bool more = true;

	do {
		if (!job_look(s, n, &info, e)) {
			more = false;
			break;
		}
		more = info.state == JOB_RUNNING;
		job_info_release(&info);
		hand_over(path, at, sink);
		if (more)
			clock_sleep_ms(FOLLOW_NAP_MS);
	} while (more && clock_mono_ms() < end);
	free(path);
	return more;
}
