/* The lists of the site file, out of what was found. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "found/draft.h"

#define THINGS(d, t, wanted)						\
	for (const struct found_thing *t = (d)->f->things.v,		\
	    *t##_end = t + (d)->f->things.n; t < t##_end; t++)		\
		if (t->kind == (wanted))

/* ---- places ---------------------------------------------------------------------- */

const char *
draft_place_of(const struct draft *d, const char *kind, const char *name)
{
	for (size_t i = 0; i + 2 < d->place_of.n; i += 3)
		if (strcmp(d->place_of.v[i], kind) == 0 &&
		    strcmp(d->place_of.v[i + 1], name) == 0)
			return d->place_of.v[i + 2];
	return NULL;
}

static void
remember(struct draft *d, const char *kind, const char *name,
    const char *place)
{
	VEC_PUSH(&d->place_of, kind);
	VEC_PUSH(&d->place_of, name);
	VEC_PUSH(&d->place_of, place);
}

static void
host_place(struct draft *d, struct draft_list *l, const struct found_thing *t)
{
	struct draft_entry *e = draft_entry(l);
	const char *name = found_name(&d->place_names, t->name, NULL, "host");
	char *ssh = t->user != NULL ? xprintf("%s@%s", t->user, t->name) :
	    xstrdup(t->name);

	draft_str(e, "name", name);
	draft_str(e, "ssh", ssh);
	if (t->port != 0 && t->port != 22)
		draft_int(e, "port", t->port);
	if (t->host != NULL && strcmp(t->host, t->name) != 0)
		draft_tail(e, "%s", t->host);
	if (t->via != NULL)
		draft_tail(e, "through %s", t->via);
	if (strpbrk(t->name, "@:") != NULL)
		draft_off(e, "it cannot stand in a site file: '%s' holds a "
		    "letter that user@host has another use for", t->name);
	else if (t->why != NULL)
		draft_off(e, "ssh cannot say what it means: %s", t->why);
	else if (!found_host_fits(t))
		draft_off(e, "the login '%s' has no shell, as a rule", t->user);
	else if (!text_in(t->name, d->w->hosts.v, d->w->hosts.n))
		draft_off(e, "not taken into this site");
	remember(d, "host", t->name, name);
	free(ssh);
}

static void
container_place(struct draft *d, struct draft_list *l,
    const struct found_thing *t)
{
	struct draft_entry *e = draft_entry(l);
	const char *name = found_name(&d->place_names, t->name, t->at, "box");

	draft_str(e, "name", name);
	draft_str(e, "container", t->name);
	if (strcmp(t->at, "docker") != 0)
		draft_str(e, "runtime", t->at);
	draft_tail(e, "%s", t->text);
	if (!t->ok)
		draft_off(e, "%s", t->why);
	remember(d, "container", t->name, name);
}

/* What did not stand is no place of anything. */
static void
forget_off(struct draft *d, const struct draft_list *l)
{
	for (size_t i = 0; i < l->v.n && i * 3 + 2 < d->place_of.n; i++)
		if (l->v.v[i].off.n > 0)
			d->place_of.v[i * 3] = "off";
}

void
draft_places(struct draft *d)
{
	static const char *const examples[] = {
		"{ name = \"bastion\"; ssh = \"ops@bastion.internal\"; },",
		"{ name = \"behind\"; ssh = \"ops@db2.internal\"; via = "
		    "\"bastion\"; },",
		"{ name = \"box\"; at = \"behind\"; container = "
		    "\"db-prod\"; runtime = \"docker\"; }",
		NULL
	};
	struct draft_list l = { .key = "places", .head = "Places: hosts over "
	    "SSH and containers, where commands run and files lie. This host "
	    "is \"here\" and needs none. Hosts are named as your SSH "
	    "configuration does, which also says their keys and jumps; where "
	    "others run midwatch too, give user@host, port, identity and via "
	    "instead.", .examples = examples };

	THINGS(d, t, FOUND_HOST)
		host_place(d, &l, t);
	THINGS(d, t, FOUND_CONTAINER)
		container_place(d, &l, t);
	(void)draft_try(d, &l);
	forget_off(d, &l);
	buf_clear(&d->places);
	if (l.v.n > 0)
		l.examples = NULL;
	draft_list(d, &l);
}

