/* The incident as one JSON object, schema "midwatch.incident/1". */
#include "report/postmortem.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "report/facts.h"

/* "key":"…Z" and "key_site":"…+01:00"; nothing for a time that was not. */
static void
put_time(struct buf *b, const char *key, int64_t ms)
{
	char utc[32], site[40], name[40];

	if (ms == 0)
		return;
	clock_fmt_utc(utc, ms);
	clock_fmt_site(site, ms);
	(void)snprintf(name, sizeof name, "%s_site", key);
	json_put_str(b, key, utc);
	json_put_str(b, name, site);
}

static void
open_list(struct buf *b, const char *key)
{
	buf_str(b, ",\n");
	json_text(b, key);
	buf_ch(b, ':');
	json_open_list(b);
}

static void
open_item(struct buf *b)
{
	json_comma(b);
	buf_ch(b, '\n');
	json_open(b);
}

/* ---- what it is -------------------------------------------------------------------- */

static void
head(const struct facts *f, struct buf *b)
{
	const struct incident *inc = f->inc;

	json_put_str(b, "schema", "midwatch.incident/1");
	json_put_str(b, "id", inc->id);
	json_put_bool(b, "drill", f->drill);
	json_put_str(b, "title", facts_title(f));
	json_put_str(b, "state", inc_state_name(inc->state));
	json_put_str(b, "severity", inc->severity);
	json_put_str(b, "severity_peak", facts_severity_peak(f));
	json_put_str(b, "site", inc->site);
	json_put_str(b, "environment", inc->environment);
	json_put_str(b, "zone", inc->zone);
	json_put_bool(b, "zone_known", f->zone_known);
	json_put_str(b, "alarm", inc->alarm);
	json_put_str(b, "channel", inc->channel);
	json_put_bool(b, "data_risk", inc->data_risk);
	json_put_bool(b, "downtime", inc->downtime);
	json_put_bool(b, "published", inc->published);
	json_put_str(b, "published_where", inc->published_where);
	json_put_str(b, "version", inc->version);
	json_put_str(b, "site_sha256", inc->site_sha);
	json_put_str(b, "runbook", inc->runbook);
	json_put_str(b, "runbook_sha256", inc->runbook_sha);
}

static void
times(const struct facts *f, struct buf *b)
{
	buf_str(b, ",\n\"times\":{");
	for (int i = 0; i < TIME_COUNT; i++)
		put_time(b, fact_time_key((enum fact_time)i), f->times[i]);
	json_close(b);
	open_list(b, "durations");
	for (size_t i = 0; i < SPAN_COUNT; i++) {
		const struct fact_span *s = &f->spans[i];

		if (!s->known && s->why_not[0] == '\0')
			continue;
		open_item(b);
		json_put_str(b, "name", s->key);
		if (s->known) {
			json_put_int(b, "ms", s->ms);
			json_put_bool(b, "so_far", s->so_far);
		} else
			json_put_str(b, "impossible", s->why_not);
		json_close(b);
	}
	json_close_list(b);
	open_list(b, "severities");
	for (size_t i = 0; i < f->inc->severities.n; i++) {
		const struct inc_severity *s = &f->inc->severities.v[i];

		open_item(b);
		json_put_str(b, "level", s->level);
		put_time(b, "at", s->at);
		json_put_int(b, "ms", facts_severity_ms(f, i));
		json_put_str(b, "by", s->by);
		json_put_str(b, "why", facts_severity_why(f, i));
		json_close(b);
	}
	json_close_list(b);
}

/* ---- who ----------------------------------------------------------------------------- */

static void
people(const struct facts *f, struct buf *b)
{
	const struct incident *inc = f->inc;

	open_list(b, "roles");
	for (size_t i = 0; i < inc->roles.n; i++) {
		open_item(b);
		json_put_str(b, "role", inc->roles.v[i].role);
		json_put_str(b, "who", inc->roles.v[i].who);
		put_time(b, "since", inc->roles.v[i].since);
		put_time(b, "until", inc->roles.v[i].until);
		json_close(b);
	}
	json_close_list(b);
	open_list(b, "operators");
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &inc->entries.v[i];

		if (en->kind != EVENT_OPERATOR || en->bad)
			continue;
		open_item(b);
		json_put_str(b, "by", en->by);
		json_put_str(b, "host", en->host);
		json_put_str(b, "login", json_get_str(en->data, "login"));
		json_put_str(b, "sudo", json_get_str(en->data, "sudo"));
		json_put_str(b, "ssh", json_get_str(en->data, "ssh"));
		put_time(b, "since", en->at);
		json_close(b);
	}
	json_close_list(b);
	open_list(b, "told");
	for (size_t i = 0; i < inc->told.n; i++) {
		open_item(b);
		json_put_str(b, "who", inc->told.v[i].who);
		json_put_str(b, "trigger", inc->told.v[i].trigger);
		json_put_bool(b, "done", inc->told.v[i].at != 0);
		put_time(b, "at", inc->told.v[i].at);
		if (inc->told.v[i].by_hand)
			json_put_bool(b, "by_hand", true);
		put_time(b, "answered", inc->told.v[i].acked);
		json_close(b);
	}
	json_close_list(b);
}

