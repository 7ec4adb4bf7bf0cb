#include "backup/compare.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { WAIT_MS = 24 * 3600 * 1000 };

#define NOT_OURS(catalog, oid) "NOT EXISTS (SELECT FROM pg_depend d WHERE "	\
	"d.classid = '" catalog "'::regclass AND d.objid = " oid " AND "	\
	"d.deptype = 'e')"
#define USERS "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
#define OF_CLASS(kinds) "SELECT count(*) FROM pg_class c JOIN pg_namespace n "	\
	"ON n.oid = c.relnamespace WHERE c.relkind IN (" kinds ") AND " USERS	\
	" AND " NOT_OURS("pg_class", "c.oid")

/* How many there are of each sort, the way pg_dump counts. */
static const char *const questions[TOC_COUNT] = {
	[TOC_TABLE] = OF_CLASS("'r', 'p'"),
	[TOC_VIEW] = OF_CLASS("'v'"),
	[TOC_MATVIEW] = OF_CLASS("'m'"),
	[TOC_SEQUENCE] = OF_CLASS("'S'"),
	[TOC_FOREIGN] = OF_CLASS("'f'"),
	/* those behind a constraint are the constraint's */
	[TOC_INDEX] = OF_CLASS("'i', 'I'") " AND NOT EXISTS (SELECT FROM "
	    "pg_constraint k WHERE k.conindid = c.oid AND k.contype IN "
	    "('p', 'u', 'x'))",
	/* a range type brings its own constructors */
	[TOC_ROUTINE] = "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON "
	    "n.oid = p.pronamespace WHERE " USERS " AND NOT EXISTS (SELECT "
	    "FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND "
	    "d.objid = p.oid AND d.deptype IN ('e', 'i'))",
	/* those of a partition that its parent made come by themselves */
	[TOC_TRIGGER] = "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON "
	    "c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
	    "WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND " USERS " AND "
	    NOT_OURS("pg_class", "c.oid") " AND "
	    NOT_OURS("pg_trigger", "t.oid"),
	[TOC_POLICY] = "SELECT count(*) FROM pg_policy p JOIN pg_class c ON "
	    "c.oid = p.polrelid WHERE " NOT_OURS("pg_class", "c.oid") " AND "
	    NOT_OURS("pg_policy", "p.oid"),
};

struct work {
	struct pg *db;
	bool (*cancelled)(void *ctx);
	void *ctx;
	struct compared *ret;
};

