#include "place/place.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "place/intern.h"

int64_t
place_until(int64_t deadline_ms)
{
	return deadline_ms ? deadline_ms : clock_mono_ms() + 60000;
}

bool
place_go_on(const struct place *p, int64_t until, struct err *e)
{
	if (!p->deaf && p->care.cancelled && p->care.cancelled(p->care.ctx))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (clock_mono_ms() >= until)
		return err_set(e, ERR_TIMEOUT, "no answer in time");
	return true;
}

const char *
place_name(const struct place *p)
{
	return p->spec->name ? p->spec->name : "here";
}

const char *
place_how(const struct place *p)
{
	return p->how;
}

/* --- opening ----------------------------------------------------------- */

/* Letters, digits, _ . - as the engines demand; nothing that is an option. */
static bool
container_name_ok(const char *s)
{
	if (*s == '.' || *s == '-' || *s == '_')
		return false;
	for (size_t i = 0; s[i] != '\0'; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			"YZ0123456789_.-", s[i]))
			return false;
	return *s != '\0';
}

/* One command through everything: who cannot run `true` is not open. */
static bool
try_true(struct place *p, int64_t until, struct err *e)
{
	const char *argv[] = { "true", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok = place_do(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = until }, &ran, e);

	place_ran_release(&ran);
	return ok;
}

static bool
open_host(struct place *p, int64_t until, struct err *e)
{
	struct buf why = BUF_INIT;
	const char *user;
	bool ok;

	if (!place_host_find(&p->host, p->hostspec, until, e))
		return false;
	user = p->host.user;
	if (p->hostspec->system_ssh)
		buf_str(&why, "as the site file says");
	p->carrier = &place_carrier_ssh;
	p->filer = &place_filer_sftp;
	ok = why.n == 0 && place_ssh_open(p, until, &why, e);
	if (ok)
		snprintf(p->how, sizeof p->how, "ssh %s@%s", user,
		    p->host.name);
	else if (why.n > 0) {
		if (e)
			err_clear(e);
		p->carrier = &place_carrier_system;
		p->filer = &place_filer_shell;
		snprintf(p->how, sizeof p->how, "system ssh to %s@%s (%s)",
		    user, p->host.name, why.p);
		ok = p->spec->container || try_true(p, until, e);
		if (!ok && e != NULL && e->kind == ERR_FAILED)
			err_hint(e, "Where an account takes SFTP alone libssh2 "
			    "has to get in, and it did not: %s. An ed25519 key "
			    "helps, and aes256-ctr with hmac-sha2-256 on the "
			    "server.", why.p);
	}
	if (!ok && p->host.odd != NULL)
		err_wrap(e, "%s", p->host.odd);
	buf_release(&why);
	return ok;
}

static bool
open_container(struct place *p, int64_t until, struct err *e)
{
	char at[128];

	if (!container_name_ok(p->spec->container))
		return err_set(e, ERR_USAGE, "'%s' is no container's name",
		    p->spec->container);
	snprintf(at, sizeof at, "%.127s", p->how);
	snprintf(p->how, sizeof p->how, "%s exec %s, %s",
	    p->spec->runtime ? p->spec->runtime : "docker",
	    p->spec->container, at);
	p->filer = &place_filer_shell;
	return try_true(p, until, e);
}

struct place *
place_open(const struct place_spec *spec, const struct place_care *care,
    struct err *e)
{
	static const struct place_spec here = { .name = "here" };
	struct place *p = xcalloc(1, sizeof *p);
	int64_t until = care && care->deadline_ms ? care->deadline_ms :
	    clock_mono_ms() + 20000;
	bool ok = true;

	p->spec = spec ? spec : &here;
	p->hostspec = p->spec->container ? p->spec->at : p->spec;
	if (p->hostspec == NULL)
		p->hostspec = &here;
	if (care)
		p->care = *care;
	p->carrier = &place_carrier_here;
	p->filer = &place_filer_here;
	snprintf(p->how, sizeof p->how, "here");
	if (p->hostspec->container)
		ok = err_set(e, ERR_USAGE, "a container inside a container");
	if (ok && p->hostspec->host)
		ok = open_host(p, until, e);
	if (ok && p->spec->container)
		ok = open_container(p, until, e);
	if (ok)
		return p;
	if (e)
		err_wrap(e, "%s", place_name(p));
	place_close(p);
	return NULL;
}

