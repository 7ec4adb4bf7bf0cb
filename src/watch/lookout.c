#include "watch/lookout.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/spawn.h"
#include "base/text.h"
#include "watch/crew.h"

enum {
	CROWD_CHILDREN = 8, CROWD_EACH = 10,
	ALONE_MAX = 16,			/* more of them share a child */
	GRACE_MS = 1000,		/* beyond a deadline, before the kill */
	SILENT_MS = 45000,		/* a child says at least this often a word */
	PAUSE_MS = 1000, PAUSE_MAX_MS = 60000, NAP_MS = 100,
	STUCK_MS = 700,			/* the others here wait no longer */
	HERE_MAX = 6, FAR_MAX = 3,	/* children of one place */
};

/* ---- who looks at what ---------------------------------------------------- */

static bool
wanted(const struct target *t, const struct watch_want *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(want[i].kind, t->probe->kind) == 0 &&
		    (want[i].name == NULL || strcmp(want[i].name, t->name) == 0))
			return true;
	return n == 0;
}

static struct crew *
new_crew(struct lookout *l, const struct target *t)
{
	struct crew *c = VEC_NEW(&l->crews);

	c->fd = -1;
	c->probe = t->probe->crowd != NULL || t->probe->alone ? t->probe : NULL;
	c->at = t->at;
	return c;
}

/* The crew of the target: of its kind's crowd, its own, or of its place. */
static struct crew *
crew_of(struct lookout *l, const struct target *t, size_t of_kind, size_t nth)
{
	size_t many = t->probe->crowd != NULL ?
	    (of_kind + CROWD_EACH - 1) / CROWD_EACH : of_kind, have = 0;

	if (t->probe->crowd != NULL && many > CROWD_CHILDREN)
		many = CROWD_CHILDREN;
	if (many > ALONE_MAX)
		many = ALONE_MAX;
	for (size_t i = 0; i < l->crews.n; i++) {
		struct crew *c = &l->crews.v[i];

		if (t->probe->crowd == NULL && !t->probe->alone) {
			if (c->probe == NULL && c->at == t->at)
				return c;
		} else if (c->probe == t->probe && have++ == nth % many)
			return c;
	}
	return new_crew(l, t);
}

void
lookout_add(struct lookout *l, const struct probe *p,
    const struct watch_want *want, size_t n)
{
	size_t all = p->count(l->site), first = l->targets.n;

	for (size_t i = 0; i < all; i++) {
		struct target t = { .probe = p, .index = l->targets.n };

		p->target(l->site, i, &t);
		if (wanted(&t, want, n))
			VEC_PUSH(&l->targets, t);
	}
	for (size_t i = first; i < l->targets.n; i++) {
		struct target *t = &l->targets.v[i];
		struct crew *c = crew_of(l, t, l->targets.n - first, i - first);

		VEC_PUSH(&c->mine, t->index);
	}
	l->left = l->targets.n;
}

void
lookout_init(struct lookout *l, const struct site *site,
    const struct state *state, const struct watch_want *want, size_t n)
{
	*l = (struct lookout){ .site = site, .state = state,
	    .owner = getpid() };
	for (const struct probe *const *p = probes; *p != NULL; p++)
		lookout_add(l, *p, want, n);
}

/* ---- readings ------------------------------------------------------------- */

static void
publish(struct lookout *l, struct reading *r)
{
	const struct reading *old = readings_find(&l->newest, r->kind, r->name);

	/* without an answer, what was known last is worth showing, with its age */
	if (r->error != NULL && old != NULL &&
	    (old->error == NULL || old->since != 0)) {
		r->since = old->error == NULL ? old->at : old->since;
		r->stale = true;
		if (r->text == NULL && old->text != NULL)
			r->text = xstrdup(old->text);
		if (json_object_size(r->data) == 0 && old->data != NULL)
			json_object_update(r->data, old->data);
	}
	if (l->got != NULL)
		l->got(l->ctx, r);
	readings_put(&l->newest, r);
}

static void
target_done(struct lookout *l, struct target *t, struct reading *r)
{
	t->begun = 0;
	t->fails = r->error != NULL ? t->fails + 1 : 0;
	t->due = clock_mono_ms() + target_pause(t);
	if (l->once && !t->read)
		l->left--;
	t->read = true;
	publish(l, r);
}