static void
differs(struct work *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
differs(struct work *w, const char *fmt, ...)
{
	va_list ap;

	if (w->ret->why.n > 0)
		buf_str(&w->ret->why, "; ");
	va_start(ap, fmt);
	buf_vprintf(&w->ret->why, fmt, ap);
	va_end(ap);
}

static bool
ask(struct work *w, const char *sql, struct pg_rows *rows, struct err *e)
{
	if (w->cancelled != NULL && w->cancelled(w->ctx))
		return err_set(e, ERR_CANCELLED, "cancelled");
	return pg_query(w->db, sql, NULL, 0, clock_mono_ms() + WAIT_MS, rows,
	    e);
}

static bool
ask_number(struct work *w, const char *sql, int64_t *ret, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	bool ok = ask(w, sql, &rows, e);

	if (ok)
		*ret = pg_int(&rows, 0, 0, -1);
	pg_rows_release(&rows);
	return ok;
}

/* ---- rows ------------------------------------------------------------------------- */

static bool
count_table(struct work *w, const char *schema, const char *table,
    int64_t *ret, struct err *e)
{
	struct buf sql = BUF_INIT;
	bool ok;

	buf_str(&sql, "SELECT count(*) FROM ONLY ");
	pg_ident(&sql, schema);
	buf_ch(&sql, '.');
	pg_ident(&sql, table);
	ok = ask_number(w, sql.p, ret, e);
	buf_release(&sql);
	return ok;
}

static bool
compare_rows(struct work *w, const struct dumptext *dump, bool more,
    struct err *e)
{
	static const char sql[] = "SELECT n.nspname, c.relname, NOT "
	    NOT_OURS("pg_class", "c.oid") " FROM pg_class c JOIN pg_namespace "
	    "n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND " USERS;
	struct pg_rows rows = PG_ROWS_INIT;
	struct counts have = { 0 };
	struct buf why = BUF_INIT;
	bool ok = ask(w, sql, &rows, e);

	for (size_t i = 0; ok && i < pg_count(&rows); i++) {
		const char *schema = pg_at(&rows, i, 0);
		const char *table = pg_at(&rows, i, 1);
		const struct count *said = counts_find(&dump->counts, schema,
		    table);
		int64_t n = 0;

		if (more && said == NULL)
			continue;
		if (pg_bool(&rows, i, 2)) {
			/* its own rows and those of the dump lie together */
			if (said != NULL)
				counts_add(&have, schema, table, said->rows);
			continue;
		}
		ok = count_table(w, schema, table, &n, e);
		counts_add(&have, schema, table, n);
		w->ret->tables++;
		w->ret->rows += n;
	}
	counts_sort(&have);
	if (ok && counts_differ(&dump->counts, "the dump", &have,
	    "the restored database", &why))
		differs(w, "%s", why.p);
	counts_release(&have);
	pg_rows_release(&rows);
	buf_release(&why);
	return ok;
}

/* ---- sequences, large objects, and the rest ------------------------------------------ */

static bool
compare_sequence(struct work *w, const struct dump_sequence *q, struct err *e)
{
	struct buf sql = BUF_INIT, part = BUF_INIT;
	struct pg_rows rows = PG_ROWS_INIT;
	const char *s = q->name;
	bool ok = true;

	buf_str(&sql, "SELECT last_value, is_called FROM ");
	while (ok && dumptext_ident(&s, &part)) {
		pg_ident(&sql, part.p);
		buf_clear(&part);
		if (*s != '.')
			break;
		buf_ch(&sql, *s++);
	}
	ok = ask(w, sql.p, &rows, e);
	if (!ok && strcmp(pg_sqlstate(w->db), "42P01") == 0) {
		err_clear(e);
		differs(w, "sequence %s is not there", q->name);
		ok = true;
	} else if (ok && (pg_int(&rows, 0, 0, 0) != q->value ||
	    pg_bool(&rows, 0, 1) != q->called))
		differs(w, "sequence %s is at %" PRId64 ", the dump says %"
		    PRId64, q->name, pg_int(&rows, 0, 0, 0), q->value);
	w->ret->sequences++;
	pg_rows_release(&rows);
	buf_release(&sql);
	buf_release(&part);
	return ok;
}

static bool
compare_objects(struct work *w, const struct toc *toc, struct err *e)
{
	for (size_t i = 0; i < TOC_COUNT; i++) {
		int64_t n = 0;

		if (questions[i] == NULL ||
		    (i == TOC_TRIGGER && pg_server_version(w->db) < 130000))
			continue;
		if (!ask_number(w, questions[i], &n, e))
			return false;
		if (n != toc->n[i])
			differs(w, "%" PRId64 " %s in the archive, %" PRId64
			    " in the restored database", toc->n[i],
			    toc_name((enum toc_sort)i), n);
	}
	return true;
}

bool
compare_database(struct pg *db, const struct dumptext *dump,
    const struct toc *toc, bool (*cancelled)(void *ctx), void *ctx,
    struct compared *ret, struct err *e)
{
	struct work w = { db, cancelled, ctx, ret };
	bool ok;

	*ret = (struct compared){ .why = BUF_INIT };
	ok = compare_rows(&w, dump, toc == NULL, e) &&
	    (toc == NULL || compare_objects(&w, toc, e)) &&
	    ask_number(&w, "SELECT count(*) FROM pg_largeobject_metadata",
	    &ret->blobs, e);
	if (ok && (ret->blobs < dump->blobs ||
	    (toc != NULL && ret->blobs != dump->blobs)))
		differs(&w, "%" PRId64 " large objects in the dump, %" PRId64
		    " in the restored database", dump->blobs, ret->blobs);
	for (size_t i = 0; ok && i < dump->sequences.n; i++)
		ok = compare_sequence(&w, &dump->sequences.v[i], e);
	return ok || err_wrap(e, "the restored database");
}

void
compared_release(struct compared *c)
{
	buf_release(&c->why);
}
