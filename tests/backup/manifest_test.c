#include "backup/checksums.h"
#include "base/spawn.h"
#include "tests/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AT "2025-02-14T02:10:00.000Z"
#define FILE_ "{\"file\":\"otc.dump.gz\",\"size\":10,\"raw_size\":20,"	\
	"\"sha256\":\"" HEX "\"}"
#define PIPE "[{\"process\":\"pg_dump\",\"exit\":0}]"
#define PART_(name, files, pipe, more)					\
	"{\"name\":" name ",\"kind\":\"database\",\"complete\":true,"	\
	"\"started\":\"" AT "\",\"finished\":\"" AT "\",\"files\":" files \
	",\"pipe\":" pipe more "}"
#define PART PART_("\"otc\"", "[" FILE_ "]", PIPE, "")
#define MANIFEST_(format, site, class, complete, parts)			\
	"{\"format\":" format ",\"site\":" site ",\"class\":" class	\
	",\"started\":\"" AT "\",\"finished\":\"" AT "\",\"complete\":"	\
	complete ",\"components\":" parts "}"
#define WITH(parts) MANIFEST_("1", "\"prod\"", "\"nightly\"", "true", parts)

static void
fill_part(struct manifest *m, const char *name, const char *file)
{
	struct set_part *p = manifest_part(m, name, SET_DATABASE);
	struct set_file *f = VEC_NEW(&p->files);

	p->complete = true;
	p->started = p->finished = 1739499000000;
	*f = (struct set_file){ .name = file, .size = 4096, .raw_size = 9000,
		.sha256 = HEX };
	*VEC_NEW(&p->pipe) = (struct set_proc){ "pg_dump", "15.20", 0 };
	*VEC_NEW(&p->pipe) = (struct set_proc){ "gzip", "isa-l 2.30", 0 };
}

static void
fill(struct manifest *m)
{
	struct set_part *p;

	m->site = "prod";
	m->by = "midwatch 0.1.0";
	m->host = "bastion";
	m->class = SET_EMERGENCY;
	m->started = 1739499000120;
	m->finished = 1739499600000;
	m->complete = true;
	fill_part(m, "otc", "otc.dump.gz");
	fill_part(m, "gps", "001-data.dump.gz");
	p = &m->parts.v[0];
	p->tables = 12;
	p->rows = 4000;
	p->snapshot = "00000003-0000001B-1";
	p->from = (struct set_identity){ "7470000000000000001", "15.20",
		"primary", "otc-db", "o\"t\x1b[c", "backup" };
	p->files.v[0].index = (struct set_side){ "otc.dump.idx", 77, HEX };
	p->files.v[0].counts = (struct set_side){ "otc.dump.counts", 88, HEX };
	VEC_PUSH(&p->warnings, "much smaller than usual");
	m->parts.v[1].dir = "gps";
}

static void
what_is_written_is_read_back_and_written_the_same(void **state)
{
	struct manifest m = { 0 }, back = { 0 };
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct err e = ERR_INIT;
	const struct set_part *p;

	(void)state;
	fill(&m);
	assert_true(manifest_write(&m, &one, &e));
	if (!manifest_read(&back, one.p, one.n, &e))
		fail_msg("%s", e.msg);
	assert_true(manifest_write(&back, &two, &e));
	assert_string_equal(one.p, two.p);
	assert_null(strchr(one.p, '\x1b'));
	assert_int_equal(back.class, SET_EMERGENCY);
	assert_int_equal(back.started, m.started);
	p = manifest_find(&back, "otc");
	assert_non_null(p);
	assert_string_equal(p->from.dbname, "o\"t\x1b[c");
	assert_string_equal(p->files.v[0].index.name, "otc.dump.idx");
	assert_int_equal(p->pipe.n, 2);
	assert_int_equal(set_part_size(p), 4096 + 77 + 88);
	assert_int_equal(set_part_raw_size(p), 9000);
	assert_string_equal(p->warnings.v[0], "much smaller than usual");
	p = manifest_find(&back, "gps");
	assert_string_equal(p->dir, "gps");
	assert_int_equal(p->tables, -1);
	assert_null(manifest_find(&back, "arp"));
	manifest_release(&m);
	manifest_release(&back);
	buf_release(&one);
	buf_release(&two);
}

