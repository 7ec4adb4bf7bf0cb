#include "cleanup/guard.h"
#include "base/err.h"
#include "tests/test.h"

static const char *const homes[] = { "/home/ada", "/root", "/srv/people/bob" };

static const char *
root(const char *path)
{
	const char *why = guard_root(path, homes, 3);

	return why != NULL ? why : "";
}

static void
the_system_and_homes_are_never_cleaned(void **state)
{
	static const char *const never[] = { "/", "/etc", "/etc/old", "/usr/lib/x",
		"/home", "/home/ada", "/root", "/srv", "/srv/people",
		"/srv/people/bob", "/var", "/var/lib", "/tmp", "/proc/1",
		"/var/backups", "/var/lib/docker/overlay2", "backups",
		"/data/pg_wal", "/data/15/main/pg_wal/archive_status",
		"/data/PG_15_202209061/5",
		"/backups/nightly/20250214T021000Z" };
	static const char *const may[] = { "/srv/old", "/home/ada/old",
		"/root/old", "/var/backups/old", "/tmp/x", "/backups/prod/old",
		"/etcetera", "/var/lib/backup", "/data/PG_old" };

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		test_case(never[i]);
		assert_string_not_equal(root(never[i]), "");
	}
	for (size_t i = 0; i < sizeof may / sizeof *may; i++) {
		test_case(may[i]);
		assert_string_equal(root(may[i]), "");
	}
}

static void
names_of_backups_are_known(void **state)
{
	static const char *const are[] = { "otc.dump", "otc.SQL.gz", "a.zst",
		"a.lz4", "a.tar.xz", "base.tar", "my-backup-3", "toc.dat",
		"000000010000000000000042", "00000002.history", "a.age",
		"000000010000000000000042.partial", "x.gpg", "manifest.json",
		"backup_label", "globals-otc", "PGDUMP",
		"rows.json", "rows.ndjson", "rows.tsv", "rows.xml", "rows.parquet" };
	static const char *const not[] = { "error.log", "core", "notes.txt",
		"00000001", "trace.out", "x.tmp" };

	(void)state;
	for (size_t i = 0; i < sizeof are / sizeof *are; i++) {
		test_case(are[i]);
		assert_true(guard_backup_name(are[i]));
	}
	for (size_t i = 0; i < sizeof not / sizeof *not; i++) {
		test_case(not[i]);
		assert_false(guard_backup_name(not[i]));
	}
}

static void
what_could_be_a_backup_is_known_by_its_bytes(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		bool may;
	} cases[] = {
		{ "custom format", "PGDMP\1\16\0", 8, true },
		{ "gzip", "\x1f\x8b\x08\0", 4, true },
		{ "zstd", "\x28\xb5\x2f\xfd", 4, true },
		{ "lz4", "\x04\x22\x4d\x18", 4, true },
		{ "xz", "\xfd" "7zXZ\0", 6, true },
		{ "WAL", "\x10\xd1\x02\0", 4, true },
		{ "noise of an unknown cipher", "\xa3\x17\x99\xc4", 4, true },
		{ "sql", "--\n-- PostgreSQL database dump\n--\n", 34, true },
		{ "sql of others", "CREATE TABLE t (a int);\n", 24, true },
		{ "rows", "1\tada\t2025-02-14\n", 17, true },
		{ "armoured", "-----BEGIN PGP MESSAGE-----\n", 28, true },
		{ "age", "age-encryption.org/v1\n", 22, true },
		{ "base64", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpBQkNERUZHSElK"
		    "S0xNTk9QUVJT\n", 61, true },
#define B(name, bytes, may) { name, bytes, sizeof bytes - 1, may }
		B("sql in small letters", "insert into t values (1);\n", true),
		B("rows by copy in small letters", "copy t from stdin;\n", true),
		B("sql that begins with a licence", "-- All rights are\n", true),
		B("and one in the other comment", "/* All rights are\n", true),
		B("base64 in short lines", "\n" "QUJDREVGR0hJSktMTU5P\n"
		    "QUFDREVGR0hJSktMTU5P\nQUJCREVGR0hJSktMTU5P\n", true),
		B("digits", "deadbeef12345678\ndeadbeef12345679\n"
		    "deadbeef1234567a\n", true),
		B("base64 behind a head", "From: x\n\nQUJDREVGR0hJSktMTU5PUFFSU"
		    "1RVVldYWVpBQkNERUZHSElKS0xNTk9QUVJT\n", true),
		B("comma separated", "1,a b,2024\n2,c d,2024\n3,e f,2024\n",
		    true),
		B("two columns", "1,ada\n2,bob\n3,eve\n", true),
		B("by bars", "1|ada\n2|bob x\n3|eve\n", true),
		B("by semicolons", "1;ada\n2;bob x\n3;eve\n", true),
		B("a table of psql", " id | name\n----+------\n", true),
		B("json", "{\"id\": 1, \"name\": \"a\"}\n", true),
		B("a list in json", "[\n  { \"id\": 1 }\n]\n", true),
		B("xml", "<?xml version=\"1.0\"?>\n", true),
		B("a log with its times in brackets", "[2025-02-14 02:10] a\n"
		    "[ERROR] Disk usage at 96%\n[FAIL] it ended\n", false),
		B("a log with a comma in its times", "2025-02-14 02:10:00,123 a\n"
		    "2025-02-14 02:10:00,124 b\n2025-02-14 02:10:01,999 c\n",
		    false),
		B("a log with rules", "==================\n=================="
		    "\n==================\n", false),
		B("a log that tells of a copy", "02:10 copy of otc sent\n",
		    false),
		B("short words", "one\ntwo\nsix\nten\n", false),
		{ "nothing", "", 0, false },
		{ "a log", "2025-02-14 02:10:00 backup began\n", 33, false },
		{ "a log in other letters", "02:10 f\xc3\xbcr immer\n", 17,
		    false },
		{ "a core", "\177ELF\2\1\1\0", 8, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		test_case(cases[i].name);
		assert_int_equal(guard_backup_bytes(cases[i].bytes,
		    cases[i].n), cases[i].may);
	}
}

