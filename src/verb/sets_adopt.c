/*
 * `midwatch sets adopt`: takes over dumps that something else made.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backup/adopt.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "record/log.h"
#include "site/spec.h"
#include "verb/follow.h"
#include "verb/verbs.h"

struct adopting {
	struct desk *desk;
	bool unrecorded;		/* said already */
	const struct site *site;
	const struct site_store *store;
	struct site_spec spec;		/* of `at`, as long as that is open */
	struct place *at, *here;	/* here NULL: the store is here */
	struct sets sets;
	struct adopt_ask ask;
	struct adopt_dumps all;
	size_t made, unproven, others, failed;
};

/* The store that was named, the one that the path lies in, or the only one. */
static const struct site_store *
choose(const struct site *site, const char *name, const char *path)
{
	for (size_t i = 0; name == NULL && i < site_stores(site); i++) {
		const struct site_store *s = site_store_at(site, i);
		size_t n = strlen(s->path);

		if (text_starts(path, s->path) && path[n] == '/')
			return s;
	}
	if (name != NULL)
		return site_store(site, name);
	return site_stores(site) == 1 ? site_store_at(site, 0) : NULL;
}

static bool
open_store(struct adopting *a, struct err *e)
{
	struct sets_ask ask = { 0 };
	struct err quiet = ERR_INIT;
	const struct site_place *at = a->store->at == NULL ? NULL :
	    site_place(a->site, a->store->at);

	a->at = place_open(site_spec(&a->spec, a->site, at), NULL, e);
	if (a->at == NULL)
		return err_wrap(e, "%s", a->store->name);
	sets_init(&a->sets, a->store->name, a->store->path, a->site->name);
	/* a store without a folder has no sets, and the rest fails by itself */
	if (!sets_read(&a->sets, a->at, &ask, &quiet) &&
	    quiet.kind != ERR_NOTFOUND) {
		*e = quiet;
		return err_wrap(e, "%s", a->store->name);
	}
	return true;
}

/* As `midwatch sets` shows it (below the store), else at the store's place as
 * it stands, else here. */
static bool
find(struct adopting *a, const char *path, struct err *e)
{
	char *inside = file_join(a->store->path, path);
	struct err why = ERR_INIT;
	bool ok = *path != '/' && adopt_find(&a->all, a->at, inside, &why);

	free(inside);
	a->ask.from = a->at;
	if (!ok && (why.kind == ERR_NONE || why.kind == ERR_NOTFOUND)) {
		why = (struct err)ERR_INIT;
		ok = adopt_find(&a->all, a->at, path, &why);
	}
	if (!ok && why.kind == ERR_NOTFOUND && a->store->at != NULL) {
		why = (struct err)ERR_INIT;
		a->here = a->ask.from = place_open(NULL, NULL, &why);
		ok = a->here != NULL && adopt_find(&a->all, a->here, path,
		    &why);
	}
	if (!ok)
		*e = why;
	return ok;
}

static void
say(const struct adopt_dump *d)
{
	char at[40], size[16];

	if (d->other && !d->asked)
		return;
	text_fmt_size(size, d->size);
	clock_fmt_site(at, d->at);
	if (d->why != NULL)
		cli_out("unproven  %s: %s", d->path, d->why);
	else if (d->was_there)
		cli_out("known     %s: its bytes are in %s", d->path, d->set);
	else
		cli_out("verified  %s: %s of %s, %s, is %s%s", d->path, d->db,
		    at, size, d->set, d->moved ? "; the original is removed" :
		    d->linked ? "; it shares its bytes with the original, "
		    "which must not be written to" : "");
	if (d->why == NULL && d->dbname == NULL && !d->was_there)
		cli_note("  which database it is of was said by %s, not by "
		    "the dump", d->db_from);
}

/* ---- the record ------------------------------------------------------------------ */

static bool
journal(struct adopting *a, const struct adopt_dump *d, const char *text)
{
	struct desk *desk = a->desk;
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok;

	json_open(&data);
	json_put_str(&data, "source", "sets adopt");
	json_put_str(&data, "store", a->store->name);
	json_put_str(&data, "path", d->path);
	json_put_str(&data, "sha256", d->sha256);
	json_put_str(&data, "database", d->db);
	json_put_str(&data, "set", d->set);
	json_put_str(&data, "why", d->why);
	json_put_bool(&data, "linked", d->linked);
	json_put_bool(&data, "moved", d->moved);
	json_close(&data);
	ok = desk->have_inc ? incident_say(&desk->inc, EVENT_EVIDENCE, NULL,
	    text, data.p, &e) : log_say(&desk->state, EVENT_EVIDENCE, text,
	    data.p, &e);
	if (!ok && !a->unrecorded)
		cli_note("the journal cannot be written (%s)", e.msg);
	a->unrecorded = a->unrecorded || !ok;
	buf_release(&data);
	return ok;
}

/* What is to be removed is recorded before; what cannot be recorded stays. */
static void
announce(struct adopting *a, const struct adopt_dump *d)
{
	char *text = xprintf("sets adopt: %s becomes a set of %s%s", d->path,
	    d->db != NULL ? d->db : "?", a->ask.move ? ", and is removed "
	    "once that has its name" : "");

	if (!journal(a, d, text) && a->ask.move) {
		a->ask.move = false;
		cli_note("nothing is removed without a record of it: the "
		    "originals stay");
	}
	free(text);
}

static void
record(struct adopting *a, const struct adopt_dump *d)
{
	char *text;

