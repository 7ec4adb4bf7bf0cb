#include "tests/test.h"

#include "base/scram.h"

/* The exchange of RFC 7677, section 3: user "user", password "pencil". Its client
 * proof and its server signature follow from these two keys. */
static const unsigned char rfc_salt[] = { 0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12,
	0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81 };
static const char rfc_verifier[] = "SCRAM-SHA-256$4096:"
    "W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
static const char md5_verifier[] = "md520c46e3762c864548e296b33c3406aa9";

static void
the_verifier_is_the_one_of_the_standard(void **state)
{
	char got[SCRAM_VERIFIER];
	struct err e = ERR_INIT;

	(void)state;
	assert_true(scram_verifier_of("pencil", rfc_salt, sizeof rfc_salt,
	    4096, got, &e));
	assert_string_equal(got, rfc_verifier);
	assert_true(scram_md5("pencil", "user", got, &e));
	assert_string_equal(got, md5_verifier);
}

static void
a_password_is_recognised_without_a_login(void **state)
{
	(void)state;
	assert_int_equal(scram_matches(rfc_verifier, "user", "pencil"),
	    SCRAM_YES);
	assert_int_equal(scram_matches(rfc_verifier, "other", "pencil"),
	    SCRAM_YES);
	assert_int_equal(scram_matches(rfc_verifier, "user", "pencil "),
	    SCRAM_NO);
	assert_int_equal(scram_matches(rfc_verifier, "user", ""), SCRAM_NO);
	assert_int_equal(scram_matches(md5_verifier, "user", "pencil"),
	    SCRAM_YES);
	assert_int_equal(scram_matches(md5_verifier, "users", "pencil"),
	    SCRAM_NO);
	assert_int_equal(scram_matches(NULL, "user", "pencil"), SCRAM_NO);
}

/* Servers normalise: IX and the one character that looks so are one password. */
static void
what_a_server_may_normalise_is_not_denied(void **state)
{
	char v[SCRAM_VERIFIER];
	struct err e = ERR_INIT;

	(void)state;
	assert_true(scram_verifier("IX", v, &e));
	assert_int_equal(scram_matches(v, "user", "\xe2\x85\xa8"),
	    SCRAM_UNKNOWN);
	assert_true(scram_verifier("p\xc3\xa4ss", v, &e));
	assert_int_equal(scram_matches(v, "user", "p\xc3\xa4ss"), SCRAM_YES);
}

static void
a_verifier_that_is_none_says_nothing(void **state)
{
	static const char *const bad[] = { "SCRAM-SHA-256$", "SCRAM-SHA-256$1",
		"SCRAM-SHA-256$x:AAAA$AAAA:AAAA",
		"SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d:wfPL",
		"SCRAM-SHA-256$4096:W22Z", "SCRAM-SHA-256$4096:W22Z$",
		"SCRAM-SHA-256$4096:W22Z$WG5d8oPm3OtcPnkdi4Uo:",
		"SCRAM-SHA-256$4096:####$####:####",
		"SCRAM-SHA-256$99999999999:W22Z$WG5d:wfPL",
		"SCRAM-SHA-512$4096:W22Z$WG5d:wfPL", "plain" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		test_case(bad[i]);
		assert_int_equal(scram_matches(bad[i], "user", "pencil"),
		    SCRAM_UNKNOWN);
	}
	assert_int_equal(scram_kind_of(rfc_verifier), SCRAM_SHA256);
	assert_int_equal(scram_kind_of(md5_verifier), SCRAM_MD5_KIND);
	assert_int_equal(scram_kind_of(""), SCRAM_NONE);
	assert_int_equal(scram_kind_of("md5"), SCRAM_STRANGE);
}

static void
new_passwords_need_no_quoting_and_never_come_again(void **state)
{
	static char seen[2000][SCRAM_PASSWORD];
	char one[SCRAM_VERIFIER], two[SCRAM_VERIFIER];
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		assert_true(scram_password(seen[i], &e));
		assert_int_equal(strlen(seen[i]), SCRAM_CHARS);
		assert_int_equal(strspn(seen[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-_"), SCRAM_CHARS);
		assert_true(seen[i][0] >= 'A');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[i], seen[k]);
	}
	assert_true(scram_verifier(seen[0], one, &e));
	assert_true(scram_verifier(seen[0], two, &e));
	assert_string_not_equal(one, two);
	assert_int_equal(scram_matches(one, "x", seen[0]), SCRAM_YES);
	assert_int_equal(scram_matches(one, "x", seen[1]), SCRAM_NO);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_verifier_is_the_one_of_the_standard),
	cmocka_unit_test(a_password_is_recognised_without_a_login),
	cmocka_unit_test(what_a_server_may_normalise_is_not_denied),
	cmocka_unit_test(a_verifier_that_is_none_says_nothing),
	cmocka_unit_test(new_passwords_need_no_quoting_and_never_come_again),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
