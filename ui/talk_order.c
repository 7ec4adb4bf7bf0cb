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
		add(v, o->text);
		return true;
	case ORDER_ROLE:
		add(v, "incident");
		add(v, "role");
		add(v, o->what);
		add_with(v, "--to", o->text);
		return true;
	case ORDER_TOLD:
		add(v, "incident");
		add(v, "told");
		add(v, o->what);
		add_with(v, "--text", o->text);
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
			add(v, word);
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
	json_comma(&b);
	json_text(&b, "--json");
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
	else if (o->kind == ORDER_INTERVAL)
		w->interval_ms = o->number;
	else if (o->kind == ORDER_ACK)
		acknowledge(w, o);
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

/* The sentence of a verb: its JSON's error and hint, else its last complaint. */
static void
verb_said(const json_t *o, struct buf *out)
{
	const char *said = json_get_str(o, "out"), *err = json_get_str(o, "err");
	json_t *result = said != NULL ? json_read(said, strlen(said), NULL) :
	    NULL;
	const char *error = result != NULL ? json_get_str(result, "error") :
	    NULL, *hint = result != NULL ? json_get_str(result, "hint") : NULL;
	size_t n = err != NULL ? strlen(err) : 0;

	while (n > 0 && err[n - 1] == '\n')
		n--;
	if (error != NULL)
		buf_printf(out, "%s%s%s", error, hint ? "  " : "",
		    hint ? hint : "");
	else if (n > 0) {
		size_t from = n;

		while (from > 0 && err[from - 1] != '\n')
			from--;
		if (strncmp(err + from, "midwatch: ", 10) == 0)
			from += 10;
		buf_add(out, err + from, n - from);
	}
	json_decref(result);
}

static void
answer_verb(struct talk *w, const json_t *o, const struct talk_asked *a)
{
	int64_t status = json_get_int(o, "exit", 1);
	const char *error = json_get_str(o, "error");
	struct buf b = BUF_INIT, said = BUF_INIT;

	buf_str(&b, order_name(a->kind));
	if (a->what != NULL)
		buf_printf(&b, " %s", a->what);
	verb_said(o, &said);
	if (error != NULL)
		buf_printf(&b, ": %s", error);
	else if (status == 0)
		buf_str(&b, ": done");
	else
		buf_printf(&b, ": %s%s%s", status == 3 ? "refused" : "failed",
		    said.n > 0 ? ": " : "", said.n > 0 ? said.p : "");
	model_answer(w->model, status != 0, b.p);
	buf_release(&b);
	buf_release(&said);
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
