/*
 * A link with a delay and nothing else: what goes in at one side comes out at the
 * other half a round trip later, at any rate.
 *
 *	delay ROUND_TRIP_MS PORT	prints the port that leads to 127.0.0.1:PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"

enum { PIECE = 256 << 10, MOST = 256 << 20 };

struct piece {
	char *p;
	size_t n, done;
	int64_t due_us;
};

/* One direction. */
struct pipe_ {
	int from, to;
	VEC(struct piece) q;
	size_t head, held;
	bool ended, shut;
};

static int64_t delay_us;

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool
take(struct pipe_ *w)
{
	char *p = xmalloc(PIECE);
	ssize_t n = recv(w->from, p, PIECE, MSG_DONTWAIT);

	if (n <= 0) {
		free(p);
		w->ended = n == 0;
		return n == 0 || errno == EAGAIN || errno == EINTR;
	}
	VEC_PUSH(&w->q, ((struct piece){ xrealloc(p, (size_t)n, 1), (size_t)n,
	    0, now_us() + delay_us }));
	w->held += (size_t)n;
	return true;
}

static bool
give(struct pipe_ *w)
{
	while (w->head < w->q.n) {
		struct piece *x = &w->q.v[w->head];
		ssize_t n;

		if (x->due_us > now_us())
			return true;
		n = send(w->to, x->p + x->done, x->n - x->done,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		x->done += (size_t)n;
		w->held -= (size_t)n;
		if (x->done < x->n)
			return true;
		free(x->p);
		if (++w->head == w->q.n)
			w->head = w->q.n = 0;
	}
	if (w->ended && !w->shut) {
		(void)shutdown(w->to, SHUT_WR);
		w->shut = true;
	}
	return true;
}

/* When to look again, in microseconds; -1: when something moves. */
static int64_t
due(const struct pipe_ *w)
{
	int64_t left;

	if (w->head >= w->q.n)
		return -1;
	left = w->q.v[w->head].due_us - now_us();
	return left > 0 ? left : 0;
}

static _Noreturn void
carry(int a, int b)
{
	struct pipe_ w[2] = { { .from = a, .to = b }, { .from = b, .to = a } };
	int one = 1, big = 4 << 20;

	for (int i = 0; i < 2; i++) {
		(void)setsockopt(w[i].to, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof one);
		(void)setsockopt(w[i].to, SOL_SOCKET, SO_SNDBUF, &big,
		    sizeof big);
	}
	while (!w[0].shut || !w[1].shut) {
		struct pollfd f[2] = { { .fd = a }, { .fd = b } };
		int64_t next = -1;

		for (int i = 0; i < 2; i++) {
			int64_t left = due(&w[i]);

			if (!w[i].ended && w[i].held < MOST)
				f[i].events |= POLLIN;
			if (left == 0)
				f[1 - i].events |= POLLOUT;
			else if (left > 0 && (next < 0 || left < next))
				next = left;
		}
		if (ppoll(f, 2, next < 0 ? NULL : &(struct timespec){
		    .tv_sec = next / 1000000,
		    .tv_nsec = next % 1000000 * 1000 }, NULL) < 0 &&
		    errno != EINTR)
			break;
		for (int i = 0; i < 2; i++)
			if ((f[i].revents != 0 && !w[i].ended && !take(&w[i])) ||
			    !give(&w[i]))
				_exit(1);
	}
	_exit(0);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, to = at;
	socklen_t n = sizeof at;
	int64_t ms, port;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 3 || !text_int(argv[1], 0, 10000, &ms) ||
	    !text_int(argv[2], 1, 65535, &port))
		return 2;
	delay_us = ms * 500;
	to.sin_port = htons((uint16_t)port);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(fd, 16) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		return 1;
	printf("%d\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int in = accept(fd, NULL, NULL), out;

		if (in >= 0 && fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			out = socket(AF_INET, SOCK_STREAM, 0);
			if (out < 0 || connect(out, (struct sockaddr *)&to,
			    sizeof to) != 0)
				_exit(1);
			carry(in, out);
		}
		if (in >= 0)
			(void)close(in);
	}
}
