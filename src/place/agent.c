#include "place/agent.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/io.h"

void
agent_put32(struct buf *b, size_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_ch(b, (char)(n >> shift & 255));
}

size_t
agent_get32(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	return (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 |
	    u[3];
}

const char *
agent_string(const struct buf *b, size_t *at, size_t *ret_n)
{
	const char *s;

	if (*at > b->n || b->n - *at < 4)
		return NULL;
	*ret_n = agent_get32(b->p + *at);
	s = b->p + *at + 4;
	if (*ret_n > b->n - *at - 4)
		return NULL;
	*at += 4 + *ret_n;
	return s;
}

bool
agent_open(struct agent *a, const struct place *p, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	a->fd = -1;
	a->p = p;
	if (path == NULL || strlen(path) >= sizeof to.sun_path)
		return false;
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd >= 0 && connect(a->fd, (struct sockaddr *)&to,
	    sizeof to) != 0)
		io_close(&a->fd);
	return a->fd >= 0;
}

void
agent_close(struct agent *a)
{
	io_close(&a->fd);
}

bool
agent_ask(struct agent *a, const struct buf *body, struct buf *reply,
    int64_t until)
{
	struct buf msg = BUF_INIT;
	bool ok;

	agent_put32(&msg, body->n);
	buf_add(&msg, body->p, body->n);
	ok = send(a->fd, msg.p, msg.n, MSG_NOSIGNAL) == (ssize_t)msg.n;
	buf_release(&msg);
	buf_clear(reply);
	while (ok && (reply->n < 4 ||
	    reply->n - 4 < agent_get32(reply->p))) {
		int64_t slice = clock_mono_ms() + 200;

		if (!place_go_on(a->p, until, NULL))
			return false;
		if (io_wait_readable(a->fd, slice < until ? slice : until) == 0)
			continue;
		ok = io_read_some(a->fd, reply, 64 << 10) > 0 &&
		    (reply->n < 4 || agent_get32(reply->p) < 1 << 20);
	}
	if (ok)
		buf_drop(reply, 4);
	return ok && reply->n > 0;
}

bool
agent_list(struct agent *a, struct buf *ret, size_t *ret_n, int64_t until)
{
	struct buf ask = BUF_INIT;
	bool ok;

	buf_ch(&ask, 11);		/* SSH_AGENTC_REQUEST_IDENTITIES */
	ok = agent_ask(a, &ask, ret, until) && ret->n >= 5 && ret->p[0] == 12;
	*ret_n = ok ? agent_get32(ret->p + 1) : 0;
	buf_release(&ask);
	return ok;
}
