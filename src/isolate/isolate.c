#include "isolate/isolate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "isolate/intern.h"
#include "watch/watch.h"

enum { READ_MS = 25000, HISTORY_MS = 2 * DAY_MS, AT_ONCE = 7, TEXT_MAX = 400,
	REASON_MAX = 200, REASONS_MAX = 4 };

/* ---- what the files of this room share ------------------------------------- */

void
isolate_unseen(struct isolate *i, const char *fmt, ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	VEC_PUSH(&i->unseen, buf_detach(&clean));
	buf_release(&b);
}

void
isolate_change(struct isolate *i, int64_t at, const char *fmt, ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	buf_cut(&clean, text_fit(clean.p, clean.n, TEXT_MAX));
	VEC_PUSH(&i->changes, ((struct change){ buf_detach(&clean), at }));
	buf_release(&b);
}

bool
isolate_stopped(struct isolate *i)
{
	return i->stop != NULL && i->stop(i->ctx);
}

/* Who looks; a place hands nothing on. */
static struct isolate *looking;

bool
isolate_given_up(void *unused)
{
	(void)unused;
	return looking != NULL && isolate_stopped(looking);
}

void
isolate_doing(struct isolate *i, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (i->say == NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	i->say(i->ctx, b.p);
	buf_release(&b);
}

/* ---- looking ---------------------------------------------------------------- */

static void
keep_readings(struct isolate *i)
{
	struct buf b = BUF_INIT;

	for (size_t k = 0; k < i->readings.v.n; k++)
		reading_write(&i->readings.v.v[k], &b);
	(void)evidence_put(&i->evidence, "readings.jsonl",
	    "everything that was read", b.p, b.n, false);
	buf_release(&b);
}

static void
weigh(struct isolate *i)
{
	VEC(struct cause_walk) walks = { 0 };
	struct cause_input in = { .site = i->site, .readings = &i->readings,
		.lines = &i->lines, .sums = i->sums.v, .n_sums = i->sums.n,
		.overlaps = (const char *const *)i->overlaps.v,
		.n_overlaps = i->overlaps.n,
		.refusals = (const char *const *)i->refusals.v,
		.n_refusals = i->refusals.n, .now = i->now };

	for (size_t k = 0; k < i->walks.n; k++)
		VEC_PUSH(&walks, ((struct cause_walk){ i->walks.v[k].disk,
		    &i->walks.v[k].walk }));
	in.walks = walks.v;
	in.n_walks = walks.n;
	causes_weigh(&i->causes, &in);
	VEC_RELEASE(&walks);
}

void
isolate_look(struct isolate *i)
{
	struct err e = ERR_INIT;

	looking = i;
	i->now = clock_wall_ms();
	i->lines.since = i->now - HISTORY_MS;
	if (alarms_open(&i->alarms, i->site, &e))
		i->lines.alarms = &i->alarms;
	else
		isolate_unseen(i, "the table of alarms: %s", e.msg);
	isolate_doing(i, "everything is read once");
	watch_round(i->site, i->state, NULL, 0, clock_mono_ms() + READ_MS,
	    &i->readings);
	keep_readings(i);
	look_at_places(i);
	look_at_databases(i);
	look_at_sums(i);
	weigh(i);
	looking = NULL;
}

/* ---- into the record -------------------------------------------------------- */

/* Lines are appended a few at a time: one lock, one sync for all of them. */
struct batch {
	struct incident *inc;
	struct isolate *i;
	struct draft d[AT_ONCE];
	char *text[AT_ONCE];
	struct buf data[AT_ONCE];
	size_t n;
	bool ok;
	struct err *e;
};

static void
flush(struct batch *b)
{
	if (b->n > 0 && b->ok) {
		b->ok = incident_append(b->inc, b->d, b->n, NULL, NULL, NULL,
		    b->e);
		b->i->said += b->ok ? b->n : 0;
	}
	for (size_t k = 0; k < b->n; k++) {
		free(b->text[k]);
		buf_release(&b->data[k]);
	}
	b->n = 0;
}

/* Opens the data of the next line; line_end() closes it. */
static struct buf *
line_begin(struct batch *b, enum event_kind kind, int64_t at, const char *text)
{
	struct buf *data;

	if (b->n == AT_ONCE - 1)
		flush(b);
	data = &b->data[b->n];
	*data = (struct buf)BUF_INIT;
	b->text[b->n] = xstrdup(text);
	b->d[b->n] = (struct draft){ .kind = kind, .at = at,
		.text = b->text[b->n] };
	json_open(data);
	json_put_str(data, "source", "isolate");
	return data;
}

static void
line_end(struct batch *b)
{
	json_close(&b->data[b->n]);
	b->d[b->n].data = b->data[b->n].p;
	b->n++;
}

/* Whether some line of ours has that value. */
static bool
has_said(const struct incident *inc, const char *key, const char *value)
{
	for (size_t k = 0; k < inc->entries.n; k++) {
		const json_t *data = inc->entries.v[k].data;
		const char *source = json_get_str(data, "source");
		const char *got = json_get_str(data, key);

		if (got != NULL && source != NULL &&
		    strcmp(source, "isolate") == 0 && strcmp(got, value) == 0)
			return true;
	}
	return false;
}

/* A login that was mended tonight is no less a cause of the night. */
static void
know_recovery(struct isolate *i, const struct inc_entry *en)
{
	const char *action = json_get_str(en->data, "action");
	const char *outcome = json_get_str(en->data, "outcome");
	const char *no = json_get_str(en->data, "no");
	const char *db = json_get_str(en->data, "db");
	char at[40];

	if (action == NULL || strcmp(action, "recover") != 0 || db == NULL ||
	    outcome == NULL || strcmp(outcome, "proven") != 0 ||
	    no == NULL)
		return;
	clock_fmt_site(at, en->at);
	VEC_PUSH(&i->refusals, xprintf("%s: its login was refused (%s) until it was "
	    "recovered at %.16s (line %" PRId64 " of the record)", db, no, at,
	    en->seq));
}

void
isolate_know(struct isolate *i, const struct incident *inc)
{
	for (size_t k = 0; k < inc->entries.n; k++)
		know_recovery(i, &inc->entries.v[k]);
	for (size_t k = 0; k < inc->entries.n; k++) {
		const json_t *data = inc->entries.v[k].data;
		const char *source = json_get_str(data, "source");
		const char *sha = json_get_str(data, "sha256");

		if (sha != NULL && source != NULL &&
		    strcmp(source, "isolate") == 0)
			evidence_know(&i->evidence, sha);
	}
}

static void
journal_files(struct batch *b)
{
	const struct evidence *ev = &b->i->evidence;
	const char *folder = strrchr(ev->dir, '/');

	for (size_t k = 0; k < ev->v.n; k++) {
		const struct evidence_file *f = &ev->v.v[k];
		char *path = xprintf("evidence%s/%s", folder != NULL ? folder :
		    "", f->name);
		char size[16], *text;
		struct buf *data;

		text_fmt_size(size, f->size);
		text = xprintf("%s (%s%s)", f->what, size, f->copied ? "" :
		    ", not copied");
		if (f->known)
			b->i->said_before++;
		else {
			data = line_begin(b, EVENT_EVIDENCE, 0, text);
			json_put_str(data, "what", f->what);
			json_put_str(data, "path", f->copied ? path : NULL);
			json_put_int(data, "size", f->size);
			json_put_str(data, "sha256", f->sha256);
			json_put_bool(data, "copied", f->copied);
			json_put_bool(data, "cut", f->cut);
			json_put_int(data, "masked", (int64_t)f->masked);
			json_put_str(data, "why", f->why);
			line_end(b);
		}
		free(path);
		free(text);
	}
}

static void
journal_lines(struct batch *b)
{
	const struct lines *l = &b->i->lines;

	for (size_t k = 0; k < l->v.n; k++) {
		const struct line_found *f = &l->v.v[k];
		char *text = xprintf("log %s: %s", f->log, f->text);
		struct buf *data;

		if (has_said(b->inc, "key", f->key))
			b->i->said_before++;
		else {
			data = line_begin(b, EVENT_EVIDENCE, f->at, text);
			json_put_str(data, "log", f->log);
			json_put_str(data, "alarm", f->alarm);
			json_put_str(data, "key", f->key);
			json_put_bool(data, "own_time", f->timed);
			line_end(b);
		}
		free(text);
	}
}

static void
journal_changes(struct batch *b)
{
	for (size_t k = 0; k < b->i->changes.n; k++) {
		const struct change *c = &b->i->changes.v[k];
		char *key = xprintf("%" PRId64 " %s", c->at / 1000, c->text);
		struct buf *data;

		if (has_said(b->inc, "changed", key))
			b->i->said_before++;
		else {
			data = line_begin(b, EVENT_EVIDENCE, c->at, c->text);
			json_put_str(data, "changed", key);
			line_end(b);
		}
		free(key);
	}
}

/* Counts grow, so each run has its own. */
static void
journal_logins(struct batch *b)
{
	for (size_t k = 0; k < b->i->lines.logins.n && k < 20; k++) {
		const struct login_count *l = &b->i->lines.logins.v[k];
		char *key = xprintf("%s|%s|%" PRId64 "|%" PRId64, l->role,
		    l->address, l->times, l->last);
		struct buf text = BUF_INIT, *data, clean = BUF_INIT;

		buf_printf(&text, "failed logins: %s%s%s, %" PRId64 " time%s",
		    l->role[0] != '\0' ? l->role : "a role that is not named",
		    l->address[0] != '\0' ? " from " : "", l->address,
		    l->times, l->times == 1 ? "" : "s");
		text_clean(&clean, text.p, text.n, TEXT_LINE);
		if (has_said(b->inc, "logins", key))
			b->i->said_before++;
		else {
			data = line_begin(b, EVENT_EVIDENCE, l->last, clean.p);
			json_put_str(data, "logins", key);
			json_put_str(data, "role", l->role);
			json_put_str(data, "address", l->address);
			json_put_int(data, "times", l->times);
			line_end(b);
		}
		free(key);
		buf_release(&text);
		buf_release(&clean);
	}
}

static void
put_reasons(struct buf *data, const char *key, const struct reasons *r)
{
	json_key(data, key);
	json_open_list(data);
	for (size_t k = 0; k < r->v.n && k < REASONS_MAX; k++) {
		size_t n = strlen(r->v.v[k]);

		json_comma(data);
		json_textn(data, r->v.v[k], text_fit(r->v.v[k], n, REASON_MAX));
	}
	json_close_list(data);
}

/* The line of the hypothesis about that cause, 0: there is none. */
static int64_t
suspicion_of(const struct incident *inc, const char *cause)
{
	for (size_t k = 0; k < inc->entries.n; k++) {
		const struct inc_entry *en = &inc->entries.v[k];
		const char *got = json_get_str(en->data, "cause");

		if (en->kind == EVENT_HYPOTHESIS && got != NULL &&
		    strcmp(got, cause) == 0)
			return en->seq;
	}
	return 0;
}

static void
journal_suspicion(struct batch *b, const struct cause *c)
{
	struct buf *data, text = BUF_INIT;

	buf_str(&text, c->text);
	if (c->speaks_for.v.n > 0)
		buf_printf(&text, ": %s", c->speaks_for.v.v[0]);
	buf_cut(&text, text_fit(text.p, text.n, TEXT_MAX));
	data = line_begin(b, EVENT_HYPOTHESIS, 0, text.p);
	json_put_str(data, "cause", c->name);
	put_reasons(data, "for", &c->speaks_for);
	put_reasons(data, "against", &c->against);
	put_reasons(data, "unknown", &c->unknown);
	line_end(b);
	buf_release(&text);
}

/* Hardware is the first suspicion of many a night: that it is not is news. Only
 * what nobody has spoken about is ruled out by a reading. */
static void
rule_out(struct batch *b, const struct cause *c)
{
	struct buf *data;
	int64_t of;

	journal_suspicion(b, c);
	flush(b);
	if (!b->ok || !incident_poll(b->inc, b->e))
		return;
	of = suspicion_of(b->inc, c->name);
	data = line_begin(b, EVENT_RULED_OUT, 0, c->against.v.v[0]);
	json_put_int(data, "of", of);
	json_put_str(data, "cause", c->name);
	put_reasons(data, "against", &c->against);
	line_end(b);
}

static void
journal_causes(struct batch *b)
{
	for (size_t k = 0; k < b->i->causes.v.n && b->ok; k++) {
		const struct cause *c = &b->i->causes.v.v[k];

		if (c->verdict == CAUSE_UNKNOWN || (c->verdict ==
		    CAUSE_UNLIKELY && c->id != CAUSE_HARDWARE))
			continue;
		if (suspicion_of(b->inc, c->name) != 0)
			b->i->said_before++;
		else if (c->verdict == CAUSE_SUSPECTED)
			journal_suspicion(b, c);
		else
			rule_out(b, c);
	}
}

bool
isolate_journal(struct isolate *i, struct incident *inc, struct err *e)
{
	struct batch b = { .inc = inc, .i = i, .ok = true, .e = e };

	if (!incident_poll(inc, e))
		return false;
	journal_lines(&b);
	journal_changes(&b);
	journal_logins(&b);
	journal_files(&b);
	flush(&b);
	journal_causes(&b);
	flush(&b);
	return b.ok;
}

void
isolate_release(struct isolate *i)
{
	evidence_release(&i->evidence);
	readings_release(&i->readings);
	lines_release(&i->lines);
	alarms_release(&i->alarms);
	for (size_t k = 0; k < i->walks.n; k++) {
		free(i->walks.v[k].disk);
		walk_release(&i->walks.v[k].walk);
	}
	VEC_RELEASE(&i->walks);
	for (size_t k = 0; k < i->sums.n; k++) {
		free(i->sums.v[k].store);
		free(i->sums.v[k].path);
		free(i->sums.v[k].why);
	}
	VEC_RELEASE(&i->sums);
	for (size_t k = 0; k < i->changes.n; k++)
		free(i->changes.v[k].text);
	VEC_RELEASE(&i->changes);
	for (size_t k = 0; k < i->overlaps.n; k++)
		free(i->overlaps.v[k]);
	VEC_RELEASE(&i->overlaps);
	for (size_t k = 0; k < i->refusals.n; k++)
		free(i->refusals.v[k]);
	VEC_RELEASE(&i->refusals);
	for (size_t k = 0; k < i->unseen.n; k++)
		free(i->unseen.v[k]);
	VEC_RELEASE(&i->unseen);
	causes_release(&i->causes);
}