static void
no_answer(struct lookout *l, struct target *t, const struct err *why)
{
	struct reading r;

	reading_init(&r, t->probe->kind, t->name);
	r.deadline_ms = t->probe->deadline_ms;
	if (t->begun != 0)
		r.took_ms = clock_mono_ms() - t->begun;
	reading_fail(&r, why);
	target_done(l, t, &r);
	reading_release(&r);
}

/* ---- children -------------------------------------------------------------- */

static bool
wait_for(pid_t pid, int naps, int *status)
{
	for (int nap = 0; nap < naps; nap++) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			return true;
		clock_sleep_ms(2);
	}
	return false;
}

/* ending: it has closed its end, and how it ends is worth knowing. */
static void
reap(struct crew *c, bool ending, int *status)
{
	bool gone = ending && wait_for(c->pid, 25, status);

	io_close(&c->fd);
	buf_clear(&c->in);
	if (!gone) {
		/* commands that it started first, while they can be found */
		(void)kill(c->pid, SIGSTOP);
		(void)proc_signal_below(c->pid, SIGKILL);
		(void)kill(c->pid, SIGKILL);
		/* one that the kernel does not let go of is left to it */
		(void)wait_for(c->pid, 100, status);
	}
	c->pid = 0;
}

static void
begin_again(struct crew *c)
{
	int64_t pause = PAUSE_MS;

	for (int i = 0; i < c->deaths && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	c->deaths++;
	c->start_at = clock_mono_ms() +
	    (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS);
}

/* What it was reading when it died, or was given up. */
static void
crew_lost(struct lookout *l, struct crew *c, const struct err *why)
{
	for (size_t i = 0; i < c->mine.n; i++) {
		struct target *t = &l->targets.v[c->mine.v[i]];

		if (t->begun != 0)
			no_answer(l, t, why);
	}
	begin_again(c);
	if (l->once)
		c->start_at = clock_mono_ms();
}

static void
crew_died(struct lookout *l, struct crew *c)
{
	struct err e = ERR_INIT;
	struct buf how = BUF_INIT;
	bool all = true;
	int status = 0;

	reap(c, true, &status);
	for (size_t i = 0; i < c->mine.n; i++)
		all = all && l->targets.v[c->mine.v[i]].read;
	if (l->once && all) {
		c->start_at = INT64_MAX;
		return;
	}
	spawn_describe(status, &how);
	err_set(&e, ERR_FAILED, "the process that was looking ended (%s)",
	    how.p);
	buf_release(&how);
	/* who dies before it begins anything would do so for ever */
	for (size_t i = 0; i < c->mine.n && l->once; i++) {
		struct target *t = &l->targets.v[c->mine.v[i]];

		if (!t->read && t->begun == 0 && c->deaths > 2)
			t->begun = clock_mono_ms();
	}
	/* nor is a target left out of the picture that never had an answer */
	for (size_t i = 0; i < c->mine.n && !l->once; i++) {
		struct target *t = &l->targets.v[c->mine.v[i]];

		if (!t->read && t->begun == 0 && c->deaths > 2)
			no_answer(l, t, &e);
	}
	crew_lost(l, c, &e);
}

/* No process, or no pipe to hear it by. A round goes on trying; of the feed all
 * that is known from here on is why nothing is. */
static void
crew_refused(struct lookout *l, struct crew *c)
{
	err_clear(&c->why);
	err_sys(&c->why, "nothing can be started that would look");
	begin_again(c);
	if (l->once)
		c->start_at = clock_mono_ms() + NAP_MS;
	for (size_t i = 0; i < c->mine.n && !l->once; i++)
		no_answer(l, &l->targets.v[c->mine.v[i]], &c->why);
}

static void
crew_begin(struct lookout *l, struct crew *c)
{
	int fd[2] = { -1, -1 };
	sigset_t stir, old;

	/* before it can be stirred */
	crew_stir_set(&stir);
	(void)sigprocmask(SIG_BLOCK, &stir, &old);
	if (pipe2(fd, O_CLOEXEC) == 0)
		c->pid = fork();
	else
		c->pid = -1;
	if (c->pid == 0)
		crew_main(l, c, fd[1]);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	io_close(&fd[1]);
	if (c->pid < 0) {
		crew_refused(l, c);
		io_close(&fd[0]);
		c->pid = 0;
		return;
	}
	err_clear(&c->why);
	c->outdated = false;
	(void)setpgid(c->pid, c->pid);
	(void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
	c->fd = fd[0];
	c->heard = clock_mono_ms();
}

static bool
is_mine(const struct crew *c, size_t target)
{
	for (size_t i = 0; i < c->mine.n; i++)
		if (c->mine.v[i] == target)
			return true;
	return false;
}

static void
heard_line(struct lookout *l, struct crew *c, char *line, size_t n)
{
	struct err e = ERR_INIT;
	char *rest = line + n;
	unsigned long i = n > 1 ? strtoul(line + 1, &rest, 10) : 0;
	struct target *t = i < l->targets.n ? &l->targets.v[i] : NULL;
	struct reading r;

	c->heard = clock_mono_ms();
	if (t != NULL && c->outdated && !is_mine(c, i))
		return;
	if (line[0] == 'B' && t != NULL)
		t->begun = c->heard;
	else if (line[0] == 'R' && t != NULL && rest != NULL && *rest == ' ') {
		c->deaths = 0;
		if (reading_parse(&r, rest + 1, n - (size_t)(rest + 1 - line),
		    &e))
			target_done(l, t, &r);
		else
			no_answer(l, t, &e);
		reading_release(&r);
	}
}

static void
crew_hear(struct lookout *l, struct crew *c)
{
	ssize_t got = 1;
	size_t done = 0;
	bool ended;

	while (got > 0)
		got = io_read_some(c->fd, &c->in, 64 << 10);
	ended = got == 0 || (errno != EAGAIN && errno != EINTR);
	for (char *nl; (nl = memchr(c->in.p + done, '\n', c->in.n - done)) !=
	    NULL; done = (size_t)(nl - c->in.p) + 1) {
		*nl = '\0';
		heard_line(l, c, c->in.p + done,
		    (size_t)(nl - c->in.p) - done);
	}
	buf_drop(&c->in, done);
	if (ended)
		crew_died(l, c);
}

/* ---- who hangs holds nobody else up ---------------------------------------- */

/* When the others of its place go on without what is being read there. A login
 * elsewhere takes its time; a second one is worth it at the end of a round. */
static int64_t
stuck_at(const struct lookout *l, const struct crew *c, const struct target *t)
{
	if (c->probe != NULL || c->outdated || t->begun == 0)
		return INT64_MAX;
	if (c->at == NULL)
		return t->begun + STUCK_MS;
	return l->end == 0 ? INT64_MAX : t->begun + (l->end - t->begun) * 2 / 5;
}

static bool
waits(const struct lookout *l, size_t target)
{
	const struct target *t = &l->targets.v[target];

	return t->begun == 0 && !(l->once && t->read);
}

/* What waits behind the one that hangs gets a child of its own. */
static void
crew_split(struct lookout *l, size_t nth)
{
	const struct site_place *at = l->crews.v[nth].at;
	size_t have = 0, kept = 0, waiting = 0;
	struct crew *c, *other;

	for (size_t i = 0; i < l->crews.n; i++)
		have += l->crews.v[i].probe == NULL && l->crews.v[i].at == at;
	c = &l->crews.v[nth];
	for (size_t i = 0; i < c->mine.n; i++)
		waiting += waits(l, c->mine.v[i]);
	if (waiting == 0 || l->crews.n >= CREWS_MAX ||
	    have >= (size_t)(at == NULL ? HERE_MAX : FAR_MAX))
		return;
	other = VEC_NEW(&l->crews);
	other->fd = -1;
	other->at = at;
	c = &l->crews.v[nth];			/* it may have moved */
	for (size_t i = 0; i < c->mine.n; i++)
		if (waits(l, c->mine.v[i]))
			VEC_PUSH(&other->mine, c->mine.v[i]);
		else
			c->mine.v[kept++] = c->mine.v[i];
	c->mine.n = kept;
	c->outdated = true;
}

/* An outdated child has read what it hung in: the next one knows its share. */
static void
crew_renew(struct lookout *l, struct crew *c, int64_t now)
{
	bool left = !l->once;
	int status;

	for (size_t i = 0; i < c->mine.n; i++) {
		if (l->targets.v[c->mine.v[i]].begun != 0)
			return;
		left = left || !l->targets.v[c->mine.v[i]].read;
	}
	reap(c, false, &status);
	c->outdated = false;
	c->start_at = left ? now : INT64_MAX;
}

static void
crew_check(struct lookout *l, struct crew *c, int64_t now)
{
	struct err e = ERR_INIT;
	int status;

	if (c->pid == 0) {
		if (now >= c->start_at)
			crew_begin(l, c);
		return;
	}
	crew_hear(l, c);
	if (c->pid != 0 && c->outdated)
		crew_renew(l, c, now);
	for (size_t i = 0; i < c->mine.n && c->pid != 0; i++) {
		struct target *t = &l->targets.v[c->mine.v[i]];
		int64_t limit = t->probe->deadline_ms;

		if (t->begun == 0 || now <= t->begun + limit + GRACE_MS)
			continue;
		err_set(&e, ERR_TIMEOUT, "no answer within %lld s",
		    (long long)(limit + 999) / 1000);
		reap(c, false, &status);
		crew_lost(l, c, &e);
	}
	if (c->pid != 0 && now > c->heard + SILENT_MS) {
		reap(c, false, &status);
		begin_again(c);
	}
}

/* ---- the owner's side ------------------------------------------------------ */

size_t
lookout_polls(const struct lookout *l, struct pollfd *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < l->crews.n && n < max; i++)
		if (l->crews.v[i].fd >= 0)
			out[n++] = (struct pollfd){ .fd = l->crews.v[i].fd,
			    .events = POLLIN };
	return n;
}

int64_t
lookout_next(const struct lookout *l)
{
	int64_t now = clock_mono_ms(), next = now + 10000;

	for (size_t i = 0; i < l->crews.n; i++) {
		const struct crew *c = &l->crews.v[i];

		if (c->pid == 0 && c->start_at < next)
			next = c->start_at;
		for (size_t k = 0; k < c->mine.n; k++) {
			const struct target *t = &l->targets.v[c->mine.v[k]];
			int64_t kill_at = t->begun + t->probe->deadline_ms +
			    GRACE_MS + 1;

			if (t->begun != 0 && kill_at < next)
				next = kill_at;
			if (stuck_at(l, c, t) > now &&
			    stuck_at(l, c, t) < next)
				next = stuck_at(l, c, t) + 1;
		}
	}
	return next;
}

void
lookout_turn(struct lookout *l)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < l->crews.n; i++) {
		crew_check(l, &l->crews.v[i], now);
		for (size_t k = 0; k < l->crews.v[i].mine.n; k++)
			if (now >= stuck_at(l, &l->crews.v[i],
			    &l->targets.v[l->crews.v[i].mine.v[k]])) {
				crew_split(l, i);
				break;
			}
	}
}

