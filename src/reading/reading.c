#include "reading/reading.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static const char *const levels[] = { "ok", "warning", "critical", "unknown" };

/* How bad, for sorting and for what wins: nothing is worse than what is known
 * to be critical, and not knowing is worse than a warning. */
static const int badness[] = { 0, 1, 3, 2 };

/* The order in which people look for things. */
static const char *const kinds[] = { "database", "backup", "disk", "store",
    "sets", "work", "schedule", "service", "container", "place", "ci", "log",
    "access", "docker", "kernel" };

const char *
level_name(enum level l)
{
	return levels[l];
}

enum level
level_worse(enum level a, enum level b)
{
	return badness[b] > badness[a] ? b : a;
}

static enum level
level_of(const char *name)
{
	for (int i = 0; i < 4; i++)
		if (name != NULL && strcmp(levels[i], name) == 0)
			return (enum level)i;
	return LEVEL_UNKNOWN;
}

void
reading_init(struct reading *r, const char *kind, const char *name)
{
	*r = (struct reading){ .kind = xstrdup(kind), .name = xstrdup(name),
	    .at = clock_wall_ms(), .data = json_object() };
	if (r->data == NULL)
		die("out of memory");
}

void
reading_release(struct reading *r)
{
	free(r->kind);
	free(r->name);
	free(r->text);
	free(r->next);
	free(r->error);
	json_decref(r->data);
	*r = (struct reading){ 0 };
}

static char *
copy_of(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

void
reading_copy(struct reading *to, const struct reading *from)
{
	*to = *from;
	to->kind = copy_of(from->kind);
	to->name = copy_of(from->name);
	to->text = copy_of(from->text);
	to->next = copy_of(from->next);
	to->error = copy_of(from->error);
	to->data = from->data != NULL ? json_deep_copy(from->data) : NULL;
}

/* One clean line; foreign words may be in it. */
static char *
clean_line(const char *s, size_t n)
{
	struct buf b = BUF_INIT;

	text_clean(&b, s, n, TEXT_LINE);
	return buf_detach(&b);
}

void
reading_say(struct reading *r, enum level l, const char *next,
    const char *fmt, ...)
{
	bool first = r->text == NULL;
	bool wins = first || badness[l] > badness[r->level];
	struct buf said = BUF_INIT, all = BUF_INIT;
	char *clean;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&said, fmt, ap);
	va_end(ap);
	clean = clean_line(said.p, said.n);
	buf_release(&said);
	buf_str(&all, wins ? clean : r->text);
	if (!first)
		buf_printf(&all, "; %s", wins ? r->text : clean);
	if (next != NULL && (wins || r->next == NULL)) {
		free(r->next);
		r->next = clean_line(next, strlen(next));
	}
	r->level = first ? l : level_worse(r->level, l);
	free(r->text);
	free(clean);
	r->text = buf_detach(&all);
}

void
reading_fail(struct reading *r, const struct err *e)
{
	free(r->error);
	r->error = clean_line(e->msg, strlen(e->msg));
	if (r->next == NULL && e->hint[0] != '\0')
		r->next = clean_line(e->hint, strlen(e->hint));
	r->level = LEVEL_UNKNOWN;
}

/* ---- facts --------------------------------------------------------------- */

json_t *
json_utf8(const char *s)
{
	struct buf b = BUF_INIT;
	json_t *v;

	text_utf8(&b, s, strlen(s));
	v = json_stringn(b.p, b.n);
	buf_release(&b);
	if (v == NULL)
		die("out of memory");
	return v;
}

void
reading_str(struct reading *r, const char *key, const char *s)
{
	if (s != NULL)
		json_object_set_new(r->data, key, json_utf8(s));
}

void
reading_int(struct reading *r, const char *key, int64_t v)
{
	json_object_set_new(r->data, key, json_integer(v));
}

void
reading_bool(struct reading *r, const char *key, bool v)
{
	json_object_set_new(r->data, key, json_boolean(v));
}

json_t *
reading_list(struct reading *r, const char *key)
{
	json_t *list = json_object_get(r->data, key);

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(r->data, key, list);
	}
	return list;
}

