/* The loop in the middle of a flow. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/flow_intern.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"

enum { TICK_MS = 100, SOURCE_STALL_MS = 600000,
       STORE_STALL_MS = 120000, PATIENCE_MS = 15000, REAP_MS = 1500,
       LINE_MAX_ = 1000, COUNTS_MAX = 256 << 20 };

/* ---- starting ------------------------------------------------------------------------- */

struct start {
	int in, out;
	bool err;			/* it gets a pipe for its words */
	int told;
};

/* 0 in the child, which has its descriptors and never returns to the middle. */
static pid_t
start(struct flow *f, struct flow_child *c, const struct start *s)
{
	int bell[2] = { -1, -1 }, words[2] = { -1, -1 };
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bell) != 0 ||
	    (s->err && pipe2(words, O_CLOEXEC) != 0))
		err_sys(f->e, "cannot make a pipe");
	else {
		const int fds[FLOW_FDS] = { s->in, s->out, words[1], bell[1] };

		(void)fcntl(bell[0], F_SETFL, O_NONBLOCK);
		if (s->err)
			(void)fcntl(words[0], F_SETFL, O_NONBLOCK);
		pid = flow_fork(fds, s->told, f->e);
	}
	if (pid == 0)
		return 0;
	io_close(&bell[1]);
	io_close(&words[1]);
	c->bell = bell[0];
	c->err = words[0];
	c->pid = pid > 0 ? pid : 0;
	c->over = pid < 0;
	return pid;
}

static void
wide(const int fds[2])
{
	(void)fcntl(fds[0], F_SETPIPE_SZ, FLOW_PIPE);	/* as much as it may */
}

static bool
start_all(struct flow *f)
{
	const struct flow_spec *spec = f->spec;
	bool proves = spec->proof_argv != NULL, ok = false;
	int raw[2] = { -1, -1 }, proof[2] = { -1, -1 };
	pid_t pid;

	if (pipe2(raw, O_CLOEXEC) != 0 ||
	    (proves && pipe2(proof, O_CLOEXEC) != 0)) {
		err_sys(f->e, "cannot make a pipe");
		goto out;
	}
	wide(raw);
	if (proves)
		wide(proof);
	for (size_t i = 0; i < spec->n_stores; i++) {
		if (f->sides[i].over)
			continue;
		pid = start(f, &f->sides[i].child, &(struct start){ -1, -1,
		    false, SIGKILL });
		if (pid == 0)
			flow_store(f->b, spec, i);
		if (pid < 0)
			goto out;
	}
	pid = proves ? start(f, &f->procs[FLOW_PROOF], &(struct start){ proof[0],
	    f->counts, true, SIGTERM }) : 1;
	if (pid == 0)
		flow_proof(f->b, spec);
	if (pid < 0)
		goto out;
	pid = start(f, &f->procs[FLOW_GZIP], &(struct start){ raw[0], proof[1],
	    false, SIGKILL });
	if (pid == 0)
		flow_pack(f->b, spec->level, proves);
	if (pid < 0)
		goto out;
	pid = start(f, &f->procs[FLOW_SOURCE], &(struct start){ -1, raw[1], true,
	    SIGTERM });
	if (pid == 0)
		flow_source(f->b, spec);
	ok = pid > 0;
out:
	for (int i = 0; i < 2; i++) {
		io_close(&raw[i]);
		io_close(&proof[i]);
	}
	return ok;
}

/* ---- what they say -------------------------------------------------------------------- */

/* A line of a stranger's standard error. */
static void
said(struct flow *f, int who, const char *s, size_t n)
{
	struct flow_proc *p = &f->done->procs.v[who];
	struct buf clean = BUF_INIT;
	size_t had = strlen(p->said), room = sizeof p->said - 1, keep;

	text_clean(&clean, s, n, TEXT_LINE);
	if (clean.n > 0) {
		if (f->care->said != NULL)
			f->care->said(f->care->ctx, f->names[who], clean.p);
		/* the end of it is what tells */
		keep = clean.n < room ? clean.n : text_fit(clean.p, clean.n,
		    room);
		if (had > 0 && had + 2 + keep <= room) {
			snprintf(p->said + had, sizeof p->said - had, "; %s",
			    clean.p);
		} else
			snprintf(p->said, sizeof p->said, "%.*s", (int)keep,
			    clean.p);
	}
	buf_release(&clean);
}

