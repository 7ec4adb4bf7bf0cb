/* `midwatch restore`: data back from a set into a real database, by a plan, never
 * over tables unless told, and only by its typed name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/ddl.h"
#include "backup/beside.h"
#include "backup/restore.h"
#include "backup/scratch.h"
#include "backup/way.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "pg/conninfo.h"
#include "verb/follow.h"
#include "verb/shelf.h"
#include "verb/verbs.h"

#define USAGE "midwatch restore SET|latest DB [--into CONNINFO] --confirm NAME "	\
	"[--plan] [--beside] [--over]"

enum { LOGIN_MS = 30000, LOOK_MS = 250, SAY_MS = 500,
	STATEMENT_MS = 24 * 3600 * 1000 };

/* What goes where, as the plan says and the job does. */
struct plan {
	struct pool pool;
	const char *want, *part_name, *into, *store, *dir_option;
	bool over, untried;
	bool own;			/* the site's own database of that name */
	bool beside, end_sessions;
	int64_t sessions;		/* that are in the way of a swap */
	char *made, *kept, *who;	/* names of a swap; who is in its way */
	int jobs;
	struct shelves shelves;
	struct shelf *shelf;
	struct set_copy copy;
	char *dir, *pg_restore;
	struct pg_spec login;
	struct way way;			/* its tunnel, where there is one */
	struct toc toc;
	struct restore_target target;
	bool looked;
};

static void
plan_release(struct plan *p)
{
	shelves_release(&p->shelves);
	toc_release(&p->toc);
	way_close(&p->way);
	if (p->looked)
		restore_target_release(&p->target);
	pool_release(&p->pool);
	free(p->made);
	free(p->kept);
	free(p->who);
	free(p->dir);
	free(p->pg_restore);
}

/* The set of that name; the same one at several stores: the best proven. */
static bool
find_copy(struct plan *p, const struct site *site, struct err *e)
{
	const struct site_db *db = site_db(site, p->part_name);
	const char *name = db != NULL ? db->name : p->part_name;
	bool latest = strcmp(p->want, "latest") == 0;
	const struct err *why = NULL;

	for (size_t i = 0; i < p->shelves.v.n; i++) {
		struct shelf *s = p->shelves.v.v[i];

		if (!s->ok)
			why = &s->why;
		for (size_t k = 0; k < s->sets.v.n; k++) {
			const struct set *set = s->sets.v.v[k];
			struct set_copy c = set_copy_of(set, &name, 1);

			if (c.set == NULL || set->state == SET_PARTIAL ||
			    (!latest && !shelf_is(set, p->want)) ||
			    c.truth->proven < (latest ? PROVEN_VERIFIED :
			    PROVEN_SENT))
				continue;
			if (p->shelf == NULL || set->at > p->copy.set->at ||
			    (set->at == p->copy.set->at && c.truth->proven >
			    p->copy.truth->proven)) {
				p->shelf = s;
				p->copy = c;
			}
		}
	}
	if (p->shelf != NULL) {
		p->dir = shelf_dir(p->shelf, p->copy.set);
		return true;
	}
	if (why != NULL) {
		*e = *why;
		return err_wrap(e, "no store that answered has it");
	}
	err_set(e, ERR_NOTFOUND, "no set '%s' has a whole copy of '%s'%s",
	    p->want, name, latest ? " that is verified" : "");
	return err_hint(e, "'midwatch sets' shows what there is.");
}

static bool
find_program(struct plan *p, struct err *e)
{
	char *bin;
	int version;

	p->pg_restore = spawn_which("pg_restore");
	if (p->pg_restore != NULL)
		return true;
	bin = scratch_programs(0, &version, e);
	if (bin != NULL)
		p->pg_restore = xprintf("%s/pg_restore", bin);
	free(bin);
	return p->pg_restore != NULL;
}

