#include "record/line.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/who.h"

/* What surrounds text and data in an object, generously. */
enum { FRAME = 760, TEXT_LEAST = 400 };

static void
put_data(struct buf *out, const char *data, const char *part)
{
	json_key(out, "data");
	if (part == NULL)
		buf_str(out, data != NULL ? data : "{}");
	else {
		json_open(out);
		json_put_str(out, "part", part);
		const char *members = text_empty(data) ? "}" : data + 1;
		members += strspn(members, " ");
		if (*members != '}')
			buf_ch(out, ',');
		buf_str(out, members);
	}
}

/* What cannot be read back must not be written: it would break the chain. */
static bool
readable(const char *p, size_t n)
{
	char prev[SHA_HEX];
	struct event ev;
	bool hash_ok = false;

	if (memchr(p, '\n', n) != NULL ||
	    !scan_object(p, n, &ev, prev, &hash_ok))
		return false;
	scan_event_release(&ev);
	return hash_ok;
}

bool
line_object(struct line_chain *c, const struct draft *d, const char *text,
    size_t text_n, const char *part, struct buf *out, struct err *e)
{
	const struct who *who = who_am_i();
	int64_t now = clock_wall_ms();
	size_t start = out->n;
	char at[32], rec[32], hash[SHA_HEX];

	clock_fmt_utc(rec, now);
	clock_fmt_utc(at, d->at != 0 ? d->at : now);
	json_open(out);
	json_put_int(out, "seq", c->seq + 1);
	json_put_str(out, "at", at);
	json_put_str(out, "rec", rec);
	json_put_str(out, "by", who->by);
	json_put_str(out, "host", who->host);
	json_put_int(out, "pid", getpid());
	json_put_str(out, "kind", event_name(d->kind));
	if (!text_empty(d->step))
		json_put_str(out, "step", d->step);
	json_key(out, "text");
	json_textn(out, text, text_n);
	put_data(out, d->data, part);
	json_put_str(out, "prev", c->hash);
	sha_of(out->p + start, out->n - start, hash);
	json_put_str(out, "hash", hash);
	json_close(out);
	if (out->n - start > OBJECT_MAX)
		return err_set(e, ERR_USAGE, "a journal line of %zu bytes is "
		    "too long", out->n - start);
	if (!readable(out->p + start, out->n - start))
		return err_set(e, ERR_USAGE, "a '%s' line with this time or "
		    "data could not be read back", event_name(d->kind));
	c->seq++;
	memcpy(c->hash, hash, SHA_HEX);
	return true;
}

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

void
line_place(struct line_chain *c, const char *object, size_t n, struct buf *out)
{
	size_t in_block = (size_t)(c->at % BLOCK);
	size_t size = round_up(n + 1, c->slot);

	/* a stranger's bytes may have left the slots: the next edge is sure */
	if (in_block % SLOT != 0 || in_block + size > BLOCK) {
		buf_fill(out, ' ', BLOCK - in_block);
		c->at += (int64_t)(BLOCK - in_block);
	}
	buf_add(out, object, n);
	buf_fill(out, ' ', size - n - 1);
	buf_ch(out, '\n');
	c->at += (int64_t)size;
}

/* Up to max bytes that end between characters; of bytes that are no characters
 * at all, max. */
static size_t
cut_text(const char *s, size_t n, size_t max)
{
	size_t take = text_fit(s, n, max);

	return take > 0 || n == 0 ? take : max;
}

/* How much of the text fits when a JSON string may take `room` bytes. */
static size_t
fit_text(const char *s, size_t n, size_t room)
{
	size_t take = cut_text(s, n, room);

	while (take > 1 && json_text_size(s, take) > room)
		take = cut_text(s, n, take - take / 8 - 1);
	return take;
}

static size_t
room_for_text(const struct draft *d)
{
	size_t used = FRAME + (d->data ? strlen(d->data) : 0) +
	    (d->step ? strlen(d->step) : 0);

	return used + TEXT_LEAST > OBJECT_MAX ? TEXT_LEAST : OBJECT_MAX - used;
}

size_t
line_count(const struct draft *d)
{
	const char *s = d->text != NULL ? d->text : "";
	size_t n = strlen(s), room = room_for_text(d), parts = 0;

	for (size_t at = 0; at < n; parts++)
		at += fit_text(s + at, n - at, room);
	return parts > 0 ? parts : 1;
}

bool
line_draft(struct line_chain *c, const struct draft *d, size_t skip,
    struct buf *out, struct err *e)
{
	const char *s = d->text != NULL ? d->text : "";
	size_t n = strlen(s), room = room_for_text(d), parts = line_count(d);
	struct buf object = BUF_INIT;
	bool ok = true;
	char part[48];

	for (size_t i = 0, at = 0; ok && i < parts; i++) {
		size_t take = fit_text(s + at, n - at, room);
		const char *text = s + at;

		at += take;
		if (i < skip)
			continue;
		(void)snprintf(part, sizeof part, "%zu/%zu", i + 1, parts);
		buf_clear(&object);
		ok = line_object(c, d, text, take, parts > 1 ? part : NULL,
		    &object, e);
		if (ok)
			line_place(c, object.p, object.n, out);
	}
	buf_release(&object);
	return ok;
}
