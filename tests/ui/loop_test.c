#include "tests/ui/kit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "ui/loop.h"
#include "ui/wire.h"

static struct loop l;
static int calls;

static void
count(void *ctx, int64_t now)
{
	(void)now;
	calls += *(int *)ctx;
}

static void
readable(void *ctx, int fd, short events)
{
	char byte;

	(void)ctx;
	assert_true(events & POLLIN);
	assert_int_equal(read(fd, &byte, 1), 1);
	calls++;
	loop_forget(&l, fd);
}

static void
again(void *ctx, int64_t now)
{
	calls++;
	(void)loop_timer(&l, now, again, ctx);
}

static void
caught(void *ctx, int sig)
{
	*(int *)ctx = sig;
}

static void
timers_and_descriptors_call_back(void **state)
{
	int one = 1, ten = 10, ends[2];
	int64_t now = clock_mono_ms();
	uint64_t id;

	(void)state;
	l = (struct loop)LOOP_INIT;
	calls = 0;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	loop_fd(&l, ends[0], POLLIN, readable, NULL);
	(void)loop_timer(&l, now, count, &one);
	id = loop_timer(&l, now, count, &ten);
	loop_cancel(&l, id);
	loop_turn(&l, 0);
	assert_int_equal(calls, 1);
	assert_int_equal(write(ends[1], "ab", 2), 2);
	loop_turn(&l, 10000);
	assert_int_equal(calls, 2);
	loop_turn(&l, 0);	/* it has removed itself */
	assert_int_equal(calls, 2);
	loop_fd(&l, ends[0], 0, readable, NULL);
	loop_turn(&l, 0);
	loop_want(&l, ends[0], POLLIN);
	loop_turn(&l, 0);
	assert_int_equal(calls, 3);
	(void)loop_timer(&l, now, again, NULL);
	loop_turn(&l, 0);	/* one that sets itself anew ends the turn */
	assert_int_equal(calls, 4);
	loop_release(&l);
	close(ends[0]);
	close(ends[1]);
}

static void
signals_arrive_in_a_turn(void **state)
{
	static const int signals[] = { SIGUSR1, SIGUSR2 };
	int got = 0;

	(void)state;
	l = (struct loop)LOOP_INIT;
	assert_true(loop_signals(&l, signals, 2, caught, &got));
	raise(SIGUSR2);
	assert_int_equal(got, 0);
	loop_turn(&l, 10000);
	assert_int_equal(got, SIGUSR2);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	loop_release(&l);
}

static void
the_line_to_the_person_is_found(void **state)
{
	struct wire w = WIRE_INIT;

	(void)state;
	assert_true(wire_parse(&w, "10.0.0.7 51234 10.0.0.1 22"));
	assert_string_equal(w.remote, "10.0.0.7");
	assert_int_equal(w.local_port, 22);
	assert_true(wire_parse(&w, "fe80::1 51234 fe80::2 22"));
	assert_false(wire_parse(&w, NULL));
	assert_false(wire_parse(&w, ""));
	assert_false(wire_parse(&w, "10.0.0.7 0 10.0.0.1 22"));
	assert_false(wire_parse(&w, "10.0.0.7 51234 10.0.0.1"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(timers_and_descriptors_call_back),
	cmocka_unit_test(signals_arrive_in_a_turn),
	cmocka_unit_test(the_line_to_the_person_is_found),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