static bool
look_at_target(struct plan *p, struct err *e)
{
	struct pg *db = pg_open(&p->login, clock_mono_ms() + LOGIN_MS, e);
	bool ok = db != NULL && restore_look(db, &p->toc, &p->target, e);

	p->looked = db != NULL;
	pg_close(db);
	if (db == NULL && p->into != NULL && pg_last_no() == PG_NO_DATABASE) {
		e->hint[0] = '\0';	/* it is in no site file */
		err_hint(e, "Make it there first, empty: createdb -T template0 "
		    "NAME.");
	}
	return ok;
}

/* The way of its dumps leads back as well; its session is not needed. */
static bool
find_tunnel(struct plan *p, const struct site *site, const struct site_db *db,
    struct err *e)
{
	if (!way_open(&p->way, site, db, WAY_LOGIN, clock_mono_ms() +
	    LOGIN_MS, e))
		return false;
	pg_close(p->way.pg);
	p->way.pg = NULL;
	p->login.hostaddr = "127.0.0.1";
	p->login.tunnel_port = place_tunnel_port(p->way.tunnel);
	return true;
}

/* Its password as a file without a name: the site's password file knows the real
 * port, and pg_restore sees the tunnel's. 0: there is none. */
static int
secret_of(const struct way *w)
{
	struct buf line = BUF_INIT;
	int fd = -1;

	way_secret(w, &line);
	if (line.n > 0)
		fd = memfd_create("secret", MFD_CLOEXEC);
	if (fd >= 0 && (fchmod(fd, 0600) != 0 || !io_write_all(fd, line.p,
	    line.n)))
		io_close(&fd);
	if (line.cap > 0)
		explicit_bzero(line.p, line.cap);
	buf_release(&line);
	return fd > 0 ? fd : 0;
}

/* Where it belongs: the database itself, as its superuser where that can be done
 * from here. */
static bool
find_own(struct plan *p, const struct site *site, struct err *e)
{
	const struct site_db *db = site_db(site, p->part_name);

	if (db == NULL)
		return err_set(e, ERR_USAGE, "the site names no database '%s'; "
		    "say --into", p->part_name);
	pg_spec_of(db, &p->login);
	if (db->superuser.line != 0 && db->superuser.at == NULL) {
		p->login.user = db->superuser.user;
		p->login.port = (int)db->superuser.port;
		if (db->superuser.host != NULL)
			p->login.host = db->superuser.host;
	} else if (db->through != NULL && db->dump_at == NULL)
		return find_tunnel(p, site, db, e);
	return true;
}

