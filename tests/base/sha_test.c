#include "base/sha.h"

#include "tests/test.h"

#include <errno.h>

#include "base/buf.h"

static const struct { const char *text, *hex; } known[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb924"
	      "27ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223"
		 "b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
};

static void
known_texts_have_their_known_sums(void **state)
{
	char hex[SHA_HEX];

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		sha_of(known[i].text, strlen(known[i].text), hex);
		assert_string_equal(hex, known[i].hex);
	}
}

static void
pieces_give_the_same_sum_as_the_whole(void **state)
{
	struct sha s = { 0 };
	char hex[SHA_HEX], piece[1000];

	(void)state;
	memset(piece, 'a', sizeof piece);
	sha_init(&s);
	for (int i = 0; i < 1000; i++)		/* a million times 'a' */
		sha_add(&s, piece, sizeof piece);
	sha_add(&s, piece, 0);
	sha_hex(&s, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0");
	assert_null(s.ctx);
	sha_release(&s);
}

static void
a_file_has_the_sum_of_its_bytes(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	char whole[SHA_HEX], file[SHA_HEX];
	int64_t size = 0;

	(void)state;
	for (int i = 0; i < 200000; i++)
		buf_printf(&b, "%d,", i);
	sha_of(b.p, b.n, whole);
	assert_true(sha_of_file(test_write("big", b.p), file, &size, &e));
	assert_string_equal(file, whole);
	assert_int_equal(size, b.n);
	assert_true(sha_of_file(test_write("none", ""), file, NULL, &e));
	assert_string_equal(file, known[0].hex);
	assert_false(sha_of_file(test_path("gone"), file, &size, &e));
	assert_int_equal(e.sys_errno, ENOENT);
	err_clear(&e);
	assert_false(sha_of_file(test_dir(), file, &size, &e));
	assert_int_equal(e.sys_errno, EISDIR);
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(known_texts_have_their_known_sums),
	cmocka_unit_test(pieces_give_the_same_sum_as_the_whole),
	cmocka_unit_test(a_file_has_the_sum_of_its_bytes),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
