#include "backup/dump.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char seen_end[] =
    "/^-- PostgreSQL database cluster dump complete/ { seen = 1 }"
    " END { exit !seen }";
static const char in_dir[] = "cd -- \"$1\" || exit 126; shift; exec \"$@\"";

static void
word(struct dump *d, const char *s)
{
	if (d->argv.n > 0)
		d->argv.n--;		/* the NULL */
	VEC_PUSH(&d->argv, pool_str(&d->pool, s));
	VEC_PUSH(&d->argv, NULL);
}

static void
proof(struct dump *d, const char *s)
{
	if (d->proof.n > 0)
		d->proof.n--;
	VEC_PUSH(&d->proof, pool_str(&d->pool, s));
	VEC_PUSH(&d->proof, NULL);
}

/* Whatever the role, the database or the server says of timeouts. */
static void
session(const struct db_facts *facts, struct buf *out)
{
	buf_str(out, "-c statement_timeout=0 -c lock_timeout=0");
	if (facts->version_num >= 90600)
		buf_str(out, " -c idle_in_transaction_session_timeout=0");
	if (facts->version_num >= 140000)
		buf_str(out, " -c idle_session_timeout=0");
	if (facts->version_num >= 170000)
		buf_str(out, " -c transaction_timeout=0");
}

static void
dial(struct dump *d, const struct way *w, const struct db_facts *facts)
{
	struct buf info = BUF_INIT, options = BUF_INIT, arg = BUF_INIT;

	session(facts, &options);
	way_conninfo(w, options.p, &info);
	buf_printf(&arg, "--dbname=%s", info.p);
	word(d, "--no-password");
	word(d, arg.p);
	d->at = w->at;
	way_secret(w, &d->secret);
	if (w->at == NULL && d->secret.n > 0)
		d->env[0] = "PGPASSFILE={passfile}";
	buf_release(&info);
	buf_release(&options);
	buf_release(&arg);
}

static void
option(struct dump *d, const char *name, const char *value)
{
	char *s = xprintf("%s=%s", name, value);

	word(d, s);
	free(s);
}

static void
share_words(struct dump *d, const struct dump_share *share)
{
	option(d, "--snapshot", share->snapshot);
	option(d, "--section", share->section);
	if (share->n_only > 0)
		word(d, "--strict-names");	/* a name that fits nothing */
	for (size_t i = 0; i < share->n_only; i++)
		option(d, "--table", share->only[i]);
	for (size_t i = 0; i < share->n_without; i++)
		option(d, "--exclude-table", share->without[i]);
}

/* Names are as SQL quotes them, which is how pg_dump's patterns are quoted too. */
static void
leave_out(struct dump *d, const struct db_facts *facts)
{
	bool rows = false, objects = false;

	for (size_t i = 0; i < facts->n_lacks; i++) {
		const struct schema_gap *g = &facts->lacks[i];

		if (strcmp(g->kind, "schema") == 0)
			word(d, pool_printf(&d->pool, "--exclude-schema=%s",
			    g->name));
		else if (strcmp(g->kind, "table") == 0 ||
		    strcmp(g->kind, "sequence") == 0)
			word(d, pool_printf(&d->pool, "--exclude-table=%s",
			    g->name));
		rows = rows || strcmp(g->kind, "rows") == 0;
		objects = objects || strcmp(g->kind, "large objects") == 0;
	}
	if (rows)
		word(d, "--enable-row-security");
	if (objects)
		word(d, "--no-blobs");
}

void
dump_database(struct dump *d, const struct way *w, const struct dump_tools *t,
    const struct db_facts *facts, const struct dump_share *share)
{
	char *wait = xprintf("--lock-wait-timeout=%d", DUMP_LOCK_MS);

	d->kind = SET_DATABASE;
	d->program = "pg_dump";
	d->version = pool_str(&d->pool, t->version);
	word(d, t->pg_dump);
	word(d, "--format=custom");
	word(d, "--compress=0");
	word(d, wait);
	if (share != NULL)
		share_words(d, share);
	leave_out(d, facts);
	dial(d, w, facts);
	free(wait);
	if (t->pg_restore == NULL)
		return;
	proof(d, t->pg_restore);
	proof(d, "--file=-");
}

void
dump_globals(struct dump *d, const struct way *w, const struct dump_tools *t,
    const struct db_facts *facts)
{
	struct buf name = BUF_INIT, arg = BUF_INIT;

	d->kind = SET_GLOBALS;
	d->program = "pg_dumpall";
	d->version = pool_str(&d->pool, t->version);
	word(d, t->pg_dumpall);
	word(d, "--globals-only");
	if (!facts->super)
		word(d, "--no-role-passwords");
	dial(d, w, facts);
	/* it would ask `postgres` first; and a name could be taken for more */
	conninfo_put(&name, "dbname", w->db->dbname);
	buf_printf(&arg, "--database=%s", name.p);
	word(d, arg.p);
	proof(d, "awk");
	proof(d, seen_end);
	buf_release(&name);
	buf_release(&arg);
}

