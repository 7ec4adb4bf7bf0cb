#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "job/job.h"
#include "job/job_intern.h"

enum { TICK_MS = 100, GRACE_MS = 4000, OUTPUT_LIMIT = 4 << 20 };

static volatile sig_atomic_t told_to_stop;

static void
on_term(int sig)
{
	(void)sig;
	told_to_stop = 1;
}

/* job.json again with what is known now. */
static void
write_record(struct job *job, const char *outcome, int status)
{
	struct proc_id me;
	struct buf b = BUF_INIT;

	proc_self(&me);
	(void)json_object_set_new(job->spec, "boot", json_string(me.boot));
	(void)json_object_set_new(job->spec, "pid", json_integer(me.pid));
	(void)json_object_set_new(job->spec, "start", json_integer(me.start));
	if (json_object_get(job->spec, "started") == NULL)
		(void)json_object_set_new(job->spec, "started",
		    json_integer(clock_wall_ms()));
	if (outcome != NULL) {
		(void)json_object_set_new(job->spec, "ended",
		    json_integer(clock_wall_ms()));
		(void)json_object_set_new(job->spec, "exit",
		    json_integer(status));
		(void)json_object_set_new(job->spec, "outcome",
		    json_string(outcome));
	}
	json_dump(&b, job->spec);
	(void)file_record(job->record_fd, &b, JOB_RECORD, NULL);
	(void)fdatasync(job->record_fd);
	buf_release(&b);
}

void
job_ready(struct job *job)
{
	static const char yes[] = "{\"ok\":true}\n";

	if (job->reply_fd >= 0)
		(void)io_write_all(job->reply_fd, yes, sizeof yes - 1);
	io_close(&job->reply_fd);
}

static void
refuse(struct job *job, const struct err *e)
{
	struct buf b = BUF_INIT;

	if (job->reply_fd < 0)
		return;
	json_open(&b);
	json_put_bool(&b, "ok", false);
	json_put_int(&b, "kind", (int64_t)e->kind);
	json_put_str(&b, "error", e->msg);
	json_put_str(&b, "hint", e->hint);
	json_close(&b);
	buf_ch(&b, '\n');
	(void)io_write_all(job->reply_fd, b.p, b.n);
	io_close(&job->reply_fd);
	buf_release(&b);
}

bool
job_cancelled(const struct job *job)
{
	char *path;
	bool there;

	if (told_to_stop)
		return true;
	path = file_join(job->dir, "cancel");
	there = file_exists(path);
	free(path);
	return there;
}

void
job_progress(struct job *job, const char *text, int64_t done, int64_t total)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_int(&b, "at", clock_wall_ms());
	json_key(&b, "text");
	json_textn(&b, text, text_fit(text, strlen(text), 200));
	json_put_int(&b, "done", done);
	json_put_int(&b, "total", total);
	json_close(&b);
	if (b.n < JOB_PROGRESS)
		(void)file_record(job->progress_fd, &b, JOB_PROGRESS, NULL);
	buf_release(&b);
}

/* output.log holds exactly what is counted: of a write that fails half-way
 * nothing stays. */
static bool
put_output(struct job *job, const char *p, size_t n)
{
	if (io_write_all(job->output_fd, p, n)) {
		job->output_bytes += (int64_t)n;
		return true;
	}
	if (ftruncate(job->output_fd, job->output_bytes) != 0)
		job->output_bytes = lseek(job->output_fd, 0, SEEK_END);
	return false;
}

void
job_say(struct job *job, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	buf_ch(&b, '\n');
	(void)put_output(job, b.p, b.n);
	buf_release(&b);
}

static int
open_in(const char *dir, const char *name, int flags)
{
	char *path = file_join(dir, name);
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);

	free(path);
	return fd;
}

static bool
enter(struct job *job, struct err *e)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction term = { .sa_handler = on_term };
	struct rlimit no_core = { 0, 0 };
	struct buf b = BUF_INIT;
	char *path = file_join(job->dir, "job.json");
	bool ok;

	(void)sigaction(SIGHUP, &ignore, NULL);
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGTERM, &term, NULL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	job->progress_fd = open_in(job->dir, "progress", O_RDWR);
	job->output_fd = open_in(job->dir, "output.log", O_RDWR | O_APPEND);
	ok = file_read(path, &b, JOB_RECORD, e);
	while (ok && b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == ' '))
		buf_cut(&b, b.n - 1);
	if (ok && (job->progress_fd < 0 || job->output_fd < 0))
		ok = err_sys(e, "cannot open the files of job %" PRId64,
		    job->n);
	job->spec = ok ? json_read(b.p, b.n, e) : NULL;
	buf_release(&b);
	free(path);
	return job->spec != NULL;
}

static const char *
outcome_word(int status)
{
	return status == 0 ? "done" : status == 143 || status == 130 ?
	    "cancelled" : status == 3 ? "refused" : "failed";
}

