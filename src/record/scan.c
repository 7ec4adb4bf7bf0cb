#include "record/scan.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { PROBLEMS_MAX = 1000, FRAGMENTS_MAX = 16 };

static const char hash_key[] = ",\"hash\":\"";

void
scan_init(struct scan *s)
{
	memset(s, 0, sizeof *s);
	memset(s->hash, '0', SHA_HEX - 1);
}

void
scan_release(struct scan *s)
{
	for (size_t i = 0; i < s->problems.n; i++)
		free(s->problems.v[i].text);
	for (size_t i = 0; i < s->fragments.n; i++)
		buf_release(&s->fragments.v[i].bytes);
	VEC_RELEASE(&s->problems);
	VEC_RELEASE(&s->hashes);
	VEC_RELEASE(&s->fragments);
	VEC_RELEASE(&s->losses);
}

void
scan_problem(struct scan *s, int64_t line, int64_t offset, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (s->problems.n >= PROBLEMS_MAX) {
		s->dropped++;
		return;
	}
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	VEC_PUSH(&s->problems, ((struct scan_problem){ line, offset,
	    buf_detach(&b) }));
}

static bool
is_hash(const char *s)
{
	return s != NULL && strlen(s) == SHA_HEX - 1 &&
	    s[strspn(s, "0123456789abcdef")] == '\0';
}

static const char *
member(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s != NULL ? s : "";
}

bool
scan_object(const char *p, size_t n, struct event *ev, char prev[SHA_HEX],
    bool *hash_ok)
{
	const size_t tail = sizeof hash_key - 1 + SHA_HEX - 1 + 2;
	const char *stated, *before;
	static const char zeros[] = "1970-01-01T00:00:00.000Z";
	char hash[SHA_HEX];

	memset(ev, 0, sizeof *ev);
	if (n < tail + 2 || n > OBJECT_MAX || memcmp(p, "{\"seq\":", 7) != 0 ||
	    memcmp(p + n - tail, hash_key, sizeof hash_key - 1) != 0)
		return false;
	ev->line = json_read(p, n, NULL);
	if (ev->line == NULL)
		return false;
	stated = member(ev->line, "hash");
	before = member(ev->line, "prev");
	ev->seq = json_get_int(ev->line, "seq", -1);
	ev->pid = json_get_int(ev->line, "pid", 0);
	ev->by = member(ev->line, "by");
	ev->host = member(ev->line, "host");
	ev->name = member(ev->line, "kind");
	ev->step = member(ev->line, "step");
	ev->text = member(ev->line, "text");
	ev->kind = event_kind(ev->name);
	ev->data = json_object_get(ev->line, "data");
	if (ev->data == NULL) {
		ev->data = json_object();
		(void)json_object_set_new(ev->line, "data", ev->data);
	}
	if (ev->seq < 1 || !is_hash(stated) || !is_hash(before) ||
	    *ev->name == '\0' || !json_is_object(ev->data)) {
		scan_event_release(ev);
		return false;
	}
	sha_of(p, n - tail, hash);
	*hash_ok = memcmp(hash, stated, SHA_HEX) == 0;
	if (!clock_parse_utc(member(ev->line, "at"), &ev->at) ||
	    !clock_parse_utc(member(ev->line, "rec"), &ev->rec)) {
		(void)clock_parse_utc(zeros, &ev->at);
		*hash_ok = false;
	}
	memcpy(ev->hash, stated, SHA_HEX);
	memcpy(prev, before, SHA_HEX);
	return true;
}

void
scan_event_release(struct event *ev)
{
	json_decref(ev->line);
	ev->line = NULL;
}

static void
accept(struct scan *s, const struct event *ev)
{
	s->seq = ev->seq;
	memcpy(s->hash, ev->hash, SHA_HEX);
	if (s->hashes.n < (size_t)ev->seq && (size_t)ev->seq < s->hashes.n +
	    1000000) {
		while (s->hashes.n < (size_t)ev->seq)
			(void)VEC_NEW(&s->hashes);
		memcpy(s->hashes.v[ev->seq - 1].hex, ev->hash, SHA_HEX - 1);
	}
	if (s->event != NULL)
		s->event(s->ctx, ev);
}

bool
scan_has(const struct scan *s, int64_t seq, const char *hash)
{
	return seq >= 1 && (size_t)seq <= s->hashes.n &&
	    strlen(hash) == SHA_HEX - 1 &&
	    memcmp(s->hashes.v[seq - 1].hex, hash, SHA_HEX - 1) == 0;
}

bool
scan_lost(const struct scan *s)
{
	for (size_t i = 0; i < s->losses.n; i++)
		if (s->losses.v[i].used)
			return true;
	return false;
}

static size_t
spaces(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == ' ')
		i++;
	return i;
}

