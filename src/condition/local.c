#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "condition/intern.h"

/* Runs in the child; a dead network file system holds only that. */
static void
look(const char *path, struct local_path *ret)
{
	struct stat st;

	if (stat(path, &st) != 0)
		ret->sys_errno = errno;
}

/* A process that the kernel does not let go of is left to it. */
static void
end_child(pid_t pid, bool group)
{
	(void)kill(group ? -pid : pid, SIGKILL);
	for (int nap = 0; nap < 50; nap++) {
		pid_t got = waitpid(pid, NULL, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			return;
		clock_sleep_ms(10);
	}
}

bool
local_path(const char *path, struct local_path *ret, struct err *e)
{
	int64_t end = clock_mono_ms() + LOCAL_DEADLINE_MS;
	int fd[2] = { -1, -1 };
	bool ok = false;
	pid_t pid;

	*ret = (struct local_path){ 0 };
	if (pipe2(fd, O_CLOEXEC) != 0)
		return err_sys(e, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		/* no lock of ours may live on in a child that hangs */
		if (dup2(fd[1], STDOUT_FILENO) < 0 ||
		    close_range(STDERR_FILENO + 1, ~0u, 0) != 0)
			_exit(1);
		look(path, ret);
		_exit(io_write_all(STDOUT_FILENO, ret, sizeof *ret) ? 0 : 1);
	}
	io_close(&fd[1]);
	if (pid < 0)
		err_sys(e, "cannot start a process");
	else if (io_wait_readable(fd[0], end) != 1)
		err_set(e, ERR_TIMEOUT, "'%s' does not answer", path);
	else if (io_read_full(fd[0], ret, sizeof *ret) != sizeof *ret)
		err_set(e, ERR_FAILED, "looking at '%s' failed", path);
	else
		ok = true;
	io_close(&fd[0]);
	if (pid > 0)
		end_child(pid, false);
	return ok;
}

static void
check_start(struct local_check *c, const char *dir)
{
	const char *shell[] = { "/bin/sh", "-c", c->command->v[0], NULL };
	struct spawn s = SPAWN_INIT;

	s.argv = c->command->shell ? shell : (const char *const *)c->command->v;
	s.dir = dir;
	s.group = s.die_with_us = true;
	c->pid = (int)spawn_start(&s, &c->e);
}

void
local_checks(struct local_check *checks, size_t n, const char *dir)
{
	int64_t end = clock_mono_ms() + LOCAL_DEADLINE_MS;
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		check_start(&checks[i], dir);
		left += checks[i].pid > 0;
	}
	for (int64_t nap = 1; left > 0; nap = nap < 20 ? nap * 2 : 20) {
		for (size_t i = 0; i < n; i++) {
			struct local_check *c = &checks[i];

			if (c->pid <= 0 || c->ended ||
			    waitpid(c->pid, &c->status, WNOHANG) != c->pid)
				continue;
			c->ended = true;
			left--;
			/* whatever it left behind in its group */
			(void)kill(-c->pid, SIGKILL);
		}
		if (left > 0 && clock_mono_ms() >= end)
			break;
		if (left > 0)
			clock_sleep_ms(nap);
	}
	for (size_t i = 0; i < n; i++)
		if (checks[i].pid > 0 && !checks[i].ended) {
			end_child(checks[i].pid, true);
			err_set(&checks[i].e, ERR_TIMEOUT,
			    "its check did not end within %d s",
			    LOCAL_DEADLINE_MS / 1000);
		}
}
