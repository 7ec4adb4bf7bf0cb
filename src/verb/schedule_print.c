/*
 * Units for systemd and lines for cron. systemd is told the site's zone; cron is
 * told it where it listens, else each line looks at the site's clock itself.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/night.h"
#include "probe/routine.h"
#include "probe/zone.h"
#include "verb/schedule.h"

enum { DAY_MIN = 1440, MINUTE_MS = 60000, PATHS_MAX = 4096 };
static const int64_t years_ms = 5LL * 366 * 86400 * 1000,
    two_years_s = 2LL * 366 * 86400;

static const char closer[] = "# more often than the site says: this is "
    "the next shorter step of a day or week\n";

struct print {
	struct desk *d;
	const struct site *site;
	const char *root;
	char exe[PATHS_MAX];
	const char *user;
	char *host_zone;
};

static bool
print_init(struct print *p, struct desk *d, const char *root, struct err *e)
{
	const struct passwd *pw = getpwuid(geteuid());
	ssize_t n = readlink("/proc/self/exe", p->exe, sizeof p->exe - 1);
	struct routine_plan plan;

	p->d = d;
	p->site = &d->site;
	p->root = root;
	p->exe[n > 0 ? n : 0] = '\0';
	p->user = pw != NULL ? pw->pw_name : NULL;
	p->host_zone = zone_host(root);
	if (!routine_plan(routine_at(ROUTINE_NIGHTLY), p->site, &plan)) {
		err_set(e, ERR_USAGE, "the site states no hour for the "
		    "nightly");
		return err_hint(e, "Give it one: schedule = { nightly = "
		    "\"02:00\"; };");
	}
	if (p->exe[0] == '\0' || p->user == NULL)
		return err_set(e, ERR_FAILED, p->user == NULL ?
		    "user %d has no name" : "the program's own path cannot be "
		    "read", (int)geteuid());
	return true;
}

static void
print_release(struct print *p)
{
	free(p->host_zone);
}

/* The program's words, each through quote(). */
static void
command(const struct print *p, const char *words,
    void (*quote)(struct buf *out, const char *s), struct buf *out)
{
	quote(out, p->exe);
	buf_str(out, " -c ");
	quote(out, p->site->path);
	if (p->d->cli->state != NULL) {
		buf_str(out, " --state ");
		quote(out, p->d->state.dir);
	}
	buf_printf(out, " %s", words);
}

/* ---- systemd ----------------------------------------------------------------------- */

/* A word of ExecStart=: quotes, backslashes, %specifiers, $variables. */
static void
quote_unit(struct buf *out, const char *s)
{
	bool plain = strpbrk(s, " \t\"'\\;") == NULL;

	if (!plain)
		buf_ch(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_ch(out, '\\');
		if (*s == '%' || *s == '$')
			buf_ch(out, *s);
		buf_ch(out, *s);
	}
	if (!plain)
		buf_ch(out, '"');
}

static void
service(const struct print *p, const struct routine *r, struct buf *out)
{
	buf_printf(out, "[Unit]\nDescription=midwatch of %s, %s: %s\n"
	    "Wants=network-online.target\nAfter=network-online.target\n\n"
	    "[Service]\nType=oneshot\nUser=%s\nExecStart=", p->site->name,
	    r->name, r->what, p->user);
	command(p, r->words, quote_unit, out);
	buf_ch(out, '\n');
	/* its exit says what it found, and that is told by itself */
	if (r->id == ROUTINE_ALERTS)
		buf_str(out, "SuccessExitStatus=1 2 3\n");
	buf_str(out, "TimeoutStopSec=2min\n");
}

/* Does the site's time show the plan's hour? */
static bool
is_hour(const char *at, const struct routine_plan *plan)
{
	char hour[16];

	(void)snprintf(hour, sizeof hour, "%02d:%02d", plan->minute / 60,
	    plan->minute % 60);
	return strncmp(at + 11, hour, 5) == 0;
}

/* systemd does not start at an hour that clocks skip; the night is then due when
 * they were put forward. */
static void
skipped_nights(const struct print *p, const struct routine_plan *plan,
    struct buf *out)
{
	int64_t now = clock_wall_ms();
	struct nights n;

	nights_due(p->site, now, now + years_ms, &n);
	for (size_t i = 0; i < n.due.n; i++) {
		char at[40], utc[32];

		clock_fmt_site(at, n.due.v[i]);
		if (is_hour(at, plan))
			continue;
		clock_fmt_utc(utc, n.due.v[i]);
		buf_printf(out, "# clocks skip the hour that night\n"
		    "OnCalendar=%.10s %.8s UTC\n", utc, utc + 11);
	}
	nights_release(&n);
}

