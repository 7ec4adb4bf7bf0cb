/* Whom the site file names, how they are reached, and what they know. */
#include <string.h>

#include "action/escalate.h"
#include "action/queue.h"
#include "action/web.h"
#include "base/clock.h"
#include "base/json.h"
#include "verb/verbs.h"

/* "hook, webhook https://hooks.example/..., second hook", "by hand". */
static void
ways(const struct site_contact *c, struct buf *out)
{
	if (c->tell.v != NULL)
		buf_str(out, "hook");
	if (c->url != NULL || c->url_file != NULL) {
		buf_printf(out, "%swebhook ", out->n > 0 ? ", " : "");
		if (c->url != NULL)
			web_mask(out, c->url);
		else
			buf_printf(out, "in %s", c->url_file);
	}
	if (c->second.v != NULL)
		buf_printf(out, "%ssecond hook", out->n > 0 ? ", " : "");
	if (out->n == 0)
		buf_str(out, "by hand");
}

static void
knows(const struct desk *d, const struct site_contact *c, struct buf *out)
{
	char at[16];

	for (size_t i = 0; i < d->inc.told.n; i++) {
		const struct inc_told *t = &d->inc.told.v[i];

		if (strcmp(t->who, c->who) != 0)
			continue;
		clock_fmt_short(at, t->at != 0 ? t->at : t->since);
		buf_printf(out, "%s%s %s%s", out->n > 0 ? ", " : "", t->trigger,
		    t->at == 0 ? "TO TELL since " : "", at);
		if (t->acked != 0) {
			clock_fmt_short(at, t->acked);
			buf_printf(out, " (answered %s)", at);
		}
	}
}

static void
say_one(const struct desk *d, const struct site_contact *c)
{
	struct buf how = BUF_INIT, on = BUF_INIT, told = BUF_INIT;
	bool leaves_out = c->only_regulated && d->site.regulated.n == 0;

	ways(c, &how);
	for (size_t k = 0; k < c->on.n; k++)
		buf_printf(&on, "%s%s", k > 0 ? ", " : "", c->on.v[k]);
	knows(d, c, &told);
	cli_out("%s%s%s%s%s", c->who, c->role != NULL ? ", " : "",
	    c->role != NULL ? c->role : "", c->phone != NULL ? "  " : "",
	    c->phone != NULL ? c->phone : "");
	cli_out("    on %s%s: %s", on.p, leaves_out ? " (never: no regulation "
	    "is named for this site)" : "", how.p);
	if (told.n > 0)
		cli_out("    told of %s", told.p);
	buf_release(&how);
	buf_release(&on);
	buf_release(&told);
}

static void
json_one(const struct desk *d, const struct site_contact *c, struct buf *b)
{
	struct buf how = BUF_INIT;
	char at[32];

	ways(c, &how);
	json_comma(b);
	json_open(b);
	json_put_str(b, "who", c->who);
	json_put_str(b, "role", c->role);
	json_put_str(b, "phone", c->phone);
	json_put_str(b, "channel", how.p);
	json_put_str(b, "next", c->next);
	if (c->next_after_ms > 0)
		json_put_int(b, "next_after_ms", c->next_after_ms);
	json_put_bool(b, "only_regulated", c->only_regulated);
	json_key(b, "on");
	json_open_list(b);
	for (size_t k = 0; k < c->on.n; k++) {
		json_comma(b);
		json_text(b, c->on.v[k]);
	}
	json_close_list(b);
	json_put_int(b, "queued", (int64_t)queue_count(&d->state, c->who));
	json_key(b, "told");
	json_open_list(b);
	for (size_t i = 0; i < d->inc.told.n; i++) {
		const struct inc_told *t = &d->inc.told.v[i];

		if (strcmp(t->who, c->who) != 0)
			continue;
		json_comma(b);
		json_open(b);
		json_put_str(b, "trigger", t->trigger);
		json_put_bool(b, "done", t->at != 0);
		clock_fmt_utc(at, t->at != 0 ? t->at : t->since);
		json_put_str(b, t->at != 0 ? "at" : "since", at);
		clock_fmt_utc(at, t->acked);
		json_put_str(b, "answered", t->acked != 0 ? at : NULL);
		json_close(b);
	}
	json_close_list(b);
	json_close(b);
	buf_release(&how);
}

static void
say_line(const struct desk *d)
{
	struct escalate_line l = { 0 };
	struct buf b = BUF_INIT;

	escalate_line(&d->site, &l);
	for (size_t i = 0; i < l.v.n; i++)
		buf_printf(&b, "%s%s", i > 0 ? ", then " : "", l.v.v[i]->who);
	if (b.n > 0)
		cli_out("escalation: %s", b.p);
	VEC_RELEASE(&l.v);
	buf_release(&b);
}

int
incident_people(struct cli *c, int argc, char **argv)
{
	char id[STATE_ID_MAX] = "";
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d;
	bool ok;
	int status = EXIT_DONE;

	if (!cli_parse(c, argc, argv, NULL, 0) || !cli_words(c, 0, 0,
	    "midwatch incident people"))
		return EXIT_USAGE;
	ok = desk_open(&d, c, &e);
	if (ok && !d.have_site)
		ok = err_set(&e, ERR_USAGE, "there is no site file that names "
		    "people");
	if (ok && incident_current(&d.state, true, id, &(struct err){ 0 }) &&
	    id[0] != '\0')
		ok = desk_incident(&d, id, &e);
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_put_str(&b, "incident", id[0] != '\0' ? id : NULL);
	json_key(&b, "people");
	json_open_list(&b);
	for (size_t i = 0; ok && i < site_contacts(&d.site); i++)
		if (c->json)
			json_one(&d, site_contact_at(&d.site, i), &b);
		else
			say_one(&d, site_contact_at(&d.site, i));
	json_close_list(&b);
	if (!ok)
		status = cli_fail(c, &e);
	else if (c->json)
		cli_object(&b);
	else if (site_contacts(&d.site) == 0)
		cli_out("the site file names nobody (comms.contacts)");
	else
		say_line(&d);
	buf_release(&b);
	desk_close(&d);
	return status;
}
