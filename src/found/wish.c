/* What init would do without being asked, and which answers can stand. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "found/intern.h"
#include "site/site.h"

enum { NIGHTLY = 2 * 60, HOSTS_TAKEN = 16 };

static const char state_dir[] = "/var/lib/midwatch";

/* ---- answers ------------------------------------------------------------------ */

/* What the site file itself says to one entry. */
bool
found_stands(const char *path, const char *text, struct buf *why)
{
	struct site s = { 0 };
	bool ok = site_parse(&s, path, text, strlen(text));
	const char *t, *colon;

	if (!ok && s.doc.problems.n > 0) {
		t = s.doc.problems.v[0].text;
		/* file:line: key: what is wrong */
		if (text_starts(t, path) && (colon = strstr(t + strlen(path),
		    ": ")) != NULL)
			t = colon + 2;
		buf_clear(why);
		buf_str(why, t);
	}
	site_release(&s);
	return ok;
}

void
found_refuse_name(const char *name, struct buf *why)
{
	buf_clear(why);
	if (!text_is_name(name))
		buf_str(why, "a name is made of letters, digits, '_', '.' and "
		    "'-', and begins with a letter or digit");
}

void
found_refuse_environment(const char *word, struct buf *why)
{
	buf_clear(why);
	if (text_empty(word) || strpbrk(word, " \t") != NULL)
		buf_str(why, "it is one word, like production, staging, test");
}

static const struct found_thing *
host_named(const struct found *f, const char *name, size_t n)
{
	for (size_t i = 0; i < f->things.n; i++) {
		const struct found_thing *t = &f->things.v[i];

		if (t->kind == FOUND_HOST && strlen(t->name) == n &&
		    memcmp(t->name, name, n) == 0)
			return t;
	}
	return NULL;
}

const char *
found_store_host(const struct found *f, const char *store,
    const struct found_thing **ret)
{
	size_t n = strcspn(store, ":/");

	*ret = NULL;
	if (store[n] != ':')
		return store;
	*ret = host_named(f, store, n);
	return store + n + 1;
}

static void
refuse_path(const char *folder, struct buf *why)
{
	struct buf text = BUF_INIT;
	const char *said;

	buf_str(&text, "site = { name = \"x\"; };\nstores = ( { name = "
	    "\"x\"; path = ");
	found_quote(&text, folder);
	buf_str(&text, "; } );\n");
	if (!found_stands("answer", text.p, why)) {
		said = strstr(why->p, ": ");	/* stores[0].path: … */
		if (said != NULL && text_starts(why->p, "stores"))
			buf_drop(why, (size_t)(said + 2 - why->p));
	}
	buf_release(&text);
}

void
found_refuse_store(const struct found *f, const char *store, struct buf *why)
{
	const struct found_thing *host;
	const char *folder = found_store_host(f, store, &host);

	buf_clear(why);
	if (folder != store && host == NULL)
		buf_printf(why, "the SSH configuration has no host '%.*s'",
		    (int)strcspn(store, ":"), store);
	else if (text_empty(folder))
		buf_str(why, "a folder is needed");
	else
		refuse_path(folder, why);
}

bool
found_clock(const char *text, int *ret_minutes)
{
	int64_t hour, minute;
	char h[3] = "";
	size_t n = strspn(text, "0123456789");

	if (n < 1 || n > 2 || text[n] != ':' || strlen(text + n) != 3 ||
	    strspn(text + n + 1, "0123456789") != 2)
		return false;
	memcpy(h, text, n);
	if (!text_int(h, 0, 23, &hour) || !text_int(text + n + 1, 0, 59,
	    &minute))
		return false;
	*ret_minutes = (int)(hour * 60 + minute);
	return true;
}

/* ---- defaults ------------------------------------------------------------------- */

const struct found_thing *
found_disk_of(const struct found *f, const char *path)
{
	const struct found_thing *best = NULL;
	size_t length = 0;

	for (size_t i = 0; path != NULL && i < f->things.n; i++) {
		const struct found_thing *t = &f->things.v[i];
		size_t n;

		if (t->kind != FOUND_DISK)
			continue;
		n = strlen(t->path);
		if (n == 1 || (strncmp(path, t->path, n) == 0 &&
		    (path[n] == '/' || path[n] == '\0')))
			if (best == NULL || n > length) {
				best = t;
				length = n;
			}
	}
	return best;
}

