#include "pg/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* $ is the role as a literal. What extensions brought is not dumped. */
static const char question[] =
    "WITH r AS (SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles"
    " WHERE rolname = $),"
    " c AS (SELECT c.oid, c.relkind, c.relname, c.relowner, c.relrowsecurity,"
    "  c.relforcerowsecurity, n.nspname, n.oid AS nsp,"
    "  format('%I.%I', n.nspname, c.relname) AS name"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  WHERE c.oid >= 16384 AND c.relpersistence <> 't'"
    "  AND c.relkind IN ('r', 'p', 'S', 'm')"
    "  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    "  AND NOT EXISTS (SELECT FROM pg_depend d"
    "   WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    "   AND d.deptype = 'e')),"
    " gap AS ("
    "  SELECT DISTINCT 1 AS rank, 'schema' AS kind, format('%I', nspname)"
    "   AS name, format('GRANT USAGE ON SCHEMA %I TO %I', nspname, rolname)"
    "   AS mend FROM c, r WHERE NOT has_schema_privilege(r.oid, nsp, 'USAGE')"
    "  UNION ALL SELECT 2, 'table', name, format('GRANT SELECT ON TABLE %s"
    " TO %I', name, rolname) FROM c, r WHERE relkind <> 'S'"
    "   AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')"
    "  UNION ALL SELECT 3, 'sequence', name, format('GRANT SELECT ON SEQUENCE"
    " %s TO %I', name, rolname) FROM c, r WHERE relkind = 'S'"
    "   AND NOT has_sequence_privilege(r.oid, c.oid, 'SELECT')"
    "  UNION ALL SELECT 4, 'rows', name, format('ALTER ROLE %I BYPASSRLS',"
    "   rolname) FROM c, r WHERE relkind IN ('r', 'p') AND relrowsecurity"
    "   AND NOT rolsuper AND NOT rolbypassrls"
    "   AND (relforcerowsecurity OR NOT pg_has_role(r.oid, relowner, 'USAGE'))"
    "  UNION ALL SELECT 5, 'large objects', count(*)::text,"
    "   format('SELECT format(''GRANT SELECT ON LARGE OBJECT %%s TO %I'', oid)"
    " FROM pg_largeobject_metadata \\gexec', rolname)"
    "   FROM pg_largeobject_metadata m, r WHERE NOT rolsuper"
    "   AND NOT pg_has_role(r.oid, m.lomowner, 'USAGE') AND NOT EXISTS"
    "   (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'"
    "    AND (a.grantee = 0 OR pg_has_role(r.oid, a.grantee, 'USAGE')))"
    "   GROUP BY rolname)"
    " SELECT json_build_object('role', r.rolname,"
    "  'version', current_setting('server_version_num')::int,"
    "  'total', (SELECT count(*) FROM gap),"
    "  'gaps', (SELECT coalesce(json_agg(json_build_array(kind, name, mend)"
    "   ORDER BY rank, name), '[]') FROM (SELECT * FROM gap"
    "   ORDER BY rank, name LIMIT %d) g)) FROM r";

void
schema_sql(const char *role, struct buf *out)
{
	const char *at = strchr(question, '$'), *limit = strstr(at, "%d");

	buf_add(out, question, (size_t)(at - question));
	if (role != NULL)
		pg_literal(out, role);
	else
		buf_str(out, "current_user");
	buf_add(out, at + 1, (size_t)(limit - at - 1));
	buf_printf(out, "%d%s", SCHEMA_NAMED, limit + 2);
}

static const char *
kind_of(const char *word)
{
	static const char *const kinds[] = { "schema", "table", "sequence",
		"rows", "large objects" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (word != NULL && strcmp(word, kinds[i]) == 0)
			return kinds[i];
	return NULL;
}

/* Of pg_read_all_data, which neither row security nor large objects mind. */
static char *
cure_of(const json_t *answer, const struct schema *s)
{
	struct buf b = BUF_INIT;

	if (s->v.n == 0 || json_get_int(answer, "version", 0) < 140000)
		return NULL;
	for (size_t i = 0; i < s->v.n; i++)
		if (strcmp(s->v.v[i].kind, "rows") == 0 ||
		    strcmp(s->v.v[i].kind, "large objects") == 0)
			return NULL;
	buf_str(&b, "GRANT pg_read_all_data TO ");
	pg_ident(&b, s->role);
	return buf_detach(&b);
}

bool
schema_take(const json_t *answer, struct schema *ret, struct err *e)
{
	const json_t *gaps = json_object_get(answer, "gaps"), *one;
	const char *role = json_get_str(answer, "role");
	size_t i;

	*ret = (struct schema){ .total = json_get_int(answer, "total", -1) };
	if (role == NULL || ret->total < 0 || !json_is_array(gaps)) {
		*ret = (struct schema){ 0 };
		return err_set(e, ERR_FAILED, "what the role may read could "
		    "not be asked: the answer is none");
	}
	ret->role = xstrdup(role);
	json_array_foreach(gaps, i, one) {
		const char *kind = kind_of(json_string_value(
		    json_array_get(one, 0)));
		const char *name = json_string_value(json_array_get(one, 1));
		const char *mend = json_string_value(json_array_get(one, 2));

		if (kind != NULL && name != NULL && mend != NULL)
			VEC_PUSH(&ret->v, ((struct schema_gap){ kind,
			    xstrdup(name), xstrdup(mend) }));
	}
	ret->cure = cure_of(answer, ret);
	return true;
}

bool
schema_look(struct pg *db, const char *role, int64_t deadline_ms,
    struct schema *ret, struct err *e)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct buf sql = BUF_INIT;
	json_t *o = NULL;
	const char *s = NULL;
	bool ok;

	*ret = (struct schema){ 0 };
	schema_sql(role, &sql);
	ok = pg_query(db, sql.p, NULL, 0, deadline_ms, &rows, e);
	if (ok && pg_count(&rows) == 0)
		ok = err_set(e, ERR_NOTFOUND, "there is no role '%s'",
		    role != NULL ? role : "");
	if (ok)
		s = pg_at(&rows, 0, 0);
	if (s != NULL)
		o = json_read(s, strlen(s), NULL);
	ok = ok && schema_take(o, ret, e);
	json_decref(o);
	pg_rows_release(&rows);
	buf_release(&sql);
	return ok;
}

void
schema_names(const struct schema *s, size_t most, struct buf *out)
{
	size_t n = s->v.n < most ? s->v.n : most;

	for (size_t i = 0; i < n; i++) {
		const struct schema_gap *g = &s->v.v[i];
		bool lo = strcmp(g->kind, "large objects") == 0;

		buf_printf(out, "%s%s %s", i > 0 ? ", " : "",
		    lo ? g->name : strcmp(g->kind, "rows") == 0 ? "rows of" :
		    g->kind, lo ? g->kind : g->name);
	}
	if (s->total > (int64_t)n)
		buf_printf(out, " and %" PRId64 " more", s->total - (int64_t)n);
}

void
schema_release(struct schema *s)
{
	for (size_t i = 0; i < s->v.n; i++) {
		free(s->v.v[i].name);
		free(s->v.v[i].grant);
	}
	VEC_RELEASE(&s->v);
	free(s->role);
	free(s->cure);
	*s = (struct schema){ 0 };
}
