/*
 * The wardens of source and proof. A warden starts its program, ends everything
 * below it when it is told to (SIGTERM, also by our own death), and says how it
 * ended. The source's at another place carries the bytes as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/dumptext.h"
#include "backup/flow_intern.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/spawn.h"

enum { GRACE_MS = 2000, LINGER_MS = 1000, LAST_S = 20, HEARD = 1 << 20,
       TURNS = 8 };

/* What the proof writes, as it comes; NULL: nobody wants it. */
struct hearing {
	int from, to;			/* of the pipe; -1: there is none */
	int note;			/* where the counts go */
	bool rests;			/* the pipe holds much */
	struct buf piece;
	struct dumptext text;
};

/* Whatever is there now. Where the pipe holds much a short sleep is worth many
 * small reads: the program writes it page by page. */
static void
hear_text(struct hearing *h)
{
	ssize_t n = HEARD;

	for (int i = 0; i < TURNS && n > HEARD / 2; i++) {
		buf_clear(&h->piece);
		n = io_read_some(h->from, &h->piece, HEARD);
		if (n > 0)
			dumptext_take(&h->text, h->piece.p, h->piece.n);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN))
		io_close(&h->from);
	else if (h->rests)
		clock_sleep_ms(1);
}

/* All of it came, and its end was seen: only then is it worth anything. */
static void
note_counts(struct hearing *h)
{
	int64_t until = clock_mono_ms() + GRACE_MS;
	struct buf b = BUF_INIT;

	while (h->from >= 0 && clock_mono_ms() < until)
		hear_text(h);
	dumptext_end(&h->text);
	if (h->from < 0 && !h->text.in_data) {
		counts_write(&h->text.counts, &b);
		(void)io_write_all(h->note, b.p, b.n);
	}
	buf_release(&b);
}

/* ---- a program here --------------------------------------------------------------- */

static bool
told_to_end(int signals)
{
	struct signalfd_siginfo si;

	while (read(signals, &si, sizeof si) == (ssize_t)sizeof si)
		if (si.ssi_signo == SIGTERM)
			return true;
	return false;
}

/* Reaps what there is; true when it was the one, whose status is in *status. */
static bool
reap(pid_t pid, int *status)
{
	bool hit = false;
	pid_t got;
	int st;

	while ((got = waitpid(-1, &st, WNOHANG)) > 0)
		if (got == pid) {
			*status = st;
			hit = true;
		}
	return hit;
}

/* True when nothing is left of it. */
static bool
end_below(pid_t pid, int *status, bool *have)
{
	int64_t start = clock_mono_ms(), waited = 0;

	(void)proc_signal_below(getpid(), SIGTERM);
	(void)proc_signal_below(getpid(), SIGCONT);
	while (waited < 3LL * GRACE_MS) {
		if (reap(pid, status))
			*have = true;
		if (proc_signal_below(getpid(), 0) == 0)
			return true;
		clock_sleep_ms(10);
		waited = clock_mono_ms() - start;
		if (waited > GRACE_MS)
			(void)proc_signal_below(getpid(), SIGKILL);
	}
	return false;
}

/* Until it has ended. What it left in the background has a moment more. */
static bool
keep_watch(pid_t pid, int signals, struct hearing *h, int *status)
{
	bool have = false, gone = true;
	int64_t until = INT64_MAX;

	for (;;) {
		struct pollfd f[2] = { { signals, POLLIN, 0 },
		    { h != NULL ? h->from : -1, POLLIN, 0 } };

		if (reap(pid, status)) {
			have = true;
			until = clock_mono_ms() + LINGER_MS;
		}
		if (have && proc_signal_below(getpid(), 0) == 0)
			break;
		if (told_to_end(signals) || clock_mono_ms() >= until) {
			gone = end_below(pid, status, &have);
			break;
		}
		(void)poll(f, 2, have ? 20 : 1000);
		if (h != NULL && f[1].revents != 0)
			hear_text(h);
	}
	return have && gone;
}

