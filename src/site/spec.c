#include "site/spec.h"

#include <stdio.h>

/* A default would hide what ~/.ssh/config says. */
static int
stated_port(const struct site *site, const struct site_place *place)
{
	char where[64];

	snprintf(where, sizeof where, "places[%zu].port",
	    (size_t)(place - site_place_at(site, 0)));
	return conf_line(&site->doc, where) > 0 ? (int)place->port : 0;
}

static void
one(struct place_spec *to, const struct site *site, const struct site_place *p)
{
	*to = (struct place_spec){ .name = p->name };
	if (p->container != NULL) {
		to->container = p->container;
		to->runtime = p->runtime == SITE_PODMAN ? "podman" : "docker";
		return;
	}
	to->user = p->ssh_user;
	to->host = p->ssh_host;
	to->port = stated_port(site, p);
	to->identity = p->identity;
	to->known_hosts = p->known_hosts;
}

const struct place_spec *
site_spec(struct site_spec *s, const struct site *site,
    const struct site_place *place)
{
	s->n = 0;
	while (place != NULL && s->n < SITE_SPEC_DEPTH) {
		struct place_spec *to = &s->v[s->n++];

		one(to, site, place);
		if (s->n > 1 && to[-1].container != NULL)
			to[-1].at = to;
		else if (s->n > 1)
			to[-1].via = to;
		place = site_place(site, place->via != NULL ? place->via :
		    place->at);
	}
	return s->n > 0 ? &s->v[0] : NULL;
}
