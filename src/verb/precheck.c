/* `midwatch precheck`: may a migration run now? It looks only; what it found
 * stands in the journal, for the condition `precheck passed`. */
#include <stdio.h>
#include <string.h>

#include "action/precheck.h"
#include "action/tell.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "record/log.h"
#include "verb/follow.h"
#include "verb/secrets.h"
#include "verb/verbs.h"

#define USAGE "midwatch precheck [--after-freeze] [--only secrets,disk,...] "	\
	"[--notify]"

enum { SEEN_MAX = 120, TELL_MS = 60000 };

static const char *
mark(const struct precheck_row *r)
{
	if (r->none)
		return "-";
	return r->truth == TRUTH_YES ? "OK" : !r->counts ? "wait" :
	    r->truth == TRUTH_NO ? "NO" : "?";
}

static void
say_row(void *ctx, const struct precheck_row *r)
{
	(void)ctx;
	cli_out("  %-5s %-13s %s", mark(r), precheck_names[r->id], r->why);
	if (r->next != NULL)
		cli_out("  %-5s %-13s next: %s", "", "", r->next);
}

/* The rows that stand in the way, or what is to be waited for. */
static void
verdict(const struct precheck *p, bool after_freeze, struct buf *out)
{
	bool first = true;

	if (p->lacking == 0) {
		buf_str(out, "ready");
		for (size_t i = 0; i < p->v.n && after_freeze; i++) {
			const struct precheck_row *r = &p->v.v[i];

			if (r->none || r->counts || r->truth == TRUTH_YES)
				continue;
			buf_str(out, first ? " once " : " and ");
			buf_str(out, r->id == PRECHECK_FREEZE ?
			    "the freeze is lifted" :
			    "the backup window is over");
			first = false;
		}
		return;
	}
	buf_str(out, "not ready:");
	for (size_t i = 0; i < p->v.n; i++) {
		const struct precheck_row *r = &p->v.v[i];

		if (!r->counts || r->truth == TRUTH_YES)
			continue;
		buf_printf(out, "%s %s%s", first ? "" : ",",
		    precheck_names[r->id], r->truth == TRUTH_UNKNOWN ?
		    " (unknown)" : "");
		first = false;
	}
}

static void
put_rows(const struct precheck *p, size_t most, struct buf *b)
{
	json_key(b, "checks");
	json_open_list(b);
	for (size_t i = 0; i < p->v.n; i++) {
		const struct precheck_row *r = &p->v.v[i];

		json_comma(b);
		json_open(b);
		json_put_str(b, "name", precheck_names[r->id]);
		json_put_str(b, "answer", r->none ? "none" :
		    truth_name(r->truth));
		json_put_bool(b, "counts", r->counts);
		if (!r->none) {
			json_key(b, "why");
			json_textn(b, r->why, most == 0 ? strlen(r->why) :
			    text_fit(r->why, strlen(r->why), most));
		}
		if (most == 0)
			json_put_str(b, "next", r->next);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_all(const struct precheck *p, bool after_freeze, size_t most,
    struct buf *b)
{
	struct buf text = BUF_INIT;

	verdict(p, after_freeze, &text);
	json_open(b);
	json_put_bool(b, "ok", p->lacking == 0);
	json_put_bool(b, "after_freeze", after_freeze);
	json_put_bool(b, "held", p->held);
	json_put_str(b, "verdict", text.p);
	put_rows(p, most, b);
	buf_release(&text);
}

/* A pipeline's look at one or two rows is no pre-check. */
static void
journal(struct desk *d, const struct precheck *p, bool after_freeze)
{
	struct buf text = BUF_INIT, data = BUF_INIT;
	struct err e = ERR_INIT;

	follow_incident(d);
	verdict(p, after_freeze, &text);
	put_all(p, after_freeze, SEEN_MAX, &data);
	json_close(&data);
	if (!(d->have_inc ? incident_say(&d->inc, EVENT_PRECHECK, NULL, text.p,
	    data.p, &e) : log_say(&d->state, EVENT_PRECHECK, text.p, data.p,
	    &e)))
		cli_note("not in the journal: %s", e.msg);
	buf_release(&text);
	buf_release(&data);
}

/* By the clock: what a pipeline does not tell anybody. While an incident is open
 * its runbook tells. */
static void
notify(struct desk *d, const struct precheck *p)
{
	struct told told = { 0 };

	follow_incident(d);
	for (size_t i = 0; i < p->v.n && !d->have_inc; i++) {
		const struct precheck_row *r = &p->v.v[i];
		struct tell t = { .trigger = SITE_TRIGGER_SCHEMA_UNREADABLE,
			.subject = "the backup login cannot read everything" };
		struct buf text = BUF_INIT;

		if (r->id != PRECHECK_SCHEMA || r->none || r->truth != TRUTH_NO)
			continue;
		buf_printf(&text, "%s%s%s", r->why, r->next != NULL ?
		    "\nnext: " : "", r->next != NULL ? r->next : "");
		t.text = text.p;
		tell_people(&d->site, &d->state, &t, NULL, clock_mono_ms() +
		    TELL_MS, &told);
		buf_release(&text);
	}
	for (size_t i = 0; i < told.v.n; i++) {
		struct buf line = BUF_INIT;

		told_line(&told.v.v[i], &line);
		cli_note("%s", line.p);
		buf_release(&line);
	}
	told_release(&told);
}

int
verb_precheck(struct cli *c, int argc, char **argv)
{
	const char *only = NULL;
	struct precheck_ask ask = { .only = 0 };
	bool tell = false;
	const struct opt opts[] = {
		{ "--only", NULL, &only, NULL },
		{ "--after-freeze", &ask.after_freeze, NULL, NULL },
		{ "--notify", &tell, NULL, NULL },
	};
	struct precheck p = { 0 };
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct desk d = { 0 };
	int status;

	if (!cli_parse(c, argc, argv, opts, 3) || !cli_words(c, 0, 0, USAGE))
		return EXIT_USAGE;
	if (only != NULL && !precheck_only(only, &ask.only, &e)) {
		for (size_t i = 0; i < PRECHECK_COUNT; i++)
			buf_printf(&b, "%s%s", i > 0 ? ", " : "",
			    precheck_names[i]);
		err_hint(&e, "Rows: %s.", b.p);
		buf_release(&b);
		return cli_fail(c, &e);
	}
	if (desk_open(&d, c, &e) && !d.have_site)
		err_set(&e, ERR_USAGE, "there is no site file to check");
	if (e.kind != ERR_NONE) {
		status = cli_fail(c, &e);
		goto out;
	}
	(void)secrets_ask(c, &d.site, 0);
	if (!c->json)
		ask.said = say_row;
	precheck_run(&p, &d.site, &d.state, &ask);
	if (c->json) {
		put_all(&p, ask.after_freeze, 0, &b);
		cli_object(&b);
	} else {
		verdict(&p, ask.after_freeze, &b);
		cli_out("%s", b.p);
		buf_release(&b);
	}
	if (only == NULL)
		journal(&d, &p, ask.after_freeze);
	(void)fflush(stdout);
	if (tell)
		notify(&d, &p);
	status = p.lacking == 0 ? EXIT_DONE : EXIT_FAILED;
out:
	precheck_release(&p);
	desk_close(&d);
	return status;
}
