/* Who is told, who knows, who has answered, who is next. */
#include <stdlib.h>
#include <string.h>

#include "action/escalate.h"
#include "action/queue.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/who.h"
#include "verb/telling.h"
#include "verb/verbs.h"

/* ---- tell, notify ---------------------------------------------------------------- */

struct telling {
	struct cli *c;
	const char *text;
	struct opt_list except;
	bool again, hooks_only;
	enum site_trigger trigger;
	struct desk d;
	struct told told, skipped;
	struct err e;
};

static bool
site_there(const struct desk *d, struct err *e)
{
	if (d->have_site)
		return true;
	err_set(e, ERR_USAGE, "there is no site file, so nobody is named");
	return err_hint(e, "Tell them by hand, then 'midwatch incident told "
	    "--by-hand NAME --trigger T'.");
}

/* The names of --except, and who knows of it already: a button that is pressed
 * twice wakes nobody twice, unless there is something to add. */
static bool
leave_out(struct telling *t)
{
	const struct site *site = &t->d.site;

	for (size_t i = 0; i < t->except.v.n; i++) {
		const struct site_contact *c = site_contact(site,
		    t->except.v.v[i]);

		if (c == NULL)
			return err_set(&t->e, ERR_USAGE, "the site file names "
			    "no contact '%s'", t->except.v.v[i]);
		VEC_PUSH(&t->skipped.v, ((struct told_one){ .who = c }));
	}
	if (t->again || t->text != NULL)
		return true;
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *c = site_contact_at(site, i);
		char at[16];

		for (size_t k = 0; k < t->d.inc.told.n; k++) {
			const struct inc_told *p = &t->d.inc.told.v[k];

			if (p->at == 0 || strcmp(p->who, c->who) != 0 ||
			    strcmp(p->trigger, site_triggers[t->trigger]) != 0 ||
			    told_has(&t->skipped, c))
				continue;
			VEC_PUSH(&t->skipped.v, ((struct told_one){ .who = c }));
			clock_fmt_short(at, p->at);
			if (!t->c->json)
				cli_out("%s knows of it since %s (--again "
				    "tells them once more)", c->who, at);
		}
	}
	return true;
}

/* Of these a person decides, and sees first who will be told. */
static bool
declared(const struct telling *t, struct err *e)
{
	bool risk = t->trigger == SITE_TRIGGER_DATA_RISK;

	if ((!risk && t->trigger != SITE_TRIGGER_DOWNTIME) ||
	    (risk ? t->d.inc.data_risk : t->d.inc.downtime))
		return true;
	err_set(e, ERR_GUARD, "%s was not declared",
	    site_triggers[t->trigger]);
	return err_hint(e, "A person declares it: 'midwatch incident declare "
	    "%s' says who will be told.", site_triggers[t->trigger]);
}

static bool
tell_them(struct telling *t)
{
	struct incident *inc = &t->d.inc;
	const struct inc_role *c = incident_role(inc, "commander");
	struct buf subject = BUF_INIT;

	if (!leave_out(t))
		return false;
	if (t->text != NULL)
		buf_str(&subject, t->text);
	else
		buf_printf(&subject, "%s, %s: %s (in command: %s)", inc->id,
		    inc->severity != NULL ? inc->severity : "no severity",
		    inc->title != NULL ? inc->title : "", c != NULL ? c->who :
		    "nobody yet");
	struct tell tell = { .trigger = t->trigger, .subject = subject.p,
	    .incident = inc->id, .hooks_only = t->hooks_only };
	tell_people(&t->d.site, &t->d.state, &tell, &t->skipped,
	    clock_mono_ms() + TELLING_MS, &t->told);
	telling_say(&t->d, &t->told);
	buf_release(&subject);
	if (t->told.v.n > 0 || t->skipped.v.n > 0)
		return true;
	err_set(&t->e, ERR_FAILED, "nobody in the site file is told of '%s'%s",
	    site_triggers[t->trigger], t->hooks_only ? " by a hook" : "");
	return err_hint(&t->e, "Tell somebody by hand, then 'midwatch incident "
	    "told --by-hand NAME --trigger %s'; and name them in "
	    "comms.contacts.", site_triggers[t->trigger]);
}

static int
tell_end(struct telling *t, bool ok)
{
	struct buf b = BUF_INIT;
	size_t failed = telling_failed(&t->told);
	int status = ok ? failed > 0 ? EXIT_FAILED : EXIT_DONE :
	    cli_fail(t->c, &t->e);

	if (ok && t->c->json) {
		json_open(&b);
		json_put_bool(&b, "ok", failed == 0);
		json_put_str(&b, "incident", t->d.inc.id);
		json_put_str(&b, "trigger", site_triggers[t->trigger]);
		telling_json(&t->told, &b);
		cli_object(&b);
	}
	buf_release(&b);
	told_release(&t->told);
	told_release(&t->skipped);
	VEC_RELEASE(&t->except.v);
	desk_close(&t->d);
	return status;
}

