#include "isolate/cause.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { REASONS = 12, DAY_MS = 86400000, PART_PERCENT = 10, TWICE = 2 };

static const char *const names[] = {
#define X(id, name, text) name,
	CAUSES(X)
#undef X
};
static const char *const texts[] = {
#define X(id, name, text) text,
	CAUSES(X)
#undef X
};

const char *
cause_verdict_name(enum cause_verdict v)
{
	static const char *const words[] = { "unknown", "suspected",
	    "unlikely" };

	return words[v];
}

/* ---- sentences ----------------------------------------------------------- */

static void
say(struct reasons *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
say(struct reasons *r, const char *fmt, ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	if (r->v.n >= REASONS)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	VEC_PUSH(&r->v, buf_detach(&clean));
	buf_release(&b);
}

static bool
is(const struct reading *r, const char *kind)
{
	return strcmp(r->kind, kind) == 0;
}

/* Each reading of a kind; those without an answer are said to be unknown. */
#define EACH(in, c, kind, r)						\
	for (size_t i_ = 0; i_ < (in)->readings->v.n; i_++)		\
		for (const struct reading *r = known((c), kind,	\
		    &(in)->readings->v.v[i_]); r != NULL; r = NULL)

static const struct reading *
known(struct cause *c, const char *kind, const struct reading *r)
{
	if (!is(r, kind))
		return NULL;
	if (r->error == NULL)
		return r;
	say(&c->unknown, "%s %s: %s", kind, r->name, r->error);
	return NULL;
}

static int64_t
num(const struct reading *r, const char *key)
{
	return json_get_int(r->data, key, 0);
}

static const char *
size_of(int64_t bytes)
{
	static char out[4][16];
	static int next;

	next = (next + 1) % 4;
	text_fmt_size(out[next], bytes);
	return out[next];
}

static const char *
time_of(int64_t ms)
{
	static char out[2][40];
	static int next;

	next = (next + 1) % 2;
	clock_fmt_site(out[next], ms);
	out[next][16] = '\0';
	return out[next];
}

static const char *
when_said(const char *utc)
{
	int64_t ms;

	return utc != NULL && clock_parse_utc(utc, &ms) ? time_of(ms) : "?";
}

/* Lines of the logs that the table of alarms calls so. */
static size_t
alarms_said(const struct cause_input *in, struct cause *c,
    const char *const *alarms)
{
	size_t n = 0;

	for (size_t i = 0; in->lines != NULL && i < in->lines->v.n; i++) {
		const struct line_found *f = &in->lines->v.v[i];

		for (size_t k = 0; f->alarm != NULL && alarms[k] != NULL; k++)
			if (strcmp(f->alarm, alarms[k]) == 0 && n++ < 3)
				say(&c->speaks_for, "log %s, %s: %s", f->log,
				    time_of(f->at), f->text);
	}
	return n;
}

/* The worst disk's reading by its name. */
static int64_t
percent_of(const struct cause_input *in, const char *disk)
{
	const struct reading *r = readings_find(in->readings, "disk", disk);

	return r != NULL && r->error == NULL ? num(r, "percent") : -1;
}

/* ---- one cause after the other ------------------------------------------- */

static void
weigh_sets(const struct cause_input *in, struct cause *c)
{
	int64_t kept = in->site->retention.daily + in->site->retention.weekly;

	EACH(in, c, "sets", r) {
		int64_t whole = num(r, "whole") - num(r, "manual");

		if (num(r, "orphans") > 0)
			say(&c->speaks_for, "store %s: %" PRId64 " left-over "
			    "files, %s", r->name, num(r, "orphans"),
			    size_of(num(r, "orphan_bytes")));
		if (num(r, "unfinished_bytes") > 0)
			say(&c->speaks_for, "store %s: unfinished sets take "
			    "%s", r->name, size_of(num(r,
			    "unfinished_bytes")));
		if (whole > kept + in->site->retention.daily)
			say(&c->speaks_for, "store %s: %" PRId64 " whole sets,"
			    " and the policy keeps %" PRId64 " daily and %"
			    PRId64 " weekly", r->name, whole,
			    in->site->retention.daily,
			    in->site->retention.weekly);
		else if (!json_get_bool(r->data, "absent"))
			say(&c->against, "store %s: %" PRId64 " whole sets are "
			    "within the policy", r->name, whole);
	}
}

static void
weigh_retention(const struct cause_input *in, struct cause *c)
{
	weigh_sets(in, c);
	for (size_t i = 0; i < in->n_walks; i++) {
		const struct walk *w = in->walks[i].walk;
		int64_t dumps = w->kinds[WALK_DUMPS];

		if (w->bytes == 0)
			continue;
		if (dumps * 100 >= w->bytes * PART_PERCENT)
			say(&c->speaks_for, "disk %s (%" PRId64 " %% full): "
			    "dumps and archives that are in no set are %s "
			    "of the %s that were found", in->walks[i].disk, percent_of(in,
			    in->walks[i].disk), size_of(dumps),
			    size_of(w->bytes));
		else
			say(&c->against, "disk %s: dumps and archives that "
			    "are in no set are only %s of %s", in->walks[i].disk, size_of(dumps),
			    size_of(w->bytes));
	}
}

static bool
is_password_matter(const char *no)
{
	static const char *const matters[] = { "password", "no-password",
	    "role", "locked", "role-or-locked", "auth" };

	return no != NULL && text_in(no, matters, 6);
}

static void
weigh_credentials(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "database", r) {
		const char *no = json_get_str(r->data, "no"), *last;

		if (json_get_bool(r->data, "can_login")) {
			say(&c->against, "%s: the stored login works", r->name);
			continue;
		}
		if (json_object_get(r->data, "can_login") == NULL)
			continue;
		last = json_get_str(r->data, "last_login");
		if (!is_password_matter(no))
			say(&c->against, "%s: it is refused for another "
			    "reason (%s)", r->name, no != NULL ? no : "?");
		else
			say(&c->speaks_for, "%s: the server says no (%s%s%s)"
			    "%s%s", r->name, no, json_get_str(r->data,
			    "sqlstate") != NULL ? ", SQLSTATE " : "",
			    json_get_str(r->data, "sqlstate") != NULL ?
			    json_get_str(r->data, "sqlstate") : "",
			    last != NULL ? "; it worked last at " : "",
			    last != NULL ? when_said(last) : "");
	}
	for (size_t i = 0; i < in->n_refusals; i++)
		say(&c->speaks_for, "%s", in->refusals[i]);
	for (size_t i = 0; in->lines != NULL && i < in->lines->logins.n &&
	    i < 5; i++) {
		const struct login_count *l = &in->lines->logins.v[i];

		for (size_t k = 0; k < site_dbs(in->site); k++) {
			const struct site_db *db = site_db_at(in->site, k);

			if (db->user == NULL || strcmp(db->user, l->role) != 0)
				continue;
			say(&c->speaks_for, "%s failed to log in %" PRId64
			    " time%s%s%s, last at %s", l->role, l->times,
			    l->times == 1 ? "" : "s", l->address[0] != '\0' ?
			    " from " : "", l->address, time_of(l->last));
			break;
		}
	}
}

