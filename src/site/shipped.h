/*
 * shipped: files that come with midwatch and that a site may have its own copy
 * of (runbooks, the table of alarms), and where they are looked for: beside the
 * site file, in its runbooks/, in runbooks/ beside the executable's parent, then
 * in PREFIX/share/midwatch/runbooks. The site's own come first.
 *
 *	char *path = site_shipped(&site, "alarms.cfg");
 */
#ifndef SITE_SHIPPED_H
#define SITE_SHIPPED_H

#include "site/site.h"

enum { SITE_FOLDERS = 6 };

struct site_folders {
	char *v[SITE_FOLDERS];
	size_t n;
};

/* First one first; site may be NULL. */
void site_folders(struct site_folders *ret, const struct site *site);
void site_folders_release(struct site_folders *f);
/* The first FOLDER/NAME that is a file, NULL: none is. Caller frees. */
char *site_shipped(const struct site *site, const char *name);

#endif
