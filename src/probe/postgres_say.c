/*
 * What the facts of a database mean: how bad, one sentence each, and the next
 * step. A table of judges; each looks at the facts alone, so that what they say
 * can be tried without a server.
 */
#include "probe/postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define MINUTE 60000LL
#define MB (1LL << 20)
#define GB (1LL << 30)

enum {
	WAIT_WARN = 10000, WAIT_CRITICAL = 5 * MINUTE,
	IDLE_WARN = 10 * MINUTE, LONG_WARN = 60 * MINUTE,
	STARTING_CRITICAL = 5 * MINUTE,
	ARCHIVE_CRITICAL = 30 * MINUTE, READY_CRITICAL = 64,
	LAG_WARN = 5 * MINUTE,
	FULL_WARN = 85, ROOM_WARN = 80, SAID_EACH = 2,
	XID_WARN = 1000000000, XID_CRITICAL = 1600000000,
};
#define SLOT_WARN (64 * MB)
#define SLOT_CRITICAL (10 * GB)
#define SLOT_SAFE (512 * MB)
#define BEHIND_WARN GB
#define EXPIRES_WARN (7 * 24 * 60 * MINUTE)

enum { WORDS = 96 };

struct scene {
	struct reading *r;
	const json_t *data;
	const struct site_db *db;
	int64_t now;			/* the server's clock, wall ms */
	char locks[80], recover[80];	/* next steps with the name in them */
};

static int64_t
num(const json_t *o, const char *key)
{
	return json_get_int(o, key, 0);
}

static int64_t
when(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);
	int64_t ms = 0;

	return s != NULL && clock_parse_utc(s, &ms) ? ms : 0;
}

/* A foreign word of a size that fits into a sentence. */
static const char *
word(char out[WORDS], const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);
	char part[40];

	(void)snprintf(part, sizeof part, "%.*s",
	    s != NULL ? (int)text_fit(s, strlen(s), sizeof part - 1) : 0,
	    s != NULL ? s : "");
	text_clean_into(out, WORDS, part);
	return out;
}

/* ---- no login --------------------------------------------------------------- */

void
postgres_where(const struct site_db *db, struct buf *out)
{
	if (db->host == NULL || *db->host == '/')
		buf_printf(out, "the socket %s%s.s.PGSQL.%" PRId64,
		    db->host != NULL ? db->host : "",
		    db->host != NULL ? "/" : "", db->port);
	else
		buf_printf(out, "%s:%" PRId64, db->host, db->port);
	if (db->through != NULL)
		buf_printf(out, " through '%s'", db->through);
}

static enum pg_no
no_of(const char *name)
{
	for (int i = 0; name != NULL && i < PG_NO_COUNT; i++)
		if (strcmp(pg_no_name((enum pg_no)i), name) == 0)
			return (enum pg_no)i;
	return PG_NO_OTHER;
}

/* The server is there and does not take this login. */
static bool
is_login(enum pg_no no)
{
	switch (no) {
	case PG_NO_PASSWORD:
	case PG_NO_NO_PASSWORD:
	case PG_NO_HBA:
	case PG_NO_ROLE:
	case PG_NO_LOCKED:
	case PG_NO_ROLE_OR_LOCKED:
	case PG_NO_NO_CONNECT:
	case PG_NO_AUTH:
		return true;
	default:
		return false;
	}
}

static enum level
no_level(const struct scene *s, enum pg_no no)
{
	int64_t since = when(s->data, "failing_since");

	/* it is expected of a legacy database, and there is a way to mend it */
	if (s->db->legacy && is_login(no))
		return LEVEL_WARNING;
	if ((no == PG_NO_STARTING || no == PG_NO_STOPPING ||
	    no == PG_NO_NOT_NOW) &&
	    (since == 0 || clock_wall_ms() - since < STARTING_CRITICAL))
		return LEVEL_WARNING;
	return LEVEL_CRITICAL;
}

/* What is known of the cause, behind the kind of no: which password file and what
 * is wrong with it, what TLS or the network said. The rest only repeats it. */
