/*
 * `midwatch locks`: who waits for whom, the ones nobody holds up first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "verb/locks.h"
#include "verb/secrets.h"
#include "watch/watch.h"

enum { TIMEOUT_MS = 5000, DEPTH_SHOWN = 16 };

/* ---- for people ------------------------------------------------------------ */

struct tree {
	const struct reading *r;
	const json_t *list;		/* data.locks */
	bool *shown;
};

static int64_t
num(const json_t *o, const char *key)
{
	return json_get_int(o, key, 0);
}

static bool
behind(const json_t *o, int64_t pid)
{
	const json_t *by;
	size_t i;

	json_array_foreach(json_object_get(o, "blocked_by"), i, by)
		if (json_integer_value(by) == pid)
			return true;
	return false;
}

static bool
in_list(const json_t *list, int64_t pid)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		if (num(o, "pid") == pid)
			return true;
	return false;
}

void
locks_session(const json_t *o, struct buf *b)
{
	static const char *const words[] = { "user", "app", "client" };
	const char *state = json_get_str(o, "state");
	const char *type = json_get_str(o, "type");
	const char *between = ": ";
	char age[32];

	buf_printf(b, "pid %" PRId64, num(o, "pid"));
	for (size_t i = 0, n = 0; i < 3; i++) {
		const char *s = json_get_str(o, words[i]);

		if (s != NULL && *s != '\0')
			buf_printf(b, "%s%s", n++ == 0 ? " (" : ", ", s);
		if (i == 2 && n > 0)
			buf_ch(b, ')');
	}
	if (json_get_bool(o, "dump"))
		buf_str(b, " [a dump]");
	else if (type != NULL && strcmp(type, "client backend") != 0)
		buf_printf(b, " [%s]", type);
	if (state != NULL && json_object_get(o, "wait_ms") == NULL) {
		buf_printf(b, "%s%s", between, state);
		between = ", ";
	}
	if (json_object_get(o, "xact_age_ms") != NULL) {
		text_fmt_duration(age, num(o, "xact_age_ms"));
		buf_printf(b, "%stransaction open for %s", between, age);
	}
}

static void
put_wait(struct buf *b, const json_t *o)
{
	const char *mode = json_get_str(o, "mode"), *on = json_get_str(o, "on");
	char age[32];

	if (json_object_get(o, "wait_ms") == NULL)
		return;
	text_fmt_duration(age, num(o, "wait_ms"));
	buf_printf(b, ", waits %s ", age);
	if (on != NULL && (strcmp(on, "transactionid") == 0 ||
	    strcmp(on, "virtualxid") == 0))
		buf_str(b, "for a transaction to end");
	else
		buf_printf(b, "for %s on %s", mode != NULL ? mode : "a lock",
		    on != NULL ? on : "?");
}

static void
show_session(const json_t *o, int depth)
{
	const char *query = json_get_str(o, "query");
	const char *began = json_get_str(o, "query_start");
	struct buf b = BUF_INIT;
	char at[40] = "";
	int64_t ms;
	int in = 2 + 2 * (depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN);

	locks_session(o, &b);
	put_wait(&b, o);
	if (json_array_size(json_object_get(o, "blocked_by")) > 1)
		buf_printf(&b, ", behind %zu sessions",
		    json_array_size(json_object_get(o, "blocked_by")));
	cli_out("%*s%s", in, "", b.p);
	if (began != NULL && clock_parse_utc(began, &ms))
		clock_fmt_site(at, ms);
	cli_out("%*s%s%s%s", in + 4, "", at, at[0] != '\0' ? ": " : "",
	    query != NULL ? query : "(its statement is hidden)");
	buf_release(&b);
}

static void
show_below(struct tree *t, size_t i, int depth)
{
	const json_t *o = json_array_get(t->list, i), *other;
	size_t k;

	t->shown[i] = true;
	show_session(o, depth);
	json_array_foreach(t->list, k, other)
		if (!t->shown[k] && behind(other, num(o, "pid")))
			show_below(t, k, depth + 1);
}

