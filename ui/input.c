#include "ui/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { SEQUENCE_MAX = 4096, PASTE_PATIENCE_MS = 5000 };

static const char paste_end[] = "\033[201~";

void
input_sequence(struct input *in, const char *bytes, uint32_t key)
{
	struct input_seq *s;

	if (bytes[0] == '\0' || (bytes[1] == '\0' && bytes[0] >= ' '))
		return;
	s = VEC_NEW(&in->seqs);
	s->bytes = xstrdup(bytes);
	s->n = strlen(bytes);
	s->key = key;
}

void
input_feed(struct input *in, const char *p, size_t n, int64_t now)
{
	buf_add(&in->bytes, p, n);
	in->fed = now;
}

void
input_forget(struct input *in)
{
	buf_clear(&in->bytes);
	buf_clear(&in->paste);
	in->cut = in->pasting;	/* its rest comes, and is nobody's */
}

void
input_release(struct input *in)
{
	for (size_t i = 0; i < in->seqs.n; i++)
		free(in->seqs.v[i].bytes);
	VEC_RELEASE(&in->seqs);
	buf_release(&in->bytes);
	buf_release(&in->paste);
}

int64_t
input_deadline(const struct input *in)
{
	if (in->pasting)
		return in->fed + PASTE_PATIENCE_MS;
	return in->bytes.n > 0 ? in->fed + in->esc_ms : -1;
}

/* What a parser says of the bytes at the front. */
enum found { NOTHING, MORE, SKIP, EVENT };

struct scan {
	const char *p;
	size_t n;
	bool late;		/* nothing more comes in time */
	size_t used;
	struct event_in *ev;
};

static enum found
key_found(struct scan *s, size_t used, uint32_t key)
{
	s->used = used;
	s->ev->type = EV_KEY;
	s->ev->key = key;
	return EVENT;
}

static enum found
skip(struct scan *s, size_t used)
{
	s->used = used;
	return SKIP;
}

static enum found
own_sequence(const struct input *in, struct scan *s)
{
	const struct input_seq *best = NULL;
	bool begins = false;

	for (size_t i = 0; i < in->seqs.n; i++) {
		const struct input_seq *q = &in->seqs.v[i];
		size_t n = q->n < s->n ? q->n : s->n;

		if (memcmp(q->bytes, s->p, n) != 0)
			continue;
		if (q->n > s->n)
			begins = true;
		else if (best == NULL || q->n > best->n)
			best = q;
	}
	if (best != NULL)
		return key_found(s, best->n, best->key);
	return begins && !s->late ? MORE : NOTHING;
}

/* Final bytes of CSI and SS3 that are keys. */
static uint32_t
final_key(char c)
{
	static const char finals[] = "ABCDHFZPQRS";
	static const uint32_t keys[] = { KEY_UP_ARROW, KEY_DOWN_ARROW,
		KEY_RIGHT_ARROW, KEY_LEFT_ARROW, KEY_HOME_, KEY_END_,
		KEY_BACKTAB, KEY_F1, KEY_F1 + 1, KEY_F1 + 2, KEY_F1 + 3 };
	const char *at = c ? strchr(finals, c) : NULL;

	return at == NULL ? KEY_NONE : keys[at - finals];
}

static uint32_t
tilde_key(int n)
{
	static const struct {
		int n;
		uint32_t key;
	} keys[] = { { 1, KEY_HOME_ }, { 2, KEY_INS }, { 3, KEY_DEL },
		{ 4, KEY_END_ }, { 5, KEY_PGUP }, { 6, KEY_PGDN },
		{ 7, KEY_HOME_ }, { 8, KEY_END_ } };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].n == n)
			return keys[i].key;
	if (n >= 11 && n <= 15)
		return KEY_F1 + (uint32_t)(n - 11);
	if (n >= 17 && n <= 21)
		return KEY_F1 + 5 + (uint32_t)(n - 17);
	if (n == 23 || n == 24)
		return KEY_F1 + 10 + (uint32_t)(n - 23);
	return KEY_NONE;
}