void
flow_take_words(struct flow *f, int who)
{
	struct flow_child *c = &f->procs[who];
	const char *nl;
	ssize_t r;

	while (c->err >= 0) {
		r = io_read_some(c->err, &c->line, 4096);
		if (r < 0 && errno == EAGAIN)
			return;
		while ((nl = memchr(c->line.p, '\n', c->line.n)) != NULL ||
		    c->line.n > LINE_MAX_ || (r <= 0 && c->line.n > 0)) {
			size_t n = nl != NULL ? (size_t)(nl - c->line.p) :
			    c->line.n;

			said(f, who, c->line.p, n);
			buf_drop(&c->line, nl != NULL ? n + 1 : n);
		}
		if (r <= 0)
			io_close(&c->err);
	}
}

static void
hear(struct flow_child *c)
{
	char rings[256];
	ssize_t r;

	while (c->bell >= 0) {
		r = read(c->bell, rings, sizeof rings);
		if (r < 0 && errno == EAGAIN)
			return;
		if (r == 0 || (r < 0 && errno != EINTR))
			io_close(&c->bell);
	}
}

static void
reap(struct flow_child *c)
{
	pid_t got;

	if (c->over || c->pid <= 0)
		return;
	got = waitpid(c->pid, &c->status, WNOHANG);
	if (got == c->pid || (got < 0 && errno == ECHILD)) {
		if (got < 0)		/* somebody else took it */
			c->status = -1;
		c->over = true;
	}
}

/* What it waits for, behind v; how long that may last at most. */
int
flow_polls(const struct flow *f, struct pollfd *v, nfds_t *n)
{
	int tick = TICK_MS;

	for (int i = 0; i < FLOW_PROCS; i++) {
		v[(*n)++] = (struct pollfd){ f->procs[i].bell, POLLIN, 0 };
		v[(*n)++] = (struct pollfd){ f->procs[i].err, POLLIN, 0 };
	}
	for (size_t i = 0; i < f->spec->n_stores; i++)
		v[(*n)++] = (struct pollfd){ f->sides[i].child.bell, POLLIN,
		    0 };
	for (int i = 0; i < FLOW_PROCS; i++)
		if (f->procs[i].bell < 0 && f->procs[i].pid > 0 &&
		    !f->procs[i].over)
			tick = 1;	/* it is about to end */
	return tick;
}

static void
hear_all(struct flow *f)
{
	for (int i = 0; i < FLOW_PROCS; i++) {
		flow_take_words(f, i);
		hear(&f->procs[i]);
		reap(&f->procs[i]);
	}
	for (size_t i = 0; i < f->spec->n_stores; i++) {
		hear(&f->sides[i].child);
		reap(&f->sides[i].child);
	}
}

/* ---- room ----------------------------------------------------------------------------- */

/* Table entries may be used again once they are in our index as well. */
void
flow_take_members(struct flow *f)
{
	int64_t members = atomic_load(&f->b->members);

	for (; f->indexed < members; f->indexed++)
		gz_index_put(&f->done->index,
		    &f->b->table[f->indexed % FLOW_TABLE]);
}

static int64_t
end_of(const struct flow *f, int64_t member)
{
	const struct gz_member *m = &f->b->table[member % FLOW_TABLE];

	return m->at + m->size;
}

static void
free_room(struct flow *f)
{
	int64_t bytes = INT64_MAX, members = f->indexed;

	for (size_t i = 0; i < f->spec->n_stores; i++) {
		struct flow_seen *s = &f->sides[i];
		int64_t acked = atomic_load(&f->b->sides[i].acked);

		if (acked > s->acked)
			s->moved_ms = f->looked_ms;
		s->acked = acked;
		while (s->kept < f->indexed && end_of(f, s->kept) <= acked)
			s->kept++;
		if (s->over)
			continue;
		if (acked < bytes)
			bytes = acked;
		if (s->kept < members)
			members = s->kept;
	}
	if (bytes == INT64_MAX)
		return;
	if (bytes == atomic_load(&f->b->free_bytes) &&
	    members == atomic_load(&f->b->free_members))
		return;
	atomic_store(&f->b->free_members, members);
	atomic_store(&f->b->free_bytes, bytes);
	flow_ring_bell(f->procs[FLOW_GZIP].bell);
}

