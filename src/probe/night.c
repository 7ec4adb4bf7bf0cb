#include "probe/night.h"

#include <stdlib.h>
#include <string.h>

#include "backup/set.h"
#include "base/clock.h"
#include "base/text.h"
#include "probe/plain.h"
#include "probe/zone.h"

enum { DAY_S = 86400, FIRST = 1 << 20, RUNS = 32, SAME_MS = 15 * 60000 };

/* ---- when it is due ------------------------------------------------------ */

static int64_t
due_on(int64_t days, int64_t minutes)
{
	int year, month, day, weekday;
	int64_t at[2], skipped;

	zone_date(days, &year, &month, &day, &weekday);
	return (zone_instants(year, month, day, (int)minutes * 60, at,
	    &skipped) > 0 ? at[0] : skipped) * 1000;
}

void
nights_due(const struct site *site, int64_t from, int64_t to,
    struct nights *ret)
{
	int64_t minutes = site->schedule.nightly;
	struct zone_saved old;

	*ret = (struct nights){ .due = { 0 } };
	if (minutes < 0)
		return;
	zone_enter(&old, site->timezone);
	for (int64_t d = from / 1000 / DAY_S - 1; d <= to / 1000 / DAY_S + 1;
	    d++) {
		int64_t due = due_on(d, minutes);

		if (due >= from && due <= to)
			VEC_PUSH(&ret->due, due);
	}
	zone_leave(&old);
}

void
nights_release(struct nights *n)
{
	VEC_RELEASE(&n->due);
}

bool
night_plan(const struct site *site, int64_t now, struct night_plan *ret)
{
	struct nights n;
	static const int64_t two_days = 2LL * DAY_S * 1000;
	bool there;

	*ret = (struct night_plan){ 0 };
	nights_due(site, now - two_days, now + two_days, &n);
	for (size_t i = 0; i < n.due.n; i++)
		if (n.due.v[i] <= now)
			ret->due = n.due.v[i];
		else if (ret->next == 0)
			ret->next = n.due.v[i];
	ret->until = ret->due + site->schedule.window_ms;
	there = n.due.n > 0;
	nights_release(&n);
	return there;
}

/* ---- that it ran --------------------------------------------------------- */

const struct night_run *
night_last(const struct night_seen *n)
{
	return n->runs.n > 0 ? &n->runs.v[n->runs.n - 1] : NULL;
}

/* The run that began then, a new one where there is none yet. */
static struct night_run *
run_at(struct night_seen *n, int64_t at)
{
	size_t i = n->runs.n;

	while (i > 0 && n->runs.v[i - 1].started > at + SAME_MS)
		i--;
	if (i > 0 && llabs(n->runs.v[i - 1].started - at) <= SAME_MS)
		return &n->runs.v[i - 1];
	if (n->runs.n == RUNS) {
		if (i == 0)
			return NULL;
		memmove(n->runs.v, n->runs.v + 1, (RUNS - 1) *
		    sizeof *n->runs.v);
		n->runs.n--;
		i--;
	}
	(void)VEC_NEW(&n->runs);
	memmove(&n->runs.v[i + 1], &n->runs.v[i],
	    (n->runs.n - i - 1) * sizeof *n->runs.v);
	n->runs.v[i] = (struct night_run){ .started = at };
	return &n->runs.v[i];
}

static bool
says_nightly(const json_t *line, const char *kind)
{
	static const char *const keys[] = { "class", "action", "verb", "kind" };
	const json_t *data = json_object_get(line, "data");

	if (text_starts(kind, "nightly"))
		return true;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *s = json_get_str(data, keys[i]);

		if (s != NULL && strcmp(s, "nightly") == 0)
			return true;
	}
	return false;
}

static bool
ends_in(const char *kind, const char *const *words)
{
	const char *dot = strrchr(kind, '.');

	for (; dot != NULL && *words != NULL; words++)
		if (strcmp(dot + 1, *words) == 0)
			return true;
	return false;
}

static enum night_result
result_of(const json_t *line, const char *kind)
{
	static const char *const bad[] = { "failed", "doubt", "missed", NULL };
	static const char *const good[] = { "passed", "done", NULL };
	const json_t *data = json_object_get(line, "data");
	const json_t *exit = json_object_get(data, "exit");
	const json_t *ok = json_object_get(data, "ok");

	if (ends_in(kind, bad))
		return NIGHT_BAD;
	if (json_is_integer(exit))
		return json_integer_value(exit) == 0 ? NIGHT_GOOD : NIGHT_BAD;
	if (json_is_boolean(ok))
		return json_is_true(ok) ? NIGHT_GOOD : NIGHT_BAD;
	return ends_in(kind, good) ? NIGHT_GOOD : NIGHT_OPEN;
}