/* How many slots hold files, and the first one's name. */
static size_t
held_slots(const struct reading *r, const char **ret_name)
{
	const json_t *slots = json_object_get(r->data, "slots"), *s;
	size_t i, n = 0;

	json_array_foreach(slots, i, s)
		if (!json_get_bool(s, "active") &&
		    json_get_int(s, "held", 0) > 0 && n++ == 0)
			*ret_name = json_get_str(s, "name");
	return n;
}

static void
weigh_wal(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "database", r) {
		const char *slot = NULL;
		size_t held = held_slots(r, &slot), before =
		    c->speaks_for.v.n;
		int64_t wal = json_get_int(r->data, "wal_size", -1);
		int64_t max = num(r, "max_wal_size") + num(r, "wal_keep_size");

		if (!json_get_bool(r->data, "can_login"))
			say(&c->unknown, "%s: its server could not be asked",
			    r->name);
		if (json_get_bool(r->data, "archiver_failing"))
			say(&c->speaks_for, "%s: the archiver fails, last at "
			    "%s; %" PRId64 " files wait", r->name,
			    when_said(json_get_str(r->data, "last_failed")),
			    num(r, "wal_ready"));
		if (held > 0)
			say(&c->speaks_for, "%s: %zu slot%s that nobody reads "
			    "hold%s files ('%s')", r->name, held, held == 1 ?
			    "" : "s", held == 1 ? "s" : "", slot != NULL ?
			    slot : "?");
		if (wal >= 0 && max > 0 && wal > TWICE * max)
			say(&c->speaks_for, "%s: pg_wal has %s, and its "
			    "settings ask for %s", r->name, size_of(wal),
			    size_of(max));
		else if (wal >= 0 && before == c->speaks_for.v.n)
			say(&c->against, "%s: pg_wal has %s, and nothing holds "
			    "it", r->name, size_of(wal));
	}
	for (size_t i = 0; i < in->n_walks; i++) {
		const struct walk *w = in->walks[i].walk;

		if (w->bytes == 0)
			continue;
		if (w->kinds[WALK_WAL] * 5 > w->bytes)
			say(&c->speaks_for, "disk %s: pg_wal is %s of the %s "
			    "that were found", in->walks[i].disk,
			    size_of(w->kinds[WALK_WAL]), size_of(w->bytes));
		else if (w->whole)
			say(&c->against, "disk %s: pg_wal is only %s of %s",
			    in->walks[i].disk, size_of(w->kinds[WALK_WAL]),
			    size_of(w->bytes));
	}
	(void)alarms_said(in, c, (const char *const[]){ "wal-full",
	    "wal-archive", "wal-slot", NULL });
}

