#include "action/precheck.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "action/precheck_intern.h"
#include "backup/way.h"
#include "base/clock.h"
#include "base/text.h"
#include "pg/schema.h"
#include "watch/watch.h"

enum { READ_MS = 12000, SCHEMA_MS = 12000, WHY_MAX = 700,
	OLD_TRANSACTION_MS = 5 * 60000, GAPS_SAID = 4 };

#define X(id, name, help) name,
const char *const precheck_names[PRECHECK_COUNT] = { PRECHECKS(X) };
#undef X
#define X(id, name, help) help,
const char *const precheck_helps[PRECHECK_COUNT] = { PRECHECKS(X) };
#undef X

/* ---- findings ------------------------------------------------------------ */

/* What is worse stands alone; what is as bad stands behind. */
void
precheck_found(struct asking *a, enum truth *worst, enum truth t,
    const char *fmt, ...)
{
	struct buf one = BUF_INIT;
	va_list ap;

	if (*worst == TRUTH_NO && t != TRUTH_NO)
		return;
	if (*worst == TRUTH_UNKNOWN && t == TRUTH_YES)
		return;
	if (t != *worst)
		buf_clear(&a->why);
	*worst = t;
	va_start(ap, fmt);
	buf_vprintf(&one, fmt, ap);
	va_end(ap);
	if (a->why.n < WHY_MAX) {
		if (a->why.n > 0)
			buf_str(&a->why, "; ");
		text_clean(&a->why, one.p, text_fit(one.p, one.n, WHY_MAX),
		    TEXT_LINE);
	}
	buf_release(&one);
}

/* The first advice is enough. */
void
precheck_next(struct asking *a, const char *fmt, ...)
{
	va_list ap;

	if (a->next.n > 0)
		return;
	va_start(ap, fmt);
	buf_vprintf(&a->next, fmt, ap);
	va_end(ap);
}

/* A question that is in the table of conditions already. */
static void
condition(struct asking *a, enum truth *worst, const char *text)
{
	struct cond_world w = { .site = a->site, .state = a->state,
	    .now = clock_wall_ms(), .picture = &a->picture };
	struct pool pool = { 0 };
	struct err e = ERR_INIT;
	struct buf why = BUF_INIT;
	struct cond c;
	enum truth t;

	if (!cond_parse(&pool, text, &c, &e))
		precheck_found(a, worst, TRUTH_UNKNOWN, "%s", e.msg);
	else {
		t = cond_ask(&c, &w, &why);
		precheck_found(a, worst, t, "%s", why.p);
	}
	buf_release(&why);
	pool_release(&pool);
}

/* Of the readings that were made for all rows; NULL ends. */
static const struct reading *
reading(const struct asking *a, const char *kind, size_t *i)
{
	while (*i < a->picture.all.v.n) {
		const struct reading *r = &a->picture.all.v.v[(*i)++];

		if (strcmp(r->kind, kind) == 0)
			return r;
	}
	return NULL;
}

static bool
failed(struct asking *a, enum truth *worst, const struct reading *r)
{
	if (r->error != NULL)
		precheck_found(a, worst, TRUTH_UNKNOWN, "%s %s: %s", r->kind,
		    r->name, r->error);
	return r->error != NULL;
}

/* ---- rows ---------------------------------------------------------------- */

typedef enum truth row_fn(struct asking *a, bool *ret_none);

static enum truth
row_backup(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	char text[80];

	*none = site_dbs(a->site) + site_components(a->site) == 0;
	if (*none)
		return t;
	(void)snprintf(text, sizeof text, "every component verified within %"
	    PRId64 "s", a->site->schedule.rpo_ms / 1000 > 0 ?
	    a->site->schedule.rpo_ms / 1000 : 1);
	condition(a, &t, text);
	if (t == TRUTH_NO)
		precheck_next(a, "midwatch backup --all-unsafe");
	else if (t == TRUTH_UNKNOWN)
		precheck_next(a, "midwatch sets");
	return t;
}

