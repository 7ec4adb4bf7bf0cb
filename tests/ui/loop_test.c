#include "tests/ui/kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

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

/* A connection of this host stands for that of sshd. */
static void
the_kernel_says_how_fast_it_is(void **state)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 }, b;
	socklen_t n = sizeof a;
	struct wire w = WIRE_INIT;
	char env[128], byte;
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other, no = 0;
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	if (listener < 0)
		test_skip("there is no IPv6 here");
	(void)setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	to.sin_port = a.sin6_port;
	assert_int_equal(connect(one, (struct sockaddr *)&to, sizeof to), 0);
	n = sizeof b;
	other = accept(listener, (struct sockaddr *)&b, &n);
	assert_true(other >= 0);
	assert_int_equal(write(one, "x", 1), 1);
	assert_int_equal(read(other, &byte, 1), 1);
	snprintf(env, sizeof env, "127.0.0.1 %d 127.0.0.1 %d",
	    ntohs(b.sin6_port), ntohs(a.sin6_port));
	setenv("SSH_CONNECTION", env, 1);
	if (!wire_open(&w))
		test_skip("the kernel has no socket diagnosis");
	wire_look(&w);
	assert_true(w.known);
	assert_true(w.rtt_ms < 1000);
	assert_int_equal(w.unsent, 0);
	setenv("SSH_CONNECTION", "127.0.0.1 1 127.0.0.1 2", 1);
	w.known = false;
	assert_true(wire_parse(&w, getenv("SSH_CONNECTION")));
	wire_look(&w);
	assert_false(w.known);
	wire_close(&w);
	unsetenv("SSH_CONNECTION");
	close(one);
	close(other);
	close(listener);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(timers_and_descriptors_call_back),
	cmocka_unit_test(signals_arrive_in_a_turn),
	cmocka_unit_test(the_line_to_the_person_is_found),
	cmocka_unit_test(the_kernel_says_how_fast_it_is),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
