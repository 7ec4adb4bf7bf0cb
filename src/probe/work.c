/*
 * work: what midwatch itself is doing here: its locks, its jobs, the freeze and
 * the backup window.
 *
 * data of locks: held, a list of {lock, pid, command, running_since (UTC, when
 * that process began), held_ms (at least so long), stopped}.
 * data of jobs: running, a list of {job, title, by, host, incident, step,
 * started (UTC), progress, cancel (somebody asked it to stop)}; vanished, a list
 * of {job, title, started} (no outcome, and no process, of the last day).
 * data of freeze: frozen; reason, who, incident, since (UTC), until (UTC) as far
 * as the flag says; phase ("setting", "on", "lifting"); age_ms; left_on (it has
 * outlived its incident, a day, or whoever was setting it).
 * data of window: open; from, until (UTC, of the window that is open, else of the
 * next one); zone.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "job/job.h"
#include "probe/night.h"
#include "probe/plain.h"
#include "reading/probe.h"
#include "record/freeze.h"
#include "record/incident.h"

enum { LOCKS = 32, NAME = 64, HALF_DONE_MS = 120000, SHOWN_JOBS = 32,
	SAID_JOBS = 3, LONG_MS = 30000 };
static const int64_t day_ms = 24LL * 3600000;

static bool
no_record(const struct eye *eye, struct reading *r)
{
	struct err e = ERR_INIT;

	if (eye->state != NULL && eye->state->dir != NULL)
		return false;
	err_set(&e, ERR_NOTFOUND, "the state directory is not known");
	err_hint(&e, "'midwatch doctor' says where it is looked for.");
	reading_fail(r, &e);
	return true;
}

static void
put_member(json_t *o, const char *key, const char *foreign)
{
	char *shown;

	if (foreign == NULL)
		return;
	shown = plain_show(foreign, 2 * (size_t)PLAIN_SHOWN);
	json_object_set_new(o, key, json_utf8(shown));
	free(shown);
}

static void
put_moment(json_t *o, const char *key, int64_t ms)
{
	char at[32];

	if (ms <= 0)
		return;
	clock_fmt_utc(at, ms);
	json_object_set_new(o, key, json_string(at));
}

/* ---- locks ---------------------------------------------------------------- */

/* Who was seen to hold one, and since when: nobody writes that down. */
struct held {
	char lock[NAME];
	int64_t pid, start, since;	/* since: monotonic ms */
};

struct locks {
	struct held v[LOCKS];
	size_t n;
};

/* 'T' when it was stopped; '?' when it cannot be seen. */
static char
state_of(int64_t pid)
{
	char path[64];
	struct buf b = BUF_INIT;
	struct err ignored = ERR_INIT;
	const char *end;
	char state = '?';

	(void)snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
	if (file_read(path, &b, 4096, &ignored) &&
	    (end = memrchr(b.p, ')', b.n)) != NULL && end[1] == ' ')
		state = end[2];
	buf_release(&b);
	return state;
}

/* Wall ms at which a process began, by its ticks since boot. */
static int64_t
wall_of(int64_t ticks, int64_t now)
{
	struct timespec up;
	int64_t hz = sysconf(_SC_CLK_TCK);

	if (hz <= 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
		return 0;
	return now - ((int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000) +
	    ticks * 1000 / hz;
}

static int64_t
held_since(struct locks *seen, const char *lock, int64_t pid, int64_t start)
{
	int64_t mono = clock_mono_ms();
	struct held *h = NULL;

	for (size_t i = 0; i < seen->n && h == NULL; i++)
		if (strcmp(seen->v[i].lock, lock) == 0)
			h = &seen->v[i];
	if (h == NULL && seen->n == LOCKS)
		return mono;
	if (h == NULL)
		h = &seen->v[seen->n++];
	if (h->pid != pid || h->start != start || h->lock[0] == '\0') {
		*h = (struct held){ .pid = pid, .start = start, .since = mono };
		(void)snprintf(h->lock, sizeof h->lock, "%.63s", lock);
	}
	return h->since;
}

static void
forget(struct locks *seen, const char *lock)
{
	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->v[i].lock, lock) == 0) {
			seen->v[i] = seen->v[--seen->n];
			return;
		}
}

/* What is done under a lock takes moments; only a nightly takes its time, and the
 * feed holds its own for as long as somebody looks. */