static bool
same_word(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* --into may name the same: then it is the target as well. */
static bool
is_own(const struct plan *p, const struct site *site)
{
	const struct site_db *db = site_db(site, p->part_name);
	int port = p->login.port != 0 ? p->login.port : 5432;

	return db != NULL && same_word(db->dbname, p->login.dbname) &&
	    ((same_word(db->host, p->login.host) && port == db->port) ||
	    (db->superuser.line != 0 && db->superuser.at == NULL &&
	    same_word(db->superuser.host, p->login.host) &&
	    port == db->superuser.port));
}

static bool
find_login(struct plan *p, const struct site *site, struct err *e)
{
	if (p->into != NULL ? !pg_conninfo_parse(p->into, &p->pool, &p->login,
	    e) : !find_own(p, site, e))
		return false;
	p->own = p->into == NULL || is_own(p, site);
	p->login.options = DDL_PASS;	/* while deployments are frozen */
	return true;
}

static struct beside
beside_of(const struct plan *p)
{
	return (struct beside){ .login = &p->login, .db = p->target.dbname,
	    .made = p->made, .kept = p->kept,
	    .end_sessions = p->end_sessions };
}

/* Names are cut by the server at 63 bytes, and two must not become one. */
static bool
name_beside(struct plan *p, struct err *e)
{
	struct beside b;
	struct buf who = BUF_INIT;
	bool ok;

	if (p->made == NULL) {
		char stamp[24];

		clock_fmt_stamp(stamp, clock_wall_ms());
		p->made = xprintf("%.32s_new_%s", p->target.dbname, stamp);
		p->kept = xprintf("%.32s_old_%s", p->target.dbname, stamp);
	}
	b = beside_of(p);
	ok = beside_may(&b, e) &&
	    beside_sessions(&b, &p->sessions, &who, e);
	free(p->who);
	p->who = buf_detach(&who);
	return ok;
}

/* What was taken over as SQL or tar is nothing that is restored here. */
static bool
is_archive(const struct set_part *part, struct err *e)
{
	if (part->kind != SET_DATABASE)
		return err_set(e, ERR_USAGE, "'%s' is no database", part->name);
	if (verify_is_archive(part))
		return true;
	err_set(e, ERR_GUARD, "this copy of '%s' was taken over as SQL or tar, "
	    "and only archives are restored here", part->name);
	return err_hint(e, "By hand: gunzip -c FILE | psql -d DATABASE for SQL, "
	    "pg_restore -d DATABASE FILE for a tar.");
}

static bool
make_plan(struct plan *p, const struct site *site, struct err *e)
{
	return find_login(p, site, e) &&
	    shelves_open(&p->shelves, site, p->store, e) &&
	    find_copy(p, site, e) && find_program(p, e) &&
	    is_archive(p->copy.part, e) &&
	    restore_toc(p->shelf->place, p->dir, p->copy.part, p->pg_restore,
	    &p->toc, e) && look_at_target(p, e) &&
	    (!p->beside || name_beside(p, e));
}

/* ---- may it? ---------------------------------------------------------------------- */

static void
list(struct buf *out, const char *what, char *const *v, size_t n)
{
	if (n == 0)
		return;
	buf_printf(out, "%s%s ", out->n > 0 ? "; " : "", what);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", v[i]);
}

static bool
may(const struct plan *p, struct err *e)
{
	const struct restore_target *t = &p->target;
	struct buf lacks = BUF_INIT;
	int major = p->copy.part->from.server_version != NULL ?
	    (int)strtol(p->copy.part->from.server_version, NULL, 10) : 0;

	list(&lacks, "the roles", t->roles.v, t->roles.n);
	list(&lacks, "the extensions", t->extensions.v, t->extensions.n);
	if (lacks.n > 0) {
		err_set(e, ERR_GUARD, "'%s' lacks what the dump needs: %s",
		    t->dbname, lacks.p);
		err_hint(e, "Roles are in the set's globals-*.sql.gz; "
		    "extensions are packages of the server's host.");
	} else if (t->version / 10000 < major)
		err_set(e, ERR_GUARD, "the dump is from PostgreSQL %d, the "
		    "target is %d", major, t->version / 10000);
	else if (p->beside && p->sessions > 0 && !p->end_sessions) {
		err_set(e, ERR_GUARD, "%" PRId64 " sessions are in '%s': %s",
		    p->sessions, t->dbname, p->who);
		err_hint(e, "Stop the services that write, or add "
		    "--end-sessions: they are ended when the names change.");
	} else if (t->tables > 0 && !p->over && !p->beside) {
		err_set(e, ERR_GUARD, "'%s' has %" PRId64 " tables, views or "
		    "sequences: nothing is restored over them", t->dbname,
		    t->tables);
		err_hint(e, "Say --beside: a new one takes its name, and it "
		    "is kept; or say --over: then what the dump holds is "
		    "dropped there first.");
	}
	buf_release(&lacks);
	return e->kind == ERR_NONE;
}

/* ---- the plan, for people -------------------------------------------------------------- */

static void
show(const struct plan *p)
{
	const struct set_part *part = p->copy.part;
	const struct restore_target *t = &p->target;
	char at[40], size[16], raw[16], have[16], need[16];

	clock_fmt_site(at, p->copy.set->at);
	text_fmt_size(size, set_part_size(part));
	text_fmt_size(raw, set_part_raw_size(part));
	text_fmt_size(have, t->bytes);
	text_fmt_size(need, 2 * set_part_raw_size(part));
	cli_out("from    %s of %s on %s, made %s, %s", part->name,
	    p->copy.set->path, p->shelf->store->name, at,
	    proven_name(p->copy.truth->proven));
	cli_out("holds   %s packed, %s raw, %" PRId64 " tables%s%s", size,
	    set_part_raw_size(part) >= 0 ? raw : "?", p->toc.n[TOC_TABLE],
	    part->from.server_version ? ", of PostgreSQL " : "",
	    part->from.server_version ? part->from.server_version : "");
	cli_out("into    %s as %s, PostgreSQL %d, on %s: %s, %" PRId64
	    " tables, views and sequences", t->dbname, t->user,
	    t->version / 10000, p->login.host != NULL ? p->login.host :
	    "the local socket", have, t->tables);
	if (set_part_raw_size(part) >= 0)
		cli_out("room    about %s there, with indexes; %s here while "
		    "it runs", need, raw);
	for (size_t i = 0; i < t->roles.n; i++)
		cli_out("lacks   the role %s", t->roles.v[i]);
	for (size_t i = 0; i < t->extensions.n; i++)
		cli_out("lacks   the extension %s", t->extensions.v[i]);
	if (p->copy.truth->proven < PROVEN_RESTORABLE)
		cli_out("first   this copy was never restored: %s",
		    p->untried ? "and will not be tried" : "it is tried in a "
		    "scratch PostgreSQL, before the target is touched");
	if (p->beside) {
		cli_out("beside  into the new database %s; then it becomes %s, "
		    "and what is %s now is kept as %s", p->made, t->dbname,
		    t->dbname, p->kept);
		if (p->sessions > 0)
			cli_out("ends    %" PRId64 " sessions: %s",
			    p->sessions, p->who);
	}
	if (p->over && t->tables > 0)
		cli_out("over    what the dump holds is dropped there first");
}

static void
show_json(const struct plan *p, bool ok)
{
	const struct restore_target *t = &p->target;
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", ok);
	json_put_str(&b, "set", p->copy.set->path);
	json_put_str(&b, "store", p->shelf->store->name);
	json_put_str(&b, "component", p->copy.part->name);
	json_put_str(&b, "truth", proven_name(p->copy.truth->proven));
	json_put_int(&b, "bytes", set_part_size(p->copy.part));
	json_put_int(&b, "raw_bytes", set_part_raw_size(p->copy.part));
	json_put_str(&b, "into", t->dbname);
	json_put_int(&b, "server_version", t->version);
	json_put_int(&b, "tables_there", t->tables);
	json_put_bool(&b, "target", p->own);
	json_put_str(&b, "made", p->made);
	json_put_str(&b, "kept", p->kept);
	json_put_int(&b, "sessions", p->sessions);
	json_key(&b, "roles_missing");
	json_open_list(&b);
	for (size_t i = 0; i < t->roles.n; i++) {
		json_comma(&b);
		json_text(&b, t->roles.v[i]);
	}
	json_close_list(&b);
	json_key(&b, "extensions_missing");
	json_open_list(&b);
	for (size_t i = 0; i < t->extensions.n; i++) {
		json_comma(&b);
		json_text(&b, t->extensions.v[i]);
	}
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

/* ---- the verb ---------------------------------------------------------------------------- */

static bool
confirmed(const struct plan *p, const struct cli *c, const char *confirm,
    struct err *e)
{
	struct buf typed = BUF_INIT;
	char ch;
	bool same;

	if (confirm == NULL && !c->json && isatty(STDIN_FILENO) &&
	    isatty(STDERR_FILENO)) {
		(void)fprintf(stderr, "type the name of the target database "
		    "to confirm: ");
		(void)fflush(stderr);
		while (read(STDIN_FILENO, &ch, 1) == 1 && ch != '\n')
			buf_ch(&typed, ch);
		confirm = typed.n > 0 ? typed.p : "";
	}
	/* the site's name for its own database is its name as well */
	same = confirm != NULL && (strcmp(confirm, p->target.dbname) == 0 ||
	    (p->own && strcmp(confirm, p->copy.part->name) == 0));
	if (!same) {
		err_set(e, ERR_GUARD, confirm == NULL ? "not confirmed" :
		    "confirmed with another name than the target's");
		err_hint(e, "Add --confirm and the name of the database that "
		    "is written to.");
	}
	buf_release(&typed);
	return same;
}

static int
start(struct desk *d, const struct plan *p, struct err *e)
{
	struct job_spec spec = { .kind = "restore" };
	struct buf args = BUF_INIT, title = BUF_INIT;
	int status;

	json_open(&args);
	json_put_str(&args, "set", p->copy.set->path);
	json_put_str(&args, "db", p->copy.part->name);
	json_put_str(&args, "store", p->shelf->store->name);
	json_put_str(&args, "into", p->into);
	json_put_str(&args, "confirm", p->target.dbname);
	json_put_str(&args, "manifest", p->copy.set->sha256);
	json_put_str(&args, "scratch", p->dir_option);
	json_put_bool(&args, "over", p->over);
	json_put_bool(&args, "untried", p->untried);
	json_put_bool(&args, "beside", p->beside);
	json_put_bool(&args, "end_sessions", p->end_sessions);
	json_put_str(&args, "made", p->made);
	json_put_str(&args, "kept", p->kept);
	json_put_int(&args, "jobs", p->jobs);
	json_close(&args);
	buf_printf(&title, "restore %s of %s into %s", p->copy.part->name,
	    p->copy.set->path, p->target.dbname);
	spec.title = title.p;
	spec.args = args.p;
	spec.config = desk_config(d);
	status = follow_start(d, &spec, e);
	buf_release(&args);
	buf_release(&title);
	return status;
}

int
verb_restore(struct cli *c, int argc, char **argv)
{
	struct plan p = { 0 };
	const char *confirm = NULL, *jobs = NULL;
	bool only_plan = false;
	const struct opt opts[] = {
		{ "--into", NULL, &p.into, NULL },
		{ "--confirm", NULL, &confirm, NULL },
		{ "--store", NULL, &p.store, NULL },
		{ "--scratch", NULL, &p.dir_option, NULL },
		{ "--jobs", NULL, &jobs, NULL },
		{ "--plan", &only_plan, NULL, NULL },
		{ "--over", &p.over, NULL, NULL },
		{ "--beside", &p.beside, NULL, NULL },
		{ "--end-sessions", &p.end_sessions, NULL, NULL },
		{ "--untried", &p.untried, NULL, NULL },
	};
	struct err e = ERR_INIT;
	struct desk d = { 0 };
	int64_t n = 0;
	int status = -1;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 1, 2, USAGE))
		return EXIT_USAGE;
	/* the newest of all may be the damage itself, copied a moment ago */
	if (c->words.n < 2 && (strcmp(c->words.v[0], "latest") == 0 ||
	    strchr(c->words.v[0], '/') != NULL ||
	    set_name_parse(c->words.v[0], &(struct set_name){ .at = 0 })))
		return cli_usage("which database of '%s'? usage: midwatch "
		    "restore %s DB", c->words.v[0], c->words.v[0]);
	if (c->words.n < 2)
		return cli_usage("which set of '%s'? 'midwatch sets' lists "
		    "them; a step of a runbook takes '--arg set=SET'",
		    c->words.v[0]);
	if (p.over && p.beside)
		return cli_usage("--over or --beside, not both");
	if (jobs != NULL && !text_int(jobs, 1, 64, &n))
		return cli_usage("'--jobs' is a number from 1 to 64, not '%s'",
		    jobs);
	p.jobs = (int)n;
	p.want = c->words.v[0];
	p.part_name = c->words.v[1];
	if (!desk_open(&d, c, &e))
		goto out;
	if (!d.have_site) {
		err_set(&e, ERR_USAGE, "there is no site file, so there are no "
		    "stores to look in");
		goto out;
	}
	if (!make_plan(&p, &d.site, &e))
		goto out;
	if (!c->json)
		show(&p);
	if (!may(&p, &e))
		goto out;
	if (only_plan) {
		if (c->json)
			show_json(&p, true);
		status = EXIT_DONE;
	} else if (confirmed(&p, c, confirm, &e))
		status = start(&d, &p, &e);
out:
	if (status < 0)
		status = cli_fail(c, &e);
	plan_release(&p);
	desk_close(&d);
	return status;
}

