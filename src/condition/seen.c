/*
 * The answers that readings give. A reading that did not come is no answer, and
 * neither is a fact that could not be seen.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "condition/intern.h"
#include "watch/watch.h"

enum { READ_MS = 6000, AGE_MS = 15000 };

/* One question, of one reading. */
struct asked {
	const struct cond *c;
	const struct cond_world *w;
};
typedef enum truth judge_fn(const struct asked *a, const struct reading *r,
    struct buf *why);

static enum truth
say(enum truth t, struct buf *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static enum truth
say(enum truth t, struct buf *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	return t;
}

static enum truth
not_seen(const struct reading *r, struct buf *why, const char *what)
{
	return say(TRUTH_UNKNOWN, why, "%s %s: %s could not be seen", r->kind,
	    r->name, what);
}

/* ---- facts --------------------------------------------------------------------- */

static bool
number(const struct reading *r, const char *key, int64_t *ret)
{
	const json_t *v = json_object_get(r->data, key);

	if (!json_is_integer(v))
		return false;
	*ret = json_integer_value(v);
	return true;
}

static enum truth
flag(const struct reading *r, const char *key)
{
	const json_t *v = json_object_get(r->data, key);

	return json_is_true(v) ? TRUTH_YES : json_is_false(v) ? TRUTH_NO :
	    TRUTH_UNKNOWN;
}

/* The reading's own words are the reason. */
static enum truth
in_its_words(enum truth t, const struct reading *r, struct buf *why)
{
	return say(t, why, "%s %s: %s", r->kind, r->name,
	    r->text != NULL ? r->text : truth_name(t));
}

/* ---- judges --------------------------------------------------------------------- */

static enum truth
judge_percent(const struct asked *a, const struct reading *r, struct buf *why)
{
	char room[16];
	int64_t pct, avail = 0;

	if (!number(r, "percent", &pct))
		return not_seen(r, why, "how full it is");
	(void)number(r, "avail", &avail);
	text_fmt_size(room, avail);
	return say(pct < a->c->number ? TRUTH_YES : TRUTH_NO, why,
	    "%s is %" PRId64 "%% full, %s free", r->name, pct, room);
}

static enum truth
judge_room(const struct asked *a, const struct reading *r, struct buf *why)
{
	char room[16];
	int64_t avail;

	if (!number(r, "avail", &avail))
		return not_seen(r, why, "its room");
	text_fmt_size(room, avail);
	return say(avail >= a->c->number ? TRUTH_YES : TRUTH_NO, why,
	    "%s has %s free", r->name, room);
}

static enum truth
judge_inodes(const struct asked *a, const struct reading *r, struct buf *why)
{
	int64_t pct;

	if (!number(r, "inodes_percent", &pct))
		return say(TRUTH_YES, why, "%s does not count inodes", r->name);
	return say(pct < a->c->number ? TRUTH_YES : TRUTH_NO, why,
	    "%s has used %" PRId64 "%% of its inodes", r->name, pct);
}

static enum truth
judge_flag(const struct reading *r, const char *key, struct buf *why,
    const char *what)
{
	enum truth t = flag(r, key);

	return t == TRUTH_UNKNOWN ? not_seen(r, why, what) :
	    in_its_words(t, r, why);
}

static enum truth
judge_login(const struct asked *a, const struct reading *r, struct buf *why)
{
	(void)a;
	return judge_flag(r, "can_login", why, "whether it lets us in");
}

static enum truth
judge_store(const struct asked *a, const struct reading *r, struct buf *why)
{
	(void)a;
	return judge_flag(r, "there", why, "whether it is there");
}

static enum truth
judge_place(const struct asked *a, const struct reading *r, struct buf *why)
{
	enum truth commands = flag(r, "commands");

	(void)a;
	if (commands == TRUTH_UNKNOWN && flag(r, "login") != TRUTH_UNKNOWN)
		commands = TRUTH_NO;
	if (commands == TRUTH_UNKNOWN && flag(r, "reachable") == TRUTH_NO)
		commands = TRUTH_NO;
	return commands == TRUTH_UNKNOWN ?
	    not_seen(r, why, "whether commands run there") :
	    in_its_words(commands, r, why);
}

static enum truth
judge_service(const struct asked *a, const struct reading *r, struct buf *why)
{
	(void)a;
	return judge_flag(r, "up", why, "whether it is up");
}

static enum truth
judge_schema(const struct asked *a, const struct reading *r, struct buf *why)
{
	const char *first = json_get_str(r->data, "unreadable_first");
	int64_t n;

	(void)a;
	if (!number(r, "unreadable", &n))
		return not_seen(r, why, "what the login may read");
	if (n > 0)
		return say(TRUTH_NO, why, "%s: %" PRId64 " relations cannot be "
		    "read, such as %s", r->name, n, first ? first : "?");
	return say(TRUTH_YES, why, "%s: every table can be read", r->name);
}

static enum truth
judge_wal(const struct asked *a, const struct reading *r, struct buf *why)
{
	char size[16];
	int64_t n;

	if (!number(r, "wal_size", &n))
		return not_seen(r, why, "the size of pg_wal");
	text_fmt_size(size, n);
	return say(n < a->c->number ? TRUTH_YES : TRUTH_NO, why,
	    "pg_wal of %s has %s", r->name, size);
}

static enum truth
judge_archiving(const struct asked *a, const struct reading *r, struct buf *why)
{
	enum truth failing = flag(r, "archiver_failing");
	const char *last = json_get_str(r->data, "last_failed_wal");

	(void)a;
	if (failing == TRUTH_UNKNOWN)
		return not_seen(r, why, "its archiver");
	if (failing == TRUTH_YES)
		return say(TRUTH_NO, why, "the archiver of %s fails at %s",
		    r->name, last ? last : "a segment");
	return say(TRUTH_YES, why, "the archiver of %s does not fail", r->name);
}

static enum truth
judge_slots(const struct asked *a, const struct reading *r, struct buf *why)
{
	const json_t *slots = json_object_get(r->data, "slots"), *slot;
	size_t i;

	(void)a;
	if (!json_is_array(slots))
		return not_seen(r, why, "its replication slots");
	json_array_foreach(slots, i, slot)
		if (!json_get_bool(slot, "active")) {
			const char *name = json_get_str(slot, "name");

			return say(TRUTH_NO, why, "slot %s of %s has no reader",
			    name ? name : "?", r->name);
		}
	return say(TRUTH_YES, why, "%s: %zu slots, all with a reader", r->name,
	    json_array_size(slots));
}

enum { LAG_BYTES = 64 << 20, LAG_MS = 60000 };

static bool
lags(const json_t *o)
{
	return json_get_int(o, "replay_behind", 0) > LAG_BYTES ||
	    json_get_int(o, "replay_lag_ms", 0) > LAG_MS;
}

static enum truth
judge_replication(const struct asked *a, const struct reading *r,
    struct buf *why)
{
	const json_t *all = json_object_get(r->data, "replicas"), *one;
	size_t i;

	(void)a;
	if (flag(r, "can_login") != TRUTH_YES)
		return not_seen(r, why, "its replication");
	if (lags(r->data))
		return say(TRUTH_NO, why, "%s is behind its primary", r->name);
	json_array_foreach(all, i, one)
		if (lags(one)) {
			const char *app = json_get_str(one, "app");

			return say(TRUTH_NO, why, "%s: the standby %s is behind",
			    r->name, app ? app : "?");
		}
	if (json_array_size(all) == 0)
		return say(TRUTH_YES, why, "%s: no standby is connected",
		    r->name);
	return say(TRUTH_YES, why, "%s: %zu %s", r->name, json_array_size(all),
	    json_array_size(all) == 1 ? "standby follows" :
	    "standbys follow");
}

static enum truth
judge_locks(const struct asked *a, const struct reading *r, struct buf *why)
{
	int64_t n;

	(void)a;
	if (!number(r, "waiting", &n))
		return not_seen(r, why, "who waits for locks");
	if (n > 0)
		return say(TRUTH_NO, why, "%s: %" PRId64 " sessions wait for "
		    "locks", r->name, n);
	return say(TRUTH_YES, why, "%s: nobody waits for a lock", r->name);
}

/* A store that could not be read may hold what is asked for. */
static bool
all_read(const struct reading *r)
{
	const json_t *stores = json_object_get(r->data, "stores"), *one;
	bool all = json_get_int(r->data, "unread", 0) == 0;
	size_t i;

	json_array_foreach(stores, i, one)
		all = all && json_get_bool(one, "readable");
	return all;
}

static bool
before_opening(const struct asked *a, int64_t ms)
{
	return ms < incident_since(a->w->inc);
}

static enum truth
judge_backup(const struct asked *a, const struct reading *r, struct buf *why)
{
	const char *word = a->c->word != NULL ? a->c->word : "verified";
	char key[32], age[32], at[40];
	const char *store;
	int64_t ms, now = a->w->now;
	bool late;

	(void)snprintf(key, sizeof key, "%s_ms", word);
	if (!number(r, key, &ms))
		return say(all_read(r) ? TRUTH_NO : TRUTH_UNKNOWN, why,
		    "%s: no %s copy%s", r->name, word,
		    all_read(r) ? "" : " is known, not every store was read");
	if (a->c->since_open && a->w->inc == NULL)
		return say(TRUTH_UNKNOWN, why, "no incident is open");
	late = (a->c->since_open && before_opening(a, ms)) ||
	    (a->c->within_ms > 0 && now - ms > a->c->within_ms);
	(void)snprintf(key, sizeof key, "%s_store", word);
	store = json_get_str(r->data, key);
	clock_fmt_site(at, ms);
	text_fmt_duration(age, now > ms ? now - ms : 0);
	return say(!late ? TRUTH_YES : all_read(r) ? TRUTH_NO : TRUTH_UNKNOWN,
	    why, "%s: the newest %s copy is of %s (%s ago, on %s)", r->name,
	    word, at, age, store != NULL ? store : "?");
}

static bool
must_have(const struct site *site, const char *store)
{
	for (size_t i = 0; store != NULL && i < site->backup.to.n; i++)
		if (strcmp(site->backup.to.v[i], store) == 0)
			return true;
	return false;
}

/* Each store that must have it holds a copy that was read back. */
static enum truth
judge_upload(const struct asked *a, const struct reading *r, struct buf *why)
{
	const json_t *stores = json_object_get(r->data, "stores"), *one;
	enum truth t = TRUTH_YES;
	size_t i;

	if (a->c->since_open && a->w->inc == NULL)
		return say(TRUTH_UNKNOWN, why, "no incident is open");
	json_array_foreach(stores, i, one) {
		const char *store = json_get_str(one, "store");
		int64_t ms = json_get_int(one, "verified_ms", -1);
		bool good = ms >= 0 && !(a->c->since_open &&
		    before_opening(a, ms)) && (a->c->within_ms == 0 ||
		    a->w->now - ms <= a->c->within_ms);

		if (good || !must_have(a->w->site, store))
			continue;
		t = json_get_bool(one, "readable") ? TRUTH_NO : TRUTH_UNKNOWN;
		return say(t, why, "%s: %s %s", r->name, store,
		    t == TRUTH_NO ? "holds no verified copy that is new enough" :
		    "could not be read");
	}
	return say(t, why, "%s: every store holds it, read back", r->name);
}

static enum truth
judge_restored(const struct asked *a, const struct reading *r, struct buf *why)
{
	char at[40];
	int64_t ms;
	bool late;

	if (a->c->since_open && a->w->inc == NULL)
		return say(TRUTH_UNKNOWN, why, "no incident is open");
	if (!number(r, "restored_ms", &ms))
		return say(all_read(r) ? TRUTH_NO : TRUTH_UNKNOWN, why,
		    "%s: no restore of it is proven", r->name);
	late = (a->c->since_open && before_opening(a, ms)) ||
	    (a->c->within_ms > 0 && a->w->now - ms > a->c->within_ms);
	clock_fmt_site(at, ms);
	return say(late ? TRUTH_NO : TRUTH_YES, why,
	    "%s: its last restore was proven at %s", r->name, at);
}

static enum truth
judge_size(const struct asked *a, const struct reading *r, struct buf *why)
{
	const char *verdict = json_get_str(r->data, "size_verdict");

	(void)a;
	if (verdict == NULL)
		return not_seen(r, why, "its size");
	return say(strcmp(verdict, "normal") == 0 ? TRUTH_YES :
	    json_get_bool(r->data, "size_anomaly") ? TRUTH_NO : TRUTH_UNKNOWN,
	    why, "%s: the size of its newest copy is %s%s", r->name,
	    strcmp(verdict, "no baseline") == 0 ? "not known to be usual: " :
	    "", verdict);
}

/* Of the last run that was seen, whatever saw it. */
static enum truth
judge_nightly(const struct asked *a, const struct reading *r, struct buf *why)
{
	const char *result = json_get_str(r->data, "result");
	const char *ended = json_get_str(r->data, "ended");
	char at[40], age[32];
	int64_t ms;
	bool late;

	if (result == NULL)
		return flag(r, "missed") == TRUTH_YES ?
		    in_its_words(TRUTH_NO, r, why) :
		    not_seen(r, why, "a run of it");
	if (strcmp(result, "good") != 0)
		return say(TRUTH_NO, why, strcmp(result, "bad") == 0 ?
		    "the last nightly failed" : "no end of the last nightly "
		    "was seen");
	if (ended == NULL || !clock_parse_utc(ended, &ms))
		return not_seen(r, why, "when it ended");
	if (a->c->since_open && a->w->inc == NULL)
		return say(TRUTH_UNKNOWN, why, "no incident is open");
	late = (a->c->since_open && before_opening(a, ms)) ||
	    (a->c->within_ms > 0 && a->w->now - ms > a->c->within_ms);
	clock_fmt_site(at, ms);
	text_fmt_duration(age, a->w->now > ms ? a->w->now - ms : 0);
	return say(late ? TRUTH_NO : TRUTH_YES, why, "the last nightly ended "
	    "well at %s (%s ago)", at, age);
}

static enum truth
judge_schedule(const struct asked *a, const struct reading *r, struct buf *why)
{
	(void)a;
	if (json_get_str(r->data, "hour") == NULL)
		return say(TRUTH_UNKNOWN, why, "the site file states no hour of "
		    "the nightly");
	return judge_flag(r, "right", why, "what starts it");
}

/* ---- which reading answers what ---------------------------------------------------- */

static const struct {
	enum cond_id id;
	const char *kind;
	judge_fn *judge;
	const char *all;		/* all of them are well */
} rows[] = {
	{ COND_LOGIN, "database", judge_login, NULL },
	{ COND_LOGINS, "database", judge_login, "every login works" },
	{ COND_BACKUP, "backup", judge_backup, NULL },
	{ COND_BACKUPS, "backup", judge_backup, NULL },
	{ COND_PARTS, "backup", judge_backup, NULL },
	{ COND_UPLOADS, "backup", judge_upload,
	    "every store holds what was sent to it, read back" },
	{ COND_RESTORE_TEST, "backup", judge_restored, NULL },
	{ COND_SIZE_NORMAL, "backup", judge_size, NULL },
	{ COND_SIZES_NORMAL, "backup", judge_size, NULL },
	{ COND_DISK, "disk", judge_percent, NULL },
	{ COND_DISKS, "disk", judge_percent, "all disks are below it" },
	{ COND_DISK_FREE, "disk", judge_room, NULL },
	{ COND_INODES, "disk", judge_inodes, NULL },
	{ COND_NIGHTLY, "schedule", judge_nightly, NULL },
	{ COND_SCHEDULE, "schedule", judge_schedule, NULL },
	{ COND_STORE, "store", judge_store, NULL },
	{ COND_STORE_ROOM, "store", judge_room, NULL },
	{ COND_STORES_ROOM, "store", judge_room, "all stores have the room" },
	{ COND_SERVICES, "service", judge_service, "all services are up" },
	{ COND_SERVICE, "service", judge_service, NULL },
	{ COND_PLACE, "place", judge_place, NULL },
	{ COND_SCHEMA, "database", judge_schema, NULL },
	{ COND_WAL, "database", judge_wal, NULL },
	{ COND_ARCHIVING, "database", judge_archiving, NULL },
	{ COND_SLOTS, "database", judge_slots, NULL },
	{ COND_REPLICATION, "database", judge_replication, NULL },
	{ COND_LOCKS, "database", judge_locks, "nobody waits for a lock" },
};

void
cond_picture_release(struct cond_picture *p)
{
	readings_release(&p->all);
	VEC_RELEASE(&p->kinds);
}

static bool
has_kind(const struct cond_picture *p, const char *kind)
{
	for (size_t i = 0; i < p->kinds.n; i++)
		if (strcmp(p->kinds.v[i], kind) == 0)
			return true;
	return false;
}

/* What hangs costs its deadline once: the first question of many has all kinds
 * read at once. */
static void
look(const struct cond_world *w, struct cond_picture *p, const char *kind)
{
	struct watch_want want[sizeof rows / sizeof *rows];
	struct readings got = { 0 };
	size_t n = 0;

	if (has_kind(p, kind))
		return;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool asked = w->picture != NULL && !w->fresh;

		if ((!asked && strcmp(rows[i].kind, kind) != 0) ||
		    has_kind(p, rows[i].kind))
			continue;
		want[n++] = (struct watch_want){ rows[i].kind, NULL };
		VEC_PUSH(&p->kinds, rows[i].kind);
	}
	watch_some(w->site, w->state, want, n, w->fresh ? 0 : AGE_MS,
	    clock_mono_ms() + READ_MS, &got);
	for (size_t i = 0; i < got.v.n; i++)
		readings_put(&p->all, &got.v.v[i]);
	readings_release(&got);
}