static enum found
mouse(struct scan *s, size_t used, const int args[4], char final)
{
	s->used = used;
	s->ev->type = EV_MOUSE;
	s->ev->button = args[0];
	s->ev->x = args[1] - 1;
	s->ev->y = args[2] - 1;
	s->ev->on = final == 'M';
	return EVENT;
}

/* ESC [ digits ; digits ... final */
static enum found
csi(struct input *in, struct scan *s)
{
	int args[4] = { 0 }, n = 0;
	char mark = 0, final;
	uint32_t key;
	size_t i = 2;

	if (i < s->n && s->p[i] == '[')		/* linux: ESC [ [ A is F1 */
		return i + 1 >= s->n ? MORE :
		    s->p[3] >= 'A' && s->p[3] <= 'E' ?
		    key_found(s, 4, KEY_F1 + (uint32_t)(s->p[3] - 'A')) :
		    skip(s, 4);
	if (i < s->n && s->p[i] >= '<' && s->p[i] <= '?')
		mark = s->p[i++];
	for (; i < s->n && s->p[i] >= ' ' && s->p[i] <= '?'; i++) {
		if (s->p[i] == ';')
			n += n < 3;
		else if (s->p[i] >= '0' && s->p[i] <= '9' && args[n] < 10000)
			args[n] = args[n] * 10 + s->p[i] - '0';
	}
	if (i >= s->n)
		return s->n > SEQUENCE_MAX ? skip(s, s->n) : MORE;
	final = s->p[i++];
	if ((unsigned char)final < 0x40 || (unsigned char)final > 0x7e)
		return skip(s, i - 1);	/* broken off by something else */
	if (mark == '<' && (final == 'M' || final == 'm'))
		return mouse(s, i, args, final);
	if (mark != 0)
		return skip(s, i);
	if (final == 'M' && i == 3)		/* three bytes follow */
		return s->n < 6 ? MORE : skip(s, 6);
	if (final == 'I' || final == 'O') {
		s->used = i;
		s->ev->type = EV_FOCUS;
		s->ev->on = final == 'I';
		return EVENT;
	}
	if (final == '~' && args[0] == 200) {
		in->pasting = true;
		in->cut = false;
		buf_clear(&in->paste);
		return skip(s, i);
	}
	key = final == '~' ? tilde_key(args[0]) : final_key(final);
	/* with a row before it R is where the cursor stands, not F3 */
	if (key == KEY_NONE || (final == 'R' && args[0] > 1))
		return skip(s, i);
	/* 3 is Alt, 2 Shift, 5 Ctrl; only Alt makes another key */
	return key_found(s, i, args[1] == 3 ? key | KEY_ALT : key);
}

static enum found
ss3(struct scan *s)
{
	uint32_t key;

	if (s->n < 3)
		return MORE;
	key = final_key(s->p[2]);
	if (s->p[2] == 'M')
		key = KEY_RETURN;
	else if (s->p[2] >= 'p' && s->p[2] <= 'y')	/* key pad */
		key = (uint32_t)(s->p[2] - 'p' + '0');
	return key == KEY_NONE ? skip(s, 3) : key_found(s, 3, key);
}

/* ESC ] ... BEL and their like: an answer, up to BEL or ESC \ */
static enum found
string(struct scan *s)
{
	for (size_t i = 2; i < s->n; i++) {
		if (s->p[i] == '\a')
			return skip(s, i + 1);
		if (s->p[i] == '\033')
			return i + 1 >= s->n ? MORE :
			    skip(s, s->p[i + 1] == '\\' ? i + 2 : i);
	}
	return s->n > SEQUENCE_MAX ? skip(s, s->n) : MORE;
}