/* ---- the job ----------------------------------------------------------------------------- */

struct undertaking {
	struct job *job;
	struct desk d;
	struct plan p;
	struct verify_care care;
	int64_t looked, said;
	bool stop;
	const char *confirm, *manifest;
	char *folder;
	struct scratch scratch;
	bool trying;			/* in it, before anything else */
	struct buf json;
};

static bool
cancelled(void *ctx)
{
	struct undertaking *r = ctx;
	int64_t now = clock_mono_ms();

	if (r->stop || now - r->looked < LOOK_MS)
		return r->stop;
	r->looked = now;
	r->stop = job_cancelled(r->job);
	return r->stop;
}

static void
progress(void *ctx, int64_t done, int64_t total)
{
	struct undertaking *r = ctx;
	int64_t now = clock_mono_ms();

	if (now - r->said < SAY_MS)
		return;
	r->said = now;
	job_progress(r->job, "reading the set", done, total);
}

static bool
begin(struct undertaking *r, struct cli *c, struct err *e)
{
	const json_t *args = json_object_get(r->job->spec, "args");

	r->p.want = json_get_str(args, "set");
	r->p.part_name = json_get_str(args, "db");
	r->p.store = json_get_str(args, "store");
	r->p.into = json_get_str(args, "into");
	r->p.dir_option = json_get_str(args, "scratch");
	r->p.over = json_get_bool(args, "over");
	r->p.untried = json_get_bool(args, "untried");
	r->p.beside = json_get_bool(args, "beside");
	r->p.end_sessions = json_get_bool(args, "end_sessions");
	if (r->p.beside && json_get_str(args, "made") != NULL &&
	    json_get_str(args, "kept") != NULL) {
		r->p.made = xstrdup(json_get_str(args, "made"));
		r->p.kept = xstrdup(json_get_str(args, "kept"));
	}
	r->p.jobs = (int)json_get_int(args, "jobs", 0);
	r->confirm = json_get_str(args, "confirm");
	r->manifest = json_get_str(args, "manifest");
	if (!desk_open(&r->d, c, e))
		return false;
	if (!r->d.have_site || r->p.want == NULL || r->p.part_name == NULL ||
	    r->confirm == NULL || r->manifest == NULL)
		return err_set(e, ERR_USAGE, "the job's words are not whole");
	follow_incident(&r->d);
	r->p.shelves.cancelled = cancelled;
	r->p.shelves.ctx = r;
	/* again, at the moment of doing */
	if (!make_plan(&r->p, &r->d.site, e) || !may(&r->p, e))
		return false;
	if (strcmp(r->p.target.dbname, r->confirm) != 0 ||
	    strcmp(r->p.copy.set->sha256, r->manifest) != 0)
		return err_set(e, ERR_GUARD, "the set or the target is not the "
		    "one that was confirmed");
	return true;
}

