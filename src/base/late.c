#include "base/late.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

bool
late_load(struct late *lib, struct err *e)
{
	const char *why;

	if (lib->handle == NULL)
		lib->handle = dlopen(lib->file, RTLD_NOW | RTLD_LOCAL);
	if (lib->handle != NULL)
		return true;
	why = dlerror();
	err_set(e, ERR_FAILED, "the library %s cannot be loaded: %s",
	    lib->file, why != NULL ? why : "nobody says why");
	return err_hint(e, "apt-get install %s", lib->package);
}

void
late_find(struct late *lib, const char *name, void (**ret)(void))
{
	struct err e = ERR_INIT;
	void *found = late_load(lib, &e) ? dlsym(lib->handle, name) : NULL;

	/* nobody asked late_load(), or it is not the library it says it is */
	if (found == NULL)
		abort();
	memcpy(ret, &found, sizeof found);
}
