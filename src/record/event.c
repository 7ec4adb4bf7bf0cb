#include "record/event.h"

#include <string.h>

static const struct {
	const char *name, *help;
	bool key;
} kinds[] = {
#define X(id, n, k, h) [EVENT_##id] = { n, h, k },
	EVENT_KINDS(X)
#undef X
	[EVENT_UNKNOWN] = { "unknown", "written by another version", false },
};

enum event_kind
event_kind(const char *name)
{
	for (int k = 0; k < EVENT_UNKNOWN; k++)
		if (strcmp(kinds[k].name, name) == 0)
			return (enum event_kind)k;
	return EVENT_UNKNOWN;
}

const char *
event_name(enum event_kind k)
{
	return kinds[k].name;
}

bool
event_is_key(enum event_kind k)
{
	return kinds[k].key;
}

const char *
event_help(enum event_kind k)
{
	return kinds[k].help;
}