/* Of many: one no is no, else one unknown is unknown. */
struct tally {
	enum truth worst;
	struct buf yes, no, unknown;
	size_t n;
};

static void
tally_add(struct tally *t, enum truth got, const char *why)
{
	struct buf *b = got == TRUTH_NO ? &t->no : got == TRUTH_YES ? &t->yes :
	    &t->unknown;

	t->n++;
	if (b->n < 300)
		buf_printf(b, "%s%s", b->n ? "; " : "", why);
	if (got == TRUTH_NO || (got == TRUTH_UNKNOWN && t->worst == TRUTH_YES))
		t->worst = got;
}

static enum truth
tally_end(struct tally *t, struct buf *why, const char *all)
{
	if (t->worst == TRUTH_NO)
		buf_str(why, t->no.p);
	else if (t->worst == TRUTH_UNKNOWN)
		buf_str(why, t->unknown.p);
	else if (all != NULL && t->n > 1)
		buf_printf(why, "%s (%zu)", all, t->n);
	else
		buf_str(why, t->yes.p);
	buf_release(&t->yes);
	buf_release(&t->no);
	buf_release(&t->unknown);
	return t->worst;
}

static enum truth
judge_one(const struct asked *a, const struct reading *r, judge_fn *judge,
    struct buf *why)
{
	if (r->error != NULL)
		return say(TRUTH_UNKNOWN, why, "%s %s: %s", r->kind, r->name,
		    r->error);
	return judge(a, r, why);
}

