/*
 * keys: the one table of what can be asked of the console by key. Help pane,
 * bottom line, palette, README and manual page are made from it; it is also what
 * a key press is looked up in, so they cannot say anything else.
 *
 *	X(ID, word in keys.cfg, space, keys, rank, short label, help)
 *
 * space: where the keys are bound. A pane's space has LIST as its parent, LIST
 * has GLOBAL: a key is looked up from the pane outwards. rank: place in the
 * bottom line (1 first; 0 never). h j k l and the arrows move and do nothing
 * else; Ctrl-S and Ctrl-Q are nobody's; no function key is needed for anything.
 *
 * How a key is written: a character ("r", "?", "G"), or Enter Esc Tab Space
 * Backspace Del Up Down Left Right Home End PgUp PgDn Ins F1..F12, with C- (Ctrl),
 * M- (Alt) or S- (Shift, with Tab) before it.
 *
 * keys.cfg:
 *	keys = { note = ( "i", "C-n" ); zoom = "none"; };
 */
#ifndef UI_KEYS_H
#define UI_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ui/notes.h"

/* A key: a character's code point, or one of these; Alt is a bit beside it. */
enum {
	KEY_NONE = 0,
	KEY_TAB = '\t',
	KEY_RETURN = '\r',
	KEY_ESC = 0x1b,
	KEY_BACK = 0x7f,
	KEY_SPECIAL = 0x110000,
	KEY_UP_ARROW, KEY_DOWN_ARROW, KEY_LEFT_ARROW, KEY_RIGHT_ARROW,
	KEY_HOME_, KEY_END_, KEY_PGUP, KEY_PGDN, KEY_INS, KEY_DEL, KEY_BACKTAB,
	KEY_F1,			/* .. KEY_F1 + 11 */
	KEY_LAST = KEY_F1 + 12,
	KEY_ALT = 0x1000000,
};
#define KEY_CTRL(c) ((uint32_t)(c) & 0x1f)

enum space {
	SPACE_GLOBAL, SPACE_LIST, SPACE_LIVE, SPACE_RUNBOOK, SPACE_JOB,
	SPACE_RECORD, SPACE_PEOPLE, SPACE_COUNT
};

