#include "base/json.h"

#include "tests/test.h"

#include "base/spawn.h"
#include "base/text.h"

static const struct { const char *s; size_t n; } hostile[] = {
#define S(s) { s, sizeof(s) - 1 }
	S(""), S("plain"), S("a\"b\\c/d"), S("\n\r\t\b\f"), S("\033[31m\007"),
	S("\x7f\x01"), S("a\0b"), S("\xff\xfe"), S("\xc0\x80"),
	S("\xe2\x80\xae" "evil"), S("\xc2\x9b" "31m"), S("\xe2\x80\x8b"),
	S("\xef\xbb\xbf"), S("ü€😀"), S("\xf3\xa0\x81\x81"), S("\\u0000"),
	S("\\x1b"), S("</script>"), S("\xed\xa0\x80"), S("\xe2\x80\xa8"),
#undef S
};

enum { HOSTILE = sizeof hostile / sizeof *hostile };

/* What reading must give back: the text with what is no character as \xNN. */
static void
expected(struct buf *b, size_t i)
{
	buf_clear(b);
	text_utf8(b, hostile[i].s, hostile[i].n);
}

static void
any_text_is_written_and_read_back(void **state)
{
	struct buf b = BUF_INIT, want = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		struct err e = ERR_INIT;
		json_t *v;

		buf_clear(&b);
		json_open_list(&b);
		json_textn(&b, hostile[i].s, hostile[i].n);
		json_close_list(&b);
		assert_int_equal(b.n - 2, json_text_size(hostile[i].s,
		    hostile[i].n));
		test_case(b.p);
		v = json_read(b.p, b.n, &e);
		if (v == NULL)
			fail_msg("%s", e.msg);
		expected(&want, i);
		assert_string_equal(json_string_value(json_array_get(v, 0)),
		    want.p);
		json_decref(v);
	}
	buf_release(&b);
	buf_release(&want);
}

static void
what_is_written_can_be_shown_on_a_terminal(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++)
		json_textn(&b, hostile[i].s, hostile[i].n);
	for (size_t i = 0; i < b.n;) {
		uint32_t cp = 0;
		size_t n = text_utf8_len(b.p + i, b.n - i, &cp);

		assert_true(n > 0);
		assert_true(cp >= 0x20 && !(cp >= 0x7f && cp <= 0x9f));
		assert_false(cp >= 0x200b && cp <= 0x200f);
		assert_false(cp >= 0x2028 && cp <= 0x202e);
		assert_int_not_equal(cp, 0xfeff);
		assert_false(cp >= 0xe0000 && cp <= 0xe0fff);
		i += n;
	}
	buf_release(&b);
}

/* Another reader than ours agrees. */
static void
python_reads_what_we_write(void **state)
{
	static const char program[] =
	    "import json, sys\n"
	    "v = json.loads(sys.stdin.buffer.read().decode('utf-8'))\n"
	    "assert v['n'] == -9007199254740993 and v['yes'] is True\n"
	    "assert v['list'] == [1, 2] and v['o'] == {'k': 'v'}\n"
	    "assert list(v)[:2] == ['n', 'yes'] and 'none' not in v\n"
	    "for s in v['texts']: print(s.encode('utf-8').hex())\n";
	static const char *const argv[] = { "python3", "-c", program, NULL };
	struct buf b = BUF_INIT, want = BUF_INIT, hex = BUF_INIT;
	struct err e = ERR_INIT;
	struct ran ran = { 0 };
	char *python = spawn_which("python3");

	(void)state;
	if (python == NULL)
		test_skip("there is no python3");
	free(python);
	json_open(&b);
	json_put_int(&b, "n", INT64_C(-9007199254740993));
	json_put_bool(&b, "yes", true);
	json_put_str(&b, "none", NULL);
	json_key(&b, "list");
	json_open_list(&b);
	for (int i = 1; i <= 2; i++) {
		json_comma(&b);
		buf_printf(&b, "%d", i);
	}
	json_close_list(&b);
	json_put_raw(&b, "o", "{\"k\":\"v\"}");
	json_key(&b, "texts");
	json_open_list(&b);
	for (size_t i = 0; i < HOSTILE; i++) {
		json_comma(&b);
		json_textn(&b, hostile[i].s, hostile[i].n);
		expected(&want, i);
		for (size_t k = 0; k < want.n; k++)
			buf_printf(&hex, "%02x", (unsigned char)want.p[k]);
		buf_ch(&hex, '\n');
	}
	json_close_list(&b);
	json_close(&b);
	struct run run = { .argv = argv, .input = b.p, .input_n = b.n };
	assert_true(spawn_run(&run, &ran, &e));
	assert_string_equal(ran.errout.p, "");
	assert_string_equal(ran.out.p, hex.p);
	ran_release(&ran);
	buf_release(&b);
	buf_release(&want);
	buf_release(&hex);
}

