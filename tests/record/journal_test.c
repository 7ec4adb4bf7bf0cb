#include "tests/record/kit.h"

#include <signal.h>
#include <sys/file.h>

#include "base/clock.h"

static void
what_is_appended_is_there_for_everybody(void **state)
{
	const char *path = new_journal("plain");
	struct journal a, b;
	struct err e = ERR_INIT;

	(void)state;
	open_journal(&a, path);
	open_journal(&b, path);
	assert_int_equal(note(&a, "one"), 1);
	assert_int_equal(note(&b, "two"), 2);
	assert_int_equal(note(&a, "three"), 3);
	assert_true(journal_poll(&b, &e));
	assert_int_equal(b.scan.seq, 3);
	assert_memory_equal(a.scan.hash, b.scan.hash, SHA_HEX);
	assert_true(journal_has(&b, 3, a.scan.hash));
	journal_close(&a);
	journal_close(&b);
	struct journal_verdict v = assert_good(path);
	assert_int_equal(v.last_seq, 3);
	assert_int_equal(v.lines, 3);
	assert_int_equal(second_opinion(path, NULL), 0);
}

static void
several_drafts_are_one_write_and_the_last_seq_comes_back(void **state)
{
	const char *path = new_journal("batch");
	struct draft d[3] = { { .kind = EVENT_STEP_STARTED, .step = "own" },
	    { .kind = EVENT_NOTE, .text = "n" }, { .kind = EVENT_STEP_DONE,
	    .step = "own" } };
	struct journal j;
	int64_t seq = 0;

	(void)state;
	open_journal(&j, path);
	assert_true(journal_append(&j, d, 3, NULL, NULL, &seq, NULL));
	assert_int_equal(seq, 3);
	assert_true(journal_append(&j, d, 0, NULL, NULL, &seq, NULL));
	assert_int_equal(seq, 3);
	journal_close(&j);
	(void)assert_good(path);
}

/* Folds the steps that were started, and refuses one that was. */
struct once {
	struct journal j;
	int started, asked;
};

static void
on_step(void *ctx, const struct event *ev)
{
	struct once *o = ctx;

	o->started += ev->kind == EVENT_STEP_STARTED;
}

static bool
not_started(void *ctx, struct err *e)
{
	struct once *o = ctx;

	o->asked++;
	return o->started == 0 || err_set(e, ERR_GUARD, "it has started");
}

static bool
start_step(struct once *o, struct err *e)
{
	struct draft d = { .kind = EVENT_STEP_STARTED, .step = "backup" };

	return journal_append(&o->j, &d, 1, not_started, o, NULL, e);
}

static void
a_decision_is_made_again_under_the_lock_after_what_others_wrote(void **state)
{
	const char *path = new_journal("decide");
	struct once a = { .started = 0 }, b = { .started = 0 };
	struct err e = ERR_INIT;
	struct stat before, after;

	(void)state;
	journal_init(&a.j, on_step, &a);
	journal_init(&b.j, on_step, &b);
	assert_true(journal_open(&a.j, path, &e));
	assert_true(journal_open(&b.j, path, &e));
	assert_true(start_step(&a, &e));
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(b.started, 0);		/* it has not seen it yet */
	assert_false(start_step(&b, &e));
	assert_int_equal(e.kind, ERR_GUARD);
	assert_int_equal(b.started, 1);
	assert_int_equal(b.asked, 1);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(flock(b.j.fd, LOCK_EX | LOCK_NB), 0);	/* let go */
	journal_close(&a.j);
	journal_close(&b.j);
}

static void
of_many_who_start_a_step_at_once_one_does(void **state)
{
	enum { MANY = 6, ROUNDS = 20 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		const char *path = new_journal("race");
		int began = 0, go[2];
		char what[256];
		pid_t pids[MANY];

		assert_int_equal(pipe(go), 0);
		for (int i = 0; i < MANY; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				struct once o = { .started = 0 };
				char c;

				journal_init(&o.j, on_step, &o);
				if (!journal_open(&o.j, path, NULL))
					_exit(2);
				close(go[1]);
				(void)!read(go[0], &c, 1);
				_exit(start_step(&o, NULL) ? 0 : 1);
			}
		}
		close(go[0]);
		close(go[1]);
		for (int i = 0; i < MANY; i++) {
			int status;

			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
			began += WEXITSTATUS(status) == 0;
		}
		assert_int_equal(began, 1);
		assert_int_equal(verdict_of(path, what).lines, 1);
	}
}

