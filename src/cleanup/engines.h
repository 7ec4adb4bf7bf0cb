/*
 * engines: what docker (or podman) keeps for nobody, by its own command line at its
 * place. Objects are listed by id, and removed by id, without force: what the
 * engine still needs it refuses to remove. Volumes are never looked at.
 */
#ifndef CLEANUP_ENGINES_H
#define CLEANUP_ENGINES_H

#include "base/json.h"
#include "cleanup/cleanup.h"

/* Items and kept things of that part. False: the engine does not answer. */
bool engines_look(struct clean_plan *p, size_t part, struct err *e);
/* ERR_GUARD: it is not what the plan has. */
bool engines_remove(struct clean_plan *p, struct clean_item *i, struct err *e);
/* The members of "docker system df" behind out; false: no answer. */
bool engines_df(const struct clean_plan *p, const struct clean_part *part,
    struct buf *out);

/* ---- shared by engine.c and engines_run.c ------------------------------------- */

struct engines_list {
	VEC(json_t *) v;		/* objects, by id */
};
void engines_list_release(struct engines_list *l);

/* Its words' output, one object a line, added to ret. */
bool engines_objects(const struct clean_part *part, const char *const *argv,
    struct engines_list *ret, struct err *e);
bool engines_run(const struct clean_part *part, const char *const *argv,
    struct place_ran *ran, struct err *e);
/* Each object of a kind, whole; ids NULL: all of them. */
bool engines_inspect(const struct clean_part *part, enum clean_kind kind,
    const char *const *ids, size_t n, struct engines_list *ret, struct err *e);
bool engines_cache(const struct clean_part *part, struct engines_list *images,
    struct engines_list *cache, struct err *e);
const char *engines_id(const json_t *o);
void engines_mark(enum clean_kind kind, const json_t *o, char mark[SHA_HEX]);
bool engines_is_running(const json_t *container);
/* The name by which a place of the site goes; NULL: none names it. */
const struct site_place *engines_named(const struct site *site,
    const json_t *container);
/* A data directory in what the container itself holds, or nobody knows. */
bool engines_holds_data(const struct clean_part *part, const json_t *container,
    struct buf *why);

#endif
