/*
 * Steps that can never begin: gates that contradict each other, steps that wait
 * for themselves, and whatever waits for those.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runbook/intern.h"

enum mark { UNSEEN, OPEN, FINE, DEAD };

struct graph {
	struct loading *l;
	enum mark *mark;
	bool *told;		/* it stands in a circle that was told */
	size_t *path;		/* open steps, outermost first */
	size_t depth;
};

static size_t
step_index(const struct loading *l, const char *id)
{
	size_t i = 0;

	while (i < l->rb->n && strcmp(l->ids[i], id) != 0)
		i++;
	return i;
}

/* The k-th condition that stands before a step: its needs, then its when. */
static const struct cond *
before(const struct loading *l, size_t step, size_t k, int *ret_line,
    const char **ret_key)
{
	const struct rb_step *s = &l->rb->steps[step];
	const struct origin *o = &l->origin[step];

	if (k < s->needs.n) {
		*ret_line = o->needs_line[k];
		*ret_key = "needs";
		return &s->needs.v[k];
	}
	k -= s->needs.n;
	if (k < s->when.n) {
		*ret_line = o->when_line[k];
		*ret_key = "when";
		return &s->when.v[k];
	}
	return NULL;
}

static void
tell_circle(struct graph *g, size_t to, int line, const char *key)
{
	struct loading *l = g->l;
	size_t from = g->path[g->depth - 1], at = g->depth - 1;
	struct buf b = BUF_INIT;

	g->told[from] = true;
	if (from == to)
		buf_printf(&b, "step '%s' waits for itself", l->ids[from]);
	else {
		while (at > 0 && g->path[at] != to)
			at--;
		buf_printf(&b, "can never begin: '%s'", l->ids[to]);
		g->told[to] = true;
		for (size_t i = at + 1; i < g->depth; i++) {
			g->told[g->path[i]] = true;
			buf_printf(&b, " waits for '%s'", l->ids[g->path[i]]);
		}
		buf_printf(&b, " waits for '%s'", l->ids[to]);
	}
	lint_once(l, line, step_where(l, l->origin[from].index, key), "%s",
	    b.p);
	buf_release(&b);
}

static bool
visit(struct graph *g, size_t step)
{
	const struct cond *c;
	const char *key;
	bool fine = true;
	int line;

	if (g->mark[step] != UNSEEN)
		return g->mark[step] == FINE;
	g->mark[step] = OPEN;
	g->path[g->depth++] = step;
	for (size_t k = 0; (c = before(g->l, step, k, &line, &key)) != NULL;
	    k++) {
		const char *id = c->negated ? NULL : cond_step(c);
		size_t to = id != NULL ? step_index(g->l, id) : g->l->rb->n;

		if (to == g->l->rb->n)
			continue;
		if (g->mark[to] == OPEN) {
			tell_circle(g, to, line, key);
			fine = false;
		} else if (!visit(g, to)) {
			fine = false;
			if (!g->told[step])
				lint_once(g->l, line, step_where(g->l,
				    g->l->origin[step].index, key), "can never "
				    "begin: it waits for '%s', which can never "
				    "be done", id);
		}
	}
	g->depth--;
	g->mark[step] = fine ? FINE : DEAD;
	return fine;
}

/* Every step that has to be done before this one may begin. */
static void
collect(const struct loading *l, size_t step, bool *seen)
{
	const struct cond *c;
	const char *key;
	int line;

	for (size_t k = 0; (c = before(l, step, k, &line, &key)) != NULL; k++) {
		const char *id = c->negated ? NULL : cond_step(c);
		size_t to = id != NULL ? step_index(l, id) : l->rb->n;

		if (to == l->rb->n || seen[to])
			continue;
		seen[to] = true;
		collect(l, to, seen);
	}
}

/* `not step X done`, where X has to be done first. */
static void
check_order(struct loading *l, size_t step)
{
	bool *seen = NULL;
	const struct cond *c;
	const char *key;
	int line;

	for (size_t k = 0; (c = before(l, step, k, &line, &key)) != NULL; k++) {
		const char *id = c->negated ? cond_step(c) : NULL;
		size_t to = id != NULL ? step_index(l, id) : l->rb->n;

		if (to == l->rb->n)
			continue;
		if (seen == NULL) {
			seen = xcalloc(l->rb->n, sizeof *seen);
			collect(l, step, seen);
		}
		if (seen[to])
			lint_once(l, line, step_where(l,
			    l->origin[step].index, key), "can never hold: '%s' "
			    "has to be done before this step", id);
	}
	free(seen);
}

static bool
opposite(const struct cond *a, const struct cond *b)
{
	return a->negated != b->negated && cond_same(a, b);
}

static void
check_pair(struct loading *l, const struct cond *a, const struct cond *b,
    int line, const char *where)
{
	if (opposite(a, b))
		lint_once(l, line, where, "can never hold: both '%s' and '%s'",
		    a->text, b->text);
}

static void
check_step(struct loading *l, size_t step)
{
	const struct rb_step *s = &l->rb->steps[step];
	const struct origin *o = &l->origin[step];
	const struct cond *a, *b;
	const char *key;
	int line;

	for (size_t i = 0; (b = before(l, step, i, &line, &key)) != NULL; i++)
		for (size_t k = 0; k < i; k++) {
			const char *at_key;
			int at_line;

			a = before(l, step, k, &at_line, &at_key);
			check_pair(l, a, b, line, step_where(l, o->index, key));
		}
	for (size_t i = 0; i < s->wants.n; i++) {
		const char *where = step_where(l, o->index, "wants");

		for (size_t k = 0; (a = before(l, step, k, &line, &key)) !=
		    NULL; k++)
			check_pair(l, a, &s->wants.v[i], o->wants_line[i],
			    where);
		for (size_t k = 0; k < i; k++)
			check_pair(l, &s->wants.v[k], &s->wants.v[i],
			    o->wants_line[i], where);
	}
	for (size_t i = 0; i < s->proves.n; i++)
		for (size_t k = 0; k < i; k++)
			check_pair(l, &s->proves.v[k], &s->proves.v[i], s->line,
			    step_where(l, o->index, "proves"));
	check_order(l, step);
}

static void
check_list(struct graph *g, const struct rb_conds *c, const int *lines,
    const char *where)
{
	struct loading *l = g->l;

	for (size_t i = 0; i < c->n; i++) {
		const char *id = c->v[i].negated ? NULL : cond_step(&c->v[i]);
		size_t step = id != NULL ? step_index(l, id) : l->rb->n;

		if (step < l->rb->n && g->mark[step] == DEAD)
			conf_problem(l->doc, lines[i], where, "can never hold: "
			    "'%s' can never be done", id);
		for (size_t k = 0; k < i; k++)
			check_pair(l, &c->v[k], &c->v[i], lines[i], where);
	}
}

void
lint_gates(struct loading *l)
{
	struct graph g = { .l = l };

	g.mark = xcalloc(l->rb->n + 1, sizeof *g.mark);
	g.told = xcalloc(l->rb->n + 1, sizeof *g.told);
	g.path = xcalloc(l->rb->n + 1, sizeof *g.path);
	for (size_t i = 0; i < l->rb->n; i++)
		(void)visit(&g, i);
	for (size_t i = 0; i < l->rb->n; i++)
		check_step(l, i);
	check_list(&g, &l->rb->resolve, l->resolve_line, "runbook.resolve");
	check_list(&g, &l->rb->close, l->close_line, "runbook.close");
	free(g.mark);
	free(g.told);
	free(g.path);
}
