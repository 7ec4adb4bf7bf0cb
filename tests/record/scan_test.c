#include "tests/record/kit.h"

#include "record/line.h"

/* A journal's bytes while they are made by hand. */
struct made {
	struct buf b;
	struct line_chain c;
};

static void
begin(struct made *m)
{
	memset(m, 0, sizeof *m);
	m->c.slot = SLOT;
	memset(m->c.hash, '0', SHA_HEX - 1);
}

static void
add(struct made *m, enum event_kind kind, const char *text, const char *data)
{
	struct draft d = { .kind = kind, .text = text, .data = data };
	struct err e = ERR_INIT;

	if (!line_draft(&m->c, &d, 0, &m->b, &e))
		fail_msg("%s", e.msg);
}

/* An object given up to its prev; hash and padding are put behind it. */
static void
add_object(struct made *m, const char *begins)
{
	struct buf o = BUF_INIT;
	char hash[SHA_HEX];

	buf_printf(&o, "%s,\"prev\":\"%s\"", begins, m->c.hash);
	sha_of(o.p, o.n, hash);
	buf_printf(&o, ",\"hash\":\"%s\"}", hash);
	line_place(&m->c, o.p, o.n, &m->b);
	m->c.seq++;
	memcpy(m->c.hash, hash, SHA_HEX);
	buf_release(&o);
}

/* A fragment, padded as a repair does it. */
static void
add_fragment(struct made *m, const char *p, size_t n)
{
	size_t size = (n + 1 + SLOT - 1) / SLOT * SLOT;

	buf_add(&m->b, p, n);
	buf_fill(&m->b, ' ', size - n - 1);
	buf_ch(&m->b, '\n');
	m->c.at += (int64_t)size;
}

static void
add_torn(struct made *m, const char *p, size_t n, int64_t offset,
    const char *more)
{
	char sha[SHA_HEX], data[256];

	sha_of(p, n, sha);
	(void)snprintf(data, sizeof data, "{\"offset\":%lld,\"length\":%zu,"
	    "\"sha256\":\"%s\"%s}", (long long)offset, n, sha, more);
	add(m, EVENT_J_TORN, "cut off", data);
}

struct saw {
	int64_t lines, bad, last;
	char texts[256];
	char names[256];
};

static void
see(void *ctx, const struct event *ev)
{
	struct saw *saw = ctx;
	size_t n = strlen(saw->texts), k = strlen(saw->names);

	saw->lines++;
	saw->bad += ev->bad;
	saw->last = ev->seq;
	(void)snprintf(saw->texts + n, sizeof saw->texts - n, "%s|", ev->text);
	(void)snprintf(saw->names + k, sizeof saw->names - k, "%s|", ev->name);
}

/* The problems' words, one a line; "" when all is good. */
static char *
problems_of(const char *p, size_t n, struct saw *saw)
{
	struct buf b = BUF_INIT;
	struct scan s;
	size_t used;

	memset(saw, 0, sizeof *saw);
	scan_init(&s);
	s.event = see;
	s.ctx = saw;
	used = scan_bytes(&s, p, n, 0);
	scan_end(&s, p + used, n - used, (int64_t)used);
	for (size_t i = 0; i < s.problems.n; i++)
		buf_printf(&b, "%s\n", s.problems.v[i].text);
	scan_release(&s);
	return buf_detach(&b);
}

static void
expect(const struct made *m, const char *want)
{
	struct saw saw;
	char *got = problems_of(m->b.p, m->b.n, &saw);
	const char *path = test_path("made");

	if (*want == '\0')
		assert_string_equal(got, "");
	else if (strstr(got, want) == NULL)
		fail_msg("'%s' instead of '%s'", got, want);
	spill(path, m->b.p, m->b.n);
	assert_int_equal(second_opinion(path, NULL), *want != '\0');
	free(got);
}

