/*
 * database: what is true of a database, over a connection that is kept open.
 *
 * Many are driven at once in one poll loop. A read is one small question, and
 * the few others that are due; a statement may take 500 ms. A connection that
 * broke, or does not answer, is made anew within the same read. After a login
 * that was refused the next one waits for half a minute (who tries more often is
 * locked out, and locks others out), or until the password file changes, or
 * something was done that may have mended it; the refusal is said again until
 * then.
 *
 * data; what a role may not see, or a server's version does not have, is left
 * out; sizes in bytes, ages in milliseconds, times in UTC:
 *	can_login	false: none of the rest but the next seven
 *	no		which kind of no: pg_no_name(), or "tunnel"
 *	sqlstate	of the server that said no
 *	said		what it said
 *	tried		when the login was tried
 *	failing_since	the first of the refusals in a row (0 reads before: as tried)
 *	through, tunnel	the place it is reached through, and what went wrong there
 *	last_login	the last time that it worked
 *	answers		false: it let us in and then did not answer
 *	version, encoding, started, clock (the server's)
 *	system_identifier, in_recovery, checksums, archive_mode, wal_level,
 *	data_directory	(pg_read_all_settings)
 *	superuser, may_signal, sees_sessions, sees_wal, sees_ready,
 *	sees_identity	what this login may do and see
 *	login_expires	the password's end; login_limit, database_limit
 *	connections, connections_max, connections_reserved (for superusers),
 *	connections_active, _idle, _in_transaction, _hidden (state not shown)
 *	waiting		sessions of this database that wait for a lock
 *	locks		they and whom they wait for, the longest wait first:
 *			{pid, user, app, client, database, type, state,
 *			xact_age_ms, state_age_ms, backend_start, query_start,
 *			query (its beginning), dump (one of ours, or pg_dump),
 *			blocked_by [pid..., 0: a prepared transaction], wait_ms,
 *			mode, on}; at most the hundred that wait longest
 *	open_for_long	transactions of a minute and more, and dumps
 *	transactions	they, the oldest first: as above, without the last four,
 *			with snapshot_age (in transactions)
 *	oldest_transaction_ms, oldest_snapshot_age, dumps_running
 *	prepared_count, prepared [{gid, user, age_ms, xid_age}]
 *	archived, archive_failures, last_archived, last_archived_wal,
 *	last_failed, last_failed_wal, archiver_failing
 *	wal_size, wal_files, wal_ready (files that wait for the archiver)
 *	max_wal_size, wal_keep_size, slot_keep_size
 *	slots		[{name, type, plugin, database, active, temporary, held,
 *			xmin_age, catalog_xmin_age, wal_status, safe_wal_size}]
 *	replicas	[{pid, app, user, client, state, sync, sent_behind,
 *			flush_behind, replay_behind (bytes), replay_lag_ms}]
 *	replay_behind, replay_lag_ms, replayed_age_ms, replay_paused, receiving
 *			of a standby
 *	xid_age, multixact_age, freeze_max_age, multixact_freeze_max_age,
 *	oldest_database, oldest_database_xid_age
 *	temp_files, temp_bytes, deadlocks, conflicts, checksum_failures,
 *	checksum_last_failure, counted_since
 *	tables, lock_room	what a dump has to lock, and the room for locks
 *	unreadable, unreadable_first
 *			relations that this login could not dump
 *	size		asked every ten minutes; size_about: from the catalogue
 *	missing		[{what, why, sqlstate}]: questions without an answer
 */
#include "probe/postgres.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "reading/probe.h"

enum {
	EVERY_MS = 5000, DEADLINE_MS = 5000,
	STATEMENT_MS = 500,
	MUTE_MS = 1500,			/* a kept connection is taken for dead */
	ENOUGH_MS = 1000,		/* left of a read: worth a new login */
	AGAIN_MS = 30000,		/* after a refused login */
	WHY_MS = 500,			/* for a tunnel to say what went wrong */
	TURN_MS = 5000, SAID_MAX = 300,
};

