#include "tests/test.h"

#include "pg/pg.h"

static void
must_be(void (*quote)(struct buf *, const char *), const char *s,
    const char *want)
{
	struct buf b = BUF_INIT;

	quote(&b, s);
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void
identifiers_are_always_quoted(void **state)
{
	(void)state;
	must_be(pg_ident, "otc", "\"otc\"");
	must_be(pg_ident, "a\"b", "\"a\"\"b\"");
	must_be(pg_ident, "a\\'b", "\"a\\'b\"");
	must_be(pg_ident, "", "\"\"");
	must_be(pg_ident, "caf\xc3\xa9", "\"caf\xc3\xa9\"");
}

static void
literals_do_not_hang_on_a_setting(void **state)
{
	(void)state;
	must_be(pg_literal, "it's", "'it''s'");
	must_be(pg_literal, "a\"b", "'a\"b'");
	must_be(pg_literal, "a\\", "E'a\\\\'");
	must_be(pg_literal, "\\' OR 1=1 --", "E'\\\\'' OR 1=1 --'");
	must_be(pg_literal, "", "''");
}

/* A first byte of two that swallowed the quote would end the literal. */
static void
bytes_that_are_not_utf8_cannot_swallow_a_quote(void **state)
{
	(void)state;
	must_be(pg_literal, "a\xc3' OR 1=1 --", "'a\xc0 '' OR 1=1 --'");
	must_be(pg_ident, "\xf0\x9f\"x", "\"\xc0 \xc0 \"\"x\"");
	must_be(pg_literal, "\xff", "'\xc0 '");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(identifiers_are_always_quoted),
	cmocka_unit_test(literals_do_not_hang_on_a_setting),
	cmocka_unit_test(bytes_that_are_not_utf8_cannot_swallow_a_quote),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
