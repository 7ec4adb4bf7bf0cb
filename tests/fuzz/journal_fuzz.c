/*
 * Any bytes as a journal: the scan ends, consumes whole lines only, and finds the
 * same whether the bytes come at once or in two pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
on_event(void *ctx, const struct event *ev)
{
	int64_t *events = ctx;

	must(ev->seq > 0 && ev->by != NULL && ev->text != NULL &&
	    ev->data != NULL && json_is_object(ev->data));
	++*events;
}

static int64_t
scan(const char *p, size_t n, size_t cut, size_t *ret_used)
{
	struct scan s;
	int64_t events = 0;
	size_t used;

	scan_init(&s);
	s.event = on_event;
	s.ctx = &events;
	used = scan_bytes(&s, p, cut, 0);
	must(used <= cut && (used == 0 || p[used - 1] == '\n'));
	used += scan_bytes(&s, p + used, n - used, (int64_t)used);
	must(used == 0 || p[used - 1] == '\n');
	scan_end(&s, p + used, n - used, (int64_t)used);
	must(s.seq == 0 || strlen(s.hash) == SHA_HEX - 1);
	scan_release(&s);
	*ret_used = used;
	return events;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1);
	size_t whole, pieces;

	must(p != NULL);
	memcpy(p, data, size);
	p[size] = '\0';
	(void)scan(p, size, size, &whole);
	(void)scan(p, size, size / 2, &pieces);
	must(whole == pieces);
	free(p);
	return 0;
}
