#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "found/intern.h"
#include "probe/zone.h"

enum { READ_MAX = 4 << 20, WHY_MAX = 200 };

static const struct look {
	const char *what;
	void (*look)(struct found *f);
	int64_t limit_ms;
} looks[] = {
#define X(id, what, seconds) { what, look_##id, (seconds) * 1000 },
	FOUND_LOOKS(X)
#undef X
};

enum { LOOKS = sizeof looks / sizeof *looks };

/* ---- things --------------------------------------------------------------- */

struct found_thing *
found_add(struct found *f, enum found_kind kind)
{
	struct found_thing *t = VEC_NEW(&f->things);

	t->kind = kind;
	t->size = t->free = -1;
	return t;
}

const char *
found_str(struct found *f, const char *s)
{
	return s != NULL ? pool_str(&f->pool, s) : NULL;
}

void
found_note(struct found *f, const char *fmt, ...)
{
	struct found_thing *t = found_add(f, FOUND_NOTE);
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	t->text = pool_str(&f->pool, b.p);
	buf_release(&b);
}

size_t
found_count(const struct found *f, enum found_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < f->things.n; i++)
		n += f->things.v[i].kind == kind;
	return n;
}

/* ---- from a child to its parent -------------------------------------------- */

static void
pack_text(struct buf *out, const char *s)
{
	buf_ch(out, s != NULL ? '+' : '-');
	if (s != NULL)
		buf_add(out, s, strlen(s) + 1);
}

void
found_pack(const struct found *f, struct buf *out)
{
	for (size_t i = 0; i < f->things.n; i++) {
		const struct found_thing *t = &f->things.v[i];

		buf_ch(out, (char)('A' + t->kind));
#define X(field) pack_text(out, t->field);
		FOUND_TEXTS(X)
#undef X
#define X(field) buf_add(out, &t->field, sizeof t->field);
		FOUND_NUMBERS(X)
#undef X
	}
}

static const char *
unpack_text(struct found *f, const char **p)
{
	const char *s;

	if (*(*p)++ == '-')
		return NULL;
	s = pool_str(&f->pool, *p);
	*p += strlen(*p) + 1;
	return s;
}

void
found_unpack(struct found *f, const struct buf *in)
{
	const char *p = in->p, *end = p + in->n;

	while (p < end) {
		struct found_thing *t = found_add(f,
		    (enum found_kind)(*p++ - 'A'));

#define X(field) t->field = unpack_text(f, &p);
		FOUND_TEXTS(X)
#undef X
#define X(field) memcpy(&t->field, p, sizeof t->field);			\
		p += sizeof t->field;
		FOUND_NUMBERS(X)
#undef X
	}
}

struct each {
	struct found *f;
	found_each_fn *look;
	void *ctx;
};

static void
look_each(void *ctx, size_t i, struct buf *out)
{
	struct each *e = ctx;

	e->f->things.n = 0;
	e->look(e->f, e->ctx, i);
	found_pack(e->f, out);
}

static void
each(struct found *f, struct crew_task *t, size_t n, struct each *e,
    found_each_fn *late)
{
	crew_run(t, n, look_each, e);
	for (size_t i = 0; i < n; i++)
		if (t[i].end == CREW_DONE)
			found_unpack(f, &t[i].out);
		else
			late(f, e->ctx, i);
	crew_release(t, n);
}

void
found_each(struct found *f, size_t n, int64_t limit_ms, found_each_fn *look,
    void *ctx, found_each_fn *late)
{
	struct crew_task *t = xcalloc(n > 0 ? n : 1, sizeof *t);
	struct each e = { f, look, ctx };

	for (size_t i = 0; i < n; i++)
		t[i].limit_ms = limit_ms;
	each(f, t, n, &e, late);
	free(t);
}

/* ---- what every look needs -------------------------------------------------- */

const char *
found_at(struct found *f, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	const char *path;
	va_list ap;

	if (f->root != NULL)
		buf_str(&b, f->root);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	path = pool_str(&f->pool, b.p);
	buf_release(&b);
	return path;
}

const char *
found_home(struct found *f, const char *rest)
{
	const char *home = getenv("HOME");

	if (home == NULL || home[0] != '/')
		return NULL;
	return pool_printf(&f->pool, "%s/%s", home, rest);
}