/* For psql, from version 10 on; secrets that settings may hold stay out. */
static const char settings_sql[] =
"\\echo -- what else this cluster was: to rebuild a server like it\n"
"\\echo -- psql :VERSION\n"
"SELECT '-- ' || version();\n"
"\\echo\n\\echo -- databases: encoding, collation, character type\n"
"SELECT format('-- %I: %s, %s, %s', datname, pg_encoding_to_char(encoding),"
" datcollate, datctype) FROM pg_database WHERE datallowconn ORDER BY 1;\n"
"SELECT format('-- %s: %s', name, setting) FROM pg_settings WHERE name IN"
" ('block_size', 'data_checksums', 'wal_segment_size') ORDER BY 1;\n"
"\\echo\n\\echo -- extensions in :DBNAME\n"
"SELECT format('-- %s %s', extname, extversion) FROM pg_extension"
" ORDER BY 1;\n"
"\\echo\n\\echo -- settings that are not built in (as in postgresql.conf)\n"
"SELECT format('%s = %L', name, regexp_replace(current_setting(name),"
" '(password|passwd|secret|token)\\s*=\\s*(''[^'']*''|\\S+)', '\\1=********',"
" 'gi')) || '  # ' || source || coalesce(' ' || sourcefile || ':' ||"
" sourceline, '') FROM pg_settings WHERE source NOT IN ('default', 'override',"
" 'client', 'session') ORDER BY name;\n"
"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_read_all_settings'"
" AND NOT pg_has_role(oid, 'USAGE')) AS hidden \\gset\n"
"\\if :hidden\n"
"SELECT format('-- not all of them: GRANT pg_read_all_settings TO %I',"
" current_user);\n"
"DO $$BEGIN RAISE NOTICE 'not all settings may be read: GRANT"
" pg_read_all_settings TO %', quote_ident(current_user); END$$;\n"
"\\endif\n"
"\\echo\n\\echo -- settings of roles and databases\n"
"SELECT format('-- role %s, database %s: %s', coalesce(r.rolname, 'any'),"
" coalesce(d.datname, 'any'), regexp_replace(array_to_string(s.setconfig,"
" ', '), '(password|passwd|secret|token)\\s*=\\s*(''[^'']*''|\\S+)',"
" '\\1=********', 'gi')) FROM pg_db_role_setting s"
" LEFT JOIN pg_roles r ON r.oid = s.setrole"
" LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 1;\n"
"\\echo\n\\echo -- who may log in from where (as in pg_hba.conf)\n"
"SELECT coalesce(has_function_privilege(to_regprocedure("
"'pg_catalog.pg_hba_file_rules()')::oid, 'execute') AND has_table_privilege("
"to_regclass('pg_catalog.pg_hba_file_rules')::oid, 'select'), false) AS hba"
" \\gset\n"
"\\if :hba\n"
"SELECT concat_ws(' ', CASE WHEN error IS NOT NULL THEN '# ' || error END,"
" type, array_to_string(database, ','), array_to_string(user_name, ','),"
" address, netmask, auth_method, regexp_replace(array_to_string(options,"
" ' '), '(passwd|password|secrets?)=(\"[^\"]*\"|\\S+)', '\\1=********', 'gi'))"
" FROM pg_hba_file_rules ORDER BY line_number;\n"
"\\else\n"
"SELECT format('-- not readable: GRANT EXECUTE ON FUNCTION pg_hba_file_rules()"
" TO %1$I; GRANT SELECT ON pg_hba_file_rules TO %1$I', current_user);\n"
"DO $$BEGIN RAISE NOTICE 'pg_hba_file_rules may not be read: GRANT EXECUTE ON"
" FUNCTION pg_hba_file_rules() TO %; GRANT SELECT ON pg_hba_file_rules TO %',"
" quote_ident(current_user), quote_ident(current_user); END$$;\n"
"\\endif\n"
"\\echo\n\\echo -- end of what this cluster was\n";
static const char from_text[] =
    "printf '%s' \"$1\" | { shift; exec \"$@\"; }";
static const char seen_settings[] =
    "/^-- end of what this cluster was/ { seen = 1 } END { exit !seen }";

void
dump_settings(struct dump *d, const struct way *w, const struct dump_tools *t,
    const struct db_facts *facts)
{
	const char *slash = strrchr(t->pg_dump, '/');
	int n = slash != NULL ? (int)(slash + 1 - t->pg_dump) : 0;

	d->kind = SET_COMMAND;
	d->program = "psql";
	d->version = pool_str(&d->pool, t->version);
	word(d, "/bin/sh");
	word(d, "-c");
	word(d, from_text);
	word(d, "midwatch");
	word(d, settings_sql);
	word(d, pool_printf(&d->pool, "%.*spsql", n, t->pg_dump));
	word(d, "--no-psqlrc");
	word(d, "--quiet");
	word(d, "--no-align");
	word(d, "--tuples-only");
	word(d, "--set=ON_ERROR_STOP=1");
	word(d, "--file=-");
	dial(d, w, facts);
	proof(d, "awk");
	proof(d, seen_settings);
}

