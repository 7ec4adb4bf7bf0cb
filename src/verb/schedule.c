/*
 * `midwatch schedule`: when the jobs really run, by the site's clock and in UTC,
 * against what the site file says; units and crontab lines on request.
 */
#include "verb/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/text.h"
#include "job/job.h"
#include "probe/night.h"
#include "probe/plain.h"
#include "probe/routine.h"
#include "probe/schedule.h"
#include "probe/zone.h"
#include "verb/verbs.h"
#include "watch/watch.h"

enum { READ_MS = 12000, CRONTAB_MS = 3000, CHANGES = 4, DUE_MS = 10 * 60000,
	HALF_DAY_MS = 12 * 3600000 };
static const int64_t year_ms = 370LL * 86400 * 1000;

static const int exits[] = { [LEVEL_OK] = 0, [LEVEL_WARNING] = 1,
	[LEVEL_CRITICAL] = 1, [LEVEL_UNKNOWN] = 3 };

/* The nightly of a night in which clocks are changed. */
struct change {
	struct zone_change z;
	const char *zone;
	int64_t due, fires;		/* wall ms; fires 0: not that night */
};

struct schedule {
	struct desk *d;
	const struct site *site;
	const char *root;
	int64_t now;
	struct readings nightly;
	struct buf crontab;		/* this user's own */
	char *host_zone;
	struct routine_seen seen[ROUTINE_COUNT];
	struct change changes[CHANGES];
	size_t n_changes;
	enum level level;
};

/* ---- looking ----------------------------------------------------------------------- */

static void
read_nightly(struct schedule *s)
{
	static const struct watch_want want = { "schedule", NULL };
	struct target t = { .name = "nightly", .row = &s->site->schedule };
	struct reading r;
	struct eye eye;

	if (*s->root == '\0') {
		watch_round(s->site, &s->d->state, &want, 1,
		    clock_mono_ms() + READ_MS, &s->nightly);
		return;
	}
	/* another machine's files, below a folder */
	eye_init(&eye, s->site, &s->d->state);
	eye.once = true;
	reading_init(&r, "schedule", "nightly");
	schedule_read(&eye, &t, &r, s->root);
	readings_put(&s->nightly, &r);
	night_release(t.memory);
	free(t.memory);
	reading_release(&r);
	eye_release(&eye);
}

/* Who is not root sees their own crontab only by asking for it. */
static void
read_crontab(struct schedule *s)
{
	static const char *const argv[] = { "crontab", "-l", NULL };
	struct run run = { .argv = argv,
		.deadline_ms = clock_mono_ms() + CRONTAB_MS };
	struct ran ran = { .status = 1 };
	struct err ignored = ERR_INIT;

	if (*s->root == '\0' && geteuid() != 0 &&
	    spawn_run(&run, &ran, &ignored) && ran.status == 0)
		buf_add(&s->crontab, ran.out.p, ran.out.n);
	ran_release(&ran);
}

/* The nightly's level alone: whether it is started as stated. */
static enum level
level_of_nightly(const struct reading *r)
{
	const json_t *right = r != NULL ? json_object_get(r->data, "right") :
	    NULL;

	if (!json_is_boolean(right))
		return LEVEL_UNKNOWN;
	return json_is_true(right) ? LEVEL_OK : LEVEL_WARNING;
}

static const struct reading *
nightly_of(const struct schedule *s)
{
	return readings_find(&s->nightly, "schedule", "nightly");
}

/* What fires nearest to when it is due, within half a day; 0: nothing. */
static int64_t
fires_near(const struct starters *by, int64_t due)
{
	int64_t best = 0;

	for (size_t i = 0; i < by->v.n; i++) {
		const struct starter *s = &by->v.v[i];

		for (size_t k = 0; s->problem == NULL && k < s->firings.n;
		    k++) {
			struct firing_times t;

			firing_times(&s->firings.v[k], s->zone,
			    due - HALF_DAY_MS, due + HALF_DAY_MS, &t);
			for (size_t j = 0; j < t.at.n; j++)
				if (best == 0 || llabs(t.at.v[j] - due) <
				    llabs(best - due))
					best = t.at.v[j];
			firing_times_release(&t);
		}
	}
	return best;
}

