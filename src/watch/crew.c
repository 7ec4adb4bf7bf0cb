#include "watch/crew.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

enum { IDLE_WORD_MS = 15000, PAUSE_MAX_MS = 60000, OUT_FD = 3,
       MARGIN_MS = 300,		/* a round's answers come before its end */
       LET_GO_S = 4, NAP_MS = 5000 };

struct deck {
	struct lookout *l;
	const struct crew *crew;
	struct eye eye;
	struct target *all;		/* copies, so that a crowd has them in a row */
	size_t n, begun;		/* of a round */
	int64_t said;
};

/* Whoever looks through us is gone, or wants us gone: what a read has started
 * ends with it, here and elsewhere, and one that cannot be ended soon is left. */
static volatile sig_atomic_t reading, given_up;

static void
on_term(int sig)
{
	(void)sig;
	if (!reading)
		_exit(0);
	given_up = 1;
	(void)alarm(LET_GO_S);
}

static bool
is_given_up(void *ctx)
{
	(void)ctx;
	return given_up != 0;
}

int64_t
target_pause(const struct target *t)
{
	int64_t pause = t->probe->every_ms;

	for (int i = 1; i < t->fails && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	return pause < PAUSE_MAX_MS || pause == t->probe->every_ms ? pause :
	    PAUSE_MAX_MS;
}

/* The one who listens is gone: so are we. */
static void
say(struct deck *d, const struct buf *line)
{
	if (!io_write_all(OUT_FD, line->p, line->n))
		_exit(0);
	d->said = clock_mono_ms();
}

static void
begin(void *ctx, struct target *t)
{
	struct deck *d = ctx;
	struct buf line = BUF_INIT;
	int64_t now = clock_mono_ms();

	t->begun = now;
	t->read = true;
	d->eye.now = clock_wall_ms();
	d->eye.deadline = now + t->probe->deadline_ms;
	if (d->l->end != 0 && d->eye.deadline > d->l->end - MARGIN_MS)
		d->eye.deadline = d->l->end - MARGIN_MS;
	buf_printf(&line, "B %zu\n", t->index);
	say(d, &line);
	buf_release(&line);
}

static void
done(void *ctx, struct target *t, struct reading *r)
{
	struct deck *d = ctx;
	struct buf line = BUF_INIT;
	int64_t now = clock_mono_ms();

	r->at = clock_wall_ms();
	r->took_ms = now - t->begun;
	r->deadline_ms = t->probe->deadline_ms;
	t->fails = r->error != NULL ? t->fails + 1 : 0;
	t->due = now + target_pause(t);
	buf_printf(&line, "R %zu ", t->index);
	reading_write(r, &line);
	say(d, &line);
	buf_release(&line);
}

void
crew_stir_set(sigset_t *ret)
{
	(void)sigemptyset(ret);
	(void)sigaddset(ret, CREW_STIR);
}

/* Something has happened that may have changed what anybody reads. It comes as a
 * signal that is blocked but here, so that no read is interrupted by it. */
static bool
stirred(int64_t wait_ms)
{
	struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000 };
	sigset_t stir;

	crew_stir_set(&stir);
	return sigtimedwait(&stir, NULL, &wait) == CREW_STIR;
}

static bool
more(void *ctx, int64_t wait_ms)
{
	struct deck *d = ctx;
	struct buf alive = BUF_INIT;

	if (stirred(wait_ms)) {
		d->eye.stirred = clock_mono_ms();
		for (size_t i = 0; i < d->n; i++) {
			d->all[i].due = d->eye.stirred;
			d->all[i].fails = 0;
		}
	}

	if (d->l->once) {
		for (size_t i = 0; i < d->n; i++)
			if (!d->all[i].read)
				return true;
		return false;
	}
	if (clock_mono_ms() >= d->said + IDLE_WORD_MS) {
		buf_str(&alive, "A\n");
		say(d, &alive);
		buf_release(&alive);
	}
	return getppid() == d->l->owner && !given_up;
}

static int64_t
cpu_us(void)
{
	int64_t us = 0;

	for (int who = 0; who < 2; who++) {
		struct rusage u;

		if (getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &u) == 0)
			us += (u.ru_utime.tv_sec + u.ru_stime.tv_sec) *
			    1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
	}
	return us;
}

static void
read_one(struct deck *d, struct target *t)
{
	struct reading r;
	int64_t cpu = cpu_us();

	reading_init(&r, t->probe->kind, t->name);
	begin(d, t);
	reading = 1;
	t->probe->read(&d->eye, t, &r);
	reading = 0;
	r.cost_us = cpu_us() - cpu;
	done(d, t, &r);
	reading_release(&r);
}

static struct target *
next_due(struct deck *d)
{
	struct target *t = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (!(d->l->once && d->all[i].read) &&
		    (t == NULL || d->all[i].due < t->due))
			t = &d->all[i];
	return t;
}

static void
one_after_the_other(struct deck *d)
{
	struct target *t;
	int64_t wait = 0;

	while (more(d, wait) && (t = next_due(d)) != NULL) {
		wait = t->due - clock_mono_ms();
		if (wait <= 0 || d->l->once) {
			read_one(d, t);
			wait = 0;
		} else if (wait > NAP_MS)
			wait = NAP_MS;
	}
}

static void
settle_in(int out)
{
	struct sigaction term = { .sa_handler = on_term };
	int null = open("/dev/null", O_RDWR);

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigaction(SIGTERM, &term, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || dup2(out, OUT_FD) < 0)
		_exit(1);
	/* no lock, listener or pipe of the feed lives on in a child that hangs */
	closefrom(OUT_FD + 1);
	(void)fcntl(OUT_FD, F_SETFD, FD_CLOEXEC);
}

void
crew_main(struct lookout *l, const struct crew *c, int out)
{
	struct deck d = { .l = l, .crew = c };
	sigset_t stir;

	settle_in(out);
	crew_stir_set(&stir);
	(void)sigprocmask(SIG_SETMASK, &stir, NULL);
	eye_init(&d.eye, l->site, l->state);
	d.eye.once = l->once;
	d.eye.given_up = is_given_up;
	d.said = clock_mono_ms();
	d.all = xcalloc(c->mine.n, sizeof *d.all);
	for (size_t i = 0; i < c->mine.n; i++) {
		struct target *t = &l->targets.v[c->mine.v[i]];

		if (l->once && t->read)
			continue;
		d.all[d.n] = *t;
		d.all[d.n++].begun = 0;
	}
	if (c->probe != NULL && c->probe->crowd != NULL)
		c->probe->crowd(&d.eye, d.all, d.n, begin, done, more, &d);
	else
		one_after_the_other(&d);
	_exit(0);
}