void
place_close(struct place *p)
{
	if (p == NULL)
		return;
	place_ssh_close(p);
	place_host_release(&p->host);
	free(p);
}

/* --- a command as a stream --------------------------------------------- */

static bool
wraps(const struct place *p)
{
	return p->spec->container || p->carrier != &place_carrier_here;
}

/* A shell's wrapper around it, and the engine's client around that. */
struct place_proc *
place_start(struct place *p, const char *const *argv, int64_t deadline_ms,
    struct err *e)
{
	struct place_proc *q = xcalloc(1, sizeof *q);
	struct buf script = BUF_INIT;
	const char *sh[] = { "docker", "exec", "-i", p->spec->container,
		"/bin/sh", "-c", NULL, NULL };
	const char *const *all = argv;
	bool ok = true;

	q->p = p;
	q->pid = q->in = q->out = q->err = -1;
	q->wrapped = wraps(p);
	place_nonce(q->nonce);
	if (p->spec->runtime)
		sh[0] = p->spec->runtime;
	if (q->wrapped) {
		ok = place_shell_script(&script, q->nonce, argv, e);
		sh[6] = script.p;
		all = p->spec->container ? sh : sh + 4;
	}
	ok = ok && p->carrier->start(q, all, place_until(deadline_ms), e);
	buf_release(&script);
	if (!ok) {
		place_proc_free(q);
		return NULL;
	}
	return q;
}

/* The length of the longest end of b that a mark could begin with. */
static size_t
may_be_mark(const struct place_proc *q)
{
	size_t n = PLACE_NONCE - 1;

	if (n > q->raw.n)
		n = q->raw.n;
	while (n > 0 && memcmp(q->raw.p + q->raw.n - n, q->nonce, n) != 0)
		n--;
	return n;
}

/* "NONCE-X number\n" at s: what it says; -1: not all of it is there yet. */
static int64_t
mark_value(const char *s, size_t n, size_t *ret_len)
{
	const char *nl = memchr(s, '\n', n);
	char num[24];
	int64_t v;

	if (nl == NULL)
		return -1;
	snprintf(num, sizeof num, "%.*s", (int)(nl - s) - PLACE_NONCE - 2,
	    s + PLACE_NONCE + 2);
	*ret_len = (size_t)(nl - s) + 1;
	return text_int(num, 0, INT64_MAX, &v) ? v : 0;
}

/* Moves what is output from raw to out; what is a mark is taken apart. */
static void
sift(struct place_proc *q, struct buf *out)
{
	while (q->raw.n > 0 && !q->marked) {
		char *m = memmem(q->raw.p, q->raw.n, q->nonce, PLACE_NONCE - 1);
		size_t before = m ? (size_t)(m - q->raw.p) :
		    q->raw.n - may_be_mark(q), len = 0;
		int64_t v;

		if (q->begun)
			buf_add(out, q->raw.p, before);
		buf_drop(&q->raw, before);
		if (m == NULL)
			return;
		v = mark_value(q->raw.p, q->raw.n, &len);
		if (v < 0)
			return;
		if (!q->begun) {
			q->begun = true;
			q->far_pid = v;
		} else {
			q->marked = true;
			q->exit.code = (int)(v & 255);
			q->exit.sig = v > 128 && v <= 128 + SIGSYS ?
			    (int)v - 128 : 0;
		}
		buf_drop(&q->raw, len);
	}
}

static bool
pull(struct place_proc *q, struct place_io *io, bool *moved, struct err *e)
{
	for (int s = PLACE_OUT; s <= PLACE_ERR; s++) {
		struct buf *to = s == PLACE_ERR ? &io->err :
		    q->wrapped ? &q->raw : &io->out;
		size_t out_n = io->out.n;
		ssize_t r;

		if (q->eof[s])
			continue;
		r = q->p->carrier->read(q, (enum place_stream)s, to, e);
		if (r == -2)
			return false;
		if (r == 0)
			q->eof[s] = true;
		if (s == PLACE_OUT && r > 0 && q->wrapped)
			sift(q, &io->out);
		*moved = *moved || (r > 0 && (s == PLACE_ERR || !q->wrapped)) ||
		    io->out.n > out_n;
	}
	return true;
}