/*	state		waits for				then
 *	IDLE		its time				WAY or LOGIN, ASK
 *	WAY		the tunnel				LOGIN; done
 *	LOGIN		the server				ASK; WHY, done
 *	ASK		an answer				ASK; LOGIN; done
 *	WHY		the tunnel's reason			done
 */
enum doing { IDLE, WAY, LOGIN, ASK, WHY };

struct watched {
	struct target *t;
	const struct site_db *db;
	enum doing state;
	struct pg *pg;			/* NULL: not connected */
	struct way *way;
	int version;
	int64_t began, deadline;	/* of this read, monotonic ms */
	int64_t asked_at;		/* when the question was sent */
	size_t question;
	bool anew;			/* connected in this read */
	bool answered;			/* something, in this read */
	struct postgres_answer known[POSTGRES_QUESTIONS];
	int64_t cost_us, cpu_from;
	int64_t next_turn;		/* monotonic ms, at the latest */

	/* the last refusal */
	char no[24], sqlstate[6];
	struct err said, tunnel;
	int64_t refused_at;		/* monotonic ms; 0: it was let in */
	bool punished;			/* trying again soon does harm */
	int64_t tried, failing_since, last_login;	/* wall ms */
	struct stat passfile;
};

struct crowd {
	struct eye *eye;
	struct watched *v;
	size_t n;
	struct ways ways;
	void (*begin)(void *ctx, struct target *t);
	void (*done)(void *ctx, struct target *t, struct reading *r);
	probe_more *more;
	void *ctx;
	struct pollfd *fds;
};

/* ---- the end of a read -------------------------------------------------------- */

static int64_t
cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void
put_time(struct reading *r, const char *key, int64_t wall_ms)
{
	char at[32];

	if (wall_ms == 0)
		return;
	clock_fmt_utc(at, wall_ms);
	reading_str(r, key, at);
}

static void
finish(struct crowd *c, struct watched *w, struct reading *r)
{
	reading_str(r, "through", w->db->through);
	put_time(r, "last_login", w->last_login);
	postgres_say(r, w->db);
	r->cost_us = w->cost_us + cpu_us() - w->cpu_from;
	w->cost_us = 0;
	w->cpu_from = cpu_us();
	w->state = IDLE;
	c->done(c->ctx, w->t, r);
	reading_release(r);
}

static void
hang_up(struct watched *w)
{
	pg_close(w->pg);
	w->pg = NULL;
}

/* The refusal, also one of a while ago. */
static void
say_refusal(struct crowd *c, struct watched *w)
{
	struct reading r;
	char said[SAID_MAX + 1];

	reading_init(&r, w->t->probe->kind, w->t->name);
	reading_bool(&r, "can_login", false);
	reading_str(&r, "no", w->no);
	if (w->sqlstate[0] != '\0')
		reading_str(&r, "sqlstate", w->sqlstate);
	(void)snprintf(said, sizeof said, "%.*s", (int)text_fit(w->said.msg,
	    strlen(w->said.msg), SAID_MAX), w->said.msg);
	reading_str(&r, "said", said);
	if (w->tunnel.kind != ERR_NONE)
		reading_str(&r, "tunnel", w->tunnel.msg);
	put_time(&r, "tried", w->tried);
	put_time(&r, "failing_since", w->failing_since);
	finish(c, w, &r);
}

static void
stat_passfile(const struct watched *w, struct stat *ret)
{
	const char *home = getenv("HOME");
	char *path = w->db->passfile != NULL ? xstrdup(w->db->passfile) :
	    xprintf("%s/.pgpass", home != NULL ? home : "");

	if (stat(path, ret) != 0)
		memset(ret, 0, sizeof *ret);
	free(path);
}

static bool
passfile_changed(const struct watched *w)
{
	const struct stat *a = &w->passfile;
	struct stat b;

	stat_passfile(w, &b);
	return a->st_ino != b.st_ino || a->st_size != b.st_size ||
	    a->st_ctim.tv_sec != b.st_ctim.tv_sec ||
	    a->st_ctim.tv_nsec != b.st_ctim.tv_nsec;
}

