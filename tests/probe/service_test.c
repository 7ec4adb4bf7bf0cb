#include "tests/probe/hosts.h"

extern const struct probe probe_service;

static int port;

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	if (kit_keys())
		port = kit_sshd("plain.conf", "", false);
	return 0;
}

static int
stop(void **state)
{
	hosts_clear();
	return kit_stop(state);
}

/* here: beside the site file; over ssh: in the login's home. */
static void
site_of(int way, const char *check)
{
	if (way == 0)
		hosts_site("services = ( { name = \"api\"; check = %s; } );",
		    check);
	else
		hosts_site("places = ( %s );\nservices = ( { name = \"api\"; at"
		    " = \"box\"; check = %s; } );", hosts_place("box", port, ""),
		    check);
}

static const struct {
	const char *check;
	enum level level;
	int exit;
	const char *text;
} checks[] = {
	{ "\"true\"", LEVEL_OK, 0, "up" },
	{ "( \"true\" )", LEVEL_OK, 0, "up" },
	{ "\"echo words >&2; echo more\"", LEVEL_OK, 0, "up" },
	{ "\"exit 7\"", LEVEL_CRITICAL, 7, "down: its check ended with exit 7" },
	{ "( \"false\" )", LEVEL_CRITICAL, 1,
		"down: its check ended with exit 1" },
	{ "\"echo out; echo; echo ' first one ' >&2; echo second >&2; exit 3\"",
		LEVEL_CRITICAL, 3, "exit 3: first one" },
	{ "\"echo only out; exit 22\"", LEVEL_CRITICAL, 22,
		"exit 22: only out" },
	{ "\"kill -9 $$\"", LEVEL_CRITICAL, 137, "exit 137" },
	{ "( \"sh\", \"-c\", \"echo $0 \\\"$1\\\" >&2; exit 1\", \"it's\","
	    " \"a b;$(id)\" )", LEVEL_CRITICAL, 1, "exit 1: it's a b;$(id)" },
	{ "\"printf '" "\\\\033[2J\\\\033]0;x\\\\007\\\\342\\\\200\\\\256abc"
	    "\\\\302\\\\2332J\\\\377\\\\342\\\\200\\\\213.\\\\r" "' >&2; exit 1"
	    "\"", LEVEL_CRITICAL, 1, "exit 1: " EVIL_CLEAN },
};

static void
exit_0_is_up_and_all_else_is_down_with_its_words(void **state)
{
	(void)state;
	for (int way = 0; way < (port ? 2 : 1); way++)
		for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
			struct reading *r;

			test_case(checks[i].check);
			site_of(way, checks[i].check);
			r = hosts_read(&probe_service, "api");
			assert_int_equal(r->level, checks[i].level);
			assert_int_equal(DATA_INT(r, "exit"), checks[i].exit);
			assert_int_equal(DATA_BOOL(r, "up"),
			    checks[i].exit == 0);
			HAS(r->text, checks[i].text);
			/* there may be a password in it */
			assert_null(json_object_get(r->data, "check"));
		}
}

static void
a_check_that_cannot_run_says_nothing_of_the_service(void **state)
{
	static const char *const broken[] = { "\"no-such-program-here\"",
		"( \"no-such-program-here\" )", "\"/etc/passwd\"" };

	(void)state;
	for (int way = 0; way < (port ? 2 : 1); way++)
		for (size_t i = 0; i < 3; i++) {
			struct reading *r;

			test_case(broken[i]);
			site_of(way, broken[i]);
			r = hosts_read(&probe_service, "api");
			assert_int_equal(r->level, LEVEL_UNKNOWN);
			assert_null(r->text);
			HAS(r->error, "its check cannot run: exit 12");
			HAS(r->next, "correct the check");
		}
}

static void
a_check_runs_in_the_folder_of_the_site_file(void **state)
{
	struct reading *r;

	(void)state;
	(void)test_write("beside", "");
	site_of(0, "\"test -f beside\"");
	r = hosts_read(&probe_service, "api");
	assert_int_equal(r->level, LEVEL_OK);
	site_of(0, "( \"test\", \"-f\", \"beside\" )");
	r = hosts_read(&probe_service, "api");
	assert_int_equal(r->level, LEVEL_OK);
}

/* A zombie whose new parent does not care does not run. */
static bool
runs(int pid)
{
	char path[64], *stat;
	bool yes;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (access(path, R_OK) != 0)
		return false;
	stat = test_read(path);
	yes = strstr(stat, ") Z ") == NULL;
	free(stat);
	return yes;
}

static void
a_check_that_hangs_is_ended_with_all_that_it_started(void **state)
{
	(void)state;
	for (int way = 0; way < (port ? 2 : 1); way++) {
		int64_t begun = clock_mono_ms();
		struct reading *r;
		char check[PATH_MAX + 64];

		snprintf(check, sizeof check, "\"sleep 61%d & echo $! >%s/pid;"
		    " wait\"", way, test_dir());
		site_of(way, check);
		hosts.limit_ms = 800;
		r = hosts_read(&probe_service, "api");
		hosts.limit_ms = 0;
		assert_int_equal(r->level, LEVEL_UNKNOWN);
		HAS(r->error, "did not end in time");
		assert_in_range(clock_mono_ms() - begun, 700, 9000);

		char *pid = test_read(test_path("pid"));
		int64_t n = 0;

		pid[strcspn(pid, "\n")] = '\0';
		assert_true(text_int(pid, 2, INT32_MAX, &n));
		free(pid);
		for (int i = 0; i < 50 && runs((int)n); i++)
			clock_sleep_ms(20);
		assert_false(runs((int)n));
	}
}

static void
a_flood_of_words_is_cut(void **state)
{
	struct reading *r;

	(void)state;
	site_of(0, "\"head -c 3000000 /dev/zero | tr '\\\\0' x >&2; exit 1\"");
	r = hosts_read(&probe_service, "api");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_in_range(strlen(r->text), 100, 300);
	assert_in_range(strlen(DATA_STR(r, "said")), 100, 200);
}

/* Bytes that nobody chose, a thousand times. */
static void
random_bytes_never_reach_a_screen_as_they_are(void **state)
{
	(void)state;
	hosts.quiet = true;
	site_of(0, "( \"sh\", \"-c\", \"head -c 300 /dev/urandom >&2; exit 1\" )");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(hosts_read(&probe_service, "api")->level,
		    LEVEL_CRITICAL);
	hosts.quiet = false;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(exit_0_is_up_and_all_else_is_down_with_its_words),
	cmocka_unit_test(a_check_that_cannot_run_says_nothing_of_the_service),
	cmocka_unit_test(a_check_runs_in_the_folder_of_the_site_file),
	cmocka_unit_test(a_check_that_hangs_is_ended_with_all_that_it_started),
	cmocka_unit_test(a_flood_of_words_is_cut),
	cmocka_unit_test(random_bytes_never_reach_a_screen_as_they_are),
};

int
main(void)
{
	return cmocka_run_group_tests_name("service_test", tests, start, stop);
}
