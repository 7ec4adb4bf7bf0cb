#include "tests/test.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "watch/crew.h"

/* ---- a site with probes of the test's own ------------------------------------- */

static struct site site;
static int many;		/* targets of the next lookout */
static const char *names[256];
static int reads;		/* of this process: children count their own */

static size_t
count(const struct site *s)
{
	(void)s;
	return (size_t)many;
}

static void
target(const struct site *s, size_t i, struct target *t)
{
	(void)s;
	t->name = names[i];
}

/* What a target does is its name. */
static void
behave(struct eye *eye, struct target *t, struct reading *r)
{
	struct err e = ERR_INIT;
	int64_t n;

	reading_int(r, "pid", getpid());
	reading_int(r, "reads", ++reads);
	if (text_int(t->name, 0, 1 << 20, &n))
		reading_int(r, "number", n);
	if (strstr(t->name, "hangs") != NULL)
		for (;;)
			pause();
	if (strcmp(t->name, "slow") == 0)
		clock_sleep_ms(1500);
	if (strcmp(t->name, "dies") == 0)
		(void)kill(getpid(), SIGKILL);
	if (strcmp(t->name, "fails") == 0) {
		err_set(&e, ERR_FAILED, "it did \x1b[2J not work");
		reading_fail(r, &e);
		return;
	}
	if (strcmp(t->name, "then fails") == 0 && reads > 1) {
		err_set(&e, ERR_FAILED, "gone");
		reading_fail(r, &e);
		return;
	}
	if (strcmp(t->name, "large") == 0) {
		char *big = xcalloc(1, 300001);

		memset(big, 'x', 300000);
		reading_str(r, "big", big);
		free(big);
	}
	reading_int(r, "room_ms", eye->deadline - clock_mono_ms());
	reading_say(r, LEVEL_OK, NULL, "well");
}

static struct probe together = { .kind = "test", .every_ms = 50,
	.deadline_ms = 300, .count = count, .target = target, .read = behave };
static struct probe alone = { .kind = "lonely", .every_ms = 50,
	.deadline_ms = 300, .count = count, .target = target, .read = behave,
	.alone = true };

static struct probe patient = { .kind = "patient", .every_ms = 50,
	.deadline_ms = 60000, .count = count, .target = target, .read = behave };

static void
set_names(int n, const char *const *v)
{
	many = n;
	for (int i = 0; i < n; i++)
		names[i] = v[i];
}

static void
open_lookout(struct lookout *l, const struct probe *p, int64_t ms)
{
	/* none of the real ones: some look at every site */
	static const struct watch_want none = { "none", NULL };

	lookout_init(l, &site, NULL, &none, 1);
	lookout_add(l, p, NULL, 0);
	l->end = ms > 0 ? clock_mono_ms() + ms : 0;
	l->once = ms > 0;
}

static void
turn_for(struct lookout *l, int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end && !(l->once && l->left == 0)) {
		struct pollfd fds[64];
		size_t n;

		lookout_turn(l);
		n = lookout_polls(l, fds, 64);
		(void)poll(fds, n, 20);
	}
}

static const struct reading *
got(const struct lookout *l, const char *kind, const char *name)
{
	const struct reading *r = readings_find(&l->newest, kind, name);

	if (r == NULL)
		fail_msg("no reading of %s %s", kind, name);
	return r;
}

/* ---- a round ----------------------------------------------------------------------- */

static void
a_round_reads_each_target_once(void **state)
{
	static const char *const v[] = { "1", "2", "3" };
	struct lookout l;

	(void)state;
	set_names(3, v);
	open_lookout(&l, &together, 3000);
	turn_for(&l, 3000);
	assert_int_equal(l.left, 0);
	for (int i = 0; i < 3; i++) {
		const struct reading *r = got(&l, "test", v[i]);

		assert_int_equal(json_get_int(r->data, "number", 0), i + 1);
		assert_int_equal(json_get_int(r->data, "reads", 0), i + 1);
		assert_int_equal(r->deadline_ms, 300);
		assert_int_not_equal(json_get_int(r->data, "pid", 0), getpid());
	}
	lookout_release(&l);
}

