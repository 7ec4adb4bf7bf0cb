/*
 * access: who fails to log in, by role and address; who logs in from an address
 * that was not seen before, or at an hour at which that role never does. Out of
 * the site's logs that are called access, auth, ssh or postgres (or lie in files
 * of such names), in any form that login.h knows; of any other it says that it
 * cannot tell.
 *
 * data: path; lines (looked at since this was begun), understood (of them, of a
 * known form), failed and failed_hour (logins, in the last day and hour), good
 * (logins that worked, in the last day); failures, a list of {role, address,
 * times, last (UTC)}, the most first; new_addresses and odd_hours, lists of
 * {role, address, at (UTC)}; history_from (UTC, the oldest login that worked and
 * is remembered); cannot_tell (what too little is said about); missing.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "probe/login.h"
#include "probe/plain.h"
#include "reading/probe.h"
#include "probe/stamp.h"
#include "probe/tail.h"

enum {
	EVENTS = 2048, CALLERS = 64, SHOWN = 16, FEW_LINES = 5,
	HOUR_MS = 3600000, MANY = 20, GRAVE = 5,
	/* how much has to be known before something is odd */
	DAYS_BEFORE = 2, LOGINS_BEFORE = 10, ROLE_LOGINS = 20, ROLE_DAYS = 5,
};
static const int64_t day_ms = 24LL * HOUR_MS;

struct event {
	int64_t at;
	char role[LOGIN_NAME], address[LOGIN_NAME];
};

struct caller {
	int64_t pid;
	char address[LOGIN_NAME];
};

/* The newest ones, oldest at `first`. */
struct ring {
	struct event *v;
	size_t first, n;
};

struct memory {
	struct tail tail;
	struct stamp_zone zone;
	/* apart, so that an attack does not push out what is usual */
	struct ring good, failed;
	struct caller callers[CALLERS];	/* who called which server process */
	size_t next_caller;
	char ended[CALLERS][LOGIN_NAME + 8];	/* address and port of failures */
	size_t next_ended;
	int64_t lines, understood;
	int64_t line_at, now, bound;
	bool nameless, placeless;	/* a failure said no role, no address */
};

static const struct event *
event_at(const struct ring *r, size_t i)
{
	return &r->v[(r->first + i) % EVENTS];
}

/* ---- lines ------------------------------------------------------------------ */

static void
add_event(struct memory *m, const struct login *l)
{
	struct ring *r = l->kind == LOGIN_GOOD ? &m->good : &m->failed;
	struct event *e;

	if (r->v == NULL)
		r->v = xcalloc(EVENTS, sizeof *r->v);
	if (r->n == EVENTS)
		r->first = (r->first + 1) % EVENTS;
	else
		r->n++;
	e = &r->v[(r->first + r->n - 1) % EVENTS];
	e->at = m->line_at != 0 ? m->line_at : m->bound;
	memcpy(e->role, l->role, LOGIN_NAME);
	memcpy(e->address, l->address, LOGIN_NAME);
	if (r == &m->failed) {
		m->nameless = m->nameless || l->role[0] == '\0';
		m->placeless = m->placeless || l->address[0] == '\0';
	}
}

/* A server that names the caller in one line and the role in the next. */
static void
join_caller(struct memory *m, struct login *l)
{
	if (l->kind == LOGIN_CALLER && l->pid != 0) {
		struct caller *c = &m->callers[m->next_caller++ % CALLERS];

		c->pid = l->pid;
		memcpy(c->address, l->address, LOGIN_NAME);
	}
	for (size_t i = 0; i < CALLERS && l->pid != 0 &&
	    l->address[0] == '\0'; i++)
		if (m->callers[i].pid == l->pid)
			memcpy(l->address, m->callers[i].address, LOGIN_NAME);
}

