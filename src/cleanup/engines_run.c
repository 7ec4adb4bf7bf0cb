/* Asking the engine, and telling it to remove one thing. */
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "cleanup/engines.h"
#include "probe/answer.h"
#include "probe/said.h"

enum { ANSWER_MAX = 64 << 20, DIFF_MAX = 4 << 20, ANSWER_MS = 120000,
       BATCH = 40 };

/* ---- asking --------------------------------------------------------------------- */

bool
engines_run(const struct clean_part *part, const char *const *argv,
    struct place_ran *ran, struct err *e)
{
	char said[SAID_MAX];

	if (!place_run(part->place, &(struct place_run){ .argv = argv,
	    .limit = ANSWER_MAX, .deadline_ms = clock_mono_ms() + ANSWER_MS },
	    ran, e))
		return false;
	if (ran->cut)
		return err_set(e, ERR_GUARD, "%s says more than can be taken",
		    argv[0]);
	if (ran->exit.code == 0)
		return true;
	said_line(said, ran->errout.p, ran->errout.n);
	return err_set(e, strstr(said, "o such ") != NULL ||
	    strstr(said, "not found") != NULL ||
	    strstr(said, "not known") != NULL ? ERR_NOTFOUND :
	    ERR_FAILED, "%s: exit %d%s%s", argv[0], ran->exit.code,
	    *said ? ": " : "", said);
}

void
engines_list_release(struct engines_list *l)
{
	for (size_t i = 0; i < l->v.n; i++)
		json_decref(l->v.v[i]);
	VEC_RELEASE(&l->v);
}

const char *
engines_id(const json_t *o)
{
	const char *id = json_get_str(o, "Id");

	if (id == NULL)
		id = json_get_str(o, "ID");
	return id != NULL ? id : "";
}

/* What goes into an argv must be an id, and an id alone. */
static bool
id_ok(const char *s)
{
	if (text_starts(s, "sha256:"))
		s += 7;
	return *s != '\0' && strlen(s) <= 64 &&
	    s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz")] == '\0';
}

/* podman answers with one list over many lines, whatever the format says. */
static bool
take_array(const char *const *argv, const struct buf *said,
    struct engines_list *ret, struct err *e)
{
	json_t *list = json_read(said->p, said->n, NULL), *o;
	bool ok = json_is_array(list);
	size_t i;

	json_array_foreach(list, i, o) {
		ok = ok && json_is_object(o) && id_ok(engines_id(o));
		if (ok)
			VEC_PUSH(&ret->v, json_incref(o));
	}
	json_decref(list);
	return ok || err_set(e, ERR_FAILED, "'%s %s' answers oddly", argv[0],
	    argv[1]);
}

bool
engines_objects(const struct clean_part *part, const char *const *argv,
    struct engines_list *ret, struct err *e)
{
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok = engines_run(part, argv, &ran, e);
	bool list = ok && ran.out.n > 0 && ran.out.p[0] == '[';

	if (list)
		ok = take_array(argv, &ran.out, ret, e);
	for (size_t at = 0; ok && !list && at < ran.out.n;) {
		const char *line = ran.out.p + at;
		const char *nl = memchr(line, '\n', ran.out.n - at);
		size_t n = nl != NULL ? (size_t)(nl - line) : ran.out.n - at;
		json_t *o = n > 0 ? json_read(line, n, NULL) : NULL;

		if (o != NULL && json_is_object(o) && id_ok(engines_id(o)))
			VEC_PUSH(&ret->v, o);
		else if (n > 0) {
			json_decref(o);
			ok = err_set(e, ERR_FAILED, "'%s %s' answers oddly",
			    argv[0], argv[1]);
		}
		at += n + 1;
	}
	place_ran_release(&ran);
	return ok;
}

