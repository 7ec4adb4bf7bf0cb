#include "base/who.h"

#include "tests/test.h"

#include <sys/wait.h>

/* who_am_i() answers once a process, so each question has a child. */
static int
ask(void (*prepare)(void), bool (*good)(const struct who *))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)unsetenv("SUDO_USER");
		(void)unsetenv("SSH_CONNECTION");
		prepare();
		_exit(good(who_am_i()) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
as_ssh(void)
{
	(void)setenv("SSH_CONNECTION", "192.0.2.7 5000 192.0.2.8 22", 1);
}

static bool
has_address(const struct who *w)
{
	return strcmp(w->ssh, "192.0.2.7") == 0 && w->login[0] != '\0' &&
	    w->host[0] != '\0' && strcmp(w->by, w->login) == 0;
}

static void
the_address_of_an_ssh_session_is_kept(void **state)
{
	(void)state;
	assert_int_equal(ask(as_ssh, has_address), 0);
}

static void
as_sudo(void)
{
	(void)setenv("SUDO_USER", "amaka\033[31m", 1);
}

static bool
is_the_caller_of_sudo(const struct who *w)
{
	if (geteuid() != 0)
		return w->sudo[0] == '\0' && strcmp(w->by, w->login) == 0;
	return strcmp(w->sudo, "amaka\\x1b[31m") == 0 &&
	    strcmp(w->by, w->sudo) == 0;
}

static void
who_called_sudo_is_believed_of_root_only(void **state)
{
	(void)state;
	assert_int_equal(ask(as_sudo, is_the_caller_of_sudo), 0);
}

static void
as_sudo_without_root(void)
{
	as_sudo();
	if (geteuid() == 0 && setuid(65534) != 0)
		_exit(2);
}

static void
anybody_may_set_a_variable(void **state)
{
	(void)state;
	assert_int_equal(ask(as_sudo_without_root, is_the_caller_of_sudo), 0);
}

static void
a_test_may_be_somebody_else(void **state)
{
	static const struct who w = { .by = "ann", .host = "h" };

	(void)state;
	who_fake(&w);
	assert_string_equal(who_am_i()->by, "ann");
	assert_string_equal(who_am_i()->host, "h");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_address_of_an_ssh_session_is_kept),
	cmocka_unit_test(who_called_sudo_is_believed_of_root_only),
	cmocka_unit_test(anybody_may_set_a_variable),
	cmocka_unit_test(a_test_may_be_somebody_else),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
