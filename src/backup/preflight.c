#include "backup/preflight.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { LOGIN_MS = 20000, ASK_MS = 60000, TOOLS_MS = 20000, TOOLS_MAX = 32,
       INODES_LEAST = 16 };

void
preflight_find(struct preflight *f, enum pre_level level, const char *about,
    const char *next, const char *fmt, ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	VEC_PUSH(&f->v, ((struct pre_finding){ level,
	    pool_str(&f->pool, about), pool_str(&f->pool, clean.p),
	    next != NULL && *next != '\0' ? pool_str(&f->pool, next) :
	    NULL }));
	buf_release(&b);
	buf_release(&clean);
}

void
preflight_release(struct preflight *f)
{
	VEC_RELEASE(&f->v);
	pool_release(&f->pool);
}

const char *
pre_level_name(enum pre_level l)
{
	return l == PRE_OK ? "ok" : l == PRE_WARN ? "warning" : "error";
}

/* ---- what a login can see ------------------------------------------------------ */

static const char facts_sql[] =
    "SELECT json_build_object("
    "'version', split_part(current_setting('server_version'), ' ', 1),"
    " 'num', current_setting('server_version_num')::int,"
    " 'standby', pg_is_in_recovery(), 'role', current_user,"
    " 'super', r.rolsuper, 'size', pg_database_size(current_database()),"
    " 'tables', (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p')"
    "  AND relpersistence <> 't' AND oid >= 16384),"
    " 'locks', current_setting('max_locks_per_transaction')::bigint *"
    "  (current_setting('max_connections')::bigint +"
    "   current_setting('max_prepared_transactions')::bigint))"
    " FROM pg_roles r WHERE r.rolname = current_user";

static const char identity_sql[] =
    "SELECT json_build_object('id', system_identifier::text)"
    " FROM pg_control_system()";

/* What pg_dump would read and this role may not; of extensions it reads nothing. */
#define OURS								\
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"	\
    " WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND NOT EXISTS"	\
    " (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"	\
    " AND d.objid = c.oid AND d.deptype = 'e')"
#define NAME "format('%I.%I', n.nspname, c.relname)"
static const char rights_sql[] =
    "WITH bad AS (SELECT c.relkind, " NAME " AS name" OURS
    " AND c.relkind IN ('r', 'p', 'S', 'm')"
    " AND NOT (has_schema_privilege(n.oid, 'USAGE') AND CASE c.relkind"
    "  WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')"
    "  ELSE has_table_privilege(c.oid, 'SELECT') END)),"
    " hidden AS (SELECT " NAME " AS name" OURS
    " AND c.relkind IN ('r', 'p') AND c.relrowsecurity"
    " AND row_security_active(c.oid))"
    " SELECT json_build_object("
    "'unread', (SELECT count(*) FROM bad WHERE relkind <> 'S'),"
    " 'unread_first', (SELECT min(name) FROM bad WHERE relkind <> 'S'),"
    " 'sequences', (SELECT count(*) FROM bad WHERE relkind = 'S'),"
    " 'sequences_first', (SELECT min(name) FROM bad WHERE relkind = 'S'),"
    " 'hidden', (SELECT count(*) FROM hidden),"
    " 'hidden_first', (SELECT min(name) FROM hidden),"
    " 'objects', (SELECT count(*) FROM pg_largeobject_metadata m"
    "  WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
    "  AND NOT pg_has_role(m.lomowner, 'USAGE') AND NOT EXISTS"
    "  (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'"
    "  AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))))";

static int64_t
end_in(int64_t ms)
{
	return clock_mono_ms() + ms;
}

static bool
take_facts(struct preflight *f, struct way *w, struct db_facts *ret,
    struct err *e)
{
	json_t *o = way_ask(w, facts_sql, end_in(ASK_MS), e), *id;
	struct err quiet = ERR_INIT;
	const char *s;

	if (o == NULL)
		return false;
	s = json_get_str(o, "version");
	*ret = (struct db_facts){
		.version = pool_str(&f->pool, s != NULL ? s : "?"),
		.version_num = json_get_int(o, "num", 0),
		.standby = json_get_bool(o, "standby"),
		.super = json_get_bool(o, "super"),
		.size = json_get_int(o, "size", 0),
		.tables = json_get_int(o, "tables", 0),
		.locks = json_get_int(o, "locks", 0),
	};
	json_decref(o);
	id = way_ask(w, identity_sql, end_in(ASK_MS), &quiet);
	s = json_get_str(id, "id");
	if (s != NULL)
		ret->system_identifier = pool_str(&f->pool, s);
	json_decref(id);
	return true;
}