/* ---- on the wire --------------------------------------------------------- */

void
reading_write(const struct reading *r, struct buf *out)
{
	char at[32];

	json_open(out);
	json_put_str(out, "kind", r->kind);
	json_put_str(out, "name", r->name);
	json_put_str(out, "level", levels[r->level]);
	clock_fmt_utc(at, r->at);
	json_put_str(out, "at", at);
	json_put_int(out, "took_ms", r->took_ms);
	json_put_int(out, "deadline_ms", r->deadline_ms);
	if (r->cost_us > 0)
		json_put_int(out, "cost_us", r->cost_us);
	if (r->stale)
		json_put_bool(out, "stale", true);
	if (r->since != 0) {
		clock_fmt_utc(at, r->since);
		json_put_str(out, "since", at);
	}
	json_put_str(out, "text", r->text);
	json_put_str(out, "next", r->next);
	json_put_str(out, "error", r->error);
	if (r->data != NULL && json_object_size(r->data) > 0)
		json_put_json(out, "data", r->data);
	json_close(out);
	buf_ch(out, '\n');
}

bool
reading_parse(struct reading *r, const char *p, size_t n, struct err *e)
{
	json_t *o = json_read(p, n, e), *data;
	const char *kind, *name, *at;

	*r = (struct reading){ 0 };
	if (o == NULL)
		return false;
	kind = json_get_str(o, "kind");
	name = json_get_str(o, "name");
	at = json_get_str(o, "at");
	if (kind == NULL || name == NULL || at == NULL ||
	    !clock_parse_utc(at, &r->at)) {
		json_decref(o);
		return err_set(e, ERR_INTEGRITY, "this line is no reading");
	}
	r->kind = xstrdup(kind);
	r->name = xstrdup(name);
	r->level = level_of(json_get_str(o, "level"));
	r->took_ms = json_get_int(o, "took_ms", 0);
	r->deadline_ms = json_get_int(o, "deadline_ms", 0);
	r->cost_us = json_get_int(o, "cost_us", 0);
	r->stale = json_get_bool(o, "stale");
	if ((at = json_get_str(o, "since")) != NULL)
		(void)clock_parse_utc(at, &r->since);
	r->text = copy_of(json_get_str(o, "text"));
	r->next = copy_of(json_get_str(o, "next"));
	r->error = copy_of(json_get_str(o, "error"));
	data = json_object_get(o, "data");
	r->data = json_is_object(data) ? json_incref(data) : json_object();
	json_decref(o);
	return true;
}

/* ---- many ---------------------------------------------------------------- */

void
readings_release(struct readings *all)
{
	for (size_t i = 0; i < all->v.n; i++)
		reading_release(&all->v.v[i]);
	VEC_RELEASE(&all->v);
}

static struct reading *
find(const struct readings *all, const char *kind, const char *name)
{
	for (size_t i = 0; i < all->v.n; i++)
		if (strcmp(all->v.v[i].name, name) == 0 &&
		    strcmp(all->v.v[i].kind, kind) == 0)
			return &all->v.v[i];
	return NULL;
}

const struct reading *
readings_find(const struct readings *all, const char *kind, const char *name)
{
	return find(all, kind, name);
}

void
readings_put(struct readings *all, const struct reading *r)
{
	struct reading *old = find(all, r->kind, r->name);

	if (old != NULL)
		reading_release(old);
	else
		old = VEC_NEW(&all->v);
	reading_copy(old, r);
}

static int
rank(const char *kind)
{
	int n = (int)(sizeof kinds / sizeof *kinds);

	for (int i = 0; i < n; i++)
		if (strcmp(kinds[i], kind) == 0)
			return i;
	return n;
}

static int
worse_first(const void *a, const void *b)
{
	const struct reading *x = a, *y = b;
	int d = badness[y->level] - badness[x->level];

	if (d == 0)
		d = rank(x->kind) - rank(y->kind);
	return d != 0 ? d : strcmp(x->name, y->name);
}

void
readings_sort(struct readings *all)
{
	if (all->v.n > 1)
		qsort(all->v.v, all->v.n, sizeof *all->v.v, worse_first);
}
