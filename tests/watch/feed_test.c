/* A feed in a process of its own, asked under another clock. */
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "watch/feed.h"
#include "watch/watch.h"

enum { HOUR_MS = 3600000, FRESH_MS = 15000 };

static struct site site;
static struct state record;
static char dir[] = "/tmp/feed.XXXXXX";
static pid_t feed;

static void
ask(struct readings *all)
{
	static const struct watch_want want = { "disk", NULL };

	watch_some(&site, &record, &want, 1, FRESH_MS, clock_mono_ms() + 4000,
	    all);
	assert_int_equal(all->v.n, 1);
	assert_null(all->v.v[0].error);
}

/* Until it has the disk. */
static void
start(void)
{
	struct readings all = { 0 };
	struct err e = ERR_INIT;
	int fd = -1;

	feed = fork();
	if (feed == 0)
		_exit(!watch_serve(&site, &record, 60000, NULL, &e));
	for (int i = 0; i < 100 && all.v.n == 0; i++) {
		clock_sleep_ms(20);
		if (fd < 0)
			fd = watch_connect(&record, NULL, 0, &e);
		ask(&all);
	}
	assert_true(fd >= 0);
	(void)close(fd);
	readings_release(&all);
	clock_sleep_ms(500);
}

static void
a_running_feed_answers(void **state)
{
	struct readings one = { 0 }, two = { 0 };

	(void)state;
	ask(&one);
	ask(&two);
	assert_int_equal(one.v.v[0].at, two.v.v[0].at);
	readings_release(&one);
	readings_release(&two);
}

static void
under_a_clock_that_was_set_back_or_forward_everything_is_looked_at_anew(
    void **state)
{
	int64_t real = clock_wall_ms();

	(void)state;
	for (int turn = -1; turn <= 1; turn += 2) {
		struct readings all = { 0 };

		clock_fake(real + turn * HOUR_MS);
		ask(&all);
		assert_int_equal(all.v.v[0].at, real + turn * HOUR_MS);
		clock_fake(0);
		readings_release(&all);
	}
}

static void
a_feed_that_is_stopped_costs_a_part_of_the_time(void **state)
{
	struct readings all = { 0 };
	int64_t began = clock_mono_ms();

	(void)state;
	(void)kill(feed, SIGSTOP);
	ask(&all);
	(void)kill(feed, SIGCONT);
	assert_true(all.v.v[0].at >= clock_wall_ms() - 5000);
	assert_true(clock_mono_ms() < began + 3500);
	readings_release(&all);
}

/* The kernel is read once a minute. */
static int64_t
kernel_at(void)
{
	struct readings all = { 0 };
	const struct reading *r;
	int64_t at = 0;

	if (feed_ask(&site, &record, clock_mono_ms() + 4000, &all) &&
	    (r = readings_find(&all, "kernel", "here")) != NULL)
		at = r->at;
	readings_release(&all);
	return at;
}

static void
when_something_was_done_everything_is_read_again(void **state)
{
	static const struct watch_want want = { "kernel", NULL };
	struct readings all = { 0 };
	int64_t before = 0, now;

	(void)state;
	for (int i = 0; i < 1000 && (before = kernel_at()) == 0; i++)
		clock_sleep_ms(20);
	assert_true(before > 0);
	now = clock_wall_ms();
	watch_stir(&record);
	for (int i = 0; i < 100 && kernel_at() == before; i++)
		clock_sleep_ms(20);
	/* what is older is nobody's answer, though the feed is not there yet */
	watch_some(&site, &record, &want, 1, FRESH_MS, clock_mono_ms() + 4000,
	    &all);
	assert_int_equal(all.v.n, 1);
	assert_true(all.v.v[0].at >= now);
	readings_release(&all);
	for (int i = 0; i < 1000 && kernel_at() < now; i++)
		clock_sleep_ms(20);
	assert_in_range(kernel_at(), now, clock_wall_ms());
}

static int
begin(void **state)
{
	char text[400];
	int n;

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	n = snprintf(text, sizeof text, "site = { name = \"t\"; };\n"
	    "disks = ( { name = \"d\"; path = \"%s\"; } );\n", dir);
	if (!site_parse(&site, "t.cfg", text, (size_t)n) ||
	    !state_open(&record, dir, NULL, NULL, &(struct err){ 0 }))
		return -1;
	start();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	(void)kill(feed, SIGTERM);
	(void)waitpid(feed, NULL, 0);
	state_release(&record);
	site_release(&site);
	return file_remove_tree(dir, NULL) ? 0 : -1;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_running_feed_answers),
	cmocka_unit_test(when_something_was_done_everything_is_read_again),
	cmocka_unit_test(
	    under_a_clock_that_was_set_back_or_forward_everything_is_looked_at_anew),
	cmocka_unit_test(a_feed_that_is_stopped_costs_a_part_of_the_time),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, begin, end);
}