/* "closed" behind failures that were counted is no further one. */
static bool
was_counted(struct memory *m, const struct login *l)
{
	char key[LOGIN_NAME + 8];

	if (l->port == 0)
		return false;
	(void)snprintf(key, sizeof key, "%s %d", l->address, l->port & 0xffff);
	for (size_t i = 0; i < CALLERS; i++)
		if (strcmp(m->ended[i], key) == 0)
			return true;
	memcpy(m->ended[m->next_ended++ % CALLERS], key, sizeof key);
	return false;
}

static void
take_line(void *ctx, const char *raw, size_t n)
{
	struct memory *m = ctx;
	struct buf line = BUF_INIT;
	struct stamp st;
	struct login l;
	bool counted;

	plain_line(&line, raw, n);
	if (line.n > 0) {
		m->lines++;
		if (stamp_find(line.p, line.n, &st))
			m->line_at = stamp_ms(&st, &m->zone, m->now);
		login_read(line.p, &l);
		m->understood += l.kind != LOGIN_STRANGE;
		join_caller(m, &l);
		if (l.kind == LOGIN_FAILED) {
			counted = was_counted(m, &l);
			if (!counted || !l.closed)
				add_event(m, &l);
		} else if (l.kind == LOGIN_GOOD)
			add_event(m, &l);
	}
	buf_release(&line);
}

struct last_stamp {
	struct stamp st;
	bool there;
};

static void
find_stamp(void *ctx, const char *raw, size_t n)
{
	struct last_stamp *l = ctx;
	struct buf line = BUF_INIT;
	struct stamp st;

	plain_line(&line, raw, n);
	if (stamp_find(line.p, line.n, &st))
		*l = (struct last_stamp){ st, true };
	buf_release(&line);
}

static void
take(struct memory *m, const struct tail_new *new, int64_t now)
{
	struct last_stamp last = { .there = false };
	struct stamp_zone zone;
	size_t n = new->text.n < 8192 ? new->text.n : 8192;

	m->now = now;
	m->bound = new->mtime_ms;
	if (new->text.n == 0)
		return;
	plain_each(new->text.p + new->text.n - n, n, find_stamp, &last);
	if (last.there && stamp_zone_learn(&last.st, new->mtime_ms, now,
	    &zone))
		m->zone = zone;
	plain_each(new->text.p, new->text.n, take_line, m);
}

/* ---- who fails --------------------------------------------------------------- */

struct failing {
	const struct event *last;
	int64_t times, hour;
};

struct failures {
	VEC(struct failing) v;
	int64_t day, hour;
};

static int
most_first(const void *a, const void *b)
{
	const struct failing *x = a, *y = b;

	if (x->times != y->times)
		return x->times > y->times ? -1 : 1;
	return x->last->at > y->last->at ? -1 : x->last->at < y->last->at;
}

static void
count_failures(const struct memory *m, int64_t now, struct failures *ret)
{
	for (size_t i = 0; i < m->failed.n; i++) {
		const struct event *e = event_at(&m->failed, i);
		struct failing *f = NULL;

		if (now - e->at >= day_ms)
			continue;
		for (size_t k = 0; k < ret->v.n && f == NULL; k++)
			if (strcmp(ret->v.v[k].last->role, e->role) == 0 &&
			    strcmp(ret->v.v[k].last->address, e->address) == 0)
				f = &ret->v.v[k];
		/* a thousand addresses are one attack: they share a row */
		if (f == NULL && ret->v.n == 256)
			f = &ret->v.v[255];
		if (f == NULL)
			f = VEC_NEW(&ret->v);
		f->last = e;
		f->times++;
		f->hour += now - e->at < HOUR_MS;
		ret->day++;
		ret->hour += now - e->at < HOUR_MS;
	}
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, most_first);
}

static json_t *
event_json(const struct event *e, const char *when)
{
	json_t *o = json_object();
	char at[32], *role = plain_show(e->role, LOGIN_NAME);
	char *address = plain_show(e->address, LOGIN_NAME);

	clock_fmt_utc(at, e->at);
	json_object_set_new(o, "role", json_utf8(role));
	json_object_set_new(o, "address", json_utf8(address));
	json_object_set_new(o, when, json_string(at));
	free(role);
	free(address);
	return o;
}