#define REQUEST_LIST(X)							\
	X(HELP, "help", GLOBAL, "? F1", 2, "help", "this list, and what the pane is about") \
	X(QUIT, "quit", GLOBAL, "q", 3, "leave", "close what is on top; at last leave, jobs go on") \
	X(BACK, "back", GLOBAL, "Esc Backspace", 0, "back", "one level out, never destructive") \
	X(PALETTE, "palette", GLOBAL, ":", 4, "all", "every action, its key, and why it cannot be done now") \
	X(NEXT_PANE, "next-pane", GLOBAL, "Tab", 8, "pane", "the next pane")	\
	X(PREV_PANE, "previous-pane", GLOBAL, "S-Tab", 0, "", "the pane before") \
	X(PANE, "pane", GLOBAL, "1 2 3 4 5 6 7 8 9", 0, "", "the pane with that number") \
	X(SAVE_ALL, "save-everything", GLOBAL, "s", 1, "SAVE", "emergency backup of everything that is not safe") \
	X(NOTE, "note", GLOBAL, "i", 5, "note", "write a note into the record") \
	X(DECIDE, "decision", GLOBAL, "d", 0, "decide", "write down a decision") \
	X(HYPOTHESIS, "hypothesis", GLOBAL, "t", 0, "theory", "write down a suspected cause") \
	X(HANDOVER, "hand-over", GLOBAL, "o", 0, "hand over", "give or take a role") \
	X(SEVERITY, "severity", GLOBAL, "v", 0, "severity", "set the severity and why") \
	X(CONTACTS, "people", GLOBAL, "p", 0, "people", "phone numbers, and who was told what") \
	X(NOTICES, "notices", GLOBAL, "!", 0, "notices", "what is wrong with the console, the site or this host") \
	X(BRIEF, "brief", GLOBAL, "b", 0, "brief", "where we are: last actions, changes, what is waited for") \
	X(FREEZE, "freeze", GLOBAL, "F", 0, "freeze", "freeze or unfreeze pipelines and migrations") \
	X(BACKUP, "backup", GLOBAL, "B", 0, "backup", "emergency backup of one database") \
	X(RESTORE, "restore", GLOBAL, "R", 0, "restore", "restore a set") \
	X(RECOVER, "recover", GLOBAL, "A", 0, "access", "recover the login of a database") \
	X(CLEANUP, "cleanup", GLOBAL, "C", 0, "clean up", "free disk space by a plan that is shown first") \
	X(VALIDATE, "validate", GLOBAL, "V", 0, "validate", "read backups back and prove them") \
	X(NIGHTLY, "nightly", GLOBAL, "Y", 0, "nightly", "the nightly backup, now") \
	X(PRECHECK, "precheck", GLOBAL, "P", 0, "pre-check", "may a migration run now?") \
	X(ISOLATE, "isolate", GLOBAL, "I", 0, "isolate", "gather evidence of the cause into the record") \
	X(LOCKS, "locks", GLOBAL, "L", 0, "locks", "who blocks whom") \
	X(UPDATE, "update", GLOBAL, "U", 0, "update", "tell people where we are") \
	X(DECLARE, "declare", GLOBAL, "D", 0, "declare", "data at risk, or downtime: shows first who is told") \
	X(OPEN_INCIDENT, "open-incident", GLOBAL, "O", 0, "open", "open an incident") \
	X(RESOLVE, "resolve", GLOBAL, "E", 0, "resolve", "the technical criteria are met") \
	X(CLOSE, "close", GLOBAL, "X", 0, "close", "close a resolved incident") \
	X(ANSWER, "answer", GLOBAL, ",", 0, "answer", "all that the last action said") \
	X(ZOOM, "zoom", GLOBAL, "z", 0, "zoom", "the pane over the whole screen, and back") \
	X(FREEZE_VIEW, "freeze-view", GLOBAL, "Z", 0, "hold", "hold the picture still, and let go") \
	X(FASTER, "faster", GLOBAL, "+ =", 0, "", "look more often")	\
	X(SLOWER, "slower", GLOBAL, "-", 0, "", "look less often")	\
	X(COPY, "copy", GLOBAL, "y", 0, "copy", "copy what is chosen") \
	X(MOUSE, "mouse", GLOBAL, "m", 0, "", "mouse on or off")	\
	X(REDRAW, "redraw", GLOBAL, "C-l", 0, "", "paint everything anew") \
	X(SUSPEND, "suspend", GLOBAL, "C-z", 0, "", "to the shell; fg comes back") \
	X(INTERRUPT, "interrupt", GLOBAL, "C-c", 0, "", "ask the job that is shown to stop") \
	X(UP, "up", LIST, "k Up", 0, "", "up")				\
	X(DOWN, "down", LIST, "j Down", 0, "", "down")			\
	X(LEFT, "left", LIST, "h Left", 0, "", "left, or out")		\
	X(RIGHT, "right", LIST, "l Right", 0, "", "right, or in")	\
	X(TOP, "top", LIST, "g Home", 0, "", "the first one")		\
	X(BOTTOM, "bottom", LIST, "G End", 0, "", "the last one")	\
	X(PAGE_UP, "page-up", LIST, "PgUp C-b", 0, "", "a page up")	\
	X(PAGE_DOWN, "page-down", LIST, "PgDn C-f", 0, "", "a page down") \
	X(HALF_UP, "half-up", LIST, "C-u", 0, "", "half a page up")	\
	X(HALF_DOWN, "half-down", LIST, "C-d", 0, "", "half a page down") \
	X(OPEN, "open", LIST, "Enter", 7, "open", "what lies behind it; starts nothing") \
	X(SEARCH, "search", LIST, "/", 0, "search", "search, in lists filter")	\
	X(NEXT_HIT, "next-hit", LIST, "n", 0, "", "the next hit")	\
	X(PREV_HIT, "previous-hit", LIST, "N", 0, "", "the hit before") \
	X(ACKNOWLEDGE, "acknowledge", LIVE, "a", 6, "ack", "seen: what follows from it is folded under it") \
	X(RUN, "run", RUNBOOK, "r", 6, "run", "run the step that is chosen") \
	X(TICK, "tick", RUNBOOK, "Space", 7, "tick", "confirm a step that no probe can see") \
	X(SKIP, "skip", RUNBOOK, "x", 0, "skip", "leave the step out, with a reason") \
	X(OVERRIDE, "override", RUNBOOK, "w", 0, "override", "pass the step without its proof, with a reason") \
	X(UNDO, "undo", RUNBOOK, "u", 0, "undo", "take the step back where that is possible") \
	X(CANCEL_JOB, "cancel-job", JOB, "c", 6, "cancel", "ask the job to stop") \
	X(NEXT_JOB, "next-job", JOB, "]", 0, "", "the next job")	\
	X(PREV_JOB, "previous-job", JOB, "[", 0, "", "the job before")	\
	X(FOLLOW, "follow", JOB, "f", 0, "follow", "stay at the end of the output") \
	X(RAW, "raw", JOB, "e", 0, "", "show what was taken out of the output") \
	X(PIN, "pin", RECORD, "*", 6, "pin", "mark a line as important")	\
	X(CORRECT, "correct", RECORD, "c", 0, "correct", "what the line should have said") \
	X(BACKDATE, "back-date", RECORD, "@", 0, "back-date", "a note for an earlier moment") \
	X(TELL, "tell", PEOPLE, "u", 6, "told", "write down that somebody was told")