static char *
role_of(const struct way *w)
{
	struct buf b = BUF_INIT;

	pg_ident(&b, w->user);
	return buf_detach(&b);
}

static const char *
first_of(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s != NULL ? s : "?";
}

static void
say_tables(struct preflight *f, const char *db, const json_t *o,
    const struct db_facts *facts, const char *role, enum pre_level level)
{
	int64_t n = json_get_int(o, "unread", 0);
	int64_t seqs = json_get_int(o, "sequences", 0);
	char *next;

	if (n + seqs == 0)
		return;
	next = facts->version_num >= 140000 ?
	    xprintf("GRANT pg_read_all_data TO %s;", role) :
	    xprintf("GRANT USAGE ON SCHEMA each TO %s; GRANT SELECT ON ALL "
	    "TABLES IN SCHEMA each TO %s; GRANT SELECT ON ALL SEQUENCES IN "
	    "SCHEMA each TO %s;", role, role, role);
	if (n > 0)
		preflight_find(f, level, db, next, "%s may not read %" PRId64
		    " table%s (%s%s)", role, n, n == 1 ? "" : "s",
		    first_of(o, "unread_first"), n > 1 ? ", ..." : "");
	if (seqs > 0)
		preflight_find(f, level, db, next, "%s may not read %" PRId64
		    " sequence%s (%s%s)", role, seqs, seqs == 1 ? "" : "s",
		    first_of(o, "sequences_first"), seqs > 1 ? ", ..." : "");
	free(next);
}

/* pg_read_all_data reads neither large objects nor what row security hides. */
static void
say_others(struct preflight *f, const char *db, const json_t *o,
    const char *role, enum pre_level level)
{
	int64_t n = json_get_int(o, "objects", 0);
	int64_t hidden = json_get_int(o, "hidden", 0);
	char *next;

	if (n > 0) {
		next = xprintf("SELECT format('GRANT SELECT ON LARGE OBJECT %%s "
		    "TO %s', oid) FROM pg_largeobject_metadata \\gexec", role);
		preflight_find(f, level, db, next, "%s may not read %" PRId64
		    " large object%s, which pg_read_all_data does not cover",
		    role, n, n == 1 ? "" : "s");
		free(next);
	}
	if (hidden > 0) {
		next = xprintf("ALTER ROLE %s BYPASSRLS;", role);
		preflight_find(f, level, db, next, "row security hides rows of "
		    "%" PRId64 " table%s from %s (%s%s)", hidden,
		    hidden == 1 ? "" : "s", role,
		    first_of(o, "hidden_first"), hidden > 1 ? ", ..." : "");
		free(next);
	}
}

/* False: something would be missing, or it cannot be known. */
static bool
may_read_all(struct preflight *f, struct way *w, const struct db_facts *facts,
    enum pre_level level)
{
	struct err e = ERR_INIT;
	json_t *o;
	char *role;
	bool all;

	if (facts->super)
		return true;
	o = way_ask(w, rights_sql, end_in(ASK_MS), &e);
	if (o == NULL) {
		/* pg_dump itself will say it, should something be missing */
		preflight_find(f, PRE_WARN, w->db->name, e.hint, "what its "
		    "role may read is not known: %s", e.msg);
		return true;
	}
	all = json_get_int(o, "unread", 0) + json_get_int(o, "sequences", 0) +
	    json_get_int(o, "objects", 0) + json_get_int(o, "hidden", 0) == 0;
	role = role_of(w);
	say_tables(f, w->db->name, o, facts, role, level);
	say_others(f, w->db->name, o, role, level);
	free(role);
	json_decref(o);
	return all;
}

