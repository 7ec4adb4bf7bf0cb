/*
 * plain_intern: what the files of plain mode share.
 */
#ifndef UI_PLAIN_INTERN_H
#define UI_PLAIN_INTERN_H

#include "ui/children.h"
#include "ui/press.h"

enum { LINE_LONG = 600, CHOICES_MAX = 64 };

struct plain;

/* What the next line that is typed belongs to. */
enum asking { ASK_CHOICE, ASK_TEXT, ASK_SURE, ASK_NAME, ASK_WHICH,
	ASK_LINE };

struct choice {
	char *label;
	void (*take)(struct plain *p, const char *arg);
	char *arg;
};

/* As it was told last. */
struct told {
	char *what;
	int state;
};

struct plain {
	struct model m;
	struct talk w;
	struct children l;
	struct buf in;
	bool end, input_ended, quiet;	/* quiet: the first picture */
	bool person;			/* types while verbs are at work */
	int64_t last_seq;
	uint64_t answers;
	int64_t settle_at;		/* see busy() */
	VEC(struct choice) choices;
	VEC(struct told) told;
	enum asking asking;
	struct order order;		/* to be given when it is complete */
	char *name;			/* that has to be typed */
	struct press press;		/* a button on its way */
	bool planning;			/* its plan is being made */
	uint64_t paged;			/* pages of verbs that were said */
};

/* plain.c */
void plain_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void plain_if(const char *label, const char *text);
void plain_lines(const char *text);
void plain_prompt(const char *text);
void plain_step(struct plain *p, const char *arg);

/* plain_do.c: what changes something; `arg` is what was typed behind the word */
void plain_note(struct plain *p, const char *arg);
void plain_decide(struct plain *p, const char *arg);
void plain_theory(struct plain *p, const char *arg);
void plain_open(struct plain *p, const char *arg);
void plain_severity(struct plain *p, const char *arg);
void plain_role(struct plain *p, const char *arg);
void plain_told(struct plain *p, const char *arg);
void plain_run_step(struct plain *p, const char *arg);
void plain_skip(struct plain *p, const char *arg);
void plain_cancel(struct plain *p, const char *arg);
void plain_press(struct plain *p, enum request r, const char *db);
/* A line that answers a question. */
void plain_answer(struct plain *p, const char *line);
/* What a verb said, which may be the plan that a button waits for. */
void plain_paged(struct plain *p);

#endif