struct ids {
	VEC(char *) v;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
list_ids(const struct clean_part *part, enum clean_kind kind, struct ids *ret,
    struct err *e)
{
	const char *boxes[] = { part->engine, "ps", "-aq", "--no-trunc", NULL };
	const char *images[] = { part->engine, "image", "ls", "-aq",
		"--no-trunc", NULL };
	const char *nets[] = { part->engine, "network", "ls", "-q",
		"--no-trunc", "--filter", "type=custom", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok = engines_run(part, kind == CLEAN_CONTAINER ? boxes : kind ==
	    CLEAN_IMAGE ? images : nets, &ran, e);
	char *rest = ran.out.p, *line;
	size_t kept = 0;

	while (ok && ran.out.n > 0 && (line = strsep(&rest, "\r\n")) != NULL)
		if (id_ok(line))
			VEC_PUSH(&ret->v, xstrdup(line));
		else if (*line != '\0')
			ok = err_set(e, ERR_FAILED, "'%s' lists something that "
			    "is no id", part->engine);
	if (ret->v.n > 1)
		qsort(ret->v.v, ret->v.n, sizeof *ret->v.v, by_name);
	for (size_t i = 0; i < ret->v.n; i++)	/* an image a line a name */
		if (kept > 0 && strcmp(ret->v.v[kept - 1], ret->v.v[i]) == 0)
			free(ret->v.v[i]);
		else
			ret->v.v[kept++] = ret->v.v[i];
	ret->v.n = kept;
	place_ran_release(&ran);
	return ok;
}

bool
engines_inspect(const struct clean_part *part, enum clean_kind kind,
    const char *const *ids, size_t n, struct engines_list *ret, struct err *e)
{
	struct ids all = { 0 };
	bool ok = ids != NULL || list_ids(part, kind, &all, e);

	if (ids == NULL) {
		ids = (const char *const *)all.v.v;
		n = all.v.n;
	}
	for (size_t at = 0; ok && at < n; at += BATCH) {
		const char *argv[BATCH + 10] = { part->engine };
		size_t k = 1;

		if (kind == CLEAN_NETWORK)
			argv[k++] = "network";
		argv[k++] = "inspect";
		if (kind == CLEAN_CONTAINER)
			argv[k++] = "--size";
		if (kind != CLEAN_NETWORK) {
			argv[k++] = "--type";
			argv[k++] = clean_kind_name(kind);
		}
		argv[k++] = "--format";
		argv[k++] = "{{json .}}";
		argv[k++] = "--";
		for (size_t i = at; i < n && i < at + BATCH; i++)
			argv[k++] = ids[i];
		ok = engines_objects(part, argv, ret, e);
	}
	for (size_t i = 0; i < all.v.n; i++)
		free(all.v.v[i]);
	VEC_RELEASE(&all.v);
	return ok;
}

static void
take_list(json_t *o, const char *key, struct engines_list *to)
{
	json_t *x;
	size_t i;

	json_array_foreach(json_object_get(o, key), i, x)
		if (to != NULL && json_is_object(x) && id_ok(engines_id(x)))
			VEC_PUSH(&to->v, json_incref(x));
}

/* With what each image holds alone. */
bool
engines_cache(const struct clean_part *part, struct engines_list *images,
    struct engines_list *cache, struct err *e)
{
	const char *argv[] = { part->engine, "system", "df", "-v", "--format",
		"{\"images\":{{json .Images}},\"cache\":{{json .BuildCache}}}",
		NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	json_t *o = NULL;
	bool ok = engines_run(part, argv, &ran, e);

	if (ok) {
		size_t n = ran.out.n;

		while (n > 0 && strchr("\r\n", ran.out.p[n - 1]) != NULL)
			n--;
		o = json_read(ran.out.p, n, e);
		ok = o != NULL;
	}
	if (ok) {
		take_list(o, "images", images);
		take_list(o, "cache", cache);
	}
	json_decref(o);
	place_ran_release(&ran);
	return ok;
}

/* ---- what must not change ------------------------------------------------------ */

static void
add_word(struct sha *sha, const char *s)
{
	s = s != NULL ? s : "";
	sha_add(sha, s, strlen(s) + 1);
}

void
engines_mark(enum clean_kind kind, const json_t *o, char mark[SHA_HEX])
{
	const json_t *state = json_object_get(o, "State"), *tag;
	struct sha sha;
	size_t i;

	sha_init(&sha);
	add_word(&sha, engines_id(o));
	add_word(&sha, json_get_str(o, "Name"));
	if (kind == CLEAN_CONTAINER) {
		add_word(&sha, json_get_str(state, "Status"));
		add_word(&sha, json_get_str(state, "FinishedAt"));
	} else if (kind == CLEAN_IMAGE) {
		const json_t *tags = json_object_get(o, "RepoTags");

		json_array_foreach(tags, i, tag) {
			add_word(&sha, json_string_value(tag));
		}
	} else if (kind == CLEAN_CACHE) {
		add_word(&sha, json_get_str(o, "LastUsedAt"));
		add_word(&sha, json_get_str(o, "UsageCount"));
		add_word(&sha, json_get_str(o, "InUse"));
	}
	sha_hex(&sha, mark);
}

bool
engines_is_running(const json_t *container)
{
	static const char *const ended[] = { "exited", "created", "dead",
		"configured", "stopped" };
	const json_t *state = json_object_get(container, "State");
	const char *word = json_get_str(state, "Status");

	return word == NULL || json_get_bool(state, "Running") ||
	    !text_in(word, ended, sizeof ended / sizeof *ended);
}

const struct site_place *
engines_named(const struct site *site, const json_t *container)
{
	const char *name = json_get_str(container, "Name");
	const char *id = engines_id(container);

	name = name == NULL ? "" : name + (*name == '/');
	for (size_t i = 0; i < site_places(site); i++) {
		const struct site_place *p = site_place_at(site, i);

		if (p->container != NULL && (strcmp(p->container, name) == 0 ||
		    (strlen(p->container) >= 4 &&
		    text_starts(id, p->container))))
			return p;
	}
	return NULL;
}

bool
engines_holds_data(const struct clean_part *part, const json_t *container,
    struct buf *why)
{
	const char *argv[] = { part->engine, "diff", engines_id(container),
		NULL };
	const json_t *env, *word;
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	size_t i;