static const char *
name_of(const char *s, const char *otherwise)
{
	return *s != '\0' ? s : otherwise;
}

static bool
is_role_of(const struct site_db *d, const char *role)
{
	return *role != '\0' && ((d->user != NULL &&
	    strcmp(d->user, role) == 0) || (d->rotate.line != 0 &&
	    d->rotate.role != NULL && strcmp(d->rotate.role, role) == 0));
}

/* The database whose backups log in as that role; of several one that is known
 * for it. NULL: it is nobody's. */
static const struct site_db *
db_of(const struct site *site, const char *role)
{
	const struct site_db *found = NULL;

	for (size_t i = 0; i < site_dbs(site); i++) {
		const struct site_db *d = site_db_at(site, i);

		if (is_role_of(d, role) && (found == NULL || (d->legacy &&
		    !found->legacy)))
			found = d;
	}
	return found;
}

/* The log names the role, and several databases may have one of that name. */
static void
say_next(const struct site *site, const struct site_db *db, const char *role,
    struct buf *out)
{
	size_t others = 0;

	buf_printf(out, "midwatch recover %s --plan", db->name);
	for (size_t i = 0; i < site_dbs(site); i++) {
		const struct site_db *d = site_db_at(site, i);

		if (d != db && is_role_of(d, role))
			buf_printf(out, "%s%s", others++ > 0 ? ", " :
			    " (or of the one that refuses it: ", d->name);
	}
	if (others > 0)
		buf_printf(out, " %s as %s too)", others == 1 ? "logs in" :
		    "log in", role);
}

/* The address from which most came in the last hour. */
static const char *
busiest(const struct failures *f, int64_t *ret_times)
{
	const char *best = "";

	*ret_times = 0;
	for (size_t i = 0; i < f->v.n; i++) {
		const char *address = f->v.v[i].last->address;
		int64_t times = 0;

		for (size_t k = 0; k < f->v.n && *address != '\0'; k++)
			if (strcmp(f->v.v[k].last->address, address) == 0)
				times += f->v.v[k].hour;
		if (times > *ret_times) {
			*ret_times = times;
			best = address;
		}
	}
	return best;
}

static void
say_failures(struct reading *r, const struct site *site,
    const struct failures *f)
{
	const struct failing *ours = NULL;
	int64_t ours_hour = 0, most;
	const char *from;

	for (size_t i = 0; i < f->v.n; i++) {
		const struct failing *one = &f->v.v[i];

		if (one->hour == 0 || db_of(site, one->last->role) == NULL)
			continue;
		ours_hour += one->hour;
		if (ours == NULL || one->hour > ours->hour)
			ours = one;
	}
	if (ours != NULL) {
		const struct site_db *d = db_of(site, ours->last->role);
		struct buf next = BUF_INIT;

		say_next(site, d, ours->last->role, &next);
		reading_say(r, ours_hour >= GRAVE ? LEVEL_CRITICAL :
		    LEVEL_WARNING, next.p, "%s, a role of the backups, was "
		    "refused %" PRId64 " %s in the last hour, from %s",
		    ours->last->role, ours->hour, ours->hour == 1 ? "time" :
		    "times", name_of(ours->last->address, "an address that "
		    "was not said"));
		buf_release(&next);
	}
	if (f->hour - ours_hour < MANY)
		return;
	from = busiest(f, &most);
	reading_say(r, LEVEL_WARNING, "somebody may be guessing passwords: ask "
	    "who is at that address", "%" PRId64 " failed logins in the last "
	    "hour, %" PRId64 " of them from %s", f->hour, most,
	    name_of(from, "addresses that were not said"));
}

/* ---- what is new or odd ------------------------------------------------------- */

/* Logins that worked before that one. */
struct before {
	int64_t all, role;		/* how many */
	int64_t oldest;
	bool address;			/* that address was among them */
	bool near_hour;			/* that role, within an hour of it */
	int64_t days;			/* on which that role logged in */
};

