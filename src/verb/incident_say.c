#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "verb/telling.h"
#include "verb/verbs.h"

enum { FUTURE_MS = 60000 };

/* What every line of a person shares. */
struct saying {
	struct cli *c;
	const char *at, *step;
	int64_t at_ms;
	struct desk d;
	struct err e;
};

static bool
begin(struct saying *s, const char *id)
{
	if (!desk_open(&s->d, s->c, &s->e) || !desk_incident(&s->d, id, &s->e))
		return false;
	if (s->at == NULL)
		return true;
	int64_t now = clock_wall_ms();
	if (!clock_parse(s->at, now, &s->at_ms, &s->e))
		return err_wrap(&s->e, "--at");
	if (s->at_ms > now + FUTURE_MS)
		return err_set(&s->e, ERR_USAGE, "--at '%s' lies in the future",
		    s->at);
	return true;
}

static int
finish(struct saying *s, bool ok, const char *said)
{
	struct buf b = BUF_INIT;
	int status = EXIT_DONE;

	if (!ok)
		status = cli_fail(s->c, &s->e);
	else if (s->c->json) {
		json_open(&b);
		json_put_bool(&b, "ok", true);
		json_put_str(&b, "incident", s->d.inc.id);
		json_put_int(&b, "seq", s->d.inc.j.scan.seq);
		cli_object(&b);
	} else
		cli_out("%s (%s, line %" PRId64 ")", said, s->d.inc.id,
		    s->d.inc.j.scan.seq);
	buf_release(&b);
	desk_close(&s->d);
	return status;
}

static bool
append(struct saying *s, enum event_kind kind, const char *text,
    const char *data)
{
	struct draft d = { .kind = kind, .step = s->step, .text = text,
	    .data = data, .at = s->at_ms };

	if (s->d.inc.state == INC_CLOSED)
		cli_note("'%s' is closed; the line is added behind its end",
		    s->d.inc.id);
	return incident_append(&s->d.inc, &d, 1, NULL, NULL, NULL, &s->e);
}

static int
say_text(struct cli *c, int argc, char **argv, enum event_kind kind,
    const char *usage, const char *said)
{
	struct saying s = { .c = c };
	const char *incident = NULL;
	const struct opt opts[] = {
		{ "--at", NULL, &s.at, NULL },
		{ "--step", NULL, &s.step, NULL },
		{ "--incident", NULL, &incident, NULL },
	};
	struct buf text = BUF_INIT;
	int status = EXIT_USAGE;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 1, 100000, usage))
		return EXIT_USAGE;
	if (!cli_text(c, 0, &text))
		(void)cli_usage("there is no text; usage: %s", usage);
	else
		status = finish(&s, begin(&s, incident) &&
		    append(&s, kind, text.p, NULL), said);
	buf_release(&text);
	return status;
}

int
incident_note(struct cli *c, int argc, char **argv)
{
	return say_text(c, argc, argv, EVENT_NOTE,
	    "midwatch incident note TEXT [--at TIME] [--step ID]", "noted");
}

int
incident_decide(struct cli *c, int argc, char **argv)
{
	return say_text(c, argc, argv, EVENT_DECISION,
	    "midwatch incident decide TEXT [--at TIME]", "decision noted");
}

/* A line that this word names; entries only, so that parts are one. */
static bool
entry_number(struct saying *s, const char *word, int64_t *ret)
{
	if (text_int(word, 1, INT64_MAX, ret) &&
	    incident_entry(&s->d.inc, *ret) != NULL)
		return true;
	err_set(&s->e, ERR_USAGE, "'%s' is not a line of %s", word,
	    s->d.inc.id);
	return err_hint(&s->e, "'midwatch incident show' prints the numbers.");
}

static void
of_data(struct buf *b, int64_t of, bool off)
{
	json_open(b);
	json_put_int(b, "of", of);
	if (off)
		json_put_bool(b, "off", true);
	json_close(b);
}

/* What an earlier line of that kind began. */
static bool
end_entry(struct saying *s, const char *number, enum event_kind began,
    const char *called, enum event_kind kind, const char *text)
{
	struct buf data = BUF_INIT;
	int64_t of;
	bool ok = entry_number(s, number, &of);

	if (ok && incident_entry(&s->d.inc, of)->kind != began)
		ok = err_set(&s->e, ERR_USAGE, "line %" PRId64 " is not a %s",
		    of, called);
	if (ok) {
		of_data(&data, of, false);
		ok = append(s, kind, text, data.p);
	}
	buf_release(&data);
	return ok;
}

