/*
 * Orders as lines to the keeper: words of a person are said, all else is a verb
 * of the command line. What the console can do, a script can.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/talk.h"

enum { WORDS_MAX = 40 };

struct words {
	const char *v[WORDS_MAX];
	size_t n;
};

static void
add(struct words *w, const char *word)
{
	if (word != NULL && w->n < WORDS_MAX)
		w->v[w->n++] = word;
}

static void
add_with(struct words *w, const char *option, const char *value)
{
	if (value == NULL)
		return;
	add(w, option);
	add(w, value);
}

void
talk_asked_release(struct talk_asked *a)
{
	free(a->what);
	free(a->text);
	free(a->line);
	*a = (struct talk_asked){ 0 };
}

/* Its strings go over to what is waited for. */
static struct talk_asked *
asked(struct talk *w, struct order *o)
{
	struct talk_asked *a = VEC_NEW(&w->asked);

	a->id = ++w->next_id;
	a->kind = o->kind;
	a->then = o->then;
	a->at = o->at;
	a->since = clock_wall_ms();
	a->what = o->what;
	a->text = o->text;
	o->what = o->text = NULL;
	return a;
}

/* ---- words ---------------------------------------------------------------------- */

static const char *
saying(enum order_kind kind)
{
	return kind == ORDER_NOTE || kind == ORDER_ACK ? "note" :
	    kind == ORDER_DECIDE ? "decision" : kind == ORDER_HYPOTHESIS ?
	    "hypothesis" : kind == ORDER_PIN ? "pin" :
	    kind == ORDER_CORRECT ? "correction" : NULL;
}

static void
say(struct talk *w, struct order *o)
{
	int64_t of = o->number;
	char at[32], nonce[64];
	struct buf b = BUF_INIT, text = BUF_INIT;
	struct talk_asked *a = asked(w, o);

	(void)snprintf(nonce, sizeof nonce, "%" PRId64 "-%" PRId64, w->nonce,
	    a->id);
	text_utf8(&text, a->text ? a->text : "", a->text ?
	    strlen(a->text) : 0);
	json_open(&b);
	json_put_str(&b, "do", "say");
	json_put_int(&b, "id", a->id);
	json_put_str(&b, "kind", saying(a->kind));
	json_put_str(&b, "text", text.p);
	json_put_str(&b, "step", a->kind == ORDER_NOTE ? a->what : NULL);
	if (of > 0)
		json_put_int(&b, "of", of);
	if (a->at != 0) {
		clock_fmt_utc(at, a->at);
		json_put_str(&b, "at", at);
	}
	json_put_str(&b, "nonce", nonce);
	json_close(&b);
	buf_ch(&b, '\n');
	a->line = buf_detach(&b);
	if (!w->keeper_gone)
		buf_str(&w->out, a->line);
	buf_release(&text);
	w->dirty |= MODEL_RECORD;
}

/* ---- verbs ----------------------------------------------------------------------- */

