#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/gz_engine.h"
#include "base/file.h"
#include "base/spawn.h"

/* ---- bytes to pack -------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t
next_random(void)
{
	seed = seed * 1103515245u + 12345u;
	return seed >> 16;
}

enum look { ZEROS, WORDS, NOISE };

static void
fill(struct buf *b, size_t n, enum look look)
{
	static const char *const words[] = { "otc", "\t2025-02-14", "\t0.125",
	    "\n", "account", "\\N" };

	buf_clear(b);
	while (b->n < n)
		if (look == ZEROS)
			buf_ch(b, 0);
		else if (look == WORDS)
			buf_str(b, words[next_random() % 6]);
		else
			buf_ch(b, (char)next_random());
	buf_cut(b, n);
}

/* Packed as members of that many raw bytes, with its index. */
static void
pack(const struct buf *raw, size_t each, enum gz_level level, struct buf *out,
    struct buf *index)
{
	struct gz *z = gz_open(level);
	struct gz_member m = { 0 };
	size_t at = 0;

	gz_index_head(index);
	do {
		size_t n = raw->n - at < each ? raw->n - at : each;

		gz_pack(z, raw->p + at, n, out, &m);
		gz_index_put(index, &m);
		at += n;
	} while (at < raw->n);
	gz_index_end(index, m.at + m.size, m.raw_at + m.raw_size);
	gz_close(z);
}

static bool
into(void *ctx, const void *raw, size_t n, struct err *e)
{
	(void)e;
	buf_add(ctx, raw, n);
	return true;
}

static bool
unpack(const char *p, size_t n, size_t step, struct buf *raw, int64_t *members,
    struct err *e)
{
	struct gz_in *in = gz_in_open();
	bool ok = true;

	for (size_t at = 0; ok && at < n; at += step)
		ok = gz_in_take(in, p + at, n - at < step ? n - at : step, into,
		    raw, e);
	ok = ok && gz_in_end(in, NULL, members, e);
	gz_in_close(in);
	return ok;
}

static const size_t sizes[] = { 0, 1, 2, 511, 65535, 65536, 65537, 1 << 20,
	(1 << 20) + 1, 3000000 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static void
what_was_packed_comes_out_again(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT,
	    again = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < SIZES; i++)
		for (enum look look = ZEROS; look <= NOISE; look++)
			for (enum gz_level l = GZ_FAST; l <= GZ_SMALL; l++) {
				struct err e = ERR_INIT;
				int64_t members = 0;

				fill(&raw, sizes[i], look);
				buf_clear(&out);
				buf_clear(&again);
				buf_clear(&ix);
				pack(&raw, GZ_MEMBER, l, &out, &ix);
				if (!unpack(out.p, out.n, i % 2 ? 4096 : 1 << 20,
				    &again, &members, &e))
					fail_msg("%zu bytes: %s", sizes[i],
					    e.msg);
				assert_int_equal(again.n, raw.n);
				assert_memory_equal(again.p, raw.p, raw.n);
				assert_int_equal(members, raw.n == 0 ? 1 :
				    (raw.n + GZ_MEMBER - 1) / GZ_MEMBER);
			}
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
	buf_release(&again);
}

static void
gunzip_agrees(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT;
	const char *path = test_path("x.gz");
	const char *argv[] = { "gunzip", "-c", path, NULL };
	struct run r = { .argv = argv, .limit = 8 << 20 };

	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		struct ran ran = { 0 };
		struct err e = ERR_INIT;

		fill(&raw, sizes[i], WORDS);
		buf_clear(&out);
		pack(&raw, GZ_MEMBER, GZ_FAST, &out, &ix);
		assert_true(file_replace(path, out.p, out.n, 0600, &e));
		assert_true(spawn_run(&r, &ran, &e));
		assert_int_equal(spawn_code(ran.status), 0);
		assert_int_equal(ran.out.n, raw.n);
		if (raw.n > 0)
			assert_memory_equal(ran.out.p, raw.p, raw.n);
		ran_release(&ran);
	}
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
}

static void
the_same_bytes_are_packed_the_same(void **state)
{
	struct buf raw = BUF_INIT, a = BUF_INIT, b = BUF_INIT, ix = BUF_INIT;

	(void)state;
	fill(&raw, 3000000, WORDS);
	pack(&raw, GZ_MEMBER, GZ_FAST, &a, &ix);
	pack(&raw, GZ_MEMBER, GZ_FAST, &b, &ix);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
	buf_release(&raw);
	buf_release(&a);
	buf_release(&b);
	buf_release(&ix);
}

/* ---- damage ------------------------------------------------------------------------ */

/* By the index, which has a hash of each member. */
static bool
index_finds(const struct gz_index *ix, size_t m, const struct buf *out)
{
	char sha[SHA_HEX];

	sha_of(out->p + ix->v.v[m].at, (size_t)ix->v.v[m].size, sha);
	return strcmp(sha, ix->v.v[m].sha256) != 0;
}