static int
tell_verb(struct cli *c, int argc, char **argv, bool hooks_only)
{
	struct telling t = { .c = c, .hooks_only = hooks_only };
	const struct opt opts[] = {
		{ "--text", NULL, &t.text, NULL },
		{ "--except", NULL, NULL, &t.except },
		{ "--again", &t.again, NULL, NULL },
	};

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 1, 1, hooks_only ? "midwatch incident notify TRIGGER"
	    : "midwatch incident tell TRIGGER [--text T] [--except WHO] "
	    "[--again]") || (t.trigger = telling_trigger(c->words.v[0])) ==
	    SITE_TRIGGER_COUNT)
		return EXIT_USAGE;
	return tell_end(&t, desk_open(&t.d, c, &t.e) &&
	    site_there(&t.d, &t.e) && desk_incident(&t.d, NULL, &t.e) &&
	    declared(&t, &t.e) && tell_them(&t));
}

int
incident_tell(struct cli *c, int argc, char **argv)
{
	return tell_verb(c, argc, argv, false);
}

int
incident_notify(struct cli *c, int argc, char **argv)
{
	return tell_verb(c, argc, argv, true);
}

/* ---- escalate ----------------------------------------------------------------------- */

static const struct site_contact *
named(const struct site *site, const char *who, struct err *e)
{
	const struct site_contact *c = site_contact(site, who);
	const char **known, *near;

	if (c != NULL)
		return c;
	known = xcalloc(site_contacts(site) + 1, sizeof *known);
	for (size_t i = 0; i < site_contacts(site); i++)
		known[i] = site_contact_at(site, i)->who;
	near = text_nearest(who, known, site_contacts(site));
	free(known);
	err_set(e, ERR_USAGE, "the site file names no contact '%s'", who);
	err_hint(e, near != NULL ? "Did you mean '%s'?" : "'midwatch incident "
	    "people' lists them.", near);
	return NULL;
}

/* Who it is; NULL without an error: it is not time yet. */
static const struct site_contact *
whose_turn(struct telling *t, bool due, char **ret_why)
{
	struct escalate_next n;
	char took[32];

	if (t->c->words.n > 0)
		return named(&t->d.site, t->c->words.v[0], &t->e);
	if (!escalate_next(&t->d.site, &t->d.inc, &n)) {
		struct escalate_line l = { 0 };

		escalate_line(&t->d.site, &l);
		err_set(&t->e, ERR_FAILED, l.v.n > 0 ? "everybody in line has "
		    "answered" : "the site file names nobody for 'escalate'");
		err_hint(&t->e, l.v.n > 0 ? "'midwatch incident escalate WHO' "
		    "tells one of them once more." : "Give a contact "
		    "on = ( \"escalate\" ), or next and next_after.");
		VEC_RELEASE(&l.v);
		return NULL;
	}
	if (due && (n.again || n.due == 0 || n.due > clock_wall_ms())) {
		if (!t->c->json)
			cli_out("nobody is due");
		return NULL;
	}
	if (n.after != NULL) {
		text_fmt_duration(took, clock_wall_ms() - n.told_at);
		*ret_why = xprintf("%s was told %s ago and has not answered",
		    n.after->who, took);
	}
	return n.who;
}

static bool
escalate(struct telling *t, bool due)
{
	struct incident *inc = &t->d.inc;
	struct buf subject = BUF_INIT;
	char *why = NULL;
	const struct site_contact *who = whose_turn(t, due, &why);

	if (who == NULL)
		return t->e.kind == ERR_NONE;
	buf_printf(&subject, "you are asked for, %s, %s: %s",
	    inc->id, inc->severity != NULL ? inc->severity : "no severity",
	    t->text != NULL ? t->text : inc->title != NULL ? inc->title : "");
	if (why != NULL)
		buf_printf(&subject, " (%s)", why);
	struct tell tell = { .trigger = SITE_TRIGGER_ESCALATE,
	    .subject = subject.p, .incident = inc->id };
	tell_person(&t->d.site, &t->d.state, &tell, who, clock_mono_ms() +
	    TELLING_MS, &t->told);
	telling_say(&t->d, &t->told);
	if (!t->c->json)
		cli_out("when they answer: midwatch incident ack \"%s\"",
		    who->who);
	buf_release(&subject);
	free(why);
	return true;
}