static bool
argv_of(const struct order *o, struct words *v, char *scratch, size_t size)
{
	char *save = NULL;

	switch (o->kind) {
	case ORDER_SEVERITY:
		add(v, "incident");
		add(v, "severity");
		add(v, o->what);
		add(v, o->text != NULL && *o->text ? o->text : NULL);
		return true;
	case ORDER_ROLE:
		add(v, "incident");
		add(v, "role");
		add(v, o->what);
		add_with(v, "--to", o->text != NULL && *o->text ? o->text :
		    NULL);
		return true;
	case ORDER_TOLD:
		add(v, "incident");
		add(v, "told");
		add_with(v, "--by-hand", o->what);
		add_with(v, "--trigger", o->text != NULL && *o->text ?
		    o->text : NULL);
		return true;
	case ORDER_RUN:
	case ORDER_TICK:
		add(v, "run");
		add(v, o->what);
		add_with(v, "--confirm", o->typed);
		add(v, o->anyway ? "--anyway" : NULL);
		add(v, o->again ? "--again" : NULL);
		add_with(v, "--reason", o->text);
		return true;
	case ORDER_SKIP:
		add(v, "run");
		add(v, o->what);
		add_with(v, "--skip", o->text);
		return true;
	case ORDER_OVERRIDE:
		add(v, "run");
		add(v, o->what);
		add_with(v, "--override", o->text);
		return true;
	case ORDER_CANCEL:
		(void)snprintf(scratch, size, "%" PRId64, o->number);
		add(v, "cancel");
		add(v, scratch);
		return true;
	case ORDER_ACTION:
		(void)snprintf(scratch, size, "%s", o->what ? o->what : "");
		for (char *word = strtok_r(scratch, " ", &save); word != NULL;
		    word = strtok_r(NULL, " ", &save))
			add(v, strcmp(word, "=") == 0 ? o->text ? o->text : "" :
			    word);
		add_with(v, "--confirm", o->typed);
		return v->n > 0;
	case ORDER_OPEN:
		add(v, "incident");
		add(v, "open");
		add_with(v, "--title", o->text);
		add_with(v, "--alarm", o->what);
		return true;
	case ORDER_RESOLVE:
	case ORDER_CLOSE:
		add(v, "incident");
		add(v, o->kind == ORDER_RESOLVE ? "resolve" : "close");
		add_with(v, "--override", o->text);
		return true;
	default:
		return false;
	}
}

static void
verb(struct talk *w, struct order *o, const struct words *v)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "do", "verb");
	json_put_int(&b, "id", w->next_id + 1);
	json_key(&b, "argv");
	json_open_list(&b);
	for (size_t i = 0; i < v->n; i++) {
		json_comma(&b);
		json_text(&b, v->v[i]);
	}
	json_close_list(&b);
	json_close(&b);
	buf_ch(&b, '\n');
	buf_add(&w->out, b.p, b.n);
	buf_release(&b);
	(void)asked(w, o);
}

/* ---- the console's own ------------------------------------------------------------- */

void
talk_output(struct talk *w, int64_t job, int64_t first, int64_t rows)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "do", "output");
	json_put_int(&b, "n", job);
	json_put_int(&b, "first", first);
	json_put_int(&b, "rows", rows > 0 ? rows : 24);
	json_put_bool(&b, "follow", first < 0);
	json_close(&b);
	buf_ch(&b, '\n');
	buf_add(&w->out, b.p, b.n);
	buf_release(&b);
}

static void
find(struct talk *w, const struct order *o)
{
	struct buf b = BUF_INIT;

	json_open(&b);
	json_put_str(&b, "do", "find");
	json_put_int(&b, "n", o->number);
	json_put_str(&b, "text", o->text);
	json_put_int(&b, "first", o->at);
	json_put_bool(&b, "back", o->again);
	json_close(&b);
	buf_ch(&b, '\n');
	buf_add(&w->out, b.p, b.n);
	buf_release(&b);
}

static void
acknowledge(struct talk *w, struct order *o)
{
	VEC_PUSH(&w->acknowledged, xstrdup(o->what ? o->what : ""));
	free(o->text);
	o->text = xprintf("seen: %s", o->what ? o->what : "");
	w->dirty |= MODEL_READINGS;
	if (w->incident != NULL)
		say(w, o);
}

bool
talk_give(void *ctx, struct order *o, struct err *e)
{
	struct talk *w = ctx;
	char scratch[1024];
	struct words v = { .n = 0 };
	bool ok = true;

	if (o->kind == ORDER_OUTPUT)
		talk_output(w, o->number, o->at, o->rows);
	else if (o->kind == ORDER_FIND)
		find(w, o);
	else if (o->kind == ORDER_ACK)
		acknowledge(w, o);
	else if (saying(o->kind) != NULL && w->incident == NULL &&
	    w->hello != NULL)
		ok = err_set(e, ERR_GUARD, "no incident is open; O opens one");
	else if (saying(o->kind) != NULL)
		say(w, o);
	else if (w->keeper_gone)
		ok = err_set(e, ERR_GUARD, "the record's keeper is being "
		    "started again; try in a moment");
	else if (argv_of(o, &v, scratch, sizeof scratch))
		verb(w, o, &v);
	else
		ok = err_set(e, ERR_GUARD, "there is no way back from that "
		    "by itself; the step's page says what to do");
	order_release(o);
	return ok;
}