static void
members_stand_in_the_order_given(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	json_open(&b);
	json_put_str(&b, "z", "1");
	json_put_int(&b, "a", INT64_MIN);
	json_put_bool(&b, "m", false);
	json_close(&b);
	assert_string_equal(b.p,
	    "{\"z\":\"1\",\"a\":-9223372036854775808,\"m\":false}");
	buf_release(&b);
}

static void
what_is_not_strict_json_is_refused(void **state)
{
	static const struct { const char *s; size_t n; } bad[] = {
#define S(s) { s, sizeof(s) - 1 }
		S(""), S("{"), S("{\"a\":1,\"a\":2}"), S("{\"a\":1}x"),
		S("{\"a\":1}{}"), S("[\"\xff\"]"), S("[\"\xc0\x80\"]"),
		S("[\"\xed\xa0\x80\"]"), S("[1,]"), S("{a:1}"), S("['a']"),
		S("[\"\\ud800\"]"), S("[\"\n\"]"), S("[01]"), S("[1]\0"),
		S("[\"a\\u0000b\"]"), S("[99999999999999999999]"), S("[NaN]"),
#undef S
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = ERR_INIT;
		json_t *v = json_read(bad[i].s, bad[i].n, &e);

		test_case(bad[i].s);
		assert_null(v);
		assert_int_equal(e.kind, ERR_INTEGRITY);
		assert_memory_equal(e.msg, "not JSON: ", 10);
	}
}

static void
deep_nesting_is_refused_and_not_followed(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	buf_fill(&b, '[', 1000000);
	assert_null(json_read(b.p, b.n, &e));
	buf_release(&b);
}

static void
members_are_asked_for_by_name_and_type(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"n\":7,\"t\":true,\"z\":null}";
	struct err e = ERR_INIT;
	json_t *v = json_read(text, strlen(text), &e);

	(void)state;
	assert_string_equal(json_get_str(v, "s"), "x");
	assert_null(json_get_str(v, "n"));
	assert_null(json_get_str(v, "gone"));
	assert_int_equal(json_get_int(v, "n", -1), 7);
	assert_int_equal(json_get_int(v, "s", -1), -1);
	assert_true(json_get_bool(v, "t"));
	assert_false(json_get_bool(v, "n"));
	assert_null(json_get_str(NULL, "s"));
	json_decref(v);
}

static void
a_parsed_value_is_written_again_safely(void **state)
{
	static const char text[] = "{\"b\":[1,-2,true,null,{\"c\":1.5}],"
	    "\"a\":\"\\u001b[31m\\u202e\",\"\\u009b\":{}}";
	struct err e = ERR_INIT;
	json_t *v = json_read(text, strlen(text), &e);
	struct buf b = BUF_INIT;

	(void)state;
	assert_non_null(v);
	json_open(&b);
	json_put_json(&b, "v", v);
	json_put_json(&b, "w", NULL);
	json_close(&b);
	assert_string_equal(b.p, "{\"v\":{\"b\":[1,-2,true,null,{\"c\":1.5}],"
	    "\"a\":\"\\u001b[31m\\u202e\",\"\\u009b\":{}}}");
	json_decref(v);
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(any_text_is_written_and_read_back),
	cmocka_unit_test(what_is_written_can_be_shown_on_a_terminal),
	cmocka_unit_test(python_reads_what_we_write),
	cmocka_unit_test(members_stand_in_the_order_given),
	cmocka_unit_test(what_is_not_strict_json_is_refused),
	cmocka_unit_test(deep_nesting_is_refused_and_not_followed),
	cmocka_unit_test(members_are_asked_for_by_name_and_type),
	cmocka_unit_test(a_parsed_value_is_written_again_safely),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
