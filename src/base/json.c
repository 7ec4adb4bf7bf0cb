#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

json_t *
json_read(const char *p, size_t n, struct err *e)
{
	json_error_t je;
	json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES, &je);

	if (v == NULL)
		err_set(e, ERR_INTEGRITY, "not JSON: %s", je.text);
	return v;
}

const char *
json_get_str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

int64_t
json_get_int(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool
json_get_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* What must not stand raw in a file that somebody will cat. */
static bool
must_escape(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0xad ||
	    cp == 0x61c || (cp >= 0x200b && cp <= 0x200f) ||
	    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
	    cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb);
}

/* How many bytes at s stand for themselves: most of any text. */
static size_t
plain(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' &&
	    s[i] != '\\')
		i++;
	return i;
}

void
json_textn(struct buf *b, const char *s, size_t n)
{
	buf_ch(b, '"');
	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		size_t len = plain(s + i, n - i);

		if (len > 0) {
			buf_add(b, s + i, len);
			i += len;
			continue;
		}
		len = text_utf8_len(s + i, n - i, &cp);
		if (len == 0) {
			buf_printf(b, "\\\\x%02x", (unsigned char)s[i]);
			i++;
			continue;
		}
		if (cp == '"' || cp == '\\') {
			buf_ch(b, '\\');
			buf_ch(b, (char)cp);
		} else if (cp == '\n')
			buf_str(b, "\\n");
		else if (cp == '\t')
			buf_str(b, "\\t");
		else if (cp == '\r')
			buf_str(b, "\\r");
		else if (cp == 0)
			buf_str(b, "\\\\x00");
		else if (must_escape(cp))
			buf_printf(b, "\\u%04x", (unsigned)cp);
		else if (cp >= 0xe0000 && cp <= 0xe0fff)	/* tags: a pair */
			buf_printf(b, "\\u%04x\\u%04x",
			    (unsigned)(0xd800 + ((cp - 0x10000) >> 10)),
			    (unsigned)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
		else
			buf_add(b, s + i, len);
		i += len;
	}
	buf_ch(b, '"');
}

void
json_text(struct buf *b, const char *s)
{
	json_textn(b, s, strlen(s));
}

size_t
json_text_size(const char *s, size_t n)
{
	struct buf b = BUF_INIT;
	size_t size;

	json_textn(&b, s, n);
	size = b.n;
	buf_release(&b);
	return size;
}

void
json_open(struct buf *b)
{
	buf_ch(b, '{');
}

void
json_close(struct buf *b)
{
	buf_ch(b, '}');
}

void
json_open_list(struct buf *b)
{
	buf_ch(b, '[');
}

void
json_close_list(struct buf *b)
{
	buf_ch(b, ']');
}

void
json_comma(struct buf *b)
{
	char last = b->n > 0 ? b->p[b->n - 1] : '{';

	if (last != '{' && last != '[' && last != '\n' && last != ':')
		buf_ch(b, ',');
}

void
json_key(struct buf *b, const char *key)
{
	json_comma(b);
	json_text(b, key);
	buf_ch(b, ':');
}

void
json_put_str(struct buf *b, const char *key, const char *s)
{
	if (s == NULL)
		return;
	json_key(b, key);
	json_text(b, s);
}

void
json_put_int(struct buf *b, const char *key, int64_t v)
{
	json_key(b, key);
	buf_printf(b, "%" PRId64, v);
}

void
json_put_bool(struct buf *b, const char *key, bool v)
{
	json_key(b, key);
	buf_str(b, v ? "true" : "false");
}

void
json_put_raw(struct buf *b, const char *key, const char *json)
{
	json_key(b, key);
	buf_str(b, json);
}

static void
dump_scalar(struct buf *b, const json_t *v)
{
	char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	if (s == NULL)
		die("out of memory");
	buf_str(b, s);
	free(s);
}

void
json_dump(struct buf *b, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(v))
		json_textn(b, json_string_value(v), json_string_length(v));
	else if (json_is_object(v)) {
		json_open(b);
		json_object_foreach((json_t *)(uintptr_t)v, key, item) {
			json_key(b, key);
			json_dump(b, item);
		}
		json_close(b);
	} else if (json_is_array(v)) {
		json_open_list(b);
		json_array_foreach(v, i, item) {
			json_comma(b);
			json_dump(b, item);
		}
		json_close_list(b);
	} else
		dump_scalar(b, v);
}

void
json_put_json(struct buf *b, const char *key, const json_t *v)
{
	if (v == NULL)
		return;
	json_key(b, key);
	json_dump(b, v);
}

const char *
json_library(void)
{
	return jansson_version_str();
}
