/*
 * place: does it answer, may we log in, by which way, and does its clock agree
 * with ours? A timeline of two clocks that differ is wrong, and a backup that
 * seems to come from tomorrow is never too old.
 *
 * data:
 *	how		the way in, in words
 *	reachable	something answers there
 *	login		and lets us in
 *	key_locked	true: it does not, for want of a key's passphrase
 *	commands	and runs them (a server may offer files alone)
 *	round_ms	from a question to its answer
 *	clock_ms	how far its clock is ahead of ours (behind: negative)
 *	clock_sure_ms	how far that may be wrong, either way; both left out
 *			for a container, whose clock is its host's, and where
 *			date(1) does not tell
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "reading/probe.h"

enum { CLOCK_WARN_MS = 2000, CLOCK_CRITICAL_MS = 60000, ASKED = 4,
       LOGIN_MS = 10 * 60 * 1000 };

static size_t
place_count(const struct site *site)
{
	return site_places(site);
}

static void
place_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_place *p = site_place_at(site, i);

	ret->name = p->name;
	ret->at = p;
	ret->row = p;
}

/* ---- the clock ------------------------------------------------------------ */

struct offset {
	int64_t ms, sure, round;
	bool known;
};

/* "1700000000.123456789", or "1700000000.N" of a date that knows no more. */
static bool
date_of(const char *line, int64_t *ret_ms, int64_t *ret_unit)
{
	char s[24], part[4] = "";
	int64_t ms = 0;
	size_t n = strcspn(line, ".\n");

	if (n == 0 || n >= sizeof s)
		return false;
	memcpy(s, line, n);
	s[n] = '\0';
	if (!text_int(s, 0, INT64_MAX / 2000, ret_ms))
		return false;
	*ret_ms *= 1000;
	*ret_unit = 1000;
	if (line[n] == '.' && strlen(line + n + 1) >= 3) {
		memcpy(part, line + n + 1, 3);
		if (text_int(part, 0, 999, &ms)) {
			*ret_ms += ms;
			*ret_unit = 1;
		}
	}
	return true;
}

/* One question; its answer was written about half way through it. */
static bool
ask(struct place_proc *q, struct place_io *io, int64_t deadline,
    struct offset *best, struct err *e)
{
	int64_t wall = clock_wall_ms(), mono = clock_mono_ms(), round, there,
	    unit;

	buf_clear(&io->out);
	io->in = "?\n";
	io->in_n = 2;
	while (!io->ended && memchr(io->out.p, '\n', io->out.n) == NULL)
		if (!place_turn(q, io, deadline, e))
			return false;
	if (io->ended || !date_of(io->out.p, &there, &unit))
		return false;
	round = clock_mono_ms() - mono;
	if (!best->known || round < best->round)
		*best = (struct offset){ there + (unit - 1) / 2 - wall -
			round / 2, (round + unit) / 2 + 1, round, true };
	return true;
}

/*
 * A shell that stays answers each line with the time, so that what it costs to
 * begin a command there is in none but the first answer.
 */
static bool
compare(struct place *p, int64_t deadline, struct offset *ret, struct err *e)
{
	const char *argv[] = { "/bin/sh", "-c",
		"while read -r x; do date +%s.%N || echo; done", NULL };
	struct place_io io = { .out = BUF_INIT, .err = BUF_INIT };
	struct place_proc *q = place_start(p, argv, deadline, e);
	struct offset first = { 0 };
	bool ok = q != NULL && ask(q, &io, deadline, &first, e);

	for (int i = 1; i < ASKED && ok; i++)
		ok = ask(q, &io, deadline, ret, e);
	if (q != NULL && e->kind == ERR_NONE) {
		io.in_end = true;
		while (!io.ended && place_turn(q, &io, deadline, e))
			;
	}
	if (q != NULL && !io.ended)
		(void)place_stop(q, NULL);
	place_proc_free(q);
	buf_release(&io.out);
	buf_release(&io.err);
	return ok;
}