static void
every_flipped_byte_is_found_and_its_member_named(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT,
	    again = BUF_INIT;
	struct gz_index index;
	struct err e = ERR_INIT;
	size_t named = 0;

	(void)state;
	fill(&raw, 6000, WORDS);
	pack(&raw, 2000, GZ_FAST, &out, &ix);
	assert_true(gz_index_read(&index, ix.p, ix.n, &e));
	assert_int_equal(index.v.n, 3);
	for (size_t i = 0; i < out.n; i++) {
		char member[64];
		size_t m = 0;

		while (m + 1 < 3 && (int64_t)i >= index.v.v[m + 1].at)
			m++;
		(void)snprintf(member, sizeof member, "gzip member %zu, which "
		    "begins at byte %lld", m + 1, (long long)index.v.v[m].at);
		out.p[i] ^= 0x10;
		buf_clear(&again);
		err_clear(&e);
		assert_true(index_finds(&index, m, &out));
		/* a few bits say nothing: time, system, what fills a byte up */
		if (unpack(out.p, out.n, 1 << 20, &again, NULL, &e))
			assert_memory_equal(again.p, raw.p, raw.n);
		else if (strstr(e.msg, member) != NULL)
			named++;
		else
			fail_msg("byte %zu: %s", i, e.msg);
		out.p[i] ^= 0x10;
	}
	assert_true(named > out.n * 9 / 10);
	gz_index_release(&index);
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
	buf_release(&again);
}

static void
every_cut_is_found_but_one_between_members(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT,
	    again = BUF_INIT;
	struct gz_index index;
	struct err e = ERR_INIT;

	(void)state;
	fill(&raw, 6000, WORDS);
	pack(&raw, 2000, GZ_FAST, &out, &ix);
	assert_true(gz_index_read(&index, ix.p, ix.n, &e));
	for (size_t n = 0; n < out.n; n++) {
		bool between = false;

		for (size_t i = 1; i < index.v.n; i++)
			between = between || (int64_t)n == index.v.v[i].at;
		buf_clear(&again);
		err_clear(&e);
		if (unpack(out.p, n, 7, &again, NULL, &e) != between)
			fail_msg("cut at %zu", n);
	}
	gz_index_release(&index);
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
	buf_release(&again);
}

static void
nothing_may_stand_behind_the_last_member(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT,
	    again = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	fill(&raw, 100, WORDS);
	pack(&raw, GZ_MEMBER, GZ_FAST, &out, &ix);
	buf_ch(&out, 0);
	assert_false(unpack(out.p, out.n, 1 << 20, &again, NULL, &e));
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
	buf_release(&again);
}

static bool
refuse(void *ctx, const void *raw, size_t n, struct err *e)
{
	(void)ctx;
	(void)raw;
	(void)n;
	return err_set(e, ERR_FAILED, "no");
}

static void
a_sink_that_refuses_stops_it(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT;
	struct gz_in *in = gz_in_open();
	struct err e = ERR_INIT;

	(void)state;
	fill(&raw, 5000, WORDS);
	pack(&raw, GZ_MEMBER, GZ_FAST, &out, &ix);
	assert_false(gz_in_take(in, out.p, out.n, refuse, NULL, &e));
	assert_string_equal(e.msg, "no");
	gz_in_close(in);
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
}

/* ---- the index ---------------------------------------------------------------------- */

static void
an_index_that_still_grows_is_not_whole(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT;
	struct gz_index index;

	(void)state;
	fill(&raw, 10000, WORDS);
	pack(&raw, 1000, GZ_FAST, &out, &ix);
	for (size_t n = 0; n <= ix.n; n++) {
		struct err e = ERR_INIT;
		bool ok = gz_index_read(&index, ix.p, n, &e);

		if (ok)
			assert_int_equal(index.whole, n == ix.n);
		gz_index_release(&index);
	}
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
}

static void
an_index_that_contradicts_itself_is_refused(void **state)
{
	struct buf raw = BUF_INIT, out = BUF_INIT, ix = BUF_INIT;
	int refused = 0, tried = 0;
	size_t from;

	(void)state;
	fill(&raw, 3000, WORDS);
	pack(&raw, 1000, GZ_FAST, &out, &ix);
	from = (size_t)(strchr(ix.p, '\n') - ix.p) + 1;
	for (size_t i = from; i < ix.n; i++) {
		struct gz_index index;
		struct err e = ERR_INIT;
		char had = ix.p[i];

		ix.p[i] = 'z';
		tried++;
		refused += !gz_index_read(&index, ix.p, ix.n, &e) ||
		    !index.whole;
		gz_index_release(&index);
		ix.p[i] = had;
	}
	assert_int_equal(refused, tried);
	buf_release(&raw);
	buf_release(&out);
	buf_release(&ix);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_was_packed_comes_out_again),
	cmocka_unit_test(gunzip_agrees),
	cmocka_unit_test(the_same_bytes_are_packed_the_same),
	cmocka_unit_test(every_flipped_byte_is_found_and_its_member_named),
	cmocka_unit_test(every_cut_is_found_but_one_between_members),
	cmocka_unit_test(nothing_may_stand_behind_the_last_member),
	cmocka_unit_test(a_sink_that_refuses_stops_it),
	cmocka_unit_test(an_index_that_still_grows_is_not_whole),
	cmocka_unit_test(an_index_that_contradicts_itself_is_refused),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