void
lookout_stir(struct lookout *l)
{
	for (size_t i = 0; i < l->crews.n; i++) {
		struct crew *c = &l->crews.v[i];

		if (c->pid > 0)
			(void)kill(c->pid, CREW_STIR);
		else
			c->start_at = clock_mono_ms();
	}
}

static const struct err *
refused(const struct lookout *l, const struct target *t)
{
	for (size_t i = 0; i < l->crews.n; i++)
		for (size_t k = 0; k < l->crews.v[i].mine.n; k++)
			if (l->crews.v[i].mine.v[k] == t->index)
				return l->crews.v[i].why.kind != ERR_NONE ?
				    &l->crews.v[i].why : NULL;
	return NULL;
}

void
lookout_give_up(struct lookout *l)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < l->targets.n; i++) {
		struct target *t = &l->targets.v[i];

		const struct err *why = refused(l, t);

		if (t->read)
			continue;
		if (why != NULL) {
			no_answer(l, t, why);
			continue;
		}
		err_clear(&e);
		err_set(&e, ERR_TIMEOUT, t->begun != 0 ? "no answer in time" :
		    "what is at the same place took all the time");
		no_answer(l, t, &e);
	}
}

void
lookout_release(struct lookout *l)
{
	int status;

	for (size_t i = 0; i < l->crews.n; i++) {
		struct crew *c = &l->crews.v[i];

		if (c->pid > 0)
			reap(c, false, &status);
		buf_release(&c->in);
		VEC_RELEASE(&c->mine);
	}
	VEC_RELEASE(&l->crews);
	VEC_RELEASE(&l->targets);
	readings_release(&l->newest);
}

size_t
lookout_children(const struct lookout *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->crews.n; i++)
		n += l->crews.v[i].pid > 0;
	return n;
}
