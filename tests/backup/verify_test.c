/*
 * Sets out of real dumps of a real PostgreSQL, read through; with every kind of
 * damage, wherever it falls. The sets are made by dump_set.py.
 */
#include <inttypes.h>

#include "backup/verify.h"
#include "base/file.h"
#include "tests/backup/kit.h"
#include "tests/pg/kit.h"

#define SET "nightly/20250214T021000Z"

static struct kit_pg box;

/* Roles, an awkward database and an empty one, dumped once. */
static int
begin(void **state)
{
	char *script, *top = realpath(".", NULL);

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	if (!kit_pg_start(&box, "pg", "")) {
		free(top);
		return 0;
	}
	kit_psql(&box, "CREATE ROLE owner_1");
	kit_psql(&box, "CREATE ROLE \"owner two\"");
	kit_psql(&box, "CREATE DATABASE otc");
	kit_psql(&box, "CREATE DATABASE empty");
	script = xprintf("set -e; cd $1; where='-h %s -p %d -U postgres'; "
	    KIT_PG_BIN "psql -X -q $where -d otc -v ON_ERROR_STOP=1 -f '%s/"
	    "tests/backup/odd.sql' >/dev/null; for d in otc empty; do "
	    KIT_PG_BIN "pg_dump -Fc -Z0 $where $d >$d.raw; done; "
	    KIT_PG_BIN "pg_dumpall -g $where >globals.raw; mkdir tree; "
	    "head -c 300000 /dev/urandom >tree/a; tar cf files.raw tree; "
	    "echo hello >state.raw", box.dir, box.port, top);
	if (!kit_sh(script))
		snprintf(box.why, sizeof box.why, "no dumps can be made");
	free(script);
	free(top);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	kit_pg_end(&box);
	return 0;
}

/* A fresh set; `more` are words for it, and environment before. */
static void
make(const char *env, const char *parts)
{
	char *script = xprintf("set -e; rm -rf $1/store; top=$PWD; cd $1; %s "
	    "python3 $top/tests/backup/dump_set.py store nightly "
	    "20250214T021000Z %s", env, parts);

	assert_true(kit_sh(script));
	free(script);
}

#define ALL "otc=database:otc.raw:15:2045 empty=database:empty.raw:0:0 "	\
	"globals-otc=globals:globals.raw app-files=files:files.raw "		\
	"system-state=command:state.raw"

struct found {
	struct sets sets;
	const struct set *set;
	struct place *here;
	char *dir;
};

static void
open_set(struct found *f)
{
	struct err e = ERR_INIT;

	*f = (struct found){ 0 };
	f->here = place_open(NULL, NULL, &e);
	assert_non_null(f->here);
	sets_init(&f->sets, "nas", test_path("store"), "prod");
	assert_true(sets_read(&f->sets, f->here, &(struct sets_ask){ 0 }, &e));
	f->set = kit_find(&f->sets, SET);
	f->dir = file_join(test_path("store"), SET);
}

static void
close_set(struct found *f)
{
	sets_release(&f->sets);
	place_close(f->here);
	free(f->dir);
}

static bool
look(struct found *f, const char *part, struct verify_done *ret)
{
	const struct set_part *p = manifest_find(&f->set->manifest, part);
	struct verify_ask ask = { .dir = f->dir, .part = p,
		.pg_restore = KIT_PG_BIN "pg_restore" };
	struct err e = ERR_INIT;

	assert_non_null(p);
	if (!verify_part(f->here, &ask, ret, &e))
		fail_msg("%s", e.msg);
	return ret->ok;
}

