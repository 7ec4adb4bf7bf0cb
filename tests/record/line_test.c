#include "tests/record/kit.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/who.h"
#include "record/line.h"

static struct line_chain
fresh_chain(size_t slot)
{
	struct line_chain c = { .slot = slot };

	memset(c.hash, '0', SHA_HEX - 1);
	return c;
}

struct collected {
	struct buf text;		/* of all lines, one behind the other */
	int64_t lines;
	char part[32];
};

static void
collect(void *ctx, const struct event *ev)
{
	struct collected *c = ctx;
	const char *part = json_get_str(ev->data, "part");

	buf_str(&c->text, ev->text);
	c->lines++;
	(void)snprintf(c->part, sizeof c->part, "%s", part ? part : "");
	assert_false(ev->bad);
}

/* Everything that is written must be read back without a complaint. */
static void
read_back(const struct buf *bytes, struct collected *c)
{
	struct scan s;

	memset(c, 0, sizeof *c);
	scan_init(&s);
	s.event = collect;
	s.ctx = c;
	assert_int_equal(scan_bytes(&s, bytes->p, bytes->n, 0), bytes->n);
	scan_end(&s, "", 0, (int64_t)bytes->n);
	if (s.problems.n > 0)
		fail_msg("%s", s.problems.v[0].text);
	scan_release(&s);
}

static void
a_short_text_is_one_line_of_512_bytes(void **state)
{
	struct line_chain c = fresh_chain(SLOT);
	struct draft d = { .kind = EVENT_NOTE, .text = "fan replaced",
	    .step = "cool", .data = "{\"fan\":3}" };
	struct buf out = BUF_INIT;
	struct collected got;

	(void)state;
	assert_true(line_draft(&c, &d, 0, &out, NULL));
	assert_int_equal(out.n, SLOT);
	assert_int_equal(out.p[SLOT - 1], '\n');
	assert_int_equal(c.seq, 1);
	assert_int_equal(c.at, SLOT);
	assert_int_equal(line_count(&d), 1);
	read_back(&out, &got);
	assert_string_equal(got.text.p, "fan replaced");
	assert_string_equal(got.part, "");
	buf_release(&got.text);
	buf_release(&out);
}

static void
an_object_ends_with_its_hash_and_names_the_one_before(void **state)
{
	struct line_chain c = fresh_chain(SLOT);
	struct draft d = { .kind = EVENT_DECISION, .text = "go" };
	struct buf one = BUF_INIT, two = BUF_INIT;
	char hash[SHA_HEX];

	(void)state;
	assert_true(line_object(&c, &d, "go", 2, NULL, &one, NULL));
	assert_true(line_object(&c, &d, "go", 2, NULL, &two, NULL));
	const char *end = strstr(one.p, ",\"hash\":\"");
	assert_non_null(end);
	sha_of(one.p, (size_t)(end - one.p), hash);
	assert_memory_equal(end + 9, hash, SHA_HEX - 1);
	assert_string_equal(end + 9 + SHA_HEX - 1, "\"}");
	assert_non_null(strstr(two.p, hash));
	assert_memory_equal(one.p, "{\"seq\":1,\"at\":\"", 15);
	assert_memory_equal(two.p, "{\"seq\":2,\"at\":\"", 15);
	buf_release(&one);
	buf_release(&two);
}

static void
no_object_crosses_a_block_and_every_line_fills_its_slots(void **state)
{
	static const size_t slots[] = { SLOT, BLOCK };
	struct buf out = BUF_INIT, text = BUF_INIT;
	struct collected got;

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		struct line_chain c = fresh_chain(slots[s]);

		buf_clear(&out);
		for (size_t n = 0; n < 3000; n += 7) {
			struct draft d = { .kind = EVENT_NOTE };

			buf_clear(&text);
			buf_fill(&text, 'x', n * 31 % 3000);
			d.text = text.p;
			assert_true(line_draft(&c, &d, 0, &out, NULL));
			assert_int_equal(c.at, out.n);
			assert_int_equal(c.at % (int64_t)slots[s], 0);
		}
		read_back(&out, &got);	/* which checks the placing */
		assert_int_equal(got.lines, c.seq);
		buf_release(&got.text);
	}
	buf_release(&out);
	buf_release(&text);
}

static void
behind_a_strangers_bytes_lines_begin_at_the_next_block(void **state)
{
	struct line_chain c = fresh_chain(SLOT);
	struct buf out = BUF_INIT;

	(void)state;
	c.at = 5000;
	line_place(&c, "{}", 2, &out);
	assert_int_equal(c.at, 2 * BLOCK + SLOT);
	assert_int_equal(out.p[2 * BLOCK - 5000], '{');
	buf_release(&out);
}