static void
an_empty_journal_is_whole(void **state)
{
	struct saw saw;
	char *got = problems_of("", 0, &saw);

	(void)state;
	assert_string_equal(got, "");
	assert_int_equal(saw.lines, 0);
	free(got);
}

static void
lines_come_out_as_they_were_drafted(void **state)
{
	struct made m;
	struct saw saw;

	(void)state;
	begin(&m);
	add(&m, EVENT_NOTE, "one", NULL);
	add(&m, EVENT_DECISION, "two", "{\"n\":2}");
	expect(&m, "");
	free(problems_of(m.b.p, m.b.n, &saw));
	assert_string_equal(saw.texts, "one|two|");
	assert_string_equal(saw.names, "note|decision|");
	buf_release(&m.b);
}

#define HEAD "{\"seq\":1,\"at\":\"2025-02-14T01:10:03.120Z\"," \
	"\"rec\":\"2025-02-14T01:10:03.121Z\",\"by\":\"oncall\"," \
	"\"host\":\"bastion\",\"pid\":812,"

static void
kinds_and_members_of_a_newer_version_are_kept(void **state)
{
	struct made m;
	struct saw saw;

	(void)state;
	begin(&m);
	add_object(&m, HEAD "\"kind\":\"quantum.leap\",\"text\":\"new\","
	    "\"mono\":[1,2,{}],\"data\":{\"deep\":{\"er\":null}}");
	add(&m, EVENT_NOTE, "after", NULL);
	expect(&m, "");
	free(problems_of(m.b.p, m.b.n, &saw));
	assert_string_equal(saw.names, "quantum.leap|note|");
	assert_int_equal(event_kind("quantum.leap"), EVENT_UNKNOWN);
	buf_release(&m.b);
}

static const struct { const char *label, *object; } not_lines[] = {
	{ "a member twice", HEAD "\"kind\":\"note\",\"kind\":\"note\",\"text\":\"\",\"data\":{}" },
	{ "seq 0", "{\"seq\":0,\"kind\":\"note\",\"data\":{}" },
	{ "seq is a word", "{\"seq\":\"1\",\"kind\":\"note\",\"data\":{}" },
	{ "seq is not the first", "{\"kind\":\"note\",\"seq\":1,\"data\":{}" },
	{ "no kind", HEAD "\"text\":\"\",\"data\":{}" },
	{ "data is a list", HEAD "\"kind\":\"note\",\"text\":\"\",\"data\":[]" },
	{ "bad UTF-8", HEAD "\"kind\":\"note\",\"text\":\"\xff\",\"data\":{}" },
	{ "a raw control", HEAD "\"kind\":\"note\",\"text\":\"\x01\",\"data\":{}" },
};

static void
what_is_no_line_is_reported_and_the_rest_still_handed_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof not_lines / sizeof *not_lines; i++) {
		struct made m;
		struct saw saw;
		char *got;

		test_case(not_lines[i].label);
		begin(&m);
		add_object(&m, not_lines[i].object);
		m.c.seq = 0;
		memset(m.c.hash, '0', SHA_HEX - 1);
		add(&m, EVENT_NOTE, "the rest", NULL);
		got = problems_of(m.b.p, m.b.n, &saw);
		assert_non_null(strstr(got, "not a line of a journal"));
		assert_string_equal(saw.texts, "the rest|");
		free(got);
		buf_release(&m.b);
	}
}

static void
a_line_with_a_wrong_date_or_hash_is_shown_as_bad(void **state)
{
	struct made m;
	struct saw saw;

	(void)state;
	begin(&m);
	add_object(&m, "{\"seq\":1,\"at\":\"yesterday\",\"rec\":"
	    "\"2025-02-14T01:10:03.121Z\",\"kind\":\"note\",\"text\":\"x\"");
	free(problems_of(m.b.p, m.b.n, &saw));
	assert_int_equal(saw.bad, 1);
	buf_release(&m.b);

	begin(&m);
	add(&m, EVENT_NOTE, "was", NULL);
	add(&m, EVENT_NOTE, "next", NULL);
	memcpy(strstr(m.b.p, "was"), "is!", 3);
	expect(&m, "the bytes do not give the hash");
	free(problems_of(m.b.p, m.b.n, &saw));
	assert_string_equal(saw.texts, "is!|next|");
	assert_int_equal(saw.bad, 1);
	buf_release(&m.b);
}