static void
a_manifest_is_not_written_over_a_failure(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct manifest m = { 0 };
		struct err e = ERR_INIT;
		struct set_part *p;

		fill(&m);
		p = &m.parts.v[0];
		switch (i) {
		case 0: p->pipe.v[0].exit = 1; break;
		case 1: p->pipe.v[1].exit = 141; break;
		case 2: p->files.v[0].size = 0; break;
		case 3: p->files.v[0].sha256[0] = '\0'; break;
		case 4: p->files.n = 0; break;
		case 5: p->complete = false; break;
		case 6: p->problem = "the link dropped"; break;
		case 7: p->files.v[0].name = "../otc.dump.gz"; break;
		case 8: m.parts.v[1].dir = ".."; break;
		}
		assert_false(manifest_write(&m, &b, &e));
		assert_true(e.msg[0] != '\0');
		assert_int_equal(b.n, 0);
		manifest_release(&m);
	}
	buf_release(&b);
}

static void
a_file_that_changed_while_tar_read_it_is_a_warning(void **state)
{
	struct manifest m = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct set_part *p;

	(void)state;
	fill(&m);
	p = &m.parts.v[0];
	p->kind = SET_FILES;
	p->pipe.v[0] = (struct set_proc){ "tar", "1.34", 1 };
	assert_true(manifest_write(&m, &b, &e));
	p->warnings.n = 0;
	assert_false(manifest_write(&m, &b, &e));
	p->pipe.v[0].exit = 2;
	p->warnings.n = 1;
	err_clear(&e);
	assert_false(manifest_write(&m, &b, &e));
	manifest_release(&m);
	buf_release(&b);
}

static void
hostile_and_broken_manifests_are_refused_by_name(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "not JSON" },
		{ "{", "not JSON" },
		{ "[]", "not an object" },
		{ "{}", "format: it is not there" },
		{ "{\"format\":1,\"format\":1}", "not JSON" },
		{ MANIFEST_("2", "\"prod\"", "\"nightly\"", "true", "[" PART "]"),
		    "format 2" },
		{ MANIFEST_("1.0", "\"prod\"", "\"nightly\"", "true", "[" PART "]"),
		    "whole number" },
		{ MANIFEST_("1", "7", "\"nightly\"", "true", "[" PART "]"),
		    "site: it is not a string" },
		{ MANIFEST_("1", "\"a\\u0000b\"", "\"nightly\"", "true", "[]"),
		    "not JSON" },
		{ MANIFEST_("1", "\"\xff\"", "\"nightly\"", "true", "[]"),
		    "not JSON" },
		{ MANIFEST_("1", "\"prod\"", "\"daily\"", "true", "[" PART "]"),
		    "class: it is not one" },
		{ MANIFEST_("1", "\"prod\"", "\"nightly\"", "1", "[" PART "]"),
		    "neither true nor false" },
		{ WITH("{}"), "components: it is not a list" },
		{ WITH("[]"), "holds nothing" },
		{ WITH("[7]"), "components[0]: it is not an object" },
		{ WITH("[" PART "," PART "]"), "'otc' is there twice" },
		{ WITH("[" PART "," PART_("\"gps\"", "[" FILE_ "]", PIPE, "")
		    "]"), "'otc.dump.gz' is there twice" },
		{ WITH("[" PART_("\"../x\"", "[" FILE_ "]", PIPE, "") "]"),
		    "not the name of a component" },
		{ WITH("[" PART_("\"otc\"", "[]", PIPE, "") "]"), "has no file" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]", "[]", "") "]"),
		    "has no process" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]",
		    "[{\"process\":\"pg_dump\",\"exit\":1}]", "") "]"),
		    "'pg_dump' ended with 1" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]",
		    "[{\"process\":\"pg_dump\",\"exit\":256}]", "") "]"),
		    "not an exit status" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]",
		    "[{\"process\":\"pg_dump\",\"exit\":-1}]", "") "]"),
		    "negative" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]", PIPE,
		    ",\"dir\":\"..\"") "]"), "own folder" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]", PIPE,
		    ",\"rows\":-4") "]"), "rows: it is negative" },
		{ WITH("[" PART_("\"otc\"", "[" FILE_ "]", PIPE,
		    ",\"warnings\":[1]") "]"), "warnings" },
		{ WITH("[" PART_("\"otc\"",
		    "[{\"file\":\"otc.dump.gz\",\"size\":-1,\"sha256\":\"" HEX
		    "\"}]", PIPE, "") "]"), "size: it is negative" },
		{ WITH("[" PART_("\"otc\"",
		    "[{\"file\":\"otc.dump.gz\",\"size\":99999999999999999999,"
		    "\"sha256\":\"" HEX "\"}]", PIPE, "") "]"), "not JSON" },
		{ WITH("[" PART_("\"otc\"",
		    "[{\"file\":\"otc.dump.gz\",\"size\":0,\"sha256\":\"" HEX
		    "\"}]", PIPE, "") "]"), "is empty" },
		{ WITH("[" PART_("\"otc\"",
		    "[{\"file\":\"otc.dump.gz\",\"size\":1,\"sha256\":\"x"
		    "\"}]", PIPE, "") "]"), "not a SHA-256" },
		{ WITH("[" PART_("\"otc\"",
		    "[{\"file\":\"/etc/passwd\",\"size\":1,\"sha256\":\"" HEX
		    "\"}]", PIPE, "") "]"), "not the name of a file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct manifest m = { 0 };
		struct err e = ERR_INIT;

		test_case(bad[i].says);
		assert_false(manifest_read(&m, bad[i].text,
		    strlen(bad[i].text), &e));
		if (strstr(e.msg, bad[i].says) == NULL)
			fail_msg("it says '%s'", e.msg);
		assert_int_equal(m.parts.n, 0);
		assert_null(m.pool.blocks);
	}
}

