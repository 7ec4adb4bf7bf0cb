/*
 * log: what a log of the site tells (story.h), as it grows (tail.h).
 *
 * data: path; size (bytes), mtime and last_at (UTC; when its last line was
 * written, last_at by its own words), last (that line), age_ms; new_lines (since
 * the last reading; of the last 64 KiB in the first one), replaced (it was
 * rotated or truncated), skipped (bytes that came too fast to be read);
 * success_at (UTC, when a run in it ended well last); alarms: a list, worst and
 * newest first, of {alarm, severity, runbook, say, line, at, times, answered};
 * missing (true: there is no such file).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "site/shipped.h"
#include "probe/plain.h"
#include "reading/probe.h"
#include "probe/story.h"
#include "probe/tail.h"

enum {
	FIRST = 64 << 10,
	SHOWN_ALARMS = 16,
	NEWS_MS = 24 * 3600000,		/* an alarm is news for a day */
	FUTURE_MS = 10 * 60000,
	JUST_MS = 10000,
};

struct memory {
	struct tail tail;
	struct story story;
	bool seen;			/* the file was there once */
};

/* One table for all logs of a child, read again when its file changes. */
static struct {
	struct alarms table;
	bool good;
	char *path;
	struct timespec mtime;
	struct err e;
} shared;

static bool
is_fresh(const char *path, struct timespec *mtime)
{
	struct stat st;

	*mtime = path != NULL && stat(path, &st) == 0 ? st.st_mtim :
	    (struct timespec){ 0 };
	return path != NULL && shared.path != NULL &&
	    strcmp(path, shared.path) == 0 &&
	    mtime->tv_sec == shared.mtime.tv_sec &&
	    mtime->tv_nsec == shared.mtime.tv_nsec;
}

static const struct alarms *
table(const struct eye *eye, struct reading *r)
{
	char *path = site_shipped(eye->site, "alarms.cfg");
	struct timespec mtime;

	if (!is_fresh(path, &mtime)) {
		alarms_release(&shared.table);
		err_clear(&shared.e);
		free(shared.path);
		shared.path = path != NULL ? xstrdup(path) : NULL;
		shared.mtime = mtime;
		shared.good = alarms_open(&shared.table, eye->site, &shared.e);
	}
	free(path);
	if (shared.good)
		return &shared.table;
	reading_say(r, LEVEL_WARNING, shared.e.hint[0] != '\0' ?
	    shared.e.hint : NULL, "no line can be known as an alarm: %s",
	    shared.e.msg);
	return NULL;
}

/* Failed logins are what the access reading is about. */
static bool
heed_in_access(const struct alarm *a)
{
	return strcmp(a->alarm, "login-failed") != 0 &&
	    strcmp(a->alarm, "legacy-login") != 0;
}

static struct memory *
memory_of(struct target *t)
{
	if (t->memory == NULL)
		t->memory = xcalloc(1, sizeof(struct memory));
	return t->memory;
}

/* ---- facts --------------------------------------------------------------- */

static void
put_time(struct reading *r, const char *key, int64_t ms)
{
	char at[32];

	if (ms == 0)
		return;
	clock_fmt_utc(at, ms);
	reading_str(r, key, at);
}

static void
member(json_t *o, const char *key, const char *foreign)
{
	char *shown;

	if (foreign == NULL)
		return;
	shown = plain_show(foreign, 4 * (size_t)PLAIN_SHOWN);
	json_object_set_new(o, key, json_utf8(shown));
	free(shown);
}

static void
put_alarm(json_t *list, const struct story_hit *h)
{
	json_t *o = json_object();
	char at[32];

	member(o, "alarm", h->alarm);
	member(o, "severity", h->severity);
	member(o, "runbook", h->runbook);
	member(o, "say", h->say);
	member(o, "line", h->line);
	clock_fmt_utc(at, h->at);
	json_object_set_new(o, "at", json_string(at));
	json_object_set_new(o, "times", json_integer(h->times));
	json_object_set_new(o, "answered", json_boolean(h->answered != 0));
	json_array_append_new(list, o);
}

static enum level
level_of(const struct story_hit *h)
{
	return strcmp(h->severity, "SEV-1") <= 0 ? LEVEL_CRITICAL :
	    LEVEL_WARNING;
}

static bool
is_news(const struct story_hit *h, int64_t now)
{
	return h->answered == 0 && now - h->at < NEWS_MS;
}

/* News first, then the worse, then the newer. */
static int
worse_first(const void *a, const void *b)
{
	const struct story_hit *x = *(const struct story_hit *const *)a;
	const struct story_hit *y = *(const struct story_hit *const *)b;
	int d = (x->answered != 0) - (y->answered != 0);

	if (d == 0)
		d = strcmp(x->severity, y->severity);
	return d != 0 ? d : x->at > y->at ? -1 : x->at < y->at;
}

/* ---- sentences ----------------------------------------------------------- */

static void
ago(char out[40], int64_t ms)
{
	char d[32];

	text_fmt_duration(d, ms);
	(void)snprintf(out, 40, ms < JUST_MS ? "just now" : "%s ago", d);
}

