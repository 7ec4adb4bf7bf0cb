#include "backup/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/globals.h"
#include "backup/gz.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/text.h"

enum {
	WAIT_MS = 600000,
	JOBS_MAX = 16,
	ROUNDS = 8,			/* of finding roles that nobody has */
	SPARE = 192 << 20,		/* an empty cluster and its log */
	CHUNK = 256 << 10,
};

#define DB "restored"
#define TRY "tried"

struct work {
	struct scratch *s;
	const struct restore_ask *ask;
	struct restore_done *ret;
	struct pg *db;			/* to `postgres` */
	char *pg_restore;
	struct buf create;		/* CREATE DATABASE as the dump has it */
	struct toc toc;
};

static bool
stopped(void *ctx)
{
	const struct verify_care *care = ctx;

	return care != NULL && care->cancelled != NULL &&
	    care->cancelled(care->ctx);
}

static void
stage(const struct restore_ask *ask, const char *what)
{
	if (ask->say != NULL)
		ask->say(ask->ctx, what);
}

static void
note(struct restore_done *ret, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
note(struct restore_done *ret, const char *fmt, ...)
{
	va_list ap;

	if (ret->notes.n > 0)
		buf_str(&ret->notes, "; ");
	va_start(ap, fmt);
	buf_vprintf(&ret->notes, fmt, ap);
	va_end(ap);
}

static bool
sql(struct pg *db, const char *text, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = pg_query(db, text, NULL, 0, clock_mono_ms() + WAIT_MS, &rows,
	    e);

	pg_rows_release(&rows);
	return ok;
}

int64_t
restore_room(int64_t raw)
{
	/* the raw archive, its data, and as much again of indexes and log */
	return raw > INT64_MAX / 4 ? INT64_MAX : SPARE + 3 * raw;
}

/* ---- the database ----------------------------------------------------------------- */

static bool
take_create(void *ctx, const char *s, size_t n)
{
	struct buf *b = ctx;

	if (!text_starts(s, "CREATE DATABASE "))
		return true;
	buf_add(b, s, n);
	return false;
}

static void
to_text(void *ctx, const char *p, size_t n)
{
	struct dumptext *t = ctx;

	if (!t->enough)
		dumptext_take(t, p, n);
}

/* The archive knows the encoding and the locale; where it stood it does not
 * matter here. */
static bool
find_create(struct work *w, const char *file, struct err *e)
{
	const char *argv[] = { w->pg_restore, "--create", "--schema-only",
		"--file=-", file, NULL };
	struct buf said = BUF_INIT, name = BUF_INIT;
	struct dumptext t = { .statement = take_create, .ctx = &said };
	struct reader r = READER_INIT;
	bool ok;

	r.out = to_text;
	r.ctx = &t;
	r.cancelled = stopped;
	r.cancel_ctx = w->ask->care;
	ok = reader_run(&r, argv, e);
	buf_clear(&w->create);
	if (ok && said.n > 0) {
		const char *s = said.p + strlen("CREATE DATABASE ");
		const char *space;

		if (dumptext_ident(&s, &name)) {
			space = strstr(s, " TABLESPACE = ");
			buf_add(&w->create, s, space != NULL ?
			    (size_t)(space - s) : strlen(s));
		}
	}
	reader_release(&r);
	dumptext_release(&t);
	buf_release(&said);
	buf_release(&name);
	return ok;
}

static bool
create_database(struct work *w, const char *name, bool first, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	bool ok;

	buf_printf(&b, "CREATE DATABASE %s%s", name, w->create.n > 0 ?
	    w->create.p : " TEMPLATE = template0");
	ok = sql(w->db, b.p, &why);
	if (!ok && w->create.n > 0 && pg_state(w->db) == PG_READY) {
		/* a locale that only the old host has says nothing against it */
		if (first)
			note(w->ret, "the database's own locale is not on this "
			    "host (%s), C was taken", why.msg);
		buf_clear(&b);
		buf_printf(&b, "CREATE DATABASE %s TEMPLATE = template0 "
		    "ENCODING = 'UTF8' LOCALE = 'C'", name);
		err_clear(&why);
		ok = sql(w->db, b.p, &why);
	}
	if (!ok)
		*e = why;
	buf_release(&b);
	return ok;
}

static bool
drop_database(struct work *w, const char *name, struct err *e)
{
	char *text = xprintf("DROP DATABASE IF EXISTS %s", name);
	bool ok = sql(w->db, text, e);

	free(text);
	return ok;
}

/* ---- pg_restore ------------------------------------------------------------------- */

static int
jobs_of(const struct restore_ask *ask)
{
	long n = ask->jobs > 0 ? ask->jobs : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (int)n;
}

struct restoring {
	const char *pg_restore, *conninfo, *file;
	bool schema_only, stop_on_error, no_spaces, over;
	int jobs;
};

static bool
run_restore(const struct restoring *x, struct reader *r, struct err *e)
{
	const char *argv[16];
	char jobs[24];
	size_t n = 0;

	(void)snprintf(jobs, sizeof jobs, "--jobs=%d", x->jobs);
	argv[n++] = x->pg_restore;
	argv[n++] = "--no-password";
	argv[n++] = "--dbname";
	argv[n++] = x->conninfo;
	argv[n++] = jobs;
	if (x->schema_only)
		argv[n++] = "--schema-only";
	if (x->stop_on_error)
		argv[n++] = "--exit-on-error";
	if (x->no_spaces)
		argv[n++] = "--no-tablespaces";
	if (x->over) {
		argv[n++] = "--clean";
		argv[n++] = "--if-exists";
	}
	argv[n++] = x->file;
	argv[n] = NULL;
	return reader_run(r, argv, e);
}

static char *
scratch_conninfo(const struct scratch *s, const char *db)
{
	return xprintf("host='%s' port=%d user='%s' dbname=%s passfile="
	    "/dev/null sslmode=disable", s->login.host, s->login.port,
	    s->login.user, db);
}

static bool
restore_file(struct work *w, const char *file, struct err *e)
{
	char *conninfo = scratch_conninfo(w->s, DB);
	struct reader r = READER_INIT;
	struct restoring x = { .pg_restore = w->pg_restore,
		.conninfo = conninfo, .file = file, .stop_on_error = true,
		.no_spaces = true, .jobs = jobs_of(w->ask) };
	bool ok;

	r.cancelled = stopped;
	r.cancel_ctx = w->ask->care;
	ok = run_restore(&x, &r, e);
	if (ok && r.exit != 0)
		reader_why(&r, &w->ret->why);
	reader_release(&r);
	free(conninfo);
	return ok;
}

/* ---- roles ------------------------------------------------------------------------- */

/* role "x" does not exist: makes each, once. */
static size_t
make_roles(struct work *w, const char *said)
{
	static const char head[] = "role \"", tail[] = "\" does not exist";
	size_t made = 0;

	for (const char *s = strstr(said, head); s; s = strstr(s, head)) {
		const char *end = strstr(s += sizeof head - 1, tail);
		char *name = end != NULL ? xstrndup(s, (size_t)(end - s)) :
		    NULL;
		struct buf b = BUF_INIT;

		buf_str(&b, "CREATE ROLE ");
		pg_ident(&b, name != NULL ? name : "");
		if (name != NULL && sql(w->db, b.p, NULL)) {
			note(w->ret, "role %s is in no globals of this set and "
			    "was made up", name);
			made++;
		}
		buf_release(&b);
		free(name);
	}
	return made;
}

/* Without globals: the schema alone into a database of its own tells which roles it
 * speaks of. */
static bool
make_up_roles(struct work *w, struct err *e)
{
	char *conninfo = scratch_conninfo(w->s, TRY);
	size_t made = 1;
	bool ok = true;

	for (int i = 0; ok && made > 0 && i < ROUNDS; i++) {
		made = 0;
		ok = drop_database(w, TRY, e) &&
		    create_database(w, TRY, false, e);
		for (size_t k = 0; ok && k < w->ask->dump->kept.n; k++) {
			struct reader r = READER_INIT;
			struct restoring x = { .pg_restore = w->pg_restore,
				.conninfo = conninfo, .schema_only = true,
				.file = w->ask->dump->kept.v[k].p,
				.no_spaces = true, .jobs = 1 };

			r.cancelled = stopped;
			r.cancel_ctx = w->ask->care;
			ok = run_restore(&x, &r, e);
			if (ok && r.exit != 0 && r.said.n > 0)
				made += make_roles(w, r.said.p);
			reader_release(&r);
		}
	}
	ok = ok && drop_database(w, TRY, e);
	free(conninfo);
	return ok;
}

/* ---- all of it ----------------------------------------------------------------------- */

static bool
has_extension(struct pg *db, const char *name, bool *ret, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = pg_query(db, "SELECT 1 FROM pg_available_extensions WHERE "
	    "name = $1", &name, 1, clock_mono_ms() + WAIT_MS, &rows, e);

	*ret = ok && pg_count(&rows) > 0;
	pg_rows_release(&rows);
	return ok;
}

/* What this host lacks says nothing about the set. */
static bool
extensions_there(struct work *w, struct err *e)
{
	struct buf lacks = BUF_INIT;
	bool ok = true, there;

	for (size_t i = 0; ok && i < w->toc.extensions.n; i++) {
		ok = has_extension(w->db, w->toc.extensions.v[i], &there, e);
		if (ok && !there)
			buf_printf(&lacks, "%s%s", lacks.n > 0 ? ", " : "",
			    w->toc.extensions.v[i]);
	}
	if (ok && lacks.n > 0) {
		ok = err_set(e, ERR_GUARD, "PostgreSQL %d on this host does "
		    "not have what '%s' needs: %s", w->s->version,
		    w->ask->part->name, lacks.p);
		err_hint(e, "Install these extensions here and validate "
		    "again.");
	}
	buf_release(&lacks);
	return ok;
}

static bool
make_globals(struct work *w, struct err *e)
{
	struct err why = ERR_INIT;

	if (w->s->globals_tried)
		return true;
	stage(w->ask, "roles and tablespaces");
	if (!globals_restore(w->s, w->ask->globals, &why)) {
		if (why.kind != ERR_INTEGRITY) {
			*e = why;
			return false;
		}
		w->s->globals_why = xstrdup(why.msg);
	}
	w->s->globals_tried = true;
	return true;
}

static bool
prepare(struct work *w, struct err *e)
{
	const struct verify_done *dump = w->ask->dump;
	bool ok = true;

	w->pg_restore = file_join(w->s->bin, "pg_restore");
	for (size_t i = 0; ok && i < dump->kept.n; i++)
		ok = toc_read(&w->toc, w->pg_restore, dump->kept.v[i].p, e);
	if (!ok || dump->kept.n == 0)
		return false;
	w->db = pg_open(&w->s->login, clock_mono_ms() + WAIT_MS, e);
	if (w->db == NULL || !extensions_there(w, e))
		return false;
	if (w->ask->globals != NULL) {
		if (!make_globals(w, e))
			return false;
		if (w->s->globals_why != NULL) {
			buf_str(&w->ret->why, w->s->globals_why);
			return true;
		}
	}
	return find_create(w, dump->kept.v[0].p, e) &&
	    (w->ask->globals != NULL || make_up_roles(w, e)) &&
	    drop_database(w, DB, e) && create_database(w, DB, true, e);
}

static bool
compare(struct work *w, struct err *e)
{
	struct pg_spec login = w->s->login;
	struct pg *db;
	bool ok;

	stage(w->ask, "comparing");
	login.dbname = DB;
	db = pg_open(&login, clock_mono_ms() + WAIT_MS, e);
	ok = db != NULL && compare_database(db, &w->ask->dump->text, &w->toc,
	    stopped, w->ask->care, &w->ret->found, e);
	pg_close(db);
	if (ok && w->ret->found.why.n > 0)
		buf_printf(&w->ret->why, "what came back is not what the dump "
		    "holds: %s", w->ret->found.why.p);
	return ok;
}

bool
restore_try(struct scratch *s, const struct restore_ask *ask,
    struct restore_done *ret, struct err *e)
{
	struct work w = { .s = s, .ask = ask, .ret = ret };
	int64_t start = clock_mono_ms();
	bool ok;

	*ret = (struct restore_done){ .why = BUF_INIT, .notes = BUF_INIT,
		.found = { .why = BUF_INIT } };
	ok = prepare(&w, e);
	stage(ask, "restoring");
	for (size_t i = 0; ok && ret->why.n == 0 && i < ask->dump->kept.n; i++)
		ok = restore_file(&w, ask->dump->kept.v[i].p, e);
	ret->took_ms = clock_mono_ms() - start;
	if (ok && ret->why.n == 0)
		ok = compare(&w, e);
	if (ok && w.db != NULL)
		ok = drop_database(&w, DB, e);	/* room for the next one */
	ret->ok = ok && ret->why.n == 0;
	pg_close(w.db);
	toc_release(&w.toc);
	buf_release(&w.create);
	free(w.pg_restore);
	return ok;
}

void
restore_done_release(struct restore_done *d)
{
	buf_release(&d->why);
	buf_release(&d->notes);
	compared_release(&d->found);
}

/* ---- for real -------------------------------------------------------------------------- */

static void
to_buf(void *ctx, const char *p, size_t n)
{
	buf_add(ctx, p, n);
}

static bool
to_reader(void *ctx, const void *raw, size_t n, struct err *e)
{
	return reader_feed(ctx, raw, n, e);
}

/* Only so much of the file as its list takes; damage behind that is not seen, and
 * bad says what was. */
static bool
feed_head(struct place *p, const char *path, struct reader *r, struct err *bad,
    struct err *e)
{
	struct place_file *f = place_read_open(p, path, 0, e);
	struct gz_in *in = gz_in_open();
	char *piece = xmalloc(CHUNK);
	ssize_t n = -1;

	while (f != NULL && !r->refused &&
	    (n = place_file_read(f, piece, CHUNK, e)) > 0)
		if (!(verify_is_packed(path) ? gz_in_take(in, piece, (size_t)n,
		    to_reader, r, bad) : to_reader(r, piece, (size_t)n, bad)))
			break;
	place_file_drop(f);
	gz_in_close(in);
	free(piece);
	return n >= 0;
}

/* One archive's part of it. */
static bool
read_head(struct place *p, const char *path, const char *pg_restore,
    struct toc *ret, struct err *e)
{
	const char *argv[] = { pg_restore, "--list", NULL };
	struct reader r = READER_INIT;
	struct buf list = BUF_INIT, why = BUF_INIT;
	struct err bad = ERR_INIT;
	bool ok;

	r.out = to_buf;
	r.ctx = &list;
	ok = reader_start(&r, argv, true, e) &&
	    feed_head(p, path, &r, &bad, e) && reader_end(&r, e);
	if (ok && r.exit != 0) {
		reader_why(&r, &why);
		ok = err_set(e, ERR_INTEGRITY, "%s", bad.kind != ERR_NONE ?
		    bad.msg : why.p);
	}
	if (ok && list.n > 0)
		toc_take(ret, list.p);
	reader_release(&r);
	buf_release(&list);
	buf_release(&why);
	return ok;
}

bool
restore_toc(struct place *p, const char *dir, const struct set_part *part,
    const char *pg_restore, struct toc *ret, struct err *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < part->files.n; i++) {
		struct buf path = BUF_INIT;

		buf_printf(&path, "%s/", dir);
		set_part_path(&path, part, part->files.v[i].name);
		ok = read_head(p, path.p, pg_restore, ret, e) ||
		    err_wrap(e, "'%s'", part->files.v[i].name);
		buf_release(&path);
	}
	return ok;
}