/* The one that is written: the target itself, or the one beside it. */
static struct pg_spec
written(const struct undertaking *r)
{
	struct pg_spec login = r->p.login;

	if (r->p.beside)
		login.dbname = r->p.made;
	return login;
}

static bool
compare(struct undertaking *r, const struct verify_done *v, struct compared *found,
    struct err *e)
{
	struct pg_spec login = written(r);
	struct pg *db;
	bool ok;

	job_progress(r->job, "comparing", 0, 0);
	login.statement_ms = STATEMENT_MS;
	db = pg_open(&login, clock_mono_ms() + LOGIN_MS, e);
	/* over something: what was there besides may still be there */
	ok = db != NULL && compare_database(db, &v->text, r->p.over ? NULL :
	    &r->p.toc, cancelled, r, found, e);
	pg_close(db);
	if (ok && found->why.n > 0)
		ok = err_set(e, ERR_FAILED, "what came back is not what the "
		    "dump holds: %s", found->why.p);
	return ok;
}

/* A restore that fails here costs minutes. There it costs the night. */
static bool
try_first(struct undertaking *r, const struct restore_ask *how, struct err *e)
{
	struct restore_done done = { 0 };
	bool ok;

	if (!r->trying)
		return true;
	job_progress(r->job, "trying it in a scratch PostgreSQL", 0, 0);
	ok = restore_try(&r->scratch, how, &done, e);
	if (!ok)
		err_wrap(e, "it could not be tried, and nothing was restored");
	else if (!done.ok) {
		ok = err_set(e, ERR_INTEGRITY, "nothing was restored: in a "
		    "scratch PostgreSQL it did not work: %s", done.why.p);
		err_hint(e, "'midwatch sets' shows the other copies.");
	} else
		job_say(r->job, "[OK] tried in a scratch PostgreSQL: %" PRId64
		    " tables and %" PRId64 " rows", done.found.tables,
		    done.found.rows);
	restore_done_release(&done);
	return ok;
}

