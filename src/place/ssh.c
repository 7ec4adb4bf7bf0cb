/* The carrier and the connections of libssh2. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "place/conn.h"

#define SILENCE_MS 30000	/* without a word in spite of keepalives */
#define IDLE_MS 60000		/* an idle connection this old may be dead */

/* --- moving bytes ------------------------------------------------------- */

static ssize_t
on_send(libssh2_socket_t fd, const void *s, size_t n, int flags, void **ctx)
{
	struct conn *c = *ctx;

	(void)fd;
	(void)flags;
	if (c->broken)
		return -EPIPE;
	buf_add(&c->queue, s, n);
	return (ssize_t)n;
}

static ssize_t
on_recv(libssh2_socket_t fd, void *s, size_t n, int flags, void **ctx)
{
	struct conn *c = *ctx;
	ssize_t r;

	(void)flags;
	if (c->broken)
		return -ECONNRESET;
	if (c->through) {
		r = libssh2_channel_read(c->through, s, n);
		if (r == LIBSSH2_ERROR_EAGAIN ||
		    (r == 0 && !libssh2_channel_eof(c->through)))
			return -EAGAIN;
		if (r < 0)
			r = -ECONNRESET;
	} else {
		do
			r = recv(fd, s, n, MSG_DONTWAIT);
		while (r < 0 && errno == EINTR);
		if (r < 0)
			r = -errno;
	}
	if (r > 0) {
		c->heard_ms = clock_mono_ms();
		c->heard++;
	}
	return r;
}

size_t
conn_queued(const struct conn *c)
{
	return c->queue.n - c->queue_at;
}

static void
sent(struct conn *c, size_t n)
{
	c->queue_at += n;
	if (c->queue_at == c->queue.n || c->queue_at > 4 << 20) {
		buf_drop(&c->queue, c->queue_at);
		c->queue_at = 0;
	}
}

static bool
flush(struct conn *c, struct err *e)
{
	while (conn_queued(c) > 0 && !c->broken) {
		const char *s = c->queue.p + c->queue_at;
		ssize_t w;

		if (c->through) {
			w = libssh2_channel_write(c->through, s,
			    conn_queued(c));
			if (w == LIBSSH2_ERROR_EAGAIN || w == 0)
				break;
		} else {
			w = send(c->fd, s, conn_queued(c),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0 && errno == EAGAIN)
				break;
		}
		if (w < 0) {
			c->broken = true;
			return err_set(e, ERR_FAILED,
			    "the connection to '%s' broke", c->host.name);
		}
		sent(c, (size_t)w);
	}
	return c->outer == NULL || flush(c->outer, e);
}

static int
outermost(const struct conn *c, bool *ret_out)
{
	for (*ret_out = false;; c = c->outer) {
		*ret_out = *ret_out || (conn_queued(c) > 0 && !c->outer);
		if (c->outer == NULL)
			return c->fd;
	}
}

static void
keep_alive(struct conn *c)
{
	int next;

	for (; c != NULL; c = c->outer)
		(void)libssh2_keepalive_send(c->s, &next);
}

bool
conn_poll(struct conn *c, struct pollfd *f, size_t n, bool reads, int nap_ms,
    struct err *e)
{
	int64_t now = clock_mono_ms();
	bool out;

	/* Silence counts only while somebody listens. */
	if (now - c->looked_ms > 5000)
		c->heard_ms = now;
	keep_alive(c);
	if (!flush(c, e))
		return false;
	f[0].fd = outermost(c, &out);
	f[0].events = (short)((reads ? POLLIN : POLLRDHUP) |
	    (out ? POLLOUT : 0));
	if (poll(f, n, nap_ms) < 0 && errno != EINTR)
		return err_sys(e, "cannot wait for '%s'", c->host.name);
	c->looked_ms = clock_mono_ms();
	if (c->looked_ms - c->heard_ms > SILENCE_MS) {
		c->broken = true;
		return err_set(e, ERR_TIMEOUT, "nothing heard from '%s' for"
		    " %d seconds", c->host.name, SILENCE_MS / 1000);
	}
	return true;
}

bool
conn_slice(struct conn *c, struct err *e)
{
	struct pollfd f;

	return conn_poll(c, &f, 1, true, 200, e);
}

