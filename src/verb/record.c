#include <unistd.h>

#include "keeper/keeper.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

int
verb_record(struct cli *c, int argc, char **argv)
{
	const char *incident = NULL, *secrets = NULL;
	bool looks = false;
	const struct opt opts[] = {
		{ "--incident", NULL, &incident, NULL },
		{ "--looks", &looks, NULL, NULL },
		{ "--secrets-fd", NULL, &secrets, NULL },
	};
	struct err e = ERR_INIT;
	struct desk d;
	int status = EXIT_DONE;

	if (!cli_parse(c, argc, argv, opts, 3) ||
	    !cli_words(c, 0, 0, "midwatch record [--incident ID] [--looks]"))
		return EXIT_USAGE;
	if (!secrets_take(secrets, &e))
		return cli_fail(c, &e);
	if (!desk_open(&d, c, &e) ||
	    (incident != NULL && !desk_id_ok(incident, &e)))
		status = cli_fail(c, &e);
	else {
		const struct keeper_want want = {
			.site = d.have_site ? &d.site : NULL,
			.state = &d.state, .incident = incident,
			.version = MIDWATCH_VERSION,
			.read_only = looks,
			.in = STDIN_FILENO, .out = STDOUT_FILENO,
		};

		if (!keeper_serve(&want, &e))
			status = cli_fail(c, &e);
	}
	desk_close(&d);
	return status;
}