void
night_line(struct night_seen *n, const char *line, size_t size)
{
	static const char *const ends[] = { "ended", "failed", "passed", "done",
	    "doubt", "finished", NULL };
	const char *kind, *when;
	struct night_run *run;
	json_t *o;
	int64_t at;

	while (size > 0 && (*line == ' ' || line[size - 1] == ' '))
		if (*line == ' ') {
			line++;
			size--;
		} else
			size--;
	/* most lines are about something else */
	if (size == 0 || memmem(line, size, "nightly", 7) == NULL)
		return;
	o = json_read(line, size, NULL);
	kind = json_get_str(o, "kind");
	when = json_get_str(o, "at");
	if (kind != NULL && when != NULL && clock_parse_utc(when, &at) &&
	    says_nightly(o, kind)) {
		if (!ends_in(kind, ends))
			(void)run_at(n, at);
		else {
			run = n->runs.n > 0 &&
			    n->runs.v[n->runs.n - 1].started <= at ?
			    &n->runs.v[n->runs.n - 1] : run_at(n, at);
			if (run != NULL) {
				run->ended = at;
				run->result = result_of(o, kind);
			}
		}
	}
	json_decref(o);
}

static void
each_line(void *ctx, const char *s, size_t n)
{
	night_line(ctx, s, n);
}

static void
look_at_journal(struct night_seen *n, struct tail *tail, struct place *here,
    const char *path)
{
	struct tail_new new = TAIL_NEW_INIT;
	struct err ignored = ERR_INIT;

	if (tail_read(tail, here, true, path, FIRST, false, &new, &ignored))
		plain_each(new.text.p, new.text.n, each_line, n);
	tail_new_release(&new);
}

static void
look_at_incident(struct night_seen *n, struct place *here,
    const struct state *state)
{
	struct state_ids ids = { 0 };
	struct err ignored = ERR_INIT;
	char *path;

	if (state_incidents(state, &ids, &ignored) && ids.v.n > 0) {
		const char *last = ids.v.v[ids.v.n - 1];

		if (n->incident == NULL || strcmp(n->incident, last) != 0) {
			free(n->incident);
			n->incident = xstrdup(last);
			n->incident_log = (struct tail){ 0 };
		}
		path = state_path(state, "incidents/%s/journal.jsonl", last);
		look_at_journal(n, &n->incident_log, here, path);
		free(path);
	}
	state_ids_release(&ids);
}

/* A set's name is the second in which its run began. */
static void
look_at_sets(struct night_seen *n, struct place *here, const char *store,
    enum set_class class)
{
	char *dir = xprintf("%s/%s", store, set_class_name(class));
	struct place_list l = { 0 };
	struct err ignored = ERR_INIT;

	n->sets_seen = place_list(here, dir, &l, &ignored) || n->sets_seen;
	for (size_t i = 0; i < l.entries.n; i++) {
		struct set_name name;
		struct night_run *run;

		if (!l.entries.v[i].st.is_dir ||
		    !set_name_parse(l.entries.v[i].name, &name))
			continue;
		run = run_at(n, name.at);
		if (run != NULL && run->result == NIGHT_OPEN &&
		    name.state != SET_PARTIAL)
			run->result = name.state == SET_WHOLE ? NIGHT_GOOD :
			    NIGHT_BAD;
	}
	place_list_release(&l);
	free(dir);
}

void
night_look(struct night_seen *n, struct eye *eye, const struct target *t)
{
	struct err ignored = ERR_INIT;
	struct place *here = eye_place(eye, t, &ignored);
	char *path;

	if (here == NULL)
		return;
	if (eye->state != NULL) {
		path = state_path(eye->state, "log.jsonl");
		look_at_journal(n, &n->site_log, here, path);
		free(path);
		look_at_incident(n, here, eye->state);
	}
	for (size_t i = 0; i < site_stores(eye->site); i++) {
		const struct site_store *s = site_store_at(eye->site, i);

		if (s->at != NULL)
			continue;
		look_at_sets(n, here, s->path, SET_NIGHTLY);
		look_at_sets(n, here, s->path, SET_WEEKLY);
	}
}

void
night_release(struct night_seen *n)
{
	VEC_RELEASE(&n->runs);
	free(n->incident);
	*n = (struct night_seen){ .incident = NULL };
}
