#include "cleanup/wal.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "watch/watch.h"

enum { READ_MS = 15000, AGE_MS = 60000, SHARE = 5 };

static int64_t
num(const json_t *o, const char *key)
{
	return json_get_int(o, key, 0);
}

static void
say_slots(const json_t *d, struct buf *out)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(d, "slots"), i, o) {
		const char *name = json_get_str(o, "name");
		char size[16];

		if (num(o, "held") < num(d, "wal_size") / SHARE)
			continue;
		text_fmt_size(size, num(o, "held"));
		buf_printf(out, "; the slot '%s' keeps %s%s: start what reads "
		    "it, or, when nothing ever will again, SELECT "
		    "pg_drop_replication_slot('%s')", name ? name : "?", size,
		    json_get_bool(o, "active") ? "" : " and is read by nobody",
		    name ? name : "?");
	}
}

bool
wal_say(const struct reading *r, int64_t full_used, struct buf *out)
{
	const json_t *d = r->data;
	int64_t size = num(d, "wal_size"), usual = num(d, "max_wal_size");
	int64_t keeps = num(d, "wal_keep_size");
	char word[16], kept[16];
	size_t before;

	/* more than a checkpoint leaves, or much of what fills the disk */
	if (size == 0 || ((usual == 0 || size < usual + usual / 2) &&
	    (full_used == 0 || size < full_used / SHARE)))
		return false;
	text_fmt_size(word, size);
	buf_printf(out, "pg_wal of %s has %s, and is never cleaned", r->name,
	    word);
	before = out->n;
	if (json_get_bool(d, "archiver_failing"))
		buf_printf(out, "; archiving fails at %s, and %" PRId64
		    " files wait: mend archive_command (the server's log has "
		    "its words)", json_get_str(d, "last_failed_wal") ?
		    json_get_str(d, "last_failed_wal") : "?",
		    num(d, "wal_ready"));
	say_slots(d, out);
	if (keeps > size / SHARE) {
		text_fmt_size(kept, keeps);
		buf_printf(out, "; wal_keep_size keeps %s: ALTER SYSTEM SET "
		    "wal_keep_size, SELECT pg_reload_conf()", kept);
	}
	if (out->n == before)
		buf_str(out, "; nothing is seen to hold it");
	buf_str(out, "; then CHECKPOINT lets the server remove it by itself. "
	    "Until then give the disk room; a file removed by hand is a "
	    "database lost");
	return true;
}

void
wal_look(struct clean_plan *p)
{
	struct watch_want want[] = { { "database", NULL } };
	struct readings got = { 0 };
	int64_t used = 0;

	if (site_dbs(p->ask.site) == 0)
		return;
	for (size_t i = 0; i < p->disks.n; i++)
		if (p->disks.v[i].need > 0 && (used == 0 ||
		    p->disks.v[i].room.used < used))
			used = p->disks.v[i].room.used;
	watch_some(p->ask.site, p->ask.state, want, 1, AGE_MS,
	    clock_mono_ms() + READ_MS, &got);
	for (size_t i = 0; i < got.v.n; i++) {
		struct buf b = BUF_INIT;

		if (strcmp(got.v.v[i].kind, "database") == 0 &&
		    wal_say(&got.v.v[i], used, &b))
			VEC_PUSH(&p->notes, buf_detach(&b));
		buf_release(&b);
	}
	readings_release(&got);
}