static void
say_lock(struct reading *r, const struct eye *eye, const char *lock,
    int64_t pid, const char *who, int64_t began, int64_t held_ms, bool stopped)
{
	bool nightly = strcmp(lock, "nightly") == 0;
	int64_t most = nightly ? eye->site->schedule.window_ms :
	    strcmp(lock, "watch") == 0 ? INT64_MAX : LONG_MS;
	int64_t runs = began > 0 ? eye->now - began : 0;
	char time[32], at[16] = "", next[64];

	if (nightly && runs > held_ms)
		held_ms = runs;
	text_fmt_duration(time, held_ms);
	if (began > 0)
		clock_fmt_short(at, began);
	(void)snprintf(next, sizeof next, "kill -CONT %" PRId64, pid);
	if (stopped)
		reading_say(r, LEVEL_CRITICAL, next, "the lock '%s' is held by "
		    "%s, which was stopped (ctrl-Z): others wait for it", lock,
		    who);
	else if (held_ms > most)
		reading_say(r, LEVEL_WARNING, "midwatch jobs", "the lock '%s' "
		    "is held by %s for %s", lock, who, time);
	else
		reading_say(r, LEVEL_OK, NULL, "the lock '%s' is held by %s%s%s",
		    lock, who, *at ? ", which began at " : "", at);
}

static void
look_at_lock(struct eye *eye, struct reading *r, struct locks *seen,
    const char *lock, size_t *n)
{
	char *path = state_path(eye->state, "locks/%s", lock);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct buf who = BUF_INIT;
	struct proc_id id = { .pid = 0 };
	int64_t pid = 0, since, began;
	bool stopped;
	json_t *o;

	/* /proc/locks is asked: trying the lock could get in somebody's way */
	if (fd < 0 || !proc_flock_holder(fd, &who) ||
	    !text_starts(who.p, "pid ")) {
		forget(seen, lock);
		goto out;
	}
	pid = strtoll(who.p + 4, NULL, 10);
	began = proc_of((pid_t)pid, &id) ? wall_of(id.start, eye->now) : 0;
	since = held_since(seen, lock, pid, id.start);
	stopped = state_of(pid) == 'T';
	o = json_object();
	put_member(o, "lock", lock);
	json_object_set_new(o, "pid", json_integer(pid));
	put_member(o, "command", who.p);
	put_moment(o, "running_since", began);
	json_object_set_new(o, "held_ms", json_integer(clock_mono_ms() -
	    since));
	json_object_set_new(o, "stopped", json_boolean(stopped));
	json_array_append_new(reading_list(r, "held"), o);
	say_lock(r, eye, lock, pid, who.p, began, clock_mono_ms() - since,
	    stopped);
	(*n)++;
out:
	io_close(&fd);
	buf_release(&who);
	free(path);
}

static void
read_locks(struct eye *eye, struct target *t, struct reading *r)
{
	char *path = state_path(eye->state, "locks");
	DIR *d = opendir(path);
	struct dirent *de;
	struct err e = ERR_INIT;
	size_t n = 0, names = 0;

	(void)reading_list(r, "held");
	if (t->memory == NULL)
		t->memory = xcalloc(1, sizeof(struct locks));
	if (d == NULL && errno != ENOENT) {
		err_sys(&e, "cannot list '%s'", path);
		err_hint(&e, "Its group works on one record together; ask to "
		    "be added to it.");
		reading_fail(r, &e);
	} else {
		while (d != NULL && (de = readdir(d)) != NULL &&
		    names++ < (size_t)LOCKS + 2)
			if (de->d_name[0] != '.' && strlen(de->d_name) < NAME)
				look_at_lock(eye, r, t->memory, de->d_name, &n);
		if (n == 0)
			reading_say(r, LEVEL_OK, NULL, "nobody holds a lock");
	}
	if (d != NULL)
		(void)closedir(d);
	free(path);
}

/* ---- jobs ------------------------------------------------------------------ */

/* Jobs that ended stay ended: those up to `done` are not looked at again. */
struct jobs {
	int64_t done;
	struct {
		int64_t n, started;
		char title[128];
	} vanished[SHOWN_JOBS];
	size_t n_vanished;
};

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

struct numbers {
	VEC(int64_t) v;
};

static bool
job_numbers(const struct state *s, int64_t above, struct numbers *ret,
    struct err *e)
{
	char *path = state_path(s, "jobs");
	DIR *d = opendir(path);
	struct dirent *de;
	int64_t n;
	bool ok = d != NULL || errno == ENOENT || err_sys(e, "cannot list '%s'",
	    path);

	while (d != NULL && (de = readdir(d)) != NULL)
		if (text_int(de->d_name, 1, INT64_MAX, &n) && n > above)
			VEC_PUSH(&ret->v, n);
	if (d != NULL)
		(void)closedir(d);
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, by_number);
	free(path);
	return ok;
}

