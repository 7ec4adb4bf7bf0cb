#include "site/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/vec.h"

enum { HOPS = SITE_HOPS };

/* ---- names ------------------------------------------------------------------ */

struct claim {
	const char *name, *where;
	size_t turn;
};

struct claims {
	struct claim *v;
	size_t n, cap;
};

static int
by_name(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	return d != 0 ? d : (x->turn > y->turn) - (x->turn < y->turn);
}

static void
claim(struct claims *c, const char *name, const char *where)
{
	if (name != NULL)
		VEC_PUSH(c, ((struct claim){ name, where, c->n }));
}

static void
claim_list(struct site *s, struct claims *c, const struct conf_list *l,
    size_t size, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		claim(c, sc_name_at(l, size, i), WHERE("%s[%zu].name", key, i));
}

/* Who came first has the name. */
static void
settle(struct site *s, struct claims *c)
{
	if (c->n > 1)
		qsort(c->v, c->n, sizeof *c->v, by_name);
	for (size_t i = 1, first = 0; i < c->n; i++) {
		if (strcmp(c->v[i].name, c->v[first].name) != 0)
			first = i;
		else
			sc_wrong(s, 0, c->v[i].where, "'%s' is already the name "
			    "of %.*s", c->v[i].name,
			    (int)strcspn(c->v[first].where, "."),
			    c->v[first].where);
	}
	VEC_RELEASE(c);
}

static void
check_reserved(struct site *s, const char *where, const char *name)
{
	if (name != NULL && (text_starts(name, "globals") ||
	    strcmp(name, "manifest") == 0 || strcmp(name, "checksums") == 0 ||
	    strcmp(name, "here") == 0))
		sc_wrong(s, 0, where, "'%s' is reserved: every set has files "
		    "called globals, manifest and checksums", name);
}

