/*
 * Canned models for tests of panes: always the same night, 2025-02-14.
 *
 *	struct model m = { 0 };
 *	canned_incident(&m);		production, SEV-1, an hour in
 *	canned_quiet(&m);		no incident, everything fine
 *	canned_hostile(&m);		an incident whose every text is hostile
 *	model_release(&m);
 */
#ifndef TESTS_UI_CANNED_H
#define TESTS_UI_CANNED_H

#include "tests/ui/kit.h"

#include "base/clock.h"
#include "ui/model.h"

#define CANNED_NOW INT64_C(1739497320000)	/* 01:42 UTC, 02:42 in Berlin */
#define CANNED_MIN INT64_C(60000)

struct canned_texts {		/* NULL: as they are */
	const char *hostile;
};

TEST_HELPER char *
canned_str(struct pool *p, const struct canned_texts *t, const char *s)
{
	return pool_str(p, t->hostile != NULL ? t->hostile : s);
}

TEST_HELPER void
canned_reading(struct model_readings *p, const struct canned_texts *t,
    const char *kind, const char *name, enum level level, const char *text,
    const char *next, const char *data, int64_t age_ms)
{
	struct reading r;
	json_error_t why;

	reading_init(&r, kind, t->hostile != NULL ? t->hostile : name);
	reading_say(&r, level, next, "%s", t->hostile ? t->hostile : text);
	r.at = CANNED_NOW - age_ms;
	json_decref(r.data);
	r.data = json_loads(data, 0, &why);
	assert_non_null(r.data);
	readings_put(&p->all, &r);
	reading_release(&r);
}

TEST_HELPER void
canned_readings(struct model *m, const struct canned_texts *t)
{
	struct model_readings *p = model_readings_begin(m);

	p->heard = CANNED_NOW - 1000;
	canned_reading(p, t, "disk", "backup", LEVEL_CRITICAL,
	    "96 % full, 1.2 GB left, full in 41 min", "midwatch cleanup --plan",
	    "{\"percent\":96,\"free\":1288490188,\"total\":32212254720,"
	    "\"bytes_per_s\":503316}", 1000);
	canned_reading(p, t, "disk", "root", LEVEL_OK, "41 % full", NULL,
	    "{\"percent\":41,\"free\":21474836480,"
	    "\"total\":42949672960}", 1000);
	canned_reading(p, t, "postgres", "otc", LEVEL_OK, "3 ms, 12 sessions",
	    NULL, "{\"login\":true}", 2000);
	canned_reading(p, t, "postgres", "gps", LEVEL_WARNING,
	    "a transaction is open for 47 min (pid 812)", "midwatch locks",
	    "{\"login\":true}", 14000);
	canned_reading(p, t, "postgres", "arp", LEVEL_CRITICAL,
	    "login refused: password authentication failed for user \"arp\"",
	    "midwatch recover arp", "{\"login\":false}", 2000);
	canned_reading(p, t, "backups", "otc", LEVEL_WARNING,
	    "newest is from 26 h ago, verified", "midwatch backup otc "
	    "--emergency", "{\"age_ms\":93600000}", 30000);
	canned_reading(p, t, "service", "web", LEVEL_OK, "active", NULL, "{}",
	    2000);
	readings_sort(&p->all);
	model_changed(m, MODEL_READINGS);
}

TEST_HELPER struct model_step *
canned_step(struct model_steps *p, const struct canned_texts *t,
    const char *id, const char *title, enum mstep_state state)
{
	struct model_step *s = VEC_NEW(&p->v);

	s->id = pool_str(&p->pool, id);
	s->title = canned_str(&p->pool, t, title);
	s->phase = pool_str(&p->pool, "secure");
	s->state = state;
	s->why = s->how = s->say = s->expect = s->stop = s->command =
	    pool_str(&p->pool, "");
	return s;
}