static void
put_job(struct reading *r, const struct job_info *job, int64_t now, bool say)
{
	json_t *o = json_object();
	char time[32];
	char *title = plain_show(job->title ? job->title : "?", PLAIN_SHOWN);
	char *by = plain_show(job->by ? job->by : "?", NAME);
	char *progress = plain_show(job->progress ? job->progress : "",
	    PLAIN_SHOWN);

	json_object_set_new(o, "job", json_integer(job->n));
	put_member(o, "title", job->title);
	put_member(o, "by", job->by);
	put_member(o, "host", job->host);
	put_member(o, "incident", job->incident);
	put_member(o, "step", job->step);
	put_moment(o, "started", job->started);
	put_member(o, "progress", job->progress);
	json_object_set_new(o, "cancel", json_boolean(job->cancel));
	json_array_append_new(reading_list(r, "running"), o);
	text_fmt_duration(time, job->started > 0 && now > job->started ?
	    now - job->started : 0);
	if (say)
		reading_say(r, LEVEL_OK, NULL, "job %" PRId64 " (%s) of %s is "
		    "running for %s%s%s%s", job->n, title, by, time,
		    *progress ? ": " : "", progress, job->cancel ?
		    "; it was asked to stop" : "");
	free(title);
	free(by);
	free(progress);
}

static void
remember_vanished(struct jobs *m, const struct job_info *job)
{
	if (m->n_vanished == SHOWN_JOBS)
		memmove(m->vanished, m->vanished + 1,
		    --m->n_vanished * sizeof m->vanished[0]);
	m->vanished[m->n_vanished].n = job->n;
	m->vanished[m->n_vanished].started = job->started;
	text_clean_into(m->vanished[m->n_vanished].title,
	    sizeof m->vanished[0].title, job->title ? job->title : "?");
	m->n_vanished++;
}

static void
say_vanished(struct reading *r, const struct jobs *m, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_vanished; i++) {
		json_t *o;

		if (now - m->vanished[i].started > day_ms)
			continue;
		o = json_object();
		json_object_set_new(o, "job", json_integer(m->vanished[i].n));
		put_member(o, "title", m->vanished[i].title);
		put_moment(o, "started", m->vanished[i].started);
		json_array_append_new(reading_list(r, "vanished"), o);
		if (n++ < SAID_JOBS)
			reading_say(r, LEVEL_WARNING, "midwatch jobs --all", "job %" PRId64 " (%s) "
			    "vanished: what became of it is not known",
			    m->vanished[i].n, m->vanished[i].title);
	}
	if (n > SAID_JOBS)
		reading_say(r, LEVEL_WARNING, NULL, "and %zu more jobs",
		    n - SAID_JOBS);
}

static void
read_jobs(struct eye *eye, struct target *t, struct reading *r)
{
	struct jobs *m = t->memory ? t->memory : xcalloc(1, sizeof *m);
	struct numbers all = { .v = { 0 } };
	struct err e = ERR_INIT;
	bool all_done = true;
	size_t running = 0, keep;

	t->memory = m;
	(void)reading_list(r, "running");
	if (!job_numbers(eye->state, m->done, &all, &e)) {
		reading_fail(r, &e);
		VEC_RELEASE(&all.v);
		return;
	}
	keep = m->n_vanished;
	for (size_t i = 0; i < all.v.n; i++) {
		struct job_info job = { 0 };
		struct err ignored = ERR_INIT;
		bool seen = job_look(eye->state, all.v.v[i], &job, &ignored);

		if (seen && job.state == JOB_RUNNING &&
		    running++ < SHOWN_JOBS)
			put_job(r, &job, eye->now, running <= SAID_JOBS);
		if (seen && job.state == JOB_VANISHED)
			remember_vanished(m, &job);
		/* one that cannot be read yet is being made */
		all_done = all_done && seen && job.state != JOB_RUNNING;
		if (all_done) {
			m->done = all.v.v[i];
			keep = m->n_vanished;
		}
		job_info_release(&job);
	}
	VEC_RELEASE(&all.v);
	if (running > SAID_JOBS)
		reading_say(r, LEVEL_OK, NULL, "and %zu more jobs", running -
		    SAID_JOBS);
	say_vanished(r, m, eye->now);
	/* those behind one that still runs are looked at again */
	m->n_vanished = keep < m->n_vanished ? keep : m->n_vanished;
	if (r->text == NULL)
		reading_say(r, LEVEL_OK, NULL, "no job is running");
}

/* ---- the freeze ------------------------------------------------------------- */

/* What was begun and not ended, or has outlived what it was for. */
static const char *
left_on(struct eye *eye, const struct freeze *f, const char **ret_next)
{
	char open[STATE_ID_MAX] = "";
	int64_t age = f->since > 0 ? eye->now - f->since : 0;

	*ret_next = "midwatch freeze off, if nothing needs it any more";
	if ((f->phase == FREEZE_SETTING || f->phase == FREEZE_LIFTING) &&
	    age > HALF_DONE_MS) {
		*ret_next = f->phase == FREEZE_SETTING ? "midwatch freeze on" :
		    "midwatch freeze off";
		return f->phase == FREEZE_SETTING ?
		    "; setting it did not come to its end" :
		    "; lifting it did not come to its end";
	}
	if (f->incident != NULL && incident_current(eye->state, false, open,
	    &(struct err){ 0 }) && strcmp(open, f->incident) != 0)
		return "; LEFT ON: the incident that it was for is over";
	return age > day_ms ? "" : NULL;
}

