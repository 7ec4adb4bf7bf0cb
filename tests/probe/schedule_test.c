#include "tests/probe/look.h"

#include <fcntl.h>

#include "base/file.h"
#include "probe/night.h"
#include "probe/schedule.h"
#include "probe/starter.h"

extern const struct probe probe_schedule;

/* What a probe remembers ends with its process. */
static struct night_seen memory;
static struct target nightly;
static char root[PATH_MAX];

/* ---- a host below a folder ------------------------------------------------- */

static const char *
in_root(const char *path)
{
	static char full[2 * PATH_MAX];

	snprintf(full, sizeof full, "%s%s", root, path);
	return full;
}

static void
host_dir(const char *path)
{
	char *dir = xstrdup(in_root(path));
	struct err e = ERR_INIT;

	*strrchr(dir, '/') = '\0';
	if (!file_mkdirs(dir, 0755, &e))
		fail_msg("%s", e.msg);
	free(dir);
}

static void
host_file(const char *path, const char *text)
{
	host_dir(path);
	test_write(in_root(path), text);
}

static void
host_link(const char *path, const char *to)
{
	host_dir(path);
	unlink(in_root(path));
	assert_int_equal(symlink(to, in_root(path)), 0);
}

static void
new_host(const char *zone)
{
	static int n;
	char name[32], link[128];

	snprintf(name, sizeof name, "host%d", n++);
	snprintf(root, sizeof root, "%s", test_path(name));
	mkdir(root, 0755);
	snprintf(link, sizeof link, "/usr/share/zoneinfo/%s", zone);
	host_link("/etc/localtime", link);
	host_file("/etc/debian_version", "12.0\n");
	host_file("/usr/sbin/cron", "an ELF that knows SHELL and PATH");
	host_file("/run/crond.pid", "7\n");
	host_file("/run/systemd/system/.there", "");
}

static void
cron_d(const char *text)
{
	host_file("/etc/cron.d/midwatch", text);
}

static void
timer(const char *calendar)
{
	char text[500];

	host_file("/etc/systemd/system/nightly.service", "[Unit]\n"
	    "Description=x\n[Service]\nType=oneshot\n"
	    "ExecStart=-/usr/bin/midwatch nightly \\\n  --json\n");
	snprintf(text, sizeof text, "[Timer]\n# at night\n%s\n"
	    "[Install]\nWantedBy=timers.target\n", calendar);
	host_file("/etc/systemd/system/nightly.timer", text);
	host_link("/etc/systemd/system/timers.target.wants/nightly.timer",
	    "../nightly.timer");
}

/* ---- the reading ------------------------------------------------------------ */

static void
begin_at(const char *zone, const char *hour, const char *now)
{
	char *rest = xprintf("schedule = { nightly = \"%s\"; "
	    "window = \"90m\"; };\n"
	    "stores = ( { name = \"local\"; path = \"sets\"; } );\n", hour);

	clock_fake(look_utc(now));
	look_begin(zone, rest, true);
	look_eye.now = clock_wall_ms();
	free(rest);
	nightly = look_target(&probe_schedule, "nightly");
	nightly.memory = &memory;
}

static int
clear(void **state)
{
	night_release(&memory);
	unlink(test_path("state/log.jsonl"));
	return look_end(state);
}

static void
look(void)
{
	reading_release(&look_got);
	reading_init(&look_got, "schedule", "nightly");
	look_eye.now = clock_wall_ms();
	schedule_read(&look_eye, &nightly, &look_got, root);
	print_message("# %s: %s%s%s\n", level_name(look_got.level),
	    look_got.text ? look_got.text : look_got.error,
	    look_got.next ? " => " : "", look_got.next ? look_got.next : "");
}

static void
ran(const char *utc, const char *state)
{
	struct err e = ERR_INIT;
	char name[64], stamp[24];
	int64_t ms = look_utc(utc);

	clock_fmt_stamp(stamp, ms);
	snprintf(name, sizeof name, "sets/nightly/%s%s", stamp, state);
	assert_true(file_mkdirs(test_path(name), 0755, &e));
}

static void
forget_sets(void)
{
	struct err e = ERR_INIT;

	(void)file_remove_tree(test_path("sets"), &e);
	night_release(&memory);
}

