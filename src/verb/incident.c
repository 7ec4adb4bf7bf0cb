#include <string.h>

#include "base/text.h"
#include "verb/verbs.h"

static const struct { const char *name; verb_fn *run; } subs[] = {
	{ "open", incident_open },
	{ "list", incident_list },
	{ "show", incident_show },
	{ "note", incident_note },
	{ "decide", incident_decide },
	{ "hypothesis", incident_hypothesis },
	{ "pin", incident_pin },
	{ "correct", incident_correct },
	{ "severity", incident_set_severity },
	{ "role", incident_set_role },
	{ "tell", incident_tell },
	{ "notify", incident_notify },
	{ "told", incident_told },
	{ "ack", incident_ack },
	{ "escalate", incident_escalate },
	{ "update", incident_update },
	{ "declare", incident_declare },
	{ "people", incident_people },
	{ "publish", incident_publish },
	{ "resolve", incident_resolve },
	{ "close", incident_close },
};
enum { N_SUBS = sizeof subs / sizeof *subs };

int
verb_incident(struct cli *c, int argc, char **argv)
{
	const char *names[N_SUBS], *near;

	if (argc == 0)
		return incident_show(c, 0, argv);
	for (size_t i = 0; i < N_SUBS; i++) {
		names[i] = subs[i].name;
		if (strcmp(argv[0], subs[i].name) == 0)
			return subs[i].run(c, argc - 1, argv + 1);
	}
	if (argv[0][0] == '-')
		return incident_show(c, argc, argv);
	near = text_nearest(argv[0], names, N_SUBS);
	if (near != NULL)
		return cli_usage("unknown word '%s' after 'incident', did you "
		    "mean '%s'?", argv[0], near);
	return cli_usage("unknown word '%s' after 'incident'; see 'midwatch "
	    "incident --help'", argv[0]);
}
