#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/err.h"

enum { MARKS_MAX = 3 };

size_t
text_utf8_len(const char *s, size_t n, uint32_t *ret_cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	uint32_t cp;
	size_t len;

	if (n == 0)
		return 0;
	if (u[0] < 0x80) {
		*ret_cp = u[0];
		return 1;
	}
	if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		len = 2;
		cp = u[0] & 0x1fu;
	} else if ((u[0] & 0xf0) == 0xe0) {
		len = 3;
		cp = u[0] & 0x0fu;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		len = 4;
		cp = u[0] & 0x07u;
	} else
		return 0;
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (u[i] & 0x3fu);
	}
	if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return len;
}

/* Characters that change the order of what is seen, or that are not seen. */
static bool
is_invisible(uint32_t cp)
{
	static const struct { uint32_t from, to; } ranges[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad },
		{ 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
		{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff }, { 0xe000, 0xf8ff },
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (cp >= ranges[i].from && cp <= ranges[i].to)
			return true;
	return false;
}

static bool
is_mark(uint32_t cp)
{
	return (cp >= 0x300 && cp <= 0x36f) || (cp >= 0x483 && cp <= 0x489) ||
	    (cp >= 0x591 && cp <= 0x5bd) || (cp >= 0x610 && cp <= 0x61a) ||
	    (cp >= 0x64b && cp <= 0x65f) || (cp >= 0xe31 && cp <= 0xe4e) ||
	    (cp >= 0x1ab0 && cp <= 0x1aff) || (cp >= 0x1dc0 && cp <= 0x1dff) ||
	    (cp >= 0x20d0 && cp <= 0x20f0) || (cp >= 0xfe20 && cp <= 0xfe2f);
}

static void
show_cp(struct buf *out, uint32_t cp)
{
	switch (cp) {
	case '\n':
		buf_str(out, "\\n");
		return;
	case '\r':
		buf_str(out, "\\r");
		return;
	case '\t':
		buf_str(out, "\\t");
		return;
	}
	if (cp < 0x80)
		buf_printf(out, "\\x%02x", (unsigned)cp);
	else
		buf_printf(out, "<U+%04X>", (unsigned)cp);
}

void
text_clean(struct buf *out, const char *s, size_t n, unsigned keep)
{
	unsigned marks = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		size_t len = text_utf8_len(s + i, n - i, &cp);

		if (len == 0) {
			buf_printf(out, "\\x%02x", (unsigned char)s[i]);
			i++;
			continue;
		}
		marks = is_mark(cp) ? marks + 1 : 0;
		if ((keep & TEXT_BLOCK) && (cp == '\n' || cp == '\t'))
			buf_ch(out, (char)cp);
		else if (is_invisible(cp) || marks > MARKS_MAX ||
		    ((keep & TEXT_ASCII) && cp >= 0x80))
			show_cp(out, cp);
		else
			buf_add(out, s + i, len);
		i += len;
	}
}

void
text_clean_into(char *out, size_t size, const char *s)
{
	struct buf b = BUF_INIT;

	text_clean(&b, s, strlen(s), TEXT_LINE);
	size_t n = text_fit(b.p, b.n, size - 1);
	memcpy(out, b.p, n);
	out[n] = '\0';
	buf_release(&b);
}

void
text_utf8(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len = text_utf8_len(s + i, n - i, &cp);

		if (len == 0 || cp == 0) {
			buf_printf(out, "\\x%02x", (unsigned char)s[i]);
			i++;
		} else {
			buf_add(out, s + i, len);
			i += len;
		}
	}
}

size_t
text_fit(const char *s, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

size_t
text_width(const char *s)
{
	size_t n = strlen(s), w = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		size_t len = text_utf8_len(s + i, n - i, &cp);
		int cols = len == 0 ? 1 : is_mark(cp) ? 0 : wcwidth((wchar_t)cp);

		w += cols < 0 ? 1 : (size_t)cols;
		i += len ? len : 1;
	}
	return w;
}

bool
text_empty(const char *s)
{
	return s == NULL || *s == '\0';
}

bool
text_starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool
text_in(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s, words[i]) == 0)
			return true;
	return false;
}

struct unit {
	const char *name;
	int64_t factor;
};