/* no NULL: the tunnel. */
static void
refused(struct crowd *c, struct watched *w, const char *no, bool punished,
    const struct err *e)
{
	(void)snprintf(w->no, sizeof w->no, "%s", no);
	w->said = *e;
	w->refused_at = clock_mono_ms();
	w->punished = punished;
	w->tried = clock_wall_ms();
	if (w->failing_since == 0)
		w->failing_since = w->tried;
	if (punished)
		stat_passfile(w, &w->passfile);
	hang_up(w);
	if (w->way != NULL && w->state == LOGIN && w->sqlstate[0] == '\0') {
		/* no server spoke: the tunnel may know why */
		way_ask_why(w->way);
		w->state = WHY;
		w->asked_at = clock_mono_ms();
		return;
	}
	say_refusal(c, w);
}

static void
no_login(struct crowd *c, struct watched *w, const struct err *e)
{
	enum pg_no no = pg_no(w->pg);

	(void)snprintf(w->sqlstate, sizeof w->sqlstate, "%s",
	    pg_sqlstate(w->pg));
	refused(c, w, pg_no_name(no), !pg_no_retry(no), e);
}

static void
no_answer_in_time(struct crowd *c, struct watched *w)
{
	struct err e = ERR_INIT;

	w->sqlstate[0] = '\0';
	err_set(&e, ERR_TIMEOUT, "no answer within %lld ms",
	    (long long)(clock_mono_ms() - w->began));
	refused(c, w, pg_no_name(PG_NO_UNREACHABLE), false, &e);
}

static void
say_facts(struct crowd *c, struct watched *w)
{
	struct reading r;

	reading_init(&r, w->t->probe->kind, w->t->name);
	reading_bool(&r, "can_login", true);
	reading_bool(&r, "answers", w->answered);
	if (w->answered)
		postgres_gather(w->known, w->version, r.data);
	w->last_login = clock_wall_ms();
	w->refused_at = 0;
	w->failing_since = 0;
	err_clear(&w->tunnel);
	finish(c, w, &r);
}

/* ---- questions ------------------------------------------------------------------ */

static void login(struct crowd *c, struct watched *w);

static void
forgotten(struct postgres_answer *a, int64_t now, const char *sqlstate,
    const char *why)
{
	postgres_answer_clear(a);
	a->asked = now;
	a->asked_now = true;
	a->why = xstrdup(why);
	(void)snprintf(a->sqlstate, sizeof a->sqlstate, "%s", sqlstate);
}

/* The next question goes out, or there is none and the read is over. */
static void
ask(struct crowd *c, struct watched *w)
{
	struct buf sql = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t now = clock_mono_ms();
	bool ok = false;

	for (;;) {
		w->question = postgres_next(0, w->known, w->version, now,
		    c->eye->once);
		if (w->question == postgres_questions())
			break;
		buf_clear(&sql);
		postgres_sql(w->question, w->version, &sql);
		err_clear(&e);
		ok = pg_ask(w->pg, sql.p, NULL, 0, &e);
		if (ok || pg_state(w->pg) == PG_BROKEN)
			break;
		forgotten(&w->known[w->question], now, pg_sqlstate(w->pg),
		    e.msg);
	}
	buf_release(&sql);
	w->state = ASK;
	w->asked_at = now;
	if (w->question == postgres_questions())
		say_facts(c, w);
	else if (!ok && !w->anew)
		login(c, w);
	else if (!ok)
		say_facts(c, w);
}

static void
take(struct watched *w)
{
	struct postgres_answer *a = &w->known[w->question];
	struct pg_rows rows = PG_ROWS_INIT;
	struct err e = ERR_INIT;
	int64_t now = clock_mono_ms();

	if (pg_take(w->pg, &rows, &e)) {
		postgres_answer_clear(a);
		a->facts = postgres_facts(w->question, &rows);
		a->asked = now;
		a->asked_now = true;
		w->answered = true;
	} else
		forgotten(a, now, pg_sqlstate(w->pg), e.msg);
	pg_rows_release(&rows);
}

static void turn_way(struct crowd *c, struct watched *w, int64_t now);

/* ---- getting in -------------------------------------------------------------------- */

static void
let_in(struct crowd *c, struct watched *w)
{
	w->version = pg_server_version(w->pg);
	postgres_forget_fixed(w->known);
	ask(c, w);
}