/* Absolute ones are taken from the root, so that no name begins with a slash (or
 * with a dash). */
static void
tar_words(struct dump *d, const struct conf_strs *files)
{
	word(d, "env");
	word(d, "LC_ALL=C");
	word(d, "tar");
	word(d, "-c");
	word(d, "-f");
	word(d, "-");
	for (size_t turn = 0; turn < 2 * files->n; turn++) {
		const char *s = files->v[turn % files->n];
		bool root = *s == '/';

		if (root != (turn >= files->n))
			continue;	/* -C holds for all that follow it */
		while (*s == '/')
			s++;
		if (root) {
			word(d, "-C");
			word(d, "/");
		}
		word(d, *s == '\0' ? "." : *s == '-' ?
		    pool_printf(&d->pool, "./%s", s) : s);
	}
	proof(d, "tar");
	proof(d, "-t");
	proof(d, "-i");		/* also what is behind its end mark */
	proof(d, "-f");
	proof(d, "-");
}

void
dump_component(struct dump *d, const struct site *site,
    const struct site_component *c)
{
	const struct site_place *at = c->at != NULL ? site_place(site, c->at) :
	    NULL;

	d->at = site_spec(&d->spec, site, at);
	if (c->files.n > 0) {
		d->kind = SET_FILES;
		d->program = "tar";
		d->ok_exits = 1 << 0 | 1 << 1;
		tar_words(d, &c->files);
		return;
	}
	d->kind = SET_COMMAND;
	d->program = c->command.shell ? "sh" : c->command.v[0];
	if (d->at == NULL) {
		word(d, "/bin/sh");
		word(d, "-c");
		word(d, in_dir);
		word(d, "midwatch");
		word(d, site->doc.dir);
	}
	if (c->command.shell) {
		word(d, "/bin/sh");
		word(d, "-c");
	}
	for (size_t i = 0; i < c->command.n; i++)
		word(d, c->command.v[i]);
}

void
dump_release(struct dump *d)
{
	if (d->secret.cap > 0)
		explicit_bzero(d->secret.p, d->secret.cap);
	buf_release(&d->secret);
	VEC_RELEASE(&d->argv);
	VEC_RELEASE(&d->proof);
	pool_release(&d->pool);
	*d = (struct dump){ .ok_exits = 0 };
}

/* ---- what they say ------------------------------------------------------------ */

bool
dump_tar_changed(const char *lines)
{
	static const char *const fine[] = { "file changed as we read it",
		"File removed before we read it", "socket ignored",
		"contains a cache directory tag" };
	size_t seen = 0;

	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");
		bool ok = n == 0;

		for (size_t i = 0; !ok && i < sizeof fine / sizeof *fine; i++)
			ok = memmem(lines, n, fine[i], strlen(fine[i])) != NULL;
		if (!ok)
			return false;
		seen += n > 0;
		lines += n + (lines[n] == '\n');
	}
	return seen > 0;
}

const char *
dump_next(const char *said)
{
	static const struct {
		const char *word, *next;
	} known[] = {
		{ "server version mismatch", "Install the client programs of "
		    "the server's version where the dump runs." },
		{ "out of shared memory", "Raise max_locks_per_transaction on "
		    "the server, and restart it." },
		{ "row-level security", "ALTER ROLE ... BYPASSRLS for the "
		    "backup's role, or name a superuser way." },
		{ "permission denied for large object", "GRANT SELECT ON LARGE "
		    "OBJECT ... to the backup's role." },
		{ "permission denied", "'midwatch nightly --dry-run' names the "
		    "GRANT that is missing." },
		{ "conflict with recovery", "It is a standby: raise "
		    "max_standby_streaming_delay there, or dump the primary." },
		{ "statement timeout", "A table is locked by somebody: "
		    "'midwatch locks' shows by whom." },
		{ "lock timeout", "A table is locked by somebody: 'midwatch "
		    "locks' shows by whom." },
		{ "password authentication failed", "'midwatch recover' finds "
		    "or sets a password." },
		{ "no password supplied", "'midwatch recover' finds or sets a "
		    "password." },
		{ "terminating connection", "Somebody ended the session, or "
		    "the server stopped: see its log, then try again." },
		{ "server closed the connection", "The server stopped or the "
		    "network broke: see its log, then try again." },
		{ "Cannot open: No such file", "A path of the component is not "
		    "there." },
		{ "Cannot stat: No such file", "A path of the component is not "
		    "there." },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strstr(said, known[i].word) != NULL)
			return known[i].next;
	return NULL;
}
