#include "action/recover.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action/recover_intern.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/who.h"

enum { SECRET_FILE_MAX = 64 << 10, PLACE_MS = 20000 };

/* ---- words ----------------------------------------------------------------------- */

void
recover_secret_free(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

static char *
line_of(const struct recover *r, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;

	buf_vprintf(&b, fmt, ap);
	(void)mask_text(&r->mask, &b);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	buf_release(&b);
	return buf_detach(&clean);
}

void
recover_say(struct recover *r, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = line_of(r, fmt, ap);
	va_end(ap);
	if (r->ask.say != NULL)
		r->ask.say(r->ask.ctx, line);
	free(line);
}

void
recover_note(struct recover *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	VEC_PUSH(&r->notes, line_of(r, fmt, ap));
	va_end(ap);
}

void
recover_tell(struct recover *r, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = line_of(r, fmt, ap);
	va_end(ap);
	if (r->ask.say != NULL)
		r->ask.say(r->ask.ctx, line);
	VEC_PUSH(&r->told, line);
}

const char *
recover_mode_name(enum recover_mode mode)
{
	static const char *const names[] = { "nothing", "files", "new" };

	return names[mode];
}

/* ---- the login -------------------------------------------------------------------- */

bool
recover_cancelled(const struct recover *r)
{
	return r->ask.cancelled != NULL && r->ask.cancelled(r->ask.ctx);
}

struct pg *
recover_dial(struct recover *r, const char *password, const char *passfile,
    enum pg_no *ret_no, struct err *e)
{
	struct pg_spec spec;
	struct buf why = BUF_INIT;
	struct pg *db;

	pg_spec_of(r->ask.db, &spec);
	spec.user = r->role;
	spec.password = password;
	spec.statement_ms = RECOVER_ASK_MS;
	if (passfile != NULL)
		spec.passfile = passfile;
	if (r->tunnel != NULL) {
		spec.hostaddr = "127.0.0.1";
		spec.tunnel_port = place_tunnel_port(r->tunnel);
	}
	db = pg_open(&spec, clock_mono_ms() + RECOVER_LOGIN_MS, e);
	*ret_no = db != NULL ? PG_NO_NONE : pg_last_no();
	if (db == NULL && r->tunnel != NULL &&
	    place_tunnel_error(r->tunnel, &why)) {
		err_clear(e);
		err_set(e, ERR_FAILED, "%s: %s", r->ask.db->name, why.p);
	}
	buf_release(&why);
	(void)mask_chars(&r->mask, e->msg);
	return db;
}

/* Others that log in there with the same role have the same password. */
static void
find_logins(struct recover *r)
{
	const struct site_db *db = r->ask.db;
	const struct site *site = r->ask.site;

	r->logins[r->n_logins++] = (struct passline){ db->host, (int)db->port,
		db->dbname, r->role };
	if (db->dump_host != NULL)
		r->logins[r->n_logins++] = (struct passline){ db->dump_host,
			(int)db->port, db->dbname, r->role };
	for (size_t i = 0; i < site_dbs(site); i++) {
		const struct site_db *o = site_db_at(site, i);
		const char *user = o->user != NULL ? o->user :
		    who_am_i()->login;
		bool same = (o->host == NULL) == (db->host == NULL) &&
		    (o->host == NULL || strcmp(o->host, db->host) == 0);

		if (o == db || !same || o->port != db->port ||
		    strcmp(user, r->role) != 0)
			continue;
		VEC_PUSH(&r->others, o->name);
		if (r->n_logins < RECOVER_LOGINS)
			r->logins[r->n_logins++] = (struct passline){ o->host,
				(int)o->port, o->dbname, r->role };
	}
}

bool
recover_start(struct recover *r, struct err *e)
{
	const struct site_db *db = r->ask.db;
	struct place_care care = { .secret = secret_find,
		.deadline_ms = clock_mono_ms() + PLACE_MS };

	if (r->role != NULL)
		return true;
	r->role = db->rotate.role != NULL ? db->rotate.role :
	    db->user != NULL ? db->user : who_am_i()->login;
	find_logins(r);
	if (db->through == NULL)
		return true;
	r->tunnel = place_tunnel_open(site_spec(&r->spec, r->ask.site,
	    site_place(r->ask.site, db->through)), &care, db->host != NULL ?
	    db->host : "localhost", (int)db->port, e);
	if (r->tunnel == NULL) {
		err_wrap(e, "%s: the tunnel through %s", db->name,
		    db->through);
		e->kind = ERR_GUARD;
	}
	return r->tunnel != NULL;
}

/* The cluster's own number, as far as the role may ask for it. */
static void
take_identity(struct recover *r, struct pg *db)
{
	struct pg_rows rows = PG_ROWS_INIT;
	struct err quiet = ERR_INIT;

	if (pg_query(db, "SELECT system_identifier::text FROM "
	    "pg_control_system()", NULL, 0, clock_mono_ms() + RECOVER_ASK_MS,
	    &rows, &quiet) && pg_count(&rows) > 0) {
		free(r->identity);
		r->identity = xstrdup(pg_at(&rows, 0, 0));
	}
	pg_rows_release(&rows);
}

static void
take_schema(struct recover *r, struct pg *db)
{
	struct err quiet = ERR_INIT;

	schema_release(&r->schema);
	r->schema_known = schema_look(db, NULL, clock_mono_ms() +
	    RECOVER_ASK_MS, &r->schema, &quiet);
}

/* Everything that a password, or what is said about the role, can mend. */
static bool
is_about_the_role(enum pg_no no)
{
	return no == PG_NO_PASSWORD || no == PG_NO_NO_PASSWORD ||
	    no == PG_NO_LOCKED || no == PG_NO_ROLE_OR_LOCKED ||
	    no == PG_NO_ROLE;
}

static bool
try_login(struct recover *r, struct err *e)
{
	struct pg *db = recover_dial(r, NULL, NULL, &r->no, &r->why);

	r->works = db != NULL;
	if (r->works) {
		take_identity(r, db);
		take_schema(r, db);
	}
	pg_close(db);
	if (r->works || is_about_the_role(r->no))
		return true;
	*e = r->why;
	e->kind = ERR_GUARD;
	(void)err_wrap(e, "this is no matter of a password (%s)",
	    pg_no_name(r->no));
	return false;
}

/* ---- where the password may be ----------------------------------------------------- */

/* Blotting out a word that every line has would say what the password is. */
static bool
is_a_name(const struct recover *r, const char *s)
{
	const struct site_db *db = r->ask.db;
	const char *const names[] = { r->role, db->name, db->dbname, db->host,
		db->user, db->superuser.user, "password" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i] != NULL && strcmp(names[i], s) == 0)
			return true;
	return false;
}

