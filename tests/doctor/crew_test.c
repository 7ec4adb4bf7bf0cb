#include "tests/test.h"

#include <signal.h>

#include "base/clock.h"
#include "doctor/crew.h"

static void
say_number(void *ctx, size_t i, struct buf *out)
{
	buf_printf(out, "%s%zu", (const char *)ctx, i);
}

static void
everyone_answers_for_itself(void **state)
{
	enum { MANY = 70 };
	struct crew_task t[MANY];
	char want[16], word[] = "look ";

	(void)state;
	memset(t, 0, sizeof t);
	for (size_t i = 0; i < MANY; i++)
		t[i].limit_ms = 20000;
	crew_run(t, MANY, say_number, word);
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(want, sizeof want, "look %zu", i);
		assert_int_equal(t[i].end, CREW_DONE);
		assert_string_equal(t[i].out.p, want);
	}
	crew_release(t, MANY);
}

static void
say_much(void *ctx, size_t i, struct buf *out)
{
	(void)ctx;
	buf_fill(out, (char)('a' + i), 3 << 20);
}

static void
long_answers_arrive_whole(void **state)
{
	struct crew_task t[2] = { { .limit_ms = 20000 },
		{ .limit_ms = 20000 } };

	(void)state;
	crew_run(t, 2, say_much, NULL);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(t[i].end, CREW_DONE);
		assert_int_equal(t[i].out.n, 3 << 20);
		assert_int_equal(t[i].out.p[0], 'a' + (int)i);
		assert_int_equal(t[i].out.p[t[i].out.n - 1], 'a' + (int)i);
	}
	crew_release(t, 2);
}

/* 0 hangs deaf to everything but KILL, 1 dies, 2 is well. */
static void
misbehave(void *ctx, size_t i, struct buf *out)
{
	const char *note = ctx;
	FILE *f;

	buf_str(out, "here");
	if (i == 1)
		_exit(3);
	if (i == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		f = fopen(note, "we");
		fprintf(f, "%ld", (long)getpid());
		fclose(f);
		for (;;)
			pause();
	}
}

static void
one_that_hangs_holds_up_nobody_and_is_gone(void **state)
{
	struct crew_task t[3] = { { .limit_ms = 300 }, { .limit_ms = 20000 },
		{ .limit_ms = 20000 } };
	char note[PATH_MAX], *pid;
	int64_t before = clock_mono_ms();

	(void)state;
	(void)snprintf(note, sizeof note, "%s", test_path("hung"));
	crew_run(t, 3, misbehave, note);
	assert_true(clock_mono_ms() - before < 10000);
	assert_int_equal(t[0].end, CREW_LATE);
	assert_int_equal(t[1].end, CREW_DIED);
	assert_int_equal(t[2].end, CREW_DONE);
	assert_string_equal(t[2].out.p, "here");
	pid = test_read(note);
	assert_int_equal(kill((pid_t)atoi(pid), 0), -1);
	free(pid);
	crew_release(t, 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(everyone_answers_for_itself),
	cmocka_unit_test(long_answers_arrive_whole),
	cmocka_unit_test(one_that_hangs_holds_up_nobody_and_is_gone),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
