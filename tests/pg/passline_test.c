#include "tests/test.h"

#include "pg/passline.h"

static const struct passline arp = { "arp-db", 5432, "arp", "backup" };

static const struct {
	const char *label, *before, *password, *after;
	enum passline_how how;
} rows[] = {
	{ "an empty file", "", "new", "arp-db:5432:arp:backup:new\n",
	    PASSLINE_ADDED },
	{ "exactly this login", "arp-db:5432:arp:backup:old\n", "new",
	    "arp-db:5432:arp:backup:new\n", PASSLINE_CHANGED },
	{ "nothing to do", "arp-db:5432:arp:backup:new", "new",
	    "arp-db:5432:arp:backup:new", PASSLINE_SAME },
	{ "without a last line end", "a:1:b:c:d", "new",
	    "a:1:b:c:d\narp-db:5432:arp:backup:new\n", PASSLINE_ADDED },
	{ "comments, empty lines and order stay",
	    "# mine\n\nx:*:*:*:1\narp-db:5432:arp:backup:old\n#end\n", "new",
	    "# mine\n\nx:*:*:*:1\narp-db:5432:arp:backup:new\n#end\n",
	    PASSLINE_CHANGED },
	{ "a line above one with a star", "# a\n*:*:*:backup:old\nz:1:2:3:4\n",
	    "new", "# a\narp-db:5432:arp:backup:new\n*:*:*:backup:old\n"
	    "z:1:2:3:4\n", PASSLINE_ABOVE },
	{ "the first that fits counts",
	    "arp-db:*:arp:backup:old\narp-db:5432:arp:backup:never\n", "new",
	    "arp-db:5432:arp:backup:new\narp-db:*:arp:backup:old\n"
	    "arp-db:5432:arp:backup:never\n", PASSLINE_ABOVE },
	{ "CRLF", "a:1:b:c:d\r\narp-db:5432:arp:backup:old\r\nq:1:b:c:d\r\n",
	    "new", "a:1:b:c:d\r\narp-db:5432:arp:backup:new\r\n"
	    "q:1:b:c:d\r\n", PASSLINE_CHANGED },
	{ "CRLF above a star", "*:*:*:*:old\r\n", "new",
	    "arp-db:5432:arp:backup:new\r\n*:*:*:*:old\r\n", PASSLINE_ABOVE },
	{ "CRLF at the end", "a:1:b:c:d\r\n", "new",
	    "a:1:b:c:d\r\narp-db:5432:arp:backup:new\r\n", PASSLINE_ADDED },
	{ "colons and backslashes are escaped", "", "a:b\\c",
	    "arp-db:5432:arp:backup:a\\:b\\\\c\n", PASSLINE_ADDED },
	{ "an escaped old one is taken whole",
	    "arp-db:5432:arp:backup:o\\:l\\\\d\nx:1:2:3:4\n", "new",
	    "arp-db:5432:arp:backup:new\nx:1:2:3:4\n", PASSLINE_CHANGED },
	{ "fields may be written with backslashes",
	    "arp\\-db:5432:\\arp:backup:old\n", "new",
	    "arp-db:5432:arp:backup:new\n", PASSLINE_CHANGED },
	{ "what is behind the password stays",
	    "arp-db:5432:arp:backup:old:by hand\n", "new",
	    "arp-db:5432:arp:backup:new:by hand\n", PASSLINE_CHANGED },
	{ "a comment that looks like it", "#arp-db:5432:arp:backup:old\n",
	    "new", "#arp-db:5432:arp:backup:old\narp-db:5432:arp:backup:new\n",
	    PASSLINE_ADDED },
};

static void
a_file_gets_one_password_and_keeps_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = BUF_INIT, got = BUF_INIT;
		struct err e = ERR_INIT;
		enum passline_how how;

		test_case(rows[i].label);
		assert_true(passline_set(rows[i].before,
		    strlen(rows[i].before), &arp, rows[i].password, &out,
		    &how, &e));
		assert_string_equal(out.p, rows[i].after);
		assert_int_equal(how, rows[i].how);
		assert_true(passline_find(out.p, out.n, &arp, &got) > 0);
		assert_string_equal(got.p, rows[i].password);
		buf_release(&out);
		buf_release(&got);
	}
}

static void
what_no_line_can_hold_is_refused(void **state)
{
	static const char *const bad[] = { "", "a\nb", "a\rb" };
	struct buf out = BUF_INIT;
	enum passline_how how;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = ERR_INIT;

		assert_false(passline_set("", 0, &arp, bad[i], &out, &how,
		    &e));
		assert_int_equal(e.kind, ERR_USAGE);
	}
	buf_release(&out);
}

static unsigned seed;

static unsigned
any(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

/* Lines of what such files are made of. */
static void
scribble(struct buf *b)
{
	static const char *const bits[] = { "*", ":", "\\", "arp-db", "5432",
		"arp", "backup", "#", "old", "\r", "\n", "\r\n", "\\:",
		"*:*:*:*:", "arp-db:5432:arp:backup:", "arp-db:*:arp:backup:",
		"\xc3\xa9", " ", "'", "%" };

	for (unsigned n = any(30); n > 0; n--)
		buf_str(b, bits[any(sizeof bits / sizeof *bits)]);
}

/* The new file without its line for us is the old file without its line. */
static void
every_other_byte_stays(void **state)
{
	(void)state;
	for (seed = 1; seed < 40000; seed += 2) {
		struct buf before = BUF_INIT, out = BUF_INIT, got = BUF_INIT,
		    again = BUF_INIT;
		struct err e = ERR_INIT;
		enum passline_how how;
		unsigned was = seed;
		size_t head = 0, tail = 0;

		scribble(&before);
		if (!passline_set(before.p, before.n, &arp, "n:\\w'%", &out,
		    &how, &e))
			fail_msg("seed %u: %s", was, e.msg);
		if (passline_find(out.p, out.n, &arp, &got) == 0 ||
		    strcmp(got.p, "n:\\w'%") != 0)
			fail_msg("seed %u: '%s' became '%s'", was, before.p,
			    out.p);
		while (head < before.n && head < out.n &&
		    before.p[head] == out.p[head])
			head++;
		while (tail < before.n - head && tail < out.n - head &&
		    before.p[before.n - 1 - tail] == out.p[out.n - 1 - tail])
			tail++;
		/* what differs is within one line of the old file */
		if (memchr(before.p + head, '\n', before.n - head - tail) !=
		    NULL)
			fail_msg("seed %u: '%s' became '%s'", was, before.p,
			    out.p);
		assert_true(passline_set(out.p, out.n, &arp, "n:\\w'%", &again,
		    &how, &e));
		assert_int_equal(how, PASSLINE_SAME);
		assert_int_equal(again.n, out.n);
		assert_memory_equal(again.p, out.p, out.n);
		buf_release(&before);
		buf_release(&out);
		buf_release(&got);
		buf_release(&again);
		seed = was;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_gets_one_password_and_keeps_the_rest),
	cmocka_unit_test(what_no_line_can_hold_is_refused),
	cmocka_unit_test(every_other_byte_stays),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
