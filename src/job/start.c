#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/secret.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/who.h"
#include "job/job.h"
#include "job/job_intern.h"

enum { REPLY_MS = 60000 };

static void
spec_json(const struct state *s, const struct job_spec *spec, int64_t n,
    struct buf *out)
{
	const struct who *w = who_am_i();

	json_open(out);
	json_put_int(out, "job", n);
	json_put_str(out, "title", spec->title);
	json_put_str(out, "incident", spec->incident);
	json_put_str(out, "step", spec->step);
	json_put_str(out, "by", w->by);
	json_put_str(out, "host", w->host);
	json_put_str(out, "config", spec->config);
	json_put_str(out, "state_dir", s->dir);
	json_put_str(out, "kind", spec->kind);
	json_put_raw(out, "args", spec->args ? spec->args : "{}");
	json_close(out);
}

/* The job says on the pipe that its intent is durable, or why it refuses. */
static bool
wait_reply(int fd, bool *ret_refused, struct err *e)
{
	struct buf b = BUF_INIT;
	int64_t end = clock_mono_ms() + REPLY_MS;
	json_t *o = NULL;
	bool ok = false;

	while (io_wait_readable(fd, end) > 0 && io_read_some(fd, &b, 4096) > 0)
		;
	if (b.n > 0)
		o = json_read(b.p, b.n, NULL);
	if (o == NULL)
		err_set(e, ERR_FAILED, "the job ended before it began");
	else if (json_get_bool(o, "ok"))
		ok = true;
	else {
		*ret_refused = true;
		err_set(e, (enum err_kind)json_get_int(o, "kind", ERR_FAILED),
		    "%s", json_get_str(o, "error") ? json_get_str(o, "error") :
		    "the job refused");
		if (!text_empty(json_get_str(o, "hint")))
			err_hint(e, "%s", json_get_str(o, "hint"));
	}
	json_decref(o);
	buf_release(&b);
	return ok;
}

static bool
detach(const struct state *s, int64_t n, int record_fd, int reply_fd,
    bool in_scope, struct err *e)
{
	char num[32], record[16], reply[16], secrets[16];
	const char *argv[16];
	int secrets_fd = 0;
	size_t k = 0;
	pid_t pid;

	if (secret_count() > 0 && (secrets_fd = secret_pipe(e)) < 0)
		return false;

	(void)snprintf(num, sizeof num, "%" PRId64, n);
	(void)snprintf(record, sizeof record, "%d", record_fd);
	(void)snprintf(reply, sizeof reply, "%d", reply_fd);
	if (in_scope) {
		argv[k++] = "systemd-run";
		argv[k++] = "--user";
		argv[k++] = "--scope";
		argv[k++] = "--quiet";
	}
	argv[k++] = "/proc/self/exe";
	argv[k++] = "job";
	argv[k++] = num;
	argv[k++] = "--state";
	argv[k++] = s->dir;
	argv[k++] = "--record-fd";
	argv[k++] = record;
	argv[k++] = "--reply-fd";
	argv[k++] = reply;
	if (secrets_fd > 0) {
		(void)snprintf(secrets, sizeof secrets, "%d", secrets_fd);
		argv[k++] = "--secrets-fd";
		argv[k++] = secrets;
	}
	argv[k] = NULL;
	char exe[PROC_PROGRAM];
	proc_program(exe);
	argv[in_scope ? 4 : 0] = exe;
	struct spawn sp = { .argv = argv, .in = -1, .out = -1, .errfd = -1,
	    .keep = { record_fd, reply_fd, secrets_fd }, .session = true };
	pid = spawn_start(&sp, e);
	if (secrets_fd > 0)
		io_close(&secrets_fd);
	return pid > 0;
}

bool
job_start(const struct state *s, const struct job_spec *spec,
    void (*warn)(const char *what), int64_t *ret_n, struct err *e)
{
	struct buf why = BUF_INIT, rec = BUF_INIT;
	enum job_survival survival = job_survival(&why);
	int record_fd = -1, reply[2] = { -1, -1 };
	char *path = NULL;
	bool ok = false, refused = false;
	int64_t n = 0;

	if (survival == DIES_AT_LOGOUT && warn != NULL)
		warn(why.p);
	if (!state_job_new(s, spec->incident, &n, e))
		goto out;
	path = state_path(s, "jobs/%" PRId64 "/job.json", n);
	record_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (record_fd < 0 || flock(record_fd, LOCK_EX | LOCK_NB) != 0) {
		err_sys(e, "cannot open '%s'", path);
		goto out;
	}
	spec_json(s, spec, n, &rec);
	if (rec.n > JOB_RECORD - 800) {
		err_set(e, ERR_USAGE, "the job's arguments are too long");
		goto out;
	}
	if (!file_record(record_fd, &rec, JOB_RECORD, e))
		goto out;
	if (pipe2(reply, O_CLOEXEC) != 0) {
		err_sys(e, "cannot make a pipe");
		goto out;
	}
	if (!detach(s, n, record_fd, reply[1], survival == SURVIVES_IN_SCOPE,
	    e)) {
		refused = true;		/* nothing has begun: no trace stays */
		goto out;
	}
	io_close(&reply[1]);
	ok = wait_reply(reply[0], &refused, e);
	*ret_n = n;
out:
	if (n > 0 && !ok && refused)
		state_job_return(s, spec->incident, n);
	io_close(&reply[0]);
	io_close(&reply[1]);
	io_close(&record_fd);
	buf_release(&why);
	buf_release(&rec);
	free(path);
	return ok;
}