bool
conn_wait(struct conn *c, int64_t until, struct err *e)
{
	if (!place_go_on(c->p, until, e)) {
		c->broken = true;	/* libssh2 is in the middle of it */
		return false;
	}
	return conn_slice(c, e);
}

bool
conn_fail(struct conn *c, struct err *e, const char *what)
{
	char *msg = NULL;
	int rc = libssh2_session_last_error(c->s, &msg, NULL, 0);

	if (rc == LIBSSH2_ERROR_SOCKET_DISCONNECT ||
	    rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_SOCKET_SEND)
		c->broken = true;
	if (e && e->kind != ERR_NONE)
		return false;
	return err_set(e, ERR_FAILED, "%s: %s (%d)", what,
	    msg && *msg ? msg : "no reason given", rc);
}

/* --- connecting --------------------------------------------------------- */

static bool
connect_to(struct conn *c, const char *address, int64_t until, struct err *e)
{
	struct addrinfo hint = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM }, *ai = NULL;
	char port[16];
	int sys = 0, one = 1;
	socklen_t n = sizeof sys;

	snprintf(port, sizeof port, "%d", c->host.port);
	if (getaddrinfo(address, port, &hint, &ai) != 0)
		return err_set(e, ERR_FAILED, "'%s' is no address", address);
	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (c->fd >= 0 && connect(c->fd, ai->ai_addr, ai->ai_addrlen) != 0)
		sys = errno;
	freeaddrinfo(ai);
	while (c->fd >= 0 && sys == EINPROGRESS) {
		struct pollfd f = { .fd = c->fd, .events = POLLOUT };

		if (!place_go_on(c->p, until, e))
			return err_wrap(e, "connecting to %s port %s", address,
			    port);
		if (poll(&f, 1, 200) == 1) {
			sys = 0;
			(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &sys, &n);
		}
	}
	if (c->fd >= 0 && sys == 0) {
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof one);
		return true;
	}
	errno = sys ? sys : errno;
	err_sys(e, "cannot connect to %s port %s", address, port);
	err_hint(e, "%s: ssh -v -p %s %s@%s", sys == ECONNREFUSED ?
	    "The host answers; see whether its sshd runs" :
	    "see whether the host is up and the way to it open", port,
	    c->host.user, c->host.name);
	io_close(&c->fd);
	return false;
}

/* A name server that does not answer must not hold us: getent asks, and can
 * be killed. */
static bool
resolve(struct conn *c, struct place_args *to, int64_t until, struct err *e)
{
	const char *argv[] = { "getent", "ahosts", "--", c->host.name, NULL };
	struct in6_addr a;
	struct ran ran = { 0 };
	char *rest, *line;

	if (inet_pton(AF_INET, c->host.name, &a) == 1 ||
	    inet_pton(AF_INET6, c->host.name, &a) == 1) {
		VEC_PUSH(&to->words, xstrdup(c->host.name));
		return true;
	}
	if (!spawn_run(&(struct run){ .argv = argv, .deadline_ms = until },
	    &ran, e)) {
		ran_release(&ran);
		return false;
	}
	for (rest = ran.out.p; (line = strsep(&rest, "\n")) != NULL;) {
		line[strcspn(line, " ")] = '\0';
		bool seen = *line == '\0';

		for (size_t i = 0; i < to->words.n; i++)
			seen = seen || strcmp(to->words.v[i], line) == 0;
		if (!seen)
			VEC_PUSH(&to->words, xstrdup(line));
	}
	ran_release(&ran);
	if (to->words.n > 0)
		return true;
	return err_set(e, ERR_NOTFOUND, "no address is known for the host '%s'",
	    c->host.name);
}

static bool
reach(struct conn *c, int64_t until, struct err *e)
{
	struct place_args to = { 0 };
	bool ok = false;

	if (c->outer) {
		do
			c->through = libssh2_channel_direct_tcpip_ex(
			    c->outer->s, c->host.name, c->host.port,
			    "127.0.0.1", 22);
		while (c->through == NULL &&
		    libssh2_session_last_errno(c->outer->s) ==
		    LIBSSH2_ERROR_EAGAIN && conn_wait(c->outer, until, e));
		if (c->through)
			return true;
		return err_set(e, ERR_FAILED, "the bastion '%s' cannot connect"
		    " to %s port %d", c->outer->host.name, c->host.name,
		    c->host.port);
	}
	if (resolve(c, &to, until, e))
		for (size_t i = 0; i < to.words.n && !ok; i++) {
			struct err one = ERR_INIT;
			int64_t now = clock_mono_ms(), share =
			    (until - now) / (int64_t)(to.words.n - i);

			ok = connect_to(c, to.words.v[i], now + share, &one);
			if (!ok && i + 1 == to.words.n && e)
				*e = one;
		}
	place_args_release(&to);
	return ok;
}

