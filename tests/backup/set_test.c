#include "backup/set.h"
#include "tests/test.h"

static void
a_stamp_is_one_second_in_utc_and_nothing_else(void **state)
{
	static const char *const wrong[] = { "", "2", "20250214", "20250214T0210Z",
		"20250214T021000", "20250214T021000ZZ", "20250214t021000Z",
		"20250230T021000Z", "20250214T241000Z", "20250214T026000Z",
		"20250214T021060Z", "2025-02-14T02:10:00Z", " 20250214T021000Z",
		"20250214T021000Z ", "20250214T+21000Z", "2025021xT021000Z",
		"99999999T999999Z", "00000101T000000Z" };
	int64_t at = 0;

	(void)state;
	assert_true(set_stamp_parse("20250214T021000Z", &at));
	assert_int_equal(at, 1739499000000);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		test_case(wrong[i]);
		assert_false(set_stamp_parse(wrong[i], &at));
	}
}

static void
a_set_is_called_by_its_stamp_and_state(void **state)
{
	static const struct {
		const char *name;
		enum set_state state;
	} names[] = { { "20250214T021000Z", SET_WHOLE },
		{ "20250214T021000Z.partial", SET_PARTIAL },
		{ "20250214T021000Z.incomplete", SET_INCOMPLETE } };
	static const char *const wrong[] = { "20250214T021000Z.tmp",
		"20250214T021000Z.partial.partial", "20250214T021000Z.",
		"20250214T021000Zpartial", ".partial", "latest",
		"20250214T021000Z/../x" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct set_name n = { 0 };
		char back[SET_NAME_MAX];

		test_case(names[i].name);
		assert_true(set_name_parse(names[i].name, &n));
		assert_int_equal(n.state, names[i].state);
		assert_int_equal(n.at, 1739499000000);
		set_name_write(&n, back);
		assert_string_equal(back, names[i].name);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct set_name n;

		test_case(wrong[i]);
		assert_false(set_name_parse(wrong[i], &n));
	}
}

static void
words_of_classes_kinds_and_truths_are_read_as_written(void **state)
{
	(void)state;
	for (int i = 0; i < SET_CLASS_COUNT; i++) {
		enum set_class c;

		assert_true(set_class_parse(set_class_name((enum set_class)i),
		    &c));
		assert_int_equal(c, i);
	}
	for (int i = 0; i < SET_KIND_COUNT; i++) {
		enum set_kind k;

		assert_true(set_kind_parse(set_kind_name((enum set_kind)i),
		    &k));
		assert_int_equal(k, i);
	}
	for (int i = 0; i < PROVEN_COUNT; i++) {
		enum proven p;

		assert_true(proven_parse(proven_name((enum proven)i), &p));
		assert_int_equal(p, i);
	}
	assert_string_equal(set_state_name(SET_INCOMPLETE), "incomplete");
	assert_false(set_class_parse("daily", &(enum set_class){ 0 }));
	assert_false(set_class_parse(NULL, &(enum set_class){ 0 }));
}

static void
a_file_of_a_set_stays_in_its_set(void **state)
{
	static const char *const right[] = { "otc.dump.gz", "a b.gz",
		"globals-otc.sql.gz", "umlaut-\xc3\xa4.gz", "proof-x.json" };
	static const char *const wrong[] = { "", ".", "..", ".hidden", "-",
		"-Fc", "a/b", "/etc/passwd", "../x", "a\nb", "a\x1b[2J",
		"a\x7f", "manifest.json", "checksums.sha256",
		"proof-20250214T021000Z-verified.json" };
	char longest[SET_FILE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
		test_case(right[i]);
		assert_true(set_file_ok(right[i]));
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		test_case(wrong[i]);
		assert_false(set_file_ok(wrong[i]));
	}
	memset(longest, 'x', sizeof longest);
	longest[SET_FILE_MAX + 1] = '\0';
	assert_false(set_file_ok(longest));
	longest[SET_FILE_MAX] = '\0';
	assert_true(set_file_ok(longest));
}

static void
components_are_called_as_the_site_allows_it(void **state)
{
	(void)state;
	assert_true(set_part_ok("otc"));
	assert_true(set_part_ok("globals-otc"));
	assert_true(set_part_ok("a_b.c-d"));
	assert_false(set_part_ok("-Fc"));
	assert_false(set_part_ok("a/b"));
	assert_false(set_part_ok("globals-"));
	assert_false(set_part_ok("globals--x"));
	assert_false(set_part_ok(""));
}

static void
files_are_called_after_their_component(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	set_file_name(&b, SET_DATABASE, "otc");
	assert_string_equal(b.p, "otc.dump.gz");
	buf_clear(&b);
	set_file_name(&b, SET_GLOBALS, "globals-otc");
	assert_string_equal(b.p, "globals-otc.sql.gz");
	buf_clear(&b);
	set_index_name(&b, "otc.dump.gz");
	assert_string_equal(b.p, "otc.dump.idx");
	buf_clear(&b);
	set_index_name(&b, "odd");
	assert_string_equal(b.p, "odd.idx");
	buf_release(&b);
}

static void
a_proof_is_called_by_its_time_and_kind(void **state)
{
	char name[64];
	enum proven kind;
	int64_t at;

	(void)state;
	set_proof_name(name, 1739499000000, PROVEN_RESTORABLE);
	assert_string_equal(name, "proof-20250214T021000Z-restorable.json");
	assert_true(set_proof_parse(name, &at, &kind));
	assert_int_equal(at, 1739499000000);
	assert_int_equal(kind, PROVEN_RESTORABLE);
	assert_false(set_proof_parse("proof-20250214T021000Z-sent.json", &at,
	    &kind));
	assert_false(set_proof_parse("proof-20250214T021000Z-verified.json.tmp",
	    &at, &kind));
	assert_false(set_proof_parse("proof-20250214T021000Z", &at, &kind));
	assert_false(set_proof_parse("proof-", &at, &kind));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_stamp_is_one_second_in_utc_and_nothing_else),
	cmocka_unit_test(a_set_is_called_by_its_stamp_and_state),
	cmocka_unit_test(words_of_classes_kinds_and_truths_are_read_as_written),
	cmocka_unit_test(a_file_of_a_set_stays_in_its_set),
	cmocka_unit_test(components_are_called_as_the_site_allows_it),
	cmocka_unit_test(files_are_called_after_their_component),
	cmocka_unit_test(a_proof_is_called_by_its_time_and_kind),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