static bool
look_at(struct pg *db, const char *text, struct pg_rows *rows, struct err *e)
{
	pg_rows_release(rows);
	return pg_query(db, text, NULL, 0, clock_mono_ms() + WAIT_MS, rows, e);
}

static bool
ends_with(const char *line, const char *role)
{
	size_t n = strlen(line), m = strlen(role);

	return n >= m && strcmp(line + n - m, role) == 0 &&
	    (n == m || line[n - m - 1] == ' ');
}

static void
roles_lacking(const struct toc *toc, const struct pg_rows *rows,
    struct restore_target *ret)
{
	for (size_t i = 0; i < toc->owners.n; i++) {
		bool there = false;

		for (size_t k = 0; !there && k < pg_count(rows); k++)
			there = ends_with(toc->owners.v[i], pg_at(rows, k, 0));
		if (!there)
			VEC_PUSH(&ret->roles,
			    xstrdup(toc_owner_word(toc->owners.v[i])));
	}
}

bool
restore_look(struct pg *db, const struct toc *toc,
    struct restore_target *ret, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok, there;

	*ret = (struct restore_target){ .version = pg_server_version(db) };
	ok = look_at(db, "SELECT current_database(), current_user, "
	    "pg_database_size(current_database()), (SELECT count(*) FROM "
	    "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
	    "c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S') AND n.nspname !~ "
	    "'^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS ("
	    "SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
	    "AND d.objid = c.oid AND d.deptype = 'e'))", &rows, e);
	if (ok) {
		ret->dbname = xstrdup(pg_at(&rows, 0, 0));
		ret->user = xstrdup(pg_at(&rows, 0, 1));
		ret->bytes = pg_int(&rows, 0, 2, -1);
		ret->tables = pg_int(&rows, 0, 3, -1);
		ok = look_at(db, "SELECT rolname FROM pg_roles", &rows, e);
	}
	if (ok)
		roles_lacking(toc, &rows, ret);
	for (size_t i = 0; ok && i < toc->extensions.n; i++) {
		ok = has_extension(db, toc->extensions.v[i], &there, e);
		if (ok && !there)
			VEC_PUSH(&ret->extensions,
			    xstrdup(toc->extensions.v[i]));
	}
	pg_rows_release(&rows);
	return ok;
}

