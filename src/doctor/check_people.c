/* Whether the webhooks of the site's people would take a message now: as far as
 * their certificates, nothing is sent. */
#include <sys/stat.h>

#include "action/hook.h"
#include "action/web.h"
#include "base/clock.h"
#include "doctor/intern.h"

enum { ONE_MS = 4000 };

/* A webhook's address is its password. */
static void
check_secrecy(struct doctor *d, const struct site *s,
    const struct site_contact *c)
{
	const char *path = c->url != NULL ? s->path : c->url_file;
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & S_IROTH) == 0)
		return;
	doctor_found(d, DOCTOR_WARNING, "webhooks", "everybody here can read "
	    "how %s is told, in '%s'", c->who, path);
	if (c->url != NULL)
		doctor_todo(d, "Put the address into a file of mode 0640 and "
		    "name that with 'url_file' (line %d).", c->line);
	else
		doctor_todo(d, "'chmod o-r %s'; whoever has the address can "
		    "write in your name.", path);
}

static bool
check_reach(struct doctor *d, const struct site *s,
    const struct site_contact *c)
{
	struct hook h = { .url = c->url, .url_file = c->url_file,
	    .ca_file = s->comms.ca_file };
	char why[HOOK_WHY];
	enum hook_end how = hook_try_url(&h, clock_mono_ms() + ONE_MS, why);

	if (how == HOOK_DONE)
		return true;
	doctor_found(d, how == HOOK_LATER ? DOCTOR_WARNING : DOCTOR_ERROR,
	    "webhooks", "%s could not be told: %s", c->who, why);
	if (how == HOOK_LATER)
		doctor_todo(d, "Messages would wait until it can be reached "
		    "(line %d of '%s'); a 'second' way or a phone number "
		    "helps meanwhile.", c->line, s->path);
	else
		doctor_todo(d, "See line %d of '%s'.", c->line, s->path);
	return false;
}

static void
check_one(struct doctor *d, const struct site *s,
    const struct site_contact *c, size_t *n, size_t *good)
{
	if (c->url == NULL && c->url_file == NULL)
		return;
	(*n)++;
	check_secrecy(d, s, c);
	*good += check_reach(d, s, c);
}

void
check_webhooks(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	static char heart[] = "the one who waits for the heartbeat";
	struct site_contact beat = { .who = heart };
	size_t n = 0, good = 0;

	for (size_t i = 0; s != NULL && i < site_contacts(s); i++)
		check_one(d, s, site_contact_at(s, i), &n, &good);
	if (s != NULL) {
		beat.line = s->backup.line;
		beat.url = s->backup.heartbeat_url;
		beat.url_file = s->backup.heartbeat_url_file;
		check_one(d, s, &beat, &n, &good);
	}
	if (n > 0 && good == n)
		doctor_found(d, DOCTOR_OK, "webhooks", "%zu of the site file "
		    "can be reached; nothing was sent", n);
}
