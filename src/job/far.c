/*
 * A job's command at another place: a child of the job carries it there and
 * brings its output, so that a job looks the same wherever its command runs.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/secret.h"
#include "job/job_intern.h"
#include "place/place.h"

enum { OPEN_MS = 30000, FOR_EVER_MS = 365 * 86400 };

static volatile sig_atomic_t told;

static void
on_term(int sig)
{
	told = sig;
}

static bool
cancelled(void *ctx)
{
	(void)ctx;
	return told != 0;
}

static bool
pass_on(void *ctx, const char *s, size_t n, struct err *e)
{
	(void)ctx;
	return io_write_all(STDOUT_FILENO, s, n) ||
	    err_sys(e, "cannot pass the output on");
}

static void
say(const struct err *e)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "midwatch: %s\n", e->msg);
	(void)io_write_all(STDOUT_FILENO, b.p, b.n);
	buf_release(&b);
}

/* How it ended there is how we end; what was not seen to end is no exit status
 * at all. */
static _Noreturn void
carry(const struct job_command *c)
{
	struct place_care care = { .secret = secret_find,
	    .cancelled = cancelled,
	    .deadline_ms = clock_mono_ms() + OPEN_MS };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	const char **argv;
	struct place *p;
	size_t n = 0;

	while (c->argv[n] != NULL)
		n++;
	argv = xcalloc(n + 5, sizeof *argv);
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = "exec \"$@\" 2>&1";
	argv[3] = "sh";
	for (size_t i = 0; i < n; i++)
		argv[4 + i] = c->argv[i];
	p = place_open(c->at, &care, &e);
	if (p == NULL) {
		say(&e);
		_exit(255);
	}
	struct place_run r = { .argv = argv, .out = pass_on, .deadline_ms =
	    clock_mono_ms() + (c->timeout_ms > 0 ? c->timeout_ms :
	    FOR_EVER_MS * INT64_C(1000)) };
	if (!place_run(p, &r, &ran, &e)) {
		say(&e);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	if (ran.errout.n > 0)
		(void)io_write_all(STDOUT_FILENO, ran.errout.p, ran.errout.n);
	_exit(ran.exit.code);
}

pid_t
job_far(const struct job_command *c, int out, struct err *e)
{
	struct sigaction term = { .sa_handler = on_term };
	pid_t pid = fork();
	int null;

	if (pid < 0)
		return err_sys(e, "cannot start a process") ? pid : -1;
	if (pid > 0) {
		(void)setpgid(pid, pid);
		return pid;
	}
	(void)setpgid(0, 0);
	(void)sigaction(SIGTERM, &term, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0u, 0) != 0)
		_exit(255);
	carry(c);
}
