#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

/* After fork only calls that are safe between threads and after fork. */
static bool
child_fds(const struct spawn *s, int *report)
{
	int src[3] = { s->in, s->out, s->errfd };

	for (int i = 0; i < 3; i++)
		if (src[i] < 0) {
			src[i] = open("/dev/null", i == 0 ? O_RDONLY : O_WRONLY);
			if (src[i] < 0)
				return false;
		}
	/* above what we are about to overwrite */
	*report = fcntl(*report, F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		if ((src[i] = fcntl(src[i], F_DUPFD_CLOEXEC, 10)) < 0)
			return false;
	for (int i = 0; i < 3; i++)
		if (dup2(src[i], i) < 0)
			return false;
	/* nor what we got from whoever started us: a job that outlives us would
	 * hold their pipes (Linux 5.11; before that they do leak) */
	(void)syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < sizeof s->keep / sizeof *s->keep; i++)
		if (s->keep[i] > 2 && fcntl(s->keep[i], F_SETFD, 0) != 0)
			return false;
	return true;
}

static _Noreturn void
child(const struct spawn *s, int report, pid_t parent)
{
	sigset_t none;
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (s->session)
		(void)setsid();
	else if (s->group)
		(void)setpgid(0, 0);
	if (s->die_with_us && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
	    getppid() != parent)
		_exit(127);
	if (child_fds(s, &report) && (s->dir == NULL || chdir(s->dir) == 0))
		execvp(s->argv[0], (char *const *)(uintptr_t)s->argv);
	int sys = errno;
	(void)!write(report, &sys, sizeof sys);
	_exit(127);
}

pid_t
spawn_start(const struct spawn *s, struct err *e)
{
	int pipefd[2] = { -1, -1 }, sys = 0;
	sigset_t all, old;
	pid_t pid, parent = getpid();

	if (pipe2(pipefd, O_CLOEXEC) != 0) {
		err_sys(e, "cannot make a pipe");
		return -1;
	}
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child(s, pipefd[1], parent);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	io_close(&pipefd[1]);
	if (pid < 0)
		err_sys(e, "cannot start '%s'", s->argv[0]);
	else if (io_read_full(pipefd[0], &sys, sizeof sys) == sizeof sys) {
		(void)waitpid(pid, NULL, 0);
		pid = -1;
		errno = sys;
		err_sys(e, "cannot start '%s'", s->argv[0]);
	}
	io_close(&pipefd[0]);
	return pid;
}

enum { LOOK_MS = 200, LINGER_MS = 500 };

struct pump {
	int in, out, errfd;
	pid_t child;
	const char *left;
	size_t left_n;
};

/* Drains into b up to limit; what is beyond is read and thrown away. */
static bool
drain(int *fd, struct buf *b, size_t limit, bool *cut)
{
	size_t before = b->n;
	ssize_t r = io_read_some(*fd, b, 64 * 1024);

	if (r <= 0) {
		if (r < 0 && errno == EAGAIN)
			return true;
		io_close(fd);
		return false;
	}
	if (b->n > limit) {
		buf_cut(b, limit > before ? limit : before);
		*cut = true;
	}
	return true;
}

static void
feed(struct pump *p)
{
	ssize_t w = write(p->in, p->left, p->left_n);

	if (w < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (w > 0) {
		p->left += w;
		p->left_n -= (size_t)w;
	}
	if (w < 0 || p->left_n == 0)
		io_close(&p->in);
}

/* Without taking its status. */
static bool
has_ended(pid_t pid)
{
	siginfo_t si = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    si.si_pid == pid;
}

/* Until the child has closed its ends. What it left running in the background
 * may hold them for ever: once the child is gone, little more is waited for. */
static bool
pump_until(struct pump *p, const struct run *r, struct ran *ret, int64_t end)
{
	size_t limit = r->limit ? r->limit : 1 << 20;
	bool gone = false;

	while (p->out >= 0 || p->errfd >= 0 || p->in >= 0) {
		int64_t now = clock_mono_ms(), left = end - now;
		struct pollfd f[3] = {
			{ .fd = p->out, .events = POLLIN },
			{ .fd = p->errfd, .events = POLLIN },
			{ .fd = p->in, .events = POLLOUT },
		};

		if (left <= 0)
			return gone;
		if (poll(f, 3, left > LOOK_MS ? LOOK_MS : (int)left) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (!gone && has_ended(p->child)) {
			gone = true;
			if (end > now + LINGER_MS)
				end = now + LINGER_MS;
		}
		if (f[0].revents != 0)
			(void)drain(&p->out, &ret->out, limit, &ret->cut);
		if (f[1].revents != 0)
			(void)drain(&p->errfd, r->merge_err ? &ret->out :
			    &ret->errout, limit, &ret->cut);
		if (f[2].revents != 0)
			feed(p);
	}
	return true;
}

static bool
reap_until(pid_t pid, int *status, int64_t end)
{
	for (int64_t nap = 1;; nap = nap < 20 ? nap * 2 : 20) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid)
			return true;
		if ((got < 0 && errno != EINTR) || clock_mono_ms() >= end)
			return false;
		clock_sleep_ms(nap);
	}
}