static void
an_object_of_more_than_4000_bytes_is_no_line(void **state)
{
	struct made m;
	struct buf o = BUF_INIT;

	(void)state;
	begin(&m);
	buf_str(&o, HEAD "\"kind\":\"note\",\"text\":\"");
	buf_fill(&o, 'x', 3800);
	buf_str(&o, "\",\"data\":{}");
	add_object(&m, o.p);
	expect(&m, "not a line of a journal");
	buf_release(&o);
	buf_release(&m.b);
}

static void
a_line_in_the_wrong_place_is_reported(void **state)
{
	struct made m, moved;
	struct buf text = BUF_INIT;

	(void)state;
	begin(&m);
	add(&m, EVENT_NOTE, "x", NULL);
	begin(&moved);
	moved.b.n = 0;
	buf_add(&moved.b, m.b.p, m.b.n - 2);	/* one space less */
	buf_ch(&moved.b, '\n');
	expect(&moved, "the padding was changed");
	buf_release(&moved.b);

	begin(&moved);				/* spaces where no edge is */
	buf_fill(&moved.b, ' ', SLOT);
	buf_add(&moved.b, m.b.p, m.b.n);
	expect(&moved, "the padding was changed");
	buf_release(&moved.b);

	begin(&moved);				/* a whole block of spaces */
	buf_fill(&moved.b, ' ', BLOCK);
	buf_add(&moved.b, m.b.p, m.b.n);
	expect(&moved, "the padding was changed");
	buf_release(&moved.b);

	buf_release(&m.b);
	begin(&m);				/* across an edge */
	m.c.slot = SLOT;
	for (int i = 0; i < 7; i++)
		add(&m, EVENT_NOTE, "x", NULL);
	m.c.at = 0;				/* deceives line_place */
	buf_fill(&text, 'y', 1000);
	add(&m, EVENT_NOTE, text.p, NULL);
	expect(&m, "the padding was changed");
	buf_release(&text);
	buf_release(&m.b);
}

static void
a_missing_doubled_or_strange_line_breaks_the_chain(void **state)
{
	struct made m, other;

	(void)state;
	begin(&m);
	add(&m, EVENT_NOTE, "1", NULL);
	m.c.seq = 2;
	add(&m, EVENT_NOTE, "3", NULL);
	expect(&m, "seq is 3, not 2");
	buf_release(&m.b);

	begin(&m);
	add(&m, EVENT_NOTE, "1", NULL);
	m.c.seq = 0;
	add(&m, EVENT_NOTE, "1 again", NULL);
	expect(&m, "seq is 1, not 2");
	buf_release(&m.b);

	begin(&m);
	begin(&other);
	add(&m, EVENT_NOTE, "1", NULL);
	add(&other, EVENT_NOTE, "another 1", NULL);
	m.c = other.c;
	add(&m, EVENT_NOTE, "2 of the other", NULL);
	expect(&m, "prev is not the hash of the line before");
	buf_release(&m.b);
	buf_release(&other.b);
}

static void
a_tail_is_whole_when_empty_or_spaces_up_to_an_edge(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_fill(&b, ' ', BLOCK);
	assert_true(scan_tail_is_whole("", 0, 512));
	assert_true(scan_tail_is_whole(b.p, BLOCK - SLOT, SLOT));
	assert_true(scan_tail_is_whole(b.p, SLOT, BLOCK - SLOT));
	assert_false(scan_tail_is_whole(b.p, SLOT, SLOT));
	assert_false(scan_tail_is_whole(b.p, 1, 0));
	assert_false(scan_tail_is_whole("{", 1, BLOCK - 1));
	assert_false(scan_tail_is_whole("\0", 1, BLOCK - 1));
	buf_release(&b);
}

