/*
 * palette: every request with its key, what it does, and why it cannot be done
 * now. Typing narrows the list down, Enter does the chosen one, as if its key
 * had been pressed.
 */
#ifndef UI_PALETTE_H
#define UI_PALETTE_H

#include "ui/canvas.h"
#include "ui/keys.h"
#include "ui/line.h"
#include "ui/model.h"
#include "ui/pane.h"

struct palette {
	struct line filter;
	struct list list;
	enum request shown[REQ_COUNT];
};

void palette_open(struct palette *p, enum space space);
/* The request that was chosen, REQ_NONE: still open. */
enum request palette_key(struct palette *p, enum space space, uint32_t key);
void palette_paste(struct palette *p, enum space space, const char *s,
    size_t n);
void palette_paint(struct palette *p, struct canvas *c, const struct keys *k,
    const struct model *m);
void palette_release(struct palette *p);

#endif