bool
found_with_data(const struct found *f, const struct found_thing *disk)
{
	for (size_t i = 0; disk != NULL && i < f->things.n; i++) {
		const struct found_thing *t = &f->things.v[i];

		if ((t->kind == FOUND_SERVER || t->kind == FOUND_CONTAINER) &&
		    found_disk_of(f, t->path) == disk)
			return true;
	}
	return false;
}

static const char *
guess_environment(const char *host)
{
	static const struct { const char *part, *word; } guesses[] = {
		{ "prod", "production" }, { "prd", "production" },
		{ "stag", "staging" }, { "stg", "staging" },
		{ "test", "test" }, { "dev", "test" }, { "tst", "test" },
		{ "sandbox", "test" },
	};

	for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++)
		if (strcasestr(host, guesses[i].part) != NULL)
			return guesses[i].word;
	return "production";
}

/* Where dumps are already, where room is made for them, on another disk than
 * the data. */
static int
worth(const struct found *f, const struct found_thing *t)
{
	const struct found_thing *disk = found_disk_of(f, t->path);

	if (!t->ok || t->free == 0)
		return -1;
	return (t->strong ? 4 : 0) + (disk != NULL &&
	    !found_with_data(f, disk) ? 2 : 0) +
	    (strcmp(t->path, "/var/backups") == 0 ? 0 : 1);
}

static void
wish_store(struct found *f, struct found_wish *w)
{
	const struct found_thing *best = NULL;
	int most = -1;

	for (size_t i = 0; i < f->things.n; i++) {
		const struct found_thing *t = &f->things.v[i];

		if (t->kind == FOUND_FOLDER && worth(f, t) > most) {
			most = worth(f, t);
			best = t;
		}
	}
	if (best == NULL) {
		w->store = "backups";
		w->store_why = "beside this file; no folder for backups was "
		    "found that this user may write to";
		return;
	}
	w->store = text_starts(best->path + strlen(best->path) -
	    (strlen(best->path) > 9 ? 9 : 0), "/midwatch") ? best->path :
	    pool_printf(&f->pool, "%s/midwatch", best->path);
	if (best->text != NULL)
		w->store_why = pool_printf(&f->pool, "'%s' has %s", best->path,
		    best->text);
}

/* The surest of the jobs that run. */
static void
wish_nightly(struct found *f, struct found_wish *w)
{
	const struct found_thing *best = NULL;
	int minutes;

	w->nightly = NIGHTLY;
	for (size_t i = 0; i < f->things.n; i++) {
		const struct found_thing *t = &f->things.v[i];

		if (t->kind == FOUND_JOB && t->ok && t->when != NULL &&
		    found_clock(t->when, &minutes) &&
		    (best == NULL || t->strong > best->strong)) {
			best = t;
			w->nightly = minutes;
		}
	}
	if (best != NULL)
		w->nightly_why = pool_printf(&f->pool, "when %s runs (%s)",
		    best->name, best->text);
}

bool
found_host_fits(const struct found_thing *host)
{
	return host->why == NULL && (host->user == NULL ||
	    strcmp(host->user, "git") != 0);
}

void
found_wish(struct found *f, struct found_wish *w)
{
	struct found_names none = { 0 };

	memset(w, 0, sizeof *w);
	w->name = found_str(f, found_name(&none, f->host_name, NULL, "site"));
	found_names_release(&none);
	w->environment = guess_environment(f->host_name);
	if (access(state_dir, W_OK) == 0 ||
	    (geteuid() == 0 && !file_exists(state_dir)))
		w->state = state_dir;
	wish_store(f, w);
	wish_nightly(f, w);
	for (size_t i = 0; i < f->things.n && w->hosts.n < HOSTS_TAKEN; i++)
		if (f->things.v[i].kind == FOUND_HOST &&
		    found_host_fits(&f->things.v[i]))
			VEC_PUSH(&w->hosts, f->things.v[i].name);
}

void
found_wish_release(struct found_wish *w)
{
	VEC_RELEASE(&w->hosts);
}
