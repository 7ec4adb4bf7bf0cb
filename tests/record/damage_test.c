/* What happens to a journal's bytes, and what its readers say about it. */
#include "tests/record/kit.h"

#include "base/text.h"

enum { FLIPS = 10000 };

/*
 * A journal with everything that occurs: short and long lines, parts, spaces up
 * to an edge, a repaired tear.
 */
static const char *
rich_journal(const char *name)
{
	const char *path = journal_of(name, 5);
	struct buf text = BUF_INIT;
	struct stat st;
	struct journal j;

	open_journal(&j, path);
	buf_fill(&text, 'x', 2000);
	for (int i = 0; i < 3; i++)
		(void)note(&j, text.p);
	(void)note(&j, "never acknowledged");
	journal_close(&j);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 400), 0);
	open_journal(&j, path);
	buf_fill(&text, 'y', 5000);
	(void)note(&j, text.p);
	for (int i = 0; i < 5; i++)
		(void)note(&j, "the end comes");
	journal_close(&j);
	buf_release(&text);
	assert_int_equal(assert_good(path).torn, 1);
	return path;
}

struct lines {
	struct buf b;
	VEC(size_t) at;		/* where each begins; one more: the end */
};

static void
split(const char *path, struct lines *l)
{
	memset(l, 0, sizeof *l);
	l->b = (struct buf)BUF_INIT;
	slurp(path, &l->b);
	for (size_t at = 0; at < l->b.n;) {
		const char *nl = memchr(l->b.p + at, '\n', l->b.n - at);

		VEC_PUSH(&l->at, at);
		at = (size_t)(nl - l->b.p) + 1;
	}
	VEC_PUSH(&l->at, l->b.n);
}

static void
lines_release(struct lines *l)
{
	buf_release(&l->b);
	VEC_RELEASE(&l->at);
}

static void
cut_and_append(const char *path, const struct lines *l, size_t size)
{
	size_t whole = 0;
	struct buf now = BUF_INIT;
	char what[256];
	struct journal j;

	spill(path, l->b.p, size);
	open_journal(&j, path);
	(void)note(&j, "after the cut");
	journal_close(&j);
	struct journal_verdict v = verdict_of(path, what);
	if (v.problems > 0)
		fail_msg("cut at %zu: %s", size, what);
	slurp(path, &now);
	assert_memory_equal(now.p, l->b.p, size);	/* all of it stays */
	while (whole + 1 < l->at.n && l->at.v[whole + 1] <= size)
		whole++;
	bool edge = scan_tail_is_whole(l->b.p + l->at.v[whole], size -
	    l->at.v[whole], (int64_t)l->at.v[whole]);
	if (v.torn != (edge ? 1 : 2))			/* one was there */
		fail_msg("cut at %zu: %d torn", size, (int)v.torn);
	/* all whole lines but the fragment of old, a torn line, the note */
	assert_int_equal(v.last_seq, whole - 1 + (edge ? 0 : 1) + 1);
	if (size % 97 == 0)
		assert_int_equal(second_opinion(path, NULL), 0);
	buf_release(&now);
}

static void
cut_at_any_byte_of_the_last_three_lines_the_next_append_repairs_it(void **state)
{
	const char *path = rich_journal("cut");
	struct lines l;

	(void)state;
	split(path, &l);
	for (size_t size = l.at.v[l.at.n - 4]; size <= l.b.n; size++)
		cut_and_append(path, &l, size);
	lines_release(&l);
}

static void
cut_inside_the_padding_up_to_an_edge_it_is_repaired(void **state)
{
	const char *path = journal_of("edge", 1);
	struct buf text = BUF_INIT;
	struct lines l;
	struct journal j;

	(void)state;
	open_journal(&j, path);
	buf_fill(&text, 'x', 2500);	/* does not fit twice in a block */
	for (int i = 0; i < 2; i++)
		(void)note(&j, text.p);
	journal_close(&j);
	split(path, &l);
	assert_int_equal(l.b.p[l.at.v[2]], ' ');
	for (size_t size = l.at.v[2]; size <= l.b.n; size += 61) {
		spill(path, l.b.p, size);
		open_journal(&j, path);
		(void)note(&j, "short");
		(void)note(&j, text.p);
		journal_close(&j);
		(void)assert_good(path);
		assert_int_equal(second_opinion(path, NULL), 0);
	}
	spill(path, l.b.p, BLOCK);	/* spaces up to the edge are no tear */
	open_journal(&j, path);
	(void)note(&j, "short");
	journal_close(&j);
	assert_int_equal(assert_good(path).torn, 0);
	lines_release(&l);
	buf_release(&text);
}