	env = json_object_get(json_object_get(container, "Config"), "Env");
	json_array_foreach(env, i, word)
		if (json_is_string(word) && text_starts(json_string_value(word),
		    "PGDATA="))
			buf_str(why, "it is the container of a database");
	if (why->n == 0 && !place_run(part->place, &(struct place_run){
	    .argv = argv, .limit = DIFF_MAX, .deadline_ms = clock_mono_ms() +
	    ANSWER_MS }, &ran, &e))
		buf_printf(why, "what it holds is not known: %s", e.msg);
	else if (why->n == 0 && (ran.cut || ran.exit.code != 0))
		buf_str(why, "what it holds is not known");
	else if (why->n == 0 && (strstr(ran.out.p, "/PG_VERSION") != NULL ||
	    strstr(ran.out.p, "/pg_wal") != NULL))
		buf_str(why, "a data directory of PostgreSQL is in it");
	place_ran_release(&ran);
	return why->n > 0;
}

bool
engines_df(const struct clean_plan *p, const struct clean_part *part,
    struct buf *out)
{
	const char *argv[] = { part->engine, "system", "df", "--format",
		"{{json .}}", NULL };
	static const char *const keys[] = { "images", "containers", "cache",
		"volumes", "reclaimable" };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err quiet = ERR_INIT;
	struct reading r;
	bool ok = engines_run(part, argv, &ran, &quiet);

	reading_init(&r, "docker", part->name);
	if (ok)
		docker_answer(&p->ask.site->cleanup.docker, ran.out.p,
		    ran.out.n, &r);
	ok = ok && r.error == NULL;
	for (size_t i = 0; ok && i < sizeof keys / sizeof *keys; i++)
		if (json_object_get(r.data, keys[i]) != NULL)
			json_put_json(out, keys[i],
			    json_object_get(r.data, keys[i]));
	reading_release(&r);
	place_ran_release(&ran);
	return ok;
}

/* ---- removing -------------------------------------------------------------------- */

/* The object as it is now; NULL: it is gone, or nobody knows. */
static json_t *
look_again(const struct clean_part *part, const struct clean_item *i,
    struct err *e)
{
	const char *ids[] = { i->what };
	struct engines_list l = { 0 };
	json_t *o = NULL;
	bool ok = i->kind == CLEAN_CACHE ? engines_cache(part, NULL, &l, e) :
	    engines_inspect(part, i->kind, ids, 1, &l, e);

