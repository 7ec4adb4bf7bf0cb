#include "base/markdown.h"

#include "tests/test.h"

typedef void md_line(struct buf *out, const char *s);

struct row {
	const char *in, *out;
};

static void
walk(md_line *md, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf b = BUF_INIT;
		char label[32];

		(void)snprintf(label, sizeof label, "row %zu", i);
		test_case(label);
		md(&b, rows[i].in);
		assert_string_equal(b.p, rows[i].out);
		buf_release(&b);
	}
}
#define WALK(md, rows) walk(md, rows, sizeof(rows) / sizeof *(rows))

static void
plain_words_stay_as_they_are(void **state)
{
	static const struct row rows[] = {
		{ NULL, "" },
		{ "", "" },
		{ "otc verified on nas (3.2 GB, 98 %)", "otc verified on nas "
		    "(3.2 GB, 98 %)" },
		{ "pg_wal/00000001 - a < b && c >= d!", "pg_wal/00000001 - a < "
		    "b && c >= d!" },
		{ "caf\xc3\xa9 \xe6\x97\xa5", "caf\xc3\xa9 \xe6\x97\xa5" },
		{ "02:10:03+01:00, host:5432", "02:10:03+01:00, host:5432" },
	};

	(void)state;
	WALK(md_text, rows);
}

static void
what_would_be_markup_is_escaped(void **state)
{
	static const struct row rows[] = {
		{ "*a* _b_ `c` ~~d~~", "\\*a\\* \\_b\\_ \\`c\\` \\~\\~d\\~\\~" },
		{ "a|b", "a\\|b" },
		{ "[x](y) ![i](u)", "\\[x\\](y) !\\[i\\](u)" },
		{ "# x", "\\# x" },
		{ "<script>", "&lt;script>" },
		{ "</p><!-- <?x", "&lt;/p>&lt;!-- &lt;?x" },
		{ "&lt; &#x3c; AT&T", "&amp;lt; &amp;\\#x3c; AT&amp;T" },
		{ "$x$ {{y}}", "\\$x\\$ \\{\\{y\\}\\}" },
		{ "a\\b", "a\\\\b" },
	};

	(void)state;
	WALK(md_text, rows);
}

static void
what_would_become_a_link_is_code(void **state)
{
	static const struct row rows[] = {
		{ "see https://x.y/z.", "see `https://x.y/z`." },
		{ "(www.x.y)", "(`www.x.y`)" },
		{ "ask @all", "ask `@all`" },
		{ "a@b.c|d@e.f", "`a@b.c`\\|`d@e.f`" },
		{ "like #12 or !7", "like `#12` or `!7`" },
		{ "x`@y", "``x`@y``" },
		{ "`@y", "`` `@y ``" },
		{ "@", "`@`" },
	};

	(void)state;
	WALK(md_text, rows);
}

static void
lines_become_one_and_controls_are_shown(void **state)
{
	static const struct row rows[] = {
		{ "a\nb", "a / b" },
		{ "a\r\n\r\nb\n", "a / b" },
		{ "\n\n", "" },
		{ "a\tb\rc", "a b\\\\rc" },
		{ "\x1b[2J", "\\\\x1b\\[2J" },
		{ "x\xff", "x\\\\xff" },
		{ "\xe2\x80\xae" "cod", "&lt;U+202E>cod" },
	};

	(void)state;
	WALK(md_text, rows);
}

static void
code_has_a_fence_longer_than_its_own(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "a | b <x> *", "`a | b <x> *`" },
		{ "a``b", "```a``b```" },
		{ "`", "`` ` ``" },
		{ " x ", "`  x  `" },
		{ "a\nb", "`a\\nb`" },
	};

	(void)state;
	WALK(md_code, rows);
}

static void
prose_keeps_paragraphs_and_lists_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{ "a\n\nb", "a\n\nb\n" },
		{ "- a\n* b\n12. c", "- a\n- b\n12. c\n" },
		{ "    code\n\tcode", "code\ncode\n" },
		{ "# x\n> y\n---\n===\n+ z", "\\# x\n\\> y\n\\---\n\\===\n\\+ z\n" },
		{ "-\n- \n1.\n1234. x", "\\-\n\\-\n1\\.\n1234\\. x\n" },
		{ "- - x\n- # x", "- \\- x\n- \\# x\n" },
		{ "---a@b.c", "`---a@b.c`\n" },
		{ "end  \nnext", "end\nnext\n" },
		{ "```\n~~~", "\\`\\`\\`\n\\~\\~\\~\n" },
	};

	(void)state;
	WALK(md_prose, rows);
}

static void
a_block_cannot_be_left_from_within(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	md_fence(&b, "a\n\n````\n  b\x1b\n\n", 2);
	assert_string_equal(b.p, "  `````text\n  a\n\n  ````\n    b\\x1b\n"
	    "  `````\n");
	buf_clear(&b);
	md_fence(&b, "", 0);
	assert_string_equal(b.p, "```text\n```\n");
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(plain_words_stay_as_they_are),
	cmocka_unit_test(what_would_be_markup_is_escaped),
	cmocka_unit_test(what_would_become_a_link_is_code),
	cmocka_unit_test(lines_become_one_and_controls_are_shown),
	cmocka_unit_test(code_has_a_fence_longer_than_its_own),
	cmocka_unit_test(prose_keeps_paragraphs_and_lists_and_nothing_else),
	cmocka_unit_test(a_block_cannot_be_left_from_within),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