int
incident_hypothesis(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "midwatch incident hypothesis TEXT | "
	    "--ruled-out LINE WHY | --confirmed LINE WHY";
	struct saying s = { .c = c };
	const char *out = NULL, *sure = NULL;
	const struct opt opts[] = {
		{ "--at", NULL, &s.at, NULL },
		{ "--ruled-out", NULL, &out, NULL },
		{ "--confirmed", NULL, &sure, NULL },
	};
	struct buf text = BUF_INIT;
	bool ok;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts))
		return EXIT_USAGE;
	(void)cli_text(c, 0, &text);
	if (text.n == 0) {
		buf_release(&text);
		return cli_usage("say what, or why; usage: %s", usage);
	}
	ok = begin(&s, NULL);
	if (ok && out != NULL)
		ok = end_entry(&s, out, EVENT_HYPOTHESIS, "hypothesis",
		    EVENT_RULED_OUT, text.p);
	else if (ok && sure != NULL)
		ok = end_entry(&s, sure, EVENT_HYPOTHESIS, "hypothesis",
		    EVENT_CONFIRMED, text.p);
	else if (ok)
		ok = append(&s, EVENT_HYPOTHESIS, text.p, NULL);
	buf_release(&text);
	return finish(&s, ok, out != NULL ? "ruled out" : sure != NULL ?
	    "confirmed" : "hypothesis noted");
}

int
incident_pin(struct cli *c, int argc, char **argv)
{
	struct saying s = { .c = c };
	struct buf data = BUF_INIT;
	bool off = false, ok;
	const struct opt opts[] = { { "--off", &off, NULL, NULL } };
	int64_t of;

	if (!cli_parse(c, argc, argv, opts, 1) ||
	    !cli_words(c, 1, 1, "midwatch incident pin LINE [--off]"))
		return EXIT_USAGE;
	ok = begin(&s, NULL) && entry_number(&s, c->words.v[0], &of);
	if (ok) {
		of_data(&data, of, off);
		ok = append(&s, EVENT_PIN, off ? "no longer pinned" : "pinned",
		    data.p);
	}
	buf_release(&data);
	return finish(&s, ok, off ? "unpinned" : "pinned");
}

int
incident_correct(struct cli *c, int argc, char **argv)
{
	struct saying s = { .c = c };
	struct buf data = BUF_INIT, text = BUF_INIT;
	int64_t of;
	bool ok;

	if (!cli_parse(c, argc, argv, NULL, 0) ||
	    !cli_words(c, 2, 100000, "midwatch incident correct LINE TEXT"))
		return EXIT_USAGE;
	(void)cli_text(c, 1, &text);
	ok = begin(&s, NULL) && entry_number(&s, c->words.v[0], &of);
	if (ok) {
		of_data(&data, of, false);
		ok = append(&s, EVENT_CORRECTION, text.p, data.p);
	}
	buf_release(&data);
	buf_release(&text);
	return finish(&s, ok, "corrected; the old words stay in the record");
}

int
incident_set_severity(struct cli *c, int argc, char **argv)
{
	static const char *const levels[] = { "SEV-0", "SEV-1", "SEV-2",
	    "SEV-3" };
	struct saying s = { .c = c };
	struct buf data = BUF_INIT, text = BUF_INIT;
	bool ok, news;

	if (!cli_parse(c, argc, argv, NULL, 0) ||
	    !cli_words(c, 2, 100000, "midwatch incident severity SEV-n WHY"))
		return EXIT_USAGE;
	if (!text_in(c->words.v[0], levels, 4))
		return cli_usage("'%s' is not a severity; SEV-0, SEV-1, SEV-2 "
		    "or SEV-3", c->words.v[0]);
	(void)cli_text(c, 1, &text);
	json_open(&data);
	json_put_str(&data, "level", c->words.v[0]);
	json_close(&data);
	ok = begin(&s, NULL);
	news = ok && (s.d.inc.severity == NULL ||
	    strcmp(s.d.inc.severity, c->words.v[0]) != 0);
	ok = ok && append(&s, EVENT_SEVERITY, text.p, data.p);
	if (ok && news)
		telling_severity(&s.d, c->words.v[0], text.p);
	buf_release(&data);
	buf_release(&text);
	return finish(&s, ok, c->words.n > 0 ? "severity set" : "");
}

