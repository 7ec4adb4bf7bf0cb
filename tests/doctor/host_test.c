/* WRAP: adjtimex */
#include "tests/doctor/kit.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include "base/clock.h"

#define SITE KIT_GROUP "};\n"

static int fake_status;		/* -1: the kernel does not say */

int __wrap_adjtimex(struct timex *t);

int
__wrap_adjtimex(struct timex *t)
{
	if (fake_status < 0) {
		errno = EPERM;
		return -1;
	}
	memset(t, 0, sizeof *t);
	t->status = fake_status;
	t->maxerror = 12345;
	return 0;
}

/* A PATH with nothing in it but what the test puts there. */
static void
begin(struct doctor *d, const char *text)
{
	(void)setenv("PATH", "/usr/bin:/bin", 1);
	kit_clean();
	(void)setenv("PATH", test_path("site/bin"), 1);
	kit_site(d, text);
}

static void
end(struct doctor *d)
{
	doctor_release(d);
	(void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
	    1);
}

static void
tools_that_the_site_needs_have_to_be_there(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, SITE "databases = ( { name = \"otc\"; } );\n"
	    "places = ( { name = \"box\"; container = \"c\"; } );");
	kit_check(&d, check_tools);
	FOUND(&d, DOCTOR_ERROR, "pg_dump");
	FOUND(&d, DOCTOR_ERROR, "pg_dumpall");
	FOUND(&d, DOCTOR_ERROR, "pg_restore");
	FOUND(&d, DOCTOR_ERROR, "docker");
	FOUND(&d, DOCTOR_WARNING, "psql");
	FOUND(&d, DOCTOR_WARNING, "tar");
	FOUND(&d, DOCTOR_WARNING, "ssh");
	assert_null(kit_found(&d, DOCTOR_WARNING, "podman"));
	assert_null(kit_found(&d, DOCTOR_ERROR, "podman"));
	end(&d);
}

static void
tools_elsewhere_are_not_needed_here(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, SITE "databases = ( { name = \"otc\"; dump_at = \"box\"; } );\n"
	    "places = ( { name = \"far\"; ssh = \"far\"; }, { name = \"box\"; "
	    "at = \"far\"; container = \"c\"; } );");
	assert_true(d.have_site);
	kit_check(&d, check_tools);
	FOUND(&d, DOCTOR_WARNING, "pg_dump");
	FOUND(&d, DOCTOR_ERROR, "ssh");
	assert_null(kit_found(&d, DOCTOR_ERROR, "docker"));
	end(&d);
}

static void
a_tool_that_hangs_or_fails_is_told_in_time(void **state)
{
	struct doctor d;
	int64_t before;

	(void)state;
	begin(&d, SITE "databases = ( { name = \"otc\"; } );");
	kit_program("bin/pg_dump", "#!/bin/sh\ntrap '' TERM\n"
	    "while :; do /bin/sleep 1; done\n");
	kit_program("bin/pg_restore", "#!/bin/sh\nexit 5\n");
	kit_program("bin/pg_dumpall", "#!/bin/sh\n"
	    "printf 'pg_dumpall 15.1\\033[31m\\nmore\\n'\n");
	kit_program("bin/psql", "#!/no/such/interpreter\n");
	before = clock_mono_ms();
	kit_check(&d, check_tools);
	assert_true(clock_mono_ms() - before < 8000);
	FOUND(&d, DOCTOR_ERROR, "pg_dump");
	FOUND(&d, DOCTOR_ERROR, "ended with exit 5");
	FOUND(&d, DOCTOR_OK, "pg_dumpall 15.1");
	FOUND(&d, DOCTOR_WARNING, "psql");
	for (size_t i = 0; i < d.findings.n; i++)
		assert_null(strstr(d.findings.v[i].seen, "more"));
	end(&d);
}

static void
the_whole_answer_comes_while_tools_hang(void **state)
{
	static const char *const names[] = { "pg_dump", "pg_restore", "psql",
		"ssh", "docker", "tar", "gzip", "timedatectl", "systemd-run" };
	char name[64];
	struct doctor d;
	int64_t before;

	(void)state;
	begin(&d, SITE "services = ( { name = \"s\"; check = \"true\"; } );");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(name, sizeof name, "bin/%s", names[i]);
		kit_program(name, "#!/bin/sh\nexec /bin/sleep 60\n");
	}
	fake_status = -1;
	before = clock_mono_ms();
	doctor_examine(&d);
	assert_true(clock_mono_ms() - before < 12000);
	FOUND(&d, DOCTOR_OK, "libraries");
	FOUND(&d, DOCTOR_OK, "spare");
	FOUND(&d, DOCTOR_WARNING, "pg_dump");
	FOUND(&d, DOCTOR_WARNING, "unknown whether");
	end(&d);
}

