/*
 * manual: what README and the manual page say of the console beyond its keys,
 * made from the tables that the console itself works by, so that they cannot say
 * anything else.
 */
#ifndef UI_MANUAL_H
#define UI_MANUAL_H

#include "base/buf.h"
#include "ui/model.h"

void manual_buttons(struct buf *out);	/* README's table */
void manual_console(struct buf *out);	/* the page's section */
/* What a press of that rung asks for. */
const char *manual_rung(enum rung r);

#endif
