#include "backup/schema.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum { SAID = 3, MENDED = 5 };

#define LISTED "50"

/* What pg_dump locks or reads: tables, sequences, large objects; of an extension's
 * own only what it marks as configuration. Rights through membership count. */
static const char head[] =
"WITH r AS (SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles"
" WHERE rolname = ";
static const char tail[] =
"), s AS (SELECT n.oid, n.nspname FROM pg_namespace n"
" WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'), "
"c AS (SELECT c.oid, c.relname, c.relkind, c.relnamespace, c.relowner,"
" c.relrowsecurity, c.relforcerowsecurity, s.nspname,"
" format('%I.%I', s.nspname, c.relname) AS name"
" FROM pg_class c JOIN s ON s.oid = c.relnamespace"
" WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'"
" AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension x"
"  ON x.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass"
"  AND d.objid = c.oid AND d.deptype = 'e'"
"  AND NOT c.oid = ANY (coalesce(x.extconfig, '{}')))), "
"g AS (SELECT 1 AS pos, 'schema' AS kind, quote_ident(s.nspname) AS name,"
"  'USAGE' AS lacks,"
"  format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, r.rolname) AS mend"
" FROM s, r WHERE NOT has_schema_privilege(r.oid, s.oid, 'USAGE')"
"  AND EXISTS (SELECT FROM c WHERE c.relnamespace = s.oid) "
"UNION ALL SELECT 2, 'table', c.name, 'SELECT',"
"  format('GRANT SELECT ON TABLE %s TO %I', c.name, r.rolname)"
" FROM c, r WHERE c.relkind <> 'S'"
"  AND NOT has_table_privilege(r.oid, c.oid, 'SELECT') "
"UNION ALL SELECT 3, 'sequence', c.name, 'SELECT',"
"  format('GRANT SELECT ON SEQUENCE %s TO %I', c.name, r.rolname)"
" FROM c, r WHERE CASE c.relkind WHEN 'S'"
"  THEN NOT has_sequence_privilege(r.oid, c.oid, 'SELECT') END "
"UNION ALL SELECT 4, 'row security', c.name, 'BYPASSRLS',"
"  format('ALTER ROLE %I BYPASSRLS', r.rolname)"
" FROM c, r WHERE c.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls"
"  AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE')) "
"UNION ALL SELECT 5, 'large object', l.oid::text, 'SELECT',"
"  format('GRANT SELECT ON LARGE OBJECT %s TO %I', l.oid, r.rolname)"
" FROM pg_largeobject_metadata l, r WHERE NOT r.rolsuper"
"  AND NOT pg_has_role(r.oid, l.lomowner, 'USAGE')"
"  AND current_setting('lo_compat_privileges') <> 'on' AND NOT EXISTS"
"   (SELECT FROM aclexplode(l.lomacl) a WHERE a.privilege_type = 'SELECT'"
"    AND (a.grantee = 0 OR pg_has_role(r.oid, a.grantee, 'USAGE')))) "
"SELECT json_build_object('role', (SELECT rolname FROM r),"
" 'checked', (SELECT count(*) FROM c), 'missing', (SELECT count(*) FROM g),"
" 'all', (SELECT format('GRANT pg_read_all_data TO %I', rolname) FROM r"
"  WHERE current_setting('server_version_num')::int >= 140000"
"   AND EXISTS (SELECT FROM g WHERE pos < 4)),"
" 'gaps', (SELECT json_agg(json_build_object('kind', kind, 'name', name,"
"  'lacks', lacks, 'mend', mend)) FROM"
"  (SELECT * FROM g ORDER BY pos, name LIMIT " LISTED ") few))";

static void
fold(struct schema *s)
{
	const json_t *gaps = json_object_get(s->answer, "gaps"), *one;
	size_t i;

	s->role = json_get_str(s->answer, "role");
	s->checked = json_get_int(s->answer, "checked", 0);
	s->missing = json_get_int(s->answer, "missing", 0);
	s->mend_all = json_get_str(s->answer, "all");
	json_array_foreach(gaps, i, one) {
		struct schema_gap g = { json_get_str(one, "kind"),
			json_get_str(one, "name"), json_get_str(one, "lacks"),
			json_get_str(one, "mend") };

		if (g.kind != NULL && g.name != NULL && g.lacks != NULL &&
		    g.mend != NULL)
			VEC_PUSH(&s->v, g);
	}
}

bool
schema_look(struct way *w, const char *role, int64_t deadline,
    struct schema *ret, struct err *e)
{
	struct buf sql = BUF_INIT;

	*ret = (struct schema){ 0 };
	buf_str(&sql, head);
	if (role != NULL)
		pg_literal(&sql, role);
	else
		buf_str(&sql, "current_user");
	buf_str(&sql, tail);
	ret->answer = way_ask(w, sql.p, deadline, e);
	buf_release(&sql);
	if (ret->answer == NULL)
		return false;
	fold(ret);
	if (ret->role == NULL) {
		err_set(e, ERR_NOTFOUND, "%s: there is no role '%s'",
		    w->db->name, role != NULL ? role : "?");
		schema_release(ret);
		return false;
	}
	return true;
}

void
schema_say(const struct schema *s, struct buf *out)
{
	if (s->missing == 0) {
		buf_printf(out, "%" PRId64 " tables and sequences can be read "
		    "by ", s->checked);
		text_clean(out, s->role, strlen(s->role), TEXT_LINE);
		return;
	}
	buf_printf(out, "%" PRId64 " %s missing for ", s->missing,
	    s->missing == 1 ? "right is" : "rights are");
	text_clean(out, s->role, strlen(s->role), TEXT_LINE);
	for (size_t i = 0; i < s->v.n && i < SAID; i++) {
		const struct schema_gap *g = &s->v.v[i];

		buf_printf(out, "%s %s on %s ", i == 0 ? ":" : ",", g->lacks,
		    g->kind);
		text_clean(out, g->name, strlen(g->name), TEXT_LINE);
	}
	if (s->missing > SAID)
		buf_str(out, ", ...");
}

void
schema_mend(const struct schema *s, struct buf *out)
{
	size_t said = 0;

	if (s->mend_all != NULL) {
		text_clean(out, s->mend_all, strlen(s->mend_all), TEXT_LINE);
		said = 1;
	}
	for (size_t i = 0; i < s->v.n && said < MENDED; i++) {
		const struct schema_gap *g = &s->v.v[i];
		bool covered = s->mend_all != NULL &&
		    (strcmp(g->lacks, "USAGE") == 0 ||
		    strcmp(g->kind, "table") == 0 ||
		    strcmp(g->kind, "sequence") == 0);

		/* the same statement mends every table of this kind */
		if (covered || (i > 0 && strcmp(g->mend, s->v.v[i - 1].mend) ==
		    0))
			continue;
		if (said++ > 0)
			buf_str(out, "; ");
		text_clean(out, g->mend, strlen(g->mend), TEXT_LINE);
	}
	if (s->mend_all == NULL && s->missing > MENDED)
		buf_str(out, "; ...");
}

void
schema_release(struct schema *s)
{
	VEC_RELEASE(&s->v);
	json_decref(s->answer);
	*s = (struct schema){ 0 };
}