static void
say_facts(struct preflight *f, const struct way *w,
    const struct db_facts *facts)
{
	struct buf way = BUF_INIT;
	char size[16];

	way_say(w, &way);
	text_fmt_size(size, facts->size);
	preflight_find(f, PRE_OK, w->db->name, NULL, "%s works: PostgreSQL %s, "
	    "%s, %s, %" PRId64 " tables", way.p, facts->version,
	    facts->standby ? "a standby" : "the primary", size, facts->tables);
	if (facts->standby)
		preflight_find(f, PRE_WARN, w->db->name,
		    "raise max_standby_streaming_delay there, or name the "
		    "primary's host", "it is a standby: recovery may cancel a "
		    "long dump");
	if (facts->locks > 0 && facts->tables > facts->locks)
		preflight_find(f, PRE_WARN, w->db->name,
		    "raise max_locks_per_transaction and restart the server",
		    "it has %" PRId64 " tables and room for %" PRId64
		    " locks: the dump may end with 'out of shared memory'",
		    facts->tables, facts->locks);
	buf_release(&way);
}

/* ---- what is left when nobody may read all of it ------------------------------- */

static void
keep_gaps(struct preflight *f, const struct schema *s, struct db_facts *ret)
{
	struct schema_gap *v = pool_alloc(&f->pool, s->v.n * sizeof *v);
	struct buf names = BUF_INIT;

	for (size_t i = 0; i < s->v.n; i++)
		v[i] = (struct schema_gap){ s->v.v[i].kind,
			pool_str(&f->pool, s->v.v[i].name), NULL };
	schema_names(s, 20, &names);
	ret->lacks = v;
	ret->n_lacks = s->v.n;
	ret->lacks_text = pool_str(&f->pool, names.p);
	buf_release(&names);
}

/* Names everything that will be missing. False: it cannot be named. */
static bool
take_rest(struct preflight *f, struct way *w, struct db_facts *ret)
{
	struct buf sql = BUF_INIT;
	struct schema s = { 0 };
	struct err e = ERR_INIT;
	json_t *o;
	bool ok;

	schema_sql(NULL, &sql);
	o = way_ask(w, sql.p, end_in(ASK_MS), &e);
	ok = o != NULL && schema_take(o, &s, &e) && s.v.n > 0 &&
	    s.total == (int64_t)s.v.n;
	if (ok) {
		keep_gaps(f, &s, ret);
		preflight_find(f, PRE_WARN, w->db->name, s.cure != NULL ?
		    s.cure : s.v.v[0].grant, "nobody here may read all of it: "
		    "the rest is dumped, without %s, and is not complete",
		    ret->lacks_text);
	} else
		preflight_find(f, PRE_FAIL, w->db->name, e.hint, "what could "
		    "be dumped of it is not known%s%s", e.msg[0] ? ": " : "",
		    e.msg);
	json_decref(o);
	schema_release(&s);
	buf_release(&sql);
	return ok;
}

/* Half of a legacy database is more than none of it. */
static bool
dump_the_rest(struct preflight *f, const struct site *site,
    const struct site_db *db, enum way_kind kind, struct way *w,
    struct db_facts *ret)
{
	struct err e = ERR_INIT;

	if (!db->legacy)
		return false;
	way_close(w);
	if (!way_open(w, site, db, kind, end_in(LOGIN_MS), &e) ||
	    !take_facts(f, w, ret, &e)) {
		preflight_find(f, PRE_FAIL, db->name, e.hint, "%s", e.msg);
		return false;
	}
	if (!take_rest(f, w, ret))
		return false;
	say_facts(f, w, ret);
	return true;
}

/* It goes on by the superuser way, and the login wants its own mending. */
static void
say_login(struct preflight *f, const struct site_db *db,
    const struct err *login)
{
	struct buf next = BUF_INIT;

	if (db->rotate.line != 0)
		buf_printf(&next, "midwatch recover %s", db->name);
	preflight_find(f, PRE_WARN, db->name, next.n > 0 ? next.p :
	    login->hint, "the login fails: %s", login->msg);
	buf_release(&next);
}

