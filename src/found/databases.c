/*
 * The databases: of this host's servers, of containers, and those that the
 * password file knows. A line of the password file that fits a server of this
 * host says who logs in there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/who.h"
#include "found/draft.h"

enum { DATABASES_MAX = 500 };

#define THINGS(d, t, wanted)						\
	for (const struct found_thing *t = (d)->f->things.v,		\
	    *t##_end = t + (d)->f->things.n; t < t##_end; t++)		\
		if (t->kind == (wanted))

static bool
is_here(const struct draft *d, const char *host)
{
	return host[0] == '/' || text_in(host, (const char *const[]){
	    "localhost", "127.0.0.1", "::1", d->f->host_name }, 4);
}

static bool
same_host(const struct draft *d, const char *login, const char *host)
{
	if (host == NULL || strcmp(login, "*") == 0 ||
	    strcmp(login, host) == 0)
		return true;
	/* the password file says localhost for every socket */
	return is_here(d, login) && is_here(d, host) && (login[0] != '/' ||
	    host[0] != '/');
}

/* The line of the password file that libpq would take for it. A line for any
 * host gives way to a login that works without one. */
static const struct found_thing *
login_for(const struct draft *d, const struct found_thing *db)
{
	THINGS(d, t, FOUND_LOGIN)
		if (same_host(d, t->host, db->host) &&
		    (t->port == 0 || t->port == db->port) &&
		    (strcmp(t->name, "*") == 0 ||
		    strcmp(t->name, db->name) == 0) &&
		    strcmp(t->user, "*") != 0)
			return db->user == NULL || strcmp(t->host, "*") != 0 ?
			    t : NULL;
	return NULL;
}

static bool
is_listed(const struct draft *d, const struct found_thing *login)
{
	THINGS(d, t, FOUND_DATABASE)
		if (t->host != NULL && same_host(d, login->host, t->host) &&
		    (login->port == 0 || login->port == t->port) &&
		    strcmp(t->name, login->name) == 0)
			return true;
	return false;
}

/* Host, port and database as they are written, the name that they get. */
static struct draft_entry *
entry(struct draft *d, struct draft_list *l, const char *dbname,
    const char *hint, const char *host, int64_t port)
{
	struct draft_entry *e = draft_entry(l);
	const char *name = found_name(&d->part_names, dbname, hint, "db");

	draft_str(e, "name", name);
	if (host != NULL)
		draft_str(e, "host", host);
	if (port != 0 && port != 5432)
		draft_int(e, "port", port);
	if (strcmp(name, dbname) != 0)
		draft_str(e, "dbname", dbname);
	if (l->v.n > DATABASES_MAX)
		draft_off(e, "the %dth and later ones are left to you",
		    DATABASES_MAX + 1);
	return e;
}

static void
credentials(struct draft_entry *e, const struct found_thing *login,
    const char *user)
{
	if (login != NULL)
		user = login->user;
	if (user != NULL)
		draft_str(e, "user", user);
	if (login != NULL)
		draft_str(e, "passfile", login->path);
}

/* ---- servers of this host ------------------------------------------------------------ */

static size_t
databases_at(const struct draft *d, const char *host, int64_t port,
    const char *container)
{
	size_t n = 0;

	THINGS(d, t, FOUND_DATABASE)
		n += container != NULL ? t->at != NULL &&
		    strcmp(t->at, container) == 0 : t->at == NULL &&
		    t->port == port && host != NULL &&
		    strcmp(t->host, host) == 0;
	return n;
}

static void
tail_of(struct draft_entry *e, const struct found_thing *t)
{
	char size[16];

	if (t->size < 0)
		return;
	text_fmt_size(size, t->size);
	draft_tail(e, "%s", size);
}

/* What every server has and nobody keeps data in. */
static void
maintenance(struct draft_entry *e, const struct found_thing *t, size_t n)
{
	if (!t->ok)
		draft_off(e, "it allows no connections");
	else if (n > 1 && strcmp(t->name, "postgres") == 0)
		draft_off(e, "the maintenance database; as a rule nothing of "
		    "yours is in it");
}

static void
introduce(const struct draft *d, struct draft_entry *e,
    const struct found_thing *s)
{
	const char *me = who_am_i()->login;

	draft_say(e, "%s%sPostgreSQL%s%s%s%s%s", s->name != NULL ? s->name :
	    "", s->name != NULL ? ": " : "", s->text != NULL ? " " : "",
	    s->text != NULL ? s->text : "", s->strong ? "" :
	    ", a standby (its primary is what is backed up)",
	    s->path != NULL ? ", data in " : "", s->path != NULL ? s->path :
	    "");
	if (s->owner != NULL && login_for(d, &(struct found_thing){
	    .host = s->host, .port = s->port, .name = "*" }) == NULL)
		draft_say(e, "Its databases were asked for as %s, whom it lets "
		    "in; %s has no login there. Run midwatch as %s, or make a "
		    "role for backups, write its password into ~/.pgpass and "
		    "name it here as user.", s->owner, me, s->owner);
}