int
incident_escalate(struct cli *c, int argc, char **argv)
{
	struct telling t = { .c = c, .trigger = SITE_TRIGGER_ESCALATE };
	bool due = false;
	const struct opt opts[] = {
		{ "--text", NULL, &t.text, NULL },
		{ "--due", &due, NULL, NULL },
	};

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 0, 1, "midwatch incident escalate [WHO] [--text T] "
	    "[--due]"))
		return EXIT_USAGE;
	return tell_end(&t, desk_open(&t.d, c, &t.e) &&
	    site_there(&t.d, &t.e) && desk_incident(&t.d, NULL, &t.e) &&
	    escalate(&t, due));
}

/* ---- ack, told ------------------------------------------------------------------------ */

static int
end_line(struct desk *d, bool ok, const struct err *e, const char *said)
{
	struct buf b = BUF_INIT;
	int status = EXIT_DONE;

	if (ok && d->inc.runbook != NULL && d->inc.state != INC_CLOSED &&
	    desk_runbook(d, &(struct err){ 0 }))
		(void)engine_settle_waiting(&d->en, &(struct err){ 0 });
	/* who is told that it is closed is ticked behind its end */
	if (ok && d->inc.state == INC_CLOSED)
		desk_log_checkpoint(d, said);
	if (!ok)
		status = cli_fail(d->cli, e);
	else if (d->cli->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_str(&b, "incident", d->inc.id);
		json_put_int(&b, "seq", d->inc.j.scan.seq);
		cli_object(&b);
	} else
		cli_out("%s (%s)", said, d->inc.id);
	buf_release(&b);
	desk_close(d);
	return status;
}

/* The name as the site file has it; any name will do. */
static const char *
right_name(const struct desk *d, const char *who)
{
	const struct site_contact *c = d->have_site ? site_contact(&d->site,
	    who) : NULL;

	return c != NULL ? c->who : who;
}

int
incident_ack(struct cli *c, int argc, char **argv)
{
	struct buf data = BUF_INIT, text = BUF_INIT;
	struct err e = ERR_INIT;
	const char *who;
	struct desk d;
	bool ok;
	int status;

	if (!cli_parse(c, argc, argv, NULL, 0) || !cli_words(c, 1, 1,
	    "midwatch incident ack WHO"))
		return EXIT_USAGE;
	ok = desk_open(&d, c, &e) && desk_incident(&d, NULL, &e);
	who = right_name(&d, c->words.v[0]);
	if (ok && escalate_told(&d.inc, who) == NULL) {
		ok = err_set(&e, ERR_USAGE, "'%s' was not told of anything in "
		    "%s", who, d.inc.id);
		err_hint(&e, "'midwatch incident told' says who was.");
	}
	if (ok) {
		json_open(&data);
		json_put_str(&data, "who", who);
		json_close(&data);
		buf_printf(&text, "%s has answered", who);
		ok = incident_say(&d.inc, EVENT_ACKED, NULL, text.p, data.p,
		    &e);
	}
	status = end_line(&d, ok, &e, "noted");
	buf_release(&data);
	buf_release(&text);
	return status;
}

/* A line that is ticked: of all that they are to be told, or of one trigger. */
static bool
tick(struct desk *d, const char *who, const char *trigger, bool silent,
    struct err *e)
{
	struct buf data = BUF_INIT, text = BUF_INIT;
	bool ok;

	json_open(&data);
	json_put_str(&data, "trigger", trigger);
	json_put_str(&data, "who", who);
	json_put_str(&data, "via", "by hand");
	json_put_bool(&data, "by_hand", true);
	json_put_bool(&data, "answered", !silent);
	json_close(&data);
	buf_printf(&text, "%s was told by hand (%s), by %s%s", who, trigger,
	    who_am_i()->by, silent ? "; no answer" : "");
	ok = incident_say(&d->inc, EVENT_TOLD, NULL, text.p, data.p, e);
	/* an update that somebody read out is an update */
	if (ok && strcmp(trigger, site_triggers[SITE_TRIGGER_UPDATE]) == 0)
		ok = incident_say(&d->inc, EVENT_UPDATE, NULL, text.p, NULL,
		    e);
	buf_release(&data);
	buf_release(&text);
	return ok;
}

static bool
tick_all(struct desk *d, const char *who, const char *trigger, bool silent,
    struct err *e)
{
	VEC(char *) open = { 0 };
	bool ok = true;