bool
preflight_db(struct preflight *f, const struct site *site,
    const struct site_db *db, struct way *w, struct db_facts *ret)
{
	struct err login = ERR_INIT, super = ERR_INIT;
	bool can_super = db->superuser.line != 0, in;
	enum pre_level grave = can_super || db->legacy ? PRE_WARN : PRE_FAIL;
	struct buf b = BUF_INIT;

	in = way_open(w, site, db, WAY_LOGIN, end_in(LOGIN_MS), &login) &&
	    take_facts(f, w, ret, &login);
	if (in && may_read_all(f, w, ret, grave)) {
		say_facts(f, w, ret);
		return true;
	}
	if (!in && !can_super)
		preflight_find(f, PRE_FAIL, db->name, login.hint, "%s",
		    login.msg);
	if (!can_super)
		return in && dump_the_rest(f, site, db, WAY_LOGIN, w, ret);
	if (!in)
		say_login(f, db, &login);
	way_close(w);
	if (!way_open(w, site, db, WAY_SUPERUSER, end_in(LOGIN_MS), &super) ||
	    !take_facts(f, w, ret, &super)) {
		bool rest = in && db->legacy;

		preflight_find(f, rest ? PRE_WARN : PRE_FAIL, db->name,
		    super.hint, "the superuser way fails as well: %s",
		    super.msg);
		if (!rest)
			preflight_find(f, PRE_WARN, db->name, "midwatch "
			    "runbook midnight-backup-failure --commands",
			    "what is left is a copy of its server's files, by "
			    "hand: the step rescue-%s has the commands",
			    db->name);
		return rest && dump_the_rest(f, site, db, WAY_LOGIN, w, ret);
	}
	way_say(w, &b);
	preflight_find(f, PRE_WARN, db->name, NULL, "it is dumped by %s", b.p);
	buf_release(&b);
	if (!may_read_all(f, w, ret, db->legacy ? PRE_WARN : PRE_FAIL))
		return dump_the_rest(f, site, db, WAY_SUPERUSER, w, ret);
	say_facts(f, w, ret);
	return true;
}

/* ---- programs ------------------------------------------------------------------ */

struct tool {
	const char *path, *version;
	int64_t major;
};

/* Debian and Red Hat keep several beside each other; one line each. */
static const char find_tools[] =
    "for p in \"$1\" /usr/lib/postgresql/*/bin/\"$1\" /usr/pgsql-*/bin/\"$1\""
    " /usr/local/pgsql/bin/\"$1\"; do v=$(\"$p\" --version 2>/dev/null) &&"
    " printf '%s\\t%s\\n' \"$p\" \"$v\"; done; exit 0";

/* "pg_dump (PostgreSQL) 15.20 (Debian ...)" */
static bool
tool_line(struct preflight *f, char *line, struct tool *ret)
{
	char *tab = strchr(line, '\t'), *v, *end;

	if (tab == NULL || (v = strstr(tab, "(PostgreSQL) ")) == NULL)
		return false;
	*tab = '\0';
	v += strlen("(PostgreSQL) ");
	v[strcspn(v, " ")] = '\0';
	ret->major = strtol(v, &end, 10);
	ret->path = pool_str(&f->pool, line);
	ret->version = pool_str(&f->pool, v);
	return end != v;
}

/* Of the server's own age if there is one, else the next newer: a client that is
 * older than the server refuses, or writes what nobody can read. */
static bool
best_tool(struct preflight *f, char *lines, int64_t major, struct tool *ret,
    struct tool *ret_any)
{
	char *save = NULL;
	bool found = false;

	for (char *l = strtok_r(lines, "\n", &save); l != NULL;
	    l = strtok_r(NULL, "\n", &save)) {
		struct tool t;

		if (!tool_line(f, l, &t))
			continue;
		if (ret_any->path == NULL || t.major > ret_any->major)
			*ret_any = t;
		if (t.major < major || (found && t.major >= ret->major))
			continue;
		*ret = t;
		found = true;
	}
	return found;
}

static bool
look_for(struct preflight *f, struct place *p, const char *program,
    int64_t major, struct tool *ret, struct tool *ret_any, struct err *e)
{
	const char *argv[] = { "/bin/sh", "-c", find_tools, "midwatch",
	    program, NULL };
	struct place_run run = { .argv = argv, .limit = 64 << 10,
	    .deadline_ms = end_in(TOOLS_MS) };
	struct place_ran ran = PLACE_RAN_INIT;
	bool found = false;

	*ret = *ret_any = (struct tool){ 0 };
	if (place_run(p, &run, &ran, e)) {
		found = best_tool(f, ran.out.p, major, ret, ret_any);
		if (!found)
			err_set(e, ERR_NOTFOUND, "there is no %s", program);
	}
	place_ran_release(&ran);
	return found;
}

