#include "tests/place/kit.h"
#include "tests/probe/look.h"

#include <sys/time.h>

extern const struct probe probe_log;

/* What a probe remembers ends with its process. */
static struct target log_, other;

static const char logs[] =
    "logs = ( { name = \"backup\"; path = \"logs/backup.log\"; },\n"
    "  { name = \"app\"; path = \"logs/app.log\"; },\n"
    "  { name = \"access\"; path = \"logs/access.log\"; } );\n"
    "schedule = { nightly = \"02:00\"; window = \"90m\"; rpo = \"24h\"; };\n";

static int
begin(void **state)
{
	(void)state;
	mkdir(test_path("logs"), 0755);
	look_begin("Africa/Lagos", logs, false);
	log_ = look_target(&probe_log, "backup");
	return 0;
}

static int
end(void **state)
{
	unlink(test_path("logs/backup.log"));
	unlink(test_path("logs/backup.log.1"));
	return look_end(state);
}

static void
append(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(test_path(name), "ae");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void
add(const char *text)
{
	append("logs/backup.log", text, strlen(text));
}

static void
new_alarms_of_the_log_are_told_with_what_to_do(void **state)
{
	(void)state;
	add("all is well\n");
	look_at(&log_);
	look_says(LEVEL_OK, "last line just now, 1 new line");
	assert_int_equal(look_int("new_lines"), 1);
	assert_string_equal(look_str("last"), "all is well");
	add("[ERROR] Disk usage at 96% – unsafe for backup\n"
	    "[ERROR] Unable to authenticate to ARP database\n"
	    "[FAIL] Nightly production backup aborted\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 3);
	look_says(LEVEL_CRITICAL, "and 2 other alarms");
	look_says(LEVEL_CRITICAL, "3 new lines");
	assert_non_null(strstr(look_got.next, "midwatch incident open --alarm "));
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "alarms")), 3);
	/* it stays, and is not told as new */
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 0);
	look_says(LEVEL_CRITICAL, "and 2 other alarms");
	look_is_clean();
	/* a good run later answers it */
	add("nightly backup started\nnightly backup finished\n");
	look_at(&log_);
	look_says(LEVEL_OK, "last line");
}

static void
the_first_look_is_at_the_last_64_KiB(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_str(&b, "[FAIL] Nightly production backup aborted\n");
	while (b.n < 200 << 10)
		buf_str(&b, "an ordinary line of the log, nothing to see\n");
	append("logs/backup.log", b.p, b.n);
	look_at(&log_);
	look_says(LEVEL_OK, "last line");
	assert_in_range(look_int("new_lines"), 1485, 1490);
	buf_release(&b);
}

static void
a_line_is_not_read_before_it_is_whole(void **state)
{
	(void)state;
	add("one\n[FAIL] Nightly produc");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 1);
	look_says(LEVEL_OK, "last line");
	add("tion backup abor");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 0);
	add("ted\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 1);
	look_says(LEVEL_CRITICAL, "[FAIL] Nightly production backup aborted");
	/* nobody goes on writing: it is a line as it stands */
	add("half a line");
	look_at(&log_);
	assert_string_equal(look_str("last"),
	    "[FAIL] Nightly production backup aborted");
	look_at(&log_);
	assert_string_equal(look_str("last"), "half a line");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 0);
	/* status looks once, and at all of it */
	add("\n[FAIL] PROD backup");
	look_eye.once = true;
	look_at(&log_);
	assert_string_equal(look_str("last"), "[FAIL] PROD backup");
}