TEST_HELPER void
canned_steps(struct model *m, const struct canned_texts *t)
{
	struct model_steps *p = model_steps_begin(m);
	struct model_step *s;

	p->title = canned_str(&p->pool, t, "Midnight backup failure");
	s = canned_step(p, t, "own", "Take the incident", MSTEP_CONFIRMED);
	s->how = canned_str(&p->pool, t, "confirmed by ana");
	s->started = s->ended = CANNED_NOW - 37 * CANNED_MIN;
	s = canned_step(p, t, "freeze", "Freeze pipelines", MSTEP_SENSED);
	s->how = canned_str(&p->pool, t, "sensed: freeze is on");
	s = canned_step(p, t, "backup-otc", "Emergency backup of otc",
	    MSTEP_RUNNING);
	s->job = 3;
	s->command = canned_str(&p->pool, t,
	    "midwatch backup otc --emergency");
	s = canned_step(p, t, "recover-arp", "Recover the login of arp",
	    MSTEP_READY);
	s->say = canned_str(&p->pool, t, "The password in the file is not the "
	    "one that the server has. Set a new one in both places.");
	s->expect = canned_str(&p->pool, t, "login to arp works");
	s->command = canned_str(&p->pool, t, "midwatch recover arp");
	s->confirm = canned_str(&p->pool, t, "arp");
	VEC_PUSH(&s->todo, canned_str(&p->pool, t, "look at the plan"));
	*VEC_NEW(&s->proofs) = (struct model_proof){
		.text = canned_str(&p->pool, t, "login arp"),
		.why = canned_str(&p->pool, t, "password authentication failed"),
	};
	p->current = 3;
	s = canned_step(p, t, "backup-arp", "Emergency backup of arp",
	    MSTEP_BLOCKED);
	s->why = canned_str(&p->pool, t, "login arp: no");
	s = canned_step(p, t, "cleanup", "Free space on the backup disk",
	    MSTEP_FAILED);
	s->why = canned_str(&p->pool, t, "nothing may be deleted yet");
	s = canned_step(p, t, "tell", "Tell the customers", MSTEP_TODO);
	s->by_person = true;
	(void)canned_step(p, t, "check-log", "Read the log", MSTEP_DOUBT);
	(void)canned_step(p, t, "replica", "Check the replica",
	    MSTEP_NOT_APPLICABLE);
	model_changed(m, MODEL_STEPS);
}

TEST_HELPER void
canned_jobs(struct model *m, const struct canned_texts *t)
{
	struct model_jobs *p = model_jobs_begin(m);
	struct model_output *o;
	struct model_job *j = VEC_NEW(&p->v);

	j->n = 3;
	j->started = CANNED_NOW - 4 * CANNED_MIN;
	j->title = canned_str(&p->pool, t, "backup otc");
	j->step = pool_str(&p->pool, "backup-otc");
	j->by = canned_str(&p->pool, t, "ana");
	j->progress = canned_str(&p->pool, t, "otc: sending to nas");
	j->done = INT64_C(3) << 30;
	j->total = INT64_C(8) << 30;
	j->rate = INT64_C(13) << 20;
	j->eta_ms = 403000;
	j->bottleneck = canned_str(&p->pool, t, "network");
	j->running = true;
	j->lines = 3;
	o = model_output_begin(m);
	o->job = 3;
	o->lines = 3;
	VEC_PUSH(&o->v, canned_str(&o->pool, t, "dump of otc begins"));
	VEC_PUSH(&o->v, canned_str(&o->pool, t, "table orders: 1.2 GB"));
	VEC_PUSH(&o->v, canned_str(&o->pool, t, "table prices: 1.8 GB"));
	model_changed(m, MODEL_JOBS | MODEL_OUTPUT);
}

TEST_HELPER void
canned_record(struct model *m, const struct canned_texts *t)
{
	static const struct {
		int min;
		const char *kind, *text;
	} lines[] = {
		{ 38, "incident.opened", "Nightly backup failed" },
		{ 37, "role", "ana leads" },
		{ 30, "note", "fan of the NAS replaced last week" },
		{ 12, "step.done", "freeze: freeze is on" },
		{ 4, "job.started", "backup otc" },
	};
	struct model_record *p = model_record_begin(m);

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct model_entry *e = VEC_NEW(&p->v);

		e->seq = (int64_t)i + 1;
		e->at = e->rec = CANNED_NOW - lines[i].min * CANNED_MIN;
		e->kind = pool_str(&p->pool, lines[i].kind);
		e->by = canned_str(&p->pool, t, "ana");
		e->step = pool_str(&p->pool, "");
		e->text = canned_str(&p->pool, t, lines[i].text);
		e->key = i != 2;
	}
	model_changed(m, MODEL_RECORD);
}

TEST_HELPER void
canned_people(struct model *m, const struct canned_texts *t)
{
	struct model_people *p = model_people_begin(m);
	struct model_person *one;

	p->channel = canned_str(&p->pool, t, "#incident");
	one = VEC_NEW(&p->v);
	one->who = canned_str(&p->pool, t, "Database on call");
	one->phone = canned_str(&p->pool, t, "+49 30 1234567");
	one->on = canned_str(&p->pool, t, "escalate");
	one->told = canned_str(&p->pool, t, "open");
	one->told_at = CANNED_NOW - 30 * CANNED_MIN;
	one = VEC_NEW(&p->v);
	one->who = canned_str(&p->pool, t, "Head of operations");
	one->phone = canned_str(&p->pool, t, "+49 30 7654321");
	one->on = canned_str(&p->pool, t, "sev-0, data-risk");
	model_changed(m, MODEL_PEOPLE);
}