static void
a_long_text_becomes_parts_that_give_it_back(void **state)
{
	struct line_chain c = fresh_chain(SLOT);
	struct buf out = BUF_INIT, text = BUF_INIT;
	struct draft d = { .kind = EVENT_EVIDENCE, .data = "{\"from\":\"df\"}" };
	struct collected got;
	char last[32];

	(void)state;
	for (int i = 0; i < 4000; i++)
		buf_printf(&text, "%d \xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xa5 \"\\\n", i);
	d.text = text.p;
	assert_true(line_draft(&c, &d, 0, &out, NULL));
	read_back(&out, &got);
	assert_int_equal(got.lines, line_count(&d));
	assert_true(got.lines > 10);
	assert_string_equal(got.text.p, text.p);
	(void)snprintf(last, sizeof last, "%d/%d", (int)got.lines,
	    (int)got.lines);
	assert_string_equal(got.part, last);
	buf_release(&got.text);
	buf_release(&out);
	buf_release(&text);
}

static void
the_first_parts_can_be_left_out(void **state)
{
	struct buf text = BUF_INIT, all = BUF_INIT, rest = BUF_INIT;
	struct draft d = { .kind = EVENT_NOTE };

	(void)state;
	buf_fill(&text, 'y', 9000);
	d.text = text.p;
	size_t parts = line_count(&d);
	assert_true(parts >= 3);
	for (size_t skip = 0; skip <= parts; skip++) {
		struct line_chain c = fresh_chain(SLOT);

		assert_true(line_draft(&c, &d, skip, &rest, NULL));
		assert_int_equal(c.seq, parts - skip);
	}
	buf_release(&text);
	buf_release(&all);
	buf_release(&rest);
}

static const struct { const char *label, *unit; } hostile[] = {
	{ "controls", "\x01\x02\x1b[2J\x07\r\b" },
	{ "C1 and DEL", "\x7f\xc2\x80\xc2\x9b\x9b" },
	{ "bidi", "\xe2\x80\xae\xe2\x81\xa6" "abc" },
	{ "zero width and tags", "\xe2\x80\x8b\xf3\xa0\x80\x81\xef\xbb\xbf" },
	{ "bad UTF-8", "\xff\xfe\xc0\xaf\xed\xa0\x80\xf5" },
	{ "continuation bytes alone", "\x80\xbf" },
	{ "a letter and continuation bytes", "a\x80\x80\x80\x80\x80\x80" },
	{ "quotes and backslashes", "\"\\\"\\\\u0000" },
	{ "a line of its own", "\",\"hash\":\"00\"}\n{\"seq\":9}\n" },
	{ "line breaks", "\n\r\n\t\xe2\x80\xa8\xe2\x80\xa9" },
	{ "fire", "\xf0\x9f\x94\xa5" },
};

static void
hostile_text_of_any_length_is_written_as_a_good_journal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		test_case(hostile[i].label);
		for (size_t n = 1; n < 20000; n = n * 3 + 1) {
			struct line_chain c = fresh_chain(SLOT);
			struct buf out = BUF_INIT, text = BUF_INIT;
			struct draft d = { .kind = EVENT_NOTE };
			struct collected got;

			while (text.n < n)
				buf_str(&text, hostile[i].unit);
			d.text = text.p;
			assert_true(line_draft(&c, &d, 0, &out, NULL));
			for (size_t k = 0; k < out.n; k++)
				assert_true(out.p[k] == '\n' ||
				    ((unsigned char)out.p[k] >= 0x20 &&
				    out.p[k] != 0x7f));
			read_back(&out, &got);
			assert_true(got.text.n >= n);
			buf_release(&got.text);
			buf_release(&out);
			buf_release(&text);
		}
	}
}

static void
hostile_names_do_not_break_a_line(void **state)
{
	struct who was = *who_am_i(), evil = { 0 };
	struct buf out = BUF_INIT, text = BUF_INIT;
	struct draft d = { .kind = EVENT_NOTE };
	struct collected got;

	(void)state;
	memset(evil.by, '"', sizeof evil.by - 1);
	memset(evil.host, '\\', sizeof evil.host - 1);
	who_fake(&evil);
	buf_fill(&text, '"', 9000);
	d.text = text.p;
	struct line_chain c = fresh_chain(SLOT);
	assert_true(line_draft(&c, &d, 0, &out, NULL));
	read_back(&out, &got);
	assert_string_equal(got.text.p, text.p);
	who_fake(&was);
	buf_release(&got.text);
	buf_release(&out);
	buf_release(&text);
}