static void
a_rotated_log_is_read_to_its_end(void **state)
{
	char from[PATH_MAX], to[PATH_MAX];

	(void)state;
	add("one\ntwo\n");
	look_at(&log_);
	add("[ERROR] Disk usage at 96% – unsafe for backup\n");
	snprintf(from, sizeof from, "%s", test_path("logs/backup.log"));
	snprintf(to, sizeof to, "%s", test_path("logs/backup.log.1"));
	assert_int_equal(rename(from, to), 0);
	add("three\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 2);
	assert_true(json_get_bool(look_got.data, "replaced"));
	assert_string_equal(look_str("last"), "three");
	look_says(LEVEL_CRITICAL, "Disk usage at 96%");
	/* by date */
	add("four\n");
	look_at(&log_);
	add("five\nsix\n");
	snprintf(to, sizeof to, "%s", test_path("logs/backup.log-20250214"));
	assert_int_equal(rename(from, to), 0);
	add("seven\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 3);
	unlink(to);
}

static void
a_log_that_was_copied_and_truncated_goes_on(void **state)
{
	struct stat st;

	(void)state;
	add("one\ntwo\n");
	look_at(&log_);
	add("three\n");
	assert_true(kit_sh("cd $1/logs && cp backup.log backup.log.1 && "
	    ": >backup.log"));
	add("four\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 2);
	assert_string_equal(look_str("last"), "four");
	/* truncated, and already longer than it was */
	assert_true(kit_sh(": >$1/logs/backup.log"));
	unlink(test_path("logs/backup.log.1"));
	add("other words than before, and many more of them\nsix\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 2);
	/* and down to nothing */
	assert_true(kit_sh(": >$1/logs/backup.log"));
	look_at(&log_);
	look_says(LEVEL_OK, "empty, for ");
	assert_int_equal(stat(test_path("logs/backup.log"), &st), 0);
	add("seven\n");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 1);
}

static void
what_comes_too_fast_is_said_to_be_skipped(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	add("one\n");
	look_at(&log_);
	while (b.n < 600 << 10)
		buf_str(&b, "an ordinary line of the log, nothing to see\n");
	buf_str(&b, "last\n");
	append("logs/backup.log", b.p, b.n);
	look_at(&log_);
	assert_in_range(look_int("skipped"), 340 << 10, 350 << 10);
	assert_string_equal(look_str("last"), "last");
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 0);
	assert_int_equal(look_int("skipped"), -1);
	buf_release(&b);
}

static void
a_missing_log_is_told_apart_from_one_that_went(void **state)
{
	(void)state;
	look_at(&log_);
	look_says(LEVEL_OK, "is not there yet");
	other = look_target(&probe_log, "app");
	look_at(&other);
	look_says(LEVEL_WARNING, "there is no '");
	assert_non_null(look_got.next);
	add("one\n");
	look_at(&log_);
	unlink(test_path("logs/backup.log"));
	look_at(&log_);
	look_says(LEVEL_WARNING, "is gone");
	assert_int_equal(mkdir(test_path("logs/backup.log"), 0755), 0);
	look_at(&log_);
	assert_int_equal(look_got.level, LEVEL_UNKNOWN);
	assert_non_null(strstr(look_got.error, "is no file"));
	rmdir(test_path("logs/backup.log"));
	assert_int_equal(mkfifo(test_path("logs/backup.log"), 0600), 0);
	look_at(&log_);
	assert_non_null(strstr(look_got.error, "is no file"));
}

static void
a_link_is_followed(void **state)
{
	(void)state;
	append("logs/real.log", "one\n", 4);
	assert_int_equal(symlink("real.log", test_path("logs/backup.log")), 0);
	look_at(&log_);
	assert_string_equal(look_str("last"), "one");
	append("logs/real.log", "two\n", 4);
	look_at(&log_);
	assert_int_equal(look_int("new_lines"), 1);
	unlink(test_path("logs/real.log"));
	look_at(&log_);
	look_says(LEVEL_WARNING, "is gone");
}

static void
written_at(const char *utc)
{
	int64_t ms = look_utc(utc);
	struct timeval tv[2] = { { ms / 1000, 0 }, { ms / 1000, 0 } };

	assert_int_equal(utimes(test_path("logs/backup.log"), tv), 0);
}

static void
the_age_is_the_last_lines_own(void **state)
{
	(void)state;
	clock_fake(look_utc("2025-02-14T09:00:00.000Z"));
	add("2025-02-14 03:00:00 nightly backup finished\n");
	written_at("2025-02-14T02:00:00.000Z");
	look_at(&log_);
	look_says(LEVEL_OK, "last line 7 h 00 min ago");
	assert_string_equal(look_str("last_at"), "2025-02-14T02:00:00.000Z");
	assert_string_equal(look_str("success_at"), "2025-02-14T02:00:00.000Z");
	/* the host that writes it lives in UTC */
	add("2025-02-14 08:00:00 more\n");
	written_at("2025-02-14T08:00:00.000Z");
	look_at(&log_);
	look_says(LEVEL_OK, "last line 60 min ago");
	/* old words, and nobody wrote any since */
	clock_fake(look_utc("2025-02-16T09:00:00.000Z"));
	look_at(&log_);
	look_says(LEVEL_WARNING, "written 2 d 1 h ago, and the nightly should "
	    "write some each night");
	add("2025-02-16 19:37:00 from tomorrow\n");
	written_at("2025-02-16T08:59:00.000Z");
	look_at(&log_);
	look_says(LEVEL_WARNING, "in the future");
}

static void
an_alarm_is_news_for_a_day(void **state)
{
	(void)state;
	add("2025-02-14 03:00:00 [FAIL] Nightly production backup aborted\n");
	written_at("2025-02-14T02:00:00.000Z");
	clock_fake(look_utc("2025-02-14T20:00:00.000Z"));
	look_at(&log_);
	look_says(LEVEL_CRITICAL, "backup aborted (18 h 00 min ago)");
	clock_fake(look_utc("2025-02-15T02:00:01.000Z"));
	look_at(&log_);
	look_says(LEVEL_OK, "last line");
}

static void
failed_logins_are_left_to_the_access_reading(void **state)
{
	static const char line[] = "Feb 14 02:00:00 db1 x: password "
	    "authentication failed for user \"backup\"\n";

	(void)state;
	append("logs/access.log", line, sizeof line - 1);
	other = look_target(&probe_log, "access");
	look_at(&other);
	look_says(LEVEL_OK, "last line");
}

static void
hostile_lines_come_out_clean(void **state)
{
	static const char bad[] = "[FAIL] Nightly backup \x1b]0;owned\a\x1b[2J"
	    "\xe2\x80\xae" "dekcah\xff\xfe\0 aborted\r\x9b" "31m\n";
	struct buf b = BUF_INIT;
	unsigned seed = 11;

	(void)state;
	append("logs/backup.log", bad, sizeof bad - 1);
	look_at(&log_);
	look_says(LEVEL_CRITICAL, "[FAIL] Nightly backup <U+202E>dekcah");
	look_is_clean();
	for (int i = 0; i < 3000; i++) {
		for (int k = 0; k < 40; k++)
			buf_ch(&b, (char)rand_r(&seed));
		buf_str(&b, " \x1b[31mdisk is full\xe2\x80\xae\n");
		if (i % 500 == 499) {
			append("logs/backup.log", b.p, b.n);
			buf_clear(&b);
			look_at(&log_);
			look_is_clean();
		}
	}
	buf_fill(&b, 'x', 1 << 20);
	append("logs/backup.log", b.p, b.n);
	look_at(&log_);
	look_is_clean();
	assert_true(strlen(look_got.text) < 600);
	buf_release(&b);
}

static void
a_site_may_have_its_own_alarms(void **state)
{
	(void)state;
	add("the moon is full\ndisk is full\n");
	look_at(&log_);
	look_says(LEVEL_CRITICAL, "disk is full");
	test_write("alarms.cfg", "alarms = ( { alarm = \"moon\"; "
	    "match = \"moon is full\"; runbook = \"x\"; "
	    "severity = \"SEV-3\"; } );\n");
	other = look_target(&probe_log, "backup");
	look_at(&other);
	look_says(LEVEL_WARNING, "the moon is full");
	assert_int_equal(json_array_size(json_object_get(look_got.data,
	    "alarms")), 1);
	test_write("alarms.cfg", "alarms = ( { alarm = \"moon\"; "
	    "match = \"(\"; runbook = \"x\"; severity = \"SEV-3\"; } );\n");
	look_at(&other);
	look_says(LEVEL_WARNING, "no line can be known as an alarm: ");
	look_says(LEVEL_WARNING, "alarms.cfg:1: alarms[0]: '(' is no regular");
	unlink(test_path("alarms.cfg"));
}

static void
a_log_on_another_host_is_read_as_it_grows(void **state)
{
	char known[PATH_MAX], text[3 * PATH_MAX];
	int port;

	(void)state;
	if (!kit_keys() || getuid() != 0)
		test_skip("no sshd can be run here");
	unsetenv("SSH_AUTH_SOCK");
	port = kit_sshd("log.conf", "", false);
	snprintf(known, sizeof known, "%s", kit_known("known", port,
	    "hostkey.pub"));
	look_end(NULL);
	snprintf(text, sizeof text, "places = ( { name = \"nas\"; "
	    "ssh = \"root@127.0.0.1\"; port = %d; identity = \"%s\"; "
	    "known_hosts = \"%s\"; } );\n"
	    "logs = ( { name = \"far\"; at = \"nas\"; path = \"%s\"; } );\n",
	    port, test_path("userkey"), known, test_path("logs/far.log"));
	look_begin("UTC", text, false);
	other = look_target(&probe_log, "far");
	append("logs/far.log", "one\n", 4);
	look_at(&other);
	look_says(LEVEL_OK, "last line");
	append("logs/far.log", "[FAILURE] PROD nightly backup stopped\n", 38);
	look_at(&other);
	assert_int_equal(look_int("new_lines"), 1);
	look_says(LEVEL_CRITICAL, "[FAILURE] PROD nightly backup stopped");
	/* rotated there: only the bytes can tell */
	assert_true(kit_sh("cd $1/logs && echo two >>far.log && "
	    "mv far.log far.log.1 && echo 'a new file, longer than the old "
	    "one was when it was looked at last' >far.log"));
	look_at(&other);
	assert_int_equal(look_int("new_lines"), 2);
	assert_true(json_get_bool(look_got.data, "replaced"));
	unlink(test_path("logs/far.log"));
	look_at(&other);
	look_says(LEVEL_WARNING, "is gone");
	kit_stop(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
static const struct CMUnitTest tests[] = {
	TEST(new_alarms_of_the_log_are_told_with_what_to_do),
	TEST(the_first_look_is_at_the_last_64_KiB),
	TEST(a_line_is_not_read_before_it_is_whole),
	TEST(a_rotated_log_is_read_to_its_end),
	TEST(a_log_that_was_copied_and_truncated_goes_on),
	TEST(what_comes_too_fast_is_said_to_be_skipped),
	TEST(a_missing_log_is_told_apart_from_one_that_went),
	TEST(a_link_is_followed),
	TEST(the_age_is_the_last_lines_own),
	TEST(an_alarm_is_news_for_a_day),
	TEST(failed_logins_are_left_to_the_access_reading),
	TEST(hostile_lines_come_out_clean),
	TEST(a_site_may_have_its_own_alarms),
	TEST(a_log_on_another_host_is_read_as_it_grows),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, kit_stop);
}