static const char *
cause_of(const struct scene *s, enum pg_no no)
{
	const char *said = json_get_str(s->data, "said");
	const char *rest = said != NULL ? strstr(said, pg_no_text(no)) : NULL;
	const char *from;

	if (rest == NULL)
		return "";
	rest += strlen(pg_no_text(no));
	switch (no) {
	case PG_NO_PASSWORD:
		from = strstr(rest, "; it came from ");
		return from != NULL ? from : "";
	case PG_NO_NO_PASSWORD:
	case PG_NO_UNREACHABLE:
	case PG_NO_STRANGER:
	case PG_NO_DENIED:
	case PG_NO_TLS:
	case PG_NO_CLIENT:
	case PG_NO_OTHER:
		return rest;
	default:
		return "";
	}
}

static void
say_no(struct scene *s)
{
	const char *name = json_get_str(s->data, "no");
	const char *code = json_get_str(s->data, "sqlstate");
	const char *way = json_get_str(s->data, "tunnel");
	enum pg_no no = no_of(name);
	struct buf where = BUF_INIT;
	bool mend = is_login(no) &&
	    (s->db->superuser.line != 0 || s->db->rotate.line != 0);

	postgres_where(s->db, &where);
	if (name != NULL && strcmp(name, "tunnel") == 0)
		reading_say(s->r, LEVEL_CRITICAL, "midwatch status shows the "
		    "place; midwatch doctor tries it",
		    "no way to %s: %s", where.p, way != NULL ? way :
		    "the tunnel could not be opened");
	else
		reading_say(s->r, no_level(s, no),
		    mend ? s->recover : pg_no_next(no),
		    "no login at %s%s%s: %s%s%s%s%s%s%s", where.p,
		    s->db->user != NULL ? " as " : "",
		    s->db->user != NULL ? s->db->user : "", pg_no_text(no),
		    code != NULL ? " (" : "", code != NULL ? code : "",
		    code != NULL ? ")" : "",
		    cause_of(s, no),
		    way != NULL ? "; the tunnel says: " : "",
		    way != NULL ? way : "");
	if (s->db->legacy && is_login(no))
		reading_say(s->r, LEVEL_WARNING, NULL,
		    "expected of a legacy database; it has no backup from here "
		    "until then");
	buf_release(&where);
}

/* ---- sessions ---------------------------------------------------------------- */

static void
judge_connections(struct scene *s)
{
	int64_t used = num(s->data, "connections");
	int64_t max = num(s->data, "connections_max");
	int64_t open = max - num(s->data, "connections_reserved");

	if (max == 0)
		return;
	if (used >= open)
		reading_say(s->r, LEVEL_CRITICAL, s->locks,
		    "%" PRId64 " of %" PRId64 " connections are in use: only "
		    "superusers still get in", used, max);
	else if (used * 100 >= open * FULL_WARN)
		reading_say(s->r, LEVEL_WARNING, s->locks,
		    "%" PRId64 " of %" PRId64 " connections are in use, %" PRId64
		    " of them idle in a transaction", used, max,
		    num(s->data, "connections_in_transaction"));
}

static const json_t *
session(const json_t *list, int64_t pid)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		if (num(o, "pid") == pid)
			return o;
	return NULL;
}

/* The one at the end of the queue; a circle ends where it is noticed. 0: a
 * prepared transaction. */
static int64_t
root_of(const json_t *list, const json_t *o)
{
	int64_t pid = num(o, "pid");

	for (size_t hops = json_array_size(list); hops > 0; hops--) {
		const json_t *by = json_object_get(o, "blocked_by");

		if (json_array_size(by) == 0)
			break;
		pid = json_integer_value(json_array_get(by, 0));
		if (pid == 0 || (o = session(list, pid)) == NULL)
			break;
	}
	return pid;
}

static void
describe(const json_t *list, int64_t pid, char *out, size_t size)
{
	const json_t *o = session(list, pid);
	char user[WORDS], app[WORDS], state[WORDS], age[32] = "";

	if (pid == 0) {
		(void)snprintf(out, size, "a prepared transaction");
		return;
	}
	if (json_object_get(o, "xact_age_ms") != NULL)
		text_fmt_duration(age, num(o, "xact_age_ms"));
	(void)snprintf(out, size, "%spid %" PRId64 " (%s%s%s%s%s%s%s)",
	    json_get_bool(o, "dump") ? "the dump of " : "", pid,
	    word(user, o, "user"), *word(app, o, "app") != '\0' ? ", " : "",
	    app, *word(state, o, "state") != '\0' ? ", " : "", state,
	    age[0] != '\0' ? ", transaction open for " : "", age);
}

