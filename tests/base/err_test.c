/* WRAP: abort */
#include "base/err.h"

#include "tests/test.h"

#include <errno.h>
#include <sys/wait.h>

static void
the_first_failure_wins(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_false(err_set(&e, ERR_GUARD, "no '%s'", "a"));
	assert_false(err_set(&e, ERR_SYS, "later"));
	assert_string_equal(e.msg, "no 'a'");
	assert_int_equal(e.kind, ERR_GUARD);
	assert_false(err_hint(&e, "Do this."));
	assert_false(err_hint(&e, "Or that."));
	assert_string_equal(e.hint, "Do this.");
	err_clear(&e);
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(e.msg, "");
	assert_false(err_set(NULL, ERR_SYS, "nobody listens"));
	assert_false(err_sys(NULL, "nobody"));
	assert_false(err_wrap(NULL, "nobody"));
	assert_false(err_hint(NULL, "nobody"));
}

static void
callers_put_context_in_front(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = ENOENT;
	err_sys(&e, "cannot open '%s'", "f");
	err_wrap(&e, "step %d", 3);
	assert_string_equal(e.msg,
	    "step 3: cannot open 'f': No such file or directory");
	assert_int_equal(e.sys_errno, ENOENT);
}

static void
a_message_is_one_clean_line(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_FAILED, "bad '%s'", "a\033[31m\nb\xff");
	assert_string_equal(e.msg, "bad 'a\\x1b[31m\\nb\\xff'");
	err_hint(&e, "See '%s'.", "\xe2\x80\xae" "abc");
	assert_string_equal(e.hint, "See '<U+202E>abc'.");
	err_wrap(&e, "%s", "x\r");
	assert_string_equal(e.msg, "x\\r: bad 'a\\x1b[31m\\nb\\xff'");
}

static void
a_long_message_ends_between_characters(void **state)
{
	char text[1200];

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		struct err e = ERR_INIT;
		size_t n = shift;

		memset(text, 'x', sizeof text);
		for (; n + 3 < sizeof text; n += 3)
			memcpy(text + n, "\xe2\x82\xac", 3);
		text[n] = '\0';
		err_set(&e, ERR_FAILED, "%s", text);
		err_hint(&e, "%s", text);
		assert_null(strstr(e.msg, "\\x"));
		assert_null(strstr(e.hint, "\\x"));
		assert_in_range(strlen(e.msg), sizeof e.msg - 4,
		    sizeof e.msg - 1);
	}
}

static void
every_kind_has_a_word(void **state)
{
	(void)state;
	for (int k = ERR_NONE; k <= ERR_FAILED; k++)
		for (int other = ERR_NONE; other < k; other++)
			assert_string_not_equal(err_kind_name((enum err_kind)k),
			    err_kind_name((enum err_kind)other));
	assert_string_equal(err_kind_name(ERR_NOTFOUND), "not-found");
}

/* A sanitizer would tell a story about the real one. */
_Noreturn void __wrap_abort(void);
_Noreturn void
__wrap_abort(void)
{
	_exit(86);
}

static void
hook(void)
{
	(void)!write(STDERR_FILENO, "<terminal back>", 15);
}

static void
dying_first_gives_the_terminal_back(void **state)
{
	int p[2], status;
	char out[128] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(p[1], STDERR_FILENO);
		die_hook = hook;
		die("lost %d", 7);
	}
	(void)close(p[1]);
	for (size_t n = 0; n < sizeof out - 1;) {
		ssize_t r = read(p[0], out + n, sizeof out - 1 - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	(void)close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 86);
	assert_string_equal(out, "<terminal back>midwatch: lost 7\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_first_failure_wins),
	cmocka_unit_test(callers_put_context_in_front),
	cmocka_unit_test(a_message_is_one_clean_line),
	cmocka_unit_test(a_long_message_ends_between_characters),
	cmocka_unit_test(every_kind_has_a_word),
	cmocka_unit_test(dying_first_gives_the_terminal_back),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
