/* starter's own: how crontabs and units find their way into one list. */
#ifndef PROBE_STARTER_INTERN_H
#define PROBE_STARTER_INTERN_H

#include "base/buf.h"
#include "probe/starter.h"

enum { STARTER_FILE = 256 << 10, STARTER_NAMES = 2000 };

struct starter_names {
	VEC(char *) v;		/* sorted */
	int sys_errno;		/* why there are none */
};

/* The names in a folder (below root) that keep() likes; NULL: all. */
void starter_list(struct starter_names *ret, const char *root, const char *dir,
    bool (*keep)(const char *name));
void starter_names_release(struct starter_names *n);

/* Who looks, and for what. */
struct starter_search {
	struct starters *all;
	starter_keep *keep;
	void *ctx;
};

/* A new one; the strings are copied. */
struct starter *starter_add(struct starters *all, const char *what,
    const char *name, const char *command, const char *zone);
/* The first problem counts. */
void starter_problem(struct starter *s, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void starter_unseen(struct starters *all, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void crontabs_find(const struct starter_search *s);
void units_find(const struct starter_search *s);

/* "1h 30min", "90": milliseconds; systemd's words. */
bool unit_span(const char *s, int64_t *ret_ms);

#endif