/* Behind the bytes that were torn there is only the repair's padding. */
bool
scan_names(const struct event *ev, const char *p, size_t n, int64_t offset)
{
	int64_t len = json_get_int(ev->data, "length", -1);
	char sha[SHA_HEX];

	if (ev->kind != EVENT_J_TORN || len < 1 || len > (int64_t)n ||
	    json_get_int(ev->data, "offset", -1) != offset)
		return false;
	size_t used = (size_t)len;
	sha_of(p, used, sha);
	return strcmp(member(ev->data, "sha256"), sha) == 0 &&
	    spaces(p + used, n - used) == n - used;
}

/* One that is itself disowned does not count. */
static bool
disowned(const char *p, size_t n, int64_t at, const char *rest, size_t rest_n,
    int depth)
{
	static const char kind[] = "\"kind\":\"journal.torn\"";
	const char *nl = rest_n ? memchr(rest, '\n', rest_n) : NULL;
	char prev[SHA_HEX];
	struct event ev;
	bool hash_ok = false, yes;

	if (nl == NULL || depth > FRAGMENTS_MAX)
		return false;
	size_t len = (size_t)(nl - rest), lead = spaces(rest, len), end = len;
	if (memmem(rest, len, kind, sizeof kind - 1) == NULL)
		return false;
	while (end > lead && rest[end - 1] == ' ')
		end--;
	if (!scan_object(rest + lead, end - lead, &ev, prev, &hash_ok))
		return false;
	yes = hash_ok && scan_names(&ev, p, n, at);
	scan_event_release(&ev);
	return yes && !disowned(rest, len, at + (int64_t)n + 1, nl + 1,
	    rest_n - len - 1, depth + 1);
}

bool
scan_disowned(const char *p, size_t n, int64_t at, const char *rest,
    size_t rest_n)
{
	return disowned(p, n, at, rest, rest_n, 0);
}

static void
drop_fragment(struct scan *s, size_t i)
{
	buf_release(&s->fragments.v[i].bytes);
	memmove(&s->fragments.v[i], &s->fragments.v[i + 1],
	    (s->fragments.n - i - 1) * sizeof *s->fragments.v);
	s->fragments.n--;
}

static void
drop_fragment_at(struct scan *s, int64_t offset)
{
	for (size_t i = s->fragments.n; i-- > 0;)
		if (s->fragments.v[i].offset == offset &&
		    s->fragments.v[i].second == s->in_second)
			drop_fragment(s, i);
}

/* Nobody named the first n of them. */
static void
complain(struct scan *s, size_t n)
{
	for (; n > 0; n--) {
		const struct scan_fragment *f = &s->fragments.v[0];

		scan_problem(s, f->line, f->offset, f->changed ?
		    "not a line of a journal" :
		    "cut-off or changed bytes that no journal.torn names");
		drop_fragment(s, 0);
	}
}

static bool
take_named(struct scan *s, const struct event *torn)
{
	bool second = json_get_bool(torn->data, "second");

	for (size_t i = 0; i < s->fragments.n; i++) {
		const struct scan_fragment *f = &s->fragments.v[i];

		if (f->second != second ||
		    !scan_names(torn, f->bytes.p, f->bytes.n, f->offset))
			continue;
		drop_fragment(s, i);
		return true;
	}
	return false;
}

/* explained: bytes just reported may have been the line that is missing. */
static void
check_chain(struct scan *s, const struct event *ev, const char *prev,
    int64_t offset, bool explained)
{
	if (ev->seq > s->seq + 1 && explained)
		return;
	if (ev->seq != s->seq + 1)
		scan_problem(s, s->line, offset, "seq is %" PRId64 ", not %"
		    PRId64 ": lines are missing, doubled or moved", ev->seq,
		    s->seq + 1);
	else if (memcmp(prev, s->hash, SHA_HEX) != 0)
		scan_problem(s, s->line, offset,
		    "prev is not the hash of the line before");
}

/* A line already known from the other journal, word for word. */
static bool
known(const struct scan *s, const struct event *ev)
{
	return s->skip_known && ev->seq <= s->seq &&
	    scan_has(s, ev->seq, ev->hash);
}

/* Copied back, a journal.torn about the second journal names nothing here. */
static void
check_torn(struct scan *s, bool named, const struct event *ev, int64_t offset)
{
	if (named)
		s->torn++;
	else if (s->in_second || !json_get_bool(ev->data, "second"))
		scan_problem(s, s->line, offset,
		    "names a cut-off line that is not there");
}

static void
name_second(struct scan *s, const struct event *ev)
{
	const char *boot = json_get_bool(ev->data, "volatile") ?
	    member(ev->data, "boot") : "";

	s->second.seq = ev->seq;
	(void)snprintf(s->second.boot, sizeof s->second.boot, "%s", boot);
	(void)snprintf(s->second.host, sizeof s->second.host, "%s", ev->host);
}

/* Only what was in memory is lost, only by a restart of the same host, and the
 * line says what the first journal still had. */
