/* Reading manifests and proofs, whatever is in them. */
#include <inttypes.h>
#include <string.h>

#include "backup/manifest.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { TEXT_MAX = 4096, SHORT = 255, TIME_MAX_MS = 24 };

/* One object of the file: where its members are taken from and to. */
struct in {
	const json_t *o;
	struct pool *pool;
	struct err *e;
};

static bool
wrong(const struct in *in, const char *key, const char *what)
{
	return err_set(in->e, ERR_INTEGRITY, "%s: %s", key, what);
}

/* A member that must be there and be of the type. */
static const json_t *
want(const struct in *in, const char *key, json_type type, const char *what)
{
	const json_t *v = json_object_get(in->o, key);

	if (v != NULL && json_typeof(v) == type)
		return v;
	wrong(in, key, v == NULL ? "it is not there" : what);
	return NULL;
}

static bool
take_str(const struct in *in, const char *key, size_t max, const char **ret)
{
	const json_t *v = want(in, key, JSON_STRING, "it is not a string");

	if (v == NULL)
		return false;
	if (json_string_length(v) > max)
		return wrong(in, key, "it is too long");
	*ret = pool_strn(in->pool, json_string_value(v), json_string_length(v));
	return true;
}

static bool
there(const struct in *in, const char *key)
{
	return json_object_get(in->o, key) != NULL;
}

static bool
may_str(const struct in *in, const char *key, size_t max, const char **ret)
{
	return !there(in, key) || take_str(in, key, max, ret);
}

static bool
take_int(const struct in *in, const char *key, int64_t *ret)
{
	const json_t *v = want(in, key, JSON_INTEGER, "it is not a whole "
	    "number");

	if (v == NULL)
		return false;
	if (json_integer_value(v) < 0)
		return wrong(in, key, "it is negative");
	*ret = json_integer_value(v);
	return true;
}

/* -1: it was not counted. */
static bool
may_int(const struct in *in, const char *key, int64_t *ret)
{
	*ret = -1;
	return !there(in, key) || take_int(in, key, ret);
}

static bool
take_bool(const struct in *in, const char *key, bool *ret)
{
	const json_t *v = json_object_get(in->o, key);

	if (!json_is_boolean(v))
		return wrong(in, key, v == NULL ? "it is not there" :
		    "it is neither true nor false");
	*ret = json_is_true(v);
	return true;
}

static bool
take_time(const struct in *in, const char *key, int64_t *ret)
{
	const char *s = "";

	if (!take_str(in, key, TIME_MAX_MS, &s))
		return false;
	return clock_parse_utc(s, ret) ||
	    wrong(in, key, "it is not a time in UTC");
}

static bool
take_sha(const struct in *in, const char *key, char out[SHA_HEX])
{
	const char *s = "";

	if (!take_str(in, key, SHORT, &s))
		return false;
	if (strlen(s) != SHA_HEX - 1 ||
	    strspn(s, "0123456789abcdef") != SHA_HEX - 1)
		return wrong(in, key, "it is not a SHA-256");
	memcpy(out, s, SHA_HEX);
	return true;
}

/* The members of a list, one after the other, each an object. */
static bool
take_list(const struct in *in, const char *key, size_t max,
    bool (*one)(const struct in *item, void *to), void *to)
{
	const json_t *v = want(in, key, JSON_ARRAY, "it is not a list");
	size_t n = json_array_size(v);

	if (v == NULL)
		return false;
	if (n > max)
		return wrong(in, key, "it is too long");
	for (size_t i = 0; i < n; i++) {
		struct in item = { json_array_get(v, i), in->pool, in->e };

		if (!json_is_object(item.o))
			err_set(in->e, ERR_INTEGRITY, "it is not an object");
		else if (one(&item, to))
			continue;
		return err_wrap(in->e, "%s[%zu]", key, i);
	}
	return true;
}

/* A file of our own format, or of a newer one that we cannot read. */
static bool
take_format(const struct in *in, int64_t newest, int64_t *ret)
{
	int64_t format = 0;

	if (!json_is_object(in->o))
		return err_set(in->e, ERR_INTEGRITY, "it is not an object");
	if (!take_int(in, "format", &format))
		return false;
	*ret = format;
	if (format >= 1 && format <= newest)
		return true;
	err_set(in->e, ERR_INTEGRITY, "it is of format %" PRId64 ", and this "
	    "midwatch reads %" PRId64, format, newest);
	return format > newest ? err_hint(in->e, "Use the midwatch "
	    "that wrote it, or a newer one.") : false;
}

