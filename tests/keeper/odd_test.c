/* The clock of the host, as the record's keeper watches it. */
#include "tests/test.h"

#include "base/clock.h"
#include "keeper/keeper_intern.h"

static const int64_t noon = INT64_C(1739534400000);

static struct keeper
one_that_looks(void)
{
	struct keeper k = { .want.read_only = true };

	assert_true(clock_zone_set("UTC", NULL));
	clock_fake(noon);
	odd_turn(&k, 1000);
	assert_non_null(k.out.p);
	assert_null(strstr(k.out.p, "jumped"));
	buf_clear(&k.out);
	return k;
}

static void
leave(struct keeper *k)
{
	clock_fake(0);
	buf_release(&k->out);
	buf_release(&k->odd);
	free(k->jumped);
}

static void
a_clock_that_jumps_is_said_at_once(void **state)
{
	struct keeper k = one_that_looks();

	(void)state;
	clock_fake(noon + 1000 - 3600000);
	odd_turn(&k, 2000);
	assert_non_null(strstr(k.out.p, "jumped back by 60 min"));
	assert_non_null(strstr(k.out.p, "11:00:01"));
	buf_clear(&k.out);
	clock_fake(noon + 2000);
	odd_turn(&k, 3000);
	assert_non_null(strstr(k.out.p, "jumped ahead by 60 min"));
	leave(&k);
}

static void
one_that_is_led_back_slowly_is_not(void **state)
{
	struct keeper k = one_that_looks();

	(void)state;
	for (int i = 1; i <= 100; i++) {
		clock_fake(noon + i * 900);
		odd_turn(&k, 1000 + i * 1000);
	}
	assert_null(k.jumped);
	assert_int_equal(k.out.n, 0);
	leave(&k);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_clock_that_jumps_is_said_at_once),
	cmocka_unit_test(one_that_is_led_back_slowly_is_not),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
