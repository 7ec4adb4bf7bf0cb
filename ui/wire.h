/*
 * wire: between the model and the two processes that know: lines of the keeper
 * (src/keeper/keeper.h) and of the feed (src/watch/feed.h) come in and become
 * parts of the model; orders of the panes go out as lines to the keeper. It owns no
 * descriptor and waits for nothing:
 *
 *	struct wire w;
 *	wire_init(&w, &model);
 *	wire_hear(&w, bytes, n);	whole lines of either stream
 *	wire_turn(&w, now);		the model's parts that changed, anew
 *	write(fd, w.out.p, w.out.n), buf_drop(&w.out, ...)
 *	wire_release(&w);
 *
 * Words of a person are kept until the keeper has answered that they are durable:
 * a keeper that died is started anew and is told them again, under the nonce
 * that keeps it from writing them twice.
 */
#ifndef UI_WIRE_H
#define UI_WIRE_H

#include "base/json.h"
#include "ui/model.h"

/* What the keeper was asked and has not answered. */
struct wire_asked {
	int64_t id, at, since;		/* at: of a note; since: asked when */
	enum order_kind kind;
	char *what, *text;
	char *line;			/* to be said again, or NULL */
};

struct wire {
	struct model *model;
	struct buf out;			/* for the keeper */

	/* the newest object of each kind; NULL: not yet */
	json_t *hello, *site, *incident, *steps, *criteria, *actions, *jobs,
	    *consoles, *output;
	VEC(json_t *) entries;		/* by seq */
	struct readings readings;
	struct notes *notices;		/* of the console itself; may be NULL */
	VEC(char *) acknowledged;
	VEC(struct wire_asked) asked;
	unsigned dirty;			/* parts to be made anew */
	int64_t newest_job;		/* whose output is followed */
	int64_t steps_came;		/* how often */
	int64_t steps_owed;		/* until then they are from before the
					 * last answer */
	int64_t next_id, nonce, heard_at, feed_at;	/* wall ms */
	int64_t interval_ms;
	bool keeper_gone, feed_gone;
};

void wire_init(struct wire *w, struct model *m);
/* One line, without its newline or with it. */
void wire_hear(struct wire *w, const char *p, size_t n, int64_t now);
void wire_turn(struct wire *w, int64_t now);
void wire_keeper_lost(struct wire *w);		/* and again when it is back */
void wire_keeper_back(struct wire *w);
void wire_feed_lost(struct wire *w);
void wire_release(struct wire *w);

/* How long the oldest unanswered words wait (0: none do). */
int64_t wire_waiting(const struct wire *w, int64_t now);

/* wire_order.c */
bool wire_give(void *ctx, struct order *o, struct err *e);
void wire_output(struct wire *w, int64_t job, int64_t first, int64_t rows);
void wire_answer(struct wire *w, const json_t *o, const char *kind);
void wire_asked_release(struct wire_asked *a);

/* picture.c: what the facts mean for the person who looks */
void picture_head(struct wire *w, int64_t now);
void picture_buttons(struct wire *w);
void picture_notices(struct wire *w, int64_t now);

#endif
