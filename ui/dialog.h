/*
 * dialog: a question with buttons. The highlighted button is the one that Enter
 * presses, and at opening that is the harmless one. What was typed before it
 * opened was meant for another screen: keys are ignored until guard_ms have
 * passed without one. With `confirm` set the dangerous button works only once
 * exactly that word has been typed; it cannot be pasted.
 *
 *	struct dialog d;
 *	dialog_init(&d, "recover arp", now);
 *	dialog_fact(&d, "command", "midwatch recover arp");
 *	dialog_button(&d, "cancel", false);		0, highlighted
 *	dialog_button(&d, "recover", true);		1
 *	d.confirm = "arp";
 *	switch (dialog_key(&d, key, now)) ...		DIALOG_OPEN or a button
 *	dialog_release(&d);
 */
#ifndef UI_DIALOG_H
#define UI_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "ui/canvas.h"
#include "ui/line.h"

enum { DIALOG_OPEN = -1, DIALOG_BUTTONS = 4, DIALOG_GUARD_MS = 300,
	DIALOG_GUARD_MAX_MS = 3000 };

struct dialog {
	char *title;
	struct buf body;	/* "name<TAB>value" or plain lines */
	struct {
		char *label;
		bool danger;
	} buttons[DIALOG_BUTTONS];
	int n, at, harmless;
	char *confirm;		/* to be typed; owned; NULL: nothing */
	struct line typed;
	int64_t opened, quiet;	/* keys before `quiet` are thrown away */
	int64_t guard_ms;
	int ignored;		/* how many were */
	int top;		/* first row of the body that is shown */
	const char *note;	/* why a button did not work */
};

void dialog_init(struct dialog *d, const char *title, int64_t now);
void dialog_text(struct dialog *d, const char *text);
void dialog_fact(struct dialog *d, const char *name, const char *value);
void dialog_button(struct dialog *d, const char *label, bool danger);
/* DIALOG_OPEN, or the number of the button that was pressed; Esc is button
 * `harmless`. */
int dialog_key(struct dialog *d, uint32_t key, int64_t now);
void dialog_paste(struct dialog *d);
void dialog_paint(struct dialog *d, struct canvas *c);
void dialog_release(struct dialog *d);

#endif
