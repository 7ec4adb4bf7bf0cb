/* Manifests and proofs as structures, and as bytes to write; manifest_read.c has
 * the other direction. Both ask manifest_check(). */
#include "backup/manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

struct set_part *
manifest_part(struct manifest *m, const char *name, enum set_kind kind)
{
	struct set_part *p = VEC_NEW(&m->parts);

	p->name = pool_str(&m->pool, name);
	p->kind = kind;
	p->tables = p->rows = -1;
	return p;
}

const struct set_part *
manifest_find(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->parts.n; i++)
		if (strcmp(m->parts.v[i].name, name) == 0)
			return &m->parts.v[i];
	return NULL;
}

/* Sizes are what a file says: they are added without running over. */
static int64_t
add(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

bool
set_part_adopted(const struct set_part *p)
{
	return p->pipe.n > 0 && p->pipe.v[0].name != NULL &&
	    strcmp(p->pipe.v[0].name, SET_ADOPT) == 0;
}

int64_t
set_part_size(const struct set_part *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->files.n; i++) {
		const struct set_file *f = &p->files.v[i];

		sum = add(sum, f->size);
		sum = add(sum, f->index.name ? f->index.size : 0);
		sum = add(sum, f->counts.name ? f->counts.size : 0);
	}
	return sum;
}

int64_t
set_part_raw_size(const struct set_part *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->files.n; i++) {
		if (p->files.v[i].raw_size < 0)
			return -1;
		sum = add(sum, p->files.v[i].raw_size);
	}
	return sum;
}

void
set_part_path(struct buf *out, const struct set_part *p, const char *file)
{
	if (p->dir != NULL)
		buf_printf(out, "%s/", p->dir);
	buf_str(out, file);
}

void
manifest_release(struct manifest *m)
{
	for (size_t i = 0; i < m->parts.n; i++) {
		VEC_RELEASE(&m->parts.v[i].files);
		VEC_RELEASE(&m->parts.v[i].pipe);
		VEC_RELEASE(&m->parts.v[i].warnings);
	}
	VEC_RELEASE(&m->parts);
	pool_release(&m->pool);
	*m = (struct manifest){ 0 };
}

void
proof_release(struct proof *p)
{
	VEC_RELEASE(&p->parts);
	pool_release(&p->pool);
	*p = (struct proof){ 0 };
}

/* ---- does it hold together? ----------------------------------------------------- */

static bool
bad(struct err *e, const char *what, const char *why)
{
	return err_set(e, ERR_INTEGRITY, "'%s' %s", what, why);
}

static bool
check_side(const char *name, int64_t size, const char *sha, struct err *e)
{
	if (!set_file_ok(name))
		return bad(e, name, "is not the name of a file in a set");
	if (size < 0)
		return bad(e, name, "has a negative size");
	if (strlen(sha) != SHA_HEX - 1)
		return bad(e, name, "has no SHA-256");
	return true;
}

static bool
check_file(const struct set_part *p, const struct set_file *f, struct err *e)
{
	if (!check_side(f->name, f->size, f->sha256, e) ||
	    (f->index.name != NULL && !check_side(f->index.name, f->index.size,
	    f->index.sha256, e)) ||
	    (f->counts.name != NULL && !check_side(f->counts.name,
	    f->counts.size, f->counts.sha256, e)))
		return false;
	if (f->raw_size < -1)
		return bad(e, f->name, "has a negative raw size");
	/* Even nothing at all takes 20 bytes of gzip. */
	if (p->complete && f->size == 0)
		return bad(e, f->name, "is called complete and is empty");
	return true;
}

/* tar ends with 1 when a file changed while it was read: said, not fatal. */
static bool
exit_is_well(const struct set_part *p, const struct set_proc *q)
{
	return q->exit == 0 || (p->kind == SET_FILES && q->exit == 1 &&
	    p->warnings.n > 0 && strcmp(q->name, "tar") == 0);
}