static void
timer(const struct print *p, const struct routine *r,
    const struct routine_plan *plan, struct buf *out)
{
	struct buf says = BUF_INIT, calendar = BUF_INIT;

	routine_say(plan, &says);
	routine_calendar(plan, &calendar);
	buf_printf(out, "[Unit]\nDescription=midwatch of %s, %s %s (%s)\n\n"
	    "[Timer]\n", p->site->name, r->name, says.p, p->site->timezone);
	if (plan->closer)
		buf_str(out, closer);
	buf_printf(out, "OnCalendar=%s %s\n", calendar.p, p->site->timezone);
	if (r->id == ROUTINE_NIGHTLY)
		skipped_nights(p, plan, out);
	/* what was missed while the host was down begins at its next start; the
	 * alerts come anyway */
	if (r->id != ROUTINE_ALERTS)
		buf_str(out, "Persistent=true\n");
	buf_printf(out, "AccuracySec=%s\n\n[Install]\nWantedBy=timers.target\n",
	    r->id == ROUTINE_NIGHTLY ? "1s" : "30s");
	buf_release(&says);
	buf_release(&calendar);
}

struct unit_file {
	char *name;
	struct buf text;
};
struct unit_files {
	VEC(struct unit_file) v;
};

static void
make_units(const struct print *p, struct unit_files *all)
{
	for (int i = 0; i < ROUTINE_COUNT; i++) {
		const struct routine *r = routine_at((enum routine_id)i);
		struct unit_file s = { .text = BUF_INIT },
		    t = { .text = BUF_INIT };
		struct routine_plan plan;

		(void)routine_plan(r, p->site, &plan);
		s.name = xprintf("midwatch-%s-%s.service", p->site->name,
		    r->name);
		t.name = xprintf("midwatch-%s-%s.timer", p->site->name,
		    r->name);
		service(p, r, &s.text);
		timer(p, r, &plan, &t.text);
		VEC_PUSH(&all->v, s);
		VEC_PUSH(&all->v, t);
	}
}

static bool
write_units(const struct unit_files *all, const char *dir, struct err *e)
{
	if (!file_mkdirs(dir, 0755, e))
		return false;
	for (size_t i = 0; i < all->v.n; i++) {
		const struct unit_file *f = &all->v.v[i];
		char *path = file_join(dir, f->name);
		bool ok = file_replace(path, f->text.p, f->text.n, 0644, e);

		free(path);
		if (!ok)
			return false;
	}
	return true;
}

static void
say_units(const struct print *p, const struct unit_files *all,
    const char *output)
{
	const char *dir = output != NULL ? output : "/etc/systemd/system";
	struct buf b = BUF_INIT;

	if (p->d->cli->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_str(&b, "zone", p->site->timezone);
		json_put_str(&b, "user", p->user);
		json_put_bool(&b, "written", output != NULL);
		json_key(&b, "files");
		json_open_list(&b);
	}
	for (size_t i = 0; i < all->v.n; i++) {
		const struct unit_file *f = &all->v.v[i];
		char *path = file_join(dir, f->name);

		if (p->d->cli->json) {
			json_comma(&b);
			json_open(&b);
			json_put_str(&b, "path", path);
			json_put_str(&b, "text", f->text.p);
			json_close(&b);
		} else if (output != NULL)
			cli_out("%s", path);
		else {
			cli_out("# ---- %s", path);
			cli_block(f->text.p, f->text.n);
			cli_out("%s", "");
		}
		free(path);
	}
	if (p->d->cli->json) {
		json_close_list(&b);
		cli_object(&b);
	}
	buf_release(&b);
}

