#include "base/file.h"

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "base/io.h"

static void
a_file_is_read_whole_or_refused(void **state)
{
	const char *path = test_write("ten", "0123456789");
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	char fifo[PATH_MAX];

	(void)state;
	assert_true(file_read(path, &b, 10, &e));
	assert_string_equal(b.p, "0123456789");
	buf_clear(&b);
	assert_false(file_read(path, &b, 9, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.msg, "larger than 9 bytes"));
	err_clear(&e);
	assert_false(file_read(test_path("none"), &b, 9, &e));
	assert_int_equal(e.sys_errno, ENOENT);
	err_clear(&e);
	assert_false(file_read(test_dir(), &b, 9, &e));
	assert_non_null(strstr(e.msg, "not a regular file"));
	err_clear(&e);
	(void)snprintf(fifo, sizeof fifo, "%s", test_path("fifo"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_false(file_read(fifo, &b, 9, &e));	/* and does not wait */
	buf_release(&b);
}

static void
a_file_is_replaced_whole(void **state)
{
	char path[PATH_MAX], *text;
	struct err e = ERR_INIT;
	struct stat st;
	mode_t mask = umask(077);

	(void)state;
	(void)snprintf(path, sizeof path, "%s", test_path("whole"));
	assert_true(file_replace(path, "one", 3, 0640, &e));
	(void)umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(file_replace(path, "two two", 7, 0600, &e));
	text = test_read(path);
	assert_string_equal(text, "two two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(text);
	assert_false(file_replace(test_path("no/such/dir/f"), "x", 1, 0600,
	    &e));
	assert_int_equal(e.sys_errno, ENOENT);
}

static void
a_new_file_is_whole_and_never_in_place_of_another(void **state)
{
	char path[PATH_MAX], link[PATH_MAX], *text;
	struct err e = ERR_INIT;
	struct stat st;
	mode_t mask = umask(077);

	(void)state;
	(void)snprintf(path, sizeof path, "%s", test_path("new"));
	assert_true(file_create(path, "one", 3, 0640, &e));
	(void)umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_false(file_create(path, "two", 3, 0640, &e));
	assert_int_equal(e.kind, ERR_GUARD);
	assert_non_null(strstr(e.msg, "is there already"));
	text = test_read(path);
	assert_string_equal(text, "one");
	free(text);
	err_clear(&e);
	(void)snprintf(link, sizeof link, "%s", test_path("leads-nowhere"));
	assert_int_equal(symlink("nowhere", link), 0);
	assert_false(file_create(link, "x", 1, 0600, &e));
	assert_int_equal(e.kind, ERR_GUARD);
	assert_int_equal(access(test_path("nowhere"), F_OK), -1);
	err_clear(&e);
	assert_false(file_create(test_path("no/such/f"), "x", 1, 0600, &e));
	assert_int_equal(e.sys_errno, ENOENT);
}

static void
replacing_does_not_write_through_links(void **state)
{
	char target[PATH_MAX], link[PATH_MAX], tmp[PATH_MAX + 32], *text;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	(void)snprintf(target, sizeof target, "%s",
	    test_write("target", "theirs"));
	(void)snprintf(link, sizeof link, "%s", test_path("link"));
	assert_int_equal(symlink(target, link), 0);
	(void)snprintf(tmp, sizeof tmp, "%s.tmp.%ld", link, (long)getpid());
	assert_int_equal(symlink(target, tmp), 0);	/* laid as a trap */
	assert_true(file_replace(link, "ours", 4, 0600, &e));
	text = test_read(target);
	assert_string_equal(text, "theirs");
	free(text);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_false(file_exists(tmp));
}

/* A reader sees the old bytes or the new ones, whatever the moment. */
static void
readers_never_see_half_of_it(void **state)
{
	enum { N = 40000 };
	static char bytes[N];
	char path[PATH_MAX];
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	(void)state;
	(void)snprintf(path, sizeof path, "%s", test_path("swap"));
	memset(bytes, 'a', N);
	assert_true(file_replace(path, bytes, N, 0600, &e));
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 100; i++) {
			memset(bytes, 'a' + i % 26, N);
			if (!file_replace(path, bytes, N, 0600, NULL))
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		char *text = test_read(path);

		assert_int_equal(strlen(text), N);
		for (int i = 1; i < N; i++)
			if (text[i] != text[0])
				fail_msg("mixed at %d", i);
		free(text);
	}
	assert_int_equal(status, 0);
}

static void
a_failed_replacement_leaves_the_old_file_alone(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX + 8];
	struct err e = ERR_INIT;
	char *text;
	int status;
	pid_t pid;

	(void)state;
	(void)snprintf(dir, sizeof dir, "%s", test_path("shut"));
	(void)snprintf(path, sizeof path, "%s/f", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_true(file_replace(path, "old", 3, 0644, &e));
	pid = fork();
	if (pid == 0) {		/* somebody who may not write there */
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(0);
		(void)chmod(dir, 0555);
		_exit(file_replace(path, "new", 3, 0644, NULL) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)chmod(dir, 0755);
	assert_int_equal(status, 0);
	text = test_read(path);
	assert_string_equal(text, "old");
	free(text);
	assert_true(file_is_dir(dir));
	/* a directory in the way */
	assert_false(file_replace(dir, "x", 1, 0600, &e));
	(void)snprintf(path, sizeof path, "%s.tmp", dir);
	assert_false(file_exists(path));
}

static void
a_record_fills_whole_blocks(void **state)
{
	const char *path = test_write("record", "");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	char *text;

	(void)state;
	buf_str(&b, "{\"a\":1}");
	assert_true(file_record(fd, &b, 1024, &e));
	text = test_read(path);
	assert_int_equal(strlen(text), 1024);
	assert_memory_equal(text, "{\"a\":1}   ", 10);
	assert_int_equal(text[1023], '\n');
	assert_int_equal(text[1022], ' ');
	free(text);
	buf_clear(&b);
	buf_fill(&b, 'x', 511);
	assert_true(file_record(fd, &b, 0, &e));
	text = test_read(path);
	assert_int_equal(text[510], 'x');
	assert_int_equal(text[511], '\n');
	assert_int_equal(strlen(text), 1024);	/* never shorter */
	free(text);
	buf_ch(&b, 'x');
	assert_true(file_record(fd, &b, 0, &e));
	text = test_read(path);
	assert_int_equal(text[511], 'x');
	assert_int_equal(text[1023], '\n');
	free(text);
	buf_release(&b);
	io_close(&fd);
}

static void
directories_are_made_with_their_mode(void **state)
{
	char path[PATH_MAX];
	struct err e = ERR_INIT;
	struct stat st;
	mode_t mask = umask(077);

	(void)state;
	(void)snprintf(path, sizeof path, "%s", test_path("a/b/c"));
	assert_false(file_mkdir(path, 0700, &e));
	err_clear(&e);
	assert_true(file_mkdirs(path, 02770, &e));
	assert_true(file_mkdirs(path, 02770, &e));
	assert_true(file_mkdir(path, 02770, &e));
	(void)umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02770);
	assert_int_equal(stat(test_path("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_false(file_mkdirs(test_write("plain", ""), 0700, &e));
	err_clear(&e);
	assert_false(file_mkdirs(test_path("plain/below"), 0700, &e));
	assert_true(file_sync_dir(path, &e) || e.kind == ERR_SYS);
	err_clear(&e);
	assert_true(file_sync_dir(path, &e));
	assert_false(file_sync_dir(test_path("gone"), &e));
}

static void
a_tree_is_removed_but_not_what_its_links_name(void **state)
{
	char tree[PATH_MAX], path[PATH_MAX + 64], outside[PATH_MAX];
	struct err e = ERR_INIT;

	(void)state;
	(void)snprintf(tree, sizeof tree, "%s", test_path("tree"));
	(void)snprintf(outside, sizeof outside, "%s", test_path("outside"));
	assert_true(file_mkdirs(outside, 0700, &e));
	(void)snprintf(path, sizeof path, "%s/keep", outside);
	(void)test_write(path, "keep");
	(void)snprintf(path, sizeof path, "%s/deep/er", tree);
	assert_true(file_mkdirs(path, 0700, &e));
	for (int i = 0; i < 300; i++) {
		(void)snprintf(path, sizeof path, "%s/deep/f%d", tree, i);
		(void)test_write(path, "x");
	}
	(void)snprintf(path, sizeof path, "%s/deep/er/link", tree);
	assert_int_equal(symlink(outside, path), 0);
	(void)snprintf(path, sizeof path, "%s/dangling", tree);
	assert_int_equal(symlink("/nowhere", path), 0);
	(void)snprintf(path, sizeof path, "%s/file", tree);
	assert_int_equal(symlink(test_path("outside/keep"), path), 0);
	(void)snprintf(path, sizeof path, "%s/shut", tree);
	assert_int_equal(mkdir(path, 0700), 0);

	if (!file_remove_tree(tree, &e))
		fail_msg("%s", e.msg);
	assert_false(file_exists(tree));
	assert_true(file_exists(test_path("outside/keep")));
	assert_true(file_remove_tree(tree, &e));	/* gone is gone */

	/* the tree's own name may be a link: that alone goes */
	assert_int_equal(symlink(outside, tree), 0);
	assert_true(file_remove_tree(tree, &e));
	assert_false(file_exists(tree));
	assert_true(file_exists(test_path("outside/keep")));
}

static void
paths_are_looked_at(void **state)
{
	char *joined = file_join("/a", "b");
	char link[PATH_MAX];

	(void)state;
	assert_string_equal(joined, "/a/b");
	free(joined);
	(void)snprintf(link, sizeof link, "%s", test_path("lost"));
	assert_int_equal(symlink("/nowhere", link), 0);
	assert_true(file_exists(link));
	assert_false(file_is_dir(link));
	assert_true(file_is_dir("/"));
	assert_false(file_exists("/nowhere"));
}

static void
reserved_room_is_beyond_the_end(void **state)
{
	int fd = open(test_write("room", "x"), O_RDWR | O_CLOEXEC);
	struct stat st;
	bool room = file_reserve(fd, 0, 1 << 20);
	int why = errno;

	(void)state;
	if (!room && (why == EOPNOTSUPP || why == ENOSYS)) {
		io_close(&fd);
		test_skip("this file system cannot reserve room");
	}
	assert_true(room);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 1);
	assert_true(st.st_blocks * 512 >= 1 << 20);
	file_nocow(fd);		/* does no harm elsewhere */
	assert_false(file_cow(fd) && file_volatile(fd));
	io_close(&fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_is_read_whole_or_refused),
	cmocka_unit_test(a_file_is_replaced_whole),
	cmocka_unit_test(a_new_file_is_whole_and_never_in_place_of_another),
	cmocka_unit_test(replacing_does_not_write_through_links),
	cmocka_unit_test(readers_never_see_half_of_it),
	cmocka_unit_test(a_failed_replacement_leaves_the_old_file_alone),
	cmocka_unit_test(a_record_fills_whole_blocks),
	cmocka_unit_test(directories_are_made_with_their_mode),
	cmocka_unit_test(a_tree_is_removed_but_not_what_its_links_name),
	cmocka_unit_test(paths_are_looked_at),
	cmocka_unit_test(reserved_room_is_beyond_the_end),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