/* The nights around which the site's clocks or the host's are changed. */
static void
find_changes(struct schedule *s)
{
	const char *zones[] = { s->site->timezone, s->host_zone };
	size_t n_zones = strcmp(zones[0], zones[1]) == 0 ? 1 : 2;
	const struct starters *by = &s->seen[ROUTINE_NIGHTLY].by;

	for (size_t z = 0; z < n_zones; z++) {
		struct zone_change found[2];
		size_t n = zone_changes(zones[z], s->now / 1000,
		    (s->now + year_ms) / 1000, found, 2);

		for (size_t i = 0; i < n; i++) {
			struct change *c = &s->changes[s->n_changes++];
			struct nights nights;

			*c = (struct change){ .z = found[i],
			    .zone = zones[z] };
			nights_due(s->site, found[i].at * 1000 - HALF_DAY_MS,
			    found[i].at * 1000 + HALF_DAY_MS, &nights);
			if (nights.due.n > 0)
				c->due = nights.due.v[0];
			if (c->due != 0)
				c->fires = fires_near(by, c->due);
			nights_release(&nights);
		}
	}
}

static void
look(struct schedule *s)
{
	s->now = clock_wall_ms();
	s->host_zone = zone_host(s->root);
	read_nightly(s);
	read_crontab(s);
	for (int i = 0; i < ROUTINE_COUNT; i++) {
		routine_look(routine_at((enum routine_id)i), s->site, s->root,
		    s->crontab.n > 0 ? s->crontab.p : NULL, s->now,
		    &s->seen[i]);
		if (i == ROUTINE_NIGHTLY)
			s->seen[i].level = level_of_nightly(nightly_of(s));
		s->level = level_worse(s->level, s->seen[i].level);
	}
	find_changes(s);
}

static void
release(struct schedule *s)
{
	readings_release(&s->nightly);
	buf_release(&s->crontab);
	free(s->host_zone);
	for (int i = 0; i < ROUTINE_COUNT; i++)
		routine_seen_release(&s->seen[i]);
}

/* ---- the page ---------------------------------------------------------------------- */

static const char *const words[] = { "ok", "WARNING", "WARNING", "UNKNOWN" };

static void
says_of(const struct schedule *s, int i, struct buf *out)
{
	struct routine_plan plan;

	if (routine_plan(routine_at((enum routine_id)i), s->site, &plan))
		routine_say(&plan, out);
}

static void
say_routine(const struct schedule *s, int i)
{
	const struct routine_seen *seen = &s->seen[i];
	const struct reading *r = i == ROUTINE_NIGHTLY ? nightly_of(s) : NULL;
	struct buf says = BUF_INIT;
	char utc[32];

	says_of(s, i, &says);
	cli_out("%-8s  %-13s %s", words[seen->level],
	    routine_at((enum routine_id)i)->name, says.p);
	cli_out("%-24s%s%s", "", seen->next != 0 && seen->text.n > 0 ?
	    "next " : "", seen->text.p);
	if (seen->next != 0) {
		clock_fmt_utc(utc, seen->next);
		cli_out("%-24s(%.16sZ)", "", utc);
	}
	if (r != NULL)
		cli_out("%-24s%s", "", r->error != NULL ? r->error :
		    r->text != NULL ? r->text : "");
	buf_release(&says);
}

static void
offset_words(char out[16], int seconds)
{
	int m = abs(seconds) / 60;

	(void)snprintf(out, 16, "%c%02d:%02d", seconds < 0 ? '-' : '+',
	    m / 60 % 24, m % 60);
}

static void
say_change(const struct change *c)
{
	char at[32], before[16], after[16], due[40], fires[40];

	clock_fmt_utc(at, c->z.at * 1000);
	offset_words(before, c->z.before);
	offset_words(after, c->z.after);
	clock_fmt_site(due, c->due);
	clock_fmt_site(fires, c->fires);
	cli_out("%.16sZ  %s goes from UTC%s to UTC%s; the nightly is due at "
	    "%.16s and starts at %.16s", at, c->zone, before, after, due,
	    c->fires != 0 ? fires : "no time");
}

static void
say_page(const struct schedule *s)
{
	char now[40];

	clock_fmt_site(now, s->now);
	cli_out("%s, by the clock of %s (%.16s now); this host's is that of %s",
	    s->site->name, s->site->timezone, now, s->host_zone);
	for (int i = 0; i < ROUTINE_COUNT; i++)
		say_routine(s, i);
	if (s->n_changes > 0)
		cli_out("Clocks are changed:");
	for (size_t i = 0; i < s->n_changes; i++)
		say_change(&s->changes[i]);
	if (s->level != LEVEL_OK)
		cli_note("'midwatch schedule systemd' and 'midwatch schedule "
		    "cron' print what starts all of them");
}