int
schedule_systemd(struct desk *d, const char *root, const char *output)
{
	struct print p = { .d = d };
	struct unit_files all = { .v = { 0 } };
	struct err e = ERR_INIT;
	char *running = xprintf("%s/run/systemd/system", root);
	struct buf names = BUF_INIT;
	int status = EXIT_DONE;

	if (!print_init(&p, d, root, &e)) {
		status = cli_fail(d->cli, &e);
		goto out;
	}
	make_units(&p, &all);
	if (output != NULL && !write_units(&all, output, &e)) {
		status = cli_fail(d->cli, &e);
		goto out;
	}
	say_units(&p, &all, output);
	if (!file_is_dir(running))
		cli_note("systemd does not run on this host; 'midwatch "
		    "schedule cron' prints lines for cron");
	for (size_t i = 1; i < all.v.n; i += 2)
		buf_printf(&names, " %s", all.v.v[i].name);
	cli_note("%s: systemctl daemon-reload && systemctl enable --now%s",
	    output != NULL ? "when they are in /etc/systemd/system" :
	    "--output /etc/systemd/system writes them; then", names.p);
	cli_note("'midwatch schedule check' shows what will come of it");
out:
	for (size_t i = 0; i < all.v.n; i++) {
		free(all.v.v[i].name);
		buf_release(&all.v.v[i].text);
	}
	VEC_RELEASE(&all.v);
	buf_release(&names);
	free(running);
	print_release(&p);
	return status;
}

/* ---- cron -------------------------------------------------------------------------- */

/* For /bin/sh, and a percent sign is a newline to cron. */
static void
quote_cron(struct buf *out, const char *s)
{
	struct buf word = BUF_INIT;

	text_shell(&word, s);
	for (const char *c = word.p; *c != '\0'; c++) {
		if (*c == '%')
			buf_ch(out, '\\');
		buf_ch(out, *c);
	}
	buf_release(&word);
}

enum clocks { CLOCKS_SAME, CLOCKS_TOLD, CLOCKS_APART };

static int
offset_of(const char *zone, int64_t at)
{
	struct zone_saved old;
	time_t t = (time_t)at;
	struct tm tm;

	zone_enter(&old, zone);
	(void)localtime_r(&t, &tm);
	zone_leave(&old);
	return (int)tm.tm_gmtoff;
}

/* By how many minutes the host's clock is ahead of the site's, each of them in
 * the next two years. */
struct shifts {
	VEC(int) v;
};

static void
shifts_of(const struct print *p, struct shifts *ret)
{
	int64_t now = clock_wall_ms() / 1000;

	for (int64_t t = now; t < now + two_years_s; t += 86400) {
		int shift = (offset_of(p->host_zone, t) -
		    offset_of(p->site->timezone, t)) / 60;
		bool known = false;

		for (size_t i = 0; i < ret->v.n; i++)
			known = known || ret->v.v[i] == shift;
		if (!known)
			VEC_PUSH(&ret->v, shift);
	}
}

/* "0 2 * * 0", moved by some minutes. */
static void
cron_times(const struct routine_plan *plan, int shift, struct buf *out)
{
	int at = plan->minute + shift, day = 0;
	bool first = true;

	if (plan->every > 0 && plan->every < 60 && 60 % plan->every == 0) {
		buf_printf(out, "*/%d * * * *", plan->every);
		return;
	}
	if (plan->every > 0) {
		at = ((at % plan->every) + plan->every) % plan->every;
		buf_printf(out, "%d ", at % 60);
		for (; at < DAY_MIN; at += plan->every, first = false)
			buf_printf(out, "%s%d", first ? "" : ",", at / 60);
		buf_str(out, " * * *");
		return;
	}
	for (; at < 0; at += DAY_MIN)
		day += 6;
	for (; at >= DAY_MIN; at -= DAY_MIN)
		day++;
	buf_printf(out, "%d %d * * ", at % 60, at / 60);
	for (int d = 0; d < 7; d++)
		if ((plan->weekdays & 1u << d) != 0) {
			buf_printf(out, "%s%d", first ? "" : ",",
			    (d + day) % 7);
			first = false;
		}
	if (first)
		buf_ch(out, '*');
}

/* The line looks at the site's clock itself, once for each hour that it may be
 * by the host's. */
static void
lines_apart(const struct print *p, const struct routine *r,
    const struct routine_plan *plan, const struct shifts *shifts,
    struct buf *out)
{
	for (int d = 0; d < 7; d++) {
		struct routine_plan one = *plan;
		char look[64];

		if (plan->weekdays != 0 && (plan->weekdays & 1u << d) == 0)
			continue;
		one.weekdays = plan->weekdays != 0 ? 1u << d : 0;
		if (plan->weekdays != 0)
			(void)snprintf(look, sizeof look, "+\\%%w-\\%%H:\\%%M)\""
			    " = %d-%02d:%02d", d, plan->minute / 60,
			    plan->minute % 60);
		else
			(void)snprintf(look, sizeof look, "+\\%%H:\\%%M)\" = "
			    "%02d:%02d", plan->minute / 60, plan->minute % 60);
		for (size_t i = 0; i < shifts->v.n; i++) {
			cron_times(&one, shifts->v.v[i], out);
			buf_printf(out, "\t[ \"$(TZ=%s date %s ] && ",
			    p->site->timezone, look);
			command(p, r->words, quote_cron, out);
			buf_ch(out, '\n');
		}
		if (plan->weekdays == 0)
			break;
	}
}

