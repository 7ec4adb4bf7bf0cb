/*
 * What every unit test includes, and the only place that includes cmocka
 * (which wants these four headers before it, in this order).
 *
 *	static void
 *	a_torn_line_is_found(void **state)
 *	{
 *		const char *path = test_path("journal");
 *		...
 *	}
 *
 *	static const struct CMUnitTest tests[] = {
 *		cmocka_unit_test(a_torn_line_is_found),
 *	};
 *
 *	int
 *	main(void)
 *	{
 *		return RUN_TESTS(tests);
 *	}
 *
 * Test names are sentences.  In a loop over a table call test_case(label)
 * first: cmocka's message shows the two values, not which row they came from.
 * A test that cannot run here calls test_skip(why) and nothing after it.
 *
 * A test may replace a library's functions: its first line then names them,
 * as in  "WRAP: PQexec PQstatus"  in a comment, and it defines __wrap_PQexec().
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_HELPER __attribute__((unused)) static

#define RUN_TESTS(tests) \
	cmocka_run_group_tests_name( \
	    program_invocation_short_name, (tests), NULL, NULL)

extern char *program_invocation_short_name;

/* Names the row of a table that the next assertions are about. */
TEST_HELPER void
test_case(const char *label)
{
	print_message("# case: %s\n", label);
}

/* Ends this test as skipped.  The runner shows the reason; cmocka has none. */
#define test_skip(why) \
	do { \
		print_message("# skipped because: %s\n", (why)); \
		skip(); \
	} while (0)

TEST_HELPER int
test_remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

struct test_dir {
	char path[PATH_MAX];
	pid_t owner; /* a forked child that exits must not take it along */
};

TEST_HELPER struct test_dir test_dir_;

TEST_HELPER void
test_dir_remove(void)
{
	if (test_dir_.owner == getpid())
		nftw(test_dir_.path, test_remove_one, 16,
		    FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* This program's own empty directory: made when first asked for, removed at
 * exit.  Ends the program when it cannot be made. */
TEST_HELPER const char *
test_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (test_dir_.owner)
		return test_dir_.path;
	snprintf(test_dir_.path, sizeof(test_dir_.path), "%s/unit.XXXXXX",
	    tmp ? tmp : "/tmp");
	if (!mkdtemp(test_dir_.path)) {
		perror(test_dir_.path);
		exit(99);
	}
	test_dir_.owner = getpid();
	atexit(test_dir_remove);
	return test_dir_.path;
}

/* A name in that directory.  The last 8 answers stay valid. */
TEST_HELPER const char *
test_path(const char *name)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned int turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return path;
}

/* Writes a whole file (in that directory unless the name begins with '/') and
 * returns its path. */
TEST_HELPER const char *
test_write(const char *name, const char *text)
{
	const char *path = name[0] == '/' ? name : test_path(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	return path;
}

/* The whole of a file as a string, which the caller frees. */
TEST_HELPER char *
test_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	assert_non_null(f);
	if (getdelim(&text, &room, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

#endif