static void
say_clock(struct reading *r, const struct offset *o)
{
	int64_t off = o->ms < 0 ? -o->ms : o->ms;
	const char *side = o->ms < 0 ? "behind" : "ahead of";
	char much[32];

	reading_int(r, "round_ms", o->round);
	reading_int(r, "clock_ms", o->ms);
	reading_int(r, "clock_sure_ms", o->sure);
	text_fmt_duration(much, off);
	/* only what is certainly too much is news */
	if (off - o->sure <= CLOCK_WARN_MS)
		return;
	reading_say(r, off - o->sure > CLOCK_CRITICAL_MS ? LEVEL_CRITICAL :
	    LEVEL_WARNING, "see which of the two is wrong (timedatectl on both)"
	    " before times of the two are compared",
	    "its clock is %s %s ours", much, side);
}

/* ---- the way in ----------------------------------------------------------- */

/* Somebody answered, and it was no. */
static bool
answered(const struct err *e)
{
	static const char *const words[] = { "may not log in",
		"Permission denied", "does not speak SSH",
		"the command did not start" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(e->msg, words[i]) != NULL)
			return true;
	return e->kind == ERR_GUARD;
}

static void
say_closed(struct reading *r, const struct site_place *p, const struct err *e)
{
	/* an engine's no is not the container's */
	bool yes = p->container == NULL && answered(e);
	const char *why = e->msg;
	char next[200], prefix[100], port[16] = "";

	if (p->port != 22)
		(void)snprintf(port, sizeof port, "-p %" PRId64 " ", p->port);
	/* the reading has the name already, and nobody asked for `true` */
	(void)snprintf(prefix, sizeof prefix, "%s: ", p->name);
	if (text_starts(why, prefix))
		why += strlen(prefix);
	(void)snprintf(prefix, sizeof prefix, "'true' at '%s': ", p->name);
	if (text_starts(why, prefix))
		why += strlen(prefix);
	if (p->container != NULL)
		(void)snprintf(next, sizeof next, "see whether the container"
		    " '%s' runs, and its host", p->container);
	else
		(void)snprintf(next, sizeof next, "see %s: ssh -v %s%s",
		    yes ? "why the login fails" : "whether the host is up and "
		    "the way to it open", port, p->ssh);
	reading_bool(r, "reachable", yes);
	reading_bool(r, "login", false);
	if (strstr(why, "its key needs a passphrase") != NULL)
		reading_bool(r, "key_locked", true);
	reading_say(r, LEVEL_CRITICAL, e->hint[0] != '\0' ? e->hint : next,
	    "%s: %s", yes ? "no login" : "not reachable", why);
}

/* A connection that is kept proves the login of then: now and then it is done
 * again. */
static bool
log_in(struct eye *eye, struct target *t, struct err *e)
{
	struct site_spec spec;
	struct place_care care = { .secret = secret_find,
	    .deadline_ms = eye->deadline };
	int64_t *last = t->memory, now = clock_mono_ms();
	struct place *p;

	if (last == NULL)
		*(last = t->memory = xmalloc(sizeof *last)) = now;
	if (now - *last < LOGIN_MS)
		return true;
	p = place_open(site_spec(&spec, eye->site, t->at), &care, e);
	if (p == NULL)
		return false;
	place_close(p);
	*last = now;
	return true;
}

static void
place_read(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_place *row = t->row;
	struct offset o = { 0 };
	struct err e = ERR_INIT, quiet = ERR_INIT;
	struct place_stat st;
	bool commands = true;
	struct place *p = eye_place(eye, t, &e);

	if (p == NULL || !log_in(eye, t, &e)) {
		say_closed(r, row, &e);
		return;
	}
	/* What answered at its opening may have gone since, or there are only
	 * files to be had. */
	if (!compare(p, eye->deadline, &o, &e) && e.kind != ERR_NONE) {
		commands = false;
		if (!place_stat(p, ".", &st, &quiet)) {
			say_closed(r, row, &e);
			return;
		}
	}
	reading_str(r, "how", place_how(p));
	reading_bool(r, "reachable", true);
	reading_bool(r, "login", true);
	reading_bool(r, "commands", commands);
	if (o.known && row->container == NULL)
		say_clock(r, &o);
	else if (o.known)
		reading_int(r, "round_ms", o.round);
	reading_say(r, LEVEL_OK, NULL, "reached by %s%s", place_how(p), commands ? "" :
	    ", for files alone");
}

const struct probe probe_place = {
	.kind = "place",
	.what = "whether the hosts and containers answer, and their clocks",
	.every_ms = 30000,
	.deadline_ms = 10000,
	.count = place_count,
	.target = place_target,
	.read = place_read,
};
