/*
 * choose: one of a few things, in a box: a word and what is to be known of it. The
 * first row is the one that most likely is meant.
 *
 *	choose_open(&c, "which database?");
 *	choose_add(&c, "arp", "login refused");
 *	switch (choose_key(&c, key)) ...	CHOOSE_OPEN, CHOOSE_LEFT or a row
 *	choose_release(&c);
 */
#ifndef UI_CHOOSE_H
#define UI_CHOOSE_H

#include "base/vec.h"
#include "ui/canvas.h"
#include "ui/pane.h"

enum { CHOOSE_OPEN = -1, CHOOSE_LEFT = -2 };

struct choose_row {
	char *word, *note;
};

struct choose {
	char *title;
	VEC(struct choose_row) v;
	struct list list;
};

void choose_open(struct choose *c, const char *title);
void choose_add(struct choose *c, const char *word, const char *note);
int choose_key(struct choose *c, uint32_t key);
void choose_paint(struct choose *c, struct canvas *to);
void choose_release(struct choose *c);

#endif