static void
login(struct crowd *c, struct watched *w)
{
	struct pg_spec spec;
	struct err e = ERR_INIT;
	int64_t left = w->deadline - clock_mono_ms();

	hang_up(w);
	w->anew = true;
	w->state = LOGIN;
	err_clear(&w->tunnel);
	pg_spec_of(w->db, &spec);
	if (w->db->through != NULL) {
		w->way = ways_to(&c->ways, c->eye->site,
		    site_place(c->eye->site, w->db->through), w->db->host,
		    (int)w->db->port);
		if (way_turn(w->way, NULL) != WAY_OPEN) {
			w->state = WAY;
			turn_way(c, w, clock_mono_ms());
			return;
		}
		spec.hostaddr = "127.0.0.1";
		spec.tunnel_port = way_port(w->way);
	}
	spec.statement_ms = STATEMENT_MS;
	spec.login_ms = left > 100 ? (int)left : 100;
	w->pg = pg_start(&spec, &e);
	if (w->pg == NULL) {
		w->sqlstate[0] = '\0';
		refused(c, w, pg_no_name(PG_NO_CLIENT), false, &e);
	}
}

static void
begin(struct crowd *c, struct watched *w)
{
	int64_t now = clock_mono_ms();

	c->begin(c->ctx, w->t);
	w->began = now;
	w->deadline = c->eye->deadline;
	w->anew = false;
	w->answered = false;
	for (size_t i = 0; i < postgres_questions(); i++)
		w->known[i].asked_now = false;
	if (w->pg != NULL)
		ask(c, w);
	else if (w->refused_at != 0 && w->punished &&
	    now < w->refused_at + AGAIN_MS &&
	    w->refused_at > c->eye->stirred && !passfile_changed(w))
		say_refusal(c, w);
	else
		login(c, w);
}

/* ---- turns ------------------------------------------------------------------------- */

static void
turn_way(struct crowd *c, struct watched *w, int64_t now)
{
	struct err e = ERR_INIT;
	enum way_state s = way_turn(w->way, &e);

	if (s == WAY_OPEN) {
		login(c, w);
		return;
	}
	if (s == WAY_OPENING && now < w->deadline)
		return;
	if (s == WAY_OPENING)
		err_set(&e, ERR_TIMEOUT, "it is not open after %lld ms",
		    (long long)(now - w->began));
	w->tunnel = e;
	w->sqlstate[0] = '\0';
	refused(c, w, "tunnel", false, &e);
}

static void
turn_why(struct crowd *c, struct watched *w, int64_t now)
{
	struct err e = ERR_INIT;

	(void)way_turn(w->way, &e);
	if (!way_answered(w->way) && now < w->asked_at + WHY_MS &&
	    now < w->deadline)
		return;
	w->tunnel = e;
	if (e.kind != ERR_NONE) {
		/* the far end was not reached, whatever that looked like */
		(void)snprintf(w->no, sizeof w->no, "%s",
		    pg_no_name(PG_NO_UNREACHABLE));
		w->punished = false;
	}
	say_refusal(c, w);
}

static void
turn_login(struct crowd *c, struct watched *w, int64_t now)
{
	struct err e = ERR_INIT;

	switch (pg_turn(w->pg, &e)) {
	case PG_READY:
		let_in(c, w);
		break;
	case PG_BROKEN:
		no_login(c, w, &e);
		break;
	default:
		if (now >= w->deadline)
			no_answer_in_time(c, w);
	}
}

/* What had no time keeps what was known of it. */
static void
turn_ask(struct crowd *c, struct watched *w, int64_t now)
{
	struct err e = ERR_INIT;
	enum pg_state s = pg_turn(w->pg, &e);
	bool mute = now >= w->asked_at + MUTE_MS;

	if (s == PG_READY) {
		take(w);
		if (now < w->deadline) {
			ask(c, w);
			return;
		}
	} else if ((s == PG_BROKEN || mute) && !w->anew &&
	    now + ENOUGH_MS < w->deadline) {
		login(c, w);
		return;
	} else if (s != PG_BROKEN && now < w->deadline)
		return;
	if (s != PG_READY)
		hang_up(w);
	say_facts(c, w);
}

