#include "isolate/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha.h"
#include "isolate/evidence.h"
#include "probe/plain.h"
#include "probe/stamp.h"
#include "probe/story.h"

enum { SHOWN = 400, CALLERS = 64 };

struct caller {
	int64_t pid;
	char address[LOGIN_NAME];
};

/* One log while it is read. */
struct reader {
	struct lines *l;
	const char *log;
	struct stamp_zone zone;
	int64_t now, bound;		/* no line is later than bound */
	int64_t at;			/* of the line before; 0 */
	VEC(struct line_found) kept, rest;
	struct caller callers[CALLERS];
	size_t next_caller;
};

static void
found_release(struct line_found *f)
{
	free(f->log);
	free(f->text);
	free(f->alarm);
}

/* ---- who failed to log in ------------------------------------------------ */

static void
count_login(struct reader *r, const char *line, int64_t at)
{
	struct login_count *c = NULL;
	struct login l;

	login_read(line, &l);
	if (l.kind == LOGIN_CALLER && l.pid != 0) {
		struct caller *one = &r->callers[r->next_caller++ % CALLERS];

		one->pid = l.pid;
		memcpy(one->address, l.address, LOGIN_NAME);
	}
	if (l.kind != LOGIN_FAILED || l.closed || at < r->l->since)
		return;
	for (size_t i = 0; i < CALLERS && l.pid != 0 && l.address[0] == '\0';
	    i++)
		if (r->callers[i].pid == l.pid)
			memcpy(l.address, r->callers[i].address, LOGIN_NAME);
	for (size_t i = 0; i < r->l->logins.n && c == NULL; i++)
		if (strcmp(r->l->logins.v[i].role, l.role) == 0 &&
		    strcmp(r->l->logins.v[i].address, l.address) == 0)
			c = &r->l->logins.v[i];
	if (c == NULL) {
		c = VEC_NEW(&r->l->logins);
		memcpy(c->role, l.role, LOGIN_NAME);
		memcpy(c->address, l.address, LOGIN_NAME);
		c->first = at;
	}
	c->times++;
	c->first = at < c->first ? at : c->first;
	c->last = at > c->last ? at : c->last;
}

static int
more_first(const void *a, const void *b)
{
	const struct login_count *x = a, *y = b;

	return x->times < y->times ? 1 : x->times > y->times ? -1 :
	    strcmp(x->role, y->role);
}

/* ---- lines --------------------------------------------------------------- */

static bool
speaks_of_trouble(const char *s)
{
	static const char *const words[] = { "error", "fail", "fatal",
	    "panic", "warn", "denied", "refused", "abort", "no space",
	    "killed", "timeout", "timed out", "corrupt", "cannot", "unable",
	    "mismatch", "fehler", "could not", "not verified",
	    "unverified" };
	/* a statement's words are no news of how it ended */
	static const char *const statements[] = { "LOG:  statement: ",
	    "LOG:  execute ", "LOG:  duration: " };

	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (strstr(s, statements[i]) != NULL)
			return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(s, words[i]) != NULL)
			return true;
	return false;
}

static void
keep(struct reader *r, const char *line, const struct alarm *a, int64_t at,
    bool timed, bool matters)
{
	struct line_found f = { .log = xstrdup(r->log), .at = at,
		.timed = timed, .alarm = a != NULL ? xstrdup(a->alarm) : NULL,
		.spoils = a != NULL && a->spoils };
	struct sha s;
	char hex[SHA_HEX], when[24];

	f.text = plain_show(line, SHOWN);
	/* two programs may say the same in one second, one of them twice */
	(void)snprintf(when, sizeof when, " %" PRId64 " ", timed ? at : 0);
	sha_init(&s);
	sha_add(&s, r->log, strlen(r->log));
	sha_add(&s, when, strlen(when));
	sha_add(&s, line, strlen(line));
	sha_hex(&s, hex);
	memcpy(f.key, hex, sizeof f.key - 1);
	if (matters)
		VEC_PUSH(&r->kept, f);
	else
		VEC_PUSH(&r->rest, f);
}

static void
take_line(void *ctx, const char *p, size_t n)
{
	struct reader *r = ctx;
	struct buf line = BUF_INIT;
	const struct alarm *a = NULL;
	struct stamp st;
	bool timed, matters;

	plain_line(&line, p, n);
	if (line.n == 0) {
		buf_release(&line);
		return;
	}
	timed = stamp_find(line.p, line.n, &st);
	if (timed)
		r->at = stamp_ms(&st, &r->zone, r->now);
	if (r->at > r->bound + 60000)
		timed = false;		/* a clock that was ahead */
	count_login(r, line.p, r->at != 0 ? r->at : r->bound);
	if (r->l->alarms != NULL)
		a = alarms_match(r->l->alarms, line.p);
	matters = a != NULL || speaks_of_trouble(line.p) ||
	    (r->l->alarms != NULL && (alarms_begins(r->l->alarms, line.p) ||
	    alarms_success(r->l->alarms, line.p)));
	/* what follows a line with a time belongs to it */
	if ((r->at == 0 || r->at >= r->l->since) && (timed || a != NULL ||
	    r->at == 0))
		keep(r, line.p, a, r->at != 0 ? r->at : r->bound,
		    timed, matters);
	buf_release(&line);
}

/* The newest ones of a list move to the result. */
static size_t
hand_over(struct lines *l, struct line_found *v, size_t n, size_t most)
{
	size_t skip = n > most ? n - most : 0;

	for (size_t i = 0; i < n; i++)
		if (i < skip)
			found_release(&v[i]);
		else
			VEC_PUSH(&l->v, v[i]);
	return n - skip;
}

size_t
lines_add(struct lines *l, const char *log, const char *p, size_t n,
    int64_t mtime_ms, int64_t now_ms)
{
	struct reader *r = xcalloc(1, sizeof *r);
	struct story story = { .alarms = NULL };
	size_t kept;

	/* what zone its clock had, it knows */
	story_add(&story, p, n, mtime_ms, now_ms);
	r->l = l;
	r->log = log;
	r->zone = story.zone;
	r->now = now_ms;
	r->bound = mtime_ms;
	story_release(&story);
	plain_each(p, n, take_line, r);
	if (r->kept.n > LINES_OF_LOG)
		l->left_out += r->kept.n - LINES_OF_LOG;
	kept = hand_over(l, r->kept.v, r->kept.n, LINES_OF_LOG);
	kept += hand_over(l, r->rest.v, r->rest.n, kept == 0 ? LINES_PLAIN :
	    0);
	VEC_RELEASE(&r->kept);
	VEC_RELEASE(&r->rest);
	free(r);
	if (l->logins.n > 1)
		qsort(l->logins.v, l->logins.n, sizeof *l->logins.v,
		    more_first);
	return kept;
}

void
lines_release(struct lines *l)
{
	for (size_t i = 0; i < l->v.n; i++)
		found_release(&l->v.v[i]);
	VEC_RELEASE(&l->v);
	VEC_RELEASE(&l->logins);
}
