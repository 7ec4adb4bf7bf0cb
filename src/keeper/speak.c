/* The picture as lines of JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "action/action.h"
#include "base/who.h"
#include "keeper/keeper_intern.h"
#include "report/update.h"

void
speak_line(struct keeper *k, struct buf *object)
{
	buf_add(&k->out, object->p, object->n);
	buf_ch(&k->out, '\n');
	buf_clear(object);
}

void
speak_error(struct buf *b, const struct err *e)
{
	json_put_str(b, "error", e->msg);
	json_put_str(b, "kind", err_kind_name(e->kind));
	json_put_str(b, "hint", e->hint[0] ? e->hint : NULL);
}

static void
begin(struct buf *b, const char *kind)
{
	json_open(b);
	json_put_str(b, "t", kind);
}

/* ---- what does not change ------------------------------------------------------- */

static void
put_words(struct buf *b, const char *key, const struct conf_strs *words)
{
	json_key(b, key);
	json_open_list(b);
	for (size_t i = 0; i < words->n; i++) {
		json_comma(b);
		json_text(b, words->v[i]);
	}
	json_close_list(b);
}

static void
put_contacts(struct buf *b, const struct site *site)
{
	json_key(b, "contacts");
	json_open_list(b);
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *c = site_contact_at(site, i);

		json_comma(b);
		json_open(b);
		json_put_str(b, "who", c->who);
		json_put_str(b, "phone", c->phone);
		put_words(b, "on", &c->on);
		json_put_bool(b, "hook", c->tell.line != 0);
		json_put_int(b, "next_after_ms", c->next_after_ms);
		json_put_bool(b, "only_regulated", c->only_regulated);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_databases(struct buf *b, const struct site *site)
{
	json_key(b, "databases");
	json_open_list(b);
	for (size_t i = 0; i < site_dbs(site); i++) {
		const struct site_db *db = site_db_at(site, i);

		json_comma(b);
		json_open(b);
		json_put_str(b, "name", db->name);
		json_put_bool(b, "legacy", db->legacy);
		json_put_bool(b, "recoverable", db->rotate.line != 0);
		json_close(b);
	}
	json_close_list(b);
}

#define PUT_NAMES(b, site, key, count, at) do {				\
	json_key(b, key);						\
	json_open_list(b);						\
	for (size_t i_ = 0; i_ < count(site); i_++) {			\
		json_comma(b);						\
		json_text(b, at(site, i_)->name);			\
	}								\
	json_close_list(b);						\
} while (0)

static void
speak_site(struct keeper *k)
{
	const struct site *site = k->want.site;
	struct buf b = BUF_INIT;

	begin(&b, "site");
	json_put_str(&b, "name", site->name);
	json_put_str(&b, "environment", site->environment);
	json_put_str(&b, "timezone", site->timezone);
	json_put_str(&b, "channel", site->channel);
	put_words(&b, "regulated", &site->regulated);
	put_databases(&b, site);
	PUT_NAMES(&b, site, "components", site_components, site_component_at);
	PUT_NAMES(&b, site, "stores", site_stores, site_store_at);
	PUT_NAMES(&b, site, "disks", site_disks, site_disk_at);
	PUT_NAMES(&b, site, "services", site_services, site_service_at);
	json_put_int(&b, "rpo_ms", site->schedule.rpo_ms);
	json_put_int(&b, "rto_ms", site->schedule.rto_ms);
	json_put_int(&b, "nightly", site->schedule.nightly);
	json_put_int(&b, "update_every_ms", site->comms.update_every_ms);
	put_contacts(&b, site);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
}

static void
speak_actions(struct keeper *k)
{
	struct buf b = BUF_INIT;

	begin(&b, "actions");
	json_key(&b, "v");
	json_open_list(&b);
	for (size_t i = 0; i < action_count(); i++) {
		const struct action *a = action_at(i);

		json_comma(&b);
		json_open(&b);
		json_put_str(&b, "name", a->name);
		json_put_str(&b, "verb", a->verb);
		json_put_bool(&b, "built", a->built);
		json_put_str(&b, "help", a->help);
		json_close(&b);
	}
	json_close_list(&b);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
}

void
speak_hello(struct keeper *k)
{
	struct buf b = BUF_INIT;

	begin(&b, "hello");
	json_put_str(&b, "version", k->want.version);
	json_put_str(&b, "by", who_am_i()->by);
	json_put_str(&b, "host", who_am_i()->host);
	json_put_int(&b, "pid", getpid());
	json_put_str(&b, "config", k->want.site ? k->want.site->path : NULL);
	json_put_str(&b, "state", k->want.state->dir);
	json_put_str(&b, "state_note", k->want.state->note);
	json_put_bool(&b, "read_only", k->want.read_only);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
	if (k->want.site != NULL)
		speak_site(k);
	speak_actions(k);
}

/* ---- the incident ------------------------------------------------------------------ */

static void
put_time(struct buf *b, const char *key, int64_t at)
{
	if (at != 0)
		json_put_int(b, key, at);
}

static void
put_notices(struct buf *b, const struct incident *inc)
{
	json_key(b, "notices");
	json_open_list(b);
	if (inc->j.second.in_use) {
		json_comma(b);
		json_text(b, "the second journal is in use: the first cannot be "
		    "written");
	}
	if (inc->j.second.missing) {
		json_comma(b);
		json_text(b, "the newest lines stand in the second journal, which "
		    "cannot be read");
	}
	if (scan_lost(&inc->j.scan)) {
		json_comma(b);
		json_text(b, "lines of the record are missing: 'midwatch verify' "
		    "says which");
	}
	if (inc->j.scan.problems.n > 0) {
		json_comma(b);
		json_text(b, "the journal was changed or damaged: 'midwatch "
		    "verify' says where");
	}
	json_close_list(b);
}