int
incident_set_role(struct cli *c, int argc, char **argv)
{
	struct saying s = { .c = c };
	const char *to = NULL, *state = NULL;
	const struct opt opts[] = {
		{ "--to", NULL, &to, NULL },
		{ "--state-of-things", NULL, &state, NULL },
		{ "--at", NULL, &s.at, NULL },
	};
	struct buf data = BUF_INIT, text = BUF_INIT;
	bool ok;

	if (!cli_parse(c, argc, argv, opts, sizeof opts / sizeof *opts) ||
	    !cli_words(c, 1, 1, "midwatch incident role ROLE [--to NAME]"))
		return EXIT_USAGE;
	if (!text_is_name(c->words.v[0]))
		return cli_usage("'%s' is not the name of a role",
		    c->words.v[0]);
	ok = begin(&s, NULL);
	if (ok) {
		const struct inc_role *had = incident_role(&s.d.inc,
		    c->words.v[0]);

		json_open(&data);
		json_put_str(&data, "role", c->words.v[0]);
		json_put_str(&data, "who", to);
		json_put_str(&data, "from", had != NULL ? had->who : NULL);
		json_close(&data);
		if (to != NULL)
			buf_printf(&text, "%s handed over to %s",
			    c->words.v[0], to);
		else
			buf_printf(&text, "took the role of %s",
			    c->words.v[0]);
		if (state != NULL)
			buf_printf(&text, ": %s", state);
		ok = append(&s, EVENT_ROLE, text.p, data.p);
	}
	buf_release(&data);
	buf_release(&text);
	return finish(&s, ok, to != NULL ? "handed over" : "role taken");
}

int
incident_publish(struct cli *c, int argc, char **argv)
{
	return say_text(c, argc, argv, EVENT_PUBLISHED,
	    "midwatch incident publish WHERE", "published");
}

/* ---- follow-ups ------------------------------------------------------------- */

static bool
followup_add(struct saying *s, const char *text, const char *owner,
    const char *due)
{
	struct buf data = BUF_INIT;
	bool ok;

	json_open(&data);
	json_put_str(&data, "owner", owner);
	json_put_str(&data, "due", due);
	json_close(&data);
	ok = append(s, EVENT_FOLLOWUP, text, data.p);
	buf_release(&data);
	return ok;
}

static int
followup_list(struct saying *s)
{
	const struct incident *inc = &s->d.inc;
	struct buf b = BUF_INIT;
	bool ok = begin(s, NULL);

	if (!ok)
		return finish(s, false, "");
	json_open(&b);
	json_put_bool(&b, "ok", true);
	json_key(&b, "followups");
	json_open_list(&b);
	for (size_t i = 0; i < inc->followups.n; i++) {
		const struct inc_followup *f = &inc->followups.v[i];

		json_comma(&b);
		json_open(&b);
		json_put_int(&b, "seq", f->seq);
		json_put_str(&b, "text", f->text);
		json_put_str(&b, "owner", f->owner);
		json_put_str(&b, "due", f->due);
		json_put_bool(&b, "done", f->done);
		json_close(&b);
		if (!s->c->json)
			cli_out("%4" PRId64 "  %s  %s  (%s, due %s)", f->seq,
			    f->done ? "done" : "open", f->text,
			    f->owner ? f->owner : "nobody yet",
			    f->due ? f->due : "no date");
	}
	json_close_list(&b);
	if (s->c->json)
		cli_object(&b);
	else if (inc->followups.n == 0)
		cli_out("no follow-ups yet");
	buf_release(&b);
	desk_close(&s->d);
	return EXIT_DONE;
}

int
verb_followup(struct cli *c, int argc, char **argv)
{
	static const char usage[] = "midwatch followup add TEXT --owner WHO "
	    "--due DATE | done LINE | list | none WHY";
	struct saying s = { .c = c };
	const char *owner = NULL, *due = NULL, *what;
	const struct opt opts[] = {
		{ "--owner", NULL, &owner, NULL },
		{ "--due", NULL, &due, NULL },
	};
	struct buf text = BUF_INIT;
	bool ok = false;
	int status;

	if (!cli_parse(c, argc, argv, opts, 2) ||
	    !cli_words(c, 1, 100000, usage))
		return EXIT_USAGE;
	what = c->words.v[0];
	(void)cli_text(c, 1, &text);
	if (strcmp(what, "list") == 0)
		status = followup_list(&s);
	else if (text.n == 0 || !text_in(what, (const char *const[]){ "add",
	    "done", "none" }, 3))
		status = cli_usage("usage: %s", usage);
	else {
		ok = begin(&s, NULL);
		if (ok && strcmp(what, "add") == 0)
			ok = followup_add(&s, text.p, owner, due);
		else if (ok && strcmp(what, "done") == 0)
			ok = end_entry(&s, c->words.v[1], EVENT_FOLLOWUP,
			    "follow-up", EVENT_FOLLOWUP_DONE, "done");
		else if (ok)
			ok = append(&s, EVENT_FOLLOWUP, text.p,
			    "{\"none\":true}");
		status = finish(&s, ok, "follow-up noted");
	}
	buf_release(&text);
	return status;
}