static enum truth
row_nightly(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	const struct reading *r;
	const char *result;
	size_t i = 0;

	r = reading(a, "schedule", &i);
	result = r != NULL ? json_get_str(r->data, "result") : NULL;
	/* without an hour there may still have been one */
	*none = a->site->schedule.nightly < 0 && result == NULL;
	if (*none)
		return t;
	if (r == NULL || failed(a, &t, r))
		return r == NULL ? TRUTH_UNKNOWN : t;
	if (json_get_bool(r->data, "missed"))
		precheck_found(a, &t, TRUTH_NO, "it did not run: %s", r->text);
	else if (result == NULL)
		precheck_found(a, &t, TRUTH_UNKNOWN, "no nightly was ever seen "
		    "here");
	else if (strcmp(result, "bad") == 0)
		precheck_found(a, &t, TRUTH_NO, "%s", r->text);
	else if (strcmp(result, "good") != 0)
		precheck_found(a, &t, TRUTH_UNKNOWN, "its end was not seen: %s",
		    r->text);
	else
		precheck_found(a, &t, TRUTH_YES, "the last one ended well");
	if (t != TRUTH_YES)
		precheck_next(a, "midwatch nightly");
	return t;
}

static enum truth
row_freeze(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;

	(void)none;
	condition(a, &t, "not frozen");
	if (t != TRUTH_YES)
		precheck_next(a, "midwatch freeze status");
	return t;
}

static enum truth
row_window(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	const struct reading *r;
	size_t i = 0;

	*none = a->site->schedule.nightly < 0;
	if (*none)
		return t;
	while ((r = reading(a, "work", &i)) != NULL &&
	    strcmp(r->name, "window") != 0)
		;
	if (r == NULL)
		return TRUTH_UNKNOWN;
	if (!failed(a, &t, r))
		precheck_found(a, &t, json_get_bool(r->data, "open") ?
		    TRUTH_NO : TRUTH_YES, "%s", r->text);
	return t;
}

static enum truth
row_replication(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;

	*none = site_dbs(a->site) == 0;
	if (!*none)
		condition(a, &t, "replication well");
	return t;
}

static void
judge_sessions(struct asking *a, enum truth *t, const struct reading *r)
{
	const json_t *list = json_object_get(r->data, "prepared"), *one;
	int64_t waiting = json_get_int(r->data, "waiting", -1);
	int64_t old = json_get_int(r->data, "oldest_transaction_ms", 0);
	char age[32];
	size_t i;

	if (waiting < 0) {
		precheck_found(a, t, TRUTH_UNKNOWN, "%s: its sessions could not "
		    "be seen", r->name);
		return;
	}
	if (waiting > 0)
		precheck_found(a, t, TRUTH_NO, "%s: %" PRId64 " sessions wait "
		    "for locks", r->name, waiting);
	if (old > OLD_TRANSACTION_MS) {
		text_fmt_duration(age, old);
		precheck_found(a, t, TRUTH_NO, "%s: a transaction is open "
		    "since %s", r->name, age);
	}
	json_array_foreach(list, i, one)
		if (json_get_int(one, "age_ms", 0) > OLD_TRANSACTION_MS) {
			const char *gid = json_get_str(one, "gid");

			text_fmt_duration(age, json_get_int(one, "age_ms", 0));
			precheck_found(a, t, TRUTH_NO, "%s: the prepared "
			    "transaction %s waits since %s", r->name,
			    gid != NULL ? gid : "?", age);
		}
	precheck_found(a, t, TRUTH_YES, "%s: nobody waits", r->name);
}

static enum truth
row_locks(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	const struct reading *r;

	*none = site_dbs(a->site) == 0;
	for (size_t i = 0; (r = reading(a, "database", &i)) != NULL;)
		if (!failed(a, &t, r))
			judge_sessions(a, &t, r);
	if (t == TRUTH_NO)
		precheck_next(a, "midwatch locks");
	return t;
}

static enum truth
row_disk(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	const struct reading *r;

	*none = site_disks(a->site) + site_stores(a->site) == 0;
	for (size_t i = 0; (r = reading(a, "disk", &i)) != NULL;) {
		const char *crossed = json_get_str(r->data, "crossed");
		bool full = crossed != NULL && strcmp(crossed, "warn") != 0;

		if (!failed(a, &t, r))
			precheck_found(a, &t, full ? TRUTH_NO : TRUTH_YES,
			    "%s: %s", r->name, r->text);
	}
	for (size_t i = 0; (r = reading(a, "store", &i)) != NULL;) {
		const json_t *room = json_object_get(r->data, "room");

		if (!failed(a, &t, r))
			precheck_found(a, &t, json_is_true(room) ? TRUTH_YES :
			    TRUTH_NO, "%s: %s", r->name, r->text);
	}
	if (t == TRUTH_NO)
		precheck_next(a, "midwatch cleanup --plan");
	return t;
}