static int
hour_of(int64_t ms)
{
	char at[16];

	clock_fmt_short(at, ms);
	return (at[0] - '0') * 10 + (at[1] - '0');
}

static void
look_before(const struct memory *m, size_t until, struct before *ret)
{
	const struct event *e = event_at(&m->good, until);
	int hour = hour_of(e->at);
	int64_t day = -1;

	*ret = (struct before){ .oldest = e->at };
	for (size_t i = 0; i < until; i++) {
		const struct event *b = event_at(&m->good, i);

		ret->all++;
		if (b->at < ret->oldest)
			ret->oldest = b->at;
		ret->address = ret->address ||
		    strcmp(b->address, e->address) == 0;
		if (strcmp(b->role, e->role) != 0)
			continue;
		ret->role++;
		if (b->at / day_ms != day)
			ret->days++;
		day = b->at / day_ms;
		ret->near_hour = ret->near_hour ||
		    (hour_of(b->at) - hour + 25) % 24 <= 2;
	}
}

static void
say_strangers(struct reading *r, const struct memory *m, int64_t now)
{
	const struct event *odd = NULL, *new = NULL;
	json_t *odds = reading_list(r, "odd_hours");
	json_t *news = reading_list(r, "new_addresses");
	size_t looked = 0;
	char at[40];

	for (size_t i = m->good.n; i-- > 0 && looked < 64;) {
		const struct event *e = event_at(&m->good, i);
		struct before b;

		if (now - e->at >= day_ms)
			continue;
		looked++;
		look_before(m, i, &b);
		if (e->address[0] != '\0' && !b.address &&
		    b.all >= LOGINS_BEFORE &&
		    e->at - b.oldest >= DAYS_BEFORE * day_ms) {
			json_array_append_new(news, event_json(e, "at"));
			new = e;
		}
		if (e->role[0] != '\0' && !b.near_hour &&
		    b.role >= ROLE_LOGINS && b.days >= ROLE_DAYS) {
			json_array_append_new(odds, event_json(e, "at"));
			odd = e;
		}
	}
	if (new != NULL) {
		clock_fmt_site(at, new->at);
		reading_say(r, LEVEL_WARNING, "ask whether they know that "
		    "address", "%s logged in from %s at %.16s, an address "
		    "that was not seen before", name_of(new->role, "somebody"),
		    new->address, at);
	}
	if (odd != NULL) {
		clock_fmt_site(at, odd->at);
		reading_say(r, LEVEL_WARNING, "ask whether it was them", "%s "
		    "logged in at %.16s, an hour at which they never do",
		    odd->role, at);
	}
}

/* What the lines do not say, or not yet. */
static void
say_limits(struct reading *r, const struct memory *m)
{
	int64_t from = m->good.n > 0 ? event_at(&m->good, 0)->at : m->now;
	struct buf b = BUF_INIT;

	if (m->nameless)
		buf_str(&b, "some failures say no role");
	if (m->placeless)
		buf_printf(&b, "%ssome failures say no address",
		    b.n ? "; " : "");
	if (m->good.n < LOGINS_BEFORE || m->now - from < DAYS_BEFORE * day_ms)
		buf_printf(&b, "%stoo little is known to call an address new "
		    "or an hour odd", b.n ? "; " : "");
	if (b.n > 0)
		reading_str(r, "cannot_tell", b.p);
	buf_release(&b);
}

