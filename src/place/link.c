#include "place/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "place/conn.h"

enum {
	PIECE = 64 << 10,
	QUEUE = 1 << 20,	/* not yet sent */
	DEAF_MS = 6000,		/* a server this silent when asked is gone */
	PING_MS = 10000,
	GRACE_MS = 300,		/* until a dying ssh is seen to be dead */
};

static bool
by_system(const struct link *l)
{
	return l->pid > 0;
}

static bool
cut(struct link *l, struct err *e)
{
	l->broken = true;
	if (e && e->kind != ERR_NONE)
		return false;
	return err_set(e, ERR_FAILED, "the connection to '%s' broke",
	    place_name(l->p));
}

static bool
unreachable(const struct link *l, const char *why, struct err *e)
{
	err_set(e, ERR_FAILED, "'%s' cannot connect to %s port %d: %s",
	    place_name(l->p), l->host, l->port, why);
	return false;
}

/* --- the system's ssh ---------------------------------------------------- */

static bool
dead(const struct link *l)
{
	siginfo_t si = { .si_pid = 0 };

	return waitid(P_PID, (id_t)l->pid, &si, WEXITED | WNOHANG | WNOWAIT)
	    != 0 || si.si_pid == l->pid;
}

static void
listen_to(struct link *l)
{
	while (l->errfd >= 0) {
		ssize_t r = io_read_some(l->errfd, &l->said, 4096);

		if (r == 0)
			io_close(&l->errfd);
		if (r <= 0)
			break;
		if (l->said.n > 8192)
			buf_drop(&l->said, l->said.n - 4096);
	}
}

/* The last line that it said. */
static void
last_words(const struct link *l, char *out, size_t size)
{
	char clean[512], *text = xstrndup(l->said.p, l->said.n), *line, *rest;

	snprintf(out, size, "it said nothing");
	for (rest = text; (line = strsep(&rest, "\r\n")) != NULL;)
		if (*line != '\0') {
			text_clean_into(clean, sizeof clean, line);
			snprintf(out, size, "%.*s", (int)size - 1, clean);
		}
	free(text);
}

static bool
system_cut(struct link *l, struct err *e)
{
	char words[200];

	listen_to(l);
	last_words(l, words, sizeof words);
	l->broken = true;
	return err_set(e, ERR_FAILED, "the connection to '%s' broke: %s",
	    place_name(l->p), words);
}

/* The name goes as soon as ssh listens: we reach it by its descriptor. */
static bool
find_door(struct link *l, const char *path, int64_t until, struct err *e)
{
	while (l->door < 0) {
		if (dead(l))
			return system_cut(l, e);
		if (!place_go_on(l->p, until, e))
			return err_wrap(e, "a tunnel through '%s'",
			    place_name(l->p));
		l->door = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
		if (l->door < 0)
			clock_sleep_ms(20);
		listen_to(l);
	}
	return true;
}

static bool
start_ssh(struct link *l, const char *path, struct err *e)
{
	bool six = strchr(l->host, ':') != NULL;
	char *forward = xprintf("%s:%s%s%s:%d", path, six ? "[" : "", l->host,
	    six ? "]" : "", l->port);
	struct place_args a = { 0 };
	VEC(const char *) v = { 0 };
	int er[2] = { -1, -1 };

	place_system_forward(&a, l->p, forward);
	for (size_t i = 0; i < a.words.n; i++)
		VEC_PUSH(&v, a.words.v[i]);
	VEC_PUSH(&v, NULL);
	if (pipe2(er, O_CLOEXEC) != 0)
		err_sys(e, "cannot make a pipe");
	else
		l->pid = spawn_start(&(struct spawn){ .argv = v.v, .in = -1,
		    .out = -1, .errfd = er[1], .group = true,
		    .die_with_us = true }, e);
	io_close(&er[1]);
	l->errfd = er[0];
	if (l->errfd >= 0)
		(void)fcntl(l->errfd, F_SETFL, O_NONBLOCK);
	VEC_RELEASE(&v);
	place_args_release(&a);
	free(forward);
	return l->pid > 0;
}

/* A socket's path is short; what TMPDIR says may not be. */
static bool
system_open(struct link *l, int64_t until, struct err *e)
{
	const char *tmp = getenv("XDG_RUNTIME_DIR");
	char dir[80], path[100];
	bool ok;

	if (tmp == NULL || strlen(tmp) > 40 || access(tmp, W_OK) != 0)
		tmp = "/tmp";
	snprintf(dir, sizeof dir, "%s/midwatch-XXXXXX", tmp);
	if (mkdtemp(dir) == NULL)
		return err_sys(e, "cannot make a folder in '%s'", tmp);
	snprintf(path, sizeof path, "%s/s", dir);
	ok = start_ssh(l, path, e) && find_door(l, path, until, e);
	(void)unlink(path);
	(void)rmdir(dir);
	return ok;
}

static int
system_dial(struct link *l, struct far *ret, struct err *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d", l->door);
	ret->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret->fd >= 0 && connect(ret->fd, (struct sockaddr *)&to,
	    sizeof to) == 0)
		return 1;
	if (errno == EAGAIN) {
		io_close(&ret->fd);
		return 0;
	}
	io_close(&ret->fd);
	system_cut(l, e);
	return -1;
}