static bool
is_root(const struct tree *t, const json_t *o)
{
	const json_t *by;
	size_t i;

	json_array_foreach(json_object_get(o, "blocked_by"), i, by)
		if (json_integer_value(by) == 0 ||
		    in_list(t->list, json_integer_value(by)))
			return false;
	return true;
}

/* A transaction that was prepared and never ended has no session. */
static void
show_prepared(struct tree *t)
{
	const json_t *o, *p;
	char age[32];
	bool any = false;
	size_t i, k;

	json_array_foreach(t->list, i, o)
		any = any || behind(o, 0);
	if (!any)
		return;
	json_array_foreach(json_object_get(t->r->data, "prepared"), k, p) {
		const char *gid = json_get_str(p, "gid");
		const char *user = json_get_str(p, "user");

		text_fmt_duration(age, num(p, "age_ms"));
		cli_out("  prepared transaction '%s' of %s, open for %s: "
		    "COMMIT PREPARED or ROLLBACK PREPARED ends it",
		    gid != NULL ? gid : "", user != NULL ? user : "", age);
	}
	json_array_foreach(t->list, i, o)
		if (!t->shown[i] && behind(o, 0))
			show_below(t, i, 1);
}

static void
show_tree(struct tree *t)
{
	const json_t *o;
	size_t i;

	t->shown = xcalloc(json_array_size(t->list) + 1, sizeof *t->shown);
	json_array_foreach(t->list, i, o)
		if (!t->shown[i] && is_root(t, o))
			show_below(t, i, 0);
	show_prepared(t);
	json_array_foreach(t->list, i, o)
		if (!t->shown[i])	/* they wait in a circle */
			show_below(t, i, 0);
	free(t->shown);
}

static void
show_long(const struct reading *r)
{
	const json_t *list = json_object_get(r->data, "transactions"), *o;
	bool said = false;
	size_t i;

	json_array_foreach(list, i, o) {
		if (in_list(json_object_get(r->data, "locks"), num(o, "pid")))
			continue;
		if (!said)
			cli_out("  open for long, in nobody's way:");
		said = true;
		show_session(o, 0);
	}
}

static bool
was_read(const struct reading *r)
{
	return r->error == NULL && json_get_bool(r->data, "can_login") &&
	    json_get_bool(r->data, "answers");
}

/* What was asked for and did not come. */
static const char *
not_seen(const struct reading *r)
{
	const json_t *list = json_object_get(r->data, "missing"), *o;
	size_t i;

	json_array_foreach(list, i, o)
		if (strcmp(json_get_str(o, "what"), "locks") == 0 ||
		    strcmp(json_get_str(o, "what"), "sessions") == 0)
			return json_get_str(o, "why");
	return NULL;
}

static void
show_one(const struct reading *r)
{
	struct tree t = { .r = r, .list = json_object_get(r->data, "locks") };
	int64_t n = num(r->data, "waiting");
	char at[40];

	clock_fmt_site(at, r->at);
	if (!was_read(r)) {
		cli_out("%s  %s  not seen: %s", r->name, at,
		    r->error != NULL ? r->error : r->text);
		if (r->next != NULL)
			cli_out("  %s", r->next);
		return;
	}
	if (not_seen(r) != NULL)
		cli_out("%s  %s  not seen: %s", r->name, at, not_seen(r));
	else if (n == 0)
		cli_out("%s  %s  nobody waits for a lock", r->name, at);
	else
		cli_out("%s  %s  %" PRId64 " %s for a lock", r->name, at, n,
		    n == 1 ? "session waits" : "sessions wait");
	show_tree(&t);
	show_long(r);
	if (n > 0)
		cli_out("  midwatch locks terminate PID --confirm PID --db %s  "
		    "ends a session (cancel: only its statement)", r->name);
}

/* ---- for programs ------------------------------------------------------------ */

static void
put_list(struct buf *b, const char *key, const json_t *v)
{
	json_key(b, key);
	if (v != NULL)
		json_dump(b, v);
	else
		buf_str(b, "[]");
}