static void
what_a_later_version_adds_is_passed_over(void **state)
{
	static const char text[] = WITH("[" PART_("\"otc\"", "[" FILE_ "]", PIPE,
	    ",\"colour\":{\"deep\":[1,2]}") "]");
	struct manifest m = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_true(manifest_read(&m, text, strlen(text), &e));
	assert_int_equal(m.parts.n, 1);
	manifest_release(&m);
}

static void
a_manifest_is_bounded(void **state)
{
	struct manifest m = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	buf_str(&b, "{\"format\":1,\"x\":\"");
	buf_fill(&b, 'x', MANIFEST_MAX);
	buf_str(&b, "\"}");
	assert_false(manifest_read(&m, b.p, b.n, &e));
	assert_non_null(strstr(e.msg, "larger"));
	buf_clear(&b);
	buf_fill(&b, '[', MANIFEST_MAX);
	err_clear(&e);
	assert_false(manifest_read(&m, b.p, b.n, &e));
	fill(&m);
	buf_clear(&b);
	buf_fill(&b, 'x', MANIFEST_MAX);
	m.parts.v[0].problem = NULL;
	m.parts.v[0].snapshot = b.p;
	struct buf out = BUF_INIT;
	err_clear(&e);
	assert_false(manifest_write(&m, &out, &e));
	assert_int_equal(out.n, 0);
	manifest_release(&m);
	buf_release(&b);
	buf_release(&out);
}

/* ---- proofs -------------------------------------------------------------------- */

static void
a_proof_is_read_back_as_written(void **state)
{
	struct proof p = { .kind = PROVEN_RESTORABLE, .at = 1739499000000,
		.manifest = HEX, .by = "midwatch 0.1.0" }, back = { 0 };
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	*VEC_NEW(&p.parts) = (struct proof_part){ "otc", true, 4096, 61000, 12,
		4000, NULL };
	*VEC_NEW(&p.parts) = (struct proof_part){ "gps", false, -1, -1, -1, -1,
		"role \"gps\" does not exist" };
	assert_true(proof_write(&p, &one, &e));
	assert_true(proof_read(&back, one.p, one.n, &e));
	assert_true(proof_write(&back, &two, &e));
	assert_string_equal(one.p, two.p);
	assert_int_equal(back.kind, PROVEN_RESTORABLE);
	assert_int_equal(back.parts.v[0].took_ms, 61000);
	assert_false(back.parts.v[1].ok);
	proof_release(&p);
	proof_release(&back);
	buf_release(&one);
	buf_release(&two);
}

/* No list of checksums has it: it has to be seen in the file itself. */
static void
a_proof_with_one_flipped_bit_proves_nothing(void **state)
{
	struct proof p = { .kind = PROVEN_VERIFIED, .at = 1739499000000,
		.manifest = HEX, .by = "root" };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	*VEC_NEW(&p.parts) = (struct proof_part){ "otc", true, 4096, 61000, 12,
		4000, "read" };
	assert_true(proof_write(&p, &b, &e));
	proof_release(&p);
	for (size_t i = 0; i < b.n * 8; i++) {
		b.p[i / 8] ^= (char)(1 << i % 8);
		err_clear(&e);
		if (proof_read(&p, b.p, b.n, &e))
			fail_msg("bit %zu of byte %zu is not missed", i % 8,
			    i / 8);
		b.p[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t n = 0; n < b.n; n++) {
		err_clear(&e);
		assert_false(proof_read(&p, b.p, n, &e));
	}
	assert_true(proof_read(&p, b.p, b.n, &e));
	proof_release(&p);
	buf_release(&b);
}

static void
what_is_no_proof_is_refused(void **state)
{
#define PROOF(kind, sha, parts)						\
	"{\"format\":1,\"kind\":" kind ",\"at\":\"" AT "\","		\
	"\"manifest_sha256\":\"" sha "\",\"components\":" parts "}"
	static const char *const bad[] = { "", "[]", "{}",
		PROOF("\"sent\"", HEX, "[]"), PROOF("\"great\"", HEX, "[]"),
		PROOF("\"verified\"", "ab", "[]"),
		PROOF("\"verified\"", HEX, "7"),
		PROOF("\"verified\"", HEX, "[{\"name\":\"otc\"}]"),
		PROOF("\"verified\"", HEX, "[{\"name\":\"otc\",\"ok\":1}]"),
		PROOF("\"verified\"", HEX, "[{\"name\":\"a/b\",\"ok\":true}]"),
		PROOF("\"verified\"", HEX, "[{\"name\":\"otc\",\"ok\":true},"
		    "{\"name\":\"otc\",\"ok\":true}]") };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct proof p = { 0 };
		struct err e = ERR_INIT;

		test_case(bad[i]);
		assert_false(proof_read(&p, bad[i], strlen(bad[i]), &e));
		assert_true(e.msg[0] != '\0');
	}
}