static enum truth
no_such(const struct cond *c, const char *kind, struct buf *why)
{
	if (c->name != NULL)
		return say(TRUTH_UNKNOWN, why, "the site file names no %s '%s'",
		    kind, c->name);
	if (strcmp(kind, "backup") == 0)
		return say(TRUTH_UNKNOWN, why, "the site file names nothing "
		    "that is backed up, or no store");
	if (strcmp(kind, "schedule") == 0)
		return say(TRUTH_UNKNOWN, why, "the site file names nothing "
		    "that a nightly would save");
	return say(TRUTH_UNKNOWN, why, "the site file names no %ss", kind);
}

enum truth
ask_seen(const struct cond *c, const struct cond_world *w, struct buf *why)
{
	struct tally t = { TRUTH_YES, BUF_INIT, BUF_INIT, BUF_INIT, 0 };
	struct asked a = { c, w };
	struct cond_picture own = { 0 };
	struct cond_picture *p = w->picture != NULL ? w->picture : &own;
	const struct site_db *db;
	const char *name = c->name;
	size_t row = 0;

	while (rows[row].id != c->row->id)
		row++;
	if (w->site == NULL)
		return no_such(c, rows[row].kind, why);
	/* a database has other names as well */
	if (name != NULL && (strcmp(rows[row].kind, "database") == 0 ||
	    strcmp(rows[row].kind, "backup") == 0) && (db = site_db(w->site, name)) != NULL)
		name = db->name;
	look(w, p, rows[row].kind);
	for (size_t i = 0; i < p->all.v.n; i++) {
		const struct reading *r = &p->all.v.v[i];
		struct buf one = BUF_INIT;
		enum truth got;

		if (strcmp(r->kind, rows[row].kind) != 0 ||
		    (name != NULL && strcmp(r->name, name) != 0) ||
		    ((c->row->id == COND_BACKUPS ||
		    c->row->id == COND_RESTORE_TEST) &&
		    site_db(w->site, r->name) == NULL))
			continue;
		got = judge_one(&a, r, rows[row].judge, &one);
		tally_add(&t, got, one.p);
		buf_release(&one);
	}
	if (t.n == 0) {
		t.worst = no_such(c, rows[row].kind, why);
		buf_release(&t.yes);
	} else
		(void)tally_end(&t, why, rows[row].all);
	cond_picture_release(&own);
	return t.worst;
}