static bool
push(struct place_proc *q, struct place_io *io, bool *moved, struct err *e)
{
	ssize_t w;

	if (q->shut)
		io->in_n = 0;
	if (io->in_n > 0) {
		w = q->p->carrier->write(q, io->in, io->in_n, e);
		if (w == -2)
			return false;
		if (w == 0) {	/* it closed its input: nobody wants the rest */
			io->in_n = 0;
			io->in_end = true;
		}
		if (w > 0) {
			io->in += w;
			io->in_n -= (size_t)w;
			*moved = true;
		}
	}
	if (io->in_n == 0 && io->in_end && !q->shut) {
		q->p->carrier->shut(q);
		q->shut = true;
	}
	return true;
}

/* What it complained of, as one line without its end. */
static void
said_of(const struct buf *b, char *out, size_t size)
{
	size_t n = b->n;
	char *s;

	while (n > 0 && strchr(" \t\r\n", b->p[n - 1]))
		n--;
	s = xstrndup(n > 0 ? b->p : "", n);
	text_clean_into(out, size, s);
	free(s);
}

/* The far side said nothing of an end: its own words are the best we have. */
static bool
dropped(struct place_proc *q, struct place_io *io, int64_t until,
    struct err *e)
{
	struct place_exit x = { 0 };
	char said[160];

	if (q->p->carrier->ended(q, &x, until, e) && x.sig != 0 &&
	    q->p->carrier == &place_carrier_ssh) {
		io->exit = q->exit = x;
		return true;
	}
	if (e)
		err_clear(e);
	said_of(&io->err, said, sizeof said);
	if (strstr(said, "No such container") || strstr(said, "no such container"))
		return err_set(e, ERR_NOTFOUND, "there is no container '%s'",
		    q->p->spec->container);
	if (q->begun)
		err_set(e, ERR_FAILED, "the connection ended before the command"
		    " did%s%s", *said ? ": " : "", said);
	else
		err_set(e, ERR_FAILED, "the command did not start: %s", *said ?
		    said : "the shell there said nothing");
	if (strstr(said, "Host key verification failed") && e)
		e->kind = ERR_GUARD;
	return false;
}

static bool
over(struct place_proc *q, struct place_io *io, int64_t until, struct err *e)
{
	io->ended = true;
	if (!q->wrapped)
		return q->p->carrier->ended(q, &io->exit, until, e);
	if (!q->marked)
		return dropped(q, io, until, e);
	io->exit = q->exit;
	return true;
}

bool
place_turn(struct place_proc *q, struct place_io *io, int64_t deadline_ms,
    struct err *e)
{
	int64_t until = place_until(deadline_ms), marked_ms = 0;

	for (;;) {
		bool moved = false;

		if (!push(q, io, &moved, e) || !pull(q, io, &moved, e))
			return false;
		/* Something it started may hold its output for ever. */
		if (q->marked && marked_ms == 0)
			marked_ms = clock_mono_ms();
		if ((q->eof[PLACE_OUT] && q->eof[PLACE_ERR]) ||
		    (q->marked && clock_mono_ms() > marked_ms + 1000))
			return over(q, io, until, e);
		if (moved)
			return true;
		if (!place_go_on(q->p, until, e) ||
		    !q->p->carrier->wait(q, io->in_n > 0, e))
			return false;
	}
}

void
place_proc_free(struct place_proc *q)
{
	if (q == NULL)
		return;
	q->p->carrier->drop(q);
	buf_release(&q->raw);
	free(q);
}

/* --- stopping ---------------------------------------------------------- */

/* By group, gently first; a stranger with its number is let be. The dead who
 * are only not yet counted, perhaps because the first process of a container
 * never does that, have ended. */
static const char stop_script[] =
    "c=$(tr '\\000' ' ' 2>/dev/null </proc/$2/cmdline)\n"
    "case $c in ''|*\"$1\"*) ;; *) exit 0 ;; esac\n"
    "n=$2 g=-$2; kill -s 0 -- $g 2>/dev/null || g=$2\n"
    "lives() {\n"
    "	kill -s 0 -- $g 2>/dev/null || return\n"
    "	[ -r /proc/self/stat ] || return 0\n"
    "	for f in /proc/[0-9]*/stat; do\n"
    "		read -r l <$f || continue\n"
    "		set -- ${l##*) }\n"
    "		case $1 in Z|X) continue ;; esac\n"
    "		[ $3 != $n ] && [ $f != /proc/$n/stat ] || return 0\n"
    "	done 2>/dev/null\n"
    "	return 1\n"
    "}\n"
    "kill -s TERM -- $g 2>/dev/null\n"
    "i=0\n"
    "while lives; do\n"
    "	i=$((i+1))\n"
    "	[ $i -ne 12 ] || kill -s KILL -- $g 2>/dev/null\n"
    "	[ $i -lt 30 ] || exit 9\n"
    "	sleep 0.1\n"
    "done\n";