static void
weigh_leftovers(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "docker", r) {
		int64_t some = num(r, "reclaimable"), size = 0;
		static const char *const parts[] = { "images", "containers",
		    "cache" };

		for (size_t i = 0; i < 3; i++)
			size += json_get_int(json_object_get(r->data,
			    parts[i]), "size", 0);
		if (size > 0 && some * 100 >= size * PART_PERCENT)
			say(&c->speaks_for, "%s: %s of %s could be given back "
			    "(images, containers and build cache)", r->name,
			    size_of(some), size_of(size));
		else
			say(&c->against, "%s: only %s could be given back",
			    r->name, size_of(some));
	}
}

/* Which clock, and when instead; what the reading says where it is another
 * matter. */
static void
say_wrong_schedule(const struct reading *r, struct cause *c)
{
	const json_t *by = json_array_get(json_object_get(r->data, "starters"),
	    0);
	const char *zone = json_get_str(by, "zone"), *site =
	    json_get_str(r->data, "zone"), *what = json_get_str(by, "what");
	const char *wrong = json_get_str(r->data, "wrong_on");
	const char *fires = json_get_str(r->data, "fires_on");

	if (by == NULL)
		say(&c->speaks_for, "nothing is seen to start the nightly");
	else if (zone != NULL && site != NULL && strcmp(zone, site) != 0 &&
	    wrong != NULL)
		say(&c->speaks_for, "%s goes by the clock of %s, the site by "
		    "%s: what is due at %s starts at %s", what != NULL ? what :
		    "what starts it", zone, site, when_said(wrong),
		    fires != NULL ? when_said(fires) : "no time");
	else
		say(&c->speaks_for, "%s", r->text != NULL ? r->text :
		    "it is not started as stated");
}

static void
weigh_zone(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "schedule", r) {
		const json_t *right = json_object_get(r->data, "right");

		if (json_is_false(right))
			say_wrong_schedule(r, c);
		else if (json_is_true(right))
			say(&c->against, "what starts the nightly does so at "
			    "the hour and in the zone that the site states");
		else
			say(&c->unknown, "what starts the nightly cannot be "
			    "seen");
		if (json_get_bool(r->data, "missed"))
			say(&c->speaks_for, "the last nightly was not begun in "
			    "its window");
	}
	(void)alarms_said(in, c, (const char *const[]){ "nightly-missed",
	    NULL });
}