static bool
put_back(struct undertaking *r, const struct restore_ask *how,
    const struct verify_done *v, struct compared *found, int64_t *ret_ms,
    struct err *e)
{
	struct beside b = beside_of(&r->p);
	struct pg_spec login = written(r);
	struct restore_ask ask = *how;
	struct buf into = BUF_INIT;
	int64_t start = clock_mono_ms();
	char passfile[40];
	bool ok;

	if (r->p.beside && !beside_make(&b, e))
		return false;
	job_progress(r->job, "restoring", 0, 0);
	ask.secret = secret_of(&r->p.way);
	(void)snprintf(passfile, sizeof passfile, "/proc/self/fd/%d",
	    ask.secret);
	if (ask.secret != 0)
		login.passfile = passfile;
	pg_conninfo_write(&login, &into);
	ok = restore_into(r->p.pg_restore, into.p, &ask, r->p.over, e);
	if (ask.secret != 0)
		io_close(&ask.secret);
	if (!ok && !r->p.beside)
		err_hint(e, "'%s' may hold a part of the dump now; drop it "
		    "and begin again.", r->p.target.dbname);
	*ret_ms = clock_mono_ms() - start;
	ok = ok && compare(r, v, found, e);
	buf_release(&into);
	if (!r->p.beside)
		return ok;
	if (!ok) {
		/* ours, and no good to anybody */
		if (!beside_drop(&b, NULL))
			job_say(r->job, "[WARN] '%s' is left over; drop it",
			    b.made);
		return false;
	}
	job_progress(r->job, "the names change", 0, 0);
	if (!beside_swap(&b, e))
		return err_wrap(e, "all is back in '%s', but", b.made);
	job_say(r->job, "[OK] what was '%s' is kept as '%s'", b.db, b.kept);
	return true;
}

