#include "ui/plain.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "ui/plain_intern.h"

enum { RECENT = 12, READY_MS = 4000, SETTLE_MS = 15000 };

static void menu(struct plain *p);

/* ---- saying -------------------------------------------------------------------- */

void
plain_say(const char *fmt, ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	buf_ch(&clean, '\n');
	(void)io_write_all(STDOUT_FILENO, clean.p, clean.n);
	buf_release(&b);
	buf_release(&clean);
}

static void
say_at(int64_t at, const char *text)
{
	char when[16];

	clock_fmt_short(when, at);
	plain_say("[%s] %s", when, text);
}

void
plain_if(const char *label, const char *text)
{
	if (text != NULL && *text != '\0')
		plain_say("%s: %.*s", label, LINE_LONG, text);
}

/* A text of several lines, one fact a line. */
void
plain_lines(const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		if (n > 0)
			plain_say("  %.*s", (int)n, text);
		text += n;
		text += *text == '\n';
	}
}

void
plain_prompt(const char *text)
{
	struct buf clean = BUF_INIT;

	text_clean(&clean, text, strlen(text), TEXT_LINE);
	(void)io_write_all(STDOUT_FILENO, clean.p, clean.n);
	buf_release(&clean);
}

/* ---- pages ---------------------------------------------------------------------- */

static void
head(struct plain *p)
{
	const struct model_head *h = &p->m.head;
	char took[32], site_time[16], utc[32];

	clock_fmt_short(site_time, p->m.now);
	clock_fmt_utc(utc, p->m.now);
	plain_say("time: %s%s%s, %.19sZ", site_time, h->zone != NULL && *h->zone ?
	    " " : "", h->zone ? h->zone : "", utc);
	plain_say("where: %s on %s, environment %s", h->site && *h->site ? h->site :
	    "no site file", h->host ? h->host : "?", h->environment &&
	    *h->environment ? h->environment : "unknown");
	if (h->state == INC_NONE)
		plain_say("incident: none is open");
	else {
		text_fmt_duration(took, (h->resolved ? h->resolved :
		    p->m.now) - h->opened);
		plain_say("incident: %s, %s, %s, for %s: %s", h->incident,
		    inc_state_name(h->state), h->severity, took, h->title);
	}
	plain_say("freeze: %s", h->freeze_unknown ? "unknown" : h->frozen ? "FROZEN" :
	    "not frozen");
	plain_if("triage", h->triage);
	plain_if("now", h->now);
	plain_if("because", h->now_why);
	plain_say("safe to stop here: %s", h->safe_to_stop ? "yes" : "no");
	for (size_t i = 0; i < p->m.notices.v.n; i++)
		plain_say("notice: %s", p->m.notices.v.v[i].text);
}

static void
page_now(struct plain *p, const char *arg)
{
	(void)arg;
	head(p);
	menu(p);
}

static void
page_steps(struct plain *p, const char *arg)
{
	const struct model_steps *s = &p->m.steps;

	(void)arg;
	if (s->v.n == 0)
		plain_say("there are no steps: %s", p->m.head.state == INC_NONE ?
		    "no incident is open" : "the incident follows no runbook");
	for (size_t i = 0; i < s->v.n; i++) {
		const struct model_step *st = &s->v.v[i];

		plain_say("step %zu, %s: %s, %s%s%s%s", i + 1, st->id,
		    mstep_glance(st->state), mstep_word(st->state),
		    st->why && *st->why ? " (" : "", st->why ? st->why : "",
		    st->why && *st->why ? ")" : "");
		plain_say("  %s", st->title);
	}
}

void
plain_step(struct plain *p, const char *arg)
{
	const struct model_step *s = model_step(&p->m, arg);

	if (s == NULL) {
		plain_say("there is no step '%s'; 'steps' lists them", arg);
		return;
	}
	plain_say("step %s: %s, %s", s->id, mstep_glance(s->state),
	    mstep_word(s->state));
	plain_if("title", s->title);
	plain_if("why", s->why);
	plain_if("how it is known", s->how);
	plain_if("say", s->say);
	for (size_t i = 0; i < s->todo.n; i++)
		plain_say("do %zu: %s", i + 1, s->todo.v[i]);
	plain_if("expect", s->expect);
	for (size_t i = 0; i < s->proofs.n; i++)
		plain_say("%s: %s%s%s", s->proofs.v[i].text, s->proofs.v[i].truth ==
		    1 ? "yes" : s->proofs.v[i].truth == 0 ? "no" :
		    s->proofs.v[i].truth == MODEL_NOT_ASKED ?
		    "not looked at yet" : "unknown",
		    s->proofs.v[i].why ? ", " : "", s->proofs.v[i].why ?
		    s->proofs.v[i].why : "");
	plain_if("stop here", s->stop);
	plain_if("command", s->command);
}