/* The file as it would be if a repair was cut off too, again and again. */
static void
a_repair_that_is_cut_off_again_and_again_converges(void **state)
{
	const char *path = rich_journal("again");
	struct lines l;

	(void)state;
	split(path, &l);
	for (size_t lost = 1; lost < 2000; lost += 37) {
		struct stat st;
		struct journal j;

		spill(path, l.b.p, l.b.n - 300);
		for (int turn = 0; turn < 3; turn++) {
			open_journal(&j, path);
			(void)note(&j, "never acknowledged");
			journal_close(&j);
			assert_int_equal(stat(path, &st), 0);
			/* never into what was there before */
			if ((size_t)st.st_size - lost < l.b.n - 300)
				break;
			assert_int_equal(truncate(path, st.st_size -
			    (off_t)lost), 0);
		}
		open_journal(&j, path);
		(void)note(&j, "at last");
		journal_close(&j);
		(void)assert_good(path);
		if (lost % 5 == 0)
			assert_int_equal(second_opinion(path, NULL), 0);
	}
	lines_release(&l);
}

static void
every_flipped_bit_is_found(void **state)
{
	const char *path = rich_journal("flip");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct lines l;
	char what[256];

	(void)state;
	split(path, &l);
	srandom(4711);
	for (int i = 0; i < FLIPS; i++) {
		size_t at = (size_t)random() % l.b.n;
		char c = l.b.p[at], bad = (char)(c ^ (1 << random() % 8));

		assert_int_equal(pwrite(fd, &bad, 1, (off_t)at), 1);
		if (verdict_of(path, what).problems == 0)
			fail_msg("bit flip at %zu (%02x to %02x) not found", at,
			    (unsigned char)c, (unsigned char)bad);
		if (i % 500 == 0)
			assert_int_equal(second_opinion(path, NULL), 1);
		assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	}
	(void)assert_good(path);
	assert_int_equal(close(fd), 0);
	lines_release(&l);
}

static void
expect_damage(const char *path, const struct buf *b, const char *label, size_t i)
{
	char what[256];

	spill(path, b->p, b->n);
	if (verdict_of(path, what).problems == 0)
		fail_msg("%s line %zu not found", label, i + 1);
	if (second_opinion(path, NULL) == 0)
		fail_msg("%s line %zu not found by verify.py", label, i + 1);
}

static void
doubled_swapped_and_deleted_lines_are_found(void **state)
{
	const char *path = rich_journal("moved");
	struct lines l;
	struct buf b = BUF_INIT;

	(void)state;
	split(path, &l);
	for (size_t i = 0; i + 1 < l.at.n; i++) {
		size_t from = l.at.v[i], to = l.at.v[i + 1];

		buf_clear(&b);
		buf_add(&b, l.b.p, to);
		buf_add(&b, l.b.p + from, l.b.n - from);
		expect_damage(path, &b, "doubled", i);

		if (i + 2 >= l.at.n)
			continue;	/* the last: a cut tail */
		buf_clear(&b);
		buf_add(&b, l.b.p, from);
		buf_add(&b, l.b.p + to, l.b.n - to);
		expect_damage(path, &b, "deleted", i);

		size_t end = l.at.v[i + 2];
		buf_clear(&b);
		buf_add(&b, l.b.p, from);
		buf_add(&b, l.b.p + to, end - to);
		buf_add(&b, l.b.p + from, to - from);
		buf_add(&b, l.b.p + end, l.b.n - end);
		expect_damage(path, &b, "swapped", i);
	}
	buf_release(&b);
	lines_release(&l);
}