static bool
work(struct undertaking *r, struct compared *found, int64_t *ret_ms, struct err *e)
{
	struct verify_ask ask = { .dir = r->p.dir, .part = r->p.copy.part,
		.pg_restore = r->p.pg_restore, .keep = r->trying ?
		r->scratch.files : r->folder, .care = &r->care };
	struct verify_done v = { 0 };
	struct restore_ask how = { .part = r->p.copy.part, .dump = &v,
		.jobs = r->p.jobs, .care = &r->care };
	bool ok = verify_part(r->p.shelf->place, &ask, &v, e);

	if (ok && !v.ok) {
		ok = err_set(e, ERR_INTEGRITY, "nothing was restored: %s",
		    v.why.p);
		err_hint(e, "'midwatch sets' shows the other copies.");
	} else if (ok)
		ok = try_first(r, &how, e) && put_back(r, &how, &v, found,
		    ret_ms, e);
	verify_done_release(&v);
	return ok;
}

/* Room for the dump, and for trying it where nobody did. */
static bool
make_room(struct undertaking *r, struct err *e)
{
	const struct set_part *part = r->p.copy.part;
	int64_t raw = set_part_raw_size(part);
	struct scratch_ask ask = { .dir = r->p.dir_option,
		.cancelled = cancelled, .ctx = r,
		.version = part->from.server_version != NULL ?
		(int)strtol(part->from.server_version, NULL, 10) : 0 };

	if (raw < 0)
		raw = 10 * set_part_size(part);
	ask.need = restore_room(raw);
	r->trying = r->p.copy.truth->proven < PROVEN_RESTORABLE &&
	    !r->p.untried;
	if (!r->trying) {
		r->folder = scratch_folder(r->p.dir_option, raw, e);
		return r->folder != NULL;
	}
	job_progress(r->job, "a scratch PostgreSQL is made", 0, 0);
	if (scratch_open(&r->scratch, &ask, e))
		return true;
	err_wrap(e, "it cannot be tried first");
	return e->hint[0] != '\0' ? false : err_hint(e, "--untried restores "
	    "it all the same.");
}