/* The sibling of a program that was found. */
static const char *
beside(struct preflight *f, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? name : pool_printf(&f->pool, "%.*s/%s",
	    (int)(slash - path), path, name);
}

bool
preflight_tools(struct preflight *f, struct way *w, const char *about,
    const struct db_facts *facts, struct dump_tools *ret)
{
	int64_t major = facts->version_num / 10000;
	struct err e = ERR_INIT, here_e = ERR_INIT;
	struct place *here = place_open(NULL, NULL, &here_e);
	struct tool dump, restore, any;
	const char *at = w->at != NULL ? w->at->name : "here";
	char *next;
	bool ok;

	*ret = (struct dump_tools){ 0 };
	next = xprintf("install postgresql-client-%" PRId64 "%s%s", major,
	    w->at != NULL ? " at " : "", w->at != NULL ? at : "");
	ok = look_for(f, w->place != NULL ? w->place : here, "pg_dump", major,
	    &dump, &any, &e);
	if (!ok && any.path != NULL)
		preflight_find(f, PRE_FAIL, about, next, "the newest pg_dump "
		    "%s%s is %s, older than the server (%s)", w->at != NULL ?
		    "at " : "", at, any.version, facts->version);
	else if (!ok)
		preflight_find(f, PRE_FAIL, about, next, "%s%s: %s",
		    w->at != NULL ? "at " : "", at, e.msg);
	else {
		ret->pg_dump = dump.path;
		ret->pg_dumpall = beside(f, dump.path, "pg_dumpall");
		ret->version = dump.version;
		if (look_for(f, here, "pg_restore", dump.major, &restore, &any,
		    &here_e))
			ret->pg_restore = restore.path;
		else
			preflight_find(f, PRE_WARN, about, next, "no "
			    "pg_restore here can read what pg_dump %s writes: "
			    "its copies can be sent, and not be proven",
			    dump.version);
	}
	place_close(here);
	free(next);
	return ok;
}

/* ---- room ---------------------------------------------------------------------- */

bool
preflight_room(struct preflight *f, const struct site *site, const char *store,
    struct place *p, const char *path, int64_t estimate, enum set_class class,
    int64_t *ret_fits)
{
	const struct site_backup *b = &site->backup;
	struct place_room r;
	struct err e = ERR_INIT;
	char free_text[16], need[16], floor_text[16];
	int64_t left;
	bool enough = true;

	*ret_fits = 0;
	if (!place_room(p, path, &r, &e)) {
		/* not every server says it; a full one says so when it is */
		preflight_find(f, PRE_WARN, store, e.hint, "its room is not "
		    "known: %s", e.msg);
		return true;
	}
	left = r.free - estimate;
	text_fmt_size(free_text, r.free);
	text_fmt_size(need, estimate);
	text_fmt_size(floor_text, b->min_free);
	if (left < b->min_free) {
		preflight_find(f, PRE_FAIL, store, "midwatch cleanup",
		    "%s free, about %s will come, and min_free is %s",
		    free_text, need, floor_text);
		if (r.inodes <= 0 || r.inodes_free >= INODES_LEAST)
			*ret_fits = r.free - b->min_free;
		return false;
	}
	if (r.inodes > 0 && r.inodes_free < INODES_LEAST) {
		preflight_find(f, PRE_FAIL, store, "midwatch cleanup",
		    "it has no inodes left (%" PRId64 " of %" PRId64 ")",
		    r.inodes_free, r.inodes);
		return false;
	}
	if (100 - place_percent(r.used + estimate, left) <
	    b->min_free_percent) {
		/* an emergency and the nightly go on: what is saved is saved */
		enough = class != SET_MANUAL;
		preflight_find(f, enough ? PRE_WARN : PRE_FAIL, store, enough ?
		    "midwatch cleanup" : "midwatch cleanup, or --emergency",
		    "%s free, about %s will come, which leaves less than the "
		    "%" PRId64 " %% of min_free_percent", free_text, need,
		    b->min_free_percent);
	} else
		preflight_find(f, PRE_OK, store, NULL, "%s free, about %s will "
		    "come", free_text, need);
	return enough;
}
