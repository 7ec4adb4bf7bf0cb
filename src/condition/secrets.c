#include "condition/secrets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

enum { SECRETS_MAX_BYTES = 1 << 20, TEXT_MAX = 300 };

static json_t *
load(const struct state *state)
{
	char *path = state_path(state, "secrets.json");
	struct buf b = BUF_INIT;
	json_t *o = NULL;

	if (file_read(path, &b, SECRETS_MAX_BYTES, NULL))
		o = json_read(b.p, b.n, NULL);
	buf_release(&b);
	free(path);
	return o;
}

static void
put_one(struct buf *b, const char *db, int64_t at, bool ok, const char *text)
{
	json_comma(b);
	json_open(b);
	json_put_str(b, "db", db);
	json_put_int(b, "at", at);
	json_put_bool(b, "ok", ok);
	json_key(b, "text");
	json_textn(b, text, text_fit(text, strlen(text), TEXT_MAX));
	json_close(b);
}

bool
secrets_put(const struct state *state, const char *db, bool ok,
    const char *text, struct err *e)
{
	char *path = state_path(state, "secrets.json");
	json_t *old = load(state), *one;
	struct buf b = BUF_INIT;
	size_t i;
	bool done;

	json_open(&b);
	json_key(&b, "checks");
	json_open_list(&b);
	json_array_foreach(json_object_get(old, "checks"), i, one) {
		const char *name = json_get_str(one, "db");
		const char *said = json_get_str(one, "text");

		if (name != NULL && strcmp(name, db) != 0)
			put_one(&b, name, json_get_int(one, "at", 0),
			    json_get_bool(one, "ok"), said != NULL ? said :
			    "");
	}
	put_one(&b, db, clock_wall_ms(), ok, text);
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	done = file_replace(path, b.p, b.n, 0660, e);
	buf_release(&b);
	json_decref(old);
	free(path);
	return done;
}

static const json_t *
find(const json_t *all, const char *db)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(all, "checks"), i, one) {
		const char *name = json_get_str(one, "db");

		if (name != NULL && strcmp(name, db) == 0)
			return one;
	}
	return NULL;
}

enum truth
secrets_ask_all(const struct site *site, const struct state *state,
    int64_t now, struct buf *why)
{
	static const char next[] = "'midwatch recover --check' looks";
	json_t *all = load(state);
	enum truth t = TRUTH_YES;
	int64_t oldest = now;
	char age[32];

	for (size_t i = 0; i < site_dbs(site) && t != TRUTH_NO; i++) {
		const char *db = site_db_at(site, i)->name;
		const json_t *one = find(all, db);
		int64_t at = json_get_int(one, "at", 0);
		const char *text = json_get_str(one, "text");

		if (at > 0 && at < oldest)
			oldest = at;
		text_fmt_duration(age, now > at ? now - at : 0);
		if (one != NULL && !json_get_bool(one, "ok")) {
			buf_clear(why);
			buf_printf(why, "%s: %s", db, text != NULL ? text :
			    "not all of its secrets work");
			t = TRUTH_NO;
		} else if (t == TRUTH_YES && (one == NULL ||
		    now - at > SECRETS_OLD_MS)) {
			buf_printf(why, "the secrets of %s were %s%s%s; %s",
			    db, one == NULL ? "never tried" : "last tried ",
			    one == NULL ? "" : age, one == NULL ? "" : " ago",
			    next);
			t = TRUTH_UNKNOWN;
		}
	}
	text_fmt_duration(age, now - oldest);
	if (t == TRUTH_YES)
		buf_printf(why, "every stored secret logged in, %s ago", age);
	json_decref(all);
	return t;
}
