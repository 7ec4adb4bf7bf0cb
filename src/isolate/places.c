/*
 * Place by place: what df and docker say, the fullest disks, the logs, and what
 * changed in the folders of settings.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "isolate/intern.h"
#include "probe/plain.h"
#include "probe/stamp.h"
#include "probe/tail.h"

enum { PLACE_MS = 10000, WALK_MS = 45000, CHANGED_MS = 15000, WALKS = 3,
	CHANGED_SHOWN = 40, CHANGED_KEPT = 8 };

/* One place, while it is looked at. */
struct spot {
	struct isolate *i;
	const struct site_place *at;	/* NULL: here */
	const char *name;
	struct eye eye;
	struct target target;
	bool down;
};

static const char *
name_of(const struct site_place *at)
{
	return at != NULL ? at->name : "here";
}

/* The answer of a command as a piece of evidence; what it said is in *ret when
 * that is asked for, which the caller releases. */
static bool
keep_answer(struct spot *s, const char *file, const char *what,
    const char *const *argv, struct buf *ret)
{
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	char *name = xprintf("%s-%s.txt", s->name, file);
	char *title = xprintf("%s: %s", s->name, what);
	bool ok = false;

	s->eye.deadline = clock_mono_ms() + PLACE_MS;
	if (s->down || isolate_stopped(s->i))
		goto out;
	if (!eye_run(&s->eye, &s->target, argv, &ran, &e)) {
		/* a program that is not there says nothing of the place */
		s->down = s->eye.place == NULL;
		isolate_unseen(s->i, "%s: %s", title, e.msg);
		goto out;
	}
	ok = ran.out.n > 0;
	if (ok)
		(void)evidence_put(&s->i->evidence, name, title, ran.out.p,
		    ran.out.n, false);
	else
		isolate_unseen(s->i, "%s: %.*s", title, ran.errout.n > 0 ?
		    (int)strcspn(ran.errout.p, "\n") : 17, ran.errout.n > 0 ?
		    ran.errout.p : "it said nothing");
	if (ok && ret != NULL)
		buf_add(ret, ran.out.p, ran.out.n);
out:
	place_ran_release(&ran);
	free(name);
	free(title);
	return ok;
}

/* ---- docker -------------------------------------------------------------- */

/* The engine that runs at this place, if the site has to do with one. */
static const char *
engine_at(const struct spot *s)
{
	const struct site *site = s->i->site;
	const char *here = s->at != NULL ? s->at->name : NULL;

	for (size_t i = 0; i < site_places(site); i++) {
		const struct site_place *p = site_place_at(site, i);

		if (p->container != NULL && (p->at == NULL ? here == NULL :
		    here != NULL && strcmp(p->at, here) == 0))
			return p->runtime == SITE_PODMAN ? "podman" : "docker";
	}
	if (site->cleanup.docker.line != 0 &&
	    (site->cleanup.docker.at == NULL ? here == NULL : here != NULL &&
	    strcmp(site->cleanup.docker.at, here) == 0))
		return site->cleanup.docker.runtime == SITE_PODMAN ?
		    "podman" : "docker";
	return NULL;
}

/* "2025-02-14 01:10:03 +0000 UTC|name|image|status" */
static void
one_container(void *ctx, const char *p, size_t n)
{
	struct spot *s = ctx;
	struct stamp_zone utc = { .fixed = true };
	struct buf line = BUF_INIT;
	struct stamp st;
	int64_t at;

	plain_line(&line, p, n);
	if (stamp_find(line.p, line.n, &st)) {
		const char *rest = strchr(line.p, '|');

		at = stamp_ms(&st, &utc, s->i->now);
		if (rest != NULL && at >= s->i->now - DAY_MS)
			isolate_change(s->i, at, "%s: the container was made "
			    "(%s)", s->name, rest + 1);
	}
	buf_release(&line);
}

static void
look_at_engine(struct spot *s)
{
	const char *engine = engine_at(s);
	struct buf out = BUF_INIT;

	if (engine == NULL)
		return;
	const char *df[] = { engine, "system", "df", NULL };
	const char *ps[] = { engine, "ps", "--all", "--format",
		"{{.CreatedAt}}|{{.Names}}|{{.Image}}|{{.Status}}", NULL };
	(void)keep_answer(s, "docker-df", "docker system df", df, NULL);
	if (keep_answer(s, "containers", "containers, running or not", ps,
	    &out))
		plain_each(out.p, out.n, one_container, s);
	buf_release(&out);
}

/* ---- what changed -------------------------------------------------------- */

struct changed {
	struct spot *s;
	VEC(struct walk_file) v;	/* size unused */
};

static int
newest_first(const void *a, const void *b)
{
	const struct walk_file *x = a, *y = b;

	return x->mtime < y->mtime ? 1 : x->mtime > y->mtime ? -1 :
	    strcmp(x->path, y->path);
}

