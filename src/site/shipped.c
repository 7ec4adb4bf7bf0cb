#include "site/shipped.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#ifndef MIDWATCH_PREFIX
#define MIDWATCH_PREFIX "/usr/local"
#endif

static void
add(struct site_folders *f, char *path)
{
	if (path != NULL && f->n < SITE_FOLDERS)
		f->v[f->n++] = path;
	else
		free(path);
}

void
site_folders(struct site_folders *ret, const struct site *site)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;

	*ret = (struct site_folders){ .n = 0 };
	if (site != NULL && site->doc.dir != NULL) {
		add(ret, xstrdup(site->doc.dir));
		add(ret, file_join(site->doc.dir, "runbooks"));
	}
	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash != NULL)
			*slash = '\0';
		add(ret, file_join(exe, "../runbooks"));
		add(ret, file_join(exe, "../../runbooks"));
	}
	add(ret, xstrdup(MIDWATCH_PREFIX "/share/midwatch/runbooks"));
}

void
site_folders_release(struct site_folders *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i]);
	f->n = 0;
}

char *
site_shipped(const struct site *site, const char *name)
{
	struct site_folders f;
	char *ret = NULL;

	site_folders(&f, site);
	for (size_t i = 0; i < f.n && ret == NULL; i++) {
		ret = file_join(f.v[i], name);
		if (!file_exists(ret) || file_is_dir(ret)) {
			free(ret);
			ret = NULL;
		}
	}
	site_folders_release(&f);
	return ret;
}