static bool
stop_there(struct place_proc *q, struct err *e)
{
	char pid[24];
	const char *argv[] = { "/bin/sh", "-c", stop_script, "stop", q->nonce,
		pid, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok;

	snprintf(pid, sizeof pid, "%lld", (long long)q->far_pid);
	ok = place_do(q->p, &(struct place_run){ .argv = argv,
	    .deadline_ms = clock_mono_ms() + 10000 }, &ran, e);
	place_ran_release(&ran);
	return ok || err_wrap(e, "process %s may still run at '%s'", pid,
	    place_name(q->p));
}

bool
place_stop(struct place_proc *q, struct err *e)
{
	struct place_io io = { .in_end = true };
	struct err quiet = ERR_INIT;
	int64_t until = clock_mono_ms() + 2000;
	bool ok = true, was = q->p->deaf;

	q->p->deaf = true;
	/* The first mark may be on its way. */
	while (q->wrapped && !q->begun && !io.ended && clock_mono_ms() < until)
		(void)place_turn(q, &io, clock_mono_ms() + 50, &quiet);
	if (q->wrapped && q->begun && !q->marked)
		ok = stop_there(q, e);
	else if (q->wrapped && !q->begun && !io.ended)
		ok = err_set(e, ERR_FAILED, "whether the command started at"
		    " '%s' is not known", place_name(q->p));
	q->p->carrier->drop(q);
	q->p->deaf = was;
	buf_release(&io.out);
	buf_release(&io.err);
	return ok;
}

/* --- whole commands ---------------------------------------------------- */

static bool
take(const struct place_run *r, struct place_ran *ret, struct place_io *io,
    struct err *e)
{
	size_t limit = r->limit ? r->limit : 1 << 20;
	bool ok = true;

	if (r->out) {
		ok = io->out.n == 0 || r->out(r->ctx, io->out.p, io->out.n, e);
		buf_clear(&io->out);
	} else if (io->out.n > limit) {
		buf_cut(&io->out, limit);
		ret->cut = true;
	}
	if (io->err.n > limit) {
		buf_cut(&io->err, limit);
		ret->cut = true;
	}
	return ok;
}

bool
place_run(struct place *p, const struct place_run *r, struct place_ran *ret,
    struct err *e)
{
	struct place_io io = { .in = r->input, .in_n = r->input ? r->input_n : 0,
		.in_end = true, .out = BUF_INIT, .err = BUF_INIT };
	int64_t until = place_until(r->deadline_ms);
	struct place_proc *q = place_start(p, r->argv, until, e);
	struct err stop = ERR_INIT;
	bool ok = q != NULL;

	*ret = (struct place_ran)PLACE_RAN_INIT;
	while (ok && !io.ended)
		ok = place_turn(q, &io, until, e) && take(r, ret, &io, e);
	if (q != NULL && !ok && !io.ended && !place_stop(q, &stop) && e)
		err_hint(e, "%s", stop.msg);
	ret->out = io.out;
	ret->errout = io.err;
	ret->exit = io.exit;
	place_proc_free(q);
	return ok || err_wrap(e, "'%s' at '%s'", r->argv[0],
	    place_name(p));
}

bool
place_do(struct place *p, const struct place_run *r, struct place_ran *ret,
    struct err *e)
{
	char said[200];

	if (!place_run(p, r, ret, e))
		return false;
	if (ret->exit.code == 0)
		return true;
	said_of(&ret->errout, said, sizeof said);
	return err_set(e, ERR_FAILED, "'%s' at '%s' ended with exit %d%s%s",
	    r->argv[0], place_name(p), ret->exit.code, *said ? ": " : "", said);
}

void
place_ran_release(struct place_ran *r)
{
	buf_release(&r->out);
	buf_release(&r->errout);
}