/* A decimal number with at most three digits after the point, times a unit. */
static bool
scaled(const char **sp, const struct unit *units, size_t n, int64_t *ret)
{
	const char *s = *sp;
	int64_t whole = 0, frac = 0, scale = 1;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++) {
		if (whole > INT64_MAX / 10 - 1)
			return false;
		whole = whole * 10 + (*s - '0');
	}
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return false;
		for (; isdigit((unsigned char)*s); s++)
			if (scale < 1000) {
				frac = frac * 10 + (*s - '0');
				scale *= 10;
			}
	}
	while (*s == ' ')
		s++;
	size_t word = 0;
	while (isalpha((unsigned char)s[word]))
		word++;
	for (size_t i = 0; i < n; i++) {
		if (strlen(units[i].name) != word ||
		    strncasecmp(s, units[i].name, word) != 0)
			continue;
		if (whole > INT64_MAX / units[i].factor - 1)
			return false;
		*ret = whole * units[i].factor + frac * units[i].factor / scale;
		*sp = s + word;
		return true;
	}
	return false;
}

bool
text_size(const char *s, int64_t *ret)
{
	static const struct unit units[] = {
		{ "", 1 }, { "b", 1 }, { "k", 1 << 10 }, { "kb", 1 << 10 },
		{ "kib", 1 << 10 }, { "m", 1 << 20 }, { "mb", 1 << 20 },
		{ "mib", 1 << 20 }, { "g", 1 << 30 }, { "gb", 1 << 30 },
		{ "gib", 1 << 30 }, { "t", INT64_C(1) << 40 },
		{ "tb", INT64_C(1) << 40 }, { "tib", INT64_C(1) << 40 },
	};
	int64_t v;

	if (!scaled(&s, units, sizeof units / sizeof *units, &v) || *s != '\0')
		return false;
	*ret = v;
	return true;
}

bool
text_duration(const char *s, int64_t *ret_ms)
{
	static const struct unit units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "sec", 1000 }, { "m", 60000 },
		{ "min", 60000 }, { "h", 3600000 }, { "d", 86400000 },
		{ "w", INT64_C(604800000) },
	};
	int64_t sum = 0, v;

	if (*s == '\0')
		return false;
	while (*s != '\0') {
		if (!scaled(&s, units, sizeof units / sizeof *units, &v) ||
		    v > INT64_MAX / 4 - sum)
			return false;
		sum += v;
		while (*s == ' ')
			s++;
	}
	*ret_ms = sum;
	return true;
}

bool
text_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	char *end;

	errno = 0;
	intmax_t v = strtoimax(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

void
text_fmt_size(char out[16], int64_t bytes)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB", "PB" };
	size_t u = 0;
	double v = (double)bytes;

	while (v >= 1024 && u + 1 < sizeof units / sizeof *units) {
		v /= 1024;
		u++;
	}
	(void)snprintf(out, 16, u == 0 || v >= 100 ? "%.0f %s" : "%.1f %s", v,
	    units[u]);
}

void
text_fmt_duration(char out[32], int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 0)
		(void)snprintf(out, 32, "-");
	else if (s < 10)
		(void)snprintf(out, 32, "%.1f s", (double)ms / 1000);
	else if (s < 90)
		(void)snprintf(out, 32, "%" PRId64 " s", s);
	else if (s < 90 * 60)
		(void)snprintf(out, 32, "%" PRId64 " min", (s + 30) / 60);
	else if (s < 48 * 3600)
		(void)snprintf(out, 32, "%" PRId64 " h %02" PRId64 " min",
		    s / 3600, s / 60 % 60);
	else
		(void)snprintf(out, 32, "%" PRId64 " d %" PRId64 " h",
		    s / 86400, s / 3600 % 24);
}

/* Optimal string alignment distance of short words, capped. */
static size_t
distance(const char *a, const char *b)
{
	enum { MAX = 40 };
	size_t la = strlen(a), lb = strlen(b), row[3][MAX + 1];

	if (la > MAX || lb > MAX)
		return MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3];
		size_t *upup = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = a[i - 1] != b[j - 1];
			size_t best = up[j - 1] + cost;

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && upup[j - 2] + 1 < best)
				best = upup[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

const char *
text_nearest(const char *s, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t near = strlen(s) / 3 + 1;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(s, words[i]);

		if (d <= near && d < strlen(s)) {
			if (best == NULL || d < near)
				best = words[i];
			near = d;
		}
	}
	return best;
}

void
text_shell(struct buf *out, const char *s)
{
	if (*s != '\0' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_@%+=:,./-")] == '\0') {
		buf_str(out, s);
		return;
	}
	buf_ch(out, '\'');
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			buf_str(out, "'\\''");
		else
			buf_ch(out, *s);
	}
	buf_ch(out, '\'');
}

bool
text_is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(s);

	return n > 0 && n <= 63 && strchr("_.-", s[0]) == NULL &&
	    strspn(s, letters) == n;
}