/* Everything that is wrong with a set, in words. */
static void
faults(struct buf *out)
{
	struct err e = ERR_INIT;
	struct found f;

	open_set(&f);
	if (!f.set->told) {
		buf_str(out, f.set->problem);
	} else {
		assert_true(verify_list(f.here, f.dir, f.set, out,
		    &(bool){ false }, &e));
		for (size_t i = 0; i < f.set->manifest.parts.n; i++) {
			struct verify_done d = { 0 };

			look(&f, f.set->manifest.parts.v[i].name, &d);
			buf_printf(out, "%s%s", d.why.p, d.beside.p);
			verify_done_release(&d);
		}
	}
	close_set(&f);
}

static void
a_good_set_is_good_and_its_rows_are_counted(void **state)
{
	struct verify_done d = { 0 };
	const struct count *c;
	struct buf b = BUF_INIT;
	struct found f;

	(void)state;
	NEED_PG(&box);
	make("MEMBER=65536", ALL);
	faults(&b);
	assert_string_equal(b.p, "");
	open_set(&f);
	assert_true(look(&f, "otc", &d));
	assert_int_equal(d.text.counts.v.n, 15);
	assert_int_equal(counts_rows(&d.text.counts), 2045);
	assert_int_equal(d.text.blobs, 3);
	assert_true(d.members > 1);
	c = counts_find(&d.text.counts, "Schema \"quoted\"", "DATA \\back");
	assert_non_null(c);
	assert_int_equal(c->rows, 7);
	c = counts_find(&d.text.counts, "public",
	    "two\nlines; and \" $$ 'quotes'");
	assert_non_null(c);
	assert_int_equal(c->rows, 3);
	c = counts_find(&d.text.counts, "public", "nothing");
	assert_int_equal(c->rows, 2);
	verify_done_release(&d);
	close_set(&f);
	buf_release(&b);
}

