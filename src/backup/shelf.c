#include "backup/shelf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backup/checksums.h"
#include "backup/lock.h"
#include "backup/verify.h"
#include "base/clock.h"
#include "base/file.h"

enum { CLAIMS = 120, SLOWEST = 2 << 20, HASH_MS = 120000, MODE = 0640,
       DIR_MODE = 0750 };

void
shelf_dies(struct shelf *s, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (s->dead != NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	s->dead = buf_detach(&b);
}

void
shelf_open(struct shelf *s, const struct site *site,
    const struct site_store *store, bool must, const struct place_care *care)
{
	struct err e = ERR_INIT;

	*s = (struct shelf){ .store = store, .must = must };
	s->at = store->at != NULL ? site_spec(&s->spec, site,
	    site_place(site, store->at)) : NULL;
	s->place = place_open(s->at, care, &e);
	if (s->place != NULL)
		return;
	shelf_dies(s, "%s", e.msg);
	if (e.hint[0] != '\0')
		s->next = xstrdup(e.hint);
}

void
shelf_release(struct shelf *s)
{
	place_close(s->place);
	free(s->dir);
	free(s->path);
	free(s->dead);
	free(s->next);
	*s = (struct shelf){ .must = false };
}

/* Its own connection rests while the dump streams over others, and may have died of
 * that: one call that costs nothing finds out, and makes another one. */
static bool
wake(struct shelf *s, struct err *e)
{
	struct place_stat st;
	struct err why = ERR_INIT;

	if (place_stat(s->place, s->dir, &st, &why) ||
	    why.kind == ERR_NOTFOUND || why.kind == ERR_CANCELLED)
		return true;
	return place_stat(s->place, s->dir, &st, e);
}

/* ---- claiming ----------------------------------------------------------------- */

static char *
dir_of(const struct shelf *s, enum set_class class, int64_t at,
    enum set_state state)
{
	struct set_name n = { .at = at, .state = state };
	char name[SET_NAME_MAX];

	set_name_write(&n, name);
	return xprintf("%s/%s/%s", s->store->path, set_class_name(class),
	    name);
}

/* The folders above it, which are the first time's. */
static bool
make_above(struct shelf *s, enum set_class class, struct err *e)
{
	char *dir = xprintf("%s/%s", s->store->path, set_class_name(class));
	struct place_stat st;
	struct err why = ERR_INIT;
	bool ok = true;

	if (!place_stat(s->place, dir, &st, &why)) {
		for (char *p = dir + 1; ok && *p != '\0'; p++) {
			if (*p != '/')
				continue;
			*p = '\0';
			err_clear(&why);
			if (!place_stat(s->place, dir, &st, &why) &&
			    why.kind == ERR_NOTFOUND) {
				err_clear(&why);
				ok = place_mkdir(s->place, dir, DIR_MODE,
				    &why) || why.sys_errno == EEXIST;
			}
			*p = '/';
		}
		err_clear(&why);
		ok = place_mkdir(s->place, dir, DIR_MODE, &why) ||
		    why.sys_errno == EEXIST;
	}
	free(dir);
	if (!ok)
		*e = why;
	return ok;
}

/* Is that second free under every name? Taken: EEXIST. */
static bool
is_free(struct shelf *s, enum set_class class, int64_t at, struct err *e)
{
	for (enum set_state st = SET_WHOLE; st <= SET_INCOMPLETE; st++) {
		char *dir = dir_of(s, class, at, st);
		struct place_stat found;
		bool there = place_stat(s->place, dir, &found, e);

		free(dir);
		if (there) {
			err_set(e, ERR_SYS, "that second is taken");
			e->sys_errno = EEXIST;
			return false;
		}
		if (e->kind != ERR_NOTFOUND)
			return false;
		err_clear(e);
	}
	return true;
}

bool
shelf_put(struct shelf *s, const char *name, const struct buf *b,
    struct err *e)
{
	char *path = xprintf("%s/%s", s->dir, name);
	struct place_file *f = place_create(s->place, path, MODE, e);
	bool ok = f != NULL && place_file_write(f, b->p, b->n, e);

	if (ok)
		ok = place_file_close(f, e);
	else
		place_file_drop(f);
	free(path);
	return ok;
}

static bool
claim(struct shelf *s, enum set_class class, int64_t at, struct err *e)
{
	struct run_file run;
	struct buf b = BUF_INIT;
	bool ok;

	if (!make_above(s, class, e) || !is_free(s, class, at, e))
		return false;
	s->dir = dir_of(s, class, at, SET_PARTIAL);
	if (!place_mkdir(s->place, s->dir, DIR_MODE, e)) {
		free(s->dir);
		s->dir = NULL;
		return false;
	}
	run_file_self(&run);
	run_file_write(&run, &b);
	ok = shelf_put(s, RUN_FILE, &b, e);
	buf_release(&b);
	if (!ok && e->sys_errno == EEXIST)
		e->sys_errno = 0;	/* of the file, not of the second */
	return ok;
}

static void
give_back(struct shelf *s)
{
	struct buf left = BUF_INIT;

	if (s->dir != NULL)
		(void)shelf_abandon(s, &left);
	buf_release(&left);
}

bool
shelves_claim(struct shelf *v, size_t n, enum set_class class,
    int64_t *ret_at, struct err *e)
{
	int64_t now = clock_wall_ms(), at = now - now % 1000;
	size_t living = 0;
	bool taken = true;

	for (int i = 0; taken && i < CLAIMS; i++, at += 1000) {
		taken = false;
		living = 0;
		*ret_at = at;
		for (size_t k = 0; k < n && !taken; k++) {
			struct err why = ERR_INIT;

			if (v[k].dead != NULL)
				continue;
			if (claim(&v[k], class, at, &why))
				living++;
			else if (why.sys_errno == EEXIST)
				taken = true;
			else {
				give_back(&v[k]);
				shelf_dies(&v[k], "%s", why.msg);
			}
		}
		for (size_t k = 0; k < n && taken; k++)
			give_back(&v[k]);
	}
	if (taken)
		err_set(e, ERR_BUSY, "no second is free for a new set");
	else if (living == 0) {
		err_set(e, ERR_FAILED, "no store takes a set: %s: %s", n > 0 ?
		    v[0].store->name : "?", n > 0 ? v[0].dead : "there is "
		    "none");
		if (n > 0 && v[0].next != NULL)
			err_hint(e, "%s", v[0].next);
	}
	return !taken && living > 0;
}

bool
shelf_try(struct shelf *s, enum set_class class, struct err *e)
{
	char *dir = xprintf("%s/%s", s->store->path, set_class_name(class));
	int64_t now = clock_wall_ms(), at = now - now % 1000;
	struct buf left = BUF_INIT;
	struct place_stat st;
	struct err why = ERR_INIT;
	bool ok = place_stat(s->place, dir, &st, &why);

	if (!ok && why.kind == ERR_NOTFOUND) {
		free(dir);
		return true;
	}
	for (int i = 0; ok && i < CLAIMS; i++, at += 1000) {
		ok = claim(s, class, at, &why);
		if (ok || why.sys_errno != EEXIST)
			break;
		ok = true;
		err_clear(&why);
	}
	if (s->dir != NULL && !shelf_abandon(s, &left) && ok)
		ok = err_set(&why, ERR_FAILED, "what was tried there could not "
		    "be removed: %s", left.p);
	if (!ok)
		*e = why;
	buf_release(&left);
	free(dir);
	return ok;
}

bool
shelf_folder(struct shelf *s, const char *name, struct err *e)
{
	char *path = xprintf("%s/%s", s->dir, name);
	bool ok = wake(s, e) && place_mkdir(s->place, path, DIR_MODE, e);

	free(path);
	return ok;
}

/* ---- proving and publishing -------------------------------------------------------- */

bool
shelf_read_back(struct shelf *s, const char *file, int64_t size,
    const char *sha256, struct err *e)
{
	char *path = xprintf("%s/%s", s->dir, file), hex[SHA_HEX];
	struct place_stat st;
	bool ok;

	ok = wake(s, e) && place_stat(s->place, path, &st, e);
	if (ok && st.size != size)
		ok = err_set(e, ERR_INTEGRITY, "'%s' has %lld bytes there, and "
		    "%lld were sent", file, (long long)st.size,
		    (long long)size);
	ok = ok && place_hash(s->place, path, hex, clock_mono_ms() + HASH_MS +
	    size / SLOWEST * 1000, e);
	if (ok && strcmp(hex, sha256) != 0)
		ok = err_set(e, ERR_INTEGRITY, "'%s' read back there has "
		    "another SHA-256 (%.12s...) than what was sent (%.12s...)",
		    file, hex, sha256);
	free(path);
	return ok;
}

void
shelf_drop(struct shelf *s, const char *file)
{
	char *path = xprintf("%s/%s", s->dir, file);

	(void)place_remove(s->place, path, NULL);
	free(path);
}

static bool
write_papers(struct shelf *s, const struct manifest *m, struct proof *proof,
    struct err *e)
{
	struct buf b = BUF_INIT, sums = BUF_INIT;
	char sha[SHA_HEX];
	bool ok;

	ok = manifest_write(m, &b, e);
	if (ok) {
		sha_of(b.p, b.n, sha);
		checksums_of(m, sha, &sums);
		ok = shelf_put(s, SET_MANIFEST, &b, e) &&
		    shelf_put(s, SET_CHECKSUMS, &sums, e) &&
		    shelf_read_back(s, SET_MANIFEST, (int64_t)b.n, sha, e);
	}
	if (ok) {
		sha_of(sums.p, sums.n, sha);
		ok = shelf_read_back(s, SET_CHECKSUMS, (int64_t)sums.n, sha, e);
	}
	if (ok && proof != NULL) {
		sha_of(b.p, b.n, proof->manifest);
		ok = verify_put(s->place, s->dir, proof, e);
	}
	buf_release(&b);
	buf_release(&sums);
	return ok;
}

/* The folders of a set that lies here, and itself. */
static bool
sync_dirs(struct shelf *s, struct err *e)
{
	struct place_list l = { 0 };
	bool ok = place_list(s->place, s->dir, &l, e);

	for (size_t i = 0; ok && i < l.entries.n; i++)
		if (l.entries.v[i].st.is_dir) {
			char *path = xprintf("%s/%s", s->dir,
			    l.entries.v[i].name);

			ok = file_sync_dir(path, e);
			free(path);
		}
	place_list_release(&l);
	return ok && file_sync_dir(s->dir, e);
}

/* A lost answer to a rename is no failed rename: look. */
static bool
rename_it(struct shelf *s, const char *to, struct err *e)
{
	struct err gone = ERR_INIT, why = ERR_INIT;
	struct place_stat st;

	if (place_rename(s->place, s->dir, to, e))
		return true;
	if (e->sys_errno != 0 || place_stat(s->place, s->dir, &st, &gone) ||
	    gone.kind != ERR_NOTFOUND || !place_stat(s->place, to, &st, &why))
		return false;
	err_clear(e);
	return true;
}

bool
shelf_publish(struct shelf *s, const struct manifest *m, struct proof *proof,
    bool whole, struct err *e)
{
	struct set_name n;
	char name[SET_NAME_MAX], *to, *above;
	bool ok;

	if (!set_name_parse(strrchr(s->dir, '/') + 1, &n) || !wake(s, e) ||
	    !write_papers(s, m, proof, e))
		return false;
	n.state = whole ? SET_WHOLE : SET_INCOMPLETE;
	set_name_write(&n, name);
	above = xstrndup(s->dir, (size_t)(strrchr(s->dir, '/') - s->dir));
	to = xprintf("%s/%s", above, name);
	shelf_drop(s, RUN_FILE);
	ok = (s->at != NULL || sync_dirs(s, e)) &&
	    rename_it(s, to, e) &&
	    (s->at != NULL || file_sync_dir(above, e));
	if (ok) {
		s->path = to;
		to = NULL;
		free(s->dir);
		s->dir = NULL;
	}
	free(above);
	free(to);
	return ok;
}

/* ---- taking it away ---------------------------------------------------------------- */

/* What cannot be removed keeps its folder, which then says so. */
bool
shelf_drop_folder(struct shelf *s, const char *name)
{
	char *path = xprintf("%s/%s", s->dir, name);
	struct place_list l = { 0 };
	struct err e = ERR_INIT;
	bool ok;

	(void)wake(s, &e);
	err_clear(&e);
	if (place_list(s->place, path, &l, NULL))
		for (size_t i = 0; i < l.entries.n; i++) {
			char *file = xprintf("%s/%s", name,
			    l.entries.v[i].name);

			shelf_drop(s, file);
			free(file);
		}
	ok = place_rmdir(s->place, path, &e) || e.kind == ERR_NOTFOUND ||
	    e.sys_errno == ENOENT;
	place_list_release(&l);
	free(path);
	return ok;
}

bool
shelf_abandon(struct shelf *s, struct buf *left)
{
	struct place_list l = { 0 };
	struct err e = ERR_INIT;
	bool ok;

	if (s->dir == NULL)
		return true;
	(void)wake(s, &e);
	err_clear(&e);
	ok = place_list(s->place, s->dir, &l, &e) || e.kind == ERR_NOTFOUND;
	/* the file that says whose it is goes last: what is cut off half-way
	 * still has an owner, and is found again */
	for (int turn = 0; ok && turn < 2; turn++)
		for (size_t i = 0; i < l.entries.n; i++) {
			const char *name = l.entries.v[i].name;

			if (l.entries.v[i].st.is_dir && turn == 0)
				(void)shelf_drop_folder(s, name);
			else if ((strcmp(name, RUN_FILE) == 0) == (turn == 1))
				shelf_drop(s, name);
		}
	place_list_release(&l);
	if (ok && e.kind == ERR_NONE)
		ok = place_rmdir(s->place, s->dir, &e);
	if (!ok)
		buf_printf(left, "%s%s:%s (%s)", left->n ? "; " : "",
		    s->store->name, s->dir, e.msg);
	free(s->dir);
	s->dir = NULL;
	return ok;
}
