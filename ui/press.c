#include "ui/press.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

enum press_next
press_next(struct press *p, const struct model_button *b)
{
	if (p->db == NULL && b->choices.n == 1)
		p->db = xstrdup(b->choices.v[0].word);
	if (p->db == NULL && b->choices.n > 1)
		return PRESS_WHICH;
	if (p->text == NULL && b->ask != NULL)
		return PRESS_TEXT;
	return b->plan != NULL && !p->planned ? PRESS_PLAN : PRESS_NOW;
}

const char *
press_question(const struct model_button *b)
{
	return b->request == REQ_DECLARE ? "what?" : "which database?";
}

static bool
has_text(const struct press *p)
{
	return p->text != NULL && *p->text != '\0';
}

/* Its words, with the database in the place of @db. */
static char *
words_of(const struct press *p, const struct model_button *b, bool plan)
{
	const char *words = !has_text(p) && b->empty != NULL ? b->empty :
	    b->action, *hole;
	char *whole, *filled;

	if (plan && b->plan[0] != '-')
		whole = xstrdup(b->plan);
	else
		whole = xprintf("%s%s%s", words, plan ? " " : "", plan ?
		    b->plan : "");
	hole = strstr(whole, "@db");
	if (hole == NULL || p->db == NULL)
		return whole;
	filled = xprintf("%.*s%s%s", (int)(hole - whole), whole, p->db,
	    hole + strlen("@db"));
	free(whole);
	return filled;
}

void
press_order(const struct press *p, const struct model_button *b, bool plan,
    struct order *o)
{
	*o = (struct order){ .kind = ORDER_ACTION,
	    .what = words_of(p, b, plan),
	    .text = has_text(p) ? xstrdup(p->text) : NULL,
	    .then = plan ? ANSWER_PLAN : b->look ? ANSWER_SHOW : ANSWER_SAY };
}

char *
press_command(const struct press *p, const struct model_button *b)
{
	char *words = words_of(p, b, false), *hole = strstr(words, " ="), *ret;

	if (hole != NULL && has_text(p))
		ret = xprintf("midwatch %.*s '%s'%s", (int)(hole - words),
		    words, p->text, hole + 2);
	else
		ret = xprintf("midwatch %s", words);
	free(words);
	return ret;
}

/* The word behind `label` at the begin of a line. */
static char *
word_behind(const char *text, const char *label)
{
	const char *at = text;

	while (at != NULL && *at != '\0') {
		if (text_starts(at, label)) {
			at += strlen(label);
			at += strspn(at, " ");
			return xstrndup(at, strcspn(at, " \n"));
		}
		at = strchr(at, '\n');
		if (at != NULL)
			at++;
	}
	return NULL;
}

char *
press_name(const struct press *p, const struct model_button *b,
    const char *plan)
{
	char *name = plan != NULL ? word_behind(plan, "code: ") : NULL;

	if (name == NULL && plan != NULL)
		name = word_behind(plan, "into  ");
	if (name == NULL && p->db != NULL)
		name = xstrdup(p->db);
	if (name == NULL && b->target != NULL)
		name = xstrdup(b->target);
	return name;
}

/* What it comes to stands below all that goes, rows that nobody sees at once: whoever
 * types the code has read it. */
char *
press_plan(const char *plan)
{
	struct buf first = BUF_INIT, rest = BUF_INIT;

	for (const char *at = plan; *at != '\0'; at += *at == '\n') {
		size_t n = strcspn(at, "\n");
		bool sum = text_starts(at, "total: ") ||
		    (text_starts(at, "disk ") && memchr(at, ':', n) != NULL);

		buf_add(sum ? &first : &rest, at, n);
		buf_ch(sum ? &first : &rest, '\n');
		at += n;
	}
	buf_add(&first, rest.p, rest.n);
	buf_release(&rest);
	return buf_detach(&first);
}

void
press_release(struct press *p)
{
	free(p->db);
	free(p->text);
	*p = (struct press){ .request = REQ_NONE };
}
