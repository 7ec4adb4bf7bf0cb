#include "ui/model.h"

#include <stdlib.h>
#include <string.h>

static const char *const order_words[] = {
#define ORDER_WORD_(id, word) word,
	ORDER_LIST(ORDER_WORD_)
#undef ORDER_WORD_
};

static const struct {
	const char *glance, *word;
	enum role role;
} states[MSTEP_COUNT] = {
	[MSTEP_TODO] = { "TODO", "to do", ROLE_STEP_TODO },
	[MSTEP_READY] = { "TODO", "ready", ROLE_STEP_CURRENT },
	[MSTEP_BLOCKED] = { "TODO", "blocked", ROLE_STEP_TODO },
	[MSTEP_RUNNING] = { "RUN", "running", ROLE_STEP_RUNNING },
	[MSTEP_SENSED] = { "OK", "sensed", ROLE_STEP_DONE },
	[MSTEP_CONFIRMED] = { "OK", "confirmed", ROLE_STEP_DONE },
	[MSTEP_OVERRIDDEN] = { "OK", "overridden", ROLE_STEP_OVERRIDDEN },
	[MSTEP_SKIPPED] = { "OK", "skipped", ROLE_STEP_DEFERRED },
	[MSTEP_NOT_APPLICABLE] = { "OK", "not applicable", ROLE_STEP_DEFERRED },
	[MSTEP_FAILED] = { "FAIL", "failed", ROLE_STEP_FAILED },
	[MSTEP_DOUBT] = { "?", "in doubt", ROLE_CAUTION },
	[MSTEP_LOST] = { "FAIL", "proof lost", ROLE_STEP_FAILED },
	[MSTEP_WAITS] = { "TODO", "waits for a person", ROLE_STEP_CURRENT },
};

void
order_release(struct order *o)
{
	free(o->what);
	free(o->text);
	free(o->typed);
	o->what = o->text = o->typed = NULL;
}

const char *
order_name(enum order_kind k)
{
	return order_words[k];
}

/* ---- parts: emptied, then filled anew ------------------------------------ */

static void
head_clear(struct model_head *p)
{
	VEC_RELEASE(&p->others);
	pool_release(&p->pool);
	*p = (struct model_head){ .now_key = REQ_NONE };
}

static void
readings_clear(struct model_readings *p)
{
	readings_release(&p->all);
	VEC_RELEASE(&p->acknowledged);
	pool_release(&p->pool);
	*p = (struct model_readings){ .heard = 0 };
}

static void
steps_clear(struct model_steps *p)
{
	for (size_t i = 0; i < p->v.n; i++) {
		VEC_RELEASE(&p->v.v[i].todo);
		VEC_RELEASE(&p->v.v[i].proofs);
	}
	VEC_RELEASE(&p->v);
	pool_release(&p->pool);
	*p = (struct model_steps){ .current = 0 };
}

#define PLAIN_PART(part, type)						\
	static void							\
	part##_clear(struct type *p)					\
	{								\
		VEC_RELEASE(&p->v);					\
		pool_release(&p->pool);					\
		memset(p, 0, sizeof *p);				\
	}

PLAIN_PART(jobs, model_jobs)
PLAIN_PART(output, model_output)
PLAIN_PART(record, model_record)
PLAIN_PART(people, model_people)
PLAIN_PART(notices, model_notices)

static void
buttons_clear(struct model_buttons *p)
{
	for (size_t i = 0; i < p->v.n; i++)
		VEC_RELEASE(&p->v.v[i].choices);
	VEC_RELEASE(&p->v);
	pool_release(&p->pool);
	*p = (struct model_buttons){ .v = { 0 } };
}

#define PART_BEGIN(part, type)						\
	struct type *							\
	type##_begin(struct model *m)					\
	{								\
		part##_clear(&m->part);					\
		return &m->part;					\
	}

PART_BEGIN(head, model_head)
PART_BEGIN(readings, model_readings)
PART_BEGIN(steps, model_steps)
PART_BEGIN(jobs, model_jobs)
PART_BEGIN(output, model_output)
PART_BEGIN(record, model_record)
PART_BEGIN(people, model_people)
PART_BEGIN(notices, model_notices)
PART_BEGIN(buttons, model_buttons)

void
model_answer(struct model *m, bool bad, const char *text)
{
	uint64_t count = m->answer.count + 1;

	pool_release(&m->answer.pool);
	m->answer = (struct model_answer){ .bad = bad, .count = count };
	m->answer.text = pool_str(&m->answer.pool, text);
	model_changed(m, MODEL_ANSWER);
}

void
model_page(struct model *m, bool bad, enum answer_then then,
    const char *title, const char *text)
{
	uint64_t count = m->page.count + 1;

	pool_release(&m->page.pool);
	m->page = (struct model_page){ .bad = bad, .then = then,
	    .count = count };
	m->page.title = pool_str(&m->page.pool, title);
	m->page.text = pool_str(&m->page.pool, text);
	model_changed(m, MODEL_ANSWER);
}

void
model_changed(struct model *m, unsigned parts)
{
	m->changed |= parts;
}

void
model_release(struct model *m)
{
	head_clear(&m->head);
	readings_clear(&m->readings);
	steps_clear(&m->steps);
	jobs_clear(&m->jobs);
	output_clear(&m->output);
	record_clear(&m->record);
	people_clear(&m->people);
	notices_clear(&m->notices);
	buttons_clear(&m->buttons);
	pool_release(&m->answer.pool);
	pool_release(&m->page.pool);
}

/* ---- asking it ----------------------------------------------------------- */

bool
model_give(struct model *m, struct order *o, struct err *e)
{
	bool ok;

	if (m->head.read_only && o->kind != ORDER_OUTPUT &&
	    o->kind != ORDER_FIND)
		ok = err_set(e, ERR_GUARD, "this console only looks "
		    "(--read-only)");
	else if (m->give == NULL)
		ok = err_set(e, ERR_GUARD, "nothing can be changed from here");
	else
		return m->give(m->ctx, o, e);
	order_release(o);
	return ok;
}

const struct model_button *
model_button(const struct model *m, enum request r)
{
	for (size_t i = 0; i < m->buttons.v.n; i++)
		if (m->buttons.v.v[i].request == r)
			return &m->buttons.v.v[i];
	return NULL;
}

const struct model_step *
model_step(const struct model *m, const char *id)
{
	for (size_t i = 0; i < m->steps.v.n; i++)
		if (strcmp(m->steps.v.v[i].id, id) == 0)
			return &m->steps.v.v[i];
	return NULL;
}

const char *
mstep_glance(enum mstep_state s)
{
	return states[s].glance;
}

const char *
mstep_word(enum mstep_state s)
{
	return states[s].word;
}

enum role
mstep_role(enum mstep_state s)
{
	return states[s].role;
}