void
restore_target_release(struct restore_target *t)
{
	for (size_t i = 0; i < t->roles.n; i++)
		free(t->roles.v[i]);
	for (size_t i = 0; i < t->extensions.n; i++)
		free(t->extensions.v[i]);
	VEC_RELEASE(&t->roles);
	VEC_RELEASE(&t->extensions);
	free(t->dbname);
	free(t->user);
}

/* Of an archive with only a part of the schema: what it would drop, until it
 * would begin to make anything. */
static bool
take_drop(void *ctx, const char *s, size_t n)
{
	struct buf *b = ctx;

	if (text_starts(s, "SET ") || text_starts(s, "SELECT pg_catalog."))
		return !text_starts(s, "SET default_");
	if (!text_starts(s, "DROP ") && !text_starts(s,
	    "ALTER TABLE IF EXISTS "))
		return false;
	buf_add(b, s, n);
	buf_str(b, ";\n");
	return true;
}

static bool
find_drops(const char *pg_restore, const struct restore_ask *ask,
    const char *file, struct buf *drops, struct err *e)
{
	const char *argv[] = { pg_restore, "--clean", "--if-exists",
		"--schema-only", "--file=-", file, NULL };
	struct dumptext t = { .statement = take_drop, .ctx = drops };
	struct reader r = READER_INIT;
	bool ok;

	r.out = to_text;
	r.ctx = &t;
	r.cancelled = stopped;
	r.cancel_ctx = ask->care;
	ok = reader_run(&r, argv, e);
	reader_release(&r);
	dumptext_release(&t);
	return ok;
}

