/*
 * conf: files that people write (site, runbook, theme, keys), read by tables.
 *
 * A schema says for each key its type, where the value goes and what it means.
 * Loading fills the struct and collects every problem with file, line and path;
 * only a syntax error ends it early (the parser stops there). Everything that
 * was read lives in the document's pool.
 *
 *	struct conf_doc doc = { 0 };
 *	struct site_file f = { 0 };
 *	conf_load(&doc, "midwatch.cfg", &site_schema, &f);
 *	if (doc.problems.n > 0) ...
 *	conf_release(&doc);
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/vec.h"

enum conf_type {
	CONF_STR,	/* char *                                         */
	CONF_NAME,	/* char *, a name as databases and components have */
	CONF_PATH,	/* char *, ~ expanded, relative to the file        */
	CONF_SIZE,	/* int64_t bytes, a quoted string with a unit      */
	CONF_MS,	/* int64_t milliseconds, likewise                  */
	CONF_CLOCK,	/* int64_t minutes after midnight, "02:00"         */
	CONF_INT,	/* int64_t                                         */
	CONF_BOOL,	/* bool                                            */
	CONF_WORD,	/* int, index of one of .words                     */
	CONF_STRS,	/* struct conf_strs; one string is a list of one   */
	CONF_CMD,	/* struct conf_cmd: "for the shell" or ( "argv" )  */
	CONF_GROUP,	/* the .sub struct itself                          */
	CONF_GROUPS,	/* struct conf_list of .sub structs                */
	CONF_ARGS,	/* struct conf_args: any scalar keys               */
};

struct conf_strs {
	char **v;
	int *line;
	size_t n;
};

struct conf_cmd {
	bool shell;		/* v[0] is for /bin/sh -c */
	char **v;		/* NULL-terminated; NULL: not given */
	size_t n;
	int line;
};

struct conf_list {
	void *v;
	size_t n;
};

struct conf_arg {
	char *key, *value;	/* booleans as "true" and "false" */
	int line;
};

struct conf_args {
	struct conf_arg *v;
	size_t n;
};

struct conf_schema;
struct conf_row {
	const char *key;
	enum conf_type type;
	size_t off;
	bool required;
	int64_t min, max;			/* INT, MS, SIZE; 0,0: any */
	const char *otherwise;			/* default, as text */
	const char *const *words;		/* WORD, NULL-terminated */
	const struct conf_schema *sub;
	const char *help;
};

/* A struct filled from a group. Its first member is `int line`, the group's
 * line in the file (0: the group was not there). */
struct conf_schema {
	const struct conf_row *rows;
	size_t n, size;
};

struct conf_problem {
	char *text;		/* file:line: path: message */
	int line;
};

struct conf_stood {
	const char *where;	/* databases[2].port */
	int line;
};

struct conf_doc {
	struct pool pool;
	char *path, *dir;	/* the file and its folder */
	struct buf bytes;	/* the file as it was read */
	VEC(struct conf_stood) stood;	/* every key that was there */
	VEC(struct conf_problem) problems;
	size_t dropped;		/* problems beyond the cap */
};

/* False only when the file could not be read or parsed (a problem says so). */
bool conf_load(struct conf_doc *doc, const char *path,
    const struct conf_schema *schema, void *out);
/* The same from bytes that are already here; path names them in messages. */
bool conf_parse(struct conf_doc *doc, const char *path, const void *p, size_t n,
    const struct conf_schema *schema, void *out);
void conf_problem(struct conf_doc *doc, int line, const char *where,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "unknown X 'y', did you mean 'z'?" */
void conf_unknown(struct conf_doc *doc, int line, const char *where,
    const char *what, const char *word, const char *const *known, size_t n);
/* Problems by line: tables speak first, cross checks after them, people read by
 * line. Those of one line stay as they came. */
void conf_sort(struct conf_doc *doc);
/* The line of a key or group that was read ("databases[2].port"), 0 when it was
 * not in the file: for whoever finds later that a value does not fit. */
int conf_line(const struct conf_doc *doc, const char *where);
const char *conf_arg(const struct conf_args *a, const char *key);	/* or NULL */
char *conf_expand(struct conf_doc *doc, const char *path);
void conf_release(struct conf_doc *doc);
const char *conf_library(void);	/* libconfig's version when built */

#endif