static void
check_names(struct site *s)
{
	struct claims parts = { 0 }, one = { 0 };
	const struct site_db *db = s->databases.v;

	claim_list(s, &parts, &s->databases, sizeof *db, "databases");
	for (size_t i = 0; i < s->databases.n; i++) {
		check_reserved(s, WHERE("databases[%zu].name", i), db[i].name);
		for (size_t k = 0; k < db[i].aka.n; k++)
			claim(&parts, db[i].aka.v[k],
			    WHERE("databases[%zu].aka", i));
	}
	claim_list(s, &parts, &s->components, sizeof(struct site_component),
	    "components");
	for (size_t i = 0; i < s->components.n; i++)
		check_reserved(s, WHERE("components[%zu].name", i),
		    site_component_at(s, i)->name);
	settle(s, &parts);

#define ALONE(list, type)						\
	claim_list(s, &one, &s->list, sizeof(struct type), #list);	\
	settle(s, &one)
	ALONE(places, site_place);
	ALONE(stores, site_store);
	ALONE(disks, site_disk);
	ALONE(services, site_service);
	ALONE(logs, site_log);
#undef ALONE
}

/* ---- places ---------------------------------------------------------------- */

static void
split_ssh(struct site *s, const char *where, struct site_place *p)
{
	const char *at = strrchr(p->ssh, '@'), *colon;

	p->ssh_host = pool_str(&s->doc.pool, at != NULL ? at + 1 : p->ssh);
	if (at != NULL)
		p->ssh_user = pool_strn(&s->doc.pool, p->ssh,
		    (size_t)(at - p->ssh));
	if (*p->ssh == '\0')
		return;
	colon = strchr(p->ssh_host, ':');
	if (*p->ssh_host == '\0' || (at != NULL && at == p->ssh))
		sc_wrong(s, 0, where, "'%s' is not user@host", p->ssh);
	else if (*p->ssh == '-' || *p->ssh_host == '-')
		sc_wrong(s, 0, where, "'%s': neither user nor host begins with "
		    "'-'", p->ssh);
	else if (colon != NULL && strchr(colon + 1, ':') == NULL)
		sc_wrong(s, 0, where, "'%s': the port is a key of its own, "
		    "'port = %s'", p->ssh, colon + 1);
	else if (strpbrk(p->ssh, " \t/'\"\\") != NULL)
		sc_wrong(s, 0, where, "'%s' is not user@host", p->ssh);
}

static void
check_container(struct site *s, const char *where, const char *name)
{
	bool ok = isalnum((unsigned char)*name) != 0;

	for (const char *c = name; *c != '\0'; c++)
		ok = ok && (isalnum((unsigned char)*c) ||
		    strchr("_.-", *c) != NULL);
	if (!ok && *name != '\0')
		sc_wrong(s, 0, where, "'%s' is not a container's name", name);
}

static void
check_place(struct site *s, size_t i, struct site_place *p)
{
	char *at = WHERE("places[%zu]", i), *via = WHERE("%s.via", at);
	char *inside = WHERE("%s.at", at);
	bool ssh = sc_stated(s, WHERE("%s.ssh", at));
	bool container = sc_stated(s, WHERE("%s.container", at));

	if (p->name != NULL && strcmp(p->name, "here") == 0)
		sc_wrong(s, 0, WHERE("%s.name", at), "'here' is this host");
	if (ssh && container)
		sc_wrong(s, 0, at, "has both 'ssh' and 'container'; it is either "
		    "a host or a container");
	else if (!ssh && !container)
		sc_wrong(s, 0, at, "needs 'ssh', or 'container' and the place "
		    "that it runs 'at'");
	else if (ssh && sc_stated(s, inside))
		sc_wrong(s, 0, inside, "is for containers; a host is reached "
		    "'via' another");
	else if (container && sc_stated(s, via))
		sc_wrong(s, 0, via, "is for hosts; a container runs 'at' a place");
	if (p->ssh != NULL)
		split_ssh(s, WHERE("%s.ssh", at), p);
	if (p->container != NULL)
		check_container(s, WHERE("%s.container", at), p->container);
	sc_ssh_ref(s, via, &p->via);
	(void)sc_place_ref(s, inside, &p->at);
}

static const struct site_place *
next_place(const struct site *s, const struct site_place *p)
{
	return site_place(s, p->via != NULL ? p->via : p->at);
}

static bool
comes_back(const struct site *s, const struct site_place *p)
{
	const struct site_place *q = next_place(s, p);

	for (int n = 0; q != NULL && q != p && n < HOPS; n++)
		q = next_place(s, q);
	return q == p;
}

/* The way from a place and back to it; only the first place on it tells. */
static void
check_circle(struct site *s, const struct site_place *first, const char *where)
{
	const struct site_place *p = first;
	struct buf way = BUF_INIT;

	do {
		buf_printf(&way, "%s -> ", p->name);
		p = next_place(s, p);
	} while (p > first);
	if (p == first)
		sc_wrong(s, 0, where, "leads in a circle: %s%s", way.p, p->name);
	buf_release(&way);
}

static void
check_ways(struct site *s)
{
	const struct site_place *v = s->places.v, *p;

	for (size_t i = 0; i < s->places.n; i++) {
		const char *key = v[i].via != NULL ? "via" : "at";
		char *where = WHERE("places[%zu].%s", i, key);

		p = &v[i];
		if (p->name != NULL && comes_back(s, p)) {
			check_circle(s, p, where);
			continue;
		}
		for (int n = 0; p != NULL && n <= HOPS; n++)
			p = next_place(s, p);
		if (p != NULL && !comes_back(s, p))
			sc_wrong(s, 0, where, "leads over more than %d places",
			    HOPS);
	}
}

/* ---- databases and components ---------------------------------------------- */

static void
check_passwords(struct site *s, const char *where, struct site_db *db)
{
	const char *at = db->superuser.at != NULL ? db->superuser.at :
	    db->dump_at;

	for (size_t i = 0; i < db->password_from.n; i++) {
		char **v = &db->password_from.v[i], *path;
		int line = db->password_from.line[i];

		if (text_starts(*v, "env:")) {
			const char *name = *v + 4;

			if (*name == '\0' || isdigit((unsigned char)*name) ||
			    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
				sc_wrong(s, line, where,
				    "'%s' is not a variable's name", name);
		} else if (text_starts(*v, "file:")) {
			path = *v + 5;
			if (*path == '\0')
				sc_wrong(s, line, where, "'%s' has no path", *v);
			sc_path(s, line, where, at, &path);
			*v = WHERE("file:%s", path);
		} else
			sc_wrong(s, line, where, "'%s' must begin with 'env:' or "
			    "'file:'", *v);
	}
}

static void
check_db(struct site *s, size_t i, struct site_db *db)
{
	char *at = WHERE("databases[%zu]", i);
	char *through = WHERE("%s.through", at);
	struct site_superuser *su = &db->superuser;

	for (size_t k = 0; k < db->aka.n; k++)
		if (!text_is_name(db->aka.v[k]))
			sc_wrong(s, db->aka.line[k], WHERE("%s.aka", at),
			    "'%s' is not a name", db->aka.v[k]);
	sc_word(s, WHERE("%s.host", at), db->host);
	sc_word(s, WHERE("%s.user", at), db->user);
	sc_word(s, WHERE("%s.dump_host", at), db->dump_host);
	sc_ssh_ref(s, through, &db->through);
	(void)sc_place_ref(s, WHERE("%s.dump_at", at), &db->dump_at);
	if (db->through != NULL && (db->host == NULL || *db->host == '/'))
		sc_wrong(s, 0, through, "a tunnel leads to a host; 'host' names "
		    "%s", db->host == NULL ? "none" : "a socket folder");
	if (db->dump_host != NULL && db->dump_at == NULL)
		sc_wrong(s, 0, WHERE("%s.dump_host", at), "means nothing without "
		    "'dump_at'");
	(void)sc_place_ref(s, WHERE("%s.superuser.at", at), &su->at);
	sc_word(s, WHERE("%s.superuser.user", at), su->user);
	sc_word(s, WHERE("%s.superuser.host", at), su->host);
	check_passwords(s, WHERE("%s.password_from", at), db);
	for (size_t k = 0; k < db->rotate.update.n; k++)
		sc_where(s, db->rotate.update.line[k],
		    WHERE("%s.rotate.update", at), &db->rotate.update.v[k]);

	if (db->dbname == NULL)
		db->dbname = db->name;
	if (su->port == 0)
		su->port = db->port;
	if (db->rotate.role == NULL)
		db->rotate.role = db->user;
}

static void
check_component(struct site *s, size_t i, struct site_component *c)
{
	char *at = WHERE("components[%zu]", i), *files = WHERE("%s.files", at);
	bool has_files = sc_stated(s, files);
	bool has_command = sc_stated(s, WHERE("%s.command", at));

	if (has_files && has_command)
		sc_wrong(s, 0, at, "has both 'files' and 'command'; one of them");
	else if (!has_files && !has_command)
		sc_wrong(s, 0, at, "needs 'files' or 'command'");
	else if (has_files && c->files.n == 0)
		sc_wrong(s, 0, files, "names none");
	(void)sc_place_ref(s, WHERE("%s.at", at), &c->at);
	for (size_t k = 0; k < c->files.n; k++)
		sc_path(s, c->files.line[k], files, c->at, &c->files.v[k]);
}

/* ---- the rest --------------------------------------------------------------- */

static void
check_disk(struct site *s, size_t i, struct site_disk *d)
{
	char *at = WHERE("disks[%zu]", i);

	(void)sc_place_ref(s, WHERE("%s.at", at), &d->at);
	sc_path(s, 0, WHERE("%s.path", at), d->at, &d->path);
	if (d->warn < d->high && d->high < d->critical)
		return;
	if (d->warn >= d->high && sc_stated(s, WHERE("%s.warn", at)))
		at = WHERE("%s.warn", at);
	else if (sc_stated(s, WHERE("%s.high", at)))
		at = WHERE("%s.high", at);
	else
		at = WHERE("%s.critical", at);
	sc_wrong(s, 0, at, "warn, high and critical must rise, not %d, %d, %d",
	    (int)d->warn, (int)d->high, (int)d->critical);
}

static bool
same_folder(const struct site_store *a, const struct site_store *b)
{
	size_t n, m;

	if (a->path == NULL || b->path == NULL || (a->at != NULL) !=
	    (b->at != NULL) || (a->at != NULL && strcmp(a->at, b->at) != 0))
		return false;
	n = strlen(a->path);
	m = strlen(b->path);
	while (n > 1 && a->path[n - 1] == '/')
		n--;
	while (m > 1 && b->path[m - 1] == '/')
		m--;
	return n == m && memcmp(a->path, b->path, n) == 0;
}

/* Two in one folder would be in each other's way: neither could claim a set. */
static void
check_store(struct site *s, size_t i, struct site_store *all)
{
	char *path = WHERE("stores[%zu].path", i);

	(void)sc_place_ref(s, WHERE("stores[%zu].at", i), &all[i].at);
	sc_path(s, 0, path, all[i].at, &all[i].path);
	for (size_t k = 0; k < i; k++)
		if (same_folder(&all[k], &all[i]))
			sc_wrong(s, 0, path, "is the folder of stores[%zu]: "
			    "that would be one copy, not two", k);
}

/* A list of stores without one twice; also: those of another list as well. */
static void
check_stores_named(struct site *s, const char *where, const struct conf_strs *l,
    const struct conf_strs *other)
{
	if (sc_stated(s, where) && l->n == 0)
		sc_wrong(s, 0, where, "names none");
	for (size_t i = 0; i < l->n; i++) {
		const char *const *v = (const char *const *)l->v;

		if (text_in(v[i], v, i) || (other != NULL && text_in(v[i],
		    (const char *const *)other->v, other->n)))
			sc_wrong(s, l->line[i], where, "'%s' is named twice",
			    v[i]);
		else
			(void)sc_ref(s, l->line[i], where, "store",
			    &s->stores, sizeof(struct site_store), v[i]);
	}
}

/* Neither is quoted: a webhook's address is its password. */
static void
check_webhook(struct site *s, const char *where, const char *url,
    const char *url_file)
{
	char *both = WHERE("%s_file", where);

	if (url != NULL && url_file != NULL)
		sc_wrong(s, 0, both, "one of 'url' and 'url_file', not both");
	if (url == NULL || *url == '\0')
		return;
	if (!text_starts(url, "https://") || strlen(url) < 12)
		sc_wrong(s, 0, where, "must begin with 'https://' and name a "
		    "host: certificates are always checked");
	else if (strpbrk(url, " \t\"\\<>") != NULL)
		sc_wrong(s, 0, where, "is not an address: it holds a space or "
		    "a quote");
}

static void
check_backup(struct site *s)
{
	struct site_backup *b = &s->backup;

	check_stores_named(s, "backup.to", &b->to, NULL);
	check_stores_named(s, "backup.also", &b->also, &b->to);
	check_stores_named(s, "backup.emergency.to", &b->emergency.to, NULL);
	check_webhook(s, "backup.heartbeat_url", b->heartbeat_url,
	    b->heartbeat_url_file);
	if (b->emergency.to.n == 0)
		b->emergency.to = b->to;
	for (size_t i = 0; i < b->orphans.n; i++)
		if (strchr(b->orphans.v[i], '/') != NULL)
			sc_wrong(s, b->orphans.line[i], "backup.orphans",
			    "'%s' is a pattern of names, without a folder",
			    b->orphans.v[i]);
		else if (text_in(b->orphans.v[i],
		    (const char *const[]){ "*", "*.*", "**" }, 3))
			sc_wrong(s, b->orphans.line[i], "backup.orphans",
			    "'%s' means everything", b->orphans.v[i]);
}

static void
check_next(struct site *s, size_t i, const struct site_contact *c)
{
	char *where = WHERE("comms.contacts[%zu].next", i);
	const char **known = xcalloc(s->comms.contacts.n, sizeof *known);
	size_t n = 0;

	for (size_t k = 0; k < site_contacts(s); k++)
		if (k != i && site_contact_at(s, k)->who != NULL)
			known[n++] = site_contact_at(s, k)->who;
	if (c->next != NULL && c->who != NULL && strcmp(c->next, c->who) == 0)
		sc_wrong(s, 0, where, "'%s' does not come after themselves",
		    c->next);
	else if (c->next != NULL && *c->next != '\0' &&
	    !text_in(c->next, known, n))
		conf_unknown(&s->doc, conf_line(&s->doc, where), where,
		    "contact", c->next, known, n);
	free(known);
}

static void
check_contact(struct site *s, size_t i, struct site_contact *c)
{
	char *on = WHERE("comms.contacts[%zu].on", i);

	check_webhook(s, WHERE("comms.contacts[%zu].url", i), c->url,
	    c->url_file);
	check_next(s, i, c);
	if (sc_stated(s, on) && c->on.n == 0)
		sc_wrong(s, 0, on, "names none");
	for (size_t k = 0; k < c->on.n; k++) {
		unsigned t = 0;

		while (t < SITE_TRIGGER_COUNT &&
		    strcmp(site_triggers[t], c->on.v[k]) != 0)
			t++;
		if (t < SITE_TRIGGER_COUNT)
			c->triggers |= 1u << t;
		else
			conf_unknown(&s->doc, c->on.line[k], on, "trigger",
			    c->on.v[k], site_triggers, SITE_TRIGGER_COUNT);
	}
}

static void
check_own(struct site *s)
{
	if (s->timezone != NULL && !clock_zone_known(s->timezone))
		sc_wrong(s, 0, "site.timezone", "no time zone is called '%s'; "
		    "names look like 'Africa/Lagos'", s->timezone);
	if (s->environment != NULL && strpbrk(s->environment, " \t") != NULL)
		sc_wrong(s, 0, "site.environment", "'%s' is more than one word",
		    s->environment);
	sc_word(s, "site.group", s->group);
	if (!sc_stated(s, "schedule.nightly"))
		s->schedule.nightly = -1;
}

#define EACH(i, list, type, var)					\
	struct type *var = s->list.v;					\
	for (size_t i = 0; i < s->list.n; i++)

static void
check_lists(struct site *s)
{
	EACH(i, places, site_place, place)
		check_place(s, i, &place[i]);
	check_ways(s);
	EACH(i, databases, site_db, db)
		check_db(s, i, &db[i]);
	EACH(i, components, site_component, part)
		check_component(s, i, &part[i]);
	EACH(i, stores, site_store, store)
		check_store(s, i, store);
	EACH(i, disks, site_disk, disk)
		check_disk(s, i, &disk[i]);
	EACH(i, services, site_service, service)
		(void)sc_place_ref(s, WHERE("services[%zu].at", i),
		    &service[i].at);
	EACH(i, logs, site_log, log) {
		(void)sc_place_ref(s, WHERE("logs[%zu].at", i), &log[i].at);
		sc_path(s, 0, WHERE("logs[%zu].path", i), log[i].at,
		    &log[i].path);
	}
	EACH(i, comms.contacts, site_contact, contact)
		check_contact(s, i, &contact[i]);
}

void
site_check(struct site *s)
{
	sc_texts(s, &site_schema, (const char *)&s->file_line, "");
	check_own(s);
	check_names(s);
	check_lists(s);
	check_backup(s);
	(void)sc_place_ref(s, "cleanup.docker.at", &s->cleanup.docker.at);
	for (size_t i = 0; i < s->cleanup.paths.n; i++)
		sc_where(s, s->cleanup.paths.line[i], "cleanup.paths",
		    &s->cleanup.paths.v[i]);
}