static void
one_that_hangs_costs_only_itself_and_what_is_behind_it_in_the_round(void **state)
{
	static const char *const v[] = { "1", "hangs", "3" };
	struct lookout l;
	int64_t began = clock_mono_ms();

	(void)state;
	set_names(3, v);
	open_lookout(&l, &alone, 1000);
	turn_for(&l, 1000);
	lookout_give_up(&l);
	assert_true(clock_mono_ms() - began < 2000);
	assert_null(got(&l, "lonely", "1")->error);
	assert_null(got(&l, "lonely", "3")->error);
	assert_non_null(strstr(got(&l, "lonely", "hangs")->error, "no answer"));
	assert_int_equal(got(&l, "lonely", "hangs")->level, LEVEL_UNKNOWN);
	lookout_release(&l);
}

/* A stale mount keeps what is behind it in the list from nobody. */
static void
what_hangs_holds_nothing_else_of_its_place_up(void **state)
{
	static const char *const v[] = { "1", "hangs", "3", "hangs too", "5" };
	struct lookout l;

	(void)state;
	set_names(5, v);
	open_lookout(&l, &patient, 20000);
	for (int i = 0; i < 400 && l.left > 2; i++)
		turn_for(&l, 50);
	assert_int_equal(l.left, 2);
	assert_true(lookout_children(&l) <= 3);
	lookout_give_up(&l);
	for (size_t i = 0; i < l.targets.n; i++) {
		const struct reading *r = got(&l, "patient", v[i]);

		if (strstr(v[i], "hangs") != NULL)
			assert_string_equal(r->error, "no answer in time");
		else
			assert_int_equal(r->level, LEVEL_OK);
	}
	lookout_release(&l);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
many_that_hang_have_few_children(void **state)
{
	static char text[40][16];
	const char *v[40];
	struct lookout l;

	(void)state;
	for (int i = 0; i < 40; i++) {
		(void)snprintf(text[i], sizeof text[i], "hangs %d", i);
		v[i] = text[i];
	}
	set_names(40, v);
	open_lookout(&l, &patient, 20000);
	for (int i = 0; i < 300 && lookout_children(&l) < 6; i++)
		turn_for(&l, 50);
	turn_for(&l, 900);
	assert_int_equal(lookout_children(&l), 6);
	/* and nobody turns and turns because of those who are left */
	assert_true(lookout_next(&l) > clock_mono_ms());
	lookout_release(&l);
}

static void
after_the_end_of_a_round_nobody_is_left(void **state)
{
	static const char *const v[] = { "hangs", "hangs too", "hangs also" };
	struct lookout l;

	(void)state;
	set_names(3, v);
	open_lookout(&l, &alone, 200);
	turn_for(&l, 200);
	assert_int_equal(lookout_children(&l), 3);
	lookout_give_up(&l);
	lookout_release(&l);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
a_child_that_dies_is_an_answer_too(void **state)
{
	static const char *const v[] = { "1", "dies", "3" };
	struct lookout l;

	(void)state;
	set_names(3, v);
	open_lookout(&l, &together, 3000);
	turn_for(&l, 3000);
	assert_int_equal(l.left, 0);
	assert_non_null(strstr(got(&l, "test", "dies")->error, "signal 9"));
	assert_null(got(&l, "test", "1")->error);
	assert_null(got(&l, "test", "3")->error);
	lookout_release(&l);
}

static void
a_large_reading_comes_whole(void **state)
{
	static const char *const v[] = { "large" };
	struct lookout l;

	(void)state;
	set_names(1, v);
	open_lookout(&l, &together, 3000);
	turn_for(&l, 3000);
	assert_int_equal(strlen(json_get_str(got(&l, "test", "large")->data,
	    "big")), 300000);
	lookout_release(&l);
}

static void
reads_end_before_the_round_does(void **state)
{
	static const char *const v[] = { "1" };
	struct lookout l;

	(void)state;
	set_names(1, v);
	open_lookout(&l, &together, 500);
	turn_for(&l, 500);
	assert_true(json_get_int(got(&l, "test", "1")->data, "room_ms", 999) <=
	    200);
	lookout_release(&l);
}

static void
foreign_words_arrive_harmless(void **state)
{
	static const char *const v[] = { "fails" };
	struct lookout l;

	(void)state;
	set_names(1, v);
	open_lookout(&l, &together, 3000);
	turn_for(&l, 3000);
	assert_string_equal(got(&l, "test", "fails")->error,
	    "it did \\x1b[2J not work");
	lookout_release(&l);
}

/* ---- for ever ---------------------------------------------------------------------- */

static void
who_hangs_is_killed_and_the_others_go_on(void **state)
{
	static const char *const v[] = { "1", "hangs", "3" };
	struct lookout l;
	int64_t first, tried;

	(void)state;
	set_names(3, v);
	open_lookout(&l, &together, 0);
	turn_for(&l, 2600);		/* 300 ms, a second of grace, a pause */
	assert_string_equal(got(&l, "test", "hangs")->error,
	    "no answer within 1 s");
	first = json_get_int(got(&l, "test", "1")->data, "pid", 0);
	tried = got(&l, "test", "hangs")->at;
	for (int i = 0; i < 400 && got(&l, "test", "hangs")->at == tried; i++)
		turn_for(&l, 50);
	assert_true(got(&l, "test", "hangs")->at > tried);
	assert_int_equal(json_get_int(got(&l, "test", "1")->data, "pid", 0),
	    first);
	assert_null(got(&l, "test", "3")->error);
	lookout_release(&l);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* The slow one keeps its child, which forgets the others: nothing is read twice. */
static void
who_was_slow_goes_on_beside_the_others(void **state)
{
	static const char *const v[] = { "1", "slow", "3" };
	const struct reading *one, *slow, *three;
	struct lookout l;

	(void)state;
	set_names(3, v);
	open_lookout(&l, &patient, 0);
	for (int i = 0; i < 400 && readings_find(&l.newest, "patient", "3") ==
	    NULL; i++)
		turn_for(&l, 50);
	assert_null(got(&l, "patient", "3")->error);
	assert_null(readings_find(&l.newest, "patient", "slow"));
	for (int i = 0; i < 400; i++) {
		slow = readings_find(&l.newest, "patient", "slow");
		/* its second read, by a child that knows no other */
		if (slow != NULL && json_get_int(slow->data, "reads", 0) == 1 &&
		    !l.crews.v[0].outdated && l.crews.v[0].mine.n == 1)
			break;
		turn_for(&l, 50);
	}
	turn_for(&l, 2500);
	one = got(&l, "patient", "1");
	slow = got(&l, "patient", "slow");
	three = got(&l, "patient", "3");
	assert_int_equal(lookout_children(&l), 2);
	assert_int_equal(json_get_int(one->data, "pid", 0),
	    json_get_int(three->data, "pid", 1));
	assert_int_not_equal(json_get_int(one->data, "pid", 0),
	    json_get_int(slow->data, "pid", 0));
	assert_null(slow->error);
	lookout_release(&l);
}

static void
what_was_known_last_stays_with_its_age(void **state)
{
	static const char *const v[] = { "then fails" };
	const struct reading *r;
	struct lookout l;

	(void)state;
	set_names(1, v);
	open_lookout(&l, &together, 0);
	turn_for(&l, 400);
	r = got(&l, "test", "then fails");
	assert_non_null(r->error);
	assert_string_equal(r->error, "gone");
	assert_true(r->stale);
	assert_string_equal(r->text, "well");
	assert_int_equal(r->level, LEVEL_UNKNOWN);
	assert_true(r->since != 0 && r->since < r->at);
	lookout_release(&l);
}

static void
who_fails_is_asked_less_often(void **state)
{
	struct target t = { .probe = &together };

	(void)state;
	assert_int_equal(target_pause(&t), 50);
	t.fails = 1;
	assert_int_equal(target_pause(&t), 50);
	t.fails = 4;
	assert_int_equal(target_pause(&t), 400);
	t.fails = 100;
	assert_int_equal(target_pause(&t), 60000);
}

static void
many_that_are_alone_share_sixteen_children(void **state)
{
	static char text[100][8];
	const char *v[100];
	struct lookout l;

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text[i], sizeof text[i], "%d", i + 1);
		v[i] = text[i];
	}
	set_names(100, v);
	open_lookout(&l, &alone, 5000);
	assert_int_equal(l.crews.n, 16);
	turn_for(&l, 5000);
	assert_int_equal(l.left, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(json_get_int(got(&l, "lonely", v[i])->data,
		    "number", 0), i + 1);
	lookout_release(&l);
}

/* Running, and not a corpse that nobody has buried yet. */
static bool
runs(pid_t pid)
{
	char path[64], state = 'X';
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fscanf(f, "%*d %*s %c", &state) != 1)
		state = 'X';
	(void)fclose(f);
	return state != 'Z' && state != 'X';
}

static void
children_die_with_the_one_who_listens(void **state)
{
	static const char *const v[] = { "1" };
	struct lookout l;
	pid_t pid;
	int fd[2];

	(void)state;
	set_names(1, v);
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		open_lookout(&l, &together, 0);
		turn_for(&l, 200);
		(void)!write(fd[1], &l.crews.v[0].pid, sizeof pid);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(fd[0], &pid, sizeof pid), sizeof pid);
	/* it was in the middle of a read that cannot be ended */
	for (int i = 0; i < 800 && runs(pid); i++)
		clock_sleep_ms(10);
	assert_false(runs(pid));
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* No descriptor is to be had while it lasts. */
static struct rlimit
no_descriptors(void)
{
	struct rlimit was, none;

	(void)getrlimit(RLIMIT_NOFILE, &was);
	none = was;
	none.rlim_cur = 3;
	(void)setrlimit(RLIMIT_NOFILE, &none);
	return was;
}

static void
what_cannot_be_looked_at_for_want_of_descriptors_is_unknown(void **state)
{
	static const char *const v[] = { "1", "2" };
	struct rlimit was;
	struct lookout l;

	(void)state;
	set_names(2, v);
	open_lookout(&l, &together, 0);
	was = no_descriptors();
	lookout_turn(&l);
	(void)setrlimit(RLIMIT_NOFILE, &was);
	assert_non_null(strstr(got(&l, "test", "2")->error, "open files"));
	turn_for(&l, 2500);
	assert_null(got(&l, "test", "1")->error);
	assert_null(got(&l, "test", "2")->error);
	lookout_release(&l);
}

static void
a_round_goes_on_trying_and_says_what_it_lacked(void **state)
{
	static const char *const v[] = { "1" };
	struct rlimit was;
	struct lookout l;

	(void)state;
	set_names(1, v);
	open_lookout(&l, &together, 3000);
	was = no_descriptors();
	lookout_turn(&l);
	(void)setrlimit(RLIMIT_NOFILE, &was);
	turn_for(&l, 2000);
	assert_null(got(&l, "test", "1")->error);
	lookout_release(&l);

	open_lookout(&l, &together, 300);
	was = no_descriptors();
	lookout_turn(&l);
	(void)setrlimit(RLIMIT_NOFILE, &was);
	lookout_give_up(&l);
	assert_non_null(strstr(got(&l, "test", "1")->error, "open files"));
	lookout_release(&l);
}

static int
load_site(void **state)
{
	static const char text[] = "site = { name = \"t\"; };\n";

	(void)state;
	return site_parse(&site, "t.cfg", text, sizeof text - 1) ? 0 : -1;
}

static int
release_site(void **state)
{
	(void)state;
	site_release(&site);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_round_reads_each_target_once),
	cmocka_unit_test(
	    one_that_hangs_costs_only_itself_and_what_is_behind_it_in_the_round),
	cmocka_unit_test(what_hangs_holds_nothing_else_of_its_place_up),
	cmocka_unit_test(many_that_hang_have_few_children),
	cmocka_unit_test(after_the_end_of_a_round_nobody_is_left),
	cmocka_unit_test(a_child_that_dies_is_an_answer_too),
	cmocka_unit_test(a_large_reading_comes_whole),
	cmocka_unit_test(reads_end_before_the_round_does),
	cmocka_unit_test(foreign_words_arrive_harmless),
	cmocka_unit_test(who_hangs_is_killed_and_the_others_go_on),
	cmocka_unit_test(who_was_slow_goes_on_beside_the_others),
	cmocka_unit_test(what_was_known_last_stays_with_its_age),
	cmocka_unit_test(who_fails_is_asked_less_often),
	cmocka_unit_test(many_that_are_alone_share_sixteen_children),
	cmocka_unit_test(children_die_with_the_one_who_listens),
	cmocka_unit_test(
	    what_cannot_be_looked_at_for_want_of_descriptors_is_unknown),
	cmocka_unit_test(a_round_goes_on_trying_and_says_what_it_lacked),
};

int
main(void)
{
	int bad = load_site(NULL);

	return bad ? 1 : RUN_TESTS(tests) | release_site(NULL);
}