static char holder[256];

static void
on_waiting(const char *who)
{
	(void)snprintf(holder, sizeof holder, "%s", who);
}

static void
an_append_that_waits_for_a_stopped_process_names_it_and_then_succeeds(void **state)
{
	const char *path = new_journal("stopped");
	pid_t pid = fork(), helper;
	struct journal j;
	char want[32];
	int status;

	(void)state;
	if (pid == 0) {
		struct journal other;

		open_journal(&other, path);
		(void)flock(other.fd, LOCK_EX);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	helper = fork();
	if (helper == 0) {
		clock_sleep_ms(2600);
		(void)kill(pid, SIGCONT);
		_exit(0);
	}
	open_journal(&j, path);
	j.waiting = on_waiting;
	holder[0] = '\0';
	assert_int_equal(note(&j, "at last"), 1);
	(void)snprintf(want, sizeof want, "pid %d (", (int)pid);
	assert_int_equal(strncmp(holder, want, strlen(want)), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(waitpid(helper, &status, 0), helper);
	journal_close(&j);
}

static void
a_journal_that_was_replaced_is_not_written(void **state)
{
	const char *path = new_journal("replaced"), *other;
	struct draft d = { .kind = EVENT_NOTE, .text = "into the void" };
	struct err e = ERR_INIT;
	struct journal j;
	struct stat st;

	(void)state;
	open_journal(&j, path);
	(void)note(&j, "one");
	other = journal_of("other", 3);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
	assert_int_equal(e.kind, ERR_INTEGRITY);
	assert_non_null(strstr(e.msg, "replaced"));
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal(st.st_size, 512);
	assert_int_equal(unlink(path), 0);
	err_clear(&e);
	assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
	journal_close(&j);
}

static void
a_journal_that_became_shorter_is_not_written(void **state)
{
	const char *path = journal_of("shorter", 4);
	struct draft d = { .kind = EVENT_NOTE, .text = "n" };
	struct err e = ERR_INIT;
	struct journal j;

	(void)state;
	open_journal(&j, path);
	assert_int_equal(truncate(path, 1024), 0);
	assert_false(journal_append(&j, &d, 1, NULL, NULL, NULL, &e));
	assert_int_equal(e.kind, ERR_INTEGRITY);
	assert_non_null(strstr(e.msg, "shorter"));
	journal_close(&j);
}

static void
somebody_elses_journal_is_read_and_the_refusal_says_what_to_do(void **state)
{
	const char *path = journal_of("foreign", 3);
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(chmod(path, geteuid() == 0 ? 0644 : 0444), 0);
	assert_int_equal(chmod(test_dir(), 0755), 0);
	pid = fork();
	if (pid == 0) {
		struct draft d = { .kind = EVENT_NOTE, .text = "n" };
		struct err e = ERR_INIT;
		struct journal j;
		bool ok;

		if (chdir(test_dir()) != 0 ||
		    (geteuid() == 0 && seteuid(65534) != 0))
			_exit(9);
		journal_init(&j, NULL, NULL);
		ok = journal_open(&j, "foreign", &e) && j.scan.seq == 3 &&
		    !journal_append(&j, &d, 1, NULL, NULL, NULL, &e) &&
		    e.sys_errno == EACCES && strstr(e.hint, "group") != NULL;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(assert_good(path).lines, 3);
}

static void
what_is_not_a_regular_file_is_not_a_journal(void **state)
{
	const char *fifo = test_path("fifo");
	struct err e = ERR_INIT;
	struct journal_verdict v;
	struct journal j;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	journal_init(&j, NULL, NULL);
	assert_false(journal_open(&j, fifo, &e));
	journal_close(&j);
	err_clear(&e);
	assert_false(journal_open(&j, test_dir(), &e));
	journal_close(&j);
	err_clear(&e);
	assert_false(journal_verify(&j, fifo, &v, &e));
	journal_close(&j);
	err_clear(&e);
	assert_false(journal_verify(&j, test_path("nowhere"), &v, &e));
	assert_non_null(strstr(e.msg, "nowhere"));
	journal_close(&j);
}

static void
a_new_journal_never_takes_the_place_of_another(void **state)
{
	const char *path = journal_of("there", 2);
	struct err e = ERR_INIT;

	(void)state;
	assert_false(journal_create(path, 0, &e));
	assert_int_equal(e.sys_errno, EEXIST);
	assert_int_equal(assert_good(path).lines, 2);
	err_clear(&e);
	assert_int_equal(symlink("elsewhere", test_path("link")), 0);
	assert_false(journal_create(test_path("link"), 0, &e));
	assert_false(file_exists(test_path("elsewhere")));
}

static void
a_new_journal_is_for_the_group_and_its_space_is_there(void **state)
{
	const char *path = test_path("reserved");
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	assert_true(journal_create(path, JOURNAL_RESERVE, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, JOURNAL_MODE);
	assert_int_equal(st.st_size, 0);
	assert_true(st.st_blocks * 512 >= JOURNAL_RESERVE);
}

static void
events_of_a_bad_line_are_marked_and_all_the_others_come(void **state)
{
	const char *path = journal_of("marked", 6);
	struct once o = { .started = 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	slurp(path, &b);
	memcpy(strstr(b.p, "note 3"), "NOTE 3", 6);
	spill(path, b.p, b.n);
	journal_init(&o.j, NULL, NULL);
	assert_true(journal_open(&o.j, path, &e));
	assert_int_equal(o.j.scan.problems.n, 1);
	assert_int_equal(o.j.scan.problems.v[0].line, 3);
	assert_int_equal(o.j.scan.problems.v[0].offset, 1024);
	assert_int_equal(o.j.scan.seq, 6);
	journal_close(&o.j);
	buf_release(&b);
}

static void
doctor_learns_whether_space_can_be_kept(void **state)
{
	struct buf finding = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_true(journal_try_reserve(test_dir(), &finding, &e));
	assert_int_equal(strncmp(finding.p, "reserved", 8), 0);
	buf_clear(&finding);
	assert_false(journal_try_reserve(test_path("nowhere"), &finding, &e));
	assert_int_equal(e.sys_errno, ENOENT);
	buf_clear(&finding);
	if (file_is_dir("/proc/self"))
		assert_false(journal_try_reserve("/proc/self", &finding, NULL));
	buf_release(&finding);
}

static int phases[JOURNAL_DONE + 1];

static void
on_phase(enum journal_phase now)
{
	phases[now]++;
}

static void
an_append_goes_through_its_phases_in_order(void **state)
{
	const char *path = new_journal("phases");
	struct journal j;

	(void)state;
	open_journal(&j, path);
	j.phase = on_phase;
	(void)note(&j, "n");
	for (int i = 0; i <= JOURNAL_DONE; i++)
		assert_int_equal(phases[i], 1);
	journal_close(&j);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_appended_is_there_for_everybody),
	cmocka_unit_test(several_drafts_are_one_write_and_the_last_seq_comes_back),
	cmocka_unit_test(
	    a_decision_is_made_again_under_the_lock_after_what_others_wrote),
	cmocka_unit_test(of_many_who_start_a_step_at_once_one_does),
	cmocka_unit_test(
	    an_append_that_waits_for_a_stopped_process_names_it_and_then_succeeds),
	cmocka_unit_test(a_journal_that_was_replaced_is_not_written),
	cmocka_unit_test(a_journal_that_became_shorter_is_not_written),
	cmocka_unit_test(
	    somebody_elses_journal_is_read_and_the_refusal_says_what_to_do),
	cmocka_unit_test(what_is_not_a_regular_file_is_not_a_journal),
	cmocka_unit_test(a_new_journal_never_takes_the_place_of_another),
	cmocka_unit_test(a_new_journal_is_for_the_group_and_its_space_is_there),
	cmocka_unit_test(events_of_a_bad_line_are_marked_and_all_the_others_come),
	cmocka_unit_test(doctor_learns_whether_space_can_be_kept),
	cmocka_unit_test(an_append_goes_through_its_phases_in_order),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
