/*
 * What may happen next. The engine's questions may take seconds (a round of
 * readings, a hook): a child asks them, over and over, and the record goes on
 * meanwhile. It works on the incident as we have folded it; what it has to
 * journal (a job that vanished) it appends like anybody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "keeper/keeper_intern.h"
#include "runbook/engine.h"

enum {
	THINK_EVERY_MS = 10000,		/* when nothing has happened */
	THINK_PAUSE_MS = 300,		/* several lines at once are one change */
	THINK_HUNG_MS = 120000,
};

/* ---- the child ------------------------------------------------------------------ */

static void
put_strs(struct buf *b, const char *key, const struct conf_strs *s)
{
	if (s->n == 0)
		return;
	json_key(b, key);
	json_open_list(b);
	for (size_t i = 0; i < s->n; i++) {
		json_comma(b);
		json_text(b, s->v[i]);
	}
	json_close_list(b);
}

static void
put_conds(struct buf *b, struct engine *en, const char *key,
    const struct rb_conds *conds, bool ask)
{
	if (conds->n == 0)
		return;
	json_key(b, key);
	json_open_list(b);
	for (size_t i = 0; i < conds->n; i++) {
		const char *why = NULL;

		json_comma(b);
		json_open(b);
		json_put_str(b, "text", conds->v[i].text);
		if (ask) {
			enum truth t = engine_ask(en, &conds->v[i], &why);

			json_put_str(b, "truth", truth_name(t));
			json_put_str(b, "why", why);
		}
		json_close(b);
	}
	json_close_list(b);
}

static void
put_done(struct buf *b, const struct inc_step *is)
{
	json_put_str(b, "how", is->how);
	json_put_str(b, "by", is->by);
	json_put_str(b, "reason", is->reason);
	json_put_int(b, "job", is->job);
	json_put_int(b, "attempts", is->attempts);
	json_put_int(b, "started", is->started);
	json_put_int(b, "ended", is->ended);
	json_put_bool(b, "proof_lost", is->proof_lost);
	json_put_bool(b, "waits", is->waits);
}

static void
put_step(struct buf *b, struct engine *en, const struct rb_step *s,
    const struct rb_step *next)
{
	static const char *const kinds[] = { "action", "check", "manual",
	    "command" };
	const struct inc_step *is = incident_step(en->inc, s->id);
	struct view v;

	engine_view(en, s, &v);
	json_comma(b);
	json_open(b);
	json_put_str(b, "id", s->id);
	json_put_str(b, "title", s->title);
	json_put_str(b, "phase", s->phase);
	json_put_str(b, "kind", kinds[s->kind]);
	json_put_str(b, "action", s->action);
	json_put_str(b, "state", view_name(v.state));
	json_put_bool(b, "soft", v.soft);
	json_put_str(b, "why", v.why.n ? v.why.p : NULL);
	json_put_bool(b, "optional", s->optional);
	json_put_str(b, "say", s->say);
	json_put_str(b, "because", s->why);
	json_put_str(b, "expect", s->expect);
	json_put_str(b, "stop", s->stop);
	json_put_str(b, "at", s->at);
	json_put_str(b, "confirm", s->confirm);
	put_strs(b, "do", &s->todo);
	put_strs(b, "commands", &s->commands);
	put_strs(b, "on_fail", &s->on_fail);
	/* what a finished step needed is nobody's question any more */
	put_conds(b, en, "needs", &s->needs, v.state != VIEW_DONE);
	put_conds(b, en, "wants", &s->wants, v.state != VIEW_DONE);
	put_conds(b, en, "proves", &s->proves, s == next ||
	    v.state == VIEW_DONE || v.state == VIEW_FAILED);
	if (is != NULL)
		put_done(b, is);
	json_close(b);
	view_release(&v);
}

static void
put_criteria(struct buf *b, struct engine *en, const char *key,
    const struct rb_conds *conds)
{
	struct criteria all = { 0 };

	engine_criteria(en, conds, &all);
	json_key(b, key);
	json_open_list(b);
	for (size_t i = 0; i < all.v.n; i++) {
		const struct criterion *c = &all.v.v[i];

		json_comma(b);
		json_open(b);
		json_put_str(b, "text", c->cond->text);
		json_put_str(b, "truth", truth_name(c->truth));
		json_put_str(b, "why", c->why);
		json_put_str(b, "overridden", c->over ? c->over->why : NULL);
		json_close(b);
	}
	json_close_list(b);
	VEC_RELEASE(&all.v);
}

