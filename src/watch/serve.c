/*
 * The feed's own process: one loop over its children and its listeners. It
 * touches no file but its lock; what is to be written (histories, thinned
 * readings, proofs that were lost) a child does, so that a disk that hangs
 * cannot hold the picture up.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/secret.h"
#include "base/spawn.h"
#include "base/who.h"
#include "watch/crew.h"
#include "watch/feed.h"
#include "watch/history.h"

enum {
	STIR_MS = 1000,			/* between two rounds that somebody asked for */
	BACKLOG = 1 << 20,		/* a listener this far behind is let go */
	LISTENERS_MAX = 256, DEAF_MS = 1000,
	KEEP_EVERY_MS = 10000, KEEP_HUNG_MS = 60000, KEEP_LOOK_MS = 250,
	THIN_MS = 60000,		/* an unchanged reading is kept this often */
	PENDING_MAX = 1 << 20,
};

struct listener {
	int fd;
	struct buf out;
	size_t first;			/* bytes of the picture it began with */
};

/* What was kept of a target last. */
struct kept {
	int64_t at;
	enum level level;
	bool stale;
};

struct server {
	struct lookout l;
	struct history past;
	const struct watch_keeper *keeper;
	VEC(struct listener) ears;
	VEC(struct kept) kept;		/* beside l.newest */
	struct buf pending;		/* thinned readings to be written */
	int listener, lock;
	int64_t began, heard_at, keep_at, keep_since;
	int64_t stirred;		/* wall ms of the last time */
	int64_t stir_at, round_at;	/* the next round (0: none), the last */
	int64_t deaf_until;		/* no descriptor is left for listeners */
	pid_t keep_pid;
	struct stat site_st, dir_st;
	bool superseded;		/* another site file, or directory */
};

static volatile sig_atomic_t told_to_end;

static void
on_signal(int sig)
{
	told_to_end = sig;
}

/* ---- listeners ---------------------------------------------------------------- */

static void
ear_close(struct server *s, size_t i)
{
	io_close(&s->ears.v[i].fd);
	buf_release(&s->ears.v[i].out);
	s->ears.v[i] = s->ears.v[--s->ears.n];
}

/* False: it is gone, or far behind. */
static bool
ear_flush(struct listener *ear)
{
	while (ear->out.n > 0) {
		ssize_t n = send(ear->fd, ear->out.p, ear->out.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN &&
			    ear->out.n < ear->first + BACKLOG;
		buf_drop(&ear->out, (size_t)n);
	}
	return true;
}

static void
who_serves(const struct server *s, struct buf *out)
{
	struct reading r;

	reading_init(&r, "feed", "now");
	reading_say(&r, LEVEL_OK, NULL, "%zu targets, %zu children",
	    s->l.targets.n, lookout_children(&s->l));
	reading_int(&r, "pid", getpid());
	reading_str(&r, "by", who_am_i()->by);
	reading_str(&r, "host", who_am_i()->host);
	reading_int(&r, "serving_ms", clock_mono_ms() - s->began);
	reading_int(&r, "targets", (int64_t)s->l.targets.n);
	reading_int(&r, "children", (int64_t)lookout_children(&s->l));
	reading_int(&r, "stirred", s->stirred);
	reading_str(&r, "site_sha256", s->l.site->sha);
	reading_write(&r, out);
	reading_release(&r);
}

/* False: nobody else is waiting. */
static bool
ear_new(struct server *s)
{
	int fd = feed_accept(s->listener, s->l.state);
	struct listener *ear;

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			s->deaf_until = clock_mono_ms() + DEAF_MS;
		return errno == EINTR || errno == ECONNABORTED;
	}
	if (s->ears.n >= LISTENERS_MAX) {
		io_close(&fd);
		return true;
	}
	ear = VEC_NEW(&s->ears);
	ear->fd = fd;
	for (size_t i = 0; i < s->l.newest.v.n; i++)
		reading_write(&s->l.newest.v.v[i], &ear->out);
	who_serves(s, &ear->out);
	ear->first = ear->out.n;
	return true;
}

static void
stir(struct server *s)
{
	int64_t now = clock_mono_ms();

	s->stirred = clock_wall_ms();
	if (s->stir_at == 0)
		s->stir_at = s->round_at + STIR_MS > now ?
		    s->round_at + STIR_MS : now;
}

static void
stir_turn(struct server *s)
{
	int64_t now = clock_mono_ms();

	if (s->stir_at == 0 || now < s->stir_at)
		return;
	s->stir_at = 0;
	s->round_at = now;
	lookout_stir(&s->l);
}

static void
ears_turn(struct server *s)
{
	char trash[256];

	for (size_t i = s->ears.n; i-- > 0;) {
		ssize_t n = recv(s->ears.v[i].fd, trash, sizeof trash, 0);

		if (n > 0)
			stir(s);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		    !ear_flush(&s->ears.v[i]))
			ear_close(s, i);
	}
	if (s->ears.n > 0)
		s->heard_at = clock_mono_ms();
}