static void
add_candidate(struct recover *r, char *where, const char *password, bool kept)
{
	struct recover_candidate *c = VEC_NEW(&r->candidates);

	c->where = where;
	c->password = xstrdup(password);
	c->kept = kept;
	if (!is_a_name(r, password))
		mask_add(&r->mask, password);
	for (size_t i = 0; i + 1 < r->candidates.n && !c->same; i++)
		c->same = strcmp(r->candidates.v[i].password, password) == 0;
	c->right = r->facts.known ? scram_matches(r->facts.verifier, r->role,
	    password) : SCRAM_UNKNOWN;
}

static void
wipe(struct buf *b)
{
	if (b->cap > 0)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

/* The one that the login uses comes first. */
static void
add_files(struct recover *r, bool own)
{
	for (size_t i = 0; i < r->files.n; i++) {
		const struct recover_file *f = &r->files.v[i];
		struct buf text = BUF_INIT, found = BUF_INIT;
		struct err quiet = ERR_INIT;
		unsigned mode;
		size_t line;

		if (f->own != own)
			continue;
		if (recover_file_read(r, f, &text, &mode, &quiet)) {
			line = passline_find(text.p, text.n, &r->logins[0],
			    &found);
			if (line > 0 && found.n > 0)
				add_candidate(r, xprintf("line %zu of '%s'%s",
				    line, f->spec, (mode & 077) == 0 ? "" :
				    ", which is open to others and so not "
				    "used"), found.p, false);
		} else if (quiet.kind != ERR_NOTFOUND)
			recover_note(r, "%s", quiet.msg);
		wipe(&text);
		wipe(&found);
	}
}

/* A file with nothing but a password in it, or one of password lines. */
static void
add_secret_text(struct recover *r, const char *spec, struct buf *text)
{
	struct buf found = BUF_INIT;
	size_t line = passline_find(text->p, text->n, &r->logins[0], &found);

	if (line > 0 && found.n > 0)
		add_candidate(r, xprintf("line %zu of %s", line, spec), found.p,
		    false);
	while (text->n > 0 && (text->p[text->n - 1] == '\n' ||
	    text->p[text->n - 1] == '\r'))
		buf_cut(text, text->n - 1);
	if (text->n > 0 && memchr(text->p, '\0', text->n) == NULL &&
	    strchr(text->p, '\n') == NULL && line == 0)
		add_candidate(r, xstrdup(spec), text->p, false);
	wipe(&found);
}

/* Read where the superuser is, else where the dump runs, else here. */
static void
add_secret(struct recover *r, struct place *p, const char *spec)
{
	bool env = text_starts(spec, "env:");
	char *script = env ? xprintf("printf %%s \"${%s-}\"", spec + 4) : NULL;
	const char *by_env[] = { "/bin/sh", "-c", script, NULL };
	const char *by_file[] = { "cat", "--", spec + 5, NULL };
	struct place_run run = { .argv = env ? by_env : by_file,
		.limit = SECRET_FILE_MAX,
		.deadline_ms = clock_mono_ms() + PLACE_MS };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;

	if (!place_run(p, &run, &ran, &e))
		recover_note(r, "%s: %s", spec, e.msg);
	else if (ran.exit.code != 0 || ran.cut)
		recover_note(r, "%s cannot be read there", spec);
	else if (ran.out.n == 0)
		recover_note(r, "%s is empty there", spec);
	else
		add_secret_text(r, spec, &ran.out);
	if (ran.out.cap > 0)
		explicit_bzero(ran.out.p, ran.out.cap);
	place_ran_release(&ran);
	free(script);
}

static void
add_secrets(struct recover *r)
{
	const struct site_db *db = r->ask.db;
	const char *at = db->superuser.at != NULL ? db->superuser.at :
	    db->dump_at;
	struct place_care care = { .secret = secret_find,
		.deadline_ms = clock_mono_ms() + PLACE_MS };
	struct site_spec spec;
	struct err e = ERR_INIT;
	struct place *p;

	if (db->password_from.n == 0)
		return;
	p = place_open(at != NULL ? site_spec(&spec, r->ask.site,
	    site_place(r->ask.site, at)) : NULL, &care, &e);
	if (p == NULL)
		recover_note(r, "where the password may be cannot be looked "
		    "at: %s", e.msg);
	for (size_t i = 0; p != NULL && i < db->password_from.n; i++)
		add_secret(r, p, db->password_from.v[i]);
	place_close(p);
}

/* One of a recovery that was cut off comes first: it may be the right one. */
static void
find_candidates(struct recover *r)
{
	struct recover_kept k = { .path = NULL };
	struct err quiet = ERR_INIT;

	r->resumed = recover_keep_left(r);
	if (recover_keep_read(r, &k, &quiet))
		add_candidate(r, xstrdup("a recovery that was cut off"),
		    k.password, true);
	recover_kept_release(&k);
	recover_keep_others(r);
	add_files(r, true);
	add_files(r, false);
	add_secrets(r);
}

/* What cannot be recognised is tried; each try that fails is one for whoever
 * counts failed logins. */
static void
try_candidates(struct recover *r)
{
	for (size_t i = 0; i < r->candidates.n && r->chosen == NULL; i++) {
		struct recover_candidate *c = &r->candidates.v[i];
		struct err quiet = ERR_INIT;
		enum pg_no no;
		struct pg *db;

		if (c->same || c->right == SCRAM_NO || recover_cancelled(r))
			continue;
		if (c->right == SCRAM_UNKNOWN) {
			db = recover_dial(r, c->password, NULL, &no, &quiet);
			c->right = db != NULL ? SCRAM_YES : SCRAM_NO;
			/* what is locked or expired cannot show it */
			if (no == PG_NO_LOCKED)
				c->right = SCRAM_YES;
			if (db != NULL && r->identity == NULL)
				take_identity(r, db);
			pg_close(db);
		}
		if (c->right == SCRAM_YES)
			r->chosen = c;
	}
}

/* ---- what is to be done ------------------------------------------------------------ */

static bool
may_change(struct recover *r, struct err *e)
{
	const struct recover_facts *f = &r->facts;
	const char *db = r->ask.db->name;

	if (!f->known) {
		err_set(e, ERR_FAILED, "%s: no stored password works, and the "
		    "superuser way is not open: %s", db, r->super_why.msg);
		return err_hint(e, "%s", r->super_why.hint[0] != '\0' ?
		    r->super_why.hint : "Name one in the site file "
		    "(databases.superuser), or ask the DBA.");
	}
	if (f->standby) {
		err_set(e, ERR_GUARD, "%s: the superuser way leads to a standby, "
		    "where no password can be changed", db);
		return err_hint(e, "Change it on the primary%s%s.", f->primary ?
		    ", " : "", f->primary ? f->primary : "");
	}
	if (!f->super) {
		err_set(e, ERR_GUARD, "%s: '%s' is no superuser there", db,
		    r->ask.db->superuser.user);
		return err_hint(e, "Only a superuser sees the old verifier, "
		    "which has to be kept to go back.");
	}
	if (!f->role) {
		err_set(e, ERR_GUARD, "%s: there is no role '%s'", db, r->role);
		return err_hint(e, "Make it again (a set's globals-*.sql.gz has "
		    "it, with its rights), or put the right user into the "
		    "site file.");
	}
	if (r->ask.db->rotate.line == 0 && r->mode == RECOVER_NEW) {
		err_set(e, ERR_GUARD, "%s: the site file does not say that its "
		    "password may be changed", db);
		return err_hint(e, "It has no databases.rotate: say there whose "
		    "password it is and which files hold it.");
	}
	return true;
}

static bool
same_identity(struct recover *r, struct err *e)
{
	const char *want = r->ask.identity, *have = r->facts.identity != NULL ?
	    r->facts.identity : r->identity;

	if (r->facts.identity != NULL && r->identity != NULL &&
	    strcmp(r->facts.identity, r->identity) != 0) {
		err_set(e, ERR_GUARD, "%s: the superuser way leads to another "
		    "cluster (%s) than the login (%s)", r->ask.db->name,
		    r->facts.identity, r->identity);
		return err_hint(e, "Look at superuser, host and port in the "
		    "site file, and whether it was moved.");
	}
	if (want != NULL && have != NULL && strcmp(want, have) != 0) {
		err_set(e, ERR_GUARD, "%s: this is another cluster (%s) than the "
		    "one that is known (%s)", r->ask.db->name, have, want);
		return err_hint(e, "Find out which one it is before anything is "
		    "changed there.");
	}
	if (r->identity == NULL && have != NULL)
		r->identity = xstrdup(have);
	return true;
}

/* NOLOGIN and VALID UNTIL are somebody's will: said, and mended when told. */
static bool
needs_leave(struct recover *r, struct err *e)
{
	const struct recover_facts *f = &r->facts;

	r->unlock = f->known && f->role && !f->login;
	r->extend = f->known && f->role && f->expired;
	if (!f->known && r->no == PG_NO_LOCKED) {
		*e = r->why;
		e->kind = ERR_GUARD;
		return false;
	}
	if (r->unlock && !r->ask.unlock) {
		err_set(e, ERR_GUARD, "%s: the role '%s' may not log in "
		    "(NOLOGIN): somebody locked it", r->ask.db->name, r->role);
		return err_hint(e, "Ask who did, and why; then add --unlock.");
	}
	if (r->extend && !r->ask.extend) {
		err_set(e, ERR_GUARD, "%s: the password of '%s' has run out "
		    "(VALID UNTIL %s)", r->ask.db->name, r->role, f->until);
		return err_hint(e, "%s; then add --extend (until further "
		    "notice).", r->chosen != NULL ? "The stored one is the "
		    "right one" : "Ask whether it may be used on");
	}
	return true;
}

/* Files of here that have a line for it too, and that nobody will write. */
static void
note_file(struct recover *r, const char *path)
{
	struct buf found = BUF_INIT;
	struct err quiet = ERR_INIT;
	bool there;

	if (recover_files_have(r, path))
		return;
	there = pg_passfile(path, r->logins[0].host, r->logins[0].port,
	    r->logins[0].dbname, r->role, &found, &quiet);
	if (there)
		recover_note(r, "'%s' has a line for it too, and rotate.update "
		    "does not name it", path);
	wipe(&found);
}

static void
note_files(struct recover *r)
{
	const struct site *site = r->ask.site;

	note_file(r, "~/.pgpass");
	for (size_t i = 0; i < site_dbs(site); i++) {
		const char *path = site_db_at(site, i)->passfile;
		bool seen = path == NULL;

		for (size_t k = 0; k < i && !seen; k++)
			seen = site_db_at(site, k)->passfile != NULL &&
			    strcmp(site_db_at(site, k)->passfile, path) == 0;
		if (!seen)
			note_file(r, path);
	}
}

static void
find_notes(struct recover *r)
{
	const struct recover_facts *f = &r->facts;
	const char *shown = NULL;

	if (r->mode == RECOVER_NEW)
		note_files(r);
	if (f->known && r->mode == RECOVER_NEW) {
		if (scram_kind_of(f->verifier) == SCRAM_MD5_KIND &&
		    f->version >= 100000)
			recover_note(r, "its password is stored as md5 and will "
			    "be as SCRAM-SHA-256: clients from before "
			    "PostgreSQL 10 cannot log in with that");
		if (f->version < 100000)
			recover_note(r, "this server is from before PostgreSQL "
			    "10: the new password is stored as md5");
	}
	if (f->known && f->role && f->limit >= 0)
		recover_note(r, "%s may have %" PRId64 " sessions at once",
		    r->role, f->limit);
	for (size_t i = 0; i < r->others.n; i++)
		recover_note(r, "%s logs in there with the same role: its lines "
		    "are written as well", r->others.v[i]);
	for (size_t i = 0; i < r->sessions.n; i++) {
		const char *app = r->sessions.v[i].application;

		if (shown == NULL && (strcasestr(app, "pgbouncer") ||
		    strcasestr(app, "pgpool") || strcasestr(app, "odyssey")))
			recover_note(r, "%s is a pooler: its own list of users "
			    "needs the new password too", shown = app);
	}
	for (size_t i = 0; i < r->files.n; i++)
		if (r->files.v[i].how == PASSLINE_ABOVE && !r->files.v[i].right)
			recover_note(r, "'%s' has a line with * for it, which "
			    "stays as it is: others that use that line still "
			    "have what stands there", r->files.v[i].spec);
	if (r->ask.state->shared && r->ask.db->passfile == NULL)
		recover_note(r, "the login is by %s's own ~/.pgpass: whoever "
		    "runs the nightly needs the line in theirs",
		    who_am_i()->login);
}

static void
choose_mode(struct recover *r)
{
	const char *password;
	bool all = true;

	if (r->ask.rotate) {
		r->mode = RECOVER_NEW;
		r->chosen = NULL;
		recover_files_look(r, NULL);
		return;
	}
	r->mode = r->chosen != NULL ? RECOVER_FILES : r->works ?
	    RECOVER_NOTHING : RECOVER_NEW;
	password = r->chosen != NULL ? r->chosen->password : NULL;
	if (r->mode != RECOVER_NOTHING)
		recover_files_look(r, password);
	for (size_t i = 0; i < r->files.n; i++)
		all = all && r->files.v[i].right;
	if (r->works && r->mode == RECOVER_FILES && all)
		r->mode = RECOVER_NOTHING;
}

static bool
files_writable(const struct recover *r, struct err *e)
{
	for (size_t i = 0; i < r->files.n; i++)
		if (r->files.v[i].why != NULL) {
			err_set(e, ERR_GUARD, "%s: not all of its password "
			    "files can be written, so nothing is changed: %s",
			    r->ask.db->name, r->files.v[i].why);
			return err_hint(e, "Make it writable, or take it out of "
			    "rotate.update.");
		}
	return true;
}

bool
recover_look(struct recover *r, struct err *e)
{
	if (!recover_start(r, e) || !try_login(r, e))
		return false;
	if (r->ask.db->superuser.line == 0)
		err_set(&r->super_why, ERR_NOTFOUND, "the site names none");
	else
		(void)recover_super_look(r, &r->super_why);
	if (!same_identity(r, e))
		return false;
	recover_files_find(r);
	find_candidates(r);
	try_candidates(r);
	choose_mode(r);
	find_notes(r);
	if (r->mode == RECOVER_NOTHING)
		return true;
	return (r->mode != RECOVER_NEW || may_change(r, e)) &&
	    needs_leave(r, e) && ((!r->unlock && !r->extend) ||
	    may_change(r, e)) && files_writable(r, e);
}

size_t
recover_strangers(const struct recover *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->sessions.n; i++)
		n += !r->sessions.v[i].ours;
	return n;
}