static void
weigh_upload(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "backup", r) {
		int64_t sent = json_get_int(r->data, "sent_ms", -1);
		int64_t good = json_get_int(r->data, "verified_ms", -1);
		const char *store = json_get_str(r->data, "sent_store");

		if (sent > good)
			say(&c->speaks_for, "%s: the copy of %s in %s is sent "
			    "and not verified", r->name, time_of(sent),
			    store != NULL ? store : "a store");
		else if (good >= 0)
			say(&c->against, "%s: the newest copy, of %s, was read "
			    "back", r->name, time_of(good));
		else
			say(&c->unknown, "%s: there is no copy", r->name);
	}
	for (size_t i = 0; i < in->n_sums; i++) {
		const struct cause_sum *s = &in->sums[i];

		if (s->read && !s->same)
			say(&c->speaks_for, "%s in %s is not as it was sent%s"
			    "%s", s->path, s->store, s->why != NULL ? ": " :
			    "", s->why != NULL ? s->why : "");
		else if (s->read)
			say(&c->against, "%s in %s has the checksum it was "
			    "sent with", s->path, s->store);
		else
			say(&c->unknown, "%s in %s was not read: %s", s->path,
			    s->store, s->why != NULL ? s->why : "?");
	}
	(void)alarms_said(in, c, (const char *const[]){ "checksum-mismatch",
	    "remote-empty", "upload-failed", "false-success",
	    "validation-failed", "restore-test-failed", "script-arithmetic",
	    "script-arithmetic-other", NULL });
}

static bool
is_backup_title(const char *title)
{
	return title != NULL && (text_starts(title, "nightly") ||
	    text_starts(title, "backup")) && strstr(title, "dry run") == NULL;
}

static void
weigh_overlap(const struct cause_input *in, struct cause *c)
{
	size_t running = 0;
	bool asked = false;

	EACH(in, c, "work", r) {
		const json_t *jobs = json_object_get(r->data, "running"), *j;
		size_t i;

		asked = asked || strcmp(r->name, "jobs") == 0;
		json_array_foreach(jobs, i, j)
			running += is_backup_title(json_get_str(j, "title"));
	}
	if (running > 1)
		say(&c->speaks_for, "%zu backups of midwatch run at once",
		    running);
	EACH(in, c, "database", r)
		if (num(r, "dumps_running") > 1)
			say(&c->speaks_for, "%s: %" PRId64 " dumps read it at "
			    "once", r->name, num(r, "dumps_running"));
	EACH(in, c, "schedule", r)
		if (r->text != NULL && strstr(r->text, "started twice") != NULL)
			say(&c->speaks_for, "%s", r->text);
	for (size_t i = 0; i < in->n_overlaps; i++)
		say(&c->speaks_for, "%s", in->overlaps[i]);
	if (alarms_said(in, c, (const char *const[]){ "two-runs", NULL }) ==
	    0 && asked && running <= 1 && in->n_overlaps == 0)
		say(&c->against, "no two backups run now, and no log tells of "
		    "two");
}

static void
weigh_size(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "backup", r) {
		const char *verdict = json_get_str(r->data, "size_verdict");

		if (json_get_bool(r->data, "size_anomaly"))
			say(&c->speaks_for, "%s: the newest copy has %s, and "
			    "they usually have %s", r->name,
			    size_of(num(r, "size")),
			    size_of(num(r, "usual_size")));
		else if (verdict != NULL && strcmp(verdict, "normal") == 0)
			say(&c->against, "%s: %s is as usual", r->name,
			    size_of(num(r, "size")));
		else if (verdict != NULL)
			say(&c->unknown, "%s: %s", r->name, verdict);
	}
	(void)alarms_said(in, c, (const char *const[]){ "size-anomaly",
	    "remote-empty", NULL });
}