static int
listen_to_signals(void)
{
	sigset_t s;
	int fd;

	(void)sigemptyset(&s);
	(void)sigaddset(&s, SIGTERM);
	(void)sigaddset(&s, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &s, NULL);
	fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		_exit(1);
	return fd;
}

/* in and out are closed here once the program has them. */
static void
ward(struct flow_end *end, struct spawn *s, bool to_its_end,
    struct hearing *h)
{
	int signals = listen_to_signals(), status = 0, left = 0;
	struct err e = ERR_INIT;
	pid_t pid;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	s->errfd = FLOW_ERR;
	s->group = s->die_with_us = true;
	pid = spawn_start(s, &e);
	(void)close(FLOW_OUT);
	(void)close(FLOW_ERR);
	if (h != NULL)
		io_close(&h->to);
	if (pid < 0) {
		flow_ends(end, 127, e.msg);
		return;
	}
	if (!keep_watch(pid, signals, h, &status)) {
		flow_ends(end, -1, "it could not be ended");
		return;
	}
	/* Nobody reads on behind it: what is in the pipe now, it did not want. */
	if (to_its_end && status == 0 && ioctl(FLOW_IN, FIONREAD, &left) == 0 &&
	    left > 0)
		flow_ends(end, 0, "it did not read to the end");
	else {
		if (h != NULL && status == 0)
			note_counts(h);
		flow_ends(end, spawn_code(status), "");
	}
}

/* ---- secrets ---------------------------------------------------------------------- */

/* A file that has no name anywhere and only we may read; libpq wants the mode.
 * Its descriptor, or -1. */
static int
secret_file(const char *secret)
{
	int fd = memfd_create("secret", MFD_CLOEXEC);

	if (fd >= 0 && (fchmod(fd, 0600) != 0 ||
	    !io_write_all(fd, secret, strlen(secret))))
		io_close(&fd);
	return fd;
}

static void
environment(const char *const *env, int secret)
{
	static const char word[] = "{passfile}";

	for (; env != NULL && *env != NULL; env++) {
		const char *eq = strchr(*env, '='), *at;
		struct buf value = BUF_INIT;
		char *name;

		if (eq == NULL)
			continue;
		name = xstrndup(*env, (size_t)(eq - *env));
		at = strstr(eq, word);
		if (at != NULL && secret >= 0) {
			buf_add(&value, eq + 1, (size_t)(at - eq - 1));
			buf_printf(&value, "/proc/self/fd/%d", secret);
			buf_str(&value, at + sizeof word - 1);
		} else
			buf_str(&value, eq + 1);
		(void)setenv(name, value.p, 1);
		buf_release(&value);
		free(name);
	}
}

/* ---- a program at another place --------------------------------------------------- */

/* Reads the secret from its standard input into a file that has lost its name
 * before the first byte is in it, and becomes the program. */
static const char wrapper[] =
    "umask 077; f=$(mktemp /dev/shm/mw.XXXXXXXX) || exit 126\n"
    "exec 3<>\"$f\" || exit 126; rm -f -- \"$f\" || exit 126\n"
    "cat >&3 || exit 126; exec </dev/null\n"
    "PGPASSFILE=/proc/self/fd/3; export PGPASSFILE; exec \"$@\"";

struct relay {
	const struct flow_spec *spec;
	int signals;
	bool told;
};

static bool
relay_told(void *ctx)
{
	struct relay *r = ctx;

	if (!r->told && told_to_end(r->signals)) {
		r->told = true;
		(void)alarm(LAST_S);	/* whatever hangs, we do not */
	}
	return r->told;
}

/* All that came; false: the reader is gone, and who took it away has a why. */
static bool
pass_on(struct place_io *io)
{
	bool ok = io->out.n == 0 || io_write_all(FLOW_OUT, io->out.p,
	    io->out.n);

	if (io->err.n > 0)
		(void)io_write_all(FLOW_ERR, io->err.p, io->err.n);
	buf_clear(&io->out);
	buf_clear(&io->err);
	return ok;
}