int
job_main(const struct state *s, int64_t n, int record_fd, int reply_fd,
    const struct job_kind *kinds, size_t n_kinds)
{
	struct job job = { .state = s, .n = n, .record_fd = record_fd,
	    .progress_fd = -1, .output_fd = -1, .reply_fd = reply_fd };
	struct err e = ERR_INIT;
	const char *kind;
	int status = 1;

	(void)fcntl(record_fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(reply_fd, F_SETFD, FD_CLOEXEC);
	job.dir = state_path(s, "jobs/%" PRId64, n);
	if (!enter(&job, &e)) {
		refuse(&job, &e);
		goto out;
	}
	write_record(&job, NULL, 0);
	kind = json_get_str(job.spec, "kind");
	for (size_t i = 0; i < n_kinds; i++)
		if (kind != NULL && strcmp(kinds[i].kind, kind) == 0) {
			status = kinds[i].run(&job, &e);
			break;
		}
	if (job.reply_fd >= 0) {	/* nothing began: no trace stays */
		if (e.kind == ERR_NONE)
			err_set(&e, ERR_USAGE, "nobody knows jobs of this "
			    "kind");
		refuse(&job, &e);
		goto out;
	}
	if (e.kind != ERR_NONE)
		job_say(&job, "%s", e.msg);
	write_record(&job, outcome_word(status), status);
out:
	json_decref(job.spec);
	io_close(&job.progress_fd);
	io_close(&job.output_fd);
	io_close(&job.reply_fd);
	free(job.dir);
	return status;
}

/* ---- programs ------------------------------------------------------------ */

struct capture {
	struct job *job;
	struct job_result *ret;
	struct sha sha;
	int64_t limit;
};

static void
keep(struct capture *c, const char *p, size_t n)
{
	int64_t room = c->limit - c->ret->bytes;
	size_t take = n;

	c->ret->seen += (int64_t)n;
	if (room < (int64_t)n) {
		take = room > 0 ? (size_t)room : 0;
		c->ret->cut = true;
	}
	if (take == 0)
		return;
	if (!put_output(c->job, p, take)) {
		c->ret->cut = true;	/* a full disk cuts output, not work */
		c->limit = c->ret->bytes;
		return;
	}
	sha_add(&c->sha, p, take);
	c->ret->bytes += (int64_t)take;
}

static void
reap_all(pid_t pid, int *status, bool *have)
{
	pid_t got;
	int st;

	/* as a subreaper we get orphans of the tree as well */
	while ((got = waitpid(-1, &st, WNOHANG)) > 0)
		if (got == pid) {
			*status = st;
			*have = true;
		}
}

/* TERM once and time to obey, then KILL until nothing is left. */
static void
end_tree(pid_t pid, int *status, bool *have)
{
	int64_t start = clock_mono_ms(), waited = 0;

	(void)proc_signal_below(getpid(), SIGTERM);
	while (proc_signal_below(getpid(), 0) > 0 && waited < 3 * GRACE_MS) {
		reap_all(pid, status, have);
		clock_sleep_ms(20);
		waited = clock_mono_ms() - start;
		if (waited > GRACE_MS)
			(void)proc_signal_below(getpid(), SIGKILL);
	}
	reap_all(pid, status, have);
}

void
job_end_tree(void)
{
	int status = 0;
	bool have = false;

	end_tree(-1, &status, &have);
}

/* Output until the end, the deadline, or a request to stop. */
static void
watch(struct capture *c, pid_t pid, int *out, int64_t deadline)
{
	struct buf b = BUF_INIT;
	bool have = false;

	while (!have || *out >= 0) {
		struct pollfd pfd = { .fd = *out, .events = POLLIN };

		if (poll(&pfd, 1, have ? 0 : TICK_MS) > 0) {
			buf_clear(&b);
			if (io_read_some(*out, &b, 64 * 1024) > 0)
				keep(c, b.p, b.n);
			else
				io_close(out);
		} else if (have)
			io_close(out);	/* a grandchild keeps it open */
		if (!have)
			reap_all(pid, &c->ret->status, &have);
		c->ret->timed_out = !have && deadline > 0 &&
		    clock_mono_ms() > deadline;
		c->ret->cancelled = !have && job_cancelled(c->job);
		if (c->ret->timed_out || c->ret->cancelled)
			break;
	}
	/* what a command leaves running on purpose (a server) may stay */
	if (c->ret->timed_out || c->ret->cancelled)
		end_tree(pid, &c->ret->status, &have);
	buf_release(&b);
}

/* Should we vanish, others have to find what we left running. */
static void
name_child(struct job *job, pid_t pid)
{
	struct proc_id id;

	if (!proc_of(pid, &id))
		return;
	(void)json_object_set_new(job->spec, "child", json_integer(id.pid));
	(void)json_object_set_new(job->spec, "child_start",
	    json_integer(id.start));
	write_record(job, NULL, 0);
}

bool
job_command(struct job *job, const struct job_command *cmd,
    struct job_result *ret, struct err *e)
{
	struct capture c = { .job = job, .ret = ret,
	    .limit = cmd->limit > 0 ? cmd->limit : OUTPUT_LIMIT };
	int64_t start = clock_mono_ms();
	int out[2];
	pid_t pid;

	memset(ret, 0, sizeof *ret);
	ret->from = job->output_bytes;
	if (pipe2(out, O_CLOEXEC) != 0)
		return err_sys(e, "cannot make a pipe");
	struct spawn s = { .argv = cmd->argv, .dir = cmd->dir, .in = -1,
	    .out = out[1], .errfd = out[1], .group = true };
	pid = cmd->at != NULL ? job_far(cmd, out[1], e) : spawn_start(&s, e);
	io_close(&out[1]);
	if (pid < 0) {
		io_close(&out[0]);
		return false;
	}
	name_child(job, pid);
	sha_init(&c.sha);
	watch(&c, pid, &out[0], cmd->timeout_ms > 0 ? start + cmd->timeout_ms :
	    0);
	io_close(&out[0]);
	sha_hex(&c.sha, ret->sha);
	ret->ms = clock_mono_ms() - start;
	return true;
}