bool
found_read(struct found *f, const char *path, struct buf *out)
{
	struct err e = ERR_INIT;

	buf_clear(out);
	if (file_read(path, out, READ_MAX, &e)) {
		buf_ch(out, '\0');	/* a NUL in it ends it */
		buf_cut(out, strlen(out->p));
		return true;
	}
	if (e.sys_errno != ENOENT && e.sys_errno != ENOTDIR)
		found_note(f, "%s", e.msg);
	return false;
}

bool
found_ask(const char *const *argv, int64_t ms, struct ran *ran, struct err *e)
{
	struct run r = { .argv = argv, .limit = READ_MAX,
	    .deadline_ms = clock_mono_ms() + ms };

	if (!spawn_run(&r, ran, e))
		return false;
	return spawn_ok(ran->status, argv[0], e);
}

const char *
found_why(struct found *f, const struct ran *ran, const struct err *e)
{
	const char *s = ran->errout.p, *end = s + ran->errout.n, *at = end;

	if (e->kind == ERR_TIMEOUT || ran->errout.n == 0)
		return pool_str(&f->pool, e->msg);
	/* psql's second lines are questions, and begin with a tab */
	for (bool more = true; more; more = at > s && *at == '\t') {
		for (end = at; end > s && isspace((unsigned char)end[-1]);)
			end--;
		for (at = end; at > s && at[-1] != '\n';)
			at--;
	}
	return pool_strn(&f->pool, at, end - at > WHY_MAX ? WHY_MAX :
	    (size_t)(end - at));
}

char *
found_line(char **rest)
{
	char *line = *rest, *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end != NULL)
		*end = '\0';
	*rest = end != NULL ? end + 1 : NULL;
	return line;
}

/* ---- all of it --------------------------------------------------------------- */

static void
look_one(struct found *f, void *ctx, size_t i)
{
	(void)ctx;
	looks[i].look(f);
}

static void
one_late(struct found *f, void *ctx, size_t i)
{
	(void)ctx;
	found_note(f, "%s: no answer within %d s", looks[i].what,
	    (int)(looks[i].limit_ms / 1000));
}

static const char *
zone_known(const char *zone)
{
	static const char *const utc[] = { "Etc/UTC", "Etc/UCT", "UCT", "Zulu",
	    "Etc/Zulu", "Universal", "Etc/Universal" };

	if (zone == NULL || text_in(zone, utc, sizeof utc / sizeof *utc))
		return zone != NULL ? "UTC" : NULL;
	return clock_zone_known(zone) ? zone : NULL;
}

/* The zone that cron and the timers of this host go by. */
static const char *
zone_of_host(struct found *f)
{
	struct buf b = BUF_INIT;
	char *host = zone_host(f->root != NULL ? f->root : "");
	const char *zone = zone_known(host);

	/* a copy instead of a link: Debian writes the name down as well */
	if (zone == NULL && found_read(f, found_at(f, "/etc/timezone"), &b)) {
		b.p[strcspn(b.p, " \t\n")] = '\0';
		zone = zone_known(b.p);
	}
	zone = found_str(f, zone);
	buf_release(&b);
	free(host);
	if (zone == NULL)
		found_note(f, "the time zone of this host: neither "
		    "/etc/localtime nor /etc/timezone names one; UTC stands "
		    "in the file, correct it");
	return zone != NULL ? zone : "UTC";
}

static const char *
name_of_host(struct found *f)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
		return "site";
	name[strcspn(name, ".")] = '\0';
	return pool_str(&f->pool, name);
}

void
found_look(struct found *f)
{
	struct crew_task t[LOOKS];
	struct each e = { f, look_one, NULL };

	f->zone = zone_of_host(f);
	f->host_name = name_of_host(f);
	memset(t, 0, sizeof t);
	for (size_t i = 0; i < LOOKS; i++)
		t[i].limit_ms = looks[i].limit_ms;
	each(f, t, LOOKS, &e, one_late);
}

void
found_release(struct found *f)
{
	VEC_RELEASE(&f->things);
	pool_release(&f->pool);
	memset(f, 0, sizeof *f);
}
