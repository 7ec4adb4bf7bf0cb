#include "action/escalate.h"

#include <string.h>

#include "action/tell.h"

static bool
in_line(const struct escalate_line *l, const struct site_contact *who)
{
	for (size_t i = 0; i < l->v.n; i++)
		if (l->v.v[i] == who)
			return true;
	return false;
}

static bool
applies(const struct site *site, const struct site_contact *who)
{
	return !who->only_regulated || site->regulated.n > 0;
}

void
escalate_line(const struct site *site, struct escalate_line *ret)
{
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *c = site_contact_at(site, i);

		if (c->next == NULL && c->next_after_ms == 0)
			continue;
		/* whoever is in it already ends a circle */
		for (; c != NULL && !in_line(ret, c) && applies(site, c);
		    c = site_contact(site, c->next))
			VEC_PUSH(&ret->v, c);
	}
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *c = site_contact_at(site, i);

		if (tell_concerns(site, c, SITE_TRIGGER_ESCALATE) &&
		    !in_line(ret, c))
			VEC_PUSH(&ret->v, c);
	}
}

const struct inc_told *
escalate_told(const struct incident *inc, const char *who)
{
	const struct inc_told *last = NULL;

	for (size_t i = 0; i < inc->told.n; i++)
		if (strcmp(inc->told.v[i].who, who) == 0)
			last = &inc->told.v[i];
	return last;
}

static int64_t
told_at(const struct inc_told *t)
{
	return t == NULL ? 0 : t->at != 0 ? t->at : t->since;
}

/* The first who was not told; else the one who has been silent longest. */
static const struct site_contact *
first_free(const struct escalate_line *l, const struct incident *inc,
    bool *again)
{
	const struct site_contact *best = NULL;
	int64_t oldest = INT64_MAX;

	for (size_t i = 0; i < l->v.n; i++) {
		const struct inc_told *t = escalate_told(inc, l->v.v[i]->who);

		if (t != NULL && t->acked != 0)
			continue;
		if (told_at(t) < oldest) {
			oldest = told_at(t);
			best = l->v.v[i];
		}
	}
	*again = best != NULL && oldest > 0;
	return best;
}

bool
escalate_next(const struct site *site, const struct incident *inc,
    struct escalate_next *ret)
{
	struct escalate_line l = { 0 };
	const struct inc_told *t = NULL;

	*ret = (struct escalate_next){ 0 };
	escalate_line(site, &l);
	ret->who = first_free(&l, inc, &ret->again);
	/* the last of those before them that were told */
	for (size_t i = 0; i < l.v.n && !ret->again && l.v.v[i] != ret->who;
	    i++)
		if (escalate_told(inc, l.v.v[i]->who) != NULL)
			ret->after = l.v.v[i];
	t = ret->after != NULL ? escalate_told(inc, ret->after->who) : NULL;
	if (t == NULL || t->acked != 0)
		ret->after = NULL;
	else {
		ret->told_at = told_at(t);
		if (ret->after->next_after_ms > 0)
			ret->due = ret->told_at + ret->after->next_after_ms;
	}
	VEC_RELEASE(&l.v);
	return ret->who != NULL;
}
