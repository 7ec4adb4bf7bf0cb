#include "place/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "place/relay.h"

struct place_tunnel {
	pid_t pid;
	int control, port;
	struct relay_board *board;
};

static int
listen_here(int *ret_port, struct err *e)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
		err_sys(e, "cannot listen on 127.0.0.1");
		io_close(&fd);
		return -1;
	}
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* Nothing of its parent's but the two descriptors: what else is open there
 * (locks, pipes, databases) must not live as long as the tunnel does. */
static _Noreturn void
child(struct relay_task *t)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL },
	    ign = { .sa_handler = SIG_IGN };
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[2];

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, sig == SIGPIPE ? &ign : &dfl, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpgid(0, 0);		/* the terminal's keys are not for us */
	(void)prctl(PR_SET_NAME, "midwatch-tunnel");
	fds[0] = fcntl(t->listener, F_DUPFD_CLOEXEC, 10);
	fds[1] = fcntl(t->control, F_DUPFD_CLOEXEC, 10);
	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(127);
	t->listener = dup3(fds[0], 3, O_CLOEXEC);
	t->control = dup3(fds[1], 4, O_CLOEXEC);
	if (t->listener < 0 || t->control < 0 ||
	    syscall(SYS_close_range, 5, ~0u, 0) != 0)
		for (int fd = 5; fd < 1024; fd++)
			(void)close(fd);
	relay_run(t);
}

static bool
start(struct place_tunnel *t, struct relay_task *task, struct err *e)
{
	int pair[2] = { -1, -1 };
	sigset_t all, old;

	task->listener = listen_here(&t->port, e);
	if (task->listener < 0)
		return false;
	t->board = mmap(NULL, sizeof *t->board, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t->board == MAP_FAILED)
		die("out of memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		err_sys(e, "cannot start a tunnel");
		goto out;
	}
	task->board = t->board;
	task->control = pair[1];
	task->opener = getpid();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	t->pid = fork();
	if (t->pid == 0)
		child(task);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (t->pid < 0)
		err_sys(e, "cannot start a tunnel");
	t->control = pair[0];
	pair[0] = -1;
out:
	io_close(&pair[0]);
	io_close(&pair[1]);
	io_close(&task->listener);
	return t->pid > 0;
}

static void
tell_secret(const struct place_tunnel *t, const struct place_care *care,
    const char *key)
{
	char secret[RELAY_SECRET] = { RELAY_NONE };

	if (care && care->secret && care->secret(care->ctx, key, secret + 1,
	    sizeof secret - 1))
		secret[0] = RELAY_TELLS;
	(void)send(t->control, secret, secret[0] == RELAY_TELLS ?
	    1 + strlen(secret + 1) : 1, MSG_NOSIGNAL);
	explicit_bzero(secret, sizeof secret);
}

/* Until the first link stands or cannot be made. */
static bool
wait_up(struct place_tunnel *t, const struct place_care *care, int64_t until,
    struct err *e)
{
	char said[4096];
	ssize_t n;

	for (;;) {
		struct pollfd f = { .fd = t->control, .events = POLLIN };

		if (care && care->cancelled && care->cancelled(care->ctx))
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (clock_mono_ms() > until + 2000)
			return err_set(e, ERR_TIMEOUT, "no answer in time");
		if (poll(&f, 1, 200) != 1)
			continue;
		n = recv(t->control, said, sizeof said - 1, 0);
		if (n <= 0)
			return err_set(e, ERR_FAILED, "the process of the tunnel"
			    " ended");
		said[n] = '\0';
		if (said[0] == RELAY_UP)
			return true;
		if (said[0] == RELAY_ASKS)
			tell_secret(t, care, said + 1);
		else if (said[0] == RELAY_FAILED) {
			if (e)
				*e = t->board->why;
			return false;
		}
	}
}

struct place_tunnel *
place_tunnel_open(const struct place_spec *spec, const struct place_care *care,
    const char *host, int port, struct err *e)
{
	struct place_tunnel *t = xcalloc(1, sizeof *t);
	struct relay_task task = { .spec = spec, .host = host, .port = port };

	t->control = -1;
	task.deadline_ms = care && care->deadline_ms ? care->deadline_ms :
	    clock_mono_ms() + 20000;
	if (spec == NULL || spec->host == NULL)
		err_set(e, ERR_USAGE, "a tunnel leads through a host, which"
		    " '%s' is not", spec && spec->name ? spec->name : "here");
	else if (host == NULL || *host == '\0' || *host == '-' ||
	    strpbrk(host, "/ \t\r\n") || port < 1 || port > 65535)
		err_set(e, ERR_USAGE, "a tunnel leads to a host and a port,"
		    " not to '%s' port %d", host ? host : "", port);
	else if (start(t, &task, e) && wait_up(t, care, task.deadline_ms, e))
		return t;
	place_tunnel_close(t);
	return NULL;
}

int
place_tunnel_port(const struct place_tunnel *t)
{
	return t->port;
}

const char *
place_tunnel_how(const struct place_tunnel *t)
{
	return t->board->how;
}

unsigned
place_tunnel_links(const struct place_tunnel *t)
{
	return atomic_load(&t->board->links);
}

void
place_tunnel_close(struct place_tunnel *t)
{
	int64_t until = clock_mono_ms() + 1500;

	if (t == NULL)
		return;
	io_close(&t->control);		/* which it takes for a good-bye */
	while (t->pid > 0 && waitpid(t->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ms() > until)
			(void)kill(t->pid, SIGKILL);
		clock_sleep_ms(5);
	}
	if (t->board)
		(void)munmap(t->board, sizeof *t->board);
	free(t);
}

bool
place_tunnel_error(struct place_tunnel *t, struct buf *out)
{
	struct err why = ERR_INIT;
	unsigned turn = 1;
	siginfo_t si = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)t->pid, &si, WEXITED | WNOHANG | WNOWAIT) != 0 ||
	    si.si_pid == t->pid) {
		buf_str(out, "the process of the tunnel ended");
		return true;
	}
	for (int i = 0; i < 100 && (turn & 1 || turn !=
	    atomic_load(&t->board->turn)); i++) {
		turn = atomic_load(&t->board->turn);
		why = t->board->why;
	}
	why.msg[sizeof why.msg - 1] = '\0';
	if (why.kind == ERR_NONE)
		return false;
	buf_str(out, why.msg);
	return true;
}