/* ---- what was done --------------------------------------------------------------------- */

static void
steps(const struct facts *f, struct buf *b)
{
	open_list(b, "steps");
	for (size_t i = 0; i < f->inc->steps.n; i++) {
		const struct inc_step *s = &f->inc->steps.v[i];
		const struct inc_entry *en = facts_step_line(f, s);
		int64_t ms = facts_step_ms(f, s);

		open_item(b);
		json_put_str(b, "id", s->id);
		json_put_str(b, "title", facts_step_title(f, s));
		json_put_str(b, "state", step_state_name(s->state));
		json_put_str(b, "how", s->how);
		json_put_str(b, "reason", s->reason);
		json_put_str(b, "by", s->by);
		put_time(b, "started", s->started);
		put_time(b, "ended", s->ended);
		if (ms >= 0)
			json_put_int(b, "ms", ms);
		json_put_int(b, "attempts", facts_step_tries(f, s));
		if (s->job != 0)
			json_put_int(b, "job", s->job);
		if (en != NULL)
			json_put_json(b, "exit", json_object_get(en->data,
			    "exit"));
		json_put_bool(b, "proof_lost", s->proof_lost);
		if (en != NULL)
			json_put_json(b, "proofs", json_object_get(en->data,
			    "proofs"));
		json_put_int(b, "seq", s->seq);
		json_close(b);
	}
	json_close_list(b);
}

/* Lines of one kind, with the member of their data that gives them sense. */
static void
lines_of(const struct facts *f, struct buf *b, const char *list,
    enum event_kind kind, const char *member)
{
	open_list(b, list);
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = f->by_time[i];

		if (en->kind != kind || en->bad)
			continue;
		open_item(b);
		json_put_int(b, "seq", en->seq);
		put_time(b, "at", en->at);
		json_put_str(b, "by", en->by);
		if (!text_empty(en->step))
			json_put_str(b, "step", en->step);
		if (member != NULL)
			json_put_str(b, member, json_get_str(en->data, member));
		json_put_str(b, "text", facts_words(f, en));
		json_close(b);
	}
	json_close_list(b);
}

static void
hypotheses(const struct facts *f, struct buf *b)
{
	static const char *const states[] = { "open", "ruled-out",
	    "confirmed" };

	open_list(b, "hypotheses");
	for (size_t i = 0; i < f->inc->hypotheses.n; i++) {
		const struct inc_hypothesis *h = &f->inc->hypotheses.v[i];

		open_item(b);
		json_put_int(b, "seq", h->seq);
		json_put_str(b, "state", states[h->state]);
		json_put_str(b, "text", facts_words_of(f, h->seq, h->text));
		json_put_str(b, "why", h->why);
		put_time(b, "ended", h->ended);
		json_close(b);
	}
	json_close_list(b);
}

static void
followups(const struct facts *f, struct buf *b)
{
	buf_str(b, ",\n\"no_followups\":");
	buf_str(b, f->inc->no_followups ? "true" : "false");
	open_list(b, "followups");
	for (size_t i = 0; i < f->inc->followups.n; i++) {
		const struct inc_followup *u = &f->inc->followups.v[i];

		open_item(b);
		json_put_int(b, "seq", u->seq);
		json_put_str(b, "text", facts_words_of(f, u->seq, u->text));
		json_put_str(b, "owner", u->owner);
		json_put_str(b, "due", u->due);
		json_put_bool(b, "done", u->done);
		json_close(b);
	}
	json_close_list(b);
	open_list(b, "fields");
	for (size_t i = 0; i < f->inc->fields.n; i++) {
		const char *name = f->inc->fields.v[i].name;

		open_item(b);
		json_put_str(b, "name", name);
		json_put_str(b, "text", facts_field(f, name));
		json_close(b);
	}
	json_close_list(b);
}

