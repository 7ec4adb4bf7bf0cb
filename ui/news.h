/*
 * news: what has changed for the worse, or ended, since the picture before; so
 * that it is said once and rings once. What is seen for the first time is no
 * news: whoever has just come reads it in the panes.
 *
 *	struct news n = { 0 };
 *	switch (news_turn(&n, &model, parts, text)) ...	what to do about it
 *	news_release(&n);
 */
#ifndef UI_NEWS_H
#define UI_NEWS_H

#include <stdbool.h>

#include "ui/model.h"

enum { NEWS_TEXT = 200, NEWS_LONG_MS = 10000 };

enum news_what {
	NEWS_NONE,
	NEWS_ENDED,	/* a job that took a while has ended: ring */
	NEWS_ALERT,	/* something became critical: ring */
	NEWS_BAD,	/* a step failed or lost its proof: say it, ring */
};

struct news_row {
	char *what;			/* "step freeze", "job 3", ... */
	int state;
};

struct news {
	VEC(struct news_row) v;
};

/* The worst of it; text is what to say about it, "" for an alert. */
enum news_what news_turn(struct news *n, const struct model *m, unsigned parts,
    char text[NEWS_TEXT]);
void news_release(struct news *n);

#endif