static const char cut[] = "{\"seq\":2,\"at\":\"2025-02-14T01:10";

static void
a_fragment_is_legal_only_before_the_line_that_names_it(void **state)
{
	static const struct { const char *label, *want; int64_t off, len; } t[] = {
		{ "as it is", "", 0, 0 },
		{ "wrong offset", "names a cut-off line that is not there", 512, 0 },
		{ "shorter", "names a cut-off line that is not there", 0, -1 },
		{ "longer, into its padding", "", 0, 3 },
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		test_case(t[i].label);
		begin(&m);
		add(&m, EVENT_NOTE, "1", NULL);
		add_fragment(&m, cut, sizeof cut - 1);
		add_torn(&m, m.b.p + SLOT, (size_t)((int64_t)sizeof cut - 1 +
		    t[i].len), SLOT + t[i].off, "");
		add(&m, EVENT_NOTE, "3", NULL);
		expect(&m, t[i].want);
		buf_release(&m.b);
	}
	begin(&m);
	add_fragment(&m, cut, sizeof cut - 1);
	add(&m, EVENT_NOTE, "1", NULL);
	expect(&m, "that no journal.torn names");
	add_torn(&m, cut, sizeof cut - 1, 0, "");	/* too late */
	expect(&m, "that no journal.torn names");
	expect(&m, "names a cut-off line that is not there");
	buf_release(&m.b);

	begin(&m);
	add_fragment(&m, cut, sizeof cut - 1);
	expect(&m, "that no journal.torn names");
	buf_release(&m.b);

	begin(&m);
	add_fragment(&m, cut, sizeof cut - 1);
	add_torn(&m, cut, sizeof cut - 1, 0, "");
	m.b.p[100] = 'x';			/* in the fragment's padding */
	expect(&m, "names a cut-off line that is not there");
	buf_release(&m.b);
}

static void
several_fragments_need_a_torn_line_each(void **state)
{
	struct made m;

	(void)state;
	for (int how = 0; how < 4; how++) {
		begin(&m);
		add(&m, EVENT_NOTE, "1", NULL);
		add_fragment(&m, cut, sizeof cut - 1);
		add_fragment(&m, "{", 1);
		if (how == 0 || how == 1)
			add_torn(&m, cut, sizeof cut - 1, SLOT, "");
		if (how != 1)
			add_torn(&m, "{", 1, 2 * SLOT, "");
		if (how == 2)
			add_torn(&m, cut, sizeof cut - 1, SLOT, "");
		add(&m, EVENT_NOTE, "after", NULL);
		expect(&m, how == 0 || how == 2 ? "" :
		    "that no journal.torn names");
		buf_release(&m.b);
	}
}

static void
a_line_whose_padding_was_cut_off_is_a_fragment_too(void **state)
{
	struct made m;
	struct saw saw;
	char whole[SLOT + 1];
	size_t n;

	(void)state;
	begin(&m);
	add(&m, EVENT_NOTE, "1", NULL);
	struct line_chain c = m.c;
	add(&m, EVENT_NOTE, "never acknowledged", NULL);
	memcpy(whole, m.b.p + SLOT, SLOT);
	n = SLOT - 1;
	while (whole[n - 1] == ' ')
		n--;
	m.c.seq = c.seq;
	memcpy(m.c.hash, c.hash, SHA_HEX);
	add_torn(&m, whole, n, SLOT, "");
	add(&m, EVENT_NOTE, "3", NULL);
	expect(&m, "");
	free(problems_of(m.b.p, m.b.n, &saw));
	assert_string_equal(saw.texts, "1|cut off|3|");
	buf_release(&m.b);
}