	for (size_t i = 0; i < d->inc.told.n && trigger == NULL; i++) {
		const struct inc_told *t = &d->inc.told.v[i];

		if (t->at == 0 && strcmp(t->who, who) == 0)
			VEC_PUSH(&open, xstrdup(t->trigger));
	}
	if (trigger != NULL)
		ok = tick(d, who, trigger, silent, e);
	else if (open.n == 0) {
		ok = err_set(e, ERR_USAGE, "nothing is open that '%s' is to be "
		    "told", who);
		err_hint(e, "Say of what: --trigger T; 'midwatch incident "
		    "told' lists what is open.");
	}
	for (size_t i = 0; i < open.n; i++) {
		ok = ok && tick(d, who, open.v[i], silent, e);
		free(open.v[i]);
	}
	VEC_RELEASE(&open);
	return ok;
}

static void
list_one(const struct desk *d, const struct inc_told *t, struct buf *b)
{
	const struct site_contact *c = d->have_site ? site_contact(&d->site,
	    t->who) : NULL;
	char at[32], ack[32];

	json_comma(b);
	json_open(b);
	json_put_str(b, "who", t->who);
	json_put_str(b, "trigger", t->trigger);
	json_put_bool(b, "done", t->at != 0);
	json_put_bool(b, "by_hand", t->by_hand);
	clock_fmt_utc(at, t->at != 0 ? t->at : t->since);
	json_put_str(b, t->at != 0 ? "at" : "since", at);
	clock_fmt_utc(ack, t->acked);
	json_put_str(b, "answered", t->acked != 0 ? ack : NULL);
	json_close(b);
	if (d->cli->json)
		return;
	clock_fmt_short(at, t->at != 0 ? t->at : t->since);
	clock_fmt_short(ack, t->acked);
	cli_out("%s  %-20s %-24s %s%s%s", at, *t->who != '\0' ? t->who :
	    "somebody", t->trigger, t->at == 0 ? "TO TELL BY HAND" :
	    t->by_hand ? "told by hand" : "told", t->acked != 0 ?
	    ", answered " : "", t->acked != 0 ? ack : "");
	if (t->at == 0 && c != NULL && c->phone != NULL)
		cli_out("          %s; then 'midwatch incident told --by-hand "
		    "\"%s\"'", c->phone, t->who);
}

static void
list(struct desk *d)
{
	struct buf b = BUF_INIT;
	size_t queued = queue_count(&d->state, NULL);

	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_put_str(&b, "incident", d->inc.id);
	json_key(&b, "told");
	json_open_list(&b);
	for (size_t i = 0; i < d->inc.told.n; i++)
		list_one(d, &d->inc.told.v[i], &b);
	json_close_list(&b);
	json_put_int(&b, "queued", (int64_t)queued);
	if (d->cli->json)
		cli_object(&b);
	else if (d->inc.told.n == 0)
		cli_out("nobody was told yet (%s)", d->inc.id);
	if (queued > 0 && !d->cli->json)
		cli_out("%zu %s for the network", queued, queued == 1 ?
		    "message waits" : "messages wait");
	buf_release(&b);
}

/* False: something still waits. */
static bool
send_queued(struct desk *d, struct err *e)
{
	size_t before = queue_count(&d->state, NULL), left;

	if (!site_there(d, e))
		return false;
	tell_queued(&d->site, &d->state, clock_mono_ms() + TELLING_MS);
	left = queue_count(&d->state, NULL);
	if (left > 0)
		return err_set(e, ERR_FAILED, "%zu of %zu messages still wait "
		    "for the network", left, before);
	(void)incident_poll(&d->inc, e);
	return true;
}

int
incident_told(struct cli *c, int argc, char **argv)
{
	const char *who = NULL, *trigger = NULL;
	bool send = false, silent = false, ok;
	int status = EXIT_DONE;
	const struct opt opts[] = {
		{ "--by-hand", NULL, &who, NULL },
		{ "--trigger", NULL, &trigger, NULL },
		{ "--no-answer", &silent, NULL, NULL },
		{ "--send", &send, NULL, NULL },
	};
	struct err e = ERR_INIT;
	struct desk d;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 0, 1, "midwatch incident told [INCIDENT] [--by-hand "
	    "WHO [--trigger T] [--no-answer]] [--send]") || (trigger != NULL &&
	    telling_trigger(trigger) == SITE_TRIGGER_COUNT))
		return EXIT_USAGE;
	ok = desk_open(&d, c, &e) && desk_incident(&d, c->words.n > 0 ?
	    c->words.v[0] : NULL, &e);
	if (ok && who != NULL)
		return end_line(&d, tick_all(&d, right_name(&d, who), trigger,
		    silent, &e), &e, "ticked");
	if (ok && send)
		return end_line(&d, send_queued(&d, &e), &e, "nothing waits");
	if (ok)
		list(&d);
	else
		status = cli_fail(c, &e);
	desk_close(&d);
	return status;
}