static void
say_frozen(struct eye *eye, struct reading *r, const struct freeze *f)
{
	char *why = plain_show(f->reason ? f->reason : "", PLAIN_SHOWN);
	char *by = plain_show(f->who ? f->who : "", NAME);
	char age[32] = "", at[40] = "";
	const char *next, *left = left_on(eye, f, &next);
	int64_t now = eye->now;

	if (*why != '\0')
		reading_str(r, "reason", why);
	if (*by != '\0')
		reading_str(r, "who", by);
	reading_str(r, "phase", freeze_phase_name(f->phase));
	reading_str(r, "incident", f->incident);
	put_moment(r->data, "since", f->since);
	put_moment(r->data, "until", f->until);
	if (f->since > 0 && now >= f->since) {
		reading_int(r, "age_ms", now - f->since);
		text_fmt_duration(age, now - f->since);
		clock_fmt_site(at, f->since);
		at[16] = '\0';
	}
	reading_bool(r, "left_on", left != NULL);
	reading_say(r, left != NULL ? LEVEL_WARNING : LEVEL_OK,
	    left != NULL ? next : NULL,
	    "frozen%s%s%s%s%s%s%s%s%s", *at ? " since " : "", at,
	    *age ? ", for " : "", age, *by ? ", by " : "", by,
	    *why ? ": " : "", why, left != NULL ? left : "");
	free(why);
	free(by);
}

static void
read_freeze(struct eye *eye, struct target *t, struct reading *r)
{
	struct err e = ERR_INIT;
	struct freeze f;

	(void)t;
	if (!freeze_read(eye->state, &f, &e)) {
		reading_fail(r, &e);
		return;
	}
	reading_bool(r, "frozen", f.phase != FREEZE_OFF);
	if (f.phase == FREEZE_OFF)
		reading_say(r, LEVEL_OK, NULL, "not frozen");
	else
		say_frozen(eye, r, &f);
	freeze_release(&f);
}

/* ---- the backup window -------------------------------------------------------- */

static void
read_window(struct eye *eye, struct target *t, struct reading *r)
{
	struct night_plan plan;
	char from[40], until[40], in[32];
	bool open;

	(void)t;
	if (!night_plan(eye->site, eye->now, &plan)) {
		reading_say(r, LEVEL_OK, NULL, "the site states no hour");
		return;
	}
	open = plan.due > 0 && eye->now < plan.until;
	reading_bool(r, "open", open);
	reading_str(r, "zone", eye->site->timezone);
	put_moment(r->data, "from", open ? plan.due : plan.next);
	put_moment(r->data, "until", open ? plan.until : plan.next +
	    eye->site->schedule.window_ms);
	clock_fmt_site(from, open ? plan.due : plan.next);
	clock_fmt_site(until, open ? plan.until : plan.next +
	    eye->site->schedule.window_ms);
	from[16] = until[16] = '\0';
	text_fmt_duration(in, (open ? plan.until : plan.next) - eye->now);
	if (open)
		reading_say(r, LEVEL_OK, NULL, "open since %s until %s, for "
		    "another %s: deployments wait", from + 11, until + 11, in);
	else
		reading_say(r, LEVEL_OK, NULL, "closed; it opens at %s, in %s",
		    from, in);
}

/* ---- the probe ---------------------------------------------------------------- */

static const struct part {
	const char *name;
	void (*read)(struct eye *eye, struct target *t, struct reading *r);
	bool of_record;
} parts[] = {
	{ "locks", read_locks, true },
	{ "jobs", read_jobs, true },
	{ "freeze", read_freeze, true },
	{ "window", read_window, false },
};
enum { PARTS = sizeof parts / sizeof *parts };

static void
read_work(struct eye *eye, struct target *t, struct reading *r)
{
	const struct part *part = t->row;

	if (!part->of_record || !no_record(eye, r))
		part->read(eye, t, r);
}

static size_t
count(const struct site *site)
{
	/* without an hour there is no window */
	return site->schedule.nightly >= 0 ? PARTS : PARTS - 1;
}

static void
target(const struct site *site, size_t i, struct target *ret)
{
	(void)site;
	ret->name = parts[i].name;
	ret->at = NULL;
	ret->row = &parts[i];
}

const struct probe probe_work = {
	.kind = "work",
	.what = "midwatch's own locks, jobs, freeze and backup window",
	.every_ms = 10000,
	.deadline_ms = 5000,
	.count = count,
	.target = target,
	.read = read_work,
};