/* What a host's kernel says, in words; false: nothing is wrong. */
static bool
weigh_host(const struct reading *r, struct cause *c)
{
	static const struct { const char *key, *what; } counts[] = {
		{ "io_errors", "I/O errors" },
		{ "fs_errors", "file system errors" },
		{ "hardware_errors", "hardware errors" },
		{ "link_errors", "errors of links" },
		{ "stuck", "tasks that hung" },
	};
	static const char *const lists[] = { "read_only", "not_mounted",
	    "ext4", "btrfs" };
	bool bad = false;
	const json_t *raid = json_object_get(r->data, "raid"), *one;
	size_t i;

	for (i = 0; i < sizeof counts / sizeof *counts; i++)
		if (num(r, counts[i].key) > 0) {
			say(&c->speaks_for, "%s: the kernel's log has %" PRId64
			    " %s", r->name, num(r, counts[i].key),
			    counts[i].what);
			bad = true;
		}
	for (i = 0; i < sizeof lists / sizeof *lists; i++) {
		const json_t *l = json_object_get(r->data, lists[i]);
		bool errors = i >= 2;
		size_t k, n = 0;

		json_array_foreach(l, k, one)
			n += !errors || json_get_int(one, "errors", 0) > 0;
		if (n > 0) {
			say(&c->speaks_for, "%s: %s", r->name, r->text != NULL ?
			    r->text : lists[i]);
			bad = true;
		}
	}
	json_array_foreach(raid, i, one)
		if (json_get_int(one, "degraded", 0) > 0 ||
		    json_get_bool(one, "degraded")) {
			say(&c->speaks_for, "%s: the array %s is degraded",
			    r->name, json_get_str(one, "name"));
			bad = true;
		}
	return bad;
}

static void
weigh_hardware(const struct cause_input *in, struct cause *c)
{
	EACH(in, c, "kernel", r) {
		const char *log = json_get_str(r->data, "log");

		if (weigh_host(r, c))
			continue;
		if (log == NULL || strcmp(log, "closed") == 0)
			say(&c->unknown, "%s: the kernel's log may not be "
			    "read", r->name);
		else
			say(&c->against, "%s: no errors of disks, file "
			    "systems, memory or links", r->name);
	}
	EACH(in, c, "database", r)
		if (num(r, "checksum_failures") > 0)
			say(&c->speaks_for, "%s: the server counted %" PRId64
			    " failures of page checksums", r->name,
			    num(r, "checksum_failures"));
}

/* ---- all of them --------------------------------------------------------- */

typedef void weigh_fn(const struct cause_input *in, struct cause *c);
static weigh_fn *const weigh[CAUSE_COUNT] = {
	[CAUSE_RETENTION] = weigh_retention,
	[CAUSE_CREDENTIALS] = weigh_credentials,
	[CAUSE_WAL] = weigh_wal,
	[CAUSE_LEFTOVERS] = weigh_leftovers,
	[CAUSE_ZONE] = weigh_zone,
	[CAUSE_UPLOAD] = weigh_upload,
	[CAUSE_OVERLAP] = weigh_overlap,
	[CAUSE_SIZE] = weigh_size,
	[CAUSE_HARDWARE] = weigh_hardware,
};

void
causes_weigh(struct causes *all, const struct cause_input *in)
{
	for (int i = 0; i < CAUSE_COUNT; i++) {
		struct cause *c = VEC_NEW(&all->v);

		c->id = (enum cause_id)i;
		c->name = names[i];
		c->text = texts[i];
		weigh[i](in, c);
		/* what was not seen rules nothing out */
		c->verdict = c->speaks_for.v.n > 0 ? CAUSE_SUSPECTED :
		    c->against.v.n > 0 && c->unknown.v.n == 0 ?
		    CAUSE_UNLIKELY : CAUSE_UNKNOWN;
	}
}

static void
reasons_release(struct reasons *r)
{
	for (size_t i = 0; i < r->v.n; i++)
		free(r->v.v[i]);
	VEC_RELEASE(&r->v);
}

void
causes_release(struct causes *all)
{
	for (size_t i = 0; i < all->v.n; i++) {
		reasons_release(&all->v.v[i].speaks_for);
		reasons_release(&all->v.v[i].against);
		reasons_release(&all->v.v[i].unknown);
	}
	VEC_RELEASE(&all->v);
}
