/*
 * Opening a tunnel blocks, for as long as a host does not answer; so a process
 * of its own opens it, and keeps it, since a tunnel ends with the process that
 * opened it. It says on a socket, a line each:
 *
 *	P 40123			the tunnel stands, at this port
 *	F nas: no answer	it does not, and this is why; the end
 *	W connection refused	why the last connection was not carried (asked
 *				for with a W)
 *
 * and ends when nobody holds the other end any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/secret.h"
#include "base/text.h"
#include "place/tunnel.h"
#include "site/spec.h"
#include "probe/postgres.h"

enum {
	OPEN_MS = 20000,		/* then it is given up */
	AGAIN_MS = 30000,		/* a refused login is not repeated sooner */
	END_MS = 500, LINE_MAX_ = 600, KEPT_FD = 3,
};

struct way {
	const struct site_place *place;
	const char *host;
	int port;
	pid_t pid;
	int fd;
	struct buf in;
	enum way_state state;
	int local;			/* its port here */
	struct err why;
	int64_t broke_at;		/* monotonic ms */
	bool asked;
};

/* ---- in the process of the tunnel ------------------------------------------ */

static bool
nobody_left(void *ctx)
{
	struct pollfd p = { .fd = KEPT_FD, .events = POLLIN };

	(void)ctx;
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void
tell(char what, const char *s)
{
	struct buf b = BUF_INIT;

	buf_ch(&b, what);
	buf_ch(&b, ' ');
	text_clean(&b, s, text_fit(s, strlen(s), LINE_MAX_), TEXT_LINE);
	buf_ch(&b, '\n');
	(void)io_write_all(KEPT_FD, b.p, b.n);
	buf_release(&b);
}

static void
keep(struct place_tunnel *t)
{
	struct buf why = BUF_INIT;
	char c;

	for (;;) {
		ssize_t got = read(KEPT_FD, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		buf_clear(&why);
		tell('W', place_tunnel_error(t, &why) ? why.p : "");
	}
	buf_release(&why);
}

static _Noreturn void
open_and_keep(const struct way *w, const struct site *site, int fd)
{
	struct place_care care = { .secret = secret_find,
	    .cancelled = nobody_left,
	    .deadline_ms = clock_mono_ms() + OPEN_MS };
	struct site_spec spec;
	struct err e = ERR_INIT;
	struct place_tunnel *t;
	char port[16];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* the sockets of other databases end when their owner closes them */
	if (dup2(fd, KEPT_FD) < 0 || close_range(KEPT_FD + 1, ~0u, 0) != 0)
		_exit(1);
	(void)fcntl(KEPT_FD, F_SETFD, FD_CLOEXEC);
	t = place_tunnel_open(site_spec(&spec, site, w->place), &care, w->host,
	    w->port, &e);
	if (t == NULL) {
		tell('F', e.msg);
		_exit(1);
	}
	(void)snprintf(port, sizeof port, "%d", place_tunnel_port(t));
	tell('P', port);
	keep(t);
	place_tunnel_close(t);
	_exit(0);
}

/* ---- on this side ------------------------------------------------------------- */

static void
end_it(struct way *w)
{
	int64_t until = clock_mono_ms() + END_MS;

	io_close(&w->fd);
	buf_release(&w->in);
	if (w->pid <= 0)
		return;
	while (waitpid(w->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ms() > until) {
			(void)kill(w->pid, SIGKILL);
			(void)waitpid(w->pid, NULL, 0);
			break;
		}
		clock_sleep_ms(5);
	}
	w->pid = 0;
}

static void
broke(struct way *w, const char *why)
{
	err_clear(&w->why);
	err_set(&w->why, ERR_FAILED, "%s", why);
	w->state = WAY_BROKEN;
	w->broke_at = clock_mono_ms();
	end_it(w);
}

static void
begin(struct way *w, const struct site *site)
{
	int fd[2];

	w->state = WAY_OPENING;
	err_clear(&w->why);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
		w->fd = -1;
		broke(w, strerror(errno));
		return;
	}
	w->fd = fd[0];
	w->pid = fork();
	if (w->pid == 0)
		open_and_keep(w, site, fd[1]);
	io_close(&fd[1]);
	(void)fcntl(w->fd, F_SETFL, O_NONBLOCK);
	if (w->pid < 0)
		broke(w, strerror(errno));
}

struct way *
ways_to(struct ways *all, const struct site *site,
    const struct site_place *place, const char *host, int port)
{
	struct way *w = NULL;

	for (size_t i = 0; w == NULL && i < all->v.n; i++)
		if (all->v.v[i]->place == place && all->v.v[i]->port == port &&
		    strcmp(all->v.v[i]->host, host) == 0)
			w = all->v.v[i];
	if (w == NULL) {
		w = xcalloc(1, sizeof *w);
		w->place = place;
		w->host = host;
		w->port = port;
		w->in = (struct buf)BUF_INIT;
		VEC_PUSH(&all->v, w);
		begin(w, site);
	} else if (w->state == WAY_BROKEN &&
	    clock_mono_ms() >= w->broke_at + AGAIN_MS)
		begin(w, site);
	return w;
}

static void
heard(struct way *w, const char *line)
{
	if (line[0] == 'P') {
		w->local = (int)strtol(line + 2, NULL, 10);
		w->state = WAY_OPEN;
	} else if (line[0] == 'F')
		broke(w, line + 2);
	else if (line[0] == 'W') {
		w->asked = false;
		err_clear(&w->why);
		if (line[2] != '\0')
			err_set(&w->why, ERR_FAILED, "%s", line + 2);
	}
}

enum way_state
way_turn(struct way *w, struct err *e)
{
	ssize_t got = 1;
	char *nl;

	while (w->fd >= 0 && got > 0)
		got = io_read_some(w->fd, &w->in, 4096);
	while (w->fd >= 0 && (nl = memchr(w->in.p, '\n', w->in.n)) != NULL) {
		size_t n = (size_t)(nl - w->in.p) + 1;
		char *line = xstrndup(w->in.p, n - 1);

		buf_drop(&w->in, n);
		heard(w, line);
		free(line);
	}
	if (w->fd >= 0 && (got == 0 || (got < 0 && errno != EAGAIN &&
	    errno != EINTR)))
		broke(w, "the tunnel's process ended");
	if (w->why.kind != ERR_NONE && e != NULL)
		*e = w->why;
	return w->state;
}

void
way_ask_why(struct way *w)
{
	if (w->state == WAY_OPEN && !w->asked && write(w->fd, "W", 1) == 1)
		w->asked = true;
}

bool
way_answered(const struct way *w)
{
	return !w->asked || w->state != WAY_OPEN;
}

int
way_fd(const struct way *w)
{
	return w->fd;
}

int
way_port(const struct way *w)
{
	return w->local;
}

void
ways_release(struct ways *all)
{
	for (size_t i = 0; i < all->v.n; i++)
		io_close(&all->v.v[i]->fd);	/* all of them end at once */
	for (size_t i = 0; i < all->v.n; i++) {
		end_it(all->v.v[i]);
		free(all->v.v[i]);
	}
	VEC_RELEASE(&all->v);
}