	if (d->other && !d->asked)
		return;
	if (d->why != NULL)
		text = xprintf("sets adopt: %s stays unproven: %s", d->path,
		    d->why);
	else if (d->was_there)
		text = xprintf("sets adopt: %s is known as %s", d->path,
		    d->set);
	else
		text = xprintf("sets adopt: %s of %s is verified as %s%s",
		    d->path, d->db, d->set, d->moved ? "; the original is "
		    "removed" : "");
	(void)journal(a, d, text);
	free(text);
}

static void
take(struct adopting *a, struct adopt_dump *d)
{
	struct err e = ERR_INIT;
	bool read = adopt_read(d, &a->ask);

	if (read)
		announce(a, d);
	if (d->other && !d->asked)
		a->others++;
	else if (!read)
		a->unproven++;
	else if (adopt_make(d, &a->ask, &e))
		a->made++;
	else {
		a->failed++;
		free(d->why);
		d->why = e.hint[0] == '\0' ? xstrdup(e.msg) :
		    xprintf("%s. %s", e.msg, e.hint);
	}
}

static void
put_dump(struct buf *b, const struct adopt_dump *d)
{
	char at[32];

	json_comma(b);
	json_open(b);
	json_put_str(b, "path", d->path);
	json_put_str(b, "format", adopt_form_name(d->form));
	json_put_bool(b, "gzip", d->packed);
	json_put_int(b, "size", d->size);
	json_put_str(b, "sha256", d->sha256);
	clock_fmt_utc(at, d->at);
	json_put_str(b, "at", at);
	json_put_str(b, "database", d->db);
	json_put_str(b, "named_by", d->db != NULL ? d->db_from : NULL);
	json_put_str(b, "server_version", d->server_version);
	json_put_str(b, "truth", proven_name(d->why == NULL ? PROVEN_VERIFIED :
	    PROVEN_NOT));
	json_put_str(b, "why", d->why);
	json_put_str(b, "set", d->set);
	json_put_bool(b, "known", d->was_there);
	json_put_bool(b, "linked", d->linked);
	json_put_bool(b, "moved", d->moved);
	json_close(b);
}

static void
say_json(const struct adopting *a)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_bool(&b, "ok", a->made > 0 && a->unproven + a->failed == 0);
	json_put_str(&b, "store", a->store->name);
	json_key(&b, "dumps");
	json_open_list(&b);
	for (size_t i = 0; i < a->all.v.n; i++)
		if (!a->all.v.v[i].other || a->all.v.v[i].asked)
			put_dump(&b, &a->all.v.v[i]);
	json_close_list(&b);
	json_put_int(&b, "other_files", (int64_t)a->others);
	json_close(&b);
	buf_ch(&b, '\n');
	cli_raw(b.p, b.n);
	buf_release(&b);
}

static int
adopt(struct adopting *a, struct cli *c, const char *path)
{
	struct err e = ERR_INIT;

	if (!open_store(a, &e) || !find(a, path, &e))
		return cli_fail(c, &e);
	a->ask.to = a->at;
	a->ask.store = a->store->path;
	a->ask.sets = &a->sets;
	for (size_t i = 0; i < a->all.v.n; i++) {
		take(a, &a->all.v.v[i]);
		record(a, &a->all.v.v[i]);
		if (!c->json)
			say(&a->all.v.v[i]);
	}
	if (c->json)
		say_json(a);
	else if (a->made + a->unproven + a->failed == 0)
		cli_note("there is no dump of a database in '%s'", path);
	if (a->others > 0)
		cli_note("%zu other %s no dumps, and stay as they are",
		    a->others, a->others == 1 ? "file is" : "files are");
	if (a->all.more > 0)
		cli_note("%zu more files were not looked at", a->all.more);
	return a->made > 0 && a->unproven + a->failed + a->all.more == 0 ?
	    EXIT_DONE : EXIT_FAILED;
}

int
sets_adopt(struct cli *c, int argc, char **argv)
{
	struct adopting a = { .site = NULL };
	const char *store = NULL, *db = NULL;
	const struct opt opts[] = { { "--store", NULL, &store, NULL },
		{ "--db", NULL, &db, NULL },
		{ "--move", &a.ask.move, NULL, NULL } };
	struct err e = ERR_INIT;
	struct desk d;
	int status;

	if (!cli_parse(c, argc, argv, opts, 3) || !cli_words(c, 1, 1,
	    "midwatch sets adopt PATH [--store NAME] [--db NAME] [--move]"))
		return EXIT_USAGE;
	if (!desk_open(&d, c, &e))
		status = cli_fail(c, &e);
	else if (!d.have_site)
		status = cli_usage("there is no site file to look by; "
		    "'midwatch init' writes one");
	else if (db != NULL && site_db(&d.site, db) == NULL)
		status = cli_usage("--db: '%s' is no database of the site", db);
	else if ((a.store = choose(&d.site, store, c->words.v[0])) == NULL)
		status = store != NULL ? cli_usage("--store: '%s' is no store "
		    "of the site", store) : cli_usage("say with --store into "
		    "which store it is to go");
	else {
		a.desk = &d;
		follow_incident(&d);
		a.site = a.ask.site = &d.site;
		a.ask.db = db;
		a.ask.now = clock_wall_ms();
		status = adopt(&a, c, c->words.v[0]);
	}
	adopt_release(&a.all);
	sets_release(&a.sets);
	place_close(a.at);
	place_close(a.here);
	desk_close(&d);
	return status;
}