/* ---- telling --------------------------------------------------------------------------- */

static const char *
bottleneck(struct flow *f)
{
	int64_t most = 0, spent[FLOW_ATS], slowest = INT64_MAX;
	const char *name = "";
	int worst = -1;

	for (int i = 0; i < FLOW_ATS; i++) {
		spent[i] = atomic_load(&f->b->spent_us[i]);
		if (spent[i] - f->spent[i] > most) {
			most = spent[i] - f->spent[i];
			worst = i;
		}
		f->spent[i] = spent[i];
	}
	/* one turn of it may last longer than the time between two reports */
	if (worst < 0)
		worst = atomic_load(&f->b->at);
	if (worst == FLOW_READS || worst == FLOW_PROVES)
		return f->names[worst == FLOW_READS ? FLOW_SOURCE : FLOW_PROOF];
	if (worst == FLOW_PACKS && !f->procs[FLOW_GZIP].over)
		return f->names[FLOW_GZIP];
	for (size_t i = 0; i < f->spec->n_stores; i++)
		if (!f->sides[i].over && f->sides[i].acked < slowest) {
			slowest = f->sides[i].acked;
			name = f->spec->stores[i].name;
		}
	return name;
}

/* How far it is, twice a second, into f->now. */
static void
measure(struct flow *f, bool last)
{
	int64_t raw = atomic_load(&f->b->raw), span = f->looked_ms - f->told_ms;
	struct flow_progress p = { .raw = raw, .eta_ms = -1,
	    .packed = atomic_load(&f->b->packed),
	    .expected = f->spec->expected, .bottleneck = "" };
	double weight = f->told_raw == 0 ? 1 : 0.3;

	if (!last && span < FLOW_TELL_MS)
		return;
	if (span > 0) {
		double s = (double)span / 1000;

		f->raw_per_s += weight * ((double)(raw - f->told_raw) / s -
		    f->raw_per_s);
		f->packed_per_s += weight * ((double)(p.packed -
		    f->told_packed) / s - f->packed_per_s);
	}
	f->told_ms = f->looked_ms;
	f->told_raw = raw;
	f->told_packed = p.packed;
	p.raw_per_s = f->raw_per_s;
	p.packed_per_s = f->packed_per_s;
	p.acknowledged = INT64_MAX;
	for (size_t i = 0; i < f->spec->n_stores; i++)
		if ((!f->sides[i].over || f->done->stores.v[i].sent) &&
		    f->sides[i].acked < p.acknowledged)
			p.acknowledged = f->sides[i].acked;
	if (p.acknowledged == INT64_MAX)
		p.acknowledged = 0;
	if (!last)
		p.bottleneck = bottleneck(f);
	f->now = p;
}

/* ---- the loop --------------------------------------------------------------------------- */

bool
flow_turn(struct flow *f, bool cancelled)
{
	int64_t now, passed;

	hear_all(f);
	now = clock_mono_ms();
	passed = now - f->looked_ms;
	f->looked_ms = now;
	flow_take_members(f);
	free_room(f);
	for (size_t i = 0; i < f->spec->n_stores; i++)
		if (!f->sides[i].over)
			flow_judge_store(f, i, passed);
	measure(f, false);
	if (cancelled)
		return flow_fails(f, ERR_CANCELLED, "cancelled");
	if (f->spec->deadline_ms != 0 && now > f->spec->deadline_ms)
		return flow_fails(f, ERR_TIMEOUT, "it did not end in its time");
	if (!flow_judge_procs(f) || !flow_judge_stalls(f))
		return false;
	if (flow_stores_go_on(f))
		return true;
	/* none is left: all is there, or there is nobody to save for */
	for (size_t i = 0; !f->failed && i < f->spec->n_stores; i++)
		if (!f->done->stores.v[i].sent && (f->spec->stores[i].must ||
		    !atomic_load(&f->b->end)))
			(void)flow_store_fails(f, i);
	return false;
}