static void
say_steps(const struct keeper *k, struct engine *en, int out)
{
	const struct rb_step *next = en->inc->state == INC_OPEN ?
	    engine_next(en) : NULL;
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "t", "steps");
	json_put_str(&b, "title", en->rb->title);
	json_put_str(&b, "next", next ? next->id : NULL);
	json_key(&b, "v");
	json_open_list(&b);
	for (size_t i = 0; i < en->rb->n; i++)
		put_step(&b, en, &en->rb->steps[i], next);
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	(void)io_write_all(out, b.p, b.n);
	buf_clear(&b);
	json_open(&b);
	json_put_str(&b, "t", "criteria");
	put_criteria(&b, en, "resolve", &en->rb->resolve);
	put_criteria(&b, en, "close", &en->rb->close);
	json_close(&b);
	buf_ch(&b, '\n');
	odd_put(&b, k, en->rb);
	buf_ch(&b, '\n');
	(void)io_write_all(out, b.p, b.n);
	buf_release(&b);
}

static void
say_none(const struct runbook *rb, int out)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "t", "steps");
	json_key(&b, "v");
	json_open_list(&b);
	json_close_list(&b);
	json_key(&b, "problems");
	json_open_list(&b);
	for (size_t i = 0; i < rb->doc.problems.n; i++) {
		json_comma(&b);
		json_text(&b, rb->doc.problems.v[i].text);
	}
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	(void)io_write_all(out, b.p, b.n);
	buf_release(&b);
}

static void
think(struct keeper *k, int out)
{
	struct incident *inc = &k->inc;
	char *path = file_join(inc->dir, "runbook.cfg");
	const struct rb_names names = {
		.databases = (const char *const *)inc->databases.v,
		.n_databases = inc->databases.n,
		.legacy = (const char *const *)inc->legacy.v,
		.n_legacy = inc->legacy.n,
		.disks = (const char *const *)inc->disks.v,
		.n_disks = inc->disks.n,
	};
	struct runbook rb = { .n = 0 };
	struct engine en = { .site = k->want.site, .state = k->want.state,
	    .inc = inc, .rb = &rb, .fresh = k->mind.fresh };

	if (inc->runbook == NULL || !runbook_load(&rb, path, &names, NULL)) {
		say_none(&rb, out);
	} else {
		if (inc->state == INC_OPEN && !k->want.read_only)
			(void)(engine_sweep(&en, &(struct err){ 0 }) &&
			    engine_sense(&en, &(struct err){ 0 }));
		say_steps(k, &en, out);
	}
	free(path);
}

static _Noreturn void
child(struct keeper *k, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGTERM, SIG_DFL);
	for (size_t i = 0; i < k->errands.n; i++) {
		io_close(&k->errands.v[i].fd[0]);
		io_close(&k->errands.v[i].fd[1]);
	}
	io_close(&k->presence);
	think(k, out);
	_exit(0);
}

/* ---- its parent -------------------------------------------------------------------- */

static void
begin(struct keeper *k, int64_t now)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	k->mind.pid = fork();
	if (k->mind.pid == 0)
		child(k, ends[1]);
	io_close(&ends[1]);
	if (k->mind.pid < 0) {
		io_close(&ends[0]);
		k->mind.pid = 0;
		k->mind.next = now + THINK_EVERY_MS;
		return;
	}
	k->mind.fd = ends[0];
	k->mind.began = now;
	k->mind.lines = k->inc.j.scan.seq;
	k->mind.wanted = k->mind.fresh = false;
}

void
think_end(struct keeper *k)
{
	if (k->mind.pid > 0) {
		(void)kill(k->mind.pid, SIGKILL);
		(void)waitpid(k->mind.pid, NULL, 0);
		io_close(&k->mind.fd);
	}
	buf_clear(&k->mind.in);
	k->mind.pid = 0;
}

/* Whole lines go on; the end of the pipe is the end of the thought. */
void
think_read(struct keeper *k)
{
	ssize_t n = io_read_some(k->mind.fd, &k->mind.in, 64 << 10);
	size_t whole = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	for (size_t i = k->mind.in.n; i > 0 && whole == 0; i--)
		if (k->mind.in.p[i - 1] == '\n')
			whole = i;
	if (whole > 0) {
		buf_add(&k->out, k->mind.in.p, whole);
		buf_drop(&k->mind.in, whole);
	}
	if (n > 0)
		return;
	(void)waitpid(k->mind.pid, NULL, 0);
	io_close(&k->mind.fd);
	buf_clear(&k->mind.in);
	k->mind.pid = 0;
	k->mind.next = clock_mono_ms() + THINK_EVERY_MS;
}

void
think_turn(struct keeper *k, int64_t now)
{
	if (k->mind.pid > 0 && now > k->mind.began + THINK_HUNG_MS) {
		think_end(k);
		k->mind.next = now + THINK_EVERY_MS;
	}
	if (k->have && k->inc.j.scan.seq != k->mind.lines)
		k->mind.wanted = true;
	if (!k->have || k->mind.pid > 0)
		return;
	if (now >= k->mind.next ||
	    (k->mind.wanted && now >= k->mind.began + THINK_PAUSE_MS))
		begin(k, now);
}