/* What programs keep beside a file that they change, or make by themselves, and
 * our own records. */
static bool
is_no_news(const struct isolate *i, const char *path)
{
	static const char *const ends[] = { "-", "~", ".lock", ".cache",
	    ".swp" };
	size_t n = strlen(path), dir = i->state != NULL &&
	    i->state->dir != NULL ? strlen(i->state->dir) : 0;

	for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
		size_t m = strlen(ends[k]);

		if (n >= m && strcmp(path + n - m, ends[k]) == 0)
			return true;
	}
	return dir > 0 && strncmp(path, i->state->dir, dir) == 0 &&
	    path[dir] == '/';
}

/* "SECONDS.FRACTION PATH" ended by NULs */
static void
take_changed(struct changed *c, const char *p, size_t n)
{
	while (n > 0) {
		size_t len = strnlen(p, n);
		const char *space = memchr(p, ' ', len);

		if (len == n)
			return;		/* cut off */
		int64_t at = strtoll(p, NULL, 10);

		if (space != NULL && at > 0 && at <= c->s->i->now / 1000 +
		    DAY_MS && !is_no_news(c->s->i, space + 1))
			VEC_PUSH(&c->v, ((struct walk_file){
			    .path = xstrdup(space + 1), .mtime = at * 1000 }));
		p += len + 1;
		n -= len + 1;
	}
}

static void
say_changed(struct changed *c)
{
	struct spot *s = c->s;
	struct buf text = BUF_INIT;
	char *name = xprintf("%s-changed.txt", s->name);
	char *what = xprintf("%s: files of settings that changed within a day",
	    s->name);

	if (c->v.n > 1)
		qsort(c->v.v, c->v.n, sizeof *c->v.v, newest_first);
	for (size_t i = 0; i < c->v.n; i++) {
		char at[32];

		clock_fmt_utc(at, c->v.v[i].mtime);
		buf_printf(&text, "%.19sZ  ", at);
		text_clean(&text, c->v.v[i].path, strlen(c->v.v[i].path),
		    TEXT_LINE);
		buf_ch(&text, '\n');
		if (i < CHANGED_KEPT)
			isolate_change(s->i, c->v.v[i].mtime, "%s: '%s' was "
			    "changed", s->name, c->v.v[i].path);
		if (i + 1 == CHANGED_SHOWN && c->v.n > CHANGED_SHOWN) {
			buf_printf(&text, "and %zu more\n",
			    c->v.n - CHANGED_SHOWN);
			break;
		}
	}
	if (c->v.n > 0)
		(void)evidence_put(&s->i->evidence, name, what, text.p,
		    text.n, false);
	for (size_t i = 0; i < c->v.n; i++)
		free(c->v.v[i].path);
	VEC_RELEASE(&c->v);
	buf_release(&text);
	free(name);
	free(what);
}

