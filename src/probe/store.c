/*
 * store: can tonight's backup go there? Its place answers, the folder is there
 * and can be written, and there is the room that the site asks for.
 *
 * data, sizes in bytes:
 *	place		its name; left out: here
 *	path		as the site file has it
 *	wanted		backups must arrive there (`to`); false: they also may
 *	there		the folder exists
 *	writable	by the one who logs in there; left out: cannot be asked
 *			(a server that offers files alone)
 *	read_only	the file system
 *	avail, used, total, percent, fs		as for a disk
 *	min_free, min_free_percent		what the site asks for
 *	room		there is that much
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "reading/probe.h"

static size_t
store_count(const struct site *site)
{
	return site_stores(site);
}

static void
store_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_store *s = site_store_at(site, i);

	ret->name = s->name;
	ret->at = s->at ? site_place(site, s->at) : NULL;
	ret->row = s;
}

static bool
in(const struct conf_strs *names, const char *name)
{
	return text_in(name, (const char *const *)names->v, names->n);
}

static bool
wanted(const struct site_backup *b, const char *name)
{
	return in(&b->to, name) || in(&b->emergency.to, name);
}

static const char *
place_of(const struct target *t)
{
	return t->at ? t->at->name : "this host";
}

/* A link to a folder is one. */
static bool
look(struct place *p, const char *path, struct place_stat *ret, struct err *e)
{
	char *behind;
	bool ok = place_stat(p, path, ret, e);

	if (!ok || !ret->is_link)
		return ok;
	behind = xprintf("%s/.", path);
	ok = place_stat(p, behind, ret, e);
	free(behind);
	return ok;
}

/* 1 yes, 0 no, -1 nobody can say. Nothing is written to find out. */
static int
writable(struct eye *eye, const struct target *t, const char *path)
{
	const char *argv[] = { "test", "-w", path, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err quiet = ERR_INIT;
	int ret = -1;

	if (t->at == NULL)
		return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0;
	if (eye_run(eye, t, argv, &ran, &quiet) && ran.exit.code <= 1)
		ret = ran.exit.code == 0;
	place_ran_release(&ran);
	return ret;
}

static void
say_room(struct reading *r, const struct site_backup *b, enum level bad,
    const struct place_room *room)
{
	int64_t part = room->total / 100 * b->min_free_percent +
	    room->total % 100 * b->min_free_percent / 100;
	bool few = room->free < b->min_free, share = room->free < part;
	char left[16], all[16], need[16], percent[16] = "";

	text_fmt_size(left, room->free);
	text_fmt_size(all, room->total);
	text_fmt_size(need, b->min_free);
	if (share)
		(void)snprintf(percent, sizeof percent, "%d %%",
		    (int)b->min_free_percent);
	reading_bool(r, "room", !few && !share);
	if (!few && !share)
		reading_say(r, LEVEL_OK, NULL, "%s left of %s", left, all);
	else
		reading_say(r, bad, "midwatch cleanup --plan",
		    "%s left of %s, a backup wants %s%s%s", left, all,
		    few ? need : "", few && share ? " and " : "", percent);
}

static void
facts(struct reading *r, const struct target *t, const struct site_backup *b,
    bool must, const struct place_room *room)
{
	const struct site_store *s = t->row;
	char fs[24];

	reading_str(r, "place", s->at);
	reading_str(r, "path", s->path);
	reading_bool(r, "wanted", must);
	reading_bool(r, "there", true);
	reading_int(r, "min_free", b->min_free);
	reading_int(r, "min_free_percent", b->min_free_percent);
	reading_bool(r, "read_only", room->read_only);
	reading_int(r, "avail", room->free);
	reading_int(r, "used", room->used);
	reading_int(r, "total", room->total);
	reading_int(r, "percent", place_percent(room->used, room->free));
	if (room->fs != 0) {
		(void)snprintf(fs, sizeof fs, "%" PRIx64, room->fs);
		reading_str(r, "fs", fs);
	}
}

static void
missing(const struct target *t, struct reading *r, enum level bad)
{
	const struct site_store *s = t->row;
	const char *where = place_of(t);
	struct buf next = BUF_INIT;

	reading_str(r, "place", s->at);
	reading_str(r, "path", s->path);
	reading_bool(r, "there", false);
	buf_printf(&next, "make the folder at %s, for whoever logs in there:"
	    " mkdir -p ", where);
	text_shell(&next, s->path);
	reading_say(r, bad, next.p, "there is no '%s' at %s", s->path, where);
	buf_release(&next);
}

/* False: there is nothing more to ask. */
static bool
folder(struct eye *eye, const struct target *t, struct reading *r,
    enum level bad, bool is_dir)
{
	const struct site_store *s = t->row;
	const char *where = place_of(t);
	int can;

	if (!is_dir) {
		reading_say(r, bad, "correct the path in the site file, or move"
		    " away what is there", "'%s' at %s is no folder", s->path,
		    where);
		return false;
	}
	can = writable(eye, t, s->path);
	if (can >= 0)
		reading_bool(r, "writable", can == 1);
	if (can == 0)
		reading_say(r, bad, "give the folder to whoever makes the"
		    " backups: see its owner and mode with ls -ld",
		    "'%s' at %s cannot be written", s->path, where);
	return true;
}

static void
store_read(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_store *s = t->row;
	const struct site_backup *b = &eye->site->backup;
	bool must = wanted(b, s->name);
	enum level bad = must ? LEVEL_CRITICAL : LEVEL_WARNING;
	struct place_room room;
	struct place_stat st;
	struct err e = ERR_INIT;
	struct place *p = eye_place(eye, t, &e);

	if (p == NULL || !look(p, s->path, &st, &e) ||
	    !place_room(p, s->path, &room, &e)) {
		if (p != NULL && e.kind == ERR_NOTFOUND)
			missing(t, r, bad);
		else
			reading_fail(r, &e);
		return;
	}
	facts(r, t, b, must, &room);
	if (!folder(eye, t, r, bad, st.is_dir))
		return;
	if (room.read_only)
		reading_say(r, bad, "find out why before it is mounted writable"
		    " again", "its file system is read-only");
	say_room(r, b, bad, &room);
}

const struct probe probe_store = {
	.kind = "store",
	.what = "whether a backup can go there: reachable, writable, room",
	.every_ms = 30000,
	.deadline_ms = 10000,
	.count = store_count,
	.target = store_target,
	.read = store_read,
};