TEST_HELPER void
canned_buttons(struct model *m, const struct canned_texts *t)
{
	static const struct {
		enum request request;
		const char *why_not;
		enum rung rung;
	} all[] = {
		{ REQ_SAVE_ALL, NULL, RUNG_RUN },
		{ REQ_FREEZE, NULL, RUNG_UNDO },
		{ REQ_BACKUP, NULL, RUNG_RUN },
		{ REQ_RECOVER, NULL, RUNG_TYPE },
		{ REQ_CLEANUP, "otc and arp have no verified copy yet",
		    RUNG_TYPE },
		{ REQ_VALIDATE, NULL, RUNG_RUN },
		{ REQ_PRECHECK, "not built into this version yet", RUNG_RUN },
		{ REQ_UPDATE, NULL, RUNG_ASK },
	};
	struct model_buttons *p = model_buttons_begin(m);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct model_button *b = VEC_NEW(&p->v);

		b->request = all[i].request;
		b->rung = all[i].rung;
		b->why_not = all[i].why_not == NULL ? NULL :
		    canned_str(&p->pool, t, all[i].why_not);
		b->target = canned_str(&p->pool, t, "arp");
		b->command = canned_str(&p->pool, t, "midwatch recover arp");
		b->effect = canned_str(&p->pool, t,
		    "the password of role arp is set anew");
		b->undo = canned_str(&p->pool, t, "none: the old one is gone");
		b->action = pool_str(&p->pool, requests[b->request].word);
	}
	model_changed(m, MODEL_BUTTONS);
}

TEST_HELPER void
canned_fill(struct model *m, const struct canned_texts *t)
{
	struct model_head *h = model_head_begin(m);
	struct model_notices *n;

	kit_utf8();
	assert_true(clock_zone_set("Europe/Berlin", NULL));
	m->now = CANNED_NOW;
	h->env = ENV_PRODUCTION;
	h->environment = canned_str(&h->pool, t, "production");
	h->host = canned_str(&h->pool, t, "bastion");
	h->site = canned_str(&h->pool, t, "trading");
	h->zone = pool_str(&h->pool, "Europe/Berlin");
	h->state = INC_OPEN;
	h->incident = pool_str(&h->pool, "INC-20250214-0104");
	h->title = canned_str(&h->pool, t, "Nightly backup failed");
	h->severity = pool_str(&h->pool, "SEV-1");
	h->opened = CANNED_NOW - 38 * CANNED_MIN;
	h->next_update = CANNED_NOW + 4 * CANNED_MIN;
	h->frozen = true;
	h->triage = canned_str(&h->pool, t, "customers: fine \u00b7 last "
	    "restorable OTC 26 h, GPS 26 h, ARP never \u00b7 disk full in 41 "
	    "min");
	h->now = canned_str(&h->pool, t, "Recover the login of arp: its data "
	    "has no copy at all.");
	h->now_why = canned_str(&h->pool, t, "backup otc is running, 6 min to "
	    "go; nothing else waits for it.");
	h->now_level = LEVEL_WARNING;
	h->now_key = REQ_RUN;
	VEC_PUSH(&h->others, canned_str(&h->pool, t, "ben"));
	canned_readings(m, t);
	canned_steps(m, t);
	canned_jobs(m, t);
	canned_record(m, t);
	canned_people(m, t);
	canned_buttons(m, t);
	n = model_notices_begin(m);
	*VEC_NEW(&n->v) = (struct model_notice){ LEVEL_WARNING,
		canned_str(&n->pool, t, "a logout would kill running jobs"),
		canned_str(&n->pool, t, "loginctl enable-linger") };
	model_changed(m, MODEL_ALL);
}

TEST_HELPER void
canned_incident(struct model *m)
{
	const struct canned_texts t = { NULL };

	canned_fill(m, &t);
}

TEST_HELPER void
canned_hostile(struct model *m)
{
	const struct canned_texts t = { "\033]0;x\007\033[2J\xff\u202eabc\n"
	    "\xe2\x80\x8b\u65e5\u672c\U0001f525 e\u0301\u0301\u0301\u0301" };

	canned_fill(m, &t);
}

TEST_HELPER void
canned_quiet(struct model *m)
{
	const struct canned_texts t = { NULL };
	struct model_head *h;
	struct model_readings *p;

	canned_fill(m, &t);
	(void)model_steps_begin(m);
	(void)model_jobs_begin(m);
	(void)model_output_begin(m);
	(void)model_record_begin(m);
	(void)model_notices_begin(m);
	h = model_head_begin(m);
	h->env = ENV_OTHER;
	h->environment = pool_str(&h->pool, "staging");
	h->host = pool_str(&h->pool, "bastion");
	h->site = pool_str(&h->pool, "trading");
	h->zone = pool_str(&h->pool, "Europe/Berlin");
	h->triage = pool_str(&h->pool, "every database was restorable tonight");
	h->now = pool_str(&h->pool, "Nothing to do.");
	p = model_readings_begin(m);
	p->heard = CANNED_NOW - 1000;
	canned_reading(p, &t, "disk", "root", LEVEL_OK, "41 % full", NULL, "{}",
	    1000);
	canned_reading(p, &t, "postgres", "otc", LEVEL_OK, "3 ms", NULL, "{}",
	    1000);
	model_changed(m, MODEL_ALL);
}

#endif