static void
put_one(struct buf *b, const struct reading *r)
{
	char at[32];

	clock_fmt_utc(at, r->at);
	json_comma(b);
	json_open(b);
	json_put_str(b, "name", r->name);
	json_put_bool(b, "seen", was_read(r) && not_seen(r) == NULL);
	json_put_str(b, "at", at);
	json_put_str(b, "level", level_name(r->level));
	json_put_str(b, "text", r->text);
	json_put_str(b, "next", r->next);
	json_put_str(b, "error", r->error != NULL ? r->error : not_seen(r));
	json_put_int(b, "waiting", num(r->data, "waiting"));
	put_list(b, "sessions", json_object_get(r->data, "locks"));
	put_list(b, "prepared", json_object_get(r->data, "prepared"));
	put_list(b, "transactions", json_object_get(r->data, "transactions"));
	json_close(b);
}

/* ---- the verb ------------------------------------------------------------------ */

static bool
wants(const struct desk *d, const struct cli *c, struct watch_want *want,
    struct err *e)
{
	for (size_t i = 0; i < c->words.n; i++) {
		const struct site_db *db = site_db(&d->site, c->words.v[i]);

		if (db == NULL)
			return locks_no_db(d, c->words.v[i], e);
		want[i] = (struct watch_want){ "database", db->name };
	}
	if (c->words.n == 0)
		want[0] = (struct watch_want){ "database", NULL };
	return true;
}

bool
locks_no_db(const struct desk *d, const char *name, struct err *e)
{
	return site_lacks(&d->site, SITE_DATABASE, name, e);
}

static int
show(struct desk *d, struct cli *c)
{
	struct watch_want *want = xcalloc(c->words.n + 1, sizeof *want);
	struct readings all = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok = wants(d, c, want, &e), seen = true;

	if (!ok) {
		free(want);
		return cli_fail(c, &e);
	}
	watch_round(&d->site, &d->state, want, c->words.n ? c->words.n : 1,
	    clock_mono_ms() + TIMEOUT_MS, &all);
	for (size_t i = 0; i < all.v.n; i++)
		seen = seen && was_read(&all.v.v[i]) &&
		    not_seen(&all.v.v[i]) == NULL;
	json_open(&b);
	json_put_bool(&b, "ok", seen);
	json_key(&b, "databases");
	json_open_list(&b);
	for (size_t i = 0; i < all.v.n; i++) {
		if (c->json)
			put_one(&b, &all.v.v[i]);
		else
			show_one(&all.v.v[i]);
	}
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	if (c->json)
		cli_raw(b.p, b.n);
	else if (all.v.n == 0)
		cli_out("the site file names no database");
	buf_release(&b);
	readings_release(&all);
	free(want);
	return seen ? EXIT_DONE : EXIT_FAILED;
}

int
verb_locks(struct cli *c, int argc, char **argv)
{
	struct locks_end end = { .desk = NULL };
	const struct opt opts[] = {
		{ "--confirm", NULL, &end.confirm, NULL },
		{ "--db", NULL, &end.db, NULL },
		{ "--started", NULL, &end.started, NULL },
		{ "--reason", NULL, &end.reason, NULL },
		{ "--dump", &end.dump, NULL, NULL },
		{ "--anyway", &end.anyway, NULL, NULL },
	};
	const char *usage = "midwatch locks [DB...] | cancel|terminate PID "
	    "--confirm PID [--db DB]";
	struct err e = ERR_INIT;
	struct desk d;
	bool ends;
	int status;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts))
		return EXIT_USAGE;
	ends = c->words.n > 0 && (strcmp(c->words.v[0], "cancel") == 0 ||
	    strcmp(c->words.v[0], "terminate") == 0);
	if (ends && !cli_words(c, 2, 2, usage))
		return EXIT_USAGE;
	if (!ends && (end.confirm != NULL || end.db != NULL || end.dump ||
	    end.anyway || end.started != NULL || end.reason != NULL))
		return cli_usage("which session is to be ended? usage: %s",
		    usage);
	if (!desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else if (!d.have_site)
		status = cli_usage("there is no site file to look by; "
		    "'midwatch init' writes one");
	else {
		(void)secrets_ask(c, &d.site, 0);
		end.desk = &d;
		status = ends ? locks_end(c, &end) : show(&d, c);
	}
	desk_close(&d);
	return status;
}