void
recover_release(struct recover *r)
{
	for (size_t i = 0; i < r->candidates.n; i++) {
		free(r->candidates.v[i].where);
		recover_secret_free(r->candidates.v[i].password);
	}
	for (size_t i = 0; i < r->sessions.n; i++) {
		struct recover_session *s = &r->sessions.v[i];

		free(s->application);
		free(s->address);
		free(s->database);
		free(s->since);
		free(s->state);
	}
	for (size_t i = 0; i < r->files.n; i++) {
		free(r->files.v[i].path);
		free(r->files.v[i].why);
	}
	for (size_t i = 0; i < r->notes.n; i++)
		free(r->notes.v[i]);
	for (size_t i = 0; i < r->told.n; i++)
		free(r->told.v[i]);
	VEC_RELEASE(&r->candidates);
	VEC_RELEASE(&r->sessions);
	VEC_RELEASE(&r->files);
	VEC_RELEASE(&r->notes);
	VEC_RELEASE(&r->told);
	VEC_RELEASE(&r->others);
	recover_secret_free(r->facts.verifier);
	free(r->facts.identity);
	free(r->facts.until);
	free(r->facts.primary);
	free(r->identity);
	schema_release(&r->schema);
	place_tunnel_close(r->tunnel);
	mask_release(&r->mask);
	*r = (struct recover){ .role = NULL };
}
