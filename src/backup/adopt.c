/* Finding dumps, and reading them through. */
#include "backup/adopt.h"

#include <stdio.h>
#include <string.h>

#include "backup/gz.h"
#include "backup/sets_intern.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum {
	FILES_MAX = 2000, DEPTH_MAX = 8, CHUNK = 256 << 10,
	HEAD = 64 << 10,		/* what a dump says of itself is there */
	MAGIC = 512,
	TAIL = 1024,			/* the end marker is in the last so many */
	STALL_MS = 600000,
	END_MS = 30000,			/* without a word after all is read */
	TAR_END = 1024,			/* zeros at the end of a tar */
};

#define WORD_(id, word, ending) word,
static const char *const forms[] = { ADOPT_FORMS(WORD_) };
#undef WORD_

const char *
adopt_form_name(enum adopt_form f)
{
	return forms[f];
}

/* ---- finding --------------------------------------------------------------------- */

static void
found(struct adopt_dumps *ret, const char *path, const struct place_stat *st,
    bool asked)
{
	if (ret->v.n >= FILES_MAX)
		ret->more++;
	else
		VEC_PUSH(&ret->v, ((struct adopt_dump){
		    .path = xstrdup(path), .asked = asked, .size = st->size,
		    .mtime = st->mtime }));
}

static bool
find_below(struct adopt_dumps *ret, struct place *p, const char *dir,
    int depth, struct err *e)
{
	struct place_list in = { 0 };
	bool ok = place_list(p, dir, &in, e);

	for (size_t i = 0; ok && i < in.entries.n; i++) {
		const struct place_entry *x = &in.entries.v[i];
		char *path = file_join(dir, x->name);
		struct set_name name;

		if (x->st.is_file && x->st.size > 0)
			found(ret, path, &x->st, false);
		else if (x->st.is_dir && depth < DEPTH_MAX &&
		    !sets_noise(x->name) && !set_name_parse(x->name, &name))
			ok = find_below(ret, p, path, depth + 1, e);
		free(path);
	}
	place_list_release(&in);
	return ok;
}

bool
adopt_find(struct adopt_dumps *ret, struct place *p, const char *path,
    struct err *e)
{
	struct place_stat st;

	if (!place_stat(p, path, &st, e))
		return false;
	if (st.is_dir)
		return find_below(ret, p, path, 0, e);
	if (!st.is_file)
		return err_set(e, ERR_GUARD, "'%s' is neither a file nor a "
		    "directory", path);
	found(ret, path, &st, true);
	return true;
}

/* ---- reading ------------------------------------------------------------------------ */

struct reader {
	struct adopt_dump *d;
	struct place *here;		/* for pg_restore */
	struct place_proc *pg;
	struct place_io io;
	struct buf first;		/* raw bytes until the form is known */
	struct buf head, tail;		/* of the SQL */
	bool known;
	int64_t zeros;			/* at the end of the raw bytes by now */
};

static void
take_sql(struct reader *r, const char *p, size_t n)
{
	size_t room = r->head.n < HEAD ? HEAD - r->head.n : 0;

	buf_add(&r->head, p, n < room ? n : room);
	buf_add(&r->tail, p + (n > TAIL ? n - TAIL : 0), n > TAIL ? TAIL : n);
	if (r->tail.n > 8 * (size_t)TAIL)
		buf_drop(&r->tail, r->tail.n - TAIL);
}

static enum adopt_form
form_of(const char *p, size_t n)
{
	static const char one[] = "-- PostgreSQL database dump";
	static const char all[] = "-- PostgreSQL database cluster dump";

	if (n >= 5 && memcmp(p, "PGDMP", 5) == 0)
		return ADOPT_CUSTOM;
	if (n >= 262 && memcmp(p + 257, "ustar", 5) == 0 &&
	    strcmp(p, "toc.dat") == 0)
		return ADOPT_TAR;
	if (memmem(p, n, all, sizeof all - 1) != NULL)
		return ADOPT_CLUSTER;
	return memmem(p, n, one, sizeof one - 1) != NULL ? ADOPT_PLAIN :
	    ADOPT_NONE;
}