static void
judge_locks(struct scene *s)
{
	const json_t *list = json_object_get(s->data, "locks"), *o, *worst = NULL;
	int64_t n = num(s->data, "waiting"), wait = 0;
	char age[32], who[400];
	size_t i;

	json_array_foreach(list, i, o)
		if (json_object_get(o, "wait_ms") != NULL &&
		    (worst == NULL || num(o, "wait_ms") > wait)) {
			worst = o;
			wait = num(o, "wait_ms");
		}
	if (worst == NULL || wait < WAIT_WARN)
		return;
	text_fmt_duration(age, wait);
	describe(list, root_of(list, worst), who, sizeof who);
	reading_say(s->r, wait >= WAIT_CRITICAL ? LEVEL_CRITICAL : LEVEL_WARNING,
	    s->locks, "%" PRId64 " session%s for a lock, the longest for %s, "
	    "behind %s", n, n == 1 ? " waits" : "s wait", age, who);
}

/* One sentence about the oldest transaction of each sort. */
static void
judge_transactions(struct scene *s)
{
	const json_t *list = json_object_get(s->data, "transactions"), *o;
	bool said_idle = false, said_long = false, said_dump = false;
	size_t i;

	json_array_foreach(list, i, o) {
		const char *state = json_get_str(o, "state");
		const char *type = json_get_str(o, "type");
		bool idle = state != NULL && text_starts(state, "idle in");
		int64_t ms = num(o, "xact_age_ms"),
		    still = num(o, "state_age_ms");
		char age[32], who[400];

		describe(list, num(o, "pid"), who, sizeof who);
		text_fmt_duration(age, idle ? still : ms);
		if (json_get_bool(o, "dump")) {
			if (!said_dump)
				reading_say(s->r, LEVEL_OK, NULL,
				    "a dump runs: %s", who);
			said_dump = true;
		} else if (idle && still >= IDLE_WARN && !said_idle) {
			reading_say(s->r, LEVEL_WARNING, s->locks,
			    "%s has been idle for %s and holds vacuum up", who,
			    age);
			said_idle = true;
		} else if (!idle && ms >= LONG_WARN && !said_long &&
		    (type == NULL || strcmp(type, "client backend") == 0)) {
			reading_say(s->r, LEVEL_WARNING, s->locks,
			    "%s holds vacuum up", who);
			said_long = true;
		}
	}
}

static void
judge_prepared(struct scene *s)
{
	const json_t *o = json_array_get(json_object_get(s->data, "prepared"), 0);
	char gid[WORDS], age[32];

	if (num(o, "age_ms") < IDLE_WARN)
		return;
	text_fmt_duration(age, num(o, "age_ms"));
	reading_say(s->r, LEVEL_WARNING, "COMMIT PREPARED or ROLLBACK PREPARED "
	    "it, whichever its application says",
	    "the prepared transaction '%s' has been open for %s: it keeps its "
	    "locks and holds vacuum up", word(gid, o, "gid"), age);
}

/* ---- WAL ---------------------------------------------------------------------- */

static void
judge_archiver(struct scene *s)
{
	int64_t last = when(s->data, "last_archived");
	int64_t ready = num(s->data, "wal_ready");
	char file[WORDS], age[32] = "ever", kept[64] = "", size[16];
	bool bad;

	if (!json_get_bool(s->data, "archiver_failing"))
		return;
	if (last != 0)
		text_fmt_duration(age, s->now - last);
	if (json_object_get(s->data, "wal_ready") != NULL)
		(void)snprintf(kept, sizeof kept, ", %" PRId64 " files wait",
		    ready);
	if (json_object_get(s->data, "wal_size") != NULL) {
		text_fmt_size(size, num(s->data, "wal_size"));
		(void)snprintf(kept + strlen(kept), sizeof kept - strlen(kept),
		    ", pg_wal has %s", size);
	}
	bad = ready >= READY_CRITICAL || (last != 0 &&
	    s->now - last >= ARCHIVE_CRITICAL);
	reading_say(s->r, bad ? LEVEL_CRITICAL : LEVEL_WARNING,
	    "mend archive_command (the server's log has its words); never "
	    "delete in pg_wal",
	    "archiving fails at %s, nothing was archived for %s%s",
	    word(file, s->data, "last_failed_wal"), age, kept);
}

