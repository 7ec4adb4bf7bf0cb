/*
 * Any bytes as what somebody types, in pieces. What comes out are keys that have
 * a name, and pastes without their marks; a line of text that gets them stays
 * UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/input.h"
#include "ui/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
take(struct input *in, struct line *l, int64_t now)
{
	struct event_in ev;

	while (input_next(in, now, &ev)) {
		char name[24];

		if (ev.type == EV_KEY) {
			key_text(ev.key, name);
			must(ev.key != 0 && name[0] != '\0');
			(void)line_key(l, ev.key);
		} else if (ev.type == EV_PASTE) {
			must(ev.n <= PASTE_MAX && ev.text[ev.n] == '\0');
			line_paste(l, ev.text, ev.n);
		}
		must(l->at <= l->text.n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = INPUT_INIT;
	struct line l = LINE_INIT;
	int64_t now = 0;
	uint32_t cp;

	for (size_t i = 0; i < size;) {
		size_t n = 1 + data[i] % 7;

		n = n > size - i ? size - i : n;
		input_feed(&in, (const char *)data + i, n, now);
		take(&in, &l, now);
		i += n;
		now += n == 3 ? 100 : 0;
	}
	take(&in, &l, now + 100000);
	must(in.bytes.n == 0 && !in.pasting);
	for (size_t i = 0; i < l.text.n;) {
		size_t len = text_utf8_len(l.text.p + i, l.text.n - i, &cp);

		must(len > 0);
		i += len;
	}
	input_release(&in);
	line_release(&l);
	return 0;
}
