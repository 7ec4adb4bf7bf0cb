/*
 * cli: what every verb shares: options, the desk it works at, and how it speaks.
 * Results go to standard output, progress and complaints to standard error, and
 * nothing foreign reaches either without the sanitiser.
 *
 * A verb gets its own words (options not yet taken apart) and returns an exit
 * status: 0 done and proven, 1 tried and failed, 2 wrong usage or configuration,
 * 3 refused by a guard, 130/143 cancelled.
 */
#ifndef VERB_CLI_H
#define VERB_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "record/incident.h"
#include "runbook/engine.h"
#include "runbook/runbook.h"
#include "site/site.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

/* One option of a verb. Exactly one of flag and value; value may repeat when
 * list is set. */
struct opt {
	const char *name;	/* "--at" */
	bool *flag;
	const char **value;
	struct opt_list *list;
};
struct opt_list {
	VEC(const char *) v;
};

struct cli {
	const char *config, *state, *theme;
	bool json, plain, ascii, no_color, help;
	const char *verb;
	VEC(const char *) words;	/* operands, after cli_parse() */
};

/* Takes the options of argv; false: usage was wrong and was said. */
bool cli_parse(struct cli *c, int argc, char **argv, const struct opt *opts,
    size_t n);
/* At least and at most so many operands; says what is missing. */
bool cli_words(const struct cli *c, size_t min, size_t max, const char *usage);
/* Operands from the i-th on, joined by spaces ("-": standard input). */
bool cli_text(const struct cli *c, size_t from, struct buf *out);

void cli_out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_block(const char *p, size_t n);	/* clean, newlines stay */
void cli_raw(const char *p, size_t n);		/* our own JSON, Markdown */
void cli_object(struct buf *b);	/* an open JSON object: ends, prints, releases */
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Says the error (as JSON too when asked) and gives its exit status. */
int cli_fail(const struct cli *c, const struct err *e);
void cli_want_json(void);	/* wrong usage is an object too */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_waiting(const char *holder);	/* for journal.waiting */

/* What a verb works at. */
struct desk {
	struct cli *cli;
	struct site site;
	bool have_site;
	struct state state;
	struct incident inc;
	bool have_inc;
	struct runbook rb;
	bool have_rb;
	struct engine en;
};

/* The site file if there is one (a broken one is refused unless --state says
 * where the record is), and the state directory. */
bool desk_open(struct desk *d, struct cli *c, struct err *e);
/* Whether a word can be the name of an incident; e says how they look. */
bool desk_id_ok(const char *id, struct err *e);
/* id NULL: the open one, else the newest resolved one. */
bool desk_incident(struct desk *d, const char *id, struct err *e);
/* The incident's own copy of its runbook. */
bool desk_runbook(struct desk *d, struct err *e);
/* The incident's last seq and hash into the site's own journal, so that a cut
 * end can be noticed. Failing is said, nothing more. */
void desk_log_checkpoint(struct desk *d, const char *text);
void desk_close(struct desk *d);
const char *desk_config(const struct desk *d);	/* path of the site file or NULL */

#endif
