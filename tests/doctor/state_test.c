#include "tests/doctor/kit.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "record/incident.h"

#define SITE KIT_GROUP "};\n"

static void
begin(struct doctor *d, const char *text)
{
	kit_clean();
	(void)umask(007);
	kit_site(d, text);
}

/* ---- the directory --------------------------------------------------------- */

static void
an_empty_site_is_made_ready_and_that_is_said(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_OK, "made: '");
	FOUND(&d, DOCTOR_OK, "made: the next incident is reserved");
	assert_true(file_is_dir(test_path("site/state/spare/slots/48")));
	kit_check(&d, check_state);
	assert_null(kit_found(&d, DOCTOR_OK, "made: "));
	assert_int_equal(doctor_count(&d, DOCTOR_OK), 2);
	kit_check(&d, check_reserve);
	FOUND(&d, DOCTOR_OK, "reserved");
	kit_check(&d, check_space);
	assert_int_equal(d.findings.n, 1);
	kit_check(&d, check_log);
	FOUND(&d, DOCTOR_OK, "intact, 0 lines");
	kit_check(&d, check_incident);
	FOUND(&d, DOCTOR_OK, "none is open");
	kit_check(&d, check_jobs);
	FOUND(&d, DOCTOR_OK, "0 running");
	doctor_release(&d);
}

/* Every name below the state directory, into a file. */
static char *
names(void)
{
	char cmd[PATH_MAX * 3];

	(void)snprintf(cmd, sizeof cmd, "find '%s' | sort >'%s'",
	    test_path("site/state"), test_path("names"));
	assert_int_equal(system(cmd), 0);
	return test_read(test_path("names"));
}

static void
looking_leaves_nothing_behind(void **state)
{
	static const char *const dirs[] = { "/var/tmp", "/var/lib", "/home",
		"/opt", "/tmp", "/dev/shm", "/run" };
	char *before, *after, left[64];
	struct doctor d;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	before = names();
	kit_check(&d, check_reserve);
	kit_check(&d, check_second);
	kit_check(&d, check_log);
	kit_check(&d, check_incident);
	kit_check(&d, check_jobs);
	after = names();
	assert_string_equal(before, after);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		(void)snprintf(left, sizeof left, "%s/.reserve-%ld", dirs[i],
		    (long)getpid());
		assert_false(file_exists(left));
	}
	free(before);
	free(after);
	doctor_release(&d);
}

static void
a_state_directory_with_the_wrong_mode_is_told(void **state)
{
	struct buf b = BUF_INIT;
	struct doctor d;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	assert_int_equal(chmod(test_path("site/state"), 0755), 0);
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_WARNING, "mode 0755");
	assert_int_equal(chmod(test_path("site/state"), 02777), 0);
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_WARNING, "everybody on this host can look in");
	doctor_release(&d);

	/* whoever is meant to share it cannot */
	buf_printf(&b, KIT_GROUP "group = \"%s\"; };",
	    getgrgid(getegid())->gr_name);
	kit_site(&d, b.p);
	assert_int_equal(chmod(test_path("site/state"), 0750), 0);
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "mode 0750");
	assert_int_equal(chmod(test_path("site/state"), 02770), 0);
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_OK, "shared by the group");
	doctor_release(&d);
	kit_site(&d, KIT_GROUP "group = \"games\"; };");
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "the site file says 'games'");
	doctor_release(&d);
	buf_release(&b);
}

static void
a_group_that_does_not_exist_is_told(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, KIT_GROUP "group = \"no-such-group\"; };");
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "no-such-group");
	kit_check(&d, check_reserve);
	assert_int_equal(d.findings.n, 0);
	doctor_release(&d);
}

static void
a_state_directory_of_ones_own_is_a_warning(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, SITE);
	d.state.shared = false;
	d.state.note = xstrdup("it is seen by you alone");
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_WARNING, "seen by you alone");
	doctor_release(&d);
}

static void
a_path_that_cannot_be_made_is_an_error(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, "site = { name = \"t\"; state = \"midwatch.cfg/x\"; };");
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "state");
	doctor_release(&d);
}