static void
page_readings(struct plain *p, const char *arg)
{
	const struct readings *all = &p->m.readings.all;
	size_t well = 0;
	bool every = strcmp(arg, "all") == 0;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct reading *r = &all->v.v[i];
		char age[32] = "";

		if (r->level == LEVEL_OK && !every) {
			well++;
			continue;
		}
		if (r->stale && r->since != 0)
			text_fmt_duration(age, p->m.now - r->since);
		plain_say("%s %s: %s: %s%s%s%s%s", r->kind, r->name,
		    level_name(r->level), r->error ? r->error : r->text ?
		    r->text : "", *age ? ", last answer " : "", age, r->next ?
		    "; next: " : "", r->next ? r->next : "");
	}
	if (all->v.n == 0)
		plain_say("no reading has come yet");
	else if (!every)
		plain_say("%zu more are well; 'readings all' says them too", well);
}

static void
page_record(struct plain *p, const char *arg)
{
	const struct model_record *r = &p->m.record;
	size_t from = strcmp(arg, "all") == 0 || r->v.n < RECENT ? 0 :
	    r->v.n - RECENT;

	if (r->v.n == 0)
		plain_say("the record is empty");
	for (size_t i = from; i < r->v.n; i++) {
		const struct model_entry *en = &r->v.v[i];
		char at[16];

		clock_fmt_short(at, en->at);
		plain_say("line %" PRId64 ", %s, %s, %s%s%s: %.*s%s%s", en->seq, at,
		    en->by, en->kind, *en->step ? ", step " : "", en->step,
		    LINE_LONG, en->corrected ? en->corrected : en->text,
		    en->pinned ? " (pinned)" : "", en->saving ? " (SAVING)" :
		    "");
	}
}

static void
page_jobs(struct plain *p, const char *arg)
{
	const struct model_jobs *jobs = &p->m.jobs;

	(void)arg;
	if (jobs->v.n == 0)
		plain_say("no job has run yet");
	for (size_t i = 0; i < jobs->v.n; i++) {
		const struct model_job *j = &jobs->v.v[i];

		plain_say("job %" PRId64 ": %s: %s%s%s", j->n, j->title, j->running ?
		    "running" : j->vanished ? "vanished, its outcome is not "
		    "known" : j->outcome ? j->outcome : "ended", j->running &&
		    j->progress ? ", " : "", j->running && j->progress ?
		    j->progress : "");
	}
}

static void
page_people(struct plain *p, const char *arg)
{
	const struct model_people *all = &p->m.people;

	(void)arg;
	plain_if("channel", all->channel);
	for (size_t i = 0; i < all->v.n; i++) {
		const struct model_person *one = &all->v.v[i];
		char at[16];

		clock_fmt_short(at, one->told_at);
		plain_say("%s: %s; told on %s%s%s%s%s", one->who, *one->phone ?
		    one->phone : "no number", one->on, one->told ? "; was told "
		    : "", one->told ? one->told : "", one->told ? " at " : "",
		    one->told ? at : "");
	}
	if (all->v.n == 0)
		plain_say("the site names no contacts");
}

static void
page_buttons(struct plain *p, const char *arg)
{
	(void)arg;
	for (size_t i = 0; i < p->m.buttons.v.n; i++) {
		const struct model_button *b = &p->m.buttons.v.v[i];
		const char *word = requests[b->request].word;

		if (b->why_not != NULL)
			plain_say("[%s]: not now: %s", word, b->why_not);
		else
			plain_say("%s: %s", word, b->effect);
	}
}

/* ---- choices ------------------------------------------------------------------------ */

static void
take_leave(struct plain *p, const char *arg)
{
	(void)arg;
	p->end = true;
}

static void take_help(struct plain *p, const char *arg);