/* A look at the site's clock never sees an hour that it skips. */
static void
say_skipped(const struct print *p, struct buf *out)
{
	struct routine_plan plan;
	struct nights n;
	int64_t now = clock_wall_ms();

	(void)routine_plan(routine_at(ROUTINE_NIGHTLY), p->site, &plan);
	nights_due(p->site, now, now + two_years_s * 1000, &n);
	for (size_t i = 0; i < n.due.n; i++) {
		char at[40];

		clock_fmt_site(at, n.due.v[i]);
		if (!is_hour(at, &plan))
			buf_printf(out, "# clocks skip that hour on %.10s: the "
			    "night then begins by the last line\n", at);
	}
	nights_release(&n);
}

static void
one_routine(const struct print *p, const struct routine *r, enum clocks clocks,
    const struct shifts *shifts, struct buf *out)
{
	struct routine_plan plan;
	struct buf says = BUF_INIT;

	(void)routine_plan(r, p->site, &plan);
	routine_say(&plan, &says);
	buf_printf(out, "# %s, %s: %s\n", r->name, says.p, r->what);
	if (plan.closer)
		buf_str(out, closer);
	if (clocks == CLOCKS_APART && r->id == ROUTINE_NIGHTLY)
		say_skipped(p, out);
	if (clocks == CLOCKS_APART && plan.every == 0)
		lines_apart(p, r, &plan, shifts, out);
	else {
		cron_times(&plan, clocks == CLOCKS_TOLD || shifts->v.n == 0 ?
		    0 : shifts->v.v[0], out);
		buf_ch(out, '\t');
		command(p, r->words, quote_cron, out);
		buf_ch(out, '\n');
	}
	buf_release(&says);
}

static void
make_crontab(const struct print *p, struct buf *out)
{
	struct shifts shifts = { .v = { 0 } };
	enum clocks clocks;

	shifts_of(p, &shifts);
	clocks = starters_cron_zone(p->root) &&
	    strcmp(p->host_zone, p->site->timezone) != 0 ? CLOCKS_TOLD :
	    shifts.v.n == 1 ? CLOCKS_SAME : CLOCKS_APART;
	buf_printf(out, "# midwatch of %s, for the crontab of %s (crontab -e)."
	    "\n# Hours are those of %s; this host's clock is that of %s%s.\n"
	    "SHELL=/bin/sh\n", p->site->name, p->user, p->site->timezone,
	    p->host_zone, clocks == CLOCKS_TOLD ? ", and its cron heeds "
	    "CRON_TZ" : clocks == CLOCKS_APART ? ", which is not always\n"
	    "# as far from it: each line looks at the site's clock itself" :
	    shifts.v.n > 0 && shifts.v.v[0] != 0 ? ", and the lines go by it" : "");
	if (clocks == CLOCKS_TOLD)
		buf_printf(out, "CRON_TZ=%s\n", p->site->timezone);
	for (int i = 0; i < ROUTINE_COUNT; i++)
		one_routine(p, routine_at((enum routine_id)i), clocks, &shifts,
		    out);
	buf_str(out, "# What was missed while the host was down, which cron "
	    "forgets.\n17 * * * *\t");
	command(p, "schedule catch-up", quote_cron, out);
	buf_ch(out, '\n');
	VEC_RELEASE(&shifts.v);
}

int
schedule_cron(struct desk *d, const char *root)
{
	struct print p = { .d = d };
	struct buf out = BUF_INIT, b = BUF_INIT;
	struct err e = ERR_INIT;
	int status = EXIT_DONE;

	if (!print_init(&p, d, root, &e))
		status = cli_fail(d->cli, &e);
	else {
		make_crontab(&p, &out);
		if (d->cli->json) {
			json_open(&b);
			json_put_bool(&b, "ok", true);
			json_put_str(&b, "zone", d->site.timezone);
			json_put_str(&b, "user", p.user);
			json_put_str(&b, "text", out.p);
			cli_object(&b);
		} else
			cli_block(out.p, out.n);
	}
	buf_release(&out);
	buf_release(&b);
	print_release(&p);
	return status;
}