static void
kill_group(pid_t pid, int *status)
{
	if (pid > 1)
		(void)kill(-pid, SIGTERM);
	if (!reap_until(pid, status, clock_mono_ms() + 2000)) {
		if (pid > 1)
			(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, status, 0);
	} else if (pid > 1)
		(void)kill(-pid, SIGKILL);
}

bool
spawn_run(const struct run *r, struct ran *ret, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, er[2] = { -1, -1 };
	struct pump p = { -1, -1, -1, -1, r->input, r->input_n };
	int64_t end = r->deadline_ms ? r->deadline_ms : clock_mono_ms() + 60000;
	bool ok = false;
	pid_t pid = -1;

	*ret = (struct ran){ .out = BUF_INIT, .errout = BUF_INIT };
	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(er, O_CLOEXEC) != 0 ||
	    (r->input != NULL && pipe2(in, O_CLOEXEC) != 0)) {
		err_sys(e, "cannot make a pipe");
		goto out;
	}
	struct spawn s = { .argv = r->argv, .dir = r->dir, .in = in[0],
	    .out = out[1], .errfd = er[1], .group = true, .die_with_us = true };
	pid = spawn_start(&s, e);
	if (pid < 0)
		goto out;
	io_close(&in[0]);
	io_close(&out[1]);
	io_close(&er[1]);
	p.child = pid;
	p.in = in[1];
	p.out = out[0];
	p.errfd = er[0];
	in[1] = out[0] = er[0] = -1;
	for (int i = 0; i < 3; i++) {
		int fd = i == 0 ? p.in : i == 1 ? p.out : p.errfd;

		if (fd >= 0)
			(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	if (pump_until(&p, r, ret, end) && reap_until(pid, &ret->status, end))
		ok = true;
	else {
		kill_group(pid, &ret->status);
		err_set(e, ERR_TIMEOUT, "'%s' did not end in time", r->argv[0]);
	}
out:
	for (int i = 0; i < 2; i++) {
		io_close(&in[i]);
		io_close(&out[i]);
		io_close(&er[i]);
	}
	io_close(&p.in);
	io_close(&p.out);
	io_close(&p.errfd);
	return ok;
}

void
ran_release(struct ran *r)
{
	buf_release(&r->out);
	buf_release(&r->errout);
}

int
spawn_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	    WEXITSTATUS(status);
}

void
spawn_describe(int status, struct buf *out)
{
	if (WIFSIGNALED(status))
		buf_printf(out, "killed by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		buf_printf(out, "exit %d", WEXITSTATUS(status));
}

bool
spawn_ok(int status, const char *what, struct err *e)
{
	struct buf b = BUF_INIT;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	spawn_describe(status, &b);
	err_set(e, ERR_FAILED, "'%s' ended with %s", what, b.p);
	buf_release(&b);
	return false;
}

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

char *
spawn_which(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return is_program(name) ? xstrdup(name) : NULL;
	for (path = path ? path : "/usr/bin:/bin"; *path != '\0';) {
		size_t n = strcspn(path, ":");
		char *full = xprintf("%.*s/%s", (int)n, path, name);

		if (n > 0 && is_program(full))
			return full;
		free(full);
		path += n + (path[n] == ':');
	}
	return NULL;
}