/* ---- a manifest ----------------------------------------------------------------- */

static bool
take_side(const struct in *in, const char *key, struct set_side *ret)
{
	struct in side = { NULL, in->pool, in->e };

	if (!there(in, key))
		return true;
	side.o = want(in, key, JSON_OBJECT, "it is not an object");
	if (side.o == NULL)
		return false;
	return (take_str(&side, "file", SHORT, &ret->name) &&
	    take_int(&side, "size", &ret->size) &&
	    take_sha(&side, "sha256", ret->sha256)) ||
	    err_wrap(in->e, "%s", key);
}

static bool
take_file(const struct in *in, void *to)
{
	struct set_part *p = to;
	struct set_file *f = VEC_NEW(&p->files);

	return take_str(in, "file", SHORT, &f->name) &&
	    take_int(in, "size", &f->size) &&
	    may_int(in, "raw_size", &f->raw_size) &&
	    take_sha(in, "sha256", f->sha256) &&
	    take_side(in, "index", &f->index) &&
	    take_side(in, "counts", &f->counts);
}

static bool
take_proc(const struct in *in, void *to)
{
	struct set_part *p = to;
	struct set_proc *q = VEC_NEW(&p->pipe);
	int64_t code = 0;

	if (!take_str(in, "process", SHORT, &q->name) ||
	    !may_str(in, "version", SHORT, &q->version) ||
	    !take_int(in, "exit", &code))
		return false;
	if (code > 255)
		return wrong(in, "exit", "it is not an exit status");
	q->exit = (int)code;
	return true;
}

static bool
take_identity(const struct in *in, struct set_identity *ret)
{
	struct in id = { NULL, in->pool, in->e };

	if (!there(in, "identity"))
		return true;
	id.o = want(in, "identity", JSON_OBJECT, "it is not an object");
	if (id.o == NULL)
		return false;
	return (may_str(&id, "system_identifier", SHORT,
	    &ret->system_identifier) &&
	    may_str(&id, "server_version", SHORT, &ret->server_version) &&
	    may_str(&id, "role", SHORT, &ret->role) &&
	    may_str(&id, "host", SHORT, &ret->host) &&
	    may_str(&id, "dbname", SHORT, &ret->dbname) &&
	    may_str(&id, "user", SHORT, &ret->user)) ||
	    err_wrap(in->e, "identity");
}

static bool
take_warnings(const struct in *in, struct set_part *p)
{
	const json_t *v;

	if (!there(in, "warnings"))
		return true;
	v = want(in, "warnings", JSON_ARRAY, "it is not a list");
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *s = json_string_value(json_array_get(v, i));

		if (s == NULL || strlen(s) > TEXT_MAX)
			return wrong(in, "warnings", "one is not a string, or "
			    "too long");
		VEC_PUSH(&p->warnings, pool_str(in->pool, s));
	}
	return v != NULL;
}

static bool
take_part(const struct in *in, void *to)
{
	struct manifest *m = to;
	struct set_part *p;
	const char *name = "", *word = "";
	enum set_kind kind;

	if (!take_str(in, "name", SHORT, &name) ||
	    !take_str(in, "kind", SHORT, &word))
		return false;
	if (!set_part_ok(name))
		return wrong(in, "name", "it is not the name of a component");
	if (!set_kind_parse(word, &kind))
		return wrong(in, "kind", "it is not one that we know");
	p = manifest_part(m, name, kind);
	return take_bool(in, "complete", &p->complete) &&
	    take_time(in, "started", &p->started) &&
	    take_time(in, "finished", &p->finished) &&
	    may_str(in, "dir", SHORT, &p->dir) &&
	    take_list(in, "files", MANIFEST_FILES, take_file, p) &&
	    take_list(in, "pipe", MANIFEST_PROCS, take_proc, p) &&
	    may_int(in, "tables", &p->tables) &&
	    may_int(in, "rows", &p->rows) &&
	    may_str(in, "snapshot", SHORT, &p->snapshot) &&
	    take_identity(in, &p->from) &&
	    may_str(in, "problem", TEXT_MAX, &p->problem) &&
	    take_warnings(in, p);
}