/* Its end may be ssh's own: that is seen a little later. */
static ssize_t
system_end(struct link *l, struct far *far, struct err *e)
{
	int64_t now = clock_mono_ms();
	char words[200], *why;

	if (far->end_ms == 0)
		far->end_ms = now;
	if (dead(l)) {
		system_cut(l, e);
		return LINK_CUT;
	}
	if (now < far->end_ms + GRACE_MS)
		return LINK_AGAIN;
	if (!far->spoke) {
		listen_to(l);
		last_words(l, words, sizeof words);
		why = strstr(words, "open failed: ");
		if (why) {
			unreachable(l, why + strlen("open failed: "), e);
			buf_clear(&l->said);
			return LINK_CUT;
		}
	}
	return 0;
}

static ssize_t
system_read(struct link *l, struct far *far, struct buf *b, struct err *e)
{
	ssize_t r = far->end_ms ? 0 : io_read_some(far->fd, b, PIECE);

	if (r > 0)
		far->spoke = true;
	if (r > 0 || (r < 0 && errno == EAGAIN))
		return r;
	/* One that it closes without having taken what we said reads so. */
	if (r == 0 || (errno == ECONNRESET && !far->spoke))
		return system_end(l, far, e);
	if (dead(l))
		system_cut(l, e);
	else
		err_sys(e, "the connection to %s port %d broke", l->host,
		    l->port);
	return LINK_CUT;
}

static ssize_t
system_write(struct far *far, const char *s, size_t n)
{
	ssize_t w = send(far->fd, s, n, MSG_NOSIGNAL);

	if (w >= 0)
		return w;
	return errno == EAGAIN || errno == EINTR ? LINK_AGAIN : 0;
}

static void
system_close(struct link *l)
{
	int64_t until = clock_mono_ms() + 1000;

	io_close(&l->door);
	io_close(&l->errfd);
	if (l->pid <= 1)
		return;
	(void)kill(l->pid, SIGTERM);
	while (waitpid(l->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ms() > until)
			(void)kill(l->pid, SIGKILL);
		clock_sleep_ms(5);
	}
	l->pid = -1;
}

/* --- libssh2 ------------------------------------------------------------- */

static struct conn *
conn(const struct link *l)
{
	return l->p->conn;
}

/* What is asked may take its time; that the server is there it says every two
 * seconds. */
static void
ask(struct link *l, bool *state)
{
	if (*state)
		return;
	*state = true;
	l->asked_ms = clock_mono_ms();
	libssh2_keepalive_config(conn(l)->s, 1, 2);
}

static void
answered(struct link *l, bool *state)
{
	*state = false;
	libssh2_keepalive_config(conn(l)->s, 1, 10);
}

static bool
patient(struct link *l, struct err *e)
{
	int64_t last = conn(l)->heard_ms;

	if (last < l->asked_ms)
		last = l->asked_ms;
	if (clock_mono_ms() < last + DEAF_MS)
		return true;
	err_set(e, ERR_TIMEOUT, "nothing heard from '%s' for %d seconds",
	    place_name(l->p), DEAF_MS / 1000);
	return cut(l, e);
}

/*
 * libssh2 reads only for somebody who waits for something, and a reading of a
 * channel widens its window whether or not anybody takes the data. So when no
 * connection wants to read, a question that every server declines is asked now
 * and then: it shows that the other side lives, and takes in what has come.
 */
static bool
ping(struct link *l, struct err *e)
{
	static const char kind[] = "ping@midwatch";
	LIBSSH2_CHANNEL *ch;

	ask(l, &l->pings);
	ch = libssh2_channel_open_ex(conn(l)->s, kind, sizeof kind - 1,
	    32 << 10, 32 << 10, NULL, 0);
	if (ch)
		(void)libssh2_channel_free(ch);
	else if (libssh2_session_last_errno(conn(l)->s) ==
	    LIBSSH2_ERROR_EAGAIN)
		return patient(l, e);
	else if (libssh2_session_last_errno(conn(l)->s) !=
	    LIBSSH2_ERROR_CHANNEL_FAILURE)
		return cut(l, e);
	answered(l, &l->pings);
	l->drained_ms = clock_mono_ms();
	return true;
}

static int
ssh_dial(struct link *l, struct far *ret, struct err *e)
{
	char why[80] = "", *msg = NULL;
	const char *in;
	int rc;

	if (l->pings && !ping(l, e))
		return -1;
	if (l->pings)
		return 0;
	ask(l, &l->dials);
	ret->channel = libssh2_channel_direct_tcpip_ex(conn(l)->s, l->host,
	    l->port, "127.0.0.1", 1);
	if (ret->channel) {
		answered(l, &l->dials);
		return 1;
	}
	if (libssh2_session_last_errno(conn(l)->s) == LIBSSH2_ERROR_EAGAIN)
		return patient(l, e) ? 0 : -1;
	rc = libssh2_session_last_error(conn(l)->s, &msg, NULL, 0);
	if (rc != LIBSSH2_ERROR_CHANNEL_FAILURE && rc != LIBSSH2_ERROR_TIMEOUT) {
		cut(l, e);
		return -1;
	}
	answered(l, &l->dials);
	in = msg ? strchr(msg, '(') : NULL;	/* "… failure (connect failed)" */
	snprintf(why, sizeof why, "%.*s", in ? (int)strcspn(in + 1, ")") : 0,
	    in ? in + 1 : "");
	unreachable(l, *why ? why : "no answer", e);
	return -1;
}