/* ---- for programs ------------------------------------------------------------------ */

static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char at[32];

	if (ms == 0)
		return;
	clock_fmt_utc(at, ms);
	json_put_str(b, key, at);
}

static void
put_routine(const struct schedule *s, int i, struct buf *b)
{
	const struct routine_seen *seen = &s->seen[i];
	struct buf says = BUF_INIT;

	says_of(s, i, &says);
	json_comma(b);
	json_open(b);
	json_put_str(b, "job", routine_at((enum routine_id)i)->name);
	json_put_str(b, "command", routine_at((enum routine_id)i)->words);
	json_put_str(b, "says", says.p);
	json_put_str(b, "level", level_name(seen->level));
	json_put_str(b, "text", seen->text.p);
	put_time(b, "next", seen->next);
	json_key(b, "starters");
	json_open_list(b);
	for (size_t k = 0; k < seen->by.v.n; k++) {
		const struct starter *one = &seen->by.v.v[k];
		char *command = plain_show(one->command, PLAIN_SHOWN);

		json_comma(b);
		json_open(b);
		json_put_str(b, "what", one->what);
		json_put_str(b, "command", command);
		json_put_str(b, "zone", one->firings.n > 0 &&
		    one->firings.v[0].zone[0] != '\0' ?
		    one->firings.v[0].zone : one->zone);
		json_put_bool(b, "catches_up", one->catches_up);
		json_put_str(b, "problem", one->problem);
		json_put_str(b, "next_step", one->hint);
		json_close(b);
		free(command);
	}
	json_close_list(b);
	json_close(b);
	buf_release(&says);
}

static void
say_json(const struct schedule *s)
{
	const struct reading *r = nightly_of(s);
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", s->level == LEVEL_OK);
	json_put_str(&b, "site", s->site->name);
	json_put_str(&b, "zone", s->site->timezone);
	json_put_str(&b, "host_zone", s->host_zone);
	put_time(&b, "at", s->now);
	json_put_str(&b, "level", level_name(s->level));
	json_put_int(&b, "exit", exits[s->level]);
	json_key(&b, "jobs");
	json_open_list(&b);
	for (int i = 0; i < ROUTINE_COUNT; i++)
		put_routine(s, i, &b);
	json_close_list(&b);
	json_key(&b, "changes");
	json_open_list(&b);
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct change *c = &s->changes[i];

		json_comma(&b);
		json_open(&b);
		put_time(&b, "at", c->z.at * 1000);
		json_put_str(&b, "zone", c->zone);
		json_put_int(&b, "before_s", c->z.before);
		json_put_int(&b, "after_s", c->z.after);
		put_time(&b, "due", c->due);
		put_time(&b, "fires", c->fires);
		json_close(&b);
	}
	json_close_list(&b);
	if (r != NULL) {
		struct buf line = BUF_INIT;

		reading_write(r, &line);
		buf_cut(&line, line.n - 1);
		json_put_raw(&b, "nightly", line.p);
		buf_release(&line);
	}
	cli_object(&b);
}

/* ---- catching up ------------------------------------------------------------------- */

/* When a job of that title began last, 0: none is on record. */
static int64_t
last_job(const struct job_list *jobs, const char *title)
{
	int64_t last = 0;

	for (size_t i = 0; i < jobs->v.n; i++) {
		const struct job_info *j = &jobs->v.v[i];

		if (j->title != NULL && strcmp(j->title, title) == 0 &&
		    j->started > last)
			last = j->started;
	}
	return last;
}

static int64_t
last_night(struct desk *d)
{
	struct target t = { .name = "nightly" };
	struct night_seen seen = { .runs = { 0 } };
	const struct night_run *run;
	struct eye eye;
	int64_t at;

	eye_init(&eye, &d->site, &d->state);
	night_look(&seen, &eye, &t);
	run = night_last(&seen);
	at = run != NULL ? run->started : 0;
	night_release(&seen);
	eye_release(&eye);
	return at;
}

/* By the same verb that cron would have started. */
static bool
start(struct desk *d, const struct routine *r, struct err *e)
{
	char exe[4096], store[8][32];
	const char *argv[16] = { exe, "-c", d->site.path, "--state",
	    d->state.dir };
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	size_t argc = 5, words_n = 0;
	struct spawn s = SPAWN_INIT;
	int status = -1;
	pid_t pid;

	if (n <= 0)
		return err_sys(e, "the program's own path");
	exe[n] = '\0';
	for (const char *w = r->words; *w != '\0' && words_n < 8;) {
		size_t len = strcspn(w, " ");

		(void)snprintf(store[words_n], 32, "%.*s", (int)len, w);
		argv[argc++] = store[words_n++];
		w += len + strspn(w + len, " ");
	}
	s.argv = argv;
	s.out = d->cli->json ? STDERR_FILENO : STDOUT_FILENO;
	s.errfd = STDERR_FILENO;
	pid = spawn_start(&s, e);
	if (pid < 0)
		return false;
	/* as long as it takes; it is a job and can be cancelled by itself */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return spawn_ok(status, r->name, e);
}

