#include "base/conf.h"

#include "tests/test.h"

struct inner {
	int line;
	char *name;
	int64_t n;
	bool yes;
};

struct outer {
	int line;
	char *str, *name, *path;
	int64_t size, ms, clock, n;
	bool yes;
	int word;
	struct conf_strs strs;
	struct conf_cmd cmd;
	struct inner group;
	struct conf_list groups;
	struct conf_args args;
};

static const char *const words[] = { "slow", "fast", NULL };

#define AT(type, field) .off = offsetof(struct type, field)
#define ROWS(a) (a), sizeof(a) / sizeof *(a)

static const struct conf_row inner_rows[] = {
	{ "name", CONF_NAME, AT(inner, name), .required = true },
	{ "n", CONF_INT, AT(inner, n), .otherwise = "7", .min = 1, .max = 9 },
	{ "yes", CONF_BOOL, AT(inner, yes), .otherwise = "true" },
};
static const struct conf_schema inner_schema = {
	ROWS(inner_rows), sizeof(struct inner)
};
static const struct conf_row outer_rows[] = {
	{ "str", CONF_STR, AT(outer, str), .otherwise = "usual" },
	{ "name", CONF_NAME, AT(outer, name) },
	{ "path", CONF_PATH, AT(outer, path) },
	{ "size", CONF_SIZE, AT(outer, size), .min = 10, .max = 1 << 20 },
	{ "ms", CONF_MS, AT(outer, ms), .otherwise = "15m", .min = 1000,
	    .max = 3600000 },
	{ "clock", CONF_CLOCK, AT(outer, clock) },
	{ "n", CONF_INT, AT(outer, n) },
	{ "yes", CONF_BOOL, AT(outer, yes) },
	{ "word", CONF_WORD, AT(outer, word), .words = words,
	    .otherwise = "fast" },
	{ "strs", CONF_STRS, AT(outer, strs) },
	{ "cmd", CONF_CMD, AT(outer, cmd) },
	{ "group", CONF_GROUP, AT(outer, group), .sub = &inner_schema },
	{ "groups", CONF_GROUPS, AT(outer, groups), .sub = &inner_schema },
	{ "args", CONF_ARGS, AT(outer, args) },
};
static const struct conf_schema schema = {
	ROWS(outer_rows), sizeof(struct outer)
};

static struct conf_doc doc;
static struct outer out;

static int
clean(void **state)
{
	(void)state;
	conf_release(&doc);
	return 0;
}

static bool
parse(const char *text)
{
	conf_release(&doc);
	memset(&out, 0, sizeof out);
	return conf_parse(&doc, "/etc/x.cfg", text, strlen(text), &schema,
	    &out);
}

static void
parse_well(const char *text)
{
	assert_true(parse(text));
	for (size_t i = 0; i < doc.problems.n; i++)
		print_message("# %s\n", doc.problems.v[i].text);
	assert_int_equal(doc.problems.n, 0);
}

/* The problems of a text, a line each, without the file's name. */
static const char *
problems_of(const char *text)
{
	static struct buf b;
	bool ok = parse(text);

	buf_clear(&b);
	for (size_t i = 0; i < doc.problems.n; i++)
		buf_printf(&b, "%s\n", doc.problems.v[i].text + 11);
	assert_true(ok || doc.problems.n > 0);
	return b.p;
}

static void
every_type_goes_where_its_row_says(void **state)
{
	(void)state;
	(void)setenv("HOME", "/home/me", 1);
	parse_well("str = \"a\" \"b\"; name = \"x-1\"; path = \"~/p\";\n"
	    "size = \"1KB\"; ms = \"90s\"; clock = \"2:05\"; n = -4;\n"
	    "yes = true; word = \"slow\"; strs = ( \"a\", \"b\" );\n"
	    "cmd = ( \"ls\", \"-l\" );\n"
	    "group = { name = \"g\"; n = 9; yes = false; };\n"
	    "groups = ( { name = \"one\"; },\n  { name = \"two\"; n = 1; } );\n"
	    "args = { a = \"s\"; b = 5; c = true; };");
	assert_string_equal(out.str, "ab");
	assert_string_equal(out.name, "x-1");
	assert_string_equal(out.path, "/home/me/p");
	assert_int_equal(out.size, 1024);
	assert_int_equal(out.ms, 90000);
	assert_int_equal(out.clock, 125);
	assert_int_equal(out.n, -4);
	assert_true(out.yes);
	assert_int_equal(out.word, 0);
	assert_int_equal(out.strs.n, 2);
	assert_string_equal(out.strs.v[1], "b");
	assert_int_equal(out.strs.line[1], 3);
	assert_false(out.cmd.shell);
	assert_int_equal(out.cmd.n, 2);
	assert_null(out.cmd.v[2]);
	assert_int_equal(out.cmd.line, 4);
	assert_int_equal(out.group.line, 5);
	assert_int_equal(out.group.n, 9);
	assert_false(out.group.yes);
	assert_int_equal(out.groups.n, 2);
	const struct inner *v = out.groups.v;
	assert_string_equal(v[0].name, "one");
	assert_int_equal(v[0].n, 7);
	assert_true(v[0].yes);
	assert_int_equal(v[1].line, 7);
	assert_int_equal(v[1].n, 1);
	assert_string_equal(conf_arg(&out.args, "a"), "s");
	assert_string_equal(conf_arg(&out.args, "b"), "5");
	assert_string_equal(conf_arg(&out.args, "c"), "true");
	assert_null(conf_arg(&out.args, "d"));
}