static void
a_torn_line_about_the_second_journal_may_stand_in_the_first(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	add_torn(&m, cut, sizeof cut - 1, 0, ",\"second\":true");
	expect(&m, "");
	buf_release(&m.b);
	begin(&m);
	add_torn(&m, cut, sizeof cut - 1, 0, "");
	expect(&m, "names a cut-off line that is not there");
	buf_release(&m.b);
}

static void
a_cut_off_end_is_reported_and_spaces_up_to_an_edge_are_not(void **state)
{
	struct made m;

	(void)state;
	begin(&m);
	add(&m, EVENT_NOTE, "1", NULL);
	buf_fill(&m.b, ' ', BLOCK - SLOT);
	expect(&m, "");
	buf_cut(&m.b, m.b.n - 1);
	expect(&m, "that no journal.torn names");
	buf_release(&m.b);
}

static void
a_file_of_garbage_is_one_heap_of_problems(void **state)
{
	struct buf b = BUF_INIT;
	struct saw saw;
	char *got;

	(void)state;
	for (int i = 0; i < 200000; i++)
		buf_str(&b, i % 3 == 0 ? "{\"seq\":1}\n" : "\n");
	got = problems_of(b.p, b.n, &saw);
	assert_int_equal(saw.lines, 0);
	assert_non_null(strstr(got, "not a line of a journal"));
	free(got);
	buf_release(&b);
}

/* However the bytes come in, the same is seen. */
static void
pieces_are_read_as_the_whole(void **state)
{
	struct made m;
	struct saw all;
	char *want;

	(void)state;
	begin(&m);
	add(&m, EVENT_NOTE, "1", NULL);
	add_fragment(&m, cut, sizeof cut - 1);
	add_torn(&m, cut, sizeof cut - 1, SLOT, "");
	add(&m, EVENT_NOTE, "3", NULL);
	want = problems_of(m.b.p, m.b.n, &all);
	for (size_t step = 1; step < m.b.n; step += 11) {
		struct saw saw = { 0 };
		struct scan s;
		size_t used = 0;

		scan_init(&s);
		s.event = see;
		s.ctx = &saw;
		for (size_t to = step; to < m.b.n + step; to += step) {
			size_t end = to < m.b.n ? to : m.b.n;

			used += scan_bytes(&s, m.b.p + used, end - used,
			    (int64_t)used);
		}
		assert_int_equal(used, m.b.n);
		assert_int_equal(s.problems.n, 0);
		assert_int_equal(s.torn, 1);
		assert_string_equal(saw.texts, all.texts);
		scan_release(&s);
	}
	assert_string_equal(want, "");
	free(want);
	buf_release(&m.b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_empty_journal_is_whole),
	cmocka_unit_test(lines_come_out_as_they_were_drafted),
	cmocka_unit_test(kinds_and_members_of_a_newer_version_are_kept),
	cmocka_unit_test(what_is_no_line_is_reported_and_the_rest_still_handed_over),
	cmocka_unit_test(a_line_with_a_wrong_date_or_hash_is_shown_as_bad),
	cmocka_unit_test(an_object_of_more_than_4000_bytes_is_no_line),
	cmocka_unit_test(a_line_in_the_wrong_place_is_reported),
	cmocka_unit_test(a_missing_doubled_or_strange_line_breaks_the_chain),
	cmocka_unit_test(a_tail_is_whole_when_empty_or_spaces_up_to_an_edge),
	cmocka_unit_test(a_fragment_is_legal_only_before_the_line_that_names_it),
	cmocka_unit_test(several_fragments_need_a_torn_line_each),
	cmocka_unit_test(a_line_whose_padding_was_cut_off_is_a_fragment_too),
	cmocka_unit_test(a_torn_line_about_the_second_journal_may_stand_in_the_first),
	cmocka_unit_test(a_cut_off_end_is_reported_and_spaces_up_to_an_edge_are_not),
	cmocka_unit_test(a_file_of_garbage_is_one_heap_of_problems),
	cmocka_unit_test(pieces_are_read_as_the_whole),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
