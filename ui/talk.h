/*
 * talk: between the model and the two processes that know: lines of the keeper
 * (src/keeper/keeper.h) and of the feed (src/watch/feed.h) come in and become
 * parts of the model; orders of the panes go out as lines to the keeper. It owns no
 * descriptor and waits for nothing:
 *
 *	struct talk w;
 *	talk_init(&w, &model);
 *	talk_hear(&w, bytes, n);	whole lines of either stream
 *	talk_turn(&w, now);		the model's parts that changed, anew
 *	write(fd, w.out.p, w.out.n), buf_drop(&w.out, ...)
 *	talk_release(&w);
 *
 * Words of a person are kept until the keeper has answered that they are durable:
 * a keeper that died is started anew and is told them again, under the nonce
 * that keeps it from writing them twice.
 */
#ifndef UI_TALK_H
#define UI_TALK_H

#include "base/json.h"
#include "ui/model.h"

/* What the keeper was asked and has not answered. */
struct talk_asked {
	int64_t id, at, since;		/* at: of a note; since: asked when */
	enum order_kind kind;
	enum answer_then then;
	char *what, *text;
	char *line;			/* to be said again, or NULL */
};

struct talk {
	struct model *model;
	struct buf out;			/* for the keeper */

	/* the newest object of each kind; NULL: not yet */
	json_t *hello, *site, *incident, *steps, *criteria, *actions, *jobs,
	    *consoles, *output, *odd, *odd_runbook;
	VEC(json_t *) entries;		/* by seq */
	struct readings readings;
	struct notes *notices;		/* of the console itself; may be NULL */
	VEC(char *) acknowledged;
	VEC(struct talk_asked) asked;
	unsigned dirty;			/* parts to be made anew */
	int64_t newest_job;		/* whose output is followed */
	int64_t steps_came;		/* how often */
	int64_t steps_owed;		/* until then they are from before the
					 * last answer */
	int64_t next_id, nonce, heard_at, feed_at;	/* wall ms */
	int64_t late_at;	/* when it was said last that nothing comes */
	bool keeper_gone, feed_gone;

	/* what the header says until the keeper has said who we are */
	char *host, *environment, *name;
	bool read_only;
};

void talk_init(struct talk *w, struct model *m);
/* One line, without its newline or with it. */
void talk_hear(struct talk *w, const char *p, size_t n, int64_t now);
void talk_turn(struct talk *w, int64_t now);
void talk_keeper_lost(struct talk *w);		/* and again when it is back */
void talk_keeper_back(struct talk *w);
void talk_feed_lost(struct talk *w);
void talk_release(struct talk *w);

/* How long the oldest unanswered words wait (0: none do). */
int64_t talk_waiting(const struct talk *w, int64_t now);

/* talk_order.c */
bool talk_give(void *ctx, struct order *o, struct err *e);
void talk_output(struct talk *w, int64_t job, int64_t first, int64_t rows);
void talk_answer(struct talk *w, const json_t *o, const char *kind);
void talk_asked_release(struct talk_asked *a);

/* picture.c: what the facts mean for the person who looks */
void picture_head(struct talk *w, int64_t now);
void picture_buttons(struct talk *w);
void picture_notices(struct talk *w, int64_t now);
/* The table of buttons, for README and manual; false: there are no more. */
struct button_about {
	enum request request;
	enum rung rung;
	const char *effect, *undo;
};
bool picture_button_about(size_t i, struct button_about *ret);

#endif
