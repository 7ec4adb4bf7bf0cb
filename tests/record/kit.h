/*
 * kit: what the tests of this room do again and again.
 */
#ifndef TESTS_RECORD_KIT_H
#define TESTS_RECORD_KIT_H

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/file.h"
#include "record/journal.h"

TEST_HELPER bool
soak(void)
{
	return getenv("MIDWATCH_SOAK") != NULL;
}

/* A new empty journal called so in the test's directory. */
TEST_HELPER const char *
new_journal(const char *name)
{
	const char *path = test_path(name);
	struct err e = ERR_INIT;

	(void)unlink(path);
	if (!journal_create(path, 0, &e))
		fail_msg("%s", e.msg);
	return path;
}

TEST_HELPER void
open_journal(struct journal *j, const char *path)
{
	struct err e = ERR_INIT;

	journal_init(j, NULL, NULL);
	if (!journal_open(j, path, &e))
		fail_msg("%s", e.msg);
}

TEST_HELPER int64_t
note(struct journal *j, const char *text)
{
	struct draft d = { .kind = EVENT_NOTE, .text = text };
	struct err e = ERR_INIT;
	int64_t seq = 0;

	if (!journal_append(j, &d, 1, NULL, NULL, &seq, &e))
		fail_msg("%s", e.msg);
	return seq;
}

/* n notes "note 1" …; the journal is closed again. */
TEST_HELPER const char *
journal_of(const char *name, int n)
{
	const char *path = new_journal(name);
	struct journal j;
	char text[32];

	open_journal(&j, path);
	for (int i = 1; i <= n; i++) {
		(void)snprintf(text, sizeof text, "note %d", i);
		(void)note(&j, text);
	}
	journal_close(&j);
	return path;
}

/* Reads all of it; the first problem's words are in what, "" when it is good. */
TEST_HELPER struct journal_verdict
verdict_of(const char *path, char what[256])
{
	struct journal_verdict v;
	struct err e = ERR_INIT;
	struct journal j;

	journal_init(&j, NULL, NULL);
	if (!journal_verify(&j, path, &v, &e))
		fail_msg("%s", e.msg);
	(void)snprintf(what, 256, "%s", j.scan.problems.n > 0 ?
	    j.scan.problems.v[0].text : "");
	journal_close(&j);
	return v;
}

TEST_HELPER struct journal_verdict
assert_good(const char *path)
{
	char what[256];
	struct journal_verdict v = verdict_of(path, what);

	if (v.problems > 0)
		fail_msg("%s: %s", path, what);
	return v;
}

TEST_HELPER void
slurp(const char *path, struct buf *b)
{
	struct err e = ERR_INIT;

	buf_clear(b);
	if (!file_read(path, b, 1 << 30, &e))
		fail_msg("%s", e.msg);
}

/* The same file with other bytes. */
TEST_HELPER void
spill(const char *path, const char *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	assert_int_equal(close(fd), 0);
}

/* What verify.py says about it. */
TEST_HELPER int
second_opinion(const char *path, const char *second)
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, 1);
		(void)dup2(null, 2);
		(void)execl("tests/verify.py", "verify.py", path, second, NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status);
}

#endif