static bool
handshake(struct conn *c, int64_t until, struct buf *why, struct err *e)
{
	struct buf methods = BUF_INIT;
	bool other = false, out;
	char *msg = NULL;
	int rc, fd = outermost(c, &out);
	/* ISO C has no cast from a function's address to void *. */
	LIBSSH2_SEND_FUNC((*send_hook)) = on_send;
	LIBSSH2_RECV_FUNC((*recv_hook)) = on_recv;
	void *hook;

	c->s = libssh2_session_init_ex(NULL, NULL, NULL, c);
	if (c->s == NULL)
		die("out of memory");
	memcpy(&hook, &send_hook, sizeof hook);
	(void)libssh2_session_callback_set(c->s, LIBSSH2_CALLBACK_SEND, hook);
	memcpy(&hook, &recv_hook, sizeof hook);
	(void)libssh2_session_callback_set(c->s, LIBSSH2_CALLBACK_RECV, hook);
	libssh2_session_set_blocking(c->s, 0);
	conn_known_methods(c, &methods, &other);
	(void)libssh2_session_method_pref(c->s, LIBSSH2_METHOD_HOSTKEY,
	    methods.p);
	(void)libssh2_session_method_pref(c->s, LIBSSH2_METHOD_CRYPT_CS,
	    "aes256-ctr,aes192-ctr,aes128-ctr");
	(void)libssh2_session_method_pref(c->s, LIBSSH2_METHOD_CRYPT_SC,
	    "aes256-ctr,aes192-ctr,aes128-ctr");
	(void)libssh2_session_method_pref(c->s, LIBSSH2_METHOD_MAC_CS,
	    "hmac-sha2-256,hmac-sha2-512");
	(void)libssh2_session_method_pref(c->s, LIBSSH2_METHOD_MAC_SC,
	    "hmac-sha2-256,hmac-sha2-512");
	buf_release(&methods);
	if (other)
		buf_str(why, "only a key that libssh2 cannot check is known");
	c->heard_ms = c->looked_ms = clock_mono_ms();
	CONN_RETRY(c, until, rc, libssh2_session_handshake(c->s, fd), e);
	if (rc == 0) {
		libssh2_keepalive_config(c->s, 1, 10);
		buf_clear(why);
		return true;
	}
	(void)libssh2_session_last_error(c->s, &msg, NULL, 0);
	if (rc == LIBSSH2_ERROR_KEX_FAILURE ||
	    rc == LIBSSH2_ERROR_METHOD_NONE ||
	    rc == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE) {
		if (why->n == 0)
			buf_str(why, "libssh2 shares no algorithm with it");
	} else
		buf_clear(why);
	if (rc == LIBSSH2_ERROR_EAGAIN)	/* e has it: too late, cancelled */
		return err_wrap(e, "%s port %d", c->host.name, c->host.port);
	return err_set(e, ERR_FAILED, "%s port %d does not speak SSH with us:"
	    " %s", c->host.name, c->host.port, msg ? msg : "it hung up");
}

static void
conn_free(struct conn *c)
{
	bool out;

	if (c->s && !c->broken) {
		(void)libssh2_session_disconnect(c->s, "done");
		(void)flush(c, NULL);
	}
	/* From here on every read and write fails at once, so that libssh2 does
	 * not put its freeing off until an answer comes. */
	c->broken = true;
	for (int i = 0; c->s && i < 100; i++)
		if (libssh2_session_free(c->s) != LIBSSH2_ERROR_EAGAIN)
			break;
	if (c->through)
		(void)libssh2_channel_free(c->through);
	(void)outermost(c, &out);
	io_close(&c->fd);
	if (c->outer)
		conn_unref(c->outer);
	place_host_release(&c->host);
	buf_release(&c->queue);
	free(c);
}