static bool
flag(const char *key)
{
	const json_t *v = json_object_get(look_got.data, key);

	assert_true(json_is_boolean(v));
	return json_is_true(v);
}

static void
is_wrong(const char *text)
{
	look();
	look_says(LEVEL_WARNING, text);
	assert_false(flag("right"));
	assert_non_null(look_got.next);
}

static void
is_right(void)
{
	look();
	if (look_got.level != LEVEL_OK)
		fail_msg("%s", look_got.text);
	assert_true(flag("right"));
}

/* First letters of the nights' results, oldest first. */
static void
nights_are(const char *want)
{
	const json_t *list = json_object_get(look_got.data, "nights");
	char got[32] = "";

	for (size_t i = 0; i < json_array_size(list) && i < 31; i++)
		got[i] = json_get_str(json_array_get(list, i), "result")[0];
	assert_string_equal(got, want);
}

static void
a_nightly_is_due_began_is_late_or_missed(void **state)
{
	(void)state;
	new_host("Africa/Lagos");
	cron_d("0 2 * * * root midwatch nightly\n");
	begin_at("Africa/Lagos", "02:00", "2025-02-14T09:00:00.000Z");
	look();
	look_says(LEVEL_WARNING, "no nightly was ever seen here");
	assert_null(json_object_get(look_got.data, "missed"));
	ran("2025-02-13T01:00:04.000Z", "");
	look();
	look_says(LEVEL_CRITICAL, "the nightly did not run: its window was "
	    "02:00 to 03:30; the last one began at 2025-02-13 02:00");
	assert_true(flag("missed"));
	nights_are("gm");
	assert_string_equal(look_got.next, "midwatch nightly");
	clock_fake(look_utc("2025-02-14T01:30:00.000Z"));
	look();
	look_says(LEVEL_WARNING, "was due at 02:00 and has not begun; its "
	    "window ends at 03:30");
	clock_fake(look_utc("2025-02-14T01:05:00.000Z"));
	look();
	look_says(LEVEL_OK, "is due since 02:00");
	clock_fake(look_utc("2025-02-14T00:59:00.000Z"));
	look();
	look_says(LEVEL_OK, "the nightly began at 2025-02-13 02:00 and ended "
	    "well; the next is due at 2025-02-14 02:00");
	assert_false(flag("missed"));
	assert_false(flag("failed"));
	/* it begins */
	ran("2025-02-14T01:00:03.000Z", ".partial");
	clock_fake(look_utc("2025-02-14T01:10:00.000Z"));
	look();
	look_says(LEVEL_OK, "the nightly began at 2025-02-14 02:00;");
	assert_string_equal(look_str("result"), "open");
	clock_fake(look_utc("2025-02-14T05:10:00.000Z"));
	look();
	look_says(LEVEL_WARNING, "no end of it was seen");
	/* and what could be saved of it is kept */
	forget_sets();
	ran("2025-02-14T01:00:03.000Z", ".incomplete");
	look();
	look_says(LEVEL_CRITICAL, "the nightly of 2025-02-14 02:00 failed");
	assert_true(flag("failed"));
	nights_are("b");
	/* later by hand */
	ran("2025-02-14T04:00:00.000Z", "");
	look();
	look_says(LEVEL_WARNING, "began at 2025-02-14 05:00, after its window");
	nights_are("g");
	forget_sets();
}

static void
line(const char *text)
{
	night_line(&memory, text, strlen(text));
}

