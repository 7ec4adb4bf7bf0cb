#include "tests/test.h"

#include "base/file.h"
#include "isolate/evidence.h"

static void
a_copy_has_the_hash_that_is_told(void **state)
{
	struct evidence ev = { .dir = test_path("one") };
	const struct evidence_file *f = evidence_put(&ev, "../a b.txt", "a",
	    "text", 4, false);
	char hex[SHA_HEX], *path;
	int64_t size;

	(void)state;
	assert_true(f->copied);
	assert_string_equal(f->name, "-.-a-b.txt");
	path = file_join(ev.dir, f->name);
	assert_true(sha_of_file(path, hex, &size, NULL));
	assert_string_equal(hex, f->sha256);
	assert_int_equal(size, f->size);
	free(path);
	evidence_release(&ev);
}

static void
what_is_too_long_is_cut_at_the_right_end(void **state)
{
	struct evidence ev = { .dir = test_path("long") };
	size_t n = EVIDENCE_FILE_MAX + 10;
	char *text = xmalloc(n), *path;
	const struct evidence_file *f;
	struct buf b = BUF_INIT;

	(void)state;
	memset(text, 'a', n);
	memset(text + n - 10, 'z', 10);
	f = evidence_put(&ev, "log", "a log", text, n, true);
	assert_true(f->cut);
	assert_int_equal(f->size, EVIDENCE_FILE_MAX);
	path = file_join(ev.dir, "log");
	assert_true(file_read(path, &b, 1 << 20, NULL));
	assert_memory_equal(b.p + b.n - 10, "zzzzzzzzzz", 10);
	free(path);
	buf_clear(&b);
	(void)evidence_put(&ev, "list", "a list", text, n, false);
	path = file_join(ev.dir, "list");
	assert_true(file_read(path, &b, 1 << 20, NULL));
	assert_null(memchr(b.p, 'z', b.n));
	free(path);
	buf_release(&b);
	free(text);
	evidence_release(&ev);
}

static void
all_copies_together_are_bounded(void **state)
{
	struct evidence ev = { .dir = test_path("many"), .budget = 10 };
	const struct evidence_file *f;

	(void)state;
	assert_true(evidence_put(&ev, "a", "a", "12345678", 8, false)->copied);
	f = evidence_put(&ev, "b", "b", "12345", 5, false);
	assert_false(f->copied);
	assert_non_null(f->why);
	assert_int_equal(strlen(f->sha256), 64);
	assert_true(evidence_put(&ev, "c", "c", "1", 1, false)->copied);
	evidence_release(&ev);
}

static void
where_nothing_can_be_written_the_hash_is_known_all_the_same(void **state)
{
	struct evidence ev = { .dir = "/proc/nowhere/evidence" };
	const struct evidence_file *f = evidence_put(&ev, "a", "a", "x", 1,
	    false);

	(void)state;
	assert_false(f->copied);
	assert_non_null(f->why);
	assert_int_equal(strlen(f->sha256), 64);
	evidence_release(&ev);
}

static void
what_the_record_has_is_not_copied_again(void **state)
{
	struct evidence ev = { .dir = test_path("again") };
	const struct evidence_file *f;
	char hex[SHA_HEX];

	(void)state;
	sha_of("x", 1, hex);
	evidence_know(&ev, hex);
	f = evidence_put(&ev, "a", "a", "x", 1, false);
	assert_true(f->known);
	assert_false(f->copied);
	assert_false(file_exists(ev.dir));
	assert_false(evidence_put(&ev, "b", "b", "y", 1, false)->known);
	evidence_release(&ev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_copy_has_the_hash_that_is_told),
	cmocka_unit_test(what_is_too_long_is_cut_at_the_right_end),
	cmocka_unit_test(all_copies_together_are_bounded),
	cmocka_unit_test(
	    where_nothing_can_be_written_the_hash_is_known_all_the_same),
	cmocka_unit_test(what_the_record_has_is_not_copied_again),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
