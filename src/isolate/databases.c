/* The settings of the servers that are not the defaults, and when they were
 * read or the server was started. */
#include <stdlib.h>
#include <string.h>

#include "backup/way.h"
#include "base/clock.h"
#include "isolate/intern.h"

enum { DB_MS = 6000 };

static const char sql[] =
    "SELECT json_build_object("
    "'started_ms', (extract(epoch FROM pg_postmaster_start_time()) * 1000)"
    "::bigint, "
    "'loaded_ms', (extract(epoch FROM pg_conf_load_time()) * 1000)::bigint, "
    "'pending', (SELECT count(*) FROM pg_settings WHERE pending_restart), "
    "'settings', (SELECT json_object_agg(name, setting || coalesce(' ' || "
    "unit, '') || ' (' || source || ')' ORDER BY name) FROM pg_settings WHERE "
    "source NOT IN ('default', 'override', 'client', 'session') AND name NOT "
    "IN ('primary_conninfo', 'ssl_passphrase_command')))";

static void
keep_settings(struct isolate *i, const struct site_db *db, json_t *answer)
{
	json_t *settings = json_object_get(answer, "settings"), *value;
	char *name = xprintf("db-%s-settings.txt", db->name);
	char *what = xprintf("%s: settings of its server", db->name);
	struct buf text = BUF_INIT;
	const char *key;

	json_object_foreach(settings, key, value) {
		buf_printf(&text, "%s = %s\n", key, json_is_string(value) ?
		    json_string_value(value) : "");
	}
	if (text.n > 0)
		(void)evidence_put(&i->evidence, name, what, text.p, text.n,
		    false);
	buf_release(&text);
	free(name);
	free(what);
}

static void
look_at_database(struct isolate *i, const struct site_db *db)
{
	const struct reading *r = readings_find(&i->readings, "database",
	    db->name);
	int64_t deadline = clock_mono_ms() + DB_MS, loaded, started;
	struct way w = WAY_INIT;
	struct err e = ERR_INIT;
	json_t *answer = NULL;

	/* a login that is refused is not tried again and again */
	if (r == NULL || r->error != NULL ||
	    !json_get_bool(r->data, "can_login"))
		return;
	if (way_open(&w, i->site, db, WAY_LOGIN, deadline, &e))
		answer = way_ask(&w, sql, deadline, &e);
	if (answer == NULL)
		isolate_unseen(i, "%s: settings: %s", db->name, e.msg);
	else {
		keep_settings(i, db, answer);
		loaded = json_get_int(answer, "loaded_ms", 0);
		started = json_get_int(answer, "started_ms", 0);
		if (started >= i->now - DAY_MS)
			isolate_change(i, started, "%s: the server was "
			    "started", db->name);
		if (loaded >= i->now - DAY_MS && loaded > started + 1000)
			isolate_change(i, loaded, "%s: the server read its "
			    "settings again", db->name);
		if (json_get_int(answer, "pending", 0) > 0)
			isolate_change(i, loaded, "%s: settings were changed "
			    "that wait for a restart", db->name);
	}
	json_decref(answer);
	way_close(&w);
}

void
look_at_databases(struct isolate *i)
{
	isolate_doing(i, "the settings of the servers are read");
	for (size_t k = 0; k < site_dbs(i->site); k++)
		if (!isolate_stopped(i))
			look_at_database(i, site_db_at(i->site, k));
}
