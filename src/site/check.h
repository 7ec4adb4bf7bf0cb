/*
 * check: questions about a loaded site that its tables cannot ask, for check.c:
 * texts, paths and what names point to (refs.c). Each of them reports what it
 * finds, with the line, and goes on. sc_ is for "site check".
 *
 *	sc_place_ref(s, WHERE("stores[%zu].at", i), &store->at);
 */
#ifndef SITE_CHECK_H
#define SITE_CHECK_H

#include "site/schema.h"

/* The path of a key, as it stands in messages. */
#define WHERE(...) pool_printf(&s->doc.pool, __VA_ARGS__)

/* line 0: that of the key, or of the nearest group around it. */
void sc_wrong(struct site *s, int line, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool sc_stated(const struct site *s, const char *where);

/* Every listed struct begins so. */
struct sc_listed {
	int line;
	char *name;
};

const char *sc_name_at(const struct conf_list *l, size_t size, size_t i);

/* No text is empty, holds control characters or is not UTF-8. */
void sc_texts(struct site *s, const struct conf_schema *schema,
    const char *from, const char *prefix);
/* What might end as a word of a command line must not look like an option. */
void sc_word(struct site *s, const char *where, const char *t);
/* A path of this host gets absolute; one at a place stays as it is. */
void sc_path(struct site *s, int line, const char *where, const char *at,
    char **path);
/* Does the list have that name? If not, the nearest that it has is offered. */
bool sc_ref(struct site *s, int line, const char *where, const char *what,
    const struct conf_list *l, size_t size, const char *word);
/* The place that *ref names; "here" becomes NULL. */
const struct site_place *sc_place_ref(struct site *s, const char *where,
    char **ref);
void sc_ssh_ref(struct site *s, const char *where, char **ref);
/* "place:path", or a path of this host, which gets absolute. */
void sc_where(struct site *s, int line, const char *where, char **spec);

#endif