static void
the_journal_tells_what_ran(void **state)
{
	char *path;
	const struct night_run *run;
	int64_t began;

	(void)state;
	new_host("Africa/Lagos");
	begin_at("Africa/Lagos", "02:00", "2025-02-14T09:00:00.000Z");
	/* the site's own file, as it grows, with its padding */
	path = state_path(&look_state, "log.jsonl");
	test_write(path, "{\"seq\":1,\"at\":\"2025-02-14T01:00:03.120Z\","
	    "\"kind\":\"nightly.started\",\"data\":{}}      \n");
	look();
	assert_string_equal(look_str("began"), "2025-02-14T01:00:03.120Z");
	test_write(path, "{\"seq\":1,\"at\":\"2025-02-14T01:00:03.120Z\","
	    "\"kind\":\"nightly.started\",\"data\":{}}      \n"
	    "{\"seq\":2,\"at\":\"2025-02-14T01:30:00.000Z\","
	    "\"kind\":\"nightly.ended\",\"data\":{\"exit\":1}}\n");
	look();
	look_says(LEVEL_CRITICAL, "the nightly of 2025-02-14 02:00 failed");
	assert_string_equal(look_str("ended"), "2025-02-14T01:30:00.000Z");
	free(path);
	/* other shapes */
	night_release(&memory);
	line("{\"at\":\"2025-02-14T01:00:00.000Z\",\"kind\":\"job.started\","
	    "\"data\":{\"action\":\"nightly\"}}");
	line("{\"at\":\"2025-02-14T01:00:01.000Z\",\"kind\":\"note\","
	    "\"text\":\"the nightly is late\",\"data\":{}}");
	line("{\"at\":\"2025-02-14T01:40:00.000Z\",\"kind\":\"job.ended\","
	    "\"data\":{\"action\":\"nightly\",\"ok\":true}}");
	run = night_last(&memory);
	assert_non_null(run);
	assert_int_equal(memory.runs.n, 1);
	assert_int_equal(run->result, NIGHT_GOOD);
	began = run->started;
	/* junk is passed over */
	line("nightly");
	line("{\"nightly\"");
	line("{\"kind\":\"nightly\",\"at\":\"now\"}");
	line("[\"nightly\"]");
	line("");
	line("   ");
	assert_int_equal(memory.runs.n, 1);
	for (int i = 0; i < 100; i++) {
		char text[200], at[32];

		clock_fmt_utc(at, look_utc("2024-01-01T01:00:00.000Z") +
		    i * 86400000LL);
		snprintf(text, sizeof text, "{\"at\":\"%s\",\"kind\":"
		    "\"nightly.started\",\"data\":{}}", at);
		line(text);
	}
	assert_int_equal(memory.runs.n, 32);
	assert_int_equal(night_last(&memory)->started, began);
}

static void
due(const char *zone, const char *hour, const char *now, const char *want)
{
	struct night_plan plan;
	char at[32], next[32], got[80];

	print_message("# case: %s in %s at %s\n", hour, zone, now);
	begin_at(zone, hour, now);
	assert_true(night_plan(&look_site, look_utc(now), &plan));
	clock_fmt_utc(at, plan.due);
	clock_fmt_utc(next, plan.next);
	snprintf(got, sizeof got, "%.16s %.16s", at, next);
	assert_string_equal(got, want);
	clear(NULL);
}

static void
it_is_due_by_the_sites_clock_whatever_clocks_do(void **state)
{
	(void)state;
	due("Africa/Lagos", "02:00", "2025-02-14T00:59:59.000Z",
	    "2025-02-13T01:00 2025-02-14T01:00");
	due("Africa/Lagos", "02:00", "2025-02-14T01:00:00.000Z",
	    "2025-02-14T01:00 2025-02-15T01:00");
	due("Asia/Kathmandu", "00:10", "2025-02-14T18:30:00.000Z",
	    "2025-02-14T18:25 2025-02-15T18:25");
	due("Pacific/Kiritimati", "02:00", "2025-02-14T11:59:00.000Z",
	    "2025-02-13T12:00 2025-02-14T12:00");
	/* skipped: as soon as clocks were put forward; twice: the first */
	due("Europe/Berlin", "02:30", "2025-03-30T00:59:00.000Z",
	    "2025-03-29T01:30 2025-03-30T01:00");
	due("Europe/Berlin", "02:30", "2025-03-30T01:00:00.000Z",
	    "2025-03-30T01:00 2025-03-31T00:30");
	due("Europe/Berlin", "02:30", "2025-10-26T01:00:00.000Z",
	    "2025-10-26T00:30 2025-10-27T01:30");
	due("America/New_York", "01:30", "2025-11-02T06:00:00.000Z",
	    "2025-11-02T05:30 2025-11-03T06:30");
	due("Australia/Lord_Howe", "02:15", "2025-10-04T16:00:00.000Z",
	    "2025-10-04T15:30 2025-10-05T15:15");
}