/* ---- readings ------------------------------------------------------------------- */

static void
thin_out(struct server *s, const struct reading *r, const struct buf *line)
{
	size_t i = 0;
	struct kept *k;

	while (i < s->l.targets.n &&
	    (strcmp(s->l.targets.v[i].name, r->name) != 0 ||
	    strcmp(s->l.targets.v[i].probe->kind, r->kind) != 0))
		i++;
	if (i == s->l.targets.n)
		return;
	while (s->kept.n < s->l.targets.n)
		(void)VEC_NEW(&s->kept);
	k = &s->kept.v[i];
	/* a clock that was set back does not keep it quiet for hours */
	if (k->at != 0 && k->level == r->level && k->stale == r->stale &&
	    r->at >= k->at && r->at < k->at + THIN_MS)
		return;
	*k = (struct kept){ r->at, r->level, r->stale };
	if (s->pending.n < PENDING_MAX)
		buf_add(&s->pending, line->p, line->n);
}

static void
got(void *ctx, struct reading *r)
{
	struct server *s = ctx;
	struct buf line = BUF_INIT;

	history_note(&s->past, r);
	reading_write(r, &line);
	for (size_t i = 0; i < s->ears.n; i++)
		buf_add(&s->ears.v[i].out, line.p, line.n);
	thin_out(s, r, &line);
	buf_release(&line);
}

/* ---- what is kept ------------------------------------------------------------------ */

enum { KEEPER_NEW_SITE = 17 };	/* its exit status */

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size;
}

/* Another site file is another feed: whoever listens starts it. One that does
 * not load is somebody's half-done work: what serves goes on serving. */
static bool
new_site(const struct server *s)
{
	struct stat st;
	struct site site;
	bool loads;

	if (stat(s->l.site->path, &st) != 0 || same_file(&st, &s->site_st))
		return false;
	loads = site_load(&site, s->l.site->path);
	site_release(&site);
	return loads;
}

/* Where the directory was is another one, or none: that one's feed is not us. */
static bool
dir_moved(const struct server *s)
{
	struct stat st;

	return stat(s->l.state->dir, &st) != 0 ? errno == ENOENT :
	    st.st_dev != s->dir_st.st_dev || st.st_ino != s->dir_st.st_ino;
}

static void
keep_child(struct server *s)
{
	struct err e = ERR_INIT;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	for (size_t i = 0; i < s->ears.n; i++)
		io_close(&s->ears.v[i].fd);
	for (size_t i = 0; i < s->l.crews.n; i++)
		io_close(&s->l.crews.v[i].fd);
	io_close(&s->listener);
	io_close(&s->lock);
	if (dir_moved(s))
		_exit(KEEPER_NEW_SITE);
	if (s->past.dirty)
		(void)history_save(&s->past, s->l.state, &e);
	if (s->keeper != NULL)
		s->keeper->keep(s->keeper->ctx, s->pending.p, s->pending.n);
	_exit(new_site(s) ? KEEPER_NEW_SITE : 0);
}

static void
keep(struct server *s)
{
	int64_t now = clock_mono_ms();
	int status = 0;

	if (s->keep_pid > 0 && waitpid(s->keep_pid, &status, WNOHANG) != 0) {
		s->keep_pid = 0;
		s->superseded = WIFEXITED(status) &&
		    WEXITSTATUS(status) == KEEPER_NEW_SITE;
	}
	if (s->keep_pid > 0 && now > s->keep_since + KEEP_HUNG_MS)
		(void)kill(s->keep_pid, SIGKILL);
	if (s->keep_pid > 0 || now < s->keep_at)
		return;
	s->keep_at = now + KEEP_EVERY_MS;
	s->keep_since = now;
	s->keep_pid = fork();
	if (s->keep_pid == 0)
		keep_child(s);
	if (s->keep_pid < 0)
		return;
	buf_clear(&s->pending);
	s->past.dirty = false;
}

/* ---- the loop -------------------------------------------------------------------- */

static void
wait_for_something(struct server *s)
{
	struct pollfd *fds = xcalloc(1 + s->ears.n + s->l.crews.n, sizeof *fds);
	int64_t until = lookout_next(&s->l), now = clock_mono_ms();
	size_t n = 0;

	if (s->keep_at < until)
		until = s->keep_at;
	if (s->stir_at != 0 && s->stir_at < until)
		until = s->stir_at;
	if (s->keep_pid > 0 && now + KEEP_LOOK_MS < until)
		until = now + KEEP_LOOK_MS;
	if (now < s->deaf_until && s->deaf_until < until)
		until = s->deaf_until;
	fds[n++] = (struct pollfd){ .fd = now < s->deaf_until ? -1 :
	    s->listener, .events = POLLIN };
	for (size_t i = 0; i < s->ears.n; i++)
		fds[n++] = (struct pollfd){ .fd = s->ears.v[i].fd,
		    .events = (short)(POLLIN |
		    (s->ears.v[i].out.n > 0 ? POLLOUT : 0)) };
	n += lookout_polls(&s->l, fds + n, s->l.crews.n);
	(void)poll(fds, n, until > now ? (int)(until - now) : 0);
	free(fds);
}