static void
data_that_no_reader_would_take_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "null", "{", "{}}",
	    "{\"a\":1,\"a\":2}", "{\n}", "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}",
	    "{\"a\":01}", "{\"a\":123456789012345678901234567890}", "{} {}",
	    "{\"a\":1},\"hash\":\"0\"" };
	struct buf text = BUF_INIT;

	(void)state;
	buf_fill(&text, 't', 9000);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (int with_parts = 0; with_parts < 2; with_parts++) {
			struct line_chain c = fresh_chain(SLOT);
			struct draft d = { .kind = EVENT_NOTE, .data = bad[i],
			    .text = with_parts ? text.p : "short" };
			struct buf out = BUF_INIT;
			struct err e = ERR_INIT;

			test_case(bad[i]);
			if (with_parts && *bad[i] == '\0')
				continue;	/* nothing to add to */
			assert_false(line_draft(&c, &d, 0, &out, &e));
			assert_int_equal(e.kind, ERR_USAGE);
			assert_int_equal(c.seq, 0);
			buf_release(&out);
		}
	buf_release(&text);
}

static void
data_keeps_its_members_beside_the_part(void **state)
{
	static const char *const datas[] = { "{}", "{ }", "{  \"a\":1}", NULL };
	struct buf text = BUF_INIT;

	(void)state;
	buf_fill(&text, 't', 9000);
	for (size_t i = 0; i < sizeof datas / sizeof *datas; i++) {
		struct line_chain c = fresh_chain(SLOT);
		struct draft d = { .kind = EVENT_NOTE, .data = datas[i],
		    .text = text.p };
		struct buf out = BUF_INIT;
		struct collected got;

		test_case(datas[i] ? datas[i] : "none");
		assert_true(line_draft(&c, &d, 0, &out, NULL));
		read_back(&out, &got);
		assert_string_equal(got.text.p, text.p);
		if (i == 2)
			assert_non_null(strstr(out.p, "\"a\":1"));
		buf_release(&got.text);
		buf_release(&out);
	}
	buf_release(&text);
}

static void
data_too_long_for_a_line_is_refused(void **state)
{
	struct line_chain c = fresh_chain(SLOT);
	struct buf data = BUF_INIT, out = BUF_INIT;
	struct draft d = { .kind = EVENT_NOTE, .text = "t" };
	struct err e = ERR_INIT;

	(void)state;
	buf_str(&data, "{\"a\":\"");
	buf_fill(&data, 'x', OBJECT_MAX);
	buf_str(&data, "\"}");
	d.data = data.p;
	assert_false(line_draft(&c, &d, 0, &out, &e));
	assert_non_null(strstr(e.msg, "too long"));
	buf_release(&data);
	buf_release(&out);
}

static void
a_time_that_cannot_be_written_is_refused(void **state)
{
	static const int64_t times[] = { INT64_MAX / 2, INT64_MIN / 2,
	    400000000000000, -99999999999999 };

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct line_chain c = fresh_chain(SLOT);
		struct draft d = { .kind = EVENT_NOTE, .at = times[i] };
		struct buf out = BUF_INIT;
		struct err e = ERR_INIT;
		struct collected got;

		if (line_draft(&c, &d, 0, &out, &e)) {
			read_back(&out, &got);	/* or it is read back */
			buf_release(&got.text);
		} else
			assert_int_equal(e.kind, ERR_USAGE);
		buf_release(&out);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_short_text_is_one_line_of_512_bytes),
	cmocka_unit_test(an_object_ends_with_its_hash_and_names_the_one_before),
	cmocka_unit_test(no_object_crosses_a_block_and_every_line_fills_its_slots),
	cmocka_unit_test(behind_a_strangers_bytes_lines_begin_at_the_next_block),
	cmocka_unit_test(a_long_text_becomes_parts_that_give_it_back),
	cmocka_unit_test(the_first_parts_can_be_left_out),
	cmocka_unit_test(hostile_text_of_any_length_is_written_as_a_good_journal),
	cmocka_unit_test(hostile_names_do_not_break_a_line),
	cmocka_unit_test(data_that_no_reader_would_take_is_refused),
	cmocka_unit_test(data_keeps_its_members_beside_the_part),
	cmocka_unit_test(data_too_long_for_a_line_is_refused),
	cmocka_unit_test(a_time_that_cannot_be_written_is_refused),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