int
schedule_catch_up(struct desk *d)
{
	static const enum routine_id which[] = { ROUTINE_NIGHTLY,
	    ROUTINE_RESTORE, ROUTINE_REREAD };
	int64_t now = clock_wall_ms();
	struct job_list jobs = { .v = { 0 } };
	struct err e = ERR_INIT;
	struct buf out = BUF_INIT;
	int status = EXIT_DONE;

	if (!job_list(&d->state, &jobs, &e))
		return cli_fail(d->cli, &e);
	json_open(&out);
	json_key(&out, "begun");
	json_open_list(&out);
	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
		const struct routine *r = routine_at(which[i]);
		struct routine_plan plan;
		int64_t due, began;
		char at[40];

		if (!routine_plan(r, &d->site, &plan))
			continue;
		due = routine_last(&plan, &d->site, now);
		began = r->id == ROUTINE_NIGHTLY ? last_night(d) :
		    last_job(&jobs, r->words);
		/* what never ran may have been set up since; what is due just
		 * now is about to begin */
		if (began == 0 || began >= due - DUE_MS ||
		    now < due + DUE_MS)
			continue;
		clock_fmt_site(at, due);
		cli_note("%s was due at %.16s and was not begun", r->name, at);
		json_comma(&out);
		json_open(&out);
		json_put_str(&out, "job", r->name);
		if (!start(d, r, &e)) {
			cli_note("%s: %s", r->name, e.msg);
			json_put_str(&out, "error", e.msg);
			err_clear(&e);
			status = EXIT_FAILED;
		}
		json_close(&out);
	}
	job_list_release(&jobs);
	json_close_list(&out);
	json_put_bool(&out, "ok", status == EXIT_DONE);
	if (d->cli->json)
		cli_object(&out);
	buf_release(&out);
	return status;
}

/* ---- the verb ---------------------------------------------------------------------- */

static int
show(struct desk *d, const char *root, bool check)
{
	struct schedule s = { .d = d, .site = &d->site, .root = root };
	int status;

	if (d->site.schedule.nightly < 0) {
		struct err e = ERR_INIT;

		err_set(&e, ERR_USAGE, "the site states no hour for the "
		    "nightly");
		err_hint(&e, "Give it one: schedule = { nightly = \"02:00\"; "
		    "};");
		return cli_fail(d->cli, &e);
	}
	look(&s);
	if (d->cli->json)
		say_json(&s);
	else
		say_page(&s);
	status = check ? exits[s.level] : EXIT_DONE;
	release(&s);
	return status;
}

int
verb_schedule(struct cli *c, int argc, char **argv)
{
	const char *root = NULL, *output = NULL, *what;
	const struct opt opts[] = {
		{ "--root", NULL, &root, NULL },
		{ "--output", NULL, &output, NULL },
	};
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 2) || !cli_words(c, 0, 1,
	    "midwatch schedule [check|systemd|cron]"))
		return EXIT_USAGE;
	what = c->words.n > 0 ? c->words.v[0] : "show";
	if (root != NULL && (*root != '/' || !file_is_dir(root)))
		return cli_usage("--root: '%s' is not the absolute path of a "
		    "folder", root);
	if (root == NULL || strcmp(root, "/") == 0)
		root = "";
	if (!desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else if (!d.have_site)
		status = cli_usage("there is no site file to say when; "
		    "'midwatch init' writes one");
	else if (strcmp(what, "show") == 0 || strcmp(what, "check") == 0)
		status = show(&d, root, strcmp(what, "check") == 0);
	else if (strcmp(what, "systemd") == 0)
		status = schedule_systemd(&d, root, output);
	else if (strcmp(what, "cron") == 0)
		status = schedule_cron(&d, root);
	else if (strcmp(what, "catch-up") == 0)
		status = schedule_catch_up(&d);
	else
		status = cli_usage("'%s' is not one of check, systemd, cron, "
		    "catch-up", what);
	desk_close(&d);
	return status;
}