/* ---- answers ------------------------------------------------------------------------- */

/* Our own name in front of a complaint says nothing here. */
static const char *
without_name(const char *line)
{
	return text_starts(line, "midwatch: ") ? line + strlen("midwatch: ") :
	    line;
}

static size_t
line_length(const char *line)
{
	return strcspn(line, "\n");
}

/* The last complaint with its next step, which is indented below it. */
static void
complaint(const char *err, struct buf *out)
{
	const char *last = NULL, *hint = NULL;

	for (const char *at = err; *at != '\0';) {
		const char *line = without_name(at);

		if (line_length(line) == 0)
			;
		else if (*line != ' ') {
			last = line;
			hint = NULL;
		} else if (hint == NULL)
			hint = line + strspn(line, " ");
		at += line_length(at);
		at += *at == '\n';
	}
	if (last != NULL)
		buf_add(out, last, line_length(last));
	if (hint != NULL) {
		buf_str(out, ". ");
		buf_add(out, hint, line_length(hint));
	}
}

static void
last_line(const char *said, struct buf *out)
{
	const char *last = "";

	for (const char *at = said; *at != '\0'; at += *at == '\n') {
		/* what is compared one day is nothing to read now */
		if (line_length(at) > 0 && !text_starts(at, "checkpoint: "))
			last = at;
		at += line_length(at);
	}
	buf_add(out, last, line_length(last));
}

/* The lines of a backup's log that say what is not saved: the first one, or all. */
static bool
failures(const char *said, bool all, struct buf *out)
{
	size_t n = 0;

	for (const char *at = said; *at != '\0'; at += *at == '\n') {
		if (text_starts(at, "[FAIL] ") && (n++ == 0 || all)) {
			buf_add(out, at + strlen("[FAIL] "), line_length(at) -
			    strlen("[FAIL] "));
			buf_str(out, all ? "\n" : "");
		}
		at += line_length(at);
	}
	if (n > 1 && !all)
		buf_printf(out, " (and %zu more)", n - 1);
	return n > 0;
}

/* All but the lines that failures() has taken. */
static void
the_rest(const char *said, struct buf *out)
{
	for (const char *at = said; *at != '\0'; at += *at == '\n') {
		size_t n = line_length(at);

		if (!text_starts(at, "[FAIL] ")) {
			buf_add(out, at, n);
			buf_str(out, at[n] == '\n' ? "\n" : "");
		}
		at += n;
	}
}

/* What went wrong stands first. */
static char *
page_of(bool bad, const char *said, const char *err)
{
	struct buf b = BUF_INIT;
	bool hoisted = bad && failures(said, true, &b);

	if (hoisted)
		bad = false;		/* notes of what went well are last */
	for (int turn = 0; turn < 2; turn++) {
		if ((turn == 0) != bad) {
			size_t before = b.n;

			if (hoisted && *said != '\0')
				buf_ch(&b, '\n');
			if (hoisted)
				the_rest(said, &b);
			else
				buf_str(&b, said);
			if (hoisted && b.n == before + 1)
				buf_cut(&b, before);	/* nothing was left */
			if (b.n > 0 && b.p[b.n - 1] != '\n')
				buf_ch(&b, '\n');
			continue;
		}
		if (turn == 1 && b.n > 0 && *err != '\0')
			buf_ch(&b, '\n');
		for (const char *at = err; *at != '\0'; at += *at == '\n') {
			const char *line = without_name(at);

			buf_add(&b, line, line_length(line));
			buf_ch(&b, '\n');
			at += line_length(at);
		}
		if (turn == 0 && b.n > 0)
			buf_ch(&b, '\n');
	}
	return buf_detach(&b);
}

