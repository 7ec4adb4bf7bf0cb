#include "tests/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "record/freeze.h"

static struct state state_;

static void
flag(const char *text)
{
	char *path = state_path(&state_, "freeze");

	test_write(path, text);
	free(path);
}

static enum freeze_phase
phase(void)
{
	struct freeze f;
	enum freeze_phase p;

	assert_true(freeze_read(&state_, &f, NULL));
	p = f.phase;
	freeze_release(&f);
	return p;
}

static void
what_is_written_is_read(void **state)
{
	struct freeze f = { .phase = FREEZE_SETTING, .since = 1739495280123,
	    .reason = "a \"quote\", a \\ and \xff", .who = "ama",
	    .incident = "INC-20250214-0110" }, got;
	struct err e = ERR_INIT;

	(void)state;
	assert_true(freeze_write(&state_, &f, &e));
	assert_true(freeze_read(&state_, &got, &e));
	assert_int_equal(got.phase, FREEZE_SETTING);
	assert_int_equal(got.since, f.since);
	assert_string_equal(got.who, "ama");
	assert_string_equal(got.incident, f.incident);
	assert_string_equal(got.reason, "a \"quote\", a \\ and \\xff");
	freeze_release(&got);
	f.phase = FREEZE_ON;
	assert_true(freeze_write(&state_, &f, &e));
	assert_int_equal(phase(), FREEZE_ON);
	assert_true(freeze_write(&state_, &(struct freeze){ 0 }, &e));
	assert_int_equal(phase(), FREEZE_OFF);
}

static void
a_long_reason_stays_within_its_room(void **state)
{
	struct freeze f = { .phase = FREEZE_ON }, got;
	char *path = state_path(&state_, "freeze");
	struct err e = ERR_INIT;
	char reason[5000];
	struct stat st;

	(void)state;
	memset(reason, '\x01', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	f.reason = f.who = reason;
	assert_true(freeze_write(&state_, &f, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4096);
	assert_true(freeze_read(&state_, &got, &e));
	assert_int_equal(strlen(got.reason), 300);
	freeze_release(&got);
	free(path);
}

static void
whatever_stands_in_it_freezes(void **state)
{
	static const struct { const char *text; enum freeze_phase phase; } all[] = {
		{ "", FREEZE_OFF }, { "  \t\r\n \n", FREEZE_OFF },
		{ "x", FREEZE_ON }, { "{}", FREEZE_ON }, { "[]", FREEZE_ON },
		{ "{\"phase\":\"off\"}", FREEZE_ON },
		{ "{\"phase\":\"lifting\"} ", FREEZE_LIFTING },
		{ "{\"phase\":\"lifting\",\"who\":\"a", FREEZE_ON },
		{ "{\"phase\":7,\"since\":\"never\",\"reason\":[]}", FREEZE_ON },
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		flag(all[i].text);
		assert_int_equal(phase(), all[i].phase);
	}
}

static void
it_is_said_in_one_clean_line(void **state)
{
	struct buf b = BUF_INIT;
	struct freeze f;

	(void)state;
	flag("{\"who\":\"a\\u001b[2Jma\",\"since\":\"2025-02-14T01:08:00.000Z\","
	    "\"reason\":\"two\\nlines\"}");
	assert_true(freeze_read(&state_, &f, NULL));
	assert_true(clock_zone_set("Africa/Lagos", NULL));
	freeze_say(&f, f.since + 52 * 60000, &b);
	assert_string_equal(b.p, "frozen since 2025-02-14 02:08, for 52 min, by "
	    "a\\x1b[2Jma: two\\nlines");
	freeze_release(&f);
	buf_clear(&b);
	freeze_say(&f, 0, &b);
	assert_string_equal(b.p, "not frozen");
	buf_release(&b);
}

static void
what_cannot_be_read_is_an_error_and_what_is_not_there_is_free(void **state)
{
	char *path = state_path(&state_, "freeze");
	struct err e = ERR_INIT;
	struct freeze f;

	(void)state;
	unlink(path);
	assert_int_equal(phase(), FREEZE_OFF);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(freeze_read(&state_, &f, &e));
	assert_non_null(strstr(e.hint, "as frozen"));
	assert_false(freeze_write(&state_, &f, NULL));
	rmdir(path);
	/* a link leads somewhere else */
	assert_int_equal(symlink("elsewhere", path), 0);
	f = (struct freeze){ .phase = FREEZE_ON };
	assert_false(freeze_write(&state_, &f, NULL));
	unlink(path);
	assert_true(freeze_prepare(&state_, &e));
	free(path);
}

static int
begin(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	return state_open(&state_, test_path("freeze-state"), NULL, NULL, &e) ?
	    0 : -1;
}

static int
end(void **state)
{
	(void)state;
	state_release(&state_);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_long_reason_stays_within_its_room),
		cmocka_unit_test(whatever_stands_in_it_freezes),
		cmocka_unit_test(it_is_said_in_one_clean_line),
		cmocka_unit_test(what_cannot_be_read_is_an_error_and_what_is_not_there_is_free),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
