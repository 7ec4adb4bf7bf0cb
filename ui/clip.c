#include "ui/clip.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/io.h"
#include "base/spawn.h"

char *
clip_path(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");

	if (run != NULL && *run == '/')
		return file_join(run, "midwatch/clip");
	if (home != NULL && *home == '/')
		return file_join(home, ".cache/midwatch/clip");
	return NULL;
}

static void
write_it(const char *path, const char *text, size_t n)
{
	char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct err e = ERR_INIT;

	(void)(file_mkdirs(dir, 0700, &e) &&
	    file_replace(path, text, n, 0600, &e));
	free(dir);
}

/* The one that writes is nobody's child: nobody has to wait for it. */
bool
clip_write(const char *path, const char *text, size_t n)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) {
			(void)setsid();
			(void)signal(SIGTERM, SIG_DFL);
			write_it(path, text, n);
		}
		_exit(0);
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

pid_t
clip_tmux(const char *text, size_t n)
{
	static const char *const argv[] = { "tmux", "load-buffer", "-w", "-",
	    NULL };
	struct spawn s = SPAWN_INIT;
	struct err e = ERR_INIT;
	int ends[2];
	pid_t pid;

	if (getenv("TMUX") == NULL || pipe2(ends, O_CLOEXEC) != 0)
		return 0;
	(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
	/* nothing is written unless all of it fits into the pipe */
	if ((size_t)fcntl(ends[1], F_GETPIPE_SZ) < n &&
	    fcntl(ends[1], F_SETPIPE_SZ, (int)n) < (int)n) {
		io_close(&ends[0]);
		io_close(&ends[1]);
		return 0;
	}
	s.argv = argv;
	s.in = ends[0];
	s.session = true;
	pid = spawn_start(&s, &e);
	io_close(&ends[0]);
	if (pid > 0 && write(ends[1], text, n) != (ssize_t)n)
		pid = 0;
	io_close(&ends[1]);
	return pid > 0 ? pid : 0;
}