static const char *
ended_as(int64_t status)
{
	return status == 0 ? "done" : status == 3 ? "refused" : status == 2 ?
	    "not possible" : status == 130 || status == 143 ? "cancelled" :
	    "failed";
}

/* The words of an action are its name; of all else, what it is about. */
static void
put_name(const struct talk_asked *a, struct buf *b)
{
	const char *hole = a->what != NULL ? strstr(a->what, " =") : NULL;

	/* "freeze on --reason =" is called "freeze on" */
	for (const char *at = a->what; hole != NULL && at < hole; at++)
		if (text_starts(at, " --"))
			hole = at;
	if (a->kind != ORDER_ACTION)
		buf_str(b, order_name(a->kind));
	/* what was the alarm is long, and known */
	if (a->what != NULL && a->kind != ORDER_OPEN)
		buf_printf(b, "%s%.*s", b->n > 0 ? " " : "", hole != NULL ?
		    (int)(hole - a->what) : (int)strlen(a->what), a->what);
}

static void
answer_verb(struct talk *w, const json_t *o, const struct talk_asked *a)
{
	int64_t status = json_get_int(o, "exit", 1);
	const char *error = json_get_str(o, "error");
	const char *said = json_get_str(o, "out"), *err = json_get_str(o, "err");
	bool cancelled = status == 130 || status == 143;
	struct buf name = BUF_INIT, what = BUF_INIT;
	char *line, *page;

	put_name(a, &name);
	if (error != NULL)
		buf_str(&what, error);
	else if (status != 0 && err != NULL && (said == NULL ||
	    !failures(said, false, &what)))
		complaint(err, &what);
	if (what.n == 0 && said != NULL)
		last_line(said, &what);
	line = xprintf("%s: %s%s%s", name.p, ended_as(status), what.n > 0 ?
	    ": " : "", what.n > 0 ? what.p : "");
	page = page_of(status != 0, said != NULL ? said : "", error != NULL ?
	    error : err != NULL ? err : "");
	if (*page != '\0')
		model_page(w->model, status != 0, status != 0 && !cancelled &&
		    a->then == ANSWER_SAY ? ANSWER_SHOW : a->then, name.p,
		    page);
	model_answer(w->model, status != 0, line);
	free(line);
	free(page);
	buf_release(&name);
	buf_release(&what);
}

static void
answer_said(struct talk *w, const json_t *o, const struct talk_asked *a)
{
	const char *error = json_get_str(o, "error");
	const char *hint = json_get_str(o, "hint");
	struct buf b = BUF_INIT;

	if (error == NULL)
		buf_printf(&b, "%s saved (line %" PRId64 ")",
		    order_name(a->kind), json_get_int(o, "seq", 0));
	else
		buf_printf(&b, "%s NOT saved: %s%s%s  Your words: %s",
		    order_name(a->kind), error, hint ? "  " : "",
		    hint ? hint : "", a->text ? a->text : "");
	model_answer(w->model, error != NULL, b.p);
	buf_release(&b);
}

void
talk_answer(struct talk *w, const json_t *o, const char *kind)
{
	int64_t id = json_get_int(o, "id", 0);

	w->steps_owed = w->steps_came + 1;
	for (size_t i = 0; i < w->asked.n; i++) {
		struct talk_asked *a = &w->asked.v[i];

		if (a->id != id)
			continue;
		if (strcmp(kind, "said") == 0)
			answer_said(w, o, a);
		else
			answer_verb(w, o, a);
		talk_asked_release(a);
		w->asked.n--;
		memmove(a, a + 1, (w->asked.n - i) * sizeof *a);
		return;
	}
}
