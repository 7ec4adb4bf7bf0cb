#include "probe/holdings.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"

enum {
	FRESH_MS = 5000,	/* two questions of one round are one read */
	MARGIN_MS = 500,	/* left of a deadline for the answers */
	DIG_MS = 3000,
	LIMIT = 24,		/* manifests a round: older ones come later */
};

static struct {
	VEC(struct holding *) v;
} kept;

static bool
past(void *ctx)
{
	return clock_mono_ms() >= ((const struct holding *)ctx)->until;
}

void
holdings_forget(void)
{
	for (size_t i = 0; i < kept.v.n; i++) {
		place_close(kept.v.v[i]->place);
		sets_release(&kept.v.v[i]->sets);
		free(kept.v.v[i]);
	}
	VEC_RELEASE(&kept.v);
}

static struct holding *
holding_of(struct eye *eye, const struct site_store *store)
{
	struct holding *h;

	for (size_t i = 0; i < kept.v.n; i++)
		if (kept.v.v[i]->store == store)
			return kept.v.v[i];
	h = xcalloc(1, sizeof *h);
	h->store = store;
	sets_init(&h->sets, store->name, store->path, eye->site->name);
	VEC_PUSH(&kept.v, h);
	return h;
}

static void
ask_of(struct eye *eye, const struct holding *h, struct sets_ask *ret)
{
	const struct conf_strs *orphans = &eye->site->backup.orphans;

	*ret = (struct sets_ask){ .deadline_ms = h->enough, .limit = LIMIT,
		.orphans = (const char *const *)orphans->v,
		.n_orphans = orphans->n };
}

static bool
connect_to(struct eye *eye, struct holding *h)
{
	const struct site_place *at = h->store->at == NULL ? NULL :
	    site_place(eye->site, h->store->at);
	struct place_care care = { .secret = secret_find, .cancelled = past,
		.ctx = h, .deadline_ms = h->until };

	if (h->place == NULL)
		h->place = place_open(site_spec(&h->spec, eye->site, at),
		    &care, &h->why);
	return h->place != NULL;
}

/* Whatever broke, the next time begins with a new connection. */
static void
let_go(struct holding *h)
{
	place_close(h->place);
	h->place = NULL;
	if (h->why.kind != ERR_CANCELLED && h->why.kind != ERR_TIMEOUT)
		return;
	err_clear(&h->why);
	err_set(&h->why, ERR_TIMEOUT, "no answer in time");
}

static void
read_one(struct eye *eye, struct holding *h, int64_t until)
{
	struct sets_ask ask;
	int64_t now = clock_mono_ms();

	err_clear(&h->why);
	/* no older set is begun when little time is left for it */
	h->until = until;
	h->enough = now + (until - now) * 2 / 3;
	h->dug = false;
	h->absent = false;
	ask_of(eye, h, &ask);
	h->known = connect_to(eye, h) &&
	    sets_read(&h->sets, h->place, &ask, &h->why);
	if (!h->known && h->place != NULL && h->why.kind == ERR_NOTFOUND)
		h->known = h->absent = true;
	if (!h->known)
		let_go(h);
	h->tried = true;
	h->tried_ms = clock_mono_ms();
}

static bool
due(const struct eye *eye, const struct holding *h)
{
	return !h->tried || (!eye->once && (h->tried_ms <= eye->stirred ||
	    clock_mono_ms() >= h->tried_ms + FRESH_MS));
}

void
holdings_read(struct eye *eye, const struct site_store *only,
    struct holdings *ret)
{
	int64_t end = eye->deadline - MARGIN_MS;
	size_t left = 0, n = only != NULL ? 1 : site_stores(eye->site);
	static struct holding *one;

	for (size_t i = 0; i < n; i++)
		left += due(eye, holding_of(eye, only ? only :
		    site_store_at(eye->site, i)));
	/* stores of this host first: what they leave of their share is more
	 * for those that are far away */
	for (int far = 0; far < 2; far++)
		for (size_t i = 0; i < n; i++) {
			struct holding *h = holding_of(eye, only ? only :
			    site_store_at(eye->site, i));
			int64_t now = clock_mono_ms();

			if ((h->store->at != NULL) != (far != 0) ||
			    !due(eye, h))
				continue;
			/* one may have become due since they were counted */
			read_one(eye, h, now + (end > now ? (end - now) /
			    (int64_t)(left > 0 ? left : 1) : 0));
			left -= left > 0;
		}
	one = only != NULL ? holding_of(eye, only) : NULL;
	*ret = only != NULL ? (struct holdings){ &one, 1 } :
	    (struct holdings){ kept.v.v, kept.v.n };
}

void
holdings_dig(struct eye *eye)
{
	for (size_t i = 0; i < kept.v.n; i++) {
		struct holding *h = kept.v.v[i];
		int64_t now = clock_mono_ms(), end = eye->deadline - MARGIN_MS;
		struct sets_ask ask;

		if (!h->known || h->absent || h->dug || end <= now)
			continue;
		h->until = h->enough = end < now + DIG_MS ? end :
		    now + DIG_MS;
		ask_of(eye, h, &ask);
		sets_dig(&h->sets, h->place, &ask);
		h->dug = true;
	}
}