static const struct command {
	const char *word, *help;
	void (*take)(struct plain *p, const char *arg);
	bool in_menu;
} commands[] = {
	{ "run", "run [STEP]: the step that is to be done now, or that one",
	    plain_run_step, true },
	{ "note", "note [TEXT]: into the record", plain_note, true },
	{ "steps", "every step and its state", page_steps, true },
	{ "step", "step ID: all that is known of it", plain_step, false },
	{ "readings", "readings [all]: what is not well, or everything",
	    page_readings, true },
	{ "record", "record [all]: the newest lines, or all", page_record,
	    true },
	{ "jobs", "what runs and what has run", page_jobs, true },
	{ "buttons", "what else can be done; each is a word to type",
	    page_buttons, true },
	{ "people", "phone numbers, and who was told what", page_people, true },
	{ "decide", "decide [TEXT]: a decision and its reason", plain_decide,
	    false },
	{ "theory", "theory [TEXT]: a suspected cause", plain_theory, false },
	{ "skip", "skip STEP: leave it out, with a reason", plain_skip, false },
	{ "cancel", "cancel JOB: stop it and all it has started", plain_cancel,
	    false },
	{ "open", "open [TITLE]: an incident", plain_open, false },
	{ "severity", "severity SEV-n WHY", plain_severity, false },
	{ "role", "role ROLE [WHO]: taken, or given to somebody", plain_role,
	    false },
	{ "told", "told WHO [OCCASION]: somebody was told by hand", plain_told,
	    false },
	{ "now", "where we are, and the choices", page_now, false },
	{ "help", "every word that can be typed", take_help, true },
	{ "q", "leave; jobs go on", take_leave, true },
};

static void
take_help(struct plain *p, const char *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		plain_say("%s: %s", commands[i].word, commands[i].help);
	page_buttons(p, "");
}

static void
choices_clear(struct plain *p)
{
	for (size_t i = 0; i < p->choices.n; i++) {
		free(p->choices.v[i].label);
		free(p->choices.v[i].arg);
	}
	p->choices.n = 0;
}

static void
offer(struct plain *p, void (*take)(struct plain *, const char *),
    const char *arg, char *label)
{
	struct choice *c = VEC_NEW(&p->choices);

	*c = (struct choice){ .label = label, .take = take,
	    .arg = xstrdup(arg) };
	plain_say("%zu: %s", p->choices.n, label);
}

static void
take_save(struct plain *p, const char *arg)
{
	const struct model_button *b = model_button(&p->m, REQ_SAVE_ALL);

	(void)arg;
	if (b != NULL)
		plain_press(p, REQ_SAVE_ALL, "");
}

static void
menu(struct plain *p)
{
	const struct model_button *save = model_button(&p->m, REQ_SAVE_ALL);
	const struct model_steps *s = &p->m.steps;

	choices_clear(p);
	plain_say("choices, by number or word:");
	if (save != NULL && save->why_not == NULL)
		offer(p, take_save, "", xstrdup("save everything that has no "
		    "verified copy"));
	if (p->m.head.state == INC_OPEN && s->current < s->v.n)
		offer(p, plain_run_step, s->v.v[s->current].id,
		    xprintf("step %s: %s", s->v.v[s->current].id,
		    s->v.v[s->current].title));
	if (p->m.head.state == INC_NONE)
		offer(p, plain_open, "", xstrdup("open an incident"));
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (commands[i].in_menu && strcmp(commands[i].word, "run") != 0)
			offer(p, commands[i].take, "",
			    xprintf("%s", commands[i].word));
}

/* ---- what is typed --------------------------------------------------------------------- */

static bool
take_button(struct plain *p, const char *word, const char *arg)
{
	enum request r = request_find(word);
	const struct model_button *b = r != REQ_NONE ? model_button(&p->m, r) :
	    NULL;

	if (b == NULL)
		return false;
	if (r == REQ_OPEN_INCIDENT && b->why_not == NULL)
		plain_open(p, arg);
	else
		plain_press(p, r, arg);
	return true;
}

/* Taking it may make the choices anew. */
static void
take_offered(struct plain *p, size_t i, const char *arg)
{
	struct choice c = p->choices.v[i];
	char *word = xstrdup(*arg ? arg : c.arg);

	c.take(p, word);
	free(word);
}

/* "open an incident" is what the list says, and no incident called "an incident". */
static bool
take_label(struct plain *p, const char *line)
{
	for (size_t i = 0; i < p->choices.n; i++)
		if (strcmp(p->choices.v[i].label, line) == 0) {
			take_offered(p, i, "");
			return true;
		}
	return false;
}

static void
take_choice(struct plain *p, char *line)
{
	char *arg = line + strcspn(line, " ");
	int64_t n;

	if (take_label(p, line))
		return;
	if (*arg != '\0')
		*arg++ = '\0';
	arg += strspn(arg, " ");
	if (*line == '\0') {
		page_now(p, "");
		return;
	}
	if (text_int(line, 1, CHOICES_MAX, &n)) {
		if ((size_t)n > p->choices.n)
			plain_say("there is no choice %s", line);
		else
			take_offered(p, (size_t)n - 1, arg);
		return;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(line, commands[i].word) == 0) {
			commands[i].take(p, arg);
			return;
		}
	if (!take_button(p, line, arg))
		plain_say("'%s' is nothing that can be typed here; 'help' lists it",
		    line);
}