/* One turn of pg_restore. False: it has said why, or hangs. */
static bool
turn(struct reader *r, bool end, struct err *e)
{
	if (!place_turn(r->pg, &r->io, clock_mono_ms() + (end ? END_MS :
	    STALL_MS), e)) {
		if (e->kind != ERR_TIMEOUT)
			return false;
		err_clear(e);
		return err_set(e, ERR_INTEGRITY, "pg_restore has read %s of "
		    "it and does not go on", end ? "all" : "a part");
	}
	take_sql(r, r->io.out.p, r->io.out.n);
	buf_clear(&r->io.out);
	if (r->io.err.n > MANIFEST_MAX)
		buf_cut(&r->io.err, MANIFEST_MAX);
	return true;
}

static bool
pg_failed(struct reader *r, struct err *e)
{
	size_t n = r->io.err.n == 0 ? 0 : strcspn(r->io.err.p, "\n");
	struct buf line = BUF_INIT;

	text_clean(&line, r->io.err.n == 0 ? "" : r->io.err.p, n, TEXT_LINE);
	err_set(e, ERR_INTEGRITY, "pg_restore ended with %d: %s",
	    r->io.exit.code, line.n > 0 ? line.p : "it did not say why");
	buf_release(&line);
	return false;
}

static bool
feed(struct reader *r, const void *p, size_t n, bool end, struct err *e)
{
	r->io.in = p;
	r->io.in_n = n;
	r->io.in_end = end;
	while (!r->io.ended && (r->io.in_n > 0 || end))
		if (!turn(r, end, e))
			return false;
	/* it may leave the end of an archive unread, which is no failure */
	return !r->io.ended || r->io.exit.code == 0 || pg_failed(r, e);
}

static bool
begin(struct reader *r, struct err *e)
{
	static const char *const argv[] = { "pg_restore", "--create", "-f", "-",
		NULL };

	r->known = true;
	r->d->form = form_of(r->first.p, r->first.n);
	r->d->other = r->d->form == ADOPT_NONE;
	if (r->d->other)
		return err_set(e, ERR_INTEGRITY, "it is no dump of a database");
	if (r->d->form == ADOPT_CLUSTER)
		return err_set(e, ERR_INTEGRITY, "it is a dump of a whole "
		    "cluster, and only those of one database are taken over");
	if (r->d->form == ADOPT_PLAIN) {
		take_sql(r, r->first.p, r->first.n);
		return true;
	}
	r->here = place_open(NULL, NULL, e);
	r->pg = r->here == NULL ? NULL : place_start(r->here, argv, 0, e);
	if (r->pg == NULL)
		return err_wrap(e, "pg_restore");
	return feed(r, r->first.p, r->first.n, false, e);
}

static bool
take_raw(void *ctx, const void *p, size_t n, struct err *e)
{
	struct reader *r = ctx;

	size_t zeros = 0;

	r->d->raw_size += (int64_t)n;
	while (zeros < n && ((const char *)p)[n - 1 - zeros] == '\0')
		zeros++;
	r->zeros = zeros < n ? (int64_t)zeros : r->zeros + (int64_t)n;
	if (!r->known) {
		buf_add(&r->first, p, n);
		return r->first.n < MAGIC || begin(r, e);
	}
	if (r->pg != NULL)
		return feed(r, p, n, false, e);
	take_sql(r, p, n);
	return true;
}

/* The marker as a line of its own, and behind it nothing but comments, empty
 * lines and what newer versions close their restricted mode with. */
static bool
ends_well(struct reader *r, struct err *e)
{
	static const char mark[] = "\n-- PostgreSQL database dump complete\n";
	size_t n = r->tail.n > TAIL ? TAIL : r->tail.n;
	const char *p = r->tail.n == 0 ? NULL : r->tail.p + r->tail.n - n;
	const char *at = p == NULL ? NULL : memmem(p, n, mark, sizeof mark - 1);

	if (at == NULL)
		return err_set(e, ERR_INTEGRITY, "it does not end as a whole "
		    "dump does: it was cut off");
	for (at += sizeof mark - 1; at < p + n; at++) {
		const char *end = memchr(at, '\n', (size_t)(p + n - at));

		if (end == NULL)
			end = p + n;
		if (end > at && strncmp(at, "--", 2) != 0 &&
		    !text_starts(at, "\\unrestrict "))
			return err_set(e, ERR_INTEGRITY, "something follows "
			    "the end of the dump");
		at = end;
	}
	return true;
}