static void
look_at_changes(struct spot *s)
{
	const struct site *site = s->i->site;
	const char *far[] = { "find", "/etc", "-xdev", "-type", "f", "-mtime",
	    "-1", "-printf", "%T@ %p\\0", NULL };
	/* here, the site's own files as well: no data, no state */
	const char *here[] = { "find", "/etc", site->doc.dir, "-xdev",
	    "-maxdepth", "5", "-type", "f", "-mtime", "-1", "(", "-path",
	    "/etc/*", "-o", "-name", "*.cfg", "-o", "-name", "*.sh", "-o",
	    "-name", "*.yml", "-o", "-name", "*.yaml", "-o", "-name",
	    "*.conf", "-o", "-name", "*.env", "-o", "-name", ".pgpass", ")",
	    "-printf", "%T@ %p\\0", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct changed c = { .s = s };
	struct err e = ERR_INIT;

	if (s->down || isolate_stopped(s->i))
		return;
	s->eye.deadline = clock_mono_ms() + CHANGED_MS;
	/* what may not be read is left out, and makes the exit 1 */
	if (!eye_run(&s->eye, &s->target, s->at == NULL ? here : far, &ran,
	    &e))
		isolate_unseen(s->i, "%s: what changed: %s", s->name, e.msg);
	take_changed(&c, ran.out.p, ran.out.n);
	say_changed(&c);
	place_ran_release(&ran);
}

/* ---- disks --------------------------------------------------------------- */

static int64_t
fullness(const struct isolate *i, const struct site_disk *d)
{
	const struct reading *r = readings_find(&i->readings, "disk", d->name);

	return r == NULL || r->error != NULL ? -1 :
	    json_get_int(r->data, "percent", -1);
}

/* The fullest one, and those that are critical. */
static bool
is_worth_walking(const struct isolate *i, const struct site_disk *d)
{
	int64_t mine = fullness(i, d);

	if (mine < 0)
		return false;
	if (mine >= d->critical)
		return true;
	for (size_t k = 0; k < site_disks(i->site); k++) {
		const struct site_disk *other = site_disk_at(i->site, k);
		int64_t full = fullness(i, other);

		if (full > mine || (full == mine && other < d))
			return false;
	}
	return true;
}

static bool
is_at(const struct spot *s, const char *at)
{
	return at == NULL ? s->at == NULL : s->at != NULL &&
	    strcmp(at, s->at->name) == 0;
}

static void
walk_one(struct spot *s, const struct site_disk *d)
{
	struct isolate *i = s->i;
	struct disk_walked w = { .disk = xstrdup(d->name) };
	struct err e = ERR_INIT;
	struct place *p;
	struct buf text = BUF_INIT;
	char *name = xprintf("disk-%s-files.txt", d->name);
	char *what = xprintf("disk %s: its biggest and newest files", d->name);

	for (size_t k = 0; k < site_stores(i->site); k++)
		if (is_at(s, site_store_at(i->site, k)->at))
			VEC_PUSH(&w.walk.stores,
			    site_store_at(i->site, k)->path);
	isolate_doing(i, "the files of disk %s are looked at", d->name);
	s->eye.deadline = clock_mono_ms() + PLACE_MS;
	p = eye_place(&s->eye, &s->target, &e);
	if (p == NULL || !walk_disk(&w.walk, p, d->path,
	    clock_mono_ms() + WALK_MS, &e)) {
		isolate_unseen(i, "%s: %s", what, e.msg);
		walk_release(&w.walk);
		free(w.disk);
	} else {
		walk_write(&w.walk, &text);
		(void)evidence_put(&i->evidence, name, what, text.p, text.n,
		    false);
		VEC_PUSH(&i->walks, w);
	}
	buf_release(&text);
	free(name);
	free(what);
}

static void
look_at_disks(struct spot *s)
{
	for (size_t k = 0; k < site_disks(s->i->site); k++) {
		const struct site_disk *d = site_disk_at(s->i->site, k);

		if (is_at(s, d->at) && !s->down && !isolate_stopped(s->i) &&
		    s->i->walks.n < WALKS && is_worth_walking(s->i, d))
			walk_one(s, d);
	}
}

/* ---- logs ---------------------------------------------------------------- */

static void
look_at_log(struct spot *s, const struct site_log *l)
{
	struct isolate *i = s->i;
	struct tail tail = { .begun = false };
	struct tail_new new = TAIL_NEW_INIT;
	const struct reading *r = readings_find(&i->readings, "log", l->name);
	struct err e = ERR_INIT;
	struct place *p;
	char *name = xprintf("log-%s.txt", l->name);
	char *what = xprintf("log %s: the end of '%s'", l->name, l->path);

	/* what hung a child that may be killed would hang us */
	if (r != NULL && r->error != NULL) {
		isolate_unseen(i, "log %s: %s", l->name, r->error);
		goto out;
	}
	s->eye.deadline = clock_mono_ms() + PLACE_MS;
	p = eye_place(&s->eye, &s->target, &e);
	if (p == NULL || !tail_read(&tail, p, s->at == NULL, l->path,
	    TAIL_MAX, true, &new, &e))
		isolate_unseen(i, "log %s: %s", l->name, e.msg);
	else {
		(void)lines_add(&i->lines, l->name, new.text.p, new.text.n,
		    new.mtime_ms, i->now);
		if (new.text.n > 0)
			(void)evidence_put(&i->evidence, name, what,
			    new.text.p, new.text.n, true);
	}
out:
	tail_new_release(&new);
	free(name);
	free(what);
}

static void
look_at_logs(struct spot *s)
{
	for (size_t k = 0; k < site_logs(s->i->site); k++) {
		const struct site_log *l = site_log_at(s->i->site, k);

		if (is_at(s, l->at) && !s->down && !isolate_stopped(s->i))
			look_at_log(s, l);
	}
}

/* ---- all of them --------------------------------------------------------- */

static void
look_at_place(struct isolate *i, const struct site_place *at)
{
	static const char *const df[] = { "df", "-P", "-k", NULL };
	static const char *const inodes[] = { "df", "-P", "-i", NULL };
	struct spot s = { .i = i, .at = at, .name = name_of(at) };

	isolate_doing(i, "%s is looked at", s.name);
	eye_init(&s.eye, i->site, i->state);
	s.eye.once = true;
	s.eye.given_up = isolate_given_up;
	s.target = (struct target){ .name = s.name, .at = at };
	(void)keep_answer(&s, "df", "df", df, NULL);
	(void)keep_answer(&s, "df-inodes", "df -i", inodes, NULL);
	look_at_engine(&s);
	look_at_logs(&s);
	if (at == NULL || at->container == NULL)
		look_at_changes(&s);
	look_at_disks(&s);
	eye_release(&s.eye);
}

void
look_at_places(struct isolate *i)
{
	look_at_place(i, NULL);
	for (size_t k = 0; k < site_places(i->site); k++)
		if (!isolate_stopped(i))
			look_at_place(i, site_place_at(i->site, k));
}