void
flow_kill(const struct flow_child *c, int sig)
{
	if (c->pid <= 1 || c->over)
		return;
	if (sig == SIGKILL)
		(void)kill(-c->pid, sig);
	(void)kill(c->pid, sig);
}

static bool
all_over(struct flow *f)
{
	bool over = true;

	for (int i = 0; i < FLOW_PROCS; i++) {
		flow_take_words(f, i);
		reap(&f->procs[i]);
		over = over && (f->procs[i].over || f->procs[i].pid == 0);
	}
	for (size_t i = 0; i < f->spec->n_stores; i++) {
		reap(&f->sides[i].child);
		over = over && (f->sides[i].child.over ||
		    f->sides[i].child.pid == 0);
	}
	return over;
}

/* Whatever still runs ends, here and there, and is seen to. */
static void
end_all(struct flow *f)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	bool good;

	for (size_t i = 0; i < f->spec->n_stores; i++)
		flow_kill(&f->sides[i].child, SIGKILL);
	flow_kill(&f->procs[FLOW_GZIP], SIGKILL);
	flow_kill(&f->procs[FLOW_SOURCE], SIGTERM);
	flow_kill(&f->procs[FLOW_PROOF], SIGTERM);
	while (!all_over(f) && clock_mono_ms() < until)
		clock_sleep_ms(5);
	flow_kill(&f->procs[FLOW_SOURCE], SIGKILL);
	flow_kill(&f->procs[FLOW_PROOF], SIGKILL);
	until = clock_mono_ms() + REAP_MS;
	while (!all_over(f) && clock_mono_ms() < until)
		clock_sleep_ms(5);
	if (!all_over(f) && f->failed && *f->e->hint == '\0')
		(void)err_hint(f->e, "A process of ours hangs in the kernel; it"
		    " ends when what it waits for answers.");
	for (int i = FLOW_SOURCE; i < FLOW_PROCS; i += FLOW_PROOF - FLOW_SOURCE)
		(void)flow_proc_over(f, i, &good);
	/* what could not be ended at the place is worth saying */
	if (f->failed && f->spec->at != NULL &&
	    strstr(f->b->source.why, "may still run") != NULL)
		(void)err_hint(f->e, "%.250s", f->b->source.why);
}

static void
close_child(struct flow_child *c)
{
	io_close(&c->bell);
	io_close(&c->err);
	buf_release(&c->line);
}