static void
take_line(struct plain *p, char *line)
{
	if (p->asking == ASK_CHOICE)
		take_choice(p, line);
	else
		plain_answer(p, line);
}

/* ---- announcing -------------------------------------------------------------------------- */

/* True: it is in another state than it was told in. */
static bool
is_new(struct plain *p, const char *kind, const char *name, int state)
{
	char *what = xprintf("%s %s", kind, name);
	struct told *t;

	for (size_t i = 0; i < p->told.n; i++) {
		t = &p->told.v[i];
		if (strcmp(t->what, what) != 0)
			continue;
		bool differs = t->state != state;

		t->state = state;
		free(what);
		return differs;
	}
	t = VEC_NEW(&p->told);
	t->what = what;
	t->state = state;
	return true;
}

static void
announce_readings(struct plain *p)
{
	const struct readings *all = &p->m.readings.all;

	for (size_t i = 0; i < all->v.n; i++) {
		const struct reading *r = &all->v.v[i];
		struct buf b = BUF_INIT;
		bool was_told = p->told.n > 0;

		if (!is_new(p, r->kind, r->name, (int)r->level) || p->quiet ||
		    (r->level == LEVEL_OK && !was_told))
			continue;
		buf_printf(&b, "%s %s: %s: %s", r->kind, r->name,
		    level_name(r->level), r->error ? r->error : r->text ?
		    r->text : "");
		say_at(r->at, b.p);
		buf_release(&b);
	}
}

static bool
knows_steps(const struct plain *p)
{
	for (size_t i = 0; i < p->told.n; i++)
		if (text_starts(p->told.v[i].what, "step "))
			return true;
	return false;
}

/* A runbook that has just come is no change of each of its steps. */
static void
announce_steps(struct plain *p)
{
	bool first = !knows_steps(p) && p->m.steps.v.n > 0;
	bool quiet = p->quiet;

	if (first && !quiet)
		plain_say("steps: %zu, 'steps' lists them", p->m.steps.v.n);
	p->quiet = quiet || first;
	for (size_t i = 0; i < p->m.steps.v.n; i++) {
		const struct model_step *s = &p->m.steps.v.v[i];
		char *text;

		if (!is_new(p, "step", s->id, (int)s->state) || p->quiet)
			continue;
		text = xprintf("step %s: %s, %s%s%s", s->id,
		    mstep_glance(s->state), mstep_word(s->state),
		    s->why && *s->why ? ": " : "", s->why ? s->why : "");
		say_at(p->m.now, text);
		free(text);
	}
	p->quiet = quiet;
}

static void
announce_jobs(struct plain *p)
{
	for (size_t i = 0; i < p->m.jobs.v.n; i++) {
		const struct model_job *j = &p->m.jobs.v.v[i];
		char name[24], *text;

		(void)snprintf(name, sizeof name, "%" PRId64, j->n);
		if (!is_new(p, "job", name, j->running) || p->quiet)
			continue;
		text = xprintf("job %s (%s): %s", name, j->title, j->running ?
		    "begins" : j->vanished ? "vanished" : j->outcome ?
		    j->outcome : "ended");
		say_at(p->m.now, text);
		free(text);
	}
}

/* Lines of others, and what happened by itself. */
static void
announce_entries(struct plain *p)
{
	for (size_t i = 0; i < p->m.record.v.n; i++) {
		const struct model_entry *en = &p->m.record.v.v[i];
		char *text;

		if (en->saving || en->seq <= p->last_seq)
			continue;
		p->last_seq = en->seq;
		if (p->quiet)
			continue;
		text = xprintf("%s, %s%s%s: %.*s", en->by, en->kind, *en->step ?
		    " " : "", en->step, LINE_LONG, en->text);
		say_at(en->at, text);
		free(text);
	}
}