void
conn_unref(struct conn *c)
{
	if (c && --c->refs == 0)
		conn_free(c);
}

static struct conn *conn_open(struct place *p, const struct place_spec *spec,
    unsigned depth, int64_t until, struct buf *why, struct err *e);

static bool
jump(struct conn *c, const struct place_spec *spec, unsigned depth,
    int64_t until, struct buf *why, struct err *e)
{
	char *word = xstrdup(c->host.jump);
	struct place_spec via;

	if (place_jump_spec(&via, word, spec))
		c->outer = conn_open(c->p, &via, depth + 1, until, why, e);
	else
		buf_str(why, "its ProxyJump has several hops");
	free(word);
	return c->outer != NULL || err_set(e, ERR_FAILED, "no way through");
}

static bool
outer_open(struct conn *c, const struct place_spec *spec, unsigned depth,
    int64_t until, struct buf *why, struct err *e)
{
	if (depth > 8)
		return err_set(e, ERR_USAGE, "more than 8 bastions in a row");
	if (spec->via) {
		c->outer = conn_open(c->p, spec->via, depth + 1, until, why, e);
		return c->outer || err_wrap(e, "bastion '%s'",
		    spec->via->name ? spec->via->name : spec->via->host);
	}
	if (c->host.command) {
		buf_str(why, "it has a ProxyCommand");
		return err_set(e, ERR_FAILED, "it has a ProxyCommand");
	}
	return !c->host.jump || jump(c, spec, depth, until, why, e);
}

/* As far as the server shows its key, which nobody has checked yet. */
static struct conn *
conn_reach(struct place *p, const struct place_spec *spec, unsigned depth,
    int64_t until, struct buf *why, struct err *e)
{
	struct conn *c = xcalloc(1, sizeof *c);

	c->p = p;
	c->refs = 1;
	c->fd = -1;
	if (place_host_find(&c->host, spec, until, e) &&
	    outer_open(c, spec, depth, until, why, e) && reach(c, until, e) &&
	    handshake(c, until, why, e))
		return c;
	conn_unref(c);
	return NULL;
}

static struct conn *
conn_open(struct place *p, const struct place_spec *spec, unsigned depth,
    int64_t until, struct buf *why, struct err *e)
{
	struct conn *c = conn_reach(p, spec, depth, until, why, e);

	if (c && conn_known_check(c, spec, e) &&
	    conn_auth(c, spec, until, why, e))
		return c;
	conn_unref(c);
	return NULL;
}

bool
place_ssh_key(struct place *p, int64_t until, struct known_key *ret,
    struct buf *ret_why, struct err *e)
{
	struct conn *c = conn_reach(p, p->hostspec, 0, until, ret_why, e);
	bool ok = c && conn_key(c, ret, e);

	conn_unref(c);
	return ok;
}

bool
place_ssh_open(struct place *p, int64_t until, struct buf *ret_why,
    struct err *e)
{
	p->conn = conn_open(p, p->hostspec, 0, until, ret_why, e);
	return p->conn != NULL;
}

void
place_ssh_close(struct place *p)
{
	conn_unref(p->conn);
	p->conn = NULL;
}

/* A fresh one where the old one broke, or may have died while idle. */
struct conn *
conn_of(struct place *p, int64_t until, struct err *e)
{
	struct buf why = BUF_INIT;
	int64_t short_until = clock_mono_ms() + 20000;

	if (p->conn && (p->conn->broken || (p->conn->refs == 1 &&
	    clock_mono_ms() - p->conn->looked_ms > IDLE_MS)))
		place_ssh_close(p);
	if (p->conn == NULL)
		(void)place_ssh_open(p, until < short_until ? until :
		    short_until, &why, e);
	buf_release(&why);
	return p->conn;
}

/* --- commands ----------------------------------------------------------- */

struct exec {
	struct conn *c;
	LIBSSH2_CHANNEL *ch;
	uint64_t heard;
};

static bool
ssh_start(struct place_proc *q, const char *const *argv, int64_t until,
    struct err *e)
{
	struct conn *c = conn_of(q->p, until, e);
	struct buf line = BUF_INIT;
	struct exec *x;
	int rc = -1;

