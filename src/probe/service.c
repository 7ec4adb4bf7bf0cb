/*
 * service: what the checks of the site say. Exit 0 is up, anything else down,
 * and its first words say why; a check that cannot be run (126, 127) says
 * neither. The command itself is no fact: there may be a password in it.
 *
 * data:
 *	place		its name; left out: here
 *	up
 *	exit		its exit status; 128 + the signal that ended it
 *	said		the first line that it wrote, of its complaints before
 *			its output
 */
#include "reading/probe.h"
#include "probe/said.h"

static size_t
service_count(const struct site *site)
{
	return site_services(site);
}

static void
service_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_service *s = site_service_at(site, i);

	ret->name = s->name;
	ret->at = s->at ? site_place(site, s->at) : NULL;
	ret->row = s;
}

static void
service_read(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_service *s = t->row;
	struct place_ran ran = PLACE_RAN_INIT;
	char said[SAID_MAX];
	struct err e = ERR_INIT;
	int code;

	if (!eye_command(eye, t, &s->check, &ran, &e)) {
		if (e.kind == ERR_TIMEOUT) {
			err_clear(&e);
			err_set(&e, ERR_TIMEOUT, "its check did not end in"
			    " time, and was ended");
			err_hint(&e, "see whether the service hangs; a check"
			    " needs a limit of its own (curl -m 3)");
		}
		reading_fail(r, &e);
		goto out;
	}
	code = ran.exit.code;
	said_line(said, ran.errout.p, ran.errout.n);
	if (*said == '\0')
		said_line(said, ran.out.p, ran.out.n);
	if (code == 126 || code == 127) {
		err_set(&e, ERR_FAILED, "its check cannot run: exit %d%s%s",
		    code, *said ? ": " : "", said);
		err_hint(&e, "correct the check in the site file, or install"
		    " what it calls");
		reading_fail(r, &e);
		goto out;
	}
	reading_str(r, "place", s->at);
	reading_bool(r, "up", code == 0);
	reading_int(r, "exit", code);
	if (*said != '\0')
		reading_str(r, "said", said);
	if (code == 0)
		reading_say(r, LEVEL_OK, NULL, "up");
	else
		reading_say(r, LEVEL_CRITICAL, "look at its own log before it is"
		    " started again", "down: its check ended with exit %d%s%s",
		    code, *said ? ": " : "", said);
out:
	place_ran_release(&ran);
}

const struct probe probe_service = {
	.kind = "service",
	.what = "what the checks of the site's services say",
	.every_ms = 15000,
	.deadline_ms = 5000,
	.count = service_count,
	.target = service_target,
	.read = service_read,
	.alone = true,
};