/* ---- stores ----------------------------------------------------------------------- */

void
draft_stores(struct draft *d)
{
	static const char *const away[] = {
		"{ name = \"away\"; at = \"PLACE\"; path = "
		    "\"/volume1/backups\"; }", NULL
	};
	static const char *const near[] = {
		"{ name = \"near\"; path = \"/var/backups/midwatch\"; }",
		NULL
	};
	const struct found_thing *host;
	const char *folder = found_store_host(d->f, d->w->store, &host);
	const char *place = host != NULL ? draft_place_of(d, "host",
	    host->name) : NULL;
	struct draft_list l = { .key = "stores", .head = "Stores: where "
	    "backup sets go. One on another machine survives this one.",
	    .examples = host == NULL ? away : near };
	struct draft_entry *e = draft_entry(&l);
	const char *name = found_name(&d->store_names, place != NULL ? place :
	    "local", NULL, "store");

	if (d->w->store_why != NULL)
		draft_say(e, "%s", d->w->store_why);
	draft_str(e, "name", name);
	if (host != NULL) {
		draft_str(e, "at", place != NULL ? place : "?");
		e->refers = true;
	} else if (found_with_data(d->f, found_disk_of(d->f, folder)))
		draft_say(e, "On the same disk as a database: when it fails or "
		    "fills, both are hit. Add a store elsewhere.");
	draft_str(e, "path", folder);
	if (host != NULL && place == NULL)
		draft_off(e, "'%s' is no place of this site", host->name);
	draft_list(d, &l);
	if (host != NULL && place == NULL)
		return;

	draft_line(d, "%s", "");
	draft_comment(d, "", "A backup is good when each store in 'to' holds a "
	    "verified copy; one in 'also' that fails is a warning.");
	draft_line(d, "backup = {");
	draft_line(d, "  to = ( \"%s\" );", name);
	draft_line(d, "  globals = true;  # roles and tablespaces too");
	draft_line(d, "  # also = ( \"%s\" );", host == NULL ? "away" :
	    "near");
	draft_line(d, "  # min_free = \"600MB\"; min_free_percent = 10; "
	    "size_change = 30;");
	draft_line(d, "  # emergency = { to = ( \"%s\" ); }; orphans = ( "
	    "\"*.tmp\" );", name);
	draft_line(d, "};");
}

/* ---- disks ------------------------------------------------------------------------ */

static bool
is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '/' ||
	    path[n] == '\0');
}

static void
holds(struct buf *out, const char *what)
{
	if (out->n > 0)
		buf_str(out, ", ");
	buf_str(out, what);
}

/* What lies on it that a backup is about; the lower the number, the nearer. */
static int
purpose(const struct draft *d, const struct found_thing *disk, struct buf *out)
{
	int rank = 3, servers = 0;

	THINGS(d, t, FOUND_SERVER)
		if (t->path != NULL && found_disk_of(d->f, t->path) == disk) {
			char *what = xprintf("%s%s", servers > 0 ? "" :
			    "the data of ", t->name != NULL ? t->name :
			    t->path);

			if (++servers <= 3)
				holds(out, what);
			free(what);
			rank = 0;
		}
	if (servers > 3)
		buf_printf(out, " and %d more", servers - 3);
	THINGS(d, t, FOUND_CONTAINER)
		if (t->path != NULL && found_disk_of(d->f, t->path) == disk) {
			holds(out, "data of containers");
			rank = 0;
			break;
		}
	if (d->w->store[0] == '/' &&
	    found_disk_of(d->f, d->w->store) == disk) {
		holds(out, "the store");
		rank = rank < 1 ? rank : 1;
	}
	THINGS(d, t, FOUND_FOLDER)
		if (t->strong && found_disk_of(d->f, t->path) == disk) {
			holds(out, "backups");
			rank = rank < 1 ? rank : 1;
			break;
		}
	if (found_disk_of(d->f, "/var") == disk) {
		holds(out, "/var");
		rank = rank < 2 ? rank : 2;
	}
	return rank;
}