static bool
check_part(const struct set_part *p, struct err *e)
{
	if (!set_part_ok(p->name))
		return bad(e, p->name, "is not the name of a component");
	if (p->dir != NULL && strcmp(p->dir, p->name) != 0)
		return bad(e, p->dir, "is not its component's own folder");
	for (size_t i = 0; i < p->files.n; i++)
		if (!check_file(p, &p->files.v[i], e))
			return false;
	for (size_t i = 0; i < p->pipe.n; i++) {
		const struct set_proc *q = &p->pipe.v[i];

		if (q->exit < 0 || q->exit > 255)
			return bad(e, q->name, "has no exit status");
		if (p->complete && !exit_is_well(p, q))
			return err_set(e, ERR_INTEGRITY, "it is called "
			    "complete, but '%s' ended with %d", q->name,
			    q->exit);
	}
	if (!p->complete)
		return true;
	if (p->files.n == 0 || p->pipe.n == 0)
		return err_set(e, ERR_INTEGRITY, "it is called complete and "
		    "has no %s", p->files.n == 0 ? "file" : "process");
	if (p->problem != NULL)
		return err_set(e, ERR_INTEGRITY, "it is called complete and "
		    "names a problem");
	return true;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct paths {
	VEC(char *) v;
};

static void
take_path(struct paths *all, const struct set_part *p, const char *file)
{
	struct buf b = BUF_INIT;

	if (file == NULL)
		return;
	set_part_path(&b, p, file);
	VEC_PUSH(&all->v, buf_detach(&b));
}

static bool
check_twice(struct paths *all, struct err *e)
{
	bool ok = true;

	if (all->v.n > 1)
		qsort(all->v.v, all->v.n, sizeof *all->v.v, by_text);
	for (size_t i = 1; ok && i < all->v.n; i++)
		if (strcmp(all->v.v[i], all->v.v[i - 1]) == 0)
			ok = bad(e, all->v.v[i], "is there twice");
	for (size_t i = 0; i < all->v.n; i++)
		free(all->v.v[i]);
	VEC_RELEASE(&all->v);
	return ok;
}

static bool
check_unique(const struct manifest *m, struct err *e)
{
	struct paths names = { 0 }, files = { 0 };
	bool ok;

	for (size_t i = 0; i < m->parts.n; i++) {
		const struct set_part *p = &m->parts.v[i];

		VEC_PUSH(&names.v, xstrdup(p->name));
		for (size_t k = 0; k < p->files.n; k++) {
			const struct set_file *f = &p->files.v[k];

			take_path(&files, p, f->name);
			take_path(&files, p, f->index.name);
			take_path(&files, p, f->counts.name);
		}
	}
	ok = check_twice(&names, e);
	return check_twice(&files, e) && ok;
}

bool
manifest_check(const struct manifest *m, struct err *e)
{
	if (m->complete && m->parts.n == 0)
		return err_set(e, ERR_INTEGRITY, "it is called complete and "
		    "holds nothing");
	for (size_t i = 0; i < m->parts.n; i++) {
		const struct set_part *p = &m->parts.v[i];

		if (!check_part(p, e))
			return err_wrap(e, "component '%s'", p->name);
		if (m->complete && !p->complete)
			return err_set(e, ERR_INTEGRITY, "it is called "
			    "complete, but component '%s' is not", p->name);
	}
	return check_unique(m, e);
}

/* ---- as bytes --------------------------------------------------------------------- */

static void
put_time(struct buf *b, const char *key, int64_t wall_ms)
{
	char utc[32];

	clock_fmt_utc(utc, wall_ms);
	json_put_str(b, key, utc);
}

static void
put_count(struct buf *b, const char *key, int64_t n)
{
	if (n >= 0)
		json_put_int(b, key, n);
}

static void
put_side(struct buf *b, const char *key, const struct set_side *s)
{
	if (s->name == NULL)
		return;
	json_key(b, key);
	json_open(b);
	json_put_str(b, "file", s->name);
	json_put_int(b, "size", s->size);
	json_put_str(b, "sha256", s->sha256);
	json_close(b);
}

static void
put_files(struct buf *b, const struct set_part *p)
{
	json_key(b, "files");
	json_open_list(b);
	for (size_t i = 0; i < p->files.n; i++) {
		const struct set_file *f = &p->files.v[i];

		json_comma(b);
		json_open(b);
		json_put_str(b, "file", f->name);
		json_put_int(b, "size", f->size);
		put_count(b, "raw_size", f->raw_size);
		json_put_str(b, "sha256", f->sha256);
		put_side(b, "index", &f->index);
		put_side(b, "counts", &f->counts);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_pipe(struct buf *b, const struct set_part *p)
{
	json_key(b, "pipe");
	json_open_list(b);
	for (size_t i = 0; i < p->pipe.n; i++) {
		const struct set_proc *q = &p->pipe.v[i];

		json_comma(b);
		json_open(b);
		json_put_str(b, "process", q->name);
		json_put_str(b, "version", q->version);
		json_put_int(b, "exit", q->exit);
		json_close(b);
	}
	json_close_list(b);
}

static void
put_identity(struct buf *b, const struct set_identity *from)
{
	if (from->system_identifier == NULL && from->host == NULL &&
	    from->server_version == NULL && from->role == NULL &&
	    from->dbname == NULL && from->user == NULL)
		return;
	json_key(b, "identity");
	json_open(b);
	json_put_str(b, "system_identifier", from->system_identifier);
	json_put_str(b, "server_version", from->server_version);
	json_put_str(b, "role", from->role);
	json_put_str(b, "host", from->host);
	json_put_str(b, "dbname", from->dbname);
	json_put_str(b, "user", from->user);
	json_close(b);
}

static void
put_part(struct buf *b, const struct set_part *p)
{
	json_open(b);
	json_put_str(b, "name", p->name);
	json_put_str(b, "kind", set_kind_name(p->kind));
	json_put_bool(b, "complete", p->complete);
	put_time(b, "started", p->started);
	put_time(b, "finished", p->finished);
	json_put_str(b, "dir", p->dir);
	put_files(b, p);
	put_pipe(b, p);
	put_count(b, "tables", p->tables);
	put_count(b, "rows", p->rows);
	json_put_str(b, "snapshot", p->snapshot);
	put_identity(b, &p->from);
	json_put_str(b, "problem", p->problem);
	if (p->warnings.n > 0) {
		json_key(b, "warnings");
		json_open_list(b);
		for (size_t i = 0; i < p->warnings.n; i++) {
			json_comma(b);
			json_text(b, p->warnings.v[i]);
		}
		json_close_list(b);
	}
	json_close(b);
}

/* A manifest that could not be read again must not come into being. */
static bool
whole(struct buf *out, struct err *e)
{
	if (out->n <= MANIFEST_MAX)
		return true;
	buf_clear(out);
	return err_set(e, ERR_FAILED, "it would be larger than %d bytes",
	    MANIFEST_MAX);
}

bool
manifest_write(const struct manifest *m, struct buf *out, struct err *e)
{
	if (m->site == NULL)
		return err_set(e, ERR_FAILED, "a manifest names its site");
	if (!manifest_check(m, e))
		return false;
	buf_clear(out);
	json_open(out);
	json_put_int(out, "format", MANIFEST_FORMAT);
	json_put_str(out, "site", m->site);
	json_put_str(out, "class", set_class_name(m->class));
	put_time(out, "started", m->started);
	put_time(out, "finished", m->finished);
	json_put_str(out, "by", m->by);
	json_put_str(out, "host", m->host);
	json_put_bool(out, "complete", m->complete);
	json_key(out, "components");
	json_open_list(out);
	for (size_t i = 0; i < m->parts.n; i++) {
		json_comma(out);
		buf_ch(out, '\n');
		put_part(out, &m->parts.v[i]);
	}
	json_close_list(out);
	json_close(out);
	buf_ch(out, '\n');
	return whole(out, e);
}

bool
proof_write(const struct proof *p, struct buf *out, struct err *e)
{
	char hash[SHA_HEX];

	if ((p->kind != PROVEN_VERIFIED && p->kind != PROVEN_RESTORABLE) ||
	    strlen(p->manifest) != SHA_HEX - 1)
		return err_set(e, ERR_FAILED, "a proof is of a kind, and of a "
		    "manifest");
	buf_clear(out);
	json_open(out);
	json_put_int(out, "format", PROOF_FORMAT);
	json_put_str(out, "kind", proven_name(p->kind));
	put_time(out, "at", p->at);
	json_put_str(out, "manifest_sha256", p->manifest);
	json_put_str(out, "by", p->by);
	json_put_str(out, "host", p->host);
	json_key(out, "components");
	json_open_list(out);
	for (size_t i = 0; i < p->parts.n; i++) {
		const struct proof_part *q = &p->parts.v[i];

		if (!set_part_ok(q->name))
			return bad(e, q->name, "is not the name of a component");
		json_comma(out);
		buf_ch(out, '\n');
		json_open(out);
		json_put_str(out, "name", q->name);
		json_put_bool(out, "ok", q->ok);
		put_count(out, "bytes", q->bytes);
		put_count(out, "took_ms", q->took_ms);
		put_count(out, "tables", q->tables);
		put_count(out, "rows", q->rows);
		json_put_str(out, "text", q->text);
		json_close(out);
	}
	json_close_list(out);
	/* no list of checksums has it: of what is before the comma */
	sha_of(out->p, out->n, hash);
	json_put_str(out, "hash", hash);
	json_close(out);
	buf_ch(out, '\n');
	return whole(out, e);
}