/* ---- the spare -------------------------------------------------------------- */

static void
a_spare_that_does_not_keep_its_space_is_an_error(void **state)
{
	struct doctor d;
	int fd;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	fd = open(test_path("site/state/spare/journal.jsonl"),
	    O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	kit_check(&d, check_state);
	/* where each write takes a new block there is nothing to keep */
	if (file_cow(fd))
		FOUND(&d, DOCTOR_OK, "spare");
	else
		FOUND(&d, DOCTOR_ERROR, "really there");
	close(fd);
	(void)test_write("site/state/spare/journal.jsonl", "x");
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "its journal is not empty");
	assert_int_equal(truncate(test_path("site/state/spare/journal.jsonl"),
	    0), 0);
	assert_int_equal(unlink(test_path(
	    "site/state/spare/slots/17/job.json")), 0);
	kit_check(&d, check_state);
	FOUND(&d, DOCTOR_ERROR, "job slots are missing");
	doctor_release(&d);
}

/* ---- the second journal ------------------------------------------------------ */

static bool
open_incident(struct doctor *d, struct incident *inc)
{
	struct draft first = { .kind = EVENT_INCIDENT_OPENED, .text = "disk" };
	char id[STATE_ID_MAX];
	struct err e = ERR_INIT;
	bool reserved;

	assert_true(state_incident_new(&d->state, "INC", clock_wall_ms(), id,
	    &reserved, &e));
	char *dir = state_path(&d->state, "incidents/%s", id);
	assert_true(incident_load(inc, dir, &e));
	free(dir);
	return journal_append(&inc->j, &first, 1, NULL, NULL, NULL, &e);
}

static void
the_second_journal_is_found_where_an_incident_takes_it(void **state)
{
	struct incident inc = INCIDENT_INIT;
	struct err e = ERR_INIT;
	struct doctor d;
	struct buf want = BUF_INIT;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	kit_check(&d, check_second);
	assert_int_equal(d.findings.n, 1);
	assert_true(open_incident(&d, &inc));
	if (journal_choose_second(&inc.j, NULL, 0, "journal.jsonl", &e)) {
		assert_true(incident_poll(&inc, &e));
		buf_printf(&want, "possible in '%s", inc.j.second.path);
		/* …/midwatch-DEV-INO/journal.jsonl */
		*strstr(want.p, "/midwatch-") = '\0';
		FOUND(&d, d.findings.v[0].level, want.p);
		journal_drop_second(&inc.j);
	} else
		FOUND(&d, DOCTOR_WARNING, "no other file system");
	incident_release(&inc);
	doctor_release(&d);
	buf_release(&want);
}

static void
a_named_second_folder_that_is_no_use_is_an_error(void **state)
{
	struct doctor d;

	(void)state;
	begin(&d, KIT_GROUP "second = \"none\"; };");
	kit_check(&d, check_state);
	kit_check(&d, check_second);
	FOUND(&d, DOCTOR_ERROR, "none' is not there");
	assert_int_equal(mkdir(test_path("site/none"), 0700), 0);
	kit_check(&d, check_second);
	FOUND(&d, DOCTOR_ERROR, "on the same file system");
	doctor_release(&d);
}

/* ---- incidents --------------------------------------------------------------- */

static void
an_open_incident_is_told_and_its_journal_is_verified(void **state)
{
	struct incident inc = INCIDENT_INIT;
	struct err e = ERR_INIT;
	struct doctor d;
	char *path, *text;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	assert_true(open_incident(&d, &inc));
	kit_check(&d, check_incident);
	FOUND(&d, DOCTOR_WARNING, "is open since");
	FOUND(&d, DOCTOR_OK, "the only incident is intact");
	assert_true(incident_say(&inc, EVENT_INCIDENT_RESOLVED, NULL, "well", NULL,
	    &e));
	kit_check(&d, check_incident);
	FOUND(&d, DOCTOR_WARNING, "not closed");

	path = file_join(inc.dir, "journal.jsonl");
	text = test_read(path);
	*strstr(text, "disk") = 'D';
	(void)test_write(path, text);
	kit_check(&d, check_incident);
	FOUND(&d, DOCTOR_ERROR, "was changed");
	assert_null(kit_found(&d, DOCTOR_OK, "journals"));
	free(path);
	free(text);
	incident_release(&inc);
	doctor_release(&d);
}