static void
cron_at_the_sites_hour_is_right(void **state)
{
	(void)state;
	begin_at("Africa/Lagos", "02:00", "2025-02-14T02:30:00.000Z");
	ran("2025-02-14T01:00:03.000Z", "");
	new_host("Africa/Lagos");
	cron_d("SHELL=/bin/sh\n# midwatch nightly\n\n"
	    "0 2 * * * root /usr/local/bin/midwatch nightly >/dev/null\n");
	is_right();
	assert_string_equal(look_str("fires"), "2025-02-15T01:00:00.000Z");
	new_host("UTC");
	host_file("/var/spool/cron/crontabs/oncall",
	    "0 1 * * * midwatch -c /etc/other.cfg.not nightly\n"
	    "0 1 * * * cd /srv && exec 'midwatch' nightly\n");
	is_right();
	/* a script of the site's own */
	new_host("UTC");
	host_file("/opt/nightly.sh", "#!/bin/sh\nMW=/usr/bin/midwatch\n"
	    "exec $MW nightly \"$@\"\n");
	host_file("/etc/crontab", "0 1 * * * root /opt/nightly.sh\n");
	is_right();
	forget_sets();
}

static void
cron_by_another_clock_is_found_out(void **state)
{
	(void)state;
	begin_at("Africa/Lagos", "02:00", "2025-02-14T02:30:00.000Z");
	ran("2025-02-14T01:00:03.000Z", "");
	new_host("UTC");
	cron_d("0 2 * * * root midwatch nightly\n");
	is_wrong("'/etc/cron.d/midwatch', line 1 starts it at 03:00 instead of "
	    "02:00; it goes by the clock of UTC, the site by Africa/Lagos");
	assert_string_equal(look_str("fires_on"), "2025-02-15T02:00:00.000Z");
	cron_d("CRON_TZ=Africa/Lagos\n0 2 * * * root midwatch nightly\n");
	is_wrong("the cron of this host does not heed CRON_TZ");
	cron_d("TZ=Africa/Lagos\n0 2 * * * root midwatch nightly\n");
	is_wrong("TZ in a crontab holds for the command");
	host_file("/usr/sbin/cron", "an ELF that knows CRON_TZ");
	cron_d("CRON_TZ=\"Africa/Lagos\"\n0 2 * * * root midwatch nightly\n");
	is_right();
	/* winter is right, summer is not; in the night of the change both are */
	clear(NULL);
	begin_at("Europe/Berlin", "02:00", "2025-02-14T02:30:00.000Z");
	cron_d("0 1 * * * root midwatch nightly\n");
	is_wrong("from 2025-03-31 on '/etc/cron.d/midwatch', line 1 starts it "
	    "at 03:00 instead of 02:00; it goes by the clock of UTC");
	clear(NULL);
	begin_at("America/New_York", "01:30", "2025-07-14T06:00:00.000Z");
	cron_d("30 5 * * * root midwatch nightly\n");
	is_wrong("from 2025-11-03 on '/etc/cron.d/midwatch', line 1 starts it "
	    "at 00:30 instead of 01:30");
	forget_sets();
}

static void
what_cron_leaves_out_does_not_start_it(void **state)
{
	static const char good[] = "0 2 * * * root midwatch nightly\n";

	(void)state;
	begin_at("Africa/Lagos", "02:00", "2025-02-14T02:30:00.000Z");
	ran("2025-02-14T01:00:03.000Z", "");
	new_host("Africa/Lagos");
	cron_d("0 2 * * * root midwatch nightly");
	is_wrong("cron ignores a file whose last line does not end");
	new_host("Africa/Lagos");
	host_file("/etc/cron.d/midwatch.cron", good);
	is_wrong("cron ignores a file with such a name");
	new_host("Africa/Lagos");
	cron_d(good);
	chmod(in_root("/etc/cron.d/midwatch"), 0666);
	is_wrong("cron ignores a file that others than root can write");
	chmod(in_root("/etc/cron.d/midwatch"), 0644);
	is_right();
	unlink(in_root("/run/crond.pid"));
	is_wrong("cron does not run on this host");
	unlink(in_root("/usr/sbin/cron"));
	is_wrong("no cron is installed on this host");
	new_host("Africa/Lagos");
	cron_d("@reboot root midwatch nightly\n");
	is_wrong("it only runs when the host starts");
	new_host("Africa/Lagos");
	cron_d("0 2 * * 1-5 root midwatch nightly\n");
	is_wrong("does not start it on 2025-02-15");
	new_host("Africa/Lagos");
	cron_d("*/5 * * * * root midwatch nightly\n");
	is_wrong("starts the nightly many times a day");
	/* run-parts */
	new_host("Africa/Lagos");
	host_file("/etc/cron.daily/midwatch.sh", "#!/bin/sh\nmidwatch nightly\n");
	host_file("/etc/crontab", "0 2 * * * root test -x /usr/sbin/anacron || "
	    "{ cd / && run-parts --report /etc/cron.daily; }\n");
	is_wrong("run-parts leaves it out for its name");
	assert_int_equal(rename(in_root("/etc/cron.daily/midwatch.sh"),
	    strcat(strcpy((char[2 * PATH_MAX]){ 0 }, root),
	    "/etc/cron.daily/midwatch")), 0);
	is_wrong("it is not executable");
	chmod(in_root("/etc/cron.daily/midwatch"), 0755);
	is_right();
	host_file("/usr/sbin/anacron", "x");
	is_wrong("starts the nightly at no fixed hour");
	forget_sets();
}