static void
a_clock_that_nobody_keeps_is_told(void **state)
{
	static const struct {
		const char *label, *timedatectl, *found;
		int status;
		enum doctor_level level;
	} rows[] = {
		{ "the kernel says yes", NULL, "off by", 0, DOCTOR_OK },
		{ "the kernel says no", NULL, "not synchronised", STA_UNSYNC,
		    DOCTOR_WARNING },
		{ "timedatectl knows better", "echo yes", "says timedatectl",
		    STA_UNSYNC, DOCTOR_OK },
		{ "timedatectl alone says no", "echo no", "not synchronised",
		    -1, DOCTOR_WARNING },
		{ "timedatectl fails", "echo yes; exit 1", "unknown", -1,
		    DOCTOR_WARNING },
		{ "nobody says anything", NULL, "unknown", -1, DOCTOR_WARNING },
	};
	char script[128];
	struct doctor d;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i].label);
		begin(&d, SITE);
		if (rows[i].timedatectl != NULL) {
			(void)snprintf(script, sizeof script, "#!/bin/sh\n%s\n",
			    rows[i].timedatectl);
			kit_program("bin/timedatectl", script);
		}
		fake_status = rows[i].status;
		kit_check(&d, check_clock);
		assert_int_equal(d.findings.n, 1);
		FOUND(&d, rows[i].level, rows[i].found);
		end(&d);
	}
}

static void
zones_of_site_and_host_are_told_apart(void **state)
{
	struct doctor d;

	(void)state;
	kit_clean();
	(void)setenv("TZ", "America/Lima", 1);
	doctor_init(&d, test_write("site/midwatch.cfg", KIT_GROUP
	    "timezone = \"Africa/Lagos\"; };"), NULL);
	kit_check(&d, check_zone);
	FOUND(&d, DOCTOR_OK, "the site is in Africa/Lagos");
	FOUND(&d, DOCTOR_OK, "this host is in America/Lima");
	doctor_release(&d);
	(void)setenv("TZ", "Africa/Lagos", 1);
	doctor_init(&d, test_path("site/midwatch.cfg"), NULL);
	kit_check(&d, check_zone);
	FOUND(&d, DOCTOR_OK, "site and host are in Africa/Lagos");
	doctor_release(&d);
}

static void
core_files_are_a_warning_unless_none_are_written(void **state)
{
	struct rlimit l, none;
	char *pattern = test_read("/proc/sys/kernel/core_pattern");
	struct doctor d;

	(void)state;
	begin(&d, SITE);
	assert_int_equal(getrlimit(RLIMIT_CORE, &l), 0);
	none = l;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_CORE, &none), 0);
	kit_check(&d, check_core);
	FOUND(&d, pattern[0] == '|' || pattern[0] == '\n' ? DOCTOR_WARNING :
	    DOCTOR_OK, "core files");
	none.rlim_cur = l.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_CORE, &none), 0);
	kit_check(&d, check_core);
	if (none.rlim_cur != 0)
		FOUND(&d, DOCTOR_WARNING, "passwords may be in it");
	assert_int_equal(setrlimit(RLIMIT_CORE, &l), 0);
	free(pattern);
	end(&d);
}

static void
findings_travel_as_bytes(void **state)
{
	struct doctor a = { 0 }, b = { 0 };
	struct buf bytes = BUF_INIT;

	(void)state;
	doctor_found(&a, DOCTOR_ERROR, "one", "seen %d", 1);
	doctor_todo(&a, "%s", "Do this.");
	doctor_found(&a, DOCTOR_OK, "two", "%s", "");
	doctor_pack(&a, &bytes);
	doctor_unpack(&b, &bytes);
	assert_int_equal(b.findings.n, 2);
	assert_int_equal(b.findings.v[0].level, DOCTOR_ERROR);
	assert_string_equal(b.findings.v[0].check, "one");
	assert_string_equal(b.findings.v[0].seen, "seen 1");
	assert_string_equal(b.findings.v[0].todo, "Do this.");
	assert_string_equal(b.findings.v[1].seen, "");
	buf_release(&bytes);
	doctor_release(&a);
	doctor_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(tools_that_the_site_needs_have_to_be_there),
	cmocka_unit_test(tools_elsewhere_are_not_needed_here),
	cmocka_unit_test(a_tool_that_hangs_or_fails_is_told_in_time),
	cmocka_unit_test(the_whole_answer_comes_while_tools_hang),
	cmocka_unit_test(a_clock_that_nobody_keeps_is_told),
	cmocka_unit_test(zones_of_site_and_host_are_told_apart),
	cmocka_unit_test(core_files_are_a_warning_unless_none_are_written),
	cmocka_unit_test(findings_travel_as_bytes),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