/* The begin of a character whose other bytes are still under way. */
static bool
is_begin(const struct scan *s)
{
	unsigned char first = (unsigned char)s->p[0];

	if (first < 0xc2 || first > 0xf4 || s->n >= 4)
		return false;
	for (size_t i = 1; i < s->n; i++)
		if (((unsigned char)s->p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

static enum found
character(struct scan *s)
{
	uint32_t cp = 0;
	size_t len = text_utf8_len(s->p, s->n, &cp);

	if (len > 0)
		return cp == 0 || (cp >= 0x80 && cp < 0xa0) ? skip(s, len) :
		    key_found(s, len, cp == '\n' ? '\n' : cp);
	return is_begin(s) && !s->late ? MORE : skip(s, 1);
}

static enum found
escape(struct input *in, struct scan *s)
{
	enum found f = own_sequence(in, s);

	if (f != NOTHING)
		return f;
	if (s->n == 1)
		return MORE;
	switch (s->p[1]) {
	case '[':
		return csi(in, s);
	case 'O':
		return ss3(s);
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return string(s);
	case '\033':
		return key_found(s, 1, KEY_ESC);
	}
	{
		struct scan rest = { s->p + 1, s->n - 1, s->late, 0, s->ev };

		f = character(&rest);
		s->used = rest.used + 1;
	}
	if (f == EVENT)
		s->ev->key |= KEY_ALT;
	return f;
}

/* Nothing more came: Esc is Esc, ESC and one byte are Alt, the rest is none of
 * ours. */
static enum found
late(struct scan *s)
{
	if (s->n == 1)
		return key_found(s, 1, KEY_ESC);
	if (s->n == 2)
		return key_found(s, 2, KEY_ALT | (unsigned char)s->p[1]);
	return skip(s, s->n);
}

static void
paste_keep(struct input *in, size_t n)
{
	size_t room = PASTE_MAX - in->paste.n;

	if (n > room)
		in->cut = true;
	buf_add(&in->paste, in->bytes.p, n < room ? n : room);
	buf_drop(&in->bytes, n);
}

static bool
paste_next(struct input *in, int64_t now, struct event_in *ev)
{
	const size_t end = sizeof paste_end - 1;
	char *at = in->bytes.n == 0 ? NULL :
	    memmem(in->bytes.p, in->bytes.n, paste_end, end);
	bool gone = at == NULL && now >= in->fed + PASTE_PATIENCE_MS;

	if (at == NULL && !gone) {	/* what may be the end's begin stays */
		if (in->bytes.n >= end)
			paste_keep(in, in->bytes.n - end + 1);
		return false;
	}
	paste_keep(in, at == NULL ? in->bytes.n :
	    (size_t)(at - in->bytes.p));
	if (at != NULL)
		buf_drop(&in->bytes, end);
	in->pasting = false;
	in->given = true;
	ev->type = EV_PASTE;
	ev->n = in->paste.n;
	ev->text = in->paste.n ? in->paste.p : "";
	ev->cut = in->cut;
	return true;
}

bool
input_next(struct input *in, int64_t now, struct event_in *ret)
{
	if (in->given) {
		buf_clear(&in->paste);
		in->given = false;
	}
	*ret = (struct event_in){ .type = EV_KEY };
	for (;;) {
		struct scan s;
		enum found f;

		if (in->pasting)
			return paste_next(in, now, ret);
		if (in->bytes.n == 0)
			return false;
		s = (struct scan){ in->bytes.p, in->bytes.n,
			now >= in->fed + in->esc_ms, 0, ret };
		f = s.p[0] == '\033' ? escape(in, &s) : own_sequence(in, &s);
		if (f == NOTHING)
			f = character(&s);
		if (f == MORE && s.late)
			f = s.p[0] == '\033' ? late(&s) : skip(&s, 1);
		if (f == MORE)
			return false;
		buf_drop(&in->bytes, s.used);
		if (f == EVENT)
			return true;
	}
}