	for (size_t k = 0; ok && o == NULL && k < l.v.n; k++)
		if (strcmp(engines_id(l.v.v[k]), i->what) == 0)
			o = json_incref(l.v.v[k]);
	if (ok && o == NULL)
		err_set(e, ERR_NOTFOUND, "it is not there any more");
	engines_list_release(&l);
	return o;
}

/* A name goes only while it is this image's. */
static bool
drop_names(const struct clean_part *part, const struct clean_item *i,
    const json_t *o, struct err *e)
{
	const json_t *tags = json_object_get(o, "RepoTags");
	bool ok = true;

	if (json_array_size(tags) < 2)
		return true;
	for (size_t k = 0; ok && k < json_array_size(tags); k++) {
		const char *tag = json_string_value(json_array_get(tags, k));
		const char *look[] = { part->engine, "inspect", "--type",
			"image", "--format", "{{.Id}}", "--", tag, NULL };
		const char *drop[] = { part->engine, "image", "rm",
			"--no-prune", "--", tag, NULL };
		struct place_ran ran = PLACE_RAN_INIT, done = PLACE_RAN_INIT;
		size_t n;

		ok = tag != NULL && engines_run(part, look, &ran, e);
		n = strlen(i->what);
		if (ok && (strncmp(ran.out.p, i->what, n) != 0 ||
		    strchr("\r\n", ran.out.p[n]) == NULL))
			ok = err_set(e, ERR_GUARD, "'%s' is the name of "
			    "another image now", tag);
		ok = ok && engines_run(part, drop, &done, e);
		place_ran_release(&ran);
		place_ran_release(&done);
	}
	return ok;
}

static bool
drop(const struct clean_part *part, const struct clean_item *i,
    const json_t *o, struct err *e)
{
	char *filter = xprintf("id=^%s$", i->what);
	const char *box[] = { part->engine, "container", "rm", i->what, NULL };
	const char *image[] = { part->engine, "image", "rm", "--no-prune",
		"--", i->what, NULL };
	const char *net[] = { part->engine, "network", "rm", i->what, NULL };
	const char *cache[] = { part->engine, "builder", "prune", "--all",
		"--force", "--filter", filter, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	bool ok = true;

	if (i->kind == CLEAN_IMAGE) {
		ok = drop_names(part, i, o, e);
		/* with its last name an image goes by itself */
		if (ok && json_array_size(json_object_get(o, "RepoTags")) < 2)
			ok = engines_run(part, image, &ran, e);
	} else
		ok = engines_run(part, i->kind == CLEAN_CONTAINER ? box :
		    i->kind == CLEAN_NETWORK ? net : cache, &ran, e);
	place_ran_release(&ran);
	free(filter);
	return ok;
}

bool
engines_remove(struct clean_plan *p, struct clean_item *i, struct err *e)
{
	const struct clean_part *part = p->parts.v[i->part];
	json_t *o = look_again(part, i, e), *left;
	struct err gone = ERR_INIT;
	char mark[SHA_HEX];
	bool ok = o != NULL;

	if (ok) {
		engines_mark(i->kind, o, mark);
		if (strcmp(mark, i->mark) != 0 || (i->kind == CLEAN_CONTAINER &&
		    (engines_is_running(o) ||
		    engines_named(p->ask.site, o) != NULL)))
			ok = err_set(e, ERR_GUARD, "it has changed since the "
			    "plan was made");
	}
	ok = ok && drop(part, i, o, e);
	if (ok) {
		left = look_again(part, i, &gone);
		if (left != NULL)
			ok = err_set(e, ERR_FAILED, "%s said that it removed "
			    "it, and it is still there", part->engine);
		else if (gone.kind != ERR_NOTFOUND) {
			*e = gone;
			ok = false;
		}
		json_decref(left);
	}
	json_decref(o);
	return ok;
}