/* ---- checksums ------------------------------------------------------------------ */

static void
sha256sum_checks_what_is_written_whatever_the_name(void **state)
{
	static const char *const names[] = { "plain", " lead", "back\\slash",
		"new\nline", "car\rriage", "quo'te\"s", "umlaut-\xc3\xa4",
		"both\\\n\r" };
	const char *script = "cd \"$1\" && sha256sum --strict -c checksums.sha256";
	const char *argv[] = { "/bin/sh", "-c", script, "sh", test_dir(), NULL };
	struct checksums c = { 0 };
	struct ran ran = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	char hex[SHA_HEX];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		test_write(names[i], names[i]);
		sha_of(names[i], strlen(names[i]), hex);
		checksums_put(&b, names[i], hex);
	}
	test_write("checksums.sha256", b.p);
	assert_true(spawn_run(&(struct run){ .argv = argv, .merge_err = true },
	    &ran, &e));
	if (spawn_code(ran.status) != 0)
		fail_msg("%s", ran.out.p);
	ran_release(&ran);
	assert_true(checksums_read(&c, b.p, b.n, &e));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		test_case(names[i]);
		sha_of(names[i], strlen(names[i]), hex);
		assert_string_equal(checksums_find(&c, names[i]), hex);
	}
	assert_null(checksums_find(&c, "other"));
	checksums_release(&c);
	buf_release(&b);
}

static void
the_sums_of_a_set_name_every_file_of_it(void **state)
{
	struct manifest m = { 0 };
	struct buf b = BUF_INIT;

	(void)state;
	fill(&m);
	checksums_of(&m, HEX, &b);
	assert_string_equal(b.p, HEX "  otc.dump.gz\n" HEX "  otc.dump.idx\n"
	    HEX "  otc.dump.counts\n" HEX "  gps/001-data.dump.gz\n"
	    HEX "  manifest.json\n");
	manifest_release(&m);
	buf_release(&b);
}

static void
other_lines_than_sums_are_refused(void **state)
{
	static const char *const bad[] = { "x", "\n", HEX "\n", HEX "  \n",
		HEX " x\n", HEX "  no newline", "\\" HEX "  bad\\xescape\n",
		"\\" HEX "  end\\\n", HEX "  a\n" HEX "  a\n",
		"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
		    "0123456789ABCDEF  upper\n" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct checksums c = { 0 };
		struct err e = ERR_INIT;

		test_case(bad[i]);
		assert_false(checksums_read(&c, bad[i], strlen(bad[i]), &e));
		assert_int_equal(c.v.n, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_written_is_read_back_and_written_the_same),
	cmocka_unit_test(a_manifest_is_not_written_over_a_failure),
	cmocka_unit_test(a_file_that_changed_while_tar_read_it_is_a_warning),
	cmocka_unit_test(hostile_and_broken_manifests_are_refused_by_name),
	cmocka_unit_test(what_a_later_version_adds_is_passed_over),
	cmocka_unit_test(a_manifest_is_bounded),
	cmocka_unit_test(a_proof_is_read_back_as_written),
	cmocka_unit_test(a_proof_with_one_flipped_bit_proves_nothing),
	cmocka_unit_test(what_is_no_proof_is_refused),
	cmocka_unit_test(sha256sum_checks_what_is_written_whatever_the_name),
	cmocka_unit_test(the_sums_of_a_set_name_every_file_of_it),
	cmocka_unit_test(other_lines_than_sums_are_refused),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
