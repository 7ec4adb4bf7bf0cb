/*
 * text: foreign words made harmless, and the small formats people write.
 *
 * text_clean() is the one sanitiser for screen, log, export and message:
 * control characters, C1, invalid UTF-8, bidi controls, zero-width characters
 * and piles of combining marks become visible (\x1b, <U+202E>). Newline and tab
 * survive only where the caller asks for them.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum text_keep {
	TEXT_LINE = 0,		/* one line: newline and tab are shown as \n \t */
	TEXT_BLOCK = 1,		/* newline and tab stay */
	TEXT_ASCII = 2,		/* everything beyond ASCII becomes <U+....> */
};

void text_clean(struct buf *out, const char *s, size_t n, unsigned keep);
void text_clean_into(char *out, size_t size, const char *s);

/* Valid UTF-8 out of any bytes: what is invalid becomes \xNN. */
void text_utf8(struct buf *out, const char *s, size_t n);
/* Bytes of the character at s (1..4), 0 if the bytes there are not one. */
size_t text_utf8_len(const char *s, size_t n, uint32_t *ret_cp);
/* The longest prefix of at most max bytes that ends between characters. */
size_t text_fit(const char *s, size_t n, size_t max);
/* Columns on a terminal; the string is clean. */
size_t text_width(const char *s);

bool text_empty(const char *s);
bool text_starts(const char *s, const char *with);
bool text_in(const char *s, const char *const *words, size_t n);

/* "600MB", "1.5 GiB", "4096": bytes (MB and MiB both mean 2^20). */
bool text_size(const char *s, int64_t *ret);
/* "90s", "15m", "24h", "7d", "2w", "1h30m": milliseconds. */
bool text_duration(const char *s, int64_t *ret_ms);
bool text_int(const char *s, int64_t min, int64_t max, int64_t *ret);
void text_fmt_size(char out[16], int64_t bytes);
void text_fmt_duration(char out[32], int64_t ms);

/* The word of `words` nearest to s, NULL when nothing is near. */
const char *text_nearest(const char *s, const char *const *words, size_t n);

/* One word for a POSIX shell: plain words stay, others get '…'. */
void text_shell(struct buf *out, const char *s);
/* A name as DESIGN allows it for databases, components, steps. */
bool text_is_name(const char *s);

#endif