/* False: this one is well. */
static bool
judge_slot(struct scene *s, const json_t *o)
{
	char name[WORDS], status[WORDS], size[16], safe[16];
	int64_t held = num(o, "held"), left = num(o, "safe_wal_size");

	(void)word(name, o, "name");
	text_fmt_size(size, held);
	text_fmt_size(safe, left > 0 ? left : 0);
	if (strcmp(word(status, o, "wal_status"), "lost") == 0)
		reading_say(s->r, LEVEL_WARNING, "drop the slot and build what "
		    "used it anew", "the slot '%s' has lost WAL that it needed",
		    name);
	else if (json_object_get(o, "safe_wal_size") != NULL && left < SLOT_SAFE)
		reading_say(s->r, LEVEL_CRITICAL, "start what reads the slot "
		    "before its WAL is gone", "the slot '%s' loses its WAL in "
		    "%s", name, safe);
	else if (!json_get_bool(o, "active") && held >= SLOT_WARN)
		reading_say(s->r, held >= SLOT_CRITICAL ? LEVEL_CRITICAL :
		    LEVEL_WARNING, "start what reads the slot, or drop it with "
		    "pg_drop_replication_slot() if nothing will",
		    "the slot '%s' is read by nobody and keeps %s of WAL", name,
		    size);
	else
		return false;
	return true;
}

/* The list has the one that keeps most at its head. */
static void
judge_slots(struct scene *s)
{
	const json_t *o;
	size_t i;
	int said = 0;

	json_array_foreach(json_object_get(s->data, "slots"), i, o)
		if (said < SAID_EACH && judge_slot(s, o))
			said++;
}

static void
judge_replicas(struct scene *s)
{
	const json_t *list = json_object_get(s->data, "replicas"), *o;
	char app[WORDS], size[16], age[32];
	int said = 0;
	size_t i;

	json_array_foreach(list, i, o) {
		int64_t behind = num(o, "replay_behind");
		int64_t lag = num(o, "replay_lag_ms");

		if ((behind < BEHIND_WARN && lag < LAG_WARN) ||
		    said++ >= SAID_EACH)
			continue;
		text_fmt_size(size, behind);
		text_fmt_duration(age, lag);
		reading_say(s->r, LEVEL_WARNING, "look at the standby's disk, "
		    "network and longest query",
		    "the standby '%s' is %s (%s) behind", word(app, o, "app"),
		    size, age);
	}
}

static void
judge_standby(struct scene *s)
{
	char size[16], age[32];
	int64_t lag = num(s->data, "replay_lag_ms");
	int64_t behind = num(s->data, "replay_behind");

	if (!json_get_bool(s->data, "in_recovery"))
		return;
	text_fmt_size(size, behind);
	text_fmt_duration(age, lag);
	if (json_get_bool(s->data, "replay_paused"))
		reading_say(s->r, LEVEL_WARNING, "SELECT pg_wal_replay_resume() "
		    "on it when nobody needs the pause", "the replay is paused");
	if (json_is_false(json_object_get(s->data, "receiving")))
		reading_say(s->r, LEVEL_WARNING, "look at primary_conninfo and "
		    "at the standby's log", "this standby receives nothing from "
		    "a primary");
	if (lag >= LAG_WARN || behind >= BEHIND_WARN)
		reading_say(s->r, LEVEL_WARNING, "look at its disk and at its "
		    "longest query", "this standby is %s (%s) behind", size,
		    age);
}

/* ---- the slow diseases ----------------------------------------------------------- */

static void
judge_freeze(struct scene *s)
{
	static const struct {
		const char *key, *what;
	} ages[] = {
		{ "xid_age", "transaction ids" },
		{ "multixact_age", "multixact ids" },
	};

	for (size_t i = 0; i < 2; i++) {
		int64_t age = num(s->data, ages[i].key);

		if (age >= XID_WARN)
			reading_say(s->r, age >= XID_CRITICAL ? LEVEL_CRITICAL :
			    LEVEL_WARNING, "end old transactions and slots, "
			    "then VACUUM (FREEZE) the oldest tables",
			    "its %s are %" PRId64 " million old; writing stops "
			    "at 2100", ages[i].what, age / 1000000);
	}
}