static bool
finish(struct reader *r, struct err *e)
{
	if (!r->known && !begin(r, e))
		return false;
	/* pg_restore never ends when a tar does so in the middle */
	if (r->d->form == ADOPT_TAR && r->zeros < TAR_END)
		return err_set(e, ERR_INTEGRITY, "it does not end as a tar "
		    "does: it was cut off");
	if (r->pg != NULL && !feed(r, "", 0, true, e))
		return false;
	return ends_well(r, e);
}

static bool
read_through(struct reader *r, struct place *p, struct err *e)
{
	struct place_file *f = place_read_open(p, r->d->path, 0, e);
	char *chunk = xmalloc(CHUNK);
	struct gz_in *gz = NULL;
	struct sha sha;
	int64_t size = 0;
	ssize_t n = -1;
	bool ok = f != NULL;

	sha_init(&sha);
	while (ok && (n = place_file_read(f, chunk, CHUNK, e)) > 0) {
		if (size == 0 && n >= 2 && memcmp(chunk, "\x1f\x8b", 2) == 0)
			gz = gz_in_open();
		size += n;
		sha_add(&sha, chunk, (size_t)n);
		ok = gz != NULL ? gz_in_take(gz, chunk, (size_t)n, take_raw, r,
		    e) : take_raw(r, chunk, (size_t)n, e);
	}
	r->d->packed = gz != NULL;
	ok = ok && n == 0 && (gz == NULL || gz_in_end(gz, NULL, NULL, e));
	ok = ok && finish(r, e);
	if (ok && size != r->d->size)
		ok = err_set(e, ERR_INTEGRITY, "it grows or shrinks while it "
		    "is read");
	sha_hex(&sha, r->d->sha256);
	if (gz != NULL)
		gz_in_close(gz);
	place_file_drop(f);
	free(chunk);
	return ok;
}

/* ---- what it says of itself -------------------------------------------------------------- */

/* The rest of the line that begins so, as one word; caller frees. */
static char *
said(const struct buf *head, const char *begin)
{
	const char *at = head->n == 0 ? NULL : strstr(head->p, begin);
	size_t n;

	if (at == NULL || (at != head->p && at[-1] != '\n'))
		return NULL;
	at += strlen(begin);
	if (*at == '"') {
		n = strcspn(++at, "\"\n");
		return at[n] == '"' && at[n + 1] != '"' ? xstrndup(at, n) :
		    NULL;
	}
	n = strcspn(at, " ;\n");
	return n > 0 ? xstrndup(at, n) : NULL;
}

static bool
called(const struct site_db *db, const char *name)
{
	if (strcmp(db->dbname, name) == 0 || strcmp(db->name, name) == 0)
		return true;
	for (size_t i = 0; i < db->aka.n; i++)
		if (strcmp(db->aka.v[i], name) == 0)
			return true;
	return false;
}

static bool
word_in(const char *text, const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		if ((at == text || strchr(letters, at[-1]) == NULL) &&
		    (at[n] == '\0' || strchr(letters, at[n]) == NULL))
			return true;
	return false;
}

static bool
in_name(const struct site_db *db, const char *file)
{
	if (word_in(file, db->dbname) || word_in(file, db->name))
		return true;
	for (size_t i = 0; i < db->aka.n; i++)
		if (word_in(file, db->aka.v[i]))
			return true;
	return false;
}

/* Which database of the site is it of? By the dump itself, else by what the
 * operator says, else by its name. */
