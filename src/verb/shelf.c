#include "verb/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static bool
no_secret(void *ctx, const char *key, char *out, size_t size)
{
	(void)ctx;
	(void)key;
	(void)out;
	(void)size;
	return false;
}

static void
fill(struct shelves *all, struct shelf *s, const struct site *site)
{
	const struct site_place *at = s->store->at == NULL ? NULL :
	    site_place(site, s->store->at);
	struct place_care care = { .secret = no_secret,
		.cancelled = all->cancelled, .ctx = all->ctx };

	sets_init(&s->sets, s->store->name, s->store->path, site->name);
	s->place = place_open(site_spec(&s->spec, site, at), &care, &s->why);
	s->ok = s->place != NULL && sets_read(&s->sets, s->place,
	    &all->look, &s->why);
	if (s->place != NULL && s->why.kind == ERR_NOTFOUND)
		s->ok = true;		/* nothing was ever stored there */
}

bool
shelves_open(struct shelves *s, const struct site *site, const char *only,
    struct err *e)
{
	for (size_t i = 0; i < site_stores(site); i++) {
		struct shelf *shelf;

		if (only != NULL &&
		    strcmp(site_store_at(site, i)->name, only) != 0)
			continue;
		shelf = xcalloc(1, sizeof *shelf);
		VEC_PUSH(&s->v, shelf);
		shelf->store = site_store_at(site, i);
		fill(s, shelf, site);
	}
	if (s->v.n > 0)
		return true;
	if (only != NULL)
		return site_lacks(site, SITE_STORE, only, e);
	return err_set(e, ERR_USAGE, "the site has no stores");
}

void
shelves_release(struct shelves *s)
{
	for (size_t i = 0; i < s->v.n; i++) {
		sets_release(&s->v.v[i]->sets);
		place_close(s->v.v[i]->place);
		free(s->v.v[i]);
	}
	VEC_RELEASE(&s->v);
}

char *
shelf_dir(const struct shelf *shelf, const struct set *set)
{
	return file_join(shelf->sets.path, set->path);
}

bool
shelf_is(const struct set *set, const char *name)
{
	const char *stamp = strchr(set->path, '/');
	size_t n;

	if (strcmp(set->path, name) == 0)
		return true;
	if (stamp == NULL || strchr(name, '/') != NULL)
		return false;
	stamp++;
	n = strlen(name);	/* "20250214T021000Z" is ".incomplete" too */
	return n > 0 && strncmp(stamp, name, n) == 0 &&
	    (stamp[n] == '\0' || (stamp[n] == '.' &&
	    set->state == SET_INCOMPLETE));
}