static void
say_alarms(struct reading *r, const struct story *s, int64_t now)
{
	const struct story_hit **v = xcalloc(s->hits.n + 1, sizeof *v);
	json_t *list = reading_list(r, "alarms");
	size_t n = 0, news = 0;
	char more[48] = "", when[40];

	for (size_t i = 0; i < s->hits.n; i++)
		if (now - s->hits.v[i].at < NEWS_MS)
			v[n++] = &s->hits.v[i];
	if (n > 1)
		qsort(v, n, sizeof *v, worse_first);
	for (size_t i = 0; i < n; i++) {
		if (i < SHOWN_ALARMS)
			put_alarm(list, v[i]);
		news += is_news(v[i], now);
	}
	if (news > 0) {
		char *line = plain_show(v[0]->line, PLAIN_SHOWN);
		char *next = xprintf("midwatch incident open --alarm %s",
		    v[0]->alarm);

		if (news > 1)
			(void)snprintf(more, sizeof more,
			    ", and %zu other %s", news - 1,
			    news > 2 ? "alarms" : "alarm");
		ago(when, now - v[0]->at);
		if (strcmp(v[0]->alarm, "false-success") == 0)
			reading_say(r, level_of(v[0]), next, "it claims "
			    "success in a run that failed, %s: %s%s", when,
			    line, more);
		else if (strcmp(v[0]->alarm, "two-runs") == 0)
			reading_say(r, level_of(v[0]), next, "one line came "
			    "three times, as if two runs wrote it, %s: %s%s",
			    when, line, more);
		else
			reading_say(r, level_of(v[0]), next, "%s (%s%s)", line,
			    when, more);
		free(line);
		free(next);
	}
	free(v);
}

static int64_t
last_written(const struct memory *m)
{
	return m->story.last_at != 0 ? m->story.last_at : m->tail.mtime * 1000;
}

/* Nightly and emergency write the logs of these names. */
static bool
is_ours(const struct target *t)
{
	return strcmp(t->name, "backup") == 0 ||
	    strcmp(t->name, "emergency") == 0;
}

static void
say_age(struct reading *r, const struct target *t, const struct memory *m,
    const struct eye *eye, int64_t new_lines)
{
	const struct site_schedule *plan = &eye->site->schedule;
	int64_t last = last_written(m), age = eye->now - last;
	char old[32], when[40], news[48] = "";

	text_fmt_duration(old, age < 0 ? -age : age);
	ago(when, age);
	if (new_lines > 0 && !eye->once)
		(void)snprintf(news, sizeof news, ", %" PRId64 " new %s",
		    new_lines, new_lines == 1 ? "line" : "lines");
	if (m->tail.size == 0)
		reading_say(r, LEVEL_OK, NULL, "empty, for %s", old);
	else if (age < -FUTURE_MS)
		reading_say(r, LEVEL_WARNING, "compare the clocks and zones "
		    "of this host and of the one that writes it",
		    "its last line is %s in the future", old);
	else if (strcmp(t->name, "backup") == 0 && plan->nightly >= 0 &&
	    age > plan->rpo_ms + plan->window_ms)
		reading_say(r, LEVEL_WARNING, "midwatch schedule check",
		    "the last line was written %s ago, and the nightly should "
		    "write some each night", old);
	else
		reading_say(r, LEVEL_OK, NULL, "last line %s%s", when,
		    news);
}

static void
say_missing(struct reading *r, const struct target *t, const struct memory *m)
{
	const struct site_log *l = t->row;

	reading_bool(r, "missing", true);
	if (m->seen)
		reading_say(r, LEVEL_WARNING, "look who removed or rotated it",
		    "'%s' is gone", l->path);
	else if (is_ours(t))
		reading_say(r, LEVEL_OK, NULL, "'%s' is not there yet: nothing "
		    "has written to it", l->path);
	else
		reading_say(r, LEVEL_WARNING, "correct its path in the site "
		    "file, or give the file to whoever should write it",
		    "there is no '%s'", l->path);
}

/* ---- the probe ----------------------------------------------------------- */

static void
read_log(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_log *l = t->row;
	struct memory *m = memory_of(t);
	struct tail_new new = TAIL_NEW_INIT;
	struct err e = ERR_INIT;
	struct place *p = eye_place(eye, t, &e);
	int64_t before = m->story.lines;

	reading_str(r, "path", l->path);
	if (p == NULL || !tail_read(&m->tail, p, t->at == NULL, l->path, FIRST,
	    eye->once, &new, &e)) {
		if (p != NULL && e.kind == ERR_NOTFOUND)
			say_missing(r, t, m);
		else
			reading_fail(r, &e);
		goto out;
	}
	m->seen = true;
	m->story.alarms = table(eye, r);
	m->story.heed = strcmp(t->name, "access") == 0 ? heed_in_access : NULL;
	story_add(&m->story, new.text.p, new.text.n, new.mtime_ms, eye->now);
	reading_int(r, "size", new.size);
	put_time(r, "mtime", new.mtime_ms);
	put_time(r, "last_at", m->story.last_at);
	reading_int(r, "age_ms", eye->now - last_written(m));
	reading_int(r, "new_lines", m->story.lines - before);
	if (new.replaced)
		reading_bool(r, "replaced", true);
	if (new.skipped > 0)
		reading_int(r, "skipped", new.skipped);
	if (m->story.last_line != NULL)
		member(r->data, "last", m->story.last_line);
	put_time(r, "success_at", m->story.success_at);
	say_alarms(r, &m->story, eye->now);
	say_age(r, t, m, eye, m->story.lines - before);
out:
	tail_new_release(&new);
}

static size_t
count(const struct site *site)
{
	return site_logs(site);
}

static void
target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_log *l = site_log_at(site, i);

	ret->name = l->name;
	ret->at = l->at != NULL ? site_place(site, l->at) : NULL;
	ret->row = l;
}

const struct probe probe_log = {
	.kind = "log",
	.what = "a log: the age of its last line, and lines that are alarms",
	.every_ms = 10000,
	.deadline_ms = 5000,
	.count = count,
	.target = target,
	.read = read_log,
};
