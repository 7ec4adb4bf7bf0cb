#include "tests/test.h"

#include <math.h>

#include "base/late.h"

static struct late maths = { .file = "libm.so.6", .package = "libc6" };

LATE(&maths, double, cbrt, (double x), (x))

static void
a_function_comes_with_its_library(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_null(maths.handle);
	assert_true(late_load(&maths, &e));
	assert_true(cbrt(27) > 2.99 && cbrt(27) < 3.01);
	assert_true(late_load(&maths, &e));
}

static void
one_that_is_not_there_is_named_with_its_package(void **state)
{
	struct late none = { .file = "libnone.so.9", .package = "libnone9" };
	struct err e = ERR_INIT;

	(void)state;
	assert_false(late_load(&none, &e));
	assert_non_null(strstr(e.msg, "libnone.so.9"));
	assert_string_equal(e.hint, "apt-get install libnone9");
	err_clear(&e);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_function_comes_with_its_library),
	cmocka_unit_test(one_that_is_not_there_is_named_with_its_package),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
