/*
 * The table of probes. A new kind of reading is one line here and one file.
 */
#include "reading/probe.h"

#include <string.h>

extern const struct probe
    probe_database,
    probe_backup,
    probe_disk,
    probe_store,
    probe_sets,
    probe_work,
    probe_schedule,
    probe_service,
    probe_container,
    probe_place,
    probe_ci,
    probe_log,
    probe_access,
    probe_docker,
    probe_kernel;

const struct probe *const probes[] = {
	&probe_database,
	&probe_backup,
	&probe_disk,
	&probe_store,
	&probe_sets,
	&probe_work,
	&probe_schedule,
	&probe_service,
	&probe_container,
	&probe_place,
	&probe_ci,
	&probe_log,
	&probe_access,
	&probe_docker,
	&probe_kernel,
	NULL
};

const struct probe *
probe_find(const char *kind)
{
	for (const struct probe *const *p = probes; *p != NULL; p++)
		if (strcmp((*p)->kind, kind) == 0)
			return *p;
	return NULL;
}
