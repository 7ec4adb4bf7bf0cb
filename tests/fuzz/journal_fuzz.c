/*
 * Any bytes as a journal. Whatever they are, the scan ends, repairs what was cut
 * off, and a line appended behind them is what every later reader ends with.
 * Where the bytes are good, a changed bit makes them bad.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/journal_intern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLIPS = 16 };

static int64_t last_seq;

static void
on_event(void *ctx, const struct event *ev)
{
	(void)ctx;
	if (ev->seq < 1 || ev->data == NULL || ev->text == NULL ||
	    ev->kind > EVENT_UNKNOWN)
		abort();
	last_seq = ev->seq;
}

static size_t
scan_all(struct scan *s, const char *p, size_t n)
{
	size_t used;

	scan_init(s);
	s->event = on_event;
	last_seq = 0;
	used = scan_bytes(s, p, n, 0);
	if (used > n || (used > 0 && p[used - 1] != '\n') ||
	    (n > used && memchr(p + used, '\n', n - used) != NULL))
		abort();
	if (last_seq != s->seq && last_seq != 0)
		abort();
	return used;
}

static size_t
problems(const char *p, size_t n)
{
	struct scan s;
	size_t used = scan_all(&s, p, n), count;

	scan_end(&s, p + used, n - used, (int64_t)used);
	count = s.problems.n + s.dropped;
	scan_release(&s);
	return count;
}

/* Repair and one note behind the bytes, as an append does it. */
static void
append(const char *p, size_t n)
{
	struct draft d = { .kind = EVENT_NOTE, .text = "the last word" };
	struct buf tail = BUF_INIT, out = BUF_INIT, all = BUF_INIT;
	struct line_chain c = { .slot = SLOT };
	struct err e = ERR_INIT;
	struct journal j;
	struct scan again;
	size_t used, had;

	journal_init(&j, NULL, NULL);
	used = scan_bytes(&j.scan, p, n, 0);
	/* a line where strangers left the slots is in the wrong place, once */
	had = j.scan.problems.n + j.scan.dropped + (used % SLOT != 0);
	for (size_t i = 0; i < j.scan.fragments.n; i++)
		had += j.scan.fragments.v[i].changed;
	buf_add(&tail, p + used, n - used);
	c.at = (int64_t)used;
	c.seq = j.scan.seq;
	memcpy(c.hash, j.scan.hash, SHA_HEX);
	if (c.seq < INT64_MAX - 64) {
		if (!journal_repair(&j, &c, &tail, false, &out, &e) ||
		    !line_draft(&c, &d, 0, &out, &e))
			abort();
		buf_add(&all, p, n);
		buf_add(&all, out.p, out.n);
		if (scan_all(&again, all.p, all.n) != all.n ||
		    again.seq != c.seq || memcmp(again.hash, c.hash, SHA_HEX) ||
		    again.fragments.n > 0 ||
		    again.problems.n + again.dropped > had)
			abort();
		scan_release(&again);
	}
	journal_close(&j);
	buf_release(&tail);
	buf_release(&out);
	buf_release(&all);
}

/* The bytes behind a NUL are a second journal. */
static void
two(const char *p, size_t n)
{
	const char *nul = memchr(p, '\0', n);
	struct buf second = BUF_INIT;
	struct scan s;
	size_t first, used;

	if (nul == NULL)
		return;
	first = (size_t)(nul - p);
	buf_add(&second, nul + 1, n - first - 1);
	used = scan_all(&s, p, first);
	if (!second_continues(&second, s.seq, p + used, first - used,
	    (int64_t)used))
		scan_fragment(&s, p + used, first - used, (int64_t)used);
	s.in_second = s.skip_known = true;
	used = scan_bytes(&s, second.p, second.n, 0);
	scan_end(&s, second.p + used, second.n - used, (int64_t)used);
	scan_release(&s);
	buf_release(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1);

	if (p == NULL)
		abort();
	memcpy(p, data, size);
	bool good = size > 0 && problems(p, size) == 0;
	for (size_t i = 0; good && i < FLIPS; i++) {
		size_t at = (data[size / 2] * 257u + i * size / FLIPS) % size;

		p[at] = (char)(p[at] ^ (1 << (data[size / 3] + i) % 8));
		if (problems(p, size) == 0)
			abort();
		p[at] = (char)data[at];
	}
	append(p, size);
	two(p, size);
	free(p);
	return 0;
}
