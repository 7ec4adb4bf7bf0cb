#include "ui/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

enum { BYTES_MAX = 1024, PATIENCE_MS = 500 };

static struct {
	int fd, pipe;
	struct termios before;
	char bytes[BYTES_MAX];
	size_t n;
	volatile sig_atomic_t here;
	pid_t child;
} guard = { .fd = -1, .pipe = -1 };

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS,
	SIGTRAP };
static char crash_stack[64 * 1024];

/* What is queued for the terminal goes first: it would come after us, and a
 * terminal that takes nothing would not take our bytes either. */
void
guard_restore(void)
{
	size_t done = 0;

	if (guard.fd < 0 || !guard.here)
		return;
	guard.here = 0;
	(void)tcflush(guard.fd, TCOFLUSH);
	while (done < guard.n) {
		ssize_t n = write(guard.fd, guard.bytes + done,
		    guard.n - done);
		struct pollfd p = { guard.fd, POLLOUT, 0 };

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n == 0 || errno != EAGAIN ||
		    poll(&p, 1, PATIENCE_MS) <= 0)
			break;
	}
	(void)tcsetattr(guard.fd, TCSANOW, &guard.before);
}

static void
crash(int sig)
{
	guard_restore();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

/* The child: nothing but the terminal and the pipe is open, and no signal of
 * the terminal or of job control ends it before us. */
static _Noreturn void
watch(int in)
{
	char word;
	sigset_t all;
	ssize_t n;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setpgid(0, 0);	/* what is sent to our group misses it */
	(void)prctl(PR_SET_NAME, "tty-guard", 0, 0, 0);
	(void)dup2(guard.fd, 0);
	(void)dup2(in, 1);
	closefrom(2);
	guard.fd = 0;
	do {
		n = read(1, &word, 1);
		if (n == 1 && word == 'q')
			_exit(0);
		if (n == 1)
			guard.here = word == GUARD_HERE;
	} while (n == 1 || (n < 0 && errno == EINTR));
	guard_restore();
	_exit(0);
}

static void
handlers(void)
{
	stack_t stack = { .ss_sp = crash_stack, .ss_size = sizeof crash_stack };
	struct sigaction sa = { .sa_handler = crash,
		.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND) };

	(void)sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		(void)sigaction(crashes[i], &sa, NULL);
}

bool
guard_start(int fd, const struct termios *before, const char *bytes, size_t n)
{
	int ends[2];

	guard.fd = fd;
	guard.before = *before;
	guard.n = n < BYTES_MAX ? n : BYTES_MAX;
	memcpy(guard.bytes, bytes, guard.n);
	guard.here = 1;
	handlers();
	die_hook = guard_restore;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	guard.child = fork();
	if (guard.child == 0) {
		(void)close(ends[1]);
		watch(ends[0]);
	}
	(void)close(ends[0]);
	guard.pipe = ends[1];
	if (guard.child < 0)
		io_close(&guard.pipe);
	return guard.child > 0;
}

static void
tell(char word)
{
	if (guard.pipe >= 0)
		(void)io_write_all(guard.pipe, &word, 1);
}

void
guard_state(enum guard_state s)
{
	guard.here = s == GUARD_HERE;
	tell((char)s);
}

void
guard_stop(void)
{
	tell('q');
	io_close(&guard.pipe);
	if (guard.child > 0)
		while (waitpid(guard.child, NULL, 0) < 0 && errno == EINTR)
			;
	guard.child = 0;
	guard.here = 0;
	guard.fd = -1;
	die_hook = NULL;
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		(void)signal(crashes[i], SIG_DFL);
}