static void
disk_entry(struct draft *d, struct draft_list *l, const struct found_thing *t,
    const char *what)
{
	static const char *const passing[] = { "/tmp", "/run", "/media",
	    "/snap", "/var/snap" };
	struct draft_entry *e = draft_entry(l);
	char size[16];

	draft_str(e, "name", found_name(&d->disk_names, strcmp(t->path, "/") ==
	    0 ? "root" : t->path + 1, NULL, "disk"));
	draft_str(e, "path", t->path);
	text_fmt_size(size, t->size);
	draft_tail(e, "%s, %s, %d %% used%s%s", t->text, size, (int)t->percent,
	    what[0] != '\0' ? ": " : "", what);
	if (is_below(t->path, "/boot"))
		draft_off(e, "nothing of a backup is there");
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (strlen(t->path) > strlen(passing[i]) &&
		    is_below(t->path, passing[i]) && what[0] == '\0')
			draft_off(e, "mounted for the moment, it seems");
	if (!t->ok && what[0] == '\0')
		draft_off(e, "read-only");
}

void
draft_disks(struct draft *d)
{
	static const char *const examples[] = {
		"{ name = \"pgdata\"; at = \"PLACE\"; path = "
		    "\"/var/lib/postgresql\"; warn = 70; high = 85; "
		    "critical = 95; }", NULL
	};
	struct draft_list l = { .key = "disks", .head = "Disks: warned about "
	    "at 70, 85 and 95 % unless warn, high and critical say otherwise. "
	    "Those of other places are watched too, with 'at'.",
	    .examples = examples };

	for (int rank = 0; rank <= 3; rank++)
		THINGS(d, t, FOUND_DISK) {
			struct buf what = BUF_INIT;

			if (purpose(d, t, &what) == rank)
				disk_entry(d, &l, t, what.p);
			buf_release(&what);
		}
	draft_list(d, &l);
}

/* ---- schedule and logs --------------------------------------------------------------- */

void
draft_schedule(struct draft *d)
{
	draft_line(d, "%s", "");
	draft_comment(d, "", "When the nightly starts, in the site's zone. "
	    "midwatch says when it did not; something has to start it: "
	    "'midwatch schedule systemd' or 'midwatch schedule cron' prints what does.");
	if (found_count(d->f, FOUND_JOB) > 0)
		draft_comment(d, "", "On this host these look like backups:");
	THINGS(d, t, FOUND_JOB)
		draft_comment(d, "", "  %s: %s%s%s%s%s%s", t->name, t->text,
		    t->when != NULL ? ", at " : "", t->when != NULL ? t->when :
		    "", t->user != NULL ? ", as " : "", t->user != NULL ?
		    t->user : "", t->ok ? "" : ", not enabled");
	if (d->w->nightly_why != NULL)
		draft_comment(d, "", "%02d:%02d is %s.", d->w->nightly / 60,
		    d->w->nightly % 60, d->w->nightly_why);
	draft_line(d, "schedule = {");
	draft_line(d, "  nightly = \"%02d:%02d\";", d->w->nightly / 60,
	    d->w->nightly % 60);
	draft_line(d, "  # window = \"90m\"; rpo = \"24h\"; rto = \"4h\"; "
	    "dry_run_every = \"6h\"; restore_test_every = \"7d\";");
	draft_line(d, "};");
}

void
draft_logs(struct draft *d)
{
	static const char *const examples[] = {
		"{ name = \"backup\"; path = \"logs/backup.log\"; },",
		"{ name = \"emergency\"; path = "
		    "\"logs/emergency-backup.log\"; }", NULL
	};
	struct draft_list l = { .key = "logs", .head = "Logs: read for alarms "
	    "and for silence. Backups also write those called backup and "
	    "emergency.", .examples = examples };

	THINGS(d, t, FOUND_LOG) {
		struct draft_entry *e = draft_entry(&l);
		const char *base = strrchr(t->path, '/');
		size_t n;
		char *name;

		base = base != NULL ? base + 1 : t->path;
		n = strlen(base);
		if (n > 4 && strcmp(base + n - 4, ".log") == 0)
			n -= 4;
		name = xstrndup(base, n);
		draft_str(e, "name", found_name(&d->log_names, name, NULL,
		    "log"));
		draft_str(e, "path", t->path);
		free(name);
	}
	draft_list(d, &l);
}