static void
turn(struct crowd *c, struct watched *w)
{
	static void (*const turns[])(struct crowd *, struct watched *,
	    int64_t) = {
		[WAY] = turn_way, [LOGIN] = turn_login, [ASK] = turn_ask,
		[WHY] = turn_why,
	};
	int64_t now = clock_mono_ms();

	w->cpu_from = cpu_us();
	if (w->state != IDLE)
		turns[w->state](c, w, now);
	else if (c->eye->once ? !w->t->read : now >= w->t->due)
		begin(c, w);
	w->cost_us += cpu_us() - w->cpu_from;
}

/* ---- the loop ---------------------------------------------------------------------- */

/* What it waits for; the time of its next turn at the latest. */
static int64_t
waits(const struct crowd *c, const struct watched *w, struct pollfd *p)
{
	struct pg_wait wait = { -1, 0, INT64_MAX };
	int64_t at = w->deadline;

	p->events = POLLIN;
	p->fd = -1;
	switch (w->state) {
	case IDLE:
		return c->eye->once && w->t->read ? INT64_MAX : w->t->due;
	case WAY:
	case WHY:
		p->fd = way_fd(w->way);
		return w->state == WHY && at > w->asked_at + WHY_MS ?
		    w->asked_at + WHY_MS : at;
	case ASK:
		if (!w->anew && at > w->asked_at + MUTE_MS)
			at = w->asked_at + MUTE_MS;
		break;
	case LOGIN:
		break;
	}
	pg_wait(w->pg, &wait);
	p->fd = wait.fd;
	p->events = wait.events;
	return wait.at_ms != 0 && wait.at_ms < at ? wait.at_ms : at;
}

static bool
busy(const struct crowd *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].state != IDLE)
			return true;
	return false;
}

static bool
goes_on(const struct crowd *c)
{
	return c->more(c->ctx, 0) || (c->eye->once && busy(c));
}

static void
loop(struct crowd *c)
{
	while (goes_on(c)) {
		int64_t now = clock_mono_ms(), next = now + TURN_MS;

		for (size_t i = 0; i < c->n; i++) {
			struct watched *w = &c->v[i];

			if (c->fds[i].revents != 0 || now >= w->next_turn)
				turn(c, w);
			w->next_turn = waits(c, w, &c->fds[i]);
			if (w->next_turn < next)
				next = w->next_turn;
		}
		next -= clock_mono_ms();
		if (!goes_on(c))
			break;
		(void)poll(c->fds, (nfds_t)c->n, next > 0 ? (int)next : 0);
	}
}

static void
database_crowd(struct eye *eye, struct target *targets, size_t n,
    void (*begin_)(void *ctx, struct target *t),
    void (*done)(void *ctx, struct target *t, struct reading *r),
    probe_more *more, void *ctx)
{
	struct crowd c = { .eye = eye, .n = n, .begin = begin_, .done = done,
	    .more = more, .ctx = ctx };

	c.v = xcalloc(n + 1, sizeof *c.v);
	c.fds = xcalloc(n + 1, sizeof *c.fds);
	for (size_t i = 0; i < n; i++) {
		c.v[i].t = &targets[i];
		c.v[i].db = targets[i].row;
		c.fds[i].fd = -1;
	}
	loop(&c);
	for (size_t i = 0; i < n; i++) {
		hang_up(&c.v[i]);
		for (size_t k = 0; k < POSTGRES_QUESTIONS; k++)
			postgres_answer_clear(&c.v[i].known[k]);
	}
	ways_release(&c.ways);
	free(c.v);
	free(c.fds);
}

static size_t
database_count(const struct site *site)
{
	return site_dbs(site);
}

static void
database_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_db *db = site_db_at(site, i);

	ret->name = db->name;
	ret->row = db;
}

const struct probe probe_database = {
	.kind = "database",
	.what = "logins, sessions, locks, WAL, replication and age of the "
	    "databases",
	.every_ms = EVERY_MS,
	.deadline_ms = DEADLINE_MS,
	.count = database_count,
	.target = database_target,
	.crowd = database_crowd,
};