static ssize_t
ssh_read(struct link *l, struct far *far, struct buf *b, struct err *e)
{
	ssize_t r;

	buf_grow(b, PIECE);
	r = libssh2_channel_read(far->channel, b->p + b->n, PIECE);
	if (r > 0) {
		b->n += (size_t)r;
		b->p[b->n] = '\0';
		return r;
	}
	if (r == 0 || r == LIBSSH2_ERROR_EAGAIN)
		return libssh2_channel_eof(far->channel) ? 0 : LINK_AGAIN;
	cut(l, e);
	return LINK_CUT;
}

static ssize_t
ssh_write(struct link *l, struct far *far, const char *s, size_t n,
    struct err *e)
{
	ssize_t w;

	if (conn_queued(conn(l)) > QUEUE)
		return LINK_AGAIN;
	w = libssh2_channel_write(far->channel, s, n);
	if (w > 0)
		return w;
	if (w == 0 || w == LIBSSH2_ERROR_EAGAIN)
		return LINK_AGAIN;
	if (w == LIBSSH2_ERROR_CHANNEL_CLOSED ||
	    w == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
		return 0;
	cut(l, e);
	return LINK_CUT;
}

/* --- both ---------------------------------------------------------------- */

bool
link_open(struct link *l, const struct place_spec *spec,
    const struct place_care *care, const char *host, int port, struct err *e)
{
	*l = (struct link)LINK_INIT;
	l->host = host;
	l->port = port;
	l->p = place_open(spec, care, e);
	if (l->p == NULL)
		return false;
	l->drained_ms = clock_mono_ms();
	if (l->p->carrier == &place_carrier_ssh)
		return true;
	if (system_open(l, care->deadline_ms, e))
		return true;
	link_close(l);
	return false;
}

void
link_close(struct link *l)
{
	system_close(l);
	if (l->p && l->p->conn && l->broken)
		l->p->conn->broken = true;
	place_close(l->p);
	buf_release(&l->said);
	*l = (struct link)LINK_INIT;
}

int
link_dial(struct link *l, struct far *ret, struct err *e)
{
	*ret = (struct far)FAR_INIT;
	return by_system(l) ? system_dial(l, ret, e) : ssh_dial(l, ret, e);
}

ssize_t
link_read(struct link *l, struct far *far, struct buf *b, struct err *e)
{
	return by_system(l) ? system_read(l, far, b, e) :
	    ssh_read(l, far, b, e);
}

ssize_t
link_write(struct link *l, struct far *far, const char *s, size_t n,
    struct err *e)
{
	return by_system(l) ? system_write(far, s, n) :
	    ssh_write(l, far, s, n, e);
}

void
link_shut(struct link *l, struct far *far)
{
	if (by_system(l))
		(void)shutdown(far->fd, SHUT_WR);
	else
		(void)libssh2_channel_send_eof(far->channel);
}

bool
link_over(struct link *l, struct far *far)
{
	struct pollfd f = { .fd = far->fd };

	if (by_system(l))
		return poll(&f, 1, 0) == 1 && (f.revents & (POLLHUP | POLLERR));
	return libssh2_channel_wait_closed(far->channel) == 0;
}

bool
link_leave(struct link *l, struct far *far)
{
	io_close(&far->fd);
	if (far->channel && !l->broken &&
	    libssh2_channel_free(far->channel) == LIBSSH2_ERROR_EAGAIN)
		return false;
	far->channel = NULL;
	return true;
}

bool
link_poll(struct link *l, struct pollfd *f, size_t n, bool reads, int nap_ms,
    struct err *e)
{
	if (by_system(l)) {
		f[0].fd = l->errfd;
		f[0].events = POLLIN;
		if (poll(f, n, nap_ms) < 0 && errno != EINTR)
			return err_sys(e, "cannot wait");
		if (f[0].revents)
			listen_to(l);
		return !dead(l) || system_cut(l, e);
	}
	if (!reads && (l->pings || clock_mono_ms() > l->drained_ms + PING_MS)) {
		if (!ping(l, e))
			return false;
		reads = l->pings;
	}
	if (!conn_poll(conn(l), f, n, reads, nap_ms, e))
		return cut(l, e);
	if (reads)
		l->drained_ms = clock_mono_ms();
	else if (f[0].revents & (POLLRDHUP | POLLHUP | POLLERR))
		return ping(l, e);
	return true;
}

bool
link_heard(const struct link *l, uint64_t *mark)
{
	uint64_t was = *mark;

	if (l->p == NULL || by_system(l))
		return false;
	*mark = conn(l)->heard;
	return *mark != was;
}
