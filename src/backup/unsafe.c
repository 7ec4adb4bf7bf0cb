#include "backup/unsafe.h"

#include <stdlib.h>
#include <string.h>

#include "backup/sizes.h"
#include "base/clock.h"
#include "site/spec.h"

enum { STORE_MS = 60000, SLACK_MS = 600000, NAMES_MAX = 32 };

/* What one store has of each; newest[] is by the order of the site. */
static void
read_store(struct unsafe *u, const struct site *site,
    const struct site_store *store, int64_t *newest,
    const struct place_care *given)
{
	struct place_care care = *given;
	struct sets_ask ask = { .deadline_ms = clock_mono_ms() + STORE_MS };
	struct site_spec spec;
	struct sets s = { 0 };
	struct err e = ERR_INIT;
	struct place *p = place_open(site_spec(&spec, site, store->at != NULL ?
	    site_place(site, store->at) : NULL), &care, &e);
	int64_t now = clock_wall_ms() + SLACK_MS;
	size_t dbs = site_dbs(site), n = dbs + site_components(site);

	sets_init(&s, store->name, store->path, site->name);
	if (p == NULL || (!sets_read(&s, p, &ask, &e) &&
	    e.kind != ERR_NOTFOUND))
		buf_printf(&u->unread, "%s%s: %s", u->unread.n ? "; " : "",
		    store->name, e.msg);
	for (size_t i = 0; i < n; i++) {
		const struct site_db *db = i < dbs ? site_db_at(site, i) : NULL;
		const char *names[NAMES_MAX] = { db != NULL ? db->name :
			site_component_at(site, i - dbs)->name };
		size_t k = 1;
		struct set_copy c;

		while (db != NULL && k - 1 < db->aka.n && k < NAMES_MAX) {
			names[k] = db->aka.v[k - 1];
			k++;
		}
		c = sets_newest(&s, names, k, PROVEN_VERIFIED, now);
		if (c.set != NULL && c.set->at > newest[i])
			newest[i] = c.set->at;
	}
	place_close(p);
	sets_release(&s);
}

static int
worst_first(const void *a, const void *b)
{
	const struct unsafe_one *x = a, *y = b;

	if (x->is_db != y->is_db)
		return x->is_db ? -1 : 1;
	if (x->newest != y->newest)
		return x->newest < y->newest ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int64_t
usual_time(const struct state *state, const char *name)
{
	struct sizes s = { 0 };
	struct size_base base = { .took_ms = -1 };
	struct err quiet = ERR_INIT;

	if (state != NULL && sizes_read(&s, state, name, &quiet))
		sizes_base(&s, clock_wall_ms(), &base);
	sizes_release(&s);
	return base.n > 0 ? base.took_ms : -1;
}

void
unsafe_find(struct unsafe *u, const struct site *site,
    const struct state *state, int64_t since, bool (*cancelled)(void *ctx),
    void *ctx)
{
	struct place_care care = { .cancelled = cancelled, .ctx = ctx };
	size_t dbs = site_dbs(site), n = dbs + site_components(site);
	int64_t *newest = xcalloc(n + 1, sizeof *newest);

	*u = (struct unsafe){ .unread = BUF_INIT };
	for (size_t i = 0; i < site_stores(site); i++)
		read_store(u, site, site_store_at(site, i), newest, &care);
	for (size_t i = 0; i < n; i++) {
		const char *name = i < dbs ? site_db_at(site, i)->name :
		    site_component_at(site, i - dbs)->name;

		if (newest[i] >= since && newest[i] != 0)
			u->safe++;
		else
			VEC_PUSH(&u->v, ((struct unsafe_one){ name, i < dbs,
			    newest[i], usual_time(state, name) }));
	}
	if (u->v.n > 1)
		qsort(u->v.v, u->v.n, sizeof *u->v.v, worst_first);
	free(newest);
}

void
unsafe_release(struct unsafe *u)
{
	VEC_RELEASE(&u->v);
	buf_release(&u->unread);
}
