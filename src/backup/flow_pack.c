/* The packer of a flow, and what its processes have in common. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backup/flow_intern.h"
#include "base/clock.h"
#include "base/io.h"

enum { FREE_FD = 64 };			/* above all that is put in its place */

/* ---- processes ------------------------------------------------------------------ */

static void
settle_in(const int fds[FLOW_FDS], int told, pid_t parent)
{
	int high[FLOW_FDS], null;
	sigset_t none;

	(void)setpgid(0, 0);
	die_hook = NULL;
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&none);
	/* a warden waits for its signals by descriptor */
	if (told == SIGTERM)
		(void)sigaddset(&none, SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, told) != 0 || getppid() != parent)
		_exit(1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < FLOW_FDS; i++)
		high[i] = fcntl(fds[i] >= 0 ? fds[i] : null, F_DUPFD, FREE_FD);
	for (int i = 0; i < FLOW_FDS; i++)
		if (high[i] < 0 || dup2(high[i], i) < 0)
			_exit(1);
	/* nobody's lock, listener or pipe lives on in one that hangs */
	if (close_range(FLOW_FDS, ~0u, 0) != 0)
		_exit(1);
	(void)fcntl(FLOW_BELL, F_SETFD, FD_CLOEXEC);
}

pid_t
flow_fork(const int fds[FLOW_FDS], int told, struct err *e)
{
	pid_t parent = getpid(), pid;
	sigset_t all, old;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		settle_in(fds, told, parent);
		return 0;
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		err_sys(e, "cannot start a process");
	else
		(void)setpgid(pid, pid);
	return pid;
}

/* A bell that is full rings already. */
void
flow_ring_bell(int fd)
{
	ssize_t w;

	do
		w = send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (w < 0 && errno == EINTR);
}

void
flow_listen(int fd, int64_t ms)
{
	struct pollfd f = { .fd = fd, .events = POLLIN };
	char rings[64];

	if (poll(&f, 1, (int)ms) > 0 && read(fd, rings, sizeof rings) == 0)
		_exit(1);		/* nobody is there any more */
}

void
flow_ends(struct flow_end *end, int exit, const char *why)
{
	end->exit = exit;
	snprintf(end->why, sizeof end->why, "%s", why);
	atomic_store(&end->ended, *why == '\0' ? FLOW_GOOD : FLOW_BAD);
	flow_ring_bell(FLOW_BELL);
}

enum { LITTLE = 128 << 10 };

/* ---- packing -------------------------------------------------------------------- */

struct packer {
	struct flow_board *b;
	struct gz *gz;
	struct sha sha;
	struct buf out;
	char *raw;
	size_t n;			/* bytes in raw */
	bool proves;
	bool rests;			/* the pipe holds much */
	bool little;			/* came the last time */
	int64_t last_us;
};

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* The time since then belongs to what it was at. */
static void
goes_to(struct packer *p, enum flow_at at)
{
	int64_t now = now_us();

	atomic_fetch_add(&p->b->spent_us[atomic_load(&p->b->at)],
	    now - p->last_us);
	p->last_us = now;
	atomic_store(&p->b->moved_ms, now / 1000);
	atomic_store(&p->b->at, (int)at);
}

/* Into the ring as soon as every store has what lies there. */
static void
hand_on(struct packer *p, const struct gz_member *m)
{
	struct flow_board *b = p->b;
	int64_t members = atomic_load(&b->members);
	size_t at = (size_t)m->at % b->room, n = (size_t)m->size,
	    first = n < b->room - at ? n : b->room - at;

	while (m->at + m->size - atomic_load(&b->free_bytes) >
	    (int64_t)b->room ||
	    members - atomic_load(&b->free_members) >= FLOW_TABLE) {
		if (atomic_load(&b->at) != FLOW_WAITS)
			goes_to(p, FLOW_WAITS);
		flow_listen(FLOW_BELL, 1000);
	}
	memcpy(b->ring + at, p->out.p, first);
	memcpy(b->ring, p->out.p + first, n - first);
	b->table[members % FLOW_TABLE] = *m;
	atomic_store(&b->packed, m->at + m->size);
	atomic_store(&b->members, members + 1);
	flow_ring_bell(FLOW_BELL);
}

static void
pack_one(struct packer *p)
{
	struct gz_member m;

	goes_to(p, FLOW_PACKS);
	buf_clear(&p->out);
	gz_pack(p->gz, p->raw, p->n, &p->out, &m);
	sha_add(&p->sha, p->out.p, p->out.n);
	p->n = 0;
	hand_on(p, &m);
}

/* Who reads along has seen its end mark and left, perhaps before the source has
 * closed: that is well as long as not a byte comes any more. */
static bool
nothing_comes(void)
{
	char c;
	ssize_t n;

	do
		n = read(FLOW_IN, &c, 1);
	while (n < 0 && errno == EINTR);
	errno = EPIPE;
	return n == 0;
}

/*
 * What the source wrote, to the proof and to us: tee() gives the proof the same
 * pages without taking them, then we read just as much. 0: there is no more.
 * A dump is written page by page: where the pipe holds much, a short sleep is worth
 * dozens of small reads, each of which would stop who writes.
 */
static size_t
take(struct packer *p)
{
	struct pollfd f = { .fd = FLOW_IN, .events = POLLIN };
	size_t room = GZ_MEMBER - p->n;
	ssize_t n;

	goes_to(p, FLOW_READS);
	if (p->rests && p->little)
		clock_sleep_ms(1);
	while (poll(&f, 1, -1) < 0)
		;
	if (p->proves) {
		goes_to(p, FLOW_PROVES);
		do
			n = tee(FLOW_IN, FLOW_OUT, room, 0);
		while (n < 0 && errno == EINTR);
		if (n < 0 && (errno != EPIPE || !nothing_comes())) {
			atomic_store(&p->b->unread, errno == EPIPE);
			_exit(1);
		}
		goes_to(p, FLOW_READS);
		if (n < 0)
			n = 0;
		else if (n > 0)
			n = io_read_full(FLOW_IN, p->raw + p->n, (size_t)n);
	} else
		do
			n = read(FLOW_IN, p->raw + p->n, room);
		while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(1);
	p->little = n < LITTLE;
	p->n += (size_t)n;
	atomic_fetch_add(&p->b->raw, n);
	return (size_t)n;
}

_Noreturn void
flow_pack(struct flow_board *b, enum gz_level level, bool proves)
{
	struct packer p = { .b = b, .gz = gz_open(level), .out = BUF_INIT,
	    .raw = xmalloc(GZ_MEMBER), .proves = proves,
	    .rests = fcntl(FLOW_IN, F_GETPIPE_SZ) >= FLOW_PIPE,
	    .last_us = now_us() };

	sha_init(&p.sha);
	while (take(&p) > 0)
		if (p.n == GZ_MEMBER)
			pack_one(&p);
	atomic_store(&b->eof, true);
	(void)close(FLOW_OUT);
	if (p.n > 0 || atomic_load(&b->members) == 0)
		pack_one(&p);
	sha_hex(&p.sha, b->sha256);
	goes_to(&p, FLOW_PACKS);
	atomic_store(&b->whole, true);
	flow_ring_bell(FLOW_BELL);
	_exit(0);
}