static void
a_character_cut_off_at_the_end_is_still_text(void **state)
{
	char text[GUARD_HEAD];

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t i = 5; i < sizeof text; i += 6)
		text[i] = i % 30 == 5 ? '\n' : ' ';
	text[sizeof text - 1] = '\xc3';
	assert_false(guard_backup_bytes(text, sizeof text));
	assert_true(guard_backup_bytes(text + 1, sizeof text - 1));
}

static void
what_begins_as_a_log_is_known_by_its_end(void **state)
{
	static const char head[] = "#!/bin/sh\n", program[] = "\177ELF\2\1";
#define T(bytes, may) { bytes, sizeof bytes - 1, may }
	static const struct {
		const char *bytes;
		size_t n;
		bool may;
	} cases[] = {
		T("f a line\nanother line\n", false),
		T("\xbc" "r immer\nanother line\n", false),
		T("\xbc" "r immer", false),
		T("f a line\n\x1f\x8b\x08\n", true),
		T("\x1f\x8b\x08 and no line", true),
		T("e\n-- PostgreSQL database dump complete\n", true),
		T("e\n1\tada\n", true),
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		test_case(cases[i].bytes);
		assert_int_equal(guard_backup_tail(head, sizeof head - 1,
		    cases[i].bytes, cases[i].n), cases[i].may);
		assert_false(guard_backup_tail(program, sizeof program - 1,
		    cases[i].bytes, cases[i].n));
	}
}

static void
a_head_of_blanks_says_nothing(void **state)
{
	char text[GUARD_HEAD];

	(void)state;
	memset(text, '\n', sizeof text);
	assert_true(guard_backup_bytes(text, sizeof text));
	assert_false(guard_backup_bytes(text, sizeof text - 1));
}

static void
homes_are_those_of_people(void **state)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
	    "backup:x:34:34:backup:/var/backups:/usr/sbin/nologin\n"
	    "ada:x:1000:1000::/home/ada:/bin/sh\n"
	    "odd:x:1001:1001::/:/bin/sh\n"
	    "short:x\n"
	    "nobody:x:65534:65534::/nonexistent:/bin/false";
	char *out[8] = { NULL };
	size_t n = guard_homes(passwd, sizeof passwd - 1, out, 0, 8);

	(void)state;
	assert_int_equal(n, 2);
	assert_string_equal(out[0], "/root");
	assert_string_equal(out[1], "/home/ada");
	for (size_t i = 0; i < n; i++)
		free(out[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_system_and_homes_are_never_cleaned),
	cmocka_unit_test(names_of_backups_are_known),
	cmocka_unit_test(what_could_be_a_backup_is_known_by_its_bytes),
	cmocka_unit_test(a_character_cut_off_at_the_end_is_still_text),
	cmocka_unit_test(what_begins_as_a_log_is_known_by_its_end),
	cmocka_unit_test(a_head_of_blanks_says_nothing),
	cmocka_unit_test(homes_are_those_of_people),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
