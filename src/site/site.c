#include "site/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/text.h"
#include "site/schema.h"

/* A detached job opens the file again, from another folder. */
static void
set_path(struct site *s)
{
	const char *slash = strrchr(s->doc.path, '/');
	const char *name = slash != NULL ? slash + 1 : s->doc.path;
	const char *sep = strcmp(s->doc.dir, "/") == 0 ? "" : "/";

	s->path = pool_printf(&s->doc.pool, "%s%s%s", s->doc.dir, sep, name);
}

static bool
finish(struct site *s, bool parsed)
{
	set_path(s);
	if (parsed) {
		sha_of(s->doc.bytes.p, s->doc.bytes.n, s->sha);
		site_check(s);
		conf_sort(&s->doc);
	}
	return parsed && s->doc.problems.n == 0;
}

bool
site_load(struct site *s, const char *path)
{
	memset(s, 0, sizeof *s);
	return finish(s, conf_load(&s->doc, path, &site_schema,
	    &s->file_line));
}

bool
site_parse(struct site *s, const char *path, const void *p, size_t n)
{
	memset(s, 0, sizeof *s);
	return finish(s, conf_parse(&s->doc, path, p, n, &site_schema,
	    &s->file_line));
}

void
site_release(struct site *s)
{
	conf_release(&s->doc);
	memset(s, 0, sizeof *s);
}

/* What cannot be looked at counts as there: opening it will say why. */
static bool
is_there(const char *path)
{
	struct stat st;

	if (path == NULL)
		return false;
	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static const char *
named(const char *path, const char *by, struct buf *out, struct err *e)
{
	buf_clear(out);
	buf_str(out, path);
	if (is_there(path))
		return out->p;
	err_set(e, ERR_USAGE, "there is no site file '%s'", path);
	err_hint(e, "%s names it; correct the path, or make a file with "
	    "'midwatch init'.", by);
	return NULL;
}

const char *
site_find(const char *config_option, struct buf *out, struct err *e)
{
	const char *env = getenv("MIDWATCH_CONFIG"), *home = getenv("HOME");

	if (config_option != NULL)
		return named(config_option, "--config", out, e);
	if (!text_empty(env))
		return named(env, "MIDWATCH_CONFIG", out, e);
	buf_clear(out);
	buf_str(out, "./midwatch.cfg");
	if (is_there(out->p))
		return out->p;
	if (!text_empty(home)) {
		buf_clear(out);
		buf_printf(out, "%s/.config/midwatch/midwatch.cfg", home);
		if (is_there(out->p))
			return out->p;
	}
	buf_clear(out);
	buf_str(out, "/etc/midwatch/midwatch.cfg");
	if (is_there(out->p))
		return out->p;
	err_set(e, ERR_NOTFOUND, "there is no site file");
	err_hint(e, "Name one with --config FILE or $MIDWATCH_CONFIG, or make "
	    "midwatch.cfg here with 'midwatch init'.");
	return NULL;
}

/* Lists: one table of (function, element, member). */
#define LIST(noun, member)						\
size_t									\
site_##noun##s(const struct site *s)					\
{									\
	return s->member.n;						\
}									\
const struct site_##noun *						\
site_##noun##_at(const struct site *s, size_t i)			\
{									\
	const struct site_##noun *v = s->member.v;			\
									\
	return i < s->member.n ? &v[i] : NULL;				\
}
#define LIST_NAMED(noun, member)					\
LIST(noun, member)							\
const struct site_##noun *						\
site_##noun(const struct site *s, const char *name)			\
{									\
	const struct site_##noun *v = s->member.v;			\
									\
	for (size_t i = 0; name != NULL && i < s->member.n; i++)	\
		if (v[i].name != NULL && strcmp(v[i].name, name) == 0)	\
			return &v[i];					\
	return NULL;							\
}

LIST_NAMED(place, places)
LIST(db, databases)
LIST_NAMED(component, components)
LIST_NAMED(store, stores)
LIST_NAMED(disk, disks)
LIST_NAMED(service, services)
LIST_NAMED(log, logs)
LIST(contact, comms.contacts)

const struct site_contact *
site_contact(const struct site *s, const char *who)
{
	for (size_t i = 0; who != NULL && i < site_contacts(s); i++) {
		const struct site_contact *c = site_contact_at(s, i);

		if (c->who != NULL && strcasecmp(c->who, who) == 0)
			return c;
	}
	return NULL;
}

const struct site_db *
site_db(const struct site *s, const char *name)
{
	const struct site_db *v = s->databases.v;

	for (size_t i = 0; name != NULL && i < s->databases.n; i++) {
		if (v[i].name != NULL && strcmp(v[i].name, name) == 0)
			return &v[i];
		if (text_in(name, (const char *const *)v[i].aka.v, v[i].aka.n))
			return &v[i];
	}
	return NULL;
}

bool
site_lacks(const struct site *s, unsigned what, const char *name,
    struct err *e)
{
	VEC(const char *) all = { 0 };
	struct buf list = BUF_INIT;
	const char *near = NULL;

	for (size_t i = 0; what & SITE_DATABASE && i < site_dbs(s); i++)
		VEC_PUSH(&all, site_db_at(s, i)->name);
	for (size_t i = 0; what & SITE_COMPONENT && i < site_components(s); i++)
		VEC_PUSH(&all, site_component_at(s, i)->name);
	for (size_t i = 0; what & SITE_STORE && i < site_stores(s); i++)
		VEC_PUSH(&all, site_store_at(s, i)->name);
	for (size_t i = 0; i < all.n; i++) {
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", all.v[i]);
		if (strcasecmp(all.v[i], name) == 0)
			near = all.v[i];
	}
	if (near == NULL)
		near = text_nearest(name, all.v, all.n);
	err_set(e, ERR_USAGE, "the site has no %s '%s'%s%s%s",
	    what & SITE_STORE ? "store" : what & SITE_COMPONENT ?
	    "database or component" : "database", name, near != NULL ?
	    ", did you mean '" : "", near != NULL ? near : "", near != NULL ?
	    "'?" : "");
	err_hint(e, "It has: %s.", list.n > 0 ? list.p : "none");
	buf_release(&list);
	VEC_RELEASE(&all);
	return false;
}

const char *
site_where(const struct site *s, const char *spec,
    const struct site_place **ret_place)
{
	size_t n = strcspn(spec, ":/");
	const struct site_place *v = s->places.v;

	*ret_place = NULL;
	if (spec[n] != ':')
		return spec;
	for (size_t i = 0; i < s->places.n; i++)
		if (v[i].name != NULL && strlen(v[i].name) == n &&
		    memcmp(v[i].name, spec, n) == 0) {
			*ret_place = &v[i];
			return spec + n + 1;
		}
	return spec;
}