static void
two_that_start_it_are_one_too_many(void **state)
{
	(void)state;
	begin_at("Africa/Lagos", "02:00", "2025-02-14T02:30:00.000Z");
	ran("2025-02-14T01:00:03.000Z", "");
	new_host("Africa/Lagos");
	timer("OnCalendar=02:00");
	is_right();
	cron_d("0 2 * * * root midwatch nightly\n");
	is_wrong("it is started twice: by ");
	cron_d("0 5 * * * root midwatch nightly\n");
	is_wrong("it is started twice: by nightly.timer, and at 2025-02-14 "
	    "05:00 by '/etc/cron.d/midwatch', line 1");
	cron_d("0 5 * * * root midwatch nightly --dry-run\n"
	    "0 6 * * * root midwatch validate latest\n"
	    "0 6 * * * root MIDWATCH_CONFIG=/etc/passwd midwatch nightly\n");
	is_right();
	timer("OnCalendar=02:00\nOnCalendar=14:00");
	is_wrong("nightly.timer starts it once more, at 2025-02-14 14:00");
	forget_sets();
}

static void
timers_are_judged_as_systemd_would(void **state)
{
	(void)state;
	begin_at("Europe/Berlin", "02:30", "2025-02-14T02:30:00.000Z");
	ran("2025-02-14T01:30:03.000Z", "");
	new_host("UTC");
	timer("OnCalendar=*-*-* 02:30:00 Europe/Berlin");
	is_wrong("nightly.timer does not start it on 2025-03-30, when clocks "
	    "skip that hour");
	clear(NULL);
	begin_at("Africa/Lagos", "02:30", "2025-02-14T02:30:00.000Z");
	timer("OnCalendar=*-*-* 02:30:00 Africa/Lagos\nRandomizedDelaySec=5m");
	is_right();
	timer("OnCalendar=*-*-* 02:30:00 Africa/Lagos\nRandomizedDelaySec=2h");
	look();
	look_says(LEVEL_WARNING, "nightly.timer may delay it past its window");
	timer("OnCalendar=02:30");
	is_wrong("nightly.timer starts it at 03:30 instead of 02:30; it goes "
	    "by the clock of UTC");
	timer("OnCalendar=02:30 Africa/Lagoss");
	is_wrong("OnCalendar has no time: '02:30 Africa/Lagoss'");
	timer("OnUnitActiveSec=24h\nOnBootSec=5min");
	is_wrong("nightly.timer starts the nightly at no fixed hour");
	timer("AccuracySec=1s");
	is_wrong("it has no time at all");
	timer("OnCalendar=02:30 Africa/Lagos");
	unlink(in_root("/etc/systemd/system/timers.target.wants/"
	    "nightly.timer"));
	is_wrong("nightly.timer does not start the nightly: it is not enabled");
	assert_non_null(strstr(look_got.next, "systemctl enable --now "
	    "nightly.timer"));
	/* a drop-in of the site's own, over a packaged timer */
	new_host("UTC");
	timer("OnCalendar=daily");
	host_file("/etc/systemd/system/nightly.timer.d/hour.conf",
	    "[Timer]\nOnCalendar=\nOnCalendar=01:30\n");
	is_right();
	host_link("/etc/systemd/system/nightly.timer", "/dev/null");
	is_wrong("it is masked");
	/* no systemd: nothing of this counts */
	new_host("UTC");
	timer("OnCalendar=01:30");
	unlink(in_root("/run/systemd/system/.there"));
	assert_int_equal(rmdir(in_root("/run/systemd/system")), 0);
	is_wrong("systemd does not run on this host");
	forget_sets();
}