#define REQUEST_ENUM_(id, word, space, keys, rank, label, help) REQ_##id,
enum request { REQ_NONE = -1, REQUEST_LIST(REQUEST_ENUM_) REQ_COUNT };
#undef REQUEST_ENUM_

struct request_row {
	const char *word;
	enum space space;
	const char *keys;
	int rank;
	const char *label, *help;
};
extern const struct request_row requests[REQ_COUNT];

enum { KEYS_PER_REQUEST = 9 };
struct keys {
	uint32_t bound[REQ_COUNT][KEYS_PER_REQUEST];	/* 0: no more */
};

void keys_init(struct keys *k);		/* the table's own */
/* A keys.cfg over it. All mistakes are collected and the requests concerned
 * keep their defaults; false when the file could not be read at all. */
bool keys_load(struct keys *k, const char *path, struct notes *problems);
bool keys_parse(struct keys *k, const char *path, const char *p, size_t n,
    struct notes *problems);
/* What a key asks for in a space and its parents; REQ_NONE: nothing. */
enum request keys_find(const struct keys *k, enum space space, uint32_t key);
/* Two requests for one key within reach of each other: a line each. */
void keys_collisions(const struct keys *k, struct notes *ret);

bool key_parse(const char *word, uint32_t *ret);
void key_text(uint32_t key, char out[24]);
/* A character's bytes (not terminated); how many. */
size_t key_utf8(uint32_t cp, char out[5]);
/* The first key of a request as people read it, "" when it has none. */
void keys_name(const struct keys *k, enum request r, char out[24]);
enum request request_find(const char *word);
enum space space_parent(enum space s);	/* GLOBAL's parent is itself */
const char *space_name(enum space s);
/* Whether what is bound in outer works in inner as well. */
bool keys_within(enum space inner, enum space outer);

/* The most useful requests of a space, best first. */
size_t keys_best(const struct keys *k, enum space space,
    enum request *out, size_t max);
/* Help: of this space first, then its parents. Rows "keys<TAB>help", headings
 * without a tab. */
void keys_help(const struct keys *k, enum space space, struct buf *out);
/* Of one space alone, in columns: keys, word in keys.cfg, help. */
void keys_table(const struct keys *k, enum space space, struct buf *out);
void keys_markdown(struct buf *out);	/* README's table, by their words */
void keys_man(struct buf *out);		/* the manual's section */
void keys_man_text(struct buf *out, const char *s);	/* a text in it */

#endif