/* libpq skips a password file that is not there, or not private, in silence. */
static void
judge_passfile(struct asking *a, enum truth *t, const struct site_db *db)
{
	struct stat st;

	if (db->passfile == NULL)
		return;
	if (stat(db->passfile, &st) != 0)
		precheck_found(a, t, TRUTH_NO, "%s: '%s': %s", db->name,
		    db->passfile, strerror(errno));
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		precheck_found(a, t, TRUTH_NO, "%s: '%s' is not private (mode "
		    "%04o)", db->name, db->passfile, st.st_mode & 07777u);
}

static enum truth
row_secrets(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	const struct reading *r;
	size_t logins = 0;

	*none = site_dbs(a->site) + site_places(a->site) == 0;
	for (size_t i = 0; i < site_dbs(a->site); i++)
		judge_passfile(a, &t, site_db_at(a->site, i));
	for (size_t i = 0; (r = reading(a, "database", &i)) != NULL; logins++) {
		bool in = json_get_bool(r->data, "can_login");

		if (failed(a, &t, r) || in)
			continue;
		precheck_found(a, &t, TRUTH_NO, "%s: %s", r->name, r->text);
		precheck_next(a, "midwatch recover %s --plan", r->name);
	}
	for (size_t i = 0; (r = reading(a, "place", &i)) != NULL; logins++)
		if (!failed(a, &t, r) &&
		    json_is_false(json_object_get(r->data, "login")))
			precheck_found(a, &t, TRUTH_NO, "%s: %s", r->name,
			    r->text);
	if (t == TRUTH_YES)
		precheck_found(a, &t, t, "all %zu logins work", logins);
	return t;
}

/* Asked by the way that the dump takes, wherever psql runs for it. */
static bool
look_at_schema(struct asking *a, struct way *w, const struct site_db *db,
    int64_t deadline, struct schema *ret, struct err *e)
{
	struct buf sql = BUF_INIT;
	json_t *answer = NULL;
	bool ok;

	schema_sql(NULL, &sql);
	if (way_open(w, a->site, db, WAY_LOGIN, deadline, e))
		answer = way_ask(w, sql.p, deadline, e);
	ok = answer != NULL && schema_take(answer, ret, e);
	json_decref(answer);
	buf_release(&sql);
	return ok;
}

static void
judge_schema(struct asking *a, enum truth *t, const struct site_db *db,
    int64_t deadline)
{
	struct way w = WAY_INIT;
	struct err e = ERR_INIT;
	struct schema s = { .total = 0 };
	struct buf names = BUF_INIT;

	if (!look_at_schema(a, &w, db, deadline, &s, &e))
		precheck_found(a, t, TRUTH_UNKNOWN, "%s", e.msg);
	else if (s.total == 0)
		precheck_found(a, t, TRUTH_YES, "%s: all can be read by %s",
		    db->name, s.role);
	else {
		schema_names(&s, GAPS_SAID, &names);
		precheck_found(a, t, TRUTH_NO, "%s: %s cannot read %s",
		    db->name, s.role, names.p);
		precheck_next(a, "in %s: %s", db->dbname, s.cure != NULL ?
		    s.cure : s.v.n > 0 ? s.v.v[0].grant : "?");
	}
	schema_release(&s);
	way_close(&w);
	buf_release(&names);
}

static enum truth
row_schema(struct asking *a, bool *none)
{
	int64_t end = clock_mono_ms() + SCHEMA_MS;
	enum truth t = TRUTH_YES;

	*none = site_dbs(a->site) == 0;
	for (size_t i = 0; i < site_dbs(a->site); i++)
		judge_schema(a, &t, site_db_at(a->site, i), end);
	return t;
}

static enum truth
row_restore_test(struct asking *a, bool *none)
{
	enum truth t = TRUTH_YES;
	char text[80];

	*none = site_dbs(a->site) == 0 || site_stores(a->site) == 0;
	if (*none)
		return t;
	(void)snprintf(text, sizeof text, "restore-test passed within %" PRId64
	    "s", a->site->schedule.restore_test_every_ms / 1000 + 1);
	condition(a, &t, text);
	if (t != TRUTH_YES)
		precheck_next(a, "midwatch validate latest --restore");
	return t;
}