static void
what_is_not_there_has_its_default(void **state)
{
	(void)state;
	parse_well("");
	assert_string_equal(out.str, "usual");
	assert_int_equal(out.ms, 900000);
	assert_int_equal(out.word, 1);
	assert_int_equal(out.group.line, 0);
	assert_int_equal(out.group.n, 7);
	assert_true(out.group.yes);
	assert_int_equal(out.groups.n, 0);
	assert_null(out.cmd.v);
	parse_well("strs = \"one\"; cmd = \"a | b\"; groups = ( );");
	assert_int_equal(out.strs.n, 1);
	assert_true(out.cmd.shell);
}

static void
the_line_of_what_was_read_can_be_asked_for(void **state)
{
	(void)state;
	parse_well("n = 1;\n\ngroups = (\n  { name = \"a\"; },\n"
	    "  {\n    name = \"b\";\n    n = 2; } );\n");
	assert_int_equal(conf_line(&doc, "n"), 1);
	assert_int_equal(conf_line(&doc, "groups"), 3);
	assert_int_equal(conf_line(&doc, "groups[0]"), 4);
	assert_int_equal(conf_line(&doc, "groups[1].name"), 6);
	assert_int_equal(conf_line(&doc, "groups[1].n"), 7);
	assert_int_equal(conf_line(&doc, "groups[0].n"), 0);
	assert_int_equal(conf_line(&doc, "str"), 0);
}

