#include "backup/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/gz.h"
#include "backup/reader.h"
#include "backup/sets_intern.h"
#include "base/clock.h"
#include "base/io.h"

enum { CHUNK = 1 << 20, TAIL = 4096, SIDE_MAX = 256 << 20, NAMED = 8 };

/* What reading one file comes to. */
struct pass {
	const struct verify_ask *ask;
	const struct set_file *f;
	struct verify_done *ret;
	struct place *p;
	char *path;
	int64_t done, total;		/* of the component, packed */

	struct sha sha;
	struct gz_in *in;
	struct reader reader;
	bool reads;			/* there is a reader */
	bool packed;			/* in gzip: all that we made is */
	const char *mark;		/* what the raw bytes end with; NULL */
	struct dumptext text;
	int keep;			/* -1: not kept */
	char tail[TAIL];		/* the end of the raw bytes */
	size_t tail_n;
	int64_t raw;
	bool broken;			/* gzip is; why says where */
	struct err lost;		/* ours, not the file's */
};

static bool
stopped(void *ctx)
{
	const struct verify_care *care = ctx;

	return care != NULL && care->cancelled != NULL &&
	    care->cancelled(care->ctx);
}

static void
no(struct verify_done *ret, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
no(struct verify_done *ret, const char *fmt, ...)
{
	va_list ap;

	if (ret->why.n > 0)
		buf_str(&ret->why, "; ");
	va_start(ap, fmt);
	buf_vprintf(&ret->why, fmt, ap);
	va_end(ap);
}

/* ---- what it is ------------------------------------------------------------------- */

static bool
ends(const char *name, const char *ending)
{
	size_t n = strlen(name), k = strlen(ending);

	return n >= k && strcmp(name + n - k, ending) == 0;
}

static bool
is_a(const char *name, const char *ending)
{
	char packed[16];

	(void)snprintf(packed, sizeof packed, "%s.gz", ending);
	return ends(name, ending) || ends(name, packed);
}

bool
verify_is_packed(const char *name)
{
	return ends(name, ".gz");
}

bool
verify_is_archive(const struct set_part *p)
{
	bool is = p->kind == SET_DATABASE && p->files.n > 0;

	for (size_t i = 0; i < p->files.n; i++)
		is = is && !is_a(p->files.v[i].name, ".sql") &&
		    !is_a(p->files.v[i].name, ".tar");
	return is;
}

/* ---- the raw bytes ---------------------------------------------------------------- */

static void
take_text(void *ctx, const char *p, size_t n)
{
	dumptext_take(ctx, p, n);
}

static void
keep_tail(struct pass *s, const char *p, size_t n)
{
	if (n >= TAIL) {
		memcpy(s->tail, p + n - TAIL, TAIL);
		s->tail_n = TAIL;
		return;
	}
	if (s->tail_n + n > TAIL) {
		size_t drop = s->tail_n + n - TAIL;

		memmove(s->tail, s->tail + drop, s->tail_n - drop);
		s->tail_n -= drop;
	}
	memcpy(s->tail + s->tail_n, p, n);
	s->tail_n += n;
}

static bool
take_raw(void *ctx, const void *raw, size_t n, struct err *e)
{
	struct pass *s = ctx;

	s->raw += (int64_t)n;
	if (s->mark != NULL)
		keep_tail(s, raw, n);
	if (s->keep >= 0 && !io_write_all(s->keep, raw, n)) {
		err_sys(&s->lost, "cannot keep the dump in '%s'", s->ask->keep);
		return err_set(e, ERR_SYS, "%s", s->lost.msg);
	}
	if (s->reads && !reader_feed(&s->reader, raw, n, &s->lost))
		return err_set(e, ERR_FAILED, "%s", s->lost.msg);
	return true;
}

/* Who reads the raw bytes of that kind to their end. */
static bool
start_reader(struct pass *s, struct err *e)
{
	const char *pg_restore = s->ask->pg_restore != NULL ?
	    s->ask->pg_restore : "pg_restore";
	/* data alone: no function's body can look like data */
	const char *dump[] = { pg_restore, "--data-only", "--file=-", NULL };
	const char *tar[] = { "tar", "-tf", "-", NULL };
	enum set_kind kind = s->ask->part->kind;
	bool sql = kind == SET_DATABASE && is_a(s->f->name, ".sql");
	bool tarred = kind == SET_FILES || is_a(s->f->name, ".tar");

	s->packed = verify_is_packed(s->f->name);
	if (kind == SET_GLOBALS)
		s->mark = "PostgreSQL database cluster dump complete";
	else if (sql)
		s->mark = "PostgreSQL database dump complete";
	s->reader = (struct reader)READER_INIT;
	s->reader.cancelled = stopped;
	s->reader.cancel_ctx = s->ask->care;
	s->reads = (kind == SET_DATABASE && !sql) || kind == SET_FILES;
	if (!s->reads)
		return true;
	if (!tarred) {
		s->reader.out = take_text;
		s->reader.ctx = &s->text;
	}
	return reader_start(&s->reader, tarred ? tar : dump, true, e);
}

static bool
start_keep(struct pass *s, struct err *e)
{
	struct buf *path;

	s->keep = -1;
	if (s->ask->keep == NULL)
		return true;
	path = VEC_NEW(&s->ret->kept);
	buf_printf(path, "%s/%03zu", s->ask->keep, s->ret->kept.n - 1);
	s->keep = open(path->p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	return s->keep >= 0 || err_sys(e, "cannot make '%s'", path->p);
}

/* ---- the packed bytes -------------------------------------------------------------- */

/* True: all of them were read, damaged or not. */
static bool
read_packed(struct pass *s, struct err *e)
{
	struct place_file *f = place_read_open(s->p, s->path, 0, e);
	char *piece = xmalloc(CHUNK);
	struct err bad = ERR_INIT;
	ssize_t n = -1;

	while (f != NULL && (n = place_file_read(f, piece, CHUNK, e)) > 0) {
		sha_add(&s->sha, piece, (size_t)n);
		s->done += n;
		if (!s->broken && !(s->packed ? gz_in_take(s->in, piece,
		    (size_t)n, take_raw, s, &bad) : take_raw(s, piece,
		    (size_t)n, &bad))) {
			if (s->lost.kind != ERR_NONE) {
				*e = s->lost;
				n = -1;
				break;
			}
			s->broken = true;
			no(s->ret, "'%s': %s", s->f->name, bad.msg);
		}
		if (s->ask->care != NULL && s->ask->care->progress != NULL)
			s->ask->care->progress(s->ask->care->ctx, s->done,
			    s->total);
		if (stopped(s->ask->care)) {
			err_set(e, ERR_CANCELLED, "cancelled");
			n = -1;
			break;
		}
	}
	place_file_drop(f);
	free(piece);
	return n == 0;
}

static bool
has_end_mark(const struct pass *s)
{
	/* a line with \unrestrict may follow it */
	return memmem(s->tail, s->tail_n, s->mark, strlen(s->mark)) != NULL;
}

static bool
end_reader(struct pass *s, struct err *e)
{
	struct verify_done *ret = s->ret;

	if (!reader_end(&s->reader, e))
		return false;
	if (s->reader.exit != 0 && !s->broken) {
		struct buf why = BUF_INIT;

		reader_why(&s->reader, &why);
		no(ret, "'%s' cannot be read to its end: %s", s->f->name,
		    why.p);
		buf_release(&why);
	} else if (s->reader.refused && !s->broken)
		no(ret, "'%s' goes on behind the end of its archive",
		    s->f->name);
	dumptext_end(&s->text);
	if (s->text.in_data && !s->broken)
		no(ret, "'%s' ends inside the rows of a table", s->f->name);
	return true;
}

/* ---- where the damage is ------------------------------------------------------------ */

static void
name_member(struct buf *out, const struct gz_index *ix, size_t i)
{
	const struct gz_member *m = &ix->v.v[i];

	buf_printf(out, "%smember %zu (bytes %" PRId64 "-%" PRId64
	    ", which held bytes %" PRId64 "-%" PRId64 " of the raw stream)",
	    out->n > 0 ? ", " : "", i + 1, m->at, m->at + m->size - 1,
	    m->raw_at, m->raw_at + m->raw_size - 1);
}

/* Reads the file again, member by member, as the index has them. */
static void
find_members(struct pass *s, const struct gz_index *ix)
{
	struct place_file *f = place_read_open(s->p, s->path, 0, NULL);
	char *piece = xmalloc(2 * GZ_MEMBER + 1);
	struct buf named = BUF_INIT;
	size_t bad = 0;

	for (size_t i = 0; f != NULL && i < ix->v.n; i++) {
		size_t want = (size_t)ix->v.v[i].size, n = 0;
		char hex[SHA_HEX];
		ssize_t r = 1;

		for (; n < want && r > 0; n += r > 0 ? (size_t)r : 0)
			r = place_file_read(f, piece + n, want - n, NULL);
		sha_of(piece, n, hex);
		if (n == want && strcmp(hex, ix->v.v[i].sha256) == 0)
			continue;
		if (++bad <= NAMED)
			name_member(&named, ix, i);
	}
	if (f != NULL && bad > 0)
		no(s->ret, "by its index %zu of %zu members %s damaged: %s%s",
		    bad, ix->v.n, bad == 1 ? "is" : "are", named.p,
		    bad > NAMED ? ", ..." : "");
	place_file_drop(f);
	buf_release(&named);
	free(piece);
}

static bool
slurp(struct place *p, const char *path, struct buf *out, struct err *e)
{
	struct place_file *f = place_read_open(p, path, 0, e);
	ssize_t r = -1;

	while (f != NULL && out->n <= SIDE_MAX) {
		buf_grow(out, CHUNK);
		r = place_file_read(f, out->p + out->n, CHUNK, e);
		if (r <= 0)
			break;
		out->n += (size_t)r;
		out->p[out->n] = '\0';
	}
	place_file_drop(f);
	return r == 0 || (r > 0 && err_set(e, ERR_INTEGRITY, "'%s' is larger "
	    "than any such file", path));
}

static char *
path_of(const struct verify_ask *ask, const char *name)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s/", ask->dir);
	set_part_path(&b, ask->part, name);
	return buf_detach(&b);
}

/* A file beside: its bytes when they are the ones that were written. False: the
 * store did not give them. */
static bool
read_side(struct pass *s, const struct set_side *side, const char *what,
    struct buf *out, bool *ret_good, struct err *e)
{
	char *path = path_of(s->ask, side->name), hex[SHA_HEX];
	struct buf *beside = &s->ret->beside;
	struct err why = ERR_INIT;

	*ret_good = false;
	if (!slurp(s->p, path, out, &why)) {
		free(path);
		if (why.kind != ERR_NOTFOUND && why.kind != ERR_INTEGRITY) {
			*e = why;
			return false;
		}
		buf_printf(beside, "%s%s '%s' is not there", beside->n > 0 ?
		    "; " : "", what, side->name);
		return true;
	}
	free(path);
	sha_of(out->n > 0 ? out->p : "", out->n, hex);
	*ret_good = (int64_t)out->n == side->size &&
	    strcmp(hex, side->sha256) == 0;
	if (!*ret_good)
		buf_printf(beside, "%s%s '%s' is damaged: its %s is not the "
		    "manifest's", beside->n > 0 ? "; " : "", what, side->name,
		    (int64_t)out->n == side->size ? "SHA-256" : "size");
	return true;
}

static bool
look_at_index(struct pass *s, struct err *e)
{
	struct gz_index ix = { 0 };
	struct buf b = BUF_INIT;
	struct err bad = ERR_INIT;
	bool good, ok;

	if (s->f->index.name == NULL)
		return true;
	ok = read_side(s, &s->f->index, "its index", &b, &good, e);
	if (ok && good && gz_index_read(&ix, b.p, b.n, &bad) && ix.whole) {
		if (s->ret->why.n > 0)
			find_members(s, &ix);
	} else if (ok && good)
		buf_printf(&s->ret->beside, "%sits index '%s' is not whole%s%s",
		    s->ret->beside.n > 0 ? "; " : "", s->f->index.name,
		    bad.msg[0] ? ": " : "", bad.msg);
	gz_index_release(&ix);
	buf_release(&b);
	return ok;
}

static bool
look_at_counts(struct pass *s, struct err *e)
{
	struct counts c = { 0 };
	struct buf b = BUF_INIT, why = BUF_INIT;
	struct err bad = ERR_INIT;
	bool good, ok;

	if (s->f->counts.name == NULL)
		return true;
	ok = read_side(s, &s->f->counts, "the list of its rows", &b, &good, e);
	if (ok && good && s->ret->why.n == 0) {
		if (!counts_read(&c, b.p, b.n, &bad))
			no(s->ret, "'%s': %s", s->f->counts.name, bad.msg);
		else if (counts_differ(&c, "the list", &s->text.counts,
		    "the dump", &why))
			no(s->ret, "'%s' does not hold what was counted: %s",
			    s->f->name, why.p);
	}
	counts_release(&c);
	buf_release(&b);
	buf_release(&why);
	return ok;
}

/* ---- a file, a component ------------------------------------------------------------- */

static void
judge(struct pass *s)
{
	const struct set_file *f = s->f;
	struct verify_done *ret = s->ret;
	char hex[SHA_HEX];
	int64_t members = 0, raw = 0;
	struct err bad = ERR_INIT;

	sha_hex(&s->sha, hex);
	if (!s->broken && s->packed && !gz_in_end(s->in, &raw, &members, &bad)) {
		s->broken = true;
		no(ret, "'%s': %s", f->name, bad.msg);
	}
	ret->members += members;
	ret->raw += s->raw;
	if (strcmp(hex, f->sha256) != 0)
		no(ret, "'%s': its SHA-256 is not the manifest's", f->name);
	if (!s->broken && f->raw_size >= 0 && s->raw != f->raw_size)
		no(ret, "'%s' inflates to %" PRId64 " bytes, not %" PRId64,
		    f->name, s->raw, f->raw_size);
	if (s->mark != NULL && !s->broken && !has_end_mark(s))
		no(ret, "'%s' is cut off: the end of a %s is not there",
		    f->name, s->ask->part->kind == SET_GLOBALS ? "pg_dumpall" :
		    "pg_dump");
}

static bool
check_file(struct pass *s, struct err *e)
{
	struct place_stat st;
	struct err why = ERR_INIT;
	bool ok;

	s->path = path_of(s->ask, s->f->name);
	ok = place_stat(s->p, s->path, &st, &why);
	if (!ok && why.kind == ERR_NOTFOUND) {
		no(s->ret, "'%s' is not there", s->f->name);
		return true;
	}
	if (!ok) {
		*e = why;
		return false;
	}
	if (st.size != s->f->size)
		no(s->ret, "'%s' has %" PRId64 " bytes, not %" PRId64,
		    s->f->name, st.size, s->f->size);
	sha_init(&s->sha);
	s->in = gz_in_open();
	ok = start_keep(s, e) && start_reader(s, e) && read_packed(s, e);
	if (ok)
		judge(s);
	ok = ok && (!s->reads || end_reader(s, e)) && look_at_index(s, e) &&
	    look_at_counts(s, e);
	io_close(&s->keep);
	return ok;
}

/* What the parts of a parallel dump say, together. */
static void
join(struct dumptext *all, struct dumptext *more)
{
	counts_join(&all->counts, &more->counts);
	all->blobs += more->blobs;
	for (size_t i = 0; i < more->sequences.n; i++)
		VEC_PUSH(&all->sequences, more->sequences.v[i]);
	more->sequences.n = 0;		/* its names are all's now */
}

static void
judge_counts(const struct set_part *p, struct verify_done *ret)
{
	int64_t rows = counts_rows(&ret->text.counts);
	int64_t tables = (int64_t)ret->text.counts.v.n;

	if (p->kind != SET_DATABASE || ret->why.n > 0)
		return;
	if (p->rows >= 0 && p->rows != rows)
		no(ret, "the dump holds %" PRId64 " rows, its manifest says %"
		    PRId64, rows, p->rows);
	if (p->tables >= 0 && p->tables != tables)
		no(ret, "the dump holds the data of %" PRId64 " tables, its "
		    "manifest says %" PRId64, tables, p->tables);
}

bool
verify_part(struct place *p, const struct verify_ask *ask,
    struct verify_done *ret, struct err *e)
{
	int64_t start = clock_mono_ms(), done = 0, total = 0;
	bool ok = true;

	*ret = (struct verify_done){ .why = BUF_INIT, .beside = BUF_INIT };
	if (!ask->part->complete)
		no(ret, "%s", ask->part->problem != NULL ? ask->part->problem :
		    "it is not complete");
	for (size_t i = 0; i < ask->part->files.n; i++)
		total += ask->part->files.v[i].size;
	for (size_t i = 0; ok && i < ask->part->files.n; i++) {
		struct pass s = { .ask = ask, .f = &ask->part->files.v[i],
		    .ret = ret, .p = p, .done = done, .total = total,
		    .keep = -1, .reader = READER_INIT };

		ok = check_file(&s, e);
		done = s.done;
		join(&ret->text, &s.text);
		io_close(&s.keep);
		reader_release(&s.reader);
		dumptext_release(&s.text);
		sha_release(&s.sha);
		gz_in_close(s.in);
		free(s.path);
	}
	judge_counts(ask->part, ret);
	ret->bytes = done;
	ret->took_ms = clock_mono_ms() - start;
	ret->ok = ok && ret->why.n == 0;
	return ok;
}

void
verify_done_release(struct verify_done *d)
{
	buf_release(&d->why);
	buf_release(&d->beside);
	dumptext_release(&d->text);
	for (size_t i = 0; i < d->kept.n; i++)
		buf_release(&d->kept.v[i]);
	VEC_RELEASE(&d->kept);
}