/* Which readings a row needs; held: what after_freeze holds back. */
static const struct {
	row_fn *run;
	bool held;
	const char *kinds[3];
} rows[PRECHECK_COUNT] = {
	[PRECHECK_BACKUP] = { row_backup, false, { "backup" } },
	[PRECHECK_NIGHTLY] = { row_nightly, false, { "schedule" } },
	[PRECHECK_FREEZE] = { row_freeze, true, { NULL } },
	[PRECHECK_WINDOW] = { row_window, true, { "work" } },
	[PRECHECK_REPLICATION] = { row_replication, false, { "database" } },
	[PRECHECK_LOCKS] = { row_locks, false, { "database" } },
	[PRECHECK_DISK] = { row_disk, false, { "disk", "store" } },
	[PRECHECK_SECRETS] = { row_secrets, false, { "database", "place" } },
	[PRECHECK_SCHEMA] = { row_schema, false, { NULL } },
	[PRECHECK_RESTORE_TEST] = { row_restore_test, false, { "backup" } },
	[PRECHECK_COMMANDS] = { precheck_commands, false, { NULL } },
};

/* ---- the whole ----------------------------------------------------------- */

bool
precheck_only(const char *words, unsigned *ret, struct err *e)
{
	*ret = 0;
	while (*words != '\0') {
		size_t n = strcspn(words, ","), i = 0;
		char *word = xstrndup(words, n);
		const char *near;

		while (i < PRECHECK_COUNT &&
		    strcmp(precheck_names[i], word) != 0)
			i++;
		if (i < PRECHECK_COUNT)
			*ret |= 1u << i;
		else {
			near = text_nearest(word, precheck_names,
			    PRECHECK_COUNT);
			err_set(e, ERR_USAGE, "the pre-check has no row '%s'%s%s"
			    "%s", word, near ? ", did you mean '" : "",
			    near ? near : "", near ? "'?" : "");
		}
		free(word);
		if (e->kind != ERR_NONE)
			return false;
		words += n + (words[n] == ',');
	}
	return *ret != 0 || err_set(e, ERR_USAGE, "no row of the pre-check is "
	    "named");
}

static bool
wanted(const struct precheck_ask *ask, int id)
{
	return ask->only == 0 || (ask->only & 1u << id) != 0;
}

/* Everything at once: what hangs costs its deadline once. */
static void
look(struct asking *a)
{
	struct watch_want want[2 * PRECHECK_COUNT];
	size_t n = 0;

	for (int id = 0; id < PRECHECK_COUNT; id++)
		for (int k = 0; wanted(a->ask, id) && k < 3 &&
		    rows[id].kinds[k] != NULL; k++) {
			bool seen = false;

			for (size_t i = 0; i < n; i++)
				seen = seen || strcmp(want[i].kind,
				    rows[id].kinds[k]) == 0;
			if (seen)
				continue;
			want[n++] = (struct watch_want){ rows[id].kinds[k],
				NULL };
			VEC_PUSH(&a->picture.kinds, rows[id].kinds[k]);
		}
	if (n > 0)
		watch_round(a->site, a->state, want, n, clock_mono_ms() +
		    READ_MS, &a->picture.all);
}

void
precheck_run(struct precheck *p, const struct site *site,
    const struct state *state, const struct precheck_ask *ask)
{
	struct asking a = { .p = p, .ask = ask, .site = site, .state = state,
	    .why = BUF_INIT, .next = BUF_INIT };

	look(&a);
	for (int id = 0; id < PRECHECK_COUNT; id++) {
		struct precheck_row row = { .id = (enum precheck_id)id };

		if (!wanted(ask, id))
			continue;
		buf_clear(&a.why);
		buf_clear(&a.next);
		row.truth = rows[id].run(&a, &row.none);
		row.counts = !row.none && !(rows[id].held && ask->after_freeze);
		row.why = pool_str(&p->pool, row.none ? "the site has none" :
		    a.why.n > 0 ? a.why.p : "it could not be seen");
		row.next = row.none || row.truth == TRUTH_YES ||
		    a.next.n == 0 ? NULL : pool_str(&p->pool, a.next.p);
		p->lacking += row.counts && row.truth != TRUTH_YES;
		p->held = p->held || (rows[id].held && !row.none &&
		    row.truth != TRUTH_YES);
		VEC_PUSH(&p->v, row);
		if (ask->said != NULL)
			ask->said(ask->ctx, &row);
	}
	cond_picture_release(&a.picture);
	buf_release(&a.why);
	buf_release(&a.next);
}

void
precheck_release(struct precheck *p)
{
	VEC_RELEASE(&p->v);
	pool_release(&p->pool);
}
