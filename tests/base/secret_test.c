#include "tests/test.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/secret.h"

static char out[SECRET_TEXT];

static int
nothing_held(void **state)
{
	(void)state;
	secret_forget();
	secret_wipe(out, sizeof out);
	return 0;
}

static void
what_was_put_is_found_by_its_key(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_false(secret_find(NULL, "/k/a", out, sizeof out));
	assert_true(secret_put("/k/a", "one", &e));
	assert_true(secret_put("/k/b", "", &e));
	assert_int_equal(secret_count(), 2);
	assert_true(secret_find(NULL, "/k/a", out, sizeof out));
	assert_string_equal(out, "one");
	assert_true(secret_find(NULL, "/k/b", out, sizeof out));
	assert_string_equal(out, "");
	assert_false(secret_find(NULL, "/k/", out, sizeof out));
	assert_true(secret_put("/k/a", "another", &e));
	assert_int_equal(secret_count(), 2);
	assert_true(secret_find(NULL, "/k/a", out, sizeof out));
	assert_string_equal(out, "another");
	assert_false(secret_find(NULL, "/k/a", out, 7));
	assert_true(secret_find(NULL, "/k/a", out, 8));
}

static void
what_is_too_much_is_refused(void **state)
{
	char longer[SECRET_TEXT + 1], key[32];
	struct err e = ERR_INIT;

	(void)state;
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_false(secret_put("/k", longer, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_null(strstr(e.msg, "xxx"));
	longer[sizeof longer - 2] = '\0';
	err_clear(&e);
	for (int i = 0; i < SECRETS_MAX; i++) {
		(void)snprintf(key, sizeof key, "/k/%d", i);
		assert_true(secret_put(key, longer, &e));
	}
	assert_false(secret_put("/k/more", "y", &e));
	assert_int_equal(e.kind, ERR_USAGE);
}

static void
nobody_can_dump_who_holds_one(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
	assert_true(secret_put("/k", "one", &e));
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	secret_forget();
	assert_int_equal(secret_count(), 0);
	assert_false(secret_find(NULL, "/k", out, sizeof out));
	assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
}

/* A sanitizer makes locking do nothing. */
#ifdef __SANITIZE_ADDRESS__
#define LOCKED ""
#else
#define LOCKED " lo"
#endif

/* Of the pages that hold it: locked, and in no dump. */
static int
kept_pages(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	int n = 0;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL)
		n += strncmp(line, "VmFlags:", 8) == 0 &&
		    strstr(line, LOCKED) != NULL && strstr(line, " dd") != NULL;
	(void)fclose(f);
	return n;
}

static void
a_child_holds_it_the_same_way(void **state)
{
	struct err e = ERR_INIT;
	int status, none = kept_pages();
	pid_t pid;

	(void)state;
	if (none < 0) {
		test_skip("the kernel does not tell the state of pages");
		return;
	}
	assert_true(secret_put("/k", "one", &e));
	assert_int_equal(kept_pages(), none + 1);
	pid = fork();
	if (pid == 0)
		_exit(secret_find(NULL, "/k", out, sizeof out) &&
		    strcmp(out, "one") == 0 && prctl(PR_GET_DUMPABLE) == 0 &&
		    kept_pages() == none + 1 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_pipe_hands_all_of_them_on(void **state)
{
	char key[SECRET_KEY], text[SECRET_TEXT];
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	memset(key, 'k', sizeof key - 1);
	memset(text, 't', sizeof text - 1);
	key[sizeof key - 1] = text[sizeof text - 1] = '\0';
	for (int i = 0; i < SECRETS_MAX; i++) {
		key[0] = (char)('A' + i);
		assert_true(secret_put(key, i == 1 ? "" : text, &e));
	}
	fd = secret_pipe(&e);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	secret_forget();
	assert_true(secret_take(fd, &e));
	assert_int_equal(secret_count(), SECRETS_MAX);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	key[0] = 'B';
	assert_true(secret_find(NULL, key, out, sizeof out));
	assert_string_equal(out, "");
	key[0] = (char)('A' + SECRETS_MAX - 1);
	assert_true(secret_find(NULL, key, out, sizeof out));
	assert_string_equal(out, text);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
}

static void
a_pipe_that_says_nonsense_is_refused(void **state)
{
	static const struct {
		const char *label, *bytes;
		size_t n;
		bool good;
	} rows[] = {
		{ "nothing", "", 0, true },
		{ "a key without its text", "/k\0", 3, false },
		{ "a key without an end", "/k", 2, false },
		{ "a text without an end", "/k\0one", 6, true },
	};
	int fd[2];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;

		test_case(rows[i].label);
		assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
		assert_true(io_write_all(fd[1], rows[i].bytes, rows[i].n));
		io_close(&fd[1]);
		assert_int_equal(secret_take(fd[0], &e), rows[i].good);
		secret_forget();
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(what_was_put_is_found_by_its_key, nothing_held),
	cmocka_unit_test_setup(what_is_too_much_is_refused, nothing_held),
	cmocka_unit_test_setup(nobody_can_dump_who_holds_one, nothing_held),
	cmocka_unit_test_setup(a_child_holds_it_the_same_way, nothing_held),
	cmocka_unit_test_setup(a_pipe_hands_all_of_them_on, nothing_held),
	cmocka_unit_test_setup(a_pipe_that_says_nonsense_is_refused,
	    nothing_held),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