	if (c == NULL || !place_shell_line(&line, argv, e)) {
		buf_release(&line);
		return false;
	}
	x = q->channel = xcalloc(1, sizeof *x);
	x->c = c;
	c->refs++;
	do
		x->ch = libssh2_channel_open_session(c->s);
	while (x->ch == NULL && libssh2_session_last_errno(c->s) ==
	    LIBSSH2_ERROR_EAGAIN && conn_wait(c, until, e));
	if (x->ch)
		CONN_RETRY(c, until, rc, libssh2_channel_exec(x->ch, line.p),
		    e);
	buf_release(&line);
	return rc == 0 || conn_fail(c, e, "cannot start a command");
}

static ssize_t
ssh_read(struct place_proc *q, enum place_stream s, struct buf *b,
    struct err *e)
{
	const size_t room = 128 << 10;
	struct exec *x = q->channel;
	ssize_t r;

	buf_grow(b, room);
	r = libssh2_channel_read_ex(x->ch, s == PLACE_ERR ?
	    SSH_EXTENDED_DATA_STDERR : 0, b->p + b->n, room);
	if (r > 0) {
		b->n += (size_t)r;
		b->p[b->n] = '\0';
		return r;
	}
	if (r == 0)
		return libssh2_channel_eof(x->ch) ? 0 : -1;
	if (r == LIBSSH2_ERROR_EAGAIN)
		return libssh2_channel_eof(x->ch) ? 0 : -1;
	x->c->broken = true;
	conn_fail(x->c, e, "the connection ended before the command did");
	return -2;
}

static ssize_t
ssh_write(struct place_proc *q, const char *s, size_t n, struct err *e)
{
	struct exec *x = q->channel;
	ssize_t w;

	if (libssh2_channel_eof(x->ch))
		return 0;
	w = libssh2_channel_write(x->ch, s, n > 256 << 10 ? 256 << 10 : n);
	if (w > 0)
		return w;
	if (w == 0 || w == LIBSSH2_ERROR_EAGAIN)
		return -1;
	if (w == LIBSSH2_ERROR_CHANNEL_CLOSED ||
	    w == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
		return 0;
	conn_fail(x->c, e, "cannot write to a command");
	return -2;
}

static void
ssh_shut(struct place_proc *q)
{
	struct exec *x = q->channel;

	(void)libssh2_channel_send_eof(x->ch);	/* queued: never "not yet" */
}

static bool
ssh_wait(struct place_proc *q, bool writes, struct err *e)
{
	struct exec *x = q->channel;

	(void)writes;
	/* Reading one stream may have brought something for the other. */
	if (x->heard != x->c->heard) {
		x->heard = x->c->heard;
		return true;
	}
	return conn_slice(x->c, e);
}

static bool
ssh_ended(struct place_proc *q, struct place_exit *ret, int64_t until,
    struct err *e)
{
	struct exec *x = q->channel;
	char *name = NULL;
	size_t n = 0;
	int rc;

	CONN_RETRY(x->c, until, rc, libssh2_channel_wait_closed(x->ch), e);
	if (rc != 0 || x->c->broken)
		return false;
	(void)libssh2_channel_get_exit_signal(x->ch, &name, &n, NULL, NULL,
	    NULL, NULL);
	ret->sig = 0;
	if (name) {
		ret->sig = SIGKILL;
		for (int sig = 1; sig < 32; sig++)
			if (sigabbrev_np(sig) && strcmp(sigabbrev_np(sig),
			    name) == 0)
				ret->sig = sig;
		libssh2_free(x->c->s, name);
	}
	ret->code = ret->sig ? 128 + ret->sig : 255;
	return true;
}

static void
ssh_drop(struct place_proc *q)
{
	struct exec *x = q->channel;
	struct err quiet = ERR_INIT;
	int64_t until = clock_mono_ms() + 2000;
	bool was = q->p->deaf;
	int rc;

	if (x == NULL)
		return;
	q->p->deaf = true;
	if (x->ch && !x->c->broken)
		CONN_RETRY(x->c, until, rc, libssh2_channel_free(x->ch),
		    &quiet);
	q->p->deaf = was;
	conn_unref(x->c);
	free(x);
	q->channel = NULL;
}

const struct place_carrier place_carrier_ssh = { ssh_start, ssh_read,
	ssh_write, ssh_shut, ssh_wait, ssh_ended, ssh_drop };