static bool
take_manifest(const struct in *in, struct manifest *m)
{
	const char *word = "";
	int64_t format;

	if (!take_format(in, MANIFEST_FORMAT, &format) ||
	    !take_str(in, "site", SHORT, &m->site) ||
	    !take_str(in, "class", SHORT, &word))
		return false;
	if (!set_class_parse(word, &m->class))
		return wrong(in, "class", "it is not one that we know");
	return take_time(in, "started", &m->started) &&
	    take_time(in, "finished", &m->finished) &&
	    may_str(in, "by", SHORT, &m->by) &&
	    may_str(in, "host", SHORT, &m->host) &&
	    take_bool(in, "complete", &m->complete) &&
	    take_list(in, "components", MANIFEST_PARTS, take_part, m) &&
	    manifest_check(m, in->e);
}

static json_t *
parse(const char *p, size_t n, struct err *e)
{
	if (n <= MANIFEST_MAX)
		return json_read(p, n, e);
	err_set(e, ERR_INTEGRITY, "it is larger than %d bytes", MANIFEST_MAX);
	return NULL;
}

bool
manifest_read(struct manifest *m, const char *p, size_t n, struct err *e)
{
	json_t *o = parse(p, n, e);
	struct in in = { o, &m->pool, e };
	bool ok = o != NULL && take_manifest(&in, m);

	json_decref(o);
	if (!ok)
		manifest_release(m);
	return ok;
}

/* ---- a proof ---------------------------------------------------------------------- */

static bool
take_proven(const struct in *in, void *to)
{
	struct proof *p = to;
	struct proof_part *q = VEC_NEW(&p->parts);

	if (!take_str(in, "name", SHORT, &q->name))
		return false;
	if (!set_part_ok(q->name))
		return wrong(in, "name", "it is not the name of a component");
	for (size_t i = 0; i + 1 < p->parts.n; i++)
		if (strcmp(p->parts.v[i].name, q->name) == 0)
			return wrong(in, "name", "it is there twice");
	return take_bool(in, "ok", &q->ok) &&
	    may_int(in, "bytes", &q->bytes) &&
	    may_int(in, "took_ms", &q->took_ms) &&
	    may_int(in, "tables", &q->tables) &&
	    may_int(in, "rows", &q->rows) &&
	    may_str(in, "text", TEXT_MAX, &q->text);
}

/* It ends with the hash of all that is before it. */
static bool
hash_holds(const struct in *in, const char *s, size_t n)
{
	static const char key[] = ",\"hash\":\"", end[] = "\"}\n";
	size_t tail = sizeof key - 1 + SHA_HEX - 1 + sizeof end - 1;
	char hash[SHA_HEX];

	if (n < tail || memcmp(s + n - tail, key, sizeof key - 1) != 0 ||
	    memcmp(s + n - (sizeof end - 1), end, sizeof end - 1) != 0)
		return err_set(in->e, ERR_INTEGRITY, "it does not end with its "
		    "hash");
	sha_of(s, n - tail, hash);
	if (memcmp(s + n - tail + sizeof key - 1, hash, SHA_HEX - 1) == 0)
		return true;
	return err_set(in->e, ERR_INTEGRITY, "it is damaged: its hash is not "
	    "that of its bytes");
}

static bool
take_proof(const struct in *in, const char *s, size_t n, struct proof *p)
{
	const char *word = "";
	int64_t format = 0;

	if (!take_format(in, PROOF_FORMAT, &format) ||
	    (format > 1 && !hash_holds(in, s, n)) ||
	    !take_str(in, "kind", SHORT, &word))
		return false;
	if (!proven_parse(word, &p->kind) || p->kind < PROVEN_VERIFIED)
		return wrong(in, "kind", "it is not one that we know");
	return take_time(in, "at", &p->at) &&
	    take_sha(in, "manifest_sha256", p->manifest) &&
	    may_str(in, "by", SHORT, &p->by) &&
	    may_str(in, "host", SHORT, &p->host) &&
	    take_list(in, "components", MANIFEST_PARTS, take_proven, p);
}

bool
proof_read(struct proof *p, const char *s, size_t n, struct err *e)
{
	json_t *o = parse(s, n, e);
	struct in in = { o, &p->pool, e };
	bool ok = o != NULL && take_proof(&in, s, n, p);

	json_decref(o);
	if (!ok)
		proof_release(p);
	return ok;
}
