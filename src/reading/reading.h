/*
 * reading: one probe's answer, with its time. On the wire it is one JSON object
 * a line:
 *
 *	{"kind":"disk","name":"backup","level":"critical","at":"2025-02-14T01:10:03.120Z",
 *	 "took_ms":3,"deadline_ms":5000,"cost_us":210,"text":"96 % full, 1.2 GB left","next":"midwatch cleanup --plan",
 *	 "data":{...}}
 *
 * and when the answer did not come: "level":"unknown", "stale":true, "since" (the
 * last time it did) with that last answer's data, "error" (why not).
 */
#ifndef READING_READING_H
#define READING_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/vec.h"

enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_CRITICAL, LEVEL_UNKNOWN };
const char *level_name(enum level l);
enum level level_worse(enum level a, enum level b);	/* critical > unknown > warning */

struct reading {
	char *kind, *name;
	enum level level;
	int64_t at;		/* wall ms, when the answer came (or was given up) */
	int64_t took_ms, deadline_ms;
	int64_t cost_us;	/* processor time; 0: not measured */
	bool stale;		/* no answer: what follows is from `since`, if at all */
	int64_t since;		/* wall ms of the last answer; 0: there was none */
	char *text;		/* one line for people, of the bare fact */
	char *next;		/* what to do; NULL: nothing */
	char *error;		/* why there is no answer */
	json_t *data;		/* an object of facts; its members are documented
				 * in docs of the probe, only ever added to */
};

void reading_init(struct reading *r, const char *kind, const char *name);
void reading_release(struct reading *r);
void reading_copy(struct reading *to, const struct reading *from);
/* Set level, text and next in one go; the level only gets worse, text of a
 * worse or first level wins, the others are joined behind it ("; "). */
void reading_say(struct reading *r, enum level l, const char *next,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* No answer: level unknown, error says why. */
void reading_fail(struct reading *r, const struct err *e);

/* Facts. Foreign bytes are fine: they are made UTF-8 first. */
void reading_str(struct reading *r, const char *key, const char *s); /* NULL: left out */
void reading_int(struct reading *r, const char *key, int64_t v);
void reading_bool(struct reading *r, const char *key, bool v);
json_t *reading_list(struct reading *r, const char *key);	/* borrowed */
json_t *json_utf8(const char *s);	/* a JSON string out of any bytes */

void reading_write(const struct reading *r, struct buf *out);	/* with its newline */
bool reading_parse(struct reading *r, const char *p, size_t n, struct err *e);

struct readings {
	VEC(struct reading) v;
};
void readings_release(struct readings *all);
const struct reading *readings_find(const struct readings *all,
    const char *kind, const char *name);	/* NULL: not there */
void readings_put(struct readings *all, const struct reading *r);
/* Worst first, then in the order of kinds that people look for. */
void readings_sort(struct readings *all);

#endif
