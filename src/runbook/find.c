#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sha.h"
#include "base/text.h"
#include "base/vec.h"
#include "runbook/intern.h"
#include "site/shipped.h"

enum { NAME_LIMIT = 200 };

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static bool
is_path(const char *name)
{
	return strchr(name, '/') != NULL || ends_in(name, ".cfg");
}

static bool
name_ok(const char *name, struct err *e)
{
	bool path = is_path(name);
	bool ok = *name != '\0' && *name != '-' && strlen(name) < NAME_LIMIT *
	    (path ? 16 : 1);

	for (const char *s = name; *s != '\0' && ok; s++)
		ok = path ? !iscntrl((unsigned char)*s) :
		    isalnum((unsigned char)*s) || *s == '-' || *s == '_' ||
		    (*s == '.' && s > name && s[1] != '.');
	if (ok)
		return true;
	err_set(e, ERR_USAGE, "'%s' is not a name of a runbook", name);
	return err_hint(e, "Give a name of letters, digits, '-' and '_', or the "
	    "path of a file.");
}

/* A name that is there and looks like the one that was meant. */
static char *
nearest(const struct site_folders *f, const char *name)
{
	VEC(char *) known = { 0 };
	const char *near;
	char *ret = NULL;

	for (size_t i = 0; i < f->n; i++) {
		DIR *d = opendir(f->v[i]);
		struct dirent *de;

		while (d != NULL && (de = readdir(d)) != NULL)
			if (ends_in(de->d_name, ".cfg") &&
			    strcmp(de->d_name, "alarms.cfg") != 0 &&
			    strcmp(de->d_name, "midwatch.cfg") != 0)
				VEC_PUSH(&known, xstrndup(de->d_name,
				    strlen(de->d_name) - 4));
		if (d != NULL)
			(void)closedir(d);
	}
	near = known.n ? text_nearest(name, (const char *const *)known.v,
	    known.n) : NULL;
	if (near != NULL)
		ret = xstrdup(near);
	for (size_t i = 0; i < known.n; i++)
		free(known.v[i]);
	VEC_RELEASE(&known);
	return ret;
}

static char *
not_there(const char *name, const struct site_folders *f, struct err *e)
{
	char *near = nearest(f, name);
	struct buf where = BUF_INIT;

	for (size_t i = 0; i < f->n; i++)
		buf_printf(&where, "%s%s", i ? ", " : "", f->v[i]);
	if (near != NULL)
		err_set(e, ERR_NOTFOUND, "there is no runbook '%s', did you "
		    "mean '%s'?", name, near);
	else
		err_set(e, ERR_NOTFOUND, "there is no runbook '%s'", name);
	err_hint(e, "Looked in %s.", where.p);
	free(near);
	buf_release(&where);
	return NULL;
}

static char *
find_path(const char *name, const struct site *site, struct err *e)
{
	char *path;

	if (file_exists(name))
		return xstrdup(name);
	if (name[0] != '/' && site != NULL && site->doc.dir != NULL) {
		path = file_join(site->doc.dir, name);
		if (file_exists(path))
			return path;
		free(path);
	}
	err_set(e, ERR_NOTFOUND, "there is no runbook '%s'", name);
	if (strchr(name, '/') == NULL)
		err_hint(e, "A name that ends in .cfg is a file here or beside "
		    "the site file; without .cfg it is looked for everywhere.");
	return NULL;
}

char *
runbook_find(const char *name, const struct site *site, struct err *e)
{
	struct site_folders f;
	char *file, *ret;

	if (!name_ok(name, e))
		return NULL;
	if (is_path(name))
		return find_path(name, site, e);
	file = xprintf("%s.cfg", name);
	ret = site_shipped(site, file);
	free(file);
	if (ret == NULL) {
		site_folders(&f, site);
		not_there(name, &f, e);
		site_folders_release(&f);
	}
	return ret;
}

char *
runbook_newer(const struct runbook *copy, const char *name,
    const struct site *site)
{
	char *path = name != NULL ? runbook_find(name, site, NULL) : NULL;
	char sha[SHA_HEX];

	if (path != NULL && sha_of_file(path, sha, NULL, NULL) &&
	    strcmp(sha, copy->sha) != 0)
		return path;
	free(path);
	return NULL;
}