static void
judge_counters(struct scene *s)
{
	int64_t n = num(s->data, "checksum_failures");

	if (n > 0)
		reading_say(s->r, LEVEL_CRITICAL, "keep every backup there is, "
		    "save this database now and look at its disks",
		    "%" PRId64 " page%s failed the checksum, the last at %s", n,
		    n == 1 ? "" : "s",
		    json_get_str(s->data, "checksum_last_failure") != NULL ?
		    json_get_str(s->data, "checksum_last_failure") : "?");
}

static void
judge_dump(struct scene *s)
{
	int64_t tables = num(s->data, "tables");
	int64_t room = num(s->data, "lock_room");
	int64_t n = num(s->data, "unreadable");
	char first[WORDS];

	if (room > 0 && tables * 100 >= room * ROOM_WARN)
		reading_say(s->r, LEVEL_WARNING, "raise "
		    "max_locks_per_transaction (a restart) before the next dump",
		    "a dump has to lock %" PRId64 " tables and the server has "
		    "room for %" PRId64 " locks", tables, room);
	if (n > 0)
		reading_say(s->r, s->db->legacy ? LEVEL_OK : LEVEL_WARNING,
		    "GRANT pg_read_all_data (PostgreSQL 14 and later) or SELECT "
		    "on them to the login",
		    "%" PRId64 " relation%s cannot be read by this login (%s%s): "
		    "a dump would fail", n, n == 1 ? "" : "s",
		    word(first, s->data, "unreadable_first"),
		    n == 1 ? "" : ", ...");
}

static void
judge_login(struct scene *s)
{
	int64_t at = when(s->data, "login_expires");
	char left[32];

	if (at == 0 || at < s->now ||
	    at - s->now > EXPIRES_WARN)
		return;
	text_fmt_duration(left, at - s->now);
	reading_say(s->r, LEVEL_WARNING, s->recover,
	    "the password of this login expires in %s", left);
}

static void (*const judges[])(struct scene *) = {
	judge_connections, judge_locks, judge_archiver, judge_slots,
	judge_counters, judge_freeze, judge_replicas, judge_standby,
	judge_dump, judge_login, judge_prepared, judge_transactions,
};

static void
say_well(struct scene *s)
{
	char size[16], age[32] = "?", version[WORDS];
	int64_t started = when(s->data, "started");
	const json_t *exact = json_object_get(s->data, "size");

	if (started != 0)
		text_fmt_duration(age, s->now - started);
	text_fmt_size(size, num(s->data, exact ? "size" : "size_about"));
	reading_say(s->r, LEVEL_OK, NULL, "%s, PostgreSQL %s, up %s, %" PRId64
	    " of %" PRId64 " connections, %s%s",
	    json_get_bool(s->data, "in_recovery") ? "standby" : "primary",
	    word(version, s->data, "version"), age,
	    num(s->data, "connections"), num(s->data, "connections_max"),
	    exact ? "" : "about ", size);
}

void
postgres_say(struct reading *r, const struct site_db *db)
{
	struct scene s = { .r = r, .data = r->data, .db = db };

	(void)snprintf(s.locks, sizeof s.locks, "midwatch locks %s", db->name);
	(void)snprintf(s.recover, sizeof s.recover, "midwatch recover %s",
	    db->name);
	s.now = when(r->data, "clock");
	if (s.now == 0)
		s.now = clock_wall_ms();
	if (!json_get_bool(r->data, "can_login")) {
		say_no(&s);
		return;
	}
	if (json_is_false(json_object_get(r->data, "answers"))) {
		reading_say(r, LEVEL_CRITICAL, "look at its host: load, disk "
		    "and memory", "takes the login and does not answer");
		return;
	}
	for (size_t i = 0; i < sizeof judges / sizeof *judges; i++)
		judges[i](&s);
	if (r->text == NULL || r->level == LEVEL_OK)
		say_well(&s);
}
