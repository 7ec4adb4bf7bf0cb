#include "ui/evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { TREE_DEPTH = 8, TREE_ROWS = 60 };
static const int64_t A_TIME = 1000000000000;	/* 2001: no duration is that long */

/* A foreign newline or tab would look like one of ours. */
static void
put_clean(struct buf *b, const char *s)
{
	if (s != NULL)
		text_clean(b, s, strlen(s), TEXT_LINE);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static bool
is_size(const char *key)
{
	static const char *const words[] = { "size", "bytes", "used", "free",
	    "avail", "total", "reserved", "min_free", "size_about" };

	if (strstr(key, "inodes") != NULL)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(key, words[i]) == 0)
			return true;
	return ends_with(key, "_size") || ends_with(key, "_bytes") ||
	    ends_with(key, "bytes_per_s") ||
	    strcmp(key, "rate_per_min") == 0;
}

static void
put_number(struct buf *b, const char *key, int64_t v)
{
	char text[40];

	if (ends_with(key, "_ms") && v > A_TIME) {
		clock_fmt_site(text, v);
		buf_str(b, text);
	} else if (ends_with(key, "_ms")) {
		text_fmt_duration(text, v);
		buf_str(b, text);
	} else if (is_size(key)) {
		text_fmt_size(text, v);
		buf_printf(b, "%s%s", text, ends_with(key, "per_s") ? "/s" : "");
	} else
		buf_printf(b, "%" PRId64 "%s", v, ends_with(key, "percent") ?
		    " %" : "");
}

static void
put_value(struct buf *b, const char *key, const json_t *v)
{
	const char *s = json_string_value(v);
	struct buf raw = BUF_INIT;
	char at[40];
	int64_t ms;

	if (s != NULL && clock_parse_utc(s, &ms)) {
		clock_fmt_site(at, ms);
		buf_str(b, at);
	} else if (s != NULL)
		put_clean(b, s);
	else if (json_is_boolean(v))
		buf_str(b, json_is_true(v) ? "yes" : "no");
	else if (json_is_integer(v))
		put_number(b, key, json_integer_value(v));
	else {
		json_dump(&raw, v);
		put_clean(b, raw.p);
	}
	buf_release(&raw);
}

/* "last_login" is read as "last login", "full_in_ms" as "full in". */
static void
put_name(struct buf *b, const char *key)
{
	size_t n = strlen(key);

	if (ends_with(key, "_ms"))
		n -= strlen("_ms");
	for (size_t i = 0; i < n; i++)
		buf_ch(b, key[i] == '_' ? ' ' : key[i]);
}

/* One thing of a list: "store nas, readable yes". */
static void
put_thing(struct buf *b, json_t *o)
{
	const char *key;
	json_t *v;
	bool first = true;

	if (!json_is_object(o)) {
		put_value(b, "", o);
		return;
	}
	json_object_foreach(o, key, v) {
		buf_str(b, first ? "" : ", ");
		put_name(b, key);
		buf_ch(b, ' ');
		put_value(b, key, v);
		first = false;
	}
}

/* ---- who waits for whom --------------------------------------------------------- */

struct tree {
	const json_t *list;
	struct buf *out;
	int rows;
};

static bool
waits_for(const json_t *o, int64_t pid)
{
	const json_t *by = json_object_get(o, "blocked_by");

	for (size_t i = 0; i < json_array_size(by); i++)
		if (json_integer_value(json_array_get(by, i)) == pid)
			return true;
	return false;
}

static void
put_session(struct tree *t, const json_t *o, int depth)
{
	struct buf *b = t->out;
	const char *words[] = { json_get_str(o, "user"), json_get_str(o, "app"),
	    json_get_str(o, "state") };
	char took[32];

	buf_ch(b, '\t');
	for (int i = 0; i < depth; i++)
		buf_str(b, i + 1 < depth ? "  " : "  waits: ");
	buf_printf(b, "pid %" PRId64, json_get_int(o, "pid", 0));
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i] != NULL && *words[i] != '\0') {
			buf_str(b, ", ");
			put_clean(b, words[i]);
		}
	if (json_get_int(o, "wait_ms", -1) >= 0) {
		text_fmt_duration(took, json_get_int(o, "wait_ms", 0));
		buf_printf(b, ", for %s", took);
	}
	if (json_get_str(o, "query") != NULL) {
		buf_str(b, ": ");
		put_clean(b, json_get_str(o, "query"));
	}
	buf_ch(b, '\n');
}

static void
put_below(struct tree *t, int64_t pid, int depth)
{
	for (size_t i = 0; i < json_array_size(t->list); i++) {
		const json_t *o = json_array_get(t->list, i);

		if (!waits_for(o, pid) || t->rows++ >= TREE_ROWS)
			continue;
		put_session(t, o, depth);
		if (depth < TREE_DEPTH)
			put_below(t, json_get_int(o, "pid", 0), depth + 1);
	}
}

static void
put_tree(const json_t *list, struct buf *out)
{
	struct tree t = { list, out, 0 };

	buf_str(out, "locks\twho is waited for, and who waits:\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (json_array_size(json_object_get(o, "blocked_by")) > 0)
			continue;
		put_session(&t, o, 0);
		put_below(&t, json_get_int(o, "pid", 0), 1);
	}
	put_below(&t, 0, 1);		/* prepared transactions */
	if (t.rows == 0)		/* a circle has no beginning */
		for (size_t i = 0; i < json_array_size(list); i++)
			put_session(&t, json_array_get(list, i), 1);
}

/* ---- all of it ---------------------------------------------------------------------- */

/* In marks that every terminal has, oldest first. */
static void
put_sizes(const json_t *list, struct buf *out)
{
	static const char marks[] = "_.,-=+*#";
	int64_t low = INT64_MAX, high = 0;
	char a[16], z[16];

	for (size_t i = 0; i < json_array_size(list); i++) {
		int64_t v = json_integer_value(json_array_get(list, i));

		low = v < low ? v : low;
		high = v > high ? v : high;
	}
	text_fmt_size(a, low);
	text_fmt_size(z, high);
	buf_str(out, "sizes\t");
	for (size_t i = 0; i < json_array_size(list); i++) {
		int64_t v = json_integer_value(json_array_get(list, i));

		buf_ch(out, marks[high > low ? (size_t)((double)(v - low) * 7 /
		    (double)(high - low)) : 3]);
	}
	buf_printf(out, "  %s to %s, the newest at the right\n", a, z);
}

void
evidence(const struct reading *r, struct buf *out)
{
	const char *key;
	json_t *v;

	json_object_foreach(r->data, key, v) {
		if (json_is_array(v) && json_array_size(v) == 0)
			continue;
		if (json_is_array(v) && strcmp(key, "locks") == 0) {
			put_tree(v, out);
			continue;
		}
		if (json_is_array(v) && strcmp(key, "sizes") == 0) {
			put_sizes(v, out);
			continue;
		}
		put_name(out, key);
		buf_ch(out, '\t');
		if (!json_is_array(v))
			put_value(out, key, v);
		for (size_t i = 0; i < json_array_size(v); i++) {
			buf_str(out, i > 0 ? "\n\t" : "");
			put_thing(out, json_array_get(v, i));
		}
		buf_ch(out, '\n');
	}
}