static bool
run_drops(const char *pg_restore, const char *conninfo,
    const struct restore_ask *ask, const struct buf *drops, struct err *e)
{
	const char *slash = strrchr(pg_restore, '/');
	char *psql = xprintf("%.*spsql", slash != NULL ?
	    (int)(slash - pg_restore) + 1 : 0, pg_restore);
	const char *argv[] = { psql, "-X", "--quiet", "--no-password",
		"--single-transaction", "--set=ON_ERROR_STOP=1", "--dbname",
		conninfo, "--file=-", NULL };
	struct reader r = READER_INIT;
	struct buf why = BUF_INIT;
	bool ok;

	r.cancelled = stopped;
	r.cancel_ctx = ask->care;
	r.keep = ask->secret;
	ok = reader_start(&r, argv, true, e) &&
	    reader_feed(&r, drops->p, drops->n, e) && reader_end(&r, e);
	if (ok && r.exit != 0) {
		reader_why(&r, &why);
		ok = err_set(e, ERR_FAILED, "what is there cannot be dropped: "
		    "%s", why.p);
	}
	buf_release(&why);
	reader_release(&r);
	free(psql);
	return ok;
}

/* What the later archives of a parallel dump put on top of the first: its tables
 * cannot be dropped before it. */
static bool
drop_later(const char *pg_restore, const char *conninfo,
    const struct restore_ask *ask, struct err *e)
{
	struct buf drops = BUF_INIT;
	bool ok = true;

	for (size_t i = ask->dump->kept.n; ok && i-- > 1;)
		ok = find_drops(pg_restore, ask, ask->dump->kept.v[i].p, &drops,
		    e);
	if (ok && drops.n > 0)
		ok = run_drops(pg_restore, conninfo, ask, &drops, e);
	buf_release(&drops);
	return ok;
}

bool
restore_into(const char *pg_restore, const char *conninfo,
    const struct restore_ask *ask, bool over, struct err *e)
{
	bool ok = !over || drop_later(pg_restore, conninfo, ask, e);

	for (size_t i = 0; ok && i < ask->dump->kept.n; i++) {
		struct reader r = READER_INIT;
		/* what stands there is dropped once, by the first archive */
		struct restoring x = { .pg_restore = pg_restore,
			.conninfo = conninfo, .file = ask->dump->kept.v[i].p,
			.stop_on_error = true, .over = over && i == 0,
			.jobs = jobs_of(ask) };
		struct buf why = BUF_INIT;

		r.cancelled = stopped;
		r.cancel_ctx = ask->care;
		r.keep = ask->secret;
		ok = run_restore(&x, &r, e);
		if (ok && r.exit != 0) {
			reader_why(&r, &why);
			ok = err_set(e, ERR_FAILED, "%s", why.p);
		}
		buf_release(&why);
		reader_release(&r);
	}
	return ok;
}