static void
every_type_refuses_what_is_not_of_it(void **state)
{
	static const char *const rows[][2] = {
		{ "str = 1;", "1: str: must be a string, not a number\n" },
		{ "str = { };", "1: str: must be a string, not a group { }\n" },
		{ "name = \"a b\";", "1: name: 'a b' is not a name: letters, "
		    "digits, '_', '.', '-'; at most 63\n" },
		{ "path = \"~you/x\";", "1: path: only your own home can be "
		    "written as ~, not '~you/x'\n" },
		{ "size = 5;", "1: size: must be a quoted size such as "
		    "\"600MB\", not a number\n" },
		{ "size = \"5 bags\";", "1: size: '5 bags' is not a size such "
		    "as \"600MB\"\n" },
		{ "size = \"9\";", "1: size: '9' is too small\n" },
		{ "size = \"2MB\";", "1: size: '2MB' is too large\n" },
		{ "ms = \"0s\";", "1: ms: '0s' is too short\n" },
		{ "ms = \"2h\";", "1: ms: '2h' is too long\n" },
		{ "ms = \"5\";", "1: ms: '5' is not a duration such as "
		    "\"15m\"\n" },
		{ "clock = \"24:00\";", "1: clock: '24:00' is not a time of "
		    "day such as \"02:00\"\n" },
		{ "clock = \" 2:00\";", "1: clock: ' 2:00' is not a time of "
		    "day such as \"02:00\"\n" },
		{ "clock = \"+2:-0\";", "1: clock: '+2:-0' is not a time of "
		    "day such as \"02:00\"\n" },
		{ "n = 1.5;", "1: n: must be a number, not a number with a "
		    "point\n" },
		{ "n = \"1\";", "1: n: must be a number, not a string\n" },
		{ "group = { name = \"g\"; n = 10; };", "1: group.n: must be "
		    "1 to 9, not 10\n" },
		{ "yes = 1;", "1: yes: must be true or false, not a number\n" },
		{ "word = \"fats\";", "1: word: unknown word 'fats', did you "
		    "mean 'fast'?\n" },
		{ "word = \"other\";", "1: word: unknown word 'other', one of "
		    "'slow', 'fast'\n" },
		{ "strs = ( \"a\", 2 );", "1: strs: item 2 must be a string, "
		    "not a number\n" },
		{ "cmd = ( );", "1: cmd: the command is empty\n" },
		{ "cmd = \"\";", "1: cmd: the command is empty\n" },
		{ "group = ( );", "1: group: must be a group { }, not a list "
		    "( )\n" },
		{ "group = { };", "1: group: 'name' is missing\n" },
		{ "groups = { };", "1: groups: must be a list of groups "
		    "( { }, { } ), not a group { }\n" },
		{ "groups = ( { name = \"a\"; },\n 5 );", "2: groups[1]: must "
		    "be a group { }, not a number\n" },
		{ "args = { a = ( ); };", "1: args: 'a' must be a string, a "
		    "number or true/false\n" },
		{ "sizee = \"1\";", "1: sizee: unknown key, did you mean "
		    "'size'?\n" },
		{ "zzz = 1;", "1: zzz: unknown key\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i][0]);
		assert_string_equal(problems_of(rows[i][0]), rows[i][1]);
	}
}

static void
the_parser_is_not_reached_by_what_it_would_get_wrong(void **state)
{
	static const char *const rows[][2] = {
		{ "\n@include \"x\"\n", "2: '@include' is not allowed here\n" },
		{ "n = 1234567890;", "1: the number '1234567890' is too "
		    "large; write it as a string\n" },
		{ "n = 0x80000000;", "1: the number '0x80000000' is too "
		    "large; write it as a string\n" },
		{ "str = \"a\\x00b\";", "1: a string cannot hold \\x00\n" },
		{ "strs = (\n \"a\",\n );", "3: syntax error: a comma before "
		    "')'\n" },
		{ "\nstr = \"a;\n", "2: syntax error: the string that begins "
		    "here has no end\n" },
		{ "str \"a\";", "1: syntax error: a string cannot stand "
		    "here\n" },
		{ "n = 1;\nstr = = 5;\n", "2: syntax error\n" },
		{ "\xef\xbb\xbfn = 1;\n", "1: the file begins with a byte "
		    "order mark, as some editors write it; save it without "
		    "one\n" },
		{ "n = 1;\nn = 2;\n", "2: duplicate setting name\n" },
		{ "strs = [ \"a\", 1 ];", "1: mismatched element type in "
		    "array\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		test_case(rows[i][0]);
		assert_string_equal(problems_of(rows[i][0]), rows[i][1]);
	}
}

static void
strings_and_comments_may_hold_what_would_be_refused(void **state)
{
	(void)state;
	parse_well("# @include 12345678901 ,)\n// \"\n/* \" ,) @ \n*/\n"
	    "str = \"@include 12345678901 ,) # // /* \\\" \\\\\";\n"
	    "groups = ( { name = \"a1234567890123\", }, { name = \"b\" } );\n"
	    "n = 0x000000007f; args = { k1234567890 = 123456789; };");
	assert_string_equal(out.str,
	    "@include 12345678901 ,) # // /* \" \\");
	assert_int_equal(out.n, 127);
	assert_int_equal(conf_line(&doc, "str"), 5);
}

static void
problems_are_clean_and_not_without_end(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(problems_of("word = \"\033[31m\";"),
	    "1: word: unknown word '\\x1b[31m', one of 'slow', 'fast'\n");
	buf_str(&b, "strs = ( ");
	for (int i = 0; i < 500; i++)
		buf_printf(&b, "%s%d", i ? ", " : "", i);
	buf_str(&b, " );");
	(void)parse(b.p);
	assert_int_equal(doc.problems.n + doc.dropped, 500);
	assert_true(doc.dropped > 0);
	buf_release(&b);
}

static void
paths_are_of_the_file_and_of_home(void **state)
{
	char *dir, *want;

	(void)state;
	(void)setenv("HOME", "/home/me", 1);
	parse_well("path = \"a/b\";");
	assert_string_equal(out.path, "/etc/a/b");
	parse_well("path = \"/a\";");
	assert_string_equal(out.path, "/a");
	parse_well("path = \"~\";");
	assert_string_equal(out.path, "/home/me");
	conf_release(&doc);
	assert_true(conf_load(&doc, test_write("c.cfg", "path = \"x\";"),
	    &schema, &out));
	dir = realpath(test_dir(), NULL);
	want = xprintf("%s/x", dir);
	assert_string_equal(out.path, want);
	free(want);
	free(dir);
}

static void
a_file_beyond_all_reason_is_not_read(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_fill(&b, '\n', (1 << 20) + 1);
	assert_false(conf_load(&doc, test_write("huge.cfg", b.p), &schema,
	    &out));
	assert_non_null(strstr(doc.problems.v[0].text, "is larger than"));
	buf_clear(&b);
	buf_str(&b, "a = ");
	buf_fill(&b, '(', 200000);
	assert_false(parse(b.p));	/* and does not run out of stack */
	buf_release(&b);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)
static const struct CMUnitTest tests[] = {
	TEST(every_type_goes_where_its_row_says),
	TEST(what_is_not_there_has_its_default),
	TEST(the_line_of_what_was_read_can_be_asked_for),
	TEST(every_type_refuses_what_is_not_of_it),
	TEST(the_parser_is_not_reached_by_what_it_would_get_wrong),
	TEST(strings_and_comments_may_hold_what_would_be_refused),
	TEST(problems_are_clean_and_not_without_end),
	TEST(paths_are_of_the_file_and_of_home),
	TEST(a_file_beyond_all_reason_is_not_read),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
