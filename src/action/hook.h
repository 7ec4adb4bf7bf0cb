/*
 * hook: one message to a program of the site's owner or to a webhook. Soft: it
 * has a time limit, its output is bounded and made harmless, its failure is a
 * sentence and nothing else.
 *
 *	struct hook h = { .command = &contact->tell, .dir = site->doc.dir };
 *	struct hook_words w = { .json = j.p, .json_n = j.n, .text = "..." };
 *	if (hook_or_url(&h, &w, clock_mono_ms() + 20000, why) != HOOK_DONE)
 *		say(why);
 *
 * A program gets the JSON on its standard input; a webhook gets what Slack and
 * many others take, {"text": "..."}, with <, > and & written so that no text
 * can call everybody of a channel. With both given the program is asked first.
 * Nothing is sent where nothing is given: HOOK_NONE.
 */
#ifndef ACTION_HOOK_H
#define ACTION_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/conf.h"

enum { HOOK_WHY = 256 };
enum hook_end {
	HOOK_NONE,		/* there is nothing to send it by */
	HOOK_DONE,
	HOOK_LATER,		/* no way there just now (webhooks) */
	HOOK_FAILED,
};

struct hook {
	const struct conf_cmd *command;	/* NULL or empty: none */
	const char *url;		/* NULL: none; or the file that has it: */
	const char *url_file;
	const char *ca_file;		/* NULL: the system's */
	const char *dir;		/* where programs run */
	int tries;			/* of a webhook; 0: three */
};

struct hook_words {
	const char *json;		/* for a program */
	size_t json_n;
	const char *text;		/* for people */
};

enum hook_end hook_or_url(const struct hook *h, const struct hook_words *w,
    int64_t deadline_ms, char why[HOOK_WHY]);
/* As far as the other side's certificate; for the doctor. */
enum hook_end hook_try_url(const struct hook *h, int64_t deadline_ms,
    char why[HOOK_WHY]);

#endif