/* Files of more than n bytes cannot grow: the first journal is one of them. */
static void
limit_files(rlim_t n)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = n == 0 ? l.rlim_max : n;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void
a_second_journal_in_use_is_settled_when_that_is_possible(void **state)
{
	struct incident inc = INCIDENT_INIT;
	struct err e = ERR_INIT;
	struct doctor d;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	assert_true(open_incident(&d, &inc));
	if (!journal_choose_second(&inc.j, NULL, 0, "journal.jsonl", &e)) {
		incident_release(&inc);
		doctor_release(&d);
		test_skip("there is no second file system");
		return;
	}
	for (int i = 0; i < 40; i++)
		assert_true(incident_say(&inc, EVENT_NOTE, NULL, "a note",
		    NULL, &e));
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(16 << 10);
	assert_true(incident_say(&inc, EVENT_NOTE, NULL, "on the second",
	    NULL, &e));
	assert_true(incident_poll(&inc, &e));
	assert_true(inc.j.second.in_use);
	kit_check(&d, check_incident);
	FOUND(&d, DOCTOR_ERROR, "second journal in use");
	limit_files(0);
	kit_check(&d, check_incident);
	FOUND(&d, DOCTOR_OK, "settled: its lines were copied back");
	FOUND(&d, DOCTOR_OK, "journals");
	kit_check(&d, check_incident);
	assert_null(kit_found(&d, DOCTOR_OK, "second journal in use"));
	journal_drop_second(&inc.j);
	incident_release(&inc);
	doctor_release(&d);
}

/* ---- jobs --------------------------------------------------------------------- */

static void
a_job_without_an_outcome_is_told(void **state)
{
	struct err e = ERR_INIT;
	struct doctor d;
	char text[256], name[64];
	int64_t n = 0;

	(void)state;
	begin(&d, SITE);
	kit_check(&d, check_state);
	assert_true(state_job_new(&d.state, NULL, &n, &e));
	(void)snprintf(name, sizeof name, "site/state/jobs/%" PRId64
	    "/job.json", n);
	(void)snprintf(text, sizeof text, "{\"title\":\"dump otc\",\"step\":"
	    "\"save\",\"started\":%" PRId64 "}\n", clock_wall_ms() - 60000);
	(void)test_write(name, text);
	kit_check(&d, check_jobs);
	FOUND(&d, DOCTOR_WARNING, "job 1 (dump otc) ended without an outcome");
	/* one of long ago is nobody's trouble tonight */
	(void)test_write(name, "{\"title\":\"dump\",\"started\":1}\n");
	kit_check(&d, check_jobs);
	FOUND(&d, DOCTOR_OK, "none lost lately");
	doctor_release(&d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_empty_site_is_made_ready_and_that_is_said),
	cmocka_unit_test(looking_leaves_nothing_behind),
	cmocka_unit_test(a_state_directory_with_the_wrong_mode_is_told),
	cmocka_unit_test(a_group_that_does_not_exist_is_told),
	cmocka_unit_test(a_state_directory_of_ones_own_is_a_warning),
	cmocka_unit_test(a_path_that_cannot_be_made_is_an_error),
	cmocka_unit_test(a_spare_that_does_not_keep_its_space_is_an_error),
	cmocka_unit_test(
	    the_second_journal_is_found_where_an_incident_takes_it),
	cmocka_unit_test(a_named_second_folder_that_is_no_use_is_an_error),
	cmocka_unit_test(an_open_incident_is_told_and_its_journal_is_verified),
	cmocka_unit_test(
	    a_second_journal_in_use_is_settled_when_that_is_possible),
	cmocka_unit_test(a_job_without_an_outcome_is_told),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