static void
lose_second(struct scan *s, const struct event *ev, int64_t offset)
{
	const char *boot = member(ev->data, "boot");
	int64_t last = json_get_int(ev->data, "last_seq", 0);
	bool used = json_get_bool(ev->data, "used");

	if (s->in_second || s->second.seq == 0 || s->second.boot[0] == '\0' ||
	    *boot == '\0' || strcmp(boot, s->second.boot) == 0 ||
	    strcmp(ev->host, s->second.host) != 0 ||
	    json_get_int(ev->data, "second", 0) != s->second.seq ||
	    !scan_has(s, last, member(ev->data, "last_hash"))) {
		scan_problem(s, s->line, offset, "says that a restart took a "
		    "second journal which none can have taken");
		return;
	}
	memset(&s->second, 0, sizeof s->second);
	VEC_PUSH(&s->losses, ((struct scan_loss){ ev->seq, last,
	    json_get_int(ev->data, "known_seq", 0), used }));
}

static void
good_shape(struct scan *s, struct event *ev, const char *prev, bool hash_ok,
    int64_t offset)
{
	bool torn = hash_ok && ev->kind == EVENT_J_TORN;
	bool named = torn && take_named(s, ev), explained = false;

	if (hash_ok && known(s, ev))
		return;
	if (torn)
		check_torn(s, named, ev, offset);
	else {
		explained = s->fragments.n > 0;
		complain(s, s->fragments.n);
	}
	if (!hash_ok) {
		scan_problem(s, s->line, offset,
		    "the bytes do not give the hash (changed)");
		ev->bad = true;
		if (ev->seq != s->seq + 1)
			return;		/* nothing of it can be believed */
	} else
		check_chain(s, ev, prev, offset, explained);
	if (hash_ok && ev->kind == EVENT_J_SECOND && !s->in_second)
		name_second(s, ev);
	if (hash_ok && ev->kind == EVENT_J_LOST)
		lose_second(s, ev, offset);
	accept(s, ev);
}

size_t
scan_trimmed(const struct buf *b)
{
	size_t n = b->n;

	while (n > 1 && b->p[n - 1] == ' ')
		n--;
	return n;
}

static void
add_fragment(struct scan *s, const char *p, size_t n, int64_t offset,
    bool changed)
{
	struct scan_fragment *f;

	drop_fragment_at(s, offset);
	if (s->fragments.n >= FRAGMENTS_MAX)
		complain(s, 1);
	f = VEC_NEW(&s->fragments);
	*f = (struct scan_fragment){ .line = s->line, .offset = offset,
	    .second = s->in_second, .changed = changed, .bytes = BUF_INIT };
	buf_add(&f->bytes, p, n);
}

void
scan_fragment(struct scan *s, const char *p, size_t n, int64_t offset)
{
	add_fragment(s, p, n, offset, false);
}

/* As lines are written, and fragments repaired. */
static bool
is_slots(int64_t at, size_t n)
{
	return at % SLOT == 0 && (at + (int64_t)n + 1) % SLOT == 0;
}

/* One line without its newline, at offset `at`; rest is what comes behind it. */
static void
one_line(struct scan *s, const char *p, size_t n, int64_t at, const char *rest,
    size_t rest_n)
{
	size_t lead = spaces(p, n), end = n;
	char prev[SHA_HEX];
	struct event ev;
	bool hash_ok = false;

	s->line++;
	while (end > lead && p[end - 1] == ' ')
		end--;
	if (scan_disowned(p, n, at, rest, rest_n) ||
	    !scan_object(p + lead, end - lead, &ev, prev, &hash_ok)) {
		add_fragment(s, p, n, at, !is_slots(at, n) || (end > lead + 1 &&
		    p[lead] == '{' && p[end - 1] == '}'));
		return;
	}
	drop_fragment_at(s, at);
	int64_t start = at + (int64_t)lead;
	bool placed = is_slots(at, n) &&
	    start / BLOCK == (start + (int64_t)(end - lead)) / BLOCK &&
	    (lead == 0 || start % BLOCK == 0) && lead < BLOCK &&
	    (int64_t)(n - lead) + 1 <= BLOCK;
	if (!placed)
		scan_problem(s, s->line, at, "the padding was changed");
	good_shape(s, &ev, prev, hash_ok, at);
	scan_event_release(&ev);
}

size_t
scan_bytes(struct scan *s, const char *p, size_t n, int64_t base)
{
	size_t done = 0;

	while (done < n) {
		const char *nl = memchr(p + done, '\n', n - done);

		if (nl == NULL)
			break;
		size_t len = (size_t)(nl - (p + done));
		one_line(s, p + done, len, base + (int64_t)done, nl + 1,
		    n - done - len - 1);
		done += len + 1;
	}
	return done;
}

bool
scan_tail_is_whole(const char *p, size_t n, int64_t base)
{
	return spaces(p, n) == n && (n == 0 ||
	    (base + (int64_t)n) % BLOCK == 0);
}

void
scan_end(struct scan *s, const char *p, size_t n, int64_t base)
{
	if (n > 0 && !scan_tail_is_whole(p, n, base)) {
		s->line++;
		scan_fragment(s, p, n, base);
	}
	complain(s, s->fragments.n);
}
