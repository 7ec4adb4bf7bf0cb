/*
 * input: bytes of a terminal into keys, pastes and clicks. It knows no
 * descriptor and no clock: whoever reads hands bytes and the time over.
 *
 *	struct input in = INPUT_INIT;
 *	in.esc_ms = 50;
 *	input_feed(&in, bytes, n, now);
 *	while (input_next(&in, now, &ev)) ...
 *	wait until input_deadline(&in)		an Esc that may begin more
 *	input_release(&in);
 *
 * A paste (between the marks of bracketed paste) is one event and never keys.
 * Answers to questions that nobody asked, and sequences that nobody knows, are
 * dropped whole; none of their bytes becomes a key.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/vec.h"
#include "ui/keys.h"

enum { PASTE_MAX = 256 * 1024 };

enum event_type { EV_KEY, EV_PASTE, EV_MOUSE, EV_FOCUS };

struct event_in {
	enum event_type type;
	uint32_t key;
	const char *text;	/* of a paste, until the next call; terminated */
	size_t n;
	bool cut;		/* it was longer than PASTE_MAX */
	int x, y, button;	/* mouse: 0 left, 64 wheel up, 65 down */
	bool on;		/* pressed; has the focus */
};

struct input_seq {
	char *bytes;
	size_t n;
	uint32_t key;
};

struct input {
	struct buf bytes, paste;
	bool pasting, cut, given;
	int64_t fed;		/* when the last bytes came */
	int64_t esc_ms;		/* how long Esc may be the begin of more */
	VEC(struct input_seq) seqs;
};

#define INPUT_INIT { .bytes = BUF_INIT, .paste = BUF_INIT, .esc_ms = 50 }

/* A terminal's own sequence for a key, beside the usual ones. */
void input_sequence(struct input *in, const char *bytes, uint32_t key);
void input_feed(struct input *in, const char *p, size_t n, int64_t now);
bool input_next(struct input *in, int64_t now, struct event_in *ret);
/* When input_next() has to be called again although nothing came; -1: never. */
int64_t input_deadline(const struct input *in);
/* What was typed ahead is thrown away (also the rest of a paste). */
void input_forget(struct input *in);
void input_release(struct input *in);

#endif
