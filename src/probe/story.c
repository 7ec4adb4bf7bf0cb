#include "probe/story.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "probe/plain.h"

enum { GAP_MS = 30 * 60000, TIMES = 3, REPEAT_LEAST = 12,
	NEAR_TIMED = 200, NEAR_UNTIMED = 20 };

/* ---- hits ---------------------------------------------------------------- */

/* What a row of the table says, or we, of what no single line shows. */
struct meaning {
	const char *alarm, *severity, *runbook, *say;
};

static struct meaning
meaning_of(const struct alarm *a)
{
	return (struct meaning){ a->alarm, a->severity, a->runbook, a->say };
}

static struct meaning
meaning_named(const struct story *s, const struct meaning *otherwise)
{
	const struct alarm *a = alarms_named(s->alarms, otherwise->alarm);

	return a != NULL ? meaning_of(a) : *otherwise;
}

static char *
copy_of(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
hit_release(struct story_hit *h)
{
	free(h->alarm);
	free(h->severity);
	free(h->runbook);
	free(h->say);
	free(h->line);
}

/* The oldest one that was answered goes first. */
static void
hit_drop(struct story *s, size_t i)
{
	hit_release(&s->hits.v[i]);
	memmove(&s->hits.v[i], &s->hits.v[i + 1],
	    (s->hits.n - i - 1) * sizeof *s->hits.v);
	s->hits.n--;
}

static void
make_room(struct story *s)
{
	size_t i = 0;

	if (s->hits.n < STORY_HITS)
		return;
	while (i < s->hits.n && s->hits.v[i].answered == 0)
		i++;
	hit_drop(s, i < s->hits.n ? i : 0);
}

static void
hit_add(struct story *s, const struct meaning *a, const char *line, bool timed,
    bool begins)
{
	struct story_hit *h = NULL;

	for (size_t i = s->hits.n; i-- > 0 && h == NULL;)
		if (s->hits.v[i].run == s->run.n &&
		    strcmp(s->hits.v[i].alarm, a->alarm) == 0)
			h = &s->hits.v[i];
	if (h == NULL) {
		make_room(s);
		h = VEC_NEW(&s->hits);
		*h = (struct story_hit){ .alarm = xstrdup(a->alarm),
		    .severity = xstrdup(a->severity),
		    .runbook = copy_of(a->runbook), .say = copy_of(a->say),
		    .run = s->run.n, .begins = begins };
	}
	free(h->line);
	h->line = xstrdup(line);
	h->at = timed ? s->line_at : s->bound;
	h->timed = timed;
	h->answered = 0;
	h->times++;
}

/* What the success of this run answered is open again. */
static void
take_back(struct story *s)
{
	for (size_t i = 0; i < s->hits.n; i++)
		if (s->hits.v[i].answered == s->run.n)
			s->hits.v[i].answered = 0;
	if (s->success_at == s->run.success_at)
		s->success_at = 0;
}

/* ---- runs ---------------------------------------------------------------- */

static void
run_begin(struct story *s)
{
	s->run = (struct story_run){ .n = s->run.n + 1 };
}

/* Success and what spoils it, close together, and no word of failure. */
static void
contradiction(struct story *s, const char *line, bool timed)
{
	static const struct meaning otherwise = { "false-success", "SEV-1",
	    "upload-unverified", "A run that failed has claimed success." };
	struct meaning a;
	int64_t far = s->run.success_line - s->run.spoilt_line;

	if (!s->run.success || !s->run.spoilt || s->run.failed ||
	    llabs(far) > (timed ? NEAR_TIMED : NEAR_UNTIMED))
		return;
	take_back(s);
	a = meaning_named(s, &otherwise);
	hit_add(s, &a, line, timed, false);
}

static void
run_failed(struct story *s)
{
	s->run.failed = true;
	take_back(s);
	for (size_t i = s->hits.n; i-- > 0;)
		if (s->hits.v[i].run == s->run.n &&
		    strcmp(s->hits.v[i].alarm, "false-success") == 0)
			hit_drop(s, i);
}

static void
run_succeeded(struct story *s, const char *line, bool timed)
{
	s->run.success = true;
	s->run.success_line = s->lines;
	s->run.success_at = timed ? s->line_at : s->bound;
	if (s->run.failed)
		return;
	if (s->run.spoilt) {
		contradiction(s, line, timed);
		return;
	}
	s->success_at = s->run.success_at;
	for (size_t i = 0; i < s->hits.n; i++) {
		struct story_hit *h = &s->hits.v[i];

		if (h->answered == 0 && (h->run < s->run.n || h->begins))
			h->answered = s->run.n;
	}
}

/* ---- the same line again ------------------------------------------------- */

static uint64_t
hash_of(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h != 0 ? h : 1;
}

/* With a time of its own: three of the last lines. Without: three in a row, and
 * it has a tag, since a line of dashes says nothing. */
static void
repeats(struct story *s, const char *line, bool own, bool timed)
{
	static const struct meaning otherwise = { "two-runs", "SEV-2",
	    "upload-unverified", "Two runs at once, or a loop." };
	struct meaning a;
	uint64_t h = hash_of(line);
	size_t at = (size_t)s->lines % STORY_RING;
	int same = 1;

	s->ring[at] = h;
	if (strlen(line) < REPEAT_LEAST || h == s->told ||
	    (!own && line[strspn(line, " ")] != '['))
		return;
	for (size_t i = 1; i < STORY_RING && (own || (int)i == same); i++)
		same += s->ring[(at + STORY_RING - i) % STORY_RING] == h;
	if (same < TIMES)
		return;
	s->told = h;
	a = meaning_named(s, &otherwise);
	hit_add(s, &a, line, timed, false);
}

/* ---- lines --------------------------------------------------------------- */

/* False: it says none; the time of the line before counts. */
static bool
take_time(struct story *s, const char *line, size_t n)
{
	struct stamp st;
	int64_t at;

	if (!stamp_find(line, n, &st))
		return false;
	at = stamp_ms(&st, &s->zone, s->now);
	if (s->line_at != 0 && at - s->line_at > GAP_MS)
		run_begin(s);
	s->line_at = s->last_at = at;
	return true;
}

static void
take_line(void *ctx, const char *raw, size_t n)
{
	struct story *s = ctx;
	const struct alarm *a;
	struct meaning m;
	struct buf line = BUF_INIT;
	bool own, timed, begins;

	plain_line(&line, raw, n);
	if (line.n == 0) {
		buf_release(&line);
		return;
	}
	s->lines++;
	own = take_time(s, line.p, line.n);
	timed = s->line_at != 0;
	if (s->alarms != NULL) {
		begins = alarms_begins(s->alarms, line.p);
		if (begins)
			run_begin(s);
		a = alarms_match(s->alarms, line.p);
		if (a != NULL && s->heed != NULL && !s->heed(a))
			a = NULL;
		if (a != NULL) {
			m = meaning_of(a);
			hit_add(s, &m, line.p, timed, begins);
		}
		if (a != NULL && a->fails)
			run_failed(s);
		else if (a != NULL && a->spoils) {
			s->run.spoilt = true;
			s->run.spoilt_line = s->lines;
			contradiction(s, line.p, timed);
		} else if (a == NULL && alarms_success(s->alarms, line.p))
			run_succeeded(s, line.p, timed);
		repeats(s, line.p, own, timed);
	}
	free(s->last_line);
	s->last_line = buf_detach(&line);
}

/* The last line that says a time, to learn the zone from. */
struct last_stamp {
	struct stamp st;
	bool there;
};

static void
find_stamp(void *ctx, const char *p, size_t n)
{
	struct last_stamp *l = ctx;
	struct buf line = BUF_INIT;
	struct stamp st;

	plain_line(&line, p, n);
	if (stamp_find(line.p, line.n, &st)) {
		l->st = st;
		l->there = true;
	}
	buf_release(&line);
}

void
story_add(struct story *s, const char *p, size_t n, int64_t mtime_ms,
    int64_t now_ms)
{
	struct last_stamp last = { .there = false };
	struct stamp_zone zone;
	const char *from;

	if (n == 0)
		return;
	/* a time is near the end of what was written last */
	from = n > 8192 ? p + n - 8192 : p;
	plain_each(from, n - (size_t)(from - p), find_stamp, &last);
	if (last.there && stamp_zone_learn(&last.st, mtime_ms, now_ms, &zone))
		s->zone = zone;
	if (s->run.n == 0 || (!last.there && mtime_ms - s->bound > GAP_MS))
		run_begin(s);
	s->now = now_ms;
	s->bound = mtime_ms;
	plain_each(p, n, take_line, s);
}

void
story_release(struct story *s)
{
	for (size_t i = 0; i < s->hits.n; i++)
		hit_release(&s->hits.v[i]);
	VEC_RELEASE(&s->hits);
	free(s->last_line);
	*s = (struct story){ .alarms = s->alarms, .heed = s->heed };
}