static bool
name_it(struct adopt_dump *d, const struct adopt_ask *ask, struct err *e)
{
	const char *slash = strrchr(d->path, '/');
	const char *file = slash != NULL ? slash + 1 : d->path;
	const struct site_db *db = ask->db != NULL ?
	    site_db(ask->site, ask->db) : NULL;
	size_t hits = 0;

	d->db_from = "you";
	for (size_t i = 0; db == NULL && i < site_dbs(ask->site); i++) {
		const struct site_db *x = site_db_at(ask->site, i);
		bool hit = d->dbname != NULL ? called(x, d->dbname) :
		    in_name(x, file);

		hits += hit;
		if (hit && hits == 1) {
			d->db = xstrdup(x->name);
			d->db_from = d->dbname != NULL ? "the dump" :
			    "its name";
		}
	}
	if (db != NULL) {
		if (d->dbname != NULL && !called(db, d->dbname))
			return err_set(e, ERR_GUARD, "it says that it is of "
			    "'%s', not of '%s'", d->dbname, db->dbname);
		d->db = xstrdup(db->name);
		return true;
	}
	if (hits == 1)
		return true;
	free(d->db);
	d->db = NULL;
	err_set(e, ERR_GUARD, hits > 1 ? "it may be of several databases of "
	    "the site" : "nothing says of which database of the site it is");
	return err_hint(e, "Say it: --db NAME.");
}

/* A date of the path, as "2025/11/04", "2025-11-04" or "20251104": 0: none. */
static int64_t
date_in(const char *path)
{
	int64_t best = 0, at;

	for (const char *p = path; *p != '\0'; p++) {
		int y, m, day, n = 0;
		char sep[2] = "", sep2[2] = "", utc[32];

		if (p != path && p[-1] >= '0' && p[-1] <= '9')
			continue;
		if ((sscanf(p, "%4d%1[-/_.]%2d%1[-/_.]%2d%n", &y, sep, &m,
		    sep2, &day, &n) != 5 || n != 10 || *sep != *sep2) &&
		    (sscanf(p, "%4d%2d%2d%n", &y, &m, &day, &n) != 3 || n != 8))
			continue;
		if (y < 1990 || y > 2999 || m < 1 || m > 12 || day < 1 ||
		    day > 31)
			continue;
		(void)snprintf(utc, sizeof utc, "%04d-%02d-%02dT00:00:00.000Z",
		    y, m, day);
		if (clock_parse_utc(utc, &at))
			best = at;
	}
	return best;
}

/* A copied file has the time of the copy: the older of both counts. */
static int64_t
age_of(const struct adopt_dump *d, int64_t now)
{
	int64_t at = d->mtime > 0 && d->mtime < INT64_MAX / 1000 ?
	    d->mtime * 1000 : 0, date = date_in(d->path);

	if (date != 0 && (at == 0 || date / 86400000 < at / 86400000))
		at = date;
	return at <= 0 || at > now ? now : at;
}

bool
adopt_read(struct adopt_dump *d, const struct adopt_ask *ask)
{
	struct reader r = { .d = d };
	struct err e = ERR_INIT, quiet = ERR_INIT;

	d->at = age_of(d, ask->now);
	d->proven = read_through(&r, ask->from, &e);
	if (r.pg != NULL && !r.io.ended)
		(void)place_stop(r.pg, &quiet);
	place_proc_free(r.pg);
	place_close(r.here);
	if (d->proven) {
		d->dbname = said(&r.head, "CREATE DATABASE ");
		d->server_version = said(&r.head,
		    "-- Dumped from database version ");
		d->dump_version = said(&r.head, "-- Dumped by pg_dump version ");
		d->proven = name_it(d, ask, &e);
	}
	if (!d->proven)
		d->why = e.hint[0] == '\0' ? xstrdup(e.msg) :
		    xprintf("%s. %s", e.msg, e.hint);
	buf_release(&r.first);
	buf_release(&r.head);
	buf_release(&r.tail);
	buf_release(&r.io.out);
	buf_release(&r.io.err);
	return d->proven;
}

void
adopt_release(struct adopt_dumps *all)
{
	for (size_t i = 0; i < all->v.n; i++) {
		struct adopt_dump *d = &all->v.v[i];

		free(d->path);
		free(d->dbname);
		free(d->server_version);
		free(d->dump_version);
		free(d->db);
		free(d->why);
		free(d->set);
	}
	VEC_RELEASE(&all->v);
}
