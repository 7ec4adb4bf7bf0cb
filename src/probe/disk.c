/*
 * disk: how full the file systems of the site are, as `df` counts it.
 *
 * data, sizes in bytes:
 *	place		its name; left out: here
 *	path		as the site file has it
 *	used		taken, by anybody
 *	free		not taken, root's reserve included
 *	avail		what an ordinary user can still have of it
 *	reserved	free - avail
 *	total		the file system's size
 *	percent		used of used + avail, rounded up
 *	inodes_used, inodes_free, inodes_percent
 *			left out where the file system has no such limit
 *	warn, high, critical
 *			the thresholds, percent; they hold for inodes as well
 *	crossed		"warn", "high", "critical": the highest that was
 *			reached, of both; left out: none
 *	read_only	nothing can be written there
 *	fs		the file system's number in hex: two disks of one host
 *			with the same one fill together; left out: it has none
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "reading/probe.h"

static size_t
disk_count(const struct site *site)
{
	return site_disks(site);
}

static void
disk_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_disk *d = site_disk_at(site, i);

	ret->name = d->name;
	ret->at = d->at ? site_place(site, d->at) : NULL;
	ret->row = d;
}

struct threshold {
	const char *name;		/* NULL: none was reached */
	int64_t percent;
	enum level level;
};

static struct threshold
reached(const struct site_disk *d, int percent)
{
	if (percent >= d->critical)
		return (struct threshold){ "critical", d->critical,
			LEVEL_CRITICAL };
	if (percent >= d->high)
		return (struct threshold){ "high", d->high, LEVEL_WARNING };
	if (percent >= d->warn)
		return (struct threshold){ "warn", d->warn, LEVEL_WARNING };
	return (struct threshold){ NULL, 0, LEVEL_OK };
}

static void
facts(struct reading *r, const struct site_disk *d,
    const struct place_room *room, int percent, int inodes)
{
	char fs[24];

	reading_str(r, "place", d->at);
	reading_str(r, "path", d->path);
	reading_int(r, "used", room->used);
	reading_int(r, "free", room->free + room->reserved);
	reading_int(r, "avail", room->free);
	reading_int(r, "reserved", room->reserved);
	reading_int(r, "total", room->total);
	reading_int(r, "percent", percent);
	if (room->inodes > 0) {
		reading_int(r, "inodes_used", room->inodes_used);
		reading_int(r, "inodes_free", room->inodes_free);
		reading_int(r, "inodes_percent", inodes);
	}
	reading_int(r, "warn", d->warn);
	reading_int(r, "high", d->high);
	reading_int(r, "critical", d->critical);
	reading_bool(r, "read_only", room->read_only);
	if (room->fs != 0) {
		(void)snprintf(fs, sizeof fs, "%" PRIx64, room->fs);
		reading_str(r, "fs", fs);
	}
}

static void
say_room(struct reading *r, const struct place_room *room, int percent,
    const struct threshold *t)
{
	char left[16], kept[16], root[64] = "", limit[40] = "";

	text_fmt_size(left, room->free);
	text_fmt_size(kept, room->reserved);
	/* why root can still write when nobody else can */
	if (room->free == 0 && room->reserved > 0)
		(void)snprintf(root, sizeof root, ", %s more for root alone",
		    kept);
	if (t->name != NULL)
		(void)snprintf(limit, sizeof limit, " (threshold %d)",
		    (int)t->percent);
	reading_say(r, t->level, t->name ? "midwatch cleanup --plan" : NULL,
	    "%d %% full, %s left%s%s", percent, left, root, limit);
}

static void
disk_read(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_disk *d = t->row;
	struct threshold bytes, files;
	struct place_room room;
	struct err e = ERR_INIT;
	struct place *p = eye_place(eye, t, &e);
	int percent, inodes;

	if (p == NULL || !place_room(p, d->path, &room, &e)) {
		if (p != NULL && e.kind == ERR_NOTFOUND)
			err_hint(&e, "see whether the disk is mounted, else"
			    " correct its path in the site file");
		reading_fail(r, &e);
		return;
	}
	percent = place_percent(room.used, room.free);
	inodes = room.inodes > 0 ? place_percent(room.inodes_used,
	    room.inodes_free) : 0;
	bytes = reached(d, percent);
	files = reached(d, inodes);
	facts(r, d, &room, percent, inodes);
	reading_str(r, "crossed", bytes.percent > files.percent ? bytes.name :
	    files.name);
	if (room.read_only)
		reading_say(r, LEVEL_CRITICAL, "find out why before it is"
		    " mounted writable again: a kernel that meets I/O errors"
		    " does this", "read-only: nothing can be written there");
	if (files.name != NULL)
		reading_say(r, files.level, "midwatch cleanup --plan",
		    "%d %% of the inodes used, %" PRId64 " left (threshold %d)",
		    inodes, room.inodes_free, (int)files.percent);
	say_room(r, &room, percent, &bytes);
}

const struct probe probe_disk = {
	.kind = "disk",
	.what = "how full the disks are: bytes, inodes, read-only",
	.every_ms = 5000,
	.deadline_ms = 5000,
	.count = disk_count,
	.target = disk_target,
	.read = disk_read,
};
