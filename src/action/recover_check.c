#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "action/recover_intern.h"
#include "condition/secrets.h"

static void
add(struct recover_check *c, const struct recover *r, const char *where,
    bool ok, const char *text)
{
	struct recover_checked *x = VEC_NEW(&c->v);

	x->db = r->ask.db->name;
	x->where = xstrdup(where);
	x->ok = ok;
	x->text = xstrdup(text);
	(void)mask_chars(&r->mask, x->text);
	c->bad += !ok;
}

static void
check_files(struct recover_check *c, struct recover *r)
{
	recover_files_find(r);
	for (size_t i = 0; i < r->files.n; i++) {
		const struct recover_file *f = &r->files.v[i];
		struct err e = ERR_INIT;

		/* beyond those that are named: the site's own, which was tried */
		if (i >= r->ask.db->rotate.update.n)
			continue;
		if (recover_file_prove(r, f, NULL, &e))
			add(c, r, f->spec, true, "logs in");
		else
			add(c, r, f->spec, false, e.msg);
	}
}

void
recover_check(struct recover_check *c, const struct site *site,
    const struct state *state, const struct site_db *db)
{
	struct recover r = { .ask = { .site = site, .state = state, .db = db } };
	struct err e = ERR_INIT, quiet = ERR_INIT;
	struct pg *pg = NULL;
	size_t from = c->v.n;
	const char *bad = NULL;
	enum pg_no no;

	if (recover_start(&r, &e))
		pg = recover_dial(&r, NULL, NULL, &no, &e);
	add(c, &r, "the login", pg != NULL, pg != NULL ? "logs in" : e.msg);
	pg_close(pg);
	if (pg != NULL && db->rotate.line != 0)
		check_files(c, &r);
	for (size_t i = from; i < c->v.n && bad == NULL; i++)
		if (!c->v.v[i].ok)
			bad = c->v.v[i].text;
	(void)secrets_put(state, db->name, bad == NULL, bad != NULL ? bad :
	    "every stored secret logs in", &quiet);
	recover_release(&r);
}

void
recover_check_release(struct recover_check *c)
{
	for (size_t i = 0; i < c->v.n; i++) {
		free(c->v.v[i].where);
		free(c->v.v[i].text);
	}
	VEC_RELEASE(&c->v);
	*c = (struct recover_check){ .bad = 0 };
}