static void
serve(struct server *s, int64_t unused_ms)
{
	s->began = s->heard_at = clock_mono_ms();
	s->keep_at = s->began + KEEP_EVERY_MS;
	while (!told_to_end && !s->superseded &&
	    clock_mono_ms() < s->heard_at + unused_ms) {
		lookout_turn(&s->l);
		while (clock_mono_ms() >= s->deaf_until && ear_new(s))
			;
		ears_turn(s);
		stir_turn(s);
		keep(s);
		wait_for_something(s);
	}
}

bool
watch_serve(const struct site *site, const struct state *state,
    int64_t unused_ms, const struct watch_keeper *keeper, struct err *e)
{
	struct server s = { .keeper = keeper, .listener = -1 };
	struct sigaction sa = { .sa_handler = on_signal };
	bool ok = false;

	/* a full disk may refuse the lock, and cannot refuse the picture: the
	 * socket's name is one feed's alone as well */
	s.lock = state_lock_file(state, "watch", &(struct err){ 0 });
	if (s.lock >= 0 && flock(s.lock, LOCK_EX | LOCK_NB) != 0) {
		io_close(&s.lock);
		return err_set(e, ERR_BUSY, "a feed serves '%s' already",
		    state->dir);
	}
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	(void)stat(site->path, &s.site_st);
	(void)stat(state->dir, &s.dir_st);
	lookout_init(&s.l, site, state, NULL, 0);
	s.l.got = got;
	s.l.ctx = &s;
	history_load(&s.past, state);
	s.listener = feed_listen(state);
	if (s.listener < 0 && errno == EADDRINUSE)
		err_set(e, ERR_BUSY, "a feed serves '%s' already", state->dir);
	else if (s.listener < 0)
		err_sys(e, "cannot listen for '%s'", state->dir);
	else {
		serve(&s, unused_ms);
		ok = true;
	}
	io_close(&s.listener);
	lookout_release(&s.l);
	if (s.keep_pid > 0)
		(void)kill(s.keep_pid, SIGKILL);
	while (s.ears.n > 0)
		ear_close(&s, 0);
	VEC_RELEASE(&s.ears);
	VEC_RELEASE(&s.kept);
	buf_release(&s.pending);
	history_release(&s.past);
	io_close(&s.lock);
	return ok;
}

void
watch_stir(const struct state *state)
{
	int fd = feed_connect(state);

	if (fd >= 0)
		(void)send(fd, "\n", 1, MSG_NOSIGNAL);
	io_close(&fd);
}

bool
watch_serves(const struct state *state)
{
	int fd = feed_connect(state);
	bool yes = fd >= 0;

	io_close(&fd);
	return yes;
}

/* ---- a listener, with a feed of its own when there is none -------------------------- */

static bool
start_feed(const char *const *argv, struct err *e)
{
	struct spawn sp = SPAWN_INIT;
	const char **more;
	char number[16];
	int fd = 0;
	size_t n = 0;
	pid_t pid;

	if (secret_count() > 0 && (fd = secret_pipe(e)) < 0)
		return false;
	while (argv[n] != NULL)
		n++;
	more = xcalloc(n + 3, sizeof *more);
	memcpy(more, argv, n * sizeof *more);
	if (fd > 0) {
		(void)snprintf(number, sizeof number, "%d", fd);
		more[n] = "--secrets-fd";
		more[n + 1] = number;
		sp.keep[0] = fd;
	}
	sp.argv = more;
	sp.session = true;
	pid = spawn_start(&sp, e);
	if (fd > 0)
		io_close(&fd);
	free(more);
	return pid > 0;
}

int
watch_connect(const struct state *state, const char *const *start_argv,
    int64_t deadline_ms, struct err *e)
{
	bool started = false;
	int fd;

	while ((fd = feed_connect(state)) < 0) {
		if (start_argv != NULL && !started &&
		    !(started = start_feed(start_argv, e)))
			return -1;
		if (!started || clock_mono_ms() >= deadline_ms) {
			err_set(e, ERR_NOTFOUND, started ?
			    "the feed for '%s' did not begin" :
			    "no feed serves '%s'", state->dir);
			return -1;
		}
		clock_sleep_ms(20);
	}
	return fd;
}
