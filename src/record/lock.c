#include "record/lock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/clock.h"
#include "base/proc.h"

enum { NAME_AFTER_MS = 2000, TICK_MS = 250 };

static void
tick(int sig)
{
	(void)sig;
}

static void
hold_signals(sigset_t *old)
{
	static const int held[] = { SIGTSTP, SIGTTIN, SIGTTOU, SIGINT, SIGTERM,
	    SIGHUP, SIGQUIT };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		(void)sigaddset(&set, held[i]);
	(void)sigprocmask(SIG_BLOCK, &set, old);
}

/* Somebody wants us to end, and nothing is held yet. */
static bool
interrupted(const struct lock *l)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa;
	sigset_t pending;

	(void)sigpending(&pending);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (sigismember(&pending, ends[i]) == 1 &&
		    sigismember(&l->mask, ends[i]) == 0 &&
		    sigaction(ends[i], NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_IGN)
			return true;
	return false;
}

static bool
give_up(const char *what, const char *holder, struct err *e)
{
	err_set(e, ERR_BUSY, "%s is locked by %s", what, holder);
	return err_hint(e, "If that process is stopped, continue or end it, "
	    "then try again.");
}

/* Sleeps in flock, woken by a timer to look at the clock. */
static bool
wait_for(int fd, const struct lock *l, const char *what, int64_t give_up_ms,
    void (*waiting)(const char *), struct err *e)
{
	struct sigaction sa = { .sa_handler = tick }, old;
	struct sigevent sev = { .sigev_notify = SIGEV_SIGNAL,
	    .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec every = { { 0, TICK_MS * 1000000L },
	    { 0, TICK_MS * 1000000L } };
	int64_t start = clock_mono_ms();
	struct buf holder = BUF_INIT;
	bool told = false, ok = false;
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &sev, &timer) != 0)
		return err_sys(e, "cannot make a timer");
	(void)sigaction(sev.sigev_signo, &sa, &old);
	(void)timer_settime(timer, 0, &every, NULL);
	for (;;) {
		int64_t waited;

		if (flock(fd, LOCK_EX) == 0) {
			ok = true;
			break;
		}
		if (errno != EINTR) {
			err_sys(e, "cannot lock %s", what);
			break;
		}
		if (interrupted(l)) {
			err_set(e, ERR_CANCELLED, "interrupted while waiting "
			    "for %s", what);
			break;
		}
		waited = clock_mono_ms() - start;
		if (waited < NAME_AFTER_MS)
			continue;
		buf_clear(&holder);
		if (!proc_flock_holder(fd, &holder))
			buf_str(&holder, "a process that cannot be seen here");
		if (!told && waiting != NULL)
			waiting(holder.p);
		told = true;
		if (waited >= give_up_ms) {
			give_up(what, holder.p, e);
			break;
		}
	}
	(void)timer_delete(timer);
	(void)sigaction(sev.sigev_signo, &old, NULL);
	buf_release(&holder);
	return ok;
}

bool
lock_take(struct lock *l, int fd, const char *what, int64_t give_up_ms,
    void (*waiting)(const char *holder), struct err *e)
{
	int r;

	l->fd = -1;
	hold_signals(&l->mask);
	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r != 0 && errno == EINTR);
	if (r != 0 && errno != EWOULDBLOCK)
		err_sys(e, "cannot lock %s", what);
	else if (r == 0 || wait_for(fd, l, what, give_up_ms, waiting, e)) {
		l->fd = fd;
		return true;
	}
	(void)sigprocmask(SIG_SETMASK, &l->mask, NULL);
	return false;
}

void
lock_drop(struct lock *l)
{
	if (l->fd < 0)
		return;
	(void)flock(l->fd, LOCK_UN);
	l->fd = -1;
	(void)sigprocmask(SIG_SETMASK, &l->mask, NULL);
}