static void
server(struct draft *d, struct draft_list *l, const struct found_thing *s)
{
	size_t n = databases_at(d, s->host, s->port, NULL);
	const char *hint = s->name;
	char port[16];
	struct draft_entry *e;
	bool first = true;

	(void)snprintf(port, sizeof port, "%d", (int)s->port);
	if (hint == NULL)
		hint = port;
	THINGS(d, t, FOUND_DATABASE) {
		const struct found_thing *login = login_for(d, t);
		bool tcp = login != NULL && is_here(d, login->host) &&
		    login->host[0] != '/';

		if (t->at != NULL || t->port != s->port ||
		    strcmp(t->host, s->host) != 0)
			continue;
		/* peer is for sockets; who has a password comes by TCP */
		e = entry(d, l, t->name, hint, tcp ? login->host : t->host,
		    t->port);
		credentials(e, login, t->user);
		if (first)
			introduce(d, e, s);
		first = false;
		tail_of(e, t);
		maintenance(e, t, n);
	}
	if (n > 0)
		return;
	e = draft_entry(l);
	introduce(d, e, s);
	if (s->port != 0) {
		draft_str(e, "name", "NAME");
		draft_str(e, "host", s->host);
		draft_int(e, "port", s->port);
	}
	draft_off(e, "its databases could not be listed: %s", s->why != NULL ?
	    s->why : "it has none");
}

/* ---- containers ------------------------------------------------------------------------ */

static void
container_ways(struct draft_entry *e, const struct found_thing *box,
    const char *place)
{
	char *su;
	struct buf user = BUF_INIT;

	if (place == NULL)
		return;
	draft_str(e, "dump_at", place);
	if (box->user != NULL) {
		found_quote(&user, box->user);
		su = xprintf("{ at = \"%s\"; user = %s; }", place, user.p);
		draft_raw(e, "superuser", su);
		free(su);
	}
	buf_release(&user);
	e->refers = true;
	if (box->host == NULL)
		draft_off(e, "this host has no way to its port: publish it");
}

static void
container(struct draft *d, struct draft_list *l, const struct found_thing *box)
{
	const char *place = draft_place_of(d, "container", box->name);
	size_t n = databases_at(d, NULL, 0, box->name);
	struct draft_entry *e = NULL;
	bool first = true;

	THINGS(d, t, FOUND_DATABASE) {
		const struct found_thing *login = login_for(d, t);

		if (t->at == NULL || strcmp(t->at, box->name) != 0)
			continue;
		e = entry(d, l, t->name, box->name, box->host, box->port);
		if (first)
			draft_say(e, "In the container %s (%s%s%s): dumped "
			    "inside it, watched from here%s.", box->name,
			    box->text, box->when != NULL ? ", version " : "",
			    box->when != NULL ? box->when : "", box->strong ? "" :
			    "; its address is another one when it is made again, "
			    "so better publish its port");
		first = false;
		credentials(e, login, box->user);
		container_ways(e, box, place);
		tail_of(e, t);
		maintenance(e, t, n);
	}
	if (n > 0)
		return;
	e = entry(d, l, box->name, NULL, box->host, box->port);
	container_ways(e, box, place);
	draft_off(e, "the databases in the container %s could not be listed: "
	    "%s", box->name, box->why != NULL ? box->why : "it has none");
}

/* ---- the password file -------------------------------------------------------------------- */

static bool
was_before(const struct draft *d, const struct found_thing *login)
{
	THINGS(d, t, FOUND_LOGIN) {
		if (t >= login)
			break;
		if (strcmp(t->host, login->host) == 0 &&
		    t->port == login->port &&
		    strcmp(t->name, login->name) == 0)
			return true;
	}
	return false;
}

static bool
is_used(const struct draft *d, const struct found_thing *login)
{
	THINGS(d, t, FOUND_DATABASE)
		if (login_for(d, t) == login)
			return true;
	return false;
}

static void
login(struct draft *d, struct draft_list *l, const struct found_thing *t,
    bool *said)
{
	bool any_db = strcmp(t->name, "*") == 0;
	bool any_host = strcmp(t->host, "*") == 0;
	char *host = xstrndup(t->host, t->host[0] == '/' ? strlen(t->host) :
	    strcspn(t->host, "."));
	struct draft_entry *e;

	if (strcmp(t->name, "replication") == 0 || was_before(d, t) ||
	    is_listed(d, t) || ((any_db || any_host) && is_used(d, t))) {
		free(host);
		return;
	}
	e = entry(d, l, any_db ? (any_host ? "database" : host) : t->name,
	    host, any_host ? "localhost" : t->host, t->port);
	if (any_db)
		draft_str(e, "dbname", "NAME");
	if (strcmp(t->user, "*") != 0)
		draft_str(e, "user", t->user);
	draft_str(e, "passfile", t->path);
	if (!*said)
		draft_say(e, "From %s, whose passwords were not read", t->path);
	*said = true;
	if (any_host)
		draft_off(e, "this line of %s is for any host", t->path);
	else if (any_db)
		draft_off(e, "this line of %s is for any database there: name "
		    "one", t->path);
	free(host);
}

void
draft_databases(struct draft *d)
{
	static const char *const examples[] = {
		"{ name = \"legacy\"; aka = ( \"legacy-prod\" ); host = "
		    "\"legacy-db\"; user = \"backup\";",
		"  legacy = true; through = \"PLACE\"; dump_at = \"PLACE\"; "
		    "superuser = { at = \"PLACE\"; user = \"postgres\"; };",
		"  password_from = ( \"env:POSTGRES_PASSWORD\" ); rotate = { "
		    "role = \"backup\"; update = ( \"~/.pgpass\" ); }; }",
		NULL
	};
	struct draft_list l = { .key = "databases", .head = "Databases: what "
	    "is backed up and watched. Passwords stay in the password file.",
	    .examples = examples };
	bool said = false;

	THINGS(d, t, FOUND_SERVER)
		server(d, &l, t);
	THINGS(d, t, FOUND_CONTAINER)
		container(d, &l, t);
	THINGS(d, t, FOUND_LOGIN)
		login(d, &l, t, &said);
	draft_list(d, &l);
}