static int
say_end(struct undertaking *r, bool ok, const struct compared *found, int64_t took_ms,
    const struct err *e)
{
	const char *db = r->p.target.dbname;
	int status = ok ? EXIT_DONE : e->kind == ERR_CANCELLED ? 143 :
	    e->kind == ERR_GUARD ? EXIT_REFUSED : EXIT_FAILED;
	struct buf b = BUF_INIT, json = BUF_INIT;
	char took[32];

	text_fmt_duration(took, took_ms);
	if (ok)
		buf_printf(&b, "%s restored from %s on %s: %" PRId64
		    " tables and %" PRId64 " rows in %s, compared", db,
		    r->p.copy.set->path, r->p.shelf->store->name,
		    found->tables, found->rows, took);
	else
		buf_printf(&b, "%s: %s%s%s", db, e->msg, e->hint[0] ? "; " :
		    "", e->hint);
	job_say(r->job, "[%s] %s", ok ? "OK" : "FAIL", b.p);
	json_open(&json);
	json_put_bool(&json, "ok", ok);
	json_put_str(&json, "db", r->p.copy.part->name);
	json_put_bool(&json, "target", r->p.own);
	json_put_str(&json, "kept", ok ? r->p.kept : NULL);
	json_put_int(&json, "job", r->job->n);
	json_put_int(&json, "exit", status);
	json_put_str(&json, "set", r->p.copy.set->path);
	json_put_str(&json, "store", r->p.shelf->store->name);
	json_put_str(&json, "into", db);
	json_put_int(&json, "tables", found->tables);
	json_put_int(&json, "rows", found->rows);
	json_put_int(&json, "took_ms", took_ms);
	json_put_str(&json, "error", ok ? NULL : e->msg);
	json_put_bool(&json, "detached", false);
	json_close(&json);
	follow_journal(r->job, &r->d, ok ? EVENT_RESTORED : EVENT_EVIDENCE,
	    b.p, json.p);
	follow_result(r->job, &json);
	buf_release(&b);
	buf_release(&json);
	return status;
}

int
restore_job(struct job *job, struct err *e)
{
	struct cli c = { .config = json_get_str(job->spec, "config"),
		.state = json_get_str(job->spec, "state_dir"), .verb = "job" };
	struct undertaking r = { .job = job };
	struct compared found = { 0 };
	struct err why = ERR_INIT;
	int64_t took_ms = 0;
	int status = EXIT_FAILED;
	bool ok;

	r.care = (struct verify_care){ progress, cancelled, &r };
	if (begin(&r, &c, e)) {
		follow_begins(job, &r.d);
		(void)scratch_sweep(r.p.dir_option);
		ok = make_room(&r, &why) && work(&r, &found, &took_ms, &why);
		status = say_end(&r, ok, &found, took_ms, &why);
		follow_ends(job, &r.d, status);
		scratch_close(&r.scratch);
		if (r.folder != NULL)
			scratch_folder_end(r.folder);
	} else
		status = e->kind == ERR_GUARD ? EXIT_REFUSED : EXIT_FAILED;
	compared_release(&found);
	plan_release(&r.p);
	desk_close(&r.d);
	return status;
}