static void
put_people(struct buf *b, const struct incident *inc)
{
	json_key(b, "roles");
	json_open_list(b);
	for (size_t i = 0; i < inc->roles.n; i++) {
		if (inc->roles.v[i].until != 0)
			continue;
		json_comma(b);
		json_open(b);
		json_put_str(b, "role", inc->roles.v[i].role);
		json_put_str(b, "who", inc->roles.v[i].who);
		json_put_int(b, "since", inc->roles.v[i].since);
		json_close(b);
	}
	json_close_list(b);
	json_key(b, "told");
	json_open_list(b);
	for (size_t i = 0; i < inc->told.n; i++) {
		json_comma(b);
		json_open(b);
		json_put_str(b, "trigger", inc->told.v[i].trigger);
		json_put_str(b, "who", inc->told.v[i].who);
		put_time(b, "at", inc->told.v[i].at);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_work(struct buf *b, const struct incident *inc)
{
	size_t open = 0;

	for (size_t i = 0; i < inc->followups.n; i++)
		open += !inc->followups.v[i].done;
	json_put_int(b, "followups", (int64_t)inc->followups.n);
	json_put_int(b, "followups_open", (int64_t)open);
	json_key(b, "hypotheses");
	json_open_list(b);
	for (size_t i = 0; i < inc->hypotheses.n; i++) {
		static const char *const states[] = { "open", "ruled out",
		    "confirmed" };
		const struct inc_hypothesis *h = &inc->hypotheses.v[i];

		json_comma(b);
		json_open(b);
		json_put_int(b, "seq", h->seq);
		json_put_str(b, "text", h->text);
		json_put_str(b, "state", states[h->state]);
		json_put_str(b, "why", h->why);
		json_close(b);
	}
	json_close_list(b);
}

static void
head(struct buf *b, const struct incident *inc, const struct site *site)
{
	struct buf point = BUF_INIT;

	begin(b, "incident");
	json_put_str(b, "id", inc->id);
	json_put_str(b, "state", inc_state_name(inc->state));
	json_put_str(b, "severity", inc->severity);
	json_put_str(b, "title", inc->title);
	json_put_str(b, "alarm", inc->alarm);
	json_put_str(b, "channel", inc->channel);
	json_put_str(b, "environment", inc->environment);
	json_put_str(b, "zone", inc->zone);
	json_put_str(b, "runbook", inc->runbook);
	json_put_str(b, "dir", inc->dir);
	put_time(b, "opened", inc->opened);
	put_time(b, "alerted", inc->alerted);
	put_time(b, "resolved", inc->resolved);
	put_time(b, "closed", inc->closed);
	put_time(b, "last_update", inc->last_update);
	put_time(b, "next_update", update_due(inc, site));
	json_put_bool(b, "data_risk", inc->data_risk);
	json_put_bool(b, "downtime", inc->downtime);
	json_put_bool(b, "published", inc->published);
	json_put_int(b, "lines", inc->j.scan.seq);
	incident_checkpoint(inc, &point);
	json_put_str(b, "checkpoint", point.p);
	put_people(b, inc);
	put_work(b, inc);
	put_notices(b, inc);
	json_close(b);
	buf_release(&point);
}

void
speak_incident(struct keeper *k)
{
	struct buf b = BUF_INIT;

	if (k->have)
		head(&b, &k->inc, k->want.site);
	else {
		begin(&b, "none");
		json_close(&b);
	}
	if (b.n != k->head.n || memcmp(b.p, k->head.p, b.n) != 0) {
		buf_clear(&k->head);
		buf_add(&k->head, b.p, b.n);
		speak_line(k, &b);
	}
	buf_release(&b);
}

static void
entry(struct keeper *k, const struct inc_entry *en, bool last)
{
	struct buf b = BUF_INIT;

	begin(&b, "entry");
	json_put_int(&b, "seq", en->seq);
	json_put_int(&b, "at", en->at);
	json_put_int(&b, "rec", en->rec);
	json_put_str(&b, "kind", en->name);
	json_put_bool(&b, "key", event_is_key(en->kind));
	json_put_str(&b, "by", en->by);
	json_put_str(&b, "host", en->host);
	json_put_str(&b, "step", *en->step ? en->step : NULL);
	json_put_str(&b, "text", en->text);
	json_put_str(&b, "corrected", en->corrected);
	json_put_bool(&b, "pinned", en->pinned);
	json_put_bool(&b, "bad", en->bad);
	json_put_bool(&b, "last", last);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
}

void
speak_entries(struct keeper *k)
{
	size_t n = k->have ? k->inc.entries.n : 0;

	for (size_t i = k->told; i < n; i++) {
		const struct inc_entry *en = &k->inc.entries.v[i];
		const struct inc_entry *of;

		entry(k, en, i + 1 == n);
		if (en->kind != EVENT_PIN && en->kind != EVENT_CORRECTION)
			continue;
		of = incident_entry(&k->inc, json_get_int(en->data, "of", 0));
		if (of != NULL && of < en)
			entry(k, of, i + 1 == n);
	}
	k->told = n;
}