static void
a_cut_tail_is_found_against_a_checkpoint_only(void **state)
{
	const char *path = journal_of("tail", 20);
	struct journal_verdict whole = assert_good(path), v;
	struct journal j;
	struct lines l;
	struct err e = ERR_INIT;

	(void)state;
	split(path, &l);
	for (size_t keep = 1; keep < 20; keep++) {
		spill(path, l.b.p, l.at.v[keep]);
		v = assert_good(path);
		assert_int_equal(v.last_seq, keep);
		journal_init(&j, NULL, NULL);
		assert_true(journal_verify(&j, path, &v, &e));
		assert_false(journal_has(&j, whole.last_seq, whole.last_hash));
		assert_true(journal_has(&j, v.last_seq, v.last_hash));
		journal_close(&j);
	}
	/* rebuilt with other words, as long as before and in itself good */
	spill(path, l.b.p, l.at.v[10]);
	open_journal(&j, path);
	for (int i = 0; i < 10; i++)
		(void)note(&j, "nothing happened");
	journal_close(&j);
	v = assert_good(path);
	assert_int_equal(v.last_seq, whole.last_seq);
	journal_init(&j, NULL, NULL);
	assert_true(journal_verify(&j, path, &v, &e));
	assert_false(journal_has(&j, whole.last_seq, whole.last_hash));
	assert_false(journal_has(&j, 0, whole.last_hash));
	assert_false(journal_has(&j, INT64_MAX, whole.last_hash));
	assert_false(journal_has(&j, 1, "short"));
	journal_close(&j);
	lines_release(&l);
}

/* Whoever changed the last line must not have stopped the record with it. */
static void
behind_a_changed_last_line_the_journal_goes_on_and_the_change_still_shows(
    void **state)
{
	static const struct { const char *label; long back; char c; } t[] = {
		{ "the hash", 30, 'g' }, { "the closing brace", 1, ']' },
		{ "a quote of a member", 100, '"' }, { "the first byte", 0, '[' },
		{ "the padding", -1, 'x' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const char *path = journal_of("changed", 5);
		struct lines l;
		struct journal j;
		char what[256];
		size_t n;

		test_case(t[i].label);
		split(path, &l);
		for (n = l.b.n - 1; l.b.p[n - 1] == ' '; n--)
			;
		size_t at = t[i].back > 0 ? n - (size_t)t[i].back :
		    t[i].back < 0 ? n + 5 : l.at.v[4];
		l.b.p[at] = t[i].c;
		spill(path, l.b.p, l.b.n);
		open_journal(&j, path);
		(void)note(&j, "still on watch");
		(void)note(&j, "and on");
		journal_close(&j);
		struct journal_verdict v = verdict_of(path, what);
		if (t[i].back >= 1 || t[i].back < 0)
			assert_true(v.problems > 0 || v.torn > 0);
		assert_true(v.last_seq >= 6);
		assert_int_equal(second_opinion(path, NULL), v.problems > 0);
		lines_release(&l);
	}
}

static void
a_line_that_a_stranger_appended_stays_a_problem_and_the_journal_goes_on(void **state)
{
	static const char *const strange[] = { "hello\n", "\n", "{}\n",
	    "{\"seq\":6}\n", "   \n" };

	(void)state;
	for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
		const char *path = journal_of("strange", 5);
		int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		size_t n = strlen(strange[i]);
		struct journal j;
		char what[256];

		test_case(strange[i]);
		assert_int_equal(write(fd, strange[i], n), n);
		close(fd);
		open_journal(&j, path);
		assert_int_equal(note(&j, "on watch"), 6);
		assert_int_equal(note(&j, "still"), 7);
		journal_close(&j);
		struct journal_verdict v = verdict_of(path, what);
		assert_true(v.problems >= 1);
		assert_int_equal(v.torn, 0);
		assert_int_equal(v.last_seq, 7);
		assert_int_equal(second_opinion(path, NULL), 1);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(
	    cut_at_any_byte_of_the_last_three_lines_the_next_append_repairs_it),
	cmocka_unit_test(cut_inside_the_padding_up_to_an_edge_it_is_repaired),
	cmocka_unit_test(a_repair_that_is_cut_off_again_and_again_converges),
	cmocka_unit_test(every_flipped_bit_is_found),
	cmocka_unit_test(doubled_swapped_and_deleted_lines_are_found),
	cmocka_unit_test(a_cut_tail_is_found_against_a_checkpoint_only),
	cmocka_unit_test(
	    behind_a_changed_last_line_the_journal_goes_on_and_the_change_still_shows),
	cmocka_unit_test(
	    a_line_that_a_stranger_appended_stays_a_problem_and_the_journal_goes_on),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