static void
announce(struct plain *p)
{
	unsigned changed = p->m.changed;

	p->m.changed = 0;
	if (changed & MODEL_RECORD) {
		/* another incident counts from its own beginning */
		if (p->m.record.v.n == 0)
			p->last_seq = 0;
		announce_entries(p);
	}
	if (changed & MODEL_STEPS)
		announce_steps(p);
	if (changed & MODEL_JOBS)
		announce_jobs(p);
	if (changed & MODEL_READINGS)
		announce_readings(p);
	if (p->m.answer.count != p->answers) {
		p->answers = p->m.answer.count;
		p->settle_at = clock_mono_ms() + SETTLE_MS;
		plain_say("%s: %s", p->m.answer.bad ? "ERROR" : "ok",
		    p->m.answer.text);
	}
	if (p->m.page.count != p->paged)
		plain_paged(p);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* A script says its next line when the last one has been answered and the steps
 * are what they have become by it. */
static bool
busy(const struct plain *p)
{
	if (p->person)
		return false;
	return p->w.asked.n > 0 || (p->w.incident != NULL &&
	    p->w.steps_came < p->w.steps_owed && clock_mono_ms() < p->settle_at);
}

static void
hear(struct plain *p)
{
	ssize_t n = io_read_some(STDIN_FILENO, &p->in, 4096);
	char *nl;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		p->input_ended = true;
	if (p->input_ended && p->in.n > 0)
		buf_ch(&p->in, '\n');
	while (!p->end && p->in.n > 0 &&
	    (nl = memchr(p->in.p, '\n', p->in.n)) != NULL) {
		size_t len = (size_t)(nl - p->in.p);
		char *line = xstrndup(p->in.p, len);
		size_t keep = strlen(line);

		buf_drop(&p->in, len + 1);
		while (keep > 0 && isspace((unsigned char)line[keep - 1]))
			line[--keep] = '\0';
		take_line(p, line);
		free(line);
		talk_turn(&p->w, clock_wall_ms());
		announce(p);
		/* a script's next line waits for what this one began */
		if (busy(p))
			break;
	}
}

static bool
line_waits(const struct plain *p)
{
	return p->in.n > 0 && memchr(p->in.p, '\n', p->in.n) != NULL;
}

static void
turn(struct plain *p)
{
	struct pollfd fds[CHILDREN_POLLS + 1];
	int64_t now = clock_mono_ms(), until = children_next(&p->l);
	size_t n;

	if (line_waits(p) && !busy(p))
		until = now;
	else if (until > now + 1000)
		until = now + 1000;
	n = children_polls(&p->l, fds);
	if (!p->input_ended && !busy(p))
		fds[n++] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
	if (poll(fds, n, until > now ? (int)(until - now) : 0) < 0 &&
	    errno != EINTR)
		p->end = true;
	children_turn(&p->l);
	talk_turn(&p->w, clock_wall_ms());
	announce(p);
	if (busy(p))
		return;
	if (line_waits(p) || (n > 0 && fds[n - 1].fd == STDIN_FILENO &&
	    fds[n - 1].revents != 0))
		hear(p);
	else if (p->input_ended && p->w.asked.n == 0)
		p->end = true;
}

/* The first picture is complete, or it takes too long: say what there is. */
static void
first_picture(struct plain *p)
{
	int64_t until = clock_mono_ms() + READY_MS;
	struct pollfd fds[CHILDREN_POLLS];

	p->quiet = true;
	while (clock_mono_ms() < until) {
		size_t n = children_polls(&p->l, fds);

		(void)poll(fds, n, 100);
		children_turn(&p->l);
		talk_turn(&p->w, clock_wall_ms());
		announce(p);
		if (p->w.hello != NULL && (p->l.want.no_feed ||
		    p->w.readings.v.n > 0) && (p->w.incident == NULL ||
		    p->w.steps != NULL) && p->w.jobs != NULL)
			break;
	}
	p->quiet = false;
}

int
plain_run(const struct children_want *want)
{
	struct plain p = { .in = BUF_INIT };
	bool well;

	p.person = isatty(STDIN_FILENO);
	(void)signal(SIGPIPE, SIG_IGN);
	talk_init(&p.w, &p.m);
	children_begin(&p.l, &p.w, want);
	first_picture(&p);
	plain_say("midwatch, plain mode: an empty line says again where we are, "
	    "'help' what can be typed, 'q' leaves");
	page_now(&p, "");
	while (!p.end)
		turn(&p);
	for (size_t i = 0; i < p.m.jobs.v.n; i++)
		if (p.m.jobs.v.v[i].running)
			plain_say("job %" PRId64 " goes on: %s", p.m.jobs.v.v[i].n,
			    p.m.jobs.v.v[i].title);
	well = !p.w.keeper_gone && talk_waiting(&p.w, clock_wall_ms() + 1) == 0;
	children_end(&p.l);
	talk_release(&p.w);
	choices_clear(&p);
	VEC_RELEASE(&p.choices);
	for (size_t i = 0; i < p.told.n; i++)
		free(p.told.v[i].what);
	VEC_RELEASE(&p.told);
	order_release(&p.order);
	free(p.name);
	press_release(&p.press);
	buf_release(&p.in);
	model_release(&p.m);
	return well ? 0 : 1;
}
