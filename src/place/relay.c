#include "place/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/vec.h"
#include "place/link.h"

enum {
	PASSES = 64,
	FULL = 256 << 10,	/* bytes kept for one direction */
	DIAL_MS = 15000,	/* from accepting to being connected */
	LINK_MS = 15000,	/* a later link; libpq waits meanwhile */
	LINGER_MS = 10000,	/* for the end of somebody nobody listens to */
	OWN = 3,		/* descriptors before those of the passes */
	ROUNDS = 16,
	SECRETS = 8,
};

/* One connection that is carried, or waits for that. */
struct pass {
	int fd;
	struct far far;
	struct buf up, down;		/* to the far end, from it */
	bool waits, leaves;
	bool up_end, up_shut;		/* what we get from fd: over, and told */
	bool down_end, down_shut;
	bool dumb;			/* the far end takes nothing any more */
	bool retried;
	int64_t since_ms;
};

struct relay {
	const struct relay_task *t;
	struct link link;
	struct pass passes[PASSES];
	size_t n;
	uint64_t mark;
	bool busy;
	struct secret {
		char of[RELAY_SECRET], text[RELAY_SECRET];
	} *secrets;			/* those that were used */
};

/* --- who opened the tunnel ----------------------------------------------- */

/* Its end of the pair closes with it; a fork of it may hold that open. */
static bool
opener_gone(void *ctx)
{
	const struct relay *r = ctx;
	char c;

	return getppid() != r->t->opener || recv(r->t->control, &c, 1,
	    MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Only while the first link is made; they are kept for the later ones. */
static bool
ask_secret(void *ctx, const char *key, char *out, size_t size)
{
	struct relay *r = ctx;
	struct secret *s = r->secrets, *end = s + SECRETS;
	char ask[1 + sizeof s->of];
	ssize_t n = -1;

	while (s < end && s->of[0] != '\0' && strcmp(s->of, key) != 0)
		s++;
	if (s == end || strlen(key) >= sizeof s->of)
		return false;
	if (s->of[0] == '\0') {
		if (atomic_load(&r->t->board->links) > 0)
			return false;
		snprintf(ask, sizeof ask, "%c%s", RELAY_ASKS, key);
		if (send(r->t->control, ask, strlen(ask), MSG_NOSIGNAL) > 0)
			n = recv(r->t->control, s->text, sizeof s->text - 1, 0);
		if (n < 1 || s->text[0] != RELAY_TELLS)
			return false;
		memmove(s->text, s->text + 1, (size_t)n - 1);
		s->text[n - 1] = '\0';
		snprintf(s->of, sizeof s->of, "%s", key);
	}
	snprintf(out, size, "%s", s->text);
	return true;
}

void
relay_why(struct relay_board *b, const struct err *why)
{
	atomic_fetch_add(&b->turn, 1);
	b->why = *why;
	atomic_fetch_add(&b->turn, 1);
}

static bool
make_link(struct relay *r, int64_t until, struct err *e)
{
	struct place_care care = { .secret = ask_secret,
		.cancelled = opener_gone, .ctx = r, .deadline_ms = until };

	if (!link_open(&r->link, r->t->spec, &care, r->t->host, r->t->port, e))
		return false;
	snprintf(r->t->board->how, sizeof r->t->board->how, "%s",
	    place_how(r->link.p));
	atomic_fetch_add(&r->t->board->links, 1);
	return true;
}

/* --- passes -------------------------------------------------------------- */

/* Its socket still has the hard linger, so this resets it, unless carry() found
 * that all was sent. */
static void
pass_end(struct relay *r, struct pass *p, const struct err *why)
{
	if (why)
		relay_why(r->t->board, why);
	io_close(&p->fd);
	buf_release(&p->up);
	buf_release(&p->down);
	p->waits = false;
	p->leaves = true;
}

/* Whoever has a socket shows in this table with its user; one that was closed
 * by its owner already has no inode, and the user 0. */
static bool
is_ours(const struct sockaddr_in *from, int port, unsigned *ret_uid)
{
	FILE *f = fopen("/proc/net/tcp", "re");
	unsigned la, lp, ra, rp, uid;
	unsigned long inode;
	char line[512];
	bool ours = false;

	*ret_uid = (unsigned)-1;
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, " %*[^:]: %8X:%4X %8X:%4X %*s %*s %*s %*s"
		    " %u %*s %lu", &la, &lp, &ra, &rp, &uid, &inode) != 6 ||
		    la != from->sin_addr.s_addr || lp != ntohs(from->sin_port) ||
		    ra != htonl(INADDR_LOOPBACK) || rp != (unsigned)port)
			continue;
		*ret_uid = uid;
		ours = uid == geteuid() && inode != 0;
		break;
	}
	if (f)
		(void)fclose(f);
	return ours;
}