static void
say_all(struct eye *eye, struct reading *r, const struct memory *m)
{
	struct failures f = { .day = 0 };
	json_t *list = reading_list(r, "failures");
	int64_t good = 0;
	char at[32];

	count_failures(m, eye->now, &f);
	for (size_t i = 0; i < m->good.n; i++)
		good += eye->now - event_at(&m->good, i)->at < day_ms;
	for (size_t i = 0; i < f.v.n && i < SHOWN; i++) {
		json_t *o = event_json(f.v.v[i].last, "last");

		json_object_set_new(o, "times", json_integer(f.v.v[i].times));
		json_array_append_new(list, o);
	}
	reading_int(r, "failed", f.day);
	reading_int(r, "failed_hour", f.hour);
	reading_int(r, "good", good);
	if (m->good.n > 0) {
		clock_fmt_utc(at, event_at(&m->good, 0)->at);
		reading_str(r, "history_from", at);
	}
	say_failures(r, eye->site, &f);
	say_strangers(r, m, eye->now);
	say_limits(r, m);
	if (m->lines >= FEW_LINES && m->understood == 0) {
		reading_say(r, LEVEL_UNKNOWN, "name a log of sshd or "
		    "PostgreSQL, or let it write user= and address=",
		    "cannot tell who logs in: none of its %" PRId64 " lines "
		    "has a form that is known here", m->lines);
	} else if (f.day == 0)
		reading_say(r, LEVEL_OK, NULL, "no failed login in the last "
		    "day");
	else
		reading_say(r, LEVEL_OK, NULL, "%" PRId64 " failed %s in the "
		    "last day, the most as %s from %s (%" PRId64 ")", f.day,
		    f.day == 1 ? "login" : "logins",
		    name_of(f.v.v[0].last->role, "nobody"),
		    name_of(f.v.v[0].last->address, "nowhere"),
		    f.v.v[0].times);
	VEC_RELEASE(&f.v);
}

/* ---- the probe ------------------------------------------------------------------ */

static void
read_access(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_log *l = t->row;
	struct tail_new new = TAIL_NEW_INIT;
	struct err e = ERR_INIT;
	struct place *p = eye_place(eye, t, &e);
	struct memory *m = t->memory;

	if (m == NULL)
		t->memory = m = xcalloc(1, sizeof *m);
	reading_str(r, "path", l->path);
	if (p != NULL && tail_read(&m->tail, p, t->at == NULL, l->path,
	    TAIL_MAX, eye->once, &new, &e)) {
		take(m, &new, eye->now);
		reading_int(r, "lines", m->lines);
		reading_int(r, "understood", m->understood);
		say_all(eye, r, m);
	} else if (p != NULL && e.kind == ERR_NOTFOUND) {
		reading_bool(r, "missing", true);
		reading_say(r, LEVEL_OK, NULL, "'%s' is not there: nothing is "
		    "known about logins", l->path);
	} else
		reading_fail(r, &e);
	tail_new_release(&new);
}

/* By its name in the site file, or by that of the file. */
static bool
is_about_access(const struct site_log *l)
{
	static const char *const names[] = { "access", "auth*", "ssh*",
	    "postgres*", "pg", "pg-*", "pglog" };
	static const char *const files[] = { "auth.log", "secure",
	    "access-audit*", "postgresql*.log", "postgresql*.csv",
	    "postgresql*.json" };
	const char *slash = strrchr(l->path, '/');
	const char *file = slash != NULL ? slash + 1 : l->path;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fnmatch(names[i], l->name, 0) == 0)
			return true;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (fnmatch(files[i], file, 0) == 0)
			return true;
	return false;
}

static const struct site_log *
nth(const struct site *site, size_t i)
{
	for (size_t k = 0; k < site_logs(site); k++) {
		const struct site_log *l = site_log_at(site, k);

		if (is_about_access(l) && i-- == 0)
			return l;
	}
	return NULL;
}

static size_t
count(const struct site *site)
{
	size_t n = 0;

	while (nth(site, n) != NULL)
		n++;
	return n;
}

static void
target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_log *l = nth(site, i);

	ret->name = l->name;
	ret->at = l->at != NULL ? site_place(site, l->at) : NULL;
	ret->row = l;
}

const struct probe probe_access = {
	.kind = "access",
	.what = "failed logins, new addresses and odd hours, out of logs",
	.every_ms = 30000,
	.deadline_ms = 5000,
	.count = count,
	.target = target,
	.read = read_access,
};