static void
jobs(const struct facts *f, struct buf *b)
{
	open_list(b, "jobs");
	for (size_t i = 0; i < f->jobs.n; i++) {
		const struct fact_job *job = &f->jobs.v[i];
		const struct inc_entry *en = job->start != NULL ? job->start :
		    job->end;

		open_item(b);
		json_put_int(b, "job", job->n);
		json_put_str(b, "step", en->step);
		json_put_str(b, "title", facts_words(f, en));
		json_put_str(b, "by", en->by);
		json_put_str(b, "command", fact_job_command(job));
		json_put_str(b, "outcome", fact_job_outcome(job));
		put_time(b, "started", job->start ? job->start->at : 0);
		put_time(b, "ended", job->end ? job->end->at : 0);
		json_close(b);
	}
	json_close_list(b);
	open_list(b, "evidence");
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &f->inc->entries.v[i];

		if (!facts_is_evidence(en))
			continue;
		open_item(b);
		json_put_int(b, "seq", en->seq);
		put_time(b, "at", en->at);
		json_put_str(b, "by", en->by);
		if (!text_empty(en->step))
			json_put_str(b, "step", en->step);
		json_put_str(b, "text", facts_words(f, en));
		json_put_str(b, "command", fact_job_command(facts_job(f,
		    json_get_int(en->data, "job", 0))));
		json_put_json(b, "data", en->data);
		json_close(b);
	}
	json_close_list(b);
}

/* ---- every line --------------------------------------------------------------------------- */

static void
entries(const struct facts *f, struct buf *b)
{
	open_list(b, "entries");
	for (size_t i = 0; i < f->n; i++) {
		const struct inc_entry *en = &f->inc->entries.v[i];

		open_item(b);
		json_put_int(b, "seq", en->seq);
		put_time(b, "at", en->at);
		put_time(b, "rec", en->rec);
		json_put_str(b, "by", en->by);
		json_put_str(b, "host", en->host);
		json_put_int(b, "pid", en->pid);
		json_put_str(b, "kind", en->name);
		if (!text_empty(en->step))
			json_put_str(b, "step", en->step);
		json_put_str(b, "text", en->text);
		if (en->corrected != NULL) {
			json_put_str(b, "corrected", facts_words(f, en));
			json_put_int(b, "corrected_by", en->corrected_by);
		}
		json_put_bool(b, "key", event_is_key(en->kind));
		json_put_bool(b, "pinned", en->pinned);
		json_put_bool(b, "changed", en->bad);
		json_put_json(b, "data", en->data);
		json_close(b);
	}
	json_close_list(b);
}

static void
integrity(const struct facts *f, struct buf *b)
{
	const struct journal_verdict *v = f->v;
	const struct scan *s = &f->inc->j.scan;
	struct buf point = BUF_INIT;

	buf_printf(&point, "%" PRId64 ":%s", v->last_seq, v->last_hash);
	buf_str(b, ",\n\"checkpoint\":");
	json_text(b, point.p);
	buf_str(b, ",\n\"verified\":");
	json_open(b);
	json_put_bool(b, "ok", v->problems == 0);
	json_put_int(b, "lines", v->lines);
	json_put_int(b, "torn", v->torn);
	json_put_int(b, "changed", (int64_t)f->n_bad);
	json_put_bool(b, "second_journal", v->second_used);
	json_put_bool(b, "lost", v->lost);
	json_put_int(b, "last_seq", v->last_seq);
	json_put_str(b, "last_hash", v->last_hash);
	json_key(b, "problems");
	json_open_list(b);
	for (size_t i = 0; v->problems > 0 && i < s->problems.n; i++) {
		open_item(b);
		json_put_int(b, "line", s->problems.v[i].line);
		json_put_int(b, "offset", s->problems.v[i].offset);
		json_put_str(b, "problem", s->problems.v[i].text);
		json_close(b);
	}
	json_close_list(b);
	json_put_int(b, "problems_in_all", (int64_t)v->problems);
	json_close(b);
	buf_release(&point);
}

bool
report_json(const struct incident *inc, const struct journal_verdict *v,
    struct buf *out)
{
	struct facts f;
	bool known;

	facts_init(&f, inc, v);
	known = f.zone_known;
	json_open(out);
	head(&f, out);
	times(&f, out);
	people(&f, out);
	steps(&f, out);
	lines_of(&f, out, "decisions", EVENT_DECISION, NULL);
	hypotheses(&f, out);
	lines_of(&f, out, "overrides", EVENT_OVERRIDE, "criterion");
	lines_of(&f, out, "gates_passed", EVENT_GATE_PASSED, "gate");
	lines_of(&f, out, "updates", EVENT_UPDATE, NULL);
	followups(&f, out);
	jobs(&f, out);
	entries(&f, out);
	integrity(&f, out);
	buf_str(out, "}\n");
	facts_release(&f);
	return known;
}
