/*
 * press: a button on its way: which database, the line of text that it needs, the
 * plan that is shown first, and then the order. Full screen and plain mode ask in
 * their own ways, and in this order.
 *
 *	struct press p = { .request = REQ_RESTORE };
 *	switch (press_next(&p, button)) ...
 *	press_order(&p, button, true, &order);		its plan
 *	name = press_name(&p, button, plan);		that has to be typed
 *	press_order(&p, button, false, &order);
 *	press_release(&p);
 */
#ifndef UI_PRESS_H
#define UI_PRESS_H

#include "ui/model.h"

enum press_next { PRESS_WHICH, PRESS_TEXT, PRESS_PLAN, PRESS_NOW };

struct press {
	enum request request;
	char *db, *text;	/* NULL: not asked yet; owned */
	bool planned;
};

/* A button with one database to choose from has chosen. */
enum press_next press_next(struct press *p, const struct model_button *b);
void press_order(const struct press *p, const struct model_button *b,
    bool plan, struct order *o);
/* What its order would be as it is typed; the caller frees. */
/* The plan as a dialog shows it: its sum first. */
char *press_plan(const char *plan);
/* What is asked where it has choices. */
const char *press_question(const struct model_button *b);
char *press_command(const struct press *p, const struct model_button *b);
/* The plan's code or its target, else the database, else the button's target;
 * NULL: the plan has nothing to confirm. The caller frees. */
char *press_name(const struct press *p, const struct model_button *b,
    const char *plan);
void press_release(struct press *p);

#endif
