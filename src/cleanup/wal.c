#include "cleanup/wal.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
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

/* What keeps the server from removing it, each with its remedy. */
static void
say_holders(const json_t *d, struct buf *out)
{
	int64_t size = num(d, "wal_size"), keeps = num(d, "wal_keep_size");
	char kept[16];

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
}

bool
wal_say(const struct reading *r, int64_t full_used, struct buf *out)
{
	const json_t *d = r->data;
	int64_t size = num(d, "wal_size"), usual = num(d, "max_wal_size");
	/* more than a checkpoint leaves, or much of what fills its disk */
	bool more = size > 0 && usual > 0 && size >= usual + usual / 2;
	bool much = size > 0 && full_used > 0 && size >= full_used / SHARE;
	struct buf held = BUF_INIT;
	char word[16];

	if (more || much)
		say_holders(d, &held);
	/* held by nothing, and not where room is wanted: no trouble */
	if (!much && held.n == 0) {
		buf_release(&held);
		return false;
	}
	text_fmt_size(word, size);
	buf_printf(out, "pg_wal of %s has %s, and is never cleaned", r->name,
	    word);
	if (held.n > 0)
		buf_printf(out, "%s; then CHECKPOINT lets the server remove it "
		    "by itself", held.p);
	else if (more)
		buf_str(out, "; nothing is seen to hold it: CHECKPOINT lets the "
		    "server remove what it needs no more");
	else {
		text_fmt_size(word, usual);
		buf_printf(out, "; nothing is seen to hold it, it may have up "
		    "to %s: ALTER SYSTEM SET max_wal_size, SELECT "
		    "pg_reload_conf(), CHECKPOINT make it smaller", word);
	}
	buf_str(out, ". Until then give the disk room; a file removed by hand "
	    "is a database lost");
	buf_release(&held);
	return true;
}

/* ---- whether it lies on a disk that is too full --------------------------------- */

/* False: its server runs nobody knows where. */
static bool
server_at(const struct site *site, const struct site_db *db,
    const struct site_place **ret)
{
	const char *at = db->superuser.at != NULL ? db->superuser.at :
	    db->dump_at;
	const char *host = db->host;

	*ret = at != NULL ? site_place(site, at) : NULL;
	return at != NULL || (db->through == NULL && (host == NULL ||
	    host[0] == '/' || text_starts(host, "127.") ||
	    strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0));
}

/* What is used of the full disk that its data directory lies on; 0: on none. */
static int64_t
full_below(const struct clean_plan *p, const struct reading *r)
{
	const struct site *site = p->ask.site;
	const struct site_db *db = site_db(site, r->name);
	const char *dir = json_get_str(r->data, "data_directory");
	struct place_care care = { .secret = secret_find,
		.cancelled = p->ask.cancelled, .ctx = p->ask.ctx,
		.deadline_ms = clock_mono_ms() + READ_MS };
	const struct site_place *at;
	struct site_spec spec;
	struct place_room room;
	struct place *place;
	int64_t used = 0;

	if (db == NULL || dir == NULL || !server_at(site, db, &at))
		return 0;
	place = place_open(site_spec(&spec, site, at), &care, NULL);
	if (place == NULL || !place_room(place, dir, &room, NULL))
		room.fs = 0;
	place_close(place);
	for (size_t i = 0; i < p->disks.n && room.fs != 0; i++) {
		const struct clean_disk *d = &p->disks.v[i];

		if (d->trouble == NULL && d->need > 0 &&
		    d->room.fs == room.fs && d->room.total == room.total &&
		    (at == NULL) == (d->disk->at == NULL) && (at == NULL ||
		    strcmp(at->name, d->disk->at) == 0))
			used = d->room.used;
	}
	return used;
}

void
wal_look(struct clean_plan *p)
{
	struct watch_want want[] = { { "database", NULL } };
	struct readings got = { 0 };
	bool full = false;

	if (site_dbs(p->ask.site) == 0)
		return;
	for (size_t i = 0; i < p->disks.n; i++)
		full = full || p->disks.v[i].need > 0;
	watch_some(p->ask.site, p->ask.state, want, 1, AGE_MS,
	    clock_mono_ms() + READ_MS, &got);
	for (size_t i = 0; i < got.v.n; i++) {
		const struct reading *r = &got.v.v[i];
		struct buf b = BUF_INIT;

		if (strcmp(r->kind, "database") == 0 && wal_say(r, full ?
		    full_below(p, r) : 0, &b))
			VEC_PUSH(&p->notes, buf_detach(&b));
		buf_release(&b);
	}
	readings_release(&got);
}
