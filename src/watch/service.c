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
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "watch/probe.h"

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

/* The first line with anything in it, of at most 200 bytes. */
static bool
first_line(const struct buf *from, struct buf *out)
{
	const char *s = from->n > 0 ? from->p : "", *end = s + from->n;

	while (s < end && (*s == '\n' || *s == ' ' || *s == '\t' || *s == '\r'))
		s++;
	if (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((nl ? nl : end) - s);

		buf_add(out, s, text_fit(s, n, 200));
		while (out->n > 0 && strchr(" \t\r", out->p[out->n - 1]))
			buf_cut(out, out->n - 1);
	}
	/* what C strings cannot hold is not worth more */
	if (out->n > 0)
		buf_cut(out, strlen(out->p));
	return out->n > 0;
}

static void
service_read(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_service *s = t->row;
	struct place_ran ran = PLACE_RAN_INIT;
	struct buf said = BUF_INIT;
	struct err e = ERR_INIT;
	int code;

	if (!eye_command(eye, t, &s->check, &ran, &e)) {
		reading_fail(r, &e);
		goto out;
	}
	code = ran.exit.code;
	if (!first_line(&ran.errout, &said))
		(void)first_line(&ran.out, &said);
	if (code == 126 || code == 127) {
		err_set(&e, ERR_FAILED, "its check cannot run: exit %d%s%s",
		    code, said.n > 0 ? ": " : "", said.p);
		err_hint(&e, "correct the check in the site file, or install"
		    " what it calls");
		reading_fail(r, &e);
		goto out;
	}
	reading_str(r, "place", s->at);
	reading_bool(r, "up", code == 0);
	reading_int(r, "exit", code);
	if (said.n > 0)
		reading_str(r, "said", said.p);
	if (code == 0)
		reading_say(r, LEVEL_OK, NULL, "up");
	else
		reading_say(r, LEVEL_CRITICAL, "look at its own log before it is"
		    " started again", "down: its check ended with exit %d%s%s",
		    code, said.n > 0 ? ": " : "", said.p);
out:
	place_ran_release(&ran);
	buf_release(&said);
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