static void
a_template_and_another_service_are_followed(void **state)
{
	(void)state;
	begin_at("UTC", "02:00", "2025-02-14T02:30:00.000Z");
	ran("2025-02-14T02:00:03.000Z", "");
	new_host("UTC");
	host_file("/usr/lib/systemd/system/midwatch@.service",
	    "[Service]\nEnvironment=A=b\nExecStart=/usr/bin/midwatch nightly\n");
	host_file("/usr/lib/systemd/system/night.timer", "[Timer]\n"
	    "OnCalendar=02:00\nUnit=midwatch@prod.service\n");
	host_link("/etc/systemd/system/timers.target.wants/night.timer",
	    "/usr/lib/systemd/system/night.timer");
	is_right();
	host_file("/etc/systemd/system/midwatch@prod.service.d/site.conf",
	    "[Service]\nEnvironment=MIDWATCH_CONFIG=/etc/passwd\n");
	look();
	look_says(LEVEL_OK, "began at");
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "starters")), 0);
	forget_sets();
}

static void
nothing_that_starts_it_is_said(void **state)
{
	(void)state;
	begin_at("Africa/Lagos", "02:00", "2025-02-14T02:30:00.000Z");
	new_host("Africa/Lagos");
	is_wrong("nothing is seen to start the nightly: no timer and no "
	    "crontab here does");
	assert_non_null(strstr(look_got.next, "midwatch"));
	/* but it does run on time: from another host, then */
	ran("2025-02-14T01:00:03.000Z", "");
	is_right();
	forget_sets();
}

static void
files_of_any_bytes_are_no_harm(void **state)
{
	static const char bytes[] = "0123456789* \n=[]midwatch nightly/opt/x"
	    "\\@\x1b\xff";
	unsigned seed = 9;
	struct buf b = BUF_INIT;

	(void)state;
	begin_at("Africa/Lagos", "02:00", "2025-02-14T02:30:00.000Z");
	new_host("Africa/Lagos");
	host_file("/opt/x", "#!\n");
	for (int i = 0; i < 60; i++) {
		struct starters all = { .root = root };
		struct starter_ours ours = { root, "/etc/midwatch.cfg", NULL,
		    NULL };

		buf_clear(&b);
		for (int k = 0; k < 3000; k++)
			buf_ch(&b, bytes[(size_t)rand_r(&seed) %
			    (sizeof bytes - 1)]);
		b.p[b.n - 1] = '\n';
		cron_d(b.p);
		host_file("/etc/crontab", b.p);
		host_file("/etc/anacrontab", b.p);
		host_file("/etc/systemd/system/a.timer", b.p);
		host_file("/etc/systemd/system/a.service", b.p);
		starters_find(&all, starter_is_ours, &ours);
		starters_release(&all);
	}
	/* what is shown of it is clean */
	cron_d("0 2 * * * root midwatch nightly \x1b[2J\xe2\x80\xae\xff\n");
	look();
	look_is_clean();
	buf_release(&b);
}

#define TEST(f) cmocka_unit_test_teardown(f, clear)
static const struct CMUnitTest tests[] = {
	TEST(a_nightly_is_due_began_is_late_or_missed),
	TEST(the_journal_tells_what_ran),
	cmocka_unit_test(it_is_due_by_the_sites_clock_whatever_clocks_do),
	TEST(cron_at_the_sites_hour_is_right),
	TEST(cron_by_another_clock_is_found_out),
	TEST(what_cron_leaves_out_does_not_start_it),
	TEST(two_that_start_it_are_one_too_many),
	TEST(timers_are_judged_as_systemd_would),
	TEST(a_template_and_another_service_are_followed),
	TEST(nothing_that_starts_it_is_said),
	TEST(files_of_any_bytes_are_no_harm),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