static void
take_in(struct relay *r)
{
	struct sockaddr_in from = { 0 }, to = { 0 };
	socklen_t n = sizeof from, to_n = sizeof to;
	struct pass *p = &r->passes[r->n];
	struct err e = ERR_INIT;
	int one = 1, fd;
	unsigned uid;

	fd = accept4(r->t->listener, (struct sockaddr *)&from, &n,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	*p = (struct pass){ .fd = fd, .far = FAR_INIT, .up = BUF_INIT,
		.down = BUF_INIT, .waits = true, .since_ms = clock_mono_ms() };
	r->n++;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	/* Should we be killed, then what we carry is to break, not to end. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	    sizeof(struct linger));
	(void)getsockname(fd, (struct sockaddr *)&to, &to_n);
	if (is_ours(&from, ntohs(to.sin_port), &uid))
		return;
	if (uid == (unsigned)-1 || uid == geteuid())
		err_set(&e, ERR_GUARD, "a connection was gone before it was"
		    " known whose it was");
	else
		err_set(&e, ERR_GUARD, "a connection of the user %u was not"
		    " let in", uid);
	pass_end(r, p, &e);
}

/* Everything in the link goes with it; who waits may have the next one. */
static void
link_lost(struct relay *r, const struct err *why)
{
	for (size_t i = 0; i < r->n; i++) {
		struct pass *p = &r->passes[i];

		p->far.channel = NULL;
		io_close(&p->far.fd);
		if (!p->leaves && !p->waits)
			pass_end(r, p, why);
		else if (p->waits && p->retried)
			pass_end(r, p, why);
		p->retried = true;
	}
	r->link.broken = true;
	link_close(&r->link);
}

static struct pass *
first_waiting(struct relay *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->passes[i].waits)
			return &r->passes[i];
	return NULL;
}

/* One after the other: libssh2 cannot open two channels at once. */
static void
dial(struct relay *r)
{
	static const struct err well = ERR_INIT;
	struct err e = ERR_INIT;
	struct far far;
	struct pass *p;
	int got;

	while ((p = first_waiting(r)) != NULL || r->link.dials) {
		if (r->link.p == NULL && !make_link(r, clock_mono_ms() +
		    LINK_MS, &e)) {
			while ((p = first_waiting(r)) != NULL)
				pass_end(r, p, &e);
			return;
		}
		got = link_dial(&r->link, &far, &e);
		if (got == 0)
			return;
		if (r->link.broken) {
			link_lost(r, &e);
		} else if (got < 0 && p) {
			pass_end(r, p, &e);
		} else if (got > 0 && p) {
			p->far = far;
			p->waits = false;
			relay_why(r->t->board, &well);
		} else if (got > 0 && !link_leave(&r->link, &far)) {
			r->passes[r->n++] = (struct pass){ .fd = -1,
				.far = far, .leaves = true };
		}
		e = (struct err)ERR_INIT;
	}
}

/* --- moving bytes -------------------------------------------------------- */

/* From our side up; false: the connection is over (e; or by its owner). */
static bool
carry_up(struct relay *r, struct pass *p, bool *moved, struct err *e)
{
	ssize_t n = 0;

	if (!p->up_end && p->up.n < FULL) {
		n = io_read_some(p->fd, &p->up, 64 << 10);
		if (n < 0 && errno != EAGAIN)
			return false;
		p->up_end = n == 0;
		*moved = *moved || n >= 0;
	}
	if (p->dumb)
		buf_clear(&p->up);
	while (p->up.n > 0) {
		n = link_write(&r->link, &p->far, p->up.p, p->up.n, e);
		if (n == LINK_CUT)
			return false;
		if (n < 0)
			break;
		if (n == 0) {
			p->dumb = true;
			buf_clear(&p->up);
			break;
		}
		*moved = true;
		buf_drop(&p->up, (size_t)n);
	}
	if (p->up_end && p->up.n == 0 && !p->up_shut && !p->dumb)
		link_shut(&r->link, &p->far);
	p->up_shut = p->up_end && p->up.n == 0;
	return true;
}

static bool
carry_down(struct relay *r, struct pass *p, bool *moved, struct err *e)
{
	ssize_t n;

	if (!p->down_end && p->down.n < FULL) {
		n = link_read(&r->link, &p->far, &p->down, e);
		if (n == LINK_CUT)
			return false;
		p->down_end = n == 0;
		*moved = *moved || n >= 0;
	}
	while (p->down.n > 0) {
		n = send(p->fd, p->down.p, p->down.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
		*moved = true;
		buf_drop(&p->down, (size_t)n);
	}
	if (p->down_end && p->down.n == 0 && !p->down_shut) {
		(void)shutdown(p->fd, SHUT_WR);
		p->down_shut = true;
		p->since_ms = clock_mono_ms();
	}
	if (p->down_shut && !p->dumb)
		p->dumb = link_over(&r->link, &p->far);
	return true;
}

static void
carry(struct relay *r, struct pass *p)
{
	struct err e = ERR_INIT;
	bool moved = true;

	for (int i = 0; i < ROUNDS && moved; i++) {
		moved = false;
		if (!carry_up(r, p, &moved, &e) ||
		    !carry_down(r, p, &moved, &e)) {
			pass_end(r, p, e.kind != ERR_NONE ? &e : NULL);
			return;
		}
	}
	r->busy = r->busy || moved;
	if (p->down_shut && (p->up_shut || (p->dumb &&
	    clock_mono_ms() > p->since_ms + LINGER_MS))) {
		(void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER,
		    &(struct linger){ 0 }, sizeof(struct linger));
		pass_end(r, p, NULL);
	}
}

static void
turn(struct relay *r)
{
	struct err late = ERR_INIT, lost = ERR_INIT;
	int64_t now = clock_mono_ms();

	err_set(&late, ERR_TIMEOUT, "no answer from %s port %d within %d"
	    " seconds", r->t->host, r->t->port, DIAL_MS / 1000);
	for (size_t i = 0; i < r->n; i++) {
		struct pass *p = &r->passes[i];

		if (p->waits && now > p->since_ms + DIAL_MS)
			pass_end(r, p, &late);
		else if (!p->waits && !p->leaves)
			carry(r, p);
		if (r->link.broken)
			break;
	}
	if (r->link.broken) {
		lost = r->t->board->why;
		link_lost(r, &lost);
	}
	for (size_t i = r->n; i-- > 0;)
		if (r->passes[i].leaves && (r->link.p == NULL ||
		    link_leave(&r->link, &r->passes[i].far)))
			r->passes[i] = r->passes[--r->n];
}

/* --- waiting ------------------------------------------------------------- */

/* What each pass waits for; how long at most, in ms. */
static int
wishes(const struct relay *r, struct pollfd *f, bool *reads)
{
	int nap = 2000;

	for (size_t i = 0; i < r->n; i++) {
		const struct pass *p = &r->passes[i];
		bool up = !p->up_end && p->up.n < FULL,
		    down = !p->down_end && p->down.n < FULL;

		*f = (struct pollfd){ .fd = p->fd, .events = (short)(
			(up && !p->waits ? POLLIN : 0) |
			(p->down.n > 0 ? POLLOUT : 0)) };
		if (f->events == 0 && !p->waits)
			f->fd = -1;	/* its end would be told for ever */
		f++;
		*f++ = (struct pollfd){ .fd = p->far.end_ms ? -1 : p->far.fd,
			.events = (short)((down ? POLLIN : 0) |
			(p->up.n > 0 ? POLLOUT : 0)) };
		if (f[-1].events == 0)
			f[-1].fd = -1;
		*reads = *reads || p->leaves || p->waits || down ||
		    p->up.n > 0 || (p->down_shut && !p->dumb);
		if (p->waits || p->leaves || p->down_end || p->far.end_ms)
			nap = 100;
	}
	return r->busy || r->link.dials ? r->busy ? 0 : 100 : nap;
}

static void
wait_for(struct relay *r)
{
	struct pollfd f[OWN + 2 * PASSES] = { 0 };
	struct err e = ERR_INIT;
	bool reads = r->link.dials;
	int nap = wishes(r, f + OWN, &reads);
	size_t n = OWN + 2 * r->n;

	f[0].fd = -1;
	f[1].fd = r->t->control;
	f[2] = (struct pollfd){ .fd = r->n < PASSES - 1 ? r->t->listener : -1,
		.events = POLLIN };
	if (r->link.p == NULL)
		(void)poll(f, n, nap);
	else if (!link_poll(&r->link, f, n, reads, nap, &e))
		link_lost(r, &e);
	/* Nobody waits any more who gave up before the far side answered. */
	for (size_t i = 0; i < r->n; i++)
		if (r->passes[i].waits && (f[OWN + 2 * i].revents &
		    (POLLHUP | POLLERR | POLLNVAL)))
			pass_end(r, &r->passes[i], NULL);
	if (f[2].revents)
		take_in(r);
}

_Noreturn void
relay_run(const struct relay_task *t)
{
	struct relay *r = xcalloc(1, sizeof *r);
	struct err e = ERR_INIT;
	char said = RELAY_UP;

	r->t = t;
	r->link = (struct link)LINK_INIT;
	r->secrets = mmap(NULL, SECRETS * sizeof *r->secrets, PROT_READ |
	    PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->secrets == MAP_FAILED)
		die("out of memory");
	(void)madvise(r->secrets, SECRETS * sizeof *r->secrets, MADV_DONTDUMP);
	if (!make_link(r, t->deadline_ms, &e)) {
		relay_why(t->board, &e);
		said = RELAY_FAILED;
	}
	(void)send(t->control, &said, 1, MSG_NOSIGNAL);
	while (said == RELAY_UP && !opener_gone(r)) {
		r->busy = false;
		dial(r);
		turn(r);
		if (link_heard(&r->link, &r->mark))
			r->busy = true;
		wait_for(r);
	}
	link_close(&r->link);
	_exit(0);
}