static bool
relay_run(struct place *p, const struct flow_spec *spec, struct place_exit *ret,
    struct err *e)
{
	struct place_io io = { .in_end = true, .out = BUF_INIT,
	    .err = BUF_INIT };
	VEC(const char *) argv = { 0 };
	struct place_proc *q;
	struct err stop = ERR_INIT;
	bool ok;

	if (spec->secret != NULL) {
		static const char *const sh[] = { "/bin/sh", "-c", wrapper,
		    "midwatch" };

		for (size_t i = 0; i < sizeof sh / sizeof *sh; i++)
			VEC_PUSH(&argv, sh[i]);
		io.in = spec->secret;
		io.in_n = strlen(spec->secret);
	}
	for (size_t i = 0; spec->argv[i] != NULL; i++)
		VEC_PUSH(&argv, spec->argv[i]);
	VEC_PUSH(&argv, NULL);
	q = place_start(p, argv.v, 0, e);
	ok = q != NULL;
	while (ok && !io.ended) {
		ok = place_turn(q, &io, INT64_MAX, e);
		if (!pass_on(&io) && ok)
			ok = err_set(e, ERR_CANCELLED, "nobody reads any more");
	}
	if (q != NULL && !ok && !io.ended && !place_stop(q, &stop))
		(void)err_hint(e, "%s", stop.msg);
	*ret = io.exit;
	place_proc_free(q);
	buf_release(&io.out);
	buf_release(&io.err);
	VEC_RELEASE(&argv);
	return ok;
}

static void
relay(struct flow_board *b, const struct flow_spec *spec)
{
	struct relay r = { .spec = spec, .signals = listen_to_signals() };
	struct place_care care = { .cancelled = relay_told, .ctx = &r };
	struct place_exit x = { 0 };
	struct err e = ERR_INIT;
	struct place *p = place_open(spec->at, &care, &e);
	char why[FLOW_WHY];

	if (p != NULL && relay_run(p, spec, &x, &e)) {
		flow_ends(&b->source, x.code, "");
		return;
	}
	/* whether it was ended there is what matters, when it was told to */
	snprintf(why, sizeof why, "%.250s%s%.140s", e.msg, *e.hint ? "; " : "",
	    e.hint);
	flow_ends(&b->source, -1, why);
}

/* ---- the two ------------------------------------------------------------------------ */

_Noreturn void
flow_source(struct flow_board *b, const struct flow_spec *spec)
{
	if (spec->at != NULL) {
		relay(b, spec);
		_exit(0);
	}
	struct spawn s = { .argv = spec->argv, .in = -1, .out = FLOW_OUT };

	if (spec->secret != NULL) {
		s.keep[0] = secret_file(spec->secret);
		if (s.keep[0] < 0) {
			flow_ends(&b->source, 127,
			    "there is no memory for its password file");
			_exit(0);
		}
	}
	environment(spec->env, spec->secret != NULL ? s.keep[0] : -1);
	ward(&b->source, &s, false, NULL);
	_exit(0);
}

static bool
hear(struct hearing *h)
{
	int pipe[2];

	h->note = fcntl(FLOW_OUT, F_DUPFD_CLOEXEC, FLOW_FDS);
	if (h->note < 0 || pipe2(pipe, O_CLOEXEC) != 0)
		return false;
	(void)fcntl(pipe[0], F_SETFL, O_NONBLOCK);
	h->rests = fcntl(pipe[0], F_SETPIPE_SZ, FLOW_PIPE) >= FLOW_PIPE;
	h->from = pipe[0];
	h->to = pipe[1];
	return true;
}

_Noreturn void
flow_proof(struct flow_board *b, const struct flow_spec *spec)
{
	struct spawn s = { .argv = spec->proof_argv, .in = FLOW_IN,
	    .out = -1 };
	struct hearing h = { .note = -1 };
	bool hears = spec->counts && hear(&h);

	if (hears)
		s.out = h.to;
	ward(&b->proof, &s, true, hears ? &h : NULL);
	_exit(0);
}