static void
flip(const char *path, int64_t at, int bit)
{
	unsigned char c;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= (unsigned char)(1 << bit);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

/* One flipped bit, at places spread over the file: each time the file is named. */
static void
flips(const char *name)
{
	char *path = xprintf("%s/" SET "/%s", test_path("store"), name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (int i = 0; i < 12; i++) {
		int64_t at = (st.st_size - 1) * i / 11;
		struct buf b = BUF_INIT;

		flip(path, at, i % 8);
		faults(&b);
		if (b.n == 0 || (strstr(b.p, name) == NULL &&
		    strstr(b.p, "manifest") == NULL &&
		    strstr(b.p, "checksums") == NULL))
			fail_msg("%s, byte %" PRId64 ": %s", name, at, b.p);
		flip(path, at, i % 8);
		buf_release(&b);
	}
	free(path);
}

static void
a_flipped_bit_anywhere_is_found_and_named(void **state)
{
	static const char *const names[] = { "otc.dump.gz", "otc.dump.idx",
		"empty.dump.gz", "globals-otc.sql.gz", "app-files.tar.gz",
		"system-state.txt.gz", "manifest.json", "checksums.sha256" };
	struct buf b = BUF_INIT;

	(void)state;
	NEED_PG(&box);
	make("MEMBER=65536", ALL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		flips(names[i]);
	faults(&b);
	assert_string_equal(b.p, "");
	buf_release(&b);
}

static void
a_damaged_member_is_named_with_what_it_held(void **state)
{
	struct verify_done d = { 0 };
	struct found f;

	(void)state;
	NEED_PG(&box);
	make("MEMBER=65536", "app-files=files:files.raw");
	/* random bytes are stored: the third of five members */
	flip(test_path("store/" SET "/app-files.tar.gz"), 2 * 65600 + 3000, 2);
	open_set(&f);
	assert_false(look(&f, "app-files", &d));
	assert_non_null(strstr(d.why.p, "gzip member 3"));
	assert_non_null(strstr(d.why.p, "1 of 5 members is damaged: member 3"));
	assert_non_null(strstr(d.why.p, "bytes 131072-196607 of the raw "));
	verify_done_release(&d);
	close_set(&f);
}

/* The bytes are as they were sent; it is what was sent that is no backup. */
static void
rejects(const char *parts, const char *part, const char *why)
{
	struct verify_done d = { 0 };
	struct found f;

	test_case(parts);
	make("", parts);
	open_set(&f);
	assert_false(look(&f, part, &d));
	if (strstr(d.why.p, why) == NULL)
		fail_msg("'%s' is not in '%s'", why, d.why.p);
	verify_done_release(&d);
	close_set(&f);
}

static void
what_was_cut_off_before_it_was_packed_is_no_backup(void **state)
{
	(void)state;
	NEED_PG(&box);
	assert_true(kit_sh("cd $1; : >none.raw; "
	    "head -c 100000 otc.raw >half.raw; "
	    "head -c -1 otc.raw >short.raw; "
	    "head -c 5000 otc.raw >head.raw; "
	    "head -c -100 globals.raw >cut.raw; "
	    "head -c 20000 files.raw >tar.raw; "
	    "cat otc.raw otc.raw >twice.raw; "
	    "head -c 1000000 /dev/zero >>twice.raw"));
	rejects("otc=database:none.raw", "otc", "cannot be read to its end");
	rejects("otc=database:half.raw", "otc", "cannot be read to its end");
	rejects("otc=database:head.raw", "otc", "cannot be read to its end");
	rejects("otc=database:state.raw", "otc", "cannot be read to its end");
	rejects("otc=database:twice.raw", "otc", "behind the end");
	rejects("globals-otc=globals:cut.raw", "globals-otc", "is cut off");
	rejects("globals-otc=globals:none.raw", "globals-otc", "is cut off");
	rejects("app-files=files:tar.raw", "app-files",
	    "cannot be read to its end");
	rejects("otc=database:otc.raw:15:2046", "otc", "holds 2045 rows, its "
	    "manifest says 2046");
	rejects("otc=database:otc.raw:16:2045", "otc", "15 tables");
}

static void
globals_may_end_with_the_word_that_newer_ones_end_with(void **state)
{
	struct verify_done d = { 0 };
	struct found f;

	(void)state;
	NEED_PG(&box);
	assert_true(kit_sh("cd $1; { echo '\\restrict abc'; cat globals.raw; "
	    "echo '\\unrestrict abc'; echo; } >newer.raw"));
	make("", "globals-otc=globals:newer.raw");
	open_set(&f);
	assert_true(look(&f, "globals-otc", &d));
	verify_done_release(&d);
	close_set(&f);
}

static void
a_file_that_is_short_or_gone_is_named(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	NEED_PG(&box);
	make("", ALL);
	assert_true(kit_sh("cd $1/store/" SET " && truncate -s -10 "
	    "app-files.tar.gz && rm system-state.txt.gz otc.dump.idx && "
	    ": >empty.dump.gz"));
	faults(&b);
	assert_non_null(strstr(b.p, "'system-state.txt.gz' is not there"));
	assert_non_null(strstr(b.p, "'empty.dump.gz' has 0 bytes"));
	assert_non_null(strstr(b.p, "'app-files.tar.gz' has "));
	assert_non_null(strstr(b.p, "its index 'otc.dump.idx' is not there"));
	buf_release(&b);
}

/* Bytes may come in pieces of any size. */
static void
the_text_of_a_dump_is_counted_in_any_pieces(void **state)
{
	static const char text[] = "SET standard_conforming_strings = on;\n"
	    "-- Data for Name: a; it's\nCOPY public.a (x, \"y\"\"\n\") FROM "
	    "stdin;\n1\t\\\\.\n\\.x\n;\n\n\\.\n\nCOPY s.\"b;\" FROM stdin;\n"
	    "\\.\n\nSELECT pg_catalog.setval('public.\"q''s\"', 7, true);\n"
	    "SELECT pg_catalog.lo_open('12', 131072);\nSELECT $x$ ; $ $y$ "
	    "COPY z FROM stdin;\n $x$;\nCOPY public.a (x) FROM stdin;\n1\n"
	    "\\.\n";

	(void)state;
	for (size_t piece = 1; piece < sizeof text; piece++) {
		struct dumptext t = { 0 };

		for (size_t at = 0; at < sizeof text - 1; at += piece)
			dumptext_take(&t, text + at, at + piece >
			    sizeof text - 1 ? sizeof text - 1 - at : piece);
		dumptext_end(&t);
		assert_false(t.in_data);
		assert_int_equal(t.counts.v.n, 2);
		assert_int_equal(counts_find(&t.counts, "public", "a")->rows,
		    5);
		assert_int_equal(counts_find(&t.counts, "s", "b;")->rows, 0);
		assert_int_equal(t.blobs, 1);
		assert_int_equal(t.sequences.n, 1);
		assert_string_equal(t.sequences.v[0].name, "public.\"q's\"");
		assert_int_equal(t.sequences.v[0].value, 7);
		dumptext_release(&t);
	}
}

static void
row_counts_are_read_as_they_were_written(void **state)
{
	struct counts c = { 0 }, back = { 0 };
	struct buf b = BUF_INIT, why = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	counts_add(&c, "public", "b\n\"x\"", 5);
	counts_add(&c, "a", "t", 0);
	counts_add(&c, "public", "b\n\"x\"", 2);
	counts_write(&c, &b);
	assert_true(counts_read(&back, b.p, b.n, &e));
	assert_int_equal(counts_rows(&back), 7);
	assert_false(counts_differ(&c, "c", &back, "back", &why));
	back.v.v[1].rows = 8;
	assert_true(counts_differ(&c, "c", &back, "back", &why));
	assert_non_null(strstr(why.p, "7 rows in c, 8 in back"));
	for (size_t n = 0; n < b.n; n++) {
		struct counts cut = { 0 };

		err_clear(&e);
		assert_false(counts_read(&cut, b.p, n, &e));
		counts_release(&cut);
	}
	counts_release(&c);
	counts_release(&back);
	buf_release(&b);
	buf_release(&why);
}

static void
two_proofs_of_one_second_are_two_files(void **state)
{
	struct err e = ERR_INIT;
	struct place *here = place_open(NULL, NULL, &e);
	const char *dir = test_path("proofs");

	(void)state;
	assert_true(kit_sh("rm -rf $1/proofs; mkdir $1/proofs"));
	for (int i = 0; i < 3; i++) {
		struct proof p = { .kind = PROVEN_VERIFIED, .at =
			1739499000123 };

		sha_of("x", 1, p.manifest);
		VEC_PUSH(&p.parts, ((struct proof_part){ .name = "otc",
		    .ok = i > 0 }));
		assert_true(verify_put(here, dir, &p, &e));
		assert_int_equal(p.at, 1739499000000 + 1000 * i);
		proof_release(&p);
	}
	assert_true(kit_sh("[ \"$(ls -A $1/proofs | wc -l)\" = 3 ] && "
	    "[ -z \"$(ls -A $1/proofs | grep tmp)\" ]"));
	place_close(here);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_good_set_is_good_and_its_rows_are_counted),
	cmocka_unit_test(a_flipped_bit_anywhere_is_found_and_named),
	cmocka_unit_test(a_damaged_member_is_named_with_what_it_held),
	cmocka_unit_test(what_was_cut_off_before_it_was_packed_is_no_backup),
	cmocka_unit_test(globals_may_end_with_the_word_that_newer_ones_end_with),
	cmocka_unit_test(a_file_that_is_short_or_gone_is_named),
	cmocka_unit_test(the_text_of_a_dump_is_counted_in_any_pieces),
	cmocka_unit_test(row_counts_are_read_as_they_were_written),
	cmocka_unit_test(two_proofs_of_one_second_are_two_files),
};

int
main(void)
{
	return cmocka_run_group_tests_name(program_invocation_short_name,
	    tests, begin, end);
}