static void
finish(struct flow *f)
{
	struct flow_done *d = f->done;

	flow_take_members(f);
	d->raw = atomic_load(&f->b->raw);
	d->packed = atomic_load(&f->b->packed);
	d->took_ms = clock_mono_ms() - f->began_ms;
	memcpy(d->sha256, f->b->sha256, SHA_HEX);
	if (atomic_load(&f->b->end))
		gz_index_end(&d->index, d->packed, d->raw);
	sha_of(d->index.p, d->index.n, d->index_sha256);
	for (size_t i = 0; i < f->spec->n_stores; i++) {
		struct flow_sent *s = &d->stores.v[i];

		s->acknowledged = atomic_load(&f->b->sides[i].acked);
		s->links = atomic_load(&f->b->sides[i].links);
		if (!s->sent && *s->why == '\0')
			snprintf(s->why, sizeof s->why, "%.399s",
			    f->failed ? f->e->msg : "not all of it came");
		close_child(&f->sides[i].child);
	}
	for (int i = 0; i < FLOW_PROCS; i++)
		close_child(&f->procs[i]);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
prepare(struct flow *f)
{
	const struct flow_spec *spec = f->spec;
	struct flow_done *d = f->done;

	flow_done_release(d);
	f->names[FLOW_SOURCE] = base_name(spec->argv[0]);
	f->names[FLOW_GZIP] = "gzip";
	f->names[FLOW_PROOF] = spec->proof_argv ? base_name(spec->proof_argv[0]) :
	    "";
	for (int i = 0; i < FLOW_PROCS; i++) {
		f->procs[i] = (struct flow_child){ .bell = -1, .err = -1 };
		if (i != FLOW_PROOF || spec->proof_argv != NULL)
			/* it begins empty: NOLINTNEXTLINE */
			VEC_PUSH(&d->procs, ((struct flow_proc){
			    .name = f->names[i], .exit = -1 }));
	}
	for (size_t i = 0; i < spec->n_stores; i++) {
		f->sides[i].child = (struct flow_child){ .bell = -1, .err = -1 };
		f->sides[i].moved_ms = f->began_ms;
		VEC_PUSH(&d->stores, ((struct flow_sent){
		    .store = &spec->stores[i] }));
		if (spec->gone == NULL || spec->gone[i] == NULL)
			continue;
		f->sides[i].over = d->stores.v[i].gone = true;
		snprintf(d->stores.v[i].why, sizeof d->stores.v[i].why, "%s",
		    spec->gone[i]);
	}
	gz_index_head(&d->index);
	atomic_store(&f->b->moved_ms, f->began_ms);
	f->b->source.exit = f->b->proof.exit = -1;
	f->told_ms = f->looked_ms = f->began_ms;
}

bool
flow_begin(struct flow *f, const struct flow_spec *given,
    const struct flow_care *care, size_t room, struct flow_done *ret)
{
	*f = (struct flow){ .own = *given, .spec = &f->own, .care = care,
	    .done = ret, .e = &f->why, .began_ms = clock_mono_ms(),
	    .now = { .bottleneck = "" }, .counts = -1 };
	if (given->n_stores == 0 || given->n_stores > FLOW_STORES)
		return err_set(f->e, ERR_USAGE, "%zu stores; one to %d are "
		    "possible", given->n_stores, FLOW_STORES);
	if (f->own.source_stall_ms == 0)
		f->own.source_stall_ms = SOURCE_STALL_MS;
	if (f->own.store_stall_ms == 0)
		f->own.store_stall_ms = STORE_STALL_MS;
	f->b = mmap(NULL, sizeof *f->b, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	if (f->b == MAP_FAILED) {
		f->b = NULL;
		return err_sys(f->e, "no memory for a stream");
	}
	f->b->room = room;
	prepare(f);
	if (f->own.counts && f->own.proof_argv != NULL)
		f->counts = memfd_create("counts", MFD_CLOEXEC);
	f->own.counts = f->counts >= 0;
	if (!start_all(f))
		f->failed = true;
	/* whoever is started from now on has a board of its own */
	(void)madvise(f->b, sizeof *f->b, MADV_DONTFORK);
	return !f->failed;
}

/* Of a proof that did not end well nothing is there. */
static void
take_counts(struct flow *f)
{
	struct err quiet = ERR_INIT;
	struct buf b = BUF_INIT;

	if (f->counts >= 0 && lseek(f->counts, 0, SEEK_SET) == 0) {
		while (b.n < COUNTS_MAX && io_read_some(f->counts, &b,
		    1 << 16) > 0)
			;
		/* that a store has failed says nothing against them */
		f->done->counted = (!f->failed || f->done->no_store) &&
		    b.n > 0 &&
		    counts_read(&f->done->counts, b.p, b.n, &quiet);
	}
	if (!f->done->counted)
		counts_release(&f->done->counts);
	buf_release(&b);
	io_close(&f->counts);
}

bool
flow_end(struct flow *f)
{
	if (f->b == NULL)
		return false;
	end_all(f);
	finish(f);
	take_counts(f);
	measure(f, true);
	(void)munmap(f->b, sizeof *f->b);
	f->b = NULL;
	return !f->failed;
}

void
flow_done_release(struct flow_done *d)
{
	buf_release(&d->index);
	VEC_RELEASE(&d->procs);
	VEC_RELEASE(&d->stores);
	counts_release(&d->counts);
	*d = (struct flow_done){ .index = BUF_INIT };
}
