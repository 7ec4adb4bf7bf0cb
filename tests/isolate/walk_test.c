#include "tests/test.h"

#include "base/clock.h"
#include "base/file.h"
#include "isolate/walk.h"

static void
pieces_of_any_size_give_the_same_lists(void **state)
{
	static const char said[] =
	    "8 1739500000.5 /v/pg_wal/0001\0"
	    "16 1739500001.0 /v/a b/big.dump\0"
	    "4 1739500002.0 /v/with\nnewline\0"
	    "2 1739500003.0 /v/sets/nightly/x.dump.gz\0"
	    "6 1739500003.0 /v/sets/old/otc.dump\0"
	    "6 1739500003.0 /v/sets/nightlyish/x.tar\0"
	    "nonsense\0" "1 2\0" "\0"
	    "1 1739500004.0 /v/log/x\0"
	    "1 17395 /unfinished";
	static const size_t steps[] = { 1, 2, 7, sizeof said };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct walk w = { .whole = true };
		struct buf text = BUF_INIT;

		VEC_PUSH(&w.stores, "/v/sets");
		for (size_t at = 0; at < sizeof said - 1; at += steps[i])
			walk_feed(&w, said + at, at + steps[i] < sizeof said -
			    1 ? steps[i] : sizeof said - 1 - at);
		walk_end(&w);
		assert_int_equal(w.files, 7);
		assert_int_equal(w.bytes, 43 * 512);
		assert_string_equal(w.biggest[0].path, "/v/a b/big.dump");
		assert_string_equal(w.newest[0].path, "/v/log/x");
		assert_int_equal(w.kinds[WALK_WAL], 8 * 512);
		assert_int_equal(w.kinds[WALK_DUMPS], 28 * 512);
		assert_int_equal(w.kinds[WALK_SETS], 2 * 512);
		assert_int_equal(w.kinds[WALK_LOGS], 512);
		assert_string_equal(w.dirs.v[0].path, "/v/a b");
		w.root = xstrdup("/v");
		walk_write(&w, &text);
		assert_non_null(strstr(text.p, "/v/with\\nnewline"));
		buf_release(&text);
		walk_release(&w);
	}
}

static void
only_the_greatest_are_kept(void **state)
{
	struct walk w = { .whole = true };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char *s = xprintf("%d %d.0 /d%d/f%d", i * 7919 % 1000, i, i % 9,
		    i);

		walk_feed(&w, s, strlen(s) + 1);
		free(s);
	}
	walk_end(&w);
	assert_int_equal(w.n_biggest, WALK_TOP);
	for (size_t i = 0; i < WALK_TOP; i++) {
		assert_int_equal(w.biggest[i].size, (999 - (int64_t)i) * 512);
		assert_int_equal(w.newest[i].mtime, (999 - (int64_t)i) * 1000);
	}
	assert_int_equal(w.dirs.n, 9);
	walk_release(&w);
}

/* The system's own find, in a tree of ours. */
static void
a_real_tree_is_walked_without_following_links(void **state)
{
	struct walk w = { .files = 0 };
	struct place_spec here = { .name = "here" };
	struct err e = ERR_INIT;
	struct place *p = place_open(&here, NULL, &e);
	static char block[8192];

	(void)state;
	assert_non_null(p);
	assert_true(file_mkdirs(test_path("tree/sub"), 0755, &e));
	(void)test_write(test_path("tree/small"), "x");
	assert_true(file_replace(test_path("tree/sub/new\nline"), block,
	    sizeof block, 0644, &e));
	assert_int_equal(symlink("/etc", test_path("tree/etc")), 0);
	/* from the folder itself, not from its mount point */
	{
		const char *argv[] = { "find", test_path("tree"), "-xdev",
			"-type", "f", "-printf", "%b %T@ %p\\0", NULL };
		struct place_ran ran = PLACE_RAN_INIT;

		assert_true(place_run(p, &(struct place_run){ .argv = argv },
		    &ran, &e));
		walk_feed(&w, ran.out.p, ran.out.n);
		place_ran_release(&ran);
	}
	assert_int_equal(w.files, 2);
	assert_non_null(strstr(w.biggest[0].path, "new\nline"));
	walk_release(&w);
	place_close(p);
}

static void
a_disk_that_is_not_there_is_an_error(void **state)
{
	struct walk w = { .files = 0 };
	struct place_spec here = { .name = "here" };
	struct err e = ERR_INIT;
	struct place *p = place_open(&here, NULL, &e);

	(void)state;
	assert_false(walk_disk(&w, p, "/nonexistent/disk",
	    clock_mono_ms() + 20000, &e));
	assert_non_null(strstr(e.msg, "nonexistent"));
	walk_release(&w);
	place_close(p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(pieces_of_any_size_give_the_same_lists),
	cmocka_unit_test(only_the_greatest_are_kept),
	cmocka_unit_test(a_real_tree_is_walked_without_following_links),
	cmocka_unit_test(a_disk_that_is_not_there_is_an_error),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
